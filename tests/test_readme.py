"""What the README prints is what happens."""

import os
import re
import shlex
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
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.S)
COMMANDS = re.findall(r"```sh\n(.*?)```", README, re.S)

assert PROGRAMS and COMMANDS


def run(arguments, **environ):
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=ROOT, PYTHONIOENCODING="utf-8", **environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=60,
    )


def joke():
    import json

    lines = load(JOKE).body().splitlines()
    return "".join(json.loads(line)["message"]["content"] for line in lines)


def test_the_first_command_streams_the_recorded_answer():
    command = shlex.split(COMMANDS[0])
    assert command[0] == "python3"
    done = run([sys.executable] + command[1:])
    assert (done.returncode, done.stdout.decode("utf-8").rstrip("\n")) == (0, joke().rstrip("\n")), done.stderr


@pytest.mark.parametrize("program", PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
def test_a_program_of_the_readme_runs(program):
    with serve(JOKE, level="any", repeat="all") as server:
        done = run([sys.executable, "-W", "error", "-c", program], OLLAMA_HOST=server.url)
    assert (done.returncode, done.stderr) == (0, b"")
    assert joke().strip() in done.stdout.decode("utf-8") or "http://127.0.0.1" in done.stdout.decode("utf-8")


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
