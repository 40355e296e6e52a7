"""Gap-driven SDCA on data larger than the host's memory: disk, host and accelerators.

What `Duhl` does between host and accelerator is done between disk and host as well: the host keeps
the columns whose gap may soon be largest, and while the accelerators descend the disk is read for
those about which too little is known. A measured product bounds later ones (`Drift`), so that a
certificate reads only the columns whose bound does not do; columns settled by safe screening are
never read again (Ndiaye et al., Gap Safe screening rules, JMLR 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import simpy
from numpy.typing import NDArray

from hetengine.machine import Machine
from hetengine.problems import Certificate, CoordinateProblem
from hetengine.solvers.arena import stay_within
from hetengine.solvers.config import DuhlConfig
from hetengine.solvers.duhl import Duhl
from hetengine.solvers.gap_memory import GapMemory
from hetengine.solvers.outcome import Monitor, StopRule
from hetengine.solvers.selection import Selection, Swap
from hetengine.solvers.stored.columns import StoredHost
from hetengine.solvers.stored.landing import Area
from hetengine.solvers.stored.memory import StoredMemory
from hetengine.solvers.stored.streaming import Streaming
from hetengine.solvers.stored.survey import Survey, in_doubt
from hetengine.solvers.stored.waves import within
from hetengine.solvers.worker import Process
from hetengine.store.plan import Piece

_VECTORS = 44  # float64 vectors of n numbers that solver, problem and surveys hold at a time
_DOUBT_SHARE = 0.1
_CERTIFICATE_SHARE = 0.25
_READS_PER_PROOF = 4.0

Ids = NDArray[np.int64]


class OutOfCore(Duhl):
    """One training run on a column store; parameters and errors are those of `Duhl`."""

    columns: StoredHost
    memory: StoredMemory

    def __init__(
        self,
        problem: CoordinateProblem,
        machine: Machine,
        config: DuhlConfig,
        stop: StopRule,
        policies: Sequence[Selection],
        seed: int,
        monitor: Monitor,
    ) -> None:
        super().__init__(problem, machine, config, stop, policies, seed, monitor)
        self.columns.fill_memory(8 * (_VECTORS * problem.count + 12 * problem.length))
        self._repaired_alpha = self.state.alpha.copy()
        self._repaired_w = self.state.w.copy()
        self._read_then = 0
        self._refreshed = False
        none = np.zeros(problem.count)
        self._look = Survey(none, none, none, none)

    def _open(self, machine: Machine, problem: CoordinateProblem) -> StoredHost:
        """Return the host's side of the matrix on disk."""
        return StoredHost(machine, problem)

    def _remember(self) -> GapMemory:
        """Return an empty gap memory."""
        return StoredMemory(self.columns, self.problem)

    def prepare(self) -> Process:
        """Build every kernel with launches that touch nothing; before the clock starts."""
        yield from super().prepare()
        yield from self.columns.prepare()

    def _begin(self) -> Process:
        yield from super()._begin()
        yield self.memory.start(self.state)
        yield from self._survey()

    def _survey(self) -> Process:
        """Look at all coordinates once a round: what follows goes by that."""
        self.memory.drift.move(self.state.w)
        self._look = yield self.memory.look(self.state)
        streams = self._streams()
        if streams:
            # Several accelerators use their shares of the same neighbourhood at about one time.
            self._look = replace(self._look, score=streams[0].scores())

    def _streams(self) -> list[Streaming]:
        """Return the policies that stream, if that is what they do."""
        policies = [seat.policy for seat in self.crew.at_work]
        return [policy for policy in policies if isinstance(policy, Streaming)]

    def _swap(self) -> Process:
        yield from self._survey()
        yield from super()._swap()

    def _ship(self, swaps: Sequence[Swap]) -> Process:
        """Bring what is wanted into the host's tier, as much at a time as fits, and pass it on."""
        arena = self.columns.tier.residency.arena
        for wave in within(swaps, self.columns.lens, arena.slots, arena.elements):
            wanted = np.concatenate([swap.incoming for swap in wave])
            yield from self.memory.fetch(wanted, self._look)
            yield from super()._ship(wave)

    def _worth(self) -> NDArray[np.float64]:
        """Return the gaps, of columns on disk only what is left of them after all drift."""
        gaps = self.memory.gaps
        sure = np.maximum(gaps - self._look.doubt, 0.0)
        return np.where(self.columns.tier.mask, gaps, sure)

    def _refresh(self, solving: simpy.Event, bound: float) -> Process:
        """Measure what is in doubt, in the tier and on disk at once, until the solve is over."""
        state, memory = self.state, self.memory
        self._refreshed = True
        if not all(seat.policy.uses_gaps for seat in self.crew.at_work):
            yield from self._read_ahead()
            return
        memory.drift.move(state.w)
        look = self._look
        idle = ~self.crew.resident & ~state.settled
        budget = _DOUBT_SHARE * max(self._total(look.gaps[idle]), self._tolerated)
        wanted = in_doubt(look.stake, idle, budget, summed=not self.problem.needs_bound)
        here = self.columns.tier.mask[wanted]
        until = solving if self.config.refresh_fraction is None else None
        yield self._measure(
            self._share(wanted[here]), self._share(wanted[~here]), look, "refresh", until
        )

    def _read_ahead(self) -> Process:
        """Bring the next block of every stream into the host's tier."""
        arena, lens = self.columns.tier.residency.arena, self.columns.lens
        for stream in self._streams():
            block = stream.following()
            block = block[: stay_within(lens[block], arena.slots, arena.elements)]
            yield from self.memory.fetch(block, self._look)

    def _measure(
        self, here: Ids, there: Ids, look: Survey, category: str, until: simpy.Event | None = None
    ) -> simpy.Event:
        """Measure columns in the tier and columns on disk at once.

        Where all of them are measured, however long it takes, the former may not be evicted for the
        latter meanwhile: what is measured would depend on who is faster.
        """
        state, memory = self.state, self.memory
        staying = here if until is None else here[:0]
        tasks = (
            memory.scan(here, state, category, until),
            memory.read(there, state, look, category, staying, until),
        )
        return simpy.AllOf(self.clock, [self.clock.process(task) for task in tasks])

    def _share(self, ids: Ids) -> Ids:
        """Return what a round may measure of some columns: all, or the fraction asked for."""
        fraction = self.config.refresh_fraction
        if fraction is None or ids.size == 0:
            return ids
        return ids[: max(1, round(fraction * ids.size))]

    @property
    def _tolerated(self) -> float:
        """Return the gap at which the run has converged."""
        return self.stop.tol * abs(self.state.objective)

    def _repair(self) -> Process:
        """Bring w up to date with what alpha has changed since last time, in float64."""
        state, problem = self.state, self.problem
        state.alpha = problem.project(state.alpha)
        change = state.alpha - self._repaired_alpha
        moved = np.flatnonzero(change)
        here = self.columns.tier.mask[moved]
        exact = self._repaired_w.copy()
        yield self.columns.combine(moved[here], change, exact)
        change[moved[here]] = 0.0

        def digest(piece: Piece, area: Area) -> Process:
            yield self.columns.landed_combine(piece, area, change, exact)

        yield from self.columns.stream(moved[~here], "repair", digest)
        self._repaired_alpha, self._repaired_w = state.alpha.copy(), exact
        state.w = exact.copy()

        def assess() -> None:
            state.objective = problem.objective(state.alpha, exact)

        yield self.columns.run("objective", assess, state.alpha.size, "repair")
        self._stale_w = True

    def _certified_pass(self) -> Process:
        """Prove a gap from bounds; read what they leave in doubt if that may end the run."""
        state, memory, problem = self.state, self.memory, self.problem
        self._refreshed = False
        memory.drift.move(state.w)
        self._elements_certified = self._elements_done()
        refreshed = memory.take_count() / problem.count
        wanted = self._unproven()
        if self._estimate() <= self._tolerated or self._affordable(wanted):
            self._read_then = self.columns.landing.bytes_read
            here = self.columns.tier.mask[wanted]
            yield self._measure(wanted[here], wanted[~here], self._look, "certify")
        memory.take_count()
        return (yield from self._seal(refreshed, memory.drift.reach()))

    def _unproven(self) -> Ids:
        """Return the columns whose bounds keep the tolerance from being proven."""
        budget = _CERTIFICATE_SHARE * self._tolerated
        summed = not self.problem.needs_bound
        return in_doubt(self._look.doubt, ~self.state.settled, budget, summed=summed)

    def _affordable(self, wanted: Ids) -> bool:
        """Whether measuring some columns costs little beside what has been read since last time."""
        there = wanted[~self.columns.tier.mask[wanted]]
        nbytes = self.columns.elements(there) * self.columns.element_bytes
        read = self.columns.landing.bytes_read - self._read_then
        return self.state.rounds > 0 and read >= _READS_PER_PROOF * nbytes

    def _due(self, certificate: Certificate | None) -> bool:
        """Whether the next round should certify: the gap looks small, or enough work was done.

        A round that certifies does not refresh, and reads only what may end the run: without one
        that refreshes in between, nobody would look at columns on disk again.
        """
        if certificate is not None:
            return False
        done = self._elements_done() - self._elements_certified
        enough = done >= self.config.certify_ratio * self.problem.columns.nnz
        return self._estimate() <= self._tolerated or (enough and self._refreshed)

    def _estimate(self) -> float:
        """Return what the gap would be if no product had moved since it was measured."""
        gaps = self.memory.gaps
        moving = self.crew.resident & (self.state.alpha != 0.0)
        return float(gaps[moving].sum()) + self._total(gaps[~moving])

    def _total(self, gaps: NDArray[np.float64]) -> float:
        """Return what gaps off the accelerator amount to: to the largest one for a lasso."""
        return float(gaps.max(initial=0.0) if self.problem.needs_bound else gaps.sum())
