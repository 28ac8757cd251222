# SPDX-License-Identifier: MIT
"""A client's way to the server behind the recording proxy: requests go there, each byte of an answer comes back.

The bytes of a request go in (``Relay.exchange``); what comes is given away as it came, and then goes into a
``Recorder``. All waiting is done in ``Relay._wait``, a selector that watches the client as well: a layer of TLS between
the server's socket and its bytes may want to read however often, a client that goes is seen at once.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import suppress
from typing import Any, Callable, Iterable, List, Optional, Tuple, Union

from .._errors import ConnectError, ConnectionLost, OllamaTimeout, RequestError
from .._exchange import AT_ONCE
from .._net import PIECE_SIZE, BlockingConnection, Clocks, Connection, Network, Timeout, run
from .._route import Route
from ..fixture import Recorder, receive_last_chunk, tell_how_lost

CONNECT_SECONDS = 10.0
SEND_SECONDS = 60.0  # without progress
MAX_UNRECORDED = 16  # pieces; each may have 64 KiB

Request = Callable[[], Iterable[bytes]]  # its pieces, again and again
Wait = Callable[[socket.socket, int, Optional[float]], None]

# Not epoll: that takes a descriptor for each wait, and an exchange goes on where there are none left.
_SELECTOR: Any = getattr(selectors, "PollSelector", selectors.SelectSelector)


class Relay(Network):
    """The way upstream for one client; a connection is kept from one exchange to the next, as the client's is.

    ``watch`` is called when there is something to read from the client; it raises ConnectionLost where that has gone.
    It is a Network because the sockets that it connects never wait but by ``_wait``.
    """

    def __init__(self, route: Route, client: socket.socket, watch: Callable[[], None]) -> None:
        self._route = route
        self._client: Optional[socket.socket] = client  # None while nobody watches it any more
        self._watch = watch
        self._connection: Any = None
        self._connecting: Any = None  # what close() wakes us by, until we watch the client
        self._stopped = False
        self._recorder: Optional[Recorder] = None
        self._relayed: List[Tuple[bytes, float]] = []  # and not recorded yet: what comes meanwhile is relayed first

    def connection(self, sock: socket.socket) -> Connection:
        return WatchedConnection(sock, self._wait)

    def wake(self) -> None:
        """Stop connecting; from any thread. Later it is the client whose end wakes us."""
        self._stopped = True
        if self._connecting is not None:
            self._connecting.wake()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def exchange(
        self, request: Request, start: Callable[[float], Recorder], give: Callable[[bytes], None]
    ) -> Recorder:
        """Send a request, and give away each piece of the answer before it is recorded, until the exchange has ended.

        ``request`` gives its bytes, ``start`` is called when they have been sent. Raises ConnectError, and OSError or
        ConnectionLost once the client has gone.
        """
        self._recorder = None
        if self._connection is not None and self._connection.poll() is not None:
            self.close()  # the server has closed it, or says what nobody asked
        is_kept = self._connection is not None
        try:
            if not is_kept:
                self._dial()
            self._send(request)
            self._recorder = recorder = start(time.monotonic())
            try:
                self._pass_on(recorder, give, request if is_kept else None)
            except OSError:
                self._cancel(recorder)
                raise
        except BaseException:
            self.close()
            raise
        if not recorder.reusable:
            self.close()
        return recorder

    def _dial(self) -> None:
        clocks = Clocks(Timeout(CONNECT_SECONDS, None, None, None))
        clocks.start("connect")
        try:
            self._connection = run(self._route.connect(self, clocks, self._made))
        except OllamaTimeout as error:
            raise ConnectError(str(error)) from error
        finally:
            self._connecting = None

    def _made(self, race: Any) -> None:
        self._connecting = race
        if self._stopped:
            raise ConnectError("the proxy is being closed")

    def _send(self, request: Request) -> None:
        # The server may answer early and close, or read no more: then its answer counts, or that the client goes.
        with suppress(OSError):
            for piece in request():
                run(self._connection.send(piece, SEND_SECONDS))

    def _pass_on(
        self, recorder: Recorder, give: Callable[[bytes], None], again: Optional[Request]
    ) -> None:
        """Until the exchange has ended. Raises OSError where that is because the client has gone.

        A connection that was kept, and ends without an answer and at once, was dead before: servers close those that
        rest. Then the request goes ``again``, over a new one. One that ends later may have carried the request to a
        server that was at work on it, as in ``_exchange``.
        """
        asked = time.monotonic()
        got = self._receive()
        if again is not None and not (isinstance(got, bytes) and got) and time.monotonic() - asked < AT_ONCE:
            self._dial_again(recorder)
            self._send(again)
            recorder.started = time.monotonic()
            got = self._receive()
        while True:
            if isinstance(got, OSError):
                self._record(recorder)
                how, detail = tell_how_lost(got)
                recorder.end(how, time.monotonic(), detail)
            else:
                self._relayed.append((got, time.monotonic()))
                if got:
                    give(got)
                if not got or len(self._relayed) == MAX_UNRECORDED:
                    self._record(recorder)
            if recorder.how:
                return
            got = self._receive()

    def _receive(self) -> Union[bytes, OSError]:
        """What one read returns, or why there is none. Raises ConnectionLost once the client has gone."""
        try:
            piece: bytes = run(self._connection.recv(None))
            return piece
        except ConnectionLost:
            raise
        except OSError as error:
            return error

    def _dial_again(self, recorder: Recorder) -> None:
        self.close()
        try:
            self._dial()
        except (ConnectError, RequestError) as error:
            recorder.end("error", time.monotonic(), str(error))
            raise

    def _cancel(self, recorder: Recorder) -> None:
        """The client has gone: what it had is recorded, and the server told to stop."""
        self._client, recorder.cancelled = None, True
        self._record(recorder)
        run(receive_last_chunk(self._connection, recorder))
        self.close()  # first: what follows may take the disk some time
        recorder.end("cancelled", time.monotonic())

    def _record(self, recorder: Recorder) -> None:
        for piece, now in self._relayed:
            recorder.received(piece, now)
        self._relayed.clear()

    def _wait(self, sock: socket.socket, event: int, timeout: Optional[float]) -> None:
        """Until the server's socket is ready; what was relayed is recorded first, now that there is time.

        Raises TimeoutError, ConnectionLost as soon as the client has gone, and BlockingIOError where the exchange turns
        out to be whole, so that nothing more is due.
        """
        if self._recorder is not None:
            self._record(self._recorder)
            if self._recorder.how:
                raise BlockingIOError
        deadline = None if timeout is None else time.monotonic() + timeout
        with _SELECTOR() as selector:
            selector.register(sock, event)
            if self._client is not None:
                selector.register(self._client, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(deadline and deadline - time.monotonic())]
                if self._client in ready:
                    self._watch()
                if sock in ready:
                    return
                if deadline is not None and time.monotonic() >= deadline:
                    raise TimeoutError


class WatchedConnection(BlockingConnection):
    def __init__(self, sock: socket.socket, wait: Wait) -> None:
        super().__init__(sock)
        self._wait = wait
        sock.setblocking(False)

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self.sock.send(left) :]
            except BlockingIOError:
                self._wait(self.sock, selectors.EVENT_WRITE, timeout)

    async def recv(self, timeout: Optional[float]) -> bytes:
        while True:
            try:
                return self.sock.recv(PIECE_SIZE)
            except BlockingIOError:
                self._wait(self.sock, selectors.EVENT_READ, timeout)
