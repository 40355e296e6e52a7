"""Memory tiers that pass on what no longer fits, what that costs, and what allocating costs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.config import TierConfig, TopologyConfig
from hetengine.errors import OutOfCapacity, UsageError
from hetengine.machine import Machine, open_machine
from hetengine.record.recorder import Recorder
from hetengine.tiers import Move, TierMemory, TierSpec
from hetengine.work import Work
from tests.sim.scenarios import opened, two_cards

CHAIN = (
    TierSpec("hbm", "card", ("*",), 100, evicts_to="ddr"),
    TierSpec("ddr", "card", (), 200, evicts_to="card"),
)


def chain(main_bytes: int | None = None) -> tuple[TierMemory, list[Move]]:
    moves: list[Move] = []
    return TierMemory("card", main_bytes, CHAIN, moved=moves.append), moves


def tiered(**tiers: TierConfig) -> tuple[Machine, Recorder]:
    """Two cards and a host whose tiers are given, with numerics skipped."""
    config, recorder = two_cards(), Recorder()
    config.tiers = tiers
    return opened(config, recorder), recorder


def test_the_oldest_makes_room_and_pushes_what_is_below_further_down() -> None:
    memory, moves = chain()
    for name, nbytes in (("a", 60), ("b", 40), ("c", 50), ("d", 90)):
        memory.reserve(name, nbytes)
    assert moves == [
        Move("a", 60, "hbm", "ddr"),
        Move("b", 40, "hbm", "ddr"),
        Move("c", 50, "hbm", "ddr"),
    ]
    memory.reserve("e", 80)
    assert moves[3:] == [Move("a", 60, "ddr", "card"), Move("d", 90, "hbm", "ddr")]
    assert [memory.place_of(name) for name in "abcde"] == ["card", "ddr", "ddr", "ddr", "hbm"]
    assert {name: tier.held for name, tier in memory.tiers.items()} == {
        "hbm": {"e": 80},
        "ddr": {"b": 40, "c": 50, "d": 90},
    }
    assert memory.held == {"a": 60}


def test_what_is_larger_than_a_tier_goes_below_with_all_it_holds() -> None:
    memory, moves = chain()
    memory.reserve("small", 10)
    memory.reserve("columns", 80)
    memory.reserve("columns", 60)
    assert memory.place_of("columns") == "ddr"
    assert memory.place_of("small") == "hbm"
    assert moves == [Move("columns", 80, "hbm", "ddr")]
    memory.release("columns", 140)
    assert memory.place_of("columns") == "hbm"


def test_the_last_tier_is_the_one_that_refuses_by_name() -> None:
    memory, _ = chain(main_bytes=50)
    memory.reserve("a", 90)
    memory.reserve("b", 90)
    memory.reserve("c", 90)
    with pytest.raises(OutOfCapacity, match=r"^card: a needs 90 bytes, 50 of 50 are free"):
        memory.reserve("d", 90)
    assert sum(sum(each.held.values()) for each in memory.tiers.values()) == 270


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 150)), max_size=30))
def test_no_byte_is_lost_and_no_tier_overfull(steps: list[tuple[str, int]]) -> None:
    memory, _ = chain()
    held: dict[str, int] = {}
    for name, nbytes in steps:
        if held.get(name, 0) > 200:
            memory.release(name, held.pop(name))
            continue
        memory.reserve(name, nbytes)
        held[name] = held.get(name, 0) + nbytes
        ledgers = {**memory.tiers, "card": memory}
        assert all((each.free_bytes or 0) >= 0 for each in memory.tiers.values())
        assert {who: ledgers[memory.place_of(who)].held[who] for who in held} == held
        assert sum(each.used_bytes for each in ledgers.values()) == sum(held.values())


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ({"a": "b"}, r"tiers\.a\.evicts_to is b; allowed: host"),
        ({"a": "card0"}, r"tiers\.a\.evicts_to is card0; allowed: host"),
        ({"fast": "slow", "slow": "fast"}, r"tiers\.slow\.evicts_to is fast; allowed: host"),
        ({"fast": "solw", "slow": None}, "did you mean 'slow'"),
    ],
)
def test_an_eviction_leads_to_another_tier_of_the_device(
    tiers: dict[str, str | None], message: str
) -> None:
    config = two_cards()
    config.tiers = {name: TierConfig("host", [name], evicts_to=to) for name, to in tiers.items()}
    with pytest.raises(UsageError, match=message):
        config.build()


def test_a_medium_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"tiers\.t\.medium='dsik'; did you mean 'disk'"):
        TierSpec("t", "host", ("data",), medium="dsik")


def test_what_is_evicted_takes_the_program_time_and_stands_in_the_trace() -> None:
    machine, recorder = tiered(
        dram=TierConfig("host", ["*"], 1000, evicts_to="nvme"),
        nvme=TierConfig("host", [], write_bytes_per_second=50.0, latency_seconds=0.5),
    )
    host = machine.host
    host.memory.reserve("data", 600)
    x = host.alloc("x", 600, "u1")
    kernel = host.launch(host.load("dense_gaps"), (), Work(flops=10))
    machine.clock.run(until=kernel)
    # 600 bytes leave at 50 a second, after half a second; the launch is handed over after that.
    moved, launched = recorder.spans
    assert (moved.device, moved.label, moved.category) == ("host", "data", "evict")
    assert (moved.start_seconds, moved.end_seconds) == (0.0, 12.5)
    assert (moved.work.variant, moved.work.bytes_written) == ("dram to nvme", 600)
    assert launched.start_seconds == 12.5
    assert [(each.tier, each.seconds, each.nbytes) for each in recorder.samples] == [
        ("dram", 0.0, 600),
        ("nvme", 0.0, 600),
        ("dram", 0.0, 0),
        ("dram", 0.0, 600),
    ]
    host.free(x)
    assert isinstance(host.memory, TierMemory)
    assert host.memory.place_of("data") == "nvme"


def seconds_of(machine: Machine, kernel: str, work: Work) -> float:
    card = machine.accelerators[0]
    event = card.launch(card.load(kernel), (), work)
    machine.clock.run(until=event)
    return event.seconds


def test_the_matrix_is_read_and_written_at_the_rates_of_the_tier_it_is_in() -> None:
    machine, _ = tiered(
        hbm=TierConfig("card0", ["columns"], 100, evicts_to="ddr"),
        ddr=TierConfig("card0", [], None, bytes_per_second=5.0, write_bytes_per_second=2.0),
    )
    card, read, written = machine.accelerators[0], Work(bytes_read=100), Work(bytes_written=100)
    first = card.alloc("columns", 100, "u1")
    assert seconds_of(machine, "dense_epoch", read) == 2.0
    card.free(first)
    card.alloc("columns", 101, "u1")
    assert seconds_of(machine, "dense_epoch", read) == 20.0
    assert seconds_of(machine, "dense_unpack", written) == 50.0
    assert seconds_of(machine, "dense_epoch", Work(flops=500)) == 51.0


def paying(**options: Any) -> TopologyConfig:
    config = two_cards()
    for name, value in options.items():
        setattr(config.devices["card0"], name, value)
    return config


def test_allocating_takes_the_program_time_by_buffer_and_by_byte() -> None:
    recorder = Recorder()
    machine = opened(paying(alloc_seconds=0.25, alloc_bytes_per_second=100.0), recorder)
    card, other = machine.accelerators
    buffers = [card.alloc("x", 50, "u1"), card.alloc("y", 100, "u1"), other.alloc("z", 10, "u1")]
    event = other.launch(other.load("dense_epoch"), (), Work())
    machine.clock.run(until=event)
    assert event.start_seconds == pytest.approx(0.25 + 0.5 + 0.25 + 1.0)
    card.free(buffers[0])
    machine.clock.run(until=other.launch(other.load("dense_epoch"), (), Work()))
    assert machine.clock.now == pytest.approx(event.end_seconds + 1.0)  # giving back is free


def test_allocating_is_free_where_nobody_says_what_it_costs() -> None:
    machine = opened(two_cards(), Recorder())
    card = machine.accelerators[0]
    card.alloc("x", 10**9, "u1")
    event = card.launch(card.load("dense_epoch"), (), Work())
    machine.clock.run(until=event)
    assert event.start_seconds == 0.0


@pytest.mark.parametrize("key", ["alloc_seconds", "alloc_bytes_per_second"])
def test_a_cost_of_allocating_is_positive(key: str) -> None:
    with pytest.raises(UsageError, match=rf"devices\.card0\.{key}=-1\.0 must be"):
        paying(**{key: -1.0}).build()


def test_a_real_machine_evicts_alike_and_pays_nothing() -> None:
    config = two_cards()
    config.tiers = {
        "dram": TierConfig("host", ["*"], 1000, evicts_to="nvme"),
        "nvme": TierConfig("host", []),
    }
    machine = open_machine(config.build(), "execute", lambda span: None)
    try:
        memory = machine.host.memory
        assert isinstance(memory, TierMemory)
        memory.reserve("data", 600)
        machine.host.alloc("x", 600, "u1")
        assert (memory.place_of("data"), memory.place_of("x")) == ("nvme", "dram")
    finally:
        machine.close()
