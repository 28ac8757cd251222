# SPDX-License-Identifier: MIT
"""The recording proxy: any client, in any language, talks to a server through it, and each exchange becomes a file.

    with record("fixtures/mine", upstream="http://gpu-box:11434") as proxy:
        print(proxy.url)    # use this as the server's address

Each byte of a response is relayed before it is stored, as it came: chunk borders, pace and the way it ends are the
server's. A client that goes away while the server answers ends the request there at once. There is one server, named at
the start: no request chooses where it goes, and only this machine is served. Requests are read as strictly as the replay
server reads them; in the modes of ``recorder`` that play, recorded exchanges are answered as it answers them.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable, List, Sequence, Tuple

from .._address import Address, parse_address
from .._errors import (
    ConnectError, ConnectionLost, FixtureError, OllamaTimeout, ProtocolError, RequestError, ResponseError,
)  # fmt: skip
from .._exchange import AT_ONCE
from .._http1 import HeaderFields
from .._net import PIECE_SIZE, SEND_SIZE, Clocks, Network, Timeout, run, shut_down
from .._route import Pool, Route
from .._tls import TLSSettings, Verify
from ..fixture import (
    Event, Fixture, PathLike, RecordedRequest, Recorder, Recordings, RequestHead, RequestReader, how_lost, last_chunk,
    recorded_request,
)  # fmt: skip
from .player import Answer, Connection, Settings, json_answer, recorded_answer, shown_request
from .report import Played
from .server import ReplayServer

if TYPE_CHECKING:
    import selectors
    import socket

CONNECT_SECONDS = 10.0
SEND_SECONDS = 60.0  # without progress
TLS_RECORD_SECONDS = 60.0  # for the rest of a TLS record that has begun; otherwise a read follows a byte that is there

# RFC 9110, 7.6.1: these are of one connection. Expect has been answered here, and a proxy's credentials end at the proxy.
HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection proxy-authorization te trailer upgrade expect".split()
)
MAX_UNRECORDED = 16  # pieces; each may have 64 KiB


def record(
    into: PathLike,
    *,
    upstream: str = "http://127.0.0.1:11434",
    host: str = "127.0.0.1",
    port: int = 0,
    mode: str = "all",
    level: str = "exact",
    ignore: Sequence[str] = (),
    allow_remote: bool = False,
    verify: Verify = True,
    **redaction: Any,
) -> RecordingProxy:
    """Start a proxy that records into a folder what passes between its clients and ``upstream``, a URL.

    ``mode``, ``level`` and ``ignore`` are those of ``transports.Recording``, and so are the other keywords, which say
    what may be stored; ``verify`` is that of a Client. Port 0 is a free one. Other machines are refused without
    ``allow_remote``.

    Raises RequestError for a bad argument, FixtureError for a bad file in the folder, ConnectError where it cannot
    listen.
    """
    route = Route(parse_address(upstream, "upstream"), None, TLSSettings(verify), Pool())
    recordings = Recordings(into, mode, level=level, ignore=ignore, **redaction)
    return RecordingProxy(recordings, route, host, port, allow_remote)


class RecordingProxy(ReplayServer):
    """Listens until ``close()``, or until the ``with`` block is left; then every file is finished. ``record`` makes one.

    ``report()`` is the replay server's; of an exchange that was recorded, ``exchange`` is the name of its file.
    """

    def __init__(
        self, recordings: Recordings, upstream: Route, host: str, port: int, allow_remote: bool
    ) -> None:
        self.recordings = recordings
        self.upstream = upstream
        super().__init__(recordings.cassette, Settings(allow_remote=allow_remote, admin=False), host, port)

    @property
    def differences(self) -> List[str]:
        """What mode "verify" has found so far."""
        return self.recordings.differences

    def _new_connection(self, sock: socket.socket, number: int) -> Connection:
        return _RecordingConnection(self, sock, number)


class _RecordingConnection(Connection):
    """One client: its requests go upstream, the answers come back and into files; until one of the two closes."""

    def __init__(self, server: RecordingProxy, sock: socket.socket, number: int) -> None:
        super().__init__(server, sock, number)
        self._recordings = server.recordings
        self._route = server.upstream
        self._upstream = server.upstream.address
        self._upstream_socket: Any = None  # before the relay, which watches the client itself, close() wakes us by it
        self._kept: Any = None  # the way upstream, and its socket: it lasts as long as the client's

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._drop_kept()

    def wake(self) -> None:
        super().wake()
        if self._upstream_socket is not None:
            shut_down(self._upstream_socket)

    def _exchange(self, reader: RequestReader) -> bool:
        body = b""
        try:
            head = self._read_head(reader)
            body = self._read_body(reader)
            request = recorded_request(head, body)
            self._recordings.wait_for_the_same(request)
            fixture = self._recordings.answer(request)
            if fixture is None:
                return self._record(reader, head, body)
            if self._recordings.mode == "verify":
                self._verify(fixture, head, body)
            answer = recorded_answer(fixture)
        except ProtocolError as error:
            answer = _refusal(400, str(error), reader, "Connection: close\r\n")
        except ResponseError as error:
            answer = _refusal(error.status_code, error.error, reader, "Connection: close\r\n")
        except FixtureError as error:
            answer = _refusal(400, str(error), reader, "X-Replay-Unmatched: 1\r\n")
        except (ConnectError, RequestError) as error:  # RequestError: a unix socket, where there are none
            answer = _refusal(502, str(error), reader)
        return self._give(reader, body, answer)

    def _record(self, reader: RequestReader, head: RequestHead, body: bytes) -> bool:
        """Relay an exchange, into a file; whether another may follow. Raises ConnectError before anything was sent."""
        target = self._upstream.url
        played = Played(self._number, shown_request(head))

        def start(request: RecordedRequest, now: float) -> Recorder:
            recorder = self._recordings.start(request, now, target)
            played.exchange = recorder.name
            played.begun = played.last_byte = now
            self._played = played
            self._server.add(played)
            return recorder

        recorder = self._relay(head, body, start, lambda piece: self._send(played, piece))
        played.client, played.is_over = "still connected", True
        if recorder.how == "reset":
            return self._reset()
        keep = recorder.how == "complete" and recorder.reusable and reader.reusable and not self._early
        return keep or self._close()

    def _verify(self, fixture: Fixture, head: RequestHead, body: bytes) -> None:
        """Have the server's own answer, and note how it differs from the one that the client gets."""
        live: List[Event] = []
        try:
            self._relay(head, body, lambda request, now: Recorder(request, now, live.append), lambda piece: None)
        except (ConnectError, RequestError) as error:
            self._recordings.note("%s: no answer from the server: %s" % (fixture.name, error))
        else:
            self._recordings.compare(fixture, live)

    def _relay(
        self,
        head: RequestHead,
        body: bytes,
        start: Callable[[RecordedRequest, float], Recorder],
        give: Callable[[bytes], None],
    ) -> Recorder:
        """Send a request upstream, and give away each piece of the answer before it is recorded.

        Raises ConnectError, and once the client has gone OSError or ConnectionLost.
        """
        sent = upstream_head(head, len(body), self._upstream)
        data = rewritten(sent, body)
        if self._kept is not None and self._kept[0].poll() is not None:
            self._drop_kept()  # the server has closed it, or says what nobody asked
        is_new = self._kept is None
        upstream, sock = self._kept = self._kept or self._dial()
        self._upstream_socket = sock
        try:
            send(upstream, data)
            now = time.monotonic()
            recorder = start(recorded_request(sent._replace(target=head.target), body), now)
            if not is_new and self._is_dead(upstream, sock, recorder):
                upstream, sock = self._dial_again(recorder)
                send(upstream, data)
                recorder.started = time.monotonic()
            self._pass_on(upstream, sock, recorder, give)
        except BaseException:
            self._drop_kept()
            raise
        if not recorder.reusable:
            self._drop_kept()
        return recorder

    def _is_dead(self, upstream: Any, sock: Any, recorder: Recorder) -> bool:
        """Whether a connection that was kept ends without an answer, and at once: servers close those that rest.

        One that ends later may have carried the request to a server that was at work on it, as in ``_exchange``.
        """
        import socket

        asked = time.monotonic()
        try:
            with self._either(sock) as either:
                self._wait_for_upstream(either)
        except (OSError, ConnectionLost):
            cancel(upstream, recorder)
            raise
        try:
            return time.monotonic() - asked < AT_ONCE and not sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _dial_again(self, recorder: Recorder) -> Any:
        self._drop_kept()
        try:
            self._kept = self._dial()
        except (ConnectError, RequestError) as error:
            recorder.end("error", time.monotonic(), str(error))
            raise
        return self._kept

    def _drop_kept(self) -> None:
        kept, self._kept, self._upstream_socket = self._kept, None, None
        if kept is not None:
            kept[0].close()

    def _pass_on(self, upstream: Any, sock: Any, recorder: Recorder, give: Callable[[bytes], None]) -> None:
        """Until the exchange has ended. Raises OSError or ConnectionLost where that is because the client has gone."""
        relayed: List[Tuple[bytes, float]] = []  # and not recorded yet: what comes meanwhile is relayed first
        try:
            with self._either(sock) as either:
                while not recorder.how:
                    if not relayed and not upstream.pending:
                        self._wait_for_upstream(either)
                    pass_on(upstream, recorder, give, relayed)
                    # Not the client: what it says now may be its next request.
                    more = upstream.pending or any(key.fileobj is sock for key, _ in either.select(0))
                    if not more or len(relayed) == MAX_UNRECORDED:
                        store(recorder, relayed)
        except (OSError, ConnectionLost):
            store(recorder, relayed)
            run(last_chunk(upstream, recorder))
            cancel(upstream, recorder)
            raise

    def _either(self, sock: Any) -> selectors.BaseSelector:
        """The client and the server, to be waited for."""
        import selectors

        either = selectors.DefaultSelector()
        either.register(self._sock, selectors.EVENT_READ)
        either.register(sock, selectors.EVENT_READ)
        self._upstream_socket = None
        return either

    def _dial(self) -> Any:
        """A connection upstream and its socket."""
        clocks = Clocks(Timeout(CONNECT_SECONDS, None, None, None))
        clocks.start("connect")
        try:
            upstream = run(self._route.connect(Network(), clocks, self._made))
        except OllamaTimeout as error:
            raise ConnectError(str(error)) from None
        return upstream, self._upstream_socket

    def _made(self, sock: Any) -> None:
        self._upstream_socket = sock
        if self._server.stopped.is_set():
            raise ConnectError("the proxy is being closed")

    def _wait_for_upstream(self, either: selectors.BaseSelector) -> None:
        """Until there is something to read. Raises ConnectionLost as soon as the client has gone."""
        while True:
            readable = [key.fileobj for key, _ in either.select()]
            if self._sock in readable:
                if self._sock.recv(PIECE_SIZE):
                    self._early = True
                else:
                    raise ConnectionLost("the client closed the connection")
            if len(readable) > 1 or self._sock not in readable:
                return


