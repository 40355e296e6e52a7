from __future__ import annotations

from hetengine.clock import VirtualClock
from hetengine.problems import Certificate
from hetengine.record.monitor import Monitor
from hetengine.record.recorder import Recorder
from hetengine.solvers.outcome import Progress


def progress(rounds: int, gap: float) -> Progress:
    return Progress(rounds, Certificate(1.0, gap, gap, "conjugate"), 3, 2, 0.5)


def monitored(precision: str) -> tuple[Monitor, Recorder, VirtualClock]:
    clock, recorder = VirtualClock(), Recorder()
    return Monitor(clock, recorder, precision), recorder, clock


def test_rows_count_time_from_the_start_of_training() -> None:
    monitor, recorder, clock = monitored("float32")
    clock.run(until=2.0)
    monitor.start()
    clock.run(until=3.5)
    monitor.certified(progress(1, 0.1))
    assert recorder.rows[0].seconds == 1.5
    assert recorder.rows[0].swapped_columns == 2


def test_a_gap_that_stalls_is_told_once_with_the_likely_cause() -> None:
    monitor, recorder, _ = monitored("float32")
    for rounds in range(0, 3000, 100):
        monitor.certified(progress(rounds, 1e-2 if rounds < 100 else 1e-6))
    assert len(recorder.messages) == 1
    assert "since round 100" in recorder.messages[0]
    assert "precision=float64" in recorder.messages[0]


def test_a_gap_that_keeps_falling_is_not_a_stall() -> None:
    monitor, recorder, _ = monitored("float32")
    for rounds in range(0, 3000, 100):
        monitor.certified(progress(rounds, 0.5 ** (rounds // 100)))
    assert recorder.messages == []


def test_float64_is_not_told_to_use_float64() -> None:
    monitor, recorder, _ = monitored("float64")
    for rounds in range(0, 3000, 100):
        monitor.certified(progress(rounds, 1e-6))
    assert len(recorder.messages) == 1
    assert "precision" not in recorder.messages[0]
