"""Backends by name: found through entry points, imported only when asked for."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from hetengine.backend import Backend
from hetengine.errors import BackendUnavailable, did_you_mean

GROUP = "hetengine.backends"


def installed() -> dict[str, metadata.EntryPoint]:
    """Return the entry points of all installed backends by name, without importing them."""
    return {entry.name: entry for entry in sorted(metadata.entry_points(group=GROUP))}


@cache
def backend(name: str) -> Backend:
    """Import a backend and make its one instance.

    Parameters
    ----------
    name : str
        As registered, for instance ``numpy``.

    Raises
    ------
    BackendUnavailable
        If there is no backend of that name or it cannot be imported; the cause is chained.
    """
    entries = installed()
    if not entries:
        raise BackendUnavailable(
            f"backend {name!r} not found: no backends are installed; "
            "run `pip install -e .` in the checkout, or `pip install hetengine`"
        )
    if name not in entries:
        raise BackendUnavailable(f"backend {name!r} not found; {did_you_mean(name, entries)}")
    entry = entries[name]
    try:
        return entry.load()()
    except Exception as error:
        package = entry.dist.name if entry.dist else entry.module
        raise BackendUnavailable(
            f"backend {name!r} ({entry.value}) of package {package} cannot be loaded: "
            f"{type(error).__name__}: {error}; mend or reinstall it: pip install {package}"
        ) from error
