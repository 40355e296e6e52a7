"""A CPU device: NumPy storage, Numba kernels, a chosen number of threads and a capped memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from hetengine.clock import WallClock
from hetengine.device import Buffer, Kernel, Observer, lookup
from hetengine.errors import UsageError
from hetengine.threaded import ThreadedDevice
from hetengine.topology import DeviceSpec


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
        Entry in the topology; ``threads`` and ``capacity_bytes`` matter.
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

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """Return a zeroed array."""
        return np.zeros(shape, dtype)

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
        return buffer.array.reshape(-1).view(np.uint8)[offset:end].view(dtype)

    def load(self, name: str) -> Kernel:
        """Find a kernel by name."""
        return NumpyKernel(name, lookup(name, self._implementations, "numpy"))
