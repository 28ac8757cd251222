"""Claims about the package as a whole: imports, names, what loading it costs."""

import ast
import functools
import importlib
import os
import pydoc
import re
import shutil
import subprocess
import sys
import zipapp
from typing import List, NamedTuple, Optional, Tuple

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(ROOT, "ollama_stream")
TREES, TEXTS, NODES = {}, {}, {}
for folder, _, names in sorted(os.walk(PACKAGE)):
    for name in sorted(names):
        if name.endswith(".py"):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                module = os.path.relpath(path, PACKAGE)[:-3].replace(os.sep, ".").replace(".__init__", "")
                TEXTS[module] = file.read()
            TREES[module] = ast.parse(TEXTS[module])
            NODES[module] = list(ast.walk(TREES[module]))
MODULES = sorted(TREES)
FACES = {module.partition(".")[0] for module in MODULES if "." in module}  # folders

# The client, in the order of its bytes: a file imports only from those before it.
CLIENT = (
    "_errors _json _syntax _http1 _model _decode _records _documents _assembler _stream _address "
    "_types _schema _values _endpoints _net "
    "_dial _tls _route _refusal _exchange _calls _methods _client _default aio"
).split()
# What each room may import beside itself. "" is the face of the package, and the faces kept for their public names.
ROOMS = {
    "client": (), "tools": ("client",), "dropin": ("client",), "fixture": ("client",), "replay": ("client", "fixture"),
    "cli": ("", "client", "tools", "fixture", "replay"), "": ("client", "tools", "replay"), "__main__": ("cli",),
}  # fmt: skip
# Imports inside a function of the client: what is loaded only where a call uses it.
DOORS = [
    "_client.Stream.__aiter__: aio",
    "_client.Texts.__aiter__: aio",
    "_methods.Composed.run_tools: tools",
    "_model.load_schemas: _schema",
    "_values.check_format: _schema",
    "_values.check_tool: _schema",
]
HEAVY = ("http.client", "ssl", "asyncio", "argparse", "email", "socket")
MAX_LINES, MAX_FUNCTION = 450, 40

# What does not keep a rule yet, and goes from here with what breaks it.
UNFINISHED = {
}

assert len(MODULES) > 10


def without(rule, broken):
    """What breaks a rule, but for what is known to."""
    return sorted(set(broken) - set(UNFINISHED.get(rule, ())))


class Import(NamedTuple):
    """``target`` is a module of the package, ``function`` the one that the import stands in, or an empty string."""

    module: str
    target: str
    names: List[Tuple[str, Optional[str]]]
    function: str

    def __str__(self):
        return "%s: %s" % (".".join(filter(None, [self.module, self.function])), self.target)


def imports_of(module):
    """Every relative import of a module, those under TYPE_CHECKING and in functions with it."""
    found = []

    def look(node, function):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                look(child, function + [child])
            else:
                if isinstance(child, ast.ImportFrom) and child.level:
                    inside = any(not isinstance(n, ast.ClassDef) for n in function)
                    place = ".".join(n.name for n in function) if inside else ""
                    found.extend(Import(module, *target, place) for target in targets_of(module, child))
                look(child, function)

    look(TREES[module], [])
    return found


def targets_of(module, node):
    """(module, names) of what an import names: ``from . import aio`` names modules, ``from .aio import x`` one."""
    folder = (module + ".__init__" if module in FACES else module).split(".")[: -node.level]
    base = ".".join(folder + (node.module.split(".") if node.module else []))
    if node.module:
        return [(base, [(alias.name, alias.asname) for alias in node.names])]
    return [(".".join(filter(None, [base, alias.name])), []) for alias in node.names]


def room_of(module):
    folder = module.partition(".")[0]
    return folder if folder in FACES or folder == "__main__" else "client" if folder in CLIENT else ""


IMPORTS = [found for module in MODULES for found in imports_of(module)]


# --- the rules --------------------------------------------------------------------------------------------------------


def test_every_file_has_its_room():
    assert sorted(module for module in MODULES if room_of(module) == "client") == sorted(CLIENT)
    assert {room_of(module) for module in MODULES} - {"dropin"} == set(ROOMS) - {"dropin"}


def test_the_client_imports_in_one_direction():
    broken = [
        str(found) for found in IMPORTS
        if room_of(found.module) == "client" and not found.function
        and found.target not in CLIENT[: CLIENT.index(found.module)]
    ]  # fmt: skip
    assert without("direction", without("circle", broken)) == []


