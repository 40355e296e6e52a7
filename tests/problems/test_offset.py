"""Features far from 0: the same optimum as in float64, in any layout and on either path."""

import numpy as np
import pytest
import scipy.sparse

import hetengine
from hetengine.problems import ProblemConfig, make_problem
from hetengine.problems.offset import feature_offsets, moved

ROWS, FEATURES, LAM = 600, 12, 0.05
SHARES = {"lasso": 1.0, "elastic_net": 0.5, "ridge": 0.0}


def _data(ratio, rows=ROWS, features=FEATURES):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((rows, features)) + ratio * (np.arange(features) % 3 == 0)
    X = X.astype(np.float32)
    centred = X - X.mean(axis=0, dtype=np.float64)
    y = centred[:, :5] @ rng.standard_normal(5) + rng.standard_normal(rows)
    return X, y.astype(np.float32)


def _objective(name, X, y, result):
    residual = X.astype(np.float64) @ result.w + result.intercept - y
    share, w = SHARES[name], result.w
    penalty = share * np.abs(w).sum() + 0.5 * (1 - share) * float(w @ w)
    return 0.5 * float(np.mean(residual**2)) + LAM * penalty


def _fit(name, X, y, *overrides):
    wanted = ["tol=1e-5", *overrides]
    return hetengine.fit(X, y, problem=name, lam=LAM, intercept=True, overrides=wanted)


def _centred_optimum(name, X, y):
    """Return the optimum of centred data in float64, which has the same objective."""
    exact = X.astype(np.float64)
    centred = exact - exact.mean(axis=0)
    result = _fit(name, centred, y.astype(np.float64))
    assert result.status == "converged"
    return result.objective


@pytest.mark.parametrize("ratio", [20, 200, 2000])
@pytest.mark.parametrize("name", ["lasso", "elastic_net", "ridge"])
def test_float32_reaches_the_optimum_of_float64(name, ratio):
    X, y = _data(ratio)
    best = _centred_optimum(name, X, y)
    for data in (X, np.asfortranarray(X), scipy.sparse.csr_array(X)):
        result = _fit(name, data, y)
        assert result.status == "converged"
        assert _objective(name, X, y, result) == pytest.approx(best, rel=1e-4)
        assert result.objective == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("name", ["lasso", "ridge"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_coordinate_steps_on_moved_data_converge(name, dtype):
    X, y = _data(2000)
    result = _fit(name, X.astype(dtype), y.astype(dtype), "solver.selection=gap", "max_rounds=100")
    assert result.status == "converged"
    expected = _centred_optimum(name, X, y)
    assert _objective(name, X, y, result) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "ratio"), [("lasso", 20), ("lasso", 200), ("ridge", 200), ("ridge", 2000)]
)
def test_without_an_intercept_float32_is_as_good_as_float64(name, ratio):
    X, y = _data(ratio)
    narrow, wide = (
        hetengine.fit(X.astype(kind), y.astype(kind), problem=name, lam=LAM)
        for kind in (np.float32, np.float64)
    )
    assert narrow.status == wide.status == "converged"
    assert narrow.objective == pytest.approx(wide.objective, rel=1e-4)


@pytest.mark.parametrize("ratio", [20, 2000])
def test_logistic_reaches_the_optimum_of_float64(ratio):
    X, y = _data(ratio)
    labels = np.where(y > 0, 1.0, -1.0)
    narrow, wide = (_fit("logistic", X.astype(kind), labels) for kind in (np.float32, np.float64))
    assert narrow.status == "converged"
    assert narrow.objective == pytest.approx(wide.objective, rel=1e-4)


@pytest.mark.parametrize("name", ["lasso", "ridge"])
def test_sampled_curvature_is_that_around_the_mean(name):
    X, y = _data(8, 5000, 60)  # not far enough to be moved
    assert feature_offsets(X) is None
    result = _fit(name, X, y)
    assert result.status == "converged"
    assert result.rounds <= 8


def test_example_weights_and_a_constant_feature_are_moved_as_well():
    X, y = _data(500)
    X[:, 1] = 500.0
    weights = np.random.default_rng(0).integers(0, 3, ROWS).astype(np.float64)
    options = {"problem": "lasso", "lam": LAM, "intercept": True, "overrides": ["tol=1e-5"]}
    weighted = hetengine.fit(X, y, sample_weight=weights, **options)
    repeated = np.repeat(np.arange(ROWS), weights.astype(int))
    wide = X[repeated].astype(np.float64)
    plain = hetengine.fit(wide - wide.mean(axis=0), y[repeated].astype(np.float64), **options)
    assert weighted.status == "converged"
    assert weighted.objective == pytest.approx(plain.objective, rel=1e-4)
    np.testing.assert_allclose(weighted.w, plain.w, atol=1e-2)
    assert weighted.w[1] == 0.0


@pytest.mark.parametrize("layout", [np.asarray, scipy.sparse.csr_array, scipy.sparse.csc_array])
def test_offsets_are_the_means_of_far_features(layout):
    X, _ = _data(50)
    offsets = feature_offsets(layout(X))
    far = np.arange(FEATURES) % 3 == 0
    assert offsets is not None
    np.testing.assert_allclose(offsets[far], 50, atol=0.3)
    assert not offsets[~far].any()


@pytest.mark.parametrize("layout", [np.asarray, scipy.sparse.csr_array, scipy.sparse.csc_array])
def test_near_and_constant_and_sparse_features_stay(layout):
    X, _ = _data(3)
    X[:, 0], X[:, 1] = 1.0, 0.0
    X[::2, 2] = 0.0
    assert feature_offsets(layout(X)) is None


def test_nothing_to_measure_offsets_by():
    assert feature_offsets(np.full((1, 3), 5.0, np.float32)) is None
    assert feature_offsets(np.full((9, 3), np.nan, np.float32)) is None


def test_moved_keeps_the_order_and_the_data():
    X, _ = _data(50)
    before = np.asfortranarray(X)
    offsets = feature_offsets(before)
    assert offsets is not None
    after = moved(before, offsets, np.dtype(np.float32))
    assert after.flags.f_contiguous
    np.testing.assert_array_equal(before, X)
    np.testing.assert_allclose(after + offsets, X, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "intercept", "by_row", "sparse", "kind"),
    [
        ("lasso", False, True, True, np.float64),
        ("lasso", False, True, False, np.float64),
        ("lasso", False, False, False, np.float32),
        ("lasso", True, True, True, np.float64),
        ("lasso", True, False, True, np.float32),
        ("svm", True, True, False, np.float32),
    ],
)
def test_type_in_which_data_that_cannot_be_moved_are_stored(name, intercept, by_row, sparse, kind):
    X, y = _data(50)
    data = scipy.sparse.csr_array(X) if sparse else X
    config = ProblemConfig(name=name, lam=LAM, intercept=intercept)
    problem = make_problem(config, data, np.sign(y), by_row=by_row)
    assert problem.columns.dtype == kind
    assert problem.offsets is None
