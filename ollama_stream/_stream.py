# SPDX-License-Identifier: MIT
"""Body bytes go in, records come out, each taken into an assembler before it is handed out. No I/O.

    body bytes -> LineSplitter: blocks of whole lines -> ResponseDecoder: JSON -> record -> Assembler

The body of a stream is NDJSON: one JSON object a line, ended by LF (CRLF and blank lines do no harm). Lines are cut in
bytes, at 0x0A and nowhere else: 0x0A is in no UTF-8 sequence and never bare in JSON, while ``str.splitlines`` also cuts
at U+0085 and U+2028, which JSON may hold. A body may also be one object without an LF.

Two calls, not one: ``receive`` only stores, ``records`` yields what is complete so far and raises where it goes wrong, so
that the outcome depends on the bytes and never on how they were cut. ``finished`` turns true with the record that ends
the answer; what follows it is dropped.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Callable, Generic, Iterator, List, Mapping, Optional, Tuple, Type

from ._assembler import FAST, FOLD_EVERY, T, Assembler, no_fast_way
from ._decode import Record, decode, described
from ._documents import ProgressResponse
from ._errors import (
    E, IncompleteStream, OllamaError, ProtocolError, ResponseError, check_origin, error_text, find_reason,
    misfit,
)  # fmt: skip
from ._json import JSON_BLANKS, MAX_DEPTH, is_cut, parse_json, read_object, scan_once
from ._records import Generation

MAX_LINE = 64 * 1024 * 1024  # bytes. Ollama's own client stops at 8 MB; older servers send images in one line.
MAX_SHOWN_LINE = 4096  # bytes of a bad or unfinished line that an error carries

PECULIAR = frozenset(("error", "done_reason", "_debug_info"))  # of records that may be no part of an answer
BOM = b"\xef\xbb\xbf"
BLANKS = JSON_BLANKS.encode()
NO_LAST = "the body ended before the record that ends an answer"


class LineSplitter:
    """Cuts bytes into blocks of whole lines. No line is longer than ``max_line`` bytes, nothing is copied twice."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line = max_line
        self.size = 0  # bytes received
        self.too_long: Optional[bytes] = None  # how the line starts that passes the limit: there is no line after it
        self._ended: List[bytes] = []  # pieces up to and with the last LF so far
        self._rest: List[bytes] = []  # pieces of the line that has no LF yet
        self._rest_size = 0
        self._started = False

    def receive(self, data: bytes) -> None:
        size = len(data)
        cut = size if data[-1:] == b"\n" else data.rfind(b"\n") + 1
        self.size += size
        if cut:
            if self._rest:
                self._ended += self._rest
                self._rest, self._rest_size = [], 0
            self._ended.append(data[:cut])
        if cut < size:
            self._rest.append(data[cut:])
            self._rest_size += size - cut

    def block(self) -> bytes:
        """The whole lines received since the last call, b"" for none, up to one that is ``too_long``."""
        if self.too_long is not None:
            return b""
        block = b"".join(self._ended)
        self._ended.clear()
        if len(block) > self.max_line or self._rest_size > self.max_line:
            block = self._good_lines(block)
        if block and not self._started:  # the limit counts the BOM, as it does where the line has no LF yet
            block, self._started = without_bom(block), True
        return block

    def peek(self) -> bytes:
        """What block() would give, left where it is, however long its lines are."""
        self._ended = [b"".join(self._ended)]
        return self._ended[0]

    def rest(self) -> bytes:
        """The last line, which has no LF."""
        rest = b"".join(self._rest)
        return rest if self._started else without_bom(rest)

    def start_of_rest(self) -> bytes:
        """Its first bytes, for an error."""
        start = b""
        for piece in self._rest:
            start += piece[:MAX_SHOWN_LINE]
            if len(start) >= MAX_SHOWN_LINE:
                break
        return start[:MAX_SHOWN_LINE]

    def _good_lines(self, block: bytes) -> bytes:
        """What comes before a line that is too long."""
        start = 0
        while len(block) - start > self.max_line:
            end = block.rfind(b"\n", start, start + self.max_line + 1)
            if end < 0:
                self.too_long = block[start : start + MAX_SHOWN_LINE]
                return block[:start]
            start = end + 1
        if self._rest_size > self.max_line:
            self.too_long = self.start_of_rest()
        return block


