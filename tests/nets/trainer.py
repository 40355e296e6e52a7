"""One copy of a net on the NumPy backend, with the moves the tests of nets make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from hetengine.nets import Layer, Net, Normalise
from hetengine.nets.placed import PlacedNet
from hetengine.program import Program
from hetengine.registry import backend
from hetengine.testing import Lab, opened_lab
from hetengine.topology import DeviceSpec

PLAIN = Normalise()


class Trainer:
    """A placed net whose buffers are NumPy arrays; the first slot is the one that is used."""

    def __init__(self, lab: Lab, net: Net, placed: PlacedNet) -> None:
        self.net, self.placed = net, placed
        self._lab = lab
        self.slot = placed.slots[0]
        self.slot.weights.array[:] = 1

    def begin(self, seed: int = 0, spread: float = 0.2) -> None:
        """Draw initial values; gammas, betas and biases not at 0 and 1, where terms would hide."""
        rng = np.random.default_rng(seed)
        parameters, statistics = self.net.initial(rng, self.placed.parameters.dtype)
        for name, array in self.net.parameters.arrays(parameters).items():
            if not name.endswith("weight"):
                array += spread * rng.standard_normal(array.shape)
        self.placed.parameters.array[:] = parameters
        self.placed.momentum.array[:] = 0
        if statistics.size:
            self.placed.statistics.array[:] = statistics

    def give(
        self, pixels: np.ndarray, labels: np.ndarray, shifts: np.ndarray | None = None
    ) -> None:
        """Stage a batch."""
        self.slot.pixels.array[...] = pixels
        self.slot.labels.array[:] = labels
        self.slot.shifts.array[...] = 0 if shifts is None else shifts

    def step(self, rate: float = 0.0, momentum: float = 0.0, decay: float = 0.0) -> np.ndarray:
        """Train on the batch and return its losses; with rate 0 only gradients change."""
        self.placed.hyper.array[:] = [rate, momentum, decay, 0]
        self._run(self.placed.train[0])
        return self.slot.losses.array.copy()

    def evaluate(self) -> tuple[np.ndarray, np.ndarray]:
        """Return losses and hits of the batch in evaluation mode."""
        self._run(self.placed.evaluate[0])
        return self.slot.losses.array.copy(), self.slot.hits.array.copy()

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """Gradients of the last step by name."""
        return self.net.parameters.arrays(self.placed.gradients.array)

    def objective(self, parameters: np.ndarray) -> float:
        """Return what a training step descends, at these parameters."""
        self.placed.parameters.array[:] = parameters
        return float(np.mean(self.slot.weights.array * self.step()))

    def _run(self, program: Program) -> None:
        self._lab.run(self.placed.device.launch(program, program.buffers, program.work))


@contextmanager
def trainer(
    net: Net,
    batch: int,
    dtype: str = "float64",
    pixels: str = "float64",
    normalise: Normalise = PLAIN,
    threads: int = 1,
) -> Iterator[Trainer]:
    """Place a net on a CPU device of its own."""
    spec = DeviceSpec("card", backend="numpy", threads=threads)
    with opened_lab(spec, backend("numpy").open) as lab:
        placed = net.place(lab.device, batch, dtype, pixels, normalise, slots=1)
        lab.run(lab.device.synchronize())
        yield Trainer(lab, net, placed)


def batch_for(net: Net, batch: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs and labels."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((batch, *net.input_shape)), rng.integers(0, net.classes, batch)


def slope_error(net: Net, batch: int, seed: int = 0, step: float = 1e-6) -> float:
    """Return the largest error of the gradient against central differences.

    Along one random direction per array of parameters, relative to the slope and to what is usual
    in the net: each array is a piece of the gradient that could be wrong by itself.
    """
    with trainer(net, batch) as copy:
        copy.begin(seed)
        copy.give(*batch_for(net, batch, seed + 1))
        start = copy.placed.parameters.array.copy()
        copy.objective(start)
        gradients = {name: array.copy() for name, array in copy.gradients.items()}
        scale = max(float(np.linalg.norm(array)) for array in gradients.values())
        rng = np.random.default_rng(seed + 2)
        errors = []
        for name, gradient in gradients.items():
            direction = np.zeros_like(start)
            piece = net.parameters.arrays(direction)[name]
            piece[...] = rng.standard_normal(piece.shape)
            piece /= np.linalg.norm(piece)
            rise = copy.objective(start + step * direction)
            rise -= copy.objective(start - step * direction)
            slope = float(np.vdot(gradient, piece))
            errors.append(abs(rise / (2 * step) - slope) / (abs(slope) + 0.01 * scale))
        return max(errors)


def make(layers: Sequence[Layer], shape: tuple[int, ...], classes: int = 4) -> Net:
    """Return a net of layers."""
    return Net("net", layers, shape, classes)
