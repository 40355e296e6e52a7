"""Reference runs: some of the runs a calibration is made of, repeated when it is refreshed.

What they took then went into the calibration, so that is what they are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hetengine.calibrate.probes import Probe, Shape, data_of, run_probe
from hetengine.calibrate.spec import Reference
from hetengine.config import TopologyConfig
from hetengine.span import Span

KEPT = (True, False, True, True, False)
"""Which of every five probes are: of each shape others, and together all kinds."""


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
        for k, probe in enumerate(probes)
        if KEPT[k % len(KEPT)]
    ]


def run_reference(reference: Reference, topology: TopologyConfig) -> list[Span]:
    """Run one of them for real and return its commands.

    Parameters
    ----------
    reference : Reference
        As a topology file has it.
    topology : TopologyConfig
        On which machine; see `bare`.
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
    return run_probe(probe, topology, *data_of(shape, reference.precision))


def bare(topology: TopologyConfig) -> TopologyConfig:
    """Drop what a calibration knew and what would limit a reference run."""
    devices = {
        name: replace(device, kernels={}, capacity_bytes=None)
        for name, device in topology.devices.items()
    }
    return replace(topology, devices=devices, calibration=None)
