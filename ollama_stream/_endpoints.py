# SPDX-License-Identifier: MIT
"""One row an endpoint: a call goes in, a request comes out, or an error before any byte is sent.

A request field is one line, in the TypedDict of its row: type checkers, ``inspect.signature``, the request's body and the
command line read it from there. ``_values`` says what it may hold. The comments are of the Ollama API; durations are
seconds, lengths tokens, and what is not given is left to the server.
"""

from __future__ import annotations

from typing import (
    TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union,
)  # fmt: skip

from ._decode import field_names, suggestion
from ._errors import RequestError
from ._json import format_json
from ._records import (
    ChatResponse, CloudStatusResponse, EmbedResponse, EmbeddingsResponse, GenerateResponse, ListResponse, Options,
    ProcessResponse, ProgressResponse, ShowResponse, StatusResponse, Tool, UserResponse, VersionResponse,
    WebFetchResponse, WebSearchResponse,
)  # fmt: skip
from ._values import CHECKS, Upload, checked_headers, checked_object, plain, shown

if TYPE_CHECKING:
    import os
    from inspect import Signature

    from typing_extensions import TypedDict

    from ._net import Timeout
    from ._records import Image
else:

    class TypedDict:
        """At run time only the annotations of a row are used."""

        def __init_subclass__(cls, total=True):
            pass


# --- fields -----------------------------------------------------------------------------------------------------------


class CallFields(TypedDict, total=False):
    """What every call takes besides the fields of its endpoint."""

    extra: Optional[Mapping[str, Any]]  # members of the JSON body that this version does not know; they win
    headers: Optional[Mapping[str, Optional[str]]]  # None leaves one out that the client would send
    timeout: Union[Timeout, float, None]  # None switches all clocks off


class GenerationFields(CallFields, total=False):
    """What chat and generate have in common."""

    think: Optional[Union[bool, str]]  # a model that can think does, if not given
    logprobs: Optional[bool]  # the log probability of each token
    top_logprobs: Optional[int]  # 0 to 20 alternatives to each token
    format: Any  # "json", a JSON Schema, or a type that becomes one
    options: Optional[Union[Mapping[str, Any], Options]]
    keep_alive: Optional[Union[float, str]]  # seconds or "5m"; 0 unloads the model afterwards, below 0 is for ever
    truncate: Optional[bool]  # drop the oldest messages where the context is too short (the default)
    shift: Optional[bool]  # let the answer slide past the end of the context
    _debug_render_only: Optional[bool]  # answer with the rendered prompt, in _debug_info


class ChatFields(GenerationFields, total=False):
    """POST /api/chat."""

    tools: Optional[Sequence[Union[Mapping[str, Any], Tool, Callable[..., Any]]]]


class GenerateFields(GenerationFields, total=False):
    """POST /api/generate."""

    system: Optional[str]  # in place of the model's own
    template: Optional[str]  # in place of the model's own
    context: Optional[Sequence[int]]  # of an earlier answer; deprecated
    raw: Optional[bool]  # the prompt as it is, without template
    images: Optional[Sequence[Union[str, bytes, os.PathLike[str], Image]]]
    width: Optional[int]  # pixels (models that make images, until 0.32.5)
    height: Optional[int]  # pixels
    steps: Optional[int]  # of making the image


class ShowFields(CallFields, total=False):
    """POST /api/show."""

    verbose: Optional[bool]  # the large arrays of model_info too
    system: Optional[str]  # shown in place of the model's own
    options: Optional[Union[Mapping[str, Any], Options]]


class TransferFields(CallFields, total=False):
    """POST /api/pull and /api/push."""

    insecure: bool  # a registry without TLS, or with a certificate that cannot be checked


class CreateFields(CallFields, total=False):
    """POST /api/create."""

    draft_files: Optional[Mapping[str, str]]  # file name -> digest, of a draft model
    draft_quantize: Optional[str]
    renderer: Optional[str]  # the name of a built-in one
    parser: Optional[str]  # the name of a built-in one
    requires: Optional[str]  # the least version of the server
    remote_host: Optional[str]
    info: Optional[Mapping[str, Any]]  # capabilities, model_family, context_length (tokens), ...


def fields_of(row: Endpoint) -> Dict[str, Any]:
    """The keyword fields of a row and their annotations, those of the endpoint first."""
    fields: Dict[str, Any] = {}
    for cls in row.fields.__mro__:
        fields.update(cls.__dict__.get("__annotations__") or {})
    return fields


# --- rows -------------------------------------------------------------------------------------------------------------


