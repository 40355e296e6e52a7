"""The last pass over a new store: verify what was written, compute norms and products, seal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hetengine.errors import DataError
from hetengine.store.header import Header, Mark, mark_of, write_header
from hetengine.store.products import Products
from hetengine.store.store import Store, opened, scale_of

SECONDS_BETWEEN_WORDS = 5.0
THREADS = 4


def seal(
    directory: Path,
    header: Header,
    arrays: Mapping[str, np.ndarray],
    say: Callable[[str], None],
) -> Header:
    """Turn a directory of columns into a store.

    Every column is read back from the disk and its block verified; its norm and products are
    computed on the way.

    Parameters
    ----------
    directory : pathlib.Path
        With the columns.
    header : Header
        What is in it, with the marks of the columns' files.
    arrays : mapping of str to ndarray
        ``labels``, ``blocks``, and ``weights`` and ``lens`` where there are any.
    say : callable
        Hears of progress, every few seconds.

    Returns
    -------
    Header
        As written.

    Raises
    ------
    DataError
        If what was written does not come back, or is nothing but zeros.
    """
    known = dict(arrays)
    scale = scale_of(known["labels"].size, known.get("weights"))
    unit = np.sqrt(scale) if header.side == "primal" else scale
    products = Products(header.side, header.count, header.length, unit * known["labels"], unit)
    store = opened(directory, header, {**known, **products.arrays})
    try:
        read_all(store, "checked", say, products)
    finally:
        store.close()
    if not products.arrays["square_norms"].any():
        raise DataError(f"{header.name}: every entry of X is zero; there is nothing to learn from")
    marks = {**header.files}
    for name, values in {**known, **products.arrays}.items():
        marks[f"{name}.npy"] = _write(directory / f"{name}.npy", values)
    header = replace(header, files=marks)
    write_header(directory, header)
    return header


def read_all(
    store: Store, word: str, say: Callable[[str], None], products: Products | None = None
) -> int:
    """Read every column of a store once, verify every block, and take in its products.

    Parameters
    ----------
    store : Store
        None of whose blocks has been verified.
    word : str
        What is done to it, for the progress.
    say : callable
        Hears of progress, every few seconds.
    products : Products, optional
        What to compute.

    Returns
    -------
    int
        Bytes of columns verified.

    Raises
    ------
    DataError
        On the first damaged block, with file and offset.
    """
    area, done, told = store.landing_area(), 0, time.monotonic()
    columns = store.all_columns()
    with ThreadPoolExecutor(THREADS, "store") as pool:
        for piece in store.plan(np.arange(store.header.count)):
            store.files.read(piece, area, pool)
            if products is not None:
                for (first, _), part in zip(piece.runs, columns.parts(piece, area), strict=True):
                    products.add(first, part)
            done += sum(check.nbytes for check in piece.checks)
            if time.monotonic() - told > SECONDS_BETWEEN_WORDS:
                told = time.monotonic()
                say(f"{word} {done / 1e9:.1f} of {store.nbytes / 1e9:.1f} GB")
    return done


def _write(path: Path, values: NDArray) -> Mark:
    with path.open("wb") as stream:
        np.save(stream, values, allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    return mark_of(path)
