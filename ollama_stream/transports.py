# SPDX-License-Identifier: MIT
"""Where ``Replaying`` and ``Recording`` are found by name; they live in ``replay``."""

from __future__ import annotations

from .replay import Recording, Replaying

__all__ = ["Recording", "Replaying"]
