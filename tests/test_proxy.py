"""The recording proxy over real sockets: what passes, what is stored, how it ends, what is refused; and the command.

Numbers from 222 on in names and ids are the numbered faults of secrets, recordings and servers.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import drift
import pytest
import support
from proxies import Tls, TlsCut, cert
from support import DONE, GOOD, HEAD, LAST_CHUNK, LINE, PATIENCE, Server, answer, chunk
from test_cli import cli_process, cli_run

from ollama_stream import AsyncClient, Client, RequestError, ResponseError
from ollama_stream.replay import relay
from ollama_stream.fixture import Fixture, recorder, requests
from ollama_stream.fixture import load, load_folder
from ollama_stream.proxy import record
from ollama_stream.replay import serve
from ollama_stream.transports import Recording, Replaying

FOLDER = Path(support.ROOT, "fixtures", "recordings")
FILES = sorted(FOLDER.glob("*/*.exchange.jsonl"))
NAMES = ["%s/%s" % (file.parent.name, file.name.partition(".")[0]) for file in FILES]
JOKE = FOLDER / "ollama-0.32.15" / "chat-joke-stream.exchange.jsonl"
assert len(FILES) > 100

ASK = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()


def request(
    body: bytes = ASK, *, method: str = "POST", target: str = "/api/chat", host: str = "localhost", version: str = "1.1",
    **fields: str
) -> bytes:  # fmt: skip
    lines = ["%s %s HTTP/%s" % (method, target, version), "Host: " + host]
    lines += ["%s: %s" % (name.replace("_", "-"), value) for name, value in fields.items()]
    if "Transfer_Encoding" not in fields:
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, port = url.rpartition("/")[2].split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as sock:
        yield sock


def read_to_end(sock: socket.socket) -> Tuple[bytes, str]:
    """What comes, and what came then: "FIN" or "RST"."""
    data = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            return data, "RST"
        if not piece:
            return data, "FIN"
        data += piece


def read(sock: socket.socket, wanted: bytes) -> None:
    """These bytes, and no others before them."""
    data = b""
    while len(data) < len(wanted):
        piece = sock.recv(65536)
        assert piece, "closed after %r" % data
        data += piece
    assert data == wanted


def eventually(look: Callable[[], bool]) -> None:
    """What another thread or process does comes true soon."""
    deadline = time.monotonic() + PATIENCE
    while not look() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert look()


def ask(url: str, data: bytes) -> Tuple[bytes, str]:
    with connected(url) as sock:
        sock.sendall(data)
        return read_to_end(sock)


def error_of(answer: bytes) -> Tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head[9:12]), json.loads(body)["error"]


def events_of(fixture: Fixture) -> List[Any]:
    """Everything but the times, and the host, which is where the recorder asked."""
    asked = fixture.events[0].data
    fields = [(name, value) for name, value in asked.headers if name != "Host"]
    first = (asked.method, asked.path, fields, asked.json, asked.body_bytes(), asked.version)
    return [first, *(event[1:] for event in fixture.events[1:])]


def sent_again(fixture: Fixture, close: bool = True) -> bytes:
    """The request of a fixture, once more over a socket."""
    asked = fixture.request
    fields = [(name, b"localhost" if name == "Host" else value) for name, value in asked.headers]
    lines = ["%s %s HTTP/%s" % (asked.method, asked.path, asked.version)]
    lines += ["%s: %s" % (name, value.decode("latin-1")) for name, value in fields]
    lines += ["Connection: close"] if close else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + asked.body_bytes()


# What passes, and what is stored


def test_every_recording_comes_through_and_is_recorded_as_it_was(tmp_path: Path) -> None:
    sources = [load(file) for file in FILES]
    with serve(sources, order="strict") as server, record(tmp_path, upstream=server.url) as recording:
        answers = [ask(recording.url, sent_again(fixture)) for fixture in sources]
    assert answers == [(b"".join(piece for _, piece in fixture.wire()), "FIN") for fixture in sources]
    recorded = load_folder(tmp_path)
    assert [fixture.name[:4] for fixture in recorded] == ["%04d" % (n + 1) for n in range(len(FILES))]
    for source, copy in zip(sources, recorded):
        if source.how == "cancelled":  # whose server is seen to close
            assert (source.events.pop().data, copy.events.pop().data) == ({"how": "cancelled"}, {"how": "eof"})
    assert dict(zip(NAMES, map(events_of, recorded))) == dict(zip(NAMES, map(events_of, sources)))


def test_the_recording_of_a_replay_is_the_recording(tmp_path: Path) -> None:
    with serve(JOKE, level="any") as server, record(tmp_path / "1", upstream=server.url) as recording:
        first = "".join(Client(recording.url).stream_chat("llama2", "joke"))
    with serve(tmp_path / "1") as server, record(tmp_path / "2", upstream=server.url) as recording:
        second = "".join(Client(recording.url).stream_chat("llama2", "joke"))
    assert first == second != ""
    (one,), (two,) = load_folder(tmp_path / "1"), load_folder(tmp_path / "2")
    assert events_of(one) == events_of(two)
    assert one.events[-1].data == {"how": "complete"}
    assert (one.name, one.header["recorder"]) == ("0001-chat-llama2", "ollama_stream/0.2.0")


def test_the_times_of_a_recording_are_those_of_the_stream() -> None:
    gap = drift.replay_drift(speed=8.0)
    assert gap < 1.0  # seconds; milliseconds as a rule, but how late a thread may be is the machine's affair


REQUESTS = [  # id, what the client sends, the same as the server gets it; %s is the server's Host
    ("as it is", request(User_Agent="x", X_Any="y"),
        b"POST /api/chat HTTP/1.1\r\nHost: %s\r\nUser-Agent: x\r\nX-Any: y\r\nContent-Length: 63\r\n\r\n" + ASK),
    ("fields of the connection", request(Connection="X-Mine, close", X_Mine="1", Keep_Alive="5", TE="trailers", Upgrade="h2c"),
        b"POST /api/chat HTTP/1.1\r\nHost: %s\r\nContent-Length: 63\r\n\r\n" + ASK),
    ("a proxy's credentials", request(Proxy_Authorization="Basic cDpw"),
        b"POST /api/chat HTTP/1.1\r\nHost: %s\r\nContent-Length: 63\r\n\r\n" + ASK),
    ("chunks", request(b"3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        b"POST /api/chat HTTP/1.1\r\nHost: %s\r\nContent-Length: 7\r\n\r\n{\"a\":1}"),
    ("the length is the connection's", request(Connection="Content-Length"),
        b"POST /api/chat HTTP/1.1\r\nHost: %s\r\nContent-Length: 63\r\n\r\n" + ASK),
    ("one length", request(Content_Length="63"),
        b"POST /api/chat HTTP/1.1\r\nHost: %s\r\nContent-Length: 63\r\n\r\n" + ASK),
    ("an old client", request(version="1.0"),
        b"POST /api/chat HTTP/1.0\r\nHost: %s\r\nContent-Length: 63\r\n\r\n" + ASK),
    ("no body", b"GET /api/tags?a=%20b HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n",
        b"GET /api/tags?a=%%20b HTTP/1.1\r\nHost: %s\r\n\r\n"),
    ("bytes", request(b"\x00\xff\r\n\r\n", target="/api/blobs/sha256:00"),
        b"POST /api/blobs/sha256:00 HTTP/1.1\r\nHost: %s\r\nContent-Length: 6\r\n\r\n\x00\xff\r\n\r\n"),
]  # fmt: skip


@pytest.mark.parametrize("sent, wanted", [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS])
def test_a_request_goes_upstream_unchanged_but_for_the_connection(sent: bytes, wanted: bytes, tmp_path: Path) -> None:
    with Server(answer(support.response("200 OK", b"{}", Connection="close"))) as server:
        with record(tmp_path, upstream=server.url) as recording:
            assert ask(recording.url, sent)[0].endswith(b"\r\n\r\n{}")
        host, _, body = wanted.partition(b"%s")
        assert server.peer().requests[0] == host.replace(b"%%", b"%") + server.url[7:].encode() + body


def test_a_base_path_and_credentials_of_the_server_are_its_own(tmp_path: Path) -> None:
    with Server(answer(GOOD)) as server:
        upstream = server.url.replace("//", "//user:planted-password@") + "/ollama/"
        with record(tmp_path, upstream=upstream, mode="once") as recording:
            for _ in range(2):
                assert "".join(Client(recording.url).stream_chat("m", "x")) == "Hi"
        head = server.peer().request_head
        assert len(server.peers) == 1
    assert head[0] == b"POST /ollama/api/chat HTTP/1.1"
    assert b"Authorization: Basic dXNlcjpwbGFudGVkLXBhc3N3b3Jk" in head
    (fixture,) = load_folder(tmp_path)
    assert (fixture.request.path, fixture.header["target"]) == ("/api/chat", server.url)
    assert b"dXNlcj" not in Path(str(fixture.path)).read_bytes()


def test_a_byte_is_relayed_before_its_chunk_is_whole(tmp_path: Path) -> None:
    released = threading.Event()
    line = chunk(LINE)
    with Server(answer(HEAD + line[:10], released, line[10:] + chunk(DONE) + LAST_CHUNK)) as server:
        with record(tmp_path, upstream=server.url) as recording, connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, HEAD + line[:10])
            released.set()
            read(sock, line[10:] + chunk(DONE) + LAST_CHUNK)


def test_a_connection_carries_one_exchange_after_the_other(tmp_path: Path) -> None:
    sources = [load(file) for file in FILES if "error-host-header" not in file.name]
    sources = [one for one in sources if one.how == "complete" and one.head and one.head.get("Connection") is None]
    with serve(sources, order="strict") as server, record(tmp_path, upstream=server.url) as recording:
        with connected(recording.url) as sock:
            for fixture in sources:
                sock.sendall(sent_again(fixture, close=False))
                read(sock, b"".join(piece for _, piece in fixture.wire()))
    assert len(load_folder(tmp_path)) == len(sources) > 90


AGAIN: List[Tuple[str, List[Any], int, str]] = [
    # id, what the server does on one connection after the other, on how many it is asked twice, how the second one ends
    ("goes on", [answer(GOOD) + answer(GOOD)], 1, "complete"),
    ("closes", [[*answer(GOOD), support.close], answer(GOOD)], 2, "complete"),
    ("closes when it is asked", [answer(GOOD) + answer(support.close), answer(GOOD)], 2, "complete"),
    ("resets when it is asked", [answer(GOOD) + answer(support.rst), answer(GOOD)], 2, "complete"),
    ("closes a new one too", [answer(GOOD) + answer(support.close), answer(support.close)], 2, "eof"),
    ("closes in the answer", [answer(GOOD) + answer(HEAD, support.close), answer(GOOD)], 1, "eof"),
]


@pytest.mark.parametrize("scripts, connections, how", [row[1:] for row in AGAIN], ids=[row[0] for row in AGAIN])
def test_a_client_that_keeps_its_connection_has_one_to_the_server(
    scripts: List[Any], connections: int, how: str, tmp_path: Path
) -> None:
    with Server(*scripts) as server, record(tmp_path, upstream=server.url) as recording:
        with connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, GOOD)
            sock.sendall(request())
            if how == "complete":
                read(sock, GOOD)
            else:
                assert read_to_end(sock)[1] == "FIN"
        assert len(server.peers) == connections
    assert [fixture.how for fixture in load_folder(tmp_path)] == ["complete", how]


def test_a_client_that_goes_while_a_kept_connection_is_silent_has_cancelled(tmp_path: Path) -> None:
    with Server(answer(GOOD) + answer()) as server, record(tmp_path, upstream=server.url) as recording:
        with connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, GOOD)
            server.peer().asked.clear()
            sock.sendall(request())
            assert server.peer().asked.wait(PATIENCE)
        assert server.peer().gone.wait(PATIENCE)
    assert [fixture.how for fixture in load_folder(tmp_path)] == ["complete", "cancelled"]


@pytest.mark.parametrize("last", [support.close, support.rst], ids=["FIN", "RST"])
def test_a_kept_connection_that_dies_late_is_not_asked_again(last: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(relay, "AT_ONCE", 0.0)
    with Server(answer(GOOD) + answer(last), answer(GOOD)) as server:
        with record(tmp_path, upstream=server.url) as recording, connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, GOOD)
            sock.sendall(request())
            assert read_to_end(sock)[0] == b""
        assert len(server.peers) == 1
    assert [fixture.how for fixture in load_folder(tmp_path)][1] in ("eof", "reset")


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(tmp_path: Path) -> None:
    with Server(answer(GOOD)) as server, record(tmp_path, upstream=server.url) as recording:
        with connected(recording.url) as sock:
            sock.sendall(request(Expect="100-continue")[: -len(ASK)])
            read(sock, b"HTTP/1.1 100 Continue\r\n\r\n")
            sock.sendall(ASK)
            read(sock, GOOD)
        assert b"100-continue" not in server.peer().requests[0]


def test_a_chunk_of_two_megabytes_comes_through(tmp_path: Path) -> None:
    body = support.line("x" * 1000) * 2000 + DONE
    with Server(answer(HEAD + chunk(body) + LAST_CHUNK)) as server, record(tmp_path, upstream=server.url) as recording:
        with connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, HEAD + chunk(body) + LAST_CHUNK)
    (fixture,) = load_folder(tmp_path)
    assert fixture.body() == body


LARGE = b"\x00GGUF\xff" * (7 << 20 >> 2)  # bytes of no text, above what is stored, and above what is held in memory
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose upload is large; its server is asked for it first, and has not got it."""
    monkeypatch.setattr(requests, "MAX_BODY", 1 << 20)
    monkeypatch.setattr(recorder, "MAX_BODY", 1 << 20)
    (tmp_path / "blob").write_bytes(LARGE)
    return tmp_path / "blob"


