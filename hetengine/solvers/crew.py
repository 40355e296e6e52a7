"""Who works: the accelerators that are up, or the host in their place.

An accelerator that fails loses its round and its residency; its coordinates go to the others or,
where none is left, to the host. It is asked again after 1, 2, 4, ... rounds, and when it answers it
gets its coordinates back and starts with an empty memory. Rounds, not seconds, count: the same
failures give the same run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hetengine.device import Device
from hetengine.errors import DeviceFailure
from hetengine.machine import Machine
from hetengine.problems import CoordinateProblem
from hetengine.solvers.accelerator import Accelerator
from hetengine.solvers.arena import plan_arena
from hetengine.solvers.columns import HostColumns
from hetengine.solvers.host_worker import HostWorker
from hetengine.solvers.outcome import Monitor
from hetengine.solvers.selection import Host, Selection
from hetengine.solvers.worker import Process, Worker

_LONGEST_REST = 64


@dataclass(eq=False)
class Seat:
    """A worker with its policy, and whether it is up.

    Attributes
    ----------
    worker : Worker
        Who works.
    policy : Selection
        What it works on.
    up : bool
        Whether it takes part.
    rest : int
        Rounds to let pass before a failed one is asked again.
    ask_at : int
        Round in which that is.
    """

    worker: Worker
    policy: Selection
    up: bool = True
    rest: int = 1
    ask_at: int = 0


class Crew:
    """All workers of a run.

    Parameters
    ----------
    machine : Machine
        What it runs on.
    problem : CoordinateProblem
        What is solved.
    columns : HostColumns
        The data and the host.
    policies : sequence of Selection
        One per accelerator; or one for the host.
    seed : int
        Seeds the order of the epochs.
    monitor : Monitor
        Hears of failures and returns.

    Attributes
    ----------
    seats : list of Seat
        All that could work, but for the host as a stand-in.
    at_work : list of Seat
        Those that do: set by `muster`, left by those that fail.

    Raises
    ------
    OutOfCapacity
        If a device cannot hold what it must.
    """

    def __init__(
        self,
        machine: Machine,
        problem: CoordinateProblem,
        columns: HostColumns,
        policies: Sequence[Selection],
        seed: int,
        monitor: Monitor,
    ) -> None:
        self._problem = problem
        self._columns = columns
        self._seed = seed
        self._monitor = monitor
        self._curvature = np.empty(0)
        self._stand_in: Seat | None = None
        if policies[0].where == "host":
            self.seats = [Seat(HostWorker(columns, seed), policies[0])]
        else:
            seeds = np.random.SeedSequence(seed).spawn(len(machine.accelerators))
            workers = [
                self._accelerator(device, own)
                for device, own in zip(machine.accelerators, seeds, strict=True)
            ]
            self.seats = [Seat(*pair) for pair in zip(workers, policies, strict=True)]
        self.at_work = list(self.seats)
        self._mustered = list(self.seats)

    def _accelerator(self, device: Device, seed: np.random.SeedSequence) -> Accelerator:
        columns, pinned = self._problem.columns, self._problem.pinned
        arena = plan_arena(device.name, columns, device.memory.free_bytes, pinned)
        return Accelerator(device, arena, self._columns, int(seed.generate_state(1)[0]))

    @property
    def workers(self) -> list[Worker]:
        """The workers at work."""
        return [seat.worker for seat in self.at_work]

    @property
    def resident(self) -> np.ndarray:
        """Whether each coordinate can be worked on, bool, shape (n,)."""
        none = np.zeros(self._problem.count, bool)
        return np.logical_or.reduce([none, *(worker.resident for worker in self.workers)])

    @property
    def epoch_elements(self) -> int:
        """Elements visited by all epochs of all workers so far."""
        seats = self.seats if self._stand_in is None else [*self.seats, self._stand_in]
        return sum(seat.worker.epoch_elements for seat in seats)

    def shares(self) -> list[np.ndarray]:
        """Split the coordinates over those at work, bool masks of shape (n,).

        Each keeps its own share for the whole run; those of the missing are dealt out in turn.
        """
        turn, number = np.divmod(np.arange(self._problem.count), len(self.seats))
        present = len(self.at_work)
        place = [self.at_work.index(seat) if seat in self.at_work else -1 for seat in self.seats]
        own = np.array(place)[number]
        owner = np.where(own >= 0, own, turn % max(present, 1))
        return [owner == k for k in range(present)]

    def prepare(self) -> Process:
        """Build every kernel; what fails here fails the run."""
        for seat in self.seats:
            yield from seat.worker.prepare()

    def begin(self, curvature: np.ndarray) -> Process:
        """Lay out what is known once the curvatures are, shape (n,)."""
        self._curvature = curvature
        for seat in self.seats:
            yield from seat.worker.begin(curvature)

    def restate(self, problem: CoordinateProblem, curvature: np.ndarray, rounds: int) -> Process:
        """Let everybody know another strength of the penalty; what is resident stays.

        Parameters
        ----------
        problem : CoordinateProblem
            Over the same columns.
        curvature : ndarray, shape (n,)
            Its curvatures.
        rounds : int
            Rounds done.
        """
        self._problem, self._curvature = problem, curvature
        seats = self.seats if self._stand_in is None else [*self.seats, self._stand_in]
        for seat in seats:
            seat.worker.problem = problem
            if seat.up:
                yield from self.guard(seat, seat.worker.restate(curvature), rounds)

    def muster(self, rounds: int) -> Process:
        """Ask the failed again whose time has come; call the host if nobody is left.

        Returns
        -------
        bool
            Whether somebody has come or gone since the last call.
        """
        for seat in self.seats:
            if not seat.up and rounds >= seat.ask_at:
                yield from self._ask(seat, rounds)
        self.at_work = [seat for seat in self.seats if seat.up]
        if not self.at_work:
            self.at_work = [(yield from self._host_in_place())]
        changed = self.at_work != self._mustered
        self._mustered = list(self.at_work)
        if changed:
            for worker, owned in zip(self.workers, self.shares(), strict=True):
                worker.keep(owned)
        return changed

    def _host_in_place(self) -> Process:
        if not self._columns.arrays:
            host = self._columns.host.name
            raise DeviceFailure(
                f"no accelerator is left, and {host} has the columns on disk: it cannot work in "
                "their place"
            )
        if self._stand_in is None:
            self._stand_in = Seat(HostWorker(self._columns, self._seed), Host())
            yield from self._stand_in.worker.prepare()
            yield from self._stand_in.worker.begin(self._curvature)
        return self._stand_in

    def _ask(self, seat: Seat, rounds: int) -> Process:
        worker = seat.worker
        yield worker.device.synchronize()
        worker.forget()
        seat.up = True
        yield from self.guard(seat, worker.prepare(), rounds)
        if seat.up:
            self._monitor.log(f"round {rounds}: {worker.device.name} is back, with an empty memory")

    def guard(self, seat: Seat, process: Process, rounds: int) -> Process:
        """Let a worker do something; if its device fails, it drops out.

        Raises
        ------
        DeviceFailure
            If the host failed, or nobody knows who.
        """
        try:
            yield from process
            seat.worker.check()
        except DeviceFailure as failure:
            worker = seat.worker
            if not isinstance(worker, Accelerator) or failure.device != worker.device.name:
                raise
            self._lose(seat, worker.failure or failure, rounds)

    def _lose(self, seat: Seat, failure: DeviceFailure, rounds: int) -> None:
        again = seat.ask_at > 0 and rounds <= seat.ask_at
        seat.rest = min(2 * seat.rest, _LONGEST_REST) if again else 1
        seat.up, seat.ask_at = False, rounds + seat.rest
        if seat in self.at_work:
            self.at_work.remove(seat)
        if again:
            return
        others = ", ".join(each.worker.device.name for each in self.seats if each.up)
        rest = others or f"{self._columns.host.name}, which works in its place"
        self._monitor.log(f"round {rounds}: {failure}; its round is dropped, going on with {rest}")
