# SPDX-License-Identifier: MIT
"""The module functions: the methods of a client that is made at the first call, from the environment.

It is made anew when the variables that it was made from have changed.
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import Any, Callable, Optional, Tuple

from ._address import read_environment
from ._client import Client
from ._endpoints import ENDPOINTS
from ._methods import Methods, make_function

FUNCTIONS = (*ENDPOINTS, "request", "stream_chat")

_made: Optional[Tuple[Any, Client]] = None
_making = threading.Lock()


def default_client() -> Client:
    """The client of the module functions; one, whatever thread asks first."""
    global _made
    now = read_environment(os.environ)
    with _making:
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
    # Of Methods: a program may have put something else in the place of a method of Client.
    function: Callable[..., Any] = make_function(getattr(Methods, name), default_client)
    function.__module__ = __name__
    return function
