# SPDX-License-Identifier: MIT
"""What the server sends, and the few things that requests are made of, as dataclasses.

Each field is one line: its name on the wire, what it may hold, its default. ``_decode`` does the rest. Records keep what
they do not know. Durations are integers of nanoseconds, sizes are bytes, counts are tokens. Times are the server's
RFC 3339 strings, but for ``modified_at`` and ``expires_at``, which are datetimes where they parse.

The classes have no generated ``__init__``, ``__repr__`` or ``__eq__``: the base class has them for all, which makes
importing them five times cheaper.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Type, TypeVar, Union

from ._decode import ByteSize, Record, decode
from ._errors import ProtocolError

if TYPE_CHECKING:
    import os
    from datetime import datetime

C = TypeVar("C")

# --- what requests are made of --------------------------------------------------------------------------------------


@dataclass(init=False, repr=False, eq=False)
class Options(Record):
    """Options of a model. An unknown name is a TypeError; a plain dict is sent as it is, whatever its names.

    Today's servers know those before ``numa``; the others were dropped over time and do no harm.
    """

    num_ctx: Optional[int] = None  # length of the context in tokens; another value than before reloads the model
    num_batch: Optional[int] = None  # tokens of the prompt that are read at once
    num_gpu: Optional[int] = None  # layers on the GPU, -1 for as many as fit
    main_gpu: Optional[int] = None
    use_mmap: Optional[bool] = None
    num_thread: Optional[int] = None  # 0: as the server thinks best
    draft_num_predict: Optional[int] = None  # tokens that a draft model is ahead
    num_keep: Optional[int] = None  # tokens of the prompt that stay when the context is full
    seed: Optional[int] = None  # -1: a random one
    num_predict: Optional[int] = None  # tokens at most, -1 without limit
    top_k: Optional[int] = None
    top_p: Optional[float] = None
    min_p: Optional[float] = None
    typical_p: Optional[float] = None
    repeat_last_n: Optional[int] = None  # tokens that repeat_penalty looks back
    temperature: Optional[float] = None
    repeat_penalty: Optional[float] = None
    presence_penalty: Optional[float] = None
    frequency_penalty: Optional[float] = None
    stop: Optional[List[str]] = None  # texts that end the answer; always a list
    numa: Optional[bool] = None
    low_vram: Optional[bool] = None
    f16_kv: Optional[bool] = None
    logits_all: Optional[bool] = None
    vocab_only: Optional[bool] = None
    use_mlock: Optional[bool] = None
    embedding_only: Optional[bool] = None
    tfs_z: Optional[float] = None
    mirostat: Optional[int] = None
    mirostat_tau: Optional[float] = None
    mirostat_eta: Optional[float] = None
    penalize_newline: Optional[bool] = None


@dataclass(init=False, repr=False, eq=False)
class Image(Record):
    """An image in a request: bytes, a base64 text, a data URL, a Path, or the name of an image file."""

    value: Any = None

    def __init__(self, value: Union[str, bytes, os.PathLike[str]]) -> None:
        super().__init__(value=value)


@dataclass(init=False, repr=False, eq=False)
class ToolProperty(Record):
    """One parameter of a tool. The server keeps these keywords, and drops every other of JSON Schema."""

    type: Any = None  # the name of a type, or a list of them
    items: Any = None
    description: Optional[str] = None
    enum: Optional[List[Any]] = None
    anyOf: Optional[List[Any]] = None
    properties: Optional[Dict[str, Any]] = None
    required: Optional[List[str]] = None


@dataclass(init=False, repr=False, eq=False)
class ToolParameters(Record):
    """The parameters of a tool as a JSON Schema; ``defs`` is its ``$defs``."""

    type: Optional[str] = "object"
    items: Any = None
    required: Optional[List[str]] = None
    properties: Optional[Dict[str, ToolProperty]] = None

    Property = ToolProperty
    _computed = ("defs",)

    def __init__(self, *, defs: Any = None, **fields: Any) -> None:
        defs = fields.pop("$defs", defs)
        super().__init__(**fields)
        if defs is not None:
            self.__dict__["$defs"] = defs

    @property
    def defs(self) -> Any:
        """What ``$ref`` in the schema refers to."""
        return self.__dict__.get("$defs")


@dataclass(init=False, repr=False, eq=False)
class ToolDescription(Record):
    """What a tool is called, what it does, what it takes."""

    name: Optional[str] = None
    description: Optional[str] = None
    parameters: Optional[ToolParameters] = None

    Parameters = ToolParameters


@dataclass(init=False, repr=False, eq=False)
class Tool(Record):
    """A tool for ``chat(tools=...)``, where a function or a dict will do as well; a dict is sent as it is."""

    type: Optional[str] = "function"
    function: Optional[ToolDescription] = None

    Function = ToolDescription


# --- records: chat and generate -------------------------------------------------------------------------------------



@dataclass(init=False, repr=False, eq=False)
class ToolFunction(Record):
    """The function of a tool call: ``arguments`` is an object (text only where a server sent no JSON object)."""

    index: Optional[int] = None
    name: str = ""
    arguments: Union[Dict[str, Any], str] = None  # type: ignore[assignment]

    def _complete(self) -> None:
        self.__dict__.setdefault("arguments", {})


@dataclass(init=False, repr=False, eq=False)
class ToolCall(Record):
    """One call that the model asks for; send it back unchanged in the assistant message."""

    id: Optional[str] = None
    function: ToolFunction = None  # type: ignore[assignment]

    Function = ToolFunction

    def _complete(self) -> None:
        if "function" not in self.__dict__:
            self.function = decode(ToolFunction, {})


_ToolCall, _Image = ToolCall, Image


@dataclass(init=False, repr=False, eq=False)
class Message(Record):
    """A message of a conversation, or the piece of one that a chat record carries.

    ``content`` is always a string. ``images`` are base64 texts, paths, bytes or ``Image`` objects in a request.
    """

    role: str = ""  # "system", "user", "assistant" or "tool"
    content: str = ""
    thinking: Optional[str] = None
    images: Optional[List[Any]] = None
    tool_name: Optional[str] = None  # whose result a message of the role "tool" is
    tool_calls: Optional[List[ToolCall]] = None
    tool_call_id: Optional[str] = None  # which call it is the result of

    ToolCall = _ToolCall
    Image = _Image


@dataclass(init=False, repr=False, eq=False)
class TokenLogprob(Record):
    """An alternative to a token: natural logarithm of its probability, UTF-8 bytes of its text."""

    token: str = ""
    logprob: float = 0.0
    bytes: Optional[List[int]] = None


@dataclass(init=False, repr=False, eq=False)
class Logprob(TokenLogprob):
    """A generated token with its log probability and, where asked for, the alternatives to it."""

    top_logprobs: Optional[List[TokenLogprob]] = None


@dataclass(init=False, repr=False, eq=False)
class Generation(Record):
    """What chat and generate records share. The counts and durations come with the last record; 0 is left out."""

    model: Optional[str] = None
    remote_model: Optional[str] = None
    remote_host: Optional[str] = None
    created_at: Optional[str] = None
    done: Optional[bool] = None
    done_reason: Optional[str] = None
    total_duration: Optional[int] = None
    load_duration: Optional[int] = None
    prompt_eval_count: Optional[int] = None
    prompt_eval_duration: Optional[int] = None
    eval_count: Optional[int] = None
    eval_duration: Optional[int] = None
    logprobs: Optional[List[Logprob]] = None
    _debug_info: Optional[Dict[str, Any]] = None

    @property
    def tokens_per_second(self) -> Optional[float]:
        """Speed of generation, or None where the server did not say both numbers."""
        return rate(self.eval_count, self.eval_duration)

    @property
    def text(self) -> str:
        """The answer's text in this record: ``message.content`` of chat, ``response`` of generate."""
        raise NotImplementedError

    def parse(self, kind: Type[C]) -> C:
        """The text, which is JSON by ``format=``, as a checked instance of ``kind``.

        Raises ProtocolError that names the path of what does not fit.
        """
        from ._schema import parse_as

        try:
            value = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise ProtocolError("the answer is not JSON: %s" % error, partial=self) from None
        try:
            return parse_as(kind, value)
        except ProtocolError as error:
            raise ProtocolError("the answer does not fit: %s" % error, partial=self) from None


@dataclass(init=False, repr=False, eq=False)
class ChatResponse(Generation):
    """A record of /api/chat: the next piece of the message, or the whole of it."""

    message: Message = None  # type: ignore[assignment]

    _computed = ("content",)

    def _complete(self) -> None:
        if "message" not in self.__dict__:
            if "response" in self.__dict__:
                raise ProtocolError("message: missing, and there is a response: is this an answer of /api/generate?")
            self.message = Message()

    @property
    def content(self) -> str:
        """The same as ``message.content``."""
        return self.message.content

    @property
    def text(self) -> str:
        return self.message.content


@dataclass(init=False, repr=False, eq=False)
class GenerateResponse(Generation):
    """A record of /api/generate. ``context`` comes with the last one; ``image`` is base64 (older image models)."""

    response: str = ""
    thinking: Optional[str] = None
    context: Optional[List[int]] = None
    tool_calls: Optional[List[ToolCall]] = None
    image: Optional[str] = None
    completed: Optional[int] = None
    total: Optional[int] = None

    def _complete(self) -> None:
        if "message" in self.__dict__ and "response" not in self.__dict__:
            raise ProtocolError("response: missing, and there is a message: is this an answer of /api/chat?")

    @property
    def text(self) -> str:
        return self.response


# --- records: the other endpoints -----------------------------------------------------------------------------------