def test_the_client_imports_names_and_gives_them_no_others():
    broken = [
        "%s: %s" % (found.module, name) for found in IMPORTS if room_of(found.module) == "client"
        for name, other in found.names if other is not None or name in MODULES
    ]  # fmt: skip
    assert without("as", broken) == []


def test_the_doors_of_the_client_are_these_at_most_eight():
    doors = {str(found) for found in IMPORTS if found.function and room_of(found.module) == "client"}
    assert sorted(doors) == DOORS
    assert len(DOORS) <= 8


def test_what_is_loaded_late_is_an_import_that_a_freezer_finds_283():
    by_name = [
        module for module in MODULES for node in NODES[module]
        if isinstance(node, ast.Name) and node.id in ("import_module", "__import__")
    ]  # fmt: skip
    assert without("by name", by_name) == []


def test_a_room_is_entered_by_its_face_and_by_those_who_may():
    broken = []
    for found in IMPORTS:
        here, there = room_of(found.module), room_of(found.target)
        door = here == "client" and str(found) in DOORS
        face = there in ("client", "") or found.target == there
        if here != there and not (face and (there in ROOMS[here] or door)):
            broken.append("%s: %s" % (found.module, found.target))
    assert without("face", without("circle", broken)) == []


def test_nobody_imports_the_command_line():
    assert {room_of(found.module) for found in IMPORTS if room_of(found.target) == "cli"} == {"cli", "__main__"}


def test_no_imports_go_in_a_circle():
    ruled = {found[:2] for found in IMPORTS if not (found.function and room_of(found.module) in ("client", ""))}
    needs = [pair for pair in ruled if without("circle", ["%s: %s" % pair])]
    while True:  # what needs nothing that is left goes, and what nothing needs; a circle stays
        needed, needing = {target for _, target in needs}, {module for module, _ in needs}
        left = [(module, target) for module, target in needs if module in needed and target in needing]
        if left == needs:
            break
        needs = left
    assert ", ".join(sorted("%s: %s" % pair for pair in needs)) == ""


