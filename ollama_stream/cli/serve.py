# SPDX-License-Identifier: MIT
"""The command ``serve``: the replay server on the command line.

The first line on standard output is the address. SIGINT and SIGTERM are how it is meant to end: then comes a line a
request, and what was left over. The exit status is 0 if all went well, 1 where a request found no exchange, and with
``--require-all`` also where an exchange was never asked for or a fault never struck; 2 for wrong arguments.
"""

from __future__ import annotations

import signal
import sys
import time
from argparse import ArgumentTypeError, Namespace
from contextlib import suppress
from typing import Any, Callable, Dict, Iterator, Tuple

from .._errors import FixtureError
from ..fixture import LEVELS, ORDERS, REPEATS, parse_pointer
from ..replay import FAULT_HELP, Fault, serve
from ..replay import fault as parse_fault
from .options import argument, from_zero, speed
from .output import Output

AS_GIVEN = ("max_gap", "min_gap", "level", "order", "repeat", "ignore", "on_cancelled", "allow_remote")
MAX_LISTED = 3  # names of what was never asked for


def listen_address(text: str) -> Tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if host.startswith(":") or text.endswith("]") or not colon and not port.isdigit():  # ::1, [::1], a name
        host, port = text, "0"
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise ArgumentTypeError("expected HOST:PORT, HOST or PORT, got %r" % text)
    return host.strip("[]") or "localhost", int(port)


def fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except FixtureError as error:
        raise ArgumentTypeError(str(error)) from None


def pointer(text: str) -> str:
    try:
        parse_pointer(text)
    except FixtureError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


ARGUMENTS = {
    "serve": [
        argument("sources", metavar="DIR|FILE", nargs="*", help="exchange files, or response bodies of JSON lines"),
        argument("--listen", metavar="ADDRESS", type=listen_address, default=("localhost", 0),
                 help="HOST:PORT, HOST or PORT"),
        argument("--speed", metavar="N", type=speed, default=0.0,
                 help="1 as recorded, 2 twice as fast, 0 (default) at once"),
        argument("--max-gap", metavar="SECONDS", type=from_zero, help="the longest wait between two events"),
        argument("--min-gap", metavar="MS", type=from_zero, default=0.0, help="the shortest between two writes"),
        argument("--tps", metavar="N", type=speed, default=0.0, help="lines a second of a response body"),
        argument("--fault", metavar="SPEC", type=fault, action="append", default=[],
                 help="what goes wrong, such as cut@line=3; may be repeated"),
        argument("--faults", action="store_true", help="list the faults"),
        argument("--level", "--match", dest="level", choices=list(LEVELS), default="exact", metavar="LEVEL",
                 help="what of a request is compared: %s" % ", ".join(LEVELS)),
        argument("--order", choices=ORDERS, default="any", metavar="ORDER",
                 help="any, or strict: requests come in the order of the files"),
        argument("--repeat", choices=REPEATS, default="none", metavar="WHAT",
                 help="%s: what to play once all that matches is played" % ", ".join(REPEATS)),
        argument("--ignore", metavar="POINTER", type=pointer, action="append", default=[],
                 help="a place in the body that does not matter, such as /options/seed"),
        argument("--on-cancelled", choices=["eof", "complete"], default="eof", metavar="END",
                 help="eof or complete: how to end what its client cancelled"),
        argument("--require-all", action="store_true", help="fail for what was never asked for or never struck"),
        argument("--no-admin", action="store_true", help="no report at /__replay__/report"),
        argument("--allow-remote", action="store_true", help="answer other machines"),
    ],
}  # fmt: skip


def do_serve(options: Namespace) -> None:
    """Serve until a signal comes. Raises FixtureError where that was no success, ConnectError, RequestError."""
    out = Output(sys.stdout)
    if options.faults:
        return out.write(FAULT_HELP)
    if not options.sources:
        return options.parser.error("the following arguments are required: DIR|FILE")  # type: ignore[no-any-return]
    folder, *others = options.sources
    host, port = options.listen
    server = serve(
        options.sources if others else folder, host=host, port=port, speed=options.speed or None, tps=options.tps or None,
        faults=options.fault, admin=not options.no_admin, **{name: getattr(options, name) for name in AS_GIVEN},
    )  # fmt: skip
    with server:
        wait_for_a_signal(lambda: out.write(server.url + "\n"))
    report = server.report()
    for line in summary(report, options.require_all):
        out.write(line + "\n")
    failures = list(failed(report, options.require_all))
    if failures:
        raise FixtureError("; ".join(failures))
    return None


def wait_for_a_signal(ready: Callable[[], None]) -> None:
    """Until SIGINT or SIGTERM; further ones are ignored from then on, as what has begun is still to be finished."""

    def stop(_number: int, _frame: object) -> None:
        for one in signals:  # "timeout" sends two, one of them to the whole group
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM)
    try:
        with suppress(ValueError):  # another thread than the main one gets no signals
            for one in signals:  # SIGINT too: a shell starts its background jobs with that one ignored
                signal.signal(one, stop)
        ready()
        while True:
            time.sleep(1)  # and no longer: Python misses a signal between its last look and the wait
    except KeyboardInterrupt:
        pass


def summary(report: Dict[str, Any], require_all: bool) -> Iterator[str]:
    """A line each for what was asked, for what was not, and for faults; of a whole folder the first names will do."""
    for entry in report["exchanges"]:
        yield "%s: %s" % (entry["request"] or "a connection", "; ".join(what_happened(entry)))
    unplayed = report["unplayed"]
    listed = len(unplayed) if require_all else MAX_LISTED
    for name in unplayed[:listed]:
        yield "never asked for: " + name
    if unplayed[listed:]:
        yield "never asked for: %d more; --require-all lists them all" % len(unplayed[listed:])
    for name in report["unstruck"]:
        yield "never struck: " + name


def what_happened(entry: Dict[str, Any]) -> Iterator[str]:
    """With one request: what it was answered with, and what the client did then."""
    yield entry["exchange"] or entry["error"] or "no answer"
    yield from ("%s at byte %d" % (strike["fault"], strike["byte"]) for strike in entry["faults"])
    yield "%d bytes" % entry["bytes"]
    yield entry["client"] + ("" if entry["seconds"] is None else " after %.3f s" % entry["seconds"])
    if entry["reconnected"] is not None:
        yield "asked again"


def failed(report: Dict[str, Any], require_all: bool) -> Iterator[str]:
    refused = sum(1 for entry in report["exchanges"] if entry["error"] is not None)
    if refused:
        yield "requests that no recording answers: %d" % refused
    if require_all and report["unplayed"]:
        yield "exchanges never asked for: %d" % len(report["unplayed"])
    if require_all and report["unstruck"]:
        yield "faults that never struck: %d" % len(report["unstruck"])
