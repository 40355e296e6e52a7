"""The cost model that needs nothing but the topology: the roofline."""

from __future__ import annotations

from collections import Counter

from hetengine.topology import DeviceSpec
from hetengine.work import Work


class RooflineCost:
    """Launch overhead plus the slower of memory and arithmetic.

    ``launch_seconds + max(nbytes / bandwidth, flops / peak)`` (Williams, Waterman and Patterson,
    *Roofline*, Communications of the ACM 52, 2009).

    Examples
    --------
    >>> card = DeviceSpec(
    ...     "card",
    ...     bandwidth_bytes_per_second=100.0,
    ...     flops_per_second=10.0,
    ...     launch_seconds=0.5,
    ... )
    >>> RooflineCost().seconds(card, Work(flops=30.0, bytes_read=150.0, bytes_written=50.0))
    3.5
    """

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()

    def seconds(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> float:
        """Return launch overhead plus the slower of memory and arithmetic; all kernels alike."""
        memory = work.nbytes / spec.bandwidth_bytes_per_second
        arithmetic = work.flops / spec.flops_per_second
        self.used["roofline"] += 1
        return spec.launch_seconds + max(memory, arithmetic)