def names_of(statement):
    """The names that a statement of a module binds, but for those of imports of ours."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [name.id for target in statement.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    if isinstance(statement, (ast.If, ast.For, ast.Try, ast.With)):
        inner = [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]
        return [name for child in inner for name in names_of(child)]
    return [statement.target.id] if isinstance(statement, ast.AnnAssign) else []


def test_a_name_is_used_once_in_the_client():
    homes = {}
    for module in CLIENT:
        for statement in TREES[module].body:
            for name in names_of(statement):
                homes.setdefault(name, set()).add(module)
            if isinstance(statement, (ast.Import, ast.ImportFrom)) and not getattr(statement, "level", 0):
                for alias in statement.names:  # of the standard library: the same name is the same thing everywhere
                    source = "%s.%s" % (getattr(statement, "module", ""), alias.name)
                    homes.setdefault(alias.asname or alias.name, set()).add(source)
    from ollama_stream._default import FUNCTIONS

    for name in FUNCTIONS:  # they are no globals: where the files are joined, one that is would hide them
        homes.setdefault(name, set()).add("_default")
    assert without("names", [name for name, places in homes.items() if len(places) > 1]) == []


def test_nobody_else_writes_an_attribute_of_an_exchange():
    broken = []
    for module in MODULES:
        for node in NODES[module]:
            written = isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
            owner = node.value if written else None
            name = getattr(owner, "attr", getattr(owner, "id", ""))
            if name.strip("_") == "exchange" and module != "_exchange":
                broken.append("%s: %s" % (module, dotted(node)))
    assert without("exchange", broken) == []


def dotted(node):
    return "%s.%s" % (dotted(node.value), node.attr) if isinstance(node, ast.Attribute) else getattr(node, "id", "?")


def test_no_file_and_no_function_is_too_long():
    assert without("lines", [m for m in MODULES if TEXTS[m].count("\n") > MAX_LINES]) == []
    assert without("function", [name for m in MODULES for name in long_functions(TREES[m], m)]) == []


def long_functions(tree, place):
    for node in ast.iter_child_nodes(tree):
        name = "%s.%s" % (place, getattr(node, "name", ""))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
            if node.end_lineno - first >= MAX_FUNCTION:
                yield name
        yield from long_functions(node, name if isinstance(node, ast.ClassDef) else place)


def test_no_local_variable_wears_the_name_of_a_function_of_its_module():
    worn = []
    for module in MODULES:
        names = {name for node in TREES[module].body if not isinstance(node, (ast.Assign, ast.AnnAssign)) for name in names_of(node)}
        names |= {name for found in IMPORTS if found.module == module and not found.function for name, _ in found.names}
        for function in NODES[module]:
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
                stored |= {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
                worn += ["%s: %s" % (module, name) for name in sorted(stored & names)]
    assert worn == []


# --- one place for each fact ------------------------------------------------------------------------------------------


def control_tables(nodes):
    """The lines that say which characters are controls: of a terminal, or of HTTP."""
    for node in nodes:
        value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
        text = value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""
        in_range = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range"
        in_range = in_range and any(getattr(end, "value", None) in (32, 33, 127, 160) for end in node.args)
        ordered = isinstance(node, ast.Compare) and any(isinstance(way, (ast.Lt, ast.LtE)) for way in node.ops)
        ordered = ordered and any(getattr(end, "value", 0) in (" ", b" ", 32) for end in [node.left, *node.comparators])
        if set(text) & set("\x1f\x7f\x9f\u200f\u2028\u202e") or in_range or ordered:
            yield node.lineno


def test_what_a_control_character_is_stands_in_two_places_of_a_terminal_and_of_http():
    others = {  # and why
        "_refusal": "the first two bytes of gzip",
        "cli.views": "printable ASCII in a column of bytes",
    }
    assert {module for module in MODULES if any(control_tables(NODES[module]))} == {"_errors", "_syntax", *others}


def calls_of(module, name):
    return [node for node in NODES[module] if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name]


def test_the_text_of_a_failed_connection_is_put_together_in_one_place():
    assert [module for module in CLIENT if calls_of(module, "ConnectError")] == ["_errors"]


def test_what_is_not_given_is_one_object():
    assert [module for module in MODULES if calls_of(module, "object")] == []


def test_what_was_expected_and_what_came_is_told_by_one_function():
    told = [
        module for module in MODULES if module in CLIENT or room_of(module) == "tools" for node in NODES[module]
        if isinstance(node, ast.Constant) and re.search("expected .*, got ", str(node.value)) and "\n" not in str(node.value)
    ]  # fmt: skip
    assert told == ["_errors"]


def test_what_names_a_secret_stands_in_one_place():
    words = re.compile(r"\bcredential\b.*\bsession\b|\bsession\b.*\bcredential\b")
    homes = {
        module for module in MODULES for node in NODES[module]
        if isinstance(node, (ast.Tuple, ast.Constant)) and words.search(ast.dump(node)) and "\\n" not in ast.dump(node)
    }  # fmt: skip
    assert homes == {"_address"}


def test_the_statuses_without_a_body_stand_in_one_place():
    tuples = {
        module for module in MODULES for node in NODES[module]
        if isinstance(node, (ast.Tuple, ast.Set, ast.List)) and 204 in [getattr(item, "value", 0) for item in node.elts]
    }  # fmt: skip
    assert tuples == {"_syntax"}


LICENCE = "# SPDX-License-Identifier: MIT\n"


@pytest.mark.parametrize("name", MODULES)
def test_a_file_bears_its_licence_and_says_what_it_is(name):
    assert TEXTS[name].startswith(LICENCE)
    assert ast.get_docstring(TREES[name])


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_itself_relatively_and_else_the_standard_library(name):
    standard = getattr(sys, "stdlib_module_names", None) or set(sys.builtin_module_names)
    for node in NODES[name]:
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


# --- what loading it costs --------------------------------------------------------------------------------------------


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


def older(program, tmp_path, path=ROOT):
    """What comes of a program where Python takes itself for 3.7."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.version_info = (3, 7, 16, 'final', 0)\n", "utf-8")
    environ = dict(os.environ, PYTHONPATH=os.pathsep.join([str(tmp_path), str(path)]))
    done = subprocess.run([sys.executable, *program], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (1, b"")
    return done.stderr.decode()


TOO_OLD = "needs Python 3.8 or newer, and this is 3.7"


@pytest.mark.parametrize("module", ["ollama_stream", "ollama_stream.dropin"])
def test_an_older_python_is_told_so_in_one_line(module, tmp_path):
    assert re.fullmatch(r".*: ollama_stream %s\)\n" % re.escape(TOO_OLD), older(["-m", module, "run"], tmp_path))


@pytest.mark.parametrize("name", ["conftest", "bench", "figures", "make_stubs", "pictures"])
def test_an_older_python_is_told_so_in_one_line_by_the_tests_and_tools(name, tmp_path):
    program = os.path.join(ROOT, "tests", name + ".py")
    assert older([program], tmp_path) == "ollama_stream %s\n" % TOO_OLD
    for file in ("oldest", name):  # what stands before the import of it, and it, have to be read by that Python
        with open(os.path.join(ROOT, "tests", file + ".py"), encoding="utf-8") as text:
            assert "from __future__" not in text.read()


def test_an_older_python_is_told_so_in_one_line_by_an_archive(tmp_path):
    (tmp_path / "app" / "ollama_stream").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(os.path.join(ROOT, "ollama_stream", name), str(tmp_path / "app" / "ollama_stream"))
    archive = str(tmp_path / "ollama-stream.pyz")
    zipapp.create_archive(str(tmp_path / "app"), archive, main="ollama_stream.__main__:main")
    assert older([archive, "run"], tmp_path, path=tmp_path) == "ollama_stream %s\n" % TOO_OLD


def test_an_older_python_can_read_the_file_that_tells_it():
    first, second, third = TREES["__init__"].body[1:4]
    assert isinstance(first, ast.Import) and isinstance(second, ast.If) and isinstance(third, ast.ImportFrom)
    newer = (ast.AnnAssign, ast.JoinedStr, ast.AsyncFunctionDef, ast.NamedExpr, ast.Starred)
    for node in NODES["__init__"]:
        assert not isinstance(node, newer) and getattr(node, "module", "") != "__future__"
        assert getattr(node, "annotation", None) is None and getattr(node, "returns", None) is None
        assert not getattr(node, "kwonlyargs", ()) and not getattr(node, "posonlyargs", ())


@functools.lru_cache(maxsize=None)
def runs(command):
    try:
        return subprocess.run([command, "-c", ""], stdout=subprocess.PIPE, stderr=subprocess.PIPE).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("minor", ["3.4", "3.5", "3.6", "3.7"])
@pytest.mark.parametrize("program", ["-m ollama_stream run m hi", "-m ollama_stream.dropin x.py"])
def test_a_real_older_python_is_told_so_in_one_line(minor, program):
    if not runs("python" + minor):
        pytest.skip("there is no Python " + minor)
    environ = dict(os.environ, PYTHONPATH=ROOT, PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(["python" + minor, *program.split()], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told = re.escape("ollama_stream needs Python 3.8 or newer, and this is " + minor)
    assert re.fullmatch(r".*%s\)?\r?\n" % told, done.stderr.decode()) and done.returncode == 1


@pytest.mark.parametrize("name", ["ollama_stream", "ollama_stream.transports", "ollama_stream.dropin"])
def test_an_import_by_an_older_python_says_so(name, tmp_path):
    told = older(["-c", "import " + name], tmp_path)
    assert told.endswith("\nImportError: ollama_stream %s\n" % TOO_OLD)


def test_every_public_name_is_there():
    import ollama_stream

    assert [name for name in ollama_stream.__all__ if not hasattr(ollama_stream, name)] == []
    assert set(ollama_stream.__all__) <= set(dir(ollama_stream))
    assert sorted(ollama_stream.__all__) == ollama_stream.__all__
    listed = [name for names in ollama_stream._HOMES.values() for name in names.split()]
    assert sorted([*listed, *ollama_stream._default.FUNCTIONS]) == ollama_stream.__all__
    assert set(ollama_stream._endpoints.ENDPOINTS) < set(ollama_stream.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ollama_stream.nothing


@pytest.mark.each(3)
@pytest.mark.parametrize("name", CLIENT + ["tools", "dropin", "fixture", "replay", "cli", "transports", "proxy"])
def test_help_knows_every_file(name):
    module = importlib.import_module("ollama_stream." + name)
    assert module.__doc__.partition("\n")[0] in pydoc.render_doc(module)


@pytest.mark.parametrize("module", ["ollama_stream", "ollama_stream.dropin.ollama"])
def test_help_knows_every_public_name(module):
    home = importlib.import_module(module)
    for name in home.__all__:
        assert pydoc.render_doc(getattr(home, name))  # and raises nothing


def test_the_version_is_one():
    import ollama_stream

    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        assert re.search(r'^version = "(.*)"', file.read(), re.M).group(1) == ollama_stream.__version__
