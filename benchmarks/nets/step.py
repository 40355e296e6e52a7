"""A training step of ResNet20 on the NumPy backend against PyTorch, interleaved in one run.

python -m benchmarks.nets.step [--batches 32 128] [--threads 1 2] [--out benchmarks/results]

CIFAR-10 shapes, float32, random data: forward, backward and SGD with momentum. hetengine's step is
the whole command as a solver launches it, from uint8 pixels, crops and flips included; PyTorch's
begins at standardised floats. Steps of both take turns, so that whatever else the machine does
meets both. Goals: at most 1.0 times PyTorch channels_last on one thread, 1.15 times on two, and
averaging two models in under 1 ms. Takes about a minute; needs PyTorch.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.nets.torch_resnet import ResNet20, torch
from hetengine.nets import NetConfig, Normalise
from hetengine.nets.factory import make_model
from hetengine.registry import backend
from hetengine.testing import Lab
from hetengine.topology import DeviceSpec
from hetengine.work import Work

SHAPE, CLASSES = (3, 32, 32), 10
NORMALISE = Normalise((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010), 4)
ROUNDS = {32: 24, 128: 8}
NCHW, LAST, OURS = "PyTorch NCHW", "PyTorch channels_last", "hetengine numpy"

Step = Callable[[], Any]


def our_step(batch: int, threads: int) -> tuple[Step, Work, Lab]:
    """Return a step of ours, its work, and the lab to close."""
    lab = Lab(DeviceSpec("card", backend="numpy", threads=threads), backend("numpy").open)
    net = make_model(NetConfig("resnet20"), SHAPE, CLASSES)
    rng = np.random.default_rng(0)
    placed = net.place(lab.device, batch, np.float32, np.uint8, NORMALISE, slots=1)
    lab.run(lab.device.synchronize())
    placed.parameters.array[:], placed.statistics.array[:] = net.initial(rng, np.float32)
    placed.hyper.array[:] = [0.01, 0.9, 1e-4, 0.0]
    slot, program = placed.slots[0], placed.train[0]
    slot.pixels.array[...] = rng.integers(0, 256, (batch, *SHAPE))
    slot.labels.array[:] = rng.integers(0, CLASSES, batch)
    slot.shifts.array[:, :2] = rng.integers(-4, 5, (batch, 2))
    slot.shifts.array[:, 2] = rng.integers(0, 2, batch)
    slot.weights.array[:] = 1

    def step() -> None:
        lab.run(lab.device.launch(program, program.buffers, program.work))

    return step, program.work, lab


def torch_step(batch: int, channels_last: bool) -> Step:
    """Return a step of PyTorch's."""
    net: Any = ResNet20(SHAPE[0], (16, 32, 64), CLASSES)
    x, labels = torch.randn(batch, *SHAPE), torch.randint(0, CLASSES, (batch,))
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(net(x), labels).backward()
        sgd.step()

    return step


def take_turns(steps: dict[str, Step], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median wall and CPU seconds of each."""
    for step in steps.values():
        for _ in range(3):
            step()
    wall: dict[str, list[float]] = {name: [] for name in steps}
    cpu: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            begun, used = time.perf_counter(), time.process_time()
            step()
            wall[name].append(time.perf_counter() - begun)
            cpu[name].append(time.process_time() - used)
    return {n: (statistics.median(wall[n]), statistics.median(cpu[n])) for n in steps}


def compare(batch: int, threads: int, ceiling: float, bandwidth: float) -> list[str]:
    """Return rows of the table for one batch and number of threads."""
    torch.set_num_threads(threads)
    ours, work, lab = our_step(batch, threads)
    try:
        steps = {NCHW: torch_step(batch, False), LAST: torch_step(batch, True), OURS: ours}
        medians = take_turns(steps, ROUNDS.get(batch, 10))
    finally:
        lab.close()
    rows = []
    for name, (wall, cpu) in medians.items():
        ratios = [wall / medians[LAST][0], cpu / medians[LAST][1], wall / medians[NCHW][0]]
        rate = work.flops / wall
        rows.append(
            f"| {batch} | {threads} | {name} | {1e3 * wall:.1f} | {1e3 * cpu:.1f} | "
            + " | ".join(f"{ratio:.2f}" for ratio in ratios)
            + f" | {rate / 1e9:.0f} ({rate / ceiling / threads:.0%})"
            + f" | {work.nbytes / wall / 1e9:.1f} ({work.nbytes / wall / bandwidth:.0%}) |"
        )
        print(rows[-1], flush=True)
    return rows


def best_of(step: Step, repeats: int) -> float:
    """Return the least seconds of a few runs."""
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        step()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def ceilings() -> tuple[float, float]:
    """Return flops per second of one thread of BLAS, and bytes per second of a plain copy."""
    a = np.ones((1536, 1536), np.float32)
    source, target = np.ones(1 << 26, np.float32), np.zeros(1 << 26, np.float32)
    with threadpool_limits(1):
        flops = 2 * 1536**3 / best_of(lambda: a @ a, 5)
    return flops, 2 * source.nbytes / best_of(lambda: np.copyto(target, source), 5)


def averaging(workers: int, repeats: int = 200) -> tuple[int, float]:
    """Return the parameters of ResNet20 and the median seconds of averaging them."""
    net = make_model(NetConfig("resnet20"), SHAPE, CLASSES)
    count = net.parameter_count
    stacked = np.random.default_rng(0).standard_normal((workers, count)).astype(np.float32)
    weights, out = np.full(workers, 1 / workers, np.float32), np.zeros(count, np.float32)
    average = backend("numpy").implementations(1)["net_average"]
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        average(stacked, weights, out, workers, count)
        taken.append(time.perf_counter() - begun)
    np.testing.assert_allclose(out, stacked.mean(0), atol=1e-5)
    return net.trainable_count, statistics.median(taken)


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def report(rows: list[str], ceiling: float, bandwidth: float) -> str:
    """Return the result file."""
    count, seconds = averaging(2)
    versions = f"numpy {np.__version__}, numba {numba.__version__}, torch {torch.__version__}"
    return "\n".join(
        [
            "# A training step of ResNet20, against PyTorch",
            "",
            f"{datetime.date.today()}, {processor()}, {versions}.",
            "CIFAR-10 shapes, float32; medians of steps that took turns in one run",
            "(`python -m benchmarks.nets.step`). hetengine's step includes loading uint8 pixels,",
            "crop and flip; PyTorch's does not. The last columns are the step's useful work, by",
            "hetengine's own count, per second, and in brackets the share of as many threads of",
            f"BLAS ({ceiling / 1e9:.0f} GFLOP/s each) and of a plain copy of 256 MB",
            f"({bandwidth / 1e9:.1f} GB/s, read and written). The count takes every tap of every",
            "pixel, also those that only meet zero borders, and every byte, also from caches.",
            "",
            "| batch | threads | step | wall ms | CPU ms | wall / channels_last | "
            "CPU / channels_last | wall / NCHW | GFLOP/s | GB/s |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"Averaging {count:,} parameters of two workers (`net_average`, one thread): "
            f"{1e3 * seconds:.3f} ms.",
            "",
        ]
    )


def main() -> None:
    """Measure, print, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="*", default=[32, 128])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    ceiling, bandwidth = ceilings()
    rows = []
    for threads in options.threads:
        for batch in options.batches:
            rows += compare(batch, threads, ceiling, bandwidth)
    text = report(rows, ceiling, bandwidth)
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "nets_step.md").write_text(text)


if __name__ == "__main__":
    main()
