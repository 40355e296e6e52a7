# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportFunctionMemberAccess=false, reportMissingImports=false
"""Modules as models: flat vectors, steps against a plain PyTorch loop, on every kind of device."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from hetengine.data.images.augment import draw_shifts
from hetengine.device import Device
from hetengine.errors import DataError, OutOfCapacity, UsageError
from hetengine.machine import Machine, open_machine
from hetengine.nets.model import Normalise, Placed
from hetengine.topology import DeviceSpec, LinkSpec, Topology
from hetengine.work import Work
from hetengine_torch import TorchModel, image_data_of_dataset
from hetengine_torch.batch import Preparation, moved
from tests.torch_bridge.nets import small_cnn, train_plainly

SHAPE, CLASSES, BATCH = (3, 6, 5), 5, 8
PLAIN = Normalise((0.0,) * 3, (1.0,) * 3)
KINDS = ("torch", "numpy", "simulated")


@contextmanager
def machine(kind: str, capacity: int | None = None) -> Iterator[Machine]:
    backend = "torch" if kind == "torch" else "numpy"
    card = DeviceSpec("card", backend=backend, capacity_bytes=capacity)
    link = LinkSpec("bus", ("host", "card"), 1e9, 1e9)
    topology = Topology("pair", (DeviceSpec("host", "host"), card), (link,))
    mode = "simulate" if kind == "simulated" else "execute"
    opened = open_machine(topology, mode, lambda span: None)
    try:
        yield opened
    finally:
        opened.close()


class Bench:
    """A placed model and the moves a solver makes."""

    def __init__(self, opened: Machine, placed: Placed) -> None:
        self.machine = opened
        self.device: Device = opened.accelerators[0]
        self.placed = placed

    def put(self, name: str, values: np.ndarray, slot: int | None = None) -> None:
        place = self.placed if slot is None else self.placed.slots[slot]
        target = getattr(place, name)
        host = self.machine.host.alloc(name, target.shape, target.dtype)
        host.array[...] = values.reshape(target.shape)
        self.machine.clock.run(self.device.copy(target, host))

    def get(self, name: str, slot: int | None = None) -> np.ndarray:
        place = self.placed if slot is None else self.placed.slots[slot]
        source = getattr(place, name)
        host = self.machine.host.alloc(name, source.shape, source.dtype)
        self.machine.clock.run(self.device.copy(host, source))
        return host.array.copy()

    def run(self, program) -> None:
        self.machine.clock.run(self.device.launch(program, program.buffers, program.work))

    def step(self, images: np.ndarray, labels: np.ndarray, slot: int = 0) -> np.ndarray:
        self.put("pixels", images, slot)
        self.put("labels", labels, slot)
        self.put("weights", np.ones(len(labels)), slot)
        self.run(self.placed.train[slot])
        return self.get("losses", slot)


def batches(count: int, dtype: type) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    return [
        (rng.standard_normal((BATCH, *SHAPE)).astype(dtype), rng.integers(0, CLASSES, BATCH))
        for _ in range(count)
    ]


def model_of(module: nn.Module | Callable[[], nn.Module] | None = None) -> TorchModel:
    torch.manual_seed(3)
    return TorchModel(small_cnn() if module is None else module, SHAPE, CLASSES)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_a_plain_pytorch_loop(kind: str) -> None:
    model, data = model_of(), batches(6, np.float64)
    mine = copy.deepcopy(model.module).double()
    expected = train_plainly(mine, data, 0.1, 1e-3)
    with machine(kind) as opened:
        placed = model.place(opened.accelerators[0], BATCH, np.float64, np.float64, PLAIN)
        bench = Bench(opened, placed)
        parameters, statistics = model.initial(np.random.default_rng(0), np.float64)
        bench.put("parameters", parameters)
        bench.put("statistics", statistics)
        bench.put("hyper", np.array([0.1, 0.9, 1e-3, 0.0]))
        for k, (images, labels) in enumerate(data):
            losses = bench.step(images, labels, slot=k % 2)
            np.testing.assert_allclose(losses, expected[k], rtol=1e-12)
        found = (bench.get("parameters"), bench.get("statistics"))
        placed.free()
    for ours, theirs in zip(found, model.state(mine, np.float64), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-14)


def test_threads_are_those_of_the_device_and_given_back() -> None:
    before, seen = torch.get_num_threads(), []

    class Watched(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_num_threads())
            return super().forward(input)

    model = TorchModel(Watched(3, 2), (3,), 2)
    for kind in KINDS:
        with machine(kind) as opened:
            placed = model.place(opened.accelerators[0], 2, np.float32, np.float32, Normalise())
            seen.clear()
            Bench(opened, placed).run(placed.evaluate[0])
            placed.free()
        assert seen == [1]
        assert torch.get_num_threads() == before


def test_every_kind_of_device_gives_the_same_bits() -> None:
    model, data = model_of(), batches(4, np.float32)
    found = []
    for kind in KINDS:
        with machine(kind) as opened:
            bench = Bench(
                opened, model.place(opened.accelerators[0], BATCH, np.float32, np.float32, PLAIN)
            )
            bench.put("parameters", model.initial(np.random.default_rng(0), np.float32)[0])
            bench.put("statistics", model.initial(np.random.default_rng(0), np.float32)[1])
            bench.put("hyper", np.array([0.1, 0.9, 1e-4, 0.0]))
            for images, labels in data:
                bench.step(images, labels)
            found.append(bench.get("parameters"))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_evaluation_uses_running_statistics_and_counts_hits() -> None:
    model = model_of()
    images, labels = batches(1, np.float32)[0]
    labels[0] = -1
    with torch.no_grad():
        logits = model.module.eval()(torch.from_numpy(images))
        expected = nn.functional.cross_entropy(
            logits, torch.from_numpy(labels), reduction="none", ignore_index=-1
        ).numpy()
    with machine("torch") as opened:
        bench = Bench(
            opened, model.place(opened.accelerators[0], BATCH, np.float32, np.float32, PLAIN)
        )
        parameters, statistics = model.initial(np.random.default_rng(0), np.float32)
        bench.put("parameters", parameters)
        bench.put("statistics", statistics)
        bench.put("pixels", images, 0)
        bench.put("labels", labels, 0)
        bench.run(bench.placed.evaluate[0])
        np.testing.assert_allclose(bench.get("losses", 0), expected, rtol=1e-5)
        found = bench.get("logits").reshape(BATCH, CLASSES)
        np.testing.assert_allclose(found, logits.numpy(), rtol=1e-5, atol=1e-6)
        hits = (logits.argmax(1).numpy() == labels).astype(np.float32)
        np.testing.assert_array_equal(bench.get("hits", 0), hits)
        np.testing.assert_array_equal(bench.get("statistics"), statistics)
        assert bench.get("losses", 0)[0] == 0.0


def test_weights_scale_gradients_and_nothing_else() -> None:
    model, (images, labels) = model_of(), batches(1, np.float64)[0]
    gradients, losses = [], []
    for factor in (1.0, 3.0):
        with machine("numpy") as opened:
            placed = model.place(opened.accelerators[0], BATCH, np.float64, np.float64, PLAIN)
            bench = Bench(opened, placed)
            parameters, statistics = model.initial(np.random.default_rng(0), np.float64)
            bench.put("parameters", parameters)
            bench.put("statistics", statistics)
            bench.put("pixels", images, 0)
            bench.put("labels", labels, 0)
            bench.put("weights", np.full(BATCH, factor), 0)
            bench.run(bench.placed.train[0])
            gradients.append(bench.get("gradients"))
            losses.append(bench.get("losses", 0))
    np.testing.assert_allclose(gradients[1], 3.0 * gradients[0], rtol=1e-12)
    np.testing.assert_array_equal(losses[0], losses[1])


def test_frozen_parameters_stay_and_a_functions_module_follows_the_seed() -> None:
    module = small_cnn()
    next(module.parameters()).requires_grad_(False)
    frozen = TorchModel(module, SHAPE, CLASSES)
    assert frozen.parameter_count == model_of().parameter_count - 108
    made = model_of(small_cnn)
    first, again, other = (
        made.initial(np.random.default_rng(seed), np.float32)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    own = model_of()
    np.testing.assert_array_equal(
        own.initial(np.random.default_rng(1), np.float32)[0],
        own.initial(np.random.default_rng(2), np.float32)[0],
    )


def test_a_result_is_loaded_back_into_the_module() -> None:
    model = model_of()
    parameters, statistics = model.initial(np.random.default_rng(0), np.float32)
    module = model.load(parameters + 1.0, statistics)
    np.testing.assert_array_equal(model.state(module, np.float32)[0], parameters + 1.0)
    with pytest.raises(UsageError, match=r"\(3,\) numbers for a module that has"):
        model.load(np.zeros(3), statistics)


def test_tensors_have_the_names_of_the_state_dict() -> None:
    model = model_of()
    named = model.named(*model.initial(np.random.default_rng(0), np.float32))
    state = {k: v for k, v in model.module.state_dict().items() if v.is_floating_point()}
    assert named.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(named[name], value.numpy())


def test_work_is_counted() -> None:
    model = TorchModel(nn.Linear(7, 3), (7,), 3)
    with machine("simulated") as opened:
        placed = model.place(opened.accelerators[0], 10, np.float32, np.float32, Normalise())
        train, evaluate = placed.train[0].work, placed.evaluate[0].work
        assert evaluate.flops == 2 * 10 * 7 * 3
        assert evaluate.bytes_read == pytest.approx(2 * (10 * (7 + 3) + 24))
        assert isinstance(train, Work)
        assert train.flops == 3 * evaluate.flops + 6 * 24
        assert (train.items, train.variant) == (10, "float32 Linear")
        before = opened.clock.now
        opened.clock.run(
            opened.accelerators[0].launch(placed.train[0], placed.train[0].buffers, train)
        )
        assert opened.clock.now > before


def test_what_does_not_fit_is_refused_and_nothing_stays() -> None:
    model = model_of()
    with machine("torch", capacity=2_000) as opened:
        device = opened.accelerators[0]
        with pytest.raises(OutOfCapacity, match=r"Sequential .* needs"):
            model.place(device, BATCH, np.float32, np.float32, PLAIN)
        assert device.memory.used_bytes == 0
        with pytest.raises(UsageError, match="batch=0 must be at least 1"):
            model.place(device, 0, np.float32, np.float32, PLAIN)


@pytest.mark.parametrize(
    ("module", "shape", "classes", "told"),
    [
        (nn.ReLU(), (3,), 3, "has no parameter that requires a gradient"),
        (nn.Linear(3, 2), (4,), 2, r"does not take an input of \(4,\)"),
        (nn.Linear(3, 2), (3,), 5, r"returns \(2, 2\) for 2 samples; need logits"),
    ],
)
def test_modules_that_do_not_fit_are_told(
    module: nn.Module, shape: tuple[int, ...], classes: int, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        TorchModel(module, shape, classes)


def test_images_are_moved_then_mirrored() -> None:
    images = torch.arange(2 * 3 * 4, dtype=torch.float32).reshape(1, 2, 3, 4) + 1
    found = moved(images, torch.tensor([[1, -1, 1]], dtype=torch.int32))
    shifted = torch.zeros_like(images)
    shifted[:, :, 1:, :3] = images[:, :, :2, 1:]
    torch.testing.assert_close(found, shifted.flip(3))
    torch.testing.assert_close(moved(images, torch.zeros(1, 3, dtype=torch.int32)), images)


def test_bytes_are_normalised_after_they_are_moved() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 3, 6, 5), np.uint8)
    shifts = draw_shifts(rng, 4, 2, True)
    normalise = Normalise((0.1, 0.2, 0.3), (0.5, 0.6, 0.7), 2)
    prepare = Preparation(normalise, torch.uint8, torch.float64, torch.device("cpu"))
    found = prepare(torch.from_numpy(images), torch.from_numpy(shifts)).numpy()
    wide = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2))).astype(np.float64) / 255
    for k, (down, right, mirrored) in enumerate(shifts):
        crop = wide[k, :, 2 - down : 8 - down, 2 - right : 7 - right]
        crop = crop[:, :, ::-1] if mirrored else crop
        mean, deviation = (
            np.array(values)[:, None, None] for values in (normalise.mean, normalise.std)
        )
        np.testing.assert_allclose(found[k], (crop - mean) / deviation, rtol=1e-12, atol=1e-15)


class Pairs:
    """A map-style Dataset."""

    def __init__(self, items: list) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, k: int):
        return self.items[k]


def test_a_dataset_is_read_once() -> None:
    items = [(torch.full((3, 6, 5), float(k)), k % 2) for k in range(4)]
    data = image_data_of_dataset(Pairs(items), Pairs(items[:2]), pad=1)
    assert data.images.shape == (4, 3, 6, 5)
    assert data.labels.tolist() == [0, 1, 0, 1]
    assert data.test is not None
    assert (data.name, data.test.count, data.augment) == ("Pairs", 2, True)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([], "has no items"),
        ([torch.zeros(1, 4, 4)], "item 0 is a Tensor; need a pair"),
        ([(torch.zeros(1, 4, 4), 0), (torch.zeros(1, 4, 5), 1)], "item 1 has shape"),
    ],
)
def test_a_dataset_that_will_not_do_is_told(items: list, told: str) -> None:
    with pytest.raises(DataError, match=told):
        image_data_of_dataset(Pairs(items))
