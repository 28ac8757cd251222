"""What PROTOCOL.md and FORMAT.md say is so: their code runs, what they state is shown, and nothing is left out."""

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from support import PATIENCE, ROOT, environment

from ollama_stream import Client, FixtureError, OllamaError, Options
from ollama_stream._decode import field_names
from ollama_stream._endpoints import CALL_FIELDS, ENDPOINTS
from ollama_stream.fixture import LEVELS, canonical_json, decode_bytes, dumps, encode_bytes, load, loads
from ollama_stream.fixture.lines import FOLLOWERS, HOWS, VERSION_KEY
from ollama_stream.fixture.redact import KEPT
from ollama_stream.replay import fault, serve
from ollama_stream.replay.faults import _RULES, POINT_FORMS

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
        lines = re.match(r"(?:\|.*\n)+", table).group().splitlines()[1:]
        rows += [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines]
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
def test_a_command_of_the_protocol_shows_every_byte_of_the_exchange(command):
    words = shlex.split(command)
    assert words[:3] == ["python3", "-m", "ollama_stream"]
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=6 * PATIENCE, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.findall(r"^[ \d.]{10} [<>] (.*?)(?: +# .*)?$", done.stdout, re.M)
    (path,) = [word for word in words if word.startswith("fixtures/")]
    whole = sent_and_received(load(os.path.join(ROOT, path)))
    assert "".join(shown).replace("<CR>", "\r").replace("<LF>", "\n") == whole


def test_every_field_of_every_call_is_in_the_protocol():
    fields = {name.rstrip("_") for row in ENDPOINTS.values() for name in row.fields if name not in CALL_FIELDS}
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


# --- FORMAT.md --------------------------------------------------------------------------------------------------------

FORMAT = text_of("fixtures", "FORMAT.md")
EXAMPLE = re.search(r"```jsonl\n(.*?)```", FORMAT, re.S).group(1).splitlines(keepends=True)
NAME = "x.exchange.jsonl"
READER = {}
exec(re.search(r"```python\n(.*?)```", FORMAT, re.S).group(1), READER)
EXCHANGES = [
    os.path.join(RECORDINGS, folder, name)
    for folder in sorted(os.listdir(RECORDINGS)) if folder.startswith("ollama-")
    for name in sorted(os.listdir(os.path.join(RECORDINGS, folder)))
]  # fmt: skip

assert len(EXCHANGES) > 100


def read_by_the_format(data):
    """What the reader of the page makes of the text of a file."""
    *pieces, end = READER["response"](data.decode("utf-8").split("\n")[:-1])
    return pieces, end[1]


def test_the_reader_of_the_format_is_as_short_as_it_says():
    assert re.search(r"```python\n(.*?)```", FORMAT, re.S).group(1).count("\n") <= 45


def column(title):
    """The first cells of a table, without their marks."""
    return [row[0].strip("`") for row in table_after(FORMAT, title)]


def test_the_example_of_the_format_is_canonical():
    data = "".join(EXAMPLE).encode("utf-8")
    assert dumps(loads(data, NAME)) == data
    assert dumps(loads(data.replace(b"\n", b"\r\n"), NAME)) == data
    assert "\u20ac" in loads(data, NAME).body().decode("utf-8")


@pytest.mark.each(5)
@pytest.mark.parametrize("path", EXCHANGES, ids=lambda path: "/".join(path.split(os.sep)[-2:]))
def test_the_reader_of_the_format_gives_the_bytes_of_a_recording(path):
    with open(path, "rb") as file:
        data = file.read()
    fixture = load(path)
    assert read_by_the_format(data) == (list(fixture.wire()), fixture.how)
    assert dumps(fixture) == data  # recordings are canonical


UNUSUAL = {  # events between the request and the end, and the end
    "interim": ['[0.1,"interim",{"version":"1.1","status":100,"reason":"Continue","headers":[]}]', "HEAD", "complete"],
    "an odd size line": ["HEAD", '[0.5,"chunk","ab",{"size":"0002 ","ext":"a=b"}]', "complete"],
    "an unfinished chunk": ["HEAD", '[0.5,"part","ab",{"of":131}]', "reset"],
    "trailers": ["HEAD", '[0.5,"chunk","ab"]', '[0.5,"trailers",[["A","b"]]]', "complete"],
    "raw": ["HEAD", '[0.5,"raw",["zz",{"hex":"ff0d0a"}]]', '[0.5,"note","x"]', '[0.5,"x-mine",3]', "complete"],
    "no answer": ["eof"],
}


