"""How a model does on examples it was not trained on."""

from __future__ import annotations

import numpy as np

from hetengine.data.dataset import Dataset
from hetengine.data.labels import signs_of


def score_on(
    coef: np.ndarray, intercept: float, test: Dataset, labels: tuple[float, float] | None
) -> tuple[str, float]:
    """Return the name and the value of the score on a test set.

    Parameters
    ----------
    coef : ndarray, shape (P,)
        Coefficients.
    intercept : float
        Constant.
    test : Dataset
        Held-out examples.
    labels : tuple of float, or None
        Negative and positive class of a classifier; None for regression.

    Returns
    -------
    str
        ``accuracy`` for classifiers, ``r2`` for regression.
    float
        Share of right labels, or the coefficient of determination.
    """
    values = np.asarray(test.X @ coef, dtype=np.float64) + intercept
    if labels is not None:
        signs = signs_of(test.y, labels, test.name)
        return "accuracy", float(np.mean(np.where(values > 0, 1.0, -1.0) == signs))
    residual = float(np.sum((test.y - values) ** 2))
    spread = float(np.sum((test.y - test.y.mean()) ** 2))
    return "r2", 1.0 - residual / spread if spread > 0 else float("nan")
