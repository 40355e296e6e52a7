"""This project, through `hetengine.fit` as a user calls it."""

from __future__ import annotations

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, tolerances


def _prepare(problem: Problem, threads: int) -> Fit:
    import hetengine

    def fit(tol: float):
        return hetengine.fit(
            problem.X, problem.y, problem.kind, lam=problem.lam, tol=tol, threads=threads
        ).w

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""
    kinds = ("lasso", "ridge", "svm", "logistic")
    ladder = tolerances(1e2, 1e-8)
    return [
        Entry("hetengine", "hetengine", "hetengine", kinds, "float32", ladder, _prepare, (1, 2))
    ]
