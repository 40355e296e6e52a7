/* Images into planes, pooling, phases: pixels of IMAGES images side by side, row by row.
 *
 * A work-item handles LANES of them at a time; LANES divides IMAGES.
 */
#include "lanes.h"
#include "taps.h"

/* Position of a row of a group of images, from the first pixel of its plane. */
DEVICE INDEX row_at(INDEX group, int h, int height, int width)
{
  return (group * (height + 1) + h) * (width + 1) * IMAGES;
}

/* Groups that so many images make. */
DEVICE int groups_of(int images)
{
  return (images + IMAGES - 1) / IMAGES;
}

/* One where a plane has a pixel, zero elsewhere. */
KERNEL void net_mask(
    GLOBAL REAL *mask, int count, int first, int images, int height, int width)
{
  for (int at = GROUP_ID * WG + LOCAL_ID; at < count; at += NUM_GROUPS * WG) {
    int lane = (at - first) % IMAGES, place = (at - first) / IMAGES;
    int w = place % (width + 1), line = place / (width + 1), h = line % (height + 1);
    int inside = line / (height + 1) * IMAGES + lane < images && h < height && w < width;
    int pixel = at >= first && inside;
    mask[at] = (REAL)pixel;
  }
}

/* Element of the raw pixels that pixel (image, h, w) shows; below 0 if it lies outside. */
DEVICE INDEX raw_at(
    GLOBAL const int *shifts, INDEX channel, INDEX image, int h, int w, int channels, int height,
    int width)
{
  GLOBAL const int *own = shifts + 3 * image;
  int from = h - own[0], column = (own[2] ? width - 1 - w : w) - own[1];
  if (from < 0 || from >= height || column < 0 || column >= width) return -1;
  return ((image * channels + channel) * height + from) * width + column;
}

#define CROPPED(pixels)                                                                           \
  int groups = groups_of(images);                                                                 \
  for (INDEX task = GROUP_ID; task < (INDEX)channels * groups * height; task += NUM_GROUPS) {     \
    int h = (int)(task % height), group = (int)(task / height % groups);                          \
    INDEX channel = task / height / groups;                                                       \
    REAL scale = norm[channel], shift = norm[channels + channel];                                 \
    GLOBAL REAL *to = out + channel * plane + first + row_at(group, h, height, width);            \
    for (int each = LOCAL_ID; each < width * IMAGES; each += WG) {                                \
      INDEX image = (INDEX)group * IMAGES + each % IMAGES, at = -1;                               \
      if (image >= images) continue;                                                              \
      at = raw_at(shifts, channel, image, h, each / IMAGES, channels, height, width);             \
      to[each] = (at < 0 ? (REAL)0 : (REAL)pixels[at]) * scale + shift;                           \
    }                                                                                             \
  }

/* Crop, mirror and standardise images of bytes. */
KERNEL void net_images_uint8(
    GLOBAL const BYTE *RESTRICT pixels, GLOBAL const int *RESTRICT shifts,
    GLOBAL const REAL *RESTRICT norm, GLOBAL REAL *RESTRICT out, INDEX plane, int first,
    int images, int channels, int height, int width)
{
  CROPPED(pixels)
}

/* The same for single precision. */
KERNEL void net_images_float32(
    GLOBAL const float *RESTRICT pixels, GLOBAL const int *RESTRICT shifts,
    GLOBAL const REAL *RESTRICT norm, GLOBAL REAL *RESTRICT out, INDEX plane, int first,
    int images, int channels, int height, int width)
{
  CROPPED(pixels)
}

#if FP64
/* The same for double precision. */
KERNEL void net_images_float64(
    GLOBAL const double *RESTRICT pixels, GLOBAL const int *RESTRICT shifts,
    GLOBAL const REAL *RESTRICT norm, GLOBAL REAL *RESTRICT out, INDEX plane, int first,
    int images, int channels, int height, int width)
{
  CROPPED(pixels)
}
#endif

/* Pixel (h, w) of each image to pixel (h / 2, w / 2) of phase 2 (h % 2) + w % 2. */
KERNEL void net_split(
    GLOBAL const REAL *RESTRICT x, GLOBAL REAL *RESTRICT phases, INDEX plane, int first,
    INDEX small_plane, int small_first, int images, int channels, int height, int width)
{
  int groups = groups_of(images);
  for (INDEX task = GROUP_ID; task < (INDEX)channels * groups * height; task += NUM_GROUPS) {
    int h = (int)(task % height);
    INDEX group = task / height % groups, channel = task / height / groups;
    GLOBAL const REAL *from = x + channel * plane + first + row_at(group, h, height, width);
    GLOBAL REAL *to = phases + (4 * channel + 2 * (h % 2)) * small_plane + small_first +
                      row_at(group, h / 2, (height + 1) / 2, (width + 1) / 2);
    for (int each = LOCAL_ID * LANES; each < width * IMAGES; each += WG * LANES) {
      int w = each / IMAGES, lane = each % IMAGES;
      STORE(LOAD(from + each), to + w % 2 * small_plane + w / 2 * IMAGES + lane);
    }
  }
}

