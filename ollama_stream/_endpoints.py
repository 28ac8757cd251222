# SPDX-License-Identifier: MIT
"""One row an endpoint: a call goes in, a request comes out, or an error before any byte is sent. No I/O.

To add an endpoint: a record for its answer (``_records``), a check for a value whose error would come late
(``_values``), a row below, and ``python3 tests/make_stubs.py`` for type checkers.

To add a field: one line, in the row or, where several rows share it, under "fields". The signature, the check, the
body, ``help()``, the stub and the command line follow from it. Durations are seconds and lengths tokens; what is not
given is left to the server.
"""

from __future__ import annotations

from functools import partial
from typing import (
    Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union,
)  # fmt: skip

from ._address import UNSET, check_headers
from ._decode import field_names, suggestion
from ._documents import (
    CloudStatusResponse, EmbedResponse, EmbeddingsResponse, ListResponse, ProcessResponse, ProgressResponse,
    ShowResponse, StatusResponse, UserResponse, VersionResponse, WebFetchResponse, WebSearchResponse,
)  # fmt: skip
from ._errors import RequestError, check_type, misfit
from ._json import format_json
from ._records import ChatResponse, GenerateResponse, Image, Message, Options, Path, Tool
from ._syntax import CONTROLS
from ._values import (
    Upload, check_context, check_digest, check_digests, check_file, check_flag, check_format, check_images,
    check_keep_alive, check_messages, check_model, check_number, check_object, check_options, check_text, check_texts,
    check_think, check_tools, plain, shown,
)  # fmt: skip

# --- fields -----------------------------------------------------------------------------------------------------------

# Longer types, by a name. All names in the type of a field must be there at run time too, for typing.get_type_hints.
Messages = Sequence[Union[Mapping[str, Any], Message, Any]]
Tools = Sequence[Union[Mapping[str, Any], Tool, Callable[..., Any]]]
Images = Sequence[Union[str, bytes, Path, Image]]
ModelOptions = Union[Mapping[str, Any], Options]


class Field(NamedTuple):
    """A parameter of a call. ``check(value, name)`` gives what is sent of its value, or raises RequestError.

    None means the default, and is not sent where that is None too. ``needed``: None is no value; without a default
    the call must name it. A trailing underscore of the name is Python's, not the API's.
    """

    name: str
    type: str
    check: Callable[[Any, str], Any]
    meaning: str
    default: Any = None
    needed: bool = False

    @property
    def required(self) -> bool:
        return self.needed and self.default is None


def check_prompt(value: Any, path: str) -> List[Any]:
    """Messages; a string is one of the user."""
    return check_messages(as_messages(value), path)


def as_messages(prompt: Any) -> Any:
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


MODEL = Field("model", "str", check_model, "the name of a model, such as llama3.2", needed=True)
ANY_MODEL = MODEL._replace(default="")  # may follow by name, as with the official client
PROMPT = Field("messages", "Union[str, Messages, None]", check_prompt, "the conversation so far, or one prompt as text")
TOOLS = Field("tools", "Optional[Tools]", check_tools, "what the model may call")
STREAM = Field("stream", "bool", check_flag, "hand out the answer piece by piece, as it comes", False)
THINK = Field("think", "Optional[Union[bool, str]]", check_think, "whether to think, or how hard, such as 'low'")
LOGPROBS = Field("logprobs", "Optional[bool]", check_flag, "the log probability of each token")
TOP_LOGPROBS = Field("top_logprobs", "Optional[int]", partial(check_number, most=20), "0 to 20 alternatives to each token")
FORMAT = Field("format", "Any", check_format, "json, a JSON Schema, or a Python type that becomes one")
OPTIONS = Field("options", "Optional[ModelOptions]", check_options, "options of the model, such as temperature")
KEEP_LOADED = Field(
    "keep_alive", "Optional[Union[float, str]]", check_keep_alive,
    "seconds to keep the model in memory, or a duration such as '5m'; 0 unloads it, below 0 is for ever",
)  # fmt: skip
TRUNCATE = Field("truncate", "Optional[bool]", check_flag, "drop the oldest messages if too many")
SHIFT = Field("shift", "Optional[bool]", check_flag, "go on past the end of the context")
RENDER = Field("_debug_render_only", "Optional[bool]", check_flag, "answer with the rendered prompt, in _debug_info")
INSECURE = Field("insecure", "bool", check_flag, "a registry without TLS, or with a certificate of its own", False)
DIGEST = Field("digest", "str", check_digest, "'sha256:' and 64 digits, as create_blob() returns it", needed=True)

