"""The command on tiny data: it measures, writes what a run can read, and the run says so."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hetengine
from hetengine.__main__ import main
from hetengine.calibrate import measure as measuring
from hetengine.calibrate.file import check_writable, read_topology, write_topology
from hetengine.calibrate.measure import measure
from hetengine.calibrate.probes import Probe, Shape, data_of, make_data, plan, run_probe, spread
from hetengine.config import DeviceConfig, LinkConfig, TierConfig, TopologyConfig

TINY, TINY_SPARSE = Shape(300, 20), Shape(300, 120, 0.05)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    probes = [
        Probe(TINY, rounds=2),
        Probe(TINY, "lasso", memory_fraction=0.9, rounds=2),
        Probe(TINY_SPARSE, "logistic", memory_fraction=0.9, rounds=2),
    ]
    devices = {
        "host": DeviceConfig("host"),
        "accelerator": DeviceConfig(),
        "disk": DeviceConfig("storage"),
    }
    links = {
        "bus": LinkConfig(["host", "accelerator"], 1e10, 1e10),
        "nvme": LinkConfig(["disk", "host"], 1.0, 1.0),
    }
    tiers = {
        "swap": TierConfig("host", ["nothing"], medium="disk"),
        "cxl": TierConfig("host", ["nothing"], bytes_per_second=7.0),
    }
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(measuring.micro, "COPY_BYTES", (256, 4096))
        context.setattr(measuring.micro, "REPEATS", 2)
        context.setattr(measuring.micro.copies, "__defaults__", ((256, 4096),))
        context.setattr(measuring.micro.allocations, "__defaults__", (4096,))
        context.setattr(measuring.micro.disk, "__defaults__", (None, 1 << 20))
        topology, _ = measure(TopologyConfig("tiny", devices, links, tiers=tiers), probes, 1)
    path = tmp_path_factory.mktemp("calibrate") / "tiny.yaml"
    write_topology(path, topology)
    return path


def test_a_measured_topology_knows_kernels_links_and_the_machine(measured: Path) -> None:
    topology = read_topology(measured)
    host, card = topology.devices["host"], topology.devices["accelerator"]
    assert {"dense_gaps/float32/hinge", "select/python/gap", "sparse_pack"} <= set(host.kernels)
    assert {"dense_epoch/float32/penalty", "sparse_unpack"} <= set(card.kernels)
    assert host.dispatch.notify_seconds > 0.0
    assert card.dispatch.relay_seconds > 0.0
    assert host.kind == card.kind == topology.links["bus"].kind == "measured"
    about = topology.calibration
    assert about is not None
    assert {"python", "numpy"} <= set(about.versions)
    for key, (low, high) in about.intervals.items():
        assert 0.0 <= low <= high, key


def test_what_was_measured_of_disk_and_allocation_is_what_a_simulation_uses(
    measured: Path,
) -> None:
    topology = read_topology(measured)
    about, disk = topology.calibration, topology.links["nvme"]
    assert about is not None
    read, write = (about.intervals[f"disk.{way}_bytes_per_second"][0] for way in ("read", "write"))
    assert (disk.up_bytes_per_second, disk.down_bytes_per_second, disk.kind) == (
        *(read, write),
        "measured",
    )
    swap, cxl = topology.tiers["swap"], topology.tiers["cxl"]
    assert (swap.bytes_per_second, swap.write_bytes_per_second) == (read, write)
    assert (cxl.bytes_per_second, cxl.write_bytes_per_second) == (7.0, None)
    assert topology.devices["disk"].kind == "assumed"
    for name in ("host", "accelerator"):
        assert topology.devices[name].alloc_seconds > 0.0


def test_a_simulated_run_says_where_its_times_come_from(measured: Path) -> None:
    settings = [
        "mode=simulate",
        "progress=none",
        "max_rounds=2",
        "memory_fraction=4",
        "data=diabetes",
        "problem=ridge",
    ]
    found = hetengine.run([*settings, f"topology_file={measured}"]).summary["calibration"]
    assert found["status"] == "CALIBRATED"
    assert hetengine.run(settings).summary["calibration"]["status"] == "UNCALIBRATED"
    executed = hetengine.run([*settings[1:], "mode=execute"]).summary
    assert "calibration" not in executed


def test_simulation_on_a_measured_topology_repeats_to_the_bit(measured: Path) -> None:
    topology = read_topology(measured)
    probe = Probe(TINY, rounds=2)
    data = make_data(TINY, "float32")
    first, second = (run_probe(probe, topology, *data, mode="simulate") for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("passes", "seconds", "wanted"),
    [(None, 10.0, 4), (None, 50.0, 3), (None, 300.0, 1), (6, 90, 6)],
)
def test_passes_end_within_three_minutes_unless_more_are_asked_for(
    passes: int | None, seconds: float, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(measuring.time, "monotonic", lambda: now[0])
    turns = []
    for turn in measuring._turns(passes, now[0]):
        turns.append(turn)
        now[0] += seconds
    assert turns == list(range(wanted))


def test_the_plan_covers_every_term_layout_and_precision() -> None:
    probes = plan((TINY, TINY_SPARSE))
    assert {p.problem for p in probes} == {"svm", "lasso", "logistic", "squared_hinge", "ridge"}
    assert {p.selection for p in probes} >= {"gap", "host", "all", "random", "sequential"}
    assert {(p.shape.sparse, p.precision) for p in probes} == {
        (False, "float32"),
        (False, "float64"),
        (True, "float32"),
        (True, "float64"),
    }


def test_runs_on_the_same_data_are_spread_over_a_pass() -> None:
    probes = plan((TINY, TINY_SPARSE))
    found = spread(probes)
    assert Counter(found) == Counter(probes)
    single = [probe for probe in found if probe.precision == "float32"]
    assert all(a.shape != b.shape for a, b in itertools.pairwise(single))


def test_data_is_made_once_and_the_same_as_ever() -> None:
    found = data_of(TINY, "float32")
    assert data_of(TINY, "float32") is found
    for a, b in zip(found, make_data(TINY, "float32"), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--passes", "0"], "--passes=0 must be at least 1"),
        (["--passes", "x"], "invalid int value"),
        (["--frobnicate"], "unknown --frobnicate; did you mean '--force'?"),
        (["topology=none_such"], "none_such"),
    ],
)
def test_wrong_use_is_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["calibrate", "--out", str(tmp_path / "new.yaml"), *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_file_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    assert main(["calibrate", "--out", str(path)]) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == "precious"


@pytest.mark.parametrize("refresh", [False, True])
def test_a_place_that_cannot_be_written_is_found_before_measuring(
    topology: TopologyConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    refresh: bool,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it has begun to measure")

    monkeypatch.setattr("hetengine.calibrate.measure.measure", refuse)
    monkeypatch.setattr("hetengine.calibrate.refresh.refreshed", refuse)
    path = tmp_path / "here.yaml"
    if refresh:
        write_topology(path, topology)
        opened = Path.open

        def read_only(self: Path, mode: str = "r", **rest: Any) -> Any:
            if mode == "a":
                raise PermissionError(13, "Permission denied", str(self))
            return opened(self, mode, **rest)

        monkeypatch.setattr(Path, "open", read_only)
        words = ["--refresh", str(path)]
    else:
        (tmp_path / "file").write_text("")
        words = ["--out", str(tmp_path / "file" / "here.yaml")]
    assert main(["calibrate", *words]) == 2
    told = capsys.readouterr().err
    assert "cannot write the topology to" in told
    assert told.count("\n") == 1


def test_a_place_that_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "here.yaml"
    check_writable(path)
    assert not path.exists()
    path.write_text("precious")
    check_writable(path)
    assert path.read_text() == "precious"


def test_help_says_how_to_use_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--help"]) == 0
    told = capsys.readouterr().out
    assert "topology_file=FILE" in told
    assert "UNCALIBRATED" in told
