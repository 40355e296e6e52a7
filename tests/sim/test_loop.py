"""What passes between commands in a calibrated machine, to the microsecond."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hetengine.calibrate.spec import Calibration, Dispatch, KernelCost
from hetengine.clock import VirtualClock
from hetengine.sim import FluidNetwork, KernelCosts, Loop, SimulatedDevice
from hetengine.span import Span
from hetengine.topology import DeviceSpec, LinkSpec, Topology
from hetengine.work import LateWork, Work


class Machine:
    """A card whose kernel takes 10 s; 1 s to hand over, 3 to start, 5 to relay, 2 between two.

    The time between two is Python: one second after each command, one before the next.
    """

    def __init__(self) -> None:
        touch = KernelCost(constant_seconds=10.0, issue_seconds=1.0, issue_item_seconds=0.5)
        times = Dispatch(start_seconds=3.0, relay_seconds=5.0, next_seconds=2.0)
        specs = (
            DeviceSpec("host", "host", dispatch=Dispatch(notify_seconds=6.0)),
            DeviceSpec(
                "card", kernels={"touch": touch}, dispatch=replace(times, inline_seconds=0.5)
            ),
        )
        link = LinkSpec("bus", ("host", "card"), 100.0, 100.0, host_seconds=1.5)
        topology = Topology("two", specs, (link,), Calibration("2026-01-01", "here"))
        self.clock = VirtualClock()
        network = FluidNetwork(self.clock)
        network.add_link(link)
        loop = Loop(self.clock, topology)
        self.spans: list[Span] = []
        self.host, self.card = (
            SimulatedDevice(
                spec,
                self.clock,
                {"touch": lambda *_: None},
                network,
                topology,
                self.spans.append,
                KernelCosts(),
                loop=loop,
            )
            for spec in specs
        )
        self.touch = self.card.load("touch")

    def launch(self, after: Any = (), items: int = 0) -> Any:
        return self.card.launch(self.touch, (), Work(items=items), after=after)

    def times(self) -> list[tuple[str, float, float]]:
        return [(span.label, span.start_seconds, span.end_seconds) for span in self.spans]


def test_handing_over_starting_and_hearing_take_their_time() -> None:
    machine = Machine()
    machine.clock.run(machine.launch())
    assert machine.times() == [("touch", 4.0, 14.0)]
    assert machine.clock.now == 21.0


def test_a_program_that_runs_its_commands_itself_waits_for_no_thread() -> None:
    machine = Machine()
    machine.clock.help()
    machine.clock.run(machine.launch())
    assert machine.times() == [("touch", 1.25, 11.25)]
    assert machine.clock.now == 11.5


def test_a_program_that_runs_its_commands_itself_hands_over_first() -> None:
    machine = Machine()
    machine.clock.help()
    machine.launch()
    machine.clock.run(machine.launch(items=2))
    assert machine.times() == [("touch", 3.25, 13.25), ("touch", 13.75, 23.75)]


def test_handing_over_costs_by_item_and_the_program_does_one_thing_at_a_time() -> None:
    machine = Machine()
    first, second = machine.launch(items=4), machine.launch(items=2)
    machine.clock.run(second)
    assert (first.issued_seconds, second.issued_seconds) == (3.0, 5.0)
    assert machine.times() == [("touch", 6.0, 16.0), ("touch", 18.0, 28.0)]
    assert machine.clock.now == 35.0


def test_what_follows_a_copy_does_not_wait_for_the_program() -> None:
    machine = Machine()
    there, here = machine.card.alloc("x", 400, "u1"), machine.host.alloc("x", 400, "u1")
    copied = machine.card.copy(there, here)
    machine.clock.run(machine.launch(after=[copied]))
    assert copied.issued_seconds == 1.5
    assert machine.times() == [("x", 4.5, 8.5), ("touch", 13.5, 23.5)]


def test_while_the_program_is_busy_no_queue_gets_on() -> None:
    machine = Machine()
    first = machine.launch()
    machine.launch(items=60)  # keeps the program, and with it the interpreter, until 32
    machine.clock.run(first)
    assert machine.times()[0] == ("touch", 33.0, 43.0)


def test_a_command_that_ends_while_the_program_is_busy_ends_late() -> None:
    machine = Machine()
    first = machine.launch()
    machine.clock.run(until=5.0)
    machine.launch(items=60)  # from 5 to 36
    machine.clock.run(first)
    assert machine.times()[0] == ("touch", 4.0, 36.0)


def test_the_program_is_not_woken_for_what_nobody_waits_for() -> None:
    machine = Machine()
    first = machine.launch()
    second = machine.launch(after=[first])
    machine.clock.run(second)
    alone = machine.clock.now
    machine = Machine()
    first = machine.launch()
    second = machine.launch(after=[first])
    heard: list[float] = []
    first.callbacks.append(lambda _: heard.append(machine.clock.now))
    machine.clock.run(second)
    assert (heard, machine.clock.now) == ([21.0], alone)


def test_a_failure_reaches_what_came_after_and_the_program() -> None:
    machine = Machine()
    machine.touch.function = lambda *_: 1 / 0
    first = machine.launch()
    second = machine.launch(after=[first])
    with pytest.raises(Exception, match="touch failed"):
        machine.clock.run(second)
    assert machine.spans == []


def test_what_is_known_before_the_result_decides_what_handing_over_costs() -> None:
    machine = Machine()
    late = LateWork(Work(items=4), lambda result: Work(items=1000))
    done = machine.card.launch(machine.touch, (), late)
    machine.clock.run(done)
    assert done.issued_seconds == 3.0
    assert machine.spans[0].work.items == 1000
