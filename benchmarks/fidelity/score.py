"""From times of real runs and of their simulations to the numbers that are published."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
    simulated_seconds, unrefreshed_seconds : float
        Makespan of the simulation, with and without a refresh of the calibration.
    real_parts, simulated_parts : dict of str to float
        Seconds of compute, transfer, host and idle; of the median repeat.
    """

    name: str
    calibrated: bool
    real_seconds: list[float]
    simulated_seconds: float
    unrefreshed_seconds: float
    real_parts: dict[str, float]
    simulated_parts: dict[str, float]

    @property
    def median(self) -> float:
        """Median over the repeats."""
        return float(np.median(self.real_seconds))

    @property
    def error(self) -> float:
        """Signed relative error of the makespan."""
        return self.simulated_seconds / self.median - 1.0

    @property
    def unrefreshed_error(self) -> float:
        """Signed relative error of the makespan, of the calibration as it was."""
        return self.unrefreshed_seconds / self.median - 1.0

    @property
    def spread(self) -> float:
        """Median absolute deviation of the repeats, over their median."""
        times = np.asarray(self.real_seconds)
        return float(np.median(np.abs(times / self.median - 1.0)))


def as_calibrated(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes as they are without a refresh."""
    return [replace(each, simulated_seconds=each.unrefreshed_seconds) for each in outcomes]


def errors(outcomes: Sequence[Outcome], calibrated: bool) -> dict[str, Any]:
    """Return the absolute errors of the cases whose shapes were, or were not, measured."""
    found = [abs(each.error) for each in outcomes if each.calibrated == calibrated]
    return {
        "cases": len(found),
        "median_error": float(np.median(found)) if found else math.nan,
        "p95_error": float(np.percentile(found, 95)) if found else math.nan,
        "goal": GOALS["calibrated" if calibrated else "not calibrated"],
    }


def ranks(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Count pairs of real runs that differ enough: those in the right order, and all."""
    right = whole = 0
    for a, b in itertools.combinations(outcomes, 2):
        low, high = sorted((a.median, b.median))
        if high > (1.0 + APART) * low:
            whole += 1
            right += (a.median < b.median) == (a.simulated_seconds < b.simulated_seconds)
    agreement = right / whole if whole else math.nan
    return {"right": right, "pairs": whole, "agreement": agreement, "goal": GOALS["rank"]}


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


def totals(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the published numbers; under ``without_refresh``, what they are without one."""
    found: dict[str, Any] = {"cases": len(outcomes), **_scores(outcomes)}
    found["without_refresh"] = _scores(as_calibrated(outcomes))
    spreads = [each.spread for each in outcomes if len(each.real_seconds) > 1]
    found["real_runs_against_themselves"] = {
        "cases": len(spreads),
        "median_spread": float(np.median(spreads)) if spreads else math.nan,
        "p95_spread": float(np.percentile(spreads, 95)) if spreads else math.nan,
    }
    return found


def _scores(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "calibrated": errors(outcomes, calibrated=True),
        "not calibrated": errors(outcomes, calibrated=False),
        "rank": ranks(outcomes),
        "common_factors": {
            backend: {"simulated_over_real": factor, "median_error_beside": error}
            for backend, (factor, error) in common_factors(outcomes).items()
        },
    }


def as_json(outcomes: Sequence[Outcome], about: dict[str, Any]) -> dict[str, Any]:
    """Return everything, for ``fidelity.json``."""
    cases = [
        {
            **asdict(each),
            "median": each.median,
            "error": each.error,
            "unrefreshed_error": each.unrefreshed_error,
            "spread": each.spread,
        }
        for each in outcomes
    ]
    return {"about": about, "totals": totals(outcomes), "cases": cases}


def markdown(outcomes: Sequence[Outcome], about: dict[str, Any]) -> list[str]:
    """Lay everything out, for ``fidelity.md``."""
    found = totals(outcomes)
    spread = found["real_runs_against_themselves"]
    return [
        *("# Simulated against real makespans", ""),
        *(f"- {key}: {value}" for key, value in about.items()),
        "",
        "Between the real runs the calibration is refreshed by short runs that are no cases of "
        "the suite (as `hetengine calibrate --refresh` does); beside it, what it said before.",
        "",
        "| | cases | median error | p95 | goal | reached | without refresh: median | p95 |",
        "|---|---:|---:|---:|---:|---|---:|---:|",
        *_error_rows(found),
        "",
        "| pairs more than 10% apart | right order | of | agreement | goal | reached |",
        "|---|---:|---:|---:|---:|---|",
        _rank_row("refreshed", found["rank"]),
        _rank_row("without refresh", found["without_refresh"]["rank"]),
        "",
        f"Real runs against themselves, {spread['cases']} cases that were repeated: median spread "
        f"{spread['median_spread']:.1%}, p95 {spread['p95_spread']:.1%}.",
        *_common_lines(found),
        "",
        "| case | shape measured | real, median | spread | simulated | error | without refresh |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(
            f"| {each.name} | {'yes' if each.calibrated else 'no'} | {each.median:.3f} s "
            f"| {_spread(each)} | {each.simulated_seconds:.3f} s | {each.error:+.1%} "
            f"| {each.unrefreshed_error:+.1%} |"
            for each in outcomes
        ),
    ]


def _error_rows(found: dict[str, Any]) -> list[str]:
    rows = []
    for name in ("calibrated", "not calibrated"):
        row, plain = found[name], found["without_refresh"][name]
        good = "yes" if row["median_error"] <= row["goal"] else "no"
        rows.append(
            f"| shapes {name} | {row['cases']} | {row['median_error']:.1%} "
            f"| {row['p95_error']:.1%} | <= {row['goal']:.0%} | {good} "
            f"| {plain['median_error']:.1%} | {plain['p95_error']:.1%} |"
        )
    return rows


def _rank_row(name: str, rank: dict[str, Any]) -> str:
    good = "yes" if rank["agreement"] >= rank["goal"] else "no"
    return (
        f"| {name} | {rank['right']} | {rank['pairs']} | {rank['agreement']:.1%} "
        f"| >= {rank['goal']:.0%} | {good} |"
    )


def _common_lines(found: dict[str, Any]) -> list[str]:
    """Say what all runs of a backend are off by together."""
    return [
        f"All {backend} runs together, simulated over real: "
        f"{each['simulated_over_real']:.2f}; median error beside that common factor "
        f"{each['median_error_beside']:.1%}."
        for backend, each in found["common_factors"].items()
    ]


def _spread(outcome: Outcome) -> str:
    return f"{outcome.spread:.1%}" if len(outcome.real_seconds) > 1 else "one run"
