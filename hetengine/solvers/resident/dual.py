"""The dual of a linear SVM by example, and how epochs over it are cut up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from hetengine.aligned import LINE_BYTES, aligned_zeros
from hetengine.problems import CoordinateProblem
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.resident.rows import Rows

_SIGMA = 1.25
_MERGES = 16  # per epoch, so that no thread knows too little of what the others do
_LEAST_BLOCK, _MOST_BLOCK = 32, 128
_MERGE_ROWS = 4.0  # examples per element of w and entry of a row that make a merge cheap
_TILE, _LEAST_TILES = 64, 256


@dataclass
class Dual:
    """Everything about the dual, by example, in the type of the rows.

    Attributes
    ----------
    label, weight : ndarray, shape (N,)
        y and c.
    inverse : ndarray, shape (N,)
        ``lam / ||x||^2``, 0 where it is not known yet.
    b : ndarray, shape (N,)
        Dual coordinates ``y alpha``.
    margin : ndarray, shape (N,)
        ``y x . w - 1`` when last seen.
    w : ndarray, shape (d + 1,)
        Shared vector: in the type of dense rows, which a pass over them repairs; in float64 for
        sparse ones, where it is exact and no slower.
    sigma : float
        By how much the steps of several threads are damped.
    model : ndarray of float64, shape (d + 1,)
        The w that was measured last.
    """

    label: np.ndarray
    weight: np.ndarray
    inverse: np.ndarray
    b: np.ndarray
    margin: np.ndarray
    w: np.ndarray
    sigma: float = _SIGMA
    model: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def start(
        cls,
        problem: CoordinateProblem,
        rows: Rows,
        inverse: np.ndarray,
        solved: tuple[CoordinateProblem, Outcome] | None,
    ) -> Dual:
        """Return the state at 0, or at the solution of a problem with another penalty.

        Parameters
        ----------
        problem : CoordinateProblem
        rows : Rows
            The data.
        inverse : ndarray, shape (N,)
            ``1 / ||x||^2``, 0 where it is not known.
        solved : tuple of CoordinateProblem and Outcome, or None
        """
        real, n = rows.real, rows.examples
        kind = real if rows.dense else np.dtype(np.float64)
        label, weight = rows.target.astype(real), rows.weight.astype(real)
        b, w = np.zeros(n, real), aligned_zeros((rows.features + 1,), kind)
        if solved is not None:
            other, outcome = solved
            b[:] = np.clip(label * outcome.alpha, 0, weight)
            w[: outcome.w.size] = outcome.w * (other.lam / problem.lam)
        curved = (problem.lam * inverse).astype(real)
        margin = np.full(n, -1.0, real)
        return cls(label, weight, curved, b, margin, w, model=w.astype(np.float64))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """By example, in the order of the kernels."""
        return (self.label, self.weight, self.inverse, self.b, self.margin)

    def replicas(self, threads: int) -> np.ndarray:
        """Return three copies of w for each thread, padded: none shares a cache line."""
        per_line = LINE_BYTES // self.w.itemsize
        width = -(-self.w.size // per_line) * per_line
        copies = aligned_zeros((threads, 3, width), self.w.dtype)
        copies[..., : self.w.size] = self.w
        return copies

    def part(self, ids: np.ndarray) -> Dual:
        """Return a copy of some examples that shares w."""
        label, weight, inverse, b, margin = (array[ids] for array in self.arrays)
        return Dual(label, weight, inverse, b, margin, self.w, self.sigma)

    def take_in(self, ids: np.ndarray, part: Dual) -> None:
        """Take back what was found for some examples."""
        for mine, found in zip(self.arrays[2:], part.arrays[2:], strict=True):
            mine[ids] = found
        self.sigma = part.sigma

    def measured(self, coef: np.ndarray) -> None:
        """Keep the model that a certificate belongs to."""
        self.model = coef

    def repair(self, exact: np.ndarray) -> None:
        """Take over ``X^T (y b) / lam`` as it was summed in float64."""
        self.w[:] = exact

    def unsettled(self, reach: float) -> np.ndarray:
        """Return the examples that are not at a bound with a margin beyond reach, ascending."""
        low = (self.b <= 0) & (self.margin > reach)
        high = (self.b >= self.weight) & (self.margin < -reach)
        return np.flatnonzero(~(low | high)).astype(np.int32)

    def solution(self, problem: CoordinateProblem) -> tuple[np.ndarray, np.ndarray]:
        """Return alpha, and w as last measured."""
        alpha = self.label.astype(np.float64) * self.b
        return alpha, self.model[: problem.length]


class Plan(NamedTuple):
    """How epochs over some examples are cut up.

    Attributes
    ----------
    threads : int
        Threads that take part.
    tile : int
        Consecutive examples visited in order.
    block : int
        Tiles per thread between merges.
    """

    threads: int
    tile: int
    block: int


def plan_epochs(rows: Rows, count: int) -> Plan:
    """Return how to cut up epochs over so many examples.

    Parameters
    ----------
    rows : Rows
        The data.
    count : int
        Examples to visit.
    """
    merge = int(_MERGE_ROWS * rows.features / max(rows.entries, 1.0))
    least = max(_LEAST_BLOCK, merge)
    threads = rows.host.spec.threads
    threads = threads if count >= _MERGES * threads * least else 1
    block = min(count // (_MERGES * threads), max(_MOST_BLOCK, merge))
    tile = max(1, min(_TILE, count // _LEAST_TILES, block if threads > 1 else _TILE))
    return Plan(threads, tile, max(1, block // tile))
