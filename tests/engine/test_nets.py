"""One run of a net through the engine: modes, repeatability, stops, files, and Python."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hetengine
from hetengine.__main__ import main
from hetengine.api import compose
from hetengine.data.images.config import ImageDataConfig
from hetengine.data.images.dataset import ImageData
from hetengine.data.images.load import load_images
from hetengine.errors import DataError, UsageError
from hetengine.machine import open_machine
from hetengine.nets import Flatten, Linear, Net, Relu
from hetengine.nets.config import NetConfig
from hetengine.nets.factory import make_model
from hetengine.nets.model import Normalise
from hetengine.paths import conf_dir
from hetengine.record.metrics import NET_COLUMNS
from hetengine.record.write import FILES
from hetengine.sim.cost import RooflineCost

DIGITS = ["experiment=digits_nets", "progress=none"]
SHORT = [*DIGITS, "solver/tau=given", "solver.epochs=2", "solver.target_accuracy=null"]
ALONE = {"sync_fast", "local_fast", "anchor", "fast_hard"}
"""Baselines without slow workers."""
BASELINES = sorted(path.stem for path in (Path(conf_dir()) / "baseline").glob("*.yaml"))


def digits() -> tuple[ImageData, ImageData]:
    data = load_images(ImageDataConfig())
    assert data.test is not None
    return data, data.test


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_a_fast_and_a_slow_worker_learn_the_digits(mode: str) -> None:
    result = hetengine.run([*DIGITS, f"mode={mode}"])
    assert (result.status, result.converged) == ("target_accuracy", True)
    assert result.test_accuracy > 0.95
    workers = {worker["device"]: worker for worker in result.summary["workers"]}
    assert workers["fast"]["tau"] == 16
    assert 1 <= workers["slow"]["tau"] < 16
    assert workers["slow"]["sampling"] == "hard"


def test_with_given_steps_real_and_simulated_runs_agree_to_the_bit() -> None:
    real, simulated = (hetengine.run([*SHORT, f"mode={mode}"]) for mode in ("execute", "simulate"))
    np.testing.assert_array_equal(real.parameters, simulated.parameters)
    assert real.rounds == simulated.rounds
    assert real.metrics[-1].train_loss == simulated.metrics[-1].train_loss


def fingerprint(directory: Path) -> list[str]:
    """Digests of the trace and of all metrics but wall time."""
    with (directory / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) >= 2
    metrics = [{key: row[key] for key in row if key != "wall_seconds"} for row in rows]
    return [
        hashlib.sha256((directory / "trace.json").read_bytes()).hexdigest(),
        hashlib.sha256(repr(metrics).encode()).hexdigest(),
    ]


def test_a_simulated_run_repeats_byte_by_byte(tmp_path: Path) -> None:
    words = [*DIGITS, "mode=simulate", "solver.epochs=2"]
    found = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        hetengine.run([*words, f"seed={seed}", f"hydra.run.dir={tmp_path / name}"])
        found.append(fingerprint(tmp_path / name))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_the_files_of_a_run(tmp_path: Path) -> None:
    result = hetengine.run([*SHORT, "mode=simulate", f"hydra.run.dir={tmp_path}"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    with (tmp_path / "metrics.csv").open(newline="") as stream:
        header, *rows = list(csv.reader(stream))
    assert tuple(header) == NET_COLUMNS
    assert len(rows) == len(result.metrics)
    with np.load(tmp_path / "model.npz") as model:
        np.testing.assert_array_equal(model["parameters"], result.parameters)
        assert model["conv1.weight"].shape == (16, 1, 3, 3)
        assert tuple(model["input_shape"]) == (1, 8, 8)
        assert model["classes"] == 10
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["problem"], summary["parameters"]) == ("cnn", 22602)
    assert summary["data"]["test_images"] == 359
    assert summary["test_accuracy"] == result.test_accuracy
    assert summary["calibration"]["status"] == "UNCALIBRATED"
    check_trace(json.loads((tmp_path / "trace.json").read_text())["traceEvents"])


def check_trace(events: list[dict[str, Any]]) -> None:
    """Spans of every device, and counters within the time they cover."""
    names = {e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert names == {"run", "host", "fast", "slow"}
    slices = [e for e in events if e["ph"] == "X"]
    assert {"net_train", "net_evaluate"} <= {e["name"] for e in slices}
    counters = [e for e in events if e["ph"] == "C" and e["name"] == "test accuracy"]
    assert len(counters) >= 2
    assert counters[-1]["args"]["test accuracy"] > 0.8
    end = max(e["ts"] + e["dur"] for e in slices)
    assert all(e["ts"] <= end for e in counters)


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (["solver.epochs=1", "solver.target_accuracy=null"], 0, "finished"),
        (["solver.epochs=1", "solver.target_accuracy=0.9999"], 3, "finished"),
        (["max_rounds=2"], 3, "max_rounds"),
        (["max_seconds=0.01", "solver/evaluation=each_round"], 3, "max_seconds"),
        (["solver.schedule.learning_rate=1e9"], 1, "diverged"),
        (["mode=dry", "solver.epochs=1"], 0, "finished"),
    ],
)
def test_exit_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, status: str
) -> None:
    assert main([*DIGITS, "mode=simulate", f"hydra.run.dir={tmp_path}", *words]) == code
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["status"] == status
    told = capsys.readouterr().out
    assert status in told
    assert ("below the target accuracy" in told) == (code == 3)
    assert ("test accuracy" in told) == ("mode=dry" not in words)


def test_a_dry_run_has_no_parameters() -> None:
    result = hetengine.run([*SHORT, "mode=dry"])
    assert result.parameters.size == 0
    assert result.seconds > 0
    with pytest.raises(UsageError, match="mode=dry trains nothing"):
        result.predict(np.zeros((2, 8, 8), np.uint8))
    assert np.isnan(result.test_accuracy)


def test_shares_of_the_data_limit_no_worker_and_that_is_said() -> None:
    words = ["problem=cnn", "data=digits_images", "solver=local_sgd", "mode=simulate"]
    more = ["solver.epochs=1", "solver.batch=16", "solver.epoch=pass", "progress=none"]
    result = hetengine.run([*words, *more])
    assert result.status == "finished"
    (message,) = result.summary["messages"]
    assert message.startswith("memory_fraction of accelerator is not used: images stay with")


def test_a_result_predicts() -> None:
    result = hetengine.run([*DIGITS, "mode=simulate"])
    _, test = digits()
    logits, chances = (f(test.images) for f in (result.decision_function, result.predict_proba))
    assert logits.shape == chances.shape == (test.count, 10)
    assert logits.dtype == np.float32
    ratios = chances[:, 1:] / chances[:, :1]
    np.testing.assert_allclose(np.log(ratios), logits[:, 1:] - logits[:, :1], atol=1e-4)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, rtol=1e-12)
    accuracy = float(np.mean(result.predict(test.images) == test.labels))
    assert accuracy == pytest.approx(result.test_accuracy, abs=1e-12)
    loss = -np.log(chances[np.arange(test.count), test.labels]).mean()
    assert loss == pytest.approx(result.test_loss, rel=1e-4)
    with pytest.raises(DataError, match=r"images of \(1, 9, 9\), but cnn takes \(1, 8, 8\)"):
        result.predict(np.zeros((2, 9, 9), np.uint8))


def test_own_layers_train_on_arrays() -> None:
    train, test = digits()
    net = Net("mine", (Flatten(), Linear(64), Relu(), Linear(10)), (1, 8, 8), 10)
    result = hetengine.train(
        net,
        train.images[:, 0],
        train.labels,
        test=(test.images[:, 0], test.labels),
        overrides=["solver.epochs=8", "solver.epoch=pass", "solver.batch=32"],
    )
    assert result.model is net
    assert result.summary["problem"] == "mine"
    assert result.test_accuracy > 0.93
    assert result.named["linear1.weight"].shape == (64, 64)


MINE = """
from hetengine.nets import Flatten, Linear

