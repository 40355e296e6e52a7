"""Batch norm, biases, residual additions and ReLU over planes of 16-image lanes.

Work is cut into pairs of a channel and a group of images; each pair is one contiguous block that
includes its zero column, which the mask keeps at zero. Sums are float64 over float32 runs of
`_RUN` elements, pair by pair, so that they do not depend on the number of parts.
"""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.barrier import open_gate

# Sums may be reordered (that is what lets them use the vector unit); NaN and Inf keep their
# meaning, because a diverging run has to be noticed.
_SUMS = {"reassoc", "contract", "nsz"}
_RUN = 2048


@numba.njit(cache=True, nogil=True, fastmath=_SUMS)
def norm_sums(
    gate, part, parts, y, mask, first, length, channels, groups, image_stride, size, sums
):
    """Sums of y and of its squares per (group, channel)."""
    open_gate(gate, part)
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        c = pair % channels
        g = pair // channels
        at = first + g * image_stride
        total, squares = 0.0, 0.0
        for i in range(0, size, _RUN):
            n = min(_RUN, size - i)
            v = y[c * length + at + i : c * length + at + i + n]
            keep = mask[at + i : at + i + n]
            s = y.dtype.type(0)
            q = y.dtype.type(0)
            for j in range(n):
                value = v[j] * keep[j]
                s += value
                q += value * value
            total += s
            squares += q
        sums[g, c, 0] = total
        sums[g, c, 1] = squares


@numba.njit(cache=True, nogil=True)
def norm_coefficients(sums, gamma, beta, running, coefficients, channels, count, epsilon, momentum):
    """Affine map of batch norm from the sums of all pieces; moves the running statistics."""
    for c in range(channels):
        total, squares = 0.0, 0.0
        for k in range(sums.shape[0]):
            total += sums[k, c, 0]
            squares += sums[k, c, 1]
        mean = total / count
        variance = max(squares / count - mean * mean, 0.0)
        inverse = 1.0 / np.sqrt(variance + epsilon)
        scale = gamma[c] * inverse
        coefficients[c] = scale
        coefficients[channels + c] = beta[c] - mean * scale
        coefficients[2 * channels + c] = mean
        coefficients[3 * channels + c] = inverse
        unbiased = variance * count / (count - 1.0)
        running[c] += momentum * (mean - running[c])
        running[channels + c] += momentum * (unbiased - running[channels + c])


@numba.njit(cache=True, nogil=True)
def running_coefficients(gamma, beta, running, coefficients, channels, epsilon):
    """Affine map of batch norm from the running statistics."""
    for c in range(channels):
        scale = gamma[c] / np.sqrt(np.float64(running[channels + c]) + epsilon)
        coefficients[c] = scale
        coefficients[channels + c] = beta[c] - running[c] * scale


@numba.njit(cache=True, nogil=True)
def bias_coefficients(bias, coefficients, channels):
    """Affine map of a bias."""
    for c in range(channels):
        coefficients[c] = 1
        coefficients[channels + c] = bias[c]


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def apply(
    gate,
    part,
    parts,
    y,
    coefficients,
    r,
    r_coefficients,
    mask,
    z,
    first,
    length,
    channels,
    groups,
    image_stride,
    size,
    residual,
    relu,
):
    """``z = relu(scale y + shift + residual) mask``."""
    open_gate(gate, part)
    zero = y.dtype.type(0)
    floor = zero if relu else y.dtype.type(-np.inf)
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        c = pair % channels
        at = first + pair // channels * image_stride
        keep = mask[at : at + size]
        v = y[c * length + at : c * length + at + size]
        out = z[c * length + at : c * length + at + size]
        scale, shift = coefficients[c], coefficients[channels + c]
        if residual == 0:
            for i in range(size):
                value = scale * v[i] + shift
                out[i] = (floor if value < floor else value) * keep[i]
        else:
            other = r[c * length + at : c * length + at + size]
            r_scale, r_shift = y.dtype.type(1), zero
            if residual == 2:
                r_scale, r_shift = r_coefficients[c], r_coefficients[channels + c]
            shift += r_shift
            for i in range(size):
                value = scale * v[i] + shift + r_scale * other[i]
                out[i] = (floor if value < floor else value) * keep[i]


@numba.njit(cache=True, nogil=True, fastmath=_SUMS)
def norm_back_sums(
    gate,
    part,
    parts,
    dz,
    z,
    y,
    mask,
    first,
    length,
    channels,
    groups,
    image_stride,
    size,
    relu,
    sums,
):
    """``g`` over dz, and sums of g and of g y per (group, channel)."""
    open_gate(gate, part)
    zero = dz.dtype.type(0)
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        c = pair % channels
        g = pair // channels
        at = first + g * image_stride
        total, products = 0.0, 0.0
        for i in range(0, size, _RUN):
            n = min(_RUN, size - i)
            begin = c * length + at + i
            d = dz[begin : begin + n]
            v = y[begin : begin + n]
            s = zero
            q = zero
            if relu:
                positive = z[begin : begin + n]
                for j in range(n):
                    value = d[j] if positive[j] > 0 else zero
                    d[j] = value
                    s += value
                    q += value * v[j]
            else:
                keep = mask[at + i : at + i + n]
                for j in range(n):
                    value = d[j] * keep[j]
                    d[j] = value
                    s += value
                    q += value * v[j]
            total += s
            products += q
        sums[g, c, 0] = total
        sums[g, c, 1] = products


@numba.njit(cache=True, nogil=True)
def norm_back_coefficients(sums, coefficients, gamma, dgamma, dbeta, channels, count):
    """Gradients of gamma and beta, and the map a g + b y + c that gives the gradient of y."""
    for c in range(channels):
        total, products = 0.0, 0.0
        for k in range(sums.shape[0]):
            total += sums[k, c, 0]
            products += sums[k, c, 1]
        mean = np.float64(coefficients[2 * channels + c])
        inverse = np.float64(coefficients[3 * channels + c])
        slope = (products - mean * total) * inverse
        dbeta[c] = total
        dgamma[c] = slope
        a = gamma[c] * inverse
        b = -a * inverse * slope / count
        coefficients[4 * channels + c] = a
        coefficients[5 * channels + c] = b
        coefficients[6 * channels + c] = -a * total / count - b * mean


@numba.njit(cache=True, nogil=True)
def bias_gradient(sums, dbias, channels):
    """Add up the sums of g."""
    for c in range(channels):
        total = 0.0
        for k in range(sums.shape[0]):
            total += sums[k, c, 0]
        dbias[c] = total


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def norm_input(
    gate,
    part,
    parts,
    g,
    y,
    coefficients,
    mask,
    dy,
    first,
    dy_first,
    length,
    channels,
    groups,
    image_stride,
    size,
    add,
):
    """``dy = (a g + b y + c) mask``, or added to dy, from ``dy_first`` on in dy."""
    open_gate(gate, part)
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        k = pair % channels
        at = first + pair // channels * image_stride
        keep = mask[at : at + size]
        d = g[k * length + at : k * length + at + size]
        v = y[k * length + at : k * length + at + size]
        to = k * length + at + dy_first - first
        out = dy[to : to + size]
        a = coefficients[4 * channels + k]
        b = coefficients[5 * channels + k]
        c = coefficients[6 * channels + k]
        if add:
            for i in range(size):
                out[i] += (a * d[i] + b * v[i] + c) * keep[i]
        else:
            for i in range(size):
                out[i] = (a * d[i] + b * v[i] + c) * keep[i]
