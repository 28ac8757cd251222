"""What every test file shares: the package is imported from the folder beside this one, installed or not."""

import gc
import logging
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import support  # noqa: E402


@pytest.fixture(params=support.COLOURS)
def colour(request):
    return support.Colour(request.param)


@pytest.fixture(scope="session", autouse=True)
def programs_are_compiled_once(tmp_path_factory):
    """Where Python may not write beside its modules, each of the programs that tests start would compile them all."""
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("compiled"))


def pytest_configure():
    """A shell starts what it has in the background with Ctrl-C ignored, and so would every program started here be."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """What has been collected stays: the collector need not search it again and again."""
    freeze()


def freeze():
    gc.collect()
    if hasattr(gc, "freeze"):  # not in PyPy
        gc.freeze()


@pytest.fixture
def nothing_is_left(monkeypatch, caplog):
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
    freeze()  # what is left need not be searched again after each test
    assert complaints == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
