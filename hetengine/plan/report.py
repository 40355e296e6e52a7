"""What a plan leaves in its directory: ``ranking.csv``, and ``plan.json`` with everything."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hetengine.errors import UsageError
from hetengine.plan.predict import Prediction
from hetengine.record.write import strict, versions

RANKING, PLAN = "ranking.csv", "plan.json"
COLUMNS = (
    "rank",
    "status",
    "seconds",
    "rounds",
    "relative_gap",
    "bytes_host_to_device",
    "placement",
    "reason",
)
"""Header of ``ranking.csv``; rank is empty where the target gap is not reached."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The best placement as it ran for real.

    Attributes
    ----------
    directory : str
        Where that run's files are.
    status : str
        How it ended.
    predicted_seconds, measured_seconds : float
        To the end of the run: virtual, and on the wall.
    """

    directory: str
    status: str
    predicted_seconds: float
    measured_seconds: float

    @property
    def error(self) -> float:
        """Return ``predicted / measured - 1``; negative where the simulation was too fast."""
        return self.predicted_seconds / self.measured_seconds - 1.0

    def line(self) -> str:
        """Return it as a sentence."""
        return (
            f"predicted {self.predicted_seconds:.4g} s, measured {self.measured_seconds:.4g} s "
            f"({self.status}): the prediction is off by {100 * self.error:+.1f} %"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a plan found out.

    Attributes
    ----------
    words : tuple of str
        Overrides that hold for all placements.
    topology : str
        Name of the machine.
    tol : float
        Relative gap the times lead to.
    calibration : dict
        ``status`` and ``detail``, as in ``summary.json``.
    ranked : tuple of Prediction
        The best first.
    measured : Measured or None
        With ``--execute``, how the best one ran.
    """

    words: tuple[str, ...]
    topology: str
    tol: float
    calibration: dict[str, str]
    ranked: tuple[Prediction, ...]
    measured: Measured | None = None


def claim(directory: Path) -> Path:
    """Make the directory of a plan, before anything is simulated.

    Raises
    ------
    UsageError
        If it holds a plan already or cannot be made.
    """
    found = [name for name in (RANKING, PLAN) if (directory / name).exists()]
    if found:
        raise UsageError(
            f"plan: {directory} holds a plan ({', '.join(found)}); choose another --out"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(directory, error) from error
    return directory


def write_plan(directory: Path, plan: Plan) -> list[Path]:
    """Write both files, over those of the same plan before its best placement ran.

    Parameters
    ----------
    directory : pathlib.Path
        As claimed.
    plan : Plan
        What to write.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    UsageError
        If the directory refuses.
    """
    rows = [strict(_row(rank, each)) for rank, each in enumerate(plan.ranked, 1)]
    measured = plan.measured
    whole = {
        "words": plan.words,
        "topology": plan.topology,
        "tol": plan.tol,
        "calibration": plan.calibration,
        "ranking": [
            {**row, "placement": each.candidate}
            for row, each in zip(rows, plan.ranked, strict=True)
        ],
        "measured": None
        if measured is None
        else {
            "directory": measured.directory,
            "status": measured.status,
            "predicted_seconds": measured.predicted_seconds,
            "measured_seconds": measured.measured_seconds,
            "error": measured.error,
        },
        "versions": versions(),
    }
    try:
        with (directory / RANKING).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        text = json.dumps(strict(whole), indent=2, allow_nan=False)
        (directory / PLAN).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise _refused(directory, error) from error
    return [directory / RANKING, directory / PLAN]


def _row(rank: int, each: Prediction) -> dict[str, Any]:
    return {
        "rank": rank if each.reached else None,
        "status": each.status,
        "seconds": each.seconds,
        "rounds": each.rounds,
        "relative_gap": each.relative_gap,
        "bytes_host_to_device": each.bytes_up,
        "placement": " ".join(each.candidate),
        "reason": each.reason,
    }


def _refused(directory: Path, error: OSError) -> UsageError:
    return UsageError(f"plan: cannot write to {directory} ({error.strerror}); choose another --out")
