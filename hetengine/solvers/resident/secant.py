"""What past steps say about the curvature: the two-loop recursion of L-BFGS."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from hetengine.solvers.resident.remembered import remembered

_LEAST, _MOST = 6, 12
_SHARE = 0.3  # of the bytes of the data, for steps and changes
_LEAST_COSINE = 1e-10


class Secants:
    """Steps and the changes of the gradient they brought.

    Parameters
    ----------
    solve : callable
        Applies the inverse of the first guess of the Hessian to a vector.
    nbytes : int
        Of the data: where a vector is a sizeable part of them, fewer steps are kept.
    size : int
        Of a vector.

    References
    ----------
    Nocedal and Wright, Numerical Optimization, 2nd edition, algorithm 7.4.
    """

    def __init__(self, solve: Callable[[np.ndarray], np.ndarray], nbytes: int, size: int) -> None:
        self._solve = solve
        most = remembered(nbytes, 16 * size, _SHARE, _LEAST, _MOST)
        self._pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=most)

    @property
    def touched(self) -> int:
        """How many vectors a `direction` goes through, in threes: it grows with what is known."""
        return 2 + 3 * len(self._pairs)

    def learn(self, step: np.ndarray, change: np.ndarray) -> None:
        """Take in a step and the change of the gradient; steps without curvature are left out.

        Parameters
        ----------
        step, change : ndarray of float64, shape (d,)
        """
        product = float(step @ change)
        if product > _LEAST_COSINE * float(np.linalg.norm(step) * np.linalg.norm(change)):
            self._pairs.append((step, change, product))

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Return minus the inverse Hessian, as far as it is known, times the gradient.

        Parameters
        ----------
        gradient : ndarray of float64, shape (d,)

        Returns
        -------
        ndarray of float64, shape (d,)
        """
        rest = gradient.copy()
        shares = []
        for step, change, product in reversed(self._pairs):
            share = float(step @ rest) / product
            shares.append(share)
            rest -= share * change
        result = self._solve(rest)
        if self._pairs:
            _, change, product = self._pairs[-1]
            result *= product / float(change @ self._solve(change))
        for (step, change, product), share in zip(self._pairs, reversed(shares), strict=True):
            result += (share - float(change @ result) / product) * step
        return np.negative(result, out=result)
