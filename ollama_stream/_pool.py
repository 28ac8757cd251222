"""The connections that rest between two exchanges.

In goes a connection whose exchange has ended, with the parser of its response; out comes one that can carry another
exchange, or None. A connection serves again only where the message ended exactly at its last byte, and nothing has
come since: both are looked at when it is taken, with one read that does not wait.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Hashable, List, NamedTuple

from ._errors import OllamaError
from ._http1 import Response

MAX_IDLE = 8  # connections
MAX_IDLE_SECONDS = 60.0  # servers and middleboxes forget an idle connection after 75 s and more


class Idle(NamedTuple):
    key: Hashable
    connection: Any
    response: Response
    since: float


class Pool:
    """Idle connections by key: the way they go, and the colour of their sockets. Safe to share between threads."""

    def __init__(self) -> None:
        self._start_empty()

    def _start_empty(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: List[Idle] = []

    def take(self, key: Hashable) -> Any:
        """A connection that can carry another exchange, or None."""
        while True:
            idle = self._taken(key)
            if idle is None or is_sound(idle):
                return idle and idle.connection
            idle.connection.close()

    def put(self, key: Hashable, connection: Any, response: Response) -> None:
        """Keep a connection for later; close one that cannot serve again, or cannot be asked whether it can."""
        if not (response.keepable and hasattr(connection, "poll")):
            connection.close()
            return
        self._leave_the_parent()
        with self._lock:
            self._idle.append(Idle(key, connection, response, time.monotonic()))
            too_many, self._idle = self._idle[:-MAX_IDLE], self._idle[-MAX_IDLE:]
        for idle in too_many:
            idle.connection.close()

    def close(self) -> None:
        """Close what is idle; the pool can be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.connection.close()

    def __del__(self) -> None:
        self.close()

    def _taken(self, key: Hashable) -> Any:
        """The latest of that key, out of the pool; what has been idle for too long is closed."""
        self._leave_the_parent()
        oldest = time.monotonic() - MAX_IDLE_SECONDS
        with self._lock:
            stale = [idle for idle in self._idle if idle.since < oldest]
            self._idle = [idle for idle in self._idle if idle.since >= oldest]
            found = next((idle for idle in reversed(self._idle) if idle.key == key), None)
            if found is not None:
                self._idle.remove(found)
        for idle in stale:
            idle.connection.close()
        return found

    def _leave_the_parent(self) -> None:
        """After a fork the connections, and a lock that a thread may have held, belong to the parent alone."""
        if self._pid != os.getpid():
            inherited = self._idle
            self._start_empty()
            for idle in inherited:
                idle.connection.close()


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
