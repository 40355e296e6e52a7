"""First guesses of the Hessian of a smooth loss: cheap to make, cheap to invert.

At coefficients 0 the Hessian is ``h X^T diag(c) X + lam I`` with one number h. Where it fits, its
Gram matrix is taken over a sample of the examples: preconditioned with m sampled rows, the error of
a quadratic falls by about d / m per pass (the spectrum of a sampled Gram matrix lies between
``(1 -+ sqrt(d / m))^2``). Otherwise the diagonal of the covariance is used, and the mean of the
features beside it: features that are never negative have one direction that dominates all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from hetengine.problems import Kind
from hetengine.solvers.resident.rows import RUN, Rows
from hetengine.solvers.worker import Process

Solve = Callable[[np.ndarray], np.ndarray]

_MOST_FEATURES = 4096
_LEAST_RATIO, _MOST_RATIO = 2.5, 16.0
_FLOPS_PER_BYTE = 5.0  # of a matrix product beside a pass over data, on one core of a server
_DECADES = 11.5  # ln 1e5: from a cold start to a relative suboptimality of 1e-4 or 1e-5

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
    ratio = _LEAST_RATIO
    for _ in range(60):
        ratio = min(max(goal / math.log(ratio) ** 2, _LEAST_RATIO), _MOST_RATIO)
    return ratio


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
        self._gram: np.ndarray | None = None
        self._squares: np.ndarray | None = None
        self.means: np.ndarray | None = None
        self.runs, self.scale = np.empty(0, np.int64), 1.0
        few = rows.features <= min(_MOST_FEATURES, rows.examples / 2)
        self.sampled = rows.dense and few

    @property
    def known(self) -> bool:
        """Whether it has been measured."""
        return self._gram is not None or self._squares is not None

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

    def _sample(self) -> Process:
        """Take the Gram matrix of evenly spread rows, each standing for others of its weight."""
        rows = self._rows
        ratio = sample_ratio(rows.examples, rows.features)
        runs = rows.sample(math.ceil(ratio * rows.features))
        ids = (runs[:, None] + np.arange(RUN)).reshape(-1)
        covered = rows.weight[ids[ids < rows.examples]].sum()
        self.runs, self.scale = runs, rows.weight.sum() / covered if covered > 0 else 1.0
        root = np.sqrt(rows.weight * self.scale)
        size = rows.features + 1
        panel = np.zeros((runs.size * RUN, size), rows.real)
        yield rows.gather(runs, root, np.arange(size), panel)
        gram = np.zeros((size, size))
        yield rows.gram(panel, panel, gram)
        self._gram = gram

    def inverse(self, penalty: np.ndarray) -> Process:
        """Return what applies the inverse of the guess plus ``diag(penalty)``.

        Parameters
        ----------
        penalty : ndarray of float64, shape (d + 1,)
            Strength of the ridge penalty per coefficient; 0 for a constant that is held.
        """
        make = self._dense_inverse if self._gram is not None else self._diagonal_inverse
        return (
            yield self._rows.run(
                "factorise",
                lambda: make(penalty),
                penalty.size ** (2 if self._gram is not None else 1),
                "model",
                nominal=lambda vector: vector,
            )
        )

    def _dense_inverse(self, penalty: np.ndarray) -> Solve:
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        assert self._gram is not None
        held = penalty <= 0
        matrix = self._bend * self._gram
        if self._centred:
            assert self.means is not None
            matrix -= self._bend / self.means[-1] * np.outer(self.means, self.means)
        matrix[np.diag_indices_from(matrix)] += penalty
        matrix[held, :] = matrix[:, held] = 0.0
        matrix[held, held] = 1.0
        try:
            factor = cho_factor(matrix.astype(self._rows.real), check_finite=False)
        except LinAlgError:
            ridge = 1e-6 * float(np.trace(matrix)) / matrix.shape[0]
            factor = cho_factor(matrix + ridge * np.eye(matrix.shape[0]), check_finite=False)
        kind = factor[0].dtype
        return lambda vector: cho_solve(factor, vector.astype(kind), check_finite=False).astype(
            np.float64
        )

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
