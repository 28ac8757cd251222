"""``import ollama_stream.dropin``: the client under the name ``ollama``, for programs of other people."""

import asyncio
import contextlib
import copy
import importlib
import inspect
import json
import os
import pickle
import sys
import textwrap
import typing
import warnings
from types import SimpleNamespace
from unittest.mock import patch

import pytest

import ollama_stream
import support
from test_dropin import ANSWERS, loopback

assert loopback  # a fixture

MESSAGES = [{"role": "user", "content": "hi"}]
OF_OLLAMA = """AsyncClient ChatResponse Client EmbedResponse EmbeddingsResponse GenerateResponse Image ListResponse
Message Options ProcessResponse ProgressResponse RequestError ResponseError ShowResponse StatusResponse Tool
WebFetchResponse WebSearchResponse SystemOneAnswer SystemOneChoiceAnswer SystemOneChoiceQuestion SystemOneContent
SystemOneNoulAnswer SystemOneNoulQuestion SystemOneQuestion SystemOneRequest SystemOneResponse SystemOneScoreAnswer
SystemOneScoreQuestion SystemOneUsage""".split()
FUNCTIONS = """generate chat embed embeddings pull push create delete list copy show ps web_search web_fetch
systemone""".split()
OF_TYPES = """SubscriptableBaseModel BaseRequest BaseStreamableRequest BaseGenerateRequest BaseGenerateResponse
GenerateRequest ChatRequest EmbedRequest EmbeddingsRequest PullRequest PushRequest CreateRequest DeleteRequest
CopyRequest ShowRequest WebSearchRequest WebFetchRequest ModelDetails TokenLogprob Logprob WebSearchResult""".split()
OF_CLIENT = """AsyncClient BaseClient CONNECTION_ERROR_MESSAGE Client Message ResponseError __version__ _copy_images
_copy_messages _copy_tools _parse_host""".split()


@pytest.fixture
def dropin(monkeypatch):
    """The package, with its modules under their names for as long as a test runs."""
    for name in [name for name in sys.modules if name.split(".")[0] == "ollama"]:
        monkeypatch.delitem(sys.modules, name)
    package = importlib.import_module("ollama_stream.dropin")
    for name, module in package.STANDS_FOR.items():
        sys.modules.pop(name, None)  # the first import has put it there, for good
        monkeypatch.setitem(sys.modules, name, module)
    return package


@pytest.mark.parametrize("module, names", [
    ("ollama", OF_OLLAMA + FUNCTIONS),
    ("ollama._types", [name for name in OF_OLLAMA if not name.endswith("Client")] + OF_TYPES),
    ("ollama._client", OF_CLIENT),
    ("ollama._utils", ["convert_function_to_tool"]),
])  # fmt: skip
def test_a_name_of_the_official_client_is_there(dropin, module, names):
    there = importlib.import_module(module)
    assert [name for name in names if not hasattr(there, name)] == [] == sorted(set(names) - set(dir(there)))
    assert all(hasattr(there, name) for name in dir(there))
    assert not hasattr(there, "nothing")


def test_a_module_is_an_attribute_of_the_package(dropin):
    import ollama

    assert ollama._types.Message is ollama_stream.Message and callable(ollama._utils.convert_function_to_tool)


def test_a_star_import_gives_the_official_names(dropin):
    names = {}
    exec("from ollama import *", names)
    assert set(OF_OLLAMA) == set(names) - {"__builtins__"}
    exec("from ollama._types import *", names)
    assert set(OF_TYPES) <= set(names)


def test_a_class_is_ours_under_each_of_its_names(dropin):
    import ollama
    from ollama._client import AsyncClient, Client
    from ollama._types import ChatRequest, ChatResponse, Message

    assert (ollama.Client, ollama.AsyncClient) == (Client, AsyncClient)
    assert issubclass(Client, ollama_stream.Client) and issubclass(AsyncClient, ollama_stream.AsyncClient)
    assert (ollama.Message, ollama.ChatResponse) == (Message, ChatResponse) == (
        ollama_stream.Message, ollama_stream.ChatResponse)  # fmt: skip
    assert ChatRequest(model="m", messages=MESSAGES)["messages"] == MESSAGES
    assert ChatRequest is importlib.import_module("ollama._types").ChatRequest


