"""Every method in the ways that are documented, for type checkers. Each line that ends in ``# wrong`` is an error."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union

import ollama_stream as ollama
from ollama_stream import (
    AsyncClient, AsyncStream, ChatResponse, Client, CloudStatusResponse, EmbeddingsResponse, EmbedResponse,
    GenerateResponse, Image, ListResponse, Message, Options, ProcessResponse, ProgressResponse, ShowResponse,
    StatusResponse, Stream, Timeout, Tool, UserResponse, VersionResponse, WebFetchResponse, WebSearchResponse,
)


def add(a: int, b: int) -> int:
    return a + b


def sync(client: Client, flag: bool) -> None:
    messages: List[Dict[str, Any]] = [{"role": "user", "content": "hi"}]
    mixed = [Message(role="user", content="x", images=[Image(value=b"x")]), {"role": "user", "content": "y"}]
    answer: ChatResponse = client.chat(model="m", messages=messages)
    answer = client.chat("m", mixed, tools=[add, {"type": "function"}, Tool()], think="high", stream=False)
    answer = client.chat("m", [Message(role="user")], format="json", options=Options(temperature=0, min_p=0.1), keep_alive=3.5)
    text: str = answer.message.content + answer["message"]["content"] + answer.content
    answer = client.chat("m", "a prompt")
    stream: Stream[ChatResponse] = client.chat("m", messages, stream=True, options={"seed": 1}, keep_alive="5m")
    for part in stream:
        text += part.message.content
        for call in part.message.tool_calls or []:
            name: str = call.function.name
            del name
    either: Union[ChatResponse, Stream[ChatResponse]] = client.chat("m", messages, stream=flag)
    with client.chat("m", messages, stream=True) as opened:
        whole: ChatResponse = opened.result()
    del whole, either
    g: GenerateResponse = client.generate("m", "p", "s", system="x", context=[1], images=["a", b"b", Path("c"), Image("x")])
    context: Optional[List[int]] = g.context
    for one in client.generate(model="m", prompt="p", stream=True, raw=True, width=3, height=3, steps=3):
        text += one.response
    client.generate("m", context=context, logprobs=True, top_logprobs=3, truncate=False, shift=True, think=True)
    e: EmbedResponse = client.embed(model="m", input="x")
    e = client.embed("m", ["x", "y"], True, Options(num_ctx=3), "5m", 256, timeout=Timeout(total=3))
    vectors: Sequence[Sequence[float]] = e.embeddings
    old: EmbeddingsResponse = client.embeddings("m", "p", {"seed": 1}, 3)
    del vectors, old
    p: ProgressResponse = client.pull("m")
    progress: Stream[ProgressResponse] = client.pull("m", insecure=True, stream=True)
    for step in progress:
        done: Optional[int] = step.completed
        del done
    p = client.push("m", insecure=False, stream=False)
    for step in client.push("m", stream=True):
        status: Optional[str] = step.status
        del status
    u: Union[ProgressResponse, Stream[ProgressResponse]] = client.pull("m", stream=flag)
    digest: str = client.create_blob("model.gguf")
    digest = client.create_blob(Path("model.gguf"))
    p = client.create("m", "q4_K_M", "b", {"f": digest}, {"a": digest}, "t", ["MIT"], "s", Options(seed=1), mixed)
    for step in client.create(model="m", from_="b", parameters={"temperature": 0}, messages=messages, stream=True):
        pass
    client.create("m", files={"a": digest}, renderer="x", info={"context_length": 3})
    del u, p
    there: bool = client.blob_exists(digest)
    models: ListResponse = client.list()
    for model in models.models:
        size: Optional[int] = model.size
        family = model.details.family if model.details else None
        del size, family
    shown: ShowResponse = client.show("m", verbose=True)
    info: Mapping[str, Any] = shown.modelinfo
    running: ProcessResponse = client.ps()
    s: StatusResponse = client.copy("a", "b")
    s = client.delete("m")
    s = client.copy(source="a", destination="b")
    s = client.signout()
    v: VersionResponse = client.version()
    user: UserResponse = client.me()
    cloud: CloudStatusResponse = client.cloud_status()
    pinged: bool = client.ping(timeout=3)
    unloaded: GenerateResponse = client.unload("m")
    web: WebSearchResponse = client.web_search("q", 3)
    web = client.web_search(query="q", max_results=3)
    for result in web.results:
        title: Optional[str] = result.title
        del title
    page: WebFetchResponse = client.web_fetch("u")
    texts: Iterator[str] = client.stream_chat("m", "hi", think=False)
    anything: Any = client.request("POST", "/api/new", {"a": 1}, stream=True)
    client.close()
    del there, info, running, s, v, user, cloud, pinged, unloaded, page, texts, anything


async def other(client: AsyncClient, flag: bool) -> None:
    messages = [{"role": "user", "content": "hi"}]
    answer: ChatResponse = await client.chat(model="m", messages=messages, tools=[add])
    stream: AsyncStream[ChatResponse] = client.chat("m", messages, stream=True)
    async for part in stream:
        text: str = part.message.content
        del text
    async for part in await client.chat("m", messages, stream=True):
        pass
    task: "asyncio.Task[ChatResponse]" = asyncio.create_task(client.chat("m", "a prompt"))
    streams: "asyncio.Task[AsyncStream[ChatResponse]]" = asyncio.create_task(client.chat("m", "a prompt", stream=True))
    del task, streams
    async with client.chat("m", messages, stream=True) as opened:
        whole: ChatResponse = await opened.result()
    result = client.chat("m", messages, stream=flag)
    del result
    g: GenerateResponse = await client.generate("m", "p")
    async for one in client.generate("m", "p", stream=True):
        del one
    e: EmbedResponse = await client.embed("m", ["x"], True, None, 3, 3)
    old: EmbeddingsResponse = await client.embeddings("m", "p")
    p: ProgressResponse = await client.pull("m")
    async for step in client.pull("m", stream=True):
        p = step
    p = await client.push("m")
    async for step in await client.push("m", stream=True):
        p = step
    digest: str = await client.create_blob("f")
    p = await client.create("m", from_="b", files={"f": digest})
    async for step in client.create("m", None, "b", stream=True):
        p = step
    there: bool = await client.blob_exists(digest)
    models: ListResponse = await client.list()
    shown: ShowResponse = await client.show("m")
    running: ProcessResponse = await client.ps()
    s: StatusResponse = await client.copy("a", "b")
    s = await client.delete("m")
    s = await client.signout()
    v: VersionResponse = await client.version()
    user: UserResponse = await client.me()
    cloud: CloudStatusResponse = await client.cloud_status()
    pinged: bool = await client.ping()
    unloaded: GenerateResponse = await client.unload("m")
    web: WebSearchResponse = await client.web_search("q")
    page: WebFetchResponse = await client.web_fetch("u")
    async for text in client.stream_chat("m", "hi"):
        del text
    await client.close()
    del answer, whole, g, e, old, p, there, models, shown, running, s, v, user, cloud, pinged, unloaded, web, page


def module() -> None:
    answer: ChatResponse = ollama.chat(model="m", messages=[{"role": "user", "content": "x"}])
    for part in ollama.chat("m", [], stream=True):
        print(part["message"]["content"])
    for step in ollama.pull("m", stream=True):
        print(step.get("completed"))
    ollama.create("m", from_="b")
    ollama.embed("m", "x")
    ollama.embeddings("m", "p")
    ollama.push("m")
    ollama.copy("a", "b")
    ollama.delete("m")
    ollama.show("m")
    ollama.ps()
    ollama.list()
    ollama.version()
    ollama.generate("m", "p")
    ollama.web_search("q")
    ollama.web_fetch("u")
    ollama.create_blob("f")
    ollama.ping()
    ollama.me()
    ollama.signout()
    ollama.cloud_status()
    ollama.unload("m")
    ollama.blob_exists("d")
    text = Tool.Function.Parameters.Property(type="string", description="d")
    parameters = Tool.Function.Parameters(type="object", required=["x"], properties={"x": text})
    tool = Tool(type="function", function=Tool.Function(name="f", description="d", parameters=parameters))
    call = Message.ToolCall(function=Message.ToolCall.Function(name="f", arguments={"a": 1}))
    Message(role="assistant", content="", tool_calls=[call], thinking="t")
    del answer, tool


async def misspelt(c: Client, a: AsyncClient) -> None:
    c.chat("m", [], temprature=1)  # wrong
    c.chat("m", [], stream=True, keepalive=1)  # wrong
    c.generate("m", "p", sufix="x")  # wrong
    c.embed("m", "x", dimension=3)  # wrong
    c.pull("m", insecur=True)  # wrong
    c.create("m", fromm="b")  # wrong
    c.show("m", verbos=True)  # wrong
    c.list(modl="x")  # wrong
    c.web_search("q", max_result=3)  # wrong
    await a.chat("m", [], temprature=1)  # wrong
    await a.embed("m", inputs="x")  # wrong
    await a.pull("m", insecur=True, stream=True)  # wrong
    await a.copy("a", dest="b")  # wrong
    ollama.chat("m", [], temprature=1)  # wrong
    ollama.embed("m", "x", dimension=3)  # wrong
    Options(temprature=1)  # wrong
    c.chat("m", [], logprobs="yes")  # wrong
    c.delete()  # wrong
    Client(timuot=1)  # wrong
    AsyncClient(base_url="x")  # wrong
