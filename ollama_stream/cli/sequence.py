# SPDX-License-Identifier: MIT
"""A picture of what went to and fro: two lifelines, an arrow for each message and chunk, and beside the server's line
bands for what it says that it did: load, prompt, answer. A fixture goes in, a self-contained SVG comes out.

The arrows stand in order, one below the other, with their times; of many chunks the first and the last are drawn.
"""

from __future__ import annotations

from typing import Any, Iterator, List, NamedTuple

from .._errors import FixtureError
from ..fixture import Event, Fixture, canonical_json, parse_json
from .picture import STYLE, Scale, cut, line_of, picture, text_of
from .views import BODY_KINDS, HOWS, play, seconds, visible

CLIENT, SERVER = 240.0, 720.0  # the lifelines
TOP, STEP = 128.0, 26.0
FIRST, LAST = 24, 8  # arrows that are drawn of many
MAX_LABEL = 58  # characters
BAND = 14.0
COLOURS = {"load": "#bc7a00", "prompt": "#8250df", "answer": "#0969da"}
SEQUENCE_STYLE = STYLE + """
.arrow{stroke:#59636e;fill:none}.request{stroke:#0969da;fill:none;stroke-width:2}.life{stroke:#8b949e}
"""


class Arrow(NamedTuple):
    """``kind`` is "request", to the server; "arrow", from it; "remark", between the lines."""

    time: float
    label: str
    kind: str


def sequence_svg(fixture: Fixture) -> bytes:
    """The picture of an exchange, as the bytes of an SVG file."""
    arrows = shortened(list(arrows_of(fixture)))
    height = TOP + STEP * len(arrows) + 40
    places = [TOP + STEP * number for number in range(len(arrows))]
    parts: List[str] = []
    for x, name in ((CLIENT, "client"), (SERVER, "server")):
        parts += [text_of(x, TOP - 40, name, "mid"), line_of(x, TOP - 30, x, height - 24, "life")]
    parts += bands(fixture, Scale([(arrow.time, place) for arrow, place in zip(arrows, places)]))
    for arrow, y in zip(arrows, places):
        parts += drawn(arrow, y)
    return picture(fixture.name, fixture.name + ": what went to and fro", parts, height, SEQUENCE_STYLE)


def arrows_of(fixture: Fixture) -> Iterator[Arrow]:
    number = 0
    for event in fixture.events:
        number += event.kind in BODY_KINDS
        yield Arrow(event.time, label_of(event, number), {"request": "request", "end": "remark", "note": "remark"}.get(
            event.kind, "arrow"))  # fmt: skip


def label_of(event: Event, number: int) -> str:
    data: Any = event.data
    if event.kind == "request":
        return "%s %s" % (data.method, data.path)
    if event.kind in ("head", "interim"):
        return "%d %s" % (data.status, data.reason)
    if event.kind in BODY_KINDS:
        kind = "chunk" if event.kind == "chunk" else "piece"
        return "%s %d, %d bytes: %s" % (kind, number, len(data), gist(bytes(data)))
    return HOWS[data["how"]] if event.kind == "end" else "trailers" if event.kind == "trailers" else str(data)


def gist(data: bytes) -> str:
    """The text of a record, where the bytes are one; the bytes where they are none."""
    try:
        record = parse_json(data)
    except FixtureError:
        return visible(data[:200])
    if not isinstance(record, dict):
        return visible(data[:200])
    message = record.get("message")
    source = {**record, **message} if isinstance(message, dict) else record
    found = [source[name] for name in ("thinking", "content", "response", "status", "error") if source.get(name)]
    return visible(canonical_json(found[0]).encode() if found else b"done" if record.get("done") else data[:200])


def shortened(arrows: List[Arrow]) -> List[Arrow]:
    """Of too many the first and the last, and what is left out between them."""
    left = len(arrows) - FIRST - LAST
    if left < 2:
        return arrows
    between = arrows[FIRST:-LAST]
    text = "%d more, until %s" % (left, seconds(between[-1].time))
    return [*arrows[:FIRST], Arrow(between[-1].time, text, "remark"), *arrows[-LAST:]]


def drawn(arrow: Arrow, y: float) -> Iterator[str]:
    yield text_of(CLIENT - 16, y + 4, seconds(arrow.time), "tick end")
    yield text_of((CLIENT + SERVER) / 2, y - 4, cut(arrow.label, MAX_LABEL), "small mid")
    if arrow.kind != "remark":
        start, end = (CLIENT, SERVER) if arrow.kind == "request" else (SERVER, CLIENT)
        back = -8 if end > start else 8
        head = "M%.1f %.1fL%.1f %.1fL%.1f %.1f" % (end + back, y - 4, end, y, end + back, y + 4)
        yield line_of(start, y, end, y, arrow.kind) + '<path class="%s" d="%s"/>' % (arrow.kind, head)


def bands(fixture: Fixture, y: Scale) -> Iterator[str]:
    """What the server says that it did, on the scale of the arrows."""
    arrivals = play(fixture).arrivals
    last: Any = arrivals[-1].record if arrivals else None
    start = label = 0.0
    for name, field in (("load", "load_duration"), ("prompt", "prompt_eval_duration"), ("answer", "eval_duration")):
        spent = getattr(last, field, None)
        if isinstance(spent, int) and 0 < spent < 10**18:
            top, bottom = y.at(start), y.at(start + spent / 1e9)
            yield '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>' % (
                SERVER + 8, top, BAND, max(1.0, bottom - top), COLOURS[name])  # fmt: skip
            label = max(top + 12, label + 16)
            yield text_of(SERVER + 8 + BAND + 6, label, "%s %s" % (name, seconds(spent / 1e9)), "small")
            start += spent / 1e9
