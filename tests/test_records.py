"""Records: every way to look at one, what a field may hold, what is kept, and in which words a wrong value is refused.

Ids that start with D3 or D4 name the numbered faults; A5 is the surface of the official client's response objects.
"""

from __future__ import annotations

import copy
import json
import pickle
import random
import typing
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Optional, Tuple, Type

import pytest
import support

from ollama_stream import _decode, _documents, _records
from ollama_stream._decode import ByteSize, Record, decode, field_names, parse_time
from ollama_stream._errors import OllamaError, ProtocolError, RequestError
from ollama_stream._documents import (
    CloudStatusResponse, EmbedResponse, EmbeddingsResponse, ListResponse, ListedModel, ProcessResponse,
    ProgressResponse, ShowResponse, StatusResponse, VersionResponse, WebFetchResponse, WebSearchResponse,
)  # fmt: skip
from ollama_stream._records import (
    ChatResponse, GenerateResponse, Image, Logprob, Message, Options, TokenLogprob, Tool, ToolCall, ToolFunction,
    ToolParameters,
)  # fmt: skip

UTC = timezone.utc
CLASSES = {name: cls for name, cls in {**vars(_records), **vars(_documents)}.items() if isinstance(cls, type) and issubclass(cls, Record)}
ALL = [cls for cls in dict.fromkeys(CLASSES.values()) if cls not in (Record, _records.Generation)]


def record(**more: Any) -> ChatResponse:
    """A record as the server sends it, with a field that this version does not know."""
    message = {"role": "assistant", "content": "Hi", "mood": "good"}
    return decode(ChatResponse, dict({"model": "m", "message": message, "done": False, "novel": [1]}, **more))


# --- looking at a record (A5, with our departures) --------------------------------------------------------------------

LOOKS: List[Tuple[str, Any, Any]] = [
    ("an attribute", lambda r: r.model, "m"),
    ("an attribute of a nested record", lambda r: r.message.content, "Hi"),
    ("an unset attribute is None", lambda r: r.done_reason, None),
    ("an unknown field is an attribute", lambda r: r.novel, [1]),
    ("an unknown field of a nested record", lambda r: r.message.mood, "good"),
    ("an item", lambda r: r["model"], "m"),
    ("an item of an item", lambda r: r["message"]["content"], "Hi"),
    ("an unknown field is an item", lambda r: r["novel"], [1]),
    ("False is set", lambda r: (r["done"], "done" in r, r.get("done", True)), (False, True, False)),
    ("in", lambda r: ["model" in r, "done_reason" in r, "novel" in r, "nothing" in r], [True, False, True, False]),
    ("methods are no items", lambda r: ["get" in r, "extra" in r, "model_dump" in r, 3 in r], [False] * 4),
    ("get", lambda r: r.get("model"), "m"),
    ("get of an unset field gives the default", lambda r: r.get("done_reason", "d"), "d"),
    ("get of an unset field without a default", lambda r: r.get("done_reason"), None),
    ("get of a name that there is not", lambda r: r.get("nothing", 3), 3),
    ("get of a method gives the default", lambda r: r.get("model_dump", 3), 3),
    ("get and get", lambda r: r.get("message", {}).get("content", ""), "Hi"),
    ("content at the top level", lambda r: (r.content, r["content"], r.get("content"), "content" in r),
     ("Hi",) * 3 + (True,)),
    ("text", lambda r: r.text, "Hi"),
    ("dict() has the declared fields first, None included", lambda r: list(dict(r))[:2] + list(dict(r))[-2:],
     ["model", "created_at", "message", "novel"]),
    ("dict() keeps nested records", lambda r: type(dict(r)["message"]), Message),
    ("extra is empty", lambda r: dict(r.extra), {}),
    ("model_dump", lambda r: r.model_dump(exclude_none=True),
     {"model": "m", "done": False, "message": {"role": "assistant", "content": "Hi", "mood": "good"}, "novel": [1]}),
    ("model_dump has None too", lambda r: r.model_dump()["done_reason"], None),
    ("dict method", lambda r: r.dict() == r.model_dump(), True),
    ("JSON", lambda r: r.model_dump_json(exclude_none=True),
     '{"model":"m","done":false,"message":{"role":"assistant","content":"Hi","mood":"good"},"novel":[1]}'),
    ("JSON, indented", lambda r: r.message.model_dump_json(indent=1, exclude_none=True),
     '{\n "role": "assistant",\n "content": "Hi",\n "mood": "good"\n}'),
    ("repr", repr,
     "ChatResponse(model='m', done=False, message=Message(role='assistant', content='Hi', mood='good'), novel=[1])"),
    ("str is repr", lambda r: str(r) == repr(r), True),
    ("equal", lambda r: r == record(), True),
    ("not equal in an unknown field", lambda r: r == record(novel=[2]), False),
    ("not equal to a dict", lambda r: r == r.model_dump(), False),
    ("not equal to another class", lambda r: Message() == StatusResponse(), False),
    ("unset equals None", lambda r: record(done_reason=None) == record(), True),
]  # fmt: skip


