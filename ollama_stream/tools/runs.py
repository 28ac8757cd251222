# SPDX-License-Identifier: MIT
"""run_tools(client, ...) -> ToolRun or AsyncToolRun: the parts of all answers, until one asks for no tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence, Union, overload

from .._client import Client, Stream
from .._records import ChatResponse
from .rounds import Rounds, Run

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._endpoints import Messages
    from .._methods import GenerationFields
    from ..aio import AsyncClient
    from .awaited import AsyncToolRun


class ToolRun(Run, Stream[ChatResponse]):
    """A stream of the parts of all answers of a run, which ``run_tools`` makes; it raises as a Stream does."""


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

    ``client`` and ``model`` say who is asked, ``fields`` are those of its ``chat``. What this returns is a stream of
    the parts of every answer as they come; its ``messages`` are the conversation so far. ``messages`` here may be one
    prompt as a string, and is not changed. A result that is no string is told as JSON, or else by ``str()``; an
    exception as "error: ZeroDivisionError: division by zero", and so are wrong arguments and a tool that there is not.
    The calls of an answer are made in order, one after the other; with an AsyncClient a function may be asynchronous,
    and a plain one holds up the loop. Answers go back whole, with their thinking. The clocks of ``timeout`` count for
    each answer anew.

    A tool given as a dict has no function: an answer that calls one ends the run, and none of its calls is made. They
    are in ``messages[-1].tool_calls``; append a message of role "tool" for each, and run again.

    Raises RequestError here for a wrong argument and for two tools of one name; from the loop what a stream raises, and
    ProtocolError, with the answer in ``partial``, where the answer number ``max_rounds`` still asks for tools.

    >>> from ollama_stream import Client, run_tools
    >>> def get_weather(city: str) -> str: return "sunny"
    >>> run_tools(Client(), "qwen3:0.6b", "Weather in Paris?", [get_weather]).result().done_reason
    'stop'
    """
    return run_over(Rounds(client, model, messages, tools, max_rounds=max_rounds, **fields), client)


def run_over(rounds: Any, client: Any) -> Any:
    if isinstance(client, Client):
        return ToolRun(rounds)
    from .awaited import AsyncToolRun

    return AsyncToolRun(rounds)
