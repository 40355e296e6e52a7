"""When the loop of a real run is woken, and how threads wait for one another."""

from __future__ import annotations

import threading

import pytest
import simpy

from hetengine.clock import WallClock, is_passive, passive
from hetengine.threaded import Latch


class Notes:
    """Takes notes of events without being in a hurry."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @passive
    def note(self, event: object) -> None:
        self.seen.append(event)


def test_what_is_marked_as_passive_is_known_as_such_also_as_a_method() -> None:
    assert is_passive(Notes().note)
    assert not is_passive(lambda event: None)


def test_an_event_nobody_waits_for_does_not_wake_the_loop_but_is_taken_in_with_the_next() -> None:
    clock, notes = WallClock(), Notes()
    quiet, wanted = clock.event(), clock.event()
    quiet.callbacks.append(notes.note)
    clock.expect(2)
    clock.post(quiet, 1)
    assert clock._wake.locked()
    wanted.callbacks.append(lambda _: None)
    clock.post(wanted, 2)
    assert not clock._wake.locked()
    assert clock.run(until=wanted) == 2
    assert notes.seen == [quiet]


def test_a_failure_wakes_the_loop_even_if_nobody_waits() -> None:
    clock, notes = WallClock(), Notes()
    event = clock.event()
    event.callbacks.append(notes.note)
    clock.expect()
    clock.post(event, None, RuntimeError("lost"))
    assert not clock._wake.locked()
    with pytest.raises(RuntimeError, match="lost"):
        clock.run(until=event)


def test_events_posted_by_many_threads_all_arrive() -> None:
    clock, count = WallClock(), 200
    events = [clock.event() for _ in range(count)]
    clock.expect(count)
    threads = [
        threading.Thread(target=lambda part=events[k::4]: [clock.post(each, 0) for each in part])
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    clock.run(until=clock.all_of(events))
    for thread in threads:
        thread.join()


def test_a_lap_counts_the_programs_own_processor_time() -> None:
    clock = WallClock()
    clock.lap()
    threading.Event().wait(0.02)
    slept = clock.lap()
    sum(range(200_000))
    assert 0.0 <= slept < clock.lap()


def test_a_latch_lets_everybody_pass_and_passes_its_error_on() -> None:
    latch, through = Latch(), list[int]()
    threads = [threading.Thread(target=lambda: (latch.wait(), through.append(1))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert not latch.opened
    latch.open()
    for thread in threads:
        thread.join()
    assert (latch.opened, through) == (True, [1, 1, 1])
    failed = Latch()
    failed.open(ValueError("broken"))
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            failed.wait()


def launched(clock: WallClock, ran: list[str], name: str, ready: bool = True) -> simpy.Event:
    """Give a command that posts an event; a queue would note it in capitals."""
    event = clock.event()

    def command() -> None:
        ran.append(name)
        clock.post(event, name)

    def put(command) -> None:
        ran.append(name.upper())
        threading.Thread(target=command).start()

    clock.expect()
    clock.give(command, put, ready)
    return event


def test_a_loop_that_helps_runs_what_it_would_only_wait_for() -> None:
    clock, ran = WallClock(), list[str]()
    clock.help()
    first, second = launched(clock, ran, "a"), launched(clock, ran, "b")
    assert ran == []
    assert clock.run(until=second) == "b"
    assert first.processed
    assert ran == ["a", "b"]


def test_a_loop_that_was_not_asked_to_help_leaves_commands_to_their_queues() -> None:
    clock, ran = WallClock(), list[str]()
    assert clock.run(until=launched(clock, ran, "a")) == "a"
    assert ran == ["A", "a"]


def test_what_has_been_kept_goes_to_its_queue_once_something_else_is_under_way() -> None:
    clock, ran = WallClock(), list[str]()
    clock.help()
    first = launched(clock, ran, "a")
    second = launched(clock, ran, "b", ready=False)
    clock.run(until=first & second)
    assert ran.index("A") < ran.index("B")


def test_what_has_been_kept_goes_to_its_queue_if_the_program_waits_for_a_time() -> None:
    clock, ran = WallClock(), list[str]()
    clock.help()
    event = launched(clock, ran, "a")
    clock.run(until=event | clock.timeout(0.05))
    assert ran == ["A", "a"]
