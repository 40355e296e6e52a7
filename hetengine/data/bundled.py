"""Sets that need no file of the user's: the shipped Adult set and those of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.convert import dataset_of
from hetengine.data.dataset import Dataset, FloatType, Matrix

SETS = Path(__file__).parent / "sets"
ADULT_COLUMNS = 123


def load_adult(dtype: FloatType) -> Dataset:
    """Return the Adult census set with its test set; see ``sets/README.md`` for the source.

    Parameters
    ----------
    dtype : numpy.dtype
        Float32 or float64.

    Returns
    -------
    Dataset
        Sparse, 32,561 x 123, labels -1 / +1; ``test`` has 16,281 rows.
    """
    with np.load(SETS / "adult.npz", allow_pickle=False) as archive:
        members = dict(archive)
    train, test = (_unpacked(members, part, dtype) for part in ("train", "test"))
    return Dataset("adult", *train, test=Dataset("adult test", *test))


def load_bundled(name: str, dtype: FloatType) -> Dataset:
    """Return a set that comes with scikit-learn.

    Parameters
    ----------
    name : str
        One of ``config.BUNDLED``.
    dtype : numpy.dtype
        Float32 or float64.

    Returns
    -------
    Dataset
        Dense; labels as scikit-learn has them (``threshold`` makes two classes of many).
    """
    from sklearn import datasets

    loader: Any = getattr(datasets, f"load_{name}")
    X, y = loader(return_X_y=True)
    return dataset_of(np.array(X), y, name=name, dtype=dtype)


def _unpacked(
    members: Mapping[str, np.ndarray], part: str, dtype: FloatType
) -> tuple[Matrix, np.ndarray]:
    """Return binary rows and labels; an archive opens ten times as fast as text is parsed."""
    from scipy.sparse import csr_array

    columns, entries = members[f"{part}_columns"], members[f"{part}_entries"]
    starts = np.zeros(entries.size + 1, np.int32)
    np.cumsum(entries, out=starts[1:])
    arrays = (np.ones(columns.size, dtype), columns.astype(np.int32), starts)
    X = csr_array(arrays, shape=(entries.size, ADULT_COLUMNS))
    return X, members[f"{part}_labels"].astype(np.float64)
