"""A real device in a simulated machine: its commands run for real, their time passes virtually.

A command starts when the simulation says so, runs on the real backend while the virtual clock
stands still, and ends as much later as the device measured. Order and results are those of the
simulation; only the durations vary from run to run.

What the topology says happens to the device (slow, stall, fail) happens to it in virtual time: what
was measured is stretched, held up or lost. Its memory really is as it was, though: a run that read
it after a failure would not be found out here, as it is on a simulated device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.clock import VirtualClock, WallClock
from hetengine.device import Buffer, Device, Event, Kernel
from hetengine.errors import DeviceFailure
from hetengine.program import Program, Step
from hetengine.registry import backend
from hetengine.sim.cores import CorePool
from hetengine.sim.health import Health
from hetengine.sim.loop import Loop
from hetengine.sim.queue import Command, CommandQueue, Promise, all_ended
from hetengine.span import Observer
from hetengine.topology import DeviceSpec, Topology
from hetengine.work import Work, WorkOf, known_work


class _RealCommand(Command):
    """Run something on the real device and charge what it measured."""

    __slots__ = ("_device", "_enqueue", "_issue", "_work_of")

    def __init__(
        self,
        event: Promise,
        category: str,
        direction: str,
        device: RealDevice,
        enqueue: Callable[[], Event],
        work: WorkOf,
        issue: Callable[[Loop], float],
    ) -> None:
        super().__init__(event, category, direction)
        self._device = device
        self._enqueue = enqueue
        self._work_of = work
        self._issue = issue

    def issue_seconds(self, loop: Loop) -> float:
        """Return the cost of its kernel or link."""
        return self._issue(loop)

    def begin(self) -> float | None:
        """Run it to its end and let the seconds the device took pass."""
        device = self._device
        device.health.check()
        event = self._enqueue()
        self.result = device.wall.run(until=event)
        work = self._work_of
        self.work = work if isinstance(work, Work) else work(self.result)
        if device.pool is None:
            return event.seconds
        device.pool.run(event.seconds, 1, device.health, self.event.ran)
        return None

    def cancel(self) -> None:
        """Let no more time pass; it has run already."""
        if self._device.pool is not None:
            self._device.pool.cancel(self.event.ran)

    def release(self) -> None:
        """Do nothing: the real device holds the buffers."""


class RealDevice(Device):
    """A device of a real backend, driven by a virtual clock.

    Buffers belong to the device inside, which other devices copy to and from.

    Parameters
    ----------
    inner : Device
        The opened device, on a wall clock of its own.
    wall : WallClock
        That clock.
    clock : VirtualClock
        The run's clock.
    topology : Topology
        Which links lead to it.
    observe : callable
        Receives the span of each command, in virtual time.
    loop : Loop, optional
        What it costs to hand over, start and hear of commands; nothing by default.

    Attributes
    ----------
    health : Health
        How it fares, by the events of its topology entry.
    pool : CorePool or None
        Lets time pass at the speed of its health; None where nothing ever happens to it.
    """

    clock: VirtualClock

    def __init__(
        self,
        inner: Device,
        wall: WallClock,
        clock: VirtualClock,
        topology: Topology,
        observe: Observer,
        loop: Loop | None = None,
    ) -> None:
        super().__init__(inner.spec, clock)
        self.inner = inner
        self.memory, self.facts = inner.memory, inner.facts
        self.wall = wall
        events = inner.spec.events
        self.pool = CorePool(clock) if events else None
        self.health = Health(clock, inner.name, events, self._pace, self._lose)
        self._topology = topology
        self._queues = {
            name: CommandQueue(clock, inner.name, name, observe, loop)
            for name in ("compute", "up", "down")
        }

    def alloc(self, label: str, shape: int | tuple[int, ...], dtype: DTypeLike) -> Buffer:
        """Reserve zeroed memory of the real device."""
        return self.inner.alloc(label, shape, dtype)

    def free(self, buffer: Buffer) -> None:
        """Give memory of the real device back."""
        self.inner.free(buffer)

    def view(self, buffer: Buffer, offset: int, count: int, dtype: np.dtype) -> Any:
        """Return a native view of part of a buffer."""
        return self.inner.view(buffer, offset, count, dtype)

    def load(self, name: str) -> Kernel:
        """Find the kernel of the real backend."""
        return self.inner.load(name)

    def record(self, name: str, steps: Sequence[Step]) -> Program:
        """Make one kernel of launches of the real device."""
        return self.inner.record(name, steps)

    def pin(self, buffer: Buffer) -> None:
        """Prepare a host buffer for transfers to the real device."""
        self.inner.pin(buffer)

    def launch(
        self,
        kernel: Kernel,
        args: Sequence[Any],
        work: WorkOf,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "compute",
    ) -> Event:
        """Enqueue a kernel on the compute queue."""
        known = known_work(work)
        command = _RealCommand(
            Promise(self.clock, kernel.name),
            category,
            "",
            self,
            lambda: self.inner.launch(kernel, args, Work(), category=category),
            work,
            lambda loop: loop.launch_seconds(self.name, kernel.name, known),
        )
        return self._queues["compute"].submit(command, after)

    def copy(
        self,
        destination: Buffer,
        source: Buffer,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "copy",
    ) -> Event:
        """Enqueue a transfer between the real device and another; up is away from the host."""
        inwards = destination.device is self.inner
        direction = "up" if inwards != (self.spec.role == "host") else "down"
        route = self._topology.route(source.device.name, destination.device.name)
        nbytes = source.nbytes
        command = _RealCommand(
            Promise(self.clock, source.label),
            category,
            direction,
            self,
            lambda: self.inner.copy(destination, source, category=category),
            Work(bytes_read=nbytes, bytes_written=nbytes),
            lambda loop: max(loop.copy_seconds(link.name) for link, _ in route),
        )
        return self._queues[direction].submit(command, after)

    def start(self) -> None:
        """Let the incidents of its topology entry happen from now on."""
        self.health.start()

    def _pace(self) -> None:
        if self.pool is not None:
            self.pool.update()

    def _lose(self, failure: DeviceFailure) -> None:
        """Fail what runs."""
        for queue in self._queues.values():
            queue.abort(failure)

    def synchronize(self) -> simpy.Event:
        """Return an event that fires when everything enqueued so far has run, well or not."""
        return all_ended(self.clock, self._queues.values())

    def close(self) -> None:
        """Close the real device."""
        self.inner.close()


def open_real(
    spec: DeviceSpec,
    clock: VirtualClock,
    topology: Topology,
    observe: Observer,
    loop: Loop | None = None,
) -> RealDevice:
    """Open a device whose entry says ``real: true``.

    Parameters
    ----------
    spec : DeviceSpec
        Its entry.
    clock : VirtualClock
        The run's clock.
    topology : Topology
        The machine it is part of.
    observe : callable
        Receives the span of each command, in virtual time.
    loop : Loop, optional
        What it costs to hand over, start and hear of commands.

    Raises
    ------
    BackendUnavailable
        If its backend cannot run here.
    """
    wall = WallClock()
    inner = backend(spec.backend).open(spec, wall, lambda span: None)
    return RealDevice(inner, wall, clock, topology, observe, loop)
