"""Recipes of convolutions and of the phases of strided ones; see
`hetengine.nets.kernels.convolution`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hetengine.nets.planes import BLOCK, Planes, round_up
from hetengine_kernels.launcher import Launcher, Memory
from hetengine_kernels.nets.affine import finish_norm, map_back, norm_partials
from hetengine_kernels.nets.grid import (
    OUTS,
    Cut,
    check,
    cut,
    grid,
    row_grid,
)

_PLAIN, _FROM_PHASES, _TO_PHASE = 0, 1, 2  # how a stencil moves, as in the source
_PHASE_TAPS = (1, 2, 2, 4)  # taps of a 3x3 convolution of stride 2 that reach each phase
_PHASES = 4


def _tiles(channels: int) -> int:
    return -(-channels // OUTS)


def _pack(
    run: Launcher,
    weights: Memory,
    packed: Memory,
    channels: int,
    outputs: int,
    taps: int,
    stride: int,
    backward: int,
) -> None:
    targets, sources = (channels, outputs) if backward else (outputs, channels)
    groups = grid(run, _tiles(targets) * sources)

    def lay(start: int, some: int, kind: int) -> None:
        args = (weights, packed, start, channels, outputs, some, taps, kind, backward)
        run.launch("net_pack", weights.dtype, groups, *args)

    if not backward or stride == 1 or taps == 1:
        lay(0, taps, _PLAIN)
        return
    for phase, start in enumerate(_phase_starts(channels, outputs)):
        lay(start, _PHASE_TAPS[phase], _TO_PHASE + phase)


def _phase_starts(channels: int, outputs: int) -> list[int]:
    """Where the weights of each phase's taps begin in what `_pack` lays out."""
    rows = _tiles(channels) * outputs * OUTS
    return [rows * sum(_PHASE_TAPS[:phase]) for phase in range(_PHASES)]


def _stencil(
    run: Launcher,
    over: Cut,
    x: Memory,
    packed: Memory,
    y: Memory,
    mask: Memory,
    partials: Memory,
    *,
    start: int = 0,
    x_planes: int = 1,
    y_planes: int = 1,
    phase: int = 0,
    channels: int,
    outputs: int,
    taps: int,
    kind: int,
    add: int = 0,
    norm: int = 0,
) -> None:
    planes = over.planes
    first = phase * planes.length + planes.first
    head = (x, packed, start, y, mask, partials, x_planes * planes.length)
    geometry = (y_planes * planes.length, first, *over.extent, planes.stride, planes.length)
    tail = (channels, outputs, taps, kind, add, norm)
    groups = grid(run, over.chunks * _tiles(outputs))
    run.launch("net_stencil", y.dtype, groups, *head, *geometry, *tail)


def _forward(
    run: Launcher,
    over: Cut,
    x: Memory,
    packed: Memory,
    y: Memory,
    mask: Memory,
    partials: Memory,
    channels: int,
    outputs: int,
    taps: int,
    stride: int,
    norm: int,
) -> None:
    _stencil(
        run,
        over,
        x,
        packed,
        y,
        mask,
        partials,
        x_planes=_PHASES if stride == 2 else 1,
        channels=channels,
        outputs=outputs,
        taps=taps,
        kind=_FROM_PHASES if stride == 2 else _PLAIN,
        norm=norm,
    )


def _conv(
    run: Launcher,
    x: Memory,
    packed: Memory,
    y: Memory,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
) -> None:
    over = cut(run, images, height, width)
    unused = run.scratch("partials", run.profile.scalar)
    _forward(run, over, x, packed, y, x, unused, channels, outputs, taps, stride, 0)


def _conv_norm(
    run: Launcher,
    x: Memory,
    packed: Memory,
    y: Memory,
    mask: Memory,
    gamma: Memory,
    beta: Memory,
    running: Memory,
    coefficients: Memory,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
    epsilon: float,
    momentum: float,
) -> None:
    over = cut(run, images, height, width)
    partials = norm_partials(run, over, outputs)
    _forward(run, over, x, packed, y, mask, partials, channels, outputs, taps, stride, 1)
    rest = (gamma, beta, running, coefficients, outputs, epsilon, momentum)
    finish_norm(run, over, partials, *rest)


