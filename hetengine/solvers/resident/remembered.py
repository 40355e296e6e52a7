"""How much of the past to keep: vectors over the columns may be a sizeable part of the data."""

from __future__ import annotations

_ALWAYS_BYTES = 1 << 20


def remembered(nbytes: int, each_nbytes: int, share: float, least: int, most: int) -> int:
    """Return how many things to remember.

    Parameters
    ----------
    nbytes : int
        Of the data.
    each_nbytes : int
        Of one of those things.
    share : float
        Of the data, that all of them together may take; a megabyte is always there.
    least, most : int
        Bounds, whatever they take.

    Examples
    --------
    >>> remembered(400_000_000, 16_000, 0.1, 3, 5), remembered(10_000_000, 1_600_000, 0.1, 3, 5)
    (5, 3)
    """
    room = int(max(share * nbytes, _ALWAYS_BYTES) / each_nbytes)
    return min(max(room, least), most)
