"""How a batch of images lies in memory: channels-major planes of 16-image lanes, zeros between.

One plane per channel. Groups of `LANES` images lie side by side, so that a pixel of a group is one
aligned vector; groups follow one another as rows of ``width + 1`` such pixels (one shared zero
column) with one zero row between groups and zero margins around the whole. A convolution is then a
stencil of constant offsets over a one-dimensional array, without border cases, im2col or a load
that is not aligned. If the batch is no multiple of `LANES`, the last lanes hold no image.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Images that lie side by side: one vector of AVX-512 in float32, one tile of a tensor core.
LANES = 16

#: The span is rounded up to a multiple of this many elements, so that kernels can work in blocks.
BLOCK = 256

#: Plane buffers hold a multiple of this many channels, so that kernels can work in whole tiles.
CHANNEL_TILE = 8


def round_up(count: int, multiple: int) -> int:
    """Return the smallest multiple that is at least ``count``."""
    return -(-count // multiple) * multiple


def padded_channels(channels: int) -> int:
    """Return how many planes a buffer for so many channels holds."""
    return round_up(channels, CHANNEL_TILE)


@dataclass(frozen=True, slots=True)
class Planes:
    """Geometry of one plane; all lengths are in elements.

    Pixel (image, row, column) lies at ``first + ((image // LANES * (height + 1) + row) * (width +
    1) + column) * LANES + image % LANES``.

    Positions of no pixel are zero in a *masked* plane. In an *unmasked* one (what a convolution
    writes) those in ``[first, first + block_span)`` hold finite values of no meaning; outside of
    that range every plane is always zero.

    Attributes
    ----------
    images, height, width : int
        Extents of the batch.
    """

    images: int
    height: int
    width: int

    @property
    def groups(self) -> int:
        """Groups of `LANES` images, the last one perhaps in part."""
        return -(-self.images // LANES)

    @property
    def stride(self) -> int:
        """From one row to the next: ``(width + 1) * LANES``."""
        return (self.width + 1) * LANES

    @property
    def image_stride(self) -> int:
        """From one group of images to the next: ``(height + 1) * stride``."""
        return (self.height + 1) * self.stride

    @property
    def first(self) -> int:
        """Position of the first pixel: a margin of a row and a pixel lies before it."""
        return self.stride + LANES

    @property
    def span(self) -> int:
        """From the first pixel to the end of the last row, its zero column included."""
        return self.groups * self.image_stride - self.stride

    @property
    def block_span(self) -> int:
        """The span rounded up to a multiple of `BLOCK`: what a kernel may write to."""
        return round_up(self.span, BLOCK)

    @property
    def length(self) -> int:
        """Of a plane, margins included: an odd multiple of `LANES`.

        Odd, because at a power of two the same pixel of all channels would share a few cache sets.
        """
        vectors = (self.first + self.block_span + self.first) // LANES
        return (vectors | 1) * LANES

    @property
    def pixels(self) -> int:
        """Pixels of the batch in one channel."""
        return self.images * self.height * self.width

    def halved(self) -> Planes:
        """Geometry of a stride-2 convolution's output, and of the four phases of its input."""
        return Planes(self.images, -(-self.height // 2), -(-self.width // 2))

    def offsets(self, taps: int) -> tuple[int, ...]:
        """Offset of each tap of a stride-1 convolution: of 1, or of 9 in row-major order."""
        if taps == 1:
            return (0,)
        return tuple((t // 3 - 1) * self.stride + (t % 3 - 1) * LANES for t in range(9))

    def phase_offsets(self, taps: int) -> tuple[tuple[int, int], ...]:
        """Phase and offset of each tap of a stride-2 convolution, in the geometry of its output.

        Phase ``2 * (row % 2) + column % 2`` of the input holds pixel (row, column) at
        (row // 2, column // 2).
        """
        if taps == 1:
            return ((0, 0),)
        return tuple(
            (
                2 * (t // 3 != 1) + (t % 3 != 1),
                -(t // 3 == 0) * self.stride - (t % 3 == 0) * LANES,
            )
            for t in range(9)
        )
