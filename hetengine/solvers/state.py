"""The solver's state on the host: arrays and numbers only, and the vector steps that change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hetengine.problems import CoordinateProblem, Kind
from hetengine.solvers.outcome import Outcome
from hetengine.solvers.worker import Worker

_BOUNDARY = 1e-6  # relative to c; alpha comes back rounded to float32
_EPSILONS = 64.0


@dataclass
class State:
    """Everything DuHL knows at the end of a round.

    Attributes
    ----------
    alpha : ndarray, shape (n,)
        Coordinates.
    w : ndarray, shape (d,)
        Shared vector, float64.
    objective : float
        O(alpha), what descent must not raise.
    rounds : int
        Rounds done.
    damping : float
        Factor on sigma'; doubled whenever the objective rose.
    backoffs : int
        Rounds in a row that had to be taken back.
    settled : ndarray of bool, shape (n,)
        Coordinates whose optimal value is certified and held.
    curvature : ndarray, shape (n,)
        h_i = L ||a_i||^2.
    square_norms : ndarray, shape (n,)
        ||a_i||^2.
    """

    alpha: np.ndarray
    w: np.ndarray
    objective: float
    settled: np.ndarray
    square_norms: np.ndarray
    curvature: np.ndarray
    rounds: int = 0
    damping: float = 1.0
    backoffs: int = 0
    before: tuple[np.ndarray, np.ndarray] = field(default=(np.empty(0), np.empty(0)))

    @classmethod
    def start(cls, problem: CoordinateProblem) -> State:
        """Return the state at alpha = 0."""
        alpha, w = problem.initial_alpha(), problem.w0.copy()
        n = alpha.size
        return cls(
            alpha=alpha,
            w=w,
            objective=problem.objective(alpha, w),
            settled=np.zeros(n, bool),
            square_norms=np.zeros(n),
            curvature=np.zeros(n),
        )

    def restate(self, problem: CoordinateProblem, solved: Outcome, scale: float) -> None:
        """Start anew at the solution of another strength of the penalty.

        Parameters
        ----------
        problem : CoordinateProblem
            What is to be solved now.
        solved : Outcome
            The solution; its arrays are not written to.
        scale : float
            By how much w grows for the same alpha.
        """
        self.alpha = np.array(problem.project(solved.alpha))
        self.w = scale * solved.w
        self.objective = problem.objective(self.alpha, self.w)
        self.settled = np.zeros(self.alpha.size, bool)
        self.curvature = problem.smoothness * self.square_norms
        self.backoffs = 0

    def take_in(self, workers: Sequence[Worker], gaps: np.ndarray, sigma: float) -> None:
        """Add what the workers found: their alpha, the gaps they met, and their change of w.

        Each worker's w moved by sigma' times its share, so the changes are divided by sigma'
        (CoCoA+, Ma et al. 2015).
        """
        self.before = (self.alpha.copy(), self.w.copy())
        for worker in workers:
            found = worker.results
            ids, slots = worker.placement
            self.alpha[ids] = found["alpha"][slots]
            gaps[ids] = found["gap"][slots]
            self.w += (found["w"].astype(np.float64) - worker.sent) / sigma

    def accept(self, problem: CoordinateProblem) -> str | None:
        """Keep the round if the objective did not rise; otherwise take it back and damp.

        Returns
        -------
        str or None
            What to log if the round was taken back.
        """
        objective = problem.objective(self.alpha, self.w)
        epsilon = float(np.finfo(problem.columns.dtype).eps)
        slack = _EPSILONS * epsilon * max(abs(self.objective), abs(problem.smooth_value(self.w)))
        if objective <= self.objective + slack:
            self.objective, self.backoffs = objective, 0
            return None
        self.alpha, self.w = self.before
        self.damping *= 2.0
        self.backoffs += 1
        return (
            f"round {self.rounds}: objective rose from {self.objective:.9g} to {objective:.9g}; "
            f"round taken back, steps damped by {self.damping:g}"
        )

    def moving(self, problem: CoordinateProblem) -> np.ndarray:
        """Return which coordinates must stay resident: the support, without bounded hinge duals."""
        if problem.kind != Kind.HINGE:
            return self.alpha != 0.0
        b, c = problem.p * self.alpha, problem.q
        return (b > _BOUNDARY * c) & (b < (1.0 - _BOUNDARY) * c)
