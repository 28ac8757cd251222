# SPDX-License-Identifier: MIT
"""An exchange with faults laid over it, as what a server has to do; no socket, no clock.

``actions(fixture, faults)`` is the whole response, in order: bytes to send, each with its recorded time, waits, a note
for every fault where it strikes, and in the end how the connection ends. A fault whose point the exchange does not have
does nothing, and leaves no note.

The faults that change the message come first, in the order given, then those that change how it is sent; these count
chunks, lines and bytes in what those have left. A change of the body holds two copies of it in memory, also of a file
that is otherwise read as it is played; everything else holds one piece at a time.

    _BODY_CHANGES                   pieces -> pieces, where the fault is one of the body
    _HEAD_CHANGES                   the head -> another head
    _STRIKES                        pieces -> pieces with a mark where the fault strikes on the wire
    actions                         pieces -> actions
    Pace                            when actions are due
"""

from __future__ import annotations

import json
import math
import re
from itertools import zip_longest
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .._endpoints import is_done, is_success
from .._errors import FixtureError, RequestError
from ..fixture import Fixture, parse_json
from .aim import BEFORE, BODY, ENDS, TAIL, Aim, Piece, mark_points, split_pieces
from .faults import MAX_SIZE, Fault, read_faults

_LENGTH = re.compile(rb"(?im)^(content-length:[ \t]*)([0-9]{1,18})(?=[ \t]*\r$)")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding:.*chunked[ \t]*\r$")


class Action(NamedTuple):
    """``kind`` is send, wait, fault (a note that one strikes here), or how it ends: complete, eof (FIN), reset (RST).

    It is due at ``time``, in recorded seconds, and ``pause`` real seconds more, whatever the pace. One that is ``alone``
    is a write of its own.
    """

    time: float
    kind: str
    data: bytes = b""
    pause: float = 0.0
    fault: Optional[Fault] = None
    alone: bool = False


_Pieces = List[Piece]

MAX_WRITE = 65536  # bytes after which nothing is joined to a write any more


class Pace(NamedTuple):
    """When actions are due: ``speed`` and ``max_gap`` as in ``serve``, ``min_gap`` in seconds between two writes."""

    speed: Optional[float] = None
    max_gap: Optional[float] = None
    min_gap: float = 0.0

    def schedule(self, plan: Iterable[Action]) -> Iterator[Tuple[float, Action]]:
        """Actions, each with the seconds after the request at which it is due: absolute, or lateness would add up."""
        due = before = pauses = 0.0
        for action in plan:
            if self.speed is not None:
                gap = (action.time - before) / self.speed
                due += gap if self.max_gap is None else min(gap, self.max_gap)
                before = action.time
            pauses += action.pause
            yield due + pauses, action


def check_speed(name: str, value: Optional[float]) -> None:
    """Raises RequestError."""
    if value is not None and not 0 < value < math.inf:
        raise RequestError("%s: a number above 0, or None for at once, not %r" % (name, value))


def join_writes(scheduled: Iterable[Tuple[float, Action]]) -> Iterator[Tuple[float, Action]]:
    """What is sent at the same time in one write: measured, a replay at once costs its reader a third of the time."""
    data: List[bytes] = []
    size, when = 0, 0.0
    for due, action in scheduled:
        joins = action.kind == "send" and not action.alone
        if data and not (joins and due == when and size < MAX_WRITE):
            yield when, Action(when, "send", b"".join(data))
            data, size = [], 0
        if joins:
            data.append(action.data)
            size, when = size + len(action.data), due
        else:
            yield due, action
    if data:
        yield when, Action(when, "send", b"".join(data))


def plan_actions(fixture: Fixture, faults: Sequence[Fault] = ()) -> Iterator[Action]:
    """``actions``, with the faults of the fixture's header before these. Raises FixtureError for a bad one there."""
    return actions(fixture, [*read_faults(fixture), *faults])


def actions(fixture: Fixture, faults: Sequence[Fault] = ()) -> Iterator[Action]:
    """What the server does for ``fixture``; the faults at connect and request are not among it."""
    size, pause = 0, 0.0
    for piece in _overlay(fixture, faults):
        fault = piece.fault
        if fault is not None:
            yield Action(piece.time, "fault", fault=fault)
            if fault.kind == "stall":
                yield Action(piece.time, "wait", pause=fault.argument)
            elif fault.kind == "dribble":
                size, pause = 1, fault.argument / 1000
            elif fault.kind == "split":
                size = fault.argument
        elif piece.kind in ENDS:
            yield Action(piece.time, piece.kind)
        else:
            data = piece.lead + piece.data + piece.trail
            for start in range(0, len(data), size or MAX_SIZE):
                part = data[start : start + size] if size else data
                yield Action(piece.time, "send", part, pause, alone=bool(size))


