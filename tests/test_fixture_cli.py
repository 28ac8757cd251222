"""The ``fixture`` commands: three views and a picture of a recording, lint, the ways in and out of an exchange file.

Names and ids with a number are numbered faults: 191 of a reader who leaves and a full disk, 228 of hostile text.
"""

from __future__ import annotations

import errno
import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, List, Tuple
from xml.etree import ElementTree

import pytest
import support
from support import PATIENCE, ROOT, environment

from ollama_stream.cli import program as cli
from ollama_stream.fixture import imported, wrapped
from ollama_stream.fixture import Fixture
from ollama_stream.fixture import dumps, lint, load, loads
from ollama_stream.cli.picture import svg
from ollama_stream.cli.sequence import sequence_svg
from ollama_stream.cli.views import VIEWS, hex_view, play, records_view, text_view, wire_view

RECORDINGS = Path(ROOT, "fixtures", "recordings")
FILES = sorted(RECORDINGS.glob("*/*.exchange.jsonl"))
NAMES = [str(file.relative_to(RECORDINGS)).split(".exchange")[0] for file in FILES]
ONE_WORD = str(RECORDINGS / "ollama-0.32.15" / "chat-one-word.exchange.jsonl")
COMMAND = [sys.executable, "-m", "ollama_stream", "fixture"]
HEADER = '{"ollama_stream_fixture":1}'
REQUEST = '[0,"request",{"method":"POST","path":"/api/chat","headers":[]}]'
HEAD = '[0.1,"head",{"version":"1.1","status":200,"reason":"OK","headers":[["Transfer-Encoding","chunked"]]}]'

assert len(FILES) > 100


def fixture(*lines: str) -> Fixture:
    return loads("\n".join([HEADER, REQUEST, *lines, ""]).encode(), "one.exchange.jsonl")


def part(content: str, done: bool = False, **more: Any) -> str:
    message = dict({"role": "assistant", "content": content}, **more)
    return json.dumps({"model": "m", "message": message, "done": done}) + "\n"


def stream(*chunks: Tuple[float, str], how: str = "complete") -> Fixture:
    """A chat answer of these chunks at these times."""
    events = [json.dumps([time, "chunk", data]) for time, data in chunks]
    return fixture(HEAD, *events, json.dumps([chunks[-1][0] if chunks else 0.1, "end", {"how": how}]))


def shown(view: Any, of: Fixture) -> str:
    return "".join(view(of))


def wire(of: Fixture) -> bytes:
    return b"".join(data for _, data in of.wire())


class Done:
    """How ``fixture`` with these arguments ended in this process."""

    def __init__(self, arguments: List[str], capsys: Any) -> None:
        try:
            self.status: Any = cli.main(["fixture", *arguments])
        except SystemExit as exit:
            self.status = exit.code
        self.out, self.err = capsys.readouterr()


@pytest.fixture
def run(capsysbinary: Any) -> Any:
    return lambda *arguments: Done([str(argument) for argument in arguments], capsysbinary)


# --- show: text


def test_the_text_view_is_the_answer_and_a_line_of_figures() -> None:
    done = part("", True)[:-2] + ',"done_reason":"stop","eval_count":2,"eval_duration":1000000000}\n'
    answer = stream((0.25, part("Hi", thinking="Hm,\n")), (0.5, part(" there")), (0.75, done))
    assert shown(text_view, answer) == (
        "[thinking] Hm,\n"
        "Hi there\n"
        "\n"
        "first byte after 0.100 s, first token after 0.250 s, tokens 2, tokens/s 2.0, "
        "generation 1.000 s, ended complete, done_reason stop\n"
    )


TEXTS = [
    # name of a recording, how its text view begins, how it ends
    (
        "ollama-0.32.15/chat-tool-call",
        'Let me look that up.\n[tool call] {"id":"call_sbkupyr9","function":{"index":0,"name":"get_weather",',
        "ended complete, done_reason stop\n",
    ),
    ("ollama-0.32.15/chat-thinking", "[thinking] The user asks why", "ended complete, done_reason stop\n"),
    ("ollama-0.32.15/root", '"Ollama is running"\n', "ended complete\n"),
    (
        "ollama-0.32.15/pull-not-found",
        '{"status": "pulling manifest"}\n',
        "ended ResponseError: pull model manifest: file does not exist\n",
    ),
    ("ollama-0.32.15/chat-nothing", "\nfirst byte after 0.359 s, prompt tokens 84", "done_reason stop\n"),
    ("ollama-0.32.15/error-no-done-once", "Everything is fine so far and\n\n", "; the answer is cut off after 29 characters\n"),
    (
        "ollama-0.24.0/chat-server-killed",
        "The sea. It's a place where\n\n"
        "first byte after 2.456 s, first token after 2.456 s, pieces of text 8, pieces/s 20.6",
        "characters (recorded: the server closed the connection (FIN))\n",
    ),
]


@pytest.mark.parametrize("name, start, end", TEXTS, ids=[row[0] for row in TEXTS])
def test_the_text_view_of_a_recording(name: str, start: str, end: str) -> None:
    text = shown(text_view, load(FILES[NAMES.index(name)]))
    assert (text[: len(start)], text[-len(end) :]) == (start, end)


# --- show: the wire


def test_the_wire_view_explains_the_framing() -> None:
    exchange = fixture(
        '[0.1,"interim",{"version":"1.1","status":100,"reason":"Continue","headers":[]}]',
        HEAD.replace("[0.1", "[0.2"),
        '[0.25,"chunk",["a\\nb\\u001b",{"hex":"e2"}],{"size":"0005","ext":"x=1"}]',
        '[0.25,"note","half\\ntime"]',
        '[0.5,"trailers",[["X-Sum","1"]]]',
        '[0.5,"end",{"how":"complete"}]',
    )
    assert shown(wire_view, exchange).splitlines() == [
        "  0.000000 > POST /api/chat HTTP/1.1<CR><LF> # the request line: method, target, version",
        "           > <CR><LF>                     # an empty line ends the head",
        "  0.100000 < HTTP/1.1 100 Continue<CR><LF> # the status line: version, status, reason; more follows",
        "           < <CR><LF>                     # an empty line ends the head",
        "  0.200000 < HTTP/1.1 200 OK<CR><LF>      # the status line: version, status, reason",
        "           < Transfer-Encoding: chunked<CR><LF>",
        "           < <CR><LF>                     # an empty line ends the head",
        "  0.250000 < 0005;x=1<CR><LF>             # chunk 1: its size in hexadecimal, 5 bytes",
        "           < a<LF>",
        "           < b<1B><E2>",
        "           < <CR><LF>                     # ends the chunk",
        "  0.250000                                # note: half<LF>time",
        "  0.500000 < 0<CR><LF>                    # the last chunk has no bytes",
        "           < X-Sum: 1<CR><LF>             # a trailer",
        "  0.500000 < <CR><LF>                     # an empty line in place of trailers ends the body",
        "                                          # the response is complete",
    ]


