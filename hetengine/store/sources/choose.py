"""The source a data configuration names."""

from __future__ import annotations

from typing import Any

import numpy as np

from hetengine.data.config import GENERATORS, DataConfig
from hetengine.errors import UsageError, did_you_mean
from hetengine.store.sources.arrays import Npy, Npz
from hetengine.store.sources.generated import Generated
from hetengine.store.sources.parquet import Parquet
from hetengine.store.sources.source import Source
from hetengine.store.sources.text import Csv, Svmlight

NAMES = ("svmlight", "csv", "npz", "npy", "parquet", *GENERATORS)
REFUSED = ("tfidf", "standardize", "normalize")


def source_of(config: DataConfig, dtype: np.dtype[Any], seed: int) -> Source:
    """Return what a store is converted from.

    Parameters
    ----------
    config : DataConfig
        Checked.
    dtype : numpy.dtype
        Float32 or float64.
    seed : int
        Of a generator, where the config has none.

    Raises
    ------
    UsageError
        If this set cannot be converted, or preprocessing is asked for.
    DataError
        If there is no such file.
    """
    if config.name not in NAMES:
        raise UsageError(f"convert: data={config.name}; {did_you_mean(config.name, NAMES)}")
    for key in REFUSED:
        if getattr(config, key):
            raise UsageError(
                f"convert: data.{key}=true is not done while converting; preprocess the file first"
            )
    if config.layout != "keep":
        raise UsageError(f"convert: data.layout={config.layout} is not done while converting")
    if config.test_path is not None:
        raise UsageError("convert: data.test_path does nothing here; convert training data alone")
    if config.name in GENERATORS:
        return Generated(config, dtype, seed)
    if config.name == "svmlight":
        return Svmlight(config, dtype)
    if config.name == "csv":
        return Csv(config, dtype)
    if config.name == "parquet":
        return Parquet(config)
    return Npz(config) if config.name == "npz" else Npy(config)
