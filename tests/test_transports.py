"""Transports in both colours: ``Replaying``, fixtures instead of a network, and ``Recording``, which makes them.

Numbers from 222 to 235 in names and ids are the numbered faults of secrets and of recordings.
"""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time

import pytest
import support
from proxies import Tls, cert
from support import DONE, GOOD, HEAD, LAST_CHUNK, LINE, Server, answer, chunk, rst

from ollama_stream import (
    AsyncClient, Client, ConnectError, ConnectionLost, FixtureError, OllamaTimeout, RequestError, StreamClosed, Timeout,
)  # fmt: skip
from ollama_stream.fixture import recorder
from ollama_stream.fixture import load, load_folder
from ollama_stream.transports import Recording, Replaying

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAUSE = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15", "chat-pause.exchange.jsonl")
ASK = [{"role": "user", "content": "x"}]
LENGTH = list(load(PAUSE).wire())[-1][0]  # seconds


def read(client, ask="x"):
    return "".join(client.stream_chat("m", ask))


def read_async(client, ask="x"):
    async def main():
        return "".join([text async for text in client.stream_chat("m", ask)])

    return asyncio.run(main())


COLOURS = [pytest.param(Client, read, id="sync"), pytest.param(AsyncClient, read_async, id="async")]


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_scaled_replay_takes_its_share_of_the_recorded_time(colour, reader):
    start = time.monotonic()
    assert reader(colour(transport=Replaying(PAUSE, level="any", speed=32.0)))
    assert time.monotonic() - start >= LENGTH / 32  # it cannot be faster; how much slower is the machine's affair


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_the_clocks_run_in_a_replay_too(colour, reader):
    transport = Replaying(PAUSE, level="any", speed=1.0)
    with pytest.raises(OllamaTimeout) as raised:
        reader(colour(transport=transport, timeout=Timeout(first_byte=0.05)))
    assert (raised.value.clock, raised.value.partial.content) == ("first_byte", "")


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_request_that_nothing_answers_is_told_so(colour, reader):
    with pytest.raises(FixtureError, match="no recorded exchange for POST /api/chat; closest is chat-pause"):
        reader(colour(transport=Replaying(PAUSE)))


# Recording


def names(folder):
    return sorted(os.listdir(str(folder))) if os.path.isdir(str(folder)) else []


def ends(folder):
    return [fixture.how for fixture in load_folder(folder)] if names(folder) else []


# mode -> for the first call with an empty folder, for the same call again, and with another question: who answers
RECORD_MODES = {
    "none": [FixtureError, FixtureError, FixtureError],
    "once": ["server", "disk", "server"],
    "new_episodes": ["server", "server", "server"],
    "all": ["server", "server", "server"],
}


