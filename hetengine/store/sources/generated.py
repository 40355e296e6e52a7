"""Generators as sources: the same examples as ``data=NAME`` makes in memory, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hetengine.data.config import DataConfig
from hetengine.data.dataset import Matrix
from hetengine.data.synthetic import CorrelatedRows, PowerlawRows


class Generated:
    """One of the seeded generators.

    Parameters
    ----------
    config : DataConfig
        Which one, with its settings.
    dtype : numpy.dtype
        Type of a value.
    seed : int
        Used where the config has none.
    """

    base = 0

    def __init__(self, config: DataConfig, dtype: np.dtype[Any], seed: int) -> None:
        seed = seed if config.seed is None else config.seed
        dense = config.name == "dense_correlated"
        self.name = config.name
        self.layout = "dense" if dense else "sparse"
        self._rows = CorrelatedRows(config, seed) if dense else PowerlawRows(config, seed)
        self.columns: int | None = self._rows.columns
        entries = (
            self._rows.columns if isinstance(self._rows, CorrelatedRows) else self._rows.entries
        )
        self._row_nbytes = entries * (dtype.itemsize + (0 if dense else 4))
        self.nbytes: int | None = self._rows.rows * self._row_nbytes
        self._dtype = dtype
        self._done = 0

    @property
    def consumed(self) -> int:
        """Return the bytes made so far."""
        return self._done * self._row_nbytes

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        """Yield the generator's own blocks; their size is fixed, for the same draws everywhere."""
        from scipy.sparse import csr_array

        rows = self._rows
        if isinstance(rows, CorrelatedRows):
            for part, block in rows.blocks():
                self._done = part.stop
                yield block.astype(self._dtype).T
            return
        for part, chosen, values in rows.blocks():
            self._done = part.stop
            starts = np.arange(chosen.shape[0] + 1) * rows.entries
            parts = (values.astype(self._dtype).ravel(), chosen.astype(np.int32).ravel(), starts)
            yield csr_array(parts, shape=(chosen.shape[0], rows.columns))

    def labels(self) -> np.ndarray:
        """Return y."""
        return self._rows.labels()
