# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""How PyTorch computes for a device: a torch device itself, or one whose memory NumPy holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from hetengine.device import Buffer, Device
from hetengine.errors import UsageError
from hetengine_torch.device import THREADS, TorchDevice


class Reach:
    """PyTorch on the memory of a device, with as many threads as the device has.

    Simulated devices compute one after the other, each with its own threads; what runs on real ones
    at the same time shares PyTorch's one number.

    Parameters
    ----------
    device : Device
        Of backend torch or numpy, or simulated.
    buffer : Buffer
        Any buffer of it.

    Attributes
    ----------
    place : torch.device
        Where tensors on its memory lie.

    Raises
    ------
    UsageError
        If PyTorch cannot reach its memory, or already computes with another number of threads.
    """

    def __init__(self, device: Device, buffer: Buffer) -> None:
        self._device = device if isinstance(device, TorchDevice) else None
        self.place = torch.device("cpu") if self._device is None else self._device.place
        if not isinstance(buffer.array, np.ndarray | torch.Tensor):
            raise UsageError(
                f"{device.name}: PyTorch does not reach the memory of backend "
                f"{device.spec.backend}; use backend: torch, or numpy"
            )
        self._virtual = device.clock.virtual
        self._threads = device.spec.threads if device.spec.backend in ("numpy", "torch") else 1
        self._holds = self._device is None and not self._virtual
        if self._holds:
            THREADS.take(f"topology.devices.{device.name}", self._threads)

    def run(self, function: Callable[[], None]) -> Any:
        """Run something to completion on the calling thread."""
        if self._device is not None:
            return self._device.run(function)
        if not self._virtual:
            return function()
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            return function()
        finally:
            torch.set_num_threads(before)

    def close(self) -> None:
        """Let go of the number of threads; may be called twice."""
        if self._holds:
            self._holds = False
            THREADS.give_back()
