"""Why a word of a text file is not a usable number."""

from __future__ import annotations

import math

import numpy as np

from hetengine.data.dataset import FloatType

SHOWN = 40
MISSING = ("", "na", "n/a", "null", "none", "?", "-")


def as_number(word: str) -> float | None:
    """Return the number a word spells (NaN and Inf included), or None.

    Only ASCII is accepted, and not Python's digit separators, as in ``1_000``: the fast readers
    refuse both.

    Examples
    --------
    >>> as_number(" 2.5 "), as_number("1_000"), as_number("age")
    (2.5, None, None)
    """
    digits = word.strip(" \t\r\n\f\v")
    if "_" in digits or not (digits.isascii() and digits.isprintable()):
        return None
    try:
        return float(digits)
    except ValueError:
        return None


def shown(word: str) -> str:
    """Return a word quoted for a message, cut where it is long.

    Examples
    --------
    >>> shown("x")
    "'x'"
    >>> len(shown("x" * 1000))
    45
    """
    return repr(word) if len(word) <= SHOWN else repr(word[:SHOWN]) + "..."


def number_fault(word: str, dtype: FloatType) -> str | None:
    """Say why a word cannot be stored as a finite number of a type.

    Parameters
    ----------
    word : str
        Text of the cell or token.
    dtype : numpy.dtype
        Float32 or float64.

    Returns
    -------
    str or None
        End of a sentence that starts with the word; None where it is fine.

    Examples
    --------
    >>> number_fault("nan", np.float32)
    'is not finite; drop or fill it before training'
    >>> number_fault("1.5", np.float32) is None
    True
    """
    if word.strip().lower() in MISSING:
        return "is a missing value; drop or fill it before training"
    value = as_number(word)
    if value is None:
        return "is not a number"
    if not math.isfinite(value):
        return "is not finite; drop or fill it before training"
    if abs(value) > float(np.finfo(dtype).max):
        return f"is too large for {np.dtype(dtype)}; set precision=float64 or scale the data"
    return None
