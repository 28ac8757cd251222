"""Functions and types to JSON Schema, and JSON values back: tables of (type, schema) and (type, value, outcome).

Annotations in this file are strings, as in most programs that run on Python 3.8; the table SPELLINGS holds the others.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import enum
import functools
import json
import random
import re
import sys
import types
import typing
from dataclasses import dataclass, field
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Literal,
    Mapping,
    NamedTuple,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    Type,
    TypedDict,
    Union,
    cast,
)

import pytest
import support

from ollama_stream._errors import ProtocolError, RequestError
from ollama_stream._schema import KEPT_KEYWORDS, function_tool, parse_as, type_schema
from ollama_stream.tools.rounds import call_tool

SEEDS = support.seeds(20)
ANY = {"type": ["string", "number", "boolean", "object", "array", "null"]}
INTEGERS = {"type": "array", "items": {"type": "integer"}}

if sys.version_info >= (3, 11):
    from typing import Annotated, NotRequired, Required
else:  # pytest brings typing_extensions along on these
    from typing_extensions import Annotated, NotRequired, Required


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Unit(str, enum.Enum):
    METRIC = "metric"
    IMPERIAL = "imperial"


class Empty(enum.Enum):
    pass


class Corner(enum.Enum):
    ORIGIN = (0, 0)


UserId = NewType("UserId", int)
Town = Annotated[str, "A town,\n  with its   country"]


@dataclass
class Person:
    name: str
    age: int
    nick: Optional[str] = None


@dataclass
class Team:
    """A team.

    Attributes:
        lead: who decides
    """

    lead: Person
    people: List[Person] = field(default_factory=list)
    color: Color = Color.RED


@dataclass
class Positive:
    number: int
    hidden: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.number <= 0:
            raise ValueError("number must be positive")


@dataclass
class Node:
    value: int
    children: List[Node] = field(default_factory=list)


@dataclass
class Husband:
    wife: Optional[Wife] = None


@dataclass
class Wife:
    husband: Optional[Husband] = None


@dataclass
class Plus:
    parts: List[Union[Plus, Times]]
    plus: bool


@dataclass
class Times:
    parts: List[Union[Plus, Times]]
    times: bool


class Movie(TypedDict):
    title: str
    year: int


class Sequel(Movie, total=False):
    number: int


class Partial(TypedDict, total=False):
    seen: Required[bool]
    stars: int


class Booking(TypedDict):
    seat: Annotated[str, "row and number"]
    note: NotRequired[str]


Odd = TypedDict("Odd", {"x-y": int, "in": str})


class Model:
    """What pydantic's classes offer."""

    def __init__(self, city: str) -> None:
        self.city = city

    @classmethod
    def model_json_schema(cls) -> Dict[str, Any]:
        return {"title": "Model", "type": "object", "properties": {"city": {"$ref": "#/$defs/C"}}, "$defs": {"C": ANY}}

    @classmethod
    def model_validate(cls, value: Any) -> Model:
        if not isinstance(value, dict):
            raise TypeError("no dict")
        return cls(value["city"])


class Broken:
    @classmethod
    def model_json_schema(cls) -> Dict[str, Any]:
        raise KeyError("broken")


Content = typing.TypeVar("Content")


@dataclass
class Page(typing.Generic[Content]):
    content: Content


class Point(NamedTuple):
    x: int
    y: int


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "nick": {"type": ["string", "null"]},
    },
    "required": ["name", "age"],
}
MOVIE = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "year": {"type": "integer"}},
    "required": ["title", "year"],
}

