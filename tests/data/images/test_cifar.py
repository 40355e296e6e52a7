from __future__ import annotations

import lzma
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from hetengine.data.images.cifar import cifar, read_cifar
from hetengine.data.images.config import ImageDataConfig
from hetengine.data.images.dataset import ImageData
from hetengine.data.images.load import load_images
from hetengine.errors import DataError
from tests.data.images.conftest import RECORDS, Written


def load(name: str, made: Written, **keys) -> ImageData:
    return load_images(ImageDataConfig(name=name, path=str(made.folder), **keys))


def test_the_binary_layout_of_cifar_10(cifar10_binary: Written) -> None:
    data = load("cifar10", cifar10_binary)
    batches = [f"data_batch_{k}" for k in range(1, 6)]
    whole = np.concatenate([cifar10_binary.images[name] for name in batches])
    np.testing.assert_array_equal(data.images, whole)
    np.testing.assert_array_equal(data.labels, np.tile(np.arange(RECORDS) % 10, 5))
    assert data.test is not None
    np.testing.assert_array_equal(data.test.images, cifar10_binary.images["test_batch"])
    assert data.classes == 10


@pytest.mark.parametrize(("labels", "classes", "step"), [("fine", 100, 5), ("coarse", 20, 1)])
def test_the_python_layout_of_cifar_100(
    cifar100_python: Written, labels: str, classes: int, step: int
) -> None:
    data = load("cifar100", cifar100_python, labels=labels)
    np.testing.assert_array_equal(data.images, cifar100_python.images["train"])
    np.testing.assert_array_equal(data.labels, np.arange(RECORDS) * step)
    assert data.classes == classes


@pytest.mark.parametrize(("labels", "value"), [("coarse", 3), ("fine", 7)])
def test_the_binary_layout_of_cifar_100_has_two_labels(
    tmp_path: Path, labels: str, value: int
) -> None:
    file = tmp_path / "train.bin"
    file.write_bytes(bytes([3, 7, *range(256), *bytes(3072 - 256)]))
    images, found = read_cifar(file, cifar("cifar100", labels))
    assert found.tolist() == [value]
    assert images[0, 0, 0, :4].tolist() == [0, 1, 2, 3]


def test_the_python_layout_of_cifar_10_reads_as_the_binary_one(
    cifar10_binary: Written, tmp_path: Path
) -> None:
    folder = tmp_path / "python" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, images in cifar10_binary.images.items():
        batch = {
            "data": images.reshape(RECORDS, -1),
            "labels": cifar10_binary.labels[name].tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    binary = load("cifar10", cifar10_binary)
    python = load_images(ImageDataConfig(name="cifar10", path=str(folder.parent)))
    np.testing.assert_array_equal(python.images, binary.images)
    np.testing.assert_array_equal(python.labels, binary.labels)


def test_packed_files_are_read_too(cifar10_binary: Written) -> None:
    before = load("cifar10", cifar10_binary)
    for file in list(cifar10_binary.folder.iterdir()):
        file.with_name(f"{file.name}.xz").write_bytes(lzma.compress(file.read_bytes(), preset=0))
        file.unlink()
    np.testing.assert_array_equal(load("cifar10", cifar10_binary).images, before.images)


def test_a_changed_file_is_read_again(cifar10_binary: Written) -> None:
    load("cifar10", cifar10_binary)
    file = cifar10_binary.folder / "test_batch.bin"
    file.write_bytes(bytes(3073))
    os.utime(file, ns=(1, 1))
    changed = load("cifar10", cifar10_binary).test
    assert changed is not None
    assert changed.count == 1


def test_a_short_binary_file_is_told_with_its_byte(cifar10_binary: Written) -> None:
    file = cifar10_binary.folder / "data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(
        DataError, match=r"data_batch_3\.bin: ends at byte 61,360, 2,973 bytes into record 19"
    ):
        load("cifar10", cifar10_binary)


def test_an_empty_binary_file_is_told(cifar10_binary: Written) -> None:
    (cifar10_binary.folder / "test_batch.bin").write_bytes(b"")
    with pytest.raises(DataError, match="ends at byte 0"):
        load("cifar10", cifar10_binary)


def test_a_wrong_label_is_told_with_its_byte(cifar10_binary: Written) -> None:
    file = cifar10_binary.folder / "data_batch_1.bin"
    raw = bytearray(file.read_bytes())
    raw[2 * 3073] = 77
    file.write_bytes(raw)
    with pytest.raises(DataError, match=r"data_batch_1\.bin: label 77 at byte 6,146; .* 0 to 9"):
        load("cifar10", cifar10_binary)


def test_a_cut_archive_is_told_with_its_byte(cifar10_binary: Written) -> None:
    file = cifar10_binary.folder / "data_batch_2.bin"
    packed = lzma.compress(file.read_bytes(), preset=0)
    file.unlink()
    (file.with_name("data_batch_2.bin.xz")).write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"data_batch_2\.bin\.xz: is cut short after byte [\d,]+ "):
        load("cifar10", cifar10_binary)


def test_a_missing_file_is_told_with_what_to_type(cifar10_binary: Written) -> None:
    (cifar10_binary.folder / "data_batch_4.bin").unlink()
    with pytest.raises(DataError, match=r"neither data_batch_4\.bin nor data_batch_4 in .*; type"):
        load("cifar10", cifar10_binary)


class Evil:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def test_a_pickle_that_asks_for_more_than_arrays_is_refused(cifar100_python: Written) -> None:
    file = cifar100_python.folder / "cifar-100-python" / "train"
    file.write_bytes(pickle.dumps({b"data": Evil()}, protocol=2))
    with pytest.raises(DataError, match=r"train: not a readable python batch \(asks for .*system"):
        load("cifar100", cifar100_python)


def test_a_cut_pickle_is_told_with_its_byte(cifar100_python: Written) -> None:
    file = cifar100_python.folder / "cifar-100-python" / "test"
    whole = file.read_bytes()
    file.write_bytes(whole[:5000])
    with pytest.raises(DataError, match=r"test: not a readable python batch .* of 5,000; fetch"):
        load("cifar100", cifar100_python)


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        ({}, "holds no data and fine_labels"),
        ([1], "holds no data and fine_labels"),
        ({b"data": np.zeros((2, 5), np.uint8), b"fine_labels": [0, 1]}, r"shape \(2, 5\)"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"fine_labels": [0]}, r"with \(1,\) labels"),
        ({b"data": np.zeros((2, 3072)), b"fine_labels": [0, 1]}, "type float64"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"fine_labels": [0, 100]}, "label 100 of image"),
    ],
)
def test_a_pickle_of_something_else_is_told(
    cifar100_python: Written, batch: object, told: str
) -> None:
    file = cifar100_python.folder / "cifar-100-python" / "train"
    file.write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(DataError, match=told):
        load("cifar100", cifar100_python)


@pytest.mark.shared
def test_the_real_set(shared: Path) -> None:
    """CIFAR-10 (JPEG-derived); counts and moments are those its description gives."""
    folder = str(shared / "data" / "cifar10")
    kind = cifar("cifar10")
    images, labels = read_cifar(Path(folder) / "test_batch.bin.xz", kind)
    assert images.shape == (10_000, 3, 32, 32)
    assert np.bincount(labels).tolist() == [1000] * 10
    means = images.mean(axis=(0, 2, 3)) / 255
    np.testing.assert_allclose(means, [0.4942, 0.4851, 0.4504], atol=2e-3)
