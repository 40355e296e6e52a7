"""From what a solver reports to rows of ``metrics.csv``."""

from __future__ import annotations

import time

from hetengine.clock import Clock
from hetengine.record.metrics import MetricsRow
from hetengine.record.recorder import Recorder
from hetengine.solvers.outcome import Progress


class Monitor:
    """Adds to what a solver reports both clocks and the bytes moved so far.

    Parameters
    ----------
    clock : Clock
        The run's clock.
    recorder : Recorder
        Receives the rows and messages.
    """

    def __init__(self, clock: Clock, recorder: Recorder) -> None:
        self._clock = clock
        self._recorder = recorder
        self._origin_seconds = 0.0
        self._begun = time.perf_counter()

    def start(self) -> None:
        """Count time from now on; what was prepared before is a phase, not part of the run."""
        self._origin_seconds = self._clock.now
        self._recorder.start(self._origin_seconds)
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds on the run's clock since `start`."""
        return self._clock.now - self._origin_seconds

    def certified(self, progress: Progress) -> None:
        """Add a row."""
        certificate, recorder = progress.certificate, self._recorder
        recorder.row(
            MetricsRow(
                round=progress.rounds,
                seconds=self.seconds,
                wall_seconds=time.perf_counter() - self._begun,
                objective=certificate.objective,
                gap=certificate.gap,
                relative_gap=certificate.relative_gap,
                resident_columns=progress.resident_columns,
                swapped_columns=progress.swapped_columns,
                bytes_host_to_device=recorder.bytes_up,
                bytes_device_to_host=recorder.bytes_down,
                refreshed_fraction=progress.refreshed_fraction,
                certificate=certificate.kind,
            )
        )

    def log(self, message: str) -> None:
        """Add a message."""
        self._recorder.log(message)
