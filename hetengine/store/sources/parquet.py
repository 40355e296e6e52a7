"""Parquet files as sources, read by batches of rows; needs pyarrow (``hetengine[parquet]``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hetengine.data.config import DataConfig
from hetengine.data.dataset import Matrix
from hetengine.data.files import existing_file, set_name
from hetengine.data.table import target_index
from hetengine.errors import DataError, UsageError


class Parquet:
    """A Parquet file of numeric columns, one of which is the label.

    Parameters
    ----------
    config : DataConfig
        With path and target_column.

    Raises
    ------
    UsageError
        If pyarrow is not installed.
    DataError
        If the file cannot be read, or a column holds anything but numbers.
    """

    layout = "dense"
    base = 0

    def __init__(self, config: DataConfig) -> None:
        try:
            from pyarrow import parquet  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise UsageError(
                "data=parquet needs pyarrow; type pip install 'hetengine[parquet]'"
            ) from error
        self._path = existing_file(str(config.path), "data.path")
        try:
            self._file: Any = parquet.ParquetFile(self._path)
        except (OSError, ValueError) as error:
            raise DataError(f"{self._path}: not a readable Parquet file ({error})") from error
        names = self._file.schema_arrow.names
        self._target = target_index(config.target_column, len(names), str(self._path))
        self._labels: list[np.ndarray] = []
        self.columns: int | None = len(names) - 1
        self.name = set_name(self._path).removesuffix(".parquet")
        self.nbytes: int | None = None
        self.consumed = 0

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        """Yield some rows at a time."""
        width = 1 + (self.columns or 0)
        step = max(1, nbytes // (16 * width))
        row = 0
        for batch in self._file.iter_batches(batch_size=step):
            block = np.empty((batch.num_rows, width))
            for k, (name, column) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
                if column.null_count:
                    raise DataError(
                        f"{self._path}: column {name!r} has a missing value after row {row}; drop "
                        "or fill it before training"
                    )
                values = column.to_numpy(zero_copy_only=False)
                if values.dtype.kind not in "buif":
                    raise DataError(
                        f"{self._path}: column {name!r} holds {column.type}, no numbers"
                    )
                block[:, k] = values
            row += batch.num_rows
            self.consumed += block.nbytes
            self._labels.append(block[:, self._target].copy())
            yield np.delete(block, self._target, axis=1)

    def labels(self) -> np.ndarray:
        """Return the labels."""
        return np.concatenate(self._labels)
