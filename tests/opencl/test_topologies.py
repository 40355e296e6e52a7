"""The topology files of machines with an OpenCL device, run as they are."""

from __future__ import annotations

import pytest

import hetengine
from hetengine.errors import UsageError


@pytest.mark.parametrize("name", ["opencl", "hybrid_opencl"])
def test_a_run_on_real_devices_is_certified(name: str) -> None:
    result = hetengine.run([f"topology={name}", "tol=1e-4", "progress=none"])
    assert result.status == "converged"
    assert result.relative_gap <= 1e-4


@pytest.mark.parametrize("name", ["opencl", "hybrid_opencl"])
def test_it_can_be_simulated_too(name: str) -> None:
    words = [f"topology={name}", "tol=1e-3", "mode=simulate", "progress=none"]
    assert hetengine.run(words).status == "converged"


def test_options_are_set_like_any_other_key() -> None:
    words = ["topology=opencl", "tol=1e-3", "progress=none", "data=breast_cancer"]
    key = "topology.devices.accelerator.options"
    result = hetengine.run([*words, f"{key}.block_solver=tile", f"+{key}.tile=8"])
    assert result.status == "converged"
    with pytest.raises(UsageError, match="did you mean 'block_solver'"):
        hetengine.run([*words, f"+{key}.block_solve=tile"])
