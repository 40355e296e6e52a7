/* Kernels for sparse columns: column i is values/indices[starts[i] ... starts[i] + lens[i] - 1]. */
#include "coordinate.h"
#include "order.h"

/* Products u_i and gaps of the listed columns, for one frozen (alpha, w). */
KERNEL void sparse_gaps(
    GLOBAL const REAL *RESTRICT values, GLOBAL const UINT *RESTRICT indices,
    GLOBAL const INDEX *RESTRICT starts, GLOBAL const int *RESTRICT lens,
    GLOBAL const INDEX *RESTRICT ids, INDEX ids_at, int count, GLOBAL const REAL *RESTRICT w,
    GLOBAL const REAL *RESTRICT alpha, GLOBAL const REAL *RESTRICT p,
    GLOBAL const REAL *RESTRICT q, int kind, SCALAR bound, GLOBAL REAL *RESTRICT u,
    GLOBAL REAL *RESTRICT gap)
{
  SHARED REAL lanes[WG];
  for (int k = GROUP_ID; k < count; k += NUM_GROUPS) {
    INDEX i = ids[ids_at + k];
    INDEX start = starts[i], end = start + lens[i];
    REAL part = 0;
    for (INDEX j = start + LOCAL_ID; j < end; j += WG) part += values[j] * w[indices[j]];
    REAL dot = group_sum(part, lanes);
    if (LOCAL_ID == 0) {
      u[i] = dot;
      gap[i] = (REAL)coordinate_gap(kind, alpha[i], dot, p[i], q[i], bound);
    }
  }
}

/* Visits first ... last - 1 of an epoch; see dense_epoch. */
KERNEL void sparse_epoch(
    GLOBAL const REAL *RESTRICT values, GLOBAL const UINT *RESTRICT indices,
    GLOBAL const INDEX *RESTRICT starts, GLOBAL const int *RESTRICT lens, GLOBAL int *order,
    INDEX order_at, int count, int first, int last, GLOBAL REAL *alpha,
    GLOBAL const REAL *RESTRICT h, GLOBAL const REAL *RESTRICT p, GLOBAL const REAL *RESTRICT q,
    GLOBAL REAL *gap, GLOBAL REAL *w, int kind, SCALAR smoothness, SCALAR sigma, SCALAR bound,
    SEED seed, int scatter, GLOBAL SCALAR *partials)
{
  SHARED REAL lanes[WG];
  SHARED REAL factor[1];
  SCALAR met = 0, moved = 0;
  for (int k = first + GROUP_ID; k < last; k += NUM_GROUPS) {
    INDEX i = slot_of(order + order_at, k, count, seed, scatter);
    INDEX start = starts[i], end = start + lens[i];
    REAL part = 0;
    for (INDEX j = start + LOCAL_ID; j < end; j += WG) {
      part += values[j] * LOAD_FRESH(w + indices[j]);
    }
    REAL dot = group_sum(part, lanes);
    if (LOCAL_ID == 0) {
      factor[0] =
          visit(i, dot, alpha, h, p, q, gap, kind, smoothness, sigma, bound, &met);
    }
    BARRIER();
    REAL step = factor[0];
    if (step != 0) {
      moved += lens[i];
      if (NUM_GROUPS == 1) {
        for (INDEX j = start + LOCAL_ID; j < end; j += WG) w[indices[j]] += step * values[j];
      } else {
        for (INDEX j = start + LOCAL_ID; j < end; j += WG) {
          shared_add(w + indices[j], step * values[j]);
        }
      }
    }
    BARRIER();
  }
  if (LOCAL_ID == 0) {
    partials[2 * GROUP_ID] = met;
    partials[2 * GROUP_ID + 1] = moved;
  }
}

/* Elements of shipped columns begin ... end - 1, summed by the whole group. */
DEVICE INDEX elements_between(
    GLOBAL const int *lens, int begin, int end, SHARED_POINTER INDEX *sums)
{
  INDEX total = 0;
  for (int k = begin + LOCAL_ID; k < end; k += WG) total += lens[k];
#if WG > 1
  sums[LOCAL_ID] = total;
  BARRIER();
  for (int width = WG / 2; width > 0; width >>= 1) {
    if (LOCAL_ID < width) sums[LOCAL_ID] += sums[LOCAL_ID + width];
    BARRIER();
  }
  total = sums[0];
  BARRIER();
#endif
  return total;
}

/* Gather the listed columns one after another into a shipment. */
KERNEL void sparse_pack(
    GLOBAL const REAL *RESTRICT values, GLOBAL const UINT *RESTRICT indices,
    GLOBAL const INDEX *RESTRICT starts, GLOBAL const int *RESTRICT lens,
    GLOBAL const INDEX *RESTRICT ids, INDEX ids_at, int count, GLOBAL REAL *shipped_values,
    INDEX shipped_values_at, GLOBAL UINT *shipped_indices, INDEX shipped_indices_at)
{
  INDEX at = 0;
  int next = 0;
  for (int k = GROUP_ID; k < count; k += NUM_GROUPS) {
    for (; next < k; ++next) at += lens[ids[ids_at + next]];
    INDEX start = starts[ids[ids_at + k]], size = lens[ids[ids_at + k]];
    for (INDEX j = LOCAL_ID; j < size; j += WG) {
      shipped_values[shipped_values_at + at + j] = values[start + j];
      shipped_indices[shipped_indices_at + at + j] = indices[start + j];
    }
  }
}