@dataclass(init=False, repr=False, eq=False)
class EmbedResponse(Record):
    """Vectors, one per input in its order, L2-normalised by the server."""

    model: Optional[str] = None
    embeddings: List[List[float]] = None  # type: ignore[assignment]
    total_duration: Optional[int] = None
    load_duration: Optional[int] = None
    prompt_eval_count: Optional[int] = None

    def _complete(self) -> None:
        self.__dict__.setdefault("embeddings", [])


@dataclass(init=False, repr=False, eq=False)
class EmbeddingsResponse(Record):
    """One vector of the legacy endpoint, not normalised."""

    embedding: List[float] = None  # type: ignore[assignment]

    def _complete(self) -> None:
        self.__dict__.setdefault("embedding", [])


@dataclass(init=False, repr=False, eq=False)
class ProgressResponse(Record):
    """A step of pull, push or create; ``completed`` of ``total`` bytes of the layer ``digest``, 0 is left out.

    ``status`` is "success" in the last one. ``completed`` may also go down, and never get to ``total``.
    """

    status: Optional[str] = None
    digest: Optional[str] = None
    total: Optional[int] = None
    completed: Optional[int] = None


@dataclass(init=False, repr=False, eq=False)
class StatusResponse(Record):
    """The outcome of a call that is answered by an empty body: "success", for any other raises an error."""

    status: Optional[str] = "success"


@dataclass(init=False, repr=False, eq=False)
class ModelDetails(Record):
    """What a model is made of; lengths in tokens and in numbers of a vector."""

    parent_model: Optional[str] = None
    format: Optional[str] = None
    family: Optional[str] = None
    families: Optional[List[Any]] = None
    parameter_size: Optional[str] = None
    quantization_level: Optional[str] = None
    context_length: Optional[int] = None
    embedding_length: Optional[int] = None


@dataclass(init=False, repr=False, eq=False)
class ListedModel(Record):
    """An installed model; ``size`` in bytes."""

    name: Optional[str] = None
    model: Optional[str] = None
    remote_model: Optional[str] = None
    remote_host: Optional[str] = None
    modified_at: Optional[Union[datetime, str]] = None
    size: Optional[ByteSize] = None
    digest: Optional[str] = None
    details: Optional[ModelDetails] = None
    capabilities: Optional[List[Any]] = None


@dataclass(init=False, repr=False, eq=False)
class ListResponse(Record):
    """The installed models, the most recently modified first."""

    models: List[ListedModel] = None  # type: ignore[assignment]

    Model = ListedModel

    def _complete(self) -> None:
        self.__dict__.setdefault("models", [])


