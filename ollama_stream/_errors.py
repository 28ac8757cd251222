# SPDX-License-Identifier: MIT
"""The exception tree: every way a call can fail, sorted by what a program can do about it.

    OllamaError                       the base; carries .partial, .elapsed and .url
      RequestError     ValueError       a wrong value, found before any byte was sent
      ConnectError     ConnectionError  no connection: refused, name not found, TLS refused
      ConnectionLost   ConnectionError  the peer went away with bytes still due
      OllamaTimeout    TimeoutError     a clock ran out: .clock, .limit
      ProtocolError    ValueError       bad HTTP, bad JSON, a limit: .lineno, .line
      IncompleteStream EOFError         the body ended well, the answer did not
      ResponseError                     the server said so: .error, .status_code
      StreamClosed     RuntimeError     reading after close(), a second loop, two readers
      FixtureError     ValueError       a bad fixture file, or no recorded exchange matches

Nothing else reaches the caller, whatever bytes arrive. All of them pickle and copy.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, ClassVar, Dict, List, Optional, Type, TypeVar

CONNECT_ADVICE = (
    "Failed to connect to Ollama. Please check that Ollama is downloaded, running and accessible. "
    "https://ollama.com/download"
)

BEING_READ = "the stream is being read by another thread or task"
MAX_SHOWN_ERROR = 2048  # characters of a server's error in a message

E = TypeVar("E", bound="OllamaError")


class OllamaError(Exception):
    """Base of all errors of this library.

    ``partial`` is what had arrived when the error was raised: for a chat or generate call the assembled record
    (text, thinking, tool calls so far), otherwise the last record or None. ``elapsed`` is in seconds since the
    call began to connect. ``url`` names the request, without credentials or query. Where a value does not fit, ``place``
    is where it stands ("messages[1].content"), ``expected`` and ``got`` are the words of the message.
    """

    partial: Any = None
    elapsed: Optional[float] = None
    url: Optional[str] = None
    place: Optional[str] = None
    expected: Optional[str] = None
    got: Optional[str] = None

    _outcome: ClassVar[str] = "error"  # the status of a stream that it ends
    _server: ClassVar[str] = ""  # what its message says of the server

    def __init__(self, message: str = "", **details: Any) -> None:
        """``message`` is the text, ``details`` are attributes.

        >>> import ollama_stream as ollama
        >>> try: ollama.show("no-such-model")
        ... except ollama.OllamaError as error: print(error)
        model 'no-such-model:latest' not found (status code: 404)
        """
        super().__init__(message)
        self.__dict__.update(details)

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    @property
    def parts(self) -> Dict[str, Any]:
        """Place, expected and got, for an error that says the same in other words."""
        return {"place": self.place, "expected": self.expected, "got": self.got}

    def __reduce__(self) -> Any:
        # OSError has a __reduce__ of its own that knows nothing of the attributes here.
        return type(self), self.args, self.__dict__


class RequestError(OllamaError, ValueError):
    """A wrong argument or setting, found before any byte was sent. ``error`` is the text."""

    error: str

    def __init__(self, error: str = "", **details: Any) -> None:
        """``error`` is the text, ``details`` are attributes.

        >>> import ollama_stream as ollama
        >>> try: ollama.chat("llama3.2", stream=3)
        ... except ollama.RequestError as error: print(error)
        stream: expected True or False, got 3
        """
        super().__init__(error, **details)
        self.error = error


class ConnectError(OllamaError, ConnectionError):
    """No connection could be made: refused, unreachable, a name that does not resolve, TLS refused."""


class ConnectionLost(OllamaError, ConnectionError):
    """The peer went away with bytes still due. ``tail`` holds up to 4 KiB of an unfinished last line."""

    tail: bytes = b""

    _outcome = "truncated"
    _server = " ({url})"


class OllamaTimeout(OllamaError, TimeoutError):
    """A clock ran out: ``clock`` is "connect", "first_byte", "idle" or "total"; ``limit`` is in seconds.

    ``tail`` holds up to 4 KiB of an unfinished last line.
    """

    _server = " ({url}, from {source})"

    clock: str = ""
    limit: Optional[float] = None
    tail: bytes = b""


class ProtocolError(OllamaError, ValueError):
    """What arrived is not what the protocol allows, or passes one of our limits.

    ``lineno`` counts the lines of the body from 1, ``line`` holds up to 4 KiB of the bad one; both are None
    where the HTTP framing is at fault and not a line.
    """

    lineno: Optional[int] = None
    line: Optional[bytes] = None

    _server = " ({url})"


class IncompleteStream(OllamaError, EOFError):
    """The body ended as HTTP wants it, but the record that ends an answer never came.

    ``tail`` holds up to 4 KiB of an unfinished last line.
    """

    tail: bytes = b""

    _outcome = "truncated"
    _server = " ({url})"


class ResponseError(OllamaError):
    """The server reported an error: a status of 300 and above, or an ``error`` record inside a 200 stream.

    ``error`` is the server's text as it came (``str()`` gives it in one line that a terminal or a log can show),
    ``status_code`` the HTTP status or -1 for a record in a stream,
    ``signin_url`` where to sign in (status 401), ``retry_after`` the server's wish in seconds, ``headers`` the
    response's header fields by lower-case name, ``raw`` the decoded JSON value or the text of the body. The text has the
    form of the official client, which names no server: a note does (PEP 678), which tracebacks of Python 3.11 show.
    """

    __notes__: List[str]
    error: str
    status_code: int
    signin_url: Optional[str] = None
    retry_after: Optional[float] = None
    headers: Optional[Dict[str, str]] = None
    raw: Any = None

    def __init__(self, error: str = "", status_code: int = -1, **details: Any) -> None:
        """``details`` are attributes.

        >>> import ollama_stream as ollama
        >>> try: ollama.show("no-such-model")
        ... except ollama.ResponseError as error: print(error.status_code, error.error)
        404 model 'no-such-model:latest' not found
        """
        super().__init__(error, **details)
        self.error = error_text(error)
        self.status_code = status_code

    def __str__(self) -> str:
        return "%s (status code: %d)" % (printable(self.error, MAX_SHOWN_ERROR), self.status_code)


class StreamClosed(OllamaError, RuntimeError):
    """Reading a stream that was closed, that another loop has read, or that another thread or task reads."""

    _outcome = "cancelled"


class FixtureError(OllamaError, ValueError):
    """A fixture file that is not one, or a request that no recorded exchange answers.

    ``path`` is the file's, ``lineno`` counts its lines from 1.
    """

    path: Optional[str] = None
    lineno: Optional[int] = None


def check_origin(error: BaseException) -> None:
    """Raise what the program itself has raised in our midst, as it is, where ``error`` is that or was made from it.

    Every ``except`` of a class that a signal handler might choose asks this first (a test looks at them all): the signal
    may come in anything, and is the program's, whatever was tried then.
    """
    of_program = raised_by_program(error)
    if of_program is not None:
        raise of_program


def raised_by_program(error: Optional[BaseException]) -> Optional[BaseException]:
    """What a signal handler raised, or another greenlet threw: the exception, or that from which codecs have made it."""
    while error is not None:
        entry = error.__traceback__ and error.__traceback__.tb_next  # behind the frame that has caught it, which runs on
        while entry is not None:
            if is_handler(entry.tb_frame) or (entry.tb_next is None and is_thrown(error, entry.tb_frame)):
                return error
            entry = entry.tb_next
        error = error.__cause__
    return None


def is_handler(frame: Any) -> bool:
    """A signal handler is known by what it is given: the frame that it interrupts, which is the one that calls it."""
    interrupted = frame.f_back
    return interrupted is not None and any(
        value is interrupted or (type(value) is tuple and any(part is interrupted for part in value))
        for value in frame.f_locals.values()
    )


def is_thrown(error: BaseException, last: Any) -> bool:
    """Whether it came out of a switch of greenlets (``gevent.Timeout(5, MyError())``), and not from their own sockets."""
    hubs = ("gevent._gevent_c", "gevent._greenlet", "gevent._waiter", "eventlet.hubs")
    own = type(error).__module__.startswith(("gevent", "eventlet")) or error.args == ("timed out",)
    return not own and last.f_globals.get("__name__", "").startswith(hubs)


def describe_cut(text: str) -> str:
    """What an answer without its end means to the reader of the error."""
    if not text:
        return "; nothing of the answer had arrived: ask again"
    return "; the answer is cut off after %d characters (they are in .partial): ask again" % len(text)


def misfit(error_class: Type[E], place: str, expected: str, got: str) -> E:
    """The error for a value that is not what it should be."""
    text = "expected %s, got %s" % (expected, got)
    return error_class(format_place(place, text), place=place, expected=expected, got=got)


def check_type(value: Any, place: str, kinds: Any, expected: str) -> Any:
    """The value itself. Raises RequestError for one of another type."""
    if not isinstance(value, kinds):
        raise misfit(RequestError, place, expected, type(value).__name__)
    return value


def format_place(place: str, text: str) -> str:
    return "%s: %s" % (place, text) if place else text


def connect_error(place: str, why: str, advice: str = "") -> ConnectError:
    """The error for a connection that could not be made to ``place``."""
    return ConnectError("%s (%s: %s)%s" % (CONNECT_ADVICE, place, why, advice))


# --- what is shown of the outside -----------------------------------------------------------------------------------

# Inside a class of ``re``. A terminal obeys C0, DEL, C1, line separators, and what changes the direction of text (UAX 9).
# Nobody sees soft hyphens, joiners, lone surrogates, marks of order and tags.
C0 = "\x00-\x1f"
OBEYED = C0 + "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
UNSEEN = "\xad\u200b-\u200d\u2060-\u2065\u206a-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff"


def escape_controls(text: str, kept: str = "") -> str:
    """A text with escapes for what a terminal would obey, but for the characters of ``kept``."""
    return re.sub("[%s]" % OBEYED, lambda found: found[0] if found[0] in kept else ascii(found[0])[1:-1], text)


def printable(text: str, limit: int) -> str:
    """At most ``limit`` characters of a text, with escapes for what is obeyed or not seen, and for blanks but the space."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def missing_folder(path: str) -> str:
    """What to do about a file in a folder that is not here; "" where it is not that."""
    folder = "" if os.path.isabs(path) else os.path.dirname(path)
    return "; there is no folder %s here: go to where it is" % folder if folder and not os.path.exists(folder) else ""


