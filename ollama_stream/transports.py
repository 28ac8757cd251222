"""Transports for ``Client(transport=...)``: ``Replaying`` answers from fixtures, in the process, without a socket.

A transport has ``open(address, timeout) -> connection``; a connection ``send(data, timeout)``, ``recv(timeout) -> bytes``
(b"" at the end) and ``close()``.
"""

from __future__ import annotations

import time
from typing import Any, Iterator, List, Optional, Sequence, Tuple, Union

from ._errors import RequestError
from ._http1 import RequestReader
from ._net import Network
from .exchange import PathLike
from .fixture import Cassette, Fixture, load, load_folder


class Replaying:
    """Answers each request with the recorded exchange that matches it; one that none matches raises FixtureError.

    ``source`` is a folder, a file, a Fixture, or a list of Fixtures. ``level``, ``order``, ``repeat`` and ``ignore`` are
    those of ``Cassette``. Each recv() gives one chunk: at once, or where ``speed`` is given, when it came (1.0) or so
    many times as fast.
    """

    def __init__(
        self, source: Union[PathLike, Fixture, Sequence[Fixture]], *, speed: Optional[float] = None, **rules: Any
    ) -> None:
        if speed is not None and not speed > 0:
            raise RequestError("speed: a number above 0, or None for at once, not %r" % (speed,))
        self.cassette = Cassette(fixtures_of(source), **rules)
        self.speed = speed

    def open(self, _address: Any = None, _timeout: Optional[float] = None) -> ReplayingConnection:
        return ReplayingConnection(self.cassette, self.speed)


class ReplayingConnection:
    """Reads requests as a server does, and gives what was recorded for them."""

    network: Any = Network()  # whose clock it waits on; an exchange puts its own here

    def __init__(self, cassette: Cassette, speed: Optional[float] = None) -> None:
        self.sent = b""
        self._speed = speed
        self._asked = 0.0
        self._due: Optional[Tuple[float, bytes]] = None
        self._cassette = cassette
        self._reader = RequestReader()
        self._pieces: Iterator[Tuple[float, bytes]] = iter(())
        self._how = ""

    def send(self, data: bytes, _timeout: Optional[float] = None) -> None:
        self.sent += data
        reader = self._reader
        reader.receive(data)
        head = reader.read_head()
        if head is None:
            return
        body: List[bytes] = []
        while not reader.complete:
            body.append(reader.read_body())
            if not body[-1] and not reader.complete:
                return
        fixture = self._cassette.answer(head.method, head.target, self.sent.partition(b"\r\n\r\n")[2])
        self._pieces, self._how, self._asked = fixture.wire(), fixture.how, time.monotonic()

    async def recv(self, timeout: Optional[float] = None) -> bytes:
        self._due = self._due or next(self._pieces, None)
        if self._due is None:
            if self._how == "reset":
                raise ConnectionResetError("connection reset by peer")
            return b""
        if self._speed is not None:
            delay = self._asked + self._due[0] / self._speed - time.monotonic()
            await self.network.sleep(max(0.0, delay if timeout is None else min(delay, timeout)))
            if timeout is not None and delay > timeout:
                raise TimeoutError
        (_, piece), self._due = self._due, None
        return piece

    def close(self) -> None:
        self._pieces = iter(())


def fixtures_of(source: Union[PathLike, Fixture, Sequence[Fixture]]) -> List[Fixture]:
    """The fixtures in a folder, a file, or at hand."""
    import os

    if isinstance(source, Fixture):
        return [source]
    if isinstance(source, (str, os.PathLike)):
        return load_folder(source) if os.path.isdir(source) else [load(source)]
    return list(source)
