# SPDX-License-Identifier: MIT
"""The report of a replay server: what each request was answered with, and how its client took it.

Sessions fill in an ``Entry`` as they go; ``Entry.shown`` makes JSON of it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional

from .faults import Fault

PROMPT_SECONDS = 1.0  # in which a client that sees the end is expected to close

_SHOWN = ("connection", "request", "exchange", "error", "faults", "bytes", "client", "seconds")


@dataclass
class Entry:
    """What a request was answered with, and what its client did then.

    ``client`` is "reading", once all is sent "still connected", and in the end "read to the end", "closed after N
    bytes" or "reset by the server"; the client did that ``seconds`` after the last byte was sent. ``exchange`` is None
    where there was none to play; then ``error`` is what the client was told, if anything.
    """

    connection: int
    request: Optional[str] = None
    exchange: Optional[str] = None
    error: Optional[str] = None
    faults: List[Dict[str, Any]] = field(default_factory=list)
    bytes: int = 0
    client: str = "reading"
    seconds: Optional[float] = None
    asked: str = ""  # the hash of the body
    begun: float = 0.0
    last_byte: float = 0.0
    is_over: bool = False
    has_closed: bool = False

    def strike(self, fault: Fault) -> None:
        self.faults.append({"fault": str(fault), "byte": self.bytes})

    def react(self, whole: bool, closed: bool) -> None:
        """Note what the client did: the first sign counts."""
        if self.seconds is None:
            self.client = "read to the end" if whole else "closed after %d bytes" % self.bytes
            self.seconds = round(time.monotonic() - self.last_byte, 6)
            self.has_closed = closed

    def shown(self, others: Iterable[Entry]) -> Dict[str, Any]:
        """As JSON; ``others`` are those that came later."""
        shown = {name: getattr(self, name) for name in _SHOWN}
        shown["closed_within_1s"] = self._closed_promptly()
        shown["reconnected"] = next((other.connection for other in others if self._is_repeated_by(other)), None)
        return shown

    def _closed_promptly(self) -> Optional[bool]:
        """None while that may still happen, and where we have closed so hard that nobody can know."""
        if self.client == "reset by the server":
            return None
        if self.seconds is not None:
            return self.has_closed and self.seconds < PROMPT_SECONDS
        return False if time.monotonic() - self.last_byte > PROMPT_SECONDS else None

    def _is_repeated_by(self, other: Entry) -> bool:
        same = self.request is None or (self.request, self.asked) == (other.request, other.asked)
        is_over = self.is_over or self.seconds is not None
        ended = self.last_byte + (self.seconds or 0.0) if is_over else math.inf
        return same and other.connection != self.connection and other.begun >= ended
