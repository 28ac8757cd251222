"""What the commands do, as processes against the replay server; what each prints everywhere: test_cli_everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from argparse import Namespace
from pathlib import Path
from typing import Any, Dict, List

import pytest
from support import (
    DONE, GOOD, HEAD, LINE, PATIENCE, ROOT, Server, answer, chunk, fin, interrupt, line, read_request, response, seeds,
)  # fmt: skip
from test_cli import Done, cli_process, cli_run, error, finished, message, started, stream

from ollama_stream import FixtureError
from ollama_stream.cli import chat, conform, doctor as cli_doctor, models, program as cli, transfer
from ollama_stream.cli.output import Wrapper, figures
from ollama_stream.fixture import load
from ollama_stream.replay import serve

NEW = Path(ROOT, "fixtures", "recordings", "ollama-0.34.4")
OLD = Path(ROOT, "fixtures", "recordings", "ollama-0.32.15")
AGES = re.compile(r"(?:(?:\d+ \w+|About an? \w+|Less than a second) (?:ago|from now))")


def ageless(text: str) -> str:
    return AGES.sub("AGE", text)


PULL = "pulling manifest\npulling b179c9523d0e\nverifying sha256 digest\nwriting manifest\nsuccess\n"
COMMANDS = [  # words, what is played, the output; without options each stands in test_cli_everywhere
    (["ls", "LLAMA"], str(NEW / "tags.exchange.jsonl"),
     "NAME               ID              SIZE     MODIFIED\nllama3.2:latest    b0bdd7bdc7a7    98 MB    AGE\n"),
    (["show", "m", "--system"], str(NEW / "show.exchange.jsonl"), "You are a careful assistant.\n"),
    (["version", "--json"], str(NEW / "version.exchange.jsonl"), '{"version": "0.34.4", "client": "0.2.0"}\n'),
]  # fmt: skip


def ident(row: Any) -> str:
    return " ".join(row[0])


@pytest.mark.parametrize("row", COMMANDS, ids=ident)
def test_a_command_on_a_pipe(row: Any) -> None:
    words, path, expected = row
    with serve(path, level="path") as server:
        done = cli_run(*words, "--host", server.url)
    assert Done(done.status, ageless(done.out), done.err) == (0, expected, "")


@pytest.mark.parametrize("words", [["list"], ["ps"], ["show", "m"]], ids=" ".join)
def test_with_json_a_command_prints_the_whole_answer(words: List[str]) -> None:
    name = {"list": "tags", "ps": "ps-real", "show": "show"}[words[0]]
    exchange = load(str(NEW / (name + ".exchange.jsonl")))
    with serve(exchange, level="path") as server:
        done = cli_run(*words, "--json", "--host", server.url)
    printed = json.loads(done.out)
    assert (done.status, done.err) == (0, "")
    if words == ["list"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", printed["models"][0]["modified_at"])
    assert set(printed) == {key for key, value in json.loads(exchange.body()).items() if value is not None}


def test_embed_prints_a_vector_a_line() -> None:
    body = json.loads(load(str(OLD / "embed.exchange.jsonl")).body())
    with serve(str(OLD / "embed.exchange.jsonl"), level="path", repeat="last") as server:
        done = cli_run("embed", "m", "a", "b", "--host", server.url)
        piped = cli_run("embed", "m", "--host", server.url, stdin=b"a\nb\n")
    assert [json.loads(text) for text in done.out.splitlines()] == body["embeddings"]
    assert (done.status, done.err, piped) == (0, "", done)


def test_pull_prints_a_line_a_status_on_a_pipe() -> None:
    with serve(str(NEW / "pull.exchange.jsonl"), level="path") as server:
        done = cli_run("pull", "m", "--host", server.url)
    assert done == (0, PULL, "")


def test_pull_that_is_cut_off_says_that_it_goes_on_where_it_was_and_status_4() -> None:
    with Server(answer(HEAD + chunk(b'{"status":"pulling manifest"}\n'), fin)) as server:
        done = cli_run("pull", "m", "--host", server.url)
    assert done[:2] == (4, "pulling manifest\n")
    assert done.err.endswith("; the same command goes on where this one stopped\n")


def test_create_sends_what_the_options_say(tmp_path: Path) -> None:
    with Server(answer(response("200 OK", b'{"status":"success"}\n'))) as server:
        words = ["create", "brief", "--from", "m", "--system", "Be brief.", "-p", "temperature=0", "--host", server.url]
        assert cli_run(*words) == (0, "success\n", "")
        body = json.loads(server.peer().request_body)
    assert body == {
        "model": "brief", "stream": True, "from": "m", "system": "Be brief.", "parameters": {"temperature": 0}
    }  # fmt: skip


MODELFILE = '''# a comment
FROM llama3.2
PARAMETER temperature 0.5
parameter stop "a b"
PARAMETER stop c
SYSTEM """You are
brief."""
TEMPLATE "{{ .Prompt }}"
MESSAGE user Hi there
LICENSE MIT
'''


def test_a_modelfile_is_read() -> None:
    assert transfer.parse_modelfile(MODELFILE.encode(), "f") == {
        "from_": "llama3.2", "parameters": {"temperature": 0.5, "stop": ["a b", "c"]}, "system": "You are\nbrief.",
        "template": "{{ .Prompt }}", "messages": [{"role": "user", "content": "Hi there"}], "license": ["MIT"],
    }  # fmt: skip


def test_a_wrong_modelfile_is_one_line_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text("FROM a\nNONSENSE b\n")
    path = str(tmp_path / "Modelfile")
    done = cli_run("create", "x", "-f", path)
    words = "FROM, ADAPTER, PARAMETER, TEMPLATE, SYSTEM, LICENSE, MESSAGE, REQUIRES, RENDERER, PARSER"
    assert done == (2, "", error("%s, line 2: expected one of %s" % (path, words)))


# --- run


def sent(*words: str, stdin: bytes = b"") -> Any:
    """The messages that ``run m`` with these words sends."""
    with Server(answer(GOOD)) as server:
        assert cli_run("run", "m", *words, "--host", server.url, stdin=stdin) == (0, "Hi\n", "")
        return json.loads(server.peer().request_body)


PROMPTS = [
    # words, standard input, the prompt
    (["why", "is", "it"], b"", "why is it"),
    (["Summarize."], b"a\nb\n", "a\nb\nSummarize."),
    (["Compare", "-", "with", "c"], b"b", "Compare b with c"),
    (["hi"], b"\n", "hi"),
    ([], b"a\n", "a\n"),
]  # fmt: skip


@pytest.mark.parametrize("words, stdin, prompt", PROMPTS, ids=[" ".join(row[0]) or "none" for row in PROMPTS])
def test_what_is_piped_in_is_never_lost(words: List[str], stdin: bytes, prompt: str) -> None:
    assert sent(*words, stdin=stdin)["messages"] == [{"role": "user", "content": prompt}]


SETTINGS = [  # words, what is sent
    (["-o", "temperature", "0", "-o", "seed=1"], {"options": {"temperature": 0, "seed": 1}}),
    (["--think", "high"], {"think": "high"}),
    (["--think", "--", "x"], {"think": True}),
    (["--think=xhigh"], {"think": "xhigh"}),
    (["--keepalive", "5m"], {"keep_alive": "5m"}),
    (["--no-stream"], {"stream": False}),
]


@pytest.mark.parametrize("words, expected", SETTINGS, ids=[" ".join(row[0]) for row in SETTINGS])
def test_settings_are_sent(words: List[str], expected: Dict[str, Any]) -> None:
    body = response("200 OK", line(done=True))
    with Server(answer(body if "--no-stream" in words else GOOD)) as server:
        assert cli_run("run", "m", "hi", "--host", server.url, *words)[0] == 0
        given = json.loads(server.peer().request_body)
    assert {name: given[name] for name in expected} == expected


def test_a_schema_and_an_image_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"type":"object"}')
    (tmp_path / "i.png").write_bytes(b"\x89PNG")
    body = sent("hi", "-a", str(tmp_path / "i.png"), "--schema", str(tmp_path / "s.json"))
    assert body["format"] == {"type": "object"}
    assert body["messages"] == [{"role": "user", "content": "hi", "images": ["iVBORw=="]}]


def test_header_fields_are_sent() -> None:
    with Server(answer(GOOD)) as server:
        assert cli_run("run", "m", "hi", "-H", "X-One: a b", "--header", "X-Two=c", "--host", server.url)[0] == 0
        assert {b"X-One: a b", b"X-Two: c"} <= set(server.peer().request_head)


def test_with_json_the_records_are_printed_as_they_came() -> None:
    exchange = load(str(OLD / "chat-stream.exchange.jsonl"))
    with serve(exchange, level="path") as server:
        done = cli_run("run", "llama3.2", "hi", "--json", "--host", server.url)
    assert (done.status, done.out.encode(), done.err) == (0, exchange.body(), "")


def test_with_json_an_error_is_an_object() -> None:
    with Server(answer(stream(LINE, b'{"error":"out of memory"}\n'))) as server:
        done = cli_run("run", "m", "hi", "--json", "--host", server.url)
        text = "out of memory (%s)" % server.url
    assert (done.status, done.err) == (1, "")
    assert [json.loads(one) for one in done.out.splitlines()] == [json.loads(LINE), {"error": text}]


def test_with_json_a_tool_is_sent_too(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("def add(a: int, b: int) -> int:\n    return a + b\n")
    with Server(answer(GOOD)) as server:
        done = cli_run("run", "m", "hi", "--json", "--tool", str(tmp_path / "tools.py:add"), "--host", server.url)
        sent = json.loads(server.peer().request_body)
    assert (done.status, [one["function"]["name"] for one in sent["tools"]]) == (0, ["add"])


def test_n_leaves_the_last_newline_off() -> None:
    with Server(answer(GOOD)) as server:
        assert cli_run("run", "m", "hi", "-n", "--host", server.url) == (0, "Hi", "")


def test_hidden_thinking_is_not_printed() -> None:
    with Server(answer(stream(message(thinking="Hm"), LINE, DONE))) as server:
        assert cli_run("run", "m", "hi", "--hidethinking", "--host", server.url) == (0, "Hi\n", "")


def test_a_tool_is_called(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("def add(a: int, b: int) -> int:\n    'Add.'\n    return a + b\n")
    call = {"function": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    first = stream(message(tool_calls=[call]), DONE)
    with Server(answer(first, read_request, GOOD)) as server:
        done = cli_run("run", "m", "hi", "--tool", "%s:add" % (tmp_path / "tools.py"), "--host", server.url)
        asked = json.loads(server.peer().request_body)["messages"]
    assert done == (0, "Hi\n", 'tool call: {"function":{"name":"add","arguments":{"a":1,"b":2}}}\n')
    assert asked[-1] == {"role": "tool", "content": "3", "tool_name": "add"}


WRONG_TOOLS = [
    ("none.py:f", "expected FILE.py:NAME of a file that is there"), ("FILE:g", "there is no function g in the file")
]  # fmt: skip


@pytest.mark.parametrize("tool, text", WRONG_TOOLS, ids=[row[0] for row in WRONG_TOOLS])
def test_a_tool_that_is_none_is_status_2(tool: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("")
    tool = tool.replace("FILE", str(tmp_path / "t.py"))
    assert cli_run("run", "m", "hi", "--tool", tool) == (2, "", error("--tool %s: %s" % (tool, text)))


AWAY = "; there is no folder away here: go to where it is"
ELSEWHERE = {  # a file in a folder that is not here, or a program that is nowhere
    "vendor --output away/carried.py": "away/carried.py: cannot be written: no such file or directory" + AWAY,
    "run m hi --record away/f --host 127.0.0.1:1": "away/f: cannot be written: no such file or directory" + AWAY,
    "run m hi --schema away/f --host 127.0.0.1:1": "away/f: cannot be read: no such file or directory" + AWAY,
    "conform --recordings %s -- no-such-program" % NEW:
        "no-such-program cannot be run: no such file or directory; behind -- stand a program and its arguments",
}  # fmt: skip


@pytest.mark.parametrize("words", ELSEWHERE, ids=[words.split()[0] for words in ELSEWHERE])
def test_what_is_not_here_is_told_with_what_to_do(words: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli_run(*words.split())[1:] == ("", error(ELSEWHERE[words]))


def test_record_writes_an_exchange_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "one.exchange.jsonl"
    exchange = load(str(OLD / "chat-one-word.exchange.jsonl"))
    with serve(exchange, level="path", repeat="last") as server:
        words = ["run", "llama3.2", "hi", "--host", server.url, "--record", str(path)]
        assert cli_run(*words, OLLAMA_API_KEY="secret-secret") == (0, "Hello\n", "")
        assert cli_run(*words) == (1, "", error("%s: cannot be written: file exists (--force replaces it)" % path))
        assert cli_run(*words, "--force") == (0, "Hello\n", "")
    assert (load(path).body(), b"secret-secret" in path.read_bytes()) == (exchange.body(), False)


UNWRITABLE = [["run", "m", "hi", "--record"], ["bench", "m", "--svg"]]


@pytest.mark.parametrize("words", UNWRITABLE, ids=" ".join)
@pytest.mark.parametrize("there", [False, True], ids=["no folder", "a file is there"])
def test_a_file_that_cannot_be_written_is_said_before_anything_is_sent(
    words: List[str], there: bool, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "one.exchange.jsonl" if there else tmp_path / "away" / "one.exchange.jsonl"
    if there:
        path.write_text("mine")
    with Server(answer(GOOD)) as server:
        assert cli.main([*words, str(path), "--host", server.url]) == 1
        assert server.peers == []
    why = "file exists (--force replaces it)" if there else "no such file or directory"
    assert capsys.readouterr() == ("", error("%s: cannot be written: %s" % (path, why)))
    assert not there or path.read_text() == "mine"


DASHES = [  # words, the model or models that are asked for
    (["rm", "--", "-n", "--force"], ["-n", "--force"]),
    (["rm", "a", "--", "-n"], ["a", "-n"]),
    (["stop", "--", "--"], ["--"]),
    (["run", "--think", "--", "-m", "--system"], ["-m"]),
]


@pytest.mark.parametrize("words, models", DASHES, ids=[" ".join(row[0]) for row in DASHES])
def test_behind_two_dashes_nothing_is_an_option(words: List[str], models: List[str], monkeypatch: Any) -> None:
    done = response("200 OK", b"{}")
    with Server(answer(done, *[read_request, done] * (len(models) - 1))) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        cli.main(words)
        asked = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.peer().requests]
    assert [one["model"] for one in asked] == models
    assert words[0] != "run" or asked[0]["messages"] == [{"role": "user", "content": "--system"}]


def test_wire_shows_every_byte_but_no_credentials() -> None:
    with Server(answer(GOOD)) as server:
        done = cli_run("run", "m", "hi", "--wire", "--host", server.url, OLLAMA_API_KEY="secret-secret")
    assert done[:2] == (0, "Hi\n")
    assert "secret-secret" not in done.err
    lines = [re.sub(r" +# .*", "", text[11:]).rstrip() for text in done.err.splitlines()]
    assert lines[0] == "> POST /api/chat HTTP/1.1<CR><LF>"
    assert "> Authorization: REDACTED<CR><LF>" in lines
    assert [text for text in lines if text.startswith("<")] == [
        "< HTTP/1.1 200 OK<CR><LF>", "< Content-Type: application/x-ndjson<CR><LF>",
        "< Transfer-Encoding: chunked<CR><LF>", "< <CR><LF>", "< %x<CR><LF>" % len(LINE),
        "< %s<LF>" % LINE.decode().rstrip(), "< <CR><LF>", "< %x<CR><LF>" % len(DONE),
        "< %s<LF>" % DONE.decode().rstrip(), "< <CR><LF>", "< 0<CR><LF>", "< <CR><LF>",
    ]  # fmt: skip


def test_wire_goes_the_way_through_a_proxy_too() -> None:
    with Server(answer(GOOD)) as proxy:
        done = cli_run("run", "m", "hi", "--wire", "--host", "http://ollama.invalid", HTTP_PROXY=proxy.url)
        assert proxy.peer().request_head[0] == b"POST http://ollama.invalid/api/chat HTTP/1.1"
    assert done[:2] == (0, "Hi\n")


def test_wire_works_with_every_command_that_asks_a_server() -> None:
    with serve(str(NEW / "version.exchange.jsonl"), level="path") as server:
        done = cli_run("version", "--wire", "--host", server.url)
    assert (done.status, done.err.splitlines()[0][11:44]) == (0, "> GET /api/version HTTP/1.1<CR><LF>"[:33])


# --- doctor, bench, conform


def test_doctor_says_ok_step_by_step_and_status_0() -> None:
    files = [str(NEW / (name + ".exchange.jsonl")) for name in ("tags", "ps-real", "version", "show")]
    files.append(str(OLD / "chat-stream.exchange.jsonl"))
    with serve(files, level="path", repeat="last") as server:
        done = cli_run("doctor", "smollm2:135m", "--host", server.url)
        out = re.sub(r"\d+(\.\d)? (ms|s)\b", "N", done.out)
    assert done.status == 0, done
    assert out == (
        "host       ok   %s, from --host\nproxy      ok   none\nname       ok   127.0.0.1 is 127.0.0.1\n"
        "connect    ok   in N\nversion    ok   ollama 0.34.4\n"
        "models     ok   q38:latest, inf:latest, rq:latest, g4:latest, llama3.2:latest, qwen3:0.6b, smollm2:135m\n"
        "memory     ok   smollm2:135m (0 B, Unknown, context 512)\n"
        "context    ok   512 of the 8192 tokens that it can: -o num_ctx=8192 for longer prompts\n"
        "token      ok   after N\n" % server.url
    )


def test_doctor_says_what_to_do_and_status_1() -> None:
    from support import closed_port

    url = "http://127.0.0.1:%d" % closed_port()
    done = cli_run("doctor", "--host", url)
    lines = done.out.splitlines()
    assert (done.status, done.err, len(lines)) == (1, "", 4)
    assert lines[3].startswith("connect    FAIL Failed to connect to Ollama.")


@pytest.mark.parametrize("parameters", ["num_ctx many", "num_ctx", "num_ctx \u00b2", 5])
def test_doctor_takes_odd_parameters_of_a_model_for_none_245(parameters: Any) -> None:
    from support import Server, answer, response

    says = {"version": "1", "models": [{"name": "m"}], "model_info": {"m.context_length": "big"}, "parameters": parameters,
            "message": {"content": "Hi"}, "done": True}  # fmt: skip
    with Server(*[answer(response("200 OK", json.dumps(says).encode(), Connection="close"))] * 8) as server:
        done = cli_run("doctor", "m", "--host", server.url)
    assert (done.status, done.err) == (0, "")
    assert "context    ok   4096 tokens\n" in done.out


@pytest.mark.parametrize("limit", [[], ["--timeout", "0.1"]], ids=["of its own", "--timeout"])
def test_doctor_gives_up_on_a_server_that_is_silent_and_says_what_to_do(limit: List[str], monkeypatch: Any) -> None:
    from support import Server, answer

    released = threading.Event()
    monkeypatch.setattr(cli_doctor, "LIMITS", cli_doctor.LIMITS._replace(first_byte=0.1))
    with Server(answer(released)) as server:
        done = cli_run("doctor", "m", "--host", server.url, *limit)
        released.set()
    assert (done.status, done.err) == (1, "")
    assert done.out.splitlines()[3:] == [
        "connect    FAIL it takes connections and has been silent for 0.1 s: is it Ollama that listens there? then it is stuck: "
        "look at its log, or start it again (--timeout waits longer)"
    ]  # fmt: skip


def test_doctor_waits_longer_for_a_first_token_than_for_what_needs_no_model(monkeypatch: Any) -> None:
    from support import Server, answer, response

    released = threading.Event()
    says = {"version": "1", "models": [{"name": "m"}], "model_info": {"m.context_length": 8}}
    good = [answer(response("200 OK", json.dumps(says).encode(), Connection="close"))] * 6
    monkeypatch.setattr(cli_doctor, "FIRST_TOKEN", cli_doctor.LIMITS._replace(first_byte=0.1))
    with Server(*good, answer(released)) as server:
        done = cli_run("doctor", "m", "--host", server.url)
        released.set()
    assert (done.status, done.out.splitlines()[-1]) == (1, "token      FAIL no answer yet (first_byte; the model may still be "
        "loading): 0.1 s have passed; raise it with --timeout (%s, from --host)" % server.url)  # fmt: skip


def test_bench_prints_a_row_a_run() -> None:
    files = [str(OLD / "generate-load.exchange.jsonl"), str(OLD / "chat-stream.exchange.jsonl")]
    with serve(files, level="path", repeat="last") as server:
        done = cli_run("bench", "llama3.2", "--runs", "2", "--host", server.url)
        figures = json.loads(cli_run("bench", "llama3.2", "--runs", "1", "--json", "--host", server.url).out)
    assert (done.status, done.err) == (0, "")
    assert [text.split()[0] for text in done.out.splitlines()] == ["RUN", "cold", "warm", "warm"]
    assert [one["run"] for one in figures] == ["cold", "warm"]
    assert all(one["first_token"] > 0 and one["tokens_per_second_server"] > 0 for one in figures)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: Any) -> Any:
    """What conform says of two programs, of which one is wrong about every end, by name; of a few faults by default."""
    folder = tmp_path_factory.mktemp("recordings")
    for name in ("chat-one-word", "error-no-done", "chat-joke-stream"):
        (folder / (name + ".exchange.jsonl")).write_bytes((OLD / (name + ".exchange.jsonl")).read_bytes())
    careless = folder / "careless.py"
    careless.write_text(CARELESS)
    programs = {"ours": os.path.join(ROOT, "tests", "programs", "ours.py"), "careless": str(careless)}
    with pytest.MonkeyPatch.context() as patch:
        if not seeds(0):
            patch.setattr(conform, "FAULTS", ("cut@line=1+9", "no-done", "split:1"))
        words = ["conform", "--recordings", str(folder), "--json", "--", sys.executable]
        return {name: cli_run(*words, path) for name, path in programs.items()}


CARELESS = """
import http.client, json, os
connection = http.client.HTTPConnection(os.environ["OLLAMA_HOST"][7:])
connection.request("POST", "/api/chat", "{}")
for line in connection.getresponse():
    print(json.loads(line).get("message", {}).get("content", ""), end="")
