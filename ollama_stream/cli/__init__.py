# SPDX-License-Identifier: MIT
"""The command line: ``main`` carries out the arguments of the process and returns its exit status."""

from __future__ import annotations

from .program import main

__all__ = ["main"]
