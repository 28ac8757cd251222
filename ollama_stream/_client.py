# SPDX-License-Identifier: MIT
"""``Client`` and ``Stream``: calls go in, records come out, on blocking sockets."""

from __future__ import annotations

import sys
import threading
from typing import Any, AsyncIterator, Callable, Generic, Iterator, cast

from ._assembler import T
from ._calls import BaseClient
from ._documents import ProgressResponse
from ._errors import BEING_READ, OllamaError, StreamClosed
from ._exchange import Exchange
from ._methods import Methods, add_methods
from ._net import Network, run
from ._records import Generation


class Reading(Generic[T]):
    """What a stream and its loop know of one another, who otherwise would keep each other alive.

    ``who()`` tells threads, or tasks, apart. ``left``: the reader has closed the stream between two records. ``ended``: the
    loop has come to its end.
    """

    def __init__(self, exchange: Exchange[T], who: Callable[[], Any]) -> None:
        self.exchange, self.who = exchange, who
        self.taken = self.left = self.ended = False
        self._reader: Any = None

    def begin(self) -> None:
        """A loop takes the stream. Raises StreamClosed where another one has, or the error that ended it."""
        if self.left:
            raise StreamClosed("the stream was closed", partial=self.exchange.partial)
        if self.taken:
            used = StreamClosed("the stream has been read by another loop; call again for a new one")
            raise self.exchange.error or used
        self.taken, self._reader = True, self.who()

    def leave(self) -> None:
        """Whoever this is closes the stream."""
        self.left = self.left or self.taken and not self.exchange.being_read and self.who() == self._reader


def choose_iterator(stream: Any, statement: str) -> Any:
    """What ``__iter__`` of a stream, or of its texts, gives to whoever asks.

    A ``for`` (GET_ITER) or ``async for`` (GET_AITER) in Python code gets a loop that nobody else holds, so that it is
    closed by the ``break`` that drops it. For everybody else iter(stream) is the stream, as it is for a generator.
    """
    from opcode import opmap

    frame = sys._getframe(2)  # behind __iter__
    is_loop = frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap.get(statement)
    return stream._loop() if is_loop else stream


class BaseStream(Generic[T]):
    """What both colours of a stream share."""

    _who: Callable[[], Any]
    _over: Callable[..., Any]  # a loop over the records, made of a Reading
    _exchange: Exchange[T]

    def __init__(self, exchange: Exchange[T]) -> None:
        """A call with ``stream=True`` makes one.

        >>> import ollama_stream as ollama
        >>> stream = ollama.chat("llama3.2", "Say one word.", stream=True)
        >>> [part.text for part in stream], stream.status, stream.result().eval_count
        (['Hello', ''], 'complete', 1)
        """
        self._exchange = exchange
        self._records: Any = None  # made by next()
        self._reading = Reading(exchange, self._who)

    @property
    def partial(self) -> T:
        """What has been handed out so far, as one record."""
        return cast(T, self._exchange.partial)

    @property
    def status(self) -> str:
        """ "open", "complete", "truncated", "error" or "cancelled"."""
        exchange = self._exchange
        return "complete" if exchange.status == "open" and exchange.decoder.finished else exchange.status

    def close(self) -> None:
        """End the stream now; from any thread.

        A loop whose own body does it ends; one elsewhere, that waits for the next record, raises StreamClosed.
        """
        self._reading.leave()
        self._exchange.close()

    def _loop(self) -> Any:
        """What a loop goes over, and drops when it is left."""
        records, self._records = self._records, None
        if records is None:
            return self._over(self._reading)
        if getattr(records, "gi_running", self._exchange.being_read):  # a generator says more
            self._records = records
            raise StreamClosed(BEING_READ)
        if self._reading.left:
            self._check_ended()
        return records

    def _begin(self) -> Any:
        """The loop of next(), at its first call. Raises StreamClosed where another one has taken the stream."""
        if self._reading.taken:
            self._reading.begin()  # raises
        self._records = self._over(self._reading)
        return self._records

    def _check_unspent(self) -> None:
        """Raises StreamClosed, or what ended the stream, where next() has come to its end."""
        if self._records is not None and self._reading.ended:
            self._check_ended()
            self._reading.begin()  # raises

    def _check_ended(self) -> None:
        """A generator that has raised ends silently ever after; a stream says again what went wrong."""
        if self.status != "complete":
            raise self._exchange.error or StreamClosed("the stream was closed", partial=self._exchange.partial)

    def _is_unfinished(self) -> bool:
        """Whether nobody has begun to read the stream, or next() has, and not come to its end."""
        return not self._reading.taken or (self._records is not None and not self._reading.ended)

    def _whole(self) -> T:
        exchange = self._exchange
        if exchange.error is not None:
            raise exchange.error
        if self.status != "complete":
            raise StreamClosed("the stream was not read to its end, or a loop still reads it", partial=exchange.partial)
        return exchange.decoder.assembler.result()

    def __repr__(self) -> str:
        request, progress = self._exchange.request, format_progress(self._exchange.partial)
        place = "%s %s" % (request.method, self._exchange.url)
        return "<%s of %s: %s%s>" % (type(self).__name__, place, self.status, progress and ", " + progress)

    def __reduce__(self) -> Any:
        raise TypeError("a stream cannot be copied or pickled; its result() can")


