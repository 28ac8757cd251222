# SPDX-License-Identifier: MIT
"""Commands that go on for long: pull, push and create, with a bar a layer on a terminal, a line a status elsewhere."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from argparse import Namespace
from itertools import tee
from typing import TYPE_CHECKING, Any, Dict, Iterator, Tuple

from .._errors import RequestError, escape_controls
from ..tools import progress
from .models import human_bytes, text
from .asking import new_client, waiting_for
from .options import MODEL, argument, name_and_value, read_bytes, utf8
from .output import ErrorOutput, Output, Waiting, width_of

if TYPE_CHECKING:
    from .._client import Client

BAR = 20  # columns
SECONDS_BETWEEN = 0.1  # two pictures of a bar
LINE = re.compile(r"[ \t]*([A-Za-z]+)[ \t]+(.*)", re.DOTALL)
WORDS = ("from", "adapter", "parameter", "template", "system", "license", "message", "requires", "renderer", "parser")


REGISTRY = [MODEL, argument("--insecure", action="store_true", help="a registry without a certificate to trust")]
ARGUMENTS = {
    "pull": REGISTRY,
    "push": REGISTRY,
    "create": [
        argument("model", metavar="NAME", type=utf8),
        argument("-f", "--file", metavar="MODELFILE", help="or Modelfile, where there is one; - for standard input"),
        argument("--from", dest="from_", metavar="MODEL", type=utf8, help="a model, or a file of one"),
        argument("--system", metavar="TEXT", type=utf8, help="the system message"),
        argument("--template", metavar="TEXT", type=utf8, help="the template of the prompt"),
        argument("--license", metavar="TEXT", type=utf8, help="the licence"),
        argument("-p", "--parameter", metavar="NAME=VALUE", type=name_and_value, action="append", default=[],
                 help="an option of the model; may be repeated"),
        argument("-q", "--quantize", metavar="TYPE", type=utf8, help="such as q4_K_M"),
    ],
}  # fmt: skip


def do_pull(options: Namespace) -> None:
    options.goes_on = True
    show(options, new_client(options).pull(options.model, insecure=options.insecure, stream=True))


def do_push(options: Namespace) -> None:
    options.goes_on = True
    show(options, new_client(options).push(options.model, insecure=options.insecure, stream=True))


def do_create(options: Namespace) -> None:
    """Raises RequestError for a Modelfile that is none."""
    path = options.file or ("Modelfile" if options.from_ is None and os.path.exists("Modelfile") else None)
    fields: Dict[str, Any] = parse_modelfile(read_bytes(path), path) if path is not None else {}
    given = {name: getattr(options, name) for name in ("from_", "system", "template", "license", "quantize")}
    fields.update((name, value) for name, value in given.items() if value is not None)
    if options.parameter:
        fields["parameters"] = {**fields.get("parameters", {}), **dict(options.parameter)}
    if not fields.get("from_"):
        options.parser.error("expected --from MODEL, or a Modelfile with a line FROM")
    client = new_client(options)
    folder = os.path.dirname(path or "")
    for name, blobs in (("from_", "files"), ("adapters", "adapters")):
        files = uploaded(client, fields.get(name), folder)
        if files:
            del fields[name]
            fields[blobs] = files
    show(options, client.create(options.model, stream=True, **fields))


def uploaded(client: Client, given: Any, folder: str) -> Dict[str, str]:
    """The digests of what are files and no names of models."""
    paths = [os.path.join(folder, one) for one in ([given] if isinstance(given, str) else given or ())]
    return {os.path.basename(path): client.create_blob(path) for path in paths if os.path.isfile(path)}


def parse_modelfile(data: bytes, path: str) -> Dict[str, Any]:
    """The main lines of a Modelfile -> the fields of create(). Raises RequestError with the line's number."""
    fields: Dict[str, Any] = {}
    for lineno, word, value in instructions(data.decode("utf-8", "replace")):
        if word not in WORDS:
            raise RequestError("%s, line %d: expected one of %s" % (path, lineno, ", ".join(WORDS).upper()))
        if word == "parameter":
            name, _, setting = value.partition(" ")
            add_parameter(fields.setdefault("parameters", {}), name, setting.strip())
        elif word == "message":
            role, _, content = value.partition(" ")
            fields.setdefault("messages", []).append({"role": role, "content": unquoted(content.strip())})
        elif word in ("adapter", "license"):
            fields.setdefault("adapters" if word == "adapter" else word, []).append(unquoted(value))
        else:
            fields["from_" if word == "from" else word] = unquoted(value)
    return fields


