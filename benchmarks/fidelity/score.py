"""From times of real runs and of their simulations to the numbers that are published."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

APART = 0.10
"""Runs that differ by more than this have to be put in the right order."""

GOALS = {"calibrated": 0.05, "not calibrated": 0.10, "rank": 0.95}


@dataclass(frozen=True)
class Outcome:
    """One case.

    Attributes
    ----------
    name : str
        Of the case.
    calibrated : bool
        Whether its shape was measured.
    real_seconds : list of float
        Makespan of every repeat.
    simulated_seconds : float
        Makespan of the simulation.
    real_parts, simulated_parts : dict of str to float
        Seconds of compute, transfer, host and idle; of the median repeat.
    drift : float
        What reference runs took beside the repeats, over what they took around calibration.
    """

    name: str
    calibrated: bool
    real_seconds: list[float]
    simulated_seconds: float
    real_parts: dict[str, float]
    simulated_parts: dict[str, float]
    drift: float = 1.0

    @property
    def median(self) -> float:
        """Median over the repeats."""
        return float(np.median(self.real_seconds))

    @property
    def error(self) -> float:
        """Signed relative error of the makespan."""
        return self.simulated_seconds / self.median - 1.0

    @property
    def error_beside_drift(self) -> float:
        """Signed relative error that is left when the machine's own change is taken out."""
        return self.simulated_seconds * self.drift / self.median - 1.0

    @property
    def spread(self) -> float:
        """Median absolute deviation of the repeats, over their median."""
        times = np.asarray(self.real_seconds)
        return float(np.median(np.abs(times / self.median - 1.0)))


def absolute_errors(outcomes: Sequence[Outcome], calibrated: bool) -> list[float]:
    """Absolute errors of the cases whose shapes were, or were not, measured."""
    return [abs(each.error) for each in outcomes if each.calibrated == calibrated]