@pytest.mark.parametrize("look, seen", [pytest.param(*row[1:], id="A5 " + row[0]) for row in LOOKS])
def test_a_record_can_be_looked_at(look: Any, seen: Any) -> None:
    assert look(record()) == seen


def raised_by(call: Any) -> Tuple[Any, str]:
    with pytest.raises((TypeError, ValueError, KeyError, AttributeError)) as caught:
        call()
    return caught.type, str(caught.value)


WRONG_USES: List[Tuple[str, Any, Any]] = [
    ("an unknown attribute", lambda r: r.nothing, (AttributeError, "'ChatResponse' object has no attribute 'nothing'")),
    ("an unset item", lambda r: r["done_reason"], (KeyError, "'done_reason'")),
    ("an unknown item", lambda r: r["nothing"], (KeyError, "'nothing'")),
    ("a method as an item", lambda r: r["model_dump"], (KeyError, "'model_dump'")),
    ("setting an unknown item", lambda r: r.__setitem__("foo", 1),
     (ValueError, '"ChatResponse" object has no field "foo"')),
    ("len", len, (TypeError, "object of type 'ChatResponse' has no len()")),
    ("hash", hash, (TypeError, "unhashable type: 'ChatResponse'")),
    ("json.dumps", json.dumps, (TypeError, "Object of type ChatResponse is not JSON serializable")),
    ("an unknown keyword", lambda r: Message(contnet="x"),
     (TypeError, "Message() has no field 'contnet'; did you mean 'content'?")),
    ("a keyword like nothing", lambda r: Message(zzz="x"), (TypeError, "Message() has no field 'zzz'")),
]


@pytest.mark.parametrize("use, error", [pytest.param(*row[1:], id="A5 " + row[0]) for row in WRONG_USES])
def test_a_wrong_use_is_refused(use: Any, error: Any) -> None:
    assert raised_by(lambda: use(record())) == error


def test_items_and_attributes_can_be_set() -> None:
    message = Message(role="user", content="a")
    message["content"], message.thinking = "b", "hm"
    unknown = record()
    unknown["novel"] = 2
    assert message == Message(role="user", content="b", thinking="hm")
    assert unknown.novel == 2


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))],
    ids=["copy", "deepcopy", "pickle"])
def test_records_copy_and_pickle(again: Any) -> None:
    for one in (record(), record(get=1, keys=2), Message(), ListResponse(models=[ListedModel(size=ByteSize(3))])):
        assert again(one) == one and again(one) is not one


def test_a_deep_copy_shares_nothing() -> None:
    one = record()
    other = copy.deepcopy(one)
    other.message.content = "changed"
    assert one.message.content == "Hi"


# What Python, dict(), copy and pickle look for on an object is hidden from them.
HIDDEN = ["get", "model_dump", "dict", "extra", "text", "tokens_per_second", "parse", "_complete", "_computed", "keys",
          "__class__", "__dict__", "__eq__", "__getstate__", "__setstate__", "__deepcopy__", "__copy__",
           "__reduce_ex__",
          "__getnewargs_ex__", "__dataclass_fields__", "__array__"]  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_a_name_that_would_hide_a_method_goes_to_extra(name: str) -> None:
    one = record(**{name: 7})
    assert dict(one.extra) == {name: 7}
    assert one[name] == one.get(name) == dict(one)[name] == one.model_dump()[name] == 7 and name in one
    assert type(one) is ChatResponse and "%s=7" % name in repr(one)
    assert copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one != record()
    assert json.loads(one.model_dump_json())[name] == 7


