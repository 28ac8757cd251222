"""Connections that rest between calls: which connection carries which request, as the server sees it, in both colours.

Ids and names with numbers are the numbered faults.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import support
from support import (
    DONE, GOOD, HEAD, LAST_CHUNK, LINE, SOON, Server, answer, chunk, close, fin, line, read_request, response,
    rst,
)  # fmt: skip

from ollama_stream import ConnectionLost, OllamaError, ResponseError, _exchange, _route
from ollama_stream._http1 import Response
from ollama_stream._net import BlockingConnection

pytestmark = pytest.mark.usefixtures("nothing_is_left")

HEAD_1_0 = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Transfer-Encoding: chunked\r\n", b"")
WHOLE = response("200 OK", line("Hi", True))


def ask(client, text, **fields):
    return client.chat("m", [{"role": "user", "content": text}], **fields)


def asked(client, text):
    """The text of an answer that is read to its end."""
    return ask(client, text, stream=True).result().text


def carried(server):
    """The prompts that came over each connection."""
    bodies = [[json.loads(request.partition(b"\r\n\r\n")[2]) for request in peer.requests] for peer in server.peers]
    return [[body["messages"][0]["content"] for body in connection] for connection in bodies]


REUSED = [  # id, answer
    ("80-chunked", GOOD),
    ("80-chunks-of-a-byte", HEAD + b"".join(chunk(bytes([byte])) for byte in LINE + DONE) + LAST_CHUNK),
    ("80-length", response("200 OK", LINE + DONE)),
    ("80-trailers", HEAD + chunk(LINE + DONE) + b"0\r\nA: b\r\n\r\n"),
    ("80-whole", WHOLE),
]


@pytest.mark.parametrize("data", [row[1] for row in REUSED], ids=[row[0] for row in REUSED])
def test_a_connection_whose_answer_ended_carries_the_next_request(colour, data):
    with Server(answer(data) * 3) as server, colour.client(server.url) as client:
        assert [asked(client, text) for text in "123"] == ["Hi"] * 3
        assert carried(server) == [["1", "2", "3"]]


def test_the_end_of_a_body_may_come_after_the_last_record_fault_80(colour):
    read, ended = threading.Event(), threading.Event()
    steps = answer(HEAD, chunk(LINE) + chunk(DONE), read, LAST_CHUNK, lambda peer: ended.set(), *answer(GOOD))
    with Server(steps) as server, colour.client(server.url) as client:
        assert asked(client, "1") == "Hi"
        read.set()
        assert ended.wait(support.PATIENCE)
        assert asked(client, "2") == "Hi"
        assert carried(server) == [["1", "2"]]


def test_the_answer_to_a_refused_request_leaves_its_connection_usable(colour):
    refusal = response("404 Not Found", b'{"error":"no such model"}')
    with Server(answer(refusal) + answer(GOOD)) as server, colour.client(server.url) as client:
        with pytest.raises(ResponseError):
            ask(client, "1")
        assert asked(client, "2") == "Hi"
        assert carried(server) == [["1", "2"]]


def read_one(stream):
    for _ in stream:
        break


def close_it(stream):
    next(stream)
    stream.close()


def fail(stream):
    with pytest.raises(OllamaError):
        stream.result()


def read_all(stream):
    assert stream.result().text == "Hi"


CLOSED = [  # id, answer, what is done with it
    ("81-break", GOOD, read_one),
    ("81-close", GOOD, close_it),
    ("81-an-error-inside", HEAD + chunk(LINE) + chunk(b"%\n") + LAST_CHUNK, fail),
    ("86-connection-close", GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), read_all),
    ("http-1.0", HEAD_1_0 + LINE + DONE, read_all),
    ("no-framing", HEAD.replace(b"Transfer-Encoding: chunked\r\n", b"") + LINE + DONE, read_all),
]


@pytest.mark.parametrize("data, use", [row[1:] for row in CLOSED], ids=[row[0] for row in CLOSED])
def test_a_connection_that_cannot_serve_again_is_closed_at_once(colour, data, use):
    with Server(answer(data), answer(GOOD)) as server, colour.client(server.url) as client:
        stream = ask(client, "1", stream=True)
        use(stream)
        assert server.peer().gone.wait(SOON)
        assert asked(client, "2") == "Hi"
        assert carried(server) == [["1"], ["2"]]


IDLE = [  # id, what the server does behind the answer
    ("82-fin", GOOD, fin),
    ("82-rst", GOOD, rst),
    ("84-408", GOOD, response("408 Request Timeout", Connection="close")),
    ("84-408-and-fin", GOOD + response("408 Request Timeout"), fin),
    ("84-another-answer", GOOD, GOOD),
    ("84-a-byte", GOOD, b"x"),
    ("87-keep-alive-timeout", GOOD.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=1\r\n\r\n", 1), fin),
    ("body-not-ended", HEAD + chunk(LINE) + chunk(DONE), b""),
    ("body-goes-on", HEAD + chunk(LINE) + chunk(DONE), chunk(LINE) + LAST_CHUNK),
    ("bad-end", HEAD + chunk(LINE) + chunk(DONE), b"x\r\n"),
]


@pytest.mark.parametrize("data, then", [row[1:] for row in IDLE], ids=[row[0] for row in IDLE])
def test_what_happened_to_an_idle_connection_is_noticed_before_a_request_is_sent(colour, data, then):
    read, done = threading.Event(), threading.Event()
    steps = answer(data, read, then, lambda peer: done.set())
    with Server(steps, answer(GOOD)) as server, colour.client(server.url) as client:
        assert asked(client, "1") == "Hi"
        read.set()
        assert done.wait(support.PATIENCE)
        assert asked(client, "2") == "Hi"
        assert server.peer().gone.wait(SOON)
        assert (carried(server), server.peer().received) == ([["1"], ["2"]], b"")


DYING = [("83-rst", [read_request, rst]), ("83-close", [read_request, close]), ("83-fin", [read_request, fin])]


@pytest.mark.parametrize("then", [row[1] for row in DYING], ids=[row[0] for row in DYING])
def test_a_request_that_an_idle_connection_took_to_its_grave_is_sent_again_once(colour, then):
    with Server(answer(GOOD) + then, answer(GOOD)) as server, colour.client(server.url) as client:
        assert [asked(client, "1"), asked(client, "2")] == ["Hi", "Hi"]
        assert carried(server) == [["1", "2"], ["2"]]


@pytest.mark.parametrize("then", [row[1] for row in DYING], ids=[row[0].replace("83", "85") for row in DYING])
def test_a_fresh_connection_that_dies_is_lost_and_nothing_is_sent_again(colour, then):
    with Server(then) as server, colour.client(server.url) as client:
        with pytest.raises(ConnectionLost):
            asked(client, "1")
        assert carried(server) == [["1"]]


def test_a_request_that_a_server_may_have_worked_on_is_not_sent_again(colour, monkeypatch):
    monkeypatch.setattr(_exchange, "AT_ONCE", 0.0)  # an idle connection that was dead before shows it sooner
    with Server(answer(GOOD) + answer(close), answer(GOOD)) as server, colour.client(server.url) as client:
        assert asked(client, "1") == "Hi"
        with pytest.raises(ConnectionLost):
            asked(client, "2")
        assert carried(server) == [["1", "2"]]


def test_the_fresh_connection_after_a_dead_idle_one_is_the_last_attempt_fault_85(colour):
    with Server(answer(GOOD, read_request, rst), answer(rst)) as server, colour.client(server.url) as client:
        assert asked(client, "1") == "Hi"
        with pytest.raises(ConnectionLost):
            asked(client, "2")
        assert carried(server) == [["1", "2"], ["2"]]


@pytest.mark.parametrize("part", [b"H", HEAD, HEAD + chunk(LINE)], ids=["83-byte", "83-head", "83-record"])
def test_a_request_that_was_answered_by_one_byte_is_not_sent_again(colour, part):
    with Server(answer(GOOD, read_request, part, fin)) as server, colour.client(server.url) as client:
        assert asked(client, "1") == "Hi"
        with pytest.raises(ConnectionLost):
            asked(client, "2")
        assert carried(server) == [["1", "2"]]


def test_a_connection_that_was_idle_for_too_long_is_closed_fault_87(colour, monkeypatch):
    monkeypatch.setattr(_route, "MAX_IDLE_SECONDS", 0.0)
    with Server(answer(GOOD)) as server, colour.client(server.url) as client:
        assert [asked(client, "1"), asked(client, "2")] == ["Hi", "Hi"]
        assert server.peer().gone.wait(SOON)
        assert carried(server) == [["1"], ["2"]]


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no clock that counts sleep on this machine")
def test_a_connection_ages_while_the_machine_sleeps_fault_270(colour, monkeypatch):
    original = time.clock_gettime
    with Server(answer(GOOD)) as server, colour.client(server.url) as client:
        assert asked(client, "1") == "Hi"
        slept = lambda clock: original(clock) + (3600 if clock == time.CLOCK_BOOTTIME else 0)  # noqa: E731
        monkeypatch.setattr(time, "clock_gettime", slept)
        assert asked(client, "2") == "Hi"
        assert server.peer().gone.wait(SOON)
        assert carried(server) == [["1"], ["2"]]


def test_where_no_clock_counts_sleep_the_monotonic_one_serves_fault_270(colour, monkeypatch):
    def refuse(clock):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(time, "clock_gettime", refuse)
    with Server(answer(GOOD) * 2) as server, colour.client(server.url) as client:
        assert [asked(client, "1"), asked(client, "2")] == ["Hi", "Hi"]
        assert carried(server) == [["1", "2"]]


KEEP_ALIVE = [  # the field's value, seconds
    ("timeout=0", 0),
    ("timeout=1", 1),
    ("max=100, Timeout=15", 15),
    ("timeout=600", 60),
    ("timeout=%s" % ("9" * 5000), 60),
    ("timeout=-1", 60),
    ("timeout=\xb2", 60),
    ("timeout", 60),
    ("", 60),
]


@pytest.mark.parametrize("value, seconds", KEEP_ALIVE, ids=[row[0][:20] for row in KEEP_ALIVE])
def test_a_connection_rests_no_longer_than_the_server_keeps_it_fault_87(value, seconds):
    reader = Response()
    reader.receive(b"HTTP/1.1 200 OK\r\nKeep-Alive: %s\r\n\r\n" % value.encode("latin-1"))
    reader.read_head()
    assert _route.read_keep_alive(reader) == seconds


def test_a_connection_that_the_server_will_have_closed_is_not_used_fault_87(colour):
    data = GOOD.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=0\r\n\r\n", 1)
    with Server(answer(data), answer(GOOD)) as server, colour.client(server.url) as client:
        assert [asked(client, text) for text in "12"] == ["Hi"] * 2
        assert carried(server) == [["1"], ["2"]]


def test_at_most_8_connections_rest_and_the_client_closes_them(colour):
    going_on = threading.Event()
    with Server(answer(HEAD, chunk(LINE), going_on, chunk(DONE), LAST_CHUNK)) as server:
        client = colour.client(server.url)
        streams = [ask(client, str(number), stream=True) for number in range(10)]
        for stream in streams:
            next(stream)
        going_on.set()
        assert [stream.result().text for stream in streams] == ["Hi"] * 10
        assert [peer.gone.wait(SOON) for peer in server.peers[:2]] == [True] * 2
        assert [peer.gone.is_set() for peer in server.peers[2:]] == [False] * 8
        client.close()
        assert [peer.gone.wait(SOON) for peer in server.peers] == [True] * 10


@support.lets_go_at_once
def test_a_client_that_is_dropped_closes_what_rests_without_the_collector(colour):
    with Server(answer(GOOD)) as server:
        client = colour.client(server.url)
        assert asked(client, "1") == "Hi"
        del client
        assert server.peer().gone.wait(SOON)


def test_a_pool_in_a_circle_of_garbage_closes_its_connections_before_the_collector_does():
    # An error keeps the frames that it went through, and they the client and the exchange, which keeps the error.
    ours, theirs = socket.socketpair()
    connection = BlockingConnection(ours)
    pool = _route.Pool()
    pool.put("key", connection, SimpleNamespace(keepable=True, head=None))
    pool.circle = pool
    del ours, connection, pool
    gc.collect()
    with theirs:
        assert theirs.recv(1) == b""


LAST_WORDS = """
import atexit, sys
from ollama_stream import Client

