# SPDX-License-Identifier: MIT
"""What is built on the client: tool calls answered by functions, and conversations.

    run_tools(client, ...)      -> ToolRun or AsyncToolRun: the parts of all answers, until one asks for no tool
    Conversation(client, ...)   .say(text) -> such a run; the history grows by what was finished; save() and load()

A run is a stream over ``Rounds``, which stands in for its exchange: one exchange after the other, with the calls of
functions in between. So everything that is true of a stream is true of a run.
"""

from __future__ import annotations

import inspect
import json
import os
from functools import partial
from typing import (
    TYPE_CHECKING, Any, Callable, Dict, Generic, Iterator, List, Mapping, Optional, Sequence, TypeVar, Union, cast,
    overload,
)  # fmt: skip

from .._calls import BaseClient, as_messages
from .._client import Client, Stream
from .._decode import decode
from .._errors import FixtureError, OllamaError, ProtocolError, RequestError, StreamClosed
from .._net import Network, settled
from .._records import ChatResponse, Message, ToolCall
from .._schema import call_tool
from .._values import base64_text, checked_message, checked_messages, checked_tools, has_dump, plain

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._calls import Messages
    from .._endpoints import ChatFields, GenerationFields
    from ..aio import AsyncClient, AsyncToolRun

    class ConversationFields(ChatFields, total=False):
        system: Optional[str]
        messages: Messages
        max_rounds: int


PathLike = Union[str, "os.PathLike[str]"]
Functions = Dict[str, Optional[Callable[..., Any]]]

# --- tools ------------------------------------------------------------------------------------------------------------

class Rounds:
    """What a stream asks of an exchange, answered by one exchange after the other.

    ``messages`` holds whole turns: an answer that asks for tools comes with all their results. ``history`` is a list
    that gets the last of the messages given, and all that came of it, when the last answer is whole.
    """

    history: Optional[List[Message]] = None

    def __init__(
        self, client: Any, model: str, messages: Any, tools: Any = None, *, max_rounds: int = 10, **fields: Any
    ) -> None:
        if not isinstance(client, BaseClient):
            raise RequestError("client: expected a Client or an AsyncClient, got %s" % type(client).__name__)
        if isinstance(max_rounds, bool) or not isinstance(max_rounds, int) or max_rounds < 1:
            raise RequestError("max_rounds: expected a number from 1 on, got %r" % (max_rounds,))
        tools = () if tools is None else tools
        schemas = checked_tools(tools, "tools")
        self.functions = functions_by_name(tools, schemas, can_wait=not isinstance(client, Client))
        self.messages = checked_history(as_messages(messages))
        self._given = len(self.messages)
        self._ask = partial(cast(Any, client).chat, model, tools=schemas, stream=True, **fields)
        self.exchange = self._ask(messages=self.messages)._exchange
        self._network = self.exchange.network
        self._answers, self._max_rounds = 0, max_rounds
        self._calling = False
        self._end = ""

    def __getattr__(self, name: str) -> Any:
        # All that is not said here is that of the exchange which is under way: partial, decoder, error, open() ...
        return getattr(self.exchange, name)

    @property
    def status(self) -> str:
        return self._end or ("open" if self.exchange.status == "complete" else self.exchange.status)

    def close(self) -> None:
        if self.status == "open":
            self._end = "cancelled"
        self.exchange.close()

    def use(self, network: Network) -> None:
        """As an exchange does; the exchanges that follow use it too."""
        self.exchange.use(network)
        self._network = network

    async def batch(self) -> Optional[Iterator[ChatResponse]]:
        while True:
            records = await self.exchange.batch()
            if records is not None:
                return self._watched(records)
            if self._end == "complete":
                return None
            await self._go_on()

    def _watched(self, records: Iterator[ChatResponse]) -> Iterator[ChatResponse]:
        for record in records:
            if self.exchange.decoder.finished:  # looked at before it is handed out: a loop may leave with it
                self._look(self._answer())
            yield record

    def _answer(self) -> Message:
        message: Message = self.exchange.partial.message
        if message.images:  # what a server sends must not be taken for the name of a file here when it goes back
            message.images = [image for image in message.images if isinstance(image, str) and base64_text(image)]
        return message

    def _look(self, answer: Message) -> None:
        """The end of the run is an answer without calls, or with one that has no function here."""
        names = {call.function.name for call in answer.tool_calls or ()}
        if names and not names & {name for name, function in self.functions.items() if function is None}:
            return
        self._end = "complete"
        self.messages.append(answer)
        if self.history is not None:
            self.history.extend(self.messages[self._given - 1 :])

    async def _go_on(self) -> None:
        """Call the functions that the answer asks for, one after the other, and ask again with their results."""
        if self._calling:
            raise StreamClosed("the stream is being read by another thread or task")
        self._check_open()
        answer = self._answer()
        self._answers += 1
        if self._answers == self._max_rounds:
            raise self._too_many()
        self._calling = True
        try:
            results = [await result_of(call, self.functions) for call in answer.tool_calls or ()]
            self.messages += [answer, *results]
            self.exchange = self._ask(messages=self.messages)._exchange
            self.exchange.use(self._network)
            self._check_open()
        except BaseException:
            self.close()
            raise
        finally:
            self._calling = False

    def _check_open(self) -> None:
        if self._end:
            raise StreamClosed("the stream was closed; go on with a new run from its messages")

    def _too_many(self) -> OllamaError:
        self._end = "error"
        text = (
            "answer %d still asks for tools, and max_rounds=%d allows no more: raise it, or go on with a new run from "
            "the messages of this one; the calls of that answer were not made" % (self._answers, self._max_rounds)
        )
        error: OllamaError = self.exchange.failed(ProtocolError(text))
        return error


