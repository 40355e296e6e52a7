"""CUDA's run-time compiler through ctypes: checks sources on machines without GPU or driver."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

INSTALL = "pip install nvidia-cuda-nvrtc"


def library() -> ctypes.CDLL | None:
    """Load libnvrtc from its wheel, builtins first; None where the wheel is absent."""
    found = importlib.util.find_spec("nvidia")
    for place in (found.submodule_search_locations or []) if found else []:
        for path in sorted(Path(place).glob("c*/lib/libnvrtc.so.1[0-9]"), reverse=True):
            for builtins in path.parent.glob("libnvrtc-builtins.so.*"):
                ctypes.CDLL(str(builtins))
            return ctypes.CDLL(str(path))
    return None


def compile_cuda(nvrtc: ctypes.CDLL, source: str, options: list[str]) -> bytes:
    """Compile to a cubin; raises ValueError with the compiler's log."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    handle = ctypes.byref(program)
    made = nvrtc.nvrtcCreateProgram(handle, source.encode(), b"kernels.cu", 0, None, None)
    assert made == 0
    try:
        words = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        failed = nvrtc.nvrtcCompileProgram(program, len(options), words)
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        if failed:
            raise ValueError(log.value.decode())
        nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
        cubin = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetCUBIN(program, cubin)
        return cubin.raw
    finally:
        nvrtc.nvrtcDestroyProgram(handle)
