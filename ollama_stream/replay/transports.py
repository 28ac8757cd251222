# SPDX-License-Identifier: MIT
"""Transports for ``Client(transport=...)``, in both colours.

    Replaying    answers from fixtures, in the process, without a socket
    Recording    answers from the exchanges in a folder; asks the server, and records, where the mode says so

What a transport and its connections are is written down in ``_net``.
"""

from __future__ import annotations

import math
import time
from typing import Any, Awaitable, Callable, Iterator, List, Optional, Sequence, Tuple

from .._address import Address
from .._dial import unreachable_error
from .._errors import OllamaError, check_origin
from .._exchange import TURN
from .._net import Connection, Network, reason
from .._records import Path
from ..fixture import (
    Cassette, Event, Fixture, RecordedRequest, Recorder, Recordings, RequestReader, Source, load_source,
    make_request, receive, receive_last_chunk,
)  # fmt: skip
from .aim import ENDS
from .faults import Fault, FaultSpec, check_faults, read_faults
from .overlay import Action, Pace, check_speed, plan_actions

Dial = Callable[[], Awaitable[Connection]]


class Replaying:
    """Answers each request with the recorded exchange that matches it; one that none matches raises FixtureError.

    ``source`` is a folder, a file, a Fixture, or a list of such. ``rules`` are ``level``, ``order``,
    ``repeat`` and ``ignore`` of ``Cassette``. Each recv() gives one chunk: at once, or where ``speed`` is given, when
    it came (1.0) or so many times as fast. ``faults`` go wrong in every exchange, after those in its header; see the
    module ``faults``. Raises FixtureError for a bad file or fault, RequestError for a bad argument.

    >>> from ollama_stream import Client
    >>> from ollama_stream.transports import Replaying
    >>> Client(transport=Replaying("chat-one-word.exchange.jsonl", level="path")).chat("m", "Hi").text
    'Hello'
    """

    def __init__(
        self, source: Source, *, speed: Optional[float] = None, faults: Sequence[FaultSpec] = (), **rules: Any
    ) -> None:
        self.cassette = Cassette(load_source(source), **rules)
        check_speed("speed", speed)
        self.speed = speed
        self.faults = check_faults(faults)
        self._made = time.monotonic()
        for fixture in self.cassette.fixtures:
            read_faults(fixture)  # what is wrong there is told now

    def open(self, address: Address, _timeout: Optional[float] = None) -> ReplayingConnection:
        age = time.monotonic() - self._made
        if any(found.kind == "refuse" and age < found.argument for found in self.faults):
            raise unreachable_error(address, "a fault of the replay: refused")
        return ReplayingConnection(self.cassette, self.speed, self.faults)


class Recording:
    """Answers from the exchange files in ``folder``, or from the server, whose answer becomes one more file there.

    ``mode`` says which: with "once", a request is sent and recorded the first time, and the same request is answered
    from disk from then on; "none" never reaches the network, and raises FixtureError for what is not recorded;
    "new_episodes" plays each recording once and records what is left; "all" always records; "verify" plays, asks the
    server too, and notes in ``differences`` how the shape of its answer differs.

    ``speed`` is ``Replaying``'s, ``level`` and ``ignore`` are ``Cassette``'s; ``redaction`` says what may be stored:
    ``keep_headers``, ``keep_query``, ``redact_json``, ``scrub`` and ``keep_images`` of ``Redactor``. Raises RequestError
    and FixtureError. A file that cannot be written is a warning in the log, and the stream goes on.

    >>> from ollama_stream import Client
    >>> from ollama_stream.transports import Recording
    >>> Client(transport=Recording("answers")).chat("llama3.2", "Say one word.").text
    'Hello'
    """

    dials = True

    def __init__(
        self,
        folder: Path,
        mode: str = "once",
        *,
        speed: Optional[float] = None,
        level: str = "exact",
        ignore: Sequence[str] = (),
        **redaction: Any,
    ) -> None:
        self.recordings = Recordings(folder, mode, level=level, ignore=ignore, **redaction)
        check_speed("speed", speed)
        self.speed = speed

    @property
    def differences(self) -> List[str]:
        """What mode "verify" has found so far."""
        return self.recordings.differences

    def open(self, address: Address, _timeout: Optional[float] = None) -> RecordingConnection:
        return RecordingConnection(self.recordings, self.speed, address)