HEADERS = Field("headers", "Optional[Mapping[str, Optional[str]]]", plain, "more header fields; None leaves one out")
TIMEOUT = Field(
    "timeout", "Union[Timeout, float, None]", plain,
    "seconds, or a Timeout, in place of the client's; None switches all clocks off",
)  # fmt: skip
CALL = (  # what every call takes besides
    Field("extra", "Optional[Mapping[str, Any]]", check_object, "more members of the request; they win"), HEADERS, TIMEOUT,
)  # fmt: skip
CHAT = (
    TOOLS, STREAM, THINK, LOGPROBS, TOP_LOGPROBS, FORMAT, OPTIONS, KEEP_LOADED, TRUNCATE, SHIFT, RENDER, *CALL,
)  # fmt: skip
CALL_FIELDS = tuple(field.name for field in CALL)
FIRST_SENT = "model stream options format keep_alive".split()  # as the official client does; the rest as declared


# --- rows -------------------------------------------------------------------------------------------------------------


class Endpoint:
    """``meaning`` is its help; ``positional`` and ``keywords`` are its fields.

    ``sent`` are values that are sent where nothing is given. ``is_last`` tells the JSON object that ends an answer;
    None where the answer is one document. ``base``: where the endpoint is, if not at the client's host. ``returns``
    is the type of the answer, if not ``record`` (dict: JSON values as they come). ``needed`` is False where any answer
    will do, and none.
    """

    def __init__(
        self, name: str, method: str, path: str, record: Type[Any], meaning: str,
        positional: Tuple[Field, ...] = (), keywords: Tuple[Field, ...] = CALL, sent: Mapping[str, Any] = {},
        is_last: Optional[Callable[[Mapping[str, Any]], bool]] = None, base: Optional[str] = None, returns: str = "",
        needed: bool = True,
    ) -> None:  # fmt: skip
        self.name, self.method, self.path, self.record, self.meaning = name, method, path, record, meaning
        self.positional, self.keywords, self.sent, self.is_last, self.base = positional, keywords, sent, is_last, base
        self.returns, self.needed = returns or record.__name__, needed
        self.fields = {field.name: field for field in positional + keywords}
        self.required = tuple(field.name for field in positional + keywords if field.required)
        self.streams = STREAM in keywords
        order = sorted(self.fields, key=lambda name: FIRST_SENT.index(name) if name in FIRST_SENT else len(FIRST_SENT))
        self.in_body = [(name.rstrip("_"), self.fields[name]) for name in order if self.fields[name] not in CALL]

    def replace(self, **changes: Any) -> Endpoint:
        """The same row with other values of some attributes."""
        row = Endpoint.__new__(Endpoint)
        row.__dict__.update(self.__dict__, **changes)
        return row


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
ROWS = (
    Endpoint(
        "chat", "POST", "/api/chat", ChatResponse,
        "The next message of a conversation. Without messages the model is only loaded (or unloaded, by keep_alive=0).",
        (ANY_MODEL, PROMPT), CHAT, {"messages": [], "tools": []}, is_done,
    ),
    Endpoint(
        "generate", "POST", "/api/generate", GenerateResponse, "The text that follows a prompt.",
        (
            ANY_MODEL,
            Field("prompt", "Optional[str]", check_text, "the text to go on from"),
            Field("suffix", "Optional[str]", check_text, "the text that follows the answer"),
        ),
        (
            Field("system", "Optional[str]", check_text, "the system message, in place of the model's own"),
            Field("template", "Optional[str]", check_text, "the template, in place of the model's own"),
            Field("context", "Optional[Sequence[int]]", check_context, "tokens of an earlier answer; deprecated"),
            STREAM, THINK, LOGPROBS, TOP_LOGPROBS,
            Field("raw", "Optional[bool]", check_flag, "send the prompt as it is, without the template"),
            FORMAT,
            Field("images", "Optional[Images]", check_images, "bytes, paths or base64"),
            OPTIONS, KEEP_LOADED,
            Field("width", "Optional[int]", check_number, "pixels (models that make images, until 0.32.5)"),
            Field("height", "Optional[int]", check_number, "pixels"),
            Field("steps", "Optional[int]", check_number, "steps of making the image"),
            TRUNCATE, SHIFT, RENDER, *CALL,
        ), {}, is_done,
    ),
    Endpoint(
        "unload", "POST", "/api/generate", GenerateResponse,
        "Have the server take a model out of its memory: a generate call without a prompt and with keep_alive 0.",
        (MODEL,), sent={"keep_alive": 0, "stream": False}, is_last=is_done, needed=False,
    ),
    Endpoint(
        "embed", "POST", "/api/embed", EmbedResponse,
        "A vector for each input, L2-normalised. Without an input the model is only loaded.",
        (
            ANY_MODEL,
            Field("input", "Union[str, Sequence[str]]", check_texts, "a text, or several", ""),
            Field("truncate", "Optional[bool]", check_flag, "cut a text that is too long (True) or refuse it (False)"),
            OPTIONS, KEEP_LOADED,
            Field("dimensions", "Optional[int]", check_number, "numbers in a vector; the rest is cut off"),
        ),
    ),
    Endpoint(
        "embeddings", "POST", "/api/embeddings", EmbeddingsResponse,
        "One vector, not normalised. The older way; see embed().",
        (ANY_MODEL, Field("prompt", "Optional[str]", check_text, "the text"), OPTIONS, KEEP_LOADED),
    ),
    Endpoint(
        "pull", "POST", "/api/pull", ProgressResponse,
        """Have the server download a model.

        Without a stream nothing comes before the end, so that there is no first_byte clock unless the call names one.""",
        (MODEL,), (INSECURE, STREAM, *CALL), {}, is_success,
    ),
    Endpoint(
        "push", "POST", "/api/push", ProgressResponse, "Have the server upload a model; the clocks are those of pull().",
        (MODEL,), (INSECURE, STREAM, *CALL), {}, is_success,
    ),
    Endpoint(
        "create", "POST", "/api/create", ProgressResponse, "Make a model, from another one or from files.",
        (
            MODEL,
            Field("quantize", "Optional[str]", check_text, "a form such as q4_K_M"),
            Field("from_", "Optional[str]", check_model, 'the model to begin with, sent as "from"'),
            Field("files", "Optional[Mapping[str, str]]", check_digests, "file names and their digests, of create_blob()"),
            Field("adapters", "Optional[Mapping[str, str]]", check_digests, "the same for adapters"),
            Field("template", "Optional[str]", check_text, "the template of its prompts"),
            Field("license", "Union[str, Sequence[str], None]", check_texts, "a text, or several"),
            Field("system", "Optional[str]", check_text, "its system message"),
            Field("parameters", "Optional[ModelOptions]", check_options, "its options, such as temperature"),
            Field("messages", "Optional[Messages]", check_messages, "the conversation that it begins with"),
        ),
        (
            STREAM,
            Field("draft_files", "Optional[Mapping[str, str]]", check_digests, "files, as above, of a draft model"),
            Field("draft_quantize", "Optional[str]", check_text, "a form for the draft model"),
            Field("renderer", "Optional[str]", check_text, "the name of a built-in one"),
            Field("parser", "Optional[str]", check_text, "the name of a built-in one"),
            Field("requires", "Optional[str]", check_text, "the least version of the server"),
            Field("remote_host", "Optional[str]", check_text, "the server that runs it"),
            Field("info", "Optional[Mapping[str, Any]]", check_object, "capabilities, context_length (tokens), ..."),
            *CALL,
        ), {}, is_success,
    ),
    Endpoint(
        "create_blob", "POST", "/api/blobs/{digest}", StatusResponse,
        """Give the server a file, for create(); returns "sha256:" and the digest.

        The file is read in pieces. It is not sent if the server has it.""",
        (Field("path", "Path", check_file, "the name of the file", needed=True),), returns="str",
    ),
    Endpoint(
        "blob_exists", "HEAD", "/api/blobs/{digest}", dict, "Whether the server has a file.", (DIGEST,), returns="bool"
    ),
    Endpoint("list", "GET", "/api/tags", ListResponse, "The installed models."),
    Endpoint(
        "show", "POST", "/api/show", ShowResponse, "Everything about one model.", (MODEL,),
        (
            Field("system", "Optional[str]", check_text, "shown in place of the model's own"),
            OPTIONS,
            Field("verbose", "Optional[bool]", check_flag, "the large arrays of model_info too"),
            *CALL,
        ),
    ),
    Endpoint("ps", "GET", "/api/ps", ProcessResponse, "The models in memory."),
    Endpoint(
        "copy", "POST", "/api/copy", StatusResponse, "Another name for a model.",
        (MODEL._replace(name="source"), MODEL._replace(name="destination", meaning="the new name")),
    ),
    Endpoint("delete", "DELETE", "/api/delete", StatusResponse, "Remove a model.", (MODEL,)),
    Endpoint("version", "GET", "/api/version", VersionResponse, "The version of the server."),
    Endpoint(
        "ping", "HEAD", "/", dict,
        """Whether a server answers, and well, within 10 s unless the call names other clocks.

        False for every failure but a wrong argument; version() raises what was wrong.""",
        returns="bool",
    ),
    Endpoint(
        "me", "POST", "/api/me", UserResponse,
        "The ollama.com account of the server; ResponseError with ``signin_url`` if there is none.",
    ),
    Endpoint("signout", "POST", "/api/signout", StatusResponse, "Sign the server out of ollama.com."),
    Endpoint("cloud_status", "GET", "/api/status", CloudStatusResponse, "Whether the server may use ollama.com."),
    Endpoint(
        "web_search", "POST", "/api/web_search", WebSearchResponse,
        "Search the web at ollama.com. Without OLLAMA_API_KEY or a Bearer token in ``Authorization``: RequestError.",
        (
            Field("query", "str", check_text, "what to look for", needed=True),
            Field("max_results", "int", check_number, "how many results at most", 3),
        ), base=CLOUD,
    ),
    Endpoint(
        "web_fetch", "POST", "/api/web_fetch", WebFetchResponse,
        "Fetch a page as text, by ollama.com; the key as for web_search().",
        (Field("url", "str", check_text, "the address of the page", needed=True),), base=CLOUD,
    ),
)  # fmt: skip
ENDPOINTS: Dict[str, Endpoint] = {row.name: row for row in ROWS}

