"""The command line: real processes, asking real servers on this machine.

Ids and names with a number are numbered faults: 190 and 191 of the reader's side, 228 of hostile text.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from typing import Any, Dict, List, NamedTuple, Sequence

import pytest
from support import (
    DONE, GOOD, HEAD, LAST_CHUNK, LINE, PATIENCE, ROOT, Server, answer, chunk, closed_port, environment, fin, interrupt,
    line, read_request, response, rst,
)  # fmt: skip

from ollama_stream import (
    Client, ConnectError, ConnectionLost, IncompleteStream, OllamaTimeout, ProtocolError, ResponseError,
)  # fmt: skip
from ollama_stream.cli import program as cli, replay as cli_replay, run as cli_run_module, table as cli_table
from ollama_stream.cli import words as cli_words
from ollama_stream.fixture import RecordedRequest
from ollama_stream.fixture import load

RECORDINGS = os.path.join(ROOT, "fixtures", "recordings")
FIGURES = {
    "prompt_eval_count": 26, "eval_count": 100, "load_duration": 1500000000, "prompt_eval_duration": 250000000,
    "eval_duration": 2000000000, "total_duration": 3800999999,
}  # fmt: skip
COMMAND = [sys.executable, "-m", "ollama_stream"]


class Done(NamedTuple):
    """How a process ended; the streams as UTF-8."""

    status: int
    out: str
    err: str


def finished(process: Any) -> Done:
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return Done(process.returncode, (out or b"").decode("utf-8"), (err or b"").decode("utf-8"))


def started(
    *arguments: str, command: Sequence[str] = COMMAND, stdin: Any = subprocess.DEVNULL, stdout: Any = -1,
    stderr: Any = -1, **env: str,
) -> Any:  # fmt: skip
    return subprocess.Popen(
        [*command, *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=dict(environment(), **{"PYTHONUNBUFFERED": "", **env}),  # unbuffered, a forgotten flush would not be seen
        bufsize=0,
    )


def cli_process(*arguments: str, stdin: bytes = b"", command: Sequence[str] = COMMAND, **env: str) -> Done:
    with started(*arguments, command=command, stdin=subprocess.PIPE, **env) as process:
        out, err = process.communicate(stdin, timeout=PATIENCE)
        return Done(process.returncode, out.decode("utf-8"), err.decode("utf-8"))


def cli_run(*arguments: str, stdin: bytes = b"", **env: str) -> Done:
    """``cli_process`` without the process, a tenth of its time: for what does not hang on how one begins and ends."""
    out, err, variables = io.BytesIO(), io.BytesIO(), environment(**env)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        patch.setattr(sys, "stdout", io.TextIOWrapper(out, variables["PYTHONIOENCODING"]))
        patch.setattr(sys, "stderr", io.TextIOWrapper(err, "utf-8", "backslashreplace", line_buffering=True))
        try:
            status: Any = cli.main(arguments)
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
        return Done(status, out.getvalue().decode("utf-8"), err.getvalue().decode("utf-8"))


def stream(*lines: bytes) -> bytes:
    return HEAD + b"".join(map(chunk, lines)) + LAST_CHUNK


def message(done: bool = False, **fields: Any) -> bytes:
    record = {"model": "m", "message": dict({"role": "assistant", "content": ""}, **fields), "done": done}
    return json.dumps(record).encode() + b"\n"


def asked(data: bytes, *arguments: str, stdin: bytes = b"", **env: str) -> Done:
    """``run m`` against a server that sends ``data``."""
    with Server(answer(data, fin)) as server:
        return cli_run("run", "--host", server.url, "m", *arguments, stdin=stdin, **env)


def error(text: str) -> str:
    return "ollama_stream: %s\n" % text


# --- run: the answer


def test_the_text_of_an_answer_goes_to_standard_output_and_nothing_else_does() -> None:
    assert asked(stream(line("Grüße, "), line("日本"), DONE), "hi") == (0, "Grüße, 日本\n", "")


REQUESTS = [
    # id, arguments, standard input, what is sent besides model and stream
    ("prompt", ["hi"], b"", {"messages": [{"role": "user", "content": "hi"}]}),
    ("standard input", [], "é\n".encode(), {"messages": [{"role": "user", "content": "é\n"}]}),
    ("dash", ["-"], b"hi", {"messages": [{"role": "user", "content": "hi"}]}),
    ("an option before the prompt", ["--stats", "hi"], b"", {"messages": [{"role": "user", "content": "hi"}]}),
    ("a prompt like an option", ["--", "--think"], b"", {"messages": [{"role": "user", "content": "--think"}]}),
    (
        "system",
        ["hi", "--system", "Be brief."],
        b"",
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]},
    ),
    ("think", ["--think", "hi"], b"", {"messages": [{"role": "user", "content": "hi"}], "think": True}),
    ("think=high", ["--think=high", "hi"], b"", {"messages": [{"role": "user", "content": "hi"}], "think": "high"}),
    ("256 think=xhigh", ["--think=xhigh", "hi"], b"", {"messages": [{"role": "user", "content": "hi"}], "think": "xhigh"}),
    ("think=false", ["hi", "--think=false"], b"", {"messages": [{"role": "user", "content": "hi"}], "think": False}),
    ("format", ["hi", "--format", "json"], b"", {"messages": [{"role": "user", "content": "hi"}], "format": "json"}),
    (
        "any field",
        ["hi", "--keepalive", "5m", "--truncate=false", "--format", '{"type":"object"}', "--extra", '{"new":[1]}'],
        b"",
        {
            "messages": [{"role": "user", "content": "hi"}],
            **{"keep_alive": "5m", "truncate": False, "format": {"type": "object"}, "new": [1]},
        },
    ),
    (
        "options",
        ["hi", "--option", "temperature=0.5", "--option", "num_ctx=64", "--option", 'stop=["a"]', "--option", "x=a=b"],
        b"",
        {
            "messages": [{"role": "user", "content": "hi"}],
            "options": {"temperature": 0.5, "num_ctx": 64, "stop": ["a"], "x": "a=b"},
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("arguments, stdin, sent", [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS])
def test_the_request_is_what_the_arguments_say(
    arguments: List[str], stdin: bytes, sent: Dict[str, Any], capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    with Server(answer(GOOD)) as server:
        status = cli.main(["run", "m", "--host", server.url, *arguments])
        body = {name: value for name, value in json.loads(server.peer().request_body).items() if value != []}
    assert (status, capsys.readouterr().out, body) == (0, "Hi\n", dict(sent, model="m", stream=True))


def test_standard_input_is_the_prompt() -> None:
    with Server(answer(GOOD)) as server:
        assert cli_process("run", "m", "--host", server.url, stdin="é\n".encode()) == (0, "Hi\n", "")
        assert json.loads(server.peer().request_body)["messages"] == [{"role": "user", "content": "é\n"}]


def test_the_server_is_the_one_of_the_environment() -> None:
    with Server(answer(GOOD)) as server:
        assert cli_process("run", "m", "hi", OLLAMA_HOST=server.url) == (0, "Hi\n", "")


def test_a_piece_is_printed_as_soon_as_it_is_there() -> None:
    seen = threading.Event()
    waited: List[bool] = []

    def wait(_peer: Any) -> None:
        waited.append(seen.wait(PATIENCE))

    with Server(answer(HEAD + chunk(LINE), wait, chunk(DONE) + LAST_CHUNK)) as server:
        with started("run", "m", "hi", "--host", server.url) as process:
            first = process.stdout.read(2)
            seen.set()
            assert (first, finished(process)) == (b"Hi", (0, "\n", ""))
    assert waited == [True]  # the server did not lose its patience and end the answer


def test_thinking_and_tool_calls_go_to_standard_error() -> None:
    call = {"function": {"name": "add", "arguments": {"a": 1}}}
    data = stream(message(thinking="Hm, "), message(thinking="yes."), line("Yes"), message(tool_calls=[call]), DONE)
    assert asked(data, "hi") == (
        0, "Yes\n", 'Hm, yes.\ntool call: {"function":{"name":"add","arguments":{"a":1}}}\n',
    )  # fmt: skip


def test_the_figures_go_to_standard_error() -> None:
    done = asked(stream(LINE, line("", True, done_reason="stop", **FIGURES)), "hi", "--stats")
    assert done[:2] == (0, "Hi\n")
    assert re.sub(r"(?m)^(first token after  )\d+\.\d{3} s$", r"\1X", done.err) == (
        "first token after  X\n"
        "prompt tokens      26\n"
        "tokens             100\n"
        "tokens/s           50.0\n"
        "load               1.500 s\n"
        "prompt             0.250 s\n"
        "generation         2.000 s\n"
        "total              3.800 s\n"
    )


def test_figures_of_any_size_are_printed() -> None:
    huge = 10**400
    done = asked(stream(line("", True, eval_count=huge, eval_duration=1, total_duration=huge)), "hi", "--stats")
    shown = "%-18s %d\n%-18s %s\n%-18s %d.000 s\n" % ("tokens", huge, "generation", "0.000 s", "total", huge // 10**9)
    assert done == (0, "", shown)


def test_figures_that_the_server_left_out_are_left_out() -> None:
    assert asked(stream(DONE), "hi", "--stats") == (0, "", "")


# --- run: what goes wrong


ENDINGS = [
    # id, what the server sends, standard output, status, the line on standard error, from where on the server follows
    ("cut", [HEAD + chunk(LINE), fin], "Hi\n", 4, "the connection closed between chunks, before the last one; "
     "the answer is cut off after 2 characters: ask again ({})"),
    ("no last record", [stream(LINE)], "Hi\n", 4, "the body ended before the record that ends an answer; the answer is "
     "cut off after 2 characters: ask again ({})"),
    ("garbage", [stream(LINE, b"%%%\n")], "Hi\n", 1, "line 2 of the body: not JSON ('%%%') ({})"),
    ("error line", [stream(LINE, b'{"error":"out of memory"}\n')], "Hi\n", 1, "out of memory ({})"),
    (
        "web page",
        [response("200 OK", b"<!doctype html>\n<html></html>\n", Content_Type="text/html")],
        "",
        1,
        "line 1 of the body: not JSON ('<!doctype html>'); this looks like a web page: is this an Ollama server? ({})",
    ),
    (
        "401",
        [response("401 Unauthorized", b'{"error":"unauthorized","signin_url":"https://ollama.com/connect?name=x"}')],
        "",
        1,
        "unauthorized (status code: 401 from {}); sign in at https://ollama.com/connect?name=x",
    ),
    ("empty 200", [response("200 OK")], "", 4, "the body ended before the record that ends an answer; nothing of the "
     "answer had arrived: ask again ({})"),
    (
        "no such model",
        [response("404 Not Found", b'{"error":"model \'m\' not found"}', Content_Type="application/json")],
        "",
        1,
        "model 'm' not found (status code: 404 from {}); 'python3 -m ollama_stream pull m' downloads it",
    ),
]


@pytest.mark.parametrize("row", ENDINGS, ids=[row[0] for row in ENDINGS])
def test_an_answer_that_is_not_complete_is_one_line_and_a_status_that_says_why(row: Any) -> None:
    _, steps, out, status, text = row
    with Server(answer(*steps)) as server:
        done = cli_run("run", "m", "hi", "--host", server.url)
        assert done == (status, out, error(text.format(server.url)))


def test_an_unknown_model_is_told_with_those_that_there_are() -> None:
    missing = response("404 Not Found", b'{"error":"model \'m\' not found"}', Content_Type="application/json")
    tags = response("200 OK", json.dumps({"models": [{"name": "a:latest"}, {"model": "b"}]}).encode())
    with Server(answer(missing, read_request, tags)) as server:
        text = "model 'm' not found (status code: 404 from %s); installed: a:latest, b; " % server.url
        text += "'python3 -m ollama_stream pull m' downloads it"
        assert cli_run("run", "m", "hi", "--host", server.url) == (1, "", error(text))


FAILURES = [
    # id, what the server sends, status, standard output, a pattern for the line: its text is the system's
    ("reset", [HEAD + chunk(LINE), rst], 4, r"|Hi\n", r"the connection was lost: .+"),
    ("no HTTP", [b"SSH-2.0-OpenSSH_9.6\r\n", fin], 1, r"", r".+'SSH-2\.0.+"),
    ("no answer", [fin], 4, r"", r"the server closed the connection .+"),
]


@pytest.mark.parametrize("row", FAILURES, ids=[row[0] for row in FAILURES])
def test_a_broken_connection_is_one_line_and_a_status_that_says_why(row: Any) -> None:
    _, steps, status, out, text = row
    with Server(answer(*steps)) as server:
        done = cli_run("run", "m", "hi", "--host", server.url)
        assert done.status == status
        assert re.fullmatch(out, done.out)
        assert re.fullmatch(error(text + re.escape(" (%s)" % server.url)), done.err)


def test_a_port_without_a_server_is_one_line_that_says_what_was_tried_and_status_3() -> None:
    port = closed_port()
    done = cli_run("run", "m", "hi", "--host", "127.0.0.1:%d" % port)
    assert done[:2] == (3, "")
    where = r"\(http://127\.0\.0\.1:%d, from --host: connection refused\)" % port
    step = "; 'python3 -m ollama_stream doctor' looks closer"
    assert re.fullmatch(r"ollama_stream: Failed to connect to Ollama\. .+ %s%s\n" % (where, step), done.err)


def test_a_host_that_does_not_resolve_is_one_line_and_status_3() -> None:
    done = cli_run("run", "m", "hi", "--host", "http://no-such-host.invalid")
    assert done[:2] == (3, "")
    assert re.fullmatch(r"ollama_stream: Failed to connect to Ollama\. .+the name does not resolve: .+\n", done.err)


def test_json_holds_every_character_where_the_output_is_ascii() -> None:
    done = asked(stream(line("Gr\u00fc\u00dfe \u65e5"), DONE), "hi", "--json", PYTHONIOENCODING="ascii")
    assert (done.status, json.loads(done.out.splitlines()[0])["message"]["content"]) == (0, "Gr\u00fc\u00dfe \u65e5")


def test_the_timeout_is_for_the_whole_answer() -> None:
    with Server(answer(HEAD + chunk(LINE), threading.Event())) as server:
        done = cli_run("run", "m", "hi", "--host", server.url, "--timeout", "0.3")
        server.scripts[0][-1].set()  # type: ignore[union-attr]
    text = "the call took too long (total): 0.3 s have passed; raise it with --timeout"
    assert done == (5, "Hi\n", error("%s (%s, from --host)" % (text, server.url)))


WRONG_VALUES = [
    # id, arguments, what the line says
    ("host", ["--host", "ftp://x"], "--host 'ftp://x': it must begin with http:// or https://, once, or with the host. "
     "Forms that work: gpu-box:11434, [::1]:11434, https://example.com/ollama, unix:///run/ollama.sock"),
    ("option", ["--option", "stop=a"], "--option stop: expected a list of strings, got a string"),
    ("NaN", ["--option", "x=NaN"], "--option x: nan is no JSON number"),
    ("flag", ["--logprobs", "maybe"], "--logprobs: expected true or false, got 'maybe'"),
    ("private", ["--debug-render-only", "1"], "--debug-render-only: expected true or false, got 1"),
    ("format", ["--format", "{bad"], "--format: expected json or a JSON Schema, got '{bad'"),
    ("tools", ["--tools", "foo"], "--tools: expected a JSON list of tools, got text"),
    ("tool", ["--tools", "[1]"], "--tools[0]: expected a JSON object, got a number"),
    ("extra", ["--extra", "[]"], "--extra: expected a JSON object, got a list"),
    ("keep_alive", ["--keepalive", "5x"],
     "--keepalive: expected a duration with its unit, such as '5m' or '30s', got '5x'"),
    ("the user's words", ["--format", "True or False"],
     "--format: expected json or a JSON Schema, got 'True or False'"),
    ("no model", ["--", ""], "MODEL: expected the name of a model, such as 'llama3.2', got ''"),
]  # fmt: skip


@pytest.mark.parametrize("arguments, text", [row[1:] for row in WRONG_VALUES], ids=[row[0] for row in WRONG_VALUES])
def test_a_value_that_the_library_refuses_is_one_line_in_words_of_the_command_line_and_status_2(
    arguments: List[str], text: str, capsys: Any
) -> None:
    words = ["", "hi"] if arguments == ["--", ""] else ["m", "hi", *arguments]
    assert (cli.main(["run", *words]), *capsys.readouterr()) == (2, "", error(text))


TOLD = [  # id, an error, whether of a recording, the text
    ("connect", OllamaTimeout("10 s have passed; raise it with timeout=Timeout(connect=...) (http://a:1, from host)",
     clock="connect"), False, "10 s have passed; is it the right --host? (http://a:1, from --host)"),
    ("idle", OllamaTimeout("raise it with timeout=Timeout(idle=...) (http://a:1, from OLLAMA_HOST)", clock="idle"), False,
     "raise it with --timeout (http://a:1, from OLLAMA_HOST)"),
    ("hint", ConnectError("(http://80:11434, from host: no). host names a host called 80; for a port write :80"), False,
     "(http://80:11434, from --host: no). --host names a host called 80; for a port write :80"),
    ("certificate", ConnectError("Give the file of the CA: verify='ca.pem'"), False,
     "Give the file of the CA: SSL_CERT_FILE=ca.pem"),
    ("cut", ConnectionLost("it is lost; the answer is cut off after 2 characters (they are in .partial): ask again"), False,
     "it is lost; the answer is cut off after 2 characters: ask again"),
    ("cut, recorded", IncompleteStream("no end; the answer is cut off after 2 characters (they are in .partial): ask again"),
     True, "no end; the answer is cut off after 2 characters"),
    ("nothing, recorded", IncompleteStream("no end; nothing of the answer had arrived: ask again"), True,
     "no end; nothing of the answer had arrived"),
    ("a line of a stream", ResponseError("out of memory"), False, "out of memory"),
    ("bytes", ProtocolError("bad chunk size b'zz' in b\"a\""), False, "bad chunk size 'zz' in \"a\""),
    ("the server's words", ResponseError("format: expected True or False; ask again", 400), True,
     "format: expected True or False; ask again (status code: 400)"),
    ("a line's words", ProtocolError("line 1: not JSON ('ask again')"), True, "line 1: not JSON ('ask again')"),
]  # fmt: skip


@pytest.mark.parametrize("failure, recorded, text", [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_an_error_is_told_in_words_of_the_command_line(failure: Any, recorded: bool, text: str) -> None:
    assert cli_words.told(failure, recorded) == text


def test_a_wrong_setting_is_status_2(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "ftp://x")
    assert cli.main(["run", "m", "hi"]) == 2
    assert capsys.readouterr().err.startswith("ollama_stream: OLLAMA_HOST='ftp://x': it must begin with http://")


def test_standard_input_that_is_not_UTF_8_is_status_2_and_is_not_sent(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é".encode() + b"\xffb")))
    assert cli.main(["run", "m", "--host", "127.0.0.1:%d" % closed_port()]) == 2
    assert capsys.readouterr().err == error("standard input is not UTF-8: byte 0xFF at offset 2")


def test_the_help_says_what_can_be_given_for_each_field(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--logprobs true or false: the log probability of each token --top-logprobs a whole number: 0 to 20" in text
    assert not re.search(r"Optional|Union|Mapping|Any\b|True|bool|str\b", text)
    assert set(cli_run_module.chat_fields().values()) <= {"Optional[%s]" % kind for kind in cli_words.TYPES} | {"Any"}


WRONG_ARGUMENTS = [
    # id, arguments, the line
    ("no model", ["run"], "run: the following arguments are required: MODEL"),
    ("unknown option", ["run", "m", "a", "--nonsense"], "run: unknown option --nonsense"),
    ("nearly an option", ["run", "m", "a", "--sytem=x"], "run: unknown option --sytem; did you mean --system?"),
    ("abbreviation", ["run", "m", "a", "--stat"], "run: unknown option --stat; did you mean --stats?"),
    ("too many words", ["cp", "a", "b", "c"], "cp: more words than it takes: c"),
    ("no level", ["run", "m", "a", "--think="],
     "run: argument --think: expected one of true, false, low, medium, high, max, or a level of the model"),
    ("option", ["run", "m", "a", "--option", "x"], "run: argument -o/--option: expected NAME=VALUE, got 'x'"),
    ("header", ["run", "m", "a", "-H", "a b: c"],
     "run: argument -H/--header: expected NAME=VALUE, a header field, got 'a b: c'"),
    ("no time", ["run", "m", "a", "--timeout=0"], "run: argument --timeout: expected seconds above 0, got '0'"),
    ("nan", ["run", "m", "a", "--timeout=nan"], "run: argument --timeout: expected seconds above 0, got 'nan'"),
    ("word", ["run", "m", "a", "--timeout=x"], "run: argument --timeout: expected a number, got 'x'"),
    ("2e9", ["run", "m", "a", "--timeout=2e9"], "run: argument --timeout: expected seconds above 0, got '2e9'"),
    ("retries", ["run", "m", "a", "--retries=-1"], "run: argument --retries: expected a whole number, got '-1'"),
    ("no prompt", ["run", "m"], "run: the prompt is empty"),
    ("no fixture", ["replay"], "replay: the following arguments are required: FIXTURE"),
    (
        "backwards",
        ["replay", "f", "--speed", "-1"],
        "replay: argument --speed: expected a number above 0, or 0 for at once, got '-1'",
    ),
]


@pytest.mark.parametrize("arguments, text", [row[1:] for row in WRONG_ARGUMENTS], ids=[r[0] for r in WRONG_ARGUMENTS])
def test_wrong_arguments_are_a_line_and_where_to_look_and_status_2(
    arguments: List[str], text: str, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    hint = "Try 'python3 -m ollama_stream %s --help'\n" % arguments[0]
    assert (caught.value.code, *capsys.readouterr()) == (2, "", error(text).replace(": ", " ", 1) + hint)


UNKNOWN = [  # id, arguments, the line
    ("nothing", [], "expected a command"),
    ("walk", ["walk"], "'walk' is not a command"),
    ("nearly", ["pul"], "'pul' is not a command; did you mean pull?"),
    ("option of a command", ["--host", "x", "list"], "'--host' is not an option; those of a command stand behind it"),
    ("option", ["--versoin"], "'--versoin' is not an option; did you mean --version?"),
]


@pytest.mark.parametrize("arguments, text", [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
def test_an_unknown_command_is_a_line_and_where_to_look_and_status_2(arguments: List[str], text: str) -> None:
    assert cli_run(*arguments) == (2, "", error(text) + "Try 'python3 -m ollama_stream --help'\n")


def test_help_of_the_program_lists_commands_and_statuses() -> None:
    done = cli_run("--help")
    assert (done.status, done.err) == (0, "")
    assert re.findall(r"(?m)^  ([a-z]+)  +\S", done.out) == list(cli_table.COMMANDS)
    assert re.findall(r"(?m)^  (\d+) +(.+)$", done.out) == [(str(n), text) for n, text in cli_table.STATUSES.items()]


@pytest.mark.parametrize("name", list(cli_table.COMMANDS))
def test_the_help_of_a_command_fits_80_columns_and_a_screen_and_ends_with_an_example(name: str, capsys: Any) -> None:
    status = None
    try:
        status = cli.main([name, "--help"])
    except SystemExit as exit:
        status = exit.code
    lines = capsys.readouterr().out.splitlines()
    assert status in (0, None)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= (32 if name == "run" else 29)
    assert "example:" in lines[-3:]


def test_the_help_of_a_command_loads_no_other() -> None:
    program = "import sys\nfrom ollama_stream.cli import main\n"
    program += "try: main(['list', '--help'])\nfinally: print(*sys.modules)"
    loaded = cli_process(command=[sys.executable, "-c", program]).out.split()
    others = {"ollama_stream.cli." + row.module for row in cli_table.COMMANDS.values()} & set(loaded)
    assert others == {"ollama_stream.cli.models"}


STARTED_BY = [  # id, sys.argv[0], the name in an error, in the hint
    ("module", "/x/ollama_stream/__main__.py", "ollama_stream", "python3 -m ollama_stream"),
    ("script", "/usr/bin/ollama-stream", "ollama-stream", "ollama-stream"),
    ("archive", "tools/o.pyz", "o.pyz", "o.pyz"),
]


@pytest.mark.parametrize("given, name, hint", [row[1:] for row in STARTED_BY], ids=[row[0] for row in STARTED_BY])
def test_the_name_in_errors_is_the_one_that_it_was_started_by(
    given: str, name: str, hint: str, capsys: Any, monkeypatch: Any
) -> None:
    from ollama_stream.__main__ import main

    monkeypatch.setattr(sys, "argv", [given, "run", "m", "--no"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.startswith("%s run: unknown option --no" % name)
    monkeypatch.setattr(sys, "argv", [given, "walk"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "%s: 'walk' is not a command\nTry '%s --help'\n" % (name, hint)


def test_a_fault_of_the_program_is_one_line_and_a_traceback_with_debug(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(cli, "module_of", lambda name: 1 / 0)
    assert cli.main(["list"]) == 1
    text = "ZeroDivisionError: division by zero; this is a fault of the program: --debug says where"
    assert capsys.readouterr() == ("", error(text))
    with pytest.raises(ZeroDivisionError):
        cli.main(["list", "--debug"])


def test_the_version_is_printed() -> None:
    from ollama_stream import __version__

    assert cli_process("--version") == (0, "ollama_stream %s\n" % __version__, "")


HOSTILE_ERRORS = [
    # id, the server's text, how it is shown
    ("228 escapes", "a\x1b[2J\x07\x00b\x9b\x7f", "a\\x1b[2J\\x07\\x00b\\x9b\\x7f"),
    ("228 lines", "a\r\nb\u2028c\x85d\te", "a\\r\\nb\\u2028c\\x85d\\te"),
    ("228 direction", "a\u202eb\u2066c", "a\\u202eb\\u2066c"),
    ("lone surrogate", "a\ud800b", "a\\ud800b"),
    ("long", "é" * 3000, "é" * 597 + "..."),
]


@pytest.mark.parametrize("text, shown", [row[1:] for row in HOSTILE_ERRORS], ids=[row[0] for row in HOSTILE_ERRORS])
def test_an_error_is_one_line_of_2_KiB_at_most_without_control_characters(text: str, shown: str) -> None:
    body = json.dumps({"error": text}).encode()
    with Server(answer(response("500 Internal Server Error", body, Content_Type="application/json"))) as server:
        done = cli_run("run", "m", "hi", "--host", server.url)
        assert done == (1, "", error("%s (status code: 500 from %s)" % (shown, server.url)))
    assert len(done.err.encode()) <= 2048


def test_an_error_in_any_encoding_is_cut_at_2_KiB(capsys: Any) -> None:
    cli.failed("x", "é" * 3000)
    assert capsys.readouterr().err == "x: " + "é" * ((2044 - len("x: ")) // 2) + "...\n"


# --- what standard output may be


def test_fault_191_what_the_encoding_does_not_have_is_replaced() -> None:
    assert asked(stream(line("né 日 \ud800 ok"), DONE), "hi", PYTHONIOENCODING="ascii") == (0, "n? ? ? ok\n", "")


def test_a_lone_surrogate_is_replaced_in_UTF_8_too() -> None:
    assert asked(stream(line("é \ud800 ok"), DONE), "hi") == (0, "é ? ok\n", "")


HALVES = stream(line("a\ud83d"), line("\ude00b\ud83d"), DONE)


def test_halves_of_a_character_are_printed_as_the_one_that_they_are_254() -> None:
    assert asked(HALVES, "hi") == (0, "a\U0001f600b?\n", "")
    code, out, err = asked(HALVES, "hi", "--json")
    assert (code, err) == (0, "")
    assert [json.loads(text)["message"]["content"] for text in out.splitlines()[:2]] == ["a\ud83d", "\ude00b\ud83d"]


HOSTILE = "a\x1b[31m\x1b]52;c;eA==\x07\x00\x9b\x7f\r\u202eb\tc\n"
SHOWN = "a\\x1b[31m\\x1b]52;c;eA==\\x07\\x00\\x9b\\x7f\\r\\u202eb\tc\n"


def test_fault_228_a_pipe_gets_the_text_as_it_is() -> None:
    assert asked(stream(line(HOSTILE), DONE), "hi") == (0, HOSTILE, "")


if os.name == "posix":

    def on_terminal(data: bytes, *arguments: str, both: bool = False, **env: str) -> Done:
        """``run`` with a terminal for its standard output, and for standard error too where ``both``."""
        from terminals import WAITING, open_terminal, read_piece

        master, slave = open_terminal()
        with Server(answer(data, fin)) as server:
            command = ("run", "m", "hi", "--host", server.url, *arguments)
            with started(*command, stdout=slave, stderr=slave if both else -1, **env) as process:
                os.close(slave)
                shown = b"".join(iter(lambda: read_piece(master), b""))
                os.close(master)
                done = finished(process)
        return Done(done.status, WAITING.sub("", shown.decode("utf-8")).replace(server.url, "URL"), done.err)

    TERMINALS = [
        # id, response, arguments, whether standard error is the terminal too, what is shown, standard error
        ("228 escaped", stream(line(HOSTILE), DONE), ["--nowordwrap"], False, SHOWN, ""),
        ("228 raw", stream(line(HOSTILE), DONE), ["--no-escape", "--nowordwrap"], False, HOSTILE, ""),
        ("last newline", stream(LINE, DONE), [], False, "Hi\n", ""),
        ("no text, no newline", stream(DONE), [], False, "", ""),
        (
            "thinking is dim",
            stream(message(thinking="H\x1bm"), LINE, DONE),
            [],
            True,
            "\x1b[2mH\\x1bm\x1b[0m\nHi\n",
            "",
        ),
        ("thinking to a file is not", stream(message(thinking="Hm"), LINE, DONE), [], False, "Hi\n", "Hm\n"),
        (
            "an error starts a line",
            stream(LINE, b'{"error":"out of memory"}\n'),
            [],
            True,
            "Hi\n" + error("out of memory (URL)"),
            "",
        ),
    ]

    @pytest.mark.each(2)
    @pytest.mark.parametrize("row", TERMINALS, ids=[row[0] for row in TERMINALS])
    def test_a_terminal_shows_the_answer_and_is_not_controlled_by_it(row: Any) -> None:
        _, data, arguments, both, shown, err = row
        assert on_terminal(data, *arguments, both=both, TERM="xterm")[1:] == (shown, err)

    @pytest.mark.parametrize("stage", ["190 before the head", "190 between records"])
    def test_ctrl_c_is_status_130_and_keeps_what_came(stage: str) -> None:
        released = threading.Event()
        sent = [HEAD + chunk(LINE)] if "records" in stage else []
        with Server(answer(*sent, released)) as server:
            with started("run", "m", "hi", "--host", server.url) as process:
                assert server.peer().asked.wait(PATIENCE)
                first = process.stdout.read(2) if sent else b""
                interrupt(process)
                done = finished(process)
            released.set()
            assert server.peer().gone.wait(PATIENCE)
            assert (first, done) == ((b"Hi", (130, "\n", "")) if sent else (b"", (130, "", "")))

    # Says when it reads: a signal before that would meet an interpreter that is still starting.
    PROMPT_PROGRAM = """if True:
        import io, os, sys
        from ollama_stream.cli import main
        class Input(io.RawIOBase):
            def readable(self): return True
            def readinto(self, buffer):
                os.write(1, b"ready")
                return len(os.read(0, 1))
        sys.stdin = io.TextIOWrapper(io.BufferedReader(Input()))
        sys.exit(main())
    """

    def test_ctrl_c_while_the_prompt_is_read_is_status_130() -> None:
        with started("run", "m", "-", command=[sys.executable, "-c", PROMPT_PROGRAM], stdin=subprocess.PIPE) as process:
            assert process.stdout.read(5) == b"ready"
            interrupt(process)
            assert finished(process) == (130, "", "")

    def test_fault_191_a_reader_who_leaves_is_status_141_and_closes_the_connection() -> None:
        released = threading.Event()
        with Server(answer(HEAD + chunk(LINE), released, chunk(LINE), chunk(LINE), threading.Event())) as server:
            with started("run", "m", "hi", "--host", server.url) as process:
                assert process.stdout.read(2) == b"Hi"
                process.stdout.close()
                released.set()
                assert (process.stderr.read(), process.wait(PATIENCE)) == (b"", 141)
            server.scripts[0][-1].set()  # type: ignore[union-attr]
            assert server.peer().gone.wait(PATIENCE)

    @pytest.mark.parametrize("arguments", [["a"], ["m", "a"], ["m", "--system", "a"], ["m", "--option", "a"]])
    def test_an_argument_that_is_not_UTF_8_is_status_2(arguments: List[str], capsys: Any) -> None:
        with pytest.raises(SystemExit) as caught:
            cli.main(["run", *arguments[:-1], os.fsdecode(b"a\xffb")])
        line = capsys.readouterr().err.splitlines()[0]
        assert (caught.value.code, line[-34:]) == (2, ": not UTF-8: byte 0xFF at offset 1")

    def test_an_argument_in_UTF_8_is_sent_whatever_the_locale() -> None:
        with Server(answer(GOOD)) as server:
            plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
            assert cli_process("run", "m", "é 日", "--host", server.url, **plain) == (0, "Hi\n", "")
            assert json.loads(server.peer().request_body)["messages"][0]["content"] == "é 日"

    def in_shell(redirected: str, *arguments: str) -> Done:
        return cli_process(*COMMAND, *arguments, command=["/bin/sh", "-c", 'exec "$0" "$@" ' + redirected])

    def test_standard_output_that_is_closed_is_one_line_and_status_1() -> None:
        with Server(answer(GOOD)) as server:
            done = in_shell(">&-", "run", "m", "hi", "--host", server.url)
        assert done == (1, "", error("standard output cannot be written: it is closed"))

    @pytest.mark.parametrize("redirected", ["2>&-", "2</dev/null"])
    def test_standard_error_that_fails_does_not_matter(redirected: str) -> None:
        with Server(answer(stream(message(thinking="Hm"), LINE, DONE))) as server:
            assert in_shell(redirected, "run", "m", "hi", "--stats", "--host", server.url) == (0, "Hi\n", "")

    def test_standard_input_that_cannot_be_read_is_one_line_and_status_2() -> None:
        done = in_shell("0>/dev/null", "run", "m")
        assert done == (2, "", error("the prompt cannot be read: bad file descriptor"))

    if os.path.exists("/dev/full"):

        FULL = [["run", "m", "hi"], ["--version"], ["serve", "--help"]]

        @pytest.mark.each(2)
        @pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
        @pytest.mark.parametrize("arguments", FULL, ids=" ".join)
        def test_fault_191_a_full_disk_is_one_line_and_status_1(arguments: List[str], unbuffered: str) -> None:
            variables = {"PYTHONUNBUFFERED": unbuffered}
            with Server(answer(GOOD)) as server:
                with open("/dev/full", "wb") as full:
                    with started(*arguments, stdout=full, OLLAMA_HOST=server.url, **variables) as process:
                        done = finished(process)
            assert done == (1, "", error("standard output cannot be written: no space left on device"))


# --- replay


def fixture_file(folder: Any, path: str, body: Any, *lines: bytes, how: str = "complete", pause: float = 0.0) -> str:
    asked_for = {"method": "POST", "path": path, "headers": [], "json": body}
    head = {"version": "1.1", "status": 200, "reason": "OK", "headers": [["Transfer-Encoding", "chunked"]]}
    events: List[Any] = [{"ollama_stream_fixture": 1}, [0, "request", asked_for], [0, "head", head]]
    events += [[pause * (i + 1), "chunk", data.decode()] for i, data in enumerate(lines)]
    events.append([events[-1][0], "end", {"how": how}])
    file = folder / "one.exchange.jsonl"
    file.write_bytes(b"".join(json.dumps(event).encode() + b"\n" for event in events))
    return str(file)


def files_of(*paths: str) -> List[str]:
    found = [os.path.join(root, name) for root, _, names in os.walk(RECORDINGS) for name in names]
    return sorted(name for name in found if name.endswith(".jsonl") and load(name).request.path in paths)


GENERATIONS = files_of("/api/chat", "/api/generate")
OTHERS = files_of("/api/pull", "/api/tags", "/api/version", "/api/embed")


def ident(path: str) -> str:
    return os.path.relpath(path, RECORDINGS).split(".exchange")[0]


def objects(body: bytes) -> List[Any]:
    try:
        return [json.loads(text) for text in body.decode().split("\n") if text]
    except ValueError:
        return []


@pytest.mark.each(4)
@pytest.mark.parametrize("path", GENERATIONS, ids=ident)
def test_a_recorded_answer_is_printed_as_its_text(path: str, capsys: Any) -> None:
    exchange = load(path)
    parts = [part for part in objects(exchange.body()) if isinstance(part, dict)]
    text = "".join((part.get("message") or {}).get("content", "") + part.get("response", "") for part in parts)
    whole = any(part.get("done") or "_debug_info" in part for part in parts)
    status = cli.main(["replay", "--speed", "0", path])
    assert (status, capsys.readouterr().out) == (0 if whole else 1, text)


@pytest.mark.parametrize("path", OTHERS, ids=ident)
def test_a_recorded_answer_of_another_endpoint_is_printed_line_by_line(path: str, capsys: Any) -> None:
    exchange = load(path)
    assert exchange.head is not None
    parts = objects(exchange.body())
    failed = exchange.head.status >= 300 or any("error" in part for part in parts)
    status = cli.main(["replay", "--speed", "0", path])
    printed = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (status, printed) == (int(failed), [part for part in parts if "error" not in part])


def test_a_recording_is_replayed_by_a_process() -> None:
    path = os.path.join(RECORDINGS, "ollama-0.32.15", "chat-thinking-once.exchange.jsonl")
    done = cli_run("replay", "--speed", "0", "--stats", path)
    assert done[:2] == (0, "17 × 23 = **391**")
    assert done.err.startswith("17 * 23 = 17 * 20 + 17 * 3 = 340 + 51 = 391.\nfirst token after")


ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
REQUESTS_REFUSED = [
    # id, the recorded body: our own call would refuse it or mean something else
    ("think", dict(ASK, think=5)),
    ("unknown field", dict(ASK, novelty=1)),
    ("a field like an argument", dict(ASK, timeout=1)),
    ("self", dict(ASK, self=1)),
    ("no object", [1]),
    ("no model", dict(ASK, model="")),
]


@pytest.mark.parametrize("body", [row[1] for row in REQUESTS_REFUSED], ids=[row[0] for row in REQUESTS_REFUSED])
def test_a_recorded_request_that_is_no_call_of_ours_is_sent_as_recorded(body: Any, tmp_path: Any, capsys: Any) -> None:
    path = fixture_file(tmp_path, "/api/chat", body, LINE, DONE)
    assert cli.main(["replay", "--speed", "0", path]) == 0
    assert [json.loads(text) for text in capsys.readouterr().out.splitlines()] == [json.loads(LINE), json.loads(DONE)]


@pytest.mark.parametrize("recorded, streamed", [({}, True), ({"stream": True}, True), ({"stream": False}, False)])
def test_a_recorded_request_is_streamed_where_it_was(recorded: Dict[str, Any], streamed: bool) -> None:
    request = RecordedRequest("POST", "/api/chat", [], json=dict(ASK, **recorded))
    with Server(answer(response("200 OK", DONE))) as server:
        called = cli_replay.recorded_call(Client(server.url), request)
        assert [part.done for part in (called if streamed else [called])] == [True]
        assert json.loads(server.peer().request_body)["stream"] is streamed


@pytest.mark.parametrize(
    "lines", [[LINE, DONE], [b'{"response":"Hi"}\n', b'{"response":"","done":true}\n']], ids=["chat", "generate"]
)
def test_a_plain_response_body_is_replayed(lines: List[bytes], tmp_path: Any, capsys: Any) -> None:
    file = tmp_path / "hello.ndjson"
    file.write_bytes(b"".join(lines))
    assert (cli.main(["replay", str(file)]), *capsys.readouterr()) == (0, "Hi", "")


def test_a_recording_that_was_cut_is_status_1(tmp_path: Any) -> None:
    path = fixture_file(tmp_path, "/api/chat", ASK, LINE, how="eof")
    text = "the connection closed between chunks, before the last one; the answer is cut off after 2 characters"
    assert cli_run("replay", path) == (1, "Hi", error("%s: %s" % (path, text)))


PACES = [
    # id, arguments, seconds between the recorded lines, seconds that the replay takes at least and at most
    ("as recorded", [], 0.15, 0.3, PATIENCE),
    ("faster", ["--speed", "1e6"], 3600.0, 0.0, PATIENCE),
    ("at once", ["--speed", "0"], 3600.0, 0.0, PATIENCE),
]


@pytest.mark.parametrize("arguments, pause, least, most", [row[1:] for row in PACES], ids=[row[0] for row in PACES])
def test_the_pace_is_the_recorded_one_by_the_speed(
    arguments: List[str], pause: float, least: float, most: float, tmp_path: Any, capsys: Any
) -> None:
    before = time.monotonic()
    status = cli.main(["replay", *arguments, fixture_file(tmp_path, "/api/chat", ASK, LINE, DONE, pause=pause)])
    assert (status, capsys.readouterr().out) == (0, "Hi")
    assert least <= time.monotonic() - before < most


def test_a_fixture_that_is_missing_is_one_line_and_status_1(tmp_path: Any) -> None:
    path = str(tmp_path / "none.exchange.jsonl")
    assert cli_run("replay", path) == (1, "", error("%s: cannot be read: No such file or directory" % path))


def test_a_bad_fixture_is_one_line_with_the_file_and_the_line_number(tmp_path: Any) -> None:
    path = fixture_file(tmp_path, "/api/chat", ASK, LINE, DONE)
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    with open(path, "wb") as file:
        file.write(b"\n".join([*lines[:3], b"[0, nonsense]", *lines[3:]]))
    done = cli_run("replay", path)
    assert done[:2] == (1, "")
    assert re.fullmatch(error(r".*one\.exchange\.jsonl.*\b4\b.*"), done.err)


PLAIN_FILES = [  # id, the file, the error
    ("empty", b"", "the file is empty"),
    ("text", b"# A heading\n", "line 1 of the body: not JSON ('# A heading')"),
    ("no last record", LINE, "the body ended before the record that ends an answer; the answer is cut off after 2 "
     "characters"),
    ("blank", b"\n", "the body ended before the record that ends an answer; nothing of the answer had arrived"),
]  # fmt: skip


@pytest.mark.parametrize("data, text", [row[1:] for row in PLAIN_FILES], ids=[row[0] for row in PLAIN_FILES])
def test_an_error_of_replay_names_the_file_and_does_not_advise_to_ask_it_again(
    data: bytes, text: str, tmp_path: Any, capsys: Any
) -> None:
    file = tmp_path / "notes.md"
    file.write_bytes(data)
    assert (cli.main(["replay", str(file)]), capsys.readouterr().err) == (1, error("%s: %s" % (file, text)))


# --- the module


# The import of the command line is where Ctrl-C comes.
INTERRUPTED = """if True:
    import runpy, sys
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "ollama_stream.cli":
                raise KeyboardInterrupt
    sys.meta_path.insert(0, Finder())
    runpy.run_module("ollama_stream", run_name="__main__")
"""


def test_fault_190_ctrl_c_while_modules_are_loaded_is_status_130() -> None:
    assert cli_process(command=[sys.executable, "-c", INTERRUPTED]) == (130, "", "")


def test_the_command_line_loads_argparse_when_it_is_used() -> None:
    program = "import ollama_stream.cli, ollama_stream.__main__, sys; print(*sys.modules)"
    loaded = cli_process(command=[sys.executable, "-I", "-c", "import sys; sys.path.insert(0, %r); %s" % (ROOT, program)])
    heavy = {"argparse", "asyncio", "email", "http.client", "socket", "ssl"}
    assert sorted(heavy & set(loaded.out.split())) == []
    assert "ollama_stream.cli" in loaded.out.split()
