"""Coefficients and what one pass over the rows says about them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from hetengine.problems import CoordinateProblem
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.resident.rows import Panel, Rows
from hetengine.solvers.worker import Process

_LARGE = 0.1  # of the coefficients


@dataclass(frozen=True, slots=True)
class Point:
    """One snapshot: everything belongs to the same coefficients.

    Attributes
    ----------
    coef : ndarray of float64, shape (d + 1,)
        The last element is the constant's where that is penalised, else 0.
    scores, slope : ndarray of float64, shape (N,)
        ``x_i . coef``, and the derivative of each loss by it.
    loss : float
        Summed loss; inf where it is not finite, NaN where numerics are skipped.
    gradient : ndarray of float64, shape (d + 1,)
        Of the loss, ``X^T slope``.
    shift : float
        The constant that is best for these coefficients, where it is profiled out.
    """

    coef: np.ndarray
    scores: np.ndarray
    slope: np.ndarray
    loss: float
    gradient: np.ndarray
    shift: float = 0.0

    def towards(self, other: Point, share: float) -> Point:
        """Return the point between, for quadratic losses: everything else is linear then.

        Parameters
        ----------
        other : Point
        share : float
            0 for this point, 1 for the other.
        """
        step, change = other.coef - self.coef, other.gradient - self.gradient
        incline, bend = float(self.gradient @ step), float(step @ change)
        for move, start in ((step, self.coef), (change, self.gradient)):
            move *= share
            move += start
        return Point(
            step,
            _between(self.scores, other.scores, share),
            _between(self.slope, other.slope, share),
            self.loss + share * incline + 0.5 * share * share * bend,
            change,
            self.shift + share * (other.shift - self.shift),
        )

    def profiled(self, means: np.ndarray, weight: np.ndarray) -> Point:
        """Return the same coefficients with the best constant beside them, for quadratic losses.

        Parameters
        ----------
        means : ndarray of float64, shape (d + 1,)
            ``X^T c``; the last element is the sum of the weights.
        weight : ndarray of float64, shape (N,)
            The weights c.
        """
        mass = float(means[-1])
        shift = -float(self.gradient[-1]) / mass if mass > 0 else 0.0
        gradient, slope = shift * means, shift * weight
        gradient += self.gradient
        slope += self.slope
        gradient[-1] = 0.0
        return replace(
            self,
            slope=slope,
            loss=self.loss - 0.5 * shift * shift * mass,
            gradient=gradient,
            shift=shift,
        )


def _between(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    change = end - start
    change *= share
    change += start
    return change


def evaluate_parts(rows: Rows, part: np.ndarray, coef: np.ndarray) -> Process:
    """Pass over all runs at some coefficients; returns a `Point`, and the gradient over a part.

    Products with rows are summed in the type of the rows.

    Parameters
    ----------
    rows : Rows
    part : ndarray of int64
        Some runs.
    coef : ndarray of float64, shape (d + 1,)
    """
    scores, slope, before = (np.zeros(rows.examples) for _ in range(3))
    sums = [np.zeros(coef.size), np.zeros(coef.size)]
    step = coef.astype(rows.real)
    here, there = (
        rows.slopes(runs, step, before, scores, slope, gradient, rows.real)
        for runs, gradient in zip((part, np.setdiff1d(rows.runs, part)), sums, strict=True)
    )
    losses = (yield here), (yield there)
    gradient = sums[0] + sums[1]
    loss = math.nan if None in losses else _finite(sum(losses), gradient)
    return Point(coef, scores, slope, loss, gradient), sums[0]


def _finite(loss: float, gradient: np.ndarray) -> float:
    return loss if math.isfinite(loss) and np.isfinite(gradient).all() else math.inf


def evaluate(
    rows: Rows,
    runs: np.ndarray,
    coef: np.ndarray,
    base: Point | None = None,
    exact: bool = False,
    rough: bool = False,
    panel: Panel | None = None,
) -> Process:
    """Pass over some runs at some coefficients; returns a `Point`.

    Parameters
    ----------
    rows : Rows
    runs : ndarray of int64
        Runs to pass over.
    coef : ndarray of float64, shape (d + 1,)
    base : Point, optional
        A point over the same runs whose scores are carried along: only the products of large steps
        need float64, because the rounding of small ones is small beside the scores.
    exact : bool
        Whether to sum everything in float64.
    rough : bool
        Whether products of large steps may be summed in the type of the rows as well.
    panel : tuple of ndarray, optional
        What to fill in passing.
    """
    n = rows.examples
    step = coef if base is None else coef - base.coef
    large = float(np.linalg.norm(step)) > _LARGE * float(np.linalg.norm(coef))
    step = step if exact or (large and not rough) else step.astype(rows.real)
    partial = np.dtype(np.float64) if exact else rows.real
    before = np.zeros(n) if base is None else base.scores
    scores, slope, gradient = np.zeros(n), np.zeros(n), np.zeros(coef.size)
    loss = yield rows.slopes(runs, step, before, scores, slope, gradient, partial, panel)
    loss = math.nan if loss is None else _finite(loss, gradient)
    return Point(coef, scores, slope, loss, gradient)


def primal_state(
    problem: CoordinateProblem, root: np.ndarray | None, point: Point
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return alpha, w and u of a primal-side problem, as `hetengine.problems.certify` takes them.

    Parameters
    ----------
    problem : CoordinateProblem
    root : ndarray of float64, shape (N,), or None
        Square roots of the example weights.
    point : Point
    """
    alpha = point.coef[:-1]
    if problem.count > alpha.size:
        alpha = np.append(alpha, point.shift)
    w = point.slope
    if root is not None:
        w = np.divide(w, root, out=np.zeros(w.size), where=root > 0)
    return alpha, w, point.gradient[: problem.count]


def coefficients(problem: CoordinateProblem, outcome: Outcome, features: int) -> np.ndarray:
    """Return the coefficients of a solution as `Point` holds them.

    Parameters
    ----------
    problem : CoordinateProblem
        What was solved.
    outcome : Outcome
        Its solution.
    features : int
        P.
    """
    coef = np.zeros(features + 1)
    if problem.side == "primal":
        coef[:features] = outcome.alpha[:features]
    else:
        coef[: outcome.w.size] = outcome.w
    return coef


def build_passes(rows: Rows) -> Process:
    """Launch the kernels of passes and samples on nothing, so that they are compiled."""
    none, exact = rows.runs[:0], np.dtype(np.float64)
    nothing, slope = np.empty(0, np.int64), np.empty(0)  # of no length at all: nobody reads them
    launched = [
        rows.slopes(none, np.zeros(1, kind), slope, slope, slope, np.zeros(1), partial)
        for kind, partial in {(exact, rows.real), (rows.real, rows.real), (exact, exact)}
    ]
    launched.append(rows.moments(none, slope, np.zeros((1, 2))))
    launched.append(rows.gather(none, slope, nothing, np.zeros((0, 0), rows.real)))
    while launched:
        yield launched.pop()
