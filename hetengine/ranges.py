"""Checks of numbers in a topology, each refusing with the key in its message."""

from __future__ import annotations

import math

from hetengine.errors import UsageError


def positive(owner: str, key: str, value: float | None, *, zero: bool = False) -> None:
    """Refuse a number that is not finite and greater than 0.

    Parameters
    ----------
    owner, key : str
        Where it stands, for the message.
    value : float or None
        The number; None passes.
    zero : bool
        Let 0 pass as well.

    Raises
    ------
    UsageError
        If it is out of range.
    """
    if value is None:
        return
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        floor = "at least 0" if zero else "greater than 0"
        raise UsageError(f"topology: {owner}.{key}={value} must be finite and {floor}")


def share(owner: str, key: str, value: float) -> None:
    """Refuse a number that is not above 0 and at most 1.

    Parameters
    ----------
    owner, key : str
        Where it stands, for the message.
    value : float
        The number.

    Raises
    ------
    UsageError
        If it is out of range.
    """
    if not 0.0 < value <= 1.0:
        raise UsageError(f"topology: {owner}.{key}={value} must be above 0 and at most 1")
