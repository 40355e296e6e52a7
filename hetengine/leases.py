"""Which buffers commands are using, so that none is given back under a command in flight."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from hetengine.errors import UsageError

if TYPE_CHECKING:
    from hetengine.device import Buffer


def root_of(buffer: Buffer) -> Buffer:
    """Return the buffer a section was taken from; a buffer that is no section is its own root."""
    while buffer.base is not None:
        buffer = buffer.base
    return buffer


def take_all(buffers: Iterable[Buffer]) -> list[tuple[Leases, list[Buffer]]]:
    """Count a use of each buffer, whichever device it is on; a command needs them all or none.

    Returns
    -------
    list of (Leases, list of Buffer)
        What to give back, to whom.

    Raises
    ------
    UsageError
        If one of them has been freed; none is counted then.
    """
    owners: dict[Leases, list[Buffer]] = {}
    for root in dict.fromkeys(map(root_of, buffers)):
        owners.setdefault(root.device.leases, []).append(root)
    taken: list[tuple[Leases, list[Buffer]]] = []
    try:
        for leases, roots in owners.items():
            leases.take(roots)
            taken.append((leases, roots))
    except UsageError:
        give_back_all(taken)
        raise
    return taken


def give_back_all(taken: Iterable[tuple[Leases, list[Buffer]]]) -> None:
    """End the uses that `take_all` has counted."""
    for leases, roots in taken:
        leases.give_back(roots)


class Leases:
    """Commands in flight per buffer of one device; safe from any thread.

    Parameters
    ----------
    release : callable
        Gives a buffer's memory back; called once, when it has been freed and nothing uses it.
    """

    def __init__(self, release: Callable[[Buffer], None]) -> None:
        self._release = release
        self._uses: dict[Buffer, int] = {}
        self._freed: set[Buffer] = set()
        self._lock = threading.Lock()

    def take(self, buffers: Iterable[Buffer]) -> None:
        """Count a use of each buffer's root.

        Raises
        ------
        UsageError
            If one of them has been freed; none is counted then.
        """
        roots = [root_of(buffer) for buffer in buffers]
        with self._lock:
            for root in roots:
                self._check(root, "use")
            for root in roots:
                self._uses[root] = self._uses.get(root, 0) + 1

    def give_back(self, buffers: Iterable[Buffer]) -> None:
        """End a use of each buffer's root, and release those that were waiting for it."""
        with self._lock:
            for root in map(root_of, buffers):
                left = self._uses[root] - 1
                if left:
                    self._uses[root] = left
                    continue
                del self._uses[root]
                if root in self._freed:
                    self._freed.remove(root)
                    self._release(root)

    def free(self, buffer: Buffer) -> None:
        """Release a buffer, at once or after its last use.

        Raises
        ------
        UsageError
            If it is a section, or has been freed before.
        """
        if buffer.base is not None:
            raise UsageError(
                f"{buffer.device.name}: cannot free {buffer.label}, a section; free the whole of it"
            )
        with self._lock:
            self._check(buffer, "free")
            if buffer in self._uses:
                self._freed.add(buffer)
            else:
                self._release(buffer)

    def check(self, buffer: Buffer, verb: str) -> None:
        """Refuse a buffer that has been freed.

        Raises
        ------
        UsageError
            If it has been.
        """
        with self._lock:
            self._check(buffer, verb)

    def _check(self, buffer: Buffer, verb: str) -> None:
        root = root_of(buffer)
        if root.array is None or root in self._freed:
            raise UsageError(
                f"{root.device.name}: cannot {verb} {root.label}, it was freed; allocate it again"
            )
