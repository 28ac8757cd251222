# SPDX-License-Identifier: MIT
"""``python3 -m ollama_stream``: see ``cli``."""

from __future__ import annotations

import gc
import os
import sys

OBJECTS = 50_000  # between two looks for garbage


def main() -> None:
    """The command line, loaded only here: Ctrl-C may come while it is.

    Raises SystemExit with the exit status, because what zipapp makes looks at nothing that is returned.
    """
    if hasattr(gc, "set_threshold"):  # not in PyPy
        gc.set_threshold(OBJECTS)  # while modules are loaded there is none, and to look for it is a twentieth of the start
    status = 130
    try:
        from .cli import main as carry_out

        name = os.path.basename(sys.argv[0])
        # python3 -m and -c have no name of their own; anything else is a script or a .pyz.
        status = carry_out() if name == "__main__.py" or name.startswith("-") else carry_out(program=name)
    except KeyboardInterrupt:
        pass
    sys.exit(status)


if __name__ == "__main__":
    main()
