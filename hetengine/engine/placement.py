"""Where a linear model trains: on the host alone, by row, or with accelerators, by coordinate."""

from __future__ import annotations

from collections.abc import Sequence

from hetengine.topology import DeviceSpec, Topology

#: Backends whose hosts have the kernels of `hetengine.solvers.resident`.
_BY_ROW = ("numpy",)


def trains_by_row(
    selection: str, topology: Topology, memory_fraction: float | None, stored: bool
) -> bool:
    """Return whether a run leaves the accelerators idle and passes over rows on the host.

    ``host`` asks for that; ``auto`` and ``all`` get it where nothing would be gained by moving
    data: every accelerator is CPU cores that may hold everything.

    Parameters
    ----------
    selection : str
        As configured.
    topology : Topology
        Before the capacities of a run are worked out.
    memory_fraction : float or None
        Capacity of each accelerator over the bytes of the data.
    stored : bool
        Whether the data lie in a column store on disk.
    """
    host = next(spec for spec in topology.devices if spec.role == "host")
    if stored or host.backend not in _BY_ROW:
        return False
    if selection == "host":
        return True
    cards = [spec for spec in topology.devices if spec.role == "accelerator"]
    return selection in ("auto", "all") and _same_memory(cards, memory_fraction)


def _same_memory(cards: Sequence[DeviceSpec], memory_fraction: float | None) -> bool:
    if memory_fraction is not None:
        return False
    return all(
        spec.backend in _BY_ROW and spec.capacity_bytes is None and spec.memory_fraction is None
        for spec in cards
    )
