"""A quadratic model of the loss over some features, from a sample of the examples.

Its Gram matrix is that of the sample, so adding a feature costs a pass over the sample only; steps
that have been taken correct it (BFGS), so that what the sample got wrong matters less every round.
"""

from __future__ import annotations

import numpy as np

from hetengine.solvers.resident.rows import RUN, Rows
from hetengine.solvers.worker import Process

_LEAST_COSINE = 1e-10
_ROUNDING = 1e-5


class Model:
    """Curvature of a squared loss over a growing set of features.

    Parameters
    ----------
    rows : Rows
        The data.
    runs : ndarray of int64
        Runs of the sample.
    root : ndarray of float64, shape (N,)
        Square roots of the weights, scaled so that the sample stands for all examples.
    means : ndarray of float64, shape (d + 1,), or None
        ``X^T c`` of the sample where the constant is profiled out, the sum of weights last.

    Attributes
    ----------
    features : ndarray of int64, shape (k,)
        Those it knows, in the order they came.
    gram : ndarray of float64, shape (k, k)
        Its Hessian.
    """

    def __init__(
        self, rows: Rows, runs: np.ndarray, root: np.ndarray, means: np.ndarray | None
    ) -> None:
        self._rows, self._runs, self._root, self._means = rows, runs, root, means
        self._panels: list[np.ndarray] = []
        self.features = np.empty(0, np.int64)
        self.gram = np.empty((0, 0))

    def grow(self, features: np.ndarray) -> Process:
        """Take in features it does not know."""
        rows, old = self._rows, self.features.size
        panel = np.zeros((self._runs.size * RUN, features.size), rows.real)
        yield rows.gather(self._runs, self._root, features, panel)
        self._panels.append(panel)
        gram = np.zeros((old + features.size,) * 2)
        gram[:old, :old] = self.gram
        first = 0
        for each in self._panels:
            block = np.zeros((each.shape[1], features.size))
            yield rows.gram(each, panel, block)
            known = self.features[first : first + each.shape[1]]
            block -= self._centre(known if known.size else features, features)
            last = first + each.shape[1]
            gram[first:last, old:] = block
            gram[old:, first:last] = block.T
            first = last
        self.features = np.concatenate([self.features, features])
        self.gram = gram

    def learn(self, step: np.ndarray, change: np.ndarray, size: float) -> None:
        """Make the Hessian map a step to the change of the gradient that it brought.

        Parameters
        ----------
        step, change : ndarray of float64, shape (k,)
            Over the features it knows.
        size : float
            Of the gradient; changes that may be rounding of it teach nothing.
        """
        if float(np.abs(change).max(initial=0.0)) <= _ROUNDING * size:
            return
        product = float(step @ change)
        if product <= _LEAST_COSINE * float(np.linalg.norm(step) * np.linalg.norm(change)):
            return
        guess = self.gram @ step
        self.gram += np.outer(change, change) / product
        self.gram -= np.outer(guess, guess) / float(step @ guess)

    def _centre(self, left: np.ndarray, right: np.ndarray) -> np.ndarray | float:
        if self._means is None:
            return 0.0
        return np.outer(self._means[left], self._means[right]) / self._means[-1]
