# SPDX-License-Identifier: MIT
"""Python functions and types, taken apart: what ``_schema`` makes JSON Schema of, and reads JSON values by.

In: a function, or a class with fields, and a type. Out: name, description and members (``read_signature``), and the base of
a type with its parts (``take_apart``). A type that has no JSON Schema is a RequestError that names its place.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import functools
import inspect
import re
import sys
import types
import typing
from datetime import datetime
from typing import Any, Callable, Dict, List, Literal, NamedTuple, Optional, Sequence, Tuple, Type, Union

from ._decode import ByteSize
from ._errors import OllamaError, RequestError, check_origin, format_place

PLAIN_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
LIST_TYPES = (list, collections.abc.Sequence, collections.abc.Iterable)
DICT_TYPES = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
UNION_TYPES = (Union, getattr(types, "UnionType", Union))
EMPTY = inspect.Parameter.empty
# A section's name stands alone on its line ("Note: slow" may be prose); but "Returns: the sum" is no description.
SECTION = (
    r"(?mi)^(returns?|yields?|raises|(?:(?:keyword )?arg(?:ument)?s|parameters|attributes|examples?|notes?|warnings?"
    r"|todo|references|see also)(?=[ \t]*:[ \t]*$))[ \t]*:"
)
ARGUMENT = r"(?m)^([ \t]*)\*{0,2}(\w+)[ \t]*(?:\(.*?\))?[ \t]*:(.*(?:\n\1[ \t]+.*|\n[ \t]*$)*)"


class TypeMember(NamedTuple):
    """A parameter of a function or a field of a class."""

    name: str
    kind: Any
    required: bool
    default: Any
    description: str = ""


def read_signature(owner: Any) -> Tuple[str, str, List[TypeMember]]:
    """The name, description and members of a function or of a class with fields."""
    inner, bound = (owner.func, owner.keywords) if isinstance(owner, functools.partial) else (owner, ())
    name = getattr(inner, "__name__", type(inner).__name__)
    if not callable(inner) or name == "<lambda>":
        raise RequestError("a tool must be a function with a name, which %.60r is not" % (inner,))
    # What runs when a class or an object is called; of a function it is no Python code, and has nothing to say.
    method = getattr(inner, "__init__") if isinstance(inner, type) else type(inner).__call__
    text, entries = read_docstring(inner)
    if inspect.isfunction(method):
        more, more_entries = read_docstring(method)
        text, entries = text or more, {**entries, **more_entries}
    rows = read_typed_dict(inner) if is_typed_dict(inner) else read_parameters(owner, name)
    scope, members = find_scope(inspect.unwrap(inner)), []
    for row in rows:
        if row.name not in bound:
            path = join_path(name if isinstance(inner, type) else "", row.name)
            kind, note, required = strip_type(evaluate_hint(row.kind, scope, path))
            needed = row.required if required is None else required
            members.append(TypeMember(row.name, kind, needed, row.default, entries.get(row.name) or note))
    return name, text, members


def read_typed_dict(kind: Any) -> List[TypeMember]:
    hints = kind.__annotations__
    keys = getattr(kind, "__required_keys__", hints if kind.__total__ else ())  # Python 3.8 has only __total__
    return [TypeMember(name, hint, name in keys, EMPTY) for name, hint in hints.items()]


def read_parameters(function: Any, owner: str) -> List[TypeMember]:
    members = []
    signature = call_guarded(RequestError, owner, lambda: inspect.signature(function))
    _, told = getattr(getattr(function, "func", function), "for_models", ("", signature.parameters))
    for name, parameter in signature.parameters.items():
        if name not in told:
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise RequestError("%s: a positional-only parameter cannot be given by name" % name)
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            members.append(TypeMember(name, parameter.annotation, parameter.default is EMPTY, parameter.default))
    return members


def find_scope(owner: Any) -> Dict[str, Any]:
    """The names that string annotations of a function or class may use."""
    kind = owner if isinstance(owner, type) else type(owner)
    scope: Dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        scope.update(getattr(sys.modules.get(base.__module__), "__dict__", {}))
    return {**scope, kind.__name__: kind, **getattr(owner, "__globals__", {})}


def evaluate_hint(hint: Any, scope: Dict[str, Any], path: str) -> Any:
    extras: Dict[str, Any] = {"include_extras": True} if sys.version_info >= (3, 9) else {}
    try:
        if isinstance(hint, str) and sys.version_info < (3, 10):
            hint = evaluate_new_spelling(hint, scope)
        holder: Any = types.SimpleNamespace(__annotations__={"hint": hint})
        return typing.get_type_hints(holder, scope, **extras)["hint"]
    except Exception as error:  # an annotation is an expression, and can raise anything
        check_origin(error)
        raise RequestError("%s: the annotation %r cannot be evaluated: %s" % (path, hint, error)) from error


def evaluate_new_spelling(hint: str, scope: Dict[str, Any]) -> Any:
    """The common uses of ``X | Y`` (new in Python 3.10) and ``list[X]`` (3.9) in a string, on an older Python."""
    if sys.version_info < (3, 9):
        scope = {**scope, "list": List, "dict": Dict, "tuple": Tuple, "set": typing.Set}
    bar_outside_of_brackets = r"\|(?![^\[]*\])"
    return Union[tuple(eval(part.strip(), scope) for part in re.split(bar_outside_of_brackets, hint))]


def take_apart(kind: Any, path: str) -> Tuple[Any, Sequence[Any]]:
    """A type as Any, EMPTY, Union, Literal, a plain type, list, tuple, set, dict or a class; and what it is made of.

    The parts of a Literal, which an Enum is too, are pairs of the JSON value and what it stands for.
    """
    kind = strip_type(kind)[0]
    base, parts = typing.get_origin(kind) or kind, typing.get_args(kind)
    choices = parts if str(base).endswith(".Literal") else ()  # typing's or that of typing_extensions
    if kind is Any or kind is EMPTY:
        return kind, ()
    if base in UNION_TYPES:
        return Union, parts
    if isinstance(base, type):
        if issubclass(base, enum.Enum):
            choices = tuple(base)
        if base in PLAIN_TYPES or base is datetime:
            return base, ()
        if base is ByteSize:
            return int, ()
        if base in LIST_TYPES:
            return list, parts or (Any,)
        if base in (tuple, set, frozenset):
            return base, parts or (Any, Ellipsis)
        if base in DICT_TYPES and (not parts or strip_type(parts[0])[0] in (str, Any)):
            return dict, parts[1:] or (Any,)
        if kind is base and (is_model(base) or is_typed_dict(base) or dataclasses.is_dataclass(base)):
            return base, ()
    pairs = [(getattr(choice, "value", choice), choice) for choice in choices]  # an Enum's member has a value
    if pairs and all(type(value) in PLAIN_TYPES for value, _ in pairs):
        return Literal, pairs
    raise RequestError(format_place(path, "%s has no JSON Schema" % format_type(kind)))


def strip_type(kind: Any) -> Tuple[Any, str, Optional[bool]]:
    """A type without Annotated, NotRequired and NewType; the description and whether it is required, if these told."""
    form = str(typing.get_origin(kind)).rpartition(".")[2]  # typing's or that of typing_extensions
    if hasattr(kind, "__metadata__"):
        inner, text, required = strip_type(kind.__origin__)
        texts = [" ".join(text.split()) for text in kind.__metadata__ if isinstance(text, str)]
        return inner, texts[0] if texts else text, required
    if form in ("Required", "NotRequired"):
        inner, text, _ = strip_type(kind.__args__[0])
        return inner, text, form == "Required"
    return strip_type(kind.__supertype__) if hasattr(kind, "__supertype__") else (kind, "", None)


def strip_null(kind: Any) -> Any:
    parts = tuple(part for part in typing.get_args(kind) if part is not type(None))
    return Union[parts] if typing.get_origin(kind) in UNION_TYPES else kind


def is_typed_dict(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__total__")


def is_model(kind: Any) -> bool:
    return hasattr(kind, "model_json_schema") or hasattr(kind, "model_validate")


def format_type(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind).replace("typing.", "")


def read_docstring(owner: Any) -> Tuple[str, Dict[str, str]]:
    """The text before the first section of a Google-style docstring, and what it says of each argument."""
    if hasattr(owner, "for_models"):
        return typing.cast(Tuple[str, Dict[str, str]], owner.for_models)
    text = getattr(owner, "__dict__", {}).get("__doc__", owner.__doc__)  # as it was written
    text = text if isinstance(text, str) else ""
    if dataclasses.is_dataclass(owner) and text.startswith(format_type(owner) + "("):
        text = ""  # dataclass() wrote it
    prose, *sections = re.split(SECTION, inspect.cleandoc(text))
    entries: Dict[str, str] = {}
    for title, body in zip(sections[::2], sections[1::2]):
        if title.lower().startswith(("arg", "keyword", "param", "attr")):
            entries.update((name, " ".join(words.split())) for _, name, words in re.findall(ARGUMENT, body))
    paragraphs = re.split(r"\n\s*\n", prose.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs), entries


def join_path(path: str, name: Any) -> str:
    if not (isinstance(name, str) and name.isidentifier()):
        return "%s[%r]" % (path, name)
    return path + "." + name if path else name


def call_guarded(error_class: Type[OllamaError], path: str, call: Callable[[], Any]) -> Any:
    """What the caller's own code makes; what it raises becomes an error of ours."""
    try:
        return call()
    except Exception as error:
        check_origin(error)
        raise error_class(format_place(path, str(error))) from error
