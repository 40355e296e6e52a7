"""The host's part of DuHL: the gap memory z and how it is kept fresh.

While the accelerators descend, the host measures the gaps of columns it has not looked at for
longest, against the state at the start of the round (Dünner et al. 2017, Alg. 2, task A). Columns
on an accelerator are left out: their gaps come back from there for nothing.
"""

from __future__ import annotations

import numpy as np
import simpy

from hetengine.solvers.columns import HostColumns
from hetengine.solvers.worker import Process

_CHUNKS = 64
_CHUNK_LEAST_BYTES = 256 << 10
_CHUNK_MOST_BYTES = 8 << 20
_MOST_CHUNKS = 1024  # also of data far beyond this machine's memory, which are only simulated


class GapMemory:
    """Last measured gap of every coordinate.

    Parameters
    ----------
    columns : HostColumns
        The data and the host.

    Attributes
    ----------
    gaps, u : ndarray, shape (n,)
        Gap memory z, and the products a_i . w it was computed from.
    refreshed : int
        Coordinates measured since `take_count`.
    chunk, long_chunk : int
        Coordinates measured by one launch, where a scan may have to stop early and elsewhere.
    """

    def __init__(self, columns: HostColumns) -> None:
        n = columns.lens.size
        self.gaps = np.full(n, np.inf)
        self.u = np.zeros(n)
        self.refreshed = 0
        self._columns = columns
        self._cursor = 0
        total = int(columns.lens.sum()) * columns.element_bytes
        least = min(max(total // _CHUNKS, _CHUNK_LEAST_BYTES), _CHUNK_MOST_BYTES)
        self.chunk, self.long_chunk = (
            max(1, max(nbytes, total // _MOST_CHUNKS) * n // max(total, 1))
            for nbytes in (least, _CHUNK_MOST_BYTES)
        )

    def take_count(self) -> int:
        """Return how many coordinates were measured since the last call."""
        count, self.refreshed = self.refreshed, 0
        return count

    def measure(self, w: np.ndarray, alpha: np.ndarray, bound: float, category: str) -> Process:
        """Measure every coordinate against one state, chunk by chunk."""
        yield from self._scan(self._columns.everything, w, alpha, bound, category, None)

    def refresh(
        self,
        stale: np.ndarray,
        quota: int | None,
        until: simpy.Event,
        state: tuple[np.ndarray, np.ndarray, float],
    ) -> Process:
        """Measure some coordinates, going on where the last call stopped.

        Parameters
        ----------
        stale : ndarray of bool, shape (n,)
            Coordinates worth measuring.
        quota : int or None
            How many to measure; None for as many as fit before ``until`` fires.
        until : Event
            Ends an unlimited refresh.
        state : tuple
            ``(w, alpha, bound)``, frozen for the whole call.
        """
        ids = np.flatnonzero(stale)
        first = int(np.searchsorted(ids, self._cursor))
        ids = np.concatenate([ids[first:], ids[:first]])
        if quota is not None:
            ids = ids[:quota]
        if ids.size:
            until_or_never = until if quota is None else None
            yield from self._scan(ids, *state, "refresh", until_or_never)

    def _scan(
        self,
        ids: np.ndarray,
        w: np.ndarray,
        alpha: np.ndarray,
        bound: float,
        category: str,
        until: simpy.Event | None,
    ) -> Process:
        chunk = self.long_chunk if until is None else self.chunk
        for first in range(0, ids.size, chunk):
            if until is not None and until.triggered:
                return
            part = ids[first : first + chunk]
            yield self._columns.gaps(part, w, alpha, bound, self.u, self.gaps, category)
            self.refreshed += part.size
            self._cursor = int(part[-1]) + 1
