# SPDX-License-Identifier: MIT
"""Commands of one request each: list, ps, show, cp, rm, stop, embed, version. Laid out as ``ollama`` does it."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Iterator, List, Tuple

from .._calls import VERSION
from .._errors import escape_controls
from .asking import ask, say
from .options import MODEL, argument, standard_input, utf8

if TYPE_CHECKING:
    from .._documents import RunningModel, ShowResponse

UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"), (1, "B"))
DAY = 86400
SPANS = (  # below so many seconds: those of the unit, and its name
    (60, 1, "second"), (3600, 60, "minute"), (2 * DAY, 3600, "hour"), (14 * DAY, DAY, "day"),
    (60 * DAY, 7 * DAY, "week"), (730 * DAY, 30 * DAY, "month"), (float("inf"), 365 * DAY, "year"),
)  # fmt: skip
PARTS = ("license", "modelfile", "parameters", "system", "template")
ARGUMENTS = {
    "list": [argument("start", metavar="NAME", nargs="?", default="", help="only those whose names start so")],
    "show": [
        MODEL,
        *(argument("--" + part, dest="part", action="store_const", const=part, help="print it, nothing else")
          for part in PARTS),
        argument("-v", "--verbose", action="store_true", help="the whole of the model's own information too"),
    ],
    "cp": [
        argument("model", metavar="SOURCE", type=utf8),
        argument("destination", metavar="DESTINATION", type=utf8),
    ],
    "rm": [argument("models", metavar="MODEL", nargs="+", type=utf8)],
    "stop": [MODEL],
    "embed": [
        MODEL,
        argument("input", metavar="TEXT", nargs="*", default=[], type=utf8, help="or lines of standard input"),
        argument("--dimensions", metavar="N", type=int, help="of each vector; or the model's own"),
    ],
}  # fmt: skip
LICENSE_LINES = 2  # of a model's licence that show prints


def do_list(options: Namespace) -> None:
    answer = ask(options, lambda client: client.list())
    rows = [["NAME", "ID", "SIZE", "MODIFIED"]]
    for one in answer.models:
        if name_of(one).lower().startswith(options.start.lower()):
            size = "-" if one.remote_model else human_bytes(one.size)
            rows.append([name_of(one), text(one.digest)[:12], size, human_time(one.modified_at)])
    say(options, answer, rows)


def do_ps(options: Namespace) -> None:
    answer = ask(options, lambda client: client.ps())
    rows = [["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"]]
    for one in answer.models:
        rows.append([
            name_of(one), text(one.digest)[:12], human_bytes(one.size), processor(one), text(one.context_length),
            human_time(one.expires_at),
        ])  # fmt: skip
    say(options, answer, rows)


def do_show(options: Namespace) -> None:
    answer = ask(options, lambda client: client.show(options.model, verbose=options.verbose or None))
    if options.part:
        return say(options, answer, text(answer.get(options.part)).rstrip("\n") + "\n")
    lines = []
    for title, rows in sections(answer, options.verbose):
        width = max((len(row[0]) for row in rows), default=0)
        shown = ("    ".join([row[0].ljust(width), *row[1:]]) for row in rows)
        lines += ["  " + title, *("    " + escape_controls(line.rstrip()) for line in shown), ""] if rows else []
    return say(options, answer, "".join(line + "\n" for line in lines))


def sections(answer: ShowResponse, verbose: bool) -> Iterator[Tuple[str, List[List[str]]]]:
    # Of servers other than Ollama any of it may be anything.
    details = answer.details if hasattr(answer.details, "family") else None
    info = answer.model_info if isinstance(answer.model_info, dict) else {}
    architecture = text(info.get("general.architecture"))
    rows = [
        ["architecture", architecture or text(details and details.family)],
        ["parameters", text(details and details.parameter_size)],
        ["context length", text(info.get(architecture + ".context_length"))],
        ["embedding length", text(info.get(architecture + ".embedding_length"))],
        ["quantization", text(details and details.quantization_level)],
        ["requires", text(answer.requires)],
    ]
    yield "Model", [row for row in rows if row[1]]
    if isinstance(answer.capabilities, list):
        yield "Capabilities", [[text(one)] for one in answer.capabilities]
    if answer.parameters:
        yield "Parameters", [line.split(None, 1) for line in text(answer.parameters).splitlines() if line.strip()]
    if answer.system:
        yield "System", [[line] for line in text(answer.system).splitlines()]
    if answer.license:
        lines = [line.strip() for line in text(answer.license).splitlines() if line.strip()]
        yield "License", [[line] for line in lines[:LICENSE_LINES]] + [["..."]] * (len(lines) > LICENSE_LINES)
    if verbose and info:
        yield "Metadata", [[name, json.dumps(value, ensure_ascii=False)[:60]] for name, value in sorted(info.items())]


def do_cp(options: Namespace) -> None:
    ask(options, lambda client: client.copy(options.model, options.destination))
    say(options, {"status": "success"}, "copied '%s' to '%s'\n" % (options.model, options.destination))


def do_rm(options: Namespace) -> None:
    for model in options.models:
        ask(options, lambda client: client.delete(model))
        say(options, {"status": "success", "model": model}, "deleted '%s'\n" % model)


def do_stop(options: Namespace) -> None:
    say(options, ask(options, lambda client: client.unload(options.model)), "")


def do_embed(options: Namespace) -> None:
    texts = options.input or standard_input().splitlines()
    if not texts:
        options.parser.error("there is no text")
    answer = ask(options, lambda client: client.embed(options.model, texts, dimensions=options.dimensions))
    say(options, answer, "".join(json.dumps(vector) + "\n" for vector in answer.embeddings))


def do_version(options: Namespace) -> None:
    server = ask(options, lambda client: client.version()).version
    lines = "ollama version is %s\nollama-stream version is %s\n" % (text(server), VERSION)
    say(options, {"version": server, "client": VERSION}, lines)


# --- words ------------------------------------------------------------------------------------------------------------


def name_of(model: Any) -> str:
    return text(model.name or model.model)


def text(value: Any) -> str:
    """A value of any type: servers send odd ones."""
    return "" if value is None else str(value)


def human_bytes(size: Any) -> str:
    if isinstance(size, bool) or not isinstance(size, int) or abs(size) >= 1 << 63:  # divided as floats are
        return text(size)
    unit, name = next((unit for unit in UNITS if size >= unit[0]), UNITS[-1])
    value = size / unit
    return "%d %s" % (value, name) if value >= 10 or unit == 1 or value == int(value) else "%.1f %s" % (value, name)


def human_time(when: Any) -> str:
    """How long ago, or how long from now; some years stand for no time."""
    if not isinstance(when, datetime):
        return text(when)
    if when.year <= 1 or when.year > 2200:
        return "Never"
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    seconds = (when - datetime.now(timezone.utc)).total_seconds()
    return "%s %s" % (human_duration(abs(seconds)), "from now" if seconds > 0 else "ago")


def human_duration(seconds: float) -> str:
    if seconds < 1:
        return "Less than a second"
    size, unit = next((size, unit) for limit, size, unit in SPANS if seconds < limit)
    count = int(seconds / size)
    if count == 1 and unit in ("minute", "hour"):
        return "About %s %s" % ("a" if unit == "minute" else "an", unit)
    return "%d %s%s" % (count, unit, "s" * (count != 1))


def processor(one: RunningModel) -> str:
    """Where a model's layers are: of its size, the part in video memory."""
    size, video = one.size, one.size_vram or 0
    if not isinstance(size, int) or not isinstance(video, int) or size <= 0:
        return "Unknown"
    if video <= 0 or video >= size:
        return "100% CPU" if video <= 0 else "100% GPU"
    share = round(100 * (size - video) / size)
    return "%d%%/%d%% CPU/GPU" % (share, 100 - share)
