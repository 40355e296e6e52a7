"""What a package offers that brings devices: probing, opening, and kernels by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hetengine.clock import Clock
from hetengine.device import Device
from hetengine.errors import UsageError, did_you_mean
from hetengine.span import Observer
from hetengine.topology import DeviceSpec


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a backend found on this machine, for ``hetengine devices``.

    Attributes
    ----------
    backend : str
        Backend that would run it.
    index : int
        What to write as ``index`` in a topology.
    name : str
        The driver's name for it.
    memory_bytes : int or None
        Its memory, if known.
    detail : str
        Anything else worth a line.
    """

    backend: str
    index: int
    name: str
    memory_bytes: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``hetengine doctor``.

    Attributes
    ----------
    name : str
        What was checked.
    ok : bool
        Whether it passed.
    detail : str
        What was seen.
    remedy : str
        What to type to mend it; empty if it passed.
    absent : bool
        Whether it did not pass because something optional is not installed: no failure.
    """

    name: str
    ok: bool
    detail: str = ""
    remedy: str = ""
    absent: bool = False


class Backend(Protocol):
    """What a package registers under the entry-point group ``hetengine.backends``."""

    name: str

    def implementations(self, threads: int = 1) -> Mapping[str, Callable[..., Any]]:
        """Kernels by name, for a number of threads where that means something."""
        ...

    def devices(self) -> list[DeviceInfo]:
        """What this machine offers."""
        ...

    def open(self, spec: DeviceSpec, clock: Clock, observe: Observer) -> Device:
        """Open the device a topology names; raise `BackendUnavailable` if it cannot run here."""
        ...

    def check(self) -> list[Check]:
        """Probe the backend from import to a right answer, for ``hetengine doctor``."""
        ...


def lookup(name: str, implementations: Mapping[str, Callable[..., Any]], backend: str) -> Any:
    """Find a kernel in a backend's table.

    Raises
    ------
    UsageError
        If it is not there.
    """
    if name not in implementations:
        hint = did_you_mean(name, sorted(implementations))
        raise UsageError(f"backend {backend} has no kernel {name!r}; {hint}")
    return implementations[name]
