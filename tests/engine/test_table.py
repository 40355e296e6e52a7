"""The table of methods is made from runs, and says what they say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import hetengine
from benchmarks.nets.runs import common_accuracy, read_runs
from benchmarks.nets.table import main, ratio, spread

WORDS = ["problem=cnn", "data=digits_images", "solver=local_sgd", "topology=2cpu_8gpu"]
SHORT = ["mode=simulate", "solver.batch=2", "max_rounds=2", "solver/evaluation=each_round"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    rate = ["solver.schedule.learning_rate=0.01", "solver.workers.fast.tau=8", "progress=none"]
    for baseline in ("local_fast", "unequal"):
        for seed in (0, 1):
            place = [f"hydra.run.dir={folder / f'{baseline}{seed}'}", f"seed={seed}"]
            hetengine.run([*WORDS, *SHORT, *rate, *place, f"baseline={baseline}"])
    return folder


def test_runs_are_grouped_by_method_and_seed(sweep: Path) -> None:
    groups = read_runs(sweep)
    assert list(groups) == ["local_fast", "unequal"]
    assert [run.seed for run in groups["unequal"]] == [0, 1]
    run = groups["local_fast"][0]
    assert run.first(0.0, "seconds") == 0.0
    assert run.first(1.1, "seconds") == float("inf")
    assert 0.0 < common_accuracy(groups) <= run.best


def test_the_table_and_the_picture_are_written(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    main([str(sweep), "--data", "digits", "--out", str(tmp_path), "--accuracy", "0.05"])
    told = capsys.readouterr().out
    assert "cnn (22,602 parameters) on digits: 1,438 training and 359 test images" in told
    rows = [line for line in told.splitlines() if line.startswith("| unequal ")]
    assert len(rows) == 1
    assert "times as fast as local_fast" in told
    assert (tmp_path / "nets_baselines.md").read_text().strip() == told.strip()
    assert (tmp_path / "nets_baselines.png").stat().st_size > 1000


def test_what_was_never_reached_is_said() -> None:
    assert spread([1.0, float("inf")], ".1f") == "never"
    assert ratio([1.0], [float("inf")]) == "-"
    assert ratio([float("inf")], [1.0]) == "reached"
    assert ratio([3.0], [1.5]) == "2.00"


def test_no_runs_and_double_runs_are_refused(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no finished run below it"):
        read_runs(tmp_path)
    twice = tmp_path / "twice"
    for name in ("a", "b"):
        shutil.copytree(sweep / "unequal0", twice / name)
    with pytest.raises(SystemExit, match="several runs of unequal with one seed"):
        read_runs(twice)
