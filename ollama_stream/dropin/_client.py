# SPDX-License-Identifier: MIT
"""What ``ollama._client`` gives."""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Sequence

from .._address import parse_address
from .._client import Client as OwnClient
from .._decode import Record
from .._errors import CONNECT_ADVICE
from .._records import Image, Message, Tool
from .._values import check_messages, check_tools
from . import _types
from .seam import OfficialClient as BaseClient

CONNECTION_ERROR_MESSAGE = CONNECT_ADVICE
__version__ = "0.6.3"  # of the official client whose names are here


class Client(BaseClient, OwnClient):
    """Our blocking client, every call of which goes through ``_request``."""

    def _request(self, cls: Any, *place: Any, stream: bool = False, **options: Any) -> Any:
        """The answer as a record of the class, or a Stream of them; arguments as of ``_ask``."""
        answer = self._ask(cls, *place, stream=stream, **options)
        if issubclass(cls, Record):
            return answer if stream else answer.result()
        return (cls(**part) for part in answer) if stream else cls(**answer.result())

    def close(self) -> None:
        """Close the connections that rest between calls."""
        self._client.close()

    def systemone(self, model: str, state: Any, questions: Any, keep_alive: Any = None) -> Any:
        """POST /v1/systemone, which no release of the server answers."""
        return self._ask_systemone(model=model, state=state, questions=questions, keep_alive=keep_alive)


def _copy_tools(tools: Optional[Sequence[Any]] = None) -> Iterator[Tool]:
    return map(Tool.model_validate, check_tools(tools or (), "tools"))


def _copy_messages(messages: Optional[Sequence[Any]] = None) -> Iterator[Message]:
    for message in check_messages(messages or (), "messages"):
        yield Message.model_validate({name: value for name, value in message.items() if value})


def _copy_images(images: Optional[Sequence[Any]] = None) -> Iterator[Image]:
    return (image if isinstance(image, Image) else Image(value=image) for image in images or ())


def _parse_host(host: Optional[str]) -> str:
    return parse_address(host).url


def __getattr__(name: str) -> Any:
    if name == "AsyncClient":  # it loads asyncio
        from .aio import AsyncClient

        return globals().setdefault(name, AsyncClient)
    return getattr(_types, name)


def __dir__() -> List[str]:
    return [*globals(), "AsyncClient", *dir(_types)]
