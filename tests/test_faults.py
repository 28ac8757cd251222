"""Faults: how they are written, what each does to the bytes of an exchange, and what our clients make of that.

Ids with a number are the numbered faults that a recipe provokes.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import threading
import time
from typing import Any, Iterator, List, Tuple

import pytest
import support
from support import DONE as DONE_LINE
from support import PATIENCE, SOON, line

from ollama_stream import AsyncClient, Client, OllamaError, StreamClosed, Timeout
from ollama_stream._errors import ConnectionLost, FixtureError, ProtocolError
from ollama_stream._http1 import Response
from ollama_stream.fixture import Fixture
from ollama_stream.replay import faults
from ollama_stream.replay.faults import _RULES, _WHOLE, Fault, fault, read_faults
from ollama_stream.fixture import loads
from ollama_stream.replay.overlay import MAX_WRITE, Action, actions, join_writes
from ollama_stream.replay import serve
from ollama_stream.transports import Replaying

ONE, TWO, DONE = b'{"n":1}\n', b'{"n":2}\n', b'{"done":true}\n'
BODY = ONE + TWO + DONE
CHUNKED = [["Transfer-Encoding", "chunked"]]
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
SHUT = [2.5, "end", {"how": "complete"}]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def head(headers: Any = CHUNKED) -> List[Any]:
    return [1, "head", {"version": "1.1", "status": 200, "reason": "OK", "headers": headers}]


def exchange(*events: List[Any], **header: Any) -> Fixture:
    """The events after the request."""
    asked = {"method": "POST", "path": "/api/chat", "headers": [], "json": {"model": "m"}}
    lines: List[Any] = [{"ollama_stream_fixture": 1, **header}, [0, "request", asked], *events]
    return loads(b"".join(json.dumps(line).encode() + b"\n" for line in lines), "one.exchange.jsonl")


BODY_EVENTS = [[1, "chunk", ONE.decode()], [2, "chunk", TWO.decode()], [2.25, "chunk", DONE.decode()]]
GOOD = exchange(head(), *BODY_EVENTS, SHUT)
WHOLE = HEAD + chunk(ONE) + chunk(TWO) + chunk(DONE) + END


def laid_over(*specs: Any, on: Fixture = GOOD) -> List[Action]:
    return list(actions(on, [fault(spec) for spec in specs]))


def sent(planned: List[Action]) -> bytes:
    return b"".join(action.data for action in planned)


def struck(planned: List[Action]) -> List[str]:
    return [str(action.fault) for action in planned if action.fault]


# How they are written

TEXTS: List[Tuple[str, Any, Fault]] = [  # text, the same as an object, the fault
    ("reset@chunk=5+12", {"kind": "reset", "at": {"chunk": 5, "byte": 12}}, Fault("reset", "chunk", 5, 12)),
    ("cut@chunk=5", {"kind": "cut", "at": {"chunk": 5}}, Fault("cut", "chunk", 5)),
    ("cut@line=5+0", {"kind": "cut", "at": {"byte": 0, "line": 5}}, Fault("cut", "line", 5, 0)),
    ("cut@byte=0", {"kind": "cut", "at": {"byte": 0}}, Fault("cut", "byte", 0)),
    ("cut@t=2.5", {"kind": "cut", "at": {"t": 2.5}}, Fault("cut", "t", 2.5)),
    ("cut@connect", {"kind": "cut", "at": "connect"}, Fault("cut", "connect")),
    ("reset@request", {"kind": "reset", "at": "request"}, Fault("reset", "request")),
    ("stall@head", {"kind": "stall", "at": "head"}, Fault("stall", "head", argument=math.inf)),
    ("stall@end:1.5", {"kind": "stall", "at": "end", "arg": 1.5}, Fault("stall", "end", argument=1.5)),
    ("dribble@head:900", {"kind": "dribble", "arg": 900}, Fault("dribble", "head", argument=900)),
    ("split@head:3", {"kind": "split", "arg": 3}, Fault("split", "head", argument=3)),
    ("rechunk:1", {"kind": "rechunk", "arg": 1}, Fault("rechunk", argument=1)),
    ("merge", {"kind": "merge"}, Fault("merge")),
    ('insert@line=1:"\\u0000\\n"', {"kind": "insert", "at": {"line": 1}, "arg": "\0\n"},
     Fault("insert", "line", 1, argument=b"\0\n")),
    ('raw@end:{"hex":"ff"}', {"kind": "raw", "at": "end", "arg": {"hex": "ff"}}, Fault("raw", "end", argument=b"\xff")),
    ("garbage@line=3", {"kind": "garbage", "at": {"line": 3}}, Fault("garbage", "line", 3)),
    ("error@line=0:a@b:c", {"kind": "error", "at": {"line": 0}, "arg": "a@b:c"},
     Fault("error", "line", 0, argument="a@b:c")),
    ("drop@chunk=2", {"kind": "drop", "at": {"chunk": 2}}, Fault("drop", "chunk", 2)),
    ("no-done", {"kind": "no-done"}, Fault("no-done")),
    ("no-end", {"kind": "no-end"}, Fault("no-end")),
    ("status:500", {"kind": "status", "arg": 500}, Fault("status", argument=500)),
    ("header:A=b=c: d", {"kind": "header", "arg": "A=b=c: d"}, Fault("header", argument="A=b=c: d")),
    ('badsize@chunk=0:"0x8"', {"kind": "badsize", "at": {"chunk": 0}, "arg": "0x8"},
     Fault("badsize", "chunk", 0, argument=b"0x8")),
    ("crlf", {"kind": "crlf"}, Fault("crlf")),
    ("bom", {"kind": "bom"}, Fault("bom")),
    ("refuse@connect", {"kind": "refuse"}, Fault("refuse", "connect", argument=math.inf)),
]  # fmt: skip


@pytest.mark.parametrize("text, value, wanted", TEXTS, ids=[row[0] for row in TEXTS])
def test_a_text_an_object_and_what_is_printed_say_the_same(text: str, value: Any, wanted: Fault) -> None:
    assert (fault(text), fault(value), str(wanted), fault(wanted)) == (wanted, wanted, text, wanted)


def test_every_kind_is_among_them() -> None:
    assert {row[2].kind for row in TEXTS} == set(_RULES)


SHORT = [  # a text, the one that it stands for
    ("error@line=3", "error@line=3:a fault of the replay"),
    ("error:boom@line=3", "error@line=3:boom"),
    ("error@end:boom@line=3", "error@end:boom@line=3"),
    ("header:A=b@end", "header:A=b@end"),
    ("insert@end:%%%", 'insert@end:"%%%"'),
    ("stall@line=00001", "stall@line=1"),
    ("stall@head:1e3", "stall@head:1000"),
    ("dribble:2", "dribble@head:2"),
    ("badsize@chunk=1:zz", 'badsize@chunk=1:"zz"'),
    ("badsize@chunk=1:", 'badsize@chunk=1:""'),
    ("refuse:0.5", "refuse@connect:0.5"),
]


@pytest.mark.parametrize("text, whole", SHORT, ids=[row[0] for row in SHORT])
def test_a_short_text_stands_for_a_whole_one(text: str, whole: str) -> None:
    assert str(fault(text)) == whole


ODD_TEXTS = ["", "a@b:c", "a@line=3", '"', '"a"', '{"hex":"00"}', "a\nb", "\u200b", "\ud800", "\udcff", " a ", "\\", "inf"]
ODD_BYTES = [b"", b"a", b"\xff", b"a\xffb", b'"a"', b'{"hex":"00"}', b"[]", b'["a"]', b"\n\r\0", "\u20ac".encode(), b"@end"]
ODD_NUMBERS = [0, 1, 0.1, 1e-7, 1e-5, 1 / 3, 123456789.123456789, 2.0**-40, 5e8]
ARGUMENTS = {  # of a kind, by what reads it
    faults._read_seconds: ODD_NUMBERS,
    faults._read_milliseconds: ODD_NUMBERS,
    faults._read_size: [1, 3, 1 << 40],
    faults._read_status: [100, 999],
    faults._read_text: ODD_TEXTS,
    faults._read_header: ["A=", "A=b=c@end", "A=\x85\xff", 'A="x"'],
    faults.decode_bytes: ODD_BYTES,
    None: [None],
}
AT: List[Any] = ["connect", "request", "head", "end", {"t": 1e-7}, {"t": 1 / 3}, {"t": 123456789.12345678}, {"t": 3}]
AT += [{"chunk": 0}, {"chunk": 10**14, "byte": 0}, {"line": 7, "byte": 999}, {"byte": 10**15 - 1}]


@pytest.mark.parametrize("kind", sorted(_RULES))
def test_279_a_fault_as_it_is_printed_is_the_same_fault(kind: str) -> None:
    rule, seen = _RULES[kind], 0
    for at in AT if rule.points else [None]:
        name = next(iter(at)) if isinstance(at, dict) else at
        if rule.points and (name not in rule.points or kind in _WHOLE and "byte" in at):
            continue
        for argument in ARGUMENTS[rule.argument]:
            value = argument if not isinstance(argument, bytes) else {"hex": argument.hex()}
            spec = {"kind": kind, "at": at, "arg": value}
            found = fault({name: item for name, item in spec.items() if item is not None})
            assert fault(str(found)) == found
            seen += 1
    assert seen


@pytest.mark.parametrize("text", ["t=", "t=.", "t=1e5", "t=-1", "t=" + "9" * 16])
def test_a_time_is_written_in_digits(text: str) -> None:
    with pytest.raises(FixtureError, match="expected cut@POINT"):
        fault("cut@" + text)


ANYWHERE = "POINT being connect or request or head or chunk=N[+BYTE] or line=N[+BYTE] or byte=N or end or t=SECONDS"
IN_BODY = ANYWHERE.replace("connect or request or head or ", "")
KINDS = ", ".join(_RULES)
WRONG: List[Tuple[Any, str]] = [
    ("", "unknown kind; there are " + KINDS),
    ("Cut@end", "unknown kind; there are " + KINDS),
    ("cut", "expected cut@POINT, " + ANYWHERE),
    ("cut@moon", "expected cut@POINT, " + ANYWHERE),
    ("cut@chunk", "expected cut@POINT, " + ANYWHERE),
    ("cut@chunk=-1", "expected cut@POINT, " + ANYWHERE),
    ("cut@chunk=" + "1" * 16, "expected cut@POINT, " + ANYWHERE),
    ("cut@byte=1+2", "expected cut@POINT, " + ANYWHERE),
    ("cut@t=1.2.3", "expected cut@POINT, " + ANYWHERE),
    ("cut@end+1", "expected cut@POINT, " + ANYWHERE),
    ("cut@end:now", "expected cut@POINT, " + ANYWHERE),
    ("cut@end ", "expected cut@POINT, " + ANYWHERE),
    ("stall@head:soon", "expected stall@POINT[:SECONDS], " + ANYWHERE),
    ("stall@head:-1", "expected stall@POINT[:SECONDS], " + ANYWHERE),
    ("stall@head:nan", "expected stall@POINT[:SECONDS], " + ANYWHERE),
    ("stall@head:inf", "expected stall@POINT[:SECONDS], " + ANYWHERE),
    ("dribble", "expected dribble[@POINT]:MILLISECONDS, " + ANYWHERE.replace("connect or request or ", "")),
    ("split:0", "expected split[@POINT]:N, " + ANYWHERE.replace("connect or request or ", "")),
    ("insert@head:x", "expected insert@POINT:BYTES, " + IN_BODY),
    ("insert@line=1", "expected insert@POINT:BYTES, " + IN_BODY),
    ("garbage@connect", "expected garbage@POINT, " + IN_BODY),
    ("drop@byte=3", "expected drop@POINT, POINT being chunk=N or line=N"),
    ("drop@chunk=3+1", "expected drop@POINT, POINT being chunk=N or line=N"),
    ("badsize@line=3:x", "expected badsize@POINT:BYTES, POINT being chunk=N"),
    ("rechunk", "expected rechunk:N"),
    ("merge:3", "expected merge"),
    ("no-end@line=3", "expected no-end"),
    ("status:99", "expected status:N"),
    ("status:" + "9" * 5000, "expected status:N"),
    ("header:a b=c", "expected header:NAME=VALUE"),
    ("header:a=b\r\nc", "expected header:NAME=VALUE"),
    ("header:a=\u20ac", "expected header:NAME=VALUE"),
    ("refuse@head", "expected refuse[@POINT][:SECONDS], POINT being connect"),
    ('insert@line=1:"a', "expected JSON: Unterminated string starting at (column 1)"),
    ({}, 'expected a text, or an object with "kind"'),
    ([], 'expected a text, or an object with "kind"'),
    (None, 'expected a text, or an object with "kind"'),
    ({"kind": "cut", "at": "end", "times": 3}, 'expected nothing but "kind", "at" and "arg"'),
    ({"kind": "cut", "at": {"chunk": 1, "line": 2}}, "expected cut@POINT, " + ANYWHERE),
    ({"kind": "cut", "at": {"chunk": True}}, "expected cut@POINT, " + ANYWHERE),
    ({"kind": "cut", "at": {"chunk": 1.5}}, "expected cut@POINT, " + ANYWHERE),
    ({"kind": "cut", "at": {}}, "expected cut@POINT, " + ANYWHERE),
    ({"kind": "cut", "at": 3}, "expected cut@POINT, " + ANYWHERE),
    ({"kind": "status", "arg": [500]}, "expected status:N"),
    ({"kind": "status", "arg": 99.9}, "expected status:N"),
    ({"kind": "rechunk", "arg": True}, "expected rechunk:N"),
    ({"kind": "error", "at": "end", "arg": 3}, "expected error@POINT[:MESSAGE], " + IN_BODY),
]


@pytest.mark.parametrize("spec, text", WRONG, ids=[str(row[0])[:40] for row in WRONG])
def test_what_makes_no_sense_names_the_fault_and_the_form_that_works(spec: Any, text: str) -> None:
    with pytest.raises(FixtureError) as caught:
        fault(spec)
    shown = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
    assert str(caught.value) == "fault %s: %s" % (shown if len(shown) <= 60 else shown[:57] + "...", text)


def test_the_faults_of_a_header_are_read() -> None:
    specs = [{"kind": "reset", "at": {"chunk": 5, "byte": 12}}, "crlf"]
    assert read_faults(exchange(head(), SHUT, faults=specs)) == [Fault("reset", "chunk", 5, 12), Fault("crlf")]


def test_a_fault_before_an_exchange_is_chosen_is_none_of_a_header() -> None:
    with pytest.raises(FixtureError) as caught:
        read_faults(exchange(head(), SHUT, faults=["cut@request"]))
    text = "one, line 1: fault cut@request: no exchange is chosen yet; give it to the server"
    assert (str(caught.value), caught.value.lineno) == (text, 1)


def test_232_there_is_a_limit_to_the_number_of_faults() -> None:
    for at_most in (["split:1"] * 100, ["raw@head:x"] * 100):
        assert len(laid_over(*at_most)) > 100
    with pytest.raises(FixtureError, match="^one, line 1: expected at most 100 faults, found 101$"):
        read_faults(exchange(head(), SHUT, faults=["split:1"] * 101))
    with pytest.raises(FixtureError, match="^expected at most 100 faults, found 101$"):
        serve(GOOD, faults=["split:1"] * 101)


def test_one_text_is_no_list_of_faults() -> None:
    with pytest.raises(FixtureError, match='^expected a list of faults, found the text "cut@end"$'):
        serve(GOOD, faults="cut@end")


def test_a_wrong_fault_in_a_header_is_told_when_the_server_starts() -> None:
    with pytest.raises(FixtureError, match='^one, line 1: fault "melt": unknown kind; '):
        serve(exchange(head(), SHUT, faults=["melt"]))


# On the wire

AT_ONE = len(HEAD)
AT_TWO = AT_ONE + len(chunk(ONE))
AT_DONE = AT_TWO + len(chunk(TWO))
AT_END = AT_DONE + len(chunk(DONE))
POINTS = {  # a point, how many bytes of the whole come before it
    "head": 0, "chunk=0": AT_ONE, "chunk=0+0": AT_ONE + 3, "chunk=1": AT_TWO, "chunk=1+3": AT_TWO + 6,
    "chunk=1+8": AT_TWO + 11, "chunk=2+14": AT_END - 2, "line=0": AT_ONE, "line=1": AT_TWO, "line=1+3": AT_TWO + 6,
    "line=2+13": AT_END - 3, "byte=0": AT_ONE, "byte=8": AT_TWO, "byte=11": AT_TWO + 6, "byte=30": AT_END,
    "end": AT_END, "t=0": 0, "t=1": AT_TWO, "t=2.1": AT_DONE, "t=2.4": AT_END,
}  # fmt: skip
NOWHERE = ["chunk=3", "chunk=1+9", "line=3", "line=1+8", "byte=31", "t=2.5", "t=3"]


@pytest.mark.parametrize("point", POINTS)
def test_cut_and_reset_end_it_there(point: str) -> None:
    for kind, how in (("cut", "eof"), ("reset", "reset")):
        planned = laid_over("%s@%s" % (kind, point))
        assert (sent(planned), planned[-1].kind) == (WHOLE[: POINTS[point]], how)
        assert struck(planned) == ["%s@%s" % (kind, point)]


@pytest.mark.parametrize("point", POINTS)
def test_a_stall_waits_there(point: str) -> None:
    planned = laid_over("stall@%s:7" % point)
    index = [action.kind for action in planned].index("wait")
    before, after = sent(planned[:index]), sent(planned[index:])
    assert (before, before + after, planned[index].pause) == (WHOLE[: POINTS[point]], WHOLE, 7.0)
    assert planned[index - 1].fault == fault("stall@%s:7" % point)


@pytest.mark.parametrize("point", POINTS)
def test_raw_bytes_go_out_there_and_leave_the_framing_alone(point: str) -> None:
    at = POINTS[point]
    assert sent(laid_over("raw@%s:xyz" % point)) == WHOLE[:at] + b"xyz" + WHOLE[at:]


@pytest.mark.parametrize("point", POINTS)
def test_from_there_writes_are_single_bytes_with_pauses_or_of_the_size_that_was_asked_for(point: str) -> None:
    for kind, size, pause in (("dribble", 1, 0.009), ("split", 9, 0.0)):
        planned = laid_over("%s@%s:9" % (kind, point))
        mark = [action.kind for action in planned].index("fault")
        writes = [action for action in planned[mark:] if action.kind == "send"]
        assert (sent(planned[:mark]), sent(planned)) == (WHOLE[: POINTS[point]], WHOLE)
        assert {action.pause for action in writes} == {pause}
        assert max(len(action.data) for action in writes) <= size
        assert {action.pause for action in planned[:mark]} <= {0.0}


@pytest.mark.parametrize("point", NOWHERE)
def test_a_point_that_is_not_there_does_nothing(point: str) -> None:
    for kind in ("cut@%s", "stall@%s", "raw@%s:x", "insert@%s:x", "dribble@%s:1", "error@%s"):
        assert laid_over(kind % point) == laid_over()


def test_what_is_not_asked_for_is_not_done() -> None:
    assert (sent(laid_over()), [action.kind for action in laid_over()]) == (WHOLE, ["send"] * 5 + ["complete"])


ERROR = b'{"error": "boom"}\n'
MESSAGES: List[Tuple[Any, bytes]] = [  # faults, what is sent; how it ends stays complete
    ("insert@chunk=1:x", HEAD + chunk(ONE) + chunk(b"x") + chunk(TWO) + chunk(DONE) + END),
    ("insert@chunk=1+0:x", HEAD + chunk(ONE) + chunk(b"x" + TWO) + chunk(DONE) + END),
    ("insert@chunk=1+3:x", HEAD + chunk(ONE) + chunk(TWO[:3] + b"x" + TWO[3:]) + chunk(DONE) + END),
    ("insert@chunk=1+8:x", HEAD + chunk(ONE) + chunk(TWO + b"x") + chunk(DONE) + END),
    ("insert@line=1:x", HEAD + chunk(ONE) + chunk(b"x") + chunk(TWO) + chunk(DONE) + END),
    ("insert@line=1+3:x", HEAD + chunk(ONE) + chunk(TWO[:3] + b"x" + TWO[3:]) + chunk(DONE) + END),
    ("insert@byte=11:x", HEAD + chunk(ONE) + chunk(TWO[:3] + b"x" + TWO[3:]) + chunk(DONE) + END),
    ("insert@byte=30:x", HEAD + chunk(ONE) + chunk(TWO) + chunk(DONE) + chunk(b"x") + END),
    ("insert@end:x", HEAD + chunk(ONE) + chunk(TWO) + chunk(DONE) + chunk(b"x") + END),
    ("insert@t=0:x", HEAD + chunk(b"x") + chunk(ONE) + chunk(TWO) + chunk(DONE) + END),
    ("insert@t=1:x", HEAD + chunk(ONE) + chunk(b"x") + chunk(TWO) + chunk(DONE) + END),
    ("garbage@line=1", HEAD + chunk(ONE) + chunk(b"%%%\n") + chunk(TWO) + chunk(DONE) + END),
    ("error@line=0:boom", HEAD + chunk(ERROR) + END),
    ("error@chunk=1:boom", HEAD + chunk(ONE) + chunk(ERROR) + END),
    ("error@byte=11:boom", HEAD + chunk(ONE) + chunk(TWO[:3] + ERROR) + END),
    ("error@end:boom", HEAD + chunk(ONE) + chunk(TWO) + chunk(DONE) + chunk(ERROR) + END),
    ("error@t=2.1:boom", HEAD + chunk(ONE) + chunk(TWO) + chunk(ERROR) + END),
    ("drop@chunk=1", HEAD + chunk(ONE) + chunk(DONE) + END),
    ("drop@line=0", HEAD + chunk(TWO) + chunk(DONE) + END),
    ("drop@line=2", HEAD + chunk(ONE) + chunk(TWO) + END),
    ("no-done", HEAD + chunk(ONE) + chunk(TWO) + END),
    ("rechunk:11", HEAD + chunk(BODY[:11]) + chunk(BODY[11:22]) + chunk(BODY[22:]) + END),
    ("rechunk:30", HEAD + chunk(BODY) + END),
    ("merge", HEAD + chunk(BODY) + END),
    ("crlf", HEAD + b"".join(chunk(line.replace(b"\n", b"\r\n")) for line in (ONE, TWO, DONE)) + END),
    ("bom", HEAD + chunk(b"\xef\xbb\xbf") + chunk(ONE) + chunk(TWO) + chunk(DONE) + END),
    ("status:404", WHOLE.replace(b"200 OK", b"404 Not Found")),
    ("status:999", WHOLE.replace(b"200 OK", b"999 Unknown")),
    ("header:A=b", WHOLE.replace(b"chunked\r\n", b"chunked\r\nA: b\r\n")),
    ("header:TRANSFER-ENCODING=gzip", WHOLE.replace(b"Transfer-Encoding: chunked", b"TRANSFER-ENCODING: gzip")),
    ('badsize@chunk=1:"0x8"', WHOLE[:AT_TWO] + b"0x" + WHOLE[AT_TWO:]),
    ("badsize@chunk=1:", WHOLE[:AT_TWO] + WHOLE[AT_TWO + 1 :]),
]


@pytest.mark.parametrize("spec, data", MESSAGES, ids=[row[0] for row in MESSAGES])
def test_the_message_is_another_and_framed_as_before(spec: str, data: bytes) -> None:
    planned = laid_over(spec)
    assert (sent(planned), planned[-1].kind, len(struck(planned))) == (data, "complete", 1)


ENDINGS = [  # id, chunks, what is left of them without the line that ends the answer
    ("progress", ['{"status":"a"}\n', '{"status":"success"}\n'], ['{"status":"a"}\n']),
    ("two of them", [DONE.decode(), "x\n", DONE.decode()], ["x\n"]),
    ("in the middle of a chunk", ["x\n" + DONE.decode() + "y"], ["x\ny"]),
    ("over several chunks", ["x\n" + DONE.decode()[:5], DONE.decode()[5:9], DONE.decode()[9:] + "y\n"], ["x\n", "y\n"]),
    ("without its newline", ["x\n", '{"done":true}'], ["x\n"]),
    ("only a reason", ['{"done_reason":"stop"}\n'], []),
    ("not done", ['{"done":false}\n'], ['{"done":false}\n']),
    ("no JSON", ["[1]\n", "%\n"], ["[1]\n", "%\n"]),
]


@pytest.mark.parametrize("before, after", [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS])
def test_no_done_takes_every_line_that_ends_an_answer(before: List[str], after: List[str]) -> None:
    fixture = exchange(head(), *[[1, "chunk", data] for data in before], SHUT)
    assert sent(laid_over("no-done", on=fixture)) == HEAD + b"".join(chunk(data.encode()) for data in after) + END


def test_no_end_closes_in_place_of_the_last_chunk() -> None:
    planned = laid_over("no-end")
    assert (sent(planned), planned[-1].kind) == (WHOLE[:AT_END], "eof")


TOGETHER: List[Tuple[List[str], bytes, str]] = [  # faults, what is sent, how it ends
    (["rechunk:10", "cut@chunk=2"], HEAD + chunk(BODY[:10]) + chunk(BODY[10:20]), "eof"),
    (["cut@chunk=2", "rechunk:10"], HEAD + chunk(BODY[:10]) + chunk(BODY[10:20]), "eof"),
    (["crlf", "rechunk:9"], HEAD + chunk(ONE[:7] + b"\r\n") + chunk(TWO[:7] + b"\r\n") + chunk(DONE[:9])
     + chunk(DONE[9:13] + b"\r\n") + END, "complete"),
    (["insert@line=1:x", "rechunk:40"], HEAD + chunk(ONE + b"x" + TWO + DONE) + END, "complete"),
    (["raw@chunk=1:1", "cut@chunk=1"], WHOLE[:AT_TWO] + b"1", "eof"),
    (["raw@end:0", "cut@end"], WHOLE[:AT_END] + b"0", "eof"),
    (['raw@end:"0\\r\\n"', "cut@end"], WHOLE[:AT_END] + b"0\r\n", "eof"),
    (["no-done", "no-end"], WHOLE[:AT_DONE], "eof"),
    (["insert@line=1:x", "reset@chunk=1+1"], HEAD + chunk(ONE) + b"1\r\nx", "reset"),
    (["raw@chunk=1+3:a", "raw@chunk=1+3:b"], WHOLE[: AT_TWO + 6] + b"ab" + WHOLE[AT_TWO + 6 :], "complete"),
    (["raw@chunk=1+8:a", "raw@byte=16:b"], WHOLE[: AT_DONE - 2] + b"a\r\nb" + WHOLE[AT_DONE:], "complete"),
    (["stall@chunk=1+3:1", "cut@chunk=1+5"], WHOLE[: AT_TWO + 8], "eof"),
    (["stall@line=1+3:1", "cut@line=1+5"], WHOLE[: AT_TWO + 8], "eof"),
    (["stall@byte=11:1", "cut@line=2+1"], WHOLE[: AT_DONE + 4], "eof"),
    (["header:Content-Length=5", "insert@end:x"],
     HEAD[:-2] + b"Content-Length: 5\r\n\r\n" + WHOLE[AT_ONE:AT_END] + chunk(b"x") + END, "complete"),
]  # fmt: skip


@pytest.mark.parametrize("specs, data, how", TOGETHER, ids=[" ".join(row[0]) for row in TOGETHER])
def test_changes_come_first_and_strikes_count_in_what_they_leave(specs: List[str], data: bytes, how: str) -> None:
    planned = laid_over(*specs)
    assert (sent(planned), planned[-1].kind) == (data, how)
    assert sorted(struck(planned)) == sorted(str(fault(spec)) for spec in specs)


def test_what_a_cut_takes_away_cannot_be_struck() -> None:
    assert struck(laid_over("cut@line=1", "stall@line=2:1")) == ["cut@line=1"]


LENGTH = [["Content-Length", "16"]]
LENGTH_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
WITH_LENGTH = exchange(head(LENGTH), [1, "part", ONE.decode()], [2, "part", TWO.decode()], SHUT)
UNTIL_EOF = exchange(head([]), [1, "part", ONE.decode()], [2.5, "end", {"how": "eof"}])
UNFINISHED = exchange(head(), [1, "part", '{"n"', {"of": 8}], [2.5, "end", {"how": "eof"}])
TRAILERS = exchange(head(), BODY_EVENTS[0], [2, "trailers", [["A", "b"]]], SHUT)
RAW = exchange(head(), BODY_EVENTS[0], [2, "raw", "zz\r\n"], [2.5, "end", {"how": "eof"}])
NO_HEAD = exchange([2.5, "end", {"how": "reset"}])
EARLY_HINTS = exchange([1, "interim", {"version": "1.1", "status": 103, "reason": "", "headers": []}], head([]), SHUT)
OTHERS: List[Tuple[str, Fixture, List[str], bytes, str]] = [  # id, exchange, faults, what is sent, how it ends
    ("a length grows", WITH_LENGTH, ["insert@line=1:xyz"], LENGTH_HEAD % 19 + ONE + b"xyz" + TWO, "complete"),
    ("a length shrinks", WITH_LENGTH, ["drop@line=1"], LENGTH_HEAD % 8 + ONE, "complete"),
    ("an error has its length", WITH_LENGTH, ["error@line=1:boom"], LENGTH_HEAD % 26 + ONE + ERROR, "complete"),
    ("a length that is asked for stays", WITH_LENGTH, ["header:Content-Length=9", "drop@line=1"],
     LENGTH_HEAD % 9 + ONE, "complete"),
    ("a recorded piece counts as a chunk", WITH_LENGTH, ["cut@chunk=1+3"], LENGTH_HEAD % 16 + ONE + TWO[:3], "eof"),
    ("nothing to rechunk", WITH_LENGTH, ["rechunk:1", "badsize@chunk=0:x", "no-end", "merge"],
     LENGTH_HEAD % 16 + ONE + TWO, "complete"),
    ("until end of file", UNTIL_EOF, ["insert@end:x"], b"HTTP/1.1 200 OK\r\n\r\n" + ONE + b"x", "eof"),
    ("an unfinished chunk announces more", UNFINISHED, ["insert@byte=1:xy"], HEAD + b'a\r\n{xy"n"', "eof"),
    ("an unfinished chunk is cut", UNFINISHED, ["cut@chunk=0+2"], HEAD + b'8\r\n{"', "eof"),
    ("before trailers", TRAILERS, ["insert@end:x"], HEAD + chunk(ONE) + chunk(b"x") + b"0\r\nA: b\r\n\r\n", "complete"),
    ("no trailers either", TRAILERS, ["no-end"], HEAD + chunk(ONE), "eof"),
    ("recorded raw bytes are passed over", RAW, ["cut@end"], HEAD + chunk(ONE) + b"zz\r\n", "eof"),
    ("without a head there is no body", NO_HEAD, ["insert@end:x", "status:500", "bom", "cut@head"], b"", "reset"),
    ("before the end without a head", NO_HEAD, ["raw@end:x", "cut@end"], b"x", "eof"),
    ("behind an interim head", EARLY_HINTS, ["cut@head"], b"HTTP/1.1 103 \r\n\r\n", "eof"),
]  # fmt: skip


@pytest.mark.parametrize("row", OTHERS, ids=[row[0] for row in OTHERS])
def test_other_framings(row: Any) -> None:
    _, fixture, specs, data, how = row
    planned = laid_over(*specs, on=fixture)
    assert (sent(planned), planned[-1].kind) == (data, how)


def test_the_time_of_a_strike_is_its_own_or_that_of_what_follows() -> None:
    specs = ("cut@t=2.1", "cut@line=1", "crlf", "merge")
    times = {spec: [action.time for action in laid_over(spec) if action.fault] for spec in specs}
    assert times == {"cut@t=2.1": [2.1], "cut@line=1": [2.0], "crlf": [1.0], "merge": [2.25]}


# Properties


def some_exchange(rng: random.Random) -> Tuple[Fixture, bytes]:
    """Lines cut into chunks anywhere, and the body."""
    lines = [json.dumps({"n": rng.choice(["", "é", "€" * rng.randint(1, 9)])}, ensure_ascii=False) for _ in range(9)]
    body = "\n".join([*lines, ""] if rng.random() < 0.5 else lines).encode()
    cuts = sorted({0, len(body), *(rng.randrange(len(body) + 1) for _ in range(rng.randint(0, 9)))})
    pieces = [body[start:end] for start, end in zip(cuts, cuts[1:])]
    events = [[index / 8, "chunk", {"hex": piece.hex()}] for index, piece in enumerate(pieces, 8)]
    return exchange(head(), *events, [9, "end", {"how": "complete"}]), body


def decoded(data: bytes) -> bytes:
    response = Response()
    response.receive(data)
    response.read_head()
    body = b"".join(iter(response.read_body, b""))
    assert response.complete
    return body


SEEDS = support.seeds(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_line_and_a_byte_are_found_whatever_the_chunks(seed: int) -> None:
    rng = random.Random(seed)
    fixture, body = some_exchange(rng)
    starts = [0] + [index + 1 for index in range(len(body) - 1) if body[index] == 10]
    line = rng.randrange(len(starts))
    length = (starts + [len(body)])[line + 1] - starts[line]
    byte = rng.randrange(length)
    at = starts[line] + byte
    for point in ("line=%d+%d" % (line, byte), "byte=%d" % at):
        assert decoded(sent(laid_over("insert@%s:###" % point, on=fixture))) == body[:at] + b"###" + body[at:]
        planned = laid_over("stall@%s:1" % point, "split:%d" % rng.randint(1, 9), on=fixture)
        assert sent(planned) == sent(laid_over(on=fixture))
        before = Response()
        before.receive(sent(laid_over("cut@%s" % point, on=fixture)))
        before.read_head()
        assert b"".join(iter(before.read_body, b"")) == body[:at]
    dropped = decoded(sent(laid_over("drop@line=%d" % line, on=fixture)))
    assert dropped == body[: starts[line]] + body[starts[line] + length :]


@pytest.mark.parametrize("seed", SEEDS)
def test_framing_anew_leaves_the_body_alone(seed: int) -> None:
    rng = random.Random(seed)
    fixture, body = some_exchange(rng)
    for spec in ("merge", "rechunk:1", "rechunk:%d" % rng.randint(1, 99)):
        assert decoded(sent(laid_over(spec, on=fixture))) == body
    assert decoded(sent(laid_over("crlf", "rechunk:2", on=fixture))) == body.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("seed", SEEDS)
def test_any_faults_together_end_once_in_order_of_time_and_our_reader_bears_it(seed: int) -> None:
    rng = random.Random(seed)
    fixture, _ = some_exchange(rng)
    texts = [row[0] for row in TEXTS] + [row[0] for row in MESSAGES]
    planned = laid_over(*rng.sample(texts, 5), on=fixture)
    assert [action.kind in ("complete", "eof", "reset") for action in planned] == [False] * (len(planned) - 1) + [True]
    assert [a.time for a in planned] == sorted(a.time for a in planned)
    response = Response()
    response.receive(sent(planned))
    response.receive(b"")
    try:
        response.read_head()
        while response.read_body():
            pass
    except (ConnectionLost, ProtocolError):
        pass


# What our clients make of it

CHAT_EVENTS = [
    head(),
    [1, "chunk", line("Hel").decode()],
    [1, "chunk", line("lo").decode()],
    [1, "chunk", DONE_LINE.decode()],
    [1, "end", {"how": "complete"}],
]
CHAT = exchange(*CHAT_EVENTS)
OUTCOMES: List[Tuple[str, List[str], str, str]] = [  # id, faults, the error or "", the text that came
    ("1 a size that is no number", ["badsize@chunk=1:zz"], "ProtocolError", "Hel"),
    ("2 an empty size", ["badsize@chunk=1:"], "ProtocolError", "Hel"),
    ("3 a size with 0x", ["badsize@chunk=1:0x8"], "ProtocolError", "Hel"),
    ("14 other bytes after a chunk", ["raw@chunk=0+%d:XY" % len(line("Hel"))], "ProtocolError", "Hel"),
    ("20 chunks of one byte", ["rechunk:1"], "", "Hello"),
    ("24 a cut inside a chunk", ["cut@chunk=1+6"], "ConnectionLost", "Hel"),
    ("25 a cut between chunks", ["cut@chunk=1"], "ConnectionLost", "Hel"),
    ("26 a cut inside a size", ["raw@chunk=1:1", "cut@chunk=1"], "ConnectionLost", "Hel"),
    ("27 a cut behind the 0 of a size", ["raw@chunk=1:0", "cut@chunk=1"], "ConnectionLost", "Hel"),
    ("28 a cut inside the last chunk", ['raw@end:"0\\r\\n"', "cut@end"], "", "Hello"),
    ("28 the same without a last record", ["no-done", 'raw@end:"0\\r\\n"', "cut@end"], "IncompleteStream", "Hello"),
    ("29 no last chunk", ["no-end"], "", "Hello"),
    ("30 a stall behind the last record", ["stall@end"], "", "Hello"),
    ("39 another transfer coding", ["header:Transfer-Encoding=gzip, chunked"], "ProtocolError", ""),
    ("55 not HTTP", ['raw@head:"SSH-2.0-OpenSSH_9.6\\r\\n"'], "ProtocolError", ""),
    ("61 a bare CR in a header", ['raw@head:"HTTP/1.1 200 OK\\r\\nX: a\\rb\\r\\n\\r\\n"'], "ProtocolError", ""),
    ("68 nothing", ["cut@head"], "ConnectionLost", ""),
    ("75 an encoding that nobody asked for", ["header:Content-Encoding=gzip"], "ProtocolError", ""),
    ("79 a reset while the request goes out", ["reset@request"], "ConnectionLost", ""),
    ("88 single bytes", ["split:1"], "", "Hello"),
    ("91 all in one chunk", ["merge"], "", "Hello"),
    ("93 CRLF, cut anywhere", ["crlf", "rechunk:1"], "", "Hello"),
    ("95 blank lines", ['insert@line=1:"\\n \\n"'], "", "Hello"),
    ("96 a byte order mark", ["bom"], "", "Hello"),
    ("97 a byte order mark later", ['insert@line=1:{"hex":"efbbbf"}'], "ProtocolError", "Hel"),
    ("100 NUL between lines", ['insert@line=1:"\\u0000"'], "ProtocolError", "Hel"),
    ("117 garbage", ["garbage@line=1"], "ProtocolError", "Hel"),
    ("122 no last record", ["no-done"], "IncompleteStream", "Hello"),
    ("127 an error in mid-stream", ["error:boom@line=1"], "ResponseError", "Hel"),
    ("128 an error first", ["error@line=0"], "ResponseError", ""),
    ("129 status 500", ["status:500"], "ResponseError", ""),
    ("153 nobody listens", ["refuse"], "ConnectError", ""),
    ("160 accepted, never answered", ["stall@connect"], "OllamaTimeout", ""),
    ("160 read, never answered", ["stall@head"], "OllamaTimeout", ""),
    ("161 a slow head", ["dribble:50"], "OllamaTimeout", ""),
    ("162 a head, no line", ["stall@chunk=0"], "OllamaTimeout", ""),
    ("163 a stall between chunks", ["stall@chunk=1"], "OllamaTimeout", "Hel"),
    ("164 a stall inside a chunk", ["stall@chunk=1+5"], "OllamaTimeout", "Hel"),
    ("167 a reset before the head", ["reset@head"], "ConnectionLost", ""),
    ("a line is dropped", ["drop@line=1"], "", "Hel"),
]  # fmt: skip


def read(client: Any, texts: List[str]) -> None:
    for text in client.stream_chat("m", []):
        texts.append(text)


def read_async(client: Any, texts: List[str]) -> None:
    async def main() -> None:
        async for text in client.stream_chat("m", []):
            texts.append(text)

    asyncio.run(main())


COLOURS = [pytest.param(Client, read, id="sync"), pytest.param(AsyncClient, read_async, id="async")]


def outcome(client: Any, reader: Any) -> Tuple[str, str]:
    """The error or "", and the text that came."""
    texts: List[str] = []
    try:
        reader(client, texts)
    except OllamaError as raised:
        return type(raised).__name__, "".join(texts)
    return "", "".join(texts)


def limits(error: str, text: str) -> Iterator[Timeout]:
    """A short one where it is waited for, then longer ones: what comes at once comes later on a busy machine."""
    for limit in (0.05, 1.0, 20.0) if error == "OllamaTimeout" else (PATIENCE,):
        yield Timeout(first_byte=PATIENCE if text else limit, idle=limit)


@pytest.mark.parametrize("colour, reader", COLOURS)
@pytest.mark.parametrize("specs, error, text", [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_a_client_tells_a_fault_from_a_whole_answer(
    specs: List[str], error: str, text: str, colour: Any, reader: Any
) -> None:
    for timeout in limits(error, text):
        with serve(CHAT, level="path", faults=specs) as server:
            found = outcome(colour(server.url, timeout=timeout, trust_env=False), reader)
            deadline = time.monotonic() + SOON  # the server may be a moment behind a client that knows enough
            while server.report()["unstruck"] and time.monotonic() < deadline:
                time.sleep(0.001)
            unstruck = server.report()["unstruck"]
        if found == (error, text):
            break
    assert (found, unstruck) == ((error, text), [])


def test_every_kind_has_an_outcome() -> None:
    assert {fault(spec).kind for row in OUTCOMES for spec in row[1]} == set(_RULES)


@pytest.mark.each(2)
@pytest.mark.parametrize("colour, reader", COLOURS)
@pytest.mark.parametrize("specs, error, text", [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_without_a_socket_a_fault_has_the_same_outcome(
    specs: List[str], error: str, text: str, colour: Any, reader: Any
) -> None:
    def found(source: Any, **faults: Any) -> Iterator[Tuple[str, str]]:
        for timeout in limits(error, text):
            yield outcome(colour(transport=Replaying(source, level="path", **faults), timeout=timeout), reader)

    assert (error, text) in found(CHAT, faults=specs)
    if not any(fault(spec).point in ("connect", "request") for spec in specs):
        assert (error, text) in found(exchange(*CHAT_EVENTS, faults=specs))


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_without_a_socket_a_stall_of_some_seconds_ends_and_so_does_a_refusal(colour: Any, reader: Any) -> None:
    faults = ["stall@connect:0.01", "stall@head:0.01", "stall@chunk=1:0.01", "refuse:0"]
    started = time.monotonic()
    assert outcome(colour(transport=Replaying(CHAT, level="path", faults=faults)), reader) == ("", "Hello")
    assert time.monotonic() - started >= 0.03  # it cannot be faster


def test_without_a_socket_a_stall_ends_when_the_stream_is_closed() -> None:
    stream = Client(transport=Replaying(CHAT, level="path", faults=["stall@chunk=1"])).chat("m", [], stream=True)
    next(stream)
    closing = threading.Timer(0.05, stream.close)
    closing.start()
    with pytest.raises(StreamClosed):
        next(stream)
    closing.join()


def test_without_a_socket_wrong_faults_are_told_at_once() -> None:
    with pytest.raises(FixtureError, match="^fault \"x\": unknown kind"):
        Replaying(CHAT, faults=["x"])
    with pytest.raises(FixtureError, match="^one, line 1: fault \"x\": unknown kind"):
        Replaying(exchange(*CHAT_EVENTS, faults=["x"]))


def test_what_is_due_at_the_same_time_is_one_write_and_what_is_to_be_alone_is() -> None:
    def send(data: bytes, alone: bool = False) -> Action:
        return Action(0.0, "send", data, alone=alone)

    scheduled = [
        (0.0, send(b"a")), (0.0, send(b"b")), (1.0, send(b"c")), (1.0, Action(1.0, "fault")), (1.0, send(b"d")),
        (1.0, send(b"e", True)), (1.0, send(b"f", True)), (1.0, send(b"g")), (1.0, send(b"h")), (1.0, Action(1.0, "eof")),
        (1.0, send(b"x" * MAX_WRITE)), (1.0, send(b"i")),
    ]  # fmt: skip
    found = [(due, action.kind, action.data[:9]) for due, action in join_writes(scheduled)]
    assert found == [
        (0.0, "send", b"ab"), (1.0, "send", b"c"), (1.0, "fault", b""), (1.0, "send", b"d"), (1.0, "send", b"e"),
        (1.0, "send", b"f"), (1.0, "send", b"gh"), (1.0, "eof", b""), (1.0, "send", b"x" * 9), (1.0, "send", b"i"),
    ]  # fmt: skip
