# SPDX-License-Identifier: MIT
"""Python functions and types -> JSON Schema (``tools=``, ``format=``), and JSON values back to those types.

In: a function, or a type made of str, int, float, bool, None, Any, list, tuple, set, dict, Literal, Enum, Union,
Annotated, dataclass, TypedDict, and classes with ``model_json_schema`` and ``model_validate``. Out: a schema, or a
checked value.

    function -> read_signature -+               +-> SchemaWriter -> type_schema, or fold_schema -> function_tool
                                +-> take_apart -+
    type -----------------------+               +-> ValueReader <- JSON value: parse_as

A type without a schema is a RequestError; a wrong value is a ProtocolError.
"""

from __future__ import annotations

import collections.abc
import json
import typing
from datetime import datetime
from typing import Any, Callable, Dict, List, Literal, Mapping, Sequence, Tuple, Type, Union

from ._decode import parse_time
from ._errors import ProtocolError, RequestError, check_origin, format_place, misfit
from ._model import Model
from ._types import (
    EMPTY, PLAIN_TYPES, TypeMember, call_guarded, format_type, is_model, join_path, read_signature, strip_null,
    strip_type, take_apart,
)  # fmt: skip

Parsed = typing.TypeVar("Parsed")

NOUNS: Dict[Any, str] = {
    **{str: "a string", int: "an integer", float: "a number", bool: "a boolean", type(None): "null"},
    **{list: "an array", dict: "an object", collections.abc.Mapping: "an object"},
}
# What the server keeps of a property of a tool (Ollama API, api/types.go ToolProperty).
KEPT_KEYWORDS = ("type", "anyOf", "items", "description", "enum", "properties", "required")


def function_tool(function: Callable[..., Any]) -> Dict[str, Any]:
    """The tool that a model sees, from a function's signature, annotations and Google-style docstring.

    Methods, partials, classes and callable objects work too. Bound arguments, ``*args`` and ``**kwargs`` are left
    out; a parameter with a default is not required; one without annotation is a string. What the server drops from a
    schema (Ollama API, tools) is told in the description, as in "(default: 3)". Raises RequestError for a lambda, a
    positional-only parameter, and a type that has no schema or holds itself.
    """
    name, text, members = read_signature(function)
    # To leave out an argument whose default is None says null already.
    members = [one._replace(kind=strip_null(one.kind)) if one.default is None else one for one in members]
    writer = SchemaWriter()
    parameters = fold_schema(writer.write_members(members, ""))
    if writer.definitions:
        raise RequestError("a tool cannot have the $ref that this type needs: " + ", ".join(writer.definitions))
    return {"type": "function", "function": {"name": name, "description": text, "parameters": parameters}}


def type_schema(kind: Any) -> Dict[str, Any]:
    """The JSON Schema of a type, for ``format=``.

    Nested types stand in place; one that holds itself is put under ``$defs`` and referred to, which the server's
    grammar converter follows. Raises RequestError, which names the path, for a type that has no schema.
    """
    writer = SchemaWriter()
    schema = writer.write(kind, "")
    return {**schema, "$defs": writer.definitions} if writer.definitions else schema


def parse_as(kind: Type[Parsed], value: Any, path: str = "") -> Parsed:
    """A value decoded from JSON as a checked instance of ``kind``; ``path`` says where it stands in a larger value.

    A bool is no integer; 3 is good for a float and 3.0 for an int. Unknown keys are left out. Raises ProtocolError
    that names the path ("people[2].age: expected an integer, got a string ('old')"), RequestError for a wrong ``kind``.
    """
    try:
        return typing.cast(Parsed, ValueReader().read(kind, value, path))
    except RecursionError as error:
        check_origin(error)
        raise ProtocolError(format_place(path, "nested too deeply")) from None


