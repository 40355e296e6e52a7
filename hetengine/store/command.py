"""``hetengine convert``: write data to a column store in bounded memory, or verify one."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hetengine.errors import UsageError
from hetengine.tool import ToolParser, answer

_ABOUT = """\
Write a data set to a column store: a directory that data=store data.path=DIR trains on, even where
it is larger than memory.

    hetengine convert data=svmlight data.path=FILE.svm.bz2 --side dual --out DIR
    hetengine convert data=csv data.path=FILE.csv --side primal --intercept --out DIR
    hetengine convert data=dense_correlated data.rows=999 data.columns=99 --side primal --out DIR
    hetengine convert --verify DIR

--side says what a column is: a feature (primal: lasso, elastic_net, ridge) or an example (dual:
svm, squared_hinge, logistic, ridge). The source may be larger than memory, too. It is read once,
and once more each for data.tfidf=true and data.standardize=true (data.normalize=true needs no
reading of its own); where it has to be turned over, as much again as the data is needed on the
disk meanwhile.
"""
_UNITS = {
    "": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
}


def main(words: Sequence[str]) -> int:
    """Run the command.

    Parameters
    ----------
    words : sequence of str
        What was typed after ``hetengine convert``.

    Returns
    -------
    int
        The exit code.
    """

    def run() -> None:
        options = _parse(words)
        if options.verify is not None:
            _verify(options.verify)
        else:
            _convert(options)

    return answer(run)


def memory_bytes(text: str) -> int:
    """Return a number of bytes.

    Parameters
    ----------
    text : str
        For instance ``512MB``, ``2GB`` or ``1GiB``.

    Raises
    ------
    UsageError
        If it is none, or too little to work with.

    Examples
    --------
    >>> memory_bytes("512MB")
    512000000
    """
    from hetengine.store.convert import LEAST_MEMORY_BYTES

    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if found is None or found[2].upper() not in _UNITS:
        raise UsageError(f"--memory {text}: no number of bytes; type for instance --memory 512MB")
    nbytes = int(float(found[1]) * _UNITS[found[2].upper()])
    if nbytes < LEAST_MEMORY_BYTES:
        raise UsageError(
            f"--memory {text}: too little; type at least --memory {LEAST_MEMORY_BYTES >> 20}MiB"
        )
    return nbytes


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = ToolParser("convert", _ABOUT)
    parser.add_argument(
        "overrides", nargs="*", metavar="data=NAME", help="what to read, as for a run; seed=N"
    )
    parser.add_argument("--out", type=Path, help="directory to make")
    parser.add_argument("--side", choices=("primal", "dual"), help="columns: features or examples")
    parser.add_argument(
        "--precision", choices=("float32", "float64"), default="float32", help="default: float32"
    )
    parser.add_argument("--intercept", action="store_true", help="store a constant column, too")
    parser.add_argument("--memory", default="512MB", help="for data; default: 512MB")
    parser.add_argument("--force", action="store_true", help="replace a store that is there")
    parser.add_argument("--verify", type=Path, metavar="DIR", help="only verify a store")
    return parser.parse_args(list(words))


def _convert(options: argparse.Namespace) -> None:
    from hetengine.api import compose
    from hetengine.data.arrays import read_array
    from hetengine.data.config import DataConfig
    from hetengine.data.files import existing_file
    from hetengine.store.convert import Request, convert
    from hetengine.store.place import check_place
    from hetengine.store.sources.choose import source_of

    for flag in ("out", "side"):
        if getattr(options, flag) is None:
            raise UsageError(f"convert: --{flag} is missing; see hetengine convert --help")
    check_place(options.out, force=options.force)
    allowed = ("data=", "data.", "seed=")
    for word in options.overrides:
        if not word.startswith(allowed):
            raise UsageError(f"convert: {word} does nothing here; allowed: data=, data.KEY=, seed=")
    config = compose(options.overrides)
    data = config.data
    if not isinstance(data, DataConfig):
        raise UsageError("convert: images are no linear model's data; choose another data set")
    dtype = np.dtype(options.precision)
    source = source_of(data, dtype, config.seed, options.out.parent)
    weights = getattr(source, "weights", None)
    if data.weights_path is not None:
        weights = np.asarray(
            read_array(existing_file(data.weights_path, "data.weights_path")), np.float64
        )
    request = Request(
        side=options.side,
        dtype=dtype,
        intercept=options.intercept,
        weights=weights,
        threshold=data.threshold,
        memory_bytes=memory_bytes(options.memory),
    )
    begun = time.perf_counter()
    header = convert(source, request, options.out, force=options.force, say=_say)
    sys.stdout.write(
        f"{options.out}: {header.rows:,} rows x {header.features:,} columns, {header.layout}, "
        f"{header.nbytes / 1e9:.2f} GB as {header.count:,} columns ({header.side}) in "
        f"{time.perf_counter() - begun:.1f} s; train on it: hetengine data=store "
        f"data.path={options.out} topology=cpu_disk\n"
    )


def _verify(path: Path) -> None:
    from hetengine.store.verify import verify

    begun = time.perf_counter()
    nbytes = verify(path, _say)
    sys.stdout.write(
        f"{path}: {nbytes / 1e9:.2f} GB verified in {time.perf_counter() - begun:.1f} s\n"
    )


def _say(message: str) -> None:
    sys.stderr.write(f"convert: {message}\n")
