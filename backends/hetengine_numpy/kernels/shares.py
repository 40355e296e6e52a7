"""What each thread of a team does of a pass: its share of the runs, into sums of its own.

Every kernel takes ``(gate, part, parts)`` first, see `hetengine_numpy.team`, and where it sums,
``values`` (parts,), ``total`` and ``sums``: the first part adds to ``total`` itself, each of the
others to an array of its own in ``sums``, because such an array may be as large as the data. Then
come the arguments of the kernel it is named after, without first and last run and without the sum.
"""

from __future__ import annotations

import numba

from hetengine_numpy.kernels import panel, passes, several
from hetengine_numpy.kernels.barrier import open_gate

_slopes, _moments, _hinge_gap = passes.slopes, passes.moments, passes.hinge_gap
_gather, _slopes_and_gather = panel.gather, panel.slopes_and_gather
_narrow_gram, _slopes_of_several = panel.narrow_gram, several.slopes_of_several


@numba.njit(cache=True, nogil=True)
def _share(runs, part, parts):
    """Return the first run of a part, and the one after its last."""
    return runs.size * part // parts, runs.size * (part + 1) // parts


@numba.njit(cache=True, nogil=True)
def _own(total, sums, part):
    """Return what a part adds to."""
    return total if part == 0 else sums[part - 1]


@numba.njit(cache=True, nogil=True)
def slopes(
    gate, part, parts, values, total, sums, rows, runs, length, step, base, target, weight, kind,
    partial, scores, slope,
):  # fmt: skip
    """Do a share of `hetengine_numpy.kernels.passes.slopes`."""
    open_gate(gate, part)
    first, last = _share(runs, part, parts)
    values[part] = _slopes(
        rows, runs, length, first, last, step, base, target, weight, kind, partial, scores, slope,
        _own(total, sums, part),
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def moments(gate, part, parts, values, total, sums, rows, runs, length, slope, weight):
    """Do a share of `hetengine_numpy.kernels.passes.moments`."""
    open_gate(gate, part)
    first, last = _share(runs, part, parts)
    _moments(rows, runs, length, first, last, slope, weight, _own(total, sums, part))


@numba.njit(cache=True, nogil=True)
def hinge_gap(
    gate, part, parts, values, total, sums, rows, runs, length, coef, b, label, weight, repair,
    margin,
):  # fmt: skip
    """Do a share of `hetengine_numpy.kernels.passes.hinge_gap`."""
    open_gate(gate, part)
    first, last = _share(runs, part, parts)
    own = _own(total, sums, part)
    _hinge_gap(rows, runs, length, first, last, coef, b, label, weight, repair, margin, own)


@numba.njit(cache=True, nogil=True)
def gather(gate, part, parts, rows, runs, length, root, features, place, out):
    """Do a share of `hetengine_numpy.kernels.panel.gather`."""
    open_gate(gate, part)
    first, last = _share(runs, part, parts)
    _gather(rows, runs, length, first, last, root, features, place, out)


@numba.njit(cache=True, nogil=True)
def slopes_and_gather(
    gate, part, parts, values, total, sums, rows, runs, length, step, base, target, weight, kind,
    partial, scores, slope, root, features, place, out,
):  # fmt: skip
    """Do a share of `hetengine_numpy.kernels.panel.slopes_and_gather`."""
    open_gate(gate, part)
    first, last = _share(runs, part, parts)
    values[part] = _slopes_and_gather(
        rows, runs, length, first, last, step, base, target, weight, kind, partial, scores, slope,
        root, features, place, out, _own(total, sums, part),
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def narrow_gram(gate, part, parts, sums, left, right, length):
    """Do a share of `hetengine_numpy.kernels.panel.narrow_gram`, in sums of its own."""
    open_gate(gate, part)
    first, last = left.shape[0] * part // parts, left.shape[0] * (part + 1) // parts
    _narrow_gram(left, right, length, first, last, sums[part])


@numba.njit(cache=True, nogil=True)
def slopes_of_several(
    gate, part, parts, values, total, sums, rows, runs, length, steps, base, target, weight, kind,
    partial, scores, slope,
):  # fmt: skip
    """Do a share of `hetengine_numpy.kernels.several.slopes_of_several`."""
    open_gate(gate, part)
    first, last = _share(runs, part, parts)
    _slopes_of_several(
        rows, runs, length, first, last, steps, base, target, weight, kind, partial, scores, slope,
        _own(total, sums, part),
    )  # fmt: skip
