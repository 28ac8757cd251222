# SPDX-License-Identifier: MIT
"""Commands that print what is written down: the protocol, and what a shell runs for completion."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from pkgutil import get_data
from typing import Any, Dict, List

from .._errors import FixtureError, RequestError
from .options import argument
from .output import Output
from .table import ALIASES, COMMANDS, Command, parser_of

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


ARGUMENTS = {
    "protocol": [
        argument("chapter", metavar="CHAPTER", nargs="*", default=[], help="its number, or words of its title"),
    ],
    "completion": [argument("shell", metavar="SHELL", choices=["bash", "zsh", "fish"], help="bash, zsh or fish")],
}


def do_protocol(options: Namespace) -> None:
    """Raises FixtureError where this copy has no page, RequestError for a chapter that is none."""
    try:
        page = get_data(__name__.rpartition(".cli.")[0], "PROTOCOL.md") or b""
    except OSError:
        raise FixtureError("this copy has no PROTOCOL.md") from None
    first, *chapters = re.split("(?m)^## ", page.decode("utf-8"))
    titles = [chapter.partition("\n")[0] for chapter in chapters]
    out, wanted = Output(sys.stdout), " ".join(options.chapter).lower()
    if not wanted:
        return out.write(first.rstrip() + "\n\n" + "".join("%s\n" % title for title in titles))
    found = [chapter for title, chapter in zip(titles, chapters)
             if title.startswith(wanted + ".") or not wanted.isdigit() and wanted in title.lower()]  # fmt: skip
    if not found:
        raise RequestError("there is no chapter %r; without one, their titles are listed" % wanted)
    return out.write("\n".join("## %s\n" % chapter.rstrip() for chapter in found))


def do_completion(options: Namespace) -> None:
    words = {name: options_of(options, name, row) for name, row in COMMANDS.items()}
    words.update((alias, words[name]) for alias, name in ALIASES.items())
    Output(sys.stdout).write({"bash": bash, "zsh": zsh, "fish": fish}[options.shell](words))


def options_of(options: Namespace, name: str, row: Command) -> List[str]:
    """The options of a command, or the names of its actions and the options of all of them, each once."""
    module: Any = options.module_of(name)
    actions = getattr(module, "ACTIONS", {})
    words = list(actions)
    for action, its_row in (actions or {name: row}).items():
        known = parser_of(module, action, its_row, action, "")._option_string_actions
        words += [option for option in known if option.startswith("--") and option not in words]
    return words


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
