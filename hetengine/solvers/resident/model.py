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
    gram : ndarray of float64, shape (m, m), m >= k
        Its first k rows and columns are the Hessian; the others are room to grow.
    """

    def __init__(
        self,
        rows: Rows,
        runs: np.ndarray,
        root: np.ndarray,
        means: np.ndarray | None,
    ) -> None:
        self._rows, self._runs, self._root, self._means = rows, runs, root, means
        self._panels: list[np.ndarray] = []
        self._least = np.zeros(rows.features)
        self.features = np.empty(0, np.int64)
        self.gram = np.empty((0, 0))

    def grow(self, features: np.ndarray) -> Process:
        """Take in features it does not know."""
        rows = self._rows
        shape = (self._runs.size * RUN, features.size)
        fresh = yield rows.run(
            "extend",
            lambda: rows.panel(self._runs, features.size),
            shape[0] * features.size,
            "model",
            nominal=np.broadcast_to(np.zeros((), rows.real), shape),
        )
        yield rows.gather(self._runs, self._root, features, fresh)
        yield from self.adopt(features, fresh)

    def adopt(self, features: np.ndarray, fresh: np.ndarray) -> Process:
        """Take in features it does not know, whose entries somebody else has gathered.

        Parameters
        ----------
        features : ndarray of int64, shape (k,)
        fresh : ndarray, shape (examples of its runs, k)
            As `Rows.gather` makes it.
        """
        rows, old = self._rows, self.features.size
        size = old + features.size
        # Side by side in one array they would have to be copied whenever features come.
        self._panels.append(fresh)
        self._make_room(size)
        first, beside = 0, self.gram[:, old:size]
        for panel in self._panels:
            last = first + panel.shape[1]
            yield rows.gram(panel, fresh, beside[first:last])
            first = last
        self.features = np.concatenate([self.features, features])
        if self._means is not None:
            means = self._means
            beside[:size] -= np.outer(means[self.features], means[features]) / means[-1]
        yield rows.mirror(self.gram, old, size)
        self._raise_diagonal()

    def stiffen(self, least: np.ndarray) -> None:
        """Raise what is on the diagonal of the Hessian to these values at least.

        Parameters
        ----------
        least : ndarray of float64, shape (d,)
            By feature: of one that the examples do not show, what it is on all.
        """
        self._least = least
        self._raise_diagonal()

    def _raise_diagonal(self) -> None:
        diagonal = np.einsum("ii->i", self.gram)[: self.features.size]
        np.maximum(diagonal, self._least[self.features], out=diagonal)

    def _make_room(self, size: int) -> None:
        """Have the Hessian where twice as many features have room, if these have not."""
        old = self.features.size
        if size > self.gram.shape[0]:
            room = max(size, 2 * old)
            gram = np.zeros((room, room))
            gram[:old, :old] = self.gram[:old, :old]
            self.gram = gram

    def learn(self, step: np.ndarray, change: np.ndarray, size: float) -> Process:
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
        yield self._rows.learn(self.gram, step, change, product)


def build_model(rows: Rows) -> Process:
    """Launch its kernels on nothing, so that they are compiled.

    Parameters
    ----------
    rows : Rows
    """
    part = np.zeros((1, 2), rows.real)[:, :1]
    yield rows.gather(rows.runs[:0], np.empty(0), np.zeros(1, np.int64), part)
    gram, one = np.ones((1, 1)), np.ones(1)
    yield rows.mirror(gram, 1, 1)
    yield rows.learn(gram, one, one, 1.0)
