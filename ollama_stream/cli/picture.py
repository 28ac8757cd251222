# SPDX-License-Identifier: MIT
"""A picture of a recorded exchange: when its tokens came. A fixture goes in, a self-contained SVG comes out.

Above, tokens over time as steps, and the wait for the first byte; below, the gap before each; beside them figures.
Tokens are the records that hold a piece of an answer; where there is no answer, every record counts. However many they
are, the picture has at most one step and one bar for each unit of its width.

It is well-formed XML without scripts or anything from elsewhere, and has colours for light and for dark viewers.
"""

from __future__ import annotations

import math
import re
from html import escape
from itertools import groupby
from textwrap import wrap
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .._errors import escape_controls
from ..fixture import Fixture
from .views import Played, fields_of, figures, play, seconds, token_kind

LEFT, RIGHT = 76.0, 676.0  # of both charts; the figures stand to the right of them
TOP, MIDDLE = 104.0, 352.0  # of the steps
GAPS_TOP, BOTTOM = 408.0, 488.0  # of the bars
FIGURES = 712  # where the figures begin
LONG_WAIT = 0.6  # of the whole time, for the first byte: it is squeezed
SQUEEZED = 90.0  # to this
OUTLIER = 4.0  # times as long as any other: a gap whose bar is broken
UNITS = ((1.0, "ms", "milliseconds", 1e3), (120.0, "s", "seconds", 1.0), (7200.0, "min", "minutes", 1 / 60),
         (math.inf, "h", "hours", 1 / 3600))  # up to so many seconds: unit, its name, how many in a second
WIDTH, HEIGHT = 960, 552
MAX_TITLE, MAX_SUBTITLE, MAX_VALUE = 80, 140, 20  # characters
ENDING_LINE, ENDING_LINES = 33, 7  # characters, lines

_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")  # not even as a reference (XML 1.0, 2.2)

STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2328}
.title{font-size:19px;font-weight:600}.small,.tick{font-size:12px}.small,.tick,.name{fill:#59636e}
.tick,.value{font-variant-numeric:tabular-nums}.end{text-anchor:end}.mid{text-anchor:middle}
.ground{fill:#fff}.wait{fill:#f3f5f8}.grid{stroke:#e1e6eb}.axis{stroke:#8b949e}
.mark{stroke:#59636e;stroke-dasharray:4 3}
.ground-line{stroke:#fff;stroke-width:3}
.text,.thinking,.record{fill:none;stroke-width:2;stroke-linejoin:round}.gap{fill:none;stroke:#bc7a00}
.text,.record{stroke:#0969da}.thinking{stroke:#8250df}.fault{stroke:#cf222e;stroke-width:2}text.bad{fill:#cf222e}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.small,.tick,.name{fill:#9198a1}
.ground{fill:#0d1117}.ground-line{stroke:#0d1117}.wait{fill:#171d26}.grid{stroke:#262c36}.axis{stroke:#6e7681}.mark{stroke:#9198a1}
.text,.record{stroke:#4493f8}.thinking{stroke:#ab7df8}.gap{stroke:#d29922}.fault{stroke:#f85149}text.bad{fill:#f85149}}
"""


class Token(NamedTuple):
    """When a piece of the answer came, in seconds; "text", "thinking" or "record"."""

    time: float
    kind: str


class Scale(NamedTuple):
    """From values to places on the picture, between ``points``: (value, place), of rising values."""

    points: Sequence[Tuple[float, float]]

    @property
    def top(self) -> float:
        return self.points[-1][0]

    def at(self, value: float) -> float:
        for (before, start), (after, end) in zip(self.points, self.points[1:]):
            if value <= after and before < after:
                return start + (end - start) * ((value - before) / (after - before))
        return self.points[-1][1]


def svg(fixture: Fixture) -> bytes:
    """The picture of an exchange, as the bytes of an SVG file."""
    played = play(fixture)
    tokens = tokens_of(played)
    end = max(fixture.events[-1].time, 1e-6)
    rows = figures(fixture, played)
    first_byte = next((time for time, _ in fixture.wire()), None)
    squeezed = [(first_byte, LEFT + SQUEEZED)] if first_byte is not None and LONG_WAIT * end < first_byte < end else []
    x = Scale([(0.0, LEFT), *squeezed, (end, RIGHT)])
    what = _what(played, tokens)
    parts = [_subtitle(fixture), *_wait(first_byte, x), *_axes(tokens, x, what), *_curves(tokens, x)]
    if played.error is not None:
        parts.append(_upright(x.at(played.time), "fault"))
    parts += _column(rows, tokens, played.error is not None)
    return picture(fixture.name, "%s: %s" % (fixture.name, ", ".join("%s %s" % row for row in rows)), parts)


def picture(name: str, title: str, parts: Iterable[str], height: float = HEIGHT, style: str = STYLE) -> bytes:
    """An SVG file of ``parts`` on a ground, ``name`` above them; ``title`` is what is read to who does not see it."""
    start = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">'
    head = [start % (WIDTH, height, WIDTH, height), "<title>%s</title>" % xml(title), "<style>%s</style>" % style]
    ground = '<rect class="ground" width="%d" height="%d"/>' % (WIDTH, height)
    return "\n".join([*head, ground, text_of(24, 38, cut(name, MAX_TITLE), "title"), *parts, "</svg>\n"]).encode("utf-8")


def tokens_svg(name: str, runs: List[Tuple[str, List[Token]]]) -> bytes:
    """The picture of several answers to one question, each with its label where it ends."""
    x = Scale([(0.0, LEFT), (max([1e-6, *(run[-1].time for _, run in runs if run)]), RIGHT)])
    longest = max((run for _, run in runs), key=len)
    parts = [*_axes(longest, x, "pieces")]
    y = _token_scale(longest)
    for label, run in runs:
        parts += _steps(run, x, y)
        if run:
            parts.append(text_of(RIGHT + 8, y.at(len(run)) + 4, label, "small"))
    return picture(name, name, parts)


def tokens_of(played: Played) -> List[Token]:
    tokens = (Token(arrival.time, token_kind(arrival.record)) for arrival in played.arrivals)
    return [token for token in tokens if token.kind]


def gaps_of(tokens: List[Token]) -> List[float]:
    """How long after the one before each token but the first came."""
    return [after.time - before.time for before, after in zip(tokens, tokens[1:])]


# --- parts ------------------------------------------------------------------------------------------------------------


def _subtitle(fixture: Fixture) -> str:
    request, server = fixture.request, fixture.header.get("server", {})
    subtitle = ["%s %s" % (request.method, request.path)]
    subtitle += [value for value in (fields_of(request).get("model"), fixture.header.get("note")) if isinstance(value, str)]
    subtitle += ["%s %s" % item for item in server.items()]
    return text_of(24, 62, cut(" \u00b7 ".join(subtitle), MAX_SUBTITLE), "small")


def _what(played: Played, tokens: List[Token]) -> str:
    """What the records are: tokens where the server counts as many."""
    if any(token.kind == "record" for token in tokens):
        return "records"
    last = played.arrivals[-1].record if played.arrivals else None
    is_each = getattr(last, "eval_count", None) == len(tokens)
    return "tokens (a record each)" if is_each or not tokens else "pieces"


def _wait(first_byte: Optional[float], x: Scale) -> Iterator[str]:
    """The time to the first byte."""
    if first_byte is None:
        return
    place = x.at(first_byte)
    area = '<rect class="wait" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>'
    yield area % (LEFT, TOP, place - LEFT, MIDDLE - TOP) + area % (LEFT, GAPS_TOP, place - LEFT, BOTTOM - GAPS_TOP)
    yield _upright(place, "mark")
    anchor = "small end" if place > RIGHT - 170 else "small"
    yield text_of(max(place, LEFT + 200), TOP - 12, "first byte after " + seconds(first_byte), anchor)
    if len(x.points) > 2:
        for side in (-3, 3):  # the mark of an axis that is not whole
            middle = (LEFT + place) / 2 + side
            yield line_of(middle - 4, BOTTOM + 5, middle + 4, BOTTOM - 5, "axis")


def _axes(tokens: List[Token], x: Scale, what: str) -> Iterator[str]:
    """Grid, ticks and what the axes mean."""
    (since, _), (end, _) = x.points[-2:]
    _, name, factor = _unit(end)
    for value, text in _ticks((end - since) * factor, 8, start=since * factor):
        yield _upright(x.at(value / factor), "grid")
        yield text_of(x.at(value / factor), BOTTOM + 18, text, "tick mid")
    tokens_scale, gaps = _token_scale(tokens), _gap_scale(tokens)
    unit, _, factor = _unit(gaps.top)
    levels = [(tokens_scale.at(value), text) for value, text in _ticks(max(1, len(tokens)), 5, whole=True)]
    if len(tokens) > 1:
        levels += [(gaps.at(value / factor), text) for value, text in _ticks(gaps.top * factor, 4)]
    for y, text in levels:
        yield line_of(LEFT, y, RIGHT, y, "grid") + text_of(LEFT - 8, y + 4, text, "tick end")
    yield line_of(LEFT, MIDDLE, RIGHT, MIDDLE, "axis") + line_of(LEFT, BOTTOM, RIGHT, BOTTOM, "axis")
    yield text_of(LEFT, TOP - 12, what + " so far", "small")
    if not tokens:
        yield text_of((LEFT + RIGHT) / 2, (TOP + MIDDLE) / 2, "no %s came" % what.split()[0], "small mid")
    said = "gap before each of them, in %s" % unit if len(tokens) > 1 else "no gaps"
    yield text_of(LEFT, GAPS_TOP - 12, said, "small")
    yield text_of((LEFT + RIGHT) / 2, BOTTOM + 42, "%s since the request was sent" % name, "small mid")


def _curves(tokens: List[Token], x: Scale) -> Iterator[str]:
    """The steps, a path for each run of one kind, and the bars; the one that is longer than all others is broken."""
    bars = _gap_scale(tokens)
    yield from _steps(tokens, x, _token_scale(tokens))
    longest: Dict[int, float] = {}
    for token, gap in zip(tokens[1:], gaps_of(tokens)):
        place = round(x.at(token.time))
        longest[place] = max(longest.get(place, 0.0), gap)
    path = ["M%d %.1fV%.1f" % (place, BOTTOM, bars.at(min(gap, bars.top))) for place, gap in longest.items()]
    width = max(1.0, min(6.0, (RIGHT - LEFT) / (2 * len(path) + 1)))
    yield '<path class="gap" stroke-width="%.1f" d="%s"/>' % (width, "".join(path))
    for place, gap in longest.items():
        if gap > bars.top:
            side, kind = (8, "small") if place < RIGHT - 90 else (-8, "small end")
            yield line_of(place - 7, GAPS_TOP + 16, place + 7, GAPS_TOP + 8, "ground-line")
            yield text_of(place + side, GAPS_TOP + 8, _milliseconds(gap), kind)


def _steps(tokens: List[Token], x: Scale, y: Scale) -> Iterator[str]:
    points: Dict[int, Tuple[float, int, str]] = {}
    for number, token in enumerate(tokens, 1):
        points[round(x.at(token.time))] = x.at(token.time), number, token.kind
    left, number = LEFT, 0
    for kind, run in groupby(points.values(), key=lambda point: point[2]):
        path = ["M%.1f %.1f" % (left, y.at(number))]
        for left, number, _ in run:
            path.append("H%.1fV%.1f" % (left, y.at(number)))
        yield '<path class="%s" d="%s"/>' % (kind, "".join(path))
    if tokens:
        yield '<path class="%s" d="M%.1f %.1fH%.1f"/>' % (tokens[-1].kind, left, y.at(number), RIGHT)


def _column(rows: List[Tuple[str, str]], tokens: List[Token], failed: bool) -> Iterator[str]:
    """The column on the right: figures, how it ended, what the colours mean."""
    gaps = sorted(gaps_of(tokens))
    shown = rows[:-1]
    if gaps:
        shown += [("median gap", _milliseconds(gaps[len(gaps) // 2])), ("longest gap", _milliseconds(gaps[-1]))]
    y = TOP + 4
    for name, value in shown:
        yield text_of(FIGURES, y, name, "name") + text_of(WIDTH - 24, y, cut(value, MAX_VALUE), "value end")
        y += 22
    yield text_of(FIGURES, y + 10, "ended", "name")
    for line in wrap(rows[-1][1], ENDING_LINE, max_lines=ENDING_LINES, placeholder=" ..."):
        y += 18
        yield text_of(FIGURES, y + 14, line, "small bad" if failed else "small")
    kinds = sorted({token.kind for token in tokens})
    for kind, place in zip(kinds if len(kinds) > 1 else [], (BOTTOM - 20, BOTTOM)):
        yield line_of(FIGURES, place - 4, FIGURES + 22, place - 4, kind) + text_of(FIGURES + 30, place, kind, "small")


# --- scales and elements ----------------------------------------------------------------------------------------------


def _token_scale(tokens: List[Token]) -> Scale:
    return Scale([(0.0, MIDDLE), (max(1.0, len(tokens) * 1.04), TOP)])


def _gap_scale(tokens: List[Token]) -> Scale:
    """As high as the longest gap, or, where one is much longer than all others, as those."""
    longest, second = sorted([0.0, 0.0, *gaps_of(tokens)], reverse=True)[:2]
    top = 1.25 * second if second and longest > OUTLIER * second else longest
    return Scale([(0.0, BOTTOM), (top or 0.01, GAPS_TOP)])


def _unit(top: float) -> Tuple[str, str, float]:
    """The unit for times up to so many seconds, its name, and how many of it are a second."""
    return next(row[1:] for row in UNITS if top < row[0])


def _milliseconds(gap: float) -> str:
    return "%.1f ms" % (gap * 1000) if gap < 1 else seconds(gap)


def _ticks(top: float, count: int, whole: bool = False, start: float = 0.0) -> Iterator[Tuple[float, str]]:
    """Round values from ``start`` on over a range of ``top``, about ``count`` of them, and their texts."""
    power = 10.0 ** math.floor(math.log10(top / count))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit * count >= top * 0.999)
    if whole:
        step = max(1.0, step)
    first = math.ceil(start / step * 0.9999)
    for number in range(first, int((start + top) / step * 1.0001) + 1):
        yield number * step, "%.6g" % (number * step)


def line_of(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return '<path class="%s" d="M%.1f %.1fL%.1f %.1f"/>' % (kind, x1, y1, x2, y2)


def _upright(x: float, kind: str) -> str:
    return '<path class="%s" d="M%.1f %.1fV%.1fM%.1f %.1fV%.1f"/>' % (kind, x, TOP, MIDDLE, x, GAPS_TOP, BOTTOM)


def text_of(x: float, y: float, text: str, kind: str) -> str:
    return '<text class="%s" x="%.1f" y="%.1f">%s</text>' % (kind, x, y, xml(text))


def cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 3] + "..."


def xml(text: str) -> str:
    return escape(_NO_XML.sub(lambda match: ascii(match.group())[1:-1], escape_controls(text)))
