"""The two commands of a simulated device: launch a kernel, copy a buffer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hetengine.device import Buffer, HostFunction, Kernel
from hetengine.errors import UsageError
from hetengine.leases import give_back_all, take_all
from hetengine.sim.fluid import Hop
from hetengine.sim.loop import Loop
from hetengine.sim.queue import Command, Promise
from hetengine.sim.recency import reuse_of
from hetengine.work import Work, WorkOf, known_work

if TYPE_CHECKING:
    from hetengine.sim.device import SimulatedDevice


class Launch(Command):
    """Run a kernel's numbers, then let the time its work costs pass.

    Parameters
    ----------
    event : Promise
        Fires with the kernel's result.
    category : str
        Phase it is accounted under.
    device : SimulatedDevice
        Where it runs.
    kernel : Kernel
        What runs.
    args : sequence
        Buffers and scalars.
    buffers : tuple of Buffer
        The buffers among ``args``; they may not be released until the launch has run.
    work : Work or callable
        What it has to do; a callable gets the result.
    """

    __slots__ = ("args", "device", "kernel", "leased", "work_of")

    def __init__(
        self,
        event: Promise,
        category: str,
        device: SimulatedDevice,
        kernel: Kernel,
        args: Sequence[Any],
        buffers: tuple[Buffer, ...],
        work: WorkOf,
    ) -> None:
        super().__init__(event, category)
        self.device = device
        self.kernel = kernel
        self.args = args
        self.work_of = work
        self.leased = take_all(buffers)

    def issue_seconds(self, loop: Loop) -> float:
        """Return the cost of its kernel."""
        return loop.launch_seconds(self.device.name, self.kernel.name, known_work(self.work_of))

    def begin(self) -> float | None:
        """Compute the result, and from it the work and its cost."""
        kernel, device = self.kernel, self.device
        device.health.check()
        if self.device.numerics or (isinstance(kernel, HostFunction) and kernel.decides):
            native = [arg.array if isinstance(arg, Buffer) else arg for arg in self.args]
            self.result = kernel(*native)
        else:
            self.result = getattr(kernel, "nominal", None)
        work = self.work_of
        self.work = work if isinstance(work, Work) else work(self.result)
        reuse = reuse_of(device.recency, device.name, self.work)
        seconds = device.cost.seconds(device.spec, self.work, kernel.name, reuse)
        sane = self.work.flops >= 0.0 and self.work.nbytes >= 0.0
        if not (sane and 0.0 <= seconds < math.inf):
            raise UsageError(
                f"{self.device.name}: {kernel.name} costs {seconds} seconds for {self.work}; "
                "work and cost must be finite and at least 0"
            )
        self.queue.keep_interpreter(seconds, isinstance(kernel, HostFunction))
        if device.pool is None:
            return seconds
        threads = 1 if isinstance(kernel, HostFunction) else device.spec.threads
        device.pool.run(seconds, threads, device.health, self.event.ran)
        return None

    def cancel(self) -> None:
        """Take the job off the cores."""
        if self.device.pool is not None:
            self.device.pool.cancel(self.event.ran)

    def release(self) -> None:
        """Let go of the arguments."""
        give_back_all(self.leased)
        self.args = ()


class Copy(Command):
    """Copy the bytes, then let them flow over the network.

    Parameters
    ----------
    event : Promise
        Fires when the last byte has arrived.
    category, direction : str
        Phase it is accounted under; ``up`` or ``down``.
    device : SimulatedDevice
        Whose copy queue it is in.
    route : tuple of (str, str)
        Links crossed.
    destination, source : Buffer
        Buffers of the same size; neither may be released until the copy has run.
    """

    __slots__ = ("destination", "device", "leased", "route", "source")

    def __init__(
        self,
        event: Promise,
        category: str,
        direction: str,
        device: SimulatedDevice,
        route: tuple[Hop, ...],
        destination: Buffer,
        source: Buffer,
    ) -> None:
        super().__init__(event, category, direction)
        self.device = device
        self.route = route
        self.destination = destination
        self.source = source
        nbytes = source.nbytes
        self.work = Work(bytes_read=nbytes, bytes_written=nbytes)
        self.leased = take_all((destination, source))

    def issue_seconds(self, loop: Loop) -> float:
        """Return the cost of the dearest of its links."""
        return max(loop.copy_seconds(name) for name, _ in self.route)

    def begin(self) -> None:
        """Copy the bytes and hand ``ran`` to the network, which fires it."""
        for buffer in (self.destination, self.source):
            health = getattr(buffer.device, "health", None)
            if health is not None:
                health.check()
        if self.device.numerics:
            np.copyto(_flat(self.destination), _flat(self.source))
        self.device.health.when_awake(self._send)

    def _send(self) -> None:
        network = self.device.network
        self.queue.keep_interpreter(network.alone_seconds(self.route, self.source.nbytes))
        self.device.network.transfer(self.route, self.source.nbytes, self.event.ran)

    def cancel(self) -> None:
        """Take the bytes off the links."""
        self.device.network.cancel(self.event.ran)

    def release(self) -> None:
        """Let go of both buffers."""
        give_back_all(self.leased)


def _flat(buffer: Buffer) -> np.ndarray:
    return buffer.array.reshape(-1)
