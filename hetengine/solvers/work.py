"""The work of each kernel, in flops and bytes: the same for every backend and the simulator.

The variant names what else the time depends on: the precision and the kind of term.
"""

from __future__ import annotations

import math

from hetengine.work import Work

_STATE = 5  # alpha, curvature, p, q read and gap written, per coordinate


def reading(work: Work, label: str, footprint: float, reach: float = 0.0) -> Work:
    """Return some work with what it reads and how large all of that is.

    Parameters
    ----------
    work : Work
        Of a launch on part of the matrix.
    label : {'data', 'columns'}
        The matrix on the host, or what is resident of it.
    footprint : float
        Bytes of it all.
    reach : float
        Bytes of it from the first to the last that are used; 0 where that is all of it.
    """
    return Work(
        work.flops,
        work.bytes_read,
        work.bytes_written,
        work.items,
        work.variant,
        label,
        footprint,
        reach,
    )


def gaps_work(items: int, elements: int, element_bytes: int, variant: str = "") -> Work:
    """Gaps of ``items`` columns: each column is read once; alpha, p, q read, u and gap written."""
    read = elements * element_bytes + items * 24
    return Work(2.0 * elements, read, items * 16.0, items, variant)


def epoch_work(
    items: int, elements: int, moved: int, element_bytes: int, real_bytes: int, variant: str = ""
) -> Work:
    """One pass of coordinate descent: a dot product each, and an update of w where alpha moved.

    The update finds the column where the dot product has left it, in the cache.
    """
    read = elements * element_bytes + items * _STATE * real_bytes
    written = moved * real_bytes + items * 2 * real_bytes
    return Work(2.0 * (elements + moved), read, written, items, variant)


def move_work(
    items: int, elements: int, element_bytes: int, state_bytes: int, variant: str = ""
) -> Work:
    """Columns copied within one memory: packing, unpacking, compaction."""
    nbytes = float(elements * element_bytes + items * state_bytes)
    return Work(0.0, nbytes, nbytes, items, variant)


def combine_work(
    items: int, elements: int, element_bytes: int, length: int, variant: str = ""
) -> Work:
    """W rebuilt from the columns with alpha not zero, in float64."""
    return Work(
        2.0 * elements, elements * element_bytes + 8.0 * items, 16.0 * length, items, variant
    )


def vector_work(
    items: int, reads: int = 1, writes: int = 1, length: int = 0, variant: str = "python"
) -> Work:
    """Element-wise float64 work on vectors of ``items`` numbers, and one read of ``length``."""
    read = 8.0 * (reads * items + length)
    return Work(float(reads * items + length), read, 8.0 * writes * items, items, variant)


def ranking_work(items: int, ranked: int, variant: str) -> Work:
    """Choosing among ``items`` coordinates of which ``ranked`` are sorted."""
    comparisons = ranked * math.log2(ranked + 1.0)
    return Work(3.0 * items + comparisons, 24.0 * items, 8.0 * items, items, variant)
