"""The rows of ``metrics.csv``: one per certificate."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO


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


COLUMNS = tuple(field.name for field in dataclasses.fields(MetricsRow))
"""Header of ``metrics.csv``."""


def write_metrics(stream: TextIO, rows: Iterable[MetricsRow]) -> None:
    """Write rows as CSV with a header; floats keep all their digits.

    Parameters
    ----------
    stream : text file
        Opened with ``newline=""``.
    rows : iterable of MetricsRow
        What to write.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_text(getattr(row, name)) for name in COLUMNS])


def _text(value: object) -> str:
    """Write a float so that it reads back to the same float, also where it is a NumPy scalar."""
    return repr(float(value)) if isinstance(value, float) else str(value)
