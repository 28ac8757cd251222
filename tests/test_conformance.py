"""What both clients do alike: one function a claim, run with the blocking and with the async client.

Each test ends with no descriptor more than it began with, without the collector, and with no word from asyncio.
Ids and names with numbers are the numbered faults. A server that holds its connection does so until the client leaves.
"""

from __future__ import annotations

import copy
import errno
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import traceback

import pytest
import support
from support import (
    CHAT, COLOURS, DONE, GOOD, HEAD, LAST_CHUNK, LINE, ROOT, SOON, Bytes, Colour, Server, answer, chunk, close,
    closed_port, collect, dribble, endless, fin, full_listener, line, read_some, response, rst, until_stuck,
)  # fmt: skip

import ollama_stream
from ollama_stream import (
    ConnectError, ConnectionLost, OllamaError, OllamaTimeout, ProtocolError, RequestError, ResponseError, StreamClosed,
    Timeout,
)  # fmt: skip
from ollama_stream import _exchange
from ollama_stream._address import parse_address
from ollama_stream._dial import dial
from ollama_stream._net import Clocks
from ollama_stream.fixture import load
from ollama_stream.transports import Replaying

pytestmark = pytest.mark.usefixtures("nothing_is_left")

USED = "the stream has been read by another loop; call again for a new one"


def outcome(stream):
    """What a loop over a stream gets: its texts, and the error that ends it or None."""
    records, error = [], None
    try:
        collect(stream, records)
    except OllamaError as raised:
        error = raised
    return [record.message.content for record in records], error


# --- a call -----------------------------------------------------------------------------------------------------------


def test_a_request_goes_out_as_it_should(colour):
    with Server(answer(GOOD)) as server:
        colour.chat(server).result()
        peer = server.peer()
    assert peer.request_head == [
        b"POST /api/chat HTTP/1.1",
        b"Host: 127.0.0.1:%d" % server.port,
        b"User-Agent: ollama-stream/0.2.0 Python/%d.%d.%d" % sys.version_info[:3],
        b"Accept: application/x-ndjson",
        b"Accept-Encoding: identity",
        b"Content-Type: application/json",
        b"Content-Length: 82",
    ]
    assert json.loads(peer.request_body) == dict(CHAT, tools=[], stream=True)


def test_a_stream_is_iterated_once_and_then_whole_fault_185(colour):
    with Server(answer(GOOD)) as server:
        stream = colour.chat(server)
        assert (stream.status, stream.partial.text) == ("open", "")
        assert outcome(stream) == (["Hi", ""], None)
        assert stream.status == "complete"
        assert stream.result() == stream.partial
        assert (stream.result().message.content, stream.result().done_reason) == ("Hi", "stop")
        again = outcome(stream)
    assert (again[0], type(again[1]), str(again[1])) == ([], StreamClosed, USED)


def test_a_context_manager_sends_on_entry_and_closes_on_exit(colour):
    with Server(answer(HEAD, chunk(LINE))) as server:
        with colour.chat(server) as stream:
            assert server.peer().asked.is_set()
            assert next(stream).message.content == "Hi"
        assert stream.status == "cancelled"
        assert server.peer().gone.wait(SOON)


def test_text_has_no_empty_pieces(colour):
    with Server(answer(HEAD, chunk(LINE), chunk(line("")), chunk(line("!")), chunk(DONE))) as server:
        assert list(colour.chat(server).text()) == ["Hi", "!"]
        assert list(colour.client(server.url).stream_chat("m", "hi")) == ["Hi", "!"]


