"""A real device in a simulated machine: its commands run for real, their time passes virtually.

A command starts when the simulation says so, runs on the real backend while the virtual clock
stands still, and ends as much later as the device measured. Order and results are those of the
simulation; only the durations vary from run to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.clock import VirtualClock, WallClock
from hetengine.device import Buffer, Device, Event, Kernel, Observer, Work, WorkOf, known_work
from hetengine.program import Program, Step
from hetengine.registry import backend
from hetengine.sim.loop import Loop
from hetengine.sim.queue import Command, CommandQueue, Promise, all_ended
from hetengine.topology import DeviceSpec, Topology


class _RealCommand(Command):
    """Run something on the real device and charge what it measured."""

    __slots__ = ("_clock", "_enqueue", "_issue", "_work_of")

    def __init__(
        self,
        event: Promise,
        category: str,
        direction: str,
        clock: WallClock,
        enqueue: Callable[[], Event],
        work: WorkOf,
        issue: Callable[[Loop], float],
    ) -> None:
        super().__init__(event, category, direction)
        self._clock = clock
        self._enqueue = enqueue
        self._work_of = work
        self._issue = issue

    def issue_seconds(self, loop: Loop) -> float:
        """Return the cost of its kernel or link."""
        return self._issue(loop)

    def begin(self) -> float:
        """Run it to its end and return the seconds the device took."""
        event = self._enqueue()
        self.result = self._clock.run(until=event)
        work = self._work_of
        self.work = work if isinstance(work, Work) else work(self.result)
        return event.seconds

    def cancel(self) -> None:
        """Do nothing: it has run already."""

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
        self._wall = wall
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
            self._wall,
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
            self._wall,
            lambda: self.inner.copy(destination, source, category=category),
            Work(bytes_read=nbytes, bytes_written=nbytes),
            lambda loop: max(loop.copy_seconds(link.name) for link, _ in route),
        )
        return self._queues[direction].submit(command, after)

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
