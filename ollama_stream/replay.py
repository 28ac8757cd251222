"""The replay server: recorded exchanges, played to any client over a real socket.

    with serve("fixtures/recordings/ollama-0.24.0") as server:
        client = Client(server.url)

Fixtures go in and a listening server comes out. Each request is read strictly, a ``Cassette`` chooses the exchange that
answers it, and the connection gets its bytes: one write an event, at once or at the recorded pace, ended as recorded.
What each client got and what it then did is in ``ReplayServer.report()``. Nothing is forwarded, no file is served.

    serve            what to play -> ReplayServer
    ReplayServer     the listening socket, the cassette, the report
    _Connection      one client, in a thread of its own: a request in, an exchange out, and again
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from ._errors import ConnectError, ConnectionLost, FixtureError, ProtocolError, RequestError, ResponseError
from ._http1 import RequestHead, RequestReader, Response
from .canonical import pointer_parts
from .cassette import Cassette
from .exchange import Fixture, PathLike
from .fixture import load, load_folder

if TYPE_CHECKING:
    import socket
    import socketserver

Source = Union[PathLike, Fixture, Sequence[Union[PathLike, Fixture]]]

MAX_BODY = 64 << 20  # bytes of a request; a chat with a few images has 10 MB
HEAD_SECONDS = 10.0  # for the head of a request, from its first byte on, of the first one from the connection on
BODY_SECONDS = 60.0  # without a byte of the body
LINGER_SECONDS = 2.0  # that a client gets to close after us
BACKLOG = 1024  # clients that may connect at the same moment; the system may allow fewer
ADMIN = "/__replay__"

_PIECE = 64 << 10
_LONGEST_WAIT = 3600.0  # seconds in one go: a greater number may not fit into the system's
_POLL = 0.05  # seconds; how late close() is where a listening socket cannot be shut down
_MAX_SHOWN = 200  # characters of a target or a host
_HOST_FIELD = re.compile(r"(?:\[([^]]*)\]|([^:]*))(?::[0-9]*)?")  # RFC 9110, 7.2
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 413: "Too Large"}
_REASONS[502] = "Bad Gateway"  # the recording proxy's


def serve(
    source: Source,
    *,
    speed: Optional[float] = None,
    level: str = "exact",
    order: str = "any",
    repeat: str = "none",
    ignore: Sequence[str] = (),
    max_gap: Optional[float] = None,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_remote: bool = False,
    admin: bool = True,
) -> ReplayServer:
    """Start a server that plays a folder of exchange files, a file, a Fixture, or a list of files and Fixtures.

    ``speed`` None plays at once, 1.0 at the recorded pace, 2.0 twice as fast; ``max_gap`` is the longest wait between
    two events, in seconds. ``level``, ``order``, ``repeat`` and ``ignore`` are ``Cassette``'s. Port 0 is a free one.
    ``admin`` offers the report at GET /__replay__/report. Other machines are refused without ``allow_remote``.

    Raises FixtureError for a bad file, RequestError for a bad argument, ConnectError where it cannot listen.
    """
    if speed is not None and not 0 < speed < math.inf:
        raise RequestError("speed: a number above 0, or None for at once, not %r" % (speed,))
    if max_gap is not None and not 0 <= max_gap < math.inf:
        raise RequestError("max_gap: seconds from 0 on, or None, not %r" % (max_gap,))
    for pointer in ignore:
        pointer_parts(pointer)
    cassette = Cassette(_fixtures(source), level, order, repeat, ignore)
    return ReplayServer(cassette, _Pace(speed, max_gap), host, port, allow_remote, admin)


def _fixtures(source: Source) -> List[Fixture]:
    if isinstance(source, Fixture):
        return [source]
    if isinstance(source, (str, os.PathLike)):
        return load_folder(source) if os.path.isdir(source) else [load(source)]
    return [item if isinstance(item, Fixture) else load(item) for item in source]


def _is_loopback(host: str) -> bool:
    """Exactly: a name that only begins like one of ours may be anybody's (DNS rebinding)."""
    from ipaddress import ip_address

    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _Pace(NamedTuple):
    """When events are due; ``speed`` and ``max_gap`` as in ``serve``."""

    speed: Optional[float]
    max_gap: Optional[float]

    def delays(self, times: Sequence[float]) -> List[float]:
        """Seconds after the request at which each event is due: a schedule, so that lateness does not add up."""
        if self.speed is None:
            return [0.0] * len(times)
        delays: List[float] = []
        due = before = 0.0
        for moment in times:
            gap = (moment - before) / self.speed
            due += gap if self.max_gap is None else min(gap, self.max_gap)
            before = moment
            delays.append(due)
        return delays


