"""The reading side of a record: what programs that were written for the models of pydantic ask of it (drop-in.md, D)."""

import dataclasses
import copy
import datetime
import inspect
import json
import sys
import types
from typing import Any, Dict, List, Optional

import pytest

import ollama_stream
from ollama_stream import ChatResponse, GenerateResponse, ListResponse, Message, Options, ShowResponse, ToolCall
from ollama_stream._decode import Record
from ollama_stream._documents import ListedModel
from ollama_stream._schema import parse_as
from test_dropin import FIELDS, class_of

CALL = {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}
ANSWER: Dict[str, Any] = {
    "model": "m", "done": True, "message": {"role": "assistant", "content": "Hi", "tool_calls": [CALL, CALL]}, "novel": [1],
}  # fmt: skip


def answer() -> ChatResponse:
    return ChatResponse.model_validate(copy.deepcopy(ANSWER))


NONE_LEFT = {"exclude_none": True}
DUMPS = [  # id, how, what becomes of the answer
    ("nothing unset", {"exclude_unset": True}, ANSWER),
    ("no None", NONE_LEFT, ANSWER),
    ("no defaults", {"exclude_defaults": True}, ANSWER),
    ("names to leave out", {**NONE_LEFT, "exclude": {"message", "novel"}}, {"model": "m", "done": True}),
    ("names in a list", {**NONE_LEFT, "exclude": ["message", "novel"]}, {"model": "m", "done": True}),
    ("names to keep", {"include": {"model", "novel"}}, {"model": "m", "novel": [1]}),
    ("to keep and to leave out", {"include": {"model", "done"}, "exclude": {"done"}}, {"model": "m"}),
    ("nothing to keep", {"include": set()}, {}),
    ("inside", {"include": {"message": {"content"}}}, {"message": {"content": "Hi"}}),
    ("inside, all of it", {"include": {"message": {"content": True, "role": ...}}},
     {"message": {"role": "assistant", "content": "Hi"}}),
    ("left out inside", {**NONE_LEFT, "exclude": {"message": {"tool_calls"}, "novel": True, "done": ...}},
     {"model": "m", "message": {"role": "assistant", "content": "Hi"}}),
    ("a position of a list", {"include": {"message": {"tool_calls": {0: {"id"}}}}}, {"message": {"tool_calls": [{"id": "c1"}]}}),
    ("every item of a list", {"include": {"message": {"tool_calls": {"__all__": {"id"}}}}},
     {"message": {"tool_calls": [{"id": "c1"}] * 2}}),
    ("arguments that make no difference",
     {**NONE_LEFT, "mode": "json", "by_alias": True, "round_trip": True, "warnings": False, "context": None}, ANSWER),
]  # fmt: skip


@pytest.mark.parametrize("how, seen", [pytest.param(*row[1:], id=row[0]) for row in DUMPS])
def test_a_record_is_dumped(how: Any, seen: Any) -> None:
    record = answer()
    assert record.model_dump(**how) == record.dict(**how) == seen
    assert json.loads(record.model_dump_json(**how)) == json.loads(record.json(**how)) == seen


def test_a_dump_for_json_has_only_its_types() -> None:
    utc = datetime.timezone.utc
    record = ListedModel(modified_at=datetime.datetime(2026, 11, 22, 18, 35, 0, 250000, utc), size=7)
    assert record.model_dump(include={"modified_at"}) == {"modified_at": record.modified_at}
    assert record.model_dump(mode="json", include={"modified_at"}) == {"modified_at": "2026-11-22T18:35:00.250000Z"}
    west = datetime.timezone(-datetime.timedelta(hours=7))
    record = ListedModel(modified_at=datetime.datetime(2026, 11, 22, 18, 35, tzinfo=west))
    assert json.loads(record.model_dump_json(exclude_none=True)) == {"modified_at": "2026-11-22T18:35:00-07:00"}
    image = ollama_stream.Image(b"\xc3\xa9")
    assert (image.model_dump(), image.model_dump(mode="json")) == ({"value": b"\xc3\xa9"}, {"value": "\u00e9"})


# What theirs has besides: of other endpoints, by inheritance, and never set.
NOT_OURS = {"ShowResponse": {"modelinfo"}, "Tool.Function.Parameters": {"defs"}}


