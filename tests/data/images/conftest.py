"""Small image sets in every layout, written as their publishers write them."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RECORDS = 20


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def pixels(rng: np.random.Generator, count: int, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, (count, *shape), np.uint8)


class Written:
    """A set on disk and what was written there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images: dict[str, np.ndarray] = {}
        self.labels: dict[str, np.ndarray] = {}

    def remember(self, name: str, images: np.ndarray, labels: np.ndarray) -> None:
        self.images[name], self.labels[name] = images, labels


@pytest.fixture
def cifar10_binary(tmp_path: Path, rng: np.random.Generator) -> Written:
    made = Written(tmp_path / "cifar10")
    made.folder.mkdir()
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        images, labels = pixels(rng, RECORDS, 3, 32, 32), np.arange(RECORDS) % 10
        table = np.column_stack([labels.astype(np.uint8), images.reshape(RECORDS, -1)])
        (made.folder / f"{name}.bin").write_bytes(table.tobytes())
        made.remember(name, images, labels)
    return made


@pytest.fixture
def cifar100_python(tmp_path: Path, rng: np.random.Generator) -> Written:
    made = Written(tmp_path / "cifar100")
    folder = made.folder / "cifar-100-python"
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        images, labels = pixels(rng, RECORDS, 3, 32, 32), np.arange(RECORDS) * 5
        batch = {
            b"data": images.reshape(RECORDS, -1),
            b"fine_labels": labels.tolist(),
            b"coarse_labels": (labels // 5).tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
        made.remember(name, images, labels)
    return made


def idx(array: np.ndarray) -> bytes:
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path, rng: np.random.Generator) -> Written:
    made = Written(tmp_path / "mnist")
    made.folder.mkdir()
    for part, pack in (("train", gzip.compress), ("t10k", bytes)):
        images, labels = pixels(rng, RECORDS, 7, 5), np.arange(RECORDS, dtype=np.uint8) % 10
        ending = ".gz" if part == "train" else ""
        write: list[tuple[str, np.ndarray]] = [("images-idx3", images), ("labels-idx1", labels)]
        for kind, array in write:
            (made.folder / f"{part}-{kind}-ubyte{ending}").write_bytes(pack(idx(array)))
        made.remember(part, images, labels)
    return made


@pytest.fixture
def save_image() -> Callable[..., None]:
    pillow: Any = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

    def save(file: Path, array: np.ndarray) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        pillow.fromarray(array).save(file)

    return save
