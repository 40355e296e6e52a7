"""Frozen, validated description of a machine: devices with their memory, and the links between
them.

A topology says nothing about solvers or data. Rates are *effective* ones; where a number comes from
is part of the file (``source`` and ``kind``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hetengine.calibrate.spec import Calibration, Dispatch, KernelCost
from hetengine.errors import UsageError, did_you_mean
from hetengine.fpga import Fpga
from hetengine.incidents import Incident
from hetengine.ranges import positive as _positive
from hetengine.ranges import share
from hetengine.tiers import TierSpec

ROLES = ("host", "accelerator", "storage")
KINDS = ("measured", "datasheet", "assumed")


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """One processor with the memory it works from.

    Attributes
    ----------
    name : str
        Name in the topology, for instance ``accelerator``.
    role : {'host', 'accelerator', 'storage'}
        The host holds all data; an accelerator holds what fits. With ``data=store`` the data lie on
        a storage device, and the host holds what fits.
    backend : str
        Backend that runs it in ``mode=execute``; storage has none.
    index : int
        Which device of that backend.
    threads : int
        Threads a CPU device computes with; requests a storage device serves at a time.
    capacity_bytes : int or None
        Memory it may hold; None means unlimited.
    memory_fraction : float or None
        Capacity as a fraction of the bytes of the data; used where ``capacity_bytes`` is None.
    bandwidth_bytes_per_second, flops_per_second : float
        Roofline of the simulated device.
    launch_seconds : float
        Fixed cost of one launch on the simulated device.
    alloc_seconds, alloc_bytes_per_second : float, float or None
        What it costs the program to allocate a buffer on the simulated device: fixed, and the rate
        at which it is made ready; None for no cost by size.
    source, kind : str
        Where the constants come from and whether they were measured, read or assumed.
    options : mapping
        Settings of the backend, for instance ``block_solver``; the backend says which it knows.
    real : bool
        In a simulated run, compute on the real backend and charge the time it measures.
    cores : str or None
        Pool of cores its kernels share with those of other devices, ``threads`` each.
    events : sequence of Incident
        When the simulated device slows down, stalls, fails and returns.
    fpga : Fpga or None
        What makes the simulated device an FPGA.
    kernels : mapping of str to KernelCost
        Measured or stated costs by kernel, or ``kernel/variant``; the roofline counts for others.
    dispatch : Dispatch
        Times between commands.
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
    alloc_seconds: float = 0.0
    alloc_bytes_per_second: float | None = None
    source: str = ""
    kind: str = "assumed"
    options: Mapping[str, str | int | float] = field(default_factory=dict, hash=False)
    kernels: Mapping[str, KernelCost] = field(default_factory=dict, hash=False)
    dispatch: Dispatch = field(default_factory=Dispatch, hash=False)
    real: bool = False
    cores: str | None = None
    events: Sequence[Incident] = field(default=(), hash=False)
    fpga: Fpga | None = field(default=None, hash=False)

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
        _positive(owner, "alloc_seconds", self.alloc_seconds, zero=True)
        _positive(owner, "alloc_bytes_per_second", self.alloc_bytes_per_second)
        for k, event in enumerate(self.events):
            event.check(f"{owner}.events[{k}]")
        if self.fpga is not None:
            self.fpga.check(f"{owner}.fpga")
        self.dispatch.check(f"{owner}.dispatch")
        for name, cost in self.kernels.items():
            cost.check(f"{owner}.kernels.{name}")


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A connection between two devices or nodes; concurrent transfers share it fairly.

    Attributes
    ----------
    name : str
        Name in the topology, for instance ``pcie``.
    ends : tuple of str
        Two devices or nodes; *up* is from the first to the second.
    up_bytes_per_second, down_bytes_per_second : float
        Rate each way.
    duplex_bytes_per_second : float or None
        Cap on both ways together; None means up plus down.
    latency_seconds : float
        Delay before the first byte of each transfer.
    host_seconds : float
        Time the program takes to hand over one transfer.
    pageable : bool
        Host memory is not pinned: the rates fall to ``pageable_factor``.
    pageable_factor : float
        Part of the rates that pageable memory reaches.
    source, kind : str
        Where the constants come from and whether they were measured, read or assumed.
    """

    name: str
    ends: tuple[str, str]
    up_bytes_per_second: float
    down_bytes_per_second: float
    duplex_bytes_per_second: float | None = None
    latency_seconds: float = 0.0
    host_seconds: float = 0.0
    pageable: bool = False
    pageable_factor: float = 0.65
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
        _positive(owner, "host_seconds", self.host_seconds, zero=True)
        share(owner, "pageable_factor", self.pageable_factor)

    @property
    def factor(self) -> float:
        """Part of the rates that transfers reach."""
        return self.pageable_factor if self.pageable else 1.0


Direction = Literal["up", "down"]
Route = tuple[tuple[LinkSpec, Direction], ...]
"""Links crossed one after the other, each with the direction in which it is crossed."""


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
        All links; every accelerator needs a route to the host.
    calibration : Calibration or None
        Where and when it was measured.
    nodes : tuple of str
        Switches and root ports: links may end there, and routes lead through them.
    cores : mapping of str to int
        Pools of cores by name, and how many there are in each.
    tiers : tuple of TierSpec
        Memory tiers beside the devices' main memories.
    """

    name: str
    devices: tuple[DeviceSpec, ...]
    links: tuple[LinkSpec, ...] = field(default=())
    calibration: Calibration | None = field(default=None, hash=False)
    nodes: tuple[str, ...] = ()
    cores: Mapping[str, int] = field(default_factory=dict, hash=False)
    tiers: tuple[TierSpec, ...] = ()

    def __post_init__(self) -> None:
        if self.calibration is not None and self.calibration.refresh is not None:
            self.calibration.refresh.check("calibration.refresh")
        names = [device.name for device in self.devices]
        hosts = [device.name for device in self.devices if device.role == "host"]
        if len(hosts) != 1:
            raise UsageError(f"topology {self.name}: needs one device of role host, has {hosts}")
        for link in self.links:
            for end in link.ends:
                self._known(f"links.{link.name} ends at", end, [*names, *self.nodes])
        for tier in self.tiers:
            self._known(f"tiers.{tier.name}.device is", tier.device, names)
            self._check_eviction(tier)
        for pool, count in self.cores.items():
            _positive("cores", pool, count)
        for device in self.devices:
            if device.cores is not None:
                self._known(f"devices.{device.name}.cores is", device.cores, list(self.cores))
        stores = [device.name for device in self.devices if device.role == "storage"]
        if len(stores) > 1:
            raise UsageError(f"topology {self.name}: has {stores}; allowed: one of role storage")
        for device in (*self.accelerators, *self.devices_of("storage")):
            self.route(hosts[0], device.name)

    def _check_eviction(self, tier: TierSpec) -> None:
        """Refuse an eviction to nowhere, to another device's memory, or round in a circle."""
        near = {each.name: each.evicts_to for each in self.tiers_of(tier.device)}
        passed = [tier.name]
        while (below := near.get(passed[-1])) is not None:
            allowed = [name for name in (*near, tier.device) if name not in passed]
            self._known(f"tiers.{passed[-1]}.evicts_to is", below, allowed)
            passed.append(below)

    def _known(self, what: str, name: str, allowed: list[str]) -> None:
        if name not in allowed:
            hint = did_you_mean(name, allowed)
            raise UsageError(f"topology {self.name}: {what} {name}; {hint}")

    @property
    def host(self) -> DeviceSpec:
        """The one device that holds all data."""
        return next(device for device in self.devices if device.role == "host")

    @property
    def accelerators(self) -> tuple[DeviceSpec, ...]:
        """The devices that train, in the order of the file."""
        return tuple(device for device in self.devices if device.role == "accelerator")

    def devices_of(self, role: str) -> tuple[DeviceSpec, ...]:
        """Return the devices of a role, in the order of the file."""
        return tuple(device for device in self.devices if device.role == role)

    def tiers_of(self, device: str) -> tuple[TierSpec, ...]:
        """Return the tiers of one device, in the order of the file."""
        return tuple(tier for tier in self.tiers if tier.device == device)

    def limited_to(self, use: Sequence[str]) -> Topology:
        """Return the machine with some of its accelerators only.

        Raises
        ------
        UsageError
            If one of them is not there.
        """
        names = [device.name for device in self.accelerators]
        for name in use:
            self._known("use names", name, names)
        gone = set(names) - set(use)
        return replace(
            self,
            devices=tuple(device for device in self.devices if device.name not in gone),
            links=tuple(link for link in self.links if gone.isdisjoint(link.ends)),
            tiers=tuple(tier for tier in self.tiers if tier.device not in gone),
        )

    def route(self, source: str, destination: str) -> Route:
        """Return the links from one device to another: the fewest, first in the file.

        Routes lead through nodes only; devices pass nothing on.

        Raises
        ------
        UsageError
            If there is no route.
        """
        found: dict[str, Route] = {source: ()}
        ahead = deque([source])
        while ahead:
            here = ahead.popleft()
            if here != source and here not in self.nodes:
                continue
            for link, there, direction in self._leaving(here):
                if there not in found:
                    found[there] = (*found[here], (link, direction))
                    ahead.append(there)
        if destination in found and destination != source:
            return found[destination]
        raise UsageError(
            f"topology {self.name}: no link joins {source} and {destination}, nor do links over "
            "nodes; add one under links"
        )

    def _leaving(self, here: str) -> list[tuple[LinkSpec, str, Direction]]:
        """Return the links at a place, with the other end and the direction towards it."""
        ways: list[tuple[LinkSpec, str, Direction]] = []
        for link in self.links:
            first, second = link.ends
            if here == first:
                ways.append((link, second, "up"))
            elif here == second:
                ways.append((link, first, "down"))
        return ways
