"""The official client, where it is installed, on the tables of ``test_dropin``: are they right, and does ours agree?"""

import inspect
import json
from importlib.metadata import version
from typing import Any

import pytest

ollama = pytest.importorskip("ollama")
if version("ollama") != "0.6.3":
    pytest.skip("the tables are of ollama-python 0.6.3", allow_module_level=True)

import ollama_stream
import support
from test_dropin import (
    AS_JSON, CONNECT, ERRORS, FIELDS, FUNCTIONS, GENERATED, HOSTS, LOOK_ROWS, NAMES, RESPONSES, SAME, SIGNATURES, TOOLS,
    WEB, WIRES, call, class_of, contract, loopback, outcome, parameters_of, raised_over_a_socket, seen, validated,
)  # fmt: skip

assert loopback  # a fixture


def test_A1_no_other_name_is_exported():
    theirs = {name for name in ollama.__all__ if not name.startswith("SystemOne")}
    assert theirs == set(NAMES)
    functions = {name for name, value in vars(ollama).items() if inspect.ismethod(value)}
    assert functions - {"systemone"} == set(FUNCTIONS)


@pytest.mark.parametrize("name", SIGNATURES)
def test_A3_a_method_has_these_parameters(name):
    for cls in (ollama.Client, ollama.AsyncClient):
        assert parameters_of(getattr(cls, name)) == contract(name)


def test_A3_a_blob_has_the_same_digest(loopback, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(100000))
    ours = call(ollama_stream, "Client", loopback.url, "create_blob", (path,), {})
    assert call(ollama, "Client", loopback.url, "create_blob", (path,), {}) == ours


@pytest.mark.parametrize("wire", WIRES)
def test_A4_on_the_wire(wire, loopback):
    expected = wire.body if wire.theirs in (SAME, AS_JSON) else wire.theirs
    for form in ("Client", "AsyncClient"):
        del loopback.asked[:]
        call(ollama, form, loopback.url, wire.name, (), wire.given(ollama))
        (asked,) = loopback.asked
        assert asked.line == wire.line
        if wire.theirs is AS_JSON:
            assert json.loads(asked.body) == json.loads(expected) and asked.body != expected
        else:
            assert asked.body == expected


@pytest.mark.parametrize("name, arguments, path, body, answer, look", WEB)
def test_A4_the_web_is_searched_at_ollama_com(name, arguments, path, body, answer, look):
    httpx = pytest.importorskip("httpx")

    def handler(request: Any) -> Any:
        assert (request.method, str(request.url)) == ("POST", "https://ollama.com" + path)
        assert request.content.decode() == body
        return httpx.Response(200, json=answer)

    client = ollama.Client(headers={"Authorization": "Bearer key"}, transport=httpx.MockTransport(handler))
    assert look(getattr(client, name)(*arguments)) == "u"


@pytest.mark.parametrize("name, data, look, ours, theirs", LOOK_ROWS)
def test_A5_a_response_looked_at(name, data, look, ours, theirs):
    assert outcome(look, validated(ollama, name, data)) == (ours if theirs is SAME else theirs)


# What theirs has besides: of other endpoints, by inheritance, and never set.
NEVER_SET = {"EmbedResponse": GENERATED.split()}


@pytest.mark.parametrize("path", FIELDS)
def test_A5_a_record_has_these_fields(path):
    theirs = set(class_of(ollama, path).model_fields)
    assert theirs - set(FIELDS[path].split()) <= set(NEVER_SET.get(path, ()))
    assert set(FIELDS[path].split()) <= theirs


def agree(ours: Any, theirs: Any) -> bool:
    """Whether ours has every value of theirs, field by field; an unset text of ours may be empty."""
    if hasattr(theirs, "model_fields_set"):
        return all(agree(getattr(ours, name, None), value) for name, value in theirs)
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(agree, ours, theirs))
    return bool(ours == theirs or theirs is None and ours == "")


@pytest.mark.parametrize("wire", WIRES)
def test_A5_an_answer_has_the_same_values_in_ours(wire, loopback):
    theirs = call(ollama, "Client", loopback.url, wire.name, (), wire.given(ollama))
    for form in ("Client", "AsyncClient"):
        ours = call(ollama_stream, form, loopback.url, wire.name, (), wire.given(ollama_stream))
        assert type(ours).__name__ == type(theirs).__name__
        assert agree(ours, theirs)


@pytest.mark.parametrize("arguments, ours, theirs", ERRORS, ids=str)
def test_A6_an_error_of_the_server(arguments, ours, theirs):
    found = outcome(lambda cls: seen(cls(*arguments)), ollama.ResponseError)
    assert found == (ours if theirs is SAME else theirs)


def test_A6_a_refused_connection_is_a_builtin_connection_error():
    with pytest.raises(ConnectionError) as raised:
        call(ollama, "Client", "http://127.0.0.1:%d" % support.closed_port(), "chat", ("m",), {})
    assert str(raised.value) == CONNECT


@pytest.mark.parametrize("response, stream, ours", [pytest.param(*row[1:], id=row[0]) for row in RESPONSES])
def test_A6_a_failed_call_has_the_servers_words(response, stream, ours):
    assert raised_over_a_socket(ollama, "Client", response, stream) == ours


@pytest.mark.parametrize("host, ours, theirs", HOSTS, ids=[repr(row[0]) for row in HOSTS])
def test_A7_a_host_is_read_as(host, ours, theirs):
    from ollama._client import _parse_host

    assert outcome(_parse_host, host) == (ours if theirs is SAME else theirs)


@pytest.mark.parametrize("function, ours, theirs", [pytest.param(*row[1:], id=row[0]) for row in TOOLS])
def test_A8_a_function_as_a_tool(function, ours, theirs):
    from ollama._utils import convert_function_to_tool

    def converted(given: Any) -> Any:
        tool = convert_function_to_tool(given).model_dump(exclude_none=True)
        for one in tool["function"]["parameters"]["properties"].values():
            if not one["description"]:
                del one["description"]
        return tool

    found = outcome(converted, function)
    if theirs == "other types":
        kinds = {name: one["type"] for name, one in found["function"]["parameters"]["properties"].items()}
        assert kinds.pop("both") in ("integer, string", "string, integer")
        assert kinds == {"which": "string", "items": "array"}
    else:
        assert found == (ours if theirs is SAME else theirs)
