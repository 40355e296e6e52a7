"""How long ago data was used, counted in bytes that have gone through the caches since.

A launch that goes again through what has just been used finds it in a cache; one that comes after
much else has to fetch it. What decides is the reuse distance (Mattson et al., *Evaluation
techniques for storage hierarchies*, IBM Systems Journal 9, 1970), here of whole launches: each part
of a matrix counts as used in turn, the one longest unused first.
"""

from __future__ import annotations

import math
from collections import deque

from hetengine.device import Work
from hetengine.topology import DeviceSpec


class Recency:
    """Reuse distances in one memory hierarchy.

    Examples
    --------
    >>> recency = Recency()
    >>> [recency.use("matrix", 40.0, 40.0), recency.use("block", 10.0, 10.0)]
    [inf, inf]
    >>> [recency.use("block", 10.0, 10.0), recency.use("matrix", 40.0, 40.0)]
    [10.0, 60.0]
    """

    def __init__(self) -> None:
        self._passed = 0.0
        self._uses: dict[str, _Uses] = {}

    def use(self, name: str, nbytes: float, footprint: float) -> float:
        """Go through part of some data.

        Parameters
        ----------
        name : str
            Which data.
        nbytes : float
            How many bytes of it are used now.
        footprint : float
            How many it has.

        Returns
        -------
        float
            Bytes of everything used since these were used last; infinity if they never were.
        """
        uses = self._uses.setdefault(name, _Uses())
        # Half-way through this launch stands for all of it.
        then = uses.passed_at(uses.used - max(footprint, nbytes) + 0.5 * nbytes)
        now = self._passed + 0.5 * nbytes
        self._passed += nbytes
        uses.add(nbytes, footprint, self._passed)
        return now - then


class _Uses:
    """When each byte of some data was used last, as bytes used of it against bytes in all."""

    def __init__(self) -> None:
        self.used = 0.0
        self._marks: deque[tuple[float, float, float]] = deque()

    def passed_at(self, used: float) -> float:
        """Return what had gone through the caches when so much of this data had been used."""
        if used < 0.0:
            return -math.inf
        for end, passed, nbytes in reversed(self._marks):
            if used >= end - nbytes:
                return passed - max(end - used, 0.0)
        return -math.inf

    def add(self, nbytes: float, footprint: float, passed: float) -> None:
        """Note a use, and forget those no byte was used last by."""
        self.used += nbytes
        self._marks.append((self.used, passed, nbytes))
        while self._marks[0][0] < self.used - 2.0 * max(footprint, nbytes):
            self._marks.popleft()


def reuse_of(recency: Recency, device: str, work: Work) -> float:
    """Let a launch use what it reads; return the bytes used since that was used last.

    Parameters
    ----------
    recency : Recency
        Of the memory hierarchy the device reads through.
    device : str
        Where it runs.
    work : Work
        What it does; nothing is noted where that does not say what it reads.
    """
    if not work.reads or work.bytes_read <= 0.0:
        return 0.0
    return recency.use(f"{device} {work.reads}", work.bytes_read, work.footprint)


def cache_domain(spec: DeviceSpec) -> str:
    """Name what a device shares its caches with: the cores it runs on, or itself."""
    return spec.name if spec.cores is None else f"cores {spec.cores}"
