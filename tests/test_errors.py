"""What an error says: its message can be shown anywhere, and its attributes keep what came."""

from __future__ import annotations

import pytest

from ollama_stream import ResponseError

HOSTILE_TEXTS = [
    ("228-escapes", "a\x1b[2J\x07\x00b\x9b\x7f", "a\\x1b[2J\\x07\\x00b\\x9b\\x7f (status code: 500)"),
    ("228-direction", "a\u202eb\u2066c", "a\\u202eb\\u2066c (status code: 500)"),
    ("229-lines", "a\r\nERROR:root:forged\u2028c\x85d\te", "a\\r\\nERROR:root:forged\\u2028c\\x85d\\te (status code: 500)"),
    ("229-long", "x" * 5000, "x" * 2045 + "... (status code: 500)"),
    ("letters", "modèle « é » не найден 模型 😀", "modèle « é » не найден 模型 😀 (status code: 500)"),
]


@pytest.mark.parametrize("text, shown", [row[1:] for row in HOSTILE_TEXTS], ids=[row[0] for row in HOSTILE_TEXTS])
def test_the_message_of_an_error_is_one_line_that_can_be_shown_and_error_is_the_text_as_it_came(text, shown):
    error = ResponseError(text, 500)
    assert (error.error, str(error)) == (text, shown)
