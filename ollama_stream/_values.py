# SPDX-License-Identifier: MIT
"""The values of a call: what a user gave goes in, what JSON can carry comes out, or a RequestError that names the place.

A value is checked as far as the server's answer to a wrong one would be late or misleading; what the server alone can
judge is left to it.
"""

from __future__ import annotations

import os
import re
import sys
from enum import Enum
from functools import partial
from itertools import count
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Sequence, Tuple, Type

from ._decode import Record, field_names, json_copy, kind_of, put_inside, read_arguments
from ._errors import ProtocolError, RequestError, check_origin, check_type, misfit
from ._json import MAX_DIGITS, is_number
from ._records import Message, ToolCall, ToolFunction

MAX_LEVELS = 200  # of a value; the server stops at 10,000
MAX_SHOWN_VALUE = 100  # characters
MOST = (1 << 63) - 1  # the server counts in 64 bits
MAX_KEEP_ALIVE = 9223372036  # seconds: the server counts nanoseconds in 64 bits
UPLOAD_PIECE = 262144  # bytes of a file that are read at a time
TEXTS = (str, bytes, bytearray, memoryview)
# A string that is no base64 is opened as a file where it ends in one of these, and not otherwise: a program may hand
# on what somebody else has typed. The server takes images and, for some models, sound.
MEDIA_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".wav", ".mp3")