class ReplayingConnection(Connection):
    """Reads requests as a server does, and gives what was recorded for them."""

    network = Network()  # whose clock it waits on

    def __init__(self, cassette: Cassette, speed: Optional[float] = None, faults: Sequence[Fault] = ()) -> None:
        self.sent = bytearray()
        self._cassette = cassette
        self._pace = Pace(speed)
        self._faults = faults
        self._reader = RequestReader()
        self._body: List[bytes] = []
        self._asked = 0.0
        self._planned: Iterator[Tuple[float, Action]] = iter(())
        self._next: Optional[Tuple[float, Action]] = None
        self._closed = False

    def attach(self, network: Network, dial: Dial) -> None:
        self.network = network

    async def send(self, data: bytes, timeout: Optional[float] = None) -> None:
        request = self._read(data)
        if request is not None:
            self._play(self._answer(request))

    async def recv(self, timeout: Optional[float] = None) -> bytes:
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            self._next = self._next or next(self._planned, None)
            if self._next is None:
                return b""
            due, action = self._next
            await self._wait(self._asked + due, deadline)
            if self._closed:
                return b""
            if action.kind == "reset":
                raise ConnectionResetError("connection reset by peer")
            if action.kind in ENDS:
                return b""
            self._next = None
            if action.kind == "send":
                return action.data

    def wake(self) -> None:
        self._closed = True

    def close(self) -> None:
        self._closed = True
        self._planned, self._next = iter(()), None

    async def _wait(self, due: float, deadline: float) -> None:
        """In turns, since another thread may close us. Raises TimeoutError."""
        left = min(due, deadline) - time.monotonic()
        while left > 0 and not self._closed:
            await self.network.sleep(min(left, TURN))
            left = min(due, deadline) - time.monotonic()
        if due > deadline and not self._closed:
            raise TimeoutError

    def _answer(self, request: RecordedRequest) -> Iterator[Action]:
        """Raises FixtureError where no exchange answers."""
        for found in self._faults:
            if found.point not in ("connect", "request") or found.kind == "refuse":
                continue
            if found.kind != "stall":
                yield Action(0.0, "reset" if found.kind == "reset" else "eof")
                return
            yield Action(0.0, "wait", pause=found.argument)
        yield from plan_actions(self._cassette.answer(request.method, request.path, request.body_bytes()), self._faults)

    def _read(self, data: bytes) -> Optional[RecordedRequest]:
        """The request, once the last of its bytes is there."""
        self.sent += data
        reader = self._reader
        reader.receive(data)
        head = reader.read_head()
        if head is None:
            return None
        for piece in iter(reader.read_body, b""):
            self._body.append(piece)
        return make_request(head, b"".join(self._body)) if reader.complete else None

    def _play(self, answer: Iterator[Action]) -> None:
        self._planned, self._asked = self._pace.schedule(answer), time.monotonic()


class RecordingConnection(ReplayingConnection):
    """Plays what its folder has; dials only for a request that is to be sent."""

    def __init__(self, recordings: Recordings, speed: Optional[float], address: Address) -> None:
        super().__init__(recordings.cassette, speed)
        self._recordings = recordings
        self._address = address
        self._dial: Any = None  # soon dropped: it refers to the exchange, which refers to us
        self._live: Any = None
        self._recorder: Optional[Recorder] = None

    def attach(self, network: Network, dial: Dial) -> None:
        self.network, self._dial = network, dial

    async def send(self, data: bytes, timeout: Optional[float] = None) -> None:
        request = self._read(data)
        if request is None:
            return
        dial, self._dial = self._dial, None
        fixture = self._recordings.answer(request)
        if fixture is None:
            self._live = await dial()
            await self._ask(timeout, lambda now: self._recordings.start(request, now, self._address.url))
            return
        if self._recordings.mode == "verify":
            await self._verify(dial, request, fixture, timeout)
        self._play(plan_actions(fixture))

    async def recv(self, timeout: Optional[float] = None) -> bytes:
        recorder = self._recorder
        if recorder is None:
            return await super().recv(timeout)
        return await receive(self._live, recorder, timeout) + await receive_last_chunk(self._live, recorder)

    def wake(self) -> None:
        super().wake()
        if self._recorder is not None:
            self._recorder.cancelled = True
        if self._live is not None:
            self._live.wake()

    def close(self) -> None:
        super().close()
        self._close_live()

    def _close_live(self) -> None:
        if self._live is not None:
            self._live.close()
        if self._recorder is not None:
            self._recorder.end("cancelled", time.monotonic())

    async def _ask(self, timeout: Optional[float], record: Callable[[float], Recorder]) -> Recorder:
        """Send the request to the server. One that answers early and closes makes that fail, and its answer counts."""
        try:
            await self._live.send(bytes(self.sent), timeout)
        finally:
            self._recorder = record(time.monotonic())
        return self._recorder

    async def _verify(self, dial: Any, request: RecordedRequest, fixture: Fixture, timeout: Optional[float]) -> None:
        """Have the whole answer of the server, and note how it differs."""
        events: List[Event] = []
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self._live = await dial()
            recorder = await self._ask(timeout, lambda now: Recorder(request, now, events.append))
            while not recorder.how:
                left = None if deadline is None else max(0.001, deadline - time.monotonic())
                await receive(self._live, recorder, left)
            self._recordings.compare(fixture, events)
        except OSError as error:
            check_origin(error)
            why = error if isinstance(error, OllamaError) else reason(error)
            self._recordings.note("%s: no answer from the server: %s" % (fixture.name, why))
        finally:
            self._close_live()
            self._live = self._recorder = None