def _overlay(fixture: Fixture, faults: Sequence[Fault]) -> Iterator[Piece]:
    pieces = split_pieces(fixture)
    for fault in faults:
        if fault.kind in _BODY_CHANGES and fixture.head is not None:
            pieces = iter(_change_body(list(pieces), fault, _BODY_CHANGES[fault.kind]))
    # The head last: a length or a coding that a fault puts there is not to be corrected.
    for fault in faults:
        if fault.kind in _HEAD_CHANGES:
            pieces = _change_head(pieces, fault)
    for fault in faults:
        if fault.kind in _STRIKES and fault.point not in ("connect", "request"):
            pieces = _STRIKES[fault.kind](pieces, fault)
    return pieces


# Changes of the message


def _change_body(pieces: _Pieces, fault: Fault, change: _Change) -> _Pieces:
    """With a mark before the first piece that is another; a Content-Length grows as the body does."""
    changed = list(change(pieces, fault))
    for index, (old, new) in enumerate(zip_longest(pieces, changed)):
        if old != new:
            break
    else:
        return pieces
    growth = sum(len(piece.data) for piece in changed) - sum(len(piece.data) for piece in pieces)
    mark = Piece(changed[index].time, "mark", fault=fault)
    return [_lengthen(piece, growth) for piece in changed[:index]] + [mark] + changed[index:]


def _lengthen(piece: Piece, growth: int) -> Piece:
    if piece.kind != "head" or not growth:
        return piece
    return piece._replace(lead=_LENGTH.sub(lambda match: b"%s%d" % (match[1], int(match[2]) + growth), piece.lead))


def _is_chunked(pieces: _Pieces) -> bool:
    return any(piece.kind == "head" and _CHUNKED.search(piece.lead) for piece in pieces)


def _make_piece(time: float, data: bytes, chunked: bool) -> Piece:
    return Piece(time, "chunk", b"%x\r\n" % len(data), data, b"\r\n") if chunked else Piece(time, "part", b"", data)


def _resize(piece: Piece, data: bytes) -> Piece:
    """With other data; a chunk that never came whole announces so many bytes more or fewer."""
    if not piece.lead or len(data) == len(piece.data):
        return piece._replace(data=data)
    size = int(piece.lead.split(b";")[0], 16) + len(data) - len(piece.data)
    return piece._replace(lead=b"%x\r\n" % size, data=data)


def _insert(pieces: _Pieces, fault: Fault) -> Iterator[Piece]:
    """At the border of two chunks as one of its own, inside a chunk into that."""
    aim, chunked = Aim(fault), _is_chunked(pieces)
    for piece in pieces:
        offset = aim.find(piece) if piece.kind in BODY + TAIL else None
        if offset == BEFORE:
            yield _make_piece(piece.time, fault.argument, chunked)
        elif offset is not None:
            piece = _resize(piece, piece.data[:offset] + fault.argument + piece.data[offset:])
        yield piece


def _end_in_error(pieces: _Pieces, fault: Fault) -> Iterator[Piece]:
    aim, chunked = Aim(fault), _is_chunked(pieces)
    line = json.dumps({"error": fault.argument}).encode("ascii") + b"\n"
    for piece in pieces:
        offset = aim.find(piece) if piece.kind in BODY + TAIL else None
        if offset is not None:
            yield _make_piece(piece.time, piece.data[: max(offset, 0)] + line, chunked)
            if chunked:
                yield Piece(piece.time, "last", b"0\r\n\r\n")
            yield Piece(piece.time, "complete")
            return
        yield piece


def _drop(pieces: _Pieces, fault: Fault) -> _Pieces:
    if fault.point == "chunk":
        aim = Aim(fault)
        return [piece for piece in pieces if aim.find(piece) is None]
    return _drop_lines(pieces, lambda number, _: number == fault.number)


def _ends_answer(line: bytes) -> bool:
    try:
        record = parse_json(line)
    except FixtureError:
        return False
    return isinstance(record, dict) and (is_done(record) or is_success(record))


def _drop_lines(pieces: _Pieces, is_dropped: Callable[[int, bytes], bool]) -> _Pieces:
    """Without the lines that a test of their number and bytes picks; a chunk of which nothing is left goes too."""
    start = 0
    lines = b"".join(piece.data for piece in pieces).split(b"\n")
    for number, line in enumerate(lines):
        end = start + len(line) + (number + 1 < len(lines))
        if line and is_dropped(number, line):
            pieces = list(_drop_bytes(pieces, start, end))
            end = start
        start = end
    return pieces


