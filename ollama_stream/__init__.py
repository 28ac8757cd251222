# SPDX-License-Identifier: MIT
"""A client for Ollama's HTTP API: the standard library and nothing else.

The protocol: POST a JSON object to /api/chat; the server answers with one JSON object a line, each in an HTTP chunk of
its own, and the one that says ``"done": true`` ends the answer:

    POST /api/chat HTTP/1.1                          HTTP/1.1 200 OK
    Host: 127.0.0.1:11434                            Content-Type: application/x-ndjson
    Content-Length: 72                               Transfer-Encoding: chunked

    {"model":"m","messages":[...],"stream":true}     51
                                                     {"model":"m",...,"message":{...,"content":"Hi"},"done":false}

Where to read, in the order of the bytes:

    _endpoints, _values           a call -> a request, or an error before any byte is sent
    _schema, _types               tools= and format=: Python functions and types -> JSON Schema, and back
    _calls, _client, aio          the clients and their streams: on blocking sockets, and in coroutines
    _methods                      their calls, made of the rows of _endpoints; _default: the module functions
    _exchange, _refusal           one request and its response, with its clocks, retries and closing, for both
    _route, _dial, _address       the way to the server, and idle connections; _net: sockets, _tls: over TLS
    _http1, _syntax               bytes -> an HTTP message; _json: text -> values
    _stream, _assembler           its body -> lines -> JSON objects -> records -> the whole answer
    _decode, _model               a JSON object -> a record, and what can be done with one
    _records, _documents          the records, a field a line; _errors: every way to fail

What is built on the client, a folder each:

    tools                         calls of tools, conversations, progress
    fixture                       recorded exchanges: read, written, redacted, matched, recorded, converted
    replay                        played back: over a socket, in the process, with faults; and the recording proxy
    cli                           the command line

Nothing is loaded before it is used.
"""

import sys

if sys.version_info < (3, 8):  # which can read all of this file, and so comes to say it
    too_old = ImportError("ollama_stream needs Python 3.8 or newer, and this is %d.%d" % sys.version_info[:2])
    too_old.name = __name__  # with which python3 -m says it in one line
    if sys.path[:1] == sys.argv[:1]:  # the program is an archive, and this is in it
        sys.exit(str(too_old))
    raise too_old

from typing import Any, List

# The public names by their homes; a function for each row of _endpoints is one too. Type checkers read __init__.pyi, which
# tests/make_stubs.py makes of both.
_HOMES = {
    "aio": "AsyncClient AsyncStream",
    "_client": "Client Stream",
    "_errors": "ConnectError ConnectionLost FixtureError IncompleteStream OllamaError OllamaTimeout ProtocolError "
    "RequestError ResponseError StreamClosed",
    "_net": "Timeout",
    "_documents": "CloudStatusResponse EmbedResponse EmbeddingsResponse ListResponse ModelDetails ProcessResponse "
    "ProgressResponse ShowResponse StatusResponse UserResponse VersionResponse WebFetchResponse WebSearchResponse",
    "_records": "ChatResponse GenerateResponse Image Logprob Message Options Tool ToolCall",
    "tools": "Conversation Progress progress run_tools",
}


def __getattr__(name):
    # type: (str) -> Any
    if name == "__version__":
        return _load("_calls").VERSION
    home = next((home for home, names in _HOMES.items() if name in names.split()), "_default")
    if name == "__all__":
        listed = [name for names in _HOMES.values() for name in names.split()]
        value = sorted(listed + [name for name in _load(home).FUNCTIONS])  # type: Any  # list is one of them
    elif name.startswith("_") or name in _HOMES or (home == "_default" and name not in _load(home).FUNCTIONS):
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    else:
        value = getattr(_load(home), name)
    globals()[name] = value
    return value


def _load(home):
    # type: (str) -> Any
    """A module of the package. Import statements, because what packs a program with its modules looks for those."""
    if home == "aio":
        from . import aio

        return aio
    if home == "tools":
        from . import tools

        return tools
    from . import _calls, _client, _default, _documents, _errors, _net, _records

    return {
        "_calls": _calls, "_client": _client, "_default": _default, "_documents": _documents, "_errors": _errors,
        "_net": _net, "_records": _records,
    }[home]  # fmt: skip


def __dir__():
    # type: () -> List[str]
    return sorted(set(globals()).union(__getattr__("__all__")))
