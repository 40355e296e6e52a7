"""Run cases for real and simulated, on topologies measured just before."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fidelity.cases import REFERENCE, Case
from benchmarks.fidelity.score import Outcome
from hetengine import registry
from hetengine.api import compose
from hetengine.calibrate.bystanders import Bystanders
from hetengine.calibrate.file import read_topology, write_topology
from hetengine.calibrate.measure import measure
from hetengine.calibrate.probes import SHAPES, Probe, Shape, make_data, plan, run_probe
from hetengine.calibrate.status import CALIBRATED, judge
from hetengine.compare.read import slices_of
from hetengine.compare.split import split
from hetengine.config import TopologyConfig
from hetengine.record.trace import trace_events
from hetengine.span import Span

TRIES = 3
_REFERENCES = 4
_BETWEEN = 8
SEED = 1
TOPOLOGIES = {"numpy": "cpu_limited", "opencl": "opencl"}


@dataclass
class Times:
    """Makespan of each repeat of a case, and where it went."""

    seconds: list[float] = field(default_factory=list)
    parts: list[dict[str, float]] = field(default_factory=list)

    def add(self, spans: list[Span]) -> None:
        """Take in one run."""
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
            reference(topology)  # builds kernels
            then = [reference(topology) for _ in range(_REFERENCES)]
            write_topology(path, measure(topology, plan(SHAPES), 2, say)[0])
            then += [reference(topology) for _ in range(_REFERENCES)]
            _reference_path(folder, name).write_text(json.dumps(then) + "\n", encoding="utf-8")
        found[name] = read_topology(path)
        status, detail = judge(found[name].calibration)
        say(f"{path}: {status}, {detail}")
        if status != CALIBRATED:
            raise SystemExit(f"{path} is {status}; run without --reuse")
    return found


def reference(topology: TopologyConfig) -> list[float]:
    """Run the reference runs for real and return their makespans."""
    return [
        max(span.end_seconds for span in run_probe(probe, topology, *_reference_data(probe)))
        for probe in REFERENCE
    ]


@cache
def _reference_data(probe: Probe) -> Any:
    return make_data(probe.shape, probe.precision)


def _reference_path(folder: Path, name: str) -> Path:
    return folder / f"reference_{name}.json"


def _drift(now: Sequence[Sequence[float]], folder: Path, name: str) -> float:
    """Return how much longer reference runs take than just before and after calibration."""
    then = json.loads(_reference_path(folder, name).read_text(encoding="utf-8"))
    ratios = np.median(now, axis=0) / np.median(then, axis=0)
    return float(np.exp(np.mean(np.log(ratios))))


def run_all(
    cases: list[Case], measured: dict[str, TopologyConfig], repeats: int, folder: Path
) -> tuple[list[Outcome], int]:
    """Run every case for real, repeat after repeat over all of them, and simulate it once.

    Reference runs are timed beside, to be compared with those kept in the folder. Real runs during
    which other processes took part of the processor are run again.

    Returns
    -------
    list of Outcome
        One per case.
    int
        Real runs that were disturbed every time and count nevertheless.
    """
    real: dict[Case, Times] = defaultdict(Times)
    simulated: dict[Case, Times] = defaultdict(Times)
    data: dict[tuple[Shape, str], Any] = {}
    bare = {name: compose([f"topology={TOPOLOGIES[name]}"]).topology for name in measured}
    now: dict[str, list[list[float]]] = defaultdict(list)
    disturbed = 0
    for repeat in range(repeats):
        say(f"repeat {repeat + 1} of {repeats}")
        for k, case in enumerate(cases):
            if k % _BETWEEN == 0:
                now[case.backend].append(reference(bare[case.backend]))
            probe, key = case.probe, (case.probe.shape, case.probe.precision)
            if key not in data:
                data[key] = make_data(*key, seed=SEED)
                run_probe(probe, bare[case.backend], *data[key])  # builds kernels, warms caches
            spans, alone = _alone(probe, bare[case.backend], data[key])
            disturbed += not alone
            real[case].add(spans)
            if repeat == 0:
                topology = measured[case.backend]
                simulated[case].add(run_probe(probe, topology, *data[key], mode="simulate"))
    drift = {name: _drift(seen, folder, name) for name, seen in now.items()}
    outcomes = [
        Outcome(
            case.name,
            case.calibrated,
            real[case].seconds,
            simulated[case].seconds[0],
            real[case].middle(),
            simulated[case].middle(),
            drift[case.backend],
        )
        for case in cases
    ]
    return outcomes, disturbed


def simulated_again(
    outcomes: Sequence[Outcome], cases: Sequence[Case], measured: dict[str, TopologyConfig]
) -> list[Outcome]:
    """Return outcomes with the simulation repeated, after a change of the simulator."""
    by_name = {case.name: case for case in cases}
    found = []
    for outcome in outcomes:
        case, times = by_name[outcome.name], Times()
        data = make_data(case.probe.shape, case.probe.precision, seed=SEED)
        times.add(run_probe(case.probe, measured[case.backend], *data, mode="simulate"))
        found.append(
            replace(outcome, simulated_seconds=times.seconds[0], simulated_parts=times.middle())
        )
    return found


def _alone(probe: Probe, topology: TopologyConfig, data: Any) -> tuple[list[Span], bool]:
    """Run a probe, a few times if others disturb it; return the last run and whether it was not."""
    spans: list[Span] = []
    for _ in range(TRIES):
        others = Bystanders()
        spans = run_probe(probe, topology, *data)
        if not others.disturb():
            return spans, True
    return spans, False


def say(message: str) -> None:
    """Tell what goes on."""
    sys.stderr.write(f"fidelity: {message}\n")
