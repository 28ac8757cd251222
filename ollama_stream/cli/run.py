# SPDX-License-Identifier: MIT
"""The command ``run``: ask a model and print its answer as it comes; or, on a terminal and without a prompt, a chat."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError, Namespace
from threading import Timer
from typing import Any, Dict, List, Union

from .._client import Client
from .._endpoints import build
from .._errors import RequestError
from .asking import LEVELS, new_client, tool_of, waiting_for
from .options import (
    MODEL, NO_ESCAPE, NO_WRAP, STATS, argument, json_or_text, name_and_value, read_bytes, standard_input, utf8,
)  # fmt: skip
from .output import ErrorOutput, Output, print_answer
from .words import chat_fields, field_help, option_of


def think_level(text: str) -> Union[bool, str]:
    """The levels are the model's own, and the server judges them."""
    if not text:
        raise ArgumentTypeError("expected one of %s, or a level of the model" % ", ".join(LEVELS))
    return text == "true" if text in ("true", "false") else utf8(text)


ARGUMENTS = {
    "run": [
        MODEL,
        argument("prompt", metavar="PROMPT", nargs="*", default=[], type=utf8),
        argument("-s", "--system", metavar="TEXT", type=utf8, help="the system message"),
        argument("-o", "--option", metavar="NAME=VALUE", type=name_and_value, action="append", default=[],
                 help="such as temperature=0; may be repeated"),
        argument("-a", "--image", metavar="FILE", action="append", default=[],
                 help="goes with the prompt; may be repeated"),
        argument("--schema", metavar="FILE", help="a JSON Schema that the answer must fit"),
        argument("--think", metavar="LEVEL", type=think_level, help="alone, or %s ..." % ", ".join(LEVELS[:4])),
        argument("--hidethinking", action="store_true", help="do not print the thinking"),
        argument("--keepalive", "--keep-alive", dest="keep_alive", metavar="TIME", type=json_or_text,
                 help="such as 5m; 0: unload at once, -1: never"),
        argument("--tool", metavar="FILE:NAME", type=utf8, action="append", default=[],
                 help="a Python function to be called"),
        STATS,
        argument("--no-stream", dest="stream", action="store_false", help="print the answer when it is whole"),
        argument("-n", dest="newline", action="store_false", help="no line end behind the answer"),
        NO_WRAP, NO_ESCAPE,
        argument("--record", metavar="FILE", help="write the exchange to a new file (--force: to any)"),
        argument("--force", action="store_true"),
        *(argument(option_of(name), dest=name, metavar="", type=json_or_text,
                   help=None if name.startswith("_") else field_help(name, annotation))
          for name, annotation in chat_fields().items()),
    ],
}  # fmt: skip
SILENT_SECONDS = 2.0  # of standard input, before that is said


def prepare(words: List[str]) -> List[str]:
    """``--think`` alone means true, ``-o NAME VALUE`` is ``-o NAME=VALUE``: words as argparse understands them."""
    end = words.index("--") if "--" in words else len(words)
    prepared: List[str] = []
    rest = iter(range(end))
    for i in rest:
        word, following = words[i], words[i + 1 : end]
        if word == "--think":
            level = words[next(rest)] if following and following[0] in LEVELS else "true"
            prepared.append("--think=" + level)
        elif word in ("-o", "--option") and len(following) > 1 and "=" not in following[0]:
            prepared += [word, "%s=%s" % (words[next(rest)], words[next(rest)])]
        else:
            prepared.append(word)
    return prepared + words[end:]


# --- what is sent -----------------------------------------------------------------------------------------------------


def do_run(options: Namespace) -> None:
    """Ask a model. Raises every OllamaError."""
    on_terminal = sys.stdin is not None and sys.stdin.isatty()
    if on_terminal and not options.prompt and sys.stdout is not None and sys.stdout.isatty() and not options.json:
        from .chat import Chat

        return Chat(options, new_client(options), fields_for(options)).talk()
    prompt = prompt_of(options, on_terminal)
    if not prompt and not options.image:
        options.parser.error("the prompt is empty")
    messages: List[Dict[str, Any]] = [{"role": "user", "content": prompt}]
    if options.image:
        messages[0]["images"] = [read_bytes(path) for path in options.image]
    if options.system is not None:
        messages.insert(0, {"role": "system", "content": options.system})
    client, fields = new_client(options), fields_for(options)
    if options.json:
        fields.update(model=options.model, messages=messages, stream=options.stream)
        return print_records(client, options.raw, fields)

    def ask() -> Any:
        if options.tool:
            return client.run_tools(options.model, messages, **fields)
        return client.chat(options.model, messages, stream=options.stream, **fields)

    return print_answer(ask, options, waiting_for(options))


def fields_for(options: Namespace) -> Dict[str, Any]:
    """The fields of the request that were given. Raises RequestError for a schema or a tool that is none."""
    fields = {name: getattr(options, name) for name in [*chat_fields(), "think", "keep_alive"]}
    if options.schema is not None:
        if fields["format"] is not None:
            raise RequestError("--schema and --format are two answers to one question")
        fields["format"] = json_file(options.schema)
    fields["options"] = dict(options.option) or None
    if options.tool:
        fields["tools"] = [*(fields["tools"] or ()), *map(tool_of, options.tool)]
    return {name: value for name, value in fields.items() if value is not None}


def json_file(path: str) -> Any:
    data = read_bytes(path)
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RequestError("%s: expected JSON: %s" % (path, error)) from None


def prompt_of(options: Namespace, on_terminal: bool) -> str:
    """The words of the prompt, and what is piped in: before it, or for a word that is -."""
    words: List[str] = options.prompt
    piped = ""
    if "-" in words or not on_terminal or not words and not options.image:
        piped = piped_in(bool(words) and "-" not in words)
    if "-" in words:
        return " ".join(piped if word == "-" else word for word in words)
    prompt = " ".join(words)
    return piped.rstrip("\n") + "\n" + prompt if piped.strip() and prompt else prompt or piped


def piped_in(beside_a_prompt: bool) -> str:
    """Standard input to its end; where it is silent for long, that is said."""
    if not beside_a_prompt:
        return standard_input()
    timer = Timer(SILENT_SECONDS, ErrorOutput().write, ("reading standard input too (< /dev/null: none)\n",))
    timer.daemon = True
    timer.start()
    try:
        return standard_input(needed=False)
    finally:
        timer.cancel()


def print_records(client: Client, raw: bool, fields: Dict[str, Any]) -> None:
    """Each record as it came, a line of JSON each."""
    request, out = build("chat", fields), Output(sys.stdout, raw)
    with client.request("POST", request.target, body=request.body, stream=True) as stream:
        for record in stream:
            out.write_json(record, separators=(",", ":"))
