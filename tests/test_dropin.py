"""``import ollama_stream as ollama``: the surface of the official client (ollama-python 0.6.3), or our departure.

A row says what ours does and, where that differs, what the official client does; ``test_official`` checks that. A1 to
A8 number the parts of the surface.
"""

import asyncio
import contextlib
import copy
import datetime
import functools
import http.server
import inspect
import json
import pickle
import threading
from typing import Any, Dict, Iterator, List, Literal, NamedTuple, Optional, Union

import pytest

import ollama_stream
import support
from ollama_stream._address import parse_address
from ollama_stream._schema import function_tool
from ollama_stream._values import UPLOAD_PIECE

SAME: Any = object()  # the official client does what ours does
AS_JSON: Any = object()  # it sends the same JSON, in other bytes: the order of the keys, ASCII or not
FORMS = ["Client", "AsyncClient", "module"]


# --- a server that answers every path ---------------------------------------------------------------------------------

TIME = "2026-11-22T18:35:00.123456789-07:00"
NUMBERS = {"total_duration": 5, "load_duration": 1, "prompt_eval_count": 3, "prompt_eval_duration": 4, "eval_count": 2}
LAST = dict(NUMBERS, model="m", created_at=TIME, done=True, done_reason="stop", eval_duration=9)
DETAILS = {"parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "1B",
    "quantization_level": "Q4_1"}  # fmt: skip
TOOL_CALL = {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"a": [1, {"b": None}]}}}
LOGPROB = {"token": "H", "logprob": -0.5, "bytes": [72], "top_logprobs": [{"token": "h", "logprob": -1.5}]}
MESSAGE = {"role": "assistant", "content": "Hi", "thinking": "hm", "tool_calls": [TOOL_CALL]}
LISTED = {"model": "m:1b", "modified_at": TIME, "size": 98362432, "digest": "abc", "details": DETAILS}
RUNNING = {"name": "m:1b", "model": "m:1b", "size": 1536, "digest": "abc", "details": DETAILS, "expires_at": TIME,
    "size_vram": 1, "context_length": 4096}  # fmt: skip
ANSWERS: Dict[str, Any] = {
    "/api/chat": dict(LAST, message=MESSAGE, logprobs=[LOGPROB]),
    "/api/generate": dict(LAST, response="Hi", thinking="hm", context=[1, 2], logprobs=[LOGPROB]),
    "/api/embed": dict(model="m", embeddings=[[0.5, 0.25], [1, 0]], total_duration=5, load_duration=1),
    "/api/embeddings": {"embedding": [0.5, 0.25]},
    "/api/pull": {"status": "success", "digest": "abc", "total": 3, "completed": 3},
    "/api/push": {"status": "success"},
    "/api/create": {"status": "success"},
    "/api/tags": {"models": [LISTED, dict(LISTED, name="n", capabilities=["completion"])]},
    "/api/ps": {"models": [RUNNING]},
    "/api/show": {"license": "MIT", "modelfile": "FROM m", "parameters": "stop x", "template": "{{ .Prompt }}",
        "details": DETAILS, "model_info": {"general.architecture": "llama"}, "capabilities": ["completion"],
        "modified_at": TIME},
    "/api/version": {"version": "0.32.15"},
}  # fmt: skip


MAX_KEPT = 1 << 20


