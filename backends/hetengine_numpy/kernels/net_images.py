"""Batches of images into planes of 16-image lanes, and out of them into rows of features."""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.barrier import open_gate

_LANES = 16


@numba.njit(cache=True, nogil=True)
def mask(plane, first, images, height, width):
    """Write 1 where a plane has a pixel."""
    plane[:] = 0
    for image in range(images):
        for h in range(height):
            row = (image // _LANES * (height + 1) + h) * (width + 1)
            for w in range(width):
                plane[first + (row + w) * _LANES + image % _LANES] = 1


@numba.njit(cache=True, nogil=True)
def images(
    gate, part, parts, pixels, shifts, norm, out, first, length, count, channels, height, width
):
    """Crop, mirror and standardise raw images, a group of lanes at a time."""
    open_gate(gate, part)
    groups = (count + _LANES - 1) // _LANES
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        c = pair % channels
        g = pair // channels
        factor, offset = norm[c], norm[channels + c]
        for image in range(g * _LANES, min((g + 1) * _LANES, count)):
            down, right, flip = shifts[3 * image], shifts[3 * image + 1], shifts[3 * image + 2]
            source = (image * channels + c) * height * width
            for h in range(height):
                row = g * (height + 1) + h
                to = c * length + first + row * (width + 1) * _LANES + image - g * _LANES
                inside = 0 <= h - down < height
                at = source + (h - down) * width
                for w in range(width):
                    column = (width - 1 - w if flip else w) - right
                    value = offset
                    if inside and 0 <= column < width:
                        value += factor * pixels[at + column]
                    out[to + w * _LANES] = value


@numba.njit(cache=True, nogil=True)
def features(gate, part, parts, pixels, norm, out, rows, count, groups):
    """Standardise raw features."""
    open_gate(gate, part)
    for r in range(rows * part // parts, rows * (part + 1) // parts):
        for f in range(count):
            k = f * groups // count
            out[r * count + f] = norm[k] * pixels[r * count + f] + norm[groups + k]


@numba.njit(cache=True, nogil=True)
def average_pool(gate, part, parts, x, first, length, p, count, channels, height, width):
    """Mean of each image's pixels, summed in float64."""
    open_gate(gate, part)
    groups = (count + _LANES - 1) // _LANES
    totals = np.zeros(_LANES)
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        c = pair % channels
        g = pair // channels
        totals[:] = 0
        for h in range(height):
            row = c * length + first + (g * (height + 1) + h) * (width + 1) * _LANES
            for w in range(width):
                for lane in range(_LANES):
                    totals[lane] += x[row + w * _LANES + lane]
        for image in range(g * _LANES, min((g + 1) * _LANES, count)):
            p[image * channels + c] = totals[image - g * _LANES] / (height * width)


@numba.njit(cache=True, nogil=True)
def average_pool_back(
    gate, part, parts, dp, dx, first, length, count, channels, height, width, add
):
    """Spread each image's gradient over its pixels."""
    open_gate(gate, part)
    groups = (count + _LANES - 1) // _LANES
    values = np.zeros(_LANES, dx.dtype)
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        c = pair % channels
        g = pair // channels
        values[:] = 0
        for image in range(g * _LANES, min((g + 1) * _LANES, count)):
            values[image - g * _LANES] = dp[image * channels + c] / (height * width)
        for h in range(height):
            row = c * length + first + (g * (height + 1) + h) * (width + 1) * _LANES
            for w in range(width):
                for lane in range(_LANES):
                    at = row + w * _LANES + lane
                    dx[at] = values[lane] + (dx[at] if add else 0)


@numba.njit(cache=True, nogil=True)
def max_pool(
    gate,
    part,
    parts,
    x,
    x_first,
    x_length,
    z,
    first,
    length,
    count,
    channels,
    height,
    width,
    window,
):
    """Largest pixel of each window, NaN if there is one; lanes of no image stay zero."""
    open_gate(gate, part)
    groups = (count + _LANES - 1) // _LANES
    h_out, w_out = height // window, width // window
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        c = pair % channels
        g = pair // channels
        lanes = min(_LANES, count - g * _LANES)
        for h in range(h_out):
            to = c * length + first + (g * (h_out + 1) + h) * (w_out + 1) * _LANES
            for w in range(w_out):
                for dh in range(window):
                    row = g * (height + 1) + h * window + dh
                    at = (row * (width + 1) + w * window) * _LANES + c * x_length + x_first
                    for dw in range(window):
                        for lane in range(lanes):
                            value = x[at + dw * _LANES + lane]
                            best = z[to + w * _LANES + lane]
                            if dh + dw == 0 or value > best or value != value:
                                z[to + w * _LANES + lane] = value


@numba.njit(cache=True, nogil=True)
def max_pool_back(
    gate,
    part,
    parts,
    x,
    dx,
    x_first,
    x_length,
    dz,
    first,
    length,
    count,
    channels,
    height,
    width,
    window,
    add,
):
    """Give each window's gradient to the first of its largest pixels."""
    open_gate(gate, part)
    groups = (count + _LANES - 1) // _LANES
    h_out, w_out = height // window, width // window
    for pair in range(channels * groups * part // parts, channels * groups * (part + 1) // parts):
        c = pair % channels
        g = pair // channels
        lanes = min(_LANES, count - g * _LANES)
        if not add:
            begin = c * x_length + x_first + g * (height + 1) * (width + 1) * _LANES
            dx[begin : begin + (height * (width + 1) - 1) * _LANES] = 0
        for h in range(h_out):
            source = c * length + first + (g * (h_out + 1) + h) * (w_out + 1) * _LANES
            for w in range(w_out):
                row = g * (height + 1) + h * window
                corner = (row * (width + 1) + w * window) * _LANES + c * x_length + x_first
                for lane in range(lanes):
                    best = corner + lane
                    for dh in range(window):
                        for dw in range(window):
                            at = corner + (dh * (width + 1) + dw) * _LANES + lane
                            if x[at] > x[best] or (x[at] != x[at] and x[best] == x[best]):
                                best = at
                    dx[best] += dz[source + w * _LANES + lane]


@numba.njit(cache=True, nogil=True)
def flatten(gate, part, parts, x, first, length, p, count, channels, height, width):
    """Copy planes into rows of features."""
    open_gate(gate, part)
    for image in range(count * part // parts, count * (part + 1) // parts):
        to = image * channels * height * width
        for c in range(channels):
            for h in range(height):
                row = (image // _LANES * (height + 1) + h) * (width + 1)
                at = c * length + first + row * _LANES + image % _LANES
                for w in range(width):
                    p[to] = x[at + w * _LANES]
                    to += 1


@numba.njit(cache=True, nogil=True)
def flatten_back(gate, part, parts, dp, dx, first, length, count, channels, height, width, add):
    """Copy, or add, rows of features into planes."""
    open_gate(gate, part)
    for image in range(count * part // parts, count * (part + 1) // parts):
        at = image * channels * height * width
        for c in range(channels):
            for h in range(height):
                row = (image // _LANES * (height + 1) + h) * (width + 1)
                to = c * length + first + row * _LANES + image % _LANES
                for w in range(width):
                    old = dx[to + w * _LANES] if add else 0
                    dx[to + w * _LANES] = old + dp[at]
                    at += 1