def check_recorded_by_its_hash(folder: Path, colour: Any, blob: Path) -> None:
    digest = hashlib.sha256(LARGE).hexdigest()
    _, sent = load_folder(folder)
    assert sent.request.json == {"$elided": {"bytes": len(LARGE), "sha256": digest}}
    assert os.path.getsize(str(sent.path)) < 2000
    with serve(folder) as replayed:
        assert colour.client(replayed.url).create_blob(blob) == "sha256:" + digest
        replayed.assert_all_played()
    assert colour.client(transport=Replaying(folder)).create_blob(blob) == "sha256:" + digest


def test_277_a_body_above_every_limit_is_relayed_whole_and_recorded_by_its_hash(
    colour: Any, blob: Path, tmp_path: Path
) -> None:
    with Server(answer(MISSING) + answer(CREATED)) as server:
        with record(tmp_path / "files", upstream=server.url) as recording:
            colour.client(recording.url).create_blob(blob)
        assert server.peer().request_body == LARGE
    check_recorded_by_its_hash(tmp_path / "files", colour, blob)


def test_277_a_client_records_its_own_upload_in_the_same_way(colour: Any, blob: Path, tmp_path: Path) -> None:
    with Server(answer(MISSING) + answer(CREATED), answer(CREATED)) as server:
        colour.client(server.url, transport=Recording(tmp_path / "files")).create_blob(blob)
        assert server.peers[-1].request_body == LARGE
    check_recorded_by_its_hash(tmp_path / "files", colour, blob)


