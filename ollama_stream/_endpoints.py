"""One row an endpoint: a call goes in, a request comes out, or an error before any byte is sent.

A request field is one line, in the TypedDict of its row: type checkers, ``inspect.signature``, the request's body and the
command line read it from there. The values are checked here as far as the server's answer to a wrong one would be late
or misleading; what the server alone can judge is left to it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union

from ._decode import Record, field_names, suggestion
from ._errors import RequestError
from ._records import ChatResponse, GenerateResponse, ListResponse, VersionResponse

if TYPE_CHECKING:
    from inspect import Signature

    from typing_extensions import Literal, TypedDict

    from ._net import Timeout
else:

    class TypedDict:
        """At run time only the annotations of a row are used."""

        def __init_subclass__(cls, total=True):
            pass


class CallFields(TypedDict, total=False):
    """What every call takes besides the fields of its endpoint."""

    extra: Mapping[str, Any]
    headers: Mapping[str, Optional[str]]
    timeout: Union[Timeout, float, None]


class GenerationFields(CallFields, total=False):
    """What chat and generate have in common."""

    think: Optional[Union[bool, Literal["low", "medium", "high", "max"]]]
    logprobs: Optional[bool]
    top_logprobs: Optional[int]
    format: Any
    options: Optional[Union[Mapping[str, Any], Record]]
    keep_alive: Optional[Union[float, str]]
    truncate: Optional[bool]
    shift: Optional[bool]
    _debug_render_only: Optional[bool]


class ChatFields(GenerationFields, total=False):
    """POST /api/chat; see the Ollama API. ``keep_alive`` is in seconds or a duration such as "5m"."""

    tools: Optional[Sequence[Any]]


class GenerateFields(GenerationFields, total=False):
    """POST /api/generate; see the Ollama API."""

    system: Optional[str]
    template: Optional[str]
    context: Optional[Sequence[int]]
    raw: Optional[bool]
    images: Optional[Sequence[Any]]
    width: Optional[int]
    height: Optional[int]
    steps: Optional[int]


class Endpoint(NamedTuple):
    """``positional`` are (name, default) pairs, ``sent`` the values of fields that are sent even when they are not given.

    ``is_last`` tells the JSON object that ends a stream; None where the answer is one document.
    """

    name: str
    method: str
    path: str
    record: Type[Any]  # dict: JSON values as they come
    positional: Tuple[Tuple[str, Any], ...] = ()
    fields: Any = CallFields
    sent: Mapping[str, Any] = {}
    is_last: Optional[Callable[[Mapping[str, Any]], bool]] = None


class Request(NamedTuple):
    """A call, checked: ``target`` is relative to the base path, ``body`` is None for a request without one."""

    endpoint: Endpoint
    method: str
    target: str
    body: Optional[bytes]
    headers: Tuple[Tuple[str, str], ...]
    streamed: bool
    timeout: Any


UNSET_TIMEOUT: Any = object()  # the call names no timeout of its own; None would switch all clocks off
CALL_FIELDS = ("extra", "headers", "timeout")


def is_done(data: Mapping[str, Any]) -> bool:
    """Whether a JSON object ends a chat or generate answer.

    Some servers leave out ``done`` beside a ``done_reason``; a rendered prompt (``_debug_info``) is a whole answer.
    """
    if data.get("done") is True or data.get("_debug_info") is not None:
        return True
    return "done" not in data and bool(data.get("done_reason"))


def is_success(data: Mapping[str, Any]) -> bool:
    """Whether a JSON object ends a pull, push or create."""
    return data.get("status") == "success"


ENDPOINTS: Dict[str, Endpoint] = {
    row.name: row
    for row in (
        Endpoint(
            "chat", "POST", "/api/chat", ChatResponse,
            (("model", ""), ("messages", None)), ChatFields, {"messages": [], "tools": [], "stream": False}, is_done,
        ),
        Endpoint(
            "generate", "POST", "/api/generate", GenerateResponse,
            (("model", ""), ("prompt", None), ("suffix", None)), GenerateFields, {"stream": False}, is_done,
        ),
        Endpoint("list", "GET", "/api/tags", ListResponse),
        Endpoint("version", "GET", "/api/version", VersionResponse),
    )
}  # fmt: skip

ANY_ENDPOINT = Endpoint("request", "", "", dict)
PROGRESS_PATHS = ("/api/pull", "/api/push", "/api/create")


def fields_of(row: Endpoint) -> Dict[str, Any]:
    """The keyword fields of a row and their annotations, those of the endpoint first."""
    fields: Dict[str, Any] = {}
    for cls in row.fields.__mro__:
        fields.update(cls.__dict__.get("__annotations__") or {})
    return fields


def signature_of(row: Endpoint) -> Signature:
    """What ``inspect.signature`` shows of the method for a row."""
    from inspect import Parameter, Signature

    both, keyword = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    parameters = [Parameter("self", both)]
    parameters += [Parameter(name, both, default=default) for name, default in row.positional]
    if "stream" in row.sent:
        parameters.append(Parameter("stream", keyword, default=False, annotation="bool"))
    for name, annotation in fields_of(row).items():
        parameters.append(Parameter(name, keyword, default=None, annotation=annotation))
    return Signature(parameters)


def build(name: str, given: Mapping[str, Any]) -> Request:
    """A call of the endpoint ``name`` with the arguments ``given`` -> the request.

    Raises TypeError for an unknown keyword and RequestError for a value that cannot be right.
    """
    row = ENDPOINTS[name]
    known = [field for field, _ in row.positional] + ["stream"] * ("stream" in row.sent) + list(fields_of(row))
    for field in given:
        if field not in known:
            raise TypeError(
                "%s() got an unexpected keyword argument %r%s" % (name, field, suggestion(field, known))
            )
    if "model" in known:
        checked_model(given.get("model", ""), "model")
    body: Dict[str, Any] = dict(row.sent)
    for field, value in given.items():
        if value is not None and field not in CALL_FIELDS:
            body[field] = CHECKS[field](value, field) if field in CHECKS else plain(value, field)
    ordered = {field: body[field] for field in known if field in body}
    extra = given.get("extra")
    if extra is not None:
        ordered.update(checked_object(extra, "extra"))
    return Request(
        row,
        row.method,
        row.path,
        None if row.method == "GET" else json_body(ordered),
        checked_headers(given.get("headers")),
        bool(ordered.get("stream")),
        given.get("timeout", UNSET_TIMEOUT),
    )


def build_any(method: str, path: str, json: Any, body: Any, stream: bool, options: Mapping[str, Any]) -> Request:
    """A request to any path, with a JSON value or bytes as its body."""
    for field in options:
        if field not in ("headers", "timeout"):
            raise TypeError("request() got an unexpected keyword argument %r" % field)
    if not isinstance(method, str) or not method.isalpha() or not method.isascii():
        raise RequestError("method: expected a word such as 'POST', got %r" % (method,))
    if not isinstance(path, str) or not path.startswith("/") or not path.isascii() or set(path) & BAD_IN_PATH:
        raise RequestError("path: expected an absolute path such as '/api/chat', percent-encoded, got %r" % (path,))
    if json is not None and body is not None:
        raise RequestError("body: give either json or body, not both")
    if body is not None and not isinstance(body, (bytes, bytearray, memoryview, str)):
        raise RequestError("body: expected bytes or a string, got %s" % type(body).__name__)
    data = body.encode("utf-8", "replace") if isinstance(body, str) else None if body is None else bytes(body)
    if json is not None:
        data = json_body(plain(json, "json"))
    row = row_of_path(method.upper(), path)
    return Request(
        row, method.upper(), path, data, checked_headers(options.get("headers")), bool(stream),
        options.get("timeout", UNSET_TIMEOUT),
    )  # fmt: skip


BAD_IN_PATH = frozenset(map(chr, range(33))) | frozenset("#\x7f")


def row_of_path(method: str, path: str) -> Endpoint:
    """The rule that ends the answer of a path that a row names, for records that stay dicts; one document elsewhere."""
    for row in ENDPOINTS.values():
        if (row.method, row.path) == (method, path.rstrip("/")):
            return ANY_ENDPOINT._replace(is_last=row.is_last)
    return ANY_ENDPOINT._replace(is_last=is_success) if path in PROGRESS_PATHS else ANY_ENDPOINT


# --- values -----------------------------------------------------------------------------------------------------------


def plain(value: Any, path: str, depth: int = 0) -> Any:
    """A value of JSON's own types from records, mappings, sequences and objects with ``model_dump``."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RequestError("%s: %r is no JSON number" % (path, value))
        return float(value)
    if depth > 200:
        raise RequestError("%s: nested too deep, or it contains itself" % path.split(".")[0].split("[")[0])
    if isinstance(value, Record):
        return {n: plain(v, path + "." + n, depth + 1) for n, v in set_values(value) if v is not None}
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise RequestError("%s: the name %r is not a string" % (path, name))
        return {n: plain(v, path + "." + n, depth + 1) for n, v in value.items()}
    if isinstance(value, (list, tuple)) or isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item, "%s[%d]" % (path, i), depth + 1) for i, item in enumerate(value)]
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return plain(dump(exclude_none=True), path, depth + 1)
    raise RequestError("%s: %s cannot be sent as JSON" % (path, type(value).__name__))


