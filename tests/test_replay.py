"""The replay server, asked by raw sockets: what it sends, how it ends, what it refuses and what it reports.

Ids and names with a number from 235 on are the numbered faults of the servers we run.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
import support
from support import PATIENCE, SOON

from ollama_stream import Client
from ollama_stream.replay import player, report
from ollama_stream._errors import ConnectError, FixtureError, RequestError, ResponseError
from ollama_stream._http1 import Head
from ollama_stream.fixture import Fixture
from ollama_stream.fixture import load, load_folder, loads
from ollama_stream.replay.overlay import Action, Pace
from ollama_stream.replay import ReplayServer, serve

RECORDINGS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures", "recordings")
FOLDERS = [entry.path for entry in sorted(os.scandir(RECORDINGS), key=lambda entry: entry.name) if entry.is_dir()]
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CHUNKED = [["Transfer-Encoding", "chunked"]]
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ONE = '{"n":1}\n'
TWO = '{"done":true}\n'


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may need more than a second."""
    monkeypatch.setattr(report, "PROMPT_SECONDS", PATIENCE)


def fixture(*events: List[Any], name: str = "one", path: str = "/api/chat", body: Any = ASK) -> Fixture:
    """An exchange: the events after its request, each [time, kind, data], or [kind, data] at the time before."""
    asked = {"method": "POST", "path": path, "headers": [], "json": body}
    lines: List[Any] = [{"ollama_stream_fixture": 1}, [0, "request", asked]]
    for event in events:
        lines.append([lines[-1][0], *event] if isinstance(event[0], str) else event)
    return loads(b"".join(json.dumps(line).encode() + b"\n" for line in lines), name + ".exchange.jsonl")


def head(status: int = 200, headers: Any = CHUNKED, version: str = "1.1") -> List[Any]:
    return ["head", {"version": version, "status": status, "reason": "OK", "headers": headers}]


def end(how: str = "complete") -> List[Any]:
    return ["end", {"how": how}]


GOOD = fixture(head(), ["chunk", ONE], ["chunk", TWO], end())
GOOD_BYTES = HEAD + b"8\r\n" + ONE.encode() + b"\r\ne\r\n" + TWO.encode() + b"\r\n0\r\n\r\n"


def request(body: Any = ASK, path: str = "/api/chat", method: str = "POST", host: str = "localhost") -> bytes:
    data = json.dumps(body).encode()
    return b"%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        method.encode(), path.encode(), host.encode(), len(data), data,
    )  # fmt: skip


