"""Train linear models on machines whose parts differ in speed and memory, or simulate doing so.

`run` takes what the command line takes, `fit` takes arrays; both return a `Result`. Everything is
imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hetengine.api import fit, run
    from hetengine.result import Result

    __version__: str

__all__ = ["Result", "__version__", "fit", "run"]

_HOMES = {"Result": "hetengine.result", "fit": "hetengine.api", "run": "hetengine.api"}


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
