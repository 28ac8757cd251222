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
    from datetime import datetime

C = TypeVar("C")

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


_ToolCall = ToolCall


@dataclass(init=False, repr=False, eq=False)
class Message(Record):
    """A message of a conversation, or the piece of one that a chat record carries.

    ``content`` is always a string. ``images`` are base64 texts, paths, bytes or ``Image`` objects in a request.
    """

    role: str = ""
    content: str = ""
    thinking: Optional[str] = None
    images: Optional[List[Any]] = None
    tool_name: Optional[str] = None
    tool_calls: Optional[List[ToolCall]] = None
    tool_call_id: Optional[str] = None

    ToolCall = _ToolCall


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
        return parse_as(kind, value)


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
    """A step of pull, push or create; ``completed`` of ``total`` bytes of the layer ``digest``, 0 is left out."""

    status: Optional[str] = None
    digest: Optional[str] = None
    total: Optional[int] = None
    completed: Optional[int] = None


@dataclass(init=False, repr=False, eq=False)
class StatusResponse(Record):
    """The outcome of a call that answers with an empty body: "success"."""

    status: Optional[str] = None


@dataclass(init=False, repr=False, eq=False)
class ModelDetails(Record):
    """What a model is made of."""

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
