"""What help() tells of every public name: what it does, takes, returns and raises, and an example, which is run here.

Enough for a record are its fields, each with what it holds; how one is read is shown where ``get`` is inherited from.
Enough for an error are its attributes. What others make (a stream, a server) need not explain its constructor.
"""

import doctest
import hashlib
import importlib
import inspect
import os
import pydoc
import re
import shutil
import sys

import pytest
from support import ROOT, run_python

import ollama_stream
from ollama_stream import Client, OllamaError, _default
from ollama_stream._decode import Record, field_names
from ollama_stream.fixture import load, loads, wrapped
from ollama_stream.replay import serve
from ollama_stream.transports import Replaying

FIXTURE = "Cassette Event Fixture RecordedRequest Redactor Writer dumps imported lint load load_folder loads wrapped"
PUBLIC = {  # the other names in the faces are for the folders that are built on them
    "": ollama_stream.__all__,
    "tools": ["ToolRun"],
    "aio": ["AsyncTexts"],
    "fixture": FIXTURE.split(),
    "replay": "Fault ReplayServer fault serve".split(),
    "transports": ["Recording", "Replaying"],
    "proxy": ["RecordingProxy", "record"],
    "dropin": ["install"],
}
MADE_BY_OTHERS = set("AsyncStream AsyncTexts Event Fault RecordingProxy ReplayServer Stream ToolRun".split())
RAISES_NOTHING = set("AsyncTexts Event Fault Progress RecordedRequest Timeout ToolRun".split())
NO_EXAMPLE = {"AsyncTexts", "ToolRun"}  # those who make them have one
INNER = "AsyncStream.send AsyncStream.throw Recording.open Replaying.open".split()
RETURNED = re.compile(r"\b[Rr]eturns?\b|\bgives\b|^(?:The|An?|What|Whether|``load``) ")



def module_of(home):
    """A module of the package; what is called ``ollama`` in this process stays what it was when it is the drop-in."""
    modules, finders = dict(sys.modules), [*sys.meta_path]
    for name in of_ollama(modules):
        del sys.modules[name]
    try:
        return importlib.import_module(".".join(filter(None, ["ollama_stream", home])))
    finally:
        for name in of_ollama(sys.modules):
            del sys.modules[name]
        sys.modules.update((name, modules[name]) for name in of_ollama(modules))
        sys.meta_path[:] = finders


def of_ollama(modules):
    return [name for name in modules if name.split(".")[0] == "ollama"]


OBJECTS = {
    name: getattr(module_of(home), name)
    for home, names in PUBLIC.items() for name in names
}  # fmt: skip
FUNCTIONS = {name: value for name, value in OBJECTS.items() if not inspect.isclass(value)}
CLASSES = {name: value for name, value in OBJECTS.items() if inspect.isclass(value)}
RECORDS = {name: CLASSES.pop(name) for name, value in [*CLASSES.items()] if issubclass(value, Record)}
ERRORS = {name: CLASSES.pop(name) for name, value in [*CLASSES.items()] if issubclass(value, OllamaError)}
METHODS = {
    "%s.%s" % (name, attribute): getattr(owner, attribute)
    for name, owner in CLASSES.items() for attribute in dir(owner)
    if not attribute.startswith("_") and "%s.%s" % (name, attribute) not in INNER
    and callable(getattr(owner, attribute))
    and str(getattr(getattr(owner, attribute), "__module__", "")).startswith("ollama_stream")
}  # fmt: skip

assert len(OBJECTS) > 85 and len(RECORDS) > 20 and len(ERRORS) == 10 and len(METHODS) > 60


def text_of(value):
    """The docstring; of a class, that of its constructor too."""
    own = inspect.isclass(value) and value.__init__.__doc__ != object.__init__.__doc__
    return "\n\n".join(filter(None, [inspect.getdoc(value), inspect.getdoc(value.__init__) if own else ""]))


def untold(value, text):
    parameters = [name for name in inspect.signature(value).parameters if name not in ("self", "args", "kwds")]
    return [name for name in parameters if not re.search(r"(?<!\w)%s\b" % name, text)]


# --- the parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OBJECTS)
def test_help_says_what_a_name_is(name):
    assert len(inspect.getdoc(OBJECTS[name]).partition("\n")[0]) >= 10
    assert inspect.getdoc(OBJECTS[name]).partition("\n")[0] in pydoc.render_doc(OBJECTS[name])


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_help_tells_each_parameter(name):
    if name not in MADE_BY_OTHERS:
        assert untold(OBJECTS[name], text_of(OBJECTS[name])) == []


@pytest.mark.parametrize("name", METHODS)
def test_help_tells_each_parameter_of_a_method(name):
    text = inspect.getdoc(METHODS[name])
    assert text and untold(METHODS[name], text) == []


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_help_tells_what_is_raised(name):
    assert re.search(r"\b[Rr]aises?\b", text_of(OBJECTS[name])) or name in RAISES_NOTHING


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_tells_what_is_returned(name):
    answer = inspect.signature(OBJECTS[name]).return_annotation
    assert answer in ("None", *PUBLIC["replay"], *PUBLIC["proxy"]) or RETURNED.search(text_of(OBJECTS[name]))


