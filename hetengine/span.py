"""One command as it ran: what devices tell, and traces, phases and fidelity are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hetengine.work import Work


@dataclass(frozen=True, slots=True)
class Span:
    """One command as it ran: the common currency of traces, phases and fidelity.

    Attributes
    ----------
    device, queue, label, category : str
        Where it ran and what it was.
    start_seconds, end_seconds : float
        On the run's clock.
    work : Work
        What it had to do; for a copy, the bytes.
    direction : str
        ``up`` or ``down`` for a copy (up is away from the host), empty for a launch.
    issued_seconds, issue_seconds : float
        When the program handed it over (None if unknown), and the processor time the program took
        to come to that since it last waited or handed over another.
    busy_seconds : float or None
        Time it took by itself, without waits for a core or for the interpreter; None if unknown.
    """

    device: str
    queue: str
    label: str
    category: str
    start_seconds: float
    end_seconds: float
    work: Work
    direction: str = ""
    issued_seconds: float | None = None
    issue_seconds: float = 0.0
    busy_seconds: float | None = None


Observer = Callable[[Span], None]
"""Receives each span once its command has run; called on the loop's thread."""
