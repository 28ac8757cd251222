"""Exchange files: recorded exchanges on disk, and everything that can be done with them.

``load``, ``loads`` and ``load_folder`` read, ``dumps`` and ``Writer`` write, ``lint`` finds what does not belong there.
A file whose first line is no header of the format is a plain response body, as ``curl -sN`` saves it. Reading executes
nothing, and whatever the bytes, what cannot be read is a ``FixtureError`` with its line number.

    canonical       JSON text, and bytes in it
    exchange        one exchange as data, and as it goes over a socket
    redact          what of an exchange may be stored
    cassette        which exchange answers a request
    fixture_lines   the lines of a file, both ways
    fixture         files; the public names of all of them can be had from here
"""

from __future__ import annotations

import errno
import io
import logging
import os
import re
from contextlib import suppress
from itertools import zip_longest
from typing import Any, BinaryIO, Dict, Iterator, List, Mapping, Optional, Tuple

from ._address import UNSET
from ._errors import FixtureError
from ._http1 import Head
from .canonical import decode_bytes, encode_bytes, parse_json, shortened
from .cassette import Cassette, matches, nearest, normalise
from .exchange import Event, Fixture, PathLike, RecordedRequest, chunk_event, latin_1
from .fixture_lines import VERSION, VERSION_KEY, EventReader, checked_header, dumps, event_line, header_line
from .redact import Redactor, origin

__all__ = [
    "UNSET",
    "Cassette",
    "Event",
    "Fixture",
    "RecordedRequest",
    "Redactor",
    "Writer",
    "chunk_event",
    "decode_bytes",
    "dumps",
    "encode_bytes",
    "lint",
    "load",
    "load_folder",
    "loads",
    "matches",
    "nearest",
    "normalise",
]

SUFFIX = ".exchange.jsonl"
PLAIN_SUFFIX = ".ndjson"
MAX_FIXTURE_LINE = 64 << 20  # bytes, as in the client: what it cannot receive need not be stored
MAX_FIXTURE_NAME = 200  # bytes; with the suffixes it stays below the 255 that file systems allow

_HEADER_START = re.compile(rb'\s*\{\s*"%s"\s*:' % VERSION_KEY.encode("ascii"))
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")  # Windows knows these in every folder
_FILE_NAME = re.compile(r'[^\x00-\x1f\x7f"*/:<>?\\|]+')
_KEY_SHAPES = (
    ("a key", re.compile(rb"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{8}")),
    ("a bearer token", re.compile(rb"Bearer [A-Za-z0-9._~+/=-]{8}")),
    # Of the part before the first dot only the end: looking for its start takes quadratic time.
    ("a JSON web token", re.compile(rb"[A-Za-z0-9_-]{8}\.eyJ[A-Za-z0-9_-]{8,}\.")),
)
_HEX_KEY = re.compile(rb"[0-9A-Fa-f]{32}")


# Reading


def load(path: PathLike, *, allow_truncated: bool = False) -> Fixture:
    """The exchange in a file, or the plain response body that the file is.

    ``allow_truncated`` reads what a killed recorder left: the connection then ends there, as ``eof``. Raises
    FixtureError, with the number of the line that is at fault.
    """
    file_path = os.fspath(path)
    name = os.path.basename(file_path)
    try:
        with open(file_path, "rb") as file:
            lines = _read_lines(file, name, file_path)
    except FixtureError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(file_path, error) from error
    return _parse(lines, name, file_path, allow_truncated)


def loads(data: bytes, name: str = "fixture", *, allow_truncated: bool = False, path: Optional[str] = None) -> Fixture:
    """``load`` for the bytes of a file; ``name`` is the file's, with its suffix."""
    return _parse(_read_lines(io.BytesIO(data), name, path), name, path, allow_truncated)


def load_folder(path: PathLike) -> List[Fixture]:
    """A cassette: the exchanges in the files of a folder, not of those below it, in the order of their names.

    Raises FixtureError where there is none, and for a link that leads out of the folder.
    """
    folder = os.fspath(path)
    try:
        root = os.path.realpath(folder)
        names = sorted(name for name in os.listdir(folder) if name.endswith((SUFFIX, PLAIN_SUFFIX)))
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    files = [os.path.join(folder, name) for name in names if not os.path.isdir(os.path.join(folder, name))]
    if not files:
        raise FixtureError("%s: expected files named *%s or *%s" % (folder, SUFFIX, PLAIN_SUFFIX), path=folder)
    for file in files:
        if os.path.dirname(os.path.realpath(file)) != root:
            raise FixtureError("%s: a link that leads out of the folder" % file, path=file)
    return [load(file) for file in files]


def _unreadable(path: str, error: Exception) -> FixtureError:
    reason = error.strerror if isinstance(error, OSError) else error
    return FixtureError("%s: cannot be read: %s" % (path, reason), path=path)


def _located(what: object, name: str, path: Optional[str], lineno: int) -> FixtureError:
    return FixtureError("%s, line %d: %s" % (name, lineno, what), path=path, lineno=lineno)


def _read_lines(file: BinaryIO, name: str, path: Optional[str]) -> List[bytes]:
    lines: List[bytes] = []
    while True:
        line = file.readline(MAX_FIXTURE_LINE + 1)
        if not line:
            return lines
        lines.append(line)
        if len(line) > MAX_FIXTURE_LINE:
            raise _located("expected a line of at most %d bytes" % MAX_FIXTURE_LINE, name, path, len(lines))


def _parse(lines: List[bytes], name: str, path: Optional[str], allow_truncated: bool) -> Fixture:
    stem = _stem(name)
    if not name.endswith(SUFFIX) and not (lines and _HEADER_START.match(lines[0])):
        return Fixture({VERSION_KEY: VERSION}, _plain_events(lines), path, stem, plain=True)
    source = b"".join(lines)
    if allow_truncated and lines and _is_cut(lines[-1]):
        del lines[-1]
    header: Dict[str, Any] = {}
    reader = EventReader()
    lineno = 0
    try:
        for lineno, line in enumerate(lines, 1):
            if lineno == 1:
                header = checked_header(parse_json(line))
            else:
                reader.read(parse_json(line))
        lineno += 1
        reader.finish(allow_truncated)
    except FixtureError as error:
        raise _located(error, name, path, lineno) from None
    return Fixture(header, reader.events, path, stem, source=source)


def _stem(name: str) -> str:
    for suffix in (SUFFIX, PLAIN_SUFFIX):
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


def _is_cut(line: bytes) -> bool:
    """Whether a last line is only the start of one: without its closing bracket it is not JSON."""
    if line.endswith(b"\n"):
        return False
    try:
        parse_json(line)
    except FixtureError:
        return True
    return False


def _plain_events(lines: List[bytes]) -> List[Event]:
    """A bare response body, unvalidated: status 200, one chunk a line, all at time 0."""
    request = RecordedRequest("POST", "/api/generate" if is_generate(lines) else "/api/chat", [])
    fields = [("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked")]
    events = [Event(0.0, "request", request), Event(0.0, "head", Head("1.1", 200, "OK", fields))]
    events += [Event(0.0, "chunk", line) for line in lines]
    return events + [Event(0.0, "end", {"how": "complete"})]


def is_generate(lines: List[bytes]) -> bool:
    """Whether the first line that is JSON has the field that only /api/generate sends."""
    for line in lines:
        try:
            record = parse_json(line)
        except FixtureError:
            continue
        return isinstance(record, dict) and "response" in record
    return False


# Writing


