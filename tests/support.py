"""A scripted TCP server, for what a well-behaved one never does; and the bytes that most scripts are made of.

A script is a list of steps, one script a connection: bytes are sent, an Event is waited for, a function is called with
the Peer. When its script is over, a peer waits for the client to go away, and says when and how it did:

    with Server(answer(HEAD, chunk(LINE), fin)) as server:
        client = Client(server.url)
        ...
        assert server.peer().gone.wait(1)
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Union

import pytest

from ollama_stream import AsyncClient, Client, _net, aio

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATIENCE = 60.0  # seconds after which a test has failed; none is ever waited for

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def line(text: str = "Hi", done: bool = False, **more: Any) -> bytes:
    """A line of a chat stream."""
    record: Dict[str, Any] = {"model": "m", "created_at": "2026-11-22T18:35:00Z"}
    record.update(message={"role": "assistant", "content": text}, done=done, **more)
    return json.dumps(record).encode() + b"\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def response(status: str, body: bytes = b"", **fields: str) -> bytes:
    """A whole response with a length; ``fields`` are written with ``_`` for ``-``."""
    fields.setdefault("Content_Length", str(len(body)))
    lines = ["HTTP/1.1 " + status] + ["%s: %s" % (name.replace("_", "-"), value) for name, value in fields.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


CHAT: Dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SOON = 30.0  # seconds in which a server has seen that a client is gone: one is the claim, the rest is for busy machines

LINE = line()
DONE = line("", True, done_reason="stop")
GOOD = HEAD + chunk(LINE) + chunk(DONE) + LAST_CHUNK


class Peer:
    """The server's end of one connection. ``end`` says how the client left: "closed" or "reset"."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""  # and not yet taken for a request
        self.requests: List[bytes] = []
        self.sent = 0
        self.asked = threading.Event()  # a whole request is here
        self.stuck = threading.Event()  # the client takes no more
        self.gone = threading.Event()
        self.end = ""

    def play(self, steps: Sequence[Step]) -> None:
        try:
            for step in steps:
                if isinstance(step, bytes):
                    self.send(step)
                elif isinstance(step, threading.Event):
                    step.wait(PATIENCE)
                else:
                    step(self)
            while self.sock.fileno() >= 0 and self.receive():
                pass
            self.end = "closed"
        except OSError:
            self.end = "reset"
        self.gone.set()
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)
        self.sent += len(data)

    def receive(self) -> bytes:
        data = self.sock.recv(65536)
        self.received += data
        return data

    @property
    def request_body(self) -> bytes:
        """Of the latest request."""
        return self.requests[-1].partition(b"\r\n\r\n")[2]

    @property
    def request_head(self) -> List[bytes]:
        """Of the latest request, by lines."""
        return self.requests[-1].partition(b"\r\n\r\n")[0].split(b"\r\n")


Step = Union[bytes, threading.Event, Callable[[Peer], None]]


def answer(*steps: Step) -> List[Step]:
    """The steps after a whole request has been read."""
    return [read_request, *steps]


def read_request(peer: Peer) -> None:
    while b"\r\n\r\n" not in peer.received:
        if not peer.receive():
            raise ConnectionAbortedError
    head = peer.received.partition(b"\r\n\r\n")[0]
    size = len(head) + 4
    for field in head.lower().split(b"\r\n"):
        if field.startswith(b"content-length:"):
            size += int(field.partition(b":")[2])
    while len(peer.received) < size and peer.receive():
        pass
    peer.requests.append(peer.received[:size])
    peer.received = peer.received[size:]
    peer.asked.set()


def read_some(size: int) -> Step:
    def step(peer: Peer) -> None:
        while len(peer.received) < size:
            peer.received += peer.sock.recv(size - len(peer.received))

    return step


def fin(peer: Peer) -> None:
    """End what we send; the client can still be seen to close."""
    peer.sock.shutdown(socket.SHUT_WR)


def rst(peer: Peer) -> None:
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
    peer.sock.close()


def close(peer: Peer) -> None:
    """Close with whatever is unread, as a server does that has given up on a request."""
    peer.sock.close()


def dribble(data: bytes, pause: float) -> Step:
    """One byte at a time, again and again."""

    def step(peer: Peer) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for i in range(len(data)):
                peer.send(data[i : i + 1])
                time.sleep(pause)

    return step


def endless(data: bytes, pause: float = 0.0) -> Step:
    def step(peer: Peer) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            peer.send(data)
            time.sleep(pause)

    return step


