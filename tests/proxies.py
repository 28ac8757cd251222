"""TLS and proxies as steps of a scripted ``Server``: a forward proxy, a reverse proxy, and TLS before any other step.

    Server(answer(GOOD))                            an origin
    Server([Tls(), *answer(GOOD)])                  the same over TLS
    Server([Forward({"ollama.test:11434": port})])  a forward proxy that knows where that name is
    Server([Tls(), Reverse(port)])                  a reverse proxy that ends TLS

What went through one is kept on the step. Nothing here uses the package under test: http.client talks to the origin.
"""

from __future__ import annotations

import http.client
import os
import random
import select
import socket
import ssl
from typing import Any, Iterator, List, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from support import LAST_CHUNK, PATIENCE, Peer, Step, chunk, fin, read_request, response

CERTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "certs")
HOP_BY_HOP = "connection keep-alive proxy-authorization proxy-connection transfer-encoding content-length".split()


def cert(name: str) -> str:
    """The path of a file in tests/certs."""
    return os.path.join(CERTS, name)


class Tls:
    """A step: the handshake, after which the peer's socket is a TLS one.

    ``names`` are the server names that clients asked for (SNI), ``subjects`` the common names in their certificates,
    ``refusals`` what OpenSSL calls the handshakes that failed.
    """

    def __init__(
        self, certificate: str = "localhost", client_certificate: bool = False, newest: str = "TLSv1_3"
    ) -> None:
        self.names: List[Optional[str]] = []
        self.subjects: List[str] = []
        self.refusals: List[str] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert(certificate + ".pem"), cert("server.key"))
        self._context.maximum_version = ssl.TLSVersion[newest]
        self._context.sni_callback = self._named
        if client_certificate:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(cert("ca.pem"))

    def __call__(self, peer: Peer) -> None:
        try:
            sock = self._context.wrap_socket(peer.sock, server_side=True)
        except ssl.SSLError as error:
            self.refusals.append(error.reason or "")
            raise
        peer.sock = sock
        subject: Any = (sock.getpeercert() or {}).get("subject", ())
        self.subjects += [dict(names)["commonName"] for names in subject]

    def _named(self, _sock: Any, name: Optional[str], _context: Any) -> None:
        self.names.append(name)


class TlsCut(Tls):
    """A step: the handshake, a request read, and of the TLS record that answers it the first half."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def __call__(self, peer: Peer) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        asked = b""
        while b"\r\n\r\n" not in asked:
            try:
                tls.do_handshake()
                asked += tls.read(65536)
            except ssl.SSLWantReadError:
                peer.send(outgoing.read())
                incoming.write(peer.sock.recv(65536))
        tls.write(self._data)
        record = outgoing.read()
        peer.send(record[: len(record) // 2])
        peer.asked.set()


def tcp_fin(peer: Peer) -> None:
    """End the connection below TLS, without close_notify."""
    socket.socket.shutdown(peer.sock, socket.SHUT_WR)


def close_notify(peer: Peer) -> None:
    """End what we send inside TLS; the connection below stays open until the client leaves."""
    assert isinstance(peer.sock, ssl.SSLSocket)
    peer.sock.unwrap()


class Message:
    """A request as a proxy reads it."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = self.line.split(" ")
        self.fields: List[Tuple[str, str]] = []
        for field in fields:
            name, _, value = field.partition(": ")
            self.fields.append((name, value))

    def get(self, name: str) -> Optional[str]:
        return {name.lower(): value for name, value in self.fields}.get(name.lower())

    @property
    def names(self) -> List[str]:
        return [name.lower() for name, _ in self.fields]


def next_request(peer: Peer) -> Message:
    read_request(peer)
    return Message(peer.requests[-1])


def page(status: str) -> bytes:
    """An error as proxies answer it."""
    text = "<html>\r\n<head><title>%s</title></head>\r\n<body><h1>%s</h1></body>\r\n</html>\r\n" % (status, status)
    return response(status, text.encode(), Content_Type="text/html")


