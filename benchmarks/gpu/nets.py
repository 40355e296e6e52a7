"""Training steps of ResNet20 on the GPU: images per second, beside eager PyTorch where it is."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.gpu import torch_resnet
from benchmarks.gpu.bench import Bench, opened
from hetengine.device import Event
from hetengine.nets import Net, Normalise
from hetengine.nets.model import Placed, Slot
from hetengine.nets.models import resnet20

CLASSES = 10
ROUNDS = 5
_HYPER = (0.1, 0.9, 5e-4, 0.0)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is trained.

    Attributes
    ----------
    image : int
        Height and width of the images.
    width : float
        Factor on the channels of both nets.
    steps : int
        Training steps per round; the median of `ROUNDS` rounds counts.
    """

    image: int
    width: float
    steps: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A random batch, as a slot takes it."""

    pixels: np.ndarray
    labels: np.ndarray
    shifts: np.ndarray


def measure(batches: Sequence[int], sizes: Sizes) -> list[dict[str, Any]]:
    """Time training steps in float32, in turns with PyTorch.

    Parameters
    ----------
    batches : sequence of int
        Batch sizes.
    sizes : Sizes
        What is trained.

    Returns
    -------
    list of dict
        Per batch size: ``batch``; ``device_seconds`` of one step by the GPU's clock;
        ``images_per_second`` with every batch sent up first; ``torch_images_per_second`` with
        batches already there, None without PyTorch; ``loss`` of the last batch.
    """
    return [_compare(batch, sizes) for batch in batches]


def _compare(batch: int, sizes: Sizes) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    data = Batch(
        rng.integers(0, 256, (batch, 3, sizes.image, sizes.image), dtype=np.uint8),
        rng.integers(0, CLASSES, batch).astype(np.int32),
        np.zeros((batch, 3), np.int32),
    )
    other = torch_resnet.stepper(data.pixels, data.labels, CLASSES, sizes.width)
    with opened() as bench:
        trainer = _Trainer(bench, data, sizes)
        own = [_Round(trainer.run, sizes.steps)]
        theirs = [] if other is None else [_Round(other, sizes.steps)]
        for each in (*own, *theirs):
            each.warm_up()
        for _ in range(ROUNDS):
            for each in (*own, *theirs):
                each.run()
        device = bench.seconds(trainer.step)
        loss = trainer.loss()
    return {
        "batch": batch,
        **asdict(sizes),
        "device_seconds": device,
        "images_per_second": batch / own[0].seconds,
        "torch_images_per_second": batch / theirs[0].seconds if theirs else None,
        "loss": loss,
    }


class _Round:
    """Rounds of so many steps of one contender; each returns its wall seconds."""

    def __init__(self, run: Callable[[int], float], steps: int) -> None:
        self._run = run
        self._steps = steps
        self._times: list[float] = []

    def warm_up(self) -> None:
        self._run(self._steps)

    def run(self) -> None:
        self._times.append(self._run(self._steps) / self._steps)

    @property
    def seconds(self) -> float:
        return statistics.median(self._times)


class _Trainer:
    """ResNet20 on the GPU, fed through both slots."""

    def __init__(self, bench: Bench, data: Batch, sizes: Sizes) -> None:
        shape, batch = data.pixels.shape[1:], data.labels.size
        net = Net("resnet20", resnet20(shape, CLASSES, sizes.width), shape, CLASSES)
        normalise = Normalise((0.5,) * 3, (0.25,) * 3)
        self._bench = bench
        self._placed: Placed = net.place(bench.card, batch, np.float32, np.uint8, normalise)
        parameters, statistics_ = net.initial(np.random.default_rng(0), np.float32)
        self._hosts: dict[str, Any] = {}
        self._send(self._placed.parameters, parameters)
        self._send(self._placed.statistics, statistics_)
        self._send(self._placed.hyper, np.array(_HYPER, np.float32))
        for slot in self._placed.slots:
            self._send(slot.weights, np.ones(batch, np.float32))
        for name in ("pixels", "labels", "shifts"):
            array = getattr(data, name)
            host = bench.host.alloc(name, array.shape, array.dtype)
            bench.card.pin(host)
            host.array[...] = array
            self._hosts[name] = host
        self._ends: list[Event | None] = [None] * len(self._placed.slots)
        self.run(len(self._placed.slots))

    def run(self, steps: int) -> float:
        """Send and train so many batches, two in flight; return the wall seconds."""
        bench = self._bench
        begun = bench.clock.wall()
        for k in range(steps):
            at = k % len(self._placed.slots)
            free = self._ends[at]
            if free is not None:
                bench.clock.run(free)
            sent = self._fill(self._placed.slots[at])
            self._ends[at] = self._launch(at, sent)
        for end in self._ends:
            if end is not None and not end.processed:
                bench.clock.run(end)
        return bench.clock.wall() - begun

    def step(self) -> Event:
        """Launch one step on what the first slot holds."""
        return self._launch(0, [])

    def loss(self) -> float:
        """Return the mean loss of the last batch of the first slot."""
        losses = self._placed.slots[0].losses
        host = self._bench.host.alloc("losses", losses.shape, losses.dtype)
        self._bench.clock.run(self._bench.card.copy(host, losses))
        return float(host.array.mean())

    def _fill(self, slot: Slot) -> list[Event]:
        return [
            self._bench.card.copy(getattr(slot, name), host) for name, host in self._hosts.items()
        ]

    def _launch(self, at: int, after: list[Event]) -> Event:
        program = self._placed.train[at]
        return self._bench.card.launch(program, program.buffers, program.work, after=after)

    def _send(self, buffer: Any, array: np.ndarray) -> None:
        host = self._bench.host.alloc(buffer.label, buffer.shape, buffer.dtype)
        host.array[...] = array
        self._bench.clock.run(self._bench.card.copy(buffer, host))
        self._bench.host.free(host)