def checked_history(messages: Any) -> List[Message]:
    """Copies of the messages, as they are sent: images are read now, and are base64 from then on."""
    data = checked_messages(messages, "messages")
    return [message_of(fields, "messages[%d]" % i) for i, fields in enumerate(data)]


def message_of(fields: Dict[str, Any], path: str) -> Message:
    try:
        return decode(Message, fields, path + ".")
    except ProtocolError as error:
        raise RequestError(str(error)) from None


def functions_by_name(tools: Sequence[Any], schemas: Sequence[Mapping[str, Any]], can_wait: bool) -> Functions:
    """The function of each tool, None for a tool that is only described."""
    functions: Functions = {}
    for i, (tool, schema) in enumerate(zip(tools, schemas)):
        described = schema.get("function")
        name = described.get("name") if isinstance(described, dict) else None
        if not isinstance(name, str):
            continue  # a kind of tool that is for the server to judge
        if name in functions:
            raise RequestError("tools[%d]: another tool is named %r too; a model cannot tell them apart" % (i, name))
        function = None if isinstance(tool, Mapping) or has_dump(tool) else tool
        if not can_wait and any(map(inspect.iscoroutinefunction, (function, getattr(function, "__call__", None)))):
            raise RequestError("tools[%d]: %s is an async function, which needs an AsyncClient" % (i, name))
        functions[name] = function
    return functions


async def result_of(call: ToolCall, functions: Functions) -> Message:
    """The message with what the function of a call returns, or with the text of its exception."""
    name = call.function.name
    try:
        if name not in functions:
            raise RequestError("there is no tool named %s; the tools are: %s" % (name, ", ".join(functions) or "none"))
        result = call_tool(functions[name], call.function.arguments)  # type: ignore[arg-type]
        content = result_text(await settled(result))
    except RequestError as error:
        content = "error: %s" % error
    except Exception as error:
        content = "error: " + exception_text(error)
    return Message(role="tool", content=content, tool_name=name, tool_call_id=call.id or None)


