"""Memory tiers beside a device's main memory: who is kept where, and how much fits.

A tier takes in what its ``holds`` names, by label; everything else lies in the device's main
memory. Where a tier says ``evicts_to``, what no longer fits moves on to another one, the oldest
first. `TierMemory` offers the verbs of a `Ledger` over all tiers of one device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hetengine.errors import UsageError, did_you_mean
from hetengine.memory import Ledger
from hetengine.ranges import positive

MEDIA = ("memory", "disk")


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
    write_bytes_per_second : float or None
        Rate at which the matrix is written to here, by kernels and by what is evicted to here; None
        for that of the device.
    latency_seconds : float
        Delay of each launch that reads it.
    evicts_to : str or None
        Where what no longer fits moves: another tier of the device, or the device itself for its
        main memory. None: what does not fit is refused.
    medium : {'memory', 'disk'}
        What it is made of; ``hetengine calibrate`` measures the rates of a disk.
    source, kind : str
        Where the constants come from and whether they were measured, read or assumed.
    """

    name: str
    device: str
    holds: tuple[str, ...]
    capacity_bytes: int | None = None
    bytes_per_second: float | None = None
    write_bytes_per_second: float | None = None
    latency_seconds: float = 0.0
    evicts_to: str | None = None
    medium: str = "memory"
    source: str = ""
    kind: str = "assumed"

    def __post_init__(self) -> None:
        owner = f"tiers.{self.name}"
        positive(owner, "capacity_bytes", self.capacity_bytes)
        positive(owner, "bytes_per_second", self.bytes_per_second)
        positive(owner, "write_bytes_per_second", self.write_bytes_per_second)
        if self.medium not in MEDIA:
            hint = did_you_mean(self.medium, MEDIA)
            raise UsageError(f"topology: {owner}.medium={self.medium!r}; {hint}")
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


@dataclass(frozen=True, slots=True)
class Move:
    """Something that was evicted.

    Attributes
    ----------
    holder : str
        What.
    nbytes : int
        How much.
    source, destination : str
        Names of the tiers, or of the device for its main memory.
    """

    holder: str
    nbytes: int
    source: str
    destination: str


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
    moved : callable, optional
        Called with a `Move` whenever something has been evicted.

    Examples
    --------
    >>> tiers = (
    ...     TierSpec("hbm", "card", ("*",), 100, evicts_to="ddr"),
    ...     TierSpec("ddr", "card", (), 1000),
    ... )
    >>> memory = TierMemory("card", None, tiers)
    >>> memory.reserve("columns", 80)
    >>> memory.reserve("w", 30)
    >>> memory.place_of("columns"), memory.place_of("w")
    ('ddr', 'hbm')
    """

    def __init__(
        self,
        device: str,
        capacity_bytes: int | None,
        tiers: Sequence[TierSpec] = (),
        changed: Callable[[str, int], None] | None = None,
        moved: Callable[[Move], None] | None = None,
    ) -> None:
        super().__init__(device, capacity_bytes)
        self.tiers = {tier.name: Ledger(tier.name, tier.capacity_bytes, "tiers") for tier in tiers}
        self._specs = tuple(tiers)
        self._changed = changed
        self._moved = moved
        self._below = {tier.name: tier.evicts_to for tier in tiers}
        self._places: dict[str, str] = {}
        self._moving = threading.RLock()

    def watch(self, changed: Callable[[str, int], None]) -> None:
        """Tell somebody else what changes from now on."""
        self._changed = changed

    def take_over(self, ledger: Ledger) -> None:
        """Reserve what another ledger of the same device holds."""
        for holder, nbytes in ledger.held.items():
            self.reserve(holder, nbytes)

    def tier_of(self, label: str) -> str:
        """Return the name of the tier something belongs in."""
        return next((tier.name for tier in self._specs if tier.keeps(label)), self.tier)

    def place_of(self, label: str) -> str:
        """Return the name of the tier something is in; where it belongs unless it was evicted."""
        return self._places.get(label) or self.tier_of(label)

    def reserve(self, holder: str, nbytes: int) -> None:
        """Take bytes for a holder where it is kept, and evict what is in its way.

        Raises
        ------
        OutOfCapacity
            If they do not fit; nothing is taken then, though something may have been evicted.
        """
        with self._moving:
            name = self._make_room(self.place_of(holder), holder, nbytes)
            self._reserve(name, holder, nbytes)

    def release(self, holder: str, nbytes: int) -> None:
        """Give bytes of a holder back.

        Raises
        ------
        ValueError
            If the holder has not that many.
        """
        with self._moving:
            name = self.place_of(holder)
            self._release(name, holder, nbytes)
            if holder not in self._held_in(name):
                self._places.pop(holder, None)

    def _make_room(self, name: str, holder: str, nbytes: int) -> str:
        """Evict, the oldest first, until something fits; return the tier it finds room in."""
        below, free = self._below.get(name), self._ledger(name).free_bytes
        if below is None or free is None or nbytes <= free:
            return name
        held = self._held_in(name)
        if sum(held.values()) + free >= nbytes + held.get(holder, 0):
            oldest = next(who for who in held if who != holder)
            self._move(oldest, held[oldest], name, below)
            return self._make_room(name, holder, nbytes)
        # It alone is larger than the tier.
        if holder in held:
            self._move(holder, held[holder], name, below)
        return self._make_room(below, holder, nbytes)

    def _move(self, holder: str, nbytes: int, source: str, below: str) -> None:
        destination = self._make_room(below, holder, nbytes)
        self._reserve(destination, holder, nbytes)
        self._release(source, holder, nbytes)
        if self._moved is not None:
            self._moved(Move(holder, nbytes, source, destination))

    def _ledger(self, name: str) -> Ledger:
        return self.tiers.get(name, self)

    def _held_in(self, name: str) -> dict[str, int]:
        return self._ledger(name).held

    def _reserve(self, name: str, holder: str, nbytes: int) -> None:
        if name in self.tiers:
            self.tiers[name].reserve(holder, nbytes)
        else:
            super().reserve(holder, nbytes)
        self._places[holder] = name
        self._tell(name)

    def _release(self, name: str, holder: str, nbytes: int) -> None:
        if name in self.tiers:
            self.tiers[name].release(holder, nbytes)
        else:
            super().release(holder, nbytes)
        self._tell(name)

    def _tell(self, name: str) -> None:
        if self._changed is not None:
            ledger = self.tiers.get(name, self)
            self._changed(name, ledger.used_bytes)
