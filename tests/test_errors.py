"""What an error says: its message can be shown anywhere, and its attributes keep what came."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import traceback
from typing import Dict

import pytest

import ollama_stream
from ollama_stream import ChatResponse, Client, Message, OllamaError, ResponseError
from support import HEAD, LINE, Server, answer, chunk, closed_port, response

HOSTILE_TEXTS = [
    ("228-escapes", "a\x1b[2J\x07\x00b\x9b\x7f", "a\\x1b[2J\\x07\\x00b\\x9b\\x7f (status code: 500)"),
    ("228-direction", "a\u202eb\u2066c", "a\\u202eb\\u2066c (status code: 500)"),
    ("229-lines", "a\r\nERROR:root:forged\u2028c\x85d\te", "a\\r\\nERROR:root:forged\\u2028c\\x85d\\te (status code: 500)"),
    ("229-long", "x" * 5000, "x" * 2045 + "... (status code: 500)"),
    ("letters", "modèle « é » не найден 模型 😀", "modèle « é » не найден 模型 😀 (status code: 500)"),
]


@pytest.mark.parametrize("text, shown", [row[1:] for row in HOSTILE_TEXTS], ids=[row[0] for row in HOSTILE_TEXTS])
def test_the_message_of_an_error_is_one_line_that_can_be_shown_and_error_is_the_text_as_it_came(text, shown):
    error = ResponseError(text, 500)
    assert (error.error, str(error)) == (text, shown)


PARTS = [  # what raises it, where it stands, what was expected, what was there
    (lambda: Client().chat("m", [{"role": 3}]), "messages[0].role", "'system', 'user', 'assistant' or 'tool'", "3"),
    (lambda: Client().chat("m", [{"role": "user", "content": 3}]), "messages[0].content", "a string", "int"),
    (lambda: Client().chat("m", [], top_logprobs=21), "top_logprobs", "a number from 0 to 20", "21"),
    (lambda: Client(retries=-1), "retries", "a number from 0 on", "-1"),
    (lambda: Client(timeout=True), "timeout: first_byte", "seconds above 0, or None for no limit", "True"),
    (lambda: Message(tool_calls=[3]), "tool_calls[0]", "an object", "a number (3)"),
    (lambda: ChatResponse.model_validate({"message": {"content": []}}), "message.content", "a string", "an array"),
    (lambda: ChatResponse(message=Message(content='{"a": "x"}')).parse(Dict[str, int]), "a", "an integer", "a string ('x')"),
]  # fmt: skip


@pytest.mark.parametrize("call, place, expected, got", PARTS, ids=[row[1] for row in PARTS])
def test_an_error_carries_its_parts(call, place, expected, got):
    with pytest.raises(OllamaError) as caught:
        call()
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.place, error.expected, error.got) == (place, expected, got)
    assert str(error).endswith("%s: expected %s, got %s" % (place, expected, got))


def test_a_raise_from_a_call_shows_few_frames_of_the_library(colour):
    with colour.client("http://127.0.0.1:%d" % closed_port()) as client:
        with pytest.raises(OllamaError) as caught:
            client.chat("m", "hi")
        with pytest.raises(OllamaError) as in_loop:
            for _ in client.chat("m", "hi", stream=True):
                pass
    inside = os.path.dirname(ollama_stream.__file__)
    for error in (caught.value, in_loop.value):
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(inside)]
        assert 1 <= len(frames) <= 6, [frame.name for frame in frames]


MISSING = response("404 Not Found", b"{\"error\":\"model 'm' not found\"}")
REFUSALS = [  # what the server says, and the message
    (MISSING, "model 'm' not found (status code: 404)"),
    (HEAD + chunk(LINE) + chunk(b'{"error":"out of memory"}\n'), "out of memory (status code: -1)"),
]


@pytest.mark.parametrize("said, message", REFUSALS, ids=["status", "line"])
def test_a_refusal_has_one_note_that_names_the_request_and_keeps_its_text(colour, said, message):
    with Server(answer(said)) as server:
        url = server.url
        stream = colour.client(url.replace("//", "//user:secret@")).chat("m", "hi", stream=True)
        with pytest.raises(ResponseError) as raised:
            list(stream)
        with pytest.raises(ResponseError) as again:
            stream.result()
    note = "the call was POST %s/api/chat" % url
    for error in (raised.value, again.value, copy.copy(raised.value), pickle.loads(pickle.dumps(raised.value))):
        assert (str(error), error.__notes__) == (message, [note])
    if sys.version_info >= (3, 11):
        assert traceback.format_exception_only(type(raised.value), raised.value)[-1] == note + "\n"


@pytest.mark.parametrize("said", [HEAD + chunk(LINE), response("200 OK", LINE), response("200 OK", b"<html>"), b"SSH-2.0\r\n", b""])
def test_any_other_error_of_a_call_names_the_server_in_its_text(colour, said):
    with Server([*answer(said), lambda peer: peer.sock.close()]) as server, pytest.raises(OllamaError) as raised:
        colour.client(server.url).chat("m", "hi", stream=True).result()
    assert server.url in str(raised.value)
    assert not hasattr(raised.value, "__notes__")


def test_the_note_of_a_call_stands_beside_those_of_others(colour):
    class Transport:
        def open(self, address, timeout):
            error = ResponseError("no way", 500)
            error.__notes__ = ["mine"]
            raise error

    with pytest.raises(ResponseError) as raised:
        colour.client("http://gpu-box:1", transport=Transport()).chat("m", "hi")
    assert raised.value.__notes__ == ["mine", "the call was POST http://gpu-box:1/api/chat"]