def until_stuck(data: bytes) -> Step:
    """Send until the client has taken nothing for a while."""

    def step(peer: Peer) -> None:
        peer.sock.settimeout(0.2)
        try:
            while peer.sent < 1 << 28:
                peer.sent += peer.sock.send(data)
        except socket.timeout:
            peer.stuck.set()
        peer.sock.settimeout(PATIENCE)

    return step


class Server:
    """Listens, on 127.0.0.1 by default, and plays its scripts, the last one for every further connection too."""

    def __init__(self, *scripts: Sequence[Step], family: int = socket.AF_INET, address: Any = ("127.0.0.1", 0)) -> None:
        self.scripts = scripts
        self.peers: List[Peer] = []
        self._threads: List[threading.Thread] = []
        self._accepted = threading.Condition()
        self._listener = socket.socket(family)
        if os.name == "posix":  # elsewhere two servers could share a port
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(address)
        self._listener.listen(64)
        self.address = self._listener.getsockname()
        self.port: int = self.address[1] if isinstance(address, tuple) else 0  # a unix socket has none
        self.url = "http://127.0.0.1:%d" % self.port
        self._stopping = False

    def __enter__(self) -> Server:
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._stopping = True
        with socket.socket(self._listener.family) as waker:
            waker.connect(self.address)  # wakes accept() on every system
            self._acceptor.join()
        self._listener.close()
        for peer in self.peers:
            try:
                socket.socket.shutdown(peer.sock, socket.SHUT_RDWR)  # the method of a TLS socket takes TLS away
            except OSError:
                pass
        for thread in self._threads:
            thread.join()

    def peer(self, number: int = 0) -> Peer:
        """The server's end of the connection with this number, as soon as there is one."""
        with self._accepted:
            assert self._accepted.wait_for(lambda: len(self.peers) > number, PATIENCE), "no connection came"
        return self.peers[number]

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._stopping:
                sock.close()
                return
            sock.settimeout(PATIENCE)
            if self.port:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            steps = self.scripts[min(len(self.peers), len(self.scripts) - 1)]
            peer = Peer(sock)
            thread = threading.Thread(target=peer.play, args=(steps,))
            self._threads.append(thread)
            with self._accepted:
                self.peers.append(peer)
                self._accepted.notify_all()
            thread.start()


@contextmanager
def full_listener() -> Iterator[int]:
    """The port of a listener with no room: the system drops every further attempt to connect."""
    listener = socket.socket()
    waiting: List[socket.socket] = []
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        try:
            for _ in range(64):
                waiting.append(socket.socket())
                waiting[-1].settimeout(0.05)
                waiting[-1].connect(address)
        except socket.timeout:
            pass
        yield address[1]
    finally:
        for sock in [*waiting, listener]:
            sock.close()


def closed_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


class Bytes:
    """A transport for one exchange without a socket: answers with these pieces; ``sent`` is the request."""

    def __init__(self, *pieces: bytes) -> None:
        self.sent = b""
        self.closed = False
        self._pieces = iter(pieces)

    def open(self, _address: Any, _timeout: Optional[float]) -> Bytes:
        return self

    def send(self, data: bytes, _timeout: Optional[float]) -> None:
        self.sent += data

    def recv(self, _timeout: Optional[float]) -> bytes:
        return next(self._pieces, b"")

    def close(self) -> None:
        self.closed = True


def run(main: Any) -> Any:
    """asyncio.run() in debug mode; asyncio may say nothing, and no task may be left but the first one."""

    async def checked() -> Any:
        loop, said = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _loop, context: said.append(context["message"]))
        loop.slow_callback_duration = math.inf  # what is slow is the machine
        result = await main
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert said == []
        return result

    asyncio.constants.DEBUG_STACK_DEPTH = sys.tracebacklimit = 0  # where each call, task and future was made: to look
    # for that costs more than most tests
    try:
        return asyncio.run(checked(), debug=True)
    finally:
        sys.__dict__.pop("tracebacklimit", None)


async def settle() -> None:
    """Let the loop finish what it has begun."""
    for _ in range(5):
        await asyncio.sleep(0)


