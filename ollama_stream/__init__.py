"""A client for Ollama's HTTP API: the standard library and nothing else.

The protocol: POST a JSON object to /api/chat; the server answers with one JSON object a line, each in an HTTP chunk of
its own, and the one that says ``"done": true`` ends the answer:

    POST /api/chat HTTP/1.1                          HTTP/1.1 200 OK
    Host: 127.0.0.1:11434                            Content-Type: application/x-ndjson
    Content-Length: 72                               Transfer-Encoding: chunked

    {"model":"m","messages":[...],"stream":true}     51
                                                     {"model":"m",...,"message":{...,"content":"Hi"},"done":false}

Where to read, in the order of the bytes: ``_endpoints`` and ``_values`` (a call -> a request; ``_upload``: a file),
``_client`` (Client, Stream), ``_exchange`` (one request and its response), ``_net`` (sockets and clocks), ``_http1``
(bytes -> an HTTP message), ``_stream`` (body -> records), ``_decode`` and ``_records`` (JSON objects -> dataclasses),
``_errors``; then ``aio`` (the asyncio colour), ``_address`` (where to connect), ``_schema`` (tools= and format=),
``_default`` (the module functions), ``tools`` and ``meter`` (what is built on the client); and beside the client
``fixture`` (recorded exchanges; ``exchange``, ``fixture_lines``, ``canonical``, ``redact`` and ``cassette`` are its
parts), ``transports`` and ``replay`` (which play them, without and with a socket; ``player``, ``report``, ``faults``,
``aim`` and ``overlay`` are the parts of the server), ``recorder`` and ``proxy`` (which make them), ``cli``.

Nothing is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from ._client import VERSION as __version__
    from ._client import Client, Stream
    from ._default import (
        blob_exists, chat, cloud_status, copy, create, create_blob, delete, embed, embeddings, generate, list, me,
        ping, ps, pull, push, request, show, signout, stream_chat, unload, version, web_fetch, web_search,
    )  # fmt: skip
    from ._errors import (
        ConnectError, ConnectionLost, FixtureError, IncompleteStream, OllamaError, OllamaTimeout, ProtocolError,
        RequestError, ResponseError, StreamClosed,
    )  # fmt: skip
    from ._net import Timeout
    from .aio import AsyncClient, AsyncStream
    from .meter import Progress, progress
    from .tools import Conversation, run_tools
    from ._records import (
        ChatResponse, CloudStatusResponse, EmbedResponse, EmbeddingsResponse, GenerateResponse, Image, ListResponse,
        Logprob, Message, ModelDetails, Options, ProcessResponse, ProgressResponse, ShowResponse, StatusResponse,
        Tool, ToolCall, UserResponse, VersionResponse, WebFetchResponse, WebSearchResponse,
    )  # fmt: skip

_HOMES = {
    "aio": "AsyncClient AsyncStream",
    "_client": "Client Stream",
    "_default": "blob_exists chat cloud_status copy create create_blob delete embed embeddings generate list me ping ps "
    "pull push request show signout stream_chat unload version web_fetch web_search",
    "_errors": "ConnectError ConnectionLost FixtureError IncompleteStream OllamaError OllamaTimeout ProtocolError "
    "RequestError ResponseError StreamClosed",
    "_net": "Timeout",
    "_records": "ChatResponse CloudStatusResponse EmbedResponse EmbeddingsResponse GenerateResponse Image ListResponse "
    "Logprob Message ModelDetails Options ProcessResponse ProgressResponse ShowResponse StatusResponse Tool "
    "ToolCall UserResponse VersionResponse WebFetchResponse WebSearchResponse",
    "meter": "Progress progress",
    "tools": "Conversation run_tools",
}

__all__ = [
    "AsyncClient", "AsyncStream", "ChatResponse", "Client", "CloudStatusResponse", "ConnectError", "ConnectionLost",
    "Conversation", "EmbedResponse", "EmbeddingsResponse", "FixtureError", "GenerateResponse", "Image",
    "IncompleteStream", "ListResponse", "Logprob", "Message", "ModelDetails", "OllamaError", "OllamaTimeout",
    "Options", "ProcessResponse", "Progress", "ProgressResponse", "ProtocolError", "RequestError", "ResponseError",
    "ShowResponse", "StatusResponse", "Stream", "StreamClosed", "Timeout", "Tool", "ToolCall", "UserResponse",
    "VersionResponse", "WebFetchResponse", "WebSearchResponse", "blob_exists", "chat", "cloud_status", "copy",
    "create", "create_blob", "delete", "embed", "embeddings", "generate", "list", "me", "ping", "progress", "ps",
    "pull", "push", "request", "run_tools", "show", "signout", "stream_chat", "unload", "version", "web_fetch",
    "web_search",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "__version__":
        return import_module("._client", __name__).VERSION
    for home, names in _HOMES.items():
        if name in names.split():
            value = globals()[name] = getattr(import_module("." + home, __name__), name)
            return value
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


def __dir__() -> List[str]:
    return sorted(set(globals()) | set(__all__))
