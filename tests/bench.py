"""Prints the figures of the README: ``python3 tests/bench.py [SECTION]...``, all of them if none is named.

Sections: records, live, kinds, imports, first, command, streams, threads, closing, drift, proxy, endurance, conform.

Medians over several runs, each figure beside its peer in the same run. What the records come from is a server in a
process of its own on loopback, and what is measured is a fresh process too: only the client's work is counted, and only
its memory. Other clients are measured where they can be imported.
"""

import oldest  # noqa: F401, I001  (first: an older Python reads no further)
import asyncio
import gc
import importlib
import importlib.util
import json
import os
import shutil
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


# --- live: a record at a time, as a model sends them ---

LIVE_RECORDS, LIVE_SECONDS, LIVE_ROUNDS = 3000, 0.0002, 5  # a stream, between two records
CROWD, CROWD_RECORDS, CROWD_SECONDS = 200, 60, 0.05  # streams at once, records of each, between two of one stream
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
QUESTION = json.dumps({"model": "llama3.2", "messages": ASK}).encode()


def chunk_of(line):
    return b"%x\r\n%s\r\n" % (len(line), line)


def listening():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print("http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    return listener


def accepted(listener):
    """A client whose request has been read."""
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asked = b""
    while b"\r\n\r\n" not in asked or len(asked.partition(b"\r\n\r\n")[2]) < length_in(asked):
        asked += client.recv(65536)
    client.sendall(HEAD)
    return client


def length_in(asked):
    return int(asked.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


def serve_live():
    listener = listening()
    while True:
        with accepted(listener) as client:
            due = time.perf_counter()
            for _ in range(LIVE_RECORDS):
                client.sendall(chunk_of(LINE))
                due += LIVE_SECONDS
                time.sleep(max(0.0, due - time.perf_counter()))
            client.sendall(chunk_of(LAST) + b"0\r\n\r\n")


def serve_crowd():
    """All clients in turn, so that each gets a record every CROWD_SECONDS."""
    listener = listening()
    while True:
        clients = [accepted(listener) for _ in range(CROWD)]
        due = time.perf_counter()
        for _ in range(CROWD_RECORDS):
            for client in clients:
                client.sendall(chunk_of(LINE))
                due += CROWD_SECONDS / CROWD
                time.sleep(max(0.0, due - time.perf_counter()))
        for client in clients:
            client.sendall(chunk_of(LAST) + b"0\r\n\r\n")
            client.close()


def request_to(url):
    address = url.rpartition("/")[2]
    head = "POST /api/chat HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (address, len(QUESTION))
    host, port = address.split(":")
    return (host, int(port)), head.encode() + QUESTION


def by_hand(url):
    address, request = request_to(url)
    with socket.create_connection(address) as sock:
        sock.sendall(request)
        done = False
        while not done:
            for line in sock.recv(65536).split(b"\n"):
                if line.startswith(b"{"):
                    done = json.loads(line)["done"]
                    yield


def by_http_client(url):
    from http.client import HTTPConnection

    connection = HTTPConnection(*request_to(url)[0])
    connection.request("POST", "/api/chat", QUESTION)
    with connection.getresponse() as response:
        done = False
        while not done:
            done = json.loads(response.readline())["done"]
            yield


def by_us(url):
    return Client(url).chat("llama3.2", ASK, stream=True)


def by_official(url):
    return importlib.import_module("ollama").Client(url).chat("llama3.2", ASK, stream=True)


def by_httpx(url):
    with importlib.import_module("httpx").stream("POST", url + "/api/chat", content=QUESTION) as response:
        for line in response.iter_lines():
            json.loads(line)
            yield


def by_requests(url):
    answer = importlib.import_module("requests").post(url + "/api/chat", data=QUESTION, stream=True)
    for line in answer.iter_lines(chunk_size=None):
        json.loads(line)
        yield


async def by_hand_async(url):
    address, request = request_to(url)
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
        await loop.sock_sendall(sock, request)
        done = False
        while not done:
            for line in (await loop.sock_recv(sock, 65536)).split(b"\n"):
                if line.startswith(b"{"):
                    done = json.loads(line)["done"]
                    yield


async def by_us_async(url, client=None):
    from ollama_stream import AsyncClient

    async for record in (client or AsyncClient(url)).chat("llama3.2", ASK, stream=True):
        yield record


async def by_official_async(url):
    client = importlib.import_module("ollama").AsyncClient(url)
    async for record in await client.chat("llama3.2", ASK, stream=True):
        yield record


async def by_aiohttp(url):
    async with importlib.import_module("aiohttp").ClientSession() as session:
        async with session.post(url + "/api/chat", data=QUESTION) as response:
            async for line in response.content:
                json.loads(line)
                yield


BLOCKING = {"by_hand": "", "by_http_client": "", "by_us": "", "by_httpx": "httpx", "by_requests": "requests",
            "by_official": "ollama"}  # fmt: skip
AWAITED = {"by_hand_async": "", "by_us_async": "", "by_aiohttp": "aiohttp", "by_official_async": "ollama"}


async def count_async(records):
    """How many records there are, and the CPU seconds of all but the first, with which a client is made and connects."""
    count, start = 0, 0.0
    async for _ in records:
        count += 1
        start = start or time.process_time()
    return count, time.process_time() - start


def count_of(records):
    count, start = 0, 0.0
    for _ in records:
        count += 1
        start = start or time.process_time()
    return count, time.process_time() - start


def live_cost(way, url):
    """CPU seconds a record."""
    records = globals()[way](url)
    if way in BLOCKING:
        count, took = count_of(records)
    else:
        count, took = asyncio.run(count_async(records))
    assert count == LIVE_RECORDS + 1, (way, count)
    return took / count


def crowd_cost(url):
    """CPU seconds a record, once each of the streams has had its first."""

    async def main():
        from ollama_stream import AsyncClient

        client = AsyncClient(url)
        streams = [by_us_async(url, client) for _ in range(CROWD)]
        await asyncio.gather(*[stream.__anext__() for stream in streams])
        start = time.process_time()
        counts = await asyncio.gather(*map(count_async, streams))
        return (time.process_time() - start) / sum(count for count, _ in counts)

    return asyncio.run(main())


def live():
    print("a record that comes alone, CPU (medians of %d runs; to by hand: in the same run):" % LIVE_ROUNDS)
    with server("serve_live") as url, server("serve_crowd") as crowd:
        for ways in (BLOCKING, AWAITED):
            have = [way for way, needs in ways.items() if not needs or importlib.util.find_spec(needs)]
            rounds = [[child("live_cost", way, url) for way in have] for _ in range(LIVE_ROUNDS)]
            for way, cost in zip(have, median(rounds)):
                ratio = statistics.median(row[have.index(way)] / row[0] for row in rounds)
                print("  %-18s %6.1f us; to by hand %.2f" % (way[3:], cost * 1e6, ratio))
        pairs = [(child("crowd_cost", crowd), child("live_cost", "by_us_async", url)) for _ in range(LIVE_ROUNDS)]
    many, one = median(pairs)
    ratio = statistics.median(a / b for a, b in pairs)
    print("  %d asyncio streams: %.1f us, one: %.1f; ratio %.2f" % (CROWD, many * 1e6, one * 1e6, ratio))


# --- kinds: records of every kind, many a read ---

SHORT, LONG = 5000, 20000
CALL = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
LOGPROB = {"token": " token", "logprob": -0.5, "bytes": [32, 116]}
KINDS = {  # what a record has beside, or in place of, a short content: in its message, in itself
    "plain": ({}, {}),
    "thinking": ({"content": "", "thinking": " token"}, {}),
    "logprobs": ({}, {"logprobs": [LOGPROB]}),
    "tool calls": ({"content": "", "tool_calls": [CALL]}, {}),
    "unknown fields": ({"new": 1}, {"newer": {"a": "b"}}),
    "300 characters": ({"content": "x" * 300}, {}),
}


def line_of(message, fields, done=False):
    message = dict({"role": "assistant", "content": " token"}, **message)
    record = {"model": "llama3.2", "created_at": "2026-11-22T21:36:43.399140778Z", "message": message, "done": done}
    return json.dumps(dict(record, **fields)).encode() + b"\n"


class Canned:
    """A transport with the pieces of an answer, each as large as a read may be."""

    def __init__(self, data):
        self.pieces = [data[start : start + 65536] for start in range(0, len(data), 65536)]

    def open(self, _address, _timeout):
        return self

    def send(self, _data, _timeout):
        self.pieces.reverse()

    def recv(self, _timeout):
        return self.pieces.pop()

    def close(self):
        pass


def kind_cost(kind, count):
    """CPU seconds a record, and of json.loads of its line."""
    line = line_of(*KINDS[kind])
    data = HEAD + chunk_of(line) * count + chunk_of(line_of({}, {"done_reason": "stop"}, True)) + b"0\r\n\r\n"
    stream = Client("127.0.0.1", transport=Canned(data)).chat("llama3.2", ASK, stream=True)
    start = time.process_time()
    assert sum(1 for _ in stream) == count + 1
    ours, text = time.process_time() - start, line.decode()
    start = time.process_time()
    for _ in range(count):
        json.loads(text)
    return ours / count, (time.process_time() - start) / count


def kinds():
    print("records of every kind, many a read, CPU to json.loads of the line (medians of %d):" % RUNS)
    for kind in KINDS:
        ratios = []
        for count in (SHORT, LONG):
            pairs = [kind_cost(kind, count) for _ in range(RUNS)]
            ratios.append(statistics.median(ours / loads for ours, loads in pairs))
        print("  %-15s %6d records %.2f, %6d records %.2f" % (kind, SHORT, ratios[0], LONG, ratios[1]))


# --- endurance: a million records over five thousand connections ---

MILLION, CONNECTIONS, AT_ONCE = 1000000, 5000, 50


def serve_short():
    """Answers of an equal share of the million, each on a connection of its own."""
    listener = listening()
    body = chunk_of(LINE) * (MILLION // CONNECTIONS - 1) + chunk_of(LAST) + b"0\r\n\r\n"
    while True:
        with accepted(listener) as client:
            client.sendall(body)


def memory():
    """MB in use now, where the system tells."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0


def endure(colour, url):
    """Records, then memory and open files after a tenth of the streams and after all."""

    async def together(client, count):
        return sum(await asyncio.gather(*[read_async(client) for _ in range(count)]))

    async def rounds(client):
        return [await together(client, AT_ONCE) for _ in range(CONNECTIONS // AT_ONCE // 10)]

    client, total, seen = client_of(colour, url), 0, []
    for _ in range(10):
        if colour == "async":
            total += sum(asyncio.run(rounds(client)))
        else:
            total += sum(read(client) for _ in range(CONNECTIONS // 10))
        gc.collect()
        seen.append((memory(), open_files()))
    return [total, *seen[0], *seen[-1]]


def endurance():
    print("%d records over %d connections:" % (MILLION, CONNECTIONS))
    with server("serve_short") as url:
        for colour in ("blocking", "async"):
            total, early, files, late, left = child("endure", colour, url)
            print("  %s: %d records; after a tenth %.1f MB, %d files;" % (colour, total, early, files), end=" ")
            print("at the end %.1f MB, %d files" % (late, left))


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


# --- first: a whole process that prints one answer ---

BARE = """
import http.client, json, sys
from dataclasses import dataclass

@dataclass
class Chunk:
    content: str
    done: bool

def stream_chat(url, question):
    connection = http.client.HTTPConnection(url.rpartition("/")[2])
    connection.request("POST", "/api/chat", question, {"Content-Type": "application/json"})
    for line in connection.getresponse():
        record = json.loads(line)
        yield Chunk(record["message"]["content"], record["done"])

for chunk in stream_chat(sys.argv[1], json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]})):
    chunk.content
