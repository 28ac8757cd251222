"""From a call to a request: what goes on the wire, which arguments are refused and in which words, the signatures."""

from __future__ import annotations

import asyncio
import enum
import glob
import inspect
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

import pytest
from support import HEAD, LAST_CHUNK, ROOT, Bytes, Server, answer, chunk, closed_port, fin, line, response

import ollama_stream
from ollama_stream import (
    AsyncClient, AsyncStream, Client, IncompleteStream, OllamaError, Options, ProtocolError, ResponseError,
    StatusResponse, Stream, Timeout,
)  # fmt: skip
from ollama_stream._address import UNSET
from ollama_stream._decode import decode
from ollama_stream._values import plain
from ollama_stream._endpoints import (
    ENDPOINTS, build, build_any, is_done, is_success, row_of_path,
)  # fmt: skip
from ollama_stream._errors import RequestError
from ollama_stream._records import ChatResponse, Image, Message, Tool, ToolCall, ToolFunction, ToolParameters
from ollama_stream.fixture import load
from ollama_stream.transports import Replaying

HI = [{"role": "user", "content": "Hi"}]
DIGEST = "sha256:" + "0a" * 32
CHAT = '{"model":"m","stream":false%s,"messages":[],"tools":[]%s}'


def body(name: str, **given: Any) -> str:
    """The body of a call, as text."""
    data = build(name, dict({"model": "m"}, **given)).body
    assert data is not None
    return data.decode("ascii")


def field(name: str, value: Any) -> Any:
    """What a field of chat, or of generate, is on the wire."""
    row = "chat" if name in ENDPOINTS["chat"].fields and name != "stream" else "generate"
    return json.loads(body(row, **{name: value}))[name]


# --- the request ------------------------------------------------------------------------------------------------------

CREATED = {"from_": "b", "files": {"f": DIGEST}, "adapters": {"a": DIGEST}, "license": ["MIT"], "quantize": "q4_K_M",
    "parameters": {"stop": ["x"]}, "messages": HI, "stream": True, "info": {"context_length": 8}}
REQUESTS: List[Tuple[str, str, Dict[str, Any], str]] = [
    ("chat, the least", "chat", {}, CHAT % ("", "")),
    ("chat", "chat", {"messages": HI, "stream": True, "options": {"seed": 1}},
     '{"model":"m","stream":true,"options":{"seed":1},"messages":[{"role":"user","content":"Hi"}],"tools":[]}'),
    ("None is left out", "chat", {"messages": None, "think": None, "options": None, "tools": None}, CHAT % ("", "")),
    ("None in options is sent", "chat", {"options": {"stop": None}}, CHAT % (',"options":{"stop":null}', "")),
    ("False and 0 are sent", "chat", {"think": False, "keep_alive": 0},
     CHAT % (',"keep_alive":0', ',"think":false')),
    ("A4 fields come in the order of the official client", "chat",
     {"top_logprobs": 2, "logprobs": True, "think": True, "keep_alive": 1, "format": "json", "options": {}},
     CHAT % (',"options":{},"format":"json","keep_alive":1', ',"think":true,"logprobs":true,"top_logprobs":2')),
    ("extra fields", "chat", {"extra": {"new": [1], "think": "max"}, "think": True},
     CHAT % ("", ',"think":"max","new":[1]')),
    ("our own fields", "chat", {"truncate": False, "shift": True, "_debug_render_only": True},
     CHAT % ("", ',"truncate":false,"shift":true,"_debug_render_only":true')),
    ("options of the call are not sent", "chat", {"headers": {"A": "b"}, "timeout": 3, "extra": {}}, CHAT % ("", "")),
    ("ASCII only, fault_216 a lone surrogate", "chat", {"messages": [{"role": "user", "content": "é\ud800\r\n\0"}]},
     '{"model":"m","stream":false,"messages":[{"role":"user","content":"\\u00e9\\ud800\\r\\n\\u0000"}],"tools":[]}'),
    ("generate, the least", "generate", {}, '{"model":"m","stream":false}'),
    ("generate", "generate", {"prompt": "p", "suffix": "", "context": [1, 2], "raw": True, "width": 3},
     '{"model":"m","stream":false,"prompt":"p","suffix":"","context":[1,2],"raw":true,"width":3}'),
    ("an empty prompt is a prompt", "generate", {"prompt": ""}, '{"model":"m","stream":false,"prompt":""}'),
    ("unload", "unload", {}, '{"model":"m","keep_alive":0,"stream":false}'),
    ("embed, the least", "embed", {}, '{"model":"m","input":""}'),
    ("embed", "embed", {"input": ["a", "b"], "truncate": False, "dimensions": 3},
     '{"model":"m","input":["a","b"],"truncate":false,"dimensions":3}'),
    ("embeddings", "embeddings", {"prompt": "a", "keep_alive": "5m"}, '{"model":"m","keep_alive":"5m","prompt":"a"}'),
    ("pull", "pull", {}, '{"model":"m","stream":false,"insecure":false}'),
    ("push", "push", {"insecure": True, "stream": True}, '{"model":"m","stream":true,"insecure":true}'),
    ("create, the least", "create", {}, '{"model":"m","stream":false}'),
    ("create", "create", CREATED,
     '{"model":"m","stream":true,"quantize":"q4_K_M","from":"b","files":{"f":"%s"},"adapters":{"a":"%s"},'
     '"license":["MIT"],"parameters":{"stop":["x"]},"messages":[{"role":"user","content":"Hi"}],'
     '"info":{"context_length":8}}' % (DIGEST, DIGEST)),
    ("show", "show", {"verbose": True}, '{"model":"m","verbose":true}'),
    ("delete", "delete", {}, '{"model":"m"}'),
]  # fmt: skip


@pytest.mark.parametrize("name, given, sent", [pytest.param(*row[1:], id=row[0]) for row in REQUESTS])
def test_what_is_sent(name: str, given: Dict[str, Any], sent: str) -> None:
    assert body(name, **given) == sent


def test_a_request_names_its_method_path_headers_and_clocks() -> None:
    plain = build("chat", {"model": "m"})
    assert plain[1:] == ("POST", "/api/chat", (CHAT % ("", "")).encode(), (), False, UNSET)
    own = build("generate", {"model": "m", "stream": True, "headers": {"X-A": " b ", "X-B": None}, "timeout": None})
    assert (own.target, own.headers, own.streamed, own.timeout) == ("/api/generate", (("X-A", "b"),), True, None)
    for name, target in (("list", "/api/tags"), ("version", "/api/version")):
        assert build(name, {"timeout": 3})[1:] == ("GET", target, None, (), False, 3)


def test_extra_fields_may_ask_for_a_stream() -> None:
    assert build("chat", {"model": "m", "extra": {"stream": True}}).streamed