/* The way back: dx (or dx +) = phases. */
KERNEL void net_merge(
    GLOBAL const REAL *RESTRICT phases, GLOBAL REAL *RESTRICT dx, INDEX plane, int first,
    INDEX small_plane, int small_first, int images, int channels, int height, int width, int add)
{
  int groups = groups_of(images);
  for (INDEX task = GROUP_ID; task < (INDEX)channels * groups * height; task += NUM_GROUPS) {
    int h = (int)(task % height);
    INDEX group = task / height % groups, channel = task / height / groups;
    GLOBAL REAL *to = dx + channel * plane + first + row_at(group, h, height, width);
    GLOBAL const REAL *from = phases + (4 * channel + 2 * (h % 2)) * small_plane + small_first +
                              row_at(group, h / 2, (height + 1) / 2, (width + 1) / 2);
    for (int each = LOCAL_ID * LANES; each < width * IMAGES; each += WG * LANES) {
      int w = each / IMAGES, lane = each % IMAGES;
      VECTOR value = LOAD(from + w % 2 * small_plane + w / 2 * IMAGES + lane);
      if (add) value += LOAD(to + each);
      STORE(value, to + each);
    }
  }
}

/* The loop over LANES images of one channel at a time: `channel`, `image` and `at`, the position of
 * their first pixel from that of the plane. */
#define OVER_IMAGES(channels, images, height, width)                                              \
  for (INDEX item = GROUP_ID * (INDEX)WG + LOCAL_ID, channel, image, at;                          \
       channel = item * LANES / (groups_of(images) * IMAGES),                                     \
             image = item * LANES % (groups_of(images) * IMAGES),                                 \
             at = row_at(image / IMAGES, 0, height, width) + image % IMAGES, channel < channels;  \
       item += NUM_GROUPS * (INDEX)WG)

/* Mean of each image's pixels: means[image][channel]. */
KERNEL void net_average_pool(
    GLOBAL const REAL *RESTRICT x, GLOBAL REAL *RESTRICT means, INDEX plane, int first, int images,
    int channels, int height, int width)
{
  OVER_IMAGES(channels, images, height, width) {
    GLOBAL const REAL *from = x + channel * plane + first + at;
    VECTOR sum = SPREAD(0);
    for (int h = 0; h < height; ++h) {
      GLOBAL const REAL *row = from + row_at(0, h, height, width);
      for (INDEX w = 0; w < width; ++w) sum += LOAD(row + w * IMAGES);
    }
    REAL own[LANES];
    STORE(sum / ((REAL)height * width), own);
    for (int k = 0; k < LANES; ++k) {
      if (image + k < images) means[(image + k) * channels + channel] = own[k];
    }
  }
}

/* Gradient of the mean: dx (or dx +) = slope / pixels. */
KERNEL void net_average_pool_back(
    GLOBAL const REAL *RESTRICT slopes, GLOBAL REAL *RESTRICT dx, INDEX plane, int first,
    int images, int channels, int height, int width, int add)
{
  OVER_IMAGES(channels, images, height, width) {
    GLOBAL REAL *to = dx + channel * plane + first + at;
    REAL own[LANES];
    for (int k = 0; k < LANES; ++k) {
      own[k] = image + k < images ? slopes[(image + k) * channels + channel] : (REAL)0;
    }
    VECTOR slope = LOAD(own) / ((REAL)height * width);
    for (int h = 0; h < height; ++h) {
      GLOBAL REAL *row = to + row_at(0, h, height, width);
      for (INDEX w = 0; w < width; ++w) {
        STORE(add ? LOAD(row + w * IMAGES) + slope : slope, row + w * IMAGES);
      }
    }
  }
}

/* Largest pixels of a window. */
DEVICE VECTOR largest(GLOBAL const REAL *corner, int window, INDEX row)
{
  VECTOR best = LOAD(corner);
  for (INDEX each = 1; each < window * window; ++each) {
    VECTOR value = LOAD(corner + each / window * row + each % window * IMAGES);
    best = value > best ? value : best;
  }
  return best;
}

