# SPDX-License-Identifier: MIT
"""Clocks and sockets: dial, send, receive, close, each within what is left of its phase.

``Network`` is the blocking colour. Its methods are coroutines that never wait for a loop (``run`` drives them), so that
``_exchange`` is written once for both colours; ``aio`` has the other one. A transport given to a client has the same
shape: ``open(address, timeout) -> connection``, and the connection ``send(data, timeout)``, ``recv(timeout) -> bytes``
(b"" at the end) and ``close()``; any of them may be awaitable.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Any, Callable, Coroutine, List, NamedTuple, Optional, Tuple, TypeVar, Union

from ._address import Address, Proxy, resolve_hint
from ._errors import CONNECT_ADVICE, ConnectError, OllamaTimeout, RequestError
from ._values import shown

if TYPE_CHECKING:
    import socket

Result = TypeVar("Result")

PIECE_SIZE = 65536  # bytes asked of one read
SEND_SIZE = 262144  # bytes that must go out within one ``idle``
MAX_SECONDS = 1e9  # 30 years; a system call takes no more
KEEP_ALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))  # a dead peer is found in a minute


class Timeout(NamedTuple):
    """Limits in seconds; None is no limit.

    ``connect`` covers all addresses of the host; ``first_byte`` runs from the request sent to the first record or
    document (a model may be loaded in it); ``idle`` from asking for a record to having it, and over a send without
    progress; ``total`` from the start. Resolving a name is the system's own affair and cannot be cut short.
    """

    connect: Optional[float] = 10.0
    first_byte: Optional[float] = 1800.0
    idle: Optional[float] = 600.0
    total: Optional[float] = None


NO_TIMEOUT = Timeout(None, None, None, None)


def as_timeout(value: Union[Timeout, float, None]) -> Timeout:
    """A float sets ``first_byte`` and ``idle``, None switches all clocks off; raises RequestError."""
    if value is None:
        return NO_TIMEOUT
    timeout = value if isinstance(value, Timeout) else Timeout(first_byte=value, idle=value)
    for name, seconds in zip(timeout._fields, timeout):
        if seconds is None:
            continue
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= MAX_SECONDS:
            form = "seconds above 0, or None for no limit"
            raise RequestError("timeout: %s: expected %s, got %s" % (name, form, shown(seconds)))
    return timeout


class Clocks:
    """The clock that runs now, and ``total`` over all. Times are of a monotonic clock."""

    def __init__(self, timeout: Timeout) -> None:
        self.timeout = timeout
        self.started = time.monotonic()
        self.name = "total"
        self._since = self.started

    def start(self, name: str) -> None:
        self.name, self._since = name, time.monotonic()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def remaining(self) -> Optional[float]:
        """Seconds left, None without a limit; raises OllamaTimeout when there are none."""
        now, left = time.monotonic(), None
        for name, since in ((self.name, self._since), ("total", self.started)):
            limit = getattr(self.timeout, name)
            if limit is not None:
                rest = since + limit - now
                if rest <= 0:
                    raise self.error(name)
                left = rest if left is None else min(left, rest)
        return left

    def expired(self) -> OllamaTimeout:
        """The error of the clock that has run out, as a time-out of the system tells."""
        try:
            self.remaining()
        except OllamaTimeout as error:
            return error
        # The system's clock was a little ahead of ours.
        return self.error("total" if getattr(self.timeout, self.name) is None else self.name)

    def error(self, name: str) -> OllamaTimeout:
        limit = getattr(self.timeout, name)
        return OllamaTimeout(
            "%s: %g s have passed; raise it with timeout=Timeout(%s=...)" % (WHAT_FAILED[name], limit, name),
            clock=name,
            limit=limit,
        )


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
    """A connected blocking socket."""

    pending = False  # whether bytes have been taken from the socket that recv() has not returned yet

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        self.sock.settimeout(timeout)
        self.sock.sendall(data)

    async def recv(self, timeout: Optional[float]) -> bytes:
        self.sock.settimeout(timeout)
        return self.sock.recv(PIECE_SIZE)

    def poll(self) -> Optional[bytes]:
        """What has come meanwhile, b"" at the end, None for nothing; never waits."""
        try:
            self.sock.setblocking(False)
            return self.sock.recv(PIECE_SIZE)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def wake(self) -> None:
        shut_down(self.sock)

    def close(self) -> None:
        self.sock.close()


class Network:
    """Blocking sockets. ``connect`` closes a socket that it cannot connect."""

    def home(self) -> Any:
        """Where a connection made here can be used again; to be compared."""
        return Network

    async def resolve(self, host: str, port: int) -> List[Any]:
        import socket

        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)

    async def connect(self, sock: socket.socket, target: Any, timeout: Optional[float]) -> Connection:
        try:
            sock.settimeout(timeout)
            sock.connect(target)
        except BaseException:
            sock.close()
            raise
        return Connection(sock)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


async def dial(network: Any, address: Union[Address, Proxy], clocks: Clocks, made: Callable[[Any], None]) -> Any:
    """A connection to the first address of a host that answers, all of them within one ``connect``.

    ``made`` is told of each socket before it connects, so that another thread can wake it.
    """
    failures = []
    for family, target in await addresses(network, address):
        remaining = clocks.remaining()
        try:
            sock = new_socket(family)
        except OSError as error:
            failures.append(reason(error))
            continue
        try:
            made(sock)
        except BaseException:
            sock.close()
            raise
        try:
            return await network.connect(sock, target, remaining)
        except OSError as error:
            if is_timeout(error):
                raise clocks.expired() from None
            failures.append(reason(error))
    raise connect_error(address, "; ".join(dict.fromkeys(failures)))


async def addresses(network: Any, address: Union[Address, Proxy]) -> List[Tuple[int, Any]]:
    import socket

    if isinstance(address, Address) and address.unix is not None:
        if not hasattr(socket, "AF_UNIX"):
            raise RequestError("%s: this system has no unix sockets" % address.source)
        return [(socket.AF_UNIX, address.unix)]
    try:
        found = await network.resolve(address.host, address.port)
    except (OSError, UnicodeError) as error:
        raise connect_error(address, "the name does not resolve: %s" % reason(error)) from None
    return [(family, target) for family, _, _, _, target in found]


def new_socket(family: int) -> socket.socket:
    import socket

    sock = socket.socket(family, socket.SOCK_STREAM)
    if family != getattr(socket, "AF_UNIX", None):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEP_ALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


def shut_down(sock: socket.socket) -> None:
    """Wake whoever connects or reads; close() alone does not."""
    import socket

    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def is_timeout(error: BaseException) -> bool:
    import socket

    return isinstance(error, (TimeoutError, socket.timeout)) and not getattr(error, "errno", None)


def reason(error: BaseException) -> str:
    """What went wrong in the system's own words; asyncio writes others into the exception, the number stays."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return os.strerror(number).lower()
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def connect_error(address: Union[Address, Proxy], why: str) -> ConnectError:
    hint = resolve_hint(address)
    kind = "the proxy " if isinstance(address, Proxy) else ""
    where = "(%s%s, from %s: %s)" % (kind, address.url, address.source, why)
    return ConnectError("%s %s%s" % (CONNECT_ADVICE, where, hint and ". " + hint))
