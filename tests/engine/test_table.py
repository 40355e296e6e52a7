"""The table of methods is made from runs, and says what they say."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import hetengine
from benchmarks.nets.comparison import accuracy_gain, common_accuracy, shared_end, speedup
from benchmarks.nets.runs import Run, read_runs
from benchmarks.nets.sentences import verdicts
from benchmarks.nets.table import factor, main, page, spread, workers

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
    runs, *comparisons = [line for line in told.splitlines() if line.startswith("| unequal ")]
    assert runs.startswith("| unequal | 8 fast 8x2, 2 slow 1x2 | 2 | ")
    assert len(comparisons) == 3
    assert "| times as fast as local_fast |" in told
    assert "![accuracy against time and samples](nets_baselines.png)" in told
    assert (tmp_path / "nets_baselines.md").read_text().strip() == told.strip()
    assert (tmp_path / "nets_baselines.png").stat().st_size > 1000


def test_what_was_never_reached_is_said() -> None:
    assert spread([1.0, float("inf")], ".1f") == "never"
    assert [factor(times) for times in (math.nan, math.inf, 2.0)] == ["-", "reached", "2.00"]


def synthetic(label: str, seed: int, pace: float, gain: float) -> Run:
    """A run of 100 samples a step that gains a percent per step, `pace` seconds each."""
    steps = np.arange(51.0)
    worker = {"class": "fast", "tau": 4, "batch": 8, "sampling": "hard", "role": "train"}
    slow = {"class": "slow", "tau": 1, "batch": 8, "sampling": "uniform", "role": "score"}
    images = {"name": "drawn", "images": 5000, "test_images": 10}
    summary = {"problem": "line", "parameters": 1, "data": images, "workers": [worker, slow]}
    summary |= {"mode": "simulate", "epochs": 1, "epoch": "pass", "batch": 8, "topology": "none"}
    accuracy = 0.1 + 0.01 * steps + gain + 0.001 * seed
    columns = {
        "seconds": pace * steps,
        "samples": 100 * steps,
        "passes": steps / 50,
        "paper_epoch": steps / 50,
        "test_accuracy": accuracy,
    }
    return Run(label, seed, summary, columns)


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Run]]:
    """Biased local SGD as fast as local SGD, a little better, and 32 times as fast as all."""
    methods = {"sync_all": (32.0, 0.0), "local_fast": (1.0, 0.0), "biased_fixed": (1.0, 0.02)}
    return {name: [synthetic(name, k, *how) for k in range(3)] for name, how in methods.items()}


def test_methods_are_compared_at_equal_accuracy_seconds_and_samples(
    drawn: dict[str, list[Run]],
) -> None:
    assert common_accuracy(drawn) == 0.6
    assert speedup(drawn, "local_fast", "sync_all", 0.3) == pytest.approx(32.0)
    assert (shared_end(drawn, "seconds"), shared_end(drawn, "samples")) == (50.0, 5000.0)
    at_samples = accuracy_gain(drawn, "biased_fixed", "sync_all", "samples", 5000.0)
    assert at_samples.mean == pytest.approx(0.02)
    assert at_samples.clear
    # After 50 seconds sync_all has made 50/32 steps, by a straight line between two evaluations.
    at_seconds = accuracy_gain(drawn, "biased_fixed", "sync_all", "seconds", 50.0)
    assert at_seconds.mean == pytest.approx(0.02 + 0.01 * (50 - 50 / 32))
    assert math.isnan(speedup(drawn, "sync_all", "local_fast", 0.9))
    assert workers(drawn["sync_all"][0]) == "1 fast 4x8 hard, 1 slow 1x8 scoring"


def test_the_text_says_what_the_numbers_say(drawn: dict[str, list[Run]]) -> None:
    fast, seconds, samples = verdicts(drawn, 0.3)
    assert fast.startswith("- `biased_fixed` comes to 30 % 35.")
    assert "1.11 times as fast as `local_fast`" in fast
    assert "+2.0 ± 0.0 against `local_fast`" in seconds
    assert samples.endswith("+2.0 ± 0.0 against `sync_all`, +2.0 ± 0.0 against `local_fast`.")
    told = page(drawn, "drawn images", 0.3, "")
    assert told.count("\n## At equal ") == 3
    assert "drawn images: 5,000 training and 10 test images; batch 8 per worker" in told


def test_what_seeds_differ_by_anyway_is_no_difference(drawn: dict[str, list[Run]]) -> None:
    noise = {0: 0.05, 1: -0.05, 2: 0.01}
    noisy = {**drawn, "anchor": [synthetic("anchor", k, 1.0, noise[k]) for k in (0, 1, 2)]}
    gain = accuracy_gain(noisy, "anchor", "local_fast", "samples", 5000.0)
    assert gain.seeds == 3
    assert not gain.clear
    alone = {**drawn, "anchor": noisy["anchor"][:1]}
    assert accuracy_gain(alone, "anchor", "local_fast", "samples", 5000.0).seeds == 1
    assert "+5.0 (one seed)" in page(alone, "", 0.3, "")


def test_no_runs_and_double_runs_are_refused(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no finished run below it"):
        read_runs(tmp_path)
    twice = tmp_path / "twice"
    for name in ("a", "b"):
        shutil.copytree(sweep / "unequal0", twice / name)
    with pytest.raises(SystemExit, match="several runs of unequal with one seed"):
        read_runs(twice)
