"""One request and its response: open, receive, time, close. Written once; ``_client`` runs it, ``aio`` awaits it.

An exchange knows no stream: a loop over records holds the exchange alone, so that dropping the loop closes the socket at
once. Whatever goes wrong leaves here as one of our exceptions that carries what had arrived.
"""

from __future__ import annotations

import threading
from itertools import chain
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Generic, Iterator, Optional, Type, TypeVar

from ._address import safe_location
from ._endpoints import Request
from ._errors import (
    ConnectionLost, IncompleteStream, OllamaError, OllamaTimeout, ProtocolError, ResponseError, StreamClosed,
)  # fmt: skip
from ._http1 import Head, Response
from ._net import SEND_SIZE, Clocks, Timeout, dial, is_timeout, reason, settled, shut_down
from ._records import Generation
from ._stream import ResponseDecoder, parsed, response_error

if TYPE_CHECKING:
    from ._address import Address

T = TypeVar("T")
R = TypeVar("R")

MAX_ERROR_BODY = 65536  # bytes of the body of an error that are read for its message
ERROR_BODY_SECONDS = 2.0


class Exchange(Generic[T]):
    """``status`` is "open", "complete", "truncated", "error" or "cancelled"."""

    def __init__(
        self,
        network: Any,
        transport: Any,
        address: Address,
        request: Request,
        data: bytes,
        timeout: Timeout,
        max_line: int,
    ) -> None:
        self.request = request
        self.status = "open"
        self.error: Optional[OllamaError] = None
        self.head: Optional[Head] = None
        record_class: Type[T] = request.endpoint.record
        self.decoder: ResponseDecoder[T] = ResponseDecoder(record_class, request.endpoint.is_last, max_line)
        self.network, self._transport, self._address = network, transport, address
        self._data, self._timeout = data, timeout
        self._clocks = Clocks(timeout)
        self._response = Response(request.method)
        self._connection: Any = None
        self._socket: Any = None  # known before it is connected, for close() from another thread
        self._trailer_error: Optional[ProtocolError] = None
        self._answered = False
        self._reading = threading.Lock()
        self._closing = threading.Lock()

    @property
    def partial(self) -> Any:
        """What has been handed out so far, as one record; None before the first record of a call that makes no text."""
        assembler = self.decoder.assembler
        if issubclass(assembler.record_class, Generation) or assembler.has_records:
            return assembler.result()
        return None

    async def batch(self) -> Optional[Iterator[T]]:
        """The next records, one at least, as soon as there is one; None after the last. Raises every OllamaError."""
        return await self._alone(self._batch)

    async def open(self) -> None:
        """Connect, send, and have the head of the response; does nothing when that is done. Raises as batch() does."""
        await self._alone(self._open)

    async def _alone(self, step: Callable[[], Awaitable[R]]) -> R:
        """One step by one reader at a time; the connection does not outlive the exchange."""
        if not self._reading.acquire(False):
            raise StreamClosed("the stream is being read by another thread or task")
        try:
            return await step()
        except OllamaError as error:
            raise self.failed(error)
        except BaseException:
            self._give_up("cancelled")
            raise
        finally:
            self._reading.release()
            if self.status != "open":
                self._disconnect()

    def failed(self, error: OllamaError) -> OllamaError:
        """The error with what had arrived, when and from where; the exchange is over."""
        if self.error is None and error.url is None:
            error.partial = self.partial
            error.elapsed = self._clocks.elapsed
            error.url = self._address.url + self.request.target.partition("?")[0]
            if isinstance(error, (ConnectionLost, IncompleteStream)) and isinstance(error.partial, Generation):
                error.args = (error.args[0] + cut_off(error.partial),)
        if isinstance(error, StreamClosed):
            self._give_up("cancelled")
        else:
            self._give_up("truncated" if isinstance(error, (IncompleteStream, ConnectionLost)) else "error")
            self.error = self.error or error
        return error

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
            self._disconnect()

    # --- the way of a call

    async def _batch(self) -> Optional[Iterator[T]]:
        await self._open()
        decoder = self.decoder
        if self._answered:
            self._clocks.start("idle")
        while not decoder.finished:
            self._check_open()
            records = decoder.records()
            try:
                first = next(records, None)
            except IncompleteStream:
                if self._trailer_error is not None:
                    raise self._trailer_error from None
                raise
            if first is not None:
                self._answered = True
                return chain((first,), records)
            if not decoder.finished:
                await self._receive()
        self.status = "complete" if self.status == "open" else self.status
        return None

    async def _open(self) -> None:
        self._check_open()
        if self.head is not None:
            return
        clocks = self._clocks = Clocks(self._timeout)
        clocks.start("connect")
        if self._transport is not None:
            self._connection = await settled(self._transport.open(self._address, clocks.remaining()))
            if hasattr(self._connection, "network"):
                self._connection.network = self.network
        else:
            try:
                self._connection = await dial(self.network, self._address, clocks, self._made)
            except OllamaError:
                self._check_open()  # close() from another thread makes connecting fail
                raise
        self._check_open()
        lost = await self._send()
        clocks.start("first_byte")
        while self.head is None:
            try:
                self.head = self._response.read_head()
                if self.head is None:
                    self._response.receive(await self._recv())
            except ConnectionLost as error:
                raise lost or error
        if self.head.status >= 300:
            raise await self._refusal(self.head)
        self._check_head(self.head)

    async def _send(self) -> Optional[ConnectionLost]:
        """Send the request. A server may answer and close before it has read it all: then the answer counts."""
        view = memoryview(self._data)
        for start in range(0, len(view), SEND_SIZE):
            self._clocks.start("idle")
            try:
                await settled(self._connection.send(bytes(view[start : start + SEND_SIZE]), self._clocks.remaining()))
            except OSError as error:
                self._check_open()
                if is_timeout(error):
                    raise self._clock_error() from None
                return ConnectionLost("the connection was lost while the request was being sent: %s" % reason(error))
        return None

    async def _recv(self) -> bytes:
        try:
            piece: bytes = await settled(self._connection.recv(self._clocks.remaining()))
        except OSError as error:
            self._check_open()
            if is_timeout(error):
                raise self._clock_error() from None
            raise ConnectionLost("the connection was lost: %s" % reason(error), tail=self.decoder.tail()) from None
        self._check_open()
        return piece

    async def _receive(self) -> None:
        """Give the decoder more of the body, or its end."""
        response = self._response
        while True:
            try:
                body = response.read_body()
            except ConnectionLost as error:
                if not response.body_ended:
                    error.tail = self.decoder.tail()
                    raise
                break
            except ProtocolError as error:
                if not response.body_ended:
                    raise
                self._trailer_error = error
                break
            if body:
                self.decoder.receive(body)
                return
            if response.complete:
                break
            response.receive(await self._recv())
        self.decoder.end()

    async def _refusal(self, head: Head) -> OllamaError:
        """The error for a status of 300 and above, whatever its body."""
        body, clocks = b"", Clocks(Timeout(None, None, None, ERROR_BODY_SECONDS))
        self._clocks = clocks
        try:
            while len(body) < MAX_ERROR_BODY and not self._response.body_ended:
                data = self._response.read_body()
                body += data
                if not data and not self._response.body_ended:
                    self._response.receive(await self._recv())
        except (OllamaTimeout, ConnectionLost, ProtocolError):
            pass
        return status_error(head, body[:MAX_ERROR_BODY])

    def _check_head(self, head: Head) -> None:
        if head.status in (204, 205) and self.request.endpoint.is_last is not None:
            raise ProtocolError("status %d: there is no stream in it" % head.status)
        coding = (head.get("Content-Encoding") or "identity").strip().lower()
        if coding not in ("identity", ""):
            raise ProtocolError("the body is in Content-Encoding %s although none was asked for" % ascii(coding))
        media_type, _, charset = (head.get("Content-Type") or "").lower().partition("charset=")
        self.decoder.plain_text = media_type.startswith("text/plain")
        charset = charset.split(";")[0].strip(' "')
        if charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise ProtocolError("the body is in the charset %s; JSON is UTF-8" % ascii(charset))

    def _clock_error(self) -> OllamaTimeout:
        try:
            self._clocks.remaining()
        except OllamaTimeout as error:
            return error
        return self._clocks.error(self._clocks.name)  # the system's clock was a little ahead of ours

    # --- closing

    def _made(self, sock: Any) -> None:
        self._socket = sock
        self._check_open()

    def _check_open(self) -> None:
        if self.status == "cancelled":
            raise StreamClosed("the stream was closed")
        if self.error is not None:
            raise self.error

    def _give_up(self, status: str) -> None:
        with self._closing:
            if self.status == "open":
                self.status = "complete" if self.decoder.finished and status == "cancelled" else status
            self.decoder.closed = True

    def _wake(self) -> None:
        for end in (self._connection, self._socket):
            if hasattr(end, "wake"):
                end.wake()
            elif hasattr(end, "shutdown"):
                shut_down(end)

    def _disconnect(self) -> None:
        connection, self._connection, self._socket = self._connection, None, None
        if connection is not None:
            connection.close()


