"""The pretended CuPy has no name that the real one lacks; needs CuPy installed, and no GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hetengine_cupy.cuda import load, probe
from hetengine_cupy.memory import CardMemory
from tests.cupy.fake_cupy import make_cupy
from tests.cupy.fake_machine import Machine

try:
    cupy = load()
except ImportError:
    pytest.skip("CuPy is not installed: pip install 'hetengine[cuda]'", allow_module_level=True)


def missing(fake: Any, real: Any, path: str) -> list[str]:
    found: list[str] = []
    for name, value in vars(fake).items():
        if name.startswith("_"):
            continue
        if not hasattr(real, name):
            found.append(f"{path}.{name}")
        elif isinstance(value, SimpleNamespace):
            found += missing(value, getattr(real, name), f"{path}.{name}")
    return found


def test_every_name_of_the_fake_is_a_name_of_cupy() -> None:
    fake = make_cupy(Machine())
    assert missing(fake, cupy, "cupy") == []
    runtime = fake.cuda.runtime
    public = [name for name in dir(runtime) if not name.startswith("_")]
    assert [name for name in public if not hasattr(cupy.cuda.runtime, name)] == []
    methods = {
        "Stream": ("synchronize", "null"),
        "Event": ("record", "synchronize"),
        "MemoryPool": ("malloc", "set_limit", "free_all_blocks", "total_bytes"),
        "Device": ("__enter__", "__exit__"),
    }
    for name, wanted in methods.items():
        assert [each for each in wanted if not hasattr(getattr(cupy.cuda, name), each)] == []


def test_arrays_and_sections_are_made_as_cupy_makes_them() -> None:
    memory = cupy.cuda.UnownedMemory(1 << 20, 4096, None, 0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    whole = cupy.ndarray((4, 8), dtype=np.dtype(np.uint8), memptr=pointer)
    section = CardMemory.section(SimpleNamespace(_cupy=cupy), whole, 256, 3, np.dtype("f8"))  # pyright: ignore[reportArgumentType]
    assert section.data.ptr == (1 << 20) + 256
    assert (section.shape, section.size, section.nbytes) == ((3,), 3, 24)
    assert section.dtype == np.float64
    assert isinstance(section, cupy.ndarray)


def test_modules_are_made_as_cupy_makes_them() -> None:
    module = cupy.RawModule(code='extern "C" __global__ void f() {}', options=("-DWG=3",))
    assert module.options == ("-DWG=3",)
    assert issubclass(cupy.cuda.runtime.CUDARuntimeError, RuntimeError)
    assert issubclass(cupy.cuda.compiler.CompileException, Exception)
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)


def test_probing_the_real_cupy_ends_with_an_answer() -> None:
    checks = list(probe())
    assert checks[0].ok
    assert all(check.ok for check in checks[:-1])
    assert checks[-1].ok or checks[-1].remedy
