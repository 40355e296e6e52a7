"""Linear support vector machines over the dual, on ever fewer examples.

Epochs of dual ascent shrink the set of examples they visit until the gap they meet is small; then
one pass measures all examples, certifies, and says which of them have to be visited again. A pass
is put off as long as what is met is above the tolerance and visits have not yet cost about as much
as it would: where examples were wrongly left out, that is all that is lost. Sparse examples are
packed once few are left: rows of some hundred bytes here and there in memory cost more to fetch
than to use.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hetengine.problems import Certificate, CoordinateProblem
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.resident.control import Control
from hetengine.solvers.resident.dual import Dual, plan_epochs
from hetengine.solvers.resident.finish import Finish
from hetengine.solvers.resident.rows import Rows
from hetengine.solvers.worker import Process

_HOLD = 2  # epochs over everything before the first shrinking
_KEEP = 2.5  # mean changes of a margin within which an example may still move
_FIRST_STAGE = 3e-4  # of the objective at 0: the first gap to reach
_STAGE = 0.1  # of the gap: the next one
_ALLOWANCE = 0.5  # of the examples: visits beyond such a gap, before a pass over all
_SAFETY = 0.6  # of the tolerance: what is met while descending is an estimate
_MOST_EPOCHS = 400
_PACKED_SHARE = 0.25


class _Limits(NamedTuple):
    """When epochs on a set of examples end.

    Attributes
    ----------
    target : float
        Gap met, as a share of the dual value.
    stage : float
        Gap met from which on visits are counted.
    allowance : float
        Visits counted.
    hold : int
        Epochs before the first shrinking.
    """

    target: float
    stage: float
    allowance: float
    hold: int


class Ascent:
    """Dual coordinate ascent with shrinking.

    Parameters
    ----------
    rows : Rows
        The data.
    finish : Finish
        When to end.
    seed : int
        Seeds the order of epochs.
    """

    def __init__(self, rows: Rows, finish: Finish, seed: int) -> None:
        self.rows = rows
        self.finish = finish
        self._rng = np.random.default_rng(seed)
        self._tour = np.empty(rows.examples, np.int32)
        self._inverse = np.zeros(rows.examples, rows.real)  # 1 / ||x||^2, once an epoch has seen it
        self._change = 0.0

    def build(self, problem: CoordinateProblem) -> Process:
        """Launch its kernels on nothing."""
        rows = self.rows
        dual = Dual.start(problem, rows, self._inverse, None)
        none = np.empty(0, np.int32)
        yield from self._epochs(problem, rows.arrays, dual, none, _Limits(0.0, 0.0, 0.0, 0), 0, 0.0)
        coef, total = dual.w.astype(np.float64), np.zeros(rows.features + 4)
        yield rows.hinge_gap(rows.runs[:0], coef, dual.arrays, total)
        if not rows.dense:
            yield from rows.pack(none.astype(np.int64))

    def solve(
        self,
        problem: CoordinateProblem,
        start: tuple[CoordinateProblem, Outcome] | None = None,
    ) -> Process:
        """Maximise one dual problem.

        Parameters
        ----------
        problem : CoordinateProblem
        start : tuple of CoordinateProblem and Outcome, optional
            A problem over the same data and its solution; 0 by default.

        Returns
        -------
        Outcome
        """
        rows = self.rows
        dual = Dual.start(problem, rows, self._inverse, start)
        order = np.arange(rows.examples, dtype=np.int32)
        seen = float(rows.weight.sum())  # the objective at 0, an upper bound of every gap
        goal, hold = _FIRST_STAGE * seen, _HOLD
        certificate = None if start is None else (yield from self._measure(problem, dual))
        while True:
            if certificate is not None:
                status = self.finish.report(certificate)
                if status is not None:
                    self._inverse = dual.inverse / problem.lam
                    alpha, w = dual.solution(problem)
                    return Outcome(status, self.finish.rounds, certificate, alpha, w)
                order = yield from self._pick(dual, certificate.gap, seen)
                seen, goal, hold = certificate.gap, _STAGE * certificate.gap, 1
            self.finish.rounds += 1
            limits = _Limits(_SAFETY * self.finish.stop.tol, goal, _ALLOWANCE * rows.examples, hold)
            yield from self._ascend(problem, dual, order, limits)
            certificate = yield from self._measure(problem, dual)

    def _ascend(
        self, problem: CoordinateProblem, dual: Dual, order: np.ndarray, limits: _Limits
    ) -> Process:
        """Run epochs on the listed examples and what shrinking leaves of them."""
        rows, risen = self.rows, float(dual.b.sum(dtype=np.float64))
        enough = 0 if rows.dense else int(_PACKED_SHARE * rows.examples)
        if order.size > enough:
            control = yield from self._epochs(
                problem, rows.arrays, dual, order, limits, enough, risen
            )
            if control.reached(limits.target) or control.count > enough or enough == 0:
                return
            order, risen = order[: control.count], control.risen
            limits = limits._replace(allowance=limits.allowance - control.spent)
        ids = order.astype(np.int64)
        packed = yield from rows.pack(ids)
        part = dual.part(ids)
        own = np.arange(ids.size, dtype=np.int32)
        yield from self._epochs(problem, packed, part, own, limits._replace(hold=1), 0, risen)
        dual.take_in(ids, part)

    def _epochs(
        self,
        problem: CoordinateProblem,
        arrays: tuple[np.ndarray, ...],
        dual: Dual,
        order: np.ndarray,
        limits: _Limits,
        enough: int,
        risen: float,
    ) -> Process:
        """Launch epochs until the gap met, or the number of examples, is small enough.

        ``risen`` is the sum of b, of all examples.
        """
        rows = self.rows
        plan = plan_epochs(rows, order.size)
        control = Control(order.size, dual.sigma, risen)
        args = (order, self._tour, dual.arrays, dual.w, dual.replicas(plan.threads))
        args += (problem.smoothness, float(problem.intercept), plan.tile, plan.block)
        args += (int(self._rng.integers(1 << 62)),)
        args += ((*limits[:3], float(_MOST_EPOCHS), float(limits.hold), _KEEP, float(enough)),)
        yield rows.ascend(arrays, args, order.size, control)
        dual.sigma = control.sigma
        return control

    def _measure(self, problem: CoordinateProblem, dual: Dual) -> Process:
        """Measure every example against one w; return the certificate of this very state."""
        rows = self.rows
        coef, total = dual.w.astype(np.float64), np.zeros(rows.features + 4)
        yield rows.hinge_gap(rows.runs, coef, dual.arrays, total)

        def seal() -> Certificate:
            *exact, lost, gap, change = total
            self._change = change / rows.examples
            if rows.dense:
                repaired = np.asarray(exact) * problem.smoothness
                repaired[-1] *= problem.intercept
                drift = repaired - coef
                gap += 0.5 * problem.lam * float(drift @ drift)
                dual.repair(repaired)
            value = lost + 0.5 * problem.lam * float(coef @ coef)
            dual.measured(coef)
            if not math.isfinite(value) or not math.isfinite(gap):
                return Certificate(value, math.inf, math.inf, "primal-dual")
            return Certificate(value, gap, gap / value if value else math.inf, "primal-dual")

        unknown = Certificate(math.nan, math.nan, math.nan, "primal-dual")
        return (yield rows.run("certificate", seal, rows.features, "certify", nominal=unknown))

    def _pick(self, dual: Dual, gap: float, seen: float) -> Process:
        """Return the examples to visit next.

        Margins have changed by so much since they were last seen, while the gap fell from ``seen``
        to ``gap``; the distance from the optimum falls like the root of the gap.
        """
        reach = _KEEP * self._change * math.sqrt(min(gap / seen, 1.0)) if seen > 0 else 0.0
        everything = np.arange(self.rows.examples, dtype=np.int32)
        return (
            yield self.rows.run(
                "pick", lambda: dual.unsettled(reach), everything.size, "select", nominal=everything
            )
        )
