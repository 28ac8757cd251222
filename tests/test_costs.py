"""What a record and a call cost, in Python calls: the one figure that no busy machine blurs. Seconds: ``bench.py live``."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import threading
from typing import Any, Callable, List

from support import CHAT, DONE, HEAD, LAST_CHUNK, LINE, ROOT, Server, answer, chunk

from ollama_stream import AsyncClient, Client

PACKAGE = os.path.join(ROOT, "ollama_stream")
RECORDS = 30  # each comes alone: the server waits for the reader to ask for it


class Counter:
    """Counts the calls of the package's functions in this thread, a coroutine that goes on included."""

    def __init__(self) -> None:
        self.names: List[str] = []

    def __enter__(self) -> List[str]:
        sys.setprofile(self._see)
        return self.names

    def __exit__(self, *_exception: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: Any, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            self.names.append("%s:%s" % (os.path.basename(frame.f_code.co_filename), frame.f_code.co_name))


class OneByOne:
    """A server that sends the next record when ``go_on`` is called."""

    def __init__(self) -> None:
        self._asked = threading.Semaphore(0)
        self._wait: Callable[[Any], None] = lambda _peer: self._asked.acquire() and None
        steps: List[Any] = [HEAD]
        for _ in range(RECORDS):
            steps += [self._wait, chunk(LINE)]
        self.server = Server(answer(*steps, self._wait, chunk(DONE), LAST_CHUNK))

    def go_on(self) -> None:
        self._asked.release()


def median(counted: List[List[str]]) -> int:
    # The first records make what the others use; and one that found the next beside it would look cheap.
    usual = statistics.median_high([len(names) for names in counted[5:]])
    assert len(counted) == RECORDS
    print("\n".join(next(names for names in counted[5:] if len(names) == usual)))
    return usual


def test_a_record_that_comes_alone_takes_twenty_calls() -> None:
    source, counted = OneByOne(), []
    with source.server as server:
        stream = Client(server.url).chat(stream=True, **CHAT)
        for _ in range(RECORDS):
            source.go_on()
            with Counter() as names:
                next(stream)
            counted.append(names)
        source.go_on()
        assert [record.done for record in stream] == [True]
    assert median(counted) <= 20


def test_a_record_that_comes_alone_takes_thirty_calls_in_a_coroutine() -> None:
    source, counted = OneByOne(), []

    async def main(url: str) -> None:
        stream = AsyncClient(url).chat(stream=True, **CHAT)
        for _ in range(RECORDS):
            asyncio.get_running_loop().call_later(0.002, source.go_on)  # when it waits
            with Counter() as names:
                await stream.__anext__()
            counted.append(names)
        source.go_on()
        assert [record.done async for record in stream] == [True]

    with source.server as server:
        asyncio.run(main(server.url))
    assert median(counted) <= 30