class SchemaWriter:
    """Writes schemas with the nested types in place; the classes that hold themselves go to ``definitions``."""

    def __init__(self) -> None:
        self.definitions: Dict[str, Any] = {}
        self.names: Dict[str, Any] = {}
        self.classes: Dict[Any, Dict[str, Any]] = {}

    def write(self, kind: Any, path: str) -> Dict[str, Any]:
        schema = self.write_bare(*take_apart(kind, path), path)
        text = strip_type(kind)[1]
        return {**schema, "description": text} if text else schema

    def write_bare(self, base: Any, parts: Sequence[Any], path: str) -> Dict[str, Any]:
        if base is Any:  # {} would mean "an object" to the server's grammar converter (llama.cpp)
            return {"type": ["string", "number", "boolean", "object", "array", "null"]}
        if base is datetime:
            return {"type": "string", "format": "date-time"}
        if base in PLAIN_TYPES or base is EMPTY:
            return {"type": PLAIN_TYPES.get(base, "string")}
        if base is Literal:
            names = list(dict.fromkeys(PLAIN_TYPES[type(value)] for value, _ in parts))
            return {"type": names[0] if len(names) == 1 else names, "enum": [value for value, _ in parts]}
        if base is Union:
            schemas = [self.write(part, path) for part in parts]
            plain = all(schema.keys() == {"type"} and isinstance(schema["type"], str) for schema in schemas)
            return {"type": [schema["type"] for schema in schemas]} if plain else {"anyOf": schemas}
        if base is tuple and parts[-1] is not Ellipsis:
            items = [self.write(part, "%s[%d]" % (path, index)) for index, part in enumerate(parts)]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        if base not in (list, tuple, set, frozenset, dict):
            return self.write_class(base, path)
        schema = {"type": "object" if base is dict else "array"}
        keyword = "additionalProperties" if base is dict else "items"
        return schema if parts[0] is Any else {**schema, keyword: self.write(parts[0], path + "[]")}

    def write_class(self, kind: Any, path: str) -> Dict[str, Any]:
        if is_model(kind) and not issubclass(kind, Model):  # ours are written like any dataclass
            schema: Dict[str, Any] = call_guarded(RequestError, path, lambda: dict(kind.model_json_schema()))
            for name, definition in schema.pop("$defs", {}).items():
                if self.names.setdefault(name, definition) != definition:
                    raise RequestError(format_place(path, "two types are called " + name))
                self.definitions[name] = definition
            return schema
        if kind not in self.classes:
            name = kind.__name__
            while self.names.setdefault(name, kind) != kind:
                name += "_"
            self.classes[kind] = {"$ref": "#/$defs/" + name}  # while it is being written
            _, text, members = read_signature(kind)
            schema = {**self.write_members(members, path), **({"description": text} if text else {})}
            if name in self.definitions:
                self.definitions[name] = schema
            else:
                self.classes[kind] = schema
        elif "$ref" in self.classes[kind]:
            self.definitions.setdefault(self.classes[kind]["$ref"][len("#/$defs/") :], {})
        return self.classes[kind]

    def write_members(self, members: Sequence[TypeMember], path: str) -> Dict[str, Any]:
        properties = {}
        for member in members:
            schema = {**self.write(member.kind, join_path(path, member.name)), **format_default(member.default)}
            properties[member.name] = {**schema, "description": member.description} if member.description else schema
        required = [member.name for member in members if member.required]
        return {"type": "object", "properties": properties, "required": required}


