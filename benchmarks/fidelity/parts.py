"""What one invocation measured, kept in a file so that several make one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fidelity.score import Outcome
from hetengine.calibrate.spec import Refresh


@dataclass(frozen=True)
class Part:
    """Cases measured one after the other, and under what circumstances.

    Attributes
    ----------
    name : str
        Such as ``numpy 1/3``.
    outcomes : list of Outcome
        Real and simulated times.
    about : dict of str to object
        Processor, date, load.
    refreshes : dict of str to Refresh
        By backend, what the machine had become when the cases ran.
    """

    name: str
    outcomes: list[Outcome]
    about: dict[str, Any]
    refreshes: dict[str, Refresh] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Keep it in a folder, in place of an earlier one of the same name."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part_{self.name.replace(' ', '_').replace('/', '_of_')}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        return path


def read_parts(folder: Path) -> list[Part]:
    """Read all parts of a folder, in the order of their names."""
    parts = []
    for path in sorted(folder.glob("part_*.json")):
        values = json.loads(path.read_text(encoding="utf-8"))
        outcomes = [Outcome(**each) for each in values["outcomes"]]
        refreshes = {name: Refresh(**each) for name, each in values["refreshes"].items()}
        parts.append(Part(values["name"], outcomes, values["about"], refreshes))
    return parts


def merged(parts: Sequence[Part], names: Sequence[str]) -> list[Outcome]:
    """Put the outcomes of several parts in the order of the suite.

    Parameters
    ----------
    parts : sequence of Part
        Together they must hold every case of the suite once.
    names : sequence of str
        Of the cases of the suite.

    Raises
    ------
    SystemExit
        Naming a case that is missing, or there twice.
    """
    found: dict[str, Outcome] = {}
    for part in parts:
        for outcome in part.outcomes:
            if outcome.name in found:
                raise SystemExit(f"{outcome.name} is in two parts; delete those of an earlier cut")
            found[outcome.name] = outcome
    missing = [name for name in names if name not in found]
    if missing:
        raise SystemExit(f"{len(missing)} cases are in no part, such as {missing[0]}; run them")
    return [found[name] for name in names]
