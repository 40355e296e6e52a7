"""What stands on the screen when a path is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hetengine.record.progress import human_bytes
from hetengine.tuning.result import CvResult, PathResult

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 12


def path_lines(result: PathResult) -> list[tuple[str, str]]:
    """Return the entries of the closing table: what, and its value.

    Parameters
    ----------
    result : PathResult
    """
    asked = result.summary.get("points_asked", result.points)
    status = result.status + (f": {result.error}" if result.error else "")
    lines = [
        ("status", status),
        ("points", f"{result.points} of {asked}"),
        ("lam", f"{result.lams[0]:.4g} to {result.lams[-1]:.4g}"),
        ("largest relative gap", f"{result.relative_gap:.3e} ({result.metrics[0].certificate})"),
    ]
    if isinstance(result, CvResult):
        for name, index in (("best", result.best), ("one standard error", result.one_se)):
            if index is not None:
                lines.append((name, _scored(result, index)))
        if (test := result.summary.get("test")) is not None:
            score = next(key for key in ("accuracy", "r2") if key in test)
            lines.append((f"test {score}", f"{test[score]:.4f} on {test['rows']:,} rows"))
    return lines


def _scored(result: CvResult, index: int) -> str:
    mean, std = result.score_mean[index], result.score_std[index]
    return (
        f"point {index + 1}, lam {result.lams[index]:.4g}: {result.score} {mean:.5g} "
        f"(std {std:.2g} over {len(result.scores)} folds)"
    )


def points_table(result: PathResult) -> Table:
    """Return some of the points, evenly spread, with those that cross-validation singles out.

    Parameters
    ----------
    result : PathResult
    """
    from rich.box import SIMPLE
    from rich.table import Table

    scored = isinstance(result, CvResult)
    strength = "lam" if result.labels is None else "C"
    table = Table(box=SIMPLE, padding=0)
    for head in ("point", strength, "nonzero", "gap", "rounds", "seconds", "copied up"):
        table.add_column(head, justify="right", no_wrap=True)
    if scored:
        table.add_column(result.score, justify="right", no_wrap=True)
    for index in _shown(result):
        row = result.metrics[index]
        cells = [
            str(row.point),
            f"{getattr(row, strength):.4g}",
            f"{row.n_nonzero:,}",
            f"{row.relative_gap:.1e}",
            str(row.rounds),
            f"{row.seconds:.3g}",
            human_bytes(row.bytes_host_to_device),
        ]
        table.add_row(*cells, *([f"{row.score_mean:.5g}"] if scored else []))
    return table


def _shown(result: PathResult) -> Sequence[int]:
    spread = np.linspace(0, result.points - 1, min(_SHOWN, result.points)).round().astype(int)
    special = [result.best, result.one_se] if isinstance(result, CvResult) else []
    return sorted({*spread.tolist(), *(index for index in special if index is not None)})