class ValueReader:
    """Makes checked instances of the values of one JSON document."""

    def __init__(self) -> None:
        self.members: Dict[Any, Sequence[TypeMember]] = {}
        # What became of an object, read as a class. Without it a union of classes takes up to 2 ** depth readings.
        self.outcomes: Dict[Tuple[int, Any], Any] = {}

    def read(self, kind: Any, value: Any, path: str) -> Any:
        base, parts = take_apart(kind, path)
        if base is Any or base is EMPTY:
            return value
        if base in PLAIN_TYPES:
            return read_plain(base, value, path)
        if base is datetime:
            return read_time(value, path)
        if base is Literal:
            for wanted, choice in parts:
                if wanted == value and isinstance(wanted, bool) == isinstance(value, bool):
                    return choice
            raise wrong_value("one of " + ", ".join(repr(wanted) for wanted, _ in parts), value, path)
        if base is Union:
            return self.read_union(parts, value, path)
        if base in (list, tuple, set, frozenset):
            return self.read_array(base, parts, check_kind(list, value, path), path)
        if base is dict:
            items = check_kind(dict, value, path).items()
            return {key: self.read(parts[0], item, join_path(path, key)) for key, item in items}
        if is_model(base):
            return call_guarded(ProtocolError, path, lambda: base.model_validate(value))
        return self.read_class(base, check_kind(dict, value, path), path)

    def read_union(self, parts: Sequence[Any], value: Any, path: str) -> Any:
        parts = [part for part in parts if value is None or part is not type(None)]
        if len(parts) == 1:
            return self.read(parts[0], value, path)  # its error says more
        # In the order written, but 3.0 is a float before it is an int, and 3 an int before it is a float.
        last = int if isinstance(value, float) else float
        for part in sorted(parts, key=lambda part: part is last):
            try:
                return self.read(part, value, path)
            except ProtocolError:
                continue
        raise wrong_value(" or ".join(NOUNS.get(part, format_type(part)) for part in parts), value, path)

    def read_array(self, base: Any, parts: Sequence[Any], value: List[Any], path: str) -> Any:
        parts = parts if base is tuple and parts[-1] is not Ellipsis else [parts[0]] * len(value)
        if len(parts) != len(value):
            raise misfit(ProtocolError, path, "an array of %d" % len(parts), "one of %d" % len(value))
        items = [self.read(part, item, "%s[%d]" % (path, n)) for n, (part, item) in enumerate(zip(parts, value))]
        try:
            return base(items)
        except TypeError as error:  # a set of what has no hash
            check_origin(error)
            raise RequestError(format_place(path, str(error))) from error

    def read_class(self, kind: Any, value: Dict[str, Any], path: str) -> Any:
        key = (id(value), kind)
        if kind not in self.members:
            self.members[kind] = read_signature(kind)[2]
        if key not in self.outcomes:
            try:
                fields = self.read_members(self.members[kind], value, path)
                self.outcomes[key] = call_guarded(ProtocolError, path, lambda: kind(**fields))
            except ProtocolError as error:
                self.outcomes[key] = error
        if isinstance(self.outcomes[key], ProtocolError):
            raise self.outcomes[key]
        return self.outcomes[key]

    def read_members(self, members: Sequence[TypeMember], value: Mapping[str, Any], path: str) -> Dict[str, Any]:
        """The values of the members by name; a default of None makes null a value, whatever the annotation says."""
        found: Dict[str, Any] = {}
        for member in members:
            where, item = join_path(path, member.name), value.get(member.name)
            if member.name in value:
                found[member.name] = None if item is member.default is None else self.read(member.kind, item, where)
            elif member.required:
                raise ProtocolError(format_place(where, "missing"))
        return found


def read_plain(kind: Any, value: Any, path: str) -> Any:
    if isinstance(value, bool) == (kind is bool):
        if isinstance(value, kind):
            return value
        if kind is int and isinstance(value, float) and value.is_integer():
            return int(value)
        if kind is float and isinstance(value, int) and value.bit_length() < 1024:  # a larger one overflows
            return float(value)
    raise wrong_value(NOUNS[kind], value, path)


def read_time(value: Any, path: str) -> datetime:
    time = parse_time(value) if isinstance(value, str) else value
    if not isinstance(time, datetime):
        raise wrong_value("a time such as '2026-11-22T18:35:00Z'", value, path)
    return time


def fold_schema(schema: Mapping[str, Any]) -> Dict[str, Any]:
    """The schema with the keywords that the server drops from a tool told in the description."""
    kept: Dict[str, Any] = {}
    notes = []
    for keyword, value in schema.items():
        if keyword == "properties":
            value = {name: fold_schema(part) for name, part in value.items()}
        elif keyword in ("anyOf", "prefixItems"):
            value = [fold_schema(part) for part in value]
        elif keyword in ("items", "additionalProperties") and isinstance(value, dict):
            value = fold_schema(value)
        if keyword in KEPT_KEYWORDS:
            kept[keyword] = value
        elif keyword != "title":
            notes.append("%s: %s" % (keyword, json.dumps(value, ensure_ascii=False, default=str)))
    if notes:
        kept["description"] = ("%s (%s)" % (kept.get("description", ""), "; ".join(notes))).strip()
    return kept


def format_default(default: Any) -> Dict[str, Any]:
    try:
        value = json.loads(json.dumps(default, allow_nan=False, default=lambda item: item.value))
    except (AttributeError, TypeError, ValueError, RecursionError) as error:  # there is none, or it has no JSON
        check_origin(error)
        return {}
    return {} if value is None else {"default": value}


def wrong_value(noun: str, value: Any, path: str) -> ProtocolError:
    got = NOUNS.get(type(value), type(value).__name__)
    if isinstance(value, (str, float)) or (isinstance(value, int) and value.bit_length() < 128):
        got += " (%.60r)" % (value,)
    return misfit(ProtocolError, path, noun, got)


def check_kind(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, kind):
        raise wrong_value(NOUNS[kind], value, path)
    return value
