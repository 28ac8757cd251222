"""What a signal handler of the program raises while a call waits is the program's: it comes out as it is (fault 257).

The handler runs a moment after the call has begun, in whichever wait the call then is; each phase has a server that makes
the call wait there.
"""

from __future__ import annotations

import base64
import codecs
import contextlib
import email.utils
import errno
import http.client
import signal
import socket
import ssl
import threading
import time

import pytest
from proxies import Tls
import support
from support import (
    CHAT, GOOD, HEAD, LINE, PATIENCE, Bytes, Server, answer, chunk, full_listener, line, read_request, response,
)  # fmt: skip

from ollama_stream import Client, ConnectError, ConnectionLost, OllamaTimeout, Timeout, _json
from ollama_stream._exchange import Exchange

# No look at open files: where the signal comes while asyncio makes or ends a loop, or between two steps of Python that hand
# on a socket, that leaves some for the collector.
pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals on this machine"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]



@pytest.fixture(autouse=True)
def what_is_left_goes_with_its_test():
    """The collector would come in a test of another file, where what it complains of is an error."""
    yield
    support.collect_garbage()


MOMENT = 0.05  # seconds
AGAIN = 5.0  # seconds; asyncio logs what is raised in a callback of its own, and goes on
LARGE = {"model": "m", "messages": [{"role": "user", "content": "x" * (16 << 20)}]}
BUSY = response("503 Busy", Retry_After="50")


@contextlib.contextmanager
def raising(error, moment=MOMENT):
    """A moment from now, a signal handler raises ``error`` in the main thread."""

    def handler(*_):
        raise error

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, moment, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def chat(client, **fields):
    return client.chat(**dict(CHAT, **fields))


def in_resolving(stack, colour, monkeypatch, **settings):
    def resolve(*_):
        time.sleep(PATIENCE if threading.current_thread() is threading.main_thread() else 10 * MOMENT)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return colour.client("http://no-such-host", **settings), chat


def in_connecting(stack, colour, monkeypatch, **settings):
    return colour.client("127.0.0.1:%d" % stack.enter_context(full_listener()), **settings), chat


def in_the_handshake(stack, colour, monkeypatch, **settings):
    server = stack.enter_context(Server([]))
    return colour.client(server.url.replace("http", "https"), verify=False, **settings), chat


def in_the_tunnel(stack, colour, monkeypatch, **settings):
    server = stack.enter_context(Server([]))
    return colour.client("https://other.example", proxy=server.url, verify=False, **settings), chat


def in_sending(stack, colour, monkeypatch, **settings):
    never_read = threading.Event()
    server = stack.enter_context(Server([never_read]))
    stack.callback(never_read.set)
    return colour.client(server.url, **settings), lambda client: client.chat(**LARGE)


def in_the_head(stack, colour, monkeypatch, **settings):
    return colour.client(stack.enter_context(Server(answer(HEAD[:20]))).url, **settings), chat


def in_the_head_over_tls(stack, colour, monkeypatch, **settings):
    server = stack.enter_context(Server([Tls(), *answer()]))
    return colour.client(server.url.replace("http", "https"), verify=False, **settings), chat


def in_the_body(stack, colour, monkeypatch, **settings):
    server = stack.enter_context(Server(answer(HEAD, chunk(LINE))))
    return colour.client(server.url, **settings), lambda client: list(chat(client, stream=True))


def in_the_body_of_an_error(stack, colour, monkeypatch, **settings):
    monkeypatch.setattr("ollama_stream._exchange.ERROR_BODY_SECONDS", PATIENCE)
    server = stack.enter_context(Server(answer(BUSY.replace(b"Content-Length: 0", b"Content-Length: 9"))))
    return colour.client(server.url, **settings), chat


def in_a_pause_between_attempts(stack, colour, monkeypatch, **settings):
    return colour.client(stack.enter_context(Server(answer(BUSY))).url, retries=1, **settings), chat


def in_a_ping(stack, colour, monkeypatch, **settings):
    return colour.client(stack.enter_context(Server(answer())).url, **settings), lambda client: client.ping()


def in_a_second_call(stack, colour, monkeypatch, **settings):
    whole = response("200 OK", line("Hi", True))
    client = colour.client(stack.enter_context(Server(answer(whole, read_request), answer(GOOD))).url, **settings)
    chat(client)
    return client, chat


