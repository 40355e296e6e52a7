"""Kernels by name, imported in groups when one of a group is asked for.

Importing compiled kernels takes longer than many a run: a linear model need not wait for nets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Kernels = Mapping[str, Callable[..., Any]]


class KernelTable(Mapping[str, Callable[..., Any]]):
    """Groups of kernels, told apart by how their names begin.

    Parameters
    ----------
    groups : mapping of tuple of str to callable
        Beginnings of names, and what imports and returns the kernels; the first group that fits a
        name is asked, so that ``("",)`` stands last and takes the rest.
    """

    def __init__(self, groups: Mapping[tuple[str, ...], Callable[[], Kernels]]) -> None:
        self._groups = dict(groups)
        self._loaded: dict[tuple[str, ...], Kernels] = {}

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """Return a kernel; imports its group at first."""
        for group in self._groups:
            if name.startswith(group):
                return self._load(group)[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        """Yield all names; imports every group."""
        for group in self._groups:
            yield from self._load(group)

    def __len__(self) -> int:
        """Return how many kernels there are; imports every group."""
        return sum(len(self._load(group)) for group in self._groups)

    def _load(self, group: tuple[str, ...]) -> Kernels:
        if group not in self._loaded:
            self._loaded[group] = self._groups[group]()
        return self._loaded[group]