def test_the_wire_view_of_what_is_no_whole_chunk() -> None:
    exchange = fixture(
        HEAD, '[0.2,"part","abc",{"of":9}]', '[0.3,"raw","zz\\n"]', '[0.4,"end",{"how":"error","detail":"\\u001b"}]'
    )
    assert shown(wire_view, exchange).splitlines()[-6:] == [
        "  0.200000 < 9<CR><LF>                    # chunk 1: its size in hexadecimal, 9 bytes",
        "           < abc",
        "                                          # 3 of the 9 bytes came",
        "  0.300000                                # piece 2 outside of any framing, as it came: 3 bytes",
        "           < zz<LF>",
        "  0.400000                                # the recording ended with an error: <1B>",
    ]


def bytes_shown(view: str) -> bytes:
    """The bytes of the response that a wire view shows."""
    lines = [line[13:] for line in view.splitlines() if line[10:13] == " < "]
    whole = "".join(line.partition("<LF>")[0] + "<LF>" if "<LF>" in line else line for line in lines)
    named = {"<CR>": "\r", "<LF>": "\n", "<TAB>": "\t"}
    unnamed = re.sub("<U\\+([0-9A-F]+)>", lambda match: chr(int(match.group(1), 16)), whole)
    return re.sub("<(CR|LF|TAB)>", lambda match: named[match.group()], unnamed).encode()


@pytest.mark.each(5)
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_wire_view_has_every_byte_of_the_response(file: Path) -> None:
    exchange = load(file)
    assert bytes_shown(shown(wire_view, exchange)) == wire(exchange)


# --- show: records


def test_the_records_view_says_when_and_in_which_chunks_a_record_came() -> None:
    first, second = part("a"), part("b")
    answer = stream(
        (0.25, first + second[:9]), (0.5, second[9:]), (0.75, part("c") + part("d")), (1.5, part("e")), how="reset"
    )
    record = '{"model": "m", "message": {"role": "assistant", "content": "%s"}, "done": false}'
    lines = shown(records_view, answer).splitlines()
    assert [re.sub('{"model".*"content": "(.)".*}', r"\1", line) for line in lines] == [
        "  0.250000  chunk 1     a",
        "  0.500000  chunk 1-2   b",
        "  0.750000  chunk 3     c",
        "  0.750000  chunk 3     d",
        "  1.500000  chunk 4     e",
        "  1.500000  ConnectionLost: the connection was lost: connection reset by peer; the answer is cut off after 5 "
        "characters (recorded: the connection was reset (RST))",
    ]
    assert sorted(json.loads(lines[0][24:]).items()) == sorted(json.loads(record % "a").items())


def test_a_long_record_is_laid_out_over_several_lines() -> None:
    call = {"function": {"name": "f", "arguments": {"text": "x" * 300}}}
    lines = shown(records_view, stream((0.5, part("", True, tool_calls=[call])))).splitlines()
    assert lines[0] == "  0.500000  chunk 1     {"
    assert json.loads("".join(line[24:] for line in lines[:-1]))["message"]["tool_calls"] == [call]
    assert lines[-1] == "  0.500000  complete"


@pytest.mark.each(5)
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_records_view_has_every_record(file: Path) -> None:
    exchange = load(file)
    played = play(exchange)
    lines = [line for line in shown(records_view, exchange).splitlines() if not line.startswith(" " * 20)]
    assert len(lines) == len(played.arrivals) + 1
    assert [line.split()[0] for line in lines] == [
        "%.6f" % time for time in [*(arrival.time for arrival in played.arrivals), played.time]
    ]


# --- show: hostile text

HOSTILE = "\x1b[2J\x1b]52;c;aGk=\x07\x00\x9b31m\u202e\u2066\u2028\x85\x7f\u200f"


def hostile_file(folder: Path, in_head: bool) -> Path:
    """Such text wherever a file can hold any; a client reads nothing after a head like that."""
    text, head = json.dumps(HOSTILE), HEAD
    if in_head:
        head = HEAD.replace('"OK"', json.dumps("\x1b[2J\x9b"))
        head = head.replace('[["Tr', '[["X",%s],["Tr' % json.dumps("\x1b\x9b\x85"))
    chunk = json.dumps(part("a", thinking=HOSTILE) + part(HOSTILE, tool_calls=[{"function": {"name": HOSTILE}}]))
    bad = json.dumps(json.dumps({"error": HOSTILE}) + "\n" + HOSTILE)
    lines = [
        HEADER[:-1] + ',"note":%s,"server":{%s:%s}}' % (text, text, text),
        REQUEST[:-2] + ',"json":{"model":%s}}]' % text,
        head,
        '[0.2,"note",%s]' % text,
        '[0.2,"chunk",%s]' % chunk,
        '[0.3,"chunk",%s]' % bad,
        '[0.3,"raw",%s]' % text,
        '[0.3,"end",{"how":"error","detail":%s}]' % text,
    ]
    file = folder / "one.exchange.jsonl"
    file.write_bytes("\n".join([*lines, ""]).encode())
    return file


FORMS = [["--view", view] for view in VIEWS] + [["--svg", "-"], ["--svg", "-", "--as", "sequence"]]