PHASES = [
    in_resolving, in_connecting, in_the_handshake, in_the_tunnel, in_sending, in_the_head, in_the_head_over_tls,
    in_the_body, in_the_body_of_an_error, in_a_pause_between_attempts, in_a_ping, in_a_second_call,
]  # fmt: skip

PERSONAL = type("PersonalError", (ConnectionError,), {})
ERRORS = [
    TimeoutError("my alarm"), TimeoutError(), socket.timeout("timed out"), OSError("mine"), PERSONAL("mine"),
    TimeoutError(errno.ETIMEDOUT, "mine"), ConnectionRefusedError(errno.ECONNREFUSED, "mine"),
    ConnectionResetError(errno.ECONNRESET, "mine"), BlockingIOError(errno.EAGAIN, "mine"), socket.gaierror(-2, "mine"),
    ValueError("mine"), UnicodeError("mine"), EOFError("mine"), OllamaTimeout("mine"),
]  # fmt: skip
CLOCKS = [None, Timeout(), 40.0, Timeout(total=40.0), Timeout(None, None, None, None)]


def check_comes_out(colour, phase, error, timeout, monkeypatch):
    with contextlib.ExitStack() as stack:
        client, call = phase(stack, colour, monkeypatch, timeout=timeout)
        with pytest.raises(type(error)) as raised, raising(error):
            call(client)
        assert raised.value is error
        client.close()
        error.__traceback__ = None


@pytest.mark.each(5)
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: "257-" + phase.__name__)
@pytest.mark.parametrize("timeout", CLOCKS, ids=str)
def test_an_exception_of_the_program_comes_out_of_every_phase_as_it_is(colour, phase, timeout, monkeypatch):
    check_comes_out(colour, phase, TimeoutError("my alarm"), timeout, monkeypatch)


@pytest.mark.each(3)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: "257-%r" % error)
@pytest.mark.parametrize("phase", [in_connecting, in_the_body, in_the_body_of_an_error], ids=lambda phase: phase.__name__)
def test_whatever_class_it_is_of(colour, phase, error, monkeypatch):
    check_comes_out(colour, phase, error, None, monkeypatch)


class Interrupted(dict):
    """An object in whose midst the signal comes, while it is written."""

    def items(self):
        signal.raise_signal(signal.SIGALRM)
        return super().items()


JSON_ERRORS = [ValueError("mine"), TypeError("mine"), RecursionError("mine")]


@pytest.mark.parametrize("error", JSON_ERRORS, ids=lambda error: "257-%r" % error)
def test_it_comes_out_of_the_writing_and_the_reading_of_json(error, monkeypatch):
    with pytest.raises(type(error)) as raised, raising(error, PATIENCE):
        _json.format_json(Interrupted(a=1))
    assert raised.value is error
    if isinstance(error, TypeError):
        return
    monkeypatch.setattr(_json, "scan_once", lambda *_: signal.raise_signal(signal.SIGALRM))
    with pytest.raises(type(error)) as raised, raising(error, PATIENCE):
        _json.parse_json("{}")
    assert raised.value is error


# --- where it comes, exactly ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def signal_in(owner, name):
    """The first call of a function by the client has the signal come in its midst."""
    original, fired = getattr(owner, name), []

    def function(*args, **kwargs):
        # The server of the test has threads of its own, and a loop a pair of unix sockets; its helpers are the client's.
        thread, family = threading.current_thread().name, getattr(args[0] if args else None, "family", None)
        if not fired and thread.startswith(("MainThread", "asyncio", "ThreadPoolExecutor")) and family != socket.AF_UNIX:
            fired.append(name)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)
        return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, function, raising=False)
        yield
    assert fired


def over_tls(stack, colour):
    server = stack.enter_context(Server([Tls(), *answer(GOOD)]))
    return colour.client(server.url.replace("http", "https"), verify=False), lambda client: list(chat(client, stream=True))


def plainly(stack, colour):
    return colour.client(stack.enter_context(Server(answer(GOOD), answer(GOOD))).url), chat


