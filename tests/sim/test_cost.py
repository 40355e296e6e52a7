import pytest

from hetengine.sim import RooflineCost
from hetengine.topology import DeviceSpec
from hetengine.work import Work

CARD = DeviceSpec(
    "card", bandwidth_bytes_per_second=100.0, flops_per_second=10.0, launch_seconds=0.5
)


@pytest.mark.parametrize(
    ("work", "seconds"),
    [
        (Work(), 0.5),
        (Work(flops=10, bytes_read=99), 1.5),
        (Work(flops=10, bytes_read=150, bytes_written=150), 3.5),
        (Work(items=10**9), 0.5),
    ],
)
def test_a_launch_costs_overhead_and_the_slower_of_memory_and_arithmetic(
    work: Work, seconds: float
) -> None:
    assert RooflineCost().seconds(CARD, work) == seconds
    assert RooflineCost().seconds(CARD, work, "any") == seconds
