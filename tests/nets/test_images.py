"""What a program does to pixels first, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetengine.nets import Normalise
from hetengine.nets.planes import LANES, Planes, padded_channels
from hetengine.registry import backend

KERNELS = backend("numpy").implementations(1)


def unpacked(flat: np.ndarray, planes: Planes, channels: int) -> np.ndarray:
    """Return planes as (images, channels, height, width), by the formula of `Planes`."""
    out = np.empty((planes.images, channels, planes.height, planes.width), flat.dtype)
    whole = flat.reshape(-1, planes.length)
    for b, h, w in np.ndindex(planes.images, planes.height, planes.width):
        row = b // LANES * (planes.height + 1) + h
        at = planes.first + (row * (planes.width + 1) + w) * LANES + b % LANES
        out[b, :, h, w] = whole[:channels, at]
    return out


def expected(
    pixels: np.ndarray, shifts: np.ndarray, factor: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Pad with zeros, cut out, mirror, standardise."""
    made = []
    reach = 1 + int(abs(shifts[:, :2]).max(initial=0))
    height, width = pixels.shape[2:]
    for image, (down, right, flip) in zip(pixels, shifts, strict=True):
        padded = np.pad(image.astype(float), ((0, 0), (reach, reach), (reach, reach)))
        top, left = reach - down, reach - right
        crop = padded[:, top : top + height, left : left + width]
        made.append(crop[:, :, ::-1] if flip else crop)
    return np.stack(made) * factor[:, None, None] + offset[:, None, None]


@settings(max_examples=40, derandomize=True)
@given(
    st.integers(1, 35),
    st.integers(1, 3),
    st.integers(1, 7),
    st.integers(1, 7),
    st.sampled_from(["uint8", "float32", "float64"]),
    st.integers(0, 2**32 - 1),
)
def test_images_are_cropped_mirrored_and_standardised(
    images: int, channels: int, height: int, width: int, kind: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    planes = Planes(images, height, width)
    pixels = rng.integers(0, 256, (images, channels, height, width)).astype(kind)
    shifts = np.zeros((images, 3), np.int32)
    shifts[:, :2] = rng.integers(-4, 5, (images, 2))
    shifts[:, 2] = rng.integers(0, 2, images)
    norm = rng.standard_normal(2 * channels)
    out = np.zeros(padded_channels(channels) * planes.length)
    KERNELS["net_images"](pixels, shifts, norm, out, images, channels, height, width)
    right = expected(pixels, shifts, norm[:channels], norm[channels:])
    np.testing.assert_allclose(unpacked(out, planes, channels), right, rtol=1e-14, atol=1e-12)
    mask = np.zeros(planes.length)
    KERNELS["net_mask"](mask, images, height, width)
    assert mask.sum() == planes.pixels
    assert not (out.reshape(-1, planes.length) * (1 - mask)).any()


@pytest.mark.parametrize(("groups", "count"), [(1, 6), (6, 6)])
def test_features_are_standardised(groups: int, count: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.standard_normal((5, count))
    norm = rng.standard_normal(2 * groups)
    out = np.zeros((5, count))
    KERNELS["net_features"](pixels, norm, out, 5, count, groups)
    np.testing.assert_allclose(out, pixels * norm[:groups] + norm[groups:], rtol=1e-14)


def test_normalise_is_what_a_program_applies() -> None:
    from hetengine.nets import Flatten, Linear
    from tests.nets.trainer import make, trainer

    net = make((Flatten(), Linear(4)), (2, 3, 3))
    pixels = np.random.default_rng(0).integers(0, 256, (4, 2, 3, 3)).astype(np.uint8)
    normalise = Normalise((0.5, 0.25), (0.2, 0.3))
    mean, std = np.array(normalise.mean), np.array(normalise.std)
    given = (pixels / 255 - mean[:, None, None]) / std[:, None, None]
    labels = np.arange(4)
    with trainer(net, 4, pixels="uint8", normalise=normalise) as raw, trainer(net, 4) as done:
        for copy, images in ((raw, pixels), (done, given)):
            copy.begin()
            copy.give(images, labels)
        np.testing.assert_allclose(raw.evaluate()[0], done.evaluate()[0], rtol=1e-12)
