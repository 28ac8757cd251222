# SPDX-License-Identifier: MIT
"""What programs reach for inside the official client: its constructor's options, its HTTP client, its ``_request``.

Every call of an endpoint goes through ``_request``, which is what tracers wrap: a call -> its record class, method,
path and JSON value -> a request -> the stream of its answer. Where a test has put a mock in the place of ``send`` of
httpx's client, that answers: httpx is loaded by the test, not from here, and nothing of it goes to the network.
"""

from __future__ import annotations

import json as json_module
import os
import sys
import warnings
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, Dict, Iterator, Mapping, MutableMapping, Optional, Tuple
from urllib.parse import urlsplit

from .._address import SCHEME_PORTS, UNSET, Address, check_headers, parse_address, read_api_key
from .._calls import USER_AGENT, BaseClient
from .._decode import Record
from .._endpoints import CLOUD, ENDPOINTS, Request, build, build_any
from .._errors import ConnectError, ConnectionLost, OllamaError, OllamaTimeout, ProtocolError, RequestError
from .._exchange import Exchange
from .._net import as_timeout, settled
from . import _types

IGNORED = {
    "default_encoding": "JSON is UTF-8",
    "event_hooks": "no hook is called",
    "follow_redirects": "redirects are not followed; the error of one says where it leads",
    "http2": "HTTP/1.1 is spoken",
    "http1": "HTTP/1.1 is spoken",
    "limits": "any number of calls may be under way, and eight connections at most rest between calls",
    "max_redirects": "redirects are not followed",
}
SENDING = "delete get head options patch post put request".split()  # methods of the client inside
ERRORS: Dict[Any, Tuple[str, ...]] = {  # what a program that catches the errors of httpx is to catch of ours
    ConnectError: ("ConnectError",),
    ConnectionLost: ("RemoteProtocolError", "ReadError"),
    OllamaTimeout: ("ReadTimeout",),
    ProtocolError: ("RemoteProtocolError",),
}


class OfficialExchange(Exchange[Any]):
    """An exchange whose errors are those of httpx, too, where the program has loaded it: it may catch those alone."""

    def failed(self, error: OllamaError) -> BaseException:
        raised = super().failed(error)
        own: Any = type(raised)
        names = ERRORS.get(own, ())
        if names and getattr(raised, "clock", "") == "connect":
            names = ("ConnectTimeout",)
        if own is ConnectError and not self.request.streamed:
            names = ()  # the official client raises ConnectionError itself, where there is no stream
        found = (getattr(sys.modules.get("httpx"), name, None) for name in names)
        others = tuple(other for other in found if isinstance(other, type))
        if others:
            raised.__class__ = error_class(own, others)
        return raised


@lru_cache(maxsize=None)
def error_class(own: Any, others: Tuple[Any, ...]) -> Any:
    """The class of our errors that are those of httpx as well; they are pickled as ours."""
    members = {"__module__": own.__module__, "__reduce__": lambda self: (own, self.args, self.__dict__)}
    return type(own.__name__, (own, *others), members)


