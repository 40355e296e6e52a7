"""By how much two runs differ, in total and part by part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from hetengine.compare.read import RunRecord, Slice
from hetengine.compare.split import PARTS, split
from hetengine.errors import UsageError

GAPS = tuple(10.0**-k for k in range(1, 9))
"""Relative gaps whose times are compared."""
ERRORS = (0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01)
"""Test errors of nets whose times are compared."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One quantity in both runs.

    Attributes
    ----------
    name : str
        What it is.
    a, b : float
        Seconds in the first and the second run.
    error : float or None
        ``b / a - 1``; None where a is 0.
    count_a, count_b : int
        Commands behind it.
    """

    name: str
    a: float
    b: float
    error: float | None
    count_a: int = 0
    count_b: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, the first taken as the truth.

    Attributes
    ----------
    a, b : str
        Names of the runs.
    makespan : Pair
        Lengths.
    parts : list of Pair
        Each instant counted once; the error is relative to the first makespan, so that the errors
        of the parts add up to that of the makespan.
    kernels, links : list of Pair
        Sums over all launches of a kernel on a device, and over all copies one way; the largest
        difference first.
    time_to_gap : list of Pair
        Times at which a relative gap was first certified, or a net's test error first measured,
        where both runs reached it.
    calibration : dict
        Under ``a`` and ``b``, for a simulated run: ``status`` and ``detail`` of its topology.
    """

    a: str
    b: str
    makespan: Pair
    parts: list[Pair]
    kernels: list[Pair]
    links: list[Pair]
    time_to_gap: list[Pair]
    calibration: dict[str, dict[str, str]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def compare(a: RunRecord, b: RunRecord) -> Comparison:
    """Compare two runs.

    Parameters
    ----------
    a : RunRecord
        Taken as the truth, for instance the real run.
    b : RunRecord
        For instance the simulated one.

    Raises
    ------
    UsageError
        If one is a run of a net and the other is not.
    """
    if a.trains_net != b.trains_net:
        net, other = (a.name, b.name) if a.trains_net else (b.name, a.name)
        raise UsageError(f"compare: {net} is a run of a net and {other} is none; name two alike")
    parts_a, parts_b = split(a.slices, a.seconds), split(b.slices, b.seconds)
    parts = [
        Pair(name, parts_a[name], parts_b[name], _over(parts_b[name] - parts_a[name], a.seconds))
        for name in PARTS
    ]
    return Comparison(
        a.name,
        b.name,
        _pair("makespan", a.seconds, b.seconds, len(a.slices), len(b.slices)),
        parts,
        _sums(a, b, lambda s: not s.direction, lambda s: f"{s.device} {s.kernel}"),
        _sums(a, b, lambda s: bool(s.direction), lambda s: f"{s.device} {s.direction}"),
        _times(a, b),
        {
            letter: run.summary["calibration"]
            for letter, run in (("a", a), ("b", b))
            if "calibration" in run.summary
        },
    )


def _over(difference: float, whole: float) -> float | None:
    return difference / whole if whole else None


def _pair(name: str, a: float, b: float, count_a: int = 0, count_b: int = 0) -> Pair:
    return Pair(name, a, b, _over(b - a, a), count_a, count_b)


def _sums(
    a: RunRecord, b: RunRecord, which: Callable[[Slice], bool], name: Callable[[Slice], str]
) -> list[Pair]:
    sums: dict[str, list[list[float]]] = defaultdict(lambda: [[], []])
    for side, run in enumerate((a, b)):
        for each in filter(which, run.slices):
            sums[name(each)][side].append(each.seconds)
    pairs = [
        _pair(key, sum(left), sum(right), len(left), len(right))
        for key, (left, right) in sums.items()
    ]
    return sorted(pairs, key=lambda pair: (-abs(pair.b - pair.a), pair.name))


def _times(a: RunRecord, b: RunRecord) -> list[Pair]:
    pairs, net = [], a.trains_net
    for gap in ERRORS if net else GAPS:
        times = [next((t for t, met in run.gaps if met <= gap), None) for run in (a, b)]
        if times[0] is not None and times[1] is not None:
            name = f"test error {gap:g}" if net else f"{gap:.0e}"
            pairs.append(_pair(name, times[0], times[1]))
    return pairs
