"""Kernels from a prebuilt binary: a round trip through the driver's own, and what is refused."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyopencl as cl
import pytest
import yaml

from hetengine.errors import DataError, DeviceFailure, UsageError
from hetengine.problems import Kind
from hetengine.testing import EpochBench, opened_lab
from hetengine.testing.bench import SEED, SIGMA, L, close_to
from hetengine.testing.reference import make_columns, make_terms, plain_epoch, shuffled
from hetengine.topology import DeviceSpec
from hetengine_kernels import Profile, program_source, signatures
from hetengine_opencl import OpenClBackend
from hetengine_opencl.arguments import complaint
from hetengine_opencl.found import found
from hetengine_opencl.programs import SourcePrograms

SPEC = DeviceSpec("card", backend="opencl")
REAL = np.dtype(np.float32)
Write = Callable[..., str]


def binary_of(source: str, *options: str) -> bytes:
    device = found()[0].device
    context = cl.Context([device])
    words = ["-cl-kernel-arg-info", *options]
    defines = Profile.cpu(1).defines("dense", REAL).items()
    words += [f"-D{key}={value}" for key, value in defines]
    program = SourcePrograms(context, Profile.cpu(1)).compile(source, words)
    return program.get_info(cl.program_info.BINARIES)[0]


@pytest.fixture(scope="module")
def binaries() -> dict[str, bytes]:
    return {name: binary_of(program_source(name)) for name in ("common", "dense", "sparse")}


@pytest.fixture
def write(binaries: dict[str, bytes], tmp_path: Path) -> Write:
    """Write binaries and a manifest; return its path."""

    def make(changes: dict[str, bytes] | None = None, suffix: str = "yaml", **keys: Any) -> str:
        for name, data in (binaries | (changes or {})).items():
            (tmp_path / f"{name}.bin").write_bytes(data)
        tree = {"binaries": [f"{name}.bin" for name in binaries]} | keys
        path = tmp_path / f"kernels.{suffix}"
        path.write_text(json.dumps(tree) if suffix == "json" else yaml.safe_dump(tree))
        return str(path)

    return make


def opened(manifest: str):
    options = {"manifest": manifest}
    return opened_lab(replace(SPEC, options=options), OpenClBackend().open)


@pytest.mark.parametrize("suffix", ["yaml", "json"])
@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_kernels_of_a_binary_compute_what_the_source_does(
    write: Write, layout: str, suffix: str
) -> None:
    columns = make_columns(33, 17, layout, np.float32)
    terms = make_terms(Kind.LOGISTIC, columns, L)
    w = np.random.default_rng(2).normal(size=17).astype(np.float32)
    order = shuffled(np.arange(33, dtype=np.int32), SEED)
    expected = plain_epoch(Kind.LOGISTIC, columns, terms, w, order, L, SIGMA)
    with opened(write(suffix=suffix)) as lab:
        bench = EpochBench(lab, columns, terms, w)
        bench.epoch(Kind.LOGISTIC, SEED)
        close_to(bench.get("alpha"), expected.alpha, "float32", 10)
        close_to(bench.get("w"), expected.w, "float32", 10)


def test_kernels_may_have_other_names(write: Write) -> None:
    renamed = program_source("dense").replace("dense_epoch(", "krnl_epoch(")
    path = write({"dense": binary_of(renamed)}, names={"dense_epoch": "krnl_epoch"})
    columns = make_columns(5, 3, "dense", np.float32)
    with opened(path) as lab:
        bench = EpochBench(lab, columns, make_terms(Kind.HINGE, columns, L), np.ones(3, "f4"))
        met, _ = bench.epoch(Kind.HINGE, 1)
    assert met > 0.0


def test_another_number_of_arguments_is_refused(write: Write) -> None:
    old = program_source("dense").replace("int count, int first, int last,", "int count,", 1)
    old = old.replace("k = first + GROUP_ID; k < last", "k = GROUP_ID; k < count")
    path = write({"dense": binary_of(old)})
    with pytest.raises(UsageError, match="dense_epoch takes 18 arguments, ours takes 20; build it"):
        opened(path).__enter__()


def test_another_size_of_number_is_refused(write: Write) -> None:
    tail = "SCALAR bound,\n    GLOBAL REAL *RESTRICT u"
    other = program_source("dense").replace(f"int kind, {tail}", f"INDEX kind, {tail}")
    path = write({"dense": binary_of(other)})
    told = r"dense_gaps: argument 9 \(kind\) does not take a int"
    with pytest.raises(UsageError, match=told):
        opened(path).__enter__()
    with pytest.raises(UsageError, match="does not take a float"):
        opened(write(fp64=False)).__enter__()


def test_another_type_of_array_is_refused_where_the_driver_tells() -> None:
    device = found()[0].device
    # A program out of the binding's cache is a binary, which may not tell: make it a new one.
    other = f"/* {uuid.uuid4()} */\n{program_source('dense')}"
    head, kernel_name, body = other.partition("dense_square_norms(")
    body = body.replace("const INDEX *RESTRICT ids", "const int *RESTRICT ids", 1)
    programs = SourcePrograms(cl.Context([device]), Profile.cpu(1))
    words = [f"-D{key}={value}" for key, value in Profile.cpu(1).defines("dense", REAL).items()]
    built = programs.compile(head + kernel_name + body, ["-cl-kernel-arg-info", *words])
    signature = signatures("dense")["dense_square_norms"]
    kernel = cl.Kernel(built, signature.name)
    told = complaint(kernel, signature, REAL, np.dtype(np.float64))
    assert told == "kernel dense_square_norms: argument 2 (ids) is int*, must be long*"


def test_another_precision_is_refused(write: Write) -> None:
    with pytest.raises(UsageError, match="answers wrong for float64; was it built for that"):
        opened(write(real="float64")).__enter__()
    columns = make_columns(5, 3, "dense", np.float64)
    with opened(write()) as lab:
        bench = EpochBench(lab, columns, make_terms(Kind.HINGE, columns, L), np.ones(3))
        with pytest.raises(
            UsageError, match="built for float32, asked for float64; type precision"
        ):
            bench.epoch(Kind.HINGE, 1)


def test_a_binary_without_a_kernel_says_so_when_it_is_needed(write: Write) -> None:
    columns = make_columns(5, 3, "sparse", np.float32)
    path = write(binaries=["common.bin", "dense.bin"])
    with opened(path) as lab:
        bench = EpochBench(lab, columns, make_terms(Kind.HINGE, columns, L), np.ones(3, "f4"))
        with pytest.raises(
            UsageError, match="no kernel sparse_epoch in the binaries; did you mean"
        ):
            bench.epoch(Kind.HINGE, 1)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"binary": "x"}, "binary is unknown; did you mean 'binaries'"),
        ({"real": "float16"}, "real='float16' must be float32 or float64"),
        ({"work_group": "one"}, "work_group='one' must be a int"),
        ({"binaries": "x.bin"}, "a manifest needs binaries"),
        ({"names": {"dense_epoch": "nowhere"}}, "no kernel nowhere in the binaries"),
        ({"binaries": ["absent.bin"]}, "No such file"),
    ],
)
def test_a_wrong_manifest_is_refused(write: Write, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        opened(write(**keys)).__enter__()


def test_a_binary_of_another_device_is_refused(write: Write) -> None:
    with pytest.raises(DeviceFailure, match="refuses this binary"):
        opened(write({"dense": b"not a program"})).__enter__()


def test_an_absent_manifest_is_refused() -> None:
    with pytest.raises(DataError, match="cannot be read"):
        opened("nowhere.yaml").__enter__()
