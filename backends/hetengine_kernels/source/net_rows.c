/* Matrices of features with a row per sample, and flat vectors. */
#include "lanes.h"

#define TILE 4 /* rows, and outputs, that a work-item takes side by side */

/* y = relu(x weights^T + bias): sums over the inputs, which lie one after another in both. */
KERNEL void net_dense(
    GLOBAL const REAL *RESTRICT x, GLOBAL const REAL *RESTRICT weights, INDEX weights_at,
    GLOBAL const REAL *RESTRICT bias, INDEX bias_at, GLOBAL REAL *RESTRICT y, int rows, int inputs,
    int outputs, int biased, int relu)
{
  int down = (rows + TILE - 1) / TILE, across = (outputs + TILE - 1) / TILE;
  INDEX tasks = (INDEX)down * across, whole = inputs / LANES * LANES;
  for (INDEX task = GROUP_ID * (INDEX)WG + LOCAL_ID; task < tasks; task += NUM_GROUPS * (INDEX)WG) {
    int row = (int)(task / across) * TILE, output = (int)(task % across) * TILE;
    INDEX from[TILE], of[TILE]; /* the last ones again where a tile is not full */
    VECTOR sums[TILE][TILE];
    REAL rest[TILE][TILE];
#pragma unroll
    for (int k = 0; k < TILE; ++k) {
      from[k] = (INDEX)(row + k < rows ? row + k : rows - 1) * inputs;
      of[k] = weights_at + (INDEX)(output + k < outputs ? output + k : outputs - 1) * inputs;
#pragma unroll
      for (int j = 0; j < TILE; ++j) {
        sums[k][j] = SPREAD(0);
        rest[k][j] = 0;
      }
    }
    for (INDEX i = 0; i < whole; i += LANES) {
      VECTOR values[TILE];
#pragma unroll
      for (int k = 0; k < TILE; ++k) values[k] = LOAD(x + from[k] + i);
#pragma unroll
      for (int j = 0; j < TILE; ++j) {
        VECTOR weight = LOAD(weights + of[j] + i);
#pragma unroll
        for (int k = 0; k < TILE; ++k) sums[k][j] += values[k] * weight;
      }
    }
    for (INDEX i = whole; i < inputs; ++i) {
#pragma unroll
      for (int k = 0; k < TILE; ++k) {
#pragma unroll
        for (int j = 0; j < TILE; ++j) rest[k][j] += x[from[k] + i] * weights[of[j] + i];
      }
    }
#pragma unroll
    for (int k = 0; k < TILE; ++k) {
#pragma unroll
      for (int j = 0; j < TILE; ++j) {
        REAL value = lane_sum(sums[k][j]) + rest[k][j];
        if (row + k < rows && output + j < outputs) {
          if (biased) value += bias[bias_at + output + j];
          if (relu && value < 0) value = 0; /* NaN stays NaN */
          y[(INDEX)(row + k) * outputs + output + j] = value;
        }
      }
    }
  }
}

/* to (or to +) = a b, where a has any strides: the gradients of net_dense, for its input (a = dy)
 * and for its weights (a = dy transposed). */
