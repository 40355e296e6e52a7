"""Recorded programs on an OpenCL device: every kernel object with its arguments set beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hetengine.device import Device
from hetengine.program import Program, Step
from hetengine.threaded import Timed
from hetengine_kernels import Recorder, prepare, program_of, record
from hetengine_opencl.launcher import ClLauncher


class ClRecorder(Recorder):
    """Keep launches as kernel objects of their own, whose arguments are set once.

    Attributes
    ----------
    prepared : list of (pyopencl.Kernel, int, int)
        Kernels, groups, and work-items of a group.
    """

    def __init__(self, run: ClLauncher, where: str) -> None:
        super().__init__(run, where)
        self.prepared: list[tuple[Any, int, int]] = []
        self._launcher = run
        self._kept: list[list[Any]] = []  # arguments: the driver does not keep them alive

    def launch(self, kernel: str, real: np.dtype, groups: int, *args: Any) -> None:
        """Set the arguments of a fresh kernel object; with 0 groups only build it."""
        fresh = self._launcher.fresh(kernel, real)
        if groups == 0:
            return
        ready, flat = fresh.bound(args)
        self.prepared.append((ready, groups, self.profile.work_groups[program_of(kernel)]))
        self._kept.append(flat)


class ClProgram(Program):
    """Launches that are only enqueued; see `hetengine.program.Program`.

    Parameters
    ----------
    device : OpenClDevice
        Where it will run.
    name : str
        Name in traces.
    steps : sequence of Step
        In order.
    run : ClLauncher
        Of that device.
    timed : bool
        Whether the device's own event times can be trusted.
    """

    def __init__(
        self, device: Device, name: str, steps: Sequence[Step], run: ClLauncher, timed: bool
    ) -> None:
        super().__init__(device, name, steps)
        where = f"{device.name}: {name}"
        self._recorder = ClRecorder(run, where)
        prepare(device, where, steps, self._recorder)
        record(steps, self._recorder)
        self._run = run
        self._timed = timed

    def __call__(self, *native: Any) -> Any:
        """Enqueue every launch, wait for the last, and time them by the device's clock."""
        self.check_given(native)
        self._run.begin()
        self._run.replay(self._recorder.prepared)
        self._run.finish()
        seconds = self._run.spent()
        return Timed(None, seconds) if self._timed and seconds > 0.0 else None
