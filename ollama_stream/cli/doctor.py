# SPDX-License-Identifier: MIT
"""The command ``doctor``: each step on the way to an answer, one line each: ok, or what to do. Status 0 or 1."""

from __future__ import annotations

import os
import socket
import sys
import time
from argparse import Namespace
from typing import Any, Dict

from .._address import choose_proxy
from .._errors import OllamaError, OllamaTimeout, ProtocolError, ResponseError, escape_controls
from .._net import Timeout
from .asking import new_client
from .models import human_bytes, name_of, processor, text
from .options import argument, utf8
from .output import ErrorOutput, Output, Waiting
from .words import told

ARGUMENTS = {
    "doctor": [argument("model", metavar="MODEL", nargs="?", type=utf8, help="ask it for a first token, too")],
}
DEFAULT_CONTEXT = 4096  # tokens, of a server that was told nothing (Ollama, OLLAMA_CONTEXT_LENGTH)
LIMITS = Timeout(connect=5.0, first_byte=10.0, idle=10.0)
FIRST_TOKEN = LIMITS._replace(first_byte=120.0)  # a model is loaded before it
AWAITED = {"name": "the address of %s", "token": "a first token from %s"}  # by each step; of others it is an answer
SILENT = (
    "it takes connections and has been silent for %g s: is it Ollama that listens there? then it is stuck: look at its "
    "log, or start it again (--timeout waits longer)"
)
NEEDED = ("host", "proxy", "name", "connect", "version")  # by what comes next
STEPS = (*NEEDED, "models", "memory")
MODEL_STEPS = ("context", "token")


class Found(Exception):
    """A step failed: what was found, and what to do."""


def do_doctor(options: Namespace) -> int:
    examination = Examination(options)
    out, rows = Output(sys.stdout), []
    for name in STEPS + MODEL_STEPS * bool(options.model):
        try:
            with Waiting(AWAITED.get(name, "an answer from %s") % examination.asked, ErrorOutput(raw=True)):
                found, ok, goes_on = getattr(examination, name)(), True, True
        except (Found, OllamaError) as error:
            found, ok = told_by(name, error), False
            goes_on = name not in NEEDED and not isinstance(error, OllamaTimeout)
        rows.append({"step": name, "ok": ok, "found": found})
        if not options.json:
            out.write("%-10s %-4s %s\n" % (name, "ok" if ok else "FAIL", escape_controls(found)))
        if not goes_on:
            break
    healthy = all(row["ok"] for row in rows)
    if options.json:
        out.write_json({"ok": healthy, "steps": rows})
    return int(not healthy)


def told_by(step: str, error: Exception) -> str:
    """What was found where a step failed, and what to do."""
    if isinstance(error, OllamaTimeout) and error.clock != "connect" and step != "token":
        return SILENT % error.limit
    return told(error) if isinstance(error, OllamaError) else str(error)


class Examination:
    """Each of the steps, in their order, returns what it found, or raises Found or an OllamaError."""

    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._model = options.model
        self.asked = ""  # the host, once that is known

    def host(self) -> str:
        self._client = new_client(self._options, LIMITS)
        self._address = self._client._address
        self.asked = self._address.host or self._address.url
        source = "--host" if self._address.source == "host" else self._address.source
        return "%s, from %s" % (self._address.url, source)

    def proxy(self) -> str:
        proxy = choose_proxy(self._address, self._client._proxy, os.environ)
        return "none" if proxy is None else "%s, from %s" % (proxy.url, proxy.source)

    def name(self) -> str:
        if self._address.unix is not None:
            if not os.path.exists(self._address.unix):
                raise Found("%s is not there: does the server listen at that path?" % self._address.unix)
            return "a unix socket"
        if choose_proxy(self._address, self._client._proxy, os.environ) is not None:
            return "left to the proxy"
        try:
            found = socket.getaddrinfo(self._address.host, self._address.port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Found("%s does not resolve (%s): is it spelled right? is the network up?" % (
                self._address.host, error)) from None  # fmt: skip
        return "%s is %s" % (self._address.host, ", ".join(dict.fromkeys(str(one[4][0]) for one in found)))

    def connect(self) -> str:
        started = time.monotonic()
        try:
            self._client.version()
        except (ProtocolError, ResponseError):
            pass  # somebody answers; the next step says what
        tls = ", TLS with a certificate that is trusted" if self._address.scheme == "https" else ""
        return "in %.0f ms%s" % (1000 * (time.monotonic() - started), tls)

    def version(self) -> str:
        return "ollama %s" % text(self._client.version().version)

    def models(self) -> str:
        names = [name_of(one) for one in self._client.list().models]
        if not names:
            raise Found("none: '%s pull llama3.2' downloads one" % self._options.program)
        if self._model and not {self._model, self._model + ":latest"} & set(names):
            raise Found("%s is not among them: %s; '%s pull %s' downloads it" % (
                self._model, ", ".join(names), self._options.program, self._model))  # fmt: skip
        return ", ".join(names)

    def memory(self) -> str:
        loaded = self._client.ps().models
        words = ["%s (%s, %s, context %s)" % (name_of(one), human_bytes(one.size), processor(one),
                                              text(one.context_length)) for one in loaded]  # fmt: skip
        return ", ".join(words) or "none is loaded: the first answer waits for that"

    def context(self) -> str:
        answer = self._client.show(self._model)
        lengths = [value for name, value in answer.model_info.items() if name.endswith(".context_length")]
        can = lengths[0] if lengths and isinstance(lengths[0], int) else 0
        given = [line.split()[-1] for line in text(answer.parameters).splitlines() if line.startswith("num_ctx")]
        loaded = [one.context_length for one in self._client.ps().models if text(one.name).startswith(self._model)]
        set_to = [int(word) for word in given if word.isascii() and word.isdigit()]
        used = loaded[0] if loaded and isinstance(loaded[0], int) else set_to[0] if set_to else DEFAULT_CONTEXT
        if can and used < can:
            return "%d of the %d tokens that it can: -o num_ctx=%d for longer prompts" % (used, can, can)
        return "%d tokens" % used

    def token(self) -> str:
        say: Dict[str, Any] = {"options": {"num_predict": 8}}
        started = time.monotonic()
        if self._options.timeout is None:
            say["timeout"] = FIRST_TOKEN
        with self._client.chat(self._model, "Say hi.", stream=True, **say) as stream:
            for part in stream:
                if part.text or part.message.thinking or part.done:
                    return "after %.1f s" % (time.monotonic() - started)
        raise Found("no token came")
