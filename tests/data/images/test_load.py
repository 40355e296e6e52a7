from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetengine.data.images.config import APPLIES, NAMES, ImageDataConfig, check_config
from hetengine.data.images.dataset import ImageData
from hetengine.data.images.load import load_images
from hetengine.data.images.split import draw_evenly
from hetengine.data.images.statistics import normalise_of
from hetengine.errors import DataError, UsageError
from tests.data.images.conftest import pixels


def digits(**keys: Any) -> ImageData:
    return load_images(ImageDataConfig(**keys))


def held(data: ImageData) -> ImageData:
    assert data.test is not None
    return data.test


def test_digits_come_with_a_test_set_and_every_class_in_it() -> None:
    data = digits()
    assert data.count + held(data).count == 1797
    assert held(data).count == 359
    assert np.bincount(held(data).labels).min() >= 34
    seen = {image.tobytes() for image in data.images}
    unseen = [image.tobytes() not in seen for image in held(data).images]
    assert np.mean(unseen) > 0.99


def test_what_is_held_out_depends_on_the_seed_of_the_data_alone() -> None:
    first, again, other = digits(), digits(limit=50), digits(seed=1)
    np.testing.assert_array_equal(held(first).images, held(again).images)
    assert (held(first).images != held(other).images).any()


def test_limits_keep_the_share_of_each_class() -> None:
    data = digits(limit=100, test_limit=20)
    assert np.bincount(data.labels).tolist() == [10] * 10
    assert held(data).count == 20


def test_validation_takes_the_place_of_the_test_images() -> None:
    plain, checked = digits(), digits(validation=0.25)
    assert checked.count + held(checked).count == plain.count
    assert checked.name == "digits_images (validation)"
    known = {image.tobytes() for image in held(plain).images}
    assert np.mean([image.tobytes() in known for image in held(checked).images]) < 0.01


def test_pixels_are_normalised_by_the_training_images_alone() -> None:
    data = digits()
    scaled = data.images / 255
    assert data.normalise.mean[0] == pytest.approx(scaled.mean(), rel=1e-12)
    assert data.normalise.std[0] == pytest.approx(scaled.std(), rel=1e-12)
    assert held(data).normalise == data.normalise
    assert digits(mean=[0.1], std=[0.2]).normalise.mean == (0.1,)


def test_a_constant_channel_does_not_divide_by_zero(rng: np.random.Generator) -> None:
    images = np.zeros((5, 2, 4, 4), np.float32)
    images[:, 1] = rng.standard_normal((5, 4, 4))
    normalise = normalise_of(images, None, None, 0, "x")
    assert normalise.std[0] == 1.0
    assert normalise.std[1] == pytest.approx(images[:, 1].std(), rel=1e-6)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "cifar"}, r"data\.name='cifar'; did you mean 'cifar10'\? allowed: digits_images, "),
    ({"layout": "frist"}, r"data\.layout='frist'; did you mean 'first'\?"),
    ({"name": "npz_images"}, r"data=npz_images needs data\.path; add data\.path=FILE\.npz"),
    ({"path": "x"}, r"data\.path=x does nothing with data=digits_images; leave it out"),
    ({"name": "mnist", "test_fraction": 0.5}, r"data\.test_fraction=0\.5 does nothing with"),
    ({"limit": 0}, r"data\.limit=0 must be at least 1"),
    ({"limit": 10**6}, r"data\.limit=1000000 is more than the 1,438 images there are"),
    ({"test_limit": 360}, r"data\.test_limit=360 is more than the 359 images"),
    ({"test_fraction": 1.0}, r"data\.test_fraction=1\.0 must be above 0 and below 1"),
    ({"test_fraction": 1e-9}, r"data\.test_fraction=1e-09 holds out 0 of 1797 images"),
    ({"validation": -0.1}, r"data\.validation=-0\.1 must be at least 0"),
    ({"name": "image_folder", "channels": 2}, r"data\.channels=2 must be 1 \(grey\) or 3"),
    ({"flip": True}, r"data\.flip=true needs data\.augment=true"),
    ({"mean": [0.5]}, r"data\.mean and data\.std go together"),
    ({"mean": [0.5], "std": [0.0]}, r"data\.std=\[0\.0\] must be finite and greater than 0"),
    ({"mean": [float("nan")], "std": [1.0]}, r"data\.mean=\[nan\] must be finite"),
    ({"mean": [0.1, 0.2], "std": [1.0, 1.0]}, r"data\.mean=\[0\.1, 0\.2\]: .* has 1 channels"),
    ({"augment": True, "pad": 8}, r"data\.pad=8 moves images of 8 x 8 pixels .* 0 to 7"),
]


@pytest.mark.parametrize(("keys", "told"), WRONG, ids=str)
def test_wrong_settings_are_one_line_with_what_is_allowed(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        load_images(ImageDataConfig(**keys))
    assert "\n" not in str(caught.value)


def test_every_key_belongs_to_known_sets() -> None:
    for names in APPLIES.values():
        assert set(names) <= set(NAMES)
    for name in set(NAMES) - {"npz_images"}:
        check_config(ImageDataConfig(name=name))


def test_a_set_without_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"data\.path=.*file is a file; unpack it"):
        load_images(ImageDataConfig(name="cifar10", path=str(tmp_path / "file")))


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
def test_an_even_draw_is_exact_and_even(labels: list[int], part: float, seed: int) -> None:
    values = np.array(labels)
    count = int(part * len(values))
    drawn, rest = draw_evenly(values, count, np.random.default_rng(seed))
    assert len(drawn) == count
    assert sorted([*drawn, *rest]) == list(range(len(values)))
    for value in set(labels):
        share = np.count_nonzero(values == value) * count / len(values)
        assert abs(np.count_nonzero(values[drawn] == value) - share) < 1 + 1e-9


def test_parts_that_do_not_belong_together_are_refused(rng: np.random.Generator) -> None:
    data = digits(limit=20)
    fields = {"name": "x", "classes": 10, "normalise": data.normalise}
    for images, labels, told in (
        (data.images.astype(np.float64), data.labels, "type float64"),
        (data.images, data.labels[:3], "need one int32 per image"),
        (data.images, data.labels + np.int32(5), "is not one of 0 to 9"),
        (data.images[::2], data.labels[::2], "strided"),
        (data.images[:0], data.labels[:0], "empty"),
    ):
        with pytest.raises(DataError, match=told):
            ImageData(images=images, labels=labels, **fields)
    other = ImageData("y", pixels(rng, 2, 1, 5, 5), np.zeros(2, np.int32), 10, data.normalise)
    with pytest.raises(DataError, match=r"bring them to one size"):
        ImageData(images=data.images, labels=data.labels, test=other, **fields)
