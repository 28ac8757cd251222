# SPDX-License-Identifier: MIT
"""TLS as one more layer of bytes, over a connection of either colour.

``TLSSettings`` are what the user said (``verify=``, ``cert=``); ``TLSConnection`` has the methods of a connection and
turns their bytes into those of the connection below it, by ``ssl.MemoryBIO``. A connection that ends without TLS's own
goodbye ends as any other: whether the answer was whole is for the reader of the answer to say.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Optional, Tuple, Union

from ._address import Address, name_for_system
from ._errors import ConnectError, OllamaError, RequestError, check_origin, connect_error, misfit
from ._net import PIECE_SIZE, Clocks, Connection, Network, reason
from ._records import Path

if TYPE_CHECKING:
    from ssl import SSLContext

    Verify = Union[bool, Path, SSLContext]
else:  # for typing.get_type_hints, which is no reason to load ssl
    Verify = Union[bool, Path, Any]
Cert = Union[None, Path, Tuple[str, ...]]

TLS_RECORD_TYPES = (20, 21, 22, 23)  # RFC 8446, 5.1; nothing else begins what a TLS server says


class TLSSettings:
    """Whom to trust, and who we are. The context is made when it is needed first."""

    def __init__(self, verify: Verify = True, cert: Cert = None) -> None:
        """``verify``: True, False, a file or folder of CA certificates, or an SSLContext. ``cert``: a file with
        certificate and key, or a pair of files, or these and a password. Raises RequestError.
        """
        if isinstance(verify, (str, os.PathLike)):
            check_path(verify, "verify")
        elif not isinstance(verify, bool) and not hasattr(verify, "wrap_bio"):
            expected = "True, False, a file or folder of CA certificates, or an ssl.SSLContext"
            raise misfit(RequestError, "verify", expected, type(verify).__name__)
        if cert is not None and hasattr(verify, "wrap_bio"):
            raise RequestError("cert: load it into the SSLContext that verify= is")
        chain: Any = cert if isinstance(cert, (tuple, list)) else () if cert is None else (cert,)
        if cert is not None and not 1 <= len(chain) <= 3:
            raise RequestError("cert: expected a file, or (certificate, key), or (certificate, key, password)")
        for path in chain[:2]:
            check_path(path, "cert")
        self._verify, self._chain = verify, chain
        self._context: Optional[SSLContext] = None
        self._lock = threading.Lock()

    async def ready(self, network: Network) -> SSLContext:
        """The same as ``context``; a loop does not wait while files are read."""
        return await network.aside(self.context) if self._context is None else self._context

    def context(self) -> SSLContext:
        """The context for all connections. Raises RequestError for files that cannot be used."""
        with self._lock:
            if self._context is None:
                self._context = self._new_context()
            return self._context

    def _new_context(self) -> SSLContext:
        try:
            import ssl
        except ImportError:
            raise RequestError("https needs the ssl module, which this Python was built without") from None
        verify, argument = self._verify, "verify"
        try:
            if isinstance(verify, ssl.SSLContext):
                context = verify
            elif isinstance(verify, bool):
                context = ssl.create_default_context()
            elif os.path.isdir(verify):
                context = ssl.create_default_context(capath=os.fspath(verify))
            else:
                context = ssl.create_default_context(cafile=os.fspath(verify))
            if verify is False:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if self._chain:
                argument = "cert"
                # Without a password, if only an empty one, OpenSSL would ask for it on the terminal.
                certificate, *key = self._chain[:2]
                context.load_cert_chain(certificate, key[0] if key else None, "".join(self._chain[2:]))
        except NotImplementedError as error:
            check_origin(error)
            raise connect_error("TLS", reason(error)) from error
        except (OSError, ValueError, TypeError) as error:
            check_origin(error)
            raise RequestError("%s: the files cannot be used: %s" % (argument, tls_reason(error))) from error
        return context


def check_path(path: Any, argument: str) -> None:
    if not isinstance(path, (str, os.PathLike)) or not os.path.exists(path):
        raise RequestError("%s: no such file: %r" % (argument, path))


class TLSConnection(Connection):
    """A connection over TLS, once ``handshake`` has been awaited."""

    def __init__(self, connection: Connection, context: SSLContext, server: Address) -> None:
        import ssl

        self._connection, self._server = connection, server
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        # The name is the host alone: no zone id (RFC 6874, 1) and no dot at the end (RFC 6066, 3).
        name = name_for_system(server.host.partition("%")[0].rstrip("."))
        self._first = b""  # the first bytes from the server
        self._answered = False
        self._ended = False
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        except (OSError, NotImplementedError) as error:
            check_origin(error)
            raise self._refused(error) from error

    async def handshake(self, clocks: Clocks) -> None:
        """Agree on keys, and check the server's certificate. Raises ConnectError and OllamaTimeout."""
        from ssl import SSLError, SSLWantReadError

        while True:
            try:
                try:
                    self._tls.do_handshake()
                    await self._flush(clocks.remaining())
                    return
                except SSLWantReadError:
                    await self._flush(clocks.remaining())
                    await self._fill(clocks.remaining())
                except SSLError as error:
                    check_origin(error)
                    await self._flush(clocks.remaining())  # the alert, so that the server knows too
                    raise self._refused(error) from error
            except OllamaError:
                raise
            except (OSError, NotImplementedError) as error:
                clocks.check_failure(error)
                raise self._refused(error) from error

    async def send(self, data: bytes, timeout: Optional[float]) -> None:
        from ssl import SSLWantReadError

        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._tls.write(rest) :]
            except SSLWantReadError:  # the server renegotiates
                await self._flush(timeout)
                await self._fill(timeout)
        await self._flush(timeout)

    async def recv(self, timeout: Optional[float]) -> bytes:
        from ssl import SSLError, SSLWantReadError

        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                piece = self._tls.read(PIECE_SIZE)
                self._answered = True
                return piece
            except SSLWantReadError:
                pass
            except SSLError as error:
                check_origin(error)
                if self._ended:
                    return b""
                if self._answered:
                    raise OSError("TLS: " + reason(error)) from error
                raise self._refused(error) from error  # TLS 1.3: the server judges our certificate after the handshake
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            await self._flush(left)
            await self._fill(left)

    def rest(self) -> bool:
        return self._connection.rest()

    def poll(self) -> Optional[bytes]:
        """What has come meanwhile, b"" at the end, None for nothing; never waits."""
        from ssl import SSLError, SSLWantReadError

        piece = self._connection.poll()
        if piece == b"":
            return b""
        try:
            self._incoming.write(piece or b"")
            return self._tls.read(PIECE_SIZE)
        except SSLWantReadError:
            return None
        except SSLError as error:
            check_origin(error)
            return b""

    def wake(self) -> None:
        self._connection.wake()

    def close(self) -> None:
        self._connection.close()

    async def _flush(self, timeout: Optional[float]) -> None:
        if self._outgoing.pending:
            await self._connection.send(self._outgoing.read(), timeout)

    async def _fill(self, timeout: Optional[float]) -> None:
        piece = await self._connection.recv(timeout)
        self._first = self._first or piece[:16]
        if piece:
            self._incoming.write(piece)
        else:
            self._ended = True
            self._incoming.write_eof()

    def _refused(self, error: Exception) -> ConnectError:
        server, why = self._server, tls_reason(error)
        place = "%s, from %s" % (server.url, server.source)
        if self._first and self._first[0] not in TLS_RECORD_TYPES:
            said = ascii(self._first.decode("latin-1"))
            why = "the server does not speak TLS, it said " + said
            return connect_error(place, why, ". Write http:// in place of https://")
        if self._ended:
            why = "the server closed the connection in the handshake; it may not speak TLS, or not this version"
        advice = ""
        if getattr(error, "verify_message", None):
            advice = ". Give the file of the CA that signed the certificate: verify='ca.pem'"
        return connect_error(place, "TLS: " + why, advice)


def tls_reason(error: BaseException) -> str:
    """What is wrong with a handshake, or with the files that it takes."""
    message = getattr(error, "verify_message", None)
    return "the certificate is refused: %s" % message if message else reason(error)
