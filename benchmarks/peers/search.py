"""The cheapest value of a solver's knob for each tolerance: up the ladder, then between rungs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.peers.solvers.entry import Entry

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-6)

_PATIENCE = 6
_GAIN = 0.8
_REFINEMENTS = 3
_FINE_COUNT, _FINE_TOLERANCE = 1.12, 1.35


@dataclass
class Search:
    """What one solver needs on one problem.

    Parameters
    ----------
    entry : Entry
    suboptimality : callable
        Fits with a value of the knob; returns seconds and relative suboptimality.
    most_seconds : float
        A ladder is left where the next fit would take longer than this.
    budget_seconds : float
        Of all fits together.

    Attributes
    ----------
    seen : dict of float to (float, float)
        Seconds and suboptimality by value of the knob.
    """

    entry: Entry
    suboptimality: Callable[[float], tuple[float, float]]
    most_seconds: float
    budget_seconds: float
    seen: dict[float, tuple[float, float]] = field(default_factory=dict)

    def run(self) -> dict[float, float]:
        """Return the knob by tolerance, for those that are reached."""
        self._climb()
        return {tol: knob for tol in TOLERANCES if (knob := self._refined(tol)) is not None}

    def _try(self, knob: float) -> float:
        if knob not in self.seen:
            self.seen[knob] = self.suboptimality(knob)
        return self.seen[knob][1]

    @property
    def _spent(self) -> float:
        return sum(seconds for seconds, _ in self.seen.values())

    def _climb(self) -> None:
        best, stuck = math.inf, 0
        for knob in self.entry.ladder:
            left = self._try(knob)
            stuck = 0 if left < _GAIN * best else stuck + 1
            best = min(best, left)
            seconds = self.seen[knob][0]
            costly = 1.5 * seconds > self.most_seconds or self._spent > self.budget_seconds
            # A solver that has hardly begun has not stalled.
            stalled = stuck >= _PATIENCE and (best < 1e-2 or len(self.seen) > 2 * _PATIENCE)
            if left <= TOLERANCES[-1] or costly or stalled or not math.isfinite(left):
                return

    def _refined(self, tol: float) -> float | None:
        enough = [
            knob for knob in self.entry.ladder if knob in self.seen and self._try(knob) <= tol
        ]
        if not enough:
            return None
        good = enough[0]
        ladder = self.entry.ladder
        place = ladder.index(good)
        bad = ladder[place - 1] if place else None
        for _ in range(_REFINEMENTS):
            if bad is None or self._spent > self.budget_seconds or self._close(bad, good):
                break
            middle = math.sqrt(bad * good)
            middle = float(round(middle)) if self.entry.whole else middle
            if middle in (bad, good):
                break
            if self._try(middle) <= tol:
                good = middle
            else:
                bad = middle
        return good

    def _close(self, bad: float, good: float) -> bool:
        ratio = max(bad / good, good / bad)
        return ratio <= (_FINE_COUNT if self.entry.whole else _FINE_TOLERANCE)