/* Scatter a shipment into its slots and extents; each group takes a run of consecutive columns. */
KERNEL void sparse_unpack(
    GLOBAL const int *slots, INDEX slots_at, int count, GLOBAL const REAL *params,
    INDEX params_at, GLOBAL const INDEX *shipped_starts, INDEX shipped_starts_at,
    GLOBAL const int *shipped_lens, INDEX shipped_lens_at, GLOBAL const REAL *shipped_values,
    INDEX shipped_values_at, GLOBAL const UINT *shipped_indices, INDEX shipped_indices_at,
    GLOBAL REAL *RESTRICT values, GLOBAL UINT *RESTRICT indices, GLOBAL INDEX *RESTRICT starts,
    GLOBAL int *RESTRICT lens, GLOBAL REAL *alpha, GLOBAL REAL *h, GLOBAL REAL *p, GLOBAL REAL *q)
{
  SHARED INDEX sums[WG];
  int run = (count + NUM_GROUPS - 1) / NUM_GROUPS;
  int begin = GROUP_ID * run < count ? GROUP_ID * run : count;
  int end = begin + run < count ? begin + run : count;
  INDEX at = elements_between(shipped_lens + shipped_lens_at, 0, begin, sums);
  for (int k = begin; k < end; ++k) {
    INDEX slot = slots[slots_at + k];
    INDEX start = shipped_starts[shipped_starts_at + k], size = shipped_lens[shipped_lens_at + k];
    for (INDEX j = LOCAL_ID; j < size; j += WG) {
      values[start + j] = shipped_values[shipped_values_at + at + j];
      indices[start + j] = shipped_indices[shipped_indices_at + at + j];
    }
    at += size;
    if (LOCAL_ID == 0) {
      GLOBAL const REAL *own = params + params_at + 4 * (INDEX)k;
      starts[slot] = start;
      lens[slot] = (int)size;
      alpha[slot] = own[0];
      h[slot] = own[1];
      p[slot] = own[2];
      q[slot] = own[3];
    }
  }
}

/* Move the listed slots' extents down to close all gaps; `order` ascends by start. One group: a
 * piece is read whole before it is written, and pieces ascend, so an extent may overlap its target.
 */
KERNEL void sparse_compact(
    GLOBAL REAL *values, GLOBAL UINT *indices, GLOBAL INDEX *starts, GLOBAL const int *lens,
    GLOBAL const int *order, INDEX order_at, int count)
{
  INDEX at = 0;
  for (int k = 0; k < count; ++k) {
    INDEX slot = order[order_at + k];
    INDEX start = starts[slot], size = lens[slot];
    BARRIER();
    for (INDEX base = 0; start != at && base < size; base += WG) {
      INDEX j = base + LOCAL_ID;
      REAL value = 0;
      UINT index = 0;
      if (j < size) {
        value = values[start + j];
        index = indices[start + j];
      }
      BARRIER();
      if (j < size) {
        values[at + j] = value;
        indices[at + j] = index;
      }
      BARRIER();
    }
    if (LOCAL_ID == 0) starts[slot] = at;
    at += size;
  }
}

/* w += L A alpha over the listed columns. */
KERNEL void sparse_combine(
    GLOBAL const REAL *RESTRICT values, GLOBAL const UINT *RESTRICT indices,
    GLOBAL const INDEX *RESTRICT starts, GLOBAL const int *RESTRICT lens,
    GLOBAL const INDEX *RESTRICT ids, INDEX ids_at, int count, GLOBAL const REAL *RESTRICT alpha,
    SCALAR smoothness, GLOBAL REAL *w)
{
  for (int k = GROUP_ID; k < count; k += NUM_GROUPS) {
    INDEX i = ids[ids_at + k];
    INDEX start = starts[i], end = start + lens[i];
    REAL factor = (REAL)(smoothness * alpha[i]);
    if (NUM_GROUPS == 1) {
      for (INDEX j = start + LOCAL_ID; j < end; j += WG) w[indices[j]] += factor * values[j];
    } else {
      for (INDEX j = start + LOCAL_ID; j < end; j += WG) {
        shared_add(w + indices[j], factor * values[j]);
      }
    }
    BARRIER();
  }
}

/* Squared norms of the listed columns, summed in SCALAR by each work-item. */
KERNEL void sparse_square_norms(
    GLOBAL const REAL *RESTRICT values, GLOBAL const UINT *RESTRICT indices,
    GLOBAL const INDEX *RESTRICT starts, GLOBAL const int *RESTRICT lens,
    GLOBAL const INDEX *RESTRICT ids, INDEX ids_at, int count, GLOBAL REAL *RESTRICT out)
{
  SHARED REAL lanes[WG];
  for (int k = GROUP_ID; k < count; k += NUM_GROUPS) {
    INDEX i = ids[ids_at + k];
    INDEX start = starts[i], end = start + lens[i];
    SCALAR part = 0;
    for (INDEX j = start + LOCAL_ID; j < end; j += WG) {
      part += (SCALAR)values[j] * (SCALAR)values[j];
    }
    REAL total = group_sum((REAL)part, lanes);
    if (LOCAL_ID == 0) out[i] = total;
  }
}
