"""Every command everywhere: on a pipe, on terminals of 80 and 20 columns, on a dumb one, without colours, in ASCII, where
nobody reads, where the disk is full, without standard input. Whole outputs are compared with the files in outputs/.

A command without a row in ROWS fails a test. ``python3 tests/test_cli_everywhere.py`` writes the files anew; they are to be
read before they are kept.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import PATIENCE, ROOT, interrupt  # noqa: E402
from test_cli import COMMAND, Done, finished, started  # noqa: E402

from ollama_stream.cli import fixture as cli_fixture, output as cli_output, program as cli, table as cli_table  # noqa: E402
from ollama_stream.replay import serve  # noqa: E402

OUTPUTS = os.path.join(ROOT, "tests", "outputs")
RECORDINGS = os.path.join(ROOT, "fixtures", "recordings")
OLD, NEW = "ollama-0.32.15/", "ollama-0.34.4/"
ONE = "fixtures/recordings/ollama-0.32.15/chat-one-word.exchange.jsonl"
SOME = [OLD + "chat-thinking", OLD + "root-head", NEW + "show", NEW + "tags", NEW + "ps-real", NEW + "version", OLD + "generate-load"]
MORE = [*SOME, NEW + "pull", OLD + "push", OLD + "create-stream", OLD + "copy", OLD + "delete", OLD + "embed"]


class Row(NamedTuple):
    """``words`` are a command line, ``played`` are the recordings of its server."""

    words: str
    played: Sequence[str] = ()


ROWS: Dict[str, Row] = {
    "run": Row('run llama3.2 "Why is the sky blue?"', [OLD + "chat-thinking"]),
    "list": Row("list", [NEW + "tags"]),
    "ps": Row("ps", [NEW + "ps-real"]),
    "show": Row("show smollm2:135m", [NEW + "show"]),
    "pull": Row("pull smollm2:135m", [NEW + "pull"]),
    "push": Row("push me/mine", [OLD + "push"]),
    "create": Row("create brief --from llama3.2", [OLD + "create-stream"]),
    "cp": Row("cp llama3.2 mine", [OLD + "copy"]),
    "rm": Row("rm mine", [OLD + "delete"]),
    "stop": Row("stop llama3.2", [OLD + "generate-load"]),
    "embed": Row('embed all-minilm "Why is the sky blue?"', [OLD + "embed-one"]),
    "version": Row("version", [NEW + "version"]),
    "doctor": Row("doctor llama3.2", SOME),
    "bench": Row("bench llama3.2 --runs 1", [OLD + "chat-stream", OLD + "generate-load"]),
    "replay": Row("replay --speed 0 fixtures/recordings/ollama-0.32.15/chat-joke-stream.exchange.jsonl"),
    "serve": Row("serve " + ONE),
    "record": Row("record --into mine"),
    "conform": Row("conform --recordings %s --only chat-one-word -- %s tests/programs/ours.py" % (
        ONE, shlex.quote(sys.executable))),  # fmt: skip
    "protocol": Row("protocol 1"),
    "completion": Row("completion bash"),
    "vendor": Row("vendor"),
    "fixture list": Row("fixture list fixtures/recordings/ollama-0.24.0"),
    "fixture show": Row("fixture show --view wire " + ONE),
    "fixture lint": Row("fixture lint body.ndjson bad.exchange.jsonl"),
    "fixture wrap": Row("fixture wrap body.ndjson"),
    "fixture import": Row("fixture import curl.txt"),
    "fixture body": Row("fixture body " + ONE),
    "fixture raw": Row("fixture raw " + ONE),
}  # fmt: skip
UNTIL_CTRL_C = ("serve", "record")
LONG = ("protocol", "completion", "vendor")  # what they print is compared elsewhere: here it is the same everywhere
FILES = ("fixture wrap", "fixture import", "fixture body", "fixture raw", "vendor")  # what they print is a file
VARIABLES: Dict[str, Dict[str, str]] = {
    "80": {"TERM": "xterm"}, "20": {"TERM": "xterm"}, "no-color": {"TERM": "xterm", "NO_COLOR": "1"},
    "dumb": {"TERM": "dumb"},
}  # fmt: skip
LIKE = {  # a place, and those whose output it has where it has no file of its own
    "pipe": ["pipe"], "80": ["80", "pipe"], "20": ["20", "80", "pipe"], "no-color": ["no-color", "80", "pipe"],
    "dumb": ["dumb", "no-color", "80", "pipe"],
}  # fmt: skip
PLACES = [(re.compile(pattern), text) for pattern, text in (
    (r"http://127\.0\.0\.1:\d+", "URL"),
    (r"\d+ \w+ (ago|from now)|About an? \w+ (ago|from now)|Less than a second (ago|from now)", "AGE"),
    (r"in \d+ ms|after \d+\.\d+ s", "TIME"),
    (r" +[\d.]+ [KMGT]?B/s +\w+", "  RATE"),
    ("\x1b", "\u241b"),
)]  # fmt: skip


def normal(name: str, text: str) -> str:
    """Without what is another one in each run; of a line that is written over what is seen at its end."""
    for pattern, place in PLACES:
        text = pattern.sub(place, text)
    if name == "bench":
        text = re.sub(" +", " ", re.sub(r"\d+\.\d+", "N", text))
    if name in ("pull", "push", "create"):
        text = "".join(line.rpartition("\r")[2].rstrip() + "\n" for line in text.splitlines())
    return text.replace("\r", "\u240d")


# --- where a command runs ---------------------------------------------------------------------------------------------


@contextmanager
def prepared(row: Row) -> Iterator[List[str]]:
    """The words of a row, in a folder with what they name, while their server runs."""
    before, folder = os.getcwd(), tempfile.mkdtemp()
    for name in ("fixtures", "tests"):
        os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
    given = {
        "body.ndjson": '{"message":{"content":"H\u00e9"},"done":false}\n{"done":true}\n',
        "curl.txt": 'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"done":true}\n',
        "bad.exchange.jsonl": '{"ollama_stream_fixture":1}\n[0,"nonsense",1]\n',
    }
    for name, text in given.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as file:
            file.write(text)
    os.chdir(folder)
    try:
        files = [os.path.join(RECORDINGS, name + ".exchange.jsonl") for name in row.played or [NEW + "version"]]
        with serve(files, level="path", repeat="last") as server:
            os.environ["OLLAMA_HOST"] = server.url
            yield shlex.split(row.words)
    finally:
        os.environ.pop("OLLAMA_HOST", None)
        os.chdir(before)
        shutil.rmtree(folder)


@contextmanager
def standing_in(out: Any, err: Any, stdin: Any, variables: Dict[str, str]) -> Iterator[None]:
    """In the place of this process's own streams and variables."""
    before = sys.stdout, sys.stderr, sys.stdin
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    variables = dict(variables, PYTHONPATH=ROOT)
    replaced = {name: os.environ.get(name) for name in variables}
    quiet, cli_output.QUIET_SECONDS = cli_output.QUIET_SECONDS, 1e6  # a busy machine is no reason to say that one waits
    os.environ.update(variables)
    sys.stdout, sys.stderr, sys.stdin = out, err, stdin
    try:
        yield
    finally:
        sys.stdout, sys.stderr, sys.stdin = before
        cli_output.QUIET_SECONDS = quiet
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for name, value in replaced.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def main(words: List[str], out: Any, err: Any, stdin: Any, variables: Optional[Dict[str, str]] = None) -> Any:
    with standing_in(out, err, stdin, variables or {}):
        try:
            return cli.main(words)
        except SystemExit as exit:
            return exit.code


class Memory(io.BytesIO):
    """Bytes that are still there when the stream that wrote them is gone."""

    def close(self) -> None:
        pass


def writing_to(file: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")


def on_terminal(words: List[str], kind: str) -> Tuple[Any, str]:
    """The status, and what was written to a terminal that is both streams."""
    from terminals import open_terminal, read_piece

    ours, theirs = open_terminal(20 if kind == "20" else 80)
    shown: List[bytes] = []
    reader = threading.Thread(target=lambda: shown.extend(iter(lambda: read_piece(ours), b"")))
    reader.start()
    try:
        with open(os.devnull, encoding="utf-8") as stdin, writing_to(open(os.dup(theirs), "wb", 0)) as err:
            with writing_to(open(theirs, "wb", 0)) as out:
                status = main(words, out, err, stdin, VARIABLES[kind])
    finally:
        reader.join(PATIENCE)
        os.close(ours)
    return status, b"".join(shown).decode("utf-8")


def on_pipe(words: List[str], command: Sequence[str] = COMMAND, encoding: str = "utf-8") -> Done:
    """A process, ended by Ctrl-C where it would not end."""
    variables = {"OLLAMA_HOST": os.environ["OLLAMA_HOST"], "PYTHONIOENCODING": encoding}
    with started(*words, command=command, **variables) as process:
        first = b""
        if words[0] in UNTIL_CTRL_C:
            first = process.stdout.readline()
            interrupt(process)
        done = finished(process)
    return Done(done.status, first.decode() + done.out, done.err)


def in_memory(words: List[str], encoding: str = "utf-8", stdin: Any = None) -> Done:
    out, err = Memory(), Memory()
    status = main(words, writing_to(out, encoding), writing_to(err, encoding, "backslashreplace"), stdin)
    return Done(status, out.getvalue().decode("utf-8"), err.getvalue().decode("utf-8"))


def shown_by(name: str, kind: str) -> str:
    """What a command shows in one place: its status where that is not 0, and both streams."""
    with prepared(ROWS[name]) as words:
        if kind == "pipe":
            status, out, err = on_pipe(words)
            text = out + ("--- standard error\n" + err if err else "")
        elif name in UNTIL_CTRL_C:
            from terminals import CTRL_C, on_terminal as process_on_terminal

            keys = [("http://", CTRL_C)]
            status, text = process_on_terminal(*words, keys=keys, columns=20 if kind == "20" else 80, **VARIABLES[kind])
        else:
            status, text = on_terminal(words, kind)
    return normal(name, text) + ("--- status %s\n" % status if status else "")


def expected(name: str, kind: str) -> str:
    """What stands in the file for that place, or for the one that it is like."""
    for place in LIKE[kind]:
        path = path_of(name, place)
        if os.path.exists(path):
            with open(path, encoding="utf-8", newline="") as file:
                return file.read()
    raise AssertionError("%s has no file in %s: run this file as a program" % (name, OUTPUTS))


def path_of(name: str, kind: str) -> str:
    return os.path.join(OUTPUTS, name.replace(" ", "-") + (".txt" if kind == "pipe" else "." + kind + ".txt"))


# --- the tests --------------------------------------------------------------------------------------------------------

SHORT = [name for name in ROWS if name not in LONG]
PRINTING = [name for name in ROWS if name not in ("stop", "conform")]  # conform starts processes: once is enough


def test_every_command_has_a_row() -> None:
    names = {name for name in cli_table.COMMANDS if name != "fixture"}
    assert set(ROWS) == names | {"fixture " + action for action in cli_fixture.ACTIONS}


@pytest.mark.each(4)
@pytest.mark.parametrize("name", SHORT)
def test_a_process_on_a_pipe_prints_the_whole_output(name: str) -> None:
    assert shown_by(name, "pipe") == expected(name, "pipe")


if os.name == "posix":

    @pytest.mark.each(3)
    @pytest.mark.parametrize("kind", list(VARIABLES))
    @pytest.mark.parametrize("name", SHORT)
    def test_a_terminal_shows_the_whole_output(name: str, kind: str) -> None:
        shown = shown_by(name, kind)
        assert shown == expected(name, kind)
        assert kind in ("80", "20") or "\u241b" not in shown

    @pytest.mark.parametrize("name", LONG)
    def test_a_terminal_shows_what_a_pipe_gets(name: str) -> None:
        with prepared(ROWS[name]) as words:
            piped = in_memory(words)
            assert (*on_terminal(words, "80"), "") == (*piped[:2], piped.err) == (0, piped.out, "")
            assert piped.out

    @pytest.mark.each(2)
    @pytest.mark.parametrize("name", PRINTING)
    def test_191_where_nobody_reads_it_ends_with_141_and_without_a_word(name: str) -> None:
        read_end, write_end = os.pipe()
        os.close(read_end)
        err = Memory()
        with prepared(ROWS[name]) as words, writing_to(open(write_end, "wb", 0)) as out:
            status = main(words, out, writing_to(err), None)
        thinking = err.getvalue() if name == "run" else b""
        assert (status, err.getvalue()) == (141, thinking)

    if os.path.exists("/dev/full"):

        @pytest.mark.each(2)
        @pytest.mark.parametrize("name", PRINTING)
        def test_191_a_full_disk_is_one_line_and_status_1(name: str) -> None:
            err = Memory()
            with prepared(ROWS[name]) as words, writing_to(open("/dev/full", "wb", 0)) as out:
                status = main(words, out, writing_to(err), None)
            last = err.getvalue().decode().splitlines()[-1]
            assert (status, last) == (1, "ollama_stream: standard output cannot be written: no space left on device")


def in_ascii(name: str, text: str) -> str:
    """What there is of a text where the locale is ASCII; what is a file is the same everywhere."""
    return text if name in FILES else text.encode("ascii", "replace").decode()


@pytest.mark.parametrize("name", [name for name in SHORT if name not in UNTIL_CTRL_C])
def test_191_without_standard_input_and_in_ascii_it_prints_the_same_in_ascii(name: str) -> None:
    with prepared(ROWS[name]) as words:
        status, out, err = in_memory(words, "ascii")
    whole = normal(name, out) + ("--- standard error\n" + normal(name, err) if err else "")
    whole += "--- status %s\n" % status if status else ""
    assert whole == in_ascii(name, expected(name, "pipe"))


@pytest.mark.parametrize("name", LONG)
def test_191_what_is_long_is_the_same_without_standard_input_and_in_ascii(name: str) -> None:
    with prepared(ROWS[name]) as words:
        whole = in_memory(words).out
        assert whole and in_memory(words, "ascii") == (0, in_ascii(name, whole), "")


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes it")
@pytest.mark.each(3)
@pytest.mark.parametrize("name", [*UNTIL_CTRL_C, "conform", "run", "vendor"])
def test_191_a_process_that_starts_with_its_standard_input_closed_prints_the_same_in_ascii(name: str) -> None:
    closed = ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND]
    with prepared(ROWS[name]) as words:
        status, out, err = on_pipe(words, closed, "ascii")
        whole = in_memory(words).out if name in LONG else expected(name, "pipe")
    shown = normal(name, out) + ("--- standard error\n" + normal(name, err) if err else "")
    assert (status, shown) == (0, in_ascii(name, normal(name, whole)))


EXAMPLES = {
    **{name: row.example for name, row in cli_table.COMMANDS.items()},
    **{"fixture " + name: row.example for name, row in cli_fixture.ACTIONS.items()},
}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_example_of_its_help_works(name: str) -> None:
    words = EXAMPLES[name].replace("--runs 3", "--runs 1")
    if "curl" in words and shutil.which("curl") is None:
        pytest.skip("there is no curl")
    assert words.split()[: len(name.split())] == name.split()
    with prepared(Row(words, MORE)) as arguments:
        done = on_pipe(arguments) if name in UNTIL_CTRL_C else in_memory(arguments)
        made = [word for word in arguments if word.endswith((".py", "hello.exchange.jsonl")) and not os.path.exists(word)]
    assert (done.status, made) == (0, []), done
    assert done.err == "" or name == "run"


if __name__ == "__main__":
    os.makedirs(OUTPUTS, exist_ok=True)
    for old in os.listdir(OUTPUTS):
        os.unlink(os.path.join(OUTPUTS, old))
    for one in SHORT:
        for where in LIKE:
            found = shown_by(one, where)
            if where == "pipe" or found != expected(one, where):
                with open(path_of(one, where), "w", encoding="utf-8", newline="") as file:
                    file.write(found)
