# SPDX-License-Identifier: MIT
"""Clocks and sockets: send, receive, close, each within what is left of its phase. The contract of a transport.

    Transport    open(address, timeout) -> connection: what ``Client(transport=...)`` takes
    Connection   send, recv, close; and rest, poll, wake, attach, which have a meaning of their own where nothing is said
    Network      home, resolve, attempt, ended, connection, sleep, aside: the sockets of one colour

Their methods that wait are coroutines in both colours, so that ``_exchange`` is written once: those of the blocking
colour, here, never wait for a loop, and ``run`` drives them; ``aio`` has those that do. A transport of somebody else need
not know of all this: ``adapted`` makes a ``Connection`` of any object with send, recv and close, plain or awaitable.
"""

from __future__ import annotations

import errno
import os
import time
from math import ceil, inf
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Coroutine, List, NamedTuple, Optional, TypeVar

from ._errors import OllamaTimeout, RequestError, check_origin, misfit
from ._json import is_number
from ._values import shown

if TYPE_CHECKING:
    import socket

Result = TypeVar("Result")

PIECE_SIZE = 65536  # bytes asked of one read
SEND_SIZE = 262144  # bytes that must go out within one ``idle``
SAME_TIMEOUT = 0.001  # seconds; to set one that is as good as what is set costs a system call for each record
TIMER_SLACK = 0.05  # seconds that a timer of the system or of a loop may be ahead of our clock
MAX_SECONDS = 1e9  # 30 years; a system call takes no more


class Timeout(NamedTuple):
    """Limits in seconds; None is no limit.

    ``connect`` covers all addresses of the host; ``first_byte`` runs from the request sent to the first record or
    document (a model may be loaded in it); ``idle`` from asking for a record to having it, and over a send without
    progress; ``total`` from the start. Resolving a name is the system's own affair and cannot be cut short.

    >>> from ollama_stream import Client, Timeout
    >>> client = Client(timeout=Timeout(first_byte=60, idle=30))
    >>> Timeout(total=5)
    Timeout(connect=10.0, first_byte=1800.0, idle=600.0, total=5)
    """

    connect: Optional[float] = 10.0
    first_byte: Optional[float] = 1800.0
    idle: Optional[float] = 600.0
    total: Optional[float] = None


def as_timeout(value: Any) -> Timeout:
    """A float sets ``first_byte`` and ``idle``, None switches all clocks off; raises RequestError.

    An object with ``connect`` and ``read``, as other clients have it, sets ``connect`` and the other two.
    """
    if value is None:
        return Timeout(None, None, None, None)
    if not isinstance(value, Timeout):
        seconds = getattr(value, "read", value)
        value = Timeout(getattr(value, "connect", Timeout().connect), seconds, seconds)
    timeout: Timeout = value
    for name, seconds in zip(timeout._fields, timeout):
        if seconds is None:
            continue
        if not is_number(seconds) or not 0 < seconds <= MAX_SECONDS:
            raise misfit(RequestError, "timeout: " + name, "seconds above 0, or None for no limit", shown(seconds))
    return timeout


class Clocks:
    """The clock that runs now, and ``total`` over all. Times are of a monotonic clock."""

    def __init__(self, timeout: Timeout) -> None:
        self.timeout = timeout
        self.started = time.monotonic()
        limits = {name: inf if limit is None else limit for name, limit in zip(timeout._fields, timeout)}
        self._end = self.started + limits["total"]
        self._limits = dict(limits, total=inf)  # of the others, each from its own start
        self.start("total")

    def start(self, name: str) -> None:
        """From now on this clock runs; the deadline is its own, or that of ``total`` where it is nearer."""
        self._deadline, self._nearest = time.monotonic() + self._limits[name], name
        if self._end < self._deadline:
            self._deadline, self._nearest = self._end, "total"

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def remaining(self) -> Optional[float]:
        """Seconds left, None without a limit; raises OllamaTimeout when there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._error()
        return left if left < inf else None

    def check_failure(self, error: BaseException) -> None:
        """Raise what is no failure of the connection: OllamaTimeout where ``error`` says that one of these clocks has
        run out, and what a signal handler of the program raised, as it is."""
        check_origin(error)
        if self._deadline - time.monotonic() <= TIMER_SLACK and is_timeout(error):
            raise self._error() from error

    def _error(self) -> OllamaTimeout:
        name = self._nearest
        limit = getattr(self.timeout, name)
        text = "%s: %g s have passed; raise it with timeout=Timeout(%s=...)" % (WHAT_FAILED[name], limit, name)
        return OllamaTimeout(text, clock=name, limit=limit)


WHAT_FAILED = {
    "connect": "no connection (connect)",
    "first_byte": "no answer yet (first_byte; the model may still be loading)",
    "idle": "nothing more came (idle)",
    "total": "the call took too long (total)",
}


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine whose awaits never wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    coroutine.close()
    raise RequestError("a transport or a tool waits for an event loop: that needs an AsyncClient")


async def settled(value: Any) -> Any:
    """The value itself, or what it gives when awaited."""
    return await value if hasattr(value, "__await__") else value


class Connection:
    """Bytes out, bytes in: the contract. An exchange owns a connection from open() until it is closed, or kept.

    ``send``, ``recv``, ``rest`` and ``poll`` are called by one thread or task at a time; ``wake`` and ``close`` by any,
    ``close`` more than once. All raise OSError where the connection fails, TimeoutError where ``timeout`` seconds (None:
    no limit) have passed, an OllamaError for what they know better; nothing raised is held back by them.
    """

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        """Have all of it sent."""
        raise NotImplementedError

    async def recv(self, timeout: Optional[float]) -> bytes:
        """What one read gives, b"" at the end, for ever."""
        raise NotImplementedError

    def close(self) -> None:
        """End it at once. Nobody sends or receives then, or ``wake`` has been called before."""
        raise NotImplementedError

    def wake(self) -> None:
        """Have the send() or recv() that waits end soon, in whatever way; whoever waited looks why."""

    def rest(self) -> bool:
        """The exchange is over: whether another may follow on this connection, which then belongs to no thread or loop."""
        return False

    def poll(self) -> Optional[bytes]:
        """What has come while it rested, b"" at the end, None for nothing; never waits."""
        return b""

    def attach(self, network: Network, dial: Callable[[], Awaitable[Connection]]) -> None:
        """Told when a transport has opened it: what to wait by, and how to have a real connection to the address."""


class BlockingConnection(Connection):
    """A connected blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        self.sock.settimeout(timeout)
        self.sock.sendall(data)

    async def recv(self, timeout: Optional[float]) -> bytes:
        sock = self.sock
        now = sock.gettimeout()
        if now is None or timeout is None or abs(now - timeout) > SAME_TIMEOUT:
            sock.settimeout(timeout)
        return sock.recv(PIECE_SIZE)

    def rest(self) -> bool:
        return True

    def poll(self) -> Optional[bytes]:
        try:
            self.sock.setblocking(False)
            return self.sock.recv(PIECE_SIZE)
        except OSError as error:
            check_origin(error)
            return None if isinstance(error, (BlockingIOError, InterruptedError)) else b""

    def wake(self) -> None:
        shut_down(self.sock)

    def close(self) -> None:
        self.sock.close()


