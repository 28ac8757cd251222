"""The text of a fixture, line by line: the header and the events in it, as often as they are asked for.

``FixtureLines`` are the lines of a file or of bytes; ``read_header`` and ``read_events`` say what they mean. All of them
hold one line at a time, so a file may be larger than memory: what is kept of it is for ``fixture`` to decide. A file
whose first line is no header of the format is a plain response body, one chunk a line. What is wrong is a
``FixtureError`` with the number of the line.
"""

from __future__ import annotations

import io
import os
import re
from typing import Any, BinaryIO, Dict, Iterable, Iterator, Optional, Tuple

from ._errors import FixtureError
from ._http1 import Head
from .canonical import parse_json
from .exchange import Event, RecordedRequest
from .fixture_lines import VERSION_KEY, EventReader, checked_header

SUFFIX = ".exchange.jsonl"
PLAIN_SUFFIX = ".ndjson"
MAX_FIXTURE_LINE = 64 << 20  # bytes, as in the client: what it cannot receive need not be stored

_HEADER_START = re.compile(rb'\s*\{\s*"%s"\s*:' % VERSION_KEY.encode("ascii"))


class FixtureLines:
    """The lines of a file, or of ``data``. Each iteration reads them anew; the first one sets ``size``, of a file.

    An iteration raises FixtureError where the file cannot be read, where it is no longer what the first one found, and
    for a line that is too long.
    """

    def __init__(self, name: str, path: Optional[str] = None, data: Optional[bytes] = None) -> None:
        self.name = name  # of the file, with its suffix
        self.path = path
        self.size = 0  # bytes on disk
        self._data = data
        self._state: Optional[Tuple[int, int]] = None

    def __iter__(self) -> Iterator[bytes]:
        lineno = 0
        try:
            with self._open() as file:
                while True:
                    line = file.readline(MAX_FIXTURE_LINE + 1)
                    self._check_state(file)
                    if not line:
                        return
                    lineno += 1
                    if len(line) > MAX_FIXTURE_LINE:
                        raise self.error("expected a line of at most %d bytes" % MAX_FIXTURE_LINE, lineno)
                    yield line
        except FixtureError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise unreadable(str(self.path), error) from error

    def error(self, what: object, lineno: int) -> FixtureError:
        return FixtureError("%s, line %d: %s" % (self.name, lineno, what), path=self.path, lineno=lineno)

    def _open(self) -> BinaryIO:
        return io.BytesIO(self._data) if self._data is not None else open(str(self.path), "rb")

    def _check_state(self, file: BinaryIO) -> None:
        """After each line: what was read before a change is good, and what came after it is another recording."""
        if self._data is not None:
            return
        found = os.fstat(file.fileno())
        state = found.st_size, found.st_mtime_ns
        if self._state is None:
            self._state, self.size = state, found.st_size
        elif self._state != state:
            raise FixtureError("%s: changed since it was loaded; load it again" % self.path, path=self.path)


def unreadable(path: str, error: Exception) -> FixtureError:
    reason = error.strerror if isinstance(error, OSError) else error
    return FixtureError("%s: cannot be read: %s" % (path, reason), path=path)


def read_header(lines: FixtureLines, allow_truncated: bool = False) -> Optional[Dict[str, Any]]:
    """The header; None where the file is a plain response body. Raises FixtureError."""
    first_line = next(iter(lines), b"")
    if not lines.name.endswith(SUFFIX) and not _HEADER_START.match(first_line):
        return None
    if not first_line or (allow_truncated and _is_cut(first_line)):
        return {}  # what is missing is told by the next function
    try:
        return checked_header(parse_json(first_line))
    except FixtureError as error:
        raise lines.error(error, 1) from None


def read_events(lines: FixtureLines, allow_truncated: bool = False) -> Iterator[Event]:
    """The events of an exchange file, as they are read. Raises FixtureError."""
    reader, lineno = EventReader(), 0
    for line in lines:
        if allow_truncated and _is_cut(line):
            break
        lineno += 1
        if lineno > 1:
            try:
                event = reader.read(parse_json(line))
            except FixtureError as error:
                raise lines.error(error, lineno) from None
            yield event
    try:
        end = reader.finish(allow_truncated)
    except FixtureError as error:
        raise lines.error(error, lineno + 1) from None
    if end is not None:
        yield end


def plain_events(lines: FixtureLines) -> Iterator[Event]:
    """A bare response body, unvalidated: status 200, one chunk a line, all at time 0."""
    yield Event(0.0, "request", RecordedRequest("POST", "/api/generate" if is_generate(lines) else "/api/chat", []))
    fields = [("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked")]
    yield Event(0.0, "head", Head("1.1", 200, "OK", fields))
    for line in lines:
        yield Event(0.0, "chunk", line)
    yield Event(0.0, "end", {"how": "complete"})


def is_generate(lines: Iterable[bytes]) -> bool:
    """Whether the first line that is JSON has the field that only /api/generate sends."""
    for line in lines:
        try:
            record = parse_json(line)
        except FixtureError:
            continue
        return isinstance(record, dict) and "response" in record
    return False


def _is_cut(line: bytes) -> bool:
    """Whether a last line is only the start of one: without its closing bracket it is not JSON."""
    if line.endswith(b"\n"):
        return False
    try:
        parse_json(line)
    except FixtureError:
        return True
    return False
