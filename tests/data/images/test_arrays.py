from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetengine.data.images.config import ImageDataConfig
from hetengine.data.images.convert import image_data_of, pixels_of
from hetengine.data.images.load import load_images
from hetengine.errors import DataError, UsageError
from tests.data.images.conftest import pixels


def test_arrays_in_every_common_form(rng: np.random.Generator) -> None:
    grey = pixels(rng, 6, 5, 7)
    labels = [0, 1, 2, 0, 1, 2]
    assert image_data_of(grey, labels).shape == (1, 5, 7)
    assert image_data_of(grey, np.array(labels)[:, None]).labels.dtype == np.int32
    assert image_data_of(rng.standard_normal((6, 9)), labels).images.dtype == np.float32
    colour = pixels(rng, 6, 5, 7, 3)
    last = image_data_of(colour, labels)
    first = image_data_of(colour.transpose(0, 3, 1, 2), labels)
    np.testing.assert_array_equal(last.images, first.images)


def test_whole_numbers_become_bytes_and_the_callers_array_is_shared(
    rng: np.random.Generator,
) -> None:
    grey = pixels(rng, 3, 1, 5, 7)
    assert np.shares_memory(pixels_of(grey, "auto", "x"), grey)
    assert pixels_of(grey.astype(np.int64), "auto", "x").dtype == np.uint8


def test_crops_and_flips_are_asked_for(rng: np.random.Generator) -> None:
    data = image_data_of(pixels(rng, 4, 8, 8), [0, 1, 0, 1], pad=2, flip=True)
    assert (data.augment, data.flip, data.normalise.pad) == (True, True, 2)
    assert not image_data_of(pixels(rng, 4, 8, 8), [0, 1, 0, 1]).augment


@pytest.mark.parametrize(
    ("images", "labels", "told"),
    [
        (np.zeros((2, 3, 5, 3)), [0, 1], r"does not say where the channels are; .*layout=first"),
        (np.zeros((2, 5, 5, 5)), [0, 1], "does not say where the channels are"),
        (np.zeros(2), [0, 1], r"shape \(2,\); need"),
        (np.full((2, 4, 4), 300), [0, 1], "whole numbers from 300 to 300; pixels need 0 to 255"),
        (np.full((2, 4, 4), np.nan), [0, 1], "image 0 holds NaN or Inf"),
        (np.zeros((2, 4, 4), complex), [0, 1], "images hold complex128"),
        (np.zeros((2, 4, 4)), [0], r"labels have shape \(1,\); need \(2,\)"),
        (np.zeros((2, 4, 4)), [0, 1.5], r"label 1\.5 of image 1; need whole numbers"),
        (np.zeros((2, 4, 4)), [0, -1], "label -1 of image 1"),
        (np.zeros((2, 4, 4)), ["a", "b"], "labels hold <U1"),
        (np.zeros((0, 4, 4)), [], "are empty"),
    ],
)
def test_arrays_that_are_no_images_are_told(images: Any, labels: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        image_data_of(images, labels)


def test_training_and_test_images_need_one_type() -> None:
    with pytest.raises(DataError, match="give both as one type"):
        image_data_of(np.zeros((2, 4, 4)), [0, 1], (np.zeros((2, 4, 4), np.uint8), [0, 1]))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (("images", "labels"), ("test_images", "test_labels")),
        (("x_train", "y_train"), ("x_test", "y_test")),
    ],
)
def test_an_archive_with_its_test_images(
    tmp_path: Path, rng: np.random.Generator, train: tuple[str, str], test: tuple[str, str]
) -> None:
    images, labels = pixels(rng, 6, 5, 4, 3), np.arange(6)
    members = {train[0]: images, train[1]: labels, test[0]: images[:2], test[1]: labels[:2]}
    np.savez(tmp_path / "set.npz", **members)
    data = load_images(ImageDataConfig(name="npz_images", path=str(tmp_path / "set.npz")))
    np.testing.assert_array_equal(data.images, images.transpose(0, 3, 1, 2))
    assert data.test is not None
    assert (data.name, data.test.count, data.classes) == ("set", 2, 6)


