from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from hetengine.data.images.config import ImageDataConfig
from hetengine.data.images.idx import read_idx
from hetengine.data.images.load import load_images
from hetengine.errors import DataError
from tests.data.images.conftest import Written, idx

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def test_images_and_labels_packed_or_not(mnist: Written) -> None:
    data = load_images(ImageDataConfig(name="mnist", path=str(mnist.folder)))
    np.testing.assert_array_equal(data.images[:, 0], mnist.images["train"])
    np.testing.assert_array_equal(data.labels, mnist.labels["train"])
    assert data.shape == (1, 7, 5)
    assert data.test is not None
    np.testing.assert_array_equal(data.test.images[:, 0], mnist.images["t10k"])


def test_names_with_dots_are_known(mnist: Written) -> None:
    for file in list(mnist.folder.iterdir()):
        file.rename(file.with_name(file.name.replace("-idx", ".idx")))
    assert load_images(ImageDataConfig(name="mnist", path=str(mnist.folder))).count == 20


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raw: raw[:10], "ends at byte 10, within its header of 16 bytes"),
        (lambda raw: raw[:-5], r"ends at byte 35, .* \(2, 3, 4\), which ends at byte 40"),
        (lambda raw: raw + b"12", "goes on to at byte 42"),
        (lambda raw: b"\x01" + raw[1:], "begins with bytes 01 00 08 03"),
        (lambda raw: raw[:3] + b"\x01" + raw[4:], "begins with bytes 00 00 08 01"),
        (lambda raw: raw[:2] + b"\x0d" + raw[3:], "type 0x0d at byte 2"),
    ],
)
def test_damage_is_told_with_file_and_byte(tmp_path: Path, change, told: str) -> None:
    file = tmp_path / "x-ubyte"
    file.write_bytes(change(idx(ARRAY)))
    with pytest.raises(DataError, match=f"x-ubyte: {told}"):
        read_idx(file, 3)


def test_a_cut_archive_is_told(tmp_path: Path) -> None:
    file = tmp_path / "x-ubyte.gz"
    file.write_bytes(gzip.compress(idx(ARRAY))[:-12])
    with pytest.raises(DataError, match=r"x-ubyte\.gz: is cut short after byte \d+ of what it"):
        read_idx(file, 3)


def test_labels_of_another_set_are_told(mnist: Written) -> None:
    labels = mnist.folder / "t10k-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(DataError, match=r"20 images, but .* has 3 labels"):
        load_images(ImageDataConfig(name="mnist", path=str(mnist.folder)))
    labels.write_bytes(idx(np.array([0] * 4 + [12] + [0] * 15, np.uint8)))
    with pytest.raises(DataError, match="label 12 at byte 12"):
        load_images(ImageDataConfig(name="mnist", path=str(mnist.folder)))


def test_a_missing_folder_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"no folder data/mnist, .*HETENGINE_DATA.*data\.path="):
        load_images(ImageDataConfig(name="mnist"))
    monkeypatch.setenv("HETENGINE_DATA", str(tmp_path / "sets"))
    with pytest.raises(DataError, match=r"no folder .*sets/mnist"):
        load_images(ImageDataConfig(name="mnist"))


@pytest.mark.shared
def test_the_real_set(shared: Path) -> None:
    config = ImageDataConfig(name="mnist", path=str(shared / "data" / "mnist"))
    data = load_images(config)
    assert data.images.shape == (60_000, 1, 28, 28)
    expected = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.labels).tolist() == expected