REQUEST = Endpoint(
    "request", "", "", dict,
    """Any endpoint: the JSON value of the answer, or with stream=True a stream of dicts.

    A path that the library knows keeps its rule for a whole answer.""",
    (
        Field("method", "str", check_text, "such as POST", needed=True),
        Field("path", "str", check_text, "an absolute path, such as /api/chat, percent-encoded", needed=True),
        Field("json", "Any", plain, "the value that is the body, sent as it is"),
    ),
    (Field("body", "Any", plain, "bytes or a text that is the body instead"), STREAM, HEADERS, TIMEOUT), returns="Any",
)  # fmt: skip


# --- requests ---------------------------------------------------------------------------------------------------------


class Request(NamedTuple):
    """A call, checked: ``target`` is relative to the base path, ``body`` is None for a request without one.

    The body of a create_blob() is the name of the file, until that is opened; one that takes time to make, because it has
    files in it, is a function. ``timeout`` is UNSET where the call names
    none of its own: None switches all clocks off.
    """

    endpoint: Endpoint
    method: str
    target: str
    body: Union[bytes, Upload, Path, Callable[[], Any], None]
    headers: Tuple[Tuple[str, str], ...]
    streamed: bool
    timeout: Any


def build(name: str, given: Mapping[str, Any]) -> Request:
    """A call of the endpoint ``name`` with the arguments ``given`` -> the request.

    Raises TypeError for an unknown keyword and RequestError for a value that cannot be right.
    """
    row = ENDPOINTS[name]
    check_names(row, given)
    body = check_fields(row, given)
    streamed = body.get("stream") is True
    if row.streams and row.is_last is is_done and not (streamed or body.get("messages") or body.get("prompt")):
        row = row.replace(needed=False)  # it only loads the model
    target = row.path.replace("{digest}", body.pop("digest", "{digest}"))
    data: Union[bytes, Path, None] = body.get("path")
    has_object = bool(body) and data is None and row.method not in ("GET", "HEAD")
    if given.get("extra") and not has_object:
        raise RequestError("extra: %s sends no JSON object that it could be added to" % name)
    if has_object:
        data = format_json(body)
    return Request(
        row, row.method, target, data, check_headers(given["headers"]) if "headers" in given else (), streamed,
        given.get("timeout", UNSET),
    )  # fmt: skip