@pytest.mark.parametrize("mode", RECORD_MODES)
@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_mode_says_who_answers(colour, reader, mode, tmp_path):
    if mode == "none":
        (tmp_path / "other.ndjson").write_bytes(b'{"response":"for another endpoint","done":true}\n')
    with Server(answer(GOOD)) as server:
        client = colour(server.url, transport=Recording(tmp_path, mode))
        outcomes = []
        for ask in ("x", "x", "y"):
            before = len(server.peers)
            try:
                assert reader(client, ask) == "Hi"
                outcomes.append("server" if len(server.peers) > before else "disk")
            except FixtureError:
                outcomes.append(FixtureError)
                assert len(server.peers) == before  # the network was never reached
    assert outcomes == RECORD_MODES[mode]
    recorded = [name for name in names(tmp_path) if name.startswith("0")]
    assert recorded == ["%04d-chat-m.exchange.jsonl" % number for number in range(1, 1 + outcomes.count("server"))]
    assert ends(tmp_path)[: len(recorded)] == ["complete"] * len(recorded)


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_what_was_recorded_once_needs_no_server_any_more(colour, reader, tmp_path):
    with Server(answer(GOOD)) as server:
        assert reader(colour(server.url, transport=Recording(tmp_path))) == "Hi"
    elsewhere = "http://127.0.0.1:%d" % support.closed_port()
    for mode in ("once", "new_episodes", "none"):
        assert reader(colour(elsewhere, transport=Recording(tmp_path, mode))) == "Hi"
    assert reader(colour(elsewhere, transport=Replaying(tmp_path))) == "Hi"
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_recording_is_what_came(colour, reader, tmp_path):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    head = HEAD.replace(b"\r\n\r\n", b"\r\nX-Other: 1\r\n\r\n")
    odd = b"%03x;a=b\r\n%s\r\n" % (len(LINE), LINE)
    with Server(answer(interim, head + odd[:20], odd[20:] + chunk(DONE), LAST_CHUNK)) as server:
        assert reader(colour(server.url, transport=Recording(tmp_path, keep_headers=["X-Other"]))) == "Hi"
    (fixture,) = load_folder(tmp_path)
    assert b"".join(piece for _, piece in fixture.wire()) == interim.replace(b"x", b"REDACTED") + head + odd + chunk(DONE) + LAST_CHUNK
    assert (fixture.request.method, fixture.request.path) == ("POST", "/api/chat")
    assert fixture.request.json == {"model": "m", "messages": ASK, "tools": [], "stream": True}
    assert fixture.header["target"] == server.url


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_server_behind_tls_is_recorded_in_the_clear(colour, reader, tmp_path):
    with Server([Tls(), *answer(GOOD)]) as server:
        url = "https://localhost:%d" % server.port
        assert reader(colour(url, verify=cert("ca.pem"), transport=Recording(tmp_path))) == "Hi"
        with pytest.raises(ConnectError, match="TLS: the certificate is refused"):
            reader(colour(url, transport=Recording(tmp_path)), "y")
    (fixture,) = load_folder(tmp_path)
    assert (fixture.how, fixture.body(), fixture.header["target"]) == ("complete", LINE + DONE, url)


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_dialling_is_under_the_connect_clock(colour, reader, tmp_path):
    with support.full_listener() as port:
        client = colour("http://127.0.0.1:%d" % port, transport=Recording(tmp_path), timeout=Timeout(connect=0.05))
        with pytest.raises(OllamaTimeout) as raised:
            reader(client)
    assert (raised.value.clock, raised.value.limit, names(tmp_path)) == ("connect", 0.05, [])


ENDS = [  # id, what the server does after a request, the error, how the recording ends
    ("cut", [HEAD + chunk(LINE), support.fin], ConnectionLost, "eof"),
    ("reset", [HEAD + chunk(LINE), rst], ConnectionLost, "reset"),
    ("no answer", [support.fin], ConnectionLost, "eof"),
    ("silence", [HEAD + chunk(LINE)], OllamaTimeout, "timeout"),
    ("not HTTP", [b"SSH-2.0-OpenSSH_9.6\r\n"], ValueError, "cancelled"),
]


