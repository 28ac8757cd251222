"""Recording without sockets: bytes and times into events, events into files, and which file answers which request.

Numbers from 223 to 234 in names are the numbered faults of recordings.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
import support

from ollama_stream import FixtureError, RequestError
from ollama_stream._http1 import Response
from ollama_stream.fixture import Event, Fixture, RecordedRequest, recorder as recorder_module
from ollama_stream.fixture import dumps, load, load_folder, loads
from ollama_stream.fixture.recorder import MODES, Recorder, Recordings, differences, make_label

FOLDER = Path(support.ROOT, "fixtures", "recordings")
FILES = sorted(FOLDER.glob("*/*.exchange.jsonl"))
NAMES = ["%s/%s" % (file.parent.name, file.name.partition(".")[0]) for file in FILES]
assert len(FILES) > 100

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
Pieces = Sequence[Tuple[float, bytes]]


def asked(path: str = "/api/chat", method: str = "POST", **body: Any) -> RecordedRequest:
    return RecordedRequest.from_wire(method, path, [("Host", b"h")], json.dumps(body).encode() if body else b"")


def recorded(
    pieces: Pieces, how: Optional[str] = None, at: float = 9.0, request: RecordedRequest = asked()
) -> List[Event]:
    """The events of pieces at their times; ``how`` and ``at`` end an exchange that does not end by itself."""
    events: List[Event] = []
    recorder = Recorder(request, 0.0, events.append)
    for time, piece in pieces:
        recorder.received(piece, time)
    if how:
        recorder.end(how, at)
    assert recorder.how == (events[-1].data["how"] if events[-1].kind == "end" else "")
    return events


def lines(events: Sequence[Event]) -> List[Any]:
    """What is written after the request, as JSON values; ``chunk`` stands for that line."""
    text = dumps(Fixture({}, list(events))).decode()
    return [json.loads(line) for line in text.splitlines()[2:]]


# One exchange


@pytest.mark.each(3)
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_recording_that_is_recorded_again_is_the_same(file: Path) -> None:
    fixture = load(file)
    end = fixture.events[-1]
    closes = [(end.time, b"")] if fixture.how == "eof" else []
    pieces = [*fixture.wire(), *closes]
    events = recorded(pieces, "cancelled" if fixture.how == "cancelled" else None, end.time, fixture.request)
    assert events[:-1] == fixture.events[:-1]
    assert events[-1][1:] == end[1:]


HEAD_EVENT = {"version": "1.1", "status": 200, "reason": "OK", "headers": [["Transfer-Encoding", "chunked"]]}
SIZED_EVENT = dict(HEAD_EVENT, headers=[["Content-Length", "4"]])
ENDLESS_EVENT = dict(HEAD_EVENT, headers=[])
HINTS = {"version": "1.1", "status": 103, "reason": "Early Hints", "headers": []}

EXCHANGES = [  # id, (time, piece) in order, how it is ended from outside at 9 s, what is written
    ("chunks of one piece", [(1, HEAD + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")], None,
        [[1, "head", HEAD_EVENT], [1, "chunk", "ab"], [1, "chunk", "c"], [1, "end", {"how": "complete"}]]),
    ("a chunk that comes in pieces has the time of its last byte",
        [(1, HEAD + b"2\r\na"), (2, b"b"), (3, b"\r\n1\r\nc\r\n"), (4, b"0\r\n"), (5, b"\r\n")], None,
        [[1, "head", HEAD_EVENT], [2, "chunk", "ab"], [3, "chunk", "c"], [5, "end", {"how": "complete"}]]),
    ("a size line as it came", [(1, HEAD + b"002;a=b\r\nab\r\nA \r\n0123456789\r\n0\r\n\r\n")], None,
        [[1, "head", HEAD_EVENT], [1, "chunk", "ab", {"ext": "a=b", "size": "002"}],
         [1, "chunk", "0123456789", {"size": "A "}], [1, "end", {"how": "complete"}]]),
    ("interim heads", [(1, b"HTTP/1.1 103 Early Hints\r\n\r\n"), (2, SIZED + b"ab"), (3, b"cd")], None,
        [[1, "interim", HINTS], [2, "head", SIZED_EVENT], [2, "part", "ab"], [3, "part", "cd"],
         [3, "end", {"how": "complete"}]]),
    ("an interim head and the head in one piece", [(1, b"HTTP/1.1 103 Early Hints\r\n\r\n" + SIZED + b"abcd")], None,
        [[1, "interim", HINTS], [1, "head", SIZED_EVENT], [1, "part", "abcd"], [1, "end", {"how": "complete"}]]),
    ("trailers", [(1, HEAD + b"1\r\nc\r\n0\r\nX: y\r\n"), (2, b"\r\n")], None,
        [[1, "head", HEAD_EVENT], [1, "chunk", "c"], [2, "trailers", [["X", "y"]]], [2, "end", {"how": "complete"}]]),
    ("until end of file", [(1, ENDLESS + b"ab"), (2, b"c"), (3, b"")], None,
        [[1, "head", ENDLESS_EVENT], [1, "part", "ab"], [2, "part", "c"], [3, "end", {"how": "eof"}]]),
    ("no answer", [(1, b"")], None, [[1, "end", {"how": "eof"}]]),
    ("cut in the head", [(1, b"HTTP/1.1 200 OK\r\nX"), (2, b"")], None,
        [[2, "raw", "HTTP/1.1 200 OK\r\nX"], [2, "end", {"how": "eof"}]]),
    ("cut in a chunk", [(1, HEAD + b"83\r\nab"), (2, b"")], None,
        [[1, "head", HEAD_EVENT], [1, "part", "ab", {"of": 131}], [2, "end", {"how": "eof"}]]),
    ("cut before the data of a chunk", [(1, HEAD + b"83\r\n"), (2, b"")], None,
        [[1, "head", HEAD_EVENT], [2, "part", "", {"of": 131}], [2, "end", {"how": "eof"}]]),
    ("cut after the data of a chunk", [(1, HEAD + b"2\r\nab\r"), (2, b"")], None,
        [[1, "head", HEAD_EVENT], [1, "part", "ab", {"of": 2}], [2, "raw", "\r"], [2, "end", {"how": "eof"}]]),
    ("cut in a size line", [(1, HEAD + b"2\r\nab\r\n8"), (2, b"")], None,
        [[1, "head", HEAD_EVENT], [1, "chunk", "ab"], [2, "raw", "8"], [2, "end", {"how": "eof"}]]),
    ("cut in the last chunk", [(1, HEAD + b"0\r\n"), (2, b"")], None,
        [[1, "head", HEAD_EVENT], [2, "raw", "0\r\n"], [2, "end", {"how": "eof"}]]),
    ("cut in a body with a length", [(1, SIZED + b"ab"), (2, b"")], None,
        [[1, "head", SIZED_EVENT], [1, "part", "ab"], [2, "end", {"how": "eof"}]]),
    ("reset in a chunk", [(1, HEAD + b"83\r\nab")], "reset",
        [[1, "head", HEAD_EVENT], [1, "part", "ab", {"of": 131}], [9, "end", {"how": "reset"}]]),
    ("cancelled between chunks", [(1, HEAD + b"2\r\nab\r\n")], "cancelled",
        [[1, "head", HEAD_EVENT], [1, "chunk", "ab"], [9, "end", {"how": "cancelled"}]]),
    ("time-out before an answer", [], "timeout", [[9, "end", {"how": "timeout"}]]),
    ("what follows the end is dropped", [(1, SIZED + b"abcdefg"), (2, b"hij"), (3, b"")], "cancelled",
        [[1, "head", SIZED_EVENT], [1, "part", "abcd"], [1, "end", {"how": "complete"}]]),
    ("not HTTP", [(1, b"SSH-2.0-OpenSSH_9.6\r\n"), (2, b"more"), (3, b"")], None,
        [[1, "raw", "SSH-2.0-OpenSSH_9.6\r\n"], [2, "raw", "more"], [3, "end", {"how": "eof"}]]),
    ("a bad size line after good chunks", [(1, HEAD + b"2\r\nab\r\nzz\r\nc"), (2, b"d")], "cancelled",
        [[1, "head", HEAD_EVENT], [1, "chunk", "ab"], [1, "raw", "zz\r\nc"], [2, "raw", "d"],
         [9, "end", {"how": "cancelled"}]]),
    ("no CRLF after a chunk", [(1, HEAD + b"2\r\nabXX0\r\n\r\n"), (2, b"")], None,
        [[1, "head", HEAD_EVENT], [1, "part", "ab", {"of": 2}], [1, "raw", "XX0\r\n\r\n"], [2, "end", {"how": "eof"}]]),
    ("bad trailers", [(1, HEAD + b"0\r\n:\r\n\r\n"), (2, b"")], None,
        [[1, "head", HEAD_EVENT], [1, "raw", "0\r\n:\r\n\r\n"], [2, "end", {"how": "eof"}]]),
]  # fmt: skip


@pytest.mark.parametrize("pieces, how, wanted", [row[1:] for row in EXCHANGES], ids=[row[0] for row in EXCHANGES])
def test_what_is_written(pieces: Pieces, how: Optional[str], wanted: List[Any]) -> None:
    events = recorded(pieces, how)
    assert lines(events) == wanted
    assert events[0] == Event(0.0, "request", asked())
    stored = loads(dumps(Fixture({}, events)), "x.exchange.jsonl")
    assert [event[1:] for event in stored.events] == [event[1:] for event in events]


def test_an_answer_to_head_has_no_body() -> None:
    events = recorded([(1, HEAD)], request=asked("/", "HEAD"))
    assert lines(events) == [[1, "head", HEAD_EVENT], [1, "end", {"how": "complete"}]]


REUSABLE = [  # id, pieces, whether the connection may carry another exchange
    ("complete", [(1, HEAD + b"0\r\n\r\n")], True),
    ("bytes after it", [(1, HEAD + b"0\r\n\r\nX")], False),
    ("the head closes", [(1, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")], False),
    ("not complete", [(1, HEAD)], False),
    ("until end of file", [(1, ENDLESS), (2, b"")], False),
]


@pytest.mark.parametrize("pieces, reusable", [row[1:] for row in REUSABLE], ids=[row[0] for row in REUSABLE])
def test_a_connection_may_go_on_after_a_message_that_ended(pieces: Pieces, reusable: bool) -> None:
    recorder = Recorder(asked(), 0.0, lambda event: None)
    for time, piece in pieces:
        recorder.received(piece, time)
    assert recorder.reusable == reusable


LONG = 4 << 20  # bytes
PIECES = {  # id -> the head, and a piece of the body
    "chunks": (HEAD, b"10000\r\n" + (b"x" * 1023 + b"\n") * 64 + b"\r\n"),
    "chunks without a line": (HEAD, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * LONG), (b"x" * 1023 + b"\n") * 64),
    "until end of file": (ENDLESS, (b"x" * 1023 + b"\n") * 64),
    "refused bytes": (b"SSH-2.0-OpenSSH_9.6\r\n", b"x" * 65536),
}


@pytest.mark.each(2)
@pytest.mark.parametrize("head, piece", PIECES.values(), ids=list(PIECES))
def test_a_long_recording_takes_constant_memory(
    head: bytes, piece: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "MAX_LAST_LINE", 1 << 20)
    recorder = Recordings(tmp_path, "all").start(asked(model="m"), 0.0, "http://localhost")
    with support.memory_below(3 << 20):  # a last line of 1 MiB is waited for
        recorder.received(head, 0.0)
        for _ in range(LONG >> 16):
            recorder.received(bytes(bytearray(piece)), 0.0)  # one of its own each time
        recorder.end("eof", 0.0)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > LONG


def test_the_detail_of_an_end_is_kept() -> None:
    events: List[Event] = []
    Recorder(asked(), 0.0, events.append).end("error", 1.0, "no route to host")
    assert lines(events) == [[1, "end", {"how": "error", "detail": "no route to host"}]]


def test_times_start_when_the_request_was_sent() -> None:
    events: List[Event] = []
    recorder = Recorder(asked(), 100.0, events.append)
    recorder.received(SIZED, 99.5)  # the server did not wait for the end of the request
    recorder.received(b"abcd", 101.0)
    assert [event.time for event in events] == [0.0, 0.0, 1.0, 1.0]


ANSWERS = [  # id, path, body, whether its end has come
    ("done", "/api/chat", b'{"done":false}\n{"done":true}\n', True),
    ("not done", "/api/generate", b'{"done":false}\n', False),
    ("no line yet", "/api/chat", b'{"done":true}', False),
    ("blank lines after it", "/api/chat", b'{"done":true}\r\n\n', True),
    ("an error", "/api/chat", b'{"done":false}\n{"error":"out of memory"}\n', True),
    ("an empty error", "/api/chat", b'{"error":""}\n', False),
    ("success", "/api/pull", b'{"status":"success"}\n', True),
    ("done is no word of a pull", "/api/pull", b'{"done":true}\n', False),
    ("a query in the path", "/api/chat?x=1", b'{"done":true}\n', True),
    ("a document", "/api/show", b'{"done":true}\n', False),
    ("not JSON", "/api/chat", b"done\n", False),
    ("not UTF-8", "/api/chat", b'{"done":true,"x":"\xff"}\n', False),
    ("no object", "/api/chat", b"[]\n", False),
]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("path, body, answered", [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_the_record_that_ends_an_answer_is_known_before_its_message_ends(
    path: str, body: bytes, answered: bool, size: int
) -> None:
    recorder = Recorder(asked(path), 0.0, lambda event: None)
    data = HEAD + support.chunk(body)
    for start in range(0, len(data), size):
        recorder.received(data[start : start + size], 1.0)
    assert (recorder.answered, recorder.how) == (answered, "")


SEEDS = support.seeds(20)


def response(rng: random.Random) -> bytes:
    """A response, whole or not; in most of them a few bytes are others, or missing."""
    head = rng.choice([HEAD, HEAD, SIZED, ENDLESS])
    body = b"".join(support.chunk(b"x" * rng.choice([1, 2, 15, 16, 300])) for _ in range(rng.randrange(4)))
    body += rng.choice([b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"00;e\r\n\r\n", b""])
    data = bytearray(body)
    for _ in range(rng.choice([0, 1, 3])):
        if data:
            data[rng.randrange(len(data))] = rng.choice(b"\r\n0a;x \xff")
    return bytes(head + data)[: rng.choice([len(head + data), rng.randrange(len(head + data) + 1)])]


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_comes_can_be_played_again_byte_for_byte(seed: int) -> None:
    rng = random.Random(seed)
    data = response(rng)
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(6)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)]) if a < b]
    events = recorded([(float(time), piece) for time, piece in enumerate([*pieces, b""])])
    fixture = loads(dumps(Fixture({}, events)), "x.exchange.jsonl")  # which refuses what is not in the format
    played = b"".join(piece for _, piece in fixture.wire())
    if fixture.how == "complete":  # but for the spelling of the last chunk, and what follows the message
        assert message(played) == message(data)
    else:
        assert played == data


def message(data: bytes) -> Tuple[Any, ...]:
    reader = Response(keep_chunks=True)
    reader.receive(data)
    body = b"".join(iter(reader.read_body, b""))
    return reader.head, body, reader.take_chunks(), reader.trailers, reader.complete


# A folder of them


def play(recordings: Recordings, request: RecordedRequest, body: bytes = support.DONE) -> Optional[str]:
    """What a transport does with a request; the name of the file that answered, None for the server."""
    fixture = recordings.answer(request)
    if fixture is not None:
        return fixture.name
    recorder = recordings.start(request, 0.0, "http://127.0.0.1:11434")
    recorder.received(HEAD + support.chunk(body) + support.LAST_CHUNK, 1.0)
    assert recorder.how == "complete"
    return None


FIRST, SECOND = asked(model="m", prompt="1"), asked(model="m", prompt="2")
MODE_TABLE: Dict[str, List[Any]] = {  # mode -> what answers FIRST, which the folder has, twice; then SECOND, twice
    "none": ["0001-chat-m", "0001-chat-m", FixtureError, FixtureError],
    "once": ["0001-chat-m", "0001-chat-m", None, "0002-chat-m"],
    "new_episodes": ["0001-chat-m", None, None, None],
    "all": [None, None, None, None],
    "verify": ["0001-chat-m", "0001-chat-m", FixtureError, FixtureError],
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_says_what_is_played_and_what_is_recorded(mode: str, tmp_path: Path) -> None:
    assert play(Recordings(tmp_path, "all"), FIRST) is None
    recordings = Recordings(tmp_path, mode)
    outcomes: List[Any] = []
    for request in (FIRST, FIRST, SECOND, SECOND):
        try:
            outcomes.append(play(recordings, request))
        except FixtureError:
            outcomes.append(FixtureError)
    assert outcomes == MODE_TABLE[mode]
    assert len(load_folder(tmp_path)) == 1 + outcomes.count(None)


def test_a_mode_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as raised:
        Recordings(tmp_path, "twice")
    assert str(raised.value) == "mode: one of none, once, new_episodes, all, verify, not 'twice'"


@pytest.mark.parametrize("mode", ["none", "verify"])
def test_a_mode_that_only_reads_wants_a_folder_with_files(mode: str, tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="expected files named"):
        Recordings(tmp_path, mode)
    with pytest.raises(FixtureError, match="cannot be read: No such file"):
        Recordings(tmp_path / "missing", mode)


def test_wrong_options_are_told_before_anything_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="keep_header"):
        Recordings(tmp_path, "all", keep_header=["X"])
    for options in ({"redact_json": ["messages"]}, {"ignore": ["options"]}):
        with pytest.raises(FixtureError, match="JSON Pointer"):
            Recordings(tmp_path, "all", **options)


def test_the_file_of_an_exchange(tmp_path: Path) -> None:
    play(Recordings(tmp_path / "deep" / "new", "all"), FIRST)
    fixture = load(tmp_path / "deep" / "new" / "0001-chat-m.exchange.jsonl")
    recorded_at = fixture.header.pop("recorded_at")
    assert recorded_at.endswith("Z") and len(recorded_at) == len("2026-11-23T12:00:00Z")
    assert fixture.header == {
        "ollama_stream_fixture": 1,
        "recorder": "ollama_stream/0.2.0",
        "target": "http://127.0.0.1:11434",
        "redacted": ["request:Host"],
    }
    assert dict(fixture.request.headers) == {"Host": b"127.0.0.1:11434"}
    assert fixture.body() == support.DONE


LABELS = [  # request, the name of its file after the number
    (asked("/api/chat", model="llama3.2:1b"), "chat-llama3.2-1b"),
    (asked("/api/generate", model="hf.co/org/Name_7B"), "generate-hf.co-org-Name_7B"),
    (asked("/v1/chat/completions?key=x", model="m"), "completions-m"),
    (asked("/api/show", name="m"), "show-m"),
    (asked("/api/tags", "GET"), "tags"),
    (asked("/", "HEAD"), "request"),
    (asked("/api/chat", model={"a": 1}), "chat"),
    (asked("/api/chat", model="../../x"), "chat-..-..-x"),
    (asked("/../../x"), "x"),
    (asked("/api/%2e%2e%2f"), "2e-2e-2f"),
    (asked("/api/chat", model="C:\\CON\0"), "chat-C-CON"),
    (asked("/api/chat", model="\u65e5\u672c\u202e"), "chat"),
    (asked("/api/" + "x" * 500), "x" * 60),
    (asked("/..", model="."), "request"),
]


@pytest.mark.parametrize("request_, label", LABELS, ids=[label or "none" for _, label in LABELS])
def test_a_file_has_a_plain_name_whatever_was_asked_fault_231(
    request_: RecordedRequest, label: str, tmp_path: Path
) -> None:
    assert make_label(request_) == label
    play(Recordings(tmp_path / "in", "all"), request_)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")] == [
        os.path.join("in", "0001-%s.exchange.jsonl" % label)
    ]


def test_a_new_file_never_takes_the_place_of_another_fault_234(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / "0007-chat.exchange.jsonl").write_bytes(b"mine")
    (tmp_path / "0008-killed.exchange.jsonl.part").write_bytes(b"mine")
    (tmp_path / "0009-chat-m.exchange.jsonl").symlink_to(target)
    recordings = Recordings(tmp_path / "none yet", "all")
    recordings.folder = str(tmp_path)
    play(recordings, FIRST)
    assert load(tmp_path / "0010-chat-m.exchange.jsonl").how == "complete"
    assert (tmp_path / "0007-chat.exchange.jsonl").read_bytes() == b"mine"
    assert (tmp_path / "0008-killed.exchange.jsonl.part").read_bytes() == b"mine"
    assert not target.exists()


def test_two_programs_may_record_into_one_folder_fault_234(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(Recordings(tmp_path, "all"), FIRST)
    monkeypatch.setattr(os, "listdir", lambda _: [])  # the other one's file has appeared since this one has looked
    play(Recordings(tmp_path, "all"), FIRST)
    monkeypatch.undo()
    assert sorted(os.listdir(tmp_path)) == ["0001-chat-m.exchange.jsonl", "0002-chat-m.exchange.jsonl"]


def test_a_folder_that_cannot_be_made_costs_the_recording_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    recordings = Recordings(tmp_path / "file" / "in", "once")
    assert play(recordings, FIRST) is None
    assert play(recordings, FIRST) is None
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("%s: nothing is recorded: " % (tmp_path / "file" / "in"))


def test_what_a_file_hides_still_matches_fault_223(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "sesame-sesame")
    recordings = Recordings(tmp_path, "once", redact_json=["/options/name"])
    request = asked("/api/chat?ts=12345678", model="m", prompt="the word is sesame-sesame", options={"name": "x"})
    assert play(recordings, request) is None
    assert play(recordings, request) == "0001-chat-m"
    assert play(Recordings(tmp_path, "once", redact_json=["/options/name"]), request) == "0001-chat-m"
    data = (tmp_path / "0001-chat-m.exchange.jsonl").read_bytes()
    assert [word for word in (b"sesame", b"12345678") if word in data] == []


# Verify

DIFFERENCES = [  # id, the live response, the differences from HEAD, two records and a last one
    ("none", HEAD + support.chunk(support.LINE + support.DONE) + support.LAST_CHUNK, []),
    ("another text and length", HEAD + support.chunk(support.line("x") * 3 + support.DONE) + support.LAST_CHUNK, []),
    ("an error", support.response("404 Not Found", b'{"error":"no"}', Content_Type="application/json"), [
        "status: recorded 200, now 404",
        "content type: recorded None, now application/json",
        "a record that ends the answer: recorded True, now False",
        "a line with the keys created_at, done, done_reason, message, message.content, message.role, model:"
        " recorded, now missing",
        "a line with the keys created_at, done, message, message.content, message.role, model: recorded, now missing",
        "a line with the keys error: new",
    ]),
    ("no done", HEAD + support.chunk(support.LINE) + support.LAST_CHUNK, [
        "a record that ends the answer: recorded True, now False",
        "a line with the keys created_at, done, done_reason, message, message.content, message.role, model:"
        " recorded, now missing",
    ]),
    ("a new key", HEAD + support.chunk(support.LINE + support.DONE + support.line(new=1)) + support.LAST_CHUNK, [
        "a line with the keys created_at, done, message, message.content, message.role, model, new: new",
    ]),
    ("no answer at all", b"", [
        "status: recorded 200, now None",
        "a record that ends the answer: recorded True, now False",
        "a line with the keys created_at, done, done_reason, message, message.content, message.role, model:"
        " recorded, now missing",
        "a line with the keys created_at, done, message, message.content, message.role, model: recorded, now missing",
    ]),
]  # fmt: skip


@pytest.mark.parametrize("live, wanted", [row[1:] for row in DIFFERENCES], ids=[row[0] for row in DIFFERENCES])
def test_verify_compares_shapes(live: bytes, wanted: List[str]) -> None:
    first = HEAD + support.chunk(support.LINE) + support.chunk(support.LINE + support.DONE) + support.LAST_CHUNK
    before, now = (Fixture({}, recorded([(1, data), (2, b"")])) for data in (first, live))
    assert differences(before, now) == wanted
