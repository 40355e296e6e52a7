# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""A PyTorch Dataset as the data of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hetengine.data.images.convert import image_data_of
from hetengine.data.images.dataset import ImageData
from hetengine.errors import DataError


def image_data_of_dataset(dataset: Any, test: Any = None, **settings: Any) -> ImageData:
    """Read a map-style Dataset once into memory.

    Transforms of the Dataset are applied once, while it is read: leave random ones out and use
    ``pad`` and ``flip``, which are drawn anew for every batch.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        With a length; item ``k`` is an image (tensor, array or Pillow image) and a label.
    test : torch.utils.data.Dataset, optional
        Held-out images.
    **settings
        As for `hetengine.data.images.convert.image_data_of`: ``name``, ``layout``, ``pad``,
        ``flip``, ``mean``, ``std``.

    Raises
    ------
    DataError
        If items are no pairs of image and label, or sizes differ.

    Examples
    --------
    >>> from torch.utils.data import TensorDataset
    >>> data = image_data_of_dataset(TensorDataset(torch.zeros(4, 1, 8, 8), torch.arange(4)))
    >>> data.images.shape, data.classes
    ((4, 1, 8, 8), 4)
    """
    settings.setdefault("name", type(dataset).__name__)
    held = None if test is None else _arrays(test)
    return image_data_of(*_arrays(dataset), held, **settings)


def _arrays(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    name = type(dataset).__name__
    if isinstance(dataset, torch.utils.data.TensorDataset) and len(dataset.tensors) == 2:
        images, labels = (np.asarray(tensor.cpu()) for tensor in dataset.tensors)
        return images, labels
    images, labels = [], []
    for k in range(len(dataset)):
        item = dataset[k]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DataError(
                f"{name}: item {k} is a {type(item).__name__}; need a pair of image and label"
            )
        images.append(np.asarray(item[0]))
        labels.append(int(item[1]))
        if images[k].shape != images[0].shape:
            raise DataError(
                f"{name}: item {k} has shape {images[k].shape} and item 0 {images[0].shape}; bring "
                "all to one"
            )
    if not images:
        raise DataError(f"{name}: has no items")
    return np.stack(images), np.array(labels)