@pytest.mark.parametrize("steps, error, how", [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_recording_ends_as_the_exchange_did_and_so_does_its_replay(colour, reader, steps, error, how, tmp_path):
    with Server(answer(*steps)) as server:
        with pytest.raises(error) as raised:
            limits = Timeout(idle=0.1 if how == "timeout" else None)
            reader(colour(server.url, transport=Recording(tmp_path), timeout=limits))
        partial = raised.value.partial.content
        with pytest.raises(ConnectionLost if how in ("timeout", "eof", "reset") else error) as raised:
            reader(colour(server.url, transport=Recording(tmp_path)))
        assert (raised.value.partial.content, len(server.peers)) == (partial, 1)
    assert ends(tmp_path) == [how]


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_server_that_is_not_there_leaves_no_file(colour, reader, tmp_path):
    client = colour("http://127.0.0.1:%d" % support.closed_port(), transport=Recording(tmp_path / "new"))
    with pytest.raises(ConnectError, match="Failed to connect to Ollama"):
        reader(client)
    assert names(tmp_path) == []


def leave(client):
    with client.chat("m", ASK, stream=True) as stream:
        for part in stream:
            assert part.message.content == "Hi"
            break


def leave_async(client):
    async def main():
        async for part in client.chat("m", ASK, stream=True):
            assert part.message.content == "Hi"
            break

    asyncio.run(main())


def close(client):
    stream = client.chat("m", ASK, stream=True)
    first = next(stream)
    threading.Timer(0.05, stream.close).start()
    with pytest.raises(StreamClosed):
        next(stream)
    assert first.message.content == "Hi"


def cancel(client):
    async def main():
        got = asyncio.Event()

        async def read_on():
            async for _ in client.chat("m", ASK, stream=True):
                got.set()

        task = asyncio.ensure_future(read_on())
        await got.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


LEAVERS = [(Client, leave), (AsyncClient, leave_async), (Client, close), (AsyncClient, cancel)]


@pytest.mark.parametrize("colour, leaver", LEAVERS, ids=[leaver.__name__ for _, leaver in LEAVERS])
def test_a_stream_that_is_left_closes_at_once_and_is_recorded_as_cancelled(colour, leaver, tmp_path):
    with Server(answer(HEAD + chunk(LINE))) as server:
        leaver(colour(server.url, transport=Recording(tmp_path)))
        assert server.peer().gone.wait(support.PATIENCE)
    (fixture,) = load_folder(tmp_path)
    assert (fixture.how, fixture.body()) == ("cancelled", LINE)


def drop(client):
    stream = client.chat("m", ASK, stream=True)
    stream.__enter__()
    assert stream.status == "open"


def drop_async(client):
    async def main():
        stream = client.chat("m", ASK, stream=True)
        await stream.__aenter__()
        assert stream.status == "open"

    asyncio.run(main())


@pytest.mark.parametrize("colour, dropper", [(Client, drop), (AsyncClient, drop_async)], ids=["sync", "async"])
def test_dropping_a_stream_closes_it_without_a_collector(colour, dropper, tmp_path):
    gc.disable()
    try:
        with Server(answer(HEAD + chunk(LINE))) as server:
            dropper(colour(server.url, transport=Recording(tmp_path)))
            assert server.peer().gone.wait(support.PATIENCE)
    finally:
        gc.enable()
    assert ends(tmp_path) == ["cancelled"]


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_the_last_chunk_is_recorded_although_no_reader_waits_for_it(colour, reader, tmp_path):
    pause = 0.02  # longer than any reader takes from the last record to its close
    with Server(answer(HEAD + chunk(LINE) + chunk(DONE), lambda _: time.sleep(pause), LAST_CHUNK)) as server:
        assert reader(colour(server.url, transport=Recording(tmp_path))) == "Hi"
    assert ends(tmp_path) == ["complete"]


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_last_chunk_that_never_comes_is_not_waited_for(colour, reader, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "LAST_CHUNK_SECONDS", 0.05)
    with Server(answer(HEAD + chunk(LINE) + chunk(DONE))) as server:
        assert reader(colour(server.url, transport=Recording(tmp_path))) == "Hi"
        assert server.peer().gone.wait(support.PATIENCE)
    assert ends(tmp_path) == ["timeout"]


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_verify_plays_and_says_what_has_changed(colour, reader, tmp_path):
    changed = HEAD + chunk(support.line("Hello", new=1)) + chunk(DONE) + LAST_CHUNK
    with Server(answer(GOOD), answer(GOOD), answer(changed)) as server:
        assert reader(colour(server.url, transport=Recording(tmp_path))) == "Hi"
        verifying = Recording(tmp_path, "verify")
        client = colour(server.url, transport=verifying)
        assert (reader(client), verifying.differences) == ("Hi", [])
        assert reader(client) == "Hi"
        assert server.peer(2).asked.is_set()
    keys = "created_at, done, message, message.content, message.role, model"
    assert verifying.differences == [
        "0001-chat-m: a line with the keys %s: recorded, now missing" % keys,
        "0001-chat-m: a line with the keys %s, new: new" % keys,
    ]
    assert len(names(tmp_path)) == 1
    del verifying.differences[:]
    elsewhere = "http://127.0.0.1:%d" % support.closed_port()
    assert reader(colour(elsewhere, transport=verifying)) == "Hi"
    assert [text[:64] for text in verifying.differences] == [
        "0001-chat-m: no answer from the server: Failed to connect to Oll"
    ]
    with pytest.raises(FixtureError):
        reader(client, "another question")


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_planted_secret_is_in_no_file_faults_222_and_223(colour, reader, tmp_path, monkeypatch, caplog):
    secrets = [b"planted-in-%s" % place for place in (b"environment", b"header", b"odd-header", b"cookie", b"body")]
    environment, header, odd, cookie, _ = secrets
    monkeypatch.setenv("OLLAMA_API_KEY", environment.decode())
    echo = b" ".join([environment, header, odd, cookie])
    lines = support.line(echo.decode()) + DONE
    cut = lines.index(b"in-header")  # inside a secret
    head = HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=%s; Path=/\r\n\r\n" % cookie)
    fields = {"Authorization": "Bearer " + header.decode(), "X-Shop-Token": odd.decode()}
    with Server(answer(head, chunk(lines[:cut]), chunk(lines[cut:]) + LAST_CHUNK)) as server:
        client = colour(server.url, headers=fields, transport=Recording(tmp_path))
        assert reader(client, "say %s" % header.decode()) == echo.decode()
    (fixture,) = load_folder(tmp_path)
    data = (tmp_path / names(tmp_path)[0]).read_bytes()
    assert [secret for secret in secrets if secret in data or secret in caplog.text.encode()] == []
    assert fixture.request.json["messages"][0]["content"] == "say " + "X" * len(header)
    assert [len(event.data) for event in fixture.events if event.kind == "chunk"] == [cut, len(lines) - cut]


def test_a_secret_in_a_query_is_in_no_file_fault_223(tmp_path):
    with Server(answer(support.response("200 OK", b'{"key": "planted-in-query"}'))) as server:
        client = Client(server.url, transport=Recording(tmp_path))
        client.request("GET", "/api/me?ts=1700000000&key=planted-in-query")
    data = (tmp_path / "0001-me.exchange.jsonl").read_bytes()
    assert [word for word in (b"planted", b"1700000000") if word in data] == []
    assert load(tmp_path / "0001-me.exchange.jsonl").request.path == "/api/me?ts=REDACTED&key=REDACTED"


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_folder_that_takes_no_file_leaves_the_stream_alone(colour, reader, tmp_path, caplog):
    (tmp_path / "file").write_bytes(b"")
    with Server(answer(GOOD)) as server:
        assert reader(colour(server.url, transport=Recording(tmp_path / "file" / "folder"))) == "Hi"
    (message,) = caplog.messages
    assert message.startswith("%s: nothing is recorded: " % (tmp_path / "file" / "folder"))


RECORD = """
import logging, sys
logging.basicConfig(format="%(message)s")
from ollama_stream import Client
from ollama_stream.transports import Recording
for text in Client(sys.argv[1], transport=Recording(sys.argv[2])).stream_chat("m", "x"):
    print(text, flush=True)
"""
LIMITED = """
import resource, sys
sys.dont_write_bytecode = True  # half a module would be kept for others
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
""" + RECORD  # fmt: skip


@pytest.mark.parametrize("_", [0] if hasattr(os, "fork") else [])
def test_a_full_disk_leaves_the_stream_alone_and_a_prefix_that_can_be_read(_, tmp_path):
    with Server(answer(HEAD + chunk(LINE) * 50 + chunk(DONE) + LAST_CHUNK)) as server:
        done = support.run_python("-c", LIMITED, server.url, str(tmp_path))
    path = tmp_path / "0001-chat-m.exchange.jsonl"
    assert (done.returncode, done.stdout) == (0, "Hi\n" * 50)
    assert done.stderr == "%s: the recording has stopped: File too large\n" % path
    assert names(tmp_path) == ["0001-chat-m.exchange.jsonl.part"]
    prefix = load(str(path) + ".part", allow_truncated=True)
    assert prefix.how == "eof" and prefix.body() == LINE * (len(prefix.body()) // len(LINE)) != b""


def test_a_killed_recorder_leaves_a_prefix_that_can_be_read(tmp_path):
    with Server(answer(HEAD + chunk(LINE) * 3)) as server:
        with subprocess.Popen(
            [sys.executable, "-c", RECORD, server.url, str(tmp_path)],
            stdout=subprocess.PIPE, env=support.environment(),
        ) as process:  # fmt: skip
            assert [process.stdout.readline().strip() for _ in range(3)] == [b"Hi"] * 3
            process.kill()
    assert names(tmp_path) == ["0001-chat-m.exchange.jsonl.part"]
    prefix = load(tmp_path / "0001-chat-m.exchange.jsonl.part", allow_truncated=True)
    assert (prefix.how, prefix.body()) == ("eof", LINE * 3)


def test_threads_may_share_a_recording(tmp_path):
    with Server(answer(GOOD)) as server:
        client = Client(server.url, transport=Recording(tmp_path))
        answers = []
        threads = [threading.Thread(target=lambda n=n: answers.append(read(client, "%d" % n))) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == ["Hi"] * 8
    assert names(tmp_path) == ["%04d-chat-m.exchange.jsonl" % number for number in range(1, 9)]
    assert ends(tmp_path) == ["complete"] * 8


@pytest.mark.parametrize("make", [lambda speed: Replaying(PAUSE, speed=speed), lambda speed: Recording("x", speed=speed)])
@pytest.mark.parametrize("speed", [0, -1.0, float("nan")])
def test_a_speed_is_above_0(make, speed):
    with pytest.raises(RequestError, match="speed: a number above 0"):
        make(speed)
