"""The progress of pulls: what the server is known to send, and what was recorded."""

from __future__ import annotations

import asyncio
import json
import os
import random
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import support
from support import ROOT, Server, answer, chunk

from ollama_stream import AsyncClient, Client, Progress, ProgressResponse, ResponseError, progress
from ollama_stream.fixture import load

RECORDINGS = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15")
SOON = 1.0  # seconds in which a server must have seen that a client is gone


def layer(name: str, completed: int = 0, total: int = 0, status: str = "") -> Dict[str, Any]:
    """A line as the server writes it: 0 is left out."""
    numbers = {"total": total, "completed": completed}
    given = {key: value for key, value in numbers.items() if value}
    return {"status": status or "pulling " + name, "digest": "sha256:" + name, **given}


def status(text: str) -> Dict[str, Any]:
    return {"status": text}


def seconds(step: float = 1.0) -> Any:
    """A clock that goes on by a step with each look at it."""
    return (number * step for number in range(1 << 30)).__next__


def bytes_of(records: Any) -> List[Tuple[int, int]]:
    return [(seen.completed, seen.total) for seen in progress(records, clock=seconds())]


SUCCESS = status("success")
QUIRKS = [  # id, records, completed and total after each
    ("nothing but statuses", [status("pulling manifest"), SUCCESS], [(0, 0), (0, 0)]),
    ("one layer", [layer("a", 0, 9), layer("a", 4, 9), layer("a", 9, 9), SUCCESS], [(0, 9), (4, 9), (9, 9), (9, 9)]),
    ("layers one after the other", [layer("a", 4, 9), layer("a", 9, 9), layer("b", 1, 5)], [(4, 9), (9, 9), (10, 14)]),
    ("layers in turns", [layer("a", 4, 9), layer("b", 1, 5), layer("a", 6, 9)], [(4, 9), (5, 14), (7, 14)]),
    ("completed is missing", [layer("a", 0, 9), layer("a", 4, 9), layer("a", 0, 9)], [(0, 9), (4, 9), (4, 9)]),
    ("the total comes late", [layer("a", 4), layer("a", 5, 9)], [(4, 4), (5, 9)]),
    ("the total is missing later", [layer("a", 4, 9), layer("a", 5)], [(4, 9), (5, 9)]),
    ("neither number", [layer("a"), layer("a", 4, 9)], [(0, 0), (4, 9)]),
    ("a total that grows", [layer("a", 4, 9), layer("a", 4, 12)], [(4, 9), (4, 12)]),
    ("a total that shrinks", [layer("a", 4, 9), layer("a", 4, 5)], [(4, 9), (4, 9)]),
    ("more than there is", [layer("a", 4, 9), layer("a", 12, 9)], [(4, 9), (12, 12)]),
    ("the same line again", [layer("a", 4, 9)] * 3, [(4, 9)] * 3),
    ("a part is tried again", [layer("a", 6, 9), layer("a", 2, 9), layer("a", 7, 9)], [(6, 9), (6, 9), (7, 9)]),
    ("there already", [layer("a", 9, 9), layer("b", 5, 5), SUCCESS], [(9, 9), (14, 14), (14, 14)]),
    ("resumed", [layer("a", 6, 9), layer("a", 8, 9)], [(6, 9), (8, 9)]),
    ("the last line is below the total", [layer("a", 8, 9), status("verifying sha256 digest"), SUCCESS],
     [(8, 9), (8, 9), (9, 9)]),
    ("one digest for the whole model", [layer("model", 3, 9, "pulling model"), layer("model", 9, 9, "pulling model")],
     [(3, 9), (9, 9)]),
    ("a digest of zeros", [layer("0" * 19, 3, 9, "quantizing F16 model to Q4_K_M")], [(3, 9)]),
    ("no digest", [{"status": "copying", "total": 9}, {"status": "copying", "total": 9, "completed": 3}], [(0, 9), (3, 9)]),
    ("no digest, two of them", [{"status": "copying", "total": 9}, {"status": "moving", "total": 9}], [(0, 9), (0, 18)]),
    ("null", [{"status": "pulling a", "digest": "a", "total": 9, "completed": None}], [(0, 9)]),
    ("below zero", [layer("a", -4, 9), layer("a", 2, -1)], [(0, 9), (2, 9)]),
    ("no numbers", [{"status": 3, "digest": [], "total": "9", "completed": 2.5}], [(0, 0)]),
    ("more than a float can count", [layer("a", 1 << 80, 1 << 81)], [(1 << 80, 1 << 81)]),
]  # fmt: skip


