"""Whatever asks for the types of a public name gets them: every name in an annotation is there at run time (fault 261)."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import typing

import pytest
from support import ROOT

FACES = ["", ".tools", ".fixture", ".replay", ".transports", ".proxy", ".dropin"]


def public_things():
    """(name, class or function) of every public name, and of the public methods of the classes."""
    things = {}
    for face in FACES:
        module = importlib.import_module("ollama_stream" + face)
        for name in getattr(module, "__all__", None) or dir(module):
            thing = getattr(module, name)
            if name.startswith("_") or not getattr(thing, "__module__", "").startswith("ollama_stream"):
                continue
            if inspect.isclass(thing):
                things[name] = thing
                for member in dir(thing):
                    method = inspect.getattr_static(thing, member)
                    method = method.fget if isinstance(method, property) else getattr(method, "__func__", method)
                    if inspect.isfunction(method) and (member == "__init__" or not member.startswith("_")):
                        things["%s.%s" % (name, member)] = method
            elif inspect.isfunction(thing):
                things[name] = thing
    return things


def test_the_types_of_every_public_name_resolve_fault_261():
    things, broken = public_things(), []
    assert len(things) > 200
    for name, thing in things.items():
        try:
            typing.get_type_hints(thing)
        except Exception as error:
            broken.append("%s: %s" % (name, error))
    assert broken == []


@pytest.mark.parametrize("name", ["ListResponse", "ChatResponse", "ShowResponse", "ProcessResponse", "EmbedResponse"])
def test_a_field_that_is_a_time_or_a_record_says_so_fault_261(name):
    import ollama_stream

    hints = typing.get_type_hints(getattr(ollama_stream, name))
    assert hints and not any(isinstance(hint, (str, typing.ForwardRef)) for hint in hints.values())


def test_the_settings_of_a_client_say_their_types_fault_261():
    import ollama_stream

    for client in (ollama_stream.Client, ollama_stream.AsyncClient):
        hints = typing.get_type_hints(client.__init__)
        assert {"host", "timeout", "headers", "verify", "cert", "transport"} <= set(hints)


def test_asking_for_types_loads_no_ssl_fault_261():
    program = (
        "import sys, typing; sys.path.insert(0, %r); import ollama_stream as o;"
        "typing.get_type_hints(o.Client.__init__); print('ssl' in sys.modules)" % ROOT
    )
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout.split() == [b"False"]
