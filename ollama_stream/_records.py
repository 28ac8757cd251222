# SPDX-License-Identifier: MIT
"""What the server sends, and the few things that requests are made of, as dataclasses.

Each field is one line: its name on the wire, what it holds where the server is Ollama, its default. ``_decode`` does the
rest. ``_strict`` names the members that the answer is made of; any other keeps what came, whatever that is, and so do
members that no line names. Durations are integers of nanoseconds, sizes are bytes, counts are tokens. Times are the
server's RFC 3339 strings, but for ``modified_at`` and ``expires_at``, which are datetimes where they parse.

The base class makes them dataclasses without a generated ``__init__``, ``__repr__`` or ``__eq__``: it has those for all,
which makes importing them five times cheaper.
"""

from __future__ import annotations

import os
from dataclasses import field
from typing import (
    TYPE_CHECKING, Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Tuple, Type, TypeVar, Union,
)  # fmt: skip

from ._decode import Record
from ._errors import ProtocolError, check_origin
from ._json import JSON_BLANKS, is_number, parse_json
from ._model import load_schemas

C = TypeVar("C")

# All names in a public annotation must be there at run time too, for typing.get_type_hints.
if TYPE_CHECKING:
    Path = Union[str, os.PathLike[str]]
else:
    Path = Union[str, os.PathLike]  # which takes no parameter before 3.9

# --- what requests are made of --------------------------------------------------------------------------------------


class Options(Record):
    """Options of a model. An unknown name is a TypeError; a plain dict is sent as it is, whatever its names.

    Today's servers know those before ``typical_p``, and refuse ``typical_p`` with status 400 (since 0.34.2); the others
    were dropped over time and do no harm.

    >>> import ollama_stream as ollama
    >>> ollama.chat("llama3.2", "Say one word.", options=ollama.Options(temperature=0, num_ctx=8192)).text
    'Hello'
    """

    _later = frozenset({"draft_num_predict", "min_p"})

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
    top_k: Optional[int] = None  # tokens to choose from
    top_p: Optional[float] = None  # sum of the probabilities to choose from
    min_p: Optional[float] = None  # least probability, as a part of the best one's
    repeat_last_n: Optional[int] = None  # tokens that repeat_penalty looks back
    temperature: Optional[float] = None  # 0: always the most likely token
    repeat_penalty: Optional[float] = None
    presence_penalty: Optional[float] = None
    frequency_penalty: Optional[float] = None
    stop: Optional[List[str]] = None  # texts that end the answer; always a list
    typical_p: Optional[float] = None  # refused by servers from 0.34.2 on
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


class Image(Record):
    """An image in a request: bytes, a base64 text, a data URL, a Path, or the name of an image file.

    >>> from ollama_stream import Image, Message
    >>> message = Message(role="user", content="What is it?", images=[Image("cat.png")])
    """

    value: Any = None  # as given

    def __init__(self, value: Union[bytes, Path]) -> None:
        super().__init__(value=value)


class ToolProperty(Record):
    """One parameter of a tool. The server keeps these keywords, and drops every other of JSON Schema."""

    _open_ended = True
    _later = frozenset({"anyOf", "properties", "required"})

    type: Any = None  # the name of a type, or a list of them
    items: Any = None
    description: Optional[str] = None
    enum: Optional[List[Any]] = None
    anyOf: Optional[List[Any]] = None
    properties: Optional[Dict[str, Any]] = None
    required: Optional[List[str]] = None


class ToolParameters(Record):
    """The parameters of a tool as a JSON Schema; ``defs`` is its ``$defs``."""

    type: Optional[str] = "object"
    items: Any = None
    required: Optional[List[str]] = None
    properties: Optional[Dict[str, ToolProperty]] = None

    Property = ToolProperty
    _open_ended = True
    _computed = ("defs",)
    _other_names = {"$defs": "defs"}

    def __init__(self, *, defs: Any = None, **fields: Any) -> None:
        defs = fields.pop("$defs", defs)
        super().__init__(**fields)
        if defs is not None:
            self.__dict__["$defs"] = defs

    @property
    def defs(self) -> Any:
        """What ``$ref`` in the schema refers to."""
        return self.__dict__.get("$defs")


