"""First guesses of the Hessian of a smooth loss: cheap to make, cheap to invert.

At coefficients 0 the Hessian is ``h X^T diag(c) X + lam I`` with one number h. Where it fits, its
Gram matrix is taken over a sample of the examples, and what it says about pairs of features is
believed as far as a sample of that size can tell (Ledoit and Wolf 2004; the share taken off is that
of Schaefer and Strimmer 2005, target D). Preconditioned with m sampled rows alone the error of a
quadratic falls by d / m per pass (the spectrum of a sampled Gram matrix lies between
``(1 -+ sqrt(d / m))^2``); shrunk, it falls by d / (m + d) or faster. Where it falls slowly, the
sample has missed rows that matter, or the curvature has changed: another is taken.

Otherwise the diagonal of the covariance is used, and the mean of the features beside it: features
that are never negative have one direction that dominates all others.
"""

from __future__ import annotations

import math
from functools import partial
from importlib import import_module

import numpy as np

from hetengine.problems import Kind
from hetengine.solvers.resident.rows import RUN, Rows
from hetengine.solvers.resident.triangles import SharedTriangles, Solve
from hetengine.solvers.worker import Process

_MOST_FEATURES = 4096
_LEAST_RATIO, _MOST_RATIO = 1.0, 16.0
_FLOPS_PER_BYTE = 6.0  # of a matrix product beside a pass over data, on one core of a server
_DECADES = 11.5  # ln 1e5: from a cold start to a relative suboptimality of 1e-4 or 1e-5
_PANEL_BYTES = 1 << 24  # of sampled rows at once: large enough for matrix products to be fast
_BLOCK_ROWS = 4096
_NEAR = 1.0  # of the margin
_JUDGED = 512  # rows that say how far sampled correlations are off
_FIRM = 0.5  # of a sample taken again: the runs with most curvature, none of which is left out

#: Second derivative of each loss by the score, at score 0 and weight 1.
BEND = {Kind.PENALTY: 1.0, Kind.SQUARED: 1.0, Kind.SQUARED_HINGE: 1.0, Kind.LOGISTIC: 0.25}


def sample_ratio(examples: int, features: int) -> float:
    """Return how many sampled rows per feature make a solve shortest.

    A pass costs ``p``, the Gram matrix of ``r d`` rows ``r q``, and a solve takes
    ``ln(1e5) / ln(1 + r)`` passes: the sum is least where ``(1 + r) ln(1 + r)^2 = ln(1e5) p / q``.

    Parameters
    ----------
    examples, features : int

    Returns
    -------
    float
        Between 1 and 16.
    """
    goal = _DECADES * 4.0 * _FLOPS_PER_BYTE * examples / features**2
    low, high = _LEAST_RATIO, _MOST_RATIO
    for _ in range(30):
        ratio = 0.5 * (low + high)
        low, high = (ratio, high) if (1 + ratio) * math.log1p(ratio) ** 2 < goal else (low, ratio)
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


