"""Times between commands are set so that simulated runs take as long as the real ones."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hetengine.calibrate.closing import close, with_between
from hetengine.calibrate.host import this_host
from hetengine.calibrate.probes import Probe, Shape
from hetengine.calibrate.references import makespan, references_of, run_reference
from hetengine.calibrate.spec import Calibration, Dispatch, KernelCost, Refresh
from hetengine.config import DeviceConfig, LinkConfig, TopologyConfig
from hetengine.sim.cost.drift import Drift

LAGS = Dispatch(2e-4, 1e-4, 3e-4, 2e-4, issue_seconds=1e-4)


@pytest.fixture
def measured() -> TopologyConfig:
    """A machine on which times between commands make a good part of a run."""
    kernels = {"dense_epoch": KernelCost(constant_seconds=1e-3, issue_seconds=1e-4)}
    devices = {
        "host": DeviceConfig("host", dispatch=LAGS),
        "accelerator": DeviceConfig(kernels=kernels, dispatch=LAGS),
    }
    links = {"bus": LinkConfig(["host", "accelerator"], 1e9, 1e9, host_seconds=1e-4)}
    shapes = (Shape(200, 20), Shape(300, 30), Shape(150, 40))
    probes = [Probe(each, rounds=2) for each in shapes for _ in range(3)]
    references = references_of([*probes, replace(probes[0], selection="host")])
    about = Calibration(
        datetime.now(UTC).isoformat(), this_host().fingerprint, references=references
    )
    return TopologyConfig("here", devices, links, calibration=about)


def seconds_of(topology: TopologyConfig) -> list[float]:
    assert topology.calibration is not None
    runs = topology.calibration.references
    return [makespan(run_reference(each, topology, "simulate")) for each in runs]


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.6])
def test_the_factor_behind_the_times_is_found(measured: TopologyConfig, factor: float) -> None:
    found = close(measured, seconds_of(with_between(measured, factor)))
    assert found == pytest.approx(factor, rel=0.01)


def test_what_was_found_before_is_replaced(measured: TopologyConfig) -> None:
    again = with_between(measured, 2.5)
    assert close(again, seconds_of(measured)) == pytest.approx(1.0, rel=0.01)


def test_runs_on_the_host_and_runs_not_made_say_nothing(measured: TopologyConfig) -> None:
    real = seconds_of(with_between(measured, 1.6))
    assert measured.calibration is not None
    hosts = [each.selection == "host" for each in measured.calibration.references]
    assert any(hosts)
    odd = [9.0 if host else each for host, each in zip(hosts, real, strict=True)]
    odd[0] = math.nan
    assert close(measured, odd) == pytest.approx(1.6, rel=0.01)
    assert close(measured, [math.nan] * len(real)) == 1.0


def test_all_times_between_commands_are_multiplied() -> None:
    about = Calibration("2026-11-21", "here", between=2.0)
    drift = Drift(about)
    assert drift.program("host") == 2.0
    assert drift.dispatch(LAGS, "card") == Dispatch(4e-4, 2e-4, 6e-4, 4e-4, issue_seconds=2e-4)
    assert drift.kernel("card", "dense_epoch") == 1.0
    slower = Refresh("2026-11-22", {"devices.host.dispatch": [1.5, 1.0, 2.0]})
    assert Drift(replace(about, refresh=slower)).program("host") == 3.0
