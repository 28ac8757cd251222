"""What real servers sent: each recorded exchange comes out as it must, in both colours, with and without a socket.

How it comes out is what the README of the recordings says; the values are computed from the file with ``json`` alone.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import pytest
import support

from ollama_stream import Client, ConnectionLost, IncompleteStream, OllamaError, RequestError, ResponseError
from ollama_stream.fixture import load
from ollama_stream.replay import serve
from ollama_stream.transports import Replaying

RECORDINGS = os.path.join(support.ROOT, "fixtures", "recordings")
PROGRAMS = os.path.join(support.ROOT, "tests", "programs")

MEANINGS = {  # of the README's words; "error, status N" is N
    "complete": "complete",
    "error in the stream, after status 200": "error",
    "**incomplete**: no `done`": "incomplete",
    "cut: no last chunk": "cut",
    "cancelled by the client": "cut",  # by the client then: to a reader of the file the body just ends
}


def outcomes_of_the_readme() -> Dict[str, Any]:
    """Folder and name of a recording -> how it comes out."""
    outcomes: Dict[str, Any] = {}
    folder = ""
    with open(os.path.join(RECORDINGS, "README.md"), encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.split("|")]
            if line.startswith("## "):
                folder = line[3:].strip()
            elif folder and len(cells) > 4 and not cells[1].startswith(("file", "---")):
                status = re.match(r"error, status (\d+)$", cells[4])
                outcomes[folder + "/" + cells[1]] = int(status.group(1)) if status else MEANINGS[cells[4]]
    return outcomes


OUTCOMES = outcomes_of_the_readme()

METHODS = {  # the method for a request, by its first line
    "POST /api/chat": "chat",
    "POST /api/generate": "generate",
    "POST /api/embed": "embed",
    "POST /api/embeddings": "embeddings",
    "POST /api/pull": "pull",
    "POST /api/push": "push",
    "POST /api/create": "create",
    "POST /api/show": "show",
    "POST /api/copy": "copy",
    "DELETE /api/delete": "delete",
    "POST /api/me": "me",
    "GET /api/tags": "list",
    "GET /api/ps": "ps",
    "GET /api/version": "version",
    "GET /api/status": "cloud_status",
}
STREAMED = ("chat", "generate", "pull", "push", "create")

# Requests that our methods refuse before they are sent, and those that no method makes: these go by client.request().
NOT_CALLABLE = [
    "ollama-0.32.15/error-format-invalid",
    "ollama-0.32.15/error-keep-alive",
    "ollama-0.32.15/error-model-missing",
    "ollama-0.34.4/error-think-number",
]
OTHER_REQUESTS = [
    "ollama-0.32.15/blob-create",
    "ollama-0.32.15/blob-exists",
    "ollama-0.32.15/blob-missing",
    "ollama-0.32.15/blob-wrong-digest",
    "ollama-0.32.15/error-body-missing",
    "ollama-0.32.15/error-body-not-json",
    "ollama-0.32.15/error-method",
    "ollama-0.32.15/error-path-unknown",
    "ollama-0.32.15/redirect-trailing-slash",
    "ollama-0.32.15/root",
    "ollama-0.32.15/root-head",
    "ollama-0.32.15/web-search-disabled",
    "ollama-0.34.4/codex-health",
    "ollama-0.34.4/recommendations",
]

REDIRECTED = "the server redirects to /api/chat, which is not followed: set host to where the API is"

METRICS = (
    "total_duration load_duration prompt_eval_count prompt_eval_cached_count prompt_eval_duration eval_count eval_duration"
).split()
LAST_WINS = ["model", "created_at", "done", "done_reason", "context", "_debug_info", *METRICS]

PREFIXES = [
    "ollama-0.32.15/chat-one-word",
    "ollama-0.32.15/generate-stream",
    "ollama-0.32.15/chat-tool-call",
]


class Recording(NamedTuple):
    """What a file holds, read without the library: the request, the status, the body and the JSON values in it."""

    method: str
    path: str
    json: Any
    body: Any
    status: int
    reason: str
    records: List[Any]
    response: bytes

    @property
    def calls_chat(self) -> bool:
        return self.path == "/api/chat"

    @property
    def generates(self) -> bool:
        return self.path in ("/api/chat", "/api/generate")


def file_of(name: str) -> str:
    return os.path.join(RECORDINGS, *name.split("/")) + ".exchange.jsonl"


def bytes_of(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join(map(bytes_of, value))
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value.encode("utf-8")


def recording(name: str) -> Recording:
    with open(file_of(name), encoding="utf-8") as file:
        _, asked, *events = [json.loads(text) for text in file]
    request = asked[2]
    head = next(event[2] for event in events if event[1] == "head")
    status, fields = head["status"], {name.lower(): value for name, value in head["headers"]}
    response = b"".join(bytes_of(event[2]) for event in events if event[1] in ("chunk", "part"))
    is_json = status == 200 and "json" in fields.get("content-type", "")
    lines = [text for text in response.split(b"\n") if text] if is_json else []
    return Recording(
        request["method"], request["path"], request.get("json"), request.get("body"),
        status, head["reason"], [json.loads(text) for text in lines], response,
    )  # fmt: skip


def whole(records: List[Dict[str, Any]], chat: bool) -> Dict[str, Any]:
    """The answer that records make: texts and lists joined, the rest as the last of them has it."""
    parts = [record.get("message") or {} for record in records] if chat else records
    answer: Dict[str, Any] = {name: records[-1].get(name) for name in LAST_WINS} if records else {}
    answer["text"] = "".join(part.get("content" if chat else "response") or "" for part in parts)
    answer["thinking"] = "".join(part.get("thinking") or "" for part in parts)
    answer["tool_calls"] = [call for part in parts for call in part.get("tool_calls") or []]
    answer["logprobs"] = [item for record in records for item in record.get("logprobs") or []]
    return answer


def whole_of(record: Any, chat: bool, some: bool = True) -> Dict[str, Any]:
    """The same of a record of ours; ``some`` says that a record has come at all."""
    part = record.message if chat else record
    answer = {name: record.get(name) for name in LAST_WINS} if some else {}
    answer["text"] = record.text
    answer["thinking"] = part.thinking or ""
    answer["tool_calls"] = [call.model_dump() for call in part.tool_calls or []]
    answer["logprobs"] = [item.model_dump(exclude_none=True) for item in record.logprobs or []]
    return answer


def settled(value: Any, name: str = "") -> Any:
    """A JSON value without what is null, two times of it as datetimes; what came as one stays."""
    if isinstance(value, dict):
        return {name: settled(item, name) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [settled(item) for item in value]
    if name in ("modified_at", "expires_at") and isinstance(value, str):
        cut = re.sub(r"(\.\d{6})\d*", r"\1", value)
        return datetime.datetime.strptime(cut, "%Y-%m-%dT%H:%M:%S.%f%z")
    return value


def settled_of(answer: Any) -> Any:
    """The same of what a method gave."""
    return settled(answer.model_dump() if hasattr(answer, "model_dump") else answer)


def error_text(body: bytes) -> str:
    """The server's words: the runner's own JSON may be the text in the server's."""
    text = body.decode("utf-8").strip()
    while text.startswith("{"):
        error = json.loads(text)["error"]
        text = error["message"] if isinstance(error, dict) else error
    return text