def bends_at(kind: Kind, scores: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the second derivative of every loss by its score.

    That of a squared hinge is not taken for 0 within ``_NEAR`` of the kink: a step that does not
    reckon with what begins there goes far too far.

    Parameters
    ----------
    kind : Kind
        Of the loss.
    scores, target, weight : ndarray of float64, shape (N,)
        z, y and c.

    Returns
    -------
    ndarray of float64, shape (N,)
    """
    if kind is Kind.LOGISTIC:
        odds = np.exp(-np.abs(scores))
        return weight * odds / (1.0 + odds) ** 2
    if kind is Kind.SQUARED_HINGE:
        return weight * (target * scores < 1.0 + _NEAR)
    return weight


def run_masses(values: np.ndarray, bends: np.ndarray) -> np.ndarray:
    """Return the sum of ``h_i ||x_i||^2`` of every run.

    Parameters
    ----------
    values : ndarray, shape (N, d)
        The data.
    bends : ndarray of float64, shape (N,)
        h.
    """
    masses = np.zeros(-(-bends.size // RUN) * RUN)
    for first in range(0, bends.size, _BLOCK_ROWS):
        block = slice(first, min(first + _BLOCK_ROWS, bends.size))
        masses[block] = np.einsum("ij,ij->i", values[block], values[block])
    masses[: bends.size] *= bends
    return masses.reshape(-1, RUN).sum(axis=1)


def stratified(masses: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Choose some runs: those with most curvature, and some of the others.

    Parameters
    ----------
    masses : ndarray of float64
        Curvature of every run.
    count : int
        How many to choose.

    Returns
    -------
    firm, other : ndarray of int64
        The two kinds of them.
    factor : float
        How many runs each of the others stands for.
    """
    count = min(count, masses.size)
    order = np.argsort(-masses, kind="stable")
    firm, rest = np.split(order, [math.ceil(_FIRM * count)])
    rest = np.sort(rest)
    drawn = count - firm.size
    other = rest[np.arange(drawn) * rest.size // max(drawn, 1)]
    return firm, other, rest.size / max(drawn, 1)


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
        self._kind, self._bend = kind, BEND[kind]
        self._centred = centred
        self._matrix: SharedTriangles | None = None
        self._squares: np.ndarray | None = None
        self._centre_of_sample = np.empty(0)
        self.means: np.ndarray | None = None
        self.runs, self.scale = np.empty(0, np.int64), 1.0
        few = rows.features <= min(_MOST_FEATURES, rows.examples / 2)
        self.sampled = rows.dense and few
        self._wanted = math.ceil(sample_ratio(rows.examples, rows.features) * rows.features)

    @property
    def improvable(self) -> bool:
        """Whether another sample can say more than the last one."""
        changing = self._kind in (Kind.LOGISTIC, Kind.SQUARED_HINGE)
        return self.sampled and (changing or self._wanted < self._rows.examples)

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
            gradient, self._squares, self.means = (sums[:, k].copy() for k in range(3))
        if self.sampled:
            rows = self._rows
            self.runs = rows.sample(self._wanted)
            self.scale = share_scale(rows, self.runs)
            factors = np.full(self.runs.size, self.scale)
            yield from self._sample(self.runs, factors, self._bend * rows.weight)
        return gradient

    def again(self, scores: np.ndarray) -> Process:
        """Take another sample, from where the curvature is: the first one has missed some of it.

        It is twice as large as the last one. Half of it are the runs with the largest sums of
        ``h_i ||x_i||^2``, which count once; the others are evenly spread among those that are left,
        and stand for them.

        Parameters
        ----------
        scores : ndarray of float64, shape (N,)
            At which second derivatives h are taken.
        """
        rows = self._rows
        self._wanted *= 2
        bends = bends_at(self._kind, scores, rows.target, rows.weight)
        masses = yield rows.run(
            "masses",
            lambda: run_masses(rows.arrays[0], bends),
            rows.examples * rows.features,
            "model",
            nominal=np.ones(rows.runs.size),
        )
        firm, other, factor = stratified(masses, -(-self._wanted // RUN))
        chosen = np.sort(np.concatenate((firm, other)))
        factors = np.where(np.isin(chosen, other), factor, 1.0)
        yield from self._sample(rows.runs[chosen], factors, bends)

    def load(self) -> None:
        """Import what factorises before a run sets the threads of every BLAS that is there."""
        if self.sampled:
            import_module("scipy.linalg")

    def _sample(self, runs: np.ndarray, factors: np.ndarray, bends: np.ndarray) -> Process:
        """Take the Gram matrix of some runs, each of which stands for a number of others."""
        rows = self._rows
        root = np.zeros(rows.runs.size * RUN)
        root.reshape(-1, RUN)[runs // RUN] = factors[:, None]
        root = np.sqrt(root[: rows.examples] * bends)
        size = rows.features + 1
        at_once = max(_PANEL_BYTES // (RUN * size * rows.real.itemsize), 1)
        panel = np.zeros((min(at_once, runs.size) * RUN, size), rows.real)
        gram = self._matrix.emptied() if self._matrix else np.zeros((size, size), rows.real)
        for first in range(0, runs.size, at_once):
            some = runs[first : first + at_once]
            block = panel[: some.size * RUN]
            if some[-1] + RUN > rows.examples:
                block[-RUN:] = 0.0  # the data end within this run
            yield rows.gather(some, root, np.arange(size), block)
            yield rows.gram(block, block, gram)
        sums = gram[-1].astype(np.float64)  # the last feature is the constant
        self._matrix = SharedTriangles(gram)
        if self._centred:
            yield self._rows.run("centre", lambda: self._centre(sums), gram.size, "model")
        last = (runs.size - 1) // at_once * at_once
        block = panel[: (runs.size - last) * RUN]
        drawn = np.repeat(1.0 - 1.0 / factors[last:], RUN)
        count = runs.size * RUN
        shrink = partial(self._shrink, block, drawn, count)
        yield self._rows.run("shrink", shrink, 2 * gram.size, "model")

    def _shrink(self, panel: np.ndarray, drawn: np.ndarray, count: int) -> None:
        """Take off what some of the sampled rows say that correlations differ from those of all.

        ``drawn`` says of each row how much of its weight stands for others, ``count`` how many rows
        there are in all panels.
        """
        assert self._matrix is not None
        every = -(-panel.shape[0] // _JUDGED)
        with np.errstate(all="ignore"):  # data not finite: the pass that meets them says so
            rows = panel[::every].astype(np.float64)
            if self._centred:
                rows -= np.outer(rows[:, -1], self._centre_of_sample)
            rows *= self._matrix.scale()
            rows *= rows
            pairs = rows.sum(axis=1) ** 2 - np.einsum("ij,ij->i", rows, rows)
            likeness = self._matrix.likeness()
            share = count * float(np.mean(drawn[::every] * pairs)) / likeness
        if share > 0.0:
            self._matrix.shrink(min(share, 1.0))

    def _centre(self, sums: np.ndarray) -> None:
        # Around the means of the sample itself: those of all examples leave products of the means
        # with their difference, which may be more than what is left, and of either sign.
        assert self._matrix is not None
        mass = float(sums[-1])
        self._centre_of_sample = sums / mass if mass > 0.0 else np.zeros(sums.size)
        self._matrix.subtract(self._centre_of_sample, mass)

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
        diagonal = self.means**2
        diagonal /= -self.means[-1]
        diagonal += self._squares
        np.maximum(diagonal, 0.0, out=diagonal)
        diagonal *= self._bend
        diagonal += penalty
        diagonal[diagonal <= 0] = 1.0
        if self._centred:
            return lambda vector: vector / diagonal
        # Sherman and Morrison, for diag + (bend / mass) means means^T.
        along = self.means / diagonal
        along[penalty <= 0] = 0.0
        share = self._bend / self.means[-1]
        factor = share / (1.0 + share * float(self.means @ along))

        def solve(vector: np.ndarray) -> np.ndarray:
            result = vector / diagonal
            result -= factor * float(along @ vector) * along
            return result

        return solve