@pytest.mark.parametrize("path", FIELDS)
def test_a_record_holds_the_official_fields_and_what_was_sent_and_no_more(path: str) -> None:
    cls = class_of(ollama_stream, path)
    record = cls("x") if path == "Image" else cls.model_validate({})
    renamed = {"ShowResponse": {"model_info"}}.get(path, set())
    expected = set(FIELDS[path].split()) - NOT_OURS.get(path, set()) | renamed
    assert set(dict(record)) == set(record.model_dump()) == expected
    if path != "Image":
        for name in {field.name for field in dataclasses.fields(cls)} - expected:
            assert set(dict(cls.model_construct(**{name: None}))) == expected | {name}


LATER = [
    (Message, "tool_call_id"), (ToolCall, "id"), (ChatResponse, "remote_model"), (GenerateResponse, "tool_calls"),
    (Options, "min_p"), (ListedModel, "capabilities"), (ShowResponse, "renderer"),
]  # fmt: skip


@pytest.mark.parametrize("cls, name", LATER, ids=str)
def test_a_field_that_only_newer_servers_send_is_there_where_it_was_sent(cls: Any, name: str) -> None:
    assert name not in dict(cls()) and getattr(cls(), name) is None and cls() == cls(**{name: None})
    assert dict(cls(**{name: "x"}))[name] == "x" == cls(**{name: "x"}).model_dump()[name]


def test_a_dump_without_aliases_has_the_official_names() -> None:
    assert set(ShowResponse().model_dump(by_alias=False)) == set(FIELDS["ShowResponse"].split())
    parameters = class_of(ollama_stream, "Tool.Function.Parameters")(defs={"A": {"type": "string"}})
    dumps = parameters.model_dump(exclude_none=True), parameters.model_dump(exclude_none=True, by_alias=False)
    assert [set(dump) - {"type"} for dump in dumps] == [{"$defs"}, {"defs"}]
    assert set(parameters.model_dump(by_alias=False)) == set(FIELDS["Tool.Function.Parameters"].split())


def test_a_class_tells_its_fields() -> None:
    fields = Options.model_fields
    assert list(fields)[:2] == ["num_ctx", "num_batch"] and Options().model_fields == fields
    assert (fields["seed"].default, fields["seed"].is_required()) == (None, False)
    assert fields["seed"].annotation == Optional[int]
    assert (Message.model_fields["content"].annotation, Message.model_fields["content"].default) == (str, "")
    assert [value for name, value in inspect.getmembers(Options) if name == "model_fields"] == [fields]
    assert list(inspect.signature(Message).parameters) == list(Message.model_fields)


def test_a_record_tells_which_fields_were_set() -> None:
    assert answer().model_fields_set == {"model", "done", "message", "novel"}
    assert Options(seed=1, top_k=None).model_fields_set == {"seed", "top_k"}


def test_a_copy_is_a_record_of_its_own() -> None:
    record = answer()
    changed = record.model_copy(update={"model": "n"})
    assert (changed.model, record.model, changed.message is record.message) == ("n", "m", True)
    deep = record.model_copy(deep=True)
    assert deep == record == record.copy() and deep.message is not record.message
    assert record.copy(update={"done": False}).done is False
    assert Options(temperature=0.5).model_copy(update={"seed": 1}) == Options(temperature=0.5, seed=1)


@pytest.mark.parametrize("text", [json.dumps(ANSWER), json.dumps(ANSWER).encode(), bytearray(json.dumps(ANSWER, indent=1), "ascii")])
def test_a_record_is_read_from_json_text(text: Any) -> None:
    assert ChatResponse.model_validate_json(text) == ChatResponse.parse_raw(text) == answer()


def test_a_record_is_read_from_a_dict_whatever_else_pydantic_is_told() -> None:
    how: Any = {"strict": False, "from_attributes": True, "context": None}
    assert ChatResponse.model_validate(copy.deepcopy(ANSWER), **how) == ChatResponse.parse_obj(ANSWER) == answer()
    assert Message.construct(role="user") == Message(role="user")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"message":3}', b"\xff", '{"a":NaN}'])
def test_what_is_no_record_is_a_value_error(text: Any) -> None:
    with pytest.raises(ollama_stream.ProtocolError) as raised:
        ChatResponse.model_validate_json(text)
    assert isinstance(raised.value, ValueError)


