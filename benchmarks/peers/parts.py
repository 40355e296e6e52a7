"""Parts of the comparison, one per problem and number of threads: search knobs, then measure."""

from __future__ import annotations

import datetime
import json
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.peers import reference
from benchmarks.peers.contestant import Contestant, ContestantFailed, find_interpreters
from benchmarks.peers.problems import load
from benchmarks.peers.search import TOLERANCES, Search
from benchmarks.peers.solvers import ENTRIES

START_SECONDS = 150.0
PAUSE_SECONDS = 0.2  # until the threads of a solver that spin have gone to sleep


class Part:
    """One problem with one number of threads.

    Parameters
    ----------
    problem : str
    threads : int
    cache : Path
        Folder of data and parts.
    interpreters : list of str
        Where to look for solvers, in order of preference.
    most_seconds : float
        Of one fit.
    only : list of str
        Names of solvers; all by default.
    """

    def __init__(
        self,
        problem: str,
        threads: int,
        cache: Path,
        interpreters: list[str],
        most_seconds: float,
        only: list[str],
    ) -> None:
        self.problem, self.threads, self.cache = problem, threads, cache
        self._most = most_seconds
        data = load(problem, cache)
        entries = [
            entry
            for entry in ENTRIES.values()
            if entry.solves(data, threads) and (not only or entry.name in only)
        ]
        self._where = find_interpreters(entries, interpreters)
        self._entries = [entry for entry in entries if entry.name in self._where]
        for entry in entries:
            if entry.name not in self._where:
                print(f"SKIPPED {entry.name}: {entry.distribution} is not installed", flush=True)
        self._optimum = reference.ensure(problem, cache)["objective"]
        self._knobs = cache / f"knobs.{problem}.{threads}.json"

    def search(self, budget_seconds: float) -> None:
        """Find and keep the knob of every solver for every tolerance; what is known stays."""
        known = json.loads(self._knobs.read_text()) if self._knobs.exists() else {}
        for entry in self._entries:
            if entry.name in known:
                continue
            contestant = self._open(entry.name)
            try:
                contestant.begin(START_SECONDS)
                found = Search(
                    entry, lambda knob, each=contestant: self._fit(each, knob), self._most,
                    budget_seconds,
                ).run()  # fmt: skip
                known[entry.name] = [[tol, knob] for tol, knob in found.items()]
                told = ", ".join(f"{tol:g}: {knob:g}" for tol, knob in found.items())
            except ContestantFailed as failure:
                known[entry.name], told = [], f"FAILED: {failure}"
            finally:
                contestant.close()
            print(f"{self.problem} {self.threads} {entry.name}: {told}", flush=True)
            self._knobs.write_text(json.dumps(known, indent=1))

    def measure(self, rounds: int, most_seconds: float) -> dict[str, Any]:
        """Time every solver at its knobs, one after another in rounds, all processes alive.

        Parameters
        ----------
        rounds : int
            Fits per knob.
        most_seconds : float
            No new round is begun after this.
        """
        begun = time.monotonic()
        known = json.loads(self._knobs.read_text())
        contestants = [self._open(e.name) for e in self._entries if known.get(e.name)]
        points: dict[str, dict[float, list[tuple[float, float]]]] = defaultdict(dict)
        failed: dict[str, str] = {}
        about: dict[str, Any] = {}
        try:
            for contestant in contestants:
                contestant.begin(START_SECONDS)
                about[contestant.solver] = contestant.about
            longest, done = 0.0, 0
            while done < rounds and time.monotonic() - begun + longest < most_seconds:
                started = time.monotonic()
                for contestant in contestants:
                    if contestant.solver not in failed:
                        knobs = sorted({knob for _, knob in known[contestant.solver]})
                        self._round(contestant, knobs, points[contestant.solver], failed)
                longest, done = max(longest, time.monotonic() - started), done + 1
        finally:
            for contestant in contestants:
                contestant.close()
        rows = {
            name: {**about[name], "times": times(found), "failed": failed.get(name)}
            for name, found in points.items()
        }
        part = {
            "problem": self.problem, "threads": self.threads, "rounds": done, "rows": rows,
            "lowest": min((left for p in points.values() for v in p.values() for _, left in v)),
            "date": datetime.date.today().isoformat(),
        }  # fmt: skip
        path = self.cache / f"part.{self.problem}.{self.threads}.json"
        path.write_text(json.dumps(part, indent=1))
        return part

    def _round(
        self,
        contestant: Contestant,
        knobs: list[float],
        points: dict[float, list[tuple[float, float]]],
        failed: dict[str, str],
    ) -> None:
        for knob in knobs:
            time.sleep(PAUSE_SECONDS)
            try:
                points.setdefault(knob, []).append(self._fit(contestant, knob))
            except ContestantFailed as failure:
                failed[contestant.solver] = str(failure)
                return

    def _open(self, name: str) -> Contestant:
        return Contestant(self._where[name], self.problem, name, self.threads, self.cache)

    def _fit(self, contestant: Contestant, knob: float) -> tuple[float, float]:
        """Return seconds and relative suboptimality."""
        found = contestant.fit(knob, 4 * self._most + 20.0)
        return found["seconds"], found["objective"] / self._optimum - 1.0


def times(points: dict[float, list[tuple[float, float]]]) -> dict[str, float]:
    """Return, by tolerance, the median seconds of the cheapest knob that reached it every time."""
    result = {}
    for tol in TOLERANCES:
        reached = [
            statistics.median(seconds for seconds, _ in runs)
            for runs in points.values()
            if runs and max(left for _, left in runs) <= tol
        ]
        if reached:
            result[f"{tol:g}"] = min(reached)
    return result
