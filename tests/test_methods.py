"""What is made of the rows: signatures, help, types; and what tools that look at a client find."""

import asyncio
import copy
import inspect
import os
import pickle
import pydoc
import re
import shutil
import ssl
import subprocess
import sys
import typing
from unittest import mock

import make_stubs
import pytest
import support
from support import GOOD, ROOT, Bytes, run_python

import ollama_stream
from ollama_stream import AsyncClient, AsyncStream, ChatResponse, Client, RequestError, Stream
from ollama_stream import _default
from ollama_stream._endpoints import ENDPOINTS

NAMES = sorted([*ENDPOINTS, "request", "stream_chat"])
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def client_of(kind, **settings):
    return kind(transport=Bytes(GOOD), **settings)


# --- one line a field, one row an endpoint ----------------------------------------------------------------------------


@pytest.mark.parametrize("path, made", [(make_stubs.STUB, make_stubs.stub), (make_stubs.FACE, make_stubs.face)])
def test_a_stub_is_what_the_rows_say(path, made):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        assert file.read() == made(ollama_stream)  # else: python3 tests/make_stubs.py


@pytest.mark.parametrize("name", NAMES)
def test_help_lists_every_parameter_with_its_meaning(name):
    for function in (getattr(ollama_stream, name), getattr(Client, name), getattr(AsyncClient, name)):
        text = pydoc.render_doc(function, renderer=pydoc.plaintext)
        for parameter in inspect.signature(function).parameters:
            assert parameter == "self" or re.search(r"^ +%s: \w|^ +%s: '" % (parameter, parameter), text, re.M), parameter
    for field in ENDPOINTS[name].fields if name in ENDPOINTS else ():
        assert "%s: %s" % (field, ENDPOINTS[name].fields[field].meaning) in getattr(Client, name).__doc__


@pytest.mark.parametrize("name", NAMES)
def test_fault_261_the_types_of_a_method_can_be_resolved(name):
    for function in (getattr(ollama_stream, name), getattr(Client, name), getattr(AsyncClient, name)):
        hints = typing.get_type_hints(function)
        assert set(hints) >= set(inspect.signature(function).parameters) - {"self"} | {"return"}
    assert typing.get_type_hints(Client.chat)["return"] == typing.Union[ChatResponse, Stream[ChatResponse]]
    assert typing.get_type_hints(AsyncClient.chat)["return"] == typing.Union[ChatResponse, AsyncStream[ChatResponse]]


ADDED = '''
import inspect, vendored.client as c, make_stubs
from vendored.client._endpoints import build
for function in c.Client.chat, c.AsyncClient.chat, c.chat, c.Client.stream_chat, c.Client.run_tools:
    assert str(inspect.signature(function).parameters["warmth"]) == "warmth: 'Optional[float]' = None"
    assert "warmth: how warm, in degrees\\n" in inspect.getdoc(function)
for function in c.Client.rate, c.AsyncClient.rate, c._default.rate:
    assert str(inspect.signature(function).parameters["stars"]) == "stars: 'int' = 3"
    assert inspect.getdoc(function).startswith("Rate a model.\\n\\nPOST /api/rate\\n\\nmodel: ")
assert inspect.iscoroutinefunction(c.AsyncClient.rate)
assert b'"warmth":0.5' in build("chat", {"model": "m", "warmth": 0.5}).body
assert build("rate", {"model": "m"})[1:4] == ("POST", "/api/rate", b'{"model":"m","stars":3}')
try: c.Client().rate("m", starz=3)
except TypeError as error: assert str(error).endswith("'starz'; did you mean 'stars'?")
text = make_stubs.stub(c)
assert text.count("    warmth: Optional[float]\\n") == 2 and text.count("warmth: Optional[float] = None") >= 12
assert "    async def rate(\\n        self, model: str, stars: int = 3, *," in text and "\\ndef rate(\\n" in text
'''
FIELD = '    Field("warmth", "Optional[float]", plain, "how warm, in degrees"),\n'
ROW = '''    Endpoint(
        "rate", "POST", "/api/rate", StatusResponse, "Rate a model.",
        (MODEL, Field("stars", "int", check_number, "how many", 3)),
    ),
'''


