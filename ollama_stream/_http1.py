# SPDX-License-Identifier: MIT
"""One HTTP/1.1 message out of bytes: no socket, no clock, no thread.

In go the pieces a connection returned, by ``receive()``; ``b""`` is end of file. Out come the head, by ``read_head()``,
and the body without its framing, by ``read_body()``: what can be had now, and an error only after the good bytes
before it. The outcome depends on the bytes, never on how they were cut.

    state       what is read there                         what follows
    HEAD        a start line, header lines, an empty line  HEAD after a 1xx, else SIZE, LENGTH, UNTIL_EOF or END
    SIZE        a chunk-size line                          DATA, or TRAILERS after size 0
    DATA        the chunk's bytes and a CRLF               SIZE
    TRAILERS    header lines, an empty line                END
    LENGTH      as many bytes as Content-Length says       END
    UNTIL_EOF   everything                                 END, at end of file
    END         nothing: what is left is surplus

Framing that two readers could take for two different messages is a ``ProtocolError``, an early end of file a
``ConnectionLost``. Nothing else is raised, and every later call raises the same again.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, Type, Union

from ._errors import ConnectionLost, ProtocolError, check_origin
from ._syntax import (
    BODILESS, EMPTY_LINES, VERSIONS, HeaderFields, WithHeaders, framing_of, line_content, may_persist, parse_chunk_size,
    parse_header_field, parse_header_text, parse_status_line, shown_bytes,
)  # fmt: skip

MAX_HEADER_LINES = 100  # as http.client; Ollama sends 4, a proxy adds a dozen
MAX_HEADER_LINE = 64 * 1024  # as http.client
MAX_HEAD = 256 * 1024  # or 100 lines of 64 KiB would be 6 MB
MAX_SIZE_LINE = 4 * 1024  # as Go; what follows the digits is read by nobody
MAX_OVERHEAD = 16 * 1024  # as Go: chunk framing in excess of the data it carries
MAX_INTERIM_HEADS = 16  # one is usual; without a limit a peer could send 1xx heads for ever
MAX_USUAL_LINE = 8  # of a chunk-size line that is no more than a size: no framing in excess
SPLIT_SIZE = 64 * 1024  # as much as one read gives
START_SIZE = 16  # enough of an answer to tell whether it is HTTP ("HTTP/1.1 " is 9), and to name what it is instead

HEAD, SIZE, DATA, TRAILERS = "head", "size", "data", "trailers"
LENGTH, UNTIL_EOF, END = "length", "until end of file", "end"


class StatusLine(NamedTuple):
    version: str
    status: int
    reason: str
    headers: HeaderFields


class Head(WithHeaders, StatusLine):
    """The head of a response: ``version`` "1.1" or "1.0", ``headers`` as on the wire, decoded as Latin-1."""

    __slots__ = ()


class Chunk(NamedTuple):
    """A chunk: its data, the size announced, the size line without CRLF, and whether data and CRLF are all in."""

    data: bytes
    size: int
    line: bytes
    complete: bool


class MessageReader:
    """What the two readers share; they differ in the start line and in how it and the fields frame the body."""

    _folds_allowed = True

    def __init__(self, keep_chunks: bool) -> None:
        self.bytes_received = 0
        self.trailers: HeaderFields = []
        self.complete = False  # the message has ended, trailers included
        self.news = False  # something came since read_body() had nothing more to give
        self._state = HEAD
        self._eof = False
        self._persistent = False
        # Not the exception itself: its traceback would hold the caller's frames, and with them the connection.
        self._failure: Optional[Tuple[Union[Type[ConnectionLost], Type[ProtocolError]], str]] = None
        self._block = b""  # what is being parsed, from _pos on
        self._pos = 0
        self._pieces: List[bytes] = []  # what came after the block
        self._lines: List[bytes] = []  # taken out of the block, while the unit they belong to is not whole
        self._fields: HeaderFields = []  # what those lines say
        self._size = 0  # of the chunk or of the body
        self._left = 0  # bytes of it still due
        self._overhead = 0
        self._sizes: Dict[bytes, int] = {}  # by size line, for the few that a stream repeats
        self._bulk = not keep_chunks  # chunks are of the usual kind so far, and more may come
        self._keep_chunks = keep_chunks
        self._chunks: List[Chunk] = []
        self._chunk_line = b""
        self._chunk_data: List[bytes] = []

    def receive(self, piece: bytes) -> None:
        """Store what one read returned, ``b""`` at end of file. Nothing is parsed yet, and nothing raised."""
        if not piece:
            self._eof, self._bulk = True, False
        elif self._pos < len(self._block) or self._pieces:
            self._pieces.append(piece)
        else:
            self._block, self._pos = piece, 0
        self.bytes_received += len(piece)
        self.news = True

    def read_body(self) -> bytes:
        """All bytes of the body that can be had now, ``b""`` for none. Reads on through the trailers.

        Raises ConnectionLost at an early end of file and ProtocolError for bad framing; where good bytes came before
        it they are returned, and the next call raises.
        """
        found: List[bytes] = []
        if self.news:
            if not self._bulk or self._state != SIZE or not self._take_whole_chunks(found):
                self._run(_STEPS, found)
            self.news = self._failure is not None
        return b"".join(found)

    def take_chunks(self) -> List[Chunk]:
        """The chunks finished since the last call, and one that an error cut short; not the last, empty chunk."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def unparsed(self) -> bytes:
        """The bytes received but not accepted: after a ProtocolError those from the first refused unit on.

        Units are a whole head, a size line, what follows a chunk's data, and the last chunk with its trailers.
        """
        return b"".join([*self._lines, self._block[self._pos :], *self._pieces])

    @property
    def body_ended(self) -> bool:
        """Every byte of the body has been returned; trailers may still be due."""
        return self._state in (TRAILERS, END)

    @property
    def surplus(self) -> bytes:
        """The bytes received after the end of the message."""
        return self.unparsed() if self.complete else b""

    @property
    def keepable(self) -> bool:
        """The connection is or may become ``reusable``: nothing speaks against it so far."""
        if self.complete or self._state == UNTIL_EOF:
            return self.reusable
        return self._persistent and not self._eof and self._failure is None

    @property
    def reusable(self) -> bool:
        """The connection may carry another exchange: the message ended just here, beyond doubt, and nobody closes."""
        return self.complete and self._persistent and not self._eof and not self.surplus

    def _run(self, steps: _ReaderSteps, found: List[bytes]) -> None:
        """Step from state to state as far as the bytes go."""
        if self._failure is not None:
            kind, message = self._failure
            raise kind(message)
        try:
            while self._state in steps and steps[self._state](self, found):
                pass
        except (ConnectionLost, ProtocolError) as error:
            check_origin(error)
            self._failure, self._bulk = (type(error), str(error)), False
            if self._state == DATA:
                self._end_chunk(complete=False)
            if not found:
                raise

    def _needs_more(self, where: str) -> bool:
        """False, for a step to return when it cannot go on; after end of file it never will."""
        if self._eof:
            raise ConnectionLost("the connection closed " + where)
        return False

    def _gather(self) -> int:
        """Make one block of all that is unread, and return its size.

        What is copied again and again is at most a line: one of 64 KiB that comes byte by byte costs twice the time.
        """
        if self._pieces:
            self._block = b"".join([self._block[self._pos :], *self._pieces])
            self._pos, self._pieces = 0, []
        return len(self._block) - self._pos

    def _next_line(self, limit: int) -> Optional[bytes]:
        """The next line with its LF, or None where that has not come. One longer than ``limit`` is refused."""
        unread = self._gather()
        end = self._block.find(b"\n", self._pos, self._pos + limit) + 1
        if end:
            line = self._block[self._pos : end]
            self._pos = end
            return line
        if unread >= limit:
            raise ProtocolError("a line of more than %d bytes: %s" % (limit, shown_bytes(self._block[self._pos :])))
        return None

    def _read_head_lines(self, found: List[bytes]) -> bool:
        if (self._lines or self._read_start()) and self._read_fields():
            self._accept_head(self._fields)
            self._lines, self._fields = [], []
            return True
        return self._needs_more("inside the head")

    def _read_start(self) -> bool:
        raise NotImplementedError

    def _accept_head(self, fields: HeaderFields) -> None:
        raise NotImplementedError

    def _read_trailers(self, found: List[bytes]) -> bool:
        if not self._read_fields():
            return self._needs_more("after the last chunk, before the empty line that ends the message")
        self.trailers, self._lines = self._fields, []
        self._end()
        return True

    def _read_fields(self) -> bool:
        """Read the header lines that follow a first line, up to the empty one; False where that has not come."""
        while True:
            line = self._next_line(MAX_HEADER_LINE)
            if line is None:
                return False
            self._lines.append(line)
            if sum(map(len, self._lines)) > MAX_HEAD:
                raise ProtocolError("more than %d bytes of header lines" % MAX_HEAD)
            if line in EMPTY_LINES:
                return True
            if len(self._lines) > 1 + MAX_HEADER_LINES:
                raise ProtocolError("more than %d header lines" % MAX_HEADER_LINES)
            self._add_field(line_content(line))

    def _add_field(self, content: bytes) -> None:
        if not content.startswith((b" ", b"\t")):
            self._fields.append(parse_header_field(content))
        elif self._folds_allowed and self._fields:
            name, value = self._fields[-1]
            self._fields[-1] = name, (value + " " + parse_header_text(content)).strip(" ")  # RFC 9112, 5.2
        else:
            raise ProtocolError("bad folded header line " + shown_bytes(content))

    def _begin_body(self, chunked: bool, length: Optional[int]) -> None:
        """``length`` is None for a body that lasts until end of file."""
        self._size = self._left = length or 0
        self._state = SIZE if chunked else UNTIL_EOF if length is None else LENGTH
        if not chunked and length == 0:
            self._end()

    def _end(self) -> None:
        self._state, self.complete = END, True

    def _read_until_eof(self, found: List[bytes]) -> bool:
        self._left = self._gather()
        self._take_data(found)
        if self._eof:
            self._end()
        return False

    def _read_length(self, found: List[bytes]) -> bool:
        self._take_data(found)
        if self._left:
            return self._needs_more("after %d of %d bytes of the body" % (self._size - self._left, self._size))
        self._end()
        return True

    def _read_size(self, found: List[bytes]) -> bool:
        if self._bulk and self._take_whole_chunks(found):
            return False
        line = self._next_line(MAX_SIZE_LINE)
        if line is None:
            begun = self._pos < len(self._block)
            return self._needs_more("inside a chunk-size line" if begun else "between chunks, before the last one")
        self._lines = [line]
        size = parse_chunk_size(line)
        # Go's rule: 16 bytes of framing a chunk are free, and two for each byte of data.
        self._overhead = max(0, self._overhead + len(line) - 16 - 2 * size)
        if self._overhead > MAX_OVERHEAD:
            raise ProtocolError("too much chunk framing for too little data: " + shown_bytes(line[:-2]))
        if size == 0:
            self._state = TRAILERS  # the line stays held: it is the first of the unit that the trailers end
            return True
        self._lines = []
        self._chunk_line = line[:-2]
        self._size = self._left = size
        self._state = DATA
        self._bulk = self._bulk and not self._overhead
        return True

    def _take_whole_chunks(self, found: List[bytes]) -> bool:
        """Take the chunks that lie whole in the block, as long as they are of the usual kind: a short size line, no CRLF
        in the data. From one that is not on, the steps read them all. True where nothing but chunks was there.

        This is the hot path: a piece is one chunk, or hundreds of them. Cut by split(), a chunk costs a fifth of what it
        costs to find its ends.
        """
        if self._pieces:
            self._gather()
        pos, sizes = self._pos, self._sizes
        parts = self._block[pos : pos + SPLIT_SIZE].split(b"\r\n")
        parts.pop()  # what no CRLF ends
        whole = iter(parts)
        for line, data in zip(whole, whole):
            size = len(data)
            if size != (sizes.get(line) or self._size_of(line)):
                self._bulk = False
                break
            found.append(data)
            pos += len(line) + size + 4
        self._pos = pos
        return pos == len(self._block)

    def _size_of(self, line: bytes) -> int:
        """The size that a short size line tells; -1 for 0, and for what the steps are to judge."""
        try:
            size = parse_chunk_size(line + b"\r\n") if len(line) <= MAX_USUAL_LINE else -1
        except ProtocolError:
            size = -1
        if len(line) <= 3 and size > 0:
            self._sizes[line] = size
        return size or -1

    def _read_data(self, found: List[bytes]) -> bool:
        self._take_data(found)
        after = self._block[self._pos : self._pos + 2]
        if self._left or len(after) < 2:
            return self._needs_more("inside a chunk (%d of %d bytes)" % (self._size - self._left, self._size))
        if after != b"\r\n":
            raise ProtocolError("%s in place of the CRLF after a chunk" % shown_bytes(after))
        self._pos += 2
        self._end_chunk(complete=True)
        self._state = SIZE
        return True

    def _end_chunk(self, complete: bool) -> None:
        if self._keep_chunks:
            self._chunks.append(Chunk(b"".join(self._chunk_data), self._size, self._chunk_line, complete))
            self._chunk_data = []

    def _take_data(self, found: List[bytes]) -> None:
        self._gather()
        data = self._block[self._pos : self._pos + self._left]
        if data:
            self._pos += len(data)
            self._left -= len(data)
            found.append(data)
            if self._keep_chunks and self._state == DATA:
                self._chunk_data.append(data)