class Endpoint(NamedTuple):
    """``positional`` names the parameters before the fields, ``sent`` the values of what is sent even if not given.

    ``is_last`` tells the JSON object that ends an answer; None where the answer is one document. ``streams``: the call
    takes ``stream=``. ``base``: where the endpoint is, if not at the client's host. ``needed`` is False where any answer
    will do, and none. A trailing underscore of a field is Python's, not the API's.
    """

    name: str
    method: str
    path: str
    record: Type[Any]  # dict: JSON values as they come
    positional: Tuple[str, ...] = ()
    fields: Any = CallFields
    sent: Mapping[str, Any] = {}
    is_last: Optional[Callable[[Mapping[str, Any]], bool]] = None
    streams: bool = False
    base: Optional[str] = None
    needed: bool = True


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


CLOUD = "https://ollama.com"
CREATE = "model quantize from_ files adapters template license system parameters messages"
ENDPOINTS: Dict[str, Endpoint] = {
    row.name: row
    for row in (
        Endpoint(
            "chat", "POST", "/api/chat", ChatResponse,
            ("model", "messages"), ChatFields, {"messages": [], "tools": []}, is_done, True,
        ),
        Endpoint(
            "generate", "POST", "/api/generate", GenerateResponse,
            ("model", "prompt", "suffix"), GenerateFields, {}, is_done, True,
        ),
        Endpoint(
            "unload", "POST", "/api/generate", GenerateResponse,
            ("model",), CallFields, {"keep_alive": 0, "stream": False}, is_done, needed=False,
        ),
        Endpoint(
            "embed", "POST", "/api/embed", EmbedResponse,
            ("model", "input", "truncate", "options", "keep_alive", "dimensions"), CallFields, {"input": ""},
        ),
        Endpoint(
            "embeddings", "POST", "/api/embeddings", EmbeddingsResponse, ("model", "prompt", "options", "keep_alive")
        ),
        Endpoint(
            "pull", "POST", "/api/pull", ProgressResponse,
            ("model",), TransferFields, {"insecure": False}, is_success, True,
        ),
        Endpoint(
            "push", "POST", "/api/push", ProgressResponse,
            ("model",), TransferFields, {"insecure": False}, is_success, True,
        ),
        Endpoint(
            "create", "POST", "/api/create", ProgressResponse,
            tuple(CREATE.split()), CreateFields, {}, is_success, True,
        ),
        Endpoint("blob_exists", "HEAD", "/api/blobs/{digest}", dict, ("digest",)),
        Endpoint("create_blob", "POST", "/api/blobs/{digest}", StatusResponse, ("path",)),
        Endpoint("list", "GET", "/api/tags", ListResponse),
        Endpoint("show", "POST", "/api/show", ShowResponse, ("model",), ShowFields),
        Endpoint("ps", "GET", "/api/ps", ProcessResponse),
        Endpoint("copy", "POST", "/api/copy", StatusResponse, ("source", "destination")),
        Endpoint("delete", "DELETE", "/api/delete", StatusResponse, ("model",)),
        Endpoint("version", "GET", "/api/version", VersionResponse),
        Endpoint("ping", "HEAD", "/", dict),
        Endpoint("me", "POST", "/api/me", UserResponse),
        Endpoint("signout", "POST", "/api/signout", StatusResponse),
        Endpoint("cloud_status", "GET", "/api/status", CloudStatusResponse),
        Endpoint("web_search", "POST", "/api/web_search", WebSearchResponse, ("query", "max_results"), base=CLOUD),
        Endpoint("web_fetch", "POST", "/api/web_fetch", WebFetchResponse, ("url",), base=CLOUD),
    )
}  # fmt: skip

ANY_ENDPOINT = Endpoint("request", "", "", dict)
NEEDED = ("model", "source", "destination", "digest", "path", "query", "url")  # None is no value for these
CALL_FIELDS = ("extra", "headers", "timeout")
# What comes first, as with the official client; every other field follows as it is declared.
FIRST_SHOWN = (
    "tools system template context insecure stream think logprobs top_logprobs raw format images options keep_alive"
).split()
FIRST_SENT = "model stream options format keep_alive".split()


def known_fields(row: Endpoint) -> List[str]:
    """All parameters of a call in the order of its signature."""
    keywords = ["stream"] * row.streams + list(fields_of(row))
    return list(row.positional) + in_order(keywords, FIRST_SHOWN)


def in_order(names: Iterable[str], first: Sequence[str]) -> List[str]:
    return sorted(names, key=lambda name: first.index(name) if name in first else len(first))


def signature_of(row: Endpoint, method: Callable[..., Any]) -> Signature:
    """What ``inspect.signature`` shows of the method for a row: its own parameters, and the fields one by one."""
    from inspect import Parameter, signature

    written = signature(method)
    parameters = [one for one in written.parameters.values() if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
    annotations = dict(fields_of(row), stream="bool")
    for name in known_fields(row)[len(row.positional) :]:
        default = False if annotations[name] == "bool" else None
        parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotations[name]))
    return written.replace(parameters=parameters)