def test_a_field_is_one_line_and_an_endpoint_its_row(tmp_path):
    package = tmp_path / "vendored" / "client"
    shutil.copytree(os.path.join(ROOT, "ollama_stream"), str(package), ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "vendored" / "__init__.py").write_text("")
    rows = (package / "_endpoints.py").read_text(encoding="utf-8")
    changed = rows.replace("CHAT = (\n", "CHAT = (\n" + FIELD).replace("ROWS = (\n", "ROWS = (\n" + ROW)
    assert changed.count("\n") == rows.count("\n") + 5
    (package / "_endpoints.py").write_text(changed, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.path.join(ROOT, "tests")])
    done = run_python("-c", ADDED, PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    done = run_python("-m", "vendored.client", "run", "--help", PYTHONPATH=path)
    assert re.search(r"^ +--warmth +a number: how warm, in degrees$", done.stdout, re.M)


def test_the_stubs_are_in_the_package():
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        assert re.search(r'^ollama_stream = \[.*"\*\.pyi".*\]$', file.read(), re.M)


def test_what_the_stub_hides_from_a_type_checker_is_checked_too(tmp_path):
    if shutil.which("mypy") is None:
        pytest.skip("there is no mypy")
    package = tmp_path / "ollama_stream"
    shutil.copytree(os.path.join(ROOT, "ollama_stream"), str(package))
    text = (package / "_methods.py").read_text(encoding="utf-8")
    (package / "hidden.py").write_text(text, encoding="utf-8")
    done = subprocess.run(["mypy", "--strict", "-m", "ollama_stream.hidden"], cwd=str(tmp_path), stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()


ARGUMENTS = [  # id, the call, what the TypeError says
    ("one too many", lambda c: c.pull("m", "n"), "pull() takes at most 1 positional arguments, 2 were given"),
    ("twice", lambda c: c.chat("m", model="n"), "chat() got multiple values for argument 'model'"),
    ("missing", lambda c: c.copy("a"), "copy() missing a required argument: 'destination'"),
    ("unknown", lambda c: c.stream_chat("m", "x", stream=True), "stream_chat() got an unexpected keyword argument 'stream'"),
    ("misspelt", lambda c: c.run_tools("m", "x", [], max_round=3),
     "run_tools() got an unexpected keyword argument 'max_round'; did you mean 'max_rounds'?"),
    ("of another call", lambda c: c.request("GET", "/", extra={}), "request() got an unexpected keyword argument 'extra'"),
]  # fmt: skip


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("call, text", [row[1:] for row in ARGUMENTS], ids=[row[0] for row in ARGUMENTS])
def test_wrong_arguments_are_a_type_error_at_the_call(kind, call, text):
    with pytest.raises(TypeError) as raised:
        call(client_of(kind))
    assert str(raised.value) == text


def test_a_prompt_stands_for_messages(colour):
    transport = Bytes(GOOD)
    answer = colour.client(transport=transport).chat("m", "Why?")
    assert answer.text == "Hi"
    assert b'"messages":[{"role":"user","content":"Why?"}]' in transport.sent


def test_a_call_costs_at_most_60_python_calls_before_its_request_is_sent():
    calls = []

    class Stop(Exception):
        pass

    class Idle(Bytes):
        def send(self, data, timeout):
            sys.setprofile(None)
            raise Stop

    def count(frame, event, _argument):
        if event == "call" and frame.f_code.co_filename.startswith(os.path.dirname(ollama_stream.__file__)):
            calls.append(frame.f_code.co_name)

    client = Client(transport=Idle())
    for _ in range(2):  # the first one loads what it needs
        calls.clear()
        sys.setprofile(count)
        try:
            with pytest.raises(Stop):
                client.chat(**ASK, options={"seed": 1})
        finally:
            sys.setprofile(None)
    assert len(calls) <= 60, calls


# --- coroutine functions ----------------------------------------------------------------------------------------------

COROUTINES = sorted([*ENDPOINTS, "request"])


@pytest.mark.parametrize("name", COROUTINES)
def test_fault_260_a_method_is_a_coroutine_function_to_everybody_who_asks(name):
    client = client_of(AsyncClient)
    for method in (getattr(AsyncClient, name), getattr(client, name)):
        assert inspect.iscoroutinefunction(method)
        assert inspect.isroutine(method) and callable(method) and method.__name__ == name
    assert inspect.isfunction(getattr(AsyncClient, name)) and inspect.ismethod(getattr(client, name))
    assert not inspect.iscoroutinefunction(getattr(Client, name))
    assert list(inspect.signature(getattr(client, name)).parameters)[0] != "self"


def test_fault_260_a_mock_of_a_client_is_awaited():
    async def main():
        for made in (
            mock.create_autospec(AsyncClient)("localhost"), mock.create_autospec(AsyncClient, instance=True),
            mock.create_autospec(client_of(AsyncClient)), mock.AsyncMock(spec=AsyncClient),
            mock.AsyncMock(spec=client_of(AsyncClient)),
        ):  # fmt: skip
            made.list.return_value = 3
            assert inspect.iscoroutinefunction(made.list) or isinstance(made.list, mock.AsyncMock)
            assert await made.list() == 3
        with mock.patch.object(AsyncClient, "chat") as chat:
            chat.return_value = "answered"
            assert await client_of(AsyncClient).chat("m", []) == "answered"
        assert inspect.iscoroutinefunction(AsyncClient.chat)

    support.run(main())


def test_fault_260_an_autospec_knows_the_parameters():
    client = mock.create_autospec(AsyncClient, instance=True)
    with pytest.raises(TypeError):
        client.chat("m", [], temprature=1)
    blocking = mock.create_autospec(Client, instance=True)
    blocking.list()
    with pytest.raises(TypeError):
        blocking.list(3)


async def by_task(client):
    return await asyncio.get_running_loop().create_task(client.chat(stream=True, **ASK))


async def by_future(client):
    return await asyncio.ensure_future(client.chat(stream=True, **ASK))


async def by_waiting(client):
    return await asyncio.wait_for(client.chat(stream=True, **ASK), support.PATIENCE)


async def by_gathering(client):
    return (await asyncio.gather(client.chat(stream=True, **ASK)))[0]


async def by_group(client):
    if not hasattr(asyncio, "TaskGroup"):
        return client.chat(stream=True, **ASK)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(client.chat(stream=True, **ASK))
    return task.result()


async def by_retrying(client):
    """What tenacity.retry does."""

    def retry(function):
        assert inspect.iscoroutinefunction(function)

        async def tried(*args, **fields):
            return await function(*args, **fields)

        return tried

    return await retry(client.chat)(stream=True, **ASK)


async def by_nothing(client):
    return client.chat(stream=True, **ASK)


WAYS = [by_task, by_future, by_waiting, by_gathering, by_group, by_retrying, by_nothing]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "260-" + way.__name__)
def test_a_stream_comes_by_every_way_of_waiting_for_it(way):
    async def main():
        return [record.text async for record in await way(client_of(AsyncClient))]

    assert support.run(main()) == ["Hi", ""]


def test_fault_260_a_stream_whose_task_is_cancelled_sends_nothing():
    async def main():
        transport = Bytes(GOOD)
        task = asyncio.ensure_future(AsyncClient(transport=transport).chat(stream=True, **ASK))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert transport.sent == b""

    support.run(main())


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda client: pickle.loads(pickle.dumps(client))],
                         ids=["263-copy", "263-deepcopy", "263-pickle"])  # fmt: skip
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_copy_of_a_client_has_its_settings_and_no_connection(kind, duplicate, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box:1234")
    client = kind(timeout=3, headers={"A": "b"}, auth=("u", "p"), retries=2, max_line=99, verify=False)
    monkeypatch.delenv("OLLAMA_HOST")
    other = duplicate(client)
    assert type(other) is kind and repr(other) == repr(client) == "%s('http://gpu-box:1234')" % kind.__name__
    for name in ("_timeout", "_headers", "_auth", "_retries", "_max_line", "_address", "_verify"):
        assert getattr(other, name) == getattr(client, name)
    assert other._pool is not client._pool and other._environ is client._environ is os.environ
    assert duplicate(kind(trust_env=False))._environ == {}


def test_fault_263_a_copy_works():
    server_says = Bytes(GOOD)
    assert copy.deepcopy(Client(transport=server_says)).chat(**ASK).text == "Hi"


def test_fault_263_a_copy_of_a_subclass_keeps_what_it_has():
    client = Mine("x", mood="good")
    for other in (copy.copy(client), copy.deepcopy(client), pickle.loads(pickle.dumps(client))):
        assert (type(other), other.mood) == (Mine, "good")


class Mine(Client):
    def __init__(self, host, mood):
        super().__init__(host)
        self.mood = mood


@pytest.mark.parametrize("settings, name", [
    ({"verify": ssl.create_default_context()}, "verify: SSLContext"),
    ({"transport": mock.Mock()}, "transport: Mock"),
], ids=["263-context", "263-transport"])  # fmt: skip
def test_a_setting_that_cannot_be_pickled_is_named(settings, name):
    with pytest.raises(TypeError, match="^%s cannot be pickled" % name):
        pickle.dumps(Client(**settings))


WRONG = [
    ("timuot", "; did you mean 'timeout'?"),
    ("hsot", "; did you mean 'host'?"),
    ("zzz", ""),
    ("base_url", "; write host='http://HOST:PORT'"),
    ("api_key", "; write auth='Bearer KEY', or the variable OLLAMA_API_KEY"),
    ("default_headers", "; write headers={...}"),
    ("max_retries", "; write retries=N"),
    ("model", "; write it in each call: client.chat(model, ...)"),
]


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("name, hint", WRONG, ids=["265-" + row[0] for row in WRONG])
def test_a_wrong_setting_is_told_what_to_write(kind, name, hint):
    with pytest.raises(TypeError) as raised:
        kind(**{name: 1})
    assert str(raised.value) == "%s() got an unexpected keyword argument %r%s" % (kind.__name__, name, hint)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_fault_265_settings_are_refused_at_once(kind):
    for proxy in (3, {"http": "http://p:1"}, "http://p:1/path", "socks5://p:1"):
        with pytest.raises(RequestError, match="^proxy"):
            kind("127.0.0.1", proxy=proxy)
    for trust_env in ("no", None, 0):
        with pytest.raises(RequestError, match="^trust_env: expected True or False, got "):
            kind("127.0.0.1", trust_env=trust_env)
    with pytest.raises(TypeError, match=r"^%s\(\) takes host alone by its place: give the others by name$" % kind.__name__):
        kind("127.0.0.1", 30)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_fault_265_a_transport_that_opens_nothing_is_refused(kind):
    with pytest.raises(RequestError) as raised:
        kind(transport=object())
    assert str(raised.value) == "transport: expected an object with open(address, timeout), got object"


def test_fault_265_a_constructor_shows_its_settings():
    assert list(inspect.signature(Client).parameters) == [
        "host", "timeout", "headers", "verify", "cert", "auth", "proxy", "trust_env", "retries", "max_line", "transport",
    ]  # fmt: skip


def test_fault_264_a_loop_that_is_not_of_asyncio_is_told():
    with support.Server(support.answer(support.GOOD, support.read_request)) as server:
        rested = AsyncClient(server.url)
        asyncio.run(rested.chat("m", "hi"))

        async def main():
            for call in (AsyncClient("127.0.0.1:9").ping, rested.ping, rested.list):
                with pytest.raises(RequestError, match="needs a running loop of asyncio, and there is none"):
                    await call()

        with pytest.raises(StopIteration):
            main().send(None)

    async def main():
        with pytest.raises(RequestError, match="needs a running loop of asyncio, and there is none"):
            await AsyncClient("127.0.0.1:9").list()
        with pytest.raises(RequestError, match="needs a running loop of asyncio, and there is none"):
            async for _ in AsyncClient("127.0.0.1:9").chat("m", "hi", stream=True):
                pass

    coroutine = main()
    with pytest.raises(StopIteration):  # as any loop that is not asyncio's begins a coroutine
        coroutine.send(None)


def test_fault_268_many_threads_that_come_first_share_one_default_client(monkeypatch):
    monkeypatch.setattr(_default, "_made", None)
    found = support.asked_at_once(_default.default_client)
    assert len({id(client) for client in found}) == 1


@pytest.mark.parametrize("call, name", [
    ("chat('m', [])", "message"), ("generate('m')", "response"), ("pull('m')", "status"), ("create('m')", "status"),
    ("list()", "models"), ("show('m')", "modelinfo"),
])  # fmt: skip
@pytest.mark.parametrize("client", ["Client", "AsyncClient"])
def test_an_editor_by_jedi_knows_what_an_answer_has(client, call, name):
    jedi = pytest.importorskip("jedi")
    wait = "await " * (client == "AsyncClient")
    text = "import ollama_stream\nasync def f():\n    x = %sollama_stream.%s().%s\n    x." % (wait, client, call)
    found = jedi.Script(text, project=jedi.Project(ROOT, sys_path=[ROOT, *sys.path])).complete(4, 6)
    assert name in [one.name for one in found]
