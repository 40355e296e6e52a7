"""First guesses of the Hessian of a smooth loss: cheap to make, cheap to invert.

At coefficients 0 the Hessian is ``h X^T diag(c) X + lam I`` with one number h. Where it fits, its
Gram matrix is taken over a sample of the examples: preconditioned with m sampled rows, the error of
a quadratic falls by about d / m per pass (the spectrum of a sampled Gram matrix lies between
``(1 -+ sqrt(d / m))^2``). Otherwise the diagonal of the covariance is used, and the mean of the
features beside it: features that are never negative have one direction that dominates all others.
"""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np

from hetengine.problems import Kind
from hetengine.solvers.resident.rows import RUN, Rows
from hetengine.solvers.resident.triangles import SharedTriangles, Solve
from hetengine.solvers.worker import Process

_MOST_FEATURES = 4096
_LEAST_RATIO, _MOST_RATIO = 2.5, 16.0
_FLOPS_PER_BYTE = 5.0  # of a matrix product beside a pass over data, on one core of a server
_DECADES = 11.5  # ln 1e5: from a cold start to a relative suboptimality of 1e-4 or 1e-5
_PANEL_BYTES = 1 << 24  # of sampled rows at once: large enough for matrix products to be fast

#: Second derivative of each loss by the score, at score 0 and weight 1.
BEND = {Kind.PENALTY: 1.0, Kind.SQUARED: 1.0, Kind.SQUARED_HINGE: 1.0, Kind.LOGISTIC: 0.25}


def sample_ratio(examples: int, features: int) -> float:
    """Return how many sampled rows per feature make a solve shortest.

    A pass costs ``p``, the Gram matrix of ``r d`` rows ``r q``, and a solve takes
    ``ln(1e5) / ln r`` passes: the sum is least where ``r ln(r)^2 = ln(1e5) p / q``.

    Parameters
    ----------
    examples, features : int

    Returns
    -------
    float
        Between 2.5 and 16.
    """
    goal = _DECADES * 4.0 * _FLOPS_PER_BYTE * examples / features**2
    low, high = _LEAST_RATIO, _MOST_RATIO
    for _ in range(30):
        ratio = 0.5 * (low + high)
        low, high = (ratio, high) if ratio * math.log(ratio) ** 2 < goal else (low, ratio)
    return low


def share_scale(rows: Rows, runs: np.ndarray) -> float:
    """Return how many examples one of those in some runs stands for, by weight.

    Parameters
    ----------
    rows : Rows
    runs : ndarray of int64
    """
    ids = (runs[:, None] + np.arange(RUN)).reshape(-1)
    covered = rows.weight[ids[ids < rows.examples]].sum()
    return rows.weight.sum() / covered if covered > 0 else 1.0


class Curvature:
    """A first guess of the Hessian, kept for all strengths of the penalty.

    Parameters
    ----------
    rows : Rows
        The data.
    kind : Kind
        Of the loss.
    centred : bool
        Whether the constant is profiled out, which takes the mean off every feature.

    Attributes
    ----------
    means : ndarray of float64, shape (d + 1,), or None
        ``X^T c``, once measured.
    runs : ndarray of int64
        Runs of the sample, once taken.
    scale : float
        How many examples one of the sample stands for, by weight.
    """

    def __init__(self, rows: Rows, kind: Kind, centred: bool) -> None:
        self._rows = rows
        self._bend = BEND[kind]
        self._centred = centred
        self._matrix: SharedTriangles | None = None
        self._squares: np.ndarray | None = None
        self.means: np.ndarray | None = None
        self.runs, self.scale = np.empty(0, np.int64), 1.0
        few = rows.features <= min(_MOST_FEATURES, rows.examples / 2)
        self.sampled = rows.dense and few

    @property
    def known(self) -> bool:
        """Whether it has been measured."""
        return self._matrix is not None or self._squares is not None

    def measure(self, slope: np.ndarray) -> Process:
        """Measure it; return ``X^T slope`` as well if that came with it, else None."""
        gradient = None
        if not self.sampled or self._centred:
            sums = np.zeros((self._rows.features + 1, 4))
            yield self._rows.moments(self._rows.runs, slope, sums)
            gradient, self.means, self._squares = (sums[:, k].copy() for k in range(3))
        if self.sampled:
            yield from self._sample()
        return gradient

    def load(self) -> None:
        """Import what factorises before a run sets the threads of every BLAS that is there."""
        if self.sampled:
            import_module("scipy.linalg")

    def _sample(self) -> Process:
        """Take the Gram matrix of evenly spread rows, each standing for others of its weight."""
        rows = self._rows
        ratio = sample_ratio(rows.examples, rows.features)
        runs = rows.sample(math.ceil(ratio * rows.features))
        self.runs, self.scale = runs, share_scale(rows, runs)
        root = np.sqrt(rows.weight * (self.scale * self._bend))
        size = rows.features + 1
        at_once = max(_PANEL_BYTES // (RUN * size * rows.real.itemsize), 1)
        panel = np.zeros((min(at_once, runs.size) * RUN, size), rows.real)
        gram = np.zeros((size, size), rows.real)
        for first in range(0, runs.size, at_once):
            some = runs[first : first + at_once]
            block = panel[: some.size * RUN]
            if some[-1] + RUN > rows.examples:
                block[-RUN:] = 0.0  # the data end within this run
            yield rows.gather(some, root, np.arange(size), block)
            yield rows.gram(block, block, gram)
        self._matrix = SharedTriangles(gram)
        if self._centred:
            yield self._rows.run("centre", self._centre, gram.size, "model")

    def _centre(self) -> None:
        assert self._matrix is not None
        assert self.means is not None
        self._matrix.subtract(self.means, self._bend / self.means[-1])

    def inverse(self, penalty: np.ndarray) -> Process:
        """Return what applies the inverse of the guess plus ``diag(penalty)``, until called again.

        Parameters
        ----------
        penalty : ndarray of float64, shape (d + 1,)
            Strength of the ridge penalty per coefficient; 0 for a constant that is held.
        """
        make = self._dense_inverse if self._matrix is not None else self._diagonal_inverse
        return (
            yield self._rows.run(
                "factorise",
                lambda: make(penalty),
                penalty.size ** (2 if self._matrix is not None else 1),
                "model",
                nominal=lambda vector: vector,
            )
        )

    def _dense_inverse(self, penalty: np.ndarray) -> Solve:
        assert self._matrix is not None
        return self._matrix.factorised(penalty)

    def _diagonal_inverse(self, penalty: np.ndarray) -> Solve:
        assert self._squares is not None
        assert self.means is not None
        mass = self.means[-1]
        variance = np.maximum(self._squares - self.means**2 / mass, 0.0)
        diagonal = self._bend * variance + penalty
        diagonal[diagonal <= 0] = 1.0
        if self._centred:
            return lambda vector: vector / diagonal
        # Sherman and Morrison, for diag + (bend / mass) means means^T.
        along = self.means / diagonal
        along[penalty <= 0] = 0.0
        factor = self._bend / mass / (1.0 + self._bend / mass * float(self.means @ along))
        return lambda vector: vector / diagonal - factor * float(along @ vector) * along
