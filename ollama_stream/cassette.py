"""Which recorded exchange answers a request.

In go fixtures and a request's method, target and body; out comes a fixture, or a ``FixtureError`` that says how the
nearest one differs. Host, header fields and the spelling of JSON never count.

    level        what is compared, besides method and path
    exact        the whole body, after ``normalise``
    messages     what is asked: its members in ``ASKED``; for clients with other defaults
    model        the model; for load tests
    path         nothing more
    any          nothing at all: the next exchange in order

A fixture's header can set its own level and add places to ignore. A plain body answers at level ``path``.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from itertools import zip_longest
from os.path import commonprefix
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import parse_qsl, unquote_to_bytes

from ._address import UNSET, Unset
from ._errors import FixtureError, RequestError
from .canonical import canonical_json, edited, encode_bytes, parse_json, pointer_parts, shortened
from .exchange import Fixture, RecordedRequest
from .redact import REDACTED, REDACTED_JSON, elided

ASKED = ("stream", "model", "messages", "prompt", "tools", "format", "think")
LEVELS: Dict[str, Optional[Tuple[str, ...]]] = {  # the members of the body that are compared; None is all of them
    "exact": None,
    "messages": ASKED,
    "model": ("model",),
    "path": (),
    "any": (),
}
ORDERS = ("any", "strict")
REPEATS = ("none", "last", "all")
STEADY = (("GET", "/api/tags"), ("GET", "/api/version"))
MAX_PATH = 200  # characters of a path in an error text
MAX_SAME = 20  # characters that two strings share, shown before the difference

_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class Difference(NamedTuple):
    """One place where two requests differ, and both values there as text."""

    where: str
    expected: str
    got: str


class Cassette:
    """Exchanges to be played back: the first that matches and is not yet played answers, each once.

    ``order="strict"`` wants request *i* to match exchange *i*. Once all that matches is played, ``repeat="last"`` plays
    the last of it again, ``repeat="all"`` all of it from the start; "none" still repeats what clients ask now and then,
    the list of models and the version. Safe to share between threads.
    """

    def __init__(
        self,
        fixtures: Iterable[Fixture],
        level: str = "exact",
        order: str = "any",
        repeat: str = "none",
        ignore: Sequence[str] = (),
    ) -> None:
        for name, value, choices in (("level", level, LEVELS), ("order", order, ORDERS), ("repeat", repeat, REPEATS)):
            if value not in choices:
                raise RequestError("%s: one of %s, not %r" % (name, ", ".join(choices), value))
        self.fixtures = list(fixtures)
        self.level = level
        self.order = order
        self.repeat = repeat
        self.ignore = tuple(ignore)
        self._plays = [0] * len(self.fixtures)
        self._lock = threading.Lock()

    def answer(self, method: str, target: str, body: bytes) -> Fixture:
        """The exchange that answers a request. Raises FixtureError where none does, and names the nearest one."""
        live = RecordedRequest.from_wire(method, target, [], body)
        rules = (live, self.level, self.ignore)
        with self._lock:
            candidates = self._candidates()
            repeat = "last" if self.repeat == "none" and (method, target) in STEADY else self.repeat
            index = self._chosen(candidates, repeat, lambda i: not any(_fixture_differences(self.fixtures[i], *rules)))
            if index is None:
                closest = nearest([self.fixtures[i] for i in candidates], *rules)
                wanted = "%s %s" % (_visible(method), _shown_path(target))
                raise FixtureError("no recorded exchange for %s; %s" % (wanted, closest))
            self._plays[index] += 1
            return self.fixtures[index]

    def add(self, fixture: Fixture) -> None:
        """One more exchange, after the others."""
        with self._lock:
            self.fixtures.append(fixture)
            self._plays.append(0)

    def unplayed(self) -> List[str]:
        """The names of the exchanges that were never asked for."""
        with self._lock:
            return [fixture.name for fixture, plays in zip(self.fixtures, self._plays) if not plays]

    def assert_all_played(self) -> None:
        """Raises FixtureError where an exchange was never asked for."""
        names = self.unplayed()
        if names:
            raise FixtureError("recorded, but never asked for: " + ", ".join(names))

    def _candidates(self) -> List[int]:
        """The exchanges whose turn it may be."""
        everything = list(range(len(self.fixtures)))
        if self.order == "any":
            return everything
        position = sum(self._plays)
        if position >= len(everything) > 0 and self.repeat != "none":
            position = position % len(everything) if self.repeat == "all" else -1
            return everything[position:][:1]
        return everything[position : position + 1]

    def _chosen(self, candidates: Sequence[int], repeat: str, answers: Callable[[int], bool]) -> Optional[int]:
        """Asks about no more exchanges than it must: many clients with an exchange each wait for one another here."""
        fresh = next((i for i in candidates if not self._plays[i] and answers(i)), None)
        if fresh is not None or repeat == "none":
            return fresh
        again = [i for i in candidates if self._plays[i] and answers(i)]
        if repeat == "all":
            return min(again, key=self._plays.__getitem__, default=None)
        return again[-1] if again else None


def matches(
    recorded: RecordedRequest, live: RecordedRequest, level: str = "exact", ignore: Sequence[str] = ()
) -> bool:
    """Whether ``recorded`` answers ``live``; ``ignore`` are JSON Pointers into the body, with ``*`` for any part."""
    return next(_differences(recorded, live, level, ignore), None) is None


def nearest(
    fixtures: Iterable[Fixture], live: RecordedRequest, level: str = "exact", ignore: Sequence[str] = ()
) -> str:
    """Which exchange comes closest to a request, and where they differ first; for an error text."""
    found = [(fixture.name, list(_fixture_differences(fixture, live, level, ignore))) for fixture in fixtures]
    if not found:
        return "nothing is left to play"
    name, differences = min(found, key=lambda item: _distance(item[1]))
    if not differences:
        return "closest is %s (already played)" % name
    return "closest is %s (differs %s: expected %s got %s)" % (name, *differences[0])


def normalise(body: Any) -> Any:
    """The body of a request, so that equivalent ones of different clients are equal.

    ``stream`` is true where it is missing, empty members are missing ones, long images are their hash, and
    ``keep_alive`` counts only where there is nothing to answer: there it tells loading a model from unloading it.
    """
    if not isinstance(body, dict):
        return body
    members = {name: value for name, value in {"stream": True, **body}.items() if not _is_empty(value)}
    if any(name in members for name in ("messages", "prompt", "input")):
        members.pop("keep_alive", None)
    return elided(members)


def _is_empty(value: Any) -> bool:
    return value is None or isinstance(value, (list, dict, str)) and not value


def _distance(differences: List[Difference]) -> Tuple[bool, int, int]:
    """How far off: another endpoint, the number of differences, and how soon they start."""
    if not differences:
        return False, 0, 0
    where, expected, got = differences[0]
    return where in ("in method", "in path"), len(differences), -len(commonprefix([expected, got]))


def _fixture_differences(
    fixture: Fixture, live: RecordedRequest, level: str, ignore: Sequence[str]
) -> Iterator[Difference]:
    match = fixture.header.get("match", {})
    own_level: str = match.get("level", "path" if fixture.plain else level)
    replaced = [text.partition(REDACTED_JSON) for text in fixture.header.get("redacted", [])]
    redacted = [pointer for before, prefix, pointer in replaced if prefix and not before]
    return _differences(fixture.request, live, own_level, [*ignore, *match.get("ignore", []), *redacted])


def _differences(
    recorded: RecordedRequest, live: RecordedRequest, level: str, ignore: Sequence[str]
) -> Iterator[Difference]:
    if level == "any":
        return
    if recorded.method != live.method:
        yield Difference("in method", _visible(recorded.method), _visible(live.method))
    if _path(recorded.path) != _path(live.path):
        yield Difference("in path", _shown_path(recorded.path), _shown_path(live.path))
    expected, got = _query(recorded.path), _query(live.path)
    if not _same_query(expected, got):
        # By name only: a value may be a credential.
        yield Difference("in query", *(shortened([name for name, _ in query]) for query in (expected, got)))
    if level != "path":
        yield from _body_differences(recorded, live, LEVELS[level], ignore)


# Method and target


def _origin_form(target: str) -> str:
    """Without scheme and host, which a request to a proxy has (RFC 9112, 3.2.2)."""
    match = _AUTHORITY.match(target)
    return target[match.end() :] if match else target


def _path(target: str) -> bytes:
    path = unquote_to_bytes(_origin_form(target).partition("?")[0].encode("utf-8", "replace"))
    return path[:-1] if path.endswith(b"/") else path


def _query(target: str) -> List[Tuple[str, str]]:
    return parse_qsl(target.partition("?")[2], keep_blank_values=True)


def _same_query(recorded: List[Tuple[str, str]], live: List[Tuple[str, str]]) -> bool:
    """Whether they hold the same in any order; what was redacted in the recording equals anything."""
    both = Counter(recorded) & Counter(live)
    left = list((Counter(live) - both).elements())
    for name, value in sorted((Counter(recorded) - both).elements(), key=lambda parameter: REDACTED in parameter):
        if (name, value) == (REDACTED, ""):  # a parameter without "=" was all value
            fitting = [item for item in left if not item[1]]
        else:
            fitting = [item for item in left if item[0] == name and value in (item[1], REDACTED)]
        if not fitting:
            return False
        left.remove(fitting[0])
    return not left


def _shown_path(target: str) -> str:
    return _visible(_origin_form(target).partition("?")[0])


def _visible(text: str) -> str:
    """For an error text, which may go into a terminal or a header."""
    return canonical_json(text[:MAX_PATH])[1:-1]


# The body


def _body_differences(
    recorded: RecordedRequest, live: RecordedRequest, members: Optional[Tuple[str, ...]], ignore: Sequence[str]
) -> Iterator[Difference]:
    pointers = [pointer_parts(pointer) for pointer in ignore]
    try:
        expected, got = (_compared(_json(request), members, pointers) for request in (recorded, live))
    except FixtureError:  # one is not JSON
        expected_bytes, got_bytes = recorded.body_bytes(), live.body_bytes()
        if expected_bytes != got_bytes:
            yield Difference("in body", *_shown(encode_bytes(expected_bytes), encode_bytes(got_bytes)))
        return
    for path, one, other in _unequal(expected, got):
        yield Difference("at " + (_visible(path) or "/"), *_shown(one, other))


def _json(request: RecordedRequest) -> Any:
    return parse_json(request.body or b"") if isinstance(request.json, Unset) else request.json


def _compared(body: Any, members: Optional[Tuple[str, ...]], pointers: Sequence[Sequence[str]]) -> Any:
    for parts in pointers:
        body = edited(body, parts, lambda _: UNSET)
    body = normalise(body)
    if members is None or not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if name in members}


def _unequal(expected: Any, got: Any) -> Iterator[Tuple[str, Any, Any]]:
    """The places, as JSON Pointers, where two JSON values differ; in the order of ``expected``."""
    # A stack of our own: recursion would depend on how deep the caller is already.
    left: List[Tuple[str, Any, Any]] = [("", expected, got)]
    while left:
        path, one, other = left.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            names = reversed(list({**one, **other}))
            left += [(path + "/" + _escaped(n), one.get(n, UNSET), other.get(n, UNSET)) for n in names]
        elif isinstance(one, list) and isinstance(other, list):
            pairs = list(enumerate(zip_longest(one, other, fillvalue=UNSET)))
            left += [("%s/%d" % (path, index), *pair) for index, pair in reversed(pairs)]
        elif isinstance(one, bool) != isinstance(other, bool) or one != other:
            yield path, one, other


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _shown(expected: Any, got: Any) -> Tuple[str, str]:
    """Both values as short texts; of two long strings the part where they start to differ."""
    if isinstance(expected, str) and isinstance(got, str):
        same = len(commonprefix([expected, got]))
        if same > MAX_SAME:
            expected, got = ("..." + text[same - MAX_SAME // 2 :] for text in (expected, got))
    one, other = ("nothing" if isinstance(value, Unset) else shortened(value) for value in (expected, got))
    return one, other