@pytest.mark.parametrize("lines", UNUSUAL.values(), ids=list(UNUSUAL))
def test_the_reader_of_the_format_reads_what_no_recording_has(lines):
    events = [EXAMPLE[2] if event == "HEAD" else event + "\n" for event in lines[:-1]]
    data = "".join([*EXAMPLE[:2], *events, '[0.6,"end",{"how":"%s"}]\n' % lines[-1]]).encode("utf-8")
    assert read_by_the_format(data) == (list(loads(data, NAME).wire()), lines[-1])


@pytest.mark.parametrize("value, digits", table_after(FORMAT, "| JSON | bytes, in hexadecimal |"))
def test_bytes_are_written_as_the_format_says(value, digits):
    value, data = value.strip("`"), bytes.fromhex(digits.strip("` |"))
    assert decode_bytes(json.loads(value)) == data == READER["bytes_of"](json.loads(value))
    assert canonical_json(encode_bytes(data)) == value


REFUSED = table_after(FORMAT, "| line | stands there | what is said |")


@pytest.mark.parametrize("number, line, said", REFUSED, ids=[row[2].strip("`")[:60] for row in REFUSED])
def test_what_the_format_refuses_is_refused(number, line, said):
    lines = list(EXAMPLE)
    lines[int(number) - 1] = line.strip("`") + "\n"
    with pytest.raises(FixtureError) as raised:
        loads("".join(lines).encode("utf-8"), NAME)
    number = int(number) + said.endswith("the end of the file`")
    assert str(raised.value) == "%s, line %d: %s" % (NAME, number, said.strip("`"))


def test_the_order_of_events_in_the_format_is_that_of_the_reader():
    named = {"the header": "header", "a `part` of a chunk": "unfinished"}
    rows = table_after(FORMAT, "| after | may come |")
    assert FOLLOWERS == {
        named.get(after, after.strip("`")): tuple(re.findall(r"`([\w-]+)`", then)) for after, then in rows
    }


def test_the_header_the_ends_the_levels_and_the_points_of_the_format_are_all_there_are():
    optional = "recorded_at recorder target note server redacted match faults".split()
    assert column("| member | type | meaning |") == [VERSION_KEY, *optional, "anything else"]
    assert column("| how | what was seen | what a player does |") == list(HOWS)
    assert column("| level | compares besides |") == list(LEVELS)
    assert [point.partition("=")[0] for point in column("| point | the moment before |")] == list(POINT_FORMS)


def test_the_header_fields_that_are_kept_stand_in_the_format():
    chapter = FORMAT[FORMAT.index("## 11.") : FORMAT.index("## 12.")].partition("Every other")[0]
    request, response = (set(re.findall(r"`([a-z-]+)`", part)) for part in chapter.split("Response:"))
    assert (request, response) == (KEPT["request"], KEPT["response"])


FAULTS = table_after(FORMAT, "| fault | what happens | example |")


def test_the_faults_of_the_format_are_all_there_are():
    assert column("| fault | what happens | example |") == list(_RULES)


@pytest.mark.parametrize("kind, _, example", FAULTS, ids=[row[0].strip("`") for row in FAULTS])
def test_a_fault_of_the_format_can_be_given(kind, _, example):
    found = fault(example.strip("`"))
    assert found.kind == kind.strip("`") and fault(str(found)) == found


# --- both -------------------------------------------------------------------------------------------------------------

PAGES = {"ollama_stream/PROTOCOL.md": PROTOCOL, "fixtures/FORMAT.md": FORMAT, "README.md": text_of("README.md")}


def anchors(text):
    """What the titles of a page are called in links."""
    titles = re.findall(r"^#+ (.*)", text, re.M)
    return [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", PAGES[page]):
        path, _, anchor = target.partition("#")
        file = os.path.join(os.path.dirname(page), path) if path else page
        assert os.path.exists(os.path.join(ROOT, file))
        assert not anchor or anchor in anchors(text_of(file))


def test_every_block_of_code_of_the_two_pages_is_run():
    blocks = [re.findall(r"^```(\w*)\n.*?^```$", page, re.S | re.M) for page in (PROTOCOL, FORMAT)]
    assert blocks == [["sh", "python"], ["jsonl", "python"]]
