"""What stands on the screen when a run is over."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetengine.net_result import NetResult
from hetengine.record.progress import human_bytes
from hetengine.result import Result
from hetengine.tuning.result import PathResult
from hetengine.tuning.table import path_lines, points_table

if TYPE_CHECKING:
    from rich.table import Table


def closing_lines(result: Result | NetResult | PathResult) -> list[tuple[str, str]]:
    """Return the entries of the closing table: what, and its value."""
    summary: Mapping[str, Any] = result.summary
    mode = summary.get("mode", "execute")
    clock = "wall clock" if mode == "execute" else "virtual clock"
    if isinstance(result, PathResult):
        lines = path_lines(result)
    elif isinstance(result, NetResult):
        lines = _net_lines(result, summary)
    else:
        lines = _linear_lines(result, summary)
    lines += [
        ("rounds", f"{result.rounds:,}"),
        ("seconds", f"{result.seconds:.4g} ({clock})"),
    ]
    if (trust := summary.get("calibration")) is not None:
        lines.append(("calibration", f"{trust['status']}: {trust['detail']}"))
    if models := _models(summary):
        told = ", ".join(f"{model} {count:,}" for model, count in models.most_common())
        lines.append(("times from", f"{told} launches"))
    for key, label in (("host_to_device", "up"), ("device_to_host", "down")):
        if (nbytes := summary.get(f"bytes_{key}")) is not None:
            lines.append((f"copied {label}", human_bytes(nbytes)))
    lines += [(f"  {name}", f"{seconds:.4g} s") for name, seconds in _phases(summary)]
    return lines


def _linear_lines(result: Result, summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a linear model came to."""
    lines = [("status", _status(result, summary))]
    if summary.get("mode") != "dry":
        lines += [
            ("objective", f"{result.objective:.10g}"),
            ("relative gap", f"{result.relative_gap:.3e} ({result.certificate} certificate)"),
            ("duality gap", f"{result.duality_gap:.3e}"),
        ]
    if (test := summary.get("test")) is not None:
        score = next(name for name in ("accuracy", "r2") if name in test)
        lines.append((f"test {score}", f"{test[score]:.4f} on {test['rows']:,} rows"))
    return lines


def _net_lines(result: NetResult, summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a net came to."""
    status, target = result.status, result.target_accuracy
    ended = not (result.converged or result.broken or summary.get("mode") == "dry")
    if ended and target is not None:
        status += f": below the target accuracy {target:g}"
    lines = [("status", status)]
    if result.error:
        lines.append(("error", result.error))
    images = summary.get("data", {}).get("test_images", 0)
    if summary.get("mode") != "dry" and images:
        lines += [
            ("test accuracy", f"{result.test_accuracy:.4f} on {images:,} images"),
            ("test loss", f"{result.test_loss:.4f}"),
        ]
    if summary.get("mode") != "dry":
        lines.append(("training loss", f"{result.train_loss:.4f}"))
    lines += [("parameters", f"{summary.get('parameters', 0):,}")]
    if "passes" in summary:
        lines.append(("passes", f"{summary['passes']:.4g} over the training images"))
    return lines


def closing_table(result: Result | NetResult | PathResult) -> Table:
    """Return the entries of `closing_lines` as a table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, title=_title(result.summary), title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for what, value in closing_lines(result):
        table.add_row(Text(what), Text(value))
    return table


def print_closing(result: Result | NetResult | PathResult, files: Sequence[Path]) -> None:
    """Print the table, and the files one per line so that they can be copied."""
    from rich.console import Console

    console = Console()
    if isinstance(result, PathResult):
        console.print(points_table(result))
    console.print(closing_table(result))
    for file in files:
        console.out(str(file), highlight=False)


def _title(summary: Mapping[str, Any]) -> str:
    data = summary.get("data", {})
    method = summary.get("label") or summary.get("solver")
    words = [method, summary.get("problem"), data.get("name")]
    place = [summary.get("topology"), summary.get("mode")]
    return " ".join(str(word) for word in (*words, "on", *place) if word)


def _status(result: Result, summary: Mapping[str, Any]) -> str:
    if result.converged or summary.get("mode") == "dry":
        return result.status
    if not math.isfinite(result.relative_gap):
        return f"{result.status}: not converged"
    return f"{result.status}: stopped before the tolerance"


def _models(summary: Mapping[str, Any]) -> Counter[str]:
    """Return the launches of all devices by the cost model that gave their time."""
    found: Counter[str] = Counter()
    for device in summary.get("devices", {}).values():
        found.update(device.get("cost_models", {}))
    return found


def _phases(summary: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return phases, the longest first."""
    phases: Mapping[str, float] = summary.get("phases", {})
    return sorted(phases.items(), key=lambda item: (-item[1], item[0]))
