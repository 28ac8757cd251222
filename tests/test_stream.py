"""From body bytes to records: what a line may hold, what is refused and in which words; the cuts do not matter.

Ids that start with D3 or D4 name the numbered faults of NDJSON and of Ollama's protocol. Every row is given whole, byte
by byte and cut at random.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import re
import sys
import time
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple, Type

import pytest
import support
from support import DONE, LINE, line, memory_below, takes_linear_time

from ollama_stream import _assembler
from ollama_stream._assembler import Assembler
from ollama_stream._endpoints import is_done, is_success
from ollama_stream._errors import IncompleteStream, OllamaError, ProtocolError, ResponseError
from ollama_stream._documents import ProgressResponse, VersionResponse
from ollama_stream._records import ChatResponse, GenerateResponse, Logprob, Message
from ollama_stream._stream import LineSplitter, ResponseDecoder
from ollama_stream.fixture import load

SEEDS = support.seeds(400)
RECORDINGS = os.path.join(support.ROOT, "fixtures", "recordings")
BOM = b"\xef\xbb\xbf"
MAX = 300  # bytes: max_line where a row is about limits

NO_DONE = (IncompleteStream, "the body ended before the record that ends an answer")
HALF_LINE = (IncompleteStream, "the body ended inside a line")


PYPY = sys.implementation.name == "pypy"


class Bad(NamedTuple):
    """A ProtocolError at a line; its message shows the line after ``what`` and ends with ``advice``."""

    lineno: int
    what: str
    advice: str = ""

    def message(self, body: bytes) -> str:
        shown = self.line(body)[:120].decode("utf-8", "replace")
        what = without_words_of_pypy(self.what)
        return "line %d of the body: %s (%s)%s" % (self.lineno, what, ascii(shown), self.advice)

    def line(self, body: bytes) -> bytes:
        start = len(BOM) if body.startswith(BOM) else 0
        return body[start:].split(b"\n")[self.lineno - 1].strip(b" \t\r")[:4096]


def bad(lineno: int, what: str, advice: str = "") -> Bad:
    return Bad(lineno, what, advice and "; this looks like " + advice)


def says(text: str) -> Tuple[Type[OllamaError], str]:
    return ResponseError, "%s (status code: -1)" % text


class Outcome(NamedTuple):
    """All that can be seen from outside once a body was given."""

    records: List[Any]
    error: Optional[Tuple[Type[OllamaError], str]]
    details: Dict[str, Any]
    whole: Any
    finished: bool


def outcome(pieces: Iterable[bytes], record: Any = ChatResponse, is_last: Any = is_done, **options: Any) -> Outcome:
    """Give the pieces one by one, then the end, as an exchange does, and stop where it stops."""
    decoder: ResponseDecoder[Any] = ResponseDecoder(record, is_last, **options)
    records: List[Any] = []
    error, details = None, {}
    try:
        for piece in pieces:
            decoder.receive(piece)
            records += decoder.records()
            if decoder.finished:
                break
        else:
            decoder.end()
            records += decoder.records()
    except OllamaError as problem:
        error, details = (type(problem), without_words_of_pypy(str(problem))), vars(problem)
    return Outcome(list(map(dump, records)), error, details, dump(decoder.assembler.result()), decoder.finished)


def without_words_of_pypy(text: str) -> str:
    """PyPy says of JSON that is none why, where others do not, and where in other words."""
    return re.sub(r"not JSON: .*?\(char \d+\)", "not JSON", text) if PYPY else text


def dump(record: Any) -> Any:
    return record.model_dump(exclude_none=True) if hasattr(record, "model_dump") else record


def same(one: Outcome, other: Outcome) -> bool:
    # By repr: a record may hold nan or inf, and 1 is not true.
    return repr(one) == repr(other)


def bytewise(body: bytes) -> List[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


def random_cuts(body: bytes, rng: random.Random, most: int = 12) -> List[bytes]:
    cuts = sorted(rng.randrange(len(body) + 1) for _ in range(rng.randrange(1, most)))
    return [body[a:b] for a, b in zip([0] + cuts, cuts + [len(body)])]


def any_cut(body: bytes, **options: Any) -> Outcome:
    """The outcome of a body, after a look that it is the same however the body is cut."""
    whole = outcome([body], **options)
    rng = random.Random(len(body))
    ways = [random_cuts(body, rng) for _ in range(10)] + ([bytewise(body)] if len(body) < 20000 else [])
    for pieces in ways:
        assert same(outcome(pieces, **options), whole)
    return whole


def contents(found: Outcome) -> List[str]:
    return [record["message"]["content"] for record in found.records]


def text_line(raw: bytes) -> bytes:
    """A line whose content is these bytes as they stand."""
    return b'{"model":"m","created_at":"t","message":{"role":"assistant","content":"' + raw + b'"},"done":false}\n'


def with_field(raw: bytes) -> bytes:
    return b'{"message":{"content":"x"},"unknown":' + raw + b"}\n"


NOT_UTF8 = b'{"message":{"content":"a%sb"}}\n'
CONTROL = "not JSON: Invalid control character at: line 1 column 73 (char 72)"
PROPERTY = "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
try:
    INTEGER_LIMIT = "not JSON: %d" % int("9" * 5000)
except ValueError as limit:  # its words are not the same in all Pythons
    INTEGER_LIMIT = "not JSON: %s" % limit
TOO_DEEP = "nested deeper than 256 levels"

# id, body, the contents that are handed out, the error
NDJSON: List[Tuple[str, bytes, List[str], Any]] = [
    ("a good stream", LINE + LINE + DONE, ["Hi", "Hi", ""], None),
    ("D3-89 characters of 2, 3 and 4 bytes", text_line("é€😀".encode()) + DONE, ["é€😀", ""], None),
    ("D3-90 an escaped pair of surrogates", text_line(rb"\ud83d\ude00") + DONE, ["😀", ""], None),
    ("D3-91 many lines in a piece", line("a") + line("b") + line("c") + DONE, ["a", "b", "c", ""], None),
    ("D3-93 CRLF", (LINE + DONE).replace(b"\n", b"\r\n"), ["Hi", ""], None),
    ("D3-94 a lone CR between objects", LINE[:-1] + b"\r" + LINE, [],
     bad(1, "not JSON: something follows the value at character 118")),
    ("D3-95 blank lines", b"\n \t\n" + LINE + b"\r\n\n" + DONE, ["Hi", ""], None),
    ("D3-96 BOM at the start", BOM + LINE + DONE, ["Hi", ""], None),
    ("D3-96 BOM and nothing else", BOM, [], NO_DONE),
    ("D3-96 two BOMs", BOM + BOM + DONE, [], bad(1, "not JSON")),
    ("D3-97 BOM later", LINE + BOM + DONE, ["Hi"], bad(2, "not JSON")),
    ("D3-98 U+0085, U+2028, U+2029", text_line("a\x85b\u2028c\u2029d".encode()) + DONE, ["a\x85b\u2028c\u2029d", ""],
     None),
] + [
    ("D3-99 %s in a string" % name, LINE + text_line(b"a" + raw) + DONE, ["Hi"], bad(2, CONTROL))
    for name, raw in (("VT", b"\x0b"), ("FF", b"\x0c"), ("FS", b"\x1c"), ("NUL", b"\x00"), ("TAB", b"\t"))
] + [
    ("D3-98 U+0085 between lines", LINE + b"\xc2\x85\n" + DONE, ["Hi"], bad(2, "not JSON")),
    ("D3-100 NUL between lines", LINE + b"\x00\n" + DONE, ["Hi"], bad(2, "not JSON")),
    ("D3-101 a byte ff", LINE + NOT_UTF8 % b"\xff", ["Hi"], bad(2, "not UTF-8: invalid start byte at byte 24")),
    ("D3-101 a cut sequence", LINE + NOT_UTF8 % b"\xe2\x82", ["Hi"],
     bad(2, "not UTF-8: invalid continuation byte at byte 24")),
    ("D3-101 overlong", LINE + NOT_UTF8 % b"\xc0\x80", ["Hi"], bad(2, "not UTF-8: invalid start byte at byte 24")),
    ("D3-101 a sequence cut by the line's end", LINE + b'{"a\xe2\n' + DONE, ["Hi"],
     bad(2, "not UTF-8: unexpected end of data at byte 3")),
    ("D3-102 bytes of a surrogate", LINE + NOT_UTF8 % b"\xed\xa0\x80", ["Hi"],
     bad(2, "not UTF-8: invalid continuation byte at byte 24")),
    ("D3-103 UTF-16 with BOM", (LINE + DONE).decode().encode("utf-16"), [],
     bad(1, "not UTF-8: invalid start byte at byte 0")),
    ("D3-103 UTF-16 without", DONE.decode().encode("utf-16-le"), [], bad(1, PROPERTY)),
    ("D3-103 Latin-1", text_line("é".encode("latin-1")), [], bad(1, "not UTF-8: invalid continuation byte at byte 71")),
    ("D3-104 a lone surrogate, escaped", text_line(rb"\ud800") + DONE, ["\ud800", ""], None),
    ("D3-105 a key twice", b'{"message":{"content":"a","content":"b"},"done":true,"done":false}\n' + DONE, ["b", ""],
     None),
    ("D3-105 done twice, true last", b'{"message":{"content":"a"},"done":false,"done":true}\n', ["a"], None),
] + [
    ("D3-106 %s" % name, with_field(name.encode()) + DONE, [], bad(1, "not JSON: %s is not JSON" % name))
    for name in ("NaN", "Infinity", "-Infinity")
] + [
    ("D3-107 1e999 in an unknown field", with_field(b"1e999") + DONE, ["x", ""], None),
    ("D3-107 1e999 in a duration", b'{"done":true,"eval_duration":1e999}\n', [""], None),
    ("D3-107 1e999 in a log probability", b'{"done":true,"logprobs":[{"token":"a","logprob":-1e999}]}\n', [""], None),
    ("D3-108 255 arrays in the object", with_field(b"[" * 255 + b"]" * 255) + DONE, ["x", ""], None),
    ("D3-108 256 arrays in the object", with_field(b"[" * 256 + b"]" * 256) + DONE, [], bad(1, TOO_DEEP)),
] + [
    ("D3-108 nested %d deep" % n, LINE + with_field(b"[" * n + b"]" * n) + DONE, ["Hi"], bad(2, TOO_DEEP))
    for n in (1000, 10000, 100000)
] + [
    ("D3-108 objects in objects", with_field(b'{"a":' * 1000 + b"1" + b"}" * 1000), [], bad(1, TOO_DEEP)),
    ("D3-108 arrays open over 100,000 lines", b"[\n" * 100000, [],
     bad(1, "not JSON", "JSON laid out over several lines")),
    ("D3-109 an integer of 5,000 digits", with_field(b"9" * 5000) + DONE, [], bad(1, INTEGER_LIMIT)),
    ("D3-110 an integer of 4,000 digits", with_field(b"9" * 4000) + DONE, ["x", ""], None),
] + [
    ("D3-113 %s for an object" % what, LINE + raw + b"\n" + DONE, ["Hi"],
     bad(2, "expected a JSON object, got %s" % what))
    for what, raw in (
        ("an array", b"[]"), ('a string ("a")', b'"a"'), ("a number (1.5)", b"1.5"), ("null", b"null"),
        ("a boolean (true)", b"true"),
    )
] + [
    ("D3-114 two objects in a line", LINE + b"{}{}\n" + DONE, ["Hi"],
     bad(2, "not JSON: something follows the value at character 2")),
    ("D3-114 an object, then garbage", LINE + b"{} x\n" + DONE, ["Hi"],
     bad(2, "not JSON: something follows the value at character 2")),
    ("D3-114 an object over two lines", LINE + b'{"done":\ntrue}\n', ["Hi"], bad(2, "not JSON")),
    ("D3-115 server-sent events", b'data: {"choices":[]}\n\n', [],
     bad(1, "not JSON", "server-sent events: is the path one of /v1?")),
    ("D3-115 a comment of server-sent events", b": keep-alive\n\n", [],
     bad(1, "not JSON", "server-sent events: is the path one of /v1?")),
    ("D3-116 JSON over several lines", b'{\n  "done": true\n}\n', [],
     bad(1, PROPERTY, "JSON laid out over several lines")),
    ("a web page", b"<html>\n</html>", [],
     bad(1, "not JSON", "a web page: is this an Ollama server?")),
    ("a web page without a line end", b"<html>", [],
     bad(1, "expected a JSON object", "a web page: is this an Ollama server?")),
    ("D3-117 garbage amid good lines", LINE + b"oops\n" + LINE + DONE, ["Hi"], bad(2, "not JSON")),
    ("D3-118 text after the end", LINE + DONE + line("late"), ["Hi", ""], None),
    ("D3-118 garbage after the end", LINE + DONE + b"\xff\n[[", ["Hi", ""], None),
    ("D3-119 two ends", LINE + DONE + DONE, ["Hi", ""], None),
    ("D3-120 the end without a newline", LINE + DONE[:-1], ["Hi", ""], None),
    ("D3-120 an answer that is one object", DONE[:-1], [""], None),
    ("D3-121 half a line", LINE + LINE[:9], ["Hi"], HALF_LINE),
    ("D3-121 half a character", LINE + b'{"message":{"content":"\xe2\x82', ["Hi"], HALF_LINE),
    ("D3-121 half a line that is garbage", LINE + b"oops", ["Hi"], bad(2, "expected a JSON object")),
    ("D3-122 no end", LINE + LINE, ["Hi", "Hi"], NO_DONE),
    ("D3-122 no end, the last line without a newline", LINE + LINE[:-1], ["Hi", "Hi"], NO_DONE),
    ("D3-123 done_reason without done", LINE + b'{"message":{"content":"x"},"done_reason":"stop"}\n' + LINE,
     ["Hi", "x"], None),
    ("D3-123 done_reason beside done: false", b'{"done":false,"done_reason":"stop"}\n', [""], NO_DONE),
    ("D3-124 an empty body", b"", [], NO_DONE),
    ("D3-124 nothing but blanks, without a newline", b"  ", [], NO_DONE),
    ("D3-125 only blank lines", b"\n\n \n", [], NO_DONE),
    ("D3-125 blank lines, then the end", b"\n\n" + DONE, [""], None),
    ("D3-125 nothing but thinking", b'{"message":{"role":"assistant","content":"","thinking":"hm"}}\n' + DONE,
     ["", ""], None),
]  # fmt: skip

MESSAGE_KIND = "message: expected an object, got "

PROTOCOL: List[Tuple[str, bytes, List[str], Any]] = [
    ("D4-127 an error amid the answer", LINE + b'{"error":"boom"}\n', ["Hi"], says("boom")),
    ("D4-127 an error without a newline", LINE + b'{"error":"boom"}', ["Hi"], says("boom")),
    ("D4-128 an error first", b'{"error":"boom"}\n', [], says("boom")),
    ("D4-130 an object with a message", b'{"error":{"message":"boom","code":7}}\n', [], says("boom")),
    ("D4-130 an object without", b'{"error":{"code":7}}\n', [], says('{"code": 7}')),
    ("D4-130 an array", b'{"error":["a",1]}\n', [], says('["a", 1]')),
    ("D4-130 true", b'{"error":true}\n', [], says("true")),
    ("D4-130 JSON in a string", b'{"error":"{\\"error\\":\\"boom\\"}"}\n', [], says("boom")),
    ("D4-131 null, empty, false", b'{"error":null}\n{"error":""}\n{"error":false}\n' + DONE, ["", "", "", ""], None),
    ("D4-133 lines after an error", b'{"error":"boom"}\n' + LINE + DONE, [], says("boom")),
    ("D4-134 text and error in a line", b'{"message":{"content":"x"},"error":"boom"}\n' + DONE, ["x"], says("boom")),
    ("D4-134 an end and an error in a line", b'{"message":{"content":"x"},"done":true,"error":"boom"}\n', ["x"],
     says("boom")),
    ("D4-134 an error whose message is text", b'{"error":"boom","message":"more of it"}\n', [], says("boom")),
    ("D4-135 no message", b'{"model":"m"}\n{"message":null}\n{"message":{}}\n' + DONE, ["", "", "", ""], None),
    ("D4-135 content is null", b'{"message":{"content":null}}\n' + DONE, ["", ""], None),
    ("D4-136 message is text", b'{"message":"x"}\n', [], bad(1, MESSAGE_KIND + 'a string ("x")')),
    ("D4-136 message is an array", b'{"message":[]}\n', [], bad(1, MESSAGE_KIND + "an array")),
    ("D4-136 content is a number", LINE + b'{"message":{"content":3}}\n', ["Hi"],
     bad(2, "message.content: expected a string, got a number (3)")),
    ("D4-136 content is a number, in the common shape", text_line(b"?").replace(b'"?"', b"3"), [],
     bad(1, "message.content: expected a string, got a number (3)")),
    ("D4-136 content is an array", b'{"message":{"content":["x"]}}\n', [],
     bad(1, "message.content: expected a string, got an array")),
    ("D4-136 done is text", b'{"done":"true"}\n', [], bad(1, 'done: expected true or false, got a string ("true")')),
    ("D4-136 done is a number", b'{"done":1}\n', [], bad(1, "done: expected true or false, got a number (1)")),
    ("D4-136 tool calls are an object", b'{"message":{"tool_calls":{}}}\n', [],
     bad(1, "message.tool_calls: expected an array, got an object")),
    ("D4-136 a tool call is text", b'{"message":{"tool_calls":[{},"f"]}}\n', [],
     bad(1, 'message.tool_calls[1]: expected an object, got a string ("f")')),
    ("D4-136 a tool's name is a number", b'{"message":{"tool_calls":[{"function":{"name":1}}]}}\n', [],
     bad(1, "message.tool_calls[0].function.name: expected a string, got a number (1)")),
    ("D4-138 an unknown done_reason", b'{"done":true,"done_reason":"tired"}\n', [""], None),
    ("D4-139 load", b'{"message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}', [""], None),
    ("D4-139 unload", b'{"message":{"role":"assistant","content":""},"done":true,"done_reason":"unload"}', [""], None),
    ("D4-140 length", LINE + line("", True, done_reason="length"), ["Hi", ""], None),
    ("D4-145 metrics of every kind", b'{"done":true,"eval_count":-1,"eval_duration":0.5,"total_duration":"1s"}\n',
     [""], None),
    ("D4-145 a metric is an array", b'{"done":true,"eval_count":[]}\n', [""], None),
    ("D4-146 created_at is no time", b'{"created_at":"noon","done":true}\n', [""], None),
    ("D4-148 another model", LINE + b'{"model":"other","done":true}\n', ["Hi", ""], None),
    ("D4-149 an answer of generate", b'{"model":"m","response":"x","done":false}\n', [],
     bad(1, "message: missing, and there is a response: is this an answer of /api/generate?")),
    ("D4-151 a heartbeat", line("") + LINE + line("") + DONE, ["", "Hi", "", ""], None),
    ("D4-152 a rendered prompt is a whole answer", b'{"done":false,"_debug_info":{"rendered_template":"x"}}', [""],
     None),
]  # fmt: skip


@pytest.mark.parametrize("body, texts, error", [pytest.param(*row[1:], id=row[0]) for row in NDJSON + PROTOCOL])
def test_each_line_is_a_record_or_an_error(body: bytes, texts: List[str], error: Any) -> None:
    found = any_cut(body)
    assert contents(found) == texts
    assert found.finished is (error is None)
    if isinstance(error, Bad):
        assert found.error == (ProtocolError, error.message(body))
        assert found.details["lineno"] == error.lineno
        assert found.details["line"].strip() == error.line(body)
    else:
        assert found.error == error


def test_the_tables_name_every_fault_they_are_for() -> None:
    ids = " ".join(row[0] for row in NDJSON + PROTOCOL)
    elsewhere = {88, 92, 111, 112, 126} | {129, 132, 137, 141, 142, 143, 144, 147, 150}
    for number in set(range(88, 150)) - elsewhere:
        assert "D%d-%d " % (3 if number < 127 else 4, number) in ids + " "


# --- records, whole ---------------------------------------------------------------------------------------------------

CALL = b'{"id":"call_1","function":{"index":0,"name":"f","arguments":{"a":1}}}'
OTHER = b'{"function":{"name":"g","arguments":"{\\"b\\": 2}"}}'


def message(raw: bytes) -> bytes:
    return b'{"message":{"role":"assistant","content":"",' + raw + b"}}\n"


WHOLES: List[Tuple[str, bytes, Dict[str, Any]]] = [
    ("texts are joined, the rest is the last record's",
     line("a") + line("b") + b'{"model":"n","message":{"content":"c"},"done":true}\n',
     {"model": "n", "created_at": "2026-11-22T18:35:00Z", "done": True,
      "message": {"role": "assistant", "content": "abc"}}),
    ("D4-137 unknown members at every level",
     b'{"x":1,"message":{"content":"","y":2,"tool_calls":[{"z":3,"function":{"w":4}}]},"done":true}\n',
     {"done": True, "x": 1, "message": {"role": "assistant", "content": "", "y": 2,
      "tool_calls": [{"z": 3, "function": {"name": "", "arguments": {}, "w": 4}}]}}),
    ("D4-141 thinking and content", message(b'"thinking":"h"') + message(b'"thinking":"m"') + line("a")
     + message(b'"thinking":"!"') + line("b") + b'{"done":true}\n',
     {"model": "m", "created_at": "2026-11-22T18:35:00Z", "done": True,
      "message": {"role": "assistant", "content": "ab", "thinking": "hm!"}}),
    ("D4-142 arguments as an object, D4-143 as text, D4-144 in several lines",
     message(b'"tool_calls":[' + CALL + b"]") + LINE
     + message(b'"tool_calls":null') + message(b'"tool_calls":[]')
     + b'{"message":{"content":"","tool_calls":[' + OTHER + b']},"done":true}\n',
     {"model": "m", "created_at": "2026-11-22T18:35:00Z", "done": True,
      "message": {"role": "assistant", "content": "Hi", "tool_calls": [
         {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
         {"function": {"name": "g", "arguments": {"b": 2}}}]}}),
    ("D4-143 arguments that are no JSON object",
     message(b'"tool_calls":[{"function":{"name":"f","arguments":"[1"}}]') + b'{"done":true}\n',
     {"done": True,
      "message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "[1"}}]}}),
    ("D4-144 a call without a function", message(b'"tool_calls":[{}]') + b'{"done":true}\n',
     {"done": True,
      "message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "", "arguments": {}}}]}}),
    ("D4-147 a role that changes",
     b'{"message":{"role":"tool","content":"a"}}\n{"message":{"role":"critic","content":"b"},"done":true}\n',
     {"done": True, "message": {"role": "critic", "content": "ab"}}),
    ("D4-152 log probabilities",
     b'{"logprobs":[{"token":"a","logprob":-1}]}\n{"logprobs":[{"token":"b","logprob":-2.5}],"done":true}\n',
     {"done": True, "message": {"role": "assistant", "content": ""},
      "logprobs": [{"token": "a", "logprob": -1}, {"token": "b", "logprob": -2.5}]}),
    ("D4-152 images", message(b'"images":["aGk="]') + b'{"done":true}\n',
     {"done": True, "message": {"role": "assistant", "content": "", "images": ["aGk="]}}),
]  # fmt: skip


@pytest.mark.parametrize("body, whole", [pytest.param(*row[1:], id=row[0]) for row in WHOLES])
def test_the_records_make_one_record(body: bytes, whole: Dict[str, Any]) -> None:
    found = any_cut(body)
    assert (found.error, found.whole) == (None, whole)


def test_generate_records_make_one_record() -> None:
    rows = [
        b'{"model":"m","created_at":"t","response":"a","done":false}',
        b'{"model":"m","created_at":"t","response":"b","done":false}',
        b'{"response":"","thinking":"h","tool_calls":[{"function":{"name":"f"}}]}',
        b'{"model":"m","created_at":"u","response":"c","thinking":"m","done":true,"context":[1,2]}',
    ]
    found = any_cut(b"\n".join(rows), record=GenerateResponse)
    calls = [{"function": {"name": "f", "arguments": {}}}]
    assert found.whole == {
        "model": "m", "created_at": "u", "response": "abc", "thinking": "hm", "tool_calls": calls, "done": True,
         "context": [1, 2],
    }  # fmt: skip


def test_fault_149_an_answer_of_chat_is_refused_by_generate() -> None:
    found = any_cut(LINE, record=GenerateResponse)
    row = bad(1, "response: missing, and there is a message: is this an answer of /api/chat?")
    assert found.error == (ProtocolError, row.message(LINE))


def test_fault_150_progress_ends_with_success() -> None:
    body = b'{"status":"pulling","digest":"d","total":9,"completed":3}\n{"status":"success"}\n{"status":"late"}\n'
    found = any_cut(body, record=ProgressResponse, is_last=is_success)
    assert found.records == [{"status": "pulling", "digest": "d", "total": 9, "completed": 3}, {"status": "success"}]
    assert (found.error, found.whole, found.finished) == (None, {"status": "success"}, True)
    assert any_cut(b'{"status":"pulling"}\n', record=ProgressResponse, is_last=is_success).error == NO_DONE


def test_fault_132_members_beside_an_error_are_kept() -> None:
    found = any_cut(b'{"error":"sign in","signin_url":"https://ollama.com/x","status":"unauthorized"}\n')
    assert found.details["raw"] == {"error": "sign in", "signin_url": "https://ollama.com/x", "status": "unauthorized"}
    assert (found.details["signin_url"], found.details["status_code"]) == ("https://ollama.com/x", -1)


def test_an_error_beside_text_keeps_json_values_in_raw() -> None:
    found = any_cut(b'{"error":"boom","message":{"content":"x"}}\n')
    assert found.details["raw"] == {"error": "boom", "message": {"content": "x"}}


def test_a_dict_decoder_keeps_values_as_they_come() -> None:
    body = b'{"message":3,"keys":1}\n{"done":true}\n'
    found = any_cut(body, record=dict)
    assert found.records == [{"message": 3, "keys": 1}, {"done": True}]
    assert found.whole == {"done": True}


@pytest.mark.parametrize("size", [0, 1, _assembler.FOLD_EVERY - 1, 3 * _assembler.FOLD_EVERY + 1])
def test_the_texts_are_whole_however_many_they_are(size: int) -> None:
    body = b"".join(line(str(i)) for i in range(size)) + DONE
    found = outcome(random_cuts(body, random.Random(size)))
    assert found.whole["message"]["content"] == "".join(map(str, range(size)))


def test_the_whole_can_be_had_at_any_moment_and_is_a_new_one_each_time() -> None:
    decoder = ResponseDecoder(ChatResponse, is_done)
    assert decoder.assembler.result() == ChatResponse(message=Message(role="assistant"))
    assert not decoder.assembler.has_records
    for text, so_far in (("a", "a"), ("b", "ab"), ("c", "abc")):
        decoder.receive(line(text))
        assert len(list(decoder.records())) == 1
        result = decoder.assembler.result()
        assert result.content == so_far and decoder.assembler.has_records
        result.message.content = "changed"


KINDS: List[Tuple[str, Any, Dict[str, Any]]] = [  # what records have beside or in place of a short text
    ("long-texts", ChatResponse, {"message": {"role": "assistant", "content": "x" * 300}}),
    ("thinking", ChatResponse, {"message": {"role": "assistant", "content": "a", "thinking": "b"}}),
    ("tool-calls", ChatResponse, {"message": {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}}),
    ("images", ChatResponse, {"message": {"role": "assistant", "content": "", "images": ["aQ=="]}}),
    ("logprobs", ChatResponse, {"message": {"content": "a"}, "logprobs": [{"token": "a", "logprob": -0.5}]}),
    ("unknown", ChatResponse, {"message": {"content": "a", "new": [1]}, "newer": {"a": 1}}),
    ("generate-thinking", GenerateResponse, {"response": "a", "thinking": "b"}),
    ("generate-logprobs", GenerateResponse, {"response": "a", "logprobs": [{"token": "a", "logprob": -0.5}]}),
]


@pytest.mark.parametrize("record, fields", [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_faults_126_and_230_an_answer_of_any_kind_is_gathered_in_linear_time(record: Any, fields: Dict[str, Any]) -> None:
    count = 10000
    decoder: ResponseDecoder[Any] = ResponseDecoder(record, is_done)
    body = (json.dumps(dict(model="m", created_at="t", done=False, **fields)).encode() + b"\n") * count
    started = time.process_time()
    for start in range(0, len(body), 65536):
        decoder.receive(body[start : start + 65536])
        for _ in decoder.records():
            pass
    whole = decoder.assembler.result()
    assert time.process_time() - started < 12  # a twentieth of that is usual
    message = whole.message if record is ChatResponse else whole
    expected = fields.get("message", fields)
    for name in ("content", "response", "thinking"):
        assert len(message.get(name, "")) == count * len(expected.get(name, ""))
    for name in ("tool_calls", "images"):
        assert len(message.get(name, ())) == count * len(expected.get(name, ()))
    assert len(whole.logprobs or ()) == count * len(fields.get("logprobs", ()))


def test_texts_of_every_shape_of_record_are_joined_in_their_order() -> None:
    bodies = [
        line("a"), line("b" * 300), line("c", logprobs=[]), line("d"),
        b'{"message":{"thinking":"e","content":null}}\n', line("f"), b'{"message":{"thinking":null}}\n', DONE,
    ]  # fmt: skip
    found = any_cut(b"".join(bodies))
    assert found.whole["message"]["content"] == "a" + "b" * 300 + "cdf"
    assert (found.whole["message"]["thinking"], found.whole["logprobs"]) == ("e", [])


def test_a_result_shares_no_list_with_the_next() -> None:
    assembler = Assembler(ChatResponse)
    assembler.add(ChatResponse(logprobs=[Logprob(token="a")], message=Message(images=["x"])))
    first = assembler.result()
    assert first.logprobs is not None and first.message.images is not None
    first.logprobs.clear()
    first.message.images.clear()
    message = Message(role="assistant", images=["x"])
    assert assembler.result() == ChatResponse(logprobs=[Logprob(token="a")], message=message)


def test_a_record_is_in_the_whole_before_it_is_handed_out() -> None:
    decoder = ResponseDecoder(ChatResponse, is_done)
    decoder.receive(line("a") + line("b") + DONE)
    records = decoder.records()
    seen = [(next(records).content, decoder.assembler.result().content) for _ in range(3)]
    assert seen == [("a", "a"), ("b", "ab"), ("", "ab")]


def test_a_closed_decoder_hands_nothing_out() -> None:
    decoder = ResponseDecoder(ChatResponse, is_done)
    decoder.receive(line("a") + line("b") + b"oops\n")
    records = decoder.records()
    assert next(records).content == "a"
    decoder.closed = True
    decoder.end()
    assert list(records) == list(decoder.records()) == []


def test_an_error_is_raised_again() -> None:
    decoder = ResponseDecoder(ChatResponse, is_done)
    decoder.receive(LINE + b"oops\n")
    errors = []
    for _ in range(2):
        with pytest.raises(ProtocolError) as caught:
            list(decoder.records())
        errors.append(caught.value)
        decoder.receive(DONE)
    assert errors[0] is errors[1]


@pytest.mark.parametrize("error", [b"oops\n", b'{"error":"x"}\n', b"{"])
def test_errors_pickle_and_copy(error: bytes) -> None:
    decoder = ResponseDecoder(ChatResponse, is_done)
    decoder.receive(error)
    decoder.end()
    with pytest.raises(OllamaError) as caught:
        list(decoder.records())
    for same_error in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert (type(same_error), str(same_error)) == (caught.type, str(caught.value))
        assert vars(same_error) == vars(caught.value)


# --- documents --------------------------------------------------------------------------------------------------------

V = VersionResponse
DOCUMENTS: List[Tuple[str, Any, bytes, List[Any], Any]] = [
    ("one line", V, b'{"version":"0.32.15"}', [{"version": "0.32.15"}], None),
    ("D3-116 over several lines", V, b'{\n "version":\r\n "1"\n}\n', [{"version": "1"}], None),
    ("with BOM", V, BOM + b'{"version":"1"}', [{"version": "1"}], None),
    ("empty 243", V, b"", [], (IncompleteStream, "the body is empty")),
    ("blanks 243", V, b" \r\n\t", [], (IncompleteStream, "the body is empty")),
    ("null 243", V, b" null\n", [], (ProtocolError, "line 1 of the body: version: missing ('null\\n')")),
    ("without the member 243", V, b"{}", [], (ProtocolError, "line 1 of the body: version: missing ('{}')")),
    ("no blanks of JSON 248", V, b'\xc2\xa0{"version":"1"}', [],
     (ProtocolError, "line 1 of the body: not JSON ('\\xa0{\"version\":\"1\"}')")),
    ("an array", V, b"[]", [], (ProtocolError, "line 1 of the body: expected a JSON object, got an array ('[]')")),
    ("false", V, b"false", [],
     (ProtocolError, "line 1 of the body: expected a JSON object, got a boolean (false) ('false')")),
    ("half a document", V, b'{"version":', [], (ProtocolError, "line 1 of the body: not JSON ('{\"version\":')")),
    ("not UTF-8", V, b'"\xff"', [],
     (ProtocolError, "line 1 of the body: not UTF-8: invalid start byte at byte 1 ('\"\\ufffd\"')")),
    ("an error", V, b'{"error":"boom"}', [], says("boom")),
    ("any value", dict, b"[1, 2]", [[1, 2]], None),
    ("any value: nothing", dict, b"", [], None),
    ("any value: text", dict, b"hello", [], (ProtocolError, "line 1 of the body: not JSON ('hello')")),
]  # fmt: skip


@pytest.mark.parametrize("record, body, records, error", [pytest.param(*row[1:], id=row[0]) for row in DOCUMENTS])
def test_a_document_is_one_record(record: Any, body: bytes, records: List[Any], error: Any) -> None:
    found = any_cut(body, record=record, is_last=None)
    assert (found.records, found.error, found.finished) == (records, error, error is None)


def test_plain_text_is_taken_as_it_is() -> None:
    decoder: ResponseDecoder[Any] = ResponseDecoder(dict, None)
    decoder.plain_text = True
    decoder.receive(b"Ollama is running")
    decoder.end()
    assert list(decoder.records()) == ["Ollama is running"]


# --- limits -----------------------------------------------------------------------------------------------------------


def of_size(size: int) -> bytes:
    return b'{"model":"' + b"x" * (size - 12) + b'"}'


LIMITS: List[Tuple[str, bytes, int, Any]] = [
    ("D3-111 a line of the limit", of_size(MAX) + b"\n" + DONE, 2, None),
    ("D3-111 a last line of the limit", of_size(MAX), 1, NO_DONE),
    ("D3-111 one byte more", LINE + of_size(MAX + 1) + b"\n" + DONE, 1, (2, of_size(MAX))),
    ("D3-111 one byte more, the last line", LINE + of_size(MAX + 1), 1, (2, of_size(MAX))),
    ("D3-111 after a BOM", BOM + of_size(MAX - 3) + b"\n" + DONE, 2, None),
    ("D3-111 one byte more after a BOM", BOM + of_size(MAX - 2) + b"\n" + DONE, 0, (1, BOM + of_size(MAX))),
    ("D3-111 blank", b" " * (MAX + 1) + b"\n" + DONE, 0, (1, b"")),
    ("D3-112 a line without an end", LINE + b"x" * 10000, 1, (2, b"x" * 120)),
]


@pytest.mark.parametrize("body, count, error", [pytest.param(*row[1:], id=row[0]) for row in LIMITS])
def test_a_line_may_be_as_long_as_the_limit(body: bytes, count: int, error: Any) -> None:
    found = any_cut(body, max_line=MAX)
    assert len(found.records) == count
    if error is not None and error is not NO_DONE:
        shown = " (%s)" % ascii(error[1][:120].decode()) if error[1] else ""
        error = ProtocolError, "line %d of the body: longer than 300 bytes (max_line)%s" % (error[0], shown)
    assert found.error == error


def test_fault_112_a_line_without_an_end_is_refused_when_it_passes_the_limit() -> None:
    decoder = ResponseDecoder(ChatResponse, is_done, max_line=1000)
    for _ in range(10):
        decoder.receive(b"x" * 100)
        assert list(decoder.records()) == []
    decoder.receive(b"x")
    with pytest.raises(ProtocolError):
        list(decoder.records())


def test_fault_112_a_document_without_an_end_is_refused_when_it_passes_the_limit() -> None:
    decoder = ResponseDecoder(VersionResponse, None, max_line=1000)
    for _ in range(10):
        decoder.receive(b"[" * 99 + b"\n")
        assert list(decoder.records()) == []
    decoder.receive(b"x")
    with pytest.raises(ProtocolError, match=r"^the body is longer than 1000 bytes \(max_line\)$"):
        list(decoder.records())


def test_fault_121_the_tail_of_half_a_line_is_kept_up_to_4_kib() -> None:
    for half in (b'{"half', b'{"' + b"x" * 10000):
        found = any_cut(LINE + half)
        assert found.details["tail"] == half[:4096]


def test_the_tail_can_be_had_before_the_end() -> None:
    decoder = ResponseDecoder(ChatResponse, is_done)
    for piece in bytewise(LINE + b'{"ha'):
        decoder.receive(piece)
        list(decoder.records())
    assert decoder.tail() == b'{"ha'


def test_fault_92_a_line_of_10_mb_takes_linear_time() -> None:
    def decode(size: int) -> None:
        body = text_line(b"x" * size) + DONE
        found = outcome(body[i : i + 4096] for i in range(0, len(body), 4096))
        assert found.error is None

    assert takes_linear_time(decode, 10_000_000)


def test_fault_92_a_line_fed_byte_by_byte_takes_linear_time() -> None:
    def decode(size: int) -> None:
        assert outcome(bytewise(text_line(b"x" * size) + DONE)).error is None

    assert takes_linear_time(decode, 128_000)


def test_faults_126_and_227_many_lines_take_constant_memory() -> None:
    decoder = ResponseDecoder(ChatResponse, is_done)
    blocks = [b"".join(line(str(i)) for i in range(start, start + 300)) for start in range(0, 9000, 300)]
    with memory_below(400_000):  # 2,048 strings that wait are 120 KB, 9,000 would be 560
        for block in blocks:
            decoder.receive(block)
            for _record in decoder.records():
                pass


# --- lines ------------------------------------------------------------------------------------------------------------


def test_blocks_are_whole_lines_and_nothing_is_lost() -> None:
    for seed in SEEDS[:200]:
        rng = random.Random(seed)
        body = bytes(rng.choice(b"ab\n\r\xef\xbb\xbf") for _ in range(rng.randrange(60)))
        lines, blocks = LineSplitter(), []
        for piece in random_cuts(body, rng):
            lines.receive(piece)
            blocks.append(lines.block())
        assert all(block[-1:] in (b"", b"\n") for block in blocks)
        assert b"\n" not in lines.rest()
        assert b"".join(blocks) + lines.rest() == (body[3:] if body.startswith(BOM) else body)


# --- properties, over what real servers sent -----------------------------------------------------------------------


def recorded_bodies() -> List[Tuple[Any, bytes]]:
    """The record class and the body of each good answer of chat and generate, of a long one the two ends."""
    bodies = []
    for folder, _, names in sorted(os.walk(RECORDINGS)):
        for name in sorted(name for name in names if name.endswith(".exchange.jsonl")):
            fixture = load(os.path.join(folder, name))
            path = fixture.request.path
            if path in ("/api/chat", "/api/generate"):
                lines = fixture.body().splitlines(True)
                short = b"".join(lines if len(lines) < 9 else lines[:4] + lines[-3:])
                bodies.append((ChatResponse if path == "/api/chat" else GenerateResponse, short))
    assert len(bodies) > 50
    return bodies


BODIES = recorded_bodies()
VALUES = [None, True, False, 0, -1, 1.5, 1e308, 10**400, "", "x", "\ud800", "{", '{"a":1}', [], [1], [None], {},
    {"a": {}}, [[]]]
NAMES = ["error", "done", "done_reason", "message", "response", "keys", "extra", "__class__", "content", "_debug_info",
    "x"]
RAW = [b"\n", b"\r", b"\x00", b"\xff", b"\xe2\x82", BOM, b"{", b"}", b"[", b'"', b"\\", b"NaN", b"1e999",
    b'{"error":"x"}\n', DONE]


def mutated(body: bytes, rng: random.Random) -> bytes:
    """The body with some bytes, or some JSON values in a line, changed."""
    for _ in range(rng.randrange(1, 4)):
        start = rng.randrange(len(body) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            body = body[:start] + rng.choice(RAW) + body[start:]
        elif kind == 1:
            body = body[:start] + bytes([rng.randrange(256)]) + body[start + 1 :]
        elif kind == 2:
            body = body[:start] + body[start + rng.randrange(40) :]
        else:
            body = with_changed_value(body, rng)
    return body


def with_changed_value(body: bytes, rng: random.Random) -> bytes:
    lines = body.split(b"\n")
    i = rng.randrange(len(lines))
    try:
        data = place = json.loads(lines[i].decode())
        while isinstance(place, dict):
            name = rng.choice(list(place) + NAMES)
            if not isinstance(place.get(name), dict) or rng.random() < 0.3:
                place[name] = rng.choice(VALUES)
                break
            place = place[name]
        lines[i] = json.dumps(data).encode()
    except (ValueError, RecursionError):
        pass
    return b"\n".join(lines)


def test_fault_88_the_cuts_do_not_matter_and_no_other_exception_escapes() -> None:
    kinds = set()
    for seed in SEEDS:
        rng = random.Random(seed)
        record, body = rng.choice(BODIES)
        body = mutated(body, rng)
        whole = outcome([body], record=record)
        assert same(outcome(random_cuts(body, rng), record=record), whole), seed
        if seed % 20 == 0:
            assert same(outcome(bytewise(body), record=record), whole), seed
        kinds.add(whole.error[0] if whole.error else None)
    assert kinds == {None, ProtocolError, IncompleteStream, ResponseError}


def test_fault_88_recorded_bodies_can_be_cut_anywhere() -> None:
    for record, body in BODIES:
        whole = outcome([body], record=record)
        assert same(outcome(bytewise(body), record=record), whole)
        for cut in range(0, len(body), 61 if support.seeds(0) else 211):
            assert same(outcome([body[:cut], body[cut:]], record=record), whole)


def test_no_part_of_an_answer_is_an_answer() -> None:
    counted = 0
    for record, body in BODIES:
        whole = outcome([body], record=record)
        if whole.error is not None:
            continue
        counted += 1
        for size in range(0, len(body.rstrip()), 11 if support.seeds(0) else 97):
            part = outcome([body[:size]], record=record)
            assert part.error in (NO_DONE, HALF_LINE)
            assert part.records == whole.records[: len(part.records)]
    assert counted > 30
