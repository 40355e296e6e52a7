"""Calibrate, run the suite, and write what came out."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fidelity.cases import Case, suite
from benchmarks.fidelity.score import Outcome, as_json, markdown
from hetengine import registry
from hetengine.api import compose
from hetengine.calibrate.file import read_topology, write_topology
from hetengine.calibrate.measure import measure
from hetengine.calibrate.probes import SHAPES, Shape, make_data, plan, run_probe
from hetengine.calibrate.status import CALIBRATED, judge
from hetengine.compare.read import slices_of
from hetengine.compare.split import split
from hetengine.config import TopologyConfig
from hetengine.device import Span
from hetengine.record.trace import trace_events

TOPOLOGIES = {"numpy": "cpu_limited", "opencl": "opencl"}
RESULTS = Path(__file__).resolve().parents[1] / "results"


@dataclass
class Times:
    """Makespan of each repeat of a case, and where it went."""

    seconds: list[float] = field(default_factory=list)
    parts: list[dict[str, float]] = field(default_factory=list)

    def add(self, spans: list[Span]) -> None:
        seconds = max(span.end_seconds for span in spans)
        self.seconds.append(seconds)
        self.parts.append(split(slices_of(list(trace_events(spans, ()))), seconds))

    def middle(self) -> dict[str, float]:
        """Parts of the median repeat."""
        return self.parts[int(np.argsort(self.seconds)[len(self.seconds) // 2])]


def backends() -> tuple[str, ...]:
    """Backends that can run here."""
    found = ["numpy"]
    if "opencl" in registry.installed() and registry.backend("opencl").devices():
        found.append("opencl")
    return tuple(found)


def calibrations(names: tuple[str, ...], folder: Path, reuse: bool) -> dict[str, TopologyConfig]:
    """Measure each backend's topology, or read what was measured before."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in names:
        path = folder / f"topology_{name}.yaml"
        if not (reuse and path.is_file()):
            topology = compose([f"topology={TOPOLOGIES[name]}"]).topology
            write_topology(path, measure(topology, plan(SHAPES), 2, say)[0])
        found[name] = read_topology(path)
        status, detail = judge(found[name].calibration)
        say(f"{path}: {status}, {detail}")
        if status != CALIBRATED:
            raise SystemExit(f"{path} is {status}; run without --reuse")
    return found


def run_all(
    cases: list[Case], measured: dict[str, TopologyConfig], repeats: int
) -> tuple[dict[Case, Times], dict[Case, Times]]:
    """Run every case for real, repeat after repeat over the whole suite, and simulate it once."""
    real: dict[Case, Times] = defaultdict(Times)
    simulated: dict[Case, Times] = defaultdict(Times)
    data: dict[tuple[Shape, str], Any] = {}
    bare = {name: compose([f"topology={TOPOLOGIES[name]}"]).topology for name in measured}
    for repeat in range(repeats):
        say(f"repeat {repeat + 1} of {repeats}, load {os.getloadavg()[0]:.1f}")
        for case in cases:
            probe, key = case.probe, (case.probe.shape, case.probe.precision)
            if key not in data:
                data[key] = make_data(*key, seed=1)
                run_probe(probe, bare[case.backend], *data[key])  # builds kernels, warms caches
            real[case].add(run_probe(probe, bare[case.backend], *data[key]))
            if repeat == 0:
                topology = measured[case.backend]
                simulated[case].add(run_probe(probe, topology, *data[key], mode="simulate"))
    return real, simulated


def say(message: str) -> None:
    """Tell what goes on."""
    sys.stderr.write(f"fidelity: {message}\n")


def main() -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--reuse", action="store_true", help="calibrations of the last time")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    begun, load = time.perf_counter(), os.getloadavg()[0]
    names = backends()
    measured = calibrations(names, Path("runs/fidelity"), options.reuse)
    cases = [case for case in suite(names) if options.only in case.name]
    real, simulated = run_all(cases, measured, options.repeats)
    outcomes = [
        Outcome(
            case.name,
            case.calibrated,
            real[case].seconds,
            simulated[case].seconds[0],
            real[case].middle(),
            simulated[case].middle(),
        )
        for case in cases
    ]
    about = {
        "processor": getattr(measured["numpy"].calibration, "cpu", ""),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "backends": ", ".join(names),
        "repeats": options.repeats,
        "load before and after": f"{load:.1f}, {os.getloadavg()[0]:.1f}",
        "took": f"{time.perf_counter() - begun:.0f} s",
    }
    lines = markdown(outcomes, about)
    print("\n".join(lines))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "fidelity.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = json.dumps(as_json(outcomes, about), indent=1)
    (options.out / "fidelity.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