class Forward:
    """A step: a forward proxy, for absolute targets and CONNECT; a connection serves one of either.

    ``hosts`` maps the authority of a target to a port of this machine: no name is looked up. ``credentials`` is the
    value that Proxy-Authorization must have. ``requests`` are those that came.
    """

    def __init__(self, hosts: Mapping[str, int], credentials: Optional[str] = None) -> None:
        self.hosts, self.credentials = hosts, credentials
        self.requests: List[Message] = []

    def __call__(self, peer: Peer) -> None:
        request = next_request(peer)
        self.requests.append(request)
        is_tunnel = request.method == "CONNECT"
        url = urlsplit(request.target)
        port = self.hosts.get(request.target if is_tunnel else url.netloc)
        if not is_tunnel and not url.netloc:
            peer.send(page("400 Bad Request"))
        elif self.credentials not in (None, request.get("Proxy-Authorization")):
            status = "407 Proxy Authentication Required"
            peer.send(response(status, b"<html>no</html>", Proxy_Authenticate='Basic realm="x"'))
        elif port is None:
            peer.send(page("502 Bad Gateway"))
        else:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as origin:
                if is_tunnel:
                    peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    origin.sendall(_in_origin_form(request))
                relay(peer.sock, origin)
            fin(peer)


def _in_origin_form(request: Message) -> bytes:
    lines = ["%s %s HTTP/1.1" % (request.method, urlsplit(request.target).path)]
    lines += ["%s: %s" % item for item in request.fields if not item[0].lower().startswith("proxy-")]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + request.body


def relay(left: socket.socket, right: socket.socket, rng: Optional[random.Random] = None) -> None:
    """Pass on what either side sends, until one of them ends; with ``rng`` in pieces of random sizes."""
    other = {left: right, right: left}
    while True:
        ready: List[socket.socket] = [sock for sock in other if isinstance(sock, ssl.SSLSocket) and sock.pending()]
        ready = ready or select.select(list(other), [], [], PATIENCE)[0]
        for sock in ready:
            data = sock.recv(65536 if rng is None else rng.choice((1, 2, 3, 5, 7, 100, 1000)))
            if not data:
                return
            other[sock].sendall(data)


def sliced(port: int, seed: int) -> Step:
    """A step: pass everything on to the server at this port, in pieces that end anywhere."""

    def step(peer: Peer) -> None:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as origin:
            relay(peer.sock, origin, random.Random(seed))
        fin(peer)

    return step


class Reverse:
    """A step: a reverse proxy before the server at this port.

    ``buffered`` answers with a whole body and its length; otherwise the body is chunked anew, in pieces as they come,
    or of random sizes where ``seed`` is given. A server that is not there is a page with status 502, as is a buffered
    answer that is cut; one silent for ``patience`` seconds is a 504. ``requests`` are those that came.
    """

    def __init__(
        self, port: int, buffered: bool = False, seed: Optional[int] = None, patience: float = PATIENCE
    ) -> None:
        self.port, self.buffered, self.seed, self.patience = port, buffered, seed, patience
        self.requests: List[Message] = []

    def __call__(self, peer: Peer) -> None:
        while True:
            try:
                request = next_request(peer)
            except ConnectionAbortedError:
                return  # the client has left between two requests
            self.requests.append(request)
            origin = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
            try:
                answer = self._ask(origin, request)
                self._pass_on(peer, answer)
            except socket.timeout:
                peer.send(page("504 Gateway Time-out"))
            except ConnectionRefusedError:
                peer.send(page("502 Bad Gateway"))
            finally:
                origin.close()

    @staticmethod
    def _ask(origin: http.client.HTTPConnection, request: Message) -> http.client.HTTPResponse:
        origin.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.fields:
            if name.lower() not in HOP_BY_HOP:
                origin.putheader(name, value)
        if request.body:
            origin.putheader("Content-Length", str(len(request.body)))
        origin.endheaders(request.body or None)
        return origin.getresponse()

    def _pass_on(self, peer: Peer, answer: http.client.HTTPResponse) -> None:
        with answer:
            fields = [item for item in answer.getheaders() if item[0].lower() not in HOP_BY_HOP]
            status = "%d %s" % (answer.status, answer.reason)
            if self.buffered:
                try:
                    body = answer.read()
                except http.client.IncompleteRead:
                    peer.send(page("502 Bad Gateway"))
                else:
                    peer.send(_head(status, fields, "Content-Length: %d" % len(body)) + body)
                return
            peer.send(_head(status, fields, "Transfer-Encoding: chunked"))
            try:
                for piece in self._pieces(answer):
                    peer.send(chunk(piece))
            except (http.client.HTTPException, OSError):
                raise ConnectionAbortedError  # cut towards us: cut towards the client
            peer.send(LAST_CHUNK)

    def _pieces(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        rng = random.Random(self.seed)
        for piece in iter(answer.read1, b""):
            while piece:
                size = len(piece) if self.seed is None else rng.randint(1, 40)
                yield piece[:size]
                piece = piece[size:]


def _head(status: str, fields: List[Tuple[str, str]], framing: str) -> bytes:
    lines = ["HTTP/1.1 " + status, *("%s: %s" % item for item in fields), framing]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