def check_names(row: Endpoint, given: Iterable[str]) -> None:
    """Raises TypeError for a keyword that a call does not take, with the nearest one that it does."""
    for name in given:
        if name not in row.fields:
            hint = suggestion(name, list(row.fields))
            if "options" in row.fields and name in field_names(Options):
                hint = "; it is an option of the model: options={%r: ...}" % name
            if row.name == "create" and name in ("modelfile", "path"):  # of the API before 0.5.5
                hint = "; give what a Modelfile says field by field: from_=, system=, template=, parameters=, files="
            raise TypeError("%s() got an unexpected keyword argument %r%s" % (row.name, name, hint))


def check_fields(row: Endpoint, given: Mapping[str, Any]) -> Dict[str, Any]:
    """What is sent of the arguments of a call, by its name there and in its order."""
    body: Dict[str, Any] = {}
    for name, field in row.in_body:
        value = given.get(field.name, field.default)
        if value is None and not field.needed:
            value = field.default
        if field.needed or value is not None and value is not field.default:
            body[name] = field.check(value, field.name)
        elif value is not None:
            body[name] = value
        elif name in row.sent:
            body[name] = row.sent[name]
    for name, value in row.sent.items():
        body.setdefault(name, value)
    if given.get("extra") is not None:
        body.update(check_object(given["extra"], "extra"))
    return body