WAYS = {
    "loop": lambda stream: "".join(record["message"]["content"] for record in stream),
    "with": lambda stream: "".join(record.text for record in stream.__enter__()),
    "text": lambda stream: "".join(stream.text()),
    "result": lambda stream: stream.result().text,
    "next": lambda stream: next(stream).text + "".join(record.text for record in stream),
    "next-and-result": lambda stream: next(stream) and stream.result().text,
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_read_a_stream_gives_the_whole_answer(colour, way):
    with Server(answer(HEAD, chunk(line("Hel")) + chunk(line("lo")), chunk(DONE), LAST_CHUNK)) as server:
        stream = colour.chat(server)
        assert WAYS[way](stream) == "Hello"
        assert (stream.status, stream.partial.text, stream.result().text) == ("complete", "Hello", "Hello")


CALLS = {  # the call, the body of its answer, the line of its request, what it gives
    "chat": (lambda client: client.chat(**CHAT).text, line("Hi", True), "POST /api/chat", "Hi"),
    "chat-load": (lambda client: client.chat("m").done_reason, DONE, "POST /api/chat", "stop"),
    "chat-stream-false": (
        lambda client: client.chat(stream=False, **CHAT).text, line("Hi", True)[:-1], "POST /api/chat", "Hi"
    ),
    "generate": (
        lambda client: client.generate("m", "a").text, b'{"response":"Hi","done":true}', "POST /api/generate", "Hi"
    ),
    "list": (lambda client: client.list().models[0].name, b'{"models":[{"name":"a"}]}', "GET /api/tags", "a"),
    "version": (lambda client: client.version().version, b'{"version":"1.2"}', "GET /api/version", "1.2"),
    "request": (lambda client: client.request("GET", "/api/new"), b'[{"a":1}]', "GET /api/new", [{"a": 1}]),
}  # fmt: skip


@pytest.mark.parametrize("call, body, asked, expected", CALLS.values(), ids=list(CALLS))
def test_a_call_without_a_stream_gives_the_answer(colour, call, body, asked, expected):
    with Server(answer(response("200 OK", body))) as server:
        assert call(colour.client(server.url)) == expected
        assert server.peer().request_head[0] == asked.encode() + b" HTTP/1.1"


def test_a_wrong_argument_is_refused_at_the_call(colour):
    with pytest.raises(RequestError) as raised:
        colour.client().chat("", [], stream=True)
    assert str(raised.value) == "model: expected the name of a model, such as 'llama3.2', got ''"


def test_no_request_is_sent_before_the_first_record_is_asked_for(colour):
    transport = Bytes(GOOD)
    stream = colour.client(transport=transport).chat(stream=True, **CHAT)
    assert transport.sent == b""
    assert stream.result().text == "Hi"
    assert transport.sent.startswith(b"POST /api/chat HTTP/1.1\r\n")


def test_a_line_longer_than_64_KiB_is_one_record_fault_209(colour):
    with Server(answer(HEAD, chunk(line("x" * 1000000)), chunk(DONE), LAST_CHUNK)) as server:
        assert [len(record.text) for record in colour.chat(server)] == [1000000, 0]


def test_a_stream_that_has_ended_stays_ended(colour):
    stream = colour.client(transport=Bytes(GOOD)).chat(stream=True, **CHAT)
    steps = [next(stream, None) for _ in range(4)]
    assert [record and record.text for record in steps] == ["Hi", "", None, None]


def test_a_single_object_in_answer_to_a_stream_is_its_only_record_fault_77(colour):
    with Server(answer(response("200 OK", line("Hi", True).rstrip(), Content_Type="application/json"))) as server:
        assert outcome(colour.chat(server)) == (["Hi"], None)


@pytest.mark.parametrize("rest", [fin, rst, b"", endless(chunk(LINE))], ids=["fin", "rst", "hold", "more"])
def test_a_stream_is_over_with_its_last_record_faults_29_30(colour, rest):
    with Server(answer(HEAD, chunk(LINE), chunk(DONE), rest or b"")) as server:
        with colour.client(server.url) as client:
            stream = client.chat(stream=True, **CHAT)
            assert outcome(stream) == (["Hi", ""], None)
            assert stream.status == "complete"
        assert server.peer().gone.wait(SOON)


# --- errors that the server reports -----------------------------------------------------------------------------------

NOT_OK = [  # id, status line, body, fields, the error's text
    ("71-401", "401 Unauthorized", b'{"error":"unauthorized"}', {}, "unauthorized"),
    ("71-403", "403 Forbidden", b'{"error":"no"}', {}, "no"),
    ("71-404", "404 Not Found", b'{"error":"model \'m\' not found"}', {}, "model 'm' not found"),
    ("71-429", "429 Too Many Requests", b'{"error":"slow down"}', {"Retry_After": "7"}, "slow down"),
    ("71-500", "500 Internal Server Error", b'{"error":"boom"}', {}, "boom"),
    ("71-503", "503 Service Unavailable", b'{"error":"busy"}', {}, "busy"),
    ("72-html", "502 Bad Gateway", b"<html><body>oops</body></html>", {}, "Bad Gateway"),
    ("72-empty", "500 Internal Server Error", b"", {}, "Internal Server Error"),
    ("72-no-reason", "599 ", b"", {}, "status 599"),
    ("72-invalid-utf-8", "500 Oops", b"a\xff!", {}, "a\ufffd!"),
    ("72-object", "500 Oops", b'{"error":{"message":"inside","code":5}}', {}, "inside"),
    ("72-array", "500 Oops", b'["a"]', {}, '["a"]'),
    ("72-75-coding", "500 Oops", b"plain", {"Content_Encoding": "gzip"}, "plain"),
    ("74-cut", "500 Oops", b'{"error":"boom"}', {"Content_Length": "1000"}, "boom"),
]


@pytest.mark.parametrize("status, body, fields, text", [row[1:] for row in NOT_OK], ids=[row[0] for row in NOT_OK])
def test_a_status_of_400_and_above_is_the_servers_error(colour, status, body, fields, text):
    with Server(answer(response(status, body, **fields), fin)) as server:
        with colour.client(server.url) as client:
            stream = client.chat(stream=True, **CHAT)
            texts, error = outcome(stream)
        assert server.peer().gone.wait(SOON)
    code = int(status[:3])
    assert (texts, type(error), error.error, error.status_code) == ([], ResponseError, text, code)
    assert str(error) == "%s (status code: %d)" % (text, code)
    assert error.retry_after == (7.0 if "Retry_After" in fields else None)
    assert (error.url, error.partial.text, stream.status) == (server.url + "/api/chat", "", "error")


@pytest.mark.parametrize(
    "body",
    [[endless(b"x" * 65536)], [b"x" * 100]],
    ids=["73-endless", "73-stalled"],
)
def test_the_body_of_an_error_is_read_up_to_a_size_and_for_a_while(colour, body, monkeypatch):
    monkeypatch.setattr(_exchange, "ERROR_BODY_SECONDS", 0.2)
    head = response("500 Oops", Content_Length="100000000000")
    with Server(answer(head, *body)) as server:
        _, error = outcome(colour.chat(server))
        assert server.peer().gone.wait(SOON)
    assert (type(error), error.status_code, error.error[:3]) == (ResponseError, 500, "xxx")
    assert len(error.raw) <= 65536


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"Content_Encoding": "gzip"}, "the body is in Content-Encoding 'gzip' although none was asked for"),
        ({"Content_Encoding": "BR"}, "the body is in Content-Encoding 'br' although none was asked for"),
        ({"Content_Type": "text/plain; charset=latin-1"}, "the body is in the charset 'latin-1'; JSON is UTF-8"),
    ],
    ids=["75-225-gzip", "75-225-br", "76-charset"],
)
def test_a_body_in_another_coding_is_refused(colour, fields, message):
    with Server(answer(response("200 OK", DONE, **fields))) as server:
        texts, error = outcome(colour.chat(server))
        assert server.peer().gone.wait(SOON)
    assert (texts, type(error), str(error)) == ([], ProtocolError, "%s (%s)" % (message, server.url))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Content_Type": "application/json"},
        {"Content_Type": "Application/X-NDJSON; Charset=UTF-8"},
        {"Content_Type": 'application/json; charset="utf-8"'},
        {"Content_Encoding": "identity"},
    ],
    ids=["76-missing", "76-json", "76-case", "76-quoted", "76-identity"],
)
def test_the_content_type_decides_nothing_else(colour, fields):
    with Server(answer(response("200 OK", LINE + DONE, **fields))) as server:
        assert outcome(colour.chat(server)) == (["Hi", ""], None)


