"""Make a large dense matrix from CIFAR-10 (JPEG-derived): 50,000 x 4,096 float32, 819 MB.

Random convolutional features after Coates and Ng (2012): whitened 6 x 6 x 3 patches as filters, a
threshold, sums over the four quadrants. About 4 minutes on 2 cores:

    python benchmarks/cifar_features.py ../shared/data/cifar10 /tmp/cifar

writes X.npy and y.npy (labels 0-9). One class against the rest is ``data=npy data.path=X.npy
data.target_path=y_CLASS.npy``; y_0.npy ... y_9.npy hold -1 and +1.
"""

from __future__ import annotations

import argparse
import lzma
from pathlib import Path

import numpy as np

SIDE, PATCH, FILTERS, SPLIT = 32, 6, 1024, 14
PLACES = SIDE - PATCH + 1
WHITENING_PATCHES = 200_000
BATCH = 200


def read_images(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the five training batches: labels (n,) and images (n, 32, 32, 3) as float32."""
    records = []
    for k in range(1, 6):
        with lzma.open(folder / f"data_batch_{k}.bin.xz") as stream:
            records.append(np.frombuffer(stream.read(), np.uint8).reshape(-1, 3073))
    data = np.concatenate(records)
    images = data[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return data[:, 0].astype(np.float64), images


def patches_of(images: np.ndarray) -> np.ndarray:
    """Cut all patches: (n, 27, 27, 108), each less its mean over its deviation."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))
    cut = windows.reshape(len(images), PLACES, PLACES, -1).astype(np.float32)
    cut -= cut.mean(-1, keepdims=True)
    cut /= np.sqrt(cut.var(-1, keepdims=True) + 10.0)
    return cut


def filters_of(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw filters and return them with the whitening folded in: (108, FILTERS) and its offset."""
    chosen = rng.integers(len(images), size=2000)
    pool = patches_of(images[chosen]).reshape(-1, PATCH * PATCH * 3)
    pool = pool[rng.choice(len(pool), WHITENING_PATCHES, replace=False)]
    mean = pool.mean(0)
    values, vectors = np.linalg.eigh(np.cov(pool - mean, rowvar=False))
    whiten = (vectors / np.sqrt(values + 0.1)) @ vectors.T
    units = (pool[rng.choice(len(pool), FILTERS, replace=False)] - mean) @ whiten
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    weights = (whiten @ units.T).astype(np.float32)
    return weights, (mean @ weights).astype(np.float32)


def features_of(images: np.ndarray, weights: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the pooled responses of a batch: (n, 4 FILTERS)."""
    cut = patches_of(images)
    response = cut.reshape(-1, cut.shape[-1]) @ weights
    response -= offset + np.float32(0.5)
    np.maximum(response, 0.0, out=response)
    maps = response.reshape(len(images), PLACES, PLACES, FILTERS)
    halves = (slice(None, SPLIT), slice(SPLIT, None))
    pooled = [maps[:, rows, columns].sum((1, 2)) for rows in halves for columns in halves]
    return np.concatenate(pooled, axis=1)


def main() -> None:
    """Write the matrix and the labels."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cifar10", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    labels, images = read_images(arguments.cifar10)
    weights, offset = filters_of(images, np.random.default_rng(0))
    X = np.empty((len(images), 4 * FILTERS), np.float32)
    for first in range(0, len(images), BATCH):
        X[first : first + BATCH] = features_of(images[first : first + BATCH], weights, offset)
    X -= X.mean(0)
    X /= X.std(0) + 1e-6
    arguments.out.mkdir(parents=True, exist_ok=True)
    np.save(arguments.out / "X.npy", X)
    np.save(arguments.out / "y.npy", labels)
    for k in range(10):
        np.save(arguments.out / f"y_{k}.npy", np.where(labels == k, 1.0, -1.0))


if __name__ == "__main__":
    main()