def test_the_module_has_a_client_by_the_name_of_a_module(dropin, monkeypatch):
    import ollama

    monkeypatch.setenv("OLLAMA_HOST", "http://gpu-box:80/base")
    assert isinstance(ollama._client, ollama.Client)
    assert str(ollama._client._client.base_url) == "http://gpu-box/base/"
    assert ollama._client is ollama._client


def test_a_function_becomes_a_tool(dropin):
    from ollama._utils import convert_function_to_tool

    def add(a: int, b: int = 2) -> int:
        """Add."""
        return a + b

    tool = convert_function_to_tool(add)
    assert (tool.function.name, tool.function.description) == ("add", "Add.")
    assert (list(tool.function.parameters.properties), tool.function.parameters.required) == (["a", "b"], ["a"])


@pytest.mark.parametrize("host, url", [
    (None, "http://127.0.0.1:11434"),
    ("", "http://127.0.0.1:11434"),
    ("http://x", "http://x"),
    ("https://x:443/", "https://x"),
    ("https://x:8443/api/", "https://x:8443/api/"),
    ("http://[::1]:80", "http://[::1]"),
    ("unix:///a/b", "unix:///a/b"),
])  # fmt: skip
def test_the_client_inside_names_the_server(dropin, monkeypatch, host, url):
    from ollama import AsyncClient, Client

    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    for cls in (Client, AsyncClient):
        assert cls(host)._client.base_url == url


def test_the_client_inside_has_settings_that_can_be_set(dropin, loopback):
    from ollama import Client

    client = Client(loopback.url, headers={"X-One": "1", "Authorization": "Bearer a"}, timeout=30)
    inside = client._client
    assert (inside.base_url.host, inside.base_url.port, inside.base_url.scheme) == ("127.0.0.1", client._address.port, "http")
    assert (inside.headers["x-one"], inside.headers["Authorization"], "user-agent" in inside.headers) == ("1", "Bearer a", True)
    assert (inside.timeout.read, inside.timeout.connect) == (30, 10)
    inside.headers["authorization"] = "Bearer b"
    inside.headers.update({"X-Two": "2"})
    del inside.headers["X-One"]
    inside.timeout = 60
    assert (inside.timeout.read, "x-one" in inside.headers) == (60, False)
    client.list()
    sent = loopback.asked[-1].headers
    assert (sent["authorization"], sent["x-two"], sent.get("x-one")) == ("Bearer b", "2", None)
    assert not inside.is_closed
    with client:
        pass
    assert inside.is_closed and client.list().models  # it can be used again


@pytest.mark.parametrize("form", ["Client", "AsyncClient"])
def test_the_client_inside_is_given_another_server(dropin, loopback, form):
    client = getattr(dropin.ollama, form)("http://gpu-box:1")
    client._client.base_url = loopback.url + "/behind/"
    assert client._client.base_url == loopback.url + "/behind/"
    with pytest.raises(ollama_stream.RequestError, match="base_url"):
        client._client.base_url = "http://[::"
    with contextlib.suppress(ollama_stream.OllamaError):  # there is nothing behind
        answer_of(client.show("m"))
    assert (loopback.asked[-1].line, loopback.asked[-1].headers["host"]) == ("POST /behind/api/show", loopback.url[7:])


def test_the_client_inside_can_be_closed_in_a_coroutine(dropin):
    from ollama import AsyncClient

    client, other = AsyncClient(), AsyncClient()
    asyncio.run(client._client.aclose())
    asyncio.run(other.close())
    assert client._client.is_closed and other._client.is_closed


def test_the_client_inside_can_be_replaced(dropin):
    client = dropin.ollama.Client()
    client._client = there = object()
    assert client._client is there


class HTTPX:
    """As much of it as a program's tests touch."""

    class Client:
        def send(self, request):
            raise NotImplementedError

    class AsyncClient:
        async def send(self, request):
            raise NotImplementedError

    class ConnectError(Exception):
        pass

    Request = staticmethod(lambda method, url, *, headers, content: SimpleNamespace(
        method=method, url=url, headers=dict(headers), json=json.loads(content or b"null")))  # fmt: skip
    Response = staticmethod(lambda status, value: SimpleNamespace(status_code=status, content=json.dumps(value).encode()))


