"""Text files as sources: svmlight and CSV, plain or compressed, parsed some lines at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.config import DataConfig
from hetengine.data.dataset import Matrix
from hetengine.data.files import existing_file, opened, set_name
from hetengine.data.svmlight import parse_svmlight
from hetengine.data.table import csv_blocks
from hetengine.errors import DataError

_TEXT_SHARE = 4  # a parsed block, sklearn's buffers and the text itself


class Svmlight:
    """An svmlight file.

    Parameters
    ----------
    config : DataConfig
        With path, columns and index_base.
    dtype : numpy.dtype
        Type of a value.
    """

    layout = "sparse"

    def __init__(self, config: DataConfig, dtype: np.dtype[Any]) -> None:
        self._path = existing_file(str(config.path), "data.path")
        self._dtype = dtype
        self._index_base = config.index_base
        self._given = config.columns
        self._labels: list[np.ndarray] = []
        self._lowest: int | None = None
        self._highest = 0
        self._read = False
        self.name = set_name(self._path)
        self.consumed = 0
        self.nbytes: int | None = None

    @property
    def base(self) -> int:
        """Return the number of the first feature; ``auto`` is 1 where no line uses 0."""
        if self._index_base == "auto":
            return int(self._lowest is None or self._lowest > 0)
        return int(self._index_base == "one")

    @property
    def columns(self) -> int | None:
        """Return the number of features: as given, or once all lines have been read."""
        if self._given is not None or not self._read:
            return self._given
        return max(1, self._highest + 1 - self.base)

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        """Yield the rows of some lines at a time."""
        with opened(self._path) as stream:
            while lines := stream.readlines(max(1, nbytes // _TEXT_SHARE)):
                self.consumed += sum(map(len, lines))
                X, y = parse_svmlight(io.BytesIO(b"".join(lines)), self._path, self._dtype)
                if not y.size:
                    continue
                self._labels.append(y)
                if X.nnz:
                    self._highest = max(self._highest, int(X.indices.max()))
                    lowest = int(X.indices.min())
                    self._lowest = min(lowest, lowest if self._lowest is None else self._lowest)
                yield X
        self._read = True
        self._check()

    def labels(self) -> np.ndarray:
        """Return the labels of all lines."""
        return np.concatenate(self._labels)

    def _check(self) -> None:
        if not self._labels:
            raise DataError(
                f"{self._path}: no examples in the file; need lines 'label column:value ...'"
            )
        if self._lowest == 0 and self.base:
            raise DataError(f"{self._path}: column 0, but data.index_base=one; set it to auto")
        used = self._highest + 1 - self.base
        if self._given is not None and used > self._given:
            raise DataError(
                f"{self._path}: {used} columns, but data.columns={self._given}; set "
                f"data.columns={used}"
            )


class Csv:
    """A CSV file of numbers.

    Parameters
    ----------
    config : DataConfig
        With path, target_column, header and delimiter.
    dtype : numpy.dtype
        Type of a value.
    """

    layout = "dense"
    base = 0

    def __init__(self, config: DataConfig, dtype: np.dtype[Any]) -> None:
        self._path: Path = existing_file(str(config.path), "data.path")
        self._config = config
        self._dtype = dtype
        self._labels: list[np.ndarray] = []
        self.name = set_name(self._path)
        self.columns: int | None = None
        self.consumed = 0
        self.nbytes: int | None = None

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        """Yield the rows of some lines at a time."""
        config = self._config
        parts = csv_blocks(
            self._path,
            self._dtype,
            target_column=config.target_column,
            header=config.header,
            delimiter=config.delimiter,
            cells=max(1, nbytes // (_TEXT_SHARE * 16)),
        )
        for X, y in parts:
            self.columns = X.shape[1]
            self._labels.append(y)
            self.consumed += X.nbytes
            yield X

    def labels(self) -> np.ndarray:
        """Return the labels of all lines."""
        return np.concatenate(self._labels)
