# SPDX-License-Identifier: MIT
"""What ``import ollama`` gives: the classes, and the calls of a client that is made at the first of them."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import Any, List

from .._address import read_environment
from .._methods import Methods, make_function
from . import _types
from ._client import Client, __getattr__ as get_class
from ._types import CLASSES

FUNCTIONS = (
    "chat copy create delete embed embeddings generate list ps pull push show systemone web_fetch web_search"
).split()

_utils = _types  # both are modules of the official client's, and attributes of this one
_making = threading.Lock()


def default_client() -> Client:
    """The client of the module's calls; one, whatever thread asks first."""
    with _making:
        return make_client(read_environment(os.environ))


@lru_cache(maxsize=1)
def make_client(_variables: Any) -> Client:
    """Made anew when the variables that it is made from have changed."""
    return Client()


def __getattr__(name: str) -> Any:
    if name in CLASSES or name == "AsyncClient":
        return get_class(name)
    if name in FUNCTIONS:
        return module_function(name)
    if name == "__all__":
        return sorted(["AsyncClient", "Client", *CLASSES])
    if name == "_client":  # the official client has one by that name, although a module is called so too
        return default_client()
    raise AttributeError("module 'ollama' has no attribute %r" % name)


def __dir__() -> List[str]:
    return [*globals(), *CLASSES, *FUNCTIONS, "AsyncClient"]


@lru_cache(maxsize=None)
def module_function(name: str) -> Any:
    function = make_function(getattr(Methods, name, None) or getattr(Client, name), default_client)
    function.__module__ = __name__
    return function
