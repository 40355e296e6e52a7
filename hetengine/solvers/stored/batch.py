"""Many calls of one kernel handed to the host's queue as one command.

A landed piece holds several runs of columns; a launch for each would cost more than the kernel
does. The arguments are made when the command runs, because only then are the columns there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hetengine.device import Kernel


class Batch:
    """A kernel that is called several times.

    Parameters
    ----------
    kernel : Kernel
        What is called.
    calls : callable
        Returns the arguments of each call.
    before, after : callable, optional
        Run on the same thread before the first and after the last call.

    Attributes
    ----------
    name : str
        That of the kernel.
    """

    def __init__(
        self,
        kernel: Kernel,
        calls: Callable[[], Iterable[tuple[Any, ...]]],
        before: Callable[[], None] | None = None,
        after: Callable[[], None] | None = None,
    ) -> None:
        self.name = kernel.name
        self._kernel = kernel
        self._calls = calls
        self._before = before
        self._after = after

    def __call__(self, *args: Any) -> None:
        """Make all calls."""
        if self._before is not None:
            self._before()
        for each in self._calls():
            self._kernel(*each)
        if self._after is not None:
            self._after()
