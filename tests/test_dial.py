"""How a host of several addresses is reached, and what the system may do meanwhile: both colours, on real sockets.

Ids and names with numbers are the numbered faults. A name stands for whatever a patched resolver says.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading

import pytest
from proxies import Forward, Tls, cert
from support import CHAT, GOOD, PATIENCE, Server, answer, closed_port, full_listener, run_python

from ollama_stream import AsyncClient, ConnectError, ConnectionLost, OllamaTimeout, StreamClosed, Timeout
from ollama_stream import _dial
from ollama_stream._address import choose_proxy, parse_address
from ollama_stream._dial import dial, interleave, make_socket, set_option
from ollama_stream._net import Clocks, Connection, run
from ollama_stream._route import open_tunnel

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.fixture
def resolving(monkeypatch):
    """The name "box.example" has these ports of this machine, whatever port is asked for."""
    original = socket.getaddrinfo

    def resolving_to(*ports):
        def getaddrinfo(host, port, *args, **options):
            if host != "box.example":
                return original(host, port, *args, **options)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number)) for number in ports]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return resolving_to


# --- addresses side by side -------------------------------------------------------------------------------------------


@pytest.fixture
def silent():
    """A port that never answers who wants to connect."""
    with full_listener() as port:
        yield port


WAYS = [  # id, host, settings with the place of the port, steps of the server
    ("258-http", "http://box.example", {}, answer(GOOD)),
    ("258-https", "https://box.example", {"verify": False}, [Tls(), *answer(GOOD)]),
    ("258-proxy", "http://other.example", {"proxy": "http://box.example:3128"}, answer(GOOD)),
    ("258-proxy-over-tls", "http://other.example", {"proxy": "https://box.example", "verify": False},
     [Tls(), *answer(GOOD)]),
]  # fmt: skip


@pytest.mark.parametrize("host, settings, steps", [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_an_address_that_does_not_answer_does_not_hide_the_next(colour, host, settings, steps, silent, resolving):
    with Server(steps) as server:
        resolving(silent, silent, server.port)
        with colour.client(host, timeout=Timeout(connect=PATIENCE), **settings) as client:
            assert client.chat(**CHAT).text == "Hi"
        assert len(server.peers) == 1


def test_a_tunnel_is_asked_of_the_address_that_answers_fault_258(colour, silent, resolving):
    with Server([Tls("localhost"), *answer(GOOD)]) as server, Server([Forward({"other.example:443": server.port})]) as proxy:
        resolving(silent, proxy.port)
        settings = {"proxy": "http://box.example:1", "verify": False}
        with colour.client("https://other.example", **settings) as client:
            assert client.chat(**CHAT).text == "Hi"


def test_a_clock_that_runs_out_before_a_tunnel_is_there_is_told_once():
    address = parse_address("https://other.example")
    clocks = Clocks(Timeout(connect=-1.0))
    clocks.start("connect")
    with pytest.raises(OllamaTimeout) as caught:
        run(open_tunnel(Connection(), address, choose_proxy(address, "http://box.example:1", {}), clocks))
    assert (caught.value.clock, caught.value.__cause__) == ("connect", None)


def race(colour, monkeypatch, *ports, delay=None):
    """Dial a name that has these ports; what each wait was limited to."""
    network, waits = colour.network(), []
    monkeypatch.setattr(_dial, "ATTEMPT_DELAY", _dial.ATTEMPT_DELAY if delay is None else delay)

    async def resolve(host, port):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

    ended = network.ended

    async def noted(attempts, timeout):
        waits.append((len(attempts), timeout))
        return await ended(attempts, timeout)

    network.resolve, network.ended = resolve, noted
    clocks = Clocks(Timeout(connect=None))
    clocks.start("connect")
    colour.run(dial(network, parse_address("http://box"), clocks, lambda race: None)).close()
    return waits


def test_a_quarter_of_a_second_is_given_to_an_address_before_the_next_is_tried_beside_it_fault_258(
    colour, monkeypatch, silent
):
    with Server([]) as server:
        waits = race(colour, monkeypatch, silent, silent, server.port)
    assert waits == [(1, 0.25), (2, 0.25), (3, None)]


def test_a_refusal_starts_the_next_at_once_fault_258(colour, monkeypatch):
    with Server([]) as server:
        waits = race(colour, monkeypatch, closed_port(), closed_port(), server.port, delay=PATIENCE)
    assert [attempts for attempts, _ in waits] == [1, 1, 1]


FIRST, SECOND, THIRD = (socket.AF_INET6, 1), (socket.AF_INET6, 2), (socket.AF_INET6, 3)
FOURTH, FIFTH = (socket.AF_INET, 4), (socket.AF_INET, 5)
TURNS = [
    ([], []),
    ([FIRST], [FIRST]),
    ([FIRST, SECOND, THIRD, FOURTH], [FIRST, FOURTH, SECOND, THIRD]),
    ([FOURTH, FIFTH, FIRST], [FOURTH, FIRST, FIFTH]),
    ([FIRST, FOURTH, SECOND, FIFTH], [FIRST, FOURTH, SECOND, FIFTH]),
]


@pytest.mark.parametrize("found, tried", TURNS)
def test_families_take_turns_fault_258(found, tried):
    assert interleave(found) == tried


def test_all_addresses_share_the_connect_clock_fault_258(colour, silent, resolving):
    resolving(*[silent] * 4)
    with pytest.raises(OllamaTimeout) as raised:
        colour.client("http://box.example", timeout=Timeout(connect=0.6)).chat(**CHAT)
    assert (raised.value.clock, raised.value.limit) == ("connect", 0.6)


def test_every_failure_is_told_once_fault_258(colour, resolving):
    resolving(closed_port(), closed_port())
    with pytest.raises(ConnectError, match=r"from host: connection refused\)$"):
        colour.client("http://box.example").chat(**CHAT)


def test_a_name_without_an_address_is_told_fault_258(colour, resolving):
    resolving()
    with pytest.raises(ConnectError, match=r"from host: the name has no address\)$"):
        colour.client("http://box.example").chat(**CHAT)


def test_close_ends_all_attempts_fault_258(colour, monkeypatch, silent, resolving):
    monkeypatch.setattr(_dial, "ATTEMPT_DELAY", 0.001)
    resolving(*[silent] * 5)
    stream = colour.client("http://box.example", timeout=None).chat(stream=True, **CHAT)
    all_under_way = threading.Event()
    exchange = getattr(stream, "target", stream)._exchange
    network = exchange.network = type(exchange.network)()
    ended = network.ended

    def noted(attempts, timeout):
        if len(attempts) == 5:
            threading.Timer(0.05, all_under_way.set).start()
        return ended(attempts, timeout)

    network.ended = noted

    def close():
        all_under_way.wait(PATIENCE)
        stream.close()

    closer = threading.Thread(target=close)
    closer.start()
    with pytest.raises(StreamClosed):
        next(stream)
    closer.join()


def test_a_cancelled_task_ends_all_attempts_fault_258(monkeypatch, silent, resolving):
    monkeypatch.setattr(_dial, "ATTEMPT_DELAY", 0.001)
    resolving(*[silent] * 5)

    async def main():
        before = asyncio.all_tasks()
        call = asyncio.ensure_future(AsyncClient("http://box.example", timeout=None).chat(**CHAT))
        while len(asyncio.all_tasks() - before) < 6:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(main())


# --- what the system says ---------------------------------------------------------------------------------------------


def test_a_socket_finds_a_dead_peer_in_a_minute_faults_169_269():
    expected = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60000}
    with make_socket(socket.AF_INET) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        for name, value in expected.items():
            if hasattr(socket, name):
                assert sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value


def raising(error):
    def method(*_args, **_options):
        raise error

    return method


def test_an_option_that_the_system_does_not_have_is_gone_without(monkeypatch):
    refusing = raising(OSError(errno.ENOPROTOOPT, "Protocol not available"))
    monkeypatch.setattr(socket, "socket", type("Poor", (socket.socket,), {"setsockopt": refusing}))
    make_socket(socket.AF_INET).close()


def test_a_socket_whose_options_a_signal_interrupts_is_closed(monkeypatch):
    made = []

    class Interrupted(socket.socket):
        def setsockopt(self, *_):
            made.append(self)
            raise KeyboardInterrupt

    monkeypatch.setattr(socket, "socket", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_socket(socket.AF_INET)
    assert [sock.fileno() for sock in made] == [-1]


SYSTEM = [  # id, method of a socket, what it raises, class, text
    ("271-connect-timeout", "connect", TimeoutError("timed out"), ConnectError, "from host: timed out)"),
    ("271-connect-socket-timeout", "connect", socket.timeout("timed out"), ConnectError, "from host: timed out)"),
    ("271-connect-ETIMEDOUT", "connect", TimeoutError(errno.ETIMEDOUT, "Connection timed out"), ConnectError,
     "from host: connection timed out)"),
    ("271-connect-no-network", "connect", OSError("no sockets here"), ConnectError, "from host: no sockets here)"),
    ("271-connect-not-implemented", "connect", NotImplementedError("connect"), ConnectError, "from host: connect)"),
    ("271-recv-timeout", "recv", TimeoutError("timed out"), ConnectionLost, "the connection was lost: timed out"),
    ("271-recv-ETIMEDOUT", "recv", TimeoutError(errno.ETIMEDOUT, "Connection timed out"), ConnectionLost,
     "the connection was lost: connection timed out"),
    ("271-recv-not-implemented", "recv", NotImplementedError("no recv"), ConnectionLost,
     "the connection was lost: no recv"),
]  # fmt: skip


@pytest.mark.parametrize("timeout", [None, Timeout(), 600.0], ids=str)
@pytest.mark.parametrize("method, error, kind, text", [row[1:] for row in SYSTEM], ids=[row[0] for row in SYSTEM])
def test_what_the_system_says_is_not_a_clock_of_ours(colour, method, error, kind, text, timeout, monkeypatch):
    poor = type("Poor", (socket.socket,), {method: raising(error)})
    with Server(answer(GOOD)) as server:
        monkeypatch.setattr(_dial, "make_socket", lambda family: poor(family))
        with pytest.raises(kind) as raised:
            colour.client(server.url, timeout=timeout).chat(**CHAT)
    assert not isinstance(raised.value, OllamaTimeout)
    assert text in str(raised.value)
    error.__traceback__ = None


@pytest.mark.parametrize("kind", [socket.gaierror, socket.herror])
@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOEXEC, -2])
def test_a_number_of_the_resolver_is_not_one_of_the_system(colour, kind, number, monkeypatch):
    """On macOS a name that is not there has the number 8, which is ENOEXEC."""
    error = kind(number, "Nodename nor servname provided, or not known")
    monkeypatch.setattr(socket, "getaddrinfo", raising(error))
    with pytest.raises(ConnectError, match=r"the name does not resolve: nodename nor servname provided, or not known\)$"):
        colour.client("http://gpu-box:1").chat(**CHAT)
    error.__traceback__ = None


@pytest.mark.parametrize("error", [OSError("no options"), NotImplementedError("no options")], ids=repr)
def test_an_option_that_the_system_lacks_costs_nothing_fault_271(error):
    poor = type("Poor", (socket.socket,), {"setsockopt": raising(error)})
    with poor() as sock:
        set_option(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def test_a_system_without_sockets_is_told_fault_271(colour, monkeypatch):
    monkeypatch.setattr(_dial, "make_socket", raising(NotImplementedError("no sockets here")))
    with pytest.raises(ConnectError, match=r"from host: no sockets here\)$"):
        colour.client("http://127.0.0.1:9").chat(**CHAT)


@pytest.mark.parametrize("error", [NotImplementedError(), RuntimeError("can't start new thread")], ids=repr)
def test_a_loop_that_cannot_resolve_is_a_connect_error_fault_271(error):
    async def main():
        asyncio.get_running_loop().getaddrinfo = raising(error)
        await AsyncClient("http://box.example").chat(**CHAT)

    with pytest.raises(ConnectError, match=str(error) or "NotImplementedError"):
        asyncio.run(main())


@pytest.mark.parametrize("method", ["wrap_bio", "load_default_certs"])
def test_an_ssl_module_that_does_nothing_is_a_connect_error_fault_271(colour, method, monkeypatch):
    monkeypatch.setattr(ssl.SSLContext, method, raising(NotImplementedError("no TLS in this build")))
    with Server([]) as server:
        with pytest.raises(ConnectError, match="no TLS in this build"):
            colour.client(server.url.replace("http", "https")).chat(**CHAT)


NO_CODEC = """
import sys
sys.modules["encodings.idna"] = None
import asyncio
import ollama_stream as ollama
host = sys.argv[1].replace("127.0.0.1", "localhost")
print(ollama.Client(host).chat("m", [{"role": "user", "content": "hi"}]).text)
print(asyncio.run(ollama.AsyncClient(host).chat("m", [{"role": "user", "content": "hi"}])).text)
try: ollama.Client("http://b\\u00fccher.example").chat("m", [])
except ollama.ConnectError as error: print(error)
import os
os.environ["HTTP_PROXY"], os.environ["NO_PROXY"] = sys.argv[1], "b\\u00fccher.example"
print(ollama.Client("http://other.example").chat("m", [{"role": "user", "content": "hi"}]).text)
"""


def test_a_python_without_the_codec_for_names_still_connects_fault_273():
    with Server(answer(GOOD)) as server:
        end = run_python("-c", NO_CODEC, server.url)
    first, second, third, fourth = end.stdout.splitlines()
    assert (first, second, fourth, end.stderr) == ("Hi", "Hi", "Hi", "")
    assert "b\xfccher.example" in third and "xn--" in third


NO_CODEC_TLS = """
import sys
sys.modules["encodings.idna"] = None
import asyncio
import ollama_stream as ollama
for host in (sys.argv[1], sys.argv[1].replace("127.0.0.1", "localhost")):
    print(ollama.Client(host, verify=sys.argv[2]).chat("m", [{"role": "user", "content": "hi"}]).text)
    print(asyncio.run(ollama.AsyncClient(host, verify=sys.argv[2]).chat("m", [{"role": "user", "content": "hi"}])).text)