class OfficialClient(BaseClient):
    """What both colours have of the official client: its constructor, ``_client``, and calls that are ``_request``s."""

    _request: Any
    _exchange_class = OfficialExchange

    httpx_class = "Client"
    was_closed = False  # which is no more than told: a client can be used again

    def __init__(self, host: Optional[str] = None, *, mounts: Any = None, **settings: Any) -> None:
        """As of our clients, and for settings of httpx that have no meaning here a warning. Raises RequestError."""
        for name in sorted(IGNORED.keys() & settings.keys()):
            given = settings.pop(name)
            if any(given.values()) if isinstance(given, Mapping) else given:
                warnings.warn("%s= is ignored: %s" % (name, IGNORED[name]), stacklevel=2)
        if any((mounts or {}).values()):
            raise RequestError("mounts: the way to a server is chosen by proxy= or transport=")
        for name in [name for name in ("cookies", "params") if not settings.get(name)]:
            settings.pop(name, None)  # none are none; others would be missed, and are refused
        own = {name: value for name, value in os.environ.items() if name.startswith("OLLAMA_")}
        trusted = settings.get("trust_env", True)  # which httpx asks; the official client reads its own variables anyway
        super().__init__(host or (None if trusted else own.get("OLLAMA_HOST")) or None, **settings)
        self._environ = self._environ if trusted else own

    @property
    def _client(self) -> Any:
        return self.__dict__.get("_given_client") or HTTPClient(self)  # made anew: one kept would make a cycle

    @_client.setter
    def _client(self, given: Any) -> None:
        if isinstance(given, getattr(sys.modules.get("httpx"), self.httpx_class, ())):
            warnings.warn("the HTTP client given is kept, and no call goes through it", stacklevel=2)
        self.__dict__["_given_client"] = given

    @property
    def _transport(self) -> Any:
        return find_mock(self.httpx_class) or self.__dict__["_transport"]

    @_transport.setter
    def _transport(self, given: Any) -> None:
        self.__dict__["_transport"] = given

    def _call(self, name: str, given: Mapping[str, Any]) -> Any:
        # A call of the official client reads a generator, or map() or reversed(), where it expects a list.
        lists = {field: list(value) for field, value in given.items() if isinstance(value, Iterator)}
        place, options = read_call(build(name, {**given, **lists}))
        return self._request(*place, **options)

    def _ask(self, cls: Any, method: str, path: str, *, json: Any = None, stream: bool = False, **options: Any) -> Any:
        """The stream of an answer. The rule for its end is that of the path; ``options`` are headers and timeout."""
        base = CLOUD if path.startswith(CLOUD + "/") else None
        place = path[len(base or "") :]
        request = build_any(method, place, json, None, stream, options)
        rows = [row for row in ENDPOINTS.values() if (row.method, row.path, row.base) == (request.method, place, base)]
        row = rows[0] if rows else request.endpoint
        record = cls if issubclass(cls, Record) else dict
        return self._stream(self._exchange(request._replace(endpoint=row.replace(record=record))))

    def _ask_systemone(self, **fields: Any) -> Any:
        body = {name: value for name, value in fields.items() if value is not None}
        return self._request(_types.SystemOneResponse, "POST", "/v1/systemone", json=body)


def read_call(request: Request) -> Tuple[Tuple[Any, str, str], Dict[str, Any]]:
    """The arguments of ``_request`` for a call."""
    row = request.endpoint
    options: Dict[str, Any] = {"stream": request.streamed}
    if request.body is not None:
        options["json"] = body = json_module.loads(request.body)  # type: ignore[arg-type]
        for message in body.get("messages", ()):  # as the official client sends them
            for name in [name for name, value in message.items() if value in (None, "", [])]:
                del message[name]
    if request.headers:
        options["headers"] = dict(request.headers)
    if request.timeout is not UNSET:
        options["timeout"] = request.timeout
    return (row.record, request.method, (row.base or "") + request.target), options


# --- the HTTP client inside -------------------------------------------------------------------------------------------


class HTTPClient:
    """What stands for the httpx client in the official one: its settings, which may be set, and its end."""

    def __init__(self, client: OfficialClient) -> None:
        self._owner = client

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        # Programs ask isinstance(client._client, httpx.AsyncClient) before they look. httpx is not loaded for it.
        httpx = sys.modules.get("httpx")
        return getattr(httpx, self._owner.httpx_class, HTTPClient)

    @property
    def base_url(self) -> URL:
        address = self._owner._address
        url, port = address._replace(path="").url, ":%d" % SCHEME_PORTS[address.scheme]
        url = url[: -len(port)] if url.endswith(port) else url
        return URL(url + address.path + ("/" if address.path else ""))

    @base_url.setter
    def base_url(self, value: Any) -> None:
        address = parse_address(str(value), "base_url")
        self._owner._address, self._owner._host = address, address.host_header

    @property
    def headers(self) -> Headers:
        return Headers(self._owner)

    @property
    def timeout(self) -> Any:
        connect, _, idle, _ = self._owner._timeout
        return SimpleNamespace(connect=connect, read=idle, write=idle, pool=None)  # seconds, by the names of httpx

    @timeout.setter
    def timeout(self, value: Any) -> None:
        self._owner._timeout = as_timeout(value)

    def __getattr__(self, name: str) -> Any:
        """``get``, ``request`` and so on, of a client of httpx that is made for the call, where httpx has been loaded."""
        if name not in SENDING:
            raise AttributeError("%r object has no attribute %r" % (HTTPClient.__name__, name))
        if "httpx" not in sys.modules:
            raise AttributeError("%s() of ollama's HTTP client is that of httpx: import httpx, and install it" % name)
        return partial(send_by if self._owner.httpx_class == "Client" else send_by_async, self, name)

    def make_httpx(self) -> Any:
        """A client of httpx with the same settings."""
        return getattr(sys.modules["httpx"], self._owner.httpx_class)(
            base_url=self.base_url, headers=dict(self.headers), verify=self._owner._verify,
            timeout=(self.timeout.connect, self.timeout.read, self.timeout.write, None),
        )  # fmt: skip

    @property
    def is_closed(self) -> bool:
        return self._owner.was_closed

    def close(self) -> None:
        self._owner._pool.close()
        self._owner.was_closed = True

    async def aclose(self) -> None:
        self.close()


