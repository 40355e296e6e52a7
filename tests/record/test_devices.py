"""What the summary says of devices: facts, memory, and which cost models gave the times."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hetengine
from hetengine.api import compose
from hetengine.calibrate.spec import KernelCost
from hetengine.config import RunConfig, TierConfig
from hetengine.engine import linear
from hetengine.incidents import Incident
from hetengine.record.recorder import Recorder
from hetengine.record.table import closing_lines
from hetengine.result import Result

WORDS = ["data=breast_cancer", "problem=svm", "progress=none", "topology=cpu_limited", "tol=1e-2"]


def trained(config: RunConfig) -> tuple[Result, dict[str, Any], Recorder]:
    recorder = Recorder()
    result = linear.run(config, recorder)
    return result, result.summary["devices"], recorder


@pytest.fixture
def simulated() -> RunConfig:
    return compose([*WORDS, "mode=simulate"])


def test_a_modelled_device_says_what_gave_its_times(simulated: RunConfig) -> None:
    accelerator = simulated.topology.devices["accelerator"]
    accelerator.kernels = {"dense_epoch": KernelCost(constant_seconds=1e-3)}
    result, devices, recorder = trained(simulated)
    found = devices["accelerator"]
    assert (found["role"], found["backend"], found["time"]) == ("accelerator", "numpy", "modelled")
    assert (found["kind"], found["launch_seconds"]) == ("assumed", accelerator.launch_seconds)
    assert found["source"] == accelerator.source
    launched = [
        s.label for s in recorder.spans if (s.device, s.queue) == ("accelerator", "compute")
    ]
    epochs = launched.count("dense_epoch")
    models = found["cost_models"]
    # Launches that prepared the run are not among them; one may be under way when it ends.
    assert models["constant"] - epochs in (0, 1)
    assert models["roofline"] - (len(launched) - epochs) in (0, 1)
    assert set(models) == {"constant", "roofline"}
    told = dict(closing_lines(result))["times from"]
    assert f"constant {models['constant']:,}" in told
    assert "roofline" in told


def test_memory_is_told_with_its_tiers(simulated: RunConfig) -> None:
    simulated.topology.tiers = {"chip": TierConfig("accelerator", ["w"], 10**6)}
    simulated.topology.devices["accelerator"].alloc_seconds = 0.5
    result, devices, _ = trained(simulated)
    memory = devices["accelerator"]["memory"]
    assert 0 < memory["peak_bytes"] <= memory["capacity_bytes"]
    # The other side of 569 examples.
    assert memory["tiers"] == {"chip": {"capacity_bytes": 10**6, "peak_bytes": 30 * 4}}
    assert result.summary["preparation_seconds"] > memory["allocations"]["seconds"]
    allocated = memory["allocations"]
    assert allocated["count"] > 5
    assert allocated["seconds"] == 0.5 * allocated["count"]
    assert memory["evictions"] == {"count": 0, "bytes": 0, "seconds": 0.0}


def test_a_real_device_tells_its_facts_and_models_nothing(tmp_path: Path) -> None:
    result = hetengine.run([*WORDS, f"hydra.run.dir={tmp_path / 'run'}"])
    devices = json.loads((tmp_path / "run" / "summary.json").read_text())["devices"]
    assert devices == result.summary["devices"]
    for name in ("host", "accelerator"):
        assert devices[name]["time"] == "measured"
        assert devices[name]["facts"]["cores"] == "host"
        assert "cost_models" not in devices[name]
    assert "times from" not in dict(closing_lines(result))


def test_a_real_device_of_a_simulated_run_is_told_apart(simulated: RunConfig) -> None:
    simulated.topology.devices["accelerator"].real = True
    devices = trained(simulated)[1]
    assert devices["accelerator"]["time"] == "real"
    assert devices["accelerator"]["facts"]["cores"] == "host"
    assert devices["host"]["time"] == "modelled"


def test_a_net_tells_its_devices_too() -> None:
    words = ["data=digits_images", "problem=mlp", "solver=local_sgd", "topology=cpu"]
    more = ["mode=simulate", "max_rounds=2", "solver.batch=16", "progress=none"]
    devices = hetengine.run([*words, *more]).summary["devices"]
    assert {device["time"] for device in devices.values()} == {"modelled"}
    assert any(device["cost_models"].get("roofline") for device in devices.values())


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_events_that_do_not_happen_are_told(mode: str) -> None:
    config = compose([*WORDS, f"mode={mode}"])
    config.topology.devices["accelerator"].events = [Incident("slow", 0.0)]
    messages = trained(replace(config, max_rounds=1))[0].summary["messages"]
    told = [m for m in messages if "events of accelerator do not happen on the wall clock" in m]
    assert len(told) == (mode == "execute")
