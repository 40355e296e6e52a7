"""Random crops and flips, as the numbers a kernel applies while it loads a batch."""

from __future__ import annotations

import numpy as np


def draw_shifts(rng: np.random.Generator, count: int, pad: int, flip: bool) -> np.ndarray:
    """Draw how a batch of images is moved and mirrored.

    A crop of the padded image at a random place is the image moved by up to ``pad`` pixels each
    way; what comes in at the border is 0 (He et al., CVPR 2016, section 4.2).

    Parameters
    ----------
    rng : numpy.random.Generator
        Of the worker that trains on the batch.
    count : int
        Images.
    pad : int
        Most pixels an image is moved; 0 leaves it where it is.
    flip : bool
        Mirror each image left to right with probability 1/2.

    Returns
    -------
    ndarray, shape (count, 3), int32
        Pixels down, pixels to the right, and 1 where the image is mirrored.

    Examples
    --------
    >>> draw_shifts(np.random.default_rng(0), 2, pad=0, flip=False).tolist()
    [[0, 0, 0], [0, 0, 0]]
    """
    shifts = np.zeros((count, 3), np.int32)
    if pad:
        shifts[:, :2] = rng.integers(-pad, pad, (count, 2), np.int32, endpoint=True)
    if flip:
        shifts[:, 2] = rng.integers(0, 2, count, np.int32)
    return shifts
