"""The recipes of nets: the table's names and arguments, and how work is cut for a device."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

from hetengine.errors import UsageError
from hetengine.nets.kernels import KERNELS
from hetengine.nets.planes import BLOCK, LANES, Planes
from hetengine_kernels import NET_PROGRAMS, Profile, program_source
from hetengine_kernels.nets import RECIPES
from hetengine_kernels.nets.grid import OUTS, check, cut
from hetengine_kernels.recipes import recipe_names

F4, F8 = np.dtype(np.float32), np.dtype(np.float64)
PROFILES = [Profile.cpu(1), Profile.cpu(2), Profile.gpu(132), Profile.pipeline()]


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_a_recipe_takes_the_arguments_of_the_table(name: str) -> None:
    wanted = list(inspect.signature(KERNELS[name]).parameters)
    assert list(inspect.signature(RECIPES[name]).parameters)[1:] == wanted


def test_there_is_a_recipe_for_every_kernel_and_no_other() -> None:
    assert sorted(RECIPES) == sorted(KERNELS)
    assert set(RECIPES) <= set(recipe_names())


def test_the_source_and_the_planes_agree_on_constants() -> None:
    assert f"#define IMAGES {LANES} " in program_source("net_conv")
    for program in ("net_conv", "net_grad"):
        assert f"#define OUTS {OUTS}\n" in program_source(program)


@pytest.mark.parametrize("options", [{}, {"work_group": 1}, {"work_group": 1024}])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_group_covers_a_whole_part_of_a_block(profile: Profile, options: dict) -> None:
    profile = profile.changed("options", options)
    assert profile.positions % BLOCK == 0
    for real in (F4, F8):
        lanes = profile.lanes(real)
        assert LANES % lanes == 0
        for program in NET_PROGRAMS:
            assert BLOCK % (profile.work_groups[program] * lanes) == 0
            assert profile.defines(program, real)["LANES"] == str(lanes)


def test_other_programs_are_built_as_before() -> None:
    assert "LANES" not in Profile.cpu(1).defines("dense", F4)


@pytest.mark.parametrize("profile", PROFILES)
def test_sums_are_cut_into_slices_that_are_long_enough(profile: Profile) -> None:
    for positions in (256, 5000, 200_000):
        slices = profile.slices(positions, 32)
        assert slices == 1 or positions // slices >= profile.slice_positions
    assert Profile.gpu(132).slices(1 << 24, 32) == 33  # one group per place on the device
    assert Profile.gpu(132).slices(1 << 24, 5000) == 1


def test_groups_larger_than_a_block_are_refused() -> None:
    large = replace(Profile.cpu(1), work_groups=dict.fromkeys(NET_PROGRAMS, 2 * BLOCK))
    with pytest.raises(UsageError, match="work_group=512 is too large"):
        cut(_Settings(large), 1, 8, 8)  # pyright: ignore[reportArgumentType]


class _Settings:
    """A launcher that knows its profile only."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile


def test_planes_beyond_the_offsets_of_kernels_are_refused() -> None:
    check(Planes(300_000, 32, 32))
    with pytest.raises(UsageError, match="use smaller batches"):
        check(Planes(600_000, 32, 32))
