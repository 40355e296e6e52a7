"""Peak memory of a fit beside the data, in a process of its own: dense and sparse, all problems.

    python -m benchmarks.memory
    python -m benchmarks.memory --only tall

For each case a process draws the data, fits once, and reports the peak of its resident set
(VmHWM, so Linux only) minus what it was with everything imported and compiled but no data; data
included, but not what drawing them took and gave back. The goals are 1.25 times the data for dense
rows and 2.2 times for sparse ones. Writes benchmarks/results/memory.md.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import gc
import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

_RESULTS = Path(__file__).resolve().parent / "results" / "memory.md"
_ROOT = Path(__file__).resolve().parents[1]
_STRENGTHS = {"ridge": 1e-3, "svm": 1e-4, "squared_hinge": 1e-4, "logistic": 1e-4}
_KIB, _MB = 1024, 1e6
_BLOCK = 1000


@dataclass(frozen=True)
class Case:
    """One fit: the shape of the data, the problem, and for l1 penalties how strong it is.

    ``entries`` counts those of a row, 0 for dense rows; with ``skew`` 3 some columns are in almost
    every row and most are rare, as words are; ``share`` is lam over the least that yields 0.
    """

    shape: str
    problem: str
    rows: int
    columns: int
    entries: int = 0
    share: float = 0.1
    skew: int = 1
    order: str = "C"

    @property
    def goal(self) -> float:
        """Peak over data that is to be met."""
        return 2.2 if self.entries else 1.25


def _cases() -> list[Case]:
    rows = {
        "dense": ((50_000, 2_000), ("lasso", "ridge", "svm", "logistic")),
        "large": ((500_000, 50_000, 60), ("ridge", "svm", "logistic")),
        "tall": ((60_000, 4_000, 16), ("lasso", "elastic_net", "ridge", "logistic")),
        "wide": ((4_000, 200_000, 300), ("lasso", "ridge", "logistic")),
    }
    cases = [
        Case(name, each, *size) for name, (size, problems) in rows.items() for each in problems
    ]
    for problem in ("lasso", "elastic_net"):
        cases += [
            Case("large", problem, 500_000, 50_000, 60),
            Case("large", problem, 500_000, 50_000, 60, 0.01),
            Case("tall", problem, 60_000, 4_000, 16, 0.01),
            Case("words", problem, 25_000, 40_000, 130, 0.02, 3),
        ]
    cases += [
        Case("few", "lasso", 2_000, 20_000, 200, 0.02),
        Case("Fortran", "lasso", 50_000, 2_000, order="F"),
        Case("Fortran", "ridge", 50_000, 2_000, order="F"),
    ]
    return cases


def _resident(key: str) -> int:
    """Return a field of this process's status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * _KIB
    raise RuntimeError(f"/proc/self/status has no {key}")


def _dense(case: Case, rng: np.random.Generator, y: np.ndarray) -> tuple[Any, int]:
    X = np.empty((case.rows, case.columns), np.float32, case.order)  # type: ignore[call-overload]
    for first in range(0, case.rows, _BLOCK):
        block = rng.standard_normal(X[first : first + _BLOCK].shape, np.float32)
        block[:, 0] += y[first : first + _BLOCK]
        X[first : first + _BLOCK] = block
    return X, X.nbytes


def _sparse(case: Case, rng: np.random.Generator) -> tuple[Any, int]:
    from scipy.sparse import csr_matrix

    rows, columns, entries = case.rows, case.columns, case.entries
    bounds = (columns * (np.arange(entries + 1) / entries) ** case.skew).astype(np.int64)
    bounds = np.maximum(bounds, np.arange(entries + 1))
    indices = np.empty((rows, entries), np.int32)
    values = np.empty((rows, entries), np.float32)
    for first in range(0, rows, _BLOCK):
        block = indices[first : first + _BLOCK]
        block[...] = rng.integers(bounds[:-1], bounds[1:], block.shape)
        rng.standard_normal(block.shape, np.float32, values[first : first + _BLOCK])
    starts = np.arange(0, rows * entries + 1, entries, dtype=np.int32)
    X = csr_matrix((values.ravel(), indices.ravel(), starts), shape=(rows, columns))
    return X, X.data.nbytes + X.indices.nbytes + X.indptr.nbytes


