# SPDX-License-Identifier: MIT
"""One client of the replay server: its requests are read strictly, and each answered with the exchange chosen for it.

An accepted socket goes in; requests come out of it and the actions of ``overlay`` go onto it, at the ``Pace``. What the
client got and how it took that becomes an ``Entry`` of the server's report.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import struct
import time
from contextlib import closing
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Iterable, NamedTuple, Optional, Sequence, Tuple, Union

from .._errors import ConnectionLost, FixtureError, OllamaError, ProtocolError, ResponseError
from .._http1 import Response
from .._net import PIECE_SIZE, shut_down
from ..fixture import MAX_BODY, RequestBody, RequestHead, RequestReader
from .faults import Fault
from .overlay import Action, Pace, join_writes, plan_actions
from .report import Entry

HEAD_SECONDS = 10.0  # for the head of a request, from its first byte on, of the first one from the connection on
BODY_SECONDS = 60.0  # without a byte of the body
LINGER_SECONDS = 2.0  # that a client gets to close after us
ADMIN = "/__replay__"

_LONGEST_WAIT = 3600.0  # seconds in one go: a greater number may not fit into the system's
_MAX_SHOWN = 200  # characters of a target or a host
_HOST_FIELD = re.compile(r"(?:\[([^]]*)\]|([^:]*))(?::[0-9]*)?")  # RFC 9110, 7.2


def is_loopback(host: str) -> bool:
    """Exactly: a name that only begins like one of ours may be anybody's (DNS rebinding)."""
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Settings(NamedTuple):
    """What all sessions of a server share: as in ``serve``, checked."""

    pace: Pace = Pace()
    faults: Sequence[Fault] = ()
    allow_remote: bool = False
    admin: bool = True


class Answer(NamedTuple):
    """What a client gets: the name of an exchange or what went wrong, and the actions."""

    exchange: Optional[str]
    error: Optional[str]
    actions: Iterable[Action]


def make_answer(status: int, value: Any, method: str, field_line: str = "") -> Answer:
    """An answer of our own."""
    data = encode_json(status, value, field_line, method)
    return Answer(None, value.get("error"), [Action(0.0, "send", data), Action(0.0, "complete")])


def encode_json(status: int, value: Any, field_line: str = "", method: str = "GET") -> bytes:
    """A response. Its text is ASCII with escapes, so nothing in it can split it."""
    body = json.dumps(value).encode("ascii") + b"\n"
    head = "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
    data = (head % (status, HTTPStatus(status).phrase, len(body), field_line)).encode("ascii")
    return data if method == "HEAD" else data + body


def _read_along(response: Optional[Response], data: bytes) -> Optional[Response]:
    """Our own reader, which has read what is sent, to know whether a client may go on after it; None where it cannot."""
    if response is None:
        return None
    response.receive(data)
    try:
        response.read_head()
        while response.read_body():
            pass
    except (ConnectionLost, ProtocolError):
        return None
    return response


