# SPDX-License-Identifier: MIT
"""The words of HTTP/1.1: tokens, start lines, header lines, chunk sizes, lengths (RFC 9110 and 9112).

In goes a line or a word as bytes, out comes what it says, or a ProtocolError that shows it. ``_http1`` and the server's
side in ``fixture`` read messages with them.
"""

from __future__ import annotations

from typing import Any, List, Optional, Tuple, Union

from ._errors import ProtocolError

MAX_LENGTH_DIGITS = 18  # stays below 2**63
MAX_SIZE_DIGITS = 16  # 64 bits
MAX_SHOWN = 60  # bytes of the culprit in a message

VERSIONS = (b"HTTP/1.1 ", b"HTTP/1.0 ")
EMPTY_LINES = (b"\r\n", b"\n")  # RFC 9112, 2.2: a lone LF may end a header line
VISIBLE_BYTES = bytes(range(0x21, 0x7F))
TOKEN_BYTES = VISIBLE_BYTES.translate(None, b'"(),/:;<=>?@[\\]{}')  # RFC 9110, 5.6.2
NAME_BYTES = TOKEN_BYTES.translate(None, b"!#$%&'*+.^`|~")  # of a host; docker compose names services with underscores
ZONE_BYTES = NAME_BYTES + b".~"  # RFC 6874, 2, without percent-encoding
HEX_DIGITS = b"0123456789abcdefABCDEF"
CONTROLS = bytes(range(0x20)) + b"\x7f"
LINE_CONTROLS = CONTROLS.translate(None, b"\t")
# In a header's value VT, FF and 0x1C to 0x1F do no harm, but to readers who cut with str.splitlines().
VALUE_CONTROLS = LINE_CONTROLS.translate(None, b"\x0b\x0c\x1c\x1d\x1e\x1f")
BODILESS = (204, 205, 304)  # statuses without a body (RFC 9110, 15.3.5, 15.3.6 and 15.4.5)

HeaderFields = List[Tuple[str, str]]


class WithHeaders:
    """What a head has, of a request or a response: the values of its ``headers``."""

    __slots__ = ()

    def get_all(self: Any, name: str) -> List[str]:
        """The values of all fields of that name, in any case."""
        return header_values(self.headers, name)

    def get(self: Any, name: str, default: Optional[str] = None) -> Optional[str]:
        """The value of a field; several are joined by ", " (RFC 9110, 5.3)."""
        values: List[str] = self.get_all(name)
        return ", ".join(values) if values else default


def parse_status_line(content: bytes) -> Tuple[str, int, str]:
    """RFC 9112, 4. The space before an empty reason may be missing."""
    status, after, reason = content[9:12], content[12:13], content[13:]
    if len(status) < 3 or not status.isdigit() or status < b"100" or after not in (b"", b" "):
        raise ProtocolError("bad status line " + shown_bytes(content))
    refuse_controls(LINE_CONTROLS, content)
    return content[5:8].decode("latin-1"), int(status), reason.decode("latin-1")


def parse_header_field(content: bytes) -> Tuple[str, str]:
    """RFC 9112, 5.1: nothing between the name and the colon."""
    name, colon, value = content.partition(b":")
    if not colon or not consists_of(name, TOKEN_BYTES):
        raise ProtocolError("bad header line " + shown_bytes(content))
    return name.decode("latin-1"), parse_header_text(value)


def parse_header_text(value: bytes) -> str:
    refuse_controls(VALUE_CONTROLS, value)
    return value.strip(b" \t").decode("latin-1")


def refuse_controls(controls: bytes, content: bytes) -> None:
    """RFC 9112, 2.2 and RFC 9110, 5.5: some readers end a line at a bare CR, or a text at a NUL."""
    if len(content.translate(None, controls)) < len(content):
        raise ProtocolError("a control character in " + shown_bytes(content))


def parse_chunk_size(line: bytes) -> int:
    """RFC 9112, 7.1. Extensions are passed over, and so are spaces after the size: some servers pad it."""
    digits = line[:-2].split(b";")[0].rstrip(b" \t")
    if not line.endswith(b"\r\n") or not consists_of(digits, HEX_DIGITS):
        raise ProtocolError("bad chunk size " + shown_bytes(line[:-2] if line.endswith(b"\r\n") else line))
    refuse_controls(LINE_CONTROLS, line[:-2])
    if len(digits) > MAX_SIZE_DIGITS or int(digits, 16) >= 2**63:
        raise ProtocolError("chunk size too large: " + shown_bytes(digits))
    return int(digits, 16)


def framing_of(headers: HeaderFields) -> Tuple[bool, Optional[int]]:
    """Whether the body is chunked, and its Content-Length if there is one."""
    codings = header_values(headers, "Transfer-Encoding")
    if codings and [coding.lower() for coding in codings] != ["chunked"]:
        raise ProtocolError("unsupported transfer coding " + shown_bytes(", ".join(codings).encode("latin-1")))
    values = header_values(headers, "Content-Length")
    return bool(codings), parse_content_length(values) if values else None


def parse_content_length(values: List[str]) -> int:
    """RFC 9112, 6.3: several lengths are one if they are the same."""
    lengths = {text.strip(" \t") for value in values for text in value.split(",")}
    text = lengths.pop()
    if lengths or len(text) > MAX_LENGTH_DIGITS or not (text.isascii() and text.isdigit()):
        raise ProtocolError("bad Content-Length " + shown_bytes(", ".join(values).encode("latin-1")))
    return int(text)


def may_persist(version: str, headers: HeaderFields) -> bool:
    """RFC 9112, 9.3."""
    options = [option.strip(" \t").lower() for option in ", ".join(header_values(headers, "Connection")).split(",")]
    return version == "1.1" and "close" not in options


def consists_of(word: Union[bytes, str], alphabet: bytes) -> bool:
    """Whether there is a word, all of it of ASCII signs of the alphabet."""
    data = word if isinstance(word, bytes) else word.encode("utf-8", "surrogatepass")
    return bool(data) and not data.translate(None, alphabet)


def is_token(text: str) -> bool:
    """RFC 9110, 5.6.2: what the name of a method or of a field is made of."""
    return consists_of(text, TOKEN_BYTES)


def has_controls(text: str, but: str = "") -> bool:
    """Whether there is a control character of ASCII in a text, ``but`` for some."""
    return not set(CONTROLS.decode("latin-1")).isdisjoint(set(text) - set(but))


def line_content(line: bytes) -> bytes:
    return line[:-2] if line.endswith(b"\r\n") else line[:-1]


def header_values(headers: HeaderFields, name: str) -> List[str]:
    return [value for field, value in headers if field.lower() == name.lower()]


def shown_bytes(culprit: bytes) -> str:
    return repr(culprit[:MAX_SHOWN])