atexit.register(lambda: print(client.list()))
client = Client(sys.argv[1])
print(client.list())
"""


def test_a_call_of_a_program_that_ends_leaves_no_connection():  # a loop resolves in a thread, and then none is started
    with Server(answer(response("200 OK", b'{"models":[]}')) * 2) as server:
        done = support.run_python("-X", "dev", "-c", LAST_WORDS, server.url)
    assert (done.stdout, done.stderr) == ("ListResponse(models=[])\n" * 2, "")


def test_a_client_can_be_used_after_close(colour):
    with Server(answer(GOOD)) as server, colour.client(server.url) as client:
        for text in "12":
            assert asked(client, text) == "Hi"
            client.close()
        assert carried(server) == [["1"], ["2"]]


def test_a_request_inside_the_loop_of_another_has_a_connection_of_its_own(colour):
    with Server(answer(GOOD) * 3) as server, colour.client(server.url) as client:
        assert [asked(client, text) for _, text in zip(ask(client, "0", stream=True), "12")] == ["Hi", "Hi"]
        assert carried(server) == [["0"], ["1", "2"]]


def test_threads_take_turns_on_connections_and_never_share_one(colour):
    with Server(answer(GOOD) * 80) as server, colour.client(server.url) as client:
        answers = []

        def read_ten():
            answers.extend(asked(client, "1") for _ in range(10))

        work = [threading.Thread(target=read_ten) for _ in range(8)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join(support.PATIENCE)
        assert answers == ["Hi"] * 80
        assert sum(map(len, carried(server))) == 80


FORKING = """
import os, sys
from ollama_stream import AsyncClient, Client
if sys.argv[1] == "blocking":
    client, run = Client(), lambda result: result
