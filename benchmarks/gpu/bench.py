"""A host and one GPU on a wall clock, and how a command is timed on them."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hetengine.clock import WallClock
from hetengine.device import Buffer, Device, Event
from hetengine.topology import DeviceSpec
from hetengine_cupy import CupyBackend
from hetengine_cupy.device import CupyDevice
from hetengine_numpy import NumpyBackend

REPETITIONS = 7
_BLOCK_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class Bench:
    """An opened host and GPU."""

    clock: WallClock
    host: Device
    card: CupyDevice

    def filled(self, label: str, shape: tuple[int, ...], scale: float = 1.0) -> Buffer:
        """Allocate float32 on the GPU, filled with one block of random numbers over and over."""
        buffer = self.card.alloc(label, shape, np.float32)
        total = int(np.prod(shape, dtype=np.int64))
        count = min(total, _BLOCK_BYTES // 4)
        block = self.host.alloc("block", count, np.float32)
        self.card.pin(block)
        rng = np.random.default_rng(0)
        block.array[:] = rng.standard_normal(count, np.float32) * np.float32(scale)
        # Sections begin at multiples of 256 bytes: whole blocks do, and the last piece is shorter.
        for first in range(0, total, count):
            size = min(count, total - first)
            part = buffer.section(4 * first, size)
            self.clock.run(self.card.copy(part, block.section(0, size)))
        self.host.free(block)
        return buffer

    def put(self, label: str, values: np.ndarray) -> Buffer:
        """Send an array to the GPU."""
        here = self.host.alloc(label, values.shape, values.dtype)
        here.array[...] = values
        there = self.card.alloc(label, values.shape, values.dtype)
        self.clock.run(self.card.copy(there, here))
        self.host.free(here)
        return there

    def seconds(self, enqueue: Callable[[], Event], warm_up: int = 1) -> float:
        """Median device time of a command, after some to warm up."""
        for _ in range(warm_up):
            self.clock.run(enqueue())
        times: list[float] = []
        for _ in range(REPETITIONS):
            event = enqueue()
            self.clock.run(event)
            times.append(event.seconds)
        return statistics.median(times)


@contextmanager
def opened(options: dict[str, Any] | None = None) -> Iterator[Bench]:
    """Open the first GPU beside a host with every core."""
    clock = WallClock()
    spec = DeviceSpec("card", backend="cupy", options=options or {})
    card = CupyBackend().open(spec, clock, lambda span: None)
    assert isinstance(card, CupyDevice)
    host = NumpyBackend().open(DeviceSpec("host", "host"), clock, lambda span: None)
    try:
        yield Bench(clock, host, card)
    finally:
        card.close()
        host.close()


def host_threads() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
