"""The command ``serve``: real processes, asked over real sockets by our client and by others.

Ids and names with a number are numbered faults.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any, List, Tuple

import pytest
from support import PATIENCE, environment, run_python

from ollama_stream import ConnectError
from ollama_stream.cli import program as cli, serve as serve_cli

ONE = '{"message":{"role":"assistant","content":"Hi"},"done":false}\n'
DONE = '{"message":{"role":"assistant","content":""},"done":true}\n'


class Serving:
    """``serve`` in a process of its own; ``url`` is what it says first, ``end`` tells the rest."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "ollama_stream", "serve", *arguments]
        self.process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        self.host, _, port = self.url[7:].rpartition(":")
        self.port = int(port)

    def ask(self, method: str, path: str, body: Any = None) -> Tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def client(self) -> str:
        """What the last client but the one that asks this did."""
        report = json.loads(self.ask("GET", "/__replay__/report")[1])
        client: str = report["exchanges"][-1]["client"]
        return client

    def end(self, number: int = signal.SIGTERM) -> Tuple[int, List[str], List[str]]:
        """The exit status, and the lines of standard output and of standard error; times are N."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, re.sub(r"\d+\.\d+ s", "N s", out).splitlines(), err.splitlines()


@pytest.fixture
def body_file(tmp_path: Any) -> str:
    path = tmp_path / "hello.ndjson"
    path.write_bytes((ONE + DONE).encode())
    return str(path)


HEAD_SIZE = len("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
AT_DONE = HEAD_SIZE + len("%x\r\n\r\n" % len(ONE)) + len(ONE)
SENT = AT_DONE + len("%x\r\n\r\n0\r\n\r\n" % len(DONE)) + len(DONE)


def until(look: Any, wanted: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while look() != wanted and time.monotonic() < deadline:
        time.sleep(0.001)
    assert look() == wanted


# Two signals, of which the second one is not to end what the first one has begun.
TWICE = """if True:
    import os, signal
    from ollama_stream.cli.serve import wait_for_a_signal
    wait_for_a_signal(lambda: os.kill(os.getpid(), signal.SIGTERM))
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    print("finished")
"""

if os.name == "posix":  # elsewhere a signal ends a process on the spot

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_with_a_summary_and_status_0(body_file: str, number: int) -> None:
        serving = Serving(body_file)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", serving.url)
        assert serving.ask("POST", "/api/chat", {"model": "m"}) == (200, (ONE + DONE).encode())
        line = "POST /api/chat: hello; %d bytes; read to the end after N s" % SENT
        until(serving.client, "read to the end")
        assert serving.end(number) == (0, [line], [])

    def test_a_second_signal_changes_nothing() -> None:
        done = run_python("-c", TWICE)
        assert (done.returncode, done.stdout, done.stderr) == (0, "finished\n", "")

    @pytest.mark.parametrize("words", [["serve", "FILE"], ["record", "--into", "FOLDER"]], ids=" ".join)
    def test_fault_191_closed_standard_output_is_one_line_and_status_1(words: List[str], tmp_path: Any) -> None:
        (tmp_path / "FILE").write_text(ONE + DONE)
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$0" -m ollama_stream "$@" >&-', sys.executable, *words], cwd=str(tmp_path),
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, encoding="utf-8",
        )  # fmt: skip
        error = "ollama_stream: standard output cannot be written: it is closed\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", error)

    def test_a_request_that_no_recording_answers_is_status_1(body_file: str) -> None:
        serving = Serving(body_file)
        text = "replay: no recorded exchange for GET /api/tags; "
        text += "closest is hello (differs in method: expected POST got GET)"
        status, body = serving.ask("GET", "/api/tags")
        assert (status, json.loads(body)) == (400, {"error": text})
        until(serving.client, "read to the end")
        assert serving.end() == (
            1,
            ["GET /api/tags: %s; 225 bytes; read to the end after N s" % text, "never asked for: hello"],
            [text, "ollama_stream: requests that no recording answers: 1"],
        )

    def test_what_is_left_over_is_status_1_where_all_is_required(body_file: str) -> None:
        serving = Serving(body_file, "--require-all", "--fault", "cut@line=9", "--fault", "merge")
        assert serving.end() == (
            1,
            ["never asked for: hello", "never struck: cut@line=9", "never struck: merge"],
            ["ollama_stream: exchanges never asked for: 1; faults that never struck: 2"],
        )

    @pytest.mark.parametrize("words, lines", [((), 4), (("--require-all",), 9)], ids=["a few", "all"])
    def test_of_many_that_were_never_asked_for_a_few_are_named(words: Any, lines: int, tmp_path: Any) -> None:
        for number in range(9):
            (tmp_path / ("n%d.ndjson" % number)).write_text(ONE + DONE, "utf-8")
        summary = Serving(str(tmp_path), *words).end()[1]
        assert (len(summary), summary[0]) == (lines, "never asked for: n0")
        if not words:
            assert summary[-1] == "never asked for: 6 more; --require-all lists them all"

    def test_files_and_folders_are_served_together(body_file: str, tmp_path: Any) -> None:
        (tmp_path / "more").mkdir()
        (tmp_path / "more" / "last.ndjson").write_text(ONE + DONE, "utf-8")
        assert Serving(body_file, str(tmp_path / "more")).end() == (0, ["never asked for: hello", "never asked for: last"], [])

    def test_left_overs_are_no_failure_otherwise(body_file: str) -> None:
        assert Serving(body_file, "--fault", "merge").end()[::2] == (0, [])

    def test_a_fault_is_in_the_summary(body_file: str) -> None:
        serving = Serving(body_file, "--fault", "reset@line=1+2", "--repeat", "last")
        for _ in range(2):
            with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
                serving.ask("POST", "/api/chat", {})
        at = AT_DONE + len("%x\r\n" % len(DONE)) + 2
        line = "POST /api/chat: hello; reset@line=1+2 at byte %d; %d bytes; reset by the server" % (at, at)
        assert serving.end() == (0, [line + "; asked again", line], [])


WRONG = [  # id, arguments, the last line
    ("no source", [], r"the following arguments are required: DIR\|FILE"),
    ("a kind of fault", ["--fault", "melt"], 'argument --fault: fault "melt": unknown kind; there are cut, reset, .*'),
    ("a point", ["--fault", "drop@end"],
     'argument --fault: fault "drop@end": expected drop@POINT, POINT being chunk=N or line=N'),
    ("a pointer", ["--ignore", "seed"],
     r'argument --ignore: expected a JSON Pointer such as "/options/seed", found "seed"'),
    ("a gap", ["--max-gap", "-1"], "argument --max-gap: expected a number from 0 on, got '-1'"),
    ("no number", ["--min-gap", "x"], "argument --min-gap: expected a number, got 'x'"),
    ("a port", ["--listen", "70000"], "argument --listen: expected HOST:PORT, HOST or PORT, got '70000'"),
]  # fmt: skip


@pytest.mark.parametrize("arguments, last", [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_arguments_are_status_2(arguments: List[str], last: str, body_file: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve", *([body_file] if arguments else []), *arguments])
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    hint = "\nTry 'python3 -m ollama_stream serve --help'\n"
    assert re.fullmatch("ollama_stream serve: " + last + re.escape(hint), err)


def test_fault_235_all_addresses_are_listened_at_on_request_only(body_file: str, capsys: Any) -> None:
    text = "--listen: '0.0.0.0' can be reached from other machines; --allow-remote permits that"
    assert cli.main(["serve", body_file, "--listen", "0.0.0.0"]) == 2
    assert capsys.readouterr() == ("", "ollama_stream: %s\n" % text)


def test_a_file_that_is_not_there_is_status_1(capsys: Any) -> None:
    assert cli.main(["serve", "/nothing"]) == 1
    assert capsys.readouterr().err == "ollama_stream: /nothing: cannot be read: No such file or directory\n"


def test_every_option_reaches_the_server(body_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: List[Any] = []

    def start(source: str, **options: Any) -> Any:
        seen.append((source, options))
        raise ConnectError("no")

    monkeypatch.setattr(serve_cli, "serve", start)
    arguments = (
        "--listen 8000 --speed 2 --max-gap 3 --min-gap 4 --tps 5 --fault merge --fault bom --match model "
        "--order strict --repeat all --ignore /a --ignore /b --on-cancelled complete --no-admin --allow-remote"
    )
    assert cli.main(["serve", "x", *arguments.split()]) == 3
    assert cli.main(["serve", "x"]) == 3
    faults = [serve_cli.fault("merge"), serve_cli.fault("bom")]
    given = dict(
        speed=2.0, max_gap=3.0, min_gap=4.0, tps=5.0, faults=faults, level="model", order="strict", repeat="all",
        ignore=["/a", "/b"], on_cancelled="complete", host="localhost", port=8000, allow_remote=True, admin=False,
    )  # fmt: skip
    default = dict(
        speed=None, max_gap=None, min_gap=0.0, tps=None, faults=[], level="exact", order="any", repeat="none",
        ignore=[], on_cancelled="eof", host="localhost", port=0, allow_remote=False, admin=True,
    )  # fmt: skip
    assert seen == [("x", given), ("x", default)]


def test_the_faults_are_listed_also_where_docstrings_are_left_out() -> None:
    done = run_python("-OO", "-m", "ollama_stream", "serve", "--faults")
    assert (done.returncode, done.stderr) == (0, "")
    assert "rechunk:N       the body in chunks of N bytes" in done.stdout
