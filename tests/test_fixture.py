"""Exchange files: reading, writing, redaction, matching. The recordings under fixtures/ are the main table."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import logging
import os
import random
import sys
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

from ollama_stream.fixture import cassette, lines as fixture_lines
from ollama_stream._errors import FixtureError, RequestError
from ollama_stream._http1 import Head, Response
from ollama_stream._address import UNSET
from ollama_stream.fixture import (
    Cassette, Event, Fixture, RecordedRequest, Writer, decode_bytes, dumps, encode_bytes, lint, load, load_folder, loads,
    matches, nearest, normalise,
)  # fmt: skip
from ollama_stream.fixture.exchange import make_chunk_event
from ollama_stream.fixture.redact import Redactor

RECORDINGS = Path(__file__).resolve().parent.parent / "fixtures" / "recordings"
FILES = sorted(RECORDINGS.glob("*/*.exchange.jsonl"))
NAMES = ["%s/%s" % (file.parent.name, file.name) for file in FILES]
NAME = "chat.exchange.jsonl"

HEADER = '{"ollama_stream_fixture":1}'
REQUEST = '[0.000000,"request",{"method":"GET","path":"/","headers":[]}]'
HEAD = '[0.100000,"head",{"version":"1.1","status":200,"reason":"OK","headers":[["Transfer-Encoding","chunked"]]}]'
PLAIN_HEAD = '[0.100000,"head",{"version":"1.1","status":200,"reason":"OK","headers":[]}]'
CHUNK = '[0.200000,"chunk","hello"]'
END = '[0.300000,"end",{"how":"complete"}]'


def text(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode("utf-8")


def exchange(*lines: str) -> Fixture:
    return loads(text(HEADER, REQUEST, *lines), NAME)


def wire(*lines: str) -> List[Tuple[float, bytes]]:
    return list(exchange(*lines).wire())


# The recordings


def test_there_are_recordings() -> None:
    assert len(FILES) > 100


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_recording_comes_out_as_it_went_in(file: Path) -> None:
    fixture = load(file)
    assert dumps(fixture) == file.read_bytes()
    assert lint(fixture) == []


@pytest.mark.each(5)
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_recorded_request_has_the_length_that_was_sent(file: Path) -> None:
    request = load(file).request
    assert len(request.body_bytes()) == int(dict(request.headers).get("Content-Length", b"0"))


@pytest.mark.each(5)
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_wire_of_a_recording_is_the_response(file: Path) -> None:
    fixture = load(file)
    response = Response(fixture.request.method)
    for _, data in fixture.wire():
        response.receive(data)
    assert response.read_head() == fixture.head
    assert response.read_body() == fixture.body()
    assert response.complete == (fixture.how == "complete")
    assert response.surplus == b""


def test_a_plain_body_written_as_an_exchange_file_plays_the_same() -> None:
    plain = loads(b'{"response":"a"}\n\n%%%\r\n\xff', "hello.ndjson")
    again = loads(dumps(plain), "hello.exchange.jsonl")
    assert list(again.wire()) == list(plain.wire())
    assert (again.plain, again.name, again.request.path) == (False, "hello", "/api/generate")


# Plain bodies


PLAIN = [  # id, bytes, path, chunks
    ("chat", b'{"message":{}}\n{"done":true}\n', "/api/chat", [b'{"message":{}}\n', b'{"done":true}\n']),
    ("generate", b'{"response":""}\n', "/api/generate", [b'{"response":""}\n']),
    ("generate after a line that is not JSON", b'%%\n{"response":""}', "/api/generate", [b"%%\n", b'{"response":""}']),
    ("blank lines, CRLF, a lone CR", b"\n\r\na\rb\n", "/api/chat", [b"\n", b"\r\n", b"a\rb\n"]),
    ("BOM", b"\xef\xbb\xbf{}\n", "/api/chat", [b"\xef\xbb\xbf{}\n"]),
    ("no UTF-8, no last line end", b"a\n\xff\xfe", "/api/chat", [b"a\n", b"\xff\xfe"]),
    ("U+2028", "\u2028a\x85b\n".encode("utf-8"), "/api/chat", ["\u2028a\x85b\n".encode("utf-8")]),
    ("the key in a string", b'{"message":"\\"ollama_stream_fixture\\":1"}', "/api/chat", None),
    ("empty", b"", "/api/chat", []),
]


@pytest.mark.parametrize("data, path, chunks", [row[1:] for row in PLAIN], ids=[row[0] for row in PLAIN])
def test_a_plain_body_is_cut_after_each_line(data: bytes, path: str, chunks: Optional[List[bytes]]) -> None:
    fixture = loads(data, "hello.ndjson")
    fields = [("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked")]
    assert fixture.events == [
        Event(0.0, "request", RecordedRequest("POST", path, [])),
        Event(0.0, "head", Head("1.1", 200, "OK", fields)),
        *[Event(0.0, "chunk", chunk) for chunk in ([data] if chunks is None else chunks)],
        Event(0.0, "end", {"how": "complete"}),
    ]
    assert (fixture.plain, fixture.name, fixture.body()) == (True, "hello", data)


def test_an_exchange_is_known_by_its_first_line_whatever_its_suffix() -> None:
    assert not loads(b' { "ollama_stream_fixture" : 1}\n' + text(REQUEST, END), "saved.txt").plain


# Reading


def test_an_exchange_is_read_into_events() -> None:
    request = '[0,"request",{"method":"POST","path":"/a?b","headers":[["X",["\u20ac",{"hex":"ff"}]]],'
    fixture = loads(
        text(
            '{"ollama_stream_fixture":1,"note":"n","future":[1]}',
            request + '"body":{"hex":"ff00"},"version":"1.0","length":2}]',
            '[0,"interim",{"version":"1.1","status":103,"reason":"","headers":[["Link","a"]]}]',
            '[0.5,"x-trace",{"any":["thing"]}]',
            '[1,"head",{"version":"1.1","status":200,"reason":{"hex":"e9"},'
            '"headers":[["transfer-encoding","CHUNKED "]]}]',
            '[2,"chunk","a",{"ext":"b=c","size":"0001"}]',
            '[2,"note","a comment"]',
            '[2,"trailers",[["T",{"hex":"e9"}]]]',
            '[3,"end",{"how":"complete","detail":"d"}]',
        ),
        path="/somewhere/" + NAME,
    )
    headers = [("X", b"\xe2\x82\xac\xff")]
    assert fixture.header == {"ollama_stream_fixture": 1, "note": "n", "future": [1]}
    assert fixture.events == [
        Event(0.0, "request", RecordedRequest("POST", "/a?b", headers, UNSET, b"\xff\x00", "1.0", 2)),
        Event(0.0, "interim", Head("1.1", 103, "", [("Link", "a")])),
        Event(0.5, "x-trace", {"any": ["thing"]}),
        Event(1.0, "head", Head("1.1", 200, "\xe9", [("transfer-encoding", "CHUNKED ")])),
        Event(2.0, "chunk", b"a", {"ext": "b=c", "size": "0001"}),
        Event(2.0, "note", "a comment"),
        Event(2.0, "trailers", [("T", "\xe9")]),
        Event(3.0, "end", {"how": "complete", "detail": "d"}),
    ]
    assert (fixture.path, fixture.name) == ("/somewhere/" + NAME, "fixture")
    assert (fixture.how, fixture.body()) == ("complete", b"a")
    assert fixture.request.body_bytes() == b"\xff\x00"


def test_line_ends_changed_to_crlf_change_nothing() -> None:
    data = text(HEADER, REQUEST, HEAD, CHUNK, END)
    assert loads(data.replace(b"\n", b"\r\n"), NAME) == loads(data, NAME)


def test_a_request_without_a_body_is_not_one_with_null() -> None:
    assert exchange(END).request.json is UNSET
    null = loads(text(HEADER, '[0,"request",{"method":"POST","path":"/","headers":[],"json":null}]', END), NAME)
    assert (null.request.json, null.request.body_bytes()) == (None, b"null")


def test_an_exchange_may_end_before_any_response() -> None:
    fixture = exchange('[1,"end",{"how":"reset"}]')
    assert (fixture.head, fixture.how, fixture.body(), list(fixture.wire())) == (None, "reset", b"", [])


DEEP = "[" * 200 + "]" * 200
BAD = [  # id, line number, message, lines
    ("empty", 1, "expected a header and a request, found the end of the file", []),
    ("header alone", 2, "expected a header and a request, found the end of the file", [HEADER]),
    ("not JSON", 1, "expected JSON: Expecting value (column 1)", ["%%%"]),
    ("BOM", 1, "expected JSON, found a byte order mark", ["\ufeff" + HEADER]),
    ("not a header", 1, "expected the header, an object whose first key is ollama_stream_fixture", ['{"message":{}}']),
    ("header is an array", 1, "expected the header, an object whose first key is ollama_stream_fixture", ["[1]"]),
    ("key not first", 1, "expected the header, an object whose first key is ollama_stream_fixture",
        ['{"a":1,"ollama_stream_fixture":1}']),
    ("version 2 fault_232", 1, "format version 2; this reads 1", ['{"ollama_stream_fixture":2}']),
    ("version 0", 1, "expected format version 1, found 0", ['{"ollama_stream_fixture":0}']),
    ("version true", 1, "expected format version 1, found true", ['{"ollama_stream_fixture":true}']),
    ("version 1.0", 1, "expected format version 1, found 1.0", ['{"ollama_stream_fixture":1.0}']),
    ("header field", 1, "expected header.note to be a string, found 3", ['{"ollama_stream_fixture":1,"note":3}']),
    ("redacted", 1, "expected header.redacted to hold strings only", ['{"ollama_stream_fixture":1,"redacted":[3]}']),
    ("match level", 1, 'expected match.level to be exact, messages, model, path or any, found "near"',
        ['{"ollama_stream_fixture":1,"match":{"level":"near"}}']),
    ("match ignore", 1, 'expected a JSON Pointer such as "/options/seed", found "seed"',
        ['{"ollama_stream_fixture":1,"match":{"ignore":["seed"]}}']),
    ("match unknown", 1, 'unknown member "code" in match', ['{"ollama_stream_fixture":1,"match":{"code":"x"}}']),
    ("blank line", 2, "expected JSON: Expecting value (column 2)", [HEADER, ""]),
    ("key twice", 2, "expected JSON: a key stands twice in an object", [HEADER, '[0,"note",{"a":1,"a":1}]']),
    ("NaN fault_232", 2, "expected JSON: NaN is not JSON", [HEADER, "[NaN]"]),
    ("-Infinity", 2, "expected JSON: -Infinity is not JSON", [HEADER, "[-Infinity]"]),
    ("1e400", 2, "expected JSON: a number that is not finite", [HEADER, "[1e400]"]),
    ("long integer", 2, "expected JSON: an integer of more than 4300 digits", [HEADER, "[1%s]" % ("0" * 4300)]),
    ("deep fault_232", 2, "expected JSON nested at most 256 deep", [HEADER, "[" * 10**6]),
    ("one too deep", 2, "expected JSON nested at most 256 deep", [HEADER, "[" * 257 + "]" * 257]),
    ("not an array", 2, "expected an array [time, kind, data] or [time, kind, data, extra]", [HEADER, "{}"]),
    ("two members", 2, "expected an array [time, kind, data] or [time, kind, data, extra]", [HEADER, '[0,"request"]']),
    ("kind is a number", 2, "unknown kind of event: 7", [HEADER, "[0,7,{}]"]),
    ("kind is unknown", 3, 'unknown kind of event: "pause"', [HEADER, REQUEST, '[0,"pause",1]']),
    ("extra", 3, "expected extra to be an object, found 1", [HEADER, REQUEST, '[0,"note","n",1]']),
    ("head first", 2, 'expected request after header, found "head"', [HEADER, HEAD]),
    ("note first", 2, 'expected request after header, found "note"', [HEADER, '[0,"note","n"]']),
    ("second request", 3, 'expected interim, head, raw or end after request, found "request"',
        [HEADER, REQUEST, REQUEST]),
    ("second head", 4, 'expected chunk, part, trailers, raw or end after head, found "head"',
        [HEADER, REQUEST, HEAD, HEAD]),
    ("chunk first", 3, 'expected interim, head, raw or end after request, found "chunk"', [HEADER, REQUEST, CHUNK]),
    ("chunk after trailers", 5, 'expected raw or end after trailers, found "chunk"',
        [HEADER, REQUEST, HEAD, '[0.2,"trailers",[]]', CHUNK]),
    ("chunk after raw", 5, 'expected raw or end after raw, found "chunk"',
        [HEADER, REQUEST, HEAD, '[0.2,"raw","?"]', CHUNK]),
    ("chunk after an unfinished one", 5, 'expected raw or end after unfinished, found "chunk"',
        [HEADER, REQUEST, HEAD, '[0.2,"part","a",{"of":9}]', CHUNK]),
    ("after the end", 4, 'expected nothing after end, found "note"', [HEADER, REQUEST, END, '[1,"note","n"]']),
    ("no end", 4, "expected an end, found the end of the file", [HEADER, REQUEST, HEAD]),
    ("time falls fault_232", 4, "times must not decrease (0.1 after 0.7)",
        [HEADER, REQUEST, '[0.7,"note","n"]', HEAD]),
    ("time negative fault_232", 2, "expected a time, seconds from 0 on, found -1", [HEADER, '[-1,"request",{}]']),
    ("time true", 2, "expected a time, seconds from 0 on, found true", [HEADER, '[true,"request",{}]']),
    ("time text", 2, 'expected a time, seconds from 0 on, found "0"', [HEADER, '["0","request",{}]']),
    ("time huge fault_232", 2, "expected a time, seconds from 0 on, found 1%s..." % ("0" * 56),
        [HEADER, '[1%s,"request",{}]' % ("0" * 400)]),
    ("late request", 2, "expected the request at time 0, found 1.0", [HEADER, REQUEST.replace("0.000000", "1")]),
    ("request data", 2, "expected request to be an object, found []", [HEADER, '[0,"request",[]]']),
    ("request without path", 2, "expected path in request", [HEADER, '[0,"request",{"method":"GET","headers":[]}]']),
    ("request with more", 2, 'unknown member "a" in request', [HEADER, REQUEST.replace("{", '{"a":1,')]),
    ("json and body", 2, "expected json or body in the request, found both",
        [HEADER, REQUEST.replace("[]", '[],"json":1,"body":"1"')]),
    ("method", 2, 'expected request.method to be a word, found "G T"', [HEADER, REQUEST.replace("GET", "G T")]),
    ("path", 2, 'expected request.path in visible ASCII, found "/ HTTP/1.1\\r\\nA: b"',
        [HEADER, REQUEST.replace('"/"', '"/ HTTP/1.1\\r\\nA: b"')]),
    ("path surrogate", 2, 'expected request.path in visible ASCII, found "/\\udc80"',
        [HEADER, REQUEST.replace('"/"', '"/\\udc80"')]),
    ("length", 2, "expected request.length to be an integer, found true",
        [HEADER, REQUEST.replace("[]", '[],"length":true')]),
    ("headers", 2, "expected [name, value], found 1", [HEADER, REQUEST.replace("[]", "[1]")]),
    ("header name", 2, 'expected the name of a header field, found "A b"',
        [HEADER, REQUEST.replace("[]", '[["A b",""]]')]),
    ("header value", 2, 'expected header text without CR, LF and NUL, found "a\\r\\nB: c"',
        [HEADER, REQUEST.replace("[]", '[["A","a\\r\\nB: c"]]')]),
    ("header value NUL", 2, 'expected header text without CR, LF and NUL, found "a\\u0000"',
        [HEADER, REQUEST.replace("[]", '[["A","a\\u0000"]]')]),
    ("status", 3, "expected a status from 200 to 999, found 100", [HEADER, REQUEST, HEAD.replace("200", "100")]),
    ("interim status", 3, "expected a status from 100 to 199, found 200",
        [HEADER, REQUEST, HEAD.replace('"head"', '"interim"')]),
    ("version of HTTP", 3, 'expected an HTTP version such as 1.1, found "2"',
        [HEADER, REQUEST, HEAD.replace("1.1", "2")]),
    ("reason", 3, 'expected header text without CR, LF and NUL, found "\\n"',
        [HEADER, REQUEST, HEAD.replace("OK", "\\n")]),
    ("odd hex fault_232", 4, 'expected an even number of lower-case hex digits, found "abc"',
        [HEADER, REQUEST, HEAD, '[1,"chunk",{"hex":"abc"}]']),
    ("upper-case hex", 4, 'expected an even number of lower-case hex digits, found "AB"',
        [HEADER, REQUEST, HEAD, '[1,"chunk",{"hex":"AB"}]']),
    ("bytes", 4, 'expected bytes: a string, {"hex":...} or an array of these, found 7',
        [HEADER, REQUEST, HEAD, '[1,"chunk",[7]]']),
    ("nested bytes", 4, "expected no array inside an array of bytes", [HEADER, REQUEST, HEAD, '[1,"chunk",[[]]]']),
    ("deep bytes", 4, "expected no array inside an array of bytes", [HEADER, REQUEST, HEAD, '[1,"chunk",%s]' % DEEP]),
    ("surrogate", 4, "expected bytes, found a string with a lone surrogate",
        [HEADER, REQUEST, HEAD, '[1,"chunk","\\ud800"]']),
    ("empty chunk", 4, "expected a chunk of at least one byte: an empty one ends the body",
        [HEADER, REQUEST, HEAD, '[1,"chunk",""]']),
    ("chunk without chunks", 4, "expected Transfer-Encoding: chunked in the head before a chunk",
        [HEADER, REQUEST, PLAIN_HEAD, CHUNK]),
    ("part of no size", 4, 'expected "of", as the body is chunked', [HEADER, REQUEST, HEAD, '[1,"part","a"]']),
    ("part of no chunk", 4, 'expected no "of"', [HEADER, REQUEST, PLAIN_HEAD, '[1,"part","a",{"of":3}]']),
    ("part too long", 4, 'expected "of", a size of 3 or more, found 2',
        [HEADER, REQUEST, HEAD, '[1,"part","abc",{"of":2}]']),
    ("part complete", 5, 'expected an unfinished chunk not to be "complete"',
        [HEADER, REQUEST, HEAD, '[0.2,"part","a",{"of":9}]', END]),
    ("size", 4, 'expected size to be 5 in hexadecimal, found "6"',
        [HEADER, REQUEST, HEAD, '[1,"chunk","hello",{"size":"6"}]']),
    ("size with a sign", 4, 'expected size to be 5 in hexadecimal, found "+5"',
        [HEADER, REQUEST, HEAD, '[1,"chunk","hello",{"size":"+5"}]']),
    ("ext", 4, "expected ext to be without CR and LF", [HEADER, REQUEST, HEAD, '[1,"chunk","a",{"ext":"\\n"}]']),
    ("note", 3, "expected a note to be a string, found 1", [HEADER, REQUEST, '[0,"note",1]']),
    ("how", 3, 'expected end.how to be complete, eof, reset, timeout, cancelled or error, found "fine"',
        [HEADER, REQUEST, '[0,"end",{"how":"fine"}]']),
]


@pytest.mark.parametrize("lineno, message, lines", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_line_is_named(lineno: int, message: str, lines: List[str]) -> None:
    with pytest.raises(FixtureError) as caught:
        loads(text(*lines), NAME, path="/somewhere/" + NAME)
    assert str(caught.value) == "%s, line %d: %s" % (NAME, lineno, message)
    assert (caught.value.lineno, caught.value.path) == (lineno, "/somewhere/" + NAME)


def test_bytes_that_are_not_utf_8_are_named() -> None:
    with pytest.raises(FixtureError) as caught:
        loads(text(HEADER) + b'["\xff"]', NAME)
    assert str(caught.value) == "chat.exchange.jsonl, line 2: expected UTF-8, found byte 0xff at column 3"


def test_every_kind_has_a_row_in_the_table_of_followers() -> None:
    kinds = {kind for followers in fixture_lines.FOLLOWERS.values() for kind in followers}
    assert kinds | {"header", "unfinished"} == set(fixture_lines.FOLLOWERS)


def test_as_many_levels_as_may_be_are_not_too_deep() -> None:
    assert loads(text(HEADER, REQUEST, '[0,"x-deep",%s]' % ("[" * 255 + "]" * 255), END), NAME).how == "complete"
    brackets = '"\\"%s\\\\"' % ("[" * 300)
    assert loads(text(HEADER, REQUEST, '[0,"note",%s]' % brackets, END), NAME).events[1].data == '"' + "[" * 300 + "\\"


def test_a_line_above_64_mib_is_refused(tmp_path: Path) -> None:
    file = tmp_path / NAME
    with open(file, "wb") as sparse:
        sparse.write(text(HEADER))
        sparse.truncate(1 << 30)
    with pytest.raises(FixtureError) as caught:
        load(file)
    assert str(caught.value) == "chat.exchange.jsonl, line 2: expected a line of at most 67108864 bytes"


@pytest.mark.each(3)
@pytest.mark.parametrize("seed", range(20))
def test_mutated_files_load_or_raise_fixture_error(seed: int) -> None:
    rng = random.Random(seed)
    whole = text(HEADER, REQUEST, HEAD, CHUNK, '[0.25,"chunk",["h",{"hex":"e282"}],{"size":"03"}]', END)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            start = rng.randrange(len(data))
            data[start : start + rng.randint(0, 3)] = rng.choice([b"", b'"', b"[", b"}", b"-", b"1e9", b"\xff", b"\n"])
        for allow_truncated in (False, True):
            try:
                fixture = loads(bytes(data), NAME, allow_truncated=allow_truncated)
            except FixtureError as error:
                assert error.lineno is not None
            else:
                assert loads(dumps(fixture), NAME) == fixture
                assert b"".join(piece for _, piece in fixture.wire())


def test_every_cut_of_a_file_loads_as_truncated_and_ends_with_eof() -> None:
    lines = [HEADER, REQUEST, HEAD, '[0.2,"chunk","h\u20acllo"]', END]
    whole, start = text(*lines), len(text(HEADER, REQUEST)) - 1
    complete = loads(whole, NAME)
    for cut in range(start, len(whole) - 1):
        with pytest.raises(FixtureError):
            loads(whole[:cut], NAME)
        fixture = loads(whole[:cut], NAME, allow_truncated=True)
        assert fixture.how == "eof"
        assert fixture.events[:-1] == complete.events[: len(fixture.events) - 1]
    assert loads(whole[:-1], NAME, allow_truncated=True) == complete


def test_a_truncated_file_says_so_and_how_to_read_on_is_no_licence_for_bad_lines() -> None:
    with pytest.raises(FixtureError, match="line 3: expected JSON"):
        loads(text(HEADER, REQUEST, "[0.1,"), NAME, allow_truncated=True)
    with pytest.raises(FixtureError, match="line 2: expected a header and a request"):
        loads(text(HEADER) + b'[0,"requ', NAME, allow_truncated=True)


# Folders


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.ndjson", "a.exchange.jsonl", "c.txt", "d.exchange.jsonl.part"):
        (tmp_path / name).write_bytes(text(HEADER, REQUEST, END))
    (tmp_path / "sub.ndjson").mkdir()
    assert [fixture.name for fixture in load_folder(tmp_path)] == ["a", "b"]


def test_a_folder_without_exchanges_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixtureError) as caught:
        load_folder(tmp_path)
    assert str(caught.value) == "%s: expected files named *.exchange.jsonl or *.ndjson" % tmp_path


def test_280_a_folder_of_folders_names_those_that_have_exchanges(tmp_path: Path) -> None:
    for name in ("one", "two", "empty", "bad"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "a.ndjson").write_bytes(b"{}")
    (tmp_path / "two" / "a.exchange.jsonl").write_bytes(b"")
    (tmp_path / "bad" / "a.ndjson").mkdir()
    (tmp_path / "README.md").write_bytes(b"")
    with pytest.raises(FixtureError) as caught:
        load_folder(tmp_path)
    where = "%s: expected files named *.exchange.jsonl or *.ndjson; name one of its folders: one, two"
    assert str(caught.value) == where % tmp_path


def test_280_what_a_folder_has_besides_exchanges_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("sub", "empty"):
        (tmp_path / name).mkdir()
    for name in ("a.ndjson", "sub/b.ndjson", "README.md", "c.json", ".hidden", "d.exchange.jsonl.part", "e", "f"):
        (tmp_path / name).write_bytes(b"{}\n")
    assert [fixture.name for fixture in load_folder(tmp_path)] == ["a"]
    left_out = "sub, README.md, c.json, e, empty and 1 more"
    assert caplog.messages == ["%s: no exchanges, and left out: %s" % (tmp_path, left_out)]


PLAIN_FILES = [  # id, the name, the bytes, whether it is said that it is taken for a body
    ("a README", "README.md", b"# Recordings\n\nEach file {...\n", True),
    ("nothing", "empty.txt", b"", True),
    ("what curl saved", "answer.txt", b'\n {"done":true}\n', False),
    ("on purpose", "bad.ndjson", b"# Recordings\n", False),
]


@pytest.mark.parametrize("name, data, said", [row[1:] for row in PLAIN_FILES], ids=[row[0] for row in PLAIN_FILES])
def test_280_a_file_that_is_taken_for_a_body_by_mistake_is_told(
    name: str, data: bytes, said: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert load(path).body() == data
    assert caplog.messages == (["%s: no exchange file: taken for a response body" % path] if said else [])


def test_a_link_out_of_the_folder_is_refused_fault_231(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    folder = tmp_path / "cassette"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(b"{}\n")
    (folder / "b.ndjson").symlink_to("a.ndjson")
    assert [fixture.body() for fixture in load_folder(folder)] == [b"{}\n", b"{}\n"]
    (folder / "c.ndjson").symlink_to("../secret.txt")
    with pytest.raises(FixtureError) as caught:
        load_folder(folder)
    assert str(caught.value) == "%s: a link that leads out of the folder" % (folder / "c.ndjson")


@pytest.mark.parametrize("path", ["no such file", "a\0b", ".", "x" * 5000], ids=["missing", "NUL", "folder", "long"])
def test_what_cannot_be_opened_is_a_fixture_error(path: str) -> None:
    with pytest.raises(FixtureError, match="cannot be read"):
        load(path)


def test_a_folder_that_cannot_be_opened_is_a_fixture_error() -> None:
    with pytest.raises(FixtureError, match="^no such folder: cannot be read: No such file or directory$"):
        load_folder("no such folder")


def test_reading_executes_nothing_fault_233() -> None:
    source = Path(fixture_lines.__file__).parent
    for name in ("file", "lines", "reader", "exchange", "canonical", "redact", "cassette", "recorder", "conversion"):
        code = (source / (name + ".py")).read_text(encoding="utf-8")
        assert not [word for word in ("pickle", "eval(", "exec(", "yaml", "marshal", "shelve") if word in code]

# The wire


HEAD_BYTES = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WIRE = [  # id, events, items after the head
    ("complete", [CHUNK, END], [(0.2, b"5\r\nhello\r\n"), (0.3, b"0\r\n\r\n")]),
    ("empty body", [END], [(0.3, b"0\r\n\r\n")]),
    ("cut", [CHUNK, END.replace("complete", "eof")], [(0.2, b"5\r\nhello\r\n")]),
    ("size line as it came", ['[0.2,"chunk","hello",{"ext":"a=\u20ac","size":"0005 "}]', END],
        [(0.2, b"0005 ;a=\xe2\x82\xac\r\nhello\r\n"), (0.3, b"0\r\n\r\n")]),
    ("unfinished chunk", ['[0.2,"part","hel",{"of":131,"ext":""}]', '[0.3,"end",{"how":"reset"}]'],
        [(0.2, b"83;\r\nhel")]),
    ("rejected after a chunk's data",
        ['[0.2,"part","hello",{"of":5}]', '[0.2,"raw","XY"]', '[0.3,"end",{"how":"error"}]'],
        [(0.2, b"5\r\nhello"), (0.2, b"XY")]),
    ("trailers", [CHUNK, '[0.2,"trailers",[["A","b"],["C",{"hex":"ff"}]]]', END],
        [(0.2, b"5\r\nhello\r\n"), (0.2, b"0\r\nA: b\r\nC: \xff\r\n"), (0.3, b"\r\n")]),
    ("trailers and a cut", ['[0.2,"trailers",[["A","b"]]]', '[0.3,"end",{"how":"eof"}]'], [(0.2, b"0\r\nA: b\r\n")]),
    ("raw ends the framing", ['[0.2,"raw","5\\r\\nhe"]', '[0.2,"note","n"]', END], [(0.2, b"5\r\nhe")]),
]


@pytest.mark.parametrize("events, items", [row[1:] for row in WIRE], ids=[row[0] for row in WIRE])
def test_the_wire_has_an_item_for_each_event_with_bytes(events: List[str], items: List[Tuple[float, bytes]]) -> None:
    assert wire(HEAD, *events) == [(0.1, HEAD_BYTES), *items]


def test_a_body_without_chunks_goes_out_as_it_came() -> None:
    parts = ['[0.2,"part","hel"]', '[0.2,"part",""]', '[0.3,"part","lo"]', '[0.4,"end",{"how":"eof"}]']
    assert wire(PLAIN_HEAD, *parts) == [(0.1, b"HTTP/1.1 200 OK\r\n\r\n"), (0.2, b"hel"), (0.3, b"lo")]


def test_interim_heads_go_out_first() -> None:
    interim = '[0.05,"interim",{"version":"1.0","status":102,"reason":{"hex":"e9"},"headers":[["A",{"hex":"ff"}]]}]'
    assert wire(interim, PLAIN_HEAD, END)[0] == (0.05, b"HTTP/1.0 102 \xe9\r\nA: \xff\r\n\r\n")


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 205), ("GET", 304)])
def test_a_response_that_has_no_body_gets_no_last_chunk(method: str, status: int) -> None:
    lines = [REQUEST.replace("GET", method), HEAD.replace("200", str(status)), END]
    assert len(list(loads(text(HEADER, *lines), NAME).wire())) == 1


CODINGS = [
    ([("Transfer-Encoding", "chunked")], True),
    ([("TRANSFER-ENCODING", " Chunked\t")], True),
    ([("Transfer-Encoding", "gzip, chunked")], True),
    ([("Transfer-Encoding", "gzip"), ("Transfer-Encoding", "chunked")], True),
    ([("Transfer-Encoding", "chunked, gzip")], False),
    ([("Transfer-Encoding", "xchunked")], False),
    ([("TE", "chunked")], False),
]


@pytest.mark.parametrize("fields, chunked", CODINGS, ids=[repr(row[0]) for row in CODINGS])
def test_chunks_follow_where_the_last_coding_says_so(fields: List[Tuple[str, str]], chunked: bool) -> None:
    events = [Event(0, "request", RecordedRequest("GET", "/", [])), Event(0, "head", Head("1.1", 200, "OK", fields))]
    fixture = Fixture({}, events + [Event(0, "end", {"how": "complete"})])
    assert (list(fixture.wire())[-1] == (0, b"0\r\n\r\n")) == chunked


def test_chunks_off_the_wire_become_events_and_the_wire_again() -> None:
    body = b"5\r\nhello\r\n0005 ;a=b\r\nhello\r\n5;\r\nhello\r\n83;x=\xff\r\nhel"
    response = Response("GET", keep_chunks=True)
    response.receive(HEAD_BYTES + body)
    head = response.read_head()
    response.read_body()
    response.receive(b"")
    with pytest.raises(Exception, match="closed"):
        response.read_body()
    chunks = [make_chunk_event(0.5, chunk) for chunk in response.take_chunks()]
    assert [(event.kind, event.data, event.extra) for event in chunks] == [
        ("chunk", b"hello", None),
        ("chunk", b"hello", {"ext": "a=b", "size": "0005 "}),
        ("chunk", b"hello", {"ext": ""}),
        ("part", b"hel", {"of": 131, "ext": ["x=", {"hex": "ff"}]}),
    ]
    events = [Event(0, "request", RecordedRequest("GET", "/", [])), Event(0, "head", head), *chunks]
    fixture = loads(dumps(Fixture({}, events + [Event(1, "end", {"how": "eof"})])), NAME)
    assert b"".join(data for _, data in fixture.wire()) == HEAD_BYTES + body


# Bytes and canonical text


BYTES = [
    (b"", ""),
    ("h\xe9\u20ac\U0001f600".encode("utf-8"), "h\xe9\u20ac\U0001f600"),
    (b"\xe2\x82", {"hex": "e282"}),
    (b"a\xe2\x82", ["a", {"hex": "e282"}]),
    (b"\xac\xff\"}", [{"hex": "acff"}, '"}']),
    (b"a\xffb\xed\xa0\x80c", ["a", {"hex": "ff"}, "b", {"hex": "eda080"}, "c"]),
    (b"\xf4\x90\x80\x80", {"hex": "f4908080"}),
    (b"\xc0\x80", {"hex": "c080"}),
]


@pytest.mark.parametrize("data, value", BYTES, ids=[repr(row[0]) for row in BYTES])
def test_bytes_are_text_where_they_are_utf_8(data: bytes, value: Any) -> None:
    assert encode_bytes(data) == value
    assert decode_bytes(value) == data


def test_bytes_may_be_written_in_other_ways_than_ours() -> None:
    assert decode_bytes([{"hex": "61"}, "b", "", {"hex": ""}]) == b"ab"


ALPHABET = [b"\n", b"\r", b"\0", b'"', b"\\", b"a", b"/", b"\x7f", b"\xe2\x82", b"\xac", b"\xff", b"\xed\xa0\x80"] + [
    char.encode("utf-8")
    for char in "\x85\xa0\xad\u061c\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\ufffb\U000e0001\U0001f600"
]


@pytest.mark.each(10)
@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_come_back_and_stay_on_one_line(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(1000):
        data = b"".join(rng.choice(ALPHABET) for _ in range(rng.randrange(20)))
        data += bytes(rng.randrange(256) for _ in range(rng.randrange(10)))
        line = fixture_lines.format_event(Event(0.0, "raw", data))
        assert decode_bytes(json.loads(line)[2]) == data
        assert len(line.decode("utf-8").splitlines()) == 1


def test_200000_broken_characters_take_linear_time() -> None:
    data = b"a\xff" * 200_000
    assert decode_bytes(encode_bytes(data)) == data


def test_hidden_characters_are_written_as_escapes_and_no_others() -> None:
    escaped = [0x7F, 0x80, 0x9F, 0xAD, 0x61C, 0x200B, 0x200F, 0x2028, 0x202E, 0x2060, 0x206F, 0xD800, 0xDFFF, 0xFEFF]
    escaped += [0xFFF9, 0xFFFB]
    raw = [0x7E, 0xA0, 0xAC, 0xAE, 0x61B, 0x61D, 0x200A, 0x2010, 0x2027, 0x202F, 0x205F, 0x2070, 0xE000, 0xFEFE, 0xFF00]
    raw += [0xFFF8, 0xFFFC, 0x1F600, 0xDFFFF, 0xE1000]
    for code in escaped + raw:
        assert fixture_lines.format_event(Event(1.5, "note", chr(code))).decode("utf-8") == '[1.500000,"note","%s"]\n' % (
            "\\u%04x" % code if code in escaped else chr(code)
        )
    assert fixture_lines.format_event(Event(0, "note", "\U000e0001\U000e0fff")) == (
        b'[0.000000,"note","\\udb40\\udc01\\udb43\\udfff"]\n'
    )


def test_dumps_is_canonical() -> None:
    loose = b'{"ollama_stream_fixture": 1, "note": "\\u20ac"}\r\n' + text(
        '[0, "request", {"headers": [["A", ["b", "c"]]], "path": "/", "method": "GET", "version": "1.1"}]',
        '[0.1234567, "raw", [{"hex": "61"}]]',
        '[1e0, "end", {"how": "eof"}]',
    )
    assert dumps(loads(loose, NAME)).decode("utf-8") == (
        '{"ollama_stream_fixture":1,"note":"\u20ac"}\n'
        '[0.000000,"request",{"method":"GET","path":"/","headers":[["A","bc"]]}]\n'
        '[0.123457,"raw","a"]\n'
        '[1.000000,"end",{"how":"eof"}]\n'
    )


def test_the_format_version_is_written_first() -> None:
    assert dumps(Fixture({"note": "n"}, [])) == b'{"ollama_stream_fixture":1,"note":"n"}\n'


CIRCLE: List[Any] = []
CIRCLE.append(CIRCLE)
UNWRITABLE = [
    ("NaN", Event(0, "x-a", float("nan"))),
    ("an object", Event(0, "x-a", object())),
    ("a circle", Event(0, "x-a", CIRCLE)),
    ("not Latin-1", Event(0, "trailers", [("A", "\u20ac")])),
]


@pytest.mark.parametrize("event", [row[1] for row in UNWRITABLE], ids=[row[0] for row in UNWRITABLE])
def test_what_cannot_be_written_is_a_fixture_error(event: Event) -> None:
    with pytest.raises(FixtureError):
        dumps(Fixture({}, [event]))


BODIES = [  # id, bytes, stored as JSON, bytes that are read back
    ("JSON", b'{"a": [1, 2.50, "\\u20ac"]}', True, '{"a":[1,2.5,"\u20ac"]}'.encode("utf-8")),
    ("hidden characters", '{"a":"\u200b\\u0007"}'.encode("utf-8"), True, '{"a":"\u200b\\u0007"}'.encode("utf-8")),
    ("no body", b"", False, b""),
    ("not JSON", b"{", False, b"{"),
    ("key twice", b'{"a":1,"a":2}', False, b'{"a":1,"a":2}'),
    ("NaN", b"[NaN]", False, b"[NaN]"),
    ("1e999", b"[1e999]", False, b"[1e999]"),
    ("BOM", b"\xef\xbb\xbf{}", False, b"\xef\xbb\xbf{}"),
    ("UTF-16", "{}".encode("utf-16"), False, "{}".encode("utf-16")),
    ("lone surrogate", b'"\\ud800"', False, b'"\\ud800"'),
    ("as deep as may be", b"[" * 254 + b"]" * 254, True, b"[" * 254 + b"]" * 254),
    ("deeper", b"[" * 255 + b"]" * 255, False, b"[" * 255 + b"]" * 255),
]


@pytest.mark.parametrize("body, is_json, back", [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_a_request_is_stored_as_json_where_it_is_json(body: bytes, is_json: bool, back: bytes) -> None:
    request = RecordedRequest.from_wire("POST", "/api/chat", [("A", b"\xff")], body)
    assert (request.json is not UNSET, request.body is not None) == (is_json, bool(body) and not is_json)
    events = [Event(0, "request", request), Event(0, "end", {"how": "eof"})]
    read = loads(dumps(Fixture({}, events)), NAME).request
    assert read == request
    assert read.body_bytes() == back


# Lint


LINT = [  # id, lines after the header, finding
    ("key in a body", [HEAD, '[0.2,"chunk","the key sk-abcdefgh1234 is"]', END],
        "chat.exchange.jsonl, the body of the response: looks like a key"),
    ("key over two chunks", [HEAD, '[0.2,"chunk","sk-abc"]', '[0.2,"chunk","defgh1234"]', END],
        "chat.exchange.jsonl, the body of the response: looks like a key"),
    ("bearer in a note", ['[0,"note","Bearer abcdefgh.12"]', '[1,"end",{"how":"eof"}]'],
        "chat.exchange.jsonl, line 3: looks like a bearer token"),
    ("JSON web token", ['[0,"x-a","eyJhbGciOiJI.eyJzdWIiOiIx.abc"]', '[1,"end",{"how":"eof"}]'],
        "chat.exchange.jsonl, line 3: looks like a JSON web token"),
    ("hex in a header", [HEAD.replace("chunked", "0123456789abcdef0123456789ABCDEF, chunked"), END],
        "chat.exchange.jsonl, line 3: looks like a key of hex digits in a header"),
    ("not canonical", [HEAD, '[0.2,"chunk","a"]', END], "chat.exchange.jsonl, line 4: not in canonical form"),
]


@pytest.mark.parametrize("lines, finding", [row[1:] for row in LINT], ids=[row[0] for row in LINT])
def test_lint_finds(lines: List[str], finding: str) -> None:
    fixture = exchange(*lines)
    if "canonical" not in finding:
        fixture = loads(dumps(fixture), NAME)
    fixture.path = "/somewhere/" + NAME
    assert lint(fixture) == [finding]


def test_fault_230_lint_takes_linear_time() -> None:
    assert lint(loads(b"eyJ" * 500_000, "hello.ndjson")) == []  # in quadratic time half an hour


def test_lint_finds_a_key_in_a_request() -> None:
    fixture = loads(b'{"ollama_stream_fixture":1,"note":"sk-0123456789"}\n' + text(REQUEST, END), "a.exchange.jsonl")
    assert lint(fixture) == ["a, line 1: looks like a key"]
    headers = [("X", b"a" * 32)]
    fixture = Fixture({}, [Event(0, "request", RecordedRequest("GET", "/", headers)), *fixture.events[1:]], name="b")
    assert lint(fixture) == ["b, line 2: looks like a key of hex digits in a header"]


@pytest.mark.parametrize("harmless", ["a task-oriented one", "disk-abcdefgh", "Bearer of news", "ab12" * 16])
def test_lint_leaves_text_alone(harmless: str) -> None:
    assert lint(loads(harmless.encode("ascii"), "hello.ndjson")) == []


# Redaction


KEY = "planted-0123456789"
OTHER = "cookie-9876543210"


def stored(redactor: Redactor, *events: Event) -> List[Event]:
    return [out for event in events for out in redactor.event(event)]


def planted_exchange(cut: int) -> List[Event]:
    """A request and a response that hold two credentials in every place there is."""
    both = ("%s %s" % (KEY, OTHER)).encode("ascii")
    body = b'{"error":"bad key ' + KEY.encode("ascii") + b" for " + OTHER.encode("ascii") + b'"}\n'
    headers = [
        ("Host", b"u:" + KEY.encode("ascii")),
        ("Authorization", b"Bearer " + KEY.encode("ascii")),
        ("X-Odd", both),
        ("Cookie", b"a=b; c=" + OTHER.encode("ascii")),
        ("User-Agent", b"curl (" + KEY.encode("ascii") + b")"),
    ]
    request = RecordedRequest.from_wire("POST", "http://u:%s@h/%s?k=%s&%s" % (KEY, KEY, KEY, KEY), headers, body)
    fields = [
        ("Set-Cookie", "s=%s; Path=/" % OTHER),
        ("Location", "//u:%s@h/%s?k=%s#%s" % (KEY, KEY, KEY, KEY)),
        ("Server", KEY),
        ("X-Echo", KEY),
    ]
    chunked = [("Transfer-Encoding", "chunked")]
    return [
        Event(0, "request", request),
        Event(0, "interim", Head("1.1", 103, "OK", fields)),
        Event(0, "head", Head("1.1", 401, KEY, fields + chunked)),
        Event(1, "chunk", body[:cut], {"ext": KEY}),
        Event(2, "note", KEY),
        Event(2, "chunk", body[cut:]),
        Event(3, "trailers", [("X", KEY), ("Server", KEY)]),
        Event(3, "raw", both),
        Event(3, "x-trace", [KEY, {KEY: OTHER}]),
        Event(4, "end", {"how": "error", "detail": KEY}),
    ]


@pytest.mark.parametrize("cut", range(1, 60, 3))
def test_a_planted_key_is_nowhere_in_the_file_fault_223(cut: int, tmp_path: Path) -> None:
    redactor = Redactor("http://user:%s@127.0.0.1:11434/api?%s" % (KEY, KEY))
    target = "http://user:%s@127.0.0.1:11434" % KEY
    writer = Writer(tmp_path, "planted", {"target": target}, redactor)
    for event in planted_exchange(cut):
        writer.event(event)
        part = tmp_path / "planted.exchange.jsonl.part"
        assert KEY.encode("ascii") not in part.read_bytes()
    writer.finish()
    data = Path(writer.path).read_bytes()
    assert KEY.encode("ascii") not in data
    assert OTHER.encode("ascii") not in data
    fixture = load(writer.path)
    assert lint(fixture) == []
    assert [len(event.data) for event in fixture.events if event.kind == "chunk"] == [cut, 61 - cut]
    assert fixture.body() == b'{"error":"bad key XXXXXXXXXXXXXXXXXX for XXXXXXXXXXXXXXXXX"}\n'
    assert fixture.header["target"] == "http://127.0.0.1:11434"
    assert fixture.header["redacted"] == [
        "request.query:k",
        "request.query",
        "request:Host",
        "request:Authorization",
        "request:X-Odd",
        "request:Cookie",
        "request:User-Agent",
        "response:Set-Cookie",
        "response:Location",
        "response:Server",
        "response:X-Echo",
        "response:X",
        "body:5 places",
    ]


def test_what_is_stored_of_headers_and_targets() -> None:
    redactor = Redactor("http://127.0.0.1:11434")
    request, _, head = stored(redactor, *planted_exchange(9)[:3])
    assert request.data.path == "http://h/XXXXXXXXXXXXXXXXXX?k=REDACTED&REDACTED"
    assert request.data.headers == [
        ("Host", b"127.0.0.1:11434"),
        ("Authorization", b"REDACTED"),
        ("X-Odd", b"REDACTED"),
        ("Cookie", b"REDACTED"),
        ("User-Agent", b"curl (XXXXXXXXXXXXXXXXXX)"),
    ]
    assert request.data.json == {"error": "bad key XXXXXXXXXXXXXXXXXX for XXXXXXXXXXXXXXXXX"}
    assert head.data.headers == [
        ("Set-Cookie", "REDACTED"),
        ("Location", "//h/XXXXXXXXXXXXXXXXXX"),
        ("Server", "XXXXXXXXXXXXXXXXXX"),
        ("X-Echo", "REDACTED"),
        ("Transfer-Encoding", "chunked"),
    ]


FORMS = [  # id, header field, what must not be stored
    ("Basic password", ("Authorization", b"Basic dXNlcjpvcGVuLXNlc2FtZQ=="), b"open-sesame"),
    ("Basic that is not base64", ("Authorization", b"Basic planted-0123"), b"planted-0123"),
    ("JSON escapes", ("X-Key", b'planted"012\\3456'), b'planted\\"012\\\\3456'),
    ("Go's escapes", ("X-Key", b"planted<&>0123"), b"planted\\u003c\\u0026\\u003e0123"),
    ("escaped slash", ("X-Key", b"planted/0123"), b"planted\\/0123"),
    ("percent-encoded", ("X-Key", b"planted/01+23"), b"planted%2F01%2B23"),
    ("not UTF-8", ("X-Key", b"planted\xff0123"), b"planted\xff0123"),
    ("odd name with a scheme", ("X-Upstream", b"Bearer planted-0123"), b"planted-0123"),
    ("the second cookie", ("Cookie", b"a=b; c=planted-0123"), b"planted-0123"),
]


@pytest.mark.parametrize("field, echo", [row[1:] for row in FORMS], ids=[row[0] for row in FORMS])
def test_a_credential_is_overwritten_in_every_form_fault_223(field: Tuple[str, bytes], echo: bytes) -> None:
    redactor = Redactor()
    events = [Event(0, "request", RecordedRequest("GET", "/", [field])), Event(0, "chunk", b"<" + echo + b">")]
    out = stored(redactor, *events, Event(0, "end", {"how": "eof"}))
    assert out[0].data.headers == [(field[0], b"REDACTED")]
    assert out[1].data == b"<" + b"X" * len(echo) + b">"
    assert redactor.redacted == ["request:" + field[0], "body:1 place"]


@pytest.mark.parametrize("where", ["target", "request"])
def test_a_password_in_a_url_is_a_credential_fault_223(where: str) -> None:
    url = "http://user:planted%2F0123@127.0.0.1:11434"
    redactor = Redactor(url if where == "target" else "")
    redactor.event(Event(0, "request", RecordedRequest("GET", url if where == "request" else "/", [])))
    assert redactor.feed(b"(planted/0123)") + redactor.flush() == b"(XXXXXXXXXXXX)"


def test_the_key_of_the_environment_is_a_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", " %s " % KEY)
    redactor = Redactor()
    assert redactor.feed(KEY.encode("ascii") + b".") + redactor.flush() == b"X" * len(KEY) + b"."


NOT_CREDENTIALS = [
    ("request", ("Sec-Fetch-Dest", "document")),
    ("request", ("Cache-Control", "no-cache")),
    ("request", ("TE", "trailers")),
    ("request", ("X-Short", "seven77")),
    ("request", ("Authorization", "REDACTED")),
    ("response", ("Access-Control-Allow-Headers", "Authorization")),
    ("response", ("X-Content-Type-Options", "something")),
]


@pytest.mark.parametrize("side, field", NOT_CREDENTIALS, ids=[row[1][0] for row in NOT_CREDENTIALS])
def test_plain_words_in_header_fields_are_not_overwritten_in_bodies(side: str, field: Tuple[str, str]) -> None:
    redactor = Redactor()
    fields = [field] if side == "response" else []
    headers = [(field[0], field[1].encode("ascii"))] if side == "request" else []
    out = stored(
        redactor,
        Event(0, "request", RecordedRequest("GET", "/", headers)),
        Event(0, "head", Head("1.1", 200, "OK", fields)),
        Event(0, "chunk", field[1].encode("ascii")),
    )
    assert [event.data for event in out[2:]] == [field[1].encode("ascii")]


WORDS = (
    "complete cancelled 00000005 12345678 chunked, REDACTED request: request:Cookie request.json: request.json:/messages "
    "body:1 ollama_stream_fixture transfer-encoding POST/api/chat \"complete \"how\":\" {\"how\":\"complete\"} "
    "{\"ext\":\"a=b\"} [1,true,null] true,null"
).split()  # of the format, of HTTP and of JSON, any of which may be a cookie


@pytest.mark.parametrize("how", ["complete", "cancelled"])
@pytest.mark.parametrize("word", WORDS)
def test_276_a_credential_that_is_a_word_of_the_format_leaves_a_file_that_loads(
    word: str, how: str, tmp_path: Path
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": word}], "seed": 12345678, "stop": [True, None]}
    headers = [("Cookie", b"tour=" + word.encode("ascii")), ("Content-Length", b"12345678")]
    request = RecordedRequest("POST", "/api/chat", headers, json=body)
    fields = [("Transfer-Encoding", "gzip, chunked"), ("Server", word)]
    writer = Writer(tmp_path, "words", {}, Redactor(redact_json=["/messages"]))
    for event in [
        Event(0, "request", request),
        Event(0, "head", Head("1.1", 200, "OK", fields)),
        Event(1, "chunk", b"12345", {"size": "00000005", "ext": "a=b"}),
        Event(2, "trailers", [("X-Word", word)]),
        Event(2, "x-note", {"how": "complete", "list": [1, True, None, word]}),
        Event(3, "end", {"how": how}),
    ]:
        writer.event(event)
    writer.finish()
    fixture = load(writer.path)
    assert (fixture.how, fixture.body(), fixture.request.headers[1]) == (how, b"12345", headers[1])
    assert {"request.json:/messages", "request:Cookie"} <= set(fixture.header["redacted"])
    level = "path" if fixture.request.body else "messages"  # a number or a list overwritten is no JSON any more
    assert Cassette([fixture], level=level).answer("POST", "/api/chat", request.body_bytes()) is fixture


def test_kept_fields_and_parameters_are_stored_unless_they_look_like_credentials() -> None:
    redactor = Redactor(keep_headers=["x-trace", "X-Session-Id", "authorization"], keep_query=["ts", "api_key"])
    headers = [("X-Trace", b"kept-0123456789"), ("X-Session-ID", b"a"), ("Authorization", b"b"), ("x-ExpKeyX", b"c")]
    (out,) = redactor.event(Event(0, "request", RecordedRequest("GET", "/?ts=kept-0123&api_key=d&", headers)))
    assert out.data.path == "/?ts=kept-0123&api_key=REDACTED&"
    assert out.data.headers == [
        ("X-Trace", b"kept-0123456789"),
        ("X-Session-ID", b"REDACTED"),
        ("Authorization", b"REDACTED"),
        ("x-ExpKeyX", b"REDACTED"),
    ]
    assert redactor.redacted == [
        "request.query:api_key",
        "request:X-Session-ID",
        "request:Authorization",
        "request:x-ExpKeyX",
    ]


@pytest.mark.parametrize("seed", range(50))
def test_overwriting_does_not_depend_on_the_cut(seed: int) -> None:
    rng = random.Random(seed)
    secrets = [bytes(rng.choice(b"ab") for _ in range(rng.randint(8, 12))) for _ in range(3)]
    secrets += [secrets[0][4:] + secrets[1], secrets[2][1:]]
    pieces = [rng.choice([*secrets, b"abba", b"c"]) for _ in range(30)]
    data = b"".join(piece[: rng.randint(1, 20)] for piece in pieces)
    headers = [("X-Key", secret) for secret in secrets]

    def outcome(cuts: List[int]) -> Tuple[bytes, List[str]]:
        redactor = Redactor()
        redactor.event(Event(0, "request", RecordedRequest("GET", "/", headers)))
        ends = [0, *cuts, len(data)]
        events = [Event(i, "chunk", data[a:b]) for i, (a, b) in enumerate(zip(ends, ends[1:]))]
        out = stored(redactor, *events, Event(99, "end", {"how": "eof"}))
        assert [(e.time, len(e.data)) for e in out[:-1]] == [(e.time, len(e.data)) for e in events]
        return b"".join(event.data for event in out[:-1]), redactor.redacted

    whole = outcome([])
    assert len(whole[0]) == len(data)
    assert not [secret for secret in secrets if len(secret) >= 8 and secret in whole[0]]
    assert outcome(list(range(1, len(data)))) == whole
    for _ in range(5):
        assert outcome(sorted(rng.sample(range(len(data)), 4))) == whole


def test_nothing_is_held_back_without_credentials_and_never_more_than_one_could_need() -> None:
    redactor = Redactor()
    assert redactor.feed(b"abc") == b"abc"
    redactor.event(Event(0, "request", RecordedRequest("GET", "/", [("X-Key", b"secret12")])))
    assert (redactor.feed(b"0123456789"), redactor.feed(b""), redactor.flush()) == (b"012", b"", b"3456789")


def test_overwriting_byte_by_byte_takes_linear_time() -> None:
    redactor = Redactor()
    redactor.event(Event(0, "request", RecordedRequest("GET", "/", [("X-Key", b"k" * 4000)])))
    out = b"".join(redactor.feed(b"x") for _ in range(50_000)) + redactor.flush()
    assert out == b"x" * 50_000


@pytest.mark.parametrize("path", ["/" + "a" * 400_000, "/?" + "a" * 400_000, "//" * 200_000, "/?" + "a&" * 50_000])
def test_fault_230_redacting_takes_linear_time(path: str) -> None:
    head = Head("1.1", 302, "Found", [("Location", path)])
    events = [Event(0, "request", RecordedRequest("GET", path, [])), Event(0, "head", head)]
    redactor = Redactor("http://host")  # in quadratic time minutes
    stored = [out.data for event in events for out in redactor.event(event)]
    assert [stored[0].path[:2], stored[1].headers] == [path[:2], [("Location", path.partition("?")[0])]]


def test_userinfo_is_cut_wherever_it_stands_and_overwritten_in_the_body() -> None:
    redactor = Redactor("http://host")
    (request,) = redactor.event(Event(0, "request", RecordedRequest("GET", "/to/http://me:password1@there/x", [])))
    redactor.event(Event(0, "raw", b"it is password1"))
    (raw, _) = redactor.event(Event(0, "end", {"how": "eof"}))
    assert (request.data.path, raw.data) == ("/to/http://there/x", b"it is XXXXXXXXX")


def test_fault_230_comparing_queries_takes_linear_time() -> None:
    names = ["a%d=1" % number for number in range(50_000)]  # in quadratic time minutes
    recorded, live = (RecordedRequest("GET", "/?" + "&".join(query), []) for query in (names, names[::-1]))
    assert matches(recorded, live)


def test_long_images_are_stored_as_their_hash_and_still_match() -> None:
    image, small = "A" * 1025, "B" * 1024
    body = {"model": "m", "images": [image, small], "messages": [{"role": "user", "images": [image]}]}
    live = RecordedRequest.from_wire("POST", "/api/chat", [], json.dumps(body).encode("ascii"))
    elided = {"$elided": {"bytes": 1025, "sha256": hashlib.sha256(image.encode("ascii")).hexdigest()}}
    (out,) = Redactor().event(Event(0, "request", live))
    messages = [{"role": "user", "images": [elided]}]
    assert out.data.json == {"model": "m", "images": [elided, small], "messages": messages}
    assert matches(out.data, live) and matches(live, out.data)
    other = RecordedRequest.from_wire("POST", "/api/chat", [], json.dumps(body).replace("AAAA", "AAAC").encode("ascii"))
    assert not matches(out.data, other)
    (kept,) = Redactor(keep_images=True).event(Event(0, "request", live))
    assert kept.data == live


def test_redacted_members_match_anything() -> None:
    redactor = Redactor(redact_json=["/messages/*/content", "/none"])
    recorded = chat_request(messages=[{"role": "user", "content": "private"}])
    (out,) = redactor.event(Event(0, "request", recorded))
    assert out.data.json["messages"] == [{"role": "user", "content": "REDACTED"}]
    assert redactor.redacted == ["request.json:/messages/*/content"]
    events = [out, Event(0, "end", {"how": "eof"})]
    cassette_ = Cassette([loads(dumps(Fixture({"redacted": redactor.redacted}, events)), NAME)])
    assert cassette_.answer("POST", "/api/chat", recorded.body_bytes()).events[0] == out


def test_a_wrong_pointer_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(FixtureError, match='^expected a JSON Pointer such as "/options/seed", found "messages"$'):
        Redactor(redact_json=["messages"])


def failing_scrub(data: bytes) -> bytes:
    raise RuntimeError("no")


SCRUBS: List[Any] = [
    ("upper case", bytes.upper, b"ABC"),
    ("another length", lambda data: data[1:], b"XXX"),
    ("an error", failing_scrub, b"XXX"),
    ("no bytes", lambda data: None, b"XXX"),
]


@pytest.mark.parametrize("scrub, result", [row[1:] for row in SCRUBS], ids=[row[0] for row in SCRUBS])
def test_a_scrub_sees_all_bodies_and_what_it_does_not_return_is_overwritten(scrub: Any, result: bytes) -> None:
    redactor = Redactor(scrub=scrub)
    request = RecordedRequest.from_wire("POST", "/", [], b"abc")
    out = stored(redactor, Event(0, "request", request), Event(0, "part", b"abc"), Event(0, "raw", b"abc"))
    assert [out[0].data.body, out[1].data, out[2].data] == [result, result, result]


# The writer


def test_a_recording_appears_under_its_name_when_it_is_finished(tmp_path: Path) -> None:
    events = exchange(HEAD, CHUNK, END).events
    writer = Writer(tmp_path, "chat", {"note": "n"})
    for count, event in enumerate(events):
        part = load(tmp_path / "chat.exchange.jsonl.part", allow_truncated=True) if count else None
        assert part is None or part.events[:count] == events[:count]
        writer.event(event)
    assert os.listdir(str(tmp_path)) == ["chat.exchange.jsonl.part"]
    writer.finish()
    writer.finish()
    writer.event(events[-1])
    assert os.listdir(str(tmp_path)) == ["chat.exchange.jsonl"]
    assert (writer.path, writer.failed) == (str(tmp_path / "chat.exchange.jsonl"), False)
    assert load(writer.path).events == events
    assert load(writer.path).header == {"ollama_stream_fixture": 1, "note": "n"}
    assert lint(load(writer.path)) == []


def test_nothing_is_overwritten_fault_234(tmp_path: Path) -> None:
    (tmp_path / "a.exchange.jsonl").write_bytes(b"mine")
    (tmp_path / "b.exchange.jsonl").symlink_to("elsewhere")
    (tmp_path / "c.exchange.jsonl.part").symlink_to("elsewhere")
    for name, blocked in (("a", "a.exchange.jsonl"), ("b", "b.exchange.jsonl"), ("c", "c.exchange.jsonl.part")):
        with pytest.raises(FixtureError) as caught:
            Writer(tmp_path, name, {})
        assert str(caught.value) == "%s: cannot be written: File exists" % (tmp_path / blocked)
    assert (tmp_path / "a.exchange.jsonl").read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere").exists()


def test_what_appears_while_recording_is_not_overwritten_fault_234(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(tmp_path, "chat", {})
    for event in exchange(END).events:
        writer.event(event)
    (tmp_path / "chat.exchange.jsonl").write_bytes(b"mine")
    writer.finish()
    assert writer.failed
    assert (tmp_path / "chat.exchange.jsonl").read_bytes() == b"mine"
    assert load(tmp_path / "chat.exchange.jsonl.part").how == "complete"
    assert caplog.messages == ["%s: the recording has stopped: File exists" % (tmp_path / "chat.exchange.jsonl")]


BAD_NAMES = ["../../x", "/x", "C:x", "a\\b", "CON", "nul.txt", "com1", "LPT9.a", "a\0b", "a\n", "", ".", "..", ".a"]
BAD_NAMES += ["a.", "a ", "a*", "a?", 'a"', "a|b", "x" * 201, "\u20ac" * 67, "a/b"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_is_no_plain_file_name_is_refused_fault_231(name: str, tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="^expected a plain file name for a fixture, found "):
        Writer(tmp_path, name, {})
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("name", ["chat", "02-weather", "console", "a.b", "caf\xe9", "a b"], ids=ascii)
def test_other_names_are_fine(name: str, tmp_path: Path) -> None:
    Writer(tmp_path, name, {}).finish()
    assert os.listdir(str(tmp_path)) == [name + ".exchange.jsonl"]


def test_a_folder_that_is_not_there_is_a_fixture_error(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="cannot be written: No such file or directory$"):
        Writer(tmp_path / "none", "chat", {})


class FullDisk:
    """A file that takes so many bytes more."""

    closed = False

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = min(len(data), self.room)
        self.room -= taken
        return taken

    def close(self) -> None:
        self.closed = True


def test_a_full_disk_ends_the_recording_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = Writer(tmp_path, "chat", {})
    writer._file.close()
    writer._file = FullDisk(100)  # type: ignore[assignment]
    for event in exchange(HEAD, CHUNK, END).events:
        writer.event(event)
    writer.finish()
    assert writer.failed
    assert caplog.record_tuples == [
        (
            "ollama_stream.fixture",
            logging.WARNING,
            "%s: the recording has stopped: No space left on device" % (tmp_path / "chat.exchange.jsonl"),
        )
    ]


class NarrowPipe(io.BytesIO):
    """A file that takes seven bytes at a time."""

    def write(self, data: Any) -> int:
        return super().write(data[:7])


def test_a_write_that_takes_only_a_part_is_continued(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "chat", {})
    writer._file.close()
    file = writer._file = NarrowPipe()  # type: ignore[assignment]
    writer.event(exchange(END).events[0])
    assert file.getvalue() == text(REQUEST)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_is_full_from_the_start_is_a_fixture_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = open
    monkeypatch.setattr(builtins, "open", lambda *_args, **_kwargs: real("/dev/full", "wb", buffering=0))
    with pytest.raises(FixtureError, match="cannot be written: No space left on device$"):
        Writer(tmp_path, "chat", {})


def test_an_error_that_could_quote_a_secret_is_logged_by_its_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(tmp_path, "chat", {})
    writer.event(Event(0, "x-a", {KEY: object()}))
    assert writer.failed
    assert caplog.messages == [
        "%s: the recording has stopped: FixtureError" % (tmp_path / "chat.exchange.jsonl"),
    ]


# Matching


def chat_request(**members: Any) -> RecordedRequest:
    body = {"model": "llama3.2", "messages": [{"role": "user", "content": "hi"}], **members}
    return RecordedRequest.from_wire("POST", "/api/chat", [], json.dumps(body).encode("ascii"))


HI = {"model": "m", "prompt": "hi"}
NORMAL = [  # id, body, normal form
    ("stream missing", HI, {**HI, "stream": True}),
    ("stream false", {**HI, "stream": False}, {**HI, "stream": False}),
    ("stream null", {**HI, "stream": None}, HI),
    ("empty members", {**HI, "tools": [], "options": {}, "format": "", "think": None}, {**HI, "stream": True}),
    ("zero and false are values", {**HI, "think": False, "n": 0}, {**HI, "stream": True, "think": False, "n": 0}),
    ("nested empty", {**HI, "options": {"stop": []}}, {**HI, "stream": True, "options": {"stop": []}}),
    ("keep_alive", {**HI, "keep_alive": "5m"}, {**HI, "stream": True}),
    ("keep_alive of a load", {"prompt": "", "keep_alive": 0}, {"stream": True, "keep_alive": 0}),
    ("keep_alive of an embedding", {"input": ["a"], "keep_alive": 1}, {"input": ["a"], "stream": True}),
    ("no object", ["a", None], ["a", None]),
]


@pytest.mark.parametrize("body, normal", [row[1:] for row in NORMAL], ids=[row[0] for row in NORMAL])
def test_equivalent_bodies_have_one_normal_form(body: Any, normal: Any) -> None:
    before = json.dumps(body)
    assert normalise(body) == normal
    assert json.dumps(body) == before


def post(target: str, body: bytes = b"", method: str = "POST") -> RecordedRequest:
    return RecordedRequest.from_wire(method, target, [], body)


SAME = [  # id, recorded, live
    ("key order and spaces", post("/a", b'{"a":1,"b":[2]}'), post("/a", b' { "b" : [2.0], "a" : 1e0 } ')),
    ("percent-encoding", post("/a%2Db"), post("/a-b")),
    ("trailing slash", post("/a"), post("/a/")),
    ("query order", post("/a?x=1&y=2&x=3"), post("/a?x=3&x=1&y=2")),
    ("redacted query", post("/a?ts=REDACTED&x=1"), post("/a?x=1&ts=173")),
    ("redacted query twice", post("/a?x=REDACTED&x=1"), post("/a?x=1&x=2")),
    ("redacted parameter", post("/a?REDACTED&x=1"), post("/a?x=1&abc")),
    ("absolute form", post("http://one:1/a"), post("/a")),
    ("no body", post("/a", method="GET"), post("/a", method="GET")),
    ("bytes", post("/a", b"\xff{"), post("/a", b"\xff{")),
    ("a body of JSON stored as bytes", RecordedRequest("POST", "/a", [], body=b'{"a": 1}'), post("/a", b'{"a":1}')),
    ("lone surrogates", post("/a", b'{"a":"\\ud800"}'), post("/a", b'{ "a":"\\uD800"}')),
    ("headers", RecordedRequest("POST", "/a", [("A", b"b")]), post("/a")),
]


@pytest.mark.parametrize("recorded, live", [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_equivalent_requests_match(recorded: RecordedRequest, live: RecordedRequest) -> None:
    assert matches(recorded, live)


LONG = b'"' + b"The quick brown fox jumps over the lazy dog. " * 4
DIFFERENT = [  # id, recorded, live, difference
    ("method", post("/a"), post("/a", method="PUT"), "in method: expected POST got PUT"),
    ("path", post("/a?x=1"), post("/b%0d"), "in path: expected /a got /b%0d"),
    ("path case", post("/a"), post("/A"), "in path: expected /a got /A"),
    ("two slashes", post("/a"), post("/a//"), "in path: expected /a got /a//"),
    ("query", post("/a?x=1&y=2"), post("/a?x=1"), 'in query: expected ["x","y"] got ["x"]'),
    ("query twice", post("/a?x=1"), post("/a?x=1&x=1"), 'in query: expected ["x"] got ["x","x"]'),
    ("redacted query", post("/a?ts=REDACTED"), post("/a?t=1"), 'in query: expected ["ts"] got ["t"]'),
    ("value", post("/a", b'{"a":{"b":[1,2]}}'), post("/a", b'{"a":{"b":[1,3]}}'), "at /a/b/1: expected 2 got 3"),
    ("more items", post("/a", b'{"a":[1]}'), post("/a", b'{"a":[1,2]}'), "at /a/1: expected nothing got 2"),
    ("less members", post("/a", b'{"a/~":1}'), post("/a", b"{}"), "at /a~1~0: expected 1 got nothing"),
    ("kind", post("/a", b'{"a":[1]}'), post("/a", b'{"a":{"0":1}}'), 'at /a: expected [1] got {"0":1}'),
    ("true is not 1", post("/a", b'{"a":true}'), post("/a", b'{"a":1}'), "at /a: expected true got 1"),
    ("0 is not false", post("/a", b'{"a":0}'), post("/a", b'{"a":false}'), "at /a: expected 0 got false"),
    ("no Unicode normalisation", post("/a", b'{"a":"\xc3\xa9"}'), post("/a", b'{"a":"e\xcc\x81"}'),
        'at /a: expected "\xe9" got "e\u0301"'),
    ("not objects", post("/a", b"1"), post("/a", b"2"), "at /: expected 1 got 2"),
    ("bytes", post("/a", b"\xff"), post("/a", b"a\0"), 'in body: expected {"hex":"ff"} got "a\\u0000"'),
    ("one is not JSON", post("/a", b"{}"), post("/a", b"{"), 'in body: expected "{}" got "{"'),
    ("hidden", post("/a", b'"a"'), post("/a", '"a\u200b"'.encode("utf-8")), 'at /: expected "a" got "a\\u200b"'),
    ("long texts", post("/a", LONG + b'yes"'), post("/a", LONG + b'no"'),
        'at /: expected "...lazy dog. yes" got "...lazy dog. no"'),
    ("hidden in a name", post("/a", b"{}"), post("/a", b'{"\\u001b[2J\\n\\ud800":1}'),
        "at /\\u001b[2J\\n\\ud800: expected nothing got 1"),
    ("long name", post("/a", b"{}"), post("/a", b'{"' + b"a" * 5000 + b'":1}'),
        "at /%s: expected nothing got 1" % ("a" * 199)),
    ("long value", post("/a", b"1"), post("/a", LONG + b'"'),
        'at /: expected 1 got "The quick brown fox jumps over the lazy dog. The quick b...'),
]


@pytest.mark.parametrize("recorded, live, difference", [r[1:] for r in DIFFERENT], ids=[r[0] for r in DIFFERENT])
def test_the_nearest_miss_is_told(recorded: RecordedRequest, live: RecordedRequest, difference: str) -> None:
    fixture = Fixture({}, [Event(0, "request", recorded)], name="02-weather")
    assert not matches(recorded, live)
    assert nearest([fixture], live) == "closest is 02-weather (differs %s)" % difference


CHANGES: Dict[str, RecordedRequest] = {
    "exact": chat_request(),
    "messages": chat_request(options={"seed": 1}),
    "model": chat_request(messages=[], stream=False),
    "path": chat_request(model="other"),
    "any": post("/api/chat?x=1", b"{"),
}


@pytest.mark.parametrize("level", list(cassette.LEVELS))
@pytest.mark.parametrize(
    "other", [post("/api/show", b'{"model":"m"}'), RecordedRequest("GET", "/api/chat", [])], ids=["path", "method"]
)
def test_280_no_level_takes_the_answer_of_another_endpoint(level: str, other: RecordedRequest) -> None:
    assert not matches(chat_request(), other, level)
    with pytest.raises(FixtureError, match=r"differs in (path|method): "):
        Cassette([recorded("a", chat_request())], level=level).answer(other.method, other.path, other.body_bytes())


def test_there_is_a_change_for_each_level() -> None:
    assert list(CHANGES) == list(cassette.LEVELS)


@pytest.mark.parametrize("level, change", list(itertools.product(CHANGES, CHANGES)))
def test_a_level_overlooks_what_it_does_not_compare(level: str, change: str) -> None:
    order = list(CHANGES)
    assert matches(chat_request(), CHANGES[change], level) == (order.index(change) <= order.index(level))


@pytest.mark.parametrize("member", ["stream", "model", "messages", "prompt", "tools", "format", "think"])
def test_the_level_messages_compares(member: str) -> None:
    assert not matches(chat_request(), chat_request(**{member: "other"}), "messages")


IGNORED = [
    ("/options/seed", {"options": {"seed": 7}}),
    ("/options/*", {"options": {"seed": 7, "top_k": 1}}),
    ("/messages/*/content", {"messages": [{"role": "user", "content": "bye"}]}),
    ("/messages/0/content", {"messages": [{"role": "user", "content": "bye"}]}),
    ("/a~1b~0", {"a/b~": 3}),
    ("/none/of/these", {}),
]


@pytest.mark.parametrize("pointer, members", IGNORED, ids=[row[0] for row in IGNORED])
def test_what_a_pointer_names_is_ignored(pointer: str, members: Dict[str, Any]) -> None:
    assert matches(chat_request(), chat_request(**members)) == (not members)
    assert matches(chat_request(), chat_request(**members), ignore=[pointer])


# Cassettes


def recorded(name: str, request: RecordedRequest, **header: Any) -> Fixture:
    return Fixture(header, [Event(0, "request", request), Event(0, "end", {"how": "complete"})], name=name)


def ask(cassette_: Cassette, *words: str) -> List[str]:
    """The names of the answers to these prompts; ``-`` where there is none."""
    names = []
    for word in words:
        try:
            body = json.dumps({"prompt": word}).encode("ascii")
            names.append(cassette_.answer("POST", "/api/generate", body).name)
        except FixtureError:
            names.append("-")
    return names


def prompts(*words: str) -> List[Fixture]:
    fixtures = []
    for number, word in enumerate(words):
        request = post("/api/generate", json.dumps({"prompt": word}).encode("ascii"))
        fixtures.append(recorded("%s%d" % (word, number), request))
    return fixtures


PLAYS = [  # id, options, asked, answered
    ("each once, in order", {}, "aabaa", ["a0", "a2", "b1", "-", "-"]),
    ("repeat last", {"repeat": "last"}, "aaaab", ["a0", "a2", "a2", "a2", "b1"]),
    ("repeat all", {"repeat": "all"}, "aaaaab", ["a0", "a2", "a0", "a2", "a0", "b1"]),
    ("strict", {"order": "strict"}, "abaa", ["a0", "b1", "a2", "-"]),
    ("strict, out of order", {"order": "strict"}, "aab", ["a0", "-", "b1"]),
    ("strict, repeat all", {"order": "strict", "repeat": "all"}, "abaab", ["a0", "b1", "a2", "a0", "b1"]),
    ("strict, repeat last", {"order": "strict", "repeat": "last"}, "abaaab", ["a0", "b1", "a2", "a2", "a2", "-"]),
    ("any", {"level": "any"}, "xyzx", ["a0", "b1", "a2", "-"]),
    ("any, strict", {"level": "any", "order": "strict"}, "xyzx", ["a0", "b1", "a2", "-"]),
    ("nothing matches", {"repeat": "all"}, "x", ["-"]),
]


@pytest.mark.parametrize("options, asked, answered", [row[1:] for row in PLAYS], ids=[row[0] for row in PLAYS])
def test_exchanges_are_played(options: Dict[str, str], asked: str, answered: List[str]) -> None:
    assert ask(Cassette(prompts("a", "b", "a"), **options), *asked) == answered


def test_what_was_not_asked_for_is_left_over() -> None:
    cassette_ = Cassette(prompts("a", "b"))
    assert cassette_.unplayed() == ["a0", "b1"]
    with pytest.raises(FixtureError, match="^recorded, but never asked for: a0, b1$"):
        cassette_.assert_all_played()
    ask(cassette_, "a", "b")
    cassette_.assert_all_played()


MISSES = [  # id, fixtures, prompts already asked, target, message
    ("differs", prompts("a"), "", "/api/generate", 'a0 (differs at /prompt: expected "a" got "b")'),
    ("fewest differences", [*prompts("a"), recorded("n", post("/api/generate", b'{"prompt":"x","raw":true}'))], "",
        "/api/generate", 'a0 (differs at /prompt: expected "a" got "b")'),
    ("path before body", [recorded("n", post("/", b'{"prompt":"b"}')), *prompts("a")], "", "/api/generate",
        'a0 (differs at /prompt: expected "a" got "b")'),
    ("values before bytes", [recorded("n", post("/api/generate", b'{"prompt":"b')), recorded("m", post("/api/generate",
        b'{"prompt":"x","raw":true}'))], "", "/api/generate", 'm (differs at /prompt: expected "x" got "b")'),
    ("played", prompts("b"), "b", "/api/generate", "b0 (already played)"),
    ("no query in it", prompts("b"), "", "/api/generate?key=secret", 'b0 (differs in query: expected [] got ["key"])'),
]


@pytest.mark.parametrize("fixtures, played, target, closest", [r[1:] for r in MISSES], ids=[r[0] for r in MISSES])
def test_a_request_without_an_exchange_is_told_the_nearest(
    fixtures: List[Fixture], played: str, target: str, closest: str
) -> None:
    cassette_ = Cassette(fixtures)
    ask(cassette_, *played)
    with pytest.raises(FixtureError) as caught:
        cassette_.answer("POST", target, b'{"prompt":"b"}')
    assert str(caught.value) == "no recorded exchange for POST /api/generate; closest is " + closest


def test_nothing_of_a_request_can_break_out_of_the_message() -> None:
    with pytest.raises(FixtureError) as caught:
        Cassette([]).answer("PO\r\nST", "/a\r\nX-Evil: 1\x1b[2J\u2028" + "x" * 500, b"{")
    path = "/a\\r\\nX-Evil: 1\\u001b[2J\\u2028" + "x" * 182
    assert str(caught.value) == "no recorded exchange for PO\\r\\nST %s; nothing is left to play" % path


def test_a_file_can_set_its_own_rule() -> None:
    request = post("/api/generate", b'{"model":"m","prompt":"a","options":{"seed":1}}')
    live = b'{"model":"m","prompt":"a","options":{"seed":2}}'
    for header in ({"match": {"ignore": ["/options/seed"]}}, {"match": {"level": "messages"}}):
        assert Cassette([recorded("a", request, **header)]).answer("POST", "/api/generate", live).name == "a"
    with pytest.raises(FixtureError):
        Cassette([recorded("a", request, match={"level": "exact"})], level="any").answer("POST", "/api/generate", live)
    assert Cassette([recorded("a", request)], ignore=["/options"]).answer("POST", "/api/generate", live).name == "a"


def test_a_plain_body_answers_any_post_to_its_endpoint() -> None:
    cassette_ = Cassette([loads(b'{"response":""}\n', "g.ndjson"), loads(b"{}\n", "c.ndjson")])
    assert cassette_.answer("POST", "/api/chat", b"anything").name == "c"
    with pytest.raises(FixtureError, match="differs in method: expected POST got GET"):
        cassette_.answer("GET", "/api/generate", b"")
    assert cassette_.answer("POST", "/api/generate", b"{}").name == "g"


@pytest.mark.parametrize("folder", ["ollama-0.24.0", "ollama-0.32.15"])
def test_a_recorded_folder_answers_its_own_requests(folder: str) -> None:
    fixtures = load_folder(RECORDINGS / folder)
    cassette_ = Cassette(fixtures, order="strict")
    for fixture in fixtures:
        request = fixture.request
        assert cassette_.answer(request.method, request.path, request.body_bytes()) is fixture
    cassette_.assert_all_played()


@pytest.mark.parametrize("options, message", [
    ({"level": "near"}, "level: one of exact, messages, model, path, any, not 'near'"),
    ({"order": "random"}, "order: one of any, strict, not 'random'"),
    ({"repeat": "once"}, "repeat: one of none, last, all, not 'once'"),
])
def test_an_unknown_option_is_refused(options: Dict[str, str], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        Cassette([], **options)
    assert str(caught.value) == message


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_threads")
def test_each_exchange_is_played_once_however_many_threads_ask() -> None:
    cassette_ = Cassette(prompts(*"a" * 200))
    names: List[str] = []
    threads = [threading.Thread(target=lambda: names.extend(ask(cassette_, *"a" * 25))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == sorted(fixture.name for fixture in cassette_.fixtures)


HOSTILE = [b"[" * 10**6, b"{}" * 10, b"\xff" * 10, b"[" * 300 + b"]" * 300, b"1" * 10000, b'{"a":1,"a":1}', b"NaN"]
HOSTILE += [b'"\\ud800"']


@pytest.mark.each(2)
@pytest.mark.parametrize("body", HOSTILE, ids=[repr(body[:12]) for body in HOSTILE])
@pytest.mark.parametrize("target", ["/", "", "?", "\ud800%ff", "/%", "http://", "/a?" + "&" * 1000], ids=ascii)
def test_a_hostile_request_is_a_fixture_error_at_worst(target: str, body: bytes) -> None:
    cassette_ = Cassette(prompts("a"))
    with pytest.raises(FixtureError, match="^no recorded exchange for POST "):
        cassette_.answer("POST", target, body)
    assert matches(post(target, body), post(target, body))


@pytest.mark.parametrize("path, again", [("/api/tags", True), ("/api/version", True), ("/api/ps", False)])
def test_what_clients_ask_now_and_then_is_played_again(path: str, again: bool) -> None:
    request = RecordedRequest("GET", path, [])
    head = Head("1.1", 200, "OK", [("Content-Length", "0")])
    events = [Event(0.0, "request", request), Event(0.0, "head", head), Event(0.0, "end", {"how": "complete"})]
    cassette = Cassette([Fixture({}, events, name="one"), Fixture({}, events, name="two")])
    assert [cassette.answer("GET", path, b"").name for _ in range(2)] == ["one", "two"]
    if again:
        assert cassette.answer("GET", path, b"").name == "two"
    else:
        with pytest.raises(FixtureError):
            cassette.answer("GET", path, b"")
