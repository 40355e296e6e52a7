import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.sim.fairness import Demand, fair_rates


def test_flows_on_one_constraint_share_it_equally() -> None:
    assert fair_rates([(4, [0])], [100.0]) == [25.0]


def test_three_flows_over_two_links_get_the_textbook_shares() -> None:
    # One flow crosses both links, one flow is on each alone.
    rates = fair_rates([(1, [0, 1]), (1, [0]), (1, [1])], [60.0, 100.0])
    assert rates == [30.0, 30.0, 70.0]


def test_a_flow_stopped_elsewhere_leaves_its_share_to_the_others() -> None:
    rates = fair_rates([(1, [0, 1]), (3, [0])], [100.0, 10.0])
    assert rates == [10.0, 30.0]


@pytest.mark.parametrize("others", [[], [(1, [1])]])
def test_a_constraint_crossed_twice_counts_twice(others: list[Demand]) -> None:
    assert fair_rates([(1, [0, 0]), *others], [100.0, 7.0])[0] == 50.0


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[Demand], list[float]]:
    capacities = draw(st.lists(st.floats(1.0, 1e12), min_size=1, max_size=6))
    index = st.integers(0, len(capacities) - 1)
    route = st.lists(index, min_size=1, max_size=4, unique=True)
    demands: list[Demand] = []
    demands += draw(st.lists(st.tuples(st.integers(1, 9), route), min_size=1, max_size=8))
    return demands, capacities


@given(networks())
def test_no_capacity_is_exceeded_and_every_flow_is_stopped_by_a_full_one(
    network: tuple[list[Demand], list[float]],
) -> None:
    demands, capacities = network
    rates = fair_rates(demands, capacities)
    use = [
        sum(count * rate for (count, route), rate in zip(demands, rates, strict=True) if k in route)
        for k in range(len(capacities))
    ]
    for used, capacity in zip(use, capacities, strict=True):
        assert used <= capacity * (1 + 1e-12)
    for (_, route), rate in zip(demands, rates, strict=True):
        assert rate > 0.0
        # Max-min: on some full constraint of its route no flow is faster than this one.
        bottlenecks = [
            k
            for k in route
            if use[k] >= capacities[k] * (1 - 1e-9)
            and all(
                other <= rate * (1 + 1e-9)
                for (_, crossed), other in zip(demands, rates, strict=True)
                if k in crossed
            )
        ]
        assert bottlenecks


@given(networks())
def test_the_order_of_the_flows_does_not_matter(
    network: tuple[list[Demand], list[float]],
) -> None:
    demands, capacities = network
    forward = fair_rates(demands, capacities)
    backward = fair_rates(demands[::-1], capacities)
    assert backward[::-1] == pytest.approx(forward, rel=1e-9)
