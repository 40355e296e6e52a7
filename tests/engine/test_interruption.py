"""Ctrl-C between two certificates: the run ends with the next one and keeps what it has."""

from __future__ import annotations

import csv
import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hetengine
from hetengine.__main__ import main
from hetengine.plan.predict import predict
from hetengine.record.monitor import Monitor
from hetengine.record.write import FILES
from hetengine.solvers.duhl import Duhl
from hetengine.solvers.outcome import Progress

Press = Callable[..., None]
ENDLESS = ["data=breast_cancer", "problem.lam=1e-6", "precision=float64", "tol=1e-300"]
ENDLESS += ["data.standardize=true", "max_rounds=100000", "progress=none"]
CAPPED = ["topology=cpu_limited", "solver.selection=gap"]
PLACES = {
    "svm on the host": ["problem=svm", "topology=cpu"],
    "logistic on the host": ["problem=logistic", "topology=cpu"],
    "lasso on the host": ["problem=lasso", "topology=cpu"],
    "accelerator": ["problem=svm", *CAPPED],
    "simulated": ["problem=svm", *CAPPED, "mode=simulate"],
}


@pytest.fixture(autouse=True)
def python_handles_sigint() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt, as in a program of its own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Press:
    """Have Ctrl-C pressed at the given certificates, counted from 1, after they are recorded."""
    certified = Monitor.certified

    def at(*presses: int) -> None:
        seen: list[int] = []

        def press(self: Monitor, progress: Progress) -> None:
            certified(self, progress)
            seen.append(progress.rounds)
            for _ in range(presses.count(len(seen))):
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(Monitor, "certified", press)

    return at


def read(directory: Path) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return the summary of a run and its rows."""
    with (directory / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return json.loads((directory / "summary.json").read_text()), rows


@pytest.mark.parametrize("place", PLACES)
def test_an_interrupted_run_keeps_its_last_certified_model(
    place: str, ctrl_c: Press, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = threading.active_count()
    ctrl_c(2)
    words = [*ENDLESS, *PLACES[place], f"hydra.run.dir={tmp_path / 'out'}"]
    assert main(words) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == f"hetengine: interrupted; the model so far is in {tmp_path / 'out'}"
    assert all((tmp_path / "out" / name).exists() for name in FILES)
    summary, rows = read(tmp_path / "out")
    assert summary["status"] == "interrupted"
    assert 2 <= len(rows) <= 3
    assert summary["relative_gap"] == float(rows[-1]["relative_gap"])
    with np.load(tmp_path / "out" / "model.npz") as model:
        assert np.count_nonzero(model["w"]) == summary["nnz_coef"] > 0
    assert threading.active_count() == before


def test_an_interrupted_run_out_of_core_keeps_its_model(ctrl_c: Press, tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((300, 20))
    np.savez(tmp_path / "data.npz", X=X, y=np.sign(X[:, 0] + X[:, 1] + 0.5 * X[:, 2] ** 2))
    store, words = tmp_path / "store", ["data=npz", f"data.path={tmp_path / 'data.npz'}"]
    words += ["--side", "dual", "--precision", "float64", "--out", str(store)]
    assert main(["convert", *words]) == 0
    ctrl_c(2)
    words = ["data=store", f"data.path={store}", "problem=svm", "problem.lam=1e-6", "tol=1e-300"]
    words += ["topology=cpu_disk", "precision=float64", "progress=none", "max_rounds=100000"]
    assert main([*words, f"hydra.run.dir={tmp_path / 'out'}"]) == 130
    summary, rows = read(tmp_path / "out")
    assert summary["status"] == "interrupted"
    assert summary["relative_gap"] == float(rows[-1]["relative_gap"])


@pytest.mark.parametrize("place", ["svm on the host", "accelerator"])
def test_a_second_ctrl_c_stops_at_once(
    place: str, ctrl_c: Press, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = threading.active_count()
    ctrl_c(2, 2)
    assert main([*ENDLESS, *PLACES[place], f"hydra.run.dir={tmp_path / 'out'}"]) == 130
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "out" / "summary.json").exists()
    assert threading.active_count() == before


def test_before_the_first_certificate_there_is_nothing_to_keep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = Duhl._begin

    def press(self: Duhl) -> Any:
        signal.raise_signal(signal.SIGINT)
        return begin(self)

    monkeypatch.setattr(Duhl, "_begin", press)
    words = [*ENDLESS, *PLACES["accelerator"], f"hydra.run.dir={tmp_path / 'out'}"]
    assert main(words) == 130
    assert "nothing was written" in capsys.readouterr().err


def test_fit_returns_what_it_has(ctrl_c: Press) -> None:
    X = np.random.default_rng(0).standard_normal((200, 20))
    y = np.sign(X[:, 0] + 0.1)
    ctrl_c(2)
    result = hetengine.fit(X, y, "svm", lam=1e-6, tol=1e-300, overrides=["max_rounds=100000"])
    assert (result.status, result.converged) == ("interrupted", False)
    assert result.w.any()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_a_run_is_part_of_more_all_of_it_ends(ctrl_c: Press) -> None:
    ctrl_c(2)
    with pytest.raises(KeyboardInterrupt):
        predict([*ENDLESS, "problem=svm", *CAPPED], [("seed=0",), ("seed=1",)], lambda each: None)


def test_a_handler_of_the_program_is_left_alone(ctrl_c: Press) -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    ctrl_c(2)
    words = [*ENDLESS, *PLACES["simulated"], "max_rounds=20"]
    assert hetengine.run(words).status == "max_rounds"
    assert heard == [signal.SIGINT]
