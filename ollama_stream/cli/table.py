# SPDX-License-Identifier: MIT
"""The table of commands, the parser of each, and all help.

A row of ``COMMANDS`` names a module of this folder, which has ``ARGUMENTS[NAME]`` and ``do_NAME`` for the command.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict, NamedTuple, NoReturn, Sequence

from .._errors import printable
from .output import ErrorOutput, Output

if TYPE_CHECKING:
    from argparse import ArgumentParser

PYTHON = "python3 -m "
PROGRAM = PYTHON + "ollama_stream"
MAX_ERROR = 2048  # bytes of the line of an error
SERVER_HELP = "  and --host --timeout --retries --header --wire: see --help of the program\n"
STATUSES = {
    0: "whole", 1: "the server said no, or a check failed", 2: "wrong arguments or settings", 3: "cannot connect",
    4: "the answer was cut off", 5: "a clock ran out", 130: "Ctrl-C", 141: "nobody reads the output any more",
}  # fmt: skip


class Command(NamedTuple):
    """``module`` is a file of this folder; ``example`` stands at the end of the help, without the program's name.

    ``json`` is what --json does, of a command that asks a server and has the options for that; ``about`` stands in the
    place of ``help`` in its own help.
    """

    module: str
    help: str
    example: str
    json: str = ""
    about: str = ""


JSON, RECORDS = "print JSON", "print the records as they came"
COMMANDS: Dict[str, Command] = {
    "run": Command("run", "ask a model; without a prompt, on a terminal, chat with it",
                   'run llama3.2 "Why is the sky blue?"', "print the records as they came, an error as one",
                   "Ask a model; without a prompt, on a terminal, chat with it.\n"
                   "What is piped in comes before PROMPT, or in the place of a - in it."),
    "list": Command("models", "the installed models", "list", JSON),
    "ps": Command("models", "the models in memory", "ps", JSON),
    "show": Command("models", "what a model is", "show llama3.2", JSON),
    "pull": Command("transfer", "download a model, or go on where that was stopped", "pull llama3.2", RECORDS),
    "push": Command("transfer", "upload a model", "push me/mine", RECORDS),
    "create": Command("transfer", "make a model from another one or from files",
                      'create brief --from llama3.2 --system "Be brief."', RECORDS),
    "cp": Command("models", "give a model another name", "cp llama3.2 mine", JSON),
    "rm": Command("models", "remove models", "rm mine", JSON),
    "stop": Command("models", "take a model out of memory", "stop llama3.2", JSON),
    "embed": Command("models", "a vector for each text", 'embed all-minilm "Why is the sky blue?"',
                     "print the whole answer; otherwise a JSON list a line"),
    "version": Command("models", "the versions of the server and of this program", "version", JSON),
    "doctor": Command("doctor", "what works on the way to a model, and what to do where it does not",
                      "doctor llama3.2", "print the findings as JSON"),
    "bench": Command("bench", "how fast a model answers", "bench llama3.2 --runs 3",
                     "print the figures as JSON, in seconds"),
    "replay": Command("replay", "play a recorded exchange through the client", "replay "
                      "fixtures/recordings/ollama-0.32.15/chat-joke-stream.exchange.jsonl"),
    "serve": Command("serve", "play recorded exchanges to any client", "serve fixtures/recordings/ollama-0.32.15"),
    "record": Command("record", "a proxy that records what passes through it", "record --into mine"),
    "fixture": Command("fixture", "show, check, draw and convert recorded exchanges", "fixture list fixtures"),
    "conform": Command("conform", "test any client against recorded exchanges and faults",
                       "conform --only '*/chat-joke*' -- sh tests/programs/curl.sh"),
    "protocol": Command("pages", "the wire protocol, chapter by chapter", "protocol"),
    "completion": Command("pages", "what a shell runs to complete commands and options", "completion bash"),
    "vendor": Command("vendor", "the client as one Python file", "vendor --output ollama_client.py",
                      about="Write the client as one Python file, for a program of yours to carry along."),
}  # fmt: skip
ALIASES = {"ls": "list"}


def short(title: str) -> str:
    """The name at the start of an error: ``ollama_stream list`` for ``python3 -m ollama_stream list``."""
    return title[len(PYTHON) :] if title.startswith(PROGRAM) else title


def parser_of(module: Any, name: str, row: Command, title: str, program: str) -> ArgumentParser:
    """The parser of a command, with all its arguments."""
    parser = new_parser(title, row, program)
    for names, how in module.ARGUMENTS.get(name, ()):
        parser.add_argument(*names, **how)
    if row.json:
        from .asking import SERVER

        parser.add_argument("--json", action="store_true", help=row.json)
        for names, how in SERVER:
            parser.add_argument(*names, **how)
    parser.usage = usage_of(parser)
    return parser


def new_parser(title: str, row: Command, program: str) -> ArgumentParser:
    """A parser whose help is 80 columns wide and whose errors are one line and where to look."""
    from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter

    class Formatter(RawDescriptionHelpFormatter):
        def add_argument(self, action: Any) -> None:
            """What has nothing said of it is in the usage already."""
            if action.help is not None:
                super().add_argument(action)

        def _format_action_invocation(self, action: Any) -> str:
            """A short and a long form and what follows them: the same on every Python, and in one line."""
            names = [*action.option_strings]
            first = [name for name in names if name[1] != "-"][:1] + [name for name in names if name[1] == "-"][:1]
            if not names or action.nargs == 0:
                return ", ".join(first) or str(action.metavar)
            return ("%s %s" % (", ".join(first), action.metavar)).strip()

    class Parser(ArgumentParser):
        def print_help(self, file: Any = None) -> None:
            """Raises OSError of standard output, which argparse keeps to itself."""
            text = self.format_help() + (SERVER_HELP if row.json else "")
            Output(sys.stdout).write("%s\nexample:\n%s\n" % (text, example_of(program, row)))

        def error(self, message: str) -> NoReturn:
            wrong_arguments(title, in_words(message, [*self._option_string_actions]))

    parser = Parser(
        title,
        description=row.about or row.help[0].upper() + row.help[1:] + ".",
        formatter_class=lambda prog: Formatter(prog, max_help_position=28, width=80),
        allow_abbrev=False,
        add_help=False,
    )
    parser.__dict__["color"] = False  # 3.14: a help without escapes is right on every terminal
    parser.add_argument("-h", "--help", action="help", help=SUPPRESS)
    parser.add_argument("--debug", action="store_true", help=SUPPRESS)
    return parser


def chosen(words: Sequence[str], title: str, what: str, names: Sequence[str], options: Sequence[str]) -> str:
    """The first word, which is one of ``names``. Raises SystemExit where it is not; ``options`` might have been meant."""
    word = words[0] if words else ""
    if word in names:
        return word
    if not words:
        wrong_arguments(title, "expected " + what)
    near = nearest(word, [*names, *options])
    if word.startswith("-"):
        what, near = "an option", near or "; those of %s stand behind it" % what
    wrong_arguments(title, "%r is not %s%s" % (word, what, near))


def wrong_arguments(title: str, text: str) -> NoReturn:
    ErrorOutput().write("%s: %s\nTry '%s --help'\n" % (short(title), printable(text.replace("\0", ""), MAX_ERROR), title))
    raise SystemExit(2)


def in_words(message: str, options: Sequence[str]) -> str:
    """What argparse says, with the nearest name for an unknown option."""
    unknown = message.partition("unrecognized arguments: ")[2]
    if not unknown:
        return message
    word = unknown.split()[0].partition("=")[0]
    if word.startswith("-"):
        return "unknown option %s%s" % (word, nearest(word, options))
    return "more words than it takes: %s" % unknown


def nearest(word: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(word, list(names), 1, 0.7)
    return "; did you mean %s?" % found[0] if found else ""


def overview(program: str) -> str:
    """The help of the program: its commands, the options of all, the exit statuses."""
    row = Command("", "ask models of an Ollama server, and see every byte of it", COMMANDS["run"].example)
    return listing(program, "COMMAND", row, COMMANDS, (
        "\noptions of the commands that ask a server:\n"
        "  --host URL            the server; otherwise OLLAMA_HOST, otherwise this machine\n"
        "  --timeout SECONDS     for the whole answer; --retries N: if it cannot be reached\n"
        "  -H, --header FIELD    one more header field, as 'Name: value'; may be repeated\n"
        "  --wire                show request and answer on standard error, byte for byte\n"
        "  --debug               a traceback where something fails\n"
        "\nexit status:\n" + "".join("  %-4d %s\n" % item for item in STATUSES.items())
    ))  # fmt: skip


def listing(title: str, what: str, row: Command, rows: Dict[str, Command], more: str = "") -> str:
    lines = "".join("  %-12s %s\n" % (name, one.help) for name, one in rows.items())
    program = title if what == "COMMAND" else title.rpartition(" ")[0]
    return "usage: %s %s ...\n\n%s.\n\n%ss, each with --help:\n%s%s\nexample:\n%s\n" % (
        title, what, row.help[0].upper() + row.help[1:], what.lower(), lines, more, example_of(program, row)
    )  # fmt: skip


def example_of(program: str, row: Command) -> str:
    """An example of at most 80 columns, for a shell."""
    from textwrap import wrap

    lines = wrap("%s %s" % (program, row.example), 76, break_long_words=False, break_on_hyphens=False)
    return "  " + " \\\n    ".join(lines)


def usage_of(parser: ArgumentParser) -> str:
    words = [
        "%s%s" % (one.metavar, "..." * (one.nargs in ("*", "+"))) if one.nargs not in ("?", "*") else
        "[%s%s]" % (one.metavar, "..." * (one.nargs == "*"))
        for one in parser._get_positional_actions()
    ]  # fmt: skip
    return " ".join(["%(prog)s [OPTION...]", *words])
