# SPDX-License-Identifier: MIT
"""One request and its response: open, send, receive, time, try again, close. ``_client`` runs it, ``aio`` awaits it.

    status        the exchange                                        what moves it on
    "open"        not begun, or under way: ``head`` is None until     the last record -> "complete"; a lost connection or a
                  the response is one that has records                missing end -> "truncated"; close(), a loop that is
                                                                      left, a cancelled task -> "cancelled"; else "error"
    "complete"    its last record has been handed out                 nothing
    "truncated"   ended early; ``error`` is what every later call     nothing
    "error"       raises, with what had arrived in its ``partial``    nothing
    "cancelled"   its reader has given up, or is told to              nothing

Threads. The reader is whoever holds ``_reading``: one thread or task, for one batch() or open(). It alone talks to the
connection, feeds the decoder and writes ``head``, ``_clocks``, ``_response``, ``_race``, ``_connection``,
``_trailer_error`` and ``_answered``. ``error`` is written by failed(), which is for the reader and for whoever iterates
over the records that it got. The end is written under ``_closing``, by any thread: ``status``, once; ``closed`` of the
decoder, so that nothing more is handed out; and by _disconnect() ``_connection`` and ``_route`` are taken away, by one.

The connection belongs to the exchange from _ask() until _disconnect() closes it or gives it back to the route: done by the
reader as it leaves, or by close() where nobody reads. Where somebody reads, close() only wakes him.

A stream, and what stands for one, asks for: batch, open, close, failed, use; partial, status, error, head, url, network,
being_read, decoder (to look at). Nobody else writes an attribute. An exchange knows no stream: a loop over records holds
the exchange alone, so that dropping the loop closes the socket at once. Whatever goes wrong leaves here as one of our
exceptions that carries what had arrived.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from functools import cached_property
from itertools import chain, count
from typing import Any, Callable, Generic, Iterator, Optional, Union

from ._assembler import T
from ._dial import Race
from ._endpoints import Request
from ._errors import (
    BEING_READ, ConnectError, ConnectionLost, IncompleteStream, OllamaError, OllamaTimeout, ProtocolError,
    ResponseError, StreamClosed, check_origin, describe_cut, raised_by_program,
)  # fmt: skip
from ._http1 import Head, Response
from ._net import SEND_SIZE, Clocks, Network, Timeout, reason
from ._records import Generation
from ._refusal import describe_start, status_error
from ._route import Route
from ._stream import ResponseDecoder
from ._syntax import BODILESS
from ._values import Upload

MAX_ERROR_BODY = 65536  # bytes of the body of an error that are read for its message
ERROR_BODY_SECONDS = 2.0
RETRIED_STATUSES = (429, 503)
FIRST_PAUSE = 0.5  # seconds; doubled with each attempt
MAX_BACKOFF = 8.0
MAX_PAUSE = 60.0  # a server that asks for more is not waited for
TURN = 0.1  # seconds; how soon a pause notices close()
AT_ONCE = 1.0  # seconds; an idle connection that was dead before the request came shows it sooner


class Exchange(Generic[T]):
    """``status`` is "open", "complete", "truncated", "error" or "cancelled"."""

    def __init__(
        self,
        network: Network,
        route: Route,
        request: Request,
        data: Union[bytes, Callable[[], bytes]],
        *,
        timeout: Timeout,
        max_line: int,
        retries: int = 0,
    ) -> None:
        self.request = request
        self._address = route.address
        self.status = "open"
        self.error: Optional[OllamaError] = None
        self.head: Optional[Head] = None
        self._max_line = max_line
        self.network = network
        self._route: Any = route  # dropped at the end: what is idle belongs to the client, not to its old streams
        self._data: Any = data  # what makes it, where it has files to read first
        self._timeout, self._retries = timeout, retries
        self._clocks: Any = None  # Clocks, from the first step on
        self._response: Any = None  # a Response, before there is a connection
        self._connection: Any = None  # a Connection, while the exchange owns it
        self._race: Optional[Race] = None  # the sockets before they are connected, for close() from another thread
        self._trailer_error: Optional[ProtocolError] = None
        self._answered = False
        self._pid = os.getpid()
        self._reading = threading.Lock()
        self._closing = threading.RLock()  # the collector may drop a loop, and so close, in the middle of a close

    @cached_property
    def decoder(self) -> ResponseDecoder[T]:
        """Made when it is needed first, which is after the request has been sent."""
        row = self.request.endpoint
        return ResponseDecoder(row.record, row.is_last, self._max_line, self.request.streamed, row.needed)

    @property
    def url(self) -> str:
        """Without credentials and query."""
        return self._address.url + self.request.target.partition("?")[0]

    @property
    def partial(self) -> Any:
        """What has been handed out so far, as one record; None before the first record of a call that makes no text."""
        assembler = self.decoder.assembler
        if issubclass(assembler.record_class, Generation) or assembler.has_records:
            return assembler.result()
        return None

    @property
    def being_read(self) -> bool:
        return self._reading.locked()

    async def batch(self, *, only_open: bool = False) -> Optional[Iterator[T]]:
        """The next records, one at least, as soon as there is one; None after the last. Raises every OllamaError.

        One reader at a time; and the connection does not outlive the exchange, however this is left.
        """
        if not self._reading.acquire(False):
            self._check_open()  # close() looks whether somebody reads
            raise StreamClosed(BEING_READ)
        try:
            self._check_open()
            if self.head is None:
                await self._open()
            return None if only_open else await self._next_records()
        except OllamaError as error:
            raise self.failed(error)
        except BaseException:
            self._give_up("cancelled")
            raise
        finally:
            self._reading.release()
            if self.status != "open":
                self._disconnect()

    async def open(self) -> None:
        """Connect, send, and have the head of the response; does nothing when that is done. Raises as batch() does."""
        await self.batch(only_open=True)

    def use(self, network: Network) -> None:
        """Wait by another network: before the request is sent, which is when the colour of an exchange is decided."""
        if self.head is not None:
            raise StreamClosed("the stream was opened by a blocking call: read it with for, or use AsyncClient")
        self.network = network

    def failed(self, error: OllamaError) -> BaseException:
        """The error with what had arrived, when and from where; the exchange is over."""
        of_program = raised_by_program(error)
        if of_program is not None:
            self._give_up("cancelled")
            return of_program
        if self.error is None and error.url is None:
            error.partial = partial = self.partial
            error.elapsed = self._clocks.elapsed if self._clocks is not None else 0.0
            error.url = self.url
            if isinstance(error, (ConnectionLost, OllamaTimeout)):
                error.tail = self.decoder.tail()
            if error._server:
                is_cut_text = error._outcome == "truncated" and isinstance(partial, Generation)
                cut = describe_cut(partial.text) if is_cut_text else ""
                server = error._server.format(url=self._address.url, source=self._address.source)
                error.args = (error.args[0] + cut + server,)
            if isinstance(error, ResponseError):  # its text is the official client's, which programs compare
                error.__notes__ = [*getattr(error, "__notes__", ()), "the call was %s %s" % (self.request.method, self.url)]
        self._give_up(error._outcome)
        if error._outcome != "cancelled":
            self.error = self.error or error
        # Twelve frames of machinery would stand between the program's line and the message; the cause is kept.
        return error.with_traceback(None)

    def close(self) -> None:
        """End the exchange now, from any thread; a reader that waits is woken and raises StreamClosed."""
        self._give_up("cancelled")
        if self._reading.acquire(False):
            self._reading.release()
            self._disconnect()
        else:
            self._wake()

    def __del__(self) -> None:
        if self._connection is not None:
            self._connection.close()

    # --- the way of a call

    async def _next_records(self) -> Optional[Iterator[T]]:
        decoder, response = self.decoder, self._response
        if self._answered:
            self._clocks.start("idle")
        while not decoder.finished:  # all that has come has been taken out of the decoder before
            try:
                if not response.news and not response.complete:
                    await self._receive()
                self._take_body()
                records = decoder.records()
                for first in records:
                    self._answered = True
                    return chain((first,), records)
            except IncompleteStream:
                if self._trailer_error is not None:
                    raise self._trailer_error from None
                raise
            except MemoryError as error:
                check_origin(error)
                raise ProtocolError("no memory is left for what came (%d bytes)" % response.bytes_received) from error
        self._give_up("complete")
        return None

    async def _receive(self) -> None:
        """Give the response one more piece."""
        try:
            piece = await self._connection.recv(self._clocks.remaining())
        except (OllamaError, OSError, NotImplementedError) as error:
            raise self._lost(error)
        if self.status != "open":
            self._check_open()
        self._response.receive(piece)

    def _lost(self, error: Exception, when: str = "") -> OllamaError:
        """What a failed read or write means; raises what a signal handler of the program has raised in it."""
        if isinstance(error, OllamaError):  # a clock; TLS refused after the handshake
            self._check_open()
            return error
        self._clocks.check_failure(error)
        self._check_open()
        lost = ConnectionLost("the connection was lost%s: %s" % (when, reason(error)))
        lost.__cause__ = error
        return lost

    def _take_body(self) -> None:
        """Give the decoder what has come of the body, or its end."""
        response, decoder = self._response, self.decoder
        try:
            body = response.read_body()
        except (ConnectionLost, ProtocolError) as error:
            check_origin(error)
            if not response.body_ended:
                raise
            if isinstance(error, ProtocolError):
                self._trailer_error = error
            decoder.end()
            return
        if body:
            decoder.receive(body)
        elif response.complete:
            decoder.end()

    async def _open(self) -> None:
        self._clocks = Clocks(self._timeout)
        if callable(self._data):
            self._data = await self.network.aside(self._data)
        for attempt in count():
            try:
                await self._ask()
                return
            except (ConnectError, ResponseError) as error:
                check_origin(error)
                self._check_open()  # close() from another thread makes connecting fail
                pause = self._pause_before_next(error, attempt)
                if pause is None:
                    raise
                # The text of an answer may repeat the prompt; a log is no place for it.
                why = "status %d" % error.status_code if isinstance(error, ResponseError) else error
                self._log("%s: %s; attempt %d of %d follows in %.1f s", why, attempt + 2, self._retries + 1, pause)
            self._disconnect()
            await self._sleep(pause)

    async def _ask(self) -> None:
        """Have the head of a response that is not an error. An idle connection that turns out dead is replaced.

        One that dies later may have carried the request to a server at work on it: to ask again is for the caller to decide.
        """
        self._response = Response(self.request.method)  # first: between any two steps a signal may end the exchange
        self._connection = self._route.idle(self.network)
        if self._connection is not None:
            asked = time.monotonic()
            try:
                await self._exchange_heads()
                return
            except ConnectionLost as error:
                check_origin(error)
                if self._response.bytes_received or time.monotonic() - asked > AT_ONCE:
                    raise
                self._check_open()
                self._disconnect()
                self._response = Response(self.request.method)
        self._clocks.start("connect")
        self._connection = await self._route.open(self.network, self._clocks, self._made)
        await self._exchange_heads()

    async def _exchange_heads(self) -> None:
        response = self._response
        self._check_open()
        self._log("%s: sending %d bytes", len(self._data))
        lost = await self._send()
        self._clocks.start("first_byte")
        head = None
        while head is None:
            try:
                head = response.read_head()
                if head is None:
                    await self._receive()
            except ConnectionLost as error:
                check_origin(error)
                raise lost or error
            except ProtocolError as error:
                raise ProtocolError(str(error) + describe_start(response.unparsed())) from None
        self._log("%s: status %d after %.3f s", head.status, self._clocks.elapsed)
        if head.status >= 300:
            raise await self._refusal(head)
        self._check_head(head)
        self.head = head

    def _pause_before_next(self, error: OllamaError, attempt: int) -> Optional[float]:
        """Seconds to wait before another attempt, with full jitter; None where there is none."""
        if attempt >= self._retries:
            return None
        asked = None
        if isinstance(error, ResponseError):
            if error.status_code not in RETRIED_STATUSES:
                return None
            asked = error.retry_after
        import random

        pause = random.uniform(0, min(MAX_BACKOFF, FIRST_PAUSE * 2**attempt)) if asked is None else asked
        return pause if pause <= MAX_PAUSE else None

    async def _sleep(self, seconds: float) -> None:
        self._clocks.start("total")
        end = time.monotonic() + seconds
        left = seconds
        while left > 0:
            self._check_open()
            self._clocks.remaining()
            await self.network.sleep(min(left, TURN))
            left = end - time.monotonic()
        self._check_open()

    async def _send(self) -> Optional[OllamaError]:
        """Send the request. A server may answer and close before it has read it all: then the answer counts."""
        pieces, is_file = self._outgoing(), isinstance(self.request.body, Upload)
        piece = next(pieces)
        while piece:
            self._clocks.start("idle")
            try:
                await self._connection.send(piece, self._clocks.remaining())
            except (OllamaError, OSError, NotImplementedError) as error:
                lost = self._lost(error, " while the request was being sent")
                if lost is error:  # of a transport that dials only now
                    raise
                return lost
            piece = await self.network.aside(lambda: next(pieces, b"")) if is_file else next(pieces, b"")
            if piece and not is_file:
                await self.network.sleep(0)  # a long request must not keep a loop to itself
        return None

    def _outgoing(self) -> Iterator[bytes]:
        """The request in the pieces in which it is sent; a file's are read when they are due."""
        view = memoryview(self._data)
        for start in range(0, len(view), SEND_SIZE):
            yield bytes(view[start : start + SEND_SIZE])
        if isinstance(self.request.body, Upload):
            yield from self.request.body

    async def _refusal(self, head: Head) -> OllamaError:
        """The error for a status of 300 and above, whatever its body."""
        body, clocks = b"", self._clocks
        self._clocks = Clocks(Timeout(None, None, None, ERROR_BODY_SECONDS))
        try:
            while len(body) < MAX_ERROR_BODY and not self._response.body_ended:
                data = self._response.read_body()
                body += data
                if not data and not self._response.body_ended:
                    await self._receive()
        except (OllamaTimeout, ConnectionLost, ProtocolError) as error:
            check_origin(error)
        self._clocks = clocks
        return self._route.refused(head) or status_error(head, body[:MAX_ERROR_BODY])

    def _check_head(self, head: Head) -> None:
        if head.status in BODILESS and self.request.endpoint.is_last is not None:
            raise ProtocolError("status %d: there is no stream in it" % head.status)
        coding = (head.get("Content-Encoding") or "identity").strip().lower()
        if coding not in ("identity", ""):
            raise ProtocolError("the body is in Content-Encoding %s although none was asked for" % ascii(coding))
        media_type, _, charset = (head.get("Content-Type") or "").lower().partition("charset=")
        self.decoder.plain_text = media_type.startswith("text/plain")
        charset = charset.split(";")[0].strip(' "')
        if charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise ProtocolError("the body is in the charset %s; JSON is UTF-8" % ascii(charset))

    # --- closing

    def _made(self, race: Race) -> None:
        self._race = race
        self._check_open()

    def _check_open(self) -> None:
        if self.status == "cancelled":
            raise StreamClosed("the stream was closed")
        if self.error is not None:
            raise self.error
        if self._pid != os.getpid():
            raise StreamClosed("the stream was opened by the process that this one was forked from")

    def _give_up(self, status: str) -> None:
        with self._closing:
            if self.status == "open":
                self.status = "complete" if self.decoder.finished and status == "cancelled" else status
            self.decoder.closed = True

    def _wake(self) -> None:
        if self._pid != os.getpid():
            return  # a shutdown would reach the parent's connection
        for end in (self._connection, self._race):
            if end is not None:
                end.wake()

    def _disconnect(self) -> None:
        """Close the connection, or keep it for the next exchange where this one has come to its end."""
        with self._closing:  # the reader that ends and a thread that closes may come here together
            connection, self._connection, self._race = self._connection, None, None
            route = self._route
            if self.status != "open":
                self._route = None
        if connection is None:
            return
        self._log("%s: %s, %d bytes in %.3f s", self.status, self._response.bytes_received, self._clocks.elapsed)
        refused = self._response.body_ended and isinstance(self.error, (IncompleteStream, ResponseError))
        if (self.status == "complete" or refused) and self._pid == os.getpid() and connection.rest():
            route.keep(self.network, connection, self._response)
        else:
            connection.close()

    def _log(self, text: str, *values: Any) -> None:
        # Where logging is not even imported nobody listens; importing it would take as long as the rest of the library.
        logging = sys.modules.get("logging")
        if logging is not None and logging.getLogger(__name__).isEnabledFor(logging.DEBUG):
            logging.getLogger(__name__).debug(text, "%s %s" % (self.request.method, self.url), *values)
