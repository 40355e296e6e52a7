"""The matrix by row is the same matrix as the one by coordinate."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import scipy.sparse

from hetengine.problems import ProblemConfig, make_problem
from hetengine.problems.config import SIDES

CASES = [(name, side) for name, sides in SIDES.items() for side in sides]
CLASSIFIERS = ("svm", "squared_hinge", "logistic")


@pytest.mark.parametrize(("name", "side"), CASES)
@pytest.mark.parametrize("layout", ["C", "F", "sparse"])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_products_are_those_of_columns(
    name: str, side: str, layout: str, intercept: bool, weighted: bool
) -> None:
    if name == "ridge" and side == "dual" and intercept:
        pytest.skip("would penalise the constant")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 8)) * (rng.random((30, 8)) < 0.5)
    y = np.sign(rng.normal(size=30)) if name in CLASSIFIERS else rng.normal(size=30)
    weights = rng.integers(0, 3, size=30).astype(float) if weighted else None
    data = scipy.sparse.csr_array(X) if layout == "sparse" else np.array(X, order=layout)  # type: ignore[arg-type]
    config = ProblemConfig(name, lam=0.1, side=side, intercept=intercept)
    rows, columns = (
        make_problem(config, data, y, weights, np.float64, by_row) for by_row in (True, False)
    )
    alpha, w = rng.normal(size=rows.count), rng.normal(size=rows.length)
    assert (rows.count, rows.length) == (columns.count, columns.length)
    assert rows.columns.dot(w) == pytest.approx(columns.columns.dot(w))
    assert rows.columns.combine(alpha) == pytest.approx(columns.columns.combine(alpha))
    assert rows.columns.square_norms() == pytest.approx(columns.columns.square_norms())
    assert rows.target == pytest.approx(columns.target)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", ["lasso", "logistic"])
def test_the_data_are_not_copied(order: Literal["C", "F"], name: str) -> None:
    X = np.ones((50, 7), np.float32, order)
    y = np.where(np.arange(50) % 2, 1.0, -1.0)
    problem = make_problem(ProblemConfig(name, lam=0.1, intercept=True), X, y, by_row=True)
    assert np.shares_memory(problem.columns.rows.values, X)  # type: ignore[union-attr]


def test_what_picks_examples_gets_them_by_row() -> None:
    X = np.ones((50, 7), np.float32, "F")
    y = np.where(np.arange(50) % 2, 1.0, -1.0)
    problem = make_problem(ProblemConfig("svm", lam=0.1), X, y, by_row=True)
    assert problem.columns.rows.values.shape == (50, 7)  # type: ignore[union-attr]
