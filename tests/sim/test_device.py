from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hetengine.device import Event, HostFunction
from hetengine.errors import DeviceFailure, UsageError
from hetengine.work import Work

if TYPE_CHECKING:
    from tests.sim.conftest import Machine

SECOND = Work()  # launch cost only: one second on the machine of conftest


def double(values: np.ndarray) -> float:
    values *= 2
    return float(values.sum())


def nothing(*args: Any) -> None:
    pass


def broken() -> None:
    raise ZeroDivisionError("no rows")


KERNELS = {"double": double, "nothing": nothing, "broken": broken}


def test_a_round_trip_leaves_the_exact_trace_and_the_right_numbers(build: type[Machine]) -> None:
    machine = build(KERNELS)
    host, card = machine.host, machine.card
    x, y = host.alloc("x", 25, "f8"), host.alloc("y", 25, "f8")
    there = card.alloc("there", 25, "f8")
    x.array[:] = 3.0
    up = card.copy(there, x)
    work = Work(flops=25, bytes_read=200, bytes_written=200, items=25)
    solved = card.launch(card.load("double"), (there,), work, after=(up,), category="solve")
    down = card.copy(y, there, after=(solved,))
    machine.clock.run(until=down)
    assert machine.log == [
        ("card", "x", 0.0, 4.5),
        ("card", "double", 4.5, 9.5),
        ("card", "there", 9.5, 18.0),
    ]
    assert solved.value == 150.0
    assert (y.array == 6.0).all()
    assert (solved.start_seconds, solved.end_seconds, solved.seconds) == (4.5, 9.5, 5.0)
    assert [(s.queue, s.category, s.direction) for s in machine.spans] == [
        ("up", "copy", "up"),
        ("compute", "solve", ""),
        ("down", "copy", "down"),
    ]
    assert machine.spans[1].work == work
    assert machine.spans[0].work.bytes_read == 200


def test_a_queue_runs_in_the_order_of_its_commands(build: type[Machine]) -> None:
    machine = build(KERNELS)
    seen: list[int] = []
    for number in range(4):
        machine.host.launch(HostFunction(f"step {number}", seen.append), (number,), SECOND)
    machine.clock.run()
    assert seen == [0, 1, 2, 3]
    assert machine.log == [("host", f"step {k}", float(k), float(k + 1)) for k in range(4)]


def test_a_command_that_waits_holds_up_those_behind_it(build: type[Machine]) -> None:
    machine = build(KERNELS)
    card, kernel = machine.card, machine.card.load("nothing")
    card.launch(kernel, (), SECOND, after=(machine.clock.timeout(10),))
    last = card.launch(kernel, (), SECOND)
    machine.clock.run(until=last)
    assert [entry[2] for entry in machine.log] == [10.0, 11.0]


def test_dependencies_cross_devices_and_queues(build: type[Machine]) -> None:
    machine = build(KERNELS)
    host, card = machine.host, machine.card
    a = host.launch(host.load("nothing"), (), Work(bytes_read=200))
    b = card.launch(card.load("nothing"), (), SECOND)
    c = card.launch(card.load("nothing"), (), SECOND, after=(a, b))
    d = host.launch(host.load("nothing"), (), SECOND, after=(c,))
    machine.clock.run(until=d)
    assert [(e.start_seconds, e.end_seconds) for e in (a, b, c, d)] == [
        (0.0, 3.0),
        (0.0, 1.0),
        (3.0, 4.0),
        (4.0, 5.0),
    ]


def test_a_dependency_that_has_fired_long_ago_holds_nothing_up(build: type[Machine]) -> None:
    machine = build(KERNELS)
    card = machine.card
    first = card.launch(card.load("nothing"), (), SECOND)
    machine.clock.run(until=7)
    second = card.launch(card.load("nothing"), (), SECOND, after=(first,))
    assert machine.clock.run(until=second) is None
    assert second.start_seconds == 7.0


