"""A run of a net: images, model, machine, solver."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hetengine.config import RunConfig
from hetengine.data.images.dataset import ImageData
from hetengine.data.images.load import load_images
from hetengine.engine.phases import phase
from hetengine.errors import UsageError
from hetengine.families import net_parts
from hetengine.machine import open_machine
from hetengine.net_result import NetResult
from hetengine.nets.factory import make_model
from hetengine.nets.model import Model
from hetengine.record.checkpoint import Checkpoint, refuse_other
from hetengine.record.devices import describe, tell_idle_events
from hetengine.record.metrics import NetRow
from hetengine.record.net_monitor import NetMonitor
from hetengine.record.net_summary import summarise_net
from hetengine.record.recorder import Recorder
from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.outcome import Outcome, StopRule
from hetengine.solvers.local_sgd.solver import LocalSgd
from hetengine.topology import Topology


def run(
    config: RunConfig,
    recorder: Recorder,
    data: ImageData | None = None,
    model: Model | None = None,
    before: Checkpoint | None = None,
) -> NetResult:
    """Train one net as configured.

    Parameters
    ----------
    config : RunConfig
        Everything the run depends on.
    recorder : Recorder
        Receives spans, rows, messages and phases.
    data : ImageData, optional
        Images already in memory; by default those the config names.
    model : Model, optional
        A net already made; by default the one the config names.
    before : Checkpoint, optional
        Where to go on; by default from initial parameters.

    Returns
    -------
    NetResult
        Net and history.

    Raises
    ------
    HetengineError
        With one message that says what is wrong and what to do.
    """
    begun = time.perf_counter()
    parts = net_parts(config)
    _check_checkpoints(config, recorder, before)
    if data is None:
        with phase(recorder, "load"):
            data = load_images(parts.data)
    if model is None:
        with phase(recorder, "problem"):
            model = make_model(parts.problem, data.shape, data.classes)
    outcome, members = _train(config, model, data, recorder, before)
    summary = summarise_net(config, model, data, members, outcome, recorder)
    if before is not None:
        summary["resumed_at_round"] = before.state.rounds
    summary["wall_seconds"] = time.perf_counter() - begun
    return _result(config, model, data, outcome, recorder.rows, summary)


def _result(
    config: RunConfig,
    model: Model,
    data: ImageData,
    outcome: Outcome,
    rows: list[NetRow],
    summary: dict[str, Any],
) -> NetResult:
    nothing, dry = float("nan"), config.mode.name == "dry"
    return NetResult(
        model=model,
        parameters=np.empty(0) if dry else outcome.parameters,
        statistics=np.empty(0) if dry else outcome.statistics,
        normalise=data.normalise,
        test_accuracy=summary.get("test_accuracy", nothing),
        test_loss=summary.get("test_loss", nothing),
        train_loss=summary.get("train_loss", nothing),
        status=outcome.status,
        error=outcome.error,
        rounds=outcome.rounds,
        seconds=summary["seconds"],
        target_accuracy=net_parts(config).solver.target_accuracy,
        metrics=rows,
        summary=summary,
    )


def _train(
    config: RunConfig,
    model: Model,
    data: ImageData,
    recorder: Recorder,
    before: Checkpoint | None,
) -> tuple[Outcome, Sequence[Member]]:
    """Open the machine, train, and close it."""
    topology = config.topology.build()
    _tell_unused(topology, recorder)
    machine = open_machine(topology, config.mode.name, recorder.observe, recorder.sample)
    try:
        tell_idle_events(machine, recorder)
        monitor = NetMonitor(machine.clock, recorder, config, before)
        solver = LocalSgd(
            model,
            data,
            machine,
            net_parts(config).solver,
            StopRule(config.max_rounds or sys.maxsize, config.max_seconds),
            config.seed,
            monitor,
            np.dtype(config.precision),
            None if before is None else before.state,
        )
        with phase(recorder, "compile"):
            machine.clock.run(machine.clock.process(solver.prepare()))
        machine.start()
        monitor.start()
        # Products of matrices on all cores would wait for those that other workers keep busy.
        with threadpool_limits(1, "blas"):
            outcome = machine.clock.run(machine.clock.process(solver.train()))
        assert isinstance(outcome, Outcome)
        if net_parts(config).solver.saves:
            monitor.checkpoint(outcome.state)
        recorder.devices = describe(machine)
        return outcome, solver.crew.members
    finally:
        machine.close()


def _check_checkpoints(config: RunConfig, recorder: Recorder, before: Checkpoint | None) -> None:
    """Refuse checkpoints that have no place or no content, or would take another run's place."""
    if net_parts(config).solver.saves:
        if config.mode.name == "dry":
            raise UsageError("mode=dry has nothing to save; leave solver.checkpoint_* out")
        if recorder.directory is None:
            raise UsageError(
                "checkpoints need a place: leave solver.checkpoint_* out, or use hetengine.run "
                "with hydra.run.dir=DIR"
            )
    if recorder.directory is not None and (before is None or before.place != recorder.directory):
        refuse_other(recorder.directory)


def _tell_unused(topology: Topology, recorder: Recorder) -> None:
    """Say that a share of the data limits nobody: a net's data stay with the host."""
    names = [spec.name for spec in topology.accelerators if spec.memory_fraction is not None]
    if names:
        recorder.log(
            f"memory_fraction of {', '.join(names)} is not used: images stay with the host; "
            "topology.devices.NAME.capacity_bytes limits a worker"
        )
