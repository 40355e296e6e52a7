"""Small stores and a way to write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.config import DataConfig
from hetengine.data.dataset import Matrix
from hetengine.data.load import load_dataset
from hetengine.problems.matrix import columns_of
from hetengine.store.convert import Request, convert
from hetengine.store.sources.choose import source_of
from hetengine.store.store import Store, open_store


class Rows:
    """Arrays in memory as a source, handed out a few rows at a time."""

    base = 0
    nbytes = None
    consumed = 0

    def __init__(self, X: Matrix, y: np.ndarray, step: int = 7, name: str = "rows") -> None:
        self.name = name
        self.layout = "dense" if isinstance(X, np.ndarray) else "sparse"
        self.columns: int | None = X.shape[1]
        self._X, self._y, self._step = X, y, step

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        for first in range(0, self._X.shape[0], self._step):
            yield self._X[first : first + self._step]

    def labels(self) -> np.ndarray:
        return self._y


def quiet(message: str) -> None:
    """Take progress and say nothing."""


def write(X: Matrix, y: np.ndarray, out: Path, side: str, step: int = 7, **wanted: Any) -> Store:
    """Write arrays to a store and open it."""
    settings = {"dtype": np.dtype(np.float32), "memory_bytes": 1 << 12, **wanted}
    force = settings.pop("force", False)
    convert(Rows(X, y, step), Request(side=side, **settings), out, force=force, say=quiet)
    return open_store(out)


def made(config: DataConfig, side: str, out: Path, memory: int = 1 << 13) -> Store:
    dtype = np.dtype(np.float32)
    request = Request(side=side, dtype=dtype, threshold=config.threshold, memory_bytes=memory)
    convert(source_of(config, dtype, 3), request, out, force=False, say=quiet)
    return open_store(out)


def same_as_memory(config: DataConfig, side: str, out: Path, rounding: float = 1e-12) -> None:
    """Compare what a store holds with the same data loaded; sums over rows may round apart."""
    store, expected = made(config, side, out), load_dataset(config, np.float32, 3)
    assert store.shape == expected.X.shape
    np.testing.assert_array_equal(store.y, expected.y)
    columns, others = (columns_of(X, side, np.float32) for X in (store, expected.X))
    w = np.random.default_rng(0).standard_normal(columns.length)
    scale = max(1.0, float(np.sqrt(others.square_norms().max())))
    np.testing.assert_allclose(columns.dot(w), others.dot(w), rtol=rounding, atol=rounding * scale)
    np.testing.assert_allclose(store.square_norms, others.square_norms(), rtol=2 * rounding)
