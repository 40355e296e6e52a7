from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hetengine.calibrate.host import Host, this_host
from hetengine.calibrate.spec import Calibration
from hetengine.calibrate.status import MOST_DAYS, judge
from hetengine.errors import UsageError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HERE = "0123456789abcdef"


def calibration(days: float = 0.0, host: str = HERE) -> Calibration:
    return Calibration((NOW - timedelta(days=days)).isoformat(), host, "A processor", 2)


@pytest.mark.parametrize(
    ("measured", "status"),
    [
        (None, "UNCALIBRATED"),
        (calibration(), "CALIBRATED"),
        (calibration(MOST_DAYS), "CALIBRATED"),
        (calibration(MOST_DAYS + 1), "STALE"),
        (calibration(0, "another"), "FOREIGN"),
        (calibration(MOST_DAYS + 1, "another"), "FOREIGN"),
    ],
)
def test_a_topology_is_judged_by_place_and_age(measured: Calibration | None, status: str) -> None:
    assert judge(measured, HERE, NOW)[0] == status


def test_what_is_not_measured_says_what_to_type() -> None:
    for measured in (None, calibration(31)):
        assert "hetengine calibrate" in judge(measured, HERE, NOW)[1]


def test_a_date_without_a_zone_is_taken_as_utc_and_nonsense_is_refused() -> None:
    assert judge(Calibration("2026-11-20", HERE), HERE, NOW)[0] == "CALIBRATED"
    with pytest.raises(UsageError, match=r"calibration\.date"):
        judge(Calibration("yesterday", HERE), HERE, NOW)


def test_the_fingerprint_tells_machines_apart_and_forgives_what_a_kernel_keeps_back() -> None:
    here = Host("A processor", 2, 24 << 30)
    assert here.fingerprint == Host("A processor", 2, (24 << 30) - (100 << 20)).fingerprint
    others = (
        Host("B", 2, 24 << 30),
        Host("A processor", 4, 24 << 30),
        Host("A processor", 2, 8 << 30),
    )
    assert len({here.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert this_host().fingerprint == this_host().fingerprint
    assert this_host().cores >= 1
