"""The facts of a finished run of a net, as ``summary.json`` keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hetengine.config import RunConfig
from hetengine.data.images.dataset import ImageData
from hetengine.families import net_parts
from hetengine.nets.model import Model
from hetengine.record.metrics import NetRow
from hetengine.record.recorder import Recorder
from hetengine.record.trust import trust
from hetengine.record.write import versions
from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.outcome import Outcome


def summarise_net(
    config: RunConfig,
    model: Model,
    data: ImageData,
    members: Sequence[Member],
    outcome: Outcome,
    recorder: Recorder,
) -> dict[str, Any]:
    """Return what ``summary.json`` holds.

    Parameters
    ----------
    config : RunConfig
        What was run.
    model : Model
        What was trained.
    data : ImageData
        On what.
    members : sequence of Member
        By whom.
    outcome : Outcome
        How it ended.
    recorder : Recorder
        Rows, bytes, phases and messages.
    """
    solver = net_parts(config).solver
    return {
        "mode": config.mode.name,
        "solver": solver.name,
        "label": solver.label,
        "problem": model.name,
        "parameters": model.trainable_count,
        "data": _data(data),
        "topology": config.topology.name,
        **trust(config),
        "devices": recorder.devices,
        "workers": [_worker(member, outcome) for member in members],
        "seed": config.seed,
        "batch": solver.batch,
        "epochs": solver.epochs,
        "epoch": solver.epoch,
        "target_accuracy": solver.target_accuracy,
        "status": outcome.status,
        "error": outcome.error,
        **_ending(recorder.rows[-1] if recorder.rows else None),
        "bytes_host_to_device": recorder.bytes_up,
        "bytes_device_to_host": recorder.bytes_down,
        "preparation_seconds": recorder.preparation_seconds,
        "phases": recorder.phases(),
        "messages": list(recorder.messages),
        "versions": versions(),
    }


def _data(data: ImageData) -> dict[str, Any]:
    return {
        "name": data.name,
        "images": data.count,
        "shape": list(data.shape),
        "classes": data.classes,
        "nbytes": data.nbytes,
        "augment": data.augment,
        "test_images": 0 if data.test is None else data.test.count,
    }


def _worker(member: Member, outcome: Outcome) -> dict[str, Any]:
    return {
        "device": member.device,
        "class": member.group,
        "role": "train" if member.trains else "score",
        "tau": int(outcome.state.taus[member.index]),
        "batch": member.batch,
        "sampling": member.sampling,
    }


def _ending(row: NetRow | None) -> dict[str, Any]:
    """Return where the run stood at its last evaluation."""
    if row is None:
        return {"rounds": 0, "seconds": 0.0}
    return {
        "rounds": row.round,
        "seconds": row.seconds,
        "samples": row.samples,
        "passes": row.passes,
        "paper_epoch": row.paper_epoch,
        "train_loss": row.train_loss,
        "test_loss": row.test_loss,
        "test_accuracy": row.test_accuracy,
        "test_error": 1.0 - row.test_accuracy,
    }