@pytest.mark.each(2)
@pytest.mark.parametrize("mode", ["verify", "once"])
def test_277_a_large_body_is_matched_by_its_hash(mode: str, blob: Path, tmp_path: Path) -> None:
    with Server(answer(MISSING) + answer(CREATED)) as server:
        for mode in ("once", mode):
            with record(tmp_path / "files", upstream=server.url, mode=mode) as recording:
                Client(recording.url).create_blob(blob)
    assert len(load_folder(tmp_path / "files")) == 2
    assert recording.differences == []


def test_277_a_chat_with_images_is_recorded_with_its_text(tmp_path: Path) -> None:
    image = base64.b64encode(LARGE).decode("ascii")
    with Server(answer(GOOD)) as server, record(tmp_path, upstream=server.url) as recording:
        list(Client(recording.url).stream_chat("m", [{"role": "user", "content": "What is it?", "images": [image]}]))
    (fixture,) = load_folder(tmp_path)
    assert fixture.request.json["messages"][0]["content"] == "What is it?"


def test_277_a_body_that_no_disk_takes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda _: Full())
    with Server(answer(GOOD)) as server, record(tmp_path, upstream=server.url) as recording:
        answer_, end = ask(recording.url, request())
    assert (error_of(answer_), end) == ((507, "record: the body cannot be kept: No space left on device"), "FIN")


