"""What an FPGA is made of and what is placed on it: regions, banks, designs, compute units.

A *design* is one bitstream: a set of compute units, each serving some kernels. Only one design is
loaded at a time. `Fpga.check` adds up what the units of every design need in every region and
refuses, with the sum, what does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from hetengine.errors import OutOfCapacity, UsageError, did_you_mean
from hetengine.ranges import positive, share


@dataclass
class Resources:
    """Logic of a region, or what one compute unit takes of it.

    Attributes
    ----------
    lut, ff, dsp, bram, uram : int
        Look-up tables, flip-flops, multipliers, block RAMs (36 Kb) and UltraRAMs.
    """

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram: int = 0
    uram: int = 0


RESOURCES = tuple(each.name for each in fields(Resources))


@dataclass
class Unit:
    """A compute unit of a design.

    Attributes
    ----------
    kernels : list of str
        Kernels it serves; a name ending in ``*`` stands for all that begin alike.
    place : dict of str to int
        How many copies lie in each region.
    needs : Resources
        What one copy takes.
    initiation_interval : float
        Cycles from one line of memory entering the pipeline to the next.
    item_cycles : float
        Cycles each item (column, sample) costs beside its lines.
    depth : int
        Cycles a line takes through the pipeline; paid once per launch.
    ports : int
        Memory ports of one copy.
    banks : int
        Banks its ports are spread over.
    minibatch : int
        Items after which the pipeline is drained; 0 for never.
    minibatch_seconds : float
        What draining costs.
    """

    kernels: list[str]
    place: dict[str, int]
    needs: Resources = field(default_factory=Resources)
    initiation_interval: float = 1.0
    item_cycles: float = 0.0
    depth: int = 0
    ports: int = 1
    banks: int = 1
    minibatch: int = 0
    minibatch_seconds: float = 0.0

    @property
    def count(self) -> int:
        """Copies in all regions."""
        return sum(self.place.values())

    def serves(self, kernel: str) -> bool:
        """Whether a kernel runs on it."""
        return any(
            kernel.startswith(name[:-1]) if name.endswith("*") else kernel == name
            for name in self.kernels
        )

    def check(self, owner: str, regions: dict[str, Resources]) -> None:
        """Refuse values out of range and regions that are not there."""
        for key in ("initiation_interval", "ports", "banks"):
            positive(owner, key, getattr(self, key))
        for key in ("item_cycles", "depth", "minibatch", "minibatch_seconds"):
            positive(owner, key, getattr(self, key), zero=True)
        for region, copies in self.place.items():
            if region not in regions:
                raise UsageError(f"topology: {owner}.place: {did_you_mean(region, regions)}")
            positive(f"{owner}.place", region, copies, zero=True)
        if self.count < 1:
            raise UsageError(f"topology: {owner}.place puts it nowhere; name a region and a count")


@dataclass
class Design:
    """One bitstream.

    Attributes
    ----------
    units : dict of str to Unit
        What is on it.
    clock_hz : float or None
        Clock it reaches; None for that of the device.
    reconfigure_seconds : float or None
        Time to load it, for instance of a partial bitstream; None for that of the device.
    """

    units: dict[str, Unit]
    clock_hz: float | None = None
    reconfigure_seconds: float | None = None


@dataclass
class Fpga:
    """The part of a device's entry that makes it an FPGA.

    Attributes
    ----------
    clock_hz : float
        Clock of designs that name none of their own.
    line_bytes : int
        Width of a memory port.
    bank_count : int
        Memory banks (DDR channels, HBM pseudo-channels).
    bank_bytes_per_second : float
        Effective rate of one bank.
    burst_efficiency : float
        Part of that rate the access pattern reaches: long bursts 1, four lines about 0.25.
    scaling_loss : float
        Copies of a unit run at ``1 / (1 + scaling_loss * (copies - 1))`` of the rate of one.
    reconfigure_seconds : float
        Time to load another design, where that does not say itself.
    utilisation : float
        Part of a region that can be filled and still be routed.
    regions : dict of str to Resources
        What each region (SLR) has beside the shell.
    designs : dict of str to Design
        What can be loaded, the first one at the start.
    """

    clock_hz: float
    bank_count: int
    bank_bytes_per_second: float
    regions: dict[str, Resources]
    designs: dict[str, Design]
    line_bytes: int = 64
    burst_efficiency: float = 1.0
    scaling_loss: float = 0.0
    reconfigure_seconds: float = 1.0
    utilisation: float = 0.75

    def check(self, owner: str) -> None:
        """Refuse values out of range and designs that do not fit.

        Parameters
        ----------
        owner : str
            Where it stands, for the message.

        Raises
        ------
        UsageError
            If a value is out of range or a unit names a region that is not there.
        OutOfCapacity
            If a design needs more of a region than may be filled, with the sum.
        """
        for key in ("clock_hz", "line_bytes", "bank_count", "bank_bytes_per_second"):
            positive(owner, key, getattr(self, key))
        for key in ("scaling_loss", "reconfigure_seconds"):
            positive(owner, key, getattr(self, key), zero=True)
        for key in ("burst_efficiency", "utilisation"):
            share(owner, key, getattr(self, key))
        if not self.designs:
            raise UsageError(f"topology: {owner}.designs is empty; describe at least one")
        for name, design in self.designs.items():
            where = f"{owner}.designs.{name}"
            positive(where, "clock_hz", design.clock_hz)
            positive(where, "reconfigure_seconds", design.reconfigure_seconds, zero=True)
            for unit in design.units:
                design.units[unit].check(f"{where}.units.{unit}", self.regions)
            self._check_fit(where, design)

    def _check_fit(self, where: str, design: Design) -> None:
        for region, budget in self.regions.items():
            for resource in RESOURCES:
                limit = int(self.utilisation * getattr(budget, resource))
                terms = list(_terms(design, region, resource))
                need = sum(copies * each for _, copies, each in terms)
                if need > limit:
                    listing = " + ".join(
                        f"{name} {copies} x {each:,}" for name, copies, each in terms
                    )
                    raise OutOfCapacity(
                        f"topology: {where} does not fit {region}: {listing} = {need:,} "
                        f"{resource.upper()}, and {self.utilisation:g} of "
                        f"{getattr(budget, resource):,} are {limit:,}; place fewer copies there"
                    )


def _terms(design: Design, region: str, resource: str) -> Iterator[tuple[str, int, int]]:
    """Yield unit, copies in a region and resource of one copy, where there are any."""
    for name, unit in design.units.items():
        copies, each = unit.place.get(region, 0), getattr(unit.needs, resource)
        if copies and each:
            yield name, copies, each