# --- requests ---------------------------------------------------------------------------------------------------------


class Request(NamedTuple):
    """A call, checked: ``target`` is relative to the base path, ``body`` is None for a request without one."""

    endpoint: Endpoint
    method: str
    target: str
    body: Union[bytes, Upload, None]
    headers: Tuple[Tuple[str, str], ...]
    streamed: bool
    timeout: Any


UNSET_TIMEOUT: Any = object()  # the call names no timeout of its own; None would switch all clocks off


def build(name: str, given: Mapping[str, Any]) -> Request:
    """A call of the endpoint ``name`` with the arguments ``given`` -> the request.

    Raises TypeError for an unknown keyword and RequestError for a value that cannot be right.
    """
    row = ENDPOINTS[name]
    known = known_fields(row)
    for field in given:
        if field not in known:
            hint = suggestion(field, known)
            if field in field_names(Options) and "options" in known:
                hint = "; it is an option of the model: options={%r: ...}" % field
            raise TypeError("%s() got an unexpected keyword argument %r%s" % (name, field, hint))
    body = checked_fields(row, given)
    streamed = bool(body.get("stream"))
    if row.streams and row.is_last is is_done and not (streamed or body.get("messages") or body.get("prompt")):
        row = row._replace(needed=False)  # it only loads the model
    target = row.path.replace("{digest}", body.pop("digest", "{digest}"))
    has_body = bool(body) and row.method not in ("GET", "HEAD") and row.name != "create_blob"
    if given.get("extra") and not has_body:
        raise RequestError("extra: %s sends no JSON object that it could be added to" % name)
    return Request(
        row, row.method, target, format_json(body) if has_body else None, checked_headers(given.get("headers")), streamed,
        given.get("timeout", UNSET_TIMEOUT),
    )  # fmt: skip


def checked_fields(row: Endpoint, given: Mapping[str, Any]) -> Dict[str, Any]:
    """What is sent of the arguments of a call, by its name there and in its order."""
    values: Dict[str, Any] = dict(row.sent, stream=False) if row.streams else dict(row.sent)
    for field in dict.fromkeys([*row.positional, *given]):
        value = given.get(field, "" if field in NEEDED else None)
        if field not in CALL_FIELDS and (value is not None or field in NEEDED):
            values[field] = CHECKS[field](value, field) if field in CHECKS else plain(value, field)
    body = {name.rstrip("_"): values[name] for name in in_order(known_fields(row), FIRST_SENT) if name in values}
    body.update((name, value) for name, value in row.sent.items() if name not in body)
    if given.get("extra") is not None:
        body.update(checked_object(given["extra"], "extra"))
    return body


def build_any(method: str, path: str, json: Any, body: Any, stream: bool, options: Mapping[str, Any]) -> Request:
    """A request to any path, with a JSON value or bytes as its body."""
    for field in options:
        if field not in ("headers", "timeout"):
            raise TypeError("request() got an unexpected keyword argument %r" % field)
    if not isinstance(method, str) or not method.isalpha() or not method.isascii():
        raise RequestError("method: expected a word such as 'POST', got %s" % shown(method))
    if not is_path(path):
        form = "an absolute path such as '/api/chat', percent-encoded, without '//' and '..'"
        raise RequestError("path: expected %s, got %s" % (form, shown(path)))
    if json is not None and body is not None:
        raise RequestError("body: give either json or body, not both")
    if body is not None and not isinstance(body, (bytes, bytearray, memoryview, str)):
        raise RequestError("body: expected bytes or a string, got %s" % type(body).__name__)
    data = body.encode("utf-8", "replace") if isinstance(body, str) else None if body is None else bytes(body)
    if json is not None:
        data = format_json(plain(json, "json"))
    row = row_of_path(method.upper(), path)
    return Request(
        row, method.upper(), path, data, checked_headers(options.get("headers")), bool(stream),
        options.get("timeout", UNSET_TIMEOUT),
    )  # fmt: skip


BAD_IN_PATH = frozenset(map(chr, range(33))) | frozenset("#\x7f\\")


def is_path(path: Any) -> bool:
    """Whether it is the path of one place, with or without a query: nothing in it leads elsewhere (RFC 3986, 5.2.4)."""
    if not isinstance(path, str) or not path.startswith("/") or not path.isascii() or set(path) & BAD_IN_PATH:
        return False
    place = path.partition("?")[0].lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/")
    return "//" not in place and not {".", ".."} & set(place.split("/"))


def row_of_path(method: str, path: str) -> Endpoint:
    """The rule that ends the answer of a path that a row names, for records that stay dicts; one document elsewhere."""
    for row in ENDPOINTS.values():
        if (row.method, row.path) == (method, path.rstrip("/")):
            return ANY_ENDPOINT._replace(is_last=row.is_last)
    return ANY_ENDPOINT