KERNEL void net_product(
    GLOBAL const REAL *RESTRICT a, GLOBAL const REAL *RESTRICT b, INDEX b_at,
    GLOBAL REAL *RESTRICT to, INDEX to_at, int rows, int columns, int depth, int a_row,
    int a_column, int add)
{
  int down = (rows + TILE - 1) / TILE, across = columns / LANES + columns % LANES;
  INDEX tasks = (INDEX)down * across;
  for (INDEX task = GROUP_ID * (INDEX)WG + LOCAL_ID; task < tasks; task += NUM_GROUPS * (INDEX)WG) {
    int row = (int)(task / across) * TILE, piece = (int)(task % across);
    int single = piece >= columns / LANES; /* what is left of a row that whole vectors do not cover */
    int column = single ? columns / LANES * LANES + piece - columns / LANES : piece * LANES;
    INDEX from[TILE];
    VECTOR sums[TILE];
    REAL rest[TILE];
#pragma unroll
    for (int k = 0; k < TILE; ++k) {
      from[k] = (INDEX)(row + k < rows ? row + k : rows - 1) * a_row;
      sums[k] = SPREAD(0);
      rest[k] = 0;
    }
    for (INDEX deep = 0; deep < depth; ++deep) {
      GLOBAL const REAL *values = b + b_at + deep * columns + column;
      if (single) {
#pragma unroll
        for (int k = 0; k < TILE; ++k) rest[k] += a[from[k] + deep * a_column] * values[0];
      } else {
        VECTOR value = LOAD(values);
#pragma unroll
        for (int k = 0; k < TILE; ++k) sums[k] += a[from[k] + deep * a_column] * value;
      }
    }
#pragma unroll
    for (int k = 0; k < TILE; ++k) {
      GLOBAL REAL *at = to + to_at + (INDEX)(row + k) * columns + column;
      if (row + k < rows && single) {
        *at = add ? *at + rest[k] : rest[k];
      } else if (row + k < rows) {
        STORE(add ? LOAD(at) + sums[k] : sums[k], at);
      }
    }
  }
}

/* sums[n] = sum of a column. */
KERNEL void net_column_sums(
    GLOBAL const REAL *RESTRICT values, GLOBAL REAL *RESTRICT sums, INDEX sums_at, int rows,
    int columns)
{
  for (int n = GROUP_ID * WG + LOCAL_ID; n < columns; n += NUM_GROUPS * WG) {
    REAL sum = 0;
    for (INDEX m = 0; m < rows; ++m) sum += values[m * columns + n];
    sums[sums_at + n] = sum;
  }
}

/* Softmax cross-entropy of each row, and the gradient of the mean of weights times losses. */
KERNEL void net_cross_entropy(
    GLOBAL const REAL *RESTRICT logits, GLOBAL const int *RESTRICT labels,
    GLOBAL const REAL *RESTRICT weights, GLOBAL REAL *RESTRICT losses, GLOBAL REAL *RESTRICT hits,
    GLOBAL REAL *RESTRICT dlogits, int rows, int classes)
{
  for (int row = GROUP_ID * WG + LOCAL_ID; row < rows; row += NUM_GROUPS * WG) {
    GLOBAL const REAL *own = logits + (INDEX)row * classes;
    GLOBAL REAL *slopes = dlogits + (INDEX)row * classes;
    int label = labels[row], best = 0;
    for (int k = 1; k < classes; ++k) {
      if (own[k] > own[best]) best = k;
    }
    REAL sum = 0, weight = weights[row] / (REAL)rows;
    for (int k = 0; k < classes; ++k) sum += exp(own[k] - own[best]);
    for (int k = 0; k < classes; ++k) {
      REAL share = exp(own[k] - own[best]) / sum;
      slopes[k] = label < 0 ? (REAL)0 : weight * (share - (REAL)(k == label));
    }
    losses[row] = label < 0 ? (REAL)0 : log(sum) - (own[label] - own[best]);
    hits[row] = (REAL)(label >= 0 && best == label);
  }
}

/* What a chunk of a flat vector is: the loop over its elements. */
#define OVER_CHUNKS(count, chunk, begin, end)                                                     \
  for (INDEX begin = GROUP_ID * (INDEX)(chunk), end;                                              \
       end = begin + (chunk) < (count) ? begin + (chunk) : (INDEX)(count), begin < (count);       \
       begin += NUM_GROUPS * (INDEX)(chunk))

/* z = max(x, 0). */
KERNEL void net_relu(
    GLOBAL const REAL *RESTRICT x, GLOBAL REAL *RESTRICT z, INDEX count, int chunk)
{
  OVER_CHUNKS(count, chunk, begin, end) {
    for (INDEX i = begin + LOCAL_ID; i < end; i += WG) z[i] = x[i] < 0 ? (REAL)0 : x[i];
  }
}