SCHEMAS = [
    ("str", str, {"type": "string"}),
    ("int", int, {"type": "integer"}),
    ("float", float, {"type": "number"}),
    ("bool", bool, {"type": "boolean"}),
    ("Any is written out", Any, ANY),
    ("list", list, {"type": "array"}),
    ("typing.List", List, {"type": "array"}),
    ("List[int]", List[int], INTEGERS),
    ("List[Any]", List[Any], {"type": "array"}),
    ("Sequence[str]", Sequence[str], {"type": "array", "items": {"type": "string"}}),
    ("Iterable[str]", Iterable[str], {"type": "array", "items": {"type": "string"}}),
    ("Set[str]", Set[str], {"type": "array", "items": {"type": "string"}}),
    ("FrozenSet[str]", FrozenSet[str], {"type": "array", "items": {"type": "string"}}),
    ("tuple", tuple, {"type": "array"}),
    ("Tuple[int, ...]", Tuple[int, ...], INTEGERS),
    (
        "Tuple[int, str]",
        Tuple[int, str],
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
    ),
    ("dict", dict, {"type": "object"}),
    ("Mapping", Mapping, {"type": "object"}),
    ("Dict[str, Any]", Dict[str, Any], {"type": "object"}),
    ("Dict[str, int]", Dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    ("Optional[int]", Optional[int], {"type": ["integer", "null"]}),
    ("Union as written", Union[str, int, None], {"type": ["string", "integer", "null"]}),
    ("Union as written, turned", Union[int, str], {"type": ["integer", "string"]}),
    ("Union with an array", Union[List[int], str], {"anyOf": [INTEGERS, {"type": "string"}]}),
    ("Union with Any", Union[int, Any], {"anyOf": [{"type": "integer"}, ANY]}),
    ("Optional[Color]", Optional[Color], {"anyOf": [{"type": "string", "enum": ["red", "blue"]}, {"type": "null"}]}),
    ("Literal", Literal["b", "a"], {"type": "string", "enum": ["b", "a"]}),
    ("Literal, mixed", Literal["a", 1, None], {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}),
    ("Literal of an Enum", Literal[Color.BLUE], {"type": "string", "enum": ["blue"]}),
    ("Enum", Color, {"type": "string", "enum": ["red", "blue"]}),
    ("IntEnum", Level, {"type": "integer", "enum": [1, 2]}),
    ("str and Enum", Unit, {"type": "string", "enum": ["metric", "imperial"]}),
    ("NewType", UserId, {"type": "integer"}),
    ("Annotated", Town, {"type": "string", "description": "A town, with its country"}),
    ("Annotated without text", Annotated[int, 3], {"type": "integer"}),
    ("Annotated inside", List[Annotated[str, "n"]], {"type": "array", "items": {"type": "string", "description": "n"}}),
    ("dataclass", Person, PERSON),
    (
        "nested dataclasses",
        Team,
        {
            "type": "object",
            "description": "A team.",
            "properties": {
                "lead": {**PERSON, "description": "who decides"},
                "people": {"type": "array", "items": PERSON},
                "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            },
            "required": ["lead"],
        },
    ),
    (
        "a field that is not in __init__",
        Positive,
        {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
    ),
    ("TypedDict", Movie, MOVIE),
    (
        "TypedDict, NotRequired",
        Booking,
        {
            "type": "object",
            "properties": {"seat": {"type": "string", "description": "row and number"}, "note": {"type": "string"}},
            "required": ["seat"],
        },
    ),
    (
        "TypedDict, Required",
        Partial,
        {
            "type": "object",
            "properties": {"seen": {"type": "boolean"}, "stars": {"type": "integer"}},
            "required": ["seen"],
        },
    ),
    (
        "TypedDict with keys that are no names",
        Odd,
        {
            "type": "object",
            "properties": {"x-y": {"type": "integer"}, "in": {"type": "string"}},
            "required": ["x-y", "in"],
        },
    ),
    (
        "a type that holds itself",
        Node,
        {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "integer"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                    },
                    "required": ["value"],
                }
            },
        },
    ),
    (
        "a type that holds itself through another",
        List[Husband],
        {
            "type": "array",
            "items": {"$ref": "#/$defs/Husband"},
            "$defs": {
                "Husband": {
                    "type": "object",
                    "properties": {
                        "wife": {
                            "anyOf": [
                                {
                                    "type": "object",
                                    "properties": {
                                        "husband": {"anyOf": [{"$ref": "#/$defs/Husband"}, {"type": "null"}]}
                                    },
                                    "required": [],
                                },
                                {"type": "null"},
                            ]
                        }
                    },
                    "required": [],
                }
            },
        },
    ),
    ("a model's own schema", Model, Model.model_json_schema()),
    (
        "a model inside",
        List[Model],
        {
            "type": "array",
            "items": {"title": "Model", "type": "object", "properties": {"city": {"$ref": "#/$defs/C"}}},
            "$defs": {"C": ANY},
        },
    ),
]


def ids(table: Sequence[Sequence[Any]]) -> List[str]:
    assert table
    return [row[0] for row in table]


@pytest.mark.parametrize("name, kind, schema", SCHEMAS, ids=ids(SCHEMAS))
def test_a_type_has_its_schema(name: str, kind: Any, schema: Dict[str, Any]) -> None:
    assert type_schema(kind) == schema
    assert json.dumps(type_schema(kind)) == json.dumps(type_schema(kind))


def test_the_fields_of_a_dataclass_keep_their_order() -> None:
    assert list(type_schema(Person)["properties"]) == ["name", "age", "nick"]


@pytest.mark.skipif(sys.version_info < (3, 9), reason="Python 3.8 forgets which keys of a TypedDict are inherited")
def test_an_inherited_key_keeps_its_requirement() -> None:
    assert type_schema(Sequel)["required"] == ["title", "year"]


NO_SCHEMA = [
    ("bytes", bytes, "bytes has no JSON Schema"),
    ("complex", complex, "complex has no JSON Schema"),
    ("a class", random.Random, "Random has no JSON Schema"),
    ("a named tuple", Point, "Point has no JSON Schema"),
    ("a callable", Callable, None),
    ("a class of a class", Type[int], None),
    ("inside a list", List[bytes], None),
    ("keys that are no strings", Dict[int, str], "Dict[int, str] has no JSON Schema"),
    ("an Enum of tuples", Corner, "Corner has no JSON Schema"),
    ("an Enum of nothing", Empty, "Empty has no JSON Schema"),
    ("Literal of bytes", Literal[b"x"], "Literal[b'x'] has no JSON Schema"),
    ("no type", 3, "3 has no JSON Schema"),
    ("a list of types", [int], None),
    ("a string", "int", None),
    ("a name without a type", List["Nowhere"], None),  # type: ignore[name-defined]  # noqa: F821
    ("a type variable", typing.TypeVar("Anything"), "~Anything has no JSON Schema"),
    ("a generic class", Page[int], None),
]


@pytest.mark.parametrize("name, kind, message", NO_SCHEMA, ids=ids(NO_SCHEMA))
def test_a_type_without_a_schema_is_refused(name: str, kind: Any, message: Optional[str]) -> None:
    with pytest.raises(RequestError, match="has no JSON Schema") as caught:
        type_schema(kind)
    assert message is None or str(caught.value) == message
    with pytest.raises(RequestError, match="has no JSON Schema"):
        parse_as(kind, [{}])


def test_classes_of_one_name_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from typing import Optional\n@dataclass\nclass Node:\n    %s: Optional[Node] = None\n"
    one = module_of("one", source % "one", monkeypatch)["Node"]
    two = module_of("two", source % "two", monkeypatch)["Node"]
    plain = dataclasses.make_dataclass("Node", [("three", int)])
    schema = type_schema(Tuple[one, two, plain])
    assert schema["prefixItems"][:2] == [{"$ref": "#/$defs/Node"}, {"$ref": "#/$defs/Node_"}]
    assert list(schema["prefixItems"][2]["properties"]) == ["three"]
    assert list(schema["$defs"]["Node"]["properties"]) == ["one"]
    assert list(schema["$defs"]["Node_"]["properties"]) == ["two"]


