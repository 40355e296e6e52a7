"""Real devices in simulated machines."""

from __future__ import annotations

import time

import numpy as np
import pytest

from hetengine.device import Event, HostFunction
from hetengine.errors import DeviceFailure, UsageError
from hetengine.incidents import Incident
from hetengine.machine import Machine, open_machine
from hetengine.record.recorder import Recorder
from hetengine.solvers.duhl import Duhl
from hetengine.work import Work
from tests.solvers.harness import build, capacity_for, solve, topology


def hybrid(*real: str, **options):
    config = topology(2, **options)
    for name in real:
        config.devices[name].real = True
    return config


@pytest.mark.parametrize("real", [("card0",), ("host",), ("host", "card0", "card1")])
def test_a_hybrid_run_finds_what_a_simulated_one_finds(real: tuple[str, ...]) -> None:
    problem = build("svm", True)
    capacity = capacity_for(problem, 0.4)
    runs = [
        solve(problem, "simulate", hybrid(*names, capacity_bytes=capacity), 1e-5, refresh="0.2")
        for names in ((), real)
    ]
    assert runs[0].outcome.status == "converged"
    np.testing.assert_array_equal(runs[0].outcome.alpha, runs[1].outcome.alpha)
    assert runs[0].rows() == runs[1].rows()


def test_what_a_real_device_measures_passes_in_virtual_time() -> None:
    recorder = Recorder()
    machine = open_machine(hybrid("host").build(), "simulate", recorder.observe)
    sleep = HostFunction("sleep", time.sleep)
    begun = time.perf_counter()
    first = machine.host.launch(sleep, (0.02,), Work())
    second = machine.host.launch(sleep, (0.03,), Work(items=7))
    card = machine.accelerators[0]
    there, here = card.alloc("there", 1000, "f4"), machine.host.alloc("here", 1000, "f4")
    here.array[:] = 2.0
    copied = card.copy(there, here, after=[second])
    machine.clock.run(until=copied)
    wall = time.perf_counter() - begun
    machine.close()
    assert 0.02 <= first.seconds < wall
    assert second.start_seconds == first.end_seconds
    assert second.end_seconds >= 0.05
    # The copy is the simulated card's: 4000 bytes over a link of 10 MB a second.
    assert copied.seconds == pytest.approx(4e-4)
    assert (there.array == 2.0).all()
    assert [span.label for span in recorder.spans] == ["sleep", "sleep", "here"]
    assert recorder.spans[1].work.items == 7


def rested(*events: Incident) -> tuple[Machine, list[Event]]:
    """A real host that sleeps three times for a hundredth of a second, in virtual time."""
    config = hybrid("host")
    config.devices["host"].events = list(events)
    machine = open_machine(config.build(), "simulate", lambda span: None)
    machine.start()
    sleep = HostFunction("sleep", time.sleep)
    return machine, [machine.host.launch(sleep, (0.01,), Work()) for _ in range(3)]


def test_a_real_device_that_is_slow_takes_longer_in_virtual_time() -> None:
    machine, events = rested(Incident("slow", 0.0, None, 1000.0))
    begun = time.perf_counter()
    machine.clock.run(until=events[-1])
    wall = time.perf_counter() - begun
    machine.close()
    assert all(10.0 <= event.seconds < 1000.0 * wall for event in events)


def test_a_real_device_stalls_in_virtual_time() -> None:
    machine, events = rested(Incident("stall", 0.005, 60.0))
    machine.clock.run(until=events[0])
    assert events[0].end_seconds > 60.0
    machine.close()


def test_a_real_device_fails_and_returns_in_virtual_time() -> None:
    machine, events = rested(Incident("fail", 0.005, 60.0))
    for event in events:
        with pytest.raises(DeviceFailure, match=r"host: failed at 0\.005 s") as caught:
            machine.clock.run(until=event)
        assert caught.value.device == "host"
    assert machine.clock.now == 0.005
    machine.clock.run(until=61.0)
    again = machine.host.launch(HostFunction("sleep", time.sleep), (0.01,), Work())
    machine.clock.run(until=again)
    machine.close()
    assert again.end_seconds >= 61.01


def test_a_real_card_copies_slowly_while_it_is_slow() -> None:
    config = hybrid("card0")
    config.devices["card0"].events = [Incident("slow", 0.0, 1e9, 1e6)]
    machine = open_machine(config.build(), "simulate", lambda span: None)
    machine.start()
    card = machine.accelerators[0]
    here, there = machine.host.alloc("here", 10**6, "f4"), card.alloc("there", 10**6, "f4")
    here.array[:] = 3.0
    copied = card.copy(there, here)
    machine.clock.run(until=copied)
    machine.close()
    assert (there.array == 3.0).all()
    assert copied.seconds > 10.0


def test_a_run_goes_on_without_a_real_card_that_fails_and_takes_it_back() -> None:
    problem = build("ridge", side="dual")
    capacity = capacity_for(problem, 0.4)
    whole = solve(problem, "simulate", hybrid(capacity_bytes=capacity), 1e-6, refresh="0.2")
    seconds = whole.recorder.rows[-1].seconds
    config = hybrid("card0", capacity_bytes=capacity)
    config.devices["card0"].events = [Incident("fail", 0.3 * seconds, 0.4 * seconds)]
    run = solve(problem, "simulate", config, 1e-6, refresh="0.2", watch=start_cards)
    assert run.outcome.status == "converged"
    lost, back = [message for message in run.recorder.messages if "card0" in message][:2]
    assert "card0: failed at" in lost
    assert back.endswith("card0 is back, with an empty memory")
    expected, found = whole.outcome.certificate, run.outcome.certificate
    assert found.objective == pytest.approx(expected.objective, rel=2e-6)


def start_cards(solver: Duhl) -> None:
    for worker in solver.workers:
        start = getattr(worker.device, "start", None)
        if start is not None:
            start()


def test_a_failure_of_the_real_device_travels_in_the_event() -> None:
    machine = open_machine(hybrid("host").build(), "simulate", lambda span: None)
    event = machine.host.launch(HostFunction("divide", lambda: 1 / 0), (), Work())
    with pytest.raises(DeviceFailure, match="host: divide failed: ZeroDivisionError"):
        machine.clock.run(until=event)
    machine.close()


def test_a_dry_run_cannot_be_real() -> None:
    with pytest.raises(UsageError, match=r"devices\.card1\.real=true computes, and mode=dry does"):
        open_machine(hybrid("card1").build(), "dry", lambda span: None)
