import math
from collections.abc import Iterable

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from hetengine.clock import VirtualClock
from hetengine.errors import UsageError
from hetengine.sim import FluidNetwork
from hetengine.sim.fluid import Hop
from hetengine.topology import LinkSpec

UP: tuple[Hop, ...] = (("bus", "up"),)
DOWN: tuple[Hop, ...] = (("bus", "down"),)


class CountingClock(VirtualClock):
    """Gives up after so many events, and notes timers too short to move the time."""

    budget = 10_000
    steps = 0
    stuck = 0

    def step(self) -> None:
        self.steps += 1
        assert self.steps <= self.budget, "the network does not come to an end"
        super().step()

    def timeout(self, delay: float = 0.0, value: object = None) -> simpy.Timeout:
        self.stuck += delay > 0.0 and self.now + delay == self.now
        return simpy.Timeout(self, delay, value)


def machine(*links: LinkSpec) -> tuple[CountingClock, FluidNetwork]:
    clock = CountingClock()
    network = FluidNetwork(clock)
    for link in links or (LinkSpec("bus", ("a", "b"), 100.0, 100.0),):
        network.add_link(link)
    return clock, network


Start = tuple[float, Iterable[Hop], float]


def finish_times(
    clock: VirtualClock, network: FluidNetwork, starts: Iterable[Start]
) -> list[float]:
    """Start transfers at given times; return when each was done."""
    times: list[float] = []

    def one(number: int, start: float, route: Iterable[Hop], nbytes: float):
        yield clock.timeout(start)
        yield network.transfer(tuple(route), nbytes)
        times[number] = clock.now

    for number, (start, route, nbytes) in enumerate(starts):
        times.append(math.nan)
        clock.process(one(number, start, route, nbytes))
    clock.run()
    return times


def test_staggered_transfers_finish_after_fifteen_and_twenty_seconds() -> None:
    assert finish_times(*machine(), [(0, UP, 1000), (5, UP, 1000)]) == [15.0, 20.0]


def test_one_transfer_takes_latency_and_then_bytes_over_rate() -> None:
    link = LinkSpec("bus", ("a", "b"), 100.0, 50.0, latency_seconds=0.25)
    assert finish_times(*machine(link), [(0, UP, 1000)]) == [10.25]
    assert finish_times(*machine(link), [(0, DOWN, 1000)]) == [20.25]


def test_a_transfer_takes_no_bandwidth_during_its_latency() -> None:
    link = LinkSpec("bus", ("a", "b"), 100.0, 100.0, latency_seconds=10.0)
    # The second one's latency ends at 20, when the first has just finished flowing.
    assert finish_times(*machine(link), [(0, UP, 1000), (10, UP, 1000)]) == [20.0, 30.0]


def test_up_and_down_do_not_disturb_each_other_without_a_duplex_cap() -> None:
    assert finish_times(*machine(), [(0, UP, 1000), (0, DOWN, 1000)]) == [10.0, 10.0]


def test_a_duplex_cap_is_shared_by_both_ways() -> None:
    link = LinkSpec("bus", ("a", "b"), 100.0, 100.0, 120.0)
    # 60 each until the first is done at 10, then 100 for what is left of the second.
    assert finish_times(*machine(link), [(0, UP, 600), (0, DOWN, 1600)]) == [10.0, 20.0]


def test_a_duplex_cap_leaves_a_slow_way_its_rate_and_the_rest_to_the_other() -> None:
    link = LinkSpec("bus", ("a", "b"), 100.0, 20.0, 100.0)
    clock, network = machine(link)
    network.transfer(UP, 1e6)
    network.transfer(DOWN, 1e6)
    assert network.rates() == {0: 80.0, 1: 20.0}
    assert clock.now == 0


def test_three_flows_over_two_shared_links_are_max_min_fair() -> None:
    links = (LinkSpec("left", ("a", "b"), 60.0, 60.0), LinkSpec("right", ("b", "c"), 100.0, 100.0))
    both: tuple[Hop, ...] = (("left", "up"), ("right", "up"))
    left: tuple[Hop, ...] = (("left", "up"),)
    right: tuple[Hop, ...] = (("right", "up"),)
    # Rates 30, 30, 70; the third ends at 10, the second at 20, the first goes on alone at 60.
    starts: list[Start] = [(0, both, 1200), (0, left, 600), (0, right, 700)]
    assert finish_times(*machine(*links), starts) == [30.0, 20.0, 10.0]


def test_a_route_waits_for_the_latency_of_all_its_links() -> None:
    links = (
        LinkSpec("left", ("a", "b"), 100.0, 100.0, latency_seconds=0.5),
        LinkSpec("right", ("b", "c"), 50.0, 50.0, latency_seconds=0.25),
    )
    clock, network = machine(*links)
    clock.run(until=network.transfer([("left", "up"), ("right", "up")], 100))
    assert clock.now == 2.75


def test_nothing_takes_the_latency_only() -> None:
    link = LinkSpec("bus", ("a", "b"), 100.0, 100.0, latency_seconds=0.5)
    assert finish_times(*machine(link), [(0, UP, 0)]) == [0.5]
    assert finish_times(*machine(), [(3, UP, 0)]) == [3.0]


