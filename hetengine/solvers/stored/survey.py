"""What the gaps and their bounds say: which columns to read, and which to keep in memory.

A product measured some time ago bounds the present one (`Drift`), and so does the gap that follows
from it: a column is read when that bound leaves more in doubt than matters. Memory goes to the
columns whose gap may soon be largest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetengine.problems import CoordinateProblem
from hetengine.problems.terms import term_gap
from hetengine.solvers.state import State

Vector = NDArray[np.float64]
Ids = NDArray[np.int64]

NEVER = -1.0
"""Score of a column that nobody will need again."""


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """The gaps of coordinates as far as they are known.

    Attributes
    ----------
    gaps : ndarray, shape (k,)
        As they would be if no product had moved.
    doubt : ndarray, shape (k,)
        How much larger they may be.
    stake : ndarray, shape (k,)
        What a measurement may bring to light: the likely gap, as far as it is in doubt.
    score : ndarray, shape (k,)
        The likely gap per element; `NEVER` where the coordinate is settled.
    """

    gaps: Vector
    doubt: Vector
    stake: Vector
    score: Vector


def survey(
    problem: CoordinateProblem,
    state: State,
    u: Vector,
    reach: Vector,
    ahead: Vector,
    lens: NDArray[np.integer],
    ids: Ids | slice = slice(None),
) -> Survey:
    """Look at coordinates without reading any column.

    Parameters
    ----------
    problem : CoordinateProblem
    state : State
        With the present alpha.
    u : ndarray, shape (n,)
        Products as measured.
    reach, ahead : ndarray, shape (k,)
        How far each may be off, and how far it will probably be when it is looked at again.
    lens : ndarray of int, shape (n,)
        Elements of each column.
    ids : ndarray of int64, shape (k,), or slice
        Which coordinates to look at; all by default.

    Returns
    -------
    Survey
        With an entry for each of ``ids``.
    """
    kind, bound = problem.kind, problem.bound(state.objective)
    alpha, u, p, q = state.alpha[ids], u[ids], problem.p[ids], problem.q[ids]
    gaps = term_gap(kind, alpha, u, p, q, bound)

    def most(off: Vector) -> Vector:
        """Return the largest gap within reach: it is convex in u, so at one of the ends."""
        return np.maximum(*(term_gap(kind, alpha, end, p, q, bound) for end in (u - off, u + off)))

    likely = most(ahead)
    score = np.where(state.settled[ids], NEVER, likely / np.maximum(lens[ids], 1))
    doubt = most(reach) - gaps
    return Survey(gaps, doubt, np.minimum(doubt, likely), score)


def in_doubt(doubt: Vector, among: NDArray[np.bool_], budget: float, *, summed: bool) -> Ids:
    """Return the fewest columns to measure so that what is left in doubt stays within a budget.

    Parameters
    ----------
    doubt : ndarray, shape (n,)
        How much larger each gap may be than it is known to be.
    among : ndarray of bool, shape (n,)
        Columns that can be measured.
    budget : float
        What may be left.
    summed : bool
        Whether doubts add up, as in most certificates; in the lasso's the largest one counts.

    Returns
    -------
    ndarray of int64
        By falling doubt.
    """
    ids = np.flatnonzero(among & (doubt > 0.0))
    if not summed:
        ids = ids[doubt[ids] > budget]
    order = ids[np.argsort(doubt[ids], kind="stable")]
    if summed:
        order = order[np.searchsorted(np.cumsum(doubt[order]), budget, side="right") :]
    return order[::-1]
