# SPDX-License-Identifier: MIT
"""What programs that were written for the models of pydantic ask of a record: ``Model``, the base of ``Record``.

The official client's records are such models. Here are their reading side (``model_dump``, ``model_copy``,
``model_fields`` ...) and the two methods by which pydantic takes a record for a field or in a ``TypeAdapter``.
pydantic is not needed for any of it, and never loaded.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from copy import deepcopy
from typing import (
    TYPE_CHECKING, Any, Callable, ClassVar, Dict, Iterable, Iterator, Mapping, NamedTuple, Optional, Set, Tuple, Type,
    TypeVar, Union,
)  # fmt: skip

from ._errors import check_origin
from ._json import parse_json

M = TypeVar("M", bound="Model")
# Names, or positions in a list, or a mapping of them to what to choose inside; "__all__" is every item of a list.
Choice = Union[Set[Any], Mapping[Any, Any], None]

NO_NAMES: Mapping[str, str] = {}
PLAIN = (str, int, float, bool, type(None))


def load_schemas() -> Tuple[Callable[..., Any], Callable[..., Any]]:
    """``parse_as`` and ``type_schema``, which few programs need."""
    from ._schema import parse_as, type_schema

    return parse_as, type_schema


class ModelField(NamedTuple):
    """A field of a record class. None is required."""

    annotation: Any
    default: Any

    def is_required(self) -> bool:
        return False


class ModelFields:
    """``model_fields`` of a class and of its records: name -> ModelField, in order."""

    def __get__(self, _record: Any, cls: Type[Any]) -> Dict[str, ModelField]:
        from typing import get_type_hints

        try:
            types = get_type_hints(cls)
        except Exception as error:  # a name in a program's own class is not there, or not yet: its text stands for it
            check_origin(error)
            types = {}
        return {
            one.name: ModelField(types.get(one.name, one.type), getattr(cls, one.name, None))
            for one in (dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ())  # help() asks the bases, too
        }


class ModelSignature:
    """``__signature__`` of a class: its fields, which are given by name."""

    def __get__(self, _record: Any, cls: Type[Any]) -> Any:
        from inspect import Parameter, Signature

        fields: Dict[str, ModelField] = cls.model_fields
        kind = Parameter.KEYWORD_ONLY
        return Signature([Parameter(n, kind, default=f.default, annotation=f.annotation) for n, f in fields.items()])


class ModelHelp(str):
    """The docstring of a class, which goes on with its fields as they stand in the source: with what each one holds."""

    def __get__(self, _record: Any, cls: Type[Any]) -> str:
        from inspect import cleandoc
        from linecache import getlines
        from re import M, findall

        lines: Dict[str, str] = {}
        for owner in reversed(cls.__mro__):
            scope = getattr(sys.modules.get(owner.__module__), "__dict__", {})
            source = "".join(getlines(scope.get("__file__") or "", scope))  # empty where a program has been frozen
            for block in findall(r"^class %s\b.*\n((?: .*\n|\n)*)" % owner.__name__, source, M):
                lines.update((line.partition(":")[0], line) for line in findall(r"^    (\w+: .*)$", block, M))
        fields = ["    " + lines[name] for name in getattr(cls, "_fields", ()) if name in lines]
        return "\n".join([cleandoc(self), "", "Fields:", *fields])


class Model:
    """The reading side of a model. A record adds what it is: its fields by ``__iter__``, and its own ``__dict__``."""

    model_fields: ClassVar[Dict[str, ModelField]] = ModelFields()  # type: ignore[assignment]
    __signature__ = ModelSignature()
    _other_names: ClassVar[Mapping[str, str]] = NO_NAMES  # the wire's name -> the official client's, where they differ

    if TYPE_CHECKING:
        extra: ClassVar[Mapping[str, Any]]

        def _complete(self) -> None: ...
        def __iter__(self) -> Iterator[Tuple[str, Any]]: ...
        @classmethod
        def model_validate(cls: Type[M], value: Any, **_others: Any) -> M: ...

    @property
    def model_fields_set(self) -> Set[str]:
        """The names of the fields that were given or received."""
        return {name for name in self.__dict__ if name != "extra"} | set(self.extra)

    def model_dump(
        self, *, mode: str = "python", include: Choice = None, exclude: Choice = None, by_alias: Any = None,
        exclude_unset: bool = False, exclude_defaults: bool = False, exclude_none: bool = False, **_others: Any,
    ) -> Dict[str, Any]:  # fmt: skip
        """A dict of the fields with nested records as dicts; with ``mode="json"`` of JSON's own types.

        ``include`` and ``exclude`` are names, or mappings of names to what is chosen inside. Names are the wire's; with
        ``by_alias=False`` those of the official client's records, where they differ (``modelinfo``, ``defs``). What else
        pydantic takes is accepted and has no effect.

        >>> from ollama_stream import VersionResponse
        >>> answer = VersionResponse(version="0.34.4")
        >>> answer.version, answer["version"], answer.get("build", "unknown"), answer.model_dump()
        ('0.34.4', '0.34.4', 'unknown', {'version': '0.34.4'})
        """
        how = Dumping(mode == "json", by_alias is not False, exclude_unset, exclude_defaults, exclude_none)
        return how.members(self, include, exclude)

    def model_dump_json(self, *, indent: Optional[int] = None, **how: Any) -> str:
        """``model_dump(mode="json", **how)`` as JSON text, compact without ``indent``."""
        separators = (",", ":") if indent is None else None
        dump = self.model_dump(**{**how, "mode": "json"})
        return json.dumps(dump, indent=indent, separators=separators, ensure_ascii=False)

    dict, json = model_dump, model_dump_json  # their older names

    def model_copy(self: M, *, update: Optional[Mapping[str, Any]] = None, deep: bool = False) -> M:
        """A copy, with the values of ``update``, which are not checked, in place of its own."""
        made = object.__new__(type(self))
        made.__dict__.update(deepcopy(self.__dict__) if deep else self.__dict__, **(update or {}))
        return made

    copy = model_copy

    @classmethod
    def model_validate_json(cls: Type[M], json_data: Union[str, bytes, bytearray], **_others: Any) -> M:
        """A record from JSON text. Raises ProtocolError."""
        text = json_data if isinstance(json_data, str) else bytes(json_data).decode("utf-8", "replace")
        return cls.model_validate(parse_json(text))

    @classmethod
    def parse_obj(cls: Type[M], value: Any) -> M:
        """``model_validate`` by its older name."""
        return cls.model_validate(value)

    parse_raw = model_validate_json

    @classmethod
    def model_construct(cls: Type[M], _fields_set: Any = None, **values: Any) -> M:
        """A record of values that are not checked."""
        made = object.__new__(cls)
        made.__dict__.update(values)
        made._complete()
        return made

    construct = model_construct

    @classmethod
    def model_json_schema(cls, *_how: Any, **_others: Any) -> Dict[str, Any]:
        """The JSON Schema of the class."""
        _, type_schema = load_schemas()
        schema: Dict[str, Any] = type_schema(cls)
        return schema

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        core_schema = sys.modules["pydantic_core"].core_schema  # it is pydantic that calls this
        serialization = core_schema.plain_serializer_function_ser_schema(dump_for_pydantic, info_arg=True)
        return core_schema.no_info_plain_validator_function(cls.model_validate, serialization=serialization)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> Dict[str, Any]:
        return cls.model_json_schema()


def dump_for_pydantic(record: Any, info: Any) -> Any:
    names = "mode include exclude by_alias exclude_unset exclude_defaults exclude_none".split()
    return record.model_dump(**{name: getattr(info, name) for name in names})


class Dumping(NamedTuple):
    """How a record is dumped."""

    as_json: bool
    by_alias: bool
    exclude_unset: bool
    exclude_defaults: bool
    exclude_none: bool

    def members(self, record: Model, include: Choice, exclude: Choice) -> Dict[str, Any]:
        members: Iterable[Tuple[str, Any]] = record
        if self.exclude_unset:
            given = record.model_fields_set
            members = ((name, value) for name, value in members if name in given)
        if self.exclude_defaults:
            defaults = {name: field.default for name, field in type(record).model_fields.items()}
            members = ((name, value) for name, value in members if name not in defaults or value != defaults[name])
        if self.exclude_none:
            members = ((name, value) for name, value in members if value is not None)
        return dict(self.chosen(members, include, exclude, record._other_names))

    def chosen(
        self, members: Iterable[Tuple[Any, Any]], include: Choice, exclude: Choice, names: Mapping[str, str] = NO_NAMES
    ) -> Iterator[Tuple[Any, Any]]:
        for name, value in members:
            other = names.get(name, name)
            inside, outside = (within(choice, name) or within(choice, other) for choice in (include, exclude))
            if (include is None or inside is not False) and outside is not True:
                yield name if self.by_alias else other, self.value(value, chooser(inside), chooser(outside))

    def value(self, value: Any, include: Choice, exclude: Choice) -> Any:
        if type(value) in PLAIN:
            return value
        if isinstance(value, Model):
            return self.members(value, include, exclude)
        if isinstance(value, Mapping):
            return dict(self.chosen(value.items(), include, exclude))
        if isinstance(value, (list, tuple)):
            return [item for _, item in self.chosen(enumerate(value), include, exclude)]
        return json_value(value) if self.as_json else value


def within(choice: Choice, name: Any) -> Any:
    """True or False, or what is chosen inside of the member ``name``."""
    if isinstance(choice, Mapping):
        found = choice.get(name, choice.get("__all__", False))
        return True if found is ... else found
    return choice is not None and name in choice


def chooser(found: Any) -> Choice:
    return None if isinstance(found, bool) else found


def json_value(value: Any) -> Any:
    """A value that is none of JSON's own types as one: a time as RFC 3339, bytes as text, numbers as they are."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    isoformat: Optional[Callable[[], str]] = getattr(value, "isoformat", None)
    text = isoformat() if isoformat else str(value)
    return text[:-6] + "Z" if isoformat and text.endswith("+00:00") else text