/* dz = 0 where z is not above 0. */
KERNEL void net_relu_back(
    GLOBAL REAL *RESTRICT dz, GLOBAL const REAL *RESTRICT z, INDEX count, int chunk)
{
  OVER_CHUNKS(count, chunk, begin, end) {
    for (INDEX i = begin + LOCAL_ID; i < end; i += WG) dz[i] = z[i] > 0 ? dz[i] : (REAL)0;
  }
}

/* y = x, or y + x. */
KERNEL void net_add(
    GLOBAL const REAL *RESTRICT x, GLOBAL REAL *RESTRICT y, INDEX count, int chunk, int add)
{
  OVER_CHUNKS(count, chunk, begin, end) {
    if (add) {
      for (INDEX i = begin + LOCAL_ID; i < end; i += WG) y[i] += x[i];
    } else {
      for (INDEX i = begin + LOCAL_ID; i < end; i += WG) y[i] = x[i];
    }
  }
}

/* Some elements become a value. */
KERNEL void net_fill(GLOBAL REAL *to, INDEX from, INDEX count, int chunk, REAL value)
{
  OVER_CHUNKS(count, chunk, begin, end) {
    for (INDEX i = begin + LOCAL_ID; i < end; i += WG) to[from + i] = value;
  }
}

/* Momentum and weight decay as PyTorch has them: v = mu v + g + wd p, p -= lr v. */
KERNEL void net_sgd(
    GLOBAL REAL *RESTRICT parameters, GLOBAL const REAL *RESTRICT gradients,
    GLOBAL REAL *RESTRICT momentum, GLOBAL const REAL *RESTRICT hyper, INDEX count, int chunk)
{
  REAL rate = hyper[0], mu = hyper[1], decay = hyper[2];
  OVER_CHUNKS(count, chunk, begin, end) {
    for (INDEX i = begin + LOCAL_ID; i < end; i += WG) {
      REAL v = mu * momentum[i] + gradients[i] + decay * parameters[i];
      momentum[i] = v;
      parameters[i] -= rate * v;
    }
  }
}

/* Weighted sum of flat vectors, one after another in `stacked`. */
KERNEL void net_average(
    GLOBAL const REAL *RESTRICT stacked, GLOBAL const REAL *RESTRICT weights,
    GLOBAL REAL *RESTRICT out, int sources, INDEX count, int chunk)
{
  OVER_CHUNKS(count, chunk, begin, end) {
    for (INDEX i = begin + LOCAL_ID; i < end; i += WG) out[i] = weights[0] * stacked[i];
    for (int source = 1; source < sources; ++source) {
      REAL weight = weights[source];
      GLOBAL const REAL *from = stacked + source * count;
      for (INDEX i = begin + LOCAL_ID; i < end; i += WG) out[i] += weight * from[i];
    }
  }
}

#define STANDARDISED(pixels)                                                                      \
  for (INDEX row = GROUP_ID; row < rows; row += NUM_GROUPS) {                                     \
    for (INDEX f = LOCAL_ID; f < features; f += WG) {                                             \
      INDEX k = groups == 1 ? 0 : f, at = row * features + f;                                     \
      out[at] = norm[k] * (REAL)pixels[at] + norm[groups + k];                                    \
    }                                                                                             \
  }

/* Standardise features of bytes. */
KERNEL void net_features_uint8(
    GLOBAL const BYTE *RESTRICT pixels, GLOBAL const REAL *RESTRICT norm,
    GLOBAL REAL *RESTRICT out, int rows, int features, int groups)
{
  STANDARDISED(pixels)
}

/* The same for single precision. */
KERNEL void net_features_float32(
    GLOBAL const float *RESTRICT pixels, GLOBAL const REAL *RESTRICT norm,
    GLOBAL REAL *RESTRICT out, int rows, int features, int groups)
{
  STANDARDISED(pixels)
}

#if FP64
/* The same for double precision. */
KERNEL void net_features_float64(
    GLOBAL const double *RESTRICT pixels, GLOBAL const REAL *RESTRICT norm,
    GLOBAL REAL *RESTRICT out, int rows, int features, int groups)
{
  STANDARDISED(pixels)
}
#endif