def test_a_cookie_is_not_kept_fault_242(colour):
    with Server(answer(response("200 OK", DONE, Set_Cookie="session=1; Path=/")) + answer(GOOD)) as server:
        with colour.client(server.url) as client:
            for _ in range(2):
                assert outcome(client.chat(stream=True, **CHAT))[1] is None
        heads = [data.lower() for data in server.peer().requests]
    assert (len(heads), [data for data in heads if b"cookie" in data]) == (2, [])


# --- connections that end early ---------------------------------------------------------------------------------------


def test_a_reset_inside_a_chunk_comes_after_all_lines_before_it_fault_31(colour):
    seen = threading.Event()
    with Server(answer(HEAD, chunk(LINE), seen, b"e\r\n", rst)) as server:
        stream = colour.chat(server)
        assert next(stream).message.content == "Hi"
        seen.set()
        _, error = outcome(stream)
    assert (type(error), error.partial.text, stream.status) == (ConnectionLost, "Hi", "truncated")


ENDS = [  # id, steps, texts, tail
    ("68-nothing", [fin], [], b""),
    ("167-reset", [rst], [], b""),
    ("66-in-the-head", [HEAD[:30], fin], [], b""),
    ("168-reset-with-lines-unread", [HEAD, chunk(LINE) * 3, rst], ["Hi", "Hi", "Hi"], b""),
    ("170-half-closed", [HEAD, fin], [], b""),
    ("25-between-chunks", [HEAD, chunk(LINE), fin], ["Hi"], b""),
    ("24-inside-a-chunk", [HEAD, chunk(LINE), b'ff\r\n{"mod', fin], ["Hi"], b'{"mod'),
    ("24-before-the-end-of-a-line", [HEAD, chunk(LINE), chunk(DONE[:-1]), fin], ["Hi"], DONE[:-1]),
]


