"""Capacity of one memory tier: who holds how much, the same in real and simulated runs."""

from __future__ import annotations

import threading

from hetengine.errors import OutOfCapacity


class Ledger:
    """Count bytes against a capacity, by holder; safe from any thread.

    Parameters
    ----------
    tier : str
        Name for messages.
    capacity_bytes : int or None
        Limit; None means there is none.
    group : {'devices', 'tiers'}
        Where the topology says so, for messages.

    Examples
    --------
    >>> ledger = Ledger("card", 100)
    >>> ledger.reserve("columns", 80)
    >>> ledger.free_bytes
    20
    """

    def __init__(self, tier: str, capacity_bytes: int | None, group: str = "devices") -> None:
        self.tier = tier
        self.group = group
        self.capacity_bytes = capacity_bytes
        self.peak_bytes = 0
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def held(self) -> dict[str, int]:
        """Bytes by holder, now."""
        with self._lock:
            return dict(self._held)

    @property
    def used_bytes(self) -> int:
        """Bytes held now."""
        return sum(self._held.values())

    @property
    def free_bytes(self) -> int | None:
        """Bytes still free; None where there is no limit."""
        return None if self.capacity_bytes is None else self.capacity_bytes - self.used_bytes

    def reserve(self, holder: str, nbytes: int) -> None:
        """Take bytes for a holder.

        Raises
        ------
        OutOfCapacity
            If they do not fit; nothing is taken then.
        """
        with self._lock:
            self._refuse_excess(holder, nbytes)
            self._held[holder] = self._held.get(holder, 0) + nbytes
            self.peak_bytes = max(self.peak_bytes, self.used_bytes)

    def _refuse_excess(self, holder: str, nbytes: int) -> None:
        free = self.free_bytes
        if free is not None and nbytes > free:
            held = ", ".join(f"{who} {size:,}" for who, size in self._held.items()) or "nobody"
            raise OutOfCapacity(
                f"{self.tier}: {holder} needs {nbytes:,} bytes, {free:,} of "
                f"{self.capacity_bytes:,} are free (held by: {held}); raise "
                f"topology.{self.group}.{self.tier}.capacity_bytes"
                f"{' or memory_fraction' if self.group == 'devices' else ''}"
            )

    def release(self, holder: str, nbytes: int) -> None:
        """Give bytes of a holder back.

        Raises
        ------
        ValueError
            If the holder has not that many.
        """
        with self._lock:
            held = self._held.get(holder, 0)
            if nbytes > held:
                raise ValueError(
                    f"{self.tier}: {holder} gives back {nbytes:,} bytes but holds {held:,}"
                )
            if nbytes == held:
                del self._held[holder]
            else:
                self._held[holder] = held - nbytes
