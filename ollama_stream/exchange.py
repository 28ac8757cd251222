"""One recorded exchange as data: a header, and as events the request, the head, what came after it, and the end.

It can be played (``wire``, ``body``); ``fixture_lines`` makes text of it and reads that, ``redact`` takes secrets out.
Times are seconds since the last byte of the request was sent. What cannot be stored or sent is a ``FixtureError``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from itertools import islice
from typing import (
    TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union,
)  # fmt: skip

from ._address import UNSET, Unset
from ._errors import FixtureError
from ._http1 import Head
from .canonical import MAX_DEPTH, decode_bytes, encode_bytes, json_bytes, parse_json, shortened

if TYPE_CHECKING:
    from ._http1 import Chunk

PathLike = Union[str, "os.PathLike[str]"]
RequestFields = List[Tuple[str, bytes]]

BODY_KINDS = ("chunk", "part", "raw")  # whose data are bytes of the response

_BODILESS = (204, 205, 304)  # RFC 9110, 15.3.5, 15.3.6 and 15.4.5


class Event(NamedTuple):
    """One line of an exchange file: ``time`` in seconds, ``data`` by ``kind``.

    request: RecordedRequest. interim, head: Head. chunk, part, raw: bytes. trailers: (name, value) pairs, decoded as
    Latin-1 like the fields of a Head. note: str. end: a dict with ``how`` and perhaps ``detail``. x-...: any JSON.
    """

    time: float
    kind: str
    data: Any
    extra: Optional[Dict[str, Any]] = None


@dataclass
class RecordedRequest:
    """A request as recorded; ``path`` is its target. ``json`` or ``body`` is set, or neither where it has no body."""

    method: str
    path: str
    headers: RequestFields
    json: Any = UNSET
    body: Optional[bytes] = None
    version: str = "1.1"
    length: Optional[int] = None

    @classmethod
    def from_wire(
        cls, method: str, path: str, headers: RequestFields, body: bytes, version: str = "1.1"
    ) -> RecordedRequest:
        """What to store for a request as sent: the body as ``json`` where that is what it is, else as ``body``."""
        try:
            # In the file it stands inside an array and an object.
            value = parse_json(body, MAX_DEPTH - 2)
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # UnicodeError: a lone surrogate
        except (FixtureError, UnicodeError, RecursionError):
            return cls(method, path, headers, body=body or None, version=version)
        return cls(method, path, headers, json=value, version=version)

    def body_bytes(self) -> bytes:
        """The body as sent; compact JSON where ``json`` was stored."""
        if isinstance(self.json, Unset):
            return self.body or b""
        return json_bytes(self.json)


class EventSequence(Sequence[Event]):
    """Events that are read again whenever they are iterated, so that they may be larger than memory.

    ``read`` starts from the first one at each call; it is called once now, to the end, and raises what is wrong. Those
    up to the head, and the last, are kept; any other index and every slice costs a copy of them all.
    """

    def __init__(self, read: Callable[[], Iterator[Event]]) -> None:
        self._read = read
        self._first: List[Event] = []
        self._size = 0
        for event in read():
            if self._size == len(self._first) and event.kind not in BODY_KINDS:
                self._first.append(event)
            self._size += 1
            self._last = event

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Event]:
        yield from self._first
        yield from islice(self._read(), len(self._first), None)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and 0 <= index < len(self._first):
            return self._first[index]
        return self._last if index == -1 and self._size else list(self)[index]


@dataclass
class Fixture:
    """One exchange. ``path`` is where it was read from, ``name`` the file name without its suffix.

    ``plain`` marks a bare response body. ``lines`` are those of the exchange file it was read from. Of a large file the
    events are read again whenever they are iterated, which raises FixtureError once it has changed.
    """

    header: Dict[str, Any]
    events: Sequence[Event]
    path: Optional[str] = None
    name: str = "fixture"
    plain: bool = False
    lines: Optional[Iterable[bytes]] = field(default=None, repr=False, compare=False)

    @property
    def request(self) -> RecordedRequest:
        request: RecordedRequest = self.events[0].data
        return request

    @property
    def head(self) -> Optional[Head]:
        """The head of the response; None where the connection ended before one."""
        return next((event.data for event in self.events if event.kind == "head"), None)

    @property
    def how(self) -> str:
        """How the exchange ended: complete, eof, reset, timeout, cancelled or error."""
        how: str = self.events[-1].data["how"]
        return how

    def body(self) -> bytes:
        """The body of the response: its chunks and parts, joined."""
        return b"".join(self.body_pieces())

    def body_pieces(self) -> Iterator[bytes]:
        """The body in the pieces that came, one at a time."""
        return (event.data for event in self.events if event.kind in ("chunk", "part"))

    def wire(self) -> Iterator[Tuple[float, bytes]]:
        """The response as it goes over a socket: (time in seconds, bytes) for each event that has bytes.

        A chunked body that is complete gets its last chunk, unless ``raw`` bytes have taken over the framing. How the
        connection ends after that is ``how``.
        """
        return ((event.time, data) for event, data in self.framed() if data)

    def framed(self) -> Iterator[Tuple[Event, bytes]]:
        """Every event with its bytes on the wire: those of the response, none for all that is no part of it."""
        framing = ""
        for event in self.events:
            yield event, self._last_chunk(framing) if event.kind == "end" else _framed(event)
            if event.kind in ("trailers", "raw"):
                framing = event.kind

    def _last_chunk(self, framing: str) -> bytes:
        """RFC 9112, 7.1; and 6.3 for responses that have no body, whatever their fields say."""
        head = self.head
        if head is None or self.how != "complete" or framing == "raw":
            return b""
        if framing == "trailers":
            return b"\r\n"
        bodiless = self.request.method == "HEAD" or head.status in _BODILESS
        return b"0\r\n\r\n" if is_chunked(head) and not bodiless else b""


def is_chunked(head: Head) -> bool:
    """Whether chunks follow this head: its last transfer coding says so (RFC 9112, 6.1)."""
    codings = ",".join(value for name, value in head.headers if name.lower() == "transfer-encoding")
    return codings.rpartition(",")[2].strip(" \t").lower() == "chunked"


def chunk_event(time: float, chunk: Chunk) -> Event:
    """The event for a chunk that came off the wire: a ``part`` for one that did not come whole."""
    size, semicolon, ext = chunk.line.partition(b";")
    extra: Dict[str, Any] = {} if chunk.complete else {"of": chunk.size}
    if semicolon:
        extra["ext"] = encode_bytes(ext)
    if size != b"%x" % chunk.size:
        extra["size"] = size.decode("latin-1")
    return Event(time, "chunk" if chunk.complete else "part", chunk.data, extra or None)


def _framed(event: Event) -> bytes:
    kind, data, extra = event.kind, event.data, event.extra or {}
    if kind in ("interim", "head"):
        start = "HTTP/%s %d %s\r\n" % (data.version, data.status, data.reason)
        return latin_1(start) + _field_lines(data.headers) + b"\r\n"
    if kind == "chunk":
        return _size_line(len(data), extra) + bytes(data) + b"\r\n"
    if kind == "part" and "of" in extra:
        return _size_line(extra["of"], extra) + bytes(data)
    if kind == "trailers":
        return b"0\r\n" + _field_lines(data)
    return bytes(data) if kind in ("part", "raw") else b""


def _size_line(size: int, extra: Mapping[str, Any]) -> bytes:
    text: str = extra.get("size", "%x" % size)
    ext = b";" + decode_bytes(extra["ext"]) if "ext" in extra else b""
    return text.encode("ascii") + ext + b"\r\n"


def _field_lines(fields: Iterable[Tuple[str, str]]) -> bytes:
    return latin_1("".join("%s: %s\r\n" % item for item in fields))


def latin_1(text: str) -> bytes:
    """The bytes of header text, which is kept decoded as Latin-1. Raises FixtureError."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise FixtureError("expected header text in Latin-1, found %s" % shortened(text)) from None
