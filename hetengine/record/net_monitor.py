"""From what the training of a net reports to rows of ``metrics.csv``."""

from __future__ import annotations

import time

from hetengine.clock import Clock
from hetengine.config import RunConfig
from hetengine.families import net_parts
from hetengine.record.checkpoint import Checkpoint, Counters, checkpoint_of, write_checkpoint
from hetengine.record.metrics import NetRow
from hetengine.record.recorder import Recorder
from hetengine.solvers.local_sgd.outcome import Progress
from hetengine.solvers.local_sgd.state import State


class NetMonitor:
    """Adds to what a solver reports the wall clock and the bytes moved so far.

    Parameters
    ----------
    clock : Clock
        The run's clock.
    recorder : Recorder
        Receives the rows and messages.
    config : RunConfig
        What is run; says when checkpoints are due.
    before : Checkpoint, optional
        Where the run goes on from.
    """

    def __init__(
        self,
        clock: Clock,
        recorder: Recorder,
        config: RunConfig,
        before: Checkpoint | None = None,
    ) -> None:
        self._clock = clock
        self._recorder = recorder
        self._config = config
        self._before = before
        self._origin_seconds = 0.0
        self._begun = self._written = time.perf_counter()
        self._epochs = 0.0

    def start(self) -> None:
        """Count time from now on; what was prepared before is a phase, not part of the run."""
        recorder, before = self._recorder, self._before
        used = Counters() if before is None else before.counters
        self._origin_seconds = self._clock.now - used.clock_seconds
        recorder.start(self._origin_seconds)
        recorder.bytes_up = used.bytes_host_to_device
        recorder.bytes_down = used.bytes_device_to_host
        self._written = time.perf_counter()
        self._begun = self._written - used.wall_seconds
        if before is not None:
            recorder.rows.extend(before.rows)
            recorder.messages.extend(before.messages)

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

    def checkpoint_due(self, epochs: float) -> bool:
        """Whether so many epochs, or so much time on the wall, have passed since the last one."""
        solver = net_parts(self._config).solver
        every, seconds = solver.checkpoint_epochs, solver.checkpoint_seconds
        passed, self._epochs = self._epochs, epochs
        turned = every is not None and int(epochs / every) > int(passed / every)
        return turned or (seconds is not None and time.perf_counter() - self._written >= seconds)

    def checkpoint(self, state: State) -> None:
        """Write the run as it stands."""
        recorder = self._recorder
        assert recorder.directory is not None
        counters = Counters(
            self._clock.now - self._origin_seconds,
            time.perf_counter() - self._begun,
            recorder.bytes_up,
            recorder.bytes_down,
        )
        kept = checkpoint_of(self._config, state, recorder.rows, recorder.messages, counters)
        write_checkpoint(recorder.directory, kept)
        self._written = time.perf_counter()