@pytest.mark.parametrize("in_head", [False, True], ids=["in the body", "in the head"])
@pytest.mark.parametrize("arguments", FORMS, ids=[form[-1] for form in FORMS])
def test_fault_228_no_view_lets_a_file_control_the_terminal(
    arguments: List[str], in_head: bool, run: Any, tmp_path: Path
) -> None:
    done = run("show", hostile_file(tmp_path, in_head), *arguments)
    assert (done.status, done.err) == (0, b"")
    text = done.out.decode("utf-8")
    assert [char for char in HOSTILE + "\r" if char in text and char not in "[]25;caGk=J31m"] == []


def test_fault_228_lint_and_errors_escape_the_name_of_a_file(run: Any, tmp_path: Path) -> None:
    done = run("lint", str(tmp_path / "a\x1b[2J.ndjson"))
    assert (done.status, b"\x1b" in done.out, done.out.count(b"\\x1b[2J")) == (1, False, 1)
    done = run("show", str(tmp_path / "a\x1b[2J.ndjson"))
    assert (done.status, b"\x1b" in done.err, done.err.count(b"\\x1b[2J")) == (1, False, 1)


# --- show: the picture


def drawn(of: Fixture) -> Any:
    return ElementTree.fromstring(svg(of))


def texts(picture: Any) -> List[str]:
    return [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]


def paths(picture: Any, kind: str) -> List[str]:
    return [path.get("d") for path in picture.iter("{http://www.w3.org/2000/svg}path") if path.get("class") == kind]


@pytest.mark.each(5)
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_picture_is_well_formed_self_contained_and_small(file: Path) -> None:
    data = svg(load(file))
    picture = ElementTree.fromstring(data)
    kinds = {element.tag.rpartition("}")[2] for element in picture.iter()}
    assert kinds <= {"svg", "title", "style", "rect", "text", "path"}
    assert not re.search(rb"href|url\(|@import|\bnan\b|inf[^o]|[eE]\+", data.replace(b"http://www.w3.org/2000/svg", b""))
    assert len(data) < 16384


def numbers(path: str) -> List[float]:
    return [float(number) for number in re.findall(r"-?[0-9.]+", path)]


def test_a_picture_shows_tokens_over_time_and_the_gaps_between_them() -> None:
    answer = stream((0.5, part("", thinking="a")), (1.0, part("b")), (2.0, part("c")), (2.0, part("", True)))
    picture = drawn(answer)
    # From 76 to 676 there are 2 seconds, from 352 up to 104 the three tokens and a margin.
    assert paths(picture, "thinking")[:-1] == ["M76.0 352.0H226.0V272.5"]
    assert paths(picture, "text")[:-1] == ["M226.0 272.5H376.0V193.0H676.0V113.5", "M676.0 113.5H676.0"]
    assert paths(picture, "gap") == ["M376 488.0V448.0M676 488.0V408.0"]
    assert [text for text in texts(picture) if "first byte" in text] == ["first byte after 0.100 s", "first byte after"]
    assert {"pieces so far", "gap before each of them, in s", "seconds since the request was sent"} <= {
        *texts(picture)
    }
    assert texts(picture)[-2:] == ["text", "thinking"]  # of the lines in the corner that say which colour is which


def test_a_picture_marks_where_an_answer_failed_and_says_why() -> None:
    picture = drawn(load(RECORDINGS / "ollama-0.32.15" / "error-runner-crash.exchange.jsonl"))
    bad = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text") if text.get("class") == "small bad"]
    assert " ".join(bad) == (
        "ResponseError: an error was encountered while running the model: CUDA error: an illegal memory access was "
        "encountered"
    )
    assert len(paths(picture, "fault")) == 1


def test_a_picture_without_tokens_says_so() -> None:
    picture = drawn(load(RECORDINGS / "ollama-0.32.15" / "error-busy.exchange.jsonl"))
    assert "no tokens came" in texts(picture)


def test_a_picture_holds_any_text_that_xml_does_not() -> None:
    header = HEADER[:-1] + ',"note":"a<b>&\\"\\ud800\\ufffe\\u0000"}'
    lines = [header, REQUEST, '[0,"end",{"how":"reset"}]']
    exchange = loads("\n".join(lines).encode(), "\udcff<&\uffff.exchange.jsonl")
    assert texts(drawn(exchange))[:2] == [
        "\\udcff<&\\uffff", 'POST /api/chat \u00b7 a<b>&"\\ud800\\ufffe\\x00'
    ]  # fmt: skip


