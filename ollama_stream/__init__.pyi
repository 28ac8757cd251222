# SPDX-License-Identifier: MIT
"""What ``__init__`` gives, for type checkers. Made by ``tests/make_stubs.py`` of its homes and the rows of ``_endpoints``."""

from ._client import (
    Client as Client, Stream as Stream,
)  # fmt: skip
from ._documents import (
    CloudStatusResponse as CloudStatusResponse, EmbedResponse as EmbedResponse,
    EmbeddingsResponse as EmbeddingsResponse, ListResponse as ListResponse, ModelDetails as ModelDetails,
    ProcessResponse as ProcessResponse, ProgressResponse as ProgressResponse, ShowResponse as ShowResponse,
    StatusResponse as StatusResponse, UserResponse as UserResponse, VersionResponse as VersionResponse,
    WebFetchResponse as WebFetchResponse, WebSearchResponse as WebSearchResponse,
)  # fmt: skip
from ._errors import (
    ConnectError as ConnectError, ConnectionLost as ConnectionLost, FixtureError as FixtureError,
    IncompleteStream as IncompleteStream, OllamaError as OllamaError, OllamaTimeout as OllamaTimeout,
    ProtocolError as ProtocolError, RequestError as RequestError, ResponseError as ResponseError,
    StreamClosed as StreamClosed,
)  # fmt: skip
from ._methods import (
    blob_exists as blob_exists, chat as chat, cloud_status as cloud_status, copy as copy, create as create,
    create_blob as create_blob, delete as delete, embed as embed, embeddings as embeddings, generate as generate,
    list as list, me as me, ping as ping, ps as ps, pull as pull, push as push, request as request, show as show,
    signout as signout, stream_chat as stream_chat, unload as unload, version as version, web_fetch as web_fetch,
    web_search as web_search,
)  # fmt: skip
from ._net import (
    Timeout as Timeout,
)  # fmt: skip
from ._records import (
    ChatResponse as ChatResponse, GenerateResponse as GenerateResponse, Image as Image, Logprob as Logprob,
    Message as Message, Options as Options, Tool as Tool, ToolCall as ToolCall,
)  # fmt: skip
from .aio import (
    AsyncClient as AsyncClient, AsyncStream as AsyncStream,
)  # fmt: skip
from .tools import (
    Conversation as Conversation, Progress as Progress, progress as progress, run_tools as run_tools,
)  # fmt: skip

__version__: str
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
