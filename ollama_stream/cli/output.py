# SPDX-License-Identifier: MIT
"""What the command line prints: answers and figures go in, text comes out on standard output and standard error."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, TextIO, Tuple

from .._client import Stream
from .._errors import OllamaError
from .._records import ChatResponse, Generation

if TYPE_CHECKING:
    from argparse import Namespace


def print_answer(ask: Callable[[], Any], options: Namespace) -> None:
    """Print what a call answers: a stream, record by record, or the one record."""
    printer, answer = Printer(options.raw), None
    try:
        answer = ask()
        if isinstance(answer, Stream):
            with answer:
                for record in answer:
                    printer.show(record)
        else:
            printer.show(answer)
    except OllamaError as error:
        if answer is None and isinstance(error.partial, Generation):
            printer.show(error.partial)
        raise
    finally:
        printer.end_lines()
    if options.stats:
        printer.show_figures()


class Printer:
    """The records of one answer go in; its text comes out on standard output, the rest on standard error."""

    def __init__(self, raw: bool) -> None:
        self._out = Output(sys.stdout, raw)
        self._err = ErrorOutput(raw)
        self._started = time.monotonic()
        self._first: Optional[float] = None  # seconds until the first text or thinking
        self._last: Optional[Generation] = None

    def show(self, record: Any) -> None:
        """Print one record, a JSON line of one that is none of ours. Raises OSError of standard output."""
        if not isinstance(record, Generation):
            self._out.write(json.dumps(record, ensure_ascii=False) + "\n")
            return
        self._last = record
        thinking, calls = aside(record)
        if self._first is None and (thinking or record.text):
            self._first = time.monotonic() - self._started
        if thinking:
            self._err.write(thinking, dim=True)
        if record.text:
            self._err.end_line()
            self._out.write(record.text)
        for call in calls:
            self._err.end_line()
            self._err.write("tool call: %s\n" % call.model_dump_json(exclude_none=True))

    def end_lines(self) -> None:
        """What comes next on either stream starts a line; a pipe gets the answer's text and nothing else."""
        self._err.end_line()
        if self._out.is_terminal:
            self._out.end_line()

    def show_figures(self) -> None:
        for name, value in figures(self._last, self._first):
            self._err.write("%-18s %s\n" % (name, value))


def aside(record: Generation) -> Tuple[str, List[Any]]:
    """The thinking and the tool calls beside a record's text."""
    source: Any = record.message if isinstance(record, ChatResponse) else record
    return source.thinking or "", source.tool_calls or []


def figures(record: Optional[Generation], first: Optional[float]) -> List[Tuple[str, str]]:
    """What is known of an answer: tokens, speed and times, by name."""
    rows: List[Tuple[str, Optional[str]]] = []
    if first is not None:
        rows.append(("first token after", "%.3f s" % first))
    if record is not None:
        rate = record.tokens_per_second
        rows += [
            ("prompt tokens", count(record.prompt_eval_count)),
            ("tokens", count(record.eval_count)),
            ("tokens/s", None if rate is None else "%.1f" % rate),
            ("load", duration(record.load_duration)),
            ("prompt", duration(record.prompt_eval_duration)),
            ("generation", duration(record.eval_duration)),
            ("total", duration(record.total_duration)),
        ]
    return [(name, value) for name, value in rows if value is not None]


def count(value: Optional[int]) -> Optional[str]:
    return None if value is None else "%d" % value


def duration(nanoseconds: Optional[int]) -> Optional[str]:
    """In seconds, by integers: a number from a server may be too large for a float."""
    return None if nanoseconds is None else "%d.%03d s" % divmod(nanoseconds // 1000000, 1000)


class Output:
    """A standard stream: every piece is written at once, what it cannot encode is replaced.

    On a terminal, characters that would control it are escaped: a model must not move the cursor, retitle the window,
    fill the clipboard (OSC 52) or turn the order of what is read. A stream that was closed at the start takes nothing.
    """

    def __init__(self, stream: Optional[TextIO], raw: bool = False) -> None:
        self.is_terminal = stream is not None and stream.isatty()
        self._stream = stream
        self._escapes = {} if raw or not self.is_terminal else escapes(kept="\n\t")
        self._line_open = False
        if stream is sys.stdout and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # standard error has "backslashreplace" of itself

    def write(self, text: str, dim: bool = False) -> None:
        """Raises OSError; ``dim`` has an effect on a terminal."""
        if self._stream is None:
            raise OSError("it is closed")
        self._line_open = not text.endswith("\n")
        if self._escapes:
            text = text.translate(self._escapes)
        if dim and self.is_terminal and os.name == "posix":
            text = "\x1b[2m%s\x1b[0m" % text
        self._stream.write(text)
        self._stream.flush()

    def end_line(self) -> None:
        if self._line_open:
            self.write("\n")


class ErrorOutput(Output):
    """Standard error, whose own failures do not count: the answer is on the other stream."""

    def __init__(self, raw: bool = False) -> None:
        super().__init__(sys.stderr, raw)

    def write(self, text: str, dim: bool = False) -> None:
        try:
            super().write(text, dim)
        except OSError:
            silence(self._stream)


def silence(stream: Optional[TextIO]) -> None:
    """Let a stream that fails go nowhere: at its exit the interpreter writes what is left, and would complain."""
    if stream is not None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def escapes(kept: str = "") -> Dict[int, str]:
    """For ``str.translate``: C0, DEL, C1, line separators and what changes the direction of text (UAX 9)."""
    codes = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
    return {code: ascii(chr(code))[1:-1] for code in codes if chr(code) not in kept}
