"""Steps of a proximal Newton method: minimise a model with the penalty, measure, go as far as pays.

The model's curvature may come from a sample of the rows (as in sub-sampled Newton methods,
Roosta-Khorasani and Mahoney 2016); what a pass over all rows then says corrects it, or it is made
exact in the same pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hetengine.problems import CoordinateProblem, at_strength
from hetengine.solvers.resident.ahead import Ahead
from hetengine.solvers.resident.continuation import objective
from hetengine.solvers.resident.forecast import Forecast
from hetengine.solvers.resident.model import Model
from hetengine.solvers.resident.models import FIRST, Models
from hetengine.solvers.resident.point import Point, evaluate
from hetengine.solvers.resident.rows import Panel, Rows
from hetengine.solvers.resident.selection import best_share, nearest
from hetengine.solvers.resident.sparse_model import SparseModel
from hetengine.solvers.worker import Process

_MOST_EPOCHS = 1000
_NEAR = 0.9  # of the penalty: features this close to entering come along
_NEAR_ALONE = 0.98  # the same where they are looked for among all rows, for one problem alone
_SOON = 0.95  # the same for an exact model's first features, which a pass takes along
_UNSETTLED = 0.3  # of the support: so many features outside want to enter that it is still sought
_DECREASE, _LEAST_DECREASE = 1e-4, 1e-20  # of the loss, in an epoch: times tol^2, at least
_WORTH = 0.5  # of a model: it shrinks to what is possible if that is less
_ROUNDING, _UNSEEN = 2e-7, 0.1  # of sums in float32, and what share of a gap it may be


class Steps:
    """Points at coefficients, and how to get from one to a better one.

    Parameters
    ----------
    rows : Rows
        The data.
    models : Models
        Of a squared loss.
    ahead : Ahead
        Measures several points in one pass.
    """

    def __init__(self, rows: Rows, models: Models, ahead: Ahead) -> None:
        self.rows, self.models, self._ahead = rows, models, ahead
        self._settled = self._strayed = False
        self._tol, self._loss = 0.0, math.nan

    def begin(self, tol: float) -> None:
        """Start on another problem.

        Parameters
        ----------
        tol : float
            Relative gap that is sought.
        """
        self._settled = self._strayed = False
        self._tol, self._loss = tol, math.nan

    def at(
        self,
        runs: np.ndarray,
        coef: np.ndarray,
        base: Point | None = None,
        exact: bool = False,
        panel: Panel | None = None,
    ) -> Process:
        """Return the point at some coefficients, on the sample or on all rows.

        Parameters
        ----------
        runs : ndarray of int64
            Those of the sample, or all.
        coef : ndarray of float64, shape (d + 1,)
        base, exact
            As for `hetengine.solvers.resident.point.evaluate`.
        panel : tuple of ndarray, optional
            What a pass over all rows is to fill, for the exact model of the features in it.
        """
        models = self.models
        origin = None if exact or coef.any() else models.take_origin(runs, coef)
        if origin is not None:
            point = origin
        else:
            rough = self._hides_rounding(coef if base is None else coef - base.coef)
            point = yield from evaluate(self.rows, runs, coef, base, exact, rough, panel)
            if runs.size < self.rows.runs.size:
                scale = models.scale
                point = replace(
                    point,
                    slope=scale * point.slope,
                    loss=scale * point.loss,
                    gradient=scale * point.gradient,
                )
        if panel is not None and origin is None:
            self._settled = True
            yield from models.adopt(panel)
        if models.profiled:
            point = point.profiled(models.means[runs.size], self.rows.weight)
        self._loss = point.loss
        return point

    def _hides_rounding(self, step: np.ndarray) -> bool:
        """Return whether the rounding of a step in float32 is far below the gap that is sought.

        The loss errs by the rounding of scores times residuals, at most. The former are as large as
        targets, or as what they are sums of; the latter are known from the last point.
        """
        models = self.models
        loss = models.losses.get(models.runs.size)
        if loss is None:
            return False
        moved = np.flatnonzero(step[:-1])
        terms = step[moved] * models.norms[moved]
        most = loss + 0.5 * float(terms @ terms)
        return _ROUNDING**2 * most <= (_UNSEEN * self._tol) ** 2 * self._loss

    def enlarge(
        self, problem: CoordinateProblem, point: Point, possible: np.ndarray | None = None
    ) -> Process:
        """Let the model know the features that are most likely to be missing.

        Parameters
        ----------
        problem : CoordinateProblem
        point : Point
        possible : ndarray of bool, shape (d,), optional
            False for features that are known to be 0 in every solution.
        """
        models = self.models
        chosen = yield self.rows.run(
            "choose",
            lambda: self._missing(problem, point, possible),
            self.rows.features,
            "select",
            nominal=np.arange(0),
        )
        support = np.flatnonzero(point.coef[:-1])
        # What is left of a longer step must be able to go.
        chosen = np.union1d(chosen, np.setdiff1d(support, models.current.features))
        if chosen.size + models.current.features.size > models.most:
            if self._settled:
                self._settled, self._strayed = False, True
                yield from models.narrow(support)
                chosen = np.setdiff1d(chosen, support)
            else:
                models.reset()
                most = models.most
                chosen = np.union1d(chosen[: most // 4], support[: most - most // 4])
        if chosen.size:
            yield from models.current.grow(chosen)

    def _missing(
        self, problem: CoordinateProblem, point: Point, possible: np.ndarray | None
    ) -> np.ndarray:
        """Return features outside the model that are nearest to entering."""
        models, gradient = self.models, point.gradient[:-1]
        known = models.current.features
        outside = models.norms > 0 if possible is None else (models.norms > 0) & possible
        outside[known] = False
        support = int(np.count_nonzero(point.coef[:-1]))
        share = _NEAR_ALONE if self._settled else _NEAR
        edge = share * problem.l1
        near = int(np.count_nonzero(((gradient > edge) | (gradient < -edge)) & outside))
        count = min(near, max(FIRST, support)) if known.size else FIRST
        count = min(count, int(np.count_nonzero(outside)), models.most)
        return nearest(problem.l1, gradient, models.norms, outside, count)

    def improve(
        self,
        problem: CoordinateProblem,
        runs: np.ndarray,
        point: Point,
        tol: float,
        exact: bool = False,
        possible: np.ndarray | None = None,
        later: Sequence[float] = (),
        forecast: Forecast | None = None,
    ) -> Process:
        """Minimise the model with the penalty, pass over the rows, go as far as that is good.

        Parameters
        ----------
        problem : CoordinateProblem
        runs : ndarray of int64
            Those of the sample, or all.
        point : Point
            Over the same runs.
        tol : float
            Relative gap that is sought.
        exact : bool
            Whether to measure the next point anew, in float64.
        possible : ndarray of bool, shape (d,), optional
            False for features that are known to be 0 in every solution.
        later : sequence of float
            Strengths whose points are measured in the same pass.
        forecast : Forecast, optional
            Of the passes that an exact model might save; without, none is made.
        """
        models = self.models
        enough = max(_DECREASE * tol * tol, _LEAST_DECREASE) * max(point.loss, 0.0)
        coef, *foreseen = yield from self._descend(problem, point, enough, possible)
        settled = self._settled
        if later:
            fresh = yield from self._along(problem, point, coef, enough, later)
        else:
            panel = None
            if forecast is not None and self.rows.dense and not self._strayed:
                panel = models.panel(_demanded(problem, point, coef, *foreseen), forecast)
            fresh = yield from self.at(runs, coef, None if exact else point, exact, panel)
        if math.isnan(fresh.loss):
            return fresh
        # Where the model is that of these very rows, rounding is all there is to learn.
        if runs.size != models.runs.size and isinstance(models.current, Model):
            known = models.current.features
            change = (fresh.gradient - point.gradient)[known]
            step = (fresh.coef - point.coef)[known]
            yield from models.current.learn(step, change, problem.l1)
        if self._settled and not settled and objective(problem, fresh) < objective(problem, point):
            return fresh  # between them there are more features than the exact model knows
        share = best_share(problem, point, fresh)
        return fresh if share == 1.0 else point.towards(fresh, share)

    def _descend(
        self,
        problem: CoordinateProblem,
        point: Point,
        enough: float,
        possible: np.ndarray | None = None,
    ) -> Process:
        """Minimise the model around a point with the penalty.

        Returns the coefficients, and features of which the model foresees the gradient there, and
        that.
        """
        model = self.models.current
        ids, gram = model.features, model.gram
        beta, u = point.coef[ids], point.gradient[ids]
        coef = point.coef.copy()
        inside = None if possible is None else possible[ids]
        penalties = (problem.l1, problem.l2)
        if isinstance(model, SparseModel) and not model.multiplied:
            yield from model.descend(penalties, beta, u, enough, inside)
            coef[ids] = beta
            return coef, ids[:0], u[:0]
        if inside is not None and np.count_nonzero(inside) < _WORTH * ids.size:
            coef[ids[~inside]] = 0.0
            gram = gram[: ids.size, : ids.size]
            u = (u - gram[:, ~inside] @ beta[~inside])[inside]
            gram = np.ascontiguousarray(gram[np.ix_(inside, inside)])
            ids, beta = ids[inside], beta[inside]
        yield self.rows.descend(gram, penalties, beta, u, enough, _MOST_EPOCHS)
        coef[ids] = beta
        return coef, ids, u

    def _along(
        self,
        problem: CoordinateProblem,
        point: Point,
        coef: np.ndarray,
        enough: float,
        later: Sequence[float],
    ) -> Process:
        """Measure a point and those that the model foresees for later strengths in one pass."""
        models, rows = self.models, self.rows
        ids, coefs = models.current.features, [coef]
        hessian = models.current.gram[: ids.size, : ids.size]
        for lam in later:
            last = coefs[-1]
            gradient = point.gradient.copy()
            gradient[ids] += hessian @ (last - point.coef)[ids]
            there = replace(point, coef=last, gradient=gradient)
            coefs.append((yield from self._descend(at_strength(problem, lam), there, enough))[0])
        points = yield from self._ahead.measure(point, coefs)
        if models.profiled:
            means = models.means[rows.runs.size]
            points = [each.profiled(means, rows.weight) for each in points]
        self._ahead.keep(list(later), points[1:])
        return points[0]


def _demanded(
    problem: CoordinateProblem, point: Point, coef: np.ndarray, ids: np.ndarray, u: np.ndarray
) -> np.ndarray:
    """Return the features that an exact model should know; none while too many still come.

    ``coef``, and ``u`` for the gradient of some features there, are what a model foresees from a
    point.
    """
    foreseen = point.gradient.copy()
    foreseen[ids] = u
    support = coef[:-1] != 0
    amiss = (point.coef[:-1] == 0) & (np.abs(point.gradient[:-1]) > problem.l1)
    if np.count_nonzero(amiss) > _UNSETTLED * np.count_nonzero(support):
        return np.arange(0)
    return np.flatnonzero(support | (np.abs(foreseen[:-1]) > _SOON * problem.l1))
