from __future__ import annotations

import numpy as np
import pytest

from hetengine.errors import DataError, UsageError
from hetengine.problems import (
    Kind,
    ProblemConfig,
    ShapeColumns,
    lambda_max,
    make_problem,
    make_shape_problem,
)
from tests.problems.reference_cd import CASES, make_data


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"name": "laso"}, "did you mean 'lasso'"),
        ({"lam": 0.0}, "problem.lam=0.0 must be finite and greater than 0"),
        ({"lam": float("nan")}, "lam=nan"),
        ({"lam_ratio": -1.0}, "problem.lam_ratio=-1.0"),
        ({"lam": 1.0, "lam_ratio": 0.1}, "problem.lam_ratio=null"),
        ({"l1_ratio": 0.0}, r"in \(0, 1\]"),
        ({"l1_ratio": 1.5}, "l1_ratio=1.5"),
        ({"name": "lasso", "side": "dual"}, "allowed: auto, primal"),
        ({"name": "svm", "side": "primal"}, "allowed: auto, dual"),
        ({"name": "ridge", "side": "both"}, "allowed: auto, primal, dual"),
        ({"name": "ridge", "side": "dual", "intercept": True}, "problem.side=primal"),
    ],
)
def test_bad_values_are_refused_on_one_line(options, match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        ProblemConfig(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "columns", "intercept", "side"),
    [(5, 5, False, "primal"), (5, 9, False, "dual"), (5, 9, True, "primal")],
)
def test_auto_side_of_ridge(rows: int, columns: int, intercept: bool, side: str) -> None:
    assert ProblemConfig("ridge", intercept=intercept).side_for(rows, columns) == side


def test_auto_side_is_the_only_one_elsewhere() -> None:
    assert ProblemConfig("lasso").side_for(2, 9) == "primal"
    assert ProblemConfig("logistic").side_for(9, 2) == "dual"


@pytest.mark.parametrize(
    ("name", "y", "match"),
    [
        ("lasso", np.ones(3), "one label for each of 24 rows"),
        ("lasso", np.full(24, np.nan), r"y\[0\]=nan"),
        ("svm", np.arange(24.0), r"y\[0\]=0 does not fit svm; allowed: -1 and \+1"),
    ],
)
def test_labels_that_do_not_fit_are_refused(name: str, y, match: str) -> None:
    with pytest.raises(DataError, match=match):
        make_problem(ProblemConfig(name, lam=0.1), make_data("lasso").X, y)


def test_lam_ratio_is_resolved_and_has_a_default() -> None:
    data = make_data("lasso")
    largest = lambda_max("lasso", data.X, data.y)
    ratio = make_problem(ProblemConfig("lasso", lam_ratio=0.25), data.X, data.y)
    assert ratio.lam == pytest.approx(0.25 * largest)
    assert make_problem(ProblemConfig("lasso"), data.X, data.y).lam == pytest.approx(0.1 * largest)


def test_lam_ratio_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"set problem\.lam"):
        make_problem(ProblemConfig("lasso", lam_ratio=0.1), np.zeros((3, 2)), np.ones(3))


def test_elastic_net_with_only_l1_is_the_lasso() -> None:
    data = make_data("lasso")
    net = make_problem(ProblemConfig("elastic_net", lam=0.1, l1_ratio=1.0), data.X, data.y)
    assert net.needs_bound
    assert net.l1 == 0.1


@pytest.mark.parametrize("weights", [2.0, 17.0])
def test_equal_weights_change_nothing(weights: float) -> None:
    for name, side in CASES:
        data, config = make_data(name), ProblemConfig(name, lam=0.1, side=side)
        plain = make_problem(config, data.X, data.y, None, np.float64)
        same = make_problem(config, data.X, data.y, np.full(24, weights), np.float64)
        np.testing.assert_allclose(plain.p, same.p)
        np.testing.assert_allclose(plain.q, same.q)
        np.testing.assert_allclose(plain.w0, same.w0)


@pytest.mark.parametrize(("name", "side"), CASES)
@pytest.mark.parametrize("intercept", [False, True])
def test_shape_problems_have_the_sizes_of_real_ones(name, side, intercept) -> None:
    if name == "ridge" and side == "dual" and intercept:
        pytest.skip("a dual ridge has no unpenalised intercept")
    data = make_data(name)
    config = ProblemConfig(name, lam=0.1, side=side, intercept=intercept)
    real, shape = make_problem(config, data.X, data.y), make_shape_problem(config, 24, 12)
    assert isinstance(shape.columns, ShapeColumns)
    for key in ("name", "side", "kind", "smoothness", "lam", "l1", "l2", "rows", "features"):
        assert getattr(real, key) == getattr(shape, key), key
    for key in ("p", "q", "w0", "pinned"):
        assert getattr(real, key).shape == getattr(shape, key).shape, key
    assert real.columns.nbytes == shape.columns.nbytes


def test_sparse_shape_problem_needs_no_lam() -> None:
    problem = make_shape_problem(ProblemConfig("svm"), 10**6, 10**5, 1e-3)
    assert problem.kind is Kind.HINGE
    assert problem.columns.layout == "sparse"
    assert problem.columns.nnz == 10**8
