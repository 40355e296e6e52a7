"""Preprocessing: what is learnt from the training rows is applied to the test rows as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hetengine.data.config import DataConfig
from hetengine.data.dataset import Dataset, Matrix, is_dense
from hetengine.data.validate import row_blocks
from hetengine.errors import UsageError


def preprocess(dataset: Dataset, config: DataConfig) -> Dataset:
    """Apply layout, tfidf, standardize and normalize, in this order, as far as they are asked for.

    Parameters
    ----------
    dataset : Dataset
        Training and possibly test examples. A dense X is changed in place, so it must not belong
        to a caller.
    config : DataConfig
        What to do.

    Returns
    -------
    Dataset
        With the same rows.

    Raises
    ------
    UsageError
        If tfidf is asked for on a dense matrix.
    """
    matrices = [dataset.X] if dataset.test is None else [dataset.X, dataset.test.X]
    if config.layout != "keep":
        matrices = [_stored_as(X, config.layout) for X in matrices]
    if config.tfidf:
        if is_dense(matrices[0]):
            raise UsageError(
                f"data.tfidf=true needs sparse counts, but {dataset.name} is dense; "
                "set data.tfidf=false or data.layout=sparse"
            )
        idf = inverse_document_frequency(matrices[0])
        matrices = [scale_columns(X, idf) for X in matrices]
    if config.standardize:
        mean, deviation = column_moments(matrices[0])
        matrices = [standardized(X, mean, deviation) for X in matrices]
    if config.normalize:
        matrices = [unit_rows(X) for X in matrices]
    test = None if dataset.test is None else replace(dataset.test, X=matrices[1])
    return replace(dataset, X=matrices[0], test=test)


def inverse_document_frequency(X: Matrix) -> np.ndarray:
    """Return ``ln((1 + rows) / (1 + df)) + 1`` of each column; df counts its nonzeros.

    This is the smoothed form, scikit-learn's default.

    Parameters
    ----------
    X : csr_array, shape (rows, columns)
        Counts.

    Returns
    -------
    numpy.ndarray of float64, shape (columns,)
        Weights.
    """
    frequency = np.bincount(X.indices[X.data != 0], minlength=X.shape[1])
    return np.log((1 + X.shape[0]) / (1 + frequency)) + 1


def column_moments(X: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column, zeros included, in two passes.

    Parameters
    ----------
    X : numpy.ndarray or csr_array, shape (rows, columns)
        Examples.

    Returns
    -------
    mean : numpy.ndarray of float64, shape (columns,)
        Column means.
    deviation : numpy.ndarray of float64, shape (columns,)
        Population standard deviations; 1 for a constant column, so that one can divide by them.
    """
    rows, columns = X.shape
    if is_dense(X):
        total = np.zeros(columns)
        for block in row_blocks(X):
            total += X[block].sum(axis=0, dtype=np.float64)
        mean = total / rows
        squares = np.zeros(columns)
        for block in row_blocks(X):
            squares += np.square(X[block] - mean).sum(axis=0)
        constant = X.min(axis=0) == X.max(axis=0)
    else:
        values = X.data.astype(np.float64)
        stored = np.bincount(X.indices, minlength=columns)
        mean = np.bincount(X.indices, values, minlength=columns) / rows
        centred = np.square(values - mean[X.indices])
        squares = np.bincount(X.indices, centred, minlength=columns)
        squares += (rows - stored) * np.square(mean)
        constant = X.min(axis=0).toarray().ravel() == X.max(axis=0).toarray().ravel()
    deviation = np.sqrt(squares / rows)
    return mean, np.where(constant | (deviation == 0), 1.0, deviation)


def unit_rows(X: Matrix) -> Matrix:
    """Scale each row to Euclidean length 1; rows of zeros stay.

    Parameters
    ----------
    X : numpy.ndarray or csr_array, shape (rows, columns)
        Examples; a dense one is changed in place.

    Returns
    -------
    numpy.ndarray or csr_array
        Scaled examples.
    """
    if is_dense(X):
        for block in row_blocks(X):
            lengths = np.sqrt(np.square(X[block], dtype=np.float64).sum(axis=1))
            X[block] /= np.where(lengths > 0, lengths, 1.0)[:, None]
        return X
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    values = X.data.astype(np.float64)
    lengths = np.sqrt(np.bincount(rows, np.square(values), minlength=X.shape[0]))
    return _with_values(X, values / np.where(lengths > 0, lengths, 1.0)[rows])


def scale_columns(X: Matrix, factor: np.ndarray) -> Matrix:
    """Multiply each column of a sparse matrix by a factor.

    Parameters
    ----------
    X : csr_array, shape (rows, columns)
        Examples.
    factor : numpy.ndarray, shape (at least columns,)
        One per column.

    Returns
    -------
    csr_array
        With the type of X.
    """
    return _with_values(X, X.data * factor[X.indices])


def standardized(X: Matrix, mean: np.ndarray, deviation: np.ndarray) -> Matrix:
    """Divide each column by its deviation; centre it first where the matrix is dense.

    Parameters
    ----------
    X : numpy.ndarray or csr_array, shape (rows, columns)
        Examples; a dense one is changed in place.
    mean, deviation : numpy.ndarray, shape (at least columns,)
        As from `column_moments`.

    Returns
    -------
    numpy.ndarray or csr_array
        Scaled examples.
    """
    if not is_dense(X):
        return scale_columns(X, 1 / deviation)
    for block in row_blocks(X):
        X[block] = (X[block] - mean) / deviation
    return X


def _stored_as(X: Matrix, layout: str) -> Matrix:
    from scipy.sparse import csr_array

    if layout == "dense":
        return X if is_dense(X) else X.toarray()
    return csr_array(X) if is_dense(X) else X


def _with_values(X: Matrix, values: np.ndarray) -> Matrix:
    from scipy.sparse import csr_array

    return csr_array((values.astype(X.dtype, copy=False), X.indices, X.indptr), shape=X.shape)