def test_a_server_behind_tls_is_recorded_in_the_clear(tmp_path: Path) -> None:
    body = support.line("x" * 1000) * 200 + DONE  # more than a TLS record takes
    pieces = [HEAD + chunk(LINE), chunk(body), LAST_CHUNK]
    with Server([Tls(), *answer(*pieces)]) as server:
        upstream = "https://localhost:%d" % server.port
        with record(tmp_path, upstream=upstream, verify=cert("ca.pem")) as recording, connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, b"".join(pieces))
        with record(tmp_path, upstream=upstream) as recording:
            with pytest.raises(ResponseError, match="TLS: the certificate is refused"):
                list(Client(recording.url).stream_chat("m", "x"))
    (fixture,) = load_folder(tmp_path)
    assert (fixture.how, fixture.body(), fixture.header["target"]) == ("complete", LINE + body, upstream)


# How it ends

ENDS = [  # id, what the server does, what the client gets, how that ends, how the file does
    ("complete, and closed by the head",
        [HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + chunk(DONE) + LAST_CHUNK],
        HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + chunk(DONE) + LAST_CHUNK, "FIN", "complete"),
    ("cut in a chunk", [HEAD + b"83\r\n{", support.fin], HEAD + b"83\r\n{", "FIN", "eof"),
    ("until end of file", [b"HTTP/1.1 200 OK\r\n\r\nabc", support.fin], b"HTTP/1.1 200 OK\r\n\r\nabc", "FIN", "eof"),
    ("reset", [HEAD + chunk(LINE), support.rst], HEAD + chunk(LINE), "RST", "reset"),
    ("no answer", [support.fin], b"", "FIN", "eof"),
    ("not HTTP", [b"SSH-2.0-OpenSSH_9.6\r\nand so on", support.fin], b"SSH-2.0-OpenSSH_9.6\r\nand so on", "FIN", "eof"),
    ("bad framing", [HEAD + chunk(LINE) + b"zz\r\nmore", support.fin], HEAD + chunk(LINE) + b"zz\r\nmore", "FIN", "eof"),
    ("bytes after the end", [GOOD + b"HTTP/1.1 200 OK\r\n"], GOOD + b"HTTP/1.1 200 OK\r\n", "FIN", "complete"),
]  # fmt: skip


