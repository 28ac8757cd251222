"""create_blob: what is sent of a file, when it is not sent, what it costs, and what goes wrong; in both colours."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import tracemalloc
from pathlib import Path
from typing import Any, List, Mapping, Optional, Tuple

import pytest
from support import ROOT, SOON, Peer, Server, Step, answer, close, fin, response

from ollama_stream import AsyncClient, Client, ConnectionLost, RequestError, ResponseError
from ollama_stream._values import UPLOAD_PIECE
from ollama_stream.fixture import load
from ollama_stream.transports import Replaying

MISSING = response("404 Not Found", Content_Length="102", Connection="close")
CREATED = response("201 Created", Connection="close")


def blocking(url: Optional[str], path: Any, settings: Mapping[str, Any] = {}, **fields: Any) -> Any:
    return Client(url, **settings).create_blob(path, **fields)


def awaited(url: Optional[str], path: Any, settings: Mapping[str, Any] = {}, **fields: Any) -> Any:
    async def call() -> Any:
        return await AsyncClient(url, **settings).create_blob(path, **fields)

    return asyncio.run(call())


both_colours = pytest.mark.parametrize("call", [blocking, awaited])


def file_of(folder: Path, size: int) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(random.Random(size).getrandbits(8 * size + 8).to_bytes(size + 1, "big")[:size])
    return path


def sparse_file(folder: Path, size: int) -> Path:
    path = folder / "sparse"
    with open(str(path), "wb") as file:
        file.truncate(size)
    return path


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@both_colours
@pytest.mark.parametrize("size", [0, 1, UPLOAD_PIECE, UPLOAD_PIECE + 1, 3 * UPLOAD_PIECE + 5])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_asked_for_and_then_sent_as_it_is(call: Any, size: int, kind: Any, tmp_path: Path) -> None:
    path = file_of(tmp_path, size)
    data = path.read_bytes()
    with Server(answer(MISSING, fin), answer(CREATED, fin)) as server:
        assert call(server.url, kind(path), headers={"X-A": "b"}) == digest_of(data)
        asked, sent = server.peer(0), server.peer(1)
    target = b"/api/blobs/" + digest_of(data).encode()
    assert asked.request_head[0] == b"HEAD %s HTTP/1.1" % target
    assert sent.request_head[0] == b"POST %s HTTP/1.1" % target
    assert b"X-A: b" in asked.request_head and b"X-A: b" in sent.request_head
    assert (asked.request_body, sent.request_body) == (b"", data)
    lengths = [[one for one in peer.request_head if one.startswith(b"Content-Length")] for peer in (asked, sent)]
    assert lengths == [[], [b"Content-Length: %d" % size]]


@both_colours
def test_a_file_that_the_server_has_is_not_sent(call: Any, tmp_path: Path) -> None:
    path = file_of(tmp_path, 9)
    with Server(answer(response("200 OK", Connection="close"), fin)) as server:
        assert call(server.url, path) == digest_of(path.read_bytes())
        assert len(server.peers) == 1


STATUSES = ["202 Accepted", "400 Bad Request", "404 Not Found", "405 Method Not Allowed", "500 Internal Server Error",
    "301 Moved Permanently"]  # fmt: skip


@both_colours
@pytest.mark.parametrize("status", STATUSES)
def test_any_answer_but_200_has_the_file_sent(call: Any, status: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, 9)
    with Server(answer(response(status, Connection="close"), fin), answer(CREATED, fin)) as server:
        assert call(server.url, path) == digest_of(path.read_bytes())
        assert server.peer(1).request_body == path.read_bytes()


@both_colours
def test_a_server_that_has_it_after_all_may_answer_before_it_has_read_the_file(call: Any, tmp_path: Path) -> None:
    path = sparse_file(tmp_path, 40 * UPLOAD_PIECE)
    early: List[Step] = [lambda peer: peer.receive(), response("200 OK", Connection="close"), fin, close]
    with Server(answer(MISSING, fin), early) as server:
        try:
            assert call(server.url, path) == digest_of(path.read_bytes())
        except ConnectionLost:  # the reset overtook the answer
            pass


@both_colours
def test_a_refused_file_is_an_error(call: Any, tmp_path: Path) -> None:
    path = file_of(tmp_path, 9)
    refusal = response("400 Bad Request", b'{"error":"digest mismatch"}', Connection="close")
    with Server(answer(MISSING, fin), answer(refusal, fin)) as server, pytest.raises(ResponseError) as caught:
        call(server.url, path)
    assert (caught.value.status_code, caught.value.error) == (400, "digest mismatch")


@both_colours
def test_another_attempt_sends_the_file_from_its_start(call: Any, tmp_path: Path) -> None:
    path = file_of(tmp_path, UPLOAD_PIECE + 9)
    busy = response("503 Service Unavailable", Retry_After="0", Connection="close")
    with Server(answer(MISSING, fin), answer(busy, fin), answer(CREATED, fin)) as server:
        assert call(server.url, path, {"retries": 1}) == digest_of(path.read_bytes())
        assert [server.peer(number).request_body for number in (1, 2)] == [path.read_bytes()] * 2


@both_colours
def test_a_recorded_upload_is_made_again(call: Any, tmp_path: Path) -> None:
    folder = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15", "blob-%s.exchange.jsonl")
    missing, create, exists = (load(folder % name) for name in ("missing", "create", "exists"))
    path = tmp_path / "file"
    path.write_bytes(create.request.body_bytes())
    for exchanges in ([missing, create], [exists]):
        transport = Replaying(exchanges)
        assert "/api/blobs/" + call(None, path, {"transport": transport}) == create.request.path
        transport.cassette.assert_all_played()


def truncated(path: Path) -> Step:
    def step(_peer: Peer) -> None:
        os.truncate(str(path), 5)

    return step


@both_colours
def test_a_file_that_becomes_shorter_is_an_error_and_the_upload_is_broken_off(call: Any, tmp_path: Path) -> None:
    path = file_of(tmp_path, 9)
    with Server(answer(truncated(path), MISSING, fin), answer(CREATED, fin)) as server:
        with pytest.raises(RequestError, match="^path: the file has become shorter while it was read$"):
            call(server.url, path)
        assert server.peer(1).gone.wait(SOON)
        assert server.peer(1).request_body == path.read_bytes()


def test_a_file_that_becomes_longer_is_sent_as_long_as_it_was(tmp_path: Path) -> None:
    path = file_of(tmp_path, 9)
    data = path.read_bytes()
    with Server(answer(lambda _: path.write_bytes(data + b"more") and None, MISSING, fin), answer(CREATED, fin)) as server:
        assert blocking(server.url, path) == digest_of(data)
        assert server.peer(1).request_body == data


REFUSED: List[Tuple[str, Any, str]] = [
    ("a folder", os.path.dirname(__file__), "path: not a regular file: "),
    ("nothing there", "no such file", "path: cannot be read: "),
    ("a NUL", "a\0b", "path: cannot be read: "),
    ("a number", 3, "path: expected the name of a file, got int"),
    ("bytes", b"x", "path: expected the name of a file, got bytes"),
    ("none", None, "path: expected the name of a file, got NoneType"),
]


@both_colours
@pytest.mark.parametrize("path, text", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_file_is_refused_before_a_connection_is_made(call: Any, path: Any, text: str) -> None:
    with Server([]) as server:
        with pytest.raises(RequestError) as caught:
            call(server.url, path)
        assert str(caught.value).startswith(text)
        assert server.peers == []


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    if hasattr(os, "mkfifo"):
        os.mkfifo(str(tmp_path / "pipe"))
        with pytest.raises(RequestError, match="^path: not a regular file: "):
            Client().create_blob(tmp_path / "pipe")


def test_a_file_is_closed_whatever_happens(tmp_path: Path) -> None:
    # Where one is left open, its ResourceWarning is an error here.
    path = file_of(tmp_path, 9)
    with Server(answer(close)) as server:
        for call in (blocking, awaited):
            with pytest.raises(ConnectionLost):
                call(server.url, path)


def swallow(peer: Peer) -> None:
    """Read a request of any length and keep its head alone."""
    length = -1
    while length:
        data = peer.sock.recv(1 << 16)
        if length < 0:
            head, _, data = data.partition(b"\r\n\r\n")
            length = int(head.rsplit(b"Content-Length: ")[1].split(b"\r\n")[0])
        length -= len(data)


@both_colours
def test_a_file_of_64_MiB_takes_less_than_4_MB_of_memory(call: Any, tmp_path: Path) -> None:
    path = sparse_file(tmp_path, 64 << 20)
    swallowed: List[Step] = [swallow, CREATED, fin]
    with Server(answer(MISSING, fin), swallowed) as server:
        tracemalloc.start()
        try:
            digest = call(server.url, path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert digest == "sha256:3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351"
    assert peak < 4_000_000


class Taking:
    """A transport that never waits, and looks how often others had their turn."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.turns = 0
        self.turns_of_piece: List[int] = []

    async def tick(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    def open(self, _address: Any, _timeout: Any) -> Any:
        return self

    def send(self, _data: bytes, _timeout: Any) -> None:
        self.turns_of_piece.append(self.turns)

    def recv(self, _timeout: Any) -> bytes:
        return self.answers.pop(0)

    def close(self) -> None:
        pass


def test_a_loop_has_its_turn_while_a_file_is_hashed_and_sent(tmp_path: Path) -> None:
    pieces = 50
    path = sparse_file(tmp_path, pieces * UPLOAD_PIECE)
    transport = Taking(MISSING, CREATED)

    async def call() -> None:
        ticking = asyncio.ensure_future(transport.tick())
        await AsyncClient(transport=transport).create_blob(path)
        ticking.cancel()

    asyncio.run(call())
    asked, *sent = transport.turns_of_piece
    assert asked >= pieces
    assert [later > earlier for earlier, later in zip(sent, sent[1:])] == [True] * pieces


def test_an_upload_that_is_cancelled_closes_the_file_and_the_connection(tmp_path: Path) -> None:
    path = sparse_file(tmp_path, 150 * UPLOAD_PIECE)

    async def cancelled(server: Server) -> None:
        upload = asyncio.ensure_future(AsyncClient(server.url).create_blob(path))
        while len(server.peers) < 2:
            await asyncio.sleep(0)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

    with Server(answer(MISSING, fin), []) as server:
        asyncio.run(cancelled(server))
        assert server.peer(1).gone.wait(SOON)
