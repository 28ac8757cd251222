# SPDX-License-Identifier: MIT
"""The command ``replay``: a server on this machine plays a recorded exchange, and the client prints the answer."""

from __future__ import annotations

import logging
from argparse import Namespace
from typing import Any

from .._client import Client
from .._endpoints import CALL_FIELDS
from .._errors import FixtureError, OllamaError, RequestError
from ..fixture import Fixture, RecordedRequest, load
from ..replay import serve
from .options import NO_ESCAPE, NO_WRAP, STATS, argument, speed
from .output import print_answer
from .views import METHODS
from .wire import Tap
from .words import told

ARGUMENTS = {
    "replay": [
        argument("fixture", metavar="FIXTURE", help="an exchange file, or a response body of JSON lines"),
        argument("--speed", metavar="N", type=speed, default=1.0, help="1 (default) as recorded, 0 at once"),
        STATS, NO_WRAP, NO_ESCAPE,
        argument("--wire", action="store_true", help="show request and answer on standard error, byte for byte"),
    ],
}  # fmt: skip


def do_replay(options: Namespace) -> None:
    """Play a fixture to our own client over a socket. Raises FixtureError, also for what the client finds."""
    exchange = not_empty(load(options.fixture), options.fixture)
    logging.getLogger("ollama_stream.replay").addHandler(logging.NullHandler())  # the client says the same
    transport = Tap(True, None) if options.wire else None
    with serve(exchange, speed=options.speed or None, level="any") as server:
        client = Client(server.url, timeout=None, trust_env=False, transport=transport)
        try:
            print_answer(lambda: recorded_call(client, exchange.request), options, exchange.name)
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