def send_by(client: HTTPClient, method: str, *args: Any, **given: Any) -> Any:
    with client.make_httpx() as made:
        return getattr(made, method)(*args, **given)


async def send_by_async(client: HTTPClient, method: str, *args: Any, **given: Any) -> Any:
    async with client.make_httpx() as made:
        return await getattr(made, method)(*args, **given)


class URL(str):
    """A URL that gives its parts as attributes too."""

    def __getattr__(self, name: str) -> Any:
        return getattr(urlsplit(self), "hostname" if name == "host" else name)


class Headers(MutableMapping[str, str]):
    """The header fields of a client's requests by lower-case name; what is set goes with its next call."""

    def __init__(self, client: OfficialClient) -> None:
        self._owner = client

    def _fields(self) -> Dict[str, str]:
        client = self._owner
        key = client._auth or client._address.auth or read_api_key(client._address, client._environ)
        own = {"accept": "application/json", "content-type": "application/json", "user-agent": USER_AGENT}
        given = {name.lower(): value for name, value in client._headers}
        return {**own, **({"authorization": key} if key else {}), **given}

    def __getitem__(self, name: str) -> str:
        return self._fields()[name.lower()]

    def __setitem__(self, name: str, value: str) -> None:
        self._owner._headers = self._others(name) + check_headers({name: value})

    def __delitem__(self, name: str) -> None:
        self._owner._headers = self._others(name)

    def _others(self, name: str) -> Tuple[Tuple[str, str], ...]:
        return tuple(field for field in self._owner._headers if field[0].lower() != name.lower())

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def __len__(self) -> int:
        return len(self._fields())


# --- a mock in its place ------------------------------------------------------------------------------------------------


def find_mock(class_name: str) -> Optional[Mocked]:
    """The transport to the mock in the place of ``httpx.Client.send`` or ``httpx.AsyncClient.send``, if there is one."""
    mock, httpx = sys.modules.get("unittest.mock"), sys.modules.get("httpx")
    send = getattr(getattr(httpx, class_name, None), "send", None)
    return Mocked(httpx, send) if mock and isinstance(send, mock.NonCallableMock) else None


class Mocked:
    """A transport, and its connection: the mock gets an ``httpx.Request`` and gives an ``httpx.Response``."""

    def __init__(self, httpx: Any, send: Any) -> None:
        self._httpx, self._send, self._answer = httpx, send, [b""]

    def open(self, address: Address, _timeout: Any) -> Mocked:
        self._url = "%s://%s" % (address.scheme, address.host_header)
        return self

    async def send(self, data: bytes, _timeout: Any) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = [field.split(": ", 1) for field in fields]
        request = self._httpx.Request(method, self._url + target, headers=headers, content=body)
        try:
            response = await settled(self._send(request))
        except self._httpx.ConnectError as error:
            raise ConnectionError(str(error)) from error
        status_line = b"HTTP/1.1 %d \r\nContent-Length: %d\r\n\r\n" % (response.status_code, len(response.content))
        self._answer = [b"", status_line + response.content]

    def recv(self, _timeout: Any) -> bytes:
        return self._answer.pop()

    def close(self) -> None:
        pass
