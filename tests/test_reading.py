"""How a stream is read and left: its iterator, who closes it, what it says of itself. Both colours."""

import asyncio
import threading

import pytest
import support
from support import DONE, GOOD, HEAD, LINE, SOON, Bytes, Server, answer, chunk, line

from ollama_stream import AsyncClient, Client, Conversation, StreamClosed, run_tools

ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PROGRESS = b'{"status":"pulling a","digest":"a","total":9,"completed":3}\n'


def streams(client):
    """What can be iterated, and what is read of it."""
    return [
        ("stream", client.chat(stream=True, **ASK), ["Hi", ""]),
        ("texts", client.stream_chat("m", "hi"), ["Hi"]),
        ("run", run_tools(client, "m", "hi", []), ["Hi", ""]),
        ("conversation", Conversation(client, "m").say("hi"), ["Hi", ""]),
        ("texts of a run", run_tools(client, "m", "hi", []).text(), ["Hi"]),
    ]


KINDS = [name for name, _, _ in streams(Client())]


def text_of(part):
    return part if isinstance(part, str) else part.text


@pytest.mark.parametrize("kind", KINDS, ids=["259-" + kind for kind in KINDS])
def test_the_iterator_of_a_stream_is_the_stream_and_reads_nothing(kind):
    transport = Bytes(GOOD)
    stream, parts = next(row[1:] for row in streams(Client(transport=transport)) if row[0] == kind)
    assert iter(stream) is stream and iter(iter(stream)) is stream
    assert transport.sent == b""
    assert [text_of(part) for part in stream] == parts


@pytest.mark.parametrize("kind", KINDS, ids=["259-" + kind for kind in KINDS])
def test_the_iterator_of_a_stream_is_the_stream_in_a_coroutine_too(kind):
    async def main():
        transport = Bytes(GOOD)
        stream, parts = next(row[1:] for row in streams(AsyncClient(transport=transport)) if row[0] == kind)
        assert stream.__aiter__() is stream
        assert transport.sent == b""
        assert [text_of(part) async for part in stream] == parts

    support.run(main())


def by_for(stream):
    found = []
    for part in stream:
        found.append(part.text)
    return found


CONSUMERS = [by_for, lambda s: [p.text for p in s], lambda s: [p.text for p in list(s)], lambda s: [p.text for _, p in enumerate(s)],
             lambda s: [p.text for p in (yield_from(s))], lambda s: [next(s).text, *(p.text for p in s)]]  # fmt: skip


def yield_from(stream):
    yield from stream


@pytest.mark.parametrize("consume", CONSUMERS, ids=["for", "comprehension", "list", "enumerate", "yield from", "next, for"])
def test_every_way_of_iterating_reads_it_all(consume):
    stream = Client(transport=Bytes(GOOD)).chat(stream=True, **ASK)
    iter(stream)
    assert (consume(stream), stream.status) == (["Hi", ""], "complete")
    with pytest.raises(StreamClosed, match="has been read by another loop"):
        by_for(stream)


def test_a_for_statement_that_is_left_closes_a_stream_that_has_a_name():
    with Server(answer(HEAD, chunk(LINE))) as server:
        stream = iter(Client(server.url).chat(stream=True, **ASK))
        for _ in stream:
            break
        assert server.peer().gone.wait(SOON)
        assert stream.status == "cancelled"


# --- close() ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_closing_in_the_body_of_its_own_loop_ends_the_loop(kind):
    with Server(answer(HEAD, chunk(LINE), chunk(line("!")), chunk(DONE))) as server:
        stream = next(row[1] for row in streams(Client(server.url)) if row[0] == kind)
        seen = []
        for part in stream:
            seen.append(text_of(part))
            stream.close()
        assert server.peer().gone.wait(SOON)
    assert seen == ["Hi"]
    if hasattr(stream, "status"):
        assert stream.status == "cancelled"
        with pytest.raises(StreamClosed):
            stream.result()


@pytest.mark.parametrize("kind", KINDS)
def test_closing_in_the_body_of_its_own_loop_ends_the_loop_in_a_coroutine_too(kind):
    async def main(server):
        stream = next(row[1] for row in streams(AsyncClient(server.url)) if row[0] == kind)
        seen = []
        async for part in stream:
            seen.append(text_of(part))
            stream.close()
        assert seen == ["Hi"]
        if hasattr(stream, "status"):
            assert stream.status == "cancelled"
            with pytest.raises(StreamClosed):
                await stream.result()

    with Server(answer(HEAD, chunk(LINE), chunk(line("!")), chunk(DONE))) as server:
        support.run(main(server))
        assert server.peer().gone.wait(SOON)


