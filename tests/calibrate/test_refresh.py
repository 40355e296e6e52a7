"""Refreshing a calibration: what reference runs take now over what they took then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hetengine.__main__ import main
from hetengine.calibrate import refresh as refreshing
from hetengine.calibrate.file import read_topology, write_topology
from hetengine.calibrate.host import this_host
from hetengine.calibrate.probes import Probe, Shape, make_data, run_probe
from hetengine.calibrate.references import reference_plan, timed
from hetengine.calibrate.refresh import drift, refreshed
from hetengine.calibrate.spec import Calibration, Dispatch, KernelCost, Reference, Refresh
from hetengine.calibrate.status import judge
from hetengine.config import DeviceConfig, LinkConfig, TopologyConfig
from hetengine.errors import UsageError

TINY = Probe(Shape(200, 20), rounds=2)
ALL, EPOCH, GAPS = ("devices.card.kernels", *(f"devices.card.kernels.{k}" for k in ("e", "g")))


def reference(**seconds: list[float]) -> Reference:
    names = {"whole": ALL, "epoch": EPOCH, "gaps": GAPS, "bus": "links.bus"}
    return Reference(
        "svm", "gap", 200, 20, 2, 1.0, 0.4, {names[k]: list(v) for k, v in seconds.items()}
    )


@pytest.fixture
def measured() -> TopologyConfig:
    """A machine calibrated here and now, every kernel known to take a millisecond."""
    kernels = {
        name: KernelCost(constant_seconds=1e-3)
        for name in ("select", "certificate", "dense_gaps", "dense_epoch", "dense_pack")
    }
    devices = {
        "host": DeviceConfig("host", kernels=kernels, dispatch=Dispatch(issue_seconds=1e-4)),
        "accelerator": DeviceConfig(kernels=kernels),
    }
    links = {"bus": LinkConfig(["host", "accelerator"], 1e9, 1e9)}
    about = Calibration(
        datetime.now(UTC).isoformat(),
        this_host().fingerprint,
        references=timed(reference_plan([TINY]), TopologyConfig("here", devices, links)),
    )
    return TopologyConfig("here", devices, links, calibration=about)


def test_factors_are_ratios_of_medians_in_sum_over_the_runs() -> None:
    then = [reference(whole=[1.0, 1.0, 9.0], bus=[1.0]), reference(whole=[3.0, 3.0, 3.0])]
    now = [reference(whole=[2.0, 2.0, 2.0], bus=[1.5]), reference(whole=[4.0, 4.0, 0.1])]
    found = drift(then, now)
    assert found[ALL][0] == pytest.approx(1.5, rel=1e-3)
    assert found["links.bus"][0] == pytest.approx(1.5, rel=1e-3)
    factor, low, high = found["links.bus"]
    assert low < factor < high


def test_an_uncertain_kernel_is_drawn_towards_its_device() -> None:
    then = [reference(whole=[10.0] * 8, epoch=[5.0] * 8, gaps=[5.0] * 8)]
    now = [reference(whole=[10.0] * 8, epoch=[5.5] * 8, gaps=[1.0, 9.0, 5.5, 5.5])]
    found = drift(then, now)
    assert found[ALL][0] == 1.0
    assert 1.06 < found[EPOCH][0] < 1.1
    assert 1.0 <= found[GAPS][0] < 1.01


def test_what_only_one_side_has_tells_nothing() -> None:
    assert drift([reference(bus=[1.0])], [reference(whole=[1.0])]) == {}


def test_reference_runs_keep_every_repeat(measured: TopologyConfig) -> None:
    assert measured.calibration is not None
    again = timed(measured.calibration.references, replace(measured, calibration=None), 2)
    seconds = again[0].seconds
    assert {"devices.host.kernels", "devices.accelerator.kernels", "links.bus"} <= set(seconds)
    assert "devices.host.dispatch" in seconds
    assert "devices.accelerator.kernels.dense_epoch" in seconds
    assert all(len(values) == 3 for values in seconds.values())


def test_a_refresh_keeps_what_was_measured_and_reads_back(
    measured: TopologyConfig, tmp_path: Path
) -> None:
    path = tmp_path / "here.yaml"
    write_topology(path, measured)
    assert main(["calibrate", "--refresh", str(path)]) == 0
    found = read_topology(path)
    assert found.devices == measured.devices
    assert found.calibration is not None
    assert measured.calibration is not None
    assert found.calibration.refresh is not None
    assert replace(found.calibration, refresh=None) == measured.calibration
    assert {"devices.host.kernels", "links.bus"} <= set(found.calibration.refresh.drift)


def test_a_second_refresh_compares_with_the_calibration_again(
    measured: TopologyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice_as_long(references: list[Reference], *_: object) -> list[Reference]:
        assert measured.calibration is not None
        return [
            replace(blank, seconds={key: [0.0, *(2.0 * v for v in values)] for key, values in old})
            for blank, kept in zip(references, measured.calibration.references, strict=True)
            for old in [kept.seconds.items()]
        ]

    monkeypatch.setattr(refreshing, "timed", twice_as_long)
    for found in (refreshed(measured), refreshed(refreshed(measured))):
        assert found.calibration is not None
        assert found.calibration.refresh is not None
        factors = [values[0] for values in found.calibration.refresh.drift.values()]
        assert factors == pytest.approx([2.0] * len(factors), rel=1e-3)


def test_a_simulation_takes_longer_by_what_the_refresh_found(measured: TopologyConfig) -> None:
    def kernels(refresh: Refresh | None) -> dict[tuple[str, str], float]:
        assert measured.calibration is not None
        topology = replace(measured, calibration=replace(measured.calibration, refresh=refresh))
        spans = run_probe(TINY, topology, *data, mode="simulate")
        return {(s.device, s.label): s.end_seconds - s.start_seconds for s in spans}

    data = make_data(TINY.shape, TINY.precision)
    plain = kernels(None)
    drifted = {
        "devices.accelerator.kernels": [1.5, 1.4, 1.6],
        "devices.host.kernels": [1.25, 1.2, 1.3],
        "devices.host.kernels.dense_gaps": [2.0, 1.9, 2.1],
        "links.bus": [3.0, 2.0, 4.0],
    }
    slow = kernels(Refresh("2026-11-21", drifted))
    expected = {
        ("accelerator", "dense_epoch"): 1.5,
        ("host", "dense_gaps"): 2.0,
        ("host", "certificate"): 1.25,
    }
    for which, factor in expected.items():
        assert slow[which] == pytest.approx(factor * plain[which])


def test_what_was_refreshed_is_said(measured: TopologyConfig) -> None:
    assert measured.calibration is not None
    drifted = {ALL: [1.5, 1.4, 1.6], EPOCH: [1.6, 1.4, 1.6], "links.bus": [0.9, 0.8, 1.0]}
    about = replace(measured.calibration, refresh=Refresh("2026-11-21T12:30:00+00:00", drifted))
    detail = judge(about)[1]
    assert "; refreshed 2026-11-21 12:30 UTC (card kernels x1.50, bus x0.90)" in detail


def changed(measured: TopologyConfig, **values: object) -> TopologyConfig:
    assert measured.calibration is not None
    return replace(measured, calibration=replace(measured.calibration, **values))


def test_only_a_calibration_of_this_machine_is_refreshed(measured: TopologyConfig) -> None:
    old = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    refused = {
        "UNCALIBRATED": replace(measured, calibration=None),
        "FOREIGN": changed(measured, host="another"),
        "STALE": changed(measured, date=old),
        "no reference runs": changed(measured, references=[]),
    }
    for message, topology in refused.items():
        with pytest.raises(UsageError, match=message) as caught:
            refreshed(topology, owner="mine.yaml")
        assert str(caught.value).startswith("mine.yaml")
        assert "run hetengine calibrate" in str(caught.value)


@pytest.mark.parametrize("more", [["topology=cpu"], ["--quick"], ["--out", "x"], ["--passes", "3"]])
def test_a_refresh_takes_nothing_but_the_file(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", "--refresh", str(tmp_path / "here.yaml"), *more]) == 2
    told = capsys.readouterr().err
    assert f"not {more[0]}" in told
    assert told.count("\n") == 1


def test_a_factor_that_is_none_is_refused(measured: TopologyConfig, tmp_path: Path) -> None:
    path = tmp_path / "here.yaml"
    write_topology(path, changed(measured, refresh=Refresh("2026-11-21", {ALL: [0.0, 1.0, 1.0]})))
    with pytest.raises(UsageError, match=r"calibration\.refresh\.drift\.devices\.card\.kernels"):
        read_topology(path)
