"""How a run shows that it gets on: a live line on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from hetengine.record.metrics import MetricsRow

PLAIN_SECONDS = 0.5
"""Least wall time between two plain lines."""


class Progress(Protocol):
    """Receives the rows and messages of one run."""

    def row(self, row: MetricsRow) -> None:
        """Show a new certificate."""
        ...

    def message(self, text: str) -> None:
        """Show a line of its own."""
        ...

    def close(self) -> None:
        """Show what has been held back and release the terminal; may be called twice."""
        ...


class Silent:
    """Shows nothing."""

    def row(self, row: MetricsRow) -> None:
        """Show nothing."""

    def message(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class Plain:
    """One line per certificate, at most one per half second besides the first and the last.

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
        self._held: MetricsRow | None = None

    def row(self, row: MetricsRow) -> None:
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
    """One line that changes in place, with a bar for the way of the gap to the tolerance.

    Parameters
    ----------
    stream : text file
        A terminal.
    tol : float
        Relative gap at which the bar is full.
    """

    def __init__(self, stream: TextIO, tol: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._tol = tol
        self._first = 0.0
        columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
        self._bar = Bar(*columns, console=Console(file=stream), transient=True)
        self._task = self._bar.add_task("starting", total=1.0)
        self._bar.start()

    def row(self, row: MetricsRow) -> None:
        """Move the bar."""
        self._first = max(self._first, row.relative_gap if math.isfinite(row.relative_gap) else 0.0)
        done = fraction_done(self._first, row.relative_gap, self._tol)
        self._bar.update(self._task, completed=done, description=describe(row))

    def message(self, text: str) -> None:
        """Write the text above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def describe(row: MetricsRow) -> str:
    """Return one line about a row.

    Examples
    --------
    >>> describe(MetricsRow(3, 1.5, 1.6, 0.25, 2.5e-4, 1e-3, 40, 8, 3_000_000, 0, 0.2))
    'round 3  1.50 s  objective 0.25  relative gap 1.00e-03  resident 40  swapped 8  up 3.0 MB'
    """
    return (
        f"round {row.round}  {row.seconds:.2f} s  objective {row.objective:.6g}  "
        f"relative gap {row.relative_gap:.2e}  resident {row.resident_columns}  "
        f"swapped {row.swapped_columns}  up {human_bytes(row.bytes_host_to_device)}"
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


def fraction_done(first: float, now: float, tol: float) -> float:
    """Return how far a gap has come from its first value to the tolerance, on a log scale.

    Examples
    --------
    >>> fraction_done(1.0, 1e-2, 1e-4)
    0.5
    """
    if not (math.isfinite(now) and first > tol):
        return 0.0 if not now <= tol else 1.0
    if now <= tol:
        return 1.0
    return min(1.0, max(0.0, math.log(first / now) / math.log(first / tol)))


def make_progress(kind: str, tol: float, stream: TextIO | None = None) -> Progress:
    """Return the display a config asks for.

    Parameters
    ----------
    kind : {'auto', 'plain', 'rich', 'none'}
        ``auto`` chooses ``rich`` on a terminal and ``plain`` elsewhere.
    tol : float
        Relative gap at which the run has converged.
    stream : text file, optional
        Where to show it; standard error by default.
    """
    target = sys.stderr if stream is None else stream
    if kind == "none":
        return Silent()
    if kind == "rich" or (kind == "auto" and target.isatty()):
        return Live(target, tol)
    return Plain(target)
