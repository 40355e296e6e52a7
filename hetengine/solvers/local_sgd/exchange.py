"""Where workers' vectors meet on the host, and become one by one kernel.

One row per worker under the vector the round began with: the kernel sums the rows with weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from hetengine.device import Buffer, Device, Event, HostFunction
from hetengine.nets.kernels import step
from hetengine.nets.kernels.loss import net_average
from hetengine.solvers.local_sgd.aggregation import Mixture
from hetengine.solvers.local_sgd.work import vector_work

_ALIGNED_BYTES = 256


def finite(vector: np.ndarray) -> bool:
    """Return whether every number is finite, in one pass where they are."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(vector.sum()) or np.isfinite(vector).all())


class Stack:
    """Flat vectors of one kind, row by row in one buffer of the host.

    Parameters
    ----------
    host : Device
        Where it lies and where it is averaged.
    name : str
        What the vectors are.
    workers, count : int
        Number of workers, and of elements.
    dtype : dtype
        Of the elements.
    pinned_by : iterable of Device
        Devices that shall reach it fast.

    Attributes
    ----------
    rows : list of Buffer
        The vector the round began with, then one per worker by index; shape (count,) each.
    fresh : Buffer
        What `blend` came to, and some padding.
    """

    def __init__(
        self,
        host: Device,
        name: str,
        workers: int,
        count: int,
        dtype: DTypeLike,
        pinned_by: Iterable[Device] = (),
    ) -> None:
        self.host = host
        self.dtype = np.dtype(dtype)
        self.count = count
        stride_bytes = -(-count * self.dtype.itemsize // _ALIGNED_BYTES) * _ALIGNED_BYTES
        self._stride = stride_bytes // self.dtype.itemsize
        self._whole = host.alloc(name, ((workers + 1), self._stride), dtype)
        self.fresh = host.alloc(f"new {name}", self._stride, dtype)
        self._weighed = np.zeros(0)
        self._weights = host.alloc(f"weights of {name}", workers + 1, dtype)
        for device in pinned_by:
            device.pin(self._whole)
        self.rows = [
            self._whole.section(k * stride_bytes, count, dtype) for k in range(workers + 1)
        ]

    @property
    def base(self) -> Buffer:
        """The vector the round began with."""
        return self.rows[0]

    def blend(self, mixture: Mixture) -> None:
        """Launch the sum of the rows; the result waits for `accept`.

        Parameters
        ----------
        mixture : Mixture
            Coefficients; rows of workers that have none may hold anything.
        """
        absent = [k + 1 for k in range(len(self.rows) - 1) if k not in mixture.workers]
        if absent:
            self._run("silence", lambda rows: rows.__setitem__(absent, 0.0), [self._whole])
        row = mixture.row(len(self.rows), self.dtype)
        if not np.array_equal(row, self._weighed):
            self._run("weigh", lambda weights: np.copyto(weights, row), [self._weights])
            self._weighed = row
        kernel, args, work = step(
            self.host,
            net_average,
            self._whole,
            self._weights,
            self.fresh,
            len(self.rows),
            self._stride,
            items=self.count,
            variant=self.dtype.name,
        )
        self.host.launch(kernel, args, work, category="average")

    def finite_row(self, index: int) -> Event:
        """Launch a check of one worker's vector; the event's value says whether it is finite."""
        return self._run("check", finite, [self.rows[index + 1]], nominal=True)

    def put(self, row: int, vector: np.ndarray) -> Event:
        """Set a row."""
        return self._run("put", lambda target: np.copyto(target, vector), [self.rows[row]])

    def _run(
        self,
        name: str,
        function: Callable[..., Any],
        buffers: Sequence[Buffer],
        nominal: Any = None,
    ) -> Event:
        kernel = HostFunction(name, function, nominal=nominal)
        amount = vector_work(buffers[0].shape[-1], self.dtype.itemsize, 1, 1, name)
        return self.host.launch(kernel, buffers, amount, category="average")


def accept(stacks: Sequence[Stack]) -> Event:
    """Let what `Stack.blend` came to be what the next round begins with, if all of it is finite.

    Returns
    -------
    Event
        Its value says whether it is. It is not if any row with a coefficient is not; nothing has
        changed then.
    """
    half = len(stacks)

    def take(*vectors: np.ndarray) -> bool:
        pairs = list(zip(vectors[:half], vectors[half:], strict=True))
        if not all(finite(fresh) for fresh, _ in pairs):
            return False
        for fresh, base in pairs:
            np.copyto(base, fresh[: base.size])
        return True

    host = stacks[0].host
    kernel = HostFunction("accept", take, nominal=True)
    buffers = [*(stack.fresh for stack in stacks), *(stack.base for stack in stacks)]
    items = sum(stack.count for stack in stacks)
    amount = vector_work(items, stacks[0].dtype.itemsize, 2, 1, "accept")
    return host.launch(kernel, buffers, amount, category="average")
