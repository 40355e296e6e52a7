from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hetengine.config import TopologyConfig
from hetengine.errors import OutOfCapacity
from hetengine.topology import Topology

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "topology"
ONE_CARD = ("cpu", "cpu_limited", "xeon_h200", "xeon_h200_nvme", "xeon_m4000", "xeon_u280")
CARDS = dict.fromkeys(ONE_CARD, 1) | {"cpu_pair": 2, "dgx_16": 16}
NAMES = tuple(CARDS)


def read(name: str) -> Topology:
    loaded = OmegaConf.merge(
        OmegaConf.structured(TopologyConfig), OmegaConf.load(FOLDER / f"{name}.yaml")
    )
    config = OmegaConf.to_object(loaded)
    assert isinstance(config, TopologyConfig)
    return config.build()


@pytest.mark.parametrize("name", NAMES)
def test_each_file_is_a_valid_machine_under_its_own_name(name: str) -> None:
    topology = read(name)
    assert topology.name == name
    assert topology.host.capacity_bytes is None or topology.tiers
    assert len(topology.accelerators) == CARDS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_constant_says_where_it_comes_from(name: str) -> None:
    topology = read(name)
    for part in (*topology.devices, *topology.links, *topology.tiers):
        assert part.source, part.name
        assert "/" not in part.source


@pytest.mark.parametrize("name", NAMES)
def test_a_duplex_cap_is_no_more_than_both_ways_and_no_less_than_one(name: str) -> None:
    for link in read(name).links:
        if link.duplex_bytes_per_second is not None:
            ways = (link.up_bytes_per_second, link.down_bytes_per_second)
            assert max(ways) <= link.duplex_bytes_per_second <= sum(ways)


def test_the_machine_of_the_paper_has_its_published_constants() -> None:
    topology = read("xeon_m4000")
    card = topology.accelerators[0]
    assert card.capacity_bytes == 8 * 2**30
    assert card.bandwidth_bytes_per_second == pytest.approx(0.80 * 192.3e9)
    assert topology.links[0].duplex_bytes_per_second == pytest.approx(2 * 11.16e9)


def test_no_file_pretends_that_a_card_is_this_machine() -> None:
    backends = {name: read(name).accelerators[0].backend for name in NAMES}
    assert backends["xeon_m4000"] == backends["xeon_h200"] == "cupy"
    assert backends["xeon_u280"] == "opencl"


def test_the_default_accelerator_is_limited_by_the_data() -> None:
    assert read("cpu_limited").accelerators[0].memory_fraction == 0.5
    assert read("cpu").accelerators[0].memory_fraction is None


def test_two_cards_behind_a_switch_share_its_way_to_the_host() -> None:
    topology = read("dgx_16")
    routes = [
        [(link.name, direction) for link, direction in topology.route(*ends)]
        for ends in (("host", "card0"), ("host", "card1"), ("card2", "host"))
    ]
    assert routes == [
        [("root0", "up"), ("slot0", "up")],
        [("root0", "up"), ("slot1", "up")],
        [("slot2", "down"), ("root1", "down")],
    ]


def test_the_units_of_the_u280_fit_and_one_more_does_not() -> None:
    fpga = read("xeon_u280").accelerators[0].fpga
    assert fpga is not None
    fpga.designs["descent"].units["epoch"].place["slr0"] += 1
    fpga.check("fpga")
    fpga.designs["descent"].units["epoch"].place["slr0"] += 2
    with pytest.raises(OutOfCapacity, match=r"does not fit slr0: epoch 5 x 60,000 \+ mover 1 x 15"):
        fpga.check("fpga")