@pytest.mark.parametrize("steps, wanted, end, how", [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_an_exchange_ends_for_the_client_as_it_does_upstream(
    steps: List[support.Step], wanted: bytes, end: str, how: str, tmp_path: Path
) -> None:
    with Server(answer(*steps)) as server, record(tmp_path, upstream=server.url) as recording:
        assert ask(recording.url, request()) == (wanted, end)
    (fixture,) = load_folder(tmp_path)
    assert fixture.how == how
    if "bytes after" not in repr(wanted):
        assert wanted.startswith(b"".join(piece for _, piece in fixture.wire()))


def test_a_client_that_goes_away_ends_the_stream_upstream_at_once(tmp_path: Path) -> None:
    with Server(answer(HEAD + chunk(LINE))) as server, record(tmp_path, upstream=server.url) as recording:
        with Client(recording.url).chat("m", [{"role": "user", "content": "x"}], stream=True) as stream:
            assert next(stream).message.content == "Hi"
        assert server.peer().gone.wait(PATIENCE)
        wanted = ("0001-chat-m", "closed after %d bytes" % len(HEAD + chunk(LINE)))
        eventually(lambda: [(e["exchange"], e["client"]) for e in recording.report()["exchanges"]] == [wanted])
    (fixture,) = load_folder(tmp_path)
    assert (fixture.how, fixture.body()) == ("cancelled", LINE)


def test_a_client_that_goes_away_before_the_answer_ends_the_request_too(tmp_path: Path) -> None:
    with Server(answer()) as server, record(tmp_path, upstream=server.url) as recording:
        with connected(recording.url) as sock:
            sock.sendall(request())
            assert server.peer().asked.wait(PATIENCE)
        assert server.peer().gone.wait(PATIENCE)
    (fixture,) = load_folder(tmp_path)
    assert [event.kind for event in fixture.events] == ["request", "end"]
    assert fixture.how == "cancelled"


def test_a_client_that_goes_away_while_the_server_reads_nothing_is_noticed(tmp_path: Path) -> None:
    reads = threading.Event()
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * (20 << 20)}]}).encode()
    with Server([reads]) as server, record(tmp_path, upstream=server.url) as recording:
        with connected(recording.url) as sock:
            sock.sendall(request(body))
            server.peer()
        eventually(lambda: [e["client"] for e in recording.report()["exchanges"]] == ["closed after 0 bytes"])
        reads.set()
    (fixture,) = load_folder(tmp_path)
    assert fixture.how == "cancelled"


SILENT: List[Tuple[str, List[support.Step]]] = [  # id, a server that speaks TLS, and says nothing of HTTP
    ("session tickets of TLS 1.3", [Tls(), *answer()]),
    ("TLS 1.2", [Tls(newest="TLSv1_2"), *answer()]),
    ("half a record", [TlsCut(GOOD)]),
    ("a handshake that does not go on", [lambda peer: peer.asked.set()]),
]


@pytest.mark.parametrize("steps", [row[1] for row in SILENT], ids=[row[0] for row in SILENT])
def test_275_a_client_that_goes_is_seen_whatever_tls_waits_for(steps: List[support.Step], tmp_path: Path) -> None:
    with Server(steps) as server:
        upstream = "https://localhost:%d" % server.port
        with record(tmp_path, upstream=upstream, verify=cert("ca.pem")) as recording:
            with connected(recording.url) as sock:
                sock.sendall(request())
                assert server.peer().asked.wait(PATIENCE)
            assert server.peer().gone.wait(PATIENCE)
    assert [load(file).how for file in tmp_path.glob("*.jsonl")] in ([], ["cancelled"])


def test_275_what_tls_says_behind_an_answer_is_no_reason_to_wait(tmp_path: Path) -> None:
    with Server([Tls(), *answer(GOOD, lambda peer: peer.sock.unwrap())]) as server:
        upstream = "https://localhost:%d" % server.port
        with record(tmp_path, upstream=upstream, verify=cert("ca.pem")) as recording, connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, GOOD)
            eventually(lambda: os.listdir(str(tmp_path)) == ["0001-chat-m.exchange.jsonl"])
    assert [fixture.how for fixture in load_folder(tmp_path)] == ["complete"]


def test_275_a_kept_connection_whose_server_says_goodbye_is_asked_again(tmp_path: Path) -> None:
    goodbye: List[support.Step] = [Tls(), *answer(GOOD), *answer(lambda peer: peer.sock.unwrap(), support.close)]
    with Server(goodbye, [Tls(), *answer(GOOD)]) as server:
        upstream = "https://localhost:%d" % server.port
        with record(tmp_path, upstream=upstream, verify=cert("ca.pem")) as recording, connected(recording.url) as sock:
            for _ in range(2):
                sock.sendall(request())
                read(sock, GOOD)
    assert [fixture.how for fixture in load_folder(tmp_path)] == ["complete", "complete"]


