"""What faults planted in the client have shown to be looked at by no other test: clocks side by side, ends, locks."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import threading
from typing import Any, Dict, List, Tuple

import pytest
import support
from support import CHAT, GOOD, HEAD, LINE, PATIENCE, SOON, Server, answer, chunk, full_listener

from ollama_stream import AsyncClient, Client, OllamaTimeout, Timeout
from ollama_stream._exchange import Exchange
from ollama_stream._http1 import Response
from ollama_stream._dial import make_socket
from ollama_stream._route import MAX_IDLE, Pool

# --- clocks -----------------------------------------------------------------------------------------------------------

NEARER: List[Tuple[str, List[support.Step]]] = [  # the clock of the phase, what the server does in it
    ("first_byte", [HEAD]),
    ("idle", [HEAD, chunk(LINE)]),
]


@pytest.mark.parametrize("far", [60.0, None], ids=["the other is later", "the other is off"])
@pytest.mark.parametrize("clock, steps", NEARER, ids=[row[0] for row in NEARER])
@pytest.mark.parametrize("total_is_nearer", [False, True], ids=["the phase", "total"])
def test_of_the_clock_of_a_phase_and_total_the_nearer_one_ends_the_wait(colour, clock, steps, total_is_nearer, far):
    near = "total" if total_is_nearer else clock
    limits: Dict[str, Any] = {"connect": None, "first_byte": None, "idle": None, "total": far, clock: far, near: 0.2}
    with Server(answer(*steps)) as server:
        with pytest.raises(OllamaTimeout) as raised:
            colour.chat(server, timeout=Timeout(**limits)).result()
    assert (raised.value.clock, raised.value.limit) == (near, 0.2)


@pytest.mark.parametrize("near, far", [("connect", "total"), ("total", "connect")])
def test_of_connect_and_total_the_nearer_one_ends_the_attempt(colour, near, far):
    with full_listener() as port, pytest.raises(OllamaTimeout) as raised:
        colour.client("127.0.0.1:%d" % port, timeout=Timeout(**{near: 0.2, far: 60.0})).chat(**CHAT)
    assert (raised.value.clock, raised.value.limit) == (near, 0.2)


# --- the end ----------------------------------------------------------------------------------------------------------


def out_by_break(stream: Any) -> None:
    for part in stream:
        if part.done:
            break


def out_by_return(stream: Any) -> None:
    def last() -> Any:
        with stream:
            for part in stream:
                if part.done:
                    return part

    assert last().done_reason == "stop"


async def out_by_break_async(stream: Any) -> None:
    async for part in stream:
        if part.done:
            break


async def out_by_return_async(stream: Any) -> None:
    async def last() -> Any:
        async with stream:
            async for part in stream:
                if part.done:
                    return part

    assert (await last()).done_reason == "stop"


@pytest.mark.parametrize("out", [out_by_break, out_by_return])
def test_a_loop_that_is_left_at_the_last_part_was_complete_and_its_connection_serves_again(out: Any) -> None:
    with Server(answer(GOOD) * 3) as server, Client(server.url) as client:
        for _ in range(3):
            stream = client.chat(stream=True, **CHAT)
            out(stream)
            assert (stream.status, stream.result().message.content) == ("complete", "Hi")
        assert len(server.peers) == 1


@pytest.mark.parametrize("out", [out_by_break_async, out_by_return_async])
def test_an_asyncio_loop_that_is_left_at_the_last_part_leaves_a_connection_that_serves_again(out: Any) -> None:
    async def main(server: Server) -> None:
        async with AsyncClient(server.url) as client:
            for _ in range(3):
                stream = client.chat(stream=True, **CHAT)
                await out(stream)
                assert (stream.status, (await stream.result()).message.content) == ("complete", "Hi")
        assert len(server.peers) == 1

    with Server(answer(GOOD) * 3) as server:
        support.run(main(server))


@pytest.mark.parametrize("way", ["with", "close"])
def test_281_with_and_close_end_the_connection_where_nothing_counts_references(colour, way):
    """As in PyPy, where the end of the last reference is seen by the collector alone, and it may not come for long."""
    with Server(answer(HEAD, chunk(LINE))) as server:
        stream = colour.chat(server)
        iterator = iter(stream)
        referred_to = [stream, iterator]
        gc.disable()
        try:
            if way == "with":
                with stream:
                    assert next(iterator).message.content == "Hi"
            else:
                assert next(iterator).message.content == "Hi"
                stream.close()
            assert server.peer().gone.wait(SOON)
        finally:
            gc.enable()
        assert referred_to[0].status == "cancelled"


# --- sockets ----------------------------------------------------------------------------------------------------------

OPTIONS = [("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)]


@pytest.mark.parametrize("name, value", OPTIONS)
def test_169_a_dead_peer_is_found_within_a_minute(name: str, value: int) -> None:
    if not hasattr(socket, name):
        pytest.skip("this system has no " + name)
    with make_socket(socket.AF_INET) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_descriptor_is_closed_when_its_loop_has_let_go_of_it() -> None:
    """The number of a closed socket may be another's the moment after; the loop would watch, and tell, the wrong one."""

    async def main(server: Server) -> None:
        stream = AsyncClient(server.url).chat(stream=True, **CHAT)
        await stream.__anext__()
        descriptor = stream._exchange._connection.sock.fileno()
        thread = threading.Thread(target=stream.close)
        thread.start()
        thread.join()
        assert is_open(descriptor)  # the loop is here, and has not looked yet
        while is_open(descriptor):
            await asyncio.sleep(0)
        assert not asyncio.get_running_loop().remove_reader(descriptor)

    with Server(answer(HEAD, chunk(LINE))) as server:
        support.run(asyncio.wait_for(main(server), PATIENCE))
        assert server.peer().gone.wait(SOON)


