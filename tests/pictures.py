"""Draws the pictures of the pages anew, from real runs: ``python3 tests/pictures.py`` writes ``fixtures/pictures/``.

Each command runs on a pseudo-terminal against the replay server, at the recorded pace; what stands on its screen at the end
becomes an SVG. What would differ from run to run (the port, the version of Python, milliseconds) is set to the usual one,
the recorded one: so the same runs give the same bytes, which a test looks at.
"""

import oldest  # noqa: F401, I001  (first: an older Python reads no further)
import os
import re
import select
import subprocess
import sys
from xml.sax.saxutils import escape

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from ollama_stream.fixture import load  # noqa: E402
from ollama_stream.replay import serve  # noqa: E402

PICTURES = os.path.join(ROOT, "fixtures", "pictures")
RECORDINGS = os.path.join("fixtures", "recordings", "ollama-0.32.15")
PORT = "11434"
PYTHON = "Python/3.13.0"
MOMENT = re.compile(r"\b\d+\.\d{6}(?= [<>])")  # of a byte on the wire, in seconds
SECONDS = 60  # for a command; none takes so long

CELL, LINE, SIZE, MARGIN = 8.4, 19, 14, 16  # of a character, in SVG units
STYLE = (
    "rect{fill:#f6f8fa;stroke:#d0d7de}text{fill:#1f2328;font:%dpx ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "white-space:pre}.d{fill:#656d76}.b{font-weight:bold}.c31{fill:#cf222e}.c32{fill:#1a7f37}.c33{fill:#9a6700}"
    ".c34{fill:#0969da}.c35{fill:#8250df}.c36{fill:#1b7c83}"
    "@media(prefers-color-scheme:dark){rect{fill:#161b22;stroke:#30363d}text{fill:#e6edf3}.d{fill:#8b949e}.c31{fill:#ff7b72}"
    ".c32{fill:#7ee787}.c33{fill:#d29922}.c34{fill:#79c0ff}.c35{fill:#d2a8ff}.c36{fill:#76e3ea}}" % SIZE
)
CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[()][A-Z0-9]|[\r\n\b]|[^\x1b\r\n\b]+")


class Screen:
    """The cells of a terminal as text and its look, from the few sequences that our commands write."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [[]]
        self.row = self.column = 0
        self.look = ""

    def feed(self, text):
        for match in CONTROL.finditer(text):
            found = match.group()
            if match.group(2):
                self.obey(match.group(2), match.group(1))
            elif found == "\r":
                self.column = 0
            elif found == "\n":
                self.move_down()
            elif found == "\b":
                self.column = max(0, self.column - 1)
            elif not found.startswith("\x1b"):
                for character in found:
                    self.put(character)

    def put(self, character):
        if self.column == self.columns:
            self.move_down()
            self.column = 0
        line = self.lines[self.row]
        line += [(" ", "")] * (self.column + 1 - len(line))
        line[self.column] = (character, self.look)
        self.column += 1

    def move_down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    def obey(self, name, arguments):
        numbers = [int(number) for number in re.findall(r"\d+", arguments)]
        count = numbers[0] if numbers else 1
        if name == "K":
            del self.lines[self.row][0 if numbers == [2] else self.column :]
        elif name == "A":
            self.row = max(0, self.row - count)
        elif name == "G":
            self.column = count - 1
        elif name == "J":
            del self.lines[self.row][self.column :], self.lines[self.row + 1 :]
        elif name == "m":
            names = {1: "b", 2: "d", **{code: "c%d" % code for code in range(31, 37)}}
            for number in numbers or [0]:
                self.look = (self.look + " " + names[number]).strip() if number in names else ""


def drawn(screen, title):
    """The screen as an SVG; runs of one look are one piece of text."""
    lines = list(screen.lines)
    while lines and not lines[-1]:
        lines.pop()
    width, height = 2 * MARGIN + screen.columns * CELL, 2 * MARGIN + len(lines) * LINE
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">'
        % (width, height, width, height),
        "<title>%s</title><style>%s</style>" % (escape(title), STYLE),
        '<rect x=".5" y=".5" width="%.0f" height="%.0f" rx="6"/>' % (width - 1, height - 1),
    ]
    for number, line in enumerate(lines):
        pieces, start = [], 0
        while start < len(line):
            end = start
            while end < len(line) and line[end][1] == line[start][1]:
                end += 1
            text = escape("".join(character for character, _ in line[start:end]))
            look = ' class="%s"' % line[start][1] if line[start][1] else ""
            pieces.append('<tspan x="%.1f"%s>%s</tspan>' % (MARGIN + start * CELL, look, text))
            start = end
        if pieces:
            parts.append('<text y="%d">%s</text>' % (MARGIN + number * LINE + SIZE, "".join(pieces)))
    return "\n".join(parts + ["</svg>"]) + "\n"


def shown_by(words, columns, environ):
    """What a command writes to a terminal of so many columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = dict(os.environ, PYTHONPATH=ROOT, PYTHONIOENCODING="utf-8", TERM="xterm-256color", COLUMNS=str(columns), **environ)
    process = subprocess.Popen(words, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    data = b""
    while select.select([ours], [], [], SECONDS)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # what Linux says at the end of a terminal
            break
        if not piece:
            break
        data += piece
    os.close(ours)
    process.wait(SECONDS)
    return data.decode("utf-8")


def picture(title, words, recording, columns=96):
    """The SVG of a command line, as it is typed, and what it shows."""
    path = os.path.join(ROOT, RECORDINGS, recording + ".exchange.jsonl")
    with serve(path, level="path", repeat="all", speed=1.0) as server:
        port = server.url.rpartition(":")[2]
        text = shown_by([sys.executable, *words[1:]], columns, {"OLLAMA_HOST": server.url}).replace(port, PORT)
    moments = ("%.6f" % event.time for event in load(path).events)
    text = re.sub(r"\d+ MB/s", "40 MB/s", text)  # the pace of the recording
    text = MOMENT.sub(lambda _: next(moments), re.sub(r"Python/[\d.]+", PYTHON, text))
    screen = Screen(columns)
    screen.feed("\x1b[2m$\x1b[0m \x1b[1m%s\x1b[0m\r\n" % " ".join('"%s"' % w if " " in w else w for w in words))
    screen.feed(text)
    return drawn(screen, title)


PROGRAM = ["python3", "-m", "ollama_stream"]


def pictures():
    """Name -> SVG, of all of them."""
    thinking = os.path.join(RECORDINGS, "chat-thinking.exchange.jsonl")
    one_word = os.path.join(RECORDINGS, "chat-one-word.exchange.jsonl")
    return {
        "stream.svg": picture(
            "A stream on a terminal", PROGRAM + ["run", "llama2", "Tell me a joke about cats."], "chat-joke-stream"
        ),
        "pull.svg": picture("A model is downloaded", PROGRAM + ["pull", "smollm2:135m"], "pull"),
        "wire.svg": picture(
            "Every byte of an exchange", PROGRAM + ["run", "llama3.2", "Say one word.", "--wire"], "chat-one-word"
        ),
        "time.svg": printed("fixture", "show", thinking, "--svg", "-"),
        "sequence.svg": printed("fixture", "show", one_word, "--svg", "-", "--as", "sequence"),
    }


def printed(*words):
    done = subprocess.run([sys.executable, "-m", "ollama_stream", *words], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8")


def main():
    os.makedirs(PICTURES, exist_ok=True)
    for name, svg in pictures().items():
        with open(os.path.join(PICTURES, name), "w", encoding="utf-8", newline="\n") as file:
            file.write(svg)
        print(name)


if __name__ == "__main__":
    main()
