"""Smooth losses with a ridge penalty, over the coefficients: logistic, squared hinge, ridge.

Each round is one pass over the rows, which yields the loss, its gradient and the certificate: with
the dual point ``alpha = -slope`` every coordinate's gap is 0 and what remains is ``||grad P||^2 /
(2 lam)``. Directions come from a first guess of the Hessian, corrected by the steps so far.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hetengine.device import Event
from hetengine.problems import Certificate, CoordinateProblem, Kind, certify
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.resident.continuation import Continuation
from hetengine.solvers.resident.curvature import BEND, Curvature, share_scale
from hetengine.solvers.resident.finish import Finish
from hetengine.solvers.resident.point import (
    Point,
    build_passes,
    coefficients,
    evaluate,
    evaluate_parts,
    primal_state,
)
from hetengine.solvers.resident.rows import RUN, Rows
from hetengine.solvers.resident.secant import Secants
from hetengine.solvers.resident.triangles import Solve
from hetengine.solvers.worker import Process

_SUFFICIENT = 1e-4
_SHORTEST = 1e-6
_NOISE = 1e-6  # of the objective, in which values of points cannot be told apart
_PART = 4  # times the sample, for the first gradient
_PROBED = 2048  # examples on which a first step is tried out
_TOO_LONG = 0.5  # of it to go: above that the curvature may have fallen by more than it was missed
_FINE = 1e-6  # tolerance from which the rounding of float32 products may matter
_WATCHED = 12  # rounds in which the gap has to fall to a tenth, or the guess of the Hessian is bad
_SLOW = 0.1
_TRIES = 2  # guesses in a row that do not bring the gap down to a tenth
_ROUGH = 1e-2  # relative gap down to which that of large steps does not


class Smooth:
    """Preconditioned quasi-Newton descent on the primal.

    Parameters
    ----------
    rows : Rows
        The data.
    problem : CoordinateProblem
        The kind of loss counts, not the strength of the penalty.
    finish : Finish
        When to end.
    """

    def __init__(self, rows: Rows, problem: CoordinateProblem, finish: Finish) -> None:
        self.rows = rows
        self.finish = finish
        self._profiled = problem.side == "primal" and problem.intercept
        self._quadratic = problem.kind in (Kind.PENALTY, Kind.SQUARED)
        self._curvature = Curvature(rows, problem.kind, self._profiled)
        self._known = Continuation(quadratic=False)
        self._rough = False

    def build(self, problem: CoordinateProblem) -> Process:
        """Launch its kernels on nothing."""
        self._curvature.load()
        yield from build_passes(self.rows)

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
        target = _Penalised(problem, self.rows.features)
        loss, slope = _at_zero(problem.kind, self.rows)
        gradient = None
        if not self._curvature.known:
            gradient = yield from self._curvature.measure(slope)
        inverse = yield from self._curvature.inverse(target.penalty)
        secants = self._secants(inverse)
        self._rough = start is None
        point = self._known.begin(problem, start)
        if point is None and start is not None:
            point = yield from self._at(coefficients(*start, self.rows.features))
        elif point is None and gradient is not None:
            point = Point(np.zeros(gradient.size), np.zeros(slope.size), slope, loss, gradient)
            point = self._centred(point)
        elif point is None and self._quadratic and self._curvature.sampled:
            point = yield from self._at((yield from self._on_sample(target, inverse)))
        elif point is None:
            point = yield from self._from_zero(target, loss, secants)
        status = "diverged" if math.isinf(point.loss) else None
        pace = _Pace()
        while True:
            point, certificate = yield from self._certified(problem, target, point)
            status = status or self.finish.report(certificate)
            gap = certificate.relative_gap
            if self._curvature.improvable and pace.improves(self.finish.rounds, gap, status):
                yield from self._curvature.again(point.scores)
                inverse = yield from self._curvature.inverse(target.penalty)
                secants, status = self._secants(inverse), None
            if status is not None:
                outcome = self._outcome(problem, status, certificate, point)
                self._known.keep(problem, outcome, point)
                return outcome
            gradient = target.gradient(point)
            direction = yield self._direction(secants, gradient)
            carried = not self._rough or certificate.relative_gap > _ROUGH
            self._rough = self._rough and carried
            length = yield from self._length(problem, target, gradient, direction)
            fresh = yield from self._step(target, point, gradient, direction, carried, length)
            if fresh is None:
                status = "stalled"
                continue
            secants.learn(fresh.coef - point.coef, target.gradient(fresh) - gradient)
            point = fresh

    def _secants(self, inverse: Solve) -> Secants:
        return Secants(inverse, self.rows.matrix.nbytes, self.rows.features + 1)

    def _direction(self, secants: Secants, gradient: np.ndarray) -> Event:
        return self.rows.run(
            "direction",
            lambda: secants.direction(gradient),
            secants.touched * gradient.size,
            "solve",
            nominal=gradient,
        )

    def _on_sample(self, target: _Penalised, inverse: Solve) -> Process:
        """Return the optimum of the sample, which for a quadratic loss is one step away."""
        coef = np.zeros(self.rows.features + 1)
        point = yield from evaluate(self.rows, self._curvature.runs, coef)
        point = self._centred(replace(point, gradient=self._curvature.scale * point.gradient))
        gradient = target.gradient(point)
        return (
            yield self.rows.run(
                "direction", lambda: -inverse(gradient), coef.size**2, "solve", nominal=coef
            )
        )

    def _from_zero(self, target: _Penalised, loss: float, secants: Secants) -> Process:
        """Return the point one step away from 0, for which a part of the examples is enough.

        The step errs by d / r for the r sampled rows that the guess of the Hessian comes from, and
        by a fourth of that for a gradient of four times as many.
        """
        rows, coef = self.rows, np.zeros(self.rows.features + 1)
        part = rows.sample(_PART * RUN * self._curvature.runs.size)
        if 2 * part.size > rows.runs.size or not self._curvature.sampled:
            return (yield from self._at(coef))
        scale = share_scale(rows, part)
        zero = yield from evaluate(rows, part, coef)
        before = target.gradient(replace(zero, gradient=scale * zero.gradient))
        coef = yield self._direction(secants, before)
        point, partial = yield from evaluate_parts(rows, part, coef)
        after = target.gradient(replace(point, gradient=scale * partial))
        if target.value(point) > loss or math.isinf(point.loss):
            return (yield from self._at(np.zeros(coef.size)))
        secants.learn(coef, after - before)
        return point

    def _at(self, coef: np.ndarray, base: Point | None = None) -> Process:
        rows = self.rows
        return self._centred((yield from evaluate(rows, rows.runs, coef, base, rough=self._rough)))

    def _centred(self, point: Point) -> Point:
        if not self._profiled:
            return point
        assert self._curvature.means is not None
        return point.profiled(self._curvature.means, self.rows.weight)

    def _length(
        self,
        problem: CoordinateProblem,
        target: _Penalised,
        gradient: np.ndarray,
        direction: np.ndarray,
    ) -> Process:
        """Return how much of a step to go: all of it, but for a first one that is much too long.

        A guess of the Hessian that is a diagonal does not know which features come together: a few
        examples show the curvature along the step, at coefficients of 0.
        """
        rows = self.rows
        cold = self._rough and self.finish.rounds == 0
        if not cold or self._quadratic or self._curvature.sampled:
            return 1.0
        runs = rows.sample(_PROBED)
        probe = yield from evaluate(rows, runs, direction)
        bends = BEND[problem.kind] * share_scale(rows, runs) * rows.weight
        curve = float(bends @ probe.scores**2) + problem.lam * float(direction @ direction)
        best = -float(gradient @ direction) / curve if curve > 0 else 1.0
        return best if _SHORTEST < best < _TOO_LONG else 1.0

    def _step(
        self,
        target: _Penalised,
        point: Point,
        gradient: np.ndarray,
        direction: np.ndarray,
        carried: bool,
        share: float,
    ) -> Process:
        """Go along a direction until the objective has fallen enough; None if it does not.

        Scores are carried along from the point, or else measured anew; ``share`` says how far to
        go at first.
        """
        incline, value = float(gradient @ direction), target.value(point)
        while share >= _SHORTEST:
            self.finish.rounds += 1
            coef = point.coef + share * direction
            fresh = yield from self._at(coef, point if carried else None)
            if math.isnan(fresh.loss):
                return fresh
            if self._quadratic:
                bend = float(direction @ (target.gradient(fresh) - gradient))
                return point.towards(fresh, -incline / bend) if bend > 0 > incline else None
            reached = target.value(fresh)
            if reached <= value + _SUFFICIENT * share * incline:
                return fresh
            if reached <= value + _NOISE * abs(value):
                # Differences of values are lost in rounding here, those of inclines are not:
                # Hager and Zhang 2005, approximate Wolfe conditions.
                ends = float(target.gradient(fresh) @ direction)
                if ends <= (2.0 * _SUFFICIENT - 1.0) * incline:
                    return fresh
            rise = reached - value - share * incline
            share *= min(max(-0.5 * share * incline / rise, 0.1), 0.5)
        return None

    def _certified(self, problem: CoordinateProblem, target: _Penalised, point: Point) -> Process:
        certificate = yield from self._certificate(problem, target, point)
        fine = self.finish.stop.tol <= _FINE and self.rows.real == np.float32
        if fine and certificate.relative_gap <= self.finish.stop.tol:
            # Scores carried along in float32 drift by some 1e-7: what ends a run is measured anew.
            self._rough = False
            point = yield from self._at(point.coef)
            certificate = yield from self._certificate(problem, target, point)
        return point, certificate

    def _certificate(self, problem: CoordinateProblem, target: _Penalised, point: Point) -> Process:
        def seal() -> Certificate:
            if problem.side == "primal":
                return certify(problem, *primal_state(problem, self.rows.matrix.root, point))
            gradient, value = target.gradient(point), target.value(point)
            with np.errstate(over="ignore"):  # an infinite gap is one, below
                gap = 0.5 * float(gradient @ gradient) / problem.lam
            if not (math.isfinite(value) and math.isfinite(gap)):
                return Certificate(value, math.inf, math.inf, "primal-dual")
            return Certificate(value, gap, gap / abs(value) if value else math.inf, "primal-dual")

        kind = "conjugate" if problem.side == "primal" else "primal-dual"
        unknown = Certificate(math.nan, math.nan, math.nan, kind)
        size = self.rows.features + self.rows.examples
        return (yield self.rows.run("certificate", seal, size, "certify", nominal=unknown))

    def _outcome(
        self, problem: CoordinateProblem, status: str, certificate: Certificate, point: Point
    ) -> Outcome:
        if problem.side == "primal":
            alpha, w, _ = primal_state(problem, self.rows.matrix.root, point)
        else:
            alpha, w = -point.slope, point.coef[: problem.length]
        return Outcome(status, self.finish.rounds, certificate, alpha, w)


class _Pace:
    """Watches whether the gap falls as it does with a good guess of the Hessian."""

    def __init__(self) -> None:
        self._round, self._gap = 0, math.inf
        self._tries, self._tried = 0, math.inf

    def improves(self, rounds: int, gap: float, status: str | None) -> bool:
        """Return whether to make another guess; not for ever where that does not help."""
        late = rounds - self._round >= _WATCHED
        slow = late and gap > _SLOW * self._gap
        if late:
            self._round, self._gap = rounds, gap
        if gap <= _SLOW * self._tried < math.inf:
            self._tries = 0
        if self._tries == _TRIES or not (status == "stalled" or (slow and status is None)):
            return False
        self._tries, self._tried = self._tries + 1, gap
        return True


class _Penalised:
    """The objective of one strength of the penalty; that of the last point is kept.

    A constant that is held or profiled out is not penalised: its coefficient is 0, and what the
    gradient says about it does not count.
    """

    def __init__(self, problem: CoordinateProblem, features: int) -> None:
        self._lam, self._features = problem.lam, features
        self._held = problem.side == "primal" or not problem.intercept
        self._valued: tuple[Point, float] | None = None
        self._inclined: tuple[Point, np.ndarray] | None = None

    @property
    def penalty(self) -> np.ndarray:
        """Strength per coefficient, shape (d + 1,); made anew for whoever needs all of them."""
        penalty = np.full(self._features + 1, self._lam)
        if self._held:
            penalty[-1] = 0.0
        return penalty

    def value(self, point: Point) -> float:
        if self._valued is None or self._valued[0] is not point:
            self._valued = point, point.loss + 0.5 * self._lam * float(point.coef @ point.coef)
        return self._valued[1]

    def gradient(self, point: Point) -> np.ndarray:
        if self._inclined is None or self._inclined[0] is not point:
            gradient = self._lam * point.coef
            gradient += point.gradient
            if self._held:
                gradient[-1] = 0.0
            self._inclined = point, gradient
        return self._inclined[1]


def _at_zero(kind: Kind, rows: Rows) -> tuple[float, np.ndarray]:
    """Return loss and slopes at scores 0, where no row has to be read."""
    y, c = rows.target, rows.weight
    if kind is Kind.LOGISTIC:
        return float(np.log(2.0) * c.sum()), -0.5 * c * y
    return 0.5 * float(c @ (y * y)), -c * y
