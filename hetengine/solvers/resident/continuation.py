"""Where to begin with another strength of the penalty, without a pass over the data.

What a pass finds out about coefficients, the loss and its gradient, does not depend on the penalty.
And the solutions of a lasso are linear in lambda between changes of their support (Osborne et al.
2000; Efron et al. 2004), as are their scores and gradients: the next point lies on a line through
the last two.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np

from hetengine.problems import CoordinateProblem
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.resident.point import Point

_FARTHEST = 2.0  # of the distance of the last two solutions
_OLDEST = 16  # points in a row whose scores go back to one pass: float32 steps add up


class _Solved(NamedTuple):
    lam: float
    outcome: Outcome
    point: Point


class Continuation:
    """The last solutions of one solver.

    Parameters
    ----------
    quadratic : bool
        Whether the loss is, so that points can be combined.
    """

    def __init__(self, quadratic: bool) -> None:
        self._quadratic = quadratic
        self._solved: deque[_Solved] = deque(maxlen=2)
        self._age = 0

    def keep(self, problem: CoordinateProblem, outcome: Outcome, point: Point) -> None:
        """Remember a solution.

        Parameters
        ----------
        problem : CoordinateProblem
            What was solved.
        outcome : Outcome
            As it is returned.
        point : Point
            Its coefficients and what a pass found out about them.
        """
        self._solved.append(_Solved(problem.lam, outcome, point))

    def begin(
        self, problem: CoordinateProblem, start: tuple[CoordinateProblem, Outcome] | None
    ) -> Point | None:
        """Return the point to begin at; None where one has to be measured.

        Parameters
        ----------
        problem : CoordinateProblem
            What is to be solved.
        start : tuple of CoordinateProblem and Outcome, or None
            What was solved before, and its solution.
        """
        last = self._solved[-1] if self._solved else None
        known = start is not None and last is not None and last.outcome is start[1]
        if last is None or not known or self._age >= _OLDEST or not math.isfinite(last.point.loss):
            self._solved.clear()
            self._age = 0
            return None
        self._age += 1
        guess = self._beyond(problem.lam)
        if guess is None or objective(problem, guess) >= objective(problem, last.point):
            return last.point
        return guess

    def _beyond(self, lam: float) -> Point | None:
        """Return the point on the line through the last two solutions."""
        if not self._quadratic or len(self._solved) < 2:
            return None
        before, last = self._solved
        share = (lam - last.lam) / (last.lam - before.lam)
        if not 0.0 < share <= _FARTHEST:
            return None
        return before.point.towards(last.point, 1.0 + share)


def objective(problem: CoordinateProblem, point: Point) -> float:
    """Return the objective of a primal-side problem at a point.

    Parameters
    ----------
    problem : CoordinateProblem
    point : Point
    """
    coef = point.coef[:-1]
    penalty = problem.l1 * float(np.abs(coef).sum()) + 0.5 * problem.l2 * float(coef @ coef)
    return point.loss + penalty
