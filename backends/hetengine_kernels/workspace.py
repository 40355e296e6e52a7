"""Memory that recipes compute partial results in: one piece per device, as large as ever needed."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from hetengine.device import Buffer, Device


class Workspace:
    """A piece of a device's memory that the commands of its one compute queue take turns with.

    It grows by taking a larger piece. Smaller ones stay, because recorded programs hold their
    addresses.

    Parameters
    ----------
    device : Device
        Whose memory it is; counted there as ``kernel workspace``.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._pieces: list[Buffer] = []
        self._lock = threading.Lock()  # programs are recorded on another thread than kernels run on

    def take(self, dtype: np.dtype, count: int) -> Any:
        """Return native storage of so many elements, of no particular content.

        Raises
        ------
        OutOfCapacity
            If the device has no room for it.
        """
        nbytes = count * dtype.itemsize
        with self._lock:
            if not self._pieces or self._pieces[-1].nbytes < nbytes:
                self._pieces.append(self._device.alloc("kernel workspace", nbytes, np.uint8))
            return self._pieces[-1].section(0, count, dtype).array