def test_what_has_arrived_is_not_handed_out_after_close_in_the_body():
    stream = Client(transport=Bytes(HEAD + chunk(LINE * 3) + chunk(DONE))).chat(stream=True, **ASK)
    seen = []
    for part in stream:
        seen.append(part.text)
        stream.close()
    assert seen == ["Hi"]


def test_another_thread_that_closes_between_two_records_is_no_end_of_the_loop():
    stream = Client(transport=Bytes(HEAD + chunk(LINE * 3) + chunk(DONE))).chat(stream=True, **ASK)
    with pytest.raises(StreamClosed, match="^the stream was closed$"):
        for _ in stream:
            thread = threading.Thread(target=stream.close)
            thread.start()
            thread.join(support.PATIENCE)


def test_another_task_that_closes_between_two_records_is_no_end_of_the_loop():
    async def main():
        async def close():
            stream.close()

        stream = AsyncClient(transport=Bytes(HEAD + chunk(LINE * 3) + chunk(DONE))).chat(stream=True, **ASK)
        with pytest.raises(StreamClosed, match="^the stream was closed$"):
            async for _ in stream:
                await asyncio.ensure_future(close())

    support.run(main())


def test_a_reader_that_waits_for_a_record_in_another_task_is_told():
    async def main(server):
        stream = AsyncClient(server.url).chat(stream=True, **ASK)
        first = asyncio.Event()

        async def read():
            async for _ in stream:
                first.set()

        reader = asyncio.ensure_future(read())
        await asyncio.wait_for(first.wait(), support.PATIENCE)
        await support.settle()
        stream.close()
        with pytest.raises(StreamClosed):
            await reader

    with Server(answer(HEAD, chunk(LINE))) as server:
        support.run(main(server))


# --- what it says of itself -------------------------------------------------------------------------------------------


def test_a_stream_says_what_it_is_its_state_and_how_far_it_is(colour):
    stream = colour.client("http://u:p@gpu-box", transport=Bytes(GOOD)).chat(stream=True, **ASK)
    name = "Stream" if colour.name == "blocking" else "AsyncStream"
    form = "<%s of POST http://gpu-box:80/api/chat: %%s, %%d characters>" % name
    assert repr(stream) == str(stream) == form % ("open", 0)
    next(stream)
    assert repr(stream) == form % ("open", 2)
    stream.result()
    assert repr(stream) == form % ("complete", 2)


def test_a_stream_of_progress_says_how_far_it_is(colour):
    stream = colour.client("gpu-box", transport=Bytes(HEAD + chunk(PROGRESS))).pull("m", stream=True)
    name = "Stream" if colour.name == "blocking" else "AsyncStream"
    assert repr(stream) == "<%s of POST http://gpu-box:11434/api/pull: open>" % name
    next(stream)
    assert repr(stream) == "<%s of POST http://gpu-box:11434/api/pull: open, pulling a, 3 of 9 bytes>" % name


def test_texts_runs_and_conversations_say_what_they_are():
    client = Client("gpu-box", transport=Bytes(GOOD))
    place = "POST http://gpu-box:11434/api/chat: open, 0 characters>"
    assert repr(client.stream_chat("m", "hi")) == "<Texts of <Stream of %s>" % place
    assert repr(run_tools(client, "m", "hi", [])) == "<ToolRun of %s" % place
    talk = Conversation(client, "m", system="Be brief.")
    assert repr(talk) == "<Conversation with m: 1 messages>"


def test_fields_of_one_turn_hold_for_that_turn_alone(colour):
    transport = Bytes(GOOD)
    talk = Conversation(colour.client(transport=transport).target if colour.name == "async" else Client(transport=transport), "m",
                        options={"seed": 1})  # fmt: skip
    run = talk.say("hi", options={"seed": 2}, think="low")
    assert run._exchange.request.body is None or b'"seed":2' in run._exchange.exchange.request.body
    assert b'"think":"low"' in run._exchange.exchange.request.body
    assert b'"seed":1' in talk.say("hi")._exchange.exchange.request.body
