"""What the README prints is what happens.

A block of Python or of the shell is run as it stands, in a folder like the project's; where a block of text follows it, that
is what it prints; where none does, it stands in the block's comments, a line each, with ... for the rest of one. The
comment before a block of Python names the recordings that answer it, in their order. What a block of ``diff`` adds to the
package works.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

import support
from test_cli import cli_run

from ollama_stream import Client
from ollama_stream.fixture import load
from ollama_stream.replay import serve

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
    README = file.read()

FOLDER = os.path.join("fixtures", "recordings", "ollama-0.32.15")
RECORDINGS = os.path.join(ROOT, FOLDER)
BLOCK = re.compile(r"(?:<!-- answers: (.*?) -->\n\n)?```(\w+)\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.S)
BLOCKS = [match.groups("") for match in BLOCK.finditer(README)]
PYTHON = [(answers.split(), code, text) for answers, kind, code, text in BLOCKS if kind == "python"]
PROGRAMS = [block for block in PYTHON if "import pytest" not in block[1]]
TESTS = [code for _, code, _ in PYTHON if "import pytest" in code]
COMMANDS = [
    (shlex.split(line, comments=True), text) for _, kind, code, text in BLOCKS if kind == "sh" for line in code.splitlines()
]
OURS = [(words[3:], text) for words, text in COMMANDS if words[:3] == ["python3", "-m", "ollama_stream"]]
SERVERS = [words for words, _ in OURS if words[0] in ("record", "serve")]
OTHERS = [(words, text) for words, text in OURS if words[0] not in ("record", "serve")]

DIFFS = [code for _, kind, code, _ in BLOCKS if kind == "diff"]

assert PROGRAMS and TESTS and SERVERS and OTHERS and DIFFS


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    return shutil.copytree(os.path.join(ROOT, "fixtures"), str(tmp_path_factory.mktemp("project") / "fixtures"))


@pytest.fixture
def folder(fixtures, tmp_path):
    """A folder that looks like the project's, and can be written to."""
    os.symlink(fixtures, str(tmp_path / "fixtures"), target_is_directory=True)
    return str(tmp_path)


def started(arguments, folder, **environ):
    variables = dict(os.environ, **{"PYTHONPATH": ROOT, "PYTHONIOENCODING": "utf-8", "COLUMNS": "120", **environ})
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments], cwd=folder, env=variables, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def output(arguments, folder, **environ):
    """What a program prints; it must end well, and say nothing on standard error."""
    with started(arguments, folder, **environ) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err.decode("utf-8", "replace")) == (0, "")
    return out.decode("utf-8").replace(os.linesep, "\n")


def recording(name):
    return load(os.path.join(RECORDINGS, name + ".exchange.jsonl"))


def answers_of(names):
    """A server that gives the recordings of these names, in this order, again and again."""
    fixtures = [recording(name) for name in names or ["chat-joke-stream"]]
    return serve(fixtures, level="path", order="strict", repeat="all")


@pytest.fixture(scope="module")
def printed_by_programs(fixtures):
    """What each program prints, all of them in one process."""
    with ExitStack() as stack:
        servers = [stack.enter_context(answers_of(answers)) for answers, _, _ in PROGRAMS]
        programs = [(program, server.url) for (_, program, _), server in zip(PROGRAMS, servers)]
        return json.loads(output(["-c", ALL, json.dumps(programs)], os.path.dirname(fixtures)))


ALL = """
import io, json, os, sys
from contextlib import redirect_stdout
printed = []
for program, url in json.loads(sys.argv.pop()):
    os.environ["OLLAMA_HOST"] = url
    with redirect_stdout(io.StringIO()) as out:
        exec(program, {"__name__": "__main__"})
    printed.append(out.getvalue())
print(json.dumps(printed))
"""


@pytest.mark.parametrize("number", range(len(PROGRAMS)), ids=range(1, len(PROGRAMS) + 1))
def test_a_program_of_the_readme_prints_what_stands_below_it(number, printed_by_programs):
    _, program, shown = PROGRAMS[number]
    printed = printed_by_programs[number]
    if shown:
        assert printed.strip("\n") == shown.strip("\n")
    else:
        assert without_rest(printed, program) == printed_in_comments(program)


