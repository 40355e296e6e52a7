"""Kernels on matrices of features, shape (rows, features), one row per sample."""

from __future__ import annotations

from hetengine.device import Buffer
from hetengine.work import Work


def net_dense(
    x: Buffer,
    weights: Buffer,
    bias: Buffer,
    y: Buffer,
    rows: int,
    inputs: int,
    outputs: int,
    biased: int,
    relu: int,
) -> Work:
    """Fully connected layer: ``y = relu(x weights^T + bias)``.

    Parameters
    ----------
    x : Buffer, shape (rows, inputs)
        REAL.
    weights : Buffer, shape (outputs, inputs)
        REAL.
    bias : Buffer, shape (outputs,)
        REAL; not read unless ``biased`` (any buffer may stand here).
    y : Buffer, shape (rows, outputs)
        REAL.
    rows, inputs, outputs : int
        Extents.
    biased, relu : int
        1 to add the bias; 1 to clip below 0.
    """
    read = x.nbytes + weights.nbytes + biased * bias.nbytes
    return Work(2.0 * rows * inputs * outputs, read, y.nbytes)


def net_dense_back(
    x: Buffer,
    weights: Buffer,
    y: Buffer,
    dy: Buffer,
    dweights: Buffer,
    dbias: Buffer,
    dx: Buffer,
    rows: int,
    inputs: int,
    outputs: int,
    biased: int,
    relu: int,
    target: int,
) -> Work:
    """Gradients of `net_dense`: ``dweights = dy^T x``, ``dbias = sum of rows of dy``,
    ``dx = dy weights``.

    With relu, dy is first set to 0 where y is, in place. The first two are overwritten.

    Parameters
    ----------
    x, weights, y : Buffer
        As in `net_dense`; y is read with relu only.
    dy : Buffer, shape (rows, outputs)
        REAL.
    dweights : Buffer, shape (outputs, inputs)
        REAL.
    dbias : Buffer, shape (outputs,)
        REAL; not written unless ``biased``.
    dx : Buffer, shape (rows, inputs)
        REAL.
    rows, inputs, outputs : int
        Extents.
    biased, relu : int
        As in `net_dense`.
    target : int
        0, 1 or 2 for dx.
    """
    passes = 2 if target else 1
    read = x.nbytes + dy.nbytes + relu * y.nbytes + (weights.nbytes if target else 0)
    written = weights.nbytes + biased * dbias.nbytes + (dx.nbytes if target else 0)
    return Work(2.0 * passes * rows * inputs * outputs, read, written)


def net_relu(x: Buffer, z: Buffer, count: int) -> Work:
    """Clip below 0: ``z = max(x, 0)``.

    Parameters
    ----------
    x, z : Buffer
        Any shape, REAL.
    count : int
        Elements.
    """
    nbytes = count * x.dtype.itemsize
    return Work(count, nbytes, nbytes)


def net_relu_back(dz: Buffer, z: Buffer, count: int) -> Work:
    """Gradient of `net_relu`, in place: dz becomes 0 where z is not greater than 0.

    Parameters
    ----------
    dz, z : Buffer
        Any shape, REAL.
    count : int
        Elements.
    """
    nbytes = count * dz.dtype.itemsize
    return Work(count, 2 * nbytes, nbytes)


def net_add(x: Buffer, y: Buffer, count: int, target: int) -> Work:
    """Copy or add: ``y = x`` with target 1, ``y += x`` with target 2.

    Parameters
    ----------
    x, y : Buffer
        Any shape, REAL; whole planes too.
    count : int
        Elements, from the first.
    target : int
        1 or 2.
    """
    nbytes = count * x.dtype.itemsize
    return Work((target - 1) * count, target * nbytes, nbytes)
