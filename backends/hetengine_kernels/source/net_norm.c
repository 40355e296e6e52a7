/* Batch norm, biases, residual additions and ReLU, over planes and in chunks of positions.
 *
 * Coefficients are eight rows of one number per channel: scale, shift, mean, inverse deviation; a,
 * b, c of the backward pass; the last is unused. Partial sums lie as partials[channel][chunk][2].
 */
#include "lanes.h"

#define SCALE 0
#define SHIFT 1
#define MEAN 2
#define INVERSE 3
#define BACK_A 4
#define BACK_B 5
#define BACK_C 6

/* One coefficient of a channel. */
#define COEFFICIENT(values, row, channels, channel) ((values)[(row) * (INDEX)(channels) + (channel)])

/* Sum over the work-items of a group, handed to every one of them; `lanes` holds WG numbers. */
DEVICE SCALAR scalar_sum(SCALAR value, SHARED_POINTER SCALAR *lanes)
{
#if WG > 1
  lanes[LOCAL_ID] = value;
  BARRIER();
  for (int width = WG / 2; width > 0; width >>= 1) {
    if (LOCAL_ID < width) lanes[LOCAL_ID] += lanes[LOCAL_ID + width];
    BARRIER();
  }
  value = lanes[0];
  BARRIER();
#endif
  return value;
}

/* One of the two sums of a channel over all chunks. */
DEVICE SCALAR channel_sum(
    GLOBAL const SCALAR *partials, int channel, int chunks, int which,
    SHARED_POINTER SCALAR *lanes)
{
  GLOBAL const SCALAR *own = partials + (INDEX)channel * chunks * 2 + which;
  SCALAR sum = 0;
  for (int chunk = LOCAL_ID; chunk < chunks; chunk += WG) sum += own[(INDEX)chunk * 2];
  return scalar_sum(sum, lanes);
}

/* Leave both sums of a task's chunk. */
DEVICE void leave_sums(
    VECTOR first, VECTOR second, GLOBAL SCALAR *partials, INDEX task, SHARED_POINTER REAL *lanes)
{
  REAL mine[2];
  mine[0] = lane_sum(first);
  mine[1] = lane_sum(second);
  BARRIER();
  sum_rows(2, mine, lanes);
  for (int each = LOCAL_ID; each < 2; each += WG) partials[task * 2 + each] = lanes[each * WG];
}

/* Sums of the pixels of each channel and of their squares. */
KERNEL void net_sums(
    GLOBAL const REAL *RESTRICT y, GLOBAL const REAL *RESTRICT mask,
    GLOBAL SCALAR *RESTRICT partials, INDEX plane, int first, int span, int chunk, int channels)
{
  SHARED REAL lanes[MOST_ROWS * WG];
  int chunks = (span + chunk - 1) / chunk;
  for (int task = GROUP_ID; task < chunks * channels; task += NUM_GROUPS) {
    GLOBAL const REAL *from = y + task / chunks * plane + first;
    int begin = task % chunks * chunk, end = begin + chunk < span ? begin + chunk : span;
    VECTOR total = SPREAD(0), squares = SPREAD(0);
    for (int i = begin + LOCAL_ID * LANES; i < end; i += WG * LANES) {
      VECTOR value = LOAD(from + i), pixel = value * LOAD(mask + first + i);
      total += pixel;
      squares += pixel * value;
    }
    leave_sums(total, squares, partials, task, lanes);
  }
}

/* Statistics of the batch from those sums, the affine map, and the running statistics. */
KERNEL void net_norm(
    GLOBAL const SCALAR *RESTRICT partials, GLOBAL const REAL *RESTRICT gamma, INDEX gamma_at,
    GLOBAL const REAL *RESTRICT beta, INDEX beta_at, GLOBAL REAL *RESTRICT running,
    INDEX running_at, GLOBAL REAL *RESTRICT coefficients, int channels, int chunks, SCALAR pixels,
    SCALAR epsilon, SCALAR momentum)
{
  SHARED SCALAR lanes[WG];
  for (int channel = GROUP_ID; channel < channels; channel += NUM_GROUPS) {
    SCALAR mean = channel_sum(partials, channel, chunks, 0, lanes) / pixels;
    SCALAR square = channel_sum(partials, channel, chunks, 1, lanes) / pixels;
    if (LOCAL_ID == 0) {
      SCALAR spread = square - mean * mean;
      spread = spread < 0 ? (SCALAR)0 : spread; /* NaN stays NaN */
      SCALAR inverse = 1 / sqrt(spread + epsilon), scale = gamma[gamma_at + channel] * inverse;
      COEFFICIENT(coefficients, SCALE, channels, channel) = (REAL)scale;
      COEFFICIENT(coefficients, SHIFT, channels, channel) =
          (REAL)(beta[beta_at + channel] - mean * scale);
      COEFFICIENT(coefficients, MEAN, channels, channel) = (REAL)mean;
      COEFFICIENT(coefficients, INVERSE, channels, channel) = (REAL)inverse;
      GLOBAL REAL *means = running + running_at, *spreads = means + channels;
      SCALAR unbiased = pixels > 1 ? spread * pixels / (pixels - 1) : spread;
      means[channel] += (REAL)(momentum * (mean - means[channel]));
      spreads[channel] += (REAL)(momentum * (unbiased - spreads[channel]));
    }
  }
}

