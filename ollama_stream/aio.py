# SPDX-License-Identifier: MIT
"""``AsyncClient`` and ``AsyncStream``: the same decisions as ``_client``, awaited.

An ``Exchange`` is awaited here on raw sockets and the calls of the running loop for them; no transport of asyncio is made,
which would belong to one loop, and raise or warn when that has ended. CancelledError passes through unchanged.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from typing import (
    TYPE_CHECKING, Any, AsyncIterator, Callable, Coroutine, Generator, Generic, Iterator, List, Mapping, Optional, cast,
)  # fmt: skip

from ._assembler import T
from ._calls import BaseClient, find_images, map_images
from ._client import BaseStream, BaseTexts, Reading, choose_iterator, text_of
from ._endpoints import build
from ._errors import OllamaError, RequestError, StreamClosed, check_origin, raised_by_program
from ._methods import AsyncMethods, add_methods, as_coroutine_function
from ._net import PIECE_SIZE, Attempt, BlockingConnection, Network, Result, shut_down
from ._values import names_file

if TYPE_CHECKING:
    import socket


class LoopConnection(BlockingConnection):
    """A connected non-blocking socket. A deadline shuts it down, which ends the wait on every kind of loop.

    A loop that can (all but that of Windows) watches the socket from the first wait on, because to begin and to end that
    costs two system calls. It stops when there is something to read and nobody waits, and before the socket is closed or
    rests. One timer looks at the deadline when it fires, and is set anew where that has moved on.

    All of this belongs to the thread of ``_loop``. Another one that closes shuts the socket down; the loop sees that, lets
    go of the socket, and closes it: its number may be another socket's the moment after.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._descriptor, self._pid = sock.fileno(), os.getpid()
        self._loop: Optional[asyncio.AbstractEventLoop] = None  # that watches, or has the timer
        self._can_watch, self._watched = True, False
        self._waiter: Optional[asyncio.Future[bytes]] = None  # of recv()
        self._expired = self._closed = False
        self._deadline = self._timer_at = math.inf  # there is a deadline while somebody waits
        self._timer: Optional[asyncio.TimerHandle] = None

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        loop = this_loop()
        self._begin_wait(loop, timeout)
        try:
            await loop.sock_sendall(self.sock, data)
        except OSError as error:
            check_origin(error)
            if not self._expired:
                raise
        finally:
            self._deadline = math.inf
        if self._expired:
            raise TimeoutError

    async def recv(self, timeout: Optional[float]) -> bytes:
        loop, piece = asyncio.get_running_loop(), b""
        self._begin_wait(loop, timeout)
        if self._can_watch and not self._watched:
            self._watch(loop)
        try:
            if self._watched:
                self._waiter = loop.create_future()
                piece = await self._waiter
            else:
                # sock_recv() does not wait where there is something: a fast server would keep the loop to itself.
                await asyncio.sleep(0)
                piece = await loop.sock_recv(self.sock, PIECE_SIZE)
        except OSError as error:
            check_origin(error)
            if not self._expired:
                raise
        finally:
            self._deadline, self._waiter = math.inf, None
        if self._expired and not piece:
            raise TimeoutError
        return piece

    def rest(self) -> bool:
        return self._let_go()

    def close(self) -> None:
        self._closed = True
        if self._let_go():
            self.sock.close()
        else:
            shut_down(self.sock)

    def _begin_wait(self, loop: asyncio.AbstractEventLoop, timeout: Optional[float]) -> None:
        if self._loop is not loop:
            self._let_go()
            self._loop, self._watched = loop, False
        self._deadline = math.inf if timeout is None else time.monotonic() + timeout
        if self._deadline < self._timer_at:
            self._set_timer(loop)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadline
        self._timer = loop.call_later(self._deadline - time.monotonic(), self._look_at_deadline, loop)

    def _look_at_deadline(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._deadline == math.inf:
            return
        if self._deadline > time.monotonic():
            self._set_timer(loop)
        elif not self._has_come(loop):
            self._expired = True
            self.wake()

    def _has_come(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether something has come for recv() all the same, while the program kept the loop from its sockets."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            self._readable(loop)
        return waiter is not None and waiter.done()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.add_reader(self._descriptor, self._readable, loop)
            self._watched = True
        except NotImplementedError as error:
            check_origin(error)
            self._can_watch = False

    def _readable(self, loop: asyncio.AbstractEventLoop) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done() or loop is not self._loop:
            loop.remove_reader(self._descriptor)  # or it would be told again and again
            if loop is self._loop:
                self._watched = False
                if self._closed:
                    self.sock.close()
            return
        try:
            piece = self.sock.recv(PIECE_SIZE)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # what a signal handler raises is for whoever waits
            if raised_by_program(error) or not isinstance(error, (BlockingIOError, InterruptedError)):
                waiter.set_exception(error)
        else:
            waiter.set_result(piece)

    def _let_go(self) -> bool:
        """Have the loop forget the socket; False where only that can do it, because it runs in another thread."""
        loop, timer = self._loop, self._timer
        if loop is not None and not loop.is_closed() and self._pid == os.getpid():  # a fork shares what the loop watches
            if loop.is_running() and loop is not running_loop():
                if timer is not None:
                    call_in(loop, timer.cancel)
                return not self._watched
            if self._watched:
                loop.remove_reader(self._descriptor)
            if timer is not None:
                timer.cancel()
        self._loop = self._timer = None
        self._watched, self._timer_at = False, math.inf
        return True


running_loop = asyncio._get_running_loop  # None where there is none


def call_in(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError as error:  # it has ended meanwhile
        check_origin(error)


class LoopAttempt(Attempt):
    """A socket on its way to one address: a task of its own, because the wait for it has no end that works everywhere."""

    task: Any = None

    def begin(self, target: Any) -> None:
        self.sock.setblocking(False)
        self.task = asyncio.ensure_future(this_loop().sock_connect(self.sock, target))

    def check_connected(self) -> None:
        self.task.result()

    def close(self) -> None:
        if self.task is None:
            self.sock.close()
            return
        # When the loop has let go of it: the number of a closed socket may be another's the moment after.
        self.task.add_done_callback(self._closed)
        self.task.cancel()

    def _closed(self, task: asyncio.Task[None]) -> None:
        self.sock.close()
        if not task.cancelled():
            task.exception()  # has been seen: asyncio need not speak of it


class LoopNetwork(Network):
    """Sockets on the running loop."""

    attempt, connection = LoopAttempt, LoopConnection

    def home(self) -> Any:
        """Where a connection made here can be used again: on any loop, but for those of Windows, which own a socket."""
        # No loop need run: a stream may be closed after its loop has ended.
        return (LoopNetwork, id(running_loop()) if sys.platform == "win32" else 0)

    async def resolve(self, host: Any, port: int) -> List[Any]:
        import socket

        return await this_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def aside(self, function: Callable[..., Result], *args: Any) -> Result:
        return await this_loop().run_in_executor(None, function, *args)

    async def ended(self, attempts: List[Any], timeout: Optional[float]) -> List[Any]:
        """Those of these attempts that have ended, as soon as one has; none when the time is up."""
        tasks = [attempt.task for attempt in attempts]
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return [attempt for attempt in attempts if attempt.task.done()]


def task_id() -> Any:
    """What tells tasks apart; None outside of one."""
    loop = running_loop()
    return None if loop is None else id(asyncio.current_task(loop))


def this_loop() -> asyncio.AbstractEventLoop:
    loop = running_loop()
    if loop is None:
        raise RequestError(
            "an AsyncClient needs a running loop of asyncio, and there is none (trio is another): "
            "use a Client in a thread, such as trio.to_thread.run_sync(client.list), or run under asyncio"
        )
    return loop


def loop_over(reading: Reading[T]) -> Records[T]:
    """A stream of a Client, read by ``async for``."""
    if not reading.taken:
        reading.exchange.use(LoopNetwork())
        reading.who = task_id
    return Records(reading)


class Records(Generic[T]):
    """The loop over an exchange. It refers to no stream: when it is dropped, the connection is closed at once."""

    def __init__(self, reading: Reading[T]) -> None:
        self._exchange, self._reading = reading.exchange, reading
        self._begun = False
        self._batch: Iterator[T] = iter(())

    def __aiter__(self) -> Records[T]:
        return self

    async def __anext__(self) -> T:
        exchange = self._exchange
        try:
            for record in self._batch:
                return record
        except OllamaError as error:
            failure = exchange.failed(error)
            exchange.close()
            raise failure
        if not self._begun:
            self._reading.begin()
            self._begun = True
        try:
            batch = await exchange.batch()
        except StreamClosed:
            if self._reading.left:
                raise StopAsyncIteration from None
            raise
        if batch is None:
            self._reading.ended = True
            raise StopAsyncIteration
        self._batch = batch
        return next(batch)

    def __del__(self) -> None:
        if self._begun:
            self._exchange.close()


class TextLoop:
    """The loop over the pieces of text of records."""

    def __init__(self, records: AsyncIterator[Any]) -> None:
        self._stream: Any = records

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while True:
            text = text_of(await self._stream.__anext__())
            if text:
                return text


class AsyncTexts(BaseTexts, TextLoop):
    """The pieces of text of a stream: to be iterated once, as the stream is. Leaving the loop closes the connection."""

    def __aiter__(self) -> AsyncIterator[str]:
        return cast("AsyncIterator[str]", choose_iterator(self, "GET_AITER"))

    def _loop(self) -> TextLoop:
        return TextLoop(self._stream._loop())

    async def aclose(self) -> None:
        """The same as ``close()``, which needs no waiting."""
        self._stream.close()


class AsyncStream(BaseStream[T], Coroutine[Any, Any, "AsyncStream[T]"]):
    """The records of one answer, as they come, in a coroutine.

    Iterate it with ``async for``, once; or use it with ``async with``, which sends the request on entry and closes on
    exit. Awaiting it does nothing and gives the stream itself. Leaving the loop, an exception in it, a cancelled task,
    ``close()`` and dropping the last reference close the connection at once. It raises as a Stream does.
    """

    _who, _over = staticmethod(task_id), Records

    def __await__(self) -> Generator[Any, None, AsyncStream[T]]:
        return self
        yield

    def send(self, _value: Any) -> Any:
        """What makes it a coroutine, as create_task() and others want one: it ends at once, with the stream."""
        raise StopIteration(self)

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        error = value if isinstance(value, BaseException) else kind() if isinstance(kind, type) else kind
        raise error.with_traceback(traceback) if traceback else error

    def __aiter__(self) -> AsyncIterator[T]:
        self._check_unspent()
        return cast("AsyncIterator[T]", choose_iterator(self, "GET_AITER"))

    async def __anext__(self) -> T:
        records: Records[T] = self._records or self._begin()
        try:
            return await records.__anext__()
        except StopAsyncIteration:
            self._check_ended()
            raise

    async def __aenter__(self) -> AsyncStream[T]:
        await self._exchange.open()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self.close()

    async def aclose(self) -> None:
        """The same as ``close()``, which needs no waiting."""
        self.close()

    def text(self) -> AsyncTexts:
        """The pieces of the answer's text (content or response), none of them empty."""
        return AsyncTexts(self)

    async def result(self) -> T:
        """The whole answer as one record; reads what has not been read yet. Raises what the stream raises."""
        if self._is_unfinished():
            async for _ in self:
                pass
        return self._whole()


add_methods(AsyncMethods, AsyncStream, AsyncTexts, as_coroutine_function)


class AsyncClient(AsyncMethods, BaseClient):
    """A client for coroutines; safe to share between tasks, threads and event loops.

    >>> import asyncio, ollama_stream as ollama
    >>> asyncio.run(ollama.AsyncClient().chat("llama3.2", "Say one word.")).text
    'Hello'
    """

    _network, _stream, _run = LoopNetwork(), AsyncStream, staticmethod(lambda coroutine: coroutine)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    def _call(self, name: str, given: Mapping[str, Any]) -> Any:
        """As of a Client; images that are files are not read before the loop can go on meanwhile."""
        if not any(map(names_file, find_images(given))):
            return super()._call(name, given)
        whole = map_images(given, lambda image: image)  # as it is now, not as the program may change it
        unread = map_images(whole, lambda image: b"" if names_file(image) else image)
        return self._answer(build(name, unread)._replace(body=lambda: build(name, whole).body))

    async def close(self) -> None:
        """Close the connections that rest between calls. Streams that run go on; the client can be used again."""
        self._pool.close()
