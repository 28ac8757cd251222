"""Each ``except`` that might keep what a signal handler of the program raised looks where it comes from (fault 257).

A signal may come in anything, and its handler may raise any class: an ``except`` that turns what it caught into something
else, or into nothing, asks check_origin() first, itself or by a function that does.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Set, Tuple

import pytest
from support import ROOT

PACKAGE = Path(ROOT, "ollama_stream")
# A program of our own, whose handlers of signals are its own.
OURS = {"__main__.py", "cli"}
# Nothing that a handler would raise: what Python itself says with them is too special, or what only a parser of ours says.
SPECIAL = {
    "StopIteration", "StopAsyncIteration", "ImportError", "KeyboardInterrupt", "UnicodeDecodeError", "UnicodeEncodeError",
    "JSONDecodeError", "SSLWantReadError", "ProtocolError", "RequestError", "FixtureError", "IncompleteStream", "StreamClosed",
}  # fmt: skip
ASKS = {"check_origin", "raised_by_program"}

# (file, function) and why what is caught there needs no question.
THREAD = "in a thread of its own, and signals are handled in the main one"
EXCEPTIONS = {
    ("_client.py", "__next__"): "only what this very next() raised is kept; what comes from deeper is raised again",
    ("_route.py", "close_all"): "a list has come to its end",
    ("file.py", "__init__"): "another exception is on its way",
    ("seam.py", "send"): "a mock does not wait",
    **dict.fromkeys([("server.py", name) for name in ("_accept", "_accept_with_the_spare", "_turn_away")], THREAD),
    **dict.fromkeys([("player.py", name) for name in ("is_loopback", "_read_along", "run", "_exchange", "_read")], THREAD),
    ("proxy.py", "_verify"): THREAD,
    **dict.fromkeys([("relay.py", name) for name in ("_dial", "_send", "_receive", "send", "recv")], THREAD),
}


def sources() -> List[Path]:
    """All files of the package, but for the command line."""
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if OURS.isdisjoint(path.relative_to(PACKAGE).parts)]
    assert len(paths) > 50
    return paths


def name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def calls_in(node: ast.AST, about: Iterable[str]) -> Set[str]:
    """The names of what is called in it with the value of one of these names."""
    return {
        name_of(call.func)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and not set(about).isdisjoint(map(name_of, call.args))
    }


def askers(trees: List[ast.Module]) -> Set[str]:
    """check_origin() and all functions that hand on to it what they are given."""
    functions = [function for tree in trees for function in functions_of(tree)]
    given = [(one.name, calls_in(one, [argument.arg for argument in one.args.args])) for one in functions]
    names = set(ASKS)
    for _ in range(3):
        names.update(function for function, called in given if called & names)
    return names


def functions_of(tree: ast.AST) -> List[Any]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def classes_of(handler: ast.ExceptHandler) -> Set[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {name_of(kind) for kind in kinds if kind is not None} or {"BaseException"}


def keeps(handler: ast.ExceptHandler, names: Set[str]) -> bool:
    """Whether it may keep what a handler of a signal raised."""
    if classes_of(handler) <= SPECIAL:
        return False
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None and not any(isinstance(node, ast.Return) for node in ast.walk(handler)):
        return False
    return handler.name is None or not calls_in(handler, [handler.name]) & names


def is_suppress(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node.func) == "suppress"


def places(tree: ast.Module, names: Set[str]) -> Iterator[Tuple[str, int]]:
    """(function, line) of each except, and suppress(), that keeps what it should not."""
    functions = functions_of(tree)
    for node in ast.walk(tree):
        if is_suppress(node) or isinstance(node, ast.ExceptHandler) and keeps(node, names):
            around = [f for f in functions if f.lineno <= node.lineno and node in ast.walk(f)]
            yield around[-1].name if around else "", node.lineno


def test_257_every_except_asks_where_the_exception_comes_from():
    trees = [ast.parse(path.read_text("utf-8")) for path in sources()]
    names = askers(trees)
    found = {
        (path.name, function): line
        for path, tree in zip(sources(), trees)
        for function, line in places(tree, names)
    }  # fmt: skip
    assert {place: line for place, line in found.items() if place not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) <= set(found), "a reason without its place"


WAYS = [  # what an except does, and whether that is right
    ("except OSError:\n pass", False),
    ("except (KeyError, TimeoutError) as error:\n raise ValueError from error", False),
    ("except OSError as error:\n check_origin(error)", True),
    ("except OSError as error:\n check_origin(other)", False),
    ("except:\n pass", False),
    ("except Exception:\n close()\n raise", True),
    ("except OSError:\n if a:\n  return 1\n raise", False),
    ("except StopIteration:\n pass", True),
    ("finally:\n with suppress(OSError):\n  pass", False),
]


@pytest.mark.parametrize("clause, is_right", WAYS, ids=[row[0] for row in WAYS])
def test_257_an_except_that_keeps_what_it_caught_is_found(clause, is_right):
    tree = ast.parse("def f(a, error, other):\n try:\n  g()\n" + "".join(" %s\n" % part for part in clause.split("\n")))
    assert (list(places(tree, ASKS)) == []) == is_right
