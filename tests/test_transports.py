"""``Replaying``: fixtures instead of a network, at once or at their pace, in both colours."""

import asyncio
import os
import time

import pytest

from ollama_stream import AsyncClient, Client, FixtureError, OllamaTimeout, RequestError, Timeout
from ollama_stream.fixture import load
from ollama_stream.transports import Replaying

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAUSE = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15", "chat-pause.exchange.jsonl")
ASK = [{"role": "user", "content": "x"}]
LENGTH = list(load(PAUSE).wire())[-1][0]  # seconds


def read(client):
    return "".join(client.stream_chat("m", ASK))


def read_async(client):
    async def main():
        return "".join([text async for text in client.stream_chat("m", ASK)])

    return asyncio.run(main())


COLOURS = [pytest.param(Client, read, id="sync"), pytest.param(AsyncClient, read_async, id="async")]


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_scaled_replay_takes_its_share_of_the_recorded_time(colour, reader):
    start = time.monotonic()
    assert reader(colour(transport=Replaying(PAUSE, level="any", speed=8.0)))
    assert time.monotonic() - start >= LENGTH / 8  # it cannot be faster; how much slower is the machine's affair


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


@pytest.mark.parametrize("speed", [0, -1.0, float("nan")])
def test_a_speed_is_above_0(speed):
    with pytest.raises(RequestError, match="speed: a number above 0"):
        Replaying(PAUSE, speed=speed)
