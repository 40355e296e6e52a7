"""A disk of a simulated machine: real bytes, virtual time.

Each request costs the latency of the disk's link, as many at a time as the disk has threads; the
bytes share the link with other transfers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.clock import VirtualClock
from hetengine.device import Buffer, Event
from hetengine.errors import UsageError
from hetengine.sim.commands import Copy
from hetengine.sim.cost import KernelCosts
from hetengine.sim.device import SimulatedDevice
from hetengine.sim.fluid import FluidNetwork, Hop
from hetengine.sim.loop import Loop
from hetengine.sim.queue import CommandQueue, Promise
from hetengine.span import Observer
from hetengine.store.device import READ, StoredPiece, check_read
from hetengine.store.file import requests_of
from hetengine.topology import DeviceSpec, Topology


class _Read(Copy):
    """Read a piece into a landing area, request by request."""

    __slots__ = ("_wait_seconds",)

    def __init__(
        self,
        event: Promise,
        category: str,
        device: SimulatedStorage,
        route: tuple[Hop, ...],
        destination: Buffer,
        source: Buffer,
        wait_seconds: float,
    ) -> None:
        super().__init__(event, category, READ, device, route, destination, source)
        self._wait_seconds = wait_seconds

    def begin(self) -> None:
        """Read the bytes; then wait for the requests, and let the bytes flow."""
        self.device.health.check()
        if self.device.numerics:
            piece: StoredPiece = self.source.array
            piece.read_into(self.destination.array)
        self.device.health.when_awake(self._send)

    def _send(self) -> None:
        if self._wait_seconds == 0.0:
            self._flow()
            return
        speed = min(self.device.health.speed, 1.0)
        waited = self.device.clock.timeout(self._wait_seconds / speed)
        waited.callbacks.append(self._flow)

    def _flow(self, waited: simpy.Event | None = None) -> None:
        """Put the bytes on the link, unless the device has failed meanwhile."""
        if self.error is None:
            super()._send()


class SimulatedStorage(SimulatedDevice):
    """A disk that exists in the topology only; what it holds is read from this machine's.

    Parameters
    ----------
    spec : DeviceSpec
        Its entry in the topology; ``threads`` is the number of requests in flight.
    clock : VirtualClock
        The run's clock.
    network : FluidNetwork
        The links, shared by all devices of the machine.
    topology : Topology
        Which link joins it to the host.
    observe : callable
        Receives the span of each read.
    numerics : bool
        False reads nothing.
    loop : Loop, optional
        What it costs to hand over, start and hear of commands; nothing by default.
    """

    def __init__(
        self,
        spec: DeviceSpec,
        clock: VirtualClock,
        network: FluidNetwork,
        topology: Topology,
        observe: Observer,
        numerics: bool = True,
        loop: Loop | None = None,
    ) -> None:
        cost = KernelCosts()
        super().__init__(
            spec, clock, {}, network, topology, observe, cost, numerics=numerics, loop=loop
        )
        self._queues[READ] = CommandQueue(clock, spec.name, READ, observe, loop)
        route = topology.route(spec.name, topology.host.name)
        self._latency_seconds = sum(link.latency_seconds for link, _ in route)

    def alloc(self, label: str, shape: int | tuple[int, ...], dtype: DTypeLike) -> NoReturn:
        """Refuse: what a disk holds is written by ``hetengine convert``.

        Raises
        ------
        UsageError
            Always.
        """
        kind = np.dtype(dtype)
        raise UsageError(
            f"{self.name}: cannot allocate {label} ({shape}, {kind}) on a storage device; it is "
            "only read from"
        )

    def copy(
        self,
        destination: Buffer,
        source: Buffer,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "read",
    ) -> Event:
        """Enqueue a read; see `hetengine.store.device.piece_buffer`.

        Raises
        ------
        UsageError
            If it is no read of a store.
        """
        self._check_open()
        check_read(self, destination, source)
        piece: StoredPiece = source.array
        requests = sum(len(requests_of(extent)) for extent in piece.piece.extents)
        waves = -(-requests // self.spec.threads)
        command = _Read(
            Promise(self.clock, source.label),
            category,
            self,
            self._route(self.name, destination.device.name),
            destination,
            source,
            max(waves - 1, 0) * self._latency_seconds,
        )
        return self._queues[READ].submit(command, after)
