# SPDX-License-Identifier: MIT
"""Commands of one request each: list, ps, show, cp, rm, stop, embed, version. Laid out as ``ollama`` does it."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

from .asking import add_server_arguments, new_client
from .options import standard_input, utf8
from .._errors import escape_controls
from .output import Output

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from .._documents import RunningModel, ShowResponse

UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"), (1, "B"))
LICENSE_LINES = 2  # of a model's licence that show prints


def add_list(parser: ArgumentParser) -> None:
    parser.add_argument("start", metavar="NAME", nargs="?", default="", help="only those whose names start so")
    add_server_arguments(parser)


def do_list(options: Namespace) -> None:
    answer = new_client(options).list()
    if options.json:
        return print_json(answer)
    rows = [["NAME", "ID", "SIZE", "MODIFIED"]]
    for one in answer.models:
        if text(one.name or one.model).lower().startswith(options.start.lower()):
            size = "-" if one.remote_model else human_bytes(one.size)
            rows.append([text(one.name or one.model), text(one.digest)[:12], size, human_time(one.modified_at, "")])
    return Output(sys.stdout).write_table(rows)


def add_ps(parser: ArgumentParser) -> None:
    add_server_arguments(parser)


def do_ps(options: Namespace) -> None:
    answer = new_client(options).ps()
    if options.json:
        return print_json(answer)
    rows = [["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"]]
    for one in answer.models:
        rows.append([
            text(one.name or one.model), text(one.digest)[:12], human_bytes(one.size), processor(one),
            text(one.context_length), human_time(one.expires_at, "Never"),
        ])  # fmt: skip
    return Output(sys.stdout).write_table(rows)


def add_show(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=utf8)
    for part in ("license", "modelfile", "parameters", "system", "template"):
        parser.add_argument("--" + part, dest="part", action="store_const", const=part, help="print it, nothing else")
    parser.add_argument("-v", "--verbose", action="store_true", help="the whole of the model's own information too")
    add_server_arguments(parser)


def do_show(options: Namespace) -> None:
    answer = new_client(options).show(options.model, verbose=options.verbose or None)
    if options.json:
        return print_json(answer)
    out = Output(sys.stdout)
    if options.part:
        return out.write(text(answer.get(options.part)).rstrip("\n") + "\n")
    for title, rows in sections(answer, options.verbose):
        if not rows:
            continue
        out.write("  %s\n" % title)
        width = max(len(row[0]) for row in rows)
        for row in rows:
            out.write("    %s\n" % escape_controls("    ".join([row[0].ljust(width), *row[1:]]).rstrip()))
        out.write("\n")
    return None


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


def add_cp(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="SOURCE", type=utf8)
    parser.add_argument("destination", metavar="DESTINATION", type=utf8)
    add_server_arguments(parser)


def do_cp(options: Namespace) -> None:
    new_client(options).copy(options.model, options.destination)
    say(options, {"status": "success"}, "copied '%s' to '%s'" % (options.model, options.destination))


def add_rm(parser: ArgumentParser) -> None:
    parser.add_argument("models", metavar="MODEL", nargs="+", type=utf8)
    add_server_arguments(parser)


def do_rm(options: Namespace) -> None:
    client = new_client(options)
    for model in options.models:
        client.delete(model)
        say(options, {"status": "success", "model": model}, "deleted '%s'" % model)


def add_stop(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=utf8)
    add_server_arguments(parser)


def do_stop(options: Namespace) -> None:
    answer = new_client(options).unload(options.model)
    if options.json:
        print_json(answer)


def add_embed(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=utf8)
    parser.add_argument("input", metavar="TEXT", nargs="*", default=[], type=utf8, help="or lines of standard input")
    parser.add_argument("--dimensions", metavar="N", type=int, help="of each vector; or the model's own")
    add_server_arguments(parser, "print the whole answer; otherwise a JSON list a line")


def do_embed(options: Namespace) -> None:
    texts = options.input or standard_input().splitlines()
    if not texts:
        options.parser.error("there is no text")
    answer = new_client(options).embed(options.model, texts, dimensions=options.dimensions)
    if options.json:
        return print_json(answer)
    return Output(sys.stdout).write("".join(json.dumps(vector) + "\n" for vector in answer.embeddings))


def add_version(parser: ArgumentParser) -> None:
    add_server_arguments(parser)


def do_version(options: Namespace) -> None:
    from .._calls import VERSION

    server = new_client(options).version().version
    lines = "ollama version is %s\nollama-stream version is %s" % (text(server), VERSION)
    say(options, {"version": server, "client": VERSION}, lines)


# --- words ------------------------------------------------------------------------------------------------------------


def say(options: Namespace, value: Dict[str, Any], line: str) -> None:
    out = Output(sys.stdout)
    return out.write_json(value) if options.json else out.write(line + "\n")


def print_json(record: Any) -> None:
    Output(sys.stdout).write_json(record.model_dump(mode="json", exclude_none=True))


def text(value: Any) -> str:
    """A value of any type: servers send odd ones."""
    return "" if value is None else str(value)


def human_bytes(size: Any) -> str:
    if isinstance(size, bool) or not isinstance(size, int) or abs(size) >= 1 << 63:  # divided as floats are
        return text(size)
    unit, name = next((unit for unit in UNITS if size >= unit[0]), UNITS[-1])
    value = size / unit
    return "%d %s" % (value, name) if value >= 10 or unit == 1 or value == int(value) else "%.1f %s" % (value, name)


def human_time(when: Any, zero: str, now: Optional[datetime] = None) -> str:
    """How long ago, or how long from now; ``zero`` for the times that stand for none."""
    if not isinstance(when, datetime):
        return text(when)
    if when.year <= 1 or when.year > 2200:
        return zero or "Never"
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    seconds = (when - (now or datetime.now(timezone.utc))).total_seconds()
    return "%s %s" % (human_duration(abs(seconds)), "from now" if seconds > 0 else "ago")


def human_duration(seconds: float) -> str:
    if seconds < 1:
        return "Less than a second"
    hours, days = seconds / 3600, int(seconds / 86400)
    if int(seconds / 60) == 1:
        return "About a minute"
    if seconds >= 3600 and int(hours) == 1:
        return "About an hour"
    count, unit = (
        (int(seconds), "second") if seconds < 60 else (int(seconds / 60), "minute") if hours < 1 else
        (int(hours), "hour") if hours < 48 else (days, "day") if days < 14 else (days // 7, "week") if days < 60 else
        (days // 30, "month") if days < 730 else (days // 365, "year")
    )  # fmt: skip
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
