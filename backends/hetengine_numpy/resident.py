"""Kernels of the all-resident path for a number of threads, none of which shares what it writes.

Passes give each thread a stretch of the runs and a gradient of its own; an ascent runs the same
program in every thread, which meet at barriers. What is added up is added in the order of the
threads, so results do not depend on timing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hetengine_numpy.team import Team

Implementation = Callable[..., Any]

_BLOCK_ROWS = 4096
_PRIVATE_BYTES = 1 << 20
_LITTLE = 1 << 20  # entries that one thread has read before another has been told of them
_LITTLE_FLOPS = 1 << 22  # as few multiplications, in products of columns
_LITTLE_GRAM = 1 << 18  # as few numbers, in a matrix that is read once or twice
_NARROW, _NARROW_RUN = 24, 64  # columns of a product that are few, and rows summed in its type
_LONG = 2  # examples per thread and row of the matrix, from which they are what is split


def _summed(share: Implementation, team: Team) -> Implementation:
    """Split the runs; the last argument is a sum, of which every thread makes a part."""

    def run(rows: Any, runs: np.ndarray, length: int, *args: Any) -> float:
        *most, total = args
        if team.threads == 1 or _little(rows, runs, length):
            value = np.zeros(1)
            nothing = np.empty((0, *total.shape), total.dtype)
            team.alone(share, value, total, nothing, rows, runs, length, *most)
            return float(value[0])
        sums = np.zeros((team.threads - 1, *total.shape), total.dtype)
        values = np.zeros(team.threads)
        team.run(share, values, total, sums, rows, runs, length, *most)
        for each in sums:
            total += each
        return float(values.sum())

    return run


def _split(share: Implementation, team: Team) -> Implementation:
    """Split the runs; every thread writes what belongs to its own examples."""

    def run(rows: Any, runs: np.ndarray, length: int, *args: Any) -> None:
        (team.alone if _little(rows, runs, length) else team.run)(share, rows, runs, length, *args)

    return run


def _little(rows: Any, runs: np.ndarray, length: int) -> bool:
    """Whether it takes longer to share some runs out than to do them."""
    entries = rows[0].size if len(rows) > 1 else runs.size * length * rows[0].shape[1]
    return entries <= _LITTLE


def _stretched(kernel: Implementation, team: Team) -> Implementation:
    """Split the runs into as many stretches as ``parts`` has rows; each writes to its own row."""

    def run(
        rows: Any,
        runs: np.ndarray,
        length: int,
        root: np.ndarray,
        place: np.ndarray,
        parts: np.ndarray,
        *args: Any,
    ) -> None:
        count = parts.shape[0]
        bounds = [0, count] if _little(rows, runs, length) else team.split(count)

        def part(t: int) -> None:
            for s in range(bounds[t], bounds[t + 1]):
                first, last = runs.size * s // count, runs.size * (s + 1) // count
                kernel(rows, runs, length, first, last, root, place, parts[s], *args)

        team.call(part, len(bounds) - 1)

    return run


def _products(kernel: Implementation, team: Team) -> Implementation:
    """Split the runs where every thread can have sums of its own, and else the rows of ``out``."""

    def run(
        rows: Any,
        runs: np.ndarray,
        length: int,
        root: np.ndarray,
        place: np.ndarray,
        old: int,
        out: np.ndarray,
    ) -> None:
        private = out.nbytes <= _PRIVATE_BYTES
        whole = runs.size if private else out.shape[0]
        bounds = [0, whole] if _little(rows, runs, length) else team.split(whole)
        count = len(bounds) - 1
        sums = [np.zeros_like(out) if private and count > 1 else out for _ in range(count)]

        def part(t: int) -> None:
            first, last = (bounds[t], bounds[t + 1]) if private else (0, runs.size)
            stride, phase = (1, 0) if private else (count, t)
            kernel(
                rows, runs, length, first, last, root, place, old, stride, phase, sums[t],
            )  # fmt: skip

        team.call(part, count)
        if private and count > 1:
            for each in sums:
                out += each

    return run


def _gram(narrow: Implementation, team: Team) -> Implementation:
    """Products of columns: what is longer is split, the examples or the matrix of products."""

    def run(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
        if left.size * right.shape[1] <= _LITTLE_FLOPS:
            out += _product(left, right, out.dtype)
        elif right.shape[1] <= _NARROW < left.shape[1]:
            sums = np.zeros((team.threads, right.shape[1], left.shape[1] + 1))
            team.run(narrow, sums, left, right, _NARROW_RUN)
            for each in sums:
                out += each[:, :-1].T
        elif left.shape[0] >= _LONG * team.threads * max(out.shape, default=0):
            _gram_by_rows(team, left, right, out)
        else:
            _gram_by_tiles(team, left, right, out)

    return run


def _product(left: np.ndarray, right: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return ``left^T right``: in the panels' precision within blocks of rows, then in dtype."""
    with np.errstate(over="ignore", invalid="ignore"):  # what a run makes of it is checked there
        total = (left[:_BLOCK_ROWS].T @ right[:_BLOCK_ROWS]).astype(dtype, copy=False)
        for first in range(_BLOCK_ROWS, left.shape[0], _BLOCK_ROWS):
            block = slice(first, first + _BLOCK_ROWS)
            total += left[block].T @ right[block]
    return total


