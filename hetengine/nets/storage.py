"""The memory of one copy of a net on one device."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from hetengine.device import Buffer, Device
from hetengine.nets.graph import Tensor
from hetengine.nets.layout import Piece
from hetengine.nets.planes import Planes, padded_channels


class Storage:
    """Allocates for one net, remembers what, and lends out memory for gradients.

    Parameters
    ----------
    device : Device
        Where.
    name : str
        Of the net; what it holds is labelled with it.
    batch : int
        Samples.
    dtype : dtype
        What a net computes in.
    """

    def __init__(self, device: Device, name: str, batch: int, dtype: np.dtype) -> None:
        self.device = device
        self.batch = batch
        self.dtype = dtype
        self._name = name
        self._held: list[Buffer] = []
        self._sections: dict[tuple[Buffer, Piece], Buffer] = {}
        self._idle: dict[tuple[tuple[int, ...], bool], list[Buffer]] = defaultdict(list)

    def alloc(
        self, what: str, shape: int | tuple[int, ...], dtype: np.dtype | None = None
    ) -> Buffer:
        """Allocate zeros, of the net's type unless another is given."""
        buffer = self.device.alloc(f"{self._name}: {what}", shape, dtype or self.dtype)
        self._held.append(buffer)
        return buffer

    def tensor(self, what: str, tensor: Tensor) -> Buffer:
        """Allocate what holds a tensor."""
        return self.alloc(what, self.size(tensor))

    def size(self, tensor: Tensor) -> int:
        """Return the elements that a tensor takes."""
        if not tensor.image:
            return self.batch * tensor.shape[0]
        channels, height, width = tensor.shape
        length = Planes(self.batch, height, width).length
        return padded_channels(channels) * length * (4 if tensor.phases else 1)

    def section(self, buffer: Buffer, piece: Piece) -> Buffer:
        """Return a piece of a flat vector; the same object each time."""
        key = (buffer, piece)
        if key not in self._sections:
            offset = piece.offset * buffer.dtype.itemsize
            self._sections[key] = buffer.section(offset, piece.size)
        return self._sections[key]

    def borrow(self, tensor: Tensor) -> Buffer:
        """Lend a buffer that holds such a tensor, with any contents where it has values."""
        idle = self._idle[tensor.shape, tensor.phases]
        return idle.pop() if idle else self.tensor("gradients of activations", tensor)

    def give_back(self, tensor: Tensor, buffer: Buffer) -> None:
        """Take a lent buffer back."""
        self._idle[tensor.shape, tensor.phases].append(buffer)

    def free(self) -> None:
        """Give everything back to the device."""
        while self._held:
            self.device.free(self._held.pop())
