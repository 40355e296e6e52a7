"""scikit-learn-intelex: oneDAL behind scikit-learn's names."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, counts


def _logistic(problem: Problem, threads: int) -> Fit:
    models = import_module("sklearnex.linear_model")
    strength = 1.0 / (problem.lam * problem.rows)

    def fit(iterations: float) -> np.ndarray:
        model = models.LogisticRegression(
            C=strength, solver="lbfgs", tol=1e-14, max_iter=int(iterations), fit_intercept=False
        )
        return model.fit(problem.X, problem.y).coef_

    return fit


def _ridge(problem: Problem, threads: int) -> Fit:
    models = import_module("sklearnex.linear_model")

    def fit(_: float) -> np.ndarray:
        model = models.Ridge(alpha=problem.lam * problem.rows, fit_intercept=False, copy_X=False)
        return model.fit(problem.X, problem.y).coef_

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""
    names, dense = ("sklearnex", "scikit-learn-intelex"), ("dense",)
    return [
        Entry(
            "sklearnex lbfgs", *names, ("logistic",), "float32", counts(2000), _logistic, (1, 2),
            dense, True,
        ),
        Entry("sklearnex Ridge", *names, ("ridge",), "float32", (1.0,), _ridge, (1, 2), dense),
    ]  # fmt: skip