def _gram_by_rows(team: Team, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """Every thread takes some of the examples and makes a matrix of its own."""
    bounds = team.split(left.shape[0])

    def part(t: int) -> np.ndarray:
        own = slice(bounds[t], bounds[t + 1])
        return _product(left[own], right[own], out.dtype)

    for each in team.call(part, len(bounds) - 1):
        out += each


def _gram_by_tiles(team: Team, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
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

    team.call(part, team.threads)


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


def _mirror(kernel: Implementation, team: Team) -> Implementation:
    """Every thread copies some of the columns."""

    def run(gram: np.ndarray, old: int, size: int) -> None:
        (team.alone if size * size <= _LITTLE_GRAM else team.run)(kernel, gram, old, size)

    return run


def _learn(image: Implementation, correct: Implementation, team: Team) -> Implementation:
    """Correct a Hessian; every thread has some of its rows."""

    def learn(gram: np.ndarray, step: np.ndarray, change: np.ndarray, product: float) -> None:
        moved, guess = np.flatnonzero(step), np.empty(step.size)
        run = team.alone if step.size**2 <= _LITTLE_GRAM else team.run
        run(image, gram, moved, step[moved], guess)
        run(correct, gram, change, product, guess, float(step @ guess))

    return learn


def _ascent(kernel: Implementation, team: Team) -> Implementation:
    """Start the same program in as many threads as replicas are handed in."""

    def run(*args: Any) -> None:
        *most, seed, limits, control = args
        threads = most[5].shape[0]
        sums, sync = np.zeros((threads, 8)), np.zeros(1, np.int64)

        def part(t: int) -> None:
            kernel(*most, t, seed, limits, control, sums, sync)

        team.call(part, threads)

    return run


def implementations(threads: int = 1) -> Mapping[str, Implementation]:
    """Return the kernels by name for a number of threads.

    Parameters
    ----------
    threads : int
        Threads to use at most; small launches use fewer.
    """
    from hetengine_numpy.kernels import ascent, entries, hessian, panel, shares

    team = Team(threads, bound=True)
    return {
        "rows_slopes": _summed(shares.slopes, team),
        "rows_moments": _summed(shares.moments, team),
        "rows_hinge_gap": _summed(shares.hinge_gap, team),
        "rows_gather": _split(shares.gather, team),
        "rows_slopes_gather": _summed(shares.slopes_and_gather, team),
        "rows_ascent": _ascent(ascent.ascend, team),
        "gram": _gram(shares.narrow_gram, team),
        "rows_several": _summed(shares.slopes_of_several, team),
        "gram_descent": panel.descend,
        "gram_mirror": _mirror(hessian.mirror, team),
        "gram_learn": _learn(hessian.image, hessian.correct, team),
        "rows_count": _stretched(entries.count, team),
        "rows_transpose": _stretched(entries.transpose, team),
        "rows_products": _products(entries.products, team),
        "rows_descent": entries.descend,
    }
