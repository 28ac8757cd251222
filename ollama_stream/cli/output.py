# SPDX-License-Identifier: MIT
"""What the command line prints: answers and figures go in, text comes out on standard output and standard error.

    Output     a standard stream: written at once, escaped and wrapped on a terminal; ErrorOutput: standard error
    Waiting    the line that says for what one waits, while nothing has come
    Printer    the records of an answer -> its text, its thinking beside it, its figures
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, List, Optional, TextIO, Tuple

from .._assembler import join_texts
from .._errors import OllamaError, escape_controls
from .._net import reason

if TYPE_CHECKING:
    from argparse import Namespace

    from .._records import Generation

DEFAULT_WIDTH = 80
QUIET_SECONDS = 1.0  # before the line that says for what one waits
CYAN, YELLOW, DIM = "36", "33", "2"  # SGR parameters (ECMA-48, 8.3.117)


class OutputError(OSError):
    """Standard output cannot be written; the text says why."""


@contextmanager
def writing() -> Iterator[None]:
    """Around what writes to standard output: raises OutputError, or BrokenPipeError where nobody reads it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(reason(error)) from None


class Output:
    """A standard stream: every piece is written at once, what it cannot encode is replaced.

    On a terminal, characters that would control it are escaped: a model must not move the cursor, retitle the window,
    fill the clipboard (OSC 52) or turn the order of what is read. With ``wrap``, lines there break between words, and
    a word waits until it is whole. A stream that was closed at the start takes nothing.
    """

    def __init__(self, stream: Optional[TextIO], raw: bool = False, wrap: bool = False) -> None:
        self.is_terminal = stream is not None and stream.isatty()
        self.styled = self.is_terminal and can_style()
        self._stream = stream
        self._raw = raw or not self.is_terminal
        self._wrapper = Wrapper(width_of(stream)) if wrap and self.is_terminal else None
        self.line_open = False
        if stream is sys.stdout and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # standard error has "backslashreplace" of itself

    def write(self, text: str, style: str = "") -> None:
        """Raises OutputError, BrokenPipeError; ``style`` (SGR parameters) has an effect on a terminal that can show it."""
        if self._stream is None:
            raise OutputError("it is closed")
        self.line_open = not text.endswith("\n") if text else self.line_open
        if not self._raw:
            text = escape_controls(text, kept="\n\t")
        if self._wrapper is not None:
            text = self._wrapper.wrapped(text)
        if style and self.styled and text:
            text = "\x1b[%sm%s\x1b[0m" % (style, text)
        with writing():
            self._stream.write(text)
            self._stream.flush()

    def write_json(self, value: Any, separators: Optional[Tuple[str, str]] = None) -> None:
        """A value or a record as a line of JSON; in ASCII where the stream has not all of it, such as half a character."""
        if hasattr(value, "model_dump"):
            value = value.model_dump(mode="json", exclude_none=True)
        text = json.dumps(value, ensure_ascii=False, default=str, separators=separators)
        try:
            text.encode(getattr(self._stream, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            text = json.dumps(value, default=str, separators=separators)
        self.write(text + "\n")

    def write_table(self, rows: List[List[str]]) -> None:
        """Columns as wide as what is in them; on a terminal too narrow for that, closer, or else a block a row."""
        rows = [[escape_controls(cell) for cell in row] for row in rows]
        sizes = [max(map(width_of_text, column)) for column in zip(*rows)]
        width = width_of(self._stream) if self.is_terminal else sys.maxsize
        gap = next((gap for gap in (4, 2) if sum(sizes) + gap * (len(sizes) - 1) <= width), 0)
        if gap or len(rows) == 1:
            lines = [(" " * gap).join(map(padded, row, sizes)) for row in rows]
        else:
            lines = [line for row in rows[1:] for line in [row[0], *map("  {}: {}".format, rows[0][1:], row[1:])]]
        self.write("".join(line.rstrip() + "\n" for line in lines))

    def end_line(self, style: str = "") -> None:
        if self.line_open:
            self.flush(style)
            self.write("\n")

    def flush(self, style: str = "") -> None:
        """Write the word that is held."""
        if self._wrapper is not None and self._stream is not None:
            wrapper, self._wrapper = self._wrapper, None
            self.write(wrapper.placed(), style)
            self._wrapper = wrapper


class ErrorOutput(Output):
    """Standard error, whose own failures do not count: the answer is on the other stream."""

    def __init__(self, raw: bool = False, wrap: bool = False) -> None:
        super().__init__(sys.stderr, raw, wrap)

    def write(self, text: str, style: str = "") -> None:
        try:
            super().write(text, style)
        except OSError:
            silence(self._stream)


class Wrapper:
    """Pieces of text go in and come out with line ends between words, so that no line is wider than ``width``.

    The end of a piece may be in the middle of a word: it is held until the word is over. A word wider than a line is
    left for the terminal to break.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._column = 0
        self._blanks = self._word = ""

    def wrapped(self, text: str) -> str:
        shown = []
        for character in text:
            if character in " \t\n":
                shown.append(self.placed())
                self._blanks += character
                if character == "\n":
                    shown.append("\n")
                    self._column, self._blanks = 0, ""
            elif columns(character) == 2:  # CJK: a word of its own
                shown.append(self.placed())
                self._word = character
            else:
                self._word += character
        return "".join(shown)

    def placed(self) -> str:
        """The word that is over, and the blanks before it or the line end in their place."""
        word, blanks = self._word, self._blanks.expandtabs(4)
        if not word:
            return ""
        self._word = self._blanks = ""
        size = width_of_text(word)
        if self._column and self._column + len(blanks) + size > self._width:
            self._column, blanks = 0, "\n"
        self._column = (self._column + len(blanks.strip("\n")) + size) % self._width or self._width
        return blanks + word


def padded(text: str, width: int) -> str:
    return text + " " * (width - width_of_text(text))


def width_of_text(text: str) -> int:
    return sum(map(columns, text))


def columns(character: str) -> int:
    """How wide a terminal shows it."""
    if character < "\u0300":
        return 1
    from unicodedata import category, east_asian_width

    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


class Waiting:
    """A line on a terminal that says for what one waits, while nothing has come; to be used with ``with``."""

    def __init__(self, what: str, out: Output) -> None:
        self._what, self._out = what, out
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._started = time.monotonic()

    def __enter__(self) -> Waiting:
        # A terminal that is written to line by line (TERM=dumb) would be filled with it.
        if self._out.is_terminal and os.environ.get("TERM") != "dumb":
            self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Take the line away."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def until_first(self, records: Iterable[Any]) -> Iterator[Any]:
        """The records as they come; with the first of them the line goes."""
        for record in records:
            self.end()
            yield record

    def _tell(self) -> None:
        shown = ""
        while not self._over.wait(QUIET_SECONDS):
            text = "%s: waiting %d s (Ctrl-C stops)" % (self._what, time.monotonic() - self._started)
            shown = text[: width_of(sys.stderr) - 1]
            self._out.write("\r" + shown)
        if shown:
            self._out.write("\r%s\r" % (" " * len(shown)))


def print_answer(ask: Callable[[], Any], options: Namespace, what: str) -> None:
    """Print what a call answers: a stream, record by record, or the one record. ``what`` is named while it is due."""
    printer, answer = Printer(options, what), None
    try:
        with printer.waiting:
            answer = ask()
            if not hasattr(answer, "result"):
                printer.show(answer)
            else:
                with answer:
                    for record in answer:
                        printer.show(record)
    except OllamaError as error:
        if answer is None and hasattr(error.partial, "text"):
            printer.show(error.partial)
        raise
    finally:
        printer.end_lines()
    if options.stats:
        printer.show_figures()


class Printer:
    """The records of one answer go in; its text comes out on standard output, the rest on standard error.

    Of ``options``: ``raw`` (no escaping), ``nowordwrap``, ``hidethinking``, and ``newline``: whether the text ends with
    one, on a terminal alone where it is None.
    """

    def __init__(self, options: Namespace, what: str) -> None:
        wrap = not getattr(options, "nowordwrap", True)
        self._out = Output(sys.stdout, options.raw, wrap)
        self._err = ErrorOutput(options.raw, wrap)
        self.waiting = Waiting(what, ErrorOutput(raw=True))
        self._thinks = not getattr(options, "hidethinking", False)
        self._newline: Optional[bool] = getattr(options, "newline", None)
        self._half = ""  # of a character
        self._frame = ""  # what ends the frame around the thinking, while that is open
        self._started = time.monotonic()
        self._first: Optional[float] = None  # seconds until the first text or thinking
        self._last: Optional[Generation] = None

    def show(self, record: Any) -> None:
        """Print one record, a JSON line of one that is none of ours. Raises OSError of standard output."""
        self.waiting.end()
        if not hasattr(record, "text"):
            self._out.write_json(record)
            return
        self._last = record
        thinking, calls = aside(record)
        if self._first is None and (thinking or record.text):
            self._first = time.monotonic() - self._started
        if thinking and self._thinks:
            self._think(thinking)
        if record.text:
            self._end_thinking()
            self._write(record.text)
        for call in calls:
            self._end_thinking()
            self._err.write("tool call: %s\n" % call.model_dump_json(exclude_none=True))

    def _write(self, text: str) -> None:
        """Half a character, the first of a surrogate pair, waits for the other half."""
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        self._out.write(join_texts([text[: len(text) - len(self._half)]]))

    def end_lines(self) -> None:
        """What comes next on either stream starts a line."""
        self._end_thinking()
        if self._half:
            half, self._half = self._half, ""
            self._out.write(half)
        if self._newline is None and self._out.is_terminal or self._newline:
            self._out.end_line()
        self._out.flush()

    def show_figures(self) -> None:
        for name, value in figures(self._last, self._first):
            self._err.write("%-18s %s\n" % (name, value))

    def _think(self, text: str) -> None:
        """Dim where the terminal can, framed where it cannot; a file gets the text as it is."""
        if self._err.is_terminal and not self._err.styled and not self._frame:
            self._err.write("Thinking...\n")
            self._frame = "...done thinking.\n"
        if self._out.is_terminal:
            self._out.end_line()
        self._err.write(text, DIM)

    def _end_thinking(self) -> None:
        self._err.end_line(DIM)
        if self._frame:
            self._err.write(self._frame)
            self._frame = ""


def aside(record: Generation) -> Tuple[str, List[Any]]:
    """The thinking and the tool calls beside a record's text."""
    source: Any = getattr(record, "message", record)
    thinking, calls = source.thinking, source.tool_calls
    return thinking if isinstance(thinking, str) else "", calls if isinstance(calls, list) else []


def duration(nanoseconds: int) -> str:
    """In seconds, by integers: a number from a server may be too large for a float."""
    sign, nanoseconds = "-" * (nanoseconds < 0), abs(nanoseconds)
    return sign + "%d.%03d s" % divmod(nanoseconds // 1000000, 1000)


FIGURES: Tuple[Tuple[str, str, type, Callable[[Any], str]], ...] = (  # by name: the field, its type, its form
    ("prompt tokens", "prompt_eval_count", int, str),
    ("of them cached", "prompt_eval_cached_count", int, str),
    ("tokens", "eval_count", int, str),
    ("tokens/s", "tokens_per_second", float, "{:.1f}".format),
    ("load", "load_duration", int, duration),
    ("prompt", "prompt_eval_duration", int, duration),
    ("generation", "eval_duration", int, duration),
    ("total", "total_duration", int, duration),
)


def figures(record: Optional[Generation], first: Optional[float]) -> List[Tuple[str, str]]:
    """What is known of an answer: tokens, speed and times, by name. A value of an odd type is shown as it came."""
    rows = [] if first is None else [("first token after", "%.3f s" % first)]
    for name, field, kind, form in FIGURES:
        value = getattr(record, field, None)
        if type(value) is kind:
            rows.append((name, form(value)))
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            rows.append((name, escape_controls(text)[:40]))
    return rows


def can_style() -> bool:
    """Whether a terminal here takes escape sequences (https://no-color.org)."""
    return os.name == "posix" and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")


def width_of(stream: Optional[TextIO]) -> int:
    """The columns of the terminal that a stream is."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH  # type: ignore[union-attr]
    except (OSError, ValueError, AttributeError):
        return DEFAULT_WIDTH


def silence(stream: Optional[TextIO]) -> None:
    """Let a stream that fails go nowhere: at its exit the interpreter writes what is left, and would complain."""
    if stream is not None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
