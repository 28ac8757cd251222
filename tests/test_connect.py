"""Where it connects: addresses, TLS, proxies, keys, retries and the log, each told by what a real server sees.

``ask`` is a chat in either colour: it returns what a loop over the stream gets. Numbers in ids and names are the
numbered faults. Decisions that need no socket are rows of test_address.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import contextlib
import hashlib
import logging
import os
import pickle
import random
import re
import signal
import socket
import ssl
import tempfile
import threading
import time
import traceback
from email.utils import formatdate

import pytest
from proxies import Forward, Tls, cert, close_notify, sliced, tcp_fin
from support import (
    CHAT, DONE, GOOD, HEAD, LAST_CHUNK, LINE, PATIENCE, SOON, Server, answer, chunk, close, closed_port, dribble, fin,
    full_listener, line, read_request, read_some, response, rst, run_python,
)  # fmt: skip

from ollama_stream import (
    AsyncClient, Client, ConnectError, ConnectionLost, IncompleteStream, OllamaError, OllamaTimeout, ProtocolError,
    RequestError, ResponseError, StreamClosed, Timeout,
)  # fmt: skip
from ollama_stream import _exchange
from ollama_stream._refusal import parse_retry_after

WHOLE = (["Hi", ""], None)  # the outcome of GOOD
CA = cert("ca.pem")
PACKAGE = os.path.dirname(os.path.abspath(_exchange.__file__))
CLOSE = {"Connection": "close"}
AT_ONCE = {"Retry_After": "0", **CLOSE}  # so that each try is a connection of its own
VARIABLES = "OLLAMA_HOST OLLAMA_API_KEY HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY REQUEST_METHOD".split()


def table(rows):
    """Parameters out of (id, ...) rows; an empty table must not pass, nor one id stand for two rows."""
    ids = [row[0] for row in rows]
    assert rows and len(set(ids)) == len(ids)
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


def basic(credentials):
    return "Basic " + base64.b64encode(credentials.encode("utf-8")).decode("ascii")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


# --- both colours -----------------------------------------------------------------------------------------------------


PATIENT = {"timeout": PATIENCE}  # where a server fails, a test must end


def ask_sync(host=None, **settings):
    with Client(host, **{**PATIENT, **settings}) as client:
        texts = []
        try:
            for record in client.chat(stream=True, **CHAT):
                texts.append(record.message.content)
        except OllamaError as error:
            return texts, error
        return texts, None


def ask_async(host=None, **settings):
    async def main():
        async with AsyncClient(host, **{**PATIENT, **settings}) as client:
            texts = []
            try:
                async for record in client.chat(stream=True, **CHAT):
                    texts.append(record.message.content)
            except OllamaError as error:
                return texts, error
            return texts, None

    return asyncio.run(main())


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request):
    return request.param


async def in_thread(function, *args):
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
needs_unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no unix sockets on this machine")


@contextlib.contextmanager
def listening(kind, *steps):
    """A server at "IPv4", "IPv6" or "unix", with TLS where the kind says so."""
    steps = [Tls(), *steps] if kind.endswith("TLS") else list(steps)
    if kind.startswith("unix"):
        with tempfile.TemporaryDirectory(prefix="o") as folder:  # a socket's path must be short
            with Server(steps, family=socket.AF_UNIX, address=os.path.join(folder, "s")) as server:
                yield server
    elif kind.startswith("IPv6"):
        with Server(steps, family=socket.AF_INET6, address=("::1", 0)) as server:
            yield server
    else:
        with Server(steps) as server:
            yield server


def fields_of(peer):
    """The header fields of a request, by lower-case name; one that came twice is a list."""
    fields = {}
    for text in peer.request_head[1:]:
        name, _, value = text.decode("latin-1").partition(": ")
        name = name.lower()
        fields[name] = value if name not in fields else [fields[name], value]
    return fields


# --- OLLAMA_HOST and host= --------------------------------------------------------------------------------------------

# id, kind of socket, value, Host, Authorization, prefix of the target; "PORT" and "PATH" are the server's
IPV4, IPV6 = "127.0.0.1:PORT", "[::1]:PORT"
PLACES = [
    ("host and port", "IPv4", IPV4, IPV4, None, ""),
    ("158 only a port", "IPv4", ":PORT", IPV4, None, ""),
    ("158 any IPv4", "IPv4", "0.0.0.0:PORT", IPV4, None, ""),
    ("158 any IPv4 in a URL", "IPv4", "http://0.0.0.0:PORT", IPV4, None, ""),
    ("158 slash", "IPv4", "127.0.0.1:PORT/", IPV4, None, ""),
    ("158 prefix", "IPv4", "127.0.0.1:PORT/ollama", IPV4, None, "/ollama"),
    ("158 prefix and slash", "IPv4", "http://127.0.0.1:PORT/a/b/", IPV4, None, "/a/b"),
    ("encoded prefix", "IPv4", "127.0.0.1:PORT/a%2Fb/\xfc", IPV4, None, "/a%2Fb/%C3%BC"),
    ("URL", "IPv4", "http://127.0.0.1:PORT", IPV4, None, ""),
    ("upper case", "IPv4", "HTTP://LOCALHOST:PORT", "localhost:PORT", None, ""),
    ("quotes and blanks", "IPv4", " \"127.0.0.1:PORT\" \n", IPV4, None, ""),
    ("two slashes", "IPv4", "//127.0.0.1:PORT", IPV4, None, ""),
    ("157 localhost", "IPv4", "localhost:PORT", "localhost:PORT", None, ""),
    ("short IPv4", "IPv4", "127.1:PORT", "127.1:PORT", None, ""),
    ("full-width digits", "IPv4", "\uff11\uff12\uff17.0.0.1:PORT", IPV4, None, ""),
    ("218 credentials", "IPv4", "http://user:pw@127.0.0.1:PORT", IPV4, "user:pw", ""),
    ("218 credentials, no scheme", "IPv4", "user:pw@127.0.0.1:PORT/x", IPV4, "user:pw", "/x"),
    ("218 encoded credentials", "IPv4", "http://us%40er:p%3Aw%2F@127.0.0.1:PORT", IPV4, "us@er:p:w/", ""),
    ("158 IPv6", "IPv6", "[::1]:PORT", IPV6, None, ""),
    ("IPv6 URL", "IPv6", "http://[0:0:0:0:0:0:0:1]:PORT/x", "[0:0:0:0:0:0:0:1]:PORT", None, "/x"),
    ("158 any IPv6", "IPv6", "[::]:PORT", IPV6, None, ""),
    ("218 credentials, IPv6", "IPv6", "user:pw@[::1]:PORT", IPV6, "user:pw", ""),
    ("https", "IPv4 TLS", "https://127.0.0.1:PORT", IPV4, None, ""),
    ("https in upper case", "IPv4 TLS", "HTTPS://localhost:PORT/x/", "localhost:PORT", None, "/x"),
    ("https, credentials", "IPv4 TLS", "https://user:pw@localhost:PORT", "localhost:PORT", "user:pw", ""),
    ("https, any IPv4", "IPv4 TLS", "https://0.0.0.0:PORT", IPV4, None, ""),
    ("https, IPv6", "IPv6 TLS", "https://[::1]:PORT", IPV6, None, ""),
    ("unix URL", "unix", "unix://PATH", "localhost", None, ""),
    ("unix, one slash", "unix", "unix:PATH", "localhost", None, ""),
    ("unix in upper case", "unix", "UNIX://PATH", "localhost", None, ""),
    ("absolute path", "unix", "PATH", "localhost", None, ""),
]  # fmt: skip


def placed(value, server):
    path = server.address if isinstance(server.address, str) else ""
    return value.replace("PORT", str(server.port)).replace("PATH", path)


def by_kind(rows):
    """The rows of a table whose first column is the kind of socket, skipped where the machine has none."""
    params = []
    for param in table(rows):
        marks = [needs_ipv6] if param.values[0].startswith("IPv6") else []
        marks += [needs_unix] if param.values[0].startswith("unix") else []
        params.append(pytest.param(*param.values, id=param.id, marks=marks))
    return params


@pytest.mark.each(2)
@pytest.mark.parametrize("given", ["host", "OLLAMA_HOST"])
@pytest.mark.parametrize("kind, value, host_header, credentials, prefix", by_kind(PLACES))
def test_the_server_is_found_and_sees(ask, kind, value, host_header, credentials, prefix, given, monkeypatch):
    with listening(kind, *answer(GOOD)) as server:
        settings = {"verify": CA} if kind.endswith("TLS") else {}
        host = placed(value, server)
        if given == "OLLAMA_HOST":
            monkeypatch.setenv("OLLAMA_HOST", host)
            host = None
        assert ask(host, **settings) == WHOLE
        assert len(server.peers) == 1
        peer = server.peer()
    assert peer.request_head[0].decode() == "POST %s/api/chat HTTP/1.1" % prefix
    fields = fields_of(peer)
    assert fields["host"] == placed(host_header, server)
    assert fields.get("authorization") == (credentials and basic(credentials))


def test_the_argument_comes_before_the_variable(ask, monkeypatch):
    with Server(answer(GOOD)) as server, Server() as other:
        monkeypatch.setenv("OLLAMA_HOST", other.url)
        assert ask(server.url) == WHOLE
        assert other.peers == []


def test_a_wrong_variable_is_an_error_of_the_first_call_and_not_of_the_import():
    program = (
        "import ollama_stream\n"
        "try: ollama_stream.version()\n"
        "except ollama_stream.RequestError as error: print(str(error).partition(':')[0])\n"
    )
    end = run_python("-c", program, OLLAMA_HOST="http://host:bad")
    assert (end.stdout, end.stderr) == ("OLLAMA_HOST='http\n", "")


@needs_unix
@pytest.mark.parametrize("what", ["missing", "no socket", "nobody listens", "too long"])
def test_a_unix_socket_that_cannot_be_reached_is_a_connect_error_fault_155(ask, what):
    with tempfile.TemporaryDirectory(prefix="o") as folder:
        path = os.path.join(folder, "s" if what != "too long" else "s" * 200)
        if what == "no socket":
            open(path, "w").close()
        elif what == "nobody listens":
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(path)
        texts, error = ask("unix://" + path)
    assert (texts, type(error)) == ([], ConnectError)
    assert "(unix://%s, from host: " % path in str(error)


def twice_sync(host, between=lambda: None, **settings):
    with Client(host, **PATIENT, **settings) as client:
        first = client.chat(**CHAT)
        between()
        return [first.message.content, client.chat(**CHAT).message.content]


def twice_async(host, between=lambda: None, **settings):
    async def main():
        async with AsyncClient(host, **PATIENT, **settings) as client:
            first = await client.chat(**CHAT)
            await in_thread(between)
            return [first.message.content, (await client.chat(**CHAT)).message.content]

    return asyncio.run(main())


@pytest.fixture(params=[twice_sync, twice_async], ids=["sync", "async"])
def twice(request):
    return request.param


def test_a_server_that_was_started_again_is_found_again_fault_179(twice):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Server(answer(response("200 OK", line("old", True)))))

        def start_again():
            stack.close()
            stack.enter_context(Server(answer(response("200 OK", line("new", True))), address=first.address))

        assert twice(first.url, start_again) == ["old", "new"]


LOCATIONS = ["http://169.254.169.254/latest/meta", "file:///etc/passwd", "//127.0.0.1:1/x", "unix:///s", "", "\xff"]


@pytest.mark.each(2)
@pytest.mark.parametrize("location", LOCATIONS, ids=lambda location: "220-%a" % location)
@pytest.mark.parametrize("status", ["301 Moved", "307 There", "308 There"])
def test_no_redirect_is_followed(ask, status, location):
    with Server(answer(response(status, Location=location, **CLOSE))) as server:
        texts, error = ask(server.url, retries=3)
        assert len(server.peers) == 1
    assert (texts, type(error), error.status_code) == ([], ResponseError, int(status[:3]))


NO_DESCRIPTORS = """
import asyncio, os, resource, sys
from ollama_stream import AsyncClient, Client, ConnectError
import http.client, socket, ssl, ipaddress, urllib.parse, email.utils, encodings.idna
socket.getaddrinfo("127.0.0.1", 1)
host, chat = sys.argv[1], {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

def full():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), hard))

