"""The host's side of a matrix on disk: what is launched on columns in its tier, and on landed ones.

Columns in the tier are used like those of a matrix in memory, by slot. The others are read piece by
piece: what has to be known of them is computed where they landed, and some stay in the tier.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from hetengine.device import Device, Event
from hetengine.machine import Machine
from hetengine.problems import CoordinateProblem
from hetengine.problems.matrix import Columns, StoredColumns
from hetengine.solvers import work
from hetengine.solvers.columns import HostColumns
from hetengine.solvers.stored.batch import Batch
from hetengine.solvers.stored.landing import AREAS, Area, Landing
from hetengine.solvers.stored.tier import HostTier, plan_tier
from hetengine.solvers.worker import Process
from hetengine.store.plan import Piece
from hetengine.work import Work

_LEAST_SHARE = 0.03
"""Part of the store a round reads at least, where that much is in doubt: rounds have their cost."""

Ids = NDArray[np.int64]
Vector = NDArray[np.float64]
Digest = Callable[[Piece, Area], Process]
"""What is done with a piece once it has landed; yields until its decisions have been taken."""


class StoredHost(HostColumns):
    """All columns on disk, and as many as fit in the host's memory.

    Parameters
    ----------
    machine : Machine
        With a storage device.
    problem : CoordinateProblem
        On columns of a store.

    Attributes
    ----------
    landing : Landing
        What reads the store.
    tier : HostTier
        What is in the host's memory; made by `fill_memory`.

    Raises
    ------
    OutOfCapacity
        If the disk is smaller than the store, or the host than the landing areas.
    """

    tier: HostTier

    def __init__(self, machine: Machine, problem: CoordinateProblem) -> None:
        assert machine.storage is not None
        assert isinstance(problem.columns, StoredColumns)
        self._disk: Device = machine.storage
        self.stored = problem.columns
        super().__init__(machine.host, problem)
        layout = self.stored.layout
        self._unpack = self.host.load(f"{layout}_unpack")
        self._compact = self.host.load("sparse_compact") if self.sparse else None
        self.landing = Landing(self.host, self._disk, self.stored.store)
        self._least_bytes = max(AREAS * self.landing.nbytes, int(_LEAST_SHARE * self.stored.nbytes))

    def _place(self, columns: Columns) -> tuple[np.ndarray, ...]:
        """Reserve the data on the disk; nothing of them is in memory."""
        self._disk.memory.reserve("data", columns.nbytes)
        return ()

    def fill_memory(self, reserved_bytes: int) -> None:
        """Give the tier everything that is left of the host's capacity.

        Parameters
        ----------
        reserved_bytes : int
            What the solver's own vectors take beside it.
        """
        self.host.memory.reserve("state", reserved_bytes)
        arena = plan_tier(self.host.name, self.stored, self.host.memory.free_bytes)
        self.tier = HostTier(self.host, self.problem, arena)

    def gaps(
        self,
        ids: np.ndarray,
        w: np.ndarray,
        alpha: np.ndarray,
        bound: float,
        u: np.ndarray,
        gaps: np.ndarray,
        category: str,
    ) -> Event:
        """Measure u and the gap of coordinates whose columns are in the tier."""
        tier, problem = self.tier, self.problem
        slots = tier.residency.slot_of[ids].astype(np.int64)
        own_alpha, p, q, own_u, own_gap = tier.natives("alpha", "p", "q", "u", "gap")
        kind = int(problem.kind)
        args = (*tier.natives(), slots, w, own_alpha, p, q, kind, bound, own_u, own_gap)

        def gather() -> None:
            own_alpha[slots] = alpha[ids]

        def scatter() -> None:
            u[ids], gaps[ids] = own_u[slots], own_gap[slots]

        batch = Batch(self._kernels["gaps"], lambda: [args], gather, scatter)
        amount = work.gaps_work(ids.size, self.elements(ids), self.element_bytes, self.variant)
        return self.host.launch(batch, (), amount, category=category)

    def landed_gaps(
        self,
        piece: Piece,
        area: Area,
        frozen: tuple[Vector, Vector, float],
        found: tuple[Vector, Vector],
        category: str,
    ) -> Event:
        """Measure all columns of a landed piece against ``(w, alpha, bound)`` into (u, gaps)."""
        problem, (w, alpha, bound), (u, gaps) = self.problem, frozen, found

        def calls() -> Iterable[tuple[Any, ...]]:
            arrays = self.stored.arrays(piece, area.bytes)
            for (first, last), own in zip(piece.runs, arrays, strict=True):
                part = slice(first, last)
                terms = (alpha[part], problem.p[part], problem.q[part], int(problem.kind), bound)
                yield (*own, np.arange(last - first), w, *terms, u[part], gaps[part])

        columns = piece.columns
        amount = work.gaps_work(
            columns.size, self.elements(columns), self.element_bytes, self.variant
        )
        return self._on(area, Batch(self._kernels["gaps"], calls), amount, category)

    def combine(self, ids: np.ndarray, alpha: np.ndarray, w: np.ndarray) -> Event:
        """Add L A alpha over coordinates whose columns are in the tier to w, in float64."""
        tier = self.tier
        slots = tier.residency.slot_of[ids].astype(np.int64)
        (weights,) = tier.natives("alpha")
        args = (*tier.natives(), slots, weights, self.problem.smoothness, w)

        def gather() -> None:
            weights[slots] = alpha[ids]

        batch = Batch(self._kernels["combine"], lambda: [args], gather)
        amount = work.combine_work(
            ids.size, self.elements(ids), self.element_bytes, w.size, self.real
        )
        return self.host.launch(batch, (), amount, category="repair")

    def landed_combine(self, piece: Piece, area: Area, alpha: Vector, w: Vector) -> Event:
        """Add L A alpha over the columns of a landed piece to w, in float64."""
        smoothness = self.problem.smoothness

        def calls() -> Iterable[tuple[Any, ...]]:
            arrays = self.stored.arrays(piece, area.bytes)
            for (first, last), own in zip(piece.runs, arrays, strict=True):
                weights = alpha[first:last]
                yield (*own, np.flatnonzero(weights), weights, smoothness, w)

        columns = piece.columns
        columns = columns[alpha[columns] != 0.0]
        elements = self.elements(columns)
        amount = work.combine_work(columns.size, elements, self.element_bytes, w.size, self.real)
        return self._on(area, Batch(self._kernels["combine"], calls), amount, "repair")

    def square_norms(self, ids: np.ndarray, out: np.ndarray) -> Event:
        """Take the squared norms from the store, which has kept them."""

        def take() -> None:
            out[ids] = self.stored.square_norms()[ids]

        return self.run("square_norms", take, ids.size, "prepare")

    def _packed_from(self, ids: np.ndarray) -> tuple[Any, ...]:
        """Shipments are packed from the tier."""
        return (*self.tier.columns, self.tier.residency.slot_of[ids].astype(np.int64))

    def admit(self, ids: Ids, piece: Piece, area: Area, category: str) -> None:
        """Let landed columns into the tier, where room has been made for them."""
        residency = self.tier.residency
        if residency.needs_compaction(ids):
            self._close_gaps(category)
        slots = residency.admit(ids)
        starts = residency.starts[slots]

        def calls() -> Iterable[tuple[Any, ...]]:
            landed = (piece.runs, self.stored.arrays(piece, area.bytes))
            return self.tier.fill(ids, slots, starts, landed)

        amount = work.move_work(ids.size, self.elements(ids), self.element_bytes, 32, self.real)
        self._on(area, Batch(self._unpack, calls), amount, category)

    def stream(
        self, ids: Ids, category: str, digest: Digest, until: simpy.Event | None = None
    ) -> Process:
        """Read columns, the first ones first, and digest each piece once it has landed.

        Reads go ahead of the digestion by as many pieces as there are landing areas.

        Parameters
        ----------
        ids : ndarray of int64
            Wanted columns, by urgency.
        category : str
            Phase the reads are accounted under.
        digest : callable
            Process of ``(piece, area)``.
        until : Event, optional
            Ends it: no further piece is asked for once it has fired and a small part of the store
            has been read, so that the disk is kept busy whoever else is fast.
        """
        under_way: deque[tuple[Piece, Area, Event]] = deque()
        pieces = self.landing.plan(ids, urgent=until is not None)
        least = self.landing.bytes_read + self._least_bytes
        while True:
            done = self.landing.bytes_read >= least
            piece = None if done and until is not None and until.triggered else next(pieces, None)
            if piece is not None:
                under_way.append((piece, *self.landing.read(piece, category)))
            if not under_way:
                return
            if piece is None or len(under_way) == AREAS:
                first, area, landed = under_way.popleft()
                yield landed
                yield from digest(first, area)

    def prepare(self) -> Process:
        """Build the kernels for the tier and for landed columns with calls that touch nothing."""
        none, nobody = np.empty(0, np.int64), np.empty(0)
        arrays = self._none_landed()
        (terms, sinks) = ((nobody, nobody, nobody), (nobody, nobody))
        w = np.zeros(self.length)
        kind = int(self.problem.kind)
        rows = (*arrays, none, w, *terms, kind, 0.0, *sinks)
        sums = (*arrays, none, nobody, self.problem.smoothness, w)
        ship = (none.astype(np.int32), nobody)
        if self.sparse:
            ship += (none, none.astype(np.int32), *arrays[:2])
        else:
            ship += (arrays[0].reshape(-1),)
        moves = (*ship, *self.tier.natives(), *self.tier.natives("alpha", "h", "p", "q"))
        idle = work.gaps_work(0, 0, self.element_bytes, self.variant)
        calls = [(self._kernels["gaps"], rows), (self._kernels["combine"], sums)]
        for kernel, args in [*calls, (self._unpack, moves)]:
            yield self.host.launch(Batch(kernel, lambda args=args: [args]), (), idle)
        if self.sparse:
            yield self._close_gaps("prepare")

    def _none_landed(self) -> tuple[NDArray[Any], ...]:
        values = np.empty(0, self.stored.dtype)
        if not self.sparse:
            return (values.reshape(0, self.length),)
        lens = np.empty(0, np.int32)
        return (values, np.empty(0, np.uint32), np.empty(0, np.int64), lens)

    def _close_gaps(self, category: str) -> Event:
        """Compact the tier's log of extents, here and in memory."""
        assert self._compact is not None
        residency = self.tier.residency
        order = residency.compact()
        amount = work.move_work(
            order.size, residency.used_elements, self.element_bytes, 16, self.real
        )
        args = (*self.tier.columns, order)
        return self.host.launch(self._compact, args, amount, category=category)

    def _on(self, area: Area, batch: Batch, amount: Work, category: str) -> Event:
        """Launch something that reads a landing area."""
        event = self.host.launch(batch, (), amount, category=category)
        area.users.append(event)
        return event
