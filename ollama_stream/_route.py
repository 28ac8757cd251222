# SPDX-License-Identifier: MIT
"""The way to a server: an idle connection, or a new one; direct or through a proxy, in the clear or over TLS.

``Route``: an address goes in, a connection comes out. ``Pool``: a connection goes in whose exchange has ended, with the
parser of its response; out comes one that can carry another exchange, or None. A connection serves again only where the
message ended exactly at its last byte, and nothing has come since: both are looked at when it is taken, with one read
that does not wait.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from contextlib import suppress
from typing import Any, Callable, Hashable, List, NamedTuple, Optional, Tuple

from ._address import Address, Proxy
from ._dial import Race, dial
from ._errors import ConnectError, OllamaError, OllamaTimeout, check_origin, connect_error
from ._http1 import Head, Response
from ._net import Clocks, Connection, Network, adapted, reason, settled
from ._tls import TLSConnection, TLSSettings

MAX_IDLE = 8  # connections
MAX_IDLE_SECONDS = 60.0  # servers and middleboxes forget an idle connection after 75 s and more


class Route:
    """From ``address`` to a connection. ``transport``, where there is one, stands for all of it but the pool."""

    def __init__(
        self, address: Address, proxy: Optional[Proxy], tls: TLSSettings, pool: Pool, transport: Any = None
    ) -> None:
        self.address, self.proxy = address, proxy
        self._tls, self._pool, self._transport = tls, pool, transport
        self.target_prefix = address.path  # what comes before an endpoint's path in the request line
        self.proxy_auth: Optional[str] = None  # for each request; in a tunnel it goes with CONNECT alone
        if proxy is not None and address.scheme != "https":  # it is asked for the whole URL (RFC 9112, 3.2.2)
            self.target_prefix = "http://%s%s" % (address.host_header, address.path)
            self.proxy_auth = proxy.auth

    def refused(self, head: Head) -> Optional[ConnectError]:
        """The error for an answer that only a proxy gives, None for any other (RFC 9110, 15.5.8)."""
        if self.proxy is None or head.status != 407:
            return None
        return proxy_error(self.proxy, format_authority(self.address), describe_answer(head))

    def idle(self, network: Network) -> Any:
        """An open connection that has carried an exchange before, or None."""
        return self._pool.take(self._key(network))

    def keep(self, network: Network, connection: Any, response: Response) -> None:
        """Take back a connection whose exchange has ended."""
        self._pool.put(self._key(network), connection, response)

    async def open(self, network: Network, clocks: Clocks, made: Callable[[Race], None]) -> Connection:
        """A new connection. ``made`` is told of each socket before it connects. Raises ConnectError, OllamaTimeout."""
        if self._transport is None:
            return await self.connect(network, clocks, made)
        connection = adapted(await settled(self._transport.open(self.address, clocks.remaining())))

        async def dial_later() -> Connection:
            clocks.start("connect")
            return await self.connect(network, clocks, made)

        connection.attach(network, dial_later)
        return connection

    async def connect(self, network: Network, clocks: Clocks, made: Callable[[Race], None]) -> Connection:
        """A new connection over the network, whatever the transport."""
        address, proxy = self.address, self.proxy
        context = await self._tls.ready(network) if "https" in (address.scheme, proxy and proxy.scheme) else None
        connection = await dial(network, proxy or address, clocks, made)
        try:
            if proxy is not None and proxy.scheme == "https" and context is not None:
                connection = TLSConnection(connection, context, proxy)
                await connection.handshake(clocks)
            if address.scheme == "https" and context is not None:
                if proxy is not None:
                    await open_tunnel(connection, address, proxy, clocks)
                connection = TLSConnection(connection, context, address)
                await connection.handshake(clocks)
        except BaseException:
            connection.close()
            raise
        return connection

    def _key(self, network: Network) -> Tuple[Any, ...]:
        return network.home(), self.address, self.proxy


async def open_tunnel(connection: Connection, address: Address, proxy: Proxy, clocks: Clocks) -> None:
    """Have the proxy connect us to the server (RFC 9110, 9.3.6). Raises ConnectError and OllamaTimeout."""
    authority, response = format_authority(address), Response("CONNECT")
    try:
        await connection.send(format_connect(authority, proxy), clocks.remaining())
        while response.read_head() is None:
            response.receive(await connection.recv(clocks.remaining()))
    except (OllamaError, OSError, NotImplementedError) as error:
        check_origin(error)
        if isinstance(error, (ConnectError, OllamaTimeout)):
            raise
        clocks.check_failure(error)
        why = str(error) if isinstance(error, OllamaError) else reason(error)
        raise proxy_error(proxy, authority, why) from error
    head = response.head
    assert head is not None
    if not 200 <= head.status < 300:
        raise proxy_error(proxy, authority, describe_answer(head))
    if response.unparsed():
        raise proxy_error(proxy, authority, "it spoke before the server could")


def format_authority(address: Address) -> str:
    return "%s:%d" % ("[%s]" % address.host if ":" in address.host else address.host, address.port)


def format_connect(authority: str, proxy: Proxy) -> bytes:
    # Made here, so that what reports the variables of a failed open_tunnel does not report the password.
    lines = ["CONNECT %s HTTP/1.1" % authority, "Host: %s" % authority]
    if proxy.auth is not None:
        lines.append("Proxy-Authorization: %s" % proxy.auth)
    return "\r\n".join(lines + ["", ""]).encode("ascii")


def describe_answer(head: Head) -> str:
    """What a proxy's refusal says, and what to do about the one that is ours to mend."""
    why = ("it answered %d %s" % (head.status, head.reason)).strip()
    return why + "; write its credentials as http://user:password@host:port" if head.status == 407 else why


