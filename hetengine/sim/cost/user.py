"""A cost model the user writes: an importable function."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import cast

from hetengine.errors import UsageError
from hetengine.topology import DeviceSpec
from hetengine.work import Work

CostFunction = Callable[[DeviceSpec, Work], float]


@cache
def cost_function(path: str) -> CostFunction:
    """Import the function a topology names.

    Parameters
    ----------
    path : str
        ``module:function``.

    Raises
    ------
    UsageError
        If there is no such module or function.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"topology: cost function {path!r} cannot be imported ({error}); "
            "write module:function of something importable"
        ) from error
    if not callable(found):
        raise UsageError(
            f"topology: cost function {path!r} is a {type(found).__name__}; "
            "name a function of (spec, work) that returns seconds"
        )
    return cast(CostFunction, found)
