"""Where a makespan goes: every instant counted once."""

from __future__ import annotations

from collections.abc import Sequence

from hetengine.compare.read import Slice

PARTS = ("compute", "transfer", "reconfigure", "host", "idle")
"""A kernel runs; else a copy; else an FPGA is loaded; else the host's Python runs; else nothing."""

_PYTHON = "python"
_RECONFIGURE = "reconfigure"


def part_of(command: Slice) -> str:
    """Return the part a command belongs to."""
    if command.direction:
        return "transfer"
    if command.category == _RECONFIGURE:
        return "reconfigure"
    return "host" if command.variant.partition("/")[0] == _PYTHON else "compute"


def split(commands: Sequence[Slice], seconds: float) -> dict[str, float]:
    """Split a makespan by the first of `PARTS` that is going on.

    Idle is the time between commands: handing over, starting, hearing, waiting.

    Parameters
    ----------
    commands : sequence of Slice
        All commands of a run.
    seconds : float
        Its length.

    Returns
    -------
    dict of str to float
        Seconds by part; they add up to ``seconds``.
    """
    changes = sorted(
        (at, step, part_of(command))
        for command in commands
        for at, step in ((command.start_seconds, 1), (command.end_seconds, -1))
    )
    running: dict[str, int] = dict.fromkeys(PARTS, 0)
    spent: dict[str, float] = dict.fromkeys(PARTS, 0.0)
    before = 0.0
    for at, step, part in [*changes, (seconds, 0, "idle")]:
        now = min(max(at, 0.0), seconds)
        spent[next((p for p in PARTS if running[p]), "idle")] += now - before
        running[part] += step
        before = now
    return spent
