"""What packages of other people ask of ``import ollama``, a few lines each: they work on the drop-in as they stand.

``frameworks.py`` runs the own tests of these packages where they are installed.
"""

import asyncio
import inspect
import json
import warnings
from types import SimpleNamespace
from unittest.mock import AsyncMock, patch

import pytest

import ollama_stream
from ollama_stream._schema import function_tool
from test_dropin import ANSWERS, loopback
from test_dropin_modules import MESSAGES, both, dropin

assert loopback and dropin  # fixtures


@pytest.fixture
def ollama(dropin):
    return dropin.ollama


def whole(parts):
    return "".join(part["message"]["content"] for part in parts)


def test_langchain_ollama_reads_parts_as_dicts(ollama, loopback):
    client = ollama.Client(host=loopback.url, **{"verify": True, "headers": {"X-A": "b"}})
    asked = {"model": "m", "messages": MESSAGES, "stream": True, "options": ollama.Options(temperature=0.5, stop=None),
             "keep_alive": None, "format": None, "think": None, "tools": None}  # fmt: skip
    (part,) = client.chat(**asked)
    generation = dict(part) if part.get("done") else {}
    assert "model" in generation and "message" in generation and "remote_model" not in generation
    assert (part["message"]["content"], part.get("eval_count"), part["message"]["tool_calls"][0]["function"]["name"]) == ("Hi", 2, "f")
    assert client.embed("m", ["x"], options={}, keep_alive=None)["embeddings"][0][0] == 0.5


def test_langchain_ollama_awaits_a_stream_and_then_loops(ollama, loopback):
    async def parts():
        client = ollama.AsyncClient(host=loopback.url)
        return [part async for part in await client.chat(model="m", messages=MESSAGES, stream=True)]

    assert whole(asyncio.run(parts())) == "Hi"


def test_llama_index_takes_a_record_for_its_raw_answer(ollama, loopback):
    answer = dict(ollama.Client(host=loopback.url, timeout=30.0).chat(model="m", messages=MESSAGES, options={}))
    assert answer["message"].tool_calls[0]["function"]["arguments"] == {"a": [1, {"b": None}]}
    assert answer["prompt_eval_count"] + answer["eval_count"] == 5


def test_haystack_makes_its_metadata_of_the_record(ollama):
    answer = ollama.ChatResponse(model="m", message={"role": "assistant", "content": "Hi"}, done=True)
    meta = {name: value for name, value in answer.model_dump(exclude_none=True).items() if name != "message"}
    assert meta == {"model": "m", "done": True}


def test_semantic_kernel_patches_the_methods_of_the_class(ollama):
    assert inspect.iscoroutinefunction(ollama.AsyncClient().chat)
    with patch("ollama.AsyncClient.chat") as chat, patch("ollama.AsyncClient.__init__", return_value=None):
        assert isinstance(chat, AsyncMock)
        chat.return_value = {"message": {"content": "x"}}
        assert asyncio.run(ollama.AsyncClient(host="h").chat(model="m"))["message"]["content"] == "x"
    assert isinstance(ollama.AsyncClient().chat, type(ollama.AsyncClient().generate))


def test_semantic_kernel_reads_the_host_of_the_client_inside(ollama):
    client = ollama.AsyncClient("http://localhost:5000")
    assert str(client._client.base_url) == "http://localhost:5000"
    client._client = SimpleNamespace(base_url="http://other")
    assert str(client._client.base_url) == "http://other"


