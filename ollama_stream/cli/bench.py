# SPDX-License-Identifier: MIT
"""The command ``bench``: how fast a model answers, by our clock and by the server's; cold and warm, N runs."""

from __future__ import annotations

import time
from argparse import Namespace
from operator import sub
from typing import Any, Dict, List, NamedTuple, Optional

from .._client import Client
from .asking import new_client, say
from .options import MODEL, argument, check_writable, name_and_value, utf8, whole_number, write_pieces
from .output import ErrorOutput, Waiting, aside

ARGUMENTS = {
    "bench": [
        MODEL,
        argument("prompt", metavar="PROMPT", nargs="*", default=[], type=utf8,
                 help="or one that asks for a hundred words"),
        argument("--runs", metavar="N", type=whole_number, default=3,
                 help="warm ones, after a cold one; 3 if not given"),
        argument("--no-cold", dest="cold", action="store_false", help="do not unload the model for a cold run first"),
        argument("-o", "--option", metavar="NAME=VALUE", type=name_and_value, action="append", default=[],
                 help="an option of the model, such as num_predict=64; may be repeated"),
        argument("--svg", metavar="OUT", help="draw the pieces of each run over time into a new file"),
        argument("--force", action="store_true", help="replace that file"),
    ],
}  # fmt: skip
PROMPT = "Write a paragraph of a hundred words about the sea."


class Run(NamedTuple):
    """One answer: when each piece of text or thinking came, in seconds since the request, and what ``COLUMNS`` show."""

    times: List[float]
    figures: Dict[str, Any]


COLUMNS = (  # of the table, the figure in each, and its form
    ("RUN", "run", "%s"), ("FIRST TOKEN", "first_token", "%.3f s"), ("LOAD", "load", "%.3f s"),
    ("TOKENS", "tokens", "%d"), ("TOKENS/S", "tokens_per_second", "%.1f"),
    ("BY THE SERVER", "tokens_per_second_server", "%.1f"), ("GAP", "gap_median", "%.4f s"), ("GAP P95", "gap_p95", "%.4f s"),
)  # fmt: skip


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
    rows = [[shown(run.figures[name], form) for _, name, form in COLUMNS] for run in runs]
    say(options, [run.figures for run in runs], [[title for title, _, _ in COLUMNS], *rows])


def measured(client: Client, options: Namespace, kind: str) -> Run:
    """Raises every OllamaError."""
    prompt = " ".join(options.prompt) or PROMPT
    times, started = [], time.monotonic()
    with client.chat(options.model, prompt, stream=True, options=dict(options.option) or None) as stream:
        for part in stream:
            if part.text or aside(part)[0]:
                times.append(time.monotonic() - started)
        last = stream.result()
    load, gaps = last.load_duration, sorted(map(sub, times[1:], times))
    tokens = last.eval_count if isinstance(last.eval_count, int) else None
    spent = times[-1] - times[0] if times else 0.0
    return Run(times, {
        "run": kind,
        "first_token": times[0] if times else None,
        "load": load / 1e9 if isinstance(load, int) else None,
        "tokens": tokens,
        # From the first piece to the last, by our clock; of pieces where the server counts no tokens.
        "tokens_per_second": ((tokens or len(times)) - 1) / spent if spent > 0 else None,
        "tokens_per_second_server": last.tokens_per_second,
        "gap_median": percentile(gaps, 0.5),
        "gap_p95": percentile(gaps, 0.95),
    })  # fmt: skip


def percentile(values: List[float], share: float) -> Optional[float]:
    """Of sorted values, the least that so many of them do not pass."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def shown(value: Any, form: str) -> str:
    return "-" if value is None else form % value


def drawn(model: str, runs: List[Run]) -> bytes:
    """The pieces of each run over time, one line each."""
    from .picture import Token, tokens_svg

    return tokens_svg("bench: " + model, [
        ("%d: %s" % (number, run.figures["run"]), [Token(time, "text") for time in run.times])
        for number, run in enumerate(runs, 1)
    ])  # fmt: skip