@pytest.mark.parametrize("steps, texts, tail", [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_an_early_end_is_a_lost_connection(colour, steps, texts, tail):
    with Server(answer(*steps)) as server:
        stream = colour.chat(server)
        got, error = outcome(stream)
        assert server.peer().gone.wait(SOON)
    assert (got, type(error), error.tail) == (texts, ConnectionLost, tail)
    assert (error.partial.text, stream.status) == ("".join(texts), "truncated")
    assert error.url == server.url + "/api/chat" and 0 < error.elapsed < support.PATIENCE


LARGE = {"model": "m", "messages": [{"role": "user", "content": "x" * 20_000_000}]}


def test_an_answer_to_half_a_request_counts_fault_78(colour):
    refusal = response("413 Request Entity Too Large", b'{"error":"too large"}')
    with Server([read_some(2048), refusal, close]) as server, colour.client(server.url) as client:
        with pytest.raises(ResponseError) as raised:
            client.chat(**LARGE)
    assert (raised.value.status_code, raised.value.error) == (413, "too large")


def test_a_connection_closed_during_the_request_is_lost_fault_79(colour):
    with Server([read_some(2048), close]) as server:
        with pytest.raises(ConnectionLost) as raised:
            colour.client(server.url).chat(**LARGE)
    assert str(raised.value).startswith("the connection was lost while the request was being sent: ")


# --- connecting -------------------------------------------------------------------------------------------------------

LATE = 30.0  # seconds by which a busy machine may be late; a clock that is not there takes 60
ADVICE = (
    "Failed to connect to Ollama. Please check that Ollama is downloaded, running and accessible. "
    "https://ollama.com/download"
)


def network_of(colour, *ports, resolve=None, connect=None):
    """A network of this colour in which every name has these ports of this machine, or one that fails so."""

    async def resolved(host, port):
        if resolve:
            raise resolve
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports or (1,)]

    def failing(sock):
        attempt = colour.network().attempt(sock)
        attempt.begin = begin
        return attempt

    def begin(target):
        raise connect

    network = colour.network()
    network.resolve = resolved
    if connect:
        network.attempt = failing
    return network


def dialled(colour, network, timeout=Timeout(), made=lambda race: None, clocks=None):
    clocks = clocks or Clocks(timeout)
    clocks.start("connect")
    return colour.run(dial(network, parse_address("http://box:11434", "host"), clocks, made))


def test_a_refused_connection_names_the_place_fault_153(colour):
    port = closed_port()
    with pytest.raises(ConnectError) as raised:
        colour.client("127.0.0.1:%d" % port).chat(**CHAT)
    assert str(raised.value) == "%s (http://127.0.0.1:%d, from host: connection refused)" % (ADVICE, port)
    assert isinstance(raised.value, ConnectionError)


NO_NAME = socket.gaierror(-2, "Name or service not known")
UNREACHABLE = [  # id, what fails, the reason in the message
    ("154-unknown", {"resolve": NO_NAME}, "the name does not resolve: name or service not known"),
    ("154-label", {"resolve": UnicodeError("label empty")}, "the name does not resolve: label empty"),
    ("155-network", {"connect": OSError(errno.ENETUNREACH, "Network is unreachable")}, "network is unreachable"),
    ("155-host", {"connect": OSError(errno.EHOSTUNREACH, "No route to host")}, "no route to host"),
]


@pytest.mark.parametrize("failing, why", [row[1:] for row in UNREACHABLE], ids=[row[0] for row in UNREACHABLE])
def test_a_place_that_cannot_be_reached_is_a_connect_error(colour, failing, why):
    with pytest.raises(ConnectError) as raised:
        dialled(colour, network_of(colour, **failing))
    assert str(raised.value) == "%s (http://box:11434, from host: %s)" % (ADVICE, why)


@pytest.mark.parametrize("host", ["http://a..b:1", "http://%s:1" % ("a" * 300)], ids=["154-empty-label", "154-long"])
def test_a_name_that_cannot_be_one_is_an_error_of_ours(colour, host):
    with pytest.raises((RequestError, ConnectError)):
        colour.client(host, timeout=0.5).chat(**CHAT)


def test_the_connect_clock_covers_all_addresses_fault_156(colour):
    with full_listener() as port:
        started = time.monotonic()
        with pytest.raises(OllamaTimeout) as raised:
            dialled(colour, network_of(colour, port, port, port), Timeout(connect=0.1))
        assert 0.1 <= time.monotonic() - started < 0.1 + LATE
    assert (raised.value.clock, raised.value.limit) == ("connect", 0.1)


def test_an_address_gets_what_the_others_have_left_of_the_connect_clock_fault_156(colour):
    given = []
    network = network_of(colour, 1, 2, 3, connect=ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
    failing = network.attempt

    def attempt(sock):
        given.append(clocks.remaining())
        time.sleep(0.02)  # of the 10 s: what is claimed
        return failing(sock)

    network.attempt = attempt
    clocks = Clocks(Timeout())
    clocks.start("connect")
    with pytest.raises(ConnectError):
        dialled(colour, network, clocks=clocks)
    assert [left <= 10 - 0.02 * number for number, left in enumerate(given)] == [True] * 3


def test_the_next_address_is_tried_after_a_refusal_fault_157(colour):
    made = []
    with Server([]) as server:
        network = network_of(colour, closed_port(), server.port)
        dialled(colour, network, made=made.append).close()
        assert server.peer().gone.wait(SOON)
    assert len(made) == 2


# --- clocks -----------------------------------------------------------------------------------------------------------

ALL = {"connect": 60.0, "first_byte": 60.0, "idle": 60.0, "total": None}
FIRST_BYTE = "no answer yet (first_byte; the model may still be loading)"
IDLE = "nothing more came (idle)"
TOTAL = "the call took too long (total)"

STALLS = [  # id, steps, clock, message, texts
    ("160-no-answer", [], "first_byte", FIRST_BYTE, []),
    ("161-dribbled-status-line", [dribble(b"HTTP/1.1 200 " + b"O" * 1000, 0.02)], "first_byte", FIRST_BYTE, []),
    ("162-head-alone", [HEAD], "first_byte", FIRST_BYTE, []),
    ("163-between-chunks", [HEAD, chunk(LINE)], "idle", IDLE, ["Hi"]),
    ("164-inside-a-chunk", [HEAD, chunk(LINE), b'40\r\n{"'], "idle", IDLE, ["Hi"]),
    ("164-inside-a-size", [HEAD, chunk(LINE), b"4"], "idle", IDLE, ["Hi"]),
    ("165-dribbled-line", [HEAD, chunk(LINE), b"fff\r\n", dribble(b" ", 0.02)], "idle", IDLE, ["Hi"]),
    ("166-blank-lines", [HEAD, chunk(LINE), endless(chunk(b"\n"), 0.02)], "idle", IDLE, ["Hi"]),
    ("165-total-no-answer", [], "total", TOTAL, []),
    ("165-total-stall", [HEAD, chunk(LINE)], "total", TOTAL, ["Hi"]),
]


@pytest.mark.parametrize("steps, clock, message, texts", [row[1:] for row in STALLS], ids=[row[0] for row in STALLS])
def test_a_clock_runs_out(colour, steps, clock, message, texts):
    limit, got, error = 0.05, None, None
    while got != texts and limit < SOON:  # what has come must have come within total: a busy machine needs longer
        with Server(answer(*steps)) as server:
            stream = colour.chat(server, timeout=Timeout(**dict(ALL, **{clock: limit})))
            got, error = outcome(stream)
            assert server.peer().gone.wait(SOON)
        limit *= 4
    limit /= 4
    assert (got, type(error), error.clock, error.limit) == (texts, OllamaTimeout, clock, limit)
    advice = "raise it with timeout=Timeout(%s=...) (%s, from host)" % (clock, server.url)
    assert str(error) == "%s: %g s have passed; %s" % (message, limit, advice)
    assert limit <= error.elapsed < limit + LATE
    assert (error.partial.text, stream.status, isinstance(error, TimeoutError)) == ("".join(texts), "error", True)


class Silent(Bytes):
    """Gives its pieces, and then nothing until the time is up."""

    def recv(self, timeout):
        piece = super().recv(timeout)
        if not piece:
            time.sleep(timeout)
            raise TimeoutError
        return piece


@pytest.mark.parametrize("tail", [b"", b'{"mod', DONE[:-1]], ids=["nothing", "half a line", "a line without its end"])
def test_164_what_came_of_a_line_before_a_clock_ran_out_is_not_lost(colour, tail):
    transport = Silent(HEAD + chunk(LINE) + b"fff\r\n" + tail)
    got, error = outcome(colour.client(transport=transport, timeout=Timeout(idle=0.01)).chat(stream=True, **CHAT))
    assert (got, type(error), error.clock, error.tail, error.partial.text) == (["Hi"], OllamaTimeout, "idle", tail, "Hi")


def test_the_total_clock_ends_a_stream_that_goes_on_and_on_fault_165(colour):
    total, texts = 0.05, []
    while not texts and total < SOON:  # a busy machine needs longer
        total *= 4
        with Server(answer(HEAD, endless(chunk(LINE), 0.02))) as server:
            texts, error = outcome(colour.chat(server, timeout=Timeout(idle=2 * SOON, total=total)))
            assert server.peer().gone.wait(SOON)
    assert (type(error), error.clock) == (OllamaTimeout, "total")
    assert texts and error.partial.text == "Hi" * len(texts)


def test_the_connect_clock_runs_out_fault_156(colour):
    with full_listener() as port:
        with pytest.raises(OllamaTimeout) as raised:
            colour.client("127.0.0.1:%d" % port, timeout=Timeout(connect=0.1)).chat(**CHAT)
    advice = "raise it with timeout=Timeout(connect=...) (http://127.0.0.1:%d, from host)" % port
    assert str(raised.value) == "no connection (connect): 0.1 s have passed; " + advice


def test_a_request_that_makes_no_progress_runs_into_idle(colour):
    never_read = threading.Event()
    with Server([never_read]) as server:
        with pytest.raises(OllamaTimeout) as raised:
            colour.client(server.url, timeout=Timeout(idle=0.2)).chat(**LARGE)
        never_read.set()
    assert (raised.value.clock, raised.value.limit) == ("idle", 0.2)


def test_the_time_of_a_busy_consumer_is_not_counted(colour):
    busy, sent = threading.Event(), threading.Event()
    with Server(answer(HEAD, chunk(LINE), busy, chunk(DONE), lambda peer: sent.set())) as server:
        stream = colour.chat(server, timeout=Timeout(first_byte=None, idle=0.2))
        next(stream)
        busy.wait(0.3)  # longer than idle: what is claimed
        busy.set()
        assert sent.wait(support.PATIENCE)
        assert outcome(stream) == ([""], None)


def test_a_float_sets_first_byte_and_idle_and_none_switches_all_off(colour):
    with Server(answer()) as server:
        with pytest.raises(OllamaTimeout) as raised:
            colour.client(server.url).chat(timeout=0.05, **CHAT)
    assert (raised.value.clock, raised.value.limit) == ("first_byte", 0.05)
    with Server(answer(GOOD)) as server:
        assert outcome(colour.chat(server, timeout=None)) == (["Hi", ""], None)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "1", Timeout(idle=0)], ids=repr)