def test_a_record_without_anything_has_its_nested_records() -> None:
    empty = {
        ChatResponse: {"message": {"role": "", "content": ""}},
        GenerateResponse: {"response": ""},
        Message: {"role": "", "content": ""},
        ToolCall: {"function": {"name": "", "arguments": {}}},
        ToolFunction: {"name": "", "arguments": {}},
        TokenLogprob: {"token": "", "logprob": 0.0},
        Logprob: {"token": "", "logprob": 0.0},
        EmbedResponse: {"embeddings": []},
        EmbeddingsResponse: {"embedding": []},
        ListResponse: {"models": []},
        ProcessResponse: {"models": []},
        ShowResponse: {"model_info": {}},
        StatusResponse: {"status": "success"},
        Tool: {"type": "function"},
        ToolParameters: {"type": "object"},
        CloudStatusResponse: {"cloud": {}},
        WebSearchResponse: {"results": []},
    }
    for cls in ALL:
        if cls not in (Image, _documents.ThinkingLevels):
            found = decode(cls, {}).model_dump(exclude_none=True)
            assert found == cls().model_dump(exclude_none=True) == empty.get(cls, {}), cls


def test_null_counts_as_unset() -> None:
    for cls in ALL:
        if cls not in (StatusResponse, Tool, ToolParameters):  # null is not their default
            nulls = decode(cls, {name: None for name in field_names(cls)})
            empty = decode(cls, {})
            assert nulls.model_dump(exclude_none=True) == empty.model_dump(exclude_none=True), cls


def test_no_two_records_share_a_nested_one() -> None:
    for make in (lambda: ChatResponse().message, lambda: ToolFunction().arguments, lambda: ListResponse().models):
        assert make() is not make()


def test_names_of_the_official_client_lead_to_the_same_classes() -> None:
    assert Message.ToolCall is ToolCall and ToolCall.Function is ToolFunction and Message.Image is Image
    assert (ListResponse.Model, ProcessResponse.Model) == (ListedModel, _documents.RunningModel)
    call = Message.ToolCall(function=Message.ToolCall.Function(name="f", arguments={"a": 1}))
    assert call.function.arguments["a"] == 1
    shown = decode(ShowResponse, {"model_info": {"a": 1}})
    assert shown.modelinfo == shown["modelinfo"] == {"a": 1}


# --- what fields may hold ---------------------------------------------------------------------------------------------

TIME = datetime(2026, 11, 22, 18, 35, 0, 123456, UTC)
OFFSET = timezone(timedelta(hours=-7))
KEPT: List[Tuple[str, Type[Record], Dict[str, Any], Any]] = [
    ("D3-104 a lone surrogate", Message, {"content": "\ud800"}, {"role": "", "content": "\ud800"}),
    ("D4-143 arguments as text", ToolFunction, {"arguments": '{"a": 1}'}, {"name": "", "arguments": {"a": 1}}),
    ("D4-143 arguments that are no JSON", ToolFunction, {"arguments": "{"}, {"name": "", "arguments": "{"}),
    ("D4-143 arguments that are no object", ToolFunction, {"arguments": "[1]"}, {"name": "", "arguments": "[1]"}),
    ("D4-143 arguments nested too deep to parse", ToolFunction, {"arguments": "[" * 100000},
     {"name": "", "arguments": "[" * 100000}),
    ("D4-143 arguments that are null", ToolFunction, {"arguments": None}, {"name": "", "arguments": {}}),
    ("D4-144 tool calls that are null", Message, {"tool_calls": None}, {"role": "", "content": ""}),
    ("D4-144 no tool calls", Message, {"tool_calls": []}, {"role": "", "content": "", "tool_calls": []}),
    ("D4-145 a negative count", ProgressResponse, {"total": -1}, {"total": -1}),
    ("D4-145 a float", ProgressResponse, {"total": 1.5}, {"total": 1.5}),
    ("D4-145 a text", ProgressResponse, {"total": "9"}, {"total": "9"}),
    ("D4-145 an integer of 4,000 digits", ProgressResponse, {"total": 10**3999}, {"total": 10**3999}),
    ("D4-152 bytes of a token", Logprob,
     {"token": "\ufffd", "logprob": -1.5, "bytes": [226], "top_logprobs": [{"token": "a"}]},
     {"token": "\ufffd", "logprob": -1.5, "bytes": [226], "top_logprobs": [{"token": "a", "logprob": 0.0}]}),
    ("an integer as a log probability", TokenLogprob, {"logprob": 0}, {"token": "", "logprob": 0}),
    ("D3-107 a duration that is infinite", ChatResponse, {"total_duration": float("inf")},
     {"total_duration": float("inf"), "message": {"role": "", "content": ""}}),
    ("D3-107 a log probability that is infinite", TokenLogprob, {"logprob": float("-inf")},
     {"token": "", "logprob": float("-inf")}),
    ("vectors", EmbedResponse, {"embeddings": [[0.5], []]}, {"embeddings": [[0.5], []]}),
    ("the messages of a model", ShowResponse, {"messages": [{"role": "user"}]},
     {"messages": [{"role": "user", "content": ""}], "model_info": {}}),
    ("times and sizes", ListResponse,
     {"models": [{"modified_at": "2026-11-22T18:35:00.123456789Z", "size": 3, "details": {"new": 1}}]},
     {"models": [{"modified_at": TIME, "size": 3, "details": {"new": 1}}]}),
]  # fmt: skip


