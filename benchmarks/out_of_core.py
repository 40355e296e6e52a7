"""Data larger than memory: gap-driven residency against streaming, under caps on every memory.

    python benchmarks/out_of_core.py DIR --only make       # the store: once, 12 GB of DIR
    python benchmarks/out_of_core.py DIR --only gap        # one run, kept beside the earlier ones
    python benchmarks/out_of_core.py DIR --only sequential
    python benchmarks/out_of_core.py DIR --only memory     # the same data all in memory
    python benchmarks/out_of_core.py DIR                   # all of it, three runs of gap

trains on a column store of 6 GB with a host capped at 1 GB and an accelerator capped at 256 MB,
each run in a process of its own. Every run is added to `results/out_of_core.json`, from which
`results/out_of_core.md` is made. Peak memory is VmHWM of the process, all threads. Reads go past
the page cache (O_DIRECT), so that nothing but the caps decides what is read again; the rate of the
disk is measured the same way before every run. Kernels are compiled off the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

TOL = 1e-4
MEMORY_TOL = 1e-6
MOST_BYTES = 1_500_000_000
LEAST_RATIO = 3.0
GAP_RUNS = 3
RESULTS = Path(__file__).parent / "results" / "out_of_core.json"
STORES = {
    "dense": "correlated Gaussian columns, 25,000 x 60,000 in float32 (6 GB)",
    "sparse": "300,000 x 400,000 in float32, 600 entries per row (1.44 GB)",
}
SPARSE_SHAPE, SPARSE_ENTRIES = (300_000, 400_000), 600

_RUN = """
import json, sys
import numpy as np
import hetengine
words, place = sys.argv[2:], sys.argv[1]
result = hetengine.run(words)
status = open("/proc/self/status").read()
peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
np.save(place, result.w)
rows = [(row.seconds, row.objective, row.relative_gap) for row in result.metrics]
print(json.dumps({"status": result.status, "seconds": result.seconds, "rounds": result.rounds,
    "objective": result.objective, "gap": result.relative_gap, "rows": rows,
    "read_bytes": result.summary["bytes_from_disk"],
    "up_bytes": result.summary["bytes_host_to_device"], "peak_bytes": 1024 * int(peak.split()[1])}))
"""

_MEMORY = """
import json, sys
from pathlib import Path
import numpy as np
from hetengine.api import compose, recorded
from hetengine.data.dataset import Dataset
from hetengine.engine import linear
from hetengine.store.store import open_store
store = open_store(Path(sys.argv[2]))
n, d = store.header.count, store.header.length
columns = np.empty((n, d), np.float32)
for (first, last), part in store.all_columns().passes(np.arange(n)):
    columns[first:last] = part.values
y = store.y
config = compose(["problem=lasso", "solver.selection=auto", "progress=none", *sys.argv[3:]])
data = Dataset("columns", columns.T, y)
result = recorded(config, lambda recorder: linear.run(config, recorder, data), None)
lam = float(result.summary["lam"])
values = {}
for place in [sys.argv[1], *Path(sys.argv[1]).parent.glob(Path(sys.argv[1]).name + ".*.npy")]:
    w = result.w if place == sys.argv[1] else np.load(place)
    used = np.flatnonzero(w)
    residual = y - w[used] @ columns[used].astype(np.float64)
    value = residual @ residual / (2 * d) + lam * np.abs(w).sum()
    steep = 0.0
    for first in range(0, n, 500):
        block = columns[first : first + 500].astype(np.float64)
        steep = max(steep, float(np.abs(block @ residual).max()) / d)
    theta = residual * min(1.0, lam / steep)
    dual = theta @ y / d - theta @ theta / (2 * d)
    values[Path(place).name] = (value, (value - dual) / value, int(used.size))
print(json.dumps({"status": result.status, "seconds": result.seconds, "gap": result.relative_gap,
    "objective": result.objective, "lam": lam, "checked": values}))