def test_agent_framework_keeps_the_host_of_the_client_inside(ollama, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box")
    assert str(ollama.AsyncClient(host=None)._client.base_url) == "http://gpu-box:11434"


def test_opentelemetry_finds_the_path_in_the_third_argument(dropin, loopback, monkeypatch):
    from ollama._client import Client

    paths, plain = [], Client._request

    def wrapper(*args, **kwargs):
        paths.append((args[2], args[3].rstrip("/").split("/")[-1], kwargs["json"]["model"], kwargs.get("stream")))
        return plain(*args, **kwargs)

    monkeypatch.setattr(Client, "_request", wrapper)
    list(Client(loopback.url).generate("m", "p", stream=True))
    assert paths == [("POST", "generate", "m", True)]


def test_autogen_looks_through_the_members_of_a_request_class(dropin):
    from ollama._types import ChatRequest

    fields = [value for name, value in inspect.getmembers(ChatRequest) if name == "model_fields"][0]
    assert {"model", "messages", "tools", "format", "options", "keep_alive", "stream"} <= set(fields)


def test_any_llm_reads_the_calls_of_a_message(ollama, loopback):
    message = ollama.Client(loopback.url).chat("m", MESSAGES).message
    assert [(call.function.name, dict(call.function.arguments)) for call in message.tool_calls or []] == [("f", {"a": [1, {"b": None}]})]


def test_mem0_lists_the_models_and_embeds(ollama, loopback):
    client = ollama.Client(host=loopback.url)
    local = client.list()["models"]
    assert any(model.get("name") == "n" or model.get("model") == "m:1b" for model in local)
    assert client.embed(model="m", input="x")["embeddings"][0] == [0.5, 0.25]


def test_strands_streams_in_a_coroutine_and_looks_for_the_last_part(ollama, loopback):
    async def last():
        client = ollama.AsyncClient(loopback.url, **{})
        async for event in await client.chat(model="m", messages=MESSAGES, stream=True, tools=[]):
            pass
        return event.done_reason, event.eval_count, event.total_duration

    assert asyncio.run(last()) == ("stop", 2, 5)


def test_agno_imports_the_types_by_their_module(dropin):
    from ollama._types import ChatResponse, Message

    answer = ChatResponse(**{"message": Message(role="assistant", content="x")})
    assert answer.get("message").get("content") == "x" and isinstance(answer.message, Message)


def test_llm_ollama_gives_httpx_objects_to_the_client(ollama, loopback):
    class Basic:
        def auth_flow(self, request):
            request.headers["Authorization"] = "Basic dTpw"
            yield request

    limits = SimpleNamespace(connect=1.0, read=None, write=None, pool=None)
    client = ollama.Client(loopback.url, timeout=limits, auth=Basic())
    assert whole(client.chat(model="m", messages=MESSAGES, stream=True)) == "Hi"
    assert loopback.asked[-1].headers["authorization"] == "Basic dTpw"


def test_oterm_fills_options_by_the_names_of_their_fields(ollama):
    options = ollama.Options()
    for name, value in (("temperature", 0.5), ("num_ctx", 7), ("nothing", 1)):
        if name in set(ollama.Options.model_fields.keys()):
            options[name] = value
    assert json.loads(options.model_dump_json(exclude_unset=True)) == {"temperature": 0.5, "num_ctx": 7}
    assert options.model_copy(update={"seed": 1}).seed == 1


def test_lightrag_closes_the_client_inside_without_a_warning(ollama, loopback):
    async def ask():
        client = ollama.AsyncClient(host=loopback.url, timeout=None, headers={"Content-Type": "application/json"})
        try:
            return (await client.chat(model="m", messages=MESSAGES))["message"]["content"]
        finally:
            await client._client.aclose()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(ask()) == "Hi"


def test_chromadb_and_lancedb_embed_by_a_client_of_their_own(ollama, loopback):
    vectors = ollama.Client(host=loopback.url, timeout=60).embed(model="m", input=["a", "b"])["embeddings"]
    assert vectors == ANSWERS["/api/embed"]["embeddings"]


def test_browser_use_makes_json_schemas_of_a_class_for_the_format(ollama, loopback):
    async def ask():
        client = ollama.AsyncClient(host=loopback.url)
        return await client.chat(model="m", messages=[ollama.Message(role="user", content="x")],
                                 format=ollama.Message.model_json_schema(), options=None)  # fmt: skip

    assert asyncio.run(ask()).message.content == "Hi"
    assert json.loads(loopback.asked[-1].body)["format"]["type"] == "object"


@pytest.mark.parametrize("form", ["Client", "AsyncClient", "module"])
@pytest.mark.parametrize("name", ["ollama", "ollama_stream"])
def test_the_search_is_given_as_a_tool(dropin, name, form):
    library = {"ollama": dropin.ollama, "ollama_stream": ollama_stream}[name]
    owner = library if form == "module" else getattr(library, form)()
    schema = function_tool(owner.web_search)["function"]
    assert (schema["name"], list(schema["parameters"]["properties"])) == ("web_search", ["query", "max_results"])
    assert schema["parameters"]["required"] == ["query"]
    assert schema["description"].startswith("Search the web") and "headers" not in schema["description"]
    told = {name: part["description"] for name, part in schema["parameters"]["properties"].items()}
    assert told == {"query": "what to look for", "max_results": "how many results at most (default: 3)"}


def test_openinference_wraps_a_method_and_binds_the_module_function_to_it_anew(ollama, loopback, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", loopback.url)
    seen, plain = [], ollama.Client.chat
    monkeypatch.setattr(ollama.Client, "chat", lambda client, *args, **given: seen.append(given) or plain(client, *args, **given))
    monkeypatch.setattr(ollama, "chat", ollama._client.chat, raising=False)
    assert ollama.chat(model="m", messages=MESSAGES).message.content == "Hi" and seen == [{"model": "m", "messages": MESSAGES}]


def test_griptape_and_vanna_ask_a_message_for_its_calls_by_items(ollama, loopback):
    answer = ollama.Client(loopback.url, timeout=240.0).chat(model="m", messages=MESSAGES, options={"stop": [], "num_predict": None})
    assert json.loads(loopback.asked[-1].body)["options"] == {"stop": [], "num_predict": None}
    message = answer.get("message", {})
    assert "tool_calls" in message and "tool_calls" not in ollama.Message(role="assistant", content="x")
    assert [call.get("function", {}).get("name") for call in message.get("tool_calls", [])] == ["f"]
    assert "eval_count" in answer and answer.get("done_reason", "stop") == "stop"


def test_neo4j_graphrag_makes_messages_of_dicts(ollama, loopback):
    asked = [ollama.Message(**{"role": "system", "content": "s"}), *(ollama.Message(**message) for message in MESSAGES)]
    assert ollama.Client(host=loopback.url).chat(model="m", messages=asked).message.content == "Hi"
    assert json.loads(loopback.asked[-1].body)["messages"] == [{"role": "system", "content": "s"}, *MESSAGES]


# --- what programs without a name do: each of these was seen in several, and works with the official client -----------


def add(a: int) -> int:
    """Add."""


LOOPED = {
    "the values of a dict as tools": (lambda: {"tools": {"add": add}.values()}, "tools", [function_tool(add)]),
    "a set of tools": (lambda: {"tools": {add}}, "tools", [function_tool(add)]),
    "a generator of tools": (lambda: {"tools": (tool for tool in [add])}, "tools", [function_tool(add)]),
    "messages read backwards": (lambda: {"messages": reversed(MESSAGES)}, "messages", MESSAGES),
    "messages through map": (lambda: {"messages": map(dict, MESSAGES)}, "messages", MESSAGES),
}


@pytest.mark.parametrize("case", LOOPED)
@pytest.mark.parametrize("stream", [False, True])
def test_a_program_gives_a_call_what_can_be_looped_over(dropin, loopback, case, stream):
    make, name, sent = LOOPED[case]
    for _ in both(loopback.url, "chat", lambda: {"model": "m", "stream": stream, **make()}):
        assert json.loads(loopback.asked[-1].body)[name] == sent
