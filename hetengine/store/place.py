"""Where a new store is written: beside its place first, and under its name once it is whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hetengine.errors import UsageError
from hetengine.store.header import HEADER


def check_place(out: Path, *, force: bool) -> None:
    """Refuse a place that is taken.

    Parameters
    ----------
    out : pathlib.Path
        Where a store shall be.
    force : bool
        Whether a store that is there may be replaced.

    Raises
    ------
    UsageError
        If there is a store, without ``force``, or anything else.
    """
    if not out.exists():
        return
    if not (out / HEADER).is_file():
        raise UsageError(f"--out {out} exists and is no column store; choose another --out")
    if not force:
        raise UsageError(f"--out {out} holds a column store; choose another --out or say --force")


@contextmanager
def new_directory(out: Path, *, force: bool) -> Iterator[Path]:
    """Give a directory to write a store in, and put it in its place if all goes well.

    Parameters
    ----------
    out : pathlib.Path
        Where the store shall be.
    force : bool
        Replace a store that is there.

    Yields
    ------
    pathlib.Path
        An empty directory on the same file system; gone afterwards, whatever happens.

    Raises
    ------
    UsageError
        If the place is taken or cannot be written to.
    """
    check_place(out, force=force)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise UsageError(
            f"cannot write to --out {out} ({error.strerror}); choose another"
        ) from error
    try:
        partial = beside / "new"
        partial.mkdir()
        yield partial
        if out.exists():
            out.rename(beside / "old")
        partial.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
