"""Several threads for one kernel, without sharing anything they write.

Columns are split for gap passes. An epoch gives each thread a part of the slots and its own replica
of w, with curvature and step scaled by sigma' (CoCoA+, Ma et al. 2015; SySCD, Ioannou et al. 2019),
and adds the replicas' changes afterwards. The split depends on nothing but the number of threads,
so results do not depend on timing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

Implementation = Callable[..., Any]


class _Position:
    """Where the arguments that have to be split or replicated stand, for one layout."""

    def __init__(self, columns: int) -> None:
        self.ids = columns
        self.epoch_w = columns + 6
        self.sigma = columns + 9
        self.seed = columns + 11


def _parts(ids: np.ndarray, threads: int) -> list[np.ndarray]:
    """Split evenly; an empty list stays one part, so that a launch on nothing builds the kernel."""
    return [part for part in np.array_split(ids, threads) if part.size] or [ids]


def _split_ids(
    kernel: Implementation, at: int, pool: ThreadPoolExecutor, threads: int
) -> Implementation:
    def run(*args: Any) -> None:
        def part(ids: np.ndarray) -> None:
            kernel(*args[:at], ids, *args[at + 1 :])

        list(pool.map(part, _parts(args[at], threads)))

    return run


def _replicate(
    kernel: Implementation, at: _Position, pool: ThreadPoolExecutor, threads: int
) -> Implementation:
    def run(*args: Any) -> tuple[float, int]:
        w, sigma, seed = args[at.epoch_w], args[at.sigma], args[at.seed]
        parts = _parts(args[at.ids], threads)
        if len(parts) <= 1:
            return kernel(*args)
        replicas = [w.copy() for _ in parts]

        def part(k: int) -> tuple[float, int]:
            mine = list(args)
            mine[at.ids], mine[at.epoch_w] = parts[k], replicas[k]
            mine[at.sigma], mine[at.seed] = sigma * len(parts), seed + k
            return kernel(*mine)

        done = list(pool.map(part, range(len(parts))))
        change = np.sum([replica - w for replica in replicas], axis=0, dtype=np.float64)
        w += change / len(parts)
        return sum(met for met, _ in done), sum(moved for _, moved in done)

    return run


def threaded(
    serial: Mapping[str, Implementation], columns: Mapping[str, int], threads: int
) -> dict[str, Implementation]:
    """Return the kernels of ``serial`` for a number of threads.

    Parameters
    ----------
    serial : mapping
        Kernels by name, ``LAYOUT_VERB``.
    columns : mapping
        How many leading arguments hold the columns, by layout.
    threads : int
        Threads to use; 1 returns the kernels as they are.
    """
    if threads == 1:
        return dict(serial)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="numpy-kernel")
    kernels = dict(serial)
    for layout, count in columns.items():
        at = _Position(count)
        for verb in ("gaps", "square_norms"):
            name = f"{layout}_{verb}"
            kernels[name] = _split_ids(serial[name], at.ids, pool, threads)
        name = f"{layout}_epoch"
        kernels[name] = _replicate(serial[name], at, pool, threads)
    return kernels