def test_what_was_given_is_left_as_it_was() -> None:
    given = {"model": "m", "messages": [{"role": "user", "images": [b"x"]}], "options": {"a": [1]}}
    before = repr(given)
    assert build("chat", given) == build("chat", given)
    assert repr(given) == before


# --- values -----------------------------------------------------------------------------------------------------------


class Role(enum.Enum):
    USER = "user"


class Level(enum.IntEnum):
    LOW = 1


class Dumps:
    """As a model of pydantic does it."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def model_dump(self, exclude_none: bool = False) -> Dict[str, Any]:
        return dict(vars(self))


@dataclass
class Person:
    name: str


def weather(city: str, days: int = 1) -> str:
    """Weather.

    Args:
        city: where
    """
    return city


CALLS = [ToolCall(id="c", function=ToolFunction(name="f", arguments={"a": 1}))]
PNG = b"\x89PNG"
USER = {"role": "user"}
TOOL = {"type": "function",
    "function": {"name": "f", "strict": True, "parameters": {"additionalProperties": False, "x": None}}}
SENT: List[Tuple[str, str, Any, Any]] = [
    ("a message of our own", "messages", [Message(role="user", content="Hi")], HI),
    ("an unset field of a record is not sent", "messages", [Message(role="assistant", tool_calls=CALLS)],
     [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}]}]),
    ("a message as received, unknown fields too", "messages",
     [decode(Message, {"role": "assistant", "content": "", "thinking": None, "new": 1, "get": 2})],
     [{"role": "assistant", "content": "", "new": 1, "get": 2}]),
    ("a dict is sent as given", "messages", [{"role": "tool", "content": "", "tool_call_id": "c", "name": None}],
     [{"role": "tool", "content": "", "tool_call_id": "c", "name": None}]),
    ("any mapping, any sequence", "messages", (MappingProxyType({"role": "user", "content": "Hi"}),), HI),
    ("an object with model_dump", "messages", [Dumps(role="user", content="Hi")], HI),
    ("a record of chat's message", "messages", [decode(ChatResponse, {"message": dict(HI[0])}).message], HI),
    ("no content", "messages", [{"role": "user", "content": None}], [{"role": "user", "content": None}]),
    ("images: bytes", "messages", [dict(USER, images=[PNG, bytearray(PNG), memoryview(PNG)])],
     [dict(USER, images=["iVBORw=="] * 3)]),
    ("images: base64", "messages", [dict(USER, images=["iVBORw=="])], [dict(USER, images=["iVBORw=="])]),
    ("images: a data URL", "messages", [dict(USER, images=["data:image/png;base64,iVBORw=="])],
     [dict(USER, images=["iVBORw=="])]),
    ("images of a message of our own", "messages", [Message(role="user", content="Hi", images=[PNG])],
     [dict(HI[0], images=["iVBORw=="])]),
    ("images of an object", "messages", [Dumps(role="user", images=[PNG])], [dict(USER, images=["iVBORw=="])]),
    ("images of generate", "images", [PNG], ["iVBORw=="]),
    ("an image with a value", "images", [Dumps(value=PNG)], ["iVBORw=="]),
    ("a tool as a dict is sent as given", "tools", [TOOL], [TOOL]),
    ("a tool as an object", "tools", [Dumps(**TOOL)], [TOOL]),
    ("tools by their names, of which there are the values", "tools", {"f": TOOL}.values(), [TOOL]),
    ("messages by their numbers", "messages", dict(enumerate(HI)).values(), HI),
    ("a queue of messages", "messages", deque(HI), HI),
    ("a role that is a member of an Enum", "messages", [dict(HI[0], role=Role.USER)], HI),
    ("a function", "tools", [weather], [{"type": "function", "function": {
        "name": "weather", "description": "Weather.",
         "parameters": {"type": "object", "required": ["city"], "properties": {
            "city": {"type": "string", "description": "where"},
             "days": {"type": "integer", "description": "(default: 1)"}}}}}]),
    ("a tool of our own", "tools", [Tool(function=Tool.Function(name="f", parameters=ToolParameters(
        defs={"D": {}}, properties={"x": {"type": "string", "minLength": 1}})))],
     [{"type": "function", "function": {"name": "f", "parameters": {"type": "object",
       "properties": {"x": {"type": "string", "minLength": 1}}, "$defs": {"D": {}}}}}]),
    ("images of our own", "images", [Image(PNG), Image(value="iVBORw==")], ["iVBORw=="] * 2),
    ("options of our own", "options", Options(seed=1, stop=["a"], top_k=None), {"seed": 1, "stop": ["a"]}),
    ("format: json", "format", "json", "json"),
    ("format: nothing", "format", "", ""),
    ("format: a schema", "format", {"type": "object", "x": None}, {"type": "object", "x": None}),
    ("format: a type", "format", Person,
     {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
    ("format: a generic type", "format", List[int], {"type": "array", "items": {"type": "integer"}}),
    ("options: an object", "options", Dumps(seed=1), {"seed": 1}),
    ("options: numbers of a kind", "options", {"num_ctx": Level.LOW, "stop": ("a",)}, {"num_ctx": 1, "stop": ["a"]}),
    ("context", "context", (1, 2), [1, 2]),
    ("top_logprobs", "top_logprobs", 20, 20),
] + [("think: %r" % (value,), "think", value, value) for value in (True, False)
] + [("256 think: %r" % (value,), "think", value, value) for value in ("low", "max", "xhigh", "banana", "")
] + [("keep_alive: %r" % (value,), "keep_alive", value, value) for value in (0, -1, 1.5, "5m", "1h30m", "-1m", "0",
    "300ms")]  # fmt: skip


@pytest.mark.parametrize("name, value, sent", [pytest.param(*row[1:], id=row[0]) for row in SENT])
def test_a_value_is_sent(name: str, value: Any, sent: Any) -> None:
    assert field(name, value) == sent


def test_an_image_is_read_from_the_file_that_a_path_names(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(PNG)
    assert field("images", [file, str(file)]) == ["iVBORw=="] * 2


def test_a_string_elsewhere_is_never_opened_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("secret")
    assert field("system", str(file)) == str(file)


LOOP: List[Any] = []
LOOP.append(LOOP)
EXPECTED_MODEL = "model: expected the name of a model, such as 'llama3.2', got "
THINK = "think: expected True, False or a level such as 'high' (show().thinking has those of a model), got "
LIST = "messages: expected a list of messages, got "
A_MESSAGE = "messages[0]: expected a message such as {'role': 'user', 'content': '...'}, got "
ROLE = "messages[0].role: expected 'system', 'user', 'assistant' or 'tool', got "
UNIT = "keep_alive: expected a duration with its unit, such as '5m' or '30s', got "
TOP = "top_logprobs: expected a number from 0 to 20, got "
TEXTS_OR = "%s: expected a string or a list of strings, got %s"
SHA = "expected 'sha256:' and 64 hexadecimal digits in lower case, got "
REFUSED: List[Tuple[str, Any, str]] = [
    ("model", "", EXPECTED_MODEL + "''"),
    ("model", "  ", EXPECTED_MODEL + "'  '"),
    ("model", None, EXPECTED_MODEL + "None"),
    ("model", 3, EXPECTED_MODEL + "3"),
    ("messages", HI[0], LIST + "dict"),
    ("messages", Message(role="user"), LIST + "Message"),
    ("messages", 3, LIST + "int"),
    ("messages", iter(HI), LIST + "list_iterator"),
    ("messages", ["Hi"], A_MESSAGE + "str"),
    ("messages", [3], A_MESSAGE + "int"),
    ("messages", [None], A_MESSAGE + "NoneType"),
    ("messages", [HI], A_MESSAGE + "list"),
    ("messages", [object()], A_MESSAGE + "object"),
    ("messages", [Message], A_MESSAGE + "type"),
    ("messages", [{}], ROLE + "None"),
    ("messages", [{"role": ""}], ROLE + "''"),
    ("messages", [{"role": 3}], ROLE + "3"),
    ("messages", HI + [{"content": "x"}], ROLE.replace("0", "1") + "None"),
    ("messages", [dict(USER, content=3)], "messages[0].content: expected a string, got int"),
    ("messages", [dict(USER, content=[])], "messages[0].content: expected a string, got list"),
    ("messages", [dict(USER, tool_name={1: 2})], "messages[0].tool_name: the name 1 is not a string"),
    ("messages", [dict(USER, thinking=[1, float("nan")])], "messages[0].thinking[1]: nan is no JSON number"),
    ("messages", [dict(USER, thinking=b"")], "messages[0].thinking: bytes cannot be sent as JSON"),
    ("messages", [dict(USER, thinking=LOOP)], "messages: nested too deep, or it contains itself"),
    ("messages", [dict(USER, thinking=3)], "messages[0].thinking: expected a string, got a number (3)"),
    ("messages", [dict(USER, tool_calls=[{"function": {"name": 3}}])],
     "messages[0].tool_calls[0].function.name: expected a string, got a number (3)"),
    ("messages", [dict(USER, tool_calls=[{"function": {"arguments": {"at": b""}}}])],
     "messages[0].tool_calls[0].function.arguments.at: bytes cannot be sent as JSON"),
    ("messages", [dict(USER, images="x")], "messages[0].images: expected a list of images, got str"),
    ("messages", [dict(USER, images=b"x")], "messages[0].images: expected a list of images, got bytes"),
    ("messages", [dict(USER, images=["iVBORw==", "no such file.png"])],
     "messages[0].images[1]: cannot be read: [Errno 2] No such file or directory: 'no such file.png'"),
    ("messages", [dict(USER, thinking=10**5000)], "messages[0].thinking: an integer of more than 4300 digits"),
    ("messages", [dict(USER, role=10**5000)], "messages[0].role: an integer of more than 4300 digits"),
    ("messages", [10**5000], A_MESSAGE + "int"),
    ("images", [""], "images[0]: neither base64, nor a data URL, nor the name of an image file"),
    ("images", ["data:image/png,abc"], "images[0]: neither base64, nor a data URL, nor the name of an image file"),
    ("images", ["a\0b"], "images[0]: neither base64, nor a data URL, nor the name of an image file"),
    ("images", ["\ud800"], "images[0]: neither base64, nor a data URL, nor the name of an image file"),
    ("images", [3], "images[0]: expected bytes, a path or base64, got int"),
    ("images", PNG, "images: expected a list of images, got bytes"),
    ("tools", "f", "tools: expected a list of functions or tools, got str"),
    ("tools", TOOL, "tools: expected a list of functions or tools, got dict"),
    ("tools", weather, "tools: expected a list of functions or tools, got function"),
    ("tools", [3], "tools[0]: expected a function or a tool, got int"),
    ("tools", ["f"], "tools[0]: expected a function or a tool, got str"),
    ("stream", 1, "stream: expected True or False, got 1"),
    ("stream", "yes", "stream: expected True or False, got 'yes'"),
    ("think", b"high", THINK + "b'high'"),
    ("think", 256, THINK + "256"),
    ("think", [], THINK + "[]"),
    ("logprobs", 5, "logprobs: expected True or False, got 5"),
    ("truncate", "no", "truncate: expected True or False, got 'no'"),
    ("shift", 0, "shift: expected True or False, got 0"),
    ("raw", 1, "raw: expected True or False, got 1"),
    ("top_logprobs", 21, TOP + "21"),
    ("top_logprobs", -1, TOP + "-1"),
    ("top_logprobs", True, TOP + "True"),
    ("top_logprobs", 1.0, TOP + "1.0"),
    ("format", "jsno", "format: expected 'json', a JSON Schema or a type, got 'jsno'"),
    ("format", 3, "format: expected 'json', a JSON Schema or a type, got 3"),
    ("options", [], "options: expected a mapping, got list"),
    ("options", "seed=1", "options: expected a mapping, got str"),
    ("options", {"stop": "x"}, "options.stop: expected a list of strings, got a string"),
    ("options", {"seed": float("inf")}, "options.seed: inf is no JSON number"),
    ("options", {"seed": object()}, "options.seed: object cannot be sent as JSON"),
    ("keep_alive", True, "keep_alive: expected seconds or a duration such as '5m', got True"),
    ("keep_alive", [], "keep_alive: expected seconds or a duration such as '5m', got []"),
    ("keep_alive", "5", UNIT + "'5'"),
    ("keep_alive", "", UNIT + "''"),
    ("keep_alive", "m", UNIT + "'m'"),
    ("keep_alive", "5d", UNIT + "'5d'"),
    ("keep_alive", 1e10, "keep_alive: more seconds than the server can count; a negative number means for ever"),
    ("keep_alive", float("nan"),
     "keep_alive: more seconds than the server can count; a negative number means for ever"),
    ("keep_alive", float("-inf"), "keep_alive: -inf is no JSON number"),
    ("prompt", 3, "prompt: expected a string, got int"),
    ("suffix", b"x", "suffix: expected a string, got bytes"),
    ("system", [], "system: expected a string, got list"),
    ("template", {}, "template: expected a string, got dict"),
    ("context", "12", "context: expected the list of numbers of an earlier answer, got str"),
    ("context", 3, "context: expected the list of numbers of an earlier answer, got int"),
    ("context", [1, -1], "context[1]: expected a number from 0 on, got -1"),
    ("context", [1.5], "context[0]: expected a number from 0 on, got 1.5"),
    ("context", [True], "context[0]: expected a number from 0 on, got True"),
    ("images", ["/etc/passwd"], "images[0]: neither base64, nor a data URL, nor the name of an image file"),
    ("context", [10**5000], "context[0]: expected a number from 0 on, got int"),
    ("width", object(), "width: expected a number from 0 on, got <object object>"),
    ("width", -1, "width: expected a number from 0 on, got -1"),
    ("height", 1.5, "height: expected a number from 0 on, got 1.5"),
    ("steps", True, "steps: expected a number from 0 on, got True"),
    ("_debug_render_only", 1, "_debug_render_only: expected True or False, got 1"),
    ("keep_alive", 10**5000, "keep_alive: more seconds than the server can count; a negative number means for ever"),
    ("keep_alive", -10**5000, "keep_alive: an integer of more than 4300 digits"),
    ("options", {"seed": 10**5000}, "options.seed: an integer of more than 4300 digits"),
    ("model", 10**5000, EXPECTED_MODEL + "int"),
    ("think", 10**5000, THINK + "int"),
    ("top_logprobs", 10**5000, TOP + "int"),
    ("stream", 10**5000, "stream: expected True or False, got int"),
    ("format", 10**5000, "format: expected 'json', a JSON Schema or a type, got int"),
    ("format", "x" * 500, "format: expected 'json', a JSON Schema or a type, got str"),
    ("input", 3, TEXTS_OR % ("input", "int")),
    ("input", [1], "input[0]: expected a string, got int"),
    ("input", ["a", [2]], "input[1]: expected a string, got list"),
    ("license", {}, TEXTS_OR % ("license", "dict")),
    ("dimensions", "3", "dimensions: expected a number from 0 on, got '3'"),
    ("insecure", "no", "insecure: expected True or False, got 'no'"),
    ("verbose", 1, "verbose: expected True or False, got 1"),
    ("quantize", 4, "quantize: expected a string, got int"),
    ("from_", "", EXPECTED_MODEL.replace("model", "from_", 1) + "''"),
    ("files", ["f"], "files: expected a mapping, got list"),
    ("files", {"f": "abc"}, "files.f: " + SHA + "'abc'"),
    ("adapters", {"a": None}, "adapters.a: " + SHA + "None"),
    ("draft_files", {"d": DIGEST.upper()}, "draft_files.d: " + SHA + repr(DIGEST.upper())),
    ("draft_quantize", 4, "draft_quantize: expected a string, got int"),
    ("parameters", {"stop": "x"}, "parameters.stop: expected a list of strings, got a string"),
    ("parser", 3, "parser: expected a string, got int"),
    ("renderer", 3, "renderer: expected a string, got int"),
    ("requires", 3, "requires: expected a string, got int"),
    ("remote_host", 3, "remote_host: expected a string, got int"),
    ("info", 3, "info: expected a mapping, got int"),
    ("source", None, EXPECTED_MODEL.replace("model", "source", 1) + "None"),
    ("destination", " ", EXPECTED_MODEL.replace("model", "destination", 1) + "' '"),
    ("query", None, "query: expected a string, got NoneType"),
    ("max_results", "3", "max_results: expected a number from 0 on, got '3'"),
    ("url", 3, "url: expected a string, got int"),
    ("path", 3, "path: expected the name of a file, got int"),
] + [("digest", digest, "digest: " + SHA + repr(digest)) for digest in (
    "", "abc", "sha256:", DIGEST[:-1], DIGEST + "0", DIGEST.replace(":", "-"), DIGEST[:-1] + "A", "../" + DIGEST[3:],
    DIGEST[:-3] + "?x=", DIGEST[:-1] + "#", DIGEST[:-2] + "\r\n", "sha256:" + "/.." * 21 + "/", 3)
] + [
    ("extra", [], "extra: expected a mapping, got list"),
    ("extra", {"a": b""}, "extra.a: bytes cannot be sent as JSON"),
    ("headers", "A: b", "headers: expected a mapping of names to strings, got str"),
    ("headers", {"A": 3}, "headers.A: expected a string, got int"),
]  # fmt: skip


def row_with(field: str) -> str:
    """An endpoint that has a field."""
    return next(name for name in ["generate", "chat", *ENDPOINTS] if field in ENDPOINTS[name].fields)


def needed(name: str) -> Dict[str, Any]:
    """The arguments that a call cannot do without."""
    good = {"digest": DIGEST, "path": __file__}
    return {field.name: good.get(field.name, "m") for field in ENDPOINTS[name].positional if field.needed}


@pytest.mark.parametrize("name, value, message", REFUSED, ids=["%s %.30r" % (r[0], r[2][-40:]) for r in REFUSED])
def test_a_wrong_argument_is_refused_before_anything_is_sent(name: str, value: Any, message: str) -> None:
    row = row_with(name)
    with pytest.raises(RequestError) as caught:
        build(row, dict(needed(row), **{name: value}))
    text = re.sub(" at 0x[0-9a-fA-F]+", "", str(caught.value))
    assert (text, caught.value.error) == (message, str(caught.value))


def test_every_check_has_a_row_that_fails() -> None:
    checked = {field.name for row in ENDPOINTS.values() for field in row.fields.values() if field.check is not plain}
    assert checked <= {name for name, _, _ in REFUSED}


@pytest.mark.parametrize("name", [name for name in ENDPOINTS if needed(name)])
def test_what_a_call_cannot_do_without_is_refused_if_missing(name: str) -> None:
    for field in needed(name):
        with pytest.raises(RequestError, match="^%s: expected .*, got (''|None|str)" % field if field != "path" else "^path: "):
            build(name, dict(needed(name), **{field: None}))


def test_an_image_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path("a\0b")):
        with pytest.raises(RequestError, match=r"^images\[0\]: cannot be read: "):
            build("generate", {"model": "m", "images": [path]})


UNKNOWN: List[Tuple[str, str, str]] = [
    ("chat", "mesages", "; did you mean 'messages'?"),
    ("chat", "temprature", ""),
    ("chat", "top_logprob", "; did you mean 'top_logprobs'?"),
    ("chat", "prompt", ""),
    ("generate", "keepalive", "; did you mean 'keep_alive'?"),
    ("generate", "zzz", ""),
    ("list", "stream", ""),
    ("list", "header", "; did you mean 'headers'?"),
    ("version", "model", ""),
    ("embed", "dimension", "; did you mean 'dimensions'?"),
    ("pull", "insecur", "; did you mean 'insecure'?"),
    ("create", "from", "; did you mean 'from_'?"),
    ("unload", "stream", ""),
    ("ping", "timout", "; did you mean 'timeout'?"),
    ("create", "modelfile", "; give what a Modelfile says field by field: from_=, system=, template=, parameters=, files="),
]


@pytest.mark.parametrize("name, keyword, nearest", UNKNOWN)
def test_an_unknown_keyword_is_a_type_error_that_names_the_nearest(name: str, keyword: str, nearest: str) -> None:
    with pytest.raises(TypeError) as caught:
        build(name, {keyword: 1})
    assert str(caught.value) == "%s() got an unexpected keyword argument %r%s" % (name, keyword, nearest)


# --- signatures -------------------------------------------------------------------------------------------------------

SIGNATURES: Dict[str, str] = {  # A3: names, order and defaults; what is ours comes last
    "chat": "self, model='', messages=None, *, tools=None, stream=False, think=None, logprobs=None, top_logprobs=None, "
    "format=None, options=None, keep_alive=None, truncate=None, shift=None, _debug_render_only=None",
    "generate": "self, model='', prompt=None, suffix=None, *, system=None, template=None, context=None, stream=False, "
    "think=None, logprobs=None, top_logprobs=None, raw=None, format=None, images=None, options=None, keep_alive=None, "
    "width=None, height=None, steps=None, truncate=None, shift=None, _debug_render_only=None",
    "embed": "self, model='', input='', truncate=None, options=None, keep_alive=None, dimensions=None, *",
    "embeddings": "self, model='', prompt=None, options=None, keep_alive=None, *",
    "pull": "self, model, *, insecure=False, stream=False",
    "push": "self, model, *, insecure=False, stream=False",
    "create": "self, model, quantize=None, from_=None, files=None, adapters=None, template=None, license=None, "
    "system=None, parameters=None, messages=None, *, stream=False, draft_files=None, draft_quantize=None, "
    "renderer=None, parser=None, requires=None, remote_host=None, info=None",
    "create_blob": "self, path, *",
    "blob_exists": "self, digest, *",
    "list": "self, *",
    "delete": "self, model, *",
    "copy": "self, source, destination, *",
    "show": "self, model, *, system=None, options=None, verbose=None",
    "ps": "self, *",
    "web_search": "self, query, max_results=3, *",
    "web_fetch": "self, url, *",
    "version": "self, *",
    "ping": "self, *",
    "me": "self, *",
    "signout": "self, *",
    "cloud_status": "self, *",
    "unload": "self, model, *",
}
CALL = ", extra=None, headers=None, timeout=None"


def written(function: Any) -> str:
    """A signature without its annotations."""
    shown = inspect.signature(function)
    parameters = [one.replace(annotation=inspect.Parameter.empty) for one in shown.parameters.values()]
    return str(inspect.Signature(parameters))[1:-1]


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_a_method_shows_the_parameters_of_the_official_one_and_its_fields(name: str) -> None:
    expected = SIGNATURES[name] + CALL
    assert written(getattr(Client, name)) == expected
    assert written(getattr(AsyncClient, name)) == expected
    assert written(getattr(ollama_stream, name)) == expected[len("self, ") :]


def test_parameters_show_their_annotations() -> None:
    parameters = inspect.signature(Client.chat).parameters
    assert parameters["stream"].annotation == "bool"
    assert parameters["keep_alive"].annotation == "Optional[Union[float, str]]"


# --- the end of an answer, and any other path ----------------------------------------------------------------------

ENDS: List[Tuple[Mapping[str, Any], bool, bool]] = [
    ({"done": True}, True, False),
    ({"done": False}, False, False),
    ({}, False, False),
    ({"done_reason": "stop"}, True, False),
    ({"done_reason": ""}, False, False),
    ({"done": False, "done_reason": "stop"}, False, False),
    ({"done": 1}, False, False),
    ({"done": False, "_debug_info": {}}, True, False),
    ({"_debug_info": None}, False, False),
    ({"status": "success"}, False, True),
    ({"status": "pulling"}, False, False),
]


@pytest.mark.parametrize("data, done, success", ENDS, ids=str)
def test_what_ends_an_answer(data: Mapping[str, Any], done: bool, success: bool) -> None:
    assert (is_done(data), is_success(data)) == (done, success)


PATHS: List[Tuple[str, str, Optional[Any]]] = [
    ("POST", "/api/chat", is_done),
    ("POST", "/api/chat/", is_done),
    ("POST", "/api/generate", is_done),
    ("POST", "/api/pull", is_success),
    ("POST", "/api/push", is_success),
    ("POST", "/api/create", is_success),
    ("GET", "/api/chat", None),
    ("GET", "/api/tags", None),
    ("POST", "/api/new", None),
]


@pytest.mark.parametrize("method, path, is_last", PATHS)
def test_a_known_path_keeps_its_end(method: str, path: str, is_last: Any) -> None:
    row = row_of_path(method, path)
    assert (row.record, row.is_last) == (dict, is_last)


def any_request(method: Any = "POST", path: Any = "/api/new", json: Any = None, body: Any = None, stream: bool = False,
    **options: Any) -> Any:
    return build_any(method, path, json, body, stream, options)


BODIES: List[Tuple[Any, Any, Optional[bytes]]] = [
    (None, None, None),
    ({"a": None}, None, b'{"a":null}'),
    ([], None, b"[]"),
    (0, None, b"0"),
    (None, b"\xff", b"\xff"),
    (None, bytearray(b"x"), b"x"),
    (None, "é\ud800", "é?".encode()),
]


@pytest.mark.parametrize("value, data, sent", BODIES, ids=str)
def test_any_body_is_sent_as_it_is(value: Any, data: Any, sent: Any) -> None:
    assert any_request(json=value, body=data).body == sent


def test_any_request_keeps_what_it_is_given() -> None:
    request = any_request("delete", "/api/x?a=%20", stream=True, headers={"A": "b"}, timeout=3)
    assert request[1:] == ("DELETE", "/api/x?a=%20", None, (("A", "b"),), True, 3)


ANY_REFUSED: List[Tuple[Dict[str, Any], str]] = [
    ({"method": "GET /"}, "method: expected a word such as 'POST', got 'GET /'"),
    ({"method": ""}, "method: expected a word such as 'POST', got ''"),
    ({"method": None}, "method: expected a word such as 'POST', got None"),
    ({"method": "GÉT"}, "method: expected a word such as 'POST', got 'GÉT'"),
    ({"json": 1, "body": b""}, "body: give either json or body, not both"),
    ({"body": 3}, "body: expected bytes or a string, got int"),
    ({"json": {"a": {1}}}, "json.a: set cannot be sent as JSON"),
] + [
    ({"path": path}, "path: expected an absolute path such as '/api/chat', percent-encoded, without '//' and '..', "
     "got %r" % (path,))
    for path in ("api", "", None, "/a b", "/a\r\nX: y", "/é", "/a#b", "/\x7f", "http://h/", "//h/api", "/api/..",
        "/api/../x", "/./api", "/api/%2e%2E/x", "/api/.%2e?x", "/api/%2f..", "/api\\..", "/api%5c..", "/api//tags")
]  # fmt: skip


@pytest.mark.parametrize("given, message", ANY_REFUSED, ids=str)
def test_fault_217_a_wrong_request_is_refused(given: Dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        any_request(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("name", ["timeout", "max_line", "retries"])
def test_a_number_too_long_to_print_is_refused(kind: Any, name: str) -> None:
    with pytest.raises(RequestError, match="^%s: .*expected .*, got int$" % name):
        kind(**{name: -(10**5000)})


def test_an_unknown_option_of_any_request_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"^request\(\) got an unexpected keyword argument 'think'$"):
        any_request(think=True)


# --- calls, in both colours, as the server sees them ------------------------------------------------------------------


def blocking(client: Mapping[str, Any], name: str, *args: Any, **fields: Any) -> Any:
    """What a method of a client gives; a stream's records as a list."""
    answer = getattr(Client(**client), name)(*args, **fields)
    return list(answer) if isinstance(answer, Stream) else answer


