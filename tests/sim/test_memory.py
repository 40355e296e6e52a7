from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hetengine.device import HostFunction
from hetengine.errors import DeviceFailure, OutOfCapacity, UsageError
from hetengine.work import Work

if TYPE_CHECKING:
    from tests.sim.conftest import Machine

TERABYTE = 10**12


def fill(values: np.ndarray) -> float:
    values[:] = 1
    return 7.0


fill.nominal = 0.5  # pyright: ignore[reportFunctionMemberAccess]


class Broken:
    """A kernel that fails."""

    name = "broken"

    def __call__(self, *args: Any) -> None:
        raise ValueError("no rows")


def test_what_does_not_fit_is_refused_before_anything_happens(build: type[Machine]) -> None:
    card = build(capacity_bytes=100).card
    held = card.alloc("columns", 10, "f8")
    with pytest.raises(OutOfCapacity, match=r"card: w needs 24 bytes, 20 of 100 .*columns 80"):
        card.alloc("w", 3, "f8")
    assert card.memory.used_bytes == 80
    card.free(held)
    assert card.alloc("w", (5, 2), "f8").array.shape == (5, 2)


def test_the_limit_holds_without_numerics_too(build: type[Machine]) -> None:
    with pytest.raises(OutOfCapacity):
        build(capacity_bytes=100, numerics=False).card.alloc("w", 101, "u1")


def test_a_negative_extent_is_refused_and_reserves_nothing(build: type[Machine]) -> None:
    card = build(capacity_bytes=100).card
    with pytest.raises(UsageError, match="extents must be at least 0"):
        card.alloc("w", (-1, 5), "f8")
    assert card.memory.used_bytes == 0


def test_a_simulated_tier_larger_than_this_machine_points_to_dry_mode(
    build: type[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise MemoryError

    card = build().card
    monkeypatch.setattr(np, "zeros", full)
    with pytest.raises(OutOfCapacity, match="use mode=dry"):
        card.alloc("w", 8, "f8")
    assert card.memory.used_bytes == 0


def test_memory_is_given_back_once_the_commands_that_use_it_have_run(build: type[Machine]) -> None:
    machine = build({"fill": fill}, capacity_bytes=200)
    host, card = machine.host, machine.card
    x, y = host.alloc("x", 100, "u1"), card.alloc("y", 100, "u1")
    card.launch(card.load("fill"), (y.section(0, 50),), Work(bytes_written=100))
    back = card.copy(x, y, after=(card.synchronize(),))
    card.free(y)
    host.free(x)
    with pytest.raises(UsageError, match="cannot use y, it was freed"):
        card.launch(card.load("fill"), (y,), Work())
    assert (card.memory.used_bytes, host.memory.used_bytes) == (100, 100)
    machine.clock.run(until=6.4)
    assert (card.memory.used_bytes, host.memory.used_bytes) == (100, 100)
    assert x.array[:51].tolist() == [1] * 50 + [0]
    machine.clock.run(until=back)
    assert machine.clock.now == 6.5
    assert (card.memory.used_bytes, host.memory.used_bytes) == (0, 0)
    assert x.array is None


def test_memory_of_a_command_that_failed_is_given_back(build: type[Machine]) -> None:
    machine = build({"fill": fill})
    card = machine.card
    x = card.alloc("x", 8, "f8")
    event = card.launch(Broken(), (x,), Work())
    card.free(x)
    with pytest.raises(DeviceFailure, match="no rows"):
        machine.clock.run(until=event)
    assert card.memory.used_bytes == 0


def test_freeing_twice_or_in_part_or_elsewhere_is_refused(build: type[Machine]) -> None:
    machine = build()
    host, card = machine.host, machine.card
    x = card.alloc("x", 8, "f8")
    with pytest.raises(UsageError, match="a section"):
        card.free(x.section(0, 1))
    with pytest.raises(UsageError, match="a buffer of card"):
        host.free(x)
    card.free(x)
    with pytest.raises(UsageError, match="cannot free x, it was freed"):
        card.free(x)
    with pytest.raises(UsageError, match="cannot use x, it was freed"):
        card.copy(host.alloc("y", 8, "f8"), x)


def test_a_section_is_a_typed_view_of_the_same_memory(build: type[Machine]) -> None:
    card = build().card
    x = card.alloc("x", 128, "f8")
    part = x.section(512, 4, "i4")
    part.array[:] = -1
    assert part.nbytes == 16
    assert np.isnan(x.array[64:66]).all()
    assert np.count_nonzero(x.array) == 2
    with pytest.raises(UsageError, match=r"section \[1024, 1028\) of x"):
        x.section(1024, 1, "i4")


def test_dry_runs_take_time_but_no_memory(build: type[Machine]) -> None:
    machine = build({"fill": fill}, numerics=False, capacity_bytes=TERABYTE)
    host, card = machine.host, machine.card
    tracemalloc.start()
    x = host.alloc("x", TERABYTE // 4, "f4")
    y = card.alloc("y", (1000, TERABYTE // 4000), "f4")
    half = y.section(0, TERABYTE // 8)
    up = card.copy(y, x)
    filled = card.launch(
        card.load("fill"), (half,), lambda value: Work(flops=20 * value), after=(up,)
    )
    machine.clock.run(until=filled)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6
    assert machine.log == [
        ("card", "x", 0.0, 0.5 + TERABYTE / 50),
        ("card", "fill", 0.5 + TERABYTE / 50, 2.5 + TERABYTE / 50),
    ]
    assert filled.value == 0.5
    assert card.memory.used_bytes == TERABYTE
    assert half.array.shape == (TERABYTE // 8,)


def test_dry_runs_still_take_decisions(build: type[Machine]) -> None:
    host = (machine := build(numerics=False)).host
    taken: list[int] = []
    decide = HostFunction("select", lambda x: taken.append(x.size) or 3, decides=True)
    skip = HostFunction("score", lambda x: taken.append(-1), nominal=9)
    x = host.alloc("x", 5, "f8")
    decided = host.launch(decide, (x,), Work())
    skipped = host.launch(skip, (x,), Work())
    machine.clock.run(until=skipped)
    assert (decided.value, skipped.value, taken) == (3, 9, [5])
