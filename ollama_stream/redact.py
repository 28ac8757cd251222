"""What of an exchange may go to disk, and how it gets there.

In go the events of an exchange as they happen, out comes a file without credentials. ``Redactor`` decides what is
stored, ``Writer`` writes it line by line, ``lint`` looks at what was written.

    header fields   every name; the values of those in ``KEPT``, for the rest ``REDACTED``
    URLs            never user and password; for each value in a query ``REDACTED``
    bodies          as they are, but credentials seen elsewhere are overwritten with as many X, so that sizes stay
                    true, wherever the borders of chunks fall
    images          above 1 KiB their length and SHA-256
"""

from __future__ import annotations

import json
import os
import re
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterable, List, Optional, Sequence, Set, Tuple
from urllib.parse import quote, unquote_to_bytes

from ._address import Unset
from ._http1 import Head
from .canonical import edited, json_bytes, parse_json, pointer_parts
from .exchange import BODY_KINDS, Event, RecordedRequest, latin_1

REDACTED = "REDACTED"
REDACTED_JSON = "request.json:"  # and a pointer: what was replaced in the body of the request
KEPT = {
    "request": frozenset(
        "host content-type content-length transfer-encoding accept accept-encoding connection user-agent expect".split()
    ),
    "response": frozenset(
        "content-type content-length transfer-encoding content-encoding connection date server retry-after location "
        "vary allow".split()
    ),
}
# Values of these are keywords and lists of names: no credentials to look for in bodies, where they may be plain words.
KEYWORDS = re.compile(
    r"(?i)(accept-|access-control-|cache-control$|content-|keep-alive$|pragma$|sec-(ch|fetch)-|te$|upgrade)"
)
NEVER_KEPT = re.compile(r"(?i)key|token|secret|auth|session|credential|signature|cookie")
MIN_SECRET = 8  # bytes; anything shorter is in some text by chance
MAX_IMAGE = 1024  # characters of base64
IMAGES = ("/images/*", "/messages/*/images/*")