def test_a_limit_that_is_none_is_refused(colour, value):
    with pytest.raises(RequestError):
        colour.client(timeout=value)


def test_a_slow_consumer_blocks_the_server_fault_171_210(colour):
    with Server(answer(HEAD, until_stuck(chunk(line("x" * 50_000))))) as server:
        with support.memory_below(4_000_000), colour.chat(server) as stream:
            next(stream)
            assert server.peer().stuck.wait(support.PATIENCE)
        assert server.peer().gone.wait(SOON)


def test_an_announced_length_allocates_nothing_fault_226(colour):
    with Server(answer(response("200 OK", LINE, Content_Length="10000000000"), fin)) as server:
        with support.memory_below(4_000_000):
            texts, error = outcome(colour.chat(server))
    assert (texts, type(error)) == (["Hi"], ConnectionLost)


# --- leaving ----------------------------------------------------------------------------------------------------------


def leave_the_loop(stream):
    for _ in stream:
        break
    return stream


def raise_in_the_loop(stream):
    with pytest.raises(KeyError) as raised:
        for record in stream:
            raise KeyError(record.message.content)
    assert raised.value.args == ("Hi",)
    return stream


def leave_the_with_block(stream):
    with stream:
        for _ in stream:
            return stream


def raise_in_the_with_block(stream):
    with pytest.raises(KeyError), stream:
        next(stream)
        raise KeyError
    return stream


def leave_the_texts(stream):
    for _ in stream.text():
        break
    return stream


def close_it(stream):
    next(stream)
    stream.close()
    return stream


LEAVING = [leave_the_loop, raise_in_the_loop, leave_the_with_block, raise_in_the_with_block, leave_the_texts, close_it]


@pytest.mark.parametrize("leave", LEAVING, ids=lambda leave: "180-181-" + leave.__name__)
def test_leaving_closes_the_connection_at_once(colour, leave):
    with Server(answer(HEAD, chunk(LINE))) as server:
        stream = leave(colour.chat(server))
        assert server.peer().gone.wait(SOON)
        assert (stream.status, stream.partial.text) == ("cancelled", "Hi")
        with pytest.raises(StreamClosed):
            stream.result()


def drop_the_stream(stream):
    next(stream)


def drop_the_iterator(stream):
    next(iter(stream))


def drop_it_inside_with(stream):
    next(stream.__enter__())


@support.lets_go_at_once
@pytest.mark.parametrize("drop", [drop_the_stream, drop_the_iterator, drop_it_inside_with])
def test_dropping_the_last_reference_closes_the_connection_at_once_fault_180(colour, drop):
    with Server(answer(HEAD, chunk(LINE))) as server:
        drop(colour.chat(server))
        assert server.peer().gone.wait(SOON)


def test_a_stream_that_is_never_read_makes_no_connection_fault_182(colour):
    with Server(answer(GOOD)) as server:
        stream = colour.chat(server)
        assert (stream.status, stream.partial.text) == ("open", "")
        del stream
        colour.chat(server).result()
        assert len(server.peers) == 1


@pytest.mark.parametrize("before", ["before-start", "during", "after-end", "after-error"])
def test_closing_is_idempotent_fault_183(colour, before):
    script = answer(HEAD, chunk(LINE), fin) if before == "after-error" else answer(HEAD, chunk(LINE), chunk(DONE))
    with Server(script) as server:
        stream = colour.chat(server)
        if before == "during":
            next(stream)
        elif before != "before-start":
            outcome(stream)
        stream.close()
        stream.close()
        expected = {"after-end": "complete", "after-error": "truncated"}.get(before, "cancelled")
        assert stream.status == expected
        if before == "before-start":
            assert type(outcome(stream)[1]) is StreamClosed
            with pytest.raises(StreamClosed):
                stream.result()
            assert server.peers == []


def test_a_closed_stream_yields_nothing_more(colour):
    with Server(answer(HEAD + chunk(LINE * 3))) as server:
        stream = colour.chat(server)
        records = iter(stream)
        next(records)
        stream.close()
        texts, error = outcome(records)
    assert (texts, type(error), str(error), error.partial.text) == ([], StreamClosed, "the stream was closed", "Hi")


# --- threads ----------------------------------------------------------------------------------------------------------


