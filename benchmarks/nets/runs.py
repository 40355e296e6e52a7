"""The runs of a sweep over methods and seeds, as their directories tell them."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ORDER = (
    *("sync_all", "sync_fast", "sync_proportional"),
    *("local_equal", "local_fast", "anchor"),
    *("unequal", "unequal_steps", "fednova"),
    *("biased_released", "biased_fixed", "fast_hard", "fast_hard_scored"),
)
"""Methods as tables list them."""

AXES = {
    "seconds": "seconds on the run's clock",
    "samples": "samples trained on",
    "paper_epoch": "epochs as the paper's code counts them",
}
"""Columns of ``metrics.csv`` that accuracy is shown against."""


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes
    ----------
    label : str
        Method.
    seed : int
        Seed of the run.
    summary : dict
        ``summary.json``.
    columns : dict of str to ndarray
        ``metrics.csv`` by column.
    """

    label: str
    seed: int
    summary: dict[str, Any]
    columns: dict[str, np.ndarray]

    def first(self, accuracy: float, axis: str) -> float:
        """Return where an accuracy was first measured, infinity if never."""
        reached = np.flatnonzero(self.columns["test_accuracy"] >= accuracy)
        return float(self.columns[axis][reached[0]]) if reached.size else float("inf")

    def accuracy_at(self, axis: str, place: float) -> float:
        """Return the accuracy at a place of an axis, between two evaluations in proportion.

        NaN beyond the end of the run.
        """
        places = self.columns[axis]
        if not places[0] <= place <= places[-1]:
            return float("nan")
        return float(np.interp(place, places, self.columns["test_accuracy"]))

    @property
    def best(self) -> float:
        """Largest accuracy measured."""
        return float(np.nanmax(self.columns["test_accuracy"]))


def read_runs(directory: Path) -> dict[str, list[Run]]:
    """Read every finished run below a sweep directory, by method and seed.

    Raises
    ------
    SystemExit
        If there is none, two are of one method and seed, or they are not of one problem.
    """
    groups: dict[str, list[Run]] = defaultdict(list)
    for file in sorted(directory.glob("**/summary.json")):
        summary = json.loads(file.read_text())
        with (file.parent / "metrics.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
        label = summary["label"] or summary["solver"]
        groups[label].append(Run(label, summary["seed"], summary, columns))
    _check(directory, groups)
    known = [label for label in ORDER if label in groups]
    others = sorted(set(groups) - set(ORDER))
    return {label: sorted(groups[label], key=lambda run: run.seed) for label in [*known, *others]}


def _check(directory: Path, groups: dict[str, list[Run]]) -> None:
    runs = [run for group in groups.values() for run in group]
    if not runs:
        raise SystemExit(f"{directory}: no finished run below it; name a sweep directory")
    for label, group in groups.items():
        seeds = [run.seed for run in group]
        if len(set(seeds)) < len(seeds):
            raise SystemExit(f"{directory}: several runs of {label} with one seed; name one sweep")
    for key in ("problem", "data", "topology", "mode"):
        values = {json.dumps(run.summary[key], sort_keys=True) for run in runs}
        if len(values) > 1:
            raise SystemExit(f"{directory}: runs differ in {key}: {', '.join(sorted(values))}")


def mean_curve(group: list[Run], axis: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of an axis over seeds, with the accuracies of all seeds.

    Evaluations are matched by number; a run that ended early ends the curve.

    Returns
    -------
    place : ndarray, shape (E,)
    mean : ndarray, shape (E,)
    spread : ndarray, shape (2, E)
        Least and largest accuracy.
    """
    length = min(run.columns[axis].size for run in group)
    places = np.array([run.columns[axis][:length] for run in group])
    scores = np.array([run.columns["test_accuracy"][:length] for run in group])
    return places.mean(0), scores.mean(0), np.array([scores.min(0), scores.max(0)])
