"""``Client`` and ``Stream``: calls go in, records come out, on blocking sockets.

A method checks its arguments and builds the request; what follows is an ``Exchange``. ``http.client`` writes the request,
for both colours; the response is read by ``_http1``, because the reader of ``http.client`` ends a cut stream silently.
"""

from __future__ import annotations

import os
import sys
from typing import (
    TYPE_CHECKING, Any, AsyncIterator, Callable, Coroutine, Dict, Generic, Iterator, List, Mapping, Optional, Sequence, Tuple,
    TypeVar, Union, cast, overload,
)  # fmt: skip

from ._address import UNSET, Address, Unset, api_key, check_header, choose_proxy, parse_address
from ._endpoints import ENDPOINTS, UNSET_TIMEOUT, Request, build, build_any, is_success, signature_of
from ._errors import OllamaError, RequestError, ResponseError, StreamClosed
from ._exchange import Exchange
from ._net import Network, Timeout, as_timeout, run
from ._pool import Pool
from ._records import (
    ChatResponse, CloudStatusResponse, EmbeddingsResponse, EmbedResponse, GenerateResponse, Generation, ListResponse,
    Message, Options, ProcessResponse, ProgressResponse, ShowResponse, StatusResponse, UserResponse, VersionResponse,
    WebFetchResponse, WebSearchResponse,
)  # fmt: skip
from ._route import Route
from ._stream import MAX_LINE
from ._tls import Cert, TLSSettings, Verify
from ._upload import Upload
from ._values import checked_headers, shown

if TYPE_CHECKING:
    from typing_extensions import Literal, Unpack

    from ._endpoints import (
        CallFields, ChatFields, CreateFields, GenerateFields, GenerationFields, ShowFields, TransferFields,
    )  # fmt: skip
    from .tools import ToolRun

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Messages = Optional[Sequence[Union[Mapping[str, Any], Message, Any]]]
ModelOptions = Optional[Union[Mapping[str, Any], Options]]
Digests = Optional[Mapping[str, str]]
Path = Union[str, "os.PathLike[str]"]

PING_SECONDS = 10.0

VERSION = "0.1.0"
USER_AGENT = "ollama-stream/%s Python/%d.%d.%d" % ((VERSION,) + sys.version_info[:3])


class BaseStream(Generic[T]):
    """What both colours of a stream share."""

    def __init__(self, exchange: Exchange[T]) -> None:
        self._exchange = exchange
        self._records: Any = None  # made by next()
        self._taken = False

    @property
    def partial(self) -> T:
        """What has been handed out so far, as one record."""
        return cast(T, self._exchange.partial)

    @property
    def status(self) -> str:
        """ "open", "complete", "truncated", "error" or "cancelled"."""
        exchange = self._exchange
        return "complete" if exchange.status == "open" and exchange.decoder.finished else exchange.status

    def close(self) -> None:
        """End the stream now; from any thread. A loop that waits for the next record raises StreamClosed."""
        self._exchange.close()

    def _take(self) -> None:
        if self._taken:
            used = StreamClosed("the stream has been read by another loop; call again for a new one")
            raise self._exchange.error or used
        self._taken = True

    def _check_ended(self) -> None:
        """A generator that has raised ends silently ever after; a stream says again what went wrong."""
        if self.status != "complete":
            raise self._exchange.error or StreamClosed("the stream was closed", partial=self._exchange.partial)

    def _whole(self) -> T:
        exchange = self._exchange
        if exchange.error is not None:
            raise exchange.error
        if self.status != "complete":
            raise StreamClosed("the stream was not read to its end, or a loop still reads it", partial=exchange.partial)
        return exchange.decoder.assembler.result()

    def __reduce__(self) -> Any:
        raise TypeError("a stream cannot be copied or pickled; its result() can")


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
        from .aio import Network as LoopNetwork
        from .aio import Records

        if self._exchange.head is not None and not self._taken:
            raise StreamClosed("the stream was opened by a blocking call: read it with for, or use AsyncClient")
        self._take()
        self._exchange.network = LoopNetwork()
        return Records(self._exchange)

    def text(self) -> Iterator[str]:
        """The pieces of the answer's text (content or response), none of them empty."""
        return texts_of(iter(self))

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


async def answer_of(exchange: Exchange[T]) -> T:
    """The whole answer of an exchange as one record. Raises every OllamaError."""
    try:
        while True:
            batch = await exchange.batch()
            if batch is None:
                return exchange.decoder.assembler.result()
            for _ in batch:
                pass
    except OllamaError as error:
        raise exchange.failed(error)
    finally:
        exchange.close()


async def has_blob(exchange: Exchange[Any]) -> bool:
    """Whether the answer is 200 and no other; raises what is no answer."""
    try:
        await answer_of(exchange)
    except ResponseError:
        pass
    return exchange.head is not None and exchange.head.status == 200


async def is_there(exchange: Exchange[Any]) -> bool:
    """Whether there is an answer, and a good one."""
    try:
        await answer_of(exchange)
    except OllamaError:
        return False
    return True


def texts_of(records: Iterator[Any]) -> Iterator[str]:
    for record in records:
        text = record.text if isinstance(record, Generation) else ""
        if text:
            yield text


def endpoint(method: F) -> F:
    """Give a method of a client the signature of its row."""
    method.__signature__ = signature_of(ENDPOINTS[method.__name__], method)  # type: ignore[attr-defined]
    return method


class BaseClient:
    """What both colours of the client share: settings, and a call -> an exchange."""

    _network: Any

    def __init__(
        self,
        host: Optional[str] = None,
        *,
        timeout: Union[Timeout, float, None] = Timeout(),
        headers: Optional[Mapping[str, Optional[str]]] = None,
        verify: Verify = True,
        cert: Cert = None,
        auth: Union[str, Tuple[str, str], None] = None,
        proxy: Union[str, None, Unset] = UNSET,
        trust_env: bool = True,
        retries: int = 0,
        max_line: int = MAX_LINE,
        transport: Any = None,
    ) -> None:
        """``host`` takes every form of OLLAMA_HOST, which is read where it is None.

        ``verify`` is True, False (no check of the server's certificate), a file or folder of CA certificates, or an
        ``ssl.SSLContext``; ``cert`` a file with certificate and key, or a pair of files (and a password). ``auth`` is
        (user, password) or a whole Authorization value. ``proxy`` is a URL, None for none; where it is not given
        HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read. ``trust_env=False`` reads no variable at all. ``retries`` is how
        many more attempts follow a failed connection or a status 429 or 503, after a growing pause or what the
        server's Retry-After says. ``max_line`` is in bytes. ``transport`` replaces the network: an object with
        ``open(address, timeout)``. Raises RequestError.
        """
        self._environ: Mapping[str, str] = os.environ if trust_env else {}
        if host is not None:
            self._address = parse_address(host)
        elif self._environ.get("OLLAMA_HOST"):
            self._address = parse_address(self._environ["OLLAMA_HOST"], "OLLAMA_HOST")
        else:
            self._address = parse_address(None, "the default")
        self._timeout = as_timeout(timeout)
        self._headers = checked_headers(headers)
        self._auth = authorization(auth)
        self._tls, self._proxy = TLSSettings(verify, cert), proxy
        self._retries = checked_number(retries, "retries", 0)
        self._max_line = checked_number(max_line, "max_line", 1)
        self._transport = transport
        self._pool = Pool()

    def __repr__(self) -> str:
        return "%s(%r)" % (type(self).__name__, self._address.url)

    def __reduce__(self) -> Any:
        raise TypeError("a client cannot be copied or pickled; make another one")

    def _exchange(self, request: Request) -> Exchange[Any]:
        timeout = self._timeout if request.timeout is UNSET_TIMEOUT else as_timeout(request.timeout)
        if request.timeout is UNSET_TIMEOUT and request.endpoint.is_last is is_success and not request.streamed:
            timeout = timeout._replace(first_byte=None)  # nothing comes before the whole transfer is done: hours
        base = request.endpoint.base
        route = self._route_to(self._address if base is None else parse_address(base, "the library"))
        headers = self._all_headers(request, route)
        if base is not None:
            check_bearer(headers, request.endpoint.name)
        data = request_bytes(request, route.target_prefix, headers)
        return Exchange(
            self._network, route, request, data, timeout=timeout, max_line=self._max_line, retries=self._retries
        )

    def _route_to(self, address: Address) -> Route:
        proxy = None if self._transport is not None else choose_proxy(address, self._proxy, self._environ)
        return Route(address, proxy, self._tls, self._pool, self._transport)

    def _all_headers(self, request: Request, route: Route) -> List[Tuple[str, str]]:
        """Our own fields, replaced by the client's, replaced by the call's."""
        fields: Dict[str, Tuple[str, str]] = {}
        address = route.address
        key = self._auth or address.auth or api_key(address, self._environ)
        own = [
            ("Host", address.host_header),
            ("User-Agent", USER_AGENT),
            ("Accept", "application/x-ndjson" if request.streamed else "application/json"),
            ("Accept-Encoding", "identity"),
        ]
        if request.body is not None:
            own.append(("Content-Type", "application/json"))
        if key:
            own.append(("Authorization", key))
        if route.proxy_auth:
            own.append(("Proxy-Authorization", route.proxy_auth))
        for name, value in own + list(self._headers) + list(request.headers):
            fields[name.lower()] = (name, value)
        fields.pop("content-length", None)
        fields.pop("transfer-encoding", None)
        return list(fields.values())

    def _ping_request(self, fields: Mapping[str, Any]) -> Request:
        request = build("ping", fields)
        if request.timeout is UNSET_TIMEOUT:
            total = min(PING_SECONDS, self._timeout.total or PING_SECONDS)
            return request._replace(timeout=self._timeout._replace(total=total))
        return request

    def _upload(self, path: Path, fields: Mapping[str, Any]) -> Coroutine[Any, Any, str]:
        request = build("create_blob", dict(fields, path=path))
        if request.timeout is not UNSET_TIMEOUT:
            request = request._replace(timeout=as_timeout(request.timeout))
        return self._send_blob(request, path)

    async def _send_blob(self, request: Request, path: Path) -> str:
        with Upload(path) as upload:
            digest = await upload.digest(self._network)
            request = request._replace(target="/api/blobs/" + digest)
            if not await has_blob(self._exchange(request._replace(method="HEAD"))):
                await answer_of(self._exchange(request._replace(body=upload)))
        return digest



