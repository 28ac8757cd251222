# SPDX-License-Identifier: MIT
"""From the address of a host to a connection: its addresses are raced, all within ``connect`` (RFC 8305).

A socket is ours before it is connected, so that one deadline covers all addresses and ``close()`` ends every attempt.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple

from ._address import Address, Proxy, hint_at_port, name_for_system
from ._errors import ConnectError, OllamaError, RequestError, check_origin, connect_error
from ._net import Clocks, Connection, Network, reason, shut_down

if TYPE_CHECKING:
    import socket

ATTEMPT_DELAY = 0.25  # seconds until the next address of a host is tried beside the last (RFC 8305, 5)
# A dead peer is found in a minute, where nothing is under way and where what was sent is not acknowledged (milliseconds).
TCP_OPTIONS = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60000))


class Race:
    """The attempts to reach a host, side by side. ``wake`` ends them all, from any thread."""

    def __init__(self, network: Network) -> None:
        self.failures: List[str] = []
        self.attempts: List[Any] = []
        self._network = network

    def start(self, family: int, target: Any) -> None:
        """Begin with one more address; what fails at once is a failure as any other."""
        attempt = None
        try:
            attempt = self._network.attempt(make_socket(family))
            self.attempts.append(attempt)
            attempt.begin(target)
        except (OSError, NotImplementedError) as error:
            self._failed(error, attempt)

    async def find_winner(self, timeout: Optional[float]) -> Any:
        """The first socket that is connected; None where attempts have failed, or the time is up."""
        for attempt in await self._network.ended(self.attempts, timeout):
            try:
                attempt.check_connected()
            except (OSError, NotImplementedError) as error:
                self._failed(error, attempt)
            else:
                self.attempts.remove(attempt)
                self.close()
                self.attempts.append(attempt)  # for wake(), in what follows before a request is sent
                return attempt.sock
        return None

    def _failed(self, error: Exception, attempt: Any = None) -> None:
        check_origin(error)
        self.failures.append(reason(error))
        if attempt is not None:
            self.attempts.remove(attempt)
            attempt.close()

    def wake(self) -> None:
        for attempt in list(self.attempts):
            shut_down(attempt.sock)

    def close(self) -> None:
        """End all attempts."""
        while self.attempts:
            self.attempts.pop().close()


async def dial(network: Network, address: Address, clocks: Clocks, made: Callable[[Race], None]) -> Connection:
    """A connection to the address of a host that answers first, all of them within one ``connect`` (RFC 8305).

    The next address is tried as soon as one has failed, or 250 ms after the last was begun. ``made`` is told of the race
    after each beginning, so that another thread can wake it.
    """
    waiting = interleave(await resolve_host(network, address))
    race = Race(network)
    try:
        while waiting or race.attempts:
            left = clocks.remaining()
            if waiting:
                race.start(*waiting.pop(0))
                left = min(ATTEMPT_DELAY, left or ATTEMPT_DELAY) if waiting else left
            made(race)
            sock = await race.find_winner(left) if race.attempts else None
            if sock is not None:
                connection: Connection = network.connection(sock)
                return connection
    except BaseException:
        race.close()
        raise
    raise unreachable_error(address, "; ".join(dict.fromkeys(race.failures)) or "the name has no address")


async def resolve_host(network: Network, address: Address) -> List[Tuple[int, Any]]:
    """(family, target) of each address of the host, as the system orders them."""
    import socket

    if address.unix is not None:
        if not hasattr(socket, "AF_UNIX"):
            raise RequestError("%s: this system has no unix sockets" % address.source)
        return [(socket.AF_UNIX, address.unix)]
    try:
        found = await network.resolve(name_for_system(address.host), address.port)
    except OllamaError:
        raise
    except Exception as error:  # OSError; RuntimeError of a loop that cannot, or has no thread left; what a codec makes
        check_origin(error)
        raise unreachable_error(address, "the name does not resolve: %s" % reason(error)) from error
    return [(family, target) for family, _, _, _, target in found]


def interleave(found: List[Tuple[int, Any]]) -> List[Tuple[int, Any]]:
    """One address of the family that the system prefers, one of another, and so on (RFC 8305, 4)."""
    preferred = [place for place in found if place[0] == found[0][0]]
    others = [place for place in found if place[0] != found[0][0]]
    return [place for pair in zip_longest(preferred, others) for place in pair if place is not None]


def make_socket(family: int) -> socket.socket:
    import socket

    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != getattr(socket, "AF_UNIX", None):
            set_option(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            set_option(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in TCP_OPTIONS:
                if hasattr(socket, name):
                    set_option(sock, socket.IPPROTO_TCP, getattr(socket, name), value)
    except BaseException:  # of a signal handler, whose traceback would keep it open
        sock.close()
        raise
    return sock


def set_option(sock: socket.socket, level: int, option: int, value: int) -> None:
    """Ask for what is good to have; a system that knows the name need not have the thing."""
    try:
        sock.setsockopt(level, option, value)
    except (OSError, NotImplementedError) as error:
        check_origin(error)


def unreachable_error(address: Address, why: str) -> ConnectError:
    hint = hint_at_port(address)
    kind = "the proxy " if isinstance(address, Proxy) else ""
    return connect_error("%s%s, from %s" % (kind, address.url, address.source), why, hint and ". " + hint)
