# SPDX-License-Identifier: MIT
"""What ``import ollama`` gives: the classes, and the calls of a client that is made at the first of them."""

from __future__ import annotations

import os
import threading
from functools import lru_cache, update_wrapper
from inspect import signature
from types import MethodType
from typing import Any, List

from .._address import read_environment
from .._methods import Methods
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


class DefaultClient:
    """What the functions are bound to, as those of the official client are: the client of the moment."""

    def __getattr__(self, name: str) -> Any:
        return module_function(name) if name in FUNCTIONS else getattr(default_client(), name)

    def __reduce__(self) -> str:
        return "DEFAULT"


DEFAULT = DefaultClient()


@lru_cache(maxsize=None)
def module_function(name: str) -> Any:
    """A bound method, which a program may make an attribute of a class of its own."""
    method = getattr(Methods, name, None) or getattr(Client, name)  # not what stands in the place of Client's

    def function(_default: DefaultClient, *args: Any, **given: Any) -> Any:
        return getattr(default_client(), name)(*args, **given)

    update_wrapper(function, method, assigned=("__name__", "__doc__", "__annotations__"))
    function.__dict__["__signature__"] = signature(method)
    function.__qualname__ = name
    return MethodType(function, DEFAULT)