def test_models_whose_definitions_differ_are_refused() -> None:
    class Other:
        @classmethod
        def model_json_schema(cls) -> Dict[str, Any]:
            return {"$ref": "#/$defs/C", "$defs": {"C": {"type": "object"}}}

    with pytest.raises(RequestError, match=r"^\[1\]: two types are called C$"):
        type_schema(Tuple[Model, Other])


def test_a_class_whose_own_schema_fails_is_refused() -> None:
    with pytest.raises(RequestError, match="^items: 'broken'$"):
        type_schema(dataclasses.make_dataclass("Outer", [("items", Broken)]))


def test_a_field_without_a_schema_is_named() -> None:
    inner = dataclasses.make_dataclass("Inner", [("raw", List[bytes])])
    outer = dataclasses.make_dataclass("Outer", [("items", List[inner])])  # type: ignore[valid-type]
    with pytest.raises(RequestError) as caught:
        type_schema(outer)
    assert str(caught.value) == "items[].raw[]: bytes has no JSON Schema"


# -- Values


READS = [
    ("str", str, "", ""),
    ("int", int, 3, 3),
    ("an integer as a float", int, 3.0, 3),
    ("float", float, 3.5, 3.5),
    ("a float as an integer", float, 3, 3.0),
    ("bool", bool, True, True),
    ("Any", Any, {"a": [None]}, {"a": [None]}),
    ("list", List[int], [1, 2.0], [1, 2]),
    ("Sequence", Sequence[int], [1], [1]),
    ("tuple", Tuple[int, str], [1, "a"], (1, "a")),
    ("tuple of any length", Tuple[int, ...], [1, 2, 3], (1, 2, 3)),
    ("an empty tuple of any length", Tuple[int, ...], [], ()),
    ("set", Set[int], [1, 1], {1}),
    ("frozenset", FrozenSet[int], [1], frozenset([1])),
    ("dict", Dict[str, float], {"a": 1}, {"a": 1.0}),
    ("Optional, null", Optional[int], None, None),
    ("Optional", Optional[int], 3, 3),
    ("an integer is an int first", Union[float, int], 3, 3),
    ("a float is a float first", Union[int, float], 3.0, 3.0),
    ("the first that fits", Union[Color, str], "red", Color.RED),
    ("the next that fits", Union[Color, str], "green", "green"),
    ("Union of classes", Union[Person, Movie], {"title": "M", "year": 1931}, {"title": "M", "year": 1931}),
    ("Literal", Literal["a", 1], 1, 1),
    ("Literal, a bool is no integer", Literal[1, True], True, True),
    ("Literal of an Enum", Literal[Color.BLUE], "blue", Color.BLUE),
    ("Enum", Color, "red", Color.RED),
    ("IntEnum", Level, 2, Level.HIGH),
    ("NewType", UserId, 7, 7),
    ("Annotated", Town, "Graz", "Graz"),
    ("dataclass", Person, {"name": "A", "age": 3}, Person("A", 3)),
    ("dataclass, an unknown key", Person, {"name": "A", "age": 3, "shoe": 40}, Person("A", 3)),
    (
        "nested",
        Team,
        {"lead": {"name": "A", "age": 3}, "people": [{"name": "B", "age": 4, "nick": "b"}], "color": "blue"},
        Team(Person("A", 3), [Person("B", 4, "b")], Color.BLUE),
    ),
    ("a type that holds itself", Node, {"value": 1, "children": [{"value": 2}]}, Node(1, [Node(2)])),
    ("TypedDict", Movie, {"title": "M", "year": 1931.0, "x": 1}, {"title": "M", "year": 1931}),
    ("TypedDict, NotRequired", Booking, {"seat": "A1"}, {"seat": "A1"}),
    ("TypedDict with keys that are no names", Odd, {"x-y": 1, "in": "b"}, {"x-y": 1, "in": "b"}),
    ("a wide integer", int, 10**5000, 10**5000),
]


@pytest.mark.parametrize("name, kind, value, result", READS, ids=ids(READS))
def test_a_value_becomes_an_instance(name: str, kind: Any, value: Any, result: Any) -> None:
    before = copy.deepcopy(value)
    found = parse_as(kind, value)
    assert (type(found), found) == (type(result), result)
    assert value == before


def test_a_model_validates_itself() -> None:
    assert parse_as(Model, {"city": "Graz"}).city == "Graz"
    assert [model.city for model in parse_as(List[Model], [{"city": "Graz"}])] == ["Graz"]


WRONG = [
    ("str", str, 3, "expected a string, got an integer (3)"),
    ("str, null", str, None, "expected a string, got null"),
    ("int", int, "3", "expected an integer, got a string ('3')"),
    ("int, a part", int, 3.5, "expected an integer, got a number (3.5)"),
    ("int, infinity", int, float("inf"), "expected an integer, got a number (inf)"),
    ("int, nan", int, float("nan"), "expected an integer, got a number (nan)"),
    ("int, bool", int, True, "expected an integer, got a boolean (True)"),
    ("float, bool", float, False, "expected a number, got a boolean (False)"),
    ("float, too wide", float, 10**400, "expected a number, got an integer"),
    ("float, wider than Python prints", float, 10**5000, "expected a number, got an integer"),
    ("bool", bool, 1, "expected a boolean, got an integer (1)"),
    ("null", type(None), 0, "expected null, got an integer (0)"),
    ("list", List[int], {}, "expected an array, got an object"),
    ("list, a string", List[str], "abc", "expected an array, got a string ('abc')"),
    ("in a list", List[int], [1, "x"], "[1]: expected an integer, got a string ('x')"),
    ("tuple, short", Tuple[int, str], [1], "expected an array of 2, got one of 1"),
    ("in a tuple", Tuple[int, str], [1, 2], "[1]: expected a string, got an integer (2)"),
    ("dict", Dict[str, int], [], "expected an object, got an array"),
    ("in a dict", Dict[str, int], {"a": 1, "b": "c"}, "b: expected an integer, got a string ('c')"),
    ("in a dict, an odd key", Dict[str, int], {"a b": None}, "['a b']: expected an integer, got null"),
    ("Enum", Color, "green", "expected one of 'red', 'blue', got a string ('green')"),
    ("Literal", Literal["a", 1], 2, "expected one of 'a', 1, got an integer (2)"),
    ("Literal, a bool is no integer", Literal[1], True, "expected one of 1, got a boolean (True)"),
    ("Union", Union[int, str], [], "expected an integer or a string, got an array"),
    ("Union of classes", Union[Person, Movie], {"a": 1}, "expected Person or Movie, got an object"),
    ("Optional tells the inner error", Optional[Person], {"name": "A"}, "age: missing"),
    ("dataclass", Person, [], "expected an object, got an array"),
    ("TypedDict", Movie, {"title": "M"}, "year: missing"),
    (
        "nested",
        Team,
        {"lead": {"name": "A", "age": 3}, "people": [{"name": "B", "age": "old"}]},
        "people[0].age: expected an integer, got a string ('old')",
    ),
    ("a check of the class", List[Positive], [{"number": 0}], "[0]: number must be positive"),
    ("a model", List[Model], [3], "[0]: no dict"),
    ("a value that is no JSON", int, b"3", "expected an integer, got bytes"),
    ("a lone surrogate", int, "\ud800", "expected an integer, got a string ('\\ud800')"),
    ("a long string", int, "x" * 1000, "expected an integer, got a string ('" + "x" * 59 + ")"),
]


