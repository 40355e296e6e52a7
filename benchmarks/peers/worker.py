"""One solver on one problem in a process of its own: fits when told to, one line of JSON each.

    python -m benchmarks.peers.worker PROBLEM SOLVER THREADS CACHE

runs in whichever interpreter has the solver; the number of threads of its libraries is set in the
environment by the parent.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.problems import Problem, load
from benchmarks.peers.solvers import ENTRIES
from benchmarks.peers.solvers.entry import Entry, Fit

_WARM_ROWS = 2_000


def _warm_up(entry: Entry, problem: Problem, threads: int) -> float:
    """Fit a few rows twice, so that imports and compilation are over; return what that cost."""
    fit = entry.prepare(problem.head(_WARM_ROWS), threads)
    knob = entry.ladder[min(3, len(entry.ladder) - 1)]
    seconds = []
    for _ in range(2):
        begun = time.perf_counter()
        fit(knob)
        seconds.append(time.perf_counter() - begun)
    return max(0.0, seconds[0] - seconds[1])


def _timed(problem: Problem, fit: Fit, knob: float) -> dict[str, float]:
    begun = time.perf_counter()
    model = fit(knob)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "objective": problem.objective(model)}


def main(words: list[str]) -> int:
    """Answer until the parent closes the line."""
    name, solver, threads, cache = words
    warnings.filterwarnings("ignore")
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # solvers may talk

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")

    entry, count = ENTRIES[solver], int(threads)
    problem = load(name, Path(cache))
    compiled = _warm_up(entry, problem, count)
    begun = time.perf_counter()
    fit = entry.prepare(problem, count)
    prepared = time.perf_counter() - begun
    about = {"version": version(entry.distribution), "dtype": entry.dtype}
    reply({**about, "compile_seconds": compiled, "prepare_seconds": prepared})
    for line in sys.stdin:
        reply(_timed(problem, fit, json.loads(line)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