def proxy_error(proxy: Proxy, authority: str, why: str) -> ConnectError:
    return connect_error("%s through the proxy %s, from %s" % (authority, proxy.url, proxy.source), why)


# --- idle connections --------------------------------------------------------------------------------------------------


class Idle(NamedTuple):
    key: Hashable
    connection: Any
    response: Response
    until: float
    pid: int  # of the process that it belongs to: after a fork that is the parent alone


class Pool:
    """Idle connections by key: the way they go, and the colour of their sockets. Safe to share between threads.

    There is no lock: a signal handler may close a client, and the collector end a stream, while this very thread is
    further down in here. What takes an entry out of the list, in one step, owns its connection.
    """

    def __init__(self) -> None:
        self._idle: List[Idle] = []
        # Not __del__: in a cycle of garbage the sockets might go first, each with a ResourceWarning.
        self._end = weakref.finalize(self, close_all, self._idle)

    def take(self, key: Hashable) -> Any:
        """A connection that can carry another exchange, or None; the latest. What has been idle too long is closed."""
        now, pid = read_clock(), os.getpid()
        for idle in reversed(self._idle[:]):
            if (idle.until <= now or idle.pid != pid) and self._remove(idle):
                idle.connection.close()
            elif idle.key == key and self._remove(idle):
                if is_sound(idle):
                    return idle.connection
                idle.connection.close()
        return None

    def put(self, key: Hashable, connection: Any, response: Response) -> None:
        """Keep a connection for later; close one that cannot serve again, or that nobody would close: the program ends."""
        if not response.keepable or not self._end.alive:
            connection.close()
            return
        self._idle.append(Idle(key, connection, response, read_clock() + read_keep_alive(response), os.getpid()))
        for oldest in self._idle[:-MAX_IDLE]:
            if self._remove(oldest):
                oldest.connection.close()

    def close(self) -> None:
        """Close what is idle; the pool can be used again."""
        close_all(self._idle)

    def _remove(self, idle: Idle) -> bool:
        """Take an entry out; whether it was still there."""
        try:
            self._idle.remove(idle)
        except ValueError as error:
            check_origin(error)
            return False
        return True


def read_clock() -> float:
    """Seconds of a clock that goes on while the machine sleeps, where the system has one: servers do not sleep along."""
    # Of macOS it is the monotonic one of the system, which is not that of Python.
    name = "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    try:
        return time.clock_gettime(getattr(time, name))
    except (AttributeError, OSError) as error:
        check_origin(error)
        return time.monotonic()


def close_all(idle: List[Idle]) -> None:
    with suppress(IndexError):  # of the end: others may take entries out meanwhile
        while True:
            idle.pop().connection.close()


def read_keep_alive(response: Response) -> float:
    """How long a connection may rest: not longer than the server keeps it (RFC 2068, 19.7.1: Keep-Alive: timeout=N)."""
    field = response.head.get("Keep-Alive", "") if response.head is not None else ""
    for parameter in (field or "").split(","):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "timeout" and value.isascii() and value.isdigit():
            return min(MAX_IDLE_SECONDS, float(value[:9]))
    return MAX_IDLE_SECONDS


def is_sound(idle: Idle) -> bool:
    """Whether the response ended just here and the server has said nothing since, not even goodbye."""
    piece = idle.connection.poll()
    if piece is not None:
        idle.response.receive(piece)
    try:
        after_the_answer = idle.response.read_body()
    except OllamaError as error:
        check_origin(error)
        return False
    return idle.response.reusable and not after_the_answer.strip()
