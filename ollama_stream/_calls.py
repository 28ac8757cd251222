# SPDX-License-Identifier: MIT
"""What both colours of the client share: settings, and a call -> headers, the request's bytes, an exchange.

A method of a client checks its arguments and builds the request; what follows is an ``Exchange``. ``http.client`` writes
the request, for both colours; the response is read by ``_http1``, because the reader of ``http.client`` ends a cut stream
silently.
"""

from __future__ import annotations

import os
import sys
from typing import (
    Any, Callable, Coroutine, Dict, Generic, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union, cast,
)  # fmt: skip

from ._address import UNSET, Address, Unset, api_key, check_header, choose_proxy, parse_address
from ._endpoints import ENDPOINTS, UNSET_TIMEOUT, Request, build, is_success, signature_of
from ._errors import OllamaError, RequestError, ResponseError, StreamClosed
from ._exchange import Exchange
from ._net import Timeout, as_timeout
from ._records import Generation, Message, Options
from ._route import Pool, Route
from ._stream import MAX_LINE, T
from ._tls import Cert, TLSSettings, Verify
from ._values import Upload, checked_headers, shown

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


def text_of(record: Any) -> str:
    return record.text if isinstance(record, Generation) else ""


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
        """``host`` takes every form of OLLAMA_HOST, which is read where it is None. Raises RequestError.

        ``verify`` is True, False (no check of the server's certificate), a file or folder of CA certificates, or an
        ``ssl.SSLContext``; ``cert`` a file with certificate and key, or a pair of files (and a password).
        ``auth`` is (user, password) or a whole Authorization value, for ``host`` alone.
        ``proxy`` is a URL, None for none; where it is not given HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read.
        ``trust_env=False`` reads no variable at all.
        ``retries`` is how many more attempts follow a failed connection or a status 429 or 503, after a growing pause
        or what the server's Retry-After says.
        ``max_line`` is in bytes.
        ``transport`` replaces the network: an object with ``open(address, timeout)``; its ``dials = True`` says that it
        may ask for a real connection, which then goes through a proxy as any other.
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
        dials = self._transport is None or getattr(self._transport, "dials", False)
        proxy = choose_proxy(address, self._proxy, self._environ) if dials else None
        return Route(address, proxy, self._tls, self._pool, self._transport)

    def _all_headers(self, request: Request, route: Route) -> List[Tuple[str, str]]:
        """Our own fields, replaced by the client's, replaced by the call's."""
        fields: Dict[str, Tuple[str, str]] = {}
        address = route.address
        auth, given = self._auth, self._headers
        if request.endpoint.base is not None:  # what is meant for the client's host does not go elsewhere
            auth, given = None, tuple(field for field in given if field[0].lower() == "authorization")
        key = auth or address.auth or api_key(address, self._environ)
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
        for name, value in own + list(given) + list(request.headers):
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
    """The Authorization value of ``auth=``: (user, password) for Basic (RFC 7617), or the value itself.

    An object that gives each request of another client its header, as those of httpx and requests do, is asked for it.
    """
    auth = header_of(auth)
    if isinstance(auth, (tuple, list)) and len(auth) == 2 and all(isinstance(part, str) for part in auth):
        from base64 import b64encode

        credentials = ":".join(auth)
        if ":" in auth[0] or any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in credentials):
            raise RequestError("auth: a ':' in the user, or a control character or lone surrogate (RFC 7617, 2)")
        return "Basic " + b64encode(credentials.encode("utf-8")).decode("ascii")
    if auth is not None and not isinstance(auth, str):
        form = "(user, password) or a value such as 'Bearer ...'"
        raise RequestError("auth: expected %s, got %s" % (form, type(auth).__name__))
    return None if auth is None else check_header("Authorization", auth, "auth")[1]


def header_of(auth: Any) -> Any:
    """The header that an authentication object writes into a request, or else ``auth`` itself."""
    from types import SimpleNamespace

    request: Any = SimpleNamespace(headers={})
    try:
        if hasattr(auth, "auth_flow"):
            next(auth.auth_flow(request))
        elif callable(auth):
            auth(request)
    except Exception:  # it asks more of a request than can be said here
        return auth
    return next((value for name, value in request.headers.items() if name.lower() == "authorization"), auth)


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


def as_messages(prompt: Any) -> Any:
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
