"""Kernels of the loss, of the update, and of averaging."""

from __future__ import annotations

from hetengine.device import Buffer
from hetengine.work import Work


def net_cross_entropy(
    logits: Buffer,
    labels: Buffer,
    weights: Buffer,
    losses: Buffer,
    hits: Buffer,
    dlogits: Buffer,
    rows: int,
    classes: int,
) -> Work:
    """Softmax cross-entropy per sample, and the gradient of the weighted losses' mean over rows.

    ``losses[r] = log(sum over q of exp(logits[r, q])) - logits[r, label]``, computed without
    overflow; ``hits[r]`` is 1 if no logit is larger than the label's and none before it is equal;
    ``dlogits[r] = weights[r] (softmax(logits[r]) - onehot(label)) / rows``; losses and hits are not
    weighted. A row whose label is negative is padding: loss, hit and gradient are 0. A NaN among
    the logits makes the loss NaN and the hit 0.

    Parameters
    ----------
    logits : Buffer, shape (rows, classes)
        REAL.
    labels : Buffer, shape (rows,), int32
        Classes; negative for padding.
    weights : Buffer, shape (rows,)
        REAL, of `hetengine.nets.model.Slot.weights`: 1/(D p) where samples are drawn by loss, else
        1.
    losses, hits : Buffer, shape (rows,)
        REAL.
    dlogits : Buffer, shape (rows, classes)
        REAL.
    rows, classes : int
        Extents.
    """
    written = losses.nbytes + hits.nbytes + dlogits.nbytes
    read = logits.nbytes + labels.nbytes + weights.nbytes
    return Work(6.0 * rows * classes, read, written)


def net_sgd(
    parameters: Buffer, gradients: Buffer, momentum: Buffer, hyper: Buffer, count: int
) -> Work:
    """One step of SGD, as PyTorch defines it: ``v = mu v + g + wd p``, ``p -= lr v``.

    Parameters
    ----------
    parameters, gradients, momentum : Buffer, shape (count,)
        REAL: p, g, v; p and v are updated.
    hyper : Buffer, shape (4,)
        REAL: lr, mu, wd and a 0.
    count : int
        Elements.
    """
    nbytes = count * parameters.dtype.itemsize
    return Work(6.0 * count, 3 * nbytes + hyper.nbytes, 2 * nbytes)


def net_average(stacked: Buffer, weights: Buffer, out: Buffer, sources: int, count: int) -> Work:
    """Weighted sum of flat vectors: ``out[i] = sum over s of weights[s] stacked[s, i]``.

    Parameters
    ----------
    stacked : Buffer, shape (sources, count)
        REAL, one vector after another.
    weights : Buffer, shape (sources,)
        REAL.
    out : Buffer, shape (count,)
        REAL.
    sources, count : int
        Extents.
    """
    return Work(2.0 * sources * count, stacked.nbytes + weights.nbytes, out.nbytes)
