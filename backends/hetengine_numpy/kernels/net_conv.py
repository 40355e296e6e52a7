"""Convolutions over planes of 16-image lanes (see `hetengine.nets.planes`), in register tiles.

Every function does part ``part`` of ``parts`` of its work. What is computed does not depend on the
number of parts, to the last bit: outputs are divided, and sums keep their order.
"""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.barrier import open_gate
from hetengine_numpy.kernels.net_simd import (
    SUM,
    TILE_CHANNELS,
    TILE_INPUTS,
    TILE_VECTORS,
    convolve,
    convolve_one,
    correlate,
    prefetch,
    prefetch_write,
)

_LANES = 16


@numba.njit(cache=True, nogil=True)
def pack(
    gate, part, parts, weights, packed, at, outputs, inputs, output_stride, input_stride, taps
):
    """Lay weights out as ``packed[at:][block, input, tap, TILE_CHANNELS]``, zeros filled in."""
    open_gate(gate, part)
    blocks = (outputs + TILE_CHANNELS - 1) // TILE_CHANNELS
    for block in range(blocks * part // parts, blocks * (part + 1) // parts):
        k = at + block * inputs * taps.size * TILE_CHANNELS
        for i in range(inputs):
            for t in range(taps.size):
                for o in range(block * TILE_CHANNELS, (block + 1) * TILE_CHANNELS):
                    if o < outputs:
                        packed[k] = weights[o * output_stride + i * input_stride + taps[t]]
                    else:
                        packed[k] = 0
                    k += 1


@numba.njit(cache=True, nogil=True)
def _ask_ahead(x, x_stride, channels, ahead, at, vector):
    """Ask for the pixels that the next row needs and this one does not."""
    for c in range(channels):
        for k in range(ahead.size):
            prefetch(x, c * x_stride + ahead[k] + at)
            prefetch(x, c * x_stride + ahead[k] + at + vector)


@numba.njit(cache=True, nogil=True)
def _ask_to_write(y, at, y_stride, channels, vector):
    """Ask for the next row's places in every channel."""
    for c in range(channels):
        prefetch_write(y, at + c * y_stride)
        prefetch_write(y, at + c * y_stride + vector)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc"})
def _sum_row(lanes, vector, sums, row):
    """Add up the lanes of one row and empty them."""
    for k in range(sums.shape[1]):
        for s in range(2):
            total = 0.0
            for v in range((2 * k + s) * vector, (2 * k + s + 1) * vector):
                total += np.float64(lanes[v])
                lanes[v] = 0
            sums[row, k, s] = total


@numba.njit(cache=True, nogil=True, fastmath={"reassoc"})
def conv(
    gate,
    part,
    parts,
    x,
    x_stride,
    channels,
    offsets,
    ahead,
    top,
    bottom,
    packed,
    packed_at,
    y,
    y_at,
    y_stride,
    blocks,
    groups,
    height,
    width,
    stride,
    vector,
    mode,
    sums,
):
    """Convolve rows of pixels; the first ``top`` taps of the first row and the last ``bottom`` of
    the last one only meet zeros and are left out. ``ahead`` are offsets of what the next row needs
    and this one does not.

    ``sums[row, channel, 0 or 1]`` takes each row's sums of y and of its squares, with mode `SUM`.
    """
    open_gate(gate, part)
    taps = offsets.size
    block_size = channels * taps * TILE_CHANNELS
    lanes = np.zeros(2 * blocks * TILE_CHANNELS * vector, x.dtype)
    count = width * _LANES
    rows = groups * height
    for row in range(rows * part // parts, rows * (part + 1) // parts):
        g = row // height
        h = row - g * height
        begin = top if h == 0 else 0
        end = taps - bottom if h == height - 1 else taps
        first = (g * (height + 1) + h) * stride
        for i in range(0, count - TILE_VECTORS * vector + 1, TILE_VECTORS * vector):
            _ask_ahead(x, x_stride, channels, ahead, first + i, vector)
            _ask_to_write(y, y_at + first + stride + i, y_stride, blocks * TILE_CHANNELS, vector)
            for b in range(blocks):
                out = y_at + b * TILE_CHANNELS * y_stride + first + i
                weights = (packed, packed_at + b * block_size)
                target = (y, out, y_stride, mode, lanes, b * TILE_CHANNELS * 2 * vector)
                convolve(x, first + i, x_stride, channels, offsets, begin, end, *weights, *target)
        for i in range(count - count % (TILE_VECTORS * vector), count, vector):
            for b in range(blocks):
                out = y_at + b * TILE_CHANNELS * y_stride + first + i
                weights = (packed, packed_at + b * block_size)
                target = (y, out, y_stride, mode, lanes, b * TILE_CHANNELS * 2 * vector)
                taken = (x, first + i, x_stride, channels, offsets, begin, end)
                convolve_one(*taken, *weights, *target)
        if mode == SUM:
            _sum_row(lanes, vector, sums, row)


@numba.njit(cache=True, nogil=True)
def _prefetch_rows(array, at, groups, image_stride, rows, stride, width, line):
    """Ask for the pixels of some rows of one plane, of each of some groups."""
    for g in range(groups):
        for h in range(rows):
            begin = at + g * image_stride + h * stride
            for i in range(begin, begin + width * _LANES, line):
                prefetch(array, i)


@numba.njit(cache=True, nogil=True)
def conv_weights(
    gate,
    part,
    parts,
    x,
    x_at,
    inputs,
    fetched,
    row_shifts,
    dy,
    first,
    y_stride,
    blocks,
    groups,
    height,
    width,
    stride,
    group_chunk,
    row_chunk,
    out,
):
    """Correlate dy with triples of inputs: ``out[block, triple, TILE_CHANNELS, TILE_INPUTS]``.

    Added to what is in out. ``inputs[triple]`` are positions in x, behind ``x_at``, that meet
    position ``first`` of dy; inputs that lie
    ``row_shifts[triple]`` rows away only meet zeros in the first or last row, which is left out.
    Those that are ``fetched`` are asked for one chunk ahead.
    """
    open_gate(gate, part)
    triples = row_shifts.size
    image_stride = (height + 1) * stride
    tile = TILE_CHANNELS * TILE_INPUTS
    line = 64 // x.itemsize
    begin_triple = triples * part // parts
    end_triple = triples * (part + 1) // parts
    for g in range(0, groups, group_chunk):
        group_count = min(group_chunk, groups - g)
        for h in range(0, height, row_chunk):
            next_g = g if h + row_chunk < height else g + group_chunk
            next_h = h + row_chunk if h + row_chunk < height else 0
            next_at = next_g * image_stride + next_h * stride
            next_groups = min(group_chunk, groups - next_g)
            for b in range(blocks):
                y_at = first + b * TILE_CHANNELS * y_stride
                for k in range(begin_triple, end_triple):
                    extents = (next_groups, image_stride, row_chunk, stride, width, line)
                    for o in range(k - begin_triple, TILE_CHANNELS, end_triple - begin_triple):
                        _prefetch_rows(dy, y_at + o * y_stride + next_at, *extents)
                    for j in range(TILE_INPUTS):
                        if b == 0 and fetched[k, j]:
                            _prefetch_rows(x, x_at + inputs[k, j] + next_at, *extents)
                    begin = max(h, -row_shifts[k])
                    end = min(h + row_chunk, height - row_shifts[k], height)
                    if begin < end:
                        at = g * image_stride + begin * stride
                        base = x_at + at
                        triple = (base + inputs[k, 0], base + inputs[k, 1], base + inputs[k, 2])
                        rows = (group_count, image_stride, end - begin, stride, width * _LANES)
                        place = (b * triples + k) * tile
                        correlate(x, *triple, dy, y_at + at, y_stride, *rows, out, place)


@numba.njit(cache=True, nogil=True)
def unpack_weights(out, dweights, channels, outputs, taps):
    """Bring the tiles of `conv_weights` into the layout (outputs, channels, taps)."""
    per_channel = channels * taps
    triples = (per_channel + TILE_INPUTS - 1) // TILE_INPUTS
    for k in range(outputs):
        b = k // TILE_CHANNELS
        o = k - b * TILE_CHANNELS
        for j in range(per_channel):
            triple = j // TILE_INPUTS
            at = ((b * triples + triple) * TILE_CHANNELS + o) * TILE_INPUTS
            dweights[k * per_channel + j] = out[at + j - triple * TILE_INPUTS]


@numba.njit(cache=True, nogil=True)
def split(
    gate, part, parts, x, x_first, x_length, phases, first, length, channels, groups, height, width
):
    """Copy pixel vectors into four phases."""
    open_gate(gate, part)
    x_stride = (width + 1) * _LANES
    half = (height + 1) // 2
    stride = ((width + 1) // 2 + 1) * _LANES
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        for g in range(groups):
            for h in range(height):
                source = c * x_length + x_first + (g * (height + 1) + h) * x_stride
                row = first + (g * (half + 1) + h // 2) * stride
                target = (4 * c + 2 * (h % 2)) * length + row
                for w in range(width):
                    to = target + (w % 2) * length + w // 2 * _LANES
                    for lane in range(_LANES):
                        phases[to + lane] = x[source + w * _LANES + lane]


@numba.njit(cache=True, nogil=True)
def merge(
    gate,
    part,
    parts,
    phases,
    first,
    length,
    x,
    x_first,
    x_length,
    channels,
    groups,
    height,
    width,
    add,
):
    """Copy, or add, four phases of pixel vectors into planes."""
    open_gate(gate, part)
    x_stride = (width + 1) * _LANES
    half = (height + 1) // 2
    stride = ((width + 1) // 2 + 1) * _LANES
    for c in range(channels * part // parts, channels * (part + 1) // parts):
        for g in range(groups):
            for h in range(height):
                target = c * x_length + x_first + (g * (height + 1) + h) * x_stride
                row = first + (g * (half + 1) + h // 2) * stride
                source = (4 * c + 2 * (h % 2)) * length + row
                for w in range(width):
                    at = source + (w % 2) * length + w // 2 * _LANES
                    to = target + w * _LANES
                    for lane in range(_LANES):
                        old = x[to + lane] if add else 0
                        x[to + lane] = old + phases[at + lane]
