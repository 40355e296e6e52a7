"""What the runs say about biased local SGD, in sentences made from the numbers."""

from __future__ import annotations

import math

from benchmarks.nets.comparison import (
    BIASED,
    Difference,
    Groups,
    accuracy_gain,
    present,
    shared_end,
    speedup,
)


def points(gain: Difference) -> str:
    """Write a difference of accuracies in percentage points.

    Examples
    --------
    >>> points(Difference(0.0123, 0.002, 3)), points(Difference(-0.01, 0.05, 3))
    ('+1.2 ± 0.2', '-1.0 ± 5.0 (not clear)')
    >>> points(Difference(0.5, math.nan, 1))
    '+50.0 (one seed)'
    """
    if not math.isfinite(gain.mean):
        return "unknown"
    mean = f"{100 * gain.mean:+.1f}"
    if gain.seeds == 1:
        return f"{mean} (one seed)"
    return f"{mean} ± {100 * gain.deviation:.1f}" + ("" if gain.clear else " (not clear)")


def verdicts(groups: Groups, accuracy: float) -> list[str]:
    """Return a sentence per biased method and kind of comparison."""
    lines: list[str] = []
    for name in BIASED:
        others = [each for each in present(groups) if each != name]
        if name in groups and others:
            lines.append(_equal_accuracy(groups, name, others, accuracy))
            lines += [_equal(groups, name, others, axis) for axis in ("seconds", "samples")]
    return lines


def _equal_accuracy(groups: Groups, name: str, others: list[str], accuracy: float) -> str:
    goal = f"{100 * accuracy:.0f} %"
    times = [(each, speedup(groups, name, each, accuracy)) for each in others]
    if all(math.isnan(factor) for _, factor in times):
        return f"- `{name}` never comes to {goal} in some run."
    told = ", ".join(
        f"{factor:.2f} times as fast as `{each}`"
        if math.isfinite(factor)
        else f"there where `{each}` never comes"
        for each, factor in times
    )
    return f"- `{name}` comes to {goal} {told}."


def _equal(groups: Groups, name: str, others: list[str], axis: str) -> str:
    place = shared_end(groups, axis)
    where = f"{place:.3g} seconds" if axis == "seconds" else f"{place:,.0f} samples"
    told = ", ".join(
        f"{points(accuracy_gain(groups, name, each, axis, place))} against `{each}`"
        for each in others
    )
    return f"- After {where} `{name}` has, in percentage points of test accuracy: {told}."
