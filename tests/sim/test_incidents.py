"""What happens to a device at given times, to the tenth of a second."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.errors import DeviceFailure, UsageError
from hetengine.incidents import Incident
from hetengine.machine import open_machine
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from tests.sim.conftest import Machine, nothing
from tests.sim.scenarios import two_cards

KERNELS = {"nothing": nothing}
SLOW = Incident("slow", 2.0, 5.0, factor=3.0)
STALL = Incident("stall", 2.0, 5.0)
FAIL = Incident("fail", 2.0, 5.0)


def machine(*events: Incident) -> Machine:
    made = Machine(KERNELS, events=events)
    made.card.start()
    return made


def test_a_slow_device_takes_longer_while_it_is_slow() -> None:
    both = machine(SLOW)
    card = both.card
    events = [card.launch(card.load("nothing"), (), Work(flops=20)) for _ in range(3)]
    both.clock.run(until=events[-1])
    # Three seconds each: two at full speed and one third of that for three seconds, then full.
    assert [event.end_seconds for event in events] == pytest.approx([5.0, 8.0, 11.0])
    assert both.log[0][2:] == (0.0, 5.0)


def test_a_slow_down_that_begins_and_ends_within_a_kernel() -> None:
    both = machine(Incident("slow", 1.0, 4.0, factor=2.0))
    event = both.card.launch(both.card.load("nothing"), (), Work(flops=50))
    both.clock.run(until=event)
    assert event.end_seconds == pytest.approx(1.0 + 3.0 + 3.5)


def test_a_slow_device_copies_slowly_too_and_starts_them_late() -> None:
    both = machine(Incident("slow", 0.0, None, factor=4.0))
    both.clock.run(until=1.0)
    x, y = both.host.alloc("x", 100, "u1"), both.card.alloc("y", 100, "u1")
    up, down = both.card.copy(y, x), both.card.copy(x, y)
    both.clock.run(until=up & down)
    # Half a second of latency, then 50 bytes a second up and 25 down: all of it four times.
    assert (up.seconds, down.seconds) == pytest.approx((4 * 2.5, 4 * 4.5))


def test_a_slow_down_begins_and_ends_while_bytes_flow() -> None:
    both = machine(Incident("slow", 1.0, 4.0, factor=2.0))
    x, y = both.host.alloc("x", 200, "u1"), both.card.alloc("y", 200, "u1")
    event = both.card.copy(y, x)
    both.clock.run(until=event)
    # 25 bytes until 1 s, 75 in the three slow seconds, 100 at 50 a second.
    assert event.end_seconds == pytest.approx(4.0 + 100 / 50)


def test_a_slow_device_leaves_the_rest_of_a_shared_link_to_others() -> None:
    config = two_cards()
    config.devices["card0"].events = [Incident("slow", 0.0, None, 8.0)]
    opened = open_machine(config.build(), "dry", lambda span: None)
    opened.start()
    opened.clock.run(until=0.5)
    x = opened.host.alloc("x", 300, "u1")
    slow, quick = (card.copy(card.alloc("y", 300, "u1"), x) for card in opened.accelerators)
    opened.clock.run(until=quick)
    # Alone each would get 80 of the root's 100; the slow one has an eighth of that and, in the
    # four seconds and a half for which its latency lasts longer, nothing yet.
    assert quick.seconds == pytest.approx(0.75 + 300 / 80)
    opened.clock.run(until=slow)
    assert slow.seconds == pytest.approx(8 * (0.75 + 300 / 80))


def test_a_device_that_is_faster_than_usual_does_not_make_its_link_faster() -> None:
    both = machine(Incident("slow", 0.0, None, factor=0.5))
    both.clock.run(until=1.0)
    x, y = both.host.alloc("x", 100, "u1"), both.card.alloc("y", 100, "u1")
    kernel, copy = both.card.launch(both.card.load("nothing"), (), Work()), both.card.copy(y, x)
    both.clock.run(until=kernel & copy)
    assert (kernel.seconds, copy.seconds) == pytest.approx((0.5, 2.5))


def test_two_slow_downs_at_once_multiply() -> None:
    both = machine(Incident("slow", 0.0, None, 2.0), Incident("slow", 0.0, None, 3.0))
    both.clock.run(until=0.5)
    event = both.card.launch(both.card.load("nothing"), (), Work())
    both.clock.run(until=event)
    assert event.seconds == pytest.approx(6.0)


def test_a_stall_holds_up_kernels_and_the_start_of_copies() -> None:
    both = machine(STALL)
    host, card = both.host, both.card
    x, y = host.alloc("x", 100, "u1"), card.alloc("y", 100, "u1")
    first, second = card.copy(y, x), card.copy(y, x)
    kernel = card.launch(card.load("nothing"), (), Work(flops=30))
    both.clock.run(until=second & kernel)
    assert first.end_seconds == 2.5  # on its way already
    assert second.end_seconds == 5.0 + 2.5
    assert kernel.end_seconds == 2.0 + 3.0 + 2.0


def test_a_device_that_fails_drops_what_runs_and_refuses_until_it_returns() -> None:
    both = machine(FAIL)
    host, card = both.host, both.card
    x, y = host.alloc("x", 100, "u1"), card.alloc("y", 100, "u1")
    kernel = card.launch(card.load("nothing"), (), Work(flops=30))
    copy = card.copy(y, x)
    for event, seconds in ((kernel, 2.0), (copy, 2.0)):
        with pytest.raises(DeviceFailure, match=r"^card: failed at 2 s") as caught:
            both.clock.run(until=event)
        assert caught.value.device == "card"
        assert both.clock.now == seconds
        copy.defused = True
    both.clock.run(until=4.0)
    refused = card.launch(card.load("nothing"), (), Work())
    with pytest.raises(DeviceFailure):
        both.clock.run(until=refused)
    both.clock.run(until=5.5)
    again = card.copy(y, x)
    both.clock.run(until=again)
    assert both.log == [("card", "x", 5.5, 8.0)]


def test_a_failed_copy_leaves_its_share_of_the_link_to_others() -> None:
    both = machine(FAIL)
    host, card = both.host, both.card
    x, y, z = host.alloc("x", 100, "u1"), card.alloc("y", 100, "u1"), card.alloc("z", 100, "u1")
    lost = card.copy(y, x)
    other = host.copy(z, x)  # in the host's own queue: it goes on
    lost.callbacks.append(lambda event: setattr(event, "defused", True))
    both.clock.run(until=other)
    # Both share 50 bytes a second from 0.5 to 2, then one has all: 37.5 sent, 62.5 left.
    assert other.end_seconds == pytest.approx(2.0 + 62.5 / 50)


def test_a_device_that_fails_loses_its_memory() -> None:
    both = machine(FAIL)
    x = both.card.alloc("x", 4, "f4")
    both.clock.run(until=3.0)
    assert np.isnan(x.array).all()


def test_nothing_happens_before_the_machine_is_started() -> None:
    both = Machine(KERNELS, events=(FAIL,))
    event = both.card.launch(both.card.load("nothing"), (), Work(flops=90))
    both.clock.run(until=event)
    assert event.end_seconds == 10.0


@pytest.mark.parametrize(
    ("incident", "message"),
    [
        (Incident("slwo", 1.0), "did you mean 'slow'"),
        (Incident("stall", 1.0), "a stall needs until_seconds"),
        (Incident("slow", 2.0, 1.0), r"events\[0\]\.until_seconds=1.0 must be after at_seconds=2"),
        (Incident("slow", -1.0), "at least 0"),
        (Incident("slow", 1.0, factor=0.0), "greater than 0"),
    ],
)
def test_what_cannot_happen_is_refused(incident: Incident, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DeviceSpec("card", events=(incident,))
