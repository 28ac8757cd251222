# SPDX-License-Identifier: MIT
"""The command line: a table of commands, how one is found and carried out, and what its end says.

    ollama-stream COMMAND ...             or python3 -m ollama_stream COMMAND ...

Each command is a row of ``COMMANDS``; of the module that the row names ``ARGUMENTS[NAME]`` are its arguments, and
``do_NAME`` carries it out. A module is loaded when its command is called and not before. What was asked for goes to
standard output, everything else to standard error, and the exit status is one of ``STATUSES``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, List, Optional, Sequence

from .._errors import (
    ConnectError, ConnectionLost, IncompleteStream, OllamaError, OllamaTimeout, RequestError, printable,
)  # fmt: skip
from .._net import reason
from .output import ErrorOutput, Output, OutputError, silence, writing
from .table import ALIASES, COMMANDS, MAX_ERROR, PROGRAM, Command, chosen, listing, overview, parser_of, short

if TYPE_CHECKING:
    from argparse import Namespace

HELP = (["-h"], ["--help"])
STATUS_OF = ((RequestError, 2), (ConnectError, 3), (ConnectionLost, 4), (IncompleteStream, 4), (OllamaTimeout, 5))


def main(argv: Optional[Sequence[str]] = None, program: str = PROGRAM) -> int:
    """Carry out a command line, ``sys.argv`` where it is None; returns the exit status.

    ``program`` is what it was started by. Raises SystemExit for wrong arguments and ``--help``, as argparse does.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words[: words.index("--") if "--" in words else None]
    try:
        status = command(words, program)
        if sys.stdout is not None:
            with writing():
                sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        silence(sys.stdout)
        return 141
    except OutputError as error:
        silence(sys.stdout)
        return failed(program, "standard output cannot be written: %s" % error)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError):  # nothing left of what the system gives
            return failed(program, reason(error))
        return failed(program, "%s: %s; this is a fault of the program: --debug says where" % (
            type(error).__name__, error))  # fmt: skip


def status_of(error: OllamaError) -> int:
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), 1)


def failed(program: str, text: str, status: int = 1) -> int:
    """Print the one line of an error; returns the exit status."""
    line = "%s: %s" % (short(program), printable(text, MAX_ERROR))
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    data = line.encode(encoding, "backslashreplace")
    if len(data) >= MAX_ERROR:
        line = data[: MAX_ERROR - 4].decode(encoding, "ignore") + "..."
    ErrorOutput().write(line + "\n")
    return status


def command(words: List[str], program: str) -> int:
    """Carry out one command; its exit status. Raises what it raises."""
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if words[:1] in HELP:
        Output(sys.stdout).write(overview(program))
        return 0
    if words[:1] in (["--version"], ["-v"], ["-V"]):
        from .._calls import VERSION

        Output(sys.stdout).write("%s %s\n" % (short(program), VERSION))
        return 0
    first = chosen(words, program, "a command", [*COMMANDS, *ALIASES], ["--version", "--help"])
    name, title = ALIASES.get(first, first), "%s %s" % (program, first)
    module, row, words = module_of(name), COMMANDS[name], words[1:]
    if hasattr(module, "ACTIONS"):  # the next word says which; each is a row of its own
        if words[:1] in HELP:
            Output(sys.stdout).write(listing(title, "ACTION", row, module.ACTIONS))
            return 0
        name = chosen(words, title, "an action", [*module.ACTIONS], ["--help"])
        row, title, words = module.ACTIONS[name], "%s %s" % (title, name), words[1:]
    return carry_out(module, name, row, title, words, program)


def carry_out(module: Any, name: str, row: Command, title: str, words: List[str], program: str) -> int:
    """Parse the words of a command and have them done."""
    parser = parser_of(module, name, row, title, program)
    prepare = getattr(module, "prepare", None)
    # A plain parse_args would take "run MODEL --stats PROMPT" for a run without a prompt.
    options = parser.parse_intermixed_args(protected(prepare(words) if prepare else words))
    restore(options)
    options.program, options.parser, options.module_of = program, parser, module_of
    try:
        status: Optional[int] = getattr(module, "do_" + name)(options)
    except OllamaError as error:
        if options.debug:
            raise
        status = tell(error, options)
    return status or 0


def protected(words: List[str]) -> List[str]:
    """What stands behind -- and begins with a dash gets a NUL in front, which no argument has: it is no option."""
    end = words.index("--") if "--" in words else len(words)
    return words[:end] + ["\0" + word if word.startswith("-") else word for word in words[end + 1 :]]


def restore(options: Namespace) -> None:
    for name, value in vars(options).items():
        if isinstance(value, str):
            setattr(options, name, value.lstrip("\0"))
        elif isinstance(value, list):
            setattr(options, name, [one.lstrip("\0") if isinstance(one, str) else one for one in value])


def tell(error: OllamaError, options: Namespace) -> int:
    """Say what went wrong, and what to do next; the exit status."""
    from .words import next_step, told

    text = told(error)
    step = next_step(error, options)
    if getattr(options, "json", False):
        Output(sys.stdout).write_json({"error": text})
        return status_of(error)
    return failed(options.program, text + step, status_of(error))


def module_of(name: str) -> Any:
    """The module of a command, by import statements, because what packs a program looks for those."""
    found: Any
    module = COMMANDS[name].module
    if module == "run":
        from . import run as found
    elif module == "models":
        from . import models as found
    elif module == "transfer":
        from . import transfer as found
    elif module == "doctor":
        from . import doctor as found
    elif module == "bench":
        from . import bench as found
    elif module == "replay":
        from . import replay as found
    elif module == "serve":
        from . import serve as found
    elif module == "record":
        from . import record as found
    elif module == "fixture":
        from . import fixture as found
    elif module == "conform":
        from . import conform as found
    elif module == "pages":
        from . import pages as found
    else:
        from . import vendor as found
    return found