@pytest.mark.parametrize("name, kind, value, message", WRONG, ids=ids(WRONG))
def test_a_wrong_value_names_its_path(name: str, kind: Any, value: Any, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_as(kind, value)
    assert str(caught.value) == message


def test_a_path_given_stands_first() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_as(List[Person], [{"name": "A", "age": "old"}], "answer.people")
    assert str(caught.value) == "answer.people[0].age: expected an integer, got a string ('old')"


def test_a_set_of_what_cannot_be_in_one_is_refused() -> None:
    with pytest.raises(RequestError, match="^tags: .*unhashable type: "):
        parse_as(Set[Person], [{"name": "A", "age": 3}], "tags")


def test_a_value_nested_too_deeply_is_a_protocol_error() -> None:
    value: Dict[str, Any] = {"value": 0}
    for _ in range(10000):
        value = {"value": 0, "children": [value]}
    with pytest.raises(ProtocolError) as caught:
        parse_as(Node, value, "tree")
    assert str(caught.value) == "tree: nested too deeply"


def test_the_depth_at_which_a_value_is_refused_makes_no_other_error(request: Any) -> None:
    request.addfinalizer(functools.partial(sys.setrecursionlimit, sys.getrecursionlimit()))
    sys.setrecursionlimit(1000)  # some libraries raise it
    value: Dict[str, Any] = {"value": 0, "children": []}
    outcomes = []
    step = 3 if support.seeds(0) else 8
    for _ in range(400 // step):
        for _ in range(step):
            value = {"value": 0, "children": [value]}
        try:
            parse_as(Node, value)
            outcomes.append("read")
        except ProtocolError:
            outcomes.append("refused")
    assert sorted(outcomes) == outcomes and set(outcomes) == {"read", "refused"}


@pytest.mark.parametrize("leaf", [{"parts": [], "times": True}, {"parts": []}], ids=["good", "bad"])
def test_a_union_of_classes_is_read_in_linear_time(leaf: Dict[str, Any]) -> None:
    value = leaf
    for _ in range(60):  # 2 ** 60 readings, were each level tried twice
        value = {"parts": [value], "times": True}
    either: Any = Union[Plus, Times]
    if "times" in leaf:
        assert isinstance(parse_as(either, value), Times)
    else:
        with pytest.raises(ProtocolError, match="^expected Plus or Times, got an object$"):
            parse_as(either, value)


# -- Tools


def get_weather(  # type: ignore[no-untyped-def]
    city: Town,
    days: int = 3,
    unit: Unit = Unit.METRIC,
    tags: Optional[List[str]] = None,
    within: Optional[Tuple[float, float]] = (0, 1.5),
    *more: int,
    sky: Literal["clear", "any"],
    limits: Dict[str, int],
    where: Optional[Person],
    note="",
    **options: str,
) -> str:
    """Tell the weather
    of a   town.

    The forecast is of the station nearby.
    Note: it is late.

    Args:
        days (int, optional): how many days
            to look: ahead

            of today
        sky: which sky
        unit:
            metric or not
        **options: nothing

    Returns:
        days: the forecast
    """
    return repr((city, days, unit, tags, within, more, sky, limits, where, note, options))


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a town.\n\nThe forecast is of the station nearby. Note: it is late.",
        "parameters": {
            "type": "object",
            "required": ["city", "sky", "limits", "where"],
            "properties": {
                "city": {"type": "string", "description": "A town, with its country"},
                "days": {"type": "integer", "description": "how many days to look: ahead of today (default: 3)"},
                "unit": {
                    "type": "string",
                    "enum": ["metric", "imperial"],
                    "description": 'metric or not (default: "metric")',
                },
                "tags": {"type": "array", "items": {"type": "string"}},
                "within": {
                    "anyOf": [
                        {
                            "type": "array",
                            "description": '(prefixItems: [{"type": "number"}, {"type": "number"}]; '
                            "minItems: 2; maxItems: 2)",
                        },
                        {"type": "null"},
                    ],
                    "description": "(default: [0, 1.5])",
                },
                "sky": {"type": "string", "enum": ["clear", "any"], "description": "which sky"},
                "limits": {"type": "object", "description": '(additionalProperties: {"type": "integer"})'},
                "where": {"anyOf": [PERSON, {"type": "null"}]},
                "note": {"type": "string", "description": '(default: "")'},
            },
        },
    },
}


def test_a_function_becomes_a_tool() -> None:
    assert function_tool(get_weather) == WEATHER
    assert json.dumps(function_tool(get_weather)) == json.dumps(function_tool(get_weather))


