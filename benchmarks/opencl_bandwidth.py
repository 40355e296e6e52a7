"""Read bandwidth of the OpenCL gap kernel against a plain OpenCL sum on the same device.

python benchmarks/opencl_bandwidth.py [--device INDEX] [--threads N] [--mebibytes SIZE]

Both read the same dense float32 matrix once; times are the device's own. The sum is written for the
device: a work-group per processor and vector loads on a CPU, a wide grid elsewhere. Goal: the gap
kernel reaches at least 70 % of it.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pyopencl as cl

from hetengine.clock import WallClock
from hetengine.problems import Kind
from hetengine.registry import backend
from hetengine.testing import Lab
from hetengine.topology import DeviceSpec
from hetengine.work import Work
from hetengine_opencl.device import OpenClDevice
from hetengine_opencl.programs import build

SUM = """
__kernel void sum_wide(__global const float4 *restrict x, __global float *out, long count)
{
  float4 total = 0.0f;
  for (long k = get_global_id(0); k < count; k += get_global_size(0)) total += x[k];
  out[get_global_id(0)] = total.x + total.y + total.z + total.w;
}
__kernel void sum_runs(__global const float *restrict x, __global float *out, long count)
{
  long begin = count / get_global_size(0) * get_global_id(0);
  long end = begin + count / get_global_size(0);
  float16 a = 0.0f, b = 0.0f;
  for (long k = begin; k + 32 <= end; k += 32) {
    a += vload16(0, x + k);
    b += vload16(0, x + k + 16);
  }
  a += b;
  float8 c = a.lo + a.hi;
  float4 d = c.lo + c.hi;
  out[get_global_id(0)] = d.x + d.y + d.z + d.w;
}
"""
REPEATS = 31
LENGTH = 50_000


Timed = Callable[[], float]


def plain_sums(device: OpenClDevice, matrix: Any, count: int, threads: int) -> dict[str, Timed]:
    """Return the plain sum in both forms: for CPUs, and for everything else."""
    properties = cl.command_queue_properties.PROFILING_ENABLE
    queue = cl.CommandQueue(device.context, device.handle, properties=properties)
    program = build(cl.Program(device.context, SUM), ["-cl-unsafe-math-optimizations"])
    wide = 256 * 8 * device.handle.max_compute_units
    forms = {"sum_runs": (count, threads, 1), "sum_wide": (count // 4, wide, 256)}

    def timed(name: str, elements: int, size: int, group: int) -> Timed:
        out = cl.Buffer(device.context, cl.mem_flags.READ_WRITE, 4 * size)
        kernel = cl.Kernel(program, name)

        def run() -> float:
            event = kernel(queue, (size,), (group,), matrix, out, np.int64(elements))
            event.wait()
            return (event.profile.end - event.profile.start) * 1e-9

        return run

    return {name: timed(name, *sizes) for name, sizes in forms.items()}


def gap_kernel(lab: Lab, columns: int, length: int, values: Any) -> Timed:
    """Return the gap kernel over all columns of the matrix."""
    ids = lab.put(np.arange(columns))
    w = lab.put(np.ones(length, np.float32))
    alpha, p, q, u, gaps = (lab.put(np.ones(columns, np.float32)) for _ in range(5))
    kernel = lab.device.load("dense_gaps")
    args = (values, ids, w, alpha, p, q, int(Kind.HINGE), 0.0, u, gaps)

    def run() -> float:
        event = lab.device.launch(kernel, args, Work())
        lab.run(event)
        return event.seconds

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", type=int, default=0, help="as `hetengine devices` counts")
    parser.add_argument("--threads", type=int, default=1, help="cores of a CPU driver")
    parser.add_argument("--mebibytes", type=int, default=400)
    words = parser.parse_args()
    columns = (words.mebibytes << 20) // (4 * LENGTH)
    spec = DeviceSpec("card", backend="opencl", index=words.device, threads=words.threads)

    def opened(spec: DeviceSpec, clock: WallClock, observe: Any) -> Any:
        return backend("opencl").open(spec, clock, observe)

    lab = Lab(spec, opened)
    device = lab.device
    assert isinstance(device, OpenClDevice)
    rng = np.random.default_rng(0)
    values = lab.put(rng.standard_normal((columns, LENGTH), np.float32))
    nbytes = values.nbytes
    runs = plain_sums(device, values.array.root, columns * LENGTH, words.threads)
    runs["gaps"] = gap_kernel(lab, columns, LENGTH, values)
    # In turns, so that whatever else the machine does meets all alike.
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(REPEATS):
        for name, run in runs.items():
            seconds[name].append(run())
    gaps = seconds.pop("gaps")
    plain = min(seconds.values(), key=statistics.median)
    print(f"device         {device.facts['device']}, {words.threads} thread(s)")
    print(f"launch         {float(device.facts['launch_seconds']) * 1e6:.1f} us with its wait")
    print(f"matrix         {columns} x {LENGTH} float32, {nbytes / 1e6:.0f} MB, {REPEATS} repeats")
    for name, each in (("plain sum", plain), ("gap kernel", gaps)):
        middle, least = statistics.median(each), min(each)
        print(
            f"{name:<14} {nbytes / middle / 1e9:.1f} GB/s median, {nbytes / least / 1e9:.1f} best"
        )
    ratio = statistics.median(plain) / statistics.median(gaps)
    print(f"gap / sum      {ratio:.0%} of the medians, {min(plain) / min(gaps):.0%} of the best")
    lab.close()


if __name__ == "__main__":
    main()
