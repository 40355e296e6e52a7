"""What a second thread brings: hetengine with one and with two threads in turns, dense problems.

    python -m benchmarks.peers.scaling --cache FOLDER

takes the knobs that ``python -m benchmarks.peers --steps search`` has found for hetengine. Before
each round it reads memory with one and with two threads: where both read as fast, what is bound by
memory cannot scale, whatever a solver does. Writes benchmarks/results/threads.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numba
import numpy as np

from benchmarks.peers import reference
from benchmarks.peers.contestant import Contestant, own_interpreter
from benchmarks.peers.parts import PAUSE_SECONDS, START_SECONDS, times
from benchmarks.peers.report import OWN
from benchmarks.peers.search import TOLERANCES

_RESULTS = Path(__file__).resolve().parents[1] / "results" / "threads.md"
_DENSE = ("P1a", "P1b", "P2", "P3", "P5")
_THREADS = (1, 2)
_GOAL = 1.6
_FIT_SECONDS = 60.0
_READ_BYTES = 400_000_000
_JUDGED = [tol for tol in TOLERANCES if tol <= 1e-4]


@numba.njit(nogil=True, fastmath=True)
def _sum(values: np.ndarray) -> float:
    total = np.float32(0)
    for k in range(values.size):
        total += values[k]
    return float(total)


class Reading:
    """Speed at which memory is read.

    Parameters
    ----------
    nbytes : int
        Of an array that no cache holds.
    """

    def __init__(self, nbytes: int) -> None:
        self._values = np.ones(nbytes // 4, np.float32)
        self._pool = ThreadPoolExecutor(max(_THREADS))
        _sum(self._values[:1])

    def gigabytes_per_second(self, threads: int) -> float:
        """Read the array once with a number of threads."""
        parts = np.array_split(self._values, threads)
        begun = time.perf_counter()
        list(self._pool.map(_sum, parts))
        return self._values.nbytes / (time.perf_counter() - begun) / 1e9


@dataclass
class Scaling:
    """What was seen on one problem.

    Attributes
    ----------
    problem : str
    seconds : dict of int to dict of str to float
        By threads and tolerance.
    read : dict of int to list of float
        GB/s by threads, one for each round.
    rounds : int
    """

    problem: str
    seconds: dict[int, dict[str, float]]
    read: dict[int, list[float]] = field(default_factory=lambda: {t: [] for t in _THREADS})
    rounds: int = 0

    def row(self) -> str:
        """Lay it out as a row of the table."""
        cells = [self.problem, str(self.rounds)]
        for key in (f"{tol:g}" for tol in _JUDGED):
            one, two = (self.seconds[threads].get(key) for threads in _THREADS)
            cells += [f"{1e3 * s:.0f}" if s is not None else "-" for s in (one, two)]
            cells.append(f"{one / two:.2f}" if one is not None and two is not None else "-")
        reads = [statistics.median(self.read[threads]) for threads in _THREADS]
        cells += [f"{speed:.1f}" for speed in reads] + [f"{reads[1] / reads[0]:.2f}"]
        return "| " + " | ".join(cells) + " |"


def measure(problem: str, cache: Path, rounds: int, most_seconds: float) -> Scaling:
    """Fit in rounds, with one and with two threads in turns, each in a process of its own.

    Parameters
    ----------
    problem : str
    cache : Path
        Folder of data, optima and knobs.
    rounds : int
        Fits per knob.
    most_seconds : float
        No new round is begun after this.

    Raises
    ------
    FileNotFoundError
        If no knobs have been searched.
    """
    optimum = reference.ensure(problem, cache)["objective"]
    knobs = {
        threads: sorted(
            {knob for tol, knob in json.loads(_knobs(cache, problem, threads))[OWN] if tol <= 1e-4}
        )
        for threads in _THREADS
    }
    found: dict[int, dict[float, list[tuple[float, float]]]] = {
        threads: defaultdict(list) for threads in _THREADS
    }
    result, reading = Scaling(problem, {}), Reading(_READ_BYTES)
    contestants = {
        threads: Contestant(own_interpreter(), problem, OWN, threads, cache) for threads in _THREADS
    }
    try:
        for contestant in contestants.values():
            contestant.begin(START_SECONDS)
        begun = time.monotonic()
        while result.rounds < rounds and time.monotonic() - begun < most_seconds:
            result.rounds += 1
            for threads, contestant in contestants.items():
                result.read[threads].append(reading.gigabytes_per_second(threads))
                for knob in knobs[threads]:
                    time.sleep(PAUSE_SECONDS)
                    fit = contestant.fit(knob, _FIT_SECONDS)
                    found[threads][knob].append((fit["seconds"], fit["objective"] / optimum - 1))
    finally:
        for contestant in contestants.values():
            contestant.close()
    result.seconds = {threads: times(points) for threads, points in found.items()}
    return result


def _knobs(cache: Path, problem: str, threads: int) -> str:
    return (cache / f"knobs.{problem}.{threads}.json").read_text()


def text(found: list[Scaling]) -> str:
    """Lay the table out in Markdown."""
    heads = [f"{words}, to {tol:.0e}" for tol in _JUDGED for words in ("1 thread", "2", "ratio")]
    columns = ["problem", "rounds", *heads, "1 thread reads, GB/s", "2 read", "ratio"]
    return "\n".join(
        [
            "# Two threads against one",
            "",
            f"{datetime.date.today()}; {platform.machine()}, {os.cpu_count()} cores; hetengine, "
            "milliseconds of whole fits, medians of rounds in which one and two threads take turns "
            "(`python -m benchmarks.peers.scaling`); float32 dense problems, see "
            f"benchmarks/README.md. The goal is {_GOAL} to 1e-4. The last columns: memory read "
            "before each round with as many threads, which is what passes over the data do.",
            "",
            "| " + " | ".join(columns) + " |",
            "|---|" + "---:|" * (len(columns) - 1),
            *(each.row() for each in found),
            "",
        ]
    )


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    made = argparse.ArgumentParser(prog="benchmarks.peers.scaling")
    made.add_argument("--cache", type=Path, required=True, help="folder of data and knobs")
    made.add_argument("--problems", nargs="+", choices=_DENSE, default=list(_DENSE))
    made.add_argument("--rounds", type=int, default=15)
    made.add_argument("--part-seconds", type=float, default=60.0, help="of one problem's rounds")
    made.add_argument("--out", type=Path, default=_RESULTS)
    given = made.parse_args(words)
    found = []
    for problem in given.problems:
        found.append(measure(problem, given.cache, given.rounds, given.part_seconds))
        print(found[-1].row(), flush=True)
    given.out.write_text(text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
