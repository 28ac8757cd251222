"""What a stream asks of its event loop: one reader and one timer, and nothing that outlives it, on every kind of loop.

Every test ends with no descriptor and no word from asyncio more than it began with.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
import threading
import time
from typing import Any, Callable, List

import pytest
from support import CHAT, DONE, GOOD, HEAD, LAST_CHUNK, LINE, PATIENCE, SOON, Server, answer, chunk, settle

from ollama_stream import AsyncClient, OllamaTimeout, StreamClosed, Timeout
from ollama_stream.aio import LoopConnection

pytestmark = pytest.mark.usefixtures("nothing_is_left")


class Watched(asyncio.SelectorEventLoop):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: List[str] = []
        self.woken = 0

    def add_reader(self, descriptor: Any, callback: Any, *args: Any) -> Any:
        def counted(*args: Any) -> None:
            self.woken += 1
            callback(*args)

        self.asked.append("add")
        return super().add_reader(descriptor, counted, *args)

    def remove_reader(self, descriptor: Any) -> Any:
        self.asked.append("remove")
        return super().remove_reader(descriptor)

    def call_later(self, delay: float, *args: Any, **options: Any) -> Any:
        self.asked.append("timer")
        return super().call_later(delay, *args, **options)


class WithoutReaders(asyncio.SelectorEventLoop):
    """As the loop of Windows."""

    def add_reader(self, descriptor: Any, callback: Any, *args: Any) -> Any:
        if getattr(callback, "__self__", None) is not self:  # sock_recv() of an old Python asks itself
            raise NotImplementedError
        return super().add_reader(descriptor, callback, *args)


LOOPS: List[Any] = [pytest.param(Watched, id="selector"), pytest.param(WithoutReaders, id="without-readers")]
if importlib.util.find_spec("uvloop"):
    uvloop: Any = importlib.import_module("uvloop")
    uvloop.new_event_loop().close()  # the first one opens what stays for the process
    LOOPS.append(pytest.param(uvloop.new_event_loop, id="uvloop"))
if sys.platform == "win32":
    LOOPS.append(pytest.param(asyncio.ProactorEventLoop, id="proactor"))


def run_on(make_loop: Callable[[], Any], main: Any) -> Any:
    loop = make_loop()
    said: List[str] = []
    loop.set_exception_handler(lambda _loop, context: said.append(context["message"]))
    try:
        result = loop.run_until_complete(main)
        loop.run_until_complete(settle())
        assert said == []
        return result
    finally:
        loop.close()


def one_by_one(count: int) -> Any:
    """The script of a server that sends each record when ``go_on`` is released, and that semaphore."""
    go_on = threading.Semaphore(0)
    steps: List[Any] = [HEAD]
    for _ in range(count):
        steps += [lambda _peer: go_on.acquire() and None, chunk(LINE)]
    return answer(*steps, chunk(DONE), LAST_CHUNK), go_on


async def texts(stream: Any) -> List[str]:
    return [record.text async for record in stream]


def test_one_reader_and_one_timer_serve_a_stream_for_its_life():
    script, go_on = one_by_one(20)
    asked: List[str] = []

    async def main(url: str) -> None:
        loop: Any = asyncio.get_running_loop()
        stream = AsyncClient(url, timeout=Timeout(first_byte=50, idle=50)).chat(stream=True, **CHAT)
        await stream.__aenter__()
        loop.asked.clear()
        for _ in range(20):
            loop.call_soon(go_on.release)  # when it waits
            await stream.__anext__()
        asked.extend(loop.asked)
        assert await texts(stream) == [""]

    with Server(script) as server:
        run_on(Watched, main(server.url))
    assert len(asked) <= 2 and "remove" not in asked  # the head may have come with a reader, or without


def test_a_stream_that_nobody_reads_does_not_keep_its_loop_busy():
    all_sent = threading.Event()

    async def main(url: str) -> int:
        loop: Any = asyncio.get_running_loop()
        stream = AsyncClient(url).chat(stream=True, **CHAT)
        await stream.__anext__()
        await loop.run_in_executor(None, all_sent.wait, PATIENCE)
        before = loop.woken
        for _ in range(50):
            await asyncio.sleep(0.001)
        woken = loop.woken - before
        assert len(await texts(stream)) == 101
        return woken

    script = answer(HEAD, chunk(LINE), *[chunk(LINE)] * 100, chunk(DONE), LAST_CHUNK, lambda _peer: all_sent.set())
    with Server(script) as server:
        assert run_on(Watched, main(server.url)) <= 1


@pytest.mark.parametrize("make_loop", LOOPS)
def test_a_stream_is_read_on_every_kind_of_loop_and_its_connection_is_kept(make_loop):
    async def main(url: str) -> None:
        client = AsyncClient(url)
        for _ in range(3):
            assert await texts(client.chat(stream=True, **CHAT)) == ["Hi", ""]
        await client.close()

    with Server(answer(GOOD) * 3) as server:
        run_on(make_loop, main(server.url))
        assert len(server.peers) == 1


@pytest.mark.parametrize("make_loop", LOOPS)
def test_a_deadline_ends_the_wait_on_every_kind_of_loop(make_loop):
    async def main(url: str) -> None:
        stream = AsyncClient(url, timeout=Timeout(idle=0.1)).chat(stream=True, **CHAT)
        await stream.__anext__()
        with pytest.raises(OllamaTimeout) as raised:
            await asyncio.wait_for(stream.__anext__(), SOON)
        assert raised.value.clock == "idle"

    with Server(answer(HEAD, chunk(LINE))) as server:
        run_on(make_loop, main(server.url))
        assert server.peer().gone.wait(SOON)


# Where a loop cannot watch a socket, its end is told from one of ours by nothing but the deadline.
@pytest.mark.parametrize("make_loop, came", [*((loop.values[0], b"x") for loop in LOOPS), (Watched, b"")])
def test_what_came_while_the_program_kept_the_loop_busy_is_no_time_out(make_loop, came, monkeypatch):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    real, busy = time.monotonic, []
    monkeypatch.setattr(time, "monotonic", lambda: real() + sum(busy))  # which is the clock of asyncio's loops as well

    async def main() -> bytes:
        connection = LoopConnection(ours)
        reading = asyncio.ensure_future(connection.recv(PATIENCE))
        await settle()
        if came:
            theirs.sendall(came)
        else:
            theirs.shutdown(socket.SHUT_WR)
        busy.append(2 * PATIENCE)
        piece = await reading
        connection.close()
        return piece

    assert run_on(make_loop, main()) == came
    theirs.close()


@pytest.mark.parametrize("make_loop", LOOPS)
@pytest.mark.parametrize("waiting", [True, False], ids=["somebody-waits", "nobody-reads"])
def test_close_in_another_thread_ends_a_stream_on_every_kind_of_loop(make_loop, waiting):
    async def main(url: str, server: Server) -> None:
        loop = asyncio.get_running_loop()
        stream = AsyncClient(url).chat(stream=True, **CHAT)
        await stream.__anext__()
        task = asyncio.ensure_future(stream.__anext__()) if waiting else None
        await settle()
        await loop.run_in_executor(None, stream.close)
        if task is not None:
            with pytest.raises(StreamClosed):
                await asyncio.wait_for(task, SOON)
        assert await loop.run_in_executor(None, server.peer().gone.wait, SOON)
        await settle()

    with Server(answer(HEAD, chunk(LINE))) as server:
        run_on(make_loop, main(server.url, server))


@pytest.mark.parametrize("make_loop", LOOPS)
def test_a_stream_is_closed_after_its_loop_has_stopped(make_loop):
    with Server(answer(HEAD, chunk(LINE))) as server:
        loop = make_loop()
        stream = AsyncClient(server.url).chat(stream=True, **CHAT)
        loop.run_until_complete(stream.__anext__())
        stream.close()
        assert server.peer().gone.wait(SOON)
        loop.run_until_complete(settle())
        loop.close()


def test_a_stream_goes_from_one_loop_to_another_that_lives_as_well():
    with Server(answer(HEAD, chunk(LINE), chunk(DONE), LAST_CHUNK) * 2) as server:
        first, second = Watched(), Watched()
        client = AsyncClient(server.url)
        stream = client.chat(stream=True, **CHAT)
        first.run_until_complete(stream.__anext__())
        assert second.run_until_complete(texts(stream)) == [""]
        assert first.run_until_complete(texts(client.chat(stream=True, **CHAT))) == ["Hi", ""]
        client._pool.close()
        for loop in (first, second):
            loop.run_until_complete(settle())
            assert not loop._selector.get_map() or len(loop._selector.get_map()) == 1  # its own
            loop.close()
