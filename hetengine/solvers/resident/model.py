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
    room : int
        Features that it has room for from the start; it makes more by copying what it has.

    Attributes
    ----------
    features : ndarray of int64, shape (k,)
        Those it knows, in the order they came.
    gram : ndarray of float64, shape (k, k)
        Its Hessian.
    """

    def __init__(
        self,
        rows: Rows,
        runs: np.ndarray,
        root: np.ndarray,
        means: np.ndarray | None,
        room: int = 0,
    ) -> None:
        self._rows, self._runs, self._root, self._means = rows, runs, root, means
        self._panel = np.zeros((runs.size * RUN, room), rows.real)
        self.features = np.empty(0, np.int64)
        self.gram = np.empty((0, 0))

    def grow(self, features: np.ndarray) -> Process:
        """Take in features it does not know."""
        rows, old = self._rows, self.features.size
        size = old + features.size
        shape = (self._panel.shape[0], features.size)
        fresh = yield rows.run(
            "extend",
            lambda: self._extended(old, size),
            shape[0] * size if size > self._panel.shape[1] else 0,
            "model",
            nominal=np.broadcast_to(np.zeros((), self._panel.dtype), shape),
        )
        yield rows.gather(self._runs, self._root, features, fresh)
        self.features = np.concatenate([self.features, features])
        block = np.zeros((size, features.size))
        # One product, however often the model has grown.
        yield rows.gram(self._known(size), fresh, block)
        block -= self._centre(self.features, features)
        gram = np.zeros((size, size))
        gram[:old, :old] = self.gram
        gram[:, old:], gram[old:, :old] = block, block[:old].T
        self.gram = gram

    def _known(self, size: int) -> np.ndarray:
        """Return the panel of the first features; nothing is in it where numerics are skipped."""
        if size <= self._panel.shape[1]:
            return self._panel[:, :size]
        return np.broadcast_to(np.zeros((), self._panel.dtype), (self._panel.shape[0], size))

    def _extended(self, old: int, size: int) -> np.ndarray:
        """Return columns for features yet to come, beside those of the ``old`` known ones."""
        if size > self._panel.shape[1]:
            wider = np.zeros((self._panel.shape[0], max(size, 2 * old)), self._panel.dtype)
            wider[:, :old] = self._panel[:, :old]
            self._panel = wider
        return self._panel[:, old:size]

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
