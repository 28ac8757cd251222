"""From body bytes to records: what a line may hold, what is refused and in which words, and that the cuts do not matter.

Ids that start with D3 or D4 name the numbered faults of NDJSON and of Ollama's protocol. Every row is given whole, byte
by byte and cut at random.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import time
import tracemalloc
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple, Type

import pytest
import support
from support import DONE, LINE, line

from ollama_stream import _stream
from ollama_stream._endpoints import is_done, is_success
from ollama_stream._errors import IncompleteStream, OllamaError, ProtocolError, ResponseError
from ollama_stream._records import ChatResponse, GenerateResponse, Logprob, Message, ProgressResponse, VersionResponse
from ollama_stream._stream import Assembler, LineSplitter, ResponseDecoder
from ollama_stream.fixture import load

SEEDS = range(int(os.environ.get("OLLAMA_STREAM_SEEDS", "3000")))
RECORDINGS = os.path.join(support.ROOT, "fixtures", "recordings")
BOM = b"\xef\xbb\xbf"
MAX = 300  # bytes: max_line where a row is about limits

NO_DONE = (IncompleteStream, "the body ended before the record that ends an answer")
HALF_LINE = (IncompleteStream, "the body ended inside a line")


def bad(lineno: int, what: str) -> Tuple[Type[OllamaError], str]:
    return ProtocolError, "line %d of the body: %s" % (lineno, what)


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
        error, details = (type(problem), str(problem)), vars(problem)
    return Outcome(list(map(dump, records)), error, details, dump(decoder.assembler.result()), decoder.finished)


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
SHOWN = '{"model":"m","created_at":"t","message":{"role":"assistant","content":"a'
AT_END = '"},"done":false}'
FIELD = ' (\'{"message":{"content":"x"},"unknown":'
TOO_DEEP = "nested deeper than 256 levels"

# id, body, the contents that are handed out, the error with its whole message
NDJSON: List[Tuple[str, bytes, List[str], Any]] = [
    ("a good stream", LINE + LINE + DONE, ["Hi", "Hi", ""], None),
    ("D3-89 characters of 2, 3 and 4 bytes", text_line("é€😀".encode()) + DONE, ["é€😀", ""], None),
    ("D3-90 an escaped pair of surrogates", text_line(rb"\ud83d\ude00") + DONE, ["😀", ""], None),
    ("D3-91 many lines in a piece", line("a") + line("b") + line("c") + DONE, ["a", "b", "c", ""], None),
    ("D3-93 CRLF", (LINE + DONE).replace(b"\n", b"\r\n"), ["Hi", ""], None),
    ("D3-94 a lone CR between objects", LINE[:-1] + b"\r" + LINE, [],
     bad(1, "not JSON: something follows the value at character 115 (%s)" % ascii(LINE[:-1].decode() + "\r{"[:5])[:-1])),
    ("D3-95 blank lines", b"\n \t\n" + LINE + b"\r\n\n" + DONE, ["Hi", ""], None),
    ("D3-96 BOM at the start", BOM + LINE + DONE, ["Hi", ""], None),
    ("D3-96 BOM and nothing else", BOM, [], NO_DONE),
    ("D3-96 two BOMs", BOM + BOM + DONE, [], bad(1, "not JSON")),
    ("D3-97 BOM later", LINE + BOM + DONE, ["Hi"], bad(2, "not JSON")),
    ("D3-98 U+0085, U+2028, U+2029", text_line("a\x85b\u2028c\u2029d".encode()) + DONE, ["a\x85b\u2028c\u2029d", ""], None),
] + [
    ("D3-99 %s in a string" % name, LINE + text_line(b"a" + raw) + DONE, ["Hi"], bad(2, CONTROL))
    for name, raw in (("VT", b"\x0b"), ("FF", b"\x0c"), ("FS", b"\x1c"), ("NUL", b"\x00"), ("TAB", b"\t"))
] + [
    ("D3-100 NUL between lines", LINE + b"\x00\n" + DONE, ["Hi"], bad(2, "not JSON ('\\x00')")),
    ("D3-101 a byte ff", LINE + NOT_UTF8 % b"\xff", ["Hi"], bad(2, "not UTF-8: invalid start byte at byte 24")),
    ("D3-101 a cut sequence", LINE + NOT_UTF8 % b"\xe2\x82", ["Hi"], bad(2, "not UTF-8: invalid continuation byte at byte 24")),
    ("D3-101 overlong", LINE + NOT_UTF8 % b"\xc0\x80", ["Hi"], bad(2, "not UTF-8: invalid start byte at byte 24")),
    ("D3-101 a sequence cut by the line's end", LINE + b'{"a\xe2\n' + DONE, ["Hi"],
     bad(2, "not UTF-8: unexpected end of data at byte 3")),
    ("D3-102 bytes of a surrogate", LINE + NOT_UTF8 % b"\xed\xa0\x80", ["Hi"],
     bad(2, "not UTF-8: invalid continuation byte at byte 24")),
    ("D3-103 UTF-16 with BOM", (LINE + DONE).decode().encode("utf-16"), [], bad(1, "not UTF-8: invalid start byte at byte 0")),
    ("D3-103 UTF-16 without", DONE.decode().encode("utf-16-le"), [], bad(1, "not JSON: ")),
    ("D3-103 Latin-1", text_line("é".encode("latin-1")), [], bad(1, "not UTF-8: invalid continuation byte at byte 71")),
    ("D3-104 a lone surrogate, escaped", text_line(rb"\ud800") + DONE, ["\ud800", ""], None),
    ("D3-105 a key twice", b'{"message":{"content":"a","content":"b"},"done":true,"done":false}\n' + DONE, ["b", ""], None),
    ("D3-105 done twice, true last", b'{"message":{"content":"a"},"done":false,"done":true}\n', ["a"], None),
] + [
    ("D3-106 %s" % name, with_field(name.encode()) + DONE, [], bad(1, "not JSON: %s is not JSON" % name))
    for name in ("NaN", "Infinity", "-Infinity")
] + [
    ("D3-107 1e999 in an unknown field", with_field(b"1e999") + DONE, ["x", ""], None),
    ("D3-107 1e999 in a duration", b'{"done":true,"eval_duration":1e999}\n', [],
     bad(1, "eval_duration: expected a number, got a number (Infinity)")),
    ("D3-107 1e999 in a log probability", b'{"done":true,"logprobs":[{"token":"a","logprob":-1e999}]}\n', [],
     bad(1, "logprobs[0].logprob: expected a number, got a number (-Infinity)")),
    ("D3-108 255 arrays in the object", with_field(b"[" * 255 + b"]" * 255) + DONE, ["x", ""], None),
    ("D3-108 256 arrays in the object", with_field(b"[" * 256 + b"]" * 256) + DONE, [], bad(1, TOO_DEEP)),
] + [
    ("D3-108 nested %d deep" % n, LINE + with_field(b"[" * n + b"]" * n) + DONE, ["Hi"], bad(2, TOO_DEEP))
    for n in (1000, 10000, 100000)
] + [
    ("D3-108 objects in objects", with_field(b'{"a":' * 1000 + b"1" + b"}" * 1000), [], bad(1, TOO_DEEP)),
    ("D3-108 arrays open over 100,000 lines", b"[\n" * 100000, [],
     bad(1, "not JSON ('['); this looks like JSON laid out over several lines")),
    ("D3-109 an integer of 5,000 digits", with_field(b"9" * 5000) + DONE, [], bad(1, "not JSON: Exceeds the limit (4300")),
    ("D3-110 an integer of 4,000 digits", with_field(b"9" * 4000) + DONE, ["x", ""], None),
] + [
    ("D3-113 %s for an object" % what, LINE + raw + b"\n" + DONE, ["Hi"],
     bad(2, "expected a JSON object, got %s (%r)" % (what, raw.decode())))
    for what, raw in (
        ("an array", b"[]"), ('a string ("a")', b'"a"'), ("a number (1.5)", b"1.5"), ("null", b"null"),
        ("a boolean (true)", b"true"),
    )
] + [
    ("D3-114 two objects in a line", LINE + b"{}{}\n" + DONE, ["Hi"],
     bad(2, "not JSON: something follows the value at character 2 ('{}{}')")),
    ("D3-114 an object, then garbage", LINE + b"{} x\n" + DONE, ["Hi"],
     bad(2, "not JSON: something follows the value at character 3 ('{} x')")),
    ("D3-114 an object over two lines", LINE + b'{"done":\ntrue}\n', ["Hi"], bad(2, "not JSON ('{\"done\":')")),
    ("D3-115 server-sent events", b'data: {"choices":[]}\n\n', [],
     bad(1, "not JSON ('data: {\"choices\":[]}'); this looks like server-sent events: is the path one of /v1?")),
    ("D3-115 a comment of server-sent events", b": keep-alive\n\n", [],
     bad(1, "not JSON (': keep-alive'); this looks like server-sent events: is the path one of /v1?")),
    ("D3-116 JSON over several lines", b'{\n  "done": true\n}\n', [],
     bad(1, "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) ('{'); "
         "this looks like JSON laid out over several lines")),
    ("a web page", b"<html>\n</html>", [],
     bad(1, "not JSON ('<html>'); this looks like a web page: is this an Ollama server?")),
    ("a web page without a line end", b"<html>", [],
     bad(1, "expected a JSON object ('<html>'); this looks like a web page: is this an Ollama server?")),
    ("D3-117 garbage amid good lines", LINE + b"oops\n" + LINE + DONE, ["Hi"], bad(2, "not JSON ('oops')")),
    ("D3-118 text after the end", LINE + DONE + line("late"), ["Hi", ""], None),
    ("D3-118 garbage after the end", LINE + DONE + b"\xff\n[[", ["Hi", ""], None),
    ("D3-119 two ends", LINE + DONE + DONE, ["Hi", ""], None),
    ("D3-120 the end without a newline", LINE + DONE[:-1], ["Hi", ""], None),
    ("D3-120 an answer that is one object", DONE[:-1], [""], None),
    ("D3-121 half a line", LINE + LINE[:9], ["Hi"], HALF_LINE),
    ("D3-121 half a character", LINE + b'{"message":{"content":"\xe2\x82', ["Hi"], HALF_LINE),
    ("D3-121 half a line that is garbage", LINE + b"oops", ["Hi"], bad(2, "expected a JSON object ('oops')")),
    ("D3-122 no end", LINE + LINE, ["Hi", "Hi"], NO_DONE),
    ("D3-122 no end, the last line without a newline", LINE + LINE[:-1], ["Hi", "Hi"], NO_DONE),
    ("D3-123 done_reason without done", LINE + b'{"message":{"content":"x"},"done_reason":"stop"}\n' + LINE, ["Hi", "x"], None),
    ("D3-123 done_reason beside done: false", b'{"done":false,"done_reason":"stop"}\n', [""], NO_DONE),
    ("D3-124 an empty body", b"", [], NO_DONE),
    ("D3-124 nothing but blanks, without a newline", b"  ", [], NO_DONE),
    ("D3-125 only blank lines", b"\n\n \n", [], NO_DONE),
    ("D3-125 blank lines, then the end", b"\n\n" + DONE, [""], None),
    ("D3-125 nothing but thinking", b'{"message":{"role":"assistant","content":"","thinking":"hm"}}\n' + DONE, ["", ""], None),
]  # fmt: skip
# Messages that a row does not give to their end: the rest is the JSON decoder's, or the line once more.
OPEN_ENDED = ("D3-103", "D3-109", "D3-9", "D3-101", "D3-102", "D3-108", "D3-106", "D3-107")


def rows(table: List[Any], *more: str) -> Any:
    assert table
    return pytest.mark.parametrize("body, texts, error", [pytest.param(*row[1:], id=row[0]) for row in table])


@rows(NDJSON)
def test_each_line_is_a_record_or_an_error(body: bytes, texts: List[str], error: Any, request: Any) -> None:
    found = any_cut(body)
    assert contents(found) == texts
    assert found.finished is (error is None)
    expected_message(found.error, error)
