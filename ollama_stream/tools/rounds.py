# SPDX-License-Identifier: MIT
"""Tool calls answered by functions: a request, the calls that its answer asks for, the next request with their results.

A run is a stream over ``Rounds``, which stands in for its exchange: one exchange after the other, with the calls of
functions in between. So everything that is true of a stream is true of a run.
"""

from __future__ import annotations

import collections.abc
import inspect
import json
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, cast

from .._calls import BaseClient
from .._client import Client
from .._decode import decode, put_inside
from .._endpoints import as_messages
from .._errors import BEING_READ, OllamaError, ProtocolError, RequestError, StreamClosed, check_origin, check_type
from .._net import settled
from .._records import ChatResponse, Message, ToolCall
from .._schema import ValueReader, check_kind
from .._types import read_signature
from .._values import check_messages, check_number, check_tools, find_base64, has_dump, plain

Functions = Dict[str, Optional[Callable[..., Any]]]


class Rounds:
    """What a stream asks of an exchange, answered by one exchange after the other.

    ``messages`` holds whole turns: an answer that asks for tools comes with all their results. ``history`` is a list
    that gets the last of the messages given, and all that came of it, when the last answer is whole.
    """

    history: Optional[List[Message]] = None

    def __init__(
        self, client: Any, model: str, messages: Any, tools: Any = None, *, max_rounds: int = 10, **fields: Any
    ) -> None:
        check_type(client, "client", BaseClient, "a Client or an AsyncClient")
        self._max_rounds = check_number(max_rounds, "max_rounds", 1)
        tools = () if tools is None else tools
        schemas = check_tools(tools, "tools")
        self.functions = find_functions(tools, schemas, can_wait=not isinstance(client, Client))
        self.messages = check_history(as_messages(messages))
        self._given = len(self.messages)
        self._ask = partial(cast(Any, client).chat, model, tools=schemas, stream=True, **fields)
        self.exchange = self._ask(messages=self.messages)._exchange
        self._answers = 0
        self._calling = False
        self._end = ""

    @property
    def status(self) -> str:
        return self._end or ("open" if self.exchange.status == "complete" else self.exchange.status)

    @property
    def being_read(self) -> bool:
        return self._calling or self.exchange.being_read

    def __getattr__(self, name: str) -> Any:
        """What else a stream asks of its exchange is that of the one which is under way."""
        return getattr(self.exchange, name)

    def close(self) -> None:
        if self.status == "open":
            self._end = "cancelled"
        self.exchange.close()

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
            message.images = [image for image in message.images if isinstance(image, str) and find_base64(image)]
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
            raise StreamClosed(BEING_READ)
        self._check_open()
        answer = self._answer()
        self._answers += 1
        if self._answers == self._max_rounds:
            raise self._too_many()
        self._calling = True
        try:
            results = [await answer_call(call, self.functions) for call in answer.tool_calls or ()]
            self.messages += [answer, *results]
            network = self.exchange.network
            self.exchange = self._ask(messages=self.messages)._exchange
            self.exchange.use(network)
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


def check_history(messages: Any) -> List[Message]:
    """Copies of the messages, as they are sent: images are read now, and are base64 from then on."""
    data = check_messages(messages, "messages")
    return [make_message(fields, "messages[%d]" % i) for i, fields in enumerate(data)]


def make_message(fields: Dict[str, Any], path: str) -> Message:
    try:
        return decode(Message, fields)
    except ProtocolError as error:
        put_inside(error, path)
        raise RequestError(str(error)) from None


def find_functions(tools: Sequence[Any], schemas: Sequence[Mapping[str, Any]], can_wait: bool) -> Functions:
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


async def answer_call(call: ToolCall, functions: Functions) -> Message:
    """The message with what the function of a call returns, or with the text of its exception."""
    from traceback import format_exception_only  # whose text survives a __str__ that fails

    name = call.function.name
    try:
        if name not in functions:
            raise RequestError("there is no tool named %s; the tools are: %s" % (name, ", ".join(functions) or "none"))
        result = call_tool(functions[name], call.function.arguments)  # type: ignore[arg-type]
        content = format_result(await settled(result))
    except RequestError as error:
        content = "error: %s" % error
    except Exception as error:
        check_origin(error)  # a time-out of the program that came in the middle of the function is no answer of it
        content = "error: " + "".join(format_exception_only(type(error), error)).strip()
    return Message(role="tool", content=content, tool_name=name, tool_call_id=call.id or None)


def call_tool(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call ``function`` with a model's JSON ``arguments``, converted to the annotated types.

    What the function returns or raises comes through as it is; an async function returns its coroutine. Raises
    RequestError, which names the path, for an argument that is missing, unknown or of the wrong kind.
    """
    members = read_signature(function)[2]
    names = [member.name for member in members]
    try:
        for name in check_kind(collections.abc.Mapping, arguments, "arguments"):
            if name not in names:
                raise RequestError("%s: unknown argument, expected %s" % (name, ", ".join(names) or "none"))
        values = ValueReader().read_members(members, arguments, "")
    except ProtocolError as error:
        raise RequestError(str(error), **error.parts) from error
    except RecursionError as error:
        check_origin(error)
        raise RequestError("arguments: nested too deeply") from None
    return function(**values)


def format_result(value: Any) -> str:
    """A string as it is, else JSON, else str()."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(plain(value, "result"), ensure_ascii=False)
    except RequestError:
        return str(value)


class Run:
    """What both colours of a run have beside a stream. ``partial`` and ``result()`` are those of the last answer."""

    _exchange: Any

    @property
    def messages(self) -> List[Message]:
        """The messages given, and what came of them: answers with calls, their results, and the last answer.

        A turn is added when all of it is there, so that the list can always be sent again.
        """
        return cast(Rounds, self._exchange).messages

    @property
    def status(self) -> str:
        """ "open", "complete", "truncated", "error" or "cancelled"."""
        return cast(Rounds, self._exchange).status
