"""Answers that nobody has thought of, from seeded generators: JSON files good and bad, laid out in any way, and strings
that break programs. No exception but ours, and no difference by the cuts, whatever the call and whether streamed or not.
"""

from __future__ import annotations

import json
import logging
import pickle
import random
from typing import Any, Callable, List, Tuple

import pytest
import support
from support import DONE, LINE
from test_stream import bytewise, outcome, random_cuts, same

from ollama_stream._decode import decode
from ollama_stream._endpoints import is_done, is_success
from ollama_stream._errors import OllamaError, RequestError, ResponseError, find_reason
from ollama_stream._refusal import status_error
from ollama_stream._http1 import Head
from ollama_stream._documents import ListResponse, ProgressResponse, ShowResponse, StatusResponse, VersionResponse
from ollama_stream._records import ChatResponse, GenerateResponse, Message
from ollama_stream._values import check_messages

BODIES = support.seeds(600)
STRINGS = support.seeds(600)

NAMES = ("message content response done done_reason error status models embeddings version tool_calls function arguments "
         "thinking logprobs size created_at details detail msg choices data object role model x get keys __class__").split()  # fmt: skip
WORDS = ["", "stop", "error", "length", "Hi", "null", "{}", "\ud83d", "\ude00", "\ud83d\ude00", "\x00", "\u2028", "\x85", "\ufeff",
         "2026-01-01T00:00:00Z", "a" * 300, "[" * 300, '{"error":"x"}', "Not Found", "\u202e", "%s%n", "../../etc", "<html>"]  # fmt: skip
NUMBERS = ["0", "-1", "3.5", "1e999", "-1e999", "9" * 30, "9" * 4000, "9" * 5000, "01", "1.", ".5", "+1", "0x1", "NaN", "-", "1_0"]
MARKS = [b"\xef\xbb\xbf", b"\xc2\xa0", b"\xe2\x80\xa8", b"\x0b", b"\xff", b"\x00", b"\n", b"\r\n", b" ", b",", b"}", b"{", b'"', b"data: ",
         b"<html>"]  # fmt: skip


def any_text(rng: random.Random, levels: int = 4) -> str:
    """A JSON value as text, of the names that answers have; not every one is JSON."""
    kind = rng.randrange(9) if levels else rng.randrange(5)
    if kind < 2:
        return json.dumps(rng.choice(WORDS), ensure_ascii=rng.random() < 0.7)
    if kind == 2:
        return rng.choice(NUMBERS)
    if kind < 5:
        return rng.choice(["true", "false", "null", "True", "nul"][: 3 if rng.random() < 0.95 else 5])
    blank = rng.choice(["", "", " ", "\n", "\r\n  ", "\t"])
    if kind < 7:
        return "[%s]" % ("," + blank).join(any_text(rng, levels - 1) for _ in range(rng.randrange(4)))
    members = ['"%s":%s%s' % (rng.choice(NAMES), blank, any_text(rng, levels - 1)) for _ in range(rng.randrange(5))]
    return "{%s%s%s}" % (blank, ("," + blank).join(members), blank)


def any_body(rng: random.Random) -> bytes:
    parts: List[bytes] = []
    for _ in range(rng.randrange(1, 4)):
        text = any_text(rng).encode("utf-8", "surrogatepass" if rng.random() < 0.1 else "replace")
        parts.append(rng.choice([text, text, text + b"\n", LINE, DONE, LINE[:-1], b"\n", b"{" + text[1:-1] + b"}\n"]))
    body = b"".join(parts)
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        at = rng.randrange(len(body) + 1)
        body = body[:at] + rng.choice(MARKS) + body[at + rng.randrange(2) :]
    return body


CALLS: List[Tuple[Any, Any]] = [
    (ChatResponse, is_done), (GenerateResponse, is_done), (ProgressResponse, is_success), (dict, is_done), (dict, None),
    (ListResponse, None), (VersionResponse, None), (StatusResponse, None), (ShowResponse, None),
]  # fmt: skip


@pytest.mark.parametrize("start", BODIES[::100] if len(BODIES) > 100 else BODIES)
def test_any_answer_of_any_call_is_records_or_an_error_of_ours_whatever_the_cuts(start: int) -> None:
    for seed in range(start, start + 100):
        rng = random.Random(seed)
        body = any_body(rng)
        record, is_last = rng.choice(CALLS)
        options: Any = {"record": record, "is_last": is_last, "streamed": rng.random() < 0.4, "needed": rng.random() < 0.8}
        options["max_line"] = rng.choice([300, 1 << 20])
        whole = outcome([body], **options)
        for pieces in [bytewise(body) if len(body) < 2000 else [body], *(random_cuts(body, rng) for _ in range(3))]:
            assert same(outcome(pieces, **options), whole), (seed, body, options)


@pytest.mark.parametrize("start", BODIES[::100] if len(BODIES) > 100 else BODIES)
def test_any_body_of_an_error_gives_a_text_that_can_be_shown(start: int) -> None:
    for seed in range(start, start + 100):
        rng = random.Random(seed)
        head = Head("1.1", rng.choice([400, 404, 500, 502, 599]), rng.choice(["", "Bad Request", "\xe9"]), [])
        error = status_error(head, any_body(rng)[: rng.choice([10, 65536])])
        assert type(error) is ResponseError and error.error.strip() and "\x1b" not in str(error) and "\0" not in str(error)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        str(error).encode()


def naughty(rng: random.Random) -> str:
    """A string of what has broken programs: controls, surrogates, directions, marks, other scripts' digits, long runs."""
    pools: List[Callable[[], str]] = [
        lambda: chr(rng.randrange(0x20)), lambda: chr(rng.randrange(0x7F, 0xA1)), lambda: chr(rng.randrange(0xD800, 0xE000)),
        lambda: chr(rng.choice([0x200B, 0x200D, 0x202E, 0x2066, 0x2028, 0xFEFF, 0xFFFE, 0xFFFF, 0x1D7D8, 0x0661, 0xB2, 0x10FFFF])),
        lambda: chr(rng.randrange(0x300, 0x370)) * rng.randrange(1, 40), lambda: chr(rng.randrange(0x1F300, 0x1FA00)),
        lambda: rng.choice(WORDS), lambda: chr(rng.randrange(0x110000)), lambda: rng.choice("\\\"'`${}<>&;|%"),
    ]  # fmt: skip
    return "".join(rng.choice(pools)() for _ in range(rng.randrange(1, 12)))


@pytest.mark.parametrize("start", STRINGS[::100] if len(STRINGS) > 100 else STRINGS)
def test_any_string_comes_and_goes_as_it_is(start: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for seed in range(start, start + 100):
        text = naughty(random.Random(seed))
        data = {"role": text, "content": text, "thinking": text, text: text, "tool_name": text}
        came = decode(Message, json.loads(json.dumps(data)))
        joined = json.loads(json.dumps(text))  # halves of a character that met in the string are one
        assert (came.role, came.content, came.thinking, came.text) == (joined,) * 4 and repr(came) and came.model_dump_json()
        assert came == pickle.loads(pickle.dumps(came))
        sent = check_messages([{"role": "user", "content": text, text or "x": text}], "messages")[0]
        assert json.loads(json.dumps(sent))["content"] == joined
        error = ResponseError(text, 500)
        str(error).encode()
        assert "\n" not in str(error) and "\x1b" not in str(error) and isinstance(find_reason({"error": text}), str)
        with pytest.raises(RequestError) as caught:
            check_messages([{"role": text, "content": 3}], "messages")
        assert str(caught.value) and isinstance(caught.value, OllamaError)
