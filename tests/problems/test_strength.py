"""The same problem at another lambda."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hetengine.errors import UsageError
from hetengine.problems import ProblemConfig, at_strength, make_problem

RNG = np.random.default_rng(0)
X, TARGET = RNG.standard_normal((30, 8)), RNG.standard_normal(30)
SIGNS = np.where(TARGET > 0, 1.0, -1.0)


@pytest.mark.parametrize(
    "name", ["lasso", "elastic_net", "ridge", "svm", "squared_hinge", "logistic"]
)
@pytest.mark.parametrize("intercept", [False, True])
def test_it_is_the_problem_made_anew_over_the_same_matrix(name: str, intercept: bool) -> None:
    y = SIGNS if name in ("svm", "squared_hinge", "logistic") else TARGET
    options = {"intercept": intercept, "l1_ratio": 0.3}
    first = make_problem(ProblemConfig(name, lam=0.7, **options), X, y, dtype=np.float64)
    fresh = make_problem(ProblemConfig(name, lam=0.02, **options), X, y, dtype=np.float64)
    moved = at_strength(first, 0.02)
    assert moved.columns is first.columns
    for field in ("lam", "l1", "l2", "smoothness", "p", "q", "w0", "target"):
        np.testing.assert_allclose(getattr(moved, field), getattr(fresh, field), err_msg=field)
    np.testing.assert_array_equal(moved.pinned, fresh.pinned)


@pytest.mark.parametrize("name", ["lasso", "svm", "logistic"])
def test_alpha_stays_feasible_and_its_shared_vector_scales(name: str) -> None:
    y = TARGET if name == "lasso" else SIGNS
    first = make_problem(ProblemConfig(name, lam=0.7), X, y, dtype=np.float64)
    moved = at_strength(first, 0.1)
    alpha = first.project(RNG.standard_normal(first.count))
    np.testing.assert_array_equal(moved.project(alpha), alpha)
    scale = moved.smoothness / first.smoothness
    np.testing.assert_allclose(moved.shared_vector(alpha), scale * first.shared_vector(alpha))


@pytest.mark.parametrize(
    ("dtype", "lam"), [("float32", 1e-20), ("float32", 1e39), ("float64", 1e-31)]
)
def test_a_lambda_that_cannot_be_computed_with_is_refused(dtype: str, lam: float) -> None:
    told = re.escape(f"problem.lam={lam:g} cannot be solved for in {dtype}")
    with pytest.raises(UsageError, match=told):
        make_problem(ProblemConfig("svm", lam=lam), X, SIGNS, dtype=dtype)
    first = make_problem(ProblemConfig("svm", lam=1e-12), X, SIGNS, dtype=dtype)
    with pytest.raises(UsageError, match=told):
        at_strength(first, lam)
