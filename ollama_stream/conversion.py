"""A response as other tools save it -> an exchange.

``wrapped`` takes a bare body, ``imported`` the output of ``curl -iN --raw``; ``Fixture.body()`` and the bytes of
``Fixture.wire()`` lead back. Neither form knows the request, or when anything came: method and path are given or
guessed, times are 0 or evenly spaced.
"""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from ._base import VERSION as PRODUCT_VERSION
from ._errors import ConnectionLost, FixtureError, ProtocolError
from ._http1 import Head, Response
from .canonical import encode_bytes, shortened
from .exchange import Event, Fixture, RecordedRequest, chunk_event
from .fixture_lines import VERSION, VERSION_KEY
from .fixture_reader import is_generate
from .redact import Redactor


def wrapped(
    plain: Fixture,
    *,
    status: int = 200,
    headers: Sequence[Tuple[str, str]] = (),
    method: str = "POST",
    path: Optional[str] = None,
    tps: Optional[float] = None,
) -> Fixture:
    """The exchange that a plain response body stands for, with another status, other fields, another request.

    ``headers`` replace the fields of the same name. ``tps``: chunk number N came N/tps seconds after the request.
    Raises FixtureError for an exchange that is one already.
    """
    head = plain.head
    if not plain.plain or head is None:
        raise FixtureError("%s: expected a response body, found an exchange file" % (plain.path or plain.name))
    replaced = {name.lower() for name, _ in headers}
    fields = [field for field in head.headers if field[0].lower() not in replaced]
    head = Head("1.1", status, _reason(status), [*fields, *headers])
    request = RecordedRequest(method, path or plain.request.path, [])
    events = [Event(0.0, "request", request), Event(0.0, "head", head)]
    for number, event in enumerate(plain.events[2:-1], 1):
        events.append(event._replace(time=number / tps if tps else 0.0))
    events.append(Event(events[-1].time, "end", {"how": "complete"}))
    return Fixture({VERSION_KEY: VERSION}, events, name=plain.name)


def _reason(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def imported(data: bytes, *, method: str = "POST", path: Optional[str] = None) -> Tuple[Fixture, str]:
    """The exchange in the output of ``curl -iN --raw``, and a warning where its framing is broken, or "".

    1xx heads, chunks with odd size lines and trailers are kept; so are, as ``raw``, the bytes from the first one on
    that HTTP does not allow, and those behind the end. What a recorder would redact is redacted. Raises FixtureError
    for what is no response of HTTP/1, and for more than one.
    """
    if not data.startswith(b"HTTP/1"):
        raise FixtureError(_no_response(data))
    response = Response(method, keep_chunks=True)
    response.receive(data)
    body, warning = _read(response)
    complete = response.complete
    response.receive(b"")
    _read(response)
    if response.surplus.startswith(b"HTTP/"):
        start = len(data) - len(response.surplus)
        raise FixtureError("expected one response, found another one at byte %d: cut the file there" % start)
    request = RecordedRequest(method, path or ("/api/generate" if is_generate(body.split(b"\n")) else "/api/chat"), [])
    events = _events(Event(0.0, "request", request), response, body, complete)
    redactor = Redactor()
    stored = [kept for event in events for kept in redactor.event(event)]
    header = {VERSION_KEY: VERSION, "recorder": "ollama_stream/" + PRODUCT_VERSION, "redacted": redactor.redacted}
    return Fixture(header, stored), warning


def _no_response(data: bytes) -> str:
    start = shortened(encode_bytes(data[:16]))
    if data.startswith(b"HTTP/"):
        return "expected HTTP/1, whose framing can be kept, found %s: use curl --http1.1 -iN --raw" % start
    return "expected the output of curl -iN --raw, found %s: for a response body alone there is wrap" % start


def _read(response: Response) -> Tuple[bytes, str]:
    """What can be had of the body, and what is wrong with the bytes after it."""
    body = b""
    try:
        body = response.read_body()
        response.read_body()  # raises what the first call has put off
    except ConnectionLost:
        pass
    except ProtocolError as error:
        return body, "kept as raw bytes: %s%s" % (error, _advice(response))
    return body, ""


def _advice(response: Response) -> str:
    unframed = response.head is not None and response.unparsed().startswith(b"{")
    return "; without --raw, curl takes the chunks off" if unframed else ""


def _events(request: Event, response: Response, body: bytes, complete: bool) -> List[Event]:
    """What a recorder would have stored; ``complete`` by the framing, not by the end of file."""
    events = [request] + [Event(0.0, "interim", head) for head in response.interims]
    if response.head is not None:
        events.append(Event(0.0, "head", response.head))
    chunks = [chunk_event(0.0, chunk) for chunk in response.take_chunks()]
    events += chunks or ([Event(0.0, "part", body)] if body else [])
    if response.trailers and complete:
        events.append(Event(0.0, "trailers", response.trailers))
    end = Event(0.0, "end", {"how": "complete" if complete else "eof"})
    rest = response.unparsed()
    if rest and complete:
        # Raw bytes end the framing: what would have been added behind the body is theirs now.
        rest = [data for _, data in Fixture({}, [*events, end]).framed()][-1] + rest
    return [*events, Event(0.0, "raw", rest), end] if rest else [*events, end]
