from __future__ import annotations

import pytest

from hetengine.calibrate.spec import Calibration, Dispatch, KernelCost
from hetengine.config import DeviceConfig, LinkConfig, TopologyConfig


@pytest.fixture
def topology() -> TopologyConfig:
    """A calibrated machine of one host and one card."""
    cost = KernelCost(
        samples=9,
        outliers=1,
        spread=0.02,
        interval=[0.9, 1.1],
        coefficients={"constant": 1e-6, "items": 2.5e-9},
        lower={"items": 10.0},
        upper={"items": 1000.0},
        history=["2000 4000 0 1000 3.0000e-06 1.0000e-08 8"],
        issue_seconds=1.5e-5,
    )
    devices = {
        "host": DeviceConfig("host", dispatch=Dispatch(notify_seconds=2e-5)),
        "card": DeviceConfig(kernels={"dense_epoch/float32/hinge": cost}, memory_fraction=0.5),
    }
    links = {"bus": LinkConfig(["host", "card"], 1.25e10, 1e10, host_seconds=3e-5)}
    about = Calibration(
        "2026-11-21T12:00:00+00:00",
        "0123456789abcdef",
        "A processor",
        2,
        versions={"python": "3.11.9"},
        intervals={"links.bus.up_bytes_per_second": [1e10, 1.5e10]},
    )
    return TopologyConfig("small", devices, links, calibration=about)