"""


@dataclass
class Run:
    """One run that was measured.

    Attributes
    ----------
    store, selection : str
        What was trained on, and how; selection ``memory`` is the solver without a store.
    date : str
        Day of the run.
    most_seconds : float
        After which it was to stop.
    disk_bytes_per_second : float
        Measured just before.
    found : dict
        What the process reported.
    words : list of str
        Overrides beside the usual ones.
    note : str
        What a reader has to know of it.
    """

    store: str
    selection: str
    date: str
    most_seconds: float
    disk_bytes_per_second: float
    found: dict[str, Any]
    words: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def converged(self) -> bool:
        """Whether the gap was certified in time."""
        return self.found["status"] == "converged"


def place_of(directory: Path, store: str) -> Path:
    """Return where a store is."""
    return directory / f"out_of_core_{store}"


def make(directory: Path, store: str) -> None:
    """Write a store unless it is there."""
    path = place_of(directory, store)
    if (path / "header.json").exists():
        return
    free = shutil.disk_usage(directory).free
    if free < 13e9:
        sys.exit(f"{directory} has {free:,} bytes free; making the store takes 13 GB")
    words = ["data=dense_correlated", "data.rows=25000", "data.columns=60000", "data.seed=0"]
    archive = directory / "out_of_core.npz"
    if store == "sparse":
        write_sparse(archive)
        words = ["data=npz", f"data.path={archive}"]
    command = [sys.executable, "-m", "hetengine", "convert", *words, "--side", "primal"]
    subprocess.run([*command, "--out", str(path)], check=True)
    archive.unlink(missing_ok=True)


def write_sparse(path: Path) -> None:
    """Write sparse data: one entry in each of equal ranges of columns, whose scales differ."""
    rng = np.random.default_rng(0)
    (rows, columns), entries = SPARSE_SHAPE, SPARSE_ENTRIES
    begins = np.linspace(0, columns, entries, endpoint=False).astype(np.int32)
    widths = np.diff(np.append(begins, columns))
    scale = (rng.pareto(2.0, columns) + 0.1).astype(np.float32)
    model = np.zeros(columns, np.float32)
    model[rng.choice(columns, 2000, replace=False)] = rng.standard_normal(2000)
    indices = np.empty((rows, entries), np.int32)
    data = np.empty((rows, entries), np.float32)
    for first in range(0, rows, 1000):
        part = slice(first, first + 1000)
        chosen = rng.random((1000, entries), np.float32) * widths
        indices[part] = np.minimum(chosen.astype(np.int32), widths - 1) + begins
        data[part] = scale[indices[part]] * rng.standard_normal((1000, entries), np.float32)
    y = np.einsum("ij,ij->i", data, model[indices]).astype(np.float64)
    y += 0.3 * y.std() * rng.standard_normal(rows)
    pointers = np.arange(rows + 1, dtype=np.int64) * entries
    members: dict[str, np.ndarray] = {"data": data.ravel(), "indices": indices.ravel(), "y": y}
    np.savez(path, allow_pickle=False, **members, indptr=pointers, shape=np.array(SPARSE_SHAPE))


def disk_rate(path: Path, nbytes: int = 1_000_000_000) -> float:
    """Measure bytes per second of the reads training does: aligned pieces past the page cache."""
    from concurrent.futures import ThreadPoolExecutor

    from hetengine.store.store import open_store

    store = open_store(path)
    store.verified[:] = True
    area, done, begun = store.landing_area(), 0, time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        for piece in store.plan(np.arange(store.header.count)):
            store.files.read(piece, area, pool)
            done += piece.nbytes
            if done >= nbytes:
                break
    store.close()
    return done / (time.perf_counter() - begun)


def child(script: str, words: list[str]) -> dict[str, Any]:
    """Run a script in a fresh process and return what it prints last."""
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def train(directory: Path, store: str, selection: str, seconds: float, more: list[str]) -> Run:
    """Train on a store in a fresh process; its coefficients stay beside the store."""
    path = place_of(directory, store)
    rate = disk_rate(path)
    words = ["problem=lasso", "problem.lam_ratio=0.1", "data=store", f"data.path={path}"]
    words += ["topology=cpu_disk", "progress=none", f"tol={TOL}", f"max_seconds={seconds}"]
    words += [f"solver.selection={selection}", *more]
    found = child(_RUN, [f"{path}.{selection}.npy", *words])
    return Run(store, selection, _today(), seconds, rate, found, more)


def in_memory(directory: Path, store: str) -> Run:
    """Solve the same data held in memory, and check every kept model against them in NumPy."""
    path = place_of(directory, store)
    found = child(_MEMORY, [str(path), str(path), f"tol={MEMORY_TOL}", "problem.lam_ratio=0.1"])
    return Run(store, "memory", _today(), 0.0, 0.0, found)


def kept() -> list[Run]:
    """Return the runs measured so far."""
    if not RESULTS.exists():
        return []
    return [Run(**entry) for entry in json.loads(RESULTS.read_text())["runs"]]


def keep(runs: list[Run]) -> None:
    """Write all runs, and the table made from them."""
    entries = [json.dumps(asdict(run)) for run in runs]
    RESULTS.write_text('{"runs": [\n' + ",\n".join(entries) + "\n]}\n")
    lines = report(runs)
    RESULTS.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines), flush=True)


def report(runs: list[Run]) -> list[str]:
    """Lay everything out in Markdown."""
    lines = [
        "# Lasso on column stores larger than memory",
        "",
        f"By `benchmarks/out_of_core.py`, {', '.join(sorted({run.date for run in runs}))}, on a "
        f"machine with {os.cpu_count()} cores. lambda = 0.1 lambda_max; host capped at 1 GB, "
        "accelerator (a second core) at 256 MB; reads with O_DIRECT; every run in a process of its "
        "own. `seconds` is the time to a certified relative gap of 1e-4. Peak memory is of the "
        "whole process: what the caps allow, 1,256 MB, if all of it is used, some 200 MB of Python "
        "and compiled code, and the trace.",
    ]
    for store in STORES:
        mine = [run for run in runs if run.store == store]
        if mine:
            lines += ["", f"## {store}: {STORES[store]}", "", *table(mine)]
            lines += ["", *verdict(mine)]
            lines += [f"- {note}" for note in sorted({run.note for run in mine if run.note})]
    return lines


def table(runs: list[Run]) -> list[str]:
    """Return one line per run on a store."""
    lines = [
        "| selection | status | seconds | limit | rounds | relative gap | objective "
        "| GB read | disk GB/s before | peak MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for run in runs:
        if run.selection == "memory":
            continue
        found = run.found
        name = " ".join([run.selection, *run.words])
        lines.append(
            f"| {name} | {found['status']} | {found['seconds']:.1f} | {run.most_seconds:g} "
            f"| {found['rounds']:,} | {found['gap']:.1e} | {found['objective']:.8g} "
            f"| {found['read_bytes'] / 1e9:.1f} | {run.disk_bytes_per_second / 1e9:.2f} "
            f"| {found['peak_bytes'] / 1e6:,.0f} |"
        )
    return lines


def verdict(runs: list[Run]) -> list[str]:
    """Say which goals were met; a run that was stopped gives a lower bound of the ratio."""
    trained = [run for run in runs if run.selection != "memory"]
    gaps = [run for run in trained if run.selection == "gap" and run.converged]
    streams = [run for run in trained if run.selection == "sequential"]
    lines = []
    if gaps and streams:
        seconds = statistics.median(run.found["seconds"] for run in gaps)
        best = min(streams, key=lambda run: (not run.converged, run.found["seconds"]))
        ratio = best.found["seconds"] / seconds
        least = "" if best.converged else "more than "
        met = "met" if ratio >= LEAST_RATIO else "NOT met"
        lines.append(
            f"- gap takes {seconds:.1f} s (median of {len(gaps)}), sequential {least}"
            f"{best.found['seconds']:.1f} s: {least}{ratio:.1f} times (goal {LEAST_RATIO:g}): {met}"
        )
    for name, mine in (("gap", gaps), ("sequential", streams)):
        peak = max((run.found["peak_bytes"] for run in mine), default=0)
        if peak:
            met = "met" if peak < MOST_BYTES else "NOT met"
            limit = f"goal below {MOST_BYTES / 1e6:,.0f}"
            lines.append(f"- peak memory of {name} {peak / 1e6:,.0f} MB ({limit}): {met}")
    for run in runs:
        if run.selection == "memory":
            lines += agreement(run)
    return lines


def agreement(run: Run) -> list[str]:
    """Compare the models trained on a store with the optimum found in memory."""
    found = run.found
    lines = [
        f"- held in memory ({found['status']}, relative gap {found['gap']:.1e}): objective "
        f"{found['objective']:.9g}. Recomputed by NumPy in float64 from all columns:"
    ]
    for name, (value, gap, used) in found["checked"].items():
        parts = name.removesuffix(".npy").split(".")
        who = parts[1] if len(parts) > 1 else "memory"
        above = (value - found["objective"]) / found["objective"]
        lines.append(
            f"  - {who}: objective {value:.9g}, {above:+.1e} of the optimum; relative duality gap "
            f"{gap:.1e}; {used:,} coefficients"
        )
    return lines


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def main() -> None:
    """Do what was asked for, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path, help="where the stores go")
    parser.add_argument("overrides", nargs="*", help="of training, for instance solver.certify=3")
    parser.add_argument("--store", choices=tuple(STORES), default="dense")
    parser.add_argument("--only", choices=("make", "gap", "sequential", "memory"))
    parser.add_argument("--max-seconds", type=float, default=130.0, help="of each run")
    options = parser.parse_args()
    steps = ["gap"] * GAP_RUNS + ["sequential"] + ["memory"] * (options.store == "dense")
    if options.only is not None:
        steps = [options.only]
    make(options.directory, options.store)
    for step in steps:
        if step == "memory":
            run = in_memory(options.directory, options.store)
        elif step != "make":
            rest = (step, options.max_seconds, options.overrides)
            run = train(options.directory, options.store, *rest)
        else:
            continue
        keep([*kept(), run])


if __name__ == "__main__":
    main()
