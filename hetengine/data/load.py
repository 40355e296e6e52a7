"""The one way in: a configuration becomes a checked, preprocessed ``Dataset``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.config import (
    BUNDLED,
    GENERATORS,
    PARQUET,
    SHAPE,
    STORE,
    DataConfig,
    check_config,
)
from hetengine.data.dataset import Dataset, FloatType, Matrix, is_dense
from hetengine.data.files import existing_file, set_name
from hetengine.data.labels import cut_at
from hetengine.data.validate import check_matrix
from hetengine.errors import DataError, UsageError


def load_dataset(config: DataConfig, dtype: FloatType, seed: int) -> Dataset:
    """Load or generate a data set.

    Parameters
    ----------
    config : DataConfig
        What to load and how to prepare it.
    dtype : numpy.dtype
        Float32 or float64 for X.
    seed : int
        Seed of the generators where ``config.seed`` is None.

    Returns
    -------
    Dataset
        Checked; with ``test`` where there is a test set.

    Raises
    ------
    UsageError
        If keys are wrong or do not go together, or the set is ``shape``.
    DataError
        If a file cannot be used; the message names file and line, or row and column.

    Examples
    --------
    >>> load_dataset(DataConfig(name="iris", threshold=0.5), np.float32, seed=0).X.shape
    (150, 4)
    """
    from hetengine.data.preprocess import preprocess

    check_config(config)
    if config.name == STORE:
        return _stored(Path(str(config.path)).expanduser())
    dataset = _read(config, np.dtype(dtype), seed)
    if config.columns is not None:
        dataset = _with_columns(dataset, config.columns, f"data.columns={config.columns}")
    if dataset.test is not None:
        limit = f"the training set has {dataset.columns}"
        dataset = replace(dataset, test=_with_columns(dataset.test, dataset.columns, limit))
    if config.weights_path is not None:
        dataset = replace(dataset, weights=_weights(config.weights_path, dataset.X))
    if config.threshold is not None:
        dataset = _cut(dataset, config.threshold)
    dataset = preprocess(dataset, config)
    for part in (dataset, dataset.test):
        if part is not None:
            check_matrix(part.X, part.name)
    return dataset


def shape_of(config: DataConfig) -> tuple[int, int, float]:
    """Return the size of a data set that need not exist, for ``mode=dry``.

    Parameters
    ----------
    config : DataConfig
        ``shape`` or a generator.

    Returns
    -------
    rows, columns : int
        Sizes.
    density : float
        Fraction of stored entries; 1 means a dense layout.

    Raises
    ------
    UsageError
        If keys are wrong, or the size of this set is known only after loading it.

    Examples
    --------
    >>> shape_of(DataConfig(name="shape", rows=10, columns=4))
    (10, 4, 1.0)
    """
    check_config(config)
    rows, columns = config.rows, config.columns
    if rows is None or columns is None:
        raise UsageError(
            f"the size of data={config.name} is known only after loading it; use data=shape "
            "data.rows=ROWS data.columns=COLUMNS"
        )
    if config.name == "sparse_powerlaw":
        from hetengine.data.synthetic import entries_per_row

        return rows, columns, entries_per_row(config) / columns
    return rows, columns, 1.0 if config.density is None else config.density


def _stored(path: Path) -> Dataset:
    """Open a column store; its columns were checked when they were written."""
    from hetengine.store.store import open_store

    store = open_store(path)
    return Dataset(store.header.name, store, store.y, store.weights)


def _read(config: DataConfig, dtype: np.dtype[Any], seed: int) -> Dataset:
    if config.name == SHAPE:
        raise UsageError(
            "data=shape holds sizes only and is for mode=dry; choose another data set, such as "
            "data=adult, or set mode=dry"
        )
    if config.name == PARQUET:
        raise UsageError(
            "data=parquet is read by hetengine convert only; type hetengine convert data=parquet "
            f"data.path={config.path} --side primal|dual --out DIR, and data=store data.path=DIR"
        )
    if config.name in GENERATORS:
        from hetengine.data import synthetic

        make: Any = getattr(synthetic, config.name)
        return make(config, dtype, seed if config.seed is None else config.seed)
    if config.name in BUNDLED or config.name == "adult":
        from hetengine.data.bundled import load_adult, load_bundled

        return load_adult(dtype) if config.name == "adult" else load_bundled(config.name, dtype)
    return _read_files(config, dtype)


def _read_files(config: DataConfig, dtype: np.dtype[Any]) -> Dataset:
    paths = [existing_file(str(config.path), "data.path")]
    targets = [_optional(config.target_path, "data.target_path")]
    if config.test_path is not None:
        paths.append(existing_file(config.test_path, "data.test_path"))
        targets.append(_optional(config.test_target_path, "data.test_target_path"))
    if config.name == "svmlight":
        from hetengine.data.svmlight import read_svmlight

        pairs = read_svmlight(paths, dtype, columns=config.columns, index_base=config.index_base)
        parts = [Dataset(set_name(path), X, y) for path, (X, y) in zip(paths, pairs, strict=True)]
    else:
        parts = [
            _read_one(config, path, target, dtype)
            for path, target in zip(paths, targets, strict=True)
        ]
    return replace(parts[0], test=parts[1]) if len(parts) == 2 else parts[0]


def _read_one(config: DataConfig, path: Path, target: Path | None, dtype: np.dtype[Any]) -> Dataset:
    if config.name == "csv":
        from hetengine.data.table import read_csv

        X, y = read_csv(
            path,
            dtype,
            target_column=config.target_column,
            header=config.header,
            delimiter=config.delimiter,
        )
        return Dataset(set_name(path), X, y)
    from hetengine.data.arrays import read_npy, read_npz

    if config.name == "npz":
        return read_npz(path, target, dtype)
    return read_npy(path, target, dtype, config.target_column)


def _optional(path: str | None, key: str) -> Path | None:
    return None if path is None else existing_file(path, key)


def _with_columns(dataset: Dataset, columns: int, limit: str) -> Dataset:
    """Pad a sparse X to a number of columns; refuse what does not fit."""
    if dataset.columns == columns:
        return dataset
    X = dataset.X
    if is_dense(X) or dataset.columns > columns:
        raise DataError(
            f"{dataset.name}: {dataset.columns} columns, but {limit}; "
            "both need the same columns in the same order"
        )
    from scipy.sparse import csr_array

    parts = (X.data, X.indices, X.indptr)
    return replace(dataset, X=csr_array(parts, shape=(dataset.rows, columns)))


def _weights(path: str, X: Matrix) -> np.ndarray | None:
    from hetengine.data.arrays import read_array
    from hetengine.data.convert import weights_of

    file = existing_file(path, "data.weights_path")
    return weights_of(read_array(file), X, str(file))


def _cut(dataset: Dataset, threshold: float) -> Dataset:
    test = None if dataset.test is None else _cut(dataset.test, threshold)
    return replace(dataset, y=cut_at(dataset.y, threshold), test=test)
