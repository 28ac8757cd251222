"""Canonical JSON text, and bytes in it.

Reading is strict and the same on every Python: UTF-8, no key twice, only finite numbers, limits to nesting and digits.
Writing is compact, and hides nothing: what cannot be seen, or looks like the end of a line, is an escape. Bytes are a
JSON string where they are UTF-8, ``{"hex":"e282"}`` where they are not, and an array of both where a character is cut.
Whatever cannot be read or written is a ``FixtureError`` without a place: who knows the file adds that.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Match, Sequence, Tuple

from ._address import UNSET
from ._errors import FixtureError

MAX_DEPTH = 256  # far above any real record, far below where a Python gives up
MAX_DIGITS = 4300  # newer Pythons refuse longer integers, older ones spend quadratic time on them
MAX_SHOWN_TEXT = 60  # characters of a value in an error text

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_UNDECODED = re.compile("([\udc80-\udcff]+)")
# Line-break look-alikes, bidi controls and what cannot be seen. A fixed list: str.isprintable() changes with Unicode.
HIDDEN = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def canonical_json(value: Any) -> str:
    """Compact JSON with hidden characters as escapes. Raises FixtureError for what JSON cannot hold."""
    return escaped(_compact(value))


def escaped(text: str) -> str:
    """JSON text with hidden characters as escapes."""
    return HIDDEN.sub(_escape, text)


def json_bytes(value: Any) -> bytes:
    """Compact JSON as a client sends it: UTF-8, with as few escapes as can be. Raises FixtureError."""
    return _compact(value).encode("utf-8", "backslashreplace")  # which is JSON's escape for a lone surrogate


def _compact(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise FixtureError("cannot be written as JSON: %s" % error) from None


def _escape(match: Match[str]) -> str:
    code = ord(match.group())
    if code < 0x10000:
        return "\\u%04x" % code
    return "\\u%04x\\u%04x" % (0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code & 0x3FF))


def parse_json(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text; strict: UTF-8, no BOM, no key twice, only finite numbers, a limit to nesting.

    Raises FixtureError, the same on every Python.
    """
    _check_depth(data, max_depth)
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        found = "byte 0x%02x at column %d" % (data[error.start], error.start + 1)
        raise FixtureError("expected UTF-8, found " + found) from None
    except json.JSONDecodeError as error:
        if data.startswith(b"\xef\xbb\xbf"):
            raise FixtureError("expected JSON, found a byte order mark") from None
        raise FixtureError("expected JSON: %s (column %d)" % (error.msg, error.pos + 1)) from None
    except (ValueError, RecursionError) as error:
        raise FixtureError("expected JSON: %s" % error) from None


def _check_depth(data: bytes, max_depth: int) -> None:
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    # Without escaped backslashes and quotes, every other part between quotes is outside of strings.
    outside = b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    depth = 0
    for bracket in outside.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > max_depth:
            raise FixtureError("expected JSON nested at most %d deep" % max_depth)


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return value


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("an integer of more than %d digits" % MAX_DIGITS)
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number that is not finite")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError("%s is not JSON" % name)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
)


def shortened(value: Any) -> str:
    """A value for an error text."""
    text = canonical_json(value)
    return text if len(text) <= MAX_SHOWN_TEXT else text[: MAX_SHOWN_TEXT - 3] + "..."


# Bytes


def encode_bytes(data: bytes) -> Any:
    """Bytes as JSON: a string, ``{"hex": digits}``, or an array of these, alternating, where only parts are UTF-8."""
    # A byte that is not UTF-8 becomes a character from U+DC80 to U+DCFF, which is never UTF-8 itself.
    runs = _UNDECODED.split(data.decode("utf-8", "surrogateescape"))
    values: List[Any] = [
        {"hex": run.encode("utf-8", "surrogateescape").hex()} if index % 2 else run for index, run in enumerate(runs)
    ]
    values = [value for value in values if value]
    return values if len(values) > 1 else values[0] if values else ""


def decode_bytes(value: Any) -> bytes:
    """The bytes of such a value. Raises FixtureError."""
    if isinstance(value, list):
        if any(isinstance(item, list) for item in value):
            raise FixtureError("expected no array inside an array of bytes")
        return b"".join(map(decode_bytes, value))
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise FixtureError("expected bytes, found a string with a lone surrogate") from None
    digits = value.get("hex") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(digits, str):
        raise FixtureError('expected bytes: a string, {"hex":...} or an array of these, found %s' % shortened(value))
    if len(digits) % 2 or digits.strip("0123456789abcdef"):
        raise FixtureError("expected an even number of lower-case hex digits, found %s" % shortened(digits))
    return bytes.fromhex(digits)


# Parts of a value


def pointer_parts(pointer: str) -> List[str]:
    """The names in a JSON Pointer (RFC 6901, 4). Raises FixtureError."""
    if not pointer.startswith("/"):
        raise FixtureError('expected a JSON Pointer such as "/options/seed", found %s' % shortened(pointer))
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def edited(value: Any, parts: Sequence[str], change: Callable[[Any], Any]) -> Any:
    """A copy, changed wherever the names lead, ``*`` being any; what changes to UNSET is removed."""
    if not parts:
        return change(value)
    if isinstance(value, dict):
        members = {k: edited(v, parts[1:], change) if parts[0] in ("*", k) else v for k, v in value.items()}
        return {k: v for k, v in members.items() if v is not UNSET}
    if isinstance(value, list):
        items = [edited(v, parts[1:], change) if parts[0] in ("*", str(i)) else v for i, v in enumerate(value)]
        return [v for v in items if v is not UNSET]
    return value
