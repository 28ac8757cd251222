"""The lines of an exchange file, format version 1, both ways.

    {"ollama_stream_fixture":1,"target":"http://127.0.0.1:11434"}     the header, an object
    [0.000000,"request",{"method":"GET","path":"/","headers":[]}]     then events: [time, kind, data] or
    [0.000139,"head",{"version":"1.1","status":200,...}]              [time, kind, data, extra]
    [0.000151,"part","Ollama is running"]
    [0.000151,"end",{"how":"complete"}]

A header and events go in, canonical lines come out (``header_line``, ``event_line``, ``dumps``); or the JSON value of
each line goes in, and a header and events come out, checked (``checked_header``, ``EventReader``). ``FOLLOWERS`` says
which event may come after which. What is not in the format is a ``FixtureError`` without a place: who knows the file
adds that.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ._address import UNSET, Unset
from ._errors import FixtureError
from ._http1 import Head
from .canonical import canonical_json, decode_bytes, encode_bytes, pointer_parts, shortened
from .cassette import LEVELS
from .exchange import Event, Fixture, RecordedRequest, RequestFields, is_chunked, latin_1

VERSION = 1
VERSION_KEY = "ollama_stream_fixture"
HOWS = ("complete", "eof", "reset", "timeout", "cancelled", "error")

# event -> what may come next; "unfinished" is a part of a chunk. Notes and x- kinds may stand anywhere in between.
FOLLOWERS: Dict[str, Tuple[str, ...]] = {
    "header": ("request",),
    "request": ("interim", "head", "raw", "end"),
    "interim": ("interim", "head", "raw", "end"),
    "head": ("chunk", "part", "trailers", "raw", "end"),
    "chunk": ("chunk", "part", "trailers", "raw", "end"),
    "part": ("part", "raw", "end"),
    "unfinished": ("raw", "end"),
    "trailers": ("raw", "end"),
    "raw": ("raw", "end"),
    "end": (),
}

_TEXTS = ("recorded_at", "recorder", "target", "note")
_HEADER_KINDS = {**dict.fromkeys(_TEXTS, str), "server": dict, "redacted": list, "match": dict, "faults": list}
_KIND_NAMES = {str: "a string", int: "an integer", list: "an array", dict: "an object"}
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_TARGET = re.compile(r"[!-~]+")
_HTTP_VERSION = re.compile(r"[0-9]\.[0-9]")
_SIZE = re.compile(r"[0-9A-Fa-f]{1,16}[ \t]*")


# Writing


def dumps(fixture: Fixture) -> bytes:
    """The exchange as a file; of a plain body, the exchange file that plays it."""
    return b"".join(written_lines(fixture))


def written_lines(fixture: Fixture) -> Iterator[bytes]:
    """The lines of that file."""
    yield header_line(fixture.header)
    yield from map(event_line, fixture.events)


def header_line(header: Mapping[str, Any]) -> bytes:
    """The first line; the format version comes first in it."""
    rest = {name: value for name, value in header.items() if name != VERSION_KEY}
    return _line(canonical_json({VERSION_KEY: header.get(VERSION_KEY, VERSION), **rest}))


def event_line(event: Event) -> bytes:
    """A line ``[time, kind, data]`` or ``[time, kind, data, extra]``, the time with six decimals."""
    members = [event.kind, _stored(event)] + ([] if event.extra is None else [event.extra])
    return _line("[%.6f,%s" % (event.time, canonical_json(members)[1:]))


def _line(text: str) -> bytes:
    return text.encode("utf-8") + b"\n"


def _stored(event: Event) -> Any:
    """The ``data`` of an event as JSON."""
    kind, data = event.kind, event.data
    if kind in ("chunk", "part", "raw"):
        return encode_bytes(data)
    if kind == "request":
        return _stored_request(data)
    if kind in ("interim", "head"):
        reason = encode_bytes(latin_1(data.reason))
        fields = _stored_fields(data.headers)
        return {"version": data.version, "status": data.status, "reason": reason, "headers": fields}
    return _stored_fields(data) if kind == "trailers" else data


def _stored_request(request: RecordedRequest) -> Dict[str, Any]:
    headers = [[name, encode_bytes(value)] for name, value in request.headers]
    stored: Dict[str, Any] = {"method": request.method, "path": request.path, "headers": headers}
    if not isinstance(request.json, Unset):
        stored["json"] = request.json
    elif request.body is not None:
        stored["body"] = encode_bytes(request.body)
    if request.version != "1.1":
        stored["version"] = request.version
    if request.length is not None:
        stored["length"] = request.length
    return stored


def _stored_fields(fields: Iterable[Tuple[str, str]]) -> List[List[Any]]:
    return [[name, encode_bytes(latin_1(value))] for name, value in fields]


# Reading


def checked_header(value: Any) -> Dict[str, Any]:
    if not isinstance(value, dict) or next(iter(value), None) != VERSION_KEY:
        raise FixtureError("expected the header, an object whose first key is %s" % VERSION_KEY)
    version = value[VERSION_KEY]
    if type(version) is not int or version < 1:
        raise FixtureError("expected format version %d, found %s" % (VERSION, shortened(version)))
    if version > VERSION:
        raise FixtureError("format version %s; this reads %d" % (shortened(version), VERSION))
    _check_kinds(value, "header", _HEADER_KINDS)
    match = _members(value.get("match", {}), "match", {}, {"level": str, "ignore": list})
    for name, texts in (("header.redacted", value.get("redacted", [])), ("match.ignore", match.get("ignore", []))):
        if not all(isinstance(text, str) for text in texts):
            raise FixtureError("expected %s to hold strings only" % name)
    for pointer in match.get("ignore", []):
        pointer_parts(pointer)
    if match.get("level", "exact") not in LEVELS:
        found = shortened(match["level"])
        raise FixtureError("expected match.level to be %s, found %s" % (_either(list(LEVELS)), found))
    return value


class EventReader:
    """The lines after the header, one at a time; checks what each says, their order and their times."""

    def __init__(self) -> None:
        self._previous = "header"
        self._time: Optional[float] = None
        self._chunked = False

    def read(self, value: Any) -> Event:
        if not isinstance(value, list) or len(value) not in (3, 4):
            raise FixtureError("expected an array [time, kind, data] or [time, kind, data, extra]")
        kind, extra = value[1], value[3] if len(value) == 4 else None
        self._check_order(kind)
        time = self._checked_time(value[0])
        if len(value) == 4 and not isinstance(extra, dict):
            raise FixtureError("expected extra to be an object, found %s" % shortened(extra))
        data = _READERS[kind](value[2]) if kind in _READERS else value[2]
        self._check_framing(kind, data, extra or {})
        self._time = time
        if kind in FOLLOWERS:
            self._previous = "unfinished" if kind == "part" and self._chunked else kind
        if kind == "head":
            self._chunked = is_chunked(data)
        return Event(time, kind, data, extra)

    def finish(self, allow_truncated: bool) -> Optional[Event]:
        """Raise FixtureError where the end is missing, or supply it: the connection closed there."""
        if self._previous == "end":
            return None
        if self._time is None:
            raise FixtureError("expected a header and a request, found the end of the file")
        if not allow_truncated:
            raise FixtureError("expected an end, found the end of the file")
        return Event(self._time, "end", {"how": "eof"})

    def _check_order(self, kind: Any) -> None:
        if not isinstance(kind, str) or not (kind in _READERS or kind.startswith("x-")):
            raise FixtureError("unknown kind of event: %s" % shortened(kind))
        allowed = FOLLOWERS[self._previous]
        if kind not in allowed and (kind in FOLLOWERS or self._previous in ("header", "end")):
            raise FixtureError("expected %s after %s, found %s" % (_either(allowed), self._previous, shortened(kind)))

    def _checked_time(self, value: Any) -> float:
        try:
            time = float(value) if type(value) in (int, float) else -1.0
        except OverflowError:
            time = -1.0
        if time < 0:
            raise FixtureError("expected a time, seconds from 0 on, found %s" % shortened(value))
        if self._time is not None and time < self._time:
            raise FixtureError("times must not decrease (%s after %s)" % (time, self._time))
        if self._time is None and time > 0:
            raise FixtureError("expected the request at time 0, found %s" % time)
        return time

    def _check_framing(self, kind: str, data: Any, extra: Mapping[str, Any]) -> None:
        if kind in ("chunk", "trailers") and not self._chunked:
            raise FixtureError("expected Transfer-Encoding: chunked in the head before a %s" % kind)
        if kind == "chunk" and not data:
            raise FixtureError("expected a chunk of at least one byte: an empty one ends the body")
        if kind == "part" and self._chunked != ("of" in extra):
            raise FixtureError('expected "of", as the body is chunked' if self._chunked else 'expected no "of"')
        if kind == "chunk":
            _check_size_line(len(data), extra)
        elif kind == "part" and self._chunked:
            size = extra["of"]
            if type(size) is not int or not len(data) <= size < 1 << 64:
                raise FixtureError('expected "of", a size of %d or more, found %s' % (len(data), shortened(size)))
            _check_size_line(size, extra)
        elif kind == "end" and self._previous == "unfinished" and data["how"] == "complete":
            raise FixtureError('expected an unfinished chunk not to be "complete"')


def _check_size_line(size: int, extra: Mapping[str, Any]) -> None:
    text = extra.get("size", "%x" % size)
    if not isinstance(text, str) or not _SIZE.fullmatch(text) or int(text, 16) != size:
        raise FixtureError("expected size to be %d in hexadecimal, found %s" % (size, shortened(text)))
    if set(decode_bytes(extra.get("ext", ""))) & set(b"\r\n"):
        raise FixtureError("expected ext to be without CR and LF")


def _read_request(value: Any) -> RecordedRequest:
    optional = {"json": object, "body": object, "version": str, "length": int}
    data = _members(value, "request", {"method": str, "path": str, "headers": list}, optional)
    if not _FIELD_NAME.fullmatch(data["method"]):
        raise FixtureError("expected request.method to be a word, found %s" % shortened(data["method"]))
    if not _TARGET.fullmatch(data["path"]):
        raise FixtureError("expected request.path in visible ASCII, found %s" % shortened(data["path"]))
    if "json" in data and "body" in data:
        raise FixtureError("expected json or body in the request, found both")
    return RecordedRequest(
        data["method"],
        data["path"],
        _read_fields(data["headers"]),
        json=data.get("json", UNSET),
        body=decode_bytes(data["body"]) if "body" in data else None,
        version=_http_version(data.get("version", "1.1")),
        length=data.get("length"),
    )


def _read_head(value: Any, lowest: int = 200, highest: int = 999) -> Head:
    data = _members(value, "head", {"version": str, "status": int, "reason": object, "headers": list}, {})
    status = data["status"]
    if not lowest <= status <= highest:
        raise FixtureError("expected a status from %d to %d, found %s" % (lowest, highest, shortened(status)))
    reason = _on_one_line(decode_bytes(data["reason"]))
    return Head(_http_version(data["version"]), status, reason.decode("latin-1"), _read_text_fields(data["headers"]))


def _read_interim(value: Any) -> Head:
    return _read_head(value, 100, 199)


def _read_fields(value: Any) -> RequestFields:
    if not isinstance(value, list):
        raise FixtureError("expected an array of [name, value], found %s" % shortened(value))
    fields = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            raise FixtureError("expected [name, value], found %s" % shortened(pair))
        if not isinstance(pair[0], str) or not _FIELD_NAME.fullmatch(pair[0]):
            raise FixtureError("expected the name of a header field, found %s" % shortened(pair[0]))
        fields.append((pair[0], _on_one_line(decode_bytes(pair[1]))))
    return fields


def _read_text_fields(value: Any) -> List[Tuple[str, str]]:
    return [(name, content.decode("latin-1")) for name, content in _read_fields(value)]


def _on_one_line(content: bytes) -> bytes:
    if set(content) & set(b"\r\n\0"):
        raise FixtureError("expected header text without CR, LF and NUL, found %s" % shortened(encode_bytes(content)))
    return content


def _http_version(text: str) -> str:
    if not _HTTP_VERSION.fullmatch(text):
        raise FixtureError("expected an HTTP version such as 1.1, found %s" % shortened(text))
    return text


def _read_note(value: Any) -> str:
    if not isinstance(value, str):
        raise FixtureError("expected a note to be a string, found %s" % shortened(value))
    return value


def _read_end(value: Any) -> Dict[str, Any]:
    data = _members(value, "end", {"how": str}, {"detail": str})
    if data["how"] not in HOWS:
        raise FixtureError("expected end.how to be %s, found %s" % (_either(HOWS), shortened(data["how"])))
    return data


_READERS: Dict[str, Callable[[Any], Any]] = {
    "request": _read_request,
    "interim": _read_interim,
    "head": _read_head,
    "chunk": decode_bytes,
    "part": decode_bytes,
    "trailers": _read_text_fields,
    "raw": decode_bytes,
    "note": _read_note,
    "end": _read_end,
}


def _members(value: Any, name: str, required: Mapping[str, type], optional: Mapping[str, type]) -> Dict[str, Any]:
    """The object, once it has what it must have and nothing that is unknown: dropping that would lose it silently."""
    if not isinstance(value, dict):
        raise FixtureError("expected %s to be an object, found %s" % (name, shortened(value)))
    for member in required:
        if member not in value:
            raise FixtureError("expected %s in %s" % (member, name))
    kinds = {**required, **optional}
    for member in value:
        if member not in kinds:
            raise FixtureError("unknown member %s in %s" % (shortened(member), name))
    _check_kinds(value, name, kinds)
    return value


def _check_kinds(value: Mapping[str, Any], name: str, kinds: Mapping[str, type]) -> None:
    for member, kind in kinds.items():
        # Not isinstance: to Python true and false are integers.
        if member in value and kind is not object and type(value[member]) is not kind:
            found = shortened(value[member])
            raise FixtureError("expected %s.%s to be %s, found %s" % (name, member, _KIND_NAMES[kind], found))


def _either(choices: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(choices[:-1]), *choices[-1:]))) or "nothing"
