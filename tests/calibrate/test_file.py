from __future__ import annotations

from pathlib import Path

import pytest

from hetengine.api import compose
from hetengine.calibrate.file import read_topology, write_topology
from hetengine.config import TopologyConfig, digest
from hetengine.errors import UsageError


def test_a_file_reads_back_to_the_same_topology(topology: TopologyConfig, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "here.yaml"
    write_topology(path, topology)
    assert read_topology(path) == topology
    assert read_topology(path).build() == topology.build()
    assert "capacity_bytes" not in path.read_text()  # what is not set is not written


def test_topology_file_takes_the_place_of_the_group(
    topology: TopologyConfig, tmp_path: Path
) -> None:
    path = tmp_path / "here.yaml"
    write_topology(path, topology)
    config = compose([f"topology_file={path}", "mode=simulate"])
    assert config.topology == topology
    moved = tmp_path / "moved.yaml"
    path.rename(moved)
    again = compose([f"topology_file={moved}", "mode=simulate"])
    assert digest(again) == digest(config)
    assert digest(compose(["mode=simulate"])) != digest(config)


@pytest.mark.parametrize("word", ["topology=cpu", "topology.name=other", "topology.use=[card]"])
def test_both_a_file_and_the_group_are_refused(
    topology: TopologyConfig, tmp_path: Path, word: str
) -> None:
    path = tmp_path / "here.yaml"
    write_topology(path, topology)
    with pytest.raises(UsageError, match="topology_file"):
        compose([f"topology_file={path}", word])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1\n", "holds no topology"),
        ("name: x\ndevices: {card: {rolle: host}}\n", "rolle"),
        ("name: [x\n", "topology_file"),
        ("name: x\ndevices: {card: {}}\n", "role host"),
        (
            "name: x\ndevices: {host: {role: host, kernels: {t: {constant_seconds: -1}}}}\n",
            r"host\.kernels\.t\.constant_seconds",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        compose([f"topology_file={path}"])
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run hetengine calibrate --out"):
        compose([f"topology_file={tmp_path / 'none.yaml'}"])


def test_a_file_of_something_else_is_not_repeated_at_length(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("1.5,2.5,3.5\n" * 1000)
    with pytest.raises(UsageError) as caught:
        read_topology(path)
    assert len(str(caught.value)) < 300 + len(str(path))
