"""Seeded generators of data at any size; the same seed gives the same data in either precision.

``dense_correlated`` is the hard dense case (neighbouring columns correlated, and all columns
through common factors), ``sparse_powerlaw`` looks like text (few columns in most rows, most in
few).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import numpy as np

from hetengine.data.config import DataConfig
from hetengine.data.dataset import Dataset, FloatType

BLOCK_ENTRIES = 1 << 21
SNR_NOISE = 1 / 3
DENSE_FLIPS = 0.2
SPARSE_FLIPS = 0.1
SUPPORT = 100
POPULARITY_OFFSET = 20.0
POPULARITY_POWER = 1.05
REPEATS = 0.4


def dense_correlated(config: DataConfig, dtype: FloatType, seed: int) -> Dataset:
    """Generate dense columns that follow an AR(1) process plus common factors.

    ``x = sqrt(1 - s) a + sqrt(s) F l`` with ``a_j = rho a_{j-1} + sqrt(1 - rho^2) e_j``, ``s`` the
    ``factor_share`` and ``rho`` the ``correlation``; all columns have variance about 1. For
    classification rows are divided by ``sqrt(columns)``, so their mean squared length is 1.

    Parameters
    ----------
    config : DataConfig
        With rows, columns, task, noise, correlation, factors, factor_share, support.
    dtype : numpy.dtype
        Float32 or float64 for X.
    seed : int
        Seed of every draw.

    Returns
    -------
    Dataset
        Dense. Regression: ``y = X w + noise`` with a sparse ``w`` of entries +-(0.5 + Exp(1)).
        Classification: the sign of ``X w``, a part of the signs flipped.
    """
    source = CorrelatedRows(config, seed)
    X = np.empty((source.rows, source.columns), dtype)
    for part, block in source.blocks():
        X[part] = block.T
    return Dataset("dense_correlated", X, source.labels())


class CorrelatedRows:
    """The examples of `dense_correlated`, some rows at a time.

    Parameters
    ----------
    config : DataConfig
        As for `dense_correlated`.
    seed : int
        Seed of every draw.

    Attributes
    ----------
    rows, columns : int
        Size of the whole.
    """

    def __init__(self, config: DataConfig, seed: int) -> None:
        self.rows, self.columns = config.rows or 1, config.columns or 1
        self._config = config
        self._classify = config.task == "classification"
        self._rng = rng = np.random.default_rng(seed)
        self._loadings = rng.standard_normal((config.factors, self.columns))
        self._loadings /= math.sqrt(config.factors)
        self._w = _true_coefficients(self.columns, config.support, self._classify, rng)
        self._signal = np.empty(self.rows)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield rows, once: where they stand, and the block of X transposed, float64."""
        config, rng, columns = self._config, self._rng, self.columns
        step = max(min(self.rows, 256), BLOCK_ENTRIES // columns)
        for start in range(0, self.rows, step):
            part = slice(start, min(self.rows, start + step))
            count = part.stop - start
            block = _autoregression(columns, count, config.correlation, rng)
            block *= math.sqrt(1 - config.factor_share)
            common = rng.standard_normal((count, config.factors)) @ self._loadings
            common *= math.sqrt(config.factor_share)
            block += common.T
            if self._classify:
                block /= math.sqrt(columns)
            self._signal[part] = self._w @ block
            yield part, block

    def labels(self) -> np.ndarray:
        """Return y of all rows, once every block has been made."""
        return _targets(self._signal, self._config, DENSE_FLIPS, self._rng)


def sparse_powerlaw(config: DataConfig, dtype: FloatType, seed: int) -> Dataset:
    """Generate rows of distinct columns drawn by popularity, with tf-idf values and unit length.

    Column of rank ``r`` is drawn with weight ``1 / (r + 20)^1.05``; ranks are dealt to columns at
    random. A value is ``(1 + ln(1 + Poisson(0.4))) (ln((1 + rows) / (1 + df)) + 1)``, then rows are
    scaled to length 1.

    Parameters
    ----------
    config : DataConfig
        With rows, columns, density (every row has ``density * columns`` entries), task, noise.
    dtype : numpy.dtype
        Float32 or float64 for X.
    seed : int
        Seed of every draw.

    Returns
    -------
    Dataset
        Sparse; y from a dense standard normal ``w``.
    """
    from scipy.sparse import csr_array

    source = PowerlawRows(config, seed)
    rows, entries = source.rows, source.entries
    indices, values = np.empty((rows, entries), np.int32), np.empty((rows, entries), dtype)
    for part, chosen, tfidf in source.blocks():
        indices[part], values[part] = chosen, tfidf
    wide = rows * entries > np.iinfo(np.int32).max
    starts = np.arange(rows + 1, dtype=np.int64 if wide else np.int32) * entries
    X = csr_array((values.ravel(), indices.ravel(), starts), shape=(rows, source.columns))
    return Dataset("sparse_powerlaw", X, source.labels())


class PowerlawRows:
    """The examples of `sparse_powerlaw`, some rows at a time.

    Document frequencies need the columns of all rows before the first value; those are drawn twice
    from one state of the generator rather than kept.

    Parameters
    ----------
    config : DataConfig
        As for `sparse_powerlaw`.
    seed : int
        Seed of every draw.

    Attributes
    ----------
    rows, columns : int
        Size of the whole.
    entries : int
        Entries of each row.
    """

    def __init__(self, config: DataConfig, seed: int) -> None:
        self.rows, self.columns = config.rows or 1, config.columns or 1
        self.entries = entries_per_row(config)
        self._config = config
        self._rng = rng = np.random.default_rng(seed)
        self._popularity = (np.arange(self.columns) + POPULARITY_OFFSET) ** -POPULARITY_POWER
        rng.shuffle(self._popularity)
        self._w = rng.standard_normal(self.columns)
        self._signal = np.empty(self.rows)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield rows, once: where they stand, the columns of their entries, and the values."""
        again = copy.deepcopy(self._rng)
        frequency = np.zeros(self.columns, np.int64)
        for _, chosen in self._columns(self._rng):
            frequency += np.bincount(chosen.ravel(), minlength=self.columns)
        idf = np.log((1 + self.rows) / (1 + frequency)) + 1
        for part, chosen in self._columns(again):
            tfidf = (1 + np.log1p(self._rng.poisson(REPEATS, chosen.shape))) * idf[chosen]
            tfidf /= np.linalg.norm(tfidf, axis=1, keepdims=True)
            self._signal[part] = (tfidf * self._w[chosen]).sum(axis=1)
            yield part, chosen, tfidf

    def _columns(self, rng: np.random.Generator) -> Iterator[tuple[slice, np.ndarray]]:
        few = 4 * self.entries > self.columns
        for part in _blocks(self.rows, max(self.entries, self.columns if few else 1)):
            shape = (part.stop - part.start, self.entries)
            yield part, draw_distinct(self._popularity, shape, rng)

    def labels(self) -> np.ndarray:
        """Return y of all rows, once every block has been made."""
        return _targets(self._signal, self._config, SPARSE_FLIPS, self._rng)


def entries_per_row(config: DataConfig) -> int:
    """Return how many entries each row of ``sparse_powerlaw`` has, at least one.

    Parameters
    ----------
    config : DataConfig
        With columns and density.

    Returns
    -------
    int
        ``density * columns``, rounded.
    """
    columns = config.columns or 1
    return min(columns, max(1, round((config.density or 0.0) * columns)))


def draw_distinct(
    popularity: np.ndarray, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw distinct columns for each row, one after another with probability by popularity.

    Few columns of many: draw all with repetition, then draw anew what a row has twice, until none
    is. Many of few: the columns with the smallest ``Exp(1) / popularity`` (Efraimidis and Spirakis,
    2006). Both give the distribution of successive draws without replacement.

    Parameters
    ----------
    popularity : numpy.ndarray of float64, shape (columns,)
        Positive weights.
    shape : tuple of (int, int)
        Rows, and columns to draw for each.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    numpy.ndarray of int64, shape ``shape``
        Ascending in each row.
    """
    rows, entries = shape
    columns = len(popularity)
    if 4 * entries > columns:
        keys = rng.standard_exponential((rows, columns)) / popularity
        return np.sort(np.argpartition(keys, entries - 1, axis=1)[:, :entries], axis=1)
    cumulative = np.cumsum(popularity)
    drawn = _by_popularity(cumulative, rows * entries, rng).reshape(shape)
    pending = np.arange(rows)
    while pending.size:
        some = np.sort(drawn[pending], axis=1)
        again = np.zeros(some.shape, bool)
        again[:, 1:] = some[:, 1:] == some[:, :-1]
        some[again] = _by_popularity(cumulative, int(again.sum()), rng)
        drawn[pending] = some
        pending = pending[again.any(axis=1)]
    return drawn


def _by_popularity(cumulative: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    drawn = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    return np.minimum(drawn, len(cumulative) - 1)


def _blocks(rows: int, width: int) -> list[slice]:
    step = max(1, BLOCK_ENTRIES // width)
    return [slice(start, min(rows, start + step)) for start in range(0, rows, step)]


def _autoregression(
    columns: int, rows: int, correlation: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a (columns, rows) array whose lines form a stationary AR(1) sequence of variance 1."""
    block = rng.standard_normal((columns, rows))
    block[1:] *= math.sqrt(1 - correlation**2)
    for column in range(1, columns):
        block[column] += correlation * block[column - 1]
    return block


def _true_coefficients(
    columns: int, support: int | None, classify: bool, rng: np.random.Generator
) -> np.ndarray:
    size = min(columns, support or (columns if classify else SUPPORT))
    chosen = rng.choice(columns, size, replace=False)
    w = np.zeros(columns)
    if classify:
        w[chosen] = rng.standard_normal(size) / math.sqrt(size)
    else:
        w[chosen] = rng.choice([-1.0, 1.0], size) * (0.5 + rng.standard_exponential(size))
    return w


def _targets(
    signal: np.ndarray, config: DataConfig, flips: float, rng: np.random.Generator
) -> np.ndarray:
    if config.task == "regression":
        noise = SNR_NOISE if config.noise is None else config.noise
        return signal + rng.standard_normal(len(signal)) * (noise * signal.std())
    flipped = rng.random(len(signal)) < (flips if config.noise is None else config.noise)
    return np.where((signal >= 0) != flipped, 1.0, -1.0)