/* The affine map from the running statistics. */
KERNEL void net_norm_running(
    GLOBAL const REAL *RESTRICT gamma, INDEX gamma_at, GLOBAL const REAL *RESTRICT beta,
    INDEX beta_at, GLOBAL const REAL *RESTRICT running, INDEX running_at,
    GLOBAL REAL *RESTRICT coefficients, int channels, SCALAR epsilon)
{
  for (int channel = GROUP_ID * WG + LOCAL_ID; channel < channels; channel += NUM_GROUPS * WG) {
    GLOBAL const REAL *means = running + running_at, *spreads = means + channels;
    SCALAR scale = gamma[gamma_at + channel] / sqrt(spreads[channel] + epsilon);
    COEFFICIENT(coefficients, SCALE, channels, channel) = (REAL)scale;
    COEFFICIENT(coefficients, SHIFT, channels, channel) =
        (REAL)(beta[beta_at + channel] - means[channel] * scale);
  }
}

/* The affine map of a bias. */
KERNEL void net_bias(
    GLOBAL const REAL *RESTRICT bias, INDEX bias_at, GLOBAL REAL *RESTRICT coefficients,
    int channels)
{
  for (int channel = GROUP_ID * WG + LOCAL_ID; channel < channels; channel += NUM_GROUPS * WG) {
    COEFFICIENT(coefficients, SCALE, channels, channel) = (REAL)1;
    COEFFICIENT(coefficients, SHIFT, channels, channel) = bias[bias_at + channel];
  }
}

/* z = relu(scale y + shift + residual) mask. */
KERNEL void net_apply(
    GLOBAL const REAL *RESTRICT y, GLOBAL const REAL *RESTRICT coefficients,
    GLOBAL const REAL *RESTRICT r, GLOBAL const REAL *RESTRICT r_coefficients,
    GLOBAL const REAL *RESTRICT mask, GLOBAL REAL *RESTRICT z, INDEX plane, int first, int span,
    int chunk, int channels, int residual, int relu)
{
  int chunks = (span + chunk - 1) / chunk;
  for (int task = GROUP_ID; task < chunks * channels; task += NUM_GROUPS) {
    int channel = task / chunks;
    int begin = task % chunks * chunk, end = begin + chunk < span ? begin + chunk : span;
    INDEX at = channel * plane + first;
    REAL scale = COEFFICIENT(coefficients, SCALE, channels, channel);
    REAL shift = COEFFICIENT(coefficients, SHIFT, channels, channel), r_scale = 0;
    if (residual == 1) r_scale = (REAL)1;
    if (residual == 2) {
      r_scale = COEFFICIENT(r_coefficients, SCALE, channels, channel);
      shift += COEFFICIENT(r_coefficients, SHIFT, channels, channel);
    }
    for (int i = begin + LOCAL_ID * LANES; i < end; i += WG * LANES) {
      VECTOR value = scale * LOAD(y + at + i) + shift;
      if (residual) value += r_scale * LOAD(r + at + i);
      if (relu) value = value < SPREAD(0) ? SPREAD(0) : value; /* NaN stays NaN */
      STORE(value * LOAD(mask + first + i), z + at + i);
    }
  }
}

