"""The facts of a finished run, as ``summary.json`` keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hetengine.config import RunConfig
from hetengine.data.dataset import Dataset
from hetengine.families import linear_parts
from hetengine.problems import CoordinateProblem
from hetengine.record.recorder import Recorder
from hetengine.record.trust import trust
from hetengine.record.write import versions
from hetengine.solvers.outcome import Outcome


def summarise(
    config: RunConfig,
    problem: CoordinateProblem,
    dataset: Dataset | None,
    outcome: Outcome,
    recorder: Recorder,
    seconds: float,
) -> dict[str, Any]:
    """Return what ``summary.json`` holds.

    Parameters
    ----------
    config : RunConfig
        What was run.
    problem : CoordinateProblem
        What was solved.
    dataset : Dataset or None
        The examples; None where only their shape is known.
    outcome : Outcome
        How it ended.
    recorder : Recorder
        Bytes, phases and messages.
    seconds : float
        Length of the run on its clock.
    """
    return {
        "mode": config.mode.name,
        "solver": config.solver.name,
        "selection": linear_parts(config).solver.selection,
        "problem": problem.name,
        "side": problem.side,
        "lam": problem.lam,
        "data": {
            "name": dataset.name if dataset else config.data.name,
            "rows": problem.rows,
            "columns": problem.features,
            "nnz": dataset.nnz if dataset else problem.columns.nnz,
            "nbytes": problem.columns.nbytes,
        },
        "topology": config.topology.name,
        **trust(config),
        "devices": recorder.devices,
        "seed": config.seed,
        "tol": config.tol,
        "seconds": seconds,
        **_ending(problem, outcome),
        "bytes_host_to_device": recorder.bytes_up,
        "bytes_device_to_host": recorder.bytes_down,
        "bytes_from_disk": recorder.bytes_read,
        "preparation_seconds": recorder.preparation_seconds,
        "phases": recorder.phases(),
        "messages": list(recorder.messages),
        "versions": versions(),
    }


def _ending(problem: CoordinateProblem, outcome: Outcome) -> dict[str, Any]:
    """Say how it ended, and what the certificate says of the model."""
    certificate = outcome.certificate
    coef, _ = problem.model(outcome.alpha, outcome.w)
    return {
        "status": outcome.status,
        "rounds": outcome.rounds,
        "objective": certificate.objective,
        "duality_gap": certificate.gap,
        "relative_gap": certificate.relative_gap,
        "certificate": certificate.kind,
        "nnz_coef": int(np.count_nonzero(coef)),
        "nnz_alpha": int(np.count_nonzero(outcome.alpha)),
    }
