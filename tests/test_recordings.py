"""What real servers sent, chat and generate: each recorded exchange comes out as it must, with and without a socket.

The expectation is computed from the file with ``json`` alone. OUTCOMES is the table of fixtures/recordings/README.md.
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, NamedTuple, Tuple

import pytest
import support

from ollama_stream import Client, ConnectionLost, IncompleteStream, OllamaError, RequestError, ResponseError
from ollama_stream.fixture import load
from ollama_stream.replay import serve
from ollama_stream.transports import Replaying

RECORDINGS = os.path.join(support.ROOT, "fixtures", "recordings")
PROGRAMS = os.path.join(support.ROOT, "tests", "programs")

# "complete", a status, "error" (in the stream), "incomplete" (a clean end, no done) or "cut"
OUTCOMES: Dict[str, Any] = {
    "ollama-0.24.0/chat-cancelled": "cut",  # by the client then: to a reader of the file the body just ends
    "ollama-0.24.0/chat-history": "complete",
    "ollama-0.24.0/chat-length": "complete",
    "ollama-0.24.0/chat-load-and-stream": "complete",
    "ollama-0.24.0/chat-logprobs": "complete",
    "ollama-0.24.0/chat-model-not-found": 404,
    "ollama-0.24.0/chat-once": "complete",
    "ollama-0.24.0/chat-runner-killed": "error",
    "ollama-0.24.0/chat-schema": "complete",
    "ollama-0.24.0/chat-server-killed": "cut",
    "ollama-0.24.0/chat-stream": "complete",
    "ollama-0.24.0/generate-raw-once": "complete",
    "ollama-0.24.0/generate-stream": "complete",
    "ollama-0.24.0/generate-with-context": "complete",
    "ollama-0.24.0/unload": "complete",
    "ollama-0.32.15/chat-after-load-once": "complete",
    "ollama-0.32.15/chat-debug-render": "complete",
    "ollama-0.32.15/chat-image-ignored": "complete",
    "ollama-0.32.15/chat-joke-once": "complete",
    "ollama-0.32.15/chat-joke-stream": "complete",
    "ollama-0.32.15/chat-json": "complete",
    "ollama-0.32.15/chat-length": "complete",
    "ollama-0.32.15/chat-logprobs": "complete",
    "ollama-0.32.15/chat-many-chunks": "complete",
    "ollama-0.32.15/chat-nothing": "complete",
    "ollama-0.32.15/chat-one-word": "complete",
    "ollama-0.32.15/chat-pause": "complete",
    "ollama-0.32.15/chat-schema": "complete",
    "ollama-0.32.15/chat-stream": "complete",
    "ollama-0.32.15/chat-thinking": "complete",
    "ollama-0.32.15/chat-thinking-once": "complete",
    "ollama-0.32.15/chat-thinking-unasked": "complete",
    "ollama-0.32.15/chat-tool-call": "complete",
    "ollama-0.32.15/chat-tool-call-once": "complete",
    "ollama-0.32.15/chat-tool-calls-parallel": "complete",
    "ollama-0.32.15/chat-tool-results": "complete",
    "ollama-0.32.15/chat-unicode": "complete",
    "ollama-0.32.15/error-before-first-token": 500,
    "ollama-0.32.15/error-body-missing": 400,
    "ollama-0.32.15/error-body-not-json": 400,
    "ollama-0.32.15/error-busy": 503,
    "ollama-0.32.15/error-cloud-disabled": 403,
    "ollama-0.32.15/error-empty-body": "incomplete",
    "ollama-0.32.15/error-format-invalid": 500,
    "ollama-0.32.15/error-keep-alive": 400,
    "ollama-0.32.15/error-load": 500,
    "ollama-0.32.15/error-method": 405,
    "ollama-0.32.15/error-model-missing": 400,
    "ollama-0.32.15/error-model-not-found": 404,
    "ollama-0.32.15/error-no-done": "incomplete",
    "ollama-0.32.15/error-no-done-once": "incomplete",
    "ollama-0.32.15/error-nothing-once": "incomplete",
    "ollama-0.32.15/error-option-type": 500,
    "ollama-0.32.15/error-runner-crash": "error",
    "ollama-0.32.15/error-think-invalid": 400,
    "ollama-0.32.15/error-think-unsupported": 400,
    "ollama-0.32.15/error-token-repeat": "incomplete",
    "ollama-0.32.15/error-tools-unsupported": 400,
    "ollama-0.32.15/generate-load": "complete",
    "ollama-0.32.15/generate-logprobs": "complete",
    "ollama-0.32.15/generate-stream": "complete",
    "ollama-0.32.15/generate-thinking-once": "complete",
    "ollama-0.32.15/load": "complete",
    "ollama-0.32.15/redirect-trailing-slash": 307,
    "ollama-0.32.15/unload": "complete",
}

# Requests that our methods refuse before they are sent, or do not make at all: these go by client.request().
NOT_CALLABLE = [
    "ollama-0.32.15/error-format-invalid",
    "ollama-0.32.15/error-keep-alive",
    "ollama-0.32.15/error-model-missing",
    "ollama-0.32.15/error-think-invalid",
]
OTHER_REQUESTS = [
    "ollama-0.32.15/error-body-missing",
    "ollama-0.32.15/error-body-not-json",
    "ollama-0.32.15/error-method",
    "ollama-0.32.15/redirect-trailing-slash",
]

REDIRECTED = "the server redirects to /api/chat, which is not followed: set host to where the API is"

METRICS = "total_duration load_duration prompt_eval_count prompt_eval_duration eval_count eval_duration".split()
LAST_WINS = ["model", "created_at", "done", "done_reason", "context", "_debug_info", *METRICS]

PREFIXES = [
    "ollama-0.24.0/generate-stream",
    "ollama-0.32.15/chat-one-word",
    "ollama-0.32.15/chat-pause",
    "ollama-0.32.15/chat-tool-call",
]


class Recording(NamedTuple):
    """What a file holds, read without the library: the request, the status, the body's records, all of its bytes."""

    method: str
    path: str
    json: Any
    body: Any
    status: int
    records: List[Dict[str, Any]]
    response: bytes

    @property
    def calls_chat(self) -> bool:
        return self.path == "/api/chat"


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
    status = next(event[2]["status"] for event in events if event[1] == "head")
    response = b"".join(bytes_of(event[2]) for event in events if event[1] in ("chunk", "part"))
    lines = [text for text in response.split(b"\n") if text] if status == 200 else []
    return Recording(
        request["method"], request["path"], request.get("json"), request.get("body"),
        status, [json.loads(text) for text in lines], response,
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


def error_text(body: bytes) -> str:
    """The server's words: the runner's own JSON may be the text in the server's."""
    text = body.decode("utf-8").strip()
    while text.startswith("{"):
        error = json.loads(text)["error"]
        text = error["message"] if isinstance(error, dict) else error
    return text


def call(client: Client, name: str, recorded: Recording) -> Tuple[List[str], Any]:
    """Make the recorded call: the texts of a stream, and the whole answer."""
    stream = recorded.json.get("stream", True) if isinstance(recorded.json, dict) else True
    if name in NOT_CALLABLE + OTHER_REQUESTS:
        body = None if recorded.body is None else bytes_of(recorded.body)
        answer = client.request(recorded.method, recorded.path, recorded.json, body=body, stream=stream)
        return [], answer.result() if stream else answer
    method = client.chat if recorded.calls_chat else client.generate
    answer = method(**dict(recorded.json, stream=stream))
    if not stream:
        return [answer.text], answer
    with answer as records:
        return [record.text for record in records], answer.result()


def judge(client: Client, name: str) -> None:
    """Make the recorded call, and compare what it gives or raises with the file."""
    recorded, outcome = recording(name), OUTCOMES[name]
    chat = recorded.calls_chat
    if outcome == "complete":
        texts, result = call(client, name, recorded)
        assert texts == [whole([record], chat)["text"] for record in recorded.records]
        assert whole_of(result, chat) == whole(recorded.records, chat)
        return
    with pytest.raises(OllamaError) as raised:
        call(client, name, recorded)
    error = raised.value
    if isinstance(outcome, int):
        assert isinstance(error, ResponseError)
        assert error.status_code == outcome == recorded.status
        assert error.error == (REDIRECTED if outcome == 307 else error_text(recorded.response))
        return
    assert type(error) is {"error": ResponseError, "incomplete": IncompleteStream, "cut": ConnectionLost}[outcome]
    records = recorded.records
    if isinstance(error, ResponseError):
        assert (error.error, error.status_code) == (records[-1]["error"], -1)
        records = records[:-1]
    assert whole_of(error.partial, chat, bool(records)) == whole(records, chat)


def test_every_recorded_chat_and_generate_exchange_is_in_the_table():
    found = []
    for folder in sorted(os.listdir(RECORDINGS)):
        if not os.path.isdir(os.path.join(RECORDINGS, folder)):
            continue
        for file in sorted(os.listdir(os.path.join(RECORDINGS, folder))):
            name = folder + "/" + file[: -len(".exchange.jsonl")]
            if recording_path(name).rstrip("/") in ("/api/chat", "/api/generate"):
                found.append(name)
    assert sorted(found) == sorted(OUTCOMES)


def recording_path(name: str) -> str:
    with open(file_of(name), encoding="utf-8") as file:
        file.readline()
        return str(json.loads(file.readline())[2]["path"])


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_recorded_exchange_comes_out_as_it_must(name):
    judge(Client(transport=Replaying(load(file_of(name)), level="any")), name)


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_recorded_exchange_comes_out_as_it_must_over_a_socket(name):
    with serve(load(file_of(name)), level="any") as server:
        judge(Client(server.url), name)


@pytest.mark.parametrize("name", NOT_CALLABLE)
def test_a_request_that_the_server_would_refuse_is_refused_before_it_is_sent(name):
    transport = support.Bytes()
    with pytest.raises(RequestError):
        Client(transport=transport).chat(**recording(name).json)
    assert transport.sent == b""


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


@pytest.mark.parametrize(
    "program, name, before, after",
    [
        ("streaming.py", "chat-joke-stream", "Streaming response:\n", "\nFull response received.\n"),
        ("non_streaming.py", "chat-joke-once", "", "\n"),
    ],
    ids=["streaming", "non_streaming"],
)
def test_a_program_prints_the_recorded_answer(program, name, before, after):
    recorded = "ollama-0.32.15/" + name
    with serve(file_of(recorded)) as server:
        end = support.run_python(os.path.join(PROGRAMS, program), OLLAMA_HOST=server.url)
    answer = whole(recording(recorded).records, True)["text"]
    assert (end.stderr, end.stdout, end.returncode) == ("", before + answer + after, 0)
