"""Raw launches on one GPU: kernels looked up once, results read back, times by its events."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hetengine.threaded import COMPUTE, Timed
from hetengine_cupy.card import Card
from hetengine_cupy.pinning import PAGE_BYTES, PinnedPages
from hetengine_cupy.programs import BoundKernel, Programs
from hetengine_cupy.timing import Stopwatch
from hetengine_kernels import Profile, Workspace, program_of, signatures

_PROBE_LAUNCHES = 64


class CudaLauncher:
    """Launch kernels on the compute stream, from one thread; a `hetengine_kernels.Launcher`.

    Parameters
    ----------
    card : Card
        The GPU.
    profile : Profile
        Its settings.
    scratch : mapping of str to cupy.ndarray
        Memory of `Profile.scratch`, as bytes.
    workspace : Workspace
        Of the device.
    """

    def __init__(
        self, card: Card, profile: Profile, scratch: Mapping[str, Any], workspace: Workspace
    ) -> None:
        self.profile = profile
        self._card = card
        self._stream = card.streams[COMPUTE]
        self._programs = Programs(card, profile)
        self._scratch = scratch
        self._workspace = workspace
        self._kernels: dict[tuple[str, np.dtype], BoundKernel] = {}
        self._command = Stopwatch(card, self._stream)
        self._lap = Stopwatch(card, self._stream)
        self._lap_begun = self._lap_ended = self._launched = False
        self._landing = PinnedPages(card, PAGE_BYTES)
        with card.current():
            self._arrival = card.cupy.cuda.Event(block=True)

    def run(self, recipe: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run a recipe to completion, timed by the device if it launches anything."""
        with self._card.current():
            self._lap_begun = self._lap_ended = self._launched = False
            self._command.start()
            try:
                value = recipe(*args)
            except BaseException:
                self._abandon()
                raise
            self._command.end()
            seconds = self._command.wait()
        return Timed(value, seconds) if self._launched else value

    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Enqueue a kernel; with 0 groups only build it."""
        bound = self.bound(kernel, real)
        if groups == 0:
            return
        if not self._lap_begun:
            self._lap.start()
            self._lap_begun = self._launched = True
        bound.enqueue(self._stream, groups, args)

    def replay(self, graph: Any) -> None:
        """Enqueue a graph of launches."""
        self._launched = True
        graph.launch(stream=self._stream)

    def scratch(self, name: str, dtype: np.dtype) -> Any:
        """Return a piece of the launcher's own memory as an array."""
        whole = self._scratch[name]
        shape = (whole.size // dtype.itemsize,)
        return self._card.cupy.ndarray(shape, dtype=dtype, memptr=whole.data)

    def workspace(self, dtype: np.dtype, count: int) -> Any:
        """Return room for so many elements, of no particular content."""
        return self._workspace.take(dtype, count)

    def read(self, memory: Any, count: int) -> np.ndarray:
        """Wait for everything enqueued and return the first elements of an array."""
        if self._lap_begun:
            self._lap.end()
            self._lap_ended = True
        runtime = self._card.cupy.cuda.runtime
        result = np.empty(count, memory.dtype)
        fits = result.nbytes <= self._landing.bytes.size
        target = self._landing.address if fits else result.ctypes.data
        down = runtime.memcpyDeviceToHost
        runtime.memcpyAsync(target, memory.data.ptr, result.nbytes, down, self._stream.ptr)
        # Not the stream's own wait, which would keep a core busy for as long as an epoch takes.
        self._arrival.record(self._stream)
        self._arrival.synchronize()
        if fits:
            result[:] = self._landing.bytes[: result.nbytes].view(memory.dtype)
        return result

    def elapsed(self) -> float:
        """Device seconds from the first start to the last end since the last call; after `read`."""
        seconds = self._lap.wait() if self._lap_ended else 0.0
        self._lap_begun = self._lap_ended = False
        return seconds

    def measure_launch(self) -> float:
        """Return the median time the host needs to enqueue one small kernel, in seconds."""
        real = np.dtype(np.float32)
        costs: list[float] = []
        with self._card.current():
            partials = self.scratch("partials", self.profile.scalar)
            self.launch("sum_partials", real, 0)
            for _ in range(_PROBE_LAUNCHES):
                begun = time.perf_counter()
                self.launch("sum_partials", real, 1, partials, 0)
                costs.append(time.perf_counter() - begun)
            self._stream.synchronize()
        return statistics.median(costs)

    def close(self) -> None:
        """Give back what it holds on the host."""
        self._landing.release()

    def _abandon(self) -> None:
        """Wait for what a failed recipe had enqueued, whose buffers are given back next."""
        with contextlib.suppress(self._card.cupy.cuda.runtime.CUDARuntimeError):
            self._stream.synchronize()

    def bound(self, kernel: str, real: np.dtype) -> BoundKernel:
        """Return a kernel, compiled at first; from any thread."""
        found = self._kernels.get((kernel, real))
        return self._bind(kernel, real) if found is None else found

    def _bind(self, kernel: str, real: np.dtype) -> BoundKernel:
        program = program_of(kernel)
        bound = BoundKernel(
            self._programs.function(kernel, real),
            signatures(program)[kernel],
            real,
            self.profile.scalar,
            self.profile.work_groups[program],
            self._card.cupy.ndarray,
        )
        self._kernels[kernel, real] = bound
        return bound
