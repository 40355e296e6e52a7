/* Numbers side by side, for the kernels of nets: a vector per work-item on a CPU, one number per
 * work-item on a GPU, whose work-items are the lanes themselves.
 *
 * Build option beside those of port.h: LANES (1, 2, 4, 8 or 16; above 1 in OpenCL C only).
 */
#ifndef HETENGINE_LANES_H
#define HETENGINE_LANES_H

#include "port.h"

#define JOINED_(a, b) a##b
#define JOINED(a, b) JOINED_(a, b)

#if LANES > 1
  #define VECTOR JOINED(REAL, LANES)
  #define LOAD(pointer) JOINED(vload, LANES)(0, pointer)
  #define STORE(value, pointer) JOINED(vstore, LANES)(value, 0, pointer)
#else
  #define VECTOR REAL
  #define LOAD(pointer) (*(pointer))
  #define STORE(value, pointer) (*(pointer) = (value))
#endif
#define SPREAD(value) ((VECTOR)(value))

/* Sum over the lanes of a vector. */
DEVICE REAL lane_sum(VECTOR value)
{
#if LANES == 16
  JOINED(REAL, 8) eight = value.lo + value.hi;
  JOINED(REAL, 4) four = eight.lo + eight.hi;
#elif LANES == 8
  JOINED(REAL, 4) four = value.lo + value.hi;
#elif LANES == 4
  VECTOR four = value;
#endif
#if LANES >= 4
  JOINED(REAL, 2) two = four.lo + four.hi;
  return two.x + two.y;
#elif LANES == 2
  return value.x + value.y;
#else
  return value;
#endif
}

/* Most numbers per work-item that `sum_rows` adds up at once. */
#define MOST_ROWS 18

/* Sum `count` numbers over the work-items of a group: the sum of number k is lanes[k * WG], once all
 * work-items are here. `lanes` holds MOST_ROWS * WG numbers and may be used again after a BARRIER. */
DEVICE void sum_rows(int count, const REAL *values, SHARED_POINTER REAL *lanes)
{
  for (int k = 0; k < count; ++k) lanes[k * WG + LOCAL_ID] = values[k];
#if WG > 1
  BARRIER();
  for (int width = WG / 2; width > 0; width >>= 1) {
    for (int each = LOCAL_ID; each < count * width; each += WG) {
      int at = each / width * WG + each % width;
      lanes[at] += lanes[at + width];
    }
    BARRIER();
  }
#endif
}

#endif
