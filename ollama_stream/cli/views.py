# SPDX-License-Identifier: MIT
"""Four views of a recorded exchange, for people: a fixture goes in, pieces of text come out.

    text_view      the answer, thinking and tool calls marked, and a line of figures
    wire_view      every byte in both directions, with the framing explained
    records_view   each decoded record with its time and the chunks it came in, and the error at the end
    hex_view       the bytes of the response

Records and errors are those of the real client: ``play`` gives it what was recorded in place of a network. What a file
holds cannot control the terminal it is shown on: control characters and bytes that are no text are written as escapes.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import groupby
from typing import Any, Dict, Iterator, List, Match, NamedTuple, Optional, Tuple

from .._client import Client
from .._decode import Record
from .._errors import OBEYED, UNSEEN, FixtureError, OllamaError, escape_controls
from .._records import Generation
from ..fixture import Event, Fixture, RecordedRequest, escaped
from .output import aside, figures as figures_of
from .words import told

METHODS = {"/api/chat": "chat", "/api/generate": "generate"}  # of the client, for a recorded request
BODY_KINDS = ("chunk", "part", "raw")
MAX_ON_A_LINE = 240  # characters; the JSON of a longer record is laid out over several lines
HOWS = {
    "complete": "the response is complete",
    "eof": "the server closed the connection (FIN)",
    "reset": "the connection was reset (RST)",
    "timeout": "nothing more came; the recorder gave up",
    "cancelled": "the client closed the connection",
    "error": "the recording ended with an error",
}

_UNSEEN = re.compile("[%s]" % (OBEYED + UNSEEN))
_lines = re.compile(rb"[^\n]*\n|[^\n]+").findall
_NAMES = {9: "TAB", 10: "LF", 13: "CR"}

Row = Tuple[bytes, str]  # a line as it went over the wire, and what to say of it


class Arrival(NamedTuple):
    """A record: when its last byte came, in seconds, and in which pieces of the body, counted from 1."""

    time: float
    first: int
    last: int
    record: Any


class Played(NamedTuple):
    """What the client makes of an exchange; ``error`` is what it raises at its end, which is at ``time``."""

    arrivals: List[Arrival]
    error: Optional[OllamaError]
    time: float


class Tape:
    """A transport that gives what was recorded, an event a piece, and knows what it has given."""

    def __init__(self, fixture: Fixture) -> None:
        self.time = 0.0
        self.body: List[bytes] = []
        self._end = fixture.events[-1]
        self._events = ((event, data) for event, data in fixture.framed() if data)

    def open(self, _address: Any, _timeout: Optional[float]) -> Tape:
        return self

    def send(self, _data: bytes, _timeout: Optional[float]) -> None:
        """The answer does not depend on what is asked."""

    def recv(self, _timeout: Optional[float]) -> bytes:
        event, data = next(self._events, (self._end, b""))
        self.time = event.time
        if not data and event.data["how"] == "reset":
            raise ConnectionResetError("connection reset by peer")
        if event.kind in BODY_KINDS:
            self.body.append(event.data)
        return data

    def close(self) -> None:
        """There is nothing to close."""


def play(fixture: Fixture) -> Played:
    """The records of an exchange, each with its time, and the error at its end. Raises nothing."""
    tape, first = Tape(fixture), 1
    arrivals: List[Arrival] = []
    client = Client("127.0.0.1", timeout=None, trust_env=False, transport=tape)
    try:
        for record in _call(client, fixture.request):
            last = len(tape.body)
            arrivals.append(Arrival(tape.time, min(first, last), last, record))
            first = last + 1 if tape.body and tape.body[-1].endswith(b"\n") else last
    except OllamaError as error:
        return Played(arrivals, error, tape.time)
    return Played(arrivals, None, tape.time)


def _call(client: Client, request: RecordedRequest) -> Any:
    """A call whose answer is read like that of the recorded one; what it asks does not matter here."""
    path = request.path.partition("?")[0].rstrip("/")
    if request.method == "POST" and path in METHODS:
        return getattr(client, METHODS[path])("recorded", stream=True)
    return client.request(request.method, request.path, stream=True)


def fields_of(request: RecordedRequest) -> Dict[str, Any]:
    """The members of a request's body; none where it is no JSON object."""
    return request.json if isinstance(request.json, dict) else {}


def token_kind(record: Any) -> str:
    """What of an answer a record holds: "thinking", "text" or ""; it is "record" where there is no answer."""
    if not isinstance(record, Generation):
        return "record"
    thinking, calls = aside(record)
    return "thinking" if thinking else "text" if record.text or calls else ""