def test_copies_both_ways_and_compute_overlap(build: type[Machine]) -> None:
    machine = build(KERNELS)
    host, card = machine.host, machine.card
    x, y = host.alloc("x", 100, "u1"), host.alloc("y", 100, "u1")
    p, q = card.alloc("p", 100, "u1"), card.alloc("q", 100, "u1")
    card.copy(p, x)
    card.copy(y, q)
    card.launch(card.load("nothing"), (), Work(flops=10))
    machine.clock.run(until=card.synchronize())
    assert sorted(machine.log) == [
        ("card", "nothing", 0.0, 2.0),
        ("card", "q", 0.0, 4.5),
        ("card", "x", 0.0, 2.5),
    ]


def test_copies_one_way_run_one_after_the_other_and_those_of_two_devices_share(
    build: type[Machine],
) -> None:
    machine = build(KERNELS)
    host, card = machine.host, machine.card
    x, y = host.alloc("x", 100, "u1"), card.alloc("y", 100, "u1")
    first, second = card.copy(y, x), card.copy(y, x)
    machine.clock.run(until=second)
    assert (first.end_seconds, second.start_seconds, second.end_seconds) == (2.5, 2.5, 5.0)
    third, fourth = card.copy(y, x), host.copy(y, x)
    machine.clock.run(until=third & fourth)
    assert third.end_seconds == fourth.end_seconds == 5.0 + 0.5 + 200 / 50
    assert machine.spans[-1].direction == "up"


def test_an_event_is_not_triggered_before_its_time(build: type[Machine]) -> None:
    machine = build(KERNELS)
    card = machine.card
    x = card.alloc("x", 1, "f8")
    x.array[0] = 1.0
    event = card.launch(card.load("double"), (x,), SECOND)
    assert not event.triggered
    assert np.isnan(event.end_seconds)
    machine.clock.run(until=0.999)
    assert not event.triggered
    assert machine.spans == []
    machine.clock.run(until=1.001)
    assert event.processed
    assert event.value == 2.0


def test_work_may_depend_on_the_result(build: type[Machine]) -> None:
    machine = build(KERNELS)
    found = HostFunction("found", lambda: 300)
    event = machine.host.launch(found, (), lambda count: Work(bytes_read=count, items=count))
    machine.clock.run(until=event)
    assert event.seconds == 4.0
    assert machine.spans[0].work.items == 300


def test_a_kernel_that_raises_fails_its_event_with_the_cause(build: type[Machine]) -> None:
    machine = build(KERNELS)
    caught: list[DeviceFailure] = []

    def program(event: Event):
        try:
            yield event
        except DeviceFailure as failure:
            caught.append(failure)

    event = machine.card.launch(machine.card.load("broken"), (), SECOND)
    machine.clock.run(until=machine.clock.process(program(event)))
    assert str(caught[0]) == "card: broken failed: ZeroDivisionError: no rows"
    failure = event.value
    assert isinstance(failure, DeviceFailure)
    assert isinstance(failure.__cause__, ZeroDivisionError)
    assert machine.spans == []


def test_a_failure_nobody_waits_for_stops_the_run(build: type[Machine]) -> None:
    machine = build(KERNELS)
    machine.card.launch(machine.card.load("broken"), (), SECOND)
    with pytest.raises(DeviceFailure, match="no rows"):
        machine.clock.run()


def test_what_comes_after_a_failure_fails_alike_and_does_not_run(build: type[Machine]) -> None:
    machine = build(KERNELS)
    host, card = machine.host, machine.card
    ran: list[int] = []
    first = card.launch(card.load("broken"), (), SECOND)
    second = host.launch(HostFunction("later", ran.append), (1,), SECOND, after=(first,))
    third = card.copy(card.alloc("y", 1, "f8"), host.alloc("x", 1, "f8"), after=(second,))
    with pytest.raises(DeviceFailure, match="no rows"):
        machine.clock.run(until=third)
    late = host.launch(HostFunction("late", ran.append), (2,), SECOND, after=(first,))
    with pytest.raises(DeviceFailure):
        machine.clock.run(until=late)
    assert first.value is second.value is third.value is late.value
    assert ran == []
    assert machine.spans == []