def cut_off(partial: Generation) -> str:
    """What an answer without its end means to the reader of the error."""
    if not partial.text:
        return "; nothing of the answer had arrived: ask again"
    return "; the answer is cut off after %d characters (they are in .partial): ask again" % len(partial.text)


def status_error(head: Head, body: bytes) -> ResponseError:
    """The server's text from the body of an error: JSON, plain text, or nothing but the reason phrase."""
    headers = {name.lower(): value for name, value in head.headers}
    details: Any = {"headers": headers, "retry_after": retry_after(headers.get("retry-after"))}
    text = body.decode("utf-8", "replace").strip()
    if head.status < 400:
        location = headers.get("location")
        where = " to %s" % safe_location(location) if location else ""
        message = "the server redirects%s, which is not followed: set host to where the API is" % where
        return ResponseError(message, head.status, raw=text, **details)
    try:
        data = parsed(text)
    except ProtocolError:
        data = None
    if isinstance(data, dict) and data.get("error"):
        return response_error(data, head.status, **details)
    if "<html" in text[:500].lower() or "<!doctype" in text[:500].lower():
        message = head.reason or "an HTML page"
    else:
        message = text[:2048] or head.reason
    raw = text if data is None else data
    return ResponseError(message or "status %d" % head.status, head.status, raw=raw, **details)


def retry_after(value: Optional[str]) -> Optional[float]:
    """Seconds to wait by a Retry-After field: a number or an HTTP date (RFC 9110, 10.2.3); None for anything else."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
