# SPDX-License-Identifier: MIT
"""What all commands that ask a server have in common: its options, the client for them, the line while one waits, and
how an answer is printed."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import Any, Callable, List, Optional, Union

from .._client import Client
from .._errors import RequestError
from .._net import Timeout
from .options import argument, header_field, positive_seconds, whole_number
from .output import ErrorOutput, Output, Waiting

SERVER = [  # what every command that asks a server takes; the help of these stands once, in that of the program
    argument("--host"),
    argument("--timeout", type=positive_seconds),
    argument("--retries", type=whole_number, default=0),
    argument("-H", "--header", type=header_field, action="append", default=[]),
    argument("--wire", action="store_true"),
]
LEVELS = ("true", "false", "low", "medium", "high", "max")  # what may stand behind --think as a word of its own


def new_client(options: Namespace, timeout: Optional[Timeout] = None) -> Client:
    """The client for the options above. Raises RequestError, FixtureError for --record."""
    timeout = timeout or Timeout()
    if options.timeout is not None:
        timeout = Timeout(first_byte=None, idle=None, total=options.timeout)
    transport, record = None, getattr(options, "record", None)
    if options.wire or record is not None:
        from .wire import Tap

        transport = Tap(options.wire, record, getattr(options, "force", False))
    options.client = client = Client(
        options.host, timeout=timeout, headers=dict(options.header), retries=options.retries, transport=transport
    )
    return client


def ask(options: Namespace, call: Callable[[Client], Any]) -> Any:
    """What a call answers. On a terminal a line says for what one waits. Raises as ``new_client`` and the call do."""
    client = getattr(options, "client", None) or new_client(options)
    with Waiting(waiting_for(options), ErrorOutput(raw=True)):
        return call(client)


def say(options: Namespace, answer: Any, shown: Union[str, List[List[str]]]) -> None:
    """Print an answer as JSON where that is wanted; else what is shown of it, a text or the rows of a table."""
    out = Output(sys.stdout)
    if options.json:
        out.write_json(answer)
    elif isinstance(shown, str):
        out.write(shown)
    else:
        out.write_table(shown)


def waiting_for(options: Namespace) -> str:
    model = getattr(options, "model", None)
    return "%s%s" % (model + " on " if model else "", options.client._address.host)


def tool_of(text: str) -> Any:
    """The function that ``FILE.py:NAME`` names; the file is run. Raises RequestError."""
    from runpy import run_path  # for this option alone: the command of an installation has not loaded it

    path, _, name = text.rpartition(":")
    if not os.path.isfile(path):
        raise RequestError("--tool %s: expected FILE.py:NAME of a file that is there" % text)
    try:
        function = run_path(path).get(name)
    except Exception as error:
        raise RequestError("--tool %s: the file fails: %s: %s" % (text, type(error).__name__, error)) from None
    if not callable(function):
        raise RequestError("--tool %s: there is no function %s in the file" % (text, name))
    return function
