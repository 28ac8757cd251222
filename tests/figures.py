"""Whether the README's figures are what ``bench.py`` prints: ``python3 tests/figures.py [RUNS]``, three runs or more.

Each section that the README quotes is run so many times. A figure holds where it lies between the least and the largest
of the runs, or no farther outside than these two lie apart; a range, where the median of the runs lies in it. A peer that
is not installed is left out. The exit status is 1 where a figure does not hold.

It takes some twenty minutes, and a machine with nothing else to do.
"""

import oldest  # noqa: F401, I001  (first: an older Python reads no further)
import os
import re
import statistics
import subprocess
import sys
from typing import Dict, List, NamedTuple, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

QUOTED = {  # row of the table: the section of bench.py, and where it prints the figures of the row, in their order
    "CPU of a record that comes alone, blocking": ("live", [
        r"^  us +([\d.]+) us", r"^  hand +([\d.]+) us", r"^  requests +([\d.]+) us", r"^  http_client +([\d.]+) us",
        r"^  httpx +([\d.]+) us", r"^  official +([\d.]+) us",
    ]),
    "the same in asyncio": ("live", [
        r"^  us_async +([\d.]+) us", r"^  hand_async +([\d.]+) us", r"^  aiohttp +([\d.]+) us",
        r"^  official_async +([\d.]+) us",
    ]),
    "200 asyncio streams at once": ("live", [r"^  200 asyncio streams: .*; ratio ([\d.]+)"]),
    "many records a read, CPU a record": ("records", [r"json\.loads of its line: .*; ratio ([\d.]+)"]),
    "first answer of a whole process": ("first", [
        r"^the first answer of a process, .*; ratio ([\d.]+)", r"^  its peak memory: .*; ([\d.]+) more",
    ]),
    "1,000,000 records over 5,000 connections": ("endurance", [
        r"^  blocking: .*at the end ([\d.]+) MB", r"^  async: .*at the end ([\d.]+) MB",
    ]),
    "recordings and faults judged wrongly (`conform`), of 79 and 13": ("conform", [
        r"^  ours: (\d+) ", r"^  Python: (\d+) ", r"^  Node: (\d+) ", r"^  Go: (\d+) ", r"^  curl: (\d+) ",
    ]),
}  # fmt: skip


class Figure(NamedTuple):
    """A figure of the README: a number or a range of two, its last digit, and where it is printed."""

    row: str
    text: str
    section: str
    pattern: str

    @property
    def ends(self) -> List[float]:
        return [float(number) for number in self.text.split(" to ")]

    @property
    def rounding(self) -> float:
        """What a figure is off by where it is rounded."""
        return 0.5 * 10.0 ** -len(self.text.partition(" to ")[0].partition(".")[2])


def read_figures(readme: str) -> List[Figure]:
    """The figures of the table. Raises ValueError for a row that has others than are known."""
    table = readme[readme.index("| what | figure | beside it |") :].partition("\n\n")[0]
    found = []
    for line in table.splitlines()[2:]:
        row, *cells = line[2:-2].split(" | ", 1)
        texts = re.findall(r"\d[\d.]*(?: to \d[\d.]*)?", " ".join(cells).replace("200 asyncio", ""))
        section, patterns = QUOTED.get(row, ("", []))
        if len(texts) != len(patterns):
            raise ValueError("%s: %d figures, and %d are known to tests/figures.py" % (row, len(texts), len(patterns)))
        found += [Figure(row, text, section, pattern) for text, pattern in zip(texts, patterns)]
    return found


def judge(figure: Figure, printed: List[str]) -> Optional[str]:
    """What is wrong with a figure, "" if nothing is; None where no run has printed it."""
    matches = [re.search(figure.pattern, text, re.M) for text in printed]
    values = [float(match.group(1)) for match in matches if match]
    if not values:
        return None
    low, high, middle = min(values), max(values), statistics.median(values)
    ends, off = figure.ends, figure.rounding + 1e-9
    if len(ends) == 2:
        holds = ends[0] - off <= middle <= ends[1] + off
    else:
        holds = low - (high - low) - off <= ends[0] <= high + (high - low) + off
    return "" if holds else "%g to %g, median %g" % (low, high, middle)


def printed_by_bench(section: str) -> str:
    command = [sys.executable, os.path.join(ROOT, "tests", "bench.py"), section]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout


def main(runs: int) -> int:
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        figures = read_figures(file.read())
    printed: Dict[str, List[str]] = {figure.section: [] for figure in figures}
    for _ in range(runs):  # in turns: what else the machine does falls on all of them
        for section in printed:
            printed[section].append(printed_by_bench(section))
    verdicts = [(figure, judge(figure, printed[figure.section])) for figure in figures]
    for figure, wrong in verdicts:
        said = "not measured here" if wrong is None else "WRONG: %s" % wrong if wrong else "holds"
        print("%s, %s: %s  (%s)" % (figure.row, figure.text, said, figure.pattern))
    return int(any(wrong for _, wrong in verdicts))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
