"""The memory of one GPU: pooled, limited to the tier's capacity, zeroed when handed out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hetengine_cupy.card import Card
from hetengine_cupy.cuda import OUT_OF_MEMORY, one_line

# The pool rounds every piece up to 512 bytes; the ledger, which counts exactly, refuses first.
_ROUNDING_BYTES = 1 << 20


class CardMemory:
    """Arrays from a pool of one device alone.

    Freed memory stays in the pool, so that the next allocation does not stop the whole GPU. All
    allocation happens outside any stream's context, hence in one arena of the pool.

    Parameters
    ----------
    card : Card
        The GPU.
    capacity_bytes : int or None
        Most bytes the pool may take from the driver; None for no limit.
    """

    def __init__(self, card: Card, capacity_bytes: int | None) -> None:
        self._card = card
        self._cupy = card.cupy
        self._pool = card.cupy.cuda.MemoryPool()
        if capacity_bytes is not None:
            with card.current():
                self._pool.set_limit(size=capacity_bytes + _ROUNDING_BYTES)

    @property
    def pooled_bytes(self) -> int:
        """Bytes taken from the driver, in use or kept."""
        with self._card.current():
            return int(self._pool.total_bytes())

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return a zeroed array.

        Raises
        ------
        MemoryError
            If it does not fit.
        """
        kind = np.dtype(dtype)
        nbytes = math.prod(shape) * kind.itemsize
        with self._card.current():
            pointer = self._take(nbytes)
            if nbytes:
                cuda = self._cupy.cuda
                # Streams of this backend do not wait for the null stream, so the host does.
                cuda.runtime.memsetAsync(pointer.ptr, 0, nbytes, cuda.Stream.null.ptr)
                cuda.Stream.null.synchronize()
            return self._cupy.ndarray(shape, dtype=kind, memptr=pointer)

    def section(self, array: Any, offset: int, count: int, dtype: np.dtype) -> Any:
        """Return part of an array as one of its own, which keeps the whole alive."""
        return self._cupy.ndarray((count,), dtype=dtype, memptr=array.data + offset)

    def trim(self) -> None:
        """Give the driver back what nobody uses."""
        with self._card.current():
            self._pool.free_all_blocks()

    def _take(self, nbytes: int) -> Any:
        try:
            return self._malloc(nbytes)
        except MemoryError:
            # What is kept for reuse counts against the limit and may be in pieces of wrong sizes.
            self._pool.free_all_blocks()
            return self._malloc(nbytes)

    def _malloc(self, nbytes: int) -> Any:
        try:
            return self._pool.malloc(nbytes)
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            if error.status != OUT_OF_MEMORY:
                raise
            raise MemoryError(one_line(error)) from error
