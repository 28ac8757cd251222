# SPDX-License-Identifier: MIT
"""``--wire`` and ``--record``: a transport that looks on. What passes is printed as it comes, or goes into a file.

It dials as a client without it would, through proxies and TLS. What it shows is what a recording would hold: the
framing marked and named, and no credentials.
"""

from __future__ import annotations

import os
import time
from typing import Any, List, Optional

from .._net import Connection
from ..fixture import (
    SUFFIX, Event, Fixture, Recorder, Redactor, RequestReader, dumps, make_request, receive, receive_last_chunk,
)  # fmt: skip
from .options import check_writable, write_pieces
from .output import CYAN, YELLOW, ErrorOutput
from .views import BODY_KINDS, wire_lines


class Tap:
    """For ``Client(transport=...)``: ``show`` prints each exchange on standard error, ``path`` is a file for the last.

    Raises FixtureError for a file that cannot be written, or that is there, without ``force``.
    """

    dials = True

    def __init__(self, show: bool, path: Optional[str], force: bool = False) -> None:
        if path is not None:
            check_writable(path, force)
        self.show, self.path, self._force = show, path, force

    def open(self, address: Any, _timeout: Optional[float]) -> TappedConnection:
        return TappedConnection(self, Redactor(address.url))

    def save(self, events: List[Event], redactor: Redactor, path: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        header = {"recorded_at": now, "target": redactor.target, "redacted": redactor.redacted}
        name = os.path.basename(path)
        exchange = Fixture(header, events, name=name[: -len(SUFFIX)] if name.endswith(SUFFIX) else name)
        write_pieces([dumps(exchange)], path, self._force)
        self._force = True  # a second attempt takes the place of the first


class TappedConnection(Connection):
    """A connection of the network, of whose every piece the event that it makes is shown and kept."""

    def __init__(self, tap: Tap, redactor: Redactor) -> None:
        self._tap, self._redactor = tap, redactor
        self._reader, self._body = RequestReader(), [b""]
        self._dial: Any = None
        self._live: Any = None
        self._recorder: Optional[Recorder] = None
        self._events: List[Event] = []  # for the file
        self._framing: List[Event] = []  # that have been shown and are no body: the bytes of the end depend on them
        self._number = 0  # of the piece of the body
        self._out = ErrorOutput(raw=True)  # the lines are escaped already

    def attach(self, network: Any, dial: Any) -> None:
        self._dial = dial

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        self._reader.receive(data)
        head = self._reader.read_head()
        self._body += iter(self._reader.read_body, b"") if head is not None else []
        if self._live is None:
            self._live, self._dial = await self._dial(), None
        try:
            await self._live.send(data, timeout)
        finally:
            if head is not None and self._reader.complete and self._recorder is None:
                request = make_request(head, b"".join(self._body))
                self._recorder = Recorder(request, time.monotonic(), self._write)

    async def recv(self, timeout: Optional[float]) -> bytes:
        if self._recorder is None:  # an answer that came before the whole of the request had been sent
            piece: bytes = await self._live.recv(timeout)
            return piece
        return await receive(self._live, self._recorder, timeout) + await receive_last_chunk(self._live, self._recorder)

    def wake(self) -> None:
        if self._live is not None:
            self._live.wake()

    def close(self) -> None:
        if self._live is not None:
            self._live.close()
        if self._recorder is not None:
            self._recorder.end("cancelled", time.monotonic())

    def _write(self, event: Event) -> None:
        for one in self._redactor.event(event):
            if self._tap.show:
                self._show(one)
            if self._tap.path is not None:
                self._events.append(one)
                if one.kind == "end":
                    self._tap.save(self._events, self._redactor, self._tap.path)

    def _show(self, event: Event) -> None:
        """Print the lines of ``fixture show --view wire`` for an event."""
        *_, (_, data) = Fixture({}, [*self._framing, event]).framed()
        self._number += event.kind in BODY_KINDS
        if event.kind not in ("chunk", "part"):
            self._framing.append(event)
        for line in wire_lines(event, data, self._number):
            self._out.write(line[:-1], CYAN if event.kind == "request" else YELLOW)
            self._out.write("\n")
