"""How far apart the times of a recording and of the recording of its replay are; ``python3 tests/drift.py`` prints it."""

from __future__ import annotations

import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from ollama_stream import Client
from ollama_stream.fixture import load, load_folder
from ollama_stream.proxy import record
from ollama_stream.replay import serve

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STREAM = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15", "chat-stream.exchange.jsonl")


def replay_drift(path: str = STREAM, speed: float = 1.0) -> float:
    """The 95th percentile of the differences, in seconds, over the events of one exchange.

    The file is played at ``speed`` to a client that asks through the recording proxy, and what that wrote is compared
    with the file, event by event.
    """
    original = load(path)
    with tempfile.TemporaryDirectory() as folder:
        with serve(original, level="any", speed=speed) as server, record(folder, upstream=server.url) as recording:
            for _ in Client(recording.url, trust_env=False).stream_chat("m", "x"):
                pass
        (copy,) = load_folder(folder)
    pairs = list(zip(original.events, copy.events))
    assert len(pairs) == len(original.events) == len(copy.events) > 20
    differences = sorted(abs(before.time / speed - after.time) for before, after in pairs)
    return differences[int(len(differences) * 0.95)]


if __name__ == "__main__":
    start = time.monotonic()
    print("replay drift, 95th percentile: %.2f ms (in %.1f s)" % (replay_drift() * 1e3, time.monotonic() - start))
