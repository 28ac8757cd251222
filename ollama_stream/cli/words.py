# SPDX-License-Identifier: MIT
"""What the library says, in the words of the command line: its errors, and what the fields of a request may be.

The library speaks to programs, of keyword arguments and types; whoever types a command knows options and JSON. What a
server or a user has written is left as it is.
"""

from __future__ import annotations

import os
from typing import Any, Dict

from .._endpoints import ENDPOINTS
from .._errors import ConnectError, FixtureError, OllamaError, OllamaTimeout, RequestError, ResponseError, printable

MAX_SERVER_WORDS = 600  # characters of a server's error: the line has room for what is to be done about it
MAX_NAMES = 10  # of models in an error
LOOK_SECONDS = 3.0  # for the list of models beside an error

OWN = ("stream", "think", "options", "timeout", "headers", "keep_alive")  # fields of a chat with an option of their own
OPTIONS = {"keep_alive": "--keepalive", "options": "--option", "host": "--listen", "model": "MODEL"}
TYPES = {  # of a field, and what can be given for it
    "bool": "true or false", "int": "a whole number", "float": "a number", "str": "text", "Tools": "a JSON list",
    "Mapping[str, Any]": "a JSON object", "Any": "",
}  # fmt: skip
WORDS = {  # what is expected of a field, and what is found: as Python says it, and JSON
    "True or False": "true or false", "'json', a JSON Schema or a type": "json or a JSON Schema",
    "a list of functions or tools": "a JSON list of tools", "a function or a tool": "a JSON object",
    "a mapping of names to strings": "a JSON object", "a mapping": "a JSON object",
    "str": "text", "int": "a number", "float": "a number", "dict": "an object", "list": "a list",
    "bool": "true or false", "True": "true", "False": "false",
}  # fmt: skip
PHRASES = {  # in the texts of errors
    "True, False, 'low'": "true, false, 'low'",
    ", a JSON Schema, or a Python type that becomes one": " or a JSON Schema",
    "allow_remote=True": "--allow-remote",
    ", from host": ", from --host",
    ". host names a host": ". --host names a host",
    "verify='ca.pem'": "SSL_CERT_FILE=ca.pem",
    "raise it with timeout=Timeout(connect=...)": "is it the right --host?",
    " (they are in .partial)": "",
    " b'": " '", ' b"': ' "', "(b'": "('", '(b"': '("',
}  # fmt: skip


def chat_fields() -> Dict[str, str]:
    """The fields of a chat without an option of their own, and their types."""
    fields = ENDPOINTS["chat"].keywords
    return {field.name: field.type for field in fields if field.name not in OWN}


def field_help(name: str, annotation: str) -> str:
    """What can be given for a field of a chat, and what it means."""
    kind = annotation[len("Optional[") : -1] if annotation.startswith("Optional[") else annotation
    return ": ".join(filter(None, (TYPES.get(kind, kind), in_words(ENDPOINTS["chat"].fields[name].meaning))))


def option_of(name: str) -> str:
    """The option for a field of a request."""
    return "--" + name.strip("_").replace("_", "-")


def told(error: OllamaError, recorded: bool = False) -> str:
    """The text of an error and the server it speaks of; ``recorded``: of an answer that is the same another time."""
    if isinstance(error, RequestError):
        return of_argument(error)
    server = (error.url or "").partition("/api/")[0].rstrip("/")
    if isinstance(error, ResponseError):
        status = "" if error.status_code == -1 else "status code: %d" % error.status_code
        where = " from ".join(filter(None, (status, "" if recorded else server)))
        text = printable(error.error, MAX_SERVER_WORDS) + (" (%s)" % where if where else "")
        return "%s; sign in at %s" % (text, error.signin_url) if error.signin_url else text
    text = in_words(str(error))
    if isinstance(error, OllamaTimeout):
        text = text.replace("timeout=Timeout(%s=...)" % error.clock, "--timeout")
    if recorded:
        text = text.replace(" (%s)" % server, "")
        for end in ("had arrived", "characters"):
            text = text.replace(end + ": ask again", end)
        return text
    return text if server in text else "%s (%s)" % (text, server)


def next_step(error: OllamaError, options: Any) -> str:
    """What to do about an error, to be read behind its text; "" where nothing is to be said."""
    program, model = options.program, getattr(options, "model", None)
    path = getattr(options, "fixture", None)
    if isinstance(error, FixtureError) and error.path == path and path is not None and os.path.isdir(path):
        return "; '%s fixture list %s' lists what is in it" % (program, path)
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


def of_argument(error: RequestError) -> str:
    """What is wrong with an argument: the place is that of the command line, the rest in terms of JSON."""
    for name in ("host", "upstream"):
        if error.error.startswith(name + "='"):
            return "--%s %s" % (name, error.error[len(name) + 1 :])
    if error.place is None or error.expected is None:
        place, colon, text = error.error.partition(": ")
        return option_of_place(place) + colon + in_words(text)
    expected = in_words(WORDS.get(error.expected, error.expected))
    return "%s: expected %s, got %s" % (option_of_place(error.place), expected, WORDS.get(str(error.got), error.got))


def in_words(text: str) -> str:
    for ours, theirs in PHRASES.items():
        text = text.replace(ours, theirs)
    return text


def option_of_place(place: str) -> str:
    """The option for ``format.x``, ``tools[0]`` or ``options.stop``; what names no field of a chat as it is."""
    name = place.partition(".")[0].partition("[")[0]
    rest = place[len(name) :]
    if name in chat_fields() or name == "think":
        return option_of(name) + rest
    return OPTIONS.get(name, name) + (rest.replace(".", " ", 1) if name == "options" else rest)
