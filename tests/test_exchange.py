"""A call from its bytes on the wire to its outcome, without a socket: however they are cut, and wrong bytes too."""

import os
import random

import pytest
import support
from support import CHAT, Bytes

from ollama_stream import Client, OllamaError, ProtocolError, _http1, _json, _stream
from ollama_stream.fixture import load

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORDINGS = os.path.join(ROOT, "fixtures", "recordings")
NAMES = [
    "ollama-0.24.0/chat-runner-killed",
    "ollama-0.24.0/chat-server-killed",
    "ollama-0.24.0/chat-once",
    "ollama-0.24.0/chat-logprobs",
    "ollama-0.32.15/chat-one-word",
    "ollama-0.32.15/chat-thinking-once",
    "ollama-0.32.15/chat-tool-call",
    "ollama-0.32.15/error-no-done",
    "ollama-0.32.15/error-busy",
    "ollama-0.32.15/error-empty-body",
    "ollama-0.32.15/generate-stream",
    "ollama-0.32.15/redirect-trailing-slash",
]
SEEDS = support.seeds(8)
MUTATIONS = 20  # a seed
ALPHABET = b'\r\n\x00\x80\xff {}[]",:;0123456789abcdefxA%'


def wire_of(name):
    return b"".join(data for _, data in load(os.path.join(RECORDINGS, name + ".exchange.jsonl")).wire())


WIRES = {name: wire_of(name) for name in NAMES}


class Pieces:
    """A transport that gives these pieces, then the end of the connection."""

    def __init__(self, pieces):
        self.pieces = list(pieces)
        self.closed = 0

    def open(self, _address, _timeout):
        return self

    def send(self, data, _timeout):
        assert data.startswith(b"POST /api/")

    def recv(self, _timeout):
        return self.pieces.pop(0) if self.pieces else b""

    def close(self):
        self.closed += 1


def outcome(name, pieces):
    """The records, then the class and text of the error or None; and what had arrived by its own account."""
    transport = Pieces(pieces)
    client = Client("127.0.0.1", transport=transport)
    call = client.generate if "generate" in name else client.chat
    stream = call("m", stream=True, timeout=None)
    records, error = [], None
    try:
        for record in stream:
            records.append(record.model_dump())
    except OllamaError as problem:
        error = (type(problem).__name__, str(problem), getattr(problem, "tail", b""))
        partial = problem.partial
    else:
        partial = stream.result()
    text = "".join(r["message"]["content"] if "message" in r else r["response"] for r in records)
    assert partial.text == text
    assert transport.closed == 1
    assert (error is None) == (stream.status == "complete")
    return records, error


def cut(rng, data):
    points = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 12)))
    pieces = [data[a:b] for a, b in zip([0] + points, points + [len(data)])]
    return [piece for piece in pieces if piece]


def mutated(rng, data):
    for _ in range(rng.randrange(1, 4)):
        at, kind = rng.randrange(len(data)), rng.randrange(5)
        byte = bytes([rng.choice(ALPHABET)])
        if kind == 0:
            data = data[:at] + byte + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + byte + data[at:]
        elif kind == 2:
            data = data[:at] + data[at + rng.randrange(1, 30) :]
        elif kind == 3:
            data = data[:at] + data[at : at + rng.randrange(1, 60)] + data[at:]
        else:
            data = data[: max(at, 1)]
        data = data or b"\n"
    return data


@pytest.mark.parametrize("name", NAMES)
def test_the_outcome_does_not_depend_on_the_cut(name):
    wire, rng = WIRES[name], random.Random(name)
    whole = outcome(name, [wire])
    assert outcome(name, [wire[i : i + 1] for i in range(len(wire))]) == whole
    for _ in range(10):
        assert outcome(name, cut(rng, wire)) == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_the_outcome_of_wrong_bytes_does_not_depend_on_the_cut_either(seed):
    rng = random.Random(seed)
    differing = []
    for _ in range(MUTATIONS):
        name = rng.choice(NAMES)
        wire = mutated(rng, WIRES[name])
        whole = outcome(name, [wire])
        cuts = [cut(rng, wire)]
        if len(wire) < 1500 and rng.randrange(3) == 0:
            cuts.append([wire[i : i + 1] for i in range(len(wire))])
        differing += [(name, wire, whole, other) for other in (outcome(name, pieces) for pieces in cuts) if other != whole]
    assert differing == []


