"""A client that is carried along: its files copied into another package, and joined to one file by ``vendor``."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack

import pytest
from proxies import Tls
from support import (
    GOOD, HEAD, LAST_CHUNK, LINE, ROOT, Server, answer, chunk, environment, fin, line, response, run_python,
)  # fmt: skip
from test_cli import cli_run
from test_package import CLIENT, ROOMS, TEXTS, TOO_OLD, older, runs

from ollama_stream import __all__ as PUBLIC
from ollama_stream import __version__ as VERSION
from ollama_stream.cli import vendor

CA = os.path.join(ROOT, "tests", "certs", "ca.pem")
HERE = "import os\nos.environ['OLLAMA_HOST'] = sys.argv[1]\n"
WAYS = {"blocking": [], "async": ["--async"]}


def ran(program, *arguments, path):
    """What a program prints, on this Python, with nothing but one folder to import from; it must say nothing else."""
    program = "import sys; sys.path.insert(0, %r)\n%s" % (str(path), program)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", program, *arguments],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# --- the files, copied ------------------------------------------------------------------------------------------------

COPIED = {
    "blocking": "from app.carried import Client\nprint(*Client(sys.argv[1]).stream_chat('m', 'hi'))",
    "async": (
        "from app.carried import AsyncClient\nimport asyncio\n"
        "async def main():\n"
        "    async for text in AsyncClient(sys.argv[1]).stream_chat('m', 'hi'):\n"
        "        print(text)\n"
        "asyncio.run(main())"
    ),
    "function": "from app.carried import stream_chat\nprint(*stream_chat('m', 'hi'))",
    "without a face": "from app.bare._client import Client\nprint(*Client(sys.argv[1]).stream_chat('m', 'hi'))",
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The folder of a package that has the files of the client in it, with a face and without."""
    path = tmp_path_factory.mktemp("copied")
    for folder, names in ((path / "app" / "carried", CLIENT + ["__init__"]), (path / "app" / "bare", CLIENT)):
        folder.mkdir(parents=True)
        for name in names:
            shutil.copy(os.path.join(ROOT, "ollama_stream", name + ".py"), str(folder))
    return path


@pytest.mark.parametrize("way", COPIED)
def test_the_files_of_the_client_copied_alone_into_another_package_stream_an_answer(way, copied):
    with Server(answer(GOOD)) as server:
        assert ran(HERE + COPIED[way], server.url, path=copied) == "Hi\n"


