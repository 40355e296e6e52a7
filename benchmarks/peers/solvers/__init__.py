"""The solvers that are compared, one module per library, imported when it is used."""

from __future__ import annotations

from benchmarks.peers.solvers import (
    adelie,
    cyanure,
    hetengine,
    liblinear,
    sklearn,
    sklearnex,
    snapml,
    working_sets,
)
from benchmarks.peers.solvers.entry import Entry

_MODULES = (hetengine, sklearn, sklearnex, liblinear, working_sets, cyanure, adelie, snapml)

#: All entries by name.
ENTRIES: dict[str, Entry] = {entry.name: entry for module in _MODULES for entry in module.entries()}

__all__ = ["ENTRIES", "Entry"]