class Flat:
    @classmethod
    def model_json_schema(cls) -> Dict[str, Any]:
        count = {"title": "Count", "type": "integer", "minimum": 1, "default": 2}
        return {"title": "Flat", "type": "object", "properties": {"count": count}, "additionalProperties": False}


FOLDED = [
    ("values of a dict", Dict[str, int], {"type": "object"}, '(additionalProperties: {"type": "integer"})'),
    (
        "in the items of an array",
        List[Dict[str, int]],
        {"type": "array", "items": {"type": "object", "description": '(additionalProperties: {"type": "integer"})'}},
        None,
    ),
    (
        "in the values of a dict",
        Dict[str, Dict[str, int]],
        {"type": "object"},
        '(additionalProperties: {"type": "object", '
        '"description": "(additionalProperties: {\\"type\\": \\"integer\\"})"})',
    ),
    (
        "in a tuple",
        Tuple[Flat],
        {"type": "array"},
        '(prefixItems: [{"type": "object", "properties": {"count": {"type": "integer", '
        '"description": "(minimum: 1; default: 2)"}}, "description": "(additionalProperties: false)"}]; '
        "minItems: 1; maxItems: 1)",
    ),
    (
        "in a model",
        Flat,
        {
            "type": "object",
            "properties": {"count": {"type": "integer", "description": "(minimum: 1; default: 2)"}},
        },
        "(additionalProperties: false)",
    ),
    (
        "after a text",
        Annotated[Dict[str, str], "names"],
        {"type": "object"},
        'names (additionalProperties: {"type": "string"})',
    ),
]


@pytest.mark.parametrize("case, kind, schema, text", FOLDED, ids=ids(FOLDED))
def test_what_the_server_drops_is_told(case: str, kind: Any, schema: Dict[str, Any], text: Optional[str]) -> None:
    def f(n: Any) -> None:
        pass

    f.__annotations__["n"] = kind
    expected = {**schema, "description": text} if text else schema
    assert function_tool(f)["function"]["parameters"]["properties"]["n"] == expected


def deep_list() -> List[Any]:
    value: List[Any] = []
    for _ in range(100000):
        value = [value]
    return value


DEFAULTS_SHOWN = [
    ("None", None, None),
    ("a string", "é", '(default: "é")'),
    ("an Enum in a list", [Color.RED, Level.LOW], '(default: ["red", 1])'),
    ("a tuple", (1, 2.5, True), "(default: [1, 2.5, true])"),
    ("a dict", {"a": None}, '(default: {"a": null})'),
    ("nan has no JSON", float("nan"), None),
    ("a set has no JSON", {1}, None),
    ("an object has no JSON", object(), None),
    ("keys that are no strings", {(1, 2): 3}, None),
    ("nested too deeply", deep_list(), None),
]


@pytest.mark.parametrize("case, default, text", DEFAULTS_SHOWN, ids=ids(DEFAULTS_SHOWN))
def test_a_default_is_told_where_it_has_json(case: str, default: Any, text: Optional[str]) -> None:
    def f(n: str = default) -> None:
        pass

    assert function_tool(f)["function"]["parameters"] == {
        "type": "object",
        "required": [],
        "properties": {"n": {"type": "string", **({"description": text} if text else {})}},
    }


def test_a_docstring_says_more_than_the_type() -> None:
    def f(city: Town) -> None:
        """Args:
        city: where to go
        """

    assert function_tool(f)["function"]["parameters"]["properties"]["city"]["description"] == "where to go"


def test_the_parameters_keep_their_order() -> None:
    names = ["city", "days", "unit", "tags", "within", "sky", "limits", "where", "note"]
    assert list(function_tool(get_weather)["function"]["parameters"]["properties"]) == names


class Station:
    """A weather station.

    Args:
        city: of the class
        days: how many
    """

    def __init__(self, city: str = "Graz") -> None:
        """Args:
        city: where it stands
        """
        self.city = city

    def __call__(self, city: str, days: int = 1) -> str:
        """Call it.

        Args:
            city: of the call
        """
        return "%s %d" % (city, days)

    def method(self, days: int) -> str:
        """Of a method."""
        return "%s %d" % (self.city, days)

    @classmethod
    def made(cls, city: str) -> Station:
        return cls(city)

    @staticmethod
    def fixed(n: int) -> int:
        return n


def plain(a, b: int = 1):  # type: ignore[no-untyped-def]
    return a, b


@functools.wraps(plain)
def wrapped(*args: Any, **kwargs: Any) -> Any:
    return plain(*args, **kwargs)


async def later(n: int) -> int:
    """Later."""
    return n


def cached(n: int) -> int:
    """Twice."""
    return 2 * n


CALLABLES = [
    ("a plain function", plain, "plain", "", ["a"], {"a": {"type": "string"}, "b": ("integer", "(default: 1)")}),
    ("a wrapped function", wrapped, "plain", "", ["a"], {"a": {"type": "string"}, "b": ("integer", "(default: 1)")}),
    ("a bound method", Station().method, "method", "Of a method.", ["days"], {"days": {"type": "integer"}}),
    ("a class method", Station.made, "made", "", ["city"], {"city": {"type": "string"}}),
    ("a static method", Station.fixed, "fixed", "", ["n"], {"n": {"type": "integer"}}),
    (
        "a callable object",
        Station(),
        "Station",
        "A weather station.",
        ["city"],
        {"city": ("string", "of the call"), "days": ("integer", "how many (default: 1)")},
    ),
    (
        "a class",
        Station,
        "Station",
        "A weather station.",
        [],
        {"city": ("string", 'where it stands (default: "Graz")')},
    ),
    ("a partial", functools.partial(plain, b=2), "plain", "", ["a"], {"a": {"type": "string"}}),
    ("a partial by place", functools.partial(plain, 1), "plain", "", [], {"b": ("integer", "(default: 1)")}),
    (
        "a partial of a partial of a method",
        functools.partial(functools.partial(Station().method), days=2),
        "method",
        "Of a method.",
        [],
        {},
    ),
    (
        "a partial of an object",
        functools.partial(Station(), "Graz"),
        "Station",
        "A weather station.",
        [],
        {"days": ("integer", "how many (default: 1)")},
    ),
    ("an async function", later, "later", "Later.", ["n"], {"n": {"type": "integer"}}),
    ("a cached function", functools.lru_cache()(cached), "cached", "Twice.", ["n"], {"n": {"type": "integer"}}),
]


