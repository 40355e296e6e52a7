"""The kernels of `hetengine.nets.kernels` on NumPy arrays: geometry here, loops in ``kernels``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hetengine_numpy.nets import affine, convolution, dense, images
from hetengine_numpy.team import Team


def implementations(threads: int) -> dict[str, Callable[..., Any]]:
    """Return the kernels by name, for a number of threads.

    Results do not depend on the number of threads, to the last bit.

    Parameters
    ----------
    threads : int
        At least 1.
    """
    team = Team(threads)
    functions = affine.KERNELS | convolution.KERNELS | dense.KERNELS | images.KERNELS
    return {name: _flat(function, team) for name, function in functions.items()}


def _flat(function: Callable[..., None], team: Team) -> Callable[..., None]:
    """Give every array to the loops as one dimension: one compiled version serves all shapes."""

    def run(*args: Any) -> None:
        function(team, *[a.reshape(-1) if isinstance(a, np.ndarray) else a for a in args])

    return run
