"""Kernels that read or write the matrix in a tier slower than the memory a device works from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hetengine.memory import Ledger
from hetengine.sim.cost import CostModel
from hetengine.tiers import Move, TierMemory, TierSpec
from hetengine.topology import DeviceSpec, Topology
from hetengine.work import Work

_WRITERS = frozenset({"dense_unpack", "sparse_unpack", "sparse_compact"})
"""Kernels that write the matrix into the memory of an accelerator."""


def matrix_of(spec: DeviceSpec) -> str:
    """Return the label of what holds the matrix on a device."""
    return "columns" if spec.role == "accelerator" else "data"


class TierCost:
    """A cost model bounded by the tier that the matrix is in.

    Parameters
    ----------
    cost : CostModel
        Time of a launch on data in main memory.
    tiers : mapping of str to TierSpec
        Those of the device.
    kernels : frozenset of str
        Kernels that use the matrix; plain functions of the host do not.

    Attributes
    ----------
    memory : Ledger or None
        Of the device; says where the matrix is once things can be evicted.
    """

    def __init__(
        self, cost: CostModel, tiers: Mapping[str, TierSpec], kernels: frozenset[str]
    ) -> None:
        self.memory: Ledger | None = None
        self._cost = cost
        self._tiers = tiers
        self._kernels = kernels

    @property
    def used(self) -> Counter[str]:
        """Launches by what gave their time; ``tier NAME`` where that tier was what took longest."""
        return self._cost.used

    def seconds(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> float:
        """Return the longer of computing and moving; moving starts after the tier's latency."""
        seconds = self._cost.seconds(spec, work, kernel, reuse_bytes)
        tier = self._tier(matrix_of(spec))
        if tier is None or kernel not in self._kernels:
            return seconds
        moving = _moving_seconds(tier, work, kernel)
        if moving > seconds:
            self.used[f"tier {tier.name}"] += 1
        return max(seconds, moving)

    def _tier(self, label: str) -> TierSpec | None:
        """Return the tier the matrix is in, if it is not in main memory."""
        if isinstance(self.memory, TierMemory):
            return self._tiers.get(self.memory.place_of(label))
        return next((tier for tier in self._tiers.values() if tier.keeps(label)), None)


def _moving_seconds(tier: TierSpec, work: Work, kernel: str) -> float:
    writes = kernel in _WRITERS
    nbytes = work.bytes_written if writes else work.bytes_read
    rate = tier.write_bytes_per_second if writes else tier.bytes_per_second
    if nbytes == 0:
        return 0.0
    return tier.latency_seconds + (0.0 if rate is None else nbytes / rate)


def evict_seconds(topology: Topology, spec: DeviceSpec, move: Move) -> float:
    """Return the time it takes to move something from one tier of a device to another.

    Parameters
    ----------
    topology : Topology
        With the tiers.
    spec : DeviceSpec
        Whose they are; its bandwidth is that of main memory and of tiers that say nothing.
    move : Move
        What moves.
    """
    tiers = {tier.name: tier for tier in topology.tiers_of(spec.name)}
    source, destination = tiers.get(move.source), tiers.get(move.destination)
    read = source.bytes_per_second if source else None
    written = destination.write_bytes_per_second if destination else None
    own = spec.bandwidth_bytes_per_second
    latency = sum(each.latency_seconds for each in (source, destination) if each)
    return latency + move.nbytes / min(read or own, written or own)
