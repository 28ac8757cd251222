"""Answers of servers that are not Ollama's, met in the field: each kind over a socket, with both clients.

Names and ids end with the number of the fault. What a call gets for a body does not depend on how that was cut or framed.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import uuid
import zlib
from datetime import datetime

import pytest
from support import CHAT, DONE, HEAD, LAST_CHUNK, LINE, Bytes, Server, answer, chunk, collect, fin, line, response

from ollama_stream import IncompleteStream, OllamaError, ProtocolError, RequestError, ResponseError
from ollama_stream._assembler import join_texts

EMPTY_1_0 = b"HTTP/1.0 200 OK\r\n\r\n"
OPENAI_LIST = b'{"object":"list","data":[{"id":"gemma","object":"model","created":1786293998}]}'
OPENAI_CHAT = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1786293998,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}'
)
V1 = "; this looks like an answer of the API under /v1"

# call, its arguments, the member that it is about, an answer that will do
DUE = [
    ("list", (), "models", b'{"models":null}'),
    ("ps", (), "models", b'{"models":[]}'),
    ("embed", ("m", "x"), "embeddings", b'{"embeddings":[[0.1]]}'),
    ("embeddings", ("m", "x"), "embedding", b'{"embedding":[]}'),
    ("show", ("m",), "model_info", b'{"details":{}}'),
    ("version", (), "version", b'{"version":"1"}'),
    ("me", (), "id", b'{"name":"n"}'),
    ("cloud_status", (), "cloud", b'{"cloud":{}}'),
]


def framed(body, how):
    """The same body with a length, chunked in two, or until the end of the connection; then the steps of the peer."""
    if how == "length":
        return answer(response("200 OK", body, Content_Type="application/json"))
    if how == "chunked":
        half = len(body) // 2
        return answer(HEAD, b"".join(chunk(part) for part in (body[:half], body[half:]) if part), LAST_CHUNK)
    return answer(b"HTTP/1.0 200 OK\r\n\r\n" + body, fin)


FRAMES = ("length", "chunked", "close")


def server_of(error):
    """The address of the server that an error speaks of."""
    return "/".join(error.url.split("/")[:3])


def called(colour, steps, name, *arguments, **fields):
    """What a call gives, or the error that it raises."""
    with Server(steps) as server:
        client = colour.client(server.url)
        try:
            return getattr(client, name)(*arguments, **fields)
        except OllamaError as error:
            return error
        finally:
            client.close()


@pytest.mark.each(2)
@pytest.mark.parametrize("name, arguments, member, good", DUE, ids=[row[0] for row in DUE])
def test_nothing_is_no_answer_243(colour, name, arguments, member, good):
    for steps in (answer(EMPTY_1_0, fin), framed(b"", "length"), framed(b" \r\n\t", "chunked")):
        error = called(colour, steps, name, *arguments)
        assert (type(error), str(error)) == (IncompleteStream, "the body is empty (%s)" % server_of(error))
    for body in (b"{}", b" null\n", b'{"models_":[]}', OPENAI_LIST, OPENAI_CHAT.replace(b'"id"', b'"id_"')):
        error = called(colour, framed(body, "length"), name, *arguments)
        hinted = V1 if b"object" in body else ""
        assert type(error) is ProtocolError and error.place == member
        assert str(error).startswith("line 1 of the body: %s: missing%s" % (member, hinted))
        assert ascii(body.strip()[:40].decode())[1:-1] in str(error)
    for body in (b"[]", b'"x"', b"3"):
        assert "expected a JSON object, got" in str(called(colour, framed(body, "length"), name, *arguments))
    assert not isinstance(called(colour, framed(good, "close"), name, *arguments), OllamaError)


NOT_DUE = [
    ("copy", ("a", "b"), "success"), ("delete", ("m",), "success"), ("signout", (), "success"),
    ("unload", ("m",), None), ("chat", ("m",), None), ("generate", ("m",), None),
]  # fmt: skip


@pytest.mark.parametrize("name, arguments, status", NOT_DUE, ids=[row[0] for row in NOT_DUE])
def test_nothing_is_due_from_some_calls_243(colour, name, arguments, status):
    for steps in (answer(EMPTY_1_0, fin), framed(b"{}", "length"), framed(b"null", "chunked")):
        assert called(colour, steps, name, *arguments).get("status") == status


@pytest.mark.each(2)
@pytest.mark.parametrize("name, arguments", [row[:2] for row in NOT_DUE[:3]])
@pytest.mark.parametrize("body", [b"OK", b"OK\n", b'"deleted"', b"true", b"[]", b"\xffO", "gel\u00f6scht".encode()], ids=repr)
def test_a_text_is_success_where_nothing_is_due_255(colour, name, arguments, body):
    found = called(colour, framed(body, "length"), name, *arguments)
    assert found.status == "success", found
    assert type(called(colour, framed(b"<html>login</html>", "length"), name, *arguments)) is ProtocolError
    assert str(called(colour, framed(b'{"error":"no"}', "length"), name, *arguments)) == "no (status code: -1)"


NO_TEXT = [b'{"model":"m"}', b'{"error":""}', b'{"error":null,"model":"m"}', b'{"message":null}', b'{"response":null}']


@pytest.mark.each(2)
@pytest.mark.parametrize("body", NO_TEXT + [body + b"\n" for body in NO_TEXT], ids=repr)
@pytest.mark.parametrize("name, asked", [("chat", "hi"), ("generate", "hi")])
def test_an_object_without_an_answer_in_it_is_none_243_249(colour, name, asked, body):
    for how in FRAMES:
        error = called(colour, framed(body, how), name, "m", asked)
        assert type(error) in (ProtocolError, IncompleteStream), error


WEB = [("web_search", "results", b'{"results":null}'), ("web_fetch", "content", b'{"content":""}')]


@pytest.mark.parametrize("name, member, good", WEB, ids=[row[0] for row in WEB])
def test_nothing_is_no_answer_from_the_web_243(colour, name, member, good):
    def ask(body):
        client = colour.client(transport=Bytes(body), headers={"Authorization": "Bearer k"})
        return getattr(client, name)("x")

    with pytest.raises(IncompleteStream):
        ask(EMPTY_1_0)
    for body in (b"{}", b"null", OPENAI_LIST):
        with pytest.raises(ProtocolError, match="line 1 of the body: %s: missing" % member):
            ask(response("200 OK", body))
    assert ask(response("200 OK", good)).get(member) in ([], "")


def test_a_blob_may_be_answered_by_a_text_255(colour, tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(b"x")
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n"
    with Server([*answer(missing), *answer(response("201 Created", b"stored"))]) as server:
        client = colour.client(server.url)
        assert client.create_blob(str(path)).startswith("sha256:")
        client.close()


LLAMA_SERVER = (
    b'{"models":[{"name":"gemma","model":"gemma","modified_at":"","size":"","digest":"","type":"model","tags":[""],'
    b'"capabilities":["completion"],"parameters":"","details":{"parent_model":"","format":"gguf","families":[""]}}],'
    b'"object":"list","data":[{"id":"gemma","object":"model","created":1786293998,"owned_by":"llamacpp"}]}'
)


def test_a_member_of_no_weight_may_be_anything_244(colour):
    models = called(colour, framed(LLAMA_SERVER, "length"), "list").models
    assert [(one.name, one.size, one.modified_at, one.details.families) for one in models] == [("gemma", "", "", [""])]
    odd = [b"1786293998.5", b"3", b'""', b"null", b"false", b"[]", b'{"content":[{"token":"a"}]}', b"1e999"]
    names = "model created_at done_reason total_duration eval_count prompt_eval_cached_count logprobs remote_host".split()
    for value in odd:
        fields = b",".join(b'"%s":%s' % (name.encode(), value) for name in names)
        text = b'{"message":{"role":%s,"content":"Hi","thinking":%s,"images":%s},%s,"done":false}\n' % (
            value, value, value, fields)  # fmt: skip
        with Server(answer(HEAD, chunk(text + text + DONE), LAST_CHUNK)) as server:
            stream = colour.chat(server)
            records = []
            collect(stream, records)
            assert [record.text for record in records] == ["Hi", "Hi", ""]
            whole = stream.result()
        assert (whole.text, whole.done_reason, whole.tokens_per_second) == ("HiHi", "stop", None)
        assert repr(records[0].created_at) == repr(json.loads(value))
        for call in (("show", b'{"model_info":%s,"details":%s,"messages":[%s],"modified_at":%s,"thinking":%s}'),
                     ("me", b'{"id":%s,"name":"n","email":%s,"plan":%s,"bio":%s,"firstname":%s}'),
                     ("ps", b'{"models":[{"size":%s,"size_vram":%s,"expires_at":%s,"details":%s,"name":%s}]}')):  # fmt: skip
            body = call[1] % ((value,) * call[1].count(b"%s"))
            found = called(colour, framed(body, "length"), call[0], *(["m"] * (call[0] == "show")))
            assert not isinstance(found, OllamaError), (body, found)


ENDS = [
    (b'"done":true,"done_reason":"error"', 'the server ended the answer with done_reason "error"'),
    (b'"done":true,"done_reason":"error","error":"out of memory"', "out of memory"),
    (b'"done_reason":"error"', 'the server ended the answer with done_reason "error"'),
    (b'"done":true,"done_reason":"error","error":{"message":"why"}', "why"),
    (b'"done":false,"done_reason":"error"', 'the server ended the answer with done_reason "error"'),
]


@pytest.mark.parametrize("end, said", ENDS)
def test_an_answer_that_ends_by_error_is_an_error_246(colour, end, said):
    last = b'{"model":"m","message":{"role":"assistant","content":" of"},%s}\n' % end
    with Server(answer(HEAD, chunk(line("Half")), chunk(last), LAST_CHUNK)) as server:
        stream = colour.chat(server)
        records = []
        with pytest.raises(ResponseError) as caught:
            collect(stream, records)
        assert [record.text for record in records] == ["Half", " of"]
        assert (caught.value.error, caught.value.status_code, caught.value.partial.text) == (said, -1, "Half of")
        assert stream.status == "error"
    for how in FRAMES:
        error = called(colour, framed(last, how), "chat", **CHAT)
        assert (type(error), error.error, error.partial.text) == (ResponseError, said, " of")
    error = called(colour, framed(b'{"response":"x",%s}' % end, "length"), "generate", "m", "x")
    assert (type(error), error.error, error.partial.text) == (ResponseError, said, "x")


@pytest.mark.parametrize("reason", ["content_filter", "errors", "tool_calls", "timeout"])
def test_every_other_reason_is_success_246(colour, reason):
    assert called(colour, framed(line("Hi", True, done_reason=reason), "length"), "chat", **CHAT).done_reason == reason


@pytest.mark.parametrize("arguments", [b'""', b'" "', b'"null"', b"null", b"[]", b'"\\n"', b'"[]"', b'"\\"\\""'])
def test_a_function_without_arguments_is_called_and_an_object_goes_back_247(colour, arguments):
    calls = b'[{"id":"call_1","function":{"name":"now","arguments":%s}}]' % arguments
    asks = line().replace(b'"content": "Hi"', b'"content":"","tool_calls":' + calls)
    called_with = []

    def now():
        """The time."""
        called_with.append(())
        return "noon"

    def by_what_is_asked(peer):
        peer.send(HEAD + chunk((LINE if b'"tool"' in peer.request_body else asks) + DONE) + LAST_CHUNK)

    with Server(answer(by_what_is_asked) * 2) as server:  # over one connection or two
        run = colour.client(server.url).run_tools("m", CHAT["messages"], [now])
        records = []
        collect(run, records)
        sent = json.loads(server.peers[-1].request_body)
    assert called_with == [()]
    assert sent["messages"][1]["tool_calls"][0]["function"]["arguments"] == {}
    assert sent["messages"][2]["content"] == "noon"


ANSWER = {"model": "m", "message": {"role": "assistant", "content": "a\u2028b\u00a0\u00e9"}}
LAYOUTS = [
    ("indented", lambda data: json.dumps(data, indent=4)),
    ("by tabs and CRLF", lambda data: json.dumps(data, indent="\t").replace("\n", "\r\n")),
    ("begins with blank lines", lambda data: " \n\r\n\t\n" + json.dumps(data, indent=2)),
    ("ends with blank lines", lambda data: json.dumps(data, indent=2) + "\n\n \r\n"),
    ("blank lines in it", lambda data: json.dumps(data, indent=2).replace("\n", "\n\n", 2)),
    ("unescaped", lambda data: json.dumps(data, indent=1, ensure_ascii=False)),
    ("a BOM", lambda data: "\ufeff" + json.dumps(data, indent=1)),
    ("one line", json.dumps),
    ("one line with LF", lambda data: json.dumps(data) + "\n"),
    ("one line amid blank ones", lambda data: "\n\n" + json.dumps(data) + "\r\n\r\n"),
]


@pytest.mark.each(3)
@pytest.mark.parametrize("how", FRAMES)
@pytest.mark.parametrize("layout", [row[1] for row in LAYOUTS], ids=[row[0] for row in LAYOUTS])
def test_a_document_may_be_laid_out_and_say_nothing_of_done_248_249(colour, layout, how):
    for more in ({}, {"done": True}, {"done": True, "done_reason": "stop", "eval_count": 3}, {"novel": [1]}):
        body = layout(dict(ANSWER, **more)).encode()
        assert called(colour, framed(body, how), "chat", **CHAT).text == ANSWER["message"]["content"]
        body = layout(dict({"model": "m", "response": "x"}, **more)).encode()
        assert called(colour, framed(body, how), "generate", "m", "x").text == "x"
    for body in (dict(ANSWER, done=False), {"model": "m", "response": "x", "done": False}):
        name, arguments = ("chat", ("m", CHAT["messages"])) if "message" in body else ("generate", ("m", "x"))
        error = called(colour, framed(layout(body).encode(), how), name, *arguments)
        assert type(error) is IncompleteStream and error.partial.text in ("x", ANSWER["message"]["content"])
    assert called(colour, framed(layout({"status": "success"}).encode(), how), "pull", "m").status == "success"
    assert type(called(colour, framed(layout({"status": "pulling"}).encode(), how), "pull", "m")) is IncompleteStream
    assert called(colour, framed(layout({"models": [{"name": "a"}]}).encode(), how), "list").models[0].name == "a"


@pytest.mark.each(2)
@pytest.mark.parametrize("blank", ["\u00a0", "\u2028", "\x0b", "\x0c", "\x85", "\u3000"], ids=ascii)
def test_only_the_blanks_of_json_stand_around_a_document_248(colour, blank):
    for text in (blank + json.dumps(ANSWER, indent=1), json.dumps(ANSWER, indent=1) + blank, json.dumps(ANSWER) + blank):
        assert type(called(colour, framed(text.encode(), "length"), "chat", **CHAT)) is ProtocolError
    assert type(called(colour, framed((blank + '{"models":[]}').encode(), "length"), "list")) is ProtocolError


def test_a_stream_without_done_is_incomplete_and_so_is_one_that_was_not_asked_for_249(colour):
    silent = json.dumps(ANSWER).encode() + b"\n"
    for lines in (silent, silent + silent, silent + LINE):
        with Server(answer(HEAD, chunk(lines), LAST_CHUNK)) as server, pytest.raises(IncompleteStream):
            collect(colour.chat(server), [])
    for lines in (silent + silent, LINE + silent, silent + LINE, LINE):
        assert type(called(colour, framed(lines, "length"), "chat", **CHAT)) is IncompleteStream
    assert called(colour, framed(silent + DONE, "length"), "chat", **CHAT).text == ANSWER["message"]["content"]
    half = json.dumps(ANSWER, indent=2).encode()[:-2]
    assert type(called(colour, framed(half, "length"), "chat", **CHAT)) is IncompleteStream
    error = called(colour, framed(half.replace(b":", b"="), "length"), "chat", **CHAT)
    assert type(error) in (ProtocolError, IncompleteStream)


OTHERS = [
    OPENAI_CHAT, OPENAI_LIST, b'{"id":"x","object":"chat.completion.chunk","choices":[{"delta":{"content":"x"}}],"model":"m"}',
    b'{"id":"cmpl","object":"text_completion","model":"m","choices":[{"text":"x"}]}',
]  # fmt: skip
MORE_OTHERS = [
    b'{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"x"}],"model":"m"}',
    b'{"content":"x","stop":true,"model":"m","tokens_predicted":3}', b'{"generated_text":"x"}',
    b'{"candidates":[{"content":{"parts":[{"text":"x"}]}}],"modelVersion":"m"}', b'{"results":[{"text":"x"}]}', b"{}",
    b'{"error parsing tool call":"raw=x"}', b'{"detail":"x"}', b'{"type":"ping"}', b'{"model":"m","text":"x"}',
]  # fmt: skip


@pytest.mark.each(2)
@pytest.mark.parametrize("body", OTHERS + MORE_OTHERS)
def test_an_object_of_another_api_is_told_for_what_it_is_250_251(colour, body):
    shown = ascii(body[:60].decode())[1:-1]
    for end in (b"", b"\n"):
        for name, fields in (("chat", CHAT), ("generate", {"model": "m", "prompt": "x"})):
            error = called(colour, framed(body + end, "length"), name, **fields)
            assert type(error) is ProtocolError and shown in str(error) and "ask again" not in str(error)
            assert (V1 in str(error)) == (body in OTHERS)
    for lines in (body, LINE + body):
        with Server(answer(HEAD, chunk(lines + b"\n" + DONE), LAST_CHUNK)) as server:
            with pytest.raises(ProtocolError) as caught:
                collect(colour.chat(server), [])
        assert shown in str(caught.value) and caught.value.partial.text == ("Hi" if lines != body else "")


HIDDEN_REASONS = [  # status line, body, the reason that it gives
    ("400 Bad Request", b"{}", "Bad Request"),
    ("400 Bad Request", b"null", "Bad Request"),
    ("400 Bad Request", b'""', "Bad Request"),
    ("400 Bad Request", b"[]", "Bad Request"),
    ("400 Bad Request", b" \n", "Bad Request"),
    ("500 Internal Server Error", b'{"error":""}', "Internal Server Error"),
    ("500 Internal Server Error", b'{"error":null}', "Internal Server Error"),
    ("500 Internal Server Error", b'{"error":{}}', "Internal Server Error"),
    ("500 Internal Server Error", b'{"error":true}', "Internal Server Error"),
    ("500 Internal Server Error", b'{"error":" "}', "Internal Server Error"),
    ("404 Not Found", b'{"detail":"no such model"}', "no such model"),
    ("404 Not Found", b'{"detail":{"error":"no such model"}}', "no such model"),
    ("422 Unprocessable Entity", b'{"detail":[{"loc":["body","name"],"msg":"field required"}]}', "field required"),
    ("422 Unprocessable Entity", b'{"detail":[{"msg":"a"},{"msg":"b"}]}', "a; b"),
    ("500 Internal Server Error", b'{"error":true,"message":"out of memory"}', "out of memory"),
    ("500 Internal Server Error", b'{"error":1,"message":"out of memory"}', "out of memory"),
    ("500 Internal Server Error", b'{"error":"Internal Server Error","message":"out of memory"}', "out of memory"),
    ("500 Oops", b'{"error":"Internal Server Error","detail":"out of memory"}', "out of memory"),
    ("500 Kaputt", b'{"error":"kaputt","message":"out of memory"}', "out of memory"),
    ("404 Not Found", b'{"statusCode":404,"error":"Not Found","message":"Route not found"}', "Route not found"),
    ("404 Not Found", b'{"error":"Not Found"}', "Not Found"),
    ("400 Bad Request", b'{"type":"about:blank","title":"Bad Request","detail":"why","status":400}', "why"),
    ("400 Bad Request", b'{"message":"why"}', "why"),
    ("400 Bad Request", b'{"msg":"why","code":3}', "why"),
    ("400 Bad Request", b'{"errors":[{"message":"why"}]}', "why"),
    ("400 Bad Request", b'{"error":{"message":"why","type":"invalid_request_error"}}', "why"),
    ("400 Bad Request", b'{"error":{"error":{"message":"why"}}}', "why"),
    ("400 Bad Request", b'{"error":"boom","message":"more"}', "boom"),
    ("400 Bad Request", b'{"error":"{\\"error\\":{\\"message\\":\\"why\\"}}"}', "why"),
    ("400 Bad Request", b'"why"', "why"),
    ("400 Bad Request", b'\xef\xbb\xbf{"error":"why"}', "why"),
    ("400 Bad Request", b'{\n  "error": "why"\n}\n', "why"),
    ("400 Bad Request", b'{"code":3}', '{"code":3}'),
    ("400 Bad Request", b"why not", "why not"),
    ("502 Bad Gateway", b'{"error":"bad_gateway","message":"why"}', "why"),
    ("502 Bad Gateway", b'{"error":"BadGateway","message":"why"}', "why"),
    ("500 Oops", b'{"error":"true","message":"why"}', "why"),
    ("400 Bad Request", b'{"error":"invalid_request","error_description":"why"}', "why"),
    ("400 Bad Request", b'{"error":"invalid_request"}', "invalid_request"),
    ("400 Bad Request", b'[{"error":{"code":400,"message":"why"}}]', "why"),
    ("400 Bad Request", b'{"error":"why"}\n{"error":"more"}\n', "why"),
    ("400 Bad Request", b'{}\n{"error":{"message":"why"}}\n', "why"),
    ("400 Bad Request", b'data: {"error":{"message":"why"}}\n\ndata: [DONE]\n\n', "why"),
    ("400 Bad Request", b': hi\nevent: error\ndata:{"message":"why"}\n\n', "why"),
    ("400 Bad Request", b'Why: \n{"error":"more"}', 'Why: \n{"error":"more"}'),
    ("400 Bad Request", b"\xe9chec du serveur", "\ufffdchec du serveur"),
    ("502 Bad Gateway", b"\x1b\x0e\xf8%\xc8\xe2", "Bad Gateway"),
    ("502 Bad Gateway", b"\xc8\xe2\xff\xa4\x93%", "Bad Gateway"),
    ("599 ", b"{}", "status 599"),
    ("502 Bad Gateway", gzip.compress(b'{"error":"why"}'), "Bad Gateway"),
    ("502 Bad Gateway", b"\x28\xb5\x2f\xfd\x04\x00abc", "Bad Gateway"),
    ("502 Bad Gateway", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "Bad Gateway"),
]


@pytest.mark.each(2)
@pytest.mark.parametrize("status, body, said", HIDDEN_REASONS, ids=[repr(row[1])[2:60] for row in HIDDEN_REASONS])
def test_the_reason_of_an_error_is_found_252(colour, status, body, said):
    for name, arguments in (("chat", ("m", CHAT["messages"])), ("list", ())):
        error = called(colour, answer(response(status, body)), name, *arguments)
        assert (type(error), error.error, error.status_code) == (ResponseError, said, int(status[:3]))
    with Server(answer(response(status, body))) as server, pytest.raises(ResponseError) as caught:
        collect(colour.chat(server), [])
    assert caught.value.error == said


@pytest.mark.parametrize("coding, packed", [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", lambda _: b"\x8b\x02\x80ab\x03")])
def test_a_compressed_reason_is_not_shown_252(colour, coding, packed):
    error = called(colour, answer(response("502 Bad Gateway", packed(b'{"error":"x"}'), Content_Encoding=coding)), "list")
    assert (error.error, error.raw) == ("Bad Gateway", "")


@pytest.mark.parametrize("record, said", [
    (b'{"error":true,"message":"why"}', "why"),
    (b'{"error":"Internal Server Error","message":"why"}', "why"),
    (b'{"error":{"detail":[{"msg":"why"}]}}', "why"),
    (b'{"error":"why","status":400}', "why"),
])  # fmt: skip
def test_the_reason_of_an_error_in_a_stream_is_found_252(colour, record, said):
    with Server(answer(HEAD, chunk(LINE + record + b"\n"), LAST_CHUNK)) as server, pytest.raises(ResponseError) as caught:
        collect(colour.chat(server), [])
    assert (caught.value.error, caught.value.partial.text) == (said, "Hi")
    assert called(colour, framed(record, "length"), "list").error == said


HALVES = [
    (["a\\ud83d", "\\ude00b"], "a\U0001f600b"),
    (["\\ud83d", "\\ude00"], "\U0001f600"),
    (["\\ud83d", "", "\\ude00\\ud83d", "\\ude00"], "\U0001f600\U0001f600"),
    (["\\ud83d", "x"], "\ud83dx"),
    (["\\ude00", "\\ud83d"], "\ude00\ud83d"),
    (["\\ud83d\\ud83d", "\\ude00"], "\ud83d\U0001f600"),
]


@pytest.mark.each(2)
@pytest.mark.parametrize("parts, whole", HALVES, ids=ascii)
def test_halves_of_a_character_are_joined_254(colour, parts, whole):
    for key in ("content", "thinking"):
        other = '"content":"",' if key == "thinking" else ""
        lines = ['{"message":{"role":"assistant",%s"%s":"%s"},"done":false}\n' % (other, key, part) for part in parts]
        with Server(answer(HEAD, chunk("".join(lines).encode() + DONE), LAST_CHUNK)) as server:
            stream = colour.chat(server)
            collect(stream, [])
            assert getattr(stream.result().message, key) == getattr(stream.partial.message, key) == whole
        found = called(colour, framed("".join(lines).encode() + DONE, "length"), "chat", **CHAT)
        assert found.message[key] == whole
    lines = ['{"response":"%s","done":false}\n' % part for part in parts]
    found = called(colour, framed("".join(lines).encode() + b'{"response":"","done":true}', "length"), "generate", "m", "x")
    assert found.text == whole


def test_texts_are_joined_as_utf_16_would_254():
    assert join_texts(["\ud83d", "\ude00"]) == "\U0001f600" and join_texts(["a", "\x85\u2028"]) == "a\x85\u2028"
    assert join_texts(["\ud83d"]) == "\ud83d" and join_texts([]) == ""


@pytest.mark.parametrize("think", ["xhigh", "", "banana", "maximal \u00e9", True, False])
def test_think_is_any_string_256(colour, think):
    with Server(answer(HEAD, chunk(DONE), LAST_CHUNK)) as server:
        colour.client(server.url).chat(think=think, stream=True, **CHAT).result()
        assert json.loads(server.peer().request_body)["think"] == think
    for wrong in (0, 1, 2.5, float("nan"), [], b"high", {"level": "high"}):
        with pytest.raises(RequestError, match=r"^think: expected .*show\(\)\.thinking") as caught:
            colour.client(server.url).chat(think=wrong, **CHAT)
        assert "think" in str(caught.value)


class Unknown:
    pass


UNFIT = [datetime(2026, 1, 1), uuid.UUID(int=1), Unknown(), {1, 2}, b"x", 1j, float("nan"), {"at": datetime(2026, 1, 1)},
         [uuid.UUID(int=1)], Exception("x"), lambda: 0]  # fmt: skip


@pytest.mark.parametrize("value", UNFIT, ids=lambda value: type(value).__name__)
def test_a_member_of_a_message_that_is_no_json_is_left_out_262(colour, caplog, value):
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": 1}, "handle": value}, "started": value}
    given = {"role": "user", "content": "x", "time": value, "kept": [1], "tool_calls": [call]}
    with Server(answer(HEAD, chunk(DONE), LAST_CHUNK)) as server, caplog.at_level(logging.DEBUG, "ollama_stream"):
        colour.client(server.url).chat("m", [given], stream=True).result()
        sent = json.loads(server.peer().request_body)["messages"]
        assert given["time"] is value
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}
    assert sent == [{"role": "user", "content": "x", "kept": [1], "tool_calls": [call]}]
    assert [r.levelname for r in caplog.records if "left out of the request: messages[0].time" in r.getMessage()] == ["DEBUG"]
    for known in ("content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id", "role"):
        with pytest.raises(RequestError, match=r"^messages(\[0\]\.%s)?" % known):
            colour.client("http://127.0.0.1:1").chat("m", [dict({"role": "user", "content": "x"}, **{known: value})])


def test_an_end_beyond_the_text_is_the_end_282(colour, monkeypatch):
    from ollama_stream import _json, _stream

    scan = _json.scan_once

    def by_utf_16(text, start):
        value, end = scan(text, start)
        return value, start + len(text[start:end].encode("utf-16-le", "surrogatepass")) // 2

    monkeypatch.setattr(_json, "scan_once", by_utf_16)
    monkeypatch.setattr(_stream, "scan_once", by_utf_16)
    emoji = line("\U0001f600\U0001f600").decode().encode("ascii").decode("unicode_escape")
    text = emoji.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    for lines in (text + LINE + DONE, LINE + text + text + DONE, text + DONE[:-1]):
        with Server(answer(HEAD, chunk(lines), LAST_CHUNK)) as server:
            stream = colour.chat(server)
            collect(stream, [])
        assert "\U0001f600\U0001f600" in stream.result().text
    assert called(colour, framed(b'{"models":[{"name":"\xf0\x9f\x98\x80"}]}', "length"), "list").models[0].name == "\U0001f600"


# --- 245: where computing and formatting meet what is no number -------------------------------------------------------

COMMANDS = [
    (["run", "--stats", "m", "hi"], "chat"), (["run", "--json", "m", "hi"], "chat"), (["list"], "models"),
    (["ps"], "models"), (["show", "m"], "model"), (["pull", "m"], "progress"),
]  # fmt: skip
FILES = [["fixture", "show"], ["fixture", "show", "--view", "records"], ["fixture", "show", "--svg", "-"], ["replay", "--stats"]]
COUNTS = ("total_duration load_duration prompt_eval_count prompt_eval_cached_count prompt_eval_duration eval_count "
          "eval_duration size size_vram context_length total completed").split()  # fmt: skip


def odd_body(kind, value):
    counts = b",".join(b'"%s":%s' % (name.encode(), value) for name in COUNTS)
    if kind == "chat":
        last = b'{"model":"m","created_at":%s,"message":{"role":"assistant","content":""},"done":true,%s}\n' % (value, counts)
        return LINE.replace(b'"2026-11-22T18:35:00Z"', value) + last
    if kind == "models":
        return b'{"models":[{"name":"a","modified_at":%s,"expires_at":%s,"details":%s,%s},{"name":"b"}]}' % (
            value, value, value, counts)  # fmt: skip
    if kind == "model":
        names = "model_info details parameters template license system capabilities thinking messages".split()
        return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), value) for name in names)
    return b'{"status":"pulling","digest":%s,%s}\n{"status":"success"}\n' % (value, counts)


@pytest.mark.each(2)
@pytest.mark.parametrize("value", [b'"5"', b'"2s"', b"[]", b"{}", b"true", b"-1", b"1e400", b"1786293998.5", b"9" * 400])
def test_what_is_no_count_is_shown_as_it_is_or_left_out_245(value, capfd, tmp_path, monkeypatch):
    from ollama_stream.cli import main

    monkeypatch.setenv("OLLAMA_HOST", "")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    for command, kind in COMMANDS:
        with Server(answer(response("200 OK", odd_body(kind, value)))) as server:
            status = main([command[0], "--host", server.url, *command[1:]])
        out, err = capfd.readouterr()
        assert (status, "fault of the program" in err) == (0, False), (command, err)
    path = tmp_path / "odd.ndjson"
    path.write_bytes(odd_body("chat", value))
    for command in FILES:
        status = main([*command, str(path)])
        out, err = capfd.readouterr()
        assert (status, "fault of the program" in err) == (0, False), (command, err)


UNKNOWN = [  # body, what a stream from a path that the library does not know gives
    (b'{"a":1}\n{"b":"\\ud83d"}\r\n\n{"c":[]}', [{"a": 1}, {"b": "\ud83d"}, {"c": []}]),
    (b'{"a":1,"done":false}\n{"done":true}\n{"after":1}\n', [{"a": 1, "done": False}, {"done": True}, {"after": 1}]),
    (b'{"a":1}', [{"a": 1}]),
    (b'\xef\xbb\xbf\n{\n "a": 1\n}\n', [{"a": 1}]),
    (b"[\n1,\n2\n]\n", [[1, 2]]),
    (b'[1]\n"x"\n', [[1], "x"]),
    (b"", []),
]


@pytest.mark.each(2)
@pytest.mark.parametrize("how", FRAMES)
@pytest.mark.parametrize("body, records", UNKNOWN, ids=[repr(row[0])[2:40] for row in UNKNOWN])
def test_a_stream_of_an_unknown_path_gives_its_lines_or_its_document_248(colour, body, records, how):
    with Server(framed(body, how)) as server:
        got = []
        collect(colour.client(server.url).request("POST", "/api/new", {"stream": True}, stream=True), got)
    assert got == records


@pytest.mark.parametrize("body, kind", [(b'{"a":1}\n{"b"', IncompleteStream), (b'{"a":1}\n{"error":"why"}\n', ResponseError)], ids=["cut", "error"])
def test_a_stream_of_an_unknown_path_fails_after_its_good_lines(colour, body, kind):
    with Server(framed(body, "length")) as server, pytest.raises(kind):
        got = []
        collect(colour.client(server.url).request("POST", "/api/new", {"stream": True}, stream=True), got)
    assert got == [{"a": 1}]