"""


def test_conform_finds_nothing_wrong_with_us(verdicts: Any) -> None:
    done = verdicts["ours"]
    assert {one["outcome"] for one in json.loads(done.out)} == {"right"}
    assert (done.status, done.err) == (0, "")


def test_conform_names_what_a_careless_client_takes_for_whole(verdicts: Any) -> None:
    done = verdicts["careless"]
    wrong = {one["case"]: one["why"] for one in json.loads(done.out) if one["outcome"] == "wrong"}
    assert done.status == 1
    assert wrong["error-no-done"] == "status 0 for what is no whole answer (IncompleteStream)"
    assert wrong["chat-joke-stream no-done"] == "status 0 for what is no whole answer (IncompleteStream)"
    assert not {"chat-joke-stream", "chat-one-word", "chat-joke-stream split:1"} & set(wrong)


def test_conform_judges_text_status_and_silence() -> None:
    case = conform.Case("x", load(str(OLD / "chat-one-word.exchange.jsonl")), (), "Hello", None)
    assert conform.fault_of(case, 0, "Hello\n") == ""
    assert conform.fault_of(case, 0, "Hell") == "expected the text 'Hello', found 'Hell'"
    assert conform.fault_of(case, 3, "Hello") == "status 3 for a whole answer"
    cut = case._replace(error=FixtureError("cut"))
    assert conform.fault_of(cut, 0, "Hello") == "status 0 for what is no whole answer (FixtureError)"
    assert [conform.fault_of(cut, 1, text) for text in ("Hello\n", "Hel", "")] == ["", "", ""]
    told = "expected nothing but the text before the failure, 'Hello', found 'Hello, error'"
    assert conform.fault_of(cut, 1, "Hello, error") == told
    slow = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert conform.judged(case, slow, 1).why == "it does not end within 1 s"
    assert conform.judged(case, [sys.executable, "-c", ""], 60)[1:] == ("not asked", "status 0")


def test_conform_says_how_a_command_ended_that_asks_for_nothing() -> None:
    program = "import sys; sys.exit('no such file')"
    done = cli_run("conform", "--only", "*/chat-one-word", "--", sys.executable, "-c", program)
    assert (done.status, done.err) == (1, "")
    why = "status 1, and it said 'no such file'"
    assert done.out.splitlines()[-1] == "the command asks the server at OLLAMA_HOST for nothing: " + why


def test_conform_without_the_recordings_of_the_project_asks_for_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conform, "HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FixtureError, match="recordings: not here; --recordings names a folder of recorded exchanges$"):
        conform.recordings_of(Namespace(recordings=None))


@pytest.mark.parametrize("words", [[], ["--jobs", "1"]], ids=["alone", "behind options of ours"])
def test_the_options_of_the_command_are_its_own(words: List[str]) -> None:
    program = "import sys; sys.exit(' '.join(sys.argv[1:]))"
    rest = ["--", sys.executable, "-c", program, "--only", "x", "--", "-n"]
    done = cli_run("conform", "--only", "*/chat-one-word", *words, *rest)
    assert (done.status, done.out.splitlines()[-1].partition("said ")[2]) == (1, "'--only x -- -n'")


# --- pages


def test_completion_knows_every_command_and_its_options() -> None:
    done = cli_run("completion", "bash")
    assert (done.status, done.err) == (0, "")
    assert re.search(r'run\) words="[^"]*--system[^"]*--wire', done.out)
    assert re.search(r'fixture\) words="list show[^"]* --view[^"]*"', done.out)
    for shell in ("zsh", "fish"):
        assert "--keepalive" in cli_run("completion", shell).out.replace("-l keepalive", "--keepalive")


def test_protocol_lists_chapters_and_prints_one_by_number_or_words() -> None:
    titles = re.findall(r"(?m)^## (.*)$", Path(ROOT, "ollama_stream", "PROTOCOL.md").read_text(encoding="utf-8"))
    done = cli_run("protocol")
    assert (done.status, done.err, done.out.splitlines()[-len(titles) :]) == (0, "", titles)
    assert cli_run("protocol", "4").out.splitlines()[0] == "## " + titles[3]
    assert cli_run("protocol", *titles[3].split()[1:]).out.splitlines()[0] == "## " + titles[3]
    text = "there is no chapter 'nonsense'; without one, their titles are listed"
    assert cli_run("protocol", "nonsense") == (2, "", error(text))


# --- what is computed

BYTES = [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2019393189, "2.0 GB"), (98000000, "98 MB"), (10**13, "10 TB"),
         ("", ""), (None, "")]  # fmt: skip


@pytest.mark.parametrize("size, shown", BYTES, ids=[repr(row[0]) for row in BYTES])
def test_sizes_are_written_as_ollama_does(size: Any, shown: str) -> None:
    assert models.human_bytes(size) == shown


DURATIONS = [(0.5, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"),
             (150, "2 minutes"), (3600, "About an hour"), (7300, "2 hours"), (86400, "24 hours"), (172800, "2 days"),
             (86400 * 14, "2 weeks"), (86400 * 61, "2 months"), (86400 * 800, "2 years")]  # fmt: skip


@pytest.mark.parametrize("seconds, shown", DURATIONS, ids=[row[1] for row in DURATIONS])
def test_durations_are_written_as_ollama_does(seconds: float, shown: str) -> None:
    assert models.human_duration(seconds) == shown


def test_figures_of_odd_types_are_shown_as_they_came_245() -> None:
    from ollama_stream import ChatResponse

    record = ChatResponse(eval_count="5", total_duration="2s", load_duration=-1500000000, prompt_eval_count=True)
    assert figures(record, None) == [
        ("prompt tokens", "true"), ("tokens", "5"), ("load", "-1.500 s"), ("total", "2s")
    ]  # fmt: skip


ODD = {"eval_count": "5", "eval_duration": "2s", "prompt_eval_count": [1], "total_duration": 1.5, "load_duration": True}


def test_views_and_pictures_of_figures_of_odd_types_are_made_245(tmp_path: Path, capsys: Any) -> None:
    from ollama_stream.cli import main

    path = tmp_path / "odd.ndjson"
    path.write_bytes(LINE + line("", True, **ODD))
    for words in ([], ["--view", "records"], ["--svg", "-"], ["--svg", "-", "--as", "sequence"]):
        assert main(["fixture", "show", str(path), *words]) == 0
    assert "tokens 5" in capsys.readouterr().out
    assert main(["replay", str(path), "--stats"]) == 0


def test_cached_tokens_are_in_the_figures() -> None:
    with serve(str(NEW / "chat-cached.exchange.jsonl"), level="path") as server:
        done = cli_run("run", "m", "hi", "--verbose", "--host", server.url)
    assert re.search(r"(?m)^of them cached +\d+$", done.err)


WRAPPED = [
    # pieces, width, lines
    (["The sky ", "looks", " blue"], 10, "The sky\nlooks blue"),
    (["abcdefghijklmn op"], 10, "abcdefghijklmn op"),
    (["a\n\n  b"], 10, "a\n\n  b"),
    (["日本語日本語"], 6, "日本語\n日本語"),
    (["x" * 10, " y"], 10, "x" * 10 + "\ny"),
]


@pytest.mark.parametrize("pieces, width, lines", WRAPPED, ids=[row[2] for row in WRAPPED])
def test_lines_break_between_words_whatever_the_pieces(pieces: List[str], width: int, lines: str) -> None:
    for cut in (pieces, list("".join(pieces))):
        wrapper = Wrapper(width)
        assert "".join(map(wrapper.wrapped, cut)) + wrapper.placed() == lines


def test_paths_of_images_in_a_prompt_are_images(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(b"x")
    path = str(tmp_path / "a b.png")
    assert chat.with_images("What is '%s' ?" % path) == ("What is ?", [path])
    assert chat.with_images("no.png here's") == ("no.png here's", [])


# --- on a terminal

if os.name == "posix":
    from terminals import CTRL_C, on_terminal

    SKY = "The sky looks blue because of **Rayleigh scattering**. "
    SKY += "Short wavelengths are scattered far more than long ones."
    DUMB = "Thinking...\n%s\n...done thinking.\n%s\n"
    THOUGHT = (
        "The user asks why the sky is blue. I should mention Rayleigh scattering, the fourth power law, and why it is "
        "not violet."
    )

    def folded(text: str, columns: int) -> str:
        from textwrap import fill

        return fill(text, columns, break_long_words=False, break_on_hyphens=False)

    @pytest.mark.each(2)
    @pytest.mark.parametrize("columns", [80, 20])
    @pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=["dumb", "no color"])
    def test_where_a_terminal_cannot_thinking_is_framed_and_there_is_no_escape(
        columns: int, variables: Dict[str, str]
    ) -> None:
        with serve(str(OLD / "chat-thinking.exchange.jsonl"), level="path") as server:
            done = on_terminal("run", "m", "hi", "--host", server.url, columns=columns, **variables)
        assert done == (0, DUMB % (folded(THOUGHT, columns), folded(SKY, columns)))

    def test_thinking_is_dim_where_a_terminal_can() -> None:
        with serve(str(OLD / "chat-thinking.exchange.jsonl"), level="path") as server:
            done = on_terminal("run", "m", "hi", "--host", server.url)
        assert re.sub(r"\x1b\[(2|0)m", "", done.text) == "%s\n%s\n" % (folded(THOUGHT, 80), folded(SKY, 80))
        assert done.text.startswith("\x1b[2mThe\x1b[0m")

    @pytest.mark.each(2)
    @pytest.mark.parametrize("columns", [80, 20])
    def test_pull_draws_a_bar_that_fits(columns: int) -> None:
        with serve(str(NEW / "pull.exchange.jsonl"), level="path") as server:
            done = on_terminal("pull", "m", "--host", server.url, columns=columns)
        lines = [text.rpartition("\r")[2].rstrip() for text in done.text[:-1].split("\n")]
        assert (done.status, lines[0], lines[-1]) == (0, "pulling manifest", "success")
        assert max(len(part.rstrip()) for text in done.text.split("\n") for part in text.split("\r")) < columns
        assert re.match(r"(pulling )?b179c9523d0e: +\d+%", lines[1])

    def test_an_ascii_locale_gets_ascii() -> None:
        plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
        with serve(str(NEW / "pull.exchange.jsonl"), level="path") as server:
            done = on_terminal("pull", "m", "--host", server.url, **plain)
        assert (done.status, done.text.isascii()) == (0, True)

    @pytest.mark.each(2)
    @pytest.mark.parametrize("variables", [{}, {"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=["xterm", "dumb", "no color"])
    def test_wire_is_cyan_for_what_is_sent_and_yellow_for_what_comes_where_a_terminal_can(variables: Any) -> None:
        with Server(answer(GOOD)) as server:
            done = on_terminal("version", "--wire", "--host", server.url, **variables)
        marks = re.findall(r"(?m)^(?:\x1b\[(\d+)m)?(?: +[\d.]+)? +([<>]) .*?(?:\x1b\[0m)?$", done.text)
        assert {mark for mark in marks} == ({("", ">"), ("", "<")} if variables else {("36", ">"), ("33", "<")})
        assert not variables or "\x1b" not in done.text

    def test_a_line_says_for_what_one_waits_and_goes() -> None:
        release = threading.Event()
        with Server(answer(release, GOOD)) as server:
            done = on_terminal("run", "m", "hi", "--host", server.url, waiting=True, keys=[("waiting", release.set)])
        waited = r"\rm on 127\.0\.0\.1: waiting \d+ s \(Ctrl-C stops\)"
        assert re.fullmatch("(%s)+\r +\rHi\n" % waited, done.text)

    WAITING = [
        (["list"], "", "NAME    ID    SIZE    MODIFIED\n"), (["stop", "m"], "m on ", ""), (["pull", "m"], "m on ", "success\n"),
    ]  # fmt: skip

    @pytest.mark.parametrize("words, what, shown", WAITING, ids=[row[0][0] for row in WAITING])
    def test_every_command_says_for_what_one_waits(words: List[str], what: str, shown: str) -> None:
        release = threading.Event()
        said = response("200 OK", b'{"models":[],"done":true,"response":"","status":"success"}', Connection="close")
        with Server(answer(release, said)) as server:
            done = on_terminal(*words, "--host", server.url, waiting=True, keys=[("waiting", release.set)])
        assert re.match(r"\r%s127\.0\.0\.1: waiting \d+ s \(Ctrl-C stops\)" % what, done.text), done
        assert (done.status, done.text.rpartition("\r")[2]) == (0, shown)

    def test_ctrl_c_stops_an_answer_and_is_status_130() -> None:
        release = threading.Event()
        with Server(answer(HEAD + chunk(line("Hi ")), release)) as server:
            done = on_terminal("run", "m", "hi", "--host", server.url, "--nowordwrap", keys=[("Hi", b"\x03")])
            release.set()
        assert done == (130, "Hi \n")

    @pytest.mark.each(2)
    @pytest.mark.parametrize("columns", [80, 20])
    def test_a_chat_remembers_and_takes_commands(columns: int, tmp_path: Path) -> None:
        def reply(text: str) -> bytes:
            return stream(line(text), DONE)

        path = str(tmp_path / "talk.jsonl")
        with Server(answer(reply("One"), read_request, reply("Two"), read_request, reply("Three"))) as server:
            done = on_terminal("run", "m", "--host", server.url, columns=columns, TERM="dumb", keys=[
                (">>> ", b"first\n"), (">>> ", b'"""a\n'), ("... ", b'b"""\n'), (">>> ", b"/retry\n"),
                (">>> ", b"/set system Be brief.\n"), (">>> ", b"/show messages\n"), (">>> ", b"/nonsense\n"),
                (">>> ", b"/save %s\n" % path.encode()), (">>> ", b"/clear\n"), (">>> ", b"/load %s\n" % path.encode()),
                (">>> ", b"/save %s\n" % path.encode()), (">>> ", b"/bye\n"),
            ])  # fmt: skip
            asked = [json.loads(one.partition(b"\r\n\r\n")[2])["messages"] for one in server.peer().requests]
        assert done == (0, ">>> One\n\n>>> ... Two\n\n>>> Three\n\n>>> Set.\n>>> system: Be brief.\nuser: first\n"
                        "assistant: One\nuser: a\nb\nassistant: Three\n>>> /nonsense is not a command; /help lists them\n"
                        ">>> Saved 5 messages.\n>>> Cleared.\n>>> Loaded 5 messages.\n"
                        ">>> %s: the file exists; /save --force replaces it\n>>> " % path)  # fmt: skip
        assert [[one["content"] for one in messages] for messages in asked] == [
            ["first"], ["first", "One", "a\nb"], ["first", "One", "a\nb"]
        ]  # fmt: skip

    def test_ctrl_c_stops_an_answer_of_a_chat_and_keeps_it_and_ctrl_d_leaves() -> None:
        release = threading.Event()
        with Server(answer(HEAD + chunk(line("Never ending ")), release), answer(GOOD)) as server:
            done = on_terminal("run", "m", "--host", server.url, TERM="dumb", keys=[
                (">>> ", b"one\n"), ("ending", b"\x03"), (">>> ", b"/retry\n"), (">>> ", b"\x04")
            ])  # fmt: skip
            release.set()
        assert done == (0, ">>> Never ending\n\n>>> Hi\n\n>>> \n")

    TYPED = [(["run", "m", "-"], b"Why?\n\x04"), (["embed", "m"], b"one\n\x04"), (["fixture", "body", "-"], b"x\n\x04")]

    @pytest.mark.each(2)
    @pytest.mark.parametrize("words, typed", TYPED, ids=lambda value: value[0] if isinstance(value, list) else "")
    def test_ctrl_d_ends_what_is_typed_in_place_of_a_file(words: List[str], typed: bytes) -> None:
        played = [str(OLD / "chat-one-word.exchange.jsonl"), str(OLD / "embed-one.exchange.jsonl")]
        shown = {"run": "Hello\n", "embed": "[-0.22902322", "fixture": "x\n"}[words[0]]
        with serve(played, level="path") as server:
            done = on_terminal(*words, keys=[("Ctrl-D", typed)], OLLAMA_HOST=server.url, TERM="dumb")
        assert (done.status, done.text.startswith("reading what is typed; Ctrl-D ends it\n" + shown)) == (0, True), done

    def test_ctrl_c_at_the_prompt_of_a_chat_says_how_to_leave() -> None:
        keys = [(">>> ", b"\x03"), (">>> ", b"\x04")]
        done = on_terminal("run", "m", "--host", "127.0.0.1:1", TERM="dumb", keys=keys)
        assert done == (0, ">>> \nCtrl-D or /bye leaves.\n>>> \n")

    def test_a_chat_remembers_the_lines_that_were_typed_for_their_owner_alone(tmp_path: Path) -> None:
        pytest.importorskip("readline")
        with Server(answer(GOOD)) as server:
            keys = [(">>> ", b"a question\n"), (">>> ", b"/bye\n")]
            done = on_terminal("run", "m", "--host", server.url, keys=keys, XDG_STATE_HOME=str(tmp_path))
        history = tmp_path / "ollama-stream" / "history"
        assert (done.status, "a question" in history.read_text()) == (0, True)
        assert history.stat().st_mode & 0o077 == 0

    def test_a_lost_connection_keeps_the_prompt_of_a_chat() -> None:
        with Server(answer(HEAD + chunk(LINE), fin), answer(GOOD)) as server:
            done = on_terminal("run", "m", "--host", server.url, TERM="dumb", keys=[
                (">>> ", b"one\n"), (">>> ", b"/retry\n"), (">>> ", b"\x04")
            ])  # fmt: skip
        assert done.status == 0
        assert re.fullmatch(r">>> Hi\nthe connection closed .+; /retry asks it again\n>>> Hi\n\n>>> \n", done.text)

    ASKING = [["list"], ["ps"], ["show", "m"], ["pull", "m"], ["push", "m"], ["create", "n", "--from", "m"], ["cp", "a", "b"],
              ["rm", "m"], ["stop", "m"], ["embed", "m", "a"], ["version"], ["bench", "m"], ["doctor"]]  # fmt: skip

    @pytest.mark.each(4)
    @pytest.mark.parametrize("words", ASKING, ids=lambda words: words[0])
    def test_190_ctrl_c_stops_a_command_that_waits_for_its_server(words: List[str]) -> None:
        released = threading.Event()
        with Server(answer(released)) as server:
            with started(*words, OLLAMA_HOST=server.url) as process:
                assert server.peer().asked.wait(PATIENCE)
                interrupt(process)
                done = finished(process)
            released.set()
        assert (done.status, done.err) == (130, "")
        assert words == ["doctor"] or done.out == ""

    def test_doctor_says_at_once_for_what_it_waits() -> None:
        released = threading.Event()
        with Server(answer(released)) as server:
            done = on_terminal("doctor", "--host", server.url, keys=[("waiting", CTRL_C)], waiting=True)
            released.set()
        assert done.status == 130
        assert re.search(r"\ran answer from 127\.0\.0\.1: waiting \d+ s \(Ctrl-C stops\)", done.text), done

    SLOW = (
        '{"ollama_stream_fixture":1}\n[0,"request",{"method":"POST","path":"/api/chat","headers":[]}]\n'
        '[0,"head",{"version":"1.1","status":200,"reason":"OK","headers":[]}]\n[900,"end",{"how":"eof"}]\n'
    )
    SLEEP = ["conform", "--jobs", "1", "--only", "*/chat-one-word", "--", sys.executable, "-c", "import time; time.sleep(600)"]

    @pytest.mark.parametrize("words", [["replay", "slow"], SLEEP], ids=["replay", "conform"])
    def test_190_ctrl_c_stops_what_has_a_server_of_its_own(words: List[str], tmp_path: Path) -> None:
        (tmp_path / "slow").write_text(SLOW)
        words = [str(tmp_path / word) if word == "slow" else word for word in words]
        assert on_terminal(*words, keys=[("waiting", CTRL_C)]).status == 130

    SHELL = """if True:
        import os, signal, sys
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.execv(sys.executable, [sys.executable, "-m", "ollama_stream", *sys.argv[1:]])
        while True:
            _, status = os.waitpid(child, os.WUNTRACED)
            os.tcsetpgrp(0, os.getpgrp())
            if not os.WIFSTOPPED(status):
                sys.exit(os.WEXITSTATUS(status))
            os.write(1, b"[stopped]")
            os.tcsetpgrp(0, child)
            os.kill(child, signal.SIGCONT)
    """
    CTRL_Z = b"\x1a"

    def test_ctrl_z_stops_an_answer_on_a_terminal_and_fg_goes_on() -> None:
        release = threading.Event()
        with Server(answer(HEAD + chunk(line("One ")), release, chunk(line("two")) + chunk(DONE))) as server:
            done = on_terminal("-c", SHELL, "run", "m", "hi", "--host", server.url, "--nowordwrap", TERM="dumb", keys=[
                ("One", CTRL_Z), ("[stopped]", release.set)
            ], command=[sys.executable])  # fmt: skip
        assert done == (0, "One [stopped]two\n")

    @pytest.mark.each(2)
    @pytest.mark.parametrize("term", ["xterm", "dumb"])
    def test_ctrl_z_stops_a_chat_and_fg_goes_on(term: str) -> None:
        with Server(answer(GOOD)) as server:
            done = on_terminal("-c", SHELL, "run", "m", "--host", server.url, TERM=term, keys=[
                (">>> ", CTRL_Z), ("[stopped]", b"one\n"), ("Hi", b"/bye\n")
            ], command=[sys.executable])  # fmt: skip
        assert done.status == 0
        assert "[stopped]" in done.text and "Hi\n" in done.text.partition("[stopped]")[2]

    def test_standard_input_that_is_closed_is_no_input() -> None:
        with Server(answer(GOOD)) as server:
            words = [*("run", "m", "hi", "--host", server.url)]
            done = cli_process(*words, command=["/bin/sh", "-c", 'exec "$0" -m ollama_stream "$@" <&-', sys.executable])
        assert done == (0, "Hi\n", "")

    def test_a_silent_pipe_beside_a_prompt_is_said() -> None:
        with started("run", "m", "hi", "--host", "127.0.0.1:1", stdin=subprocess.PIPE) as process:
            said = process.stderr.readline()
            process.stdin.close()
            assert process.wait(PATIENCE) == 3
        assert said == b"reading standard input too (< /dev/null: none)\n"
