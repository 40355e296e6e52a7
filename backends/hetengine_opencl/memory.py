"""Device memory: typed arrays on OpenCL buffers, kept for reuse once freed."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyopencl as cl

_SMALLEST_BYTES = 16
_FULL = (
    cl.status_code.MEM_OBJECT_ALLOCATION_FAILURE,
    cl.status_code.OUT_OF_RESOURCES,
    cl.status_code.OUT_OF_HOST_MEMORY,
    cl.status_code.INVALID_BUFFER_SIZE,
)


@dataclass(frozen=True, slots=True, eq=False)
class ClMemory:
    """A typed array in device memory, or a section of one.

    Attributes
    ----------
    root : pyopencl.Buffer
        The whole allocation.
    offset : int
        First byte of the array in it.
    shape : tuple of int
        Extent in elements.
    dtype : numpy.dtype
        Element type.
    """

    root: Any
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return self.size * self.dtype.itemsize


class Pool:
    """Buffers that are really there, and those given back, by size.

    Parameters
    ----------
    context : pyopencl.Context
        Of one device.
    queue : pyopencl.CommandQueue
        Fills fresh memory with zeros, which also makes the driver provide it.

    Notes
    -----
    Sizes are exact, so that a capacity in the topology is a capacity of the device. Kept buffers
    are given up as soon as a new one does not fit beside them.
    """

    def __init__(self, context: Any, queue: Any) -> None:
        self._context = context
        self._queue = queue
        self._kept: dict[int, list[Any]] = {}
        self._lock = threading.Lock()

    def take(self, nbytes: int) -> Any:
        """Return a zeroed buffer.

        Raises
        ------
        MemoryError
            If the device cannot provide it.
        """
        size = max(nbytes, _SMALLEST_BYTES)
        with self._lock:
            kept = self._kept.get(size)
            buffer = kept.pop() if kept else None
        if buffer is not None:
            self._zero(buffer, size)
            return buffer
        try:
            return self._fresh(size)
        except MemoryError:
            self.trim()
            return self._fresh(size)

    def give_back(self, buffer: Any) -> None:
        """Keep a buffer for the next of its size."""
        with self._lock:
            self._kept.setdefault(buffer.size, []).append(buffer)

    def trim(self) -> None:
        """Release every kept buffer to the driver."""
        with self._lock:
            kept, self._kept = self._kept, {}
        for buffers in kept.values():
            for buffer in buffers:
                buffer.release()

    def _fresh(self, size: int) -> Any:
        try:
            buffer = cl.Buffer(self._context, cl.mem_flags.READ_WRITE, size)
            cl.enqueue_migrate_mem_objects(self._queue, [buffer])
            self._zero(buffer, size)
        except cl.Error as error:
            if isinstance(error, cl.MemoryError) or error.code in _FULL:
                raise MemoryError(f"the driver answers {_name(error.code)}") from error
            raise
        return buffer

    def _zero(self, buffer: Any, size: int) -> None:
        cl.enqueue_fill_buffer(self._queue, buffer, np.zeros(1, np.uint8), 0, size).wait()


def _name(code: int) -> str:
    return cl.status_code.to_string(code, "error %d")
