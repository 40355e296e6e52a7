"""The command line in this process, with an engine that only pretends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetengine.__main__ import main
from hetengine.config import RunConfig
from hetengine.record.metrics import MetricsRow
from hetengine.record.recorder import Recorder
from hetengine.result import Result


@dataclass
class Engine:
    """Stands in for `hetengine.engine.run`."""

    status: str = "converged"
    error: Callable[[RunConfig], BaseException | None] = lambda config: None
    configs: list[RunConfig] = field(default_factory=list)

    def run(self, config: RunConfig, recorder: Recorder) -> Result:
        self.configs.append(config)
        if (error := self.error(config)) is not None:
            raise error
        row = MetricsRow(1, 0.5, 0.6, 0.25, 1e-5, 4e-5)
        recorder.row(row)
        summary: dict[str, Any] = {"mode": config.mode.name, "bytes_host_to_device": 12}
        return Result(
            w=np.ones(3),
            intercept=0.0,
            objective=0.25,
            duality_gap=1e-5,
            relative_gap=4e-5,
            certificate="primal-dual",
            status=self.status,
            rounds=1,
            seconds=0.5,
            metrics=recorder.rows,
            summary=summary,
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr("hetengine.engine.run", fake.run)
    return fake


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def hetengine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Answer:
        code = main(words)
        told = capsys.readouterr()
        return Answer(code, told.out, told.err)

    return call