def test_the_client_inside_says_it_is_that_of_httpx_where_httpx_is_there(dropin, monkeypatch):
    from ollama import AsyncClient, Client

    monkeypatch.setitem(sys.modules, "httpx", HTTPX)
    assert isinstance(Client()._client, HTTPX.Client) and not isinstance(Client()._client, HTTPX.AsyncClient)
    assert isinstance(AsyncClient()._client, HTTPX.AsyncClient)
    monkeypatch.delitem(sys.modules, "httpx")
    assert not isinstance(Client()._client, HTTPX.Client)


FORMS = ["Client", "AsyncClient"]


@pytest.mark.parametrize("form", FORMS)
def test_one_of_httpx_in_its_place_is_a_warning(dropin, monkeypatch, form):
    client = getattr(dropin.ollama, form)()
    monkeypatch.setitem(sys.modules, "httpx", HTTPX)
    with pytest.warns(UserWarning, match="no call goes through it"):
        client._client = there = getattr(HTTPX, form)()
    assert client._client is there


def answer_of(call):
    """The answer of a method of either client."""
    return asyncio.run(wait_for(call)) if inspect.isawaitable(call) else call


async def wait_for(call):
    return await call


@pytest.fixture
def httpx(dropin, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", HTTPX)
    return HTTPX


@pytest.mark.parametrize("form", FORMS)
def test_a_mock_in_the_place_of_the_send_of_httpx_is_called(dropin, httpx, form):
    client = getattr(dropin.ollama, form)("http://gpu-box/base", headers={"X-One": "1"})
    with patch.object(getattr(httpx, form), "send") as send:
        send.return_value = httpx.Response(200, ANSWERS["/api/chat"])
        assert answer_of(client.chat("m", MESSAGES)).message.content == "Hi"
        ((request,), _) = send.call_args
        assert (request.method, request.url, request.json["model"]) == ("POST", "http://gpu-box/base/api/chat", "m")
        assert request.headers["X-One"] == "1"
        send.return_value = httpx.Response(404, {"error": "no such model"})
        with pytest.raises(ollama_stream.ResponseError, match="no such model .status code: 404."):
            answer_of(client.show("m"))
        send.side_effect = KeyError("what a test raises")
        with pytest.raises(KeyError):
            answer_of(client.show("m"))
        send.side_effect = httpx.ConnectError("refused")
        with pytest.raises(ConnectionError, match="refused"):
            answer_of(client.show("m"))


class Sending:
    """A client of httpx that tells what it was made with and asked for."""

    def __init__(self, **settings):
        self.settings, self.is_open = settings, False

    def __enter__(self):
        self.is_open = True
        return self

    def __exit__(self, *_error):
        self.is_open = False

    def get(self, path, **given):
        assert self.is_open
        return self, path, given


class AsyncSending(Sending):
    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *error):
        self.__exit__(*error)

    async def get(self, path, **given):
        return super().get(path, **given)


@pytest.mark.parametrize("form", FORMS)
def test_the_client_inside_sends_what_else_a_program_asks_by_httpx(dropin, monkeypatch, form):
    inside = getattr(dropin.ollama, form)("http://gpu-box", headers={"X-One": "1"}, timeout=5, verify=False)._client
    with pytest.raises(AttributeError, match="import httpx"):
        inside.get("/api/version")
    monkeypatch.setitem(sys.modules, "httpx", SimpleNamespace(Client=Sending, AsyncClient=AsyncSending))
    made, path, given = answer_of(inside.get("/api/version", params={"a": "b"}))
    assert (path, given, made.is_open) == ("/api/version", {"params": {"a": "b"}}, False)
    settings = made.settings
    assert settings.pop("headers")["x-one"] == "1"
    assert settings == {"base_url": "http://gpu-box", "verify": False, "timeout": (10, 5, 5, None)}
    with pytest.raises(AttributeError, match="has no attribute 'event_hooks'"):
        inside.event_hooks