def awaited(client: Mapping[str, Any], name: str, *args: Any, **fields: Any) -> Any:
    async def call() -> Any:
        answer = getattr(AsyncClient(**client), name)(*args, **fields)
        return [one async for one in answer] if isinstance(answer, AsyncStream) else await answer

    return asyncio.run(call())


both_colours = pytest.mark.parametrize("call", [blocking, awaited])


def said(body: bytes = b"", status: str = "200 OK") -> bytes:
    return response(status, body, Connection="close")


STREAMED = HEAD[:-2] + b"Connection: close\r\n\r\n"
PROGRESS = STREAMED + chunk(b'{"status":"pulling manifest"}\n{"status":"pulling abc","digest":"d","total":9}\n') + chunk(
    b'{"status":"success"}\n{"status":"never seen"}\n') + LAST_CHUNK
STEPS = ["pulling manifest", "pulling abc", "success"]
SUCCESS = said(b'{"status":"success"}')
UNLOADED = b'{"model":"m","created_at":"t","response":"","done":true,"done_reason":"unload"}'
ASKED: List[Tuple[str, str, Tuple[Any, ...], Dict[str, Any], bytes, str, Optional[str], Any, Any]] = [
    # id, method, positional and keyword arguments, answer, request line, body, what is looked at, what is seen
    ("embed", "embed", ("m", ["a", "b"], False, Options(num_ctx=8), "5m", 2), {},
     said(b'{"model":"m","embeddings":[[1,0.5],[]],"total_duration":3}'), "POST /api/embed",
     '{"model":"m","options":{"num_ctx":8},"keep_alive":"5m","input":["a","b"],"truncate":false,"dimensions":2}',
     lambda r: (r.embeddings, r["total_duration"]), ([[1, 0.5], []], 3)),
    ("embeddings", "embeddings", ("m", "a", {"seed": 1}, 0), {}, said(b'{"embedding":[1e-7]}'), "POST /api/embeddings",
     '{"model":"m","options":{"seed":1},"keep_alive":0,"prompt":"a"}', lambda r: r.embedding, [1e-7]),
    ("list", "list", (), {}, said(b'{"models":[{"model":"m","size":3}]}'), "GET /api/tags", None,
     lambda r: [(one.model, one["size"]) for one in r.models], [("m", 3)]),
    ("ps", "ps", (), {}, said(b'{"models":[{"name":"m","size_vram":3,"context_length":8}]}'), "GET /api/ps", None,
     lambda r: [(one.name, one.size_vram, one.context_length) for one in r["models"]], [("m", 3, 8)]),
    ("show", "show", ("m",), {"verbose": True}, said(b'{"model_info":{"a":1},"capabilities":["tools"]}'),
     "POST /api/show", '{"model":"m","verbose":true}', lambda r: (r.modelinfo, r.capabilities), ({"a": 1}, ["tools"])),
    ("show of a server without model_info", "show", ("m",), {}, said(b'{"details":{}}'), "POST /api/show", '{"model":"m"}',
     lambda r: r.modelinfo, {}),
    ("pull", "pull", ("m",), {}, SUCCESS, "POST /api/pull", '{"model":"m","stream":false,"insecure":false}',
     lambda r: r.status, "success"),
    ("pull, streamed", "pull", ("m",), {"stream": True, "insecure": True}, PROGRESS, "POST /api/pull",
     '{"model":"m","stream":true,"insecure":true}', lambda r: [one.status for one in r], STEPS),
    ("pull, streamed although not asked", "pull", ("m",), {}, PROGRESS, "POST /api/pull",
     '{"model":"m","stream":false,"insecure":false}', lambda r: r.status, "success"),
    ("push", "push", ("m",), {}, SUCCESS, "POST /api/push", '{"model":"m","stream":false,"insecure":false}',
     lambda r: r["status"], "success"),
    ("push, streamed", "push", ("m",), {"stream": True}, PROGRESS, "POST /api/push",
     '{"model":"m","stream":true,"insecure":false}', lambda r: [one.status for one in r], STEPS),
    ("create", "create", ("m", "q8_0", "b", None, None, "t", "MIT", "s", {"seed": 1}, HI), {}, SUCCESS,
     "POST /api/create", '{"model":"m","stream":false,"quantize":"q8_0","from":"b","template":"t","license":"MIT",'
     '"system":"s","parameters":{"seed":1},"messages":[{"role":"user","content":"Hi"}]}', lambda r: r.status, "success"),
    ("create, streamed", "create", ("m",), {"files": {"a.gguf": DIGEST}, "stream": True}, PROGRESS, "POST /api/create",
     '{"model":"m","stream":true,"files":{"a.gguf":"%s"}}' % DIGEST, lambda r: [one.status for one in r], STEPS),
    ("copy", "copy", ("a", "b"), {}, said(), "POST /api/copy", '{"source":"a","destination":"b"}',
     lambda r: (type(r), r.status), (StatusResponse, "success")),
    ("delete", "delete", ("m",), {}, said(), "DELETE /api/delete", '{"model":"m"}', lambda r: r["status"], "success"),
    ("null is an empty answer", "delete", ("m",), {}, said(b"null"), "DELETE /api/delete", '{"model":"m"}',
     lambda r: r, StatusResponse(status="success")),
    ("unload", "unload", ("m",), {}, said(UNLOADED), "POST /api/generate",
     '{"model":"m","keep_alive":0,"stream":false}', lambda r: r.done_reason, "unload"),
    ("chat that loads", "chat", ("m",), {"keep_alive": -1}, said(line("", True, done_reason="load")), "POST /api/chat",
     '{"model":"m","stream":false,"keep_alive":-1,"messages":[],"tools":[]}', lambda r: r.done_reason, "load"),
    ("blob_exists", "blob_exists", (DIGEST,), {}, said(), "HEAD /api/blobs/" + DIGEST, None, bool, True),
    ("a blob that is missing", "blob_exists", (DIGEST,), {}, response("404 Not Found", Content_Length="102", Connection="close"),
     "HEAD /api/blobs/" + DIGEST, None, lambda r: r, False),
    ("version", "version", (), {}, said(b'{"version":"0.32.15"}'), "GET /api/version", None, lambda r: r.version, "0.32.15"),
    ("ping", "ping", (), {}, response("200 OK", Content_Length="17", Connection="close"), "HEAD /", None, lambda r: r, True),
    ("ping of a server that refuses", "ping", (), {}, said(status="403 Forbidden"), "HEAD /", None, lambda r: r, False),
    ("ping of something else", "ping", (), {}, b"SSH-2.0-OpenSSH_9.6\r\n", "HEAD /", None, lambda r: r, False),
    ("me", "me", (), {}, said(b'{"id":"i","name":"n","plan":"free"}'), "POST /api/me", "",
     lambda r: (r.id, r.name, r["plan"], r.email), ("i", "n", "free", None)),
    ("signout", "signout", (), {}, said(b"null"), "POST /api/signout", "", lambda r: r.status, "success"),
    ("cloud_status", "cloud_status", (), {}, said(b'{"cloud":{"disabled":true,"source":"env"}}'), "GET /api/status", None,
     lambda r: (r.cloud.disabled, r["cloud"]["source"]), (True, "env")),
    ("more fields than we know", "me", (), {"extra": {"a": 1}}, said(b'{"name":"n"}'), "POST /api/me", '{"a":1}',
     lambda r: r.id, None),
]  # fmt: skip


