"""AsyncClient and AsyncStream: the answers, the ways out, cancellation at every await, loops, threads and clocks.

Every test runs in asyncio's debug mode with the collector switched off, and ends with no descriptor, no task and no
word from asyncio more than it began with.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import logging
import os
import sys
import threading
import time
import weakref
from contextlib import contextmanager
from typing import Any, Awaitable, Callable, Dict, Generator, Iterator, List, Tuple

import pytest
from support import (
    DONE, GOOD, HEAD, LAST_CHUNK, LINE, PATIENCE, ROOT, Bytes, Server, answer, chunk, closed_port, dribble, endless,
    fin, full_listener, line, response, rst, run_python, until_stuck,
)  # fmt: skip

import ollama_stream
from ollama_stream import (
    AsyncClient, Client, ConnectError, ConnectionLost, OllamaError, OllamaTimeout, ProtocolError, RequestError,
    ResponseError, StreamClosed, Timeout,
)  # fmt: skip
from ollama_stream._default import default_client
from ollama_stream.fixture import load
from ollama_stream.replay import serve
from ollama_stream.transports import Replaying

RECORDINGS = os.path.join(ROOT, "fixtures", "recordings")
ASK: List[Dict[str, Any]] = [{"role": "user", "content": "Hello"}]
FIRST = HEAD + chunk(LINE)  # an answer that then says no more
BIG = [{"role": "user", "content": "x" * (24 << 20)}]  # more than any socket's buffers hold
PROMPT = 1.0  # seconds within which the server must see the end


# --- what every test is held to --------------------------------------------------------------------------------------


def descriptors() -> List[str]:
    """The numbers of the open files, where the system tells them."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    try:
        return [name for name in os.listdir(folder) if os.path.exists(os.path.join(folder, name))]
    except OSError:
        return []


