"""The block solvers: one epoch of coordinate descent, asynchronous or by tiles.

Asynchronous: a work-group per coordinate, as many at once as `Concurrency` allows; with one group
it is sequential descent. Tile: exact sequential descent as matrix products, for dense columns. Both
descend on the same objective and reach the same optimum, so ``auto`` may choose by speed: it lets
each run a part of one epoch, disjoint parts of the same order, and keeps the faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hetengine.errors import UsageError
from hetengine_kernels.concurrency import Concurrency
from hetengine_kernels.launcher import Launcher, Memory

BLOCK_SOLVERS = ("auto", "async", "tile")
"""Values of the option ``block_solver``."""

_TRIAL_TILES = 2
_COLUMN_ARGUMENTS = {"dense": 1, "sparse": 4}


@dataclass(frozen=True, slots=True)
class _Pass:
    """The arguments of one epoch, in groups that kernels share."""

    columns: tuple[Any, ...]
    real: np.dtype
    order: Memory
    state: tuple[Memory, ...]
    w: Memory
    scalars: tuple[Any, ...]
    seed: int
    scatter: int

    @property
    def count(self) -> int:
        return self.order.size


class Epoch:
    """One pass over the listed slots; keeps what it has learnt about speed and stability.

    Parameters
    ----------
    run : Launcher
        The device.
    layout : {'dense', 'sparse'}
        Of the columns.

    Attributes
    ----------
    choice : str
        ``async`` or ``tile``, or ``auto`` while that is open.
    """

    def __init__(self, run: Launcher, layout: str) -> None:
        wanted = run.profile.block_solver
        self.choice = "async" if layout == "sparse" and wanted == "auto" else wanted
        self.concurrency = Concurrency(run.profile.concurrency)
        self._run = run
        self._layout = layout
        self._chosen_at = 0

    def __call__(self, *args: Any) -> tuple[float, int]:
        """Pass once, in the argument order of the NumPy backend's ``LAYOUT_epoch``.

        Returns
        -------
        tuple of float and int
            Sum of the gaps met, and matrix elements that w moved along.

        Raises
        ------
        UsageError
            If the tile solver was asked for sparse columns.
        """
        if self._layout == "sparse" and self.choice == "tile":
            raise UsageError(
                "options.block_solver=tile needs dense columns and these are sparse; "
                "set it to auto or async"
            )
        this = self._arguments(args)
        if this.count == 0:
            self._build(this)
            return 0.0, 0
        if not this.scatter:
            self._run.launch("shuffle_order", this.real, 1, this.order, this.count, this.seed)
        met, moved = self._solve(this)
        self.concurrency.heed(met / this.count)
        if self._chosen_at > 2 * self.concurrency.now:
            self.choice, self._chosen_at = "auto", 0
        return met, moved

    def _arguments(self, args: tuple[Any, ...]) -> _Pass:
        n = _COLUMN_ARGUMENTS[self._layout]
        columns, order, state, w = args[:n], args[n], args[n + 1 : n + 6], args[n + 6]
        real = columns[0].dtype
        if self._layout == "dense":
            columns = (columns[0], columns[0].shape[1])
        scatter = int(self._run.profile.scatter)
        return _Pass(columns, real, order, state, w, args[n + 7 : n + 11], args[n + 11], scatter)

    def _solve(self, this: _Pass) -> tuple[float, int]:
        trial = _TRIAL_TILES * self._run.profile.tile
        if self.choice == "auto" and self.concurrency.settled and this.count >= 4 * trial:
            return self._try_both(this, trial)
        if self.choice == "tile":
            return self._tiles(this, 0, this.count)
        return self._asynchronous(this, 0, this.count)

    def _try_both(self, this: _Pass, trial: int) -> tuple[float, int]:
        """Give the tile solver the first visits and the asynchronous one the rest; keep the faster.

        Ties, and whatever the clock is too coarse to tell apart, go to the asynchronous one.
        """
        self._run.elapsed()
        met, moved = self._tiles(this, 0, trial)
        tile_seconds = self._run.elapsed() / trial
        more_met, more_moved = self._asynchronous(this, trial, this.count)
        async_seconds = self._run.elapsed() / (this.count - trial)
        self.choice = "tile" if tile_seconds < async_seconds else "async"
        self._chosen_at = self.concurrency.now if self.choice == "async" else 0
        return met + more_met, moved + more_moved

    def _build(self, this: _Pass) -> None:
        """Compile every kernel this solver may launch."""
        self._run.launch("shuffle_order", this.real, 0)
        self._run.launch("sum_partials", this.real, 0)
        if self.choice != "tile":
            self._run.launch(f"{self._layout}_epoch", this.real, 0)
        if self.choice != "async":
            for kernel in ("tile_gram", "tile_dots", "tile_steps", "tile_add"):
                self._run.launch(kernel, this.real, 0)

    def _asynchronous(self, this: _Pass, first: int, last: int) -> tuple[float, int]:
        run = self._run
        groups = min(self.concurrency.now, last - first)
        partials = run.scratch("partials", run.profile.scalar)
        order = (this.order, this.count, first, last)
        tail = (*this.scalars, this.seed, this.scatter, partials)
        args = (*this.columns, *order, *this.state, this.w, *tail)
        run.launch(f"{self._layout}_epoch", this.real, groups, *args)
        if groups > 1:
            run.launch("sum_partials", this.real, 1, partials, groups)
        return _sums(run.read(partials, 2))

    def _tiles(self, this: _Pass, first: int, last: int) -> tuple[float, int]:
        run, profile = self._run, self._run.profile
        sums = run.scratch("tile_sums", profile.scalar)
        step = profile.tile * profile.tiles_at_once
        for begin in range(first, last, step):
            end = min(begin + step, last)
            tiles = -(-(end - begin) // profile.tile)
            blocks = profile.tile // 4
            pieces = tiles * blocks * (blocks + 1) // 2
            gram = run.scratch("gram", this.real)
            args = (*this.columns, this.order, this.count, begin, last, tiles)
            tail = (this.seed, this.scatter, gram)
            run.launch("tile_gram", this.real, min(pieces, 4 * profile.groups), *args, *tail)
            for at in range(begin, end, profile.tile):
                self._tile(this, at, min(at + profile.tile, end), begin, at == first)
        return _sums(run.read(sums, 2))

    def _tile(self, this: _Pass, first: int, last: int, begin: int, fresh: bool) -> None:
        """Take the steps of one tile, whose Gram matrix is ready."""
        run, profile, real = self._run, self._run.profile, this.real
        gram, dots = run.scratch("gram", real), run.scratch("dots", real)
        factors = run.scratch("factors", real)
        length = this.columns[1]
        visits = (this.order, this.count, first, last)
        drawn = (this.seed, this.scatter)
        groups = min(last - first, profile.groups)
        run.launch("tile_dots", real, groups, *this.columns, *visits, *drawn, this.w, dots)
        own = (first - begin) * profile.tile
        head = (gram, own, dots, length, *visits, *this.state, *this.scalars, *drawn)
        sums = run.scratch("tile_sums", profile.scalar)
        run.launch("tile_steps", real, 1, *head, int(fresh), factors, sums)
        rows = min(-(-length // profile.span), profile.groups)
        run.launch("tile_add", real, rows, *this.columns, *visits, *drawn, factors, this.w)


def _sums(pair: np.ndarray) -> tuple[float, int]:
    return float(pair[0]), int(pair[1])
