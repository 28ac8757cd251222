"""Claims about the package as a whole: imports, names, what loading it costs."""

import ast
import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(ROOT, "ollama_stream")
TREES, TEXTS = {}, {}
for folder, _, names in sorted(os.walk(PACKAGE)):
    for name in sorted(names):
        if name.endswith(".py"):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                module = os.path.relpath(path, PACKAGE)[:-3].replace(os.sep, ".")
                TEXTS[module] = file.read()
            TREES[module] = ast.parse(TEXTS[module])
MODULES = sorted(TREES)

# A module of the core imports only from those before it.
CORE = (
    "_errors _json _http1 _decode _records _stream _address _schema _values _endpoints _net _tls _route _exchange _calls _client _default".split()
)  # fmt: skip
HEAVY = ("http.client", "ssl", "asyncio", "argparse", "email", "socket")

assert len(MODULES) > 10


LICENCE = "# SPDX-License-Identifier: MIT\n"


@pytest.mark.parametrize("name", MODULES)
def test_a_file_bears_its_licence_and_says_what_it_is(name):
    assert TEXTS[name].startswith(LICENCE)
    assert ast.get_docstring(TREES[name])


def relative_imports(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]


def at_run_time(tree):
    """The relative imports that are executed when the module is loaded."""
    return [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.level]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_itself_relatively_and_else_the_standard_library(name):
    standard = getattr(sys, "stdlib_module_names", None) or set(sys.builtin_module_names)
    for node in ast.walk(TREES[name]):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module]
        for module in modules:
            top = module.split(".")[0]
            assert top != "ollama_stream"
            if sys.version_info >= (3, 10) and top != "typing_extensions":  # stdlib_module_names came with 3.10
                assert top in standard


@pytest.mark.parametrize("name", CORE)
def test_the_core_imports_in_one_direction(name):
    allowed = CORE[: CORE.index(name)]
    imported = {node.module for node in at_run_time(TREES[name])}
    assert imported <= set(allowed)


def test_every_private_module_is_in_the_core():
    assert sorted(m for m in MODULES if m.startswith("_") and not m.startswith("__")) == sorted(CORE)


def names_of(statement):
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return [statement.target.id] if isinstance(statement, ast.AnnAssign) else []


def test_a_name_is_used_once_in_the_core():
    homes = {}
    for module in CORE:
        for statement in TREES[module].body:
            for name in names_of(statement):
                homes.setdefault(name, []).append(module)
    type_variables = {"T", "R", "C", "F", "E"}
    assert {n: h for n, h in homes.items() if len(set(h)) > 1 and n not in type_variables} == {}


def loaded_by(code):
    program = code + "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", "import sys; sys.path.insert(0, %r)\n%s" % (ROOT, program)],
                          stdout=subprocess.PIPE, check=True)  # fmt: skip
    return done.stdout.decode().split()


@pytest.mark.parametrize("code", ["import ollama_stream", "from ollama_stream import Client, chat, ChatResponse"])
def test_importing_loads_nothing_heavy(code):
    loaded = loaded_by(code)
    assert "ollama_stream" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_importing_survives_any_environment():
    environ = dict(os.environ, OLLAMA_HOST="http://[", OLLAMA_API_KEY="\u00e9\u20ac", HTTP_PROXY="socks5://x", PYTHONPATH=ROOT)
    subprocess.run([sys.executable, "-c", "import ollama_stream; ollama_stream.Timeout"], env=environ, check=True)


def test_every_public_name_is_there():
    import ollama_stream

    assert [name for name in ollama_stream.__all__ if not hasattr(ollama_stream, name)] == []
    assert set(ollama_stream.__all__) <= set(dir(ollama_stream))
    assert sorted(ollama_stream.__all__) == ollama_stream.__all__
    listed = [name for names in ollama_stream._HOMES.values() for name in names.split()]
    assert sorted(listed) == ollama_stream.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ollama_stream.nothing


def test_the_version_is_one():
    import ollama_stream

    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        assert re.search(r'^version = "(.*)"', file.read(), re.M).group(1) == ollama_stream.__version__
