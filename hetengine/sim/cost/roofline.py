"""How long a launch takes on a simulated device.

A cost model turns a device and a `Work` into seconds. The roofline is the one that needs nothing
but the topology.
"""

from __future__ import annotations

from typing import Protocol

from hetengine.device import Work
from hetengine.topology import DeviceSpec


class CostModel(Protocol):
    """What decides the time of a launch in simulation."""

    def seconds(self, spec: DeviceSpec, work: Work, kernel: str = "") -> float:
        """Return the time of one launch.

        Parameters
        ----------
        spec : DeviceSpec
            The device.
        work : Work
            What the launch has to do.
        kernel : str
            Name of the kernel, for models that know kernels apart.

        Returns
        -------
        float
            Seconds, finite and at least 0.
        """
        ...


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

    def seconds(self, spec: DeviceSpec, work: Work, kernel: str = "") -> float:
        """Return launch overhead plus the slower of memory and arithmetic; all kernels alike."""
        memory = work.nbytes / spec.bandwidth_bytes_per_second
        arithmetic = work.flops / spec.flops_per_second
        return spec.launch_seconds + max(memory, arithmetic)