def _drop_bytes(pieces: _Pieces, start: int, end: int) -> Iterator[Piece]:
    for piece in pieces:
        kept = piece.data[: max(start, 0)] + piece.data[max(end, 0) :]
        start, end = start - len(piece.data), end - len(piece.data)
        if kept or not piece.data:
            yield _resize(piece, kept)


def _rechunk(pieces: _Pieces, fault: Fault) -> Iterator[Piece]:
    size, held, time = fault.argument, b"", 0.0
    for piece in pieces:
        if piece.kind == "chunk":
            held += piece.data
            time = piece.time
            whole = len(held) - len(held) % size
            for start in range(0, whole, size):
                yield _make_piece(time, held[start : start + size], True)
            held = held[whole:]
        else:
            if held and piece.kind != "mark":
                yield _make_piece(time, held, True)
                held = b""
            yield piece


def _merge(pieces: _Pieces, fault: Fault) -> Iterator[Piece]:
    size = sum(len(piece.data) for piece in pieces if piece.kind == "chunk")
    return _rechunk(pieces, fault._replace(argument=size or 1))


def _change_head(pieces: Iterable[Piece], fault: Fault) -> Iterator[Piece]:
    for piece in pieces:
        if piece.kind == "head":
            changed = piece._replace(lead=_HEAD_CHANGES[fault.kind](piece.lead, fault))
            if changed != piece:
                yield Piece(piece.time, "mark", fault=fault)
            piece = changed
        yield piece


def _set_status(head: bytes, fault: Fault) -> bytes:
    from http.client import responses

    line = b"%d %s" % (fault.argument, responses.get(fault.argument, "Unknown").encode("ascii"))
    return head[:9] + line + head[head.index(b"\r\n") :]


def _set_header(head: bytes, fault: Fault) -> bytes:
    """In place of all fields of that name."""
    name, _, value = fault.argument.encode("latin-1").partition(b"=")
    lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith(name.lower() + b":")]
    return b"\r\n".join([*lines, name + b": " + value, b"", b""])


_Change = Callable[[_Pieces, Fault], Iterable[Piece]]
_BODY_CHANGES: Dict[str, _Change] = {
    "insert": _insert,
    "garbage": lambda pieces, fault: _insert(pieces, fault._replace(argument=b"%%%\n")),
    "bom": lambda pieces, fault: _insert(pieces, fault._replace(point="byte", argument=b"\xef\xbb\xbf")),
    "error": _end_in_error,
    "drop": _drop,
    "no-done": lambda pieces, _: _drop_lines(pieces, lambda _, line: _ends_answer(line)),
    "rechunk": _rechunk,
    "merge": _merge,
    "crlf": lambda pieces, _: [_resize(piece, piece.data.replace(b"\n", b"\r\n")) for piece in pieces],
}
_HEAD_CHANGES: Dict[str, Callable[[bytes, Fault], bytes]] = {"status": _set_status, "header": _set_header}


# Strikes on the wire


def _strike(pieces: Iterable[Piece], fault: Fault) -> Iterator[Piece]:
    """With a mark where the fault strikes; stall, dribble and split are no more than that here."""
    for here, piece in mark_points(pieces, fault):
        yield piece
        if here and fault.kind == "raw":
            yield Piece(piece.time, "raw", fault.argument)
        elif here and fault.kind in ("cut", "reset"):
            yield Piece(piece.time, "reset" if fault.kind == "reset" else "eof")
            return


def _leave_out_end(pieces: Iterable[Piece], fault: Fault) -> Iterator[Piece]:
    for piece in pieces:
        if piece.kind in ("trailers", "last"):
            yield Piece(piece.time, "mark", fault=fault)
            yield Piece(piece.time, "eof")
            return
        yield piece


def _spoil_size(pieces: Iterable[Piece], fault: Fault) -> Iterator[Piece]:
    aim = Aim(fault)
    for piece in pieces:
        if aim.find(piece) is not None and piece.lead:
            yield Piece(piece.time, "mark", fault=fault)
            piece = piece._replace(lead=fault.argument + b"\r\n")
        yield piece


_STRIKES: Dict[str, Callable[[Iterable[Piece], Fault], Iterator[Piece]]] = {
    **dict.fromkeys(("cut", "reset", "raw", "stall", "dribble", "split"), _strike),
    "no-end": _leave_out_end,
    "badsize": _spoil_size,
}
