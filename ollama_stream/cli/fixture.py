# SPDX-License-Identifier: MIT
"""``fixture``: what can be done with exchange files on the command line.

    show FILE      as text, as lines of the wire, as records, or with --svg as a picture
    lint PATH...   what is wrong with files, and with all those in folders
    wrap FILE      a response body -> an exchange file
    import FILE    the output of curl -iN --raw -> an exchange file
    body FILE      the bytes of the response's body: the way back from wrap
    raw FILE       the bytes of the response with their framing: the way back from import

FILE may be - for standard input. Results go to standard output or, by -o, to a file that did not exist. The exit status
is 0, or 1 for a bad file and for findings of lint, and otherwise that of ``cli``.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Tuple

from .._errors import FixtureError, IncompleteStream, ProtocolError
from .._net import reason
from ..fixture import PLAIN_SUFFIX, SUFFIX, Fixture, dumps, lint, load, loads
from .program import PROGRAM, argument_error, new_parser, not_empty, number
from .output import ErrorOutput, Output, escapes
from .words import told

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def command(arguments: List[str]) -> int:
    """Carry out the words after ``fixture``; the exit status. Raises FixtureError, and OSError of standard output."""
    from argparse import REMAINDER

    parser = new_parser("%s fixture" % PROGRAM, description="Show, check and convert recorded exchanges.")
    parser.add_argument("action", choices=list(ACTIONS), help="see: %s fixture ACTION --help" % PROGRAM)
    parser.add_argument("arguments", nargs=REMAINDER, help="of the action")
    options = parser.parse_args(arguments)
    add_arguments, carry_out = ACTIONS[options.action]
    subparser = new_parser("%s fixture %s" % (PROGRAM, options.action))
    add_arguments(subparser)
    return carry_out(subparser.parse_intermixed_args(options.arguments))


# --- arguments --------------------------------------------------------------------------------------------------------


def add_show_arguments(parser: ArgumentParser) -> None:
    parser.description = "Show a recorded exchange."
    add_fixture_argument(parser)
    views = parser.add_mutually_exclusive_group()
    views.add_argument("--view", choices=["text", "wire", "records"], default="text", help="text if not given")
    views.add_argument("--svg", metavar="OUT", help="draw tokens over time into a file, - for standard output")
    parser.add_argument("--force", action="store_true", help="replace the file that --svg names")


def add_lint_arguments(parser: ArgumentParser) -> None:
    parser.description = "Report what is not canonical or looks like a key, and files that cannot be read."
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a file, or a folder with all that is below it")


def add_wrap_arguments(parser: ArgumentParser) -> None:
    parser.description = "Make an exchange file of a response body, as curl -sN saves it."
    add_file_argument(parser)
    status = text_like("[2-9][0-9]{2}", "a status from 200 to 999")
    parser.add_argument("--status", metavar="N", type=status, default="200")
    parser.add_argument("--header", metavar="NAME=VALUE", type=header_field, action="append", default=[])
    add_request_arguments(parser)
    parser.add_argument("--tps", metavar="N", type=positive_number, help="chunks a second; all at once if not given")
    add_output_arguments(parser)


def add_import_arguments(parser: ArgumentParser) -> None:
    parser.description = "Make an exchange file of what curl -iN --raw has printed."
    add_file_argument(parser)
    add_request_arguments(parser)
    add_output_arguments(parser)


def add_bytes_arguments(parser: ArgumentParser) -> None:
    parser.description = "Write the bytes of the response: its body alone, or raw with head and framing."
    add_fixture_argument(parser)
    add_output_arguments(parser)


def add_fixture_argument(parser: ArgumentParser) -> None:
    add_file_argument(parser)
    parser.add_argument("--allow-truncated", action="store_true", help="read what a killed recorder has left")


def add_file_argument(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="- for standard input")


def add_request_arguments(parser: ArgumentParser) -> None:
    path = text_like("/[!-~]*", "a path such as /api/chat, percent-encoded")
    parser.add_argument("--path", metavar="PATH", type=path, help="of the request; guessed if not given")
    method = text_like("[A-Za-z]+", "a word such as GET")
    parser.add_argument("--method", metavar="METHOD", type=method, default="POST", help="of the request; or POST")


def add_output_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-o", dest="out", metavar="OUT", default="-", help="the file to write, which must not exist")
    parser.add_argument("--force", action="store_true", help="replace it if it does")


def text_like(pattern: str, example: str) -> Callable[[str], str]:
    """A check of an argument for argparse."""

    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argument_error("expected %s, got %r" % (example, text))
        return text

    return checked


def header_field(text: str) -> Tuple[str, str]:
    """The value as Latin-1, as in a Head; in the file it is UTF-8."""
    pattern = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[^\0\r\n]*"  # RFC 9110, 5.6.2 and 5.5
    name, _, value = text_like(pattern, "NAME=VALUE, a header field")(text).partition("=")
    return name, value.encode("utf-8", "surrogateescape").decode("latin-1")


def positive_number(text: str) -> float:
    value = number(text)
    if not 0 < value < float("inf"):
        raise argument_error("expected a number above 0, got %r" % text)
    return value


# --- actions ----------------------------------------------------------------------------------------------------------


def show(options: Namespace) -> int:
    fixture = read_fixture(options)
    if fixture.plain:
        check_records(fixture, options.file)
    if options.svg is not None:
        from .picture import svg

        return write_pieces([svg(fixture)], options.svg, options.force)
    from .views import VIEWS

    output = Output(sys.stdout)
    for piece in VIEWS[options.view](fixture):
        output.write(piece)
    return 0


def check_records(fixture: Fixture, path: str) -> None:
    """Any file is a response body; raises FixtureError where the client makes nothing at all of it."""
    from .views import play

    played = play(fixture)
    if not played.arrivals and isinstance(played.error, (IncompleteStream, ProtocolError)):
        raise FixtureError("%s: %s" % (path, told(played.error, recorded=True)), path=path)


def lint_files(options: Namespace) -> int:
    output, found = Output(sys.stdout), 0
    for path in options.paths:
        files = list(files_of(path))
        lines = [line for file in files for line in findings(file)]
        if not files:
            lines = ["%s: expected files named *%s or *%s" % (path, SUFFIX, PLAIN_SUFFIX)]
        for line in lines:
            output.write(line.translate(escapes()) + "\n")
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


def wrap(options: Namespace) -> int:
    from ..fixture import wrapped

    plain, status = reader(options.file)(), int(options.status)
    request = {"method": options.method, "path": options.path}
    return write_exchange(wrapped(plain, status=status, headers=options.header, tps=options.tps, **request), options)


def import_output(options: Namespace) -> int:
    from ..fixture import imported

    fixture, warning = imported(read_bytes(options.file), method=options.method, path=options.path)
    if warning:
        ErrorOutput().write("%s: %s\n" % (PROGRAM, warning.translate(escapes())))
    return write_exchange(fixture, options)


def body(options: Namespace) -> int:
    return write_pieces(read_fixture(options).body_pieces(), options.out, options.force)


def raw(options: Namespace) -> int:
    return write_pieces((data for _, data in read_fixture(options).wire()), options.out, options.force)


Action = Tuple[Callable[[Any], None], Callable[[Any], int]]
ACTIONS: Dict[str, Action] = {
    "show": (add_show_arguments, show),
    "lint": (add_lint_arguments, lint_files),
    "wrap": (add_wrap_arguments, wrap),
    "body": (add_bytes_arguments, body),
    "raw": (add_bytes_arguments, raw),
    "import": (add_import_arguments, import_output),
}


# --- files ------------------------------------------------------------------------------------------------------------


def read_fixture(options: Namespace) -> Fixture:
    """The exchange in the file that is named. Raises FixtureError, also for a file without a byte."""
    read = reader(options.file)
    try:
        return not_empty(read(allow_truncated=options.allow_truncated), options.file)
    except FixtureError as error:
        if options.allow_truncated or not succeeds(read):
            raise
        raise FixtureError("%s; --allow-truncated reads what is there" % error, path=error.path) from None


def reader(path: str) -> Callable[..., Fixture]:
    """``load`` for a file, or for standard input, which is read here and once."""
    return partial(loads, read_bytes(path), "standard input") if path == "-" else partial(load, path)


def succeeds(read: Callable[..., Fixture]) -> bool:
    with suppress(FixtureError):
        return not read(allow_truncated=True).plain
    return False


def read_bytes(path: str) -> bytes:
    try:
        if path == "-":
            return b"" if sys.stdin is None else sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise FixtureError("%s: cannot be read: %s" % (path, reason(error)), path=path) from None


def write_exchange(fixture: Fixture, options: Namespace) -> int:
    """Write an exchange file, once it is certain that it can be read again."""
    data = dumps(fixture)
    loads(data, "the result" + SUFFIX)
    return write_pieces([data], options.out, options.force)


def write_pieces(pieces: Iterable[bytes], path: str, force: bool) -> int:
    """To a new file; with ``force`` to any; as text to a terminal, which bytes could control."""
    if path == "-":
        if sys.stdout is None or sys.stdout.isatty():
            Output(sys.stdout).write(b"".join(pieces).decode("utf-8", "replace"))
        else:
            sys.stdout.buffer.writelines(pieces)
        return 0
    try:
        with open(path, "wb" if force else "xb") as file:
            try:
                file.writelines(pieces)
                file.flush()
            except (OSError, FixtureError):
                if not force:  # otherwise it may be a device, or somebody's
                    os.unlink(path)
                raise
    except FixtureError:  # of a large file, which is read as it is written
        raise
    except (OSError, ValueError) as error:
        advice = " (--force replaces it)" if isinstance(error, FileExistsError) else ""
        raise FixtureError("%s: cannot be written: %s%s" % (path, reason(error), advice), path=path) from None
    return 0
