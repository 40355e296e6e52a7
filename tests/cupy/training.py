"""Problems small enough for every machine, trained on a host and one CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from hetengine.config import DeviceConfig, LinkConfig, ModeConfig, RunConfig, TopologyConfig
from hetengine.data.config import DataConfig
from hetengine.data.dataset import Dataset
from hetengine.engine.linear import run
from hetengine.problems import ProblemConfig
from hetengine.record.recorder import Recorder
from hetengine.result import Result
from hetengine.solvers.config import DuhlConfig

PROBLEMS = ["lasso", "elastic_net", "ridge", "svm", "squared_hinge", "logistic"]
TOLERANCE = 1e-5
SMALL = (90, 60)
"""Rows and features that suit a pretended GPU."""


def make_dataset(name: str, sparse: bool, shape: tuple[int, int] = SMALL) -> Dataset:
    """Examples that float32 can represent, with labels for the problem."""
    rng = np.random.default_rng(7)
    X = (rng.normal(size=shape) * (rng.random(shape) < (0.2 if sparse else 1.0))).astype(np.float32)
    truth = rng.normal(size=shape[1]) * (rng.random(shape[1]) < 0.3)
    y = X @ truth + rng.normal(size=shape[0])
    if name in ("svm", "squared_hinge", "logistic"):
        y = np.where(y > np.median(y), 1.0, -1.0)
    return Dataset("small", scipy.sparse.csr_array(X) if sparse else X, y.astype(np.float64), None)


def train(
    name: str,
    sparse: bool,
    backend: str = "cupy",
    memory_fraction: float | None = 0.8,
    shape: tuple[int, int] = SMALL,
    options: dict[str, Any] | None = None,
    recorder: Recorder | None = None,
    **settings: Any,
) -> Result:
    """Train one problem to a relative gap of 1e-5 in float32."""
    card = DeviceConfig("accelerator", backend, index=0, options=options or {})
    devices = {"host": DeviceConfig("host"), "card": card}
    topology = TopologyConfig("pair", devices, {"bus": LinkConfig(["host", "card"], 1e10, 1e10)})
    config = RunConfig(
        problem=ProblemConfig(name, lam=0.1),
        data=DataConfig(),
        topology=topology,
        solver=DuhlConfig(**settings),
        mode=ModeConfig("execute"),
        memory_fraction=memory_fraction,
        tol=TOLERANCE,
        max_seconds=60.0,
        seed=3,
    )
    return run(config, recorder or Recorder(), make_dataset(name, sparse, shape))
