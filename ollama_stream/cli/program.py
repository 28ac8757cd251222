# SPDX-License-Identifier: MIT
"""The command line: ``run`` asks a model, ``replay`` plays a recorded exchange through the same client.

    python3 -m ollama_stream run MODEL [PROMPT]       the prompt, or standard input, goes to /api/chat
    python3 -m ollama_stream replay FIXTURE           a server on this machine plays the file, at the recorded pace
    python3 -m ollama_stream serve DIR|FILE           the same for any client: see ``serve_cli``
    python3 -m ollama_stream fixture ACTION ...       see ``fixture_cli``
    python3 -m ollama_stream record --into DIR        a proxy on this machine records what passes through it

Arguments go in; the answer's text comes out on standard output, piece by piece; thinking, tool calls, figures and the
one line of an error go to standard error. The exit status is 0 for a complete answer and for nothing else, 1 for an
error, 2 for wrong arguments and settings (argparse's errors and every RequestError), 130 after Ctrl-C and 141 where
nobody reads standard output any more, as for a command that a signal has ended.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, Union

from .._calls import VERSION
from .._client import Client
from .._endpoints import CALL_FIELDS, ENDPOINTS, fields_of
from .._errors import FixtureError, OllamaError, RequestError
from .._net import MAX_SECONDS, Timeout, reason
from .output import ErrorOutput, Output, escapes, print_answer, silence
from .words import field_help, option_of, told

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..fixture import Fixture, RecordedRequest

PROGRAM = "ollama_stream"
MAX_ERROR = 2048  # bytes of the line of an error
METHODS = {"/api/chat": "chat", "/api/generate": "generate"}  # of the client, for a recorded request


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Carry out a command line, ``sys.argv`` where it is None; returns the exit status.

    Raises SystemExit for wrong arguments, ``--help`` and ``--version``, as argparse does, and nothing else.
    """
    try:
        try:
            return command(list(sys.argv[1:] if argv is None else argv))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except RequestError as error:
        return failed(told(error), 2)
    except OllamaError as error:
        return failed(told(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        silence(sys.stdout)
        return 141
    except OSError as error:
        silence(sys.stdout)
        return failed("standard output cannot be written: %s" % reason(error))


def failed(text: str, status: int = 1) -> int:
    """Print the one line of an error; returns the exit status."""
    line = "%s: %s" % (PROGRAM, text.translate(escapes()))
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    data = line.encode(encoding, "backslashreplace")
    if len(data) >= MAX_ERROR:
        line = data[: MAX_ERROR - 4].decode(encoding, "ignore") + "..."
    ErrorOutput().write(line + "\n")
    return status


# --- arguments --------------------------------------------------------------------------------------------------------


def command(arguments: List[str]) -> int:
    parser = main_parser()
    options = parser.parse_args(arguments)
    if options.version:
        Output(sys.stdout).write("%s %s\n" % (PROGRAM, VERSION))
        return 0
    if options.command is None:
        ErrorOutput().write(parser.format_help())
        return 2
    if options.command == "fixture":
        from .fixture import command as fixture_command

        return fixture_command(options.arguments)
    add_arguments, carry_out = COMMANDS[options.command]
    subparser = new_parser("%s %s" % (PROGRAM, options.command))
    add_arguments(subparser)
    # A plain parse_args would take "run MODEL --stats PROMPT" for a run without a prompt.
    carry_out(subparser, subparser.parse_intermixed_args(with_level(options.arguments)))
    return 0


def new_parser(program: str, **settings: Any) -> ArgumentParser:
    from argparse import ArgumentParser

    class Parser(ArgumentParser):
        def print_help(self, file: Any = None) -> None:
            """Raises OSError of standard output, which argparse keeps to itself."""
            Output(sys.stdout, raw=True).write(self.format_help())

    return Parser(program, allow_abbrev=False, **settings)


def main_parser() -> ArgumentParser:
    from argparse import REMAINDER

    parser = new_parser(PROGRAM, description="Ask a model of an Ollama server, or play a recorded exchange.")
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("command", nargs="?", choices=[*COMMANDS, "fixture"], help="see: %s COMMAND --help" % PROGRAM)
    parser.add_argument("arguments", nargs=REMAINDER, help="of the command")
    return parser


def add_run_arguments(parser: ArgumentParser) -> None:
    parser.description = "Ask a model and print its answer as it comes."
    parser.add_argument("model", metavar="MODEL", type=utf8)
    prompt_help = "standard input if missing or -"
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", default="-", type=utf8, help=prompt_help)
    parser.add_argument("--host", metavar="URL", help="the server; otherwise OLLAMA_HOST, otherwise this machine")
    parser.add_argument("--system", metavar="TEXT", type=utf8, help="the system message")
    think_help = "alone, or with = and true, false or a level such as high"
    parser.add_argument("--think", metavar="LEVEL", type=think_level, help=think_help)
    parser.add_argument(
        "--option", metavar="NAME=VALUE", type=name_and_value, action="append", default=[],
        help="an option of the model, such as temperature=0; may be repeated",
    )  # fmt: skip
    parser.add_argument("--timeout", metavar="SECONDS", type=positive_seconds, help="for the whole answer")
    add_output_arguments(parser)
    group = parser.add_argument_group("fields of the request", "VALUE is JSON, or else text")
    for name, annotation in chat_fields().items():
        help_text = field_help(name, annotation)
        group.add_argument(option_of(name), dest=name, metavar="VALUE", type=json_or_text, help=help_text)


def chat_fields() -> Dict[str, str]:
    """The fields of a chat without an option of their own above, and their types."""
    fields = fields_of(ENDPOINTS["chat"])
    for name in ("think", "options", "timeout"):
        del fields[name]
    return fields


def add_replay_arguments(parser: ArgumentParser) -> None:
    parser.description = "Play a recorded exchange on this machine and print the answer as it comes."
    parser.add_argument("fixture", metavar="FIXTURE", help="an exchange file, or a response body of JSON lines")
    parser.add_argument("--speed", metavar="N", type=speed, default=1.0, help="1 (default) as recorded, 0 at once")
    add_output_arguments(parser)


def add_output_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--stats", action="store_true", help="print figures about the answer to standard error")
    parser.add_argument("--raw", action="store_true", help="do not escape control characters on a terminal")


def with_level(arguments: List[str]) -> List[str]:
    """``--think`` alone means true; argparse would take the prompt behind it for the level."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return ["--think=true" if word == "--think" else word for word in arguments[:end]] + arguments[end:]


def think_level(text: str) -> Union[bool, str]:
    return text == "true" if text in ("true", "false") else utf8(text)


def name_and_value(text: str) -> Tuple[str, Any]:
    name, equals, value = utf8(text).partition("=")
    if not name or not equals:
        raise argument_error("expected NAME=VALUE, got %r" % text)
    return name, json_or_text(value)


def utf8(text: str) -> str:
    """An argument that is sent: Python hides bytes that the locale does not know in lone surrogates (PEP 383)."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeDecodeError as error:
        raise argument_error(not_utf8(error)) from None
    except UnicodeEncodeError as error:  # not from a shell
        raise argument_error("not UTF-8: a lone surrogate at offset %d" % error.start) from None


def not_utf8(error: UnicodeDecodeError) -> str:
    return "not UTF-8: byte 0x%02X at offset %d" % (error.object[error.start], error.start)


def json_or_text(text: str) -> Any:
    text = utf8(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def positive_seconds(text: str) -> float:
    seconds = number(text)
    if not 0 < seconds <= MAX_SECONDS:
        raise argument_error("expected seconds above 0, got %r" % text)
    return seconds


def speed(text: str) -> float:
    factor = number(text)
    if not 0 <= factor < float("inf"):
        raise argument_error("expected a number above 0, or 0 for at once, got %r" % text)
    return factor


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argument_error("expected a number, got %r" % text) from None


def argument_error(text: str) -> Exception:
    from argparse import ArgumentTypeError

    return ArgumentTypeError(text)


# --- commands ---------------------------------------------------------------------------------------------------------


def run(parser: ArgumentParser, options: Namespace) -> None:
    """Ask a model. Raises every OllamaError."""
    prompt = standard_input() if options.prompt == "-" else options.prompt
    if not prompt:
        parser.error("the prompt is empty")
    messages = [{"role": "user", "content": prompt}]
    if options.system is not None:
        messages.insert(0, {"role": "system", "content": options.system})
    timeout = Timeout() if options.timeout is None else Timeout(first_byte=None, idle=None, total=options.timeout)
    client = Client(options.host, timeout=timeout)
    print_answer(
        lambda: client.chat(
            options.model, messages, stream=True,
            think=options.think, options=dict(options.option) or None,
            **{name: getattr(options, name) for name in chat_fields()},
        ),
        options,
    )  # fmt: skip


def standard_input() -> str:
    if sys.stdin is None:
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError("standard input is " + not_utf8(error)) from None
    except OSError as error:
        raise RequestError("the prompt cannot be read: %s" % reason(error)) from None


def replay(_parser: ArgumentParser, options: Namespace) -> None:
    """Play a fixture to our own client over a socket. Raises FixtureError, also for what the client finds, ConnectError."""
    from ..fixture import load
    from ..replay import serve as start

    exchange = not_empty(load(options.fixture), options.fixture)
    with start(exchange, speed=options.speed or None, level="any") as server:
        client = Client(server.url, timeout=None, trust_env=False)
        try:
            print_answer(lambda: recorded_call(client, exchange.request), options)
        except OllamaError as error:
            raise FixtureError("%s: %s" % (options.fixture, told(error, recorded=True))) from None


def not_empty(exchange: Fixture, path: str) -> Fixture:
    """Any file is a response body, one without a byte too; nobody means that. Raises FixtureError."""
    if exchange.plain and not any(exchange.body_pieces()):
        raise FixtureError("%s: the file is empty" % path, path=path)
    return exchange


def recorded_call(client: Client, request: RecordedRequest) -> Any:
    """The call that sends a recorded request: one of ours where there is one and it takes the request."""
    path = request.path.partition("?")[0].rstrip("/")
    if request.method == "POST" and path in METHODS:
        # A plain response body comes without a request: any will do.
        body = {} if not request.body_bytes() else request.json
        if isinstance(body, dict) and not any(name in body for name in CALL_FIELDS):
            fields = {"model": "recorded", **body, "stream": body.get("stream") is not False}
            try:
                return getattr(client, METHODS[path])(**fields)
            except (RequestError, TypeError):  # TypeError: a field that we do not know
                pass
    return client.request(request.method, request.path, body=request.body_bytes() or None, stream=True)


def add_serve_arguments(parser: ArgumentParser) -> None:
    from .serve import add_arguments

    add_arguments(parser)


def serve(_parser: ArgumentParser, options: Namespace) -> None:
    from .serve import run as run_server

    run_server(options)


def add_record_arguments(parser: ArgumentParser) -> None:
    from .record import add_arguments

    add_arguments(parser)


def record(_parser: ArgumentParser, options: Namespace) -> None:
    from .record import run as run_recorder

    run_recorder(options)


def add_vendor_arguments(parser: ArgumentParser) -> None:
    from .vendor import add_arguments

    add_arguments(parser)


def vendor(_parser: ArgumentParser, options: Namespace) -> None:
    from .vendor import run as write_client

    write_client(options)


COMMANDS = {
    "run": (add_run_arguments, run),
    "replay": (add_replay_arguments, replay),
    "serve": (add_serve_arguments, serve),
    "record": (add_record_arguments, record),
    "vendor": (add_vendor_arguments, vendor),
}