@pytest.mark.parametrize("name", RECORDS)
def test_help_tells_each_field_of_a_record_with_its_unit(name):
    lines = {line.strip().partition(":")[0]: line for line in inspect.getdoc(RECORDS[name]).splitlines()}
    assert [field for field in field_names(RECORDS[name]) if field not in lines] == []
    for unit, ending in (("nanoseconds", "_duration"), ("tokens", "_count"), ("bytes", "size"), ("bytes", "size_vram")):
        named = [field for field in field_names(RECORDS[name]) if field.endswith(ending) and field != "parameter_size"]
        assert [field for field in named if unit not in lines[field]] == []
    assert ">>>" in pydoc.render_doc(RECORDS[name])


@pytest.mark.parametrize("name", ERRORS)
def test_help_tells_each_attribute_of_an_error(name):
    text = text_of(ERRORS[name])
    assert [word for word in vars(ERRORS[name]).get("__annotations__", ()) if word not in text and word[0] != "_"] == []
    assert ">>>" in text


class Later(ollama_stream.StatusResponse):
    """A record of a program."""

    mood: str = "good"  # or bad


def test_help_tells_the_fields_of_a_record_of_a_program():
    shown = inspect.getdoc(Later).splitlines()
    assert shown[0] == "A record of a program." and shown[-1].strip() == 'mood: str = "good"  # or bad'
    made = type("Typed", (Later,), {"__annotations__": {"at_the_prompt": "int"}})  # nobody has its source
    assert "mood" in inspect.getdoc(made) and pydoc.render_doc(made)


# --- the examples -----------------------------------------------------------------------------------------------------

RECORDED = (
    "chat-one-word generate-thinking-once embed embeddings-legacy pull push create-stream tags show ps copy delete "
    "version root-head status"
).split()
SPECIAL = {  # which recordings answer, where it is not those
    "run_tools": ["chat-tool-calls-parallel", "chat-tool-results"],
    **dict.fromkeys(ERRORS, ["show-not-found"]),
}
DIGEST = "sha256:" + hashlib.sha256(b"GGUF").hexdigest()
MADE = {  # no recording has such an answer: the account and the key that it takes are nobody's
    "/api/generate": b'{"model":"llama3.2","response":"","done":true,"done_reason":"unload"}\n',
    "/api/me": b'{"id":"1","name":"jo"}\n',
    "/api/signout": b"{}\n",
    "/api/web_search": b'{"results":[{"title":"Llama","url":"https://example.com","content":"A llama"}]}\n',
    "/api/web_fetch": b'{"title":"Example Domain","content":"This domain","links":[]}\n',
    "/api/blobs/" + DIGEST: b"{}\n",
}
METHODS_WITH_EXAMPLES = {"Client.run_tools": Client.run_tools, "Record.model_dump": Record.model_dump}
EXAMPLES = {
    name: example
    for name, value in {**OBJECTS, **METHODS_WITH_EXAMPLES}.items()
    for example in [doctest.DocTestParser().get_doctest(text_of(value), {}, name, None, None)] if example.examples
}  # fmt: skip


def made(path, body=b"{}\n", status=200, method="POST"):
    return wrapped(loads(body), status=status, path=path, method=method)


def recorded(names):
    folder = os.path.join(ROOT, "fixtures", "recordings", "ollama-0.32.15")
    return [load(os.path.join(folder, name + ".exchange.jsonl")) for name in names]


def answers_of(name):
    """The exchanges that an example meets, the first of each path."""
    others = [made(path, body) for path, body in MADE.items()]
    others += [made("/api/blobs/" + DIGEST, status=404, method="HEAD")]
    others += [made("/api/blobs/sha256:" + 64 * "0", status=404, method="HEAD")]
    return others[:1] * (name == "unload") + recorded(SPECIAL.get(name.rpartition(".")[2], RECORDED)) + others


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current one, with the files that examples name."""
    for exchange in recorded(["chat-one-word"]):
        shutil.copy(exchange.path, str(tmp_path))
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *CLASSES} - NO_EXAMPLE))
def test_help_has_an_example_of_a_few_lines(name):
    assert 1 <= sum(example.source.count("\n") for example in EXAMPLES[name].examples) <= 5


@pytest.mark.parametrize("name", sorted({*EXAMPLES} - {"install"}))
def test_an_example_of_help_does_what_it_says(name, folder, monkeypatch):
    monkeypatch.setenv("OLLAMA_API_KEY", "a-key")
    monkeypatch.setattr(_default, "_made", None)  # one of this test, which goes with its connection
    run, said = EXAMPLES[name], []
    with serve(answers_of(name), level="path", repeat="all", order="any") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        if name.startswith("web_"):  # they go to ollama.com
            client = Client(transport=Replaying(answers_of(name), level="path"))
            monkeypatch.setattr(_default, "_made", (_default.read_environment(os.environ), client))
        for example in run.examples:
            example.source = example.source.replace("http://127.0.0.1:11434", server.url)
        doctest.DocTestRunner(verbose=False).run(run, out=said.append)
    assert "".join(said) == ""


def test_the_example_of_the_dropin_does_what_it_says():
    done = run_python("-c", "import doctest, ollama_stream.dropin as d; doctest.run_docstring_examples(d.install, {})")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