def ask(client: Any, name: str, recorded: Recording) -> Tuple[Any, bool]:
    """Make the recorded call: what the client gives for it, and whether that is a stream."""
    stream = recorded.json.get("stream", True) if isinstance(recorded.json, dict) else True
    if name in NOT_CALLABLE + OTHER_REQUESTS:
        stream = stream and recorded.path.startswith("/api/chat")
        body = None if recorded.body is None else bytes_of(recorded.body)
        return client.request(recorded.method, recorded.path, recorded.json, body=body, stream=stream), stream
    method = METHODS[recorded.method + " " + recorded.path]
    given = {"from_" if name == "from" else name: value for name, value in (recorded.json or {}).items()}
    if method not in STREAMED:
        return getattr(client, method)(**given), False
    return getattr(client, method)(**dict(given, stream=stream)), stream


def call(client: Any, name: str, recorded: Recording) -> Tuple[Optional[List[Any]], Any]:
    """Make the recorded call: the parts of a stream or None, and the whole answer."""
    answer, streamed = ask(client, name, recorded)
    if not streamed:
        return None, answer
    parts: List[Any] = []
    with answer as stream:
        support.collect(stream, parts)
        return parts, stream.result()


def judge(client: Any, name: str) -> None:
    """Make the recorded call, and compare what it gives or raises with the file."""
    recorded, outcome = recording(name), OUTCOMES[name]
    if outcome == "complete":
        parts, answer = call(client, name, recorded)
        check_answer(recorded, parts, answer)
        return
    with pytest.raises(OllamaError) as raised:
        call(client, name, recorded)
    error = raised.value
    if isinstance(outcome, int):
        assert isinstance(error, ResponseError)
        assert error.status_code == outcome == recorded.status
        assert error.error == words_of(recorded)
        return
    assert type(error) is {"error": ResponseError, "incomplete": IncompleteStream, "cut": ConnectionLost}[outcome]
    records = recorded.records
    if isinstance(error, ResponseError):
        assert (error.error, error.status_code) == (records[-1]["error"], -1)
        records = records[:-1]
    if recorded.generates:
        chat = recorded.calls_chat
        assert whole_of(error.partial, chat, bool(records)) == whole(records, chat)
    else:
        assert settled_of(error.partial) == records[-1]


def check_answer(recorded: Recording, parts: Optional[List[Any]], answer: Any) -> None:
    if recorded.generates:
        chat = recorded.calls_chat
        if parts is not None:
            assert [part.text for part in parts] == [whole([record], chat)["text"] for record in recorded.records]
        assert whole_of(answer, chat) == whole(recorded.records, chat)
    elif recorded.records:
        assert parts is None or [settled_of(part) for part in parts] == recorded.records
        assert settled_of(answer) == settled(recorded.records[-1])
    elif hasattr(answer, "model_dump"):
        assert (answer.model_dump(), recorded.response) == ({"status": "success"}, b"")
    else:
        assert (answer or "") == recorded.response.decode()


