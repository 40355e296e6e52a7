"""Sets that need no file of the user's: the shipped Adult set and those of scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.convert import dataset_of
from hetengine.data.dataset import Dataset, FloatType
from hetengine.data.svmlight import read_svmlight

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
    paths = [SETS / "adult.svm.bz2", SETS / "adult.t.svm.bz2"]
    train, test = read_svmlight(paths, dtype, columns=ADULT_COLUMNS, index_base="one")
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