def test_a_queue_goes_on_after_a_failed_command(build: type[Machine]) -> None:
    machine = build(KERNELS)
    card = machine.card
    failed = card.launch(card.load("broken"), (), SECOND)
    failed.defused = True
    then = card.launch(card.load("nothing"), (), SECOND)
    machine.clock.run(until=then)
    assert machine.log == [("card", "nothing", 0.0, 1.0)]


@pytest.mark.parametrize(
    "work",
    [Work(flops=math.nan), Work(bytes_read=math.nan), Work(flops=math.inf), Work(bytes_written=-1)],
)
def test_work_that_takes_no_time_known_to_the_clock_is_refused(
    build: type[Machine], work: Work
) -> None:
    machine = build(KERNELS)
    event = machine.card.launch(machine.card.load("nothing"), (), work)
    with pytest.raises(UsageError, match="work and cost must be finite and at least 0"):
        machine.clock.run(until=event)


def test_synchronize_waits_for_all_queues_and_for_nothing_later(build: type[Machine]) -> None:
    machine = build(KERNELS)
    host, card = machine.host, machine.card
    idle = card.synchronize()
    machine.clock.run(until=idle)
    assert machine.clock.now == 0.0
    card.copy(card.alloc("y", 100, "u1"), host.alloc("x", 100, "u1"))
    card.launch(card.load("nothing"), (), SECOND)
    both = card.synchronize()
    card.launch(card.load("nothing"), (), Work(bytes_read=1e6))
    machine.clock.run(until=both)
    assert machine.clock.now == 2.5


def test_the_same_program_leaves_the_same_spans(build: type[Machine]) -> None:
    def spans() -> list[Any]:
        machine = build(KERNELS)
        host, card = machine.host, machine.card
        here, there = host.alloc("here", 64, "u1"), card.alloc("there", 64, "u1")
        for k in range(30):
            up = card.copy(there, here)
            solved = card.launch(card.load("nothing"), (), Work(flops=k), after=(up,))
            host.launch(host.load("nothing"), (), Work(bytes_read=7 * k), after=(solved,))
            if k % 3 == 0:
                host.copy(here, there)
        machine.clock.run()
        return machine.spans

    assert len(spans()) == 100
    assert spans() == spans()


def test_an_unknown_kernel_is_refused_with_the_nearest_name(build: type[Machine]) -> None:
    with pytest.raises(UsageError, match="no kernel 'doubel'; did you mean 'double'"):
        build(KERNELS).card.load("doubel")


def test_buffers_and_functions_belong_where_they_are_launched(build: type[Machine]) -> None:
    machine = build(KERNELS)
    x = machine.host.alloc("x", 1, "f8")
    with pytest.raises(UsageError, match="double got x, which is on host; copy it first"):
        machine.card.launch(machine.card.load("double"), (x,), SECOND)
    with pytest.raises(UsageError, match="is a host function"):
        machine.card.launch(HostFunction("sort", nothing), (), SECOND)


def test_a_copy_needs_two_devices_and_one_size_and_type(build: type[Machine]) -> None:
    machine = build(KERNELS)
    host, card = machine.host, machine.card
    x, y = host.alloc("x", 4, "f8"), card.alloc("y", 4, "f8")
    with pytest.raises(UsageError, match="exactly one end must be card"):
        card.copy(y, y)
    with pytest.raises(UsageError, match=r"x \(32 bytes, float64\) into z \(16 bytes"):
        card.copy(card.alloc("z", 2, "f8"), x)
    with pytest.raises(UsageError, match="int64"):
        card.copy(card.alloc("z", 4, "i8"), x)


def test_a_closed_device_refuses_everything_new(build: type[Machine]) -> None:
    machine = build(KERNELS)
    kernel = machine.card.load("nothing")
    machine.card.close()
    with pytest.raises(UsageError, match="closed"):
        machine.card.launch(kernel, (), SECOND)
    with pytest.raises(UsageError, match="closed"):
        machine.card.alloc("x", 1, "f8")
