from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from hetengine.errors import DataError, UsageError
from hetengine.problems import ProblemConfig, lambda_max, make_problem
from tests.problems.reference_cd import make_data, solve


@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_zero_is_optimal_exactly_down_to_lambda_max(name, weighted, intercept) -> None:
    data = make_data(name, weighted=weighted)
    largest = lambda_max(name, data.X, data.y, data.weights, intercept, 0.3)
    for factor, empty in ((1.0001, True), (0.99, False)):
        config = ProblemConfig(name, lam=factor * largest, l1_ratio=0.3, intercept=intercept)
        problem = make_problem(config, data.X, data.y, data.weights, np.float64)
        coef, _ = problem.model(solve(problem), problem.w0)
        assert (np.abs(coef).max() < 1e-12) == empty


@pytest.mark.parametrize("form", ["C", "F", "csr", "csc", "float32", "int"])
def test_every_layout_gives_the_same(form: str) -> None:
    X = np.round(make_data("lasso").X * 4)
    y = make_data("lasso").y
    given = {
        "F": np.asfortranarray,
        "csr": scipy.sparse.csr_array,
        "csc": scipy.sparse.csc_matrix,
        "float32": np.float32,
        "int": lambda x: x.astype(int),
    }.get(form, np.asarray)(X)
    expected = np.abs(X.T @ y).max() / y.size
    assert lambda_max("lasso", given, y) == pytest.approx(expected, rel=1e-12)


def test_other_problems_use_the_lasso_convention() -> None:
    data = make_data("svm")
    expected = np.abs(data.X.T @ data.y).max() / data.y.size
    for name in ("lasso", "ridge", "svm", "squared_hinge", "logistic"):
        assert lambda_max(name, data.X, data.y) == pytest.approx(expected)
    assert lambda_max("elastic_net", data.X, data.y, l1_ratio=0.25) == pytest.approx(4 * expected)


def test_an_unknown_problem_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'lasso'"):
        lambda_max("laso", np.eye(2), [1.0, 2.0])


@pytest.mark.parametrize(
    ("weights", "match"),
    [([1.0], "one entry"), ([1.0, -1.0], r"weights\[1\]=-1"), ([0.0, 0.0], "all example weights")],
)
def test_bad_weights_are_refused(weights, match: str) -> None:
    with pytest.raises(DataError, match=match):
        lambda_max("lasso", np.eye(2), [1.0, 2.0], weights)
