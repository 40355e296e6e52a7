"""How long it takes to start: importing the package, and a whole run from the shell.

    python benchmarks/startup.py              # medians, written to results/startup.md
    python benchmarks/startup.py --imports    # only list what takes longest to import in a run

Every start is a process of its own; files are in the page cache and kernels compiled beforehand,
by one run that is not counted.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "startup.md"
PYTHON = [sys.executable]
STARTS: dict[str, tuple[list[str], float | None]] = {
    "an empty Python": ([*PYTHON, "-c", "pass"], None),
    "`import hetengine`": ([*PYTHON, "-c", "import hetengine"], 0.3),
    "`from hetengine import fit`": ([*PYTHON, "-c", "from hetengine import fit"], None),
    "`hetengine --version`": ([*PYTHON, "-m", "hetengine", "--version"], None),
    "`hetengine experiment=adult_svm`": (
        [*PYTHON, "-m", "hetengine", "experiment=adult_svm", "progress=none"],
        6.0,
    ),
}
"""What is started, and the seconds it may take."""

_HEADING = (
    "| start | median s | fastest | slowest | CPU s | goal s | |",
    "|---|---:|---:|---:|---:|---:|---|",
)
_TOP = 25


def start(command: Sequence[str], folder: str) -> tuple[float, float]:
    """Run a command and return its wall and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(runs: int, folder: str) -> list[str]:
    """Start everything several times, in turns, and return the lines of a table."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for turn in range(runs + 1):
        for name, (command, _) in STARTS.items():
            found = start(command, folder)
            if turn:
                times[name].append(found)
    lines = [*_HEADING]
    for name, (_, goal) in STARTS.items():
        walls = [wall for wall, _ in times[name]]
        cpu = statistics.median(each for _, each in times[name])
        median = statistics.median(walls)
        verdict = "" if goal is None else "met" if median < goal else "NOT met"
        lines.append(
            f"| {name} | {median:.2f} | {min(walls):.2f} | {max(walls):.2f} | {cpu:.2f} "
            f"| {'' if goal is None else f'{goal:g}'} | {verdict} |"
        )
    return lines


def slowest_imports(folder: str) -> list[str]:
    """Return the modules of a run that take longest to import, those they import included."""
    command = [*PYTHON, "-X", "importtime", "-m", "hetengine", "experiment=adult_svm"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    found = []
    for line in done.stderr.splitlines():
        own, bar, rest = line.removeprefix("import time:").partition("|")
        if bar and own.strip().isdigit():
            total, _, name = rest.partition("|")
            found.append((int(total) / 1e6, int(own) / 1e6, name.strip()))
    found.sort(reverse=True)
    return [f"{total:8.3f} s, own {own:.3f} s  {name}" for total, own, name in found[:_TOP]]


def main() -> None:
    """Measure, print and write, or only list the imports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7, help="counted starts of each")
    parser.add_argument("--imports", action="store_true", help="list the slowest imports")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.imports:
            start(STARTS["`hetengine experiment=adult_svm`"][0], folder)
            print("\n".join(slowest_imports(folder)))
            return
        lines = measure(options.runs, folder)
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("numpy", "numba", "hydra-core")
    )
    head = [
        "# Starting",
        "",
        f"By `benchmarks/startup.py`, {datetime.now(UTC).date().isoformat()}, {os.cpu_count()} "
        f"cores, Python {sys.version.split()[0]}, {versions}; {options.runs} starts of each, in "
        "turns, kernels compiled beforehand.",
        "",
    ]
    print("\n".join([*head, *lines]))
    RESULTS.write_text("\n".join([*head, *lines]) + "\n")


if __name__ == "__main__":
    main()
