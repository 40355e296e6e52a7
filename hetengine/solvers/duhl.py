"""Gap-driven SDCA on a host and accelerators with little memory (DuHL).

C. Dünner, T. Parnell, M. Jaggi, *Efficient Use of Limited-Memory Accelerators for Linear Learning
on Heterogeneous Systems*, NIPS 2017, Alg. 2. The solver is a program against devices and a clock:
it yields events and never asks whether their time is real.

Beyond the paper: accelerators return the gaps they meet, so the host scans the other columns only;
an inner solve ends at a fraction of its starting gap; moving coordinates are not evicted; several
accelerators descend on disjoint coordinates with sigma' = K (CoCoA+).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import simpy
from numpy.typing import NDArray

from hetengine.machine import Machine
from hetengine.problems import Certificate, CoordinateProblem, certify, safe_to_drop
from hetengine.solvers.accelerator import Accelerator
from hetengine.solvers.columns import HostColumns
from hetengine.solvers.config import DuhlConfig
from hetengine.solvers.crew import Crew
from hetengine.solvers.gap_memory import GapMemory
from hetengine.solvers.outcome import Monitor, Outcome, Progress, StopRule
from hetengine.solvers.selection import Selection, Swap, View
from hetengine.solvers.state import State
from hetengine.solvers.worker import Limits, Process, Worker

_MOST_BACKOFFS = 8
UNKNOWN = Certificate(float("nan"), float("nan"), float("nan"), "none")
"""Where no numbers were computed."""


class Duhl:
    """One training run.

    Parameters
    ----------
    problem : CoordinateProblem
        What is solved.
    machine : Machine
        What it runs on.
    config : DuhlConfig
        Settings.
    stop : StopRule
        When to end.
    policies : sequence of Selection
        One per accelerator.
    seed : int
        Seeds the order of the epochs.
    monitor : Monitor
        Receives certified states and messages.

    Raises
    ------
    OutOfCapacity
        If a device cannot hold what it must; nothing has run then.
    """

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
        self.problem = problem
        self.clock = machine.clock
        self.config = config
        self.stop = stop
        self.monitor = monitor
        self.columns = self._open(machine, problem)
        self.memory = self._remember()
        self.state = State.start(problem)
        self.crew = Crew(machine, problem, self.columns, policies, seed, monitor)
        self.limits = Limits(config.inner_epochs, config.inner_gap_ratio)
        self._pinned = np.zeros(problem.count, bool)
        self._pinned[problem.pinned] = True
        self._stale_w = True
        self._stale_alpha = False
        self._swapped = 0
        self._elements_certified = 0
        self._begun_seconds = 0.0
        self._begun_rounds = 0
        self._unfinished: simpy.Event | None = None
        self._last: Outcome | None = None

    def _open(self, machine: Machine, problem: CoordinateProblem) -> HostColumns:
        """Return the host's side of the matrix."""
        return HostColumns(machine.host, problem)

    def _remember(self) -> GapMemory:
        """Return an empty gap memory."""
        return GapMemory(self.columns)

    @property
    def workers(self) -> list[Worker]:
        """Those at work: the accelerators that are up, or the host."""
        return self.crew.workers

    def prepare(self) -> Process:
        """Build every kernel with launches that touch nothing; before the clock starts."""
        none = np.empty(0, np.int64)
        state, memory = self.state, self.memory
        yield self.columns.gaps(none, state.w, state.alpha, 0.0, memory.u, memory.gaps, "prepare")
        yield self.columns.combine(none, state.alpha, np.zeros(state.w.size))
        yield self.columns.square_norms(none, state.square_norms)
        yield from self.crew.prepare()

    def train(self) -> Process:
        """Train until the stop rule says so.

        Returns
        -------
        Outcome
            The certified end; the value of the SimPy process.
        """
        return (yield from self.solve(self.problem, None))

    def solve(
        self, problem: CoordinateProblem, start: tuple[CoordinateProblem, Outcome] | None
    ) -> Process:
        """Solve one problem over the data, from the solution of another.

        What is resident stays so, and what is known of gaps and norms is carried over: the first
        certificate of a continued run costs no pass over the data.

        Parameters
        ----------
        problem : CoordinateProblem
            The run's own, or one with another strength of the penalty.
        start : tuple of CoordinateProblem and Outcome, or None
            What was solved last, and its solution; None for the run's own problem, from 0.

        Returns
        -------
        Outcome
        """
        self._begun_seconds, self._begun_rounds = self.clock.now, self.state.rounds
        if start is None:
            yield from self._begin()
            certificate = yield from self._certified_pass()
        else:
            certificate = yield from self._go_on(problem, *start)
        while certificate is None or not self._good(certificate):
            status = self._status()
            if status:
                if certificate is None:
                    yield from self._repair()
                    certificate = yield from self._certified_pass()
                return self._outcome(
                    "converged" if self._good(certificate) else status, certificate
                )
            certificate = yield from self._round(self._due(certificate))
        return self._outcome("converged", certificate)

    def _begin(self) -> Process:
        state = self.state
        yield self.columns.square_norms(self.columns.everything, state.square_norms)

        def curve() -> None:
            state.curvature[:] = self.problem.smoothness * state.square_norms

        yield self.columns.run("curvature", curve, state.alpha.size, "prepare")
        yield from self.crew.begin(state.curvature)

    def _go_on(
        self, problem: CoordinateProblem, before: CoordinateProblem, solved: Outcome
    ) -> Process:
        """Take over the last solution for another strength of the penalty; certify it there.

        On the primal side w and u are those of the last certificate, on the dual side ``w = A alpha
        / lam`` and u scale with 1 / lam.
        """
        if solved is not self._last:
            raise ValueError("only the solution found last can be gone on from")
        if self._unfinished is not None:
            yield self._unfinished  # what accelerators find after the last certificate is left out
            self._unfinished = None
        state, memory = self.state, self.memory
        scale = problem.smoothness / before.smoothness

        def restate() -> None:
            state.restate(problem, solved, scale)
            memory.u *= scale
            bound = problem.bound(state.objective)
            memory.gaps[:] = problem.scores(state.alpha, memory.u, bound)

        yield self.columns.run("restate", restate, state.alpha.size, "restate")
        self.problem = self.columns.problem = problem
        yield from self.crew.restate(problem, state.curvature, state.rounds)
        self._stale_w = self._stale_alpha = True
        return (yield from self._seal(0.0))

    def _round(self, certifies: bool) -> Process:
        """Swap, then descend and refresh at once, then add up; return a certificate if one was due.

        The certificate is that of the state at the start of the round: the host's full pass runs
        while the accelerators go on. If it ends the run, what they found since is not taken in.
        """
        state = self.state
        if (yield from self.crew.muster(state.rounds)):
            self._stale_w = self._stale_alpha = True
        yield from self._swap()
        if certifies:
            yield from self._repair()
        yield from self._push()
        sigma = state.damping * len(self.workers)
        bound = self.problem.bound(state.objective)
        solving = self._all(lambda worker: worker.solve(self.limits, sigma, bound))
        certificate = None
        if certifies:
            certificate = yield from self._certified_pass()
            if self._good(certificate):
                self._unfinished = solving
                return certificate
        else:
            yield from self._refresh(solving, bound)
        yield solving
        yield from self._collect(sigma)
        return None

    def _swap(self) -> Process:
        state = self.state
        swaps: list[Swap] = []
        moving = state.moving(self.problem)
        for seat, owned in zip(self.crew.at_work, self.crew.shares(), strict=True):
            choose = self._chooser(seat.policy, seat.worker, owned, moving)
            swaps.append((yield self.columns.decide(seat.policy.name, choose)))
        self._swapped += sum(swap.incoming.size for swap in swaps)
        yield from self._ship(swaps)

    def _ship(self, swaps: Sequence[Swap]) -> Process:
        """Let everybody at work swap, each as was decided."""
        state = self.state
        due = dict(zip(self.workers, swaps, strict=True))
        yield self._all(lambda worker: worker.swap(due[worker], state.alpha, state.curvature))

    def _chooser(
        self, policy: Selection, worker: Worker, owned: np.ndarray, moving: np.ndarray
    ) -> Callable[[], Swap]:
        if not isinstance(worker, Accelerator):
            return Swap
        residency = worker.residency
        view = View(
            gaps=self._worth(),
            lens=self.columns.lens,
            weights=self.state.square_norms,
            owned=owned,
            resident=worker.resident,
            protected=moving | self._pinned,
            settled=self.state.settled,
            pinned=self._pinned,
            free_slots=worker.arena.slots - residency.count,
            free_elements=worker.arena.elements - residency.used_elements,
            arena=worker.arena,
        )
        return lambda: policy.choose(view)

    def _worth(self) -> np.ndarray:
        """Return the gaps that policies choose by, shape (n,)."""
        return self.memory.gaps

    def _push(self) -> Process:
        """Bring the workers' w, and after a backoff their alpha, up to date."""
        if self._stale_w:
            alpha = self.state.alpha if self._stale_alpha else None
            yield self._all(lambda worker: worker.push(self.state.w, alpha))
        self._stale_w = self._stale_alpha = False

    def _refresh(self, solving: simpy.Event, bound: float) -> Process:
        if not all(seat.policy.uses_gaps for seat in self.crew.at_work):
            return
        resident = self.crew.resident
        fraction = self.config.refresh_fraction
        quota = None if fraction is None else max(1, round(fraction * resident.size))
        frozen = (self.state.w, self.state.alpha, bound)
        yield from self.memory.refresh(~resident & ~self.state.settled, quota, solving, frozen)

    def _collect(self, sigma: float) -> Process:
        state = self.state
        state.rounds += 1
        yield self._all(lambda worker: worker.pull())

        def add_up() -> str | None:
            state.take_in(self.workers, self.memory.gaps, sigma)
            return state.accept(self.problem)

        complaint = yield self.columns.run("add_up", add_up, state.alpha.size, "exchange")
        if complaint is not None:
            self.monitor.log(complaint)
            self._stale_w = self._stale_alpha = True
        elif sigma != 1.0:
            self._stale_w = True
        else:
            for worker in self.workers:
                np.copyto(worker.sent, worker.results["w"])

    def _repair(self) -> Process:
        """Rebuild w from alpha in float64, so that a certificate sees no drift.

        An alpha that rounding on the devices has put outside its bounds is put back first: the
        certificate is about one that is feasible.
        """
        state = self.state
        state.alpha = self.problem.project(state.alpha)
        exact = self.problem.w0.copy()
        yield self.columns.combine(np.flatnonzero(state.alpha), state.alpha, exact)
        state.w = exact

        def assess() -> None:
            state.objective = self.problem.objective(state.alpha, exact)

        yield self.columns.run("objective", assess, state.alpha.size, "repair")
        self._stale_w = True

    def _certified_pass(self) -> Process:
        """Measure every coordinate against the present state; report and return its certificate."""
        state, memory, problem = self.state, self.memory, self.problem
        bound = problem.bound(state.objective)
        self._elements_certified = self._elements_done()
        refreshed = memory.take_count() / problem.count
        yield from memory.measure(state.w, state.alpha, bound, "certify")
        memory.take_count()
        return (yield from self._seal(refreshed))

    def _seal(self, refreshed: float, reach: NDArray[np.float64] | None = None) -> Process:
        """Certify the present state from u, known for it within reach; report the certificate."""
        state, memory, problem = self.state, self.memory, self.problem

        def seal() -> Certificate:
            sealed = certify(problem, state.alpha, state.w, memory.u, reach=reach)
            settled, values = safe_to_drop(
                problem, sealed, state.alpha, memory.u, state.square_norms, reach
            )
            # Held to the precision of the devices: bounds and alpha may differ in float64.
            rounding = 4.0 * float(np.finfo(problem.columns.dtype).eps)
            held = np.isclose(values, state.alpha, rtol=rounding, atol=0.0)
            state.settled |= settled & held
            return sealed

        certificate = yield self.columns.run(
            "certificate", seal, state.alpha.size, "certify", nominal=UNKNOWN
        )
        resident = int(np.count_nonzero(self.crew.resident))
        self.monitor.certified(
            Progress(state.rounds, certificate, resident, self._swapped, refreshed)
        )
        self._swapped = 0
        return certificate

    def _elements_done(self) -> int:
        return self.crew.epoch_elements

    def _due(self, certificate: Certificate | None) -> bool:
        """Whether the next round should certify: the gap looks small, or enough work was done."""
        if certificate is not None:
            return False
        estimate = float(self.memory.gaps.sum())
        if estimate <= self.stop.tol * abs(self.state.objective):
            return True
        done = self._elements_done() - self._elements_certified
        return done >= self.config.certify_ratio * self.problem.columns.nnz

    def _good(self, certificate: Certificate | None) -> bool:
        return certificate is not None and certificate.relative_gap <= self.stop.tol

    def _status(self) -> str | None:
        if self.state.backoffs > _MOST_BACKOFFS:
            return "diverged"
        rounds = self.state.rounds - self._begun_rounds
        return self.stop.cut(rounds, self.clock.now - self._begun_seconds)

    def _outcome(self, status: str, certificate: Certificate | None) -> Outcome:
        state = self.state
        rounds = state.rounds - self._begun_rounds
        self._last = Outcome(status, rounds, certificate or UNKNOWN, state.alpha, state.w)
        return self._last

    def _all(self, task: Callable[[Worker], Process]) -> simpy.Event:
        """Let everybody at work do something; who fails drops out."""
        crew, rounds = self.crew, self.state.rounds
        guarded = [crew.guard(seat, task(seat.worker), rounds) for seat in crew.at_work]
        return simpy.AllOf(self.clock, [self.clock.process(each) for each in guarded])
