"""Peak memory of a fit beside the data, in a process of its own: dense and sparse, all problems.

    python -m benchmarks.memory

For each case a process draws the data, fits once, and reports the peak of its resident set
(VmHWM, so Linux only) minus what it was with everything imported and compiled but no data; data
included. The goals are 1.25 times the data for dense rows and 2.2 times for sparse ones. Writes
benchmarks/results/memory.md.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

_RESULTS = Path(__file__).resolve().parent / "results" / "memory.md"
_ROOT = Path(__file__).resolve().parents[1]
_DENSE, _SPARSE = (50_000, 2_000), (500_000, 50_000, 60)
_GOALS = {"dense": 1.25, "sparse": 2.2}
_PROBLEMS = {"lasso": 0.05, "ridge": 1e-3, "svm": 1e-4, "logistic": 1e-4}
_KIB, _MB = 1024, 1e6


def _resident(key: str) -> int:
    """Return a field of this process's status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * _KIB
    raise RuntimeError(f"/proc/self/status has no {key}")


def _draw(layout: str, rows: int) -> tuple[Any, np.ndarray, int]:
    """Return X, labels and the bytes of X, drawn in place so that nothing peaks above X."""
    rng = np.random.default_rng(0)
    y = np.where(rng.random(rows) < 0.5, -1.0, 1.0)
    if layout == "dense":
        X = np.empty((rows, _DENSE[1]), np.float32)
        for first in range(0, rows, 1000):
            block = X[first : first + 1000]
            rng.standard_normal(block.shape, np.float32, block)
            block[:, 0] += y[first : first + 1000]
        return X, y, X.nbytes
    from scipy.sparse import csr_matrix

    columns, entries = _SPARSE[1:]
    indices = np.empty((rows, entries), np.int32)
    values = np.empty((rows, entries), np.float32)
    stretch = columns // entries
    for first in range(0, rows, 10_000):
        block = indices[first : first + 10_000]
        block[...] = np.arange(entries) * stretch + rng.integers(0, stretch, block.shape)
        rng.standard_normal(block.shape, np.float32, values[first : first + 10_000])
    starts = np.arange(0, rows * entries + 1, entries, dtype=np.int32)
    X = csr_matrix((values.ravel(), indices.ravel(), starts), shape=(rows, columns))
    return X, y, X.data.nbytes + X.indices.nbytes + X.indptr.nbytes


def probe(layout: str, problem: str, threads: int) -> None:
    """Fit once in this process; print the bytes of the data and the peak above the baseline."""
    import hetengine

    def fit(data: tuple[Any, np.ndarray, int]) -> None:
        hetengine.fit(*data[:2], problem, lam=_PROBLEMS[problem], tol=1e-4, threads=threads)

    fit(_draw(layout, 3_000))
    baseline = _resident("VmRSS")
    data = _draw(layout, _DENSE[0] if layout == "dense" else _SPARSE[0])
    fit(data)
    print(data[2], _resident("VmHWM") - baseline)


def _measure(layout: str, problem: str, threads: int) -> tuple[float, float]:
    """Return the bytes of the data and the peak of a process of its own."""
    words = [sys.executable, "-m", "benchmarks.memory", "--probe", layout, problem, str(threads)]
    told = subprocess.run(words, cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    data, peak = told.split()[-2:]
    return float(data), float(peak)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 if a goal was missed."""
    made = argparse.ArgumentParser(prog="benchmarks.memory")
    made.add_argument("--probe", nargs=3, metavar=("LAYOUT", "PROBLEM", "THREADS"))
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--out", type=Path, default=_RESULTS)
    given = made.parse_args(words)
    if given.probe:
        layout, problem, threads = given.probe
        probe(layout, problem, int(threads))
        return 0
    lines = [
        "# Peak memory of a fit",
        "",
        f"{datetime.date.today()}, {platform.machine()}, {given.threads} threads; VmHWM of a "
        "process minus its imported and compiled baseline, data included; float32 data of "
        f"{_DENSE[0]:,} x {_DENSE[1]:,} (dense) and {_SPARSE[0]:,} x {_SPARSE[1]:,} with "
        f"{_SPARSE[2]} entries per row (sparse).",
        "",
        "| data | problem | data, MB | peak, MB | peak / data | goal |",
        "|---|---|---:|---:|---:|---:|",
    ]
    missed = False
    for layout, goal in _GOALS.items():
        for problem in _PROBLEMS:
            if layout == "sparse" and problem == "lasso":
                continue
            data, peak = _measure(layout, problem, given.threads)
            missed |= peak > goal * data
            lines.append(
                f"| {layout} | {problem} | {data / _MB:.0f} | {peak / _MB:.0f} "
                f"| {peak / data:.2f} | {goal} |"
            )
            print(lines[-1], flush=True)
    given.out.write_text("\n".join(lines) + "\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
