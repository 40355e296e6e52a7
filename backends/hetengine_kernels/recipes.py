"""A recipe per verb of the device API: which kernels it launches, with how many groups.

Names and argument order are those of the NumPy backend's kernels, so a solver does not know which
backend it launches on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hetengine_kernels.epoch import Epoch
from hetengine_kernels.launcher import Launcher, Memory
from hetengine_kernels.nets import RECIPES as NET_RECIPES

Recipe = Callable[..., Any]

_GAPS_AT_ONCE = 4  # columns that a group of dense_gaps reads side by side


def _groups(run: Launcher, count: int) -> int:
    return min(count, run.profile.groups)


def _row_groups(run: Launcher, length: int) -> int:
    return min(-(-length // run.profile.span), run.profile.groups)


def _dense_gaps(
    run: Launcher,
    values: Memory,
    ids: Memory,
    w: Memory,
    alpha: Memory,
    p: Memory,
    q: Memory,
    kind: int,
    bound: float,
    u: Memory,
    gap: Memory,
) -> None:
    """Measure products and gaps of the listed columns."""
    args = (values, values.shape[1], ids, ids.size, w, alpha, p, q, kind, bound, u, gap)
    groups = _groups(run, -(-ids.size // _GAPS_AT_ONCE))
    run.launch("dense_gaps", values.dtype, groups, *args)


def _sparse_gaps(
    run: Launcher,
    values: Memory,
    indices: Memory,
    starts: Memory,
    lens: Memory,
    ids: Memory,
    w: Memory,
    alpha: Memory,
    p: Memory,
    q: Memory,
    kind: int,
    bound: float,
    u: Memory,
    gap: Memory,
) -> None:
    """Measure products and gaps of the listed columns."""
    args = (values, indices, starts, lens, ids, ids.size, w, alpha, p, q, kind, bound, u, gap)
    run.launch("sparse_gaps", values.dtype, _groups(run, ids.size), *args)


def _dense_pack(run: Launcher, values: Memory, ids: Memory, shipped: Memory) -> None:
    """Gather the listed columns."""
    args = (values, values.shape[1], ids, ids.size, shipped)
    run.launch("dense_pack", values.dtype, _groups(run, ids.size), *args)


def _sparse_pack(
    run: Launcher,
    values: Memory,
    indices: Memory,
    starts: Memory,
    lens: Memory,
    ids: Memory,
    shipped: Memory,
    shipped_indices: Memory,
) -> None:
    """Gather the listed columns."""
    args = (values, indices, starts, lens, ids, ids.size, shipped, shipped_indices)
    run.launch("sparse_pack", values.dtype, _groups(run, ids.size), *args)


def _dense_unpack(
    run: Launcher,
    slots: Memory,
    params: Memory,
    shipped: Memory,
    values: Memory,
    alpha: Memory,
    h: Memory,
    p: Memory,
    q: Memory,
) -> None:
    """Scatter a shipment into its slots."""
    args = (slots, slots.size, params, shipped, values, values.shape[1], alpha, h, p, q)
    run.launch("dense_unpack", values.dtype, _groups(run, slots.size), *args)


def _sparse_unpack(run: Launcher, slots: Memory, params: Memory, *rest: Any) -> None:
    """Scatter a shipment into its slots and extents."""
    args = (slots, slots.size, params, *rest)
    run.launch("sparse_unpack", params.dtype, _groups(run, slots.size), *args)


def _sparse_compact(
    run: Launcher, values: Memory, indices: Memory, starts: Memory, lens: Memory, order: Memory
) -> None:
    """Close the gaps between extents; one group, because extents overlap their targets."""
    args = (values, indices, starts, lens, order, order.size)
    run.launch("sparse_compact", values.dtype, min(order.size, 1), *args)


def _dense_combine(
    run: Launcher, values: Memory, ids: Memory, alpha: Memory, smoothness: float, w: Memory
) -> None:
    """Add L A alpha over the listed columns to w."""
    args = (values, values.shape[1], ids, ids.size, alpha, smoothness, w)
    groups = _row_groups(run, values.shape[1]) if ids.size else 0
    run.launch("dense_combine", values.dtype, groups, *args)


def _sparse_combine(
    run: Launcher,
    values: Memory,
    indices: Memory,
    starts: Memory,
    lens: Memory,
    ids: Memory,
    alpha: Memory,
    smoothness: float,
    w: Memory,
) -> None:
    """Add L A alpha over the listed columns to w."""
    args = (values, indices, starts, lens, ids, ids.size, alpha, smoothness, w)
    groups = min(ids.size, run.profile.concurrency)
    run.launch("sparse_combine", values.dtype, groups, *args)


def _dense_square_norms(run: Launcher, values: Memory, ids: Memory, out: Memory) -> None:
    """Squared norms of the listed columns."""
    args = (values, values.shape[1], ids, ids.size, out)
    run.launch("dense_square_norms", values.dtype, _groups(run, ids.size), *args)


def _sparse_square_norms(
    run: Launcher,
    values: Memory,
    indices: Memory,
    starts: Memory,
    lens: Memory,
    ids: Memory,
    out: Memory,
) -> None:
    """Squared norms of the listed columns."""
    args = (values, indices, starts, lens, ids, ids.size, out)
    run.launch("sparse_square_norms", values.dtype, _groups(run, ids.size), *args)


_STATELESS: dict[str, Recipe] = {
    "dense_gaps": _dense_gaps,
    "dense_pack": _dense_pack,
    "dense_unpack": _dense_unpack,
    "dense_combine": _dense_combine,
    "dense_square_norms": _dense_square_norms,
    "sparse_gaps": _sparse_gaps,
    "sparse_pack": _sparse_pack,
    "sparse_unpack": _sparse_unpack,
    "sparse_compact": _sparse_compact,
    "sparse_combine": _sparse_combine,
    "sparse_square_norms": _sparse_square_norms,
    **NET_RECIPES,
}
_EPOCHS = {"dense_epoch": "dense", "sparse_epoch": "sparse"}


def recipe_names() -> list[str]:
    """Return the kernels there are recipes for: ``LAYOUT_VERB``, and those of nets."""
    return sorted((*_STATELESS, *_EPOCHS))


def recipe(name: str, run: Launcher) -> Recipe:
    """Return a verb as a function of its arguments, bound to a launcher.

    Parameters
    ----------
    name : str
        One of `recipe_names`.
    run : Launcher
        The device to launch on.

    Returns
    -------
    callable
        Takes memories and plain numbers; returns once all is enqueued, epochs once they have run.
    """
    if name in _EPOCHS:
        return Epoch(run, _EPOCHS[name])
    return partial(_STATELESS[name], run)
