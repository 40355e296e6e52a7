"""celer and skglm: working sets, with dual extrapolation and with Anderson acceleration."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, tolerances

_LOOSEST_AND_TIGHTEST = {"celer": (1e-1, 1e-9), "skglm": (1e1, 1e-8)}


def _prepare(library: str, problem: Problem) -> Fit:
    lasso = import_module(library).Lasso
    X = problem.X.tocsc() if problem.sparse else np.asfortranarray(problem.X)

    def fit(tol: float) -> np.ndarray:
        return lasso(alpha=problem.lam, tol=tol, fit_intercept=False).fit(X, problem.y).coef_

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""

    def entry(name: str, loosest: float, tightest: float) -> Entry:
        def prepare(problem: Problem, threads: int) -> Fit:
            return _prepare(name, problem)

        return Entry(
            name, name, name, ("lasso",), "float32", tolerances(loosest, tightest), prepare
        )

    return [entry(name, *ends) for name, ends in _LOOSEST_AND_TIGHTEST.items()]
