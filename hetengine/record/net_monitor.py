"""From what the training of a net reports to rows of ``metrics.csv``."""

from __future__ import annotations

import time

from hetengine.clock import Clock
from hetengine.record.metrics import NetRow
from hetengine.record.recorder import Recorder
from hetengine.solvers.local_sgd.outcome import Progress


class NetMonitor:
    """Adds to what a solver reports the wall clock and the bytes moved so far.

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

    def evaluated(self, progress: Progress) -> None:
        """Add a row."""
        self._recorder.row(
            NetRow(
                round=progress.rounds,
                seconds=progress.seconds,
                wall_seconds=time.perf_counter() - self._begun,
                samples=progress.samples,
                passes=progress.passes,
                paper_epoch=progress.paper_epoch,
                train_loss=progress.train_loss,
                test_loss=progress.test_loss,
                test_accuracy=progress.test_accuracy,
                learning_rate=progress.learning_rate,
                bytes_host_to_device=self._recorder.bytes_up,
                bytes_device_to_host=self._recorder.bytes_down,
                workers=progress.workers,
                clock_seconds=self._clock.now - self._origin_seconds,
            )
        )

    def log(self, message: str) -> None:
        """Add a message."""
        self._recorder.log(message)
