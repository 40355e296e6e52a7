"""Rows that are preprocessed on their way into a store are those of the same data in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from hetengine.data.config import DataConfig
from hetengine.errors import DataError, UsageError
from hetengine.store.sources.moments import Moments
from tests.store.stores import made, same_as_memory

SIDES = pytest.mark.parametrize("side", ["primal", "dual"])
STEPS = pytest.mark.parametrize(
    "steps",
    [("tfidf",), ("standardize",), ("normalize",), ("tfidf", "standardize", "normalize")],
    ids="-".join,
)


def asking(config: DataConfig, steps: tuple[str, ...]) -> DataConfig:
    return dataclasses.replace(config, **dict.fromkeys(steps, True))


def counts(path: Path, rows: int = 90, columns: int = 23, kind: str = "csr") -> Path:
    rng = np.random.default_rng(7)
    dense = rng.integers(0, 5, (rows, columns)) * (rng.random((rows, columns)) < 0.3)
    dense[:, 4], dense[:, 5], dense[11] = 0, 3, 0
    matrix = scipy.sparse.csr_array(dense.astype(np.float64)).asformat(kind)
    scipy.sparse.save_npz(path, matrix)
    with np.load(path) as archive:
        members = dict(archive)
    np.savez(path, allow_pickle=False, **members, y=rng.choice([-1.0, 1.0], rows))
    return path


@SIDES
@STEPS
@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_sparse_preprocessing(kind: str, steps, side: str, tmp_path: Path) -> None:
    path = counts(tmp_path / "data.npz", kind=kind)
    config = asking(DataConfig("npz", path=str(path)), steps)
    same_as_memory(config, side, tmp_path / "store", rounding=2e-7)


@STEPS
def test_preprocessing_of_svmlight_counted_from_one(steps, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    lines = []
    for row in range(120):
        chosen = np.flatnonzero(rng.random(9 if row < 80 else 30) < 0.4) + 1
        words = [f"{column}:{rng.integers(1, 6)}" for column in chosen]
        lines.append(" ".join([f"{rng.choice([-1, 1])}", *words]))
    path = tmp_path / "data.svm"
    path.write_text("\n".join(lines))
    config = asking(DataConfig("svmlight", path=str(path)), steps)
    same_as_memory(config, "primal", tmp_path / "store", rounding=2e-7)


@SIDES
@pytest.mark.parametrize("steps", [("standardize",), ("normalize",), ("standardize", "normalize")])
def test_dense_preprocessing(steps, side: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    table = rng.standard_normal((150, 9)) * np.geomspace(1e-3, 1e3, 9) + np.arange(9.0)
    table[:, 3], table[40, :-1] = 0.1, 0.0
    np.save(tmp_path / "data.npy", table)
    config = asking(DataConfig("npy", path=str(tmp_path / "data.npy")), steps)
    same_as_memory(config, side, tmp_path / "store", rounding=2e-7)


def test_moments_of_blocks_are_those_of_all_rows() -> None:
    rng = np.random.default_rng(11)
    X = 1e6 + rng.standard_normal((500, 4))
    X[:, 2] = 0.1
    moments = Moments()
    for first in range(0, 500, 37):
        moments.add(X[first : first + 37])
    mean, deviation = moments.result()
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(deviation[[0, 1, 3]], X.std(axis=0)[[0, 1, 3]], rtol=1e-10)
    assert deviation[2] == 1.0


def test_counts_are_needed_for_tfidf_and_finite_numbers_for_all(tmp_path: Path) -> None:
    table = np.ones((30, 4))
    np.save(tmp_path / "data.npy", table)
    config = DataConfig("npy", path=str(tmp_path / "data.npy"), tfidf=True)
    with pytest.raises(UsageError, match=r"data\.tfidf=true needs sparse counts"):
        made(config, "dual", tmp_path / "store")
    table[17, 2] = np.inf
    np.save(tmp_path / "data.npy", table)
    config = DataConfig("npy", path=str(tmp_path / "data.npy"), standardize=True)
    with pytest.raises(DataError, match=r"X\[17, 2\] is inf"):
        made(config, "dual", tmp_path / "store", memory=1 << 9)


@SIDES
@pytest.mark.parametrize("steps", [(), ("normalize",)])
def test_what_overflows_is_refused_by_its_place(side: str, steps, tmp_path: Path) -> None:
    table = np.ones((30, 4))
    table[17, 2] = 1e300
    np.save(tmp_path / "data.npy", table)
    config = asking(DataConfig("npy", path=str(tmp_path / "data.npy")), steps)
    with pytest.raises(DataError, match=r"X\[17, 2\] is 1e\+300, too large for float32; type --pr"):
        made(config, side, tmp_path / "store", memory=1 << 9)
