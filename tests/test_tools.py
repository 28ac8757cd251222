"""Runs with tools and conversations, in both colours: each claim is one function, given the colour.

Answers are scripted, or come from recordings by way of the replay server. A scripted answer closes its connection, so
that every answer is a connection of its own.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import gc
import json
import os
import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import pytest
from support import LAST_CHUNK, PATIENCE, ROOT, Server, answer, chunk, closed_port, fin, line, response, run_python

from ollama_stream import (
    AsyncClient, Client, Conversation, IncompleteStream, Message, OllamaError, ProtocolError, RequestError, ResponseError,
    StreamClosed, ToolCall, run_tools,
)  # fmt: skip
from ollama_stream.replay import serve

RECORDINGS = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15")
SOON = 1.0  # seconds in which a server must have seen that a client is gone
PROMPT = {"role": "user", "content": "How far?"}


# --- both colours ----------------------------------------------------------------------------------------------------


class Blocking:
    client = Client

    @staticmethod
    def read(stream: Any, each: Callable[[Any], Any] = bool) -> None:
        """Loop over a stream; leave the loop where ``each`` returns "break"."""
        for part in stream:
            if each(part) == "break":
                break

    @staticmethod
    def result(stream: Any) -> Any:
        return stream.result()


class Awaiting:
    client = AsyncClient

    @staticmethod
    def read(stream: Any, each: Callable[[Any], Any] = bool) -> None:
        async def main() -> None:
            async for part in stream:
                if each(part) == "break":
                    break

        asyncio.run(main(), debug=True)

    @staticmethod
    def result(stream: Any) -> Any:
        return asyncio.run(stream.result())


@pytest.fixture(params=[Blocking, Awaiting], ids=["sync", "async"])
def colour(request):
    return request.param


class Read(NamedTuple):
    texts: List[str]
    error: Optional[BaseException]


def read(colour: Any, stream: Any) -> Read:
    """The texts of the parts, and the error that ended the loop or None."""
    texts: List[str] = []
    try:
        colour.read(stream, lambda part: texts.append(part.content))
    except OllamaError as error:
        return Read(texts, error)
    return Read(texts, None)


@pytest.fixture(autouse=True)
def without_a_collector():
    """What is closed must be closed without it."""
    gc.disable()
    yield
    gc.enable()


# --- scripts -----------------------------------------------------------------------------------------------------------

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)


def called(name: str, id: str = "", **arguments: Any) -> Dict[str, Any]:
    call: Dict[str, Any] = {"function": {"index": 0, "name": name, "arguments": arguments}}
    return {"id": id, **call} if id else call


def part(text: str = "", calls: Sequence[Any] = (), done: bool = False, **message: Any) -> bytes:
    record = json.loads(line(text, done, **({"done_reason": "stop"} if done else {})))
    record["message"].update(message, **({"tool_calls": list(calls)} if calls else {}))
    return json.dumps(record).encode("ascii") + b"\n"


def script(*parts: bytes) -> Any:
    return answer(HEAD, b"".join(map(chunk, parts)), LAST_CHUNK, fin)


def asking(*calls: Any) -> Any:
    return script(part("", calls), part(done=True))


SAYING = script(part("Far"), part(" away"), part(done=True))
HOLDING = answer(HEAD, chunk(part("Far")))  # and then no more, until the client leaves
CUT = answer(HEAD, chunk(part("Far")), fin)
REFUSED = answer(response("500 Internal Server Error", b'{"error":"out of memory"}', Connection="close"), fin)


def sent(server: Any, number: int) -> Any:
    return json.loads(server.peer(number).request_body)


def told(run: Any) -> List[Any]:
    """The history as (role, content) pairs."""
    return [(message.role, message.content) for message in run.messages]


def distance(town: str, unit: str = "km") -> str:
    """How far a town is.

    Args:
        town: Its name.
    """
    return "%s: 5 %s" % (town, unit)


def fail(x: int = 0) -> float:
    return 1 / x


# --- runs: calls and their results -----------------------------------------------------------------------------------

TWO = [called("distance", "a", town="Ulm"), called("distance", "b", town="Bonn", unit="mi")]
LAYOUTS = [  # id, the parts of an answer with the calls TWO, its texts
    ("one a record", [part("Hm"), part("", TWO[:1]), part("", TWO[1:]), part(done=True)], ["Hm", "", "", ""]),
    ("all in one record", [part("Hm"), part("", TWO), part(done=True)], ["Hm", "", ""]),
    ("beside text", [part("Hm", TWO), part(done=True)], ["Hm", ""]),
    ("in the last record", [part("Hm"), part("", TWO, done=True)], ["Hm", ""]),
    ("over the last record", [part("Hm", TWO[:1]), part("", TWO[1:], done=True)], ["Hm", ""]),
]


@pytest.mark.parametrize("parts, texts", [row[1:] for row in LAYOUTS], ids=[row[0] for row in LAYOUTS])
def test_the_calls_of_a_turn_stay_together_and_in_order(colour, parts, texts):
    with Server(script(*parts), SAYING) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [distance], think=False)
        assert read(colour, run) == (texts + ["Far", " away", ""], None)
        first, second = sent(server, 0), sent(server, 1)
    tool = {"type": "function", "function": first["tools"][0]["function"]}
    assert first == {"model": "m", "messages": [PROMPT], "tools": [tool], "think": False, "stream": True}
    turn = [
        {"role": "assistant", "content": "Hm", "tool_calls": TWO},
        {"role": "tool", "content": "Ulm: 5 km", "tool_name": "distance", "tool_call_id": "a"},
        {"role": "tool", "content": "Bonn: 5 mi", "tool_name": "distance", "tool_call_id": "b"},
    ]
    assert second == dict(first, messages=[PROMPT, *turn])
    last = {"role": "assistant", "content": "Far away"}
    assert [message.model_dump(exclude_none=True) for message in run.messages] == [PROMPT, *turn, last]
    assert (run.status, run.partial.content, colour.result(run).content) == ("complete", "Far away", "Far away")


class Opaque:
    def __str__(self) -> str:
        return "opaque"


class Failing:
    def __str__(self) -> str:
        raise KeyError("no text")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise KeyError("no text")


def raiser(error: BaseException) -> Callable[[], Any]:
    def tool() -> Any:
        raise error

    return tool


def giver(value: Any) -> Callable[[], Any]:
    def tool() -> Any:
        return value

    return tool


def typed(count: int, at: float = 0.5) -> List[Any]:
    return [count, at]


RESULTS = [  # id, tool, its name and arguments, what the model is told
    ("text", giver("5 km"), called("tool"), "5 km"),
    ("empty text", giver(""), called("tool"), ""),
    ("lone surrogate", giver("\ud800"), called("tool"), "\ud800"),
    ("object", giver({"km": 5, "to": "Köln"}), called("tool"), '{"km": 5, "to": "Köln"}'),
    ("array", giver((1, 2.5, None)), called("tool"), "[1, 2.5, null]"),
    ("number", giver(5), called("tool"), "5"),
    ("true", giver(True), called("tool"), "true"),
    ("nothing", giver(None), called("tool"), "null"),
    ("record", giver(Message(role="user", content="Hi")), called("tool"), '{"role": "user", "content": "Hi"}'),
    ("no JSON number", giver(float("inf")), called("tool"), "inf"),
    ("no JSON type", giver(Opaque()), called("tool"), "opaque"),
    ("no text", giver(Failing()), called("tool"), "error: KeyError: 'no text'"),
    ("converted arguments", typed, called("typed", count=3.0, at=1), "[3, 1.0]"),
    ("exception", fail, called("fail"), "error: ZeroDivisionError: division by zero"),
    ("exception without a text", raiser(ValueError()), called("tool"), "error: ValueError"),
    ("exception that has no text", raiser(Unspeakable()), called("tool"), "error: test_tools.Unspeakable: <exception str() failed>"),
    ("StopIteration", raiser(StopIteration(3)), called("tool"), "error: StopIteration: 3"),
    ("StopAsyncIteration", raiser(StopAsyncIteration()), called("tool"), "error: StopAsyncIteration"),
    ("RequestError", raiser(RequestError("no such town")), called("tool"), "error: no such town"),
    ("missing argument", distance, called("distance"), "error: town: missing"),
    ("unknown argument", distance, called("distance", town="Ulm", by="car"),
     "error: by: unknown argument, expected town, unit"),
    ("wrong argument", typed, called("typed", count="x"), "error: count: expected an integer, got a string ('x')"),
    ("arguments of another kind", distance, {"function": {"name": "distance", "arguments": "Ulm"}},
     "error: arguments: expected an object, got a string ('Ulm')"),
    ("unknown tool", distance, called("distances", town="Ulm"),
     "error: there is no tool named distances; the tools are: distance"),
    ("no name", distance, {"function": {}}, "error: there is no tool named ; the tools are: distance"),
]  # fmt: skip


@pytest.mark.each(2)
@pytest.mark.parametrize("tool, call, content", [row[1:] for row in RESULTS], ids=[row[0] for row in RESULTS])
def test_the_model_is_told_what_became_of_a_call(colour, tool, call, content):
    with Server(asking(call), SAYING) as server:
        run = run_tools(colour.client(server.url), "m", "How far?", [tool])
        assert colour.result(run).content == "Far away"
        name = call["function"].get("name", "")
        assert sent(server, 1)["messages"][2:] == [{"role": "tool", "content": content, "tool_name": name}]


def test_without_tools_the_answer_to_a_call_says_that_there_are_none(colour):
    with Server(asking(called("distance")), SAYING) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [])
        colour.read(run)
    assert run.messages[2].content == "error: there is no tool named distance; the tools are: none"


def test_several_rounds_follow_each_other(colour):
    rounds = [asking(called("distance", town=town)) for town in ("Ulm", "Bonn", "Jena")]
    with Server(*rounds, SAYING) as server:
        run = colour.client(server.url).run_tools("m", [PROMPT], [distance], max_rounds=4)
        colour.read(run)
        assert len(sent(server, 3)["messages"]) == 7
    assert [content for role, content in told(run) if role == "tool"] == ["Ulm: 5 km", "Bonn: 5 km", "Jena: 5 km"]
    assert told(run)[-1] == ("assistant", "Far away")


def test_the_answer_goes_back_with_its_thinking_and_with_what_is_not_known(colour):
    asked = script(part("", thinking="Let me "), part("", TWO[:1], thinking="see", mood="good"), part(done=True))
    with Server(asked, SAYING) as server:
        colour.read(run_tools(colour.client(server.url), "m", [PROMPT], [distance]))
        back = sent(server, 1)["messages"][1]
    expected = {"role": "assistant", "content": "", "thinking": "Let me see", "tool_calls": TWO[:1], "mood": "good"}
    assert back == expected


def test_the_messages_given_are_copied(colour):
    given = [dict(PROMPT, mood="good"), Message(role="assistant", content="5 km"), PROMPT]
    with Server(asking(TWO[0]), SAYING) as server:
        run = run_tools(colour.client(server.url), "m", given, [distance])
        colour.read(run)
        assert sent(server, 0)["messages"] == [dict(PROMPT, mood="good"), {"role": "assistant", "content": "5 km"}, PROMPT]
    assert given == [dict(PROMPT, mood="good"), Message(role="assistant", content="5 km"), PROMPT]
    assert [type(message) for message in run.messages] == [Message] * 6


def test_the_texts_of_all_answers_come_without_empty_ones(colour):
    texts: List[str] = []
    with Server(script(part("Hm", TWO[:1]), part(done=True)), SAYING) as server:
        colour.read(run_tools(colour.client(server.url), "m", [PROMPT], [distance]).text(), texts.append)
    assert texts == ["Hm", "Far", " away"]


# --- runs: kinds of tools -----------------------------------------------------------------------------------------------


async def slow_distance(town: str) -> str:
    await asyncio.sleep(0)
    return "5 km"


class Measure:
    async def __call__(self, town: str) -> str:
        return "5 km"


def promised_distance(town: str) -> Any:
    return slow_distance(town)


LATER = [  # id, tool, the name of it
    ("async function", slow_distance, "slow_distance"),
    ("object", Measure(), "Measure"),
    ("partial", functools.partial(slow_distance), "slow_distance"),
    ("plain function", promised_distance, "promised_distance"),
]


@pytest.mark.parametrize("tool, name", [row[1:] for row in LATER], ids=[row[0] for row in LATER])
def test_an_async_function_is_awaited(tool, name):
    with Server(asking(called(name, town="Ulm")), SAYING) as server:
        run = run_tools(AsyncClient(server.url), "m", [PROMPT], [tool])
        Awaiting.read(run)
    assert told(run)[2] == ("tool", "5 km")


@pytest.mark.parametrize("tool, name", [row[1:] for row in LATER[:3]], ids=[row[0] for row in LATER[:3]])
def test_an_async_function_is_refused_by_a_blocking_client(tool, name):
    with pytest.raises(RequestError) as raised:
        run_tools(Client(), "m", [PROMPT], [distance, tool])
    assert str(raised.value) == "tools[1]: %s is an async function, which needs an AsyncClient" % name


def test_a_function_that_turns_out_to_wait_is_an_error_in_a_blocking_client():
    with Server(asking(called("promised_distance", town="Ulm"))) as server:
        run = run_tools(Client(server.url), "m", [PROMPT], [promised_distance])
        with pytest.raises(RequestError, match="^a transport or a tool waits for an event loop: that needs an AsyncClient"):
            Blocking.read(run)
    assert (told(run), run.status) == ([("user", "How far?")], "cancelled")


def test_a_run_of_a_blocking_client_can_be_read_in_a_coroutine():
    with Server(asking(called("distance", town="Ulm")), SAYING) as server:
        run = run_tools(Client(server.url), "m", [PROMPT], [distance])
        Awaiting.read(run)
    assert told(run)[2:] == [("tool", "Ulm: 5 km"), ("assistant", "Far away")]


def test_a_run_of_a_blocking_client_does_not_block_the_loop_in_later_rounds():
    go, went = threading.Event(), []

    async def let_go() -> None:
        await asyncio.get_running_loop().run_in_executor(None, lambda: server.peer(1).asked.wait(PATIENCE))
        go.set()

    async def main() -> None:
        run = run_tools(Client(server.url), "m", [PROMPT], [distance])
        helper = asyncio.ensure_future(let_go())
        async for _ in run:
            pass
        await helper

    waiting = answer(lambda _peer: went.append(go.wait(PATIENCE)), HEAD, chunk(part(done=True)), LAST_CHUNK, fin)
    with Server(asking(TWO[0]), waiting) as server:
        asyncio.run(main())
    assert went == [True]


DESCRIBED = {"type": "function", "function": {"name": "ask_human", "parameters": {"type": "object"}}}


class Described:
    """As the tools of other libraries are."""

    def model_dump(self, **_options: Any) -> Any:
        return DESCRIBED


@pytest.mark.parametrize("tool", [DESCRIBED, Described()], ids=["dict", "object"])
@pytest.mark.parametrize("calls", [[called("ask_human")], [called("boom"), called("ask_human")]], ids=["alone", "with another"])
def test_an_answer_that_calls_a_tool_without_a_function_ends_the_run(colour, calls, tool):
    def boom() -> None:
        raise AssertionError("called")

    with Server(asking(*calls)) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [boom, tool])
        assert colour.result(run).message.tool_calls == run.messages[-1].tool_calls
        assert sent(server, 0)["tools"][1] == DESCRIBED
        assert len(server.peers) == 1
    assert [call.function.name for call in run.messages[-1].tool_calls] == [call["function"]["name"] for call in calls]
    assert run.status == "complete"


WRONG = [  # id, arguments that differ, text
    ("client", {"client": "m"}, "client: expected a Client or an AsyncClient, got str"),
    ("model", {"model": " "}, "model: expected the name of a model, such as 'llama3.2', got ' '"),
    ("no messages", {"messages": None}, "messages: expected a list of messages, got NoneType"),
    ("message without a role", {"messages": [PROMPT, {"content": "Hi"}]},
     "messages[1].role: expected 'system', 'user', 'assistant' or 'tool', got None"),
    ("thinking", {"messages": [dict(PROMPT, thinking=3)]}, "messages[0].thinking: expected a string, got a number (3)"),
    ("one tool", {"tools": distance}, "tools: expected a list of functions or tools, got function"),
    ("no tool", {"tools": [3]}, "tools[0]: expected a function or a tool, got int"),
    ("lambda", {"tools": [lambda: 1]}, None),
    ("two of a name", {"tools": [distance, fail, functools.partial(distance, unit="mi")]},
     "tools[2]: another tool is named 'distance' too; a model cannot tell them apart"),
    ("two of a name, described", {"tools": [distance, {"type": "function", "function": {"name": "distance"}}]},
     "tools[1]: another tool is named 'distance' too; a model cannot tell them apart"),
    ("no rounds", {"max_rounds": 0}, "max_rounds: expected a number from 1 on, got 0"),
    ("rounds of another kind", {"max_rounds": True}, "max_rounds: expected a number from 1 on, got True"),
    ("top_logprobs", {"top_logprobs": 21}, "top_logprobs: expected a number from 0 to 20, got 21"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, text", [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_argument_is_told_at_the_call(colour, wrong, text):
    client = colour.client("http://127.0.0.1:%d" % closed_port())
    given = {"client": client, "model": "m", "messages": [PROMPT], "tools": [distance], **wrong}
    with pytest.raises(RequestError) as raised:
        run_tools(**given)
    assert text is None or str(raised.value) == text


@pytest.mark.parametrize("wrong", [{"thinks": True}, {"stream": False}], ids=["unknown", "stream"])
def test_a_keyword_that_cannot_be_is_a_type_error_at_the_call(colour, wrong):
    with pytest.raises(TypeError):
        run_tools(colour.client(), "m", [PROMPT], [distance], **wrong)


def test_tools_that_only_the_server_knows_are_sent_as_they_are(colour):
    tools = [{"type": "web_search"}, {"type": "web_search", "function": 3}]
    with Server(SAYING) as server:
        colour.read(run_tools(colour.client(server.url), "m", [PROMPT], tools))
        assert sent(server, 0)["tools"] == tools


# --- runs: ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_limit_ends_a_run_with_the_last_answer_in_the_error(colour, limit):
    made: List[str] = []

    def record(town: str) -> str:
        made.append(town)
        return "5 km"

    with Server(script(part("Hm", [called("record", town="Ulm")]), part(done=True))) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [record], max_rounds=limit)
        texts, error = read(colour, run)
        assert len(server.peers) == limit
    assert texts == ["Hm", ""] * limit
    assert (type(error), str(error)) == (ProtocolError, (
        "answer %d still asks for tools, and max_rounds=%d allows no more: raise it, or go on with a new run from the "
        "messages of this one; the calls of that answer were not made (%s)" % (limit, limit, server.url)
    ))  # fmt: skip
    assert error.partial.message == Message(role="assistant", content="Hm", tool_calls=error.partial.message.tool_calls)
    assert error.partial.message.tool_calls[0].function.name == "record"
    assert error.url == server.url + "/api/chat" and error.elapsed is not None
    assert made == ["Ulm"] * (limit - 1)
    assert [role for role, _ in told(run)] == ["user"] + ["assistant", "tool"] * (limit - 1)
    assert run.status == "error"
    with pytest.raises(ProtocolError) as again:
        colour.result(run)
    assert again.value is error


def break_it(colour: Any, run: Any, where: int) -> None:
    seen: List[Any] = []
    colour.read(run, lambda part: "break" if seen.append(part) or len(seen) == where else None)


def raise_in_it(colour: Any, run: Any, where: int) -> None:
    seen: List[Any] = []

    def each(part: Any) -> None:
        seen.append(part)
        if len(seen) == where:
            raise KeyError(where)

    with pytest.raises(KeyError):
        colour.read(run, each)


def close_it(colour: Any, run: Any, where: int) -> None:
    seen: List[Any] = []
    colour.read(run, lambda part: run.close() if seen.append(part) or len(seen) == where else None)


STOPS = [  # id, the scripts, the number of the part, the number of the connection that is open, the roles in messages
    ("in the first answer", [HOLDING], 1, 0, ["user"]),
    ("at the last part of an answer with calls", [asking(TWO[0])], 2, 0, ["user"]),
    ("in the second answer", [asking(TWO[0]), HOLDING], 3, 1, ["user", "assistant", "tool"]),
]


@pytest.mark.parametrize("scripts, where, number, roles", [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
@pytest.mark.parametrize("leave", [break_it, raise_in_it, close_it])
def test_leaving_closes_the_stream_that_runs_at_once(colour, leave, scripts, where, number, roles):
    with Server(*scripts) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [distance])
        leave(colour, run, where)
        assert server.peer(number).gone.wait(SOON)
        assert len(server.peers) == number + 1
    assert ([message.role for message in run.messages], run.status) == (roles, "cancelled")
    with pytest.raises(StreamClosed):
        colour.result(run)


def test_a_loop_that_leaves_at_the_last_part_of_the_last_answer_has_it_all(colour):
    with Server(asking(TWO[0]), SAYING) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [distance])
        break_it(colour, run, 5)
    assert (told(run)[-1], run.status) == (("assistant", "Far away"), "complete")
    assert colour.result(run).content == "Far away"


def drop_in_a_loop(run: Any) -> None:
    next(iter(run))


def drop_by_hand(run: Any) -> None:
    next(run)


@pytest.mark.parametrize("drop", [drop_in_a_loop, drop_by_hand])
def test_dropping_a_run_closes_its_stream(drop):
    with Server(HOLDING) as server:
        drop(run_tools(Client(server.url), "m", [PROMPT], [distance]))
        assert server.peer().gone.wait(SOON)


def test_dropping_a_run_closes_its_stream_in_a_coroutine_too():
    async def main() -> bool:
        await run_tools(AsyncClient(server.url), "m", [PROMPT], [distance]).__anext__()
        return await asyncio.get_running_loop().run_in_executor(None, server.peer().gone.wait, SOON)

    with Server(HOLDING) as server:
        assert asyncio.run(main())


def test_the_end_of_a_with_block_closes_the_stream(colour):
    def blocking() -> None:
        with run:
            next(run)

    async def awaiting() -> None:
        async with run:
            await run.__anext__()

    with Server(HOLDING) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [distance])
        blocking() if colour is Blocking else asyncio.run(awaiting())
        assert server.peer().gone.wait(SOON)
    assert run.status == "cancelled"


FAILURES = [  # id, the script, class, the text in partial, status
    ("refused", REFUSED, ResponseError, "", "error"),
    ("cut off", CUT, OllamaError, "Far", "truncated"),
    ("without an end", script(part("Far")), IncompleteStream, "Far", "truncated"),
    ("error in the stream", script(part("Far"), b'{"error":"crash"}\n'), ResponseError, "Far", "error"),
    ("no JSON", script(part("Far"), b"<html>\n"), ProtocolError, "Far", "error"),
]


@pytest.mark.parametrize("failure, kind, text, status", [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
@pytest.mark.parametrize("before", [0, 1], ids=["first answer", "second answer"])
def test_an_error_leaves_the_whole_turns(colour, before, failure, kind, text, status):
    with Server(*[asking(TWO[0])] * before, failure) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [distance])
        _, error = read(colour, run)
    assert isinstance(error, kind)
    assert (error.partial.content, run.status) == (text, status)
    assert [message.role for message in run.messages] == ["user"] + ["assistant", "tool"] * before
    with pytest.raises(kind):
        colour.result(run)


# --- runs: what happens during a call ----------------------------------------------------------------------------------


def test_a_keyboard_interrupt_in_a_tool_passes_through(colour):
    with Server(asking(called("tool"))) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [raiser(KeyboardInterrupt())])
        with pytest.raises(KeyboardInterrupt):
            colour.read(run)
        assert len(server.peers) == 1
    assert (told(run), run.status) == ([("user", "How far?")], "cancelled")


def test_closing_in_a_tool_ends_the_run_after_it(colour):
    def stop() -> str:
        run.close()
        return "stopped"

    with Server(asking(called("stop"))) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [stop])
        _, error = read(colour, run)
        assert len(server.peers) == 1
    assert (type(error), str(error)) == (
        StreamClosed, "the stream was closed; go on with a new run from its messages"
    )  # fmt: skip
    assert (told(run)[2:], run.status) == ([("tool", "stopped")], "cancelled")


def test_a_call_inside_a_tool_is_a_call_like_any_other(colour):
    def inner() -> str:
        return str(Client(server.url).chat("m", [PROMPT], stream=True).result().content)

    with Server(asking(called("inner")), script(part("5 km"), part(done=True)), SAYING) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [inner])
        colour.read(run)
    assert told(run)[2:] == [("tool", "5 km"), ("assistant", "Far away")]


def test_cancelling_in_a_tool_passes_through_and_leaves_whole_turns():
    made: List[str] = []

    async def wait(town: str) -> str:
        made.append(town)
        if town == "Bonn":
            asyncio.current_task().cancel()
            await asyncio.sleep(PATIENCE)
        return "5 km"

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            async for _ in run:
                pass

    calls = [called("wait", town=town) for town in ("Ulm", "Bonn", "Jena")]
    with Server(asking(*calls)) as server:
        run = run_tools(AsyncClient(server.url), "m", [PROMPT], [wait])
        asyncio.run(main())
        assert server.peer().gone.wait(SOON)
    assert made == ["Ulm", "Bonn"]
    assert (told(run), run.status) == ([("user", "How far?")], "cancelled")


def test_cancelling_while_the_second_answer_is_awaited_closes_its_stream():
    async def main() -> None:
        seen = 0
        with pytest.raises(asyncio.CancelledError):
            async for _ in run:
                seen += 1
                if seen == 3:
                    asyncio.current_task().cancel()
        assert seen == 3
        assert await asyncio.get_running_loop().run_in_executor(None, server.peer(1).gone.wait, SOON)

    with Server(asking(TWO[0]), HOLDING) as server:
        run = run_tools(AsyncClient(server.url), "m", [PROMPT], [distance])
        asyncio.run(main())
    assert (told(run)[1:], run.status) == ([("assistant", ""), ("tool", "Ulm: 5 km")], "cancelled")


def test_a_second_reader_during_a_call_is_refused_and_the_first_loses_nothing():
    calling = 0

    async def wait() -> str:
        nonlocal calling
        calling += 1
        with pytest.raises(StreamClosed, match="read by another"):
            await run.__anext__()
        return "5 km"

    async def main() -> List[str]:
        texts = []
        with contextlib.suppress(StopAsyncIteration):
            while True:
                texts.append((await run.__anext__()).content)
        return texts

    with Server(asking(called("wait")), SAYING) as server:
        run = run_tools(AsyncClient(server.url), "m", [PROMPT], [wait])
        assert asyncio.run(main()) == ["", "", "Far", " away", ""]
    assert (calling, told(run)[2]) == (1, ("tool", "5 km"))


def test_a_second_loop_is_refused(colour):
    with Server(SAYING) as server:
        run = run_tools(colour.client(server.url), "m", [PROMPT], [distance])
        colour.read(run)
        with pytest.raises(StreamClosed, match="another loop"):
            colour.read(run)


# --- recorded ---------------------------------------------------------------------------------------------------------


def recorded(*names: str) -> Any:
    return serve([os.path.join(RECORDINGS, name + ".exchange.jsonl") for name in names], ignore=["/tools"])


def get_weather(city: str, unit: str = "celsius") -> str:
    return {"Toronto": "-3 °C, light snow", "Paris": "11 °C, sunny"}[city]


def test_the_recorded_parallel_calls_lead_to_the_recorded_results_and_the_answer(colour):
    prompt = "What is the weather in Toronto and Paris?"
    with recorded("chat-tool-calls-parallel", "chat-tool-results") as server:
        run = run_tools(colour.client(server.url), "qwen3:0.6b", prompt, [get_weather], think=False)
        answer = colour.result(run)
    assert answer.content.startswith("In Toronto it is -3 °C with")
    assert [message.role for message in run.messages] == ["user", "assistant", "tool", "tool", "assistant"]
    assert [message.tool_call_id for message in run.messages[2:4]] == ["call_82iykhr5", "call_xk67u16c"]


def test_the_recorded_call_has_its_nested_arguments(colour):
    given: List[Any] = []

    def get_weather(city: str, days: int, detail: Dict[str, Any], note: Optional[str] = None) -> str:
        given.extend([city, days, detail, note])
        raise KeyboardInterrupt

    texts: List[str] = []
    prompt = "What will the weather be in São Paulo?"
    with recorded("chat-tool-call") as server:
        run = run_tools(colour.client(server.url), "qwen3:0.6b", prompt, [get_weather], think=False)
        with pytest.raises(KeyboardInterrupt):
            colour.read(run.text(), texts.append)
    assert texts == ["Let", " me", " look", " that", " up", "."]
    assert given == ["São Paulo", 3, {"hours": [6, 12, 18], "wind": True}, None]


# --- conversations ------------------------------------------------------------------------------------------------------


def test_what_was_said_is_sent_with_what_is_said_next(colour):
    with Server(script(part("5", thinking="Hm"), part(" km"), part(done=True)), SAYING) as server:
        talk = Conversation(colour.client(server.url), "m", system="Be brief.", tools=None, think=True)
        assert colour.result(talk.say("How far?")).content == "5 km"
        texts: List[str] = []
        colour.read(talk.say({"role": "user", "content": "Sure?"}).text(), texts.append)
        second = sent(server, 1)
    assert texts == ["Far", " away"]
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How far?"},
        {"role": "assistant", "content": "5 km", "thinking": "Hm"},
        {"role": "user", "content": "Sure?"},
    ]
    assert second == {"model": "m", "messages": history, "tools": [], "think": True, "stream": True}
    assert talk.messages == [Message(**message) for message in history] + [Message(role="assistant", content="Far away")]


def test_the_calls_of_a_turn_are_kept_with_their_results(colour):
    with Server(asking(*TWO), SAYING, SAYING) as server:
        talk = Conversation(colour.client(server.url), "m", tools=[distance])
        run = talk.say("How far?")
        colour.read(run)
        assert talk.messages == run.messages
        colour.read(talk.say("Sure?"))
        assert [message["role"] for message in sent(server, 2)["messages"]] == [
            "user", "assistant", "tool", "tool", "assistant", "user"
        ]  # fmt: skip
    assert len(talk.messages) == 7


def fail_in_it(colour: Any, run: Any, _where: int) -> None:
    assert read(colour, run).error is not None


def cancel_it(colour: Any, run: Any, where: int) -> None:
    async def main() -> None:
        async for _ in run:
            asyncio.current_task().cancel()

    if colour is Awaiting:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())
    else:
        raise_in_it(colour, run, where)


OUTCOMES = [(leave.__name__, [HOLDING], leave, 1) for leave in (break_it, raise_in_it, close_it, cancel_it)]
OUTCOMES += [(row[0], [row[1]], fail_in_it, 1) for row in FAILURES]
OUTCOMES += [("after calls: " + row[0], [asking(TWO[0]), *row[1]], row[2], row[3] + 2) for row in OUTCOMES]
OUTCOMES += [("the limit", [asking(TWO[0])], fail_in_it, 1)]


@pytest.mark.each(2)
@pytest.mark.parametrize("scripts, leave, where", [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_what_was_not_finished_leaves_the_history_as_it_was(colour, scripts, leave, where):
    with Server(SAYING, *scripts) as server:
        talk = Conversation(colour.client(server.url), "m", tools=[distance], max_rounds=2)
        colour.read(talk.say("How far?"))
        before = list(talk.messages)
        leave(colour, talk.say("Sure?"), where)
    assert (len(before), talk.messages) == (2, before)


def test_a_loop_that_leaves_at_the_last_part_has_finished(colour):
    with Server(SAYING) as server:
        talk = Conversation(colour.client(server.url), "m")
        break_it(colour, talk.say("How far?"), 3)
    assert told(talk) == [("user", "How far?"), ("assistant", "Far away")]


def test_what_is_said_and_never_read_is_not_said(colour):
    talk = Conversation(colour.client("http://127.0.0.1:%d" % closed_port()), "m")
    talk.say("How far?")
    assert talk.messages == []


SYSTEMS = [  # id, system, messages, what they become
    ("none", None, [PROMPT], ["user: How far?"]),
    ("new", "Be brief.", [PROMPT], ["system: Be brief.", "user: How far?"]),
    ("empty history", "Be brief.", [], ["system: Be brief."]),
    ("instead", "Be brief.", [{"role": "system", "content": "Be long."}, PROMPT], ["system: Be brief.", "user: How far?"]),
    ("kept", None, [{"role": "system", "content": "Be long."}], ["system: Be long."]),
]


@pytest.mark.parametrize("system, messages, expected", [row[1:] for row in SYSTEMS], ids=[row[0] for row in SYSTEMS])
def test_the_system_message_comes_first_and_once(colour, system, messages, expected):
    talk = Conversation(colour.client(), "m", system=system, messages=messages)
    assert ["%s: %s" % pair for pair in told(talk)] == expected


def test_images_are_read_once_and_kept(colour, tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG")
    with Server(SAYING) as server:
        talk = Conversation(colour.client(server.url), "m")
        run = talk.say("What is it?", images=[picture, b"GIF8"])
        picture.unlink()
        colour.read(run)
        images = sent(server, 0)["messages"][0]["images"]
    assert [base64.b64decode(image) for image in images] == [b"\x89PNG", b"GIF8"]
    assert talk.messages[0].images == images


def test_images_beside_a_message_are_refused(colour):
    with pytest.raises(RequestError, match="^images: they go with a string; a message has its own$"):
        Conversation(colour.client(), "m").say(PROMPT, images=[b"GIF8"])


SETTINGS = [  # a setting, the beginning of the error
    ({"max_rounds": 0}, "max_rounds: "),
    ({"tools": [3]}, "tools[0]: "),
    ({"messages": [{}]}, "messages[0].role: "),
    ({"system": 3}, "system.content: "),
    ({"think": 5}, "think: "),
]


@pytest.mark.parametrize("wrong, text", SETTINGS, ids=[str(row[0]) for row in SETTINGS])
def test_a_wrong_setting_is_told_when_a_conversation_is_made(colour, wrong, text):
    with pytest.raises(RequestError) as raised:
        Conversation(colour.client(), "m", **wrong)
    assert str(raised.value).startswith(text)


def test_a_wrong_message_is_told_when_it_is_said(colour):
    with pytest.raises(RequestError, match=r"^message\.role: expected"):
        Conversation(colour.client(), "m").say({"content": "Hi"})


# --- files ---------------------------------------------------------------------------------------------------------------

CALLS = Message(role="assistant", content="", tool_calls=[ToolCall.model_validate(call) for call in TWO])
KEPT = [  # id, message
    ("plain", Message(role="user", content="Hi")),
    ("no content", Message(role="user")),
    ("other scripts", Message(role="user", content="你好, Grüße, \U0001f600")),
    ("lone surrogate", Message(role="user", content="\ud800 and \udc80")),
    ("looks like line ends", Message(role="user", content="a\nb\r\nc\x85d\u2028e\u2029f\x0b\x0c\x1c")),
    ("what JSON escapes", Message(role="user", content='"\\\x00\x1b')),
    ("calls", CALLS),
    ("result", Message(role="tool", content="5", tool_name="distance", tool_call_id="a")),
    ("thinking", Message(role="assistant", content="5", thinking="Hm")),
    ("images", Message(role="user", content="?", images=["R0lGOA=="])),
    ("unknown fields", Message.model_validate({"role": "user", "content": "", "mood": {"n": [1, None]}, "get": 2})),
]


@pytest.mark.parametrize("message", [row[1] for row in KEPT], ids=[row[0] for row in KEPT])
def test_a_message_comes_back_from_a_file_as_it_was(colour, message, tmp_path):
    talk = Conversation(colour.client(), "m", messages=[message, PROMPT])
    talk.save(tmp_path / "talk.jsonl")
    again = Conversation.load(tmp_path / "talk.jsonl", colour.client(), "m")
    assert again.messages == talk.messages == [message, Message(**PROMPT)]
    assert len((tmp_path / "talk.jsonl").read_bytes().splitlines()) == 2


def test_a_file_is_json_lines_that_a_person_can_read(colour, tmp_path):
    talk = Conversation(colour.client(), "m", system="Sei kurz.", messages=[dict(PROMPT, content="Wie weit nach Köln?")])
    talk.save(str(tmp_path / "talk.jsonl"))
    assert (tmp_path / "talk.jsonl").read_text(encoding="utf-8") == (
        '{"role":"system","content":"Sei kurz."}\n{"role":"user","content":"Wie weit nach Köln?"}\n'
    )


def test_a_conversation_goes_on_where_the_file_ends(colour, tmp_path):
    path = tmp_path / "talk.jsonl"
    path.write_bytes(b'{"role":"system","content":"Be long."}\r\n\n{"role":"user","content":"Hi"}\n  \n{"role":"assistant"}')
    with Server(SAYING) as server:
        talk = Conversation.load(path, colour.client(server.url), "m", system="Be brief.", tools=[distance])
        colour.read(talk.say("How far?"))
        assert [message.get("content") for message in sent(server, 0)["messages"]] == ["Be brief.", "Hi", None, "How far?"]
    talk.save(path)
    assert Conversation.load(path, colour.client(), "m").messages == talk.messages


def test_an_empty_file_is_a_conversation_that_has_not_begun(tmp_path):
    path = tmp_path / "talk.jsonl"
    Conversation(Client(), "m").save(path)
    assert path.read_bytes() == b""
    assert Conversation.load(path, Client(), "m").messages == []


GOOD_LINE = b'{"role":"user","content":"Hi"}\n'
BROKEN = [  # id, the third line, what the error says of it
    ("half a line", b'{"role":"user","cont', "expected JSON: Unterminated string starting at (column 16)"),
    ("not UTF-8", b'{"role":"user","content":"\xff"}', "expected UTF-8, found byte 0xff at column 27"),
    ("another value", b"[1]", "message: expected a message such as {'role': 'user', 'content': '...'}, got list"),
    ("no role", b'{"content":"Hi"}', "message.role: expected 'system', 'user', 'assistant' or 'tool', got None"),
    ("content", b'{"role":"user","content":3}', "message.content: expected a string, got int"),
    ("thinking", b'{"role":"user","thinking":3}', "message.thinking: expected a string, got a number (3)"),
    ("image", b'{"role":"user","images":["no such"]}',
     "message.images[0]: neither base64, nor a data URL, nor the name of an image file"),
    ("deep", b"[" * 100000, "expected JSON nested at most 256 deep"),
]  # fmt: skip


@pytest.mark.parametrize("data, text", [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_line_is_told_with_file_and_number(data, text, tmp_path):
    path = tmp_path / "talk.jsonl"
    path.write_bytes(GOOD_LINE + b"\n" + data + b"\n" + GOOD_LINE)
    with pytest.raises(RequestError) as raised:
        Conversation.load(path, Client(), "m")
    assert str(raised.value) == "%s, line 3: %s" % (path, text)


def test_a_file_cannot_have_another_file_sent(tmp_path):
    secret, path = tmp_path / "secret.png", tmp_path / "talk.jsonl"
    secret.write_bytes(b"key")
    path.write_bytes(json.dumps({"role": "user", "images": [str(secret)]}).encode("ascii"))
    with pytest.raises(RequestError) as raised:
        Conversation.load(path, Client(), "m")
    assert str(raised.value) == "%s, line 1: message.images: expected base64" % path


@pytest.mark.parametrize("calls", [[], TWO[:1]], ids=["last answer", "answer with calls"])
def test_a_server_cannot_have_a_file_sent(colour, calls, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"key")
    images = ["R0lGOA==", str(secret), "no such file", 3]
    with Server(script(part("", calls, images=images), part(done=True)), SAYING, SAYING) as server:
        talk = Conversation(colour.client(server.url), "m", tools=[distance])
        colour.read(talk.say("How far?"))
        colour.read(talk.say("Sure?"))
        sent_back = sent(server, 1)["messages"][1]
    assert (sent_back["images"], talk.messages[1].images) == (["R0lGOA=="], ["R0lGOA=="])


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RequestError) as raised:
        Conversation.load(tmp_path / "talk.jsonl", Client(), "m")
    assert str(raised.value).startswith("%s: cannot be read: " % (tmp_path / "talk.jsonl"))


@pytest.mark.parametrize("name", ["missing/talk.jsonl", "folder", "a\0b"])
def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(name, tmp_path):
    (tmp_path / "folder").mkdir()
    path = os.path.join(str(tmp_path), name)
    with pytest.raises(RequestError) as raised:
        Conversation(Client(), "m", messages=[PROMPT]).save(path)
    assert str(raised.value).startswith("%s: cannot be written: " % path)
    assert os.listdir(str(tmp_path)) == ["folder"]


def test_messages_that_cannot_be_written_leave_the_old_file(tmp_path):
    path = tmp_path / "talk.jsonl"
    path.write_bytes(GOOD_LINE)
    talk = Conversation(Client(), "m")
    talk.messages.append(Message(role="user", content=b"Hi"))
    with pytest.raises(RequestError, match=r"^messages\[0\]\.content: "):
        talk.save(path)
    assert path.read_bytes() == GOOD_LINE


if os.name == "posix":

    def test_a_link_and_the_mode_of_a_file_are_kept(tmp_path):
        real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
        real.write_bytes(b"")
        real.chmod(0o640)
        link.symlink_to(real)
        Conversation(Client(), "m", messages=[PROMPT]).save(link)
        assert link.is_symlink() and real.stat().st_mode & 0o777 == 0o640
        assert json.loads(real.read_bytes()) == PROMPT

    def test_a_full_disk_leaves_the_old_file(tmp_path):
        path = tmp_path / "talk.jsonl"
        path.write_bytes(GOOD_LINE)
        done = run_python(
            "-c",
            "import resource, sys, ollama_stream as o\n"
            "talk = o.Conversation(o.Client(), 'm', messages=[{'role': 'user', 'content': 'x' * 100000}])\n"
            "sys.dont_write_bytecode = True  # half a module would be kept for others\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
            "try: talk.save(sys.argv[1])\n"
            "except o.RequestError as error: print(str(error).replace(sys.argv[1], 'FILE')[:24])\n",
            str(path),
        )
        assert (done.stdout, done.stderr) == ("FILE: cannot be written:\n", "")
        assert (os.listdir(str(tmp_path)), path.read_bytes()) == (["talk.jsonl"], GOOD_LINE)


def test_importing_the_tools_loads_no_asyncio():
    done = run_python("-c", "import sys, ollama_stream; ollama_stream.run_tools; print('asyncio' in sys.modules)")
    assert (done.stdout, done.stderr) == ("False\n", "")
