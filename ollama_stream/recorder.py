"""Recording: an exchange, as it passes over a connection, goes into a new file of a folder.

    Recorder      the request, then what each read returned and when -> the events of an exchange. No I/O, no clock.
    Recordings    a folder under one of the ``MODES``: which exchange it answers with, and which file comes next
    differences   a recorded and a live exchange -> how their shapes differ

    mode          a request that a recording matches              any other request
    none          is answered from disk                           is refused: the server is never asked
    once          is answered from disk                           is sent and recorded
    new_episodes  is answered from disk, each recording once      is sent and recorded
    all           is sent and recorded, into one more file        is sent and recorded
    verify        is answered from disk; the server is asked      is refused
                  too, and how it differs is noted

``Recording`` in ``transports`` and the proxy in ``proxy`` bring the bytes. A recording never hurts the stream that it is
of: what goes wrong with a file is one warning in the log.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from typing import Any, Callable, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ._address import Unset
from ._base import VERSION
from ._endpoints import row_of_path
from ._errors import ConnectionLost, FixtureError, ProtocolError, RequestError
from ._http1 import RequestHead, Response
from ._net import is_timeout, reason, settled
from ._stream import LineSplitter, parsed
from .canonical import pointer_parts
from .cassette import Cassette, matches
from .exchange import Event, Fixture, PathLike, RecordedRequest, chunk_event, is_chunked, latin_1
from .fixture import Writer, load, load_folder
from .fixture_reader import PLAIN_SUFFIX, SUFFIX
from .redact import Redactor

MODES = ("none", "once", "new_episodes", "all", "verify")
LAST_CHUNK_SECONDS = 1.0  # that a server gets to end the message after the record that ends the answer
SAME_SECONDS = 2 * LAST_CHUNK_SECONDS
MAX_LAST_LINE = 4 << 20  # bytes; the last record of an answer may hold a context of some 100,000 numbers
MAX_LABEL = 60  # characters of a file name after its number

_NUMBERED = re.compile(r"([0-9]{4,9})-")
_NOT_IN_LABEL = re.compile(r"[^A-Za-z0-9_.]+")


class Recorder:
    """One exchange: its events are given to ``write`` as soon as they are known, the request at once.

    ``started`` is when the last byte of the request had been handed to the system; all times are seconds of one
    monotonic clock. ``how`` is empty until the end has been written. ``answered`` says that the record which ends the
    answer has come: a client may go away then, although the end of the message is still due.
    """

    def __init__(
        self, request: RecordedRequest, started: float, write: Callable[[Event], None], name: Optional[str] = None
    ) -> None:
        self.name = name  # of the file, without its suffix
        self.how = ""
        self.answered = False
        self.cancelled = False  # set from outside, by any thread: an end that is seen now is the client's own doing
        self._write = write
        self.started = started
        self._response = Response(request.method, keep_chunks=True)
        self._is_last = row_of_path(request.method, request.path.partition("?")[0]).is_last
        self._lines = LineSplitter(MAX_LAST_LINE)
        self._rejected = False
        self._head_written = False
        self._interims = 0  # written
        self._size = 0  # of the body before this piece
        self._size_time = 0.0  # when it reached that
        self._chunked_size = 0  # of the chunks written
        write(Event(0.0, "request", request))

    @property
    def reusable(self) -> bool:
        """The connection may carry another exchange."""
        return self._response.reusable

    def received(self, piece: bytes, now: float) -> None:
        """What one read returned, ``b""`` at end of file. What comes after the end is dropped."""
        if self.how:
            return
        if not piece:
            self.end("eof", now)
        elif self._rejected:
            self._write(Event(self._elapsed(now), "raw", piece))
        else:
            self._response.receive(piece)
            self._read(self._elapsed(now))
            if self._response.complete:
                self.end("complete", now)

    def end(self, how: str, now: float, detail: Optional[str] = None) -> None:
        """The exchange is over, as ``how`` says; the first end counts."""
        if self.how:
            return
        at = self._elapsed(now)
        response = self._response
        if not self._rejected and not response.complete:
            response.receive(b"")
            self._read(at)
        if response.complete and response.trailers:
            self._write(Event(at, "trailers", response.trailers))
        elif not response.complete and not self._rejected and response.unparsed():
            self._write(Event(at, "raw", response.unparsed()))
        if self.cancelled and how != "complete":
            how, detail = "cancelled", None
        self.how = how
        self._write(Event(at, "end", {"how": how} if detail is None else {"how": how, "detail": detail}))

    def _elapsed(self, now: float) -> float:
        return max(0.0, now - self.started)

    def _read(self, at: float) -> None:
        """Write what can be read by now; from the first byte on that the parser refuses, bytes as they are."""
        response = self._response
        bodies: List[bytes] = []
        try:
            for body in iter(response.read_body, b""):
                bodies.append(body)
        except ConnectionLost:
            pass
        except ProtocolError:
            self._rejected = True
        self._write_heads(at)
        self._write_body(b"".join(bodies), at)
        if self._rejected:
            self._write(Event(at, "raw", response.unparsed()))

    def _write_heads(self, at: float) -> None:
        response = self._response
        for interim in response.interims[self._interims :]:
            self._write(Event(at, "interim", interim))
        self._interims = len(response.interims)
        if response.head is not None and not self._head_written:
            self._head_written = True
            self._write(Event(at, "head", response.head))

    def _write_body(self, body: bytes, at: float) -> None:
        head = self._response.head
        if head is not None and is_chunked(head):
            for chunk in self._response.take_chunks():
                self._chunked_size += len(chunk.data)
                # The CRLF after a chunk may come later than the chunk's last byte, and its time is that byte's.
                came_before = chunk.data and self._chunked_size <= self._size
                self._write(chunk_event(self._size_time if came_before else at, chunk))
        elif body:
            self._write(Event(at, "part", body))
        if body:
            self._size += len(body)
            self._size_time = at
            self._look_for_the_last_record(body)

    def _look_for_the_last_record(self, body: bytes) -> None:
        if self._is_last is None or self.answered:
            return
        self._lines.receive(body)
        try:
            last_line = self._lines.block().strip().rpartition(b"\n")[2]
        except ProtocolError:
            self._is_last = None  # too long a line: what follows is not to be kept
            return
        try:
            record = parsed(last_line.decode("utf-8")) if last_line else None
        except (ProtocolError, UnicodeDecodeError):
            return
        self.answered = isinstance(record, dict) and (self._is_last(record) or bool(record.get("error")))


class Recordings:
    """A folder of exchange files, used in one of the ``MODES``. Safe to share between threads.

    ``level`` and ``ignore`` are those of ``Cassette``, ``redaction`` the keywords of ``Redactor``. ``differences`` has
    what mode verify has found, each with the file's name. Raises RequestError for a mode that is none, FixtureError for
    a file that is none and, in the modes that only read, for a folder without any.
    """

    def __init__(
        self, folder: PathLike, mode: str, *, level: str = "exact", ignore: Sequence[str] = (), **redaction: Any
    ) -> None:
        if mode not in MODES:
            raise RequestError("mode: one of %s, not %r" % (", ".join(MODES), mode))
        Redactor(**redaction)  # what is wrong with these is told now, not by the first recording
        for pointer in ignore:
            pointer_parts(pointer)
        self.folder = os.fspath(folder)
        self.mode = mode
        self.differences: List[str] = []
        # A program asks the same question as often as it did when it was recorded; with "once" that was one file.
        repeat = "none" if mode == "new_episodes" else "last"
        self.cassette = Cassette(self._stored(), level, "any", repeat, ignore)
        self._redaction = redaction
        self._running: List[RecordedRequest] = []  # whose recordings have not ended
        self._changing = threading.Condition()

    def answer(self, request: RecordedRequest) -> Optional[Fixture]:
        """The exchange that answers a request; None where the server is to be asked.

        Raises FixtureError where no exchange does and the mode does not record.
        """
        if self.mode == "all":
            return None
        stored = self._redacted(request)
        try:
            return self.cassette.answer(stored.method, stored.path, stored.body_bytes())
        except FixtureError:
            if self.mode in ("none", "verify"):
                raise
            return None

    def wait_for_the_same(self, request: RecordedRequest) -> None:
        """In mode once, let a recording of the same request end first; for a moment, as it may run for long.

        A client asks again as soon as it has the last record, and the file may not have it yet.
        """
        if self.mode == "once":
            stored, rules = self._redacted(request), (self.cassette.level, self.cassette.ignore)
            with self._changing:
                self._changing.wait_for(
                    lambda: not any(matches(running, stored, *rules) for running in self._running), SAME_SECONDS
                )

    def start(self, request: RecordedRequest, started: float, target: str) -> Recorder:
        """Record an exchange with the server at the URL ``target`` into a new file. Raises nothing."""
        stored = self._redacted(request)
        try:
            os.makedirs(self.folder, exist_ok=True)
            writer = self._new_writer(file_label(stored), target)
        except (OSError, ValueError) as error:  # FixtureError is a ValueError; so is what a NUL in a path raises
            logging.getLogger(__name__).warning("%s: nothing is recorded: %s", self.folder, error)
            return Recorder(request, started, lambda event: None)
        name = os.path.basename(writer.path)[: -len(SUFFIX)]
        with self._changing:
            self._running.append(stored)
        return Recorder(request, started, lambda event: self._write(writer, stored, event), name)

    def compare(self, fixture: Fixture, live: Sequence[Event]) -> None:
        """Note how a live exchange differs from a recorded one."""
        for difference in differences(fixture, Fixture({}, list(live))):
            self.note("%s: %s" % (fixture.name, difference))

    def note(self, difference: str) -> None:
        self.differences.append(difference)
        logging.getLogger(__name__).warning("verify: %s", difference)

    def _stored(self) -> List[Fixture]:
        try:
            names = os.listdir(self.folder)
        except (OSError, ValueError):
            names = []
        # An empty folder is as good a start as none; where nothing is recorded, load_folder() says what is missing.
        if self.mode in ("none", "verify") or any(name.endswith((SUFFIX, PLAIN_SUFFIX)) for name in names):
            return load_folder(self.folder)
        return []

    def _redacted(self, request: RecordedRequest) -> RecordedRequest:
        """The request as a file would have it: what is redacted there could not match otherwise."""
        event: Event = Redactor(**self._redaction).event(Event(0.0, "request", request))[0]
        stored: RecordedRequest = event.data
        return stored

    def _new_writer(self, label: str, target: str) -> Writer:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        header = {"recorded_at": now, "recorder": "ollama_stream/" + VERSION, "target": target}
        with self._changing:
            numbers = [int(found[1]) for found in map(_NUMBERED.match, os.listdir(self.folder)) if found]
            number = max(numbers, default=0)
            while True:
                number += 1
                try:
                    name = "%04d-%s" % (number, label)
                    return Writer(self.folder, name, header, Redactor(target, **self._redaction))
                except FixtureError as error:
                    if not isinstance(error.__cause__, FileExistsError):
                        raise  # another program that records here has the number

    def _write(self, writer: Writer, running: RecordedRequest, event: Event) -> None:
        writer.event(event)
        if event.kind != "end":
            return
        writer.finish()
        if not writer.failed:
            logging.getLogger(__name__).info("%s: %s", writer.path, event.data["how"])
            if self.mode == "once":
                self._add(writer.path)
        with self._changing:
            self._running = [other for other in self._running if other is not running]
            self._changing.notify_all()

    def _add(self, path: str) -> None:
        try:
            self.cassette.add(load(path))
        except FixtureError as error:
            logging.getLogger(__name__).warning("%s", error)


def recorded_request(head: RequestHead, body: bytes) -> RecordedRequest:
    """A request that was read off a connection."""
    fields = [(name, latin_1(value)) for name, value in head.headers]
    return RecordedRequest.from_wire(head.method, head.target, fields, body, head.version)


def file_label(request: RecordedRequest) -> str:
    """The end of the path and the model, as far as they make a file name."""
    words = [request.path.partition("?")[0].rstrip("/").rpartition("/")[2]]
    body = {} if isinstance(request.json, Unset) else request.json
    if isinstance(body, dict):
        words += [name for name in (body.get("model"), body.get("name")) if isinstance(name, str)][:1]
    return _NOT_IN_LABEL.sub("-", "-".join(words))[:MAX_LABEL].strip("-.") or "request"


async def receive(connection: Any, recorder: Recorder, timeout: Optional[float]) -> bytes:
    """What a read returns, recorded. Raises OSError, recorded too."""
    try:
        piece: bytes = await settled(connection.recv(timeout))
    except OSError as error:
        how, detail = how_lost(error)
        recorder.end(how, time.monotonic(), detail)
        raise
    recorder.received(piece, time.monotonic())
    return piece


async def last_chunk(connection: Any, recorder: Recorder) -> bytes:
    """What ends the message of an answer that is whole; nothing in other cases.

    Whoever has the last record goes away. The last chunk follows at once, and belongs into the file.
    """
    pieces = []
    deadline = time.monotonic() + LAST_CHUNK_SECONDS
    while recorder.answered and not recorder.how:
        try:
            pieces.append(await receive(connection, recorder, max(0.001, deadline - time.monotonic())))
        except OSError:
            pass
    return b"".join(pieces)


def how_lost(error: OSError) -> Tuple[str, Optional[str]]:
    """How an exchange ends, and the detail, where reading has failed."""
    if is_timeout(error):
        return "timeout", None
    return ("reset", None) if isinstance(error, ConnectionResetError) else ("error", reason(error))


# --- verify -----------------------------------------------------------------------------------------------------------


def differences(recorded: Fixture, live: Fixture) -> List[str]:
    """How the shape of a live answer differs: status, content type, the keys of its lines, the record that ends it."""
    is_last = row_of_path(recorded.request.method, recorded.request.path.partition("?")[0]).is_last
    shapes = []
    for exchange in (recorded, live):
        records = list(_records(exchange))
        head = exchange.head
        ended = any(map(is_last, records)) if is_last else None
        shapes.append((
            ("status", head and head.status),
            ("content type", head and head.get("Content-Type")),
            ("a record that ends the answer", ended),
        ))  # fmt: skip
    found = ["%s: recorded %s, now %s" % (what, one, now) for (what, one), (_, now) in zip(*shapes) if one != now]
    before, after = _key_sets(recorded), _key_sets(live)
    found += ["a line with the keys %s: recorded, now missing" % ", ".join(keys) for keys in sorted(before - after)]
    found += ["a line with the keys %s: new" % ", ".join(keys) for keys in sorted(after - before)]
    return found


def _records(exchange: Fixture) -> Iterator[Mapping[str, Any]]:
    for line in exchange.body().split(b"\n"):
        try:
            record = parsed(line.decode("utf-8"))
        except (ProtocolError, UnicodeDecodeError):
            continue
        if isinstance(record, dict):
            yield record


def _key_sets(exchange: Fixture) -> Set[Tuple[str, ...]]:
    return {tuple(sorted(_keys(record))) for record in _records(exchange)}


def _keys(record: Mapping[str, Any], before: str = "") -> FrozenSet[str]:
    """The keys of an object and of those in it, as ``message.content``; what lists hold is content, not shape."""
    keys = set()
    for key, value in record.items():
        keys.add(before + key)
        if isinstance(value, dict):
            keys |= _keys(value, before + key + ".")
    return frozenset(keys)
