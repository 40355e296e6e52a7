"""Steps of training a net on a device, fed from arrays: what two devices must agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hetengine.device import Buffer
from hetengine.nets import Flatten, Linear, Net, Norm, Normalise, Relu, Residual
from hetengine.nets.models import resnet20
from hetengine.testing import Lab

CLASSES = 10
HYPER = (0.02, 0.9, 5e-4, 0.0)
"""A rate at which training is stable: at 0.1, or with labels nothing can be learnt from, each step
multiplies what rounding has left of a difference."""


@dataclass(frozen=True)
class Trained:
    """What a device holds after some steps."""

    initial: np.ndarray
    parameters: np.ndarray
    statistics: np.ndarray
    losses: np.ndarray
    hits: np.ndarray
    logits: np.ndarray


def small_resnet(size: int = 32, width: float = 1.0) -> Net:
    """ResNet20 for square images of a size."""
    shape = (3, size, size)
    return Net("resnet20", resnet20(shape, CLASSES, width), shape, CLASSES)


def flat_net() -> Net:
    """Fully connected layers with norms between them."""
    layers = (
        Flatten(),
        Linear(20),
        Norm(),
        Relu(),
        Residual((Linear(20), Norm())),
        Linear(CLASSES),
    )
    return Net("flat", layers, (3, 8, 8), CLASSES)


def batches(net: Net, batch: int, steps: int, seed: int = 0) -> list[tuple[np.ndarray, ...]]:
    """Noisy images of one pattern per class, with labels and shifts."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 200, (CLASSES, *net.input_shape))
    found = []
    for _ in range(steps):
        labels = rng.integers(0, CLASSES, batch).astype(np.int32)
        noise = rng.integers(0, 56, (batch, *net.input_shape))
        shifts = rng.integers(-1, 2, (batch, 3)).astype(np.int32)
        shifts[:, 2] %= 2
        found.append(((patterns[labels] + noise).astype(np.uint8), labels, shifts))
    return found


def trained(lab: Lab, net: Net, batch: int, steps: int, real: str) -> Trained:
    """Train on a lab's device; evaluate the last batch at the end."""
    dtype = np.dtype(real)
    normalise = Normalise((0.5,) * 3, (0.25,) * 3, pad=1)
    placed = net.place(lab.device, batch, dtype, np.dtype(np.uint8), normalise)
    parameters, statistics = net.initial(np.random.default_rng(1), dtype)
    upload(lab, placed.parameters, parameters)
    upload(lab, placed.statistics, statistics)
    upload(lab, placed.hyper, np.array(HYPER, dtype))
    losses = []
    for slot in placed.slots:
        upload(lab, slot.weights, np.ones(batch, dtype))
    for k, (pixels, labels, shifts) in enumerate(batches(net, batch, steps)):
        slot, program = placed.slots[k % 2], placed.train[k % 2]
        for buffer, array in ((slot.pixels, pixels), (slot.labels, labels), (slot.shifts, shifts)):
            upload(lab, buffer, array)
        lab.run(lab.device.launch(program, program.buffers, program.work))
        losses.append(lab.get(slot.losses))
    last = placed.evaluate[(steps - 1) % 2]
    lab.run(lab.device.launch(last, last.buffers, last.work))
    slot = placed.slots[(steps - 1) % 2]
    kept = (placed.parameters, placed.statistics, slot.hits, placed.logits)
    held = [lab.get(each) for each in kept]
    placed.free()
    logits = held[3].reshape(batch, CLASSES)
    return Trained(parameters, held[0], held[1], np.array(losses), held[2], logits)


def upload(lab: Lab, buffer: Buffer, array: np.ndarray) -> None:
    """Copy an array into a buffer of the device."""
    host = lab.host.alloc(buffer.label, buffer.shape, buffer.dtype)
    host.array[...] = array
    lab.run(lab.device.copy(buffer, host))
    lab.host.free(host)


def relative(found: np.ndarray, right: np.ndarray) -> float:
    """Distance of two vectors relative to the length of the second."""
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))
