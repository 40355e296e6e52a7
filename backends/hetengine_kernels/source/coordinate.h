/* One coordinate: its gap and its exact update, for every kind of term.
 *
 * The formulas are those of hetengine.problems.terms; p and q mean what they mean there. SCALAR is
 * double wherever the device has it, also where the columns are float.
 */
#ifndef HETENGINE_COORDINATE_H
#define HETENGINE_COORDINATE_H

#include "port.h"

#define PENALTY 0
#define SQUARED 1
#define HINGE 2
#define SQUARED_HINGE 3
#define LOGISTIC 4
#define NEWTON_STEPS 60
#define ZERO ((SCALAR)0)
#define ONE ((SCALAR)1)
#define HALF ((SCALAR)0.5)

DEVICE SCALAR positive(SCALAR x)
{
  return x < ZERO ? ZERO : x; /* NaN stays NaN: a diverging run has to be noticed */
}

DEVICE SCALAR clipped(SCALAR x, SCALAR low, SCALAR high)
{
  return x < low ? low : (x > high ? high : x);
}

DEVICE SCALAR soft(SCALAR x, SCALAR threshold)
{
  return x < ZERO ? -positive(-x - threshold) : positive(x - threshold);
}

DEVICE SCALAR xlogx(SCALAR x)
{
  return x > ZERO ? x * log(x) : ZERO;
}

DEVICE SCALAR sigmoid(SCALAR x)
{
  SCALAR e = exp(-fabs(x));
  return x >= ZERO ? ONE / (ONE + e) : e / (ONE + e);
}

/* Root of z + m + h (c sigmoid(z) - b) by Newton steps kept on the half line that holds it. */
DEVICE SCALAR logistic_update(SCALAR b, SCALAR m, SCALAR h, SCALAR c)
{
  int low = m + h * (HALF * c - b) > ZERO;
  SCALAR z = log(b > TINY ? b : TINY) - log(c - b > TINY ? c - b : TINY);
  z = low ? -positive(-z) : positive(z);
  for (int k = 0; k < NEWTON_STEPS; ++k) {
    SCALAR s = sigmoid(z);
    SCALAR next = z - (z + m + h * (c * s - b)) / (ONE + h * c * s * (ONE - s));
    next = low ? -positive(-next) : positive(next);
    SCALAR scale = fabs(next) > ONE ? fabs(next) : ONE;
    int done = fabs(next - z) <= NEWTON_TOLERANCE * scale;
    z = next;
    if (done) break;
  }
  return c * sigmoid(z);
}

/* The exact minimiser over one coordinate, given u = a_i . w and h = L ||a_i||^2. Where q is the
 * weight of an example it may be 0: nothing is divided by it. */
DEVICE SCALAR coordinate_update(int kind, SCALAR a, SCALAR u, SCALAR h, SCALAR p, SCALAR q)
{
  if (kind == PENALTY) {
    if (h <= ZERO) return p > ZERO || q > ZERO ? ZERO : a;
    return soft(a * h - u, p) / (h + q);
  }
  if (kind == SQUARED) return q * (p - u + a * h) / (ONE + h * q);
  SCALAR b = p * a, m = p * u;
  if (kind == HINGE) {
    if (h <= ZERO) return p * (m < ONE ? q : ZERO);
    return p * clipped(b + (ONE - m) / h, ZERO, q);
  }
  if (kind == SQUARED_HINGE) return p * positive(q * (ONE - m + h * b) / (ONE + h * q));
  return p * logistic_update(clipped(b, ZERO, q), m, h, q);
}

/* The duality gap of one coordinate, as a sum of terms >= 0; bound is B of the Lasso's box. */
DEVICE SCALAR coordinate_gap(int kind, SCALAR a, SCALAR u, SCALAR p, SCALAR q, SCALAR bound)
{
  if (kind == PENALTY) {
    SCALAR excess = soft(u, p);
    SCALAR inner = positive(p * fabs(a) + a * clipped(u, -p, p));
    if (q > ZERO) return inner + (q * a + excess) * (q * a + excess) / (2 * q);
    return p > ZERO ? inner + positive(bound * fabs(excess) + a * excess) : ZERO;
  }
  if (q == ZERO) return ZERO;
  if (kind == SQUARED) {
    SCALAR r = q * (u - p) + a;
    return r * r / (2 * q);
  }
  SCALAR b = positive(p * a), m = p * u, short_of = ONE - m;
  if (kind == SQUARED_HINGE) {
    SCALAR r = q * positive(short_of) - b;
    return r * r / (2 * q) + b * positive(-short_of);
  }
  b = b > q ? q : b;
  if (kind == HINGE) return short_of > ZERO ? (q - b) * short_of : -b * short_of;
  SCALAR share = b / q, rest = ONE - share;
  SCALAR linear = m >= ZERO ? share * m : -rest * m;
  return q * positive(linear + xlogx(share) + xlogx(rest) + log1p(exp(-fabs(m))));
}

/* Visit coordinate i: store its gap and its new value, add its gap to met; return the factor that
 * its column enters w with. One work-item of a group calls it. */
DEVICE REAL visit(
    INDEX i, SCALAR u, GLOBAL REAL *alpha, GLOBAL const REAL *h, GLOBAL const REAL *p,
    GLOBAL const REAL *q, GLOBAL REAL *gap, int kind, SCALAR smoothness, SCALAR sigma,
    SCALAR bound, SCALAR *met)
{
  SCALAR before = alpha[i];
  SCALAR found = coordinate_gap(kind, before, u, p[i], q[i], bound);
  REAL after = (REAL)coordinate_update(kind, before, u, sigma * h[i], p[i], q[i]);
  gap[i] = (REAL)found;
  alpha[i] = after;
  *met += found;
  return (REAL)(smoothness * sigma * ((SCALAR)after - before));
}

#endif
