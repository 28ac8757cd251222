"""The check of the README's figures, on figures made up: to measure them is for whoever asks (``figures.py``)."""

import os
import re

import bench
import pytest
from figures import QUOTED, Figure, judge, read_figures
from support import ROOT

with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
    README = file.read()


def test_every_figure_of_the_readme_has_its_place_in_what_is_printed():
    figures = read_figures(README)
    assert {figure.row for figure in figures} == set(QUOTED) and len(figures) >= 20
    assert {figure.section for figure in figures} <= set(bench.SECTIONS)


def test_a_figure_that_nobody_measures_is_noticed():
    with pytest.raises(ValueError, match="^new thing: 1 figures, and 0 are known"):
        read_figures(README.replace("| the same in asyncio |", "| new thing | 3 us | |\n| the same in asyncio |"))


def test_bench_names_its_sections():
    named = re.findall(r"python3 tests/bench\.py ([a-z ]+)", README)
    assert named and {section for names in named for section in names.split()} <= set(bench.SECTIONS)
    assert all(callable(getattr(bench, section)) for section in bench.SECTIONS)
    assert re.findall(r"^Sections: (.*)\.$", bench.__doc__, re.M) == [", ".join(bench.SECTIONS)]


RUNS = ["  us      40.1 us; by hand", "  us      42.3 us; by hand", "  us      41.0 us; by hand"]


@pytest.mark.parametrize("text, wrong", [
    ("41", ""), ("43", ""), ("38", ""), ("44.5", ""), ("45", ""), ("46", "40.1 to 42.3, median 41"),
    ("37", "40.1 to 42.3, median 41"), ("40 to 42", ""), ("40.8 to 44", ""), ("41.2 to 44", "40.1 to 42.3, median 41"),
])  # fmt: skip
def test_figures_within_the_spread_of_the_runs_hold_and_others_do_not(text, wrong):
    assert judge(Figure("a row", text, "live", r"^  us +([\d.]+) us"), RUNS) == wrong


def test_a_peer_that_is_not_installed_is_no_failure():
    assert judge(Figure("a row", "3", "live", r"^  httpx +([\d.]+) us"), RUNS) is None