def printed_in_comments(program):
    """What a block says in its comments that it prints, each behind its print()."""
    return re.findall(r"(?m)^ *print\(.*\) +# (.*)$", program)


def without_rest(printed, program):
    """The lines printed, each cut where the comment for it says "..."."""
    lines = printed.strip("\n").split("\n")
    told = printed_in_comments(program) + [""] * len(lines)
    return [line[: len(text) - 3] + "..." if text.endswith("...") else line for line, text in zip(lines, told)]


def test_what_a_block_prints_and_nobody_compares_is_noticed():
    program = "print(1)\nprint(2)    # 2\nprint(3)    # 3...\n"
    assert without_rest("1\n2\n345\n", program) != printed_in_comments(program) == ["2", "3..."]
    assert without_rest("2\n345\n", program) == printed_in_comments(program)
    assert printed_in_comments("print(1)\n") == []


@pytest.mark.parametrize("test", TESTS, ids=range(1, len(TESTS) + 1))
def test_a_pytest_fixture_of_the_readme_serves_the_recordings(test, folder):
    asked = "def test_it(ollama_url):\n    assert ollama.Client(ollama_url).version()['version']\n"
    with open(os.path.join(folder, "test_mine.py"), "w", encoding="utf-8") as file:
        file.write("import ollama_stream as ollama\n%s\n%s" % (test, asked))
    assert "2 passed" in output(["-m", "pytest", "-p", "no:cacheprovider", "test_mine.py"], folder)


def add(diff, root):
    """Carry out a block of ``diff``: each file is named in a comment; what is added goes below the line before it."""
    path, place, lines = "", 0, []
    for line in diff.splitlines():
        if line.startswith(" # "):
            write(path, lines)
            path = str(root / line[3:])
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
            place = len(lines)
        elif line.startswith("+"):
            lines.insert(place, line[1:])
            place += 1
        else:
            place = lines.index(line[1:]) + 1
    write(path, lines)


def write(path, lines):
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


ADDED = """
import sys
from ollama_stream import Client
from ollama_stream.cli import main
for name, given in (("tokenize", {}), ("chat", {"seed_text": "Well"})):
    with Client(sys.argv[1]) as client:
        print(getattr(client, name)("llama3.2", "hi", **given))
print("what the answer begins with" in Client.chat.__doc__)
main(["run", "llama3.2", "hi", "--seed-text", "Well", "--host", sys.argv[1]])
"""


@pytest.mark.parametrize("diff", DIFFS, ids=range(1, len(DIFFS) + 1))
def test_a_field_and_an_endpoint_are_the_lines_of_the_readme(diff, tmp_path):
    for name in ("ollama_stream", "tests"):
        shutil.copytree(os.path.join(ROOT, name), str(tmp_path / name), ignore=shutil.ignore_patterns("__pycache__"))
    add(diff, tmp_path)
    tokens = support.response("200 OK", b'{"tokens":[1,2]}')
    with support.Server(*map(support.answer, (tokens, support.GOOD))) as server:
        printed = output(["-c", ADDED, server.url], str(tmp_path), PYTHONPATH=str(tmp_path)).splitlines()
        assert [b'"seed_text":"Well"' in server.peer(number).request_body for number in range(3)] == [False, True, True]
        assert server.peer().request_head[0] == b"POST /api/tokenize HTTP/1.1"
    assert printed[0] == "TokenizeResponse(tokens=[1, 2])" and "content='Hi'" in printed[1]
    assert printed[2:] == ["True", "Hi"]
    output([os.path.join("tests", "make_stubs.py")], str(tmp_path), PYTHONPATH=str(tmp_path))
    stub = (tmp_path / "ollama_stream" / "_methods.pyi").read_text("utf-8")
    assert "def tokenize(" in stub and "seed_text: Optional[str] = None" in stub


