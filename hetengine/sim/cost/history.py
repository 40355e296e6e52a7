"""Measured launches by size class: what was seen before is predicted as it was seen.

A class holds launches of one kernel whose sizes are alike; classes are half an octave apart in
flops, bytes and items, so that what no regression on sizes can follow stays where it was measured,
an octave apart in the bytes between uses of what they read, since what comes from a cache takes a
third of the time of what does not, and two octaves apart in how many of the columns next to those
they read are left out: going over all of a matrix takes half the time of going over most of it.
As StarPU's history models, with the deviation beside the time (C. Augonnet et al., *StarPU*, CCPE
2011). The time of a class is that of its typical launch; `hetengine.sim.cost.neighbours` carries it
over to others.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hetengine.errors import UsageError
from hetengine.sim.cost.outliers import median_and_mad, pauses
from hetengine.sim.cost.regression import predict, predict_all, share_left_out
from hetengine.work import Work

STEPS_PER_OCTAVE = 2.0
"""Resolution of the classes."""

_REUSE_WEIGHT = 0.5
_GAPS_WEIGHT = 0.25
_NEVER_BYTES = 2.0**60

_SIZES = ("flops", "bytes_read", "bytes_written", "items", "extent")


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Launches of about one size.

    Attributes
    ----------
    work : Work
        Their median work.
    seconds, deviation_seconds : float
        Typical time, and median absolute deviation.
    samples : int
        How many were measured.
    reuse_bytes : float
        Median of the bytes between uses of what they read.
    """

    work: Work
    seconds: float
    deviation_seconds: float
    samples: int
    reuse_bytes: float = 0.0

    def line(self) -> str:
        """Write it as one line of a topology file."""
        work = self.work
        sizes = [getattr(work, name) for name in _SIZES]
        times = (self.seconds, self.deviation_seconds)
        numbers = [f"{size:.5g}" for size in (*sizes, self.reuse_bytes)]
        numbers += [f"{time:.3e}" for time in times]
        return " ".join([*numbers, str(self.samples)])


def read_line(line: str) -> SizeClass:
    """Read what `SizeClass.line` wrote.

    Raises
    ------
    UsageError
        If it is not nine numbers.
    """
    try:
        flops, read, written, items, extent, *rest = map(float, line.split())
        reuse, seconds, deviation, samples = rest
        work = Work(flops, read, written, int(items), footprint=extent)
    except ValueError as error:
        raise UsageError(
            f"topology: history line {line!r} must be nine numbers: flops bytes_read "
            "bytes_written items extent reuse_bytes seconds deviation samples; run hetengine "
            "calibrate again"
        ) from error
    return SizeClass(work, seconds, deviation, int(samples), reuse)


def octaves(work: Work, reuse_bytes: float = 0.0) -> tuple[float, ...]:
    """Return the sizes of a launch, the bytes between uses and the gaps, on a logarithmic scale."""
    sizes = (work.flops, work.bytes_read, work.bytes_written, float(work.items))
    reuse = _REUSE_WEIGHT * math.log2(1.0 + min(reuse_bytes, _NEVER_BYTES))
    gaps = _GAPS_WEIGHT * math.log2(1.0 + work.items * share_left_out(work))
    return (*(math.log2(1.0 + size) for size in sizes), reuse, gaps)


def class_of(work: Work, reuse_bytes: float = 0.0) -> tuple[int, ...]:
    """Return which class a measurement falls into."""
    return tuple(round(STEPS_PER_OCTAVE * size) for size in octaves(work, reuse_bytes))


def classify(
    works: Sequence[Work],
    seconds: Sequence[float],
    reuse_bytes: Sequence[float],
    coefficients: Mapping[str, float],
    runs: Sequence[int] = (),
) -> list[SizeClass]:
    """Sort measurements into classes.

    Parameters
    ----------
    works, seconds, reuse_bytes : sequence
        Of one kernel on one device, outliers left out.
    coefficients : mapping
        The regression through them.
    runs : sequence of int
        Which run each belongs to; all to one by default.
    """
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for k, work in enumerate(works):
        groups[class_of(work, reuse_bytes[k])].append(k)
    return [
        _summarise(
            [works[k] for k in group],
            [seconds[k] for k in group],
            [reuse_bytes[k] for k in group],
            coefficients,
            [runs[k] for k in group] if runs else (),
        )
        for _, group in sorted(groups.items())
    ]


def _summarise(
    works: Sequence[Work],
    seconds: Sequence[float],
    reuse_bytes: Sequence[float],
    coefficients: Mapping[str, float],
    runs: Sequence[int],
) -> SizeClass:
    flops, read, written, items, extent = (
        float(np.median([getattr(work, name) for work in works])) for name in _SIZES
    )
    typical = Work(flops, read, written, round(items), footprint=extent)
    reuse = float(np.median(reuse_bytes))
    modelled = predict_all(coefficients, works, reuse_bytes)
    scale = predict(coefficients, typical, reuse)
    _, deviation = median_and_mad(np.asarray(seconds) / modelled)
    whole = scale * pauses(seconds, modelled.tolist(), runs)
    return SizeClass(typical, whole, scale * deviation, len(works), reuse)