def _draw(case: Case) -> tuple[Any, np.ndarray, int, float]:
    """Return X, labels, the bytes of X, and lam."""
    rng = np.random.default_rng(0)
    y = np.where(rng.random(case.rows) < 0.5, -1.0, 1.0)
    X, nbytes = _sparse(case, rng) if case.entries else _dense(case, rng, y)
    if case.problem in _STRENGTHS:
        return X, y, nbytes, _STRENGTHS[case.problem]
    if case.entries:
        chosen = rng.choice(case.columns, 200, replace=False)
        planted = np.zeros(case.columns, np.float32)
        planted[chosen] = np.sqrt(case.rows / np.maximum(X.getnnz(axis=0)[chosen], 1))
        y = X @ planted + rng.standard_normal(case.rows)
    return X, y, nbytes, case.share * float(np.abs(X.T @ y).max()) / case.rows


def _give_back() -> None:
    """Return to the system what has been freed: it would count as in use."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def probe(case: Case, threads: int) -> None:
    """Fit once in this process; print bytes of the data, peak above the baseline, seconds."""
    import hetengine

    def fit(X: Any, y: np.ndarray, lam: float) -> Any:
        return hetengine.fit(X, y, case.problem, lam=lam, tol=1e-4, threads=threads)

    less = replace(case, rows=min(case.rows // 10, 3_000))
    if case.columns > 10 * case.entries:
        less = replace(less, columns=case.columns // 10)
    X, y, _, lam = _draw(less)
    fit(X, y, lam)
    del X, y
    _give_back()
    baseline = _resident("VmRSS")
    X, y, nbytes, lam = _draw(case)
    _give_back()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM is what drawing took until now
    begin = time.perf_counter()
    result = fit(X, y, lam)
    seconds = time.perf_counter() - begin
    support = int(np.count_nonzero(result.w))
    print(nbytes, _resident("VmHWM") - baseline, seconds, support, result.status)


def _measure(case: Case, threads: int) -> tuple[float, float, float, int, str]:
    """Return what a process of its own prints."""
    words = [sys.executable, "-m", "benchmarks.memory", "--probe", json.dumps(asdict(case))]
    words += ["--threads", str(threads)]
    told = subprocess.run(words, cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    data, peak, seconds, support, status = told.split()[-5:]
    return float(data), float(peak), float(seconds), int(support), status


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 if a goal was missed."""
    made = argparse.ArgumentParser(prog="benchmarks.memory")
    made.add_argument("--probe", metavar="CASE")
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--only", default="", help="shapes whose name contains this; writes nothing")
    made.add_argument("--out", type=Path, default=_RESULTS)
    given = made.parse_args(words)
    if given.probe:
        probe(Case(**json.loads(given.probe)), given.threads)
        return 0
    lines = [
        "# Peak memory of a fit",
        "",
        f"{datetime.date.today()}, {platform.machine()}, {given.threads} threads; VmHWM of a "
        "process minus its imported and compiled baseline, data included; float32 data, relative "
        "gap 1e-4, one fit of each. lam / most: the strength over the least that yields 0.",
        "",
        "| data | rows x columns | entries per row | problem | lam / most | data, MB | peak, MB "
        "| peak / data | goal | support | seconds |",
        "|---|---|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    missed = False
    for case in _cases():
        if given.only not in case.shape:
            continue
        data, peak, seconds, support, status = _measure(case, given.threads)
        missed |= peak > case.goal * data or status != "converged"
        share = "" if case.problem in _STRENGTHS else case.share
        lines.append(
            f"| {case.shape} | {case.rows:,} x {case.columns:,} | {case.entries or 'all'} "
            f"| {case.problem} | {share} | {data / _MB:.0f} | {peak / _MB:.0f} "
            f"| {peak / data:.2f} | {case.goal} | {support} | {seconds:.2f} |"
        )
        print(lines[-1], flush=True)
    if not given.only:
        given.out.write_text("\n".join(lines) + "\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