class Writer:
    """Writes one exchange to ``NAME.exchange.jsonl`` in a folder, a line an event, as the ``redactor`` lets it.

    Until ``finish`` the file is called ``NAME.exchange.jsonl.part``; what a crash leaves there can be read with
    ``allow_truncated``. Nothing is ever overwritten. The constructor raises FixtureError; after it a recording must not
    hurt the stream: the first error ends it with one warning in the log, and ``failed`` is set.
    """

    def __init__(
        self, folder: PathLike, name: str, header: Mapping[str, Any], redactor: Optional[Redactor] = None
    ) -> None:
        self.path = os.path.join(os.fspath(folder), _checked_name(name) + SUFFIX)
        self.failed = False
        self._part = self.path + ".part"
        self._header = header
        self._redactor = redactor
        self._first_line = self._header_line()
        try:
            if os.path.lexists(self.path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.path)
            self._file = open(self._part, "xb", buffering=0)
        except (OSError, ValueError) as error:
            raise _unwritable(self._part, error) from error
        try:
            self._write(self._first_line)
        except OSError as error:
            self._file.close()
            with suppress(OSError):
                os.unlink(self._part)
            raise _unwritable(self._part, error) from error

    def event(self, event: Event) -> None:
        """Write what may be written now. Raises nothing."""
        if self._file.closed:
            return
        try:
            for stored in [event] if self._redactor is None else self._redactor.event(event):
                self._write(event_line(stored))
        except Exception as error:  # see the class: whatever it was
            self._fail(error)

    def finish(self) -> None:
        """Give the file its name. Raises nothing."""
        if self._file.closed:
            return
        try:
            self._file.close()
            self._complete_header()
            # A rename alone would overwrite what has appeared there meanwhile.
            open(self.path, "xb").close()
            os.replace(self._part, self.path)
        except Exception as error:
            self._fail(error)

    def _header_line(self) -> bytes:
        header = dict(self._header)
        if "target" in header:
            header["target"] = origin(header["target"])
        if self._redactor is not None:
            header["redacted"] = self._redactor.redacted
        return header_line(header)

    def _complete_header(self) -> None:
        """What was redacted is known only at the end, and stands in the first line."""
        first_line = self._header_line()
        if first_line == self._first_line:
            return
        whole = self._part + ".new"
        with open(self._part, "rb") as old, open(whole, "xb") as new:
            old.readline()
            new.write(first_line)
            new.writelines(old)
        os.replace(whole, self._part)

    def _write(self, line: bytes) -> None:
        while line:
            line = line[self._file.write(line) :]

    def _fail(self, error: Exception) -> None:
        self.failed = True
        self._file.close()
        # The text of any other error could quote what was about to be redacted.
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        logging.getLogger(__name__).warning("%s: the recording has stopped: %s", self.path, reason)


def _unwritable(path: str, error: Exception) -> FixtureError:
    path = (isinstance(error, OSError) and error.filename) or path
    reason = error.strerror if isinstance(error, OSError) else error
    return FixtureError("%s: cannot be written: %s" % (path, reason), path=path)


def _checked_name(name: str) -> str:
    """A name that is a plain file name on every system."""
    fits = _FILE_NAME.fullmatch(name) and not _DEVICES.fullmatch(name)
    if not fits or name[0] == "." or name[-1] in " ." or len(name.encode("utf-8", "replace")) > MAX_FIXTURE_NAME:
        raise FixtureError("expected a plain file name for a fixture, found %s" % shortened(name))
    return name


def lint(fixture: Fixture) -> List[str]:
    """What is wrong with a fixture that could be read: its text is not canonical, or something looks like a key."""
    findings = [] if fixture.source is None else _uncanonical(fixture, fixture.source)
    for where, text, fields in _texts(fixture):
        findings += ["%s: looks like %s" % (where, shape) for shape, pattern in _KEY_SHAPES if pattern.search(text)]
        if any(_HEX_KEY.search(value) for value in fields):
            findings.append("%s: looks like a key of hex digits in a header" % where)
    name = os.path.basename(fixture.path or fixture.name)
    return ["%s, %s" % (name, finding) for finding in findings]


def _uncanonical(fixture: Fixture, source: bytes) -> List[str]:
    found, canonical = source.split(b"\n"), dumps(fixture).split(b"\n")
    different = [lineno for lineno, pair in enumerate(zip_longest(found, canonical), 1) if pair[0] != pair[1]]
    return ["line %d: not in canonical form" % different[0]] if different else []


def _texts(fixture: Fixture) -> Iterator[Tuple[str, bytes, List[bytes]]]:
    """Where it stands, a text, and the values of header fields in it."""
    yield "line 1", header_line(fixture.header), []
    for lineno, event in enumerate(fixture.events, 2):
        fields: List[bytes] = []
        if event.kind == "request":
            fields = [value for _, value in event.data.headers]
        elif event.kind in ("interim", "head", "trailers"):
            fields = [latin_1(value) for _, value in (event.data if event.kind == "trailers" else event.data.headers)]
        if event.kind not in ("chunk", "part", "raw"):
            yield "line %d" % lineno, event_line(event), fields
    # One text: a key may lie across the border of two chunks.
    body = b"".join(event.data for event in fixture.events if event.kind in ("chunk", "part", "raw"))
    yield "the body of the response", body, []
