# SPDX-License-Identifier: MIT
"""The command ``record``: a proxy on this machine that writes what passes through it to exchange files.

Standard output gets one line, the proxy's address; standard error a line for each file and what goes wrong. SIGINT and
SIGTERM are how it is meant to end: they finish the files. The exit status is 0 then, but 1 where mode verify has found
differences.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from argparse import Namespace

from .._errors import FixtureError
from .._net import reason
from ..fixture import MODES
from ..replay import record
from .options import argument
from .output import Output
from .serve import listen_address, pointer, wait_for_a_signal

ARGUMENTS = {
    "record": [
        argument("--into", metavar="DIR", required=True, help="the folder of the files; made if missing"),
        argument("--upstream", metavar="URL", default="http://127.0.0.1:11434", help="default: %(default)s"),
        argument("--listen", metavar="ADDRESS", type=listen_address, default=("localhost", 0),
                 help="HOST:PORT, HOST or PORT; default: a free port of this machine"),
        argument("--allow-remote", action="store_true", help="let other machines use it"),
        argument("--mode", choices=MODES, default="all", metavar="MODE", help="%s; or all" % ", ".join(MODES)),
        argument("--redact-json", metavar="POINTER", type=pointer, action="append", default=[],
                 help="do not store this part of request bodies, such as /messages/*/content; may be repeated"),
        argument("--keep-images", action="store_true", help="store long images, not only their hash"),
    ],
}  # fmt: skip


def do_record(options: Namespace) -> None:
    """Record until a signal comes. Raises every OllamaError; FixtureError where verify has found any."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    out = Output(sys.stdout)
    host, port = options.listen
    server = record(
        options.into, upstream=options.upstream, host=host, port=port, mode=options.mode,
        allow_remote=options.allow_remote, redact_json=options.redact_json, keep_images=options.keep_images,
    )  # fmt: skip
    with server:
        if options.mode not in ("none", "verify"):
            make_folder(options.into)
        wait_for_a_signal(lambda: out.write(server.url + "\n"))
    if server.differences:
        raise FixtureError("the server's answers differ from the recordings in %s" % options.into)


def make_folder(path: str) -> None:
    """Before the first answer, which would be lost. Raises FixtureError where nothing can be written there."""
    try:
        os.makedirs(path, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise FixtureError("%s: cannot be written: %s" % (path, reason(error)), path=path) from error
