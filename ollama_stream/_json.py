# SPDX-License-Identifier: MIT
"""JSON in and out: strict, bounded, the same on every Python. No I/O.

    parse_json    a JSON text -> its value, or ProtocolError
    scan_once     the value that begins at a place of a text -> (value, end): the hot loop's, which looks at the end itself
    is_cut        whether a text is the beginning of one
    read_object   a text that may be a JSON object -> the object, or None
    is_number     whether a value is a number, of which a bool is none
    format_json   a value of JSON's own types -> the bytes that are sent, or RequestError

Strict: UTF-8 has been decoded before, NaN and Infinity are no JSON, nothing may follow the value, and no more than
MAX_DEPTH levels are read, because the point where a JSON decoder gives up depends on the Python and on its stack.
"""

from __future__ import annotations

import json
import math
from typing import Any, Callable, Dict, Optional, Tuple

from ._errors import ProtocolError, RequestError, check_origin

MAX_DEPTH = 256  # levels of arrays and objects: far above any real record, far below where a Python gives up
MAX_DIGITS = 4300  # of an integer: newer Pythons refuse longer ones, older ones spend quadratic time on them
JSON_BLANKS = " \t\r\n"  # RFC 8259, 2; str.strip() alone would take U+00A0, U+2028 and more


def refuse_constant(name: str) -> Any:
    raise ValueError("%s is not JSON" % name)


DECODER = json.JSONDecoder(parse_constant=refuse_constant)
scan_once: Callable[[str, int], Tuple[Any, int]] = DECODER.scan_once  # type: ignore[attr-defined]


def parse_json(text: str) -> Any:
    """The value of a JSON text of any size, with blanks around it. Raises ProtocolError."""
    text = text.strip(JSON_BLANKS)
    try:
        value, end = scan_once(text, 0)
    except StopIteration:
        raise ProtocolError("not JSON") from None
    except RecursionError as error:
        check_origin(error)
        raise ProtocolError("nested deeper than %d levels" % MAX_DEPTH) from None
    except ValueError as error:
        check_origin(error)
        raise ProtocolError("not JSON: %s" % error) from error
    except MemoryError as error:
        check_origin(error)
        raise ProtocolError("no memory is left for a JSON text of %d characters" % len(text)) from error
    if end < len(text):  # beyond it on GraalPy, which counts UTF-16 units
        raise ProtocolError("not JSON: something follows the value at character %d" % end)
    if text.count("[") + text.count("{") > MAX_DEPTH and is_too_deep(value):
        raise ProtocolError("nested deeper than %d levels" % MAX_DEPTH)
    return value


def is_cut(text: str) -> bool:
    """Whether a text that is no JSON is the beginning of one: what is wrong with it is that it ends."""
    text = text.lstrip(JSON_BLANKS)
    try:
        scan_once(text, 0)
    except StopIteration as stop:
        start = stop.value
    except json.JSONDecodeError as error:
        if error.msg.startswith("Unterminated"):
            return True
        start = error.pos
    except (ValueError, RecursionError, MemoryError) as error:
        check_origin(error)
        return False
    else:
        return False
    rest = text[start:]
    return any(word.startswith(rest) for word in ("true", "false", "null", "-")) or "\\u" in text[-6:] and '"' not in rest


def is_too_deep(value: Any, max_depth: int = MAX_DEPTH) -> bool:
    level = [value]
    for _ in range(max_depth):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


def read_object(text: str) -> Optional[Dict[str, Any]]:
    """The JSON object that a text is, None where it is anything else."""
    try:
        value = parse_json(text)
    except ProtocolError:
        return None
    return value if type(value) is dict else None


def is_number(value: Any, kinds: Any = (int, float)) -> bool:
    """Whether a value is a number as JSON has it: neither a bool, nor infinite, nor none at all."""
    return isinstance(value, kinds) and not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))


def format_json(value: Any) -> bytes:
    """Compact JSON in ASCII: a lone surrogate, which UTF-8 has no bytes for, is sent as it stands. Raises RequestError."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (ValueError, TypeError, RecursionError) as error:
        check_origin(error)
        raise RequestError("the request cannot be written as JSON: %s" % error) from error
