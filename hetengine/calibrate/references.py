"""Short reference runs: timed when a machine is calibrated, and again when that is refreshed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from hetengine.calibrate.probes import Probe, Shape, make_data, run_probe
from hetengine.calibrate.spec import Reference
from hetengine.config import TopologyConfig
from hetengine.sim.cost.drift import dispatch_key, kernel_key, kernels_key, link_key
from hetengine.span import Span

REFERENCES = (
    Probe(Shape(9_000, 700), "svm", rounds=8),
    Probe(Shape(2_500, 2_600), "lasso", rounds=14),
    Probe(Shape(70_000, 140), "logistic", rounds=4),
    Probe(Shape(8_000, 9_000, 0.011), "logistic", rounds=10),
    Probe(Shape(25_000, 6_000, 0.005), "svm", rounds=8),
    Probe(Shape(12_000, 3_000, 0.01), "lasso", rounds=12),
)
"""Dense and sparse, from within a cache to far beyond it; 0.1 s each on the machine tuned on."""


def reference_plan(probes: Iterable[Probe] = REFERENCES) -> list[Reference]:
    """Return reference runs that have not been timed yet."""
    return [
        Reference(
            probe.problem,
            probe.selection,
            probe.shape.rows,
            probe.shape.columns,
            probe.rounds,
            probe.shape.density,
            probe.memory_fraction,
        )
        for probe in probes
    ]


def bare(topology: TopologyConfig) -> TopologyConfig:
    """Drop what a calibration knew and what would limit a reference run."""
    devices = {
        name: replace(device, kernels={}, capacity_bytes=None)
        for name, device in topology.devices.items()
    }
    return replace(topology, devices=devices, calibration=None)


def timed(
    references: Sequence[Reference], topology: TopologyConfig, repeats: int = 1
) -> list[Reference]:
    """Run reference runs for real, in turns, and return them with what their parts took.

    Parameters
    ----------
    references : sequence of Reference
        What to run; times they hold already are kept, and those measured come behind them.
    topology : TopologyConfig
        On which machine.
    repeats : int
        How often to run all of them.
    """
    found = list(references)
    for _ in range(repeats):
        for k, reference in enumerate(found):
            parts = parts_of(_run(reference, topology), topology)
            seconds = {key: list(values) for key, values in reference.seconds.items()}
            for key, value in parts.items():
                seconds.setdefault(key, []).append(value)
            found[k] = replace(reference, seconds=seconds)
    return found


def parts_of(spans: Iterable[Span], topology: TopologyConfig) -> dict[str, float]:
    """Return the seconds of each kernel, of handing over and of each link, by key of the drift.

    Parameters
    ----------
    spans : iterable of Span
        Of one run.
    topology : TopologyConfig
        Says which links there are.
    """
    host = topology.build().host.name
    links = {end: name for name, link in topology.links.items() for end in link.ends if end != host}
    seconds: dict[str, float] = defaultdict(float)
    for span in spans:
        busy = span.busy_seconds
        took = span.end_seconds - span.start_seconds if busy is None else busy
        if not span.direction:
            seconds[kernel_key(span.device, span.label)] += took
            seconds[kernels_key(span.device)] += took
        elif span.device in links:
            seconds[link_key(links[span.device])] += took
        seconds[dispatch_key(host)] += span.issue_seconds
    return dict(seconds)


def _run(reference: Reference, topology: TopologyConfig) -> list[Span]:
    shape = Shape(reference.rows, reference.columns, reference.density)
    probe = Probe(
        shape,
        reference.problem,
        reference.selection,
        memory_fraction=reference.memory_fraction,
        rounds=reference.rounds,
    )
    return run_probe(probe, topology, *_data(shape))


@cache
def _data(shape: Shape) -> Any:
    return make_data(shape, Probe(shape).precision)