def test_the_last_chunk_is_recorded_although_the_client_has_gone_with_the_last_record(tmp_path: Path) -> None:
    gone = threading.Event()
    with Server(answer(HEAD + chunk(LINE) + chunk(DONE), gone, LAST_CHUNK)) as server:
        with record(tmp_path, upstream=server.url) as recording:
            with connected(recording.url) as sock:
                sock.sendall(request())
                read(sock, HEAD + chunk(LINE) + chunk(DONE))
            gone.set()
            assert server.peer().gone.wait(PATIENCE)
    (fixture,) = load_folder(tmp_path)
    assert fixture.how == "complete"


def test_closing_the_proxy_waits_for_the_last_chunk_of_an_answer(tmp_path: Path) -> None:
    closing = threading.Event()
    with Server(answer(HEAD + chunk(LINE) + chunk(DONE), closing, LAST_CHUNK)) as server:
        with record(tmp_path, upstream=server.url) as recording, connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, HEAD + chunk(LINE) + chunk(DONE))
            thread = threading.Thread(target=recording.close)
            thread.start()
            read_to_end(sock)  # it is closing
            closing.set()
            thread.join()
    assert load_folder(tmp_path)[0].how == "complete"


def test_closing_the_proxy_ends_streams_and_finishes_files(tmp_path: Path) -> None:
    with Server(answer(HEAD + chunk(LINE))) as server:
        with record(tmp_path, upstream=server.url) as recording, connected(recording.url) as sock:
            sock.sendall(request())
            read(sock, HEAD + chunk(LINE))
            assert os.listdir(str(tmp_path)) == ["0001-chat-m.exchange.jsonl.part"]
            recording.close()
            assert os.listdir(str(tmp_path)) == ["0001-chat-m.exchange.jsonl"]
    assert load_folder(tmp_path)[0].how == "cancelled"


def test_a_server_that_is_not_there_is_status_502_and_no_file(tmp_path: Path) -> None:
    upstream = "http://127.0.0.1:%d" % support.closed_port()
    with record(tmp_path, upstream=upstream) as recording:
        with pytest.raises(ResponseError) as raised:
            list(Client(recording.url).stream_chat("m", "x"))
    assert raised.value.status_code == 502
    assert raised.value.error == (
        "record: Failed to connect to Ollama. Please check that Ollama is downloaded, running and accessible. "
        "https://ollama.com/download (%s, from upstream: connection refused)" % upstream
    )
    assert os.listdir(str(tmp_path)) == []


def test_clients_of_both_colours_at_the_same_time(tmp_path: Path) -> None:
    import asyncio

    async def main(url: str) -> List[str]:
        async def one(number: int) -> str:
            return "".join([text async for text in AsyncClient(url).stream_chat("m", str(number))])

        return list(await asyncio.gather(*map(one, range(8))))

    with Server(answer(GOOD)) as server, record(tmp_path, upstream=server.url) as recording:
        assert asyncio.run(main(recording.url)) == ["Hi"] * 8
    assert [fixture.how for fixture in load_folder(tmp_path)] == ["complete"] * 8


# Modes

