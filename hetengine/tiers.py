"""Memory tiers beside a device's main memory: who is kept where, and how much fits.

A tier takes in what its ``holds`` names, by label; everything else lies in the device's main
memory. `TierMemory` offers the verbs of a `Ledger` over all tiers of one device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hetengine.memory import Ledger
from hetengine.ranges import positive


@dataclass(frozen=True, slots=True)
class TierSpec:
    """One memory tier of a topology.

    Attributes
    ----------
    name : str
        Name in the topology, for instance ``nvme`` or ``on_chip``.
    device : str
        Whose memory it is.
    holds : tuple of str
        Labels of what lies in it, with ``*`` and ``?``: ``data`` is the matrix on the host.
    capacity_bytes : int or None
        What fits; None for no limit.
    bytes_per_second : float or None
        Rate at which kernels read the matrix (``data``, ``columns``) from here; None for that of
        the device.
    latency_seconds : float
        Delay of each launch that reads it.
    source, kind : str
        Where the constants come from and whether they were measured, read or assumed.
    """

    name: str
    device: str
    holds: tuple[str, ...]
    capacity_bytes: int | None = None
    bytes_per_second: float | None = None
    latency_seconds: float = 0.0
    source: str = ""
    kind: str = "assumed"

    def __post_init__(self) -> None:
        owner = f"tiers.{self.name}"
        positive(owner, "capacity_bytes", self.capacity_bytes)
        positive(owner, "bytes_per_second", self.bytes_per_second)
        positive(owner, "latency_seconds", self.latency_seconds, zero=True)

    def keeps(self, label: str) -> bool:
        """Whether something of that label lies here."""
        return any(fnmatchcase(label, pattern) for pattern in self.holds)


@dataclass(frozen=True, slots=True)
class Sample:
    """How full a tier was from some time on.

    Attributes
    ----------
    tier : str
        Name of the tier, or of the device for its main memory.
    seconds : float
        On the run's clock.
    nbytes : int
        Bytes held.
    """

    tier: str
    seconds: float
    nbytes: int


Sampler = Callable[[Sample], None]
"""Receives samples, from any thread."""


def ignore(sample: Sample) -> None:
    """Do nothing with a sample."""


class TierMemory(Ledger):
    """The main memory of a device and its tiers.

    Capacity, peak and free bytes are those of the main memory.

    Parameters
    ----------
    device : str
        Name for messages.
    capacity_bytes : int or None
        Limit of the main memory.
    tiers : sequence of TierSpec
        The others, in the order in which they are asked whether they keep something.
    changed : callable, optional
        Called with a tier's name and the bytes it holds whenever that has changed.
    """

    def __init__(
        self,
        device: str,
        capacity_bytes: int | None,
        tiers: Sequence[TierSpec] = (),
        changed: Callable[[str, int], None] | None = None,
    ) -> None:
        super().__init__(device, capacity_bytes)
        self.tiers = {tier.name: Ledger(tier.name, tier.capacity_bytes, "tiers") for tier in tiers}
        self._specs = tuple(tiers)
        self._changed = changed

    def take_over(self, ledger: Ledger) -> None:
        """Reserve what another ledger of the same device holds."""
        for holder, nbytes in ledger.held.items():
            self.reserve(holder, nbytes)

    def tier_of(self, label: str) -> str:
        """Return the name of the tier something is kept in."""
        return next((tier.name for tier in self._specs if tier.keeps(label)), self.tier)

    def reserve(self, holder: str, nbytes: int) -> None:
        """Take bytes for a holder where it is kept.

        Raises
        ------
        OutOfCapacity
            If they do not fit; nothing is taken then.
        """
        name = self.tier_of(holder)
        if name in self.tiers:
            self.tiers[name].reserve(holder, nbytes)
        else:
            super().reserve(holder, nbytes)
        self._tell(name)

    def release(self, holder: str, nbytes: int) -> None:
        """Give bytes of a holder back.

        Raises
        ------
        ValueError
            If the holder has not that many.
        """
        name = self.tier_of(holder)
        if name in self.tiers:
            self.tiers[name].release(holder, nbytes)
        else:
            super().release(holder, nbytes)
        self._tell(name)

    def _tell(self, name: str) -> None:
        if self._changed is not None:
            ledger = self.tiers.get(name, self)
            self._changed(name, ledger.used_bytes)
