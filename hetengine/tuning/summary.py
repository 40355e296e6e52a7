"""The facts of a path, as ``summary.json`` keeps them."""

from __future__ import annotations

from typing import Any

from hetengine.config import RunConfig
from hetengine.data.dataset import Dataset
from hetengine.families import linear_parts
from hetengine.problems import CoordinateProblem
from hetengine.record.recorder import Recorder
from hetengine.record.trust import trust
from hetengine.record.write import versions
from hetengine.score import score_on
from hetengine.tuning.result import CvResult, PathResult


def summarise_path(
    config: RunConfig,
    problem: CoordinateProblem,
    dataset: Dataset,
    result: PathResult,
    recorder: Recorder,
) -> dict[str, Any]:
    """Return what ``summary.json`` holds.

    Parameters
    ----------
    config : RunConfig
        What was run.
    problem : CoordinateProblem
        At the first point.
    dataset : Dataset
        All examples.
    result : PathResult
        The points.
    recorder : Recorder
        Bytes, phases and messages.
    """
    return {
        "mode": config.mode.name,
        "solver": config.solver.name,
        "selection": linear_parts(config).solver.selection,
        "problem": problem.name,
        "side": problem.side,
        "data": {
            "name": dataset.name,
            "rows": problem.rows,
            "columns": problem.features,
            "nnz": dataset.nnz,
            "nbytes": problem.columns.nbytes,
        },
        "topology": config.topology.name,
        **trust(config),
        "seed": config.seed,
        "tol": config.tol,
        "status": result.status,
        "error": result.error,
        "points": result.points,
        "lam_first": float(result.lams[0]),
        "lam_last": float(result.lams[-1]),
        "nonzero_last": int(result.n_nonzero[-1]),
        "relative_gap": result.relative_gap,
        "objective": result.objective,
        "certificate": result.metrics[0].certificate,
        "rounds": result.rounds,
        "seconds": result.seconds,
        "bytes_host_to_device": recorder.bytes_up,
        "bytes_device_to_host": recorder.bytes_down,
        "devices": recorder.devices,
        "preparation_seconds": recorder.preparation_seconds,
        "phases": recorder.phases(),
        "messages": list(recorder.messages),
        "versions": versions(),
    }


def summarise_scores(result: CvResult, test: Dataset | None) -> dict[str, Any]:
    """Return what a cross-validation adds to it.

    Parameters
    ----------
    result : CvResult
    test : Dataset or None
        Examples that neither the path nor the folds have seen.
    """
    scored: dict[str, Any] = {
        "folds": int(result.scores.shape[0]),
        "score": result.score,
        "rule": result.rule,
    }
    for name, index in (("best", result.best), ("one_se", result.one_se)):
        if index is not None:
            scored[name] = {
                "point": index + 1,
                "lam": float(result.lams[index]),
                "C": float(result.Cs[index]),
                "score_mean": float(result.score_mean[index]),
                "score_std": float(result.score_std[index]),
                "nonzero": int(result.n_nonzero[index]),
            }
    if test is None or result.best is None:
        return {"cv": scored}
    name, score = score_on(result.w, result.intercept, test, result.labels)
    return {"cv": scored, "test": {"name": test.name, "rows": test.rows, name: score}}