class Reader(threading.Thread):
    """Reads a stream in a thread; ``outcome`` is what it got."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.first = threading.Event()
        self.texts = []
        self.start()

    def run(self):
        self.error = None
        try:
            for record in self.stream:
                self.texts.append(record.message.content)
                self.first.set()
        except OllamaError as error:
            self.error = error

    def joined(self):
        self.join(support.PATIENCE)
        assert not self.is_alive()
        return self.texts, type(self.error)


def test_close_wakes_a_reader_that_connects_fault_184(colour):
    with full_listener() as port:
        stream = colour.client("127.0.0.1:%d" % port, timeout=Timeout(connect=60)).chat(stream=True, **CHAT)
        reader = Reader(stream)
        deadline = time.monotonic() + support.PATIENCE
        while reader.is_alive() and time.monotonic() < deadline:
            reader.join(0.05)
            stream.close()
        assert reader.joined() == ([], StreamClosed)
    assert stream.status == "cancelled"


def test_close_wakes_a_reader_that_waits_for_the_head_fault_184(colour):
    with Server(answer()) as server:
        stream = colour.chat(server)
        reader = Reader(stream)
        assert server.peer().asked.wait(support.PATIENCE)
        stream.close()
        assert reader.joined() == ([], StreamClosed)
        assert server.peer().gone.wait(SOON)
    assert stream.status == "cancelled"


def test_close_wakes_a_reader_in_the_middle_fault_184(colour):
    with Server(answer(HEAD, chunk(LINE))) as server:
        stream = colour.chat(server)
        reader = Reader(stream)
        assert reader.first.wait(support.PATIENCE)
        stream.close()
        assert reader.joined() == (["Hi"], StreamClosed)
        assert server.peer().gone.wait(SOON)
    assert (stream.status, reader.error.partial.text) == ("cancelled", "Hi")


def by_loop(stream):
    return outcome(stream)[1]


def by_next(stream):
    with pytest.raises(OllamaError) as raised:
        next(stream)
    return raised.value


def by_result(stream):
    with pytest.raises(OllamaError) as raised:
        stream.result()
    return raised.value


READING = [by_loop, by_next, by_result]


@pytest.mark.parametrize("again", READING, ids=lambda read: read.__name__)
@pytest.mark.parametrize("first", READING, ids=lambda read: read.__name__)
def test_reading_on_after_an_error_gives_the_same_error_fault_186(colour, first, again):
    with Server(answer(HEAD, fin)) as server:
        stream = colour.chat(server)
        error = first(stream)
        assert type(error) is ConnectionLost
        assert again(stream) is again(stream) is error


class Held(Bytes):
    """A transport that holds its last piece back."""

    waiting = more = None

    def recv(self, timeout):
        piece = super().recv(timeout)
        if piece == LAST_CHUNK:
            self.waiting.set()
            self.more.wait(support.PATIENCE)
            return chunk(line("!")) + chunk(DONE)
        return piece


BY_HAND = [("loop", iter), ("next", lambda stream: iter(lambda: next(stream), None))]


@pytest.mark.parametrize("way", [row[1] for row in BY_HAND], ids=["187-" + row[0] for row in BY_HAND])
@pytest.mark.parametrize("read", [next, list, lambda stream: stream.__enter__()], ids=["next", "list", "with"])
def test_a_second_thread_is_refused_and_the_first_loses_nothing(colour, read, way):
    transport = Held(HEAD + chunk(LINE), LAST_CHUNK)
    transport.waiting, transport.more = threading.Event(), threading.Event()
    stream = colour.client(transport=transport).chat(stream=True, **CHAT)
    reader = Reader(way(stream))
    assert transport.waiting.wait(support.PATIENCE)
    with pytest.raises(StreamClosed) as raised:
        read(stream)
    transport.more.set()
    assert reader.joined() == (["Hi", "!", ""], type(None))
    assert str(raised.value) in ("the stream is being read by another thread or task", USED)


def test_streams_of_one_client_are_independent_fault_188(colour):
    scripts = [answer(HEAD, *[chunk(line("%d " % i))] * 3, chunk(DONE)) for i in range(20)]
    with Server(*scripts) as server:
        client = colour.client(server.url)
        readers = [Reader(client.chat(stream=True, **CHAT)) for _ in scripts]
        got = sorted(reader.joined()[0] for reader in readers)
    assert got == sorted([["%d " % i] * 3 + [""] for i in range(20)])


def test_many_threads_share_one_client_fault_188(colour):
    with Server(answer(GOOD) * 160) as server, colour.client(server.url) as client:
        got = []

        def work():
            for _ in range(10):
                got.append(outcome(client.chat(stream=True, **CHAT)))

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(support.PATIENCE)
    assert got == [(["Hi", ""], None)] * 160


def test_closing_the_client_leaves_the_streams_that_run(colour):
    more = threading.Event()
    with Server(answer(HEAD, chunk(LINE), more, chunk(DONE), LAST_CHUNK)) as server:
        client = colour.client(server.url)
        stream = client.chat(stream=True, **CHAT)
        assert next(stream).text == "Hi"
        client.close()
        more.set()
        assert outcome(stream) == ([""], None)
        client.close()
        assert server.peer().gone.wait(SOON)


INTERRUPTED = {
    "blocking": """
import sys, ollama_stream
stream = ollama_stream.chat("m", [], stream=True)
def main():
    for part in stream:
        print(part.text, flush=True)
""",
    "async": """
import asyncio, sys, ollama_stream
stream = ollama_stream.AsyncClient().chat("m", [], stream=True)
async def read():
    asyncio.get_running_loop().slow_callback_duration = 60
    async for part in stream:
        print(part.text, flush=True)
def main():
    asyncio.run(read())
""",
}
THEN_WAITS = """
try:
    main()
except KeyboardInterrupt:
    print(stream.status, repr(stream.partial.text), flush=True)
    sys.stdin.read()
