# SPDX-License-Identifier: MIT
"""Arguments: how a command declares them, which several commands take, and the values and files that they give.

The checks are types for argparse: text goes in, a value comes out, or an ArgumentTypeError. Files that fail are a
FixtureError.
"""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import ArgumentTypeError
from typing import Any, Callable, Dict, Iterable, Tuple

from .._errors import FixtureError, RequestError, missing_folder
from .._net import MAX_SECONDS, reason
from .output import ErrorOutput, Output, writing


# --- values -----------------------------------------------------------------------------------------------------------


def argument(*names: str, **how: Any) -> Tuple[Tuple[str, ...], Dict[str, Any]]:
    """What add_argument of argparse takes: a row of ``ARGUMENTS``, where each command of a module has a list of them."""
    return names, how


def utf8(text: str) -> str:
    """An argument that is sent: Python hides bytes that the locale does not know in lone surrogates (PEP 383)."""
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArgumentTypeError(not_utf8(error)) from None
    except UnicodeEncodeError as error:  # what no system gives, but a caller of main() can
        raise ArgumentTypeError("not UTF-8: a lone surrogate at offset %d" % error.start) from None


def not_utf8(error: UnicodeDecodeError) -> str:
    return "not UTF-8: byte 0x%02X at offset %d" % (error.object[error.start], error.start)


def json_or_text(text: str) -> Any:
    text = utf8(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def name_and_value(text: str) -> Tuple[str, Any]:
    name, equals, value = utf8(text).partition("=")
    if not name or not equals:
        raise ArgumentTypeError("expected NAME=VALUE, got %r" % text)
    return name, json_or_text(value)


def header_field(text: str) -> Tuple[str, str]:
    """``Name: value`` or ``NAME=VALUE``; the value as Latin-1 with UTF-8 in it, as it is sent."""
    found = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=|:[ \t]*)([^\0\r\n]*)", text)  # RFC 9110, 5.6.2 and 5.5
    if not found:
        raise ArgumentTypeError("expected NAME=VALUE, a header field, got %r" % text)
    return found.group(1), found.group(2).encode("utf-8", "surrogateescape").decode("latin-1")


def text_like(pattern: str, example: str) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ArgumentTypeError("expected %s, got %r" % (example, text))
        return text

    return checked


def in_range(what: str, holds: Callable[[float], bool]) -> Callable[[str], float]:
    def checked(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ArgumentTypeError("expected a number, got %r" % text) from None
        if not holds(value):
            raise ArgumentTypeError("expected %s, got %r" % (what, text))
        return value

    return checked


positive_seconds = in_range("seconds above 0", lambda value: 0 < value <= MAX_SECONDS)
positive_number = in_range("a number above 0", lambda value: 0 < value < float("inf"))
from_zero = in_range("a number from 0 on", lambda value: 0 <= value < float("inf"))
speed = in_range("a number above 0, or 0 for at once", lambda value: 0 <= value < float("inf"))


def whole_number(text: str) -> int:
    return int(text_like("[0-9]{1,9}", "a whole number")(text))


MODEL = argument("model", metavar="MODEL", type=utf8)
STATS = argument("--verbose", "--stats", dest="stats", action="store_true", help="figures on standard error")
NO_WRAP = argument("--nowordwrap", action="store_true", help="do not wrap lines on a terminal")
NO_ESCAPE = argument("--no-escape", dest="raw", action="store_true", help="do not escape control characters there")


# --- files ------------------------------------------------------------------------------------------------------------


def standard_input(needed: bool = True) -> str:
    """All of it. Raises RequestError where it is no text, or is ``needed`` and cannot be read."""
    if sys.stdin is None:
        return ""
    try:
        return read_to_end().decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError("standard input is " + not_utf8(error)) from None
    except OSError as error:
        if not needed:
            return ""
        raise RequestError("the prompt cannot be read: %s" % reason(error)) from None


def read_to_end() -> bytes:
    """Standard input; where somebody has to type it, that is said."""
    if sys.stdin.isatty():
        ErrorOutput().write("reading what is typed; Ctrl-D ends it\n")
    return sys.stdin.buffer.read()


def read_bytes(path: str) -> bytes:
    """The bytes of a file, of standard input for -. Raises FixtureError."""
    try:
        if path == "-":
            return b"" if sys.stdin is None else read_to_end()
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise FixtureError("%s: cannot be read: %s%s" % (path, reason(error), missing_folder(path)), path=path) from None


def write_pieces(pieces: Iterable[bytes], path: str, force: bool) -> int:
    """To a new file; with ``force`` to any; as text to a terminal, which bytes could control. Raises FixtureError."""
    if path == "-":
        if sys.stdout is None or sys.stdout.isatty():
            Output(sys.stdout).write(b"".join(pieces).decode("utf-8", "replace"))
        else:
            with writing():
                sys.stdout.buffer.writelines(pieces)
        return 0
    try:
        with open(path, "wb" if force else "xb") as file:
            try:
                file.writelines(pieces)
                file.flush()
            except (OSError, FixtureError):
                if not force:  # otherwise it may be a device, or somebody's
                    os.unlink(path)
                raise
    except FixtureError:  # of a large file, which is read as it is written
        raise
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None
    return 0


def check_writable(path: str, force: bool) -> None:
    """Before the work whose result is to go there. Raises the FixtureError of write_pieces."""
    if path == "-":
        return
    there = os.path.lexists(path)
    try:
        with open(path, "ab" if force else "xb"):
            pass
        if not there:
            os.unlink(path)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None


def unwritable(path: str, error: Exception) -> FixtureError:
    advice = " (--force replaces it)" if isinstance(error, FileExistsError) else missing_folder(path)
    return FixtureError("%s: cannot be written: %s%s" % (path, reason(error), advice), path=path)
