"""What every test file shares: the package is imported from the folder beside this one, installed or not."""

import gc
import logging
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import support  # noqa: E402


@pytest.fixture(params=support.COLOURS)
def colour(request):
    return support.Colour(request.param)


@pytest.fixture(scope="session")
def quick_collector():
    """What is there already need not be searched after each test."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def nothing_is_left(monkeypatch, caplog, quick_collector):
    """The test begins and ends with the same open files, without the collector, and nothing complains."""
    complaints = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: complaints.append(repr(event.exc_value)))
    before = support.descriptors()
    gc.disable()
    try:
        with caplog.at_level(logging.ERROR, "asyncio"):
            yield
        assert support.descriptors() == before
    finally:
        gc.enable()
    gc.collect()
    assert complaints == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