def plain(value: Any, path: str, depth: int = 0) -> Any:
    """A value of JSON's own types from records, mappings, sequences, an Enum's members, objects with ``model_dump``."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if value.bit_length() > 64 and abs(value) >= 10**MAX_DIGITS:
            raise RequestError("%s: an integer of more than %d digits" % (path, MAX_DIGITS))
        return int(value)
    if isinstance(value, float):
        if not is_number(value):
            raise RequestError("%s: %r is no JSON number" % (path, value))
        return float(value)
    if depth > MAX_LEVELS:
        raise RequestError("%s: nested too deep, or it contains itself" % path.split(".")[0].split("[")[0])
    if isinstance(value, (Record, Mapping)):
        found = {}
        for name, item in members(value, path):
            found[name] = item if type(item) is str else plain(item, "%s.%s" % (path, name), depth + 1)
        return found
    if is_list(value):
        return [plain(item, "%s[%d]" % (path, i), depth + 1) for i, item in enumerate(value)]
    if has_dump(value):
        return plain(value.model_dump(exclude_none=True), path, depth + 1)
    if isinstance(value, Enum):
        return plain(value.value, path, depth + 1)
    raise RequestError("%s: %s cannot be sent as JSON" % (path, type(value).__name__))


def members(value: Any, path: str) -> List[Tuple[str, Any]]:
    """The names and values of a mapping as they are, of a record those that are set."""
    if isinstance(value, Record):
        declared = field_names(type(value))
        set_ones = ((n, v) for n, v in value if n in value.__dict__ or n not in declared or v != "")
        return [(n, v) for n, v in set_ones if v is not None]
    for name in value:
        if not isinstance(name, str):
            raise RequestError("%s: the name %s is not a string" % (path, shown(name)))
    return list(value.items())


def is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, TEXTS)


def has_dump(value: Any) -> bool:
    """Whether it is a model of pydantic, or an object like one."""
    return not isinstance(value, type) and callable(getattr(value, "model_dump", None))


def shown(value: Any) -> str:
    """A value in an error text, its type where it is long or cannot print itself (an integer of 5,000 digits)."""
    try:
        text = repr(value)
    except Exception as error:
        check_origin(error)
        return type(value).__name__
    return text if len(text) <= MAX_SHOWN_VALUE else type(value).__name__


# --- simple ones ------------------------------------------------------------------------------------------------------


def check_items(value: Any, path: str, expected: str, check: Callable[[Any, str], Any]) -> List[Any]:
    """What ``check`` makes of each item of a list, or of another collection, such as ``functions.values()``."""
    if not isinstance(value, Collection) or isinstance(value, (*TEXTS, Mapping, Record)):
        raise misfit(RequestError, path, expected, type(value).__name__)
    return list(map(check, value, map((path + "[%d]").__mod__, count())))


def check_object(value: Any, path: str) -> Dict[str, Any]:
    result = plain(value, path)
    if not isinstance(result, dict):
        raise misfit(RequestError, path, "a mapping", type(value).__name__)
    return result


def check_model(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise misfit(RequestError, path, "the name of a model, such as 'llama3.2'", shown(value))
    return value


check_text = partial(check_type, kinds=str, expected="a string")


def check_texts(value: Any, path: str) -> Any:
    """A string or a list of strings."""
    return value if isinstance(value, str) else check_items(value, path, "a string or a list of strings", check_text)


def check_flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise misfit(RequestError, path, "True or False", shown(value))
    return value


def check_number(value: Any, path: str, least: int = 0, most: int = MOST) -> int:
    if not is_number(value, int) or not least <= value <= most:
        end = "on" if most == MOST else "to %d" % most
        raise misfit(RequestError, path, "a number from %d %s" % (least, end), shown(value))
    return int(value)


def check_think(value: Any, path: str) -> Any:
    if isinstance(value, (bool, str)):
        return value  # the levels are the model's own: the server judges their names
    known = "True, False or a level such as 'high' (show().thinking has those of a model)"
    raise misfit(RequestError, path, known, shown(value))


def check_keep_alive(value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):  # what is not finite is told below
        raise misfit(RequestError, path, "seconds or a duration such as '5m'", shown(value))
    if isinstance(value, str):
        if value != "0" and (not value or value[-1] not in "smh" or not any(map(str.isdigit, value))):
            raise misfit(RequestError, path, "a duration with its unit, such as '5m' or '30s'", shown(value))
    elif not value <= MAX_KEEP_ALIVE:
        raise RequestError("%s: more seconds than the server can count; a negative number means for ever" % path)
    return plain(value, path)


def check_context(value: Any, path: str) -> List[int]:
    """The tokens of an earlier answer. A negative one can kill a server of version 0.24."""
    if not is_list(value):
        raise misfit(RequestError, path, "the list of numbers of an earlier answer", type(value).__name__)
    for i, token in enumerate(value):  # there may be a hundred thousand: no path is made for the good ones
        if type(token) is not int or not 0 <= token <= MOST:
            check_number(token, "%s[%d]" % (path, i))
    return list(value)


def check_options(value: Any, path: str) -> Dict[str, Any]:
    options = check_object(value, path)
    if isinstance(options.get("stop"), str):
        raise misfit(RequestError, path + ".stop", "a list of strings", "a string")
    return options


def check_format(value: Any, path: str) -> Any:
    if value in ("", "json") if isinstance(value, str) else isinstance(value, Mapping):
        return plain(value, path)
    if isinstance(value, type) or hasattr(value, "__args__"):  # a class; List[int], Optional[int], int | None
        from ._schema import type_schema

        return type_schema(value)
    raise misfit(RequestError, path, "'json', a JSON Schema or a type", shown(value))


# --- messages, images, tools ------------------------------------------------------------------------------------------


def check_message(value: Any, path: str) -> Dict[str, Any]:
    if not isinstance(value, (Mapping, Record)):
        value = value.model_dump(exclude_none=True) if has_dump(value) else value
        check_type(value, path, Mapping, "a message such as {'role': 'user', 'content': '...'}")
    message = make_plain_members(Message, value, path)
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or not role:
        raise misfit(RequestError, path + ".role", "'system', 'user', 'assistant' or 'tool'", shown(role))
    if not isinstance(content, (str, type(None))):
        raise misfit(RequestError, path + ".content", "a string", type(content).__name__)
    for name, item in message.items():
        if name not in ("role", "content") and item is not None and name in field_names(Message):
            check_known(name, item, "%s.%s" % (path, name))
    return message


check_messages = partial(check_items, expected="a list of messages", check=check_message)


def make_plain_members(cls: Type[Record], value: Any, path: str) -> Dict[str, Any]:
    """What is sent of a message, a tool call or its function; a member that the class does not have may be anything."""
    found: Dict[str, Any] = {}
    known = field_names(cls)
    for name, item in members(value, path):
        place = "%s.%s" % (path, name)
        if name not in known:
            found.update(make_plain_unknown(name, item, place))
        elif name == "images" and item is not None:
            found[name] = check_images(item, place)
        elif name == "tool_calls" and item is not None and is_list(item):
            found[name] = [make_plain_part(ToolCall, call, "%s[%d]" % (place, i)) for i, call in enumerate(item)]
        elif name == "arguments":  # other APIs have JSON text, or an empty array for none; the server refuses both
            is_odd = isinstance(item, str) or (isinstance(item, list) and not item)
            found[name] = read_arguments(item) if is_odd else plain(item, place, 3)
        elif name == "function":
            found[name] = make_plain_part(ToolFunction, item, place)
        else:
            found[name] = item if type(item) is str else plain(item, place, 1)
    return found


def make_plain_part(cls: Type[Record], value: Any, path: str) -> Any:
    return make_plain_members(cls, value, path) if isinstance(value, (Mapping, Record)) else plain(value, path, 2)


def check_known(name: str, value: Any, path: str) -> None:
    """Raises RequestError for a member of a message that cannot be what its field is for."""
    kind = kind_of(Message, name, strict=True)
    try:
        if kind is not None:
            kind(json_copy(value))
    except ProtocolError as error:
        put_inside(error, path)
        raise RequestError(str(error), **error.parts) from error


def make_plain_unknown(name: str, value: Any, path: str) -> Dict[str, Any]:
    """A member that the library does not know: front ends keep times and objects in their histories."""
    try:
        return {name: plain(value, path, 1)}
    except RequestError as error:
        logging = sys.modules.get("logging")
        if logging is not None:
            logging.getLogger(__name__).debug("left out of the request: %s", error)
        return {}


def read_image(value: Any, path: str) -> str:
    """Base64 of bytes, of the file that a Path names, or of a base64 text or data URL as it stands.

    A string that is neither is the name of a file if it ends as that of an image does.
    """
    import base64

    value = getattr(value, "value", value)  # of an Image
    if names_file(value):
        try:
            with open(value, "rb") as file:
                value = file.read()
        except (OSError, ValueError) as error:
            check_origin(error)
            raise RequestError("%s: cannot be read: %s" % (path, error)) from error
    elif isinstance(value, str):
        text = find_base64(value)
        if not text:
            raise RequestError("%s: neither base64, nor a data URL, nor the name of an image file" % path)
        return text
    data: bytes = check_type(value, path, (bytes, bytearray, memoryview), "bytes, a path or base64")
    return base64.b64encode(data).decode("ascii")


check_images = partial(check_items, expected="a list of images", check=read_image)


def names_file(image: Any) -> bool:
    """Whether an image is the name of a file."""
    name = getattr(image, "value", image)
    if isinstance(name, str):
        return name.lower().endswith(MEDIA_SUFFIXES) and not find_base64(name)
    return isinstance(name, os.PathLike)


def find_base64(value: str) -> str:
    """The base64 in a text or a data URL; "" where it is none."""
    import base64

    text = value.partition("base64,")[2] if value.startswith("data:") else value
    try:
        return text if base64.b64decode("".join(text.split()), validate=True) else ""
    except ValueError as error:
        check_origin(error)
        return ""


def check_tool(value: Any, path: str) -> Any:
    if isinstance(value, (Mapping, Record)) or has_dump(value):
        return check_object(value, path)
    if not callable(value):
        raise misfit(RequestError, path, "a function or a tool", type(value).__name__)
    from ._schema import function_tool

    return function_tool(value)


check_tools = partial(check_items, expected="a list of functions or tools", check=check_tool)

# --- files and digests ------------------------------------------------------------------------------------------------


def check_digest(value: Any, path: str) -> str:
    """That is "sha256:" and 64 hexadecimal digits in lower case: anything else could be another path."""
    if isinstance(value, str) and re.fullmatch("sha256:[0-9a-f]{64}", value):
        return value
    raise misfit(RequestError, path, "'sha256:' and 64 hexadecimal digits in lower case", shown(value))


def check_digests(value: Any, path: str) -> Dict[str, str]:
    """File name -> digest, as create_blob() gives it."""
    files = check_object(value, path)
    return {name: check_digest(digest, "%s.%s" % (path, name)) for name, digest in files.items()}


check_file = partial(check_type, kinds=(str, os.PathLike), expected="the name of a file")  # which Upload looks at


# --- a file on its way to the server -----------------------------------------------------------------------------------


class Upload:
    """A body that is a file, ``size`` bytes long. Each iteration reads it from its start; raises RequestError."""

    def __init__(self, path: Any) -> None:
        import stat

        try:
            is_regular = stat.S_ISREG(os.stat(path).st_mode)
            if is_regular:  # to open another kind may take for ever
                self._file = open(path, "rb", buffering=0)
                self.size = os.fstat(self._file.fileno()).st_size
        except (OSError, ValueError) as error:
            check_origin(error)
            raise RequestError("path: cannot be read: %s" % error) from error
        if not is_regular:
            raise RequestError("path: not a regular file: %s" % shown(os.fspath(path)))

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        try:
            self._file.seek(0)
            left = self.size
            while left:
                piece = self._file.read(min(left, UPLOAD_PIECE))
                if not piece:
                    raise RequestError("path: the file has become shorter while it was read")
                left -= len(piece)
                yield piece
        except OSError as error:
            check_origin(error)
            raise RequestError("path: cannot be read: %s" % error) from error

    def digest(self) -> str:
        """ "sha256:" and the hexadecimal digits."""
        from hashlib import sha256

        hasher = sha256()
        for piece in self:
            hasher.update(piece)
        return "sha256:" + hasher.hexdigest()
