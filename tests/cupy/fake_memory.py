"""CuPy's memory pool, pointers and arrays, on a pretended machine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.cupy.fake_machine import (
    GRAIN,
    OUT_OF_MEMORY,
    Block,
    CudaError,
    FakeOutOfMemoryError,
    Machine,
)


class _Owned:
    """Memory that goes back to its pool with the last pointer to it."""

    def __init__(self, pool: MemoryPool, block: Block) -> None:
        self.pool = pool
        self.block = block

    def __del__(self) -> None:
        self.pool.put_back(self.block)


class MemoryPointer:
    """cupy.cuda.MemoryPointer."""

    def __init__(self, mem: _Owned | None, offset: int) -> None:
        self.mem = mem
        self.offset = offset

    @property
    def ptr(self) -> int:
        return 0 if self.mem is None else self.mem.block.address + self.offset

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.mem, self.offset + offset)


class MemoryPool:
    """cupy.cuda.MemoryPool, which reuses blocks of the same size only."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.limit: dict[int, int] = {}
        self.used: dict[int, int] = {}
        self.kept: dict[int, list[int]] = {}

    def set_limit(self, size: int) -> None:
        self.limit[self.machine.stack[-1]] = size

    def malloc(self, size: int) -> MemoryPointer:
        if size == 0:
            return MemoryPointer(None, 0)
        device, nbytes = self.machine.stack[-1], -(-size // GRAIN) * GRAIN
        with self.machine.lock:
            kept = self.kept.setdefault(device, [])
            if nbytes in kept:
                kept.remove(nbytes)
                self.machine.give_back(nbytes, device)
            elif self.limit.get(device) and self.total_bytes() + nbytes > self.limit[device]:
                raise FakeOutOfMemoryError(f"{nbytes} bytes are beyond the pool's limit")
            try:
                block = self.machine.take(nbytes, device)
            except CudaError as error:
                if error.status != OUT_OF_MEMORY:
                    raise
                raise FakeOutOfMemoryError(f"{nbytes} bytes are more than is free") from error
            self.used[device] = self.used.get(device, 0) + nbytes
        return MemoryPointer(_Owned(self, block), 0)

    def put_back(self, block: Block) -> None:
        with self.machine.lock:
            self.machine.drop(block)
            self.used[block.device] -= block.nbytes
            self.kept.setdefault(block.device, []).append(block.nbytes)

    def free_all_blocks(self) -> None:
        device = self.machine.stack[-1]
        with self.machine.lock:
            for nbytes in self.kept.pop(device, []):
                self.machine.give_back(nbytes, device)

    def total_bytes(self) -> int:
        device = self.machine.stack[-1]
        return self.used.get(device, 0) + sum(self.kept.get(device, []))


class FakeArray:
    """cupy.ndarray: a shape, a type and a pointer; nothing can be computed with it."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, memptr: MemoryPointer) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.data = memptr

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize
