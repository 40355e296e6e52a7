"""Threads that share the work of one kernel after another, without sharing anything they write.

A kernel for a team takes ``(gate, part, parts)`` before its arguments, opens the gate, and does
that part of the work without the interpreter lock. The caller is the first thread of the team; the
others watch the gate for a while after each kernel, and sleep if nothing comes. A team of one is a
plain call. Threads want the interpreter lock one after another: one that has to wait for it sleeps,
and to be woken takes longer than many a kernel.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from hetengine_numpy.affinity import allowed, bind, claim, release
from hetengine_numpy.kernels.barrier import current_core, pass_on, report, watch

Core = Callable[..., None]

# A few hundred microseconds: longer than what lies between two kernels of a program.
_TRIES = 10_000
_PAUSES = 500  # in which a thread that has seen the gate open takes the lock and lets it go again


class _Orders:
    """What the threads of a team share."""

    def __init__(self, threads: int, every: frozenset[int] | None) -> None:
        self.threads = threads
        self.count = 0
        self.order: tuple[Core, tuple[Any, ...]] | None = None
        self.gate = np.zeros(1, np.int64)
        self.done = np.zeros(threads, np.int64)
        self.asleep = [False] * threads
        self.wake = [threading.Semaphore(0) for _ in range(threads)]
        self.failure: Exception | None = None
        self.every = every
        self.cores: list[int] = []
        self._locks: dict[int, int] = {}
        self._turn = threading.Lock()  # between an order and threads that are about to sleep

    def give(self, order: tuple[Core, tuple[Any, ...]] | None) -> None:
        """Publish an order; None ends the threads."""
        with self._turn:
            if order is not None and self.every is not None and not self.cores:
                self._locks = claim(self.threads)
                self.cores = list(self._locks)
            self.order = order
            self.count += 1
            asleep = [part for part in range(1, self.threads) if self.asleep[part]]
            cores = self.cores  # those who have waited in vain may let go of them from here on
        for part in asleep:
            self.wake[part].release()
        if order is not None and self.every is not None and current_core() in cores[1:]:
            bind(cores[:1])  # moves the caller
            bind(self.every)

    def sleep(self, part: int, seen: int) -> None:
        """Wait for an order after the one last seen; the last to sleep lets others have cores."""
        with self._turn:
            if self.count != seen:
                return
            self.asleep[part] = True
            if sum(self.asleep) == self.threads - 1:
                self._let_go()
        while self.count == seen:
            self.wake[part].acquire()
        self.asleep[part] = False

    def leave(self) -> None:
        """Let others have cores: the team has ended."""
        with self._turn:
            self._let_go()

    def _let_go(self) -> None:
        release(self._locks)
        self._locks, self.cores = {}, []


class Team:
    """A number of threads that run a kernel together.

    Parameters
    ----------
    threads : int
        At least 1; all but the caller's own are started by the first kernel that is shared out, and
        stop when the team is collected.
    bound : bool
        Whether each thread gets a core of its own while the team is busy, if enough are free. The
        caller is not bound, but moved off the cores of the others.

    Attributes
    ----------
    threads : int
        How many parts each kernel is cut into.
    """

    def __init__(self, threads: int, bound: bool = False) -> None:
        self.threads = threads
        self._turn = threading.Lock()
        self._orders = _Orders(threads, allowed() if bound and threads > 1 else None)
        self._started = False

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
            self.alone(core, *args)
            return
        with self._turn:
            if not self._started:
                self._start()
            self._together(core, args)
            failure, orders.failure = orders.failure, None
        if failure is not None:
            raise failure

    def alone(self, core: Core, *args: Any) -> None:
        """Run a kernel in one part on the calling thread: for what is not worth a word to others.

        Parameters
        ----------
        core, *args
            As for `run`.
        """
        core(np.zeros(1, np.int64), 0, 1, *args)

    def call(self, function: Callable[[int], Any], parts: int) -> list[Any]:
        """Run ``function(0)``, ``function(1)``, ... at once; return what they return.

        Parameters
        ----------
        function : callable
            Python that lets go of the interpreter lock for most of its time.
        parts : int
            How many, at most one for each thread.
        """
        if parts == 1 or self.threads == 1:
            return [function(part) for part in range(parts)]
        results: list[Any] = [None] * parts
        self.run(_call, function, results)
        return results

    def split(self, count: int) -> list[int]:
        """Return bounds of as many even parts as there are threads, none of which is empty.

        Parameters
        ----------
        count : int
            How much there is to do.
        """
        parts = max(min(count, self.threads), 1)
        return [count * t // parts for t in range(parts + 1)]

    def _start(self) -> None:
        orders = self._orders
        for part in range(1, self.threads):
            name = f"numpy-team-{part}"
            threading.Thread(target=_serve, args=(orders, part), name=name, daemon=True).start()
        weakref.finalize(self, orders.give, None)
        self._started = True

    def _together(self, core: Core, args: tuple[Any, ...]) -> None:
        orders = self._orders
        orders.give((core, args))
        try:
            core(orders.gate, 0, self.threads, *args)
        finally:
            # Opened already, unless the kernel has failed before it began.
            orders.gate[0] = orders.count
            while not watch(orders.done, 1, orders.count, _TRIES):
                time.sleep(0)
            orders.order = None


def _call(
    gate: np.ndarray, part: int, parts: int, function: Callable[[int], Any], results: list[Any]
) -> None:
    if part == 0:
        pass_on(gate, _PAUSES)
    if part < len(results):
        results[part] = function(part)


def _serve(orders: _Orders, part: int) -> None:
    seen, bound = 0, None
    come = watch(orders.gate, 0, 1, _TRIES)
    while True:
        if not come:
            orders.sleep(part, seen)
        seen = orders.count
        if orders.order is None:
            orders.leave()
            return
        core, args = orders.order
        try:
            if orders.every is not None:
                wanted = orders.cores[part : part + 1] or sorted(orders.every)
                if wanted != bound:
                    bind(wanted)
                    bound = wanted
            core(orders.gate, part, orders.threads, *args)
        except Exception as caught:  # handed to the caller
            orders.failure = caught
        del core, args
        come = report(orders.done, part, seen, orders.gate, _TRIES)
