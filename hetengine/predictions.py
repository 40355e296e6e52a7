"""What linear models say of examples: the same for one model and for all of a path."""

from __future__ import annotations

from typing import Any

import numpy as np

from hetengine.errors import DataError


def linear_values(X: Any, coefs: np.ndarray, intercepts: np.ndarray | float) -> np.ndarray:
    """Return ``X coefs^T + intercepts``.

    Parameters
    ----------
    X : array or SciPy sparse array of shape (n_rows, n_features)
        Examples.
    coefs : ndarray of shape (n_features,) or (models, n_features)
        Coefficients.
    intercepts : float or ndarray of shape (models,)
        Constants.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, models), float64

    Raises
    ------
    DataError
        If X does not have one column per coefficient.
    """
    matrix = X if hasattr(X, "tocsr") else np.asarray(X)
    features = coefs.shape[-1]
    if matrix.ndim != 2 or matrix.shape[1] != features:
        raise DataError(
            f"X has shape {matrix.shape} but a model has {features} coefficients; "
            f"give it as (rows, {features})"
        )
    return np.asarray(matrix @ coefs.T, dtype=np.float64) + intercepts


def labelled(values: np.ndarray, labels: tuple[float, float] | None) -> np.ndarray:
    """Return a label by the sign of each value; regressors, which have none, say the value itself.

    Parameters
    ----------
    values : ndarray of float64
        From `linear_values`.
    labels : tuple of float or None
        Of the negative and the positive class.
    """
    if labels is None:
        return values
    negative, positive = labels
    return np.where(values > 0, positive, negative)