@pytest.mark.parametrize("case, function, name, text, required, properties", CALLABLES, ids=ids(CALLABLES))
def test_what_can_be_called_is_a_tool(
    case: str, function: Any, name: str, text: str, required: List[str], properties: Dict[str, Any]
) -> None:
    for key, value in properties.items():
        if isinstance(value, tuple):
            properties = {**properties, key: {"type": value[0], "description": value[1]}}
    assert function_tool(function)["function"] == {
        "name": name,
        "description": text,
        "parameters": {"type": "object", "required": required, "properties": properties},
    }


DOCSTRINGS = [
    ("none", None, "", None),
    ("no text", "", "", None),
    ("one line", "Add.", "Add.", None),
    ("paragraphs", "Add\n   two.\n\n\n  And   more.\n ", "Add two.\n\nAnd more.", None),
    ("Args", "Add.\n\nArgs:\n  n: one", "Add.", "one"),
    ("Arguments", "Add.\n\nArguments:\n  n: one", "Add.", "one"),
    ("Parameters", "Add.\n\nParameters:\n  n: one", "Add.", "one"),
    ("Keyword Args", "Add.\n\nKeyword Args:\n  n: one", "Add.", "one"),
    ("lower case", "Add.\n\nargs:\n  n: one", "Add.", "one"),
    ("sections alone", "Args:\n  n: one\nReturns:\n  n: two", "", "one"),
    ("a section before", "Add.\nRaises:\n  n: two\nArgs:\n  n: one", "Add.", "one"),
    ("text after Returns", "Add.\nReturns: the sum", "Add.", None),
    ("prose like a section", "Add.\nNote: slow\nExample: one", "Add. Note: slow Example: one", None),
    ("an indented section is none", "Add:\n  Args:\n    n: one\nend", "Add: Args: n: one end", None),
    ("a type", "Args:\n  n (int): one", "", "one"),
    ("a type with brackets", "Args:\n  n (Optional[Tuple[int, (x)]]): one: two", "", "one: two"),
    ("joined lines", "Args:\n  n: one\n    two:\n      three\n  m: four", "", "one two: three"),
    ("text on the next line", "Args:\n  n:\n    one", "", "one"),
    ("a blank line within", "Args:\n  n: one\n\n    two", "", "one two"),
    ("another parameter", "Args:\n  m: one", "", None),
    ("tabs", "Add.\n\n\tArgs:\n\t\tn: one\n\t\t\ttwo", "Add.", "one two"),
    ("no indent", "Args:\nn: one\nm: two", "", "one"),
    ("no string", 3, "", None),
]


@pytest.mark.parametrize("case, docstring, text, entry", DOCSTRINGS, ids=ids(DOCSTRINGS))
def test_a_docstring_describes(case: str, docstring: Any, text: str, entry: Optional[str]) -> None:
    def add(n: int) -> int:
        return n

    add.__doc__ = docstring
    found = function_tool(add)["function"]
    assert found["description"] == text
    assert found["parameters"]["properties"]["n"] == {"type": "integer", **({"description": entry} if entry else {})}


def function_of(parameters: str) -> Any:
    scope: Dict[str, Any] = dict(vars(typing), __name__="elsewhere")
    exec("from __future__ import annotations\ndef f(%s): return n" % parameters, scope)
    return scope["f"]


SPELLINGS = [
    ("int", "int", {"type": "integer"}),
    ("a string in a string", "'int'", {"type": "integer"}),
    ("None", "None", {"type": "null"}),
    ("Optional", "Optional[int]", {"type": ["integer", "null"]}),
    ("a bar", "int | None", {"type": ["integer", "null"]}),
    ("bars", "str | int|None", {"type": ["string", "integer", "null"]}),
    ("list[]", "list[int]", INTEGERS),
    ("dict[]", "dict[str, Any]", {"type": "object"}),
    ("set[]", "set[str]", {"type": "array", "items": {"type": "string"}}),
    ("tuple[]", "tuple[int, ...]", INTEGERS),
    ("list", "list", {"type": "array"}),
    ("list[] and a bar", "list[int] | None", {"anyOf": [INTEGERS, {"type": "null"}]}),
    ("a bar and list[]", "str | list[int]", {"anyOf": [{"type": "string"}, INTEGERS]}),
    ("a bar in a Literal", "Literal['a|b', 'c']", {"type": "string", "enum": ["a|b", "c"]}),
    ("a forward name in brackets", "List['int']", INTEGERS),
]


@pytest.mark.parametrize("case, spelling, schema", SPELLINGS, ids=ids(SPELLINGS))
def test_an_annotation_may_be_a_string_in_any_spelling(case: str, spelling: str, schema: Dict[str, Any]) -> None:
    function = function_of("n: " + spelling)
    assert function_tool(function)["function"]["parameters"]["properties"] == {"n": schema}


@pytest.mark.skipif(sys.version_info < (3, 10), reason="X | Y is new in Python 3.10")
def test_an_annotation_may_be_a_union_with_a_bar() -> None:
    scope: Dict[str, Any] = {}
    exec("def f(n: str | int | None, m: list[int] | None = None): return n, m", scope)
    assert function_tool(scope["f"])["function"]["parameters"]["properties"] == {
        "n": {"type": ["string", "integer", "null"]},
        "m": INTEGERS,
    }


