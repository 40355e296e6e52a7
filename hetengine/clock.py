"""The two clocks a run can be driven by: virtual time, or the wall.

Solvers are SimPy processes; they yield events and read ``clock.now``. Only the clock and the
devices know whether the time is real. `WallClock` keeps SimPy's event loop and its ordering and
changes only what `step` waits for: events completed by device threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import simpy

Callback = TypeVar("Callback", bound=Callable[..., Any])
Posted = tuple[simpy.Event, Any, Exception | None]
Command = Callable[[], None]
Put = Callable[[Command], None]


def passive(callback: Callback) -> Callback:
    """Mark a callback of events that need not be called before the loop wakes for another reason.

    Waking the loop costs the threads that compute more than most short commands do.

    Parameters
    ----------
    callback : callable
        A function or method that only takes notes.
    """
    vars(callback)["passive"] = True
    return callback


class VirtualClock(simpy.Environment):
    """Virtual seconds: time jumps from event to event.

    Attributes
    ----------
    helps : bool
        Whether the program asked to run commands itself, so that no thread has to be woken.
    """

    virtual = True

    def __init__(self) -> None:
        super().__init__()
        self.helps = False

    def expect(self, count: int = 1) -> None:
        """Do nothing: in virtual time every event is scheduled by the simulation itself."""

    def help(self) -> None:
        """Charge nothing from now on for waking threads, see `WallClock.help`."""
        self.helps = True


class WallClock(simpy.Environment):
    """Wall seconds since it was made; other threads complete events through `post`."""

    virtual = False

    def __init__(self) -> None:
        super().__init__()
        self._origin = time.perf_counter()
        self._posted: deque[Posted] = deque()
        self._wake = threading.Lock()  # released where the loop should look for what is posted
        self._wake.acquire()
        self._outstanding = 0
        self._lap_seconds = time.thread_time()
        self._helps = False
        self._kept: deque[tuple[Command, Put]] = deque()

    def wall(self) -> float:
        """Seconds since the clock was made, read from any thread."""
        return time.perf_counter() - self._origin

    @property
    def now(self) -> float:
        """Wall seconds, also while no event is being processed."""
        return self.wall()

    def lap(self) -> float:
        """Processor time of the program since it last heard of an event or called this.

        Processor time, because on the wall it also waits for a core and for the interpreter.
        """
        before, self._lap_seconds = self._lap_seconds, time.thread_time()
        return self._lap_seconds - before

    def expect(self, count: int = 1) -> None:
        """Announce events that another thread will `post`, so that the loop waits for them."""
        self._outstanding += count

    def help(self) -> None:
        """Let the loop's thread run commands itself from now on, where it would only wait for them.

        Waking a thread for a command and the loop for its end takes longer than many a command. For
        programs that launch on one device at a time.
        """
        self._helps = True

    def give(self, command: Command, put: Put, ready: bool) -> None:
        """Give an announced command to the thread of its queue, or keep it for the loop's own.

        It is kept while nothing is under way that could end meanwhile, and handed on in order when
        that changes.

        Parameters
        ----------
        command : callable
            Runs to its end and posts an event.
        put : callable
            Adds a command to its queue.
        ready : bool
            Whether any thread may run it, and nothing that it depends on is still to come.
        """
        if self._helps and ready and self._outstanding == len(self._kept) + 1:
            self._kept.append((command, put))
            return
        self.hand_on()
        put(command)

    def hand_on(self) -> None:
        """Give what has been kept to the threads of its queues."""
        while self._kept:
            command, put = self._kept.popleft()
            put(command)

    def post(self, event: simpy.Event, value: Any, error: Exception | None = None) -> None:
        """Complete an announced event; safe from any thread.

        The loop is woken if somebody waits for the event, or if it failed; what nobody waits for is
        taken in when the loop runs next.
        """
        self._posted.append((event, value, error))
        # The loop adds callbacks before it looks for what is posted, so none is missed here.
        if error is not None or not all(map(is_passive, event.callbacks or ())):
            with suppress(RuntimeError):  # it has been told already
                self._wake.release()

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
        if self._kept and not self._posted and not self._queue:
            command, _ = self._kept.popleft()
            command()
        if not self._posted:
            due = self._queue[0][0] if self._queue else None
            if due is not None and due > self.wall():
                self.hand_on()
            wait = -1.0 if due is None else max(0.0, due - self.wall())
            if not self._wake.acquire(timeout=wait):
                return True
        if not self._posted:
            return False
        while self._posted:
            event, value, error = self._posted.popleft()
            self._outstanding -= 1
            self._now = max(self._now, self.wall())
            if error is None:
                event.succeed(value)
            else:
                event.fail(error)
        self._lap_seconds = time.thread_time()
        return True


def is_passive(callback: Callable[..., Any]) -> bool:
    """Whether a callback has been marked as `passive`."""
    return getattr(callback, "passive", False)


Clock = VirtualClock | WallClock