@pytest.mark.parametrize("records, expected", [row[1:] for row in QUIRKS], ids=[row[0] for row in QUIRKS])
def test_bytes_are_added_up_over_all_layers(records, expected):
    assert bytes_of(records) == expected


@pytest.mark.parametrize("records, expected", [row[1:] for row in QUIRKS[:-2]], ids=[row[0] for row in QUIRKS[:-2]])
def test_records_and_dicts_are_the_same(records, expected):
    assert bytes_of([ProgressResponse.model_validate(record) for record in records]) == expected


def test_the_status_is_the_last_one_told():
    records = [status("pulling manifest"), layer("a", 4, 9), {"digest": "sha256:a"}, {"status": ""}, status("couldn't x")]
    told = [seen.status for seen in progress(records)]
    assert told == ["pulling manifest", "pulling a", "pulling a", "pulling a", "couldn't x"]


@pytest.mark.parametrize("seed", support.seeds(30))
def test_completed_and_total_never_fall_and_meet_at_the_end(seed):
    rng = random.Random(seed)
    records = [layer(rng.choice("abc"), rng.randrange(-1, 9), rng.randrange(-1, 9)) for _ in range(40)] + [SUCCESS]
    seen = bytes_of(records)
    assert seen == sorted(seen) and [total for _, total in seen] == sorted(total for _, total in seen)
    assert all(completed <= total for completed, total in seen)
    assert seen[-1][0] == seen[-1][1]


RATES = [  # id, seconds between records, records, bytes a second after each
    ("steady", 1.0, [layer("a", 10 * n, 90) for n in range(4)], [0.0, 10.0, 10.0, 10.0]),
    ("quick", 0.5, [layer("a", 10 * n, 90) for n in range(3)], [0.0, 20.0, 20.0]),
    ("nothing has moved yet", 1.0, [status("pulling manifest"), layer("a", 4, 9)], [0.0, 0.0]),
    ("there already", 1.0, [layer("a", 900, 900), layer("b", 10, 90), layer("b", 20, 90)], [0.0, 0.0, 5.0]),
    ("resumed", 1.0, [layer("a", 800, 900), layer("a", 810, 900)], [0.0, 10.0]),
    ("what is fetched again counts once", 1.0, [layer("a", n, 90) for n in (0, 40, 20, 40, 50)], [0, 40.0, 20.0, 40 / 3, 12.5]),
    ("older than the window", 2.0, [layer("a", n, 90) for n in (0, 60, 60, 60, 60)], [0.0, 30.0, 15.0, 10.0, 0.0]),
    ("just the window", 5.0, [layer("a", n, 90) for n in (0, 50, 60)], [0.0, 10.0, 2.0]),
    ("after a long silence", 100.0, [layer("a", n, 90) for n in (0, 50, 60)], [0.0, 0.5, 0.1]),
    ("between layers", 1.0, [layer("a", 0, 9), layer("a", 9, 9), layer("b", 0, 9), layer("b", 9, 9)], [0, 9.0, 4.5, 6.0]),
    ("a clock that stands", 0.0, [layer("a", 1, 90), layer("a", 50, 90)], [0.0, 0.0]),
    ("a clock that goes back", -1.0, [layer("a", 1, 90), layer("a", 50, 90)], [0.0, 0.0]),
]  # fmt: skip


