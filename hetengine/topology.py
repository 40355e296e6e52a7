"""Frozen, validated description of a machine: devices with their memory, and the links between
them.

A topology says nothing about solvers or data. Rates are *effective* ones; where a number comes from
is part of the file (``source`` and ``kind``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hetengine.errors import UsageError, did_you_mean

ROLES = ("host", "accelerator")
KINDS = ("measured", "datasheet", "assumed")


def _positive(owner: str, key: str, value: float | None, *, zero: bool = False) -> None:
    if value is None:
        return
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        floor = "at least 0" if zero else "greater than 0"
        raise UsageError(f"topology: {owner}.{key}={value} must be finite and {floor}")


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """One processor with the memory it works from.

    Attributes
    ----------
    name : str
        Name in the topology, for instance ``accelerator``.
    role : {'host', 'accelerator'}
        The host holds all data; an accelerator holds what fits.
    backend : str
        Backend that runs it in ``mode=execute``.
    index : int
        Which device of that backend.
    threads : int
        Threads a CPU device computes with.
    capacity_bytes : int or None
        Memory it may hold; None means unlimited.
    memory_fraction : float or None
        Capacity as a fraction of the bytes of the data; used where ``capacity_bytes`` is None.
    bandwidth_bytes_per_second, flops_per_second : float
        Roofline of the simulated device.
    launch_seconds : float
        Fixed cost of one launch on the simulated device.
    source, kind : str
        Where the constants come from and whether they were measured, read or assumed.
    """

    name: str
    role: str = "accelerator"
    backend: str = "numpy"
    index: int = 0
    threads: int = 1
    capacity_bytes: int | None = None
    memory_fraction: float | None = None
    bandwidth_bytes_per_second: float = 1e10
    flops_per_second: float = 1e10
    launch_seconds: float = 0.0
    source: str = ""
    kind: str = "assumed"

    def __post_init__(self) -> None:
        owner = f"devices.{self.name}"
        if self.role not in ROLES:
            hint = did_you_mean(self.role, ROLES)
            raise UsageError(f"topology: {owner}.role={self.role!r}; {hint}")
        if self.kind not in KINDS:
            hint = did_you_mean(self.kind, KINDS)
            raise UsageError(f"topology: {owner}.kind={self.kind!r}; {hint}")
        if self.threads < 1:
            raise UsageError(f"topology: {owner}.threads={self.threads} must be at least 1")
        if self.index < 0:
            raise UsageError(f"topology: {owner}.index={self.index} must be at least 0")
        _positive(owner, "capacity_bytes", self.capacity_bytes)
        _positive(owner, "memory_fraction", self.memory_fraction)
        _positive(owner, "bandwidth_bytes_per_second", self.bandwidth_bytes_per_second)
        _positive(owner, "flops_per_second", self.flops_per_second)
        _positive(owner, "launch_seconds", self.launch_seconds, zero=True)


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A connection between two devices; concurrent transfers share it fairly.

    Attributes
    ----------
    name : str
        Name in the topology, for instance ``pcie``.
    ends : tuple of str
        The two devices; *up* is from the first to the second.
    up_bytes_per_second, down_bytes_per_second : float
        Rate each way.
    duplex_bytes_per_second : float or None
        Cap on both ways together; None means up plus down.
    latency_seconds : float
        Delay before the first byte of each transfer.
    source, kind : str
        Where the constants come from and whether they were measured, read or assumed.
    """

    name: str
    ends: tuple[str, str]
    up_bytes_per_second: float
    down_bytes_per_second: float
    duplex_bytes_per_second: float | None = None
    latency_seconds: float = 0.0
    source: str = ""
    kind: str = "assumed"

    def __post_init__(self) -> None:
        owner = f"links.{self.name}"
        if len(self.ends) != 2 or self.ends[0] == self.ends[1]:
            raise UsageError(f"topology: {owner}.ends={list(self.ends)} must name two devices")
        if self.kind not in KINDS:
            hint = did_you_mean(self.kind, KINDS)
            raise UsageError(f"topology: {owner}.kind={self.kind!r}; {hint}")
        _positive(owner, "up_bytes_per_second", self.up_bytes_per_second)
        _positive(owner, "down_bytes_per_second", self.down_bytes_per_second)
        _positive(owner, "duplex_bytes_per_second", self.duplex_bytes_per_second)
        _positive(owner, "latency_seconds", self.latency_seconds, zero=True)


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole machine: exactly one host, any number of accelerators, links between them.

    Attributes
    ----------
    name : str
        Name of the machine.
    devices : tuple of DeviceSpec
        All devices, the host first.
    links : tuple of LinkSpec
        All links; every accelerator needs one to the host.
    """

    name: str
    devices: tuple[DeviceSpec, ...]
    links: tuple[LinkSpec, ...] = field(default=())

    def __post_init__(self) -> None:
        names = [device.name for device in self.devices]
        hosts = [device.name for device in self.devices if device.role == "host"]
        if len(hosts) != 1:
            raise UsageError(f"topology {self.name}: needs one device of role host, has {hosts}")
        for link in self.links:
            for end in link.ends:
                if end not in names:
                    hint = did_you_mean(end, names)
                    raise UsageError(
                        f"topology {self.name}: links.{link.name} ends at {end}; {hint}"
                    )
        linked = {frozenset(link.ends) for link in self.links}
        for device in self.accelerators:
            if frozenset((hosts[0], device.name)) not in linked:
                raise UsageError(
                    f"topology {self.name}: no link joins {hosts[0]} and {device.name}; "
                    "add one under links"
                )

    @property
    def host(self) -> DeviceSpec:
        """The one device that holds all data."""
        return next(device for device in self.devices if device.role == "host")

    @property
    def accelerators(self) -> tuple[DeviceSpec, ...]:
        """The devices that train, in the order of the file."""
        return tuple(device for device in self.devices if device.role == "accelerator")

    def link_between(self, a: str, b: str) -> LinkSpec:
        """Return the link that joins two devices.

        Raises
        ------
        UsageError
            If there is none.
        """
        for link in self.links:
            if set(link.ends) == {a, b}:
                return link
        raise UsageError(f"topology {self.name}: no link joins {a} and {b}; add one under links")
