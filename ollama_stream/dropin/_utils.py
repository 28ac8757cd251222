# SPDX-License-Identifier: MIT
"""What ``ollama._utils`` gives."""

from __future__ import annotations

from typing import Any, Callable

from .._records import Tool


def convert_function_to_tool(func: Callable[..., Any]) -> Tool:
    """The tool that describes a function: its signature, annotations and docstring. Raises RequestError."""
    from .._schema import function_tool

    return Tool.model_validate(function_tool(func))
