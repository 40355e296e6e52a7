"""Lasso and elastic net by working sets: a model of few features, one pass over the rows per round.

A round minimises the model of the loss over the working set together with the penalty, then passes
over all rows once for the exact gradient of every feature, which says how good the step was, which
features were missed, and how far the optimum can be (Blitz, Johnson and Guestrin, ICML 2015; celer,
Massias et al., ICML 2018). The model's curvature comes from a sample of the rows (as in sub-sampled
Newton methods, Roosta-Khorasani and Mahoney 2016), on which the first working sets are found too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hetengine.problems import Certificate, CoordinateProblem, at_strength
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.resident.ahead import Ahead
from hetengine.solvers.resident.continuation import Continuation
from hetengine.solvers.resident.extrapolation import Extrapolation
from hetengine.solvers.resident.finish import Finish
from hetengine.solvers.resident.model import Model, build_model
from hetengine.solvers.resident.point import (
    Point,
    build_passes,
    coefficients,
    evaluate,
    primal_state,
)
from hetengine.solvers.resident.rows import RUN, Rows
from hetengine.solvers.resident.screen import Screen
from hetengine.solvers.resident.sparse_model import SparseModel, build_sparse
from hetengine.solvers.worker import Process

_SAMPLE_ROWS = 4096
_WHOLE_ENTRIES = 1 << 22
_FIRST = 100
_MOST = 2048
_MOST_EPOCHS = 1000
_SAMPLE_ROUNDS = 10
_SAMPLE_SHARE = 16  # rows of the sample per feature, below which it would be fitted to its noise
_SAMPLE_SLACK = 1.05
_NEAR = 0.9  # of the penalty: features this close to entering come along
_LEAST_DECREASE = 1e-15
_DRIFT = 1e-6  # relative gap below which scores carried along in float32 steps show it
_SLOW = 6  # rounds after which it is taken to be in the way, twice as many of a coarse tolerance
_COARSE = 1e-5
_RARE = 2.0  # times its square norm on the sample that a feature has on all rows
_PANEL_SHARE = 0.2  # of the bytes of the data that an exact model may take
_EASY, _TIGHTER = 3, 1e-2  # rounds after which the model's minimum is sought harder, and how much
_TIGHT = 0.1  # the same where the model is exact: then a pass costs more than epochs do
_LARGER = 1.0 + 1e-4  # squared norms are sums of float32, and have to be bounds
_WORTH = 0.5  # of a model: it shrinks to what is possible if that is less


class WorkingSet:
    """Proximal Newton steps over working sets of features.

    Parameters
    ----------
    rows : Rows
        The data.
    problem : CoordinateProblem
        Whether a constant is fitted counts, not the strengths of the penalty.
    finish : Finish
        When to end.
    """

    def __init__(self, rows: Rows, problem: CoordinateProblem, finish: Finish) -> None:
        self.rows = rows
        self.finish = finish
        self._profiled = problem.intercept
        whole = rows.matrix.nnz <= _WHOLE_ENTRIES
        self._sample = rows.runs if whole else rows.sample(_SAMPLE_ROWS)
        self._scale = 1.0
        self._means: dict[int, np.ndarray] = {}
        self._norms = np.empty(0)
        self._rare = np.zeros(rows.features)
        self._squares: np.ndarray | None = None
        self._model: Model | SparseModel | None = None
        self.ahead = Ahead(rows)
        self._known = Continuation(quadratic=True)
        self._most = _MOST if rows.dense else rows.features
        self._sampled = self._sample, self._scale

    def build(self, problem: CoordinateProblem) -> Process:
        """Launch its kernels on nothing."""
        yield from build_passes(self.rows)
        nothing = np.empty(0)
        yield self.rows.descend(np.empty((0, 0)), (1.0, 1.0), nothing, nothing.copy(), 0.0, 1)
        yield from (build_model if self.rows.dense else build_sparse)(self.rows)
        yield from self.ahead.build()

    def solve(
        self,
        problem: CoordinateProblem,
        start: tuple[CoordinateProblem, Outcome] | None = None,
    ) -> Process:
        """Minimise one problem.

        Parameters
        ----------
        problem : CoordinateProblem
        start : tuple of CoordinateProblem and Outcome, optional
            A problem over the same data and its solution; 0 by default.

        Returns
        -------
        Outcome
        """
        if self._model is None:
            yield from self._measure()
        features = self.rows.features
        coef = np.zeros(features + 1) if start is None else coefficients(*start, features)
        if start is None and self._sample.size < self.rows.runs.size:
            coef = yield from self._on_sample(problem, coef)
        elif start is not None and self.rows.dense:
            yield from self._refit(np.flatnonzero(coef[:-1]))
        if not (self.rows.dense or self._exact):
            yield from self._widen(np.flatnonzero(coef[:-1]))
        begun = self._known.begin(problem, start)
        stored = self.ahead.take(problem.lam)
        if stored is not None:
            coef, begun = stored.coef, None if begun is None else stored
        outcome = yield from self._on_all(problem, coef, begun)
        if stored is not None:
            self.ahead.judge(self.finish.rounds == 0)
        return outcome

    def _refit(self, support: np.ndarray) -> Process:
        """Have the model of all rows while memory allows: on a path it is used again and again."""
        rows, (sample, scale) = self.rows, self._sampled
        most = int(_PANEL_SHARE * rows.matrix.nbytes / (rows.examples * rows.real.itemsize))
        most = min(most, _MOST)
        room = 2 * max(support.size, _FIRST) <= most
        if self._exact:
            room = 4 * support.size <= 3 * most
        if sample.size == rows.runs.size or self._exact == room:
            return
        self._sample, self._scale, self._most = sample, scale, _MOST
        if room:
            self._sample, self._scale, self._most = rows.runs, 1.0, most
        self._reset()
        if support.size:
            assert self._model is not None
            yield from self._model.grow(support)

    def _widen(self, support: np.ndarray) -> Process:
        """Have the model of all rows in place of that of the sample."""
        self._sample, self._scale = self.rows.runs, 1.0
        self._reset()
        if support.size:
            assert self._model is not None
            yield from self._model.grow(support)

    def _measure(self) -> Process:
        """Measure norms on the sample, and the features' means where a constant is fitted.

        Features of sparse rows are measured on all of them: many have no entry in the sample.
        """
        rows = self.rows
        both = self._profiled or not rows.dense
        for runs in (self._sample, rows.runs) if both else (self._sample,):
            if runs.size in self._means:
                continue
            sums = np.zeros((rows.features + 1, 4))
            yield rows.moments(runs, rows.weight, sums)
            mass = sums[-1, 1]
            scale = float(rows.weight.sum() / mass) if mass > 0 else 1.0
            if runs.size == rows.runs.size:
                self._squares = _LARGER * rows.examples * sums[:-1, 2]
            self._means[runs.size] = scale * sums[:, 1] if self._profiled else np.empty(0)
            if runs is self._sample:
                self._scale = scale
            if runs is self._sample or not rows.dense:
                self._norms = np.sqrt(np.maximum(scale * sums[:-1, 2], 0.0))
        self._sampled = self._sample, self._scale
        self._reset()

    def _measure_rare(self) -> Process:
        """Measure norms on all rows, because a feature in demand has no entry in the sample."""
        sums = np.zeros((self.rows.features + 1, 4))
        yield self.rows.moments(self.rows.runs, self.rows.weight, sums)
        squares = sums[:-1, 2]
        self._rare = np.where(squares > _RARE * self._norms**2, squares, 0.0)
        self._norms = np.sqrt(squares)
        assert isinstance(self._model, Model)
        self._model.stiffen(self._rare)

    def _reset(self) -> None:
        root = np.sqrt(self._scale * self.rows.weight)
        means = self._means[self._sample.size] if self._profiled else None
        if not self.rows.dense:
            self._model = SparseModel(self.rows, self._sample, root, means)
            return
        self._model = Model(self.rows, self._sample, root, means)
        if not self._exact:
            self._model.stiffen(self._rare)

    @property
    def _exact(self) -> bool:
        """Whether the model is that of all rows."""
        return self._sample.size == self.rows.runs.size

    def _at(
        self, runs: np.ndarray, coef: np.ndarray, base: Point | None = None, exact: bool = False
    ) -> Process:
        """Return the point at some coefficients, on the sample or on all rows."""
        point = yield from evaluate(self.rows, runs, coef, base, exact)
        if runs.size < self.rows.runs.size:
            scale = self._scale
            point = replace(
                point,
                slope=scale * point.slope,
                loss=scale * point.loss,
                gradient=scale * point.gradient,
            )
        if self._profiled:
            point = point.profiled(self._means[runs.size], self.rows.weight)
        return point

    def _on_sample(self, problem: CoordinateProblem, coef: np.ndarray) -> Process:
        """Find a first working set where a pass costs little; return the coefficients."""
        point = yield from self._at(self._sample, coef)
        for _ in range(_SAMPLE_ROUNDS):
            model = yield from self._enlarge(problem, point)
            point = yield from self._improve(problem, self._sample, point, 1e-4)
            steepest = float(np.abs(point.gradient[:-1]).max(initial=0.0))
            crowded = model.features.size * _SAMPLE_SHARE > self._sample.size * RUN
            if steepest <= _SAMPLE_SLACK * problem.l1 or crowded:
                break
        return point.coef

    def _on_all(self, problem: CoordinateProblem, coef: np.ndarray, begun: Point | None) -> Process:
        dual, exact = Extrapolation(), self.rows.real == np.float64
        screen = Screen(problem, self._squares, exact)
        slow = 2 * _SLOW if self.finish.stop.tol > _COARSE else _SLOW
        state = self._begun(problem, coef, begun, dual, screen)
        point, certificate, theta = yield from self._together(state, self._unknown(problem, coef))
        status = "diverged" if math.isinf(point.loss) else None
        while True:
            drifts = certificate.relative_gap <= _DRIFT or self.finish.rounds == slow
            if drifts and not exact and status is None:
                if certificate.relative_gap <= _DRIFT < self.finish.stop.tol:
                    certificate = _raised(certificate)
                else:  # from here on points are measured anew
                    exact = screen.exact = True
                    point = yield from self._at(self.rows.runs, point.coef, exact=True)
                    certificate, theta = yield from self._certificate(problem, point, dual, screen)
            status = status or self.finish.report(certificate)
            if status is not None:
                alpha, _, _ = primal_state(problem, self.rows.matrix.root, point)
                outcome = Outcome(status, self.finish.rounds, certificate, alpha, theta)
                self._known.keep(problem, outcome, point)
                return outcome
            state = self._round(problem, point, dual, screen, exact)
            self.finish.rounds += 1
            missing = self._unknown(problem, point.coef)
            point, certificate, theta = yield from self._together(state, missing)

    def _begun(
        self,
        problem: CoordinateProblem,
        coef: np.ndarray,
        begun: Point | None,
        dual: Extrapolation,
        screen: Screen,
    ) -> Process:
        """Return the point to begin at, its certificate and the dual point that proves it."""
        point = (yield from self._at(self.rows.runs, coef)) if begun is None else begun
        certificate, theta = yield from self._certificate(problem, point, dual, screen)
        return point, certificate, theta

    def _round(
        self,
        problem: CoordinateProblem,
        point: Point,
        dual: Extrapolation,
        screen: Screen,
        exact: bool,
    ) -> Process:
        """Return what `_begun` does after one more round; counted before it starts."""
        narrow = self.rows.real != np.float64
        # Points measured anew are not measured in float32 beside others.
        foresees = self._exact and self.finish.rounds == 1 and not (exact and narrow)
        later = self.ahead.next() if foresees else []
        lowest = at_strength(problem, later[-1]) if later else problem
        if not self._exact and np.any(
            (self._norms == 0) & (np.abs(point.gradient[:-1]) > problem.l1)
        ):
            yield from self._measure_rare()
        yield from self._enlarge(lowest, point, None if later else screen.possible)
        tol = self.finish.stop.tol * (_TIGHT if self._exact else 1.0)
        if self.finish.rounds > _EASY:
            tol = self.finish.stop.tol * _TIGHTER
        point = yield from self._improve(
            problem, self.rows.runs, point, tol, exact, screen.possible, later
        )
        certificate, theta = yield from self._certificate(problem, point, dual, screen)
        return point, certificate, theta

    def _together(self, process: Process, nominal: Any) -> Process:
        """Run a process; on small data as one launch."""
        if self.rows.small:
            return (yield self.rows.together(process, "solve", nominal))
        return (yield from process)

    def _unknown(
        self, problem: CoordinateProblem, coef: np.ndarray
    ) -> tuple[Point, Certificate, np.ndarray]:
        """Return what stands for a round where numerics are skipped."""
        kind = "rescaled dual" if problem.needs_bound else "conjugate"
        certificate = Certificate(math.nan, math.nan, math.nan, kind)
        nothing = np.broadcast_to(0.0, self.rows.examples)
        gradient = np.broadcast_to(0.0, coef.size)
        point = Point(coef, nothing, nothing, math.nan, gradient)
        return point, certificate, np.zeros(problem.length)

    def _enlarge(
        self, problem: CoordinateProblem, point: Point, possible: np.ndarray | None = None
    ) -> Process:
        """Let the model know the features that are most likely to be missing."""
        chosen = yield self.rows.run(
            "choose",
            lambda: self._missing(problem, point, possible),
            self.rows.features,
            "select",
            nominal=np.arange(0),
        )
        assert self._model is not None
        if chosen.size + self._model.features.size > self._most:
            support = np.flatnonzero(point.coef[:-1])
            self._reset()
            most = self._most
            chosen = np.union1d(chosen[: most // 4], support[: most - most // 4])
        if chosen.size:
            yield from self._model.grow(chosen)
        return self._model

    def _missing(
        self, problem: CoordinateProblem, point: Point, possible: np.ndarray | None
    ) -> np.ndarray:
        """Return features outside the model that are nearest to entering."""
        assert self._model is not None
        distance = np.abs(point.gradient[:-1])
        outside = self._norms > 0 if possible is None else (self._norms > 0) & possible
        outside[self._model.features] = False
        support = int(np.count_nonzero(point.coef[:-1]))
        near = int(np.count_nonzero((distance > _NEAR * problem.l1) & outside))
        count = min(near, max(_FIRST, support)) if self._model.features.size else _FIRST
        count = min(count, int(np.count_nonzero(outside)), self._most)
        if count == 0:
            return np.arange(0)
        np.subtract(problem.l1, distance, out=distance)
        np.divide(distance, self._norms, out=distance, where=outside)
        distance[~outside] = np.inf
        return np.sort(np.argpartition(distance, count - 1)[:count])

    def _improve(
        self,
        problem: CoordinateProblem,
        runs: np.ndarray,
        point: Point,
        tol: float,
        exact: bool = False,
        possible: np.ndarray | None = None,
        later: Sequence[float] = (),
    ) -> Process:
        """Minimise the model with the penalty, pass over the rows, go as far as that is good."""
        model = self._model
        assert model is not None
        enough = max(1e-2 * tol * tol, _LEAST_DECREASE) * max(point.loss, 0.0)
        coef = yield from self._descend(problem, point, enough, possible)
        if later:
            fresh = yield from self._along(problem, point, coef, enough, later)
        else:
            fresh = yield from self._at(runs, coef, None if exact else point, exact)
        if math.isnan(fresh.loss):
            return fresh
        # Where the model is exact, rounding is all there is to learn.
        if isinstance(model, Model) and not self._exact:
            change = (fresh.gradient - point.gradient)[model.features]
            step = (fresh.coef - point.coef)[model.features]
            yield from model.learn(step, change, problem.l1)
        share = _best_share(problem, point, fresh)
        return fresh if share == 1.0 else point.towards(fresh, share)

    def _descend(
        self,
        problem: CoordinateProblem,
        point: Point,
        enough: float,
        possible: np.ndarray | None = None,
    ) -> Process:
        """Return the coefficients that minimise the model around a point with the penalty."""
        model = self._model
        assert model is not None
        ids, gram = model.features, model.gram
        beta, u = point.coef[ids], point.gradient[ids]
        coef = point.coef.copy()
        inside = None if possible is None else possible[ids]
        if isinstance(model, SparseModel) and not model.multiplied:
            yield from model.descend((problem.l1, problem.l2), beta, u, enough, inside)
            coef[ids] = beta
            return coef
        if inside is not None and np.count_nonzero(inside) < _WORTH * ids.size:
            coef[ids[~inside]] = 0.0
            gram = gram[: ids.size, : ids.size]
            u = (u - gram[:, ~inside] @ beta[~inside])[inside]
            gram = np.ascontiguousarray(gram[np.ix_(inside, inside)])
            ids, beta = ids[inside], beta[inside]
        penalties = (problem.l1, problem.l2)
        yield self.rows.descend(gram, penalties, beta, u, enough, _MOST_EPOCHS)
        coef[ids] = beta
        return coef

    def _along(
        self,
        problem: CoordinateProblem,
        point: Point,
        coef: np.ndarray,
        enough: float,
        later: Sequence[float],
    ) -> Process:
        """Measure a point and those that the model foresees for later strengths in one pass."""
        model = self._model
        assert model is not None
        ids, coefs = model.features, [coef]
        for lam in later:
            last = coefs[-1]
            gradient = point.gradient.copy()
            hessian = model.gram[: ids.size, : ids.size]
            gradient[ids] += hessian @ (last - point.coef)[ids]
            there = replace(point, coef=last, gradient=gradient)
            coefs.append((yield from self._descend(at_strength(problem, lam), there, enough)))
        points = yield from self.ahead.measure(point, coefs)
        if self._profiled:
            means = self._means[self.rows.runs.size]
            points = [each.profiled(means, self.rows.weight) for each in points]
        self.ahead.keep(list(later), points[1:])
        return points[0]

    def _certificate(
        self, problem: CoordinateProblem, point: Point, dual: Extrapolation, screen: Screen
    ) -> Process:
        """Return the best certificate of this point, and the dual point that proves it."""
        root, tol = self.rows.matrix.root, self.finish.stop.tol

        def seal() -> tuple[Certificate, np.ndarray]:
            certificate, theta, u = dual.certify(problem, root, point)
            if certificate.relative_gap > tol:
                screen.learn(certificate, theta, u)
            return certificate, theta

        size = self.rows.features + self.rows.examples
        skipped = self._unknown(problem, point.coef)[1:]
        return (yield self.rows.run("certificate", seal, size, "certify", nominal=skipped))


def _raised(certificate: Certificate) -> Certificate:
    """Return a certificate that leaves room for scores that have drifted."""
    return replace(certificate, gap=_DRIFT * abs(certificate.objective), relative_gap=_DRIFT)


def _best_share(problem: CoordinateProblem, point: Point, fresh: Point) -> float:
    """Return how far to go from one point to another; the loss between them is a parabola."""
    moved = np.flatnonzero(fresh.coef != point.coef)
    old, step = point.coef[moved], (fresh.coef - point.coef)[moved]
    incline = float(point.gradient[moved] @ step)
    bend = fresh.loss - point.loss - incline

    def objective(share: float) -> float:
        beta = old + share * step
        smooth = share * incline + share * share * bend
        penalty = problem.l1 * float(np.abs(beta).sum()) + 0.5 * problem.l2 * float(beta @ beta)
        return smooth + penalty

    low, high = 0.0, 1.0
    if not math.isfinite(fresh.loss):
        return 0.0
    if objective(1.0) <= objective(1.0 - 1e-6):
        return 1.0
    for _ in range(40):  # convex in share
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if objective(a) < objective(b) else (a, high)
    return 0.5 * (low + high)
