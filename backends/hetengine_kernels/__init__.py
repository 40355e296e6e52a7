"""The one kernel source of the OpenCL and CUDA backends, and how its kernels are put to work.

The sources compile as OpenCL C and as CUDA C++ through the macros of ``source/port.h``. Around them
stand what a backend needs to launch them: their signatures, read from the source itself; a profile
of the device class; and a recipe per verb, which turns one launch of the device API into launches
of these kernels, in the argument order of the NumPy backend's kernels.
"""

from hetengine_kernels.epoch import BLOCK_SOLVERS
from hetengine_kernels.launcher import Launcher, Memory
from hetengine_kernels.profile import Profile
from hetengine_kernels.recipes import recipe, recipe_names
from hetengine_kernels.recording import Recorder, prepare, record
from hetengine_kernels.signature import Parameter, Signature
from hetengine_kernels.sources import NET_PROGRAMS, PROGRAMS, program_of, program_source, signatures
from hetengine_kernels.workspace import Workspace

__all__ = [
    "BLOCK_SOLVERS",
    "NET_PROGRAMS",
    "PROGRAMS",
    "Launcher",
    "Memory",
    "Parameter",
    "Profile",
    "Recorder",
    "Signature",
    "Workspace",
    "prepare",
    "program_of",
    "program_source",
    "recipe",
    "recipe_names",
    "record",
    "signatures",
]
