"""Prints the figures of the README: ``python3 tests/bench.py [SECTION]...``, all of them if none is named.

Sections: records, imports, streams, threads, closing, drift, proxy.

Medians over several runs, each figure beside its peer in the same run. What the records come from is a server in a
process of its own on loopback, and what is measured is a fresh process too: only the client's work is counted, and only
its memory. The official client is measured where it can be imported.
"""

import asyncio
import gc
import importlib
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from ollama_stream import Client  # noqa: E402

RECORDS = 20000
RUNS = 5
MANY = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15", "chat-many-chunks.exchange.jsonl")
LENGTH, STREAMS = 200, 1000  # records a stream, streams at once
THREADS, EACH = 64, 50
ASK = [{"role": "user", "content": "Please count to 1000."}]
HAVE_OFFICIAL = importlib.util.find_spec("ollama") is not None


def child(function, *arguments):
    """What a function of this file returns in a process of its own."""
    with started(function, *arguments) as process:
        return json.loads(process.stdout.read())


def started(function, *arguments):
    command = [sys.executable, os.path.abspath(__file__), "@" + function, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@contextmanager
def server(function, *arguments):
    """The URL of a server in another process."""
    with started(function, *arguments) as process:
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.kill()


def median(rows):
    return [statistics.median(column) for column in zip(*rows)]


# --- records: one stream in bulk ---

LINE = (
    b'{"model":"llama3.2","created_at":"2026-11-22T21:36:43.399140778Z",'
    b'"message":{"role":"assistant","content":"Let"},"done":false}\n'
)
LAST = LINE.replace(b"false", b'true,"done_reason":"stop"')


def serve_bulk():
    listener = socket.create_server(("127.0.0.1", 0))
    print("http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (len(LINE), LINE)
    end = b"%x\r\n%s\r\n0\r\n\r\n" % (len(LAST), LAST)
    while True:
        client, _ = listener.accept()
        client.recv(65536)
        client.sendall(head + chunk * RECORDS + end)
        client.close()


def stream_of(url):
    """CPU seconds a record of a stream in bulk, socket to dataclass."""
    client = Client(url)
    start, count = time.process_time(), 0
    for _record in client.chat("llama3.2", ASK, stream=True):
        count += 1
    assert count == RECORDS + 1
    return (time.process_time() - start) / count


def loads_of_line():
    start, text = time.process_time(), LINE.decode()
    for _ in range(RECORDS):
        json.loads(text)
    return (time.process_time() - start) / RECORDS


def records():
    with server("serve_bulk") as url:
        stream_of(url)
        pairs = [(stream_of(url), loads_of_line()) for _ in range(RUNS)]
    ours, peer = median(pairs)
    ratio = statistics.median(a / b for a, b in pairs)
    print("a streamed chat record, socket to dataclass: %.2f us CPU" % (ours * 1e6))
    print("  json.loads of its line:                    %.2f us; ratio %.2f (median of %d)" % (peer * 1e6, ratio, RUNS))


def seconds(code):
    start = time.perf_counter()
    subprocess.check_call([sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=ROOT))
    return time.perf_counter() - start


def imports():
    codes = ["pass", "import json, dataclasses", "import ollama_stream", "from ollama_stream import Client, chat"]
    codes += ["import ollama"] * HAVE_OFFICIAL
    for code in codes:
        seconds(code)
    bare, *others = median([[seconds(code) for code in codes] for _ in range(15)])
    for code, took in zip(codes[1:], others):
        print("%-42s %6.1f ms" % (code + ":", (took - bare) * 1e3))


# --- streams: a thousand at once on one AsyncClient ---


def serve_many():
    """The replay server, with an answer of LENGTH records that its clients may have as often as they like."""
    from dataclasses import replace

    from ollama_stream.fixture import load
    from ollama_stream.replay import serve

    whole = load(MANY)
    fixture = replace(whole, events=whole.events[: LENGTH + 1] + whole.events[-2:])
    with serve(fixture, repeat="last", level="any") as running:
        print(running.url, flush=True)
        threading.Event().wait()


def client_of(colour, url):
    package = importlib.import_module("ollama" if "official" in colour else "ollama_stream")
    return (package.AsyncClient if "async" in colour else package.Client)(url)


def read(client):
    count = 0
    for record in client.chat(model="llama3.2", messages=ASK, stream=True):
        count += 1
    return count if record.done else 0


async def read_async(client):
    count = 0
    async for record in await client.chat(model="llama3.2", messages=ASK, stream=True):
        count += 1
    return count if record.done else 0


def measured(colour, url):
    """What the streams cost: those of the async colours at once, the others one after the other."""
    import resource

    async def together(client):
        counts = await asyncio.gather(*[read_async(client) for _ in range(STREAMS)])
        return counts, len(asyncio.all_tasks()) - 1

    client, tasks = client_of(colour, url), 0
    start, before = time.process_time(), open_files()
    if "async" in colour:
        counts, tasks = asyncio.run(together(client))
    else:
        counts = [read(client) for _ in range(STREAMS)]
    cpu = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    del client  # and with it the connections that rest
    gc.collect()
    lost, files = LENGTH * STREAMS - sum(counts), open_files() - before
    return [counts.count(LENGTH), lost, cpu / sum(counts) * 1e6, peak, files, tasks]


def open_files():
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


def streams():
    colours = ["async", "blocking"] + ["official async", "official blocking"] * HAVE_OFFICIAL
    print("%d streams of %d records; async: all at once, blocking: one after the other" % (STREAMS, LENGTH))
    with server("serve_many") as url:
        rounds = [[child("measured", colour, url) for colour in colours] for _ in range(3)]
    for colour, rows in zip(colours, zip(*rounds)):
        ratio = statistics.median(row[2] / blocking[2] for row, (_, blocking, *_) in zip(rows, rounds))
        complete, lost, cpu, peak, files, tasks = median(rows)
        print("  %s: complete %d, records lost %d;" % (colour, complete, lost), end=" ")
        print("CPU a record %.1f us, %.2f of blocking;" % (cpu, ratio), end=" ")
        print("peak %.0f MB; left: %d files, %d tasks" % (peak, files, tasks))


def in_threads(url):
    client, counts = Client(url), []
    workers = [threading.Thread(target=lambda: counts.extend(map(read, [client] * EACH))) for _ in range(THREADS)]
    before, start, wall = open_files(), time.process_time(), time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    cpu, wall = time.process_time() - start, time.perf_counter() - wall
    client.close()
    return [counts.count(LENGTH), cpu / sum(counts) * 1e6, wall, open_files() - before]


def threads():
    with server("serve_many") as url:
        complete, cpu, wall, files = child("in_threads", url)
    print("%d threads, %d streams of %d records each, on one Client:" % (THREADS, EACH, LENGTH), end=" ")
    print("complete %d; CPU a record %.1f us; %.1f s; files left %d" % (complete, cpu, wall, files))


# --- closing: from leaving a stream to the server's seeing it ---


def leave(way, client):
    """Leave a stream of the blocking client; the moment of leaving."""
    stream = client.chat("llama3.2", ASK, stream=True)
    first, left = threading.Event(), 0.0
    if way == "close() in a thread":
        threading.excepthook = lambda _: None  # the reader ends with StreamClosed
        reader = threading.Thread(target=lambda: [first.set() for _ in stream])
        reader.start()
        first.wait()
    elif way != "break":
        next(stream)
    else:
        for _ in stream:
            left = time.perf_counter()
            break
    left = left or time.perf_counter()
    if way.startswith("close()"):
        stream.close()
    return left


async def leave_async(way, client):
    stream = await client.chat("llama3.2", ASK, stream=True)
    first = asyncio.Event()

    async def loop():
        async for _ in stream:
            first.set()
            if way == "break":
                return time.perf_counter()

    task = asyncio.ensure_future(loop())
    await first.wait()
    left = await task if way == "break" else time.perf_counter()
    if way == "close()":
        stream.close()
    task.cancel()
    await asyncio.wait([task], timeout=0.05)
    return left


def until_seen(colour, way):
    """Milliseconds from leaving until the server sees the end; it holds the stream after the first record."""
    from support import HEAD, LINE, Server, answer, chunk

    with Server(answer(HEAD, chunk(LINE))) as holding:
        client, ended = client_of(colour, holding.url), []
        watcher = threading.Thread(target=lambda: holding.peer().gone.wait() and ended.append(time.perf_counter()))
        watcher.start()
        left = asyncio.run(leave_async(way, client)) if "async" in colour else leave(way, client)
        watcher.join()
        return (ended[0] - left) * 1e3


def closing():
    gc.disable()
    ways = [("blocking", way) for way in ("break", "dropping it", "close()", "close() in a thread")]
    ways += [("async", way) for way in ("break", "close()", "cancelling the task")]
    ways += [("official blocking", "break"), ("official async", "break")] * HAVE_OFFICIAL
    print("from leaving a stream to the server's seeing it (median, maximum of 20):")
    for colour, way in ways:
        took = [until_seen(colour, way) for _ in range(20)]
        print("  %-18s %-20s %6.2f ms %6.2f ms" % (colour, way, statistics.median(took), max(took)))


# --- drift: a recording against the recording of its replay ---


def drift():
    from drift import replay_drift

    took = [replay_drift() * 1e3 for _ in range(RUNS)]
    print("drift of a replay at speed 1, 95th percentile: %.2f ms (median of %d)" % (statistics.median(took), RUNS))


# --- proxy: what recording adds to the way ---

ASKED, TOKENS, TOKEN_SECONDS = 100, 40, 0.002
THINKING = 0.01  # seconds before the head; no model needs less, and the file is begun meanwhile


def serve_tokens():
    """A server that keeps its connections, and sends a record every few milliseconds."""
    listener = socket.create_server(("127.0.0.1", 0))
    print("http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=send_tokens, args=(listener.accept()[0],), daemon=True).start()


def send_tokens(client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    while client.recv(65536):
        time.sleep(THINKING)
        client.sendall(head)
        due = time.perf_counter()
        for number in range(TOKENS):
            time.sleep(max(0.0, due - time.perf_counter()))
            line = LINE if number < TOKENS - 1 else LAST
            client.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            due += TOKEN_SECONDS
        client.sendall(b"0\r\n\r\n")


def serve_proxy(folder, upstream):
    from ollama_stream.proxy import record

    with record(folder, upstream=upstream) as proxy:
        print(proxy.url, flush=True)
        threading.Event().wait()


def arrivals(client):
    """Seconds from asking to the first record, and the median gap after it."""
    times = [time.perf_counter()]
    for _ in client.chat("llama3.2", ASK, stream=True):
        times.append(time.perf_counter())
    gaps = [after - before for before, after in zip(times, times[1:])]
    return gaps[0], statistics.median(gaps[1:])


def arrivals_of_both(*urls):
    clients = [Client(url) for url in urls]
    for client in clients:
        arrivals(client)
    return [[arrivals(client) for client in clients] for _ in range(ASKED)]


def proxy():
    import tempfile

    with tempfile.TemporaryDirectory() as folder, server("serve_tokens") as direct:
        with server("serve_proxy", folder, direct) as through:
            rounds = child("arrivals_of_both", direct, through)
    print("the recording proxy (medians of %d exchanges of %d records, one every 2 ms):" % (ASKED, TOKENS))
    for index, what in enumerate(("time to the first record", "gap between records")):
        peers, ours = zip(*[(direct[index], through[index]) for direct, through in rounds])
        added = statistics.median(a - b for a, b in zip(ours, peers))
        ratio = statistics.median(a / b for a, b in zip(ours, peers))
        print("  %-25s directly %.3f ms," % (what + ":", statistics.median(peers) * 1e3), end=" ")
        print("through it %.3f ms; added %.3f ms, ratio %.2f" % (statistics.median(ours) * 1e3, added * 1e3, ratio))


if __name__ == "__main__":
    names = sys.argv[1:] or ["records", "imports", "streams", "threads", "closing", "drift", "proxy"]
    if names[0].startswith("@"):
        print(json.dumps(globals()[names[0][1:]](*names[1:])))
    else:
        print("Python %d.%d.%d" % sys.version_info[:3])
        for name in names:
            globals()[name]()
