/* Convolutions as stencils: 9 taps or 1, strides 1 and 2, forward and to the gradient of the input.
 *
 * Images lie as hetengine.nets.planes says, so each tap reads at a constant offset from where its
 * product goes. A work-item keeps OUTS channels of WIDE vectors of positions in registers. What is
 * packed for it: packed[tile][channel][tap][OUTS], zeros where a tile is not full.
 */
#include "lanes.h"
#include "taps.h"

#define OUTS 8
#if WG * LANES <= 128
  #define WIDE 2
#else
  #define WIDE 1
#endif
#define SPAN_OF_GROUP (WG * LANES * WIDE) /* divides hetengine.nets.planes.BLOCK */

/* The tap of the 3x3 window that is tap `tap` of what goes to phase 0 ... 3. */
DEVICE int window_tap(int tap, int phase)
{
  if (phase == 0) return 4;
  if (phase == 1) return 3 + 2 * tap;
  if (phase == 2) return 1 + 6 * tap;
  return tap / 2 * 6 + tap % 2 * 2;
}

/* Lay weights[output][channel][tap] out for `net_stencil`. With `back`, outputs and channels change
 * places; TO_PHASE + p then takes the taps that reach phase p. */
KERNEL void net_pack(
    GLOBAL const REAL *RESTRICT weights, INDEX weights_at, GLOBAL REAL *RESTRICT packed, int from,
    int channels, int outputs, int taps, int window, int kind, int back)
{
  int targets = back ? channels : outputs, sources = back ? outputs : channels;
  int tiles = (targets + OUTS - 1) / OUTS;
  for (int task = GROUP_ID; task < tiles * sources; task += NUM_GROUPS) {
    int tile = task / sources, source = task % sources;
    GLOBAL REAL *to = packed + from + (INDEX)task * taps * OUTS;
    for (int each = LOCAL_ID; each < taps * OUTS; each += WG) {
      int tap = each / OUTS, target = tile * OUTS + each % OUTS;
      int output = back ? source : target, channel = back ? target : source;
      if (kind >= TO_PHASE) {
        tap = window == 1 ? 0 : window_tap(tap, kind - TO_PHASE);
      } else if (back) {
        tap = taps - 1 - tap;
      }
      INDEX at = weights_at + ((INDEX)output * channels + channel) * window + tap;
      to[each] = target < targets ? weights[at] : (REAL)0;
    }
  }
}

#if WG > 1
  #define STAGED 8 /* channels whose weights a group keeps at hand */
  #define WEIGHTS SHARED_POINTER
#else
  #define WEIGHTS GLOBAL
#endif

/* Add the products of some channels to the sums of a work-item. */
DEVICE void add_channels(
    const int taps, const int *offsets, GLOBAL const REAL *RESTRICT x, INDEX plane, int count,
    WEIGHTS const REAL *RESTRICT weights, VECTOR (*sums)[WIDE])
{
  for (int channel = 0; channel < count; ++channel) {
#pragma unroll
    for (int tap = 0; tap < taps; ++tap) {
      VECTOR values[WIDE];
#pragma unroll
      for (int q = 0; q < WIDE; ++q) values[q] = LOAD(x + offsets[tap] + q * WG * LANES);
#pragma unroll
      for (int out = 0; out < OUTS; ++out) {
#pragma unroll
        for (int q = 0; q < WIDE; ++q) {
          sums[out][q] += weights[tap * OUTS + out] * values[q];
        }
      }
    }
    x += plane;
    weights += taps * OUTS;
  }
}

DEVICE void add_taps(
    const int taps, int kind, int row, int step, GLOBAL const REAL *RESTRICT x, INDEX plane,
    int channels, GLOBAL const REAL *RESTRICT weights, SHARED_POINTER REAL *staged,
    VECTOR (*sums)[WIDE])
{
  int offsets[9];
#pragma unroll
  for (int tap = 0; tap < taps; ++tap) offsets[tap] = tap_offset(tap, taps, kind, row, step);
#if WG > 1
  for (int first = 0; first < channels; first += STAGED) {
    int count = channels - first < STAGED ? channels - first : STAGED;
    BARRIER();
    for (int each = LOCAL_ID; each < count * taps * OUTS; each += WG) staged[each] = weights[each];
    BARRIER();
    add_channels(taps, offsets, x, plane, count, staged, sums);
    weights += STAGED * taps * OUTS;
    x += STAGED * plane;
  }
#else
  add_channels(taps, offsets, x, plane, channels, weights, sums);
#endif
}

