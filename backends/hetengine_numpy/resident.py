"""Kernels of the all-resident path for a number of threads, none of which shares what it writes.

Passes give each thread a stretch of the runs and a gradient of its own; an ascent runs the same
program in every thread, which meet at barriers. What is added up is added in the order of the
threads, so results do not depend on timing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from hetengine_numpy.affinity import bind, claimed

Implementation = Callable[..., Any]

_BLOCK_ROWS = 4096


class _Team:
    """A number of threads, of which the caller's is the first."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = (
            ThreadPoolExecutor(threads - 1, thread_name_prefix="numpy-rows")
            if threads > 1
            else None
        )

    def run(self, part: Callable[[int], Any], threads: int | None = None) -> list[Any]:
        """Run ``part(0)``, ``part(1)``, ... at once; return what they return."""
        count = self.threads if threads is None else threads
        if self._pool is None or count == 1:
            return [part(0)]
        with claimed(count) as cores:

            def bound(t: int) -> Any:
                bind(cores[t] if cores else None)
                return part(t)

            others = [self._pool.submit(bound, t) for t in range(1, count)]
            return [bound(0), *(other.result() for other in others)]

    def split(self, count: int) -> list[int]:
        """Bounds of as many even parts as there are threads."""
        return [count * t // self.threads for t in range(self.threads + 1)]


def _summed(kernel: Implementation, team: _Team) -> Implementation:
    """Split the runs; the last argument is a sum, of which every thread makes its own part."""

    def run(rows: Any, runs: np.ndarray, length: int, *args: Any) -> float:
        bounds = team.split(runs.size)
        parts = [np.zeros_like(args[-1]) for _ in range(team.threads)]

        def part(t: int) -> Any:
            own = (*args[:-1], parts[t])
            return kernel(rows, runs, length, bounds[t], bounds[t + 1], *own)

        values = team.run(part)
        for each in parts:
            args[-1][...] += each
        return float(sum(value for value in values if value is not None))

    return run


def _split(kernel: Implementation, team: _Team) -> Implementation:
    """Split the runs; every thread writes what belongs to its own examples."""

    def run(rows: Any, runs: np.ndarray, length: int, *args: Any) -> None:
        bounds = team.split(runs.size)

        def part(t: int) -> None:
            kernel(rows, runs, length, bounds[t], bounds[t + 1], *args)

        team.run(part)

    return run


def _gram(team: _Team) -> Implementation:
    """Products of columns in the precision of the panels, added up in float64 in blocks."""

    def run(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
        bounds = team.split(left.shape[0])

        def part(t: int) -> np.ndarray:
            total = np.zeros(out.shape)
            for first in range(bounds[t], bounds[t + 1], _BLOCK_ROWS):
                block = slice(first, min(first + _BLOCK_ROWS, bounds[t + 1]))
                total += left[block].T @ right[block]
            return total

        for each in team.run(part):
            out += each

    return run


def _ascent(kernel: Implementation, team: _Team) -> Implementation:
    """Start the same program in as many threads as replicas are handed in."""

    def run(*args: Any) -> None:
        *most, seed, limits, control = args
        threads = most[5].shape[0]
        sums, sync = np.zeros((threads, 8)), np.zeros(1, np.int64)

        def part(t: int) -> None:
            kernel(*most, t, seed, limits, control, sums, sync)

        team.run(part, threads)

    return run


def implementations(threads: int = 1) -> Mapping[str, Implementation]:
    """Return the kernels by name for a number of threads.

    Parameters
    ----------
    threads : int
        Threads to use at most; small launches use fewer.
    """
    from hetengine_numpy.kernels import ascent, panel, passes

    team = _Team(threads)
    return {
        "rows_slopes": _summed(passes.slopes, team),
        "rows_moments": _summed(passes.moments, team),
        "rows_hinge_gap": _summed(passes.hinge_gap, team),
        "rows_gather": _split(panel.gather, team),
        "rows_ascent": _ascent(ascent.ascend, team),
        "gram": _gram(team),
        "gram_descent": panel.descend,
    }
