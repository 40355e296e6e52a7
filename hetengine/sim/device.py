"""A device of a simulated machine: real numbers, virtual time.

Numerics run on the calling thread when a command starts, because the amount of work may depend on
what they find; the virtual time of the command passes afterwards, and only then does its event
fire. Compute and the two copy directions are three in-order queues, as on a real accelerator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.aligned import aligned_zeros
from hetengine.backend import lookup
from hetengine.clock import VirtualClock
from hetengine.device import Buffer, Device, Event, HostFunction, Kernel
from hetengine.errors import DeviceFailure, OutOfCapacity, UsageError
from hetengine.sim.commands import Copy, Launch
from hetengine.sim.cores import CorePool
from hetengine.sim.cost import CostModel
from hetengine.sim.fluid import FluidNetwork, Hop
from hetengine.sim.health import Health
from hetengine.sim.loop import Loop
from hetengine.sim.memory_time import MemoryTime
from hetengine.sim.queue import CommandQueue, Promise, all_ended
from hetengine.sim.recency import Recency
from hetengine.span import Observer
from hetengine.topology import DeviceSpec, Topology
from hetengine.work import WorkOf

COMPUTE = "compute"


@dataclass(slots=True)
class SimulatedKernel:
    """A functional implementation under its name.

    Attributes
    ----------
    name : str
        Name in traces.
    function : callable
        What computes the numbers.
    nominal : object
        Value of a launch where numerics are skipped: the function's own ``nominal``, if any.
    """

    name: str
    function: Callable[..., Any]
    nominal: Any = None

    def __call__(self, *args: Any) -> Any:
        """Run to completion on the calling thread."""
        return self.function(*args)


class SimulatedDevice(Device):
    """A processor that exists in the topology only; see `hetengine.device.Device` for the verbs.

    Parameters
    ----------
    spec : DeviceSpec
        Its entry in the topology.
    clock : VirtualClock
        The run's clock.
    implementations : mapping
        Kernels by name that compute the numbers on NumPy arrays.
    network : FluidNetwork
        The links, shared by all devices of the machine.
    topology : Topology
        Which link joins this device to which other.
    observe : callable
        Receives the span of each command that has run.
    cost : CostModel
        Seconds of a launch.
    numerics : bool
        False skips kernels and copies and lets buffers take no memory; launches then yield the
        kernel's ``nominal`` value, and only a `HostFunction` that decides still runs.
    loop : Loop, optional
        What it costs to hand over, start and hear of commands; nothing by default.
    pool : CorePool, optional
        Cores that its kernels share with those of other devices.
    recency : Recency, optional
        Caches that it shares with other devices.
    """

    clock: VirtualClock

    def __init__(
        self,
        spec: DeviceSpec,
        clock: VirtualClock,
        implementations: Mapping[str, Callable[..., Any]],
        network: FluidNetwork,
        topology: Topology,
        observe: Observer,
        cost: CostModel,
        numerics: bool = True,
        loop: Loop | None = None,
        pool: CorePool | None = None,
        recency: Recency | None = None,
    ) -> None:
        super().__init__(spec, clock)
        self.pool = CorePool(clock) if pool is None and spec.events else pool
        self.health = Health(clock, spec.name, spec.events, self._pace, self._lose)
        self.numerics = numerics
        self.network = network
        if spec.events:
            network.add_port(spec.name)
        self.cost = cost
        self.recency = Recency() if recency is None else recency
        self.memory_time = MemoryTime(spec, clock, observe, loop)
        self._implementations = implementations
        self._topology = topology
        self._queues = {
            name: CommandQueue(clock, spec.name, name, observe, loop)
            for name in (COMPUTE, "up", "down")
        }
        self._compute = self._queues[COMPUTE]
        self._closed = False
        self._routes: dict[tuple[str, str], tuple[Hop, ...]] = {}
        self._buffers: set[Buffer] = set()

    def alloc(self, label: str, shape: int | tuple[int, ...], dtype: DTypeLike) -> Buffer:
        """Reserve zeroed memory, counted against the capacity.

        Raises
        ------
        OutOfCapacity
            If the tier, or this machine's own memory, cannot hold it; nothing is reserved then.
        UsageError
            If an extent is negative or the device is closed.
        """
        self._check_open()
        extent = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(length < 0 for length in extent):
            raise UsageError(f"{self.name}: {label} has shape {extent}; extents must be at least 0")
        kind = np.dtype(dtype)
        nbytes = math.prod(extent) * kind.itemsize
        self.memory.reserve(label, nbytes)
        try:
            array = self._zeros(extent, kind)
        except MemoryError as error:
            self.memory.release(label, nbytes)
            raise OutOfCapacity(
                f"{self.name}: {label} needs {nbytes:,} bytes, which the simulated device has and "
                "this machine has not; use mode=dry or smaller data"
            ) from error
        self.memory_time.allocate(nbytes)
        buffer = Buffer(self, array, extent, kind, label)
        self._buffers.add(buffer)
        return buffer

    def _release(self, buffer: Buffer) -> None:
        self._buffers.discard(buffer)
        super()._release(buffer)

    def view(self, buffer: Buffer, offset: int, count: int, dtype: np.dtype) -> np.ndarray:
        """Return a typed one-dimensional view of part of a buffer.

        Raises
        ------
        UsageError
            If the view ends beyond the buffer.
        """
        end = offset + count * dtype.itemsize
        if offset < 0 or count < 0 or end > buffer.nbytes:
            raise UsageError(
                f"{self.name}: section [{offset}, {end}) of {buffer.label} is not within its "
                f"{buffer.nbytes} bytes"
            )
        if not self.numerics:
            return self._zeros((count,), dtype)
        return buffer.array.reshape(-1).view(np.uint8)[offset:end].view(dtype)

    def load(self, name: str) -> SimulatedKernel:
        """Find the implementation that computes a kernel's numbers.

        Raises
        ------
        UsageError
            If there is no kernel of that name.
        """
        function = lookup(name, self._implementations, f"of simulated {self.name}")
        return SimulatedKernel(name, function, getattr(function, "nominal", None))

    def launch(
        self,
        kernel: Kernel,
        args: Sequence[Any],
        work: WorkOf,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "compute",
    ) -> Event:
        """Enqueue a kernel on the compute queue.

        Raises
        ------
        UsageError
            If an argument is a buffer of another device or a freed one, or the kernel is a
            `HostFunction` and this is not the host.
        """
        self._check_open()
        if isinstance(kernel, HostFunction) and self.spec.role != "host":
            raise UsageError(
                f"{self.name}: {kernel.name} is a host function; launch it on the host"
            )
        buffers = tuple(arg for arg in args if isinstance(arg, Buffer))
        for buffer in buffers:
            if buffer.device is not self:
                raise UsageError(
                    f"{self.name}: {kernel.name} got {buffer.label}, which is on "
                    f"{buffer.device.name}; copy it first"
                )
        event = Promise(self.clock, kernel.name)
        return self._compute.submit(
            Launch(event, category, self, kernel, args, buffers, work), after
        )

    def copy(
        self,
        destination: Buffer,
        source: Buffer,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "copy",
    ) -> Event:
        """Enqueue a transfer between this device and another; up is away from the host.

        Raises
        ------
        UsageError
            If neither or both buffers are on this device, sizes differ, a buffer has been freed, or
            no link joins the devices.
        """
        self._check_open()
        inwards = destination.device is self
        peer = source.device if inwards else destination.device
        if peer is self or (not inwards and source.device is not self):
            raise UsageError(
                f"{self.name}: cannot copy {source.label} from {source.device.name} to "
                f"{destination.device.name}; exactly one end must be {self.name}"
            )
        if destination.nbytes != source.nbytes or destination.dtype != source.dtype:
            raise UsageError(
                f"{self.name}: cannot copy {source.label} ({source.nbytes} bytes, {source.dtype}) "
                f"into {destination.label} ({destination.nbytes} bytes, {destination.dtype}); "
                "take sections of one size and type"
            )
        direction = "up" if inwards != (self.spec.role == "host") else "down"
        route = self._route(source.device.name, destination.device.name)
        command = Copy(
            Promise(self.clock, source.label), category, direction, self, route, destination, source
        )
        return self._queues[direction].submit(command, after)

    def synchronize(self) -> simpy.Event:
        """Return an event that fires when everything enqueued so far has run, well or not."""
        return all_ended(self.clock, self._queues.values())

    def start(self) -> None:
        """Let the incidents of its topology entry happen, and launches be counted, from now on."""
        self.health.start()
        self.cost.used.clear()

    def _pace(self) -> None:
        if self.pool is not None:
            self.pool.update()
        if self.health.speed > 0.0:
            self.network.pace(self.name, self.health.speed)

    def _lose(self, failure: DeviceFailure) -> None:
        """Fail what runs and forget all memory, as a card does that falls off its bus."""
        for queue in self._queues.values():
            queue.abort(failure)
        if self.numerics:
            for buffer in self._buffers:
                buffer.array.reshape(-1).view(np.uint8)[:] = 0xFF

    def close(self) -> None:
        """Refuse all further use; what is enqueued still runs."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(f"{self.name}: the device is closed; open the machine again")

    def _zeros(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return (
            aligned_zeros(shape, dtype)
            if self.numerics
            else np.broadcast_to(np.zeros((), dtype), shape)
        )

    def _route(self, source: str, destination: str) -> tuple[Hop, ...]:
        ends = (source, destination)
        if ends not in self._routes:
            route = self._topology.route(*ends)
            self._routes[ends] = tuple((link.name, direction) for link, direction in route)
        return self._routes[ends]
