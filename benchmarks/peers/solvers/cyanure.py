"""Cyanure: QNing and Catalyst over variance-reduced gradients, in C++."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, counts


def _prepare(problem: Problem, threads: int) -> Fit:
    estimators = import_module("cyanure.estimators")
    make = estimators.Classifier if problem.kind == "logistic" else estimators.Regression
    loss = {"loss": "logistic"} if problem.kind == "logistic" else {}
    penalty = "l1" if problem.kind == "lasso" else "l2"

    def fit(iterations: float) -> np.ndarray:
        model = make(
            **loss, penalty=penalty, lambda_1=problem.lam, fit_intercept=False, tol=1e-12,
            max_iter=int(iterations), duality_gap_interval=int(iterations), verbose=False,
            n_threads=threads,
        )  # fmt: skip
        return model.fit(problem.X, problem.y).coef_

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""
    return [
        Entry(
            "Cyanure", "cyanure", "cyanure", ("lasso", "ridge", "logistic"), "float32",
            counts(1000), _prepare, (1, 2), whole=True,
        )
    ]  # fmt: skip
