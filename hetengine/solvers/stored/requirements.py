"""What training on a store needs of a machine, checked before anything is allocated."""

from __future__ import annotations

from hetengine.errors import UsageError
from hetengine.machine import Machine


def check_tiers(machine: Machine, layout: str, selection: str) -> None:
    """Refuse a machine without a disk, or a selection that needs the data in memory.

    Parameters
    ----------
    machine : Machine
        Opened devices.
    layout : {'dense', 'sparse'}
        Of the store.
    selection : str
        Where it is ``host``, the host would work on columns that are not in its memory.

    Raises
    ------
    UsageError
        Saying what is missing and what to type.
    """
    if machine.storage is None:
        raise UsageError(
            "data=store needs a device of role storage in the topology and there is none; type "
            "topology=cpu_disk, or give yours one"
        )
    if selection == "host":
        raise UsageError(
            "solver.selection=host works on columns in the host's memory and data=store has them "
            "on disk; type solver.selection=gap or sequential"
        )
    machine.host.load(f"{layout}_unpack")
    if layout == "sparse":
        machine.host.load("sparse_compact")
