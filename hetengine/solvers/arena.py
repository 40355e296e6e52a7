"""How an accelerator's memory is divided, before anything is allocated.

An arena holds whole columns: fixed slots where columns are dense, a log of extents where they are
sparse. Beside it lie the state of each slot, the shared vector w, and two staging areas so that one
shipment travels while the last is unpacked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetengine.errors import OutOfCapacity
from hetengine.problems.matrix import Columns, ShapeColumns, SparseColumns, StoredColumns

ALIGNMENT = 256
STAGING_AREAS = 2
_INDEX_BYTES = 4
_STATE_REALS = 5  # alpha, curvature, p, q, gap
_STAGING_SHARE = 16
_STAGING_MOST_BYTES = 8 << 20
_STAGING_LARGE_SHARE = 512  # of a large memory: a shipment need not be shorter than it pays
_SLOT_HEADROOM = 1.5


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class Arena:
    """Sizes of everything one accelerator holds.

    Attributes
    ----------
    sparse : bool
        Whether columns have extents of their own.
    slots : int
        Columns that can be resident at once.
    elements : int
        Matrix elements that can be resident at once.
    staging_bytes : int
        Size of each staging area.
    real_bytes : int
        Size of a floating-point number.
    """

    sparse: bool
    slots: int
    elements: int
    staging_bytes: int
    real_bytes: int

    def shipment_sections(self, columns: int, elements: int) -> dict[str, tuple[int, int]]:
        """Lay out a shipment: byte offset and element count of each section.

        Parameters
        ----------
        columns, elements : int
            How many columns travel, and matrix elements in them.
        """
        sizes = {"params": (4 * columns, self.real_bytes), "values": (elements, self.real_bytes)}
        sizes |= {"slots": (columns, 4)}
        if self.sparse:
            sizes |= {"starts": (columns, 8), "lens": (columns, 4), "indices": (elements, 4)}
        sections, offset = {}, 0
        for name, (count, width) in sizes.items():
            sections[name] = (offset, count)
            offset += _aligned(count * width)
        sections["end"] = (offset, 0)
        return sections

    def shipment_bytes(self, columns: int, elements: int) -> int:
        """Bytes a shipment takes on the link, padding included."""
        return self.shipment_sections(columns, elements)["end"][0]


def element_bytes(columns: Columns) -> int:
    """Bytes of one stored matrix element on a device."""
    return columns.dtype.itemsize + (_INDEX_BYTES if columns.layout == "sparse" else 0)


def column_lens(columns: Columns) -> np.ndarray:
    """Stored elements of each column, int64, shape (n,)."""
    if isinstance(columns, SparseColumns | StoredColumns):
        return columns.lens.astype(np.int64)
    entries = columns.column_entries if isinstance(columns, ShapeColumns) else columns.length
    return np.full(columns.count, entries, np.int64)


def _longest(columns: Columns) -> int:
    if isinstance(columns, SparseColumns | StoredColumns):
        return int(columns.lens.max(initial=1))
    return columns.column_entries if isinstance(columns, ShapeColumns) else columns.length


def plan_arena(
    device: str,
    columns: Columns,
    capacity_bytes: int | None,
    pinned: NDArray[np.int64] | None = None,
) -> Arena:
    """Divide a capacity into slots, elements, state and staging.

    Parameters
    ----------
    device : str
        Name in the topology, for messages.
    columns : DenseColumns or SparseColumns or ShapeColumns
        The matrix whose columns shall be resident.
    capacity_bytes : int or None
        What the device may hold in all; None for no limit.
    pinned : ndarray of int64, optional
        Columns that are always resident; at least one other has to fit beside them.

    Returns
    -------
    Arena
        Sizes whose sum does not exceed the capacity.

    Raises
    ------
    OutOfCapacity
        If not even the longest column fits beside w, staging and the pinned columns.
    """
    sparse = columns.layout == "sparse"
    real = columns.dtype.itemsize
    longest = _longest(columns)
    staging = _staging_bytes(columns, capacity_bytes)
    fixed = STAGING_AREAS * staging + columns.length * real
    state = _STATE_REALS * real + 4 + (12 if sparse else 0)
    element = element_bytes(columns)
    if capacity_bytes is None:
        return Arena(sparse, columns.count, columns.nnz, staging, real)
    budget = capacity_bytes - fixed
    always = np.empty(0, np.int64) if pinned is None else pinned[: columns.count - 1]
    least = longest + int(column_lens(columns)[always].sum())
    need = (1 + always.size) * state + least * element
    if budget < need:
        raise OutOfCapacity(
            f"{device}: capacity of {capacity_bytes:,} bytes cannot hold {1 + always.size} "
            f"column(s) beside w and staging; it needs at least {fixed + need:,}: type "
            "topology=cpu, which has no limit, a larger memory_fraction, or "
            f"topology.devices.{device}.capacity_bytes={fixed + need}"
        )
    if not sparse:
        slots = min(columns.count, budget // (state + longest * element))
        return Arena(False, slots, slots * columns.length, staging, real)
    slots, elements = _divide(columns, budget, state, budget - least * element)
    return Arena(True, slots, elements, staging, real)


def _staging_bytes(columns: Columns, capacity_bytes: int | None) -> int:
    """Size of one staging area: a small share of the capacity, but room for any one column."""
    sparse = columns.layout == "sparse"
    whole = Arena(sparse, columns.count, columns.nnz, 0, columns.dtype.itemsize)
    most = max(_STAGING_MOST_BYTES, (capacity_bytes or 0) // _STAGING_LARGE_SHARE)
    staging = min(most, whole.shipment_bytes(columns.count, columns.nnz))
    if capacity_bytes is not None:
        staging = min(staging, capacity_bytes // _STAGING_SHARE)
    return _aligned(max(staging, whole.shipment_bytes(1, _longest(columns))))


def _divide(columns: Columns, budget: int, state: int, most_state: int) -> tuple[int, int]:
    """Divide a budget between the state of slots and the elements of sparse columns."""
    element = element_bytes(columns)
    mean = columns.nnz / max(columns.count, 1)
    slots = min(columns.count, int(_SLOT_HEADROOM * budget / (state + mean * element)) + 1)
    slots = min(slots, most_state // state)
    elements = min(columns.nnz, (budget - slots * state) // element)
    if elements == columns.nnz:
        slots = min(columns.count, (budget - elements * element) // state)
    return slots, elements


def stay_within(lens: np.ndarray, slots: int, elements: int) -> int:
    """Return how many leading columns fit.

    Parameters
    ----------
    lens : ndarray of int, shape (k,)
        Elements of each column, in order of preference.
    slots, elements : int
        What is free.
    """
    return min(int(np.searchsorted(np.cumsum(lens), elements, side="right")), slots)
