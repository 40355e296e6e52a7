"""How long ago data was used, counted in different bytes that have gone through the caches since.

A launch that goes again through what has just been used finds it in a cache; one that comes after
much else has to fetch it. What decides is the reuse distance (Mattson et al., *Evaluation
techniques for storage hierarchies*, IBM Systems Journal 9, 1970), here of whole launches: each part
of a matrix counts as used in turn, the one longest unused first. Bytes that were used several times
in between count once: going over a block again and again displaces no more than going over it once.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from hetengine.topology import DeviceSpec
from hetengine.work import Work


class Recency:
    """Reuse distances in one memory hierarchy.

    Examples
    --------
    >>> recency = Recency()
    >>> [recency.use("matrix", 40.0, 40.0), recency.use("block", 10.0, 10.0)]
    [inf, inf]
    >>> [recency.use("block", 10.0, 10.0), recency.use("matrix", 40.0, 40.0)]
    [10.0, 50.0]
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
            Different bytes used since these were used last; infinity if they never were.
        """
        uses = self._uses.setdefault(name, _Uses())
        own = max(footprint, nbytes)
        # Half-way through this launch stands for all of it.
        then = uses.passed_at(uses.used - own + 0.5 * nbytes)
        distance = own + sum(each.since(then) for each in self._uses.values() if each is not uses)
        self._passed += nbytes
        uses.add(nbytes, footprint, self._passed)
        return distance if then >= 0.0 else math.inf


class _Uses:
    """When each byte of some data was used last, as bytes used of it against bytes in all."""

    def __init__(self) -> None:
        self.used = 0.0
        self._footprint = 0.0
        self._used: list[float] = []
        self._passed: list[float] = []
        self._nbytes: list[float] = []

    def passed_at(self, used: float) -> float:
        """Return what had gone through the caches when so much of this data had been used."""
        if used < 0.0 or not self._used:
            return -math.inf
        k = min(bisect_right(self._used, used), len(self._used) - 1)
        return self._passed[k] - min(max(self._used[k] - used, 0.0), self._nbytes[k])

    def since(self, passed: float) -> float:
        """Return how many different bytes of this data were used after that."""
        k = bisect_right(self._passed, passed)
        if k == len(self._passed):
            return 0.0
        begun = max(passed - (self._passed[k] - self._nbytes[k]), 0.0)
        whole = self.used - (self._used[k] - self._nbytes[k])
        return min(whole - begun, self._footprint)

    def add(self, nbytes: float, footprint: float, passed: float) -> None:
        """Note a use."""
        self.used += nbytes
        self._footprint = footprint
        self._used.append(self.used)
        self._passed.append(passed)
        self._nbytes.append(nbytes)


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