ERRORS_OF_HTTPX = {  # what a server does, and the class of httpx for it
    "refuses": (None, "ConnectError"),
    "says nothing": (support.answer(), "ReadTimeout"),
    "goes away": (support.answer(support.HEAD + support.chunk(support.LINE)[:5], support.fin), "RemoteProtocolError"),
    "is of another kind": (support.answer(b"220 mail ready\r\n\r\n", support.fin), "RemoteProtocolError"),
}


@pytest.mark.parametrize("case", ERRORS_OF_HTTPX)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_program_that_catches_the_errors_of_httpx_catches_ours(dropin, monkeypatch, form, stream, case):
    does, name = ERRORS_OF_HTTPX[case]
    names = "ConnectError ConnectTimeout ReadError ReadTimeout RemoteProtocolError".split()
    httpx = SimpleNamespace(**{each: type(each, (Exception,), {}) for each in names})
    monkeypatch.setitem(sys.modules, "httpx", httpx)
    with support.Server(does or []) as server:
        url = server.url if does else "127.0.0.1:%d" % support.closed_port()
        client = getattr(dropin.ollama, form)(url, timeout=0.2 if case == "says nothing" else 60)
        is_builtin = case == "refuses" and not stream  # as with the official client
        with pytest.raises(ConnectionError if is_builtin else getattr(httpx, name)) as raised:
            answer_of(whole(client.chat("m", MESSAGES, stream=stream), form)) if stream else answer_of(client.chat("m", MESSAGES))
    error = raised.value
    assert isinstance(error, getattr(httpx, name)) != is_builtin
    assert isinstance(error, ollama_stream.OllamaError) and str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (getattr(ollama_stream, type(error).__name__), str(error))


def whole(stream, form):
    async def read():
        return [part async for part in stream]

    return read() if form == "AsyncClient" else list(stream)


@pytest.mark.parametrize("httpx", [None, HTTPX])
def test_errors_are_ours_alone_where_httpx_has_none_for_them(dropin, monkeypatch, httpx):
    monkeypatch.setitem(sys.modules, "httpx", httpx)
    with support.Server(support.answer()) as server, pytest.raises(ollama_stream.OllamaTimeout) as raised:
        dropin.ollama.Client(server.url, timeout=0.2).list()
    assert type(raised.value) is ollama_stream.OllamaTimeout


@pytest.mark.parametrize("form", FORMS)
def test_the_send_of_httpx_itself_is_not_called(dropin, httpx, loopback, form):
    client = getattr(dropin.ollama, form)(loopback.url)
    assert answer_of(client.show("m")).modelinfo == ANSWERS["/api/show"]["model_info"]


@pytest.mark.parametrize("form", FORMS)
def test_variables_that_httpx_is_not_to_trust_still_name_the_server_and_its_key(dropin, loopback, monkeypatch, form):
    monkeypatch.setenv("OLLAMA_HOST", loopback.url)
    monkeypatch.setenv("OLLAMA_API_KEY", "k")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    cls = getattr(dropin.ollama, form)
    assert answer_of(cls(trust_env=False).list()).models
    assert cls("http://gpu-box", trust_env=False)._client.base_url == "http://gpu-box"
    for trusted in (True, False):
        headers = cls("https://ollama.com", trust_env=trusted)._client.headers
        assert headers["authorization"] == "Bearer k"


WAITS = [
    asyncio.create_task, asyncio.ensure_future, asyncio.shield, lambda call: asyncio.wait_for(call, 60),
    lambda call: first_of(asyncio.gather(call)),
]  # fmt: skip


async def first_of(calls):
    return (await calls)[0]


@pytest.mark.parametrize("wait", WAITS, ids=["task", "future", "shield", "wait_for", "gather"])
def test_a_stream_is_a_coroutine_until_it_is_awaited(tracer, loopback, wait):
    async def read():
        import ollama

        client = ollama.AsyncClient(loopback.url)
        return [part.message.content async for part in await wait(client.chat("m", MESSAGES, stream=True))]

    assert asyncio.run(read()) == ["Hi"]
    assert len(tracer.seen) == 1


def test_a_stream_can_be_run(dropin, loopback):
    assert hasattr(asyncio.run(dropin.ollama.AsyncClient(loopback.url).chat("m", MESSAGES, stream=True)), "__aiter__")


