"""From a topology to simulated devices: one network, pools of cores, and a cost model each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hetengine.clock import VirtualClock
from hetengine.device import Device
from hetengine.errors import UsageError
from hetengine.sim.cores import CorePool
from hetengine.sim.cost import KernelCosts
from hetengine.sim.cost.drift import Drift
from hetengine.sim.device import SimulatedDevice
from hetengine.sim.fluid import FluidNetwork
from hetengine.sim.fpga import FpgaCost
from hetengine.sim.fpga_device import SimulatedFpga
from hetengine.sim.hybrid import open_real
from hetengine.sim.loop import Loop
from hetengine.sim.recency import Recency, cache_domain
from hetengine.sim.storage import SimulatedStorage
from hetengine.sim.tier_cost import TierCost, evict_seconds
from hetengine.span import Observer
from hetengine.tiers import Move, TierMemory
from hetengine.topology import DeviceSpec, Topology

Implementations = Mapping[str, Callable[..., Any]]


def assemble(
    topology: Topology,
    clock: VirtualClock,
    observe: Observer,
    implementations: Callable[[DeviceSpec], Implementations],
    numerics: bool,
) -> list[Device]:
    """Make every device of a topology.

    Parameters
    ----------
    topology : Topology
        With capacities in bytes.
    clock : VirtualClock
        The run's clock.
    observe : callable
        Receives the span of each command.
    implementations : callable
        Kernels that compute a device's numbers, by name.
    numerics : bool
        False skips kernels and copies.

    Returns
    -------
    list of Device
        In the order of the topology.

    Raises
    ------
    UsageError
        If a device is real and numerics are skipped.
    BackendUnavailable
        If the backend of a real device cannot run here.
    """
    parts = _Parts(topology, clock, observe, implementations, numerics)
    made: list[Device] = []
    try:
        made.extend(parts.make(spec) for spec in topology.devices)
    except BaseException:
        for device in made:
            device.close()
        raise
    return made


class _Parts:
    """What the devices of one machine have in common."""

    def __init__(
        self,
        topology: Topology,
        clock: VirtualClock,
        observe: Observer,
        implementations: Callable[[DeviceSpec], Implementations],
        numerics: bool,
    ) -> None:
        self._topology = topology
        self._clock = clock
        self._observe = observe
        self._implementations = implementations
        self._numerics = numerics
        self._drift = Drift(topology.calibration)
        self._network = FluidNetwork(clock)
        for link in topology.links:
            self._network.add_link(self._drift.link(link))
        self._pools = {name: CorePool(clock, count) for name, count in topology.cores.items()}
        pool = self._pools.get(topology.host.cores or "")
        self._loop = Loop(clock, topology, pool) if _takes_time(topology) else None
        self._caches: dict[str, Recency] = defaultdict(Recency)

    def make(self, spec: DeviceSpec) -> Device:
        """Make one device, simulated or real."""
        if spec.role == "storage":
            return SimulatedStorage(
                spec,
                self._clock,
                self._network,
                self._topology,
                self._observe,
                self._numerics,
                self._loop,
            )
        if not spec.real:
            return self._simulated(spec)
        if not self._numerics:
            raise UsageError(
                f"topology: devices.{spec.name}.real=true computes, and mode=dry does not; use "
                "mode=simulate"
            )
        return open_real(spec, self._clock, self._topology, self._observe, self._loop)

    def _simulated(self, spec: DeviceSpec) -> Device:
        kernels, cost = self._implementations(spec), KernelCosts(self._drift)
        fpga = None if spec.fpga is None else FpgaCost(spec)
        if fpga is not None:
            kernels = {name: each for name, each in kernels.items() if fpga.serves(name)}
        tiers = {tier.name: tier for tier in self._topology.tiers_of(spec.name)}
        bounded = TierCost(fpga or cost, tiers, frozenset(kernels)) if tiers else None
        make = SimulatedDevice if fpga is None else partial(SimulatedFpga, fpga=fpga)
        device = make(
            spec,
            self._clock,
            kernels,
            self._network,
            self._topology,
            self._observe,
            bounded or fpga or cost,
            numerics=self._numerics,
            loop=self._loop,
            pool=None if spec.cores is None else self._pools[spec.cores],
            recency=self._caches[cache_domain(spec)],
        )
        self._watch_memory(device, bounded)
        return device

    def _watch_memory(self, device: SimulatedDevice, cost: TierCost | None) -> None:
        """Give a device its tiers, and charge it for what moves between them."""
        spec = device.spec

        def moved(move: Move) -> None:
            seconds = evict_seconds(self._topology, spec, move)
            way = f"{move.source} to {move.destination}"
            device.memory_time.move(move.holder, move.nbytes, seconds, way)

        device.memory = memory = TierMemory(
            spec.name, spec.capacity_bytes, self._topology.tiers_of(spec.name), moved=moved
        )
        if cost is not None:
            cost.memory = memory


def _takes_time(topology: Topology) -> bool:
    """Whether the program itself takes time: handing over, allocating, evicting."""
    return (
        topology.calibration is not None
        or any(spec.alloc_seconds or spec.alloc_bytes_per_second for spec in topology.devices)
        or any(tier.evicts_to is not None for tier in topology.tiers)
    )
