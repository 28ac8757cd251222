# SPDX-License-Identifier: MIT
"""The methods of both clients and the module functions, made of the rows of ``_endpoints``: signature, help, body.

Type checkers read ``_methods.pyi`` in place of this file. It is made of the rows as well (``tests/make_stubs.py``), so
that no call is written down twice.
"""

from __future__ import annotations

import functools
import inspect
from inspect import Parameter, Signature
from types import CodeType, FunctionType, MethodType
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, Union  # also for get_type_hints

from ._endpoints import (
    CALL_FIELDS, CHAT, ENDPOINTS, MODEL, PROMPT, REQUEST, STREAM, TOOLS, Endpoint, Field, Images, Messages,
    ModelOptions, Tools, build, build_any, check_names,
)  # fmt: skip
from ._net import Timeout
from ._records import ChatResponse, Path
from ._values import check_number

NAMES = {"Any": Any, "bool": bool, "str": str}
TYPES = (Images, Mapping, Messages, ModelOptions, Optional, Path, Sequence, Timeout, Tools)  # what fields name

# Calls that are made of others: they have the fields of a row, and no request of their own.
ASKING = (MODEL, PROMPT._replace(type="Union[str, Messages]", needed=True))
STREAM_CHAT = Endpoint(
    "stream_chat", "POST", "/api/chat", dict, "The text of a chat answer, piece by piece, none empty.",
    ASKING, tuple(field for field in CHAT if field is not STREAM), returns="Texts",
)  # fmt: skip
RUN_TOOLS = Endpoint(
    "run_tools", "POST", "/api/chat", dict,
    "A chat in which the functions that the model asks for are called; see ``tools.run_tools``.",
    ASKING + (TOOLS._replace(type="Tools", needed=True),),
    (
        Field("max_rounds", "int", check_number, "how many answers there may be before one asks for no tool", 10),
        *(field for field in CHAT if field not in (STREAM, TOOLS)),
    ), returns="ToolRun",
)  # fmt: skip

# A call of each, for help(), and what it gives; ollama stands for this package.
EXAMPLES = {
    "chat": "ollama.chat('llama3.2', 'Say one word.').text\n'Hello'",
    "generate": "ollama.generate('qwen3:0.6b', 'What is 17 * 23?').response\n'17 × 23 = **391**'",
    "unload": "ollama.unload('llama3.2').done_reason\n'unload'",
    "embed": "len(ollama.embed('llama3.2', ['hello', 'goodbye']).embeddings)\n2",
    "embeddings": "ollama.embeddings('llama3.2', 'hello').embedding[0]\n-0.17851105332374573",
    "pull": "ollama.pull('smollm2:135m').status\n'success'",
    "push": "ollama.push('me/mario').status\n'success'",
    "create": "ollama.create('mario', from_='llama3.2', system='You are Mario.').status\n'success'",
    "create_blob": "ollama.create_blob('model.gguf')[:7]\n'sha256:'",
    "blob_exists": "ollama.blob_exists('sha256:' + 64 * '0')\nFalse",
    "list": "[model.model for model in ollama.list().models]\n['qwen3:0.6b', 'llama3.2:latest', 'llama2:latest']",
    "show": "ollama.show('qwen3:0.6b').capabilities\n['completion', 'tools', 'thinking']",
    "ps": "[(model.model, model.size_vram) for model in ollama.ps().models]\n[('llama3.2:latest', 98362432)]",
    "copy": "ollama.copy('llama3.2', 'mine').status\n'success'",
    "delete": "ollama.delete('mine').status\n'success'",
    "version": "ollama.version().version\n'0.32.15'",
    "ping": "ollama.ping()\nTrue",
    "me": "ollama.me().name\n'jo'",
    "signout": "ollama.signout().status\n'success'",
    "cloud_status": "ollama.cloud_status().cloud.disabled\nTrue",
    "web_search": "ollama.web_search('llamas').results[0].title\n'Llama'",
    "web_fetch": "ollama.web_fetch('https://example.com').title\n'Example Domain'",
    "request": "ollama.request('GET', '/api/version')\n{'version': '0.32.15'}",
    "stream_chat": "''.join(ollama.stream_chat('llama3.2', 'Say one word.'))\n'Hello'",
    "run_tools": "def get_weather(city: str) -> str: return 'sunny'\n>>> "
    "ollama.Client().run_tools('qwen3:0.6b', 'Weather in Paris?', [get_weather]).result().done_reason\n'stop'",
}


def format_help(row: Endpoint) -> str:
    """What a call does, its parameters, what it returns and raises, a line each, and an example."""
    paragraphs = [line.strip() for line in row.meaning.splitlines()]
    place = ["%s %s%s" % (row.method, row.base or "", row.path), ""] if row.path else []
    lines = ["%s: %s" % (field.name, field.meaning) for field in row.fields.values()]
    for index, default in enumerate(field.default for field in row.fields.values()):
        lines[index] += "" if default in (None, "") else " (default: %r)" % (default,)
    lines += ["", "What is left out is not sent: the server decides.", ""]
    lines += ["Returns: %s%s" % (row.returns, ", or with stream=True a stream of them" if row.streams else "")]
    fails = "" if row.name == "ping" else "; then any other OllamaError"
    lines += ["Raises: TypeError or RequestError for a wrong argument, before anything is sent" + fails]
    if row.name in EXAMPLES:
        lines += ["", ">>> import ollama_stream as ollama", ">>> " + EXAMPLES[row.name]]
    return "\n".join([*paragraphs, "", *place, *lines])


class Methods:
    """The calls of a Client, one for each row, which ``add_methods`` has put here."""


class AsyncMethods:
    """The same of an AsyncClient."""


