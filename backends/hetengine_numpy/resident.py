"""Kernels of the all-resident path for a number of threads, none of which shares what it writes.

Passes give each thread a stretch of the runs and a gradient of its own; an ascent runs the same
program in every thread, which meet at barriers. What is added up is added in the order of the
threads, so results do not depend on timing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from hetengine_numpy.affinity import bind, claimed

Implementation = Callable[..., Any]

_BLOCK_ROWS = 4096
_LONG = 2  # examples per thread and row of the matrix, from which they are what is split


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
        """Bounds of as many even parts as there are threads, none of which is empty."""
        parts = max(min(count, self.threads), 1)
        return [count * t // parts for t in range(parts + 1)]


def _summed(kernel: Implementation, team: _Team) -> Implementation:
    """Split the runs; the last argument is a sum, of which every thread makes its own part."""

    def run(rows: Any, runs: np.ndarray, length: int, *args: Any) -> float:
        bounds = team.split(runs.size)
        parts = [np.zeros_like(args[-1]) for _ in bounds[1:]]

        def part(t: int) -> Any:
            own = (*args[:-1], parts[t])
            return kernel(rows, runs, length, bounds[t], bounds[t + 1], *own)

        values = team.run(part, len(parts))
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

        team.run(part, len(bounds) - 1)

    return run


def _gram(team: _Team) -> Implementation:
    """Products of columns: what is longer is split, the examples or the matrix of products."""

    def run(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
        if left.shape[0] >= _LONG * team.threads * max(out.shape, default=0):
            _gram_by_rows(team, left, right, out)
        else:
            _gram_by_tiles(team, left, right, out)

    return run


def _product(left: np.ndarray, right: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return ``left^T right``: in the panels' precision within blocks of rows, then in dtype."""
    total = (left[:_BLOCK_ROWS].T @ right[:_BLOCK_ROWS]).astype(dtype, copy=False)
    for first in range(_BLOCK_ROWS, left.shape[0], _BLOCK_ROWS):
        block = slice(first, first + _BLOCK_ROWS)
        total += left[block].T @ right[block]
    return total


def _gram_by_rows(team: _Team, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """Every thread takes some of the examples and makes a matrix of its own."""
    bounds = team.split(left.shape[0])

    def part(t: int) -> np.ndarray:
        own = slice(bounds[t], bounds[t + 1])
        return _product(left[own], right[own], out.dtype)

    for each in team.run(part, len(bounds) - 1):
        out += each


def _gram_by_tiles(team: _Team, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """Every thread takes the next tile while there is one; of a symmetric matrix, those below."""
    symmetric = left is right
    above, beside = team.split(out.shape[0]), team.split(out.shape[1])
    tiles = deque(_tiles(len(above) - 1, len(beside) - 1, symmetric))

    def part(_: int) -> None:
        while (tile := _taken(tiles)) is not None:
            i, j = tile
            a, b = slice(above[i], above[i + 1]), slice(beside[j], beside[j + 1])
            product = _product(left[:, a], right[:, b], out.dtype)
            out[a, b] += product
            if symmetric and i != j:
                out[b, a] += product.T

    team.run(part)


def _tiles(rows: int, columns: int, symmetric: bool) -> list[tuple[int, int]]:
    """Return the tiles of a grid; where it is symmetric those of half the work come last."""
    if not symmetric:
        return [(i, j) for i in range(rows) for j in range(columns)]
    return [(i, j) for i in range(rows) for j in range(i)] + [(i, i) for i in range(rows)]


def _taken(tiles: deque[tuple[int, int]]) -> tuple[int, int] | None:
    try:
        return tiles.popleft()
    except IndexError:  # another thread has taken the last one
        return None


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
    from hetengine_numpy.kernels import ascent, panel, passes, several

    team = _Team(threads)
    return {
        "rows_slopes": _summed(passes.slopes, team),
        "rows_moments": _summed(passes.moments, team),
        "rows_hinge_gap": _summed(passes.hinge_gap, team),
        "rows_gather": _split(panel.gather, team),
        "rows_ascent": _ascent(ascent.ascend, team),
        "gram": _gram(team),
        "rows_several": _summed(several.slopes_of_several, team),
        "gram_descent": panel.descend,
    }
