# SPDX-License-Identifier: MIT
"""``python3 -m ollama_stream``: see ``cli``."""

from __future__ import annotations

import sys


def main() -> int:
    """The command line, loaded only here: Ctrl-C may come while it is."""
    try:
        from .cli import main as carry_out

        return carry_out()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
