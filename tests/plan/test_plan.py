from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from hetengine.__main__ import main
from hetengine.api import compose
from hetengine.errors import UsageError
from hetengine.plan.candidates import combine, default_axes, split
from hetengine.plan.predict import predict

QUICK = ["data=breast_cancer", "problem=svm", "tol=1e-2", "solver.refresh=0.2"]


def test_words_with_several_values_span_the_placements() -> None:
    fixed, axes = split(["tol=1e-3", "memory_fraction=0.1,0.5", "topology.use=[a],[a,b]"])
    assert fixed == ["tol=1e-3"]
    assert combine(axes) == [
        ("memory_fraction=0.1", "topology.use=[a]"),
        ("memory_fraction=0.1", "topology.use=[a,b]"),
        ("memory_fraction=0.5", "topology.use=[a]"),
        ("memory_fraction=0.5", "topology.use=[a,b]"),
    ]


@pytest.mark.parametrize("word", ["mode=execute", "mode.name=dry", "progress=none", "nonsense"])
def test_words_a_plan_sets_itself_are_refused(word: str) -> None:
    with pytest.raises(UsageError, match="plan: "):
        split([word])


def test_by_default_policies_epochs_and_sets_of_accelerators_are_tried() -> None:
    words = ["topology=dgx_16", "solver.inner_epochs=5"]
    axes = default_axes(words, compose(words))
    assert [axis[0].partition("=")[0] for axis in axes] == ["solver.selection", "topology.use"]
    assert axes[1][0] == "topology.use=[card0]"
    assert len(axes[1]) == 17
    candidates = combine(axes)
    assert len(candidates) == 3 * 17 + 1
    assert ("solver.selection=host",) in candidates


def test_too_many_are_refused() -> None:
    with pytest.raises(UsageError, match="1000 placements are more than 200"):
        combine([[f"{key}={k}" for k in range(10)] for key in "abc"])


def test_placements_are_ranked_by_the_time_they_need() -> None:
    heard = []
    candidates = [
        ("memory_fraction=0.0001",),
        ("solver.selection=random", "max_rounds=1"),
        ("solver.selection=gap",),
        ("solver.selection=host",),
    ]
    ranked = predict(QUICK, candidates, heard.append)
    assert [each.candidate for each in heard] == candidates
    assert [each.reached for each in ranked] == [True, True, False, False]
    assert ranked[0].seconds <= ranked[1].seconds
    assert ranked[2].status == "max_rounds"
    assert ranked[3].status == "refused"
    assert "capacity of" in ranked[3].reason
    again = predict(QUICK, candidates, heard.append)
    assert again == ranked


def test_a_placement_that_is_far_behind_is_given_up() -> None:
    slow = "topology.devices.accelerator.events=[{event:slow,at_seconds:0,factor:100}]"
    best, slower = predict(QUICK, [("seed=0",), (slow,)], lambda each: None)
    assert (best.candidate, best.status) == (("seed=0",), "converged")
    assert slower.status == "slower"
    assert best.seconds < slower.seconds < 4 * best.seconds


def test_the_best_is_run_for_real_and_set_against_its_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "it's a plan"
    words = [*QUICK, "solver.selection=gap,host", "--out", str(out)]
    assert main(["plan", *words, "hydra.run.dir=elsewhere"]) == 2  # that is the plan's business
    assert not out.exists()
    assert main(["plan", "--execute", *words]) == 0
    told = capsys.readouterr()
    assert "UNCALIBRATED: topology cpu_limited" in told.out
    assert "best: hetengine data=breast_cancer" in told.out
    summary = json.loads((out / "best" / "summary.json").read_text())
    measured = json.loads((out / "plan.json").read_text())["measured"]
    assert summary["mode"] == "execute"
    assert measured["measured_seconds"] == summary["seconds"]
    assert measured["error"] == pytest.approx(
        measured["predicted_seconds"] / measured["measured_seconds"] - 1.0
    )
    assert f"off by {100 * measured['error']:+.1f} %" in told.out


def test_a_plan_leaves_its_ranking_and_never_writes_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plan", *QUICK, "memory_fraction=0.0001,0.5"]) == 0
    (ranking,) = (tmp_path / "plans").rglob("ranking.csv")
    assert str(ranking.relative_to(tmp_path)) in capsys.readouterr().out
    with ranking.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["rank"], row["status"]) for row in rows] == [("1", "converged"), ("", "refused")]
    assert rows[0]["placement"] == "memory_fraction=0.5"
    whole = json.loads((ranking.parent / "plan.json").read_text())
    assert whole["words"] == QUICK
    assert whole["calibration"]["status"] == "UNCALIBRATED"
    assert whole["measured"] is None
    best, refused = whole["ranking"]
    assert best["seconds"] == float(rows[0]["seconds"])
    assert (refused["seconds"], refused["placement"]) == (None, ["memory_fraction=0.0001"])
    assert "capacity of" in refused["reason"]
    assert main(["plan", *QUICK, "--out", str(ranking.parent)]) == 2
    assert "holds a plan (ranking.csv, plan.json)" in capsys.readouterr().err


def test_nothing_that_reaches_the_gap_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["plan", *QUICK, "max_rounds=1", "solver.selection=random", "--out", str(tmp_path)]
    assert main(words) == 3
    assert "no placement reaches the target gap" in capsys.readouterr().err
    assert (tmp_path / "ranking.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--exceute"], "plan: unknown --exceute; did you mean '--execute'?"),
        (["data=shape"], "data=shape has no values"),
        (["solver.selection=gpa,host"], ""),
        (["topology.use=[nobody]"], "use names nobody; allowed: accelerator"),
    ],
)
def test_wrong_use_is_told_in_a_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(["plan", *QUICK, *words])
    told = capsys.readouterr()
    if message:
        assert code == 2
        assert message in told.err
    else:
        assert "gpa" in told.out + told.err


def test_devices_that_cannot_run_the_best_are_told_before_anything_is_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*QUICK, "topology.devices.accelerator.backend=nosuch", "solver.selection=gap,all"]
    assert main(["plan", "--execute", *words]) == 2
    assert "backend 'nosuch' not found" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--help"]) == 0
    assert "--execute" in capsys.readouterr().out
