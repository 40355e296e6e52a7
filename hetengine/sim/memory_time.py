"""What managing memory costs a simulated program: allocating, and moving things between tiers.

Both keep the program busy, as they do in reality: an allocation returns when the pages are there
and zeroed, and what is evicted has been written where it goes before its place is used again.
"""

from __future__ import annotations

from hetengine.clock import VirtualClock
from hetengine.sim.loop import Loop
from hetengine.span import Observer, Span
from hetengine.topology import DeviceSpec
from hetengine.work import Work

EVICT = "evict"
"""Queue, category and direction of the spans of moving."""


class MemoryTime:
    """Charges the program for the memory of one device, and counts.

    Parameters
    ----------
    spec : DeviceSpec
        Says what allocating costs.
    clock : VirtualClock
        The run's clock.
    observe : callable
        Receives a span for everything that is moved.
    loop : Loop, optional
        The program that pays; without one nothing is charged.

    Attributes
    ----------
    allocations, allocated_bytes, allocation_seconds
        How many, how much, and what was charged.
    moves, moved_bytes, moving_seconds
        The same of what was moved between tiers.
    """

    def __init__(
        self, spec: DeviceSpec, clock: VirtualClock, observe: Observer, loop: Loop | None
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._observe = observe
        self._loop = loop
        self.allocations = self.allocated_bytes = 0
        self.moves = self.moved_bytes = 0
        self.allocation_seconds = self.moving_seconds = 0.0

    def allocate(self, nbytes: int) -> None:
        """Charge an allocation."""
        self.allocations += 1
        self.allocated_bytes += nbytes
        if self._loop is None:
            return
        rate = self._spec.alloc_bytes_per_second
        seconds = self._spec.alloc_seconds + (0.0 if rate is None else nbytes / rate)
        self.allocation_seconds += seconds
        if seconds > 0.0:
            self._loop.spend(seconds)

    def move(self, label: str, nbytes: int, seconds: float, way: str) -> None:
        """Charge moving something.

        Parameters
        ----------
        label : str
            What is moved.
        nbytes : int
            How much that is.
        seconds : float
            How long it takes.
        way : str
            From where to where, for the trace.
        """
        self.moves += 1
        self.moved_bytes += nbytes
        if self._loop is None:
            return
        self.moving_seconds += seconds
        work = Work(bytes_read=nbytes, bytes_written=nbytes, variant=way)

        def moved() -> None:
            end = self._clock.now
            name = self._spec.name
            self._observe(Span(name, EVICT, label, EVICT, end - seconds, end, work, EVICT))

        self._loop.spend(seconds, moved)