/* g = dz where z > 0 (relu), or dz mask, in place; sums of g and, if there was a norm, of g y. */
KERNEL void net_back_sums(
    GLOBAL REAL *RESTRICT dz, GLOBAL const REAL *RESTRICT z, GLOBAL const REAL *RESTRICT y,
    GLOBAL const REAL *RESTRICT mask, GLOBAL SCALAR *RESTRICT partials, INDEX plane, int first,
    int span, int chunk, int channels, int relu, int normed)
{
  SHARED REAL lanes[MOST_ROWS * WG];
  int chunks = (span + chunk - 1) / chunk;
  for (int task = GROUP_ID; task < chunks * channels; task += NUM_GROUPS) {
    INDEX at = task / chunks * plane + first;
    int begin = task % chunks * chunk, end = begin + chunk < span ? begin + chunk : span;
    VECTOR total = SPREAD(0), products = SPREAD(0);
    for (int i = begin + LOCAL_ID * LANES; i < end; i += WG * LANES) {
      VECTOR g = LOAD(dz + at + i);
      if (relu) {
        g = LOAD(z + at + i) > SPREAD(0) ? g : SPREAD(0);
      } else {
        g *= LOAD(mask + first + i);
      }
      STORE(g, dz + at + i);
      total += g;
      if (normed) products += g * LOAD(y + at + i);
    }
    leave_sums(total, products, partials, task, lanes);
  }
}

/* Gradients of gamma and beta, and the coefficients of the map from g to the gradient of y. */
KERNEL void net_norm_back(
    GLOBAL const SCALAR *RESTRICT partials, GLOBAL const REAL *RESTRICT gamma, INDEX gamma_at,
    GLOBAL REAL *RESTRICT dgamma, INDEX dgamma_at, GLOBAL REAL *RESTRICT dbeta, INDEX dbeta_at,
    GLOBAL REAL *RESTRICT coefficients, int channels, int chunks, SCALAR pixels)
{
  SHARED SCALAR lanes[WG];
  for (int channel = GROUP_ID; channel < channels; channel += NUM_GROUPS) {
    SCALAR total = channel_sum(partials, channel, chunks, 0, lanes);
    SCALAR products = channel_sum(partials, channel, chunks, 1, lanes);
    if (LOCAL_ID == 0) {
      SCALAR mean = COEFFICIENT(coefficients, MEAN, channels, channel);
      SCALAR inverse = COEFFICIENT(coefficients, INVERSE, channels, channel);
      SCALAR slope = (products - mean * total) * inverse, a = gamma[gamma_at + channel] * inverse;
      SCALAR b = -a * inverse * slope / pixels;
      dgamma[dgamma_at + channel] = (REAL)slope;
      dbeta[dbeta_at + channel] = (REAL)total;
      COEFFICIENT(coefficients, BACK_A, channels, channel) = (REAL)a;
      COEFFICIENT(coefficients, BACK_B, channels, channel) = (REAL)b;
      COEFFICIENT(coefficients, BACK_C, channels, channel) =
          (REAL)(-a * total / pixels - b * mean);
    }
  }
}

/* Gradient of a bias. */
KERNEL void net_bias_back(
    GLOBAL const SCALAR *RESTRICT partials, GLOBAL REAL *RESTRICT dbias, INDEX dbias_at,
    int channels, int chunks)
{
  SHARED SCALAR lanes[WG];
  for (int channel = GROUP_ID; channel < channels; channel += NUM_GROUPS) {
    SCALAR total = channel_sum(partials, channel, chunks, 0, lanes);
    if (LOCAL_ID == 0) dbias[dbias_at + channel] = (REAL)total;
  }
}

/* dy (or dy +) = (a g + b y + c) mask. */
KERNEL void net_norm_input(
    GLOBAL const REAL *g, GLOBAL const REAL *RESTRICT y, GLOBAL const REAL *RESTRICT coefficients,
    GLOBAL const REAL *RESTRICT mask, GLOBAL REAL *dy, INDEX plane, int first, int span, int chunk,
    int channels, int add)
{
  int chunks = (span + chunk - 1) / chunk;
  for (int task = GROUP_ID; task < chunks * channels; task += NUM_GROUPS) {
    int channel = task / chunks;
    int begin = task % chunks * chunk, end = begin + chunk < span ? begin + chunk : span;
    INDEX at = channel * plane + first;
    REAL a = COEFFICIENT(coefficients, BACK_A, channels, channel);
    REAL b = COEFFICIENT(coefficients, BACK_B, channels, channel);
    REAL c = COEFFICIENT(coefficients, BACK_C, channels, channel);
    for (int i = begin + LOCAL_ID * LANES; i < end; i += WG * LANES) {
      VECTOR value = a * LOAD(g + at + i) + b * LOAD(y + at + i) + c;
      value *= LOAD(mask + first + i);
      if (add) value += LOAD(dy + at + i);
      STORE(value, dy + at + i);
    }
  }
}
