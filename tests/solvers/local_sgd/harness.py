"""Small machines, small data, and a way to train straight through the solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hetengine.config import DeviceConfig, LinkConfig, TopologyConfig
from hetengine.data.images.dataset import ImageData
from hetengine.incidents import Incident
from hetengine.machine import Machine, open_machine
from hetengine.nets.model import Model, Normalise
from hetengine.solvers.local_sgd.config import LocalSgdConfig, WorkerClassConfig
from hetengine.solvers.local_sgd.contribution import Contribution
from hetengine.solvers.local_sgd.outcome import Outcome, Progress, StopRule
from hetengine.solvers.local_sgd.policies import ScheduleConfig
from hetengine.solvers.local_sgd.solver import LocalSgd
from hetengine.solvers.local_sgd.state import State
from hetengine.span import Span
from tests.solvers.local_sgd.tiny import TinyNet

FAST_FLOPS, SLOW_FLOPS = 1e9, 1e8
STEP_SECONDS = 3e6 / FAST_FLOPS
"""A training step of the tiny net on a fast simulated device."""

RATE = ScheduleConfig(name="constant", learning_rate=0.1)


def make_images(
    samples: int = 240, tests: int = 50, augment: bool = False, seed: int = 3
) -> ImageData:
    """Images whose class shows in one row of pixels, one row per class."""
    rng = np.random.default_rng(seed)

    def part(count: int, test: ImageData | None) -> ImageData:
        labels = rng.integers(0, 3, count).astype(np.int32)
        images = rng.integers(0, 160, (count, 1, 4, 5), np.uint8)
        images[np.arange(count), 0, labels] += 60
        normalise = Normalise((0.3,), (0.2,), 1)
        return ImageData("rows", images, labels, 3, normalise, augment, test, flip=True)

    return part(samples, part(tests, None) if tests else None)


def topology(
    slow: int = 1, fast: int = 1, events: dict[str, list[Incident]] | None = None
) -> TopologyConfig:
    """A host, slow and fast devices; a fast one is ten times as fast."""
    rates: dict[str, Any] = {"bandwidth_bytes_per_second": 1e12, "launch_seconds": 0.0}
    speeds = {f"cpu{k}": SLOW_FLOPS for k in range(slow)}
    speeds |= {f"gpu{k}": FAST_FLOPS for k in range(fast)}
    devices = {"host": DeviceConfig("host", flops_per_second=1e12, **rates)}
    for name, flops in speeds.items():
        incidents = (events or {}).get(name, [])
        devices[name] = DeviceConfig(flops_per_second=flops, events=incidents, **rates)
    links = {f"{name}_bus": LinkConfig(["host", name], 1e12, 1e12) for name in speeds}
    return TopologyConfig("small", devices, links)


def two_classes(
    tau_slow: int = 1, tau_fast: int = 4, slow: dict | None = None, fast: dict | None = None
) -> dict[str, WorkerClassConfig]:
    """Slow workers on cpu*, fast ones on gpu*."""
    return {
        "slow": WorkerClassConfig(["cpu*"], tau=tau_slow, **(slow or {})),
        "fast": WorkerClassConfig(["gpu*"], tau=tau_fast, **(fast or {})),
    }


def settings(workers: dict[str, WorkerClassConfig] | None = None, **changes: Any) -> LocalSgdConfig:
    """Small batches, a constant learning rate."""
    return LocalSgdConfig(
        workers=two_classes() if workers is None else workers,
        **{"batch": 4, "epochs": 2, "schedule": RATE, **changes},
    )


@dataclass
class Log:
    """Monitor that keeps what it hears."""

    rows: list[Progress] = field(default_factory=list)
    every: float | None = None
    states: list[State] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def evaluated(self, progress: Progress) -> None:
        self.rows.append(progress)

    def log(self, message: str) -> None:
        self.messages.append(message)

    def checkpoint_due(self, epochs: float) -> bool:
        return self.every is not None and epochs >= self.every * (len(self.states) + 1)

    def checkpoint(self, state: State) -> None:
        self.states.append(state)


@dataclass
class Run:
    """What a training run leaves behind."""

    outcome: Outcome
    solver: LocalSgd
    machine: Machine
    log: Log
    spans: list[Span]
    rounds: list[list[Contribution]]

    def of(self, device: str, category: str) -> list[Span]:
        """Spans of one device and category, in the order of their start."""
        found = [s for s in self.spans if s.device == device and s.category == category]
        return sorted(found, key=lambda span: span.start_seconds)


def train(
    config: LocalSgdConfig,
    mode: str = "simulate",
    machine: TopologyConfig | None = None,
    data: ImageData | None = None,
    net: Model | None = None,
    max_rounds: int = 1000,
    max_seconds: float | None = None,
    seed: int = 0,
    dtype: Any = np.float64,
    state: State | None = None,
    watch: Callable[[LocalSgd], None] | None = None,
    checkpoint_epochs: float | None = None,
) -> Run:
    """Train one net on one machine."""
    spans: list[Span] = []
    log = Log(every=checkpoint_epochs)
    opened = open_machine((machine or topology()).build(), mode, spans.append)
    try:
        solver = LocalSgd(
            net or TinyNet(),
            data or make_images(),
            opened,
            config,
            StopRule(max_rounds, max_seconds),
            seed,
            log,
            dtype,
            state,
        )
        rounds = listen(solver)
        if watch is not None:
            watch(solver)
        opened.clock.run(opened.clock.process(solver.prepare()))
        spans.clear()
        opened.start()
        outcome = opened.clock.run(opened.clock.process(solver.train()))
        assert isinstance(outcome, Outcome)
    finally:
        opened.close()
    return Run(outcome, solver, opened, log, spans, rounds)


def listen(solver: LocalSgd) -> list[list[Contribution]]:
    """Keep what each round has brought."""
    rounds: list[list[Contribution]] = []
    note = solver.observations.note

    def heard(found: Any, number: int) -> Any:
        rounds.append(sorted(found, key=lambda each: each.index))
        return note(found, number)

    solver.observations.note = heard  # pyright: ignore[reportAttributeAccessIssue]
    return rounds
