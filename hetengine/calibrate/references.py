"""Reference runs: some of the runs a calibration is made of, repeated when it is refreshed.

What they took then went into the calibration, so that is what they are compared with.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from hetengine.calibrate.probes import Probe, Shape, data_of, run_probe
from hetengine.calibrate.spec import Reference
from hetengine.config import TopologyConfig
from hetengine.span import Span

EVERY = 3
"""One in how many probes is one: of each shape others, and together all kinds."""


def references_of(probes: Sequence[Probe]) -> list[Reference]:
    """Return those of the probes of a calibration that are repeated later.

    Parameters
    ----------
    probes : sequence of Probe
        In the order of `hetengine.calibrate.probes.plan`.
    """
    return [
        Reference(
            probe.problem,
            probe.selection,
            probe.precision,
            probe.shape.rows,
            probe.shape.columns,
            probe.rounds,
            probe.shape.density,
            probe.memory_fraction,
        )
        for probe in referred_to(probes)
    ]


def referred_to(probes: Sequence[Probe]) -> Sequence[Probe]:
    """Return the probes that are reference runs."""
    return probes[::EVERY]


def run_reference(
    reference: Reference, topology: TopologyConfig, mode: str = "execute"
) -> list[Span]:
    """Run one of them and return its commands.

    Parameters
    ----------
    reference : Reference
        As a topology file has it.
    topology : TopologyConfig
        On which machine; see `bare`.
    mode : {'execute', 'simulate'}
        For real, or simulated.
    """
    shape = Shape(reference.rows, reference.columns, reference.density)
    probe = Probe(
        shape,
        reference.problem,
        reference.selection,
        reference.precision,
        reference.memory_fraction,
        reference.rounds,
    )
    return run_probe(probe, topology, *data_of(shape, reference.precision), mode)


def makespan(spans: Sequence[Span]) -> float:
    """Return the seconds until the last command of a run has ended."""
    return max(span.end_seconds for span in spans)


def middles(seconds: Iterable[Sequence[float]]) -> list[float]:
    """Return the median time of each run; NaN where there is none."""
    return [float(np.median(each)) if len(each) else math.nan for each in seconds]


def bare(topology: TopologyConfig) -> TopologyConfig:
    """Drop what a calibration knew and what would limit a reference run."""
    devices = {
        name: replace(device, kernels={}, capacity_bytes=None)
        for name, device in topology.devices.items()
    }
    return replace(topology, devices=devices, calibration=None)
