"""Padding of batches, slots, threads and repetition: what must not change a result."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.nets import NetConfig
from hetengine.nets.factory import make_model
from hetengine.nets.net import Net
from hetengine_numpy.team import Team
from tests.nets.trainer import batch_for, trainer

SHAPE = (3, 9, 8)


def resnet(width: float = 0.5) -> Net:
    net = make_model(NetConfig("resnet20", width), SHAPE, 10)
    assert isinstance(net, Net)
    return net


def after(net: Net, batch: int, dtype: str, threads: int, steps: int = 3) -> list[np.ndarray]:
    """Return everything a few steps leave behind."""
    with trainer(net, batch, dtype, dtype, threads=threads) as copy:
        copy.begin()
        copy.give(*batch_for(net, batch))
        losses = [copy.step(0.05, 0.9, 1e-3) for _ in range(steps)]
        placed = copy.placed
        vectors = (placed.parameters, placed.momentum, placed.statistics, placed.gradients)
        return [*losses, *(v.array.copy() for v in vectors), *copy.evaluate()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_and_repetition_change_no_bit(dtype: str) -> None:
    net = resnet()
    once = after(net, 20, dtype, 1)
    for threads in (1, 2, 3):
        for one, other in zip(once, after(net, 20, dtype, threads), strict=True):
            assert (one == other).all()
    assert all(np.isfinite(array).all() for array in once)


def test_other_kinds_of_layers_in_threads() -> None:
    for model, shape in (("cnn", (2, 9, 7)), ("mlp", (11,))):
        net = make_model(NetConfig(model, 0.2), shape, 3)
        assert isinstance(net, Net)
        for one, other in zip(
            after(net, 7, "float64", 1), after(net, 7, "float64", 2), strict=True
        ):
            assert (one == other).all()


def test_padding_rows_count_for_nothing_in_evaluation() -> None:
    net = resnet()
    pixels, labels = batch_for(net, 5)
    with trainer(net, 5) as small, trainer(net, 20) as large:
        for copy in (small, large):
            copy.begin()
        small.give(pixels, labels)
        filled = np.full((20, *SHAPE), 7.0)
        filled[:5] = pixels
        large.give(filled, np.concatenate([labels, np.full(15, -1)]))
        losses, hits = small.evaluate()
        padded_losses, padded_hits = large.evaluate()
    np.testing.assert_allclose(padded_losses[:5], losses, rtol=1e-12)
    assert (padded_hits[:5] == hits).all()
    assert not padded_losses[5:].any()
    assert not padded_hits[5:].any()


def test_padding_rows_have_no_gradient() -> None:
    net = make_model(NetConfig("mlp", 0.02), (6,), 4)
    assert isinstance(net, Net)
    pixels, labels = batch_for(net, 3)
    with trainer(net, 3) as small, trainer(net, 4) as large:
        for copy in (small, large):
            copy.begin()
        small.give(pixels, labels)
        large.give(np.vstack([pixels, np.ones(6)]), np.array([*labels, -1]))
        small.step()
        large.step()
        ours, theirs = small.placed.gradients.array, large.placed.gradients.array
    np.testing.assert_allclose(theirs * 4, ours * 3, rtol=1e-12, atol=1e-15)


def test_a_diverged_net_says_so() -> None:
    net = resnet(0.25)
    pixels, labels = batch_for(net, 4)
    pixels[1, 0, 0, 0] = np.nan
    with trainer(net, 4) as copy:
        copy.begin()
        copy.give(pixels, labels)
        losses, hits = copy.evaluate()
        assert np.isnan(losses[1])
        assert hits[1] == 0
        assert np.isfinite(losses[[0, 2, 3]]).all()
        assert np.isnan(copy.step(0.1)).all()
        assert np.isnan(copy.placed.parameters.array).any()


def test_a_team_hands_on_what_a_part_raises_and_goes_on() -> None:
    team = Team(3)
    seen: list[int] = []

    def core(gate: np.ndarray, part: int, parts: int, bad: int) -> None:
        gate[0] += part == 0
        if part == bad:
            raise ValueError(f"part {part} of {parts}")
        seen.append(part)

    for bad in (0, 2):
        with pytest.raises(ValueError, match=f"part {bad} of 3"):
            team.run(core, bad)
    seen.clear()
    team.run(core, -1)
    assert sorted(seen) == [0, 1, 2]
