"""Transports for ``Client(transport=...)``: ``Replaying`` answers from fixtures, in the process, without a socket.

A transport has ``open(address, timeout) -> connection``; a connection ``send(data, timeout)``, ``recv(timeout) -> bytes``
(b"" at the end) and ``close()``.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Sequence, Union

from ._http1 import RequestReader
from .exchange import PathLike
from .fixture import Cassette, Fixture, load, load_folder


class Replaying:
    """Answers each request with the recorded exchange that matches it; one that none matches raises FixtureError.

    ``source`` is a folder, a file, a Fixture, or a list of Fixtures. ``level``, ``order``, ``repeat`` and ``ignore`` are
    those of ``Cassette``. Each recv() gives one chunk, at once.
    """

    def __init__(self, source: Union[PathLike, Fixture, Sequence[Fixture]], **rules: Any) -> None:
        self.cassette = Cassette(fixtures_of(source), **rules)

    def open(self, _address: Any = None, _timeout: Optional[float] = None) -> ReplayingConnection:
        return ReplayingConnection(self.cassette)


class ReplayingConnection:
    """Reads requests as a server does, and gives what was recorded for them."""

    def __init__(self, cassette: Cassette) -> None:
        self.sent = b""
        self._cassette = cassette
        self._reader = RequestReader()
        self._pieces: Iterator[bytes] = iter(())
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
        self._pieces, self._how = (data for _, data in fixture.wire()), fixture.how

    def recv(self, _timeout: Optional[float] = None) -> bytes:
        piece = next(self._pieces, b"")
        if not piece and self._how == "reset":
            raise ConnectionResetError("connection reset by peer")
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
