"""A file on its way to the server: its digest, and its bytes in pieces, so that no size of it fills the memory."""

from __future__ import annotations

import os
from typing import Any, Iterator

from ._errors import RequestError

UPLOAD_PIECE = 262144  # bytes


class Upload:
    """A body that is a file, ``size`` bytes long. Each iteration reads it from its start; raises RequestError."""

    def __init__(self, path: Any) -> None:
        try:
            self._file = open(path, "rb", buffering=0)
            self.size = os.fstat(self._file.fileno()).st_size
        except (OSError, ValueError) as error:
            raise RequestError("path: cannot be read: %s" % error) from None

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        try:
            self._file.seek(0)
            left = self.size
            while left:
                piece = self._file.read(min(left, UPLOAD_PIECE))
                if not piece:
                    raise RequestError("path: the file has become shorter while it was read")
                left -= len(piece)
                yield piece
        except OSError as error:
            raise RequestError("path: cannot be read: %s" % error) from None

    async def digest(self, network: Any) -> str:
        """ "sha256:" and the hexadecimal digits; a loop that it runs on has its turn after every piece."""
        from hashlib import sha256

        hasher = sha256()
        for piece in self:
            hasher.update(piece)
            await network.sleep(0)
        return "sha256:" + hasher.hexdigest()
