"""Every program builds as OpenCL C for every class of device, also for one without double."""

from __future__ import annotations

import numpy as np
import pyopencl as cl
import pytest

from hetengine_kernels import NET_PROGRAMS, Profile, signatures
from hetengine_opencl.found import found
from hetengine_opencl.programs import SourcePrograms

PROFILES = {
    "cpu": Profile.cpu(2, fp64=False),
    "gpu": Profile.gpu(2, fp64=False),
    "pipeline": Profile.pipeline(fp64=False),
}


@pytest.mark.parametrize("kind", list(PROFILES))
def test_programs_of_nets_build_without_double(kind: str) -> None:
    programs = SourcePrograms(cl.Context([found()[0].device]), PROFILES[kind])
    for program in NET_PROGRAMS:
        built = programs.build(program, np.dtype(np.float32))
        names = set(built.kernel_names.split(";"))
        wanted = {name for name in signatures(program) if not name.endswith("float64")}
        assert names == wanted
