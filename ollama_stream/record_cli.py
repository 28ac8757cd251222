"""The command ``record``: a proxy on this machine that writes what passes through it to exchange files, until a signal.

    python3 -m ollama_stream record --into DIR [--upstream URL] [--listen ADDRESS] [--mode MODE]

Standard output gets one line, the proxy's address; standard error a line for each file and what goes wrong.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Callable, Tuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_record_arguments(parser: ArgumentParser) -> None:
    from .recorder import MODES

    parser.description = "Relay any client's requests to a server, and record each exchange to a file."
    parser.add_argument("--into", metavar="DIR", required=True, help="the folder of the files; made if missing")
    parser.add_argument("--upstream", metavar="URL", default="http://127.0.0.1:11434", help="default: %(default)s")
    parser.add_argument(
        "--listen", metavar="ADDRESS", type=listen_address, default=("localhost", 0),
        help="HOST:PORT, HOST or PORT; default: a free port of this machine",
    )  # fmt: skip
    parser.add_argument("--allow-remote", action="store_true", help="let other machines use it")
    parser.add_argument("--mode", choices=MODES, default="all", help="which requests are recorded; default: all")
    parser.add_argument(
        "--redact-json", metavar="POINTER", action="append", default=[],
        help="do not store this part of request bodies, such as /messages/*/content; may be repeated",
    )  # fmt: skip
    parser.add_argument("--keep-images", action="store_true", help="store long images, not only their hash")


def listen_address(text: str) -> Tuple[str, int]:
    from argparse import ArgumentTypeError

    host, colon, port = text.rpartition(":")
    if host.startswith(":") or text.endswith("]") or not colon and not port.isdigit():  # ::1, [::1], a name
        host, port = text, "0"
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise ArgumentTypeError("expected HOST:PORT, HOST or PORT, got %r" % text)
    return host.strip("[]") or "localhost", int(port)


def wait_for_a_signal(ready: Callable[[], object]) -> None:
    """Call ``ready``, and wait. Raises KeyboardInterrupt for SIGINT and for SIGTERM."""
    import signal

    with suppress(ValueError):  # another thread than the main one gets no signals
        # SIGINT too: a shell starts its background jobs with that one ignored.
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, signal.default_int_handler)
    ready()
    while True:
        time.sleep(3600)  # and not Event.wait(), which Ctrl-C does not end on Windows


def record(_parser: ArgumentParser, options: Namespace) -> None:
    """Record until a signal, which finishes the files. Raises every OllamaError; FixtureError where verify has found any."""
    import logging

    from . import proxy
    from ._errors import FixtureError

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    host, port = options.listen
    server = proxy.record(
        options.into,
        upstream=options.upstream,
        host=host,
        port=port,
        mode=options.mode,
        allow_remote=options.allow_remote,
        redact_json=options.redact_json,
        keep_images=options.keep_images,
    )
    try:
        with server:
            wait_for_a_signal(lambda: print(server.url, flush=True))
    except KeyboardInterrupt:
        if server.differences:
            raise FixtureError("the server's answers differ from the recordings in %s" % options.into) from None
        raise
