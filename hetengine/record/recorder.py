"""What a run leaves behind while it runs: spans, rows, messages, phases."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from hetengine.record.metrics import Row
from hetengine.record.progress import Progress, Silent
from hetengine.record.span_log import SpanLog
from hetengine.span import Span
from hetengine.tiers import Sample


class Recorder:
    """Collect spans and rows of one run and pass the rows on to the progress display.

    Parameters
    ----------
    progress : Progress, optional
        Where rows and messages are shown; nowhere by default.
    directory : pathlib.Path, optional
        Of the run, already claimed, for what is written before its end.

    Attributes
    ----------
    directory : pathlib.Path or None
        As given.
    spans : SpanLog
        Commands in the order they were observed.
    rows : list of MetricsRow or NetRow
        One per certificate or evaluation.
    samples : list of Sample
        How full memory tiers were, whenever that changed.
    messages : list of str
        What was logged.
    bytes_up, bytes_down : int
        Bytes copied away from and back to the host.
    bytes_read : int
        Bytes read from disk.
    preparation_seconds : float
        What had passed on the run's clock when it began: opening, allocating, first launches.
    devices : dict
        What is known about the devices at the end; see `hetengine.record.devices.describe`.
    """

    def __init__(self, progress: Progress | None = None, directory: Path | None = None) -> None:
        self.directory = directory
        self.progress = Silent() if progress is None else progress
        self.spans = SpanLog()
        self.rows: list[Any] = []
        self.samples: list[Sample] = []
        self.messages: list[str] = []
        self.bytes_up = 0
        self.bytes_down = 0
        self.bytes_read = 0
        self.preparation_seconds = 0.0
        self.devices: dict[str, Any] = {}
        self._phases: dict[str, float] = {}
        self._origin_seconds = 0.0
        self._lock = threading.Lock()

    def start(self, origin_seconds: float) -> None:
        """Forget the spans so far, which only prepared the run, and count time from now on.

        Parameters
        ----------
        origin_seconds : float
            Time on the run's clock that becomes zero.
        """
        with self._lock:
            for span in self.spans:
                self._phases.pop(span.category, None)
            self.spans.clear()
            self.samples = [replace(each, seconds=0.0) for each in _latest(self.samples)]
            self.bytes_up = self.bytes_down = self.bytes_read = 0
            self._origin_seconds = self.preparation_seconds = origin_seconds

    def observe(self, span: Span) -> None:
        """Add a span; safe from any thread."""
        with self._lock:
            self.spans.append(span, self._origin_seconds)
            self._add(span.category, span.end_seconds - span.start_seconds)
            if span.direction == "up":
                self.bytes_up += copied_bytes(span)
            elif span.direction == "down":
                self.bytes_down += copied_bytes(span)
            elif span.direction == "read":
                self.bytes_read += copied_bytes(span)

    def sample(self, sample: Sample) -> None:
        """Add how full a memory tier is; safe from any thread."""
        seconds = max(0.0, sample.seconds - self._origin_seconds)
        with self._lock:
            self.samples.append(replace(sample, seconds=seconds))

    def row(self, row: Row) -> None:
        """Add a row and show it."""
        self.rows.append(row)
        self.progress.row(row)

    def log(self, message: str) -> None:
        """Keep a message and show it."""
        self.messages.append(message)
        self.progress.message(message)

    def phase(self, name: str, seconds: float) -> None:
        """Account wall seconds spent outside the devices, for instance under ``load``."""
        with self._lock:
            self._add(name, seconds)

    def phases(self) -> dict[str, float]:
        """Return seconds by phase: device time by category, and the wall phases.

        Queues run beside each other, so the sum may exceed the length of the run.
        """
        with self._lock:
            return {name: self._phases[name] for name in sorted(self._phases)}

    def _add(self, name: str, seconds: float) -> None:
        self._phases[name] = self._phases.get(name, 0.0) + seconds


def _latest(samples: list[Sample]) -> list[Sample]:
    """Return the last sample of each tier."""
    return list({sample.tier: sample for sample in samples}.values())


def copied_bytes(span: Span) -> int:
    """Return the bytes a copy moved, each counted once."""
    return int(max(span.work.bytes_read, span.work.bytes_written))
