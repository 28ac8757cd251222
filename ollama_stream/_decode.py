# SPDX-License-Identifier: MIT
"""A decoded JSON object goes in, a record comes out: the base class of all records, and the check of their fields.

A record *is* the decoded object: its attributes live in the dict that the JSON decoder made, so a field costs nothing
until it is read, an unset one is served by the class's default, and an unknown one is kept. What a field may hold is
said once, by its annotation in ``_records``. The members that the answer is made of (``_strict``) must be of that kind,
and ``decode`` names the path of one that is not (``message.content``); every other is kept as it came where it does not
fit: a size that is text must not cost anybody an answer.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import typing
from datetime import datetime
from typing import (
    TYPE_CHECKING, AbstractSet, Any, Callable, ClassVar, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional,
    Tuple, Type, TypeVar, Union,
)  # fmt: skip

from ._errors import ProtocolError, RequestError, check_origin, misfit
from ._json import read_object
from ._model import Model, ModelHelp

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda base: base


R = TypeVar("R", bound="Record")
Kind = Callable[[Any], Any]  # a value -> the value to keep; raises ProtocolError without a place

MAX_COPIED_LEVELS = 256  # of a mapping that a record is made of
NO_EXTRA: Mapping[str, Any] = {}
new_record = object.__new__  # without __init__: the fields have been checked, or need no check


@dataclass_transform(kw_only_default=True, field_specifiers=(dataclasses.field,))
class Record(Model):
    """Base of all records: attribute access, item access, ``get``, ``in``, ``dict()``, equality, repr, pickle, copy.

    ``record["name"]`` raises KeyError for a field that is not set, ``record.get("name", default)`` gives the default.
    Iterating yields (name, value) pairs of all fields. A received field that this version does not know is an attribute
    and an item like any other; one whose name would hide a method is in ``extra``. In one that is made by hand dicts
    become the records that its fields hold; an unknown name is a TypeError, but in a schema,
    and what cannot be a record a RequestError. A class of a program's own may derive from any record and add fields.
    """

    extra: ClassVar[Mapping[str, Any]] = NO_EXTRA
    _computed: ClassVar[Tuple[str, ...]] = ()  # properties that count as items too
    _strict: ClassVar[Tuple[str, ...]] = ()  # fields that are the answer: one of an impossible type is an error
    _due: ClassVar[Tuple[str, ...]] = ()  # fields of which an answer has one at least; none of them: any answer will do
    _fields: ClassVar[Dict[str, Any]] = {}
    _factories: ClassVar[Dict[str, Callable[[], Any]]] = {}  # what an unset field holds, where no class default can
    _later: ClassVar[FrozenSet[str]] = frozenset()  # fields that the official client has not: shown where they are set
    _open_ended: ClassVar[bool] = False  # may be made with names that are no fields
    _expected: ClassVar[AbstractSet[str]] = frozenset()  # where all of these are there, _complete() has nothing to do

    def __init__(self, **values: Any) -> None:
        known = field_names(type(self))
        for name in values:
            if name not in known and (not self._open_ended or hasattr(type(self), name)):
                raise TypeError("%s() has no field %r%s" % (type(self).__name__, name, suggestion(name, known)))
        for name, value in values.items():
            annotation = without_optional(known[name].type) if name in known else None
            # In a container dicts may stand for records; a size and a time are made of a number and a text.
            if annotation in ("ByteSize", "datetime") or annotation and isinstance(value, (Mapping, list, tuple)):
                kind = kind_of(type(self), name, strict=True)
                try:
                    values[name] = kind(json_copy(value)) if kind else value
                except ProtocolError as error:
                    put_inside(error, name)
                    raise RequestError("%s(): %s" % (type(self).__name__, error), **error.parts) from error
        self.__dict__.update(values)
        self._complete()

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
        cls._fields = {one.name: one for one in dataclasses.fields(cls)}  # type: ignore[arg-type]
        makers = ((name, one.default_factory) for name, one in cls._fields.items())
        cls._factories = {name: make for name, make in makers if make is not dataclasses.MISSING}
        cls._expected = cls._expected | cls._factories.keys()
        for name in cls._fields:
            if name not in cls._factories and not hasattr(cls, name):  # a field of a program without a default
                setattr(cls, name, None)
        cls.__doc__ = ModelHelp(cls.__doc__ or "")

    def _complete(self) -> None:
        """Fill in what a class default cannot serve: a nested record, a list, a dict."""
        for name, make in self._factories.items():
            if name not in self.__dict__:
                self.__dict__[name] = make()

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
            if name in self.__dict__ or name not in self._later:
                yield name, getattr(self, name)
        for name, value in self.__dict__.items():
            if name == "extra":
                yield from value.items()
            elif name not in field_names(type(self)):
                yield name, value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(self) is not type(other):
            return NotImplemented
        return shown_values(self) == shown_values(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join("%s=%r" % (name, value) for name, value in self if value is not None)
        return "%s(%s)" % (type(self).__name__, shown)

    @classmethod
    def model_validate(cls: Type[R], value: Any, **_others: Any) -> R:
        """A record from a mapping (or such a record), checked as what a server sends; raises ProtocolError."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise misfit(ProtocolError, cls.__name__, "an object", described(value))
        return decode(cls, json_copy(value))


