# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""A recorded step of a module: one launch on a torch, a NumPy or a simulated device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from hetengine.device import Buffer, Device
from hetengine.program import Program
from hetengine.work import Work
from hetengine_torch.reach import Reach

Step = Callable[..., None]
"""Runs on tensors, in the order of a program's buffers."""


class TorchProgram(Program):
    """A Python function of tensors as a program.

    Where buffers hold NumPy arrays the tensors share their memory.

    Parameters
    ----------
    device : Device
        Where it will run.
    name : str
        Name in traces.
    buffers : sequence of Buffer
        Its arguments.
    work : Work
        What it has to do.
    step : callable
        What runs.
    reach : Reach
        How PyTorch computes for that device.
    """

    def __init__(
        self,
        device: Device,
        name: str,
        buffers: Sequence[Buffer],
        work: Work,
        step: Step,
        reach: Reach,
    ) -> None:
        self.name = name
        self.work = work
        self.buffers = tuple(buffers)
        self._device = device
        self._step = step
        self._reach = reach

    def __call__(self, *native: Any) -> Any:
        """Run to completion on the calling thread.

        Parameters
        ----------
        *native
            Storage of `buffers`, in order.
        """
        self.check_given(native)
        tensors = [tensor_of(each) for each in native]
        return self._reach.run(lambda: self._step(*tensors))


def tensor_of(native: Any) -> torch.Tensor:
    """Return a tensor on the storage of a buffer, without a copy."""
    return torch.from_numpy(native) if isinstance(native, np.ndarray) else native