async def main(client):
    full()
    await client.chat(**chat)

for call in (lambda: asyncio.run(main(AsyncClient(host))), lambda: full() or Client(host).chat(**chat)):
    try:
        call()
    except ConnectError as error:
        print("too many open files" in str(error))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no list of the open files on this machine")
def test_a_socket_that_the_system_does_not_give_is_a_connect_error_fault_159():
    with Server() as server:
        end = run_python("-c", NO_DESCRIPTORS, server.url)
        assert server.peers == []
    assert (end.stderr, end.stdout) == ("", "True\nTrue\n")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals on this machine")
@pytest.mark.parametrize("kind", ["IPv4", "IPv4 TLS"])
def test_signals_do_not_disturb_a_reader_fault_172(ask, kind):
    count, enough = [], threading.Event()

    def on_signal(*_):
        count.append(1)
        if len(count) == 20:
            enough.set()

    with listening(kind, *answer(HEAD, chunk(LINE), enough, chunk(DONE) + LAST_CHUNK)) as server:
        before = signal.signal(signal.SIGALRM, on_signal)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        try:
            assert ask("%s://localhost:%d" % ("https" if "TLS" in kind else "http", server.port), verify=CA) == WHOLE
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


# --- TLS: who is trusted ----------------------------------------------------------------------------------------------

REFUSED = [  # id, certificate, host, verify, what the error says of the reason
    ("174-self-signed", "self-signed", "localhost", CA, "self.signed certificate"),
    ("174-unknown-ca", "localhost", "localhost", True, "unable to get local issuer certificate"),
    ("174-expired", "expired", "localhost", CA, "certificate has expired"),
    ("174-not-yet-valid", "future", "localhost", CA, "certificate is not yet valid"),
    ("174-wrong-host", "other", "localhost", CA, "[hH]ostname mismatch"),
    ("174-wrong-ip", "other", "127.0.0.1", CA, "IP address mismatch"),
    ("174-no-revocation-list", "localhost", "localhost", "crl", "unable to get certificate CRL"),
]


def crl_context():
    context = ssl.create_default_context(cafile=CA)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


@pytest.mark.each(2)
@pytest.mark.parametrize("certificate, host, verify, reason", table(REFUSED))
def test_a_certificate_that_proves_nothing_is_refused(ask, certificate, host, verify, reason):
    tls = Tls(certificate)
    with Server([tls, *answer(GOOD)]) as server:
        url = "https://%s:%d" % (host, server.port)
        texts, error = ask(url, verify=crl_context() if verify == "crl" else verify)
        assert (texts, type(error)) == ([], ConnectError)
        assert server.peer().gone.wait(SOON)
        assert len(server.peers) == 1 and server.peer().requests == []
    assert len(tls.refusals) == 1 and "ALERT" in tls.refusals[0]  # the server was told why
    assert re.search(reason, str(error), re.IGNORECASE)
    assert "verify=" in str(error) and url in str(error)
    assert error.url == url + "/api/chat"


TRUSTING = [  # id, certificate, host, verify
    ("file", "localhost", "localhost", lambda: CA),
    ("folder", "localhost", "localhost", lambda: cert("ca")),
    ("context", "localhost", "localhost", lambda: ssl.create_default_context(cafile=CA)),
    ("one certificate", "self-signed", "localhost", lambda: cert("self-signed.pem")),
    ("none: self-signed", "self-signed", "localhost", lambda: False),
    ("none: expired", "expired", "127.0.0.1", lambda: False),
    ("none: wrong host", "other", "localhost", lambda: False),
]


@pytest.mark.parametrize("certificate, host, verify", table(TRUSTING))
def test_a_server_is_trusted_as_verify_says(ask, certificate, host, verify):
    with Server([Tls(certificate), *answer(GOOD)]) as server:
        assert ask("https://%s:%d" % (host, server.port), verify=verify()) == WHOLE


