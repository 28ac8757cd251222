# SPDX-License-Identifier: MIT
"""Records go in, one by one; out comes the answer so far as one record, at any moment. No I/O.

Parts are gathered and joined when somebody asks, so that time and memory grow with the answer, whatever its records
hold. The records that make most of every answer, a piece of text and nothing else, go in by a way of their own.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Generic, List, Mapping, Optional, Tuple, Type, TypeVar

from ._decode import Record, new_record
from ._errors import check_origin
from ._records import ChatResponse, GenerateResponse, Generation, Message

FOLD_EVERY = 2048  # texts that wait to be joined
T = TypeVar("T")


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
    """One text; the halves of a surrogate pair that came apart become the one character that they are."""
    text = "".join(texts)
    try:
        text.encode()
    except UnicodeEncodeError:
        joined: str = json.loads(json.dumps(text))  # which reads two escapes as the one character that they are
        return joined
    return text


class GrowingObject:
    """JSON objects, one after the other -> one: texts and lists are gathered, of everything else the last counts.

    What is no text or list where one is due is neither gathered nor in the way.
    """

    def __init__(self, texts: Tuple[str, ...] = (), lists: Tuple[str, ...] = ()) -> None:
        self._texts = {name: GrowingText() for name in texts}
        self._lists: Dict[str, List[Any]] = {name: [] for name in lists}
        self._last: Dict[str, Any] = {}
        self._gathered: List[Tuple[str, type, Callable[[Any], None]]] = []  # name, type, what takes a value
        self._gathered += [(name, str, text.append) for name, text in self._texts.items()]
        self._gathered += [(name, list, items.extend) for name, items in self._lists.items()]

    def text(self, name: str) -> GrowingText:
        """The text of that name; who appends to it gives the rest of its record to ``update``."""
        return self._texts[name]

    def add(self, data: Mapping[str, Any]) -> None:
        self._last.update(data)
        for name, kind, take in self._gathered:
            value = data.get(name)
            if value and type(value) is kind:
                take(value)

    def update(self, data: Mapping[str, Any]) -> None:
        """Add an object whose texts have been gathered, and that has no lists."""
        self._last.update(data)

    @property
    def begun(self) -> bool:
        return bool(self._last)

    def whole(self) -> Dict[str, Any]:
        """All of it as one object, with lists of its own."""
        whole = {name: list(value) if isinstance(value, list) else value for name, value in self._last.items()}
        whole.update((name, text.whole() or whole[name]) for name, text in self._texts.items() if name in whole)
        whole.update((name, list(items) or whole[name]) for name, items in self._lists.items() if name in whole)
        return whole


class Assembler(Generic[T]):
    """Records so far -> one record: texts and lists joined, everything else as the last record has it.

    Where the records are no pieces of an answer (progress, documents, dicts), the last of them stands for all.
    """

    def __init__(self, record_class: Type[T]) -> None:
        self.record_class = record_class
        self.last: Optional[T] = None  # the last of the records that had nothing to be gathered but ``text``
        self._value: Any = None
        self._message: Optional[GrowingObject] = None
        if issubclass(record_class, ChatResponse):
            self._fields = GrowingObject(lists=("logprobs",))
            self._message = GrowingObject(("content", "thinking"), ("tool_calls", "images"))
            self.text = self._message.text("content")
        else:
            self._fields = GrowingObject(("response", "thinking"), ("logprobs", "tool_calls"))
            self.text = self._fields.text("response")

    def add(self, record: T) -> None:
        """Take in any record."""
        if isinstance(record, Generation):
            self.gather(record.__dict__)
        elif isinstance(record, Record):
            self._fields = GrowingObject()
            self._fields.add(record.__dict__)
        else:
            self._value = record

    def gather(self, data: Dict[str, Any]) -> None:
        """Take in the fields of a part of an answer."""
        if self.last is not None:
            self._take_last()
        self._fields.add(data)
        if self._message is not None:
            self._message.add(data["message"].__dict__)

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
        record = new_record(self.record_class)
        record.__dict__ = data
        record._complete()
        return record


# --- the common records, without the table of kinds -----------------------------------------------------------------
# Measured: a piece of text in a stream costs 2.5 times as much by way of decode().


def fast_chat(data: Any, texts: List[str]) -> Optional[ChatResponse]:
    """A record with nothing but model, created_at, done: false and a message of role and content."""
    try:
        message = data["message"]
        content = message["content"]
        if (
            data["done"] is False
            and len(data) == 4
            and len(message) == 2
            and type(content) is str
            and "role" in message
            and "model" in data
            and "created_at" in data
        ):
            data["message"] = piece = new_record(Message)
            piece.__dict__ = message
            record = new_record(ChatResponse)
            record.__dict__ = data
            texts.append(content)
            return record
    except (KeyError, TypeError) as error:
        check_origin(error)
    return None


def fast_generate(data: Any, texts: List[str]) -> Optional[GenerateResponse]:
    """A record with nothing but model, created_at, done: false and response."""
    try:
        response = data["response"]
        if (
            data["done"] is False
            and len(data) == 4
            and type(response) is str
            and "model" in data
            and "created_at" in data
        ):
            record = new_record(GenerateResponse)
            record.__dict__ = data
            texts.append(response)
            return record
    except (KeyError, TypeError) as error:
        check_origin(error)
    return None


def no_fast_way(_data: Any, _texts: List[str]) -> None:
    return None


FAST: Dict[Any, Callable[[Any, List[str]], Any]] = {ChatResponse: fast_chat, GenerateResponse: fast_generate}
