"""The rows of ``metrics.csv``: a linear model's certificates, a net's evaluations."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from hetengine.tuning.rows import PathRow


@dataclass(frozen=True, slots=True)
class MetricsRow:
    """The state of a run at one certificate.

    Attributes
    ----------
    round : int
        Rounds done.
    seconds : float
        On the run's clock.
    wall_seconds : float
        On the wall.
    objective : float
        Objective at the model.
    gap, relative_gap : float
        Certified duality gap, and the same over the absolute objective.
    resident_columns : int
        Columns in the accelerator's memory.
    swapped_columns : int
        Columns copied there since the row before.
    bytes_host_to_device, bytes_device_to_host : int
        Bytes moved since the start.
    refreshed_fraction : float
        Gaps the host refreshed since the row before, over the number of coordinates.
    certificate : str
        Kind of certificate.
    """

    round: int
    seconds: float
    wall_seconds: float
    objective: float
    gap: float
    relative_gap: float
    resident_columns: int = 0
    swapped_columns: int = 0
    bytes_host_to_device: int = 0
    bytes_device_to_host: int = 0
    refreshed_fraction: float = 0.0
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class NetRow:
    """The state of the training of a net at one evaluation.

    Attributes
    ----------
    round : int
        Rounds done.
    seconds : float
        On the run's clock, evaluations not counted.
    wall_seconds : float
        On the wall, evaluations included.
    samples : int
        Samples trained on.
    passes : float
        Those over the size of the training set.
    paper_epoch : float
        Epochs as the released code of biased local SGD counts them.
    train_loss : float
        Mean loss of the samples trained on since the row before; NaN before the first round.
    test_loss, test_accuracy : float
        On the test images.
    learning_rate : float
        Of the last round.
    bytes_host_to_device, bytes_device_to_host : int
        Bytes moved since the start, evaluations included.
    workers : int
        Workers whose parameters entered the last average.
    clock_seconds : float
        On the run's clock, evaluations included: where the trace has this row.
    """

    round: int
    seconds: float
    wall_seconds: float
    samples: int
    passes: float
    paper_epoch: float
    train_loss: float
    test_loss: float
    test_accuracy: float
    learning_rate: float
    bytes_host_to_device: int = 0
    bytes_device_to_host: int = 0
    workers: int = 0
    clock_seconds: float = 0.0


Row = MetricsRow | NetRow | PathRow
"""A row of ``metrics.csv`` or ``path.csv``."""

COLUMNS = tuple(field.name for field in dataclasses.fields(MetricsRow))
"""Header of ``metrics.csv`` of a linear model."""

NET_COLUMNS = tuple(field.name for field in dataclasses.fields(NetRow))
"""Header of ``metrics.csv`` of a net."""


def write_metrics(stream: TextIO, rows: Iterable[Row], columns: tuple[str, ...] = COLUMNS) -> None:
    """Write rows as CSV with a header; floats keep all their digits.

    Parameters
    ----------
    stream : text file
        Opened with ``newline=""``.
    rows : iterable of MetricsRow or NetRow
        What to write.
    columns : tuple of str
        `COLUMNS` or `NET_COLUMNS`.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_text(getattr(row, name)) for name in columns])


def _text(value: object) -> str:
    """Write a float so that it reads back to the same float, also where it is a NumPy scalar."""
    return repr(float(value)) if isinstance(value, float) else str(value)
