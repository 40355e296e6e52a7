"""Parts of the examples that are held out in turn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hetengine.data.dataset import Dataset
from hetengine.errors import DataError, UsageError

Ids = NDArray[np.int64]
Split = tuple[Ids, Ids]


def make_folds(dataset: Dataset, folds: int, seed: int, stratified: bool) -> list[Split]:
    """Split the examples at random, as scikit-learn's `KFold` and `StratifiedKFold` do.

    Parameters
    ----------
    dataset : Dataset
    folds : int
        How many parts.
    seed : int
        Seeds the shuffling; taken modulo 2**32, as scikit-learn takes no more.
    stratified : bool
        Keep the share of each label the same in all parts.

    Returns
    -------
    list of tuple of ndarray
        Rows to train on and rows held out.

    Raises
    ------
    UsageError
        If there are fewer rows, or rows of a class, than folds.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    if folds > dataset.rows:
        raise UsageError(f"cv.folds={folds} is more than the {dataset.rows} rows")
    if stratified:
        values, counts = np.unique(dataset.y, return_counts=True)
        if counts.min() < folds:
            scarce = values[counts.argmin()]
            raise UsageError(
                f"cv.folds={folds} is more than the {counts.min()} rows of class {scarce:g}; "
                f"allowed: 2 to {counts.min()}"
            )
    kind = StratifiedKFold if stratified else KFold
    splitter = kind(folds, shuffle=True, random_state=seed % 2**32)
    return list(splitter.split(np.zeros(dataset.rows), dataset.y))


def given_folds(splits: Iterable[tuple[object, object]], rows: int) -> list[Split]:
    """Check folds that a caller has made.

    Parameters
    ----------
    splits : iterable of tuple of array_like
        Row numbers to train on and held out, or masks.
    rows : int
        How many rows there are.

    Raises
    ------
    DataError
        If they are no such pairs.
    """
    pairs = [_pair(split) for split in splits]
    found = [(_rows(train, rows), _rows(test, rows)) for train, test in pairs]
    if len(found) < 2:
        raise DataError(f"folds: {len(found)} pair of row numbers; need at least 2")
    return found


def _pair(split: Any) -> tuple[object, object]:
    try:
        train, test = split
    except (TypeError, ValueError) as error:
        raise DataError(
            f"folds: {type(split).__name__} is no pair; give row numbers to train on and row "
            "numbers held out"
        ) from error
    return train, test


def _rows(ids: object, rows: int) -> Ids:
    array = np.asarray(ids)
    if array.dtype == bool and array.shape == (rows,):
        array = np.flatnonzero(array)
    numbers = array.ndim == 1 and array.size > 0 and array.dtype.kind in "iu"
    if not numbers or array.min() < 0 or array.max() >= rows:
        raise DataError(f"folds: each part must be row numbers from 0 to {rows - 1}, or a mask")
    return array.astype(np.int64)


def part_of(dataset: Dataset, ids: Ids) -> Dataset:
    """Return some of the examples, copied.

    Parameters
    ----------
    dataset : Dataset
    ids : ndarray of int64
        Rows.
    """
    weights = None if dataset.weights is None else dataset.weights[ids]
    return Dataset(dataset.name, dataset.X[ids], dataset.y[ids], weights)
