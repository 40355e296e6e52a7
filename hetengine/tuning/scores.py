"""How all points of a path do on examples they were not trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetengine.data.dataset import Dataset
from hetengine.data.labels import signs_of

Vector = NDArray[np.float64]


def scores_on(
    name: str,
    coefs: Vector,
    intercepts: Vector,
    held_out: Dataset,
    labels: tuple[float, float] | None,
) -> Vector:
    """Return the score of every point.

    Parameters
    ----------
    name : {'mse', 'accuracy', 'log_loss'}
    coefs : ndarray, shape (points, P)
    intercepts : ndarray, shape (points,)
    held_out : Dataset
        Examples; weighted where they have weights.
    labels : tuple of float, or None
        Negative and positive class of a classifier.

    Returns
    -------
    ndarray of float64, shape (points,)
    """
    values = np.asarray(held_out.X @ coefs.T, dtype=np.float64) + intercepts
    if labels is None:
        each = (held_out.y[:, None] - values) ** 2
    else:
        signs = signs_of(held_out.y, labels, held_out.name)[:, None]
        each = _of_margins(name, signs, values)
    return np.average(each, axis=0, weights=held_out.weights)


def _of_margins(name: str, signs: Vector, values: Vector) -> Vector:
    if name == "log_loss":
        return np.logaddexp(0.0, -signs * values)
    return (np.where(values > 0, 1.0, -1.0) == signs).astype(np.float64)


def higher_is_better(name: str) -> bool:
    """Return whether a larger score is the better one."""
    return name == "accuracy"
