"""Lasso and elastic net on sparse rows: the right optimum in little memory, however it is kept."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import ElasticNet

from hetengine.problems import CoordinateProblem
from hetengine.solvers.resident import sparse_model
from tests.solvers.resident.harness import build, solve


def draw(
    rows: int, features: int, entries: int, dtype: type = np.float64
) -> tuple[Any, np.ndarray]:
    """A few columns in nearly every row and many rare ones, as words are."""
    rng = np.random.default_rng(1)
    bounds = features * (np.arange(entries + 1) / entries) ** 2
    bounds = np.maximum(bounds.astype(np.int64), np.arange(entries + 1))
    indices = rng.integers(bounds[:-1], bounds[1:], (rows, entries))
    values = rng.normal(size=indices.shape).astype(np.float32).astype(dtype)
    starts = np.arange(0, rows * entries + 1, entries)
    arrays = values.ravel(), indices.ravel().astype(np.int32), starts.astype(np.int32)
    X = scipy.sparse.csr_array(arrays, shape=(rows, features))
    truth = rng.normal(size=features) * (rng.random(features) < 0.1)
    return X, X @ truth + rng.normal(size=rows) + 0.4


@pytest.fixture(params=["products", "columns", "blocks"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the model is kept, whatever pays."""
    if request.param == "products":
        monkeypatch.setattr(sparse_model, "_EPOCH_RATIO", np.inf)
    else:
        monkeypatch.setattr(sparse_model, "_EPOCH_RATIO", 0.0)
    share = 0.2 if request.param == "blocks" else 1.0
    monkeypatch.setattr(sparse_model, "_room", lambda rows: share * rows.matrix.nbytes)
    return request.param


@pytest.mark.parametrize("name", ["lasso", "elastic_net"])
@pytest.mark.parametrize("intercept", [False, True], ids=["plain", "intercept"])
@pytest.mark.parametrize("shape", [(800, 150, 20), (120, 500, 25)])
def test_the_optimum_is_that_of_scikit_learn(
    name: str, intercept: bool, shape: tuple[int, int, int], kept: str
) -> None:
    X, y = draw(*shape)
    problem = build(name, (X, y), lam=0.02, intercept=intercept)
    run = solve(problem, tol=1e-10)
    assert run.outcome.status == "converged"
    method: Any = run.solver.method
    assert method.models.current.multiplied == (kept == "products")
    assert (len(method.models.current._blocks()) > 1) == (kept == "blocks")
    ratio = problem.l1 / (problem.l1 + problem.l2)
    options: Any = {"l1_ratio": ratio, "fit_intercept": intercept}
    peer = ElasticNet(problem.l1 + problem.l2, tol=1e-13, max_iter=200_000, **options).fit(X, y)
    assert run.outcome.alpha[: X.shape[1]] == pytest.approx(peer.coef_, abs=1e-4)
    residual = y - X @ peer.coef_ - peer.intercept_
    penalty = problem.l1 * np.abs(peer.coef_).sum() + 0.5 * problem.l2 * (peer.coef_**2).sum()
    objective = 0.5 * float(residual @ residual) / y.size + penalty
    assert run.outcome.certificate.objective == pytest.approx(objective, rel=1e-9)


def test_weights_and_the_constant_count_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = draw(400, 60, 12)
    times = np.random.default_rng(2).integers(0, 3, y.size)
    repeated = (X[np.repeat(np.arange(y.size), times)], np.repeat(y, times))
    expected = solve(build("lasso", repeated, intercept=True)).outcome.certificate.objective
    monkeypatch.setattr(sparse_model, "_EPOCH_RATIO", 0.0)
    monkeypatch.setattr(sparse_model, "_room", lambda rows: 0.3 * rows.matrix.nbytes)
    outcome = solve(build("lasso", (X, y), weights=times.astype(float), intercept=True)).outcome
    assert outcome.status == "converged"
    assert outcome.certificate.objective == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_can_be_repeated_bit_by_bit(threads: int, kept: str) -> None:
    problem = build("lasso", draw(2000, 300, 30, np.float32), dtype=np.float32)
    first, second = (solve(problem, threads=threads, tol=1e-6).outcome for _ in range(2))
    assert first.alpha.tobytes() == second.alpha.tobytes()


def test_features_that_are_rare_are_not_missed_where_rounds_begin_on_a_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hetengine.solvers.resident.models._WHOLE_ENTRIES", 0)
    monkeypatch.setattr("hetengine.solvers.resident.models._SAMPLE_ROWS", 128)
    X, y = draw(3000, 40, 8)
    X = X.tolil()
    X[:, 39] = 0.0
    X[70:75, 39] = 30.0  # rows that are in no sample of 128
    y[70:75] += 500.0
    problem = build("lasso", (X.tocsr(), y), lam=0.05)
    outcome = solve(problem).outcome
    assert outcome.status == "converged"
    assert outcome.alpha[39] > 1.0


@pytest.mark.parametrize(("name", "share"), [("lasso", 0.3), ("elastic_net", 0.02)])
def test_memory_stays_within_the_goal(name: str, share: float) -> None:
    X, y = draw(8000, 4000, 100, np.float32)
    X = X.astype(np.float32)
    nbytes = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    lam = share * float(np.abs(X.T @ y).max()) / y.size
    solve(build(name, (X[:500], y[:500]), lam=lam, dtype=np.float32), max_rounds=2)
    assert peak_beside(build(name, (X, y), lam=lam, dtype=np.float32)) <= 1.2 * nbytes


@pytest.mark.parametrize(("name", "vectors"), [("lasso", 8), ("elastic_net", 8), ("logistic", 26)])
def test_few_vectors_as_long_as_a_row_are_there_at_a_time(name: str, vectors: int) -> None:
    features = 100_000
    X, y = draw(300, features, 40, np.float32)
    X = X.astype(np.float32)
    lam = 0.1 * float(np.abs(X.T @ y).max()) / y.size
    if name == "logistic":
        y, lam = np.where(y > 0, 1.0, -1.0), 1e-4
    problem = build(name, (X, y), lam=lam, dtype=np.float32)
    solve(problem, max_rounds=2)
    assert peak_beside(problem, max_rounds=12) <= vectors * 8 * features


def peak_beside(problem: CoordinateProblem, max_rounds: int = 500) -> int:
    """Bytes that a fit takes at once, beside the data."""
    tracemalloc.start()
    try:
        solve(problem, threads=2, tol=1e-4, max_rounds=max_rounds)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
