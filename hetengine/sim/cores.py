"""Cores that several kernels share: processor sharing, at a speed that may change.

A kernel wants some threads. As long as all kernels together want no more threads than there are
cores, each runs at full rate; beyond that all slow down alike. A device that slows down or stalls
changes the rate of its own kernels.
"""

from __future__ import annotations

import math
from typing import Protocol

import simpy

from hetengine.clock import VirtualClock

RESIDUE = 1e-12
"""Share of a job below which what is left of it is rounding."""


class Paced(Protocol):
    """Whatever sets the speed of a job: 1 is full, 0 stands still."""

    speed: float


class _Job:
    __slots__ = ("done", "left", "owner", "rate", "seconds", "threads")

    def __init__(self, seconds: float, threads: int, owner: Paced, done: simpy.Event) -> None:
        self.seconds = self.left = seconds
        self.threads = threads
        self.owner = owner
        self.done = done
        self.rate = 0.0

    @property
    def over(self) -> bool:
        """Whether it has run, give or take rounding."""
        return self.left <= RESIDUE * self.seconds


class CorePool:
    """Cores and the jobs on them.

    Parameters
    ----------
    clock : VirtualClock
        The run's clock.
    cores : float
        How many there are; infinity for a device that shares with nobody.

    Examples
    --------
    Two kernels of one thread each on one core take twice as long:

    >>> class Steady:
    ...     speed = 1.0
    >>> clock = VirtualClock()
    >>> pool, done = CorePool(clock, 1), [simpy.Event(clock), simpy.Event(clock)]
    >>> for event in done:
    ...     pool.run(3.0, 1, Steady(), event)
    >>> clock.run(until=done[1])
    >>> clock.now
    6.0
    """

    def __init__(self, clock: VirtualClock, cores: float = math.inf) -> None:
        self.clock = clock
        self.cores = cores
        self._jobs: list[_Job] = []
        self._advanced_at = 0.0
        self._timer: simpy.Event | None = None
        self._first: _Job | None = None

    def run(self, seconds: float, threads: int, owner: Paced, done: simpy.Event) -> None:
        """Start a job.

        Parameters
        ----------
        seconds : float
            What it takes alone and at full speed.
        threads : int
            Cores it wants.
        owner : Paced
            Whose speed it runs at; see `update`.
        done : simpy.Event
            Succeeds when it has run.
        """
        if seconds == 0.0:
            done.succeed()
            return
        self._advance()
        self._jobs.append(_Job(seconds, threads, owner, done))
        self._rebalance()

    def cancel(self, done: simpy.Event) -> None:
        """Forget a job, if it is here; its event is left alone."""
        self._advance()
        self._jobs = [job for job in self._jobs if job.done is not done]
        self._rebalance()

    def update(self) -> None:
        """Take in that an owner's speed has changed."""
        self._advance()
        self._rebalance()

    def _advance(self) -> None:
        """Serve every job, at the rates so far, up to the present time."""
        now = self.clock.now
        seconds = now - self._advanced_at
        self._advanced_at = now
        if seconds > 0.0:
            for job in self._jobs:
                job.left -= job.rate * seconds

    def _fire(self, timer: simpy.Event) -> None:
        """Finish the job the timer was armed for, unless rates have changed since."""
        if timer is not self._timer or self._first is None:
            return
        self._advance()
        self._first.left = 0.0  # what is left now is rounding
        self._rebalance()

    def _rebalance(self) -> None:
        """Complete what has run, recompute the rates, arm the timer."""
        self._timer = self._first = None
        done: list[_Job] = []
        while True:
            done += [job for job in self._jobs if job.over]
            self._jobs = [job for job in self._jobs if not job.over]
            running = [job for job in self._jobs if job.owner.speed > 0.0]
            wanted = sum(job.threads for job in running)
            share = min(1.0, self.cores / wanted) if wanted else 0.0
            for job in self._jobs:
                job.rate = share * job.owner.speed
            if not running:
                break
            seconds, k = min((job.left / job.rate, k) for k, job in enumerate(running))
            if self.clock.now + seconds > self.clock.now:
                timer = self.clock.timeout(seconds)
                timer.callbacks.append(self._fire)
                self._timer, self._first = timer, running[k]
                break
            running[k].left = 0.0  # too short for the clock to tell
        for job in done:
            job.done.succeed()
