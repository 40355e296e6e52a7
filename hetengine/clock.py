"""The two clocks a run can be driven by: virtual time, or the wall.

Solvers are SimPy processes; they yield events and read ``clock.now``. Only the clock and the
devices know whether the time is real. `WallClock` keeps SimPy's event loop and its ordering and
changes only what `step` waits for: events completed by device threads.
"""

from __future__ import annotations

import queue
import time
from typing import Any

import simpy


class VirtualClock(simpy.Environment):
    """Virtual seconds: time jumps from event to event."""

    virtual = True

    def expect(self, count: int = 1) -> None:
        """Do nothing: in virtual time every event is scheduled by the simulation itself."""


class WallClock(simpy.Environment):
    """Wall seconds since it was made; other threads complete events through `post`.

    Attributes
    ----------
    woken_seconds : float
        When the loop last heard of an event, or last handed over a command: what has passed since
        is the program's own time.
    """

    virtual = False

    def __init__(self) -> None:
        super().__init__()
        self._origin = time.perf_counter()
        self._posted: queue.SimpleQueue[tuple[simpy.Event, Any, Exception | None]] = (
            queue.SimpleQueue()
        )
        self._outstanding = 0
        self.woken_seconds = 0.0

    def wall(self) -> float:
        """Seconds since the clock was made, read from any thread."""
        return time.perf_counter() - self._origin

    @property
    def now(self) -> float:
        """Wall seconds, also while no event is being processed."""
        return self.wall()

    def expect(self, count: int = 1) -> None:
        """Announce events that another thread will `post`, so that the loop waits for them."""
        self._outstanding += count

    def post(self, event: simpy.Event, value: Any, error: Exception | None = None) -> None:
        """Complete an announced event; safe from any thread."""
        self._posted.put((event, value, error))

    def step(self) -> None:
        """Process the next event, waiting on the wall or on device threads until there is one."""
        while self._outstanding and not self._collect():
            pass
        if self._queue:
            due = self._queue[0][0]
            if (delay := due - self.wall()) > 0:
                time.sleep(delay)
            self._now = max(self._now, due)
        super().step()

    def _collect(self) -> bool:
        """Take in posted events; return whether an event is ready to be processed."""
        due = self._queue[0][0] if self._queue else None
        wait = None if due is None else max(0.0, due - self.wall())
        try:
            posted = self._posted.get(block=wait != 0.0, timeout=wait)
        except queue.Empty:
            return True
        self.woken_seconds = self.wall()
        while True:
            event, value, error = posted
            self._outstanding -= 1
            self._now = max(self._now, self.wall())
            if error is None:
                event.succeed(value)
            else:
                event.fail(error)
            try:
                posted = self._posted.get_nowait()
            except queue.Empty:
                return True


Clock = VirtualClock | WallClock
