"""The GPU benchmark's logic, at a tiny size on a pretended GPU; its numbers mean nothing there."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu.__main__ import main
from benchmarks.gpu.data import make_dataset, shape_of
from hetengine.registry import backend
from hetengine_cupy import CupyBackend
from tests.cupy.fake_machine import Machine


@pytest.fixture
def _cupy_is_registered(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> Any:
        return CupyBackend() if name == "cupy" else backend(name)

    monkeypatch.setattr("hetengine.machine.backend", find)


@pytest.mark.usefixtures("_cupy_is_registered")
def test_everything_is_measured_printed_and_written(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--gigabytes",
        "0.0002",
        "--tol",
        "1e-2",
        "--max-seconds",
        "0.2",
        "--batches",
        "3",
        "--image-size",
        "8",
        "--width",
        "0.25",
        "--steps",
        "1",
        "--out",
        str(tmp_path),
    ]
    assert main(words) == 0
    (file,) = tmp_path.glob("gpu_pretended_gpu_a_*.json")
    found = json.loads(file.read_text())
    assert found["device"]["architecture"] == "sm_90"
    assert [row["what"].split(",")[0] for row in found["bandwidth"]] == [
        "device copy",
        "dense gaps",
        "sparse gaps",
        "dense epoch",
        "dense epoch",
    ]
    assert all(row["bytes_per_second"] > 0 for row in found["bandwidth"])
    assert found["bandwidth"][0]["of_copy"] == 1.0
    assert math.isfinite(found["overlap"]["hidden"])
    assert {"tile_steps", "dense_epoch", "dense_gaps", "sparse_gaps"} <= set(machine.launched)
    (net,) = found["nets"]
    assert net["batch"] == 3
    assert 0.0 <= net["loss"] < 10.0
    assert net["device_seconds"] > 0.0
    assert net["images_per_second"] > 0.0
    assert net["torch_images_per_second"] is None
    for case in found["training"]:
        first = case["runs"][0]
        assert (first["policy"], first["times_gap"]) == ("gap", 1.0)
        assert all(run["at_least"] == (run["status"] == "max_seconds") for run in case["runs"])
        assert case["runs"][-1]["policy"] == "all"
    out = capsys.readouterr().out
    assert "| selection | status |" in out
    assert "| ResNet20, batch |" in out
    assert str(file) in out


def test_without_a_gpu_it_says_what_is_missing(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.driver = 0
    assert main(["--out", str(tmp_path)]) == 2
    said = capsys.readouterr().out.strip()
    assert said.startswith("benchmarks.gpu needs an NVIDIA GPU: there is no NVIDIA driver")
    assert "\n" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("problem", ["svm", "lasso"])
def test_data_have_the_size_asked_for_and_lie_as_the_solver_wants_them(problem: str) -> None:
    nbytes = 1_000_000
    first, again = (make_dataset(problem, nbytes, seed=3) for _ in range(2))
    assert first.X.shape == shape_of(problem, nbytes)
    assert abs(first.X.nbytes / nbytes - 1) < 0.05
    assert first.X.flags.c_contiguous == (problem == "svm")
    assert first.X.flags.f_contiguous == (problem == "lasso")
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.y, again.y)
    assert 0.9 < float(first.X.std()) < 1.1
