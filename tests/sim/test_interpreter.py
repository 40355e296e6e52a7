"""One thread runs Python at a time."""

from __future__ import annotations

import pytest

from hetengine.clock import VirtualClock
from hetengine.sim.cores import CorePool
from hetengine.sim.interpreter import HOLD_SECONDS, Interpreter, Thread


class Steady:
    """Runs at full speed."""

    speed = 1.0


class Desk:
    """An interpreter, and when each named piece had run."""

    def __init__(self, wake_seconds: float = 0.0, cores: float | None = None) -> None:
        self.clock = VirtualClock()
        pool = None if cores is None else CorePool(self.clock, cores)
        self.interpreter = Interpreter(self.clock, wake_seconds, pool)
        self.ends: list[tuple[str, float]] = []

    def run(self, thread: Thread, name: str, seconds: float) -> None:
        self.interpreter.run(thread, seconds, lambda: self.ends.append((name, self.clock.now)))

    def at(self, seconds: float, thread: Thread, name: str, length: float) -> None:
        later = self.clock.timeout(seconds)
        later.callbacks.append(lambda _: self.run(thread, name, length))


def test_a_thread_waits_for_the_one_that_holds_the_lock_and_has_to_be_woken() -> None:
    desk = Desk(wake_seconds=1e-5)
    desk.run(Thread(), "a", 1e-3)
    desk.run(Thread(), "b", 2e-3)
    desk.clock.run()
    assert desk.ends == [("a", 1e-3), ("b", 1e-3 + 1e-5 + 2e-3)]


def test_a_holder_goes_on_with_its_own_pieces_first() -> None:
    desk, loop, queue = Desk(), Thread(), Thread()
    for name in ("a", "b", "c"):
        desk.run(loop, name, 1e-3)
    desk.at(5e-4, queue, "waits", 1e-3)
    desk.clock.run()
    assert [name for name, _ in desk.ends] == ["a", "b", "c", "waits"]


def test_a_running_thread_is_faster_than_one_that_has_to_be_woken() -> None:
    desk = Desk(wake_seconds=2e-3)
    desk.run(Thread(), "a", 1e-3)
    desk.run(Thread(), "sleeps", 1e-3)
    desk.at(2e-3, Thread(), "comes along", 1.5e-3)
    desk.at(2.5e-3, Thread(), "too late", 1e-3)
    desk.clock.run()
    # "sleeps" is awake after 3 ms and finds the lock taken, for another half millisecond.
    names, ends = zip(*desk.ends, strict=True)
    assert names == ("a", "comes along", "sleeps", "too late")
    assert ends == pytest.approx((1e-3, 3.5e-3, 3.5e-3 + 3e-3, 3.5e-3 + 2 * 3e-3))


def test_nobody_comes_between_when_a_holder_gives_way() -> None:
    desk, loop = Desk(wake_seconds=1e-3), Thread()
    desk.run(loop, "0", HOLD_SECONDS)
    desk.run(loop, "1", 1e-3)
    desk.at(1e-6, Thread(), "waits", 1e-3)
    desk.at(HOLD_SECONDS + 5e-4, Thread(), "comes along", 1e-3)
    desk.clock.run()
    assert [name for name, _ in desk.ends] == ["0", "waits", "1", "comes along"]


def test_a_holder_gives_way_after_five_milliseconds_if_somebody_waits() -> None:
    desk, loop, queue = Desk(), Thread(), Thread()
    for k in range(4):
        desk.run(loop, str(k), 0.6 * HOLD_SECONDS)
    desk.at(1e-6, queue, "waits", 1e-3)
    desk.clock.run()
    assert [name for name, _ in desk.ends] == ["0", "1", "waits", "2", "3"]


def test_what_a_piece_sets_off_in_the_same_instant_keeps_the_lock() -> None:
    desk, queue = Desk(), Thread()
    rest = desk.clock.event()
    rest.callbacks.append(lambda _: desk.run(queue, "second", 1e-3))

    def set_off() -> None:
        rest.succeed()

    desk.interpreter.run(queue, 1e-3, set_off)
    desk.run(Thread(), "other", 1e-3)
    desk.clock.run()
    assert [name for name, _ in desk.ends] == ["second", "other"]


def test_a_thread_that_keeps_the_lock_lets_nobody_in_until_it_has_gone_on() -> None:
    desk, queue = Desk(), Thread()

    def begin() -> None:
        queue.keeps = True  # runs something short outside of Python

    desk.interpreter.run(queue, 1e-3, begin)
    desk.run(Thread(), "other", 1e-3)
    desk.at(4e-3, queue, "ends", 1e-3)
    desk.clock.run()
    assert desk.ends == [("ends", 5e-3), ("other", 6e-3)]


def test_python_shares_the_cores_with_kernels() -> None:
    desk = Desk(cores=1)
    done = desk.clock.event()
    desk.interpreter._pool.run(1.0, 1, Steady(), done)
    desk.run(Thread(), "a", 1e-3)
    desk.clock.run(until=done)
    assert desk.ends == [("a", 2e-3)]
