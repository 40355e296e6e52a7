"""Every kernel of nets on a device against the NumPy backend, over shapes that bite."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from hetengine.nets.kernels import COEFFICIENT_ROWS, packed_size
from hetengine.nets.planes import Planes
from hetengine.testing.bench import BenchSuite, over_reals
from hetengine.testing.lab import Lab, opened_lab
from hetengine.testing.netbench import PHASES, NetBench, Opaque, Pixels, mask_of
from hetengine.topology import DeviceSpec

EPSILON, MOMENTUM = 1e-5, 0.1

#: Images, channels, outputs, height and width.
SHAPES = [(1, 1, 1, 1, 2), (2, 3, 5, 4, 7), (3, 9, 16, 5, 5), (40, 16, 8, 6, 3)]
_CASES = [("float64", shape) for shape in SHAPES] + [("float32", shape) for shape in SHAPES[2:]]
over_shapes = pytest.mark.parametrize(
    ("real", "shape"), _CASES, ids=[f"{real}-{'x'.join(map(str, shape))}" for real, shape in _CASES]
)
over_windows = pytest.mark.parametrize(("taps", "stride"), [(9, 1), (1, 1), (9, 2), (1, 2)])

Shape = tuple[int, int, int, int, int]


class NetSuite(BenchSuite):
    """Tests of the kernels of `hetengine.nets.kernels`; override the fixture ``spec``."""

    @pytest.fixture
    def lab(self, spec: DeviceSpec) -> Iterator[Lab]:
        """Return a lab whose device has all its memory."""
        with opened_lab(spec, self.open_device) as lab:
            yield lab

    def net_bench(self, lab: Lab, real: str) -> NetBench:
        """Return a bench in a precision the device has."""
        self.dtype(real)
        return NetBench(lab, real)

    @over_windows
    @over_shapes
    def test_convolutions(self, lab: Lab, real: str, shape: Shape, taps: int, stride: int) -> None:
        """Forward, alone and with the statistics of batch norm."""
        bench = self.net_bench(lab, real)
        images, channels, outputs, height, width = shape
        planes = Planes(images, height, width)
        x = bench.planes(planes, channels, PHASES if stride == 2 else 1)
        weights = bench.normal(outputs, channels, taps)
        packed = Opaque(np.zeros(packed_size(channels, outputs, taps), real))
        pack = ("net_pack", (weights, packed, channels, outputs, taps, stride, 0))
        sizes = (images, channels, outputs, height, width, taps, stride)
        y = bench.target(planes, outputs)
        bench.sequence([pack, ("net_conv", (x, packed, y, *sizes))], 10)
        norm = _norm_arrays(bench, planes, outputs)
        args = (x, packed, y, *norm, *sizes, EPSILON, MOMENTUM)
        bench.sequence([pack, ("net_conv_norm", args)], 100)
        bench.close()

    @over_windows
    @over_shapes
    def test_gradients_of_convolutions(
        self, lab: Lab, real: str, shape: Shape, taps: int, stride: int
    ) -> None:
        """Of weights and input, with and without batch norm behind."""
        bench = self.net_bench(lab, real)
        images, channels, outputs, height, width = shape
        planes, phases = Planes(images, height, width), PHASES if stride == 2 else 1
        x = bench.planes(planes, channels, phases)
        g, y = bench.planes(planes, outputs), bench.planes(planes, outputs)
        weights = bench.normal(outputs, channels, taps)
        packed = Opaque(np.zeros(packed_size(channels, outputs, taps), real))
        dy = Opaque(np.zeros_like(g))
        dx = bench.target(planes, channels, phases)
        dweights = bench.normal(outputs, channels, taps)
        rows = bench.normal(COEFFICIENT_ROWS, outputs)
        args = (x, g, y, rows, mask_of(planes).astype(real), packed, dy, dweights, dx)
        sizes = (images, channels, outputs, height, width, taps, stride)
        pack = ("net_pack", (weights, packed, channels, outputs, taps, stride, 1))
        for normed, target in itertools.product((0, 1), (0, 1, 2)):
            back = ("net_conv_back", (*args, *sizes, normed, target))
            bench.sequence([pack, back], 100)
        bench.close()

    @over_shapes
    def test_norms(self, lab: Lab, real: str, shape: Shape) -> None:
        """Statistics of the batch, of the run, and biases."""
        bench = self.net_bench(lab, real)
        images, channels, _, height, width = shape
        planes = Planes(images, height, width)
        sizes = (images, channels, height, width)
        norm = _norm_arrays(bench, planes, channels)
        y = bench.planes(planes, channels) + 2 * mask_of(planes).astype(real)
        bench.run("net_norm", y, *norm, *sizes, EPSILON, MOMENTUM, slack=100)
        bench.run("net_norm_running", *norm[1:], channels, EPSILON)
        bench.run("net_bias", norm[1], norm[-1], channels)
        bench.close()

    @over_shapes
    def test_affine_maps(self, lab: Lab, real: str, shape: Shape) -> None:
        """With and without residuals, mapped or not, and ReLU."""
        bench = self.net_bench(lab, real)
        images, channels, _, height, width = shape
        planes = Planes(images, height, width)
        y, r = (bench.planes(planes, channels) for _ in range(2))
        rows = [bench.normal(COEFFICIENT_ROWS, channels) for _ in range(2)]
        mask, z = mask_of(planes).astype(real), np.zeros_like(y)
        args = (y, rows[0], r, rows[1], mask, z, images, channels, height, width)
        for residual, relu in itertools.product((0, 1, 2), (0, 1)):
            bench.run("net_apply", *args, residual, relu, slack=2)
        bench.close()

    @over_shapes
    def test_gradients_of_norms_and_biases(self, lab: Lab, real: str, shape: Shape) -> None:
        """Slopes before ReLU, gradients of gamma, beta and biases, the map back."""
        bench = self.net_bench(lab, real)
        images, channels, _, height, width = shape
        planes = Planes(images, height, width)
        dz, z, y = (bench.planes(planes, channels) for _ in range(3))
        mask, sizes = mask_of(planes).astype(real), (images, channels, height, width)
        gamma, dgamma, dbeta = (bench.normal(channels) for _ in range(3))
        rows = bench.normal(COEFFICIENT_ROWS, channels)
        for relu in (0, 1):
            args = (dz, z, y, mask, rows, gamma, dgamma, dbeta, *sizes, relu)
            bench.run("net_norm_back", *args, slack=100)
            bench.run("net_bias_back", dz, z, mask, dbeta, *sizes, relu, slack=100)
        bench.close()

    @over_shapes
    def test_gradients_of_norms_without_convolution(
        self, lab: Lab, real: str, shape: Shape
    ) -> None:
        """Written, added, and written over the slopes themselves."""
        bench = self.net_bench(lab, real)
        images, channels, _, height, width = shape
        planes, sizes = Planes(images, height, width), (images, channels, height, width)
        g, y = bench.planes(planes, channels), bench.planes(planes, channels)
        rows, mask = bench.normal(COEFFICIENT_ROWS, channels), mask_of(planes).astype(real)
        dy = bench.target(planes, channels)
        for target in (1, 2):
            bench.run("net_norm_input", g, y, rows, mask, dy, *sizes, target, slack=2)
        same = Pixels(g, planes, channels)
        bench.run("net_norm_input", same, y, rows, mask, same, *sizes, 1, slack=2)
        bench.close()

    @over_shapes
    def test_phases(self, lab: Lab, real: str, shape: Shape) -> None:
        """Split and put together, also of odd sizes."""
        bench = self.net_bench(lab, real)
        images, channels, _, height, width = shape
        planes, sizes = Planes(images, height, width), (images, channels, height, width)
        phases = np.zeros_like(bench.planes(planes.halved(), channels, PHASES))
        bench.run("net_split", bench.planes(planes, channels), phases, *sizes)
        dphases = bench.planes(planes.halved(), channels, PHASES)
        dx = bench.target(planes, channels)
        for target in (1, 2):
            bench.run("net_merge", dphases, dx, *sizes, target)
        bench.close()

    @over_shapes
    def test_pooling(self, lab: Lab, real: str, shape: Shape) -> None:
        """Means and largest pixels, and the ways back."""
        bench = self.net_bench(lab, real)
        images, channels, _, height, width = shape
        planes, sizes = Planes(images, height, width), (images, channels, height, width)
        x, dx = bench.planes(planes, channels), bench.target(planes, channels)
        bench.run("net_average_pool", x, np.zeros((images, channels), real), *sizes)
        for target in (1, 2):
            bench.run("net_average_pool_back", bench.normal(images, channels), dx, *sizes, target)
        for window in (1, 2, 3):
            small = Planes(images, height // window, width // window)
            if not (small.height and small.width):
                continue
            z = np.zeros_like(bench.planes(small, channels))
            bench.run("net_max_pool", x, z, *sizes, window)
            args = (np.round(x), bench.planes(small, channels), dx, *sizes, window)  # with ties
            for target in (1, 2):
                bench.run("net_max_pool_back", *args, target)
        bench.close()

    @over_shapes
    def test_flattening(self, lab: Lab, real: str, shape: Shape) -> None:
        """Planes to rows of features and back."""
        bench = self.net_bench(lab, real)
        images, channels, _, height, width = shape
        planes, sizes = Planes(images, height, width), (images, channels, height, width)
        rows = bench.normal(images, channels * height * width)
        bench.run("net_flatten", bench.planes(planes, channels), rows, *sizes)
        for target in (1, 2):
            dx = bench.target(planes, channels)
            bench.run("net_flatten_back", rows, dx, *sizes, target)
        bench.close()

    @over_shapes
    def test_images_and_features(self, lab: Lab, real: str, shape: Shape) -> None:
        """Cropped, mirrored and standardised, from every type of pixel."""
        bench = self.net_bench(lab, real)
        images, channels, _, height, width = shape
        planes, sizes = Planes(images, height, width), (images, channels, height, width)
        shifts = bench.rng.integers(-2, 3, (images, 3)).astype(np.int32)
        shifts[:, 2] = np.arange(images) % 2
        out, features = np.zeros_like(bench.planes(planes, channels)), channels * height * width
        for pixel in ("uint8", *self.reals):
            pixels = (100 * np.abs(bench.normal(*sizes))).astype(pixel)
            bench.run("net_images", pixels, shifts, bench.normal(2 * channels), out, *sizes)
            for groups in (1, features):
                norm, rows = bench.normal(2 * groups), np.zeros((images, features), real)
                bench.run("net_features", pixels, norm, rows, images, features, groups)
        bench.run("net_mask", np.ones(planes.length, real), images, height, width)
        bench.close()

    @pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 7, 3), (9, 33, 10), (32, 64, 17)])
    @over_reals
    def test_dense_layers(self, lab: Lab, real: str, sizes: tuple[int, int, int]) -> None:
        """Forward and back, with and without bias."""
        bench = self.net_bench(lab, real)
        rows, inputs, outputs = sizes
        x, weights = bench.normal(rows, inputs), bench.normal(outputs, inputs)
        bias, y, dy = (
            bench.normal(outputs),
            bench.normal(rows, outputs),
            bench.normal(rows, outputs),
        )
        dweights, dbias = bench.normal(outputs, inputs), bench.normal(outputs)
        dx = bench.normal(rows, inputs)
        for biased, relu in itertools.product((0, 1), (0, 1)):
            bench.run("net_dense", x, weights, bias, y, *sizes, biased, relu, slack=10)
            args = (x, weights, y, dy, dweights, dbias, dx, *sizes, biased, relu)
            for target in (0, 1, 2):
                bench.run("net_dense_back", *args, target, slack=10)
        bench.close()

    @pytest.mark.parametrize("count", [1, 15, 8192, 20_001])
    @over_reals
    def test_flat_vectors(self, lab: Lab, real: str, count: int) -> None:
        """ReLU, sums, constants, SGD, averages: every element and no other."""
        bench = self.net_bench(lab, real)
        x, y, v = (bench.normal(count + 3) for _ in range(3))
        hyper = np.array([0.1, 0.9, 5e-4, 0.0], real)
        bench.run("net_relu", x, y, count)
        bench.run("net_relu_back", y, x, count)
        bench.run("net_add", x, y, count, 1)
        bench.run("net_add", x, y, count, 2)
        bench.run("net_fill", y, 2, count, 0.25)
        bench.run("net_sgd", x, y, v, hyper, count, slack=2)
        for sources in (1, 3):
            stacked, weights = bench.normal(sources, count), bench.normal(sources)
            out = bench.normal(count)
            bench.run("net_average", stacked, weights, out, sources, count, slack=2)
        bench.close()

    @pytest.mark.parametrize(("rows", "classes"), [(1, 1), (7, 10), (130, 3)])
    @over_reals
    def test_cross_entropy(self, lab: Lab, real: str, rows: int, classes: int) -> None:
        """Losses, hits and slopes; large logits, ties, padding, weights."""
        bench = self.net_bench(lab, real)
        logits = 30 * bench.normal(rows, classes)
        logits[::3] = np.round(logits[::3] / 30)
        labels = bench.rng.integers(-1, classes, rows).astype(np.int32)
        losses, hits, slopes = bench.normal(rows), bench.normal(rows), bench.normal(rows, classes)
        weights = np.abs(bench.normal(rows))
        args = (logits, labels, weights, losses, hits, slopes, rows, classes)
        bench.run("net_cross_entropy", *args, slack=2)
        bench.close()


def _norm_arrays(bench: NetBench, planes: Planes, channels: int) -> tuple[np.ndarray, ...]:
    """Mask, gamma, beta, running statistics and coefficients."""
    running = np.abs(bench.normal(2 * channels))
    rows = bench.normal(COEFFICIENT_ROWS, channels)
    mask = mask_of(planes).astype(bench.real)
    return mask, bench.normal(channels), bench.normal(channels), running, rows