def instructions(source: str) -> Iterator[Tuple[int, str, str]]:
    """The number of its line, the word in small letters, and the value, which goes on between three quotes."""
    lines = iter(enumerate(source.splitlines(), 1))
    for lineno, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = LINE.fullmatch(line)
        word, value = (found.group(1).lower(), found.group(2).strip()) if found else (line.strip().lower(), "")
        while value.count('"""') == 1:
            following = next(lines, None)
            if following is None:
                raise RequestError('the Modelfile, line %d: """ without its end' % lineno)
            value += "\n" + following[1]
        yield lineno, word, value


def unquoted(value: str) -> str:
    for quote in ('"""', '"'):
        if len(value) >= 2 * len(quote) and value.startswith(quote) and value.endswith(quote):
            return value[len(quote) : -len(quote)]
    return value


def add_parameter(parameters: Dict[str, Any], name: str, value: str) -> None:
    """``stop`` may stand several times; numbers are numbers."""
    try:
        known: Any = json.loads(value)
    except ValueError:
        known = unquoted(value)
    parameters[name] = [*parameters.get(name, []), str(known)] if name == "stop" else known


# --- progress ---------------------------------------------------------------------------------------------------------


def show(options: Namespace, stream: Any) -> None:
    """Print how far it is; raises what the stream raises, whose last line stays."""
    out = Output(sys.stdout)
    with Waiting(waiting_for(options), ErrorOutput(raw=True)) as waiting, stream:
        records = waiting.until_first(stream)
        if options.json:
            for record in records:
                out.write_json(record)
        elif out.is_terminal and os.environ.get("TERM") != "dumb":
            show_bars(records)
        else:
            statuses = [""]
            for record in records:
                if text(record.status) != statuses[-1]:
                    statuses.append(text(record.status))
                    out.write(escape_controls(statuses[-1]) + "\n")


def show_bars(stream: Iterator[Any]) -> None:
    """A line a status, written over while it changes."""
    out = Output(sys.stdout, raw=True)
    layer, latest, shown, due = "", "", 0, 0.0
    records, measured = tee(stream)
    try:
        for record, now in zip(records, progress(measured)):
            line = bar_line(record, now.rate, width_of(sys.stdout) - 1, getattr(sys.stdout, "encoding", "ascii"))
            if text(record.status) != layer:
                out.write("\r%s\n" % latest.ljust(shown) if layer else "")
                layer, shown, due = text(record.status), 0, 0.0
            latest = line
            if time.monotonic() >= due:
                out.write("\r" + line.ljust(shown))
                shown, due = len(line), time.monotonic() + SECONDS_BETWEEN
    finally:
        out.write("\r%s\n" % latest.ljust(shown) if layer else "")


def bar_line(record: Any, rate: float, width: int, encoding: str) -> str:
    """``pulling 6a0746a1ec1a:  45% ▕█████     ▏ 2.0 GB/4.4 GB  45 MB/s  53s``, as much of it as fits."""
    status, total, done = escape_controls(text(record.status)), record.total, record.completed or 0
    if not isinstance(total, int) or not isinstance(done, int) or total <= 0:
        return status[:width]
    left, full, right = "▕█▏" if "utf" in encoding.lower() else "[#]"
    filled = min(BAR, BAR * done // total)
    name = status if len(status) + 6 <= width else status.rpartition(" ")[2]
    parts = [
        "%s: %3d%%" % (name, min(100, 100 * done // total)),
        " %s%s%s" % (left, (full * filled).ljust(BAR), right),
        " %s/%s" % (human_bytes(done), human_bytes(total)),
    ]
    if rate > 0 and done < total:
        seconds = int((total - done) / rate)
        parts.append("  %s/s  %s" % (human_bytes(int(rate)), "%dm%02ds" % divmod(seconds, 60) if seconds > 59 else
                                     "%ds" % seconds))  # fmt: skip
    while len(parts) > 1 and len("".join(parts)) > width:
        parts.pop(1 if len(parts) > 2 and len(parts[0] + parts[2]) <= width else -1)
    return "".join(parts)[:width]
