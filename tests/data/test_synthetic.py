"""Generators: seeded, and of the distribution they promise."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.data.config import DataConfig
from hetengine.data.load import load_dataset
from hetengine.data.synthetic import draw_distinct


def dense(dtype=np.float64, seed=0, **keys):
    config = DataConfig(name="dense_correlated", **{"rows": 4000, "columns": 30, **keys})
    return load_dataset(config, dtype, seed)


def sparse(dtype=np.float64, seed=0, **keys):
    sizes = {"rows": 3000, "columns": 400, "density": 0.03, "task": "classification"}
    return load_dataset(DataConfig(name="sparse_powerlaw", **{**sizes, **keys}), dtype, seed)


@pytest.mark.parametrize("make", [dense, sparse])
def test_the_seed_decides_everything(make):
    first, again, other = make(seed=1), make(seed=1), make(seed=2)
    assert (first.X != again.X).sum() == 0
    np.testing.assert_array_equal(first.y, again.y)
    assert (first.X != other.X).sum() > 0


@pytest.mark.parametrize("make", [dense, sparse])
def test_precision_changes_rounding_only(make):
    double, single = make(np.float64), make(np.float32)
    assert single.X.dtype == np.float32
    np.testing.assert_array_equal(double.y, single.y)
    assert abs(double.X - single.X).max() < 1e-5


def test_the_seed_of_the_data_wins_over_that_of_the_run():
    config = DataConfig(name="dense_correlated", rows=5, columns=3, seed=4)
    runs = [load_dataset(config, np.float64, seed) for seed in (0, 1)]
    np.testing.assert_array_equal(runs[0].X, runs[1].X)


def test_neighbouring_columns_are_correlated_as_asked():
    X = dense(factor_share=0.0, rows=20_000).X
    np.testing.assert_allclose(X.std(axis=0), 1, atol=0.03)
    C = np.corrcoef(X.T)
    for lag in (1, 2, 3):
        np.testing.assert_allclose(np.diag(C, lag).mean(), 0.8**lag, atol=0.02)


def test_common_factors_make_up_their_share():
    X = dense(correlation=0.0, factors=1, factor_share=0.5, rows=20_000).X
    values = np.linalg.eigvalsh(np.cov(X.T))
    assert values[-1] > 5 * values[-2]
    np.testing.assert_allclose(np.median(values), 0.5, atol=0.1)


def test_regression_has_a_sparse_truth_and_the_noise_asked_for():
    exact = dense(noise=0.0, support=5)
    w, residual, *_ = np.linalg.lstsq(exact.X, exact.y)
    assert np.sum(np.abs(w) > 1e-8) == 5
    assert np.all(np.abs(w[np.abs(w) > 1e-8]) > 0.5)
    noisy = dense(support=5)
    _, residual, *_ = np.linalg.lstsq(noisy.X, noisy.y)
    ratio = np.sqrt(residual[0] / noisy.rows) / noisy.y.std()
    np.testing.assert_allclose(ratio, (1 / 3) / np.sqrt(1 + 1 / 9), rtol=0.05)


def test_classification_rows_have_unit_mean_square_and_flipped_labels():
    data = dense(task="classification", rows=20_000)
    np.testing.assert_allclose(np.square(data.X).sum(axis=1).mean(), 1, rtol=0.1)
    assert set(np.unique(data.y)) == {-1.0, 1.0}
    w = np.linalg.lstsq(data.X, data.y)[0]
    accuracy = np.mean(np.sign(data.X @ w) == data.y)
    assert 0.76 < accuracy < 0.82


def test_sparse_rows_have_unit_length_and_the_asked_density():
    data = sparse()
    assert data.nnz == 3000 * 12
    np.testing.assert_array_equal(np.diff(data.X.indptr), 12)
    assert data.X.has_canonical_format
    np.testing.assert_allclose(np.square(data.X).sum(axis=1), 1, rtol=1e-12)
    assert set(np.unique(data.y)) == {-1.0, 1.0}


def test_sparse_columns_follow_a_power_law():
    counts = np.sort(np.bincount(sparse(rows=20_000).X.indices, minlength=400))[::-1]
    popularity = (np.arange(400) + 20.0) ** -1.05
    slope = np.polyfit(np.log(popularity[5:300]), np.log(counts[5:300]), 1)[0]
    assert 0.85 < slope < 1.1


def test_sparse_regression_target_is_continuous():
    assert len(np.unique(sparse(task="regression").y)) == 3000


@pytest.mark.parametrize("density", [0.001, 0.2, 0.3, 1.0])
def test_any_density(density):
    data = sparse(density=density, rows=50)
    np.testing.assert_array_equal(np.diff(data.X.indptr), max(1, round(400 * density)))
    assert data.X.has_canonical_format


def test_both_ways_of_drawing_are_the_same_distribution():
    rng = np.random.default_rng(0)
    popularity = np.array([8.0, 4, 2, 1, 1, 1, 1, 1])
    padded = np.concatenate([popularity, np.full(100, 1e-9)])  # many columns: redraws
    few = draw_distinct(padded, (40_000, 3), rng)
    keys = draw_distinct(popularity, (40_000, 3), rng)
    assert few.max() < 8
    got = [np.bincount(draws.ravel(), minlength=8) / 40_000 for draws in (few, keys)]
    np.testing.assert_allclose(got[0], got[1], atol=0.015)
