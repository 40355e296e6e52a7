"""One copy of a net on a device: its memory, and its steps recorded as programs."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from hetengine.device import Buffer, Device, Event
from hetengine.nets import kernels
from hetengine.nets.backward import Backward
from hetengine.nets.emitter import Activations, Vectors
from hetengine.nets.forward import Forward
from hetengine.nets.graph import Affine, Branch, Graph, Tensor
from hetengine.nets.layout import Layout
from hetengine.nets.model import Normalise, Slot
from hetengine.nets.planes import Planes
from hetengine.nets.storage import Storage
from hetengine.program import Program, Step

#: Levels of a uint8 pixel.
_LEVELS = 255.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is placed: a graph and the layout of its flat vectors.

    Attributes
    ----------
    name : str
        Of the net.
    graph : Graph
        Its operations.
    parameters, statistics : Layout
        Of its flat vectors.
    """

    name: str
    graph: Graph
    parameters: Layout
    statistics: Layout


class PlacedNet:
    """A `hetengine.nets.model.Placed`; see there for the attributes.

    Parameters
    ----------
    plan : Plan
        What to place.
    device : Device
        Where.
    batch : int
        Samples.
    dtype, pixel_dtype : dtype
        Types of values and of pixels.
    normalise : Normalise
        What happens to the pixels, with as many entries as the net takes.
    slots : int
        Batches staged at once.
    """

    def __init__(
        self,
        plan: Plan,
        device: Device,
        batch: int,
        dtype: np.dtype,
        pixel_dtype: np.dtype,
        normalise: Normalise,
        slots: int,
    ) -> None:
        self.device, self.batch = device, batch
        self._plan = plan
        self._storage = Storage(device, plan.name, batch, dtype)
        with ExitStack() as undo:
            undo.callback(self._storage.free)
            self._place(pixel_dtype, normalise, slots)
            undo.pop_all()

    def free(self) -> None:
        """Give back all memory once every command that uses it has run."""
        self._storage.free()

    def _place(self, pixel_dtype: np.dtype, normalise: Normalise, slots: int) -> None:
        count = self._plan.parameters.length
        alloc = self._storage.alloc
        self.parameters = alloc("parameters", count)
        self.gradients = alloc("gradients", count)
        self.momentum = alloc("momentum", count)
        self.statistics = alloc("statistics", max(self._plan.statistics.length, 1))
        self.hyper = alloc("hyper", 4)
        self._vectors = Vectors(
            self.parameters, self.gradients, self.momentum, self.statistics, self.hyper
        )
        self._norm = alloc("normalisation", 2 * len(normalise.mean))
        self._activations = self._allocate_activations()
        self.logits = self._activations.values[self._plan.graph.logits]
        self._dlogits = self._storage.tensor("gradient of logits", self._plan.graph.logits)
        self.slots = tuple(self._slot(pixel_dtype) for _ in range(slots))
        self.ready = (self._launch_constants(pixel_dtype, normalise),)
        self._record()

    def _slot(self, pixel_dtype: np.dtype) -> Slot:
        alloc, batch = self._storage.alloc, self.batch
        integer = np.dtype(np.int32)
        return Slot(
            alloc("pixels", (batch, *self._plan.graph.input.shape), pixel_dtype),
            alloc("labels", batch, integer),
            alloc("shifts", (batch, 3), integer),
            alloc("weights", batch),
            alloc("losses", batch),
            alloc("hits", batch),
        )

    def _allocate_activations(self) -> Activations:
        graph, storage = self._plan.graph, self._storage
        values = {graph.input: storage.tensor("input", graph.input)}
        outputs: dict[Branch, Buffer] = {}
        coefficients: dict[Branch, Buffer] = {}
        masks: dict[tuple[int, int], Buffer] = {}
        packed = 1
        for operation in graph.operations:
            values[operation.z] = storage.tensor("activations", operation.z)
            for branch in operation.branches if isinstance(operation, Affine) else ():
                channels, height, width = branch.shape
                rows = kernels.COEFFICIENT_ROWS
                coefficients[branch] = storage.alloc("coefficients", rows * channels)
                if (height, width) not in masks:
                    length = Planes(self.batch, height, width).length
                    masks[height, width] = storage.alloc("mask", length)
                if branch.convolution is not None:
                    taps, inputs = branch.convolution.taps, branch.source.shape[0]
                    packed = max(packed, kernels.packed_size(inputs, channels, taps))
                    result = Tensor(branch.shape, trained=True)
                    outputs[branch] = storage.tensor("convolutions", result)
        widest = max((branch.shape[0] for branch in coefficients), default=1)
        return Activations(
            values,
            outputs,
            coefficients,
            masks,
            storage.alloc("packed weights", packed),
            storage.alloc("unused", widest),
        )

    def _launch_constants(self, pixel_dtype: np.dtype, normalise: Normalise) -> Event:
        """Fill what never changes, ahead of all else on the device's queue."""
        steps: list[Step] = []

        def fill(buffer: Buffer, offset: int, count: int, value: float) -> None:
            steps.append(kernels.step(self.device, kernels.net_fill, buffer, offset, count, value))

        scale = 1.0 / _LEVELS if pixel_dtype == np.uint8 else 1.0
        groups = len(normalise.mean)
        for at, (mean, std) in enumerate(zip(normalise.mean, normalise.std, strict=True)):
            fill(self._norm, at, 1, scale / std)
            fill(self._norm, groups + at, 1, -mean / std)
        for branch, coefficients in self._activations.coefficients.items():
            if branch.norm is None and branch.bias is None:
                fill(coefficients, 0, branch.shape[0], 1.0)
        for (height, width), mask in self._activations.masks.items():
            args = (mask, self.batch, height, width)
            steps.append(kernels.step(self.device, kernels.net_mask, *args))
        program = self.device.record("net_place", steps)
        return self.device.launch(program, program.buffers, program.work, category="place")

    def _record(self) -> None:
        graph, parts = self._plan.graph, (self._storage, self._vectors, self._activations)
        training = Forward(*parts).run(graph, training=True)
        evaluation = Forward(*parts).run(graph, training=False)
        backward = Backward(*parts).run(graph, self._dlogits)
        update = kernels.step(
            self.device,
            kernels.net_sgd,
            self.parameters,
            self.gradients,
            self.momentum,
            self.hyper,
            self._plan.parameters.length,
        )
        train, evaluate = [], []
        for slot in self.slots:
            load, loss = self._load(slot), self._loss(slot)
            train.append([load, *training, loss, *backward, update])
            evaluate.append([load, *evaluation, loss])
        self.train = tuple(self.device.record("net_train", steps) for steps in train)
        self.evaluate = tuple(self.device.record("net_evaluate", steps) for steps in evaluate)
        self.score: tuple[Program, ...] = self.evaluate

    def _load(self, slot: Slot) -> Step:
        start = self._plan.graph.input
        out = self._activations.values[start]
        counted = {
            "items": self.batch,
            "variant": f"{self._storage.dtype.name} {self._plan.name}",
        }
        if start.image:
            args = (slot.pixels, slot.shifts, self._norm, out, self.batch, *start.shape)
            return kernels.step(self.device, kernels.net_images, *args, **counted)
        groups = self._norm.shape[0] // 2
        args = (slot.pixels, self._norm, out, self.batch, start.shape[0], groups)
        return kernels.step(self.device, kernels.net_features, *args, **counted)

    def _loss(self, slot: Slot) -> Step:
        logits = self._plan.graph.logits
        tensors = (slot.labels, slot.weights, slot.losses, slot.hits, self._dlogits)
        args = (self.logits, *tensors, self.batch, logits.shape[0])
        return kernels.step(self.device, kernels.net_cross_entropy, *args)
