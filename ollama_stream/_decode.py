# SPDX-License-Identifier: MIT
"""A decoded JSON object goes in, a record comes out: the base class of all records, and the check of their fields.

A record *is* the decoded object: its attributes live in the dict that the JSON decoder made, so a field costs nothing
until it is read, an unset one is served by the class's default, and an unknown one is kept. What a field may hold is
said once, by its annotation in ``_records``; ``decode`` checks it and names the path of what does not fit
(``message.content``).
"""

from __future__ import annotations

import json
import math
from typing import (
    TYPE_CHECKING, Any, Callable, ClassVar, Dict, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar, Union,
)  # fmt: skip

from ._errors import ProtocolError, RequestError
from ._json import read_object

if TYPE_CHECKING:
    from datetime import datetime

    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda base: base


R = TypeVar("R", bound="Record")
Kind = Callable[[Any, str], Any]  # (value, path) -> the value to keep; raises ProtocolError

MAX_COPIED_LEVELS = 256  # of a mapping that a record is made of
NO_EXTRA: Mapping[str, Any] = {}
CLASSES: Dict[str, Any] = {}  # record classes by name, as annotations write them


@dataclass_transform(kw_only_default=True)
class Record:
    """Base of all records: attribute access, item access, ``get``, ``in``, ``dict()``, equality, repr, pickle, copy.

    ``record["name"]`` raises KeyError for a field that is not set, ``record.get("name", default)`` gives the default.
    Iterating yields (name, value) pairs of all fields. A received field that this version does not know is an attribute
    and an item like any other; one whose name would hide a method is in ``extra``. In one that is made by hand dicts
    become the records that its fields hold; an unknown name is a TypeError, what cannot be a record a RequestError.
    """

    extra: ClassVar[Mapping[str, Any]] = NO_EXTRA
    _computed: ClassVar[Tuple[str, ...]] = ()  # properties that count as items too

    def __init__(self, **fields: Any) -> None:
        known = field_names(type(self))
        for name in fields:
            if name not in known:
                raise TypeError("%s() has no field %r%s" % (type(self).__name__, name, suggestion(name, known)))
        try:
            for name, value in fields.items():
                if isinstance(value, (Mapping, list, tuple)):  # in which dicts may stand for records
                    fields[name] = field_kinds(type(self))[name](json_copy(value), name)
        except ProtocolError as error:
            raise RequestError("%s(): %s" % (type(self).__name__, error)) from None
        self.__dict__.update(fields)
        self._complete()

    def __init_subclass__(cls) -> None:
        CLASSES[cls.__name__] = cls

    def _complete(self) -> None:
        """Fill in what a class default cannot serve: a nested record, a dict."""

    def __getitem__(self, name: str) -> Any:
        if name in self:
            return self.extra[name] if name in self.extra else getattr(self, name)
        raise KeyError(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in field_names(type(self)) and name not in self.__dict__:
            raise ValueError('"%s" object has no field "%s"' % (type(self).__name__, name))
        setattr(self, name, value)

    def __contains__(self, name: object) -> bool:
        if name in self.extra or name in self._computed:
            return True
        if name in self.__dict__:
            return name != "extra"
        return name in field_names(type(self)) and getattr(self, str(name)) is not None

    def get(self, name: str, default: Any = None) -> Any:
        """The value of ``name``, or ``default`` where it is not set (or null)."""
        value = self[name] if name in self else None
        return default if value is None else value

    def __iter__(self) -> Iterator[Tuple[str, Any]]:
        for name in field_names(type(self)):
            yield name, getattr(self, name)
        for name, value in self.__dict__.items():
            if name == "extra":
                yield from value.items()
            elif name not in field_names(type(self)):
                yield name, value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(self) is not type(other):
            return NotImplemented
        return dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join("%s=%r" % (name, value) for name, value in self if value is not None)
        return "%s(%s)" % (type(self).__name__, shown)

    def model_dump(self, *, exclude_none: bool = False) -> Dict[str, Any]:
        """A dict of all fields with nested records as dicts; ``exclude_none`` leaves out what is None."""
        return {n: dumped(v, exclude_none) for n, v in self if not (exclude_none and v is None)}

    def model_dump_json(self, *, indent: Optional[int] = None, exclude_none: bool = False) -> str:
        """``model_dump`` as JSON text, compact without ``indent``."""
        separators = (",", ":") if indent is None else None
        dump = self.model_dump(exclude_none=exclude_none)
        return json.dumps(dump, indent=indent, separators=separators, ensure_ascii=False, default=json_text)

    def dict(self) -> Dict[str, Any]:
        """The same as ``model_dump()``."""
        return self.model_dump()

    @classmethod
    def model_validate(cls: Type[R], value: Any) -> R:
        """A record from a mapping (or such a record), checked as what a server sends; raises ProtocolError."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ProtocolError("%s: expected an object, got %s" % (cls.__name__, described(value)))
        return decode(cls, json_copy(value))


def decode(cls: Type[R], data: Dict[str, Any], path: str = "") -> R:
    """The record of class ``cls`` that holds ``data`` (which it keeps and changes in place).

    null counts as unset for a field that always has a value. Raises ProtocolError with the path of a field of an
    impossible type.
    """
    kinds = field_kinds(cls)
    hidden = None
    for name, value in data.items():
        kind = kinds.get(name)
        if kind is not None:
            checked = kind(value, path + name)
            if checked is not value:
                data[name] = checked
        elif hasattr(cls, name) or name == "keys" or name.startswith("__"):  # dict(), copy and pickle look for these
            hidden = hidden or []
            hidden.append(name)
    if hidden:
        data["extra"] = {name: data.pop(name) for name in hidden}
    record = object.__new__(cls)
    record.__dict__ = data
    record._complete()
    return record


def field_names(cls: Type[Record]) -> Mapping[str, Any]:
    """The declared fields of a record class, in order."""
    return cls.__dataclass_fields__  # type: ignore[attr-defined, no-any-return]


def suggestion(name: str, known: Any) -> str:
    """``"; did you mean 'x'?"`` with the nearest of ``known``, or nothing."""
    import difflib

    near = difflib.get_close_matches(name, list(known), 1)
    return "; did you mean %r?" % near[0] if near else ""


def dumped(value: Any, exclude_none: bool) -> Any:
    if isinstance(value, Record):
        return value.model_dump(exclude_none=exclude_none)
    if isinstance(value, (list, tuple)):
        return [dumped(item, exclude_none) for item in value]
    if isinstance(value, Mapping):
        return {name: dumped(item, exclude_none) for name, item in value.items()}
    return value


def json_text(value: Any) -> str:
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat() if isoformat else value)


def json_copy(value: Any, levels: int = MAX_COPIED_LEVELS) -> Any:
    if not levels:
        raise ProtocolError("nested too deep, or it contains itself")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ProtocolError("a name in it is not a string")
        return {name: json_copy(item, levels - 1) for name, item in value.items()}
    return [json_copy(item, levels - 1) for item in value] if isinstance(value, (list, tuple)) else value


# --- values ---------------------------------------------------------------------------------------------------------


class ByteSize(int):
    """A size in bytes that can print itself: ``human_readable()`` gives "3.4GiB", with ``decimal=True`` "3.7GB"."""

    def human_readable(self, decimal: bool = False) -> str:
        step, units = (1000, ("B", "KB", "MB", "GB", "TB")) if decimal else (1024, ("B", "KiB", "MiB", "GiB", "TiB"))
        value, unit = float(self), 0
        while abs(value) >= step and unit < len(units) - 1:
            value, unit = value / step, unit + 1
        return "%d%s" % (value, units[0]) if unit == 0 else "%.1f%s" % (value, units[unit])


def parse_time(value: str) -> Union[datetime, str]:
    """An RFC 3339 time as a datetime cut to microseconds, or the text itself where it is none.

    Ollama writes 0 to 9 fractional digits and ``Z`` or an offset, which ``datetime.fromisoformat`` reads only from
    Python 3.11 on.
    """
    from datetime import datetime

    head, zone = (value[:-1], "+00:00") if value[-1:] in ("Z", "z") else (value[:-6], value[-6:])
    seconds, _, fraction = head.partition(".")
    try:
        return datetime.fromisoformat(seconds + (("." + fraction[:6].ljust(6, "0")) if fraction else "") + zone)
    except ValueError:
        return value


# --- kinds: what an annotation allows -----------------------------------------------------------------------------

JSON_NAMES = ((bool, "a boolean"), (str, "a string"), ((int, float), "a number"), (list, "an array"), (dict, "an object"))


def described(value: Any) -> str:
    """A JSON value as an error text shows it: its kind, and the value itself where it is short."""
    if value is None:
        return "null"
    name = next((name for kind, name in JSON_NAMES if isinstance(value, kind)), type(value).__name__)
    try:
        shown = json.dumps(value) if not isinstance(value, (list, dict)) else ""
    except (ValueError, TypeError):  # an integer of thousands of digits; no JSON value, in model_validate()
        shown = ""
    return "%s (%s)" % (name, shown) if 0 < len(shown) <= 40 else name


def wrong(expected: str, value: Any, path: str) -> ProtocolError:
    return ProtocolError("%s: expected %s, got %s" % (path, expected, described(value)))


def text(value: Any, path: str) -> str:
    if value is None:
        return ""
    if type(value) is not str:
        raise wrong("a string", value, path)
    return value


def boolean(value: Any, path: str) -> bool:
    if type(value) is not bool:
        raise wrong("true or false", value, path)
    return value


def quantity(value: Any, path: str) -> Any:
    # A count or a duration. Servers other than Ollama send floats and strings here; they are kept and not computed with.
    if type(value) is float and not math.isfinite(value) or isinstance(value, (list, dict)):
        raise wrong("a number", value, path)
    return value


def number(value: Any, path: str) -> float:
    if value is None:
        return 0.0
    if type(value) is not int and not (type(value) is float and math.isfinite(value)):
        raise wrong("a number", value, path)
    return value


def json_object(value: Any, path: str) -> Dict[str, Any]:
    if value is None:
        return {}
    if type(value) is not dict:
        raise wrong("an object", value, path)
    return value


def arguments(value: Any, path: str) -> Any:
    # Some backends send the arguments of a tool call as JSON text; what is no object stays as it came.
    if type(value) is str:
        parsed = read_object(value)
        return value if parsed is None else parsed
    return json_object(value, path)


def moment(value: Any, path: str) -> Any:
    return value if hasattr(value, "isoformat") else parse_time(text(value, path))  # a datetime, in model_validate()


def byte_size(value: Any, path: str) -> ByteSize:
    if type(value) not in (int, ByteSize) or abs(value) >= 1 << 63:  # human_readable() computes with floats
        raise wrong("an integer of 64 bits", value, path)
    return ByteSize(value)


def anything(value: Any, _path: str) -> Any:
    return value


def array(value: Any, path: str) -> List[Any]:
    if value is None:
        return []
    if type(value) is not list:
        raise wrong("an array", value, path)
    return value


def vectors(value: Any, path: str) -> List[Any]:
    # Millions of numbers: the arrays are checked, not each number in them.
    return [array(vector, "%s[%d]" % (path, i)) for i, vector in enumerate(array(value, path))]


def optional(kind: Kind) -> Kind:
    return lambda value, path: None if value is None else kind(value, path)


def list_of(kind: Kind) -> Kind:
    def check(value: Any, path: str) -> List[Any]:
        return [kind(item, "%s[%d]" % (path, i)) for i, item in enumerate(array(value, path))]

    return check


def dict_of(kind: Kind) -> Kind:
    def check(value: Any, path: str) -> Dict[str, Any]:
        return {name: kind(item, path + "." + name) for name, item in json_object(value, path).items()}

    return check


def record_of(cls: Type[Record]) -> Kind:
    def check(value: Any, path: str) -> Record:
        return value if isinstance(value, cls) else decode(cls, json_object(value, path), path + ".")

    return check


KINDS: Dict[str, Kind] = {
    "str": text,
    "bool": boolean,
    "int": quantity,
    "float": number,
    "Any": anything,
    "List[Any]": array,
    "List[int]": array,
    "List[float]": array,
    "List[List[float]]": vectors,
    "Dict[str, Any]": json_object,
    "Union[Dict[str, Any], str]": arguments,
    "Union[datetime, str]": moment,
    "ByteSize": byte_size,
}
_KINDS_OF: Dict[type, Dict[str, Kind]] = {}


def field_kinds(cls: Type[Record]) -> Dict[str, Kind]:
    """Field name -> what it may hold, read from the annotations at first use."""
    kinds = _KINDS_OF.get(cls)
    if kinds is None:
        kinds = _KINDS_OF[cls] = {n: kind_of(f.type) for n, f in field_names(cls).items()}
    return kinds


def kind_of(annotation: str) -> Kind:
    if annotation in KINDS:
        return KINDS[annotation]
    for prefix, wrap in (("Optional[", optional), ("List[", list_of), ("Dict[str, ", dict_of)):
        if annotation.startswith(prefix):
            return wrap(kind_of(annotation[len(prefix) : -1]))
    return record_of(CLASSES[annotation])
