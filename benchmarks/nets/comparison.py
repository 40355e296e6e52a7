"""Methods against references: at equal accuracy, at equal seconds, at equal samples; seed by seed.

Runs of one seed begin with the same parameters, so differences are taken within a seed. A
difference counts as one only where a t test over the seeds says so (95 %, two-sided): with three
seeds that asks for 4.3 standard errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.nets.runs import Run

REFERENCES = ("sync_all", "sync_fast", "local_fast", "anchor")
"""Methods that the others are compared with."""

BIASED = ("biased_released", "biased_fixed")
"""The methods in question."""

_CONFIDENCE = 0.95

Groups = dict[str, list[Run]]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more one method has than another, over the seeds that both have.

    Attributes
    ----------
    mean : float
        NaN where no seed has both, or a value is unknown.
    deviation : float
        Standard deviation over seeds; NaN for one seed.
    seeds : int
        How many.
    """

    mean: float
    deviation: float
    seeds: int

    @property
    def clear(self) -> bool:
        """Whether it is beyond what the seeds differ by anyway."""
        if self.seeds < 2 or not math.isfinite(self.mean):
            return False
        error = self.deviation / math.sqrt(self.seeds)
        allowed = float(stats.t.ppf(0.5 + _CONFIDENCE / 2.0, self.seeds - 1))
        return abs(self.mean) > allowed * error


def difference(own: list[float], other: list[float]) -> Difference:
    """Return the mean and deviation of pairwise differences.

    Parameters
    ----------
    own, other : list of float
        Values by seed, in the same order.

    Examples
    --------
    >>> difference([0.5, 0.6, 0.7], [0.4, 0.5, 0.6]).clear
    True
    >>> difference([0.5, 0.6, 0.7], [0.6, 0.5, 0.7]).clear
    False
    """
    found = np.subtract(own, other)
    deviation = float(found.std(ddof=1)) if found.size > 1 else float("nan")
    return Difference(float(found.mean()) if found.size else float("nan"), deviation, found.size)


def paired(groups: Groups, own: str, other: str) -> list[tuple[Run, Run]]:
    """Return the runs of two methods that have a seed in common."""
    others = {run.seed: run for run in groups[other]}
    return [(run, others[run.seed]) for run in groups[own] if run.seed in others]


def accuracy_gain(groups: Groups, own: str, other: str, axis: str, place: float) -> Difference:
    """Return the difference of accuracies at a place of an axis, of 1."""
    pairs = paired(groups, own, other)
    return difference(
        [run.accuracy_at(axis, place) for run, _ in pairs],
        [run.accuracy_at(axis, place) for _, run in pairs],
    )


def speedup(groups: Groups, own: str, other: str, accuracy: float) -> float:
    """Return how many times as fast a method comes to an accuracy, by mean seconds over seeds.

    NaN where the method never does in some run; infinity where only the reference does not.
    """
    here, there = (
        float(np.mean([run.first(accuracy, "seconds") for run in groups[name]]))
        for name in (own, other)
    )
    if not math.isfinite(here) or here == 0.0:
        return float("nan")
    return there / here


def shared_end(groups: Groups, axis: str) -> float:
    """Return how far along an axis every run has come."""
    return min(float(run.columns[axis][-1]) for group in groups.values() for run in group)


def present(groups: Groups) -> list[str]:
    """Return the references that there are."""
    return [name for name in REFERENCES if name in groups]


def common_accuracy(groups: Groups) -> float:
    """Return the accuracy that every run in question has come to, in whole percents.

    These are the runs of the references and of biased local SGD; if there are none, all runs.
    """
    wanted = [name for name in (*REFERENCES, *BIASED) if name in groups] or list(groups)
    least = min(run.best for name in wanted for run in groups[name])
    return float(np.floor(100.0 * least) / 100.0)