REASONS = ("error", "message", "detail", "msg", "reason", "errors", "error_description", "title")


def find_reason(value: Any, phrase: str = "", levels: int = 4) -> str:
    """What a JSON value says of an error: a string, the JSON document in one, a member of an object; "" for nothing.

    A reason phrase of HTTP, ``phrase`` or one of the standard's, and a mere name count only where there is nothing else.
    """
    if not levels:
        return ""
    if isinstance(value, str):
        inner = parse_document(value)
        return (find_reason(inner, phrase, levels - 1) if inner else "") or value
    if isinstance(value, list):
        texts = [find_reason(item, phrase, levels - 1) for item in value]
        return "; ".join(texts) if all(texts) else ""
    if not isinstance(value, dict):
        return ""
    found = [find_reason(value.get(name), phrase, levels - 1) for name in REASONS]
    said = [text for text in found if text.strip()]
    return next((text for text in said if not is_phrase(text, phrase)), said[0] if said else "")


def parse_document(text: str) -> Any:
    """The object that a text is in JSON; None for any other text."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        check_origin(error)
        return None


def is_phrase(text: str, phrase: str) -> bool:
    """Whether a text is a reason phrase, or a name of a kind of error ("BadGateway", "invalid_request_error", "true")."""
    from http import HTTPStatus

    phrases = [phrase, "true", *(status.phrase for status in HTTPStatus)]
    return strip_to_letters(text) in map(strip_to_letters, phrases) or ("_" in text and text.isidentifier())


def strip_to_letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.lower()))


def error_text(value: Any, phrase: str = "") -> str:
    """The best text in what a server says of an error, whatever that is."""
    return find_reason(value, phrase) or (value if isinstance(value, str) else json.dumps(value))