class Caller:
    """A client that sees bytes and how they end."""

    def __init__(self, server: ReplayServer) -> None:
        self.sock = socket.create_connection((server.host, server.port), PATIENCE)
        self.unread = b""

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, size: int) -> bytes:
        while len(self.unread) < size:
            piece = self.sock.recv(65536)
            assert piece, "the server closed after %r" % self.unread
            self.unread += piece
        data, self.unread = self.unread[:size], self.unread[size:]
        return data

    def read_message(self) -> Tuple[bytes, Any]:
        """The head and the JSON of an answer with a Content-Length."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += self.read(1)
        found = re.search(rb"Content-Length: (\d+)\r\n", data)
        assert found
        return data, json.loads(self.read(int(found[1])))

    def read_to_end(self) -> Tuple[bytes, str]:
        """What comes, and what came then: "FIN" or "RST"."""
        data, self.unread = self.unread, b""
        while True:
            try:
                piece = self.sock.recv(65536)
            except ConnectionResetError:
                return data, "RST"
            if not piece:
                return data, "FIN"
            data += piece

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
        self.sock.close()


def ask(server: ReplayServer, data: bytes) -> Tuple[bytes, str]:
    with Caller(server) as caller:
        caller.send(data)
        return caller.read_to_end()


def eventually(look: Callable[[], Any], wanted: Any) -> None:
    """The report is written by other threads: look until it says so."""
    deadline = time.monotonic() + PATIENCE
    while look() != wanted and time.monotonic() < deadline:
        time.sleep(0.001)
    assert look() == wanted


def clients(server: ReplayServer) -> List[Tuple[Optional[str], int, str]]:
    return [(entry["exchange"], entry["bytes"], entry["client"]) for entry in server.report()["exchanges"]]


def error_text(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


# Playing

ENDS = [  # id, events after the request, the bytes, how the connection ends
    ("chunked and complete, but the head closes", [head(headers=CHUNKED + [["Connection", "close"]]), end()],
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", "FIN"),
    ("until end of file", [head(headers=[]), ["part", ONE], end("eof")],
     b"HTTP/1.1 200 OK\r\n\r\n" + ONE.encode(), "FIN"),
    ("complete by end of file", [head(headers=[]), ["part", ONE], end()],
     b"HTTP/1.1 200 OK\r\n\r\n" + ONE.encode(), "FIN"),
    ("closed behind a whole body", [head(headers=[["Content-Length", "8"]]), ["part", ONE], end("eof")],
     b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + ONE.encode(), "FIN"),
    ("cut between chunks", [head(), ["chunk", ONE], end("eof")], HEAD + b"8\r\n" + ONE.encode() + b"\r\n", "FIN"),
    ("cut inside a chunk", [head(), ["part", "{", {"of": 8}], end("eof")], HEAD + b"8\r\n{", "FIN"),
    ("timed out", [head(), end("timeout")], HEAD, "FIN"),
    ("failed", [head(), end("error")], HEAD, "FIN"),
    ("cancelled", [head(), end("cancelled")], HEAD, "FIN"),
    ("reset", [head(), ["chunk", ONE], end("reset")], HEAD + b"8\r\n" + ONE.encode() + b"\r\n", "RST"),
    ("closed without an answer", [end("eof")], b"", "FIN"),
    ("reset without an answer", [end("reset")], b"", "RST"),
    ("raw bytes", [head(), ["raw", "zz\r\n"], end("complete")], HEAD + b"zz\r\n", "FIN"),
    ("an interim head", [["interim", head(100, [])[1]], head(), end("eof")], b"HTTP/1.1 100 OK\r\n\r\n" + HEAD, "FIN"),
]  # fmt: skip


@pytest.mark.parametrize("events, data, ending", [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_an_exchange_ends_as_it_was_recorded(events: List[Any], data: bytes, ending: str) -> None:
    with serve(fixture(*events)) as server:
        assert ask(server, request()) == (data, ending)


def test_a_complete_exchange_leaves_the_connection_open() -> None:
    with serve([GOOD, GOOD]) as server, Caller(server) as caller:
        for _ in range(2):
            caller.send(request())
            assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES
        assert clients(server)[0] == ("one", len(GOOD_BYTES), "read to the end")


@pytest.mark.parametrize("field", [b"Connection: close\r\n", b"connection: x, Close\r\n"])
def test_a_request_to_close_is_obeyed(field: bytes) -> None:
    with serve(GOOD) as server:
        assert ask(server, request().replace(b"\r\n", b"\r\n" + field, 1)) == (GOOD_BYTES, "FIN")


def test_a_client_that_does_not_wait_for_its_answer_gets_that_one_only() -> None:
    with serve([GOOD, GOOD]) as server:
        assert ask(server, request() + request()) == (GOOD_BYTES, "FIN")


def test_a_client_that_speaks_while_its_answer_is_played_gets_the_whole_of_it_and_no_more() -> None:
    paced = fixture(head(), ["chunk", ONE], [0.05, "chunk", TWO], end())
    with serve([paced, paced], speed=1.0) as server, Caller(server) as caller:
        caller.send(request())
        caller.read(len(HEAD))
        caller.send(request())
        assert caller.read_to_end() == (GOOD_BYTES[len(HEAD) :], "FIN")


@pytest.mark.parametrize("folder", FOLDERS, ids=os.path.basename)
def test_every_recording_comes_back_byte_for_byte(folder: str) -> None:
    with serve(folder, order="strict") as server:
        for recorded in load_folder(folder):
            sent = recorded.request
            line = "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            data = (line % (sent.method, sent.path, len(sent.body_bytes()))).encode() + sent.body_bytes()
            assert ask(server, data)[0] == b"".join(data for _, data in recorded.wire()), recorded.name
        server.assert_all_played()


def test_a_plain_body_is_played_a_line_a_chunk(tmp_path: Any) -> None:
    (tmp_path / "hello.ndjson").write_bytes((ONE + TWO).encode())
    whole = GOOD_BYTES.replace(b"\r\n", b"\r\nContent-Type: application/x-ndjson\r\n", 1)
    with serve(str(tmp_path / "hello.ndjson")) as server, Caller(server) as caller:
        caller.send(request({"anything": 1}))
        assert caller.read(len(whole)) == whole


def test_what_was_asked_for_is_told_from_what_was_not() -> None:
    with serve([GOOD, fixture(end("eof"), name="two", path="/api/other")]) as server:
        ask(server, request().replace(b"Host", b"Connection: close\r\nHost"))
        assert server.report()["unplayed"] == ["two"]
        with pytest.raises(FixtureError, match="^recorded, but never asked for: two$"):
            server.assert_all_played()


def test_a_body_may_be_chunked_and_come_byte_by_byte() -> None:
    body = json.dumps(ASK).encode()
    data = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    data += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with serve(GOOD) as server, Caller(server) as caller:
        for index in range(len(data)):
            caller.send(data[index : index + 1])
        assert caller.read_to_end() == (GOOD_BYTES, "FIN")


def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    whole = request().replace(b"Host", b"Expect: 100-continue\r\nHost")
    start, _, body = whole.partition(b"\r\n\r\n")
    with serve(GOOD) as server, Caller(server) as caller:
        caller.send(start + b"\r\n\r\n")
        assert caller.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.send(body)
        assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES


# The pace

PACES = [  # id, speed, max_gap, when events of the times 0.5, 0.5, 2.5, 1000 are due
    ("at once", None, None, [0, 0, 0, 0]),
    ("at once, whatever the gap", None, 9.0, [0, 0, 0, 0]),
    ("as recorded", 1.0, None, [0.5, 0.5, 2.5, 1000]),
    ("twice as fast", 2.0, None, [0.25, 0.25, 1.25, 500]),
    ("no gap above one second", 1.0, 1.0, [0.5, 0.5, 1.5, 2.5]),
    ("fast, no gap above one second", 2.0, 0.5, [0.25, 0.25, 0.75, 1.25]),
    ("no gap at all", 1.0, 0.0, [0, 0, 0, 0]),
]


@pytest.mark.parametrize("speed, max_gap, due", [row[1:] for row in PACES], ids=[row[0] for row in PACES])
def test_the_schedule_is_absolute(speed: Optional[float], max_gap: Optional[float], due: List[float]) -> None:
    planned = [Action(moment, "send") for moment in (0.5, 0.5, 2.5, 1000)]
    assert [when for when, _ in Pace(speed, max_gap).schedule(planned)] == due


def test_the_recorded_pace_is_kept_without_drift() -> None:
    times = [index / 100 for index in range(1, 21)]
    events = [head()] + [[moment, "chunk", ONE] for moment in times] + [[0.2, *end()]]
    for _ in range(20):
        with serve(fixture(*events), speed=1.0) as server, Caller(server) as caller:
            started = time.monotonic()
            caller.send(request())
            caller.read(len(HEAD))
            arrivals = []
            for _ in times:
                caller.read(13)
                arrivals.append(time.monotonic() - started)
        assert [moment for moment, due in zip(arrivals, times) if moment < due - 0.001] == []
        if arrivals[-1] < 0.2 + 0.15:  # twenty separate waits of 10 ms, each late, would add up
            return
    pytest.fail("late by drift: a busy machine is late now and then")


def test_writes_are_at_least_the_min_gap_apart() -> None:
    with serve(GOOD, min_gap=20, faults=["split:40"]) as server, Caller(server) as caller:
        started = time.monotonic()
        caller.send(request())
        assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES
        assert time.monotonic() - started >= 4 * 0.02  # five writes: two for the head, three for the body


def test_pauses_of_a_fault_take_their_time_at_any_speed() -> None:
    with serve(GOOD, faults=["stall@line=1:0.05", "dribble@end:10"]) as server, Caller(server) as caller:
        started = time.monotonic()
        caller.send(request())
        assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES
        assert time.monotonic() - started >= 0.1


PAUSES = [  # speed, when a write at 2 s, a pause of 3 s, a write at 2 s and one at 4 s are due
    (None, [0, 3, 3, 3]),
    (1.0, [2, 5, 5, 7]),
    (2.0, [1, 4, 4, 5]),
]


@pytest.mark.parametrize("speed, due", PAUSES)
def test_the_pace_does_not_change_a_pause(speed: Optional[float], due: List[float]) -> None:
    planned = [Action(2, "send"), Action(2, "wait", pause=3.0), Action(2, "send"), Action(4, "send")]
    assert [when for when, _ in Pace(speed).schedule(planned)] == due


def times(server: ReplayServer) -> List[float]:
    return [event.time for event in server.cassette.fixtures[0].events]


PLAIN = [  # lines, tps, the times of the request, the head, the lines and the end
    (3, 2.0, [0, 0, 0, 0.5, 1, 1]),
    (1, 2.0, [0, 0, 0, 0]),
    (0, 2.0, [0, 0, 0]),
]


@pytest.mark.parametrize("lines, tps, due", PLAIN)
def test_a_plain_body_gets_a_rate(lines: int, tps: float, due: List[float], tmp_path: Any) -> None:
    (tmp_path / "a.ndjson").write_bytes(ONE.encode() * lines)
    with serve(tmp_path, tps=tps) as server:
        assert (times(server), server.settings.pace.speed) == (due, 1.0)
    with serve(tmp_path, tps=tps, speed=4.0) as server:
        assert (times(server), server.settings.pace.speed) == (due, 4.0)


def test_an_exchange_keeps_its_own_times() -> None:
    with serve(SLOW, tps=2.0) as server:
        assert times(server) == [0, 0, 0, 3600, 3600]


CANCELLED = [  # id, events, what completing adds
    ("between chunks", [head(), ["chunk", ONE], end("cancelled")], b"0\r\n\r\n"),
    ("without a head", [end("cancelled")], b""),
    ("inside a chunk", [head(), ["part", "{", {"of": 8}], end("cancelled")], b""),
    ("until end of file", [head(headers=[]), ["part", ONE], end("cancelled")], b""),
    ("what was cut", [head(), end("eof")], b""),
]


@pytest.mark.parametrize("events, added", [row[1:] for row in CANCELLED], ids=[row[0] for row in CANCELLED])
def test_what_its_client_cancelled_can_be_played_as_complete(events: Any, added: bytes) -> None:
    with serve(fixture(*events)) as server:
        data, _ = ask(server, request())
    with serve(fixture(*events), on_cancelled="complete") as server:
        closing = request().replace(b"Host", b"Connection: close\r\nHost")
        assert ask(server, closing) == (data + added, "FIN")


def test_a_time_beyond_any_clock_is_waited_for_and_interrupted() -> None:
    with serve(fixture(head(), [1e300, "chunk", ONE], end()), speed=1.0) as server, Caller(server) as caller:
        caller.send(request())
        assert caller.read(len(HEAD)) == HEAD


# What the client does

SLOW = fixture(head(), ["chunk", ONE], [3600, "chunk", TWO], end())
SLOW_START = HEAD + b"8\r\n" + ONE.encode() + b"\r\n"


@pytest.mark.parametrize("leave", [lambda c: c.sock.close(), lambda c: c.reset()], ids=["FIN", "RST"])
def test_a_client_that_leaves_is_noticed_while_nothing_is_due(leave: Callable[[Caller], None]) -> None:
    with serve(SLOW, speed=1.0) as server:
        caller = Caller(server)
        caller.send(request())
        assert caller.read(len(SLOW_START)) == SLOW_START
        eventually(lambda: clients(server), [("one", len(SLOW_START), "reading")])
        leave(caller)
        eventually(lambda: clients(server), [("one", len(SLOW_START), "closed after %d bytes" % len(SLOW_START))])
        assert 0 <= server.report()["exchanges"][0]["seconds"] < PATIENCE


def test_a_client_that_reads_all_and_closes_has_read_to_the_end() -> None:
    with serve(GOOD) as server:
        with Caller(server) as caller:
            caller.send(request())
            caller.read(len(GOOD_BYTES))
            eventually(lambda: clients(server), [("one", len(GOOD_BYTES), "still connected")])
        eventually(lambda: clients(server), [("one", len(GOOD_BYTES), "read to the end")])


def test_a_client_that_goes_with_bytes_unread_has_not_read_to_the_end() -> None:
    with serve(GOOD) as server:
        with Caller(server) as caller:
            caller.send(request())
            eventually(lambda: clients(server), [("one", len(GOOD_BYTES), "still connected")])
            caller.reset()
        eventually(lambda: clients(server), [("one", len(GOOD_BYTES), "closed after %d bytes" % len(GOOD_BYTES))])


def test_the_report_has_one_entry_a_request() -> None:
    text = "replay: no recorded exchange for POST /api/other; closest is one "
    text += "(differs in path: expected /api/chat got /api/other)"
    with serve(fixture(end("reset"))) as server:
        ask(server, request())
        with Caller(server) as caller:
            caller.send(request(path="/api/other?key=secret"))
            answer, _ = caller.read_message()
            size = len(answer) + len(json.dumps({"error": text})) + 1
        eventually(lambda: clients(server), [("one", 0, "reset by the server"), (None, size, "read to the end")])
        first, second = server.report()["exchanges"]
        assert first == {
            "connection": 1, "request": "POST /api/chat", "exchange": "one", "error": None, "faults": [],
            "bytes": 0, "client": "reset by the server", "seconds": None,
            "closed_within_1s": None, "reconnected": None,
        }  # fmt: skip
        assert second == {
            "connection": 2, "request": "POST /api/other", "exchange": None, "error": text, "faults": [],
            "bytes": size, "client": "read to the end", "seconds": second["seconds"],
            "closed_within_1s": True, "reconnected": None,
        }  # fmt: skip


def test_the_report_can_be_asked_for_and_does_not_list_that() -> None:
    with serve(GOOD) as server, Caller(server) as caller:
        caller.send(b"GET /__replay__/report HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert caller.read_message()[1] == {"exchanges": [], "unplayed": ["one"], "unstruck": []}
        assert server.report() == {"exchanges": [], "unplayed": ["one"], "unstruck": []}


# Faults, and what the client makes of them

CUT = len(HEAD) + len("8\r\n") + len(ONE) + len("\r\n") + len("e\r\n") + 4  # line=1+4 of GOOD


def with_faults(*specs: Any) -> Fixture:
    return dataclasses.replace(GOOD, header={**GOOD.header, "faults": list(specs)})


def strikes(server: ReplayServer) -> List[List[Tuple[str, int]]]:
    return [[(strike["fault"], strike["byte"]) for strike in e["faults"]] for e in server.report()["exchanges"]]


@pytest.mark.parametrize("kind, ending", [("cut", "FIN"), ("reset", "RST")])
def test_a_fault_ends_the_connection_to_the_byte(kind: str, ending: str) -> None:
    spec = kind + "@line=1+4"
    with serve(GOOD, faults=[spec]) as server:
        assert ask(server, request()) == (GOOD_BYTES[:CUT], ending)
        assert strikes(server) == [[(spec, CUT)]]


def test_the_faults_of_a_file_come_before_those_of_the_server() -> None:
    with serve(with_faults({"kind": "raw", "at": "head", "arg": "a"}), faults=["raw@head:b", "cut@head"]) as server:
        assert ask(server, request()) == (b"ab", "FIN")
        assert strikes(server) == [[('raw@head:"a"', 0), ('raw@head:"b"', 1), ("cut@head", 2)]]


def test_the_faults_of_a_file_are_its_own() -> None:
    with serve([with_faults("cut@head"), GOOD], order="strict") as server:
        assert ask(server, request()) == (b"", "FIN")
        assert ask(server, request().replace(b"Host", b"Connection: close\r\nHost")) == (GOOD_BYTES, "FIN")


def test_a_fault_that_leaves_the_message_whole_leaves_the_connection_open() -> None:
    with serve([GOOD, GOOD], faults=["no-done", "split:3"]) as server, Caller(server) as caller:
        data = GOOD_BYTES.replace(b"e\r\n" + TWO.encode() + b"\r\n", b"")
        for _ in range(2):
            caller.send(request())
            assert caller.read(len(data)) == data


def test_bytes_behind_the_message_close_the_connection() -> None:
    with serve(GOOD, faults=['raw@end:"0\\r\\n\\r\\n"']) as server:
        assert ask(server, request()) == (GOOD_BYTES + b"0\r\n\r\n", "FIN")


def test_a_fault_that_was_never_struck_is_named() -> None:
    with serve(GOOD, faults=["cut@line=7", "merge", "refuse:0"]) as server:
        eventually(lambda: can_connect(server.host, server.port), True)
        with Caller(server) as caller:
            caller.send(request())
            caller.read(10)
            eventually(lambda: server.report()["unstruck"], ["cut@line=7"])


def test_what_no_recording_answers_has_no_faults() -> None:
    with serve(GOOD, faults=["cut@head"]) as server, Caller(server) as caller:
        caller.send(request(path="/api/other"))
        assert caller.read_message()[0].startswith(b"HTTP/1.1 400")


BEFORE = [  # a fault before any exchange is chosen, what is sent, what comes, the request in the report
    ("cut@connect", b"", (b"", "FIN"), None),
    ("reset@connect", b"", (b"", "RST"), None),
    ("cut@request", request()[:-1], (b"", "FIN"), "POST /api/chat"),
    ("79 reset@request", request()[:-1], (b"", "RST"), "POST /api/chat"),
]


@pytest.mark.parametrize("spec, data, answer, asked", BEFORE, ids=[row[0] for row in BEFORE])
def test_a_fault_may_come_before_the_request_is_read(
    spec: str, data: bytes, answer: Tuple[bytes, str], asked: Optional[str]
) -> None:
    spec = spec.split(" ")[-1]
    with serve(GOOD, faults=[spec]) as server:
        try:
            assert ask(server, data) == answer
        except ConnectionResetError:  # so fast that connect() says it
            assert spec == "reset@connect"
        eventually(lambda: strikes(server), [[(spec, 0)]])
        entry = server.report()["exchanges"][0]
        assert (entry["request"], entry["exchange"], entry["error"], entry["bytes"]) == (asked, None, None, 0)
        assert server.report()["unplayed"] == ["one"]


@pytest.mark.parametrize("spec", ["stall@connect:0.02", "stall@request:0.02"])
def test_after_a_stall_the_request_is_answered(spec: str) -> None:
    with serve([GOOD, GOOD], faults=[spec]) as server, Caller(server) as caller:
        started = time.monotonic()
        for index in range(2):
            caller.send(request())
            assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES
        assert time.monotonic() - started >= 0.02
        per_connection = [[(spec, 0)], []] if "connect" in spec else [[(spec, 0)], [(spec, 0)]]
        assert (strikes(server), clients(server)[0][0]) == (per_connection, "one")


def test_240_after_a_stall_the_head_has_its_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "HEAD_SECONDS", 0.05)
    with serve(GOOD, faults=["stall@connect:0.01"]) as server:
        assert ask(server, b"")[0][:12] == b"HTTP/1.1 408"


@pytest.mark.parametrize("spec", ["160 stall@connect", "160 stall@request", "160 stall@head"])
def test_a_client_that_gives_up_on_a_stall_is_noticed(spec: str) -> None:
    with serve(GOOD, faults=[spec[4:]]) as server:
        with Caller(server) as caller:
            caller.send(request())
            eventually(lambda: strikes(server), [[(spec[4:], 0)]])
        eventually(lambda: [client for _, _, client in clients(server)], ["closed after 0 bytes"])


@pytest.mark.parametrize("spec", ["stall@connect", "stall@request"])
def test_198_a_stalled_server_does_not_read_a_large_body(spec: str) -> None:
    with serve(GOOD, faults=[spec]) as server, Caller(server) as caller:
        caller.send(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n")
        caller.sock.settimeout(0.2)
        with pytest.raises(socket.timeout):
            caller.send(b"x" * 60000000)


def can_connect(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


def test_153_nobody_listens_until_the_refusal_is_over() -> None:
    with serve(GOOD, faults=["refuse:1"]) as server:
        assert not can_connect(server.host, server.port)
        assert server.report()["unstruck"] == []
        eventually(lambda: can_connect(server.host, server.port), True)


def test_a_server_that_refuses_for_ever_closes_at_once() -> None:
    started = time.monotonic()
    with serve(GOOD, faults=["refuse"]) as server:
        assert not can_connect(server.host, server.port)
    assert time.monotonic() - started < PATIENCE


def test_the_report_can_be_had_whatever_happens_to_requests() -> None:
    with serve(GOOD, faults=["cut@request", "cut@head"]) as server, Caller(server) as caller:
        caller.send(b"GET /__replay__/report HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert caller.read_message()[1]["unstruck"] == ["cut@request", "cut@head"]


def reactions(server: ReplayServer) -> List[Tuple[Any, Any, Any]]:
    entries = server.report()["exchanges"]
    return [(entry["client"], entry["closed_within_1s"], entry["reconnected"]) for entry in entries]


def test_a_client_that_closes_and_asks_again_is_told_from_one_that_asks_something_else() -> None:
    paths = ["/api/chat", "/api/other", "/api/chat"]
    played = [fixture(head(), end("eof"), path=path) for path in paths]
    with serve(played, order="strict") as server:
        ended = ("read to the end", True)
        for count, path in enumerate(paths, 1):
            ask(server, request(path=path))
            eventually(lambda: [entry[:2] for entry in reactions(server)], [ended] * count)
        assert [again for _, _, again in reactions(server)] == [3, None, None]


def test_the_same_request_with_another_body_is_another() -> None:
    with serve([fixture(end("eof"))] * 2, level="path") as server:
        ask(server, request())
        ask(server, request({"model": "other"}))
        assert [again for _, _, again in reactions(server)] == [None, None]


def test_the_same_request_at_the_same_time_is_no_reconnect() -> None:
    with serve([SLOW, GOOD], order="strict", speed=1.0) as server:
        with Caller(server) as slow, Caller(server) as good:
            slow.send(request())
            slow.read(len(SLOW_START))
            good.send(request())
            good.read(len(GOOD_BYTES))
            assert [again for _, _, again in reactions(server)] == [None, None]
        closed = "closed after %d bytes" % len(SLOW_START)
        eventually(lambda: reactions(server), [(closed, True, None), ("read to the end", True, None)])


def test_asking_again_on_the_same_connection_is_no_reconnect() -> None:
    with serve([GOOD, GOOD]) as server, Caller(server) as caller:
        for _ in range(2):
            caller.send(request())
            caller.read(len(GOOD_BYTES))
        eventually(lambda: reactions(server)[0], ("read to the end", False, None))


def test_a_client_that_keeps_the_connection_after_the_end_did_not_close_in_time(monkeypatch: Any) -> None:
    monkeypatch.setattr(report, "PROMPT_SECONDS", 0.0)
    with serve(GOOD, faults=["cut@line=1"]) as server, Caller(server) as caller:
        caller.send(request())
        caller.read_to_end()
        assert reactions(server) == [("still connected", False, None)]


def test_an_exchange_that_cannot_be_sent_ends_its_connection_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    events = [GOOD.events[0], GOOD.events[1]._replace(data=Head("1.1", 200, "\u20ac", []))] + GOOD.events[2:]
    with serve([dataclasses.replace(GOOD, events=events), GOOD], order="strict") as server:
        assert ask(server, request()) == (b"", "RST")
        with Caller(server) as caller:
            caller.send(request())
            assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES
    text = 'replay: the exchange cannot be played: expected header text in Latin-1, found "HTTP/1.1 200 \u20ac\\r\\n"'
    assert caplog.messages == [text]


# Where the system has nothing left

LEFT = """
import os, resource, sys
from ollama_stream.cli import main
arguments = ["replay", "--speed", "0", sys.argv[1]]
main(arguments)  # which loads what is loaded late
for left in range(16):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + left, hard))
    status = main(arguments)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print("", status, flush=True)
    print("-", file=sys.stderr, flush=True)
