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
from hetengine.calibrate.probes import Probe, Shape, make_data, plan, run_probe
from hetengine.calibrate.ratios import Ratios
from hetengine.calibrate.references import KEPT, bare, references_of, run_reference
from hetengine.calibrate.refresh import Refresher, drift, refreshed
from hetengine.calibrate.spec import Calibration, Dispatch, KernelCost, Reference, Refresh
from hetengine.calibrate.status import judge
from hetengine.config import DeviceConfig, LinkConfig, TopologyConfig
from hetengine.errors import UsageError
from hetengine.sim.cost.drift import Drift
from hetengine.sim.cost.history import SizeClass
from hetengine.sim.cost.kernels import KernelCosts
from hetengine.span import Span
from hetengine.work import Work

TINY = Probe(Shape(200, 20), rounds=2)
ALL, EPOCH, GAPS = ("devices.card.kernels", *(f"devices.card.kernels.{k}" for k in ("e", "g")))


@pytest.fixture
def measured() -> TopologyConfig:
    """A machine calibrated here and now, every kernel known to take a millisecond."""
    kernels = {
        name: KernelCost(constant_seconds=1e-3, issue_seconds=1e-4)
        for name in ("select", "certificate", "dense_gaps", "dense_epoch", "dense_pack")
    }
    lags = Dispatch(1e-4, 1e-4, 1e-4, 1e-4, issue_seconds=1e-4)
    devices = {
        "host": DeviceConfig("host", kernels=kernels, dispatch=lags),
        "accelerator": DeviceConfig(kernels=kernels, dispatch=lags),
    }
    links = {"bus": LinkConfig(["host", "accelerator"], 1e9, 1e9, host_seconds=1e-4)}
    about = Calibration(
        datetime.now(UTC).isoformat(), this_host().fingerprint, references=references_of([TINY])
    )
    return TopologyConfig("here", devices, links, calibration=about)


def run_of(*milliseconds: float, lag: float = 1e-4, issue: float = 1e-4) -> list[Span]:
    """Epochs one after the other, and a transfer of a megabyte of as long as the first."""
    spans, now = [], 1.0
    for k, each in enumerate(milliseconds):
        begin, now = now, now + 1e-3 * each
        work = Work(flops=1.0)
        spans.append(
            Span("accelerator", "compute", "dense_epoch", "", begin, now, work, "", 0.5, issue)
        )
        now += lag
        if k == 0:
            moved = Work(bytes_read=1e6)
            spans.append(Span("accelerator", "up", "c", "", begin, now - lag, moved, "up"))
    return spans


def test_factors_are_measured_over_modelled_times(measured: TopologyConfig) -> None:
    ratios = Ratios(measured)
    ratios.add(run_of(1.5, 1.5, 1.5, lag=3e-4, issue=2e-4))
    found = drift(ratios.factors())
    assert found["devices.accelerator.kernels.dense_epoch"][0] == pytest.approx(1.5, rel=1e-3)
    assert found["devices.accelerator.kernels"][0] == pytest.approx(1.5, rel=1e-3)
    assert found["devices.accelerator.dispatch.next_seconds"][0] == pytest.approx(3.0, rel=1e-3)
    assert found["links.bus"][0] == pytest.approx(1.5, rel=1e-3)
    factor, low, high = found["devices.host.dispatch"]
    assert low < factor < high


def test_the_median_over_the_runs_counts(measured: TopologyConfig) -> None:
    ratios = Ratios(measured)
    for slow in (1.2, 1.2, 40.0, 1.2, 1.1):
        ratios.add(run_of(slow, slow))
    found = drift(ratios.factors())
    assert found["devices.accelerator.kernels.dense_epoch"][0] == pytest.approx(1.2, rel=1e-3)


def test_sizes_that_drift_apart_are_told_apart(measured: TopologyConfig) -> None:
    """Large launches have become slower, small ones have not."""
    small, large = Work(1e3, 1e3, 1e3, 10), Work(1e8, 1e8, 1e8, 10_000)
    lines = [SizeClass(each, 1e-3, 0.0, 9).line() for each in (small, large)]
    cost = KernelCost(history=lines, issue_seconds=1e-4)
    devices = dict(measured.devices)
    devices["accelerator"] = replace(devices["accelerator"], kernels={"dense_epoch": cost})
    known = replace(measured, devices=devices)
    ratios = Ratios(known)
    for _ in range(5):
        for work, slower in ((small, 1.0), (large, 2.0)):
            spans = [
                Span("accelerator", "compute", "dense_epoch", "", t, t + 1e-3 * slower, work)
                for t in (1.0, 2.0, 3.0, 4.0)
            ]
            ratios.add(spans)
    found = drift(ratios.factors())
    classes = ratios.classes(found)
    about = Calibration("2026-11-21", "here", refresh=Refresh("2026-11-22", found, classes))
    costs = KernelCosts(Drift(about))
    spec = known.build().accelerators[0]
    told = [costs.seconds(spec, work, "dense_epoch") for work in (small, large)]
    assert told[0] == pytest.approx(1e-3, rel=0.08)
    assert told[1] == pytest.approx(2e-3, rel=0.08)