@dataclass
class _Played:
    """One entry of the report: what a request was answered with, and what its client did then.

    ``client`` is "reading", once all is sent "still connected", and in the end "read to the end", "closed after N
    bytes" or "reset by the server"; the client did that ``seconds`` after the last byte was sent. ``exchange`` is None
    where there was none to play; then ``error`` is what the client was told.
    """

    connection: int
    request: Optional[str]
    exchange: Optional[str]
    error: Optional[str]
    bytes: int = 0
    client: str = "reading"
    seconds: Optional[float] = None


class ReplayServer:
    """Listens until ``close()``, or until the ``with`` block is left. ``serve`` makes one."""

    def __init__(self, cassette: Cassette, pace: _Pace, host: str, port: int, allow_remote: bool, admin: bool) -> None:
        if not _is_loopback(host):
            if not allow_remote:
                raise RequestError("host: %r can be reached from other machines; allow_remote=True permits that" % host)
            logging.getLogger(__name__).warning("replay: other machines can reach %s", host)
        self.cassette = cassette
        self.pace = pace
        self.allow_remote = allow_remote
        self.admin = admin
        self.closing = False
        self._played: List[_Played] = []
        self._accepted = 0
        self._connections: Dict[_Connection, threading.Thread] = {}
        self._listener = _listen(host, port, self._accept)
        self.host, self.port = self._listener.socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(_POLL,), daemon=True)
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
        import socket

        self.closing = True
        with suppress(OSError):  # wakes the thread that accepts, where the system lets it
            self._listener.socket.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        for connection in self._connections:
            connection.wake()
        for thread in self._connections.values():
            thread.join()

    def report(self) -> Dict[str, Any]:
        """What was played, in the order of the requests, and what never was, as ``exchanges`` and ``unplayed``.

        An exchange has ``connection`` (they count from 1), ``request``, ``exchange`` (the fixture's name or None),
        ``error``, ``bytes`` sent, ``client`` and ``seconds``.
        """
        return {"exchanges": [asdict(played) for played in list(self._played)], "unplayed": self.cassette.unplayed()}

    def assert_all_played(self) -> None:
        """Raises FixtureError where an exchange was never asked for."""
        self.cassette.assert_all_played()

    def add(self, played: _Played) -> None:
        """For the connections: list an exchange in the report."""
        self._played.append(played)
        if played.error is not None:
            logging.getLogger(__name__).warning("replay: %s", played.error)

    def _new_connection(self, sock: socket.socket, number: int) -> _Connection:
        return _Connection(self, sock, number)

    def _accept(self, sock: socket.socket) -> None:
        # Those that have ended are dropped here and not by themselves, so that close() can wait for every thread.
        self._connections = {c: thread for c, thread in self._connections.items() if thread.is_alive()}
        self._accepted += 1
        connection = self._new_connection(sock, self._accepted)
        thread = threading.Thread(target=connection.run, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads: this client must go, the others stay
            sock.close()
        else:
            self._connections[connection] = thread


def _listen(host: str, port: int, accept: Callable[[socket.socket], None]) -> socketserver.TCPServer:
    import socket
    import socketserver

    class Listener(socketserver.TCPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        allow_reuse_address = os.name == "posix"  # on Windows a second server could take the port over
        request_queue_size = BACKLOG

        def process_request(self, request: Any, client_address: Any) -> None:
            accept(request)

    try:
        return Listener((host, port), socketserver.BaseRequestHandler)
    except OSError as error:
        raise ConnectError("cannot listen on %s, port %d: %s" % (host, port, error.strerror)) from error
    except (OverflowError, UnicodeError) as error:
        raise RequestError("cannot listen on %r, port %d: %s" % (host, port, error)) from error


class _Answer(NamedTuple):
    """What a client gets: bytes and when, in recorded seconds; how the connection then ends, and when."""

    exchange: Optional[str]
    wire: List[Tuple[float, bytes]]
    end: float = 0.0
    how: str = "complete"
    error: Optional[str] = None


def _json_answer(status: int, value: Any, method: str = "GET", field: str = "") -> _Answer:
    """An answer of our own. Its text is ASCII with escapes, so nothing in it can split the response."""
    body = json.dumps(value).encode("ascii") + b"\n"
    head = "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
    data = (head % (status, _REASONS[status], len(body), field)).encode("ascii")
    return _Answer(None, [(0.0, data if method == "HEAD" else data + body)], error=value.get("error"))


def _error(status: int, text: str, method: str = "GET", field: str = "") -> _Answer:
    return _json_answer(status, {"error": "replay: " + text}, method, field)


def _is_admin(head: RequestHead) -> bool:
    return (head.target.partition("?")[0] + "/").startswith(ADMIN + "/")


def _is_reusable(method: str, wire: List[Tuple[float, bytes]]) -> bool:
    """Whether a client may go on after this response: our own reader is asked."""
    response = Response(method)
    for _, data in wire:
        response.receive(data)
    try:
        response.read_head()
        while response.read_body():
            pass
    except (ConnectionLost, ProtocolError):
        return False
    return response.reusable


class _Connection:
    """One client: reads its requests and plays the answers, until one of the two closes."""

    def __init__(self, server: ReplayServer, sock: socket.socket, number: int) -> None:
        self._server = server
        self._sock = sock
        self._number = number
        self._played: Optional[_Played] = None  # the last answer
        self._last_byte = 0.0
        self._early = False  # the client did not wait for the end of an answer

    def run(self) -> None:
        import socket

        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._exchange():
                pass
        except (OSError, ConnectionLost):
            self._reacted(whole=False)
        finally:
            self._sock.close()

    def wake(self) -> None:
        """End whatever wait the connection's thread is in."""
        import socket

        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _exchange(self) -> bool:
        """A request and its answer; whether another pair may follow. Raises OSError and ConnectionLost."""
        reader = RequestReader()
        try:
            answer = self._answer(*self._read_request(reader))
        except ProtocolError as error:
            answer = _error(400, str(error), field="Connection: close\r\n")
        except ResponseError as error:
            answer = _error(error.status_code, error.error, field="Connection: close\r\n")
        return self._give(reader, answer)

    def _give(self, reader: RequestReader, answer: _Answer) -> bool:
        self._play(reader.head, answer)
        if answer.how == "reset":
            return self._reset()
        method = reader.head.method if reader.head else "GET"
        keep = answer.how == "complete" and reader.reusable and not self._early and _is_reusable(method, answer.wire)
        return keep or self._close()

    # A request in

    def _read_request(self, reader: RequestReader) -> Tuple[RequestHead, bytes]:
        """Raises ProtocolError for a request that is not one, ResponseError for one that is refused."""
        deadline = None if self._played else time.monotonic() + HEAD_SECONDS
        head = reader.read_head()
        while head is None:
            reader.receive(self._receive(deadline, "the head"))
            deadline = deadline or time.monotonic() + HEAD_SECONDS
            head = reader.read_head()
        self._check(head)
        if (head.get("Expect") or "").lower() == "100-continue" and not reader.complete:
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return head, self._read_body(reader)

    def _check(self, head: RequestHead) -> None:
        hosts = head.get_all("Host")
        if len(hosts) != 1:
            raise ProtocolError("expected one Host field, found %d" % len(hosts))
        match = _HOST_FIELD.fullmatch(hosts[0])
        if not self._server.allow_remote and not (match and _is_loopback(match[1] or match[2])):
            raise ResponseError("Host %s is not this machine" % ascii(hosts[0][:_MAX_SHOWN]), 403)
        if not head.target.startswith("/"):
            raise ProtocolError("this is no proxy: expected a path, found %s" % head.target[:_MAX_SHOWN])
        if int((head.get("Content-Length") or "0").split(",")[0]) > MAX_BODY:
            raise ResponseError("a body of more than %d bytes" % MAX_BODY, 413)

    def _read_body(self, reader: RequestReader) -> bytes:
        pieces: List[bytes] = []
        size = 0
        while True:
            # To the last of them: what is wrong after good bytes is told by the next call.
            for piece in iter(reader.read_body, b""):
                pieces.append(piece)
                size += len(piece)
            if size > MAX_BODY:
                raise ResponseError("a body of more than %d bytes" % MAX_BODY, 413)
            if reader.complete:
                return b"".join(pieces)
            reader.receive(self._receive(time.monotonic() + BODY_SECONDS, "the body"))

    def _receive(self, deadline: Optional[float], what: str) -> bytes:
        piece = self._read(deadline)
        if piece is None:
            raise ResponseError("%s of the request did not come in time" % what, 408)
        self._reacted(whole=True)
        return piece

    def _read(self, deadline: Optional[float]) -> Optional[bytes]:
        """What one read returns; None where the deadline was first."""
        import socket

        left = _LONGEST_WAIT if deadline is None else min(deadline - time.monotonic(), _LONGEST_WAIT)
        if left <= 0:
            return None
        try:
            self._sock.settimeout(None if deadline is None else left)
            return self._sock.recv(_PIECE)
        except socket.timeout:
            return None

    # An answer out

    def _answer(self, head: RequestHead, body: bytes) -> _Answer:
        if _is_admin(head):
            if self._server.admin and (head.method, head.target) == ("GET", ADMIN + "/report"):
                return _json_answer(200, self._server.report())
            return _error(404, "nothing here", head.method)
        try:
            fixture = self._server.cassette.answer(head.method, head.target, body)
            return _Answer(fixture.name, list(fixture.wire()), fixture.events[-1].time, fixture.how)
        except FixtureError as error:
            return _error(400, str(error), head.method, "X-Replay-Unmatched: 1\r\n")

    def _play(self, head: Optional[RequestHead], answer: _Answer) -> None:
        started = self._last_byte = time.monotonic()
        request = head and "%s %s" % (head.method, head.target.partition("?")[0])
        self._played = _Played(self._number, request and request[:_MAX_SHOWN], answer.exchange, answer.error)
        if not (head and _is_admin(head)):
            self._server.add(self._played)
        delays = self._server.pace.delays([moment for moment, _ in answer.wire] + [answer.end])
        for delay, (_, data) in zip(delays, answer.wire):
            self._wait(started + delay)
            self._send(self._played, data)
        self._wait(started + delays[-1])
        self._played.client = "still connected"

    def _wait(self, due: float) -> None:
        """Until that time, or raise ConnectionLost as soon as the client has gone."""
        while time.monotonic() < due:
            piece = self._read(due)
            if piece == b"":
                raise ConnectionLost("the client closed the connection")
            self._early = self._early or piece is not None

    def _send(self, played: _Played, data: bytes) -> None:
        self._sock.settimeout(None)
        left = memoryview(data)
        while left:
            sent = self._sock.send(left)
            left = left[sent:]
            played.bytes += sent
        self._last_byte = time.monotonic()

    def _reacted(self, whole: bool) -> None:
        """Note what the client did after its last answer: the first sign counts, and none that we caused ourselves."""
        played = self._played
        if played is None or played.seconds is not None or self._server.closing:
            return
        played.client = "read to the end" if whole else "closed after %d bytes" % played.bytes
        played.seconds = round(time.monotonic() - self._last_byte, 6)

    def _close(self) -> bool:
        """Close behind what was sent: a close with bytes unread would be a reset, and could overtake the answer."""
        import socket

        self._sock.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + LINGER_SECONDS
        piece = self._read(deadline)
        while piece:
            piece = self._read(deadline)
        if piece == b"":
            self._reacted(whole=True)
        return False

    def _reset(self) -> bool:
        import socket
        import struct

        if self._played:
            self._played.client = "reset by the server"
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # the structure of the system
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return False
