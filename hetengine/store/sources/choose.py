"""The source a data configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.config import GENERATORS, DataConfig
from hetengine.errors import UsageError, did_you_mean
from hetengine.store.sources.arrays import Npy
from hetengine.store.sources.generated import Generated
from hetengine.store.sources.npz import Npz
from hetengine.store.sources.parquet import Parquet
from hetengine.store.sources.prepared import Prepared
from hetengine.store.sources.source import Source
from hetengine.store.sources.text import Csv, Svmlight

NAMES = ("svmlight", "csv", "npz", "npy", "parquet", *GENERATORS)
STEPS = ("tfidf", "standardize", "normalize")


def source_of(
    config: DataConfig, dtype: np.dtype[Any], seed: int, scratch: Path | None = None
) -> Source:
    """Return what a store is converted from.

    Parameters
    ----------
    config : DataConfig
        Checked.
    dtype : numpy.dtype
        Float32 or float64.
    seed : int
        Of a generator, where the config has none.
    scratch : pathlib.Path, optional
        Folder for what has to be turned over; that of temporary files by default.

    Raises
    ------
    UsageError
        If this set cannot be converted, or not in the layout asked for.
    DataError
        If there is no such file.
    """
    if config.name not in NAMES:
        raise UsageError(f"convert: data={config.name}; {did_you_mean(config.name, NAMES)}")
    if config.layout != "keep":
        raise UsageError(f"convert: data.layout={config.layout} is not done while converting")
    if config.test_path is not None:
        raise UsageError("convert: data.test_path does nothing here; convert training data alone")
    if any(getattr(config, key) for key in STEPS):
        return Prepared(lambda: _plain(config, dtype, seed, scratch), config, dtype)
    return _plain(config, dtype, seed, scratch)


def _plain(config: DataConfig, dtype: np.dtype[Any], seed: int, scratch: Path | None) -> Source:
    """Return the source of a set as it is."""
    if config.name in GENERATORS:
        return Generated(config, dtype, seed)
    if config.name == "svmlight":
        return Svmlight(config, dtype)
    if config.name == "csv":
        return Csv(config, dtype)
    if config.name == "parquet":
        return Parquet(config)
    return Npz(config, scratch) if config.name == "npz" else Npy(config)