def without_bom(data: bytes) -> bytes:
    return data[3:] if data.startswith(BOM) else data


class ResponseDecoder(Generic[T]):
    """The body of a 2xx response -> records of one class, each taken into ``assembler`` before it is handed out.

    ``is_last`` tells the JSON object that ends the answer; None means that the body is one JSON document of any form,
    or lines up to its end where a stream was asked for (``streamed``). Where not, the answer may be one object over
    several lines, which is whole where it says nothing of its end, and lines of a stream are taken as well. ``needed`` is False where any
    answer will do, and none.
    """

    def __init__(
        self,
        record_class: Type[T],
        is_last: Optional[Callable[[Mapping[str, Any]], bool]],
        max_line: int = MAX_LINE,
        streamed: bool = True,
        needed: bool = True,
    ) -> None:
        self.assembler: Assembler[T] = Assembler(record_class)
        self.finished = False
        self.closed = False  # set from outside: no record is handed out after that
        self.plain_text = False  # set from outside: a document that is text is taken as it is
        self._class = record_class
        self._is_last = is_last
        self._lines = LineSplitter(max_line)
        self.receive = self._lines.receive  # store body bytes
        self._fast: Callable[[Any, List[str]], Any] = FAST.get(record_class, no_fast_way) if streamed else no_fast_way
        self._pieces = streamed and issubclass(record_class, Generation)
        self._by_line: Optional[bool] = streamed and bool(is_last)
        if streamed != bool(is_last) and (is_last or record_class is dict):
            self._by_line = None  # the first line will tell
        self._streamed = streamed
        self._free = not needed or (issubclass(record_class, Record) and not record_class._due)
        self._says_nothing = False  # the only record so far tells neither that the answer goes on nor that it ends
        self._lineno = 0  # lines decoded so far
        self._ended = False
        self._error: Optional[OllamaError] = None

    def end(self) -> None:
        """The body has ended: what is left is the last line, or the document."""
        self._ended = True

    def tail(self) -> bytes:
        """The start of a last line that has not ended, for an error."""
        return self._lines.start_of_rest()

    def records(self) -> Iterator[T]:
        """Yield the records that are complete; raises ProtocolError, ResponseError, and IncompleteStream after end()."""
        if self._error is not None:
            raise self._error
        if self.finished or self.closed:
            return iter(())
        if self._by_line is None:
            self._look_at_first_line()
        if not self._by_line:
            return self._document()
        bad_line, block = b"", self._lines.block()
        try:
            text = block.decode("utf-8")
        except UnicodeDecodeError:
            text, bad_line = decoded(block)
        if bad_line or self._ended or self._lines.too_long is not None:
            # chain() hands a record on for less than a generator around a generator would.
            return chain(self._scan(text), self._after_lines(bad_line))
        return self._scan(text)

    def _look_at_first_line(self) -> None:
        """Lines of a stream begin with a whole JSON value; the first line of a document that is laid out is none."""
        start = without_bom(self._lines.peek()[: self._lines.max_line + 1])
        line, end, _ = start.lstrip(BLANKS).partition(b"\n")
        if end:
            try:
                parse_json(line.decode())
                self._by_line = True
            except (UnicodeDecodeError, ProtocolError):
                self._by_line = False
        elif self._lines.size > self._lines.max_line:
            self._by_line = True  # one that is too long
        if self.plain_text and not self._is_last:
            self._by_line = False

    def _after_lines(self, bad_line: bytes) -> Iterator[T]:
        """What is left where no more whole lines come: a line that is refused, or the end of the body."""
        if self.finished or self.closed:
            return
        max_line, too_long = self._lines.max_line, self._lines.too_long
        if bad_line or too_long is not None:
            self._lineno += 1
            if too_long is None or bad_line:
                raise self._located(not_utf8(bad_line), bad_line)
            raise self._located(ProtocolError("longer than %d bytes (max_line)" % max_line), too_long[:max_line])
        yield from self._last_line()

    def _scan(self, text: str) -> Iterator[T]:
        """The hot loop: whole lines, decoded to text once.

        The scanner alone would take a line with something after its object: only where it stops at the end of the line is
        its result the line's. One of fewer than MAX_DEPTH characters, or brackets, cannot be nested deeper. Everything
        unusual is left to ``_line``.
        """
        fast, assembler, lineno = self._fast, self.assembler, self._lineno
        texts = assembler.text.parts
        if len(texts) >= FOLD_EVERY:
            assembler.text.fold()
        for line in text.split("\n")[:-1]:  # nothing comes after the last LF
            if self.closed:
                break
            lineno += 1
            size = len(line)
            record = data = None
            if size < MAX_DEPTH or line.count("{") + line.count("[") <= MAX_DEPTH:
                try:
                    data, stop = scan_once(line, 0)
                    if stop == size:
                        record = fast(data, texts)
                    else:
                        data = None
                except (StopIteration, ValueError, RecursionError, MemoryError) as error:
                    check_origin(error)
                    data = None
            if record is not None:
                assembler.last = record
            elif data is not None:
                record = self._piece(data)
            if record is not None:
                yield record
                continue
            self._lineno = lineno
            yield from self._line(line, data)
            if self.finished:
                return
        self._lineno = lineno

    def _piece(self, data: Any) -> Any:
        """The record of a part of an answer that goes on; None for all that wants a closer look."""
        try:
            if data["done"] is not False or not PECULIAR.isdisjoint(data) or not self._pieces:
                return None
            cls: Any = self._class
            record = decode(cls, data)
        except (KeyError, TypeError, ProtocolError) as error:
            check_origin(error)
            return None
        self.assembler.gather(data)
        return record

    def _line(self, line: str, data: Any = None) -> Iterator[T]:
        """The careful way, for any line, whose value may be known: one record, or none for a blank line."""
        if data is None:
            line = line.strip(" \t\r")
            if not line:
                return
        try:
            data = parse_json(line) if data is None else data
            only_text = not self.assembler.has_records and says_nothing(data)  # decoding adds a message
            record, error = self._record(data)
        except ProtocolError as problem:
            raise self._located(problem, line.encode())
        if record is not None:
            self._says_nothing = only_text
            self.assembler.add(record)
            self.finished = error is None and self._is_last is not None and self._is_last(data)
            yield record
        if error is not None:
            raise self._stop(error)

    def _record(self, data: Any, alone: bool = False) -> Tuple[Any, Optional[OllamaError]]:
        """The record of a JSON value, and the error that it reports; text beside an error is not lost."""
        cls = self._class
        if type(data) is not dict:
            if cls is dict and not self._is_last:
                return data, None
            raise misfit(ProtocolError, "", "a JSON object", described(data))
        error = None
        if data.get("error") or data.get("done_reason") == "error":
            error = response_error(data)
            if not any(name in data for name in ("message", "response")):
                return None, error
        if not issubclass(cls, Record):
            return data, error
        try:
            if error is None and not self._free:
                check_due(cls, data, alone)
            return decode(cls, data), error
        except ProtocolError:
            if error is None:
                raise
            return None, error  # what the server says of itself is worth more than the shape it says it in

    def _last_line(self) -> Iterator[T]:
        """What a body ends with instead of an LF: the one object of an answer, or half a line."""
        rest = self._lines.rest().strip(BLANKS)
        if rest:
            self._lineno += 1
            try:
                line = rest.decode("utf-8")
                parse_json(line)
            except (UnicodeDecodeError, ProtocolError):
                if not rest.startswith(b"{"):
                    raise self._located(ProtocolError("expected a JSON object"), rest)
                raise self._stop(IncompleteStream("the body ended inside a line", tail=rest[:MAX_SHOWN_LINE]))
            yield from self._line(line)
        self.finished = self.finished or not self._is_last or (self._says_nothing and not self._streamed)
        if not self.finished and not self.closed:
            raise self._stop(IncompleteStream(NO_LAST))

    def _document(self) -> Iterator[T]:
        """One JSON document in any layout, kept whole until it ends."""
        if self._lines.size > self._lines.max_line:
            raise self._stop(ProtocolError("the body is longer than %d bytes (max_line)" % self._lines.max_line))
        if not self._ended:
            return
        body = self._lines.block() + self._lines.rest()
        try:
            anything = self._free and not self._is_last
            data = self._value_of(body.decode("utf-8", "replace" if anything else "strict").strip(JSON_BLANKS))
            only_text = not data or says_nothing(data)  # decoding adds a message
            record, error = self._record(data, alone=True)
        except UnicodeDecodeError:
            raise self._located(not_utf8(body), body)
        except ProtocolError as problem:
            raise self._located(problem, body)
        except IncompleteStream as problem:
            raise self._stop(problem)
        if record is not None:
            self.assembler.add(record)
            if error is None and self._is_last and not (self._is_last(data) or only_text):
                error = IncompleteStream(NO_LAST)
            self.finished = error is None
            yield record
        if error is not None:
            raise self._stop(error)
        self.finished = True

    def _value_of(self, text: str) -> Any:
        if self._free and not self._is_last:
            if text.startswith("<"):  # a proxy's page is no success
                raise ProtocolError("not JSON")
            return read_object(text) or {}
        if not text:
            if self._free:
                return {}
            if self._class is dict and not self._is_last:
                return None
            raise IncompleteStream(NO_LAST if self._is_last else "the body is empty")
        if self.plain_text and self._class is dict:
            return text
        try:
            value = parse_json(text)
            return {} if value is None and issubclass(self._class, Record) else value
        except ProtocolError:
            if self._is_last and text.startswith("{") and is_cut(text):
                raise IncompleteStream("the body ended inside the document", tail=text.encode()[:MAX_SHOWN_LINE]) from None
            raise

    def _located(self, error: ProtocolError, line: bytes) -> ProtocolError:
        error.lineno, error.line = max(self._lineno, 1), line[:MAX_SHOWN_LINE]
        error.args = ("line %d of the body: %s%s" % (error.lineno, error.args[0], hint(line)),)
        return self._stop(error)

    def _stop(self, error: E) -> E:
        self._error = error
        return error


