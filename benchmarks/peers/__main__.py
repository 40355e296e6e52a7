"""hetengine and its peers: time to relative suboptimality on the same problems.

    python -m benchmarks.peers --peer-python ENV/bin/python

does everything: draws the data, solves for the optima, searches each solver's knob, measures, and
writes tables and a plot to benchmarks/results. Every step keeps what it found in the folder given
by ``--cache``, so that the comparison can be made in pieces: ``--steps search``, then ``--steps
measure --problems P1a --threads 1`` on a quiet machine, then ``--steps report``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import data, report
from benchmarks.peers.contestant import own_interpreter
from benchmarks.peers.parts import Part
from benchmarks.peers.problems import PROBLEMS

_RESULTS = Path(__file__).resolve().parents[1] / "results"
_STEPS = ("search", "measure", "report")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="benchmarks.peers", description="hetengine and its peers.")
    made.add_argument("--steps", nargs="+", choices=_STEPS, default=list(_STEPS))
    made.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    made.add_argument("--threads", nargs="+", type=int, choices=(1, 2), default=[1, 2])
    made.add_argument(
        "--solvers", nargs="+", default=[], help="names as in the tables; default all"
    )
    made.add_argument(
        "--peer-python", action="append", default=[], metavar="PATH",
        help="another interpreter to look for solvers in; may be repeated",
    )  # fmt: skip
    made.add_argument("--rounds", type=int, default=3, help="timed fits per setting")
    made.add_argument("--most-seconds", type=float, default=12.0, help="of one fit")
    made.add_argument("--part-seconds", type=float, default=150.0, help="of one part's rounds")
    made.add_argument("--search-seconds", type=float, default=40.0, help="of one solver's search")
    made.add_argument("--cache", type=Path, required=True, help="folder for data and parts")
    made.add_argument("--out", type=Path, default=_RESULTS, help="where tables and plot go")
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Do the steps the command line asks for."""
    given = parser().parse_args(words)
    interpreters = [own_interpreter(), *given.peer_python]
    for name in given.problems:
        if given.steps == ["report"] or not data.ensure(PROBLEMS[name].data, given.cache):
            continue
        for threads in given.threads:
            part = Part(name, threads, given.cache, interpreters, given.most_seconds, given.solvers)
            if "search" in given.steps:
                part.search(given.search_seconds)
            if "measure" in given.steps:
                part.measure(given.rounds, given.part_seconds)
                print(f"measured {name} with {threads} thread(s)", flush=True)
    parts = report.read(given.cache)
    if "report" in given.steps and parts:
        report.write(parts, given.out)
        print(f"written to {given.out / 'peers.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
