# SPDX-License-Identifier: MIT
"""What both colours of the client share: settings, and a call -> headers, the request's bytes, an exchange.

A method of a client checks its arguments and builds the request; what follows is an ``Exchange``. ``http.client`` writes
the request, for both colours; the response is read by ``_http1``, because the reader of ``http.client`` ends a cut stream
silently.
"""

from __future__ import annotations

import functools
import os
import sys
from types import SimpleNamespace
from typing import Any, Callable, Coroutine, Dict, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar, Union, cast

from ._address import (
    UNSET, Unset, basic_auth, check_header, check_headers, choose_proxy, parse_address, read_api_key,
)  # fmt: skip
from ._assembler import T
from ._decode import Record, suggestion
from ._endpoints import Request, build, is_success
from ._errors import OllamaError, RequestError, ResponseError, check_origin, check_type, misfit
from ._exchange import Exchange
from ._net import Timeout, as_timeout
from ._route import Pool, Route
from ._stream import MAX_LINE
from ._syntax import has_controls
from ._tls import Cert, TLSSettings, Verify
from ._values import Upload, check_flag, check_number, is_list

F = TypeVar("F", bound=Callable[..., Any])

PING_SECONDS = 10.0

VERSION = "0.2.0"
USER_AGENT = "ollama-stream/%s Python/%d.%d.%d" % ((VERSION,) + sys.version_info[:3])


# What other clients call the settings, and what to write here.
OTHER_NAMES = {
    name: advice for names, advice in (
        ("base_url url api_base", "host='http://HOST:PORT'"),
        ("port", "host='HOST:PORT'"),
        ("api_key token", "auth='Bearer KEY', or the variable OLLAMA_API_KEY"),
        ("max_retries", "retries=N"),
        ("default_headers", "headers={...}"),
        ("cookies", "headers={'Cookie': '...'}"),
        ("proxies", "proxy='http://HOST:PORT'"),
        ("mounts", "proxy='http://HOST:PORT', or transport="),
        ("verify_ssl ssl ssl_context", "verify="),
        ("ca_bundle", "verify='FILE'"),
        ("http_client session event_hooks", "transport=, an object with open(address, timeout)"),
        ("http1 http2", "nothing: Ollama speaks HTTP/1.1"),
        ("limits", "nothing: there is no limit on connections"),
        ("follow_redirects", "nothing: redirects are not followed; set host to where the API is"),
        ("model", "it in each call: client.chat(model, ...)"),
        ("options", "it in each call: client.chat(..., options={...})"),
    ) for name in names.split()
}  # fmt: skip


def add_hints(init: F) -> F:
    """Have a constructor name the nearest setting, or what to write, where it gets one that it has not."""
    known = ["host", *(init.__kwdefaults__ or ())]

    @functools.wraps(init, assigned=("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"))
    def checked(self: Any, *args: Any, **settings: Any) -> None:
        for name in settings:
            if name not in known:
                hint = "; write %s" % OTHER_NAMES[name] if name in OTHER_NAMES else suggestion(name, known)
                raise TypeError("%s() got an unexpected keyword argument %r%s" % (type(self).__name__, name, hint))
        if len(args) > 1:
            raise TypeError("%s() takes host alone by its place: give the others by name" % type(self).__name__)
        init(self, *args, **settings)

    return cast(F, checked)


