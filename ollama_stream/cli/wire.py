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
    SUFFIX, Event, Fixture, Recorder, Redactor, RequestReader, dumps, last_chunk, receive, recorded_request,
)  # fmt: skip
from .options import check_writable, write_pieces
from .output import CYAN, YELLOW, ErrorOutput
from .views import wire_lines


class Tap:
    """For ``Client(transport=...)``: ``show`` prints each exchange on standard error, ``path`` is a file for the last.

    Raises FixtureError for a file that cannot be written, or that is there, without ``force``.
    """

    dials = True

    def __init__(self, show: bool, path: Optional[str], force: bool = False) -> None:
        if path is not None:
            check_writable(path, force)
        self._show, self._path, self._force = show, path, force

    def open(self, address: Any, _timeout: Optional[float]) -> TappedConnection:
        sinks: List[Any] = [WirePrinter(address.url)] if self._show else []
        if self._path is not None:
            sinks.append(FileSink(address.url, self._path, self._force))
            self._force = True  # a second attempt takes the place of the first
        return TappedConnection(sinks)


class TappedConnection(Connection):
    """A connection of the network, whose every piece is shown to the sinks as the event that it makes."""

    def __init__(self, sinks: List[Any]) -> None:
        self._sinks = sinks
        self._reader, self._body = RequestReader(), [b""]
        self._dial: Any = None
        self._live: Any = None
        self._recorder: Optional[Recorder] = None

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
                request = recorded_request(head, b"".join(self._body))
                self._recorder = Recorder(request, time.monotonic(), self._write)

    async def recv(self, timeout: Optional[float]) -> bytes:
        if self._recorder is None:  # an answer that came before the whole of the request had been sent
            piece: bytes = await self._live.recv(timeout)
            return piece
        return await receive(self._live, self._recorder, timeout) + await last_chunk(self._live, self._recorder)

    def wake(self) -> None:
        if self._live is not None:
            self._live.wake()

    def close(self) -> None:
        if self._live is not None:
            self._live.close()
        if self._recorder is not None:
            self._recorder.end("cancelled", time.monotonic())

    def _write(self, event: Event) -> None:
        for sink in self._sinks:
            sink(event)


class WirePrinter:
    """Events go in, the lines of ``fixture show --view wire`` come out on standard error."""

    def __init__(self, target: str) -> None:
        self._redactor = Redactor(target)
        self._shown: List[Event] = []  # what the bytes of the end depend on
        self._number = 0
        self._out = ErrorOutput(raw=True)  # the lines are escaped already

    def __call__(self, event: Event) -> None:
        for one in self._redactor.event(event):
            exchange = Fixture({}, [*self._shown, one])
            *_, (_, data) = exchange.framed()
            self._number += one.kind in ("chunk", "part", "raw")
            if one.kind not in ("chunk", "part"):
                self._shown.append(one)
            style = CYAN if one.kind == "request" else YELLOW
            for line in wire_lines(one, data, self._number):
                self._out.write(line[:-1], style)
                self._out.write("\n")


class FileSink:
    """Events go in, an exchange file is written at the end."""

    def __init__(self, target: str, path: str, force: bool) -> None:
        self._redactor = Redactor(target)
        self._target, self._path, self._force = target, path, force
        self._events: List[Event] = []

    def __call__(self, event: Event) -> None:
        self._events += self._redactor.event(event)
        if event.kind == "end":
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            header = {"recorded_at": now, "target": self._redactor.target, "redacted": self._redactor.redacted}
            name = os.path.basename(self._path)
            exchange = Fixture(header, self._events, name=name[: -len(SUFFIX)] if name.endswith(SUFFIX) else name)
            write_pieces([dumps(exchange)], self._path, self._force)
