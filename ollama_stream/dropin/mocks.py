# SPDX-License-Identifier: MIT
"""Tests of programs put a mock in the place of ``send`` of httpx's client: where one stands, it answers our calls too.

httpx is loaded by the test, not from here, and nothing of it goes to the network.
"""

from __future__ import annotations

import sys
from typing import Any, Optional

from .._address import Address
from .._net import settled


def mocked(class_name: str) -> Optional[Mocked]:
    """The transport to the mock in the place of ``httpx.Client.send`` or ``httpx.AsyncClient.send``, if there is one."""
    mock, httpx = sys.modules.get("unittest.mock"), sys.modules.get("httpx")
    send = getattr(getattr(httpx, class_name, None), "send", None)
    return Mocked(httpx, send) if mock and isinstance(send, mock.NonCallableMock) else None


class Mocked:
    """A transport, and its connection: the mock gets an ``httpx.Request`` and gives an ``httpx.Response``."""

    def __init__(self, httpx: Any, send: Any) -> None:
        self._httpx, self._send, self._answer = httpx, send, [b""]

    def open(self, address: Address, _timeout: Any) -> Mocked:
        self._url = "%s://%s" % (address.scheme, address.host_header)
        return self

    async def send(self, data: bytes, _timeout: Any) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = [field.split(": ", 1) for field in fields]
        request = self._httpx.Request(method, self._url + target, headers=headers, content=body)
        try:
            response = await settled(self._send(request))
        except self._httpx.ConnectError as error:
            raise ConnectionError(str(error)) from error
        status_line = b"HTTP/1.1 %d \r\nContent-Length: %d\r\n\r\n" % (response.status_code, len(response.content))
        self._answer = [b"", status_line + response.content]

    def recv(self, _timeout: Any) -> bytes:
        return self._answer.pop()

    def close(self) -> None:
        pass