def decode(cls: Type[R], data: Dict[str, Any]) -> R:
    """The record of class ``cls`` that holds ``data`` (which it keeps and changes in place).

    null counts as unset for a field that always has a value. Raises ProtocolError with the path of a field of
    ``_strict`` that is of an impossible type.
    """
    read = _READERS.get(cls) or _READERS.setdefault(cls, record_of(cls))
    record: R = read(data)
    return record


def shown_values(record: Record) -> Dict[str, Any]:
    return {name: value for name, value in record if value is not None}


def field_names(cls: Type[Record]) -> Mapping[str, Any]:
    """The declared fields of a record class, in order."""
    return cls._fields


def suggestion(name: str, known: Any) -> str:
    """``"; did you mean 'x'?"`` with the nearest of ``known``, or nothing."""
    import difflib

    near = difflib.get_close_matches(name, list(known), 1)
    return "; did you mean %r?" % near[0] if near else ""


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
    head, zone = (value[:-1], "+00:00") if value[-1:] in ("Z", "z") else (value[:-6], value[-6:])
    seconds, _, fraction = head.partition(".")
    try:
        return datetime.fromisoformat(seconds + (("." + fraction[:6].ljust(6, "0")) if fraction else "") + zone)
    except ValueError as error:
        check_origin(error)
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
    except (ValueError, TypeError) as error:  # an integer of thousands of digits; no JSON value, in model_validate()
        check_origin(error)
        shown = ""
    return "%s (%s)" % (name, shown) if 0 < len(shown) <= 40 else name


def of_type(kind: type, noun: str, unset: Callable[[], Any]) -> Kind:
    """Exactly of that type; null is what an unset field holds."""

    def check(value: Any) -> Any:
        if value is None:
            return unset()
        if type(value) is not kind:
            raise unfit(value, noun)
        return value

    return check


def unfit(value: Any, noun: str) -> ProtocolError:
    return misfit(ProtocolError, "", noun, described(value))


def put_inside(error: ProtocolError, step: str) -> None:
    """Say where a misfit is from one level further out: ``step`` is a name, or an index in brackets."""
    if error.expected is not None:
        inner = error.place or ""
        error.place = step + ("." + inner if inner[:1] not in ("", "[") else inner)
        error.args = misfit(ProtocolError, error.place, error.expected, error.got or "").args


read_array = of_type(list, "an array", list)
read_mapping = of_type(dict, "an object", dict)


def read_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise unfit(value, "true or false")
    return value


def read_number(value: Any) -> Any:
    # A count or a duration. Servers other than Ollama send floats and strings here; they are kept and not computed with.
    if isinstance(value, (list, dict)):
        raise unfit(value, "a number")
    return 0.0 if value is None else value


def read_arguments(value: Any) -> Any:
    # Some servers send the arguments of a tool call as JSON text, and none at all as a blank one or as an empty array;
    # text that is no object stays as it came.
    if type(value) is str:
        if value.strip() in ("", "null", "[]", '""'):
            return {}
        parsed = read_object(value)
        return value if parsed is None else parsed
    return {} if value == [] else read_mapping(value)


def read_size(value: Any) -> Any:
    # human_readable() computes with floats
    return ByteSize(value) if type(value) is int and abs(value) < 1 << 63 else value


def optional(kind: Kind) -> Kind:
    return lambda value: None if value is None else kind(value)


def loosely(kind: Kind) -> Kind:
    """What does not fit is kept as it came."""

    def read_loosely(value: Any) -> Any:
        try:
            return kind(value)
        except ProtocolError:
            return value

    return read_loosely


def items_of(container: Type[Any], kind: Kind, strict: bool) -> Kind:
    """Of a list, or of a dict: each item is of that kind."""
    pairs: Any = enumerate if container is list else dict.items

    def read_items(value: Any) -> Any:
        if type(value) is not container:
            fallback = read_array if container is list else read_mapping
            return value if value is not None and not strict else fallback(value)
        for step, item in pairs(value):
            try:
                value[step] = kind(item)
            except ProtocolError as error:
                put_inside(error, "[%d]" % step if container is list else step)
                raise
        return value

    return read_items


_READERS: Dict[type, Kind] = {}  # what decode() reads a class by, made at first use


class Table(NamedTuple):
    fields: Dict[str, Tuple[Optional[type], Optional[Kind]]]  # the type that needs no look, the kind, None for anything
    taken: FrozenSet[str]  # names that no member may hide
    expected: Tuple[str, ...]  # what _complete() is called for where it is missing