def send(upstream: Any, data: bytes) -> None:
    view = memoryview(data)
    # The server may answer early and close, or read no more: then its answer counts, or that the client goes.
    with suppress(OSError):
        for start in range(0, len(view), SEND_SIZE):
            run(upstream.send(bytes(view[start : start + SEND_SIZE]), SEND_SECONDS))


def pass_on(
    upstream: Any, recorder: Recorder, give: Callable[[bytes], None], relayed: List[Tuple[bytes, float]]
) -> None:
    """One piece of the answer, or its end. Raises what ``give`` raises."""
    try:
        piece = run(upstream.recv(TLS_RECORD_SECONDS))
    except OSError as error:
        store(recorder, relayed)
        how, detail = how_lost(error)
        recorder.end(how, time.monotonic(), detail)
        return
    relayed.append((piece, time.monotonic()))
    if piece:
        give(piece)
    else:
        store(recorder, relayed)


def cancel(upstream: Any, recorder: Recorder) -> None:
    upstream.close()  # which tells the server to stop; what follows may take the disk some time
    recorder.end("cancelled", time.monotonic())


def store(recorder: Recorder, relayed: List[Tuple[bytes, float]]) -> None:
    for piece, now in relayed:
        recorder.received(piece, now)
    relayed.clear()


def upstream_head(head: RequestHead, size: int, upstream: Address) -> RequestHead:
    """What goes upstream for a client's head: the same but for what concerns the connection, host and base path.

    The body has a length of ``size``, whatever framed it on the way here.
    """
    listed = (head.get("Connection") or "").lower().split(",")
    dropped = HOP_BY_HOP.union(name.strip(" \t") for name in listed) - {"host"}
    fields: HeaderFields = []
    framed = False
    for name, value in head.headers:
        if name.lower() in ("content-length", "transfer-encoding"):
            if not framed:
                fields.append(("Content-Length", str(size)))
            framed = True
        elif name.lower() == "host":
            fields.append((name, upstream.host_header))
        elif name.lower() not in dropped:
            fields.append((name, value))
    if upstream.auth and not head.get_all("Authorization"):
        fields.append(("Authorization", upstream.auth))
    return head._replace(target=upstream.path + head.target, headers=fields)


def rewritten(head: RequestHead, body: bytes) -> bytes:
    lines = ["%s %s HTTP/%s" % (head.method, head.target, head.version)]
    lines += ["%s: %s" % field for field in head.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _refusal(status: int, text: str, reader: RequestReader, field: str = "") -> Answer:
    method = reader.head.method if reader.head else "GET"
    return json_answer(status, {"error": "record: " + text}, method, field)
