"""Measured launches by size class: what was seen before is predicted as it was seen.

A class holds launches of one kernel whose sizes are alike; classes are half an octave apart in
flops, bytes and items, so that what no regression on sizes can follow stays where it was measured,
and an octave apart in the bytes between uses of what they read: what comes from a cache takes a
third of the time of what does not.
As StarPU's history models, with the deviation beside the time (C. Augonnet et al., *StarPU*, CCPE
2011). The time of a class is that of its typical launch: the regression carries it over to others.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hetengine.device import Work
from hetengine.errors import UsageError
from hetengine.sim.cost.outliers import median_and_mad, pauses
from hetengine.sim.cost.regression import predict, predict_all

STEPS_PER_OCTAVE = 2.0
"""Resolution of the classes."""

LEAST_SAMPLES = 3
"""Measurements below which a class is left to the regression: one may be a spike."""

REACH = 0.5
"""Octaves within which a launch counts as one of a class; twice as many of bytes between uses."""

_REUSE_WEIGHT = 0.5
_NEVER_BYTES = 2.0**60

_SIZES = ("flops", "bytes_read", "bytes_written", "items")


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
        sizes = (work.flops, work.bytes_read, work.bytes_written, work.items, self.reuse_bytes)
        times = (self.seconds, self.deviation_seconds)
        numbers = [*(f"{size:.5g}" for size in sizes), *(f"{time:.3e}" for time in times)]
        return " ".join([*numbers, str(self.samples)])


def read_line(line: str) -> SizeClass:
    """Read what `SizeClass.line` wrote.

    Raises
    ------
    UsageError
        If it is not eight numbers.
    """
    try:
        flops, read, written, items, reuse, seconds, deviation, samples = map(float, line.split())
        work = Work(flops, read, written, int(items))
    except ValueError as error:
        raise UsageError(
            f"topology: history line {line!r} must be eight numbers: flops bytes_read "
            "bytes_written items reuse_bytes seconds deviation samples; run hetengine calibrate "
            "again"
        ) from error
    return SizeClass(work, seconds, deviation, int(samples), reuse)


def octaves(work: Work, reuse_bytes: float = 0.0) -> tuple[float, ...]:
    """Return the sizes of a launch, and the bytes between uses, on a logarithmic scale."""
    sizes = (work.flops, work.bytes_read, work.bytes_written, float(work.items))
    reuse = _REUSE_WEIGHT * math.log2(1.0 + min(reuse_bytes, _NEVER_BYTES))
    return (*(math.log2(1.0 + size) for size in sizes), reuse)


def class_of(work: Work, reuse_bytes: float = 0.0) -> tuple[int, ...]:
    """Return which class a measurement falls into."""
    return tuple(round(STEPS_PER_OCTAVE * size) for size in octaves(work, reuse_bytes))


def classify(
    works: Sequence[Work],
    seconds: Sequence[float],
    reuse_bytes: Sequence[float],
    coefficients: Mapping[str, float],
) -> list[SizeClass]:
    """Sort measurements into classes.

    Parameters
    ----------
    works, seconds, reuse_bytes : sequence
        Of one kernel on one device, outliers left out.
    coefficients : mapping
        The regression through them.
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
        )
        for _, group in sorted(groups.items())
    ]


def _summarise(
    works: Sequence[Work],
    seconds: Sequence[float],
    reuse_bytes: Sequence[float],
    coefficients: Mapping[str, float],
) -> SizeClass:
    flops, read, written, items = (
        float(np.median([getattr(work, name) for work in works])) for name in _SIZES
    )
    typical, reuse = Work(flops, read, written, round(items)), float(np.median(reuse_bytes))
    modelled = predict_all(coefficients, works, reuse_bytes)
    scale = predict(coefficients, typical, reuse)
    _, deviation = median_and_mad(np.asarray(seconds) / modelled)
    whole = scale * pauses(seconds, modelled.tolist())
    return SizeClass(typical, whole, scale * deviation, len(works), reuse)


def nearest(classes: Iterable[SizeClass], work: Work, reuse_bytes: float = 0.0) -> SizeClass | None:
    """Return the class a launch belongs to, or None if all are out of reach or too thin.

    Parameters
    ----------
    classes : iterable of SizeClass
        Of the launch's kernel.
    work : Work
        The launch.
    reuse_bytes : float
        Bytes since what it reads was used last.
    """
    here = octaves(work, reuse_bytes)
    best, distance = None, REACH
    for each in classes:
        if each.samples < LEAST_SAMPLES:
            continue
        there = octaves(each.work, each.reuse_bytes)
        away = max(abs(a - b) for a, b in zip(there, here, strict=True))
        if away <= distance and (best is None or away < distance):
            best, distance = each, away
    return best
