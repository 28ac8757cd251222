# SPDX-License-Identifier: MIT
"""A run of tool calls in a coroutine; apart, because it needs asyncio."""

from __future__ import annotations

from .._records import ChatResponse
from ..aio import AsyncStream
from .rounds import Run


class AsyncToolRun(Run, AsyncStream[ChatResponse]):
    """An AsyncStream of the parts of all answers of a run."""
