"""Every kernel compiles as CUDA C++ for every architecture of interest, without a GPU."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from hetengine_kernels import PROGRAMS, Profile, program_source, signatures
from tests.kernels.nvrtc import INSTALL, compile_cuda, library

ARCHITECTURES = ("sm_75", "sm_90")


@pytest.fixture(scope="module")
def nvrtc() -> ctypes.CDLL:
    found = library()
    if found is None:
        pytest.skip(f"CUDA sources stay unchecked: libnvrtc is absent; {INSTALL}")
    return found


def options(program: str, real: str, architecture: str) -> list[str]:
    defines = Profile.gpu(100).defines(program, np.dtype(real))
    return [f"-arch={architecture}", *(f"-D{key}={value}" for key, value in defines.items())]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("real", ["float32", "float64"])
@pytest.mark.parametrize("program", list(PROGRAMS))
def test_every_program_compiles_and_exports_its_kernels(
    nvrtc: ctypes.CDLL, program: str, real: str, architecture: str
) -> None:
    cubin = compile_cuda(nvrtc, program_source(program), options(program, real, architecture))
    assert cubin.startswith(b"\x7fELF")
    for name in signatures(program):
        assert name.encode() in cubin  # unmangled


def test_a_single_work_item_compiles_too(nvrtc: ctypes.CDLL) -> None:
    for program in PROGRAMS:
        words = [
            each.replace("-DWG=256", "-DWG=1") for each in options(program, "float32", "sm_90")
        ]
        assert compile_cuda(nvrtc, program_source(program), words)


def test_the_check_sees_mistakes(nvrtc: ctypes.CDLL) -> None:
    with pytest.raises(ValueError, match="undefined_thing"):
        compile_cuda(nvrtc, 'extern "C" __global__ void k(float *x) { *x = undefined_thing; }', [])
