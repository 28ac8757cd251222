"""Exchange files: recorded exchanges on disk, and everything that can be done with them.

``load``, ``loads`` and ``load_folder`` read, ``dumps`` and ``Writer`` write, ``lint`` finds what does not belong there.
A file whose first line is no header of the format is a plain response body, as ``curl -sN`` saves it. Reading executes
nothing, and whatever the bytes, what cannot be read is a ``FixtureError`` with its line number.

    canonical       JSON text, and bytes in it
    exchange        one exchange as data, and as it goes over a socket
    redact          what of an exchange may be stored
    cassette        which exchange answers a request
    fixture_lines   the lines of a file, both ways
    fixture_reader  a file, line by line, as often as it is played
    fixture         files; the public names of all of them can be had from here
"""

from __future__ import annotations

import errno
import logging
import os
import re
from contextlib import suppress
from itertools import zip_longest
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ._address import UNSET
from ._errors import FixtureError
from .canonical import decode_bytes, encode_bytes, shortened
from .cassette import Cassette, matches, nearest, normalise
from .exchange import BODY_KINDS, Event, EventSequence, Fixture, PathLike, RecordedRequest, chunk_event, latin_1
from .fixture_lines import VERSION, VERSION_KEY, dumps, event_line, header_line, written_lines
from .fixture_reader import PLAIN_SUFFIX, SUFFIX, FixtureLines, plain_events, read_events, read_header, unreadable
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

Source = Union[PathLike, Fixture, Sequence[Union[PathLike, Fixture]]]

MAX_IN_MEMORY = 8 << 20  # bytes of a file; its events take three times as many
LINTED, MAX_KEY = 1 << 20, 16 << 10  # bytes of a body that are looked at together, and in which a key would end
MAX_FIXTURE_NAME = 200  # bytes; with the suffixes it stays below the 255 that file systems allow

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

    It is checked to the end. Of a file above 8 MiB no more is kept, and the events are read again as they are played:
    FixtureError where it has changed by then.

    ``allow_truncated`` reads what a killed recorder left: the connection then ends there, as ``eof``. Raises
    FixtureError, with the number of the line that is at fault.
    """
    file_path = os.fspath(path)
    name = os.path.basename(file_path)
    lines = FixtureLines(name, file_path)
    if not os.path.isfile(file_path):  # a pipe or a device can be read only once
        lines = FixtureLines(name, file_path, b"".join(lines))
    return _fixture(lines, allow_truncated)


def loads(data: bytes, name: str = "fixture", *, allow_truncated: bool = False, path: Optional[str] = None) -> Fixture:
    """``load`` for the bytes of a file; ``name`` is the file's, with its suffix."""
    return _fixture(FixtureLines(name, path, data), allow_truncated)


def load_folder(path: PathLike) -> List[Fixture]:
    """A cassette: the exchanges in the files of a folder, not of those below it, in the order of their names.

    Raises FixtureError where there is none, and for a link that leads out of the folder.
    """
    folder = os.fspath(path)
    try:
        root = os.path.realpath(folder)
        names = sorted(name for name in os.listdir(folder) if name.endswith((SUFFIX, PLAIN_SUFFIX)))
    except (OSError, ValueError) as error:
        raise unreadable(folder, error) from error
    files = [os.path.join(folder, name) for name in names if not os.path.isdir(os.path.join(folder, name))]
    if not files:
        raise FixtureError("%s: expected files named *%s or *%s" % (folder, SUFFIX, PLAIN_SUFFIX), path=folder)
    for file in files:
        if os.path.dirname(os.path.realpath(file)) != root:
            raise FixtureError("%s: a link that leads out of the folder" % file, path=file)
    return [load(file) for file in files]


def fixtures_of(source: Source) -> List[Fixture]:
    """The fixtures in a folder or a file, or in a list of files and fixtures. Raises FixtureError."""
    if isinstance(source, Fixture):
        return [source]
    if isinstance(source, (str, os.PathLike)):
        return load_folder(source) if os.path.isdir(source) else [load(source)]
    return [item if isinstance(item, Fixture) else load(item) for item in source]


def _fixture(lines: FixtureLines, allow_truncated: bool) -> Fixture:
    header = read_header(lines, allow_truncated)

    def events() -> Iterator[Event]:
        return plain_events(lines) if header is None else read_events(lines, allow_truncated)

    name = _stem(lines.name)
    found: Sequence[Event] = EventSequence(events) if lines.size > MAX_IN_MEMORY else list(events())
    if header is None:
        return Fixture({VERSION_KEY: VERSION}, found, lines.path, name, plain=True)
    return Fixture(header, found, lines.path, name, lines=lines)


def _stem(name: str) -> str:
    for suffix in (SUFFIX, PLAIN_SUFFIX):
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


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
    """What is wrong with a fixture that could be read: its text is not canonical, or something looks like a key.

    A file is read again. Raises FixtureError where that cannot be done, or it has changed.
    """
    findings = [] if fixture.lines is None else _uncanonical(fixture, fixture.lines)
    for where, text, fields in _texts(fixture):
        findings += ["%s: looks like %s" % (where, shape) for shape, pattern in _KEY_SHAPES if pattern.search(text)]
        if any(_HEX_KEY.search(value) for value in fields):
            findings.append("%s: looks like a key of hex digits in a header" % where)
    findings += ["the body of the response: looks like %s" % shape for shape in _key_shapes(_body(fixture))]
    name = os.path.basename(fixture.path or fixture.name)
    return ["%s, %s" % (name, finding) for finding in findings]


def _uncanonical(fixture: Fixture, lines: Iterable[bytes]) -> List[str]:
    pairs = zip_longest(lines, written_lines(fixture))
    lineno = next((lineno for lineno, (found, canonical) in enumerate(pairs, 1) if found != canonical), None)
    return [] if lineno is None else ["line %d: not in canonical form" % lineno]


def _texts(fixture: Fixture) -> Iterator[Tuple[str, bytes, List[bytes]]]:
    """Where it stands, a text outside of the response's body, and the values of header fields in it."""
    yield "line 1", header_line(fixture.header), []
    for lineno, event in enumerate(fixture.events, 2):
        fields: List[bytes] = []
        if event.kind == "request":
            fields = [value for _, value in event.data.headers]
        elif event.kind in ("interim", "head", "trailers"):
            fields = [latin_1(value) for _, value in (event.data if event.kind == "trailers" else event.data.headers)]
        if event.kind not in BODY_KINDS:
            yield "line %d" % lineno, event_line(event), fields


def _body(fixture: Fixture) -> Iterator[bytes]:
    return (event.data for event in fixture.events if event.kind in BODY_KINDS)


def _key_shapes(pieces: Iterable[bytes]) -> List[str]:
    """What something in the body looks like; a key may lie across the border of two pieces."""
    found = {shape for text in _windows(pieces) for shape, pattern in _KEY_SHAPES if pattern.search(text, 1)}
    return [shape for shape, _ in _KEY_SHAPES if shape in found]


def _windows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces joined to long texts that overlap by more than a key; each has one byte more in front."""
    held, size = [b"\n"], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > LINTED:
            text = b"".join(held)
            yield text
            held, size = [text[-MAX_KEY - 1 :]], MAX_KEY
    yield b"".join(held)