@pytest.mark.parametrize("words, shown", OTHERS, ids=[" ".join(words) for words, _ in OTHERS])
def test_a_command_of_the_readme_prints_what_stands_below_it(words, shown, folder):
    with answers_of([]) as server:
        printed = output(["-m", "ollama_stream", *words], folder, OLLAMA_HOST=server.url)
    for name in {"--svg", "--output"} & set(words):
        with open(os.path.join(folder, words[words.index(name) + 1]), encoding="utf-8") as file:
            assert file.read().startswith("<svg" if name == "--svg" else "# SPDX-License-Identifier: MIT")
    if words[0] == "replay":
        shown = joke()
    assert printed.strip("\n") == shown.strip("\n")


def joke():
    lines = recording("chat-joke-stream").body().splitlines()
    return "".join(json.loads(line)["message"]["content"] for line in lines)


def test_the_page_is_short_and_its_contents_name_every_title():
    assert README.count("\n") < 450
    assert re.findall(r"\[([^\]]+)\]\(#", README.partition("\n## ")[0]) == re.findall(r"^## (.*)", README, re.M)


def test_the_first_command_streams_the_recorded_answer():
    assert COMMANDS[0][0][:4] == ["python3", "-m", "ollama_stream", "replay"]


# Commands in the text and the tables of the page. Those that are not ours to run again here are run by these tests.
INLINE = re.findall(r"`((?:python3|cp|mkdir|pipx) [^`]+)`", re.sub(r"```.*?```", "", README, flags=re.S))
ELSEWHERE = {
    "python3 -m pip install .": "test_archives.py: test_a_command_of_the_readme_installs_what_it_says",
    "pipx install .": "test_archives.py: test_a_command_of_the_readme_installs_what_it_says",
    "cp -r ollama_stream YOUR_PACKAGE/": "test_archives.py: test_a_copy_of_the_folder_runs_the_first_command",
    "cp -r ollama_stream": "test_archives.py: test_a_copy_of_the_folder_runs_the_first_command",
    "python3 -m ollama_stream.dropin PROGRAM": "test_dropin_modules.py: test_a_program_runs_as_it_is",
    "python3 tests/make_stubs.py": "test_methods.py: test_a_stub_is_what_the_rows_say",
    "python3 tests/bench.py": "test_figures.py: test_bench_names_its_sections",
    "python3 tests/bench.py live kinds": "test_figures.py: test_bench_names_its_sections",
    "python3 tests/figures.py": "test_figures.py: test_figures_within_the_spread_of_the_runs_hold_and_others_do_not",
}
HERE = [command for command in dict.fromkeys(INLINE) if command.startswith("python3 -m ollama_stream ")]
ANSWERS = "chat-joke-stream chat-joke-once pull tags show version ps root-head".split()

assert len(HERE) > 4


