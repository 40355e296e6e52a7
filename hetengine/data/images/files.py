"""Find and read the files of an image set, so that damage is told with file and byte."""

from __future__ import annotations

import lzma
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from hetengine.data.files import opened
from hetengine.errors import DataError

PACKED = ("", ".gz", ".bz2", ".xz")
_CHUNK_BYTES = 1 << 20


def data_folder(name: str, path: str | None) -> Path:
    """Return the folder of an image set.

    Parameters
    ----------
    name : str
        Of the set.
    path : str or None
        As the user wrote it; None looks in ``$HETENGINE_DATA``, or in ``data``.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    root = os.environ.get("HETENGINE_DATA", "data")
    folder = Path(root) / name if path is None else Path(path).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise DataError(f"data.path={path} is a file; unpack it and type data.path=FOLDER")
    hint = "" if path is not None else " (set HETENGINE_DATA to look elsewhere)"
    raise DataError(
        f"data={name}: no folder {folder}, seen from {Path.cwd()}{hint}; type data.path=FOLDER"
    )


def find(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    """Return the first file there is, plain or compressed.

    Parameters
    ----------
    folders : sequence of Path
        Where to look.
    names : sequence of str
        What it may be called, without ``.gz``, ``.bz2`` or ``.xz``.
    """
    for folder in folders:
        for name in names:
            for ending in PACKED:
                if (path := folder / f"{name}{ending}").is_file():
                    return path
    return None


def read_bytes(path: Path) -> bytes:
    """Return what a plain or compressed file holds.

    Parameters
    ----------
    path : Path
        An existing file.

    Raises
    ------
    DataError
        If it cannot be read, or is damaged or cut short; the message says after which byte.
    """
    parts: list[bytes] = []
    with opened(path) as stream:
        try:
            while part := stream.read(_CHUNK_BYTES):
                parts.append(part)
        except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
            done = sum(map(len, parts))
            reason = "is cut short" if isinstance(error, EOFError) else f"is damaged ({error})"
            raise DataError(
                f"{path}: {reason} after byte {done:,} of what it packs; fetch it again"
            ) from error
    return b"".join(parts)
