"""Public reports about clients and imitators of the API: what was met there, given to this client in both colours.

A row names the report, the call, what the server of the report sends, and what comes of it: the text, what a look at
the answer finds, or the class and a part of the text of the error ("^" is where that begins).
"""

from __future__ import annotations

import json

import pytest
from support import CHAT, DONE, GOOD, HEAD, LAST_CHUNK, LINE, Server, answer, chunk, collect, fin, line, response

from ollama_stream import Client, ConnectionLost, IncompleteStream, OllamaError, ProtocolError, RequestError, ResponseError

CREATED = b'"model":"m","created_at":"2025-09-08T12:13:57.472827154Z"'
LONG = b'{%s,"response":"","done":true,"context":[%s]}\n' % (CREATED, b",".join(b"%d" % i for i in range(20000)))
TOOL_CALL = b'{"message":{"role":"assistant","content":"","tool_calls":[{"type":"function","function":{"name":"q",%s}}]},"done":%s}\n'
SHOW = b'{"modelfile":"# Modelfile","details":{"families":null},"modified_at":"2025-12-24T08:50:16.420863559+08:00"}'
VECTORS = b'{"model":"m","embeddings":[[0.1,0.2],[0.3,0.4]],"total_duration":14143917}'
HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"


def halves(data: bytes):
    return data[: len(data) // 2], data[len(data) // 2 :]


def stream(*pieces: bytes):
    """A body in HTTP chunks like these."""
    return answer(HEAD, *[chunk(piece) for piece in pieces], LAST_CHUNK)


def document(body: bytes, status: str = "200 OK", **fields: str):
    return answer(response(status, body, **fields))


def text_of(found):
    return found.text


NO_END = (IncompleteStream, "the body ended before the record that ends an answer")
REPORTS = [  # report, call, its arguments (None: a chat that is streamed), what the server does, look, what is seen
    ("ollama/ollama-python#478 the last record without a message", None, None,
     stream(LINE, b'{%s,"done":true,"eval_count":282}\n' % CREATED), text_of, "Hi"),
    ("ollama/ollama-python#484 arguments as JSON text", None, None,
     stream(TOOL_CALL % (b'"arguments":"{\\"query\\": \\"SELECT\\"}"', b"false"), DONE),
     lambda r: r.message.tool_calls[0].function.arguments, {"query": "SELECT"}),
    ("ollama/ollama-python#484 arguments as an empty object in text", None, None,
     stream(TOOL_CALL % (b'"arguments":"{}"', b"true")), lambda r: r.message.tool_calls[0].function.arguments, {}),
    ("ollama/ollama-python#393 empty lines between records", None, None, stream(b"\n", LINE, b"\n\n", DONE), text_of, "Hi"),
    ("ollama/ollama-python#494 capabilities of a model", "show", ("m",),
     document(b'{"model_info":{},"capabilities":["completion","vision"]}'), lambda r: r.capabilities, ["completion", "vision"]),
    ("simonw/llm#1330, taketwo/llm-ollama#65 show of a cloud model without model_info", "show", ("m",), document(SHOW),
     lambda r: (r.modelfile, r.modelinfo, r.modified_at.year), ("# Modelfile", {}, 2025)),
    ("langflow-ai/langflow#11603 an older server: no capabilities", "show", ("m",), document(SHOW),
     lambda r: (r.get("capabilities", ["?"]), r.capabilities), (["?"], None)),
    ("bojieli/ai-agent-book#1041 the name of a model by either key", "list", (),
     document(b'{"models":[{"name":"qwen3:0.6b","model":"qwen3:0.6b"}]}'),
     lambda r: [(m["name"], m.model, m.get("name")) for m in r["models"]], [("qwen3:0.6b",) * 3]),
    ("BerriAI/litellm#13333 thinking beside an empty response", "generate", ("m", "x"),
     stream(b'{%s,"response":"","thinking":"We","done":false}\n' % CREATED, b'{%s,"response":"Hi","done":true}\n' % CREATED),
     lambda r: (r.thinking, r.text), ("We", "Hi")),
    ("Aider-AI/aider#4594 an empty response with the members of a cloud model", "generate", ("m", "x"),
     stream(b'{%s,"remote_model":"q","remote_host":"https://ollama.com:443","response":"","done":false}\n' % CREATED,
            b'{%s,"response":"Hello!","done":true}\n' % CREATED), text_of, "Hello!"),
    ("BerriAI/litellm#33622, langchain-ai/langchain#34746 a tool call that could not be parsed", None, None,
     stream(LINE, b'{"error":"error parsing tool call: raw=\'{\\"a\', err=unexpected end of JSON input"}\n'), None,
     (ResponseError, "error parsing tool call: raw='{\"a', err=unexpected end of JSON input (status code: -1)")),
    ("continuedev/continue#751, sigoden/aichat#548 records cut anywhere by a proxy", None, None,
     stream(*halves(LINE + LINE + DONE), b"\n"), text_of, "HiHi"),
    ("mckaywrigley/chatbot-ui#1378 many records in a chunk", None, None, stream(LINE + LINE + LINE + DONE), text_of, "HiHiHi"),
    ("open-webui/open-webui#1891 a stream that comes as one body", None, None, document(LINE + LINE + DONE), text_of, "HiHi"),
    ("technovangelist/ollama-node#3 a last record far longer than a read", "generate", ("m", "x"), stream(*halves(LONG)),
     lambda r: len(r.context), 20000),
    ("MetaGPT#1340, CNSeniorious000/oai2ollama#6 server-sent events under /api/chat", None, None,
     stream(b'data: {"id":"chatcmpl-471","object":"chat.completion.chunk","choices":[]}\n\n'), None,
     (ProtocolError, "this looks like server-sent events: is the path one of /v1?")),
    ("CNSeniorious000/oai2ollama#6 a message put beside another API's members", "chat", ("m", CHAT["messages"]),
     document(b'{"message":{"role":"assistant","content":"Hi"},"id":"x","object":"chat.completion","choices":[{}]}'), text_of, "Hi"),
    ("eyalrot/ollama_openai#33 records of generate under /api/chat", None, None,
     stream(b'{%s,"response":"The","done":false}\n' % CREATED), None, (ProtocolError, "is this an answer of /api/generate?")),
    ("BerriAI/litellm#1191 a bare message for a record", None, None, stream(b'{"role":"assistant","content":" Hello"}\n'), None,
     (ProtocolError, "message: missing ('{\"role\":\"assistant\"")),
    ("ggozad/oterm#2 an old server or another one: no such page", "list", (),
     document(b"404 page not found", "404 Not Found"), None, (ResponseError, "404 page not found (status code: 404)")),
    ("open-webui/open-webui#11906 the reason in detail", "chat", ("m", CHAT["messages"]),
     document(b"{\"detail\":\"Model 'doesnotexist:1gogol' was not found\"}", "400 Bad Request"), None,
     (ResponseError, "Model 'doesnotexist:1gogol' was not found (status code: 400)")),
    ("ollama/ollama#3694 the page of a network in between that has waited long enough", "chat", ("m", CHAT["messages"]),
     document(b"<!DOCTYPE html>\n<html><head><title>524: A timeout occurred</title></head></html>", "524", Content_Type="text/html"), None,
     (ResponseError, "^A timeout occurred (status code: 524)")),
    ("ollama/ollama#2829 the same with the name of the host", "chat", ("m", CHAT["messages"]),
     document(b"<!DOCTYPE html>\n<html><head><title>h | 524: A timeout occurred</title></head></html>", "524", Content_Type="text/html"),
     None, (ResponseError, "h | 524: A timeout occurred (status code: 524)")),
    ("open-webui/open-webui#15518 a parameter that a proxy misses", "show", ("m",),
     document(b'{"detail":[{"type":"missing","loc":["body","name"],"msg":"Field required","input":{}}]}', "422 Unprocessable Entity"),
     None, (ResponseError, "Field required (status code: 422)")),
    ("home-assistant/core#140441 a model without tools", "chat", ("m", CHAT["messages"]),
     document(b'{"error":"registry.ollama.ai/library/gemma3:latest does not support tools"}', "400 Bad Request"), None,
     (ResponseError, "registry.ollama.ai/library/gemma3:latest does not support tools (status code: 400)")),
    ("llm4s/llm4s#590 a page for an answer", "chat", ("m", CHAT["messages"]), document(HTML, Content_Type="text/html"), None,
     (ProtocolError, "this looks like a web page")),
    ("llm4s/llm4s#590 an empty answer while the model starts", "chat", ("m", CHAT["messages"]), document(b""), None, NO_END),
    ("llm4s/llm4s#590 half an answer", "chat", ("m", CHAT["messages"]), document(line("Hi", True)[:40]), None,
     (IncompleteStream, "the body ended inside the document")),
    ("langchain-ai/langchain#34918, ollama/ollama#1329 a stream without a record", None, None, stream(), None, NO_END),
    ("maruakshay/miii-cli#71 a stream that is dropped before its first record", None, None,
     answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", fin), None, NO_END),
    ("run-llama/llama_index#19634, topoteretes/cognee#1663 the vectors of embed", "embed", ("m", ["a", "b"]), document(VECTORS),
     lambda r: ([len(v) for v in r["embeddings"]], "embedding" in r), ([2, 2], False)),
    ("run-llama/llama_index#19648 vectors as an attribute", "embed", ("m", "a"), document(VECTORS), lambda r: r.embeddings[0][0], 0.1),
    ("meilisearch/meilisearch#4456 null for the vector of a blank text", "embeddings", ("m", " "), document(b'{"embedding":null}'),
     lambda r: r.embedding, []),
    ("haystack-core-integrations#886 a stream for a document", "embeddings", ("m", "a"), document(LINE + DONE), None,
     (ProtocolError, "something follows the value at character")),
    ("can1357/oh-my-pi#8195 raw control characters in a string", None, None,
     stream(LINE, LINE.replace(b"Hi", b"a\x07b"), DONE), None, (ProtocolError, "line 2 of the body: not JSON: Invalid control character")),
    ("langchain-ai/langchain#36009 arguments that are no object", None, None,
     stream(TOOL_CALL % (b'"arguments":"[]"', b"true")), lambda r: r.message.tool_calls[0].function.arguments, {}),
    ("lemonade-sdk/lemonade#1428 a tool call with a type and an index in text", None, None,
     stream(TOOL_CALL % (b'"index":"0","arguments":{"a":1}', b"false"), DONE),
     lambda r: (r.message.tool_calls[0].type, r.message.tool_calls[0].function.index), ("function", "0")),
    ("enricoros/big-AGI#239 a model without parameters", "show", ("m",), document(b'{"modelfile":"FROM x"}'),
     lambda r: r.parameters, None),
    ("ollama/ollama#13007 an error in a stream that is no JSON", None, None, stream(LINE, b"invalid upstream: boom\n"), None,
     (ProtocolError, "line 2 of the body: not JSON ('invalid upstream: boom')")),
    ("code-yeongyu/oh-my-openagent#1196 an error line of a proxy", None, None,
     stream(LINE, b'{"error":"Stream error: error decoding response body"}\n'), None,
     (ResponseError, "Stream error: error decoding response body (status code: -1)")),
    ("code-yeongyu/oh-my-openagent#1120 records with nothing but a tool call", None, None,
     stream(b'{"message":{"tool_calls":[{"function":{"name":"read","arguments":{"filePath":"README.md"}}}]}, "done":false}\n',
            b'{"message":{"content":""}, "done":true}\n'),
     lambda r: (r.text, r.message.tool_calls[0].function.arguments), ("", {"filePath": "README.md"})),
    ("ivanfioravanti/chatbot-ollama#29 records without a line end between them", None, None, stream(LINE[:-1] + DONE), None,
     (ProtocolError, "something follows the value at character")),
    ("docling-project/docling#1647 an answer of /v1 that says nothing", "chat", ("m", CHAT["messages"]),
     document(b'{"object":"chat.completion","choices":[{"message":{"role":"assistant","content":""},"finish_reason":null}]}'), None,
     (ProtocolError, "this looks like an answer of the API under /v1")),
    ("ollama/ollama#5671 a server that left out context and load_duration", "generate", ("m", "x"),
     stream(b'{%s,"response":"Hi","done":true,"eval_count":2}\n' % CREATED),
     lambda r: (r.text, r.context, r.load_duration, r.eval_count), ("Hi", None, None, 2)),
    ("ollama/ollama-python#192 an older server's create", "create", ("m",),
     document(b'{"error":"name and path are required"}', "400 Bad Request"), None,
     (ResponseError, "name and path are required (status code: 400)")),
    ("ollama/ollama#7029 an error without a word", "pull", ("m",), document(b"", "502 Bad Gateway"), None,
     (ResponseError, "Bad Gateway (status code: 502)")),
    ("ollama/ollama#8258 the model dies in its answer", None, None,
     stream(LINE, b'{"error":"an error was encountered while running the model: unexpected EOF"}\n'), None,
     (ResponseError, "an error was encountered while running the model: unexpected EOF (status code: -1)")),
    ("ollama/ollama#200 a download that does not fit its digest", "pull", ("m",),
     document(b'{"status":"pulling manifest"}\n{"error":"digest mismatch, file must be downloaded again: want sha256:e8"}\n'), None,
     (ResponseError, "digest mismatch, file must be downloaded again: want sha256:e8 (status code: -1)")),
    ("wujm424606/ComfyUi-Ollama-YN#17 the name of a model beside its model", "list", (),
     document(b'{"models":[{"name":"llava:7b","model":"llava:7b","modified_at":"2025-01-08T00:00:00Z","size":1}]}'),
     lambda r: r["models"][0]["name"], "llava:7b"),
    ("ollama/ollama#10015 the last record says that it is not", None, None,
     stream(LINE, line(".", False, infoContext={}, chatId="c")), None, NO_END),
    ("jundot/omlx#1267 a stream without its last chunk", None, None, answer(HEAD, chunk(LINE), chunk(DONE), fin), text_of, "Hi"),
    ("lemonade-sdk/lemonade#1011 an error behind the whole answer", None, None,
     answer(GOOD, response("500 Internal Server Error", b"boom")), text_of, "Hi"),
    ("ollama/ollama#14420 empty records that keep a proxy from closing", None, None,
     stream(line(""), line(""), LINE, line(""), DONE), text_of, "Hi"),
    ("coleam00/Archon#1158 nothing ends the last line", None, None, stream(LINE, DONE[:-1]), text_of, "Hi"),
    ("open-webui/pipelines#564, dstackai/dstack#1208 a proxy that has waited long enough cuts the body", None, None,
     answer(HEAD, chunk(LINE), fin), None,
     (ConnectionLost, "the connection closed between chunks, before the last one; the answer is cut off after 2 characters")),
    ("gluonfield/enchanted#9 a tunnel's page that warns of the tunnel", None, None, document(HTML, Content_Type="text/html"), None,
     (ProtocolError, "this looks like a web page: is this an Ollama server?")),
    ("ollama/ollama#3215, gluonfield/enchanted#53 a host that the server does not know", "list", (), document(b"", "403 Forbidden"),
     None, (ResponseError, "^Forbidden (status code: 403)")),
    ("continuedev/continue#11444, hydropix/TranslateBooksWithLLMs#280 a limit of use is reached", None, None,
     document(b'{"error":"you (ae) have reached your session usage limit"}', "429 Too Many Requests"), None,
     (ResponseError, "^you (ae) have reached your session usage limit (status code: 429)")),
    ("ollama/ollama-vscode#58 a tool call, then the end without a text", None, None,
     stream(TOOL_CALL % (b'"arguments":{"path":"Program.cs"}', b"false"), DONE),
     lambda r: (r.text, r.message.tool_calls[0].function.arguments), ("", {"path": "Program.cs"})),
    ("BerriAI/litellm#3333 name and arguments in the arguments", None, None,
     stream(TOOL_CALL.replace(b'"q"', b'""') % (b'"arguments":"{\\"name\\": \\"get\\", \\"arguments\\": {}}"', b"true")),
     lambda r: (r.message.tool_calls[0].function.name, r.message.tool_calls[0].function.arguments), ("", {"name": "get", "arguments": {}})),
    ("ggml-org/llama.cpp#13777 an answer of /v1 under /api/chat", "chat", ("m", CHAT["messages"]),
     document(b'{"choices":[{"message":{"role":"assistant","content":"Hi"}}],"object":"chat.completion"}'), None,
     (ProtocolError, "this looks like an answer of the API under /v1")),
    ("mostlygeek/llama-swap#200 no tags under /api/tags", "list", (), document(b""), None, (IncompleteStream, "the body is empty")),
]  # fmt: skip


def asked(colour, name, arguments, steps):
    with Server(steps) as server:
        client = colour.client(server.url)
        try:
            if name is None:
                records = client.chat(stream=True, **CHAT)
                collect(records, [])
                return records.result()
            return getattr(client, name)(*arguments)
        except OllamaError as error:
            return error
        finally:
            client.close()


@pytest.mark.parametrize("name, arguments, steps, look, seen", [row[1:] for row in REPORTS], ids=[row[0] for row in REPORTS])
def test_what_was_reported_elsewhere(colour, name, arguments, steps, look, seen):
    found = asked(colour, name, arguments, steps)
    if look is None:
        assert type(found) is seen[0] and seen[1] in "^%s" % found
    else:
        assert not isinstance(found, OllamaError), found
        assert look(found) == seen


SENT = [  # report, a message of a program's history, what is sent of it or the error
    ("jonigl/mcp-client-for-ollama#95, mozilla-ai/any-llm#1278 arguments as JSON text go back as an object",
     {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 10}'}}]},
     {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 10}}}]}),
    ("mozilla-ai/any-llm#1278 blank arguments",
     {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": ""}}]},
     {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}),
    ("openclaw/openclaw#50749, Xoshbin/asyar#513 arguments as text, two calls in one message",
     {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": '{"q": "47823 * 918"}'}},
                                                         {"function": {"name": "g", "arguments": {"b": [1]}}}]},
     {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"q": "47823 * 918"}}},
                                                         {"function": {"name": "g", "arguments": {"b": [1]}}}]}),
    ("langchain-ai/langchain#34790 an array of no arguments",
     {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": []}}]},
     {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}),
    ("ollama/ollama-python: a tool's id is kept", {"role": "tool", "content": "4", "tool_call_id": "c", "name": "f"},
     {"role": "tool", "content": "4", "tool_call_id": "c", "name": "f"}),
    ("BerriAI/litellm#6135 parts for a content", {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
     "messages[0].content: expected a string, got list"),
]  # fmt: skip


@pytest.mark.parametrize("given, sent", [row[1:] for row in SENT], ids=[row[0] for row in SENT])
def test_what_a_history_of_elsewhere_holds(colour, given, sent):
    with Server(stream(DONE)) as server:
        client = colour.client(server.url)
        if isinstance(sent, str):
            with pytest.raises(RequestError, match="^" + sent.replace("[", r"\[")):
                client.chat("m", [given])
        else:
            client.chat("m", [given])
            assert json.loads(server.peer().request_body)["messages"] == [sent]
        client.close()


@pytest.mark.parametrize("value", ["0.0.0.0", "0.0.0.0:11434", "http://0.0.0.0"])
def test_a_server_of_every_address_is_found_on_this_machine(value, monkeypatch):
    """ggozad/oterm#88, ollama/ollama-python#407 and #471."""
    monkeypatch.setenv("OLLAMA_HOST", value)
    assert repr(Client()) == "Client('http://127.0.0.1:%s')" % ("80" if value.startswith("http") else "11434")


def test_there_are_more_than_thirty_reports():
    assert len({report.split(" ")[0] for report, *_ in REPORTS + SENT}) > 36
