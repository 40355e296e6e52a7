"""scikit-learn: coordinate descent, L-BFGS, conjugate gradients, Cholesky, LIBLINEAR's dual."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.problems import Problem
from benchmarks.peers.solvers.entry import Entry, Fit, counts, tolerances


def _lasso(problem: Problem, precompute: bool) -> Fit:
    from sklearn.linear_model import Lasso

    X: Any = problem.X.tocsc() if problem.sparse else np.asfortranarray(problem.X)

    def fit(tol: float) -> np.ndarray:
        model = Lasso(
            alpha=problem.lam, tol=tol, fit_intercept=False, max_iter=100_000, copy_X=False,
            precompute=precompute,
        )  # fmt: skip
        return model.fit(X, problem.y).coef_

    return fit


def _logistic(problem: Problem, solver: str) -> Fit:
    from sklearn.linear_model import LogisticRegression

    strength = 1.0 / (problem.lam * problem.rows)

    def fit(iterations: float) -> np.ndarray:
        model = LogisticRegression(
            C=strength, solver=solver, tol=1e-14, max_iter=int(iterations), fit_intercept=False
        )
        return model.fit(problem.X, problem.y).coef_

    return fit


def _svc(problem: Problem, threads: int) -> Fit:
    from sklearn.svm import LinearSVC

    X, strength = problem.X.astype(np.float64), 1.0 / (problem.lam * problem.rows)

    def fit(iterations: float) -> np.ndarray:
        model = LinearSVC(
            loss="hinge", C=strength, tol=1e-12, max_iter=int(iterations), fit_intercept=False,
            dual=True, random_state=0,  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
        return model.fit(X, problem.y).coef_

    return fit


def _ridge(problem: Problem, solver: str) -> Fit:
    from sklearn.linear_model import Ridge

    once = solver == "cholesky"

    def fit(iterations: float) -> np.ndarray:
        model = Ridge(
            alpha=problem.lam * problem.rows, solver=solver, fit_intercept=False, copy_X=False,
            max_iter=None if once else int(iterations), tol=1e-14,
        )  # fmt: skip
        return model.fit(problem.X, problem.y).coef_

    return fit


def entries() -> list[Entry]:
    """Return what this module offers."""
    names = ("sklearn", "scikit-learn")
    falling, growing, both = tolerances(1e-1, 1e-9), counts(2000), (1, 2)

    def entry(name: str, kind: str, dtype: str, ladder: Any, prepare: Any, **options: Any) -> Entry:
        return Entry(f"scikit-learn {name}", *names, (kind,), dtype, ladder, prepare, **options)

    def logistic(solver: str) -> Entry:
        return entry(
            solver, "logistic", "float32", growing, lambda p, _: _logistic(p, solver),
            threads=both, whole=True,
        )  # fmt: skip

    def ridge(solver: str, ladder: tuple[float, ...]) -> Entry:
        return entry(
            solver, "ridge", "float32", ladder, lambda p, _: _ridge(p, solver), threads=both,
            whole=True,
        )  # fmt: skip

    return [
        entry("Lasso", "lasso", "float32", falling, lambda p, _: _lasso(p, False)),
        entry(
            "Lasso, Gram",
            "lasso",
            "float32",
            falling,
            lambda p, _: _lasso(p, True),
            threads=both,
            layouts=("dense",),
        ),
        logistic("lbfgs"),
        logistic("newton-cg"),
        entry("LinearSVC", "svm", "float64", growing, _svc, whole=True),
        ridge("sparse_cg", growing),
        ridge("lsqr", growing),
        ridge("cholesky", (1.0,)),
    ]