def words_of(recorded: Recording) -> str:
    """The text of the error: the server's, or what is said of a redirect and of an empty body."""
    return REDIRECTED if recorded.status == 307 else error_text(recorded.response) or recorded.reason


def test_every_recording_is_in_the_readme_and_every_row_is_a_recording():
    files = []
    for folder, _, names in os.walk(RECORDINGS):
        files += [os.path.basename(folder) + "/" + name for name in names if name != "README.md"]
    assert sorted(files) == sorted(name + ".exchange.jsonl" for name in OUTCOMES)
    assert len(files) > 100
    assert set(NOT_CALLABLE + OTHER_REQUESTS) < set(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_recorded_exchange_comes_out_as_it_must(colour, name):
    judge(colour.client(transport=Replaying(load(file_of(name)))), name)


@pytest.mark.each(4)
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_recorded_exchange_comes_out_as_it_must_over_a_socket(colour, name):
    with serve(load(file_of(name))) as server, colour.client(server.url) as client:
        judge(client, name)


BLOB = recording("ollama-0.32.15/blob-create")
DIGEST = BLOB.path.rpartition("/")[2]


@pytest.mark.parametrize(
    "name, method, arguments, value",
    [
        ("blob-exists", "blob_exists", (DIGEST,), True),
        ("blob-missing", "blob_exists", (DIGEST,), False),
        ("root-head", "ping", (), True),
    ],
)
def test_a_question_is_answered_by_yes_or_no(colour, name, method, arguments, value):
    with serve(file_of("ollama-0.32.15/" + name)) as server:
        assert getattr(colour.client(server.url), method)(*arguments) is value


@pytest.mark.parametrize("names", [["blob-exists"], ["blob-missing", "blob-create"]], ids=["there", "not there"])
def test_a_blob_is_sent_where_the_server_has_it_not(colour, names, tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(bytes_of(BLOB.body))
    with serve([file_of("ollama-0.32.15/" + name) for name in names]) as server:
        assert colour.client(server.url).create_blob(path) == DIGEST
        server.assert_all_played()


@pytest.mark.parametrize("name", NOT_CALLABLE)
def test_a_request_that_the_server_would_refuse_is_refused_before_it_is_sent(name):
    transport = support.Bytes()
    with pytest.raises(RequestError):
        Client(transport=transport).chat(**recording(name).json)
    assert transport.sent == b""


@pytest.mark.each(3)
@pytest.mark.parametrize("name", PREFIXES)
def test_every_proper_prefix_of_a_good_stream_raises_with_the_text_so_far(name):
    recorded, wire = recording(name), b"".join(data for _, data in load(file_of(name)).wire())
    end = wire.rindex(b"}\n") + 2
    arrived = 0  # whole lines in the prefix
    for size in range(end):
        arrived += wire[:size].endswith(b"}\n")
        client = Client(transport=support.Bytes(wire[:size]))
        method = client.chat if recorded.calls_chat else client.generate
        stream = method(**dict(recorded.json, stream=True))
        with pytest.raises(ConnectionLost) as raised:
            stream.result()
        expected = whole(recorded.records[:arrived], recorded.calls_chat)["text"]
        assert (size, raised.value.partial.text, stream.status) == (size, expected, "truncated")
    assert arrived == len(recorded.records) - 1


@pytest.mark.parametrize("name", PREFIXES)
def test_a_good_stream_is_whole_with_the_line_end_of_its_last_record(name):
    recorded, wire = recording(name), b"".join(data for _, data in load(file_of(name)).wire())
    client = Client(transport=support.Bytes(wire[: wire.rindex(b"}\n") + 2]))
    method = client.chat if recorded.calls_chat else client.generate
    result = method(**dict(recorded.json, stream=True)).result()
    assert whole_of(result, recorded.calls_chat) == whole(recorded.records, recorded.calls_chat)


@pytest.mark.each(2)
@pytest.mark.parametrize(
    "program, name, before, after",
    [
        ("streaming.py", "chat-joke-stream", "Streaming response:\n", "\nFull response received.\n"),
        ("non_streaming.py", "chat-joke-once", "", "\n"),
        ("async_streaming.py", "chat-joke-stream", "", ""),
    ],
    ids=["streaming", "non_streaming", "async_streaming"],
)
def test_a_program_prints_the_recorded_answer(program, name, before, after):
    recorded = "ollama-0.32.15/" + name
    with serve(file_of(recorded)) as server:
        end = support.run_python(os.path.join(PROGRAMS, program), OLLAMA_HOST=server.url)
    answer = whole(recording(recorded).records, True)["text"]
    assert (end.stderr, end.stdout, end.returncode) == ("", before + answer + after, 0)


def test_a_program_names_the_library_in_its_import_and_nowhere_else():
    for program in ("streaming.py", "non_streaming.py", "async_streaming.py"):
        with open(os.path.join(PROGRAMS, program), encoding="utf-8") as file:
            lines = [line for line in file if "ollama_stream" in line]
        assert (program, lines) == (program, ["import ollama_stream as ollama\n"])
