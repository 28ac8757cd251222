"""Programs on a pseudo-terminal: what is typed goes in when something has been shown, what is shown comes out."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import time
from typing import Any, List, NamedTuple, Sequence, Tuple

from support import PATIENCE, environment

COMMAND = [sys.executable, "-m", "ollama_stream"]
CTRL_C = b"\x03"
RETRY_SECONDS = 3.0
WAITING = re.compile(r"(?:\r[^\s]+ on 127\.0\.0\.1: w[^\r\n]*)+\r +\r")  # it comes and goes on a busy machine


class Shown(NamedTuple):
    """How a program ended, and all that it has written to its terminal."""

    status: int
    text: str


def on_terminal(
    *words: str, keys: Sequence[Tuple[str, Any]] = (), columns: int = 80, stdin: Any = None,
    command: Sequence[str] = COMMAND, waiting: bool = False, **variables: str,
) -> Shown:  # fmt: skip
    """Run a command line of ours, or of another ``command``.

    ``keys``: once a text has been shown, these bytes are typed, or this is called, one pair after the other.

    Line ends stay as they are written, and what is typed is not echoed by the terminal. ``waiting``: the line that says
    for what one waits is left in the text.
    """
    import fcntl
    import termios

    ours, theirs = open_terminal(columns)
    given = dict({"TERM": "xterm", "NO_COLOR": "", "XDG_STATE_HOME": os.path.join(os.devnull, "state")}, **variables)
    with subprocess.Popen(
        [*command, *words], stdin=theirs if stdin is None else stdin, stdout=theirs, stderr=theirs,
        env=environment(**given), start_new_session=True, pass_fds=[theirs],
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            shown = talk(ours, list(keys))
            text = shown.decode("utf-8", "replace")
            return Shown(process.wait(PATIENCE), text if waiting else WAITING.sub("", text))
        finally:
            process.kill()
            os.close(ours)


def open_terminal(columns: int = 80) -> Tuple[int, int]:
    """Our end of a pseudo-terminal and a program's: line ends stay as they are written, and nothing typed is echoed."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    return ours, theirs


def read_piece(terminal: int) -> bytes:
    """What has been written to a terminal since, b"" once the program's end is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that it is
        return b""


def talk(terminal: int, keys: List[Tuple[str, Any]]) -> bytes:
    import select

    shown, looked, typed = b"", 0, b""
    deadline = time.monotonic() + PATIENCE
    while True:
        ready, _, _ = select.select([terminal], [], [], RETRY_SECONDS)
        if not ready:
            assert time.monotonic() < deadline, "nothing more came behind %r" % shown
            if typed == CTRL_C:  # one that comes just before a read is seen by Python behind it
                os.write(terminal, CTRL_C)
            continue
        piece = read_piece(terminal)
        if not piece:
            return shown
        shown += piece
        if keys and keys[0][0].encode() in shown[looked:]:
            looked = len(shown)
            typed = keys.pop(0)[1]
            if callable(typed):
                typed()
            else:
                os.write(terminal, typed)