def test_the_systems_own_list_of_authorities_is_read(ask, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", CA)
    with Server([Tls(), *answer(GOOD)]) as server:
        assert ask("https://localhost:%d" % server.port) == WHOLE


@pytest.mark.parametrize("newest", ["TLSv1_2", "TLSv1_3"])
def test_tls_of_either_version_is_spoken(ask, newest):
    with Server([Tls(newest=newest), *answer(GOOD)]) as server:
        assert ask("https://localhost:%d" % server.port, verify=CA) == WHOLE


WRONG_TRUST = [  # id, verify
    ("missing", cert("missing.pem")),
    ("no certificate in it", cert("client.key")),
    ("number", 1),
    ("None", None),
    ("bytes", b"ca.pem"),
    ("empty", ""),
    ("NUL", "a\0b"),
]


@pytest.mark.parametrize("verify", table(WRONG_TRUST))
def test_a_wrong_verify_is_a_request_error(ask, verify):
    with Server([Tls()]) as server:
        with pytest.raises(RequestError, match="^verify"):
            texts, error = ask("https://localhost:%d" % server.port, verify=verify)
            raise error
        assert server.peers == []


# --- TLS: what the server is told -------------------------------------------------------------------------------------

NAMED = [  # id, kind, host, name asked for
    ("name", "IPv4", "localhost", "localhost"),
    ("name in upper case", "IPv4", "LocalHost", "localhost"),
    ("IPv4", "IPv4", "127.0.0.1", None),
    ("IPv6", "IPv6", "[::1]", None),
]


@pytest.mark.parametrize("kind, host, name", by_kind(NAMED))
def test_a_server_is_asked_for_by_its_name(ask, kind, host, name):
    tls = Tls()
    with listening(kind, tls, *answer(GOOD)) as server:
        assert ask("https://%s:%d" % (host, server.port), verify=CA) == WHOLE
    assert tls.names == [name]


PASSWORD = "swordfish"
IDENTITIES = [  # id, cert=
    ("one file", cert("client-both.pem")),
    ("two files", (cert("client.pem"), cert("client.key"))),
    ("encrypted key", (cert("client.pem"), cert("client-encrypted.key"), PASSWORD)),
]


@pytest.mark.parametrize("identity", table(IDENTITIES))
def test_a_client_certificate_is_shown(ask, identity):
    tls = Tls(client_certificate=True)
    with Server([tls, *answer(GOOD)]) as server:
        assert ask("https://localhost:%d" % server.port, verify=CA, cert=identity) == WHOLE
    assert tls.subjects == ["client (test)"]


@pytest.mark.parametrize("newest, alert", [("TLSv1_2", "handshake failure"), ("TLSv1_3", "certificate required")])
def test_a_server_that_wants_a_certificate_says_so(ask, newest, alert):
    # In TLS 1.3 the handshake is over for the client before the server has looked: it is the first read that fails.
    with Server([Tls(client_certificate=True, newest=newest)]) as server:
        texts, error = ask("https://localhost:%d" % server.port, verify=CA)
        assert server.peer().gone.wait(SOON)
    assert (texts, type(error)) == ([], ConnectError)
    assert "(https://localhost:%d, from host: TLS: " % server.port in str(error) and alert in str(error)


WRONG_IDENTITIES = [  # id, cert=
    ("missing", cert("missing.pem")),
    ("no key in it", cert("client.pem")),
    ("another key", (cert("client.pem"), cert("server.key"))),
    ("no certificate in it", cert("client.key")),
    ("encrypted, no password", (cert("client.pem"), cert("client-encrypted.key"))),
    ("encrypted, wrong password", (cert("client.pem"), cert("client-encrypted.key"), "hunter2-hunter2")),
    ("password no text", (cert("client.pem"), cert("client-encrypted.key"), 7)),
    ("long password", (cert("client.pem"), cert("client-encrypted.key"), "hunter2-hunter2" * 1000)),
    ("number", 1),
    ("four", ("a", "b", "c", "d")),
    ("none", ()),
    ("empty", ""),
    ("NUL", "a\0b"),
]


@pytest.mark.each(2)
@pytest.mark.parametrize("identity", table(WRONG_IDENTITIES))
def test_a_wrong_client_certificate_is_a_request_error(ask, identity):
    with Server([Tls()]) as server:
        with pytest.raises(RequestError, match="^cert") as raised:
            texts, error = ask("https://localhost:%d" % server.port, verify=CA, cert=identity)
            raise error
        assert server.peers == []
    assert "hunter2" not in "".join(traceback.format_exception(None, raised.value, None))


# --- TLS: the stream --------------------------------------------------------------------------------------------------

RECORDS = [  # id, writes of the server, each a TLS record, and what is left when it holds the connection
    ("177-many-lines-in-one", [HEAD + chunk(LINE) * 50 + chunk(DONE)], 50),
    ("177-all-in-one", [HEAD + chunk(LINE) * 3 + chunk(DONE) + LAST_CHUNK], 3),
    ("177-one-byte-in-each", [GOOD[i : i + 1] for i in range(len(GOOD))], 1),
    ("longer-than-a-record", [HEAD, chunk(line("x" * 100000)), chunk(DONE)], 1),
]


@pytest.mark.parametrize("writes, count", table(RECORDS))
def test_lines_and_tls_records_need_not_agree(ask, writes, count):
    with Server([Tls(), *answer(*writes)]) as server:
        texts, error = ask("https://localhost:%d" % server.port, verify=CA)
    assert (len(texts), error) == (count + 1, None)


def test_what_has_come_is_handed_out_before_more_is_read_fault_177():
    gate = threading.Event()
    with Server([Tls(), *answer(HEAD + chunk(line("a")) + chunk(line("b")), gate, chunk(DONE) + LAST_CHUNK)]) as server:
        with Client("https://localhost:%d" % server.port, verify=CA) as client:
            stream = iter(client.chat(stream=True, **CHAT))
            assert [next(stream).message.content, next(stream).message.content] == ["a", "b"]
            gate.set()
            assert [record.done for record in stream] == [True]


def test_a_large_request_goes_out_whole(ask, monkeypatch):
    messages = [{"role": "user", "content": "x" * 5000000}]
    monkeypatch.setitem(CHAT, "messages", messages)
    with Server([Tls(), *answer(GOOD)]) as server:
        assert ask("https://localhost:%d" % server.port, verify=CA) == WHOLE
        assert len(server.peer().request_body) > 5000000


@pytest.mark.parametrize("seed, newest", [(1, "TLSv1_2"), (2, "TLSv1_3"), (3, "TLSv1_3")])
def test_the_cuts_of_tls_do_not_matter(ask, seed, newest):
    lines = [line("%d\u2028" % i * seed * i) for i in range(10)]
    steps = answer(HEAD, *map(chunk, lines), chunk(DONE) + LAST_CHUNK)
    with Server([Tls(newest=newest), *steps]) as origin, Server([sliced(origin.port, seed)]) as server:
        texts, error = ask("https://localhost:%d" % server.port, verify=CA)
    assert (texts, error) == (["%d\u2028" % i * seed * i for i in range(10)] + [""], None)


def test_an_answer_to_half_a_request_counts_fault_78(ask, monkeypatch):
    monkeypatch.setitem(CHAT, "messages", [{"role": "user", "content": "x" * (16 << 20)}])
    refusal = response("413 Request Entity Too Large", b'{"error":"too large"}', **CLOSE)
    with Server([Tls(), read_some(2048), refusal, close]) as server:
        texts, error = ask("https://localhost:%d" % server.port, verify=CA)
    assert (texts, type(error), error.status_code) == ([], ResponseError, 413)


def test_a_request_that_nobody_reads_is_under_the_idle_clock(ask, monkeypatch):
    monkeypatch.setitem(CHAT, "messages", [{"role": "user", "content": "x" * (24 << 20)}])
    gate = threading.Event()
    with Server([Tls(), gate]) as server:
        texts, error = ask("https://localhost:%d" % server.port, verify=CA, timeout=Timeout(idle=0.1))
        gate.set()
        assert server.peer().gone.wait(PATIENCE)
    assert (texts, type(error), error.clock) == ([], OllamaTimeout, "idle")


def test_a_tls_record_that_never_ends_is_under_the_idle_clock_fault_165(ask):
    def endless_record(peer):
        with contextlib.suppress(OSError):
            socket.socket.sendall(peer.sock, b"\x17\x03\x03\x40\x00")
            while not peer.gone.wait(0.001):
                socket.socket.sendall(peer.sock, b"x")

    with Server([Tls(), *answer(HEAD, chunk(LINE), endless_record)]) as server:
        texts, error = ask("https://localhost:%d" % server.port, verify=CA, timeout=Timeout(idle=0.1))
        assert server.peer().gone.wait(PATIENCE)
    assert (texts, type(error), error.clock) == (["Hi"], OllamaTimeout, "idle")


def test_a_second_call_follows_a_first_that_the_server_has_closed_fault_82():
    with Server([Tls(), *answer(GOOD, close_notify)]) as server:
        with Client("https://localhost:%d" % server.port, verify=CA) as client:
            for _ in range(2):
                assert [record.message.content for record in client.chat(stream=True, **CHAT)] == ["Hi", ""]


ONCE = response("200 OK", line("Hi", True))
TWICE = answer(ONCE, read_request, ONCE)


def test_a_tls_connection_is_used_again_fault_80(twice):
    tls = Tls()
    with Server([tls, *TWICE]) as server:
        assert twice("https://localhost:%d" % server.port, verify=CA) == ["Hi", "Hi"]
        assert len(server.peers) == len(tls.names) == 1


def test_a_tunnel_is_used_again_fault_80(twice):
    tls = Tls("other")
    with Server([tls, *TWICE]) as origin:
        proxy = Forward({"ollama.test:443": origin.port})
        with Server([proxy]) as server:
            assert twice("https://ollama.test", verify=CA, proxy=server.url) == ["Hi", "Hi"]
        assert len(origin.peers) == len(tls.names) == len(proxy.requests) == 1


def test_a_tls_connection_that_has_gone_is_replaced_fault_82(twice):
    with Server([Tls(), *answer(ONCE, tcp_fin)], [Tls(), *answer(ONCE)]) as server:
        host = "https://localhost:%d" % server.port
        assert twice(host, verify=CA) == ["Hi", "Hi"]
        assert len(server.peers) == 2


def test_a_tls_connection_on_which_the_server_has_spoken_meanwhile_is_replaced_fault_84(twice):
    said = threading.Event()
    goodbye = [response("408 Request Timeout", **CLOSE), lambda _: said.set()]
    with Server([Tls(), *answer(ONCE, *goodbye)], [Tls(), *answer(ONCE)]) as server:
        host = "https://localhost:%d" % server.port
        assert twice(host, lambda: said.wait(PATIENCE), verify=CA) == ["Hi", "Hi"]
        assert len(server.peers) == 2


def test_a_client_speaks_tls_in_many_threads_fault_188():
    results = []

    def work():
        for _ in range(3):
            results.append(client.chat(**CHAT).message.content)

    with Server([Tls(), *answer(response("200 OK", line("Hi", True), **CLOSE))]) as server:
        with Client("https://localhost:%d" % server.port, verify=CA) as client:
            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert results == ["Hi"] * 24


CLOSED = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
CUTS = [  # id, steps, texts, error
    ("176-no-answer", [tcp_fin], [], ConnectionLost),
    ("176-in-the-head", [HEAD[:30], tcp_fin], [], ConnectionLost),
    ("176-between-chunks", [HEAD, chunk(LINE), tcp_fin], ["Hi"], ConnectionLost),
    ("176-inside-a-chunk", [HEAD, chunk(LINE), b"ff\r\n{", tcp_fin], ["Hi"], ConnectionLost),
    ("176-close-delimited", [CLOSED, LINE, tcp_fin], ["Hi"], (ConnectionLost, IncompleteStream)),
    ("176-close-delimited-and-done", [CLOSED, LINE, DONE, tcp_fin], ["Hi", ""], None),
    ("176-done-and-cut", [HEAD, chunk(LINE), chunk(DONE), tcp_fin], ["Hi", ""], None),
    ("reset", [HEAD, chunk(LINE), rst], ["Hi"], ConnectionLost),
    ("close-notify", [HEAD, chunk(LINE), close_notify], ["Hi"], ConnectionLost),
    ("close-notify, close-delimited", [CLOSED, LINE, close_notify], ["Hi"], IncompleteStream),
    ("garbage", [HEAD, chunk(LINE), lambda peer: socket.socket.sendall(peer.sock, b"x" * 99)], ["Hi"], ConnectionLost),
]


@pytest.mark.each(2)
@pytest.mark.parametrize("steps, texts, kind", table(CUTS))
def test_a_cut_in_tls_is_a_cut(ask, steps, texts, kind):
    with Server([Tls(), *answer(*steps)]) as server:
        got, error = ask("https://localhost:%d" % server.port, verify=CA)
        assert server.peer().gone.wait(SOON)
    assert got == texts
    assert error is None if kind is None else isinstance(error, kind)
    if error is not None:
        assert error.partial.text == "".join(texts)
    if steps == CUTS[-1][1]:
        assert str(error).startswith("the connection was lost: TLS: ") and "permitted" not in str(error)


# --- TLS: the handshake -----------------------------------------------------------------------------------------------


def hello(peer):
    """A step: the client has begun to speak, and is not answered."""
    peer.received += peer.sock.recv(1)
    peer.asked.set()


TOO_OLD = b"\x15\x03\x01\x00\x02\x02\x46"  # the alert protocol_version (RFC 8446, 6.2)
GO_REFUSAL = response("400 Bad Request", b"400 Bad Request", Content_Type="text/plain; charset=utf-8", **CLOSE)
HANDSHAKES = [  # id, steps after the client's first bytes, what the error says
    ("175-fin", [fin], ""),
    ("175-reset", [rst], ""),
    ("175-closed", [close], ""),
    ("175-cut", [b"\x16\x03\x03\x00\x7a\x02", fin], ""),
    ("175-too-old", [TOO_OLD], "protocol version"),
    ("173-plain-http", [GO_REFUSAL, fin], "http://"),
    ("173-plain-http-of-old", [b"HTTP/1.0 400 Bad Request\r\n\r\n", close], "http://"),
    ("173-ssh", [b"SSH-2.0-OpenSSH_9.2p1\r\n", fin], ""),
]


@pytest.mark.parametrize("steps, hint", table(HANDSHAKES))
def test_a_handshake_that_fails_is_a_connect_error(ask, steps, hint):
    with Server([hello, *steps]) as server:
        url = "https://localhost:%d" % server.port
        texts, error = ask(url, verify=CA)
        assert (texts, type(error)) == ([], ConnectError)
        assert server.peer().gone.wait(SOON)
        assert len(server.peers) == 1
    assert url in str(error) and hint in str(error).lower()


DRIBBLED = [hello, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03", dribble(b"\x00", 0.001)]  # a long ServerHello


@pytest.mark.parametrize("steps", [[hello], DRIBBLED], ids=["silent", "dribbled"])
def test_a_handshake_that_stalls_is_under_the_connect_clock_fault_175(ask, steps):
    with Server(steps) as server:
        texts, error = ask("https://localhost:%d" % server.port, verify=CA, timeout=Timeout(connect=0.1))
        assert server.peer().gone.wait(SOON)
    assert (texts, type(error), error.clock, error.limit) == ([], OllamaTimeout, "connect", 0.1)
    assert 0.1 <= error.elapsed < SOON


TLS_PORTS = [  # id, steps
    ("173-alert", [hello, b"\x15\x03\x03\x00\x02\x02\x16", fin]),
    ("173-go", answer(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", close)),
    (
        "173-nginx",
        answer(
            response(
                "400 Bad Request",
                b"<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n<body>\r\n"
                b"<center><h1>400 Bad Request</h1></center>\r\n"
                b"<center>The plain HTTP request was sent to HTTPS port</center>\r\n<hr></body>\r\n</html>\r\n",
                Content_Type="text/html",
                Connection="close",
            ),
            fin,
        ),
    ),
]


@pytest.mark.parametrize("steps", table(TLS_PORTS))
def test_http_to_a_tls_port_is_an_error_that_names_https(ask, steps):
    with Server(steps) as server:
        texts, error = ask("http://localhost:%d" % server.port)
    assert texts == [] and isinstance(error, OllamaError)
    assert "https" in str(error).lower()


WAITS = [  # id, script, whether the server is a proxy
    ("handshake", [hello], False),
    ("head", [Tls(), *answer()], False),
    ("records", [Tls(), *answer(HEAD, chunk(LINE))], False),
    ("tunnel", answer(), True),
    ("handshake in a tunnel", answer(b"HTTP/1.1 200 OK\r\n\r\n"), True),
    ("handshake with a proxy", [hello], True),
]


def place_of(server, is_proxy):
    """The arguments of a client that finds this server, or goes through it."""
    if not is_proxy:
        return {"host": "https://localhost:%d" % server.port, "verify": CA}
    scheme = "http" if server.scripts[0][0] is read_request else "https"
    return {"host": "https://ollama.test", "verify": CA, "proxy": "%s://localhost:%d" % (scheme, server.port)}


@pytest.mark.parametrize("script, is_proxy", table(WAITS))
def test_closing_wakes_a_reader_of_tls_at_once_fault_184(script, is_proxy):
    with Server(script) as server:
        stream = Client(**place_of(server, is_proxy)).chat(stream=True, **CHAT)
        errors = []

        def read():
            try:
                for _ in stream:
                    pass
            except OllamaError as error:
                errors.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        assert server.peer().asked.wait(PATIENCE)
        started = time.monotonic()
        stream.close()
        reader.join(PATIENCE)
        assert time.monotonic() - started < SOON
        assert server.peer().gone.wait(SOON)
    assert [type(error) for error in errors] == [StreamClosed]
    assert stream.status == "cancelled"


@pytest.mark.parametrize("way", ["cancel", "close"])
@pytest.mark.parametrize("script, is_proxy", table(WAITS))
def test_a_task_that_waits_in_tls_ends_at_once_faults_197_199(script, is_proxy, way):
    async def main(server):
        stream = AsyncClient(**place_of(server, is_proxy)).chat(stream=True, **CHAT)

        async def read():
            async for _ in stream:
                pass

        task = asyncio.ensure_future(read())
        peer = await in_thread(server.peer)
        assert await in_thread(peer.asked.wait, PATIENCE)
        started = time.monotonic()
        if way == "cancel":
            task.cancel()
        else:
            await in_thread(stream.close)
        with pytest.raises(asyncio.CancelledError if way == "cancel" else StreamClosed):
            await task
        assert time.monotonic() - started < SOON
        assert await in_thread(peer.gone.wait, SOON)
        assert stream.status == "cancelled"

    with Server(script) as server:
        asyncio.run(main(server), debug=True)


NO_SSL = """
import asyncio, sys
sys.modules["ssl"] = sys.modules["_ssl"] = None
from ollama_stream import AsyncClient, Client, OllamaError
chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

async def main():
    print((await AsyncClient(sys.argv[1]).chat(**chat)).message.content)
    await AsyncClient("https://localhost:1").chat(**chat)

print(Client(sys.argv[1]).chat(**chat).message.content)
for call in (lambda: Client("https://localhost:1").chat(**chat), lambda: asyncio.run(main())):
    try:
        call()
    except OllamaError as error:
        print(error)
"""


def test_without_the_ssl_module_plain_http_works_and_https_is_one_clear_error():
    with Server(answer(response("200 OK", line("Hi", True)))) as server:
        end = run_python("-c", NO_SSL, server.url)
    first, error, second, same_error = end.stdout.splitlines()
    assert (end.stderr, first, second) == ("", "Hi", "Hi")
    assert error == same_error and "the ssl module" in error


# --- proxies ----------------------------------------------------------------------------------------------------------

TEST_HOST = "ollama.test"  # no name that any resolver knows: only a proxy of ours finds it


def proxied(target_port, credentials=None, port=11434):
    return Forward({"%s:%d" % (TEST_HOST, port): target_port}, credentials)


@pytest.mark.parametrize("prefix", ["", "/ollama"], ids=["root", "prefix"])
def test_http_goes_to_a_proxy_with_the_whole_url(ask, prefix):
    with Server(answer(GOOD)) as origin:
        proxy = proxied(origin.port)
        with Server([proxy]) as server:
            assert ask(TEST_HOST + prefix, proxy=server.url) == WHOLE
        peer = origin.peer()
    (request,) = proxy.requests
    assert request.line == "POST http://ollama.test:11434%s/api/chat HTTP/1.1" % prefix
    assert request.get("Host") == "ollama.test:11434"
    assert sorted(set(request.names)) == sorted(request.names)
    assert not {"authorization", "proxy-authorization"}.intersection(request.names)
    assert peer.request_head[0].decode() == "POST %s/api/chat HTTP/1.1" % prefix


def test_the_port_of_the_scheme_is_left_out_alike_in_target_and_host(ask):
    with Server([Forward({})]) as server:
        proxy = server.scripts[0][0]
        ask("http://" + TEST_HOST, proxy=server.url)
    (request,) = proxy.requests
    assert request.target == "http://%s/api/chat" % request.get("Host")


def test_https_goes_through_a_tunnel(ask, monkeypatch):
    monkeypatch.setenv("OLLAMA_API_KEY", "hunter2")
    tls = Tls("other")
    with Server([tls, *answer(GOOD)]) as origin:
        proxy = proxied(origin.port, port=443)
        with Server([proxy]) as server:
            assert ask("https://ollama.test/x", proxy=server.url, verify=CA) == WHOLE
        peer = origin.peer()
    (request,) = proxy.requests
    assert request.line == "CONNECT ollama.test:443 HTTP/1.1"
    assert request.get("Host") == "ollama.test:443"
    assert not {"authorization", "proxy-authorization", "content-length"}.intersection(request.names)
    assert tls.names == [TEST_HOST]
    assert peer.request_head[0] == b"POST /x/api/chat HTTP/1.1"
    assert fields_of(peer)["host"] == TEST_HOST
    assert fields_of(peer)["authorization"] == "Bearer hunter2"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_told_its_own_credentials_and_the_server_is_not(ask, scheme):
    steps = [Tls("other")] if scheme == "https" else []
    with Server([*steps, *answer(GOOD)]) as origin:
        proxy = proxied(origin.port, basic("us@er:p:w"))
        with Server([proxy]) as server:
            url = "http://us%%40er:p%%3Aw@127.0.0.1:%d" % server.port
            assert ask("%s://user:pw@ollama.test:11434" % scheme, proxy=url, verify=CA) == WHOLE
        fields = fields_of(origin.peer())
    (request,) = proxy.requests
    assert request.get("Proxy-Authorization") == basic("us@er:p:w")
    assert request.get("Authorization") == (basic("user:pw") if scheme == "http" else None)
    assert fields["authorization"] == basic("user:pw")
    assert "proxy-authorization" not in fields


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_can_be_reached_over_tls(ask, scheme):
    outer = Tls()
    steps = [Tls("other")] if scheme == "https" else []
    with Server([*steps, *answer(GOOD)]) as origin:
        proxy = proxied(origin.port)
        with Server([outer, proxy]) as server:
            url = "https://localhost:%d" % server.port
            assert ask("%s://ollama.test:11434" % scheme, proxy=url, verify=CA) == WHOLE
    assert outer.names == ["localhost"]
    assert [request.method for request in proxy.requests] == ["POST" if scheme == "http" else "CONNECT"]


FROM_ENVIRONMENT = [  # id, scheme, variables ("PROXY" is the proxy, "DEAD" a closed port), goes through the proxy
    ("178-HTTP_PROXY", "http", {"HTTP_PROXY": "PROXY"}),
    ("178-http_proxy", "http", {"http_proxy": "PROXY"}),
    ("178-no-scheme", "http", {"HTTP_PROXY": "127.0.0.1:PORT"}),
    ("178-HTTPS_PROXY", "https", {"HTTPS_PROXY": "PROXY", "HTTP_PROXY": "DEAD"}),
    ("178-https_proxy", "https", {"https_proxy": "PROXY", "http_proxy": "DEAD"}),
    ("178-upper-case-first", "http", {"HTTP_PROXY": "PROXY", "http_proxy": "DEAD"}),
    ("178-other-hosts-exempt", "http", {"HTTP_PROXY": "PROXY", "NO_PROXY": "other.test,.ollama.test,10.0.0.0/8"}),
    ("178-CGI-and-https", "https", {"HTTPS_PROXY": "PROXY", "REQUEST_METHOD": "GET"}),
]


def set_variables(monkeypatch, variables, port):
    for name, value in variables.items():
        value = value.replace("PROXY", "http://127.0.0.1:%d" % port).replace("PORT", str(port))
        monkeypatch.setenv(name, value.replace("DEAD", "http://127.0.0.1:%d" % closed_port()))


@pytest.mark.each(2)
@pytest.mark.parametrize("scheme, variables", table(FROM_ENVIRONMENT))
def test_the_environment_names_the_proxy(ask, scheme, variables, monkeypatch):
    steps = [Tls("other")] if scheme == "https" else []
    with Server([*steps, *answer(GOOD)]) as origin:
        proxy = proxied(origin.port)
        with Server([proxy]) as server:
            set_variables(monkeypatch, variables, server.port)
            assert ask("%s://ollama.test:11434" % scheme, verify=CA) == WHOLE
    assert len(proxy.requests) == 1


# "127.1" is not known for loopback by its name, and needs no resolver all the same.
DIRECT = [  # id, settings, variables
    ("178-nothing-set", {}, {}),
    ("178-None", {"proxy": None}, {"HTTP_PROXY": "PROXY"}),
    ("178-not-trusted", {"trust_env": False}, {"HTTP_PROXY": "PROXY"}),
    ("178-NO_PROXY", {}, {"HTTP_PROXY": "PROXY", "NO_PROXY": "127.1"}),
    ("178-no_proxy", {}, {"HTTP_PROXY": "PROXY", "no_proxy": "x, 127.1"}),
    ("178-star", {}, {"HTTP_PROXY": "PROXY", "NO_PROXY": "*"}),
    ("178-other-scheme", {}, {"HTTPS_PROXY": "PROXY"}),
    ("178-ALL_PROXY", {}, {"ALL_PROXY": "PROXY", "all_proxy": "PROXY"}),
]


@pytest.mark.parametrize("settings, variables", table(DIRECT))
def test_no_proxy_is_asked(ask, settings, variables, monkeypatch):
    with Server(answer(GOOD)) as origin, Server([Forward({})]) as server:
        set_variables(monkeypatch, variables, server.port)
        assert ask("http://127.1:%d" % origin.port, **settings) == WHOLE
        assert server.peers == []
        assert origin.peer().request_head[0] == b"POST /api/chat HTTP/1.1"


def test_the_environment_is_read_for_each_call(twice, monkeypatch):
    with Server(answer(ONCE)) as origin:
        proxy = Forward({"127.1:%d" % origin.port: origin.port})
        with Server([proxy]) as server:
            place = {"HTTP_PROXY": "PROXY"}
            host = "http://127.1:%d" % origin.port
            assert twice(host, lambda: set_variables(monkeypatch, place, server.port)) == ["Hi", "Hi"]
        assert len(origin.peers) == 2
    assert len(proxy.requests) == 1


# A connection to the broadcast address is refused by the system before anything is sent.
NETWORKS = [("178-network", "255.255.255.0/24", False), ("178-other-network", "255.255.0.0/24", True)]


@pytest.mark.parametrize("no_proxy, is_proxied", table(NETWORKS))
def test_no_proxy_takes_networks(ask, no_proxy, is_proxied, monkeypatch):
    with Server([Forward({})]) as server:
        set_variables(monkeypatch, {"HTTP_PROXY": "PROXY", "NO_PROXY": no_proxy}, server.port)
        texts, error = ask("http://255.255.255.255:9", timeout=Timeout(connect=2))
        assert len(server.peers) == is_proxied
    assert texts == [] and "(http://255.255.255.255:9, " in str(error) or is_proxied


@pytest.mark.each(2)
@pytest.mark.parametrize("given", ["argument", "variables"])
@pytest.mark.parametrize("kind, value, host_header, credentials, prefix", by_kind(
    [row for row in PLACES if row[0] != "short IPv4"][::3]
))  # fmt: skip
def test_loopback_is_never_proxied_fault_178(ask, kind, value, host_header, credentials, prefix, given, monkeypatch):
    with listening(kind, *answer(GOOD)) as server, Server([Forward({})]) as other:
        settings = {"proxy": other.url} if given == "argument" else {}
        if given == "variables":
            set_variables(monkeypatch, {"HTTP_PROXY": "PROXY", "HTTPS_PROXY": "PROXY"}, other.port)
        assert ask(placed(value, server), verify=CA, **settings) == WHOLE
        assert other.peers == []


TUNNEL_REFUSALS = [  # id, scheme, what the proxy does, what the error says
    ("407", "https", [Forward({}, "Basic x")], ["it answered 407 ", "credentials"]),
    ("407-http", "http", [Forward({}, "Basic x")], ["it answered 407 ", "credentials"]),
    ("502", "https", [Forward({})], ["it answered 502"]),
    ("403", "https", answer(response("403 Forbidden", b"no")), ["it answered 403 Forbidden"]),
    ("302", "https", answer(response("302 Found", Location="http://login.test/?token=hunter2")), ["it answered 302"]),
    ("418", "https", answer(b"HTTP/1.1 418\r\n\r\n", fin), ["it answered 418)"]),
    ("speaks-first", "https", answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), []),
    ("closes", "https", answer(close), []),
    ("fin-in-the-head", "https", answer(b"HTTP/1.1 200 Conn", fin), []),
    ("reset", "https", answer(rst), []),
    ("no-http", "https", answer(b"SSH-2.0-x\r\n", fin), []),
    ("http-2", "https", answer(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80", fin), []),
    ("endless-head", "https", answer(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100000, fin), []),
]


@pytest.mark.each(2)
@pytest.mark.parametrize("scheme, script, says", table(TUNNEL_REFUSALS))
def test_a_proxy_that_refuses_is_a_connect_error_that_names_it(ask, scheme, script, says):
    with Server(script) as server:
        url = "http://user:hunter2@127.0.0.1:%d" % server.port
        texts, error = ask("%s://ollama.test" % scheme, proxy=url, verify=CA)
    assert (texts, type(error)) == ([], ConnectError)
    assert "proxy" in str(error) and "127.0.0.1:%d" % server.port in str(error)
    assert [word for word in says if word not in str(error)] == []
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("source", ["proxy", "variable"])
def test_a_proxy_that_is_not_there_is_named_fault_153(ask, scheme, source, monkeypatch):
    url = "http://user:hunter2@127.0.0.1:%d" % closed_port()
    settings = {"proxy": url} if source == "proxy" else {}
    if source == "variable":
        monkeypatch.setenv(scheme + "_proxy", url)
    texts, error = ask("%s://ollama.test" % scheme, **settings)
    assert (texts, type(error)) == ([], ConnectError)
    assert url.replace("user:hunter2@", "") in str(error) and "refused" in str(error)
    assert ("proxy" if source == "proxy" else scheme + "_proxy") in str(error)
    assert "hunter2" not in str(error)


STALLS = [[], [b"HTTP/1.1 200 OK\r\n"], [b"HTTP/1.1 200 ", dribble(b"O", 0.001)]]


@pytest.mark.parametrize("steps", STALLS, ids=["no-answer", "half-an-answer", "dribbled"])
def test_a_proxy_that_stalls_is_under_the_connect_clock(ask, steps):
    with Server(answer(*steps)) as server:
        texts, error = ask("https://ollama.test", proxy=server.url, verify=CA, timeout=Timeout(connect=0.1))
        assert server.peer().gone.wait(SOON)
    assert (texts, type(error), error.clock) == ([], OllamaTimeout, "connect")


def test_the_dot_at_the_end_of_a_name_is_for_resolvers_alone(ask):
    tls = Tls("other")
    with Server([tls, *answer(GOOD)]) as origin:
        with Server([Forward({"ollama.test.:11434": origin.port})]) as server:
            assert ask("https://ollama.test.:11434", proxy=server.url, verify=CA) == WHOLE
    assert tls.names == [TEST_HOST]


def test_an_interim_answer_of_a_proxy_is_passed_over(ask):
    with Server([Tls("other"), *answer(GOOD)]) as origin:
        with Server([lambda peer: peer.send(b"HTTP/1.1 103 Early\r\n\r\n"), proxied(origin.port)]) as server:
            assert ask("https://ollama.test:11434", proxy=server.url, verify=CA) == WHOLE


def test_a_certificate_is_checked_against_the_server_and_not_the_proxy_fault_174(ask):
    with Server([Tls("localhost"), *answer(GOOD)]) as origin:
        with Server([proxied(origin.port)]) as server:
            texts, error = ask("https://ollama.test:11434", proxy=server.url, verify=CA)
    assert (texts, type(error)) == ([], ConnectError)
    assert "mismatch" in str(error) and "https://ollama.test:11434" in str(error)


SOCKS = """
import ollama_stream
from ollama_stream import Client, RequestError
print(Client(%r).chat(model="m", messages=[]).message.content)
for host in ("http://ollama.test", "https://ollama.test"):
    try:
        Client(host).version()
    except RequestError as error:
        print(str(error).partition(":")[0], "hunter2" in str(error))
"""


def test_a_socks_proxy_is_an_error_of_the_first_request_that_needs_it():
    proxies = {name + "_PROXY": "socks5h://u:hunter2@127.0.0.1:1" for name in ("HTTP", "HTTPS", "ALL")}
    with Server(answer(response("200 OK", line("Hi", True)))) as server:
        end = run_python("-c", SOCKS % server.url, **proxies)
    assert (end.stderr, end.stdout) == ("", "Hi\nHTTP_PROXY='socks5h False\nHTTPS_PROXY='socks5h False\n")


@pytest.mark.parametrize("proxy", ["socks5://p", "http://p:bad", "", 3128], ids=repr)
def test_a_wrong_proxy_is_a_request_error(ask, proxy):
    with pytest.raises(RequestError, match="^proxy"):
        texts, error = ask("http://ollama.test", proxy=proxy)
        raise error


# --- keys -------------------------------------------------------------------------------------------------------------

KEY = "hunter2-key"
BEARER = "Bearer " + KEY
KEYED = [  # id, kind, host, settings, Authorization
    ("224-loopback", "IPv4", "http://127.0.0.1:PORT", {}, BEARER),
    ("224-localhost", "IPv4", "localhost:PORT", {}, BEARER),
    ("224-ipv6", "IPv6", "[::1]:PORT", {}, BEARER),
    ("224-https", "IPv4 TLS", "https://localhost:PORT", {}, BEARER),
    ("224-unix", "unix", "unix://PATH", {}, BEARER),
    ("224-not-loopback-by-name", "IPv4", "127.1:PORT", {}, None),
    ("not-trusted", "IPv4", "127.0.0.1:PORT", {"trust_env": False}, None),
    ("userinfo", "IPv4", "http://user:pw@127.0.0.1:PORT", {}, basic("user:pw")),
    ("headers", "IPv4", "127.0.0.1:PORT", {"headers": {"authorization": "Custom a"}}, "Custom a"),
    ("headers-in-the-clear", "IPv4", "127.1:PORT", {"headers": {"Authorization": "Custom a"}}, "Custom a"),
    ("headers-and-userinfo", "IPv4", "u:p@127.0.0.1:PORT", {"headers": {"AUTHORIZATION": "Custom a"}}, "Custom a"),
    ("headers-and-auth", "IPv4", "127.0.0.1:PORT", {"headers": {"Authorization": "a"}, "auth": "Bearer b"}, "a"),
    ("auth-pair", "IPv4", "127.0.0.1:PORT", {"auth": ("user", "p:w")}, basic("user:p:w")),
    ("auth-pair-not-ASCII", "IPv4", "127.0.0.1:PORT", {"auth": ("\xfc", "\u2028")}, basic("\xfc:\u2028")),
    ("auth-text", "IPv4", "127.0.0.1:PORT", {"auth": "Bearer other"}, "Bearer other"),
    ("auth-in-the-clear", "IPv4", "127.1:PORT", {"auth": "Bearer other"}, "Bearer other"),
    ("auth-and-userinfo", "IPv4", "u:p@127.0.0.1:PORT", {"auth": "Bearer other"}, "Bearer other"),
    ("auth-https", "IPv4 TLS", "https://localhost:PORT", {"auth": ("user", "pw")}, basic("user:pw")),
]


@pytest.mark.each(2)
@pytest.mark.parametrize("kind, host, settings, authorization", by_kind(KEYED))
def test_the_server_is_shown(ask, kind, host, settings, authorization, monkeypatch):
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    with listening(kind, *answer(GOOD)) as server:
        assert ask(placed(host, server), verify=CA, **settings) == WHOLE
        assert fields_of(server.peer()).get("authorization") == authorization


WRONG_AUTH = [3, True, b"Bearer x", (), ("user",), ("user", "pw", "x"), ("user", 3), ["user", None], "a\r\nX: hunter2",
              "hunter2\u2028", ("us:er", "hunter2"), ("us\ner", "hunter2"), ("user", "hunter2\ud800")]  # fmt: skip


@pytest.mark.parametrize("auth", WRONG_AUTH, ids=ascii)
def test_a_wrong_auth_is_a_request_error(auth):
    for client_class in (Client, AsyncClient):
        with pytest.raises(RequestError, match="^auth") as raised:
            client_class(auth=auth)
        assert "hunter2" not in "".join(traceback.format_exception(None, raised.value, None))


SECRET = "hunter2-hunter2"
HIDDEN = [SECRET] + [basic(pair)[6:-4] for pair in ("user:" + SECRET, "proxy:" + SECRET)]
PLANTS = [  # id, scheme, userinfo, settings, variables
    ("218-userinfo", "https", "user:%s@" % SECRET, {}, {}),
    ("222-headers", "https", "", {"headers": {"Authorization": "Bearer " + SECRET}}, {}),
    ("222-environment", "https", "", {}, {"OLLAMA_API_KEY": SECRET}),
    ("222-auth", "https", "", {"auth": ("user", SECRET)}, {}),
    ("222-auth-text", "http", "", {"auth": "Bearer " + SECRET}, {}),
    ("222-password", "https", "", {"cert": (cert("client.pem"), cert("client.key"), SECRET)}, {}),
]
ENDS = [  # id, script after TLS, or None for what happens instead of it
    ("lost", answer(HEAD, chunk(LINE), fin)),
    ("protocol", answer(b"SSH-2.0-x\r\n")),
    ("unauthorized", answer(response("401 Unauthorized", b'{"error":"unauthorized"}'))),
    ("busy", answer(response("503 Busy", b'{"error":"busy"}', **AT_ONCE))),
    ("timeout", []),
    ("untrusted", None),
    ("refused", None),
    ("good", answer(GOOD)),
]


def told(error):
    """Everything that can be learnt from an error: of it, of what it came from, and of our own frames."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), repr(error.args), repr(error.__dict__), repr(pickle.dumps(error))]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals.get("__name__", "").startswith("ollama_stream"):
                texts += ["%s: %s = %r" % (frame.f_code.co_name, *item) for item in frame.f_locals.items()]
        error = error.__cause__ or error.__context__
    return texts


@pytest.mark.each(3)
@pytest.mark.parametrize("scheme, userinfo, settings, variables", table(PLANTS))
@pytest.mark.parametrize("end, script", [pytest.param(*row, id=row[0]) for row in ENDS])
def test_a_secret_is_shown_nowhere(ask, scheme, userinfo, settings, variables, end, script, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = [Tls("self-signed" if end == "untrusted" else "localhost")] if scheme == "https" else []
    with Server([*before, *(script or [])]) as server:
        port = closed_port() if end == "refused" else server.port
        host = "%s://%slocalhost:%d" % (scheme, userinfo, port)
        settings = dict(settings, verify=CA, retries=int(end == "busy"), timeout=PATIENCE if script else 0.05)
        _, error = ask(host, **settings)
        shown = told(error) + [repr(Client(host, **settings)), repr(AsyncClient(host, **settings)), caplog.text]
    assert (error is None) is (end == "good")
    assert [text for text in shown if any(secret in text for secret in HIDDEN)] == []


PROXY_ENDS = [  # id, steps of the proxy
    ("407", answer(response("407 Proxy Authentication Required"))),
    ("502", [Forward({})]),
    ("closed", answer(close)),
    ("refused", None),
]


@pytest.mark.each(2)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("source", ["proxy", "variable"])
@pytest.mark.parametrize("steps", table(PROXY_ENDS))
def test_the_secret_of_a_proxy_is_shown_nowhere_fault_222(ask, scheme, source, steps, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    with Server(steps or []) as server:
        port = closed_port() if steps is None else server.port
        url = "http://proxy:%s@127.0.0.1:%d" % (SECRET, port)
        settings = {"proxy": url, "verify": CA} if source == "proxy" else {"verify": CA}
        if source == "variable":
            monkeypatch.setenv(scheme.upper() + "_PROXY", url)
        host = scheme + "://ollama.test"
        _, error = ask(host, **settings)
        shown = told(error) + [repr(Client(host, **settings)), caplog.text]
    assert isinstance(error, OllamaError)
    assert [text for text in shown if any(secret in text for secret in HIDDEN)] == []


# --- the log ----------------------------------------------------------------------------------------------------------


def logged(caplog):
    assert all(record.name.startswith("ollama_stream") for record in caplog.records if record.name != "asyncio")
    return [record for record in caplog.records if record.name.startswith("ollama_stream")]


def test_a_call_is_three_lines_of_the_log(ask, caplog):
    caplog.set_level(logging.DEBUG, "ollama_stream")
    with Server(answer(GOOD)) as server:
        assert ask("http://user:pw@127.0.0.1:%d" % server.port) == WHOLE
    records = logged(caplog)
    first, second, third = [record.getMessage() for record in records]
    assert {record.levelno for record in records} == {logging.DEBUG}
    assert "POST" in first and server.url + "/api/chat" in first
    assert "status 200" in second
    assert re.search(r"\b%d bytes in \d+\.\d+ s$" % len(GOOD), third)
    assert [text for text in (first, second, third) if "pw" in text or "hi" in text.split()] == []


def test_nothing_is_logged_above_debug(ask, caplog):
    caplog.set_level(logging.INFO)
    with Server(answer(GOOD)) as server:
        assert ask(server.url) == WHOLE
    assert logged(caplog) == []


def test_a_query_is_not_logged(caplog):
    caplog.set_level(logging.DEBUG, "ollama_stream")
    with Server(answer(response("200 OK", b"{}"))) as server:
        assert Client(server.url).request("GET", "/api/new?token=hunter2") == {}
    assert "/api/new" in caplog.text and "hunter2" not in caplog.text


# --- retries ----------------------------------------------------------------------------------------------------------

BUSY = answer(response("503 Busy", b'{"error":"busy"}', **AT_ONCE))
LIMITED = answer(response("429 Too Many", b'{"error":"slow down"}', **AT_ONCE))
PAST = answer(response("429 Too Many", b'{"error":"slow down"}', Retry_After="Sun, 06 Nov 1994 08:49:37 GMT", **CLOSE))
NO_WISH = answer(response("503 Busy", b'{"error":"busy"}', **CLOSE))
ODD_WISH = answer(response("503 Busy", b'{"error":"busy"}', Retry_After="soon", **CLOSE))
RETRIED = [  # id, scripts, retries, connections, the status of the error or None
    ("429", [LIMITED, answer(GOOD)], 1, 2, None),
    ("429-date", [PAST, answer(GOOD)], 1, 2, None),
    ("503", [BUSY, answer(GOOD)], 1, 2, None),
    ("503-without-a-wish", [NO_WISH, answer(GOOD)], 1, 2, None),
    ("503-with-an-odd-wish", [ODD_WISH, answer(GOOD)], 1, 2, None),
    ("twice", [BUSY, LIMITED, answer(GOOD)], 2, 3, None),
    ("more-than-needed", [BUSY, answer(GOOD)], 9, 2, None),
    ("none", [BUSY, answer(GOOD)], 0, 1, 503),
    ("too-few", [BUSY, BUSY, answer(GOOD)], 1, 2, 503),
    ("always", [BUSY], 3, 4, 503),
    ("another-error-after-it", [BUSY, answer(response("404 Not Found", b'{"error":"no"}', **CLOSE))], 5, 2, 404),
]


@pytest.fixture
def short_pauses(monkeypatch):
    monkeypatch.setattr(_exchange, "FIRST_PAUSE", 0.01)


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("scripts, retries, connections, status", table(RETRIED))
def test_a_busy_server_is_asked_again(ask, scripts, retries, connections, status):
    with Server(*scripts) as server:
        texts, error = ask(server.url, retries=retries)
        asked = [peer for peer in server.peers if peer.asked.is_set()]
        assert len(asked) == len(server.peers) == connections
        assert len({peer.requests[0] for peer in asked}) == 1  # the same request, whole, each time
    if status is None:
        assert (texts, error) == WHOLE
    else:
        assert (texts, type(error), error.status_code) == ([], ResponseError, status)


def upload_sync(path, host, **settings):
    with Client(host, **PATIENT, **settings) as client:
        return client.create_blob(path)


def upload_async(path, host, **settings):
    async def main():
        async with AsyncClient(host, **PATIENT, **settings) as client:
            return await client.create_blob(path)

    return asyncio.run(main())


@pytest.mark.parametrize("upload", [upload_sync, upload_async], ids=["sync", "async"])
def test_an_upload_that_is_sent_again_is_sent_from_its_start(upload, tmp_path):
    data = bytes(range(256)) * 4000
    (tmp_path / "blob").write_bytes(data)
    missing, created = response("404 Not Found", **CLOSE), response("201 Created", **CLOSE)
    scripts = [answer(missing), BUSY, answer(created)]
    with Server(*[[Tls(), *script] for script in scripts]) as server:
        host = "https://localhost:%d" % server.port
        digest = upload(tmp_path / "blob", host, verify=CA, retries=1)
        assert [peer.request_body for peer in server.peers] == [b"", data, data]
    assert digest == "sha256:" + hashlib.sha256(data).hexdigest()


NOT_RETRIED = [  # id, script, error
    ("404", answer(response("404 Not Found", b'{"error":"no"}', **AT_ONCE)), ResponseError),
    ("500", answer(response("500 Oops", b'{"error":"no"}', **AT_ONCE)), ResponseError),
    ("502", answer(response("502 Bad Gateway", b"", **AT_ONCE)), ResponseError),
    ("307", answer(response("307 There", Location="/x", **AT_ONCE)), ResponseError),
    ("an-error-in-the-stream", answer(HEAD, chunk(b'{"error":"busy"}\n'), LAST_CHUNK), ResponseError),
    ("cut-after-200", answer(HEAD, fin), ConnectionLost),
    ("cut-after-a-record", answer(HEAD, chunk(LINE), fin), ConnectionLost),
    ("no-record", answer(HEAD, LAST_CHUNK), IncompleteStream),
    ("no-answer", answer(fin), ConnectionLost),
    ("first_byte", answer(), OllamaTimeout),
    ("first_byte-after-200", answer(HEAD), OllamaTimeout),
]


@pytest.mark.parametrize("script, kind", table(NOT_RETRIED))
def test_nothing_else_is_asked_again(ask, script, kind):
    with Server(script) as server:
        _, error = ask(server.url, retries=3, timeout=0.05 if kind is OllamaTimeout else PATIENCE)
        assert len(server.peers) == 1
    assert type(error) is kind


def test_a_connect_timeout_is_not_tried_again(ask):
    with full_listener() as port:
        _, error = ask("127.0.0.1:%d" % port, retries=3, timeout=Timeout(connect=0.1))
    assert (type(error), error.clock) == (OllamaTimeout, "connect")
    assert error.elapsed < SOON


class Opening(logging.Handler):
    """Starts a server as soon as the refusal of a connection is logged."""

    def __init__(self, port):
        super().__init__(logging.DEBUG)
        self.port, self.server = port, None

    def emit(self, record):
        if self.server is None and "refused" in record.getMessage():
            self.server = Server(answer(GOOD), address=("127.0.0.1", self.port)).__enter__()


@pytest.mark.usefixtures("short_pauses")
def test_a_refused_connection_is_tried_again_fault_153(ask, caplog):
    caplog.set_level(logging.DEBUG, "ollama_stream")
    handler = Opening(closed_port())
    logger = logging.getLogger("ollama_stream")
    logger.addHandler(handler)
    try:
        assert ask("127.0.0.1:%d" % handler.port, retries=5) == WHOLE
        assert len(handler.server.peers) == 1
    finally:
        logger.removeHandler(handler)
        if handler.server is not None:
            handler.server.__exit__()


@pytest.mark.usefixtures("short_pauses")
def test_refused_connections_are_counted(ask, caplog):
    caplog.set_level(logging.DEBUG, "ollama_stream")
    _, error = ask("127.0.0.1:%d" % closed_port(), retries=1)
    assert type(error) is ConnectError
    assert len([text for text in caplog.messages if "refused" in text]) == 1


def test_a_retry_is_logged_with_its_reason(ask, caplog):
    caplog.set_level(logging.DEBUG, "ollama_stream")
    with Server(BUSY, answer(GOOD)) as server:
        assert ask(server.url, retries=1) == WHOLE
    assert [text for text in caplog.messages if "status 503; attempt 2 of 2 follows" in text] != []
    assert [text for text in caplog.messages if "busy" in text] == []  # what a server says may repeat the prompt


@pytest.mark.parametrize("attempt, longest", [(0, 0.5), (1, 1.0), (2, 2.0), (4, 8.0), (5, 8.0), (1000, 8.0)])
def test_the_pause_grows_to_a_limit_and_is_random(attempt, longest):
    exchange = Client(retries=2000).chat(stream=True, **CHAT)._exchange
    pauses = [exchange._pause_before_next(ConnectError("refused"), attempt) for _ in range(300)]
    assert 0 <= min(pauses) < longest * 0.1 and longest * 0.9 < max(pauses) <= longest


def date(seconds):
    """The HTTP date that is so many seconds from now."""
    return formatdate(time.time() + seconds, usegmt=True)


WISHES = [  # what Retry-After says, the shortest and the longest pause; a longer one is left to the program
    ("0", 0, 0),
    ("7", 7, 7),
    ("60", 60, 60),
    ("61", None, None),
    ("9" * 5000, None, None),
    (-1000000, 0, 0),  # numbers are dates so many seconds from now
    (45, 1, 45),
    (1000000, None, None),
]
BAD_DATES = [  # each broke the parser of some Python, or is no date
    "1 Jan , 3e5 99 :1:", "Mon, 32 Jan 2026 99:99:99 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "1 Jan 0000 00:00:00 GMT",
    ", , ,", "::::", "\xff\xfe", "Sat, 28 Nov 2026 16:00:00 +9999999999", "0 0 0 0", "jan jan jan jan jan", " ", "-", "1.5",
]  # fmt: skip


@pytest.mark.parametrize("wish", BAD_DATES, ids=lambda wish: "272-%a" % wish)
def test_a_date_that_breaks_the_parser_is_no_wish(wish):
    assert parse_retry_after(wish) in (None, 0.0) or wish.startswith("Fri, 31 Dec 9999")


def test_no_text_breaks_the_parser_of_dates_fault_272():
    rng = random.Random(272)
    words = "Mon, Jan 1 99 2026 23:59:60 :1: 3e5 GMT +0000 -2400 , ; ( ) \xff".split()
    for _ in range(2000):
        wish = parse_retry_after(" ".join(rng.choice(words) for _ in range(rng.randrange(1, 8))))
        assert wish is None or wish >= 0


PARSERS = {"parsedate_to_datetime", "fromisoformat", "b64decode", "strptime", "raw_decode", "ip_address", "ip_network"}


def test_no_parser_of_the_standard_library_gets_bytes_unguarded_fault_272():
    for name in sorted(os.listdir(PACKAGE)):
        if not name.endswith(".py"):
            continue
        with open(os.path.join(PACKAGE, name), encoding="utf-8") as file:
            tree = ast.parse(file.read())
        guarded = {
            id(node) for attempt in ast.walk(tree) if isinstance(attempt, ast.Try) and attempt.handlers
            for statement in attempt.body for node in ast.walk(statement)
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in PARSERS:
                assert id(node) in guarded, "%s, line %d" % (name, node.lineno)


@pytest.mark.parametrize("wish, shortest, longest", WISHES, ids=lambda value: str(value)[:8])
def test_the_server_says_how_long_to_wait(wish, shortest, longest):
    wish = date(wish) if isinstance(wish, int) else wish
    exchange = Client(retries=1).chat(stream=True, **CHAT)._exchange
    pause = exchange._pause_before_next(ResponseError("busy", 503, retry_after=parse_retry_after(wish)), 0)
    assert pause is None if shortest is None else shortest <= pause <= longest


@pytest.mark.parametrize("retries", [-1, 1.5, True, "3", None, float("nan"), [1]], ids=repr)
def test_wrong_retries_are_a_request_error(retries):
    for client_class in (Client, AsyncClient):
        with pytest.raises(RequestError, match="^retries"):
            client_class(retries=retries)


def test_a_wait_ends_with_the_total_clock(ask):
    with Server(answer(response("503 Busy", b'{"error":"busy"}', Retry_After="59"))) as server:
        started = time.monotonic()
        _, error = ask(server.url, retries=3, timeout=Timeout(total=0.1))
        assert time.monotonic() - started < SOON  # the server asked for 59
        assert len(server.peers) == 1
    assert type(error) in (ResponseError, OllamaTimeout)


def test_closing_ends_the_wait_between_two_tries():
    with Server(answer(response("503 Busy", b'{"error":"busy"}', Retry_After="59"))) as server:
        stream = Client(server.url, retries=3).chat(stream=True, **CHAT)
        errors = []

        def read():
            try:
                list(stream)
            except OllamaError as error:
                errors.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        assert server.peer().gone.wait(PATIENCE)
        started = time.monotonic()
        stream.close()
        reader.join(PATIENCE)
        assert time.monotonic() - started < SOON
        assert len(server.peers) == 1
    assert [type(error) for error in errors] == [StreamClosed]


def test_cancelling_ends_the_wait_between_two_tries():
    async def main(server):
        task = asyncio.ensure_future(AsyncClient(server.url, retries=3).chat(**CHAT))
        peer = await in_thread(server.peer)
        assert await in_thread(peer.gone.wait, PATIENCE)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < SOON

    with Server(answer(response("503 Busy", b'{"error":"busy"}', Retry_After="59"))) as server:
        asyncio.run(main(server), debug=True)
        assert len(server.peers) == 1


@pytest.mark.parametrize("auth", ["Bearer of-the-host", ("user", "password")], ids=str)
def test_the_credentials_of_the_host_do_not_go_to_ollama_com(auth, monkeypatch):
    monkeypatch.delenv("OLLAMA_API_KEY", raising=False)
    with pytest.raises(RequestError, match="^Authorization header with Bearer token is required for web search$"):
        Client("https://gpu-box", auth=auth).web_search("weather")


def test_of_the_headers_of_a_client_only_authorization_goes_to_ollama_com():
    seen = []

    class Transport:
        def open(self, address, timeout):
            seen.append(address.url)
            return self

        def send(self, data, timeout):
            seen.append(data.partition(b"\r\n\r\n")[0].decode())

        def recv(self, timeout):
            return response("200 OK", b'{"results":[]}')

        def close(self):
            pass

    headers = {"Authorization": "Bearer key", "Cookie": "of=the-host", "X-Corp-Key": "of the host"}
    client = Client("https://gpu-box", headers=headers, transport=Transport())
    client.web_search("weather", headers={"X-Mine": "of this call"})
    assert seen[0] == "https://ollama.com:443"
    assert "Authorization: Bearer key" in seen[1] and "X-Mine: of this call" in seen[1]
    assert "of-the-host" not in seen[1] and "Cookie" not in seen[1] and "X-Corp" not in seen[1]


def test_a_context_brings_its_own_certificate():
    with pytest.raises(RequestError, match="^cert: load it into the SSLContext that verify= is$"):
        Client("https://gpu-box", verify=ssl.create_default_context(), cert=os.devnull)


@pytest.mark.parametrize("start, advice", [
    (b"SSH-2.0-OpenSSH_9.6\r\n", "; is this an Ollama server?"),
    (b"\x15\x03\x01\x00\x02\x02\x46" + b"\x00" * 9, ": this is TLS. Write https:// in place of http://"),
], ids=["55-ssh", "55-173-tls"])  # fmt: skip
def test_another_protocol_is_named_with_what_to_do_about_it(ask, start, advice):
    with Server(answer(start)) as server:
        _, error = ask(server.url)
    assert (type(error), str(error)) == (ProtocolError, "not HTTP/1.1: %r%s (%s)" % (start[:16], advice, server.url))
