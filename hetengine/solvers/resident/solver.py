"""One training run on data that lie in the host's memory by row."""

from __future__ import annotations

from collections.abc import Sequence

from hetengine.device import Device
from hetengine.errors import UsageError
from hetengine.machine import Machine
from hetengine.problems import CoordinateProblem, Kind
from hetengine.solvers.outcome import Monitor, Outcome, StopRule
from hetengine.solvers.resident.ascent import Ascent
from hetengine.solvers.resident.finish import Finish
from hetengine.solvers.resident.rows import KERNELS, Rows
from hetengine.solvers.resident.smooth import Smooth
from hetengine.solvers.resident.working_set import WorkingSet
from hetengine.solvers.worker import Process

Method = Smooth | WorkingSet | Ascent


class Resident:
    """Train on the host alone, with the method that fits the loss and the penalty.

    Parameters
    ----------
    problem : CoordinateProblem
        By row, see `hetengine.problems.make_problem`.
    machine : Machine
        Whose host trains; accelerators stay idle.
    stop : StopRule
        When to end.
    seed : int
        Seeds the order of epochs.
    monitor : Monitor
        Receives certified states.

    Raises
    ------
    OutOfCapacity
        If the host cannot hold the data.
    """

    def __init__(
        self,
        problem: CoordinateProblem,
        machine: Machine,
        stop: StopRule,
        seed: int,
        monitor: Monitor,
    ) -> None:
        self.problem = problem
        machine.clock.help()
        self.rows = Rows(machine.host, problem)
        self.finish = Finish(machine.clock, stop, monitor, problem.count)
        self.method = self._method(seed)

    def _method(self, seed: int) -> Method:
        problem = self.problem
        if problem.kind is Kind.HINGE:
            return Ascent(self.rows, self.finish, seed)
        if problem.l1 > 0:
            return WorkingSet(self.rows, problem, self.finish)
        return Smooth(self.rows, problem, self.finish)

    @property
    def stop(self) -> StopRule:
        """When to end; may be set between two calls of `solve`."""
        return self.finish.stop

    @stop.setter
    def stop(self, rule: StopRule) -> None:
        self.finish.stop = rule

    def foresee(self, lams: Sequence[float]) -> None:
        """Say which strengths are going to be solved for after the next one, in this order.

        Parameters
        ----------
        lams : sequence of float
            Some solvers find points for them in passing; none needs to know them.
        """
        if isinstance(self.method, WorkingSet):
            self.method.ahead.lams = lams

    def prepare(self) -> Process:
        """Build every kernel with launches that touch next to nothing; before the clock starts."""
        yield from self.method.build(self.problem)

    def train(self) -> Process:
        """Train until the stop rule says so.

        Returns
        -------
        Outcome
            The certified end; the value of the SimPy process.
        """
        outcome = yield from self.solve(self.problem, None)
        return outcome

    def solve(
        self,
        problem: CoordinateProblem,
        start: tuple[CoordinateProblem, Outcome] | None,
    ) -> Process:
        """Solve one problem over the data, from the solution of another.

        Parameters
        ----------
        problem : CoordinateProblem
            The run's own, or one with another strength of the penalty.
        start : tuple of CoordinateProblem and Outcome, or None
            A problem over the same data and its solution; 0 by default.

        Returns
        -------
        Outcome
        """
        self.finish.begin()
        return (yield from self.method.solve(problem, start))


def can_train(host: Device) -> bool:
    """Return whether a host has the kernels of the resident path."""
    for name in KERNELS:
        try:
            host.load(name)
        except UsageError:
            return False
    return True
