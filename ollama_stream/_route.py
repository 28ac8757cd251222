"""The way to a server: an idle connection, or a new one; direct or through a proxy, in the clear or over TLS."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

from ._address import Address, Proxy
from ._errors import CONNECT_ADVICE, ConnectError, OllamaError
from ._http1 import Head, Response
from ._net import Clocks, dial, is_timeout, reason, settled
from ._pool import Pool
from ._tls import TLSConnection, TLSSettings


class Route:
    """From ``address`` to a connection. ``transport``, where there is one, stands for all of it but the pool."""

    def __init__(
        self, address: Address, proxy: Optional[Proxy], tls: TLSSettings, pool: Pool, transport: Any = None
    ) -> None:
        self.address, self.proxy = address, proxy
        self._tls, self._pool, self._transport = tls, pool, transport

    @property
    def target_prefix(self) -> str:
        """What comes before an endpoint's path in the request line: a proxy is asked for the whole URL (RFC 9112, 3.2.2)."""
        address = self.address
        if self.proxy is None or address.scheme == "https":
            return address.path
        return "http://%s%s" % (address.host_header, address.path)

    @property
    def proxy_auth(self) -> Optional[str]:
        """The value of Proxy-Authorization for each request; in a tunnel it goes with CONNECT alone."""
        return self.proxy.auth if self.proxy is not None and self.address.scheme != "https" else None

    def refused(self, head: Head) -> Optional[ConnectError]:
        """The error for an answer that only a proxy gives, None for any other (RFC 9110, 15.5.8)."""
        if self.proxy is None or head.status != 407:
            return None
        return refused_by(self.proxy, authority_of(self.address), answered(head))

    def idle(self, network: Any) -> Any:
        """An open connection that has carried an exchange before, or None."""
        return self._pool.take(self._key(network))

    def keep(self, network: Any, connection: Any, response: Response) -> None:
        """Take back a connection whose exchange has ended."""
        self._pool.put(self._key(network), connection, response)

    async def open(self, network: Any, clocks: Clocks, made: Callable[[Any], None]) -> Any:
        """A new connection. ``made`` is told of each socket before it connects. Raises ConnectError, OllamaTimeout."""
        if self._transport is None:
            return await self.connect(network, clocks, made)
        connection = await settled(self._transport.open(self.address, clocks.remaining()))
        if hasattr(connection, "network"):
            connection.network = network
        if hasattr(connection, "dial"):

            async def dial_later() -> Any:
                clocks.start("connect")
                return await self.connect(network, clocks, made)

            connection.dial = dial_later
        return connection

    async def connect(self, network: Any, clocks: Clocks, made: Callable[[Any], None]) -> Any:
        """A new connection over the network, whatever the transport."""
        address, proxy = self.address, self.proxy
        context = self._tls.context() if "https" in (address.scheme, proxy and proxy.scheme) else None
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

    def _key(self, network: Any) -> Tuple[Any, ...]:
        return network.home(), self.address, self.proxy


async def open_tunnel(connection: Any, address: Address, proxy: Proxy, clocks: Clocks) -> None:
    """Have the proxy connect us to the server (RFC 9110, 9.3.6). Raises ConnectError and OllamaTimeout."""
    authority, response = authority_of(address), Response("CONNECT")
    try:
        await connection.send(connect_request(authority, proxy), clocks.remaining())
        while response.read_head() is None:
            response.receive(await connection.recv(clocks.remaining()))
    except OllamaError as error:
        if isinstance(error, (ConnectError, TimeoutError)):
            raise
        raise refused_by(proxy, authority, str(error)) from None
    except OSError as error:
        if is_timeout(error):
            raise clocks.expired() from None
        raise refused_by(proxy, authority, reason(error)) from None
    head = response.head
    assert head is not None
    if not 200 <= head.status < 300:
        raise refused_by(proxy, authority, answered(head))
    if response.unparsed():
        raise refused_by(proxy, authority, "it spoke before the server could")


def authority_of(address: Address) -> str:
    return "%s:%d" % ("[%s]" % address.host if ":" in address.host else address.host, address.port)


def connect_request(authority: str, proxy: Proxy) -> bytes:
    # Made here, so that what reports the variables of a failed open_tunnel does not report the password.
    lines = ["CONNECT %s HTTP/1.1" % authority, "Host: %s" % authority]
    if proxy.auth is not None:
        lines.append("Proxy-Authorization: %s" % proxy.auth)
    return "\r\n".join(lines + ["", ""]).encode("ascii")


def answered(head: Head) -> str:
    """What a proxy's refusal says, and what to do about the one that is ours to mend."""
    why = ("it answered %d %s" % (head.status, head.reason)).strip()
    return why + "; write its credentials as http://user:password@host:port" if head.status == 407 else why


def refused_by(proxy: Proxy, authority: str, why: str) -> ConnectError:
    where = "(%s through the proxy %s, from %s: %s)" % (authority, proxy.url, proxy.source, why)
    return ConnectError("%s %s" % (CONNECT_ADVICE, where))
