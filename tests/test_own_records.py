"""Record classes of a program's own: under the names of ours or others, with new fields; ours stay what they are. 267."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, Dict, List, Optional

import pytest

from ollama_stream import ChatResponse, ProtocolError, ToolCall
from ollama_stream import Message as Library
from ollama_stream._decode import Record, field_names


class MyCall(ToolCall):
    at: float = 0.5


class Message(Library):
    mood: str = "glad"
    seen: int
    tags: list = dataclasses.field(default_factory=list)
    calls: Optional[List[MyCall]] = None
    role: str = "user"


@dataclasses.dataclass
class Decorated(Library):
    mood: str = "glad"


def test_a_class_of_a_program_is_its_own_267() -> None:
    answer = ChatResponse.model_validate({"message": {"role": "assistant", "content": "x"}})
    assert type(answer.message) is Library and type(ChatResponse().message) is Library
    made = Message(content="x", mood="sad", calls=[{"at": 2.0, "function": {"name": "f"}}])
    assert (made.role, made.mood, made.seen, made.tags, made["mood"], "seen" in made) == (
        "user", "sad", None, [], "sad", False)  # fmt: skip
    assert type(made.calls[0]) is MyCall and made.calls[0].function.name == "f"
    assert Message().tags is not Message().tags and Message() == Message() != Message(mood="sad")
    read = Message.model_validate({"content": "x", "mood": 3, "new": 1, "tool_calls": [{"id": "a"}]})
    assert (read.mood, read.new, type(read.tool_calls[0])) == (3, 1, ToolCall)
    assert read == copy.deepcopy(read) == pickle.loads(pickle.dumps(read))
    assert list(field_names(Library)) == list(field_names(Message))[: len(field_names(Library))]
    with pytest.raises(TypeError, match="Message.. has no field 'mod'; did you mean 'mood'"):
        Message(mod="x")
    with pytest.raises(ProtocolError, match="^content: expected a string"):
        Message.model_validate({"content": 3})


class Compared(Record):
    best: Optional[ChatResponse] = None
    others: Optional[List[ChatResponse]] = None


def test_what_is_no_answer_stays_as_it_came_in_a_field_of_no_weight_267() -> None:
    of_generate = {"response": "x"}
    read = Compared.model_validate({"best": of_generate, "others": [of_generate, {"message": {"content": "y"}}]})
    assert (read.best, read.others[0], read.others[1].content) == (of_generate, of_generate, "y")


REAL = """
import ollama_stream as ollama
from typing import ClassVar, List, Optional
class Message(ollama.Message):
    mood: str = "glad"
    seen: Optional[List[int]] = None
    kind: ClassVar[int] = 3
class ChatResponse(ollama.ChatResponse):
    message: Message
    cost: float = 0.0
    best: Optional[Message] = None
    others: List[Message] = None
"""


def test_a_class_with_real_annotations_is_its_own_267() -> None:
    program: Dict[str, Any] = {"__name__": "program"}
    exec(compile(REAL, "program", "exec", dont_inherit=True), program)
    assert program["Message"](role="user", content="x", mood="glad").mood == "glad"
    assert program["Message"](seen=[1]).seen == [1] and "kind" not in program["Message"]._fields
    assert program["ChatResponse"](cost=1.5).cost == 1.5
    said = {"content": "x", "mood": "sad"}
    received = {"message": dict(said), "best": dict(said), "others": [dict(said)], "cost": "much"}
    for answer in (program["ChatResponse"].model_validate(received), program["ChatResponse"](**received)):
        found = [answer.message, answer.best, *answer.others]
        assert [type(one) for one in found] == [program["Message"]] * 3
        assert (answer.content, answer.best.mood) == ("x", "sad")
    assert program["ChatResponse"].model_validate(dict(received, best=3)).best == 3
    with pytest.raises(ProtocolError, match=r"^message.content: expected a string"):
        program["ChatResponse"].model_validate({"message": {"content": 3}})
    assert type(ChatResponse.model_validate({"message": {"content": "x"}}).message) is Library


def test_a_class_that_a_program_makes_a_dataclass_works_too_267() -> None:
    made = Decorated(role="user", content="x")
    assert (made.mood, made["mood"], made.get("thinking", 1), dict(made)["mood"]) == ("glad", "glad", 1, "glad")
    assert Decorated.model_validate({"mood": "sad"}).mood == "sad"
