# SPDX-License-Identifier: MIT
"""Commands that print what is written down: the protocol, and what a shell runs for completion."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Dict, List

from .._errors import FixtureError, RequestError
from .options import read_bytes
from .output import Output
from .table import ALIASES, COMMANDS, Command, nearest, new_parser

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "PROTOCOL.md")
BASH = """\
_ollama_stream() {
    local words
    case "${COMP_WORDS[1]}" in
%s    *) words="%s" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _ollama_stream ollama-stream
"""


def add_protocol(parser: ArgumentParser) -> None:
    parser.add_argument("chapter", metavar="CHAPTER", nargs="*", default=[], help="its number or words of its title; or all titles")


def do_protocol(options: Namespace) -> None:
    """Raises FixtureError where this copy has no page, RequestError for a chapter that is none."""
    if not os.path.exists(PAGE):
        raise FixtureError("this copy has no PROTOCOL.md")
    parts = re.split("(?m)^(?=## )", read_bytes(PAGE).decode("utf-8"))
    titles = [part.splitlines()[0].lstrip("# ") for part in parts[1:]]
    out = Output(sys.stdout)
    wanted = " ".join(options.chapter).lower()
    if not wanted:
        out.write(parts[0].rstrip() + "\n\n" + "".join("%3d  %s\n" % item for item in enumerate(titles, 1)))
        return
    found = [part for number, (title, part) in enumerate(zip(titles, parts[1:]), 1)
             if wanted == str(number) or wanted in title.lower() and not wanted.isdigit()]  # fmt: skip
    if not found:
        raise RequestError("there is no chapter %s%s" % (wanted, nearest(wanted, titles)))
    out.write("\n".join(part.rstrip() + "\n" for part in found))


def add_completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=["bash", "zsh", "fish"], help="bash, zsh or fish")


def do_completion(options: Namespace) -> None:
    words = {name: options_of(options, name, row) for name, row in COMMANDS.items()}
    words.update((alias, words[name]) for alias, name in ALIASES.items())
    Output(sys.stdout).write({"bash": bash, "zsh": zsh, "fish": fish}[options.shell](words))


def options_of(options: Namespace, name: str, row: Command) -> List[str]:
    """The options of a command, or the names of its actions."""
    module: Any = options.module_of(name)
    if hasattr(module, "ACTIONS"):
        return list(module.ACTIONS)
    parser = new_parser(name, row, "")
    getattr(module, "add_" + name)(parser)
    return [option for option in parser._option_string_actions if option.startswith("--")]


def bash(words: Dict[str, List[str]]) -> str:
    cases = "".join('    %s) words="%s" ;;\n' % (name, " ".join(rest)) for name, rest in words.items())
    return BASH % (cases, " ".join(words))


def zsh(words: Dict[str, List[str]]) -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + bash(words)


def fish(words: Dict[str, List[str]]) -> str:
    lines = ["complete -c ollama-stream -n __fish_use_subcommand -f -a '%s'" % " ".join(words)]
    for name, rest in words.items():
        seen = "complete -c ollama-stream -n '__fish_seen_subcommand_from %s'" % name
        lines += ["%s %s" % (seen, "-l " + word[2:] if word.startswith("--") else "-a " + word) for word in rest]
    return "\n".join(lines) + "\n"