MODES = {  # mode -> who answers the recorded request, the same again, another one, and that again
    "none": ["disk", "disk", 400, 400],
    "once": ["disk", "disk", "server", "disk"],
    "new_episodes": ["disk", "server", "server", "server"],
    "all": ["server", "server", "server", "server"],
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_says_who_answers(mode: str, tmp_path: Path) -> None:
    with Server(answer(GOOD)) as server:
        with record(tmp_path, upstream=server.url) as recording:
            assert "".join(Client(recording.url).stream_chat("m", "x")) == "Hi"
        outcomes: List[Any] = []
        with record(tmp_path, upstream=server.url, mode=mode) as recording:
            for text in ("x", "x", "y", "y"):
                before = len(server.peers)
                try:
                    assert "".join(Client(recording.url).stream_chat("m", text)) == "Hi"
                    outcomes.append("server" if len(server.peers) > before else "disk")
                except ResponseError as error:
                    assert error.error.startswith("record: no recorded exchange for POST /api/chat; closest is 0001-")
                    assert len(server.peers) == before
                    outcomes.append(error.status_code)
    assert outcomes == MODES[mode]
    assert len(os.listdir(str(tmp_path))) == 1 + outcomes.count("server")


def test_verify_plays_and_says_what_has_changed(tmp_path: Path) -> None:
    changed = HEAD + chunk(support.line("Hello", new=1)) + chunk(DONE) + LAST_CHUNK
    with Server(answer(GOOD), answer(GOOD) + answer(changed), answer(changed)) as server:
        with record(tmp_path, upstream=server.url) as recording:
            assert "".join(Client(recording.url).stream_chat("m", "x")) == "Hi"
        with record(tmp_path, upstream=server.url, mode="verify") as recording:
            client = Client(recording.url)
            assert ("".join(client.stream_chat("m", "x")), recording.differences) == ("Hi", [])
            assert "".join(client.stream_chat("m", "x")) == "Hi"
    keys = "created_at, done, message, message.content, message.role, model"
    assert recording.differences == [
        "0001-chat-m: a line with the keys %s: recorded, now missing" % keys,
        "0001-chat-m: a line with the keys %s, new: new" % keys,
    ]
    upstream = "http://127.0.0.1:%d" % support.closed_port()
    with record(tmp_path, upstream=upstream, mode="verify") as recording:
        assert "".join(Client(recording.url).stream_chat("m", "x")) == "Hi"
    (difference,) = recording.differences
    assert difference.startswith("0001-chat-m: no answer from the server: Failed to connect to Ollama.")


# What is refused, and what is not stored

REFUSED = [  # id, the request, the status, the error
    ("237 absolute form", request(target="http://example.com/api/chat"), 400,
        "record: this is no proxy: expected a path, found http://example.com/api/chat"),
    ("237 CONNECT", request(b"", method="CONNECT", target="example.com:443"), 400,
        "record: this is no proxy: expected a path, found example.com:443"),
    ("236 another host", request(host="evil.example"), 403, "record: Host 'evil.example' is not this machine"),
    ("236 a name that begins like ours", request(host="localhost.evil.example"), 403,
        "record: Host 'localhost.evil.example' is not this machine"),
    ("237 two hosts", request(host="localhost\r\nHost: evil.example"), 400, "record: expected one Host field, found 2"),
    ("239 two framings", request(b"0\r\n\r\n", Transfer_Encoding="chunked", Content_Length="5"), 400,
        "record: both Content-Length and Transfer-Encoding"),
]  # fmt: skip


@pytest.mark.parametrize("data, status, error", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_no_request_chooses_where_it_goes(data: bytes, status: int, error: str, tmp_path: Path) -> None:
    with Server(answer(GOOD)) as server, record(tmp_path, upstream=server.url) as recording:
        answer_, end = ask(recording.url, data)
        assert (error_of(answer_), end) == ((status, error), "FIN")
        assert server.peers == []
    assert os.listdir(str(tmp_path)) == []


def test_other_machines_are_let_in_on_purpose_only_fault_235(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="'0.0.0.0' can be reached from other machines; allow_remote=True permits"):
        record(tmp_path, host="0.0.0.0")
    with Server(answer(GOOD)) as server:
        with record(tmp_path, upstream=server.url, host="0.0.0.0", allow_remote=True) as recording:
            client = Client("127.0.0.1:%d" % recording.port, headers={"Host": "gpu-box.example"})
            assert "".join(client.stream_chat("m", "x")) == "Hi"


@pytest.mark.parametrize("upstream", ["ftp://x", "http://x:99999", "http://["])
def test_a_wrong_server_is_told_at_the_start(upstream: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="upstream"):
        record(tmp_path, upstream=upstream)


def test_a_planted_secret_is_in_no_file_faults_222_and_223(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secrets = [b"planted-in-%s" % place for place in (b"authorization", b"odd-header", b"query", b"cookie", b"proxy")]
    authorization, odd, query, cookie, for_proxy = secrets
    lines = support.line(b" ".join(secrets[:4]).decode()) + DONE
    cut = lines.index(b"in-authorization")
    head = HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=%s; Path=/\r\n\r\n" % cookie)
    asked = request(
        ASK.replace(b"hi", odd), target="/api/chat?key=" + query.decode(), Authorization="Bearer " + authorization.decode(),
        X_Odd_Name=odd.decode(), Proxy_Authorization="Bearer " + for_proxy.decode(), Connection="close",
    )  # fmt: skip
    wanted = head + chunk(lines[:cut]) + chunk(lines[cut:]) + LAST_CHUNK
    with Server(answer(head, chunk(lines[:cut]), chunk(lines[cut:]) + LAST_CHUNK)) as server:
        with record(tmp_path, upstream=server.url) as recording:
            assert ask(recording.url, asked) == (wanted, "FIN")  # the client's stream is untouched
        assert odd in server.peer().requests[0] and for_proxy not in server.peer().received
    (fixture,) = load_folder(tmp_path)
    data = Path(str(fixture.path)).read_bytes()
    assert [secret for secret in secrets if secret in data or secret in caplog.text.encode()] == []
    assert [len(event.data) for event in fixture.events if event.kind == "chunk"] == [cut, len(lines) - cut]


def test_a_folder_that_takes_no_file_leaves_the_stream_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Server(answer(GOOD)) as server, record(tmp_path / "in", upstream=server.url) as recording:
        (tmp_path / "in").write_bytes(b"")  # since the proxy has looked
        assert "".join(Client(recording.url).stream_chat("m", "x")) == "Hi"
    (message,) = caplog.messages
    assert message.startswith("%s: nothing is recorded: " % (tmp_path / "in"))


# The command


@contextmanager
def command(*arguments: str, **variables: str) -> Iterator[Tuple[Any, str]]:
    """The process of ``record`` and the address that it prints. SIGINT is ignored, as for the jobs of a script."""
    with subprocess.Popen(
        [sys.executable, "-m", "ollama_stream", "record", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=support.environment(**variables), encoding="utf-8",
        preexec_fn=ignoring_ctrl_c if os.name == "posix" else None,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def ignoring_ctrl_c() -> None:
    """As in a job that a shell has started in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


posix_only = pytest.mark.parametrize("_", [0] if os.name == "posix" else [])  # where a process can be sent a Ctrl-C


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM] if os.name == "posix" else [])
def test_a_signal_ends_the_command_and_finishes_its_files(number: int, tmp_path: Path) -> None:
    with Server(answer(HEAD + chunk(LINE))) as server:
        with command("--into", str(tmp_path), "--upstream", server.url) as (process, url):
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
            with connected(url) as sock:
                sock.sendall(request())
                read(sock, HEAD + chunk(LINE))
                process.send_signal(number)
                out, err = process.communicate(timeout=PATIENCE)
    path = tmp_path / "0001-chat-m.exchange.jsonl"
    assert (process.returncode, out, err) == (0, "", "%s: cancelled\n" % path)
    assert load(path).body() == LINE


def test_a_killed_command_leaves_a_prefix_that_can_be_read(tmp_path: Path) -> None:
    with Server(answer(HEAD + chunk(LINE))) as server:
        with command("--into", str(tmp_path), "--upstream", server.url) as (process, url), connected(url) as sock:
            sock.sendall(request())
            read(sock, HEAD + chunk(LINE))
            part = tmp_path / "0001-chat-m.exchange.jsonl.part"
            # A byte is relayed before it is stored: the file is behind by so much.
            eventually(lambda: part.read_bytes().count(b"\n") == 4)
            process.kill()
            process.wait()
    prefix = load(part, allow_truncated=True)
    assert (prefix.how, prefix.body()) == ("eof", LINE)


@posix_only
def test_the_command_says_what_verify_has_found(_: int, tmp_path: Path) -> None:
    with Server(answer(GOOD), answer(support.response("404 Not Found", b"{}"))) as server:
        with record(tmp_path, upstream=server.url) as recording:
            assert "".join(Client(recording.url).stream_chat("m", "x")) == "Hi"
        options = ["--into", str(tmp_path), "--upstream", server.url, "--mode", "verify", "--listen", "localhost:0"]
        with command(*options) as (process, url):
            assert "".join(Client(url).stream_chat("m", "x")) == "Hi"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    first, *_, last = err.splitlines()
    assert first == "verify: 0001-chat-m: status: recorded 200, now 404"
    assert last == "ollama_stream: the server's answers differ from the recordings in %s" % tmp_path


WRONG = [  # arguments, status, how the last line of standard error ends
    ([], 2, "the following arguments are required: --into"),
    (["--into", "x", "--listen", "a:b"], 2, "expected HOST:PORT, HOST or PORT, got 'a:b'"),
    (["--into", "x", "--listen", "0.0.0.0:0"], 2, "can be reached from other machines; --allow-remote permits that"),
    (["--into", "x", "--upstream", "ftp://x"], 2, "https://example.com/ollama, unix:///run/ollama.sock"),
    (["--into", os.path.join(__file__, "x")], 1, "x: cannot be written: "),
    (["--into", "x", "--mode", "none"], 1, "x: cannot be read: No such file or directory"),
    (["--into", "x", "--redact-json", "messages"], 2, 'expected a JSON Pointer such as "/options/seed", found "messages"'),
]


@pytest.mark.parametrize("arguments, status, error", WRONG, ids=[row[2] for row in WRONG])
def test_wrong_arguments_of_the_command(arguments: List[str], status: int, error: str, tmp_path: Path) -> None:
    done = (cli_run if status == 2 else cli_process)("record", *arguments)
    assert (done.status, done.out) == (status, "")
    assert error in done.err


ADDRESSES = [
    ("11434", ("localhost", 11434)),
    (":1", ("localhost", 1)),
    ("127.0.0.1:80", ("127.0.0.1", 80)),
    ("::1", ("::1", 0)),
    ("localhost", ("localhost", 0)),
    ("localhost:8000", ("localhost", 8000)),
    ("[::1]:8000", ("::1", 8000)),
    ("[::1]", ("::1", 0)),
]


@pytest.mark.parametrize("text, address", ADDRESSES, ids=[text for text, _ in ADDRESSES])
def test_an_address_to_listen_at(text: str, address: Tuple[str, int]) -> None:
    from ollama_stream.cli.record import listen_address

    assert listen_address(text) == address