def test_an_archive_without_test_images_is_split(tmp_path: Path, rng: np.random.Generator) -> None:
    np.savez(tmp_path / "set.npz", X=pixels(rng, 20, 5, 5), y=np.arange(20) % 2)
    keys = {"name": "npz_images", "path": str(tmp_path / "set.npz"), "test_fraction": 0.3}
    data = load_images(ImageDataConfig(**keys))
    assert data.test is not None
    assert (data.count, data.test.count) == (14, 6)
    again = load_images(
        ImageDataConfig(test_path=keys["path"], name="npz_images", path=keys["path"])
    )
    assert again.test is not None
    assert again.test.count == 20


def test_a_damaged_archive_is_told(tmp_path: Path, rng: np.random.Generator) -> None:
    file = tmp_path / "set.npz"
    np.savez(file, a=np.zeros(3))
    config = ImageDataConfig(name="npz_images", path=str(file))
    with pytest.raises(DataError, match=r"set\.npz: members a; need images and labels"):
        load_images(config)
    np.savez(file, images=pixels(rng, 20, 5, 5), labels=np.arange(20) % 2)
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    with pytest.raises(DataError, match=r"set\.npz: not an \.npz file, or cut short: .* byte \d+"):
        load_images(config)
    broken = bytearray(whole)
    broken[300:320] = bytes(20)
    file.write_bytes(broken)
    with pytest.raises(DataError, match=r"set\.npz: not a readable \.npz file"):
        load_images(config)
    np.savez(file, images=np.array([{}, {}]), labels=np.arange(2))
    with pytest.raises(DataError, match="allow_pickle=False"):
        load_images(config)


Save = Callable[[Path, np.ndarray], None]


def folder_of(path: Path, **keys: Any) -> Any:
    return load_images(ImageDataConfig(name="image_folder", path=str(path), **keys))


def test_a_folder_per_class(tmp_path: Path, rng: np.random.Generator, save_image: Save) -> None:
    images = pixels(rng, 12, 6, 6, 3)
    for k, image in enumerate(images):
        save_image(tmp_path / "pets" / "train" / ("cat", "dog")[k % 2] / f"{k:02}.png", image)
    for k in range(2):
        save_image(tmp_path / "pets" / "val" / ("cat", "dog")[k] / "0.png", images[k])
    data = folder_of(tmp_path / "pets")
    assert (data.name, data.shape, data.classes) == ("pets", (3, 6, 6), 2)
    np.testing.assert_array_equal(data.images[0], images[0].transpose(2, 0, 1))
    np.testing.assert_array_equal(data.labels, [0] * 6 + [1] * 6)
    np.testing.assert_array_equal(data.test.labels, [0, 1])
    grey = folder_of(tmp_path / "pets", channels=1, size=4)
    assert grey.shape == (1, 4, 4)
    alone = folder_of(tmp_path / "pets" / "train", test_fraction=0.5)
    assert (alone.count, alone.test.count) == (6, 6)


def test_a_folder_that_will_not_do_is_told(
    tmp_path: Path, rng: np.random.Generator, save_image: Save
) -> None:
    with pytest.raises(DataError, match="has no folders; need one per class"):
        folder_of(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="no images below it"):
        folder_of(tmp_path)
    for k in range(4):
        save_image(tmp_path / "cat" / f"{k}.png", pixels(rng, 1, 6, 6)[0])
    save_image(tmp_path / "dog" / "big.png", pixels(rng, 1, 6, 8)[0])
    with pytest.raises(
        DataError, match=r"big\.png: 8 x 6 pixels, but .* has 6 x 6; set data\.size"
    ):
        folder_of(tmp_path)
    file = tmp_path / "cat" / "2.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError, match=r"2\.png: not a readable image of 60 bytes"):
        folder_of(tmp_path)
    with pytest.raises(DataError, match="class 'dog' has no training images"):
        folder_of(tmp_path / "x" if (tmp_path / "x").mkdir() else _only_cats(tmp_path), size=4)


def _only_cats(folder: Path) -> Path:
    (folder / "x" / "train" / "cat").mkdir(parents=True)
    (folder / "x" / "test" / "dog").mkdir(parents=True)
    return folder / "x"


def test_without_pillow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(UsageError, match=r'pip install "hetengine\[images\]"'):
        folder_of(tmp_path)