"""


@pytest.mark.each(2)
@pytest.mark.parametrize(
    "steps, text", [([], ""), ([HEAD], ""), ([HEAD, chunk(LINE)], "Hi")], ids=["head", "first-record", "record"]
)
def test_a_keyboard_interrupt_closes_the_connection_while_the_program_goes_on_fault_190(colour, steps, text):
    if os.name == "nt":
        pytest.skip("there a wait for a socket is not interrupted")
    program = [sys.executable, "-X", "dev", "-c", INTERRUPTED[colour.name] + THEN_WAITS]
    with Server(answer(*steps)) as server:
        with subprocess.Popen(
            program, env=support.environment(OLLAMA_HOST=server.url), universal_newlines=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                assert server.peer().asked.wait(support.PATIENCE)
                said = [process.stdout.readline()] if text else []
                support.interrupt(process)
                assert server.peer().gone.wait(SOON)
                assert process.poll() is None
                out, err = process.communicate("")
            finally:
                process.kill()
    assert (said + out.splitlines(), err) == ([text + "\n"] * bool(text) + ["cancelled %r" % text], "")


def test_a_call_inside_the_loop_of_another_works_fault_189(colour):
    with Server(answer(GOOD) * 3) as server:
        client = colour.client(server.url)
        texts = [client.chat(stream=True, **CHAT).result().text for _ in client.chat(stream=True, **CHAT)]
    assert texts == ["Hi", "Hi"]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_stream_cannot_be_copied_fault_194(colour, duplicate):
    stream = colour.client(transport=Bytes()).chat(stream=True, **CHAT)
    with pytest.raises(TypeError) as raised:
        duplicate(stream)
    assert str(raised.value) == "a stream cannot be copied or pickled; its result() can"


def test_partial_is_the_text_so_far_before_the_end_and_after_an_error_fault_196(colour):
    with Server(answer(HEAD, chunk(LINE), chunk(line("!")), fin)) as server:
        stream = colour.chat(server)
        assert stream.partial.text == ""
        records = iter(stream)
        seen = []
        with pytest.raises(ConnectionLost):
            for _ in records:
                seen.append(stream.partial.text)
    assert (seen, stream.partial.text) == (["Hi", "Hi!"], "Hi!")


def pickled(error):
    return pickle.loads(pickle.dumps(error))


RAISED = [  # the error, the steps that lead to it
    ("ConnectionLost", [HEAD, chunk(LINE), fin]),
    ("IncompleteStream", [HEAD, chunk(LINE), LAST_CHUNK]),
    ("OllamaTimeout", [HEAD, chunk(LINE)]),
    ("ProtocolError", [HEAD, chunk(LINE), chunk(b"%%%\n")]),
    ("ResponseError", [HEAD, chunk(LINE), chunk(b'{"error":"boom"}\n')]),
]


@pytest.mark.parametrize("name, steps", RAISED, ids=["194-" + row[0] for row in RAISED])
@pytest.mark.parametrize("duplicate", [copy.copy, pickled], ids=["copy", "pickle"])
def test_an_error_can_be_pickled_and_copied(colour, name, steps, duplicate):
    with Server(answer(*steps)) as server:
        _, error = outcome(colour.chat(server, timeout=Timeout(idle=0.05 if name == "OllamaTimeout" else None)))
    other = duplicate(error)
    assert type(error) is type(other) is getattr(ollama_stream, name)
    assert (str(other), other.__dict__) == (str(error), error.__dict__)
    assert other.partial.text == "Hi"


# --- what goes out, and what must not ---------------------------------------------------------------------------------


BAD_HOSTS = ["http://" + host for host in ("a\r\nX: y", "a\nb", "a\x00b", "a b", "a:1\r\n2", "a/b\r\nc")]
BAD_HOSTS.append("ht tp://a")


@pytest.mark.parametrize("host", BAD_HOSTS, ids=lambda host: "213-%a" % host)
def test_a_host_with_a_control_character_is_refused(colour, host):
    with pytest.raises(RequestError):
        colour.client(host)


FIELDS = [
    ("214-crlf", "X-A", "a\r\nX-B: c"),
    ("214-folded", "X-A", "a\r\n b"),
    ("214-folded-tab", "X-A", "a\n\tb"),
    ("214-nul", "X-A", "a\x00b"),
    ("214-name-space", "X A", "a"),
    ("214-name-nul", "X\x00A", "a"),
    ("214-name-crlf", "X\r\nA", "a"),
    ("215-not-latin-1", "X-A", "\u2028"),
]


@pytest.mark.parametrize("name, value", [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
def test_a_header_field_that_could_be_read_as_two_is_refused(colour, name, value):
    transport = Bytes()
    with pytest.raises(RequestError):
        colour.client(headers={name: value})
    with pytest.raises(RequestError):
        colour.client(transport=transport).chat(headers={name: value}, **CHAT)
    assert transport.sent == b""


BAD_PATHS = ["api/chat", "http://a/", "/a b", "/a#b", "/a\r\nb", "/a\x00", "/a\u2028", "/\xe9"]


@pytest.mark.parametrize("path", BAD_PATHS, ids=lambda path: "215-217-%a" % path)
def test_a_path_that_is_none_is_refused(colour, path):
    transport = Bytes()
    with pytest.raises(RequestError):
        colour.client(transport=transport).request("GET", path)
    assert transport.sent == b""


TEXTS = ["a\r\nX: y", 'a"b', "a\x00b", "a\ud800", "a\u2028\x85b"]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: "216-%a" % text)
def test_names_and_prompts_are_only_ever_inside_json(colour, text):
    transport = Bytes(response("200 OK", line("Hi", True)))
    colour.client(transport=transport).chat(text, [{"role": "user", "content": text}])
    head, _, body = transport.sent.partition(b"\r\n\r\n")
    assert len(head.split(b"\r\n")) == 7
    sent = json.loads(body.decode("ascii"))
    assert (sent["model"], sent["messages"][0]["content"]) == (text, text)


SECRET = "hunter2-hunter2"
PLANTS = [  # id, host around the port, headers, environment
    ("218-userinfo", "http://user:%s@127.0.0.1:%%d" % SECRET, None, None),
    ("222-headers", "http://127.0.0.1:%d", {"Authorization": "Bearer " + SECRET}, None),
    ("222-environment", "http://127.0.0.1:%d", None, SECRET),
]
FAILURES = [
    ("lost", [HEAD, chunk(LINE), fin]),
    ("protocol", [b"SSH-2.0-x\r\n", fin]),
    ("response", [response("401 Unauthorized", b'{"error":"unauthorized"}')]),
    ("timeout", []),
    ("refused", None),
]


@pytest.mark.parametrize("host, headers, key", [row[1:] for row in PLANTS], ids=[row[0] for row in PLANTS])
@pytest.mark.parametrize("steps", [row[1] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_a_secret_is_sent_and_shown_nowhere(colour, host, headers, key, steps, monkeypatch):
    if key:
        monkeypatch.setenv("OLLAMA_API_KEY", key)
    with Server(answer(*(steps or []))) as server:
        limit = 5 if steps else 0.05
        host %= closed_port() if steps is None else server.port
        with colour.client(host, headers=headers, timeout=limit) as client:
            _, error = outcome(client.chat(stream=True, **CHAT))
        if steps is not None:
            fields = [field for field in server.peer().request_head if field.startswith(b"Authorization: ")]
            assert len(fields) == 1
            assert b"Host: 127.0.0.1:%d" % server.port in server.peer().request_head
    shown = [repr(client), repr(error), repr(error.__dict__), repr(pickle.dumps(error))]
    shown += traceback.format_exception(type(error), error, error.__traceback__)
    assert isinstance(error, OllamaError)
    assert [text for text in shown if SECRET in text] == []


KEYED = {"192.0.2.1:11434": False, "box.example": False, "127.0.0.1": True, "[::1]": True, "localhost": True}


@pytest.mark.parametrize("host, sent", KEYED.items(), ids=["224-" + host for host in KEYED])
def test_the_key_of_the_environment_goes_in_the_clear_to_this_machine_only(colour, host, sent, monkeypatch):
    monkeypatch.setenv("OLLAMA_API_KEY", SECRET)
    transport = Bytes(response("200 OK", line("Hi", True)))
    colour.client("http://" + host, transport=transport).chat(**CHAT)
    assert (b"Authorization: Bearer %s\r\n" % SECRET.encode() in transport.sent) is sent
    assert (SECRET.encode() in transport.sent) is sent


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed_fault_219(colour, status):
    with Server(answer(GOOD)) as other:
        location = "http://user:%s@127.0.0.1:%d/x?token=%s" % (SECRET, other.port, SECRET)
        with Server(answer(response(status, Location=location))) as server:
            _, error = outcome(colour.chat(server, headers={"Authorization": "Bearer " + SECRET}))
        assert other.peers == []
    message = "the server redirects to http://127.0.0.1:%d/x, which is not followed: set host to where the API is"
    assert (type(error), error.error, error.status_code) == (ResponseError, message % other.port, int(status[:3]))


# --- both clients side by side ----------------------------------------------------------------------------------------


def generations():
    """The recordings of chat and generate."""
    found = []
    for folder, _, files in os.walk(os.path.join(ROOT, "fixtures", "recordings")):
        for path in (os.path.join(folder, file) for file in files if file.endswith(".jsonl")):
            if load(path).request.path.rstrip("/") in ("/api/chat", "/api/generate"):
                found.append(path)
    return sorted(found)


GENERATIONS = generations()


def test_there_are_recordings():
    assert len(GENERATIONS) > 50


FAILING = [(name, [response(status, body, **fields), fin]) for name, status, body, fields, _ in NOT_OK]
FAILING += [(name, steps) for name, steps, *_ in ENDS] + RAISED


@pytest.mark.parametrize("name, steps", FAILING, ids=[row[0] for row in FAILING])
def test_both_clients_say_the_same_of_what_goes_wrong(name, steps):
    def asked(client, _request):
        return client.chat(stream=True, timeout=Timeout(idle=0.05 if name == "OllamaTimeout" else None), **CHAT)

    outcomes = []
    with Server(answer(*steps)) as server:
        for colour in COLOURS:
            with Colour(colour).client(server.url) as client:
                outcomes.append(whole_outcome(client, asked, None))
    blocking, awaited = outcomes
    assert blocking == awaited
    assert isinstance(blocking[1], tuple)


def typed(client, request):
    """The recorded call as a program would write it."""
    method = client.chat if request.path.startswith("/api/chat") else client.generate
    return method(**dict(request.json, stream=request.json.get("stream", True)))


def by_request(client, request):
    streamed = request.json.get("stream", True) if isinstance(request.json, dict) else True
    return client.request(request.method, request.path, body=request.body_bytes() or None, stream=streamed)


def told(error):
    return error and (type(error), str(error), error.partial, error.url, getattr(error, "tail", None))


def whole_outcome(client, call, request):
    """All that a program can see of a call."""
    records, stream = [], None
    try:
        stream = call(client, request)
        if not hasattr(stream, "status"):
            return [stream], None
        collect(stream, records)
        return records, stream.status, stream.result()
    except OllamaError as error:
        return records, told(error), getattr(stream, "status", None)


@pytest.mark.each(3)
@pytest.mark.parametrize("path", GENERATIONS, ids=lambda path: "/".join(path.split(os.sep)[-2:]).split(".exchange")[0])
def test_a_recorded_exchange_gives_the_same_with_both_clients(path):
    fixture = load(path)
    for call in (typed, by_request) if isinstance(fixture.request.json, dict) else (by_request,):
        blocking, awaited = (
            whole_outcome(Colour(name).client(transport=Replaying(fixture, level="any")), call, fixture.request)
            for name in COLOURS
        )
        assert blocking == awaited


def test_a_reader_that_begins_while_another_thread_closes_is_told_so_fault_274(colour):
    with Server(answer(HEAD, chunk(LINE))) as server:
        stream = colour.chat(server)
        exchange = getattr(stream, "target", stream)._exchange

        class Looking:
            """The lock by which close() sees whether somebody reads, held for as long as a reader may then begin."""

            def acquire(self, blocking):
                return False

            def release(self):
                pass

            def locked(self):
                return True

        exchange._reading = Looking()
        stream.close()
        with pytest.raises(StreamClosed, match="^the stream was closed$"):
            next(stream)