def build_any(method: str, path: str, json: Any, body: Any, stream: bool, options: Mapping[str, Any]) -> Request:
    """A request to any path, with a JSON value or bytes as its body. ``options`` are ``headers`` and ``timeout``."""
    check_names(REQUEST, options)
    if not isinstance(method, str) or not method.isalpha() or not method.isascii():
        raise misfit(RequestError, "method", "a word such as 'POST'", shown(method))
    if not is_path(path):
        form = "an absolute path such as '/api/chat', percent-encoded, without '//' and '..'"
        raise misfit(RequestError, "path", form, shown(path))
    if json is not None and body is not None:
        raise RequestError("body: give either json or body, not both")
    data: Optional[bytes] = None
    if json is not None:
        data = format_json(plain(json, "json"))
    elif body is not None:
        check_type(body, "body", (bytes, bytearray, memoryview, str), "bytes or a string")
        data = body.encode("utf-8", "replace") if isinstance(body, str) else bytes(body)
    return Request(
        row_of_path(method.upper(), path), method.upper(), path, data, check_headers(options.get("headers")),
        bool(stream), options.get("timeout", UNSET),
    )  # fmt: skip


BAD_IN_PATH = frozenset(CONTROLS.decode("latin-1") + " #\\")


def is_path(path: Any) -> bool:
    """Whether it is the path of one place, with or without a query: nothing in it leads elsewhere (RFC 3986, 5.2.4)."""
    if not isinstance(path, str) or not path.startswith("/") or not path.isascii() or set(path) & BAD_IN_PATH:
        return False
    place = path.partition("?")[0].lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/")
    return "//" not in place and not {".", ".."} & set(place.split("/"))


def row_of_path(method: str, path: str) -> Endpoint:
    """The rule that ends the answer of a path that a row names, for records that stay dicts; none elsewhere."""
    for row in ROWS:
        if (row.method, row.path) == (method, path.rstrip("/")) and row.is_last is not None:
            return REQUEST.replace(is_last=row.is_last)
    return REQUEST
