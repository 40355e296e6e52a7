"""What a machine is made of: routes, shared cores, memory tiers, pageable memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from hetengine.clock import VirtualClock
from hetengine.config import TierConfig
from hetengine.errors import OutOfCapacity, UsageError
from hetengine.machine import open_machine
from hetengine.record.recorder import Recorder
from hetengine.sim import FluidNetwork
from hetengine.sim.cores import CorePool
from hetengine.tiers import Sample
from hetengine.topology import DeviceSpec, LinkSpec, Topology
from hetengine.work import Work
from tests.sim.scenarios import opened, two_cards

HOST = DeviceSpec("host", "host")


def link(name: str, *ends: str, **options) -> LinkSpec:
    return LinkSpec(name, (ends[0], ends[1]), 100.0, 100.0, **options)


class Steady:
    speed = 1.0


def names(topology: Topology, *ends: str) -> list[str]:
    return [each.name for each, _ in topology.route(*ends)]


def test_a_route_takes_the_fewest_links_and_the_first_of_equals() -> None:
    links = (
        link("a", "host", "s"),
        link("b", "s", "t"),
        link("c", "t", "card"),
        link("d", "s", "card"),
        link("e", "card", "s"),
    )
    topology = Topology("t", (HOST, DeviceSpec("card")), links, nodes=("s", "t"))
    assert names(topology, "host", "card") == ["a", "d"]
    assert names(topology, "card", "host") == ["d", "a"]


def test_devices_pass_nothing_on() -> None:
    cards = (DeviceSpec("one"), DeviceSpec("two"))
    links = (link("a", "host", "one"), link("b", "one", "two"))
    with pytest.raises(UsageError, match="no link joins host and two"):
        Topology("t", (HOST, *cards), links)


def test_what_a_topology_names_must_be_there() -> None:
    card, bus = DeviceSpec("card"), link("bus", "host", "card")
    with pytest.raises(UsageError, match=r"links\.bus ends at switch; allowed: host, card"):
        Topology("t", (HOST, card), (link("bus", "host", "switch"),))
    with pytest.raises(UsageError, match=r"devices\.card\.cores is socket"):
        Topology("t", (HOST, replace(card, cores="socket")), (bus,))
    topology = Topology("t", (HOST, card), (bus,))
    with pytest.raises(UsageError, match="use names crad; did you mean 'card'"):
        topology.limited_to(["crad"])


def test_a_part_of_a_machine_has_its_links_only() -> None:
    config = two_cards(use=["card1"])
    topology = config.build()
    assert [device.name for device in topology.devices] == ["host", "card1"]
    assert [each.name for each in topology.links] == ["root", "slot1"]


def test_pageable_memory_slows_a_link_down() -> None:
    clock = VirtualClock()
    network = FluidNetwork(clock)
    network.add_link(link("bus", "host", "card", pageable=True, pageable_factor=0.5))
    clock.run(until=network.transfer([("bus", "up")], 100))
    assert clock.now == 2.0


def run_jobs(cores: float, *jobs: tuple[float, float, int]) -> list[float]:
    """Return when jobs of (start, seconds, threads) end."""
    clock = VirtualClock()
    pool = CorePool(clock, cores)
    ends = [0.0] * len(jobs)

    def job(k: int, start: float, seconds: float, threads: int):
        yield clock.timeout(start)
        done = simpy.Event(clock)
        pool.run(seconds, threads, Steady(), done)
        yield done
        ends[k] = clock.now

    clock.run(
        until=simpy.AllOf(clock, [clock.process(job(k, *each)) for k, each in enumerate(jobs)])
    )
    return ends


def test_as_many_kernels_as_cores_run_at_full_rate() -> None:
    assert run_jobs(2, (0, 3, 1), (0, 5, 1)) == [3.0, 5.0]


def test_more_kernels_than_cores_share_them() -> None:
    # Three on two cores run at 2/3 until the first is done at 4.5; the others then have one each.
    assert run_jobs(2, (0, 3, 1), (0, 6, 1), (0, 6, 1)) == pytest.approx([4.5, 7.5, 7.5])


def test_a_kernel_of_many_threads_takes_its_share() -> None:
    # Four threads and one on four cores: 4/5 each from 1 s on, until the short one is done.
    assert run_jobs(4, (0, 4, 4), (1, 0.8, 1)) == pytest.approx([4.2, 2.0])


# Of times of up to 6,000 seconds, each rounded to 1e-12.
ROUNDING_SECONDS = 1e-10


@given(
    st.lists(
        st.tuples(st.floats(0, 10), st.floats(1e-9, 1e3), st.integers(1, 4)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 4),
)
def test_no_job_ends_early_and_no_core_works_overtime(
    jobs: list[tuple[float, float, int]], cores: int
) -> None:
    ends = run_jobs(cores, *jobs)
    for (start, seconds, _), end in zip(jobs, ends, strict=True):
        assert end - start >= seconds * (1 - 1e-9) - ROUNDING_SECONDS
    work = sum(seconds * threads for _, seconds, threads in jobs)
    if max(threads for *_, threads in jobs) <= cores:
        length = max(ends) - min(start for start, *_ in jobs)
        assert length * cores >= work * (1 - 1e-9) - ROUNDING_SECONDS


def test_host_kernels_share_the_cores_of_their_socket() -> None:
    config = two_cards()
    for name in ("card0", "card1"):
        config.devices[name].cores = "socket"
        config.devices[name].threads = 2
    machine = opened(config, Recorder())
    ends = [
        device.launch(device.load("dense_gaps"), (), Work(flops=10))
        for device in (machine.host, *machine.accelerators)
    ]
    machine.clock.run(until=simpy.AllOf(machine.clock, ends))
    assert [event.seconds for event in ends] == pytest.approx([6.0] * 3)


def test_a_tier_that_is_too_small_names_itself_and_who_holds_it() -> None:
    machine = opened(two_cards(), Recorder())
    machine.host.memory.reserve("data", 700)
    with pytest.raises(
        OutOfCapacity,
        match=r"^nvme: data needs 400 bytes, 300 of 1,000 are free \(held by: data 700\); raise "
        r"topology\.tiers\.nvme\.capacity_bytes$",
    ):
        machine.host.memory.reserve("data", 400)
    machine.host.memory.reserve("w", 10**9)  # the main memory has no limit


@pytest.mark.parametrize("mode", ["execute", "dry"])
def test_what_is_on_chip_counts_there_in_every_mode(mode: str) -> None:
    config = two_cards()
    config.tiers["on_chip"] = TierConfig("card0", ["w", "staging*"], 100)
    machine = open_machine(config.build(), mode, lambda span: None)
    try:
        card = machine.accelerators[0]
        w = card.alloc("w", 100, "u1")
        card.alloc("columns", 500, "u1")
        with pytest.raises(
            OutOfCapacity, match="on_chip: staging1 needs 1 bytes, 0 of 100 are free"
        ):
            card.alloc("staging1", 1, "u1")
        card.free(w)
        card.alloc("staging1", 1, "u1")
        assert card.memory.used_bytes == 500
    finally:
        machine.close()


def test_occupancy_is_sampled_whenever_it_changes() -> None:
    recorder = Recorder()
    machine = opened(two_cards(), recorder)
    machine.host.memory.reserve("data", 700)
    machine.clock.run(until=2.0)
    machine.host.memory.release("data", 200)
    held = machine.host.alloc("x", 30, "u1")
    machine.host.free(held)
    assert recorder.samples == [
        Sample("nvme", 0.0, 700),
        Sample("nvme", 2.0, 500),
        Sample("host", 2.0, 30),
        Sample("host", 2.0, 0),
    ]


def test_kernels_read_the_matrix_at_the_rate_of_its_tier() -> None:
    config = two_cards()
    config.tiers["nvme"].bytes_per_second = 10.0
    config.tiers["nvme"].latency_seconds = 0.5
    machine = opened(config, Recorder())
    host = machine.host
    slow = host.launch(host.load("dense_gaps"), (), Work(bytes_read=100))
    quick = host.launch(host.load("dense_gaps"), (), Work(flops=200))
    machine.clock.run(until=quick)
    assert (slow.seconds, quick.seconds) == (10.5, 21.0)