def add_methods(owner: Any, stream: Any, texts: Any, mark: Callable[[Any], Any]) -> None:
    """Put a method for each row into a class.

    ``stream`` and ``texts`` are the classes of its streams; ``mark`` gets each method that answers by itself.
    """
    returned = dict(NAMES, Texts=texts, ToolRun=stream[ChatResponse])
    for row in (*ENDPOINTS.values(), REQUEST, STREAM_CHAT, RUN_TOOLS):
        answer: Any = returned.get(row.returns, row.record)
        if row.streams:
            answer = Any if row is REQUEST else Union[answer, stream[answer]]
        method = make_method(row, answer)
        method.__module__, method.__qualname__ = stream.__module__, "%s.%s" % (owner.__name__, row.name)
        setattr(owner, row.name, method if row in (STREAM_CHAT, RUN_TOOLS) else mark(method))


def make_method(row: Endpoint, answer: Any) -> Any:
    compose = getattr(Composed, row.name, None if row.returns == row.record.__name__ else Composed.another)

    def method(self: Any, *args: Any, **given: Any) -> Any:
        given = bind_arguments(row, args, given) if args or row.required else given
        return compose(self, row, given) if compose else self._call(row.name, given)

    describe(method, row, answer)
    return method


def make_function(method: Any, client: Callable[[], Any]) -> Any:
    """The function that calls a method of the client that ``client()`` gives."""

    def function(*args: Any, **given: Any) -> Any:
        return getattr(client(), function.__name__)(*args, **given)

    functools.update_wrapper(function, method, assigned=("__name__", "__doc__", "__annotations__"))
    shown = inspect.signature(method)
    function.__signature__ = shown.replace(parameters=list(shown.parameters.values())[1:])  # type: ignore[attr-defined]
    function.__qualname__ = method.__name__
    del function.__wrapped__  # type: ignore[attr-defined]
    return function


def describe(method: Any, row: Endpoint, answer: Any) -> None:
    """Give a method the name, the signature and the help of its row."""
    parameters = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [make_parameter(field, field in row.positional) for field in row.fields.values()]
    method.__name__ = row.name
    method.__signature__ = Signature(parameters, return_annotation=answer)
    method.__annotations__ = {field.name: field.type for field in row.fields.values()}
    method.__annotations__["return"] = answer
    method.__doc__ = format_help(row)
    told = {field.name: field.meaning for field in row.fields.values() if field.name not in CALL_FIELDS}
    method.for_models = row.meaning, told  # of a method that is given as a tool: its parameters and no others


@functools.lru_cache(maxsize=None)  # most fields are of many rows, and of both clients
def make_parameter(field: Field, positional: bool) -> Parameter:
    kind = Parameter.POSITIONAL_OR_KEYWORD if positional else Parameter.KEYWORD_ONLY
    default = Parameter.empty if field.required else field.default
    return Parameter(field.name, kind, default=default, annotation=field.type)


def bind_arguments(row: Endpoint, args: Tuple[Any, ...], given: Dict[str, Any]) -> Dict[str, Any]:
    """The arguments of a call by their names. Raises TypeError as Python does."""
    if len(args) > len(row.positional):
        most = len(row.positional)
        raise TypeError("%s() takes at most %d positional arguments, %d were given" % (row.name, most, len(args)))
    for field, value in zip(row.positional, args):
        if field.name in given:
            raise TypeError("%s() got multiple values for argument %r" % (row.name, field.name))
        given[field.name] = value
    for name in row.required:
        if name not in given:
            raise TypeError("%s() missing a required argument: %r" % (row.name, name))
    return given


class Composed:
    """What the methods do whose answer is no record as the server sends it."""

    @staticmethod
    def another(client: Any, row: Endpoint, given: Mapping[str, Any]) -> Any:
        return client._answer(build(row.name, given))

    @staticmethod
    def request(client: Any, _row: Endpoint, given: Dict[str, Any]) -> Any:
        names = ("method", "path", "json", "body", "stream")
        method, path, json, body, stream = (given.pop(name, None) for name in names)
        return client._answer(build_any(method, path, json, body, stream, given))

    @staticmethod
    def stream_chat(client: Any, row: Endpoint, given: Dict[str, Any]) -> Any:
        check_names(row, given)
        return client.chat(stream=True, **given).text()

    @staticmethod
    def run_tools(client: Any, row: Endpoint, given: Dict[str, Any]) -> Any:
        from .tools import Rounds, run_over

        check_names(row, given)
        return run_over(Rounds(client, **given), client)


# --- coroutine functions ----------------------------------------------------------------------------------------------


class CoroutineFunction:
    """A function that gives something to be awaited, and passes for an ``async def`` wherever it is asked.

    It is no real one, because its arguments are checked at the call, and because the stream that it may give can be
    read by ``async for`` without being awaited. Since 3.12 a plain function can be marked; here it is all that
    ``inspect`` and ``unittest.mock`` look at.
    """

    __class__: Any = FunctionType

    def __init__(self, function: Any) -> None:
        self._function = function
        functools.update_wrapper(self, function)
        del self.__dict__["__wrapped__"]
        code: CodeType = awaited.__code__
        self.__code__, self.__defaults__, self.__kwdefaults__ = code, None, None
        self.__globals__ = function.__globals__

    def __call__(self, *args: Any, **given: Any) -> Any:
        return self._function(*args, **given)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return repr(self._function)


async def awaited(self: Any, *args: Any, **given: Any) -> Any:
    """Of which a CoroutineFunction has its code."""


def as_coroutine_function(function: Any) -> Any:
    mark = getattr(inspect, "markcoroutinefunction", CoroutineFunction)
    return mark(function)