class AdaptedConnection(Connection):
    """What a transport of somebody else has opened: send, recv and close, each plain or awaitable; poll and wake if any."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._may_rest = inner, getattr(inner, "poll", None) is not None
        for name in ("close", "wake", "poll"):
            if getattr(inner, name, None) is not None:
                setattr(self, name, getattr(inner, name))

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        await settled(self._inner.send(data, timeout))

    async def recv(self, timeout: Optional[float]) -> bytes:
        piece: bytes = await settled(self._inner.recv(timeout))
        return piece

    def rest(self) -> bool:
        return self._may_rest


def adapted(connection: Any) -> Connection:
    """A connection of any kind under the contract."""
    return connection if isinstance(connection, Connection) else AdaptedConnection(connection)


class Attempt:
    """A blocking socket on its way to one address."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def begin(self, target: Any) -> None:
        """Start to connect and do not wait; raises what fails at once."""
        self.sock.setblocking(False)
        try:
            self.sock.connect(target)
        except BlockingIOError as error:
            check_origin(error)
            if error.errno == errno.EAGAIN:  # nothing has begun: a unix socket at which too many wait
                raise

    def check_connected(self) -> None:
        """Raise OSError where the attempt has ended otherwise."""
        import socket

        number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))

    def close(self) -> None:
        self.sock.close()


class Network:
    """Blocking sockets, and the contract of the other kind."""

    attempt: Any = Attempt  # made of a socket, to connect it
    connection: Any = BlockingConnection  # made of one that is connected

    def home(self) -> Any:
        """Where a connection made here can be used again; to be compared."""
        return Network

    async def resolve(self, host: Any, port: int) -> List[Any]:
        import socket

        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)

    async def ended(self, attempts: List[Any], timeout: Optional[float]) -> List[Any]:
        """Those of these attempts that have ended, as soon as one has; none when the time is up."""
        import select

        by_number = {attempt.sock.fileno(): attempt for attempt in attempts}
        if hasattr(select, "poll"):
            poll = select.poll()
            for number in by_number:
                poll.register(number, select.POLLOUT)
            ready = {number for number, _ in poll.poll(timeout and min(ceil(timeout * 1000), 2**31 - 1))}
        else:
            ready = {number for numbers in select.select([], by_number, by_number, timeout) for number in numbers}
        return [attempt for number, attempt in by_number.items() if number in ready]

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def aside(self, function: Callable[..., Result], *args: Any) -> Result:
        """What a function gives that reads files, or computes for long: a loop does not wait for it."""
        return function(*args)


def shut_down(sock: socket.socket) -> None:
    """Wake whoever connects or reads; close() alone does not."""
    import socket

    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        check_origin(error)


def is_timeout(error: BaseException) -> bool:
    import socket

    return isinstance(error, (TimeoutError, socket.timeout)) and not getattr(error, "errno", None)


def reason(error: BaseException) -> str:
    """What went wrong in the system's own words; an event loop writes others into the exception, the number stays.

    The resolver and OpenSSL number by tables of their own; of the latter, its words without numbers and file names.
    """
    module, number = type(error).__module__.lstrip("_"), getattr(error, "errno", None)
    if isinstance(number, int) and number in errno.errorcode and module not in ("socket", "ssl"):
        return os.strerror(number).lower()
    words = getattr(error, "reason", None) if module == "ssl" else None
    if isinstance(words, str):
        return words.replace("_", " ").lower()
    return (getattr(error, "strerror", None) or "").lower() or str(error) or type(error).__name__