@pytest.mark.each(3)
@pytest.mark.parametrize("name", ["ollama-0.32.15/chat-one-word", "ollama-0.32.15/chat-tool-call", "ollama-0.32.15/generate-stream"])
def test_a_prefix_that_ends_before_the_last_line_does_raises_and_keeps_the_text(name):
    wire = WIRES[name]
    records, error = outcome(name, [wire])
    assert error is None
    last = wire.rindex(b"\n", 0, wire.rindex(b"\r\n0\r\n"))  # the LF of the last record
    for end in range(0, last, 3):  # thrice as fast, and all that can be cut is cut somewhere
        some, problem = outcome(name, [wire[:end]] if end else [])
        assert problem is not None and problem[0] == "ConnectionLost", end
        assert some == records[: len(some)]
    assert outcome(name, [wire[: last + 1]]) == (records, None)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LINE = b'{"model":"m","created_at":"t","message":{"role":"assistant","content":"Hi"},"done":false}\n'
DONE = b'{"model":"m","created_at":"t","message":{"role":"assistant","content":"!"},"done":true,"done_reason":"stop"}\n'


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def length(size, *lines):
    return HEAD + b"Content-Length: %d\r\n\r\n" % size + b"".join(lines)


ENDED = "the body ended before the record that ends an answer"
L, D, E = chunk(LINE), chunk(DONE), b"0\r\n\r\n"

