# SPDX-License-Identifier: MIT
"""The command ``vendor``: the client as one Python file, to be copied into a program.

The files of the client are joined as they stand, in the order of the bytes, each under its name and what it says of
itself; their imports of the standard library are gathered at the top, those of one another go. What needs a file that
is not joined raises RequestError, which says where it is. With a FILE its types are written beside it, to FILE.pyi: the
same files without the bodies of their functions, and the stubs of those that have one. Neither is ever overwritten.
"""

from __future__ import annotations

import ast
import os
from argparse import Namespace
from itertools import takewhile
from keyword import iskeyword
from pkgutil import get_data
from textwrap import dedent, fill, indent
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from .. import __all__ as PUBLIC
from .._calls import VERSION
from .._default import FUNCTIONS
from .._errors import RequestError, missing_folder
from .._net import reason
from .options import argument, write_pieces

ARGUMENTS = {
    "vendor": [
        argument("--async", dest="both", action="store_true", help="with AsyncClient; without it no event loop"),
        argument("--output", metavar="FILE.py",
                 help="a new file, and FILE.pyi beside it for type checkers; default: standard output"),
    ],
}  # fmt: skip
CLIENT = (
    "_errors _json _syntax _http1 _model _decode _records _documents _assembler _stream _address "
    "_types _schema _values _endpoints _net "
    "_dial _tls _route _refusal _exchange _calls _methods _client _default"
).split()
HOMES = {  # of what a file may not have: where it is
    "AsyncClient": "aio", "AsyncStream": "aio", "Conversation": "tools", "Progress": "tools", "progress": "tools",
    "run_tools": "tools", "cli": "cli", "dropin": "dropin", "fixture": "fixture", "proxy": "replay", "replay": "replay",
    "tools": "tools", "transports": "replay",
}  # fmt: skip
Imported = Tuple[str, str]  # a module and a name that is imported from it, or "" and the name of a module
COMMAND = "python3 -m ollama_stream vendor"
WIDTH = 120  # characters of a line

