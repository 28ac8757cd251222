"""The connections that rest between two exchanges.

In goes a connection whose exchange has ended, with the parser of its response; out comes one that can carry another
exchange, or None. A connection serves again only where the message ended exactly at its last byte, and nothing has
come since: both are looked at when it is taken, with one read that does not wait.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any, Hashable, List, NamedTuple

from ._errors import OllamaError
from ._http1 import Response

MAX_IDLE = 8  # connections
MAX_IDLE_SECONDS = 60.0  # servers and middleboxes forget an idle connection after 75 s and more


class Idle(NamedTuple):
    key: Hashable
    connection: Any
    response: Response
    until: float


class Pool:
    """Idle connections by key: the way they go, and the colour of their sockets. Safe to share between threads."""

    def __init__(self) -> None:
        self._start_empty()

    def _start_empty(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: List[Idle] = []
        # Not __del__: in a cycle of garbage the sockets might go first, each with a ResourceWarning.
        weakref.finalize(self, close_all, self._idle)

    def take(self, key: Hashable) -> Any:
        """A connection that can carry another exchange, or None."""
        while True:
            idle = self._taken(key)
            if idle is None or is_sound(idle):
                return idle and idle.connection
            idle.connection.close()

    def put(self, key: Hashable, connection: Any, response: Response) -> None:
        """Keep a connection for later; close one that cannot serve again, or cannot be asked whether it can."""
        self._leave_the_parent()
        # The collector may end a stream while this very thread is further down in here: it must not wait for itself.
        if not (response.keepable and hasattr(connection, "poll") and self._lock.acquire(False)):
            connection.close()
            return
        try:
            self._idle.append(Idle(key, connection, response, time.monotonic() + idle_seconds(response)))
            if len(self._idle) > MAX_IDLE:
                self._idle.pop(0).connection.close()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close what is idle; the pool can be used again."""
        with self._lock:
            close_all(self._idle)

    def _taken(self, key: Hashable) -> Any:
        """The latest of that key, out of the pool; what has been idle for too long is closed."""
        self._leave_the_parent()
        now = time.monotonic()
        with self._lock:
            for position in reversed(range(len(self._idle))):
                if self._idle[position].until <= now:
                    self._idle.pop(position).connection.close()
                elif self._idle[position].key == key:
                    return self._idle.pop(position)
        return None

    def _leave_the_parent(self) -> None:
        """After a fork the connections, and a lock that a thread may have held, belong to the parent alone."""
        if self._pid != os.getpid():
            inherited = self._idle
            self._start_empty()
            close_all(inherited)


def close_all(idle: List[Idle]) -> None:
    while idle:
        idle.pop().connection.close()


def idle_seconds(response: Response) -> float:
    """How long a connection may rest: not longer than the server keeps it (RFC 2068, 19.7.1: Keep-Alive: timeout=N)."""
    field = response.head.get("Keep-Alive", "") if response.head is not None else ""
    for parameter in (field or "").split(","):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "timeout" and value.isascii() and value.isdigit():
            return min(MAX_IDLE_SECONDS, float(value[:9]))
    return MAX_IDLE_SECONDS


def is_sound(idle: Idle) -> bool:
    """Whether the response ended just here and the server has said nothing since, not even goodbye."""
    piece = idle.connection.poll()
    if piece is not None:
        idle.response.receive(piece)
    try:
        after_the_answer = idle.response.read_body()
    except OllamaError:
        return False
    return idle.response.reusable and not after_the_answer.strip()