_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:[^/?#]*@)?([^/?#]*)")
_USERINFO = re.compile(r"(//)([^/?#]*)@")  # without the scheme: looking for that takes quadratic time
# Go's encoder escapes these in JSON, and some others the slash.
_ESCAPES: Sequence[Dict[str, str]] = ({}, {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"}, {"/": "\\/"})


class Redactor:
    """Takes the credentials out of one exchange.

    ``target`` is the server's URL. ``keep_headers`` and ``keep_query`` name fields and query parameters to store all
    the same, unless their name looks like a credential's. ``redact_json`` are JSON Pointers into the request's body,
    where that is JSON, with ``*`` for any name or index. ``scrub`` is given every body or piece of one and returns as
    many bytes; where it fails to, all of them are overwritten. ``redacted`` says what was replaced, for the header of
    the file. Credentials of the server that stand in ``raw`` bytes, and nowhere else, are not known to be any.
    """

    def __init__(
        self,
        target: str = "",
        *,
        keep_headers: Iterable[str] = (),
        keep_query: Iterable[str] = (),
        redact_json: Iterable[str] = (),
        scrub: Optional[Callable[[bytes], bytes]] = None,
        keep_images: bool = False,
    ) -> None:
        self.target = origin(target)
        self._keep_headers = {name.lower() for name in keep_headers}
        self._keep_query = set(keep_query)
        self._redact_json = {pointer: pointer_parts(pointer) for pointer in redact_json}
        self._scrub = scrub
        self._keep_images = keep_images
        self._secrets: Set[bytes] = set()
        self._replaced: Dict[str, None] = {}  # in order, each once
        self._body = _Overwriter(self._secrets)
        self._request_places = 0
        self._waiting: Deque[Event] = deque()
        self._cleared = bytearray()
        self._add_secret(os.environ.get("OLLAMA_API_KEY", "").strip().encode("utf-8", "surrogateescape"))
        self._learn_userinfo(target)

    @property
    def redacted(self) -> List[str]:
        places = self._request_places + self._body.places
        counted = ["body:1 place" if places == 1 else "body:%d places" % places] if places else []
        return [*map(self._stored_text, self._replaced), *counted]

    def event(self, event: Event) -> List[Event]:
        """The events that may be stored now: this one, and those that waited for it.

        A piece of body waits while its end could be the start of a credential.
        """
        kind, data = event.kind, event.data
        if kind == "request":
            data = self._stored_request(data)
        elif kind in ("interim", "head"):
            reason = self._overwritten(latin_1(data.reason)).decode("latin-1")
            data = Head(data.version, data.status, reason, self._stored_text_fields(data.headers))
        elif kind == "trailers":
            data = self._stored_text_fields(data)
        elif kind in BODY_KINDS:
            data = self._scrubbed(data)
            self._cleared += self.feed(data)
        else:
            data = self._stored_json(data)
        extra = None if event.extra is None else self._stored_json(event.extra)
        self._waiting.append(Event(event.time, kind, data, extra))
        if kind == "end":
            self._cleared += self.flush()
        return self._released()

    def feed(self, data: bytes) -> bytes:
        """Body bytes, credentials overwritten; holds back what could still become one."""
        return self._body.feed(data)

    def flush(self) -> bytes:
        """The bytes still held back; the body has ended."""
        return self._body.flush()

    def _released(self) -> List[Event]:
        events = []
        while self._waiting:
            event = self._waiting[0]
            if event.kind in BODY_KINDS:
                size = len(event.data)
                if size > len(self._cleared):
                    break
                event = event._replace(data=bytes(self._cleared[:size]))
                del self._cleared[:size]
            events.append(event)
            self._waiting.popleft()
        return events

    # What is secret

    def _add_secret(self, secret: bytes) -> None:
        if len(secret) >= MIN_SECRET and secret != REDACTED.encode("ascii"):
            text = json.dumps(secret.decode("utf-8", "replace"), ensure_ascii=False)[1:-1]
            for escapes in _ESCAPES:
                self._secrets.add("".join(escapes.get(char, char) for char in text).encode("utf-8"))
            self._secrets.update((secret, quote(secret, safe="").encode("ascii")))

    def _learn_userinfo(self, url: str) -> None:
        match = _USERINFO.search(url)
        if match:
            user, _, password = match.group(2).partition(":")
            self._add_secret(unquote_to_bytes((password or user).encode("utf-8", "replace")))

    def _learn_field(self, side: str, name: str, value: bytes) -> None:
        """Remember a field that is not stored: whole, and the part of it that is the credential proper."""
        sensitive = bool(NEVER_KEPT.search(name))
        if self._keeps(side, name) or not sensitive and (side == "response" or KEYWORDS.match(name)):
            return
        scheme, _, rest = value.partition(b" ")
        self._add_secret(value)
        if sensitive or scheme.lower() in (b"basic", b"bearer"):
            self._add_secret(rest.strip())
        if scheme.lower() == b"basic":
            self._add_secret(_basic_password(rest))
        if "cookie" in name.lower():
            # What follows the first pair in a Set-Cookie are attributes (RFC 6265, 4.1.1).
            pairs = value.split(b";")[: 1 if side == "response" else None]
            for pair in pairs:
                self._add_secret(pair.partition(b"=")[2].strip())

    def _keeps(self, side: str, name: str) -> bool:
        kept = name.lower() in KEPT[side] or name.lower() in self._keep_headers
        return kept and not NEVER_KEPT.search(name)

    # What is stored

    def _overwritten(self, data: bytes) -> bytes:
        overwriter = _Overwriter(self._secrets)
        return overwriter.feed(data) + overwriter.flush()

    def _stored_json(self, value: Any) -> Any:
        return parse_json(self._overwritten(json_bytes(value)))

    def _stored_text(self, text: str) -> str:
        return self._overwritten(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def _stored_fields(self, side: str, fields: Sequence[Tuple[str, bytes]]) -> List[Tuple[str, bytes]]:
        for name, value in fields:
            self._learn_field(side, name, value)
        stored = []
        for name, value in fields:
            clean_value = self._stored_value(side, name, value)
            if clean_value != value:
                self._replaced["%s:%s" % (side, name)] = None
            stored.append((name, clean_value))
        return stored

    def _stored_value(self, side: str, name: str, value: bytes) -> bytes:
        if side == "request" and name.lower() == "host":
            return (self.target.partition("//")[2] or REDACTED).encode("utf-8", "replace")
        if not self._keeps(side, name):
            return REDACTED.encode("ascii")
        if name.lower() == "location":
            url = _USERINFO.sub(r"\1", value.decode("latin-1"), 1)
            value = re.split("[?#]", url)[0].encode("latin-1")
        return self._overwritten(value)

    def _stored_text_fields(self, fields: Iterable[Tuple[str, str]]) -> List[Tuple[str, str]]:
        stored = self._stored_fields("response", [(name, latin_1(value)) for name, value in fields])
        return [(name, value.decode("latin-1")) for name, value in stored]

    def _stored_request(self, request: RecordedRequest) -> RecordedRequest:
        self._learn_userinfo(request.path)
        # Both look for credentials to remember, so they come before anything is overwritten.
        path = self._stored_path(request.path)
        headers = self._stored_fields("request", request.headers)
        body = request.body_bytes()
        if not isinstance(request.json, Unset):
            body = json_bytes(self._stored_members(request.json))
        overwriter = _Overwriter(self._secrets)
        body = overwriter.feed(self._scrubbed(body)) + overwriter.flush()
        self._request_places = overwriter.places
        stored = RecordedRequest.from_wire(request.method, self._stored_text(path), headers, body, request.version)
        stored.length = request.length
        return stored

    def _stored_members(self, body: Any) -> Any:
        for pointer, parts in self._redact_json.items():
            changed = edited(body, parts, lambda _: REDACTED)
            if changed != body:
                self._replaced[REDACTED_JSON + pointer] = None
            body = changed
        return body if self._keep_images else elided(body)

    def _stored_path(self, path: str) -> str:
        before, mark, query = _USERINFO.sub(r"\1", path, 1).partition("?")
        return before + mark + "&".join(map(self._stored_parameter, query.split("&")))

    def _stored_parameter(self, parameter: str) -> str:
        name, equals, value = parameter.partition("=")
        if not parameter or name in self._keep_query and not NEVER_KEPT.search(name):
            return parameter
        self._add_secret(unquote_to_bytes((value or name).encode("utf-8", "replace")))
        if not equals:
            self._replaced["request.query"] = None
            return REDACTED
        self._replaced["request.query:" + name] = None
        return name + "=" + REDACTED

    def _scrubbed(self, data: bytes) -> bytes:
        if self._scrub is None:
            return data
        try:
            result = bytes(self._scrub(data))
        except Exception:  # whatever it was: a recording must not hurt the stream, and nothing unseen is stored
            result = b""
        return result if len(result) == len(data) else b"X" * len(data)


class _Overwriter:
    """Overwrites secrets in a stream of bytes; the outcome does not depend on how it was cut."""

    def __init__(self, secrets: Set[bytes]) -> None:
        self.places = 0
        self._secrets = secrets
        self._held = bytearray()
        self._marks = bytearray()  # 1 for each byte held that belongs to a secret: two of them may overlap
        self._last_mark = b"\0"

    def feed(self, data: bytes) -> bytes:
        old = len(self._held)
        self._held += data
        self._marks += bytes(len(data))
        for secret in self._secrets:
            start = self._held.find(secret, max(0, old - len(secret) + 1))
            while start >= 0:
                self._marks[start : start + len(secret)] = b"\1" * len(secret)
                start = self._held.find(secret, start + 1)
        longest = max(map(len, self._secrets), default=1)
        return self._take(max(0, len(self._held) - longest + 1))

    def flush(self) -> bytes:
        return self._take(len(self._held))

    def _take(self, size: int) -> bytes:
        data, marks = self._held[:size], self._marks[:size]
        del self._held[:size], self._marks[:size]
        for run in re.finditer(b"\1+", marks):
            data[run.start() : run.end()] = b"X" * (run.end() - run.start())
        self.places += (self._last_mark + marks).count(b"\0\1")
        self._last_mark = bytes(marks[-1:]) or self._last_mark
        return bytes(data)


def origin(url: str) -> str:
    """``scheme://host:port`` of a URL, without user and password; empty where it is none."""
    match = _ORIGIN.match(url)
    return match.group(1) + match.group(2) if match else ""


def _basic_password(encoded: bytes) -> bytes:
    from base64 import b64decode

    try:
        return b64decode(encoded.strip()).partition(b":")[2]
    except ValueError:
        return b""


# Images


def elided(body: Any) -> Any:
    """A request's body with long images replaced by their length and hash."""
    for pointer in IMAGES:
        body = edited(body, pointer_parts(pointer), _elided_image)
    return body


def _elided_image(image: Any) -> Any:
    if not isinstance(image, str) or len(image) <= MAX_IMAGE:
        return image
    from hashlib import sha256

    data = image.encode("utf-8", "surrogatepass")
    return {"$elided": {"bytes": len(data), "sha256": sha256(data).hexdigest()}}
