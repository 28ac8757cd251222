"""What every test file shares: the package is imported from the folder beside this one, installed or not."""

import oldest  # noqa: F401, I001  (first: an older Python reads no further)
import collections
import gc
import logging
import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import support  # noqa: E402

from ollama_stream import _exchange  # noqa: E402


@pytest.fixture(params=support.COLOURS)
def colour(request):
    return support.Colour(request.param)


@pytest.fixture(scope="session", autouse=True)
def programs_are_compiled_once(tmp_path_factory):
    """Where Python may not write beside its modules, each of the programs that tests start would compile them all."""
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("compiled"))


def pytest_addoption(parser):
    parser.addoption("--each", type=int, default=1, metavar="N", help="of the cases of a test every Nth")


def pytest_configure(config):
    """A shell starts what it has in the background with Ctrl-C ignored, and so would every program started here be."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _exchange.AT_ONCE = support.PATIENCE  # on a busy machine an idle connection that is dead shows it later
    gc.disable()  # until all is collected: what has been collected stays

    # Each TLS client reads the system's list of authorities: a list of one takes a fiftieth of the time of all that
    # there are, and no test asks a server of the world.
    os.environ.update(SSL_CERT_FILE=os.path.join(support.ROOT, "tests", "certs", "client.pem"), SSL_CERT_DIR=os.devnull)

    config.addinivalue_line("markers", "each(n): of its cases every nth, all where OLLAMA_STREAM_SEEDS says more than 0")


def pytest_collection_modifyitems(config, items):
    """Leave out cases of tests with so many that the last ones tell nothing new; nothing that is asked for by its name."""
    if not support.seeds(0) and not any("::" in argument for argument in config.args):
        kept = list(kept_of(items, config.getoption("each")))
        config.hook.pytest_deselected(items=list(set(items).difference(kept)))
        items[:] = kept


def kept_of(items, each):
    """Every case of a test that is marked for none, of another every nth in each colour."""
    numbers = collections.Counter()
    for item in items:
        mark, parameters = item.get_closest_marker("each"), getattr(getattr(item, "callspec", None), "params", {})
        test = item.parent.nodeid, getattr(item, "originalname", item.name), parameters.get("colour")
        if sum_of_places(item, numbers[test]) % max(each, mark.args[0] if mark else 1) == 0:
            yield item
        numbers[test] += 1


def sum_of_places(item, number):
    """Where the case with this number stands in each table of its test: of every nth sum, all rows are in some case."""
    places = 0
    for table in reversed(list(item.iter_markers("parametrize"))):
        number, place = divmod(number, len(table.args[1]))
        places += place
    return places + number


def pytest_collection_finish():
    """The garbage collector need not search what pytest has collected again and again."""
    gc.enable()
    support.collect_garbage()


@pytest.fixture(scope="session")
def what_is_opened_once():
    """A call in each colour: what Python and its libraries open at the first one and keep is no test's."""
    for name in support.COLOURS:
        with support.Server(support.answer(support.GOOD)) as server:
            support.Colour(name).chat(server).result()
    support.collect_garbage()


@pytest.fixture
def nothing_is_left(what_is_opened_once, monkeypatch, caplog):
    """The test leaves no file open that was not open before it, without the collector, and nothing complains."""
    complaints = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: complaints.append(repr(event.exc_value)))
    before = support.descriptors()
    gc.disable()
    try:
        with caplog.at_level(logging.ERROR, "asyncio"):
            yield
        deadline, left = time.monotonic() + support.SOON, support.descriptors() - before
        while left and time.monotonic() < deadline:
            time.sleep(0.01)  # another thread, or the system, is about to close one
            if not support.COUNTS_REFERENCES:
                gc.collect()
            left = support.descriptors() - before
        assert left == set()
    finally:
        gc.enable()
    support.collect_garbage()
    assert complaints == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
