"""Do copies travel while kernels run? Both alone, and both at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import simpy

from benchmarks.gpu.bandwidth import LENGTH
from benchmarks.gpu.bench import Bench, opened
from hetengine.device import Event
from hetengine.work import Work

_COPY_BYTES = 1 << 26
_COPIES = 8


def measure(nbytes: int) -> dict[str, float]:
    """Time pinned copies up, gap-like passes over a matrix of this size, and both together.

    ``hidden`` is the part of the shorter one that the longer one hides: 1 is perfect, 0 is none.
    """
    count = max(nbytes // (4 * LENGTH), 64)
    with opened() as bench:
        values = bench.filled("values", (count, LENGTH))
        ids = bench.put("ids", np.arange(count))
        out = bench.card.alloc("out", count, np.float32)
        kernel = bench.card.load("dense_square_norms")
        size = min(_COPY_BYTES, nbytes)
        host = bench.host.alloc("from", size, np.uint8)
        bench.card.pin(host)
        target = bench.card.alloc("to", size, np.uint8)

        def copies() -> list[Event]:
            return [bench.card.copy(target, host) for _ in range(_COPIES)]

        copying = _elapsed(bench, copies)
        once = _elapsed(bench, lambda: [bench.card.launch(kernel, (values, ids, out), Work())])
        passes = max(1, min(round(copying / once), 10_000))

        def runs() -> list[Event]:
            args = (values, ids, out)
            return [bench.card.launch(kernel, args, Work()) for _ in range(passes)]

        computing = _elapsed(bench, runs)
        both = _elapsed(bench, lambda: [*runs(), *copies()])
    return {
        "copy_bytes_per_second": _COPIES * size / copying,
        "copy_seconds": copying,
        "compute_seconds": computing,
        "both_seconds": both,
        "hidden": (copying + computing - both) / min(copying, computing),
    }


def _elapsed(bench: Bench, enqueue: Callable[[], list[Event]]) -> float:
    """Wall time from the first command to the end of the last, after one round to warm up."""
    bench.clock.run(simpy.AllOf(bench.clock, enqueue()))
    begun = bench.clock.wall()
    bench.clock.run(simpy.AllOf(bench.clock, enqueue()))
    return bench.clock.wall() - begun