def authorization(auth: Any) -> Optional[str]:
    """The Authorization value of ``auth=``: (user, password) for Basic (RFC 7617), or the value itself."""
    if isinstance(auth, (tuple, list)) and len(auth) == 2 and all(isinstance(part, str) for part in auth):
        from base64 import b64encode

        credentials = ":".join(auth)
        if ":" in auth[0] or any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in credentials):
            raise RequestError("auth: a ':' in the user, or a control character or lone surrogate (RFC 7617, 2)")
        return "Basic " + b64encode(credentials.encode("utf-8")).decode("ascii")
    if auth is not None and not isinstance(auth, str):
        raise RequestError("auth: expected (user, password) or a value such as 'Bearer ...', got %s" % type(auth).__name__)
    return None if auth is None else check_header("Authorization", auth, "auth")[1]


def check_bearer(headers: List[Tuple[str, str]], name: str) -> None:
    """Raises RequestError where a call of ollama.com has no key."""
    if not any(field.lower() == "authorization" and value.startswith("Bearer ") for field, value in headers):
        call = name.replace("_", " ")
        raise RequestError("Authorization header with Bearer token is required for %s" % call)


def checked_number(value: Any, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RequestError("%s: expected a number from %d on, got %s" % (name, least, shown(value)))
    return value


def request_bytes(request: Request, prefix: str, headers: List[Tuple[str, str]]) -> bytes:
    """The request as it goes over the wire, written and checked by ``http.client``."""
    from http.client import HTTPConnection

    written: List[bytes] = []

    class Buffer:
        def sendall(self, data: bytes) -> None:
            written.append(bytes(data))

    connection = HTTPConnection("localhost")
    connection.sock = Buffer()
    connection.putrequest(request.method, prefix + request.target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value.encode("latin-1"))
    if request.body is not None or request.method in ("POST", "PUT", "PATCH"):
        size = request.body.size if isinstance(request.body, Upload) else len(request.body or b"")
        connection.putheader("Content-Length", str(size))
    connection.endheaders(None if isinstance(request.body, Upload) else request.body)
    return b"".join(written)


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

    def stream_chat(
        self, model: str, messages: Union[str, Messages], **fields: Unpack[ChatFields]
    ) -> Iterator[str]:
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


def as_messages(prompt: Any) -> Any:
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