def decoded(block: bytes) -> Tuple[str, bytes]:
    """The text of the lines before the first one that is not UTF-8, and that line or b""."""
    try:
        return block.decode("utf-8"), b""
    except UnicodeDecodeError as error:
        start = block.rfind(b"\n", 0, error.start) + 1
        end = block.find(b"\n", start)
        return block[:start].decode("utf-8"), block[start:end]


def not_utf8(line: bytes) -> ProtocolError:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        return ProtocolError("not UTF-8: %s at byte %d" % (error.reason, error.start))
    return ProtocolError("not UTF-8")


def hint(line: bytes) -> str:
    """What the line shows, and what it looks like."""
    start = line.lstrip()[:120]
    if start.startswith((b"data:", b"event:", b": ")):
        advice = "; this looks like server-sent events: is the path one of /v1?"
    elif start.startswith(b"<"):
        advice = "; this looks like a web page: is this an Ollama server?"
    elif start in (b"{", b"["):
        advice = "; this looks like JSON laid out over several lines"
    else:
        advice = ""
    return " (%s)%s" % (ascii(start.decode("utf-8", "replace")), advice) if start else advice


def says_nothing(data: Any) -> bool:
    """Whether an object is an answer that does not say whether it is the whole one."""
    if type(data) is not dict or "done" in data:
        return False
    return data.get("message") is not None or data.get("response") is not None