@pytest.mark.parametrize("cls, data, kept", [pytest.param(*row[1:], id=row[0]) for row in KEPT])
def test_what_fits_is_kept(cls: Type[Record], data: Dict[str, Any], kept: Any) -> None:
    assert decode(cls, data).model_dump(exclude_none=True) == kept


REFUSED: List[Tuple[str, Type[Record], Dict[str, Any], str]] = [
    ("D4-136 text", Message, {"content": 3}, "content: expected a string, got a number (3)"),
    ("D4-136 a boolean", ChatResponse, {"done": "true"}, 'done: expected true or false, got a string ("true")'),
    ("D4-136 a list of records", Message, {"tool_calls": [None, 1]},
     "tool_calls[1]: expected an object, got a number (1)"),
    ("D4-136 a nested record", ListResponse, {"models": [{}, []]}, "models[1]: expected an object, got an array"),
    ("D4-136 a page", WebFetchResponse, {"content": ["x"]}, "content: expected a string, got an array"),
    ("D4-136 a status", ProgressResponse, {"status": 1}, "status: expected a string, got a number (1)"),
    ("D4-136 in a nested record", ChatResponse, {"message": {"tool_calls": [{"function": {"arguments": [1]}}]}},
     "message.tool_calls[0].function.arguments: expected an object, got an array"),
    ("D4-136 vectors", EmbedResponse, {"embeddings": [[1], 2]}, "embeddings[1]: expected an array, got a number (2)"),
    ("D4-136 a long value is not shown", Message, {"tool_calls": "x" * 50},
     "tool_calls: expected an array, got a string"),
    ("D4-149 chat", ChatResponse, {"response": "x"},
     "message: missing, and there is a response: is this an answer of /api/generate?"),
    ("D4-149 generate", GenerateResponse, {"message": {}},
     "response: missing, and there is a message: is this an answer of /api/chat?"),
]  # fmt: skip