@dataclass(init=False, repr=False, eq=False)
class RunningModel(Record):
    """A loaded model; sizes in bytes, ``context_length`` in tokens."""

    name: Optional[str] = None
    model: Optional[str] = None
    size: Optional[ByteSize] = None
    digest: Optional[str] = None
    details: Optional[ModelDetails] = None
    expires_at: Optional[Union[datetime, str]] = None
    size_vram: Optional[ByteSize] = None
    context_length: Optional[int] = None


@dataclass(init=False, repr=False, eq=False)
class ProcessResponse(Record):
    """The loaded models, the one that expires last first. One that is still loading is not in it."""

    models: List[RunningModel] = None  # type: ignore[assignment]

    Model = RunningModel

    def _complete(self) -> None:
        self.__dict__.setdefault("models", [])


@dataclass(init=False, repr=False, eq=False)
class ShowResponse(Record):
    """Everything about one model."""

    license: Optional[str] = None
    modelfile: Optional[str] = None
    parameters: Optional[str] = None
    template: Optional[str] = None
    system: Optional[str] = None
    renderer: Optional[str] = None
    parser: Optional[str] = None
    details: Optional[ModelDetails] = None
    messages: Optional[List[Message]] = None
    remote_model: Optional[str] = None
    remote_host: Optional[str] = None
    model_info: Dict[str, Any] = None  # type: ignore[assignment]
    projector_info: Optional[Dict[str, Any]] = None
    tensors: Optional[List[Any]] = None
    capabilities: Optional[List[Any]] = None
    modified_at: Optional[Union[datetime, str]] = None
    requires: Optional[str] = None

    _computed = ("modelinfo",)

    def _complete(self) -> None:
        if self.__dict__.get("model_info") is None:
            self.model_info = {}

    @property
    def modelinfo(self) -> Dict[str, Any]:
        """The same as ``model_info``."""
        return self.model_info


@dataclass(init=False, repr=False, eq=False)
class VersionResponse(Record):
    """The server's version; a development build says 0.0.0."""

    version: Optional[str] = None


@dataclass(init=False, repr=False, eq=False)
class UserResponse(Record):
    """The ollama.com account that the server is signed in with; the URL of the picture is in ``avatarurl``."""

    id: Optional[str] = None
    email: Optional[str] = None
    name: Optional[str] = None
    bio: Optional[str] = None
    avatarurl: Optional[str] = None
    firstname: Optional[str] = None
    lastname: Optional[str] = None
    plan: Optional[str] = None


@dataclass(init=False, repr=False, eq=False)
class CloudStatus(Record):
    """Whether the server was told to keep away from ollama.com; ``source`` is "none", "env", "config" or "both"."""

    disabled: Optional[bool] = None
    source: Optional[str] = None


@dataclass(init=False, repr=False, eq=False)
class CloudStatusResponse(Record):
    """The status of a server's connection with ollama.com."""

    cloud: CloudStatus = None  # type: ignore[assignment]

    def _complete(self) -> None:
        if "cloud" not in self.__dict__:
            self.cloud = CloudStatus()


@dataclass(init=False, repr=False, eq=False)
class WebSearchResult(Record):
    """A page that was found."""

    title: Optional[str] = None
    url: Optional[str] = None
    content: Optional[str] = None


@dataclass(init=False, repr=False, eq=False)
class WebSearchResponse(Record):
    """The pages that were found, the best first."""

    results: List[WebSearchResult] = None  # type: ignore[assignment]

    def _complete(self) -> None:
        self.__dict__.setdefault("results", [])


@dataclass(init=False, repr=False, eq=False)
class WebFetchResponse(Record):
    """A page as text, and the URLs that it links to."""

    title: Optional[str] = None
    content: Optional[str] = None
    links: Optional[List[str]] = None


def rate(count: Any, nanoseconds: Any) -> Optional[float]:
    """``count`` a second, or None where one of the two is no positive number."""
    for value in (count, nanoseconds):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            return None
    try:
        per_second = float(count * 1e9 / nanoseconds)
    except OverflowError:
        return None
    return per_second if per_second < float("inf") else None