def record_of(cls: Type[Record], strict: bool = True) -> Kind:
    """What makes a record of an object. That of a field of no weight (not ``strict``) raises nothing."""
    table: Optional[Table] = None  # made at first use, because a class may hold itself

    def read_record(data: Any) -> Any:
        nonlocal table
        if type(data) is not dict:
            if isinstance(data, cls) or not (strict or data is None):
                return data
            data = read_mapping(data)
        fields, taken, expected = table = table or make_table(cls, strict)
        hidden: List[str] = []
        for name, value in data.items():
            field = fields.get(name)
            if field is not None:
                usual, kind = field
                if type(value) is usual or kind is None:
                    continue
                try:
                    checked = kind(value)
                except ProtocolError as error:
                    put_inside(error, name)
                    raise
                if checked is not value:
                    data[name] = checked
            elif name in taken or name.startswith("__"):
                hidden.append(name)
        if hidden:
            data["extra"] = {name: data.pop(name) for name in hidden}
        record = new_record(cls)
        record.__dict__ = data
        for name in expected:
            if name not in data:
                record._complete()
                break
        return record

    never_raises = cls._complete is Record._complete  # any other may refuse what is no answer of the class
    return read_record if strict or never_raises else loosely(read_record)


def make_table(cls: Type[Record], strict: bool) -> Table:
    fields = {}
    for name, one in field_names(cls).items():
        kind = kind_of(cls, name, strict and name in cls._strict)
        fields[name] = KINDS.get(without_optional(one.type), OF_NO_KIND)[0], kind
    taken = frozenset(("keys", *dir(cls), *dir(type(cls))))  # dict() looks for keys, copy and pickle for __names
    return Table(fields, taken, tuple(cls._expected))


# What an annotation allows: the type of a value that is kept as it is, and the kind that reads any other; no type where
# something else is made of a good value, too.
KINDS: Dict[str, Tuple[Optional[type], Kind]] = {
    "str": (str, of_type(str, "a string", str)),
    "bool": (bool, read_boolean),
    "int": (int, read_number),
    "float": (float, read_number),
    "List[Any]": (list, read_array),
    "List[str]": (list, read_array),
    "List[int]": (list, read_array),
    "List[float]": (list, read_array),
    "List[List[float]]": (None, items_of(list, read_array, True)),  # of millions of numbers the arrays are checked
    "Dict[str, Any]": (dict, read_mapping),
    "Mapping[str, Any]": (dict, read_arguments),
    "datetime": (None, lambda value: parse_time(value) if type(value) is str else value),
    "ByteSize": (None, read_size),
}
OF_NO_KIND = None, None


def kind_of(cls: Type[Record], name: str, strict: bool) -> Optional[Kind]:
    """The kind of a field. Its annotation means what it means where it is written: a program has classes of its own."""
    written = cls._fields[name]
    home = next(base for base in reversed(cls.__mro__) if base.__dict__.get("_fields", {}).get(name) is written)
    return parse_annotation(written.type, vars(sys.modules.get(home.__module__, typing)), strict)


def without_optional(annotation: Any) -> Any:
    is_optional = isinstance(annotation, str) and annotation.startswith("Optional[")
    return annotation[len("Optional[") : -1] if is_optional else annotation


def parse_annotation(annotation: Any, names: Mapping[str, Any], strict: bool) -> Optional[Kind]:
    if not isinstance(annotation, str):
        return kind_of_type(annotation, strict)
    inner = without_optional(annotation)
    if inner != annotation:
        keeps_all = not strict and KINDS.get(inner, OF_NO_KIND)[0]
        kind = None if keeps_all else parse_annotation(inner, names, strict)
        return kind and optional(kind)
    kind = KINDS.get(annotation, OF_NO_KIND)[1]
    for prefix, container in (("List[", list), ("Dict[str, ", dict)):
        if kind is None and annotation.startswith(prefix):
            kind = parse_annotation(annotation[len(prefix) : -1], names, strict)
            return kind and items_of(container, kind, strict)
    cls = names.get(annotation)
    if kind is None and isinstance(cls, type) and issubclass(cls, Record):
        return record_of(cls, strict)
    return kind if strict or kind is None else loosely(kind)


def kind_of_type(annotation: Any, strict: bool) -> Optional[Kind]:
    """Of an annotation of a program's class that is no text: a record, an optional one or a list of them; else anything."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        is_record = isinstance(annotation, type) and issubclass(annotation, Record)
        return record_of(annotation, strict) if is_record else None
    if len(arguments) == 2 and arguments[1] is type(None):
        kind = kind_of_type(arguments[0], strict)
        return kind and optional(kind)
    kind = kind_of_type(arguments[0], strict) if origin is list and arguments else None
    return kind and items_of(list, kind, strict)
