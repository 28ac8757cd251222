# SPDX-License-Identifier: MIT
"""Faults for a replay: what goes wrong, and where. ``FAULT_HELP`` lists them; ``overlay`` says what each does to the bytes.

    KIND[@POINT][:ARG]                                                  on a command line, and in Python
    {"kind": "reset", "at": {"chunk": 5, "byte": 12}, "arg": ...}       in "faults" of a fixture's header, and in Python

Either goes into ``fault`` and a checked ``Fault`` comes out. What makes no sense is a ``FixtureError`` that names the
fault and the form that works.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from .._errors import FixtureError, check_origin
from .._syntax import is_token
from .._net import MAX_SECONDS
from ..fixture import Fixture, canonical_json, decode_bytes, encode_bytes, parse_json, shorten

FAULT_HELP = """A fault is KIND[@POINT][:ARG]. Numbers count from 0, and every point is the moment before what it names:

    connect         the connection is accepted and nothing has been read
    request         the head of the request has been read, its body has not
    head            before the head of the response
    chunk=N         before that chunk and its size line; of a body that is not chunked, before that recorded piece
    chunk=N+BYTE    inside that chunk, behind so many bytes of its data
    line=N[+BYTE]   before that line of the body, or inside it
    byte=N          behind so many bytes of the body
    end             before what ends the response: the last chunk, or the end of the connection
    t=S             when so many seconds of the recording have passed

    cut             the connection is closed (FIN)             no-done     the line that ends the answer is left out
    reset           the connection is reset (RST)              no-end      FIN in place of the last chunk
    stall[:SEC]     nothing is sent, for ever or so long       drop        that chunk or line is left out
    dribble:MS      from there, a byte and a pause             garbage     "%%%\\n" in the body
    split:N         from there, writes of N bytes              insert:X    bytes in the body, framed as it is
    rechunk:N       the body in chunks of N bytes              raw:X       bytes on the wire, outside of its framing
    merge           the body in one chunk                      error[:MSG] an error line, then a clean end
    status:N        another status                             badsize:X   in place of the digits of a chunk's size
    header:NAME=V   another header field                       crlf, bom   CRLF for LF in the body; a BOM before it
    refuse[:SEC]    nobody listens, for ever or so long

