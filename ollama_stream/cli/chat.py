# SPDX-License-Identifier: MIT
"""``run MODEL`` on a terminal: a chat. What is typed is sent with all that was said before; a line that begins with /
is a command. Ctrl-C stops an answer and keeps the chat, Ctrl-D leaves it."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .._client import Client
from .._errors import OllamaError, RequestError
from .._values import MEDIA_SUFFIXES
from ..tools import Conversation
from .asking import LEVELS, waiting_for
from .models import text
from .options import json_or_text
from .output import ErrorOutput, Output, print_answer
from .words import next_step, told

HISTORY_LINES = 1000
SWITCHES = {  # of /set: the option of run that each changes, and to what
    "verbose": ("stats", True), "quiet": ("stats", False), "wordwrap": ("nowordwrap", False),
    "nowordwrap": ("nowordwrap", True),
}  # fmt: skip
HELP = """\
  /set system TEXT            the system message; /set parameter NAME VALUE: an option of the model
  /set think [LEVEL] | nothink | format VALUE | noformat | verbose | quiet | wordwrap | nowordwrap
  /show [info|system|parameters|messages]
  /clear                      forget what was said
  /save FILE, /load FILE      the messages, as JSON lines; /save --force FILE replaces a file
  /retry                      ask the last question again
  /help, /?                   this
  /bye, /exit, Ctrl-D         leave
  \"\"\"                         begins and ends a text of several lines