@pytest.mark.parametrize("step, records, expected", [row[1:] for row in RATES], ids=[row[0] for row in RATES])
def test_the_rate_is_that_of_the_last_seconds(step, records, expected):
    assert [seen.rate for seen in progress(records, clock=seconds(step))] == pytest.approx(expected)


def test_many_records_in_a_short_time_are_not_all_remembered():
    from ollama_stream.tools.meter import Meter

    meter = Meter(seconds(0.0001))
    for completed in range(30000):
        last = meter.add(layer("a", completed, 30000))
    assert last.rate == pytest.approx(10000.0)
    assert len(meter._samples) < 200


# --- recorded ---------------------------------------------------------------------------------------------------------

PULLS = [  # name, the sizes of its layers as told, the rate at the end lies between (bytes a second)
    ("pull", [98362432], (20e6, 60e6)),
    ("pull-again", [98362432, 171, 68, 59, 488], (0.0, 0.0)),
    ("push", [98362432, 171, 68, 59, 488], (1e6, 60e6)),
]


@pytest.mark.parametrize("name, sizes, rates", PULLS, ids=[row[0] for row in PULLS])
def test_a_recorded_transfer_is_measured(name, sizes, rates):
    events = [event for event in load(os.path.join(RECORDINGS, name + ".exchange.jsonl")).events if event.kind == "chunk"]
    records = [json.loads(event.data) for event in events]
    # The clock is looked at from the first record of a layer on.
    times = iter([event.time for event in events if event.data != events[0].data])
    seen = list(progress(records, clock=times.__next__))
    assert [progress.status for progress in seen] == [record["status"] for record in records]
    assert seen[-1][:3] == ("success", sum(sizes), sum(sizes))
    assert [progress.completed for progress in seen] == sorted(progress.completed for progress in seen)
    assert [progress.total for progress in seen] == sorted(progress.total for progress in seen)
    assert rates[0] <= seen[-1].rate <= rates[1]


# --- over a connection, in both colours ----------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"


def script(*records: Any) -> Any:
    return answer(HEAD, *[chunk(json.dumps(record).encode("ascii") + b"\n") for record in records])


def read(client: Any, leave: bool = False) -> Iterator[Progress]:
    for seen in progress(client.pull("m", stream=True), clock=seconds()):
        yield seen
        if leave:
            break


def read_async(client: Any, leave: bool = False) -> Iterator[Progress]:
    async def main() -> List[Progress]:
        found = []
        async for seen in progress(client.pull("m", stream=True), clock=seconds()):
            found.append(seen)
            if leave:
                break
        return found

    return iter(asyncio.run(main(), debug=True))


COLOURS = [pytest.param(Client, read, id="sync"), pytest.param(AsyncClient, read_async, id="async")]


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_a_stream_is_measured_as_it_comes(colour, reader):
    with Server(script(status("pulling manifest"), layer("a", 4, 9), layer("a", 8, 9), SUCCESS)) as server:
        assert list(reader(colour(server.url))) == [
            ("pulling manifest", 0, 0, 0.0),
            ("pulling a", 4, 9, 0.0),
            ("pulling a", 8, 9, 4.0),
            ("success", 9, 9, 2.0),
        ]


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_leaving_the_loop_closes_the_stream(colour, reader):
    with Server(script(status("pulling manifest"))) as server:
        assert list(reader(colour(server.url), leave=True)) == [("pulling manifest", 0, 0, 0.0)]
        assert server.peer().gone.wait(SOON)


@pytest.mark.parametrize("colour, reader", COLOURS)
def test_what_the_stream_raises_comes_through(colour, reader):
    with Server(script(layer("a", 4, 9), {"error": "file does not exist"})) as server:
        with pytest.raises(ResponseError, match="file does not exist"):
            list(reader(colour(server.url)))