def set_values(record: Record) -> List[Tuple[str, Any]]:
    names = field_names(type(record))
    return [(n, v) for n, v in record if n in record.__dict__ or n not in names or (v is not None and v != "")]


def json_body(value: Any) -> bytes:
    """Compact JSON in ASCII: a lone surrogate, which UTF-8 has no bytes for, is sent as it stands."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (ValueError, TypeError, RecursionError) as error:
        raise RequestError("the request cannot be written as JSON: %s" % error) from None


def checked_headers(headers: Any) -> Tuple[Tuple[str, str], ...]:
    """Header fields of a call or a client; a value of None leaves the field out."""
    from ._address import check_header

    if headers is None:
        return ()
    if not isinstance(headers, Mapping):
        raise RequestError("headers: expected a mapping of names to strings, got %s" % type(headers).__name__)
    return tuple(check_header(name, value) for name, value in headers.items() if value is not None)


def checked_object(value: Any, path: str) -> Dict[str, Any]:
    result = plain(value, path)
    if not isinstance(result, dict):
        raise RequestError("%s: expected a mapping, got %s" % (path, type(value).__name__))
    return result


def checked_model(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RequestError("%s: expected the name of a model, such as 'llama3.2', got %r" % (path, value))
    return value


def checked_text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise RequestError("%s: expected a string, got %s" % (path, type(value).__name__))
    return value


def checked_flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise RequestError("%s: expected True or False, got %r" % (path, value))
    return value


def checked_messages(value: Any, path: str) -> List[Any]:
    if isinstance(value, (str, bytes, Mapping, Record)) or not isinstance(value, Sequence):
        raise RequestError("%s: expected a list of messages, got %s" % (path, type(value).__name__))
    return [checked_message(message, "%s[%d]" % (path, i)) for i, message in enumerate(value)]


def checked_message(value: Any, path: str) -> Dict[str, Any]:
    images = value.get("images") if isinstance(value, Mapping) else getattr(value, "images", None)
    if images is not None:
        value = dict(value) if isinstance(value, Mapping) else plain(without_images(value), path)
        value["images"] = checked_images(images, path + ".images")
    message = plain(value, path)
    if not isinstance(message, dict):
        form = "{'role': 'user', 'content': '...'}"
        raise RequestError("%s: expected a message such as %s, got %s" % (path, form, type(value).__name__))
    if not isinstance(message.get("role"), str) or not message["role"]:
        role = message.get("role")
        raise RequestError("%s.role: expected 'system', 'user', 'assistant' or 'tool', got %r" % (path, role))
    if not isinstance(message.get("content", ""), (str, type(None))):
        raise RequestError("%s.content: expected a string, got %s" % (path, type(message["content"]).__name__))
    return message


def without_images(message: Any) -> Any:
    if isinstance(message, Record):
        copy = object.__new__(type(message))
        copy.__dict__.update((n, v) for n, v in message.__dict__.items() if n != "images")
        return copy
    return {n: v for n, v in plain(dict(vars(message), images=None), "messages").items() if n != "images"}


def checked_images(value: Any, path: str) -> List[str]:
    if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Sequence):
        raise RequestError("%s: expected a list of images, got %s" % (path, type(value).__name__))
    return [base64_image(image, "%s[%d]" % (path, i)) for i, image in enumerate(value)]


def base64_image(value: Any, path: str) -> str:
    """Base64 of bytes, of the file that a Path names, or of a base64 text or data URL as it stands."""
    import base64
    import os

    value = getattr(value, "value", value)
    if isinstance(value, str):
        text = value.partition("base64,")[2] if value.startswith("data:") else value
        try:
            if text and base64.b64decode("".join(text.split()), validate=True):
                return text
        except ValueError:
            pass
        if not os.path.isfile(value):
            raise RequestError("%s: neither base64, nor a data URL, nor the name of a file" % path)
    if isinstance(value, (str, os.PathLike)):
        try:
            with open(value, "rb") as file:
                value = file.read()
        except (OSError, ValueError) as error:
            raise RequestError("%s: cannot be read: %s" % (path, error)) from None
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise RequestError("%s: expected bytes, a path or base64, got %s" % (path, type(value).__name__))
    return base64.b64encode(value).decode("ascii")


def checked_tools(value: Any, path: str) -> List[Any]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise RequestError("%s: expected a list of functions or tools, got %s" % (path, type(value).__name__))
    return [checked_tool(tool, "%s[%d]" % (path, i)) for i, tool in enumerate(value)]


def checked_tool(value: Any, path: str) -> Any:
    if isinstance(value, (Mapping, Record)) or hasattr(value, "model_dump"):
        return checked_object(value, path)
    if not callable(value):
        raise RequestError("%s: expected a function or a tool, got %s" % (path, type(value).__name__))
    from ._schema import function_tool

    return function_tool(value)


def checked_format(value: Any, path: str) -> Any:
    if value in ("", "json") if isinstance(value, str) else isinstance(value, Mapping):
        return plain(value, path)
    if isinstance(value, type) or hasattr(value, "__origin__"):
        from ._schema import type_schema

        return type_schema(value)
    raise RequestError("%s: expected 'json', a JSON Schema or a type, got %r" % (path, value))


def checked_think(value: Any, path: str) -> Any:
    if isinstance(value, bool) or value in ("low", "medium", "high", "max"):
        return value
    raise RequestError("%s: expected True, False, 'low', 'medium', 'high' or 'max', got %r" % (path, value))


def checked_keep_alive(value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise RequestError("%s: expected seconds or a duration such as '5m', got %r" % (path, value))
    if isinstance(value, str):
        if value != "0" and (not value or value[-1] not in "smh" or not any(map(str.isdigit, value))):
            raise RequestError("%s: expected a duration with its unit, such as '5m' or '30s', got %r" % (path, value))
    elif not value <= 9223372036:
        raise RequestError("%s: more seconds than the server can count; a negative number means for ever" % path)
    return plain(value, path)


def checked_top_logprobs(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 20:
        raise RequestError("%s: expected a number from 0 to 20, got %r" % (path, value))
    return value


def checked_context(value: Any, path: str) -> List[int]:
    """The tokens of an earlier answer. A negative one can kill a server of version 0.24."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        kind = type(value).__name__
        raise RequestError("%s: expected the list of numbers of an earlier answer, got %s" % (path, kind))
    for i, token in enumerate(value):
        if isinstance(token, bool) or not isinstance(token, int) or token < 0:
            raise RequestError("%s[%d]: expected a number from 0 on, got %r" % (path, i, token))
    return list(value)


def checked_options(value: Any, path: str) -> Dict[str, Any]:
    options = checked_object(value, path)
    if isinstance(options.get("stop"), str):
        raise RequestError("%s.stop: expected a list of strings, got a string" % path)
    return options


CHECKS: Dict[str, Callable[[Any, str], Any]] = {
    "model": checked_model,
    "messages": checked_messages,
    "tools": checked_tools,
    "stream": checked_flag,
    "think": checked_think,
    "logprobs": checked_flag,
    "top_logprobs": checked_top_logprobs,
    "format": checked_format,
    "options": checked_options,
    "keep_alive": checked_keep_alive,
    "truncate": checked_flag,
    "shift": checked_flag,
    "prompt": checked_text,
    "suffix": checked_text,
    "system": checked_text,
    "template": checked_text,
    "context": checked_context,
    "raw": checked_flag,
    "images": checked_images,
}