@both_colours
@pytest.mark.parametrize("row", ASKED, ids=[row[0] for row in ASKED])
def test_a_call_sends_what_it_should_and_gives_what_came(call: Any, row: Any) -> None:
    _, name, args, fields, data, request_line, body, look, seen = row
    with Server(answer(data, fin)) as server:
        found = look(call({"host": server.url}, name, *args, **fields))
        head = [one.decode() for one in server.peer().request_head]
        sent = server.peer().request_body.decode()
    assert (found, head[0], sent) == (seen, request_line + " HTTP/1.1", body or "")
    assert [one for one in head if one.startswith("Content-")] == (
        ["Content-Type: application/json"] * bool(body) + ["Content-Length: %d" % len(body)] if body is not None else []
    )


def test_every_endpoint_is_called() -> None:
    elsewhere = {"generate", "create_blob", "web_search", "web_fetch"}
    assert {row[1] for row in ASKED} | elsewhere == set(ENDPOINTS)


NOT_SO: List[Tuple[str, str, Tuple[Any, ...], Dict[str, Any], bytes, Any]] = [
    ("copy", "copy", ("a", "b"), {}, said(b'{"error":"model \\"a\\" not found"}', "404 Not Found"),
     (ResponseError, 'model "a" not found (status code: 404)')),
    ("delete", "delete", ("m",), {}, said(status="500 Internal Server Error"),
     (ResponseError, "Internal Server Error (status code: 500)")),
    ("pull, an error record", "pull", ("m",), {"stream": True},
     STREAMED + chunk(b'{"status":"pulling manifest"}\n') + chunk(b'{"error":"file does not exist"}\n') + LAST_CHUNK,
     (ResponseError, "file does not exist (status code: -1)")),
    ("pull without its end", "pull", ("m",), {"stream": True}, STREAMED + chunk(b'{"status":"a"}\n') + LAST_CHUNK,
     (IncompleteStream, "the body ended before the record that ends an answer")),
    ("pull, once, without its end", "pull", ("m",), {}, said(b'{"status":"a"}'),
     (IncompleteStream, "the body ended before the record that ends an answer")),
    ("create without its end", "create", ("m",), {"from_": "b", "stream": True}, STREAMED + LAST_CHUNK,
     (IncompleteStream, "the body ended before the record that ends an answer")),
    ("blob_exists, neither yes nor no", "blob_exists", (DIGEST,), {}, b"nonsense\r\n\r\n", (ProtocolError, None)),
    ("me", "me", (), {}, said(b'{"error":"unauthorized","signin_url":"https://ollama.com/connect"}', "401 Unauthorized"),
     (ResponseError, "unauthorized (status code: 401)")),
]  # fmt: skip


