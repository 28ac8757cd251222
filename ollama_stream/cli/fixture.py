# SPDX-License-Identifier: MIT
"""``fixture``: what can be done with exchange files on the command line, an action a row of ``ACTIONS``.

FILE may be - for standard input. Results go to standard output or, by -o, to a file that did not exist. The exit status
is 0, or 1 for a bad file and for findings of lint, and otherwise that of ``cli``.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from contextlib import suppress
from functools import partial
from typing import Callable, Dict, Iterator, List

from .._errors import FixtureError, IncompleteStream, ProtocolError, escape_controls
from ..fixture import PLAIN_SUFFIX, SUFFIX, Fixture, dumps, imported, lint, load, loads, wrapped
from .options import argument, header_field, positive_number, read_bytes, text_like, whole_number, write_pieces
from .output import ErrorOutput, Output
from .replay import not_empty
from .table import Command, short
from .views import BODY_KINDS, VIEWS, fields_of, one_chunk, play
from .words import told

FOLDER = "fixtures/recordings/ollama-0.32.15"
ONE = FOLDER + "/chat-one-word.exchange.jsonl"
ACTIONS: Dict[str, Command] = {
    "list": Command("fixture", "list the recorded exchanges in a folder", "fixture list " + FOLDER),
    "show": Command("fixture", "show a recorded exchange", "fixture show %s --view wire" % ONE),
    "lint": Command("fixture", "report what is not canonical or looks like a key", "fixture lint fixtures"),
    "wrap": Command("fixture", "make an exchange file of a response body, as curl -sN saves it",
                    "fixture wrap body.ndjson -o hello.exchange.jsonl"),
    "import": Command("fixture", "make an exchange file of what curl -iN --raw has printed",
                      "fixture import curl.txt -o hello.exchange.jsonl"),
    "body": Command("fixture", "write the bytes of the response's body", "fixture body " + ONE),
    "raw": Command("fixture", "write the bytes of the response, with head and framing", "fixture raw " + ONE),
}  # fmt: skip


FILE = argument("file", metavar="FILE", help="- for standard input")
FIXTURE = [
    argument("fixture", metavar="FILE", help="- for standard input"),
    argument("--allow-truncated", action="store_true", help="read what a killed recorder has left"),
]
REQUEST = [
    argument("--path", metavar="PATH", type=text_like("/[!-~]*", "a path such as /api/chat, percent-encoded"),
             help="of the request; guessed if not given"),
    argument("--method", metavar="METHOD", type=text_like("[A-Za-z]+", "a word such as GET"), default="POST",
             help="of the request; or POST"),
]  # fmt: skip
RESULT = [
    argument("-o", dest="out", metavar="OUT", default="-", help="the file to write, which must not exist"),
    argument("--force", action="store_true", help="replace it if it does"),
]
ARGUMENTS = {
    "list": [argument("paths", metavar="DIR", nargs="+", help="a folder with all that is below it, or a file")],
    "show": [
        *FIXTURE,
        argument("--view", choices=list(VIEWS), metavar="VIEW", help="%s (text if not given)" % ", ".join(VIEWS)),
        argument("--svg", metavar="OUT", help="draw a picture into a file, - for standard output"),
        argument("--as", dest="form", choices=["time", "sequence"], metavar="FORM",
                 help="time (tokens over time; if not given) or sequence (what went to and fro)"),
        argument("--chunk", metavar="N", type=whole_number, help="that chunk alone, counted from 1"),
        argument("--force", action="store_true", help="replace the file that --svg names"),
    ],
    "lint": [argument("paths", metavar="PATH", nargs="+", help="a file, or a folder with all that is below it")],
    "wrap": [
        FILE,
        argument("--status", metavar="N", type=text_like("[2-9][0-9]{2}", "a status from 200 to 999"), default="200",
                 help="of the response; or 200"),
        argument("--header", metavar="FIELD", type=header_field, action="append", default=[],
                 help="NAME=VALUE, of the response; may be repeated"),
        *REQUEST,
        argument("--tps", metavar="N", type=positive_number, help="chunks a second; all at once if not given"),
        *RESULT,
    ],
    "import": [FILE, *REQUEST, *RESULT],
    "body": [*FIXTURE, *RESULT],
    "raw": [*FIXTURE, *RESULT],
}  # fmt: skip


# --- actions ----------------------------------------------------------------------------------------------------------


def do_show(options: Namespace) -> int:
    if options.view is not None and options.svg is not None:
        options.parser.error("argument --svg: not allowed with argument --view")
    if options.form is not None and options.svg is None:
        options.parser.error("argument --as: nothing is drawn without argument --svg")
    fixture = read_fixture(options)
    if fixture.plain:
        check_records(fixture, options.fixture)
    if options.svg is not None:
        from .picture import svg
        from .sequence import sequence_svg

        draw = sequence_svg if options.form == "sequence" else svg
        return write_pieces([draw(fixture)], options.svg, options.force)
    output = Output(sys.stdout)
    if options.chunk is not None:
        fixture = one_chunk(fixture, options.chunk)
    for piece in VIEWS[options.view or "text"](fixture):
        output.write(piece)
    return 0


def check_records(fixture: Fixture, path: str) -> None:
    """Any file is a response body; raises FixtureError where the client makes nothing at all of it."""
    played = play(fixture)
    # An error that names a place has read an object: an answer of another endpoint, say.
    if not played.arrivals and isinstance(played.error, (IncompleteStream, ProtocolError)) and not played.error.place:
        raise FixtureError("%s: %s" % (path, told(played.error, recorded=True)), path=path)


def do_list(options: Namespace) -> int:
    output, rows, status = Output(sys.stdout), [["NAME", "REQUEST", "MODEL", "STATUS", "PIECES", "SECONDS", "ENDED"]], 0
    for path in options.paths:
        for file in files_of(path):
            try:
                rows.append(row_of(load(file), os.path.relpath(file, path) if os.path.isdir(path) else file))
            except FixtureError as error:
                status = 1
                ErrorOutput().write("%s: %s\n" % (short(options.program), escape_controls(str(error))))
    if len(rows) == 1 and not status:
        raise FixtureError("%s: no files named *%s or *%s" % (", ".join(options.paths), SUFFIX, PLAIN_SUFFIX))
    output.write_table(rows)
    return status


def row_of(fixture: Fixture, name: str) -> List[str]:
    request, head, last = fixture.request, fixture.head, fixture.events[-1]
    suffix = SUFFIX if name.endswith(SUFFIX) else ""
    pieces = sum(event.kind in BODY_KINDS for event in fixture.events)
    return [
        name[: len(name) - len(suffix)], "%s %s" % (request.method, request.path), str(fields_of(request).get("model") or ""),
        str(head.status) if head else "none", str(pieces), "%.1f" % last.time, fixture.how,
    ]  # fmt: skip


def do_lint(options: Namespace) -> int:
    output, found = Output(sys.stdout), 0
    for path in options.paths:
        files = list(files_of(path))
        lines = [line for file in files for line in findings(file)]
        if not files:
            lines = ["%s: expected files named *%s or *%s" % (path, SUFFIX, PLAIN_SUFFIX)]
        for line in lines:
            output.write(escape_controls(line) + "\n")
            found = 1
    return found


def files_of(path: str) -> Iterator[str]:
    """The file, or the exchange files and bodies in a folder and below it, in the order of their names."""
    if not os.path.isdir(path):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith((SUFFIX, PLAIN_SUFFIX)))


def findings(path: str) -> Iterator[str]:
    """What is wrong with a file, as ``path:line: what``."""
    try:
        found = lint(load(path))
    except FixtureError as error:
        found = [str(error)]
    for text in found:
        match = re.match("%s, (?:line ([0-9]+): )?" % re.escape(os.path.basename(path)), text)
        where = "" if match is None else "%s:%s: " % (path, match.group(1)) if match.group(1) else path + ": "
        yield where + (text if match is None else text[match.end() :])


def do_wrap(options: Namespace) -> int:
    plain, status = reader(options.file)(), int(options.status)
    request = {"method": options.method, "path": options.path}
    return write_exchange(wrapped(plain, status=status, headers=options.header, tps=options.tps, **request), options)


def do_import(options: Namespace) -> int:
    fixture, warning = imported(read_bytes(options.file), method=options.method, path=options.path)
    if warning:
        ErrorOutput().write("%s: %s\n" % (short(options.program), escape_controls(warning)))
    return write_exchange(fixture, options)


def do_body(options: Namespace) -> int:
    return write_pieces(read_fixture(options).body_pieces(), options.out, options.force)


def do_raw(options: Namespace) -> int:
    return write_pieces((data for _, data in read_fixture(options).wire()), options.out, options.force)


# --- files ------------------------------------------------------------------------------------------------------------


def read_fixture(options: Namespace) -> Fixture:
    """The exchange in the file that is named. Raises FixtureError, also for a file without a byte."""
    read = reader(options.fixture)
    try:
        fixture = read(allow_truncated=options.allow_truncated)
    except FixtureError as error:
        if options.allow_truncated or not succeeds(read):
            raise
        raise FixtureError("%s; --allow-truncated reads what is there" % error, path=error.path) from None
    return not_empty(fixture, options.fixture)


def reader(path: str) -> Callable[..., Fixture]:
    """``load`` for a file, or for standard input, which is read here and once."""
    return partial(loads, read_bytes(path), "standard input") if path == "-" else partial(load, path)


def succeeds(read: Callable[..., Fixture]) -> bool:
    with suppress(FixtureError):
        return not read(allow_truncated=True).plain
    return False


def write_exchange(fixture: Fixture, options: Namespace) -> int:
    """Write an exchange file, once it is certain that it can be read again."""
    data = dumps(fixture)
    loads(data, "the result" + SUFFIX)
    return write_pieces([data], options.out, options.force)