class Awaited:
    """Something of the async client with the verbs of the blocking one. Each step is run on a loop of its own."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.target, name)
        return (lambda *args, **fields: waited(value(*args, **fields))) if callable(value) else value

    def __iter__(self) -> Awaited:
        return Awaited(self.target._loop() if hasattr(self.target, "_loop") else self.target.__aiter__())

    def __next__(self) -> Any:
        async def step() -> List[Any]:
            try:
                return [await self.target.__anext__()]
            except StopAsyncIteration:
                return []

        for record in run(step()):
            return record
        raise StopIteration

    def __enter__(self) -> Awaited:
        return Awaited(run(self.target.__aenter__()))

    def __exit__(self, *exception: object) -> None:
        run(self.target.__aexit__(*exception))

    def __repr__(self) -> str:
        return repr(self.target)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.target.__reduce_ex__(protocol)


def collect(stream: Any, records: List[Any]) -> None:
    """Append what a loop over a stream gives."""

    async def awaited() -> None:
        async for record in stream.target:
            records.append(record)

    if isinstance(stream, Awaited):
        run(awaited())
    else:
        for record in stream:
            records.append(record)


def waited(value: Any) -> Any:
    if asyncio.iscoroutine(value) and not hasattr(value, "__aiter__"):
        return run(value)
    return Awaited(value) if hasattr(value, "__aiter__") else value


COLOURS = ("blocking", "async")


class Colour:
    """One of the two clients, under the names of the blocking one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.network: Any = _net.Network if name == "blocking" else aio.LoopNetwork
        self.run: Any = _net.run if name == "blocking" else run

    def client(self, *args: Any, **settings: Any) -> Any:
        return Client(*args, **settings) if self.name == "blocking" else Awaited(AsyncClient(*args, **settings))

    def chat(self, server: Any, **settings: Any) -> Any:
        """The stream of a client that nothing else refers to."""
        return self.client(server.url, **settings).chat(stream=True, **CHAT)


def descriptors() -> Set[str]:
    """The open files, each by its number and what it is, where the system tells."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    found = set()
    for number in os.listdir(folder) if os.path.isdir(folder) else []:
        try:
            path = os.path.join(folder, number)
            found.add("%s: %s" % (number, os.readlink(path) if os.path.islink(path) else os.stat(path).st_ino))
        except OSError:  # the one that was open for this look
            pass
    return found


COUNTS_REFERENCES = hasattr(sys, "getrefcount")
lets_go_at_once = pytest.mark.skipif(not COUNTS_REFERENCES, reason="this Python closes what nobody holds some time later")


def collect_garbage() -> None:
    """What is left need not be searched again after each test."""
    gc.collect()
    if hasattr(gc, "freeze"):  # not in PyPy
        gc.freeze()


def seeds(few: int) -> range:
    """The rounds of a property: where more of them find nothing any more, or as many as OLLAMA_STREAM_SEEDS says."""
    return range(max(few, int(os.environ.get("OLLAMA_STREAM_SEEDS", "0"))))


def takes_linear_time(work: Callable[[int], Any], size: int) -> bool:
    """Whether ``work(size)`` takes about eight times as long as an eighth of it; what is quadratic takes 64 times.

    It is measured again where the machine had something else to do. The bound lies between the two: large blocks of
    memory cost more by the byte.
    """
    for _ in range(10):
        few, many = cpu_seconds(lambda: work(size // 8)), cpu_seconds(lambda: work(size))
        if many < 20 * few:
            return True
    return False


def cpu_seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    """What the block allocates stays below so many bytes."""
    try:
        import tracemalloc
    except ImportError:
        pytest.skip("this Python does not count the memory that it takes")
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def environment(**variables: str) -> Dict[str, str]:
    """An environment for a program that imports the package from this tree and knows no server but the given."""
    base = {name: value for name, value in os.environ.items() if not name.upper().startswith("OLLAMA")}
    base.update(PYTHONPATH=ROOT, PYTHONWARNINGS="error", PYTHONIOENCODING="utf-8")
    return dict(base, **variables)


def interrupt(process: Any) -> None:
    """Ctrl-C while it waits: one that comes just before a wait is seen after it, or is lost in asyncio before 3.11."""
    deadline, looks = time.monotonic() + PATIENCE, 0
    while looks < 3 and time.monotonic() < deadline:
        looks = looks + 1 if waits(process.pid) else 0
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)


def asked_at_once(ask: Callable[[], Any]) -> List[Any]:
    """What 16 threads get that ask in the same moment."""
    barrier, found = threading.Barrier(16), []

    def ask_together() -> None:
        barrier.wait(PATIENCE)
        found.append(ask())

    threads = [threading.Thread(target=ask_together) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(found) == 16
    return found


def waits(pid: int) -> bool:
    """Whether a process waits for something, where the system tells."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "S"
    except OSError:
        return True


def run_python(*arguments: str, **variables: str) -> Any:
    """A program's end: ``returncode``, ``stdout`` and ``stderr`` as text."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=6 * PATIENCE,
        encoding="utf-8",
    )
