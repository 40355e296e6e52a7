"""Closing the loop: simulated runs shall take as long as the real ones a calibration is made of.

How threads hand the interpreter and the cores to each other shows only where nothing else happens;
where everything happens at once, a simulation of short commands comes out too fast. So the runs
that were measured are simulated, and the times between commands are multiplied by the one factor
that makes the median run right (simulated moments: McFadden, Econometrica 57, 1989). Kernels and
links are left as they were measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hetengine.calibrate.references import makespan, run_reference
from hetengine.calibrate.spec import Reference
from hetengine.config import TopologyConfig
from hetengine.sim.cost.outliers import weighted_median

_SHARE = 0.45
"""What times between commands make of a short run, about: for a first guess."""

_MOST = 3.0
_ALMOST = 0.003
_SECANTS = 3


def close(topology: TopologyConfig, seconds: Sequence[float]) -> float:
    """Return the factor of times between commands.

    Parameters
    ----------
    topology : TopologyConfig
        As calibrated; the factor it has is replaced.
    seconds : sequence of float
        What each of its reference runs took for real; NaN where it has not been run.
    """
    calibration = topology.calibration
    assert calibration is not None
    pairs = [
        (reference, real)
        for reference, real in zip(calibration.references, seconds, strict=True)
        if reference.selection != "host" and math.isfinite(real)
    ]
    if not pairs:
        return 1.0
    references, real = [reference for reference, _ in pairs], np.array([real for _, real in pairs])

    def missing(log: float) -> float:
        """Logarithm of real over simulated time in the median run."""
        logs = np.log(real / _simulated(with_between(topology, math.exp(log)), references))
        return weighted_median(logs, np.sqrt(real))

    return math.exp(_root(missing))


def _root(missing: Callable[[float], float]) -> float:
    """Find the logarithm of the factor at which nothing is missing, by secants."""
    before, left = 0.0, missing(0.0)
    log, slope = _within(left / _SHARE), -_SHARE
    for _ in range(_SECANTS):
        if abs(left) < _ALMOST or log == before:
            return before
        now = missing(log)
        steeper = (now - left) / (log - before)
        # Times between commands make no run shorter: what looks like it is noise.
        slope = steeper if steeper < 0.0 else slope
        before, left = log, now
        log = _within(before - left / slope)
    return log


def _within(log: float) -> float:
    most = math.log(_MOST)
    return min(max(log, -most), most)


def with_between(topology: TopologyConfig, factor: float) -> TopologyConfig:
    """Return a calibrated topology with another factor of times between commands."""
    calibration = topology.calibration
    assert calibration is not None
    return replace(topology, calibration=replace(calibration, between=factor))


def _simulated(topology: TopologyConfig, references: Sequence[Reference]) -> NDArray[np.float64]:
    """Return the virtual seconds of each reference run."""
    runs = (run_reference(each, topology, "simulate") for each in references)
    return np.array([makespan(spans) for spans in runs])