class ToolDescription(Record):
    """What a tool is called, what it does, what it takes."""

    name: Optional[str] = None
    description: Optional[str] = None
    parameters: Optional[ToolParameters] = None  # a JSON Schema

    Parameters = ToolParameters


class Tool(Record):
    """A tool for ``chat(tools=...)``, where a function or a dict will do as well; a dict is sent as it is.

    >>> from ollama_stream import Tool
    >>> Tool(function={"name": "now", "description": "The time."}).function.name
    'now'
    """

    type: Optional[str] = "function"
    function: Optional[ToolDescription] = None  # name, description, parameters

    Function = ToolDescription


# --- records: chat and generate -------------------------------------------------------------------------------------


class ToolFunction(Record):
    """The function of a tool call: ``arguments`` is a dict, or text where a server sent text that is no JSON object."""

    _later = frozenset({"index"})

    index: Optional[int] = None  # its place among the calls, from 0
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    _strict = ("name", "arguments")

    def _complete(self) -> None:
        super()._complete()
        if isinstance(self.arguments, str) and not self.arguments.strip():  # made by hand
            self.arguments = {}


class ToolCall(Record):
    """One call that the model asks for; send it back unchanged in the assistant message."""

    _later = frozenset({"id"})

    id: Optional[str] = None  # to be named in the result's tool_call_id
    function: ToolFunction = field(default_factory=ToolFunction)  # its name and arguments

    Function = ToolFunction
    _strict = ("function",)


_ToolCall = ToolCall
_Image = Image


class Message(Record):
    """A message of a conversation, or the piece of one that a chat record carries.

    ``content`` is always a string. ``images`` are base64 texts, paths, bytes or ``Image`` objects in a request.
    """

    _later = frozenset({"tool_call_id"})

    role: str = ""  # "system", "user", "assistant" or "tool"
    content: str = ""  # the text
    thinking: Optional[str] = None  # what the model thought before
    images: Optional[List[Any]] = None  # base64 texts, paths, bytes or Image objects
    tool_name: Optional[str] = None  # whose result a message of the role "tool" is
    tool_calls: Optional[List[ToolCall]] = None  # what the model asks for
    tool_call_id: Optional[str] = None  # which call it is the result of

    ToolCall, Image = _ToolCall, _Image
    _strict = ("content", "tool_calls")

    @property
    def text(self) -> str:
        """The same as ``content``."""
        return self.content


class TokenLogprob(Record):
    """An alternative to a token: natural logarithm of its probability, UTF-8 bytes of its text."""

    _later = frozenset({"bytes"})

    token: str = ""  # its text
    logprob: float = 0.0  # natural logarithm of its probability
    bytes: Optional[List[int]] = None  # UTF-8 of its text


class Logprob(TokenLogprob):
    """A generated token with its log probability and, where asked for, the alternatives to it."""

    top_logprobs: Optional[List[TokenLogprob]] = None  # other tokens that it could have been


