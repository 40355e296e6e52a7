"""Time to a relative gap: DuHL against other policies on a capped GPU, and with all data on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gpu.bench import host_threads
from hetengine.config import DeviceConfig, LinkConfig, ModeConfig, RunConfig, TopologyConfig
from hetengine.data.config import DataConfig
from hetengine.data.dataset import Dataset
from hetengine.engine.linear import run
from hetengine.problems import ProblemConfig
from hetengine.record.recorder import Recorder
from hetengine.solvers.config import DuhlConfig

POLICIES = ("gap", "sequential", "random", "importance", "all")
"""What is compared; ``all`` has everything on the GPU and no cap."""

_LAM = {"svm": 1e-3, "lasso": 0.02}
_COPIES = ("swap", "exchange")


@dataclass(frozen=True, slots=True)
class Settings:
    """What all runs share."""

    problem: str
    memory_fraction: float = 0.25
    tol: float = 1e-4
    max_seconds: float = 120.0
    inner_epochs: int = 10
    seed: int = 0


def lam_of(problem: str, dataset: Dataset) -> float:
    """A lambda whose support is a small part of the coordinates; for the Lasso in units of y."""
    return _LAM[problem] * (float(dataset.y.std()) if problem == "lasso" else 1.0)


def train(dataset: Dataset, settings: Settings, policy: str) -> dict[str, Any]:
    """Train once and return what the table needs."""
    recorder = Recorder()
    result = run(_config(dataset, settings, policy), recorder, dataset)
    solving = _busy(recorder, "solve")
    copying = _busy(recorder, *_COPIES)
    summary = result.summary
    return {
        "policy": policy,
        "status": result.status,
        "seconds": result.seconds,
        "rounds": result.rounds,
        "relative_gap": result.relative_gap,
        "objective": result.objective,
        "bytes_host_to_device": summary["bytes_host_to_device"],
        "solve_seconds": solving,
        "copy_seconds": copying,
        "nonzero_share": float(np.count_nonzero(result.w) / result.w.size),
    }


def compare(dataset: Dataset, settings: Settings) -> list[dict[str, Any]]:
    """Train with every policy; ``speedup`` says how many times as long as DuHL each takes.

    Where a policy does not arrive in time it took at least that long: ``at_least`` is true.
    """
    rows = [train(dataset, settings, policy) for policy in POLICIES]
    best = rows[0]["seconds"]
    for row in rows:
        row["times_gap"] = row["seconds"] / best if best > 0 else float("nan")
        row["at_least"] = row["status"] != "converged"
    return rows


def _config(dataset: Dataset, settings: Settings, policy: str) -> RunConfig:
    devices = {
        "host": DeviceConfig("host", "numpy", threads=host_threads()),
        "gpu": DeviceConfig("accelerator", "cupy"),
    }
    return RunConfig(
        problem=ProblemConfig(settings.problem, lam=lam_of(settings.problem, dataset)),
        data=DataConfig(),
        topology=TopologyConfig("gpu", devices, {"bus": LinkConfig(["host", "gpu"], 5e10, 5e10)}),
        solver=DuhlConfig(selection=policy, inner_epochs=settings.inner_epochs),
        mode=ModeConfig("execute"),
        memory_fraction=None if policy == "all" else settings.memory_fraction,
        tol=settings.tol,
        max_rounds=1_000_000,
        max_seconds=settings.max_seconds,
        seed=settings.seed,
        progress="none",
    )


def _busy(recorder: Recorder, *categories: str) -> float:
    """Seconds the GPU's queues spent on some categories."""
    return sum(
        span.end_seconds - span.start_seconds
        for span in recorder.spans
        if span.device == "gpu" and span.category in categories
    )
