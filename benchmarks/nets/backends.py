"""A training step of ResNet20 on each CPU backend, in turns in one process.

    python -m benchmarks.nets.backends --batches 32 128

needs a quiet machine. Each backend has as many threads as ``--threads`` says; the time of a step is
the device's own account of its ``net_train`` command, batches lying there before. Writes Markdown
to benchmarks/results/nets_backends.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hetengine.device import Buffer
from hetengine.nets import Net, Normalise
from hetengine.nets.models import resnet20
from hetengine.registry import backend
from hetengine.testing import Lab
from hetengine.topology import DeviceSpec

BACKENDS = ("numpy", "opencl")
CLASSES, SHAPE = 10, (3, 32, 32)
HYPER = (0.1, 0.9, 5e-4, 0.0)
GOAL = 1.3
_RESULTS = Path(__file__).resolve().parents[1] / "results" / "nets_backends.md"
_MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Row:
    """One batch size.

    Attributes
    ----------
    batch : int
        Samples of a step.
    seconds : dict of str to float
        Median step by backend.
    ratio : float
        Median over the rounds of OpenCL's time over NumPy's in the same round.
    """

    batch: int
    seconds: dict[str, float]
    ratio: float


class Trainer:
    """ResNet20 on one backend, with a random batch in its first slot.

    Parameters
    ----------
    name : str
        The backend.
    threads : int
        Of its device.
    batch : int
        Samples.
    """

    def __init__(self, name: str, threads: int, batch: int) -> None:
        self.lab = Lab(DeviceSpec("card", backend=name, threads=threads), backend(name).open)
        rng = np.random.default_rng(0)
        net = Net("resnet20", resnet20(SHAPE, CLASSES, 1.0), SHAPE, CLASSES)
        normalise = Normalise((0.5,) * 3, (0.25,) * 3)
        placed = net.place(self.lab.device, batch, np.float32, np.uint8, normalise, slots=1)
        parameters, statistics_ = net.initial(rng, np.float32)
        (slot,) = placed.slots
        for buffer, array in (
            (placed.parameters, parameters),
            (placed.statistics, statistics_),
            (placed.hyper, np.array(HYPER, np.float32)),
            (slot.weights, np.ones(batch, np.float32)),
            (slot.pixels, rng.integers(0, 256, (batch, *SHAPE))),
            (slot.labels, rng.integers(0, CLASSES, batch)),
        ):
            self._send(buffer, array)
        (self._program,) = placed.train

    def step(self) -> float:
        """Take one step and return its seconds."""
        program, device = self._program, self.lab.device
        done = device.launch(program, program.buffers, program.work)
        self.lab.run(done)
        return done.seconds

    def _send(self, buffer: Buffer, array: np.ndarray) -> None:
        host = self.lab.host.alloc(buffer.label, buffer.shape, buffer.dtype)
        host.array[...] = array
        self.lab.run(self.lab.device.copy(buffer, host))
        self.lab.host.free(host)


def measure(batch: int, threads: int, rounds: int, steps: int) -> Row:
    """Time every backend in turns, ``steps`` steps each per round."""
    trainers = {name: Trainer(name, threads, batch) for name in BACKENDS}
    times: dict[str, list[float]] = {name: [] for name in BACKENDS}
    try:
        for trainer in trainers.values():
            trainer.step()
        for _ in range(rounds):
            for name, trainer in trainers.items():
                times[name].append(statistics.median(trainer.step() for _ in range(steps)))
    finally:
        for trainer in trainers.values():
            trainer.lab.close()
    ratios = [own / right for right, own in zip(times["numpy"], times["opencl"], strict=True)]
    seconds = {name: statistics.median(found) for name, found in times.items()}
    return Row(batch, seconds, statistics.median(ratios))


def report(rows: Sequence[Row], threads: int) -> str:
    """Lay out what was measured in Markdown."""
    told = [
        "# A training step of ResNet20 on the CPU backends",
        "",
        f"{datetime.date.today()}; float32, CIFAR shapes, {threads} thread(s) per backend, in "
        "turns in one process; median ms by the device's own account. "
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores. Goal: OpenCL at "
        f"most {GOAL} times NumPy.",
        "",
        "| batch | numpy, ms | opencl, ms | opencl / numpy | images/s, numpy | images/s, opencl |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        numpy, opencl = (row.seconds[name] for name in BACKENDS)
        told.append(
            f"| {row.batch} | {numpy * _MILLISECONDS:.1f} | {opencl * _MILLISECONDS:.1f} "
            f"| {row.ratio:.2f} | {row.batch / numpy:,.0f} | {row.batch / opencl:,.0f} |"
        )
    return "\n".join(told) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 if the goal was missed."""
    made = argparse.ArgumentParser(prog="benchmarks.nets.backends")
    made.add_argument("--batches", nargs="+", type=int, default=[32, 128])
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--rounds", type=int, default=7)
    made.add_argument("--steps", type=int, default=5, help="per backend and round")
    made.add_argument("--out", type=Path, default=_RESULTS)
    given = made.parse_args(words)
    if given.threads == 1:
        # The Intel runtime gives a device every core unless it is told before it is loaded.
        os.environ.setdefault("DPCPP_CPU_NUM_CUS", "1")
    rows = [measure(b, given.threads, given.rounds, given.steps) for b in given.batches]
    text = report(rows, given.threads)
    print(text)
    given.out.write_text(text, encoding="utf-8")
    return int(any(row.ratio > GOAL for row in rows))


if __name__ == "__main__":
    sys.exit(main())