def test_an_uncertain_kernel_is_drawn_towards_its_device() -> None:
    found = drift({ALL: (0.0, 0.02), EPOCH: (0.1, 0.02), GAPS: (0.1, 0.4)})
    assert found[ALL][0] == 1.0
    assert 1.08 < found[EPOCH][0] < 1.1052
    assert 1.0 < found[GAPS][0] < 1.02


def test_what_the_calibration_does_not_know_tells_nothing(measured: TopologyConfig) -> None:
    kernels = {name: replace(each, dispatch=Dispatch()) for name, each in measured.devices.items()}
    ratios = Ratios(replace(measured, devices=kernels))
    ratios.add(run_of(1.0, 1.0))
    assert not [key for key in ratios.factors() if ".dispatch." in key]


def test_some_of_the_probes_are_repeated_as_they_were() -> None:
    probes = [replace(TINY, rounds=k, precision="float64") for k in range(2 * len(KEPT))]
    kept = references_of(probes)
    assert [each.rounds for each in kept] == [0, 2, 3, 5, 7, 8]
    assert kept[1] == Reference("svm", "gap", "float64", 200, 20, 2, 1.0, 0.4)


def test_together_the_reference_runs_are_of_all_kinds() -> None:
    kept = references_of(plan())
    for each in ("problem", "selection", "precision", "rows", "memory_fraction"):
        assert {getattr(k, each) for k in kept} == {
            getattr(p.shape if each == "rows" else p, each) for p in plan()
        }


def test_a_reference_run_has_the_commands_of_its_probe(measured: TopologyConfig) -> None:
    topology = bare(measured)
    spans = run_reference(references_of([TINY])[0], topology)
    expected = run_probe(TINY, topology, *make_data(TINY.shape, TINY.precision))
    assert sorted((s.device, s.label, repr(s.work)) for s in spans) == sorted(
        (s.device, s.label, repr(s.work)) for s in expected
    )


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
    assert {"devices.host.kernels", "links.bus", "devices.host.dispatch.notify_seconds"} <= set(
        found.calibration.refresh.drift
    )


def test_a_second_refresh_compares_with_the_calibration_again(
    measured: TopologyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "run_reference", lambda *_: run_of(2.0, 2.0, lag=2e-4))
    for found in (refreshed(measured), refreshed(refreshed(measured))):
        assert found.calibration is not None
        assert found.calibration.refresh is not None
        factors = found.calibration.refresh.drift
        assert factors["devices.accelerator.kernels"][0] == pytest.approx(2.0, rel=1e-3)
        assert factors["devices.accelerator.dispatch.next_seconds"][0] == pytest.approx(2.0, 1e-3)


def test_the_first_turn_does_not_count(
    measured: TopologyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = iter((9.0, 3.0, 3.0))
    monkeypatch.setattr(refreshing, "run_reference", lambda *_: run_of(next(took)))
    refresher = Refresher(measured)
    for _ in range(3 * refresher.references):
        refresher.run()
    assert refresher.refresh().drift["devices.accelerator.kernels"][0] == pytest.approx(3.0, 1e-3)


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


def test_lags_drift_each_on_its_own() -> None:
    found = {
        "devices.host.dispatch": [1.5, 1.4, 1.6],
        "devices.host.dispatch.relay_seconds": [2.0, 1.9, 2.1],
    }
    about = Calibration("2026-11-21", "here", refresh=Refresh("2026-11-22", found))
    times = Dispatch(1.0, 1.0, 1.0, 1.0, 1.0)
    assert Drift(about).program("host") == 1.5
    assert Drift(about).dispatch(times, "host") == Dispatch(1.0, 1.0, 2.0, 1.0, 1.0)
    assert Drift(about).dispatch(times, "card") == times


def test_what_was_refreshed_is_said(measured: TopologyConfig) -> None:
    assert measured.calibration is not None
    drifted = {ALL: [1.5, 1.4, 1.6], EPOCH: [1.6, 1.4, 1.6], "links.bus": [0.9, 0.8, 1.0]}
    drifted["devices.card.dispatch.start_seconds"] = [1.7, 1.6, 1.8]
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
