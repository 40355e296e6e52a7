"""Optima against scikit-learn run to convergence, weights and intercept included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from hetengine.problems import CoordinateProblem
from tests.problems.reference_cd import build, make_data, snapshot, solve

LAM = 0.08
ROWS = 24


def fitted(problem: CoordinateProblem) -> tuple[np.ndarray, float]:
    alpha = solve(problem, tol=1e-13)
    return problem.model(alpha, snapshot(problem, alpha)[0])


def assert_same(problem: CoordinateProblem, model: Any, *, tol: float = 1e-6) -> None:
    coef, constant = fitted(problem)
    np.testing.assert_allclose(coef, np.ravel(model.coef_), atol=tol)
    assert constant == pytest.approx(float(np.ravel(model.intercept_)[0]), abs=tol)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
def test_l1_problems(name: str, sparse: bool, weighted: bool, intercept: bool) -> None:
    data = make_data(name, sparse=sparse, weighted=weighted)
    options = {"alpha": LAM, "fit_intercept": intercept, "tol": 1e-12, "max_iter": 100_000}
    model = Lasso(**options) if name == "lasso" else ElasticNet(l1_ratio=0.3, **options)
    model.fit(data.X, data.y, sample_weight=data.weights)
    problem = build(
        name, lam=LAM, l1_ratio=0.3, sparse=sparse, weighted=weighted, intercept=intercept
    )
    assert_same(problem, model)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("side", "intercept"), [("primal", False), ("primal", True), ("dual", False)]
)
def test_ridge(side: str, intercept: bool, weighted: bool) -> None:
    data = make_data("ridge", weighted=weighted)
    weights = np.ones(ROWS) if data.weights is None else data.weights / data.weights.mean()
    model = Ridge(alpha=LAM * ROWS, fit_intercept=intercept)
    model.fit(data.X, data.y, sample_weight=weights)
    assert_same(build("ridge", side, lam=LAM, weighted=weighted, intercept=intercept), model)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "loss", "factor"), [("svm", "hinge", 1.0), ("squared_hinge", "squared_hinge", 0.5)]
)
def test_support_vector_machines(name, loss, factor, weighted, intercept) -> None:
    data = make_data(name, weighted=weighted)
    weights = np.ones(ROWS) if data.weights is None else data.weights / data.weights.mean()
    options: dict[str, Any] = {"dual": True, "tol": 1e-9, "max_iter": 1_000_000}
    model = LinearSVC(loss=loss, C=factor / (LAM * ROWS), fit_intercept=intercept, **options)
    model.fit(data.X, data.y, sample_weight=weights)
    problem = build(name, lam=LAM, weighted=weighted, intercept=intercept)
    assert_same(problem, model, tol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_logistic(weighted: bool, intercept: bool) -> None:
    data = make_data("logistic", weighted=weighted)
    weights = np.ones(ROWS) if data.weights is None else data.weights / data.weights.mean()
    # liblinear regularises its intercept as this engine's dual side does.
    model = LogisticRegression(
        C=1 / (LAM * ROWS), fit_intercept=intercept, solver="liblinear", tol=1e-12, max_iter=10_000
    ).fit(data.X, data.y, sample_weight=weights)
    assert_same(build("logistic", lam=LAM, weighted=weighted, intercept=intercept), model, tol=1e-5)


def test_float32_data_are_solved_as_they_are_rounded() -> None:
    data = make_data("lasso")
    rounded = data.X.astype(np.float32).astype(np.float64)
    model = Lasso(alpha=LAM, fit_intercept=False, tol=1e-12).fit(rounded, data.y)
    assert_same(build("lasso", lam=LAM, dtype=np.float32), model)