@both_colours
@pytest.mark.parametrize("row", NOT_SO, ids=[row[0] for row in NOT_SO])
def test_what_the_server_does_not_do_is_an_error(call: Any, row: Any) -> None:
    _, name, args, fields, data, (kind, text) = row
    with Server(answer(data, fin)) as server, pytest.raises(OllamaError) as caught:
        call({"host": server.url}, name, *args, **fields)
    assert (caught.type, str(caught.value).replace(" (%s)" % server.url, "") if text else None) == (kind, text)
    assert getattr(caught.value, "signin_url", None) == ("https://ollama.com/connect" if name == "me" else None)


@both_colours
def test_ping_has_a_clock_of_its_own(call: Any, monkeypatch: Any) -> None:
    for seconds, total in ((0.05, None), (60, 0.05)):
        monkeypatch.setattr("ollama_stream._calls.PING_SECONDS", seconds)
        with Server(answer(threading.Event())) as server:
            started = time.monotonic()
            assert call({"host": server.url, "timeout": Timeout(total=total)}, "ping") is False
            assert time.monotonic() - started < 30  # the server holds for 60 s, and so does the other clock
            server.scripts[0][-1].set()  # type: ignore[union-attr]


@both_colours
def test_ping_is_false_where_nobody_listens_or_answers(call: Any) -> None:
    assert call({"host": "127.0.0.1:%d" % closed_port()}, "ping") is False
    assert call({"host": "127.0.0.1", "transport": Bytes()}, "ping") is False
    with Server(answer(threading.Event())) as server:
        assert call({"host": server.url}, "ping", timeout=0.05) is False
        server.scripts[0][-1].set()  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_call_is_checked_when_it_is_made(kind: Any) -> None:
    transport = Bytes()
    client = kind(transport=transport)
    for name in ENDPOINTS:
        with pytest.raises(TypeError, match=r"^%s\(\) got an unexpected keyword argument 'nonsense'$" % name):
            getattr(client, name)(**needed(name), nonsense=1)
        for field in needed(name):
            with pytest.raises(RequestError, match="^%s: expected " % field):
                getattr(client, name)(**dict(needed(name), **{field: 3}))
        with pytest.raises(RequestError, match="^headers: expected a mapping of names to strings, got str$"):
            getattr(client, name)(**needed(name), headers="A: b")
        if not ENDPOINTS[name].base:
            with pytest.raises(RequestError, match="^timeout: first_byte: expected seconds above 0, or None for no limit"):
                getattr(client, name)(**needed(name), timeout="soon")
    for name in ("list", "ping", "blob_exists", "create_blob"):
        with pytest.raises(RequestError, match="^extra: %s sends no JSON object that it could be added to$" % name):
            getattr(client, name)(**needed(name), extra={"a": 1})
    assert transport.sent == b""


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_transfer_without_a_stream_has_no_first_byte_clock_of_its_own(kind: Any) -> None:
    client = kind(timeout=Timeout(first_byte=5))

    def clock(name: str, **fields: Any) -> Any:
        return client._exchange(build(name, dict({"model": "m"}, **fields)))._timeout.first_byte

    for name in ("pull", "push", "create"):
        assert (clock(name), clock(name, stream=True), clock(name, timeout=3)) == (None, 5, 3)
    assert clock("chat") == 5
    assert client._exchange(build_any("POST", "/api/pull", {}, None, False, {}))._timeout.first_byte is None


