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
    TYPE_CHECKING, Any, AsyncIterator, Callable, Coroutine, Generator, Generic, Iterator, List, Mapping, Optional,
    Sequence, Union, cast, overload,
)  # fmt: skip

from ._calls import (
    BaseClient, BaseStream, Digests, Messages, ModelOptions, Path, as_messages, endpoint, has_blob, is_there, text_of,
)  # fmt: skip
from ._endpoints import build, build_any
from ._errors import OllamaError, StreamClosed
from ._net import PIECE_SIZE, BlockingConnection, Network, shut_down
from ._records import (
    ChatResponse, CloudStatusResponse, EmbedResponse, EmbeddingsResponse, GenerateResponse, ListResponse, Message,
    ProcessResponse, ProgressResponse, ShowResponse, StatusResponse, UserResponse, VersionResponse, WebFetchResponse,
    WebSearchResponse,
)  # fmt: skip
from ._stream import T

if TYPE_CHECKING:
    import socket

    from typing_extensions import Literal, Unpack

    from ._endpoints import (
        CallFields, ChatFields, CreateFields, GenerateFields, GenerationFields, ShowFields, TransferFields,
    )  # fmt: skip
    from ._exchange import Exchange


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
        self._waiting = self._expired = self._closed = False
        self._deadline = self._timer_at = math.inf
        self._timer: Optional[asyncio.TimerHandle] = None

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        loop = asyncio.get_running_loop()
        self._begin_wait(loop, timeout)
        try:
            await loop.sock_sendall(self.sock, data)
        except OSError:
            if not self._expired:
                raise
        finally:
            self._waiting = False
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
        except OSError:
            if not self._expired:
                raise
        finally:
            self._waiting, self._waiter = False, None
        if self._expired:
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
        self._waiting = True

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._deadline
        self._timer = loop.call_later(self._deadline - time.monotonic(), self._look_at_deadline, loop)

    def _look_at_deadline(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._timer_at = None, math.inf
        if not self._waiting or self._deadline == math.inf:
            return
        if self._deadline > time.monotonic():
            self._set_timer(loop)
        else:
            self._expired = True
            self.wake()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.add_reader(self._descriptor, self._readable, loop)
            self._watched = True
        except NotImplementedError:
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
            waiter.set_result(self.sock.recv(PIECE_SIZE))
        except (BlockingIOError, InterruptedError):
            pass
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # what a signal handler raises is for whoever waits
            waiter.set_exception(error)

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


def running_loop() -> Optional[asyncio.AbstractEventLoop]:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def call_in(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:  # it has ended meanwhile
        pass


class LoopNetwork(Network):
    """Sockets on the running loop."""

    def home(self) -> Any:
        """Where a connection made here can be used again: on any loop, but for those of Windows, which own a socket."""
        return (LoopNetwork, id(asyncio.get_running_loop()) if sys.platform == "win32" else 0)

    async def resolve(self, host: str, port: int) -> List[Any]:
        import socket

        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def attempt(self, sock: socket.socket) -> LoopAttempt:
        return LoopAttempt(sock)

    def connection(self, sock: socket.socket) -> LoopConnection:
        return LoopConnection(sock)

    async def ended(self, attempts: List[Any], timeout: Optional[float]) -> List[Any]:
        """Those of these attempts that have ended, as soon as one has; none when the time is up."""
        tasks = [attempt.task for attempt in attempts]
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return [attempt for attempt in attempts if attempt.task.done()]


class LoopAttempt:
    """A socket on its way to one address: a task of its own, because the wait for it has no end that works everywhere."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.task: Any = None

    def begin(self, target: Any) -> None:
        self.sock.setblocking(False)
        self.task = asyncio.ensure_future(asyncio.get_running_loop().sock_connect(self.sock, target))

    def check_connected(self) -> None:
        """Raise what went wrong, once the attempt has ended."""
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


class Records(Generic[T]):
    """The loop over an exchange. It refers to no stream: when it is dropped, the connection is closed at once."""

    def __init__(self, exchange: Exchange[T]) -> None:
        self._exchange = exchange
        self._batch: Iterator[T] = iter(())

    def __aiter__(self) -> Records[T]:
        return self

    async def __anext__(self) -> T:
        exchange = self._exchange
        try:
            for record in self._batch:
                return record
        except OllamaError as error:
            exchange.failed(error)
            exchange.close()
            raise
        batch = await exchange.batch()
        if batch is None:
            raise StopAsyncIteration
        self._batch = batch
        return next(batch)

    def __del__(self) -> None:
        self._exchange.close()


class TextLoop:
    """The loop over the pieces of text of records."""

    def __init__(self, records: AsyncIterator[Any]) -> None:
        self._records = records

    def __aiter__(self) -> TextLoop:
        return self

    async def __anext__(self) -> str:
        while True:
            text = text_of(await self._records.__anext__())
            if text:
                return text


class AsyncTexts:
    """The pieces of text of a stream: to be iterated once, as the stream is. Leaving the loop closes the connection."""

    def __init__(self, stream: AsyncStream[Any]) -> None:
        self._stream = stream

    def __aiter__(self) -> TextLoop:
        return TextLoop(self._stream.__aiter__())

    async def __anext__(self) -> str:
        return await TextLoop(self._stream).__anext__()

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        """The same as ``close()``, which needs no waiting."""
        self._stream.close()


class AsyncStream(BaseStream[T]):
    """The records of one answer, as they come, in a coroutine.

    Iterate it with ``async for``, once; or use it with ``async with``, which sends the request on entry and closes on
    exit. Awaiting it does nothing and gives the stream itself. Leaving the loop, an exception in it, a cancelled task,
    ``close()`` and dropping the last reference close the connection at once.
    """

    def __await__(self) -> Generator[Any, None, AsyncStream[T]]:
        return self
        yield

    def __aiter__(self) -> Records[T]:
        records = self._records
        if records is not None:
            if self._exchange.being_read:
                raise StreamClosed("the stream is being read by another thread or task")
            self._records = None
            return cast("Records[T]", records)
        self._take()
        return Records(self._exchange)

    async def __anext__(self) -> T:
        if self._records is None:
            self._take()
            self._records = Records(self._exchange)
        return await cast("Records[T]", self._records).__anext__()

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
        if self._records is not None or not self._taken:
            async for _ in self:
                pass
        return self._whole()


class AsyncClient(BaseClient):
    """A client for coroutines; safe to share between tasks, threads and event loops."""

    _network = LoopNetwork()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that rest between calls. Streams that run go on; the client can be used again."""
        self._pool.close()

    @overload
    def chat(
        self, model: str = ..., messages: Messages = ..., *, stream: Literal[False] = ..., **fields: Unpack[ChatFields]
    ) -> Coroutine[Any, Any, ChatResponse]: ...
    @overload
    def chat(
        self, model: str = ..., messages: Messages = ..., *, stream: Literal[True], **fields: Unpack[ChatFields]
    ) -> AsyncStream[ChatResponse]: ...
    @overload
    def chat(
        self, model: str = ..., messages: Messages = ..., *, stream: bool, **fields: Unpack[ChatFields]
    ) -> Union[Coroutine[Any, Any, ChatResponse], AsyncStream[ChatResponse]]: ...

    @endpoint
    def chat(self, model: str = "", messages: Messages = None, *, stream: bool = False, **fields: Any) -> Any:
        """POST /api/chat: the next message of a conversation; with ``stream=True`` an AsyncStream of its pieces."""
        return self._call("chat", dict(fields, model=model, messages=messages, stream=stream))

    @overload
    def generate(
        self, model: str = ..., prompt: Optional[str] = ..., suffix: Optional[str] = ..., *,
        stream: Literal[False] = ..., **fields: Unpack[GenerateFields],
    ) -> Coroutine[Any, Any, GenerateResponse]: ...  # fmt: skip
    @overload
    def generate(
        self, model: str = ..., prompt: Optional[str] = ..., suffix: Optional[str] = ..., *,
        stream: Literal[True], **fields: Unpack[GenerateFields],
    ) -> AsyncStream[GenerateResponse]: ...  # fmt: skip
    @overload
    def generate(
        self, model: str = ..., prompt: Optional[str] = ..., suffix: Optional[str] = ..., *,
        stream: bool, **fields: Unpack[GenerateFields],
    ) -> Union[Coroutine[Any, Any, GenerateResponse], AsyncStream[GenerateResponse]]: ...  # fmt: skip

    @endpoint
    def generate(
        self,
        model: str = "",
        prompt: Optional[str] = None,
        suffix: Optional[str] = None,
        *,
        stream: bool = False,
        **fields: Any,
    ) -> Any:
        """POST /api/generate: the text that follows a prompt; with ``stream=True`` an AsyncStream of its pieces."""
        return self._call("generate", dict(fields, model=model, prompt=prompt, suffix=suffix, stream=stream))

    @endpoint
    def unload(self, model: str, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, GenerateResponse]:
        """Have the server take a model out of its memory: a generate call without a prompt and with keep_alive 0."""
        return cast("Coroutine[Any, Any, GenerateResponse]", self._call("unload", dict(fields, model=model)))

    @endpoint
    def embed(
        self, model: str = "", input: Union[str, Sequence[str]] = "", truncate: Optional[bool] = None,
        options: ModelOptions = None, keep_alive: Union[float, str, None] = None, dimensions: Optional[int] = None,
        **fields: Unpack[CallFields],
    ) -> Coroutine[Any, Any, EmbedResponse]:  # fmt: skip
        """POST /api/embed: a vector for each input, L2-normalised, cut to ``dimensions`` numbers.

        A text that is too long is cut, with ``truncate=False`` it is an error. Without an input the model is loaded.
        """
        given = dict(fields, model=model, input=input, truncate=truncate, options=options)
        return cast(
            "Coroutine[Any, Any, EmbedResponse]",
            self._call("embed", dict(given, keep_alive=keep_alive, dimensions=dimensions)),
        )

    @endpoint
    def embeddings(
        self, model: str = "", prompt: Optional[str] = None, options: ModelOptions = None,
        keep_alive: Union[float, str, None] = None, **fields: Unpack[CallFields],
    ) -> Coroutine[Any, Any, EmbeddingsResponse]:  # fmt: skip
        """POST /api/embeddings: one vector, not normalised. The older way; see embed()."""
        given = dict(fields, model=model, prompt=prompt, options=options, keep_alive=keep_alive)
        return cast("Coroutine[Any, Any, EmbeddingsResponse]", self._call("embeddings", given))

    @overload
    def pull(
        self, model: str, *, stream: Literal[False] = ..., **fields: Unpack[TransferFields]
    ) -> Coroutine[Any, Any, ProgressResponse]: ...
    @overload
    def pull(
        self, model: str, *, stream: Literal[True], **fields: Unpack[TransferFields]
    ) -> AsyncStream[ProgressResponse]: ...
    @overload
    def pull(
        self, model: str, *, stream: bool, **fields: Unpack[TransferFields]
    ) -> Union[Coroutine[Any, Any, ProgressResponse], AsyncStream[ProgressResponse]]: ...

    @endpoint
    def pull(self, model: str, *, stream: bool = False, **fields: Any) -> Any:
        """POST /api/pull: have the server download a model; with ``stream=True`` an AsyncStream of its progress.

        Without a stream nothing comes before the end, so that there is no first_byte clock unless the call names one.
        """
        return self._call("pull", dict(fields, model=model, stream=stream))

    @overload
    def push(
        self, model: str, *, stream: Literal[False] = ..., **fields: Unpack[TransferFields]
    ) -> Coroutine[Any, Any, ProgressResponse]: ...
    @overload
    def push(
        self, model: str, *, stream: Literal[True], **fields: Unpack[TransferFields]
    ) -> AsyncStream[ProgressResponse]: ...
    @overload
    def push(
        self, model: str, *, stream: bool, **fields: Unpack[TransferFields]
    ) -> Union[Coroutine[Any, Any, ProgressResponse], AsyncStream[ProgressResponse]]: ...

    @endpoint
    def push(self, model: str, *, stream: bool = False, **fields: Any) -> Any:
        """POST /api/push: have the server upload a model; as pull() otherwise."""
        return self._call("push", dict(fields, model=model, stream=stream))

    @overload
    def create(
        self, model: str, quantize: Optional[str] = ..., from_: Optional[str] = ..., files: Digests = ...,
        adapters: Digests = ..., template: Optional[str] = ..., license: Union[str, List[str], None] = ...,
        system: Optional[str] = ..., parameters: ModelOptions = ..., messages: Messages = ..., *,
        stream: Literal[False] = ..., **fields: Unpack[CreateFields],
    ) -> Coroutine[Any, Any, ProgressResponse]: ...  # fmt: skip
    @overload
    def create(
        self, model: str, quantize: Optional[str] = ..., from_: Optional[str] = ..., files: Digests = ...,
        adapters: Digests = ..., template: Optional[str] = ..., license: Union[str, List[str], None] = ...,
        system: Optional[str] = ..., parameters: ModelOptions = ..., messages: Messages = ..., *,
        stream: Literal[True], **fields: Unpack[CreateFields],
    ) -> AsyncStream[ProgressResponse]: ...  # fmt: skip
    @overload
    def create(
        self, model: str, quantize: Optional[str] = ..., from_: Optional[str] = ..., files: Digests = ...,
        adapters: Digests = ..., template: Optional[str] = ..., license: Union[str, List[str], None] = ...,
        system: Optional[str] = ..., parameters: ModelOptions = ..., messages: Messages = ..., *,
        stream: bool, **fields: Unpack[CreateFields],
    ) -> Union[Coroutine[Any, Any, ProgressResponse], AsyncStream[ProgressResponse]]: ...  # fmt: skip

    @endpoint
    def create(
        self, model: str, quantize: Optional[str] = None, from_: Optional[str] = None, files: Digests = None,
        adapters: Digests = None, template: Optional[str] = None, license: Union[str, List[str], None] = None,
        system: Optional[str] = None, parameters: ModelOptions = None, messages: Messages = None, *,
        stream: bool = False, **fields: Any,
    ) -> Any:  # fmt: skip
        """POST /api/create: make a model, from another one (``from_``, sent as "from") or from files.

        ``files`` and ``adapters`` map file names to the digests that create_blob() gives; ``quantize`` is a form such
        as "q4_K_M"; ``parameters`` are the options and ``messages`` the conversation that the model begins with.
        """
        fields.update(model=model, quantize=quantize, from_=from_, files=files, adapters=adapters, template=template)
        fields.update(license=license, system=system, parameters=parameters, messages=messages, stream=stream)
        return self._call("create", fields)

    @endpoint
    def create_blob(self, path: Path, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, str]:
        """POST /api/blobs/DIGEST: give the server a file, for create(); returns "sha256:" and the digest.

        The file is read in pieces. It is not sent if the server has it.
        """
        return self._upload(path, fields)

    @endpoint
    def blob_exists(self, digest: str, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, bool]:
        """HEAD /api/blobs/DIGEST: whether the server has a file. ``digest`` is as create_blob() returns it."""
        return has_blob(self._exchange(build("blob_exists", dict(fields, digest=digest))))

    @endpoint
    def list(self, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, ListResponse]:
        """GET /api/tags: the installed models."""
        return cast("Coroutine[Any, Any, ListResponse]", self._call("list", fields))

    @endpoint
    def show(self, model: str, **fields: Unpack[ShowFields]) -> Coroutine[Any, Any, ShowResponse]:
        """POST /api/show: everything about one model."""
        return cast("Coroutine[Any, Any, ShowResponse]", self._call("show", dict(fields, model=model)))

    @endpoint
    def ps(self, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, ProcessResponse]:
        """GET /api/ps: the models in memory."""
        return cast("Coroutine[Any, Any, ProcessResponse]", self._call("ps", fields))

    @endpoint
    def copy(self, source: str, destination: str, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, StatusResponse]:
        """POST /api/copy: another name for a model."""
        given = dict(fields, source=source, destination=destination)
        return cast("Coroutine[Any, Any, StatusResponse]", self._call("copy", given))

    @endpoint
    def delete(self, model: str, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, StatusResponse]:
        """DELETE /api/delete: remove a model."""
        return cast("Coroutine[Any, Any, StatusResponse]", self._call("delete", dict(fields, model=model)))

    @endpoint
    def version(self, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, VersionResponse]:
        """GET /api/version."""
        return cast("Coroutine[Any, Any, VersionResponse]", self._call("version", fields))

    @endpoint
    def ping(self, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, bool]:
        """HEAD /: whether a server answers, and well, within 10 s unless the call names other clocks.

        False for every failure but a wrong argument; version() raises what was wrong.
        """
        return is_there(self._exchange(self._ping_request(fields)))

    @endpoint
    def me(self, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, UserResponse]:
        """POST /api/me: the ollama.com account of the server; ResponseError with ``signin_url`` if there is none."""
        return cast("Coroutine[Any, Any, UserResponse]", self._call("me", fields))

    @endpoint
    def signout(self, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, StatusResponse]:
        """POST /api/signout: sign the server out of ollama.com."""
        return cast("Coroutine[Any, Any, StatusResponse]", self._call("signout", fields))

    @endpoint
    def cloud_status(self, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, CloudStatusResponse]:
        """GET /api/status: whether the server may use ollama.com."""
        return cast("Coroutine[Any, Any, CloudStatusResponse]", self._call("cloud_status", fields))

    @endpoint
    def web_search(
        self, query: str, max_results: int = 3, **fields: Unpack[CallFields]
    ) -> Coroutine[Any, Any, WebSearchResponse]:
        """POST https://ollama.com/api/web_search, with the key of OLLAMA_API_KEY or an ``Authorization`` header.

        Raises RequestError without a Bearer token, before anything is sent.
        """
        given = dict(fields, query=query, max_results=max_results)
        return cast("Coroutine[Any, Any, WebSearchResponse]", self._call("web_search", given))

    @endpoint
    def web_fetch(self, url: str, **fields: Unpack[CallFields]) -> Coroutine[Any, Any, WebFetchResponse]:
        """POST https://ollama.com/api/web_fetch: a page as text; the key as for web_search()."""
        return cast("Coroutine[Any, Any, WebFetchResponse]", self._call("web_fetch", dict(fields, url=url)))

    def stream_chat(self, model: str, messages: Union[str, Messages], **fields: Unpack[ChatFields]) -> AsyncTexts:
        """The text of a chat answer, piece by piece, none empty; ``messages`` may be one prompt as a string."""
        stream: AsyncStream[ChatResponse] = self.chat(model, as_messages(messages), stream=True, **fields)
        return stream.text()

    def run_tools(
        self, model: str, messages: Union[str, Messages], tools: Sequence[Any], *, max_rounds: int = 10,
        **fields: Unpack[GenerationFields],
    ) -> AsyncToolRun:  # fmt: skip
        """A chat in which the functions that the model asks for are called; see ``tools.run_tools``."""
        from .tools import run_tools

        return run_tools(self, model, messages, tools, max_rounds=max_rounds, **fields)

    def request(
        self, method: str, path: str, json: Any = None, *, body: Any = None, stream: bool = False, **options: Any
    ) -> Any:
        """Any endpoint: the JSON value of the answer, to be awaited, or with ``stream=True`` an AsyncStream of dicts."""
        answer: AsyncStream[Any] = AsyncStream(self._exchange(build_any(method, path, json, body, stream, options)))
        return answer if stream else answer.result()

    def _call(self, name: str, given: Mapping[str, Any]) -> Any:
        request = build(name, given)
        stream: AsyncStream[Any] = AsyncStream(self._exchange(request))
        return stream if request.streamed else stream.result()


class AsyncToolRun(AsyncStream[ChatResponse]):
    """``tools.ToolRun`` in a coroutine."""

    @property
    def messages(self) -> List[Message]:
        """The messages given, and what came of them, in whole turns."""
        return cast(Any, self._exchange).messages  # type: ignore[no-any-return]

    @property
    def status(self) -> str:
        """ "open", "complete", "truncated", "error" or "cancelled"."""
        return self._exchange.status
