"""A net small enough to follow by hand: softmax regression, with a running mean of its inputs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hetengine.device import Buffer, Device
from hetengine.nets.model import Normalise, Slot
from hetengine.program import Program
from hetengine.work import Work

STATISTIC_RATE = 0.1


def one_moved(image: np.ndarray, down: int, right: int, flip: int) -> np.ndarray:
    """Move an image, zeros coming in, then mirror it."""
    height, width = image.shape
    far = np.pad(image, max(height, width))
    top, left = max(height, width) - down, max(height, width) - right
    moved = far[top : top + height, left : left + width]
    return moved[:, ::-1] if flip else moved


def inputs(pixels: np.ndarray, shifts: np.ndarray, normalise: Normalise) -> np.ndarray:
    """Move, mirror and normalise images, (batch, 1, height, width) -> (batch, features)."""
    moved = pixels.astype(np.float64)
    for k in np.flatnonzero(shifts.any(axis=1)):
        moved[k, 0] = one_moved(moved[k, 0], *shifts[k])
    scale = 1.0 / 255.0 if pixels.dtype == np.uint8 else 1.0
    return ((moved * scale - normalise.mean[0]) / normalise.std[0]).reshape(len(pixels), -1)


def forward(
    parameters: np.ndarray, x: np.ndarray, labels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return losses, hits and softmax; nothing for padding."""
    count = x.shape[1] * classes
    logits = x @ parameters[:count].reshape(-1, classes) + parameters[count:]
    logits = logits - logits.max(axis=1, keepdims=True)
    softmax = np.exp(logits)
    softmax /= softmax.sum(axis=1, keepdims=True)
    real = labels >= 0
    rows = np.arange(labels.size)
    losses = np.where(real, -np.log(softmax[rows, labels]), 0.0)
    return losses, (logits.argmax(axis=1) == labels) & real, softmax


