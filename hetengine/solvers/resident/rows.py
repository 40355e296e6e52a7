"""The examples in the host's memory, and what is launched on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hetengine.device import Device, Event, HostFunction, Kernel
from hetengine.problems import CoordinateProblem
from hetengine.problems.dense import DenseColumns
from hetengine.problems.row_matrix import RowMatrix
from hetengine.problems.sparse import SparseColumns
from hetengine.problems.transposed import TransposedColumns
from hetengine.solvers.resident.control import Control
from hetengine.solvers.worker import Process
from hetengine.work import LateWork, Work

#: Rows of a run: short enough to stay in a core's cache between its two uses.
RUN = 64

_SMALL_ENTRIES = 1 << 20

# Runs that passes take at once where data lie by feature: shorter pieces of a feature cost more to
# find than to read.
_AT_ONCE = 8

#: Square roots of the weights, features, and what takes in the features of all examples.
Panel = tuple[np.ndarray, np.ndarray, np.ndarray]

KERNELS = (
    *("rows_slopes", "rows_moments", "rows_hinge_gap", "rows_gather"),
    *("rows_slopes_gather", "rows_ascent", "rows_several", "gram", "gram_descent"),
    *("gram_mirror", "gram_learn"),
    *("rows_count", "rows_transpose", "rows_products", "rows_descent"),
)


def _arrays(matrix: RowMatrix) -> tuple[np.ndarray, ...]:
    """Leading kernel argument; sizes without storage where there is no data."""
    rows = matrix.rows
    if isinstance(rows, DenseColumns):
        return (rows.values,)
    if isinstance(rows, TransposedColumns):
        return (rows.values.T,)
    if isinstance(rows, SparseColumns):
        return (rows.values, rows.indices, rows.starts, rows.lens)
    kinds = (rows.dtype,) if rows.layout == "dense" else (rows.dtype, "u4", "i8", "i4")
    return tuple(np.broadcast_to(np.zeros((), kind), (0, 0)) for kind in kinds)


class Rows:
    """All examples with their labels and weights, and the kernels that pass over them.

    Parameters
    ----------
    host : Device
        The device that holds the data.
    problem : CoordinateProblem
        Whose columns are a `RowMatrix`.

    Attributes
    ----------
    target, weight : ndarray of float64, shape (N,)
        y and c: the loss is ``sum_i c_i loss(x_i . beta, y_i)``, and the weights add up to 1.
    runs : ndarray of int64
        First row of each run of all data.

    Raises
    ------
    OutOfCapacity
        If the host's capacity is less than the data.
    """

    def __init__(self, host: Device, problem: CoordinateProblem) -> None:
        matrix = problem.columns
        assert isinstance(matrix, RowMatrix)
        self.host = host
        self.matrix = matrix
        self.examples, self.features = matrix.examples, matrix.features
        host.memory.reserve("data", matrix.nbytes)
        self._arrays = _arrays(matrix)
        self._at_once = _AT_ONCE if isinstance(matrix.rows, TransposedColumns) else 1
        self.runs = np.arange(0, self.examples, RUN, dtype=np.int64)
        self.target, self.weight = _targets(problem, matrix)
        self.element_bytes = matrix.dtype.itemsize + (4 if matrix.layout == "sparse" else 0)
        self.variant = f"{matrix.layout}/{matrix.dtype.name}/{problem.kind.name.lower()}"
        self._kind = int(problem.kind)
        self._python = f"python/{problem.name}/resident"
        self._kernels = {name: host.load(name) for name in KERNELS}
        self._pack = host.load("sparse_pack")
        self._works: list[Work] | None = None

    @property
    def dense(self) -> bool:
        """Whether every entry is stored."""
        return self.matrix.layout == "dense"

    @property
    def small(self) -> bool:
        """Whether a pass takes no longer than a few launches."""
        # Zeros count: vectors of both lengths are gone through beside the entries.
        return self.examples * self.features <= _SMALL_ENTRIES

    @property
    def real(self) -> np.dtype:
        """Type of one stored value."""
        return self.matrix.dtype

    @property
    def entries(self) -> float:
        """Mean number of stored entries of a row."""
        return self.matrix.nnz / self.examples

    def sample(self, rows: int) -> np.ndarray:
        """Return evenly spread runs that hold at least this many rows, all if there are no more."""
        at_once = self._at_once
        groups, wanted = -(-self.runs.size // at_once), -(-rows // (RUN * at_once))
        if wanted >= groups:
            return self.runs
        chosen = np.arange(wanted) * groups // wanted * at_once
        members = (chosen[:, None] + np.arange(at_once)).reshape(-1)
        return self.runs[members[members < self.runs.size]]

    def slopes(
        self,
        runs: np.ndarray,
        step: np.ndarray,
        base: np.ndarray,
        scores: np.ndarray,
        slope: np.ndarray,
        gradient: np.ndarray,
        partial: np.dtype,
        panel: Panel | None = None,
    ) -> Event:
        """Add ``X^T slope`` at scores ``base + X step`` to ``gradient``; yields the summed loss.

        ``partial`` is the type in which the gradient of one run is summed. A panel is filled in
        passing, as `gather` does.
        """
        args = (*self._in_turn(runs), step, base, self.target, self.weight, self._kind)
        args += (np.empty(0, partial), scores, slope)
        if panel is None:
            return self._pass("rows_slopes", (*args, gradient), runs, 4.0, 40.0)
        root, features, out = panel
        args += (root, features, self._place(features), out, gradient)
        row_bytes = 40.0 + features.size * out.itemsize
        return self._pass("rows_slopes_gather", args, runs, 4.0, row_bytes)

    def several(
        self,
        steps: np.ndarray,
        base: np.ndarray,
        scores: np.ndarray,
        slope: np.ndarray,
        sums: np.ndarray,
        partial: np.dtype,
    ) -> Event:
        """Do what `slopes` does for m steps in one pass over all rows.

        ``steps``, ``scores``, ``slope`` and ``sums`` have a row for each; ``sums`` holds the
        gradient and, in one more column, the loss.
        """
        count = steps.shape[0]
        args = (*self._in_turn(self.runs), steps, base, self.target, self.weight, self._kind)
        args += (np.empty(0, partial), scores, slope, sums)
        return self._pass("rows_several", args, self.runs, 4.0 * count, 40.0 * count)

    def moments(self, runs: np.ndarray, slope: np.ndarray, sums: np.ndarray) -> Event:
        """Add ``X^T slope``, ``(X * X)^T c`` and, if there are four, ``X^T c`` to columns."""
        args = (*self._in_turn(runs), slope, self.weight, sums)
        return self._pass("rows_moments", args, runs, 6.0, 16.0)

    def hinge_gap(
        self, runs: np.ndarray, coef: np.ndarray, state: tuple[np.ndarray, ...], total: np.ndarray
    ) -> Event:
        """Measure hinge losses, gaps and margins against one w; ``state`` is that of `ascend`."""
        label, weight, _, b, margin = state
        args = (self._arrays, runs, RUN, coef, b, label, weight, self.dense, margin, total)
        return self._pass("rows_hinge_gap", args, runs, 4.0 if self.dense else 2.0, 32.0)

    def panel(self, runs: np.ndarray, count: int) -> np.ndarray:
        """Return what so many features of the examples in runs have room in.

        Rows beyond the end of the data are 0, all others undefined: `gather` writes them.
        """
        panel = np.empty((runs.size * RUN, count), self.real)
        panel[panel.shape[0] - max(int(runs[-1]) + RUN - self.examples, 0) :] = 0
        return panel

    def gather(
        self, runs: np.ndarray, root: np.ndarray, features: np.ndarray, out: np.ndarray
    ) -> Event:
        """Copy features of the examples in the runs, scaled by ``root``, into a panel."""
        args = (self._arrays, runs, RUN, root, features, self._place(features), out)
        amount = self._share(runs) * self.matrix.nnz * self.element_bytes
        work = Work(0.0, amount, float(out.nbytes), runs.size * RUN, self.variant)
        return self._launch(self._kernels["rows_gather"], args, work, "model")

    def count(
        self, runs: np.ndarray, root: np.ndarray, features: np.ndarray, counts: np.ndarray
    ) -> Event:
        """Count entries of features, of examples where ``root`` is not 0.

        ``counts``, a row for each of some even stretches of the runs, grows.
        """
        args = (self._arrays, runs, RUN, root, self._place(features), counts)
        return self._scan("rows_count", args, runs, 4, 8.0 * counts.size)

    def transpose(
        self,
        runs: np.ndarray,
        root: np.ndarray,
        features: np.ndarray,
        ends: np.ndarray,
        values: np.ndarray,
        examples: np.ndarray,
    ) -> Event:
        """Write entries by feature, scaled by ``root``; ``ends`` has a row for each stretch."""
        args = (self._arrays, runs, RUN, root, self._place(features), ends, values, examples)
        written = float(values.nbytes + examples.nbytes)
        return self._scan("rows_transpose", args, runs, self.element_bytes, written)

    def products(
        self,
        runs: np.ndarray,
        root: np.ndarray,
        features: np.ndarray,
        entries: int,
        out: np.ndarray,
    ) -> Event:
        """Add products of the last features with all of them, which have so many entries.

        See the kernel for what of ``out``, shape (last, all), is made.
        """
        old = out.shape[1] - out.shape[0]
        args = (self._arrays, runs, RUN, root, self._place(features), old, out)
        # Entries of a row meet each other: as many as if rows had equally many.
        share = out.shape[0] / max(out.shape[1], 1)
        flops = 2.0 * share * entries * entries / max(runs.size * RUN, 1)
        return self._scan("rows_products", args, runs, self.element_bytes, out.nbytes, flops)

    def descend_columns(
        self,
        columns: tuple[np.ndarray, np.ndarray, np.ndarray],
        visited: np.ndarray,
        mean: tuple[np.ndarray, float],
        penalties: tuple[float, float],
        beta: np.ndarray,
        u: np.ndarray,
        z: np.ndarray,
        tolerance: float,
        most: int,
    ) -> Event:
        """Do what `descend` does on columns of entries; yields the entries read or changed.

        ``z`` is what steps have changed since ``u`` was measured, see the kernel.
        """
        args = (*columns, visited, *mean, *penalties, beta, u, z, tolerance, most)

        def amount(result: float | None) -> Work:
            touched = columns[0].size if result is None else result  # None: numerics are skipped
            read = touched * (self.element_bytes + 8.0)
            return Work(2.0 * touched, read, 4.0 * touched, visited.size, self.variant)

        nominal = amount(None)
        return self._launch(self._kernels["rows_descent"], args, nominal, "solve", amount)

    def _place(self, features: np.ndarray) -> np.ndarray:
        """Return the positions of features among these, -1 for all others."""
        place = np.full(self.features + 1, -1, np.int32)
        place[features] = np.arange(features.size)
        return place

    def _scan(
        self,
        name: str,
        args: tuple[Any, ...],
        runs: np.ndarray,
        element_bytes: int,
        written: float,
        flops: float = 0.0,
    ) -> Event:
        """Launch a pass that looks for some features among the entries."""
        examples = runs.size * RUN
        read = self._share(runs) * self.matrix.nnz * element_bytes + 20.0 * examples
        work = Work(flops, read, written, examples, self.variant)
        return self._launch(self._kernels[name], args, work, "model")

    def gram(self, left: np.ndarray, right: np.ndarray, out: np.ndarray) -> Event:
        """Add ``left^T right`` to ``out``."""
        flops = 2.0 * left.shape[0] * out.size
        work = Work(flops, float(left.nbytes + right.nbytes), float(out.nbytes), out.size, "gemm")
        return self._launch(self._kernels["gram"], (left, right, out), work, "model")

    def mirror(self, gram: np.ndarray, old: int, size: int) -> Event:
        """Copy what is above the diagonal below it, in rows ``[old, size)``."""
        nbytes = 8.0 * size * (size - old)
        work = Work(0.0, nbytes, nbytes, size - old, "float64")
        return self._launch(self._kernels["gram_mirror"], (gram, old, size), work, "model")

    def learn(
        self, gram: np.ndarray, step: np.ndarray, change: np.ndarray, product: float
    ) -> Event:
        """Correct a Hessian so that it maps a step to a change (BFGS); their product is given."""
        cells = float(step.size) ** 2
        work = Work(6.0 * cells, 16.0 * cells, 8.0 * cells, step.size, "float64")
        args = (gram, step, change, product)
        return self._launch(self._kernels["gram_learn"], args, work, "model")

    def descend(
        self,
        gram: np.ndarray,
        penalties: tuple[float, float],
        beta: np.ndarray,
        u: np.ndarray,
        tolerance: float,
        most: int,
    ) -> Event:
        """Minimise a quadratic model with an l1 penalty; yields the epochs done.

        The first rows and columns of ``gram`` count, as many as there are coefficients.
        """
        args = (gram, *penalties, beta, u, tolerance, most)
        amount = float(beta.size) ** 2
        work = Work(2.0 * amount, 8.0 * amount, 8.0 * u.size, u.size, "float64")
        return self._launch(self._kernels["gram_descent"], args, work, "solve")

    def ascend(
        self, arrays: tuple[np.ndarray, ...], args: tuple[Any, ...], count: int, control: Control
    ) -> Event:
        """Run epochs of dual ascent over ``count`` of these rows, all of them or packed ones."""

        def amount(visited: float, moved: float) -> Work:
            elements = (visited + moved) * self.entries
            read = elements * self.element_bytes + visited * 5 * self.real.itemsize
            written = moved * self.entries * self.real.itemsize
            return Work(2.0 * elements, read, written, int(visited), self.variant)

        late = LateWork(amount(count, count), lambda _: amount(control.visits, control.moved))
        kernel = self._kernels["rows_ascent"]
        return self.host.launch(kernel, (arrays, *args, control.array), late, category="solve")

    def pack(self, ids: np.ndarray) -> Process:
        """Copy some sparse rows one after another; returns their arrays."""
        _, _, _, lens = self._arrays
        own = lens[ids] if lens.ndim == 1 else np.zeros(0, np.int32)
        starts = np.cumsum(own, dtype=np.int64) - own
        total = int(own.sum())
        values, indices = np.empty(total, self.real), np.empty(total, np.uint32)
        nbytes = float(total * self.element_bytes)
        work = Work(0.0, nbytes, nbytes, ids.size, self.real.name)
        args = (*self._arrays, ids, values, indices)
        yield self.host.launch(self._pack, args, work, category="pack")
        return values, indices, starts, own

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The rows as kernels take them."""
        return self._arrays

    def run(
        self, name: str, function: Callable[[], Any], items: int, category: str, nominal: Any = None
    ) -> Event:
        """Run a piece of NumPy on the host's queue."""
        kernel = HostFunction(name, function, nominal=nominal)
        work = Work(3.0 * items, 24.0 * items, 8.0 * items, items, self._python)
        return self._launch(kernel, (), work, category)

    def together(self, process: Process, category: str, nominal: Any) -> Event:
        """Run a process that launches nothing but these as one launch; yields what it returns.

        On small data, handing over a launch costs more than what it does.

        Parameters
        ----------
        process : Process
            Which is run to its end.
        category : str
            Phase it is accounted under.
        nominal : object
            Value where numerics are skipped.
        """
        works: list[Work] = []

        def run() -> Any:
            self._works = works
            try:
                return drained(process)
            finally:
                self._works = None

        def total(_: Any) -> Work:
            flops = sum(each.flops for each in works)
            read = sum(each.bytes_read for each in works)
            written = sum(each.bytes_written for each in works)
            return Work(flops, read, written, self.examples, self.variant)

        once = Work(4.0 * self.matrix.nnz, float(self.matrix.nbytes), 0.0, self.examples)
        kernel = HostFunction("rows_together", run, nominal=nominal)
        late = LateWork(replace(once, variant=self.variant), total)
        return self.host.launch(kernel, (), late, category=category)

    def _launch(
        self,
        kernel: Kernel,
        args: tuple[Any, ...],
        work: Work,
        category: str,
        of: Callable[[Any], Work] | None = None,
    ) -> Event:
        """Launch, or within a launch of several, run at once; yields the same either way.

        ``of`` says from the result what there was to do, where ``work`` is a guess.
        """
        if self._works is None:
            late = work if of is None else LateWork(work, of)
            return self.host.launch(kernel, args, late, category=category)
        result = kernel(*args)
        self._works.append(work if of is None else of(result))
        return result

    def _in_turn(self, runs: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray, int]:
        """Return the leading arguments of a pass over runs, which are all or a `sample`."""
        return self._arrays, runs[:: self._at_once], RUN * self._at_once

    def _share(self, runs: np.ndarray) -> float:
        return runs.size / self.runs.size

    def _pass(
        self, name: str, args: tuple[Any, ...], runs: np.ndarray, flops: float, row_bytes: float
    ) -> Event:
        """Launch a pass of some flops per stored entry and some bytes per row beside them."""
        share = self._share(runs)
        entries, rows = share * self.matrix.nnz, share * self.examples
        written = 8.0 * (rows + self.features)
        read = entries * self.element_bytes + rows * row_bytes
        work = Work(flops * entries, read, written, int(rows), self.variant)
        category = "pass" if share == 1.0 else "sample"
        return self._launch(self._kernels[name], args, work, category)


def drained(process: Process) -> Any:
    """Return what a process returns whose launches have run when it yields them.

    Parameters
    ----------
    process : Process
        Yields values of launches.
    """
    value: Any = None
    while True:
        try:
            value = process.send(value)
        except StopIteration as end:
            return end.value


def _targets(problem: CoordinateProblem, matrix: RowMatrix) -> tuple[np.ndarray, np.ndarray]:
    if problem.side == "dual":
        return problem.p, problem.q
    n = matrix.examples
    if matrix.root is None:
        return problem.target, np.full(n, 1.0 / n)
    root = matrix.root
    labels = np.divide(problem.target, root, out=np.zeros(n), where=root > 0)
    return labels, root * root / n
