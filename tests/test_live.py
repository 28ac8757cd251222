"""What a real server says today makes the records that its recordings make.

    OLLAMA_STREAM_LIVE=1 python3 -m pytest tests/test_live.py

asks the server of OLLAMA_HOST, and its smallest model that completes text or OLLAMA_STREAM_MODEL. Without it the same
tests run on recordings of such a server, so that they are right when somebody has one.
"""

from __future__ import annotations

import dataclasses
import os

import pytest
from support import ROOT

from ollama_stream import ChatResponse, GenerateResponse, OllamaError, ResponseError, Timeout
from ollama_stream.replay import serve

LIVE = os.environ.get("OLLAMA_STREAM_LIVE") == "1"
RECORDED_MODEL = "smollm2:135m"
MISSING_MODEL = "no-such-model"
QUESTION = "Answer with one word: what colour is the sky?"
SHORT = {"num_predict": 16, "temperature": 0, "seed": 1}


@pytest.fixture
def client(colour, recordings):
    """A client of the real server, or of one that plays the recordings that the test names."""
    if LIVE:
        client = colour.client(timeout=Timeout(connect=10.0, first_byte=300.0, idle=60.0))
        try:
            client.version()
        except OllamaError as error:
            pytest.skip("no server answers: %s" % error)
        yield client
        client.close()
        return
    files = [os.path.join(ROOT, "fixtures", "recordings", name + ".exchange.jsonl") for name in recordings]
    with serve(files, level="model", repeat="all") as server:
        client = colour.client(server.url)
        yield client
        client.close()


@pytest.fixture
def model(client):
    if not LIVE or os.environ.get("OLLAMA_STREAM_MODEL"):
        return os.environ["OLLAMA_STREAM_MODEL"] if LIVE else RECORDED_MODEL
    for entry in sorted(client.list().models, key=lambda entry: entry.size or 0):
        if "completion" in (client.show(entry.model).capabilities or ["completion"]):
            return entry.model
    pytest.skip("the server has no model that completes text")


def check_whole(record, text):
    """The end of an answer, with the server's measures."""
    assert record.done is True and record.done_reason in ("stop", "length")
    assert record.total_duration >= record.eval_duration > 0
    assert record.eval_count > 0
    assert text


@pytest.mark.parametrize("recordings", [["ollama-0.34.4/chat-real-stream"]], ids=["recorded"])
def test_a_streamed_chat_is_whole_and_its_parts_make_its_result(client, model):
    stream = client.chat(model, [{"role": "user", "content": QUESTION}], options=SHORT, stream=True)
    parts = list(stream)
    assert all(type(part) is ChatResponse and part.model == model for part in parts)
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    whole = stream.result()
    assert whole.message.content == "".join(part.message.content for part in parts)
    assert stream.status == "complete"
    check_whole(whole, whole.message.content + (whole.message.thinking or ""))


@pytest.mark.parametrize("recordings", [["ollama-0.34.4/chat-cached-once"]], ids=["recorded"])
def test_a_chat_without_a_stream_is_whole(client, model):
    whole = client.chat(model, QUESTION, options=SHORT)
    check_whole(whole, whole.message.content + (whole.message.thinking or ""))


@pytest.mark.parametrize("recordings", [["ollama-0.34.4/generate-emoji-bytes"]], ids=["recorded"])
def test_a_streamed_completion_is_whole(client, model):
    stream = client.generate(model, QUESTION, options=SHORT, stream=True)
    parts = list(stream)
    assert all(type(part) is GenerateResponse for part in parts)
    whole = stream.result()
    assert whole.response == "".join(part.response for part in parts)
    check_whole(whole, whole.response + (whole.thinking or ""))


@pytest.mark.parametrize("recordings", [["ollama-0.34.4/chat-real-stream"]], ids=["recorded"])
def test_an_answer_that_is_left_lets_the_next_one_begin(client, model):
    with client.chat(model, QUESTION, stream=True) as stream:
        next(iter(stream))
    assert stream.status == "cancelled"
    check_whole(client.chat(model, QUESTION, options=SHORT), "next")


@pytest.mark.parametrize("recordings", [["ollama-0.32.15/error-model-not-found"]], ids=["recorded"])
def test_an_unknown_model_is_the_servers_refusal(client):
    with pytest.raises(ResponseError) as raised:
        client.chat(MISSING_MODEL, QUESTION)
    assert raised.value.status_code == 404
    assert MISSING_MODEL in raised.value.error


def unknown_fields(value):
    """The names in a record, and in the records and lists within it, that its class does not declare."""
    if isinstance(value, list):
        return {name for item in value for name in unknown_fields(item)}
    if not dataclasses.is_dataclass(value):
        return set()
    known = {field.name for field in dataclasses.fields(value)}
    within = {name for item in vars(value).values() for name in unknown_fields(item)}
    return within | (set(vars(value)) - known)


@pytest.mark.parametrize("recordings", [["ollama-0.34.4/tags", "ollama-0.34.4/ps-real"]], ids=["recorded"])
@pytest.mark.parametrize("call", ["list", "ps"])
def test_a_list_of_models_has_no_field_that_its_record_does_not_know(client, call):
    record = getattr(client, call)()
    assert record.models
    assert unknown_fields(record) == set()
