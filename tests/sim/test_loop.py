"""What passes between commands in a calibrated machine, to the microsecond."""

from __future__ import annotations

from typing import Any

import pytest

from hetengine.calibrate.spec import Calibration, Dispatch, KernelCost
from hetengine.clock import VirtualClock
from hetengine.device import LateWork, Span, Work
from hetengine.sim import FluidNetwork, KernelCosts, Loop, SimulatedDevice
from hetengine.topology import DeviceSpec, LinkSpec, Topology


class Machine:
    """A card whose kernel takes 10 s; 1 s to hand over, 2 to start, 3 to relay, 4 between two."""

    def __init__(self) -> None:
        touch = KernelCost(constant_seconds=10.0, issue_seconds=1.0, issue_item_seconds=0.5)
        times = Dispatch(start_seconds=2.0, relay_seconds=3.0, next_seconds=4.0)
        specs = (
            DeviceSpec("host", "host", dispatch=Dispatch(notify_seconds=5.0)),
            DeviceSpec("card", kernels={"touch": touch}, dispatch=times),
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
    assert machine.times() == [("touch", 3.0, 13.0)]
    assert machine.clock.now == 18.0


def test_handing_over_costs_by_item_and_the_program_does_one_thing_at_a_time() -> None:
    machine = Machine()
    first, second = machine.launch(items=4), machine.launch(items=2)
    assert (first.issued_seconds, second.issued_seconds) == (3.0, 5.0)
    machine.clock.run(second)
    assert machine.times() == [("touch", 5.0, 15.0), ("touch", 19.0, 29.0)]
    assert machine.clock.now == 34.0


def test_what_follows_a_copy_does_not_wait_for_the_program() -> None:
    machine = Machine()
    there, here = machine.card.alloc("x", 400, "u1"), machine.host.alloc("x", 400, "u1")
    copied = machine.card.copy(there, here)
    machine.clock.run(machine.launch(after=[copied]))
    assert copied.issued_seconds == 1.5
    assert machine.times() == [("x", 3.5, 7.5), ("touch", 10.5, 20.5)]


def test_a_busy_program_hears_late() -> None:
    machine = Machine()
    first = machine.launch()
    machine.launch(items=60)  # keeps the program until 32
    machine.clock.run(first)
    assert machine.times()[0] == ("touch", 3.0, 13.0)
    assert machine.clock.now == 32.0


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
    assert done.issued_seconds == 3.0
    machine.clock.run(done)
    assert machine.spans[0].work.items == 1000
