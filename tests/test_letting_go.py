"""Who lets go of a connection, when, and in which order: between two clocks, two threads, a loop and its socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest
from support import CHAT, GOOD, SOON, Server, answer, full_listener, run, settle

from ollama_stream import OllamaTimeout, Timeout
from ollama_stream import _route
from ollama_stream._net import BlockingConnection
from ollama_stream.aio import LoopAttempt, LoopConnection

pytestmark = pytest.mark.usefixtures("nothing_is_left")

NEARER = [
    (Timeout(first_byte=0.05, total=30.0), "first_byte"),
    (Timeout(first_byte=30.0, total=0.05), "total"),
    (Timeout(first_byte=None, total=0.05), "total"),
]


@pytest.mark.parametrize("timeout, clock", NEARER, ids=str)
def test_the_nearer_of_two_clocks_ends_a_call(colour, timeout, clock):
    with Server(answer()) as server:
        with pytest.raises(OllamaTimeout) as raised:
            colour.client(server.url, timeout=timeout).chat(**CHAT)
    assert (raised.value.clock, raised.value.limit) == (clock, 0.05)


def test_a_loop_that_is_left_at_the_last_record_is_complete_and_its_connection_serves_again(colour):
    with Server(answer(GOOD) * 2) as server, colour.client(server.url) as client:
        for _ in range(2):
            stream = client.chat(stream=True, **CHAT)
            for part in stream:
                if part.done:
                    break
            assert stream.status == "complete"
            del part
            stream.close()
            assert stream.status == "complete"
        assert len(server.peers) == 1


def in_thread(function, seconds):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(seconds)
    return thread


def test_a_thread_that_closes_waits_while_the_reader_gives_the_connection_back(colour):
    with Server(answer(GOOD)) as server:
        stream = colour.chat(server)
        next(stream)
        exchange = getattr(stream, "target", stream)._exchange
        connection = exchange._connection
        with exchange._closing:
            thread = in_thread(exchange._disconnect, 0.05)
            assert (thread.is_alive(), exchange._connection) == (True, connection)
        thread.join(SOON)
        assert exchange._connection is None
        stream.close()


def test_a_pool_does_not_wait_for_the_lock_that_its_own_thread_holds():
    ours, theirs = socket.socketpair()
    pool = _route.Pool()
    with pool._lock:
        response = SimpleNamespace(keepable=True, head=None)
        assert not in_thread(lambda: pool.put("key", BlockingConnection(ours), response), SOON).is_alive()
    assert ours.fileno() == -1
    theirs.close()


def test_the_socket_of_an_attempt_is_closed_when_the_loop_has_let_go_of_it():
    with full_listener() as port:

        async def main():
            sock = socket.socket()
            attempt = LoopAttempt(sock)
            attempt.begin(("127.0.0.1", port))
            await settle()
            attempt.close()
            assert sock.fileno() != -1
            await settle()
            assert sock.fileno() == -1

        run(main())


def test_the_loop_lets_go_of_a_socket_before_that_is_closed():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    async def main():
        connection, loop = LoopConnection(ours), asyncio.get_running_loop()
        reading = asyncio.ensure_future(connection.recv(None))
        await settle()
        remove, seen = loop.remove_reader, []

        def noted(descriptor):
            seen.append(ours.fileno() != -1)
            return remove(descriptor)

        loop.remove_reader = noted
        reading.cancel()
        await settle()
        connection.close()
        loop.remove_reader = remove
        assert (seen, ours.fileno()) == ([True], -1)

    run(main())
    theirs.close()
