# SPDX-License-Identifier: MIT
"""What is built on the client: tool calls answered by functions, conversations, progress.

The face of the folder: others import from here.

    runs          run_tools(); awaited: its answer in a coroutine; rounds: what both do
    conversation  Conversation
    meter         progress(): the records of a pull over all its layers
"""

from __future__ import annotations

from .conversation import Conversation
from .meter import Progress, progress
from .rounds import Rounds
from .runs import ToolRun, run_over, run_tools

__all__ = ["Conversation", "Progress", "Rounds", "ToolRun", "progress", "run_over", "run_tools"]