def figures(fixture: Fixture, played: Played) -> List[Tuple[str, str]]:
    """What can be said of an exchange in figures, by name; the last one is how it ended."""
    rows = []
    first_byte = next((event.time for event, data in fixture.framed() if data), None)
    if first_byte is not None:
        rows.append(("first byte after", seconds(first_byte)))
    records = [arrival.record for arrival in played.arrivals if isinstance(arrival.record, Generation)]
    times = [arrival.time for arrival in played.arrivals if token_kind(arrival.record) in ("thinking", "text")]
    rows += figures_of(records[-1] if records else None, times[0] if times else None)
    if times and "tokens" not in dict(rows):
        rows.append(("pieces of text", "%d" % len(times)))
        if times[-1] > times[0]:
            rows.append(("pieces/s", "%.1f" % ((len(times) - 1) / (times[-1] - times[0]))))
    return rows + [("ended", ending(fixture, played))]


def ending(fixture: Fixture, played: Played) -> str:
    """How the answer ended for the client, and the connection for the recorder."""
    last = played.arrivals[-1].record if played.arrivals else None
    if played.error is not None:
        text = "%s: %s" % (type(played.error).__name__, told(played.error, recorded=True))
    else:
        done_reason = last.done_reason if isinstance(last, Generation) else None
        text = "complete, done_reason %s" % done_reason if done_reason else "complete"
    return text if fixture.how == "complete" else "%s (recorded: %s)" % (text, HOWS[fixture.how])


def seconds(time: float) -> str:
    return "%.3f s" % time if time < 1e6 else "%.3g s" % time


# --- text and records -------------------------------------------------------------------------------------------------


def text_view(fixture: Fixture) -> Iterator[str]:
    """The answer as a reader would see it; then a line of figures."""
    played = play(fixture)
    for mark, texts in groupby(_marked(played), key=lambda item: item[0]):
        text = escape_controls("".join(text for _, text in texts), kept="\n\t")
        yield (mark and "[%s] " % mark) + text + ("" if text.endswith("\n") else "\n")
    yield "\n" + escape_controls(", ".join("%s %s" % row for row in figures(fixture, played))) + "\n"


def _marked(played: Played) -> Iterator[Tuple[str, str]]:
    """The pieces of an answer, marked where they are no part of its text."""
    records = [arrival.record for arrival in played.arrivals]
    for record in records or [getattr(played.error, "partial", None)]:
        if not isinstance(record, Generation):
            if record is not None:
                yield "", _json_text(record) + "\n"
            continue
        thinking, calls = aside(record)
        if thinking:
            yield "thinking", thinking
        if record.text:
            yield "", record.text
        for call in calls:
            yield "tool call", escaped(call.model_dump_json(exclude_none=True)) + "\n"


def records_view(fixture: Fixture) -> Iterator[str]:
    """Each record with its time and the pieces of the body it came in."""
    played = play(fixture)
    kinds = [event.kind for event in fixture.events if event.kind in BODY_KINDS]
    for time, first, last, record in played.arrivals:
        numbers = "%d" % last if first == last else "%d-%d" % (first, last)
        name = "no body" if not last else "chunk " + numbers if kinds[last - 1] == "chunk" else "piece " + numbers
        yield "%10.6f  %-10s  %s\n" % (time, name, _shown_record(record))
    yield "%10.6f  %s\n" % (played.time, escape_controls(ending(fixture, played)))


def _shown_record(record: Any) -> str:
    text = _json_text(record)
    return text if len(text) <= MAX_ON_A_LINE else _json_text(record, 2).replace("\n", "\n" + " " * 24)


def _json_text(record: Any, indent: Optional[int] = None) -> str:
    value = record.model_dump(exclude_none=True) if isinstance(record, Record) else record
    return escaped(json.dumps(value, ensure_ascii=False, indent=indent, default=str))


# --- the wire ---------------------------------------------------------------------------------------------------------


def wire_view(fixture: Fixture) -> Iterator[str]:
    """Each line of the wire: its time, > or < for its direction, and after # what it means."""
    number = 0
    for event, data in fixture.framed():
        number += event.kind in BODY_KINDS
        yield from wire_lines(event, data, number)


