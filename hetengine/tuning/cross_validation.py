"""Cross-validation over the points of a path, and the choice of one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hetengine.config import RunConfig
from hetengine.data.dataset import Dataset
from hetengine.engine.linear import ready
from hetengine.errors import HetengineError, OutOfCapacity
from hetengine.families import linear_parts
from hetengine.problems.config import CLASSIFICATION
from hetengine.record.recorder import Recorder
from hetengine.tuning.config import score_name
from hetengine.tuning.folds import Split, given_folds, make_folds, part_of
from hetengine.tuning.follow import Quiet, follow
from hetengine.tuning.path import Course, prepare, status_of, walk
from hetengine.tuning.result import CvResult, PathResult
from hetengine.tuning.scores import higher_is_better, scores_on
from hetengine.tuning.summary import summarise_scores

_OVER = ("interrupted", "failed", "max_seconds")


def run(
    config: RunConfig,
    recorder: Recorder,
    dataset: Dataset | None = None,
    splits: Iterable[tuple[object, object]] | None = None,
) -> CvResult:
    """Follow a path over all examples, then over all but each fold, and choose a point.

    Parameters
    ----------
    config : RunConfig
        With a path and cross-validation.
    recorder : Recorder
        Receives spans of the path over all examples, and rows, messages and phases of all.
    dataset : Dataset, optional
        Examples already in memory; by default those the config names.
    splits : iterable of tuple of array_like, optional
        Rows to train on and rows held out, in place of folds drawn at random.

    Returns
    -------
    CvResult
        What there is of it after an interruption (Ctrl-C), a time limit or a failure.

    Raises
    ------
    HetengineError
        With one message that says what is wrong and what to do.
    """
    course = prepare(config, recorder, dataset)
    cv, name = config.cv, linear_parts(config).problem.name
    assert cv is not None
    stratified = name in CLASSIFICATION
    if splits is None:
        folds = make_folds(course.dataset, cv.folds, config.seed, stratified)
    else:
        folds = given_folds(splits, course.dataset.rows)
    _check_room(course, folds)
    path, _ = walk(course, recorder)
    score = score_name(cv, name)
    held = _held_out(course, path, folds, score, recorder)
    result = _chosen(path, held.scores, score, cv.rule)
    result = replace(
        result,
        status=held.status or path.status,
        error=held.error or path.error,
        seconds=held.seconds,
    )
    summary = {**path.summary, "status": result.status, "error": result.error}
    summary |= {"seconds": result.seconds, "messages": list(recorder.messages)}
    summary |= summarise_scores(result, course.dataset.test)
    summary["wall_seconds"] = time.perf_counter() - course.begun
    return replace(result, summary=summary)


def _check_room(course: Course, folds: Sequence[Split]) -> None:
    """Open a machine for the smallest part, and close it: capacities may be shares of the data."""
    if course.by_row:
        return
    part = part_of(course.dataset, min((train for train, _ in folds), key=len))
    problem, _ = course.problem(part, float(course.grid.on(part.rows)[0]))
    try:
        with ready(course.config, problem, Recorder(), Quiet):
            return
    except OutOfCapacity as error:
        raise OutOfCapacity(f"cv: without a fold, {part.rows} rows are left: {error}") from error


class _HeldOut(NamedTuple):
    """Scores by fold and point, seconds in all, and why some are missing."""

    scores: np.ndarray
    seconds: float
    status: str = ""
    error: str = ""


def _held_out(
    course: Course, path: PathResult, folds: Sequence[Split], score: str, recorder: Recorder
) -> _HeldOut:
    """Follow the path without each fold, and score all points on it."""
    config, seconds, trouble = course.config, path.seconds, ""
    scores = np.full((len(folds), path.points), np.nan)
    if path.status in _OVER:
        return _HeldOut(scores, seconds)
    for number, (train, test) in enumerate(folds, 1):
        left = None if config.max_seconds is None else config.max_seconds - seconds
        if left is not None and left <= 0:
            return _HeldOut(scores, seconds, "max_seconds")
        part = part_of(course.dataset, train)
        lams = course.grid.on(part.rows)[: path.points]
        problem, labels = course.problem(part, float(lams[0]))
        own = Recorder(recorder.progress)
        try:
            trail = follow(config, problem, lams, own, left, number)
        except KeyboardInterrupt:
            return _HeldOut(scores, seconds, "interrupted")
        except HetengineError as failure:
            told = " ".join(str(failure).split())
            return _HeldOut(scores, seconds, "failed", f"fold {number}: {told}")
        seconds += trail.seconds
        recorder.messages += own.messages
        held_out = part_of(course.dataset, test)
        coefs, intercepts = np.array(trail.coefs), np.array(trail.intercepts)
        scores[number - 1, : len(coefs)] = scores_on(score, coefs, intercepts, held_out, labels)
        if trail.status in _OVER:
            return _HeldOut(scores, seconds, trail.status, trail.error)
        trouble = trouble or status_of(trail).removeprefix("converged")
    return _HeldOut(scores, seconds, "" if path.status != "converged" else trouble)


def _chosen(path: PathResult, scores: np.ndarray, score: str, rule: str) -> CvResult:
    """Put the scores beside the points and find the best."""
    mean = scores.mean(axis=0)
    std = scores.std(axis=0, ddof=1)
    best = one_se = None
    if np.isfinite(mean).any():
        sign = -1.0 if higher_is_better(score) else 1.0
        best = int(np.nanargmin(sign * mean))
        limit = sign * mean[best] + std[best] / np.sqrt(len(scores))
        one_se = int(np.flatnonzero(sign * mean <= limit)[0])
    rows = [
        replace(row, score_mean=float(m), score_std=float(s))
        for row, m, s in zip(path.metrics, mean, std, strict=True)
    ]
    return CvResult(
        **{**vars(path), "metrics": rows},
        score=score,
        scores=scores,
        score_mean=mean,
        score_std=std,
        best=best,
        one_se=one_se,
        rule=rule,
    )
