/* Where the taps of a convolution read, in the flat planes of hetengine.nets.planes. */
#ifndef HETENGINE_TAPS_H
#define HETENGINE_TAPS_H

#include "port.h"

#define IMAGES 16 /* that lie side by side: LANES of hetengine.nets.planes */

/* How a stencil moves: over planes; over the phases of its input; to a phase of its input. */
#define PLAIN 0
#define FROM_PHASES 1
#define TO_PHASE 2

/* Offset of a tap from the position that its product goes to; phases lie `step` apart. */
DEVICE int tap_offset(int tap, int taps, int kind, int row, int step)
{
  if (taps == 1) return 0;
  if (kind == PLAIN) return (tap / 3 - 1) * row + (tap % 3 - 1) * IMAGES;
  if (kind == FROM_PHASES) {
    int down = tap / 3, right = tap % 3, phase = (down != 1 ? 2 : 0) + (right != 1);
    return phase * step - (down == 0 ? row : 0) - (right == 0 ? IMAGES : 0);
  }
  if (taps == 4) return (tap < 2 ? row : 0) + (tap % 2 == 0 ? IMAGES : 0);
  return tap == 1 ? 0 : (kind == TO_PHASE + 1 ? IMAGES : row);
}

#endif