def test_a_record_is_constructed_of_what_is_not_checked() -> None:
    made = Message.model_construct(role=3, novel=1)
    assert (made.role, made.novel, made.content) == (3, 1, "")
    assert ChatResponse.model_construct().message == Message()


RECORDS = sorted({class_of(ollama_stream, path) for path in FIELDS} | {ListedModel}, key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_a_class_has_a_json_schema(cls: Any) -> None:
    schema = cls.model_json_schema()
    assert list(schema["properties"]) == list(cls.model_fields)
    assert json.loads(json.dumps(schema)) == schema


class Person(ollama_stream.Message):
    """A person."""

    name: str = ""
    age: int = 0


def test_a_class_of_a_program_is_a_format() -> None:
    from ollama_stream._values import check_format

    schema = check_format(Person, "format")
    assert {"name", "age", "role"} <= set(schema["properties"])
    answered = GenerateResponse(response='{"name": "Ann", "age": 3}').parse(Person)
    assert (type(answered), answered.name, answered.age) == (Person, "Ann", 3)


class Event(ListedModel):
    at: Optional[datetime.datetime] = None
    when: datetime.datetime


def test_a_time_is_a_format() -> None:
    schema = Event.model_json_schema()["properties"]
    assert schema["when"] == {"type": "string", "format": "date-time"} and schema["size"] == {"type": ["integer", "null"]}
    assert parse_as(List[datetime.datetime], ["2026-11-22T18:35:00Z"])[0].year == 2026
    for wrong in ("soon", 3):
        with pytest.raises(ollama_stream.ProtocolError, match=r"\[0\]: expected a time such as '2026-11-22T18:35:00Z', got "):
            parse_as(List[datetime.datetime], [wrong])


# --- pydantic ---------------------------------------------------------------------------------------------------------


class Info:
    mode, include, exclude, by_alias = "json", None, {"novel"}, True
    exclude_unset, exclude_defaults, exclude_none = False, False, True


def test_pydantic_is_told_how_to_read_and_write_a_record(monkeypatch: Any) -> None:
    asked = []
    core = types.SimpleNamespace(
        plain_serializer_function_ser_schema=lambda function, info_arg: (function, info_arg),
        no_info_plain_validator_function=lambda function, serialization: asked.append((function, serialization)),
    )
    monkeypatch.setitem(sys.modules, "pydantic_core", types.SimpleNamespace(core_schema=core))
    ChatResponse.__get_pydantic_core_schema__(ChatResponse, None)
    ((validate, (write, with_info)),) = asked
    assert with_info and validate(dict(ANSWER)) == answer()
    assert write(answer(), Info) == {name: value for name, value in ANSWER.items() if name != "novel"}
    assert ChatResponse.__get_pydantic_json_schema__(None, None) == ChatResponse.model_json_schema()


def test_pydantic_takes_a_record_for_a_field() -> None:
    pydantic = pytest.importorskip("pydantic", minversion="2.0")

    class Model(pydantic.BaseModel):  # type: ignore[misc, name-defined]
        message: ollama_stream.Message
        models: ListResponse = ListResponse()

    model = Model.model_validate({"message": {"role": "user", "content": "x"}})
    assert model.message == Message(role="user", content="x") and type(model.message) is Message
    assert model.model_dump(exclude_none=True) == {"message": {"role": "user", "content": "x"}, "models": {"models": []}}
    assert json.loads(model.model_dump_json(exclude_none=True)) == model.model_dump(exclude_none=True)
    assert model.model_dump(include={"message": {"role"}}) == {"message": {"role": "user"}}
    assert Model(message=model.message).message is model.message
    assert dict(Model.model_json_schema()["properties"]["message"], title=0) == dict(Message.model_json_schema(), title=0)
    for wrong in (3, {"content": 3}):
        with pytest.raises(pydantic.ValidationError):
            Model.model_validate({"message": wrong})
    adapter = pydantic.TypeAdapter(ChatResponse)
    assert adapter.validate_json(json.dumps(ANSWER)) == adapter.validate_python(ANSWER) == answer()
    assert json.loads(adapter.dump_json(answer(), exclude_none=True)) == ANSWER
    assert isinstance(answer(), Record)