def wire_lines(event: Event, data: bytes, number: int) -> Iterator[str]:
    """The lines for one event, whose bytes on the wire are ``data``; it is body piece ``number``, if it is one."""
    time = "%.6f" % event.time
    rows, direction = _response_rows(event, data, number), "<"
    if event.kind == "request":
        rows, direction = _request_rows(event.data), ">"
    for line, comment in rows:
        shown = "%s %s" % (direction, visible(line)) if line else ""
        if comment:
            shown = "%-30s # %s" % (shown, _UNSEEN.sub(_name, comment))
        yield "%10s %s\n" % (time, shown)
        time = ""


def hex_view(fixture: Fixture) -> Iterator[str]:
    """The bytes of the response, sixteen a line: time, offset, hexadecimal, ASCII."""
    offset = 0
    for time, data in fixture.wire():
        for start in range(0, len(data), 16):
            row = data[start : start + 16]
            text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
            yield "%10s %08x  %-49s |%s|\n" % (
                "" if start else "%.6f" % time, offset + start,
                row[:8].hex(" ") + "  " + row[8:].hex(" "), text,
            )  # fmt: skip
        offset += len(data)


def one_chunk(fixture: Fixture, number: int) -> Fixture:
    """The exchange with nothing in it but that chunk (or piece) of the body, counted from 1. Raises FixtureError."""
    bodies = [event for event in fixture.events if event.kind in BODY_KINDS]
    if not 0 < number <= len(bodies):
        raise FixtureError("%s: there is no chunk %d; it has %d" % (fixture.name, number, len(bodies)))
    return replace(fixture, events=[fixture.events[0], bodies[number - 1]], lines=None)


def _request_rows(request: RecordedRequest) -> Iterator[Row]:
    start = "%s %s HTTP/%s\r\n" % (request.method, request.path, request.version)
    yield start.encode("ascii"), "the request line: method, target, version"
    for name, value in request.headers:
        yield name.encode("ascii") + b": " + value + b"\r\n", ""
    yield b"\r\n", "an empty line ends the head"
    body = request.body_bytes()
    if body:
        stored = "stored as bytes" if request.body is not None else "stored as JSON, shown without spaces"
        yield b"", "the body of the request, %s" % stored
        yield from _plain_rows(body)


def _response_rows(event: Event, data: bytes, number: int) -> Iterator[Row]:
    """The lines of one event, whose bytes on the wire are ``data``."""
    kind = event.kind
    if kind in ("interim", "head"):
        lines = _lines(data)
        yield lines[0], "the status line: version, status, reason" + ("" if kind == "head" else "; more follows")
        yield from _plain_rows(b"".join(lines[1:-1]))
        yield lines[-1], "an empty line ends the head"
    elif kind == "chunk" or kind == "part" and "of" in (event.extra or {}):
        yield from _chunk_rows(event, data, number)
    elif kind in ("part", "raw"):
        where = "of the body, as one read returned it" if kind == "part" else "outside of any framing, as it came"
        yield b"", "piece %d %s: %d bytes" % (number, where, len(data))
        yield from _plain_rows(data)
    elif kind == "trailers":
        lines = _lines(data)
        yield lines[0], "the last chunk has no bytes"
        yield from ((line, "a trailer") for line in lines[1:])
    elif kind == "end":
        comments = ["the last chunk has no bytes", "an empty line in place of trailers ends the body"]
        lines = _lines(data)
        yield from zip(lines, comments[-len(lines) :])
        detail = event.data.get("detail")
        yield b"", HOWS[event.data["how"]] + (": " + detail if detail else "")
    elif kind == "note":
        yield b"", "note: " + event.data


def _chunk_rows(event: Event, data: bytes, number: int) -> Iterator[Row]:
    start = data.index(b"\n") + 1
    size, came = int(re.split(b"[; \t\r]", data)[0], 16), len(event.data)
    yield data[:start], "chunk %d: its size in hexadecimal, %d bytes" % (number, size)
    yield from _plain_rows(event.data)
    if event.kind == "chunk":
        yield b"\r\n", "ends the chunk"
    else:
        yield b"", "%d of the %d bytes came" % (came, size)


def _plain_rows(data: bytes) -> Iterator[Row]:
    return ((line, "") for line in _lines(data))


def visible(data: bytes) -> str:
    """Bytes as text: <CR>, <LF>, <1B> for control characters, <E2> for a byte that is no text, <U+202E> for others."""
    return _UNSEEN.sub(_name, data.decode("utf-8", "surrogateescape"))


def _name(match: Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    elif code > 0x7F:
        return "<U+%04X>" % code
    return "<%s>" % _NAMES.get(code, "%02X" % code)


VIEWS = {"text": text_view, "wire": wire_view, "records": records_view, "hex": hex_view}