def test_flows_done_at_the_same_time_fire_in_the_order_they_were_asked_for() -> None:
    clock, network = machine()
    order: list[int] = []
    for number, route in enumerate((DOWN, UP, DOWN, UP, UP)):
        size = 200 if route is UP else 300  # three at a third of 100, two at half of it
        event = network.transfer(route, size)
        event.callbacks.append(lambda _, number=number: order.append(number))
    clock.run()
    assert order == [0, 1, 2, 3, 4]
    assert clock.now == 6.0


def test_huge_and_tiny_flows_together_end_after_a_bounded_number_of_events() -> None:
    # Volumes of 1e12 leave residues far above any absolute tolerance; those must not re-arm timers.
    clock, network = machine(LinkSpec("bus", ("a", "b"), 3e9, 7e9, 8e9, latency_seconds=1e-6))
    starts: list[Start] = [(0, UP, 1e12), (0.1, DOWN, 1e12 / 3)]
    starts += [(k * 0.7, (UP, DOWN)[k % 2], 1 + k / 3) for k in range(500)]
    times = finish_times(clock, network, starts)
    assert all(math.isfinite(time) for time in times)
    assert times[0] > 1e12 / 3e9
    assert clock.steps <= 8 * len(starts)
    assert clock.stuck == 0
    assert network.rates() == {}


def test_time_too_late_for_the_clock_to_resolve_a_transfer_still_moves_on() -> None:
    clock, network = machine(LinkSpec("bus", ("a", "b"), 1e12, 1e12))
    assert finish_times(clock, network, [(1e9, UP, 1), (1e9, UP, 2)]) == [1e9, 1e9]
    assert clock.stuck == 0


def test_an_unknown_link_is_named_with_what_there_is() -> None:
    _, network = machine()
    with pytest.raises(UsageError, match="no link 'bux' in direction 'up'; did you mean 'bus up'"):
        network.transfer([("bux", "up")], 1)


@pytest.mark.parametrize("nbytes", [-1, math.nan, math.inf])
def test_an_impossible_size_is_refused(nbytes: float) -> None:
    _, network = machine()
    with pytest.raises(UsageError, match="cannot send"):
        network.transfer(UP, nbytes)


def test_an_empty_route_and_a_second_link_of_one_name_are_refused() -> None:
    _, network = machine()
    with pytest.raises(UsageError, match="at least one link"):
        network.transfer([], 1)
    with pytest.raises(UsageError, match="'bus' is there already"):
        network.add_link(LinkSpec("bus", ("a", "b"), 1.0, 1.0))


ROUTES: tuple[tuple[Hop, ...], ...] = (
    (("bus", "up"),),
    (("bus", "down"),),
    (("bus", "up"), ("ring", "up")),
    (("ring", "down"),),
    (("ring", "down"), ("bus", "down")),
)
TRANSFERS = st.lists(
    st.tuples(st.floats(0.0, 20.0), st.sampled_from(ROUTES), st.floats(1.0, 1e6)),
    min_size=1,
    max_size=12,
)
BUS = LinkSpec("bus", ("a", "b"), 1000.0, 700.0, 1200.0)
RING = LinkSpec("ring", ("b", "c"), 500.0, 900.0)
CAPS = {
    ("bus", "up"): 1000.0,
    ("bus", "down"): 700.0,
    ("bus", "both"): 1200.0,
    ("ring", "up"): 500.0,
    ("ring", "down"): 900.0,
}


class WatchedClock(VirtualClock):
    """Looks at the rates between all events."""

    def __init__(self) -> None:
        super().__init__()
        self.network = FluidNetwork(self)
        self.routes: dict[int, tuple[Hop, ...]] = {}
        self.moved = 0.0

    def step(self) -> None:
        before = self.now
        rates = self.network.rates()
        self.check(rates)
        super().step()
        self.moved += sum(rates.values()) * (self.now - before)

    def check(self, rates: dict[int, float]) -> None:
        """No cap is exceeded, and each flow meets a full one."""
        use = dict.fromkeys(CAPS, 0.0)
        crossed: dict[int, list[tuple[str, str]]] = {}
        for number, rate in rates.items():
            crossed[number] = list(self.routes[number])
            crossed[number] += [("bus", "both") for link, _ in self.routes[number] if link == "bus"]
            for hop in crossed[number]:
                use[hop] += rate
        assert all(use[hop] <= CAPS[hop] * (1 + 1e-9) for hop in CAPS)
        for hops in crossed.values():
            assert any(use[hop] >= CAPS[hop] * (1 - 1e-9) for hop in hops)


@given(TRANSFERS)
def test_capacity_is_conserved_and_never_idle_while_there_is_work(
    transfers: list[tuple[float, tuple[Hop, ...], float]],
) -> None:
    clock = WatchedClock()
    clock.network.add_link(BUS)
    clock.network.add_link(RING)
    transfers.sort(key=lambda transfer: transfer[0])
    took: list[float] = []

    def one(start: float, route: tuple[Hop, ...], nbytes: float):
        yield clock.timeout(start)
        clock.routes[len(clock.routes)] = route
        yield clock.network.transfer(route, nbytes)
        alone = min(CAPS[hop] for hop in route)
        took.append((clock.now - start) / (nbytes / alone))

    for transfer in transfers:
        clock.process(one(*transfer))
    clock.run()
    assert len(took) == len(transfers)
    assert min(took) >= 1 - 1e-6
    assert clock.moved == pytest.approx(sum(transfer[2] for transfer in transfers), rel=1e-6)
