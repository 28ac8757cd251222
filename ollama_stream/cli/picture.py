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
from typing import Dict, Iterator, List, NamedTuple, Tuple

from ..fixture import Fixture
from .output import escapes
from .views import Played, figures, play, seconds, token_kind

LEFT, RIGHT = 76.0, 676.0  # of both charts; the figures stand to the right of them
TOP, MIDDLE = 104.0, 352.0  # of the steps
GAPS_TOP, BOTTOM = 408.0, 488.0  # of the bars
FIGURES = 712  # where the figures begin
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
.text,.thinking,.record{fill:none;stroke-width:2;stroke-linejoin:round}.gap{fill:none;stroke:#bc7a00}
.text,.record{stroke:#0969da}.thinking{stroke:#8250df}.fault{stroke:#cf222e;stroke-width:2}text.bad{fill:#cf222e}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.small,.tick,.name{fill:#9198a1}
.ground{fill:#0d1117}.wait{fill:#171d26}.grid{stroke:#262c36}.axis{stroke:#6e7681}.mark{stroke:#9198a1}
.text,.record{stroke:#4493f8}.thinking{stroke:#ab7df8}.gap{stroke:#d29922}.fault{stroke:#f85149}text.bad{fill:#f85149}}
"""


class Token(NamedTuple):
    """When a piece of the answer came, in seconds; how long after the one before; "text", "thinking" or "record"."""

    time: float
    gap: float
    kind: str


class Scale(NamedTuple):
    """From a value to a place on the picture: 0 is at ``start``, ``top`` at ``end``."""

    top: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value / self.top)


def svg(fixture: Fixture) -> bytes:
    """The picture of an exchange, as the bytes of an SVG file."""
    played = play(fixture)
    tokens = tokens_of(played)
    end = max(fixture.events[-1].time, 1e-6)
    rows = figures(fixture, played)
    parts = [*_heading(fixture), *_wait(fixture, end), *_axes(tokens, end), *_curves(tokens, end)]
    if played.error is not None:
        parts.append(_upright(Scale(end, LEFT, RIGHT).at(played.time), "fault"))
    parts += _column(rows, tokens, played.error is not None)
    return _picture("%s: %s" % (fixture.name, ", ".join("%s %s" % row for row in rows)), parts)


def _picture(title: str, parts: List[str]) -> bytes:
    start = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">'
    head = [start % (WIDTH, HEIGHT, WIDTH, HEIGHT), "<title>%s</title>" % _xml(title), "<style>%s</style>" % STYLE]
    return "\n".join([*head, *parts, "</svg>\n"]).encode("utf-8")


def tokens_svg(name: str, runs: List[Tuple[str, List[Token]]]) -> bytes:
    """The picture of several answers to one question, each with its label where it ends."""
    end = max([1e-6, *(run[-1].time for _, run in runs if run)])
    longest = max((run for _, run in runs), key=len)
    parts = ['<rect class="ground" width="%d" height="%d"/>' % (WIDTH, HEIGHT), _text(24, 38, _cut(name, MAX_TITLE), "title")]
    parts += _axes(longest, end)
    x, y = Scale(end, LEFT, RIGHT), _token_scale(longest)
    for label, run in runs:
        parts += _steps(run, x, y)
        if run:
            parts.append(_text(RIGHT + 8, y.at(len(run)) + 4, label, "small"))
    return _picture(name, parts)


def tokens_of(played: Played) -> List[Token]:
    """The tokens of an exchange; the first one has no gap before it."""
    tokens: List[Token] = []
    for arrival in played.arrivals:
        kind = token_kind(arrival.record)
        if kind:
            tokens.append(Token(arrival.time, arrival.time - tokens[-1].time if tokens else 0.0, kind))
    return tokens


# --- parts ------------------------------------------------------------------------------------------------------------


def _heading(fixture: Fixture) -> Iterator[str]:
    request, server = fixture.request, fixture.header.get("server", {})
    body = request.json if isinstance(request.json, dict) else {}
    subtitle = ["%s %s" % (request.method, request.path)]
    subtitle += [value for value in (body.get("model"), fixture.header.get("note")) if isinstance(value, str)]
    subtitle += ["%s %s" % item for item in server.items()]
    yield '<rect class="ground" width="%d" height="%d"/>' % (WIDTH, HEIGHT)
    yield _text(24, 38, _cut(fixture.name, MAX_TITLE), "title")
    yield _text(24, 62, _cut(" \u00b7 ".join(subtitle), MAX_SUBTITLE), "small")


def _wait(fixture: Fixture, end: float) -> Iterator[str]:
    """The time to the first byte."""
    first_byte = next((time for time, _ in fixture.wire()), None)
    if first_byte is None:
        return
    place = Scale(end, LEFT, RIGHT).at(first_byte)
    area = '<rect class="wait" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>'
    yield area % (LEFT, TOP, place - LEFT, MIDDLE - TOP) + area % (LEFT, GAPS_TOP, place - LEFT, BOTTOM - GAPS_TOP)
    yield _upright(place, "mark")
    anchor = "small end" if place > RIGHT - 170 else "small"
    yield _text(max(place, LEFT + 200), TOP - 12, "first byte after " + seconds(first_byte), anchor)


def _axes(tokens: List[Token], end: float) -> Iterator[str]:
    """Grid, ticks and what the axes mean."""
    unit, factor = _gap_unit(tokens)
    x = Scale(end, LEFT, RIGHT)
    for value, text in _ticks(end, 8):
        yield _upright(x.at(value), "grid")
        yield _text(x.at(value), BOTTOM + 18, text, "tick mid")
    tokens_scale, gaps = _token_scale(tokens), _gap_scale(tokens)
    levels = [(tokens_scale.at(value), text) for value, text in _ticks(max(1, len(tokens)), 5, whole=True)]
    levels += [(gaps.at(value / factor), text) for value, text in _ticks(gaps.top * factor, 4)]
    for y, text in levels:
        yield _line(LEFT, y, RIGHT, y, "grid") + _text(LEFT - 8, y + 4, text, "tick end")
    what = "records" if any(token.kind == "record" for token in tokens) else "tokens (a record each)"
    yield _line(LEFT, MIDDLE, RIGHT, MIDDLE, "axis") + _line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis")
    yield _text(LEFT, TOP - 12, what + " so far", "small")
    if not tokens:
        yield _text((LEFT + RIGHT) / 2, (TOP + MIDDLE) / 2, "no %s came" % what.split()[0], "small mid")
    yield _text(LEFT, GAPS_TOP - 12, "gap before each of them, in %s" % unit, "small")
    yield _text((LEFT + RIGHT) / 2, BOTTOM + 42, "seconds since the request was sent", "small mid")


def _curves(tokens: List[Token], end: float) -> Iterator[str]:
    """The steps, a path for each run of one kind, and the bars."""
    x, bars = Scale(end, LEFT, RIGHT), _gap_scale(tokens)
    yield from _steps(tokens, x, _token_scale(tokens))
    longest: Dict[int, float] = {}
    for token in tokens[1:]:
        place = round(x.at(token.time))
        longest[place] = max(longest.get(place, 0.0), token.gap)
    path = ["M%d %.1fV%.1f" % (place, bars.start, bars.at(gap)) for place, gap in longest.items()]
    width = max(1.0, min(6.0, (RIGHT - LEFT) / (2 * len(path) + 1)))
    yield '<path class="gap" stroke-width="%.1f" d="%s"/>' % (width, "".join(path))


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
    from textwrap import wrap

    gaps = sorted(token.gap for token in tokens[1:])
    shown = rows[:-1]
    if gaps:
        shown += [("median gap", _milliseconds(gaps[len(gaps) // 2])), ("longest gap", _milliseconds(gaps[-1]))]
    y = TOP + 4
    for name, value in shown:
        yield _text(FIGURES, y, name, "name") + _text(WIDTH - 24, y, _cut(value, MAX_VALUE), "value end")
        y += 22
    yield _text(FIGURES, y + 10, "ended", "name")
    for line in wrap(rows[-1][1], ENDING_LINE, max_lines=ENDING_LINES, placeholder=" ..."):
        y += 18
        yield _text(FIGURES, y + 14, line, "small bad" if failed else "small")
    kinds = sorted({token.kind for token in tokens})
    for kind, place in zip(kinds if len(kinds) > 1 else [], (BOTTOM - 20, BOTTOM)):
        yield _line(FIGURES, place - 4, FIGURES + 22, place - 4, kind) + _text(FIGURES + 30, place, kind, "small")


# --- scales and elements ----------------------------------------------------------------------------------------------


def _token_scale(tokens: List[Token]) -> Scale:
    return Scale(max(1.0, len(tokens) * 1.04), MIDDLE, TOP)


def _gap_scale(tokens: List[Token]) -> Scale:
    longest = max((token.gap for token in tokens), default=0.0)
    return Scale(longest or 0.01, BOTTOM, GAPS_TOP)


def _gap_unit(tokens: List[Token]) -> Tuple[str, float]:
    return ("s", 1.0) if _gap_scale(tokens).top >= 1 else ("ms", 1000.0)


def _milliseconds(gap: float) -> str:
    return "%.1f ms" % (gap * 1000) if gap < 1 else seconds(gap)


def _ticks(top: float, count: int, whole: bool = False) -> Iterator[Tuple[float, str]]:
    """Round values from 0 to ``top``, about ``count`` of them, and their texts."""
    power = 10.0 ** math.floor(math.log10(top / count))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit * count >= top * 0.999)
    if whole:
        step = max(1.0, step)
    for number in range(int(top / step * 1.0001) + 1):
        yield number * step, "%.6g" % (number * step)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return '<path class="%s" d="M%.1f %.1fL%.1f %.1f"/>' % (kind, x1, y1, x2, y2)


def _upright(x: float, kind: str) -> str:
    return '<path class="%s" d="M%.1f %.1fV%.1fM%.1f %.1fV%.1f"/>' % (kind, x, TOP, MIDDLE, x, GAPS_TOP, BOTTOM)


def _text(x: float, y: float, text: str, kind: str) -> str:
    return '<text class="%s" x="%.1f" y="%.1f">%s</text>' % (kind, x, y, _xml(text))


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 3] + "..."


def _xml(text: str) -> str:
    return escape(_NO_XML.sub(lambda match: ascii(match.group())[1:-1], text.translate(escapes())))


FORMS = {"time": svg}
