"""Read a whole store and compare every checksum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hetengine.store.finish import read_all
from hetengine.store.store import open_store


def verify(path: Path, say: Callable[[str], None]) -> int:
    """Verify a store.

    Parameters
    ----------
    path : pathlib.Path
        The directory.
    say : callable
        Hears of progress, every few seconds.

    Returns
    -------
    int
        Bytes of columns read.

    Raises
    ------
    DataError
        On the first thing that is missing, short or damaged, with file and offset.
    """
    store = open_store(path)
    try:
        return read_all(store, "verified", say)
    finally:
        store.close()