class BaseClient:
    """What both colours of the client share: settings, and a call -> an exchange."""

    _network: Any
    _stream: Any  # the class
    _run: Any  # what gives the result of a coroutine, or the coroutine to whoever awaits it
    _exchange_class: Type[Exchange[Any]] = Exchange

    @add_hints
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
        """``host`` takes every form of OLLAMA_HOST, which is read where it is None. Raises RequestError, and TypeError.

        ``timeout`` is a Timeout, or seconds for first_byte and idle; None switches all clocks off.
        ``verify`` is True, False (no check of the server's certificate), a file or folder of CA certificates, or an
        ``ssl.SSLContext``; ``cert`` a file with certificate and key, or a pair of files (and a password).
        ``auth`` is (user, password) or a whole Authorization value, for ``host`` alone.
        ``proxy`` is a URL, None for none; where it is not given HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read.
        ``trust_env=False`` reads no variable. ``max_line`` is in bytes. ``headers`` go with each call; None drops one.
        ``retries`` is how many more attempts follow a failed connection or a status 429 or 503, after a growing pause
        or what the server's Retry-After says.
        ``transport`` replaces the network: an object with ``open(address, timeout)``; its ``dials = True`` says that it
        may ask for a real connection, which then goes through a proxy as any other.
        """
        self._environ: Mapping[str, str] = os.environ if check_flag(trust_env, "trust_env") else {}
        named = (self._environ.get("OLLAMA_HOST"), "OLLAMA_HOST") if host is None else (host, "host")
        self._address = parse_address(*named)
        self._host = self._address.host_header
        self._timeout = as_timeout(timeout)
        self._headers, self._auth = check_headers(headers), format_auth(auth)
        self._verify, self._cert, self._proxy = verify, cert, proxy
        choose_proxy(self._address, proxy, {})  # raises for a wrong one
        self._tls = TLSSettings(verify, cert)
        self._retries, self._max_line = check_number(retries, "retries", 0), check_number(max_line, "max_line", 1)
        self._transport, self._pool = check_transport(transport), Pool()

    def __repr__(self) -> str:
        return "%s(%r)" % (type(self).__name__, self._address.url)

    def __copy__(self) -> Any:
        """Another client with the same settings, and no connection yet."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _pool=Pool())
        return other

    def __deepcopy__(self, _memo: Any) -> Any:
        return self.__copy__()

    def __getstate__(self) -> Dict[str, Any]:
        """The settings, for a pickle. Raises TypeError, which names one that cannot be pickled."""
        import pickle

        state = dict(self.__dict__, _environ=self._environ is os.environ)
        del state["_pool"], state["_tls"]
        for name, value in state.items():
            try:
                pickle.dumps(value)
            except Exception as error:
                check_origin(error)
                setting, kind = name.strip("_"), type(value).__name__
                raise TypeError("%s: %s cannot be pickled (%s)" % (setting, kind, error)) from error
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state, _environ=os.environ if state["_environ"] else {})
        self._pool, self._tls = Pool(), TLSSettings(self._verify, self._cert)

    def _call(self, name: str, given: Mapping[str, Any]) -> Any:
        """The answer of an endpoint, or the stream of it. Raises TypeError and RequestError for its arguments."""
        return self._answer(build(name, given))

    def _answer(self, request: Request) -> Any:
        if request.endpoint.name == "create_blob":
            return self._run(self._upload(request._replace(timeout=self._timeout_of(request))))
        exchange = self._exchange(request)
        if request.streamed:
            return self._stream(exchange)
        return self._run(ANSWERS.get(request.endpoint.name, read_answer)(exchange))

    async def _upload(self, request: Request) -> str:
        with await self._network.aside(Upload, request.body) as upload:
            digest: str = await self._network.aside(upload.digest)
            request = request._replace(target="/api/blobs/" + digest)
            if not await has_blob(self._exchange(request._replace(method="HEAD", body=None))):
                await read_answer(self._exchange(request._replace(body=upload)))
        return digest

    def _exchange(self, request: Request) -> Exchange[Any]:
        timeout = self._timeout_of(request)
        base = request.endpoint.base
        address = self._address if base is None else parse_address(base, "the library")
        dials = self._transport is None or getattr(self._transport, "dials", False)
        proxy = choose_proxy(address, self._proxy, self._environ) if dials else None
        route = Route(address, proxy, self._tls, self._pool, self._transport)
        headers = self._all_headers(request, route)
        if base is not None:
            check_bearer(headers, request.endpoint.name)
        data: Any = functools.partial(format_request, request, route.target_prefix, headers)
        if not callable(request.body):
            data = data()
        return self._exchange_class(
            self._network, route, request, data, timeout=timeout, max_line=self._max_line, retries=self._retries
        )

    def _all_headers(self, request: Request, route: Route) -> List[Tuple[str, str]]:
        """Our own fields, replaced by the client's, replaced by the call's."""
        fields: Dict[str, Tuple[str, str]] = {}
        address = route.address
        auth, given = self._auth, self._headers
        if request.endpoint.base is not None:  # what is meant for the client's host does not go elsewhere
            auth, given = None, tuple(field for field in given if field[0].lower() == "authorization")
        key = auth or address.auth or read_api_key(address, self._environ)
        own = [
            ("Host", self._host if address is self._address else address.host_header),
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
        return [field for name, field in fields.items() if name not in ("content-length", "transfer-encoding")]

    def _timeout_of(self, request: Request) -> Timeout:
        if request.timeout is not UNSET:
            return as_timeout(request.timeout)
        timeout = self._timeout
        if request.endpoint.name == "ping":
            return timeout._replace(total=min(PING_SECONDS, timeout.total or PING_SECONDS))
        if request.endpoint.is_last is is_success and not request.streamed:
            return timeout._replace(first_byte=None)  # nothing comes before the whole transfer is done: hours
        return timeout


def check_transport(transport: Any) -> Any:
    if transport is not None and not callable(getattr(transport, "open", None)):
        kind = type(transport).__name__
        of_httpx = hasattr(transport, "handle_request") or hasattr(transport, "handle_async_request")
        hint = "; write what it says as retries=, verify=, cert=, proxy= or host='unix:FILE'" if of_httpx else ""
        raise misfit(RequestError, "transport", "an object with open(address, timeout)", kind + hint)
    return transport


def find_images(given: Any) -> Iterator[Any]:
    """The images among the arguments of a call, or of a message."""
    if is_list(given.get("images")):
        yield from given["images"]
    if is_list(given.get("messages")):
        for message in given["messages"]:
            if isinstance(message, (Mapping, Record)):
                yield from find_images(message)


def map_images(given: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of the arguments of a call, or of a message, with another image in the place of each."""
    copied = given.model_copy() if isinstance(given, Record) else {name: given[name] for name in given}
    if is_list(copied.get("images")):
        copied["images"] = [change(image) for image in copied["images"]]
    if is_list(copied.get("messages")):
        copied["messages"] = [
            map_images(message, change) if isinstance(message, (Mapping, Record)) else message
            for message in copied["messages"]
        ]
    return copied


