"""From the commands of real runs to samples: of kernels, of transfers, and of what lies between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hetengine.device import Span, Work
from hetengine.sim.cost.lookup import key_of

_SAME = 1e-9
_PROMPT_SECONDS = 5e-3  # beyond that a queue waited for something else


@dataclass
class Samples:
    """Measurements of one kernel on one device.

    Attributes
    ----------
    works : list of Work
        What was launched.
    seconds : list of float
        How long it ran.
    issue_seconds : list of float
        How long the program took to hand it over.
    """

    works: list[Work] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    issue_seconds: list[float] = field(default_factory=list)

    def add(self, span: Span) -> None:
        """Add one launch or transfer."""
        self.works.append(span.work)
        self.seconds.append(max(span.end_seconds - span.start_seconds, _SAME))
        self.issue_seconds.append(max(span.issue_seconds, _SAME))


@dataclass
class Harvest:
    """All samples of a calibration.

    Attributes
    ----------
    kernels : dict of (str, str) to Samples
        By device and key of the kernel.
    copies : dict of (str, str) to Samples
        By device and direction.
    lags : dict of (str, str) to list of float
        By device and name of the field of `Dispatch`.
    """

    kernels: dict[tuple[str, str], Samples] = field(default_factory=lambda: defaultdict(Samples))
    copies: dict[tuple[str, str], Samples] = field(default_factory=lambda: defaultdict(Samples))
    lags: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, spans: Sequence[Span], host: str) -> None:
        """Take in the commands of one run.

        Parameters
        ----------
        spans : sequence of Span
            With the times at which they were issued.
        host : str
            Device that stands for the program.
        """
        for span in spans:
            if span.direction:
                self.copies[span.device, span.direction].add(span)
            else:
                self.kernels[span.device, key_of(span.label, span.work.variant)].add(span)
        self._add_lags(spans, host)

    def _add_lags(self, spans: Sequence[Span], host: str) -> None:
        issued = sorted((s for s in spans if s.issued_seconds is not None), key=_issued)
        ends = np.sort([span.end_seconds for span in issued])
        queue_ends: dict[tuple[str, str], float] = {}
        handed_over = -np.inf
        for span in issued:
            came = _issued(span)
            woken = came - span.issue_seconds
            if woken > handed_over + _SAME and (woke_by := _latest(ends, woken)) is not None:
                self._add_lag(host, "notify_seconds", woken - woke_by)
            handed_over = came
            before = queue_ends.get((span.device, span.queue), -np.inf)
            queue_ends[span.device, span.queue] = span.end_seconds
            latest = _latest(ends, span.start_seconds)
            if max(before, -np.inf if latest is None else latest) <= came:
                self._add_lag(span.device, "start_seconds", span.start_seconds - came)
            elif latest is not None and abs(latest - before) < _SAME:
                self._add_lag(span.device, "next_seconds", span.start_seconds - before)
            elif latest is not None:
                self._add_lag(span.device, "relay_seconds", span.start_seconds - latest)

    def _add_lag(self, device: str, name: str, seconds: float) -> None:
        if 0.0 <= seconds <= _PROMPT_SECONDS:
            self.lags[device, name].append(seconds)


def _issued(span: Span) -> float:
    return -np.inf if span.issued_seconds is None else span.issued_seconds


def _latest(ends: np.ndarray, seconds: float) -> float | None:
    """Return the last end that is not after a time."""
    before = int(np.searchsorted(ends, seconds, side="right"))
    return float(ends[before - 1]) if before else None
