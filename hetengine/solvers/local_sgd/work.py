"""The work of what the host does in NumPy for local SGD, in flops and bytes."""

from __future__ import annotations

import math

from hetengine.work import Work


def assemble_work(batch: int, sample_bytes: int) -> Work:
    """A batch gathered from all images."""
    nbytes = float(batch * (sample_bytes + 16))
    return Work(0.0, nbytes, nbytes, batch, "python/assemble")


def deal_work(samples: int, ranked: int) -> Work:
    """A permutation of the samples, and so many of them sorted by loss."""
    comparisons = ranked * math.log2(ranked + 1.0)
    return Work(samples + comparisons, 16.0 * samples, 8.0 * samples, samples, "python/deal")


def vector_work(items: int, itemsize: int, reads: int, writes: int, name: str) -> Work:
    """So many passes over a vector."""
    nbytes = float(items * itemsize)
    return Work(float(items * reads), reads * nbytes, writes * nbytes, items, f"python/{name}")