Bytes (X) are text as it stands, a JSON string ("%%%\\n"), or {"hex":"e282"}; MSG and NAME=V are one of the
first two.
"""

FOREVER = math.inf
MAX_SIZE = 1 << 40  # bytes
MAX_FAULTS = 100  # for one exchange; each costs a call for every piece, inside that of the one before
DEFAULT_ERROR = "a fault of the replay"
POINT_FORMS = {
    "connect": "connect", "request": "request", "head": "head", "chunk": "chunk=N[+BYTE]", "line": "line=N[+BYTE]",
    "byte": "byte=N", "end": "end", "t": "t=SECONDS",
}  # fmt: skip

_EVERYWHERE = tuple(POINT_FORMS)
_SENDING = _EVERYWHERE[2:]
_BODY = _EVERYWHERE[3:]
_WHOLE = ("drop", "badsize")  # a chunk or a line, not a place inside it
_POINT = (
    r"connect|request|head|end|(?:chunk|line)=[0-9]{1,15}(?:\+[0-9]{1,15})?|byte=[0-9]{1,15}"
    r"|t=(?=\.?[0-9])[0-9]{0,15}(?:\.[0-9]{0,30})?"
)
_POINT_TEXT = re.compile(_POINT)
_IN_FRONT = re.compile(r"([a-z-]+)(?:@([^:]*))?(?::(.*))?", re.DOTALL)
_BEHIND = re.compile(r"(.*)@(%s)" % _POINT, re.DOTALL)
_FIELD_VALUE = re.compile(r"[^\r\n\0\u0100-\U0010ffff]*")  # as Latin-1


class Fault(NamedTuple):
    """What goes wrong, and where; ``fault`` makes one of its text. ``str()`` gives that back.

    ``point`` is the name of one of the points, "" for a fault of the whole body; ``number`` and ``byte`` are its N
    and BYTE. ``argument`` is a number, a text or bytes, by ``kind``; None where there is none.

    >>> from ollama_stream.replay import fault
    >>> fault("reset@chunk=5+12")
    Fault(kind='reset', point='chunk', number=5.0, byte=12, argument=None)
    """

    kind: str
    point: str = ""
    number: float = 0
    byte: Optional[int] = None
    argument: Any = None

    def __str__(self) -> str:
        """The text that gives this fault."""
        text = self.kind
        if self.point:
            text += "@" + self.point
        if "=" in POINT_FORMS.get(self.point, ""):
            text += "=" + _format_number(self.number)
        if self.byte is not None:
            text += "+%d" % self.byte
        if self.argument in (None, FOREVER):
            return text
        return text + ":" + _ARGUMENT_TEXTS[type(self.argument)](self.argument)


FaultSpec = Union[Fault, str, Mapping[str, Any]]


def _format_number(number: float) -> str:
    """All its digits, and no exponent."""
    return format(Decimal(repr(number)).normalize(), "f")


def _format_text(text: str) -> str:
    """As it stands, or as JSON where it could not be seen, or would be taken for JSON."""
    shown = canonical_json(text)
    return text if shown == '"%s"' % text else shown


def _format_bytes(data: bytes) -> str:
    value = encode_bytes(data)
    return canonical_json({"hex": data.hex()} if isinstance(value, list) else value)


_ARGUMENT_TEXTS: Dict[type, Callable[[Any], str]] = {
    int: _format_number, float: _format_number, str: _format_text, bytes: _format_bytes,
}  # fmt: skip


def fault(spec: FaultSpec) -> Fault:
    """The fault in ``spec``, a text or an object of a fixture's header. Raises FixtureError.

    >>> from ollama_stream.replay import fault
    >>> fault("stall@line=3:2.5").argument  # seconds
    2.5
    """
    if isinstance(spec, Fault):
        return spec
    try:
        return _parse_text(spec) if isinstance(spec, str) else _read_object(spec)
    except FixtureError as error:
        raise FixtureError("fault %s: %s" % (shorten(spec), error)) from error


def check_faults(specs: Sequence[FaultSpec]) -> List[Fault]:
    """``fault`` for each. Raises FixtureError."""
    if isinstance(specs, str):
        raise FixtureError("expected a list of faults, found the text %s" % shorten(specs))
    if len(specs) > MAX_FAULTS:
        raise FixtureError("expected at most %d faults, found %d" % (MAX_FAULTS, len(specs)))
    return [fault(spec) for spec in specs]


def read_faults(fixture: Fixture) -> List[Fault]:
    """The faults in a fixture's header. Raises FixtureError, also for one that comes before an exchange is chosen."""
    try:
        faults = check_faults(fixture.header.get("faults", []))
        for found in faults:
            if found.point in ("connect", "request"):
                raise FixtureError("fault %s: no exchange is chosen yet; give it to the server" % str(found))
    except FixtureError as error:
        raise FixtureError("%s, line 1: %s" % (fixture.name, error), path=fixture.path, lineno=1) from error
    return faults


def _parse_text(text: str) -> Fault:
    found = _IN_FRONT.fullmatch(text)
    kind, point, argument = found.groups() if found else (text, None, None)
    points = _find_rule(kind).points
    if point is None and argument is not None:
        behind = _BEHIND.fullmatch(argument)  # error:boom@line=3; an argument that ends so needs its point in front
        if behind and behind[2].partition("=")[0] in points:
            argument, point = behind.groups()
    if point is not None and not _POINT_TEXT.fullmatch(point):
        raise _form_error(kind)
    return _check(kind, point, argument and _parse_argument(kind, argument))


def _parse_argument(kind: str, text: str) -> Any:
    """What stands for an argument: itself, or the JSON that it is."""
    reader = _find_rule(kind).argument
    if reader not in (decode_bytes, _read_text, _read_header) or not text.startswith(('"', '{"hex"')):
        return text
    try:
        return parse_json(text.encode("utf-8", "surrogateescape"))
    except FixtureError:
        if reader is decode_bytes:
            raise
        return text


def _read_object(value: Any) -> Fault:
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        raise FixtureError('expected a text, or an object with "kind"')
    kind, at = value["kind"], value.get("at")
    if set(value) - {"kind", "at", "arg"}:
        raise FixtureError('expected nothing but "kind", "at" and "arg"')
    return _check(kind, at if at is None else _format_point(kind, at), value.get("arg"))


