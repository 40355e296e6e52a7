"""PyTorch modules as the nets of a run, and the devices PyTorch computes on.

`TorchBackend` is found by its entry point; `TorchModel` and `image_data_of_dataset` are for the
user's own program. PyTorch is imported when the first of them is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hetengine_torch.backend import TorchBackend

if TYPE_CHECKING:
    from hetengine_torch.dataset import image_data_of_dataset
    from hetengine_torch.model import TorchModel

__all__ = ["TorchBackend", "TorchModel", "image_data_of_dataset"]

_HOMES = {
    "TorchModel": "hetengine_torch.model",
    "image_data_of_dataset": "hetengine_torch.dataset",
}


def __getattr__(name: str) -> Any:
    """Import what needs PyTorch when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hetengine_torch' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