class Generation(Record):
    """What chat and generate records share. The counts and durations come with the last record; 0 is left out."""

    _later = frozenset({"remote_model", "remote_host", "_debug_info", "prompt_eval_cached_count"})
    _unlike: ClassVar[Tuple[str, str, str]]  # its own member, that of the other kind of record, and whose that is

    model: Optional[str] = None
    remote_model: Optional[str] = None  # its name at remote_host
    remote_host: Optional[str] = None  # the server that answered through this one
    created_at: Optional[str] = None  # time by the server's clock, RFC 3339
    done: Optional[bool] = None  # True in the last record
    done_reason: Optional[str] = None  # "stop", "length", "load" or "unload"
    total_duration: Optional[int] = None  # nanoseconds
    load_duration: Optional[int] = None  # nanoseconds
    prompt_eval_count: Optional[int] = None  # tokens; those of the cache are in it
    prompt_eval_cached_count: Optional[int] = None  # tokens, since 0.34; the duration is that of the others
    prompt_eval_duration: Optional[int] = None  # nanoseconds
    eval_count: Optional[int] = None  # tokens of the answer
    eval_duration: Optional[int] = None  # nanoseconds
    logprobs: Optional[List[Logprob]] = None  # of the tokens in this record
    _debug_info: Optional[Dict[str, Any]] = None  # the rendered prompt

    def _complete(self) -> None:
        own, other, path = self._unlike
        if other in self.__dict__ and own not in self.__dict__:
            text = "%s: missing, and there is a %s: is this an answer of %s?" % (own, other, path)
            raise ProtocolError(text, place=own)
        super()._complete()

    @property
    def tokens_per_second(self) -> Optional[float]:
        """Speed of generation, or None where the server did not say both numbers."""
        return compute_rate(self.eval_count, self.eval_duration)

    @property
    def text(self) -> str:
        """The answer's text in this record: ``message.content`` of chat, ``response`` of generate."""
        raise NotImplementedError

    def parse(self, kind: Type[C]) -> C:
        """The text, which is JSON by ``format=``, as a checked instance of ``kind``.

        Raises ProtocolError that names the path of what does not fit, and says so first where the answer is empty or
        was cut off.
        """
        parse_as, _ = load_schemas()
        text, who = self.text, "the answer"
        used_up = ' (done_reason "length": num_predict, or the context)' if self.done_reason == "length" else ""
        if not text.strip(JSON_BLANKS):
            raise ProtocolError("the answer is empty" + used_up, partial=self)
        if used_up:
            who = "the answer was cut off after %d characters%s: it" % (len(text), used_up)
        try:
            value = parse_json(text)
        except ProtocolError as error:
            why = str(error) if str(error).startswith("not JSON") else "not JSON: %s" % error
            raise ProtocolError("%s is %s" % (who, why), partial=self) from error
        try:
            parsed: C = parse_as(kind, value)
            return parsed
        except ProtocolError as error:
            raise ProtocolError("%s does not fit: %s" % (who, error), partial=self, **error.parts) from error


class ChatResponse(Generation):
    """A record of /api/chat: the next piece of the message, or the whole of it."""

    message: Message = field(default_factory=lambda: Message())  # its content, thinking, tool calls

    _computed = ("content",)
    _strict = ("message", "done")
    _due = ("message", "response", "done", "done_reason", "_debug_info")
    _unlike = ("message", "response", "/api/generate")

    @property
    def content(self) -> str:
        """The same as ``message.content``."""
        return self.message.content

    @property
    def text(self) -> str:
        return self.message.content


class GenerateResponse(Generation):
    """A record of /api/generate. ``context`` comes with the last one; ``image`` is base64 (older image models)."""

    _later: ClassVar[FrozenSet[str]] = Generation._later | {"tool_calls"}

    response: str = ""  # the text, or the next piece of it
    thinking: Optional[str] = None
    context: Optional[List[int]] = None  # tokens, for the context of the next call
    tool_calls: Optional[List[ToolCall]] = None
    image: Optional[str] = None  # base64
    completed: Optional[int] = None  # steps of making the image
    total: Optional[int] = None  # steps

    _strict = ("response", "done", "tool_calls")
    _due = ("response", "message", "done", "done_reason", "_debug_info", "image")
    _expected = frozenset(("response",))
    _unlike = ("response", "message", "/api/chat")

    @property
    def text(self) -> str:
        return self.response


# --- records: the other endpoints -----------------------------------------------------------------------------------


def compute_rate(count: Any, nanoseconds: Any) -> Optional[float]:
    """``count`` a second, or None where one of the two is no positive number."""
    if not (is_number(count) and is_number(nanoseconds) and count > 0 and nanoseconds > 0):
        return None
    try:
        per_second = float(count * 1e9 / nanoseconds)
    except OverflowError as error:
        check_origin(error)
        return None
    return per_second if per_second < float("inf") else None
