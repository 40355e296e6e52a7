"""The host's tier: as many columns of a store as its capacity holds.

The same slots and extents as on an accelerator, filled from landing areas and read by the host's
own kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hetengine.device import Buffer, Device
from hetengine.errors import OutOfCapacity
from hetengine.problems import CoordinateProblem
from hetengine.problems.matrix import StoredColumns
from hetengine.solvers.arena import Arena
from hetengine.solvers.residency import Residency

Landed = tuple[tuple[tuple[int, int], ...], list[tuple[NDArray[Any], ...]]]
"""The runs of a piece, and the arrays of each."""

_STATE = ("alpha", "h", "p", "q", "u", "gap")
_MAP_BYTES = 4 + 8 + 8  # coordinate_of and starts of a residency, and a slot's number
_HEADROOM = 1.5


def plan_tier(host: str, columns: StoredColumns, budget: int | None) -> Arena:
    """Divide what is left of the host's capacity into slots and elements.

    Parameters
    ----------
    host : str
        Name in the topology, for messages.
    columns : StoredColumns
        What is to be kept.
    budget : int or None
        Bytes; None for no limit.

    Returns
    -------
    Arena
        Without staging.

    Raises
    ------
    OutOfCapacity
        If not even the longest column fits.
    """
    sparse = columns.layout == "sparse"
    real = columns.dtype.itemsize
    element = real + (4 if sparse else 0)
    slot = 8 * len(_STATE) + _MAP_BYTES + (12 if sparse else 0)
    longest = int(columns.lens.max(initial=1))
    if budget is None:
        return Arena(sparse, columns.count, columns.nnz, 0, real)
    if budget < slot + longest * element:
        need = slot + longest * element - budget
        raise OutOfCapacity(
            f"{host}: after landing areas, staging and the state of {columns.count:,} coordinates "
            f"no column of a store fits; it lacks {need:,} bytes: raise "
            f"topology.devices.{host}.capacity_bytes"
        )
    if not sparse:
        slots = min(columns.count, budget // (slot + longest * element))
        return Arena(False, slots, slots * columns.length, 0, real)
    mean = columns.nnz / columns.count
    slots = min(columns.count, int(_HEADROOM * budget / (slot + mean * element)) + 1)
    slots = min(slots, (budget - longest * element) // slot)
    return Arena(True, slots, min(columns.nnz, (budget - slots * slot) // element), 0, real)


class HostTier:
    """Columns of a store in the host's memory.

    Parameters
    ----------
    host : Device
        Whose memory it is.
    problem : CoordinateProblem
        Whose columns they are.
    arena : Arena
        How much fits.

    Attributes
    ----------
    residency : Residency
        Which column is in which slot.
    columns : tuple of Buffer
        Leading arguments of the kernels.
    state : dict of str to Buffer
        alpha, h, p, q, u and gap by slot, float64.
    """

    def __init__(self, host: Device, problem: CoordinateProblem, arena: Arena) -> None:
        columns = problem.columns
        assert isinstance(columns, StoredColumns)
        self.residency = Residency(arena, columns.lens)
        self._problem = problem
        self._stored = columns
        self.columns = _allocate(host, columns, arena)
        self.state = {name: host.alloc(f"tier.{name}", arena.slots, np.float64) for name in _STATE}

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Whether each coordinate's column is here."""
        return self.residency.mask

    def natives(self, *names: str) -> tuple[Any, ...]:
        """Return native storage: the columns, or parts of the state by name."""
        buffers = [self.state[name] for name in names] if names else self.columns
        return tuple(buffer.array for buffer in buffers)

    def fill(
        self,
        ids: NDArray[np.int64],
        slots: NDArray[np.int32],
        starts: NDArray[np.int64],
        landed: Landed,
    ) -> Iterator[tuple[Any, ...]]:
        """Return the arguments of ``unpack`` that bring landed columns into their slots.

        Parameters
        ----------
        ids : ndarray of int64, shape (k,)
            Ascending, among the landed.
        slots, starts : ndarray, shape (k,)
            Their slots, and where their extents begin.
        landed : tuple
            The runs of a piece, and the arrays of each.
        """
        for (first, last), arrays in zip(*landed, strict=True):
            low, high = np.searchsorted(ids, (first, last))
            breaks = np.flatnonzero(np.diff(ids[low:high]) > 1) + 1
            for part in np.split(np.arange(low, high), breaks):
                if part.size:
                    mine = ids[part]
                    params = np.zeros(4 * part.size)
                    params[2::4], params[3::4] = self._problem.p[mine], self._problem.q[mine]
                    ship = self._shipment(starts[part], int(mine[0]) - first, part.size, arrays)
                    state = self.natives("alpha", "h", "p", "q")
                    yield (slots[part], params, *ship, *self.natives(), *state)

    def _shipment(
        self,
        starts: NDArray[np.int64],
        begin: int,
        count: int,
        arrays: tuple[NDArray[Any], ...],
    ) -> tuple[NDArray[Any], ...]:
        """Return the middle arguments of ``unpack``: some neighbouring landed columns."""
        if not self.residency.arena.sparse:
            return (arrays[0][begin : begin + count].reshape(-1),)
        values, indices, offsets, lens = arrays
        low = int(offsets[begin])
        own = lens[begin : begin + count]
        part = slice(low, low + int(own.sum()))
        return (starts, own, values[part], indices[part])


def _allocate(host: Device, columns: StoredColumns, arena: Arena) -> tuple[Buffer, ...]:
    if not arena.sparse:
        return (host.alloc("tier.columns", (arena.slots, columns.length), columns.dtype),)
    return (
        host.alloc("tier.columns", arena.elements, columns.dtype),
        host.alloc("tier.indices", arena.elements, np.uint32),
        host.alloc("tier.starts", arena.slots, np.int64),
        host.alloc("tier.lens", arena.slots, np.int32),
    )