"""
FULL = "too many open files"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors cannot be counted")
def test_278_a_replay_ends_however_few_descriptors_are_left() -> None:
    done = support.run_python("-c", LEFT, ONE_WORD)
    assert done.returncode == 0, done.stderr
    ends = list(zip(("x" + done.stdout).replace("xHello", "", 1).splitlines(), done.stderr.split("-\n")))
    assert len(ends) == 16
    assert ends[-1] == ("Hello 0", "")
    # 1 is a file that cannot be read, 3 a server that cannot be had.
    odd = [(out, err) for out, err in ends if out not in (" 1", " 3") or FULL not in err.lower()]
    assert odd == [("Hello 0", "")] * len(odd)
    assert [err for _, err in ends if err.count("\n") > 1 or "standard output" in err] == []


LOADED = """
import socket, sys
from ollama_stream.replay import serve
with serve(sys.argv[1], level="path") as server, socket.socket() as sock:
    before = set(sys.modules)
    sock.connect(("127.0.0.1", server.port))
    sock.sendall(b"POST /api/chat HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    received = b"".join(iter(lambda: sock.recv(65536), b""))
    print(received[:15], sorted(set(sys.modules) - before))
"""


def test_278_a_session_reads_no_module_for_which_a_descriptor_might_be_missing() -> None:
    done = support.run_python("-S", "-c", LOADED, ONE_WORD)
    assert (done.stdout, done.stderr) == ("b'HTTP/1.1 200 OK' []\n", "")


class NoThread(threading.Thread):
    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def test_278_a_client_for_whom_no_thread_is_left_is_told_and_the_log_says_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    text = "replay: the system has nothing left for one more client: can't start new thread"
    with serve(GOOD) as server:
        with monkeypatch.context() as patched:
            patched.setattr(threading, "Thread", NoThread)
            for _ in range(2):
                with pytest.raises(ResponseError) as raised:
                    Client(server.url).list()
                assert (raised.value.status_code, raised.value.error) == (503, text)
        with Caller(server) as caller:
            caller.send(request())
            assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES
        assert [entry["error"] for entry in server.report()["exchanges"]] == [text, text, None]
    assert caplog.messages == [text]


def test_278_a_server_that_cannot_start_says_so_and_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    before = support.descriptors()
    monkeypatch.setattr(threading, "Thread", NoThread)
    with pytest.raises(ConnectError, match="^cannot listen on localhost, port 0: can't start new thread$"):
        serve(GOOD)
    assert support.descriptors() <= before


# Memory


def test_a_large_body_is_sent_without_a_copy_of_it() -> None:
    size = 32 << 20
    big = fixture(head(), *[["chunk", "x" * 65535 + "\n"]] * (size >> 16), end())
    with serve(big) as server, Caller(server) as caller:
        caller.send(request().replace(b"Host", b"Connection: close\r\nHost"))
        with support.memory_below(4 << 20):
            received, piece = 0, b"x"
            while piece:
                piece = caller.sock.recv(65536)
                received += len(piece)
    assert received > size


# Refusals

LINES = b"Host: localhost\r\n"
BAD = [  # id, the request, the status, the error
    ("236 a foreign host", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403,
     "Host 'evil.example' is not this machine"),
    ("236 a host that only begins well", b"GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 403,
     "Host 'localhost.evil.example' is not this machine"),
    ("236 an address that only begins well", b"GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example:80\r\n\r\n", 403,
     "Host '127.0.0.1.evil.example:80' is not this machine"),
    ("236 an empty host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 403, "Host '' is not this machine"),
    ("236 a host with user", b"GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n", 403,
     "Host 'a@localhost' is not this machine"),
    ("236 no host", b"GET / HTTP/1.1\r\n\r\n", 400, "expected one Host field, found 0"),
    ("236 two hosts", b"GET / HTTP/1.1\r\n" + LINES + LINES + b"\r\n", 400, "expected one Host field, found 2"),
    ("237 absolute form", b"GET http://x/ HTTP/1.1\r\n" + LINES + b"\r\n", 400,
     "this is no proxy: expected a path, found http://x/"),
    ("237 CONNECT", b"CONNECT x:443 HTTP/1.1\r\n" + LINES + b"\r\n", 400,
     "this is no proxy: expected a path, found x:443"),
    ("239 both framings",
     b"POST / HTTP/1.1\r\n" + LINES + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, "both Content-Length and Transfer-Encoding"),
    ("239 two lengths", b"POST / HTTP/1.1\r\n" + LINES + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400,
     "bad Content-Length b'5, 6'"),
    ("239 a folded line", b"GET / HTTP/1.1\r\n" + LINES + b" x\r\n\r\n", 400, "bad folded header line b' x'"),
    ("239 a bare LF chunk", b"POST / HTTP/1.1\r\n" + LINES + b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n", 400,
     "bad chunk size b'1\\n'"),
    ("239 a bad chunk after a good one",
     b"POST / HTTP/1.1\r\n" + LINES + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n",
     400, "bad chunk size b'zz'"),
    ("240 a huge body", b"POST / HTTP/1.1\r\n" + LINES + b"Content-Length: 67108865\r\n\r\n", 413,
     "a body of more than 67108864 bytes"),
    ("240 a hundred and one lines", b"GET / HTTP/1.1\r\n" + LINES + b"X: y\r\n" * 100 + b"\r\n", 400,
     "more than 100 header lines"),
    ("not HTTP", b"hello\r\n\r\n", 400, "bad request line b'hello'"),
]  # fmt: skip


@pytest.mark.parametrize("data, status, text", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_request_is_refused_and_the_connection_closed(data: bytes, status: int, text: str) -> None:
    with serve(GOOD, level="any") as server:
        answer, ending = ask(server, data)
        assert (answer[:13], error_text(answer), ending) == (b"HTTP/1.1 %d " % status, "replay: " + text, "FIN")
        assert server.report()["unplayed"] == ["one"]


@pytest.mark.parametrize("host", ["localhost", "LocalHost:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:11434"])
def test_236_a_host_of_this_machine_is_answered(host: str) -> None:
    with serve(GOOD) as server, Caller(server) as caller:
        caller.send(request(host=host))
        assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES


def test_236_any_host_is_answered_where_remote_clients_are_allowed() -> None:
    with serve(GOOD, allow_remote=True) as server, Caller(server) as caller:
        caller.send(request(host="gpu-box"))
        assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES


def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    with serve(GOOD) as server, Caller(server) as caller:
        caller.send(b"hello\r\n\r\n" + b"x" * (16 << 20))  # more than the buffers of both sides hold
        answer, ending = caller.read_to_end()
        assert (error_text(answer), ending) == ("replay: bad request line b'hello'", "FIN")


NOTHING = [  # id, target, admin, status
    ("238 the root", "/", True, 400),
    ("238 a file", "/../fixtures/a", True, 400),
    ("238 an encoded file", "/%2e%2e/fixtures/a", True, 400),
    ("238 the admin folder", "/__replay__", True, 404),
    ("238 an unknown admin page", "/__replay__/reports", True, 404),
    ("238 the report when it is off", "/__replay__/report", False, 404),
]


@pytest.mark.parametrize("target, admin, status", [row[1:] for row in NOTHING], ids=[row[0] for row in NOTHING])
def test_nothing_but_recordings_is_served(target: str, admin: bool, status: int) -> None:
    with serve(GOOD, admin=admin) as server, Caller(server) as caller:
        caller.send(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        start, value = caller.read_message()
        assert (start[:13], list(value)) == (b"HTTP/1.1 %d " % status, ["error"])


def test_241_an_unmatched_request_says_what_differs_and_cannot_split_the_answer() -> None:
    with serve(GOOD) as server, Caller(server) as caller:
        caller.send(request({**ASK, "model": "a\r\nX-Evil: b"}))
        text = (
            '{"error": "replay: no recorded exchange for POST /api/chat; closest is one '
            '(differs at /model: expected \\"m\\" got \\"a\\\\r\\\\nX-Evil: b\\")"}\n'
        )
        start = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        data = (start % len(text) + "X-Replay-Unmatched: 1\r\n\r\n" + text).encode()
        assert caller.read(len(data)) == data
        caller.send(request())
        assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES


def test_an_unmatched_head_request_gets_no_body() -> None:
    with serve(GOOD) as server:
        data = b"HEAD /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert ask(server, data)[0].endswith(b"X-Replay-Unmatched: 1\r\n\r\n")


def test_240_a_slow_head_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "HEAD_SECONDS", 0.05)
    with serve([GOOD, GOOD]) as server, Caller(server) as caller:
        caller.send(request())
        assert caller.read(len(GOOD_BYTES)) == GOOD_BYTES
        caller.send(b"POST /")
        answer, ending = caller.read_to_end()
        assert (answer[:12], error_text(answer), ending) == (
            b"HTTP/1.1 408", "replay: the head of the request did not come in time", "FIN",
        )  # fmt: skip
        assert ask(server, b"")[0][:12] == b"HTTP/1.1 408"


def test_240_a_body_that_stops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "BODY_SECONDS", 0.05)
    with serve(GOOD) as server:
        answer, _ = ask(server, request()[:-1])
        assert answer[:12] == b"HTTP/1.1 408"
        assert error_text(answer) == "replay: the body of the request did not come in time"


def test_240_a_chunked_body_has_the_same_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "MAX_BODY", 10)
    start = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serve(GOOD) as server:
        assert error_text(ask(server, start + b"6\r\nabcdef\r\n" * 2)[0]) == "replay: a body of more than 10 bytes"


def test_240_five_hundred_clients_are_served_at_once_beside_some_that_say_nothing() -> None:
    with serve(GOOD, repeat="last") as server:
        silent = [Caller(server) for _ in range(20)]
        callers = [Caller(server) for _ in range(500)]
        for caller in callers:
            caller.send(request())
        assert [caller.read(len(GOOD_BYTES)) == GOOD_BYTES for caller in callers] == [True] * 500
        for caller in silent + callers:
            caller.sock.close()


def test_240_connections_that_have_ended_are_forgotten() -> None:
    with serve(GOOD, faults=["cut@connect"]) as server:
        for _ in range(400):
            Caller(server).sock.close()
        eventually(lambda: len(server.report()["exchanges"]), 400)
        assert len(server._connections) < 300


# Starting and stopping

REMOTE = "host: %r can be reached from other machines; allow_remote=True permits that"
ARGUMENTS: List[Tuple[str, Dict[str, Any], str]] = [
    ("235 all addresses", {"host": "0.0.0.0"}, REMOTE % "0.0.0.0"),
    ("235 all IPv6 addresses", {"host": "::"}, REMOTE % "::"),
    ("235 no host", {"host": ""}, REMOTE % ""),
    ("a port too high", {"port": 70000}, "cannot listen on '127.0.0.1', port 70000: "),
    ("speed 0", {"speed": 0}, "speed: a number above 0, or None for at once, not 0"),
    ("speed nan", {"speed": float("nan")}, "speed: a number above 0, or None for at once, not nan"),
    ("max_gap below 0", {"max_gap": -1}, "max_gap: seconds from 0 on, or None, not -1"),
    ("tps 0", {"tps": 0}, "tps: a number above 0, or None for at once, not 0"),
    ("min_gap below 0", {"min_gap": -1}, "min_gap: milliseconds from 0 on, not -1"),
    ("min_gap nan", {"min_gap": float("nan")}, "min_gap: milliseconds from 0 on, not nan"),
    ("on_cancelled", {"on_cancelled": "x"}, "on_cancelled: eof or complete, not 'x'"),
    ("a level", {"level": "x"}, "level: one of exact, messages, model, path, any, not 'x'"),
]


@pytest.mark.parametrize("arguments, text", [row[1:] for row in ARGUMENTS], ids=[row[0] for row in ARGUMENTS])
def test_a_wrong_argument_is_refused(arguments: Dict[str, Any], text: str) -> None:
    with pytest.raises(RequestError, match="^" + re.escape(text)):
        serve(GOOD, **arguments)


def test_235_listening_for_others_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serve(GOOD, host="0.0.0.0", allow_remote=True):
        assert caplog.messages == ["replay: other machines can reach 0.0.0.0"]


def test_a_pointer_that_is_none_is_refused_before_listening() -> None:
    with pytest.raises(FixtureError, match="^expected a JSON Pointer"):
        serve(GOOD, ignore=["seed"])


def test_a_port_in_use_is_named() -> None:
    with serve(GOOD) as server:
        with pytest.raises(ConnectError, match="^cannot listen on 127.0.0.1, port %d: " % server.port):
            serve(GOOD, port=server.port)


def test_157_both_loopback_addresses_are_listened_at_on_the_same_port() -> None:
    with serve(GOOD) as server:
        assert (server.host, can_connect("127.0.0.1", server.port)) == ("127.0.0.1", True)
        if len(server._listeners) == 1:
            pytest.skip("no IPv6 loopback")
        assert can_connect("::1", server.port)


def test_one_address_alone_can_be_asked_for() -> None:
    with serve(GOOD, host="127.0.0.1") as server:
        assert [listener.getsockname() for listener in server._listeners] == [("127.0.0.1", server.port)]


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_a_port_that_is_taken_at_one_of_the_addresses_is_refused() -> None:
    try:
        taken = serve(GOOD, host="::1")
    except ConnectError:
        pytest.skip("no IPv6 loopback")
    with taken, pytest.raises(ConnectError, match=r"^cannot listen on (::1|127.0.0.1), port %d: " % taken.port):
        serve(GOOD, port=taken.port)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_an_ipv6_address_stands_in_brackets() -> None:
    try:
        server = serve(GOOD, host="::1")
    except ConnectError:
        pytest.skip("no IPv6 loopback")
    with server:
        assert server.url == "http://[::1]:%d" % server.port


def test_closing_ends_streams_and_stalled_writers_at_once_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    big = fixture(head(), ["chunk", "x" * (16 << 20)], end(), name="big", path="/api/big")
    with serve([SLOW, big], speed=1.0) as server:
        callers = [Caller(server) for _ in range(3)]
        callers[0].send(request())
        callers[0].read(len(SLOW_START))
        callers[1].send(request(path="/api/big"))  # nobody reads that
        callers[1].read(1)
        started = time.monotonic()
    assert time.monotonic() - started < SOON
    assert set(threading.enumerate()) == before
    for caller in callers:
        caller.sock.close()
    server.close()


def test_closing_the_server_is_nothing_that_a_client_did() -> None:
    with serve([SLOW, GOOD], order="strict", speed=1.0) as server, Caller(server) as slow, Caller(server) as good:
        slow.send(request())
        slow.read(len(SLOW_START))
        good.send(request())
        good.read(len(GOOD_BYTES))
        eventually(lambda: [client for _, _, client in clients(server)], ["reading", "still connected"])
        server.close()
        assert [client for _, _, client in clients(server)] == ["reading", "still connected"]


def test_an_idle_server_closes_in_no_time() -> None:
    started = time.monotonic()
    for _ in range(100):
        serve(GOOD).close()
    assert time.monotonic() - started < SOON  # a loop that looks twice a second takes longer


# Other clients

JOKE = os.path.join(RECORDINGS, "ollama-0.32.15", "chat-joke-stream.exchange.jsonl")
ONE_WORD = JOKE.replace("joke-stream", "one-word")
NODE = """
fetch(process.argv[1] + "/api/chat", {method: "POST", body: "{}"}).then(async response => {
  for await (const piece of response.body) process.stdout.write(piece);
}).catch(error => process.exit(3));
"""


def curl(server: ReplayServer, *options: str) -> Tuple[int, bytes]:
    return run("curl", "-sN", "--noproxy", "*", *options, "-d", "{}", server.url + "/api/chat")


def node(server: ReplayServer) -> Tuple[int, bytes]:
    return run("node", "-e", NODE, server.url)


def run(program: str, *arguments: str) -> Tuple[int, bytes]:
    """The exit status, and standard output."""
    if shutil.which(program) is None:
        pytest.skip("no " + program)
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout


@pytest.mark.each(2)
@pytest.mark.parametrize("faults", [[], ["rechunk:7", "split:5"]], ids=str)
@pytest.mark.parametrize("client", [curl, node])
def test_another_client_reads_a_stream_as_it_was_recorded(client: Any, faults: List[str]) -> None:
    with serve(JOKE, level="path", faults=faults) as server:
        assert client(server) == (0, load(JOKE).body())
        eventually(lambda: reactions(server), [("read to the end", True, None)])


def test_curl_sees_every_byte_of_the_framing() -> None:
    with serve(JOKE, level="path") as server:
        assert curl(server, "-i", "--raw") == (0, b"".join(data for _, data in load(JOKE).wire()))


@pytest.mark.parametrize("client, status", [(curl, 18), (node, 3)])
def test_another_client_notices_a_cut(client: Any, status: int) -> None:
    with serve(JOKE, level="path", faults=["cut@line=3+5"]) as server:
        lines = load(JOKE).body().splitlines(True)
        assert client(server) == (status, b"".join(lines[:3]) + lines[3][:5])


OFFICIAL = """
import json, sys, ollama
parts, error = [], ""
try:
    for part in ollama.Client(sys.argv[1], trust_env=False).chat("m", [], stream=True):
        parts.append(part.model_dump(exclude_none=True))
except Exception as raised:
    error = type(raised).__name__
print(json.dumps([parts, error]))
"""


def official(server: ReplayServer) -> Tuple[List[Dict[str, Any]], str]:
    """What the official client makes of a stream: its records, and the name of what it raised."""
    if importlib.util.find_spec("httpx") is None:
        pytest.skip("the official client is not installed")
    # In a process of its own: here the drop-in may have its name.
    done = support.run_python("-c", OFFICIAL, server.url, PYTHONWARNINGS="")
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip("the official client is not installed")
    parts, error = json.loads(done.stdout)
    return parts, error


def test_the_official_client_reads_a_stream_as_it_was_recorded() -> None:
    wanted = [json.loads(line) for line in load(JOKE).body().splitlines()]
    with serve(JOKE, level="path") as server:
        assert official(server) == (wanted, "")


def test_the_official_client_notices_a_cut_and_no_missing_end() -> None:
    wanted = [json.loads(line) for line in load(JOKE).body().splitlines()]
    with serve(JOKE, level="path", faults=["cut@line=3"]) as server:
        assert official(server) == (wanted[:3], "RemoteProtocolError")
    with serve(JOKE, level="path", faults=["no-done"]) as server:
        assert official(server) == (wanted[:-1], "")
