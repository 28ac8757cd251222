"""Settings as programs of the official client give them: objects of httpx and requests (drop-in.md, D)."""

import importlib
from types import SimpleNamespace
from typing import Any, Iterator

import pytest

from ollama_stream import Client, RequestError, Timeout
from ollama_stream._calls import format_auth
from ollama_stream._net import as_timeout


def limits(**seconds: Any) -> Any:
    return SimpleNamespace(**{"connect": None, "read": None, "write": None, "pool": None, **seconds})


TIMEOUTS = [
    (limits(), Timeout(None, None, None)),
    (limits(connect=1.0), Timeout(1.0, None, None)),
    (limits(connect=5, read=60, write=7, pool=8), Timeout(5, 60, 60)),
    (SimpleNamespace(read=3), Timeout(first_byte=3, idle=3)),
]


@pytest.mark.parametrize("given, timeout", TIMEOUTS, ids=str)
def test_an_object_with_the_times_of_httpx_is_a_timeout(given: Any, timeout: Timeout) -> None:
    assert as_timeout(given) == timeout == Client(timeout=given)._timeout


@pytest.mark.parametrize("given, text", [
    (limits(connect=0), "timeout: connect: expected seconds above 0, or None for no limit, got 0"),
    (limits(read="5"), "timeout: first_byte: expected seconds above 0, or None for no limit, got '5'"),
    (object(), "timeout: first_byte: expected seconds"),
])  # fmt: skip
def test_a_wrong_time_in_it_is_named(given: Any, text: str) -> None:
    with pytest.raises(RequestError) as raised:
        Client(timeout=given)
    assert str(raised.value).startswith(text)


BASIC = "Basic dTpw"


class Flow:
    """As the authentication of httpx: a generator that writes into the request."""

    def __init__(self, value: Any = BASIC) -> None:
        self.value = value

    def auth_flow(self, request: Any) -> Iterator[Any]:
        if self.value is not None:
            request.headers["Authorization"] = self.value
        yield request


class Asks(Flow):
    def auth_flow(self, request: Any) -> Iterator[Any]:
        yield request.url.host


def writes(request: Any) -> Any:
    """As that of requests: called with the request."""
    request.headers["authorization"] = BASIC
    return request


@pytest.mark.parametrize("auth", [Flow(), writes, ("u", "p"), BASIC], ids=["httpx", "requests", "a pair", "a text"])
def test_authentication_is_what_an_object_writes_into_a_request(auth: Any) -> None:
    assert format_auth(auth) == BASIC


@pytest.mark.parametrize("auth", [Flow(None), Asks(), object(), 3, len], ids=repr)
def test_one_that_writes_nothing_is_refused(auth: Any) -> None:
    with pytest.raises(RequestError, match="auth: expected .user, password. or a value such as 'Bearer ...', got "):
        Client(auth=auth)


def test_a_bad_value_that_it_writes_is_refused() -> None:
    with pytest.raises(RequestError, match="auth"):
        Client(auth=Flow("Basic \n"))


class HTTPTransport:
    """As that of httpx."""

    def handle_request(self, request: Any) -> Any:
        raise NotImplementedError


class AsyncHTTPTransport:
    async def handle_async_request(self, request: Any) -> Any:
        raise NotImplementedError


HINT = "; write what it says as retries=, verify=, cert=, proxy= or host='unix:FILE'"


@pytest.mark.parametrize("transport, hint", [(HTTPTransport(), HINT), (AsyncHTTPTransport(), HINT), (object(), "")], ids=str)
@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
@pytest.mark.parametrize("place", ["ollama_stream", "ollama_stream.dropin._client"])
def test_a_transport_of_httpx_is_refused_with_what_to_write_instead(place: str, name: str, transport: Any, hint: str) -> None:
    with pytest.raises(RequestError) as raised:
        getattr(importlib.import_module(place), name)(transport=transport)
    kind = type(transport).__name__
    assert str(raised.value) == "transport: expected an object with open(address, timeout), got %s%s" % (kind, hint)


def test_those_of_httpx_itself() -> None:
    httpx = pytest.importorskip("httpx")
    with pytest.raises(RequestError, match="transport: .* got HTTPTransport; write what it says as retries="):
        Client(transport=httpx.HTTPTransport())
    client = Client(timeout=httpx.Timeout(None, connect=1.0), auth=httpx.BasicAuth("u", "p"))
    assert (client._timeout, client._auth) == (Timeout(1.0, None, None), BASIC)
    with pytest.raises(RequestError, match="got DigestAuth"):
        Client(auth=httpx.DigestAuth("u", "p"))
