"""Two tiny runs whose every second is known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import hetengine
from hetengine.__main__ import main
from hetengine.compare.read import read_run, slices_of
from hetengine.compare.report import compare
from hetengine.compare.split import split
from hetengine.record.metrics import MetricsRow, write_metrics
from hetengine.record.trace import trace_events, write_trace
from hetengine.span import Span
from hetengine.work import Work


def launch(
    device: str, label: str, start: float, end: float, variant: str = "float32/hinge"
) -> Span:
    return Span(device, "compute", label, "solve", start, end, Work(1, 2, 3, 4, variant))


def copied(start: float, end: float) -> Span:
    return Span("card", "up", "columns", "swap", start, end, Work(0, 100, 100), "up")


def write(
    folder: Path, mode: str, seconds: float, spans: list[Span], gaps: list[tuple[float, float]]
) -> Path:
    folder.mkdir()
    rows = [MetricsRow(k, at, at, 1.0, gap, gap) for k, (at, gap) in enumerate(gaps)]
    with (folder / "trace.json").open("w") as stream:
        write_trace(stream, spans, rows, {"mode": mode})
    with (folder / "metrics.csv").open("w", newline="") as stream:
        write_metrics(stream, rows)
    summary: dict[str, object] = {"mode": mode, "seconds": seconds}
    if mode != "execute":
        summary["calibration"] = {"status": "STALE", "detail": "measured 2001-01-01"}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    a = write(
        tmp_path / "real",
        "execute",
        10.0,
        [
            launch("host", "select", 0.0, 1.0, "python/gap"),
            copied(0.5, 3.0),
            launch("card", "dense_epoch", 2.0, 6.0),
            launch("host", "dense_gaps", 5.0, 7.0),
            launch("host", "select", 8.0, 9.0, "python/gap"),
        ],
        [(2.0, 0.5), (7.0, 0.04), (9.0, 0.0005)],
    )
    b = write(
        tmp_path / "simulated",
        "simulate",
        8.0,
        [
            launch("host", "select", 0.0, 1.0, "python/gap"),
            copied(1.0, 2.0),
            launch("card", "dense_epoch", 2.0, 7.0),
            launch("host", "select", 7.0, 8.0, "python/gap"),
        ],
        [(2.0, 0.5), (6.0, 0.04), (8.0, 0.004)],
    )
    return a, b


def test_every_instant_counts_once(runs: tuple[Path, Path]) -> None:
    a, b = map(read_run, runs)
    assert split(a.slices, a.seconds) == {
        "compute": 5.0,
        "transfer": 1.5,
        "reconfigure": 0.0,
        "host": 1.5,
        "idle": 2.0,
    }
    assert split(b.slices, b.seconds) == {
        "compute": 5.0,
        "transfer": 1.0,
        "reconfigure": 0.0,
        "host": 2.0,
        "idle": 0.0,
    }


def test_loading_an_fpga_is_a_part_of_its_own() -> None:
    spans = [
        Span("card", "compute", "load move", "reconfigure", 1.0, 4.0, Work()),
        launch("host", "select", 0.0, 2.0, "python/gap"),
        copied(3.5, 5.0),
    ]
    events = list(trace_events(spans, []))
    assert split(slices_of(events), 6.0) == {
        "compute": 0.0,
        "transfer": 1.5,
        "reconfigure": 2.5,
        "host": 1.0,
        "idle": 1.0,
    }


def test_the_errors_of_the_parts_add_up_to_that_of_the_makespan(runs: tuple[Path, Path]) -> None:
    found = compare(*map(read_run, runs))
    assert found.makespan.error == pytest.approx(-0.2)
    assert {pair.name: pair.error for pair in found.parts} == pytest.approx(
        {"compute": 0.0, "transfer": -0.05, "reconfigure": 0.0, "host": 0.05, "idle": -0.2}
    )
    assert sum(pair.error or 0.0 for pair in found.parts) == pytest.approx(found.makespan.error)


def test_kernels_and_links_are_summed_and_the_largest_difference_comes_first(
    runs: tuple[Path, Path],
) -> None:
    found = compare(*map(read_run, runs))
    kernels = [(p.name, p.a, p.b, p.error, p.count_a, p.count_b) for p in found.kernels]
    assert kernels == [
        ("host dense_gaps/float32/hinge", 2.0, 0, -1.0, 1, 0),
        ("card dense_epoch/float32/hinge", 4.0, 5.0, 0.25, 1, 1),
        ("host select/python/gap", 2.0, 2.0, 0.0, 2, 2),
    ]
    assert [(p.name, p.a, p.b, p.error) for p in found.links] == [("card up", 2.5, 1.0, -0.6)]


def test_times_to_a_gap_are_compared_where_both_got_there(runs: tuple[Path, Path]) -> None:
    found = compare(*map(read_run, runs))
    assert [(p.name, p.a, p.b) for p in found.time_to_gap] == [
        ("1e-01", 7.0, 6.0),
        ("1e-02", 9.0, 8.0),
    ]


def test_the_command_writes_json_and_one_trace_with_two_groups(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["compare", *map(str, runs), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "makespan" in told
    assert "simulated: STALE, measured 2001-01-01" in told
    report = json.loads((out / "compare.json").read_text())
    assert report["makespan"]["error"] == pytest.approx(-0.2)
    assert report["calibration"] == {"b": {"status": "STALE", "detail": "measured 2001-01-01"}}
    trace = json.loads((out / "trace.json").read_text())
    events = trace["traceEvents"]
    names = {
        e["pid"]: e["args"]["name"]
        for e in events
        if e["ph"] == "M" and e["name"] == "process_name"
    }
    assert sorted(names.values()) == [
        "A execute: card",
        "A execute: host",
        "A execute: run",
        "B simulate: card",
        "B simulate: host",
        "B simulate: run",
    ]
    orders = {
        e["pid"]: e["args"]["sort_index"] for e in events if e["name"] == "process_sort_index"
    }
    assert max(orders[p] for p, n in names.items() if n[0] == "A") < min(
        orders[p] for p, n in names.items() if n[0] == "B"
    )
    slices = [e for e in events if e["ph"] == "X"]
    assert len(slices) == 9
    assert {e["pid"] for e in slices} <= set(names)
    assert all(e["dur"] >= 0 and {"ts", "tid", "name", "cat", "args"} <= set(e) for e in slices)
    assert {e["pid"] for e in events if e["ph"] == "C"} == {0, 1000}


def test_a_directory_that_is_no_run_is_refused(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs[0] / "metrics.csv").unlink()
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "lacks metrics.csv" in told
    assert told.count("\n") == 1


def test_a_file_of_another_kind_and_a_run_as_target_are_refused(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *map(str, runs), "--out", str(runs[1])]) == 2
    assert "is a run directory" in capsys.readouterr().err
    with (runs[0] / "metrics.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["seconds"], [1.0]])
    assert main(["compare", *map(str, runs), "--out", str(tmp_path / "out")]) == 2
    assert "no run of this version" in capsys.readouterr().err


def test_nets_are_compared_by_the_time_to_a_test_error(
    tmp_path: Path, runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data=digits_images", "problem=mlp", "solver=local_sgd", "topology=fast_slow"]
    words += ["solver.batch=16", "solver.epochs=3", "solver.epoch=pass", "progress=none"]
    folders = [tmp_path / mode for mode in ("execute", "simulate")]
    for folder in folders:
        hetengine.run([*words, f"mode={folder.name}", f"hydra.run.dir={folder}"])
    found = compare(*map(read_run, folders))
    assert found.time_to_gap[0].name == "test error 0.5"
    # The same parameters in both, so the same errors are reached.
    last = [read_run(folder).gaps[-1][1] for folder in folders]
    assert last[0] == last[1] < 0.2
    assert all(pair.a > 0.0 and pair.b > 0.0 for pair in found.time_to_gap)
    assert sum(pair.b for pair in found.parts) == pytest.approx(found.makespan.b)
    assert {pair.name for pair in found.links} >= {"fast up", "slow down"}
    assert main(["compare", str(runs[0]), str(folders[0]), "--out", str(tmp_path / "out")]) == 2
    assert "execute is a run of a net and real is none" in capsys.readouterr().err
