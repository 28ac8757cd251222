# SPDX-License-Identifier: MIT
"""The command ``conform``: a test of any client, in any language.

For each recording, and each of ``FAULTS`` laid over one, a replay server is started and the command is run: its
OLLAMA_HOST is that server, its standard input the prompt. What it printed and its status are held against what a right
client makes of those bytes: the text and 0, or a failure told as one, with no more on standard output than the beginning
of the text. It is told more in variables that it may heed:

    CONFORM_PATH     /api/chat or /api/generate, as it was recorded
    CONFORM_STREAM   true or false
    CONFORM_MODEL    the model's name

A recording of an endpoint that the command never asks is left out of the account.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from itertools import islice
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .._client import Client
from .._errors import FixtureError, OllamaError, escape_controls
from .._net import reason
from .._records import Generation
from ..fixture import Fixture, load
from ..replay import Replaying, serve
from .fixture import files_of
from .options import argument, whole_number
from .output import ErrorOutput, Output, Waiting
from .replay import recorded_call
from .views import METHODS, fields_of

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join("fixtures", "recordings")
FAULTS = (
    "cut@line=1", "cut@line=1+9", "reset@line=1", "no-done", "no-end", "garbage@line=1", "error@line=1",
    "badsize@chunk=1:zz", "status:500", "split:1", "rechunk:7", "merge", "crlf",
)  # fmt: skip
ARGUMENTS = {
    "conform": [
        argument("--recordings", metavar="DIR", help="or those of this project"),
        argument("--only", metavar="GLOB", default="*", help="names of cases, such as '*/chat-stream*'"),
        argument("--seconds", metavar="N", type=whole_number, default=30, help="for each case; or 30"),
        argument("--jobs", metavar="N", type=whole_number, default=os.cpu_count() or 1, help="cases at a time"),
        argument("--json", action="store_true", help="print the verdicts as JSON"),
        argument("command", metavar="COMMAND", nargs="*", default=[],
                 help="behind --: a client that reads a prompt and prints the answer"),
    ],
}  # fmt: skip
MAX_SHOWN = 60  # characters of a text in a verdict


class Case(NamedTuple):
    name: str
    exchange: Fixture
    faults: Tuple[str, ...]
    text: str
    error: Optional[OllamaError]


class Verdict(NamedTuple):
    """``outcome`` is "right", "wrong" or "not asked"; ``why`` says what was wrong."""

    case: Case
    outcome: str
    why: str


def do_conform(options: Namespace) -> int:
    words = options.command
    if not words:
        options.parser.error("expected -- and the command to be tested")
    cases = list(cases_of(recordings_of(options), options.only))
    if not cases:
        raise FixtureError("there is no case named %s" % options.only)
    with Waiting("%s: %d cases" % (words[0], len(cases)), ErrorOutput(raw=True)):
        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            judging = [pool.submit(judged, case, words, options.seconds) for case in cases]
            try:
                verdicts = [one.result() for one in judging]
            finally:  # Ctrl-C, or a command that cannot be run: the rest need not be tried
                for one in judging:
                    one.cancel()
    out = Output(sys.stdout)
    if options.json:
        out.write_json([{"case": one.case.name, "outcome": one.outcome, "why": one.why} for one in verdicts])
    else:
        print_summary(verdicts, out)
    return int(any(one.outcome == "wrong" for one in verdicts) or all(one.outcome == "not asked" for one in verdicts))


def print_summary(verdicts: List[Verdict], out: Output) -> None:
    rows = [["", "CASES", "RIGHT", "WRONG", "NOT ASKED"]]
    for kind in ("recordings", "faults"):
        found = [one.outcome for one in verdicts if bool(one.case.faults) == (kind == "faults")]
        rows.append([kind, *map(str, [len(found), *map(found.count, ("right", "wrong", "not asked"))])])
    out.write_table(rows)
    wrong = ["%s: %s" % (one.case.name, one.why) for one in verdicts if one.outcome == "wrong"]
    if all(one.outcome == "not asked" for one in verdicts):
        wrong = ["the command asks the server at OLLAMA_HOST for nothing: " + verdicts[0].why]
    out.write("".join("\n%s" % escape_controls(line) for line in wrong) + "\n" * bool(wrong))


# --- cases ------------------------------------------------------------------------------------------------------------


def recordings_of(options: Namespace) -> List[Tuple[str, Fixture]]:
    """The recorded answers of a chat or a generation, by name. Raises FixtureError where there is none."""
    folders = [options.recordings] if options.recordings else [FOLDER, os.path.join(HOME, FOLDER)]
    folder = next((folder for folder in folders if os.path.exists(folder)), folders[0])
    if not (options.recordings or os.path.exists(folder)):
        raise FixtureError("%s: not here; --recordings names a folder of recorded exchanges" % folder)
    found = []
    for path in files_of(folder):
        exchange = load(path)
        if exchange.request.method == "POST" and exchange.request.path in METHODS:
            name = os.path.relpath(path, folder) if os.path.isdir(folder) else os.path.basename(path)
            found.append((name.split(".exchange")[0].replace(os.sep, "/"), exchange))
    if not found:
        raise FixtureError("%s: no recording of a chat or a generation; --recordings names a folder" % folder)
    return found


def cases_of(recordings: List[Tuple[str, Fixture]], only: str) -> Iterator[Case]:
    """Every recording, and a good one with each fault, of those with a name like ``only``."""
    named: List[Tuple[str, Fixture, Tuple[str, ...]]] = [(name, exchange, ()) for name, exchange in recordings]
    candidates = [*(one for one in recordings[::-1] if "chat-stream" in one[0]), *recordings]
    for name, exchange in islice(filter(is_good, candidates), 1):
        named += [("%s %s" % (name, fault), exchange, (fault,)) for fault in FAULTS]
    for name, exchange, faults in named:
        if fnmatch(name, only):
            yield Case(name, exchange, faults, *expected(exchange, faults))


def is_good(recording: Tuple[str, Fixture]) -> bool:
    """Whether it is a whole answer of at least three chunks, in which something can go wrong."""
    text, error = expected(recording[1], ())
    return error is None and text != "" and sum(event.kind == "chunk" for event in recording[1].events) > 2


def expected(exchange: Fixture, faults: Tuple[str, ...]) -> Tuple[str, Optional[OllamaError]]:
    """What a right client makes of an exchange: the text, and the error that it must tell."""
    client = Client("127.0.0.1", trust_env=False, transport=Replaying(exchange, level="path", faults=faults))
    try:
        answer = recorded_call(client, exchange.request)
        whole: Any = answer.result() if hasattr(answer, "result") else answer
    except OllamaError as error:
        return (error.partial.text if isinstance(error.partial, Generation) else ""), error
    return whole.text if isinstance(whole, Generation) else "", None


# --- verdicts ---------------------------------------------------------------------------------------------------------


def judged(case: Case, words: List[str], seconds: int) -> Verdict:
    with serve(case.exchange, level="path", faults=case.faults, repeat="last") as server:
        environ = dict(os.environ, OLLAMA_HOST=server.url, **told_of(case.exchange))
        try:
            done = subprocess.run(
                words, input=prompt_of(case.exchange).encode("utf-8", "replace"), env=environ, timeout=seconds,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Verdict(case, "wrong", "it does not end within %d s" % seconds)
        except OSError as error:
            text = "%s cannot be run: %s; behind -- stand a program and its arguments"
            raise FixtureError(text % (words[0], reason(error))) from None
        if not any(one["exchange"] for one in server.report()["exchanges"]):
            return Verdict(case, "not asked", told_by(done.returncode, done.stderr.decode("utf-8", "replace")))
    why = fault_of(case, done.returncode, done.stdout.decode("utf-8", "replace"))
    return Verdict(case, "wrong" if why else "right", why)


def told_by(status: int, printed: str) -> str:
    """How a client ended that asked nothing, with the last line that it wrote to standard error."""
    lines = printed.strip().splitlines()
    return "status %d%s" % (status, ", and it said %s" % shown(lines[-1]) if lines else "")


def fault_of(case: Case, status: int, printed: str) -> str:
    """What is wrong with what a client printed and its status; "" where nothing is."""
    wanted = case.text.encode("utf-8", "replace").decode("utf-8").rstrip("\n")
    printed = printed.rstrip("\n")
    if case.error is not None:
        if not status:
            return "status 0 for what is no whole answer (%s)" % type(case.error).__name__
        if not wanted.startswith(printed):
            return "expected nothing but the text before the failure, %s, found %s" % (shown(wanted), shown(printed))
    elif status:
        return "status %d for a whole answer" % status
    elif printed != wanted:
        return "expected the text %s, found %s" % (shown(wanted), shown(printed))
    return ""


def shown(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "...")


def told_of(exchange: Fixture) -> Dict[str, str]:
    body = fields_of(exchange.request)
    model = body.get("model")
    return {
        "CONFORM_PATH": exchange.request.path,
        "CONFORM_STREAM": "false" if body.get("stream") is False else "true",
        "CONFORM_MODEL": model if isinstance(model, str) and model else "llama3.2",
    }


def prompt_of(exchange: Fixture) -> str:
    """The recorded prompt, or one."""
    body = fields_of(exchange.request)
    messages = body.get("messages")
    asked = [one.get("content") for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    prompt = next((text for text in [body.get("prompt"), *reversed(asked)] if isinstance(text, str) and text), None)
    return prompt or "Why is the sky blue?"