@pytest.mark.parametrize("cls, data, message", [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_an_impossible_type_is_refused_with_its_path(cls: Type[Record], data: Dict[str, Any], message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(cls, data)
    assert str(caught.value) == message


RATES: List[Tuple[Any, Any, Optional[float]]] = [
    (10, 2_000_000_000, 5.0), (1, 0.5, 2e9), (None, 1, None), (1, None, None), (0, 1, None), (1, 0, None),
     (-1, 1, None),
    (1, -1, None), ("1", 1, None), (True, 1, None), (10**400, 1, None), (1, 10**400, None), (1e308, 1, None),
]  # fmt: skip


@pytest.mark.parametrize("count, duration, rate", RATES, ids=lambda value: str(value)[:9])
def test_fault_145_the_speed_is_a_number_or_none(count: Any, duration: Any, rate: Any) -> None:
    assert decode(ChatResponse, {"eval_count": count, "eval_duration": duration}).tokens_per_second == rate


TIMES: List[Tuple[str, Any]] = [
    ("2026-11-22T18:35:00Z", TIME.replace(microsecond=0)),
    ("2026-11-22T18:35:00.1Z", TIME.replace(microsecond=100000)),
    ("2026-11-22T18:35:00.123456Z", TIME),
    ("2026-11-22T18:35:00.123456789Z", TIME),
    ("2026-11-22T11:35:00.123456789-07:00", TIME.astimezone(OFFSET)),
    ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ("2026-11-22T18:35:60Z", "2026-11-22T18:35:60Z"),
    ("2026-13-22T18:35:00Z", "2026-13-22T18:35:00Z"),
    ("10000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
    ("2026-11-22T18:35:00.1x3Z", "2026-11-22T18:35:00.1x3Z"),
    ("noon", "noon"),
    ("", ""),
    ("\ud800Z", "\ud800Z"),
]


@pytest.mark.parametrize("text, time", TIMES, ids=[ascii(text) for text, _ in TIMES])
def test_fault_146_a_time_is_a_datetime_or_the_text_itself(text: str, time: Any) -> None:
    for found in (parse_time(text), decode(ListedModel, {"modified_at": text}).modified_at):
        assert (type(found), found) == (type(time), time)
        assert getattr(found, "utcoffset", lambda: None)() == getattr(time, "utcoffset", lambda: None)()
    assert decode(ChatResponse, {"created_at": text}).created_at == text


SIZES = [(0, "0B", "0B"), (1023, "1023B", "1.0KB"), (1024, "1.0KiB", "1.0KB"), (3650722201, "3.4GiB", "3.7GB"),
         (10**15, "909.5TiB", "1000.0TB"), (-2048, "-2.0KiB", "-2.0KB")]  # fmt: skip


@pytest.mark.parametrize("size, binary, decimal", SIZES)
def test_a_size_prints_itself(size: int, binary: str, decimal: str) -> None:
    value = decode(ListedModel, {"size": size}).size
    assert value is not None and (value, value.real) == (size, size)
    assert (value.human_readable(), value.human_readable(decimal=True)) == (binary, decimal)


# --- from mappings, and to values ------------------------------------------------------------------------------------


def test_a_mapping_is_checked_and_left_as_it_was() -> None:
    given = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}], "extra": 3}
    before = copy.deepcopy(given)
    message = Message.model_validate(given)
    assert given == before
    assert message.tool_calls is not None and message.tool_calls[0].function.arguments == {"a": 1}
    assert Message.model_validate(message) is message


def test_model_validate_undoes_model_dump() -> None:
    for one in (record(), record(get=1), ListResponse(models=[ListedModel(size=ByteSize(3), modified_at=TIME)])):
        assert type(one).model_validate(one.model_dump()) == one
        assert type(one).model_validate(json.loads(one.model_dump_json())) == one


@pytest.mark.parametrize("value, shown", [(3, "a number (3)"), (None, "null"), ([], "an array"), (b"x", "bytes")])
def test_what_is_no_mapping_is_refused(value: Any, shown: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        VersionResponse.model_validate(value)
    assert str(caught.value) == "VersionResponse: expected an object, got " + shown


def test_times_are_dumped_as_json_text() -> None:
    text = ListedModel(modified_at=TIME).model_dump_json(exclude_none=True)
    assert text == '{"modified_at":"2026-11-22T18:35:00.123456Z"}'


def test_an_answer_is_parsed_as_a_type() -> None:
    answer = ChatResponse(message=Message(content='{"a": [1]}'))
    assert answer.parse(Dict[str, List[int]]) == {"a": [1]}
    assert GenerateResponse(response="3").parse(int) == 3


@pytest.mark.parametrize("text, message", [
    ("?", "the answer is not JSON"),
    ("[" * 100000, "the answer is not JSON: "),
    ('"x"', ""),
])  # fmt: skip
def test_an_answer_that_does_not_fit_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        GenerateResponse(response=text).parse(int)
    assert str(caught.value).startswith(message)


# --- any value in any field -------------------------------------------------------------------------------------------

VALUES = [None, True, 0, -1, 1.5, 1e308, float("inf"), 10**400, "", "x", "\ud800", "{", '{"a":1}',
    "2026-01-01T00:00:00Z",
          [], [1], [None], [[]], {}, {"a": {}}, [{"name": 1}], {"content": []}]  # fmt: skip


def test_any_value_in_any_field_is_kept_or_refused_and_never_breaks_a_record() -> None:
    outcomes = set()
    for seed in support.seeds(800):
        rng = random.Random(seed)
        cls = rng.choice(ALL)
        names = list(field_names(cls)) + HIDDEN
        data = {name: rng.choice(VALUES) for name in rng.sample(names, rng.randrange(1, 4))}
        try:
            one = decode(cls, copy.deepcopy(data))
        except OllamaError as error:
            assert type(error) is ProtocolError and str(error)
            outcomes.add("refused")
            continue
        outcomes.add("kept")
        assert repr(one) and one.model_dump_json() and set(data) <= set(dict(one))
        assert one == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))
        getattr(one, "tokens_per_second", None)
    assert outcomes == {"kept", "refused"}


def test_every_annotation_has_a_kind() -> None:
    assert len(ALL) > 15
    free = ("Any", "Optional[float]", "Optional[str]", "Optional[int]", "Optional[bool]")
    for cls in ALL:
        assert set(_decode.make_table(cls, strict=True).fields) == set(field_names(cls))
        for name, one in field_names(cls).items():
            assert one.type == "Any" or _decode.kind_of(cls, name, strict=True), (cls, name)
            if one.type in free and name not in cls._strict:
                assert _decode.kind_of(cls, name, strict=False) is None


def test_annotations_resolve_at_run_time_261():
    for cls in ALL:
        assert set(typing.get_type_hints(cls)) >= set(field_names(cls))


# --- made by hand -----------------------------------------------------------------------------------------------------

