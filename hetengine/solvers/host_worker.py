"""The host as its own worker: no accelerator, nothing moves (``solver.selection=host``)."""

from __future__ import annotations

import numpy as np

from hetengine.solvers.columns import HostColumns
from hetengine.solvers.selection import Swap
from hetengine.solvers.worker import Process, Worker


class HostWorker(Worker):
    """Descend on all columns in the host's memory.

    Parameters
    ----------
    columns : HostColumns
        The data and the host.
    seed : int
        Seeds the order of the epochs.
    """

    reads = "data"

    def __init__(self, columns: HostColumns, seed: int) -> None:
        super().__init__(columns.host, columns.problem, columns.lens.size, seed)
        self.columns = columns.arrays
        self.elements = int(columns.lens.sum())
        self.count = columns.lens.size
        self._host = columns

    @property
    def resident(self) -> np.ndarray:
        """All coordinates."""
        return np.ones(self.count, bool)

    @property
    def placement(self) -> tuple[np.ndarray, np.ndarray]:
        """Each coordinate in the slot of its own number."""
        return self._host.everything, self._host.everything

    @property
    def results(self) -> dict[str, np.ndarray]:
        """The worker's own memory, which the host can read."""
        return {"w": self.w.array} | {name: self.state[name].array for name in ("alpha", "gap")}

    def prepare(self) -> Process:
        """Build the epoch kernel."""
        yield self.epoch(0, 1.0, 0.0)

    def begin(self, h: np.ndarray) -> Process:
        """Lay out the state of every coordinate."""
        state, problem = self.state, self.problem

        def fill() -> None:
            self.order.array[:] = self._host.everything
            for name, values in (("h", h), ("p", problem.p), ("q", problem.q)):
                state[name].array[:] = values

        yield self._host.run("fill", fill, self.count, "prepare")

    def restate(self, h: np.ndarray) -> Process:
        """Lay out the state of every coordinate anew."""
        yield from self.begin(h)

    def keep(self, owned: np.ndarray) -> None:
        """Do nothing: it works only where all coordinates are its own."""

    def swap(self, swap: Swap, alpha: np.ndarray, h: np.ndarray) -> Process:
        """Do nothing: everything is where it is worked on."""
        return
        yield

    def push(self, w: np.ndarray, alpha: np.ndarray | None) -> Process:
        """Set w, and alpha where it is given."""

        def write() -> None:
            self.sent[:] = w
            self.w.array[:] = self.sent
            if alpha is not None:
                self.state["alpha"].array[:] = alpha

        yield self._host.run("push", write, w.size, "swap")

    def pull(self) -> Process:
        """Do nothing: the host reads the results where they are."""
        return
        yield