OUTCOMES = [  # fault, bytes on the wire, the text that arrives, class and start of the message of the error
    ("D2-22 trailers without end, after done", CHUNKED + L + D + b"0\r\n" + b"X: y\r\n" * 500, "Hi!", None),
    ("D2-22 trailers without end, before done", CHUNKED + L + b"0\r\n" + b"X: y\r\n" * 500, "Hi", ("ProtocolError", "")),
    ("D2-23 a bad trailer, after done", CHUNKED + L + D + b"0\r\nbroken\r\n\r\n", "Hi!", None),
    ("D2-23 a bad trailer, after done without LF", CHUNKED + L + chunk(DONE[:-1]) + b"0\r\nbroken\r\n\r\n", "Hi!", None),
    ("D2-23 a bad trailer, before done", CHUNKED + L + b"0\r\nbroken\r\n\r\n", "Hi", ("ProtocolError", "")),
    ("D2-24 cut in a chunk", CHUNKED + L + D[:20], "Hi", ("ConnectionLost", "the connection closed inside a chunk")),
    ("D2-25 cut between chunks", CHUNKED + L, "Hi", ("ConnectionLost", "the connection closed between chunks")),
    ("D2-27 cut after the 0 of 0a", CHUNKED + L + b"0", "Hi", ("ConnectionLost", "")),
    ("D2-28 cut before the last CRLF, done", CHUNKED + L + D + b"0\r\n", "Hi!", None),
    ("D2-28 cut before the last CRLF, not done", CHUNKED + L + b"0\r\n", "Hi", ("IncompleteStream", ENDED)),
    ("D2-29 done, no last chunk", CHUNKED + L + D, "Hi!", None),
    ("D2-33 length too long, done", length(900, LINE, DONE), "Hi!", None),
    ("D2-33 length too long, not done", length(900, LINE), "Hi", ("ConnectionLost", "the connection closed after")),
    ("D2-34 length too short", length(len(LINE), LINE, DONE), "Hi", ("IncompleteStream", ENDED)),
    ("D2-43 HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\n" + LINE + DONE, "Hi!", None),
    ("D2-45 close-delimited, not done", HEAD + b"Connection: close\r\n\r\n" + LINE, "Hi", ("IncompleteStream", ENDED)),
    ("D2-50 status 204", b"HTTP/1.1 204 No Content\r\n\r\n", "", ("ProtocolError", "status 204: there is no stream")),
    ("D2-56 a web page", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>\n<body>login", "",
     ("ProtocolError", "line 1 of the body: not JSON")),
    ("D2-56 a web page of one line", b"HTTP/1.1 200 OK\r\n\r\n<html>login", "", ("ProtocolError", "line 1 of the body")),
    ("D2-69 a second response follows", (CHUNKED + L + D + E) * 2, "Hi!", None),
    ("D2-70 a redirect", b"HTTP/1.1 302 Found\r\nLocation: http://u:p@x/y?token=z\r\nContent-Length: 0\r\n\r\n", "",
     ("ResponseError", "the server redirects to http://x/y, which is not followed")),
    ("D2-72 an error page", b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\n<html>x</html", "",
     ("ResponseError", "Bad Gateway (status code: 502)")),
    ("D2-74 an error, length too long", b"HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\n{\"error\":\"no\"}", "",
     ("ResponseError", "no (status code: 500)")),
    ("D2-75 gzip", HEAD + b"Content-Encoding: gzip\r\n\r\n" + LINE, "", ("ProtocolError", "the body is in Content-Encoding")),
    ("D2-76 another charset", b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=latin-1\r\n\r\n", "",
     ("ProtocolError", "the body is in the charset 'latin-1'")),
    ("D3-118 text after done", CHUNKED + L + D + L + E, "Hi!", None),
    ("D3-119 two done", CHUNKED + L + D + D + E, "Hi!", None),
    ("D3-120 done without LF", CHUNKED + L + chunk(DONE[:-1]) + E, "Hi!", None),
    ("D3-121 half a line", CHUNKED + L + chunk(DONE[:9]) + E, "Hi", ("IncompleteStream", "the body ended inside a line")),
    ("D3-122 no done", CHUNKED + L + E, "Hi", ("IncompleteStream", ENDED)),
    ("D3-124 an empty body", CHUNKED + E, "", ("IncompleteStream", ENDED)),
    ("D4-127 an error in the stream", CHUNKED + L + chunk(b'{"error":"boom"}\n') + E, "Hi",
     ("ResponseError", "boom (status code: -1)")),
    ("D4-133 records after an error", CHUNKED + L + chunk(b'{"error":"boom"}\n') + D + E, "Hi",
     ("ResponseError", "boom (status code: -1)")),
    ("D4-134 text beside an error", CHUNKED + chunk(LINE[:-2] + b',"error":"boom"}\n') + E, "Hi",
     ("ResponseError", "boom (status code: -1)")),
]  # fmt: skip


@pytest.mark.parametrize("wire, text, error", [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_an_ending_is_told_for_what_it_is(wire, text, error):
    whole = outcome("chat", [wire])
    records, problem = whole
    assert "".join(record["message"]["content"] for record in records) == text
    assert (problem and problem[0]) == (error and error[0])
    assert error is None or problem[1].startswith(error[1])
    assert outcome("chat", [wire[i : i + 1] for i in range(len(wire))]) == whole


NO_MEMORY = [  # what the machine has no memory for, when it has had some for the first record
    (Bytes, "recv"), (_http1.Response, "read_body"), (_stream.LineSplitter, "block"), (_json, "scan_once"),
]  # fmt: skip


@pytest.mark.parametrize("owner, name", NO_MEMORY, ids=[name for _, name in NO_MEMORY])
def test_a_machine_without_memory_for_what_comes_is_told_of_it(colour, owner, name, monkeypatch):
    def nothing_left(*_):
        raise MemoryError

    transport = Bytes(CHUNKED + L, D + E)
    stream = colour.client(transport=transport).chat(stream=True, **CHAT)
    records = iter(stream)
    assert next(records).text == "Hi"
    monkeypatch.setattr(owner, name, nothing_left)
    monkeypatch.setattr(_stream, "scan_once", _json.scan_once)
    with pytest.raises(ProtocolError, match="no memory is left for ") as caught:
        next(records)
    assert caught.value.partial.text == "Hi"
    assert (stream.status, transport.closed) == ("error", True)
