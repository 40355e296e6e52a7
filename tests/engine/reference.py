"""Objectives by their formulas, and their optima by scikit-learn in float64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from hetengine.config import ModeConfig, RunConfig, TopologyConfig
from hetengine.data.config import DataConfig
from hetengine.data.dataset import Dataset
from hetengine.engine.linear import run
from hetengine.problems import ProblemConfig
from hetengine.record.recorder import Recorder
from hetengine.result import Result
from hetengine.solvers.config import DuhlConfig
from tests.solvers.harness import make_data, topology

PROBLEMS = ("lasso", "elastic_net", "ridge", "svm", "squared_hinge", "logistic")
LAM, L1_RATIO = 0.05, 0.5
DUAL = ("svm", "squared_hinge", "logistic")


@dataclass
class Model:
    """Coefficients and a constant."""

    coef: np.ndarray
    intercept: float = 0.0


def objective(
    name: str, lam: float, X: Any, y: np.ndarray, model: Model, weights: np.ndarray | None = None
) -> float:
    """The user's objective, in float64; the intercept of a classifier is penalised."""
    scores = np.asarray(X @ model.coef, np.float64) + model.intercept
    squares = float(model.coef @ model.coef)
    if name in ("lasso", "elastic_net", "ridge"):
        losses = 0.5 * (scores - y) ** 2
        share = {"lasso": 1.0, "elastic_net": L1_RATIO, "ridge": 0.0}[name]
        penalty = lam * (share * np.abs(model.coef).sum() + (1 - share) / 2 * squares)
    else:
        margins = y * scores
        losses = {
            "svm": np.maximum(0.0, 1 - margins),
            "squared_hinge": 0.5 * np.maximum(0.0, 1 - margins) ** 2,
            "logistic": np.logaddexp(0.0, -margins),
        }[name]
        penalty = lam / 2 * (squares + model.intercept**2)
    return float(np.average(losses, weights=weights) + penalty)


def estimator(name: str, lam: float, rows: int, intercept: bool) -> Any:
    """The scikit-learn estimator of the same objective, run to convergence."""
    tight: dict[str, Any] = {"tol": 1e-13, "max_iter": 1_000_000}
    svc: Any = LinearSVC  # SciKit-learn's own annotations say that dual is a string
    careful: dict[str, Any] = tight | {"tol": 1e-10}
    if name == "lasso":
        return Lasso(lam, fit_intercept=intercept, **tight)
    if name == "elastic_net":
        return ElasticNet(lam, l1_ratio=L1_RATIO, fit_intercept=intercept, **tight)
    if name == "ridge":
        return Ridge(rows * lam, fit_intercept=intercept, solver="lsqr", **tight)
    if name == "svm":
        return svc(loss="hinge", C=1 / (lam * rows), fit_intercept=False, **careful)
    if name == "squared_hinge":
        return svc(C=1 / (2 * lam * rows), dual=True, fit_intercept=False, **careful)
    return LogisticRegression(
        C=1 / (lam * rows), solver="newton-cg", fit_intercept=False, tol=1e-10, max_iter=10_000
    )


def optimum(
    name: str,
    lam: float,
    X: Any,
    y: np.ndarray,
    intercept: bool = False,
    weights: np.ndarray | None = None,
) -> Model:
    """Fit with scikit-learn; a classifier's constant is one more column of ones."""
    scale = None if weights is None else weights / weights.mean()
    fitted = estimator(name, lam, y.size, intercept)
    if name not in DUAL:
        fitted.fit(X, y, sample_weight=scale)
        return Model(
            np.ravel(fitted.coef_), float(np.ravel(fitted.intercept_)[0]) if intercept else 0.0
        )
    if intercept:
        ones = np.ones((y.size, 1))
        X = scipy.sparse.hstack([X, ones]) if scipy.sparse.issparse(X) else np.hstack([X, ones])
    coef = np.ravel(fitted.fit(X, y, sample_weight=scale).coef_)
    return Model(coef[:-1], float(coef[-1])) if intercept else Model(coef)


@cache
def best(name: str, sparse: bool) -> float:
    """Optimal objective of the small data set."""
    X, y = make_data(name, sparse)
    return objective(name, LAM, X, y, optimum(name, LAM, X, y))


def train(
    name: str,
    X: Any,
    y: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    lam: float = LAM,
    mode: str = "execute",
    machine: TopologyConfig | None = None,
    precision: str = "float64",
    tol: float = 1e-9,
    max_rounds: int = 10_000,
    intercept: bool = False,
    side: str = "auto",
    **settings: Any,
) -> tuple[Result, Recorder]:
    """Train on arrays, without the command line's way of saying what."""
    recorder = Recorder()
    matrix = X.astype(precision)
    config = RunConfig(
        problem=ProblemConfig(name, lam=lam, intercept=intercept, side=side),
        data=DataConfig(),
        topology=machine or topology(),
        solver=DuhlConfig(**settings),
        mode=ModeConfig(mode),
        precision=precision,
        tol=tol,
        max_rounds=max_rounds,
    )
    return run(config, recorder, Dataset("small", matrix, y, weights)), recorder
