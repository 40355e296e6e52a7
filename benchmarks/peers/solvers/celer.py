"""celer: working sets with dual extrapolation."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, tolerances


def _prepare(problem: Problem, threads: int) -> Fit:
    lasso = import_module("celer").Lasso
    X = problem.X.tocsc() if problem.sparse else np.asfortranarray(problem.X)

    def fit(tol: float) -> np.ndarray:
        return lasso(alpha=problem.lam, tol=tol, fit_intercept=False).fit(X, problem.y).coef_

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""
    return [
        Entry("celer", "celer", "celer", ("lasso",), "float32", tolerances(1e-1, 1e-9), _prepare)
    ]
