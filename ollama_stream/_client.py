"""``Client`` and ``Stream``: calls go in, records come out, on blocking sockets.

A method checks its arguments and builds the request; what follows is an ``Exchange``. ``http.client`` writes the request,
for both colours; the response is read by ``_http1``, because the reader of ``http.client`` ends a cut stream silently.
"""

from __future__ import annotations

import os
import sys
from typing import (
    TYPE_CHECKING, Any, AsyncIterator, Callable, Dict, Generic, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar,
    Union, cast, overload,
)  # fmt: skip

from ._address import UNSET, Address, Unset, api_key, check_header, choose_proxy, parse_address
from ._endpoints import ENDPOINTS, UNSET_TIMEOUT, Request, build, build_any, checked_headers, signature_of
from ._errors import OllamaError, RequestError, StreamClosed
from ._exchange import Exchange
from ._net import Network, Timeout, as_timeout, run
from ._pool import Pool
from ._records import ChatResponse, GenerateResponse, Generation, ListResponse, Message, VersionResponse
from ._route import Route
from ._stream import MAX_LINE
from ._tls import Cert, TLSSettings, Verify

if TYPE_CHECKING:
    from typing_extensions import Literal, Unpack

    from ._endpoints import CallFields, ChatFields, GenerateFields

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Messages = Optional[Sequence[Union[Mapping[str, Any], Message, Any]]]

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


def texts_of(records: Iterator[Any]) -> Iterator[str]:
    for record in records:
        text = record.text if isinstance(record, Generation) else ""
        if text:
            yield text


def endpoint(method: F) -> F:
    """Give a method of a client the signature of its row."""
    method.__signature__ = signature_of(ENDPOINTS[method.__name__])  # type: ignore[attr-defined]
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
        route = self._route_to(self._address)
        data = request_bytes(request, route.target_prefix, self._all_headers(request, route))
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


def authorization(auth: Any) -> Optional[str]:
    """The Authorization value of ``auth=``: (user, password) for Basic (RFC 7617), or the value itself."""
    if isinstance(auth, (tuple, list)) and len(auth) == 2 and all(isinstance(part, str) for part in auth):
        from base64 import b64encode

        return "Basic " + b64encode(":".join(auth).encode("utf-8", "replace")).decode("ascii")
    if auth is not None and not isinstance(auth, str):
        raise RequestError("auth: expected (user, password) or a value such as 'Bearer ...', got %s" % type(auth).__name__)
    return None if auth is None else check_header("Authorization", auth, "auth")[1]


def checked_number(value: Any, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RequestError("%s: expected a number from %d on, got %r" % (name, least, value))
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
        connection.putheader("Content-Length", str(len(request.body or b"")))
    connection.endheaders(request.body)
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
    def list(self, **fields: Unpack[CallFields]) -> ListResponse:
        """GET /api/tags: the installed models."""
        return cast(ListResponse, self._call("list", fields))

    @endpoint
    def version(self, **fields: Unpack[CallFields]) -> VersionResponse:
        """GET /api/version."""
        return cast(VersionResponse, self._call("version", fields))

    def stream_chat(
        self, model: str, messages: Union[str, Messages], **fields: Unpack[ChatFields]
    ) -> Iterator[str]:
        """The text of a chat answer, piece by piece, none empty; ``messages`` may be one prompt as a string."""
        stream: Stream[ChatResponse] = self.chat(model, as_messages(messages), stream=True, **fields)
        return stream.text()

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
