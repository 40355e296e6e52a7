"""The opened machine a solver runs on: a clock and the devices of a topology."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hetengine.clock import Clock, VirtualClock, WallClock
from hetengine.device import Device
from hetengine.registry import backend
from hetengine.sim import SimulatedDevice
from hetengine.sim.assemble import assemble
from hetengine.sim.hybrid import RealDevice
from hetengine.span import Observer
from hetengine.store.device import StorageDevice
from hetengine.tiers import Sample, Sampler, TierMemory, ignore
from hetengine.topology import ROLES, DeviceSpec, Topology


@dataclass(frozen=True, slots=True)
class Machine:
    """A clock, the host and the accelerators, all open.

    Attributes
    ----------
    clock : Clock
        Wall or virtual time.
    host : Device
        Holds all data.
    accelerators : tuple of Device
        In the order of the topology.
    storage : Device or None
        The disk that column stores lie on.
    """

    clock: Clock
    host: Device
    accelerators: tuple[Device, ...]
    storage: Device | None = None

    @property
    def devices(self) -> tuple[Device, ...]:
        """Return all devices, the host last."""
        disks = () if self.storage is None else (self.storage,)
        return (*self.accelerators, *disks, self.host)

    def start(self) -> None:
        """Let what happens to devices at given times, in virtual time, count from now on."""
        for device in self.devices:
            if isinstance(device, SimulatedDevice | RealDevice):
                device.start()

    def close(self) -> None:
        """Close every device."""
        for device in self.devices:
            device.close()


def with_capacities(topology: Topology, data_bytes: int, memory_fraction: float | None) -> Topology:
    """Return the topology with the capacity of every accelerator in bytes.

    A fraction given for the run sets all accelerators; otherwise a device's ``capacity_bytes``
    counts, or its own ``memory_fraction``, or there is no limit.

    Parameters
    ----------
    topology : Topology
        As configured.
    data_bytes : int
        Bytes of the matrix.
    memory_fraction : float or None
        Capacity of each accelerator over the bytes of the data.
    """

    def capped(spec: DeviceSpec) -> DeviceSpec:
        if spec.role != "accelerator":
            return spec
        fraction = memory_fraction
        if fraction is None and spec.capacity_bytes is None:
            fraction = spec.memory_fraction
        return (
            spec
            if fraction is None
            else replace(spec, capacity_bytes=max(1, int(fraction * data_bytes)))
        )

    return replace(topology, devices=tuple(capped(spec) for spec in topology.devices))


def open_machine(
    topology: Topology, mode: str, observe: Observer, sample: Sampler = ignore
) -> Machine:
    """Open every device of a topology, for real or simulated.

    Parameters
    ----------
    topology : Topology
        With capacities in bytes.
    mode : {'execute', 'simulate', 'dry'}
        Real devices on the wall clock; simulated ones with numerics; simulated ones without.
    observe : callable
        Receives the span of each command.
    sample : callable
        Receives how full a memory tier is, whenever that changes.

    Raises
    ------
    BackendUnavailable
        If a backend cannot run here; nothing stays open.
    """
    if mode == "execute":
        clock = WallClock()
        opened: list[Device] = []
        try:
            opened.extend(_open(spec, clock, observe) for spec in topology.devices)
        except BaseException:
            for device in opened:
                device.close()
            raise
    else:
        clock = VirtualClock()
        opened = assemble(
            topology,
            clock,
            observe,
            lambda spec: backend("numpy").implementations(
                spec.threads if spec.backend == "numpy" else 1
            ),
            mode == "simulate",
        )
    for device in opened:
        _watch_memory(device, topology, sample)
    by_role = {role: [d for d in opened if d.spec.role == role] for role in ROLES}
    (host,) = by_role["host"]
    storage = next(iter(by_role["storage"]), None)
    return Machine(clock, host, tuple(by_role["accelerator"]), storage)


def _open(spec: DeviceSpec, clock: WallClock, observe: Observer) -> Device:
    """Open one real device; a disk needs no backend."""
    if spec.role == "storage":
        return StorageDevice(spec, clock, observe)
    return backend(spec.backend).open(spec, clock, observe)


def _watch_memory(device: Device, topology: Topology, sample: Sampler) -> None:
    """Give a device its tiers, and tell how full they are."""

    def changed(tier: str, nbytes: int) -> None:
        sample(Sample(tier, device.clock.now, nbytes))

    if isinstance(device.memory, TierMemory):
        device.memory.watch(changed)
        return
    memory = TierMemory(
        device.name, device.spec.capacity_bytes, topology.tiers_of(device.name), changed
    )
    memory.take_over(device.memory)
    device.memory = memory
    if isinstance(device, RealDevice):
        device.inner.memory = memory