# --- locks ------------------------------------------------------------------------------------------------------------


class Slow(Exchange):
    """Where two are in _disconnect at the same time, both have looked at the connection before one takes it away."""

    together = threading.Barrier(2)

    @property
    def _connection(self) -> Any:
        value = self.__dict__["connection"]
        if sys._getframe(1).f_code.co_name == "_disconnect":
            try:
                self.together.wait(0.2)  # with the lock in place nobody comes: what is claimed
            except threading.BrokenBarrierError:
                self.together.reset()
        return value

    @_connection.setter
    def _connection(self, value: Any) -> None:
        self.__dict__["connection"] = value


def test_two_that_end_an_exchange_together_give_its_connection_away_once() -> None:
    with Server(answer(GOOD)) as server, Client(server.url) as client:
        stream = client.chat(stream=True, **CHAT)
        exchange = stream._exchange
        exchange._disconnect = lambda: None
        assert stream.result().done
        del exchange._disconnect
        exchange.connection = exchange.__dict__.pop("_connection")
        exchange.__class__ = Slow
        kept: List[Any] = []
        exchange._route.keep = lambda *given: kept.append(given[1])
        threads = [threading.Thread(target=exchange._disconnect) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(kept) == 1
        kept[0].close()


class Nested:
    """A connection whose close() uses the pool, as the collector does when it drops a stream in the middle of it."""

    def __init__(self, then: Any) -> None:
        self.closed = 0
        self._then = then

    def close(self) -> None:
        self.closed += 1
        if self.closed == 1:
            self._then()


def kept_response() -> Response:
    response = Response("GET")
    response.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    response.read_head()
    response.read_body()
    return response


def test_a_pool_does_not_wait_for_itself() -> None:
    pool = Pool()
    inner = Nested(lambda: None)
    connections = [Nested(lambda: pool.put("key", inner, kept_response())) for _ in range(MAX_IDLE + 1)]

    def fill() -> None:
        for connection in connections:
            pool.put("key", connection, kept_response())

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert [connections[0].closed, inner.closed] == [1, 1]
