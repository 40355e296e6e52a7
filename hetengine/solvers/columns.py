"""The host's side of the matrix: what is launched on all columns where they lie.

Gap passes, rebuilding w and packing shipments run on the host's queue over the original columns;
dense and sparse differ in the leading arguments only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import simpy

from hetengine.device import Buffer, Device, Event, HostFunction, Kernel
from hetengine.problems import CoordinateProblem
from hetengine.problems.matrix import Columns, DenseColumns, SparseColumns
from hetengine.solvers import work
from hetengine.solvers.arena import column_lens, element_bytes
from hetengine.solvers.selection import Swap
from hetengine.work import LateWork, Work


def _arrays(columns: Columns) -> tuple[np.ndarray, ...]:
    """Leading kernel arguments; sizes without storage where there is no data."""
    if isinstance(columns, DenseColumns):
        return (columns.values,)
    if isinstance(columns, SparseColumns):
        return (columns.values, columns.indices, columns.starts, columns.lens)
    kinds = (columns.dtype,) if columns.layout == "dense" else (columns.dtype, "u4", "i8", "i4")
    return tuple(np.broadcast_to(np.zeros((), kind), columns.count) for kind in kinds)


class Labelled:
    """The kernel that packs columns, and what goes with them, as one command.

    Two commands would wait for each other's threads longer than a label takes to write.

    Parameters
    ----------
    kernel : Kernel
        Packs the columns.
    label : callable
        Writes the rest of the shipment.

    Attributes
    ----------
    name : str
        That of the kernel.
    """

    def __init__(self, kernel: Kernel, label: Callable[[], None]) -> None:
        self.name = kernel.name
        self._kernel = kernel
        self._label = label

    def __call__(self, *args: Any) -> None:
        """Write the label, then pack."""
        self._label()
        self._kernel(*args)


class HostColumns:
    """All columns in the host's memory, with the kernels that read them.

    Parameters
    ----------
    host : Device
        The device that holds the data.
    problem : CoordinateProblem
        Whose columns they are.

    Raises
    ------
    OutOfCapacity
        If the host's capacity is less than the data.
    """

    def __init__(self, host: Device, problem: CoordinateProblem) -> None:
        columns = problem.columns
        self.host = host
        self.problem = problem
        self.arrays = self._place(columns)
        self.lens = column_lens(columns)
        self.element_bytes = element_bytes(columns)
        self.sparse = columns.layout == "sparse"
        self._nbytes = float(columns.nbytes)
        self.everything = np.arange(columns.count, dtype=np.int64)
        self.real = columns.dtype.name
        self.variant = f"{self.real}/{problem.kind.name.lower()}"
        self.length = columns.length
        self._python = f"python/{problem.name}"
        self._kernels = {
            verb: host.load(f"{columns.layout}_{verb}")
            for verb in ("gaps", "combine", "pack", "square_norms")
        }

    def _place(self, columns: Columns) -> tuple[np.ndarray, ...]:
        """Reserve what the data take, and return the leading kernel arguments."""
        self.host.memory.reserve("data", columns.nbytes)
        return _arrays(columns)

    def elements(self, ids: np.ndarray) -> int:
        """Stored elements of the listed columns."""
        return int(self.lens[ids].sum())

    def gaps(
        self,
        ids: np.ndarray,
        w: np.ndarray,
        alpha: np.ndarray,
        bound: float,
        u: np.ndarray,
        gaps: np.ndarray,
        category: str,
    ) -> Event:
        """Measure u and the gap of the listed coordinates against one frozen (alpha, w)."""
        problem = self.problem
        args = (
            *self.arrays,
            ids,
            w,
            alpha,
            problem.p,
            problem.q,
            int(problem.kind),
            bound,
            u,
            gaps,
        )
        amount = work.gaps_work(ids.size, self.elements(ids), self.element_bytes, self.variant)
        return self._launch("gaps", args, amount, category)

    def combine(self, ids: np.ndarray, alpha: np.ndarray, w: np.ndarray) -> Event:
        """Add L A alpha over the listed coordinates to w, in float64."""
        args = (*self.arrays, ids, alpha, self.problem.smoothness, w)
        elements = self.elements(ids)
        amount = work.combine_work(ids.size, elements, self.element_bytes, w.size, self.real)
        return self._launch("combine", args, amount, "repair")

    def square_norms(self, ids: np.ndarray, out: np.ndarray) -> Event:
        """Compute the squared norms of the listed columns."""
        args = (*self.arrays, ids, out)
        amount = work.gaps_work(ids.size, self.elements(ids), self.element_bytes, self.real)
        return self._launch("square_norms", args, amount, "prepare")

    def pack(
        self,
        ids: np.ndarray,
        sections: dict[str, Buffer],
        label: Callable[[], None],
        amount: Work,
        share: float,
        after: Iterable[simpy.Event],
    ) -> Event:
        """Gather the listed columns into the sections of a shipment on the host.

        Parameters
        ----------
        ids : ndarray of int64
            Coordinates.
        sections : dict of str to Buffer
            Of a packing area.
        label : callable
            Writes what goes with the columns into the other sections.
        amount : Work
            Of both.
        share : float
            Part of all columns among which they lie.
        after : iterable of event
            What the packing area is waited for with.
        """
        names = ("values", "indices") if self.sparse else ("values",)
        args = (*self._packed_from(ids), *(sections[name] for name in names))
        kernel = Labelled(self._kernels["pack"], label)
        amount = work.reading(amount, "data", self._nbytes, share * self._nbytes)
        return self.host.launch(kernel, args, amount, after=after, category="swap")

    def _packed_from(self, ids: np.ndarray) -> tuple[Any, ...]:
        """Return the leading arguments of the pack kernel."""
        return (*self.arrays, ids)

    def _launch(self, verb: str, args: tuple[Any, ...], amount: Work, category: str) -> Event:
        """Launch a kernel that reads part of the matrix."""
        amount = work.reading(amount, "data", self._nbytes)
        return self.host.launch(self._kernels[verb], args, amount, category=category)

    def run(
        self,
        name: str,
        function: Callable[[], Any],
        items: int,
        category: str,
        after: Iterable[simpy.Event] = (),
        nominal: Any = None,
    ) -> Event:
        """Run a piece of NumPy on the host's queue."""
        kernel = HostFunction(name, function, nominal=nominal)
        amount = work.vector_work(items, 3, 1, self.length, self._python)
        return self.host.launch(kernel, (), amount, after=after, category=category)

    def consider(self, name: str, function: Callable[[], Any], items: int) -> Event:
        """Prepare decisions on the host's queue, where numerics are skipped, too."""
        kernel = HostFunction(name, function, decides=True)
        amount = work.vector_work(items, 3, 1, self.length, self._python)
        return self.host.launch(kernel, (), amount, category="select")

    def decide(self, policy: str, function: Callable[[], Swap]) -> Event:
        """Let a policy decide on the host's queue, where numerics are skipped, too."""
        kernel = HostFunction("select", function, decides=True)

        def amount(ranked: int) -> Work:
            return work.ranking_work(self.lens.size, ranked, f"python/{policy}")

        late = LateWork(amount(0), lambda swap: amount(swap.ranked))
        return self.host.launch(kernel, (), late, category="select")
