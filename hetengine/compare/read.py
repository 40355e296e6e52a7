"""A run as its directory tells it: commands, certificates or evaluations, and summary."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hetengine.errors import UsageError

_FILES = ("trace.json", "metrics.csv", "summary.json")


@dataclass(frozen=True, slots=True)
class Slice:
    """One command of a trace.

    Attributes
    ----------
    device, queue, label, category, variant : str
        Where it ran and what it was.
    direction : str
        ``up`` or ``down`` for a copy, else empty.
    start_seconds, end_seconds : float
        Since the run began.
    nbytes : float
        Bytes read, or copied.
    """

    device: str
    queue: str
    label: str
    category: str
    variant: str
    direction: str
    start_seconds: float
    end_seconds: float
    nbytes: float

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.end_seconds - self.start_seconds

    @property
    def kernel(self) -> str:
        """What it is accounted under: kernel and variant."""
        return f"{self.label}/{self.variant}" if self.variant else self.label


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run directory holds.

    Attributes
    ----------
    name : str
        Name of the directory.
    slices : list of Slice
        Commands in the order of their start.
    gaps : list of (float, float)
        Seconds and relative gap of each certificate; of a net the test error of each evaluation.
    seconds : float
        Length of the run on its clock; of a net, evaluations included.
    mode : str
        ``execute``, ``simulate`` or ``dry``.
    events : list of dict
        The trace as it was.
    summary : dict
        The whole summary.
    """

    name: str
    slices: list[Slice]
    gaps: list[tuple[float, float]]
    seconds: float
    mode: str
    events: list[dict[str, Any]]
    summary: dict[str, Any]

    @property
    def trains_net(self) -> bool:
        """Whether it is a run of a net."""
        return "test_images" in self.summary.get("data", {})


def read_run(directory: Path) -> RunRecord:
    """Read a run directory.

    Parameters
    ----------
    directory : pathlib.Path
        As a run wrote it.

    Raises
    ------
    UsageError
        If a file is missing or is not what a run writes.
    """
    missing = [name for name in _FILES if not (directory / name).is_file()]
    if missing:
        raise UsageError(
            f"compare: {directory} lacks {', '.join(missing)}; name the directory of a finished run"
        )
    try:
        trace = json.loads((directory / "trace.json").read_text(encoding="utf-8"))
        summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
        with (directory / "metrics.csv").open(newline="", encoding="utf-8") as stream:
            table = list(csv.DictReader(stream))
        events = trace["traceEvents"]
        name = directory.resolve().name
        rows, seconds = _progress(table, float(summary["seconds"]))
        mode = str(summary["mode"])
        return RunRecord(name, slices_of(events), rows, seconds, mode, events, summary)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"compare: {directory} holds files no run of this version wrote ({error!r})"
        ) from error


def _progress(
    table: list[dict[str, str]], seconds: float
) -> tuple[list[tuple[float, float]], float]:
    """Return times with what has been reached by then, and the length of the run."""
    if not (table and "test_accuracy" in table[0]):
        return [(float(row["seconds"]), float(row["relative_gap"])) for row in table], seconds
    rows = [(float(row["seconds"]), 1.0 - float(row["test_accuracy"])) for row in table]
    # The commands of a trace are stamped by a clock that evaluations do not stop.
    return rows, max(float(row["clock_seconds"]) for row in table)


def slices_of(events: list[dict[str, Any]]) -> list[Slice]:
    """Return the commands of a trace.

    Parameters
    ----------
    events : list of dict
        Chrome trace events, with the names of processes and threads among them.
    """
    devices: dict[int, str] = {}
    queues: dict[tuple[int, int], str] = {}
    for event in events:
        if event["ph"] == "M" and event["name"] == "process_name":
            devices[event["pid"]] = event["args"]["name"]
        elif event["ph"] == "M" and event["name"] == "thread_name":
            queues[event["pid"], event["tid"]] = event["args"]["name"]
    found = [_slice(e, devices, queues) for e in events if e["ph"] == "X"]
    return sorted(found, key=lambda each: (each.start_seconds, each.end_seconds, each.device))


def _slice(
    event: dict[str, Any], devices: dict[int, str], queues: dict[tuple[int, int], str]
) -> Slice:
    args = event["args"]
    return Slice(
        devices[event["pid"]],
        queues[event["pid"], event["tid"]],
        event["name"],
        event["cat"],
        args.get("variant", ""),
        args.get("direction", ""),
        event["ts"] / 1e6,
        (event["ts"] + event["dur"]) / 1e6,
        float(args["bytes_read"]),
    )