def module_of(name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    module = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec("from __future__ import annotations\nfrom dataclasses import dataclass\n" + source, module.__dict__)
    return module.__dict__


def test_an_annotation_is_read_in_the_module_it_was_written_in(monkeypatch: pytest.MonkeyPatch) -> None:
    far = module_of(
        "far",
        "Far = float\nNear = bytes\n@dataclass\nclass Base:\n    far: Far\ndef function(n: Far): return n",
        monkeypatch,
    )
    source = "from far import Base\nNear = int\n@dataclass\nclass Made(Base):\n    near: Near"
    near = module_of("near", source, monkeypatch)
    assert type_schema(near["Made"])["properties"] == {"far": {"type": "number"}, "near": {"type": "integer"}}

    @functools.wraps(far["function"])
    def around(*args: Any) -> Any:
        return args

    assert function_tool(around)["function"]["parameters"]["properties"] == {"n": {"type": "number"}}


def test_a_class_in_a_function_may_hold_itself() -> None:
    @dataclass
    class Link:
        rest: Optional[Link] = None

    assert parse_as(Link, {"rest": {"rest": None}}) == Link(Link())


def positional(n: int, m: int = 0) -> int:
    return n


def walk(tree: Node) -> None:
    pass


def ask(model: Model) -> None:
    pass


REFUSED = [
    ("a lambda", lambda n: n, r"^a tool must be a function with a name, which <function <lambda> at .* is not$"),
    ("no function", 3, r"^a tool must be a function with a name, which 3 is not$"),
    ("a dict", {"a": 1}, r"^a tool must be a function with a name, which \{'a': 1\} is not$"),
    ("None", None, r"^a tool must be a function with a name, which None is not$"),
    ("a partial of a lambda", functools.partial(lambda n: n, 1), r"^a tool must be a function with a name"),
    ("no signature", print if sys.version_info < (3, 11) else getattr, r"^(print|getattr): "),
    ("a positional-only parameter", len, r"^obj: a positional-only parameter cannot be given by name$"),
    ("a wrong partial", functools.partial(cast(Any, positional), 1, 2, 3), r"^positional: "),
    ("bytes", function_of("n: bytes"), r"^n: bytes has no JSON Schema$"),
    ("a class", function_of("n: List[type]"), r"^n\[\]: type has no JSON Schema$"),
    ("an unknown name", function_of("m: int, n: Nowhere"), r"^n: the annotation 'Nowhere' cannot be evaluated: name "),
    ("no expression", function_of("n: 'a b'"), r"^n: the annotation .*a b.* cannot be evaluated: "),
    ("an expression that fails", function_of("n: 1 / 0"), r"^n: the annotation '1 / 0' cannot be evaluated: "),
    (
        "an unknown name in a class",
        dataclasses.make_dataclass("Made", [("n", "Nowhere")]),
        r"^Made\.n: the annotation 'Nowhere' cannot be evaluated: name 'Nowhere' is not defined$",
    ),
    ("a type that holds itself", walk, r"^a tool cannot have the \$ref that this type needs: Node$"),
    ("a model with definitions", ask, r"^a tool cannot have the \$ref that this type needs: C$"),
]


@pytest.mark.parametrize("case, function, message", REFUSED, ids=ids(REFUSED))
def test_what_cannot_be_a_tool_is_refused(case: str, function: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        function_tool(function)


def test_no_keyword_that_the_server_drops_is_left() -> None:
    def keywords(schema: Mapping[str, Any]) -> Set[str]:
        inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), schema.get("items", {})]
        return set(schema).union(*(keywords(part) for part in inner if part))

    def all_of_them(team: Team, movie: Movie, node: Optional[Tuple[Person, Dict[str, Set[int]]]]) -> None:
        pass

    assert keywords(function_tool(all_of_them)["function"]["parameters"]) <= set(KEPT_KEYWORDS)


# -- Calls


def record(  # type: ignore[no-untyped-def]
    name: str,
    n: int = 1,
    kind: Color = Color.RED,
    people: Sequence[Person] = (),
    pair: Tuple[int, float] = (0, 0.0),
    maybe: Optional[int] = 5,
    loose: int = None,  # type: ignore[assignment]
    free=0,
    *rest: Any,
    **options: Any,
) -> Dict[str, Any]:
    return dict(locals())


DEFAULTS = record("a")

CALLS = [
    ("the least", {"name": "a"}, {}),
    ("3.0 for an int", {"name": "a", "n": 3.0}, {"n": 3}),
    ("an Enum", {"name": "a", "kind": "blue"}, {"kind": Color.BLUE}),
    ("dataclasses", {"name": "a", "people": [{"name": "B", "age": 1}]}, {"people": [Person("B", 1)]}),
    ("a tuple", {"name": "a", "pair": [1, 2]}, {"pair": (1, 2.0)}),
    ("null", {"name": "a", "maybe": None}, {"maybe": None}),
    ("null that is the default", {"name": "a", "loose": None}, {"loose": None}),
    ("no annotation: as it is", {"name": "a", "free": [3]}, {"free": [3]}),
]


@pytest.mark.parametrize("case, arguments, changed", CALLS, ids=ids(CALLS))
def test_a_call_converts_its_arguments(case: str, arguments: Dict[str, Any], changed: Dict[str, Any]) -> None:
    assert call_tool(record, arguments) == {**DEFAULTS, **changed}
    assert call_tool(record, types.MappingProxyType(arguments)) == {**DEFAULTS, **changed}


WRONG_CALLS = [
    ("missing", {}, "name: missing"),
    (
        "unknown",
        {"nmae": "a"},
        "nmae: unknown argument, expected name, n, kind, people, pair, maybe, loose, free",
    ),
    ("the rest is no argument", {"name": "a", "rest": []}, None),
    ("options are no argument", {"name": "a", "options": {}}, None),
    ("wrong", {"name": "a", "n": "three"}, "n: expected an integer, got a string ('three')"),
    ("null", {"name": None}, "name: expected a string, got null"),
    ("null for a default", {"name": "a", "n": None}, "n: expected an integer, got null"),
    (
        "nested",
        {"name": "a", "people": [{"name": "B", "age": "old"}]},
        "people[0].age: expected an integer, got a string ('old')",
    ),
    ("an array", [], "arguments: expected an object, got an array"),
    ("a string", "{}", "arguments: expected an object, got a string ('{}')"),
    ("null for all", None, "arguments: expected an object, got null"),
]


