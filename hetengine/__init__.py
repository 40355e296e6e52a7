"""Train on machines whose parts differ in speed and memory, or simulate doing so.

`run` takes what the command line takes; `fit` takes arrays and returns the `Result` of a linear
model, `train` takes images and returns the `NetResult` of a net; `resume` goes on with a net's run
from its checkpoint. `path` trains for many strengths of the penalty, `cross_validate` chooses one.
Everything is imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hetengine.api import fit, run, train
    from hetengine.net_result import NetResult
    from hetengine.result import Result
    from hetengine.resuming import resume
    from hetengine.tuning.api import cross_validate, path
    from hetengine.tuning.result import CvResult, PathResult

    __version__: str

__all__ = [
    "CvResult",
    "NetResult",
    "PathResult",
    "Result",
    "__version__",
    "cross_validate",
    "fit",
    "path",
    "resume",
    "run",
    "train",
]

_HOMES = {
    "CvResult": "hetengine.tuning.result",
    "NetResult": "hetengine.net_result",
    "PathResult": "hetengine.tuning.result",
    "Result": "hetengine.result",
    "cross_validate": "hetengine.tuning.api",
    "fit": "hetengine.api",
    "path": "hetengine.tuning.api",
    "resume": "hetengine.resuming",
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
