from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from hetengine.config import RunConfig
from hetengine.errors import UsageError
from hetengine.record.metrics import COLUMNS
from hetengine.record.recorder import Recorder
from hetengine.record.write import FILES, claim, strict, versions, write_run
from hetengine.result import Result
from hetengine.span import Span


@pytest.fixture
def written(
    tmp_path: Path, result: Result, config: RunConfig, spans: list[Span]
) -> tuple[Path, list[Path]]:
    recorder = Recorder()
    for span in spans:
        recorder.observe(span)
    return tmp_path, write_run(tmp_path, result, recorder, config)


def test_all_files_and_nothing_else(written: tuple[Path, list[Path]]) -> None:
    directory, files = written
    assert [file.name for file in files] == list(FILES)
    assert sorted(path.name for path in directory.iterdir()) == sorted(FILES)


def test_summary_is_strict_json(written: tuple[Path, list[Path]]) -> None:
    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} is not JSON")

    text = (written[0] / "summary.json").read_text()
    summary = json.loads(text, parse_constant=refuse)
    assert summary["relative_gap"] is None
    assert summary["data"] == {"name": "toy", "rows": 4}


def test_metrics_read_back_exactly(written: tuple[Path, list[Path]]) -> None:
    with (written[0] / "metrics.csv").open(newline="") as stream:
        header, *lines = list(csv.reader(stream))
    assert tuple(header) == COLUMNS
    assert [float(line[header.index("objective")]) for line in lines] == [1.0, 0.1 + 0.2]
    assert lines[0][header.index("gap")] == "inf"
    assert lines[1][header.index("certificate")] == "primal-dual"


def test_model_reads_back(written: tuple[Path, list[Path]]) -> None:
    with np.load(written[0] / "model.npz") as model:
        np.testing.assert_array_equal(model["w"], [1.0, -2.0])
        assert model["intercept"] == 0.5
        np.testing.assert_array_equal(model["labels"], [0.0, 1.0])


def test_config_reads_back(written: tuple[Path, list[Path]]) -> None:
    config = OmegaConf.load(written[0] / "config.yaml")
    assert config.seed == 7
    assert config.topology.devices.host.role == "host"


@pytest.mark.parametrize("name", FILES)
def test_claim_refuses_a_directory_with_any_file_of_a_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(UsageError, match=f"already holds a run .{name}.; choose another"):
        claim(tmp_path)
    assert (tmp_path / name).read_text() == "precious"


def test_claim_makes_parents_and_leaves_nothing(tmp_path: Path) -> None:
    directory = claim(tmp_path / "a" / "b")
    assert directory.is_dir()
    assert list(directory.iterdir()) == []


def test_claim_names_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write to"):
        claim(tmp_path / "file" / "run")


def test_a_second_write_never_overwrites(
    written: tuple[Path, list[Path]], result: Result, config: RunConfig
) -> None:
    before = (written[0] / "summary.json").read_bytes()
    with pytest.raises(UsageError, match="already holds a run"):
        write_run(written[0], result, Recorder(), config)
    assert (written[0] / "summary.json").read_bytes() == before


def test_a_failed_write_leaves_no_half_file(
    tmp_path: Path, result: Result, config: RunConfig
) -> None:
    result.summary["bad"] = object()
    with pytest.raises(TypeError):
        write_run(tmp_path, result, Recorder(), config)
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_same_spans_same_trace(
    tmp_path: Path, result: Result, config: RunConfig, spans: list[Span]
) -> None:
    texts = []
    for order in (spans, spans[::-1]):
        recorder = Recorder()
        for span in order:
            recorder.observe(span)
        directory = tmp_path / str(len(texts))
        write_run(directory, result, recorder, config)
        texts.append((directory / "trace.json").read_bytes())
    assert texts[0] == texts[1]
    about = json.loads(texts[0])["otherData"]
    assert about.keys() == {"clock", "config", "mode", "seed"}
    assert about["clock"] == "virtual"


def test_strict_reaches_into_everything() -> None:
    value = {"a": [np.float32("inf"), (1, np.array([2, 3]))], "p": Path("x"), 3: None}
    assert strict(value) == {"a": [None, [1, [2, 3]]], "p": "x", "3": None}


def test_versions_name_what_matters() -> None:
    assert {"python", "hetengine", "numpy", "hydra-core"} <= versions().keys()