def with_an_image(stack, colour):
    def ask(client):
        return client.generate("m", "what is it?", images=["aGk="])

    return colour.client(stack.enter_context(Server(answer(GOOD))).url), ask


def refused(stack, colour):
    busy = BUSY.replace(b"Retry-After: 50", b"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT")
    return colour.client(stack.enter_context(Server(answer(busy), answer(GOOD))).url, retries=1), chat


def by_ping(stack, colour):
    return colour.client(stack.enter_context(Server(answer(GOOD))).url), lambda client: client.ping()


POINTS = [  # the call, the function in whose midst the signal comes, and what the handler raises beside a time-out
    (over_tls, ssl, "create_default_context", ValueError),
    (over_tls, ssl.SSLContext, "wrap_bio", LookupError),
    (over_tls, ssl.SSLContext, "wrap_bio", NotImplementedError),
    (over_tls, ssl.SSLObject, "do_handshake", ssl.SSLError),
    (over_tls, ssl.SSLObject, "write", ssl.SSLError),
    (over_tls, ssl.SSLObject, "read", ssl.SSLError),
    (plainly, socket, "getaddrinfo", LookupError),
    (plainly, socket, "getaddrinfo", RuntimeError),
    (plainly, Exchange, "_exchange_heads", KeyError),
    (plainly, socket.socket, "setsockopt", OSError),
    (plainly, socket.socket, "setblocking", OSError),
    (plainly, socket.socket, "connect", ConnectionRefusedError),
    (plainly, socket.socket, "getsockopt", OSError),
    (plainly, socket.socket, "recv", ConnectionError),
    (plainly, _json, "scan_once", MemoryError),
    (plainly, time, "clock_gettime", AttributeError),
    (plainly, http.client.HTTPConnection, "putrequest", ValueError),
    (with_an_image, base64, "b64decode", ValueError),
    (refused, email.utils, "parsedate_to_datetime", ValueError),
    (by_ping, socket, "getaddrinfo", OllamaTimeout),
    (by_ping, http.client.HTTPConnection, "putrequest", ConnectError),
]


@pytest.mark.each(3)
@pytest.mark.parametrize("call, owner, name, kind", POINTS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("is_timeout", [True, False], ids=["257-TimeoutError", "257-its own"])
def test_an_exception_of_the_program_comes_out_of_each_step(colour, call, owner, name, kind, is_timeout):
    error = TimeoutError("my alarm") if is_timeout else kind("mine")
    with contextlib.ExitStack() as stack:
        client, ask = call(stack, colour)
        with signal_in(owner, name), pytest.raises(type(error)) as raised, raising(error, PATIENCE):
            ask(client)
        assert raised.value is error
        client.close()
        error.__traceback__ = None


@pytest.mark.parametrize("kind", [TimeoutError, ConnectionError, ValueError, RuntimeError, LookupError, EOFError])
def test_257_it_comes_out_of_a_codec_that_makes_another_exception_of_it(colour, kind, monkeypatch):
    """As Python did before 3.13, and getaddrinfo() sends each name through the codec for names."""

    def encode(*_):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)
        return b"", 0

    def search(name):
        return codecs.CodecInfo(encode, None, name=name) if name == "interrupted" else None

    codecs.register(search)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: "name".encode("interrupted"))
    error = kind("mine")
    with pytest.raises(kind) as raised, raising(error, PATIENCE):
        chat(colour.client("http://gpu-box:1"))
    assert raised.value is error
    error.__traceback__ = None


THROWN = [(OSError("mine"), True), (TimeoutError("mine"), True), (socket.timeout("timed out"), False)]


@pytest.mark.parametrize("error, is_program", THROWN, ids=lambda value: "257-%r" % value)
@pytest.mark.parametrize("hub", ["gevent._gevent_c_greenlet_primitives", "eventlet.hubs.hub"])
def test_what_another_greenlet_throws_is_the_program_and_a_time_out_of_its_socket_is_not(error, is_program, hub):
    names, transport = {"__name__": hub, "error": error}, Bytes()
    exec("def recv(_timeout):\n    raise error", names)
    transport.recv = names["recv"]
    with pytest.raises(Exception) as raised:
        chat(Client(transport=transport))
    assert (raised.value is error) == is_program
    assert is_program or isinstance(raised.value, ConnectionLost)
