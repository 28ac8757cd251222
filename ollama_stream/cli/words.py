# SPDX-License-Identifier: MIT
"""What the library says, in the words of the command line: its errors, and what the fields of a request may be.

The library speaks to programs, of keyword arguments and types; whoever types a command knows options and JSON. Texts
go in and come out; what a server or a user has written is left as it is.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Sequence, Tuple

from .._endpoints import ENDPOINTS, describe_field, fields_of
from .._errors import ConnectError, OllamaError, OllamaTimeout, RequestError, ResponseError, printable

MAX_SERVER_WORDS = 600  # characters of a server's error: the line has room for what is to be done about it
MAX_NAMES = 10  # of models in an error
LOOK_SECONDS = 3.0  # for the list of models beside an error

OWN = ("think", "options", "timeout", "headers", "keep_alive")  # fields of a chat with an option of their own
TYPES = {  # of a field, and what can be given for it
    "bool": "true or false", "int": "a whole number", "float": "a number", "str": "text", "Tools": "a JSON list",
    "Mapping[str, Any]": "a JSON object", "Any": "",
}  # fmt: skip
KINDS = {  # of a value: what Python calls it, and JSON
    "str": "text", "int": "a number", "float": "a number", "dict": "an object", "list": "a list",
    "bool": "true or false", "True": "true", "False": "false",
}  # fmt: skip
WORDS = (  # of what is wrong with an argument
    ("True or False", "true or false"),
    ("True, False, 'low'", "true, false, 'low'"),
    ("'json', a JSON Schema or a type", "json or a JSON Schema"),
    ("a list of functions or tools", "a JSON list of tools"),
    ("a function or a tool", "a JSON object"),
    ("a mapping of names to strings", "a JSON object"),
    ("expected a mapping", "expected a JSON object"),
    ("names and values must be str", "the values must be text"),
    ("allow_remote=True", "--allow-remote"),
)
PLACES = (  # of where a setting comes from
    (", from host", ", from --host"),
    (". host names a host", ". --host names a host"),
    ("verify='ca.pem'", "SSL_CERT_FILE=ca.pem"),
)

_PLACE = re.compile(r"(_?[a-z]\w*)(?=[.\[:])")
_ADDRESS = re.compile(r"(host|upstream)=(?=')")
_CUT_OFF = re.compile(
    r"(; (?:nothing of the answer had arrived|the answer is cut off after \d+ characters))"
    r"(?: \(they are in \.partial\))?: ask again(?= \(\w+:|$)"
)
_ENDPOINT = re.compile(r"(?<=[^/])/(?:api/.*)?$")
_BYTES = re.compile(r"\bb('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_CLOCK = re.compile(r"raise it with timeout=Timeout\(\w+=\.\.\.\)")


def chat_fields() -> Dict[str, str]:
    """The fields of a chat without an option of their own, and their types."""
    return {name: kind for name, kind in fields_of(ENDPOINTS["chat"]).items() if name not in OWN}


def field_help(name: str, annotation: str) -> str:
    """What can be given for a field of a chat, and what it means."""
    optional = re.fullmatch(r"Optional\[(.*)\]", annotation)
    kind = optional.group(1) if optional else annotation
    return ": ".join(filter(None, (TYPES.get(kind, kind), describe_field(ENDPOINTS["chat"], name))))


def option_of(name: str) -> str:
    """The option for a field of a request."""
    return "--" + name.strip("_").replace("_", "-")


def told(error: OllamaError, recorded: bool = False) -> str:
    """The text of an error and the server it speaks of; ``recorded``: of an answer that is the same another time."""
    text = str(error)
    if isinstance(error, RequestError):
        return of_arguments(text)
    server = "" if error.url is None else _ENDPOINT.sub("", error.url)
    if recorded:
        text, server = text.replace(" (%s)" % server, ""), ""
    if isinstance(error, ResponseError):
        status = "" if error.status_code == -1 else "status code: %d" % error.status_code
        where = " from ".join(filter(None, (status, server)))
        text = printable(error.error, MAX_SERVER_WORDS) + (" (%s)" % where if where else "")
        return "%s; sign in at %s" % (text, error.signin_url) if error.signin_url else text
    if isinstance(error, (ConnectError, OllamaTimeout)):
        text = replaced(text, PLACES)
    if isinstance(error, OllamaTimeout):
        text = _CLOCK.sub("is it the right --host?" if error.clock == "connect" else "raise it with --timeout", text)
    text = _CUT_OFF.sub(r"\1" if recorded else r"\1: ask again", _BYTES.sub(r"\1", text))
    return text if not server or server in text else "%s (%s)" % (text, server)


def next_step(error: OllamaError, options: Any) -> str:
    """What to do about an error, to be read behind its text; "" where nothing is to be said."""
    program, model = options.program, getattr(options, "model", None)
    if isinstance(error, ConnectError) and hasattr(options, "client"):
        return "; '%s doctor' looks closer" % program
    if getattr(options, "goes_on", False) and not isinstance(error, (RequestError, ResponseError)):
        return "; the same command goes on where this one stopped"
    if not isinstance(error, ResponseError) or error.status_code != 404 or not isinstance(model, str):
        return ""
    if "not found" not in error.error:
        return ""
    step = "; '%s pull %s' downloads it" % (program, model)
    try:
        models = options.client.list(timeout=LOOK_SECONDS).models
    except OllamaError:
        return step
    names = [str(one.model or one.name) for one in models]
    return "; installed: %s%s%s" % (", ".join(names[:MAX_NAMES]) or "none", ", ..." * (len(names) > MAX_NAMES), step)


def of_arguments(text: str) -> str:
    """What is wrong with an argument: the place is that of the command line, the rest in terms of JSON."""
    address = _ADDRESS.match(text)
    if address:
        return "--%s %s" % (address.group(1), text[address.end() :])
    place = _PLACE.match(text)
    if place:
        text = option_of_place(place.group()) + text[place.end() :]
    expected, got, value = text.partition(", got ")
    expected = replaced(expected, WORDS)
    return (expected + got + KINDS.get(value, value)).replace("--option.", "--option ", 1)


def replaced(text: str, words: Sequence[Tuple[str, str]]) -> str:
    for ours, theirs in words:
        text = text.replace(ours, theirs)
    return text


def option_of_place(name: str) -> str:
    """Of what the library names at the start of an error."""
    if name == "keep_alive":
        return "--keepalive"
    if name in chat_fields() or name == "think":
        return option_of(name)
    return {"options": "--option", "host": "--listen", "model": "MODEL"}.get(name, name)
