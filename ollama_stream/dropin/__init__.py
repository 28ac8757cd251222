# SPDX-License-Identifier: MIT
"""From here on ``import ollama`` is this library: for programs written for the official client.

    import ollama_stream.dropin              # the first line of a program
    from langchain_ollama import ChatOllama

or, for a program that is to stay as it is: ``python3 -m ollama_stream.dropin PROGRAM [ARGUMENT]...``.

All names of the official client 0.6.3 and of its inner modules are there; what they do is what this library does.
Tests that answer in the place of httpx reach it where they mock ``httpx.Client.send``; respx, pytest-httpx and vcrpy
change what is inside httpx, which has no part in these calls: a fixture answers them (``Replaying``, ``serve``).
Where a program has loaded httpx, our errors are those of httpx as well (``httpx.ConnectError``, ``httpx.ReadTimeout``
...): it may catch no others.
"""

from __future__ import annotations

import sys
from typing import Any, Iterator

from . import _client, _types, ollama

STANDS_FOR = {"ollama": ollama, "ollama._client": _client, "ollama._types": _types, "ollama._utils": _types}
METADATA = "Metadata-Version: 2.1\nName: ollama\nVersion: %s\nSummary: ollama_stream.dropin in its place\n"


def install() -> None:
    """Give the modules their names. Raises ImportError where ``ollama`` has been imported before: too late for some.

    >>> import ollama_stream.dropin
    >>> import ollama
    >>> ollama.__name__
    'ollama_stream.dropin.ollama'
    """
    there = sys.modules.get("ollama", ollama)
    if there is not ollama:
        place = getattr(there, "__file__", None) or "somewhere unknown"
        raise ImportError(
            "ollama has already been imported, from %s: import ollama_stream.dropin before it, at the top of the program, or "
            "run the program by python3 -m ollama_stream.dropin" % place
        )
    sys.modules.update(STANDS_FOR)
    if Finder not in sys.meta_path:
        sys.meta_path.append(Finder)


class Finder:
    """Tells who asks for the version of ``ollama``, as tracers do, where the official client is not installed."""

    @staticmethod
    def find_spec(*_place: Any) -> None:
        """No module is found here: those of STANDS_FOR are there."""

    @staticmethod
    def find_distributions(context: Any) -> Iterator[Any]:
        if context.name != "ollama":
            return
        from importlib.metadata import Distribution

        class StandIn(Distribution):
            def read_text(self, filename: str) -> Any:
                return METADATA % _client.__version__ if filename == "METADATA" else None

            def locate_file(self, path: Any) -> Any:
                return path

        yield StandIn()


install()
