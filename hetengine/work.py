"""What a launch has to do, known before it runs or after: what every cost model goes by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Work:
    """What one launch has to do, independent of the device that does it.

    Attributes
    ----------
    flops : float
        Floating-point operations.
    bytes_read, bytes_written : float
        Bytes moved from and to the device's memory if nothing is cached.
    items : int
        Coordinates, columns or samples handled; for rates in reports.
    variant : str
        Path through the kernel, where time depends on more than sizes: precision and kind of term,
        or ``python`` and more for what the host does outside the backends.
    reads : str
        Label of what most of the bytes are part of, as memory tiers know it (``data``,
        ``columns``); empty where caches do not matter.
    footprint : float
        Bytes of all that is called so on the device: launches go through it part by part.
    reach : float
        Bytes of that from the first to the last a launch uses, where that may be less; 0 where it
        is all of them.
    """

    flops: float = 0.0
    bytes_read: float = 0.0
    bytes_written: float = 0.0
    items: int = 0
    variant: str = ""
    reads: str = ""
    footprint: float = 0.0
    reach: float = 0.0

    @property
    def extent(self) -> float:
        """Bytes among which those that it uses lie."""
        return self.reach or self.footprint

    @property
    def nbytes(self) -> float:
        """Bytes read plus bytes written."""
        return self.bytes_read + self.bytes_written


@dataclass(frozen=True, slots=True)
class LateWork:
    """Work whose amount follows from a launch's result.

    Attributes
    ----------
    nominal : Work
        What can be said before: items and variant.
    of : callable
        The work, from the result.
    """

    nominal: Work
    of: Callable[[Any], Work]

    def __call__(self, result: Any) -> Work:
        """Return the work of a launch with this result."""
        return self.of(result)


WorkOf = Work | LateWork | Callable[[Any], Work]
"""The work of a launch, or a function of the launch's result where the amount depends on values."""


def known_work(work: WorkOf) -> Work | None:
    """Return what is known of a launch's work before it runs."""
    if isinstance(work, LateWork):
        return work.nominal
    return work if isinstance(work, Work) else None
