/* The order of an epoch: every listed slot exactly once, in an order drawn from a seed. */
#ifndef HETENGINE_ORDER_H
#define HETENGINE_ORDER_H

#include "port.h"

/* Fisher-Yates with splitmix64, in place, by one work-item: the order of the NumPy backend. */
DEVICE void shuffle_in_place(GLOBAL int *order, int count, SEED seed)
{
  SEED state = seed;
  for (int i = count - 1; i > 0; --i) {
    state += (SEED)0x9E3779B97F4A7C15UL;
    SEED x = state;
    x = (x ^ (x >> 30)) * (SEED)0xBF58476D1CE4E5B9UL;
    x = (x ^ (x >> 27)) * (SEED)0x94D049BB133111EBUL;
    x = x ^ (x >> 31);
    int j = (int)(x % (SEED)(i + 1));
    int kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}

DEVICE UINT mixed(UINT x)
{
  x ^= x >> 16;
  x *= 0x7FEB352DU;
  x ^= x >> 15;
  x *= 0x846CA68BU;
  return x ^ (x >> 16);
}

/* Image of k under a seeded bijection of 0 ... count - 1: a Feistel network on the next even number
 * of bits, walked until it lands inside. Needs no memory and no order among the groups. */
DEVICE int permuted(int k, int count, SEED seed)
{
  UINT width = 1, low = (UINT)seed, high = (UINT)(seed >> 32), x = (UINT)k;
  while (width < 16 && (1U << (2 * width)) < (UINT)count) ++width;
  UINT mask = (1U << width) - 1;
  do {
    UINT left = x >> width, right = x & mask;
    for (UINT turn = 0; turn < 4; ++turn) {
      UINT kept = right;
      right = left ^ (mixed(right + mixed(turn & 1 ? high + turn : low + turn)) & mask);
      left = kept;
    }
    x = (left << width) | right;
  } while (x >= (UINT)count);
  return (int)x;
}

/* Slot of visit k; scatter says that the order has not been shuffled beforehand. */
DEVICE INDEX slot_of(GLOBAL const int *order, int k, int count, SEED seed, int scatter)
{
  return order[scatter ? permuted(k, count, seed) : k];
}

#endif
