# SPDX-License-Identifier: MIT
"""Where ``record`` and ``RecordingProxy`` are found by name; they live in ``replay``."""

from __future__ import annotations

from .replay import RecordingProxy, record

__all__ = ["RecordingProxy", "record"]
