# SPDX-License-Identifier: MIT
"""The module functions: the methods of a client that is made at the first call, from the environment.

It is made anew when the variables that it was made from have changed.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

from ._address import environment
from ._client import Client

if TYPE_CHECKING:
    _TYPED = Client()
    blob_exists = _TYPED.blob_exists
    chat = _TYPED.chat
    cloud_status = _TYPED.cloud_status
    copy = _TYPED.copy
    create = _TYPED.create
    create_blob = _TYPED.create_blob
    delete = _TYPED.delete
    embed = _TYPED.embed
    embeddings = _TYPED.embeddings
    generate = _TYPED.generate
    list = _TYPED.list
    me = _TYPED.me
    ping = _TYPED.ping
    ps = _TYPED.ps
    pull = _TYPED.pull
    push = _TYPED.push
    request = _TYPED.request
    show = _TYPED.show
    signout = _TYPED.signout
    stream_chat = _TYPED.stream_chat
    unload = _TYPED.unload
    version = _TYPED.version
    web_fetch = _TYPED.web_fetch
    web_search = _TYPED.web_search

FUNCTIONS = (
    "blob_exists chat cloud_status copy create create_blob delete embed embeddings generate list me ping ps pull push "
    "request show signout stream_chat unload version web_fetch web_search"
).split()

_made: Optional[Tuple[Any, Client]] = None


def default_client() -> Client:
    """The client of the module functions."""
    global _made
    now = environment(os.environ)
    if _made is None or _made[0] != now:
        _made = (now, Client())
    return _made[1]


def __getattr__(name: str) -> Any:
    """A module function. Not a global, because one of them is ``list``, which a file that the client is joined to needs."""
    if name in FUNCTIONS:
        return module_function(name)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


@lru_cache(maxsize=None)
def module_function(name: str) -> Callable[..., Any]:
    from inspect import signature

    def call(*args: Any, **fields: Any) -> Any:
        return getattr(default_client(), name)(*args, **fields)

    method = getattr(Client, name)
    shown = signature(method)
    call.__signature__ = shown.replace(parameters=tuple(shown.parameters.values())[1:])  # type: ignore[attr-defined]
    call.__name__ = call.__qualname__ = name
    call.__doc__ = method.__doc__
    return call
