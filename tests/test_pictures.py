"""The pictures of the pages are what ``python3 tests/pictures.py`` makes of real runs today."""

import os
import re

import pytest

from pictures import PICTURES, PROGRAM, RECORDINGS, picture, printed

DRAWN = {  # not those of --wire and pull, whose lines depend on what one read returns
    "stream.svg": lambda: picture("A stream on a terminal", [*PROGRAM, "run", "llama2", "Tell me a joke about cats."], "chat-joke-stream"),
    "time.svg": lambda: printed("fixture", "show", os.path.join(RECORDINGS, "chat-thinking.exchange.jsonl"), "--svg", "-"),
    "sequence.svg": lambda: printed(
        "fixture", "show", os.path.join(RECORDINGS, "chat-one-word.exchange.jsonl"), "--svg", "-", "--as", "sequence"
    ),
}


def kept(name):
    with open(os.path.join(PICTURES, name), encoding="utf-8") as file:
        return file.read()


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")
@pytest.mark.each(2)
@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_what_a_run_shows_today(name):
    assert DRAWN[name]() == kept(name)


@pytest.mark.parametrize("name", sorted(os.listdir(PICTURES)))
def test_a_picture_is_legible_in_light_and_dark_and_asks_for_nothing_from_elsewhere(name):
    svg = kept(name)
    assert svg.startswith("<svg ") and "prefers-color-scheme" in svg
    assert not re.search(r"href|url\(|@import|<script", svg.replace("http://www.w3.org/2000/svg", ""))
