"""The kernel sources as text: signatures, 64-bit offsets, and the recipes that use them."""

from __future__ import annotations

import re
from importlib import resources

import numpy as np
import pytest

from hetengine_kernels import (
    PROGRAMS,
    Profile,
    program_of,
    program_source,
    recipe_names,
    signatures,
)
from hetengine_kernels.signature import parse

# Work-group sizes and positions in a tile: bounded by TILE, WG and the number of groups. Positions,
# chunks and slices of a plane: below 2^29, see hetengine_kernels.nets.grid.check.
SMALL = {
    "2 * out",
    "2 * tap",
    "6 * tap",
    "GROUP_ID * WG",
    "NUM_GROUPS * WG",
    "chunks * channels",
    "chunks * chunk",
    "chunks * planes",
    "chunks * tiles",
    "count * taps",
    "each * WG",
    "h * window",
    "height * width",
    "k * WG",
    "number * slice",
    "q * WG",
    "slices * tiles",
    "task * chunk",
    "tiles * chunk",
    "tiles * sources",
    "window * window",
    "2 * GROUP_ID",
    "tile * TILE",
    "GROUP_ID * run",
    "row * BLOCK",
    "rest * BLOCK",
    "tiles * PAIRS",
    "k * TILE",
    "2 * k",
    "2 * width",
    "width - 1",
}
WIDE = {"length", "ids_at", "order_at", "starts", "begin", "shipped_at", "slots_at", "params_at"}


def integers(source: str) -> set[str]:
    """Names declared as plain int anywhere in a source."""
    found = re.findall(r"\bint (\w+)(?: =[^;,]*)?((?:, \w+(?: =[^;,]*)?)*)", source)
    names = {first for first, _ in found}
    for _, rest in found:
        names |= set(re.findall(r", (\w+)", rest))
    return names | {"GROUP_ID", "NUM_GROUPS", "LOCAL_ID"}


def narrow_products(source: str) -> set[str]:
    """Products of two plain ints: the ones that overflow beyond 2^31 elements."""
    narrow = integers(source) | {"WG", "TILE", "BLOCK", "SPAN", "PAIRS"}
    products = re.findall(r"(\(INDEX\))?\b(\w+) \* (\w+)\b", source)
    return {
        f"{a} * {b}"
        for cast, a, b in products
        if not cast and (a in narrow or a.isdigit()) and b in narrow
    }


@pytest.mark.parametrize("program", list(PROGRAMS))
def test_offsets_are_computed_in_64_bits(program: str) -> None:
    source = resources.files("hetengine_kernels").joinpath("source", PROGRAMS[program])
    assert narrow_products(source.read_text("utf-8")) <= SMALL
    for signature in signatures(program).values():
        for parameter in signature.parameters:
            if parameter.name in WIDE or parameter.offset_of:
                assert parameter.kind == "INDEX", (signature.name, parameter.name)


def test_the_check_of_offsets_sees_a_narrow_product() -> None:
    assert narrow_products("int i = 0, length = 5; x[i * length];") == {"i * length"}
    assert not narrow_products("int i = 0; INDEX length; x[i * length]; x[(INDEX)i * WG];")


def test_every_verb_of_the_numpy_backend_but_the_hosts_own_has_a_recipe() -> None:
    from hetengine_numpy import NumpyBackend, resident

    verbs = set(NumpyBackend().implementations()) - set(resident.implementations(1))
    assert recipe_names() == sorted(verbs)


def test_signatures_are_read_from_the_source() -> None:
    signature = signatures("dense")["dense_gaps"]
    assert [each.name for each in signature.parameters][:5] == [
        "values",
        "length",
        "ids",
        "ids_at",
        "count",
    ]
    assert [each.name for each in signature.arguments][:4] == ["values", "length", "ids", "count"]
    real, scalar = np.dtype(np.float32), np.dtype(np.float64)
    told = {
        each.name: (each.dtype(real, scalar).name, each.pointer) for each in signature.parameters
    }
    assert told["values"] == ("float32", True)
    assert told["bound"] == ("float64", False)
    assert told["ids"] == ("int64", True)
    assert told["kind"] == ("int32", False)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel k: cannot read the parameter 'half x'"):
        parse("KERNEL void k(half x)\n{\n}")


def test_kernels_know_their_program() -> None:
    assert program_of("tile_gram") == "tile"
    with pytest.raises(KeyError):
        program_of("dense_nothing")


@pytest.mark.parametrize("program", list(PROGRAMS))
def test_headers_are_put_in_place_once(program: str) -> None:
    source = program_source(program)
    assert '#include "' not in source
    assert source.count("#define HETENGINE_PORT_H") == 1


def test_scratch_is_a_small_part_of_a_capacity() -> None:
    profile = Profile.gpu(132)
    for capacity in (1 << 14, 1 << 20, 1 << 24, 1 << 30):
        fitted = profile.fitted(capacity)
        assert fitted.tiles_at_once == 1 or sum(fitted.scratch().values()) <= capacity // 64
    assert Profile.gpu(132).fitted(1 << 14).block_solver == "async"
    assert Profile.gpu(132).fitted(1 << 34) == profile
