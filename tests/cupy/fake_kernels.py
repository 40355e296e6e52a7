"""What the CUDA kernels compute, by the Numba functions of the NumPy backend.

Each takes its arguments by the names of the source, ``_at`` included, and the number of groups.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

from hetengine_numpy.kernels import coordinate

Arguments = Any
# As Any, because a checker cannot count starred arguments.
dense: Any = import_module("hetengine_numpy.kernels.dense")
sparse: Any = import_module("hetengine_numpy.kernels.sparse")


def _listed(a: Arguments) -> np.ndarray:
    return a.ids[a.ids_at : a.ids_at + a.count]


def _matrix(a: Arguments) -> np.ndarray:
    return a.values.reshape(-1, int(a.length))


def _extents(a: Arguments) -> tuple[np.ndarray, ...]:
    return a.values, a.indices, a.starts, a.lens


def _terms(a: Arguments) -> tuple[Any, ...]:
    return a.w, a.alpha, a.p, a.q, int(a.kind), float(a.bound), a.u, a.gap


def _visits(a: Arguments, first: int, last: int) -> np.ndarray:
    """Slots of some visits: in the order given, or in one drawn from the seed."""
    order = a.order[a.order_at : a.order_at + a.count]
    if a.scatter:
        order = order[np.random.default_rng(int(a.seed)).permutation(order.size)]
    return order[first:last].copy()


def _epoch(a: Arguments, groups: int, kernel: Callable[..., Any], columns: tuple) -> None:
    """One coordinate after the other, because the Numba kernel would shuffle the order again."""
    state = (a.alpha, a.h, a.p, a.q, a.gap, a.w)
    numbers = (int(a.kind), float(a.smoothness), float(a.sigma), float(a.bound), 0)
    a.partials[: 2 * groups] = 0.0
    for visit in _visits(a, a.first, a.last).reshape(-1, 1):
        a.partials[:2] += kernel(*columns, visit, *state, *numbers)


def _unpack(a: Arguments, kernel: Callable[..., Any], names: tuple[str, ...], columns: tuple):
    shipped = [getattr(a, name)[getattr(a, f"{name}_at") :] for name in names]
    slots = a.slots[a.slots_at : a.slots_at + a.count]
    kernel(slots, a.params[a.params_at :], *shipped, *columns, a.alpha, a.h, a.p, a.q)


def _dense_unpack(a: Arguments, groups: int) -> None:
    _unpack(a, dense.unpack, ("shipped",), (_matrix(a),))


def _sparse_unpack(a: Arguments, groups: int) -> None:
    names = ("shipped_starts", "shipped_lens", "shipped_values", "shipped_indices")
    _unpack(a, sparse.unpack, names, _extents(a))


def _sparse_pack(a: Arguments, groups: int) -> None:
    values, indices = a.shipped_values, a.shipped_indices
    to = values[a.shipped_values_at :], indices[a.shipped_indices_at :]
    sparse.pack(*_extents(a), _listed(a), *to)


def _sum_partials(a: Arguments, groups: int) -> None:
    a.partials[:2] = a.partials[: 2 * a.count].reshape(-1, 2).sum(0)


def _tile_gram(a: Arguments, groups: int) -> None:
    A, size = _matrix(a), a.TILE
    for tile in range(a.tiles):
        begin = int(a.first) + tile * size
        places = np.minimum(np.arange(begin, begin + size), a.last - 1)
        S = A[_visits(a, 0, int(a.count))[places]]
        a.gram[tile * size * size : (tile + 1) * size * size] = (S @ S.T).ravel()


def _tile_dots(a: Arguments, groups: int) -> None:
    a.u[: a.last - a.first] = _matrix(a)[_visits(a, a.first, a.last)] @ a.w


def _tile_steps(a: Arguments, groups: int) -> None:
    size = int(a.last - a.first)
    now = a.u[:size].copy()
    gram = a.gram[a.begin : a.begin + a.TILE**2].reshape(a.TILE, a.TILE)
    if a.fresh:
        a.sums[:2] = 0.0
    kind, scale = int(a.kind), float(a.smoothness * a.sigma)
    for k, i in enumerate(_visits(a, a.first, a.last)):
        before, u, p, q = float(a.alpha[i]), float(now[k]), float(a.p[i]), float(a.q[i])
        a.gap[i] = coordinate.gap(kind, before, u, p, q, float(a.bound))
        a.alpha[i] = coordinate.update(kind, before, u, float(a.sigma * a.h[i]), p, q)
        a.factors[k] = scale * (float(a.alpha[i]) - before)
        a.sums[0] += a.gap[i]
        if a.factors[k] != 0.0:
            a.sums[1] += a.length
            now[k + 1 :] += a.factors[k] * gram[k, k + 1 : size]


def _tile_add(a: Arguments, groups: int) -> None:
    S = _matrix(a)[_visits(a, a.first, a.last)]
    a.w += a.factors[: a.last - a.first] @ S


KERNELS: dict[str, Callable[[SimpleNamespace, int], None]] = {
    "twice": lambda a, groups: np.multiply(a.x[: a.count], 2, out=a.y[: a.count]),
    "shuffle_order": lambda a, groups: coordinate.shuffle(
        a.order[a.order_at : a.order_at + a.count], int(a.seed)
    ),
    "sum_partials": _sum_partials,
    "dense_gaps": lambda a, groups: dense.gaps(_matrix(a), _listed(a), *_terms(a)),
    "dense_epoch": lambda a, groups: _epoch(a, groups, dense.epoch, (_matrix(a),)),
    "dense_pack": lambda a, groups: dense.pack(_matrix(a), _listed(a), a.shipped[a.shipped_at :]),
    "dense_unpack": _dense_unpack,
    "dense_combine": lambda a, groups: dense.combine(
        _matrix(a), _listed(a), a.alpha, float(a.smoothness), a.w
    ),
    "dense_square_norms": lambda a, groups: dense.square_norms(_matrix(a), _listed(a), a.out),
    "sparse_gaps": lambda a, groups: sparse.gaps(*_extents(a), _listed(a), *_terms(a)),
    "sparse_epoch": lambda a, groups: _epoch(a, groups, sparse.epoch, _extents(a)),
    "sparse_pack": _sparse_pack,
    "sparse_unpack": _sparse_unpack,
    "sparse_compact": lambda a, groups: sparse.compact(
        *_extents(a), a.order[a.order_at : a.order_at + a.count]
    ),
    "sparse_combine": lambda a, groups: sparse.combine(
        *_extents(a), _listed(a), a.alpha, float(a.smoothness), a.w
    ),
    "sparse_square_norms": lambda a, groups: sparse.square_norms(*_extents(a), _listed(a), a.out),
    "tile_gram": _tile_gram,
    "tile_dots": _tile_dots,
    "tile_steps": _tile_steps,
    "tile_add": _tile_add,
}
