"""The HTTP/1.1 reader: what it accepts, what it refuses and in which words, and that the cuts do not matter.

Ids that start with D2 name the numbered faults of HTTP framing. Every row is given whole, byte by byte and cut at
random.
"""

from __future__ import annotations

import http.client
import io
import random
import re
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

import pytest
import support
from support import memory_below, takes_linear_time

from ollama_stream._errors import ConnectionLost, OllamaError, ProtocolError
from ollama_stream._http1 import Chunk, Head, Response
from ollama_stream.fixture import RequestHead, RequestReader

OK = b"HTTP/1.1 200 OK\r\n"
H = OK + b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
L = b'{"n":1}\n'
D = b'{"done":true}\n'
CL = OK + b"Content-Length: 22\r\n\r\n" + L + D
END = b"0\r\n\r\n"


def c(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


BODY = c(L) + c(D) + END
FLOOD = b"1;" + b"a" * 200 + b"\r\n\n\r\n"
LOST_BETWEEN = "the connection closed between chunks, before the last one"
LOST_IN_HEAD = "the connection closed inside the head"
LOST_IN_TRAILERS = "the connection closed after the last chunk, before the empty line that ends the message"


def with_headers(*lines: bytes) -> bytes:
    """A response with these header lines and a chunked body; none of the lines need be a good one."""
    return OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + BODY


def header(line: bytes) -> bytes:
    return with_headers(line, b"Transfer-Encoding: chunked")


def length(*values: bytes) -> bytes:
    return OK + b"".join(b"Content-Length: " + value + b"\r\n" for value in values) + b"\r\n" + L + D


def coding(*values: bytes) -> bytes:
    return with_headers(*(b"Transfer-Encoding:" + value for value in values))


class Outcome(NamedTuple):
    """All that can be seen from outside once a message was given."""

    head: Any
    interims: List[Head]
    body: bytes
    trailers: List[Tuple[str, str]]
    chunks: List[Chunk]
    error: Optional[Tuple[type, str]]
    body_ended: bool
    complete: bool
    reusable: bool
    surplus: bytes
    unparsed: bytes


def read_all(reader: Any) -> Tuple[List[bytes], Optional[Tuple[type, str]]]:
    """What the reader has now, and the error after it."""
    found: List[bytes] = []
    try:
        if reader.read_head() is None:
            return found, None
        data = reader.read_body()
        while data:
            found.append(data)
            data = reader.read_body()
    except OllamaError as error:
        return found, (type(error), str(error))
    return found, None


def outcome(pieces: List[bytes], make: Callable[[], Any] = Response, eof: bool = True) -> Outcome:
    reader = make()
    found: List[bytes] = []
    chunks: List[Chunk] = []
    error: Optional[Tuple[type, str]] = None
    for piece in pieces + [b""] * eof:
        reader.receive(piece)
        data, now = read_all(reader)
        assert error is None or (data, now) == ([], error), "an error is raised again, and nothing comes after it"
        found, error, chunks = found + data, now, chunks + reader.take_chunks()
    return Outcome(
        reader.head,
        getattr(reader, "interims", []),
        b"".join(found),
        reader.trailers,
        chunks,
        error,
        reader.body_ended,
        reader.complete,
        reader.reusable,
        reader.surplus,
        reader.unparsed(),
    )


def bytewise(data: bytes) -> List[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def cut(rng: random.Random, data: bytes) -> List[bytes]:
    at = sorted(rng.sample(range(1, len(data)), min(len(data) - 1, rng.randrange(1, 8)))) if len(data) > 1 else []
    return [data[i:j] for i, j in zip([0] + at, at + [len(data)])]


def outcome_of_every_cut(wire: bytes, make: Callable[[], Any] = Response) -> Outcome:
    """The outcome of the whole, after it was found to be that of the same bytes cut otherwise."""
    rng = random.Random(len(wire))
    whole = outcome([wire], make)
    if len(wire) < 20_000:
        assert outcome(bytewise(wire), make) == whole
    for _ in range(4):
        assert outcome(cut(rng, wire), make) == whole
    return whole


def keeping_chunks() -> Response:
    return Response(keep_chunks=True)


ACCEPTED = [  # id, wire, status, body, trailers
    ("two chunks", H + BODY, 200, L + D, []),
    ("no chunk but the last", H + END, 200, b"", []),
    ("D2-8 spaces after the size", H + b"8 \r\n" + L + b"\r\ne\t \r\n" + D + b"\r\n" + END, 200, L + D, []),
    ("D2-9 capitals and zeros", H + b"08\r\n" + L + b"\r\n000000000000000E\r\n" + D + b"\r\n" + END, 200, L + D, []),
    ("D2-9 all zeros", H + c(L) + b"0000000000000000\r\n\r\n", 200, L, []),
    ("D2-17 extensions", H + b'8;a=b;c="d;e"\r\n' + L + b"\r\n0 ;x\r\n\r\n", 200, L, []),
    ("D2-18 a size line of 4 KiB", H + b"8;" + b"a" * 4092 + b"\r\n" + L + b"\r\n" + END, 200, L, []),
    ("D2-19 much data pays for it", H + b"".join(b"400;%b\r\n%b\r\n" % (b"a" * 600, L * 128) for _ in range(60)) + END,
     200, L * 128 * 60, []),
    ("D2-19 honest chunks pay for it", H + FLOOD * 80 + c(L) * 1000 + FLOOD * 80 + END,
     200, b"\n" * 80 + L * 1000 + b"\n" * 80, []),
    ("the same size again", H + c(L) * 5 + c(D) + c(L) * 5 + END, 200, L * 5 + D + L * 5, []),
    ("D2-21 trailers", H + c(D) + b"0\r\nX: y\r\nx:  z \r\n\r\n", 200, D, [("X", "y"), ("x", "z")]),
    ("D2-21 a folded trailer", H + c(D) + b"0\r\nX: y\r\n z\r\n\r\n", 200, D, [("X", "y z")]),
    ("D2-22 a hundred trailers", H + c(D) + b"0\r\n" + b"X: y\r\n" * 100 + b"\r\n", 200, D, [("X", "y")] * 100),
    ("D2-32 a length", CL, 200, L + D, []),
    ("D2-32 a length of zero", OK + b"Content-Length: 0\r\n\r\n", 200, b"", []),
    ("D2-35 zeros before a length", length(b"000000000000000022"), 200, L + D, []),
    ("D2-36 two equal lengths", length(b"22", b"22"), 200, L + D, []),
    ("D2-36 a list of equal lengths", length(b"22, 22\t,22"), 200, L + D, []),
    ("D2-38 length and chunked", header(b"Content-Length: 8"), 200, L + D, []),
    ("D2-41 capitals and spaces", coding(b"  CHUNKED \t"), 200, L + D, []),
    ("D2-41 no space", coding(b"chunked"), 200, L + D, []),
    ("D2-43 HTTP/1.0 until end of file", b"HTTP/1.0 200 OK\r\n\r\n" + L + D, 200, L + D, []),
    ("D2-44 HTTP/1.0 chunked", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY, 200, L + D, []),
    ("D2-45 until end of file", OK + b"Connection: close\r\n\r\n" + L, 200, L, []),
    ("D2-45 an empty body until end of file", OK + b"\r\n", 200, b"", []),
    ("D2-46 100 before", b"HTTP/1.1 100 Continue\r\n\r\n" + H + BODY, 200, L + D, []),
    ("D2-47 102 and 103 before", b"HTTP/1.1 102 \r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + CL, 200, L + D, []),
    ("D2-48 sixteen before", b"HTTP/1.1 100 Continue\r\n\r\n" * 16 + CL, 200, L + D, []),
    ("D2-50 204", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", []),
    ("D2-50 304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 22\r\n\r\n", 304, b"", []),
    ("D2-53 no reason", b"HTTP/1.1 200\r\nContent-Length: 8\r\n\r\n" + L, 200, L, []),
    ("D2-53 an empty reason", b"HTTP/1.1 200 \r\nContent-Length: 8\r\n\r\n" + L, 200, L, []),
    ("D2-53 Latin-1 in the reason", b"HTTP/1.1 200 \xe9t\xe9\r\nContent-Length: 8\r\n\r\n" + L, 200, L, []),
    ("D2-54 600", b"HTTP/1.1 600 Huh\r\nContent-Length: 8\r\n\r\n" + L, 600, L, []),
    ("D2-54 999", b"HTTP/1.1 999 Huh\r\nContent-Length: 8\r\n\r\n" + L, 999, L, []),
    ("D2-56 a page of a proxy", OK + b"Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", 200, b"<html>", []),
    ("D2-59 a folded header", with_headers(b"Transfer-Encoding:", b" \t chunked"), 200, L + D, []),
    ("D2-63 LF alone in the head", H.replace(b"\r\n", b"\n") + BODY, 200, L + D, []),
    ("D2-63 LF alone in the trailers", H + c(D) + b"0\r\nX: y\n\n", 200, D, [("X", "y")]),
    ("D2-64 a hundred header lines", with_headers(*[b"X: y"] * 99, b"Transfer-Encoding: chunked"), 200, L + D, []),
    ("D2-64 a line of 64 KiB", header(b"X: " + b"y" * (65536 - 5)), 200, L + D, []),
    ("D2-77 one document with a length", OK + b"Content-Length: 13\r\n\r\n" + D[:-1], 200, D[:-1], []),
]

SIZES = [  # id, what stands for the size line of the second chunk, message
    ("D2-1", b"zz\r\n", "bad chunk size b'zz'"),
    ("D2-1 hex, then not", b"8z\r\n", "bad chunk size b'8z'"),
    ("D2-2", b"\r\n", "bad chunk size b''"),
    ("D2-2 only an extension", b";x\r\n", "bad chunk size b';x'"),
    ("D2-3", b"0x8\r\n", "bad chunk size b'0x8'"),
    ("D2-4", b"+8\r\n", "bad chunk size b'+8'"),
    ("D2-5", b"0_8\r\n", "bad chunk size b'0_8'"),
    ("D2-6", b"-8\r\n", "bad chunk size b'-8'"),
    ("D2-7 space", b" 8\r\n", "bad chunk size b' 8'"),
    ("D2-7 tab", b"\t8\r\n", "bad chunk size b'\\t8'"),
    ("D2-8 a no-break space after", b"8\xa0\r\n", "bad chunk size b'8\\xa0'"),
    ("D2-8 a vertical tab after", b"8\x0b\r\n", "bad chunk size b'8\\x0b'"),
    ("D2-8 two words", b"8 8\r\n", "bad chunk size b'8 8'"),
    ("D2-10 17 digits", b"10000000000000008\r\n", "chunk size too large: b'10000000000000008'"),
    ("D2-10 17 digits, small", b"00000000000000008\r\n", "chunk size too large: b'00000000000000008'"),
    ("D2-10 2**63", b"8000000000000000\r\n", "chunk size too large: b'8000000000000000'"),
    ("D2-10 thousands", b"f" * 4000 + b"\r\n", "chunk size too large: b'%s'" % ("f" * 60)),
    ("D2-15", b"8\n", "bad chunk size b'8\\n'"),
    ("D2-15 on the last one", b"0\n\n", "bad chunk size b'0\\n'"),
    ("D2-15 with an extension", b"8;x\n", "bad chunk size b'8;x\\n'"),
    ("D2-16 after the size", b"8\r;x\r\n", "bad chunk size b'8\\r;x'"),
    ("D2-16 in the extension", b"8;x\ry\r\n", "a control character in b'8;x\\ry'"),
    ("D2-16 two CR", b"8;\r\r\n", "a control character in b'8;\\r'"),
    ("D2-18", b"8;" + b"a" * 70000 + b"\r\n", "a line of more than 4096 bytes: b'8;%s'" % ("a" * 58)),
    ("D2-18 by one byte", b"8;" + b"a" * 4093 + b"\r\n", "a line of more than 4096 bytes: b'8;%s'" % ("a" * 58)),
    ("D2-18 without an end", b"8" * 4096, "a line of more than 4096 bytes: b'%s'" % ("8" * 60)),
]

LENGTHS = [  # id, the values of Content-Length, as the message shows them
    ("D2-35 negative", [b"-5"], "b'-5'"),
    ("D2-35 a sign", [b"+22"], "b'+22'"),
    ("D2-35 underscore", [b"2_2"], "b'2_2'"),
    ("D2-35 letters", [b"abc"], "b'abc'"),
    ("D2-35 a fraction", [b"22.0"], "b'22.0'"),
    ("D2-35 hexadecimal", [b"0x16"], "b'0x16'"),
    ("D2-35 nothing", [b""], "b''"),
    ("D2-35 19 digits", [b"0" * 17 + b"22"], "b'0000000000000000022'"),
    ("D2-35 5,000 digits", [b"9" * 5000], "b'%s'" % ("9" * 60)),
    ("D2-35 full-width digits", ["２２".encode()], "b'\\xef\\xbc\\x92\\xef\\xbc\\x92'"),
    ("D2-35 a superscript", [b"2\xb2"], "b'2\\xb2'"),
    ("D2-35 a no-break space", [b"22\xa0"], "b'22\\xa0'"),
    ("D2-35 an ASCII separator", [b"22\x1c"], "b'22\\x1c'"),
    ("D2-36 a list with a hole", [b"22,"], "b'22,'"),
    ("D2-37 two headers", [b"22", b"8"], "b'22, 8'"),
    ("D2-37 a list", [b"22, 8"], "b'22, 8'"),
    ("D2-37 equal but for a zero", [b"22", b"022"], "b'22, 022'"),
]

CODINGS = [  # id, the values of Transfer-Encoding, as the message shows them
    ("D2-39", [b" gzip, chunked"], "b'gzip, chunked'"),
    ("D2-40 chunked, chunked", [b" chunked, chunked"], "b'chunked, chunked'"),
    ("D2-40 chunked, identity", [b" chunked, identity"], "b'chunked, identity'"),
    ("D2-40 two headers", [b" chunked", b" chunked"], "b'chunked, chunked'"),
    ("D2-42 xchunked", [b" xchunked"], "b'xchunked'"),
    ("D2-42 identity", [b" identity"], "b'identity'"),
    ("D2-42 a comma before", [b" ,chunked"], "b',chunked'"),
    ("D2-42 a no-break space", [b"\xa0chunked"], "b'\\xa0chunked'"),
    ("D2-42 a vertical tab", [b" \x0bchunked"], "b'\\x0bchunked'"),
    ("D2-42 a parameter", [b" chunked;q=1"], "b'chunked;q=1'"),
    ("D2-42 nothing", [b""], "b''"),
]

STARTS = [  # id, the first bytes, message
    ("D2-51 HTTP/0.9", L + D, "not HTTP/1.1: b'{\"n\":1}'"),
    ("D2-51 ICY", b"ICY 200 OK\r\n\r\n", "not HTTP/1.1: b'ICY 200 OK\\r'"),
    ("D2-51 HTTP/2.0", b"HTTP/2.0 200 OK\r\n\r\n", "not HTTP/1.1: b'HTTP/2.0 200 OK\\r'"),
    ("D2-51 HTTP/1.2", b"HTTP/1.2 200 OK\r\n\r\n", "not HTTP/1.1: b'HTTP/1.2 200 OK\\r'"),
    ("D2-51 HTTP/1.1 and more", b"HTTP/1.100000002 200 OK\r\n\r\n", "not HTTP/1.1: b'HTTP/1.100000002'"),
    ("D2-51 lower case", b"http/1.1 200 OK\r\n\r\n", "not HTTP/1.1: b'http/1.1 200 OK\\r'"),
    ("D2-51 no status", b"HTTP/1.1\r\n\r\n", "not HTTP/1.1: b'HTTP/1.1\\r'"),
    ("D2-51 an empty line first", b"\r\n" + CL, "not HTTP/1.1: b'\\r'"),
    ("D2-52 two digits", b"HTTP/1.1 20\r\n\r\n", "bad status line b'HTTP/1.1 20'"),
    ("D2-52 two digits and a reason", b"HTTP/1.1 20 OK\r\n\r\n", "bad status line b'HTTP/1.1 20 OK'"),
    ("D2-52 four digits", b"HTTP/1.1 2000 OK\r\n\r\n", "bad status line b'HTTP/1.1 2000 OK'"),
    ("D2-52 negative", b"HTTP/1.1 -200 OK\r\n\r\n", "bad status line b'HTTP/1.1 -200 OK'"),
    ("D2-52 letters", b"HTTP/1.1 abc OK\r\n\r\n", "bad status line b'HTTP/1.1 abc OK'"),
    ("D2-52 hexadecimal", b"HTTP/1.1 0x12d OK\r\n\r\n", "bad status line b'HTTP/1.1 0x12d OK'"),
    ("D2-52 below 100", b"HTTP/1.1 099 OK\r\n\r\n", "bad status line b'HTTP/1.1 099 OK'"),
    ("D2-52 two spaces", b"HTTP/1.1  200 OK\r\n\r\n", "bad status line b'HTTP/1.1  200 OK'"),
    ("D2-52 superscripts", b"HTTP/1.1 2\xb20 OK\r\n\r\n", "bad status line b'HTTP/1.1 2\\xb20 OK'"),
    ("D2-52 a tab", b"HTTP/1.1 200\tOK\r\n\r\n", "bad status line b'HTTP/1.1 200\\tOK'"),
    ("D2-61 a CR in the status line", b"HTTP/1.1 200 O\rK\r\n\r\n", "a control character in b'HTTP/1.1 200 O\\rK'"),
    ("D2-61 a separator in the status line", b"HTTP/1.1 200 \x1c\r\n\r\n",
     "a control character in b'HTTP/1.1 200 \\x1c'"),
    ("D2-55 TLS", b"\x15\x03\x03\x00\x02\x02\x46", "not HTTP/1.1: b'\\x15\\x03\\x03\\x00\\x02\\x02F'"),
    ("D2-55 SSH", b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP/1.1: b'SSH-2.0-OpenSSH_'"),
    ("D2-64 an endless status line", b"HTTP/1.1 200 " + b"O" * 70000,
     "a line of more than 65536 bytes: b'HTTP/1.1 200 %s'" % ("O" * 47)),
]

HEADERS = [  # id, a header line that stands before Transfer-Encoding, message
    ("D2-57", b"foo bar", "bad header line b'foo bar'"),
    ("D2-57 no name", b": x", "bad header line b': x'"),
    ("D2-57 a name that is no token", b"X(y): z", "bad header line b'X(y): z'"),
    ("D2-57 a letter that is not ASCII", b"\xe9: z", "bad header line b'\\xe9: z'"),
    ("D2-58", b"Transfer-Encoding : chunked", "bad header line b'Transfer-Encoding : chunked'"),
    ("D2-58 tab", b"Transfer-Encoding\t: chunked", "bad header line b'Transfer-Encoding\\t: chunked'"),
    ("D2-60", b" X: a", "bad folded header line b' X: a'"),
    ("D2-60 an empty fold", b" ", "bad folded header line b' '"),
    ("D2-61 a CR", b"X: a\rContent-Length: 8", "a control character in b' a\\rContent-Length: 8'"),
    ("D2-61 a CR at the end", b"X: a\r", "a control character in b' a\\r'"),
    ("D2-61 a CR in a name", b"X\r: a", "bad header line b'X\\r: a'"),
    ("D2-61 a CR alone", b"\r", "bad header line b'\\r'"),
    ("D2-61 a NUL", b"X: a\x00b", "a control character in b' a\\x00b'"),
    ("D2-61 a NUL in a fold", b"X: a\r\n b\x00", "a control character in b' b\\x00'"),
    ("D2-61 ESC", b"X: a\x1b", "a control character in b' a\\x1b'"),
    ("D2-61 DEL", b"X: a\x7f", "a control character in b' a\\x7f'"),
    ("D2-64 by one byte", b"X: " + b"y" * (65536 - 4),
     "a line of more than 65536 bytes: b'X: %s'" % ("y" * 57)),
    ("D2-64 256 KiB in all", b"\r\n".join([b"X: " + b"y" * 60000] * 5), "more than 262144 bytes of header lines"),
    ("D2-64 101 lines", b"\r\n".join([b"X: y"] * 100), "more than 100 header lines"),
    ("D2-64 101 lines, by folds", b"X: y\r\n" + b"\r\n".join([b" y"] * 99), "more than 100 header lines"),
    ("D2-65 endless lines", b"\r\n".join([b"X: y"] * 100_000), "more than 100 header lines"),
]

REFUSED = [  # id, wire, the body before, class, message
    *((name, H + c(L) + size + D + b"\r\n" + END, L, ProtocolError, said) for name, size, said in SIZES),
    *((name, length(*values), b"", ProtocolError, "bad Content-Length " + said) for name, values, said in LENGTHS),
    *((name, coding(*values), b"", ProtocolError, "unsupported transfer coding " + said)
      for name, values, said in CODINGS),
    *((name, wire, b"", ProtocolError, said) for name, wire, said in STARTS),
    *((name, header(line), b"", ProtocolError, said) for name, line, said in HEADERS),
    ("D2-12", H + b"ffffffffff\r\n" + L, L, ConnectionLost,
     "the connection closed inside a chunk (8 of 1099511627775 bytes)"),
    ("D2-13", H + b"8\r\n" + L + c(D) + END, L, ProtocolError, "b'e\\r' in place of the CRLF after a chunk"),
    ("D2-14", H + b"8\r\n" + L + b"XY" + c(D) + END, L, ProtocolError, "b'XY' in place of the CRLF after a chunk"),
    ("D2-14 in the second", H + c(L) + b"8\r\n" + L + b"XY" + END, L + L, ProtocolError,
     "b'XY' in place of the CRLF after a chunk"),
    ("D2-14 only the CR", H + b"8\r\n" + L + b"\rX" + END, L, ProtocolError,
     "b'\\rX' in place of the CRLF after a chunk"),
    ("D2-15 after the data", H + b"8\r\n" + L + b"\n" + END, L, ProtocolError,
     "b'\\n0' in place of the CRLF after a chunk"),
    ("D2-18 up to the limit", H + b"8" * 4096, b"", ProtocolError,
     "a line of more than 4096 bytes: b'%s'" % ("8" * 60)),
    ("D2-19", H + FLOOD * 200, b"\n" * 88, ProtocolError,
     "too much chunk framing for too little data: b'1;%s'" % ("a" * 58)),
    ("D2-19 after much data", H + c(L * 4000) + FLOOD * 200, L * 4000 + b"\n" * 88, ProtocolError,
     "too much chunk framing for too little data: b'1;%s'" % ("a" * 58)),
    ("D2-22", H + c(L) + b"0\r\n" + b"X: y\r\n" * 100_000, L, ProtocolError, "more than 100 header lines"),
    ("D2-22 by size", H + c(L) + b"0\r\n" + (b"X: " + b"y" * 60000 + b"\r\n") * 9, L, ProtocolError,
     "more than 262144 bytes of header lines"),
    ("D2-23 no colon", H + c(L) + b"0\r\nbroken\r\n\r\n", L, ProtocolError, "bad header line b'broken'"),
    ("D2-23 NUL", H + c(L) + b"0\r\nX: \x00\r\n\r\n", L, ProtocolError, "a control character in b' \\x00'"),
    ("D2-23 a chunk", H + c(L) + b"0\r\n" + c(L), L, ProtocolError, "bad header line b'8'"),
    ("D2-24", H + c(L) + b"e\r\n" + D[:6], L + D[:6], ConnectionLost,
     "the connection closed inside a chunk (6 of 14 bytes)"),
    ("D2-24 before the data", H + c(L) + b"e\r\n", L, ConnectionLost,
     "the connection closed inside a chunk (0 of 14 bytes)"),
    ("D2-24 before the CRLF", H + b"8\r\n" + L, L, ConnectionLost,
     "the connection closed inside a chunk (8 of 8 bytes)"),
    ("D2-24 inside the CRLF", H + b"8\r\n" + L + b"\r", L, ConnectionLost,
     "the connection closed inside a chunk (8 of 8 bytes)"),
    ("D2-25", H + c(L), L, ConnectionLost, LOST_BETWEEN),
    ("D2-25 before the first", H, b"", ConnectionLost, LOST_BETWEEN),
    ("D2-26", H + c(L) + b"1", L, ConnectionLost, "the connection closed inside a chunk-size line"),
    ("D2-27", H + c(L) + b"0", L, ConnectionLost, "the connection closed inside a chunk-size line"),
    ("D2-27 and its CR", H + c(L) + b"0\r", L, ConnectionLost, "the connection closed inside a chunk-size line"),
    ("D2-28", H + c(L) + b"0\r\n", L, ConnectionLost, LOST_IN_TRAILERS),
    ("D2-28 inside a trailer", H + c(L) + b"0\r\nX: ", L, ConnectionLost, LOST_IN_TRAILERS),
    ("D2-33", OK + b"Content-Length: 100\r\n\r\n" + L + D, L + D, ConnectionLost,
     "the connection closed after 22 of 100 bytes of the body"),
    ("D2-33 without any", OK + b"Content-Length: 100\r\n\r\n", b"", ConnectionLost,
     "the connection closed after 0 of 100 bytes of the body"),
    ("D2-38 and a bad length", header(b"Content-Length: 8z"), b"", ProtocolError, "bad Content-Length b'8z'"),
    ("D2-48", b"HTTP/1.1 100 Continue\r\n\r\n" * 17 + H, b"", ProtocolError, "more than 16 interim heads"),
    ("D2-49", b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + L, b"", ProtocolError,
     "status 101, a switch of protocols that nobody asked for"),
    ("D2-50 a bad length", b"HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n", b"", ProtocolError,
     "bad Content-Length b'x'"),
    ("D2-66 on a line's end", OK, b"", ConnectionLost, LOST_IN_HEAD),
    ("D2-66 inside a line", OK + b"Content-Ty", b"", ConnectionLost, LOST_IN_HEAD),
    ("D2-66 inside the empty line", OK + b"\r", b"", ConnectionLost, LOST_IN_HEAD),
    ("D2-66 after an interim head", b"HTTP/1.1 100 Continue\r\n\r\n", b"", ConnectionLost, LOST_IN_HEAD),
    ("D2-67", b"HTTP/1.1 20", b"", ConnectionLost, LOST_IN_HEAD),
    ("D2-67 inside the version", b"HTTP/1.", b"", ConnectionLost, LOST_IN_HEAD),
    ("D2-68", b"", b"", ConnectionLost, "the server closed the connection without an answer (0 bytes)"),
]


def ids(table: List[Any]) -> List[str]:
    assert table and len({row[0] for row in table}) == len(table), "a table has rows, each with a name of its own"
    return [row[0] for row in table]


@pytest.mark.parametrize("name, wire, status, body, trailers", ACCEPTED, ids=ids(ACCEPTED))
def test_a_good_response_is_read_to_its_end(name: str, wire: bytes, status: int, body: bytes, trailers: Any) -> None:
    seen = outcome_of_every_cut(wire)
    assert (seen.head.status, seen.body, seen.trailers, seen.error) == (status, body, trailers, None)
    assert (seen.body_ended, seen.complete, seen.surplus, seen.unparsed) == (True, True, b"", b"")


@pytest.mark.parametrize("name, wire, body, kind, said", REFUSED, ids=ids(REFUSED))
def test_a_bad_response_is_refused_after_its_good_bytes(
    name: str, wire: bytes, body: bytes, kind: type, said: str
) -> None:
    seen = outcome_of_every_cut(wire)
    assert (seen.body, seen.error) == (body, (kind, said))
    assert (seen.complete, seen.reusable, seen.surplus) == (False, False, b"")


@pytest.mark.each(3)
@pytest.mark.parametrize("wire", [row[1] for row in ACCEPTED + REFUSED], ids=ids(ACCEPTED) + ids(REFUSED))
def test_to_keep_the_chunks_changes_nothing_else(wire: bytes) -> None:
    assert outcome_of_every_cut(wire, keeping_chunks)._replace(chunks=[]) == outcome([wire])


@pytest.mark.parametrize("number", [*range(1, 29), *range(32, 70), 77])
def test_every_fault_of_framing_has_a_row_or_a_test(number: int) -> None:
    rows = {row[0].split()[0] for row in ACCEPTED + REFUSED}
    tests = {"D2-" + name.rpartition("_fault_")[2] for name in globals()}
    assert "D2-%d" % number in rows | tests


PREFIXED = [row for row in ACCEPTED if len(row[1]) < 1000 and "end of file" not in row[0]]


@pytest.mark.parametrize("name, wire, status, body, trailers", PREFIXED, ids=ids(PREFIXED))
def test_every_prefix_of_a_good_response_is_a_lost_connection(
    name: str, wire: bytes, status: int, body: bytes, trailers: Any
) -> None:
    seen = [outcome([wire[:end]]) for end in range(0, len(wire), 1 if support.seeds(0) or len(wire) < 200 else 5)]
    assert {error[0] for error in (one.error for one in seen) if error} == {ConnectionLost}
    assert not any(one.error is None or one.complete for one in seen)
    assert [body[: len(one.body)] for one in seen] == [one.body for one in seen]


def test_a_prefix_of_a_body_that_ends_with_the_file_is_a_whole_response() -> None:
    wire = b"HTTP/1.0 200 OK\r\n\r\n" + L + D
    assert [outcome([wire[:end]]).error for end in range(19, len(wire))] == [None] * len(L + D)
    assert {str(outcome([wire[:end]]).error) for end in range(1, 19)} == {str((ConnectionLost, LOST_IN_HEAD))}


def test_no_cut_in_three_changes_the_outcome() -> None:
    wire = H + c(L) + c(D) + c(L) * 2 + END
    whole = outcome([wire])
    cuts = [[wire[:i], wire[i:j], wire[j:]] for i in range(len(H), len(wire)) for j in range(i + 1, len(wire))]
    assert whole.complete
    assert [pieces for pieces in cuts if outcome(pieces) != whole] == []


def test_the_head_is_kept_as_it_came() -> None:
    wire = b"HTTP/1.0 404 Not  Found \r\nX-A: 1\r\nx-a:\t2 \r\nDate: \xe9\r\nEmpty:\r\nX-A: \r\n\r\n"
    head = outcome_of_every_cut(wire).head
    assert head == Head(
        "1.0", 404, "Not  Found ", [("X-A", "1"), ("x-a", "2"), ("Date", "\xe9"), ("Empty", ""), ("X-A", "")]
    )
    assert (head.get("x-A"), head.get("DATE"), head.get("empty")) == ("1, 2, ", "\xe9", "")
    assert (head.get("none"), head.get("none", "x"), head.get_all("None")) == (None, "x", [])
    assert head.get_all("x-a") == ["1", "2", ""]


@pytest.mark.parametrize("odd", ["\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\xa0"], ids=ascii)
def test_what_is_no_line_break_is_kept_in_a_value_fault_62(odd: str) -> None:
    line = odd + "a" + odd + "Content-Length: 8" + odd
    seen = outcome_of_every_cut(header(b"X: " + line.encode("latin-1")))
    assert (seen.head.headers, seen.body) == ([("X", line), ("Transfer-Encoding", "chunked")], L + D)


def test_folds_are_replaced_by_spaces_fault_59() -> None:
    seen = outcome_of_every_cut(header(b"X: a\r\n b\r\n\t  c \r\nY:\r\n \r\n \td"))
    assert seen.head.headers == [("X", "a b c"), ("Y", "d"), ("Transfer-Encoding", "chunked")]


def test_interim_heads_are_put_aside_fault_47() -> None:
    seen = outcome_of_every_cut(b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\n" + CL)
    assert seen.interims == [Head("1.1", 100, "Go", []), Head("1.1", 103, "Hints", [("Content-Length", "5")])]
    assert (seen.head.status, seen.body) == (200, L + D)


WITHOUT_BODY = [  # id, method, head
    ("204", "POST", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("205", "POST", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 22\r\n\r\n"),
    ("304", "POST", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    ("HEAD with a length", "HEAD", OK + b"Content-Length: 22\r\n\r\n"),
    ("HEAD with chunked", "HEAD", H),
    ("HEAD with neither", "HEAD", OK + b"\r\n"),
]


@pytest.mark.parametrize("name, method, wire", WITHOUT_BODY, ids=ids(WITHOUT_BODY))
@pytest.mark.parametrize("more", [b"", BODY], ids=["alone", "with body bytes"])
def test_a_response_that_can_have_no_body_ends_with_its_head_fault_50(
    name: str, method: str, wire: bytes, more: bytes
) -> None:
    response = Response(method)
    response.receive(wire + more)
    assert response.read_head() is not None
    assert (response.body_ended, response.complete, response.surplus) == (True, True, more)
    assert (response.read_body(), response.reusable) == (b"", not more)


PROTOCOLS = [  # id, an answer that is not HTTP, and does not end
    ("TLS", b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03\x12\x34\x56\x78\x9a"),
    ("HTTP/2", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00"),
    ("words", b"Welcome to this server. Login: "),
]


@pytest.mark.parametrize("name, start", PROTOCOLS, ids=ids(PROTOCOLS))
def test_another_protocol_is_refused_without_waiting_for_a_line_fault_55(name: str, start: bytes) -> None:
    for pieces in ([start], bytewise(start)):
        assert outcome(pieces, eof=False).error == (ProtocolError, "not HTTP/1.1: %r" % start[:16])


def test_a_huge_size_is_not_believed_before_its_bytes_come_fault_11() -> None:
    with memory_below(100_000):
        response = Response(keep_chunks=True)
        response.receive(H + b"ffffffffff\r\n" + L)
        assert (response.read_body(), response.read_body(), response.take_chunks()) == (L, b"", [])
        response = Response()
        response.receive(OK + b"Content-Length: 999999999999999999\r\n\r\n" + L)
        assert (response.read_body(), response.read_body(), response.body_ended) == (L, b"", False)


def test_memory_does_not_grow_with_the_stream() -> None:
    response = Response()
    response.receive(H)
    response.read_body()
    with memory_below(100_000):
        for number in range(1000):
            response.receive(b"800;%01000d\r\n%b\r\n" % (number, L * 256))
            assert len(response.read_body()) == 2048


def test_bytes_after_the_length_are_surplus_fault_34() -> None:
    seen = outcome_of_every_cut(OK + b"Content-Length: 8\r\n\r\n" + L + D)
    assert (seen.body, seen.complete, seen.surplus, seen.error) == (L, True, D, None)


def test_a_second_response_is_surplus_fault_69() -> None:
    seen = outcome_of_every_cut(H + BODY + H + BODY)
    assert (seen.body, seen.complete, seen.surplus, seen.error) == (L + D, True, H + BODY, None)


def test_the_body_ends_before_the_trailers_do_fault_28() -> None:
    response = Response()
    response.receive(H + c(L) + b"0\r\nX: y\r\n")
    assert (response.read_body(), response.body_ended, response.complete) == (L, True, False)
    response.receive(b"\r\n")
    assert (response.read_body(), response.complete, response.trailers) == (b"", True, [("X", "y")])


def test_good_bytes_come_before_the_error_in_the_same_piece() -> None:
    response = Response()
    response.receive(H + c(L) + b"zz\r\n")
    assert response.read_body() == L
    for _ in range(3):
        with pytest.raises(ProtocolError, match="^bad chunk size b'zz'$"):
            response.read_body()
    assert response.read_head() is response.head is not None


def test_an_error_in_the_head_is_raised_by_every_call() -> None:
    response = Response()
    response.receive(header(b"foo bar"))
    for call in (response.read_head, response.read_body, response.read_head):
        with pytest.raises(ProtocolError, match="^bad header line b'foo bar'$"):
            call()
    assert response.head is None


def test_the_body_can_be_asked_for_before_the_head() -> None:
    response = Response()
    assert (response.read_body(), response.read_head()) == (b"", None)
    response.receive(H + c(L))
    assert (response.read_body(), response.head is not None) == (L, True)


REUSE = [  # id, method, wire, whether the connection may be used again
    ("chunked", "POST", H + BODY, True),
    ("chunked with trailers", "POST", H + b"0\r\nX: y\r\n\r\n", True),
    ("length", "POST", CL, True),
    ("no body", "POST", b"HTTP/1.1 204 No Content\r\n\r\n", True),
    ("HEAD", "HEAD", OK + b"Content-Length: 5\r\n\r\n", True),
    ("after an interim head", "POST", b"HTTP/1.1 100 Continue\r\n\r\n" + CL, True),
    ("keep-alive", "POST", header(b"Connection: Keep-Alive"), True),
    ("close", "POST", header(b"Connection: close"), False),
    ("close in a list", "POST", header(b"connection: Keep-Alive ,\tClose"), False),
    ("close in a second field", "POST", header(b"Connection: x\r\nConnection: CLOSE"), False),
    ("a word with close in it", "POST", header(b"Connection: closer"), True),
    ("HTTP/1.0", "POST", CL.replace(b"1.1", b"1.0"), False),
    ("HTTP/1.0 keep-alive", "POST", header(b"Connection: keep-alive").replace(b"1.1", b"1.0"), False),
    ("D2-44 HTTP/1.0 chunked", "POST", (H + BODY).replace(b"1.1", b"1.0"), False),
    ("D2-38 length and chunked", "POST", header(b"Content-Length: 22"), False),
    ("D2-38 both without a body", "HEAD", header(b"Content-Length: 22")[: -len(BODY)], False),
    ("D2-69 surplus", "POST", H + BODY + b"\n", False),
    ("D2-34 surplus after a length", "POST", CL + b"x", False),
    ("not complete", "POST", H + c(L) + b"0\r\n", False),
    ("until end of file", "POST", OK + b"\r\n" + L, False),
]


@pytest.mark.parametrize("name, method, wire, reusable", REUSE, ids=ids(REUSE))
def test_a_connection_is_reusable_only_after_an_exact_and_certain_end(
    name: str, method: str, wire: bytes, reusable: bool
) -> None:
    for pieces in ([wire], bytewise(wire)):
        assert outcome(pieces, lambda: Response(method), eof=False).reusable is reusable
    assert outcome([wire], lambda: Response(method)).reusable is False


def test_surplus_that_comes_late_is_noticed() -> None:
    response = Response()
    response.receive(H + BODY)
    assert (response.read_body(), response.reusable) == (L + D, True)
    response.receive(b"x")
    assert (response.reusable, response.surplus, response.read_body()) == (False, b"x", b"")


def test_every_byte_received_is_counted() -> None:
    response = Response()
    for piece in (OK, b"\r\n", b"", L):
        response.receive(piece)
    assert response.bytes_received == len(OK) + 2 + len(L)


CHUNKS = [  # id, what follows the head, chunks, unparsed bytes
    ("whole ones", BODY, [Chunk(L, 8, b"8", True), Chunk(D, 14, b"e", True)], b""),
    ("of one size", c(L) * 3 + END, [Chunk(L, 8, b"8", True)] * 3, b""),
    ("the size line as it came", b"0008 ;a=b\r\n" + L + b"\r\n" + END, [Chunk(L, 8, b"0008 ;a=b", True)], b""),
    ("cut in the data", c(L) + b"e\r\n{", [Chunk(L, 8, b"8", True), Chunk(b"{", 14, b"e", False)], b""),
    ("cut before the data", b"e\r\n", [Chunk(b"", 14, b"e", False)], b""),
    ("cut in the CRLF", b"8\r\n" + L + b"\r", [Chunk(L, 8, b"8", False)], b"\r"),
    ("cut in a size line", c(L) + b"1", [Chunk(L, 8, b"8", True)], b"1"),
    ("cut in the trailers", c(L) + b"0\r\nX: y\r\nZ", [Chunk(L, 8, b"8", True)], b"0\r\nX: y\r\nZ"),
    ("no CRLF", b"8\r\n" + L + b"XYZ", [Chunk(L, 8, b"8", False)], b"XYZ"),
    ("a bad size", c(L) + b"zz\r\n" + c(D), [Chunk(L, 8, b"8", True)], b"zz\r\n" + c(D)),
    ("a bad trailer", c(L) + b"0\r\nA: b\r\nbad\r\nC", [Chunk(L, 8, b"8", True)], b"0\r\nA: b\r\nbad\r\nC"),
    ("surplus", END + b"more", [], b"more"),
]


@pytest.mark.parametrize("name, wire, chunks, unparsed", CHUNKS, ids=ids(CHUNKS))
def test_the_chunks_can_be_had_as_they_came(name: str, wire: bytes, chunks: List[Chunk], unparsed: bytes) -> None:
    seen = outcome_of_every_cut(H + wire, keeping_chunks)
    assert (seen.chunks, seen.unparsed) == (chunks, unparsed)
    assert outcome_of_every_cut(H + wire).chunks == []


def test_a_chunk_is_handed_out_once_it_is_whole() -> None:
    response = Response(keep_chunks=True)
    response.receive(H + c(L) + b"e\r\n{")
    assert (response.read_body(), response.take_chunks()) == (L + b"{", [Chunk(L, 8, b"8", True)])
    assert response.take_chunks() == []
    response.receive(D[1:] + b"\r\n")
    assert (response.read_body(), response.take_chunks()) == (D[1:], [Chunk(D, 14, b"e", True)])


@pytest.mark.parametrize("wire", [CL, CL[:-1], OK + b"\r\n" + L], ids=["length", "short", "until end of file"])
def test_a_body_without_chunks_has_none(wire: bytes) -> None:
    assert outcome_of_every_cut(wire, keeping_chunks).chunks == []


def test_a_refused_head_is_left_unparsed_as_a_whole() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    for wire in (header(b"X: y\r\nfoo"), length(b"8z"), b"HTTP/1.1 101 No\r\nX: y\r\n\r\nabc", OK + b"X: y\r\nZ"):
        assert outcome_of_every_cut(interim + wire).unparsed == wire


REQUEST = b"POST /api/chat HTTP/1.1\r\nHost: x\r\n"
REQUEST_HEAD = RequestHead("POST", "/api/chat", "1.1", [("Host", "x")])

GOOD_REQUESTS = [  # id, wire, method, target, version, body, surplus, reusable
    ("no body", b"GET /api/tags HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/api/tags", "1.1", b"", b"", True),
    ("no header", b"GET / HTTP/1.0\r\n\r\n", "GET", "/", "1.0", b"", b"", False),
    ("a length", REQUEST + b"Content-Length: 8\r\n\r\n" + L, "POST", "/api/chat", "1.1", L, b"", True),
    ("equal lengths", REQUEST + b"Content-Length: 8\r\nContent-Length: 8\r\n\r\n" + L,
     "POST", "/api/chat", "1.1", L, b"", True),
    ("chunked", REQUEST + b"Transfer-Encoding: chunked\r\n\r\n" + BODY, "POST", "/api/chat", "1.1", L + D, b"", True),
    ("trailers", REQUEST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
     "POST", "/api/chat", "1.1", b"", b"", True),
    ("close", REQUEST + b"Connection: close\r\n\r\n", "POST", "/api/chat", "1.1", b"", b"", False),
    ("another follows", REQUEST + b"\r\n" + REQUEST, "POST", "/api/chat", "1.1", b"", REQUEST, False),
    ("an empty line first", b"\r\n" + REQUEST + b"\r\n", "POST", "/api/chat", "1.1", b"", b"", True),
    ("LF alone", (REQUEST + b"\r\n").replace(b"\r", b""), "POST", "/api/chat", "1.1", b"", b"", True),
    ("an odd method", b"pAt!-9 * HTTP/1.1\r\n\r\n", "pAt!-9", "*", "1.1", b"", b"", True),
]

BAD_REQUESTS = [  # id, wire, body before, class, message
    ("fault_239 length and chunked", REQUEST + b"Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY, b"",
     ProtocolError, "both Content-Length and Transfer-Encoding"),
    ("fault_239 two lengths", REQUEST + b"Content-Length: 8\r\nContent-Length: 22\r\n\r\n", b"",
     ProtocolError, "bad Content-Length b'8, 22'"),
    ("fault_239 a fold", REQUEST + b" y\r\n\r\n", b"", ProtocolError, "bad folded header line b' y'"),
    ("fault_239 a folded trailer", REQUEST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n z\r\n\r\n", b"",
     ProtocolError, "bad folded header line b' z'"),
    ("fault_239 a chunk line that ends in LF", REQUEST + b"Transfer-Encoding: chunked\r\n\r\n8\n" + L, b"",
     ProtocolError, "bad chunk size b'8\\n'"),
    ("fault_239 another coding", REQUEST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"",
     ProtocolError, "unsupported transfer coding b'gzip, chunked'"),
    ("fault_239 a space before the colon", REQUEST + b"Content-Length : 8\r\n\r\n", b"",
     ProtocolError, "bad header line b'Content-Length : 8'"),
    ("a bad chunk", REQUEST + b"Transfer-Encoding: chunked\r\n\r\n" + c(L) + b"zz\r\n", L,
     ProtocolError, "bad chunk size b'zz'"),
    ("two words", b"GET /\r\n\r\n", b"", ProtocolError, "bad request line b'GET /'"),
    ("four words", b"GET / x HTTP/1.1\r\n\r\n", b"", ProtocolError, "bad request line b'GET / x HTTP/1.1'"),
    ("two spaces", b"GET  / HTTP/1.1\r\n\r\n", b"", ProtocolError, "bad request line b'GET  / HTTP/1.1'"),
    ("a tab", b"GET\t/ HTTP/1.1\r\n\r\n", b"", ProtocolError, "bad request line b'GET\\t/ HTTP/1.1'"),
    ("a method that is no token", b"G(T / HTTP/1.1\r\n\r\n", b"", ProtocolError, "bad request line b'G(T / HTTP/1.1'"),
    ("a control character in the target", b"GET /\r HTTP/1.1\r\n\r\n", b"", ProtocolError,
     "bad request line b'GET /\\r HTTP/1.1'"),
    ("a target that is not ASCII", b"GET /\xe9 HTTP/1.1\r\n\r\n", b"", ProtocolError,
     "bad request line b'GET /\\xe9 HTTP/1.1'"),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\n\r\n", b"", ProtocolError, "bad request line b'GET / HTTP/2.0'"),
    ("lower case", b"GET / http/1.1\r\n\r\n", b"", ProtocolError, "bad request line b'GET / http/1.1'"),
    ("two empty lines first", b"\r\n\r\n" + REQUEST, b"", ProtocolError, "bad request line b''"),
    ("an endless line", b"GET /" + b"x" * 70000, b"", ProtocolError,
     "a line of more than 65536 bytes: b'GET /%s'" % ("x" * 55)),
    ("endless headers", REQUEST + b"X: y\r\n" * 1000, b"", ProtocolError, "more than 100 header lines"),
    ("nothing", b"", b"", ConnectionLost, "the client closed the connection without a request (0 bytes)"),
    ("an unfinished head", REQUEST, b"", ConnectionLost, LOST_IN_HEAD),
    ("a short body", REQUEST + b"Content-Length: 22\r\n\r\n" + L, L, ConnectionLost,
     "the connection closed after 8 of 22 bytes of the body"),
]


@pytest.mark.parametrize(
    "name, wire, method, target, version, body, surplus, reusable", GOOD_REQUESTS, ids=ids(GOOD_REQUESTS)
)
def test_a_good_request_is_read(
    name: str, wire: bytes, method: str, target: str, version: str, body: bytes, surplus: bytes, reusable: bool
) -> None:
    seen = outcome_of_every_cut(wire, RequestReader)
    assert (seen.head[:3], seen.body, seen.surplus) == ((method, target, version), body, surplus)
    assert (seen.body_ended, seen.complete, seen.error) == (True, True, None)
    assert outcome([wire], RequestReader, eof=False).reusable is reusable


@pytest.mark.parametrize("name, wire, body, kind, said", BAD_REQUESTS, ids=ids(BAD_REQUESTS))
def test_a_bad_request_is_refused(name: str, wire: bytes, body: bytes, kind: type, said: str) -> None:
    seen = outcome_of_every_cut(wire, RequestReader)
    assert (seen.body, seen.error, seen.complete) == (body, (kind, said), False)


def test_the_head_of_a_request_is_kept_as_it_came() -> None:
    head = outcome_of_every_cut(REQUEST + b"hOST: y\r\n\r\n", RequestReader).head
    assert head == REQUEST_HEAD._replace(headers=[("Host", "x"), ("hOST", "y")])
    assert (head.get("host"), head.get_all("HOST"), head.get("none", "")) == ("x, y", ["x", "y"], "")


class Socket:
    """All of a socket that http.client needs in order to read a response."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def by_http_client(wire: bytes, by_read1: bool) -> Any:
    """Status and body as http.client reads them, or its error."""
    try:
        response = http.client.HTTPResponse(Socket(wire), method="POST")  # type: ignore[arg-type]
        response.begin()
        if not by_read1:
            return response.status, response.read()
        return response.status, b"".join(iter(response.read1, b""))
    except (http.client.HTTPException, OSError, ValueError) as error:
        return error


# Framing fields as http.client does not read them: it compares a coding with the fold or the white space after it
# still in it, and takes a list of lengths for none.
FAULTS_OF_HTTP_CLIENT = [  # number, what the response's bytes hold
    ("36", rb"(?i)\ncontent-length:[^\n]*,"),
    ("41", rb"(?i)\ntransfer-encoding:[^\n]*[ \t]\r?\n"),
    ("47", rb"^HTTP/1.[01] 1(?!00)"),
    ("47 later", rb"\nHTTP/1.[01] 1(?!00)"),
    ("50 body of a 205", rb"^HTTP/1.[01] 205"),
    ("50 chunked body of a 204 or 304", rb"(?is)^HTTP/1.[01] (204|304).*\ntransfer-encoding:"),
    ("59", rb"(?i)\ntransfer-encoding:[^\n]*\n[ \t]"),
    ("64", rb"^HTTP/1.[01] [^\n]*\n([^\r\n]+\r?\n){100}"),
]


def http_client_may_differ(wire: bytes) -> bool:
    return any(re.search(pattern, wire) for _, pattern in FAULTS_OF_HTTP_CLIENT)


SOUND = [row for row in ACCEPTED if len(row[1]) < 400]
SPLICES = [
    *(bytes([byte]) for byte in b"\r\n\t :,;08ef-+_x\x00\x0b\x1c\x85\xa0"),
    b"\r\n",
    b"0\r\n",
    b"8;a=b\r\n",
    b" fold\r\n",
    b"X: y\r\n",
    b"Content-Length: 8\r\n",
    b"Content-Length: 22\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    c(L),
    c(D),
    END,
]


def mutated(rng: random.Random) -> bytes:
    data = rng.choice(SOUND)[1]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(data) + 1)
        if rng.random() < 0.3:  # where lines begin and end is where it hurts
            at = rng.choice([i for i, byte in enumerate(data + b"\n") if byte == 10]) + rng.randrange(2)
        removed = rng.choice((0, 0, 0, 1, 1, 2, rng.randrange(1, 30)))
        data = data[:at] + rng.choice((b"", rng.choice(SPLICES), bytes([rng.randrange(256)]))) + data[at + removed :]
    return data


@pytest.mark.parametrize("seed", support.seeds(3))
def test_what_is_accepted_http_client_accepts_with_the_same_body_whatever_the_cuts(seed: int) -> None:
    rng = random.Random(seed)
    compared, differing = 0, []
    for _ in range(220):
        wire = mutated(rng)
        seen = outcome([wire])
        if outcome(bytewise(wire)) != seen or outcome(cut(rng, wire), keeping_chunks)._replace(chunks=[]) != seen:
            differing.append((wire, "cut otherwise"))
        if seen.complete and not http_client_may_differ(wire):
            compared += 1
            theirs = by_http_client(wire, by_read1=rng.random() < 0.5)
            if theirs != (seen.head.status, seen.body):
                differing.append((wire, theirs))
    assert differing == []
    assert compared > 40, "a comparison of next to nothing proves nothing"


@pytest.mark.parametrize("name, wire, status, body, trailers", ACCEPTED, ids=ids(ACCEPTED))
def test_http_client_agrees_on_every_good_response(
    name: str, wire: bytes, status: int, body: bytes, trailers: Any
) -> None:
    if not http_client_may_differ(wire):
        assert by_http_client(wire, by_read1=False) == by_http_client(wire, by_read1=True) == (status, body)


@pytest.mark.parametrize("seed", support.seeds(2))
def test_chunks_and_unparsed_bytes_together_are_all_that_came(seed: int) -> None:
    rng = random.Random(seed)
    lost, compared = [], 0
    for _ in range(200):
        wire = H + mutated(random.Random(rng.random())).replace(H, b"")
        seen = outcome(cut(rng, wire), keeping_chunks)
        framed = [chunk.line + b"\r\n" + chunk.data + b"\r\n" * chunk.complete for chunk in seen.chunks]
        if seen.error:
            compared += 1
            if H + b"".join(framed) + seen.unparsed != wire:
                lost.append(wire)
    assert lost == []
    assert compared > 40


def fed(wire: bytes, size: int) -> Outcome:
    """The outcome of the bytes in pieces of one size, in a loop that costs next to nothing itself."""
    response = Response()
    found = []
    for start in range(0, len(wire), size):
        response.receive(wire[start : start + size])
        found.append(response.read_body())
    assert response.complete
    assert b"".join(found).strip(b"x\n") == b""
    return outcome([wire])


MB = 1_000_000
QUICK: List[Tuple[str, Callable[[int], bytes], int, int]] = [
    # id, so many bytes on the wire, how many, size of the pieces
    ("a chunk in pieces of 4 KiB", lambda n: H + c(b"x" * n) + END, 8 * MB, 4096),
    ("one length in pieces of 4 KiB", lambda n: OK + b"Content-Length: %d\r\n\r\n" % n + b"x" * n, 8 * MB, 4096),
    ("D2-20 chunks of a byte in one piece", lambda n: H + b"1\r\nx\r\n" * (n // 6) + END, 600_000, MB),
    ("chunks of a byte with an extension in one piece", lambda n: H + b"1;a\r\nx\r\n" * (n // 8) + END, 400_000, MB),
    ("chunks of 5000 bytes in one piece", lambda n: H + c(b"x" * 5000) * (n // 5000) + END, 8 * MB, 8 * MB),
    ("a chunk byte by byte", lambda n: H + c(b"x" * n) + END, 64_000, 1),
    ("chunks of 130 bytes, byte by byte", lambda n: H + c(b"x" * 130) * (n // 130) + END, 64_000, 1),
    ("a head byte by byte", lambda n: header(b"X: " + b"\r\nX: ".join([b"y" * (n // 4)] * 4)).replace(BODY, END),
     64_000, 1),
    ("trailers byte by byte", lambda n: H + b"0\r\n" + (b"X: " + b"y" * (n // 4) + b"\r\n") * 4 + b"\r\n", 64_000, 1),
]  # fmt: skip


@pytest.mark.each(2)
@pytest.mark.parametrize("name, wire, count, size", QUICK, ids=ids(QUICK))
def test_the_time_is_linear_in_the_bytes_fault_20(
    name: str, wire: Callable[[int], bytes], count: int, size: int
) -> None:
    assert takes_linear_time(lambda n: fed(wire(n), size), count)