def _format_point(kind: str, at: Any) -> str:
    """{"chunk": 5, "byte": 12} as chunk=5+12, "head" as head."""
    if isinstance(at, Mapping) and at and all(type(number) in (int, float) for number in at.values()):
        name = next((name for name in ("chunk", "line", "byte", "t") if name in at), "")
        rest = {other: number for other, number in at.items() if other != name}
        number = _format_number(at[name]) if name == "t" else at.get(name)
        at = "%s=%s%s" % (name, number, "".join("+%s" % n if o == "byte" else "?" for o, n in rest.items()))
    if not isinstance(at, str) or not _POINT_TEXT.fullmatch(at):
        raise _form_error(kind)
    return at


def _check(kind: str, point: Optional[str], argument: Any) -> Fault:
    rule = _find_rule(kind)
    name, _, numbers = (rule.default if point is None else point).partition("=")
    number, _, byte = numbers.partition("+")
    if name not in (rule.points or ("",)) or (byte and kind in _WHOLE):
        raise _form_error(kind)
    if (argument is None and rule.argument and rule.absent is None) or (argument is not None and not rule.argument):
        raise _form_error(kind)
    try:
        value = rule.absent if argument is None else rule.argument and rule.argument(argument)
        return Fault(kind, name, float(number or 0), int(byte) if byte else None, value)
    except (TypeError, ValueError, OverflowError) as error:  # a FixtureError is one too, and says less than the form
        check_origin(error)
        raise _form_error(kind) from error


def _find_rule(kind: str) -> _Rule:
    if kind not in _RULES:
        raise FixtureError("unknown kind; there are " + ", ".join(_RULES))
    return _RULES[kind]


def _form_error(kind: str) -> FixtureError:
    rule = _find_rule(kind)
    forms = [POINT_FORMS[name].partition("[")[0] if kind in _WHOLE else POINT_FORMS[name] for name in rule.points]
    at = "[@POINT]" if rule.default else "@POINT" if forms else ""
    where = ", POINT being " + " or ".join(forms) if forms else ""
    return FixtureError("expected %s%s%s%s" % (kind, at, rule.form, where))


# Arguments: from a text or from JSON, or a ValueError


def _make_reader(lowest: float, highest: float, kind: Callable[[float], float] = float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        number = float("nan") if isinstance(value, (bool, list, dict)) else float(value)
        if not lowest <= number <= highest:
            raise ValueError
        return kind(number)

    return read


_read_seconds, _read_milliseconds = _make_reader(0, MAX_SECONDS), _make_reader(0, 1000 * MAX_SECONDS)
_read_size, _read_status = _make_reader(1, MAX_SIZE, int), _make_reader(100, 999, int)


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _read_header(value: Any) -> str:
    name, equals, content = _read_text(value).partition("=")
    if not (equals and is_token(name) and _FIELD_VALUE.fullmatch(content)):
        raise ValueError
    return _read_text(value)


class _Rule(NamedTuple):
    """Where a kind may be aimed, and where it is if nowhere; how its argument looks and is read, and what a missing
    one is: None where there must be one.
    """

    points: Tuple[str, ...] = ()
    default: str = ""
    form: str = ""
    argument: Optional[Callable[[Any], Any]] = None
    absent: Any = None


_RULES: Dict[str, _Rule] = {
    "cut": _Rule(_EVERYWHERE),
    "reset": _Rule(_EVERYWHERE),
    "stall": _Rule(_EVERYWHERE, "", "[:SECONDS]", _read_seconds, FOREVER),
    "dribble": _Rule(_SENDING, "head", ":MILLISECONDS", _read_milliseconds),
    "split": _Rule(_SENDING, "head", ":N", _read_size),
    "rechunk": _Rule((), "", ":N", _read_size),
    "merge": _Rule(),
    "insert": _Rule(_BODY, "", ":BYTES", decode_bytes),
    "raw": _Rule(_SENDING, "", ":BYTES", decode_bytes),
    "garbage": _Rule(_BODY),
    "error": _Rule(_BODY, "", "[:MESSAGE]", _read_text, DEFAULT_ERROR),
    "drop": _Rule(("chunk", "line")),
    "no-done": _Rule(),
    "no-end": _Rule(),
    "status": _Rule((), "", ":N", _read_status),
    "header": _Rule((), "", ":NAME=VALUE", _read_header),
    "badsize": _Rule(("chunk",), "", ":BYTES", decode_bytes),
    "crlf": _Rule(),
    "bom": _Rule(),
    "refuse": _Rule(("connect",), "connect", "[:SECONDS]", _read_seconds, FOREVER),
}