"""


def test_nor_does_tls_need_it_fault_273():
    with Server(*[[Tls(), *answer(GOOD)]] * 4) as server:
        end = run_python("-c", NO_CODEC_TLS, server.url.replace("http", "https"), cert("ca.pem"))
    assert (end.stdout.split(), end.stderr) == (["Hi"] * 4, "")


ADDRESS = """
import asyncio, sys
import ollama_stream as ollama
print(ollama.Client(sys.argv[1], verify=False).chat("m", [{"role": "user", "content": "hi"}]).text)
print(asyncio.run(ollama.AsyncClient(sys.argv[1], verify=False).chat("m", [{"role": "user", "content": "hi"}])).text)
print("encodings.idna" in sys.modules)
"""


@pytest.mark.parametrize("scheme, steps", [("http", answer(GOOD)), ("https", [Tls(), *answer(GOOD)])], ids=["http", "https"])
def test_an_address_that_is_no_name_loads_no_codec_for_names(scheme, steps):
    with Server(*[steps] * 2) as server:
        end = run_python("-c", ADDRESS, server.url.replace("http", scheme))
    assert (end.stdout.split(), end.stderr) == (["Hi", "Hi", "False"], "")


@pytest.mark.parametrize("scheme, steps", [("http", answer(GOOD)), ("https", [Tls(), *answer(GOOD)])], ids=["http", "https"])
def test_nothing_takes_its_bytes_for_text(scheme, steps):
    with Server(*[steps] * 2) as server:
        end = run_python("-bb", "-X", "dev", "-c", ADDRESS, server.url.replace("http", scheme))
    assert (end.stdout.split()[:2], end.returncode) == (["Hi", "Hi"], 0), end.stderr
