"""Train on machines whose parts differ in speed and memory, or simulate doing so.

`run` takes what the command line takes; `fit` takes arrays and returns the `Result` of a linear
model, `train` takes images and returns the `NetResult` of a net. Everything is imported when first
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hetengine.api import fit, run, train
    from hetengine.net_result import NetResult
    from hetengine.result import Result

    __version__: str

__all__ = ["NetResult", "Result", "__version__", "fit", "run", "train"]

_HOMES = {
    "NetResult": "hetengine.net_result",
    "Result": "hetengine.result",
    "fit": "hetengine.api",
    "run": "hetengine.api",
    "train": "hetengine.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        value: Any = _version()
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'hetengine' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("hetengine")
    except metadata.PackageNotFoundError:
        return "0+not.installed"
