"""Threads that share the work of one kernel after another, without sharing anything they write.

A kernel for a team takes ``(gate, part, parts)`` before its arguments, opens the gate, and does
that part of the work without the interpreter lock. The caller is the first thread of the team; the
others watch the gate for a while after each kernel, and sleep if nothing comes. A team of one is a
plain call.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from hetengine_numpy.kernels.barrier import report, watch

Core = Callable[..., None]

# A few hundred microseconds: longer than what lies between two kernels of a program.
_TRIES = 10_000


class _Orders:
    """What the threads of a team share."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.count = 0
        self.order: tuple[Core, tuple[Any, ...]] | None = None
        self.gate = np.zeros(1, np.int64)
        self.done = np.zeros(threads, np.int64)
        self.asleep = [False] * threads
        self.wake = [threading.Semaphore(0) for _ in range(threads)]
        self.failure: Exception | None = None

    def give(self, order: tuple[Core, tuple[Any, ...]] | None) -> None:
        """Publish an order; None ends the threads."""
        self.order = order
        self.count += 1
        for part in range(1, self.threads):
            if self.asleep[part]:
                self.wake[part].release()


class Team:
    """A number of threads that run a kernel together.

    Parameters
    ----------
    threads : int
        At least 1; all but the caller's own are started here, and stop when the team is collected.

    Attributes
    ----------
    threads : int
        How many parts each kernel is cut into.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._turn = threading.Lock()
        self._orders = orders = _Orders(threads)
        for part in range(1, threads):
            name = f"numpy-team-{part}"
            threading.Thread(target=_serve, args=(orders, part), name=name, daemon=True).start()
        if threads > 1:
            weakref.finalize(self, orders.give, None)

    def run(self, core: Core, *args: Any) -> None:
        """Run a kernel in as many parts as there are threads; return when all have ended.

        Parameters
        ----------
        core : callable
            Takes gate, part, parts and the arguments.
        *args
            Arrays and scalars.
        """
        orders = self._orders
        if self.threads == 1:
            core(orders.gate, 0, 1, *args)
            return
        with self._turn:
            orders.give((core, args))
            try:
                core(orders.gate, 0, self.threads, *args)
            finally:
                # Opened already, unless the kernel has failed before it began.
                orders.gate[0] = orders.count
                while not watch(orders.done, 1, orders.count, _TRIES):
                    time.sleep(0)
                orders.order = None
            failure, orders.failure = orders.failure, None
        if failure is not None:
            raise failure


def _serve(orders: _Orders, part: int) -> None:
    seen = 0
    while True:
        if not watch(orders.gate, 0, seen + 1, _TRIES):
            _sleep(orders, part, seen)
        seen = orders.count
        if orders.order is None:
            return
        core, args = orders.order
        try:
            core(orders.gate, part, orders.threads, *args)
        except Exception as caught:  # handed to the caller
            orders.failure = caught
        del core, args
        report(orders.done, part, seen)


def _sleep(orders: _Orders, part: int, seen: int) -> None:
    """Wait for an order after the one last seen."""
    orders.asleep[part] = True
    while orders.count == seen:
        orders.wake[part].acquire()
    orders.asleep[part] = False