def _conv_back(
    run: Launcher,
    x: Memory,
    g: Memory,
    y: Memory,
    coefficients: Memory,
    mask: Memory,
    packed: Memory,
    dy: Memory,
    dweights: Memory,
    dx: Memory,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
    normed: int,
    target: int,
) -> None:
    over = cut(run, images, height, width)
    if normed:
        map_back(run, over, g, y, coefficients, mask, dy, outputs, 0)
        g = dy
    _weights(run, over.planes, x, g, dweights, channels, outputs, taps, stride)
    if target and stride == 1:
        unused = run.scratch("partials", run.profile.scalar)
        shape: dict[str, int] = {"channels": outputs, "outputs": channels, "taps": taps}
        add = int(target == 2)
        _stencil(run, over, g, packed, dx, g, unused, **shape, kind=_PLAIN, add=add)
    elif target:
        _to_phases(run, over, g, packed, dx, channels, outputs, taps, target)


def _weights(
    run: Launcher,
    planes: Planes,
    x: Memory,
    g: Memory,
    dweights: Memory,
    channels: int,
    outputs: int,
    taps: int,
    stride: int,
) -> None:
    """Gradient of the weights: slices of positions, then their sum."""
    tasks, count = _tiles(outputs) * channels, outputs * channels * taps
    slices = run.profile.slices(planes.block_span, tasks)
    size = round_up(-(-planes.block_span // slices), BLOCK)
    slices = -(-planes.block_span // size)
    partials = run.workspace(g.dtype, slices * count)
    x_plane = (_PHASES if stride == 2 else 1) * planes.length
    geometry = (planes.first, planes.block_span, size, planes.stride, planes.length)
    tail = (channels, outputs, taps, _FROM_PHASES if stride == 2 else _PLAIN)
    args = (x, g, partials, x_plane, planes.length, *geometry, *tail)
    run.launch("net_weights", g.dtype, grid(run, slices * tasks), *args)
    groups = grid(run, -(-count // run.profile.elements))
    run.launch(
        "net_weights_sum", g.dtype, groups, partials, dweights, count, slices, run.profile.elements
    )


def _to_phases(
    run: Launcher,
    over: Cut,
    g: Memory,
    packed: Memory,
    dx: Memory,
    channels: int,
    outputs: int,
    taps: int,
    target: int,
) -> None:
    """Gradient of the phases of a strided convolution's input."""
    unused = run.scratch("partials", run.profile.scalar)
    starts = _phase_starts(channels, outputs)
    for phase in range(1 if taps == 1 else _PHASES):
        _stencil(
            run,
            over,
            g,
            packed,
            dx,
            g,
            unused,
            start=starts[phase],
            y_planes=_PHASES,
            phase=phase,
            channels=outputs,
            outputs=channels,
            taps=1 if taps == 1 else _PHASE_TAPS[phase],
            kind=_TO_PHASE + phase,
            add=int(target == 2),
        )
    if taps == 1 and target == 1:
        planes = over.planes
        for phase in range(1, _PHASES):
            step, first = _PHASES * planes.length, phase * planes.length + planes.first
            groups = grid(run, over.chunks * channels)
            args = (dx, first, step, channels, planes.block_span, over.chunk)
            run.launch("net_clear", dx.dtype, groups, *args)


def _phase_geometry(images: int, channels: int, height: int, width: int) -> tuple[int, ...]:
    planes = Planes(images, height, width)
    small = planes.halved()
    check(small)
    shape = (images, channels, height, width)
    return (planes.length, planes.first, small.length, small.first, *shape)


def _split(
    run: Launcher, x: Memory, phases: Memory, images: int, channels: int, height: int, width: int
) -> None:
    groups = row_grid(run, images, channels, height)
    geometry = _phase_geometry(images, channels, height, width)
    run.launch("net_split", x.dtype, groups, x, phases, *geometry)


def _merge(
    run: Launcher,
    dphases: Memory,
    dx: Memory,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> None:
    groups = row_grid(run, images, channels, height)
    geometry = _phase_geometry(images, channels, height, width)
    run.launch("net_merge", dx.dtype, groups, dphases, dx, *geometry, int(target == 2))


RECIPES: dict[str, Callable[..., Any]] = {
    "net_pack": _pack,
    "net_conv": _conv,
    "net_conv_norm": _conv_norm,
    "net_conv_back": _conv_back,
    "net_split": _split,
    "net_merge": _merge,
}
"""Recipes by name."""