def test_a_stream_that_nobody_awaits_can_be_closed(dropin, loopback):
    async def drop():
        call = dropin.ollama.AsyncClient(loopback.url).chat("m", MESSAGES, stream=True)
        assert asyncio.iscoroutine(call)
        call.close()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(drop())


@pytest.mark.parametrize("form", FORMS)
def test_what_is_empty_in_a_message_is_not_sent(dropin, loopback, form):
    call = {"function": {"name": "f", "arguments": {}}}
    messages = [{"role": "assistant", "content": "", "thinking": None, "tool_calls": [call]},
                ollama_stream.Message(role="user", images=[]), dict(ollama_stream.Message(role="user"))]
    answer_of(getattr(dropin.ollama, form)(loopback.url).chat("m", messages))
    assert json.loads(loopback.asked[-1].body)["messages"] == [{"role": "assistant", "tool_calls": [call]}, {"role": "user"}, {"role": "user"}]


VERSIONS = """
import ollama_stream.dropin
from importlib import metadata
print(metadata.version("ollama"), metadata.metadata("ollama")["Summary"], metadata.requires("ollama"), metadata.files("ollama"))
print("ollama" in [one.metadata["Name"] for one in metadata.distributions()])
try:
    metadata.version("ollama_nothing")
except metadata.PackageNotFoundError:
    print("none")
"""


def test_who_asks_for_the_version_of_ollama_is_told_that_of_the_names(tmp_path):
    # -S: without the packages that are installed here
    ended = run("-S", "-c", VERSIONS)
    assert ended.stdout == "0.6.3 ollama_stream.dropin in its place None None\nFalse\nnone\n", ended.stderr
    (tmp_path / "ollama-0.5.1.dist-info").mkdir()
    (tmp_path / "ollama-0.5.1.dist-info" / "METADATA").write_text("Name: ollama\nVersion: 0.5.1\nSummary: installed\n")
    ended = run("-S", "-c", VERSIONS, PYTHONPATH=os.pathsep.join([support.ROOT, str(tmp_path)]))
    assert ended.stdout.startswith("0.5.1 installed "), "the official client, where it is installed"


IGNORED = [
    ({"follow_redirects": True}, "follow_redirects= is ignored"),
    ({"limits": object()}, "limits= is ignored"),
    ({"http2": True}, "http2= is ignored"),
    ({"event_hooks": {"request": [print]}}, "event_hooks= is ignored"),
    ({"max_redirects": 3}, "max_redirects= is ignored"),
    ({"default_encoding": "utf-8"}, "default_encoding= is ignored"),
    ({"http1": True}, "http1= is ignored"),
    ({"cookies": None, "params": {}}, None),
    ({"follow_redirects": False, "event_hooks": {"request": []}, "http2": False, "mounts": {"http://": None}}, None),
    ({"limits": None, "event_hooks": None, "mounts": None, "timeout": None, "verify": False}, None),
]