def flat(input_shape, classes, width):
    return (Flatten(), Linear(classes))

def wrong(input_shape, classes, width):
    return 3
"""


def test_a_function_of_ones_own_makes_the_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_nets.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    result = hetengine.run([*SHORT, "problem=custom", "problem.model=my_nets:flat"])
    assert result.summary["parameters"] == 650
    with pytest.raises(UsageError, match="returned int"):
        hetengine.run([*SHORT, "problem=custom", "problem.model=my_nets:wrong"])
    with pytest.raises(UsageError, match=r"no function 'flta'; did you mean 'flat'"):
        hetengine.run([*SHORT, "problem=custom", "problem.model=my_nets:flta"])


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_trains_on_two_cpus_and_eight_gpus(name: str) -> None:
    words = ["problem=cnn", "data=digits_images", "solver=local_sgd", "topology=2cpu_8gpu"]
    more = ["mode=simulate", "solver.batch=1", "solver.schedule.learning_rate=0.01", "max_rounds=2"]
    result = hetengine.run([*words, *more, f"baseline={name}", "progress=none"])
    assert (result.rounds, result.summary["label"]) == (2, name)
    workers = result.summary["workers"]
    assert len(workers) == (8 if name in ALONE else 10)
    assert np.isfinite(result.test_loss)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_takes_the_place_of_the_method_of_an_experiment(name: str) -> None:
    words = [*DIGITS, f"baseline={name}", "mode=simulate", "max_rounds=1"]
    result = hetengine.run(words)
    assert (result.status, result.rounds, result.summary["label"]) == ("max_rounds", 1, name)
    workers = {worker["device"]: worker for worker in result.summary["workers"]}
    assert list(workers) == (["fast"] if name in ALONE else ["fast", "slow"])
    assert np.isfinite(result.test_loss)


def test_the_twelve_mandatory_baselines_are_there() -> None:
    assert len(BASELINES) >= 12
    assert {"sync_all", "sync_fast", "local_fast", "anchor", "biased_released"} <= set(BASELINES)


def test_a_gpu_is_32_times_as_fast_as_a_cpu_worker_for_any_net() -> None:
    """And ResNet20 takes a CPU worker what it was measured to take on one core."""
    words = ["problem=cnn", "data=digits_images", "solver=local_sgd", "topology=2cpu_8gpu"]
    machine = open_machine(compose(words).topology.build(), "dry", lambda span: None)
    specs = {device.name: device.spec for device in machine.accelerators}
    cost = RooflineCost()
    for model, batch in (("resnet20", 64), ("resnet20", 8), ("cnn", 16)):
        net = make_model(NetConfig(model), (3, 32, 32), 10)
        gpu = machine.accelerators[2]
        placed = net.place(gpu, batch, np.float32, np.uint8, Normalise((0.5,) * 3, (0.2,) * 3))
        work = placed.train[0].work
        slow, fast = (cost.seconds(specs[name], work) for name in ("cpu0", "gpu7"))
        assert slow == pytest.approx(32 * fast, rel=1e-9)
        if batch == 64:
            assert slow == pytest.approx(0.121, rel=0.05)
    machine.close()
