"""Real devices in simulated machines."""

from __future__ import annotations

import time

import numpy as np
import pytest

from hetengine.device import HostFunction, Work
from hetengine.errors import DeviceFailure, UsageError
from hetengine.machine import open_machine
from hetengine.record.recorder import Recorder
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


def test_a_failure_of_the_real_device_travels_in_the_event() -> None:
    machine = open_machine(hybrid("host").build(), "simulate", lambda span: None)
    event = machine.host.launch(HostFunction("divide", lambda: 1 / 0), (), Work())
    with pytest.raises(DeviceFailure, match="host: divide failed: ZeroDivisionError"):
        machine.clock.run(until=event)
    machine.close()


def test_a_dry_run_cannot_be_real() -> None:
    with pytest.raises(UsageError, match=r"devices\.card1\.real=true computes, and mode=dry does"):
        open_machine(hybrid("card1").build(), "dry", lambda span: None)