TOP = '''\
# SPDX-License-Identifier: MIT
"""A client for Ollama's HTTP API in one file: the standard library and nothing else, from Python 3.8 on.

    for text in stream_chat("llama3.2", "Why is the sky blue?"):
        print(text, end="", flush=True)

This is ollama_stream %(version)s, made from its files, which follow here in the order of the bytes, by

    %(command)s

%(contents)s
"""

'''
# At its first line a Python before 3.7 stops, and shows no more than the line; the others are told by the next ones.
FIRST_LINE = "from __future__ import annotations  # needs Python 3.8 or newer"
TOO_OLD = """\
import sys

if sys.version_info < (3, 8):
    raise ImportError("this file needs Python 3.8 or newer, and this is %d.%d" % sys.version_info[:2], name=__name__)

"""
LICENCE = """\
MIT License

Copyright (c) 2026 The ollama_stream maintainers

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
BOTTOM = '''

def __getattr__(name: str) -> Any:
    if name in FUNCTIONS:
        return module_function(name)
    if name in LEFT_OUT:
        raise RequestError("%s: %s" % (name, LEFT_OUT[name]))
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
'''


def do_vendor(options: Namespace) -> None:
    """Write the file. Raises RequestError where that cannot be done."""
    names = CLIENT + ["aio"] if options.both else CLIENT
    if options.output is None:
        write_pieces([joined(names).encode("utf-8")], "-", force=False)
    else:
        module, suffix = os.path.splitext(os.path.basename(options.output))
        if suffix != ".py" or not module.isidentifier() or iskeyword(module):
            form = "--output: expected the name of a new file such as client.py, got %r: no module has that name"
            raise RequestError(form % options.output)
        write_new({options.output: joined(names), options.output + "i": joined(names, types=True)})


def write_new(texts: Dict[str, str]) -> None:
    """Write files, all or none. Raises RequestError, also where one is there."""
    written: List[str] = []
    path = ""
    try:
        for path, text in texts.items():
            with open(path, "x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except (OSError, ValueError) as error:
        for made in written:
            os.unlink(made)
        why = "cannot be written: %s%s" % (reason(error), missing_folder(path))
        if isinstance(error, FileExistsError):
            why = "there is one already, and it is not overwritten"
        raise RequestError("%s: %s" % (path, why)) from error


# --- joining ----------------------------------------------------------------------------------------------------------


def joined(names: Sequence[str], types: bool = False) -> str:
    """The text of one file, or of its types. Raises RequestError where the sources are not there to be read."""
    parts = [Part(name, names, types) for name in names]
    command = COMMAND + " --async" * ("aio" in names)
    contents = "\n".join(filled(part.about.partition("\n")[0].split(), "    %-12s " % part.name, " " * 17) for part in parts)
    text = ("# mypy: ignore-errors\n" if types else "") + TOP % {"version": VERSION, "command": command, "contents": contents}
    text += indent(LICENCE, "# ").replace("\n\n", "\n#\n") + "\n" + FIRST_LINE + "\n\n"
    imports = [one for part in parts for one in part.imports if types or one != ("", "sys")]
    known = {name for _, name in imports}
    for_types = [one for part in parts for one in part.type_imports if one[1] not in known]
    text += "" if types else TOO_OLD  # before what an older Python cannot import
    text += import_lines(imports)
    text += "\nif TYPE_CHECKING:\n" + indent(import_lines(for_types), "    ")
    text += "".join(part.text() for part in parts) + heading("the names of this file")
    bound = {name for part in parts for name in part.bound} | set(FUNCTIONS)
    text += constant("__all__", "[%s]", ('"%s"' % name for name in PUBLIC if name in bound))
    text += "__version__ = VERSION\n"
    left_out = ('"%s": "%s"' % (name, where_is(HOMES[name])) for name in HOMES if name not in bound)
    return text if types else text + constant("LEFT_OUT", "{%s}", left_out) + BOTTOM


def where_is(home: str) -> str:
    if home == "aio":
        return "not in this file; make it with: %s --async" % COMMAND
    return "not in this file; it is in ollama_stream.%s, of the whole package" % home


def heading(name: str, text: str = "") -> str:
    lines = [("# --- %s " % name).ljust(WIDTH, "-"), *("# " + line for line in text.splitlines())]
    return "\n\n%s\n\n\n" % "\n".join(line.rstrip() for line in lines)


def constant(name: str, form: str, items: Iterable[str]) -> str:
    """An assignment of several lines."""
    return "%s = %s  # fmt: skip\n" % (name, form % ("\n%s,\n" % filled(comma_separated(items))))


def comma_separated(items: Iterable[str]) -> List[str]:
    return ", ".join(item.replace(" ", "\0") for item in items).split(" ")


def filled(words: Iterable[str], margin: str = "    ", next_margin: str = "    ") -> str:
    """Lines of words, none of which is parted, even where NUL stands for a blank in it."""
    text = fill(" ".join(words), WIDTH, initial_indent=margin, subsequent_indent=next_margin, break_long_words=False)
    return text.replace("\0", " ")


def imported_by(statement: Union[ast.Import, ast.ImportFrom]) -> List[Imported]:
    module = str(statement.module) if isinstance(statement, ast.ImportFrom) else ""
    return [(module, alias.name) for alias in statement.names]


def import_lines(imports: Iterable[Imported]) -> str:
    """Import statements for all names, each once."""
    names: Dict[str, Set[str]] = {}
    for module, name in imports:
        names.setdefault(module, set()).add(name)
    lines = ["import %s\n" % name for name in sorted(names.pop("", ()))]
    for module in sorted(names):
        sorted_names = sorted(names[module], key=lambda name: (not name.isupper(), name))
        line = "from %s import %s" % (module, ", ".join(sorted_names))
        if len(line) > WIDTH:
            line = "from %s import (\n%s,\n)  # fmt: skip" % (module, filled(comma_separated(sorted_names)))
        lines.append(line + "\n")
    return "".join(lines)


class Edit(NamedTuple):
    """The lines from ``first`` to ``last``, counted from 1, become ``text``."""

    first: int
    last: int
    text: str = ""


def replaced(first: ast.stmt, last: ast.stmt, text: str) -> Edit:
    return Edit(first.lineno, last.end_lineno or 0, text)


class Part:
    """One file of the client, about to be joined to others."""

    def __init__(self, name: str, names: Sequence[str], types: bool) -> None:
        self.name, self._names = name, names
        stub = source(name + ".pyi") if types else None
        text = stub or source(name + ".py")
        if text is None:
            raise RequestError("the package is here without its sources: %s.py cannot be read" % name)
        self._lines = text.splitlines(keepends=True)
        tree = ast.parse(text)
        self.about = ast.get_docstring(tree) or ""
        self.bound = [name for statement in tree.body for name in bound_by(statement)]
        self.imports: List[Imported] = []
        self.type_imports: List[Imported] = []
        self._types = types
        self._edits = {*self._module_edits(tree), *(bodies_of(tree) if types and not stub else self._function_edits(tree))}

    def text(self) -> str:
        """The file as it goes in: its heading, and what is left of it."""
        lines = list(self._lines)
        for first, last, text in sorted(self._edits, reverse=True):
            before, after = blanks(reversed(lines[: first - 1])), blanks(lines[last:])
            if text:
                lines[first - 1 : last] = [text]
            else:  # what goes takes the blank lines around it along
                lines[first - 1 - before : last + after] = ["\n"] * (max(before, after) if before and after else 0)
        return heading(self.name, "" if self._types else self.about) + "".join(lines).strip() + "\n"

    def _module_edits(self, tree: ast.Module) -> Iterator[Edit]:
        yield Edit(1, 1)  # the licence, which stands at the top
        for statement in tree.body:
            if isinstance(statement, ast.If) and getattr(statement.test, "id", "") == "TYPE_CHECKING":
                yield from self._type_checking_edits(statement)
            elif isinstance(statement, (ast.Import, ast.ImportFrom)):
                if is_standard(statement):
                    self.imports += imported_by(statement)
                yield self._gone(statement)
            elif is_text(statement) or self._is_left_out(getattr(statement, "name", "")):
                yield self._gone(statement)

    def _is_left_out(self, name: str) -> bool:
        """Whether a definition goes: the file has a __getattr__ of its own, and without aio no client for it."""
        return name == "__getattr__" or name.startswith("Async") and "aio" not in self._names

    def _type_checking_edits(self, block: ast.If) -> Iterator[Edit]:
        found = [statement for statement in block.body if isinstance(statement, (ast.Import, ast.ImportFrom))]
        if found != block.body or block.orelse and not self._types:
            yield from (self._gone(statement) for statement in found if not is_standard(statement))
        else:
            for statement in filter(is_standard, found):
                self.type_imports += imported_by(statement)
            yield replaced(block, block, dedent("".join(self._gone(statement).text for statement in found)))

    def _gone(self, statement: ast.stmt) -> Edit:
        """Without a statement; the names of what is not joined are anything to a type checker."""
        text = ""
        if isinstance(statement, ast.ImportFrom) and statement.level and statement.module not in self._names:
            form = " " * statement.col_offset + "%s = Any  # " + where_is(str(statement.module)) + "\n"
            text = "".join(form % alias.name for alias in statement.names)
        return replaced(statement, statement, text)

    def _function_edits(self, tree: ast.Module) -> Iterator[Edit]:
        """The doors: an import of what is joined goes, and a function that needs what is not says so instead."""
        for function in ast.walk(tree):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            body = function.body[1:] if is_text(function.body[0]) else function.body
            doors = [node for node in ast.walk(function) if isinstance(node, ast.ImportFrom) and node.level]
            missing = [door.module for door in doors if door.module not in self._names]
            if missing:
                what = "async for" if function.name == "__aiter__" else function.name
                error = 'raise RequestError("%s: %s")' % (what, where_is(str(missing[0])))
                yield replaced(body[0], body[-1], "%s%s\n" % (" " * body[0].col_offset, error))
            else:
                yield from map(self._gone, doors)


def source(name: str) -> Optional[str]:
    """A file of the package, wherever it is: in a folder, or in an archive. None if it is not there."""
    try:
        data = get_data(str(__package__).rpartition(".")[0], name)
    except OSError:
        return None
    return None if data is None else data.decode("utf-8")


def bodies_of(tree: ast.Module) -> Iterator[Edit]:
    """Without what functions do; how they are called stays."""
    bodies = [tree.body, *(one.body for one in tree.body if isinstance(one, ast.ClassDef))]
    for body in bodies:
        for function in body:
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                first, last = function.body[0], function.body[-1]
                yield replaced(first, last, " " * first.col_offset + "...\n")


def is_standard(statement: Union[ast.Import, ast.ImportFrom]) -> bool:
    """Whether it imports of the standard library; what is from ``__future__`` stands at the top of the file."""
    return isinstance(statement, ast.Import) or (statement.level == 0 and statement.module != "__future__")


def is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(getattr(statement.value, "value", None), str)


def bound_by(statement: ast.stmt) -> List[str]:
    """The names that a definition or an assignment of a file binds."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def blanks(lines: Iterable[str]) -> int:
    """How many blank lines come first."""
    return len(list(takewhile(lambda line: not line.strip(), lines)))
