"""One round: everybody works at once; who fails or is late is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import simpy

from hetengine.clock import Clock
from hetengine.errors import DeviceFailure
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.failures import Roster, Seat
from hetengine.solvers.local_sgd.replica import Process
from hetengine.solvers.local_sgd.worker import Orders

_ROUNDING = 1e-9


class Round:
    """The workers of one round, until the last of them has come to its end or been given up.

    Parameters
    ----------
    clock : Clock
        The run's clock.
    roster : Roster
        Who takes part.
    rounds : int
        Rounds done before.
    setters : sequence of int
        Indices of the workers that set the pace.

    Attributes
    ----------
    over : simpy.Event
        Fires when those that set the pace are done.
    broken : bool
        Whether somebody returned losses that are not finite.
    """

    def __init__(self, clock: Clock, roster: Roster, rounds: int, setters: Sequence[int]) -> None:
        self.over = simpy.Event(clock)
        self.broken = False
        self._clock = clock
        self._roster = roster
        self._rounds = rounds
        self._setters = frozenset(setters)
        self._begun_seconds = clock.now
        self._running: dict[Seat, simpy.Process] = {}
        self._found: list[Contribution] = []

    def run(self, orders: Mapping[int, Orders]) -> Process:
        """Let everybody at work do a round.

        Parameters
        ----------
        orders : mapping of int to Orders
            By index of the worker.

        Returns
        -------
        list of Contribution
            By index of the worker; of those that came to the end of it.

        Raises
        ------
        DeviceFailure
            If the host failed.
        RunEnded
            If a worker failed and the policy is to stop.
        """
        for seat in self._roster.at_work:
            job = _guard(seat, orders[seat.worker.member.index])
            self._running[seat] = self._clock.process(job)
        while self._running:
            waits: list[simpy.Event] = list(self._running.values())
            limit = self._next_limit()
            if limit is not None:
                waits.append(self._clock.timeout(max(0.0, limit - self._clock.now)))
            yield simpy.AnyOf(self._clock, waits)
            self._collect()
            self._give_up()
            if not self.over.triggered and not self._paced():
                self.over.succeed()
        return sorted(self._found, key=lambda each: each.index)

    def _paced(self) -> bool:
        """Whether somebody who sets the pace is still at it."""
        return any(seat.worker.member.index in self._setters for seat in self._running)

    def _collect(self) -> None:
        """Take in what has come."""
        for seat in [seat for seat, job in self._running.items() if job.triggered]:
            result: Any = self._running.pop(seat).value
            if isinstance(result, DeviceFailure):
                self._roster.lose(seat, result, self._rounds)
            elif not result.finite:
                self.broken = True
                self._roster.lose(
                    seat, f"{seat.worker.name} returned losses that are not finite", self._rounds
                )
            else:
                seat.passed(result.seconds)
                self._found.append(result)

    def _give_up(self) -> None:
        """Leave out those past their time, as soon as anybody has come to the end."""
        if not any(self._roster.seats[each.index].trains for each in self._found):
            return
        spent = self._clock.now - self._begun_seconds
        for seat in list(self._running):
            limit = self._roster.limit_seconds(seat)
            # A clock that was to wake up at the limit may do so a rounding before it.
            if limit is not None and spent >= limit * (1.0 - _ROUNDING):
                why = f"{seat.worker.name} has not come back after {spent:.3g} s"
                usual = f"{why}, its deadline by the rounds before was {limit:.3g} s"
                self._roster.lose(seat, usual, self._rounds, late=self._running.pop(seat))

    def _next_limit(self) -> float | None:
        """Return when the next one will be late, on the clock; None while none can be."""
        if not any(self._roster.seats[each.index].trains for each in self._found):
            return None
        limits = [self._roster.limit_seconds(seat) for seat in self._running]
        known = [limit for limit in limits if limit is not None]
        return self._begun_seconds + min(known) if known else None


def _guard(seat: Seat, orders: Orders) -> Process:
    """Let a worker do its round; the failure of its device is a result."""
    try:
        return (yield from seat.worker.work(orders))
    except DeviceFailure as failure:
        if not seat.is_to_blame(failure):
            raise
        return failure
