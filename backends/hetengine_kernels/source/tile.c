/* Exact coordinate descent on tiles of dense columns: the same steps as one coordinate after the
 * other, arranged as matrix products (s-step, or Gram, coordinate descent).
 *
 * For the columns S of a tile, G = A_S^T A_S and u = A_S^T w are computed first; the steps then
 * need G and u only, and w += A_S factors closes the tile.
 */
#include "coordinate.h"
#include "order.h"

#define BLOCK 4
#define BLOCKS (TILE / BLOCK)
#define PAIRS (BLOCKS * (BLOCKS + 1) / 2)

/* Visit `k`, or the last one where the tile is not full. */
DEVICE INDEX tile_slot(
    GLOBAL const int *order, int k, int last, int count, SEED seed, int scatter)
{
  return slot_of(order, k < last ? k : last - 1, count, seed, scatter);
}

/* Gram matrices of the tiles that begin at visits first, first + TILE, ...; one group computes a
 * BLOCK x BLOCK piece, so that each element read serves BLOCK products. */
KERNEL void tile_gram(
    GLOBAL const REAL *RESTRICT values, INDEX length, GLOBAL const int *order, INDEX order_at,
    int count, int first, int last, int tiles, SEED seed, int scatter, GLOBAL REAL *RESTRICT gram)
{
  SHARED REAL lanes[WG];
  for (int piece = GROUP_ID; piece < tiles * PAIRS; piece += NUM_GROUPS) {
    int tile = piece / PAIRS, row = 0, rest = piece % PAIRS;
    while (rest > row) rest -= ++row;
    GLOBAL const REAL *a[BLOCK], *b[BLOCK];
    for (int k = 0; k < BLOCK; ++k) {
      int begin = first + tile * TILE;
      INDEX i = tile_slot(
          order + order_at, begin + row * BLOCK + k, last, count, seed, scatter);
      INDEX j = tile_slot(
          order + order_at, begin + rest * BLOCK + k, last, count, seed, scatter);
      a[k] = values + i * length;
      b[k] = values + j * length;
    }
    REAL sums[BLOCK][BLOCK] = {{0}};
    for (INDEX j = LOCAL_ID; j < length; j += WG) {
      for (int x = 0; x < BLOCK; ++x) {
        for (int y = 0; y < BLOCK; ++y) sums[x][y] += a[x][j] * b[y][j];
      }
    }
    GLOBAL REAL *own = gram + (INDEX)tile * TILE * TILE;
    for (int x = 0; x < BLOCK; ++x) {
      for (int y = 0; y < BLOCK; ++y) {
        REAL total = group_sum(sums[x][y], lanes);
        if (LOCAL_ID == 0) {
          own[(row * BLOCK + x) * TILE + rest * BLOCK + y] = total;
          own[(rest * BLOCK + y) * TILE + row * BLOCK + x] = total;
        }
      }
    }
  }
}

/* u = A_S^T w for one tile. */
KERNEL void tile_dots(
    GLOBAL const REAL *RESTRICT values, INDEX length, GLOBAL const int *order, INDEX order_at,
    int count, int first, int last, SEED seed, int scatter, GLOBAL const REAL *RESTRICT w,
    GLOBAL REAL *RESTRICT u)
{
  SHARED REAL lanes[WG];
  for (int k = first + GROUP_ID; k < last; k += NUM_GROUPS) {
    GLOBAL const REAL *RESTRICT column =
        values + slot_of(order + order_at, k, count, seed, scatter) * length;
    REAL part = 0;
    for (INDEX j = LOCAL_ID; j < length; j += WG) part += column[j] * w[j];
    REAL dot = group_sum(part, lanes);
    if (LOCAL_ID == 0) u[k - first] = dot;
  }
}

/* The steps of one tile, one after the other; one group. Adds to the sums, or begins them
 * afresh. The tile's Gram matrix starts at element `begin`. */
KERNEL void tile_steps(
    GLOBAL const REAL *RESTRICT gram, INDEX begin, GLOBAL const REAL *RESTRICT u, INDEX length,
    GLOBAL const int *order, INDEX order_at, int count, int first, int last, GLOBAL REAL *alpha,
    GLOBAL const REAL *RESTRICT h, GLOBAL const REAL *RESTRICT p, GLOBAL const REAL *RESTRICT q,
    GLOBAL REAL *gap, int kind, SCALAR smoothness, SCALAR sigma, SCALAR bound, SEED seed,
    int scatter, int fresh, GLOBAL REAL *RESTRICT factors, GLOBAL SCALAR *sums)
{
  SHARED REAL now[TILE];
  SHARED REAL factor[1];
  SCALAR met = 0, moved = 0;
  int size = last - first;
  for (int k = LOCAL_ID; k < size; k += WG) now[k] = u[k];
  BARRIER();
  for (int k = 0; k < size; ++k) {
    if (LOCAL_ID == 0) {
      INDEX i = slot_of(order + order_at, first + k, count, seed, scatter);
      factor[0] = visit(
          i, now[k], alpha, h, p, q, gap, kind, smoothness, sigma, bound, &met);
      factors[k] = factor[0];
    }
    BARRIER();
    REAL step = factor[0];
    if (step != 0) {
      moved += length;
      GLOBAL const REAL *RESTRICT row = gram + begin + k * TILE;
      for (int j = k + 1 + LOCAL_ID; j < size; j += WG) now[j] += step * row[j];
    }
    BARRIER();
  }
  if (LOCAL_ID == 0) {
    sums[0] = fresh ? met : sums[0] + met;
    sums[1] = fresh ? moved : sums[1] + moved;
  }
}

/* w += A_S factors for one tile: each group owns SPAN rows at a time, so nothing races. */
KERNEL void tile_add(
    GLOBAL const REAL *RESTRICT values, INDEX length, GLOBAL const int *order, INDEX order_at,
    int count, int first, int last, SEED seed, int scatter, GLOBAL const REAL *RESTRICT factors,
    GLOBAL REAL *RESTRICT w)
{
  SHARED INDEX starts[TILE];
  for (int k = LOCAL_ID; k < last - first; k += WG) {
    starts[k] = slot_of(order + order_at, first + k, count, seed, scatter) * length;
  }
  BARRIER();
  for (INDEX base = (INDEX)GROUP_ID * SPAN; base < length; base += (INDEX)NUM_GROUPS * SPAN) {
    INDEX end = base + SPAN < length ? base + SPAN : length;
#if WG == 1
    for (int k = 0; k < last - first; ++k) {
      REAL factor = factors[k];
      GLOBAL const REAL *RESTRICT column = values + starts[k];
      if (factor != 0) {
        for (INDEX j = base; j < end; ++j) w[j] += factor * column[j];
      }
    }
#else
    for (INDEX j = base + LOCAL_ID; j < end; j += WG) {
      REAL total = w[j];
      for (int k = 0; k < last - first; ++k) total += factors[k] * values[starts[k] + j];
      w[j] = total;
    }
#endif
  }
}
