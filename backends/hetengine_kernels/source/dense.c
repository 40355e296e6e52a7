/* Kernels for dense columns: column i is values[i * length ... (i + 1) * length - 1]. */
#include "coordinate.h"
#include "order.h"

#define AT_ONCE 4

/* Column of the k-th listed id, or of the last one where there are fewer. */
DEVICE GLOBAL const REAL *listed(
    GLOBAL const REAL *values, INDEX length, GLOBAL const INDEX *ids, INDEX k, int count)
{
  return values + ids[k < count ? k : count - 1] * length;
}

/* Store product and gap of the k-th listed column, if there is one. */
DEVICE void measure(
    REAL dot, GLOBAL const INDEX *ids, INDEX k, int count, GLOBAL const REAL *alpha,
    GLOBAL const REAL *p, GLOBAL const REAL *q, int kind, SCALAR bound, GLOBAL REAL *u,
    GLOBAL REAL *gap)
{
  if (LOCAL_ID == 0 && k < count) {
    INDEX i = ids[k];
    u[i] = dot;
    gap[i] = (REAL)coordinate_gap(kind, alpha[i], dot, p[i], q[i], bound);
  }
}

/* Products u_i and gaps of the listed columns, for one frozen (alpha, w). Each group reads w once
 * for AT_ONCE columns, whose sums are single variables because compilers keep those in registers. */
KERNEL void dense_gaps(
    GLOBAL const REAL *RESTRICT values, INDEX length, GLOBAL const INDEX *RESTRICT ids,
    INDEX ids_at, int count, GLOBAL const REAL *RESTRICT w, GLOBAL const REAL *RESTRICT alpha,
    GLOBAL const REAL *RESTRICT p, GLOBAL const REAL *RESTRICT q, int kind, SCALAR bound,
    GLOBAL REAL *RESTRICT u, GLOBAL REAL *RESTRICT gap)
{
  SHARED REAL lanes[WG];
  GLOBAL const INDEX *own = ids + ids_at;
  for (INDEX k = (INDEX)GROUP_ID * AT_ONCE; k < count; k += (INDEX)NUM_GROUPS * AT_ONCE) {
    GLOBAL const REAL *first = listed(values, length, own, k, count);
    GLOBAL const REAL *second = listed(values, length, own, k + 1, count);
    GLOBAL const REAL *third = listed(values, length, own, k + 2, count);
    GLOBAL const REAL *fourth = listed(values, length, own, k + 3, count);
    REAL one = 0, two = 0, three = 0, four = 0;
    for (INDEX j = LOCAL_ID; j < length; j += WG) {
      REAL factor = w[j];
      one += first[j] * factor;
      two += second[j] * factor;
      three += third[j] * factor;
      four += fourth[j] * factor;
    }
    REAL dot = group_sum(one, lanes);
    measure(dot, own, k, count, alpha, p, q, kind, bound, u, gap);
    dot = group_sum(two, lanes);
    measure(dot, own, k + 1, count, alpha, p, q, kind, bound, u, gap);
    dot = group_sum(three, lanes);
    measure(dot, own, k + 2, count, alpha, p, q, kind, bound, u, gap);
    dot = group_sum(four, lanes);
    measure(dot, own, k + 3, count, alpha, p, q, kind, bound, u, gap);
  }
}

/* Visits first ... last - 1 of an epoch: coordinate descent, one group per coordinate at a time.
 *
 * Several groups run at once and see each other's changes of w late or in parts (asynchronous
 * descent); one group alone is sequential descent, shuffles the order itself and needs no atomics.
 * Each group leaves a pair of partial sums: gaps met, elements moved.
 */
KERNEL void dense_epoch(
    GLOBAL const REAL *RESTRICT values, INDEX length, GLOBAL int *order, INDEX order_at,
    int count, int first, int last, GLOBAL REAL *alpha, GLOBAL const REAL *RESTRICT h,
    GLOBAL const REAL *RESTRICT p, GLOBAL const REAL *RESTRICT q, GLOBAL REAL *gap, GLOBAL REAL *w,
    int kind, SCALAR smoothness, SCALAR sigma, SCALAR bound, SEED seed, int scatter,
    GLOBAL SCALAR *partials)
{
  SHARED REAL lanes[WG];
  SHARED REAL factor[1];
  SCALAR met = 0, moved = 0;
  for (int k = first + GROUP_ID; k < last; k += NUM_GROUPS) {
    INDEX i = slot_of(order + order_at, k, count, seed, scatter);
    GLOBAL const REAL *RESTRICT column = values + i * length;
    REAL part = 0;
    for (INDEX j = LOCAL_ID; j < length; j += WG) part += column[j] * LOAD_FRESH(w + j);
    REAL dot = group_sum(part, lanes);
    if (LOCAL_ID == 0) {
      factor[0] =
          visit(i, dot, alpha, h, p, q, gap, kind, smoothness, sigma, bound, &met);
    }
    BARRIER();
    REAL step = factor[0];
    if (step != 0) {
      moved += length;
      if (NUM_GROUPS == 1) {
        for (INDEX j = LOCAL_ID; j < length; j += WG) w[j] += step * column[j];
      } else {
        for (INDEX j = LOCAL_ID; j < length; j += WG) shared_add(w + j, step * column[j]);
      }
    }
    BARRIER();
  }
  if (LOCAL_ID == 0) {
    partials[2 * GROUP_ID] = met;
    partials[2 * GROUP_ID + 1] = moved;
  }
}

