"""The data sets: three that are drawn from fixed seeds, and real ones where they are found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import lfilter

from benchmarks.peers.problems import Problem

_BLOCK = 10_000
_REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


def _correlated(
    rng: np.random.Generator, rows: int, columns: int, correlation: float = 0.8, factors: int = 20
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield blocks of unit-variance features: 0.7 of it from an AR(1) chain, 0.3 from factors."""
    loadings = rng.standard_normal((factors, columns)) / np.sqrt(factors)
    for first in range(0, rows, _BLOCK):
        block = slice(first, min(first + _BLOCK, rows))
        size = block.stop - first
        noise = rng.standard_normal((size, columns))
        noise[:, 1:] *= np.sqrt(1.0 - correlation**2)
        chain = lfilter([1.0], [1.0, -correlation], noise, axis=1)
        common = rng.standard_normal((size, factors)) @ loadings
        yield block, np.sqrt(0.7) * chain + np.sqrt(0.3) * common


def dense_regression(rows: int = 50_000, columns: int = 2_000, seed: int = 1) -> tuple[Any, Any]:
    """100 of the features matter; signal to noise 3."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(columns)
    support = rng.choice(columns, 100, replace=False)
    truth[support] = rng.choice([-1.0, 1.0], 100) * (0.5 + rng.exponential(1.0, 100))
    X, signal = np.empty((rows, columns), np.float32), np.empty(rows)
    for block, values in _correlated(rng, rows, columns):
        X[block] = values
        signal[block] = values @ truth
    return X, signal + rng.standard_normal(rows) * signal.std() / 3.0


def dense_classes(rows: int = 100_000, columns: int = 500, seed: int = 2) -> tuple[Any, Any]:
    """Rows of mean square norm 1; a fifth of the labels is flipped."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(columns)
    X, score = np.empty((rows, columns), np.float32), np.empty(rows)
    for block, values in _correlated(rng, rows, columns):
        X[block] = values / np.sqrt(columns)
        score[block] = values @ truth
    return X, _flipped(rng, score, 0.2)


def sparse_classes(
    rows: int = 500_000, columns: int = 50_000, entries: int = 60, seed: int = 4
) -> tuple[Any, Any]:
    """Text-like: columns by a power law, tf-idf, rows of norm 1; a tenth of the labels flipped."""
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(seed)
    popularity = np.cumsum(1.0 / (np.arange(columns) + 20.0) ** 1.05)
    popularity /= popularity[-1]
    chosen = np.empty((rows, entries), np.int32)
    for first in range(0, rows, _BLOCK):
        block = slice(first, min(first + _BLOCK, rows))
        chosen[block] = _distinct(rng, popularity, block.stop - first, entries)
    chosen = rng.permutation(columns).astype(np.int32)[chosen]
    chosen.sort(axis=1)
    frequency = np.bincount(chosen.ravel(), minlength=columns)
    rarity = np.log((1 + rows) / (1 + frequency)) + 1.0
    values = (1.0 + np.log1p(rng.poisson(0.4, chosen.shape))) * rarity[chosen]
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    score = np.einsum("ij,ij->i", values, rng.standard_normal(columns)[chosen])
    starts = np.arange(0, rows * entries + 1, entries, dtype=np.int32)
    parts = (values.astype(np.float32).ravel(), chosen.ravel(), starts)
    return csr_matrix(parts, shape=(rows, columns)), _flipped(rng, score, 0.1)


def _distinct(
    rng: np.random.Generator, cumulative: np.ndarray, rows: int, entries: int
) -> np.ndarray:
    """Draw for each row its first different columns; rows that repeat too often draw again."""
    result = np.empty((rows, entries), np.int32)
    open_rows = np.arange(rows)
    while open_rows.size:
        drawn = np.searchsorted(cumulative, rng.random((open_rows.size, 3 * entries)))
        order = np.argsort(drawn, axis=1, kind="stable")
        ranked = np.take_along_axis(drawn, order, 1)
        fresh = np.ones(ranked.shape, bool)
        fresh[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
        first = np.empty_like(fresh)
        np.put_along_axis(first, order, fresh, 1)
        taken = first & (np.cumsum(first, axis=1) <= entries)
        full = taken.sum(axis=1) == entries
        result[open_rows[full]] = drawn[full][taken[full]].reshape(-1, entries)
        open_rows = open_rows[~full]
    return result


def _flipped(rng: np.random.Generator, score: np.ndarray, share: float) -> np.ndarray:
    y = np.where(score >= 0, 1.0, -1.0)
    y[rng.random(y.size) < share] *= -1.0
    return y


def _imdb(folder: Path) -> tuple[Any, Any]:
    """Reviews as tf-idf with rows of norm 1; more than five stars or not."""
    from sklearn.datasets import load_svmlight_file
    from sklearn.feature_extraction.text import TfidfTransformer

    X, stars = load_svmlight_file(str(folder / "text" / "imdb_train.svm.bz2"))[:2]
    return TfidfTransformer().fit_transform(X).tocsr(), np.where(stars > 5, 1.0, -1.0)


def _leukemia(folder: Path) -> tuple[Any, Any]:
    """72 samples of 7129 genes, standardised."""
    from sklearn.datasets import load_svmlight_file

    X, y = load_svmlight_file(str(folder / "gene-expression" / "leukemia.bz2"))[:2]
    dense = X.toarray()
    spread = dense.std(axis=0)
    return (dense - dense.mean(axis=0)) / np.where(spread > 0, spread, 1.0), y


_DRAWN: dict[str, Callable[[], tuple[Any, Any]]] = {
    "dense_regression": dense_regression,
    "dense_classes": dense_classes,
    "sparse_classes": sparse_classes,
}
_FOUND: dict[str, Callable[[Path], tuple[Any, Any]]] = {"imdb": _imdb, "leukemia": _leukemia}


def ensure(name: str, cache: Path) -> bool:
    """Write a data set unless that has been done; say so and return False if it cannot be had."""
    stem = cache / name
    if Path(f"{stem}.json").exists():
        return True
    if name in _DRAWN:
        X, y = _DRAWN[name]()
    else:
        folder = Path(os.environ.get("HETENGINE_DATA", _REAL))
        if not folder.is_dir():
            print(f"SKIPPED {name}: no real data in {folder}; set HETENGINE_DATA", flush=True)
            return False
        X, y = _FOUND[name](folder)
    cache.mkdir(parents=True, exist_ok=True)
    _write(stem, X, y)
    return True


def _write(stem: Path, X: Any, y: np.ndarray) -> None:
    labels = y.astype(np.float32)
    np.save(f"{stem}.y.npy", labels)
    if isinstance(X, np.ndarray):
        X = np.ascontiguousarray(X, np.float32)
        np.save(f"{stem}.X.npy", X)
    else:
        X = X.astype(np.float32)
        np.save(f"{stem}.data.npy", X.data)
        np.save(f"{stem}.indices.npy", X.indices.astype(np.int32))
        np.save(f"{stem}.indptr.npy", X.indptr.astype(np.int32))
        np.save(f"{stem}.shape.npy", np.array(X.shape))
    steepest = np.abs(Problem("", "", X, labels, 0.0).products(labels)).max() / labels.size
    Path(f"{stem}.json").write_text(json.dumps({"lambda_max": float(steepest)}))
