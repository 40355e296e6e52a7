"""Kernels that read the matrix from a tier slower than the memory a device works from."""

from __future__ import annotations

from collections.abc import Sequence

from hetengine.device import Work
from hetengine.sim.cost import CostModel
from hetengine.tiers import TierSpec
from hetengine.topology import DeviceSpec

_MATRIX = ("data", "columns")
"""What holds the matrix: on the host, and on an accelerator."""


def matrix_tier(tiers: Sequence[TierSpec]) -> TierSpec | None:
    """Return the tier that keeps a device's part of the matrix, if that is not its main memory."""
    return next((tier for tier in tiers if any(map(tier.keeps, _MATRIX))), None)


class TierCost:
    """A cost model bounded by the tier that the matrix is read from.

    Parameters
    ----------
    cost : CostModel
        Time of a launch on data in main memory.
    tier : TierSpec
        Where the matrix lies.
    kernels : set of str
        Kernels that read it; plain functions of the host do not.
    """

    def __init__(self, cost: CostModel, tier: TierSpec, kernels: frozenset[str]) -> None:
        self._cost = cost
        self._tier = tier
        self._kernels = kernels

    def seconds(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> float:
        """Return the longer of computing and reading; reading starts after the tier's latency."""
        seconds = self._cost.seconds(spec, work, kernel, reuse_bytes)
        if kernel not in self._kernels or work.bytes_read == 0:
            return seconds
        rate = self._tier.bytes_per_second
        reading = 0.0 if rate is None else work.bytes_read / rate
        return max(seconds, self._tier.latency_seconds + reading)