# --- ollama.com ---------------------------------------------------------------------------------------------------

BEARER = {"headers": {"Authorization": "Bearer k"}}
WEB: List[Tuple[str, Tuple[Any, ...], Dict[str, Any], str, bytes]] = [
    ("web_search", ("q",), {}, '{"query":"q","max_results":3}', b'{"results":[{"title":"t","url":"u","content":"c"}]}'),
    ("web_search", ("q", 5), {}, '{"query":"q","max_results":5}', b'{"results":[{"title":"t","url":"u","content":"c"}]}'),
    ("web_fetch", ("u",), {}, '{"url":"u"}', b'{"title":"t","content":"c","links":["l"]}'),
]  # fmt: skip


class Opened(Bytes):
    """Remembers where it was to connect to."""

    def open(self, address: Any, _timeout: Optional[float]) -> Any:
        self.url = address.url
        return self


@both_colours
@pytest.mark.parametrize("name, args, fields, body, data", WEB)
def test_the_web_is_asked_at_ollama_com(call: Any, name: str, args: Any, fields: Any, body: str, data: bytes) -> None:
    transport = Opened(said(data))
    found = call(dict(BEARER, host="http://gpu-box:1/base", transport=transport), name, *args, **fields)
    head, _, sent = transport.sent.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert (lines[0], sent) == ("POST /api/%s HTTP/1.1" % name, body)
    assert {"Host: ollama.com", "Authorization: Bearer k"} <= set(lines)
    assert transport.url == "https://ollama.com:443"
    assert found.model_dump(exclude_none=True) == json.loads(data)


