"""What linear models say of examples: the same for one model and for all of a path."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from hetengine.data.convert import check_kind, real_array
from hetengine.data.validate import first_nonfinite
from hetengine.errors import DataError


class LinearModels(abc.ABC):
    """One linear model, or several of the same features.

    Attributes
    ----------
    labels : tuple of float or None
        For classifiers, the labels of the negative and the positive class.
    """

    labels: tuple[float, float] | None

    @abc.abstractmethod
    def _linear(self) -> tuple[np.ndarray, np.ndarray | float]:
        """Return coefficients, shape (features,) or (models, features), and constants."""

    def decision_function(self, X: Any) -> np.ndarray:
        """Return ``X w + intercept``: of a path for every point, of a choice for the chosen one.

        Parameters
        ----------
        X : array or SciPy sparse array of shape (n_rows, n_features)
            Examples.

        Returns
        -------
        ndarray of shape (n_rows,) or, for a path, (n_rows, points), float64

        Raises
        ------
        DataError
            If X does not have one column per coefficient, or holds NaN, Inf or no numbers.
        """
        coefs, intercepts = self._linear()
        matrix = X.tocsr() if hasattr(X, "tocsr") else real_array(X, "predict", "X")
        features = coefs.shape[-1]
        if matrix.ndim != 2 or matrix.shape[1] != features:
            raise DataError(
                f"X has shape {matrix.shape} but a model has {features} coefficients; "
                f"give it as (rows, {features})"
            )
        check_kind(matrix.dtype, "predict", "X")
        bad = first_nonfinite(matrix)
        if bad is not None:
            row, column, value = bad
            raise DataError(f"predict: X[{row}, {column}] is {value}; fill it or drop the row")
        return np.asarray(matrix @ coefs.T, dtype=np.float64) + intercepts

    def predict(self, X: Any) -> np.ndarray:
        """Return labels for a classifier, values for a regressor.

        Parameters
        ----------
        X : array or SciPy sparse array of shape (n_rows, n_features)
            Examples.

        Returns
        -------
        ndarray of shape (n_rows,) or, for a path, (n_rows, points), float64

        Raises
        ------
        DataError
            If X does not have one column per coefficient, or holds NaN, Inf or no numbers.
        """
        values = self.decision_function(X)
        if self.labels is None:
            return values
        negative, positive = self.labels
        return np.where(values > 0, positive, negative)
