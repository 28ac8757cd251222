"""The module functions: the methods of a client that is made at the first call, from the environment.

It is made anew when the variables that it was made from have changed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

from ._address import environment
from ._client import Client

if TYPE_CHECKING:
    _TYPED = Client()
    chat = _TYPED.chat
    generate = _TYPED.generate
    list = _TYPED.list
    version = _TYPED.version
    stream_chat = _TYPED.stream_chat
    request = _TYPED.request

_made: Optional[Tuple[Any, Client]] = None


def default_client() -> Client:
    """The client of the module functions."""
    global _made
    now = environment(os.environ)
    if _made is None or _made[0] != now:
        _made = (now, Client())
    return _made[1]


def _function(name: str) -> Callable[..., Any]:
    from inspect import signature

    def call(*args: Any, **fields: Any) -> Any:
        return getattr(default_client(), name)(*args, **fields)

    method = getattr(Client, name)
    shown = signature(method)
    call.__signature__ = shown.replace(parameters=tuple(shown.parameters.values())[1:])  # type: ignore[attr-defined]
    call.__name__ = call.__qualname__ = name
    call.__doc__ = method.__doc__
    return call


if not TYPE_CHECKING:
    for _name in ("chat", "generate", "list", "version", "stream_chat", "request"):
        globals()[_name] = _function(_name)
