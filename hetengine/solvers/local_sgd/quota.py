"""How many steps a worker makes in one round."""

from __future__ import annotations

from dataclasses import dataclass

import simpy

from hetengine.clock import Clock


@dataclass(frozen=True, slots=True)
class Fixed:
    """So many steps, known in advance: the next one is handed over while one runs.

    Attributes
    ----------
    steps : int
        At least 1.
    """

    steps: int
    ahead = True

    def more(self, done: int) -> bool:
        """Whether to make another step after so many."""
        return done < self.steps


@dataclass(slots=True)
class Open:
    """As many steps as fit, at least one, until those that set the pace are done.

    A step is begun only if it is expected to end with the round, so that the others do not wait
    for it: the decision needs the end of the step before.

    Attributes
    ----------
    clock : Clock
        The run's clock.
    over : simpy.Event
        Fires when those that set the pace are done.
    ends_seconds : float
        When that is expected; -inf if nothing is known, for one step.
    begun_seconds : float
        When the worker began its first step.
    """

    clock: Clock
    over: simpy.Event
    ends_seconds: float
    begun_seconds: float = float("nan")
    ahead = False

    def more(self, done: int) -> bool:
        """Whether to make another step after so many."""
        now = self.clock.now
        if done == 0:
            self.begun_seconds = now
            return True
        step_seconds = (now - self.begun_seconds) / done
        return not self.over.triggered and now + step_seconds <= self.ends_seconds


Quota = Fixed | Open
