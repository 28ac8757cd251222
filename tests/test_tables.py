"""Of long tables a run leaves out cases (see conftest.py): no row of any table is left out with them."""

from types import SimpleNamespace

import pytest
from conftest import kept_of


def case(tables, parameters, each):
    """A case of a test with these tables, the one next to the test first, as pytest collects it."""
    marks = [SimpleNamespace(args=("name", rows)) for rows in tables]
    return SimpleNamespace(
        parent=SimpleNamespace(nodeid="test_x.py"), name="test_x", originalname="test_x", callspec=SimpleNamespace(params=parameters),
        iter_markers=lambda name: iter(marks), get_closest_marker=lambda name: SimpleNamespace(args=(each,)),
    )  # fmt: skip


@pytest.mark.parametrize("each", [2, 3, 4])
@pytest.mark.parametrize("outer, inner", [("abcd", "xyz"), ("abc", "wxyz"), ("abcdef", "xy"), ("abcde", "z")])
def test_every_row_of_each_table_is_in_some_case_of_both_colours(outer, inner, each):
    cases = [
        (colour + a + b, case([outer, inner], {"colour": colour}, each)) for colour in "12" for a in outer for b in inner
    ]  # fmt: skip
    kept = list(kept_of([item for _, item in cases], 1))
    names = [name for name, item in cases if any(item is one for one in kept)]
    assert len(names) <= len(cases) // each + 2
    if len(inner) >= each:
        assert {name[:2] for name in names} == {colour + a for colour in "12" for a in outer}
    if len(outer) >= each:
        assert {name[::2] for name in names} == {colour + b for colour in "12" for b in inner}


def test_where_nothing_is_marked_all_cases_are_kept():
    cases = [case(["abc"], {}, 1) for _ in range(3)]
    assert list(kept_of(cases, 1)) == cases
