# SPDX-License-Identifier: MIT
"""The progress of a pull, push or create over all its layers: ProgressResponse records go in, Progress comes out.

The server tells of one layer at a time (Ollama API, pull). No clock but the given one, no I/O but that of the records.
"""

from __future__ import annotations

import time
from collections import deque
from typing import (
    Any, AsyncIterable, AsyncIterator, Callable, Deque, Dict, Iterable, Iterator, NamedTuple, Tuple, overload,
)  # fmt: skip

WINDOW = 5.0  # seconds over which the rate is taken


class Progress(NamedTuple):
    """How far a pull, push or create is, over all layers seen so far; ``status`` is the server's word for it.

    ``completed`` and ``total`` are bytes, never fall, and are equal at the end; ``total`` grows with each layer that
    turns up. ``rate`` is in bytes a second, over the last 5 seconds.

    >>> import ollama_stream as ollama
    >>> for now in ollama.progress(ollama.pull("smollm2:135m", stream=True)): pass
    >>> now.status, now.completed == now.total
    ('success', True)
    """

    status: str
    completed: int
    total: int
    rate: float


@overload
def progress(records: Iterable[Any], *, clock: Callable[[], float] = ...) -> Iterator[Progress]: ...
@overload
def progress(records: AsyncIterable[Any], *, clock: Callable[[], float] = ...) -> AsyncIterator[Progress]: ...


def progress(records: Any, *, clock: Callable[[], float] = time.monotonic) -> Any:
    """A Progress for each record of a pull, push or create, as it comes.

    ``records`` may be asynchronous, and hold dicts; ``clock`` tells the time in seconds. Raises what ``records`` raise.

    >>> import ollama_stream as ollama
    >>> list(ollama.progress(ollama.pull("smollm2:135m", stream=True)))[-1].status
    'success'
    """
    meter = Meter(clock)
    return map(meter.add, records) if hasattr(records, "__iter__") else AsyncProgress(meter, records.__aiter__())


class AsyncProgress:
    def __init__(self, meter: Meter, records: AsyncIterator[Any]) -> None:
        self._meter, self._records = meter, records

    def __aiter__(self) -> AsyncProgress:
        return self

    async def __anext__(self) -> Progress:
        return self._meter.add(await self._records.__anext__())


class Meter:
    """Adds up the layers (Ollama API, pull).

    A layer may be told of again, fall back when a part of it is tried again, learn its size late, and end below it.
    What it had when it first turned up was there before, or came unseen: it is completed, but no part of the rate.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._layers: Dict[str, Tuple[int, int]] = {}  # completed and total by digest
        self._samples: Deque[Tuple[float, int]] = deque()  # when how much had moved
        self._status = ""
        self._completed = self._total = self._moved = 0

    def add(self, record: Any) -> Progress:
        self._status = str(record.get("status") or self._status)
        completed, total = (n if isinstance(n, int) else 0 for n in (record.get("completed"), record.get("total")))
        layer = str(record.get("digest") or self._status)
        if completed or total:
            before = self._layers.get(layer, (0, 0))
            completed = max(before[0], completed)
            total = max(before[1], completed, total)
            self._completed += completed - before[0]
            self._total += total - before[1]
            self._moved += completed - before[0] if layer in self._layers else 0
            self._layers[layer] = completed, total
        if self._status == "success":
            self._completed = self._total
        return Progress(self._status, self._completed, self._total, self._rate() if self._layers else 0.0)

    def _rate(self) -> float:
        now, samples = self._clock(), self._samples
        if not samples or now - samples[-1][0] >= WINDOW / 100:
            samples.append((now, self._moved))
        while len(samples) > 1 and samples[1][0] <= now - WINDOW:
            samples.popleft()
        since, moved = samples[0]
        return (self._moved - moved) / (now - since) if now > since else 0.0