else:
    from asyncio import run
    client = AsyncClient()
def ask(text):
    assert run(client.chat("m", [{"role": "user", "content": text}], stream=True).result()).text == "Hi"
ask("before")
child = os.fork()
if not child:
    ask("child")
    run(client.close())
    ask("child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
ask("parent")
"""


def test_a_child_process_has_connections_of_its_own_fault_193(colour):
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    with Server(answer(GOOD) * 2) as server:
        end = subprocess.run(
            [sys.executable, "-X", "dev", "-c", FORKING, colour.name],
            env=support.environment(OLLAMA_HOST=server.url), stderr=subprocess.PIPE, universal_newlines=True,
        )  # fmt: skip
        assert (end.stderr, end.returncode) == ("", 0)
        assert carried(server) == [["before", "parent"], ["child"], ["child"]]


class ClosesItself:
    """A connection in whose every step the pool is closed, as by a signal handler of the program."""

    def __init__(self, pool):
        self.pool, self.closed = pool, 0

    def poll(self) -> None:
        self.pool.close()

    def close(self) -> None:
        self.closed += 1
        self.pool.close()


def test_a_pool_may_be_closed_in_the_middle_of_what_it_does():
    pool = _route.Pool()
    response = SimpleNamespace(keepable=True, head=None, receive=None, read_body=lambda: b"x", reusable=False)
    connections = [ClosesItself(pool) for _ in range(2 * _route.MAX_IDLE)]
    for connection in connections:
        pool.put("key", connection, response)
    assert pool.take("key") is None
    pool.close()
    assert [connection.closed for connection in connections] == [1] * len(connections)
