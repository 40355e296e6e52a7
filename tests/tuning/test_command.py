"""``hetengine path`` end to end."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hetengine as package
from hetengine.__main__ import main
from hetengine.solvers.duhl import Duhl
from hetengine.tuning.words import completed

LASSO = ("problem=lasso", "data=diabetes", "precision=float64", "progress=plain", "tol=1e-4")
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "path.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_path_leaves_its_files(call: Call) -> None:
    code, out, err = call("path", *LASSO, "path.points=5", "path.ratio=0.1", "hydra.run.dir=here")
    assert code == 0
    assert "5 of 5" in out
    assert "point 5" in err
    folder = Path("here")
    names = {"path.csv", "model.npz", "config.yaml", "summary.json", "trace.json"}
    assert {file.name for file in folder.iterdir()} == names
    rows = rows_of(folder)
    assert [int(row["point"]) for row in rows] == [1, 2, 3, 4, 5]
    assert float(rows[-1]["lam"]) == pytest.approx(0.1 * float(rows[0]["lam"]))
    assert all(float(row["relative_gap"]) <= 1e-4 for row in rows)
    with np.load(folder / "model.npz") as model:
        assert model["coefs"].shape == (5, 10)
        assert int(rows[-1]["n_nonzero"]) == np.count_nonzero(model["coefs"][-1])
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert (summary["status"], summary["points"], summary["points_asked"]) == ("converged", 5, 5)
    assert "points: 5" in (folder / "config.yaml").read_text(encoding="utf-8")


def test_another_run_is_never_written_over(call: Call) -> None:
    words = ("path", *LASSO, "path.points=2", "path.ratio=0.3", "hydra.run.dir=here")
    assert call(*words)[0] == 0
    before = (Path("here") / "path.csv").read_bytes()
    code, _, err = call(*words)
    assert code == 2
    assert "already holds a run" in err
    assert (Path("here") / "path.csv").read_bytes() == before


def test_cross_validation_from_the_shell(call: Call) -> None:
    words = ("problem=logistic", "data=breast_cancer", "solver.selection=host", "progress=none")
    code, out, _ = call("path", *words, "cv.folds=3", "path.points=4", "hydra.run.dir=cv")
    assert code == 0
    assert "log_loss" in out
    rows = rows_of(Path("cv"))
    means = [float(row["score_mean"]) for row in rows]
    summary = json.loads(Path("cv/summary.json").read_text(encoding="utf-8"))
    best = summary["cv"]["best"]
    assert best["point"] == 1 + int(np.argmin(means))
    with np.load("cv/model.npz") as model:
        np.testing.assert_array_equal(model["w"], model["coefs"][best["point"] - 1])
        assert model["scores"].shape == (3, 4)


def test_an_interrupted_path_writes_its_points(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    solve, calls = Duhl.solve, iter(range(100))

    def stopped(self: Duhl, *args: Any):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return solve(self, *args)

    monkeypatch.setattr(Duhl, "solve", stopped)
    code, _, err = call("path", *LASSO, "path.points=4", "path.ratio=0.1", "hydra.run.dir=cut")
    assert code == 130
    told = err.splitlines()[-1]
    assert "interrupted; the points done are in" in told
    assert told.endswith("cut")
    assert len(rows_of(Path("cut"))) == 2
    with np.load("cut/model.npz") as model:
        assert model["coefs"].shape == (2, 10)


def test_a_path_out_of_time_ends_with_3(call: Call) -> None:
    words = (*LASSO, "mode=simulate", "max_seconds=1e-6", "hydra.run.dir=late")
    assert call("path", *words)[0] == 3
    assert 1 <= len(rows_of(Path("late"))) < 100


def test_sweeps_take_paths(call: Call) -> None:
    words = ("problem=lasso,ridge", "data=diabetes", "path.points=2", "solver.selection=host")
    code, _, err = call("path", "--multirun", *words, "hydra.sweep.dir=many")
    assert code == 0
    assert "2 jobs: 2 converged" in err
    assert len(list(Path("many").glob("*/path.csv"))) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("problem=lasso", "path.point=3"), "did you mean 'points'"),
        (("problem=lasso", "path.ratio=0"), "path.ratio=0.0 must be above 0"),
        (("problem=lasso", "problem.lam=1"), "problem.lam=1.0 has no effect on a path"),
        (("problem=svm", "cv.score=mse"), "cv.score=mse does not fit svm; allowed: accuracy"),
        (("problem=cnn", "data=digits_images", "solver=local_sgd"), "is a net"),
        (("data=shape", "mode=dry"), "mode=dry computes no models"),
        (("data=store", "data.path=x"), "data=store is not in memory"),
    ],
)
def test_wrong_use_is_told_in_one_line(call: Call, words: tuple[str, ...], told: str) -> None:
    code, _, err = call("path", *words, "hydra.run.dir=none")
    assert code == 2
    assert told in err
    assert len(err.splitlines()) == 1
    assert not (Path("none") / "path.csv").exists()


def test_help_is_printed(call: Call) -> None:
    code, out, _ = call("path", "--help")
    assert code == 0
    assert out.startswith("hetengine path")


def test_naming_a_key_of_a_path_asks_for_one() -> None:
    found = package.run(["problem=lasso", "data=diabetes", "path.lams=[1.0,0.5]", "progress=none"])
    assert isinstance(found, package.PathResult)
    assert found.points == 2


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["problem=lasso"], ["problem=lasso"]),
        (["--cfg", "job"], ["--cfg", "job"]),
        (["cv.folds=3"], ["path=grid", "cv=kfold", "cv.folds=3"]),
        (["-m", "path.points=1,2"], ["-m", "path=grid", "path.points=1,2"]),
        (["path=grid", "path.points=1"], ["path=grid", "path.points=1"]),
    ],
)
def test_words_are_completed_where_overrides_stand(typed: list[str], meant: list[str]) -> None:
    assert completed(typed) == meant
