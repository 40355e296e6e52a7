"""How a run shows that it gets on: a live line on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from hetengine.record.goal import Goal
from hetengine.record.metrics import MetricsRow, PathRow, Row

PLAIN_SECONDS = 0.5
"""Least wall time between two plain lines."""


class Progress(Protocol):
    """Receives the rows and messages of one run."""

    def row(self, row: Row) -> None:
        """Show a new certificate or evaluation."""
        ...

    def message(self, text: str) -> None:
        """Show a line of its own."""
        ...

    def close(self) -> None:
        """Show what has been held back and release the terminal; may be called twice."""
        ...


class Silent:
    """Shows nothing."""

    def row(self, row: Row) -> None:
        """Show nothing."""

    def message(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class Plain:
    """One line per row, at most one per half second besides the first and the last.

    Parameters
    ----------
    stream : text file
        Where to write.
    monotonic : callable, optional
        Wall clock in seconds.
    """

    def __init__(self, stream: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._monotonic = monotonic
        self._next = -math.inf
        self._held: Row | None = None

    def row(self, row: Row) -> None:
        """Write a line, or hold the row back until the next one is due."""
        now = self._monotonic()
        if now < self._next:
            self._held = row
            return
        self._next = now + PLAIN_SECONDS
        self._held = None
        self._write(describe(row))

    def message(self, text: str) -> None:
        """Write the text."""
        self._write(text)

    def close(self) -> None:
        """Write the last row if it was held back."""
        held, self._held = self._held, None
        if held is not None:
            self._write(describe(held))

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class Live:
    """One line that changes in place, with a bar for the way to the run's goal.

    Parameters
    ----------
    stream : text file
        A terminal.
    goal : Goal
        Says how far the run has come.
    """

    def __init__(self, stream: TextIO, goal: Goal) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._goal = goal
        columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
        self._bar = Bar(*columns, console=Console(file=stream), transient=True)
        self._task = self._bar.add_task("starting", total=1.0)
        self._bar.start()

    def row(self, row: Row) -> None:
        """Move the bar."""
        done = self._goal.fraction_done(row)
        self._bar.update(self._task, completed=done, description=describe(row))

    def message(self, text: str) -> None:
        """Write the text above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def describe(row: Row) -> str:
    """Return one line about a row.

    Examples
    --------
    >>> describe(MetricsRow(3, 1.5, 1.6, 0.25, 2.5e-4, 1e-3, 40, 8, 3_000_000, 0, 0.2))
    'round 3  1.50 s  objective 0.25  relative gap 1.00e-03  resident 40  swapped 8  up 3.0 MB'
    """
    if isinstance(row, MetricsRow):
        return (
            f"round {row.round}  {row.seconds:.2f} s  objective {row.objective:.6g}  "
            f"relative gap {row.relative_gap:.2e}  resident {row.resident_columns}  "
            f"swapped {row.swapped_columns}  up {human_bytes(row.bytes_host_to_device)}"
        )
    if isinstance(row, PathRow):
        return row.describe()
    return (
        f"round {row.round}  {row.seconds:.2f} s  epoch {row.paper_epoch:.4g}  "
        f"passes {row.passes:.4g}  training loss {row.train_loss:.4f}  "
        f"test loss {row.test_loss:.4f}  accuracy {row.test_accuracy:.4f}  "
        f"lr {row.learning_rate:.3g}"
    )


def human_bytes(nbytes: float) -> str:
    """Return bytes in decimal units.

    Examples
    --------
    >>> human_bytes(999), human_bytes(1500), human_bytes(2.5e9)
    ('999 B', '1.5 kB', '2.5 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(nbytes) < 1000:
            return f"{nbytes:.0f} B" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} TB"


def make_progress(kind: str, goal: Goal, stream: TextIO | None = None) -> Progress:
    """Return the display a config asks for.

    Parameters
    ----------
    kind : {'auto', 'plain', 'rich', 'none'}
        ``auto`` chooses ``rich`` on a terminal and ``plain`` elsewhere.
    goal : Goal
        What the run is after.
    stream : text file, optional
        Where to show it; standard error by default.
    """
    target = sys.stderr if stream is None else stream
    if kind == "none":
        return Silent()
    if kind == "rich" or (kind == "auto" and target.isatty()):
        return Live(target, goal)
    return Plain(target)
