"""One run through the engine: modes, repeatability, stops, failures, and the way in from Python."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import hetengine
from hetengine import engine
from hetengine.__main__ import main
from hetengine.config import TopologyConfig
from hetengine.errors import DataError, DeviceFailure, OutOfCapacity, UsageError
from hetengine.machine import Machine, open_machine
from hetengine_numpy import NumpyBackend
from tests.engine.reference import train
from tests.solvers.harness import make_data, topology

SIMULATED = ["mode=simulate", "data=breast_cancer", "problem=svm", "progress=none", "seed=5"]


def fingerprint(directory: Path) -> list[str]:
    """Digests of the trace and of all metrics but wall time."""
    with (directory / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 2
    metrics = [{key: row[key] for key in row if key != "wall_seconds"} for row in rows]
    return [
        hashlib.sha256((directory / "trace.json").read_bytes()).hexdigest(),
        hashlib.sha256(repr(metrics).encode()).hexdigest(),
    ]


@pytest.mark.parametrize("refresh", ["async", "0.3"])
def test_a_simulated_run_repeats_byte_by_byte(tmp_path: Path, refresh: str) -> None:
    words = [*SIMULATED, f"solver.refresh={refresh}"]
    for name in ("a", "b"):
        hetengine.run([*words, f"hydra.run.dir={tmp_path / name}"])
    first = fingerprint(tmp_path / "a")
    assert fingerprint(tmp_path / "b") == first
    other = [word.replace("seed=5", "seed=6") for word in words]
    hetengine.run([*other, f"hydra.run.dir={tmp_path / 'c'}"])
    assert fingerprint(tmp_path / "c") != first
    if refresh != "async":
        return
    fourth = [*words, f"hydra.run.dir={tmp_path / 'd'}"]
    code = f"import hetengine; hetengine.run({fourth!r})"
    environment = os.environ | {"PYTHONHASHSEED": "4242"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
    assert fingerprint(tmp_path / "d") == first


@pytest.mark.parametrize(
    "words",
    [
        ["problem=lasso", "data=diabetes"],
        [
            "problem=elastic_net",
            "data=diabetes",
            "problem.intercept=true",
            "problem.lam_ratio=0.01",
        ],
        ["problem=ridge", "data=diabetes", "problem.side=dual"],
        ["problem=svm", "data=breast_cancer", "data.standardize=true"],
        ["problem=squared_hinge", "data=breast_cancer", "data.layout=sparse"],
        ["problem=logistic", "data=breast_cancer", "data.layout=sparse", "topology=cpu"],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_execution_and_simulation_give_the_same_model(words: list[str], threads: int) -> None:
    words = [*words, "solver.refresh=0.25", "progress=none", "precision=float32", "max_rounds=60"]
    device = "worker" if "topology=cpu" in words else "accelerator"
    words += ["memory_fraction=0.8"] if device == "accelerator" else []
    words += [f"topology.devices.{device}.threads={threads}", "topology.devices.host.threads=2"]
    real, simulated = (hetengine.run([*words, f"mode={mode}"]) for mode in ("execute", "simulate"))
    np.testing.assert_array_equal(real.w, simulated.w)
    assert real.intercept == simulated.intercept
    for key in ("status", "rounds", "objective", "duality_gap", "nnz_coef", "nnz_alpha"):
        assert real.summary[key] == simulated.summary[key]
    for key in ("bytes_host_to_device", "bytes_device_to_host"):
        assert real.summary[key] == simulated.summary[key]
    for a, b in zip(real.metrics, simulated.metrics, strict=True):
        assert (a.round, a.objective, a.gap, a.refreshed_fraction) == (
            b.round,
            b.objective,
            b.gap,
            b.refreshed_fraction,
        )


def test_a_dry_run_of_what_does_not_fit_takes_no_memory() -> None:
    words = ["mode=dry", "data=shape", "data.rows=1000000", "data.columns=1000000"]
    tracemalloc.start()
    try:
        result = hetengine.run([*words, "topology=xeon_m4000", "progress=none"])
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    data_bytes = result.summary["data"]["nbytes"]
    assert data_bytes == 4 * 10**12
    assert peak_bytes < data_bytes / 5000
    assert result.seconds > 1.0
    assert result.summary["bytes_host_to_device"] > 8e9
    assert result.status == "max_rounds"
    assert result.w.size == 0
    assert np.isnan(result.relative_gap)


@pytest.mark.parametrize("selection", ["gap", "sequential", "random", "importance", "host"])
@pytest.mark.parametrize("density", ["null", "0.01"])
@pytest.mark.parametrize("name", ["lasso", "svm"])
def test_every_selection_can_be_dry(selection: str, density: str, name: str) -> None:
    words = ["mode=dry", "data=shape", "data.rows=3000", "data.columns=2000", "progress=none"]
    words += [f"data.density={density}", f"problem={name}", "problem.intercept=true"]
    result = hetengine.run([*words, f"solver.selection={selection}"])
    assert result.seconds > 0.0
    assert result.rounds == 20
    assert (result.summary["bytes_host_to_device"] > 0) == (selection != "host")


def test_exit_codes_tell_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["data=breast_cancer", "problem=svm", "progress=none", "mode=simulate"]
    assert main([*words, "hydra.run.dir=good"]) == 0
    assert main([*words, "hydra.run.dir=short", "max_rounds=1", "tol=1e-9"]) == 3
    assert main([*words, "hydra.run.dir=late", "max_seconds=1e-9", "tol=1e-9"]) == 3
    assert main([*words, "hydra.run.dir=tiny", "memory_fraction=0.01"]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "accelerator: capacity of" in message
    spoil(monkeypatch, "dense_epoch", 5)
    assert main([*words, "hydra.run.dir=bad"]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert ": dense_epoch failed: RuntimeError: the lamp went out" in message


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_stops_before_the_tolerance_are_named(mode: str) -> None:
    X, y = make_data("logistic", False)
    few, recorder = train("logistic", X, y, mode=mode, tol=1e-15, max_rounds=2)
    assert (few.status, few.rounds, few.converged) == ("max_rounds", 2, False)
    assert few.relative_gap == recorder.rows[-1].relative_gap
    assert few.summary["status"] == "max_rounds"


def spoil(
    monkeypatch: pytest.MonkeyPatch, kernel: str, after: int, told: str = "the lamp went out"
) -> None:
    """Make a kernel raise once it has run so many times."""
    serial = NumpyBackend.implementations

    def implementations(self: NumpyBackend, threads: int = 1) -> dict[str, Any]:
        table, left = dict(serial(self, threads)), [after]
        good = table[kernel]

        def failing(*args: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise RuntimeError(told)
            return good(*args)

        return table | {kernel: failing}

    monkeypatch.setattr(NumpyBackend, "implementations", implementations)


def opened(monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """Remember the machines the engine opens."""
    machines: list[Machine] = []

    def remembering(*args: Any) -> Machine:
        machines.append(open_machine(*args))
        return machines[-1]

    monkeypatch.setattr(engine.linear, "open_machine", remembering)
    return machines


@pytest.mark.parametrize("mode", ["execute", "simulate"])
@pytest.mark.parametrize("kernel", ["dense_epoch", "dense_gaps", "dense_pack"])
def test_a_device_that_breaks_ends_the_run_and_nothing_stays_open(
    kernel: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "the lamp\nwent out" if mode == "execute" else "the lamp went out"
    spoil(monkeypatch, kernel, 1, told)
    machines = opened(monkeypatch)
    X, y = make_data("svm", False)
    # The epoch fails wherever it runs, on the accelerator or on a host that stands in for it.
    device = "(card0|host)" if kernel == "dense_epoch" else "host"
    with pytest.raises(DeviceFailure, match=f"^{device}: {kernel} failed: RuntimeError") as caught:
        train("svm", X, y, mode=mode)
    assert str(caught.value).endswith("the lamp went out")
    (machine,) = machines
    with pytest.raises(UsageError, match="closed"):
        machine.host.alloc("more", 1, np.float32)
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("host.", "card0."))]


def test_the_cap_holds_for_all_that_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = opened(monkeypatch)
    words = ["data=adult", "problem=svm", "memory_fraction=0.25", "progress=none", "tol=1e-2"]
    result = hetengine.run(words)
    (card,) = machines[0].accelerators
    capacity = int(0.25 * result.summary["data"]["nbytes"])
    assert card.memory.capacity_bytes == capacity
    assert 0.9 * capacity < card.memory.peak_bytes <= capacity


def test_without_an_accelerator_only_the_host_can_be_chosen() -> None:
    X, y = make_data("svm", False)
    machine = topology()
    alone = TopologyConfig("alone", {"host": machine.devices["host"]})
    with pytest.raises(UsageError, match=r"needs an accelerator.*solver\.selection=host"):
        train("svm", X, y, machine=alone)
    assert train("svm", X, y, machine=alone, selection="host")[0].status == "converged"


@pytest.mark.parametrize("labels", [(0, 1), (1, 2), (-1, 1), (-3.5, 7)])
def test_fit_predicts_the_labels_it_was_given(labels: tuple[float, float]) -> None:
    X, signs = make_data("svm", False)
    y = np.where(signs > 0, labels[1], labels[0])
    result = hetengine.fit(X, y, problem="logistic", lam=1e-3)
    predicted = result.predict(X)
    assert set(predicted) == set(labels)
    assert np.mean(predicted == y) > 0.9
    np.testing.assert_array_equal(predicted == labels[1], result.decision_function(X) > 0)


def test_fit_takes_dense_sparse_and_lists() -> None:
    X, y = make_data("lasso", True)
    settings: dict[str, Any] = {"problem": "lasso", "lam": 0.05, "tol": 1e-7}
    sparse = hetengine.fit(X, y, **settings)
    dense = hetengine.fit(X.toarray(), y, **settings)
    fortran = hetengine.fit(np.asfortranarray(X.toarray()), y, **settings)
    listed = hetengine.fit(X.toarray().tolist(), y.tolist(), **settings)
    columns = hetengine.fit(scipy.sparse.csc_array(X), y, threads=2, **settings)
    for other in (dense, fortran, listed, columns):
        assert other.objective == pytest.approx(sparse.objective, rel=1e-6)
    assert sparse.summary["data"]["nnz"] == X.nnz
    assert dense.summary["data"]["nbytes"] == 8 * X.shape[0] * X.shape[1]
    assert listed.summary["data"]["nbytes"] == 4 * X.shape[0] * X.shape[1]
    np.testing.assert_allclose(sparse.predict(X), X @ sparse.w)
    np.testing.assert_allclose(sparse.predict(X.toarray()), dense.predict(X), atol=1e-3)


def test_fit_leaves_the_arrays_of_the_caller_alone() -> None:
    X, y = make_data("svm", False)
    weights = np.ones(y.size)
    kept = X.copy(), y.copy()
    for array in (X, y, weights):
        array.flags.writeable = False
    result = hetengine.fit(X, y, lam=0.1, sample_weight=weights, intercept=True)
    assert result.status == "converged"
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(y, kept[1])


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"X": [1.0, 2.0]}, DataError, "reshape"),
        ({"X": [[1e30], [2.0]]}, DataError, "largest entry of X is 1e+30"),
        ({"X": [[1.0], [float("nan")]]}, DataError, "nan"),
        ({"X": [[1.0, 2.0], [3.0]]}, DataError, "ragged"),
        ({"y": [1, 2, 3]}, DataError, "3"),
        ({"y": [1, 1]}, DataError, "2 classes"),
        ({"y": ["a", "b"]}, DataError, "real numbers"),
        ({"sample_weight": [1.0, -1.0]}, DataError, "weight"),
        ({"problem": "laso"}, UsageError, "did you mean 'lasso'"),
        ({"topology": "cpuu"}, UsageError, "did you mean 'cpu'"),
        ({"lam": -1.0}, UsageError, "problem.lam=-1.0 must be finite and greater than 0"),
        ({"tol": 0.0}, UsageError, "tol=0.0"),
        ({"tol": "1e-4"}, UsageError, "tol='1e-4' must be a number"),
        ({"lam": [0.1]}, UsageError, "lam=[0.1] must be a number"),
        ({"threads": 0}, UsageError, "threads=0 must be at least 1"),
        ({"threads": 1.5}, UsageError, "threads=1.5 must be a whole number"),
        ({"overrides": ["solver.selection=gab"]}, UsageError, "did you mean 'gap'"),
        ({"overrides": ["memory_fraction=1e-9"]}, OutOfCapacity, "memory_fraction"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_fit_says_in_one_line_what_is_wrong(change: dict, error: type, told: str) -> None:
    arguments: dict[str, Any] = {"X": [[1.0], [2.0]], "y": [0, 1], **change}
    with pytest.raises(error) as caught:
        hetengine.fit(arguments.pop("X"), arguments.pop("y"), **arguments)
    assert told.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_seconds_run_on_the_clock_of_the_mode() -> None:
    words = ["data=breast_cancer", "problem=svm", "progress=none", "solver.refresh=0.3"]
    slow = "topology.links.bus.up_bytes_per_second=1000"
    real = hetengine.run([*words, slow])
    simulated = hetengine.run([*words, slow, "mode=simulate"])
    assert simulated.seconds > 10
    assert real.seconds < 10
    moved = simulated.summary["bytes_host_to_device"]
    assert simulated.seconds >= moved / 1000
    np.testing.assert_array_equal(real.w, simulated.w)
