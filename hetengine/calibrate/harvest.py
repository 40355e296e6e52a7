"""From the commands of real runs to samples: of kernels, of transfers, and of what lies between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from hetengine.sim.cost.lookup import key_of
from hetengine.sim.recency import Recency, reuse_of
from hetengine.span import Span
from hetengine.work import Work

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
    reuse_bytes : list of float
        Bytes that had gone through the caches since what it read was used last.
    runs : list of int
        Which run each was part of; empty where all are of one.
    """

    works: list[Work] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    issue_seconds: list[float] = field(default_factory=list)
    reuse_bytes: list[float] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    def add(self, span: Span, reuse_bytes: float = 0.0, run: int = 0) -> None:
        """Add one launch or transfer."""
        self.works.append(span.work)
        wall = span.end_seconds - span.start_seconds
        self.seconds.append(max(wall if span.busy_seconds is None else span.busy_seconds, _SAME))
        self.issue_seconds.append(max(span.issue_seconds, _SAME))
        self.reuse_bytes.append(reuse_bytes)
        self.runs.append(run)


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
    domains : dict of str to str
        Which devices share caches: those with the same value, in place of their own name.
    runs : int
        How many have been taken in.
    """

    kernels: dict[tuple[str, str], Samples] = field(default_factory=lambda: defaultdict(Samples))
    copies: dict[tuple[str, str], Samples] = field(default_factory=lambda: defaultdict(Samples))
    lags: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    domains: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def add(self, spans: Sequence[Span], host: str) -> None:
        """Take in the commands of one run.

        Parameters
        ----------
        spans : sequence of Span
            With the times at which they were issued.
        host : str
            Device that stands for the program.
        """
        caches: dict[str, Recency] = defaultdict(Recency)
        for span in sorted(spans, key=lambda each: each.start_seconds):
            if span.direction:
                self.copies[span.device, span.direction].add(span, run=self.runs)
            else:
                cache = caches[self.domains.get(span.device, span.device)]
                reuse = reuse_of(cache, span.device, span.work)
                self.kernels[span.device, key_of(span.label, span.work.variant)].add(
                    span, reuse, self.runs
                )
        issued = sorted((s for s in spans if s.issued_seconds is not None), key=_issued)
        if all(span.device == host for span in spans):
            self._add_inline_lags(issued, host)
        else:
            self._add_lags(issued, host)
        self.runs += 1

    def _add_inline_lags(self, issued: Sequence[Span], host: str) -> None:
        """Keep what lies between commands that no thread had to be woken for."""
        for before, span in pairwise(issued):
            came, ended = _issued(span), before.end_seconds
            woken = came - span.issue_seconds
            lag = span.start_seconds - max(came, ended) + max(0.0, woken - ended)
            if 0.0 <= lag <= _PROMPT_SECONDS:
                self.lags[host, "inline_seconds"].append(lag)

    def _add_lags(self, issued: Sequence[Span], host: str) -> None:
        ends = np.sort([span.end_seconds for span in issued])
        starts = [span.start_seconds for span in issued]
        happenings = np.sort(np.concatenate([ends, starts, [_issued(span) for span in issued]]))

        def add(device: str, name: str, since: float, until: float) -> None:
            """Keep a lag in which nothing else happened, so that no thread stood in the way."""
            first, last = np.searchsorted(happenings, [since + _SAME, until - _SAME])
            if first == last and 0.0 <= until - since <= _PROMPT_SECONDS:
                self.lags[device, name].append(until - since)

        queue_ends: dict[tuple[str, str], float] = {}
        handed_over = -np.inf
        for span in issued:
            came = _issued(span)
            woken = came - span.issue_seconds
            if woken > handed_over + _SAME and (woke_by := _latest(ends, woken)) is not None:
                add(host, "notify_seconds", woke_by, woken)
            handed_over = came
            before = queue_ends.get((span.device, span.queue), -np.inf)
            queue_ends[span.device, span.queue] = span.end_seconds
            latest = _latest(ends, span.start_seconds)
            if max(before, -np.inf if latest is None else latest) <= came:
                add(span.device, "start_seconds", came, span.start_seconds)
            elif latest is not None and abs(latest - before) < _SAME:
                add(span.device, "next_seconds", before, span.start_seconds)
            elif latest is not None:
                add(span.device, "relay_seconds", latest, span.start_seconds)


def _issued(span: Span) -> float:
    return -np.inf if span.issued_seconds is None else span.issued_seconds


def _latest(ends: np.ndarray, seconds: float) -> float | None:
    """Return the last end that is not after a time."""
    before = int(np.searchsorted(ends, seconds, side="right"))
    return float(ends[before - 1]) if before else None
