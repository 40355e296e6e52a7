"""Open data files, plain or compressed, so that damage is reported by name."""

from __future__ import annotations

import bz2
import difflib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from hetengine.errors import DataError

MAGIC = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\x00"}
FORMAT_SUFFIXES = (".svm", ".svmlight", ".libsvm", ".txt", ".csv", ".tsv", ".npy", ".npz")


def existing_file(path: str | Path, key: str) -> Path:
    """Return the path of a file that exists.

    Parameters
    ----------
    path : str or Path
        As the user wrote it; ``~`` is expanded.
    key : str
        Configuration key it came from, for the message.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If there is no such file; a close name in the same folder is suggested.
    """
    found = Path(path).expanduser()
    if found.is_file():
        return found
    if found.is_dir():
        raise DataError(f"{key}={path} is a folder; type {key}=FILE with a file in it")
    siblings = [item.name for item in found.parent.iterdir()] if found.parent.is_dir() else []
    close = difflib.get_close_matches(found.name, siblings, n=1)
    hint = f"did you mean {found.parent / close[0]}?" if close else f"looked in {Path.cwd()};"
    raise DataError(f"{key}={path} does not exist; {hint} type {key}=FILE with an existing file")


def set_name(path: Path) -> str:
    """Return the name of a file without the endings of format and compression.

    Examples
    --------
    >>> set_name(Path("text/imdb_train.svm.bz2"))
    'imdb_train'
    """
    name = path.name
    for suffixes in ([f".{kind}" for kind in MAGIC], FORMAT_SUFFIXES):
        for suffix in suffixes:
            if name.endswith(suffix) and name != suffix:
                name = name.removesuffix(suffix)
                break
    return name


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain, gzip, bzip2 or xz file for reading bytes.

    The content decides, not the name. Whatever the decompressor raises while the block runs becomes
    a ``DataError`` that names the file.

    Parameters
    ----------
    path : Path
        An existing file.

    Yields
    ------
    BinaryIO
        Buffered stream of the unpacked bytes.

    Raises
    ------
    DataError
        If it cannot be read, is not what its ending says, or is truncated or damaged.
    """
    try:
        with path.open("rb") as raw, _unpacked(raw, path) as stream:
            yield stream
    except EOFError as error:
        raise DataError(f"{path}: compressed file is truncated; fetch it again") from error
    except (OSError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: cannot be read ({reason}); check or replace the file") from error


def _unpacked(raw: BinaryIO, path: Path) -> BinaryIO:
    head = raw.read(6)
    raw.seek(0)
    kind = next((kind for kind, magic in MAGIC.items() if head.startswith(magic)), None)
    named = path.suffix.removeprefix(".")
    if head and named in MAGIC and kind != named:
        raise DataError(f"{path}: is not {named} data though its name says so; rename or repack it")
    if kind == "gz":
        return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=raw)))
    if kind == "bz2":
        return cast(BinaryIO, bz2.BZ2File(raw))
    return cast(BinaryIO, lzma.LZMAFile(raw)) if kind == "xz" else raw
