# SPDX-License-Identifier: MIT
"""What ``ollama._types`` gives: the records of the client, and those of what is sent, of which the client has no need.

A request has the fields of its endpoint. Those of ``/v1/systemone`` are here because they are imported; no release of
the server answers it.
"""

from __future__ import annotations

from typing import Any, Dict, List, Union

from .._decode import Record
from .._endpoints import CALL_FIELDS, ENDPOINTS
from .._errors import RequestError, ResponseError
from .._documents import (
    EmbedResponse, EmbeddingsResponse, ListResponse, ModelDetails, ProcessResponse, ProgressResponse, ShowResponse,
    StatusResponse, WebFetchResponse, WebSearchResponse, WebSearchResult,
)  # fmt: skip
from .._records import ChatResponse, GenerateResponse, Generation, Image, Logprob, Message, Options, TokenLogprob, Tool

__all__ = [
    "ChatResponse", "EmbedResponse", "EmbeddingsResponse", "GenerateResponse", "Image", "ListResponse", "Logprob",
    "Message", "ModelDetails", "Options", "ProcessResponse", "ProgressResponse", "RequestError", "ResponseError",
    "ShowResponse", "StatusResponse", "TokenLogprob", "Tool", "WebFetchResponse", "WebSearchResponse",
    "WebSearchResult",
]  # fmt: skip

SubscriptableBaseModel = Record
BaseGenerateResponse = Generation


SystemOneContent = Union[str, Dict[str, Any], List[Any]]

FIELDS = {
    "BaseRequest": "model",
    "BaseStreamableRequest": "model stream",
    "BaseGenerateRequest": "model stream options format keep_alive",
    "SystemOneRequest": "model state questions keep_alive",
    "SystemOneChoiceQuestion": "type instructions criteria",
    "SystemOneNoulQuestion": "type instructions criteria",
    "SystemOneScoreQuestion": "type instructions criteria",
    "SystemOneNoulAnswer": "type noul",
    "SystemOneChoiceAnswer": "type choice probabilities confidence",
    "SystemOneScoreAnswer": "type score legend probabilities confidence",
    "SystemOneUsage": "input_tokens output_tokens",
    "SystemOneResponse": "model answers usage",
}
ALIASES = {
    "SystemOneQuestion": "SystemOneChoiceQuestion SystemOneNoulQuestion SystemOneScoreQuestion",
    "SystemOneAnswer": "SystemOneNoulAnswer SystemOneChoiceAnswer SystemOneScoreAnswer",
}
REQUESTS = {
    "".join(word.title() for word in call.split("_")) + "Request": call
    for call in "chat copy create delete embed embeddings generate pull push show web_fetch web_search".split()
}


def __getattr__(name: str) -> Any:
    """A class that few programs name is made when it is asked for."""
    if name in REQUESTS:
        made: Any = record_class(name, [f for f in ENDPOINTS[REQUESTS[name]].fields if f not in CALL_FIELDS])
    elif name in FIELDS:
        made = record_class(name, FIELDS[name].split())
    elif name in ALIASES:
        made = Union[tuple(__getattr__(part) for part in ALIASES[name].split())]
    else:
        raise AttributeError("module 'ollama._types' has no attribute %r" % name)
    return globals().setdefault(name, made)


def __dir__() -> List[str]:
    return [*globals(), *REQUESTS, *FIELDS, *ALIASES]


def record_class(name: str, fields: List[str]) -> Any:
    members = {"__module__": __name__, "__annotations__": dict.fromkeys(fields, "Any")}
    return type(name, (Record,), {**dict.fromkeys(fields), **members})
