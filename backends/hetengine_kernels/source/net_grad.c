/* Gradients of a convolution's weights: products of two planes, summed over all positions.
 *
 * A group takes OUTS outputs, one channel and a slice of the positions; each of its work-items
 * keeps OUTS sums for each of AT_ONCE taps in registers.
 */
#include "lanes.h"
#include "taps.h"

#define OUTS 8
#if LANES > 1
  #define AT_ONCE 3
#else
  #define AT_ONCE 9
#endif
#define ROWS_AT_ONCE (MOST_ROWS / AT_ONCE)

/* Add the products of positions begin ... end - 1 for taps first ... first + taps - 1. */
DEVICE void add_products(
    const int taps, const int *offsets, GLOBAL const REAL *RESTRICT x,
    GLOBAL const REAL *RESTRICT dy, INDEX plane, int begin, int end, VECTOR (*sums)[AT_ONCE])
{
  for (int i = begin + LOCAL_ID * LANES; i < end; i += WG * LANES) {
    VECTOR values[AT_ONCE];
#pragma unroll
    for (int tap = 0; tap < taps; ++tap) values[tap] = LOAD(x + offsets[tap] + i);
#pragma unroll
    for (int out = 0; out < OUTS; ++out) {
      VECTOR slope = LOAD(dy + out * plane + i);
#pragma unroll
      for (int tap = 0; tap < taps; ++tap) sums[out][tap] += slope * values[tap];
    }
  }
}

/* partials[slice][output][channel][tap] = sums of dy[output] times x[channel] moved by the tap. */
KERNEL void net_weights(
    GLOBAL const REAL *RESTRICT x, GLOBAL const REAL *RESTRICT dy, GLOBAL REAL *RESTRICT partials,
    INDEX x_plane, INDEX y_plane, int first, int span, int slice, int row, int step, int channels,
    int outputs, int taps, int kind)
{
  SHARED REAL lanes[MOST_ROWS * WG];
  int tiles = (outputs + OUTS - 1) / OUTS, slices = (span + slice - 1) / slice;
  for (int task = GROUP_ID; task < slices * tiles * channels; task += NUM_GROUPS) {
    int channel = task % channels, tile = task / channels % tiles;
    int number = task / channels / tiles, begin = number * slice;
    int end = begin + slice < span ? begin + slice : span;
    GLOBAL const REAL *from = x + channel * x_plane + first;
    GLOBAL const REAL *slopes = dy + (INDEX)tile * OUTS * y_plane + first;
    for (int tap = 0; tap < taps; tap += AT_ONCE) {
      VECTOR sums[OUTS][AT_ONCE];
      int offsets[AT_ONCE];
#pragma unroll
      for (int t = 0; t < AT_ONCE; ++t) {
        offsets[t] = tap_offset(tap + t, taps, kind, row, step);
#pragma unroll
        for (int out = 0; out < OUTS; ++out) sums[out][t] = SPREAD(0);
      }
      if (taps == 1) {
        add_products(1, offsets, from, slopes, y_plane, begin, end, sums);
      } else {
        add_products(AT_ONCE, offsets, from, slopes, y_plane, begin, end, sums);
      }
#pragma unroll
      for (int out = 0; out < OUTS; out += ROWS_AT_ONCE) {
        REAL mine[ROWS_AT_ONCE * AT_ONCE];
#pragma unroll
        for (int k = 0; k < ROWS_AT_ONCE * AT_ONCE; ++k) {
          int own = out + k / AT_ONCE;
          mine[k] = own < OUTS ? lane_sum(sums[own < OUTS ? own : 0][k % AT_ONCE]) : (REAL)0;
        }
        BARRIER();
        sum_rows(ROWS_AT_ONCE * AT_ONCE, mine, lanes);
        for (int k = LOCAL_ID; k < ROWS_AT_ONCE * AT_ONCE; k += WG) {
          int output = tile * OUTS + out + k / AT_ONCE, t = tap + k % AT_ONCE;
          INDEX at = (((INDEX)number * outputs + output) * channels + channel) * taps + t;
          if (out + k / AT_ONCE < OUTS && output < outputs && t < taps) {
            partials[at] = lanes[k * WG];
          }
        }
      }
    }
  }
}

/* gradient = sum of the slices. */
KERNEL void net_weights_sum(
    GLOBAL const REAL *RESTRICT partials, GLOBAL REAL *RESTRICT gradient, INDEX gradient_at,
    int count, int slices, int chunk)
{
  int chunks = (count + chunk - 1) / chunk;
  for (int task = GROUP_ID; task < chunks; task += NUM_GROUPS) {
    int begin = task * chunk, end = begin + chunk < count ? begin + chunk : count;
    for (int i = begin + LOCAL_ID; i < end; i += WG) {
      REAL sum = 0;
      for (int slice = 0; slice < slices; ++slice) sum += partials[(INDEX)slice * count + i];
      gradient[gradient_at + i] = sum;
    }
  }
}
