"""The rule behind faults 109, 272 and 273: no parser of the standard library gets what came off the wire unguarded.

Each call of one in the client stands in a ``try`` that catches what the parser raises, or in the table with the reason
why nothing of the kind can get there.
"""

from __future__ import annotations

import ast

from test_package import CLIENT, TREES

CAUGHT = {"ValueError", "Exception", "BaseException"}
PARSERS = {  # name of the call -> what else than ValueError it raises: a handler must name one of each
    "int": (), "float": ("OverflowError",), "loads": ("RecursionError",), "scan_once": ("RecursionError",),
    "raw_decode": ("RecursionError",), "fromisoformat": (), "parsedate_to_datetime": ("TypeError",), "parsedate": (),
    "strptime": (), "timestamp": ("OverflowError",), "unquote": (), "unquote_to_bytes": (), "b64decode": (), "fromhex": (),
    "ip_address": (), "ip_network": (), "urlsplit": (), "urlparse": (), "chr": (), "unpack": (), "decode": (),
    "literal_eval": (), "fromtimestamp": ("OverflowError",), "a2b_hex": (), "unhexlify": (), "encode": (),
}  # fmt: skip
# What is right as it is, and why.
GUARDED = {
    "_address.basic_auth: decode": "base64 is ASCII",
    "_address.parse_userinfo: unquote_to_bytes": "the text of an address has been checked: it can be printed",
    "_address.name_for_system: encode": "the parts of an address have been checked",
    "_address.parse_port: int": "of at most five ASCII digits",
    "_calls.format_request: encode": "check_header has let nothing else through",
    "_decode.ByteSize.human_readable: float": "of 64 bits: read_size",
    "_refusal.parse_retry_after: float": "of at most nine ASCII digits",
    "_syntax.parse_chunk_size: int": "of at most 16 hexadecimal digits",
    "_syntax.parse_content_length: encode": "of what was decoded as Latin-1",
    "_syntax.parse_content_length: int": "of at most 18 ASCII digits",
    "_syntax.parse_status_line: int": "of three ASCII digits",
    "_syntax.framing_of: encode": "of what was decoded as Latin-1",
    "_records.compute_rate: float": "of numbers, which can but overflow",
    "_route.format_connect: encode": "the parts of an address have been checked",
    "_route.read_keep_alive: float": "of at most nine ASCII digits",
    "_schema.read_plain: float": "of fewer than 1,024 bits",
    "_schema.read_plain: int": "of a float that is an integer",
    "_stream: encode": "of a constant",
    "_stream.ResponseDecoder._line: encode": "of what was decoded as UTF-8",
    "_stream.ResponseDecoder._value_of: encode": "of what was decoded as UTF-8",
    "_stream.decoded: decode": "of the lines before the one that is not UTF-8",
    "_assembler.join_texts: loads": "of what dumps has written",
    "_values.read_image: decode": "base64 is ASCII",
    "_values.check_number: int": "of an int",
    "_values.plain: float": "of a float",
    "_values.plain: int": "of an int",
}


def name_of(call):
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def handles(handler):
    """The names of what a handler catches."""
    if handler.type is None:
        return {"BaseException"}
    parts = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {getattr(part, "id", getattr(part, "attr", "")) for part in parts}


def cannot_fail(call):
    """Of constants, and codecs that have something for every byte or character."""
    words = {argument.value for argument in call.args if isinstance(argument, ast.Constant)}
    if name_of(call) in ("decode", "encode"):
        return bool(words & {"replace", "backslashreplace", "surrogateescape", "surrogatepass", "ignore"}) or (
            name_of(call) == "decode" and "latin-1" in words
        )
    return bool(call.args) and all(isinstance(argument, ast.Constant) for argument in call.args)


def calls_of(node, place, caught):
    """(place, name of the call, what is caught around it) of every call of a parser."""
    for child in ast.iter_child_nodes(node):
        here, around = place, caught
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            here, around = "%s.%s" % (place, child.name), set()
        if isinstance(child, ast.Try):
            inside = caught.union(*(handles(handler) for handler in child.handlers)) if child.handlers else caught
            for part in child.body:
                yield from calls_of(ast.Module([part], []), place, inside)
            for part in [*child.handlers, *child.orelse, *child.finalbody]:
                yield from calls_of(ast.Module([part], []), place, caught)
            continue
        ours = isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "decode"  # of _decode
        if isinstance(child, ast.Call) and name_of(child) in PARSERS and not ours and not cannot_fail(child):
            yield here, name_of(child), around
        yield from calls_of(child, here, around)


def test_no_parser_of_the_standard_library_gets_wire_bytes_unguarded_272():
    unguarded = set()
    for module in CLIENT:
        for place, name, caught in calls_of(TREES[module], module, set()):
            codec = {"UnicodeDecodeError", "UnicodeEncodeError", "UnicodeError"} if name in ("decode", "encode") else set()
            whole = caught & {"Exception", "BaseException"} or caught >= set(PARSERS[name])
            if not (caught & (CAUGHT | codec) and whole):
                unguarded.add("%s: %s" % (place, name))
    assert sorted(unguarded - set(GUARDED)) == []
    assert sorted(set(GUARDED) - unguarded) == []