/* Largest pixel of each window. */
KERNEL void net_max_pool(
    GLOBAL const REAL *RESTRICT x, GLOBAL REAL *RESTRICT z, INDEX plane, int first,
    INDEX small_plane, int small_first, int images, int channels, int height, int width, int window)
{
  int groups = groups_of(images), rows = height / window, columns = width / window;
  INDEX stride = row_at(0, 1, height, width);
  for (INDEX task = GROUP_ID; task < (INDEX)channels * groups * rows; task += NUM_GROUPS) {
    int h = (int)(task % rows);
    INDEX group = task / rows % groups, channel = task / rows / groups;
    GLOBAL const REAL *from = x + channel * plane + first + row_at(group, h * window, height, width);
    GLOBAL REAL *to = z + channel * small_plane + small_first + row_at(group, h, rows, columns);
    for (int each = LOCAL_ID * LANES; each < columns * IMAGES; each += WG * LANES) {
      GLOBAL const REAL *corner = from + each / IMAGES * window * IMAGES + each % IMAGES;
      STORE(largest(corner, window, stride), to + each);
    }
  }
}

/* Its gradient: to the first of the largest pixels; dx (or dx +). */
KERNEL void net_max_pool_back(
    GLOBAL const REAL *RESTRICT x, GLOBAL const REAL *RESTRICT dz, GLOBAL REAL *RESTRICT dx,
    INDEX plane, int first, INDEX small_plane, int small_first, int images, int channels,
    int height, int width, int window, int add)
{
  int groups = groups_of(images), rows = height / window, columns = width / window;
  INDEX stride = row_at(0, 1, height, width);
  for (INDEX task = GROUP_ID; task < (INDEX)channels * groups * height; task += NUM_GROUPS) {
    int h = (int)(task % height);
    INDEX group = task / height % groups, channel = task / height / groups;
    INDEX top = channel * plane + first + row_at(group, h - h % window, height, width);
    GLOBAL REAL *to = dx + channel * plane + first + row_at(group, h, height, width);
    GLOBAL const REAL *slopes =
        dz + channel * small_plane + small_first + row_at(group, h / window, rows, columns);
    for (int each = LOCAL_ID * LANES; each < width * IMAGES; each += WG * LANES) {
      int w = each / IMAGES, lane = each % IMAGES;
      VECTOR slope = SPREAD(0);
      if (h / window < rows && w / window < columns) {
        GLOBAL const REAL *corner = x + top + (w - w % window) * IMAGES + lane;
        VECTOR most = largest(corner, window, stride);
        INDEX own = h % window * window + w % window;
        slope = LOAD(slopes + w / window * IMAGES + lane);
        for (INDEX k = 0; k <= own; ++k) {
          VECTOR value = LOAD(corner + k / window * stride + k % window * IMAGES);
          if (k < own) {
            slope = value < most ? slope : SPREAD(0);
          } else {
            slope = value < most ? SPREAD(0) : slope;
          }
        }
      }
      if (add) slope += LOAD(to + each);
      STORE(slope, to + each);
    }
  }
}

/* Planes into rows of features. */
KERNEL void net_flatten(
    GLOBAL const REAL *RESTRICT x, GLOBAL REAL *RESTRICT rows, INDEX plane, int first, int images,
    int channels, int height, int width)
{
  int groups = groups_of(images);
  INDEX features = (INDEX)channels * height * width;
  for (INDEX task = GROUP_ID; task < (INDEX)channels * groups * height; task += NUM_GROUPS) {
    int h = (int)(task % height);
    INDEX group = task / height % groups, channel = task / height / groups;
    GLOBAL const REAL *from = x + channel * plane + first + row_at(group, h, height, width);
    GLOBAL REAL *to = rows + (channel * height + h) * width;
    for (int each = LOCAL_ID; each < width * IMAGES; each += WG) {
      INDEX image = group * IMAGES + each % IMAGES;
      if (image < images) to[image * features + each / IMAGES] = from[each];
    }
  }
}

/* Rows of features into planes; dx (or dx +). */
KERNEL void net_flatten_back(
    GLOBAL const REAL *RESTRICT rows, GLOBAL REAL *RESTRICT dx, INDEX plane, int first, int images,
    int channels, int height, int width, int add)
{
  int groups = groups_of(images);
  INDEX features = (INDEX)channels * height * width;
  for (INDEX task = GROUP_ID; task < (INDEX)channels * groups * height; task += NUM_GROUPS) {
    int h = (int)(task % height);
    INDEX group = task / height % groups, channel = task / height / groups;
    GLOBAL REAL *to = dx + channel * plane + first + row_at(group, h, height, width);
    GLOBAL const REAL *from = rows + (channel * height + h) * width;
    for (int each = LOCAL_ID; each < width * IMAGES; each += WG) {
      INDEX image = group * IMAGES + each % IMAGES;
      if (image >= images) continue;
      REAL value = from[image * features + each / IMAGES];
      to[each] = add ? to[each] + value : value;
    }
  }
}
