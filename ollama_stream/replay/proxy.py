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

import socket
from typing import Any, Callable, Iterator, List, Sequence, Union

from .._address import Address, parse_address
from .._errors import ConnectError, ConnectionLost, RequestError
from .._syntax import HeaderFields
from .._net import PIECE_SIZE
from .._records import Path
from .._route import Pool, Route
from .._tls import TLSSettings, Verify
from ..fixture import (
    Event, Fixture, RecordedRequest, Recorder, Recordings, RequestBody, RequestHead, RequestReader,
    make_request,
)  # fmt: skip
from .overlay import plan_actions
from .player import Answer, Session, Settings
from .relay import Relay
from .server import ReplayServer

# RFC 9110, 7.6.1: these are of one connection. Expect has been answered here, a proxy's credentials end at the proxy.
HOP_BY_HOP = frozenset("connection keep-alive proxy-connection proxy-authorization te trailer upgrade expect".split())


def record(
    into: Path,
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
    """Start a proxy that records into the folder ``into`` what passes between its clients and ``upstream``, a URL.

    ``mode``, ``level`` and ``ignore`` are those of ``transports.Recording``, and so is ``redaction``, which says what
    may be stored; ``verify`` is that of a Client. It listens on ``host``; ``port`` 0 is a free one. Other machines are
    refused without ``allow_remote``.

    Raises RequestError for a bad argument, FixtureError for a bad file in the folder, ConnectError where it cannot
    listen.

    >>> from ollama_stream import Client
    >>> from ollama_stream.proxy import record
    >>> with record("recorded", upstream="http://127.0.0.1:11434") as proxy: Client(proxy.url).chat("m", "Hi").text
    'Hello'
    """
    route = Route(parse_address(upstream, "upstream"), None, TLSSettings(verify), Pool())
    recordings = Recordings(into, mode, level=level, ignore=ignore, **redaction)
    return RecordingProxy(recordings, route, host, port, allow_remote)


class _RecordingSession(Session):
    """One client: its requests go upstream, the answers come back and into files; until one of the two closes."""

    NAME = "record"

    def __init__(self, server: RecordingProxy, sock: socket.socket, number: int) -> None:
        super().__init__(server, sock, number)
        self._recordings = server.recordings
        self._upstream = server.upstream.address
        self._relay = Relay(server.upstream, sock, self._watch)

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._relay.close()

    def wake(self) -> None:
        super().wake()
        self._relay.wake()

    def _watch(self) -> None:
        """Raises ConnectionLost where the client has gone; what it says now may be its next request."""
        if not self._sock.recv(PIECE_SIZE):
            raise ConnectionLost("the client closed the connection")
        self._early = True

    def _is_admin(self, head: RequestHead) -> bool:
        return False

    def _answer(self, reader: RequestReader, head: RequestHead, body: RequestBody) -> Union[Answer, bool]:
        request = make_request(head, body)
        self._recordings.wait_for_the_same(request)
        fixture = self._recordings.answer(request)
        if fixture is None:
            return self._record(reader, head, body)
        if self._recordings.mode == "verify":
            self._verify(fixture, head, body)
        return Answer(fixture.name, None, plan_actions(fixture))

    def _check_size(self, size: int) -> None:
        """None is too large: it is not held in memory."""

    def _record(self, reader: RequestReader, head: RequestHead, body: RequestBody) -> bool:
        """Relay an exchange, into a file; whether another may follow. Raises ConnectError before anything was sent."""

        def start(request: RecordedRequest, now: float) -> Recorder:
            recorder = self._recordings.start(request, now, self._upstream.url)
            self._begin(head).exchange = recorder.name
            return recorder

        recorder = self._ask(head, body, start, self._send)
        self._played.client, self._played.is_over = "still connected", True
        if recorder.how == "reset":
            return self._reset()
        keep = recorder.how == "complete" and recorder.reusable and reader.reusable and not self._early
        return keep or self._close()

    def _verify(self, fixture: Fixture, head: RequestHead, body: RequestBody) -> None:
        """Have the server's own answer, and note how it differs from the one that the client gets."""
        live: List[Event] = []
        try:
            self._ask(head, body, lambda request, now: Recorder(request, now, live.append), lambda piece: None)
        except (ConnectError, RequestError) as error:
            self._recordings.note("%s: no answer from the server: %s" % (fixture.name, error))
        else:
            self._recordings.compare(fixture, live)

    def _ask(
        self,
        head: RequestHead,
        body: RequestBody,
        start: Callable[[RecordedRequest, float], Recorder],
        give: Callable[[bytes], None],
    ) -> Recorder:
        sent = make_upstream_head(head, body.size, self._upstream)
        request = make_request(sent._replace(target=head.target), body)
        return self._relay.exchange(lambda: write_request(sent, body), lambda now: start(request, now), give)


class RecordingProxy(ReplayServer):
    """Listens until ``close()``, or until the ``with`` block is left; then every file is finished. ``record`` makes one.

    ``report()`` is the replay server's; of an exchange that was recorded, ``exchange`` is the name of its file.
    Once it listens, nothing raises: what fails is answered with status 400 or 502.

    >>> from ollama_stream.proxy import record
    >>> with record("recorded") as proxy: proxy.report()["exchanges"]
    []
    """

    _session_class = _RecordingSession

    def __init__(
        self, recordings: Recordings, upstream: Route, host: str, port: int, allow_remote: bool
    ) -> None:
        self.recordings = recordings
        self.upstream = upstream
        super().__init__(recordings.cassette, Settings(allow_remote=allow_remote), host, port)

    @property
    def differences(self) -> List[str]:
        """What mode "verify" has found so far."""
        return self.recordings.differences


def make_upstream_head(head: RequestHead, size: int, upstream: Address) -> RequestHead:
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


def write_request(head: RequestHead, body: RequestBody) -> Iterator[bytes]:
    """The bytes of a request."""
    lines = ["%s %s HTTP/%s" % (head.method, head.target, head.version)]
    lines += ["%s: %s" % field for field in head.headers]
    pieces = iter(body)
    yield "\r\n".join([*lines, "", ""]).encode("latin-1") + next(pieces, b"")
    yield from pieces
