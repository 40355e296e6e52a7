"""A module on one device: its buffers, and the programs that run it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from hetengine.device import Buffer, Device, Event
from hetengine.nets.model import Slot
from hetengine.work import Work
from hetengine_torch.program import TorchProgram
from hetengine_torch.reach import Reach
from hetengine_torch.replica import Replica


@dataclass(frozen=True, slots=True)
class Sizes:
    """What has to be allocated.

    Attributes
    ----------
    parameters, statistics : int
        Lengths of the flat vectors.
    input_shape : tuple of int
        Of one sample.
    classes : int
        Logits of one sample.
    batch, slots : int
        Samples of a batch, and batches staged at once.
    """

    parameters: int
    statistics: int
    input_shape: tuple[int, ...]
    classes: int
    batch: int
    slots: int


class Buffers:
    """The memory of a copy of a net on one device.

    Parameters
    ----------
    device : Device
        Where.
    name : str
        Of the net, for labels.
    sizes : Sizes
        How much.
    dtype, pixel_dtype : dtype
        To compute in, and of the pixels.

    Raises
    ------
    OutOfCapacity
        If the device cannot hold it; nothing stays allocated then.
    UsageError
        If PyTorch cannot reach the device's memory; nothing stays allocated then.
    """

    def __init__(
        self, device: Device, name: str, sizes: Sizes, dtype: DTypeLike, pixel_dtype: DTypeLike
    ) -> None:
        self._device = device
        self._name = name
        self._made: list[Buffer] = []
        self.reach: Reach | None = None
        try:
            self.hyper = self._alloc("hyper", 4, dtype)
            self.reach = Reach(device, self.hyper)
            self.parameters = self._alloc("parameters", sizes.parameters, dtype)
            self.momentum = self._alloc("momentum", sizes.parameters, dtype)
            self.gradients = self._alloc("gradients", sizes.parameters, dtype)
            self.statistics = self._alloc("statistics", max(sizes.statistics, 1), dtype)
            self.logits = self._alloc("logits", sizes.batch * sizes.classes, dtype)
            self.slots = tuple(self._slot(k, sizes, dtype, pixel_dtype) for k in range(sizes.slots))
        except BaseException:
            self.free()
            raise

    def _slot(self, k: int, sizes: Sizes, dtype: DTypeLike, pixel_dtype: DTypeLike) -> Slot:
        batch = sizes.batch
        return Slot(
            pixels=self._alloc(f"pixels {k}", (batch, *sizes.input_shape), pixel_dtype),
            labels=self._alloc(f"labels {k}", batch, np.int32),
            shifts=self._alloc(f"shifts {k}", (batch, 3), np.int32),
            weights=self._alloc(f"weights {k}", batch, dtype),
            losses=self._alloc(f"losses {k}", batch, dtype),
            hits=self._alloc(f"hits {k}", batch, dtype),
        )

    def _alloc(self, label: str, shape: int | tuple[int, ...], dtype: DTypeLike) -> Buffer:
        made = self._device.alloc(f"{self._name} {label}", shape, dtype)
        self._made.append(made)
        return made

    def free(self) -> None:
        """Give back all memory once every command that uses it has run."""
        if self.reach is not None:
            self.reach.close()
        while self._made:
            self._device.free(self._made.pop())


class TorchPlaced:
    """A copy of a module on one device; see `hetengine.nets.model.Placed`.

    Parameters
    ----------
    device : Device
        Where it lives.
    batch : int
        Samples of a batch.
    buffers : Buffers
        Its memory.
    replica : Replica
        The module on that memory.
    forward : Work
        Of one evaluation.
    backward : Work
        What a training step does beside it.

    Attributes
    ----------
    train, evaluate, score : tuple of TorchProgram
        One per slot.
    """

    def __init__(
        self,
        device: Device,
        batch: int,
        buffers: Buffers,
        replica: Replica,
        forward: Work,
        training: Work,
    ) -> None:
        self.device = device
        self.batch = batch
        self._buffers = buffers
        b, reach = buffers, buffers.reach
        assert reach is not None
        self.train = tuple(
            TorchProgram(
                device,
                "net_train",
                (b.parameters, b.momentum, b.gradients, b.statistics, b.hyper, *_in_order(slot)),
                training,
                replica.train,
                reach,
            )
            for slot in b.slots
        )
        self.evaluate = tuple(
            TorchProgram(
                device,
                "net_evaluate",
                (
                    *(b.parameters, b.gradients, b.statistics, b.logits),
                    *_in_order(slot, weights=False),
                ),
                forward,
                replica.evaluate,
                reach,
            )
            for slot in b.slots
        )
        self.score = self.evaluate

    @property
    def ready(self) -> tuple[Event, ...]:
        """Nothing: placing launches no command."""
        return ()

    @property
    def parameters(self) -> Buffer:
        """The module's trained parameters, one after another in its own order, shape (P,)."""
        return self._buffers.parameters

    @property
    def momentum(self) -> Buffer:
        """Momentum of every parameter, shape (P,)."""
        return self._buffers.momentum

    @property
    def gradients(self) -> Buffer:
        """Gradient of the last training step's mean loss, shape (P,)."""
        return self._buffers.gradients

    @property
    def statistics(self) -> Buffer:
        """The module's floating-point buffers, one after another, shape (max(S, 1),)."""
        return self._buffers.statistics

    @property
    def hyper(self) -> Buffer:
        """Learning rate, momentum, weight decay and a 0, shape (4,)."""
        return self._buffers.hyper

    @property
    def logits(self) -> Buffer:
        """Logits of the last batch evaluated, shape (batch * classes,)."""
        return self._buffers.logits

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Staging for batches."""
        return self._buffers.slots

    def free(self) -> None:
        """Give back all memory once every command that uses it has run."""
        self._buffers.free()


def _in_order(slot: Slot, *, weights: bool = True) -> tuple[Buffer, ...]:
    between = (slot.weights,) if weights else ()
    return (slot.pixels, slot.labels, slot.shifts, *between, slot.losses, slot.hits)
