"""Run cases for real and simulated, on topologies measured just before."""

from __future__ import annotations

import math
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fidelity.cases import Case
from benchmarks.fidelity.score import Outcome
from hetengine import registry
from hetengine.api import compose
from hetengine.calibrate.bystanders import Bystanders
from hetengine.calibrate.file import read_topology, write_topology
from hetengine.calibrate.measure import measure
from hetengine.calibrate.probes import SHAPES, Probe, Shape, make_data, plan, run_probe
from hetengine.calibrate.refresh import Refresher
from hetengine.calibrate.spec import Refresh
from hetengine.calibrate.status import CALIBRATED, judge
from hetengine.compare.read import slices_of
from hetengine.compare.split import split
from hetengine.config import TopologyConfig
from hetengine.record.trace import trace_events
from hetengine.span import Span

TRIES = 3
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
            write_topology(path, measure(opened(name), plan(SHAPES), say=say)[0])
        found[name] = read_topology(path)
        status, detail = judge(found[name].calibration)
        say(f"{path}: {status}, {detail}")
        if status != CALIBRATED:
            raise SystemExit(f"{path} is {status}; run without --reuse")
    return found


def opened(backend: str) -> TopologyConfig:
    """Return the machine on which cases of a backend run for real."""
    return compose([f"topology={TOPOLOGIES[backend]}"]).topology


def run_all(
    cases: list[Case], measured: dict[str, TopologyConfig], repeats: int
) -> tuple[dict[Case, Times], dict[str, Refresh], int]:
    """Run every case for real, round after round over all of them.

    Before each case comes one of the runs that refresh the calibration of its backend: a shared
    machine changes its speed within seconds. Real runs during which other processes took part of
    the processor are run again.

    Returns
    -------
    dict of Case to Times
        One per case.
    dict of str to Refresh
        By backend, what the runs in between have found.
    int
        Real runs that were disturbed every time and count nevertheless.
    """
    real: dict[Case, Times] = defaultdict(Times)
    data: dict[tuple[Shape, str], Any] = {}
    refreshers = {
        name: Refresher(measured[name], owner=name)
        for name in sorted({case.backend for case in cases})
    }
    disturbed = 0
    for refresher in refreshers.values():
        for _ in range(refresher.references):
            refresher.run()  # builds kernels
    for repeat in range(repeats):
        say(f"round {repeat + 1} of {repeats}")
        for case in cases:
            probe, key = case.probe, (case.probe.shape, case.probe.precision)
            if key not in data:
                data[key] = make_data(*key, seed=SEED)
            if repeat == 0:
                run_probe(probe, opened(case.backend), *data[key])  # builds kernels, warms caches
            refreshers[case.backend].run()
            spans, alone = _alone(probe, opened(case.backend), data[key])
            disturbed += not alone
            real[case].add(spans)
    return real, {name: each.refresh() for name, each in refreshers.items()}, disturbed


def simulated(
    cases: Sequence[Case], measured: dict[str, TopologyConfig], refreshes: dict[str, Refresh]
) -> dict[str, tuple[Times, Times]]:
    """Simulate cases, with and without the refresh of their backend's calibration, by name."""
    tasks = []
    for case in cases:
        topology = measured[case.backend]
        assert topology.calibration is not None
        about = replace(topology.calibration, refresh=refreshes[case.backend])
        tasks.append((case.probe, replace(topology, calibration=about), topology))
    workers = max(1, (os.cpu_count() or 1))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return dict(zip((case.name for case in cases), pool.map(_both, tasks), strict=True))


def _both(task: tuple[Probe, TopologyConfig, TopologyConfig]) -> tuple[Times, Times]:
    probe, *topologies = task
    data = make_data(probe.shape, probe.precision, seed=SEED)
    with_refresh, without = Times(), Times()
    for times, topology in zip((with_refresh, without), topologies, strict=True):
        times.add(run_probe(probe, topology, *data, mode="simulate"))
    return with_refresh, without


def outcome_of(case: Case, real: Times) -> Outcome:
    """Return a case that has run for real and has not been simulated."""
    return Outcome(case.name, case.calibrated, real.seconds, math.nan, math.nan, real.middle(), {})


def with_simulation(outcome: Outcome, times: tuple[Times, Times]) -> Outcome:
    """Return an outcome with what its simulation says."""
    with_refresh, without = times
    return replace(
        outcome,
        simulated_seconds=with_refresh.seconds[0],
        unrefreshed_seconds=without.seconds[0],
        simulated_parts=with_refresh.middle(),
    )


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