NO_KEY: List[Tuple[str, Dict[str, Any]]] = [
    ("none", {}),
    ("Basic", {"headers": {"Authorization": "Basic Bearer"}}),
    ("no scheme", {"headers": {"authorization": "k"}}),
    ("only for another host", {"host": "http://user:pw@gpu-box"}),
]


@both_colours
@pytest.mark.parametrize("client", [row[1] for row in NO_KEY], ids=[row[0] for row in NO_KEY])
def test_the_web_is_not_asked_without_a_key(call: Any, client: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("OLLAMA_API_KEY", raising=False)
    transport = Bytes()
    for name, what in (("web_search", "web search"), ("web_fetch", "web fetch")):
        with pytest.raises(RequestError) as caught:
            call(dict(client, transport=transport), name, "x")
        assert str(caught.value) == "Authorization header with Bearer token is required for " + what
    assert transport.sent == b""


@both_colours
def test_the_key_for_the_web_comes_from_the_call_or_the_environment(call: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "from-environment")
    for fields, key in (({}, b"from-environment"), ({"headers": {"authorization": "Bearer own"}}, b"own")):
        transport = Bytes(said(b'{"results":null}'))
        assert call({"transport": transport}, "web_search", "x", **fields).results == []
        assert b"uthorization: Bearer %s\r\n" % key in transport.sent


# --- recorded answers ------------------------------------------------------------------------------------------------

ROWS = {(row.method, row.path): row for row in ENDPOINTS.values() if row.name not in ("unload", "chat", "generate")}
TIMES = ("modified_at", "expires_at")  # datetimes


def recorded_calls() -> Iterator[Any]:
    for folder in sorted(os.listdir(os.path.join(ROOT, "fixtures", "recordings"))):
        for path in sorted(glob.glob(os.path.join(ROOT, "fixtures", "recordings", folder, "*.jsonl"))):
            request = load(path).request
            if (request.method, request.path) in ROWS and "error" not in os.path.basename(path):
                name = os.path.basename(path).split(".")[0]
                yield pytest.param(path, ROWS[request.method, request.path], id="%s-%s" % (folder, name))


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {n: without_times(v) for n, v in value.items() if n not in TIMES and v is not None}
    return [without_times(item) for item in value] if isinstance(value, list) else value


RECORDED = list(recorded_calls())
assert len(RECORDED) > 20


@both_colours
@pytest.mark.parametrize("path, row", RECORDED)
def test_a_recorded_answer_is_kept_whole(call: Any, path: str, row: Any) -> None:
    fixture = load(path)
    fields = dict(fixture.request.json) if fixture.request.body_bytes() else {}
    if "from" in fields:
        fields["from_"] = fields.pop("from")
    if row.streams:
        fields.setdefault("stream", True)
    lines = [json.loads(one) for one in fixture.body().splitlines() if one.strip()] if row.record is not dict else []
    try:
        found = call({"transport": Replaying(fixture, level="path")}, row.name, **fields)
    except ResponseError as error:
        assert error.raw == lines[-1]
        return
    if isinstance(found, list):
        assert [without_times(one.model_dump()) for one in found] == lines
    elif isinstance(found, bool):
        assert found is (fixture.head.status == 200)
    else:
        assert without_times(found.model_dump()) == without_times(lines[0] if lines else {"status": "success"})
        assert all(isinstance(getattr(one, n, datetime.min), datetime) for one in getattr(found, "models", [found])
                   for n in TIMES)  # fmt: skip


# --- a field is one line ----------------------------------------------------------------------------------------------


def test_a_type_checker_knows_every_parameter() -> None:
    if shutil.which("mypy") is None:
        pytest.skip("there is no mypy")
    program = os.path.join(ROOT, "tests", "typed_calls.py")
    done = subprocess.run(["mypy", "--strict", program], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    with open(program, encoding="utf-8") as file:
        wrong = {number for number, line in enumerate(file, 1) if line.endswith("# wrong\n")}
    found = {int(number) for number in re.findall(r"typed_calls.py:(\d+): error:", done.stdout)}
    assert wrong and found == wrong, done.stdout


def test_an_option_of_the_model_given_as_a_keyword_is_told_its_place():
    message = "chat() got an unexpected keyword argument 'temperature'; it is an option of the model: options={'temperature': ...}"
    with pytest.raises(TypeError) as raised:
        Client().chat("m", temperature=0)
    assert str(raised.value) == message
