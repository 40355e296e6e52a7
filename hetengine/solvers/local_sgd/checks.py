"""Checks of settings, each refusing with the key, the value and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hetengine.errors import UsageError, did_you_mean


def one_of(key: str, value: str, allowed: Iterable[str]) -> None:
    """Refuse a word that is not among the allowed ones.

    Raises
    ------
    UsageError
        Naming the closest allowed word.
    """
    words = tuple(allowed)
    if value not in words:
        raise UsageError(f"{key}={value!r}; {did_you_mean(value, words)}")


def at_least(key: str, value: float | None, least: float) -> None:
    """Refuse a number that is not finite or below ``least``; None passes.

    Raises
    ------
    UsageError
        Saying what is allowed.
    """
    if value is not None and not (math.isfinite(value) and value >= least):
        raise UsageError(f"{key}={value} must be finite and at least {least:g}")


def above(key: str, value: float | None, floor: float) -> None:
    """Refuse a number that is not finite or not above ``floor``; None passes.

    Raises
    ------
    UsageError
        Saying what is allowed.
    """
    if value is not None and not (math.isfinite(value) and value > floor):
        raise UsageError(f"{key}={value} must be finite and greater than {floor:g}")


def share(key: str, value: float) -> None:
    """Refuse a number that is not at least 0 and below 1.

    Raises
    ------
    UsageError
        Saying what is allowed.
    """
    if not 0.0 <= value < 1.0:
        raise UsageError(f"{key}={value} must be at least 0 and below 1")
