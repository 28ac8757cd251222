# SPDX-License-Identifier: MIT
"""Where in an exchange a fault strikes: the exchange in pieces that can be cut anywhere, and the point found in them.

A fixture goes in and its response comes out in order, ``split_pieces``: every chunk with its framing apart, in the end a
piece that says how the connection ends. An ``Aim`` is shown them one after the other and finds a fault's point.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, Iterator, NamedTuple, Optional, Tuple

from ..fixture import Fixture
from .faults import Fault

BEFORE = -1  # before a piece and its framing; from 0 on an offset in its data
ENDS = ("complete", "eof", "reset")
BODY = ("chunk", "more", "part")  # more: the rest of a piece that was cut in two
TAIL = ("trailers", "last", *ENDS)


class Piece(NamedTuple):
    """``kind`` is that of its event, or more, last (the last chunk), raw, mark (of ``fault``), or how it ends."""

    time: float
    kind: str
    lead: bytes = b""
    data: bytes = b""
    trail: bytes = b""
    fault: Optional[Fault] = None


def split_pieces(fixture: Fixture) -> Iterator[Piece]:
    for event, wire in fixture.framed():
        if event.kind == "end":
            if wire:
                yield Piece(event.time, "last", wire)
            how = event.data["how"]
            yield Piece(event.time, how if how in ENDS else "eof")
        elif event.kind in BODY:
            trail = b"\r\n" if event.kind == "chunk" else b""
            yield Piece(event.time, event.kind, wire[: len(wire) - len(event.data) - len(trail)], event.data, trail)
        elif wire:
            yield Piece(event.time, event.kind, wire)


class Aim:
    """Finds the point of a fault in pieces that come one after the other."""

    def __init__(self, fault: Fault) -> None:
        self._look = _LOOKS[fault.point]
        self.number = fault.number
        self.byte = fault.byte
        self.count = 0  # chunks or lines that are over, and
        self.passed = 0  # bytes behind us of the unit that is not
        self._found = False

    def find(self, piece: Piece) -> Optional[int]:
        """BEFORE, or an offset in its data, if the point is here. To be asked once for each piece, in order."""
        if self._found or piece.kind == "mark":
            return None
        offset = self._look(self, piece)
        self._found = offset is not None
        return offset

    def in_chunk(self, piece: Piece) -> Optional[int]:
        if piece.kind in ("chunk", "part"):
            self.count += 1
            self.passed = 0
        if self.count - 1 != self.number or piece.kind not in BODY:
            return None
        if self.byte is None:
            return BEFORE
        left = self.byte - self.passed
        self.passed += len(piece.data)
        is_last = piece.trail or piece.kind == "part"
        return left if left < len(piece.data) or (left == len(piece.data) and is_last) else None

    def in_line(self, piece: Piece) -> Optional[int]:
        start = 0
        while self.count < self.number:
            start = piece.data.find(b"\n", start) + 1
            if not start:
                return None
            self.count += 1
        if self.count > self.number or start == len(piece.data):
            return None
        end = piece.data.find(b"\n", start) + 1
        offset = start + (self.byte or 0) - self.passed
        if offset < (end or len(piece.data)):
            return offset or BEFORE
        self.passed += len(piece.data) - start
        self.count += 1 if end else 0
        return None

    def in_body(self, piece: Piece) -> Optional[int]:
        left = int(self.number) - self.passed
        if piece.kind in BODY and left:
            self.passed += len(piece.data)
            return left if left < len(piece.data) else None
        # A rest without data is the CRLF of a chunk: the border comes after it.
        return BEFORE if not left and (piece.kind in TAIL or (piece.kind in BODY and piece.data)) else None


_LOOKS: Dict[str, Callable[[Aim, Piece], Optional[int]]] = {
    "head": lambda _, piece: BEFORE if piece.kind == "head" else None,
    "chunk": Aim.in_chunk,
    "line": Aim.in_line,
    "byte": Aim.in_body,
    "end": lambda _, piece: BEFORE if piece.kind in TAIL else None,
    "t": lambda aim, piece: BEFORE if piece.time > aim.number else None,
}


def mark_points(pieces: Iterable[Piece], fault: Fault) -> Iterator[Tuple[bool, Piece]]:
    """The pieces, and where the fault strikes a mark, which alone comes with True."""
    aim, now = Aim(fault), fault.number if fault.point == "t" else 0.0
    for piece in pieces:
        offset = aim.find(piece)
        if offset is None:
            yield False, piece
            now = max(now, piece.time)
            continue
        if offset != BEFORE:
            yield False, piece._replace(data=piece.data[:offset], trail=b"")
            piece = piece._replace(kind="more", lead=b"", data=piece.data[offset:])
        yield True, Piece(now if fault.point == "t" else piece.time, "mark", fault=fault)
        yield False, piece