class Session:
    """One client: reads its requests and plays the answers, until one of the two closes.

    ``server`` has ``settings``, ``cassette``, ``stopped`` (an event), ``played`` (a list of Entries) and ``report()``.
    """

    NAME = "replay"  # whose errors these are

    def __init__(self, server: Any, sock: socket.socket, number: int) -> None:
        self._server = server
        self._settings = server.settings
        self._sock = sock
        self._number = number
        self._played: Any = None  # the Entry of the last request
        self._early = False  # the client did not wait for the end of an answer

    def run(self) -> None:
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = RequestReader()
            goes_on = self._strike("connect", reader)
            while goes_on:
                goes_on = self._exchange(reader)
                reader = RequestReader()
        except (OSError, ConnectionLost):
            self._reacted(whole=False)
        except FixtureError as error:  # what no file was read for may not be sendable, a large file have changed
            logging.getLogger(__package__).error("replay: the exchange cannot be played: %s", error)
            self._reset()  # the close alone could look like the end of a body
        finally:
            self._sock.close()

    def wake(self) -> None:
        """End whatever wait the connection's thread is in."""
        shut_down(self._sock)

    def _exchange(self, reader: RequestReader) -> bool:
        """A request and its answer; whether another pair may follow. Raises OSError and ConnectionLost."""
        with closing(RequestBody()) as body:
            try:
                head = self._read_head(reader)
                if not self._is_admin(head) and not self._strike("request", reader, head):
                    return False
                self._read_body(reader, body)
                answer = self._answer(reader, head, body)
            except OllamaError as error:
                answer = self._refusal(reader, error)
            return self._give(reader, body, answer) if isinstance(answer, Answer) else answer

    def _refusal(self, reader: RequestReader, error: OllamaError) -> Answer:
        """What the client is told. Raises the error again where there is nothing to tell: it has gone."""
        if isinstance(error, ConnectionLost):
            raise error
        status, field_line = 502, ""
        if isinstance(error, ResponseError):  # our own, of a request that is refused
            status, field_line = error.status_code, "Connection: close\r\n"
        elif isinstance(error, ProtocolError):
            status, field_line = 400, "Connection: close\r\n"
        elif isinstance(error, FixtureError):
            status, field_line = 400, "X-Replay-Unmatched: 1\r\n"
        text = "%s: %s" % (self.NAME, error.error if isinstance(error, ResponseError) else error)
        return make_answer(status, {"error": text}, reader.head.method if reader.head else "GET", field_line)

    def _give(self, reader: RequestReader, body: RequestBody, answer: Answer) -> bool:
        """Play an answer; whether another request may follow."""
        how, response = self._play(reader.head, body.sha256, answer)
        if how == "reset":
            return self._reset()
        goes_on = how == "complete" and reader.reusable and response is not None and response.reusable
        return (goes_on and not self._early) or self._close()

    # A request in

    def _read_head(self, reader: RequestReader) -> RequestHead:
        """Raises ProtocolError for a request that is not one, ResponseError for one that is refused."""
        is_first = self._played is None or not self._played.is_over
        deadline = time.monotonic() + HEAD_SECONDS if is_first else None
        head = reader.read_head()
        while head is None:
            reader.receive(self._receive(deadline, "the head"))
            deadline = deadline or time.monotonic() + HEAD_SECONDS
            head = reader.read_head()
        self._check(head)
        return head

    def _check(self, head: RequestHead) -> None:
        hosts = head.get_all("Host")
        if len(hosts) != 1:
            raise ProtocolError("expected one Host field, found %d" % len(hosts))
        match = _HOST_FIELD.fullmatch(hosts[0])
        if not self._settings.allow_remote and not (match and is_loopback(match[1] or match[2])):
            raise ResponseError("Host %s is not this machine" % ascii(hosts[0][:_MAX_SHOWN]), 403)
        if not head.target.startswith("/"):
            raise ProtocolError("this is no proxy: expected a path, found %s" % head.target[:_MAX_SHOWN])
        self._check_size(int((head.get("Content-Length") or "0").split(",")[0]))

    def _check_size(self, size: int) -> None:
        """Of a body, or of what has come of it: it is held in memory. Raises ResponseError."""
        limit = max(MAX_BODY, self._server.cassette.largest_body())
        if size > limit:
            raise ResponseError("a body of more than %d bytes" % limit, 413)

    def _read_body(self, reader: RequestReader, body: RequestBody) -> None:
        if reader.head and (reader.head.get("Expect") or "").lower() == "100-continue" and not reader.complete:
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while True:
            # To the last of them: what is wrong after good bytes is told by the next call.
            for piece in iter(reader.read_body, b""):
                body.add(piece)
                self._check_size(body.size)
            if reader.complete:
                return
            reader.receive(self._receive(time.monotonic() + BODY_SECONDS, "the body"))

    def _receive(self, deadline: Optional[float], what: str) -> bytes:
        piece = self._read(deadline)
        if piece is None:
            raise ResponseError("%s of the request did not come in time" % what, 408)
        if self._played and self._played.is_over:
            self._reacted(whole=True, closed=not piece)
        return piece

    def _read(self, deadline: Optional[float]) -> Optional[bytes]:
        """What one read returns; None where the deadline was first."""
        left = _LONGEST_WAIT if deadline is None else min(deadline - time.monotonic(), _LONGEST_WAIT)
        if left <= 0:
            return None
        try:
            self._sock.settimeout(None if deadline is None else left)
            return self._sock.recv(PIECE_SIZE)
        except socket.timeout:
            return None

    # An answer out

    def _is_admin(self, head: RequestHead) -> bool:
        """Whether it asks about this server itself."""
        return (head.target.partition("?")[0] + "/").startswith(ADMIN + "/")

    def _answer(self, reader: RequestReader, head: RequestHead, body: RequestBody) -> Union[Answer, bool]:
        """What is to be played; or, where the answer has been given, whether another request may follow."""
        if self._is_admin(head):
            if self._settings.admin and (head.method, head.target) == ("GET", ADMIN + "/report"):
                return make_answer(200, self._server.report(), head.method)
            return make_answer(404, {"error": "replay: nothing here"}, head.method)
        fixture = self._server.cassette.answer(head.method, head.target, b"".join(body))
        return Answer(fixture.name, None, plan_actions(fixture, self._settings.faults))

    def _begin(self, head: Optional[RequestHead]) -> Entry:
        """The entry in the report: the open one, or a new one."""
        now = time.monotonic()
        if self._played is None or self._played.is_over:
            self._played = Entry(self._number, begun=now, last_byte=now)
            if not (head and self._is_admin(head)):
                self._server.played.append(self._played)
        shown = head and "%s %s" % (head.method, head.target.partition("?")[0])  # the query may hold credentials
        self._played.request = shown and shown[:_MAX_SHOWN]
        self._played.last_byte = now
        played: Entry = self._played
        return played

    def _play(self, head: Optional[RequestHead], asked: str, answer: Answer) -> Tuple[str, Optional[Response]]:
        """Carry out the actions; how they end, and what a reader has made of them."""
        played = self._begin(head)
        played.exchange, played.error, played.asked = answer.exchange, answer.error, asked
        if answer.error is not None:
            logging.getLogger(__package__).warning("%s", answer.error)
        response: Optional[Response] = Response(head.method if head else "GET")
        how, started = "", time.monotonic()
        scheduled = self._settings.pace.schedule(answer.actions)
        for due, action in scheduled if self._settings.pace.min_gap else join_writes(scheduled):
            self._wait(started + due)
            if action.fault is not None:
                played.strike(action.fault)
            elif action.kind == "send":
                self._wait(played.last_byte + self._settings.pace.min_gap)
                self._send(action.data)
                response = _read_along(response, action.data)
            elif action.kind != "wait":
                how = action.kind
        played.client, played.is_over = "still connected", True
        return how, response

    def _wait(self, due: float) -> None:
        """Until that time, or raise ConnectionLost as soon as the client has gone."""
        while time.monotonic() < due:
            piece = self._read(due)
            if piece == b"":
                raise ConnectionLost("the client closed the connection")
            self._early = self._early or piece is not None

    def _send(self, data: bytes) -> None:
        self._sock.settimeout(None)
        left = memoryview(data)
        while left:
            sent = self._sock.send(left)
            left = left[sent:]
            self._played.bytes += sent
        self._played.last_byte = time.monotonic()

    def _reacted(self, whole: bool, closed: bool = True) -> None:
        """Note what the client did after its last answer, but not what we caused ourselves."""
        if self._played is not None and not self._server.stopped.is_set():
            self._played.react(whole, closed)

    # Faults before an exchange is chosen

    def _strike(self, point: str, reader: RequestReader, head: Optional[RequestHead] = None) -> bool:
        """Carry out the faults at connect or request; whether the connection goes on."""
        for fault in self._settings.faults:
            if fault.point != point or fault.kind == "refuse":
                continue
            played = self._begin(head)
            played.strike(fault)
            if fault.kind == "stall":
                self._stall(fault.argument, reader)
                continue
            played.client, played.is_over = "still connected", True
            return self._reset() if fault.kind == "reset" else self._close()
        return True

    def _stall(self, seconds: float, reader: RequestReader) -> None:
        """Take in a little, so as to see the client go, and no more, so that it feels that nobody reads."""
        due = time.monotonic() + seconds
        while time.monotonic() < due:
            if reader.bytes_received < PIECE_SIZE:
                piece = self._read(due)
                if piece == b"":
                    raise ConnectionLost("the client closed the connection")
                if piece:
                    reader.receive(piece)
            elif self._server.stopped.wait(min(due - time.monotonic(), _LONGEST_WAIT)):
                raise ConnectionLost("the server stops")

    # The end

    def _close(self) -> bool:
        """Close behind what was sent: a close with bytes unread would be a reset, and could overtake the answer."""
        self._sock.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + LINGER_SECONDS
        piece = self._read(deadline)
        while piece:
            piece = self._read(deadline)
        if piece == b"":
            self._reacted(whole=True)
        return False

    def _reset(self) -> bool:
        if self._played:
            self._played.client = "reset by the server"
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # the structure of the system
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return False
