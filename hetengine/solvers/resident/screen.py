"""Features that one solve need not look at again: gap-safe screening for data in memory by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hetengine.problems import Certificate, CoordinateProblem, safe_to_drop
from hetengine.problems.numeric import stripes

_ROUNDING = 1e-5  # how far what float32 rows say may be off, as a share of its largest size
_LARGER = 1.0 + 1e-4  # squared norms are sums of float32, and have to be bounds


class Screen:
    """Which features may still be in the support of one problem's solution.

    Every certificate bounds the distance from its dual point to the best one, and so what a
    feature's product with the best one can be (Ndiaye et al., Gap Safe screening rules, JMLR 2017,
    the sphere of radius ``sqrt(2 L gap)``).

    Parameters
    ----------
    problem : CoordinateProblem
        On the primal side.
    norms : ndarray of float32 or float64, shape (P,), or None
        ``||a_j|| / sqrt(N)`` of each feature over all examples; nothing is ruled out where it is
        not known, because a pass that measures it costs more than it can save.
    exact : bool
        Whether products with features are those of float64.

    Attributes
    ----------
    exact : bool
        May be set when they become so.
    possible : ndarray of bool, shape (P,)
        False for features that are 0 in every solution.
    """

    def __init__(self, problem: CoordinateProblem, norms: np.ndarray | None, exact: bool) -> None:
        self._problem, self.exact = problem, exact
        self._norms = norms
        self.possible = np.ones(problem.features, bool)

    def learn(self, certificate: Certificate, w: np.ndarray, u: np.ndarray) -> None:
        """Rule out what a dual point and its certificate rule out.

        Parameters
        ----------
        certificate : Certificate
            Of this dual point.
        w : ndarray of float64, shape (N,)
            The dual point, not rescaled.
        u : ndarray of float64, shape (n,)
            Its products with the features.
        """
        if self._norms is None or not np.isfinite(certificate.gap):
            return
        if not self.exact:
            gap = certificate.gap + _ROUNDING * abs(certificate.objective)
            certificate = replace(certificate, gap=gap)
        square = 0.0 if self.exact else float(w @ w)
        for part in stripes(self.possible.size):
            squares = self._norms[part].astype(np.float64) ** 2
            squares *= _LARGER * self._problem.rows
            reach = _ROUNDING * np.sqrt(squares * square)
            nothing = np.broadcast_to(0.0, squares.size)
            settled, _ = safe_to_drop(
                self._problem, certificate, nothing, u[part], squares, reach, part
            )
            self.possible[part] &= ~settled
