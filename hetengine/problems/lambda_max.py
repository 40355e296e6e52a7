"""The yardstick of ``lam_ratio``: the smallest lambda at which no feature enters a lasso."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.errors import DataError, UsageError, did_you_mean
from hetengine.problems.config import SIDES
from hetengine.problems.matrix import Matrix, columns_of


def normalised_weights(weights: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    """Return example weights scaled to mean 1.

    Parameters
    ----------
    weights : array_like, shape (N,), or None
        None means all equal.
    rows : int
        N.

    Returns
    -------
    ndarray of float64, shape (N,)

    Raises
    ------
    DataError
        If there is not one finite weight >= 0 per row, or all are 0.
    """
    if weights is None:
        return np.ones(rows)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (rows,):
        raise DataError(
            f"weights of shape {values.shape} must have one entry for each of {rows} rows"
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        raise DataError(
            f"weights[{bad[0]}]={values[bad[0]]} must be finite and at least 0 ({bad.size} such)"
        )
    if not values.any():
        raise DataError("all example weights are 0; at least one must be greater than 0")
    return values / values.mean()


def lambda_max(
    name: str,
    X: Matrix,
    y: ArrayLike,
    weights: ArrayLike | None = None,
    intercept: bool = False,
    l1_ratio: float = 0.5,
) -> float:
    """Return the lambda that ``lam_ratio`` is a fraction of.

    For the lasso it is ``max_j |X^T W (y - ybar)|_j / N`` (ybar the weighted mean with an
    intercept, else 0), the smallest lambda at which all coefficients are 0; for the elastic net the
    same divided by ``l1_ratio``. The other problems have no lambda at which the model is exactly
    0: for them it is, by convention, the lasso's value on the same labels.

    Parameters
    ----------
    name : str
        Problem name.
    X : ndarray or SciPy sparse array, shape (N, P)
    y : array_like, shape (N,)
    weights : array_like, shape (N,), optional
    intercept : bool
    l1_ratio : float
        Used by the elastic net alone.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If the name is unknown.
    """
    if name not in SIDES:
        raise UsageError(f"problem.name={name!r}; {did_you_mean(name, SIDES)}")
    labels = np.asarray(y, dtype=np.float64)
    scale = normalised_weights(weights, labels.size)
    residual = scale * (labels - float(scale @ labels) / labels.size * intercept)
    products = _transposed_product(X, residual) / labels.size
    largest = float(np.abs(products).max(initial=0.0))
    return largest / l1_ratio if name == "elastic_net" else largest


def _transposed_product(X: Matrix, vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``X^T vector`` in the layout X already has, so that nothing is copied."""
    if hasattr(X, "transposed_product"):
        return X.transposed_product(vector)
    by_column = X.format == "csc" if hasattr(X, "tocsc") else np.asarray(X).flags.f_contiguous
    dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    if by_column:
        return columns_of(X, "primal", dtype).dot(vector)
    return columns_of(X, "dual", dtype).combine(vector)
