"""A loop lets go of a socket before that is closed, and a stream does not need its loop to be closed."""

from __future__ import annotations

import asyncio
import socket

import pytest
from support import CHAT, GOOD, Server, answer, full_listener, run, settle

from ollama_stream.aio import LoopAttempt, LoopConnection

pytestmark = pytest.mark.usefixtures("nothing_is_left")

def test_a_stream_can_be_closed_after_its_loop_has_ended(colour):
    with Server(answer(GOOD) * 2) as server, colour.client(server.url) as client:
        for _ in range(2):
            stream = client.chat(stream=True, **CHAT)
            for part in stream:
                if part.done:
                    break
            stream.close()
            assert stream.status == "complete"
        assert len(server.peers) == 1


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