def rank_agreement(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Count pairs of real runs that differ enough: those in the right order, and all."""
    right = whole = 0
    for a, b in itertools.combinations(outcomes, 2):
        low, high = sorted((a.median, b.median))
        if high > (1.0 + APART) * low:
            whole += 1
            right += (a.median < b.median) == (a.simulated_seconds < b.simulated_seconds)
    return right, whole


def common_factors(outcomes: Sequence[Outcome]) -> dict[str, tuple[float, float]]:
    """Return what all runs of a backend are off by together, and the median error beside it.

    A machine that has become slower or faster since it was calibrated moves all runs alike, which
    no calibration can foresee; what is left is how well runs are told apart.

    Returns
    -------
    dict of str to (float, float)
        By backend: median of simulated over real makespans, and median absolute error of simulated
        makespans divided by it.
    """
    found = {}
    for backend in sorted({each.name.partition(" ")[0] for each in outcomes}):
        mine = [each for each in outcomes if each.name.startswith(f"{backend} ")]
        ratios = np.array([each.simulated_seconds / each.median for each in mine])
        factor = float(np.median(ratios))
        found[backend] = factor, float(np.median(np.abs(ratios / factor - 1.0)))
    return found


def drifts(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return how much slower reference runs have become, and the errors beside that.

    Returns
    -------
    dict
        ``factors``, the drifts there are by backend, and median absolute errors of cases whose
        shapes were and were not measured.
    """
    factors = {
        backend: sorted({e.drift for e in outcomes if e.name.startswith(f"{backend} ")})
        for backend in sorted({each.name.partition(" ")[0] for each in outcomes})
    }
    found: dict[str, Any] = {"factors": factors}
    for name, calibrated in (("calibrated", True), ("not calibrated", False)):
        errors = [abs(e.error_beside_drift) for e in outcomes if e.calibrated == calibrated]
        found[name] = float(np.median(errors)) if errors else math.nan
    return found


def totals(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the published numbers."""
    right, whole = rank_agreement(outcomes)
    found: dict[str, Any] = {"cases": len(outcomes)}
    for name, calibrated in (("calibrated", True), ("not calibrated", False)):
        errors = absolute_errors(outcomes, calibrated)
        found[name] = {
            "cases": len(errors),
            "median_error": float(np.median(errors)) if errors else math.nan,
            "p95_error": float(np.percentile(errors, 95)) if errors else math.nan,
            "goal": GOALS[name],
        }
    found["rank"] = {
        "right": right,
        "pairs": whole,
        "agreement": right / whole if whole else math.nan,
        "goal": GOALS["rank"],
    }
    found["common_factors"] = {
        backend: {"simulated_over_real": factor, "median_error_beside": error}
        for backend, (factor, error) in common_factors(outcomes).items()
    }
    found["drift"] = drifts(outcomes)
    spreads = [each.spread for each in outcomes if len(each.real_seconds) > 1]
    found["real_runs_against_themselves"] = {
        "cases": len(spreads),
        "median_spread": float(np.median(spreads)) if spreads else math.nan,
        "p95_spread": float(np.percentile(spreads, 95)) if spreads else math.nan,
    }
    return found


def as_json(outcomes: Sequence[Outcome], about: dict[str, Any]) -> dict[str, Any]:
    """Return everything, for ``fidelity.json``."""
    cases = [
        {**asdict(each), "median": each.median, "error": each.error, "spread": each.spread}
        for each in outcomes
    ]
    return {"about": about, "totals": totals(outcomes), "cases": cases}


def markdown(outcomes: Sequence[Outcome], about: dict[str, Any]) -> list[str]:
    """Lay everything out, for ``fidelity.md``."""
    found = totals(outcomes)
    lines = ["# Simulated against real makespans", ""]
    lines += [f"- {key}: {value}" for key, value in about.items()]
    lines += [
        "",
        "| | cases | median error | p95 | goal | reached |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name in ("calibrated", "not calibrated"):
        row = found[name]
        good = "yes" if row["median_error"] <= row["goal"] else "no"
        errors = f"{row['median_error']:.1%} | {row['p95_error']:.1%}"
        lines.append(
            f"| shapes {name} | {row['cases']} | {errors} | <= {row['goal']:.0%} | {good} |"
        )
    rank, spread = found["rank"], found["real_runs_against_themselves"]
    lines += [
        "",
        f"Pairs more than {APART:.0%} apart in the right order: {rank['right']} of {rank['pairs']} "
        f"({rank['agreement']:.1%}; goal {rank['goal']:.0%}).",
        f"Real runs against themselves, {spread['cases']} cases that were repeated: median spread "
        f"{spread['median_spread']:.1%}, p95 {spread['p95_spread']:.1%}.",
        *(
            f"All {backend} runs together, simulated over real: {factor:.2f}; median error beside "
            f"that common factor {error:.1%}."
            for backend, (factor, error) in common_factors(outcomes).items()
        ),
        *_drift_lines(found["drift"]),
        "",
        "| case | shape measured | real, median | spread | simulated | error |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each.name} | {'yes' if each.calibrated else 'no'} | {each.median:.3f} s "
        f"| {_spread(each)} | {each.simulated_seconds:.3f} s | {each.error:+.1%} |"
        for each in outcomes
    ]
    return lines


def _drift_lines(drift: dict[str, Any]) -> list[str]:
    """Say what reference runs tell, where they were made."""
    factors = drift["factors"]
    if all(each == [1.0] for each in factors.values()):
        return []
    seen = "; ".join(
        f"{name} {', '.join(f'{factor:.3f}' for factor in each)}" for name, each in factors.items()
    )
    return [
        f"Reference runs among the cases over the same around calibration: {seen}; with that "
        f"drift of the machine taken out, median error {drift['calibrated']:.1%} on shapes "
        f"calibrated, {drift['not calibrated']:.1%} on others.",
    ]


def _spread(outcome: Outcome) -> str:
    return f"{outcome.spread:.1%}" if len(outcome.real_seconds) > 1 else "one run"
