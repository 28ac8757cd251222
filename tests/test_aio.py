"""What the async client has to itself: cancellation at every await, tasks, event loops, and the syntax of coroutines.

What both clients do alike is in ``test_conformance``. Every test runs in asyncio's debug mode with the collector
switched off, and ends with no descriptor, no task and no word from asyncio more than it began with.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import threading
import time
import weakref
from typing import Any, Callable, Dict, Generator, List

import pytest
from proxies import Tls, cert
from support import (
    DONE, GOOD, HEAD, LAST_CHUNK, LINE, PATIENCE, ROOT, SOON, Bytes, Server, answer, chunk, closed_port,
    full_listener, lets_go_at_once, line, run, settle, until_stuck,
)  # fmt: skip

import ollama_stream
from ollama_stream import AsyncClient, Client, ConnectError, OllamaError, StreamClosed
from ollama_stream._default import default_client
from ollama_stream.fixture import load
from ollama_stream.replay import serve
from ollama_stream.transports import Replaying

pytestmark = pytest.mark.usefixtures("nothing_is_left")

ASK: List[Dict[str, Any]] = [{"role": "user", "content": "Hello"}]
FIRST = HEAD + chunk(LINE)  # an answer that then says no more
BIG = [{"role": "user", "content": "x" * (24 << 20)}]  # more than any socket's buffers hold
JOKE = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15", "chat-joke-stream.exchange.jsonl")


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


async def assert_gone(server: Server, count: int = 1) -> None:
    """The server sees each of its connections end in time."""
    for number in range(count):
        peer = await in_thread(server.peer, number)
        assert await in_thread(peer.gone.wait, SOON), "the connection is still open"


async def asked(server: Server) -> None:
    """Wait until the server has a whole request."""
    peer = await in_thread(server.peer)
    assert await in_thread(peer.asked.wait, PATIENCE)


async def texts(stream: Any) -> List[str]:
    return [record.text async for record in stream]


def ask(server: Any, **fields: Any) -> Any:
    return AsyncClient(server.url).chat("m", ASK, stream=True, **fields)


async def cancelling(coroutine: Any, number: int, late: bool) -> Any:
    """Await a coroutine and cancel this task at its n-th suspension: as the wait begins, or just as it ends."""
    return await Suspensions(coroutine, number, late)


class Suspensions:
    """An awaitable that hands on what its coroutine waits for, and counts."""

    def __init__(self, coroutine: Any, number: int, late: bool) -> None:
        self.coroutine, self.number, self.late = coroutine, number, late

    def __await__(self) -> Generator[Any, Any, Any]:
        cancel = asyncio.current_task().cancel
        step, argument = self.coroutine.send, None
        for number in itertools.count(1):
            try:
                waiting = step(argument)
            except StopIteration as stop:
                return stop.value
            if number == self.number and self.late and waiting is not None:
                waiting.add_done_callback(lambda _: cancel())
            elif number == self.number:
                asyncio.get_running_loop().call_soon(cancel)
            try:
                step, argument = self.coroutine.send, (yield waiting)
            except BaseException as error:
                step, argument = self.coroutine.throw, error


# --- reading ---------------------------------------------------------------------------------------------------------


async def by_loop(stream: Any) -> str:
    return "".join(await texts(stream))


async def by_with(stream: Any) -> str:
    async with stream as entered:
        assert entered is stream
        return "".join(await texts(entered))


async def by_text(stream: Any) -> str:
    return "".join([piece async for piece in stream.text()])


def name_of(function: Any) -> str:
    return function.__name__


def test_awaiting_a_stream_sends_nothing_and_gives_the_stream():
    async def main() -> None:
        transport = Bytes(GOOD)
        stream = AsyncClient(transport=transport).chat("m", ASK, stream=True)
        assert await stream is stream
        assert transport.sent == b""
        assert await by_loop(await stream) == "Hi"

    run(main())


def test_the_module_function_can_be_iterated_in_a_coroutine(monkeypatch):
    async def main() -> None:
        with Server(answer(GOOD)) as server:
            monkeypatch.setenv("OLLAMA_HOST", server.url)
            assert await texts(ollama_stream.chat("m", ASK, stream=True)) == ["Hi", ""]
            default_client().close()

    run(main())


# --- ways out --------------------------------------------------------------------------------------------------------


async def out_by_break(stream: Any) -> None:
    async for _ in stream:
        break


async def out_by_exception(stream: Any) -> None:
    with pytest.raises(KeyError):
        async for _ in stream:
            raise KeyError


async def out_by_leaving_with(stream: Any) -> None:
    async with stream:
        async for _ in stream:
            break


async def out_by_an_exception_in_with(stream: Any) -> None:
    with pytest.raises(KeyError):
        async with stream:
            raise KeyError


async def out_by_aclose(stream: Any) -> None:
    await stream.__anext__()
    await stream.aclose()


async def out_by_close_in_the_loop(stream: Any) -> None:
    async for _ in stream:
        stream.close()
        stream.close()
    with pytest.raises(StreamClosed) as raised:
        await stream.__anext__()
    assert (str(raised.value), raised.value.partial.text) == ("the stream was closed", "Hi")


async def out_by_break_from_text(stream: Any) -> None:
    async for _ in stream.text():
        break


async def out_by_return(stream: Any) -> None:
    async def first() -> Any:
        async for record in stream:
            return record

    assert (await first()).text == "Hi"


OUT = [
    out_by_break, out_by_exception, out_by_leaving_with, out_by_an_exception_in_with, out_by_aclose,
    out_by_close_in_the_loop, out_by_break_from_text, out_by_return,
]  # fmt: skip


@pytest.mark.parametrize("way_out", OUT, ids=name_of)
def test_fault_204_the_server_sees_the_end_at_once(way_out):
    async def main() -> None:
        with Server(answer(FIRST)) as server:
            stream = ask(server)  # bound to a name all the time
            await way_out(stream)
            await assert_gone(server)
            assert stream.status == "cancelled"
            with pytest.raises(StreamClosed):
                await stream.result()

    run(main())


@lets_go_at_once
def test_fault_204_a_stream_that_is_dropped_closes_its_connection_without_the_collector():
    async def main() -> None:
        with Server(answer(FIRST)) as server:
            stream = ask(server)
            await stream.__anext__()
            gone = weakref.ref(stream)
            del stream
            assert gone() is None
            await assert_gone(server)

    run(main())


@lets_go_at_once
def test_a_stream_that_is_dropped_after_async_with_was_entered_closes_its_connection():
    async def main() -> None:
        with Server(answer(FIRST)) as server:
            stream = ask(server)
            await stream.__aenter__()
            del stream
            await assert_gone(server)

    run(main())


@pytest.mark.parametrize("steps", [[], [HEAD], [FIRST]], ids=["head", "first-record", "record"])
def test_fault_205_a_loop_that_shuts_down_closes_what_its_tasks_read(steps):
    with Server(answer(*steps)) as server:

        async def main() -> None:
            asyncio.ensure_future(texts(ask(server)))
            await asked(server)

        asyncio.run(main(), debug=True)
        assert server.peer().gone.wait(SOON)


@pytest.mark.parametrize("named", [False, True], ids=["dropped", "kept"])
def test_fault_205_a_generator_around_a_stream_ends_it_with_its_loop_at_the_latest(named):
    kept = []

    async def words(stream: Any) -> Any:
        async for record in stream:
            yield record.text

    async def main(server: Server) -> None:
        generator = words(ask(server))
        if named:
            kept.append(generator)
        async for text in generator:
            assert text == "Hi"
            break
        if not named:
            del generator
            await assert_gone(server)

    with Server(answer(FIRST)) as server:
        asyncio.run(main(server), debug=True)
        assert server.peer().gone.wait(SOON)


def test_fault_205_a_stream_kept_until_its_loop_is_closed_can_still_be_closed():
    with Server(answer(FIRST)) as server:
        stream = ask(server)
        run(stream.__anext__())
        stream.close()
        assert server.peer().gone.wait(SOON)
        assert stream.status == "cancelled"


def test_fault_203_wait_for_raises_its_own_time_out():
    async def main() -> None:
        with Server(answer(FIRST)) as server:
            stream = ask(server)
            await stream.__anext__()
            with pytest.raises(asyncio.TimeoutError) as raised:
                await asyncio.wait_for(stream.result(), 0.1)
            assert not isinstance(raised.value, OllamaError)
            await assert_gone(server)
            assert (stream.status, stream.partial.text) == ("cancelled", "Hi")

    run(main())


if sys.version_info >= (3, 11):

    def test_fault_203_asyncio_timeout_raises_its_own_time_out():
        async def main() -> None:
            with Server(answer(FIRST)) as server:
                with pytest.raises(TimeoutError) as raised:
                    async with asyncio.timeout(0.1):
                        await texts(ask(server))
                assert type(raised.value) is TimeoutError
                await assert_gone(server)

        run(main())

    def test_fault_211_a_sibling_that_fails_in_a_task_group_ends_the_stream():
        async def main() -> None:
            with Server(answer(FIRST)) as server:
                stream = ask(server)

                async def fail() -> None:
                    await asked(server)
                    raise KeyError("sibling")

                with pytest.raises(BaseException) as raised:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(texts(stream))
                        group.create_task(fail())
                assert [repr(error) for error in raised.value.exceptions] == ["KeyError('sibling')"]
                await assert_gone(server)
                assert stream.status == "cancelled"

        run(main())


# --- cancellation ----------------------------------------------------------------------------------------------------


async def call_loop(client: AsyncClient) -> None:
    await by_loop(client.chat("m", ASK, stream=True))


async def call_with(client: AsyncClient) -> None:
    await by_with(client.chat("m", ASK, stream=True))


async def call_text(client: AsyncClient) -> None:
    await by_text(client.chat("m", ASK, stream=True))


async def call_chat(client: AsyncClient) -> None:
    await client.chat("m", ASK)


async def call_request(client: AsyncClient) -> None:
    await by_with_records(client.request("POST", "/api/chat", {"model": "m"}, stream=True))


async def by_with_records(stream: Any) -> None:
    async with stream:
        async for _ in stream:
            pass


async def call_on_an_idle_connection(client: AsyncClient) -> None:
    for _ in range(2):
        await call_loop(client)


async def call_aclose_in_finally(client: AsyncClient) -> None:
    stream = client.chat("m", ASK, stream=True)
    try:
        await by_loop(stream)
    finally:
        await stream.aclose()


CALLS = [call_loop, call_with, call_text, call_chat, call_request, call_on_an_idle_connection, call_aclose_in_finally]


CASES = [(call, False) for call in CALLS] + [(call_on_an_idle_connection, True)]


@pytest.mark.each(2)
@pytest.mark.parametrize("late", [False, True], ids=["as-the-wait-begins", "as-the-wait-ends"])
@pytest.mark.parametrize("call, secured", CASES, ids=[call.__name__ + "-tls" * secured for call, secured in CASES])
def test_faults_197_to_202_cancelled_at_any_await_nothing_is_left(call, secured, late):
    """197 connecting, 198 sending, 199 the head, 200 between and inside lines, 201 in aclose(), 202 all of them."""

    async def cancelled_at(server: Server, number: int) -> bool:
        client = AsyncClient("https://localhost:%d" % server.port if secured else server.url, verify=cert("ca.pem"))
        task = asyncio.ensure_future(cancelling(call(client), number, late))
        try:
            await task
        except asyncio.CancelledError:
            assert task.cancelled()
            await settle()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return True
        return False

    async def main() -> int:
        pieces = [HEAD, chunk(LINE[:9]), chunk(LINE[9:]), chunk(LINE), chunk(DONE), LAST_CHUNK]
        steps = answer(*itertools.chain.from_iterable((piece, pause) for piece in pieces)) * 2
        with Server([Tls(), *steps] if secured else steps) as server:
            number = 1
            while await cancelled_at(server, number):
                number += 1
            await assert_gone(server, len(server.peers))
        return number

    assert run(main()) > 2  # a Python that has the name at once waits one time less


def pause(_peer: Any) -> None:
    """So that the client finds nothing to read, and has to wait; right without it too."""
    time.sleep(0.002)


def test_fault_197_cancelled_while_it_connects():
    async def main(port: int) -> None:
        stream = AsyncClient("127.0.0.1:%d" % port).chat("m", ASK, stream=True)
        task = asyncio.ensure_future(by_loop(stream))
        while stream._exchange._race is None:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stream.status == "cancelled"

    with full_listener() as port:
        run(main(port))


@pytest.mark.parametrize("threaded", [False, True], ids=["task", "thread"])
def test_close_wakes_the_task_that_connects(threaded):
    async def main(port: int) -> None:
        stream = AsyncClient("127.0.0.1:%d" % port).chat("m", ASK, stream=True)
        task = asyncio.ensure_future(by_loop(stream))
        while stream._exchange._race is None:
            await asyncio.sleep(0)
        await settle()
        if threaded:
            await in_thread(stream.close)
        else:
            stream.close()
        with pytest.raises(StreamClosed) as raised:
            await asyncio.wait_for(task, SOON)
        assert (str(raised.value), stream.status) == ("the stream was closed", "cancelled")

    with full_listener() as port:
        run(main(port))


@pytest.mark.parametrize("late", [False, True], ids=["begun", "ended"])
def test_a_call_cancelled_while_it_is_refused_leaves_no_word(late):
    async def main() -> None:
        for number in (1, 2, 3):
            call = AsyncClient("127.0.0.1:%d" % closed_port()).chat("m", ASK)
            with pytest.raises((asyncio.CancelledError, ConnectError)):
                await asyncio.ensure_future(cancelling(call, number, late))

    run(main())


def test_a_task_cancelled_before_its_first_step_sends_nothing():
    async def main() -> None:
        transport = Bytes(GOOD)
        task = asyncio.ensure_future(by_loop(AsyncClient(transport=transport).chat("m", ASK, stream=True)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert transport.sent == b""

    run(main())


def test_fault_198_cancelled_while_it_sends():
    async def main() -> None:
        reading = threading.Event()
        with Server([reading]) as server:
            stream = AsyncClient(server.url).chat("m", BIG, stream=True)
            task = asyncio.ensure_future(by_loop(stream))
            peer = await in_thread(server.peer)
            await in_thread(until_unchanged, lambda: queued(peer))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            reading.set()
            await assert_gone(server)
            assert 0 < len(peer.received) < len(BIG[0]["content"])

    run(main())


def queued(peer: Any) -> int:
    """How many bytes wait for the server to read them, up to a mebibyte."""
    import socket

    try:
        return len(peer.sock.recv(1 << 20, socket.MSG_PEEK))
    except OSError:
        return 0


def until_unchanged(value: Callable[[], int]) -> None:
    """Wait until something has come, and no more comes."""
    deadline, before = time.monotonic() + PATIENCE, 0
    while time.monotonic() < deadline:
        time.sleep(0.05)
        now = value()
        if now and now == before:
            return
        before = now


def test_cancelled_error_comes_through_unchanged():
    class Mine(asyncio.CancelledError):
        pass

    class Transport(Bytes):
        async def recv(self, _timeout: Any) -> bytes:
            raise mine

    mine, transport = Mine("reason"), Transport()
    stream = AsyncClient(transport=transport).chat("m", ASK, stream=True)

    async def main() -> None:
        with pytest.raises(Mine) as raised:
            await by_loop(stream)
        assert raised.value is mine

    run(main())
    assert (stream.status, transport.closed) == ("cancelled", True)


def test_a_stream_that_was_cancelled_stays_closed():
    async def main() -> None:
        with Server(answer(FIRST)) as server:
            stream = ask(server)
            await stream.__anext__()
            task = asyncio.ensure_future(cancelling(stream.__anext__(), 1, False))
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(StreamClosed) as raised:
                await stream.__anext__()
            assert (str(raised.value), stream.partial.text) == ("the stream was closed", "Hi")
            await assert_gone(server)

    run(main())


# --- several tasks, threads and loops --------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [[], [HEAD], [FIRST]], ids=["head", "first-record", "record"])
@pytest.mark.parametrize("threaded", [False, True], ids=["task", "thread"])
def test_close_wakes_the_task_that_reads(threaded, steps):
    async def main() -> None:
        with Server(answer(*steps)) as server:
            stream = ask(server)
            task = asyncio.ensure_future(texts(stream))
            await asked(server)
            await settle()
            if threaded:
                await in_thread(stream.close)
            else:
                stream.close()
            with pytest.raises(StreamClosed) as raised:
                await asyncio.wait_for(task, SOON)
            assert (str(raised.value), stream.status) == ("the stream was closed", "cancelled")
            await assert_gone(server)

    run(main())


def test_fault_207_a_second_task_on_one_stream_is_told_so():
    async def main() -> None:
        going_on = threading.Event()
        with Server(answer(FIRST, going_on, chunk(DONE), LAST_CHUNK)) as server:
            stream = ask(server)
            await stream.__anext__()
            first = asyncio.ensure_future(stream.__anext__())
            await settle()
            with pytest.raises(StreamClosed) as raised:
                await stream.__anext__()
            assert str(raised.value) == "the stream is being read by another thread or task"
            going_on.set()
            assert (await first).done is True
            assert await texts(stream) == []

    run(main())


def test_one_client_serves_one_event_loop_after_the_other():
    with Server(answer(GOOD) * 20) as server:
        client = AsyncClient(server.url)
        for _ in range(3):
            assert run(by_loop(client.chat("m", ASK, stream=True))) == "Hi"


def test_one_client_serves_two_event_loops_in_two_threads():
    with Server(answer(GOOD) * 20) as server:
        client = AsyncClient(server.url)
        answers: List[str] = []

        def work() -> None:
            for _ in range(10):
                answers.append(run(by_loop(client.chat("m", ASK, stream=True))))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == ["Hi"] * 20


def test_fault_208_a_stream_goes_on_in_another_loop():
    with Server(answer(FIRST, chunk(DONE), LAST_CHUNK)) as server:
        stream = ask(server)
        assert run(stream.__anext__()).text == "Hi"
        assert run(by_loop(stream)) == ""
        assert stream.status == "complete"


def answer_of(path: str) -> str:
    """The text of a recorded answer, as the blocking client reads it."""
    fields = load(path).request.json
    return Client(transport=Replaying(path)).chat(**dict(fields, stream=True)).result().text


def test_200_streams_at_once_on_one_client():
    async def main(url: str) -> List[str]:
        client, fields = AsyncClient(url), load(JOKE).request.json
        calls = [client.chat(**dict(fields, stream=True)) for _ in range(200)]
        return list(await asyncio.gather(*map(by_loop, calls)))

    with serve(JOKE, repeat="last") as server:
        assert run(main(server.url)) == [answer_of(JOKE)] * 200


# --- the pace --------------------------------------------------------------------------------------------------------


def test_a_fast_stream_leaves_the_loop_to_others():
    async def main() -> None:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0)

        with Server(answer(HEAD, until_stuck(chunk(LINE * 300)))) as server:
            async with ask(server) as stream:
                peer = await in_thread(server.peer)
                assert await in_thread(peer.stuck.wait, PATIENCE)
                left = peer.sent // len(LINE) // 2  # no read need wait for these
                task = asyncio.ensure_future(beat())
                async for _ in stream:
                    left -= 1
                    if not left:
                        break
                task.cancel()
            assert beats >= peer.sent // 2 // 65536  # one a read

    run(main())


@lets_go_at_once
def test_leaving_a_loop_over_texts_that_have_a_name_closes_the_connection() -> None:
    async def main() -> None:
        with Server(answer(HEAD, chunk(LINE))) as server:
            texts = AsyncClient(server.url).stream_chat("m", "hi")
            async for text in texts:
                break
            assert text == "Hi"
            await assert_gone(server)

    run(main())


def test_texts_can_be_taken_one_by_one_and_closed() -> None:
    async def main() -> None:
        with Server(answer(HEAD, chunk(LINE), chunk(line("")), chunk(line("!")))) as server:
            texts = AsyncClient(server.url).stream_chat("m", "hi")
            assert [await texts.__anext__(), await texts.__anext__()] == ["Hi", "!"]
            await texts.aclose()
            await assert_gone(server)

    run(main())


def test_the_texts_of_a_module_function_can_be_iterated_in_a_coroutine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        with Server(answer(GOOD)) as server:
            monkeypatch.setenv("OLLAMA_HOST", server.url)
            assert [text async for text in ollama_stream.stream_chat("m", "Hello")] == ["Hi"]
            default_client().close()

    run(main())
