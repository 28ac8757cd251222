# SPDX-License-Identifier: MIT
"""The replay server: recorded exchanges, played to any client over a real socket.

    with serve("fixtures/recordings/ollama-0.24.0", faults=["reset@chunk=5+12"]) as server:
        client = Client(server.url)

Fixtures go in and a listening server comes out. Each request is read strictly, a ``Cassette`` chooses the exchange that
answers it, and the connection gets its bytes: one write an event, at once or at the recorded pace, ended as recorded,
with whatever faults were asked for. Each client has a ``Session`` in a thread of its own; what it got and what it then
did is in ``ReplayServer.report()``. Nothing is forwarded, no file is served.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import selectors
import socket
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

from .._errors import ConnectError, RequestError, check_origin
from .._net import reason
from ..fixture import Cassette, Event, EventSequence, Fixture, RequestBody, Source, load_source, parse_pointer
from .faults import FaultSpec, check_faults, read_faults
from .overlay import Pace, check_speed
from .player import Session, Settings, encode_json, is_loopback
from .report import Entry

BACKLOG = 1024  # clients that may connect at the same moment; the system may allow fewer
LOOPBACK = ("127.0.0.1", "::1")  # what "localhost" is
PORT_ATTEMPTS = 20  # for a port that is free at both of them

_CROWD = 100  # connections, before those that have ended are looked for
_RETRY_SECONDS = 0.05  # before accepting again where the system could not
_NOTHING_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def serve(
    source: Source, *, speed: Optional[float] = None, max_gap: Optional[float] = None, min_gap: float = 0.0,
    tps: Optional[float] = None, faults: Sequence[FaultSpec] = (), level: str = "exact", order: str = "any",
    repeat: str = "none", ignore: Sequence[str] = (), on_cancelled: str = "eof", host: str = "localhost", port: int = 0,
    allow_remote: bool = False, admin: bool = True,
) -> ReplayServer:  # fmt: skip
    """Start a server that plays ``source``: a folder of exchange files, a file, a Fixture, or a list of such.

    ``speed`` None plays at once, 1.0 at the recorded pace, 2.0 twice as fast; ``max_gap`` is the longest wait between
    two events, in seconds, ``min_gap`` the shortest between two writes, in milliseconds: it keeps them in TCP segments
    of their own. ``tps`` gives a plain body so many lines a second, and a speed of 1.0 where none is given.

    ``faults`` go wrong in every exchange, after those in its header; see the module ``faults``. An exchange that its
    client cancelled ends there with a FIN; with ``on_cancelled="complete"`` as if it were complete.

    ``level``, ``order``, ``repeat`` and ``ignore`` are ``Cassette``'s. ``host`` "localhost" is 127.0.0.1 and,
    where there is IPv6, ::1 too; ``port`` 0 is a free one. ``admin`` offers the report at GET /__replay__/report. Other
    machines are refused without ``allow_remote``.

    Raises FixtureError for a bad file or fault, RequestError for a bad argument, ConnectError where it cannot listen.

    >>> from ollama_stream import Client
    >>> from ollama_stream.replay import serve
    >>> with serve("chat-one-word.exchange.jsonl", level="path") as server: Client(server.url).chat("m", "Hi").text
    'Hello'
    """
    if on_cancelled not in ("eof", "complete"):
        raise RequestError("on_cancelled: eof or complete, not %r" % (on_cancelled,))
    for pointer in ignore:
        parse_pointer(pointer)
    settings = Settings(_make_pace(speed, tps, max_gap, min_gap), check_faults(faults), allow_remote, admin)
    cassette = Cassette(_load_fixtures(source, tps, on_cancelled), level, order, repeat, ignore)
    return ReplayServer(cassette, settings, host, port)


def _make_pace(speed: Optional[float], tps: Optional[float], max_gap: Optional[float], min_gap: float) -> Pace:
    check_speed("speed", speed)
    check_speed("tps", tps)
    if max_gap is not None and not 0 <= max_gap < math.inf:
        raise RequestError("max_gap: seconds from 0 on, or None, not %r" % (max_gap,))
    if not 0 <= min_gap < math.inf:
        raise RequestError("min_gap: milliseconds from 0 on, not %r" % (min_gap,))
    return Pace(1.0 if speed is None and tps else speed, max_gap, min_gap / 1000)


def _load_fixtures(source: Source, tps: Optional[float], on_cancelled: str) -> List[Fixture]:
    found = load_source(source)
    for fixture in found:
        read_faults(fixture)  # what is wrong there is told now
    if tps:
        found = [_set_rate(fixture, tps) if fixture.plain else fixture for fixture in found]
    if on_cancelled == "complete":
        found = [_complete(fixture) if fixture.how == "cancelled" else fixture for fixture in found]
    return found


def _set_rate(fixture: Fixture, tps: float) -> Fixture:
    """A plain body, line *i* at *i* / ``tps`` seconds. It has a request and a head before its lines, an end after."""
    last = max(len(fixture.events) - 4, 0)

    def timed() -> Iterator[Event]:
        for index, event in enumerate(fixture.events):
            yield event._replace(time=min(max(index - 2, 0), last) / tps)

    return replace(fixture, events=EventSequence(timed))


def _complete(fixture: Fixture) -> Fixture:
    """As if the client had not gone; but what was cut inside a chunk stays cut."""

    def completed() -> Iterator[Event]:
        is_cut = False
        for event in fixture.events:
            yield event if event.kind != "end" or is_cut else event._replace(data={"how": "complete"})
            is_cut = is_cut or event.kind == "part" and "of" in (event.extra or {})

    return replace(fixture, events=EventSequence(completed))


# Not socketserver's ThreadingMixIn: its shutdown() is seen at its next poll only, it joins its threads without waking
# them out of a stalled exchange, and it has no place for a client that the system has no descriptor or no thread for.
class ReplayServer:
    """Listens until ``close()``, or until the ``with`` block is left. ``serve`` makes one, which may raise.

    >>> from ollama_stream.replay import serve
    >>> with serve("chat-one-word.exchange.jsonl") as server: server.report()["unplayed"]
    ['chat-one-word']
    """

    _session_class: Callable[..., Session] = Session

    def __init__(self, cassette: Cassette, settings: Settings, host: str, port: int) -> None:
        if not is_loopback(host):
            if not settings.allow_remote:
                raise RequestError("host: %r can be reached from other machines; allow_remote=True permits that" % host)
            logging.getLogger(__package__).warning("replay: other machines can reach %s", host)
        self.cassette = cassette
        self.settings = settings
        self.stopped = threading.Event()
        self.played: List[Entry] = []  # what the report is made of; sessions append to it
        self._accepted = 0
        self._connections: Dict[Session, threading.Thread] = {}
        self._crowd = _CROWD
        self._refused = [found for found in settings.faults if found.kind == "refuse"]
        self._is_full = False  # the system had no descriptor or no thread for a client
        try:
            with ExitStack() as opened:
                self._open(host, port, opened)
                self._opened = opened.pop_all()
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
            check_origin(error)
            if isinstance(error, (ConnectError, RequestError)):
                raise
            raise ConnectError("cannot listen on %s, port %d: %s" % (host, port, reason(error))) from error

    def _open(self, host: str, port: int, opened: ExitStack) -> None:
        self._listeners = [opened.enter_context(sock) for sock in _listeners(host, port)]
        self.host, self.port = self._listeners[0].getsockname()[:2]
        self._wakes, self._wake = map(opened.enter_context, socket.socketpair())
        self._selector = opened.enter_context(selectors.DefaultSelector())
        self._spare = opened.enter_context(socket.socket())  # for a client that there is no other descriptor for
        RequestBody().close()  # loads what that needs: a session may have no descriptor left to read a module with
        if not self._refused:
            self._listen()
        self._thread = threading.Thread(target=self._accept_all, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return "http://%s:%d" % ("[%s]" % self.host if ":" in self.host else self.host, self.port)

    def __enter__(self) -> ReplayServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop at once, also in the middle of streams. No thread is left."""
        self.stopped.set()
        try:
            self._wakes.send(b"x")
        except OSError as error:  # closed before
            check_origin(error)
        self._thread.join()
        self._opened.close()
        self._spare.close()
        for connection in self._connections:
            connection.wake()
        for thread in self._connections.values():
            thread.join()

    def report(self) -> Dict[str, Any]:
        """What was played, in the order of the requests, what never was, and the faults that never struck.

        ``exchanges`` have ``connection`` (they count from 1), ``request``, ``exchange`` (the fixture's name or None),
        ``error``, ``faults`` that struck, each as ``fault`` and the ``byte`` of the response before which it did,
        ``bytes`` sent, what the ``client`` did and how many ``seconds`` after the last byte, whether it
        ``closed_within_1s`` (None where that is not known), and the connection on which it asked the same again,
        ``reconnected``. ``unplayed`` are names, ``unstruck`` the faults of this server.
        """
        played = list(self.played)
        struck = {strike["fault"] for one in played for strike in one.faults} | {str(one) for one in self._refused}
        return {
            "exchanges": [one.shown(played[index + 1 :]) for index, one in enumerate(played)],
            "unplayed": self.cassette.unplayed(),
            "unstruck": [str(one) for one in self.settings.faults if str(one) not in struck],
        }

    def assert_all_played(self) -> None:
        """Raises FixtureError where an exchange was never asked for."""
        self.cassette.assert_all_played()

    def _listen(self) -> None:
        for listener in self._listeners:
            listener.listen(BACKLOG)

    def _accept_all(self) -> None:
        """Until a byte comes from ``close``."""
        if self._refused:
            # Bound and not listening: the system refuses every connection.
            if self.stopped.wait(min(max(found.argument for found in self._refused), threading.TIMEOUT_MAX)):
                return
            self._listen()
        for sock in (self._wake, *self._listeners):
            self._selector.register(sock, selectors.EVENT_READ)
        while not self.stopped.is_set():
            for key, _ in self._selector.select():
                if key.fileobj is not self._wake:
                    self._accept(key.fileobj)

    def _accept(self, listener: Any) -> None:
        try:
            sock, _ = listener.accept()
        except OSError as error:  # the client has gone meanwhile, or there are no more descriptors
            if error.errno not in _NOTHING_LEFT or not self._accept_with_the_spare(listener, reason(error)):
                self.stopped.wait(_RETRY_SECONDS)
            return
        sock.setblocking(True)  # on some systems it inherits the listener's mode
        # Those that have ended are dropped here and not by themselves, so that close() can wait for every thread.
        # All at once whenever they have doubled: to look at a thousand for each new one would take seconds.
        if len(self._connections) > self._crowd:
            self._connections = {c: thread for c, thread in self._connections.items() if thread.is_alive()}
            self._crowd = 2 * len(self._connections) + _CROWD
        self._accepted += 1
        connection = self._session_class(self, sock, self._accepted)
        thread = threading.Thread(target=connection.run, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._turn_away(sock, reason(error))
        else:
            self._connections[connection] = thread

    def _accept_with_the_spare(self, listener: Any, why: str) -> bool:
        """A client that is left in the queue would wait without end; False where even that fails."""
        self._spare.close()
        try:
            sock, _ = listener.accept()
            self._accepted += 1
            self._turn_away(sock, why)
            self._spare = socket.socket()
        except OSError:  # another thread was faster
            return False
        return True

    def _turn_away(self, sock: socket.socket, why: str) -> None:
        """The system has nothing left for this client; the others stay. The log says so once, the report each time."""
        text = "replay: the system has nothing left for one more client: " + why
        if not self._is_full:
            logging.getLogger(__package__).error("%s", text)
        self._is_full = True
        self.played.append(Entry(self._accepted, error=text, client="closed by the server", is_over=True))
        with sock, suppress(OSError):
            sock.setblocking(False)
            sock.send(encode_json(503, {"error": text}, "Connection: close\r\n"))


def _listeners(host: str, port: int, attempts: int = PORT_ATTEMPTS) -> List[socket.socket]:
    """Sockets bound to the same port of every address of ``host``; the first address must be there."""
    first, *others = LOOPBACK if host.lower() == "localhost" else (host,)
    bound = [_bind(first, port)]
    try:
        return bound + [_bind(other, bound[0].getsockname()[1]) for other in others]
    except ConnectError as error:
        check_origin(error)
        cause = error.__cause__
        if not isinstance(cause, OSError) or cause.errno != errno.EADDRINUSE:
            return bound  # no IPv6
        bound[0].close()
        if port or not attempts:
            raise
        return _listeners(host, port, attempts - 1)


def _bind(host: str, port: int) -> socket.socket:
    sock: Optional[socket.socket] = None
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if os.name == "posix":  # on Windows a second server could take the port over
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
        return sock
    except (OSError, OverflowError, UnicodeError) as error:
        if sock is not None:
            sock.close()
        check_origin(error)
        if isinstance(error, OSError):
            raise ConnectError("cannot listen on %s, port %d: %s" % (host, port, error.strerror)) from error
        raise RequestError("cannot listen on %r, port %d: %s" % (host, port, error)) from error