@pytest.mark.parametrize("case, arguments, message", WRONG_CALLS, ids=ids(WRONG_CALLS))
def test_a_wrong_argument_is_named(case: str, arguments: Any, message: Optional[str]) -> None:
    with pytest.raises(RequestError) as caught:
        call_tool(record, arguments)
    assert message is None or str(caught.value) == message
    assert not isinstance(caught.value, ProtocolError)


def test_a_function_without_parameters_takes_none() -> None:
    def now() -> int:
        return 3

    assert call_tool(now, {}) == 3
    with pytest.raises(RequestError, match="^n: unknown argument, expected none$"):
        call_tool(now, {"n": 1})


def test_methods_partials_and_objects_are_called() -> None:
    assert call_tool(Station("Linz").method, {"days": 2.0}) == "Linz 2"
    assert call_tool(functools.partial(plain, b=2), {"a": 1}) == (1, 2)
    assert call_tool(functools.partial(Station(), "Wien"), {"days": 3}) == "Wien 3"
    assert call_tool(Station, {"city": "Wien"}).city == "Wien"
    assert asyncio.run(call_tool(later, {"n": 4})) == 4


def test_a_bound_argument_is_unknown() -> None:
    with pytest.raises(RequestError, match="^b: unknown argument, expected a$"):
        call_tool(functools.partial(plain, b=2), {"a": 1, "b": 3})


def test_what_a_tool_raises_comes_through() -> None:
    def fail(n: int) -> None:
        raise ProtocolError("its own %d" % n)

    with pytest.raises(ProtocolError, match="^its own 1$"):
        call_tool(fail, {"n": 1})


def test_arguments_nested_too_deeply_are_refused() -> None:
    value: Dict[str, Any] = {"value": 0}
    for _ in range(10000):
        value = {"value": 0, "children": [value]}
    with pytest.raises(RequestError, match="^arguments: nested too deeply$"):
        call_tool(walk, {"tree": value})


# -- Properties


def some_type(rng: random.Random, depth: int = 0) -> Tuple[Any, Any, Any]:
    """A type, a JSON value that fits it, and what the value becomes."""
    leaves: List[Callable[[], Tuple[Any, Any, Any]]] = [
        lambda: (str, "a", "a"),
        lambda: (int, 7, 7),
        lambda: (float, 1, 1.0),
        lambda: (bool, True, True),
        lambda: (Color, "blue", Color.BLUE),
        lambda: (Literal["x", 2], 2, 2),
        lambda: (Person, {"name": "A", "age": 1}, Person("A", 1)),
        lambda: (Movie, {"title": "M", "year": 2}, {"title": "M", "year": 2}),
        lambda: (Any, [None], [None]),
    ]
    if depth == 3 or rng.random() < 0.3:
        return rng.choice(leaves)()
    kind, value, result = some_type(rng, depth + 1)
    other, other_value, other_result = some_type(rng, depth + 1)
    made = dataclasses.make_dataclass("Made", [("first", kind), ("second", other, field(default=None))])
    return rng.choice(
        [
            (List[kind], [value, value], [result, result]),  # type: ignore[valid-type]
            (Tuple[kind, ...], [value], (result,)),
            (Tuple[kind, other], [value, other_value], (result, other_result)),
            (Dict[str, kind], {"k": value}, {"k": result}),  # type: ignore[valid-type]
            (Optional[kind], value, result),
            (Optional[kind], None, None),
            (Annotated[kind, "text"], value, result),
            (made, {"first": value}, made(result)),
            (made, {"first": value, "second": other_value}, made(result, other_result)),
        ]
    )


def damaged(rng: random.Random, value: Any) -> Any:
    """The JSON value with something in it replaced or taken away."""
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = rng.randrange(len(value))
        return value[:place] + [damaged(rng, value[place])] + value[place + 1 :]
    if isinstance(value, dict) and value and rng.random() < 0.7:
        key = rng.choice(sorted(value))
        if rng.random() < 0.3:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: damaged(rng, value[key])}
    return rng.choice([None, True, -1, 2.5, float("nan"), 10**400, "", "\ud800", [], {}, [[]], {"a": {}}])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_value_that_fits_is_read_and_a_damaged_one_never_escapes(seed: int) -> None:
    rng = random.Random(seed)
    kind, value, result = some_type(rng)
    value = json.loads(json.dumps(value))
    assert parse_as(kind, value) == result
    json.dumps(type_schema(kind))
    for _ in range(5):
        try:
            parse_as(kind, damaged(rng, value))
        except ProtocolError as error:
            assert re.match(r"(.*: )?(expected .*, got .*|missing)$", str(error), re.DOTALL)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_docstring_of_any_lines_never_escapes(seed: int) -> None:
    rng = random.Random(seed)
    words = ["Args:", "Returns:", "n: one", "(int)", "n (", "\t", "  ", "    ", "", ":", "\r", "\u2028", "**n:", "."]

    def add(n: int) -> int:
        return n

    add.__doc__ = "\n".join("".join(rng.choices(words, k=rng.randrange(4))) for _ in range(rng.randrange(12)))
    found = function_tool(add)["function"]
    assert isinstance(found["description"], str) and found["parameters"]["required"] == ["n"]


def test_a_long_docstring_takes_linear_time() -> None:
    def add(n: int) -> int:
        return n

    add.__doc__ = "Args:\n  n: one\n" + "    \n    (((((:\n" * 20000
    assert len(function_tool(add)["function"]["parameters"]["properties"]["n"]["description"]) > 100000