An image goes with the prompt in which its path stands. Ctrl-C stops an answer.
"""


class Chat:
    """One conversation on a terminal; ``options`` are those of run, ``fields`` those of the request."""

    def __init__(self, options: Namespace, client: Client, fields: Dict[str, Any]) -> None:
        self._options, self._client = options, client
        self._settings = fields
        self._talk: Any = Conversation(client, options.model, system=options.system, **fields)
        self._last: Optional[Tuple[str, List[str]]] = None  # the last prompt and its images
        self._out, self._err = Output(sys.stdout), ErrorOutput()

    def talk(self) -> None:
        """Until the end of standard input or /bye. Raises RequestError for a wrong argument at the start."""
        with history():
            while True:
                try:
                    prompt = self._read()
                except KeyboardInterrupt:
                    self._out.write("\nCtrl-D or /bye leaves.\n")
                    continue
                except EOFError:
                    self._out.write("\n")
                    return
                if prompt.strip() in ("/bye", "/exit"):
                    return
                self._carry_out(prompt)

    def _read(self) -> str:
        """A prompt, of several lines between three quotes."""
        typed = input(">>> ")
        if not typed.lstrip().startswith('"""'):
            return typed
        typed = typed.lstrip()[3:]
        while not typed.rstrip().endswith('"""'):
            typed += "\n" + input("... ")
        return typed.rstrip()[:-3].strip("\n")

    def _carry_out(self, prompt: str) -> None:
        try:
            if prompt.startswith("/") and not os.path.exists(prompt.split()[0]):
                self._command(prompt)
            elif prompt.strip():
                self._ask(*with_images(prompt))
        except KeyboardInterrupt:
            self._out.write("\n")
        except OllamaError as error:
            step = next_step(error, self._options)
            kept = "; /retry asks it again" if self._last and not isinstance(error, RequestError) else ""
            self._err.write("%s%s%s\n" % (told(error), step, kept))

    def _ask(self, prompt: str, images: List[str]) -> None:
        self._last = prompt, images
        print_answer(lambda: self._talk.say(prompt, images=images or None), self._options, waiting_for(self._options))
        self._out.write("\n")

    # --- commands

    def _command(self, line: str) -> None:
        try:
            name, *words = shlex.split(line)
        except ValueError:  # a quote that is no quote
            name, *words = line.split()
        done = getattr(self, "_do_" + name[1:].replace("?", "help"), None)
        if done is None:
            raise RequestError("%s is not a command; /help lists them" % name)
        done(words)

    def _do_help(self, _words: List[str]) -> None:
        self._out.write(HELP)

    def _do_clear(self, _words: List[str]) -> None:
        messages = self._talk.messages
        del messages[bool(messages) and messages[0].role == "system" :]
        self._out.write("Cleared.\n")

    def _do_retry(self, _words: List[str]) -> None:
        if self._last is None:
            raise RequestError("nothing has been asked")
        messages = self._talk.messages
        asked = [i for i, one in enumerate(messages) if one.role == "user"]
        if asked and messages[asked[-1]].content == self._last[0]:  # it was answered
            del messages[asked[-1] :]
        self._ask(*self._last)

    def _do_save(self, words: List[str]) -> None:
        force, paths = "--force" in words, [word for word in words if word != "--force"]
        if len(paths) != 1:
            raise RequestError("expected /save FILE")
        if os.path.lexists(paths[0]) and not force:
            raise RequestError("%s: the file exists; /save --force replaces it" % paths[0])
        self._talk.save(paths[0])
        self._out.write("Saved %d messages.\n" % len(self._talk.messages))

    def _do_load(self, words: List[str]) -> None:
        if len(words) != 1:
            raise RequestError("expected /load FILE")
        self._talk = Conversation.load(words[0], self._client, self._options.model, **self._settings)
        self._out.write("Loaded %d messages.\n" % len(self._talk.messages))

    def _do_show(self, words: List[str]) -> None:
        what = words[0] if words else "info"
        system = [one.content for one in self._talk.messages[:1] if one.role == "system"]
        if what == "info":
            details = self._client.show(self._options.model).details
            lines = ["%s, %s, %s" % (self._options.model, text(details and details.parameter_size),
                                     text(details and details.quantization_level))]  # fmt: skip
        elif what == "messages":
            lines = ["%s: %s" % (one.role, one.content) for one in self._talk.messages]
        elif what in ("system", "parameters"):
            given = self._settings.get("options") or {}
            lines = system if what == "system" else ["%s %s" % item for item in given.items()]
        else:
            raise RequestError("expected /show info, system, parameters or messages")
        self._out.write("\n".join(lines or ["none"]) + "\n")

    def _do_set(self, words: List[str]) -> None:
        what, rest = words[0] if words else "", words[1:]
        settings, options = dict(self._settings), self._options
        system = None
        if what == "system" and rest:
            system = " ".join(rest)
        elif what == "parameter" and len(rest) > 1:
            values = [json_or_text(word) for word in rest[1:]]
            value = values if rest[0] == "stop" else values[0]
            settings["options"] = {**(settings.get("options") or {}), rest[0]: value}
        elif what in ("think", "nothink"):
            level = rest[0] if rest else LEVELS[what == "nothink"]
            settings["think"] = level == "true" if level in LEVELS[:2] else level
        elif what == "format" and rest:
            settings["format"] = json_or_text(" ".join(rest))
        elif what == "noformat":
            settings.pop("format", None)
        elif what in SWITCHES:
            setattr(options, *SWITCHES[what])
        else:
            raise RequestError("expected what /help says of /set")
        self._talk = Conversation(self._client, options.model, system=system, messages=self._talk.messages, **settings)
        self._settings = settings
        self._out.write("Set.\n")

    _do_exit = _do_bye = _do_help  # with words behind them


def with_images(prompt: str) -> Tuple[str, List[str]]:
    """The prompt without the paths of images in it, and the paths."""
    if not any(suffix in prompt.lower() for suffix in MEDIA_SUFFIXES):
        return prompt, []
    try:
        words = shlex.split(prompt)
    except ValueError:
        words = prompt.split()
    images = [word for word in words if word.lower().endswith(MEDIA_SUFFIXES) and os.path.isfile(word)]
    return (" ".join(word for word in words if word not in images), images) if images else (prompt, [])


@contextmanager
def history() -> Iterator[None]:
    """What was typed in former chats, where there is readline and the terminal is not dumb; kept for the owner alone."""
    readline: Any = None
    if os.environ.get("TERM", "dumb") != "dumb":
        with suppress(ImportError):
            import readline
    if readline is None:
        yield
        return
    home = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_STATE_HOME")  # XDG Base Directory Specification
    folder = os.path.join(home or os.path.join(os.path.expanduser("~"), ".local", "state"), "ollama-stream")
    path = os.path.join(folder, "history")
    with suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(HISTORY_LINES)
    try:
        yield
    finally:
        with suppress(OSError):  # where it cannot be written, nothing is remembered
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            readline.write_history_file(path)
