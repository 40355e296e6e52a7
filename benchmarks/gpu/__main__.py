"""One GPU, measured: bandwidths, overlap, nets, and DuHL against the other policies.

    python -m benchmarks.gpu --gigabytes 16

needs an NVIDIA GPU, main memory for the data and about ten minutes; it prints a table and writes
JSON to benchmarks/results. ``--gigabytes 1 --max-seconds 20`` is a quick look.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.gpu import bandwidth, nets, overlap, report, training
from benchmarks.gpu.bench import opened
from benchmarks.gpu.data import make_dataset
from hetengine_cupy import cuda

_RESULTS = Path(__file__).resolve().parents[1] / "results"
_MOST_FOR_KERNELS = 8e9


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="benchmarks.gpu", description="One GPU, measured.")
    made.add_argument("--gigabytes", type=float, default=16.0, help="size of the data")
    made.add_argument("--problems", nargs="+", choices=("svm", "lasso"), default=["svm", "lasso"])
    made.add_argument("--memory-fraction", type=float, default=0.25, help="of the data on the GPU")
    made.add_argument("--tol", type=float, default=1e-4, help="relative gap to reach")
    made.add_argument("--max-seconds", type=float, default=45.0, help="most per run")
    made.add_argument("--batches", nargs="*", type=int, default=[32, 128, 512], help="of ResNet20")
    made.add_argument("--image-size", type=int, default=32, help="of ResNet20's images")
    made.add_argument("--width", type=float, default=1.0, help="factor on ResNet20's channels")
    made.add_argument("--steps", type=int, default=100, help="training steps per round")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--out", type=Path, default=_RESULTS, help="where the JSON goes")
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write; 2 where there is no GPU."""
    given = parser().parse_args(words)
    for check in cuda.probe():
        if not check.ok:
            print(f"benchmarks.gpu needs an NVIDIA GPU: {check.detail}; {check.remedy}")
            return 2
    found = measure(given)
    print("\n".join(report.lines(found)))
    print(f"\nwritten to {report.write(given.out, found)}")
    return 0


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Run everything the command line asks for."""
    nbytes = int(given.gigabytes * 1e9)
    with opened() as bench:
        facts = dict(bench.card.facts)
    kernels = int(min(nbytes, _MOST_FOR_KERNELS))
    _tell("bandwidth")
    rates = bandwidth.measure(kernels)
    _tell("overlap")
    hidden = overlap.measure(kernels)
    _tell("nets")
    sizes = nets.Sizes(given.image_size, given.width, given.steps)
    trained = nets.measure(given.batches, sizes)
    return {
        "stamp": report.stamp(),
        "device": facts,
        "bandwidth": rates,
        "overlap": hidden,
        "nets": trained,
        "training": [_train(problem, nbytes, given) for problem in given.problems],
    }


def _train(problem: str, nbytes: int, given: argparse.Namespace) -> dict[str, Any]:
    settings = training.Settings(
        problem, given.memory_fraction, given.tol, given.max_seconds, seed=given.seed
    )
    _tell(f"{problem}: data")
    dataset = make_dataset(problem, nbytes, given.seed)
    _tell(f"{problem}: training")
    rows, columns = dataset.X.shape
    return {
        **asdict(settings),
        "rows": rows,
        "columns": columns,
        "nbytes": int(dataset.X.nbytes),
        "lam": training.lam_of(problem, dataset),
        "runs": training.compare(dataset, settings),
    }


def _tell(what: str) -> None:
    print(f"benchmarks.gpu: {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
