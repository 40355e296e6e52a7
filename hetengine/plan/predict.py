"""Simulate placements one after the other and rank what comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hetengine.api import compose
from hetengine.config import RunConfig
from hetengine.data.dataset import Dataset
from hetengine.data.load import load_dataset
from hetengine.engine import linear
from hetengine.errors import OutOfCapacity, UsageError
from hetengine.families import linear_parts
from hetengine.plan.candidates import Candidate
from hetengine.record.recorder import Recorder

_PATIENCE = 2.0
"""A placement is given up once it has taken this many times as long as the best one so far."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a simulation says about one placement.

    Attributes
    ----------
    candidate : tuple of str
        Its overrides.
    status : str
        ``converged``, ``slower`` (given up), another status of a run, or ``refused``.
    seconds : float
        Virtual time to the target gap, or until it was given up; infinity where it cannot run.
    rounds : int
        Rounds done.
    relative_gap : float
        Gap reached.
    bytes_up : int
        Bytes from the host to the accelerators.
    reason : str
        Why it cannot run.
    """

    candidate: Candidate
    status: str
    seconds: float
    rounds: int = 0
    relative_gap: float = math.inf
    bytes_up: int = 0
    reason: str = ""

    @property
    def reached(self) -> bool:
        """Whether it gets to the target gap."""
        return self.status == "converged"


def predict(
    fixed: Sequence[str],
    candidates: Sequence[Candidate],
    tell: Callable[[Prediction], None],
) -> list[Prediction]:
    """Simulate every candidate, the best first in the result.

    Parameters
    ----------
    fixed : sequence of str
        Overrides that hold for all.
    candidates : sequence of tuple of str
        Placements.
    tell : callable
        Hears of each prediction as soon as it is made.

    Returns
    -------
    list of Prediction
        By time to the target gap; then those that do not get there, by the gap they reach.
    """
    found: list[Prediction] = []
    loaded: dict[str, Dataset] = {}
    best = math.inf
    for candidate in candidates:
        prediction = _simulate(fixed, candidate, best, loaded)
        if prediction.reached:
            best = min(best, prediction.seconds)
        found.append(prediction)
        tell(prediction)
    return sorted(found, key=_order)


def _order(prediction: Prediction) -> tuple[bool, float, float]:
    """Sort key; the sort is stable, so ties stay in the order of the candidates."""
    if prediction.reached:
        return False, prediction.seconds, 0.0
    return True, math.inf if prediction.status == "refused" else 0.0, prediction.relative_gap


def _simulate(
    fixed: Sequence[str], candidate: Candidate, best: float, loaded: dict[str, Dataset]
) -> Prediction:
    config = compose([*fixed, *candidate, "mode=simulate", "progress=none"])
    limit = min(config.max_seconds or math.inf, _PATIENCE * best)
    cut = limit < (config.max_seconds or math.inf)
    config = replace(config, max_seconds=limit if math.isfinite(limit) else None)
    try:
        result = linear.run(config, Recorder(), _dataset(config, loaded))
    except (OutOfCapacity, UsageError) as error:
        return Prediction(candidate, "refused", math.inf, reason=str(error))
    return Prediction(
        candidate,
        "slower" if cut and result.status == "max_seconds" else result.status,
        result.seconds,
        result.rounds,
        result.relative_gap,
        result.summary["bytes_host_to_device"],
    )


def _dataset(config: RunConfig, loaded: dict[str, Dataset]) -> Dataset:
    """Load the examples once for all placements that use the same."""
    source = linear_parts(config).data
    key = repr((source, config.precision, config.seed))
    if key not in loaded:
        loaded.clear()
        loaded[key] = load_dataset(source, np.dtype(config.precision), config.seed)
    return loaded[key]