@pytest.mark.parametrize("other", ["response", "thinking"], ids=["text", "text and thinking in turn"])
def test_a_picture_of_5000_tokens_has_no_more_than_a_step_and_a_bar_a_unit_of_its_width(other: str) -> None:
    kinds = ("response", other)
    body = "".join('[%d,"chunk","{\\"%s\\":\\"a\\"}\\n"]\n' % (i, kinds[i // 7 % 2]) for i in range(1, 5001))
    text = "\n".join([HEADER, REQUEST.replace("chat", "generate"), HEAD, body + '[5000,"end",{"how":"eof"}]\n'])
    data = svg(loads(text.encode(), "many.exchange.jsonl"))
    picture = ElementTree.fromstring(data)
    steps = "".join(paths(picture, "text") + paths(picture, "thinking"))
    assert (steps.count("V"), paths(picture, "gap")[0].count("M")) == (601, 601)
    assert len(data) < 65536


def test_of_the_gaps_that_fall_on_one_bar_the_longest_is_shown() -> None:
    picture = drawn(stream((0.5, part("a")), (1.9999, part("b")), (2.0, part("c"))))
    assert paths(picture, "gap") == ["M676 488.0V408.0"]


TIMES = [
    # id, when the head and each of three chunks came
    ("all at 0", [0, 0, 0, 0]),
    ("denormal", [0, 5e-324, 1e-320, 1e-310]),
    ("huge", [0, 1, 1e300, 1.7e308]),
    ("years", [1e5, 1e6, 1e8, 1e8]),
    ("first gap only", [0.1, 0.1, 0.1, 5]),
]


@pytest.mark.parametrize("times", [row[1] for row in TIMES], ids=[row[0] for row in TIMES])
def test_a_picture_of_any_times_stays_in_its_frame(times: List[float]) -> None:
    chunks = [json.dumps([time, "chunk", part("a")]) for time in times[1:]]
    head = HEAD.replace("[0.1", "[%r" % float(times[0]))
    picture = drawn(fixture(head, *chunks, json.dumps([times[-1], "end", {"how": "eof"}])))
    places = [value for kind in ("text", "gap", "grid", "mark", "fault") for path in paths(picture, kind)
              for value in numbers(path)]  # fmt: skip
    assert len(places) > 20
    assert [value for value in places if not 76 <= value <= 676] == []
    assert all(len(text) < 80 for text in texts(picture))


UNITS = [  # when the last of three chunks came, what the axis says
    (0.5, "milliseconds"), (90.0, "seconds"), (600.0, "minutes"), (9000.0, "hours")
]  # fmt: skip


@pytest.mark.parametrize("last, name", UNITS, ids=[row[1] for row in UNITS])
def test_the_axis_of_a_picture_has_a_unit_that_reads(last: float, name: str) -> None:
    picture = drawn(stream((last / 4, part("a")), (last / 2, part("b")), (last, part("c"))))
    assert name + " since the request was sent" in texts(picture)
    assert all(len(text) < 6 for text in texts(picture) if text.replace(".", "").isdigit())


def test_records_are_tokens_where_the_server_counts_as_many_and_else_pieces() -> None:
    def answer(count: int) -> Fixture:
        return stream((0.5, part("a")), (1.0, part("b")), (1.5, part("", True)[:-2] + ',"eval_count":%d}\n' % count))

    assert "tokens (a record each) so far" in texts(drawn(answer(2)))
    assert "pieces so far" in texts(drawn(answer(3)))


def test_a_gap_that_would_flatten_all_others_is_a_broken_bar_with_its_length() -> None:
    picture = drawn(stream(*((time, part("a")) for time in (0.1, 0.2, 0.3, 5.3, 5.4)), (5.4, part("", True))))
    assert "5.000 s" in texts(picture)
    assert len(paths(picture, "ground-line")) == 1


def test_a_long_wait_is_squeezed_and_the_axis_broken() -> None:
    picture = drawn(fixture(
        HEAD.replace("[0.1", "[9.0"), *(json.dumps([time, "chunk", part("a")]) for time in (9.0, 9.5, 10.0)),
        '[10.0,"end",{"how":"complete"}]',
    ))  # fmt: skip
    assert paths(picture, "text")[0].startswith("M76.0 352.0H166.0V")
    assert len(paths(picture, "axis")) == 4


# --- show: the sequence


@pytest.mark.each(5)
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_sequence_is_well_formed_self_contained_and_small(file: Path) -> None:
    data = sequence_svg(load(file))
    kinds = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(data).iter()}
    assert kinds <= {"svg", "title", "style", "rect", "text", "path"}
    assert len(data) < 16384


def test_a_sequence_has_an_arrow_a_message_and_bands_for_what_the_server_did() -> None:
    done = part("", True)[:-2] + ',"load_duration":100000000,"prompt_eval_duration":100000000,"eval_duration":500000000}\n'
    picture = ElementTree.fromstring(sequence_svg(stream((0.25, part("Hi")), (0.5, part(" there")), (0.75, done))))
    assert texts(picture) == [
        "one", "client", "server", "load 0.100 s", "prompt 0.100 s", "answer 0.500 s",
        "0.000 s", "POST /api/chat", "0.100 s", "200 OK", "0.250 s", 'chunk 1, %d bytes: "Hi"' % len(part("Hi")),
        "0.500 s", 'chunk 2, %d bytes: " there"' % len(part(" there")),
        "0.750 s", "chunk 3, %d bytes: done" % len(done),
        "0.750 s", "the response is complete",
    ]  # fmt: skip
    assert (len(paths(picture, "request")), len(paths(picture, "arrow"))) == (2, 8)  # a line and a head each


# --- show: bytes


def test_the_hex_view_has_every_byte_of_the_response() -> None:
    exchange = load(RECORDINGS / "ollama-0.32.15" / "chat-unicode.exchange.jsonl")
    lines = shown(hex_view, exchange).splitlines()
    assert b"".join(bytes.fromhex(text[21:70]) for text in lines) == wire(exchange)
    assert lines[0] == (
        "  %.6f 00000000  48 54 54 50 2f 31 2e 31  20 32 30 30 20 4f 4b 0d  |HTTP/1.1 200 OK.|" % next(exchange.wire())[0]
    )


def test_one_chunk_is_shown_alone(run: Any) -> None:
    done = run("show", ONE_WORD, "--view", "wire", "--chunk", "1")
    assert (done.status, done.out.decode().count("chunk 1:")) == (0, 1)
    assert "chunk 2" not in done.out.decode()
    done = run("show", ONE_WORD, "--chunk", "9")
    assert (done.status, done.err.decode()) == (1, "ollama_stream: chat-one-word: there is no chunk 9; it has 2\n")


# --- list


def test_list_is_a_table_of_a_folder_and_all_below_it(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.exchange.jsonl").write_bytes(Path(ONE_WORD).read_bytes())
    (tmp_path / "b.ndjson").write_text(part("x", True))
    (tmp_path / "README.md").write_text("no fixture")
    done = run("list", tmp_path)
    assert (done.status, done.err) == (0, b"")
    assert done.out.decode() == (
        "NAME        REQUEST           MODEL       STATUS    PIECES    SECONDS    ENDED\n"
        "b.ndjson    POST /api/chat                200       1         0.0        complete\n"
        "a/one       POST /api/chat    llama3.2    200       2         0.4        complete\n"
    )


def test_list_names_what_is_no_exchange_and_goes_on(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.exchange.jsonl").write_text("nonsense")
    (tmp_path / "b.ndjson").write_text(part("x", True))
    done = run("list", tmp_path)
    assert (done.status, done.out.count(b"\n"), b"a.exchange.jsonl" in done.err) == (1, 2, True)


def test_list_of_a_folder_without_fixtures_says_so(run: Any, tmp_path: Path) -> None:
    done = run("list", tmp_path)
    text = "ollama_stream: %s: no files named *.exchange.jsonl or *.ndjson\n" % tmp_path
    assert (done.status, done.err.decode()) == (1, text)


# --- lint


def test_lint_is_silent_about_the_recordings(run: Any) -> None:
    done = run("lint", RECORDINGS.parent)
    assert (done.status, done.out, done.err) == (0, b"", b"")


def test_lint_names_file_and_line_of_everything_it_finds(run: Any, tmp_path: Path) -> None:
    for folder in ("below", "c", "a", "b"):
        (tmp_path / folder).mkdir()
    files = {
        "a.exchange.jsonl": HEADER + "\n" + REQUEST + "\n[0, nonsense]\n",
        "below/b.exchange.jsonl": HEADER + '\n[0.000000,"request",{"method":"GET","path":"/","headers":'
        '[["X-Key","0123456789abcdef0123456789abcdef"]]}]\n[0,"end",{"how":"eof"}]\n',
        "below/c.ndjson": '{"response":"sk-abcdefghijkl"}\n',
        "below/d.txt": "no fixture",
        "c/e.ndjson": "sk-abcdefghijkl",
        "a/f.ndjson": "sk-abcdefghijkl",
        "b/g.ndjson": "sk-abcdefghijkl",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run("lint", tmp_path, tmp_path / "none.ndjson")
    found = done.out.decode().replace(str(tmp_path) + os.sep, "").replace(os.sep, "/").splitlines()
    assert (done.status, found) == (
        1,
        [
            "a.exchange.jsonl:3: expected JSON: Expecting value (column 5)",
            "a/f.ndjson: the body of the response: looks like a key",
            "b/g.ndjson: the body of the response: looks like a key",
            "below/b.exchange.jsonl:3: not in canonical form",
            "below/b.exchange.jsonl:2: looks like a key of hex digits in a header",
            "below/c.ndjson: the body of the response: looks like a key",
            "c/e.ndjson: the body of the response: looks like a key",
            "none.ndjson: cannot be read: No such file or directory",
        ],
    )


def test_lint_of_a_folder_without_fixtures_finds_that(run: Any, tmp_path: Path) -> None:
    done = run("lint", tmp_path)
    assert (done.status, done.out.decode()) == (1, "%s: expected files named *.exchange.jsonl or *.ndjson\n" % tmp_path)


@pytest.mark.parametrize("words", [["fixture", "show"], ["fixture", "raw"], ["replay"]], ids=" ".join)
def test_for_a_folder_it_says_how_its_files_are_listed(words: List[str], capsys: Any, tmp_path: Path) -> None:
    status = cli.main([*words, str(tmp_path)])
    text = "ollama_stream: {0}: cannot be read: {1}; 'python3 -m ollama_stream fixture list {0}' lists what is in it\n"
    assert (status, capsys.readouterr().err) == (1, text.format(tmp_path, os.strerror(errno.EISDIR)))


@pytest.mark.skipif(os.name != "posix", reason="of its name")
@pytest.mark.parametrize("action", ["show", "body"])
def test_what_a_file_is_taken_for_is_said_once(action: str, caplog: Any) -> None:
    assert cli.main(["fixture", action, os.devnull]) == 1
    assert caplog.messages == ["/dev/null: no exchange file: taken for a response body"]


# --- wrap and body


def random_body(rng: random.Random) -> bytes:
    text = "\u20ac\u2028\x85\U0001f389".encode()
    parts = [b"\n", b"\r\n", b'{"response":"a"}\n', text, b"\xe2\x82", b"\xff", b"\0", b"%%%"]
    return b"".join(rng.choice(parts) for _ in range(rng.randrange(12)))


@pytest.mark.parametrize("seed", support.seeds(25))
def test_the_body_of_what_was_wrapped_is_the_file(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        data = random_body(rng)
        exchange = wrapped(loads(data, "hello.ndjson"), tps=rng.choice([None, 8.0]), status=rng.choice([200, 404]))
        again = loads(dumps(exchange), "hello.exchange.jsonl")
        assert (again.body(), again, lint(again)) == (data, exchange, [])
        assert [event.data for event in again.events[2:-1]] == io.BytesIO(data).readlines()


def test_wrap_and_body_are_each_other_s_inverse_on_the_command_line(run: Any, tmp_path: Path) -> None:
    body, exchange = tmp_path / "hello.ndjson", tmp_path / "hello.exchange.jsonl"
    body.write_bytes(b'{"message":{}}\r\n\n\xff\0')
    assert run("wrap", body, "-o", exchange).status == 0
    assert run("body", exchange).out == body.read_bytes() == run("body", body).out


WRAPPED = [
    # id, arguments, request line, status, reason, header fields, times of the chunks
    ("plain", [], "POST /api/chat", 200, "OK", [("Content-Type", "application/x-ndjson")], [0, 0]),
    (
        "all options",
        ["--status", "404", "--header", "content-type=text/plain", "--header", "X=a=\u00e9", "--path", "/x?y",
         "--method", "PUT", "--tps", "4"],
        "PUT /x?y", 404, "Not Found", [("content-type", "text/plain"), ("X", "a=\u00c3\u00a9")], [0.25, 0.5],
    ),
    ("a status without a name", ["--status", "299"], "POST /api/chat", 299, "",
     [("Content-Type", "application/x-ndjson")], [0, 0]),
]  # fmt: skip


@pytest.mark.parametrize("row", WRAPPED, ids=[row[0] for row in WRAPPED])
def test_wrap_makes_the_exchange_that_was_asked_for(row: Any, run: Any, tmp_path: Path) -> None:
    _, arguments, request_line, status, reason, fields, times = row
    file = tmp_path / "hello.ndjson"
    file.write_bytes(b"{}\n{}\n")
    done = run("wrap", file, *arguments)
    made = loads(done.out, "made.exchange.jsonl")
    assert (done.status, lint(made)) == (0, [])
    assert "%s %s" % (made.request.method, made.request.path) == request_line
    assert made.head is not None
    assert made.head[:3] == ("1.1", status, reason)
    assert [field for field in made.head.headers if field[0] != "Transfer-Encoding"] == fields
    assert [event.time for event in made.events if event.kind == "chunk"] == times


def test_an_exchange_file_is_not_wrapped_again(run: Any) -> None:
    done = run("wrap", ONE_WORD)
    message = "ollama_stream: %s: expected a response body, found an exchange file\n" % ONE_WORD
    assert (done.status, done.out, done.err.decode()) == (1, b"", message)


# --- import and raw


@pytest.mark.each(5)
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_raw_bytes_of_a_recording_are_imported_as_the_same_events(file: Path) -> None:
    exchange = load(file)
    again, warning = imported(wire(exchange), method=exchange.request.method, path=exchange.request.path)
    kept = [(event.kind, event.data, event.extra) for event in exchange.events[1:-1]]
    assert warning == ""
    assert [(event.kind, event.data, event.extra) for event in again.events[1:-1]] == kept
    assert again.how == (exchange.how if exchange.how == "complete" else "eof")
    assert loads(dumps(again), "again.exchange.jsonl").events == again.events
    assert wire(again) == wire(exchange)


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nServer: a\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
BODY = b"5\r\n{}\r\n\n\r\n0003;x=1\r\n\xe2\x82\xac\r\n"

IMPORTED = [
    # id, the output of curl, kinds of events, how it ended
    ("1xx", INTERIM + LONG + b"hello", "interim interim head part", "complete"),
    ("chunks", CHUNKED + BODY + b"0\r\n\r\n", "head chunk chunk", "complete"),
    ("trailers", CHUNKED + BODY + b"0\r\nX-Sum: REDACTED\r\n\r\n", "head chunk chunk trailers", "complete"),
    ("until the end of file", b"HTTP/1.0 200 OK\r\n\r\nhello", "head part", "eof"),
    ("no body", b"HTTP/1.1 204 No Content\r\n\r\n", "head", "complete"),
    ("cut in the head", INTERIM + LONG[:20], "interim interim raw", "eof"),
    ("cut in the body", LONG + b"hel", "head part", "eof"),
    ("cut in a chunk", CHUNKED + b"9\r\nabc", "head part", "eof"),
    ("cut before the CRLF", CHUNKED + b"3\r\nabc\r", "head part raw", "eof"),
    ("cut in a size line", CHUNKED + BODY + b"1", "head chunk chunk raw", "eof"),
    ("cut in the trailers", CHUNKED + BODY + b"0\r\nX-S", "head chunk chunk raw", "eof"),
    ("more behind the last chunk", CHUNKED + BODY + b"0\r\n\r\n\n", "head chunk chunk raw", "complete"),
    ("more behind trailers", CHUNKED + b"0\r\nA: REDACTED\r\n\r\n\n", "head trailers raw", "complete"),
    ("more behind the length", LONG + b"hello\n", "head part raw", "complete"),
]


@pytest.mark.parametrize("data, kinds, how", [row[1:] for row in IMPORTED], ids=[row[0] for row in IMPORTED])
def test_import_keeps_framing_and_what_is_broken(data: bytes, kinds: str, how: str) -> None:
    exchange, warning = imported(data)
    assert (" ".join(event.kind for event in exchange.events[1:-1]), exchange.how, warning) == (kinds, how, "")
    assert loads(dumps(exchange), "one.exchange.jsonl").events == exchange.events
    assert wire(exchange) == data


def test_every_cut_of_an_output_is_imported_with_every_byte() -> None:
    whole = INTERIM + CHUNKED + BODY + b"0\r\nX-Sum: REDACTED\r\n\r\n"
    cuts = [whole[:cut] for cut in range(6, len(whole) + 1)]
    assert [wire(loads(dumps(imported(data)[0]), "a.exchange.jsonl")) for data in cuts] == cuts


BROKEN = [
    # id, what stands in place of a chunk, the warning
    ("bad size", b"zz\r\n", r"kept as raw bytes: bad chunk size b'zz'"),
    ("curl without --raw", b'{"a":1}\n',
     "kept as raw bytes: bad chunk size b'{\"a\":1}\\n'; without --raw, curl takes the chunks off"),
    ("no CRLF", b"1\r\nabc", "kept as raw bytes: b'bc' in place of the CRLF after a chunk"),
]  # fmt: skip


@pytest.mark.parametrize("data, warning", [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_bytes_that_http_does_not_allow_are_kept_with_a_warning(
    data: bytes, warning: str, run: Any, tmp_path: Path
) -> None:
    file = tmp_path / "curl.txt"
    file.write_bytes(CHUNKED + BODY + data)
    done = run("import", file)
    exchange = loads(done.out, "one.exchange.jsonl")
    assert (done.status, done.err.decode()) == (0, "ollama_stream: %s\n" % warning)
    assert (exchange.events[-2].kind, wire(exchange)) == ("raw", file.read_bytes())


NOT_IMPORTED = [
    # id, the output, the error
    ("two", LONG + b"hello" + LONG, "expected one response, found another one at byte 43: cut the file there"),
    ("HTTP/2", b"HTTP/2 200 \r\n", 'expected HTTP/1, whose framing can be kept, found "HTTP/2 200 \\r\\n": use curl '
     "--http1.1 -iN --raw"),
    ("a body", b"{}\n",
     'expected the output of curl -iN --raw, found "{}\\n": for a response body alone there is wrap'),
    ("nothing", b"", 'expected the output of curl -iN --raw, found "": for a response body alone there is wrap'),
]  # fmt: skip


@pytest.mark.parametrize("data, error", [row[1:] for row in NOT_IMPORTED], ids=[row[0] for row in NOT_IMPORTED])
def test_what_is_not_one_response_is_not_imported(data: bytes, error: str, run: Any, tmp_path: Path) -> None:
    file = tmp_path / "curl.txt"
    file.write_bytes(data)
    done = run("import", file)
    assert (done.status, done.out, done.err.decode()) == (1, b"", "ollama_stream: %s\n" % error)


def test_import_redacts_as_a_recorder_does() -> None:
    data = LONG.replace(b"\r\n\r\n", b"\r\nSet-Cookie: id=abcdefghijkl\r\n\r\n") + b"hello"
    exchange, _ = imported(data)
    assert b"abcdefghijkl" not in dumps(exchange)
    assert exchange.header["redacted"] == ["response:Set-Cookie"]


@pytest.mark.parametrize("body, path", [(b'{"response":"a"}\n', "/api/generate"), (b"{}\n", "/api/chat")])
def test_import_guesses_the_path_by_the_body(body: bytes, path: str) -> None:
    assert imported(b"HTTP/1.0 200 OK\r\n\r\n" + body)[0].request.path == path


@pytest.mark.parametrize("seed", support.seeds(25))
def test_whatever_is_imported_can_be_written_read_and_shown(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(3):
        data = bytearray(INTERIM * rng.randrange(2) + rng.choice([CHUNKED, LONG]) + BODY + b"0\r\nA: b\r\n\r\n")
        for _ in range(rng.randint(1, 4)):
            start = rng.randrange(7, len(data))
            noise = rng.choice([b"", b"\n", b"\r\n", b"\0", b"\xff", b"0", b":", b" "])
            data[start : start + rng.randint(0, 3)] = noise
        exchange, _ = imported(bytes(data))
        again = loads(dumps(exchange), "again.exchange.jsonl")
        assert again.events == exchange.events
        assert all(shown(view, again) for view in VIEWS.values())
        ElementTree.fromstring(svg(again))


# --- files and streams


@pytest.mark.parametrize("arguments", [["body"], ["raw"], ["show", "--svg"]], ids=["body", "raw", "svg"])
def test_a_file_is_never_overwritten_without_force(arguments: List[str], run: Any, tmp_path: Path) -> None:
    action, option = arguments[0], arguments[-1] if len(arguments) > 1 else "-o"
    out, link = tmp_path / "out", tmp_path / "link"
    out.write_bytes(b"mine")
    if os.name == "posix":
        link.symlink_to(tmp_path / "elsewhere")
    for path in [out, link][: 2 if os.name == "posix" else 1]:
        done = run(action, ONE_WORD, option, path)
        message = "ollama_stream: %s: cannot be written: file exists (--force replaces it)\n" % path
        assert (done.status, done.err.decode()) == (1, message)
    assert (out.read_bytes(), (tmp_path / "elsewhere").exists()) == (b"mine", False)
    done = run(action, ONE_WORD, option, out, "--force")
    assert (done.status, done.out, out.read_bytes() != b"mine") == (0, b"", True)
    assert run(action, ONE_WORD, *([option, "-"])).out == out.read_bytes()


STDIN = [
    # id, arguments, standard input, the file that has the same
    ("show", ["show", "-"], ONE_WORD),
    ("body", ["body", "-"], ONE_WORD),
    ("raw", ["raw", "-"], ONE_WORD),
]


@pytest.mark.parametrize("arguments, path", [row[1:] for row in STDIN], ids=[row[0] for row in STDIN])
def test_a_dash_is_standard_input(arguments: List[str], path: str, run: Any, monkeypatch: Any) -> None:
    with open(path, "rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read())))
    assert run(*arguments).out == run(arguments[0], path).out != b""


def test_the_output_of_raw_can_be_piped_into_import(run: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(run("raw", ONE_WORD).out)))
    assert loads(run("import", "-").out, "one.exchange.jsonl").body() == load(ONE_WORD).body()


@pytest.mark.parametrize("name", ["one.exchange.jsonl", "one.exchange.jsonl.part"])
def test_a_file_without_its_end_is_read_with_allow_truncated_only(name: str, run: Any, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(b"\n".join(Path(ONE_WORD).read_bytes().split(b"\n")[:4]) + b"\n[0.5,")
    done = run("show", file)
    start, _, advice = done.err.decode().partition("; ")
    assert (done.status, start[: len(name) + 29]) == (1, "ollama_stream: %s, line 5: expe" % name)
    assert advice == "--allow-truncated reads what is there\n"
    done = run("show", file, "--allow-truncated")
    assert (done.status, done.out.decode().splitlines()[0]) == (0, "Hello")
    assert (run("body", file).status, run("raw", file).status) == (1, 1)
    body = run("body", file, "--allow-truncated").out
    assert json.loads(body)["message"]["content"] == "Hello"
    assert run("raw", file, "--allow-truncated").out.endswith(b"\r\n81\r\n%s\r\n" % body)


WRONG_ARGUMENTS = [
    # id, arguments, the line
    ("no action", [], ": expected an action"),
    ("unknown action", ["walk"], ": 'walk' is not an action"),
    ("nearly an action", ["import-"], ": 'import-' is not an action; did you mean import\\?"),
    ("option of the program", ["--version"], ": '--version' is not an option; those of an action stand behind it"),
    ("nearly an option", ["--hlep"], ": '--hlep' is not an option; did you mean --help\\?"),
    ("no file", ["show"], " show: the following arguments are required: FILE"),
    ("no path", ["lint"], " lint: the following arguments are required: PATH"),
    ("unknown view", ["show", "x", "--view", "all"], " show: argument --view: invalid choice: 'all' .*"),
    ("two views", ["show", "x", "--view", "wire", "--svg", "-"],
     " show: argument --svg: not allowed with argument --view"),
    ("no picture", ["show", "x", "--as", "sequence"], " show: argument --as: nothing is drawn without argument --svg"),
    ("chunk", ["show", "x", "--chunk", "a"], " show: argument --chunk: expected a whole number, got 'a'"),
    ("status", ["wrap", "x", "--status", "100"], " wrap: argument --status: expected a status from 200 to 999, got '100'"),
    ("header", ["wrap", "x", "--header", "a b=c"], " wrap: argument --header: expected NAME=VALUE, .*, got 'a b=c'"),
    ("header line", ["wrap", "x", "--header", "a=b\nc"],
     r" wrap: argument --header: expected NAME=VALUE, .*, got 'a=b\\nc'"),
    ("path", ["wrap", "x", "--path", "api"], " wrap: argument --path: expected a path such as /api/chat, .*, got 'api'"),
    ("method", ["import", "x", "--method", "A B"], " import: argument --method: expected a word such as GET, got 'A B'"),
    ("tps", ["wrap", "x", "--tps", "0"], " wrap: argument --tps: expected a number above 0, got '0'"),
    ("tps nan", ["wrap", "x", "--tps", "nan"], " wrap: argument --tps: expected a number above 0, got 'nan'"),
]  # fmt: skip


@pytest.mark.parametrize("arguments, line", [row[1:] for row in WRONG_ARGUMENTS], ids=[r[0] for r in WRONG_ARGUMENTS])
def test_wrong_arguments_are_status_2(arguments: List[str], line: str, run: Any) -> None:
    done = run(*arguments)
    assert (done.status, done.out) == (2, b"")
    action = line.partition(":")[0]
    hint = "\nTry 'python3 -m ollama_stream fixture%s --help'\n" % action
    assert re.fullmatch("ollama_stream fixture" + line + re.escape(hint), done.err.decode())


@pytest.mark.parametrize("action", ["show", "body", "raw"])
def test_a_broken_fixture_is_one_line_with_file_and_line_and_status_1(action: str, run: Any, tmp_path: Path) -> None:
    file = tmp_path / "one.exchange.jsonl"
    file.write_text(HEADER + "\n" + REQUEST + '\n[0,"head",{}]\n', encoding="utf-8")
    done = run(action, file)
    error = b"ollama_stream: one.exchange.jsonl, line 3: expected version in head\n"
    assert (done.status, done.out, done.err) == (1, b"", error)


PLAIN_FILES = [  # id, action, the file, the error
    ("show empty", "show", b"", "the file is empty"),
    ("raw empty", "raw", b"", "the file is empty"),
    ("body empty", "body", b"", "the file is empty"),
    ("show text", "show", b"# A heading\n", "line 1 of the body: not JSON ('# A heading')"),
    ("show blanks", "show", b"\n",
     "the body ended before the record that ends an answer; nothing of the answer had arrived"),
]  # fmt: skip


@pytest.mark.parametrize("action, data, text", [row[1:] for row in PLAIN_FILES], ids=[row[0] for row in PLAIN_FILES])
def test_a_file_that_holds_nothing_is_one_line_and_status_1(
    action: str, data: bytes, text: str, run: Any, tmp_path: Path
) -> None:
    file = tmp_path / "notes.md"
    file.write_bytes(data)
    done = run(action, file)
    assert (done.status, done.out, done.err.decode()) == (1, b"", "ollama_stream: %s: %s\n" % (file, text))


PLAIN_BODIES = [  # id, the file: odd, but answers
    ("no end", part("Hi")),
    ("an error", '{"error":"out of memory"}\n'),
    ("garbage behind a record", part("Hi") + "%%%\n"),
    ("another endpoint", '{"models":[]}'),
]


@pytest.mark.parametrize("body", [row[1] for row in PLAIN_BODIES], ids=[row[0] for row in PLAIN_BODIES])
def test_a_response_body_that_holds_something_is_shown(body: str, run: Any, tmp_path: Path) -> None:
    file = tmp_path / "body.ndjson"
    file.write_text(body)
    done = run("show", file)
    assert (done.status, done.err, "ended" in done.out.decode()) == (0, b"", True)


def process(*arguments: str, **options: Any) -> Any:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    variables = options.pop("variables", {})
    return subprocess.Popen([*COMMAND, *arguments], env=environment(**variables), **{**streams, **options})


@pytest.mark.each(2)
@pytest.mark.parametrize("view", VIEWS)
def test_standard_output_that_cannot_show_a_character_does_no_harm(view: str) -> None:
    path = str(RECORDINGS / "ollama-0.32.15" / "chat-unicode.exchange.jsonl")
    with process("show", path, "--view", view, variables={"PYTHONIOENCODING": "ascii"}) as running:
        out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err, out.isascii(), b"?" in out) == (0, b"", True, view != "hex")


if os.name == "posix":

    @pytest.mark.parametrize("arguments", [["--view", "wire"], ["--svg", "-"]], ids=["view", "svg"])
    def test_fault_191_a_reader_who_leaves_is_status_141_without_a_word(arguments: List[str], tmp_path: Path) -> None:
        big = tmp_path / "big.exchange.jsonl"
        big.write_bytes(dumps(stream(*((0.5, part("x" * 5000)) for _ in range(40)))))
        reader, writer = os.pipe()
        os.close(reader)
        with process("show", str(big), *arguments, stdout=writer) as running:
            os.close(writer)
            assert (running.communicate(timeout=PATIENCE)[1], running.returncode) == (b"", 141)

    def test_bytes_on_a_terminal_are_escaped() -> None:
        import pty

        path = str(RECORDINGS / "ollama-0.32.15" / "chat-unicode.exchange.jsonl")
        ours, theirs = pty.openpty()
        with process("raw", path, stdout=theirs) as running:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # the other end was closed
                    break
                if not piece:
                    break
                shown += piece
            assert (running.stderr.read(), running.wait(PATIENCE)) == (b"", 0)
        os.close(ours)
        assert (b"\\r\r\n" in shown, "\u2028".encode() in shown) == (True, False)

    @pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "force"])
    def test_a_file_that_could_not_be_written_whole_is_removed_if_it_is_new(force: List[str], tmp_path: Path) -> None:
        import resource

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

        out = tmp_path / "out"
        variables = {"PYTHONDONTWRITEBYTECODE": "1"}  # half a module would be kept for others
        with process("body", ONE_WORD, "-o", str(out), *force, preexec_fn=limit, variables=variables) as running:
            err = running.communicate(timeout=PATIENCE)[1]
        assert (running.returncode, err.decode()) == (
            1,
            "ollama_stream: %s: cannot be written: file too large\n" % out,
        )
        assert out.exists() == bool(force)

    if os.path.exists("/dev/full"):

        @pytest.mark.each(2)
        @pytest.mark.parametrize("action", [["show"], ["body"], ["raw"], ["show", "--svg", "-"]], ids=" ".join)
        def test_fault_191_a_full_disk_is_one_line_and_status_1(action: List[str]) -> None:
            with open("/dev/full", "wb") as full:
                with process(*action, ONE_WORD, stdout=full) as running:
                    err = running.communicate(timeout=PATIENCE)[1]
            error = b"ollama_stream: standard output cannot be written: no space left on device\n"
            assert (running.returncode, err) == (1, error)

        def test_a_full_device_named_as_output_stays() -> None:
            with process("body", ONE_WORD, "-o", "/dev/full", "--force") as running:
                err = running.communicate(timeout=PATIENCE)[1]
            assert err == b"ollama_stream: /dev/full: cannot be written: no space left on device\n"
            assert (running.returncode, os.path.exists("/dev/full")) == (1, True)
