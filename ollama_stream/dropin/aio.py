# SPDX-License-Identifier: MIT
"""``ollama._client.AsyncClient``, in a file of its own because it loads asyncio."""

from __future__ import annotations

from typing import Any, AsyncIterator, Coroutine, Generator, Mapping

from .._decode import Record
from ..aio import AsyncClient as OwnAsyncClient
from .seam import OfficialClient


class AsyncClient(OfficialClient, OwnAsyncClient):
    """Our client for coroutines, every call of which goes through ``_request``."""

    httpx_class = "AsyncClient"

    async def _request(self, cls: Any, *place: Any, stream: bool = False, **options: Any) -> Any:
        """The answer as a record of the class, or an AsyncStream of them; arguments as of ``_ask``."""
        answer = self._ask(cls, *place, stream=stream, **options)
        if issubclass(cls, Record):
            return answer if stream else await answer.result()
        return (cls(**part) async for part in answer) if stream else cls(**await answer.result())

    def _call(self, name: str, given: Mapping[str, Any]) -> Any:
        answer = super()._call(name, given)
        return Requested(answer) if given.get("stream") else answer

    async def close(self) -> None:
        """Close the connections that rest between calls."""
        await self._client.aclose()

    async def systemone(self, model: str, state: Any, questions: Any, keep_alive: Any = None) -> Any:
        """POST /v1/systemone, which no release of the server answers."""
        return await self._ask_systemone(model=model, state=state, questions=questions, keep_alive=keep_alive)


class Requested(Coroutine[Any, Any, Any]):
    """A stream that has yet to come through ``_request``: a coroutine, as with the official client, or loop over it."""

    def __init__(self, answer: Coroutine[Any, Any, Any]) -> None:
        self._answer = answer

    def send(self, value: Any) -> Any:
        return self._answer.send(value)

    def throw(self, *error: Any) -> Any:
        return self._answer.throw(*error)

    def close(self) -> None:
        self._answer.close()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._answer.__await__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for record in await self._answer:
            yield record