CALL = {"function": {"name": "f", "arguments": {"a": 1}}}
PROPERTY = {"type": "string", "enum": ["a"], "minLength": 1}
TOOL = {"name": "f", "description": "d", "parameters": {"required": ["x"], "properties": {"x": PROPERTY}}}
MADE: List[Tuple[str, Any, Any, Any]] = [
    ("calls in a message", lambda: Message(role="assistant", tool_calls=[CALL]),
     lambda r: (r.tool_calls[0].function.name, r.tool_calls[0]["function"]["arguments"]), ("f", {"a": 1})),
    ("records in a message", lambda: Message(tool_calls=(ToolCall(function=ToolFunction(name="f")),)),
     lambda r: r.tool_calls[0].function.name, "f"),
    ("anything as images", lambda: Message(images=[Image(b"x"), "y"]), lambda r: r.images, [Image(b"x"), "y"]),
    ("a call", lambda: ToolCall(**CALL), lambda r: type(r.function), ToolFunction),
    ("a tool of dicts", lambda: Tool(function=TOOL),
     lambda r: (r.type, r.function.parameters.type, r.function.parameters.properties["x"].enum),
     ("function", "object", ["a"])),
    ("a tool of records", lambda: Tool(function=Tool.Function(name="f", parameters=Tool.Function.Parameters(
        properties={"x": Tool.Function.Parameters.Property(type=["string", "null"])}))),
     lambda r: r.model_dump(exclude_none=True),
     {"type": "function", "function": {"name": "f", "parameters": {"type": "object",
      "properties": {"x": {"type": ["string", "null"]}}}}}),
    ("A5 in: a default counts", lambda: Tool(), lambda r: ("type" in r, "function" in r), (True, False)),
    ("A5 $defs", lambda: ToolParameters(**{"$defs": {"D": {}}}),
     lambda r: (r.defs, r["defs"], r["$defs"], r == ToolParameters(defs={"D": {}})), ({"D": {}},) * 3 + (True,)),
    ("an unknown keyword of a schema from outside", lambda: Tool.model_validate({"function": {"strict": True, **TOOL}}),
     lambda r: (r.function.strict, r.function.parameters.properties["x"].minLength), (True, 1)),
    ("an image", lambda: Image(b"x"), lambda r: (r.value, r["value"], r == Image(value=b"x")), (b"x", b"x", True)),
    ("options", lambda: Options(temperature=0.5, stop=["a"]),
     lambda r: r.model_dump(exclude_none=True), {"temperature": 0.5, "stop": ["a"]}),
    ("a schema with keywords that are no fields", lambda: ToolParameters(**{"title": "T", "properties": {"x": {}}, "$id": "i"}),
     lambda r: r.model_dump(exclude_none=True),
     {"type": "object", "properties": {"x": {}}, "title": "T", "$id": "i"}),
    ("a property with one", lambda: ToolParameters.Property(type="string", title="X", default={"a": 1}),
     lambda r: r.model_dump(exclude_none=True), {"type": "string", "title": "X", "default": {"a": 1}}),
    ("a size of a number", lambda: ListResponse.Model(size=2048), lambda r: r.size.human_readable(), "2.0KiB"),
    ("a time of a text", lambda: ListResponse.Model(modified_at="2024-05-04T17:37:44.706015396Z"),
     lambda r: r.modified_at.isoformat(), "2024-05-04T17:37:44.706015+00:00"),
    ("a time of none", lambda: ListResponse.Model(modified_at=None, size=None), lambda r: (r.modified_at, r.size), (None, None)),
    ("options of another client", lambda: Options.model_validate({"seed": 1, "new": 2}),
     lambda r: r.model_dump(exclude_none=True), {"seed": 1, "new": 2}),
]  # fmt: skip


@pytest.mark.parametrize("make, look, seen", [pytest.param(*row[1:], id=row[0]) for row in MADE])
def test_a_record_is_made_by_hand(make: Any, look: Any, seen: Any) -> None:
    one = make()
    assert look(one) == seen
    assert one == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))


# The server's own and those of the official client (Ollama API, options; A5).
OPTIONS = (
    "num_ctx num_batch num_gpu main_gpu use_mmap num_thread draft_num_predict num_keep seed num_predict top_k top_p min_p "
    "repeat_last_n temperature repeat_penalty presence_penalty frequency_penalty stop typical_p numa low_vram f16_kv "
    "logits_all vocab_only use_mlock embedding_only tfs_z mirostat mirostat_tau mirostat_eta penalize_newline"
).split()


