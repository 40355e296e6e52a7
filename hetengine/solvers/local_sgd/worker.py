"""One worker's round: parameters come up, steps run while the next batch travels, all comes down.

The first batch of the next round is sent on its way before this one is over.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import simpy

from hetengine.device import Buffer, Event
from hetengine.errors import DeviceFailure
from hetengine.program import Program
from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.feed import Feed
from hetengine.solvers.local_sgd.quota import Quota
from hetengine.solvers.local_sgd.replica import SLOTS, Process, Replica
from hetengine.solvers.local_sgd.samples import Samples
from hetengine.solvers.local_sgd.sampling import Share
from hetengine.solvers.local_sgd.seeds import augmentation


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is to do in one round.

    Attributes
    ----------
    quota : Quota
        How many steps.
    hyper : tuple of float
        Learning rate, momentum and weight decay.
    sources : tuple of Buffer
        Vectors on the host to begin with: parameters, statistics and, unless the worker is to keep
        its own, momentum.
    results : tuple of Buffer
        Rows on the host for what it comes to, in the same order; momentum only where it is asked
        for.
    """

    quota: Quota
    hyper: tuple[float, float, float]
    sources: tuple[Buffer, ...]
    results: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A step under way."""

    place: int
    share: Share
    done: list[Event]


class Worker:
    """A replica, and the stream of batches it works on.

    Parameters
    ----------
    member : Member
        Who it is.
    replica : Replica
        Its copy of the net.
    samples : Samples
        Training images.
    seed : int
        Of the run; seeds how its batches are augmented.

    Attributes
    ----------
    feed : Feed
        Its share of the samples.
    fresh : bool
        Whether its momentum means nothing, so that it has to begin with a given one.
    """

    def __init__(self, member: Member, replica: Replica, samples: Samples, seed: int) -> None:
        self.member = member
        self.replica = replica
        self.feed = Feed(member.batch)
        self.fresh = True
        self._samples = samples
        self._seed = seed
        self._augments = member.trains and samples.augment
        self._forget()

    def _forget(self) -> None:
        self._ready: list[Event] | None = None
        self._launched = 0

    @property
    def name(self) -> str:
        """Of its device."""
        return self.member.device

    @property
    def programs(self) -> tuple[Program, ...]:
        """What it runs, per slot: training steps, or scoring."""
        placed = self.replica.placed
        return placed.train if self.member.trains else placed.score

    def prepare(self) -> Process:
        """Build every program, before the clock starts.

        Returns
        -------
        float
            Seconds of a step.
        """
        self.fresh = True
        evaluate = self.replica.placed.evaluate[0]
        return (yield from self.replica.prepare((evaluate, *self.programs, self.programs[0])))

    def rebuild(self) -> Process:
        """Start anew on a device that has lost its memory.

        Raises
        ------
        DeviceFailure
            If it still does not work.
        """
        self._forget()
        yield from self.replica.rebuild()
        yield from self.prepare()

    def settle(self) -> Process:
        """Let a batch that is on its way arrive and forget it: its slot is needed."""
        ready, self._ready = self._ready, None
        try:
            yield self.replica.all(ready or ())
        except DeviceFailure as failure:
            # The batch is not needed, and a device that is down will say so to the next command.
            if failure.device != self.name or self.replica.carrier.local:
                raise

    def work(self, orders: Orders) -> Process:
        """Do one round.

        Returns
        -------
        Contribution
            With the worker's vectors in ``orders.results``, if it trains.

        Raises
        ------
        DeviceFailure
            If a command failed.
        """
        clock = self.replica.clock
        begun = clock.now
        settings = self._receive(orders)
        after: list[Event] = settings
        quota, done = orders.quota, 0
        flying: deque[_Step] = deque()
        landed: list[tuple[np.ndarray, np.ndarray]] = []
        while quota.more(done):
            flying.append(self._step(after))
            after, done = [], done + 1
            if len(flying) == SLOTS:
                landed.append((yield from self._land(flying.popleft())))
            if not self.feed.spent:
                self._fetch()
            if not quota.ahead:
                landed.append((yield from self._land(flying.popleft())))
        while flying:
            landed.append((yield from self._land(flying.popleft())))
        stepping = clock.now - max((event.end_seconds for event in settings), default=begun)
        yield from self._return(orders)
        ids, losses = (np.concatenate(parts) for parts in zip(*landed, strict=True))
        index = self.member.index
        return Contribution(index, done, ids, losses, clock.now - begun, stepping / done)

    def _receive(self, orders: Orders) -> list[Event]:
        """Bring up what the round begins with; the first step waits for it."""
        placed, carrier = self.replica.placed, self.replica.carrier
        targets = (placed.parameters, placed.statistics, placed.momentum)
        moved = self.replica.tune(*orders.hyper)
        for target, source in zip(targets, orders.sources, strict=False):
            moved += carrier.move(target, source)
        self.fresh = False
        return moved

    def _return(self, orders: Orders) -> Process:
        """Bring down what the round has come to."""
        placed, carrier = self.replica.placed, self.replica.carrier
        sources = (placed.parameters, placed.statistics, placed.momentum)
        moved: list[simpy.Event] = []
        for row, source in zip(orders.results, sources, strict=False):
            moved += carrier.move(row, source)
        yield self.replica.all(moved)

    def _fetch(self) -> None:
        """Send the next batch on its way, unless it is."""
        if self._ready is None:
            shifts = None
            if self._augments:
                rng = augmentation(self._seed, self.member.index, self.feed.batches)
                shifts = self._samples.shifts(rng, self.member.batch)
            place = self._launched % SLOTS
            self._ready = self.replica.send(place, self._samples, self.feed.peek(), shifts)

    def _step(self, after: list[Event]) -> _Step:
        """Launch a step on the next batch."""
        self._fetch()
        assert self._ready is not None
        place, share = self._launched % SLOTS, self.feed.peek()
        category = "train" if self.member.trains else "score"
        ran = self.replica.launch(self.programs[place], [*self._ready, *after], category)
        self._ready = None
        self._launched += 1
        self.feed.take()
        return _Step(place, share, self.replica.losses(place, ran))

    def _land(self, step: _Step) -> Process:
        """Wait for a step; return its samples and their losses."""
        yield self.replica.all(step.done)
        return step.share.ids, np.array(self.replica.staging[step.place].losses.array)
