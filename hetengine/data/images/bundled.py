"""Images that need no file: scikit-learn's handwritten digits."""

from __future__ import annotations

import numpy as np


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return the 1,797 digits that come with scikit-learn.

    Returns
    -------
    images : ndarray, shape (1797, 1, 8, 8), uint8
        Grey values from 0 to 16: black pixels in fields of 4 x 4 (E. Alpaydin, C. Kaynak, "Optical
        Recognition of Handwritten Digits", UCI, 1998; CC BY 4.0).
    labels : ndarray, shape (1797,), int32
        Digits.
    """
    from sklearn import datasets

    pixels, digits = datasets.load_digits(return_X_y=True)
    images = np.asarray(pixels).astype(np.uint8).reshape(-1, 1, 8, 8)
    return images, np.asarray(digits).astype(np.int32)
