# SPDX-License-Identifier: MIT
"""What ``ollama._types`` gives: the records of the client, and those of what is sent, of which the client has no need;
and the one function of ``ollama._utils``.

A request has the fields of its endpoint. Those of ``/v1/systemone`` are here because they are imported; no release of
the server answers it.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Union

from .. import _documents, _errors, _records
from .._decode import Record
from .._endpoints import CALL_FIELDS, ENDPOINTS
from .._records import Generation, Tool

# What ``import ollama`` gives too, and what it does not.
CLASSES = (
    "ChatResponse EmbedResponse EmbeddingsResponse GenerateResponse Image ListResponse Message Options ProcessResponse "
    "ProgressResponse RequestError ResponseError ShowResponse StatusResponse SystemOneAnswer SystemOneChoiceAnswer "
    "SystemOneChoiceQuestion SystemOneContent SystemOneNoulAnswer SystemOneNoulQuestion SystemOneQuestion "
    "SystemOneRequest SystemOneResponse SystemOneScoreAnswer SystemOneScoreQuestion SystemOneUsage Tool "
    "WebFetchResponse WebSearchResponse"
).split()
PARTS = "Logprob ModelDetails TokenLogprob WebSearchResult".split()

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
    **{
        name.title().replace("_", "") + "Request": " ".join(f for f in ENDPOINTS[name].fields if f not in CALL_FIELDS)
        for name in "chat copy create delete embed embeddings generate pull push show web_fetch web_search".split()
    },
}
ALIASES = {
    "SystemOneQuestion": "SystemOneChoiceQuestion SystemOneNoulQuestion SystemOneScoreQuestion",
    "SystemOneAnswer": "SystemOneNoulAnswer SystemOneChoiceAnswer SystemOneScoreAnswer",
}
NAMES = [*CLASSES, *PARTS, *FIELDS, *ALIASES, "BaseGenerateResponse", "SubscriptableBaseModel"]


def convert_function_to_tool(func: Callable[..., Any]) -> Tool:
    """The tool that describes a function: its signature, annotations and docstring. Raises RequestError."""
    from .._schema import function_tool

    return Tool.model_validate(function_tool(func))


def __getattr__(name: str) -> Any:
    """A class that few programs name is made when it is asked for."""
    home = next((home for home in (_records, _documents, _errors) if hasattr(home, name)), None)
    if name in FIELDS:
        fields = FIELDS[name].split()
        members = {"__module__": __name__, "__annotations__": dict.fromkeys(fields, "Any")}
        made: Any = type(name, (Record,), {**dict.fromkeys(fields), **members})
    elif name in ALIASES:
        made = Union[tuple(__getattr__(part) for part in ALIASES[name].split())]
    elif home and name in CLASSES + PARTS:
        made = getattr(home, name)
    elif name == "__all__":
        made = NAMES
    else:
        raise AttributeError("module 'ollama._types' has no attribute %r" % name)
    return globals().setdefault(name, made)


def __dir__() -> List[str]:
    return [*globals(), *NAMES]
