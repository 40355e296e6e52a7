"""Recorded programs on a GPU: CUDA graphs, captured once and launched as one command."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from hetengine.device import Device
from hetengine.program import Program, Step
from hetengine_cupy.card import Card
from hetengine_cupy.launcher import CudaLauncher
from hetengine_kernels import Recorder, prepare, record


class GraphRecorder(Recorder):
    """Launch on a stream that is being captured, where nothing runs.

    Parameters
    ----------
    run : CudaLauncher
        Whose kernels, settings and memory it uses.
    where : str
        Device and program, for messages.
    stream : cupy.cuda.Stream
        Nobody else's, so that no other thread's commands get into the graph.
    """

    def __init__(self, run: CudaLauncher, where: str, stream: Any) -> None:
        super().__init__(run, where)
        self._launcher = run
        self._stream = stream

    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Put a launch into the graph; with 0 groups only build the kernel."""
        bound = self._launcher.bound(kernel, real)
        if groups:
            bound.enqueue(self._stream, groups, args)


class CudaProgram(Program):
    """Launches as a CUDA graph; see `hetengine.program.Program`.

    The graph holds addresses, not memory: the launch's buffers, and the launcher's own memory, stay
    where they are until it has run.

    Parameters
    ----------
    device : CupyDevice
        Where it will run.
    name : str
        Name in traces.
    steps : sequence of Step
        In order.
    card : Card
        The GPU.
    run : CudaLauncher
        Of that device.
    """

    def __init__(
        self, device: Device, name: str, steps: Sequence[Step], card: Card, run: CudaLauncher
    ) -> None:
        super().__init__(device, name, steps)
        where = f"{device.name}: {name}"
        self._run = run
        with card.current():
            stream = card.cupy.cuda.Stream(non_blocking=True)
            recorder = GraphRecorder(run, where, stream)
            prepare(device, where, steps, recorder)
            stream.begin_capture()
            try:
                record(steps, recorder)
            except BaseException:
                with contextlib.suppress(card.cupy.cuda.runtime.CUDARuntimeError):
                    stream.end_capture()
                raise
            self._graph = stream.end_capture()

    def __call__(self, *native: Any) -> Any:
        """Launch the graph, wait for it, and time it by the device."""
        self.check_given(native)
        return self._run.run(self._run.replay, (self._graph,))
