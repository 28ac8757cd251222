# SPDX-License-Identifier: MIT
"""Body bytes go in, records come out; and the records so far make the partial, at last the whole, answer. No I/O.

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
from typing import Any, Callable, Dict, Generic, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar

from ._decode import Record, decode, described
from ._errors import IncompleteStream, OllamaError, ProtocolError, ResponseError, error_text
from ._json import MAX_DEPTH, parse_json, scan_once
from ._records import ChatResponse, GenerateResponse, Generation, Message

MAX_LINE = 64 * 1024 * 1024  # bytes. Ollama's own client stops at 8 MB; older servers send images in one line.
MAX_SHOWN_LINE = 4096  # bytes of a bad or unfinished line that an error carries
FOLD_EVERY = 2048  # texts that wait to be joined

BOM = b"\xef\xbb\xbf"
T = TypeVar("T")
E = TypeVar("E", bound=OllamaError)


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
        self.size += len(data)
        cut = data.rfind(b"\n") + 1
        if cut:
            self._ended += self._rest
            self._ended.append(data[:cut])
            self._rest, self._rest_size = [], 0
        if cut < len(data):
            self._rest.append(data[cut:] if cut else data)
            self._rest_size += len(data) - cut

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


class GrowingText:
    """A text that comes in parts, joined when somebody asks. Each part is copied a few times, however many they are."""

    def __init__(self) -> None:
        self.parts: List[str] = []  # not joined yet; may be appended to
        self._joined: List[str] = []

    def append(self, text: str) -> None:
        self.parts.append(text)
        if len(self.parts) >= FOLD_EVERY:
            self.fold()

    def fold(self) -> None:
        """Join the parts that wait: 100,000 short strings would cost 6 MB."""
        if self.parts:
            self._joined.append(join_texts(self.parts))
            self.parts.clear()

    def whole(self) -> str:
        self.fold()
        if len(self._joined) > 1:  # kept: who asks after each record pays for what is shown, not for each part again
            self._joined = [join_texts(self._joined)]
        return "".join(self._joined)


def join_texts(texts: List[str]) -> str:
    return "".join(texts)


class GrowingObject:
    """JSON objects, one after the other -> one: texts and lists are gathered, of everything else the last counts."""

    def __init__(self, texts: Tuple[str, ...] = (), lists: Tuple[str, ...] = ()) -> None:
        self.texts = {name: GrowingText() for name in texts}
        self._lists: Dict[str, List[Any]] = {name: [] for name in lists}
        self._last: Dict[str, Any] = {}

    def add(self, data: Mapping[str, Any]) -> None:
        self._last.update(data)
        for name, texts in self.texts.items():
            if data.get(name):
                texts.append(data[name])
        for name, items in self._lists.items():
            if data.get(name):
                items += data[name]

    def update(self, data: Mapping[str, Any]) -> None:
        """Add an object whose texts have been gathered, and that has no lists."""
        self._last.update(data)

    @property
    def begun(self) -> bool:
        return bool(self._last)

    def whole(self) -> Dict[str, Any]:
        """All of it as one object, with lists of its own."""
        whole = {name: list(value) if isinstance(value, list) else value for name, value in self._last.items()}
        whole.update((name, texts.whole() or whole[name]) for name, texts in self.texts.items() if name in whole)
        whole.update((name, list(items) or whole[name]) for name, items in self._lists.items() if name in whole)
        return whole


class Assembler(Generic[T]):
    """Records so far -> one record: texts and lists joined, everything else as the last record has it.

    Where the records are no pieces of an answer (progress, documents, dicts), the last of them stands for all.
    """

    def __init__(self, record_class: Type[T]) -> None:
        self.record_class = record_class
        self.text = GrowingText()  # of the answer; who appends to it himself sets ``last``
        self.last: Optional[T] = None  # the last of the records that had nothing else to be gathered
        self._value: Any = None
        self._fields = GrowingObject()
        self._message: Optional[GrowingObject] = None
        if issubclass(record_class, ChatResponse):
            self._fields = GrowingObject(lists=("logprobs",))
            self._message = GrowingObject(("content", "thinking"), ("tool_calls", "images"))
            self.text = self._message.texts["content"]
        elif issubclass(record_class, GenerateResponse):
            self._fields = GrowingObject(("response", "thinking"), ("logprobs", "tool_calls"))
            self.text = self._fields.texts["response"]

    def add(self, record: T) -> None:
        """Take in any record."""
        if not isinstance(record, Record):
            self._value = record
            return
        if not isinstance(record, Generation):
            self._fields = GrowingObject()
        self._take_last()
        self._fields.add(record.__dict__)
        if self._message is not None:
            self._message.add(record.__dict__["message"].__dict__)

    @property
    def has_records(self) -> bool:
        return self.last is not None or self._fields.begun or self._value is not None

    def _take_last(self) -> None:
        last, self.last = self.last, None
        if last is not None:
            self._fields.update(last.__dict__)
            if self._message is not None:
                self._message.update(last.__dict__["message"].__dict__)

    def result(self) -> T:
        """The records so far as one record, a new one each time."""
        if not issubclass(self.record_class, Record):
            return self._value  # type: ignore[no-any-return]
        self._take_last()
        data = self._fields.whole()
        if self._message is not None:
            message = data["message"] = Message()
            message.__dict__.update(self._message.whole())
            message.__dict__["role"] = message.role or "assistant"
        record = object.__new__(self.record_class)
        record.__dict__ = data
        record._complete()
        return record


class ResponseDecoder(Generic[T]):
    """The body of a 2xx response -> records of one class, each taken into ``assembler`` before it is handed out.

    ``is_last`` tells the JSON object that ends the answer; None means that the body is one JSON document of any form.
    """

    def __init__(
        self,
        record_class: Type[T],
        is_last: Optional[Callable[[Mapping[str, Any]], bool]],
        max_line: int = MAX_LINE,
    ) -> None:
        self.assembler: Assembler[T] = Assembler(record_class)
        self.finished = False
        self.closed = False  # set from outside: no record is handed out after that
        self.plain_text = False  # set from outside: a document that is text is taken as it is
        self._class = record_class
        self._is_last = is_last
        self._lines = LineSplitter(max_line)
        self.receive = self._lines.receive  # store body bytes
        self._fast: Callable[[Any, List[str]], Any] = FAST.get(record_class, no_fast_way)
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
        if self._is_last is None:
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
        """The hot loop: whole lines, decoded to text once, are scanned in place.

        The scanner alone would also take an object that spans lines: only where it stops exactly at the end of the
        line is its result the line's. A line of fewer than MAX_DEPTH characters, or brackets, cannot be nested deeper.
        Everything unusual is left to ``_line``.
        """
        find, fast, assembler = text.find, self._fast, self.assembler
        texts, size = assembler.text.parts, len(text)
        start = counted = 0
        if len(texts) >= FOLD_EVERY:
            assembler.text.fold()
        while start < size and not self.closed:
            end = find("\n", start)
            record = data = None
            if end - start < MAX_DEPTH or text.count("{", start, end) + text.count("[", start, end) <= MAX_DEPTH:
                try:
                    data, stop = scan_once(text, start)
                    if stop == end:
                        record = fast(data, texts)
                    else:
                        data = None
                except (StopIteration, ValueError, RecursionError, MemoryError):  # recursion: an array open over lines
                    data = None
            if record is not None:
                assembler.last = record
                start = end + 1
                yield record
                continue
            self._lineno += text.count("\n", counted, end + 1)
            line, start = text[start:end], end + 1
            counted = start
            yield from self._line(line, data)
            if self.finished:
                return
        self._lineno += text.count("\n", counted, start)

    def _line(self, line: str, data: Any = None) -> Iterator[T]:
        """The careful way, for any line, whose value may be known: one record, or none for a blank line."""
        if data is None:
            line = line.strip(" \t\r")
            if not line:
                return
        try:
            data = parse_json(line) if data is None else data
            record, error = self._record(data)
        except ProtocolError as problem:
            raise self._located(problem, line.encode())
        if record is not None:
            self.assembler.add(record)
            self.finished = error is None and self._is_last is not None and self._is_last(data)
            yield record
        if error is not None:
            raise self._stop(error)

    def _record(self, data: Any) -> Tuple[Any, Optional[ResponseError]]:
        """The record of a JSON value, and the error that it reports; text beside an error is not lost."""
        if type(data) is not dict:
            raise ProtocolError("expected a JSON object, got %s" % described(data))
        error = None
        if data.get("error"):
            error = response_error(data)
            if not any(name in data for name in ("message", "response")):
                return None, error
        try:
            return (decode(self._class, data) if issubclass(self._class, Record) else data), error
        except ProtocolError:
            if error is None:
                raise
            return None, error  # what the server says of itself is worth more than the shape it says it in

    def _last_line(self) -> Iterator[T]:
        """What a body ends with instead of an LF: the one object of an answer, or half a line."""
        rest = self._lines.rest()
        if rest.strip():
            self._lineno += 1
            try:
                line = rest.decode("utf-8")
                parse_json(line.strip())
            except (UnicodeDecodeError, ProtocolError):
                if not rest.lstrip().startswith(b"{"):
                    raise self._located(ProtocolError("expected a JSON object"), rest)
                raise self._stop(IncompleteStream("the body ended inside a line", tail=rest[:MAX_SHOWN_LINE]))
            yield from self._line(line)
        if not self.finished and not self.closed:
            raise self._stop(IncompleteStream("the body ended before the record that ends an answer"))

    def _document(self) -> Iterator[T]:
        """One JSON document in any layout, kept whole until it ends; an empty body and null are an empty record."""
        if self._lines.size > self._lines.max_line:
            raise self._stop(ProtocolError("the body is longer than %d bytes (max_line)" % self._lines.max_line))
        if not self._ended:
            return
        body = self._lines.block() + self._lines.rest()
        try:
            text = body.decode("utf-8").strip()
            record, failure = self._value_of(text)
        except UnicodeDecodeError:
            raise self._located(not_utf8(body), body)
        except ProtocolError as problem:
            raise self._located(problem, body)
        if failure is not None:
            raise self._stop(failure)
        if record is not None:
            self.assembler.add(record)
            self.finished = True
            yield record
        self.finished = True

    def _value_of(self, text: str) -> Tuple[Any, Optional[ResponseError]]:
        if issubclass(self._class, Record):
            value = parse_json(text) if text else None
            return self._record({} if value is None else value)
        if self.plain_text or not text:
            return text or None, None
        value = parse_json(text)
        return self._record(value) if isinstance(value, dict) else (value, None)

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


def response_error(data: Mapping[str, Any], status: int = -1, **details: Any) -> ResponseError:
    """The error that a JSON object reports in its ``error`` member."""
    signin = data.get("signin_url")
    return ResponseError(
        error_text(data["error"]), status, signin_url=signin if isinstance(signin, str) else None, raw=dict(data), **details
    )


# --- the common records, without the table of kinds -----------------------------------------------------------------
# Measured: a piece of text in a stream costs 2.5 times as much by way of decode().

new_record = object.__new__


def fast_chat(data: Any, texts: List[str]) -> Optional[ChatResponse]:
    """A record with nothing but model, created_at, done: false and a message of role and content."""
    try:
        message = data["message"]
        content = message["content"]
        if (
            len(data) == 4
            and data["done"] is False
            and len(message) == 2
            and type(content) is str
            and type(message["role"]) is str
            and type(data["model"]) is str
            and type(data["created_at"]) is str
        ):
            data["message"] = piece = new_record(Message)
            piece.__dict__ = message
            record = new_record(ChatResponse)
            record.__dict__ = data
            texts.append(content)
            return record
    except (KeyError, TypeError):
        pass
    return None


def fast_generate(data: Any, texts: List[str]) -> Optional[GenerateResponse]:
    """A record with nothing but model, created_at, done: false and response."""
    try:
        response = data["response"]
        if (
            len(data) == 4
            and data["done"] is False
            and type(response) is str
            and type(data["model"]) is str
            and type(data["created_at"]) is str
        ):
            record = new_record(GenerateResponse)
            record.__dict__ = data
            texts.append(response)
            return record
    except (KeyError, TypeError):
        pass
    return None


def no_fast_way(_data: Any, _texts: List[str]) -> None:
    return None


FAST: Dict[Any, Callable[[Any, List[str]], Any]] = {ChatResponse: fast_chat, GenerateResponse: fast_generate}
