"""Fixtures too large to be kept: their files are read again whenever they are played. Here every file is too large."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
from pathlib import Path
from typing import Any, List

import pytest
from support import PATIENCE, memory_below

from ollama_stream import AsyncClient, Client
from ollama_stream.fixture import file as fixture
from ollama_stream._errors import FixtureError
from ollama_stream.cli import main
from ollama_stream.fixture import EventSequence, Fixture
from ollama_stream.fixture import dumps, lint, load
from ollama_stream.replay import serve
from ollama_stream.transports import Replaying

FILES = sorted((Path(__file__).resolve().parent.parent / "fixtures" / "recordings").glob("*/*.exchange.jsonl"))
STREAM = next(file for file in FILES if file.name == "chat-stream.exchange.jsonl")
LINES = b'{"message":{"content":"Hi"}}\n\n{"done":true}'

assert len(FILES) > 80


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixture, "MAX_IN_MEMORY", -1)


def both(path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> List[Any]:
    """What ``load`` makes of a small file, and of the same file as a large one; a fixture or an error."""
    outcomes: List[Any] = []
    for limit in (1 << 30, -1):
        monkeypatch.setattr(fixture, "MAX_IN_MEMORY", limit)
        try:
            outcomes.append(load(path, **options))
        except FixtureError as error:
            outcomes.append((str(error), error.path, error.lineno))
    return outcomes


def contents(one: Fixture) -> Any:
    events = list(one.events), len(one.events), one.events[0], one.events[-1], one.events[-2], one.events[1:]
    return one.header, events, one.plain, one.request, one.head, one.how, one.body(), list(one.wire()), dumps(one), lint(one)


@pytest.mark.each(5)
@pytest.mark.parametrize("file", FILES, ids=["%s/%s" % (file.parent.name, file.name) for file in FILES])
def test_a_large_exchange_is_the_same_as_a_small_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = both(file, monkeypatch)
    assert isinstance(small.events, list) and isinstance(large.events, EventSequence)
    assert contents(large) == contents(small)
    assert contents(large) == contents(small)  # and once more


PLAIN = [("lines", LINES), ("generate", b'\xff\n{"response":""}\n'), ("nothing", b""), ("one line", b"x\n")]


@pytest.mark.parametrize("data", [data for _, data in PLAIN], ids=[name for name, _ in PLAIN])
def test_a_large_body_is_the_same_as_a_small_one(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(data)
    small, large = both(path, monkeypatch)
    assert isinstance(large.events, EventSequence)
    assert contents(large) == contents(small)
    for options in ({"tps": 2.0}, {"on_cancelled": "complete"}):
        assert [list(_served(one, options)) for one in (large, small)] == [list(_served(small, options))] * 2


def _served(one: Fixture, options: Any) -> Any:
    with serve(one, **options) as server:
        return server.cassette.fixtures[0].events


@pytest.mark.each(3)
@pytest.mark.parametrize("seed", range(40))
def test_a_file_that_is_cut_fails_or_ends_alike(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = STREAM.read_bytes()[:3000]
    path = tmp_path / "cut.exchange.jsonl"
    path.write_bytes(data[: seed * len(data) // 40])
    for options in ({}, {"allow_truncated": True}):
        outcomes = both(path, monkeypatch, **options)
        small, large = [outcome if isinstance(outcome, tuple) else contents(outcome) for outcome in outcomes]
        assert large == small


def test_a_pipe_is_read_once(large: None) -> None:
    reading, writing = os.pipe()
    path = "/dev/fd/%d" % reading
    if not os.path.exists(path):
        pytest.skip("no /dev/fd here")
    with open(writing, "wb") as pipe:
        pipe.write(STREAM.read_bytes())
    try:
        found = load(path)
    finally:
        os.close(reading)
    assert (dumps(found), lint(found)) == (STREAM.read_bytes(), [])


# A file that is another when it is played


def copy_of_stream(tmp_path: Path) -> Path:
    path = tmp_path / "chat.exchange.jsonl"
    path.write_bytes(STREAM.read_bytes())
    return path


def test_a_file_that_changes_while_it_is_read_raises_before_a_wrong_event(large: None, tmp_path: Path) -> None:
    path = copy_of_stream(tmp_path)
    one = load(path)
    events = iter(one.events)
    seen = [next(events) for _ in range(5)]
    path.write_bytes(STREAM.read_bytes() + b"\n")
    with pytest.raises(FixtureError) as raised:
        seen.extend(events)
    assert (str(raised.value), raised.value.path) == (CHANGED % path, str(path))
    assert seen == list(load(STREAM).events)[: len(seen)]
    for use in (Fixture.body, lint, dumps):
        with pytest.raises(FixtureError, match="changed since it was loaded"):
            use(one)


CHANGED = "%s: changed since it was loaded; load it again"


def test_a_file_that_has_gone_cannot_be_read(large: None, tmp_path: Path) -> None:
    path = copy_of_stream(tmp_path)
    one = load(path)
    os.unlink(str(path))
    assert one.request.path == "/api/chat"  # what is kept is enough to choose it
    with pytest.raises(FixtureError, match="cannot be read: No such file or directory$"):
        one.body()


def ask(client: Any) -> str:
    return "".join(client.stream_chat("m", "x"))


def ask_async(client: Any) -> str:
    async def main() -> str:
        return "".join([text async for text in client.stream_chat("m", "x")])

    return asyncio.run(main())


COLOURS = [pytest.param(Client, ask, id="sync"), pytest.param(AsyncClient, ask_async, id="async")]


@pytest.mark.parametrize("colour, asked", COLOURS)
def test_in_process_a_changed_file_is_a_fixture_error(colour: Any, asked: Any, large: None, tmp_path: Path) -> None:
    path = copy_of_stream(tmp_path)
    transport = Replaying(path, level="path", repeat="last")
    assert asked(colour(transport=transport))
    path.write_bytes(b"something else")
    with pytest.raises(FixtureError, match="changed since it was loaded"):
        asked(colour(transport=transport))


def test_the_server_resets_the_connection_of_a_file_that_has_changed(
    large: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy_of_stream(tmp_path)
    with serve(path, level="path") as server:
        path.write_bytes(b"something else")
        with socket.create_connection((server.host, server.port), PATIENCE) as sock:
            sock.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                while sock.recv(65536):
                    pass
    assert caplog.messages == ["replay: the exchange cannot be played: " + CHANGED % path]


# Memory

SIZE = 5 << 20  # above the limit that is set


def write_large(path: Path) -> None:
    line = "x" * 65535 + "\n"
    if path.suffix == ".ndjson":
        path.write_bytes(line.encode() * (SIZE >> 16))
        return
    events = load(STREAM).events
    chunk = events[2]._replace(data=line.encode(), extra=None)
    made = dataclasses.replace(load(STREAM), events=[*events[:2], *[chunk] * (SIZE >> 16), events[-1]])
    path.write_bytes(dumps(made))


@pytest.mark.parametrize("name", ["big.ndjson", "big.exchange.jsonl"])
def test_loading_playing_and_linting_a_large_file_take_constant_memory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_large(tmp_path / name)
    received = 0
    monkeypatch.setattr(fixture, "MAX_IN_MEMORY", 1 << 20)
    with memory_below(4 << 20):
        assert lint(load(tmp_path / name)) == []
        with serve(tmp_path / name, level="path") as server:
            with socket.create_connection((server.host, server.port), PATIENCE) as sock:
                ask = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                sock.sendall(ask)
                piece = b"x"
                while piece:
                    piece = sock.recv(65536)
                    received += len(piece)
    assert received > SIZE


@pytest.mark.parametrize("action", ["body", "raw"])
def test_bytes_of_a_large_file_are_written_as_they_are_read(action: str, large: None, tmp_path: Path) -> None:
    assert main(["fixture", action, str(STREAM), "-o", str(tmp_path / "out")]) == 0
    one = load(STREAM)
    expected = one.body() if action == "body" else b"".join(data for _, data in one.wire())
    assert (tmp_path / "out").read_bytes() == expected
