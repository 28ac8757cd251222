# SPDX-License-Identifier: MIT
"""``Client`` and ``Stream``: calls go in, records come out, on blocking sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Iterator, List, Mapping, Optional, Sequence, Union, cast, overload

from ._calls import (
    BaseClient, BaseStream, Digests, Messages, ModelOptions, Path, as_messages, endpoint, has_blob, is_there, text_of,
)  # fmt: skip
from ._endpoints import build, build_any
from ._errors import OllamaError, StreamClosed
from ._exchange import Exchange
from ._net import Network, run
from ._records import (
    ChatResponse, CloudStatusResponse, EmbedResponse, EmbeddingsResponse, GenerateResponse, ListResponse,
    ProcessResponse, ProgressResponse, ShowResponse, StatusResponse, UserResponse, VersionResponse, WebFetchResponse,
    WebSearchResponse,
)  # fmt: skip
from ._stream import T

if TYPE_CHECKING:
    from typing_extensions import Literal, Unpack

    from ._endpoints import (
        CallFields, ChatFields, CreateFields, GenerateFields, GenerationFields, ShowFields, TransferFields,
    )  # fmt: skip
    from .tools import ToolRun


class Stream(BaseStream[T]):
    """The records of one answer, as they come.

    Iterate it, once; or use it as a context manager, which sends the request on entry and closes on exit. Leaving the
    loop, an exception in it, ``close()`` and dropping the last reference close the connection at once, which is how
    Ollama learns to stop. An answer that does not end as it must raises; what had arrived is in ``partial``.
    """

    def __iter__(self) -> Iterator[T]:
        records = self._records
        if records is not None:
            if records.gi_running:
                raise StreamClosed("the stream is being read by another thread or task")
            if records.gi_frame is None:
                self._check_ended()
            self._records = None
            return cast("Iterator[T]", records)
        self._take()
        return records_of(self._exchange)

    def __next__(self) -> T:
        if self._records is None:
            self._take()
            self._records = records_of(self._exchange)
        try:
            return cast(T, next(self._records))
        except StopIteration:
            self._check_ended()
            raise
        except ValueError as error:
            if isinstance(error, OllamaError):
                raise
            raise StreamClosed("the stream is being read by another thread or task") from None

    def __enter__(self) -> Stream[T]:
        run(self._exchange.open())
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[T]:
        # A module function, or a Client, used in a coroutine: nothing is open yet, so the loop can have it.
        from .aio import LoopNetwork, Records

        if not self._taken:
            self._exchange.use(LoopNetwork())
        self._take()
        return Records(self._exchange)

    def text(self) -> Texts:
        """The pieces of the answer's text (content or response), none of them empty."""
        return Texts(self)

    def result(self) -> T:
        """The whole answer as one record; reads what has not been read yet. Raises what the stream raises."""
        if self._records is not None or not self._taken:
            for _ in self:
                pass
        return self._whole()


def records_of(exchange: Exchange[T]) -> Iterator[T]:
    """The loop over an exchange. It refers to no stream: when it is dropped, so is the connection."""
    try:
        while True:
            batch = run(exchange.batch())
            if batch is None:
                return
            yield from batch
    except OllamaError as error:
        raise exchange.failed(error)
    finally:
        exchange.close()