def result_text(value: Any) -> str:
    """A string as it is, else JSON, else str()."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(plain(value, "result"), ensure_ascii=False)
    except RequestError:
        return str(value)


def exception_text(error: Exception) -> str:
    from traceback import format_exception_only

    return "".join(format_exception_only(type(error), error)).strip()  # survives a __str__ that fails


class ToolRun(Stream[ChatResponse]):
    """A stream of the parts of all answers of a run. ``partial`` and ``result()`` are those of the last answer."""

    @property
    def messages(self) -> List[Message]:
        """The messages given, and what came of them: answers with calls, their results, and the last answer.

        A turn is added when all of it is there, so that the list can always be sent again.
        """
        return cast(Rounds, self._exchange).messages

    @property
    def status(self) -> str:
        """ "open", "complete", "truncated", "error" or "cancelled"."""
        return self._exchange.status


@overload
def run_tools(
    client: Client, model: str, messages: Union[str, Messages], tools: Sequence[Any], *, max_rounds: int = ...,
    **fields: Unpack[GenerationFields],
) -> ToolRun: ...  # fmt: skip
@overload
def run_tools(
    client: AsyncClient, model: str, messages: Union[str, Messages], tools: Sequence[Any], *, max_rounds: int = ...,
    **fields: Unpack[GenerationFields],
) -> AsyncToolRun: ...  # fmt: skip


def run_tools(client: Any, model: str, messages: Any, tools: Any, *, max_rounds: int = 10, **fields: Any) -> Any:
    """Chat, call the functions that the model asks for, tell it the results, and so on until it asks for none.

    What this returns is a stream of the parts of every answer as they come; its ``messages`` are the conversation so
    far. ``messages`` here may be one prompt as a string, and is not changed. A result that is no string is told as
    JSON, or else by ``str()``; an exception as "error: ZeroDivisionError: division by zero", and so are wrong arguments
    and a tool that there is not. The calls of an answer are made in order, one after the other; with an AsyncClient a
    function may be asynchronous, and a plain one holds up the loop. Answers go back whole, with their thinking. The
    clocks of ``timeout`` count for each answer anew.

    A tool given as a dict has no function: an answer that calls one ends the run, and none of its calls is made. They
    are in ``messages[-1].tool_calls``; append a message of role "tool" for each, and run again.

    Raises RequestError here for a wrong argument and for two tools of one name; from the loop what a stream raises, and
    ProtocolError, with the answer in ``partial``, where the answer number ``max_rounds`` still asks for tools.
    """
    return run_over(Rounds(client, model, messages, tools, max_rounds=max_rounds, **fields), client)


def run_over(rounds: Any, client: Any) -> Any:
    if isinstance(client, Client):
        return ToolRun(rounds)
    from ..aio import AsyncToolRun

    return AsyncToolRun(rounds)


# --- conversations ----------------------------------------------------------------------------------------------------

Run = TypeVar("Run", ToolRun, "AsyncToolRun")


class Conversation(Generic[Run]):
    """A chat that remembers: ``messages`` holds what was said and answered, and is sent with the next ``say()``.

    It grows when an answer is whole; an error, a ``break`` or a cancelled task leaves it as it was. ``system`` takes
    the place of a system message that ``messages`` begin with; ``tools``, ``max_rounds`` and the fields are those of
    ``run_tools``. Thinking is kept and sent: the model's template, on the server, decides what the model sees of it.
    Raises RequestError for a wrong argument.
    """

    @overload
    def __init__(
        self: Conversation[ToolRun], client: Client, model: str, **settings: Unpack[ConversationFields]
    ) -> None: ...
    @overload
    def __init__(
        self: Conversation[AsyncToolRun], client: AsyncClient, model: str, **settings: Unpack[ConversationFields]
    ) -> None: ...

    def __init__(
        self, client: Any, model: str, *, system: Optional[str] = None, messages: Any = (), **settings: Any
    ) -> None:
        self.messages = checked_history(messages)
        if system is not None:
            has_one = bool(self.messages) and self.messages[0].role == "system"
            data = checked_message({"role": "system", "content": system}, "system")
            self.messages[:has_one] = [message_of(data, "system")]
        self._client, self._model, self._settings = client, model, settings
        self._rounds(self.messages)  # a wrong argument is told now

    def say(self, message: Union[str, Mapping[str, Any], Message], *, images: Optional[Sequence[Any]] = None) -> Run:
        """Send the history and a message, the user's where it is a string; a stream of the parts of the answer.

        ``images`` go with a string: bytes, paths or base64. ``text()`` gives the text alone, ``result()`` all at once.
        """
        if isinstance(message, str):
            message = {"role": "user", "content": message, **({} if images is None else {"images": images})}
        elif images is not None:
            raise RequestError("images: they go with a string; a message has its own")
        rounds = self._rounds([*self.messages, checked_message(message, "message")])
        rounds.history = self.messages
        return cast(Run, run_over(rounds, self._client))

    def _rounds(self, messages: Sequence[Any]) -> Rounds:
        return Rounds(self._client, self._model, messages, **self._settings)

    def save(self, path: PathLike) -> None:
        """Write the messages as JSON, one a line; a file that is there is replaced in one step, when all is written.

        A new file is for its owner alone. Raises RequestError where it cannot be done; what was there is unharmed.
        """
        from ..fixture import canonical_json

        try:
            lines = [canonical_json(message) + "\n" for message in checked_messages(self.messages, "messages")]
        except FixtureError as error:
            raise RequestError("messages: %s" % error) from None
        replace_file(path, "".join(lines).encode("utf-8"))

    @overload
    @classmethod
    def load(cls, path: PathLike, client: Client, model: str, **settings: Any) -> Conversation[ToolRun]: ...
    @overload
    @classmethod
    def load(cls, path: PathLike, client: AsyncClient, model: str, **settings: Any) -> Conversation[AsyncToolRun]: ...

    @classmethod
    def load(cls, path: PathLike, client: Any, model: str, **settings: Any) -> Any:
        """A conversation with the messages of a file that ``save`` wrote; ``settings`` are those of the constructor.

        Raises RequestError where the file cannot be read, and with the number of a line that is no message.
        """
        make: Any = cls
        return make(client, model, messages=read_messages(path), **settings)


def replace_file(path: PathLike, data: bytes) -> None:
    from shutil import copymode
    from tempfile import mkstemp

    try:
        target = os.path.realpath(path)
        handle, part = mkstemp(".part", os.path.basename(target) + ".", os.path.dirname(target))
        try:
            with open(handle, "wb") as file:
                file.write(data)
            if os.path.exists(target):
                copymode(target, part)
            os.replace(part, target)
        except BaseException:
            os.unlink(part)
            raise
    except (OSError, ValueError) as error:
        raise RequestError("%s: cannot be written: %s" % (os.fspath(path), error)) from error


def read_messages(path: PathLike) -> List[Message]:
    from ..fixture import parse_json

    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except (OSError, ValueError) as error:
        raise RequestError("%s: cannot be read: %s" % (os.fspath(path), error)) from error
    messages = []
    for lineno, line in enumerate(lines, 1):
        try:
            if line.strip():
                fields = parse_json(line)
                messages.append(message_of(checked_message(fields, "message"), "message"))
                if messages[-1].images != fields.get("images"):  # it was no base64 but named a file, to be sent
                    raise RequestError("message.images: expected base64")
        except (FixtureError, RequestError) as error:
            raise RequestError("%s, line %d: %s" % (os.fspath(path), lineno, error)) from None
    return messages