def test_options_are_those_of_the_server_and_of_the_official_client() -> None:
    assert list(field_names(Options)) == OPTIONS


HAND: List[Tuple[str, Any, Any]] = [
    ("an unknown option", lambda: Options(temprature=1),
     (TypeError, "Options() has no field 'temprature'; did you mean 'temperature'?")),
    ("an unknown field of a tool", lambda: Tool(functions=[]),
     (TypeError, "Tool() has no field 'functions'; did you mean 'function'?")),
    ("a keyword of a schema that would hide a method", lambda: ToolParameters.Property(model_dump=1),
     (TypeError, "ToolProperty() has no field 'model_dump'")),
    ("no image", lambda: Image(), (TypeError, None)),
    ("what is no call", lambda: Message(tool_calls=[CALL, 3]),
     (RequestError, "Message(): tool_calls[1]: expected an object, got a number (3)")),
    ("deep inside", lambda: Message(tool_calls=[{"function": {"arguments": [1]}}]),
     (RequestError, "Message(): tool_calls[0].function.arguments: expected an object, got an array")),
    ("a property that is none", lambda: ToolParameters(properties={"x": 3}),
     (RequestError, "ToolParameters(): properties.x: expected an object, got a number (3)")),
    ("what contains itself", lambda: Message(tool_calls=LOOP),
     (RequestError, "Message(): nested too deep, or it contains itself")),
    ("a name that is none", lambda: Message(tool_calls=[{10**5000: 1}]),
     (RequestError, "Message(): a name in it is not a string")),
    ("what contains itself, validated", lambda: Message.model_validate({"tool_calls": LOOP}),
     (ProtocolError, "nested too deep, or it contains itself")),
]  # fmt: skip
LOOP: List[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize("make, error", [pytest.param(*row[1:], id=row[0]) for row in HAND])
def test_what_cannot_be_made_is_refused(make: Any, error: Any) -> None:
    kind, text = raised_by(make)
    assert (kind, text if error[1] else None) == error


def test_answers_of_the_web_are_records() -> None:
    pages = {"results": [{"title": "t", "url": "u", "content": "c"}]}
    found = decode(WebSearchResponse, pages)
    assert [(one.title, one["url"], one.content) for one in found["results"]] == [("t", "u", "c")]
    page = decode(WebFetchResponse, {"title": "t", "content": "c", "links": ["l"]})
    assert (page.title, page.content, page["links"]) == ("t", "c", ["l"])


def test_the_status_of_the_cloud_is_a_record() -> None:
    status = decode(CloudStatusResponse, {"cloud": {"disabled": True, "source": "env"}})
    assert (status.cloud.disabled, status["cloud"]["source"]) == (True, "env")
    assert StatusResponse().status == decode(StatusResponse, {})["status"] == "success"


# --- met in the field -------------------------------------------------------------------------------------------------

# What the answer is. Everything else is of no weight: whatever comes there is kept, and costs nobody an answer.
STRICT = {
    "ChatResponse": "message done", "GenerateResponse": "response done tool_calls", "Message": "content tool_calls",
    "ToolCall": "function", "ToolFunction": "name arguments", "EmbedResponse": "embeddings",
    "EmbeddingsResponse": "embedding", "ListResponse": "models", "ProcessResponse": "models",
    "ProgressResponse": "status", "StatusResponse": "status", "CloudStatusResponse": "cloud",
    "WebSearchResponse": "results", "WebSearchResult": "content", "WebFetchResponse": "content",
}  # fmt: skip
ODD = [True, False, 0, -1, 1.5, float("inf"), 10**400, "", "5", "2s", "\ud800", "{", [], [1], [[]], {}, {"a": 1},
       [{"name": 1}], [{"token": None, "bytes": "x"}], [{"role": 3, "content": 3, "tool_calls": [{}, "x"]}, 5],
       {"content": [{"token": "Hi", "logprob": -0.1, "top_logprobs": []}], "refusal": None}]  # fmt: skip


def holds(kept: Any, came: Any) -> bool:
    """Whether everything is there as it came; a record may hold more, and what is unset where null came."""
    if isinstance(kept, Record):
        return all(holds(kept[name], value) for name, value in (came or {}).items() if value is not None)
    if isinstance(kept, (list, dict)):
        places = kept if isinstance(kept, dict) else range(len(kept))
        return len(kept) == len(came) and all(holds(kept[place], came[place]) for place in places)
    return (type(kept), repr(kept)) == (type(came), repr(came)) or isinstance(kept, ByteSize) and kept == came


@pytest.mark.each(2)
@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_a_member_of_no_weight_never_costs_an_answer_244(cls: Type[Record]) -> None:
    assert " ".join(cls._strict) == STRICT.get(cls.__name__, "")
    for name in field_names(cls):
        for value in ODD if name not in cls._strict else []:
            one = decode(cls, {name: copy.deepcopy(value)})
            assert holds(one[name], value), (name, value)
            assert repr(one) and one.model_dump() and one == copy.deepcopy(one) == pickle.loads(pickle.dumps(one))
            json.loads(one.model_dump_json())
            assert getattr(one, "tokens_per_second", None) is None


@pytest.mark.parametrize("cls, name", [(cls, name) for cls in ALL for name in cls._strict])
def test_a_member_that_is_the_answer_is_strict_and_named_244(cls: Type[Record], name: str) -> None:
    refused = []
    for value in ODD:
        try:
            decode(cls, {name: copy.deepcopy(value)})
        except ProtocolError as error:
            assert str(error).startswith(name) and error.place.startswith(name) and error.expected and error.got
            refused.append(value)
    assert 1.5 in refused and (10**400) in refused


ARGUMENTS = ["", " ", "\n\t ", "[]", '""', "null", " null\r\n", None, [], {}, "{}", " {} "]


@pytest.mark.parametrize("given", ARGUMENTS, ids=ascii)
def test_blank_arguments_are_none_247(given: Any) -> None:
    call = decode(ToolCall, {"function": {"name": "now", "arguments": given}})
    assert (type(call.function.arguments), call.function.arguments) == (dict, {})
    assert ToolFunction.model_validate({"arguments": given}).arguments == {}
    if isinstance(given, str) and not given.strip():
        assert ToolFunction(name="now", arguments=given).arguments == {}


PARSED: List[Tuple[str, Any, Any, str]] = [
    ("an empty answer", "", "stop", "the answer is empty"),
    ("blanks", " \n", None, "the answer is empty"),
    ("empty, cut off", "", "length", 'the answer is empty (done_reason "length": num_predict, or the context)'),
    ("cut off", '{"a": "b', "length", 'the answer was cut off after 8 characters (done_reason "length": num_predict, or '
     "the context): it is not JSON: Unterminated string starting at: line 1 column 7 (char 6)"),
    ("cut off, and of the wrong kind", "[1]", "length", 'the answer was cut off after 3 characters (done_reason "length": '
     "num_predict, or the context): it does not fit: expected an object, got an array"),
    ("no JSON", "Sure!", "stop", "the answer is not JSON"),
    ("too deep", "[" * 300 + "]" * 300, "stop", "the answer is not JSON: nested deeper than 256 levels"),
    ("of the wrong kind", "[1]", "stop", "the answer does not fit: expected an object, got an array"),
]  # fmt: skip


@pytest.mark.parametrize("text, reason, said", [pytest.param(*row[1:], id="253 " + row[0]) for row in PARSED])
@pytest.mark.parametrize("cls", [ChatResponse, GenerateResponse])
def test_parse_says_first_that_an_answer_is_empty_or_cut_off_253(cls: Any, text: str, reason: Any, said: str) -> None:
    answer = decode(cls, {"message": {"content": text}} if cls is ChatResponse else {"response": text})
    answer.done_reason = reason
    with pytest.raises(ProtocolError) as caught:
        answer.parse(Dict[str, int])
    assert str(caught.value) == said and caught.value.partial is answer


def test_what_fits_is_parsed_although_the_answer_ended_by_length_253() -> None:
    assert GenerateResponse(response='{"a": 1}', done_reason="length").parse(Dict[str, int]) == {"a": 1}


def test_fields_of_server_0_34() -> None:
    last = decode(ChatResponse, {"done": True, "prompt_eval_count": 40, "prompt_eval_cached_count": 0})
    assert last.prompt_eval_cached_count == 0 and decode(GenerateResponse, {}).prompt_eval_cached_count is None
    model = decode(ShowResponse, {"thinking": {"values": [False, "low", "xhigh"], "default": "low"}})
    assert model.thinking is not None and (model.thinking.values, model["thinking"]["default"]) == (
        [False, "low", "xhigh"], "low")  # fmt: skip
    assert decode(ShowResponse, {}).thinking is None


def test_every_record_that_has_text_says_it_by_one_name() -> None:
    for cls in ALL:
        if {"content", "response"} & set(field_names(cls)) or cls is ChatResponse:
            name = "response" if cls is GenerateResponse else "content"
            data = {"message": {"content": "x"}} if cls is ChatResponse else {name: "x"}
            assert (decode(cls, data).text, cls().text) == ("x", ""), cls
