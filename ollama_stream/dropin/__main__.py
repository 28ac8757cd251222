# SPDX-License-Identifier: MIT
"""Runs a program as Python would, with this library under the name ``ollama``.

    python3 -m ollama_stream.dropin PROGRAM [ARGUMENT]...
    python3 -m ollama_stream.dropin -m MODULE [ARGUMENT]...

A process that the program starts anew (``multiprocessing`` by spawn, ``subprocess``) looks for ``ollama`` by itself:
for that the program needs ``import ollama_stream.dropin`` as its first line.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import List

from . import install

USAGE = "usage: python3 -m ollama_stream.dropin PROGRAM [ARGUMENT]...\n       ... -m MODULE [ARGUMENT]..."


def main(arguments: List[str]) -> int:
    """Run the program; its exceptions and its exit status are those of the process. 2 where none is named."""
    install()
    as_module, rest = arguments[:1] == ["-m"], arguments[arguments[:1] == ["-m"] :]
    if rest[:1] in (["-h"], ["--help"]) and not as_module:
        print(USAGE)
        return 0
    if not rest or rest[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    if not as_module and not os.path.exists(rest[0]):
        print("ollama_stream.dropin: there is no file %s" % ascii(rest[0]), file=sys.stderr)
        return 2
    sys.argv[:] = rest
    if as_module:
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.realpath(rest[0]))  # where the program's own modules are
        runpy.run_path(rest[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
