"""A CPU device: NumPy storage, Numba kernels, a chosen number of threads and a capped memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.aligned import SMALL_PAGE_BYTES, aligned_zeros
from hetengine.backend import lookup
from hetengine.clock import WallClock
from hetengine.device import Buffer, Event, HostFunction, Kernel
from hetengine.errors import UsageError
from hetengine.span import Observer
from hetengine.threaded import COMPUTE, ThreadedDevice
from hetengine.topology import DeviceSpec
from hetengine.work import WorkOf
from hetengine_numpy.affinity import Core
from hetengine_numpy.slowed import Slowed, slowdown_of


class NumpyKernel:
    """A compiled function under its name.

    Attributes
    ----------
    name : str
        Name in traces.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self._function = function

    def __call__(self, *args: Any) -> Any:
        """Run to completion on the calling thread."""
        return self._function(*args)


class NumpyDevice(ThreadedDevice):
    """CPU cores and a share of the main memory, limited to the capacity of the topology.

    Parameters
    ----------
    spec : DeviceSpec
        Entry in the topology; ``threads``, ``capacity_bytes`` and ``options.slowdown`` matter.
    clock : WallClock
        The run's clock.
    observe : callable
        Receives the span of each command.
    implementations : mapping
        Kernels by name, made for ``spec.threads``.
    """

    def __init__(
        self,
        spec: DeviceSpec,
        clock: WallClock,
        observe: Observer,
        implementations: Mapping[str, Callable[..., Any]],
    ) -> None:
        super().__init__(spec, clock, observe)
        self._implementations = implementations
        self._slowdown = slowdown_of(spec)
        self.facts["cores"] = "host"
        self._core = Core()

    def begin_thread(self, queue: str) -> None:
        """Bind the thread that computes to a core, where it is one and a core is free."""
        if queue == COMPUTE and self.spec.threads == 1:
            core = self._core.claim()
            if core is not None:
                self.facts["core"] = core

    def close(self) -> None:
        """Stop the threads and let others have the core."""
        super().close()
        self._core.release()

    @property
    def computes_alone(self) -> bool:
        """Whether it has one thread, and that one does not rest."""
        return self.spec.threads == 1 and self._slowdown == 1.0

    @property
    def runs_anywhere(self) -> bool:
        """True: compiled functions know nothing of threads."""
        return True

    def launch(
        self,
        kernel: Kernel,
        args: Sequence[Any],
        work: WorkOf,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "compute",
    ) -> Event:
        """Enqueue a kernel on the compute queue; a slowed device rests after it."""
        if self._slowdown > 1.0 and not isinstance(kernel, HostFunction):
            kernel = Slowed(kernel, self._slowdown)
        return super().launch(kernel, args, work, after=after, category=category)

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """Return a zeroed array that begins on a cache line; an accelerator's takes its pages now.

        Pages that come when they are first written would make the first swaps many times as long as
        all others, which no other kind of accelerator does.
        """
        array = aligned_zeros(shape, np.dtype(dtype))
        if self.spec.role != "host":
            array.reshape(-1).view(np.uint8)[::SMALL_PAGE_BYTES] = 0
        return array

    def transfer(self, destination: Buffer, source: Buffer) -> None:
        """Copy one array into another of the same size."""
        np.copyto(destination.array.reshape(-1), source.array.reshape(-1), casting="no")

    def view(self, buffer: Buffer, offset: int, count: int, dtype: np.dtype) -> np.ndarray:
        """Return a typed view of part of a buffer.

        Raises
        ------
        UsageError
            If the view ends beyond the buffer, or the buffer has been freed.
        """
        self.leases.check(buffer, "view")
        end = offset + count * dtype.itemsize
        if offset < 0 or count < 0 or end > buffer.nbytes:
            raise UsageError(
                f"{self.name}: section [{offset}, {end}) of {buffer.label} is not within its "
                f"{buffer.nbytes} bytes"
            )
        return np.ndarray(count, dtype, buffer.array, offset)

    def load(self, name: str) -> Kernel:
        """Find a kernel by name."""
        return NumpyKernel(name, lookup(name, self._implementations, "numpy"))
