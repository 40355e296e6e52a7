"""Spans, rows and results to record, and a config."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hetengine.config import (
    DeviceConfig,
    LinkConfig,
    ModeConfig,
    RunConfig,
    TopologyConfig,
)
from hetengine.data.config import DataConfig
from hetengine.problems.config import ProblemConfig
from hetengine.record.metrics import MetricsRow
from hetengine.result import Result
from hetengine.solvers.config import DuhlConfig
from hetengine.span import Span
from hetengine.work import Work


@pytest.fixture
def spans() -> list[Span]:
    def copy(start: float, end: float, direction: str) -> Span:
        work = Work(bytes_read=1000.0, bytes_written=1000.0)
        return Span("card", direction, "columns", "swap", start, end, work, direction)

    return [
        Span("host", "compute", "gaps", "refresh", 0.0, 0.5, Work(10, 20, 30, 4)),
        copy(0.0, 0.25, "up"),
        copy(0.125, 0.375, "up"),
        copy(0.25, 0.5, "up"),
        copy(0.5, 0.75, "down"),
        Span("card", "compute", "epoch", "solve", 0.25, 1.0000004, Work(1e9, 2e6, 8.0, 100)),
    ]


@pytest.fixture
def rows() -> list[MetricsRow]:
    return [
        MetricsRow(0, 0.0, 0.1, 1.0, float("inf"), float("inf"), 0, 0, 0, 0, 0.0, "primal-dual"),
        MetricsRow(1, 1.0, 1.1, 0.1 + 0.2, 1e-3, 2e-3, 5, 5, 3000, 1000, 0.2, "primal-dual"),
    ]


@pytest.fixture
def result(rows: list[MetricsRow]) -> Result:
    summary: dict[str, Any] = {
        "mode": "simulate",
        "solver": "duhl",
        "problem": "svm",
        "data": {"name": "toy", "rows": np.int64(4)},
        "topology": "pair",
        "relative_gap": float("nan"),
        "bytes_host_to_device": 3000,
        "bytes_device_to_host": 1000,
        "phases": {"solve": 0.75, "swap": 1.0},
    }
    return Result(
        w=np.array([1.0, -2.0]),
        intercept=0.5,
        objective=0.3,
        duality_gap=1e-3,
        relative_gap=2e-3,
        certificate="primal-dual",
        status="max_rounds",
        rounds=1,
        seconds=1.0,
        metrics=rows,
        summary=summary,
        labels=(0.0, 1.0),
    )


@pytest.fixture
def config() -> RunConfig:
    devices = {"card": DeviceConfig(), "host": DeviceConfig(role="host")}
    links = {"bus": LinkConfig(["host", "card"], 1e9, 1e9)}
    return RunConfig(
        problem=ProblemConfig("svm"),
        data=DataConfig(),
        topology=TopologyConfig("pair", devices, links),
        solver=DuhlConfig(),
        mode=ModeConfig("simulate"),
        seed=7,
    )
