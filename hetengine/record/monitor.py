"""From what a solver reports to rows of ``metrics.csv``."""

from __future__ import annotations

import math
import time

from hetengine.clock import Clock
from hetengine.record.metrics import MetricsRow
from hetengine.record.recorder import Recorder
from hetengine.solvers.outcome import Progress

_STALL_ROUNDS = 500
_STALL_FACTOR = 4
_GAIN = 0.7


class _Stall:
    """Notices, once, that the gap has stopped falling long ago."""

    def __init__(self, precision: str) -> None:
        self._precision = precision
        self._best = math.inf
        self._since = 0
        self._told = False

    def hint(self, progress: Progress) -> str | None:
        """Return what to tell the user, if anything."""
        gap, rounds = progress.certificate.relative_gap, progress.rounds
        if gap < _GAIN * self._best:
            self._best, self._since = gap, rounds
        if self._told or rounds < _STALL_ROUNDS + _STALL_FACTOR * self._since:
            return None
        self._told = True
        cause = " (float32's limit on this problem? try precision=float64)"
        return (
            f"round {rounds}: the relative gap has stood at {self._best:.1e} "
            f"since round {self._since}" + (cause if self._precision == "float32" else "")
        )


class Monitor:
    """Adds to what a solver reports both clocks and the bytes moved so far.

    Parameters
    ----------
    clock : Clock
        The run's clock.
    recorder : Recorder
        Receives the rows and messages.
    precision : str
        Of the data on the devices; float32 may be why a gap stalls.
    """

    def __init__(self, clock: Clock, recorder: Recorder, precision: str) -> None:
        self._clock = clock
        self._stall = _Stall(precision)
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

        if (hint := self._stall.hint(progress)) is not None:
            recorder.log(hint)

    def log(self, message: str) -> None:
        """Add a message."""
        self._recorder.log(message)
