# SPDX-License-Identifier: MIT
"""What ``import ollama`` gives: the classes, and the calls of a client that is made at the first of them."""

from __future__ import annotations

import os
from functools import lru_cache, wraps
from typing import Any, Callable, Optional, Tuple

from .._address import read_environment
from . import _types, _utils
from ._client import Client

assert _utils  # an attribute of this module: ``ollama._utils``

FUNCTIONS = (
    "chat copy create delete embed embeddings generate list ps pull push show systemone web_fetch web_search"
).split()
CLASSES = (
    "ChatResponse EmbedResponse EmbeddingsResponse GenerateResponse Image ListResponse Message Options ProcessResponse "
    "ProgressResponse RequestError ResponseError ShowResponse StatusResponse SystemOneAnswer SystemOneChoiceAnswer "
    "SystemOneChoiceQuestion SystemOneContent SystemOneNoulAnswer SystemOneNoulQuestion SystemOneQuestion "
    "SystemOneRequest SystemOneResponse SystemOneScoreAnswer SystemOneScoreQuestion SystemOneUsage Tool "
    "WebFetchResponse WebSearchResponse"
).split()

_made: Optional[Tuple[Any, Client]] = None


def default_client() -> Client:
    """The client of the module's calls, made anew when the variables that it was made from have changed."""
    global _made
    now = read_environment(os.environ)
    if _made is None or _made[0] != now:
        _made = (now, Client())
    return _made[1]


def __getattr__(name: str) -> Any:
    if name in CLASSES:
        return getattr(_types, name)
    if name in FUNCTIONS:
        return module_function(name)
    if name == "AsyncClient":
        from ._client import AsyncClient

        return AsyncClient
    if name == "__all__":
        return sorted(["AsyncClient", "Client", *CLASSES])
    if name == "_client":  # the official client has one by that name, although a module is called so too
        return default_client()
    raise AttributeError("module 'ollama' has no attribute %r" % name)


@lru_cache(maxsize=None)
def module_function(name: str) -> Callable[..., Any]:
    """The method of the client by that name, without the client."""
    from inspect import signature

    method = getattr(Client, name)

    @wraps(method)
    def call(*args: Any, **fields: Any) -> Any:
        return getattr(default_client(), name)(*args, **fields)

    shown = signature(method)
    call.__signature__ = shown.replace(parameters=list(shown.parameters.values())[1:])  # type: ignore[attr-defined]
    return call
