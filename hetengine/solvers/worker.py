"""What the two kinds of worker share: slots with their state, and epochs over them.

A worker descends on the columns in its own memory, from its own copy of w. `Accelerator` fills its
memory with shipments from the host; `HostWorker` works on all columns where they lie.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from hetengine.clock import passive
from hetengine.device import Device, Event
from hetengine.errors import DeviceFailure
from hetengine.problems import CoordinateProblem
from hetengine.solvers.arena import element_bytes
from hetengine.solvers.selection import Swap
from hetengine.solvers.work import epoch_work, reading
from hetengine.work import LateWork, Work

Process = Generator[simpy.Event, Any, Any]

STATE = ("alpha", "h", "p", "q", "gap")


@dataclass(frozen=True, slots=True)
class Limits:
    """When an inner solve ends.

    Attributes
    ----------
    epochs : int
        Most passes over the block.
    gap_ratio : float
        It ends once the gaps met in a pass fall to this fraction of those of the first pass.
    """

    epochs: int
    gap_ratio: float


class Worker(abc.ABC):
    """Slots, their state and w in the memory of one device.

    Parameters
    ----------
    device : Device
        Where the epochs run.
    problem : CoordinateProblem
        What is solved.
    slots : int
        Columns it has room for.
    seed : int
        Seeds the order of the epochs.

    Attributes
    ----------
    reads : str
        Label of the memory the epochs go through.
    columns : tuple
        Leading arguments of the epoch kernel.
    count, elements : int
        Columns worked on, and stored elements in them.
    epoch_elements : int
        Elements visited by all epochs so far.
    sent : ndarray, shape (d,)
        What w was on the device when the round began, in the device's precision.
    failure : DeviceFailure or None
        The first failure of a command nobody may have waited for.
    """

    reads = "columns"

    def __init__(self, device: Device, problem: CoordinateProblem, slots: int, seed: int) -> None:
        columns = problem.columns
        self.device = device
        self.problem = problem
        self.real = columns.dtype
        self.element_bytes = element_bytes(columns)
        self.variant = f"{columns.dtype.name}/{problem.kind.name.lower()}"
        self.state = {name: device.alloc(name, slots, self.real) for name in STATE}
        self.order = device.alloc("order", slots, np.int32)
        self.w = device.alloc("w", columns.length, self.real)
        self.columns: tuple[Any, ...] = ()
        self.count = 0
        self.elements = 0
        self.epoch_elements = 0
        self.sent = np.zeros(columns.length, self.real)
        self.failure: DeviceFailure | None = None
        self._rng = np.random.default_rng(seed)
        self._epoch = device.load(f"{columns.layout}_epoch")

    def watch(self, event: Event) -> Event:
        """Keep the failure of a command for `check`, whether or not anybody waits for it."""
        event.callbacks.append(self._note)
        return event

    @passive
    def _note(self, event: simpy.Event) -> None:
        if not event.ok and isinstance(event.value, DeviceFailure):
            event.defused = True
            self.failure = self.failure or event.value

    def check(self) -> None:
        """Raise what `watch` has kept.

        Raises
        ------
        DeviceFailure
            If a command has failed since the worker last had to `forget`.
        """
        if self.failure is not None:
            raise self.failure

    def forget(self) -> None:
        """Take it that the device has lost its memory."""
        self.failure = None

    def epoch(self, count: int, sigma: float, bound: float) -> Event:
        """Pass once over the first ``count`` slots of the order."""
        problem = self.problem
        args = (
            *self.columns,
            self.order.section(0, count),
            *(self.state[name] for name in STATE),
            self.w,
            int(problem.kind),
            problem.smoothness,
            sigma,
            bound,
            int(self._rng.integers(1 << 62)),
        )
        elements = self.elements if count else 0

        def amount(result: tuple[float, int] | None) -> Work:
            moved = elements if result is None else result[1]
            done = epoch_work(
                count, elements, moved, self.element_bytes, self.real.itemsize, self.variant
            )
            return reading(done, self.reads, elements * self.element_bytes)

        late = LateWork(amount(None), amount)
        return self.watch(self.device.launch(self._epoch, args, late, category="solve"))

    def solve(self, limits: Limits, sigma: float, bound: float) -> Process:
        """Descend on the block until its gap has fallen far enough; yields an event per epoch."""
        first = math.nan
        for done in range(limits.epochs):
            result = yield self.epoch(self.count, sigma, bound)
            self.epoch_elements += self.elements
            met = math.nan if result is None else result[0]
            first = met if done == 0 else first
            if met <= limits.gap_ratio * first:
                return

    @property
    @abc.abstractmethod
    def resident(self) -> np.ndarray:
        """Whether each coordinate can be worked on, bool, shape (n,)."""

    @property
    @abc.abstractmethod
    def placement(self) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates worked on and their slots."""

    @property
    @abc.abstractmethod
    def results(self) -> dict[str, np.ndarray]:
        """What `pull` brought: ``w``, and ``alpha`` and ``gap`` by slot."""

    @abc.abstractmethod
    def prepare(self) -> Process:
        """Build every kernel it uses, before the clock starts."""

    @abc.abstractmethod
    def begin(self, h: np.ndarray) -> Process:
        """Lay out what is known once the curvatures h are, shape (n,)."""

    @abc.abstractmethod
    def restate(self, h: np.ndarray) -> Process:
        """Take over other curvatures h, shape (n,), and the terms of another strength."""

    @abc.abstractmethod
    def keep(self, owned: np.ndarray) -> None:
        """Evict what is not among the owned coordinates, bool, shape (n,); before a `swap`."""

    @abc.abstractmethod
    def swap(self, swap: Swap, alpha: np.ndarray, h: np.ndarray) -> Process:
        """Change which columns are resident."""

    @abc.abstractmethod
    def push(self, w: np.ndarray, alpha: np.ndarray | None) -> Process:
        """Set w on the device, and the residents' alpha where it is given."""

    @abc.abstractmethod
    def pull(self) -> Process:
        """Bring back w, alpha and the gaps met."""
