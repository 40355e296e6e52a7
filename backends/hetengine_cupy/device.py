"""A CUDA device: three queue threads, each with a stream of its own, on one pooled memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.backend import lookup
from hetengine.clock import WallClock
from hetengine.device import Buffer, Event, HostFunction, Kernel
from hetengine.errors import UsageError
from hetengine.program import Program, Step
from hetengine.span import Observer
from hetengine.threaded import DOWN, UP, ThreadedDevice, Timed
from hetengine.topology import DeviceSpec
from hetengine.work import WorkOf
from hetengine_cupy.card import Card
from hetengine_cupy.launcher import CudaLauncher
from hetengine_cupy.memory import CardMemory
from hetengine_cupy.pinning import Pins, address_of
from hetengine_cupy.recording import CudaProgram
from hetengine_cupy.timing import Stopwatch
from hetengine_kernels import Profile, Workspace, recipe, recipe_names

_ALIGNMENT = 256


class CupyKernel:
    """A verb of the device API as launches on one GPU.

    Attributes
    ----------
    name : str
        Name in traces.
    recipe : callable
        What launches it; that of an epoch is a `hetengine_kernels.epoch.Epoch`, which knows what it
        has learnt.
    """

    def __init__(self, name: str, launcher: CudaLauncher) -> None:
        self.name = name
        self.recipe: Any = recipe(name, launcher)
        self._launcher = launcher

    def __call__(self, *args: Any) -> Any:
        """Run to completion on the calling thread, timed by the device."""
        return self._launcher.run(self.recipe, args)


class CupyDevice(ThreadedDevice):
    """One NVIDIA GPU, limited to the capacity of the topology.

    A command is enqueued on its stream by its queue's thread, which then sleeps until the device
    is done: what a command depends on has always run, and streams need not wait for each other.

    Parameters
    ----------
    spec : DeviceSpec
        Entry in the topology.
    clock : WallClock
        The run's clock.
    observe : callable
        Receives the span of each command.
    card : Card
        The GPU.
    profile : Profile
        How kernels are launched on it.

    Raises
    ------
    OutOfCapacity
        If not even the kernels' scratch memory fits.
    """

    def __init__(
        self, spec: DeviceSpec, clock: WallClock, observe: Observer, card: Card, profile: Profile
    ) -> None:
        super().__init__(spec, clock, observe)
        self.card = card
        self._arrays = CardMemory(card, spec.capacity_bytes)
        self._pins = Pins(card)
        self._watches = {queue: Stopwatch(card, card.streams[queue]) for queue in (UP, DOWN)}
        scratch = {
            name: self.alloc("kernel scratch", nbytes, np.uint8).array
            for name, nbytes in profile.scratch().items()
        }
        self._launcher = CudaLauncher(card, profile, scratch, Workspace(self))
        self._kernels: dict[str, CupyKernel] = {}
        self._staged_bytes = 0
        try:
            self._note_facts()
        except BaseException:
            self.close()
            raise

    def _note_facts(self) -> None:
        runtime = self.card.cupy.cuda.runtime
        self.facts |= {
            "device": self.card.name,
            "architecture": self.card.architecture,
            "cupy": self.card.cupy.__version__,
            "driver": runtime.driverGetVersion(),
            "launch_seconds": self._launcher.measure_launch(),
        }

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """Return a zeroed array on the GPU."""
        return self._arrays.zeros(shape, dtype)

    def transfer(self, destination: Buffer, source: Buffer) -> Timed | None:
        """Copy on the direction's own stream and sleep until the device has done it."""
        inwards = destination.device is self
        host, ours = (source, destination) if inwards else (destination, source)
        if not isinstance(host.array, np.ndarray):
            raise UsageError(
                f"{self.name}: cannot copy to or from {host.label} on {host.device.name}, which is "
                "no host memory; copy it through the host"
            )
        if host.nbytes == 0:
            return None
        runtime = self.card.cupy.cuda.runtime
        there, here = ours.array.data.ptr, address_of(host.array)
        to, fro = (there, here) if inwards else (here, there)
        kind = runtime.memcpyHostToDevice if inwards else runtime.memcpyDeviceToHost
        queue = UP if inwards else DOWN
        with self.card.current():
            watch = self._watches[queue]
            watch.start()
            runtime.memcpyAsync(to, fro, host.nbytes, kind, self.card.streams[queue].ptr)
            watch.end()
            seconds = watch.wait()
        if not self._pins.holds(host):
            self._staged_bytes += host.nbytes
            self.facts["staged_bytes"] = self._staged_bytes
        return Timed(None, seconds)

    def record(self, name: str, steps: Sequence[Step]) -> Program:
        """Capture a fixed sequence of launches as a CUDA graph; kernels are compiled at once."""
        return CudaProgram(self, name, steps, self.card, self._launcher)

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
            If it is a Python function, or an argument is an array of the host.
        """
        if isinstance(kernel, HostFunction) or any(isinstance(a, np.ndarray) for a in args):
            raise UsageError(
                f"{self.name}: {kernel.name} works on the host's memory; launch it on a device of "
                "backend numpy"
            )
        return super().launch(kernel, args, work, after=after, category=category)

    def view(self, buffer: Buffer, offset: int, count: int, dtype: np.dtype) -> Any:
        """Return a typed view of part of a buffer.

        Raises
        ------
        UsageError
            If the view ends beyond the buffer or is misaligned, or the buffer has been freed.
        """
        self.leases.check(buffer, "view")
        end = offset + count * dtype.itemsize
        if offset < 0 or count < 0 or end > buffer.nbytes:
            raise UsageError(
                f"{self.name}: section [{offset}, {end}) of {buffer.label} is not within its "
                f"{buffer.nbytes} bytes"
            )
        if offset % _ALIGNMENT:
            raise UsageError(
                f"{self.name}: section of {buffer.label} begins at byte {offset}, which is not a "
                f"multiple of {_ALIGNMENT}"
            )
        return self._arrays.section(buffer.array, offset, count, dtype)

    def load(self, name: str) -> Kernel:
        """Find a kernel by name; its program is compiled by the first launch."""
        lookup(name, dict.fromkeys(recipe_names(), recipe), "cupy")
        if name not in self._kernels:
            self._kernels[name] = CupyKernel(name, self._launcher)
        return self._kernels[name]

    def pin(self, buffer: Buffer) -> None:
        """Register a host buffer with the driver, so that copies need no staging.

        The buffer is moved to whole pages of its own; take sections afterwards. It stays pinned
        until it is freed or this device is closed. Where the driver refuses, the fact
        ``pinning_refused`` says why, and ``staged_bytes`` what that concerned.

        Raises
        ------
        UsageError
            If it is a section or no host memory.
        """
        self._check_open()
        if buffer.base is not None or not isinstance(buffer.array, np.ndarray):
            raise UsageError(
                f"{self.name}: cannot pin {buffer.label}; pin a whole buffer of the host"
            )
        refused = self._pins.pin(buffer)
        if refused:
            self.facts["pinning_refused"] = refused

    @property
    def pinned_bytes(self) -> int:
        """Host memory pinned for this device."""
        return self._pins.nbytes

    def close(self) -> None:
        """Stop the threads after what they have been given; unpin and give memory back."""
        if self._closed:
            return
        super().close()
        # After a failed kernel the whole context is lost and says so to every call.
        with contextlib.suppress(self.card.cupy.cuda.runtime.CUDARuntimeError):
            self._pins.close()
            self._launcher.close()
            self._arrays.trim()
