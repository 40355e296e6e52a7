"""Small stores and a way to write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.dataset import Matrix
from hetengine.store.convert import Request, convert
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
