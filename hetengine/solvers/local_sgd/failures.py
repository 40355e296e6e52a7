"""Who takes part in a round: workers that raise, stall or return what is not finite do not.

A worker that failed is asked again after 1, 2, 4, ... rounds. Rounds, not seconds, count: the same
failures give the same run. A deadline comes from a worker's own past rounds (median and median
absolute deviation), never from a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import simpy

from hetengine.errors import DeviceFailure
from hetengine.solvers.local_sgd.outcome import Monitor
from hetengine.solvers.local_sgd.policies import FailureConfig
from hetengine.solvers.local_sgd.replica import Process
from hetengine.solvers.local_sgd.worker import Worker

_LONGEST_REST = 64
_LEAST_HISTORY = 3
_KEPT = 20


class RunEnded(Exception):
    """The run cannot go on; the parameters of the last good round stand.

    Parameters
    ----------
    status : {'failed', 'diverged'}
        How it ended.
    reason : str
        Why, on one line.
    """

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


@dataclass(eq=False)
class Seat:
    """A worker, and whether it takes part.

    Attributes
    ----------
    worker : Worker
        Who works.
    up : bool
        Whether it takes part.
    lost_memory : bool
        Whether its device has raised, so that nothing there can be relied on.
    late : simpy.Process or None
        The round it has been given up in and not yet come to the end of.
    rest : int
        Rounds to let pass before it is asked again.
    ask_at : int
        Round in which that is; -1 if it has never failed.
    seconds : list of float
        What its last rounds took, with the present taus.
    """

    worker: Worker
    up: bool = True
    lost_memory: bool = False
    late: simpy.Process | None = None
    rest: int = 1
    ask_at: int = -1
    seconds: list[float] = field(default_factory=list)

    @property
    def trains(self) -> bool:
        """Whether it trains, or scores samples only."""
        return self.worker.member.trains

    def is_to_blame(self, failure: DeviceFailure) -> bool:
        """Whether the worker's own device failed, so that the others can go on."""
        return failure.device == self.worker.name and not self.worker.replica.carrier.local

    def passed(self, seconds: float) -> None:
        """Remember what a round took."""
        self.seconds.append(seconds)
        del self.seconds[:-_KEPT]


class Roster:
    """All workers of a run.

    Parameters
    ----------
    config : FailureConfig
        What becomes of those that fail.
    workers : sequence of Worker
        By index.
    monitor : Monitor
        Hears of failures and returns.

    Attributes
    ----------
    seats : list of Seat
        By index of the worker.
    """

    def __init__(self, config: FailureConfig, workers: Sequence[Worker], monitor: Monitor) -> None:
        self.seats = [Seat(worker) for worker in workers]
        self._config = config
        self._monitor = monitor

    @property
    def at_work(self) -> list[Seat]:
        """Those that take part."""
        return [seat for seat in self.seats if seat.up]

    @property
    def training(self) -> list[Seat]:
        """Those of them that train."""
        return [seat for seat in self.at_work if seat.trains]

    @property
    def late(self) -> list[simpy.Process]:
        """Rounds that have been given up and still go on, of those who train and may come back."""
        if self._config.action != "readmit":
            return []
        return [s.late for s in self.seats if s.trains and s.late is not None and s.late.is_alive]

    def limit_seconds(self, seat: Seat) -> float | None:
        """Return the time after which a worker's round is given up; None if nothing is known."""
        mads = self._config.deadline_mads
        if mads is None or len(seat.seconds) < _LEAST_HISTORY:
            return None
        middle = median(seat.seconds)
        spread = median(abs(seconds - middle) for seconds in seat.seconds)
        return max(
            middle + mads * spread,
            self._config.deadline_factor * middle,
            self._config.deadline_seconds,
        )

    def forget_times(self) -> None:
        """Begin to learn anew what a round takes: taus have changed."""
        for seat in self.seats:
            seat.seconds.clear()

    def lose(self, seat: Seat, why: object, rounds: int, late: simpy.Process | None = None) -> None:
        """Let a worker drop out.

        Parameters
        ----------
        seat : Seat
            Whose worker it is.
        why : object
            What happened; a `DeviceFailure` means that its memory is lost.
        rounds : int
            Rounds done before the one it failed in.
        late : simpy.Process, optional
            Its round, where that still goes on.

        Raises
        ------
        RunEnded
            If the policy is to stop.
        """
        again = seat.ask_at == rounds
        seat.rest = min(2 * seat.rest, _LONGEST_REST) if again else 1
        seat.up, seat.late, seat.ask_at = False, late, rounds + seat.rest
        seat.lost_memory = seat.lost_memory or isinstance(why, DeviceFailure)
        if self._config.action == "stop":
            raise RunEnded("failed", f"round {rounds + 1}: {why} (solver.failure.action=stop)")
        if not again:
            others = ", ".join(each.worker.name for each in self.at_work) or "nobody"
            end = "for good" if self._config.action == "drop" else "until it is asked again"
            self._monitor.log(
                f"round {rounds + 1}: {why}; {seat.worker.name} is left out {end}, going on with "
                f"{others}"
            )

    def muster(self, rounds: int, *, now: bool = False) -> Process:
        """Ask those again whose time has come.

        Parameters
        ----------
        rounds : int
            Rounds done.
        now : bool
            Ask all that have failed and whose round is over, whether or not their time has come.

        Returns
        -------
        bool
            Whether one has come back.
        """
        back = False
        for seat in self.seats if self._config.action == "readmit" else ():
            resting = rounds < seat.ask_at and not now
            if seat.up or resting or (seat.late is not None and seat.late.is_alive):
                continue
            if seat.late is not None and isinstance(seat.late.value, DeviceFailure):
                seat.lost_memory = True
            back = (yield from self._ask(seat, rounds)) or back
        return back

    def _ask(self, seat: Seat, rounds: int) -> Process:
        seat.late, seat.ask_at = None, rounds
        try:
            if seat.lost_memory:
                yield from seat.worker.rebuild()
            else:
                yield from seat.worker.settle()
        except DeviceFailure as failure:
            if not seat.is_to_blame(failure):
                raise
            self.lose(seat, failure, rounds)
            return False
        seat.up, seat.lost_memory, seat.worker.fresh = True, False, True
        seat.seconds.clear()
        self._monitor.log(f"round {rounds + 1}: {seat.worker.name} is back")
        return True