def check_due(cls: Type[Record], data: Mapping[str, Any], alone: bool) -> None:
    """Raises ProtocolError for an object that is no record of that class: nothing of what makes one is in it.

    ``alone``: it is all there is, and no sign of life between others. Of an answer null is nothing.
    """
    null_is_empty: Any = () if issubclass(cls, Generation) else cls._factories
    if any(name in data and (data[name] is not None or name in null_is_empty) for name in cls._due):
        return
    if not alone and data and issubclass(cls, (Generation, ProgressResponse)):
        if all(name in cls._fields or name == "error" for name in data):
            return
    advice = ""
    if any(name in data for name in ("choices", "data", "object")):
        advice = "; this looks like an answer of the API under /v1: is host right, and the server one of Ollama's API?"
    raise ProtocolError("%s: missing%s" % (cls._due[0], advice), place=cls._due[0], got="nothing")


def response_error(data: Mapping[str, Any], status: int = -1, phrase: str = "", **details: Any) -> ResponseError:
    """The error that a JSON object reports."""
    signin = data.get("signin_url")
    text = find_reason(data, phrase) or (
        error_text(data["error"]) if data.get("error") else 'the server ended the answer with done_reason "error"'
    )
    return ResponseError(text, status, signin_url=signin if isinstance(signin, str) else None, raw=dict(data), **details)
