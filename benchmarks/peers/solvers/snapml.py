"""Snap ML: coordinate descent in C++, primal and dual; proprietary."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, counts


def _prepare(problem: Problem, threads: int, dual: bool | None) -> Fit:
    names = {
        "svm": "SupportVectorMachine",
        "logistic": "LogisticRegression",
        "ridge": "LinearRegression",
        "lasso": "LinearRegression",
    }
    make = getattr(import_module("snapml"), names[problem.kind])
    options: dict[str, Any] = {} if dual is None else {"dual": dual}
    if problem.kind == "lasso":
        options["penalty"] = "l1"
    X = problem.X
    if dual is False:
        X = X.tocsc() if problem.sparse else np.asfortranarray(X)

    def fit(iterations: float) -> np.ndarray:
        model = make(
            max_iter=int(iterations), regularizer=problem.lam * problem.rows, n_jobs=threads,
            tol=0.0, fit_intercept=False, random_state=0, **options,
        )  # fmt: skip
        model.fit(X, problem.y)
        return np.asarray(model.coef_)

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""

    def entry(name: str, kinds: tuple[str, ...], dual: bool | None) -> Entry:
        return Entry(
            name, "snapml", "snapml", kinds, "float32", counts(3000),
            lambda problem, threads: _prepare(problem, threads, dual), (1, 2), whole=True,
        )  # fmt: skip

    return [
        entry("Snap ML", ("svm",), None),
        entry("Snap ML primal", ("logistic", "ridge", "lasso"), False),
        entry("Snap ML dual", ("logistic",), True),
    ]
