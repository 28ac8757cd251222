# SPDX-License-Identifier: MIT
"""The command ``bench``: how fast a model answers, by our clock and by the server's; cold and warm, N runs."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .._client import Client
from .asking import new_client
from .options import check_writable, name_and_value, utf8, whole_number, write_pieces
from .output import ErrorOutput, Output, Waiting, aside

PROMPT = "Write a paragraph of a hundred words about the sea."


class Run(NamedTuple):
    """One answer; ``times`` are seconds from the request to each piece of text or thinking, ``load`` the server's."""

    kind: str
    times: List[float]
    load: Optional[float]
    tokens: Optional[int]
    server_rate: Optional[float]

    @property
    def gaps(self) -> List[float]:
        return sorted(after - before for before, after in zip(self.times, self.times[1:]))

    @property
    def rate(self) -> Optional[float]:
        """Tokens a second between the first piece and the last, by our clock; pieces where the server counts none."""
        spent = self.times[-1] - self.times[0] if self.times else 0.0
        return None if spent <= 0 else ((self.tokens or len(self.times)) - 1) / spent


def add_bench(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", type=utf8)
    add("prompt", metavar="PROMPT", nargs="*", default=[], type=utf8, help="or one that asks for a hundred words")
    add("--runs", metavar="N", type=whole_number, default=3, help="warm ones, after a cold one; 3 if not given")
    add("--no-cold", dest="cold", action="store_false", help="do not unload the model for a cold run first")
    add("-o", "--option", metavar="NAME=VALUE", type=name_and_value, action="append", default=[],
        help="an option of the model, such as num_predict=64; may be repeated")  # fmt: skip
    add("--svg", metavar="OUT", help="draw the pieces of each run over time into a new file")
    add("--force", action="store_true", help="replace that file")


def do_bench(options: Namespace) -> None:
    if options.svg is not None:
        check_writable(options.svg, options.force)
    client, runs = new_client(options), []
    kinds = ["cold"] * options.cold + ["warm"] * options.runs
    if options.cold:
        client.unload(options.model)
    for number, kind in enumerate(kinds, 1):
        with Waiting("run %d of %d, %s" % (number, len(kinds), kind), ErrorOutput(raw=True)):
            runs.append(measured(client, options, kind))
    if options.svg is not None:
        write_pieces([drawn(options.model, runs)], options.svg, options.force)
    out = Output(sys.stdout)
    if options.json:
        return out.write_json([figures(run) for run in runs])
    rows = [["RUN", "FIRST TOKEN", "LOAD", "TOKENS", "TOKENS/S", "BY THE SERVER", "GAP", "GAP P95"]]
    for run in runs:
        found = figures(run)
        rows.append([
            run.kind, shown(found["first_token"], "%.3f s"), shown(found["load"], "%.3f s"), shown(run.tokens, "%d"),
            shown(run.rate, "%.1f"), shown(run.server_rate, "%.1f"), shown(found["gap_median"], "%.4f s"),
            shown(found["gap_p95"], "%.4f s"),
        ])  # fmt: skip
    return out.write_table(rows)


def measured(client: Client, options: Namespace, kind: str) -> Run:
    """Raises every OllamaError."""
    prompt = " ".join(options.prompt) or PROMPT
    times, started = [], time.monotonic()
    with client.chat(options.model, prompt, stream=True, options=dict(options.option) or None) as stream:
        for part in stream:
            if part.text or aside(part)[0]:
                times.append(time.monotonic() - started)
        last = stream.result()
    load, tokens = last.load_duration, last.eval_count
    return Run(kind, times, load / 1e9 if isinstance(load, int) else None, tokens if isinstance(tokens, int) else None,
               last.tokens_per_second)  # fmt: skip


def figures(run: Run) -> Dict[str, Any]:
    gaps = run.gaps
    return {
        "run": run.kind,
        "first_token": run.times[0] if run.times else None,
        "load": run.load,
        "tokens": run.tokens,
        "tokens_per_second": run.rate,
        "tokens_per_second_server": run.server_rate,
        "gap_median": percentile(gaps, 0.5),
        "gap_p95": percentile(gaps, 0.95),
    }


def percentile(values: List[float], share: float) -> Optional[float]:
    """Of sorted values, the least that so many of them do not pass."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def shown(value: Any, form: str) -> str:
    return "-" if value is None else form % value


def drawn(model: str, runs: List[Run]) -> bytes:
    """The pieces of each run over time, one line each."""
    from .picture import Token, tokens_svg

    lines: List[Tuple[str, List[Token]]] = []
    for number, run in enumerate(runs, 1):
        gaps = [0.0, *(after - before for before, after in zip(run.times, run.times[1:]))]
        lines.append(("%d: %s" % (number, run.kind), [Token(at, gap, "text") for at, gap in zip(run.times, gaps)]))
    return tokens_svg("bench: " + model, lines)
