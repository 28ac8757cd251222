# SPDX-License-Identifier: MIT
"""What is built on the client: tool calls answered by functions, conversations, progress.

The face of the folder: others import from here.

    rounds  run_tools(), Conversation
    meter   progress(): the records of a pull over all its layers
"""

from __future__ import annotations

from .meter import Progress, progress
from .rounds import Conversation, ToolRun, run_tools

__all__ = ["Conversation", "Progress", "ToolRun", "progress", "run_tools"]