_ReaderSteps = Dict[str, Callable[[MessageReader, List[bytes]], bool]]
HEAD_STEPS: _ReaderSteps = {HEAD: MessageReader._read_head_lines}
_STEPS: _ReaderSteps = {
    HEAD: MessageReader._read_head_lines,
    SIZE: MessageReader._read_size,
    DATA: MessageReader._read_data,
    TRAILERS: MessageReader._read_trailers,
    LENGTH: MessageReader._read_length,
    UNTIL_EOF: MessageReader._read_until_eof,
}


class Response(MessageReader):
    """The response to a request of ``method``, from the pieces given to ``receive()``.

    ``head`` is the final head or None, ``interims`` the 1xx heads before it, ``trailers`` the fields after the last
    chunk, ``bytes_received`` counts everything. Only with ``keep_chunks`` does ``take_chunks()`` have any.
    """

    def __init__(self, method: str = "POST", *, keep_chunks: bool = False) -> None:
        super().__init__(keep_chunks)
        self.head: Optional[Head] = None
        self.interims: List[Head] = []
        self._method = method
        self._status = ("", 0, "")

    def read_head(self) -> Optional[Head]:
        """The final head, or None where more bytes are needed.

        Raises ProtocolError for what is not HTTP/1.0 or 1.1 and ConnectionLost at an early end of file.
        """
        if self.head is None:
            self._run(HEAD_STEPS, [])
        return self.head

    def _read_start(self) -> bool:
        if self._eof and not self.bytes_received:
            raise ConnectionLost("the server closed the connection without an answer (0 bytes)")
        self._check_start()
        line = self._next_line(MAX_HEADER_LINE)
        if line is None:
            return False
        self._lines = [line]
        self._status = parse_status_line(line_content(line))
        return True

    def _check_start(self) -> None:
        """Refuse another protocol early: its server may never end a line, and wait for us."""
        self._gather()
        start = self._block[self._pos : self._pos + START_SIZE]
        decided = len(start) == START_SIZE or b"\n" in start or self._eof
        if decided and not any(version.startswith(start[: len(version)]) for version in VERSIONS):
            raise ProtocolError("not HTTP/1.1: " + shown_bytes(start.split(b"\n")[0]))

    def _accept_head(self, fields: HeaderFields) -> None:
        head = Head(*self._status, fields)
        if head.status == 101:
            raise ProtocolError("status 101, a switch of protocols that nobody asked for")
        if head.status >= 200:
            self._frame(head)
            self.head = head
        elif len(self.interims) == MAX_INTERIM_HEADS:
            raise ProtocolError("more than %d interim heads" % MAX_INTERIM_HEADS)
        else:
            self.interims.append(head)

    def _frame(self, head: Head) -> None:
        """RFC 9112, 6.3: with both fields chunked wins, but the connection carries nothing more."""
        chunked, length = framing_of(head.headers)
        doubtful = chunked and length is not None
        if self._method == "HEAD" or head.status in BODILESS:
            chunked, length = False, 0
        self._begin_body(chunked, length)
        self._persistent = not doubtful and may_persist(head.version, head.headers)
