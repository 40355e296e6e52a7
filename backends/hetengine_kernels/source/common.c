/* Kernels that do not depend on the layout of the columns. */
#include "order.h"

/* Shuffle an order in place; one group. */
KERNEL void shuffle_order(GLOBAL int *order, INDEX order_at, int count, SEED seed)
{
  if (GROUP_ID == 0 && LOCAL_ID == 0) shuffle_in_place(order + order_at, count, seed);
}

/* Write the seeded bijection out, so that it can be looked at. */
KERNEL void permutation(GLOBAL int *image, int count, SEED seed)
{
  for (INDEX k = (INDEX)GROUP_ID * WG + LOCAL_ID; k < count; k += (INDEX)NUM_GROUPS * WG) {
    image[k] = permuted((int)k, count, seed);
  }
}

/* Sum the partial results of all groups, pair by pair, into the first pair; one group. */
KERNEL void sum_partials(GLOBAL SCALAR *partials, int count)
{
  if (GROUP_ID == 0 && LOCAL_ID < 2) {
    for (int part = LOCAL_ID; part < 2; part += WG) {
      SCALAR total = (SCALAR)0;
      for (int k = 0; k < count; ++k) total += partials[2 * k + part];
      partials[part] = total;
    }
  }
}

/* y = x + x, for probes: does this driver build, run and answer right? */
KERNEL void twice(GLOBAL const REAL *x, GLOBAL REAL *y, INDEX count)
{
  SHARED REAL lanes[WG];
  for (INDEX k = (INDEX)GROUP_ID * WG + LOCAL_ID; k < count; k += (INDEX)NUM_GROUPS * WG) {
    y[k] = x[k] + x[k];
  }
  if (group_sum((REAL)1, lanes) != (REAL)WG) y[0] = (REAL)-1;
}
