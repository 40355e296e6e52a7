"""Recorded programs on simulated devices: one command, the cost of the sum, numbers if wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hetengine.errors import UsageError
from hetengine.machine import open_machine
from hetengine.record.recorder import Recorder
from hetengine.work import Work
from tests.solvers.harness import topology

if TYPE_CHECKING:
    from tests.sim.conftest import Machine

RAN: list[str] = []


def double(values: np.ndarray) -> float:
    RAN.append("double")
    values *= 2
    return float(values.sum())


def add(values: np.ndarray, amount: float) -> None:
    RAN.append("add")
    values += amount


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


def steps(card, x) -> list:
    return [
        (card.load("add"), (x, 1.0), Work(flops=5, bytes_read=100, items=3)),
        (card.load("double"), (x,), Work(flops=5, bytes_written=100, variant="float64 toy")),
    ]


def test_a_program_costs_what_its_work_costs_and_one_launch(build: type[Machine]) -> None:
    machine = build({"double": double, "add": add})
    x = machine.card.alloc("x", 4, "f8")
    program = machine.card.record("toy", steps(machine.card, x))
    assert RAN == []
    done = machine.card.launch(program, program.buffers, program.work)
    machine.clock.run(until=done)
    assert RAN == ["add", "double"]
    assert done.value is None
    assert (x.array == 2.0).all()
    assert machine.log == [("card", "toy", 0.0, 3.0)]
    assert machine.spans[0].work == Work(10, 100, 100, 3, "float64 toy")


def test_without_numerics_a_program_runs_nothing(build: type[Machine]) -> None:
    machine = build({"double": double, "add": add}, numerics=False)
    x = machine.card.alloc("x", 4, "f8")
    program = machine.card.record("toy", steps(machine.card, x))
    done = machine.card.launch(program, program.buffers, program.work)
    machine.clock.run(until=done)
    assert RAN == []
    assert done.value is None
    assert done.seconds == 3.0


def test_a_freed_buffer_is_refused(build: type[Machine]) -> None:
    machine = build({"double": double, "add": add})
    x = machine.card.alloc("x", 4, "f8")
    program = machine.card.record("toy", steps(machine.card, x))
    running = machine.card.launch(program, program.buffers, program.work)
    machine.card.free(x)
    with pytest.raises(UsageError, match="cannot use x, it was freed"):
        machine.card.launch(program, program.buffers, program.work)
    with pytest.raises(UsageError, match="cannot record x, it was freed"):
        machine.card.record("toy", steps(machine.card, x))
    machine.clock.run(until=running)
    assert machine.card.memory.used_bytes == 0


def test_another_devices_program_is_refused(build: type[Machine]) -> None:
    machine = build({"double": double, "add": add})
    x = machine.card.alloc("x", 4, "f8")
    with pytest.raises(UsageError, match="x, which is on card"):
        machine.host.record("toy", steps(machine.host, x))
    program = machine.card.record("toy", steps(machine.card, x))
    with pytest.raises(UsageError, match="x, which is on card"):
        machine.host.launch(program, program.buffers, program.work)


def test_a_real_device_in_a_simulated_machine_runs_its_program() -> None:
    config = topology(1)
    config.devices["card0"].real = True
    recorder = Recorder()
    machine = open_machine(config.build(), "simulate", recorder.observe)
    card = machine.accelerators[0]
    try:
        values, ids = card.alloc("values", (2, 3), "f4"), card.alloc("ids", 2, "i8")
        first, second = (card.alloc(name, 2, "f4") for name in ("first", "second"))
        values.array[:], ids.array[:] = 2.0, [0, 1]
        norms = card.load("dense_square_norms")
        work = Work(items=2, variant="float32")
        program = card.record("both", [(norms, (values, ids, to), work) for to in (first, second)])
        done = card.launch(program, program.buffers, program.work)
        machine.clock.run(until=done)
        assert first.array.tolist() == second.array.tolist() == [12.0, 12.0]
        assert (done.start_seconds, recorder.spans[0].work.items) == (0.0, 4)
        card.free(second)
        late = card.launch(program, program.buffers, program.work)
        with pytest.raises(UsageError, match="cannot use second, it was freed"):
            machine.clock.run(until=late)
    finally:
        machine.close()