@pytest.fixture(autouse=True, scope="module")
def quick_collector():
    """What is there already need not be searched after each test."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch, caplog):
    complaints: List[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: complaints.append(repr(event.exc_value)))
    before = len(descriptors())
    gc.disable()
    try:
        with caplog.at_level(logging.ERROR, "asyncio"):
            yield
        assert len(descriptors()) == before
    finally:
        gc.enable()
    gc.collect()
    assert complaints == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def run(main: Awaitable[Any]) -> Any:
    """asyncio.run() in debug mode; no task may be left but the first one."""

    async def checked() -> Any:
        loop, said = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _loop, context: said.append(context["message"]))
        result = await main
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert said == []
        return result

    return asyncio.run(checked(), debug=True)


async def settle() -> None:
    """Let the loop finish what it has begun."""
    for _ in range(5):
        await asyncio.sleep(0)


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


async def assert_gone(server: Server, count: int = 1) -> None:
    """The server sees each of its connections end in time."""
    for number in range(count):
        peer = await in_thread(server.peer, number)
        assert await in_thread(peer.gone.wait, PROMPT), "the connection is still open"


async def asked(server: Server) -> None:
    """Wait until the server has a whole request."""
    peer = await in_thread(server.peer)
    assert await in_thread(peer.asked.wait, PATIENCE)


async def texts(stream: Any) -> List[str]:
    return [record.text async for record in stream]


def ask(server: Any, **fields: Any) -> Any:
    return AsyncClient(server.url).chat("m", ASK, stream=True, **fields)


@contextmanager
def silent_after(*steps: Any) -> Iterator[Server]:
    with Server(answer(*steps)) as server:
        yield server


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


# --- answers ---------------------------------------------------------------------------------------------------------


async def by_loop(stream: Any) -> str:
    return "".join(await texts(stream))


async def by_awaiting_first(stream: Any) -> str:
    assert await stream is stream
    return "".join([record["message"]["content"] async for record in await stream])


async def by_with(stream: Any) -> str:
    async with stream as entered:
        assert entered is stream
        return "".join(await texts(entered))


async def by_text(stream: Any) -> str:
    pieces = [piece async for piece in stream.text()]
    assert "" not in pieces
    return "".join(pieces)


async def by_result(stream: Any) -> str:
    return (await stream.result()).text


async def by_next(stream: Any) -> str:
    first = await stream.__anext__()
    return first.text + "".join(await texts(stream))


async def by_next_and_result(stream: Any) -> str:
    await stream.__anext__()
    return (await stream.result()).text


WAYS = [by_loop, by_awaiting_first, by_with, by_text, by_result, by_next, by_next_and_result]


def name_of(function: Any) -> str:
    return function.__name__


@pytest.mark.parametrize("way", WAYS, ids=name_of)
def test_every_way_to_read_a_stream_gives_the_whole_answer(way):
    async def main() -> None:
        with Server(answer(HEAD, chunk(line("Hel")) + chunk(line("lo")), chunk(DONE), LAST_CHUNK)) as server:
            stream = ask(server)
            assert (stream.status, stream.partial.text) == ("open", "")
            assert await way(stream) == "Hello"
            assert (stream.status, stream.partial.text, (await stream.result()).text) == ("complete", "Hello", "Hello")
            await assert_gone(server)

    run(main())


@pytest.mark.parametrize(
    "call, body, expected",
    [
        (lambda client: client.chat("m", ASK), DONE, ("chat", "")),
        (lambda client: client.chat("m", ASK, stream=False), line("Hello", True), ("chat", "Hello")),
        (lambda client: client.generate("m", "Hello"), b'{"response": "Hi", "done": true}', ("generate", "Hi")),
        (lambda client: client.version(), b'{"version": "0.1.2"}', ("version", "0.1.2")),
        (lambda client: client.list(), b'{"models": []}', ("tags", [])),
        (lambda client: client.request("GET", "/api/anything"), b"[1]", ("anything", [1])),
    ],
    ids=["chat", "chat-stream-false", "generate", "version", "list", "request"],
)
def test_a_call_without_stream_is_awaited_for_its_answer(call, body, expected):
    async def main() -> None:
        with Server(answer(response("200 OK", body))) as server:
            result = await call(AsyncClient(server.url))
            value = getattr(result, "text", None)
            for name in ("version", "models"):
                value = getattr(result, name, value) if value is None else value
            path = server.peer().request_head[0].split()[1].decode()
            assert (path, result if value is None else value) == ("/api/" + expected[0], expected[1])
            await assert_gone(server)

    run(main())


def test_stream_chat_gives_the_text_and_takes_a_prompt():
    async def main() -> None:
        with Server(answer(GOOD)) as server:
            assert [piece async for piece in AsyncClient(server.url).stream_chat("m", "Hello")] == ["Hi"]
            assert json.loads(server.peer().request_body)["messages"] == ASK

    run(main())


def test_the_module_function_can_be_iterated_in_a_coroutine(monkeypatch):
    async def main() -> None:
        with Server(answer(GOOD)) as server:
            monkeypatch.setenv("OLLAMA_HOST", server.url)
            assert await texts(ollama_stream.chat("m", ASK, stream=True)) == ["Hi", ""]
            default_client().close()
            await assert_gone(server)

    run(main())


def test_a_wrong_argument_is_refused_at_the_call():
    with pytest.raises(RequestError) as raised:
        AsyncClient().chat("", ASK)
    assert str(raised.value) == "model: expected the name of a model, such as 'llama3.2', got ''"


def test_no_request_is_sent_before_the_first_record_is_asked_for():
    transport = Bytes(GOOD)
    stream = AsyncClient(transport=transport).chat("m", ASK, stream=True)
    assert transport.sent == b""
    assert run(by_loop(stream)) == "Hi"
    assert transport.sent.startswith(b"POST /api/chat HTTP/1.1\r\n")


def test_async_with_sends_the_request_on_entry():
    async def main() -> None:
        with Server(answer(FIRST)) as server:
            async with ask(server):
                assert server.peer().asked.is_set()
            await assert_gone(server)

    run(main())


def test_fault_209_a_line_longer_than_64_KiB_is_one_record():
    async def main() -> None:
        with Server(answer(HEAD, chunk(line("x" * 1000000)), chunk(DONE), LAST_CHUNK)) as server:
            assert [len(text) for text in await texts(ask(server))] == [1000000, 0]

    run(main())


@pytest.mark.parametrize(
    "steps, error_class, status, text",
    [
        ([FIRST, fin], ConnectionLost, "truncated", "Hi"),
        ([FIRST, rst], ConnectionLost, "truncated", "Hi"),
        ([FIRST, chunk(b'{"error": "out of memory"}\n')], ResponseError, "error", "Hi"),
        ([response("404 Not Found", b'{"error": "no model"}')], ResponseError, "error", ""),
        ([b"SSH-2.0-OpenSSH\r\n"], ProtocolError, "error", ""),
    ],
    ids=["fin", "rst", "error-record", "status", "not-http"],
)
def test_what_goes_wrong_is_raised_with_what_had_arrived_and_again_by_result(steps, error_class, status, text):
    async def main() -> None:
        with Server(answer(*steps)) as server:
            stream = ask(server)
            with pytest.raises(error_class) as raised:
                await texts(stream)
            assert (stream.status, stream.partial.text, raised.value.partial.text) == (status, text, text)
            with pytest.raises(error_class) as again:
                await stream.result()
            assert again.value is raised.value
            await assert_gone(server)

    run(main())


def test_a_refused_connection_is_a_connect_error():
    port = closed_port()
    with pytest.raises(ConnectError) as raised:
        run(by_loop(AsyncClient("127.0.0.1:%d" % port).chat("m", ASK, stream=True)))
    assert str(raised.value).endswith("(http://127.0.0.1:%d, from host: connection refused)" % port)


# --- the same as the blocking client ---------------------------------------------------------------------------------


def generations() -> List[str]:
    """The recordings of chat and generate."""
    found = []
    for folder, _, files in os.walk(RECORDINGS):
        for file in files:
            path = os.path.join(folder, file)
            if file.endswith(".jsonl") and load(path).request.path.rstrip("/") in ("/api/chat", "/api/generate"):
                found.append(path)
    return sorted(found)


GENERATIONS = generations()


def told(error: OllamaError) -> Tuple[Any, ...]:
    return type(error), str(error), error.partial, error.url


def blocking_outcome(made: Callable[[Any], Any], client: Any) -> Tuple[Any, ...]:
    records: List[Any] = []
    try:
        answered = made(client)
        if not hasattr(answered, "status"):
            return [answered], None
        for record in answered:
            records.append(record)
        records.append(answered.result())
    except OllamaError as error:
        return records, told(error)
    return records, answered.status


async def awaited_outcome(made: Callable[[Any], Any], client: Any) -> Tuple[Any, ...]:
    records: List[Any] = []
    try:
        answered = made(client)
        if not hasattr(answered, "status"):
            return [await answered], None
        async for record in answered:
            records.append(record)
        records.append(await answered.result())
    except OllamaError as error:
        return records, told(error)
    return records, answered.status


def calls_of(path: str) -> List[Callable[[Any], Any]]:
    """The recorded call as a program would write it, where it can, and by request()."""
    request = load(path).request
    fields = json.loads(request.body_bytes() or b"0") if isinstance(request.json, dict) else None
    streamed = bool((fields or {}).get("stream", True))

    def typed(client: Any) -> Any:
        method = client.chat if request.path.startswith("/api/chat") else client.generate
        return method(**dict(fields, stream=streamed))

    def by_request(client: Any) -> Any:
        return client.request(request.method, request.path, body=request.body_bytes() or None, stream=streamed)

    return [typed, by_request] if fields else [by_request]


def test_there_are_recordings():
    assert len(GENERATIONS) > 50


@pytest.mark.parametrize("path", GENERATIONS, ids=lambda path: "/".join(path.split(os.sep)[-2:]).split(".exchange")[0])
def test_a_recorded_exchange_gives_the_same_as_with_the_blocking_client(path):
    fixture = load(path)
    for made in calls_of(path):
        expected = blocking_outcome(made, Client(transport=Replaying(fixture, level="any")))
        assert run(awaited_outcome(made, AsyncClient(transport=Replaying(fixture, level="any")))) == expected


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
    with pytest.raises(StreamClosed) as raised:
        async for _ in stream:
            stream.close()
            stream.close()
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
        with silent_after(FIRST) as server:
            stream = ask(server)  # bound to a name all the time
            await way_out(stream)
            await assert_gone(server)
            assert stream.status == "cancelled"
            with pytest.raises(StreamClosed):
                await stream.result()

    run(main())


def test_fault_204_a_stream_that_is_dropped_closes_its_connection_without_the_collector():
    async def main() -> None:
        with silent_after(FIRST) as server:
            stream = ask(server)
            await stream.__anext__()
            gone = weakref.ref(stream)
            del stream
            assert gone() is None
            await assert_gone(server)

    run(main())


def test_a_stream_that_is_dropped_after_async_with_was_entered_closes_its_connection():
    async def main() -> None:
        with silent_after(FIRST) as server:
            stream = ask(server)
            await stream.__aenter__()
            del stream
            await assert_gone(server)

    run(main())


@pytest.mark.parametrize("steps", [[], [HEAD], [FIRST]], ids=["head", "first-record", "record"])
def test_fault_205_a_loop_that_shuts_down_closes_what_its_tasks_read(steps):
    with silent_after(*steps) as server:

        async def main() -> None:
            asyncio.ensure_future(texts(ask(server)))
            await asked(server)

        asyncio.run(main(), debug=True)
        assert server.peer().gone.wait(PROMPT)


def test_fault_205_a_stream_kept_until_its_loop_is_closed_can_still_be_closed():
    with silent_after(FIRST) as server:
        stream = ask(server)
        run(stream.__anext__())
        stream.close()
        assert server.peer().gone.wait(PROMPT)
        assert stream.status == "cancelled"


def test_fault_203_wait_for_raises_its_own_time_out():
    async def main() -> None:
        with silent_after(FIRST) as server:
            stream = ask(server)
            with pytest.raises(asyncio.TimeoutError) as raised:
                await asyncio.wait_for(stream.result(), 0.1)
            assert not isinstance(raised.value, OllamaError)
            await assert_gone(server)
            assert (stream.status, stream.partial.text) == ("cancelled", "Hi")

    run(main())


if sys.version_info >= (3, 11):

    def test_fault_203_asyncio_timeout_raises_its_own_time_out():
        async def main() -> None:
            with silent_after(FIRST) as server:
                with pytest.raises(TimeoutError) as raised:
                    async with asyncio.timeout(0.1):
                        await texts(ask(server))
                assert type(raised.value) is TimeoutError
                await assert_gone(server)

        run(main())

    def test_fault_211_a_sibling_that_fails_in_a_task_group_ends_the_stream():
        async def main() -> None:
            with silent_after(FIRST) as server:
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


async def call_aclose_in_finally(client: AsyncClient) -> None:
    stream = client.chat("m", ASK, stream=True)
    try:
        await by_loop(stream)
    finally:
        await stream.aclose()


CALLS = [call_loop, call_with, call_text, call_chat, call_request, call_aclose_in_finally]


@pytest.mark.parametrize("late", [False, True], ids=["as-the-wait-begins", "as-the-wait-ends"])
@pytest.mark.parametrize("call", CALLS, ids=name_of)
def test_faults_197_to_202_cancelled_at_any_await_nothing_is_left(call, late):
    """197 connecting, 198 sending, 199 the head, 200 between and inside lines, 201 in aclose(), 202 all of them."""

    async def cancelled_at(server: Server, number: int) -> bool:
        task = asyncio.ensure_future(cancelling(call(AsyncClient(server.url)), number, late))
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
        with Server(answer(*itertools.chain.from_iterable((piece, pause) for piece in pieces))) as server:
            number = 1
            while await cancelled_at(server, number):
                number += 1
            await assert_gone(server, len(server.peers))
        return number

    assert run(main()) > 3


def pause(_peer: Any) -> None:
    """So that the client finds nothing to read, and has to wait; right without it too."""
    time.sleep(0.002)


def test_fault_197_cancelled_while_it_connects():
    async def main(port: int) -> None:
        stream = AsyncClient("127.0.0.1:%d" % port).chat("m", ASK, stream=True)
        task = asyncio.ensure_future(cancelling(by_loop(stream), 2, False))
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
        while stream._exchange._socket is None:
            await asyncio.sleep(0)
        await settle()
        if threaded:
            await in_thread(stream.close)
        else:
            stream.close()
        with pytest.raises(StreamClosed) as raised:
            await asyncio.wait_for(task, PROMPT)
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
        with silent_after(FIRST) as server:
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
        with silent_after(*steps) as server:
            stream = ask(server)
            task = asyncio.ensure_future(texts(stream))
            await asked(server)
            await settle()
            if threaded:
                await in_thread(stream.close)
            else:
                stream.close()
            with pytest.raises(StreamClosed) as raised:
                await asyncio.wait_for(task, PROMPT)
            assert (str(raised.value), stream.status) == ("the stream was closed", "cancelled")
            await assert_gone(server)

    run(main())


def test_a_stream_that_was_closed_before_it_was_read_connects_nowhere():
    async def main() -> None:
        transport = Bytes(GOOD)
        stream = AsyncClient(transport=transport).chat("m", ASK, stream=True)
        stream.close()
        for read in (by_loop, by_result):
            with pytest.raises(StreamClosed):
                await read(stream)
        assert transport.sent == b""

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


def test_a_stream_is_iterated_once():
    async def main() -> None:
        stream = AsyncClient(transport=Bytes(GOOD)).chat("m", ASK, stream=True)
        assert await texts(stream) == ["Hi", ""]
        with pytest.raises(StreamClosed) as raised:
            await texts(stream)
        assert str(raised.value) == "the stream has been read by another loop; call again for a new one"
        assert (await stream.result()).text == "Hi"

    run(main())


def test_a_loop_that_has_ended_stays_ended():
    async def main() -> None:
        stream = AsyncClient(transport=Bytes(GOOD)).chat("m", ASK, stream=True)
        records = stream.__aiter__()
        async for _ in records:
            pass
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await records.__anext__()

    run(main())


def test_one_client_serves_one_event_loop_after_the_other():
    with Server(answer(GOOD)) as server:
        client = AsyncClient(server.url)
        for _ in range(3):
            assert run(by_loop(client.chat("m", ASK, stream=True))) == "Hi"


def test_one_client_serves_two_event_loops_in_two_threads():
    with Server(answer(GOOD)) as server:
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
    with silent_after(FIRST, chunk(DONE), LAST_CHUNK) as server:
        stream = ask(server)
        assert run(stream.__anext__()).text == "Hi"
        assert run(by_loop(stream)) == ""
        assert stream.status == "complete"


def test_200_streams_at_once_on_one_client():
    path = os.path.join(RECORDINGS, "ollama-0.32.15", "chat-stream.exchange.jsonl")

    async def main(url: str) -> List[str]:
        client, request = AsyncClient(url), load(path).request.json
        calls = [client.chat(**dict(request, stream=True)) for _ in range(200)]
        return list(await asyncio.gather(*map(by_loop, calls)))

    with serve(path, repeat="last") as server:
        answers = run(main(server.url))
    assert len(answers) == 200
    assert set(answers) == {blocking_outcome(calls_of(path)[0], Client(transport=Replaying(path)))[0][-1].text}


# --- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "timeout, steps, clock, text",
    [
        (Timeout(first_byte=0.2), [], "first_byte", ""),
        (Timeout(first_byte=0.2), [HEAD], "first_byte", ""),
        (Timeout(first_byte=0.2), [HEAD, dribble(b"1", 0.02)], "first_byte", ""),
        (Timeout(idle=0.2), [FIRST], "idle", "Hi"),
        (Timeout(total=0.3), [FIRST], "total", "Hi"),
        (0.2, [FIRST], "idle", "Hi"),
        (0.2, [], "first_byte", ""),
    ],
    ids=["first_byte", "after-head", "dribbled-size", "idle", "total", "float-idle", "float-first_byte"],
)
def test_a_clock_that_runs_out_says_which(timeout, steps, clock, text):
    async def main() -> None:
        with silent_after(*steps) as server:
            stream, started = ask(server, timeout=timeout), time.monotonic()
            with pytest.raises(OllamaTimeout) as raised:
                await texts(stream)
            error = raised.value
            assert (error.clock, error.partial.text, stream.status) == (clock, text, "error")
            assert error.limit <= time.monotonic() - started < error.limit + PROMPT
            await assert_gone(server)

    run(main())


def test_the_connect_clock_runs_out():
    async def main(port: int) -> None:
        with pytest.raises(OllamaTimeout) as raised:
            await AsyncClient("127.0.0.1:%d" % port, timeout=Timeout(connect=0.2)).chat("m", ASK)
        assert (raised.value.clock, raised.value.limit) == ("connect", 0.2)

    with full_listener() as port:
        run(main(port))


def test_the_idle_clock_runs_while_a_request_is_sent_to_nobody_who_reads():
    async def main() -> None:
        reading = threading.Event()
        with Server([reading]) as server:
            with pytest.raises(OllamaTimeout) as raised:
                await AsyncClient(server.url, timeout=0.2).chat("m", BIG)
            assert raised.value.clock == "idle"
            reading.set()
            await assert_gone(server)

    run(main())


def test_the_idle_clock_does_not_run_while_the_consumer_is_busy():
    async def main() -> None:
        asked_for = threading.Event()
        with Server(answer(FIRST, asked_for, chunk(LINE), chunk(DONE), LAST_CHUNK)) as server:
            stream = ask(server, timeout=Timeout(idle=0.2))
            async for _ in stream:
                await asyncio.sleep(0.1 if asked_for.is_set() else 0.3)
                asked_for.set()
            assert stream.status == "complete"

    run(main())


# --- the pace --------------------------------------------------------------------------------------------------------


def test_fault_210_a_slow_consumer_stops_the_server_and_nothing_piles_up():
    async def main() -> None:
        with silent_after(HEAD, until_stuck(chunk(line("x" * 60000)))) as server:
            stream = ask(server)
            await stream.__anext__()
            peer = await in_thread(server.peer)
            assert await in_thread(peer.stuck.wait, PATIENCE)
            sent = peer.sent  # all that the sockets hold, and one piece of ours
            assert sent < 1 << 25
            stream.close()
            await assert_gone(server)

    run(main())


def test_a_fast_stream_leaves_the_loop_to_others():
    async def main() -> None:
        beats = records = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0)
                beats += 1

        with silent_after(HEAD, endless(chunk(LINE * 300))) as server:
            task = asyncio.ensure_future(beat())
            async for _ in ask(server):
                records += 1
                if records == 30000:
                    break
            task.cancel()
            assert beats >= 30  # LINE * 300 is half a piece
            await assert_gone(server)

    run(main())


# --- a program -------------------------------------------------------------------------------------------------------


def test_a_program_prints_the_recorded_answer():
    path = os.path.join(RECORDINGS, "ollama-0.32.15", "chat-joke-stream.exchange.jsonl")
    with serve(path) as server:
        program = os.path.join(ROOT, "tests", "programs", "async_streaming.py")
        end = run_python(program, OLLAMA_HOST=server.url)
    expected = blocking_outcome(calls_of(path)[0], Client(transport=Replaying(path)))[0][-1].text
    assert (end.stderr, end.stdout, end.returncode) == ("", expected, 0)