class Asked(NamedTuple):
    """A request as the server got it; header names in lower case."""

    line: str
    headers: Dict[str, str]
    body: str


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait for an acknowledgement

    def answer(self) -> None:
        body = self.body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked: List[Asked] = self.server.asked  # type: ignore[attr-defined]
        asked.append(Asked(self.command + " " + self.path, headers, body.decode("utf-8")))
        value = ANSWERS.get(self.path)
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(404 if self.command == "HEAD" else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_HEAD = answer

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            left, piece = int(self.headers.get("Content-Length", "0")), b""
            while left:  # of a large body only the end is kept
                piece = self.rfile.read(min(left, MAX_KEPT))
                left -= len(piece)
            return piece
        data = b""
        while True:
            size = int(self.rfile.readline(), 16)
            data += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return data

    def log_message(self, *_arguments: Any) -> None:
        pass


class Loopback(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: List[Asked] = []
        self.url = "http://127.0.0.1:%d" % self.server_port


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    with Loopback() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def call(library: Any, form: str, url: str, name: str, args: Any, given: Any) -> Any:
    """Make a call in one of its three forms; of a stream the list of its parts."""
    if form == "module":
        answer = getattr(library, name)(*args, **given)
        return list(answer) if given.get("stream") else answer
    if form == "Client":
        with contextlib.closing(library.Client(url)) as client:
            answer = getattr(client, name)(*args, **given)
            return list(answer) if given.get("stream") else answer

    async def coroutine() -> Any:
        client = library.AsyncClient(url)
        try:
            answer = await getattr(client, name)(*args, **given)
            return [part async for part in answer] if given.get("stream") else answer
        finally:
            await client.close()

    return asyncio.run(coroutine())


# --- A1: names, and what importing does -------------------------------------------------------------------------------

NAMES = """AsyncClient ChatResponse Client EmbedResponse EmbeddingsResponse GenerateResponse Image ListResponse Message
Options ProcessResponse ProgressResponse RequestError ResponseError ShowResponse StatusResponse Tool WebFetchResponse
WebSearchResponse""".split()
FUNCTIONS = "generate chat embed embeddings pull push create delete list copy show ps web_search web_fetch".split()


@pytest.mark.parametrize("name", NAMES + FUNCTIONS)
def test_A1_a_name_is_exported(name):
    assert name in ollama_stream.__all__
    assert callable(getattr(ollama_stream, name))


def test_A1_systemone_is_not_offered():
    assert [name for name in dir(ollama_stream) if "systemone" in name.lower()] == []
    assert not hasattr(ollama_stream.Client, "systemone") and not hasattr(ollama_stream.AsyncClient, "systemone")


# Each makes `import ollama` raise. Ours is imported in all of them, and works but for what cannot be right.
PORT = "the port is no number from 1 to 65535"
ENVIRONMENTS = [
    ({"OLLAMA_HOST": "127.0.0.1:abc"}, "RequestError OLLAMA_HOST='127.0.0.1:abc': " + PORT),
    ({"OLLAMA_HOST": "127.0.0.1:65536"}, "RequestError OLLAMA_HOST='127.0.0.1:65536': " + PORT),
    ({"OLLAMA_HOST": "http://["}, "RequestError OLLAMA_HOST='http://[': an IPv6 address and a port are written"),
    ({"ALL_PROXY": "socks5://localhost:1"}, "0.32.15"),
    ({"HTTPS_PROXY": "socks5h://localhost:1"}, "0.32.15"),
    ({"all_proxy": "socks://localhost:1"}, "0.32.15"),
    ({"HTTP_PROXY": "ftp://localhost:1"}, "0.32.15"),
    ({"NO_PROXY": "[::1]"}, "0.32.15"),
    ({"NO_PROXY": "fe80::/10"}, "0.32.15"),
    ({"SSL_CERT_FILE": "/nothing/here.pem"}, "0.32.15"),
    ({"OLLAMA_API_KEY": "\u20ac"}, "RequestError OLLAMA_API_KEY: the value of Authorization has a control or non-"),
]  # fmt: skip
IMPORTING = """
import json, os, sys
before = dict(os.environ)
for variables in json.loads(sys.argv[1]):
    for name in [name for name in sys.modules if name.split(".")[0] == "ollama_stream"]:
        del sys.modules[name]
    os.environ.clear()
    os.environ.update(before, **variables)
    import ollama_stream as ollama
    try:
        print(ollama.version().version)
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_A1_no_environment_makes_the_import_fail(loopback):
    variables = json.dumps([variables for variables, _ in ENVIRONMENTS])
    end = support.run_python("-c", IMPORTING, variables, OLLAMA_HOST=loopback.url)
    lines = end.stdout.splitlines()
    assert (len(lines), end.stderr) == (len(ENVIRONMENTS), "")
    assert [line[: len(text)] for line, (_, text) in zip(lines, ENVIRONMENTS)] == [text for _, text in ENVIRONMENTS]


def test_A1_an_address_without_brackets_is_understood(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "::1")
    assert repr(ollama_stream.Client()) == "Client('http://[::1]:11434')"


# --- A2: constructors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ollama_stream.Client, ollama_stream.AsyncClient], ids=["Client", "AsyncClient"])
def test_A2_the_host_comes_first_or_by_name_or_from_the_environment(make, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "from-variable")
    name = make.__name__
    assert repr(make("gpu-box")) == repr(make(host="gpu-box")) == "%s('http://gpu-box:11434')" % name
    assert repr(make()) == repr(make(None)) == "%s('http://from-variable:11434')" % name
    make("gpu-box", timeout=None, headers={"a": "b"}, verify=False, auth=("user", "pw"), proxy=None, trust_env=False)
    for unknown in ("follow_redirects", "limits", "base_url"):
        with pytest.raises(TypeError, match=unknown):
            make("gpu-box", **{unknown: None})


def test_A2_a_client_is_a_context_manager_of_its_own_colour_only():
    with ollama_stream.Client() as client:
        assert client.close() is None

    async def use() -> None:
        async with ollama_stream.AsyncClient() as client:
            assert await client.close() is None
        with pytest.raises((TypeError, AttributeError)):
            async with ollama_stream.Client():  # type: ignore[attr-defined]
                pass

    asyncio.run(use())
    with pytest.raises((TypeError, AttributeError)):
        with ollama_stream.AsyncClient():  # type: ignore[attr-defined]
            pass


def test_A2_header_fields_of_the_user_win_and_none_drops_one(loopback):
    headers = {"User-Agent": "mine", "Accept": "text/plain", "X-Some-Header": "v", "X-None": None}
    ollama_stream.Client(loopback.url, headers=headers).list()
    asked = loopback.asked[-1].headers
    assert (asked["user-agent"], asked["accept"], asked["x-some-header"]) == ("mine", "text/plain", "v")
    assert "x-none" not in asked


KEYS = [  # host, headers, what goes as Authorization
    ("https://gpu-box", {}, "Bearer key"),
    ("http://localhost", {}, "Bearer key"),
    ("http://gpu-box", {}, None),  # the official client sends it in the clear
    ("http://gpu-box", {"authorization": "Bearer own"}, "Bearer own"),
]


@pytest.mark.parametrize("host, headers, sent", KEYS, ids=["TLS", "this machine", "in the clear", "an own one"])
def test_A2_the_key_of_the_environment_is_sent(host, headers, sent, monkeypatch):
    monkeypatch.setenv("OLLAMA_API_KEY", "key")
    transport = support.Bytes(support.response("200 OK", b'{"version":"1"}'))
    ollama_stream.Client(host, headers=headers, transport=transport).version()
    fields = dict(line.split(": ", 1) for line in transport.sent.decode().split("\r\n")[1:] if line)
    assert {name.lower(): value for name, value in fields.items()}.get("authorization") == sent


# --- A3: methods ------------------------------------------------------------------------------------------------------

MODEL_CREATION = "model, quantize=None, from_=None, files=None, adapters=None, template=None, license=None, system=None"
SIGNATURES = {
    "generate": "model='', prompt=None, suffix=None, *, system=None, template=None, context=None, stream=False, "
    "think=None, logprobs=None, top_logprobs=None, raw=None, format=None, images=None, options=None, keep_alive=None, "
    "width=None, height=None, steps=None",
    "chat": "model='', messages=None, *, tools=None, stream=False, think=None, logprobs=None, top_logprobs=None, "
    "format=None, options=None, keep_alive=None",
    "embed": "model='', input='', truncate=None, options=None, keep_alive=None, dimensions=None",
    "embeddings": "model='', prompt=None, options=None, keep_alive=None",
    "pull": "model, *, insecure=False, stream=False",
    "push": "model, *, insecure=False, stream=False",
    "create": MODEL_CREATION + ", parameters=None, messages=None, *, stream=False",
    "create_blob": "path",
    "list": "",
    "delete": "model",
    "copy": "source, destination",
    "show": "model",
    "ps": "",
    "web_search": "query, max_results=3",
    "web_fetch": "url",
}


def parameters_of(function: Any, bound: bool = False) -> List[Any]:
    parameters = list(inspect.signature(function).parameters.values())[0 if bound else 1 :]
    return [(one.name, one.kind, one.default) for one in parameters]


def contract(name: str) -> List[Any]:
    return parameters_of(eval("lambda %s: None" % SIGNATURES[name]), bound=True)


@pytest.mark.parametrize("name", SIGNATURES)
def test_A3_a_method_has_the_official_parameters_and_after_them_only_keywords(name):
    expected = contract(name)
    for form in (ollama_stream.Client, ollama_stream.AsyncClient, ollama_stream):
        parameters = parameters_of(getattr(form, name), bound=form is ollama_stream)
        assert parameters[: len(expected)] == expected
        assert {kind for _, kind, _ in parameters[len(expected) :]} == {inspect.Parameter.KEYWORD_ONLY}


BEARER = "Authorization header with Bearer token is required for web %s"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["search", "fetch"])
def test_A3_the_web_is_searched_with_a_token_only(name, form, monkeypatch):
    monkeypatch.delenv("OLLAMA_API_KEY", raising=False)
    with pytest.raises(ValueError) as raised:
        call(ollama_stream, form, "localhost", "web_" + name, ("x",), {})
    assert str(raised.value) == BEARER % name


def test_A3_a_blob_is_named_by_its_digest(loopback, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    for form in ("Client", "AsyncClient"):
        for given in (path, str(path)):
            del loopback.asked[:]
            assert call(ollama_stream, form, loopback.url, "create_blob", (given,), {}) == digest
            asked, sent = loopback.asked
            assert asked.line == "HEAD /api/blobs/" + digest
            assert (sent.line, sent.body, sent.headers["content-length"]) == ("POST /api/blobs/" + digest, "abc", "3")


# A file of a quarter of a gigabyte, in a process of its own: what it adds to the memory, and how often another task of
# the loop had its turn meanwhile.
UPLOADING = """
import asyncio, sys
from ollama_stream import AsyncClient, Client

def peak():
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) << 10
    except OSError:
        import resource  # which on Linux counts what the parent process had, too
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

async def beat():
    global beats
    while True:
        beats += 1
        await asyncio.sleep(0)

async def upload_in_loop(path):
    heart = asyncio.ensure_future(beat())
    digest = await AsyncClient().create_blob(path)
    heart.cancel()
    return digest

def upload(path):
    return asyncio.run(upload_in_loop(path)) if colour == "AsyncClient" else Client().create_blob(path)

colour, small, large = sys.argv[1:]
upload(small)
beats, before = 0, peak()
digest = upload(large)
print(digest, peak() - before, beats)
"""
LARGE = 16 << 20
LARGE_DIGEST = "sha256:080acf35a507ac9849cfcba47dc2ad83e01b75663a516279c8b9d243b719643e"


@pytest.mark.parametrize("form", ["Client", "AsyncClient"])
def test_A3_a_large_blob_takes_no_memory_and_leaves_the_loop_its_turns(form, loopback, tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    for path, size in ((small, 1 << 20), (large, LARGE)):
        with open(path, "wb") as file:
            file.truncate(size)
    end = support.run_python("-c", UPLOADING, form, str(small), str(large), OLLAMA_HOST=loopback.url)
    assert end.stderr == ""
    digest, added, beats = end.stdout.split()
    assert digest == LARGE_DIGEST
    assert int(added) < 4 << 20
    # Every piece is hashed once and sent once, with a turn for the others after each.
    assert form == "Client" or int(beats) >= 2 * LARGE // UPLOAD_PIECE


# --- A4: what is put on the wire --------------------------------------------------------------------------------------


def weather(city: str, day: Optional[str] = None) -> str:
    """Weather.

    Args:
        city (str): where,
            in any country
    """
    return city


HI = [{"role": "user", "content": "Hi"}]
HI_JSON = '[{"role":"user","content":"Hi"}]'
PNG = b"\x89PNG"
DIGEST = "sha256:" + "0a" * 32
ARGUMENTS = '"function":{"name":"f","arguments":{"a":1}}'
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {
    "type": "object", "required": ["a"], "properties": {"a": {"type": "string", "description": "x"}}}}}  # fmt: skip
STRICT = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {
    "type": "object", "properties": {"a": {"type": "number", "minimum": 0, "default": 1}}}}}  # fmt: skip
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def chat_body(messages: str = HI_JSON, tools: str = "[]", first: str = "", last: str = "", stream: bool = False) -> str:
    return '{"model":"m","stream":%s%s,"messages":%s,"tools":%s%s}' % (compact(stream), first, messages, tools, last)


def made(library: Any, **fields: Any) -> Any:
    parameters = library.Tool.Function.Parameters
    function = library.Tool.Function(name="f", description="d", parameters=parameters(type="object", **fields))
    return library.Tool(type="function", function=function)


def tool_call(library: Any) -> Any:
    function = library.Message.ToolCall.Function(name="f", arguments={"a": 1})
    return library.Message.ToolCall(function=function)


class Wire(NamedTuple):
    """``given`` gets the library; ``body`` is ours, ``theirs`` the official one: SAME, AS_JSON, or text."""

    id: str
    name: str
    given: Any
    line: str
    body: str
    theirs: Any = SAME


WIRE = [
    Wire("a chat", "chat", lambda o: {"model": "m", "messages": HI}, "POST /api/chat", chat_body()),
    Wire("messages and tools are always sent", "chat", lambda o: {"model": "m"}, "POST /api/chat", chat_body("[]")),
    Wire("a stream", "chat", lambda o: {"model": "m", "messages": HI, "stream": True}, "POST /api/chat",
        chat_body(stream=True)),
    Wire("all fields of a chat", "chat", lambda o: {"model": "m", "messages": HI, "tools": [TOOL], "think": "low",
        "logprobs": True, "top_logprobs": 2, "format": "json", "options": {"seed": 1}, "keep_alive": "5m"},
        "POST /api/chat", chat_body(tools=compact([TOOL]), last=',"think":"low","logprobs":true,"top_logprobs":2',
            first=',"options":{"seed":1},"format":"json","keep_alive":"5m"')),
    Wire("a schema as format", "chat", lambda o: {"model": "m", "messages": HI, "format": SCHEMA}, "POST /api/chat",
        chat_body(first=',"format":' + compact(SCHEMA))),
    Wire("None in a dict of options", "chat", lambda o: {"model": "m", "messages": HI, "options": {"stop": None}},
        "POST /api/chat", chat_body(first=',"options":{"stop":null}')),
    Wire("Options", "chat", lambda o: {"model": "m", "messages": HI, "options": o.Options(temperature=0.5, stop=["a"])},
        "POST /api/chat", chat_body(first=',"options":{"temperature":0.5,"stop":["a"]}')),
    Wire("min_p", "chat", lambda o: {"model": "m", "messages": HI, "options": o.Options(min_p=0.5)}, "POST /api/chat",
        chat_body(first=',"options":{"min_p":0.5}'), chat_body(first=',"options":{}')),
    Wire("an image as bytes", "chat", lambda o: {"model": "m", "messages": [dict(HI[0], images=[PNG])]},
        "POST /api/chat", chat_body('[{"role":"user","content":"Hi","images":["iVBORw=="]}]')),
    Wire("an Image", "chat", lambda o: {"model": "m", "messages": [dict(HI[0], images=[o.Image(value=PNG)])]},
        "POST /api/chat", chat_body('[{"role":"user","content":"Hi","images":["iVBORw=="]}]')),
    Wire("an image as text", "chat", lambda o: {"model": "m", "messages": [dict(HI[0], images=["iVBORw=="])]},
        "POST /api/chat", chat_body('[{"role":"user","content":"Hi","images":["iVBORw=="]}]')),
    Wire("Messages", "chat", lambda o: {"model": "m", "messages": [o.Message(role="user", content="Hi"),
        o.Message(role="assistant", tool_calls=[tool_call(o)]), o.Message(role="tool", content="x", tool_name="f")]},
        "POST /api/chat", chat_body('[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{%s}]},'
            '{"role":"tool","content":"x","tool_name":"f"}]' % ARGUMENTS)),
    Wire("empty content is kept", "chat", lambda o: {"model": "m", "messages": [{"role": "user", "content": ""}]},
        "POST /api/chat", chat_body('[{"role":"user","content":""}]'), chat_body('[{"role":"user"}]')),
    Wire("ids of tool calls are kept", "chat", lambda o: {"model": "m", "messages": [
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}]},
        {"role": "tool", "content": "x", "tool_call_id": "c", "tool_name": "f"}]}, "POST /api/chat",
        chat_body('[{"role":"assistant","tool_calls":[{"id":"c",%s}]},'
            '{"role":"tool","content":"x","tool_call_id":"c","tool_name":"f"}]' % ARGUMENTS),
        chat_body('[{"role":"assistant","tool_calls":[{%s}]},'
            '{"role":"tool","content":"x","tool_name":"f"}]' % ARGUMENTS)),
    Wire("a Tool", "chat", lambda o: {"model": "m", "messages": HI, "tools": [made(o, required=["a"], properties={
        "a": o.Tool.Function.Parameters.Property(type="string", description="x")})]}, "POST /api/chat",
        chat_body(tools='[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object",'
            '"required":["a"],"properties":{"a":{"type":"string","description":"x"}}}}}]')),
    Wire("a Tool of dicts", "chat", lambda o: {"model": "m", "messages": HI, "tools": [o.Tool(**TOOL)]},
        "POST /api/chat", chat_body(tools=compact([TOOL]))),
    Wire("a tool is sent as given", "chat", lambda o: {"model": "m", "messages": HI, "tools": [STRICT]},
        "POST /api/chat", chat_body(tools=compact([STRICT])), chat_body(tools='[{"type":"function","function":'
            '{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"number"}}}}}]')),
    Wire("a function", "chat", lambda o: {"model": "m", "messages": HI, "tools": [weather]}, "POST /api/chat",
        chat_body(tools='[{"type":"function","function":{"name":"weather","description":"Weather.","parameters":'
            '{"type":"object","properties":{"city":{"type":"string","description":"where, in any country"},'
            '"day":{"type":"string"}},"required":["city"]}}}]'),
        chat_body(tools='[{"type":"function","function":{"name":"weather","description":"Weather.","parameters":'
            '{"type":"object","required":["city"],"properties":{"city":{"type":"string","description":'
            '"where, in any country"},"day":{"type":"string","description":""}}}}}]')),
    Wire("text is sent in ASCII", "chat", lambda o: {"model": "m", "messages": [{"role": "user", "content": "é😀"}]},
        "POST /api/chat", chat_body('[{"role":"user","content":"\\u00e9\\ud83d\\ude00"}]'), AS_JSON),
    Wire("a prompt", "generate", lambda o: {"model": "m", "prompt": "p"}, "POST /api/generate",
        '{"model":"m","stream":false,"prompt":"p"}'),
    Wire("a stream of text", "generate", lambda o: {"model": "m", "prompt": "p", "stream": True}, "POST /api/generate",
        '{"model":"m","stream":true,"prompt":"p"}'),
    Wire("all fields of generate", "generate", lambda o: {"model": "m", "prompt": "p", "suffix": "s", "system": "y",
        "template": "t", "context": [1], "think": True, "logprobs": True, "top_logprobs": 1, "raw": True, "format": "",
        "images": [PNG], "options": {}, "keep_alive": 1.5, "width": 1, "height": 2, "steps": 3}, "POST /api/generate",
        '{"model":"m","stream":false,"options":{},"format":"","keep_alive":1.5,"prompt":"p","suffix":"s","system":"y",'
        '"template":"t","context":[1],"think":true,"logprobs":true,"top_logprobs":1,"raw":true,"images":["iVBORw=="],'
        '"width":1,"height":2,"steps":3}', AS_JSON),
    Wire("embed", "embed", lambda o: {"model": "m", "input": ["a", "b"]}, "POST /api/embed",
        '{"model":"m","input":["a","b"]}'),
    Wire("embed without an input", "embed", lambda o: {"model": "m"}, "POST /api/embed", '{"model":"m","input":""}'),
    Wire("all fields of embed", "embed", lambda o: {"model": "m", "input": "a", "truncate": True,
        "options": {"seed": 1}, "keep_alive": 0, "dimensions": 3}, "POST /api/embed",
        '{"model":"m","options":{"seed":1},"keep_alive":0,"input":"a","truncate":true,"dimensions":3}', AS_JSON),
    Wire("embeddings", "embeddings", lambda o: {"model": "m", "prompt": "p"}, "POST /api/embeddings",
        '{"model":"m","prompt":"p"}'),
    Wire("pull", "pull", lambda o: {"model": "m"}, "POST /api/pull", '{"model":"m","stream":false,"insecure":false}'),
    Wire("a stream of progress", "pull", lambda o: {"model": "m", "insecure": True, "stream": True}, "POST /api/pull",
        '{"model":"m","stream":true,"insecure":true}'),
    Wire("push", "push", lambda o: {"model": "m"}, "POST /api/push", '{"model":"m","stream":false,"insecure":false}'),
    Wire("create", "create", lambda o: {"model": "m", "from_": "b", "system": "s"}, "POST /api/create",
        '{"model":"m","stream":false,"from":"b","system":"s"}', AS_JSON),
    Wire("all fields of create", "create", lambda o: {"model": "m", "quantize": "q4_K_M", "from_": "b",
        "files": {"f": DIGEST}, "adapters": {"a": DIGEST}, "template": "t", "license": ["MIT"], "system": "s",
        "parameters": o.Options(seed=1), "messages": HI, "stream": True}, "POST /api/create",
        '{"model":"m","stream":true,"quantize":"q4_K_M","from":"b","files":{"f":"%s"},"adapters":{"a":"%s"},'
        '"template":"t","license":["MIT"],"system":"s","parameters":{"seed":1},"messages":%s}'
        % (DIGEST, DIGEST, HI_JSON),
        AS_JSON),
    Wire("list", "list", lambda o: {}, "GET /api/tags", ""),
    Wire("ps", "ps", lambda o: {}, "GET /api/ps", ""),
    Wire("show", "show", lambda o: {"model": "m"}, "POST /api/show", '{"model":"m"}'),
    Wire("copy", "copy", lambda o: {"source": "a", "destination": "b"}, "POST /api/copy",
        '{"source":"a","destination":"b"}'),
    Wire("delete", "delete", lambda o: {"model": "m"}, "DELETE /api/delete", '{"model":"m"}'),
]  # fmt: skip
WIRES = [pytest.param(wire, id=wire.id) for wire in WIRE]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("form", FORMS)
def test_A4_on_the_wire(wire, form, loopback, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", loopback.url)
    del loopback.asked[:]
    call(ollama_stream, form, loopback.url, wire.name, (), wire.given(ollama_stream))
    assert [(asked.line, asked.body) for asked in loopback.asked] == [(wire.line, wire.body)]


def test_A4_every_method_is_on_the_wire():
    assert {wire.name for wire in WIRE} == set(SIGNATURES) - {"create_blob", "web_search", "web_fetch"}


FOUND = {"results": [{"title": "t", "url": "u", "content": "c"}]}
FETCHED = {"title": "t", "content": "c", "links": ["u"]}
WEB = [  # method, arguments, path, body, answer, look
    ("web_search", ("q",), "/api/web_search", '{"query":"q","max_results":3}', FOUND, lambda r: r.results[0]["url"]),
    ("web_search", ("q", 5), "/api/web_search", '{"query":"q","max_results":5}', FOUND, lambda r: r["results"][0].url),
    ("web_fetch", ("u",), "/api/web_fetch", '{"url":"u"}', FETCHED, lambda r: r.links[0]),
]


@pytest.mark.parametrize("name, arguments, path, body, answer, look", WEB)
def test_A4_the_web_is_searched_at_ollama_com(name, arguments, path, body, answer, look):
    transport = support.Bytes(support.response("200 OK", json.dumps(answer).encode()))
    client = ollama_stream.Client("localhost", headers={"Authorization": "Bearer key"}, transport=transport)
    assert look(getattr(client, name)(*arguments)) == "u"
    head, _, sent = transport.sent.decode().partition("\r\n\r\n")
    assert head.split("\r\n")[:2] == ["POST %s HTTP/1.1" % path, "Host: ollama.com"]
    assert "Authorization: Bearer key" in head.split("\r\n")
    assert sent == body


def test_A4_the_header_fields_of_a_request(loopback):
    client = ollama_stream.Client(loopback.url)
    for given, accept in (({}, "application/json"), ({"stream": True}, "application/x-ndjson")):
        call(ollama_stream, "Client", loopback.url, "chat", ("m",), given)
        fields = dict(loopback.asked[-1].headers)
        assert fields.pop("user-agent").startswith("ollama-stream/")
        assert fields == {
            "host": loopback.url[7:],
            "accept": accept,
            "accept-encoding": "identity",
            "content-type": "application/json",
            "content-length": str(len(loopback.asked[-1].body)),
        }
    client.list()
    assert not {"content-type", "content-length"} & set(loopback.asked[-1].headers)


# --- A5: response objects ---------------------------------------------------------------------------------------------

DONE = {"model": "m", "done": True, "eval_count": 2, "message": {"role": "assistant", "content": "Hi"}}
UTC = datetime.timezone.utc
SIZES = (0, 999, 1000, 1023, 1024, 1536, 10**6, 98362432, 10**9, 2**30, 10**12, 2**40, -5, -2000)


def readable(size: Any) -> List[str]:
    sizes = [type(size)(number) for number in SIZES]
    return [text for one in sizes for text in (one.human_readable(), one.human_readable(decimal=True))]


def outcome(look: Any, record: Any) -> Any:
    """What it gives, or the builtin class of what it raises."""
    try:
        return look(record)
    except Exception as error:
        return next(cls for cls in type(error).__mro__ if cls.__module__ == "builtins")


LOOKS = [  # id, class, data, look, ours, theirs
    ("attributes", "ChatResponse", DONE, lambda r: (r.model, r.done, r.message.content), ("m", True, "Hi"), SAME),
    ("an unset attribute", "ChatResponse", DONE, lambda r: r.load_duration, None, SAME),
    ("an unknown attribute", "ChatResponse", DONE, lambda r: r.foo, AttributeError, SAME),
    ("items", "ChatResponse", DONE, lambda r: (r["model"], r["message"]["content"]), ("m", "Hi"), SAME),
    ("an unset item", "ChatResponse", DONE, lambda r: r["load_duration"], KeyError, SAME),
    ("an unknown item", "ChatResponse", DONE, lambda r: r["foo"], KeyError, SAME),
    ("in", "ChatResponse", DONE, lambda r: ("done" in r, "load_duration" in r, "foo" in r), (True, False, False), SAME),
    ("in, for a default", "Tool", {}, lambda r: ("type" in r, r["type"]), (True, "function"), SAME),
    ("get", "ChatResponse", DONE, lambda r: (r.get("model"), r.get("foo"), r.get("foo", 1)), ("m", None, 1), SAME),
    ("get of an unset field", "ChatResponse", DONE, lambda r: r.get("load_duration", 1), 1, None),
    ("get of content at the top", "ChatResponse", DONE, lambda r: r.get("content", ""), "Hi", ""),
    ("an item is set", "ChatResponse", DONE, lambda r: (r.__setitem__("model", "x"), r.model), (None, "x"), SAME),
    ("an unknown item is set", "ChatResponse", DONE, lambda r: r.__setitem__("foo", 1), ValueError, SAME),
    ("a field that was set is in", "ChatResponse", DONE,
     lambda r: (setattr(r, "load_duration", 1), "load_duration" in r), (None, True), SAME),
    ("dict() keeps records", "ChatResponse", DONE, lambda r: type(dict(r)["message"]).__name__, "Message", SAME),
    ("dict() has None", "ChatResponse", DONE, lambda r: dict(r)["load_duration"], None, SAME),
    ("list()", "ChatResponse", DONE, lambda r: dict(list(r)) == dict(r), True, SAME),
    ("len()", "ChatResponse", DONE, len, TypeError, SAME),
    ("**", "ChatResponse", DONE, lambda r: dict(**r), TypeError, SAME),
    ("hash()", "ChatResponse", DONE, hash, TypeError, SAME),
    ("json.dumps()", "ChatResponse", DONE, json.dumps, TypeError, SAME),
    ("equal to a dict", "ChatResponse", DONE, lambda r: r == DONE, False, SAME),
    ("truth", "ChatResponse", DONE, bool, True, SAME),
    ("pickle", "ChatResponse", DONE, lambda r: pickle.loads(pickle.dumps(r)) == r, True, SAME),
    ("copies", "ChatResponse", DONE, lambda r: copy.copy(r) == copy.deepcopy(r) == r, True, SAME),
    ("made by hand", "ChatResponse", DONE, lambda r: type(r)(**DONE) == r, True, SAME),
    ("model_validate", "ChatResponse", DONE, lambda r: type(r).model_validate(DONE) == r, True, SAME),
    ("model_validate refuses", "ChatResponse", DONE, lambda r: type(r).model_validate({"message": 3}), ValueError,
     SAME),
    ("model_dump", "ChatResponse", DONE, lambda r: r.model_dump(exclude_none=True), DONE, SAME),
    ("model_dump has None", "ChatResponse", DONE, lambda r: r.model_dump()["message"]["thinking"], None, SAME),
    ("model_dump_json", "ChatResponse", DONE, lambda r: json.loads(r.model_dump_json(exclude_none=True)), DONE, SAME),
    ("repr", "Message", DONE["message"], repr, "Message(role='assistant', content='Hi')",
     "Message(role='assistant', content='Hi', thinking=None, images=None, tool_name=None, tool_calls=None)"),
    ("str", "Message", DONE["message"], str, "Message(role='assistant', content='Hi')",
     "role='assistant' content='Hi' thinking=None images=None tool_name=None tool_calls=None"),
    ("content is text", "Message", {"role": "user"}, lambda r: (r.content, "content" in r), ("", True), (None, False)),
    ("a role is needed", "Message", {"role": "user"}, lambda r: type(r)().role, "", ValueError),
    ("tool calls", "ChatResponse", ANSWERS["/api/chat"],
     lambda r: [(c.function.name, c["function"]["arguments"]["a"][0]) for c in r.message.tool_calls], [("f", 1)], SAME),
    ("the id of a tool call", "ChatResponse", ANSWERS["/api/chat"],
     lambda r: r.message.tool_calls[0].get("id"), "call_1", None),
    ("a time", "ListResponse", ANSWERS["/api/tags"], lambda r: r.models[0].modified_at.isoformat(),
     "2026-11-22T18:35:00.123456-07:00", SAME),
    ("a time in UTC", "ShowResponse", {"model_info": {}, "modified_at": "2026-11-22T18:35:00Z"},
     lambda r: r.modified_at == datetime.datetime(2026, 11, 22, 18, 35, 0, 0, UTC), True, SAME),
    ("created_at is text", "ChatResponse", ANSWERS["/api/chat"], lambda r: r.created_at, TIME, SAME),
    ("a size", "ListResponse", ANSWERS["/api/tags"],
     lambda r: (r.models[0].size.real, "%.2f" % (r["models"][0]["size"].real / 2**20)), (98362432, "93.81"), SAME),
    ("sizes to read", "ProcessResponse", ANSWERS["/api/ps"], lambda r: readable(r.models[0].size), [
        "0B", "0B", "999B", "999B", "1000B", "1.0KB", "1023B", "1.0KB", "1.0KiB", "1.0KB", "1.5KiB", "1.5KB",
        "976.6KiB", "1.0MB", "93.8MiB", "98.4MB", "953.7MiB", "1.0GB", "1.0GiB", "1.1GB", "931.3GiB", "1.0TB",
        "1.0TiB", "1.1TB", "-5B", "-5B", "-2.0KiB", "-2.0KB"], SAME),
    ("the server's name of a model", "ListResponse", ANSWERS["/api/tags"], lambda r: r.models[1].name, "n",
     AttributeError),
    ("modelinfo", "ShowResponse", ANSWERS["/api/show"], lambda r: (r.modelinfo, r["modelinfo"], r.get("modelinfo")),
     ({"general.architecture": "llama"},) * 3, SAME),
    ("modelinfo as the server names it", "ShowResponse", ANSWERS["/api/show"], lambda r: list(r.model_info),
     ["general.architecture"], AttributeError),
    ("modelinfo in a dump", "ShowResponse", {"model_info": {}}, lambda r: r.model_dump(exclude_none=True),
     {"model_info": {}}, {"modelinfo": {}}),
    ("modelinfo in a dump without aliases", "ShowResponse", {"model_info": {"a": 1}},
     lambda r: r.model_dump(exclude_none=True, by_alias=False), {"modelinfo": {"a": 1}}, SAME),
    ("modelinfo in a dump with aliases", "ShowResponse", {"model_info": {"a": 1}},
     lambda r: r.model_dump(exclude_none=True, by_alias=True), {"model_info": {"a": 1}}, SAME),
    ("modelinfo chosen by its name", "ShowResponse", {"model_info": {"a": 1, "b": 2}},
     lambda r: r.model_dump(include={"modelinfo": {"b"}}, by_alias=False), {"modelinfo": {"b": 2}}, SAME),
    ("modelinfo left out by its name", "ShowResponse", {"model_info": {"a": 1}, "license": "x"},
     lambda r: r.model_dump(exclude={"modelinfo"}, exclude_none=True), {"license": "x"}, SAME),
    ("a show without model_info", "ShowResponse", DONE, lambda r: type(r).model_validate({}).modelinfo, {}, ValueError),
    ("unknown fields are kept", "ChatResponse", dict(DONE, remote_model="r", novel=1),
     lambda r: (r.remote_model, r.novel), ("r", 1), AttributeError),
]  # fmt: skip
LOOK_ROWS = [pytest.param(*row[1:], id=row[0]) for row in LOOKS]


def validated(library: Any, name: str, data: Any) -> Any:
    cls = getattr(library, name)
    needed = {"model_info": {}} if name == "ShowResponse" else {}
    return cls.model_validate(copy.deepcopy(dict(needed, **data)))


@pytest.mark.parametrize("name, data, look, ours, theirs", LOOK_ROWS)
def test_A5_a_response_looked_at(name, data, look, ours, theirs):
    assert outcome(look, validated(ollama_stream, name, data)) == ours


TIMES = "total_duration load_duration prompt_eval_count prompt_eval_duration eval_count eval_duration "
GENERATED = "model created_at done done_reason " + TIMES
FIELDS = {
    "ChatResponse": GENERATED + "message logprobs",
    "GenerateResponse": GENERATED + "response thinking context logprobs image completed total",
    "Message": "role content thinking images tool_name tool_calls",
    "Message.ToolCall": "function",
    "Message.ToolCall.Function": "name arguments",
    "EmbedResponse": GENERATED + "embeddings",
    "EmbeddingsResponse": "embedding",
    "ProgressResponse": "status completed total digest",
    "StatusResponse": "status",
    "ListResponse": "models",
    "ListResponse.Model": "model modified_at digest size details",
    "ProcessResponse": "models",
    "ProcessResponse.Model": "model name digest expires_at size size_vram details context_length",
    "ShowResponse": "modified_at template modelfile license details modelinfo parameters capabilities",
    "Tool": "type function",
    "Tool.Function": "name description parameters",
    "Tool.Function.Parameters": "type defs items required properties",
    "Tool.Function.Parameters.Property": "type items description enum",
    "Options": "numa num_ctx num_batch num_gpu main_gpu low_vram f16_kv logits_all vocab_only use_mmap use_mlock "
    "embedding_only num_thread num_keep seed num_predict top_k top_p tfs_z typical_p repeat_last_n temperature "
    "repeat_penalty presence_penalty frequency_penalty mirostat mirostat_tau mirostat_eta penalize_newline stop",
    "Image": "value",
    "WebSearchResponse": "results",
    "WebFetchResponse": "title content links",
}


def class_of(library: Any, path: str) -> Any:
    return functools.reduce(getattr, path.split("."), library)


@pytest.mark.parametrize("path", FIELDS)
def test_A5_a_record_has_the_official_fields(path):
    cls = class_of(ollama_stream, path)
    record = cls("x") if path == "Image" else cls()
    assert [name for name in FIELDS[path].split() if not hasattr(record, name)] == []


# --- A6: exceptions ---------------------------------------------------------------------------------------------------

ERRORS = [  # arguments, (str, error, status_code), theirs
    (("x",), ("x (status code: -1)", "x", -1), SAME),
    (("x", 404), ("x (status code: 404)", "x", 404), SAME),
    (("", 500), (" (status code: 500)", "", 500), SAME),
    (('{"error": "y"}', 500), ("y (status code: 500)", "y", 500), SAME),
    (('{"a": 1}', 500), ('{"a": 1} (status code: 500)', '{"a": 1}', 500), SAME),
    (("{", 500), ("{ (status code: 500)", "{", 500), SAME),
    (("[1]", 500), ("[1] (status code: 500)", "[1]", 500), AttributeError),
    (({"error": "z"},), ("z (status code: -1)", "z", -1), TypeError),
    (('{"error": {"message": "z"}}', 500), ("z (status code: 500)", "z", 500),
     ("{'message': 'z'} (status code: 500)", {"message": "z"}, 500)),
]  # fmt: skip


def seen(error: Any) -> Any:
    return str(error), error.error, error.status_code


@pytest.mark.parametrize("arguments, ours, theirs", ERRORS, ids=str)
def test_A6_an_error_of_the_server(arguments, ours, theirs):
    assert outcome(lambda cls: seen(cls(*arguments)), ollama_stream.ResponseError) == ours


def test_A6_a_wrong_request_is_an_error_with_its_text():
    error = ollama_stream.RequestError("must provide a model")
    assert (error.error, str(error)) == ("must provide a model",) * 2
    assert isinstance(error, ValueError) and isinstance(error, ollama_stream.OllamaError)


CONNECT = (
    "Failed to connect to Ollama. Please check that Ollama is downloaded, running and accessible. "
    "https://ollama.com/download"
)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("form", FORMS)
def test_A6_a_refused_connection_is_a_builtin_connection_error(form, stream, monkeypatch):
    url = "http://127.0.0.1:%d" % support.closed_port()
    monkeypatch.setenv("OLLAMA_HOST", url)
    with pytest.raises(ConnectionError) as raised:
        call(ollama_stream, form, url, "chat", ("m",), {"stream": stream})
    assert isinstance(raised.value, ollama_stream.ConnectError)
    assert str(raised.value).startswith(CONNECT)


FAILED = support.response("404 Not Found", b'{"error":"model \'m\' not found"}')
BROKEN = support.HEAD + support.chunk(support.LINE) + support.chunk(b'{"error":"out of memory"}\n') + support.LAST_CHUNK
RESPONSES = [  # id, the response, stream, (str, error, status_code)
    ("a status", FAILED, False, ("model 'm' not found (status code: 404)", "model 'm' not found", 404)),
    ("a status, of a stream", FAILED, True, ("model 'm' not found (status code: 404)", "model 'm' not found", 404)),
    ("in a stream", BROKEN, True, ("out of memory (status code: -1)", "out of memory", -1)),
]


def raised_over_a_socket(library: Any, form: str, response: bytes, stream: bool) -> Any:
    with support.Server(support.answer(response, support.close)) as server:
        with pytest.raises(library.ResponseError) as raised:
            call(library, form, server.url, "chat", ("m",), {"stream": stream})
    return seen(raised.value)


@pytest.mark.parametrize("form", ["Client", "AsyncClient"])
@pytest.mark.parametrize("response, stream, ours", [pytest.param(*row[1:], id=row[0]) for row in RESPONSES])
def test_A6_a_failed_call_has_the_servers_words(response, stream, ours, form):
    assert raised_over_a_socket(ollama_stream, form, response, stream) == ours


@pytest.mark.parametrize("form", FORMS)
def test_A6_an_empty_model_is_a_value_error(form):
    with pytest.raises(ValueError, match="^model: "):
        call(ollama_stream, form, "localhost", "chat", ("",), {})


# --- A7: hosts --------------------------------------------------------------------------------------------------------

IPV6 = "[0001:002:003:0004::1]"
HOSTS = [  # host, ours, theirs; a class where it is refused
    (None, "http://127.0.0.1:11434", SAME),
    ("", "http://127.0.0.1:11434", SAME),
    ("1.2.3.4", "http://1.2.3.4:11434", SAME),
    (":56789", "http://127.0.0.1:56789", SAME),
    ("1.2.3.4:56789", "http://1.2.3.4:56789", SAME),
    ("http://1.2.3.4", "http://1.2.3.4:80", SAME),
    ("https://1.2.3.4", "https://1.2.3.4:443", SAME),
    ("https://1.2.3.4:56789", "https://1.2.3.4:56789", SAME),
    ("example.com", "http://example.com:11434", SAME),
    ("example.com:56789", "http://example.com:56789", SAME),
    ("http://example.com", "http://example.com:80", SAME),
    ("https://example.com", "https://example.com:443", SAME),
    ("https://example.com:56789", "https://example.com:56789", SAME),
    ("example.com/", "http://example.com:11434", SAME),
    ("example.com:56789/", "http://example.com:56789", SAME),
    ("example.com/path", "http://example.com:11434/path", SAME),
    ("example.com:56789/path", "http://example.com:56789/path", SAME),
    ("https://example.com:56789/path", "https://example.com:56789/path", SAME),
    ("example.com:56789/path/", "http://example.com:56789/path", SAME),
    (IPV6, "http://%s:11434" % IPV6, SAME),
    (IPV6 + ":56789", "http://%s:56789" % IPV6, SAME),
    ("http://" + IPV6, "http://%s:80" % IPV6, SAME),
    ("https://" + IPV6, "https://%s:443" % IPV6, SAME),
    ("https://%s:56789" % IPV6, "https://%s:56789" % IPV6, SAME),
    (IPV6 + "/path", "http://%s:11434/path" % IPV6, SAME),
    (IPV6 + ":56789/path", "http://%s:56789/path" % IPV6, SAME),
    ("https://%s:56789/path" % IPV6, "https://%s:56789/path" % IPV6, SAME),
    ("0.0.0.0", "http://127.0.0.1:11434", "http://0.0.0.0:11434"),
    ("[::]", "http://[::1]:11434", "http://[::]:11434"),
    ("::1", "http://[::1]:11434", ValueError),
    (" 127.0.0.1 ", "http://127.0.0.1:11434", "http:// 127.0.0.1 :11434"),
    ('"127.0.0.1:11434"', "http://127.0.0.1:11434", ValueError),
    ("127.0.0.1:abc", ValueError, SAME),
    ("127.0.0.1:65536", ValueError, SAME),
    ("host:0", ValueError, "http://host:11434"),
    ("http://user:pw@host", "http://host:80", SAME),  # as Basic authentication; the official client drops it
    ("ollama.com", "https://ollama.com:443", "http://ollama.com:11434"),
    ("unix:///path", "unix:///path", "unix://127.0.0.1:11434/path"),
    ("/path.sock", "unix:///path.sock", "http://127.0.0.1:11434/path.sock"),
    ("//host:1", "http://host:1", "http://127.0.0.1:11434/host:1"),
    ("HTTP://Host", "http://host:80", "HTTP://host:11434"),
]


@pytest.mark.parametrize("host, ours, theirs", HOSTS, ids=[repr(row[0]) for row in HOSTS])
def test_A7_a_host_is_read_as(host, ours, theirs):
    assert outcome(lambda text: parse_address(text).url, host) == ours


# --- A8: functions as tools -------------------------------------------------------------------------------------------


def simple(x: int, y: str, flag: bool, ratio: float) -> int:
    """Add.

    Args:
        x (int): the x
          goes on
        y: the y

    Returns:
        int: the sum
    """
    return x


def with_default(city: str, days: int = 3):
    pass


def rich(which: Literal["p", "q"], items: List[int], both: Union[int, str]):
    pass


def bare(x, *args, **options):
    pass


def properties(name: str, required: List[str], description: str = "", **kinds: Any) -> Dict[str, Any]:
    function: Dict[str, Any] = {"name": name, "description": description}
    function["parameters"] = {"type": "object", "properties": kinds, "required": required}
    return {"type": "function", "function": function}


class Counter:
    def __call__(self, n: int) -> int:
        """Count."""
        return n


def kind(name: str, description: str = "", **more: Any) -> Dict[str, Any]:
    return dict({"type": name}, **({"description": description} if description else {}), **more)


TOOLS = [  # id, function, ours, theirs; SAME but for the empty descriptions that the official client adds
    ("types and descriptions", simple,
     properties("simple", ["x", "y", "flag", "ratio"], "Add.", x=kind("integer", "the x goes on"),
        y=kind("string", "the y"), flag=kind("boolean"), ratio=kind("number")), SAME),
    ("a default is not required", with_default,
     properties("with_default", ["city"], city=kind("string"), days=kind("integer", "(default: 3)")),
     properties("with_default", ["city", "days"], city=kind("string"), days=kind("integer"))),
    ("Literal, items and unions", rich,
     properties("rich", ["which", "items", "both"], which=kind("string", enum=["p", "q"]),
        items=kind("array", items={"type": "integer"}), both={"type": ["integer", "string"]}), "other types"),
    ("no annotation, and *args", bare, properties("bare", ["x"], x=kind("string")),
     properties("bare", ["x", "args", "options"], x=kind("string"), args=kind("string"), options=kind("string"))),
    ("a partial", functools.partial(with_default, days=1), properties("with_default", ["city"], city=kind("string")),
     AttributeError),
    ("an object", Counter(), properties("Counter", ["n"], "Count.", n=kind("integer")), AttributeError),
]  # fmt: skip


@pytest.mark.parametrize("function, ours, theirs", [pytest.param(*row[1:], id=row[0]) for row in TOOLS])
def test_A8_a_function_as_a_tool(function, ours, theirs):
    assert function_tool(function) == ours


