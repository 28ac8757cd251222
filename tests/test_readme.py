"""What the README prints is what happens."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

from ollama_stream.fixture import load
from ollama_stream.replay import serve

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
    README = file.read()

RECORDINGS = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15")
JOKE = os.path.join(RECORDINGS, "chat-joke-stream.exchange.jsonl")
PULL = os.path.join(RECORDINGS, "pull.exchange.jsonl")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
PROGRAMS = [block for block in BLOCKS if "import pytest" not in block]
FIXTURES = [block for block in BLOCKS if "import pytest" in block]
COMMANDS = [shlex.split(block) for block in re.findall(r"```sh\n(.*?)```", README, re.S)]
OURS = [words[3:] for words in COMMANDS if words[:3] == ["python3", "-m", "ollama_stream"]]
SERVERS = [words for words in OURS if words[0] in ("record", "serve")]
ONE_SHOT = [words for words in OURS if words[0] in ("replay", "fixture")]

assert PROGRAMS and FIXTURES and SERVERS and ONE_SHOT
assert [words[0] for words in OURS if words not in SERVERS + ONE_SHOT] == ["run"]


@pytest.fixture
def folder(tmp_path):
    """A folder that looks like the project's, and can be written to."""
    shutil.copytree(RECORDINGS, str(tmp_path / "fixtures" / "recordings" / "ollama-0.32.15"))
    return str(tmp_path)


def started(arguments, folder, **environ):
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=ROOT, PYTHONIOENCODING="utf-8", **environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def output(arguments, folder, **environ):
    """What a program prints; it must end well, and say nothing on standard error."""
    with started(arguments, folder, **environ) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err.decode("utf-8", "replace")) == (0, "")
    return out.decode("utf-8")


def joke():
    lines = load(JOKE).body().splitlines()
    return "".join(json.loads(line)["message"]["content"] for line in lines)


def test_the_first_command_streams_the_recorded_answer(folder):
    with started(["-m", "ollama_stream"] + OURS[0], folder) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out.decode("utf-8").rstrip("\n")) == (0, joke().rstrip("\n")), err


@pytest.mark.parametrize("words", ONE_SHOT[1:], ids=" ".join)
def test_a_command_of_the_readme_runs(words, folder):
    shown = output(["-m", "ollama_stream", *words], folder)
    if "--svg" in words:
        with open(os.path.join(folder, words[words.index("--svg") + 1]), encoding="utf-8") as file:
            shown = file.read()
    assert "llama3.2" in shown or "<svg" in shown


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent there to one process")
@pytest.mark.parametrize("words", SERVERS, ids=" ".join)
def test_a_server_of_the_readme_prints_its_url_and_ends_with_ctrl_c(words, folder):
    with started(["-m", "ollama_stream", *words], folder) as process:
        assert re.fullmatch(rb"http://127\.0\.0\.1:\d+\n", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130) and b"Traceback" not in err


@pytest.mark.parametrize("program", PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
def test_a_program_of_the_readme_runs(program, folder):
    with serve([load(JOKE), load(PULL)], level="path", repeat="all") as server:
        shown = output(["-c", program], folder, OLLAMA_HOST=server.url)
    assert joke().strip() in shown or "success: " in shown


@pytest.mark.parametrize("fixture", FIXTURES, ids=range(1, len(FIXTURES) + 1))
def test_a_pytest_fixture_of_the_readme_serves_the_recordings(fixture, folder):
    test = "def test_it(ollama_url):\n    assert ollama.Client(ollama_url).version()['version']\n"
    with open(os.path.join(folder, "test_mine.py"), "w", encoding="utf-8") as file:
        file.write("import ollama_stream as ollama\n%s\n%s" % (fixture, test))
    assert "1 passed" in output(["-m", "pytest", "-p", "no:cacheprovider", "test_mine.py"], folder)


def test_the_exchange_shown_is_the_recorded_one():
    shown = re.search(r"```http\n(.*?)```", README, re.S).group(1)
    wire = b"".join(data for _, data in load(os.path.join(RECORDINGS, "chat-one-word.exchange.jsonl")).wire())
    assert shown == wire.decode("utf-8").replace("\r\n", "\n")


def test_the_errors_listed_are_all_errors_there_are():
    from ollama_stream import _errors

    listed = re.findall(r"^\| `(\w+)` \|", README, re.M)
    there = [n for n, c in vars(_errors).items() if isinstance(c, type) and issubclass(c, Exception)]
    assert sorted(listed) == sorted(set(there) - {"OllamaError"})


def test_the_clocks_shown_are_the_defaults():
    from ollama_stream import Timeout

    shown = re.search(r"`Timeout\((.*?)\)`", README).group(1)
    assert eval("dict(%s)" % shown) == Timeout()._asdict()
