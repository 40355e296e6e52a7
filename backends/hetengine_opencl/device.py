"""An OpenCL device: three in-order queues with threads, real memory, times by its own clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyopencl as cl
import simpy
from numpy.typing import DTypeLike

from hetengine.clock import WallClock
from hetengine.device import Buffer, Event, Kernel
from hetengine.errors import UsageError, did_you_mean
from hetengine.program import Program, Step
from hetengine.span import Observer
from hetengine.threaded import COMPUTE, DOWN, UP, ThreadedDevice, Timed
from hetengine.topology import DeviceSpec
from hetengine.work import WorkOf
from hetengine_kernels import Profile, Workspace, recipe, recipe_names
from hetengine_opencl.launcher import ClLauncher
from hetengine_opencl.memory import ClMemory, Pool
from hetengine_opencl.programs import Programs
from hetengine_opencl.recording import ClProgram

_SECONDS = 1e-9


class ClKernel:
    """A verb of the device API, ready to launch.

    Attributes
    ----------
    name : str
        Name in traces.
    """

    def __init__(self, name: str, run: ClLauncher, timed: bool) -> None:
        self.name = name
        self._run = run
        self._timed = timed
        self._recipe = recipe(name, run)

    def __call__(self, *args: Any) -> Any:
        """Launch what the verb takes, wait for it, and time it by the device's clock."""
        self._run.begin()
        value = self._recipe(*args)
        self._run.finish()
        seconds = self._run.spent()
        return Timed(value, seconds) if self._timed and seconds > 0.0 else value


class OpenClDevice(ThreadedDevice):
    """One OpenCL device, or a part of one.

    Parameters
    ----------
    spec : DeviceSpec
        Entry in the topology.
    clock : WallClock
        The run's clock.
    observe : callable
        Receives the span of each command.
    handle : pyopencl.Device
        The driver's device.
    profile : Profile
        Launch settings; its scratch is fitted to the capacity.
    programs : callable
        Makes the source of kernels, given context and profile.
    timed : bool
        Whether the device's own event times can be trusted.
    """

    def __init__(
        self,
        spec: DeviceSpec,
        clock: WallClock,
        observe: Observer,
        handle: Any,
        profile: Profile,
        programs: Callable[[Any, Profile], Programs],
        timed: bool,
    ) -> None:
        super().__init__(spec, clock, observe)
        self.handle = handle
        self.context = cl.Context([handle])
        self.profile = profile.fitted(spec.capacity_bytes)
        self._timed = timed
        # The handle is named, because a context of a sub-device would give the whole device.
        properties = cl.command_queue_properties.PROFILING_ENABLE
        self._streams = {
            name: cl.CommandQueue(self.context, handle, properties=properties)
            for name in (COMPUTE, UP, DOWN)
        }
        self._pool = Pool(self.context, cl.CommandQueue(self.context, handle))
        scratch = {
            name: self.alloc("kernel scratch", size, np.uint8).array
            for name, size in self.profile.scratch().items()
        }
        own = programs(self.context, self.profile)
        self._run = ClLauncher(self._streams[COMPUTE], self.profile, own, scratch, Workspace(self))
        self._kernels: dict[str, ClKernel] = {}

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> ClMemory:
        """Return zeroed memory that the driver has really provided."""
        kind = np.dtype(dtype)
        nbytes = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        return ClMemory(self._pool.take(nbytes), 0, shape, kind)

    def _release(self, buffer: Buffer) -> None:
        root = buffer.array.root
        super()._release(buffer)
        self._pool.give_back(root)

    def view(self, buffer: Buffer, offset: int, count: int, dtype: np.dtype) -> ClMemory:
        """Return a typed section of a buffer.

        Raises
        ------
        UsageError
            If it ends beyond the buffer, begins within an element, or the buffer has been freed.
        """
        self.leases.check(buffer, "view")
        whole: ClMemory = buffer.array
        end = offset + count * dtype.itemsize
        if offset < 0 or count < 0 or end > buffer.nbytes or offset % dtype.itemsize:
            raise UsageError(
                f"{self.name}: section [{offset}, {end}) of {buffer.label} is not within its "
                f"{buffer.nbytes} bytes, or does not begin at a whole {dtype}"
            )
        return ClMemory(whole.root, whole.offset + offset, (count,), dtype)

    def load(self, name: str) -> Kernel:
        """Find a kernel by name."""
        if name not in recipe_names():
            hint = did_you_mean(name, recipe_names())
            raise UsageError(f"backend opencl has no kernel {name!r}; {hint}")
        if name not in self._kernels:
            self._kernels[name] = ClKernel(name, self._run, self._timed)
        return self._kernels[name]

    def record(self, name: str, steps: Sequence[Step]) -> Program:
        """Make one kernel of a fixed sequence of launches, whose kernels are built at once."""
        return ClProgram(self, name, steps, self._run, self._timed)

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
            If an argument is an array or a buffer of the host.
        """
        if any(isinstance(each, np.ndarray) for each in args):
            raise UsageError(
                f"{self.name}: {kernel.name} got an array of the host; copy it to a buffer first"
            )
        return super().launch(kernel, args, work, after=after, category=category)

    def transfer(self, destination: Buffer, source: Buffer) -> Timed | None:
        """Copy between the host and this device and return when it is done."""
        if source.nbytes == 0:
            return None
        if destination.device is self:
            event = self._up(destination.array, source)
        else:
            event = self._down(destination, source.array)
        event.wait()
        seconds = (event.profile.end - event.profile.start) * _SECONDS
        return Timed(None, seconds) if self._timed else None

    def _up(self, to: ClMemory, source: Buffer) -> Any:
        data = source.array
        if isinstance(data, ClMemory):
            raise UsageError(
                f"{self.name}: no direct copy from {source.device.name}; copy {source.label} to "
                "the host first"
            )
        queue = self._streams[UP]
        return cl.enqueue_copy(queue, to.root, data, dst_offset=to.offset, is_blocking=False)

    def _down(self, destination: Buffer, from_: ClMemory) -> Any:
        data = destination.array
        if isinstance(data, ClMemory):
            raise UsageError(
                f"{self.name}: no direct copy to {destination.device.name}; copy "
                f"{destination.label} to the host first"
            )
        queue = self._streams[DOWN]
        return cl.enqueue_copy(queue, data, from_.root, src_offset=from_.offset, is_blocking=False)

    def pin(self, buffer: Buffer) -> None:
        """Put a host buffer into memory that the driver allocated and can reach by itself."""
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.ALLOC_HOST_PTR
        access: Any = cl.map_flags.READ | cl.map_flags.WRITE
        super().pin(buffer)
        if buffer.nbytes == 0:
            return
        try:
            pinned = cl.Buffer(self.context, flags, buffer.nbytes)
            array, _ = cl.enqueue_map_buffer(
                self._streams[UP], pinned, access, 0, buffer.shape, buffer.dtype
            )
        except cl.Error as error:
            self.facts["pinning_refused"] = " ".join(str(error).split())
            return
        array[...] = buffer.array
        buffer.array = array
        pinned_bytes = int(self.facts.get("pinned_bytes", 0))
        self.facts["pinned_bytes"] = pinned_bytes + buffer.nbytes

    def close(self) -> None:
        """Stop the threads and give memory back to the driver."""
        super().close()
        self._pool.trim()
