"""Which quadratic model of the loss is in use: that of a sample of the examples, or the exact one.

A working set is found on a sample, where a pass costs little. Where few features are in demand, the
exact model of these is made in the pass over all examples that has to be made anyway: from then on
every step ends at the optimum of the features it knows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hetengine.solvers.resident.forecast import Forecast
from hetengine.solvers.resident.model import Model, build_model
from hetengine.solvers.resident.point import Point
from hetengine.solvers.resident.rows import RUN, Panel, Rows
from hetengine.solvers.resident.sparse_model import SparseModel, build_sparse
from hetengine.solvers.worker import Process

#: Features an empty model gets at first, and the most that a sampled one knows.
FIRST, MOST = 100, 2048

_SAMPLE_ROWS = 4096
_WHOLE_ENTRIES = 1 << 22
_RARE = 2.0  # times its square norm on the sample that a feature has on all rows
_PANEL_SHARE = 0.2  # of the bytes of the data that an exact model may take
_ROOM = 0.9  # of that, which features may take at first: others are going to come
_LEFT = 2  # passes still to be made with an exact model: the one that makes it, and one more
_BESIDE = 0.5  # of a pass of one thread: what a round does besides, hardly any of it shared out
_MULTIPLIED = 12.0  # products of a symmetric matrix in the time it takes to read one element
_GATHERED = 5.0  # elements read in the time it takes to put one of them in a panel


class Models:
    """The model of one solver, and what is known of the features besides.

    Parameters
    ----------
    rows : Rows
        The data.
    profiled : bool
        Whether a constant is fitted.

    Attributes
    ----------
    profiled, measured : bool
        As given; whether `measure` has been run.
    current : Model or SparseModel
        What is in use, from `measure` on.
    runs : ndarray of int64
        Runs of the examples it stands for.
    scale : float
        By which the weights of these add up to those of all.
    most : int
        Features it may know.
    means : dict of int to ndarray of float64, shape (d + 1,)
        By the number of runs: ``X^T c`` of these, scaled; empty where no constant is fitted.
    norms : ndarray, shape (d,)
        Of each feature, as far as it is known, in the type of the rows.
    true_norms : ndarray, shape (d,), or None
        The same over all examples; None where they have not been measured.
    losses : dict of int to float
        By the number of runs: the loss at coefficients of 0, scaled.
    """

    current: Model | SparseModel

    def __init__(self, rows: Rows, profiled: bool) -> None:
        whole = rows.matrix.nnz <= _WHOLE_ENTRIES
        self.runs = rows.runs if whole else rows.sample(_SAMPLE_ROWS)
        self.scale = 1.0
        self.most = MOST if rows.dense else rows.features
        self.means: dict[int, np.ndarray] = {}
        self.norms = np.empty(0)
        self.true_norms: np.ndarray | None = None
        self.losses: dict[int, float] = {}
        self.measured = False
        self._rows, self.profiled = rows, profiled
        self._rare = np.broadcast_to(0.0, rows.features)
        self._origins: dict[int, Point] = {}
        self._sampled = self.runs, self.scale

    @property
    def exact(self) -> bool:
        """Whether the model is that of all rows."""
        return self.runs.size == self._rows.runs.size

    def build(self) -> Process:
        """Launch its kernels on nothing."""
        yield from (build_model if self._rows.dense else build_sparse)(self._rows)

    def measure(self) -> Process:
        """Measure norms on the sample, and the features' means where a constant is fitted.

        Features of sparse rows are measured on all of them: many have no entry in the sample.
        """
        rows = self._rows
        both = self.profiled or not rows.dense
        slope = -rows.weight * rows.target  # at 0, of a squared loss
        for runs in (self.runs, rows.runs) if both else (self.runs,):
            if runs.size in self.means:
                continue
            sums = np.zeros((rows.features + 1, 4 if self.profiled else 2))
            yield rows.moments(runs, slope, sums)
            mass = sums[-1, 1]
            scale = float(rows.weight.sum() / mass) if mass > 0 else 1.0
            sums *= scale
            norms = np.sqrt(sums[:-1, 1]).astype(rows.real, copy=False)
            self.means[runs.size] = sums[:, 2].copy() if self.profiled else np.empty(0)
            self._keep_origin(runs, scale * slope, sums[:, 0].copy())
            if runs.size == rows.runs.size:
                self.true_norms = norms
            if runs is self.runs:
                self.scale = scale
            if runs is self.runs or not rows.dense:
                self.norms = norms
        self._sampled, self.measured = (self.runs, self.scale), True
        self.reset()

    def _keep_origin(self, runs: np.ndarray, slope: np.ndarray, gradient: np.ndarray) -> None:
        rows = self._rows
        ids = (runs[:, None] + np.arange(RUN)).ravel()
        ids = ids[ids < rows.examples]
        loss = -0.5 * float(slope[ids] @ rows.target[ids])
        loss = loss if np.isfinite(gradient).all() else np.inf
        nothing = np.empty(0)
        self.losses[runs.size] = loss
        self._origins[runs.size] = Point(nothing, nothing, slope, loss, gradient)

    def take_origin(self, runs: np.ndarray, coef: np.ndarray) -> Point | None:
        """Return the point at coefficients of 0, where measuring has shown what it is like.

        It is asked for once, and would take as much as a few columns of the data from then on.

        Parameters
        ----------
        runs : ndarray of int64
            Those of the model, or all.
        coef : ndarray of float64, shape (d + 1,)
            Zeros, which belong to the point from then on.
        """
        found = self._origins.pop(runs.size, None)
        if found is None:
            return None
        return replace(found, coef=coef, scores=np.zeros(self._rows.examples))

    def misses(self, gradient: np.ndarray, l1: float) -> bool:
        """Return whether a feature is in demand that seems to have no entry.

        Parameters
        ----------
        gradient : ndarray of float64, shape (d + 1,)
            Over all examples.
        l1 : float
        """
        empty = np.flatnonzero(self.norms == 0)
        return bool(np.any(np.abs(gradient[empty]) > l1))

    def measure_rare(self) -> Process:
        """Measure norms on all rows, because a feature in demand has no entry in the sample."""
        sums = np.zeros((self._rows.features + 1, 2))
        yield self._rows.moments(self._rows.runs, self._rows.weight, sums)
        squares = sums[:-1, 1]
        self._rare = np.where(squares > _RARE * self.norms**2, squares, 0.0)
        self.norms = np.sqrt(squares).astype(self._rows.real, copy=False)
        if not self.exact:
            assert isinstance(self.current, Model)
            self.current.stiffen(self._rare)

    def reset(self) -> None:
        """Forget all features."""
        root = np.sqrt(self.scale * self._rows.weight)
        means = self.means[self.runs.size] if self.profiled else None
        if not self._rows.dense:
            self.current = SparseModel(self._rows, self.runs, root, means)
            return
        self.current = Model(self._rows, self.runs, root, means)
        if not self.exact:
            self.current.stiffen(self._rare)

    def refit(self, support: np.ndarray) -> Process:
        """Have the model of all rows while memory allows: on a path it is used again and again.

        Parameters
        ----------
        support : ndarray of int64
            Features that it has to know.
        """
        room = 2 * max(support.size, FIRST) <= self._exact_most
        if self.exact:
            room = 4 * support.size <= 3 * self._exact_most
        if self._sampled[0].size == self._rows.runs.size or self.exact == room:
            return
        if room:
            yield from self.widen(support)
        else:
            yield from self.narrow(support)

    def widen(self, support: np.ndarray) -> Process:
        """Have the model of all rows in place of that of the sample."""
        self._stand_for_all()
        self.reset()
        if support.size:
            yield from self.current.grow(support)

    def narrow(self, support: np.ndarray) -> Process:
        """Have the model of the sample in place of that of all rows."""
        (self.runs, self.scale), self.most = self._sampled, MOST
        self.reset()
        if support.size:
            yield from self.current.grow(support)

    def panel(self, wanted: np.ndarray, forecast: Forecast) -> Panel | None:
        """Return what a pass fills for `adopt`; None if the exact model costs more than it saves.

        Parameters
        ----------
        wanted : ndarray of int64
            Features that are in demand.
        forecast : Forecast
            Of the passes it may save.
        """
        rows, size = self._rows, wanted.size
        if self.exact or not rows.dense or size == 0 or size > _ROOM * self._exact_most:
            return None
        saved = forecast.passes(size / (self.runs.size * RUN)) - _LEFT
        each = 1.0 + _BESIDE * rows.host.spec.threads
        if (size / _MULTIPLIED + _GATHERED) * size > saved * each * rows.features:
            return None
        return np.sqrt(rows.weight), wanted, rows.panel(rows.runs, size)

    def adopt(self, panel: Panel) -> Process:
        """Have the exact model of the features in a panel that a pass has filled."""
        self._stand_for_all()
        self.reset()
        assert isinstance(self.current, Model)
        yield from self.current.adopt(*panel[1:])

    def _stand_for_all(self) -> None:
        self.runs, self.scale = self._rows.runs, 1.0
        self.most = self._exact_most if self._rows.dense else self._rows.features

    @property
    def _exact_most(self) -> int:
        rows = self._rows
        most = int(_PANEL_SHARE * rows.matrix.nbytes / (rows.examples * rows.real.itemsize))
        return min(most, MOST)