def gradient(
    softmax: np.ndarray, x: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the gradient of mean(weights * losses)."""
    error = softmax.copy()
    error[np.arange(labels.size), labels] -= 1.0
    error *= (weights * (labels >= 0) / labels.size)[:, None]
    return np.concatenate([(x.T @ error).ravel(), error.sum(axis=0)])


Fault = Callable[[int, np.ndarray], None]
"""Gets the number of a training step, from 1, and the parameters."""


@dataclass
class Faults:
    """What goes wrong on which device, before or after its training steps."""

    before: dict[str, Fault] = field(default_factory=dict)
    after: dict[str, Fault] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)

    def meet(self, faults: dict[str, Fault], device: str, parameters: np.ndarray) -> None:
        if device in faults:
            faults[device](self.steps.get(device, 0), parameters)

    def count(self, device: str) -> None:
        self.steps[device] = self.steps.get(device, 0) + 1


@dataclass(frozen=True)
class Step:
    """A kernel made of a plain function."""

    name: str
    function: Callable[..., None]

    def __call__(self, *args: Any) -> None:
        self.function(*args)


class TinyPlaced:
    """Buffers and programs on one device."""

    def __init__(
        self,
        net: TinyNet,
        device: Device,
        batch: int,
        dtype: Any,
        pixel_dtype: Any,
        normalise: Normalise,
        slots: int,
    ) -> None:
        self.device, self.batch, self.ready = device, batch, ()
        self._net, self._normalise = net, normalise
        self.held: list[Buffer] = []
        P, S = net.parameter_count, net.statistic_count
        self.parameters = self._alloc("parameters", P, dtype)
        self.momentum = self._alloc("momentum", P, dtype)
        self.gradients = self._alloc("gradients", P, dtype)
        self.statistics = self._alloc("statistics", max(S, 1), dtype)
        self.hyper = self._alloc("hyper", 4, dtype)
        self.logits = self._alloc("logits", batch * net.classes, dtype)
        self.slots = tuple(
            Slot(
                pixels=self._alloc("pixels", (batch, *net.input_shape), pixel_dtype),
                labels=self._alloc("labels", batch, np.int32),
                shifts=self._alloc("shifts", (batch, 3), np.int32),
                weights=self._alloc("weights", batch, dtype),
                losses=self._alloc("losses", batch, dtype),
                hits=self._alloc("hits", batch, dtype),
            )
            for _ in range(slots)
        )
        self.train = tuple(self._record("net_train", self._train, slot) for slot in self.slots)
        self.evaluate = tuple(
            self._record("net_evaluate", self._evaluate, slot) for slot in self.slots
        )
        self.score = self.evaluate

    def _alloc(self, name: str, shape: Any, dtype: Any) -> Buffer:
        self.held.append(self.device.alloc(name, shape, dtype))
        return self.held[-1]

    def _record(self, name: str, function: Callable[..., None], slot: Slot) -> Program:
        args = (
            *(self.parameters, self.momentum, self.gradients, self.statistics, self.hyper),
            *(slot.pixels, slot.labels, slot.shifts, slot.weights, slot.losses, slot.hits),
        )
        flops = self._net.flops * (3.0 if name == "net_train" else 1.0)
        variant = f"{self.parameters.dtype.name} {self._net.name}"
        work = Work(flops, items=self.batch, variant=variant)
        return self.device.record(name, [(Step(name, function), args, work)])

    def _train(
        self, p, v, g, statistics, hyper, pixels, labels, shifts, weights, losses, hits
    ) -> None:
        faults, name = self._net.faults, self.device.name
        faults.count(name)
        faults.meet(faults.before, name, p)
        x = inputs(pixels, shifts, self._normalise)
        losses[:], hits[:], softmax = forward(p, x, labels, self._net.classes)
        g[:] = gradient(softmax, x, labels, weights)
        if self._net.statistic_count:
            statistics += STATISTIC_RATE * (x.mean(axis=0) - statistics)
        rate, mu, decay, _ = hyper
        v[:] = mu * v + g + decay * p
        p -= rate * v
        faults.meet(faults.after, name, p)

    def _evaluate(
        self, p, v, g, statistics, hyper, pixels, labels, shifts, weights, losses, hits
    ) -> None:
        x = inputs(pixels, shifts, self._normalise)
        losses[:], hits[:], _ = forward(p, x, labels, self._net.classes)

    def free(self) -> None:
        for buffer in self.held:
            self.device.free(buffer)


@dataclass
class TinyNet:
    """Softmax regression on images of one channel."""

    input_shape: tuple[int, ...] = (1, 4, 5)
    classes: int = 3
    running_mean: bool = True
    flops: float = 1e6
    faults: Faults = field(default_factory=Faults)
    name: str = "tiny"

    @property
    def features(self) -> int:
        return int(np.prod(self.input_shape))

    @property
    def parameter_count(self) -> int:
        return (self.features + 1) * self.classes

    @property
    def trainable_count(self) -> int:
        return self.parameter_count

    @property
    def statistic_count(self) -> int:
        return self.features if self.running_mean else 0

    def initial(self, rng: np.random.Generator, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        parameters = 0.1 * rng.normal(size=self.parameter_count)
        return parameters.astype(dtype), np.zeros(self.statistic_count, dtype)

    def named(self, parameters: np.ndarray, statistics: np.ndarray) -> dict[str, np.ndarray]:
        weights = parameters[: -self.classes].reshape(-1, self.classes)
        return {"weights": weights, "bias": parameters[-self.classes :], "mean": statistics}

    def place(
        self,
        device: Device,
        batch: int,
        dtype: Any,
        pixel_dtype: Any,
        normalise: Normalise,
        slots: int = 2,
    ) -> TinyPlaced:
        return TinyPlaced(self, device, batch, dtype, pixel_dtype, normalise, slots)


def raises_at(*steps: int) -> Fault:
    """Raise in these training steps."""

    def fault(step: int, parameters: np.ndarray) -> None:
        if step in steps:
            raise RuntimeError("the kernel broke")

    return fault


def poisons_at(*steps: int) -> Fault:
    """Make a parameter NaN in these training steps."""

    def fault(step: int, parameters: np.ndarray) -> None:
        if step in steps:
            parameters[-1] = np.nan

    return fault


def stalls_at(step_of_stall: int, until: threading.Event) -> Fault:
    """Stand still in a training step until told to go on."""

    def fault(step: int, parameters: np.ndarray) -> None:
        if step == step_of_stall:
            assert until.wait(20.0)

    return fault
