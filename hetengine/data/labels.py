"""Class labels as signs."""

from __future__ import annotations

import numpy as np

from hetengine.errors import DataError

SHOWN = 6


def binary_labels(y: np.ndarray, name: str) -> tuple[np.ndarray, tuple[float, float]]:
    """Map two-valued labels to -1 and +1.

    Parameters
    ----------
    y : numpy.ndarray of float64, shape (rows,)
        Labels with exactly two values, such as -1 / +1, 0 / 1 or 1 / 2.
    name : str
        Name of the data set, for the message.

    Returns
    -------
    signs : numpy.ndarray of float64, shape (rows,)
        -1 where the label is the smaller value, +1 where it is the larger.
    classes : tuple of (float, float)
        The values that became -1 and +1.

    Raises
    ------
    DataError
        If there are not exactly two values.

    Examples
    --------
    >>> binary_labels(np.array([0.0, 1.0, 1.0]), "coin")
    (array([-1.,  1.,  1.]), (0.0, 1.0))
    """
    values = _two_values(y)
    if len(values) != 2:
        seen = ", ".join(f"{value:g}" for value in values[:SHOWN])
        more = ", ..." if len(values) > SHOWN else ""
        raise DataError(
            f"{name}: this loss needs labels of 2 classes, found {len(values)} ({seen}{more}); "
            "set data.threshold=VALUE to cut them in two, or use a regression problem such as "
            "problem=ridge"
        )
    classes = (float(values[0]), float(values[1]))
    return signs_of(y, classes, name), classes


def _two_values(y: np.ndarray) -> np.ndarray:
    """Return the distinct values; where there are two, without sorting."""
    ends = np.array([y.min(), y.max()])
    two = ends[0] < ends[1] and bool(((y == ends[0]) | (y == ends[1])).all())
    return ends if two else np.unique(y)


def signs_of(y: np.ndarray, classes: tuple[float, float], name: str) -> np.ndarray:
    """Map labels to signs by classes already known, for instance those of the training set.

    Parameters
    ----------
    y : numpy.ndarray of float64, shape (rows,)
        Labels, each one of ``classes``.
    classes : tuple of (float, float)
        The values that become -1 and +1.
    name : str
        Name of the data set, for the message.

    Returns
    -------
    numpy.ndarray of float64, shape (rows,)
        -1 or +1.

    Raises
    ------
    DataError
        If another label occurs.
    """
    strange = np.flatnonzero((y != classes[0]) & (y != classes[1]))
    if strange.size:
        raise DataError(
            f"{name}: label {y[strange[0]]:g} of row {strange[0]} is neither of the training "
            f"classes {classes[0]:g} and {classes[1]:g}; drop the row or correct it"
        )
    return np.where(y == classes[1], 1.0, -1.0)


def cut_at(y: np.ndarray, threshold: float) -> np.ndarray:
    """Turn numbers into classes: +1 above the threshold, -1 otherwise.

    Parameters
    ----------
    y : numpy.ndarray of float64, shape (rows,)
        Numbers.
    threshold : float
        Where to cut.

    Returns
    -------
    numpy.ndarray of float64, shape (rows,)
        -1 or +1.
    """
    return np.where(y > threshold, 1.0, -1.0)