@pytest.mark.parametrize("settings, warning", IGNORED, ids=str)
@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
def test_a_setting_without_a_meaning_here_is_a_warning(dropin, name, settings, warning):
    cls = getattr(dropin.ollama, name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cls("localhost", **settings)
    assert [str(one.message)[: len(warning or "")] for one in caught] == ([warning] if warning else [])
    assert [one.filename for one in caught] == [__file__] * len(caught)


def test_a_setting_that_must_not_be_ignored_is_refused(dropin):
    with pytest.raises(ollama_stream.RequestError, match="mounts: .* proxy= or transport="):
        dropin.ollama.Client(mounts={"http://": object()})
    with pytest.raises(TypeError, match="headers={'Cookie'"):
        dropin.ollama.Client(cookies={"a": "b"})
    with pytest.raises(TypeError, match="timuot"):
        dropin.ollama.Client(timuot=1)


# --- the seam ---------------------------------------------------------------------------------------------------------

HEAD = {"model": "m", "stream": False}
CALLS = [  # name, arguments, the class, method, path and JSON that a tracer sees
    ("chat", {"model": "m", "messages": MESSAGES}, "ChatResponse", "POST", "/api/chat",
     dict(HEAD, messages=MESSAGES, tools=[])),
    ("generate", {"model": "m", "prompt": "p"}, "GenerateResponse", "POST", "/api/generate", dict(HEAD, prompt="p")),
    ("embed", {"model": "m", "input": "x"}, "EmbedResponse", "POST", "/api/embed", {"model": "m", "input": "x"}),
    ("embeddings", {"model": "m", "prompt": "x"}, "EmbeddingsResponse", "POST", "/api/embeddings",
     {"model": "m", "prompt": "x"}),
    ("pull", {"model": "m"}, "ProgressResponse", "POST", "/api/pull", dict(HEAD, insecure=False)),
    ("push", {"model": "m"}, "ProgressResponse", "POST", "/api/push", dict(HEAD, insecure=False)),
    ("create", {"model": "m", "from_": "n"}, "ProgressResponse", "POST", "/api/create", {**HEAD, "from": "n"}),
    ("list", {}, "ListResponse", "GET", "/api/tags", None),
    ("ps", {}, "ProcessResponse", "GET", "/api/ps", None),
    ("show", {"model": "m"}, "ShowResponse", "POST", "/api/show", {"model": "m"}),
    ("copy", {"source": "a", "destination": "b"}, "StatusResponse", "POST", "/api/copy",
     {"source": "a", "destination": "b"}),
    ("delete", {"model": "m"}, "StatusResponse", "DELETE", "/api/delete", {"model": "m"}),
]  # fmt: skip
CALL_IDS = [row[0] for row in CALLS]


class Tracer:
    """Wraps ``_request`` of both clients as tracers do: with whatever arguments, streams inside of generators."""

    def __init__(self, monkeypatch):
        from ollama._client import AsyncClient, Client

        self.seen = []
        plain, awaited = Client._request, AsyncClient._request
        tracer = self

        def wrapper(*args, **kwargs):
            tracer.seen.append((args[1:], kwargs))
            answer = plain(*args, **kwargs)
            return (part for part in answer) if kwargs.get("stream") else answer

        async def awaiting(*args, **kwargs):
            tracer.seen.append((args[1:], kwargs))
            answer = await awaited(*args, **kwargs)
            return parts_of(answer) if kwargs.get("stream") else answer

        async def parts_of(answer):
            async for part in answer:
                yield part

        monkeypatch.setattr(Client, "_request", wrapper)
        monkeypatch.setattr(AsyncClient, "_request", awaiting)


@pytest.fixture
def tracer(dropin, monkeypatch):
    return Tracer(monkeypatch)


def both(url, name, given):
    """The answers of both clients, lists where they are streams; ``given`` may be what makes the arguments."""
    import ollama

    make = given if callable(given) else lambda: given
    given = make()
    answer = getattr(ollama.Client(url), name)(**given)
    yield list(answer) if given.get("stream") else answer

    async def ask():
        given = make()
        answer = await getattr(ollama.AsyncClient(url), name)(**given)
        return [part async for part in answer] if given.get("stream") else answer

    yield asyncio.run(ask())


@pytest.mark.parametrize("name, given, cls, method, path, body", CALLS, ids=CALL_IDS)
def test_a_call_goes_through_the_seam(tracer, loopback, name, given, cls, method, path, body):
    for answer in both(loopback.url, name, given):
        assert type(answer).__name__ == cls
    for (seen, *place), options in tracer.seen:
        assert (seen.__name__, place, options.pop("json", None), options) == (cls, [method, path], body, {"stream": False})
    assert len(tracer.seen) == 2
    sent = loopback.asked[-1]
    assert (sent.line, sent.body and json.loads(sent.body)) == ("%s %s" % (method, path), body or "")


@pytest.mark.parametrize("name, given, cls, method, path, body", CALLS[:2] + CALLS[4:7])
def test_a_stream_goes_through_the_seam(tracer, loopback, name, given, cls, method, path, body):
    for parts in both(loopback.url, name, dict(given, stream=True)):
        assert [type(part).__name__ for part in parts] == [cls]
    assert [(args[2], options["stream"], options["json"]) for args, options in tracer.seen] == [
        (path, True, dict(body, stream=True))] * 2  # fmt: skip


def test_the_headers_and_the_timeout_of_a_call_go_through_the_seam(tracer, loopback):
    for _ in both(loopback.url, "show", {"model": "m", "headers": {"X-One": "1"}, "timeout": 7}):
        assert loopback.asked[-1].headers["x-one"] == "1"
    assert [options["headers"] for _, options in tracer.seen] == [{"X-One": "1"}] * 2
    assert [options["timeout"] for _, options in tracer.seen] == [7, 7]


def test_the_search_goes_through_the_seam_to_its_own_server(dropin, monkeypatch):
    from ollama import Client

    seen = []
    monkeypatch.setattr(Client, "_request", lambda self, *args, **options: seen.append((args[1:], options)))
    Client().web_search("q", max_results=1)
    Client().web_fetch("u")
    assert seen == [
        (("POST", "https://ollama.com/api/web_search"), {"json": {"query": "q", "max_results": 1}, "stream": False}),
        (("POST", "https://ollama.com/api/web_fetch"), {"json": {"url": "u"}, "stream": False}),
    ]
    monkeypatch.undo()
    with pytest.raises(ValueError, match="Bearer token is required for web search"):
        Client(trust_env=False).web_search("q")


def test_a_stream_may_be_read_without_being_awaited(dropin, loopback):
    async def read():
        client = dropin.ollama.AsyncClient(loopback.url)
        return [part.message.content async for part in client.chat("m", MESSAGES, stream=True)]

    assert asyncio.run(read()) == ["Hi"]


def test_a_module_function_goes_through_the_seam(tracer, loopback, monkeypatch):
    import ollama

    monkeypatch.setenv("OLLAMA_HOST", loopback.url)
    assert ollama.chat("m", MESSAGES).message.content == "Hi"
    assert [args[2] for args, _ in tracer.seen] == ["/api/chat"]
    assert list(inspect.signature(ollama.chat).parameters)[:2] == ["model", "messages"]


def test_many_threads_that_come_first_share_one_client_fault_268(dropin, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "of-this-test")
    found = support.asked_at_once(lambda: dropin.ollama._client)
    assert len({id(client) for client in found}) == 1
    monkeypatch.setenv("OLLAMA_HOST", "another")
    assert dropin.ollama._client is not found[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_module_function_is_found_by_its_name(dropin, name):
    function = getattr(dropin.ollama, name)
    assert pickle.loads(pickle.dumps(function)) is function is getattr(dropin.ollama, name)
    assert "self" not in inspect.signature(function).parameters and function.__name__ == function.__qualname__ == name
    assert {*typing.get_type_hints(function)} - {"return"} <= {*inspect.signature(function).parameters}


def test_a_module_function_is_bound_to_a_client(dropin, loopback, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", loopback.url)

    class Program:
        chat = dropin.ollama.chat

    assert Program().chat("m", MESSAGES).message.content == "Hi"
    assert inspect.ismethod(dropin.ollama.chat) and copy.deepcopy(dropin.ollama.chat)("m", MESSAGES).message.content == "Hi"
    bound_to = dropin.ollama.chat.__self__
    assert (bound_to._client.base_url, bound_to.list().models[0].model) == (loopback.url, dropin.ollama.list().models[0].model)
    bound_to._client.timeout = 90
    assert dropin.ollama._client._client.timeout.read == 90


@pytest.mark.parametrize("module, cls", [
    ("ollama_stream.dropin.ollama", "ollama_stream.dropin._client:Client"), ("ollama_stream._default", "ollama_stream:Client"),
])  # fmt: skip
def test_a_module_function_calls_what_a_program_has_put_in_the_place_of_a_method(monkeypatch, module, cls):
    functions, (home, name) = importlib.import_module(module), cls.split(":")
    functions.module_function.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(getattr(importlib.import_module(home), name), "chat", lambda client, model: "mine " + model)
        assert functions.chat("m") == "mine m"
    assert (functions.chat.__name__, "messages" in inspect.signature(functions.chat).parameters) == ("chat", True)


class Version:
    def __init__(self, version):
        self.version = version


def test_another_class_and_another_path_can_be_asked_for(dropin, loopback):
    from ollama import AsyncClient, Client

    assert Client(loopback.url)._request(Version, "GET", "/api/version").version == ANSWERS["/api/version"]["version"]
    answer = asyncio.run(AsyncClient(loopback.url)._request(dict, "GET", "/api/version"))
    assert answer == ANSWERS["/api/version"]
    assert [one.version for one in Client(loopback.url)._request(Version, "GET", "/api/version", stream=True)] == ["0.32.15"]


@pytest.mark.parametrize("form", ["Client", "AsyncClient"])
def test_systemone_sends_what_the_official_client_sends(dropin, form):
    import ollama

    answers = {"q": {"type": "noul", "noul": 0.5}}
    body = json.dumps({"model": "m", "answers": answers, "usage": {"input_tokens": 1, "output_tokens": 2}}).encode()
    with support.Server(support.answer(support.response("200 OK", body), support.close)) as server:
        call = getattr(ollama, form)(server.url).systemone("m", "state", {"q": {"type": "noul", "instructions": "i"}})
        answer = asyncio.run(call) if form == "AsyncClient" else call
        assert answer.answers == answers
        assert server.peer().request_head[0] == b"POST /v1/systemone HTTP/1.1"
        assert json.loads(server.peer().request_body) == {
            "model": "m", "state": "state", "questions": {"q": {"type": "noul", "instructions": "i"}}}  # fmt: skip


# --- programs ---------------------------------------------------------------------------------------------------------


def run(*arguments, **environ):
    return support.run_python(*arguments, **environ)


def test_importing_it_loads_neither_httpx_nor_pydantic_nor_asyncio():
    ended = run("-c", "import ollama_stream.dropin, ollama, sys; print(ollama.Client.__name__, *sys.modules)")
    loaded = ended.stdout.split()
    assert loaded[0] == "Client"
    assert {"httpx", "pydantic", "asyncio", "socket", "ssl", "http.client"} & set(loaded) == set()


def test_it_says_that_ollama_has_already_been_imported(tmp_path):
    (tmp_path / "ollama.py").write_text("")
    program = "import ollama, sys\ntry:\n    import ollama_stream.dropin\nexcept ImportError as error:\n    print(error)"
    ended = run("-c", program, PYTHONPATH=os.pathsep.join([support.ROOT, str(tmp_path)]))
    assert ended.stdout.startswith("ollama has already been imported, from %s" % (tmp_path / "ollama.py"))
    assert "at the top of the program" in ended.stdout


def test_no_environment_makes_the_import_fail():
    ended = run("-c", "import ollama_stream.dropin, ollama; from ollama import chat; print(chat.__name__)", OLLAMA_HOST="http://[")
    assert (ended.stdout, ended.stderr) == ("chat\n", "")


PROGRAM = """
import sys, beside, ollama
print(__name__, sys.argv[1:], beside.NAME, ollama.Client.__module__.split(".")[0])
sys.exit(3)
"""


@pytest.mark.parametrize("as_module", [False, True], ids=["a file", "a module"])
def test_a_program_runs_as_it_is(tmp_path, as_module):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "beside.py").write_text("NAME = 'found'")
    named = ["-m", "program"] if as_module else [str(tmp_path / "program.py")]
    path = os.pathsep.join([support.ROOT, str(tmp_path)]) if as_module else support.ROOT
    ended = run("-m", "ollama_stream.dropin", *named, "-x", "y", PYTHONPATH=path)
    assert ended.stdout == "__main__ ['-x', 'y'] found ollama_stream\n"
    assert (ended.returncode, ended.stderr) == (3, "")


@pytest.mark.each(2)
@pytest.mark.parametrize("arguments, status, text", [
    ([], 2, "usage: "), (["-m"], 2, "usage: "), (["--what"], 2, "usage: "), (["--help"], 0, "usage: "),
    (["nowhere.py"], 2, "ollama_stream.dropin: there is no file 'nowhere.py'"),
])  # fmt: skip
def test_a_program_that_is_none_is_said(arguments, status, text):
    ended = run("-m", "ollama_stream.dropin", *arguments)
    assert ended.returncode == status
    assert (ended.stderr if status else ended.stdout).startswith(text)
