"""How long a launch takes on an FPGA: pipelines, banks and drains.

One launch costs

``launch + drains + max(pipeline, memory) + depth / f``

where the pipeline takes ``(items * item_cycles + lines * II) / f`` over the copies of its unit, and
memory hands out ``lines`` as fast as ports and banks allow. An item's bytes fill whole lines: that,
and the cycles each item costs by itself, is why a plain roofline is off by up to four fifths on
narrow data. Loading another design is a command of its own, see `hetengine.sim.fpga_device`.
"""

from __future__ import annotations

import math
from collections import Counter

from hetengine.errors import UsageError
from hetengine.fpga import Design, Fpga, Unit
from hetengine.topology import DeviceSpec
from hetengine.work import Work


class FpgaCost:
    """Cost model of one simulated FPGA.

    Parameters
    ----------
    spec : DeviceSpec
        Its entry, with ``fpga`` set.

    Attributes
    ----------
    used : Counter
        Launches, under ``fpga``.
    loaded : str
        Design on the device: the first one of the topology until another is loaded, empty for none.

    Examples
    --------
    >>> from hetengine.fpga import Resources
    >>> unit = Unit(["dense_epoch"], {"slr0": 1}, item_cycles=10)
    >>> fpga = Fpga(1e8, 1, 6.4e9, {"slr0": Resources()}, {"scd": Design({"dense": unit})})
    >>> cost = FpgaCost(DeviceSpec("card", fpga=fpga))
    >>> cost.seconds(cost.spec, Work(bytes_read=64e6, items=1000), "dense_epoch")
    0.0101
    """

    def __init__(self, spec: DeviceSpec) -> None:
        if spec.fpga is None:
            raise UsageError(f"{spec.name} is no FPGA; describe one under devices.{spec.name}.fpga")
        self.spec = spec
        self.used: Counter[str] = Counter()
        self.loaded = next(iter(spec.fpga.designs))
        self._fpga: Fpga = spec.fpga

    def serves(self, kernel: str) -> bool:
        """Whether some design has a unit for a kernel."""
        return self.design_for(kernel) is not None

    def design_for(self, kernel: str, loaded: str = "") -> str | None:
        """Return the design a kernel runs on: the loaded one if it serves it, else the first.

        Parameters
        ----------
        kernel : str
            Name of the kernel.
        loaded : str
            Which design is loaded; empty for none.

        Returns
        -------
        str or None
            Its name; None if no design serves the kernel.
        """
        place = self._place(kernel, loaded)
        return None if place is None else place[0]

    def load_seconds(self, design: str) -> float:
        """Return the time it takes to load a design."""
        own = self._fpga.designs[design].reconfigure_seconds
        return self._fpga.reconfigure_seconds if own is None else own

    def seconds(
        self, spec: DeviceSpec, work: Work, kernel: str = "", reuse_bytes: float = 0.0
    ) -> float:
        """Return the time of one launch on the design that is loaded, or will be.

        Raises
        ------
        UsageError
            If no unit of any design serves the kernel.
        """
        place = self._place(kernel, self.loaded)
        if place is None:
            raise UsageError(
                f"{spec.name}: no unit of its designs ({', '.join(self._fpga.designs)}) serves "
                f"{kernel}; add it to topology.devices.{spec.name}.fpga.designs"
            )
        _, design, unit = place
        self.used["fpga"] += 1
        return spec.launch_seconds + unit_seconds(self._fpga, design, unit, work)

    def _place(self, kernel: str, loaded: str) -> tuple[str, Design, Unit] | None:
        """Find a unit for a kernel, in the loaded design if it is there."""
        designs = self._fpga.designs
        for name in sorted(designs, key=lambda each: each != loaded):
            for unit in designs[name].units.values():
                if unit.serves(kernel):
                    return name, designs[name], unit
        return None


def lines_of(work: Work, line_bytes: int) -> float:
    """Return the lines of memory a launch moves; each item fills whole lines.

    Parameters
    ----------
    work : Work
        What the launch has to do.
    line_bytes : int
        Width of a memory port.
    """
    if work.items == 0:
        return math.ceil(work.nbytes / line_bytes)
    return work.items * math.ceil(work.nbytes / work.items / line_bytes)


def unit_seconds(fpga: Fpga, design: Design, unit: Unit, work: Work) -> float:
    """Return the time the copies of a unit take for some work, without launch and loading.

    Parameters
    ----------
    fpga : Fpga
        Banks and line width.
    design : Design
        Its clock.
    unit : Unit
        Pipeline and ports.
    work : Work
        What is shared by all copies alike.
    """
    clock_hz = design.clock_hz or fpga.clock_hz
    lines = lines_of(work, fpga.line_bytes)
    speedup = unit.count / (1.0 + fpga.scaling_loss * (unit.count - 1))
    pipeline = (work.items * unit.item_cycles + lines * unit.initiation_interval) / clock_hz
    memory = lines * fpga.line_bytes / bank_rate(fpga, design, unit)
    drains = work.items // unit.minibatch if unit.minibatch else 0
    steady = max(pipeline / speedup, memory) + drains * unit.minibatch_seconds / speedup
    return steady + unit.depth / clock_hz


def bank_rate(fpga: Fpga, design: Design, unit: Unit) -> float:
    """Return the bytes per second all copies of a unit get from memory.

    Ports are as wide as a line and take one a cycle. Copies lie on banks of their own as long as
    there are enough; ports that meet on a bank share it.

    Parameters
    ----------
    fpga : Fpga
        Banks and line width.
    design : Design
        Its clock.
    unit : Unit
        How many copies, ports and banks.
    """
    ports = unit.count * unit.ports * fpga.line_bytes * (design.clock_hz or fpga.clock_hz)
    banks = min(unit.count * unit.banks, fpga.bank_count)
    return min(ports, banks * fpga.bank_bytes_per_second * fpga.burst_efficiency)
