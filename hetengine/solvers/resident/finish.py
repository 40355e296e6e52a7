"""How a resident run ends: one stop rule for all its solvers."""

from __future__ import annotations

import math

from hetengine.clock import Clock
from hetengine.problems import Certificate
from hetengine.solvers.outcome import Monitor, Progress, StopRule

_PATIENCE = 30
_GAIN = 0.9


class Finish:
    """Watches the certificates of a run and says when it ends.

    Parameters
    ----------
    clock : Clock
        The run's clock.
    stop : StopRule
        When to end.
    monitor : Monitor
        Receives certified states.
    coordinates : int
        All of which are resident.

    Attributes
    ----------
    rounds : int
        Passes over the data so far; solvers count them.
    """

    def __init__(self, clock: Clock, stop: StopRule, monitor: Monitor, coordinates: int) -> None:
        self.stop = stop
        self.rounds = 0
        self._clock = clock
        self._monitor = monitor
        self._coordinates = coordinates
        self._best = math.inf
        self._best_round = 0
        self._begun_seconds = clock.now

    def begin(self) -> None:
        """Count rounds and seconds from now on."""
        self._begun_seconds = self._clock.now
        self.rounds, self._best, self._best_round = 0, math.inf, 0

    def report(self, certificate: Certificate) -> str | None:
        """Report one certified state; return the status if the run ends with it.

        ``stalled`` means that the gap has not fallen for long: the precision is at its end.
        """
        self._monitor.certified(Progress(self.rounds, certificate, self._coordinates, 0, 1.0))
        gap = certificate.relative_gap
        if gap <= self.stop.tol:
            return "converged"
        if math.isinf(gap) and math.isnan(certificate.objective):
            return "diverged"
        if gap < _GAIN * self._best:
            self._best, self._best_round = gap, self.rounds
        cut = self.stop.cut(self.rounds, self._clock.now - self._begun_seconds)
        if cut is not None:
            return cut
        stuck = math.isfinite(gap) and self.rounds - self._best_round >= _PATIENCE
        return "stalled" if stuck else None
