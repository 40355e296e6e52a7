"""A core of its own for each thread that computes.

A scheduler that moves threads about puts two that compute on one core now and then, though another
is idle, and takes them away from what their caches hold: five to ten percent of a run with short
kernels. So the thread of a device that computes with one thread is bound to a core, and so are the
threads of a team for as long as it is busy: two on one core take twice the time. Which cores
are taken is known to all processes of a machine, by locks on files; a thread that finds none free
is left to the scheduler.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None

_TOPOLOGY = Path("/sys/devices/system/cpu")


class Core:
    """A claim on one core for the calling thread; it may come to nothing."""

    def __init__(self) -> None:
        self._lock: int | None = None

    def claim(self) -> int | None:
        """Bind the calling thread to a free core.

        Returns
        -------
        int or None
            The core's number; None where the process has a single core, none is free or the system
            knows no such thing.
        """
        cores = _cores()
        if fcntl is None or len(cores) < 2:
            return None
        for core in cores:
            lock = _locked(core)
            if lock is not None:
                self._lock = lock
                os.sched_setaffinity(0, {core})
                return core
        return None

    def release(self) -> None:
        """Let others have the core; the thread that was bound to it has ended."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def claim(count: int) -> dict[int, int]:
    """Take cores for several threads, as many as there are threads or none.

    Parameters
    ----------
    count : int
        Threads.

    Returns
    -------
    dict of int to int
        What each core is held with, until it is given to `release`.
    """
    locks: dict[int, int] = {}
    cores = _cores() if fcntl is not None else []
    for core in cores if len(cores) >= count else ():
        lock = _locked(core)
        if lock is not None:
            locks[core] = lock
        if len(locks) == count:
            return locks
    release(locks)
    return {}


def release(locks: Mapping[int, int]) -> None:
    """Let others have cores.

    Parameters
    ----------
    locks : mapping of int to int
        From `claim`.
    """
    for lock in locks.values():
        os.close(lock)


def allowed() -> frozenset[int] | None:
    """Return the cores that the calling thread may use; None where the system cannot say."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def bind(cores: Iterable[int]) -> None:
    """Bind the calling thread to some cores.

    Parameters
    ----------
    cores : iterable of int
    """
    wanted = set(cores)
    if os.sched_getaffinity(0) != wanted:
        os.sched_setaffinity(0, wanted)


def _cores() -> list[int]:
    """Return the cores this process may use, those that share one with an earlier last."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(os.getpid()))
    return sorted(allowed, key=lambda core: (_sibling(core), core))


@cache
def _sibling(core: int) -> bool:
    """Whether a core is a second thread of another."""
    try:
        text = (_TOPOLOGY / f"cpu{core}" / "topology" / "thread_siblings_list").read_text("ascii")
    except OSError:
        return False
    return text.replace("-", ",").split(",")[0].strip() != str(core)


def _locked(core: int) -> int | None:
    """Lock a core's file without waiting; return the descriptor that holds the lock."""
    assert fcntl is not None
    path = Path(tempfile.gettempdir()) / f"hetengine-core-{core}.lock"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
