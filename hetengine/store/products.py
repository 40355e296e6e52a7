"""What is computed of the columns once, when they are written, so that no run has to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetengine.problems.dense import DenseColumns
from hetengine.problems.sparse import SparseColumns

Part = DenseColumns | SparseColumns
"""Some consecutive columns of a store."""


class Products:
    """Squared norms of the columns, and the products of X with labels and constant.

    Parameters
    ----------
    side : {'primal', 'dual'}
        Whether products belong to columns (A = X) or to entries of a column (A = X^T).
    count, length : int
        n and d.
    labels, constant : ndarray of float64, shape (N,)
        ``S y`` and ``S 1`` on the dual side; on the primal side, where the rows of A are scaled by
        the roots of the weights, ``root y`` and ``root``.
    """

    def __init__(
        self,
        side: str,
        count: int,
        length: int,
        labels: NDArray[np.float64],
        constant: NDArray[np.float64],
    ) -> None:
        self._per_column = side == "primal"
        size = count if self._per_column else length
        self._vectors = {"label_products": labels, "constant_products": constant}
        self.arrays = {name: np.zeros(size) for name in self._vectors}
        self.arrays["square_norms"] = np.zeros(count)

    def add(self, first: int, part: Part) -> None:
        """Take in the columns from ``first`` on.

        Parameters
        ----------
        first : int
            Number of the first one.
        part : DenseColumns or SparseColumns
            The columns.
        """
        mine = slice(first, first + part.count)
        self.arrays["square_norms"][mine] = part.square_norms()
        for name, vector in self._vectors.items():
            if self._per_column:
                self.arrays[name][mine] = part.dot(vector)
            else:
                self.arrays[name] += part.combine(vector[mine])
