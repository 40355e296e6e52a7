"""The lock of the Python interpreter: of all threads of a program, one runs Python at a time.

The program and the threads of its queues are Python; what they launch and copy is not. A thread
that holds the lock keeps it until it has nothing left to do; then the one that has waited longest
is woken, and until it is awake the lock is free for a thread that comes along running. A thread
that has held it for `HOLD_SECONDS` while others wait hands it over to the one that has waited
longest, and nobody comes in between. (CPython's ``ceval_gil``: a condition variable, and forced
switching after the interval only.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import simpy

from hetengine.clock import VirtualClock
from hetengine.sim.cores import CorePool

HOLD_SECONDS = 5e-3
"""What ``sys.getswitchinterval`` says unless it is told otherwise."""

Then = Callable[[], None]


class _Steady:
    speed = 1.0


_STEADY = _Steady()


class Thread:
    """One thread: pieces of Python that it has to run, in order.

    Attributes
    ----------
    busy : bool
        Whether it holds the lock or waits for it.
    keeps : bool
        Whether it keeps the lock though it has nothing to run, until it has.
    """

    __slots__ = ("busy", "keeps", "pieces")

    def __init__(self) -> None:
        self.pieces: deque[tuple[float, Then]] = deque()
        self.busy = False
        self.keeps = False


class Interpreter:
    """Who holds the lock, and who waits for it.

    Parameters
    ----------
    clock : VirtualClock
        The run's clock.
    wake_seconds : float
        What it takes to wake a thread that had to wait.
    pool : CorePool, optional
        Cores that Python runs on; by default it has one of its own.

    Examples
    --------
    >>> clock, ends = VirtualClock(), []
    >>> interpreter = Interpreter(clock, 1.0)
    >>> for seconds in (2.0, 3.0):
    ...     interpreter.run(Thread(), seconds, lambda: ends.append(clock.now))
    >>> clock.run()
    >>> ends
    [2.0, 6.0]
    """

    def __init__(
        self, clock: VirtualClock, wake_seconds: float = 0.0, pool: CorePool | None = None
    ) -> None:
        self._clock = clock
        self._pool = CorePool(clock) if pool is None else pool
        self.wake_seconds = wake_seconds
        self._holder: Thread | None = None
        self._held_since = 0.0
        self._waiting: deque[Thread] = deque()
        self._waking = False

    def run(self, thread: Thread, seconds: float, then: Then) -> None:
        """Let a thread run a piece of Python as soon as it can.

        Parameters
        ----------
        thread : Thread
            Whose piece it is; its pieces run in the order of the calls.
        seconds : float
            How long it takes.
        then : callable
            Called when it has run.
        """
        thread.pieces.append((seconds, then))
        if thread.keeps:
            thread.keeps = False
            self._go_on(thread)
        if thread.busy:
            return
        thread.busy = True
        if self._holder is None:
            self._take(thread, 0.0)
        else:
            self._waiting.append(thread)

    def _take(self, thread: Thread, wake_seconds: float) -> None:
        self._holder = thread
        self._held_since = self._clock.now
        self._go_on(thread, wake_seconds)

    def _go_on(self, thread: Thread, wake_seconds: float = 0.0) -> None:
        seconds, then = thread.pieces.popleft()

        def ran(_: simpy.Event) -> None:
            then()
            self._next(thread)

        def awake(_: simpy.Event | None = None) -> None:
            done = simpy.Event(self._clock)
            done.callbacks.append(ran)
            self._pool.run(seconds, 1, _STEADY, done)

        if wake_seconds > 0.0:
            self._clock.timeout(wake_seconds).callbacks.append(awake)
        else:
            awake()

    def _next(self, thread: Thread) -> None:
        """Let the holder go on, or pass the lock on."""
        if thread.keeps:
            return
        if not thread.pieces and self._clock.peek() <= self._clock.now:
            # What its piece has set off in this instant may give it more to do.
            self._clock.timeout(0.0).callbacks.append(lambda _: self._next(thread))
            return
        too_long = self._clock.now - self._held_since >= HOLD_SECONDS
        if thread.pieces and not (self._waiting and too_long):
            self._go_on(thread)
            return
        self._holder = None
        thread.busy = bool(thread.pieces)
        if thread.busy:
            self._waiting.append(thread)
            self._take(self._waiting.popleft(), self.wake_seconds)
        elif self._waiting and not self._waking:
            self._waking = True
            self._clock.timeout(self.wake_seconds).callbacks.append(self._woken)

    def _woken(self, _: simpy.Event) -> None:
        """Let the one that has waited longest have the lock, unless another has been faster."""
        self._waking = False
        if self._holder is None and self._waiting:
            self._take(self._waiting.popleft(), 0.0)
