"""Fully connected layers on rows of features, the loss, the update and averaging."""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.barrier import open_gate

# Sums may be reordered; NaN and Inf keep their meaning.
_SUMS = {"reassoc", "contract", "nsz"}
_ROWS = 4


@numba.njit(cache=True, nogil=True, fastmath=_SUMS)
def dense(gate, part, parts, x, weights, bias, y, rows, inputs, outputs, biased, relu):
    """``y = relu(x weights^T + bias)``, four rows at a time."""
    open_gate(gate, part)
    zero = x.dtype.type(0)
    blocks = (rows + _ROWS - 1) // _ROWS
    for block in range(blocks * part // parts, blocks * (part + 1) // parts):
        # The last block may reach back over rows that are done; they come out the same.
        r = max(min(block * _ROWS, rows - _ROWS), 0)
        r1, r2, r3 = min(r + 1, rows - 1), min(r + 2, rows - 1), min(r + 3, rows - 1)
        x0, x1 = x[r * inputs : (r + 1) * inputs], x[r1 * inputs : (r1 + 1) * inputs]
        x2, x3 = x[r2 * inputs : (r2 + 1) * inputs], x[r3 * inputs : (r3 + 1) * inputs]
        for o in range(outputs):
            w = weights[o * inputs : (o + 1) * inputs]
            s0, s1, s2, s3 = zero, zero, zero, zero
            for i in range(inputs):
                s0 += x0[i] * w[i]
                s1 += x1[i] * w[i]
                s2 += x2[i] * w[i]
                s3 += x3[i] * w[i]
            shift = bias[o] if biased else zero
            for at, total in ((r, s0), (r1, s1), (r2, s2), (r3, s3)):
                value = total + shift
                y[at * outputs + o] = zero if relu and value < 0 else value


@numba.njit(cache=True, nogil=True, fastmath=_SUMS)
def products(gate, part, parts, a, a_row, a_column, b, out, rows, inner, columns, add):
    """``out[r, :] = sum over k of a[r a_row + k a_column] b[k, :]``, or added to out.

    With (a_row, a_column) either a or its transpose is the left matrix.
    """
    open_gate(gate, part)
    zero = b.dtype.type(0)
    for r in range(rows * part // parts, rows * (part + 1) // parts):
        to = out[r * columns : (r + 1) * columns]
        if not add:
            to[:] = zero
        k = 0
        while k < inner:
            if k + _ROWS <= inner:
                at = r * a_row + k * a_column
                a0, a1 = a[at], a[at + a_column]
                a2, a3 = a[at + 2 * a_column], a[at + 3 * a_column]
                b0, b1 = (
                    b[k * columns : (k + 1) * columns],
                    b[(k + 1) * columns : (k + 2) * columns],
                )
                b2 = b[(k + 2) * columns : (k + 3) * columns]
                b3 = b[(k + 3) * columns : (k + 4) * columns]
                for i in range(columns):
                    to[i] += a0 * b0[i] + a1 * b1[i] + a2 * b2[i] + a3 * b3[i]
                k += _ROWS
            else:
                a0 = a[r * a_row + k * a_column]
                b0 = b[k * columns : (k + 1) * columns]
                for i in range(columns):
                    to[i] += a0 * b0[i]
                k += 1


@numba.njit(cache=True, nogil=True)
def column_sums(x, out, rows, columns):
    """Sum of the rows of a matrix, in float64."""
    for o in range(columns):
        total = 0.0
        for r in range(rows):
            total += x[r * columns + o]
        out[o] = total


@numba.njit(cache=True, nogil=True)
def relu(gate, part, parts, x, z, count):
    """``z = max(x, 0)``; NaN stays NaN."""
    open_gate(gate, part)
    for i in range(count * part // parts, count * (part + 1) // parts):
        z[i] = 0 if x[i] < 0 else x[i]


@numba.njit(cache=True, nogil=True)
def relu_back(gate, part, parts, dz, z, count):
    """Zero the gradient where z is not greater than 0."""
    open_gate(gate, part)
    for i in range(count * part // parts, count * (part + 1) // parts):
        if not z[i] > 0:
            dz[i] = 0


@numba.njit(cache=True, nogil=True)
def add(gate, part, parts, x, y, count, accumulate):
    """``y = x`` or ``y += x``."""
    open_gate(gate, part)
    begin, end = count * part // parts, count * (part + 1) // parts
    if accumulate:
        for i in range(begin, end):
            y[i] += x[i]
    else:
        y[begin:end] = x[begin:end]


@numba.njit(cache=True, nogil=True)
def cross_entropy(logits, labels, weights, losses, hits, dlogits, rows, classes):
    """Losses, hits and the gradient of the weighted mean, each row in float64."""
    for r in range(rows):
        z = logits[r * classes : (r + 1) * classes]
        d = dlogits[r * classes : (r + 1) * classes]
        label = labels[r]
        if label < 0:
            losses[r] = 0
            hits[r] = 0
            d[:] = 0
            continue
        best = 0
        for q in range(1, classes):
            if z[q] > z[best]:
                best = q
        top = np.float64(z[best])
        total = 0.0
        for q in range(classes):
            total += np.exp(np.float64(z[q]) - top)
        losses[r] = np.log(total) + top - z[label]
        hits[r] = 1 if best == label and total == total else 0
        for q in range(classes):
            share = np.exp(np.float64(z[q]) - top) / total
            d[q] = weights[r] * (share - (1.0 if q == label else 0.0)) / rows


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def sgd(gate, part, parts, parameters, gradients, momentum, hyper, count):
    """``v = mu v + g + wd p``, ``p -= lr v``."""
    open_gate(gate, part)
    rate, mu, decay = hyper[0], hyper[1], hyper[2]
    begin, end = count * part // parts, count * (part + 1) // parts
    p, g, v = parameters[begin:end], gradients[begin:end], momentum[begin:end]
    for i in range(p.size):
        velocity = mu * v[i] + g[i] + decay * p[i]
        v[i] = velocity
        p[i] -= rate * velocity


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def average(gate, part, parts, stacked, weights, out, sources, count):
    """Weighted sum of flat vectors, in the order they are stacked."""
    open_gate(gate, part)
    begin, end = count * part // parts, count * (part + 1) // parts
    to = out[begin:end]
    for s in range(sources):
        v = stacked[s * count + begin : s * count + end]
        w = weights[s]
        if s == 0:
            for i in range(v.size):
                to[i] = w * v[i]
        else:
            for i in range(v.size):
                to[i] += w * v[i]