@pytest.mark.parametrize("command", HERE)
def test_a_command_in_the_text_of_the_readme_runs(command, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with serve([recording(name) for name in ANSWERS], level="path", repeat="all") as server:
        done = cli_run(*shlex.split(command)[3:], OLLAMA_HOST=server.url)
    assert (done.status, "Traceback" in done.err) == (0, False), done
    if " run " in command:
        assert done.out.strip() == joke()


LOST = {  # in the wrong folder, and without a server: the status, and the line
    "replay": (1, r"ollama_stream: .*; there is no folder fixtures\S* here: go to where it is"),
    "serve": (1, r"ollama_stream: .*; there is no folder fixtures\S* here: go to where it is"),
    "fixture": (1, r"ollama_stream: .*; there is no folder fixtures\S* here: go to where it is"),
    "pull": (3, r"ollama_stream: Failed to connect to Ollama\. Please .* 'python3 -m ollama_stream doctor' looks closer"),
    "run": (3, r"ollama_stream: Failed to connect to Ollama\. Please .* 'python3 -m ollama_stream doctor' looks closer"),
    "doctor": (1, r"connect +FAIL Failed to connect to Ollama\. Please check that Ollama is .* running .*"),
}


TYPED = [words for words, _ in OURS] + [shlex.split(command)[3:] for command in HERE]
LOSABLE = [words for words in TYPED if words[0] not in ("record", "vendor")]  # which need no folder and no server

assert {words[0] for words in LOSABLE} == set(LOST)


@pytest.mark.parametrize("words", LOSABLE, ids=" ".join)
def test_a_command_in_the_wrong_folder_without_a_server_says_in_one_line_what_to_do(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host = "127.0.0.1:%d" % nobody.getsockname()[1]
        done = cli_run(*words, OLLAMA_HOST=host)
    status, line = LOST[words[0]]
    said = (done.out if words[0] == "doctor" else done.err).splitlines()
    assert done.status == status and re.fullmatch(line, said[-1])
    assert len(said) == 1 or words[0] == "doctor"


def test_every_other_command_of_the_readme_has_its_test():
    others = {command for command in INLINE if command not in HERE and "-m zipapp" not in command}
    assert others - {"python3 -m ollama_stream"} == set(ELSEWHERE)
    for place in ELSEWHERE.values():
        file, name = place.split(": ")
        with open(os.path.join(ROOT, "tests", file), encoding="utf-8") as text:
            assert "def %s(" % name in text.read()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent there to one process")
@pytest.mark.parametrize("words", SERVERS, ids=" ".join)
def test_a_server_of_the_readme_prints_its_url_and_ends_with_ctrl_c(words, folder):
    with started(["-m", "ollama_stream", *words], folder) as process:
        assert re.fullmatch(rb"http://127\.0\.0\.1:\d+\n", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130) and b"Traceback" not in err


def shown_exchange(number):
    """A block of HTTP without the numbers of its notes."""
    return re.sub(r" {2,}\(\d\)$", "", re.findall(r"```http\n(.*?)```", README, re.S)[number], flags=re.M)


def test_the_request_shown_is_the_one_that_is_sent():
    with support.Server(support.answer(support.HEAD, support.chunk(support.line(done=True)))) as server:
        "".join(Client(server.url).stream_chat("llama3.2", "Say one word."))
        sent = server.peer().requests[0].decode("utf-8").replace("\r\n", "\n")
    sent = sent.replace(server.url[7:], "127.0.0.1:11434")
    sent = re.sub(r"Python/[\d.]+", "Python/3.11.7", sent)
    assert shown_exchange(0).rstrip("\n") == sent


def test_the_answer_shown_is_the_recorded_one():
    wire = b"".join(data for _, data in recording("chat-one-word").wire())
    assert shown_exchange(1) == wire.decode("utf-8").replace("\r\n", "\n")


def test_the_errors_listed_are_all_errors_there_are():
    from ollama_stream import _errors

    listed = re.findall(r"^\| `(\w+)` \| (?:`\w+` )?\|", README, re.M)
    there = [n for n, c in vars(_errors).items() if isinstance(c, type) and issubclass(c, Exception)]
    assert sorted(listed) == sorted(set(there) - {"OllamaError"})


def test_the_clocks_shown_are_the_defaults():
    from ollama_stream import Timeout

    shown = re.search(r"`Timeout\((.*?)\)`", README).group(1)
    assert eval("dict(%s)" % shown) == Timeout()._asdict()


FIXTURE_ACTIONS = ["list", "show", "lint", "wrap", "import", "body", "raw"]


def test_every_public_name_option_and_exit_status_is_on_the_page():
    import inspect

    from test_help import PUBLIC

    from ollama_stream.cli.program import COMMANDS
    from ollama_stream.cli.table import STATUSES

    words = set(re.findall(r"[\w-]+", README))
    parameters = list(inspect.signature(Client).parameters)
    public = [name for names in PUBLIC.values() for name in names]
    assert [name for name in public + parameters + list(COMMANDS) if name not in words] == []
    assert [status for status in STATUSES if not re.search(r"\b%d " % status, README[README.index("Exit statuses") :])] == []
    missing = set()
    for command in [[name] for name in COMMANDS] + [["fixture", name] for name in FIXTURE_ACTIONS]:
        done = cli_run(*command, "--help")
        assert (done.status, done.err) == (0, "")
        missing |= set(re.findall(r"--[a-z][a-z-]+", done.out)) - words
    assert missing - {"--help"} == set()
