"""What PROTOCOL.md says is so: its code runs, the recordings show what it states, nothing is left out."""

import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from support import PATIENCE, ROOT, environment

from ollama_stream import Client, OllamaError, Options
from ollama_stream._decode import field_names
from ollama_stream._endpoints import CALL_FIELDS, ENDPOINTS, known_fields
from ollama_stream.fixture import load
from ollama_stream.replay import serve

RECORDINGS = os.path.join(ROOT, "fixtures", "recordings")


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def recording(name):
    version, _, file = name.partition("/")
    return load(os.path.join(RECORDINGS, "ollama-" + version, file + ".exchange.jsonl"))


def table_after(text, title):
    """The rows of the table whose head is ``title``, wherever it stands, each a list of cells."""
    rows = []
    for table in text.split(title + "\n")[1:]:
        rows += [re.split(r" \| ", line[2:-2]) for line in re.match(r"(?:\|.*\n)+", table).group().splitlines()[1:]]
    assert rows
    return rows


def sent_and_received(fixture):
    """The bytes of an exchange, both ways, as text."""
    request = fixture.request
    lines = ["%s %s HTTP/%s" % (request.method, request.path, request.version)]
    lines += ["%s: %s" % (name, value.decode("latin-1")) for name, value in request.headers]
    wire = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + request.body_bytes()
    return (wire + b"".join(data for _, data in fixture.wire())).decode("utf-8", "replace")


PROTOCOL = text_of("ollama_stream", "PROTOCOL.md")
LINES = re.search(r"```python\n(.*?)```", PROTOCOL, re.S).group(1)
COMMANDS = re.findall(r"```sh\n(.*?)```", PROTOCOL, re.S)
NAMES = sorted(set(re.findall(r"`(\d+\.\d+\.\d+/[\w-]+)`", PROTOCOL)))
SHOWN = table_after(PROTOCOL, "| what | on the wire | recording |")
SHOWN += table_after(PROTOCOL, "| what happened | last bytes | recording |")
LIES = table_after(PROTOCOL, "| recording | the 25 lines | what it was |")

GONE = set(  # options that no server looks at any more
    "numa low_vram f16_kv vocab_only use_mlock mirostat mirostat_tau mirostat_eta tfs_z penalize_newline logits_all "
    "embedding_only".split()
)  # fmt: skip

assert len(NAMES) > 60 and len(SHOWN) > 30 and len(LIES) > 10


def ran(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment(PYTHONWARNINGS="ignore"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=6 * PATIENCE, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# --- PROTOCOL.md ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_that_the_protocol_names_is_there(name):
    assert recording(name).events


@pytest.mark.parametrize("what, shown, name", SHOWN, ids=[row[0] for row in SHOWN])
def test_what_the_protocol_shows_stands_in_the_recording(what, shown, name):
    wire, position = sent_and_received(recording(name.strip("`"))), 0
    for piece in filter(None, shown.strip("`").split("…")):
        found = wire.find(piece, position)
        if found < 0:
            piece = piece.replace("\\r\\n", "\r\n").replace("\\n", "\n")
            found = wire.find(piece, position)
        assert found >= 0, piece
        position = found + len(piece)


def test_the_client_in_25_lines_streams_a_recording():
    assert LINES.count("\n") <= 25
    fixture = recording("0.32.15/chat-joke-stream")
    with serve(fixture, level="path") as server:
        program = LINES.replace("11434", str(urlsplit(server.url).port))
        said = ran(program)
    with serve(fixture, level="path") as server:
        assert said == "".join(Client(server.url).stream_chat("m", "hi")) != ""


EACH = """
import sys
for port in sys.argv[1:]:
    text = ""
    try:
        for part in chat("127.0.0.1", int(port), "m", "hi"):
            text += part.text
        print("whole, %d characters" % len(text))
    except Exception as error:
        print("%s: %s" % (type(error).__name__, error))
"""


def test_the_25_lines_make_of_each_recording_what_the_protocol_says():
    with ExitStack() as stack:
        exchanges = [recording(name.strip("`")) for name, _, _ in LIES]
        servers = [stack.enter_context(serve(exchange, level="path")) for exchange in exchanges]
        said = ran(LINES.partition("\nfor part")[0] + EACH, *(str(urlsplit(server.url).port) for server in servers))
    assert said.splitlines() == [made for _, made, _ in LIES]


@pytest.mark.parametrize("name, was", [(row[0], row[2]) for row in LIES], ids=[row[0] for row in LIES])
def test_this_client_says_of_each_recording_what_it_was(name, was):
    with serve(recording(name.strip("`")), level="path") as server:
        try:
            client = Client(server.url)
            message = client.chat("m", [{"role": "user", "content": "hi"}], stream=True).result().message
            expected = "complete; "
            assert message.thinking if "thinking" in was else message.tool_calls
        except OllamaError as error:
            expected = ": `%s`" % type(error).__name__
    assert expected in was


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_protocol_runs(command):
    words = shlex.split(command)
    assert words[:3] == ["python3", "-m", "ollama_stream"]
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=6 * PATIENCE, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "") and "Transfer-Encoding: chunked" in done.stdout


def test_every_field_of_every_call_is_in_the_protocol():
    fields = {name.rstrip("_") for row in ENDPOINTS.values() for name in known_fields(row) if name not in CALL_FIELDS}
    fields |= {name for row in ENDPOINTS.values() if row.record is not dict for name in field_names(row.record)}
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]*`", PROTOCOL))))
    assert sorted(fields - words) == []
    assert sorted(set(field_names(Options)) - words - GONE) == []


def test_every_endpoint_and_every_recorded_status_is_in_the_protocol():
    assert [row.path for row in ENDPOINTS.values() if row.path.partition("{")[0] not in PROTOCOL] == []
    folders = [os.path.join(RECORDINGS, folder) for folder in os.listdir(RECORDINGS) if folder.startswith("ollama-")]
    heads = [load(os.path.join(folder, name)).head for folder in folders for name in os.listdir(folder)]
    chapter = PROTOCOL[PROTOCOL.index("## 11.") : PROTOCOL.index("## 12.")]
    assert {head.status for head in heads if head is not None} - set(map(int, re.findall(r"\d{3}", chapter))) == set()
