# SPDX-License-Identifier: MIT
"""Conversations: ``say(text)`` -> a run of tool calls; the history grows by what was finished, is saved and loaded."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Generic, List, Mapping, Optional, Sequence, TypeVar, Union, cast, overload

from .._client import Client
from .._errors import ProtocolError, RequestError, check_origin
from .._json import MAX_DEPTH, parse_json
from .._net import reason
from .._records import Message, Path
from .._values import check_message, check_messages
from .rounds import Rounds, check_history, make_message
from .runs import ToolRun, run_over

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._endpoints import Messages
    from .._methods import ChatFields
    from ..aio import AsyncClient
    from .awaited import AsyncToolRun

    class ConversationFields(ChatFields, total=False):
        system: Optional[str]
        messages: Messages
        max_rounds: int

else:
    Unpack, ChatFields = Optional, Any  # for typing.get_type_hints: any keyword

AnyRun = TypeVar("AnyRun", ToolRun, "AsyncToolRun")


class Conversation(Generic[AnyRun]):
    """A chat that remembers: ``messages`` holds what was said and answered, and is sent with the next ``say()``.

    It grows when an answer is whole; an error, a ``break`` or a cancelled task leaves it as it was. ``client`` and
    ``model`` say who is asked; ``system`` takes the place of a system message that ``messages`` begin with;
    ``settings`` are ``tools``, ``max_rounds`` and the fields of ``run_tools``. Thinking is kept and sent: the model's
    template, on the server, decides what the model sees of it. Raises RequestError for a wrong argument.

    >>> from ollama_stream import Client, Conversation
    >>> talk = Conversation(Client(), "llama3.2", system="Be brief.")
    >>> talk.say("Say one word.").result().text, len(talk.messages)
    ('Hello', 3)
    """

    @overload
    def __init__(
        self: Conversation[ToolRun], client: Client, model: str, **settings: Unpack[ConversationFields]
    ) -> None: ...
    @overload
    def __init__(
        self: Conversation[AsyncToolRun], client: AsyncClient, model: str, **settings: Unpack[ConversationFields]
    ) -> None: ...

    def __init__(
        self, client: Any, model: str, *, system: Optional[str] = None, messages: Any = (), **settings: Any
    ) -> None:
        self.messages = check_history(messages)
        if system is not None:
            has_one = bool(self.messages) and self.messages[0].role == "system"
            data = check_message({"role": "system", "content": system}, "system")
            self.messages[:has_one] = [make_message(data, "system")]
        self._client, self._model, self._settings = client, model, settings
        self._rounds(self.messages)  # a wrong argument is told now

    def say(
        self, message: Union[str, Mapping[str, Any], Message], *, images: Optional[Sequence[Any]] = None,
        **fields: Unpack[ChatFields],
    ) -> AnyRun:  # fmt: skip
        """Send the history and a message, the user's where it is a string; a stream of the parts of the answer.

        ``images`` go with a string: bytes, paths or base64. The fields are those of ``run_tools``, for this turn alone.
        ``text()`` of what this returns gives the text alone, ``result()`` all at once. Raises as ``run_tools`` does.
        """
        if isinstance(message, str):
            message = {"role": "user", "content": message, **({} if images is None else {"images": images})}
        elif images is not None:
            raise RequestError("images: they go with a string; a message has its own")
        rounds = self._rounds([*self.messages, check_message(message, "message")], **fields)
        rounds.history = self.messages
        return cast(AnyRun, run_over(rounds, self._client))

    def _rounds(self, messages: Sequence[Any], **fields: Any) -> Rounds:
        return Rounds(self._client, self._model, messages, **dict(self._settings, **fields))

    def __repr__(self) -> str:
        return "<%s with %s: %d messages>" % (type(self).__name__, self._model, len(self.messages))

    def save(self, path: Path) -> None:
        """Write the messages to ``path`` as JSON, one a line; a file that is there is replaced in one step, at the end.

        A new file is for its owner alone. Raises RequestError where it cannot be done; what was there is unharmed.
        """
        messages = check_messages(self.messages, "messages")
        lines = [json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n" for message in messages]
        # A lone surrogate, which UTF-8 has no bytes for, is written as the escape that it is in JSON.
        replace_file(path, "".join(lines).encode("utf-8", "backslashreplace"))

    @overload
    @classmethod
    def load(cls, path: Path, client: Client, model: str, **settings: Any) -> Conversation[ToolRun]: ...
    @overload
    @classmethod
    def load(cls, path: Path, client: AsyncClient, model: str, **settings: Any) -> Conversation[AsyncToolRun]: ...

    @classmethod
    def load(cls, path: Path, client: Any, model: str, **settings: Any) -> Any:
        """A conversation with the messages of the file ``path``, which ``save`` wrote.

        ``client``, ``model`` and ``settings`` are those of the constructor. Raises RequestError where the file cannot
        be read, and with the number of a line that is no message.
        """
        make: Any = cls
        return make(client, model, messages=read_messages(path), **settings)


def replace_file(path: Path, data: bytes) -> None:
    from shutil import copymode
    from tempfile import mkstemp

    try:
        target = os.path.realpath(path)
        handle, part = mkstemp(".part", os.path.basename(target) + ".", os.path.dirname(target))
        try:
            with open(handle, "wb") as file:
                file.write(data)
            if os.path.exists(target):
                copymode(target, part)
            os.replace(part, target)
        except BaseException:
            os.unlink(part)
            raise
    except (OSError, ValueError) as error:
        check_origin(error)
        raise RequestError("%s: cannot be written: %s" % (os.fspath(path), reason(error))) from error


def read_messages(path: Path) -> List[Message]:
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except (OSError, ValueError) as error:
        check_origin(error)
        raise RequestError("%s: cannot be read: %s" % (os.fspath(path), reason(error))) from error
    messages = []
    for lineno, line in enumerate(lines, 1):
        try:
            if line.strip():
                fields = parse_line(line)
                messages.append(make_message(check_message(fields, "message"), "message"))
                if messages[-1].images != fields.get("images"):  # it was no base64 but named a file, to be sent
                    raise RequestError("message.images: expected base64")
        except RequestError as error:
            raise RequestError("%s, line %d: %s" % (os.fspath(path), lineno, error)) from None
    return messages


def parse_line(line: bytes) -> Any:
    try:
        return parse_json(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        place = "byte 0x%02x at column %d" % (line[error.start], error.start + 1)
        raise RequestError("expected UTF-8, found " + place) from error
    except ProtocolError as error:
        cause = error.__cause__
        if isinstance(cause, json.JSONDecodeError):
            raise RequestError("expected JSON: %s (column %d)" % (cause.msg, cause.colno)) from error
        raise RequestError("expected JSON nested at most %d deep" % MAX_DEPTH) from error