def format_auth(auth: Any) -> Optional[str]:
    """The Authorization value of ``auth=``: (user, password) for Basic (RFC 7617), or the value itself.

    An object that gives each request of another client its header, as those of httpx and requests do, is asked for it.
    """
    auth = read_auth_header(auth)
    if isinstance(auth, (tuple, list)) and len(auth) == 2 and all(isinstance(part, str) for part in auth):
        try:
            user, password = auth[0].encode("utf-8"), auth[1].encode("utf-8")
        except UnicodeEncodeError as error:
            check_origin(error)
            user = password = b":"
        if b":" in user or has_controls("".join(auth)):
            raise RequestError("auth: a ':' in the user, or a control character or lone surrogate (RFC 7617, 2)")
        return basic_auth(user, password)
    text: Optional[str] = check_type(auth, "auth", (str, type(None)), "(user, password) or a value such as 'Bearer ...'")
    return None if text is None else check_header("Authorization", text, "auth")[1]


def read_auth_header(auth: Any) -> Any:
    """The header that an authentication object writes into a request, or else ``auth`` itself."""
    request: Any = SimpleNamespace(headers={})
    try:
        if hasattr(auth, "auth_flow"):
            next(auth.auth_flow(request))
        elif callable(auth):
            auth(request)
    except Exception as error:  # it asks more of a request than can be said here
        check_origin(error)
        return auth
    return next((value for name, value in request.headers.items() if name.lower() == "authorization"), auth)


def check_bearer(headers: List[Tuple[str, str]], name: str) -> None:
    """Raises RequestError where a call of ollama.com has no key."""
    if not any(field.lower() == "authorization" and value.startswith("Bearer ") for field, value in headers):
        call = name.replace("_", " ")
        raise RequestError("Authorization header with Bearer token is required for %s" % call)


def format_request(request: Request, prefix: str, headers: List[Tuple[str, str]]) -> bytes:
    """The request as it goes over the wire, written and checked by ``http.client``."""
    from http.client import HTTPConnection

    written: List[bytes] = []
    connection = HTTPConnection("localhost")
    connection.sock = SimpleNamespace(sendall=written.append)
    connection.putrequest(request.method, prefix + request.target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value.encode("latin-1"))
    body: Any = request.body() if callable(request.body) else request.body
    if body is not None or request.method in ("POST", "PUT", "PATCH"):
        connection.putheader("Content-Length", str(body.size if isinstance(body, Upload) else len(body or b"")))
    connection.endheaders(None if isinstance(body, Upload) else body)
    return b"".join(written)


async def read_answer(exchange: Exchange[T]) -> T:
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
        await read_answer(exchange)
    except ResponseError as error:
        check_origin(error)
    return exchange.head is not None and exchange.head.status == 200


async def is_there(exchange: Exchange[Any]) -> bool:
    """Whether there is an answer, and a good one. Raises RequestError where nobody could be asked."""
    try:
        await read_answer(exchange)
    except RequestError:
        raise
    except OllamaError as error:
        check_origin(error)
        return False
    return True


ANSWERS: Dict[str, Callable[[Exchange[Any]], Coroutine[Any, Any, Any]]] = {"blob_exists": has_blob, "ping": is_there}
