"""The numbered faults: each has a test that bears its number, in its name or in the id of a row.

A number stands in a name as ``test_275_...``, ``..._fault_231`` or ``faults_197_to_202``, and in an id at the start of what
stands for one argument, behind ``fault_``, or behind the letter of its list, as ``D3-108``.
"""

import os
import re

import pytest

LAST = 283
ELSEWHERE = {  # numbers that no test can bear
    195: "there are no callbacks",
    206: "a stream is no generator",
    212: "every test runs with -W error, every coroutine in asyncio's debug mode",
}
IN_NAME = re.compile(r"(?<=_)([0-9]{1,3})(?:_to_([0-9]{1,3}))?(?=_|$)")
IN_ID = re.compile(r"(?:(?:^|-)(?:D[0-9]-)?|fault_)([0-9]{1,3})(?=[ -]|$)")


def numbers_of(item):
    """The numbers in the name of a test, and in its id where that is not of sizes or seeds alone."""
    numbers = set()
    for first, last in IN_NAME.findall(item.function.__name__):
        numbers.update(range(int(first), int(last or first) + 1))
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    if any(not isinstance(value, (int, float)) for value in values):
        numbers.update(map(int, IN_ID.findall(item.callspec.id)))
    return numbers


def test_every_numbered_fault_has_a_test(request):
    items = [item for item in request.session.items if hasattr(item, "function")]
    files = {name for name in os.listdir(os.path.dirname(__file__)) if re.match(r"test_.*\.py$", name)}
    if {os.path.basename(str(item.fspath)) for item in items} != files or request.config.option.keyword:
        pytest.skip("only a part of the tests is run")
    found = {number for item in items for number in numbers_of(item)}
    assert sorted(set(range(1, LAST + 1)) - found - set(ELSEWHERE)) == []
    assert sorted(found & set(ELSEWHERE)) == []
