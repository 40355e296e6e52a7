"""Kernels that pick some features out of sparse rows, against NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

from hetengine.problems import columns_of
from hetengine_numpy import NumpyBackend, resident

LENGTH = 64
N, D = 300, 21
FEATURES = np.array([20, 3, 11, 2, 0])
RUNS = np.array([0, 64, 256])


@pytest.fixture(autouse=True)
def _shared_however_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "_LITTLE", 0)


over_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
over_threads = pytest.mark.parametrize("threads", [1, 3])


def kernel(name: str, threads: int = 1) -> Any:
    return NumpyBackend().implementations(threads)[name]


def make(dtype: type) -> tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """The wanted columns times their roots, what holds them, the roots, and the slots."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, D)) * (rng.random((N, D)) < 0.4)
    X[:, 2] = 0.0
    X = X.astype(np.float32).astype(np.float64)
    columns: Any = columns_of(scipy.sparse.csr_array(X), "dual", dtype)
    root = rng.random(N) * (rng.random(N) < 0.8)
    place = np.full(D + 1, -1, np.int32)
    place[FEATURES] = np.arange(FEATURES.size)
    wanted = (root[:, None] * X)[:, FEATURES]
    wanted[128:256] = 0.0  # runs that are not asked for
    rows = (columns.values, columns.indices, columns.starts, columns.lens)
    return wanted, rows, root, place


@over_dtypes
@over_threads
@pytest.mark.parametrize("stretches", [1, 2, 7])
def test_entries_by_feature(dtype: type, threads: int, stretches: int) -> None:
    wanted, rows, root, place = make(dtype)
    counts = np.zeros((stretches, FEATURES.size), np.int64)
    kernel("rows_count", threads)(rows, RUNS, LENGTH, root, place, counts)
    assert counts.sum(axis=0).tolist() == np.count_nonzero(wanted, axis=0).tolist()
    starts = np.append(0, np.cumsum(counts.sum(axis=0)))
    ends = np.cumsum(counts, axis=0) - counts + starts[:-1]
    values, examples = np.full(starts[-1], np.nan, dtype), np.zeros(starts[-1], np.uint32)
    kernel("rows_transpose", threads)(rows, RUNS, LENGTH, root, place, ends, values, examples)
    made = scipy.sparse.csc_array((values, examples.astype(np.int32), starts), shape=wanted.shape)
    assert made.has_sorted_indices
    assert made.toarray() == pytest.approx(wanted, rel=1e-6 if dtype is np.float32 else 1e-14)


@over_dtypes
@over_threads
@pytest.mark.parametrize("old", [0, 2, 4])
@pytest.mark.parametrize("private", [True, False])
def test_products(
    dtype: type, threads: int, old: int, private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not private:
        monkeypatch.setattr("hetengine_numpy.resident._PRIVATE_BYTES", 0)
    wanted, rows, root, place = make(dtype)
    out = np.zeros((FEATURES.size - old, FEATURES.size))
    kernel("rows_products", threads)(rows, RUNS, LENGTH, root, place, old, out)
    lower = np.tril(wanted.T @ wanted)[old:]
    assert out == pytest.approx(lower, abs=1e-12)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.2, 0.5), (0.0, 0.4)])
@pytest.mark.parametrize("centred", [False, True])
def test_descent_on_columns_is_that_on_their_products(l1: float, l2: float, centred: bool) -> None:
    rng = np.random.default_rng(9)
    A = rng.normal(size=(60, 12)) * (rng.random((60, 12)) < 0.5) / 6
    columns = scipy.sparse.csc_array(A)
    arrays = columns.data, columns.indices.astype(np.uint32), columns.indptr.astype(np.int64)
    means, mass = (A.sum(axis=0), 60.0) if centred else (np.zeros(12), 1.0)
    gram = A.T @ A - np.outer(means, means) / mass
    start, u = rng.normal(size=12), rng.normal(size=12)
    there, gradient = start.copy(), u.copy()
    kernel("gram_descent")(gram, l1, l2, there, gradient, 1e-30, 10_000)
    beta, z = start.copy(), np.zeros(61)
    args = (np.arange(12), means, mass, l1, l2, beta, u, z, 1e-30, 10_000)
    touched = kernel("rows_descent")(*arrays, *args)
    assert touched >= columns.nnz
    assert beta == pytest.approx(there, abs=1e-9)
    assert z == pytest.approx(np.append(A @ (beta - start), means @ (beta - start)), abs=1e-12)


def test_descent_moves_what_it_is_asked_to_and_goes_on_from_earlier_steps() -> None:
    A = np.array([[1.0, 1.0], [0.0, 1.0]])
    arrays = A.T[A.T != 0].copy(), np.array([0, 0, 1], np.uint32), np.array([0, 1, 3])
    beta, u, z = np.zeros(2), np.array([-3.0, -3.0]), np.array([1.0, 0.0, 0.0])
    args = (np.zeros(2), 1.0, 0.5, 0.0, beta, u, z, 1e-30, 100)
    kernel("rows_descent")(*arrays, np.array([1]), *args)
    # The slope is -3 + 1 after the earlier step; minus that, less l1, over the squared norm 2.
    assert beta == pytest.approx([0.0, 0.75])
    assert z == pytest.approx([1.75, 0.75, 0.0])
