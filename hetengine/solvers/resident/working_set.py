"""Lasso and elastic net by working sets: a model of few features, one pass over the rows per round.

A round minimises the model of the loss over the working set together with the penalty, then passes
over all rows once for the exact gradient of every feature, which says how good the step was, which
features were missed, and how far the optimum can be (Blitz, Johnson and Guestrin, ICML 2015; celer,
Massias et al., ICML 2018). The first working sets are found on a sample of the rows.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hetengine.problems import Certificate, CoordinateProblem, at_strength
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.resident.ahead import Ahead
from hetengine.solvers.resident.continuation import Continuation
from hetengine.solvers.resident.extrapolation import Extrapolation
from hetengine.solvers.resident.finish import Finish
from hetengine.solvers.resident.forecast import Forecast
from hetengine.solvers.resident.models import Models
from hetengine.solvers.resident.point import Point, build_passes, coefficients, primal_state
from hetengine.solvers.resident.rows import RUN, Rows
from hetengine.solvers.resident.screen import Screen
from hetengine.solvers.resident.steps import Steps
from hetengine.solvers.worker import Process

_SAMPLE_ROUNDS = 10
_SAMPLE_SHARE = 16  # rows of the sample per feature, below which it would be fitted to its noise
_SAMPLE_SLACK = 1.05
_SAMPLE_TOL = 1e-4
_DRIFT = 2e-7  # relative gap below which scores carried along in float32 steps show it
_SLOW = 6  # rounds after which it is taken to be in the way, twice as many of a coarse tolerance
_COARSE = 1e-5
_EASY, _TIGHTER = 3, 1e-2  # rounds after which the model's minimum is sought harder, and how much
_TIGHT = 0.1  # the same where the model is exact: then a pass costs more than epochs do


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
        self.ahead = Ahead(rows)
        self.models = Models(rows, problem.intercept)
        self._steps = Steps(rows, self.models, self.ahead)
        self._forecast = Forecast(finish.stop.tol, problem.l2 > 0)
        self._known = Continuation(quadratic=True)

    def build(self, problem: CoordinateProblem) -> Process:
        """Launch its kernels on nothing."""
        yield from build_passes(self.rows)
        nothing = np.empty(0)
        yield self.rows.descend(np.empty((0, 0)), (1.0, 1.0), nothing, nothing.copy(), 0.0, 1)
        yield from self.models.build()
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
        rows, models = self.rows, self.models
        if not models.measured:
            yield from models.measure()
        self._steps.begin(self.finish.stop.tol)
        self._forecast = Forecast(self.finish.stop.tol, problem.l2 > 0)
        coef = np.zeros(rows.features + 1) if start is None else coefficients(*start, rows.features)
        if start is None and not models.exact:
            coef = yield from self._on_sample(problem, coef)
        elif start is not None and rows.dense:
            yield from models.refit(np.flatnonzero(coef[:-1]))
        if not (rows.dense or models.exact):
            yield from models.widen(np.flatnonzero(coef[:-1]))
        begun = self._known.begin(problem, start)
        stored = self.ahead.take(problem.lam)
        if stored is not None:
            coef, begun = stored.coef, None if begun is None else stored
        beginning = self._beginning(coef, begun)
        del coef, begun  # what is held here is held to the end, as long as the data have columns
        outcome = yield from self._on_all(problem, beginning)
        if stored is not None:
            self.ahead.judge(self.finish.rounds == 0)
        return outcome

    def _on_sample(self, problem: CoordinateProblem, coef: np.ndarray) -> Process:
        """Find a first working set where a pass costs little; return the coefficients."""
        steps, models = self._steps, self.models
        point = yield from steps.at(models.runs, coef)
        for _ in range(_SAMPLE_ROUNDS):
            yield from steps.enlarge(problem, point)
            point = yield from steps.improve(problem, models.runs, point, _SAMPLE_TOL)
            steepest = float(np.abs(point.gradient[:-1]).max(initial=0.0))
            crowded = models.current.features.size * _SAMPLE_SHARE > models.runs.size * RUN
            if steepest <= _SAMPLE_SLACK * problem.l1 or crowded:
                break
        return point.coef

    def _beginning(self, coef: np.ndarray, begun: Point | None) -> Process:
        """Return the point to begin at."""
        if begun is not None:
            return begun
        return (yield from self._steps.at(self.rows.runs, coef))

    def _on_all(self, problem: CoordinateProblem, step: Process) -> Process:
        """Take steps on all rows, from the point that the first one returns."""
        exact = self.rows.real == np.float64
        screen = Screen(problem, self.models.true_norms, exact)
        proof = _Proof(Extrapolation(self.rows), screen)
        slow = 2 * _SLOW if self.finish.stop.tol > _COARSE else _SLOW
        while True:
            state = self._certified(problem, step, proof)
            point, certificate, theta = yield from self._together(problem, state)
            status = "diverged" if self.finish.rounds == 0 and math.isinf(point.loss) else None
            drifts = certificate.relative_gap <= _DRIFT or self.finish.rounds == slow
            if drifts and not exact and status is None:
                if certificate.relative_gap <= _DRIFT < self.finish.stop.tol:
                    certificate = _raised(certificate)
                else:  # from here on points are measured anew
                    exact = screen.exact = True
                    point = yield from self._steps.at(self.rows.runs, point.coef, exact=True)
                    certificate, theta = yield from self._certificate(problem, point, proof)
            status = status or self.finish.report(certificate)
            if status is not None:
                alpha, _, _ = primal_state(problem, self.rows.matrix.root, point)
                outcome = Outcome(status, self.finish.rounds, certificate, alpha, theta)
                self._known.keep(problem, outcome, point)
                return outcome
            self._forecast.see(certificate.relative_gap)
            step = self._round(problem, point, screen, exact)
            self.finish.rounds += 1
            del point, state  # the step has what it needs of them

    def _certified(self, problem: CoordinateProblem, step: Process, proof: _Proof) -> Process:
        """Return the point a step leads to, its certificate and the dual point that proves it."""
        point = yield from step
        certificate, theta = yield from self._certificate(problem, point, proof)
        return point, certificate, theta

    def _round(
        self, problem: CoordinateProblem, point: Point, screen: Screen, exact: bool
    ) -> Process:
        """Return the point after one more round; counted before it starts."""
        narrow, models = self.rows.real != np.float64, self.models
        # Points measured anew are not measured in float32 beside others.
        foresees = models.exact and self.finish.rounds == 1 and not (exact and narrow)
        later = self.ahead.next() if foresees else []
        lowest = at_strength(problem, later[-1]) if later else problem
        if models.misses(point.gradient, problem.l1):
            yield from models.measure_rare()
        yield from self._steps.enlarge(lowest, point, None if later else screen.possible)
        tol = self.finish.stop.tol * (_TIGHT if models.exact else 1.0)
        if self.finish.rounds > _EASY:
            tol = self.finish.stop.tol * _TIGHTER
        return (
            yield from self._steps.improve(
                problem, self.rows.runs, point, tol, exact, screen.possible, later, self._forecast
            )
        )

    def _together(self, problem: CoordinateProblem, state: Process) -> Process:
        """Find out about a state; on small data as one launch."""
        if not self.rows.small:
            return (yield from state)
        nothing = np.broadcast_to(0.0, self.rows.examples)
        coef = np.zeros(self.rows.features + 1)
        point = Point(coef, nothing, nothing, math.nan, np.broadcast_to(0.0, coef.size))
        nominal = point, *self._unproved(problem)
        return (yield self.rows.together(state, "solve", nominal))

    def _unproved(self, problem: CoordinateProblem) -> tuple[Certificate, np.ndarray]:
        """Return what stands for a certificate where numerics are skipped."""
        kind = "rescaled dual" if problem.needs_bound else "conjugate"
        certificate = Certificate(math.nan, math.nan, math.nan, kind)
        return certificate, np.broadcast_to(0.0, problem.length)

    def _certificate(self, problem: CoordinateProblem, point: Point, proof: _Proof) -> Process:
        """Return the best certificate of this point, and the dual point that proves it."""
        root, tol = self.rows.matrix.root, self.finish.stop.tol

        def seal() -> tuple[Certificate, np.ndarray]:
            certificate, theta, u = proof.dual.certify(problem, root, point, tol)
            if certificate.relative_gap > tol:
                proof.screen.learn(certificate, theta, u)
            return certificate, theta

        size = self.rows.features + self.rows.examples
        skipped = self._unproved(problem)
        return (yield self.rows.run("certificate", seal, size, "certify", nominal=skipped))


class _Proof(NamedTuple):
    """What certificates of one problem are made of, and what they prove."""

    dual: Extrapolation
    screen: Screen


def _raised(certificate: Certificate) -> Certificate:
    """Return a certificate that leaves room for scores that have drifted."""
    return replace(certificate, gap=_DRIFT * abs(certificate.objective), relative_gap=_DRIFT)
