# SPDX-License-Identifier: MIT
"""What a server says that does not answer: a status of 300 and above with a body of any kind -> ResponseError."""

from __future__ import annotations

import time
from typing import Any, Dict, Optional

from ._address import redact_location
from ._errors import MAX_SHOWN_ERROR, ProtocolError, ResponseError, check_origin, find_reason
from ._http1 import Head
from ._json import parse_json, read_object
from ._stream import response_error
from ._syntax import has_controls


def describe_start(start: bytes) -> str:
    """What to add to the error of a head that could not be read."""
    if start.startswith(b"\x15\x03"):
        return ": this is TLS. Write https:// in place of http://"
    return "" if start.startswith(b"HTTP/1.") else "; is this an Ollama server?"


def status_error(head: Head, body: bytes) -> ResponseError:
    """The server's text from the body of an error: JSON, plain text, or nothing but the reason phrase."""
    headers = {name.lower(): value for name, value in head.headers}
    details: Any = {"headers": headers, "retry_after": parse_retry_after(headers.get("retry-after"))}
    text = "" if is_binary(head, body) else body.decode("utf-8", "replace").lstrip("\ufeff").strip()
    if head.status < 400:
        location = headers.get("location")
        where = " to %s" % redact_location(location) if location else ""
        message = "the server redirects%s, which is not followed: set host to where the API is" % where
        return ResponseError(message, head.status, raw=text, **details)
    try:
        data = parse_json(text)
    except ProtocolError:
        data = object_in_lines(text) or text
    if isinstance(data, dict) and find_reason(data, head.reason):
        return response_error(data, head.status, head.reason, **details)
    told = isinstance(data, str) or (isinstance(data, list) and all(isinstance(item, dict) for item in data))
    message = "" if is_blank(data) else (find_reason(data, head.reason) if told else "") or text
    if "<html" in text[:500].lower() or "<!doctype" in text[:500].lower():
        message = find_title(text, head.status) or head.reason or "an HTML page"
    return ResponseError(
        message[:MAX_SHOWN_ERROR] or head.reason or "status %d" % head.status, head.status, raw=data, **details
    )


def object_in_lines(text: str) -> Optional[Dict[str, Any]]:
    """The first object of a text that is laid out as a stream: lines of JSON, or events ("data: {...}")."""
    if not text.startswith(("{", "data:", "event:", ":")):
        return None
    lines = (line[5:] if line.startswith("data:") else line for line in text.splitlines())
    return next(filter(None, map(read_object, lines)), None)


def is_binary(head: Head, body: bytes) -> bool:
    """Whether the body of an error is nothing to be shown: compressed, or no text at all."""
    if b"\0" in body or body.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):  # gzip, zstd
        return True
    text = body.decode("utf-8", "replace")
    strange, controlled = text.count("\ufffd"), has_controls(text, but="\t\r\n")
    if (head.get("Content-Encoding") or "identity").strip().lower() not in ("identity", ""):
        return controlled or strange > 0
    return strange > 0 and (controlled or 2 * strange > len(text))  # a text in an old code has letters of ASCII


def is_blank(value: Any) -> bool:
    """Whether a JSON value tells nothing: {}, "", {"error": null} ..."""
    if isinstance(value, (dict, list)):
        return all(map(is_blank, value.values() if isinstance(value, dict) else value))
    return value is None or isinstance(value, bool) or (isinstance(value, str) and not value.strip())


def find_title(page: str, status: int) -> str:
    """The title of an HTML page without the status in it; proxies say there what is wrong."""
    title = " ".join(page.partition("<title>")[2].partition("</title>")[0].split())[:200]
    return title[len(str(status)) :].strip(" :|-\u2013\u2014") if title.startswith(str(status)) else title


def parse_retry_after(value: Optional[str]) -> Optional[float]:
    """Seconds to wait by a Retry-After field: a number or an HTTP date (RFC 9110, 10.2.3); None for anything else."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except Exception as error:  # the parsers of old Pythons fail in many ways
        check_origin(error)
        return None