class Texts:
    """The pieces of text of a stream: to be iterated once, as the stream is. Leaving the loop closes the connection."""

    def __init__(self, stream: Stream[Any]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[str]:
        return texts_of(iter(self._stream))

    def __next__(self) -> str:
        while True:
            text = text_of(next(self._stream))
            if text:
                return text

    def __aiter__(self) -> AsyncIterator[str]:
        from .aio import TextLoop

        return TextLoop(self._stream.__aiter__())

    def close(self) -> None:
        self._stream.close()


def texts_of(records: Iterator[Any]) -> Iterator[str]:
    return filter(None, map(text_of, records))


class Client(BaseClient):
    """A client on blocking sockets; safe to share between threads. Each call has its connection to itself."""

    _network = Network()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that rest between calls. Streams that run go on; the client can be used again."""
        self._pool.close()

    @overload
    def chat(
        self, model: str = ..., messages: Messages = ..., *, stream: Literal[False] = ..., **fields: Unpack[ChatFields]
    ) -> ChatResponse: ...
    @overload
    def chat(
        self, model: str = ..., messages: Messages = ..., *, stream: Literal[True], **fields: Unpack[ChatFields]
    ) -> Stream[ChatResponse]: ...
    @overload
    def chat(
        self, model: str = ..., messages: Messages = ..., *, stream: bool, **fields: Unpack[ChatFields]
    ) -> Union[ChatResponse, Stream[ChatResponse]]: ...

    @endpoint
    def chat(self, model: str = "", messages: Messages = None, *, stream: bool = False, **fields: Any) -> Any:
        """POST /api/chat: the next message of a conversation; with ``stream=True`` a Stream of its pieces.

        Without messages the model is only loaded (or unloaded, with ``keep_alive=0``). Raises RequestError here for a
        wrong argument; otherwise, here or from the stream, every OllamaError.
        """
        return self._call("chat", dict(fields, model=model, messages=messages, stream=stream))

    @overload
    def generate(
        self, model: str = ..., prompt: Optional[str] = ..., suffix: Optional[str] = ..., *,
        stream: Literal[False] = ..., **fields: Unpack[GenerateFields],
    ) -> GenerateResponse: ...  # fmt: skip
    @overload
    def generate(
        self, model: str = ..., prompt: Optional[str] = ..., suffix: Optional[str] = ..., *,
        stream: Literal[True], **fields: Unpack[GenerateFields],
    ) -> Stream[GenerateResponse]: ...  # fmt: skip
    @overload
    def generate(
        self, model: str = ..., prompt: Optional[str] = ..., suffix: Optional[str] = ..., *,
        stream: bool, **fields: Unpack[GenerateFields],
    ) -> Union[GenerateResponse, Stream[GenerateResponse]]: ...  # fmt: skip

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
        """POST /api/generate: the text that follows a prompt; with ``stream=True`` a Stream of its pieces."""
        return self._call("generate", dict(fields, model=model, prompt=prompt, suffix=suffix, stream=stream))

    @endpoint
    def unload(self, model: str, **fields: Unpack[CallFields]) -> GenerateResponse:
        """Have the server take a model out of its memory: a generate call without a prompt and with keep_alive 0."""
        return cast(GenerateResponse, self._call("unload", dict(fields, model=model)))

    @endpoint
    def embed(
        self, model: str = "", input: Union[str, Sequence[str]] = "", truncate: Optional[bool] = None,
        options: ModelOptions = None, keep_alive: Union[float, str, None] = None, dimensions: Optional[int] = None,
        **fields: Unpack[CallFields],
    ) -> EmbedResponse:  # fmt: skip
        """POST /api/embed: a vector for each input, L2-normalised, cut to ``dimensions`` numbers.

        A text that is too long is cut, with ``truncate=False`` it is an error. Without an input the model is loaded.
        """
        given = dict(fields, model=model, input=input, truncate=truncate, options=options)
        return cast(EmbedResponse, self._call("embed", dict(given, keep_alive=keep_alive, dimensions=dimensions)))

    @endpoint
    def embeddings(
        self, model: str = "", prompt: Optional[str] = None, options: ModelOptions = None,
        keep_alive: Union[float, str, None] = None, **fields: Unpack[CallFields],
    ) -> EmbeddingsResponse:  # fmt: skip
        """POST /api/embeddings: one vector, not normalised. The older way; see embed()."""
        given = dict(fields, model=model, prompt=prompt, options=options, keep_alive=keep_alive)
        return cast(EmbeddingsResponse, self._call("embeddings", given))

    @overload
    def pull(
        self, model: str, *, stream: Literal[False] = ..., **fields: Unpack[TransferFields]
    ) -> ProgressResponse: ...
    @overload
    def pull(
        self, model: str, *, stream: Literal[True], **fields: Unpack[TransferFields]
    ) -> Stream[ProgressResponse]: ...
    @overload
    def pull(
        self, model: str, *, stream: bool, **fields: Unpack[TransferFields]
    ) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...

    @endpoint
    def pull(self, model: str, *, stream: bool = False, **fields: Any) -> Any:
        """POST /api/pull: have the server download a model; with ``stream=True`` a Stream of its progress.

        Without a stream nothing comes before the end, so that there is no first_byte clock unless the call names one.
        """
        return self._call("pull", dict(fields, model=model, stream=stream))

    @overload
    def push(
        self, model: str, *, stream: Literal[False] = ..., **fields: Unpack[TransferFields]
    ) -> ProgressResponse: ...
    @overload
    def push(
        self, model: str, *, stream: Literal[True], **fields: Unpack[TransferFields]
    ) -> Stream[ProgressResponse]: ...
    @overload
    def push(
        self, model: str, *, stream: bool, **fields: Unpack[TransferFields]
    ) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...

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
    ) -> ProgressResponse: ...  # fmt: skip
    @overload
    def create(
        self, model: str, quantize: Optional[str] = ..., from_: Optional[str] = ..., files: Digests = ...,
        adapters: Digests = ..., template: Optional[str] = ..., license: Union[str, List[str], None] = ...,
        system: Optional[str] = ..., parameters: ModelOptions = ..., messages: Messages = ..., *,
        stream: Literal[True], **fields: Unpack[CreateFields],
    ) -> Stream[ProgressResponse]: ...  # fmt: skip
    @overload
    def create(
        self, model: str, quantize: Optional[str] = ..., from_: Optional[str] = ..., files: Digests = ...,
        adapters: Digests = ..., template: Optional[str] = ..., license: Union[str, List[str], None] = ...,
        system: Optional[str] = ..., parameters: ModelOptions = ..., messages: Messages = ..., *,
        stream: bool, **fields: Unpack[CreateFields],
    ) -> Union[ProgressResponse, Stream[ProgressResponse]]: ...  # fmt: skip

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
    def create_blob(self, path: Path, **fields: Unpack[CallFields]) -> str:
        """POST /api/blobs/DIGEST: give the server a file, for create(); returns "sha256:" and the digest.

        The file is read in pieces. It is not sent if the server has it.
        """
        return run(self._upload(path, fields))

    @endpoint
    def blob_exists(self, digest: str, **fields: Unpack[CallFields]) -> bool:
        """HEAD /api/blobs/DIGEST: whether the server has a file. ``digest`` is as create_blob() returns it."""
        return run(has_blob(self._exchange(build("blob_exists", dict(fields, digest=digest)))))

    @endpoint
    def list(self, **fields: Unpack[CallFields]) -> ListResponse:
        """GET /api/tags: the installed models."""
        return cast(ListResponse, self._call("list", fields))

    @endpoint
    def show(self, model: str, **fields: Unpack[ShowFields]) -> ShowResponse:
        """POST /api/show: everything about one model."""
        return cast(ShowResponse, self._call("show", dict(fields, model=model)))

    @endpoint
    def ps(self, **fields: Unpack[CallFields]) -> ProcessResponse:
        """GET /api/ps: the models in memory."""
        return cast(ProcessResponse, self._call("ps", fields))

    @endpoint
    def copy(self, source: str, destination: str, **fields: Unpack[CallFields]) -> StatusResponse:
        """POST /api/copy: another name for a model."""
        return cast(StatusResponse, self._call("copy", dict(fields, source=source, destination=destination)))

    @endpoint
    def delete(self, model: str, **fields: Unpack[CallFields]) -> StatusResponse:
        """DELETE /api/delete: remove a model."""
        return cast(StatusResponse, self._call("delete", dict(fields, model=model)))

    @endpoint
    def version(self, **fields: Unpack[CallFields]) -> VersionResponse:
        """GET /api/version."""
        return cast(VersionResponse, self._call("version", fields))

    @endpoint
    def ping(self, **fields: Unpack[CallFields]) -> bool:
        """HEAD /: whether a server answers, and well, within 10 s unless the call names other clocks.

        False for every failure but a wrong argument; version() raises what was wrong.
        """
        return run(is_there(self._exchange(self._ping_request(fields))))

    @endpoint
    def me(self, **fields: Unpack[CallFields]) -> UserResponse:
        """POST /api/me: the ollama.com account of the server; ResponseError with ``signin_url`` if there is none."""
        return cast(UserResponse, self._call("me", fields))

    @endpoint
    def signout(self, **fields: Unpack[CallFields]) -> StatusResponse:
        """POST /api/signout: sign the server out of ollama.com."""
        return cast(StatusResponse, self._call("signout", fields))

    @endpoint
    def cloud_status(self, **fields: Unpack[CallFields]) -> CloudStatusResponse:
        """GET /api/status: whether the server may use ollama.com."""
        return cast(CloudStatusResponse, self._call("cloud_status", fields))

    @endpoint
    def web_search(self, query: str, max_results: int = 3, **fields: Unpack[CallFields]) -> WebSearchResponse:
        """POST https://ollama.com/api/web_search, with the key of OLLAMA_API_KEY or an ``Authorization`` header.

        Raises RequestError without a Bearer token, before anything is sent.
        """
        return cast(WebSearchResponse, self._call("web_search", dict(fields, query=query, max_results=max_results)))

    @endpoint
    def web_fetch(self, url: str, **fields: Unpack[CallFields]) -> WebFetchResponse:
        """POST https://ollama.com/api/web_fetch: a page as text; the key as for web_search()."""
        return cast(WebFetchResponse, self._call("web_fetch", dict(fields, url=url)))

    def stream_chat(self, model: str, messages: Union[str, Messages], **fields: Unpack[ChatFields]) -> Texts:
        """The text of a chat answer, piece by piece, none empty; ``messages`` may be one prompt as a string."""
        stream: Stream[ChatResponse] = self.chat(model, as_messages(messages), stream=True, **fields)
        return stream.text()

    def run_tools(
        self, model: str, messages: Union[str, Messages], tools: Sequence[Any], *, max_rounds: int = 10,
        **fields: Unpack[GenerationFields],
    ) -> ToolRun:  # fmt: skip
        """A chat in which the functions that the model asks for are called; see ``tools.run_tools``."""
        from .tools import run_tools

        return run_tools(self, model, messages, tools, max_rounds=max_rounds, **fields)

    def request(
        self, method: str, path: str, json: Any = None, *, body: Any = None, stream: bool = False, **options: Any
    ) -> Any:
        """Any endpoint: the JSON value of the answer, or with ``stream=True`` a Stream of dicts.

        ``json`` or ``body`` (bytes) is sent as it is. A path that the library knows keeps its rule for a whole answer.
        """
        exchange = self._exchange(build_any(method, path, json, body, stream, options))
        return Stream(exchange) if stream else Stream(exchange).result()

    def _call(self, name: str, given: Mapping[str, Any]) -> Any:
        request = build(name, given)
        stream: Stream[Any] = Stream(self._exchange(request))
        return stream if request.streamed else stream.result()
