"""Which model gives the time of a launch."""

from __future__ import annotations

from typing import Any

import pytest

from hetengine.calibrate.spec import KernelCost
from hetengine.errors import UsageError
from hetengine.sim import KernelCosts
from hetengine.sim.cost.history import SizeClass
from hetengine.sim.cost.lookup import find
from hetengine.topology import DeviceSpec
from hetengine.work import Work

SEEN = Work(flops=2000.0, bytes_read=4000.0, bytes_written=0.0, items=1000)
RANGE: dict[str, Any] = {
    "lower": {"bytes_read": 400.0, "flops": 200.0, "items": 100.0},
    "upper": {"bytes_read": 40_000.0, "flops": 20_000.0, "items": 10_000.0},
}


def spec(**kernels: KernelCost) -> DeviceSpec:
    return DeviceSpec(
        "card",
        bandwidth_bytes_per_second=1e6,
        flops_per_second=1e6,
        launch_seconds=1.0,
        kernels=kernels,
    )


def half_a_second(device: DeviceSpec, work: Work) -> float:
    return 0.5 * work.items


EVERYTHING = KernelCost(
    history=[SizeClass(SEEN, 0.25, 0.01, 5).line()],
    coefficients={"items": 1e-3},
    **RANGE,
    constant_seconds=7.0,
    function="math:sqrt",
)


@pytest.mark.parametrize(
    ("cost", "items", "model", "seconds"),
    [
        (EVERYTHING, 1000, "history", 0.25),
        (EVERYTHING, 8000, "regression", 8.0),
        (EVERYTHING, 14_000, "regression", 14.0),
        (EVERYTHING, 100_000, "bounded roofline", 100.0),
        (KernelCost(coefficients={"items": 1e-9}, **RANGE), 10**6, "bounded roofline", 5.0),
        (KernelCost(constant_seconds=7.0, function="math:sqrt"), 1000, "constant", 7.0),
        (KernelCost(), 1000, "roofline", 1.004),
        (None, 1000, "roofline", 1.004),
    ],
)
def test_models_are_taken_in_order(
    cost: KernelCost | None, items: int, model: str, seconds: float
) -> None:
    device = spec() if cost is None else spec(touch=cost)
    work = Work(flops=2.0 * items, bytes_read=4.0 * items, items=items)
    costs = KernelCosts()
    found = costs.estimate(device, work, "touch")
    assert (found.model, found.seconds) == (model, pytest.approx(seconds, rel=0.01))
    assert costs.seconds(device, work, "touch") == found.seconds
    assert costs.used == {model: 1}


def test_within_a_class_the_regression_gives_the_slope() -> None:
    work = Work(flops=2200.0, bytes_read=4400.0, items=1100)
    found = KernelCosts().estimate(spec(touch=EVERYTHING), work, "touch")
    assert (found.model, found.seconds) == ("history", pytest.approx(0.25 * 1.1, rel=0.01))


def test_a_users_function_gets_device_and_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("math.hypot", half_a_second)
    cost = KernelCost(function="math:hypot")
    found = KernelCosts().estimate(spec(touch=cost), SEEN, "touch")
    assert (found.model, found.seconds) == ("function", 500.0)


@pytest.mark.parametrize("path", ["no_such_module:f", "math:no_such_name", "math:pi"])
def test_a_function_that_is_not_there_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="cost function"):
        KernelCosts().seconds(spec(touch=KernelCost(function=path)), SEEN, "touch")


@pytest.mark.parametrize(
    "cost",
    [
        KernelCost(coefficients={"bytes": 1.0}),
        KernelCost(coefficients={"items": -1.0}),
        KernelCost(constant_seconds=float("inf")),
        KernelCost(function="math"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_when_the_topology_is_read(cost: KernelCost) -> None:
    with pytest.raises(UsageError, match=r"devices\.card\.kernels\.touch"):
        spec(touch=cost)


def test_a_variant_has_its_own_entry_and_falls_back_to_the_kernels() -> None:
    whole, own = KernelCost(constant_seconds=1.0), KernelCost(constant_seconds=2.0)
    table = {"touch": whole, "touch/float32/hinge": own}
    assert find(table, "touch", "float32/hinge") is own
    assert find(table, "touch", "float64/hinge") is whole
    assert find(table, "touch", "") is whole
    assert find(table, "other", "") is None
