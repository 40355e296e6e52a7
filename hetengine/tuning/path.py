"""A path from a config to a result: data, strengths, machine, points."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from hetengine.config import RunConfig
from hetengine.data.dataset import Dataset
from hetengine.data.load import load_dataset
from hetengine.data.validate import check_matrix
from hetengine.engine.linear import build_problem, by_row, resolved, tell_offsets
from hetengine.engine.phases import phase
from hetengine.families import linear_parts
from hetengine.problems import CoordinateProblem
from hetengine.record.recorder import Recorder
from hetengine.tuning.follow import Trail, follow
from hetengine.tuning.grid import Grid, make_grid
from hetengine.tuning.result import PathResult
from hetengine.tuning.summary import summarise_path


@dataclass(frozen=True)
class Course:
    """A path that is about to be followed.

    Attributes
    ----------
    config : RunConfig
        With its selection resolved.
    dataset : Dataset
        All examples.
    grid : Grid
        Strengths.
    by_row : bool
        Whether the host alone trains, passing over rows.
    begun : float
        When this began, by `time.perf_counter`.
    """

    config: RunConfig
    dataset: Dataset
    grid: Grid
    by_row: bool
    begun: float

    def problem(
        self, dataset: Dataset, lam: float
    ) -> tuple[CoordinateProblem, tuple[float, float] | None]:
        """Return the problem over some of the examples, and the labels of a classifier.

        Parameters
        ----------
        dataset : Dataset
            Examples.
        lam : float
            Strength of the first point.
        """
        strong = replace(linear_parts(self.config).problem, lam=lam, lam_ratio=None)
        return build_problem(replace(self.config, problem=strong), dataset, self.by_row)


def prepare(config: RunConfig, recorder: Recorder, dataset: Dataset | None = None) -> Course:
    """Load the examples and work out the strengths.

    Parameters
    ----------
    config : RunConfig
        With a path.
    recorder : Recorder
        Receives phases and messages.
    dataset : Dataset, optional
        Examples already in memory; by default those the config names.
    """
    begun = time.perf_counter()
    parts = linear_parts(config)
    assert config.path is not None
    if dataset is None:
        with phase(recorder, "load"):
            dataset = load_dataset(parts.data, np.dtype(config.precision), config.seed)
    with phase(recorder, "problem"):
        rows = by_row(config)
        config = resolved(config, rows, recorder)
        assert config.path is not None
        grid = make_grid(config.path, parts.problem, dataset)
    return Course(config, dataset, grid, rows, begun)


def run(config: RunConfig, recorder: Recorder, dataset: Dataset | None = None) -> PathResult:
    """Follow a path as configured.

    Parameters
    ----------
    config : RunConfig
        With a path.
    recorder : Recorder
        Receives spans, rows, messages and phases.
    dataset : Dataset, optional
        Examples already in memory; by default those the config names.

    Returns
    -------
    PathResult
        What there is of it after an interruption (Ctrl-C), a time limit or a failure; an
        interruption before the first point is passed on.

    Raises
    ------
    HetengineError
        With one message that says what is wrong and what to do.
    """
    course = prepare(config, recorder, dataset)
    result, _ = walk(course, recorder)
    return result


def walk(course: Course, recorder: Recorder) -> tuple[PathResult, CoordinateProblem]:
    """Follow the path over all examples; return it and the problem at its first point.

    Parameters
    ----------
    course : Course
    recorder : Recorder
        Receives spans, rows, messages and phases.
    """
    config, dataset = course.config, course.dataset
    lams = course.grid.on(dataset.rows)
    with phase(recorder, "problem"):
        problem, labels = course.problem(dataset, float(lams[0]))
        tell_offsets(config, problem, recorder)
    trail = follow(config, problem, lams, recorder, config.max_seconds)
    if course.by_row and not np.isfinite(trail.rows[0].gap):
        check_matrix(dataset.X, dataset.name)
    done = len(trail.rows)
    result = PathResult(
        lams=lams[:done],
        Cs=course.grid.Cs[:done],
        coefs=np.array(trail.coefs),
        intercepts=np.array(trail.intercepts),
        status=status_of(trail),
        seconds=trail.seconds,
        metrics=trail.rows,
        error=trail.error,
        labels=labels,
    )
    summary = summarise_path(config, problem, dataset, result, recorder)
    summary |= {"points_asked": lams.size, "wall_seconds": time.perf_counter() - course.begun}
    return replace(result, summary=summary), problem


def status_of(trail: Trail) -> str:
    """Return why points are missing; otherwise the status of the first that did not converge.

    Parameters
    ----------
    trail : Trail
        With at least one point.
    """
    others = (row.status for row in trail.rows if row.status != "converged")
    return trail.status or next(others, "converged")
