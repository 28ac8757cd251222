"""The stubs of the methods and of the package, made of the rows of the endpoints: ``python3 tests/make_stubs.py``.

A test compares it with the rows (``test_methods.py``), so that no parameter, default or answer in it can be wrong.
"""

import oldest  # noqa: F401, I001  (first: an older Python reads no further)
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STUB = os.path.join("ollama_stream", "_methods.pyi")
FACE = os.path.join("ollama_stream", "__init__.pyi")
ANSWERS = {"Any", "bool", "str"}
HEAD = '''# SPDX-License-Identifier: MIT
"""What ``_methods`` makes, for type checkers. Made by ``tests/make_stubs.py`` of the rows of ``_endpoints``."""

from abc import ABCMeta
from typing import Any, Callable, Coroutine, Generator, Mapping, Optional, Sequence, TypeVar, Union, overload

from typing_extensions import Literal, TypedDict

from ._client import Stream, Texts
from ._documents import (
%s
)  # fmt: skip
from ._endpoints import Images, Messages, ModelOptions, Tools
from ._net import Timeout
from ._records import (
%s
)  # fmt: skip
from .aio import AsyncStream, AsyncTexts
from .tools import ToolRun
from .tools.awaited import AsyncToolRun

T = TypeVar("T", covariant=True)

def add_methods(owner: Any, stream: Any, texts: Any, mark: Callable[[Any], Any]) -> None: ...
def make_function(method: Any, client: Callable[[], Any]) -> Any: ...
def as_coroutine_function(function: Any) -> Any: ...

class Answer(Coroutine[Any, Any, T], metaclass=ABCMeta):
    """A coroutine with its ``__await__`` written out: jedi finds no other way to what is awaited."""

    def __await__(self) -> Generator[Any, Any, T]: ...
'''


def stub(package):
    """The text of the stub for a package, which may be a copy under another name."""
    rows, e = package._endpoints.ROWS, package._endpoints
    records = sorted({row.returns for row in rows} - ANSWERS)
    documents = [name for name in records if hasattr(package._documents, name)]
    parts = [HEAD % (wrapped(documents), wrapped(sorted({*records, "Path"} - {*documents})))]
    parts += [fields_class("GenerationFields", e.CHAT, ("stream", "tools")), fields_class("ChatFields", e.CHAT, ("stream",))]
    made = package._methods
    every = (*rows, e.REQUEST, made.STREAM_CHAT, made.RUN_TOOLS)
    for row in every:
        row.text = made.format_help(row)
    parts.append("class Methods:\n" + "".join(methods(row, "    ", "self") for row in every))
    parts.append("class AsyncMethods:\n" + "".join(async_methods(row) for row in every))
    parts += [methods(row, "", "") for row in every if row is not made.RUN_TOOLS]
    return "\n".join(parts)


FACE_HEAD = '''# SPDX-License-Identifier: MIT
"""What ``__init__`` gives, for type checkers. Made by ``tests/make_stubs.py`` of its homes and the rows of ``_endpoints``."""

'''


def face(package):
    """The text of the stub of the package itself."""
    functions = set(package.__all__) - set(" ".join(package._HOMES.values()).split())
    homes = dict(package._HOMES, _methods=" ".join(functions))
    imports = "".join(
        "from .%s import (\n%s\n)  # fmt: skip\n" % (home, wrapped("%s as %s" % (n, n) for n in sorted(names.split())))
        for home, names in sorted(homes.items())  # "as" makes a name public in a stub, to jedi too
    )
    names = wrapped('"%s"' % name for name in package.__all__)
    return FACE_HEAD + imports + "\n__version__: str\n__all__ = [\n%s\n]  # fmt: skip\n" % names


def wrapped(names, indent="    "):
    """Names, each with a comma, in lines of 120 characters."""
    lines = [""]
    for name in names:
        if len(indent + lines[-1] + name) > 117:
            lines.append("")
        lines[-1] += " %s," % name
    return "\n".join(indent + line[1:] for line in lines)


def fields_class(name, fields, without):
    lines = ["    %s: %s" % (field.name, field.type) for field in fields if field.name not in without]
    return "class %s(TypedDict, total=False):\n%s\n" % (name, "\n".join(lines))


def methods(row, indent, first):
    return definitions(row, indent, first, "Stream", "def", "%s")


def async_methods(row):
    if row.name in ("stream_chat", "run_tools"):
        return definitions(row, "    ", "self", "AsyncStream", "def", "Async%s")
    return definitions(row, "    ", "self", "AsyncStream", "async def", "%s")


def definitions(row, indent, first, stream, keyword, answer):
    """One definition, or an overload for each kind of ``stream=``."""
    returns = answer % row.returns
    if not row.streams or returns == "Any":
        return definition(row, indent, keyword, first, returns, "bool", "False", row.text)
    streamed, whole = "%s[%s]" % (stream, returns), returns
    if keyword == "async def":  # written out, because jedi does not see an "async def" among overloads
        whole = "Answer[%s]" % returns
    return "".join(
        "%s@overload\n%s" % (indent, definition(row, indent, "def", first, kind, literal, default, doc))
        for kind, literal, default, doc in (
            (whole, "Literal[False]", "False", row.text),
            (streamed, "Literal[True]", "", ""),
            ("Union[%s, %s]" % (whole, streamed), "bool", "", ""),
        )
    )


def definition(row, indent, keyword, first, returns, stream, default, doc):
    parameters = [first] * bool(first) + [parameter(field) for field in row.positional] + ["*"] * bool(row.keywords)
    for field in row.keywords:
        shown = parameter(field)
        if field.name == "stream":
            shown = "stream: " + stream + (" = " + default if default else "")
        parameters.append(shown)
    lines = wrapped(parameters, indent + "    ")
    text = " ..."
    if doc:
        text = "\n" + "\n".join((indent + "    " + line).rstrip() for line in ('"""' + doc + '\n"""').split("\n"))
    return "%s%s %s(\n%s\n%s) -> %s:%s\n" % (indent, keyword, row.name, lines, indent, returns, text)


def parameter(field):
    default = "" if field.required else ' = ""' if field.default == "" else " = %r" % (field.default,)
    return "%s: %s%s" % (field.name, field.type, default)


if __name__ == "__main__":
    sys.path.insert(0, ROOT)
    import ollama_stream._methods

    for path, text in ((STUB, stub(ollama_stream)), (FACE, face(ollama_stream))):
        with open(os.path.join(ROOT, path), "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