def text_of(record: Any) -> str:
    return record.text if isinstance(record, Generation) else ""


def format_progress(partial: Any) -> str:
    """How far an answer is, in a few words; an empty string where nothing can be said."""
    if isinstance(partial, Generation):
        return "%d characters" % len(partial.text)
    if isinstance(partial, ProgressResponse) and partial.status:
        known = isinstance(partial.total, int)
        return "%s, %s of %s bytes" % (partial.status, partial.completed or 0, partial.total) if known else partial.status
    return ""


def read_records(reading: Reading[T]) -> Iterator[T]:
    """The loop over an exchange. It refers to no stream: when it is dropped, so is the connection."""
    exchange = reading.exchange
    reading.begin()
    try:
        while True:
            batch = run(exchange.batch())
            if batch is None:
                return
            yield from batch
    except OllamaError as error:
        if not (reading.left and isinstance(error, StreamClosed)):
            raise exchange.failed(error)
    finally:
        reading.ended = True
        exchange.close()


class Stream(BaseStream[T]):
    """The records of one answer, as they come.

    Iterate it, once; or use it as a context manager, which sends the request on entry and closes on exit. Leaving the
    loop, an exception in it, ``close()`` and dropping the last reference close the connection at once, which is how
    Ollama learns to stop. An answer that does not end as it must raises; what had arrived is in ``partial``.
    """

    _who, _over = staticmethod(threading.get_ident), staticmethod(read_records)

    def __iter__(self) -> Iterator[T]:
        self._check_unspent()
        return cast("Iterator[T]", choose_iterator(self, "GET_ITER"))

    def __next__(self) -> T:
        records = self._records
        if records is None:
            records = self._begin()
        try:
            record: T = next(records)
            return record
        except StopIteration:
            self._check_ended()
            raise
        except ValueError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:  # raised inside of the generator
                raise
            raise StreamClosed(BEING_READ) from None

    def __enter__(self) -> Stream[T]:
        run(self._exchange.open())
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[T]:
        # A module function, or a Client, used in a coroutine: nothing is open yet, so the loop can have it.
        from .aio import loop_over

        return loop_over(self._reading)

    def text(self) -> Texts:
        """The pieces of the answer's text (content or response), none of them empty."""
        return Texts(self)

    def result(self) -> T:
        """The whole answer as one record; reads what has not been read yet. Raises what the stream raises."""
        if self._is_unfinished():
            for _ in self:
                pass
        return self._whole()


class BaseTexts:
    """What both colours of the pieces of text of a stream share."""

    def __init__(self, stream: Any) -> None:
        self._stream: Any = stream

    def __repr__(self) -> str:
        return "<%s of %r>" % (type(self).__name__, self._stream)

    def close(self) -> None:
        """End the stream now."""
        self._stream.close()


class Texts(BaseTexts):
    """The pieces of text of a stream: to be iterated once, as the stream is. Leaving the loop closes the connection."""

    def __iter__(self) -> Iterator[str]:
        return cast("Iterator[str]", choose_iterator(self, "GET_ITER"))

    def __next__(self) -> str:
        while True:
            text = text_of(next(self._stream))
            if text:
                return text

    def _loop(self) -> Iterator[str]:
        return filter(None, map(text_of, self._stream._loop()))

    def __aiter__(self) -> AsyncIterator[str]:
        from .aio import TextLoop

        return TextLoop(self._stream.__aiter__())


add_methods(Methods, Stream, Texts, lambda method: method)


class Client(Methods, BaseClient):
    """A client on blocking sockets; safe to share between threads. Each call has its connection to itself.

    >>> from ollama_stream import Client
    >>> with Client(timeout=30, retries=2) as client: client.chat("llama3.2", "Say one word.").text
    'Hello'
    """

    _network, _stream, _run = Network(), Stream, staticmethod(run)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that rest between calls. Streams that run go on; the client can be used again."""
        self._pool.close()
