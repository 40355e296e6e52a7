"""What a run is after, and how far it has come."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from hetengine.record.metrics import MetricsRow, NetRow, PathRow, Row
from hetengine.solvers.local_sgd.config import LocalSgdConfig

if TYPE_CHECKING:
    from hetengine.config import RunConfig


class Goal(Protocol):
    """Where a run ends."""

    def fraction_done(self, row: Row) -> float:
        """Return how far the run has come at a row, from 0 to 1."""
        ...


class GapGoal:
    """A relative duality gap.

    Parameters
    ----------
    tol : float
        Gap at which the run has converged.
    """

    def __init__(self, tol: float) -> None:
        self._tol = tol
        self._first = 0.0

    def fraction_done(self, row: Row) -> float:
        """Return the way of the gap on a logarithmic scale."""
        assert isinstance(row, MetricsRow)
        gap = row.relative_gap
        self._first = max(self._first, gap if math.isfinite(gap) else 0.0)
        return fraction_done(self._first, gap, self._tol)


class EpochGoal:
    """A number of epochs, or a test accuracy before that.

    Parameters
    ----------
    epochs : int
        Epochs of the run.
    paper : bool
        Whether they are counted as the released code counts, rather than as passes over the data.
    target_accuracy : float or None
        Test accuracy at which the run ends early.
    """

    def __init__(self, epochs: int, paper: bool, target_accuracy: float | None) -> None:
        self._epochs = epochs
        self._paper = paper
        self._target = target_accuracy

    def fraction_done(self, row: Row) -> float:
        """Return the share of the epochs; 1 at the target accuracy."""
        assert isinstance(row, NetRow)
        if self._target is not None and row.test_accuracy >= self._target:
            return 1.0
        return min(1.0, (row.paper_epoch if self._paper else row.passes) / self._epochs)


class PathGoal:
    """All points of a path and, in cross-validation, of every fold.

    Parameters
    ----------
    points : int
        Of the path.
    folds : int
        Parts that are held out in turn; 0 for none.
    """

    def __init__(self, points: int, folds: int) -> None:
        self._points = points
        self._folds = folds

    def fraction_done(self, row: Row) -> float:
        """Return the share of the points."""
        assert isinstance(row, PathRow)
        done = row.fold * self._points + row.point
        return min(1.0, done / (self._points * (self._folds + 1)))


def goal_of(config: RunConfig) -> Goal:
    """Return what a configured run is after."""
    solver, path = config.solver, config.path
    if path is not None:
        given = path.lams if path.Cs is None else path.Cs
        points = path.points if given is None else len(given)
        return PathGoal(points, 0 if config.cv is None else config.cv.folds)
    if isinstance(solver, LocalSgdConfig):
        return EpochGoal(solver.epochs, solver.epoch == "paper", solver.target_accuracy)
    return GapGoal(config.tol)


def fraction_done(first: float, now: float, tol: float) -> float:
    """Return how far a gap has come from its first value to the tolerance, on a log scale.

    Examples
    --------
    >>> fraction_done(1.0, 1e-2, 1e-4)
    0.5
    """
    if not (math.isfinite(now) and first > tol):
        return 0.0 if not now <= tol else 1.0
    if now <= tol:
        return 1.0
    return min(1.0, max(0.0, math.log(first / now) / math.log(first / tol)))