# --- one file ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=WAYS)
def one(request, tmp_path_factory):
    """The folder of a client as one file, with its types beside it."""
    folder = tmp_path_factory.mktemp(request.param)
    done = run_python("-m", "ollama_stream", "vendor", *WAYS[request.param], "--output", str(folder / "carried.py"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(os.listdir(str(folder))) == ["carried.py", "carried.pyi"]
    return folder


@pytest.fixture
def both(one):
    return one.name.startswith("async")


@pytest.mark.each(2)
def test_it_is_the_same_on_standard_output(one, both):
    done = cli_run("vendor", *(["--async"] if both else []))
    assert done.out == (one / "carried.py").read_text("utf-8")


def test_it_is_the_files_of_the_client_in_their_order_with_licence_version_and_command_on_top(one, both):
    text = (one / "carried.py").read_text("utf-8")
    about = ast.get_docstring(ast.parse(text))
    command = "python3 -m ollama_stream vendor --async" if both else "python3 -m ollama_stream vendor"
    assert text.startswith("# SPDX-License-Identifier: MIT\n")
    assert "\n    %s\n" % command in about
    assert "This is ollama_stream %s, " % VERSION in about
    licence = re.search(r"(?:^#.*\n)+", text.split('"""\n')[1], re.M).group()
    with open(os.path.join(ROOT, "LICENSE"), encoding="utf-8") as file:
        assert file.read() == re.sub(r"^# ?", "", licence, flags=re.M)
    assert re.findall(r"^# --- (_\w+|aio) -+$", text, re.M) == CLIENT[: None if both else -1]
    assert [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.level] == []
    if not both:
        assert "asyncio" not in text


@pytest.mark.each(2)
def test_help_knows_it(one):
    program = "import pydoc, carried; print('class ChatResponse' in pydoc.plain(pydoc.render_doc(carried)))"
    assert ran(program, path=one) == "True\n"


def test_the_line_at_which_the_oldest_pythons_stop_says_what_it_needs(one):
    """They know no annotations of the future, and print the line with what they say."""
    text = (one / "carried.py").read_text("utf-8")
    first = text.splitlines()[ast.parse(text).body[1].lineno - 1]
    assert first == "from __future__ import annotations  # needs Python 3.8 or newer"
    if runs("python3.6"):
        done = subprocess.run(["python3.6", str(one / "carried.py")], stderr=subprocess.PIPE)
        assert done.returncode == 1 and first in done.stderr.decode()


def test_an_older_python_is_told_so_by_it(one, tmp_path):
    told = older(["-c", "import carried"], tmp_path, path=one)
    assert told.endswith("\nImportError: this file %s\n" % TOO_OLD)


def test_every_line_of_code_in_it_stands_in_a_file_of_the_client(one):
    whole = {line.strip() for name in CLIENT for line in TEXTS[name].splitlines()}
    text = (one / "carried.py").read_text("utf-8")
    body = text[text.index("# --- _errors ---") : text.index("# --- the names of this file ---")]
    own = [line.strip() for line in body.splitlines() if not line.startswith("#") and line.strip() not in whole]
    instead = r'(raise RequestError\("[\w ]+: |\w+ = Any  # )not in this file; '
    assert [line for line in own if not re.match(instead, line)] == []


def test_it_has_every_public_name_or_says_where_it_is(one, both):
    program = (
        "import carried\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        getattr(carried, name)\n"
        "    except carried.RequestError as error:\n"
        "        print(error)\n"
        "    else:\n"
        "        assert name in carried.__all__, name\n"
        "try:\n"
        "    carried.nothing\n"
        "except AttributeError as error:\n"
        "    print(error)\n"
        "try:\n"
        "    carried.Client().run_tools('m', 'hi', [])\n"
        "except carried.RequestError as error:\n"
        "    print(error)\n"
        "if 'AsyncClient' not in carried.__all__:\n"
        "    try:\n"
        "        carried.Client().chat('m', [], stream=True).__aiter__()\n"
        "    except carried.RequestError as error:\n"
        "        print(error)\n"
    )
    made = "not in this file; make it with: python3 -m ollama_stream vendor --async"
    package = "%s: not in this file; it is in ollama_stream.%s, of the whole package"
    rooms = sorted(room for room in ROOMS if room not in ("", "client", "__main__"))
    said = ran(program, *PUBLIC, *rooms, path=one).splitlines()
    expected = [] if both else ["AsyncClient: " + made, "AsyncStream: " + made]
    expected += [package % (name, "tools") for name in ("Conversation", "Progress", "progress", "run_tools")]
    expected += [package % (room, room) for room in rooms]
    expected += ["module 'carried' has no attribute 'nothing'", package % ("run_tools", "tools")]
    assert said == expected + ([] if both else ["async for: " + made])


USES = {  # what a program says, what its server answers, what it prints
    "streams": ("print(*carried.stream_chat('m', 'hi'))", GOOD, "Hi"),
    "a record at a time": (
        "for part in client.chat('m', [{'role': 'user', 'content': 'hi'}], stream=True): print(part['message'])",
        GOOD, "Message(role='assistant', content='Hi')\nMessage(role='assistant', content='')",
    ),
    "lists": (
        "print(carried.list().models[0].name, list('ab'))",
        response("200 OK", b'{"models":[{"name":"a"}]}'), "a ['a', 'b']",
    ),
    "structured output": (
        "import dataclasses\n"
        "@dataclasses.dataclass\n"
        "class Place:\n"
        "    name: str\n"
        "    people: int\n"
        "print(client.chat('m', [{'role': 'user', 'content': 'hi'}], format=Place).parse(Place))",
        HEAD + chunk(line('{"name":"Oslo","people":7}', True)) + LAST_CHUNK, "Place(name='Oslo', people=7)",
    ),
    "functions as tools": (
        "def add(a: int, b: int) -> int:\n"
        "    'Add.'\n"
        "    return a + b\n"
        "answer = client.chat('m', [{'role': 'user', 'content': 'hi'}], tools=[add])\n"
        "print(answer.message.tool_calls[0].function.arguments)",
        HEAD + chunk(LINE.replace(
            b'"content": "Hi"', b'"content": "", "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]'
        ).replace(b"false", b"true")) + LAST_CHUNK, "{'a': 1}",
    ),
    "an error of the server": (
        "try:\n"
        "    client.chat('m', [], stream=True).result()\n"
        "except carried.ResponseError as error:\n"
        "    print(error.status_code, error)",
        response("404 Not Found", b'{"error":"model \'m\' not found"}'), "404 model 'm' not found (status code: 404)",
    ),
    "a cut answer": (
        "try:\n"
        "    client.chat('m', [], stream=True).result()\n"
        "except carried.ConnectionLost as error:\n"
        "    print(error.partial.message.content)",
        HEAD + chunk(LINE), "Hi",
    ),
    "the async client": (
        "import asyncio\n"
        "async def main():\n"
        "    async for text in carried.AsyncClient(sys.argv[1]).stream_chat('m', 'hi'): print(text)\n"
        "    async for part in carried.chat('m', [], stream=True): print(part.message.content)\n"
        "asyncio.run(main())",
        GOOD, "Hi\nHi\n",
    ),
}  # fmt: skip


ALL = """
import io, json, os, traceback
from contextlib import redirect_stdout
import carried
printed = {}
for use, (program, url) in json.loads(sys.argv[1]).items():
    os.environ["OLLAMA_HOST"], sys.argv[1] = url, url
    with redirect_stdout(io.StringIO()) as out:
        try:
            exec(program, {"__name__": "program", "carried": carried, "client": carried.Client(), "sys": sys})
        except Exception:
            traceback.print_exc(file=out)
    printed[use] = out.getvalue()
print(json.dumps(printed))
"""


@pytest.fixture(scope="module")
def used(one):
    """What each program prints, and the body that it sent; all of them in one process."""
    uses = {use: row for use, row in USES.items() if one.name.startswith("async") or "asyncio" not in row[0]}
    with ExitStack() as stack:
        servers = {use: stack.enter_context(Server(answer(said, fin))) for use, (_, said, _) in uses.items()}
        programs = {use: (uses[use][0], server.url) for use, server in servers.items()}
        printed = json.loads(ran(ALL, json.dumps(programs), path=one))
        return {use: (printed[use], server.peer().request_body) for use, server in servers.items() if server.peers}


@pytest.mark.parametrize("use", USES)
def test_alone_it(use, used, both):
    program, _, expected = USES[use]
    if "asyncio" in program and not both:
        pytest.skip("without --async there is no async client")
    printed, request = used[use]
    assert printed.strip() == expected.strip()
    assert (b'"function":{"name":"add"' in request) == (use == "functions as tools")
    assert (b'"people":{"type":"integer"}' in request) == (use == "structured output")


def test_alone_it_reads_https(one):
    program = "import carried\nprint(*carried.Client(sys.argv[1], verify=sys.argv[2]).stream_chat('m', 'hi'))"
    with Server([Tls(), *answer(GOOD)]) as server:
        assert ran(program, "https://localhost:%d" % server.port, CA, path=one) == "Hi\n"


def test_its_types_are_those_of_the_package(one, both):
    if shutil.which("mypy") is None:
        pytest.skip("there is no mypy")
    with open(os.path.join(ROOT, "tests", "typed_calls.py"), encoding="utf-8") as file:
        text = file.read().replace("ollama_stream", "carried")
    if both:
        (one / "typed_calls.py").write_text(text, encoding="utf-8")
        wrong = {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# wrong")}
    else:
        (one / "typed_calls.py").write_text(
            "import carried\n\nstream: carried.Stream[carried.ChatResponse] = carried.chat('m', [], stream=True)\n"
            "version: carried.VersionResponse = carried.version(stream=True)\n", encoding="utf-8",
        )  # fmt: skip
        wrong = {4}
    command = ["mypy", "--strict", "typed_calls.py", "carried.pyi"]
    done = subprocess.run(command, cwd=str(one), stdout=subprocess.PIPE, encoding="utf-8")
    assert {int(number) for number in re.findall(r"typed_calls.py:(\d+): error:", done.stdout)} == wrong, done.stdout
    assert "carried.pyi:" not in done.stdout


def test_the_conformance_tests_of_the_client_hold_for_it(tmp_path):
    """They run in a copy of the tree where every file of the client is that one file; of their tables a few rows."""
    for name in ("ollama_stream", "tests", "fixtures"):
        shutil.copytree(os.path.join(ROOT, name), str(tmp_path / name), ignore=shutil.ignore_patterns("__pycache__"))
    one_file = run_python("-m", "ollama_stream", "vendor", "--async").stdout
    (tmp_path / "ollama_stream" / "one_file.py").write_text(one_file, encoding="utf-8")
    for name in CLIENT:
        stand_in = "import sys\n\nfrom . import one_file\n\nsys.modules[__name__] = one_file\n"
        (tmp_path / "ollama_stream" / (name + ".py")).write_text(stand_in, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--each", "40", "tests/test_conformance.py"]
    done = subprocess.run(
        command, cwd=str(tmp_path), env=environment(PYTHONPATH=""), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"^\d{3,} passed", done.stdout.splitlines()[-1]) or re.search(r"\[100%\]", done.stdout)


def size_of(texts):
    """Files, lines, KB, and modules of the standard library, of files by their names."""
    size = sum(len(text.encode("utf-8")) for text in texts.values()) / 1024
    imports = set()
    for node in (n for name, text in texts.items() if name.endswith(".py") for n in ast.walk(ast.parse(text))):
        if isinstance(node, ast.Import):
            imports |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imports.add(node.module.partition(".")[0])
    for_types = {"__future__", "typing_extensions"}
    return len(texts), sum(text.count("\n") for text in texts.values()), size, len(imports - for_types)


def test_the_sizes_in_the_readme_are_right_to_a_tenth():
    package = os.path.join(ROOT, "ollama_stream")
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(package) for name in names]
    whole = {}
    for path in paths:
        if not path.endswith(".pyc"):
            with open(path, encoding="utf-8") as file:
                whole[path] = file.read()
    found = [
        size_of(whole),
        size_of({name + ".py": TEXTS[name] for name in CLIENT + ["__init__", "__main__"]}),
        size_of({"client.py": vendor.joined(CLIENT)}),
        size_of({"client.py": vendor.joined(vendor.CLIENT)}),
    ]
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        rows = re.search(r"\| what is copied \|.*\n.*\n((?:\|.*\n)+)", file.read()).group(1).splitlines()
    said = [[float(cell.replace(",", "")) for cell in row.split(" | ")[1:5]] for row in rows]
    assert len(said) == len(found)
    assert [(a, b) for here, there in zip(said, found) for a, b in zip(here, there) if abs(a - b) > b / 10] == []


# --- bad input --------------------------------------------------------------------------------------------------------

THERE = "there is one already, and it is not overwritten"
UNWRITABLE = {  # what is there, the file asked for, the one line
    "a file that is there": ("carried.py", "carried.py", "carried.py: " + THERE),
    "types that are there": ("carried.pyi", "carried.py", "carried.pyi: " + THERE),
    "a link to nowhere": (None, "carried.py", "carried.py: " + THERE),
    "no folder": ("other", "away/carried.py", "carried.py: cannot be written: no such file or directory"),
    "a file for a folder": ("away", "away/carried.py", "carried.py: cannot be written: not a directory"),
    "a name that no import has": ("other", "my-client.py", "client.py, got '/my-client.py': no module has that name"),
    "a word of Python": ("other", "class.py", "client.py, got '/class.py': no module has that name"),
    "no name of a module": ("other", "carried", "--output: expected the name of a new file such as client.py, got "),
}  # fmt: skip


@pytest.mark.parametrize("there, output, why", UNWRITABLE.values(), ids=list(UNWRITABLE))
def test_nothing_is_overwritten_and_what_cannot_be_written_is_one_line(there, output, why, tmp_path, monkeypatch):
    monkeypatch.setattr(vendor, "joined", lambda names, types=False: "the files, joined")
    if there is None:
        os.symlink(str(tmp_path / "nowhere"), str(tmp_path / output))
    else:
        (tmp_path / there).write_text("mine", encoding="utf-8")
    before = sorted(os.listdir(str(tmp_path)))
    done = cli_run("vendor", "--output", str(tmp_path / output))
    assert (done.status, done.out) == (2, "")
    assert re.fullmatch(r"[\w-]+: .*%s.*\n" % re.escape(why), done.err.replace(str(tmp_path), ""))
    assert sorted(os.listdir(str(tmp_path))) == before
    if there is not None:
        assert (tmp_path / there).read_text("utf-8") == "mine"


def test_a_package_without_its_sources_says_so(monkeypatch):
    monkeypatch.setattr(vendor, "source", lambda name: None)
    with pytest.raises(Exception, match="^the package is here without its sources: _errors.py cannot be read$"):
        vendor.joined(["_errors"])


def test_the_files_that_are_joined_are_those_of_the_client():
    assert vendor.CLIENT + ["aio"] == CLIENT
