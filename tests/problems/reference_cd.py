"""Plain NumPy coordinate descent and small data sets, to test the reference maths with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from hetengine.problems import (
    Certificate,
    CoordinateProblem,
    ProblemConfig,
    certify,
    coordinate_update,
    make_problem,
)

#: Every problem on every side.
CASES = [
    ("lasso", "primal"),
    ("elastic_net", "primal"),
    ("ridge", "primal"),
    ("ridge", "dual"),
    ("svm", "dual"),
    ("squared_hinge", "dual"),
    ("logistic", "dual"),
]

REGRESSION = ("lasso", "elastic_net", "ridge")


@dataclass
class Data:
    X: Any
    y: np.ndarray
    weights: np.ndarray | None


def make_data(
    name: str,
    *,
    rows: int = 24,
    features: int = 12,
    sparse: bool = False,
    weighted: bool = False,
    seed: int = 0,
) -> Data:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, features)) + 0.3
    if sparse:
        X *= rng.random(X.shape) < 0.5
    truth = rng.normal(size=features) * (rng.random(features) < 0.5)
    y = X @ truth + 0.5 * rng.normal(size=rows) + 0.7
    if name not in REGRESSION:
        y = np.where(y > np.median(y), 1.0, -1.0)
    weights = rng.integers(1, 4, size=rows).astype(float) if weighted else None
    return Data(scipy.sparse.csr_array(X) if sparse else X, y, weights)


def build(
    name: str,
    side: str = "auto",
    *,
    lam: float = 0.05,
    intercept: bool = False,
    dtype: type = np.float64,
    l1_ratio: float = 0.5,
    **kwargs: Any,
) -> CoordinateProblem:
    data = make_data(name, **kwargs)
    config = ProblemConfig(name, lam=lam, side=side, intercept=intercept, l1_ratio=l1_ratio)
    return make_problem(config, data.X, data.y, data.weights, dtype)


def dense_columns(problem: CoordinateProblem) -> np.ndarray:
    """Return A^T, (n, d), one column at a time through the public interface."""
    return np.array([problem.columns.combine(unit) for unit in np.eye(problem.count)])


def snapshot(
    problem: CoordinateProblem, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Certificate]:
    w = problem.shared_vector(alpha)
    u = problem.columns.dot(w)
    return w, u, certify(problem, alpha, w, u)


def iterates(
    problem: CoordinateProblem, epochs: int, alpha: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield alpha before every epoch of cyclic coordinate descent, and at the end."""
    columns = dense_columns(problem)
    curvature = problem.smoothness * (columns**2).sum(axis=1)
    alpha = problem.initial_alpha() if alpha is None else alpha.copy()
    w = problem.shared_vector(alpha)
    for _ in range(epochs):
        yield alpha.copy()
        for i in range(problem.count):
            fresh = coordinate_update(
                problem.kind,
                alpha[i],
                columns[i] @ w,
                curvature[i],
                problem.p[i],
                problem.q[i],
            )
            w += problem.smoothness * (float(fresh) - alpha[i]) * columns[i]
            alpha[i] = fresh
        w = problem.shared_vector(alpha)
    yield alpha


def solve(problem: CoordinateProblem, *, tol: float = 1e-11, epochs: int = 1500) -> np.ndarray:
    """Return alpha with a certified relative gap of tol."""
    alpha = problem.initial_alpha()
    for _ in range(0, epochs, 25):
        *_, alpha = iterates(problem, 25, alpha)
        if snapshot(problem, alpha)[2].relative_gap <= tol:
            return alpha
    raise AssertionError(f"no convergence: {snapshot(problem, alpha)[2]}")


def random_alpha(problem: CoordinateProblem, seed: int = 0) -> np.ndarray:
    """Return feasible coordinates, some of them exactly at their bounds."""
    rng = np.random.default_rng(seed)
    share = rng.random(problem.count)
    share = np.where(rng.random(problem.count) < 0.3, np.round(share), share)
    if problem.name in REGRESSION:
        return (share - 0.5) * 0.2
    return problem.p * problem.q * share