"""
OURS = """
import sys
from ollama_stream import Client, stream_chat

for text in Client(sys.argv[1]).stream_chat("m", "x"):
    text
"""
USED = """
import time
with open("/proc/self/status") as file:  # ru_maxrss would be that of the process which forked this one
    print(time.process_time(), [int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM")][0])
"""
FIRST_RUNS = 25


def serve_one():
    listener = listening()
    while True:
        with accepted(listener) as client:
            client.sendall(chunk_of(LINE) + chunk_of(LAST) + b"0\r\n\r\n")


def used_by(code, url):
    """CPU seconds and peak memory in MiB of a process."""
    environment = dict(os.environ, PYTHONPATH=ROOT)
    said = subprocess.check_output([sys.executable, "-c", code + USED, url], env=environment)
    return [float(word) for word in said.split()]


def first():
    with server("serve_one") as url:
        used_by(OURS, url)
        rounds = [used_by(BARE, url) + used_by(OURS, url) for _ in range(FIRST_RUNS)]
    bare, bare_peak, ours, peak = median(rounds)
    ratio = statistics.median(row[2] / row[0] for row in rounds)
    print("the first answer of a process, CPU: %.1f ms, a bare script %.1f; ratio %.2f" % (ours * 1e3, bare * 1e3, ratio))
    print("  its peak memory: %.1f MiB, the script's %.1f; %.2f more" % (peak, bare_peak, peak - bare_peak))


# --- command: the first byte on standard output ---

PRINTING = BARE.replace("    chunk.content\n", "    print(chunk.content, end='', flush=True)\n")
COMMAND_RUNS = 60


def until_first_byte(words):
    """Milliseconds from the start of a process to its first byte on standard output, and of CPU until its end."""
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, cwd=ROOT) as process:
        process.stdout.read(1)
        spent = time.perf_counter() - began
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    return spent * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3


def command():
    with server("serve_one") as url:
        ways = (["-c", PRINTING, url], ["-m", "ollama_stream", "run", "--host", url, "m", "x"])
        for words in ways:
            until_first_byte(words)
        rounds = [[until_first_byte(words) for words in ways] for _ in range(COMMAND_RUNS)]
    for number, what in enumerate(("start to first byte on standard output", "  CPU of the process")):
        bare, ours = median([[way[number] for way in row] for row in rounds])
        ratio = statistics.median(ours[number] / bare[number] for bare, ours in rounds)
        print("%s: %.0f ms, a bare script %.0f; ratio %.2f" % (what, ours, bare, ratio))


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


# --- conform: what clients make of every recording and fault ---

PROGRAMS = os.path.join(ROOT, "tests", "programs")
GO = os.environ.get("CONFORM_GO", "")  # what go build makes of tests/programs/official-go
JUDGED = {  # the command of a client, and what tells whether it can be run
    "ours": ([sys.executable, os.path.join(PROGRAMS, "ours.py")], True),
    "Python": ([sys.executable, os.path.join(PROGRAMS, "official.py")], HAVE_OFFICIAL),
    "Node": (["node", os.path.join(PROGRAMS, "official.mjs")], os.path.isdir(os.path.join(PROGRAMS, "node_modules"))),
    "Go": ([GO], bool(GO)),
    "curl": (["sh", os.path.join(PROGRAMS, "curl.sh")], bool(shutil.which("curl"))),
}


def conform():
    print("recordings and faults judged wrongly, of those that a client is asked for:")
    for name, (command, there) in JUDGED.items():
        if there:
            asked = [sys.executable, "-m", "ollama_stream", "conform", "--json", "--", *command]
            environ = dict(os.environ, PYTHONPATH=ROOT)
            done = subprocess.run(asked, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            verdicts = [verdict["outcome"] for verdict in json.loads(done.stdout)]
            judged = len(verdicts) - verdicts.count("not asked")
            assert judged, "%s asks for nothing: can it be run?" % " ".join(command)
            print("  %s: %d of %d" % (name, verdicts.count("wrong"), judged))


SECTIONS = "records live kinds imports first command streams threads closing drift proxy endurance conform".split()

if __name__ == "__main__":
    names = sys.argv[1:] or SECTIONS
    if not names[0].startswith("@") and not set(names) <= set(SECTIONS):
        sys.exit("usage: python3 tests/bench.py [SECTION]...\nsections: " + " ".join(SECTIONS))
    if names[0].startswith("@"):
        print(json.dumps(globals()[names[0][1:]](*names[1:])))
    else:
        print("Python %d.%d.%d" % sys.version_info[:3])
        for name in names:
            globals()[name]()