/* y (or y +) = stencil of x, by chunks of positions and tiles of channels; phases follow each other
 * by `step` positions. With `norm`, each chunk
 * leaves the sums of its pixels and of their squares: partials[channel][chunk][2]. */
KERNEL void net_stencil(
    GLOBAL const REAL *RESTRICT x, GLOBAL const REAL *RESTRICT packed, int from,
    GLOBAL REAL *RESTRICT y, GLOBAL const REAL *RESTRICT mask, GLOBAL SCALAR *RESTRICT partials,
    INDEX x_plane, INDEX y_plane, INDEX y_first, int first, int span, int chunk, int row,
    int step, int channels, int outputs, int taps, int kind, int add, int norm)
{
  SHARED REAL lanes[MOST_ROWS * WG];
#if WG > 1
  SHARED REAL staged[STAGED * 9 * OUTS] ALIGNED;
#else
  SHARED REAL staged[1];
#endif
  int tiles = (outputs + OUTS - 1) / OUTS, chunks = (span + chunk - 1) / chunk;
  for (int task = GROUP_ID; task < chunks * tiles; task += NUM_GROUPS) {
    int tile = task % tiles, begin = task / tiles * chunk;
    int end = begin + chunk < span ? begin + chunk : span;
    GLOBAL const REAL *weights = packed + from + (INDEX)tile * channels * taps * OUTS;
    VECTOR total[OUTS], squares[OUTS];
#pragma unroll
    for (int out = 0; out < OUTS; ++out) {
      total[out] = SPREAD(0);
      squares[out] = SPREAD(0);
    }
    for (int i = begin + LOCAL_ID * LANES; i < end; i += SPAN_OF_GROUP) {
      VECTOR sums[OUTS][WIDE];
#pragma unroll
      for (int out = 0; out < OUTS; ++out) {
#pragma unroll
        for (int q = 0; q < WIDE; ++q) sums[out][q] = SPREAD(0);
      }
      GLOBAL const REAL *here = x + first + i;
      if (taps == 9) {
        add_taps(9, kind, row, step, here, x_plane, channels, weights, staged, sums);
      } else if (taps == 4) {
        add_taps(4, kind, row, step, here, x_plane, channels, weights, staged, sums);
      } else if (taps == 2) {
        add_taps(2, kind, row, step, here, x_plane, channels, weights, staged, sums);
      } else {
        add_taps(1, kind, row, step, here, x_plane, channels, weights, staged, sums);
      }
      GLOBAL REAL *to = y + (INDEX)tile * OUTS * y_plane + y_first + i;
#pragma unroll
      for (int out = 0; out < OUTS; ++out) {
#pragma unroll
        for (int q = 0; q < WIDE; ++q) {
          GLOBAL REAL *at = to + out * y_plane + q * WG * LANES;
          VECTOR value = sums[out][q];
          if (add) value += LOAD(at);
          STORE(value, at);
          if (norm) {
            VECTOR pixel = value * LOAD(mask + first + i + q * WG * LANES);
            total[out] += pixel;
            squares[out] += pixel * value;
          }
        }
      }
    }
    if (norm) {
      REAL mine[2 * OUTS];
#pragma unroll
      for (int out = 0; out < OUTS; ++out) {
        mine[2 * out] = lane_sum(total[out]);
        mine[2 * out + 1] = lane_sum(squares[out]);
      }
      BARRIER();
      sum_rows(2 * OUTS, mine, lanes);
      for (int each = LOCAL_ID; each < 2 * OUTS; each += WG) {
        int channel = tile * OUTS + each / 2;
        INDEX at = ((INDEX)channel * chunks + task / tiles) * 2 + each % 2;
        if (channel < outputs) partials[at] = lanes[each * WG];
      }
    }
  }
}

/* Zeros in planes count from `from` on, every `step` elements: phases that no tap reaches. */
KERNEL void net_clear(GLOBAL REAL *y, INDEX from, INDEX step, int planes, int span, int chunk)
{
  int chunks = (span + chunk - 1) / chunk;
  for (int task = GROUP_ID; task < chunks * planes; task += NUM_GROUPS) {
    GLOBAL REAL *to = y + from + (INDEX)(task / chunks) * step;
    int begin = task % chunks * chunk, end = begin + chunk < span ? begin + chunk : span;
    for (int i = begin + LOCAL_ID; i < end; i += WG) to[i] = (REAL)0;
  }
}
