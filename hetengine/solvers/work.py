"""The work of each kernel, in flops and bytes: the same for every backend and the simulator."""

from __future__ import annotations

from hetengine.device import Work

_STATE = 5  # alpha, curvature, p, q read and gap written, per coordinate


def gaps_work(items: int, elements: int, element_bytes: int) -> Work:
    """Gaps of ``items`` columns: each column is read once; alpha, p, q read, u and gap written."""
    read = elements * element_bytes + items * 24
    return Work(2.0 * elements, read, items * 16.0, items)


def epoch_work(items: int, elements: int, moved: int, element_bytes: int, real_bytes: int) -> Work:
    """One pass of coordinate descent: a dot product each, and an update of w where alpha moved."""
    read = (elements + moved) * element_bytes + items * _STATE * real_bytes
    written = moved * real_bytes + items * 2 * real_bytes
    return Work(2.0 * (elements + moved), read, written, items)


def move_work(items: int, elements: int, element_bytes: int, state_bytes: int) -> Work:
    """Columns copied within one memory: packing, unpacking, compaction."""
    nbytes = float(elements * element_bytes + items * state_bytes)
    return Work(0.0, nbytes, nbytes, items)


def combine_work(items: int, elements: int, element_bytes: int, length: int) -> Work:
    """W rebuilt from the columns with alpha not zero, in float64."""
    return Work(2.0 * elements, elements * element_bytes + 8.0 * items, 16.0 * length, items)


def vector_work(items: int, reads: int = 1, writes: int = 1) -> Work:
    """Element-wise float64 work on vectors of ``items`` numbers."""
    return Work(float(reads * items), 8.0 * reads * items, 8.0 * writes * items, items)