/* Gather the listed columns one after another into a shipment. */
KERNEL void dense_pack(
    GLOBAL const REAL *RESTRICT values, INDEX length, GLOBAL const INDEX *RESTRICT ids,
    INDEX ids_at, int count, GLOBAL REAL *shipped, INDEX shipped_at)
{
  for (int k = GROUP_ID; k < count; k += NUM_GROUPS) {
    GLOBAL const REAL *RESTRICT from = values + ids[ids_at + k] * length;
    GLOBAL REAL *RESTRICT to = shipped + shipped_at + k * length;
    for (INDEX j = LOCAL_ID; j < length; j += WG) to[j] = from[j];
  }
}

/* Scatter a shipment into its slots; params holds (alpha, h, p, q) of each column. */
KERNEL void dense_unpack(
    GLOBAL const int *slots, INDEX slots_at, int count, GLOBAL const REAL *params,
    INDEX params_at, GLOBAL const REAL *shipped, INDEX shipped_at, GLOBAL REAL *RESTRICT values,
    INDEX length, GLOBAL REAL *alpha, GLOBAL REAL *h, GLOBAL REAL *p, GLOBAL REAL *q)
{
  for (int k = GROUP_ID; k < count; k += NUM_GROUPS) {
    INDEX slot = slots[slots_at + k];
    GLOBAL const REAL *RESTRICT from = shipped + shipped_at + k * length;
    GLOBAL REAL *RESTRICT to = values + slot * length;
    for (INDEX j = LOCAL_ID; j < length; j += WG) to[j] = from[j];
    if (LOCAL_ID == 0) {
      GLOBAL const REAL *own = params + params_at + 4 * (INDEX)k;
      alpha[slot] = own[0];
      h[slot] = own[1];
      p[slot] = own[2];
      q[slot] = own[3];
    }
  }
}

/* w += L A alpha over the listed columns: each group owns SPAN rows at a time, so nothing races. */
KERNEL void dense_combine(
    GLOBAL const REAL *RESTRICT values, INDEX length, GLOBAL const INDEX *RESTRICT ids,
    INDEX ids_at, int count, GLOBAL const REAL *RESTRICT alpha, SCALAR smoothness,
    GLOBAL REAL *RESTRICT w)
{
  for (INDEX base = (INDEX)GROUP_ID * SPAN; base < length; base += (INDEX)NUM_GROUPS * SPAN) {
    INDEX end = base + SPAN < length ? base + SPAN : length;
    for (int k = 0; k < count; ++k) {
      INDEX i = ids[ids_at + k];
      REAL factor = (REAL)(smoothness * alpha[i]);
      GLOBAL const REAL *RESTRICT column = values + i * length;
      for (INDEX j = base + LOCAL_ID; j < end; j += WG) w[j] += factor * column[j];
    }
  }
}

/* Squared norms of the listed columns, summed in SCALAR by each work-item. */
KERNEL void dense_square_norms(
    GLOBAL const REAL *RESTRICT values, INDEX length, GLOBAL const INDEX *RESTRICT ids,
    INDEX ids_at, int count, GLOBAL REAL *RESTRICT out)
{
  SHARED REAL lanes[WG];
  for (int k = GROUP_ID; k < count; k += NUM_GROUPS) {
    INDEX i = ids[ids_at + k];
    GLOBAL const REAL *RESTRICT column = values + i * length;
    SCALAR part = 0;
    for (INDEX j = LOCAL_ID; j < length; j += WG) part += (SCALAR)column[j] * (SCALAR)column[j];
    REAL total = group_sum((REAL)part, lanes);
    if (LOCAL_ID == 0) out[i] = total;
  }
}
