"""The examples, and the snippets of docs/your_own_job.md, as a user runs them: `invoke data build push run`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from tests import support
from tests.support import Outcome, Project

RUN = re.compile(r"\b([a-z]+_\d{8}_\d{6}_[a-z0-9]{4})\b")
SNIPPET = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = support.REPO / "docs" / "your_own_job.md"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that is set up, without an engine; with the files of the page's snippets, their jobs in mine.yaml."""
    folder = tmp_path_factory.mktemp("examples")
    nowhere = f"unix://{folder / 'no-engine.sock'}"
    env = {"SPCS_LOCAL_ROOT": str(folder / "account"), "SNOWFLAKE_HOME": str(folder)}
    made = Project(support.copy_project(folder / "project"), env | {"DOCKER_HOST": nowhere, "CONTAINER_HOST": nowhere})
    settings: dict[str, Any] = {"jobs": {}}
    for name, text in SNIPPET.findall(PAGE.read_text()):
        if name == "invoke.yaml":
            said = yaml.safe_load(text)
            settings["jobs"] |= said.pop("jobs")
            settings |= said
        else:
            made.write(name, text)
    made.write("mine.yaml", yaml.safe_dump(settings))
    try:
        for words in (["setup", "data"], ["-f", "mine.yaml", "data"]):
            done = made.inv(*words)
            assert done.code == 0, done
        yield made
    finally:
        made.close()


def trained(at: Project, *words: str, timeout: float = 600) -> tuple[str, dict[str, Any], Outcome]:
    """The name and the metrics of a run that is done, as fetched."""
    done = at.inv(*words, timeout=timeout)
    assert done.code == 0, done
    name = RUN.findall(done.stderr)[-1]
    fetched = at.inv("fetch")
    assert fetched.code == 0, fetched
    return name, json.loads((at.root / "runs" / name / "metrics.json").read_text()), done


def example(name: str) -> tuple[str, ...]:
    return ("-f", f"examples/{name}/invoke.yaml", "data", "build", "push", "run")


def test_tabular_does_better_than_half_the_error_of_the_mean(desk: Project) -> None:
    _, metrics, _ = trained(desk, *example("tabular"))
    weight = pq.read_table(support.REPO / "examples" / "tabular" / "penguins.parquet")["BODY_MASS_G"].to_numpy()
    of_the_mean = np.abs(weight - weight.mean()).mean()
    assert metrics["absolute_error"] < 0.5 * of_the_mean, of_the_mean


def test_images_are_told_apart_by_a_network_of_ones_own(desk: Project) -> None:
    name, metrics, _ = trained(desk, *example("images"))
    assert metrics["accuracy"] > 0.97
    assert (desk.root / "runs" / name / "predictions.png").read_bytes().startswith(b"\x89PNG")


def test_the_images_are_those_of_the_digits() -> None:
    ours = pq.read_table(support.REPO / "examples" / "images" / "digits.parquet")
    theirs = pq.read_table(support.REPO / "data" / "digits.parquet")
    for name in ("ROW_ID", "LABEL"):
        assert ours[name] == theirs[name]
    pixels = np.frombuffer(b"".join(ours["IMAGE"].to_pylist()), np.uint8).reshape(-1, 64)
    assert (pixels == np.stack([theirs[f"PIXEL_{i}"].to_numpy() for i in range(64)], axis=1)).all()


def test_language_does_better_than_letter_pairs_and_goes_on_exactly(desk: Project) -> None:
    name, metrics, done = trained(desk, *example("language"))
    assert "data: examples/language/alice.txt in @TRAINING_DB.TRAINING.RUNS/corpus/" in done.stderr
    assert metrics["loss"] < surprise_of_pairs(support.REPO / "examples" / "language" / "alice.txt")
    assert (desk.root / "runs" / name / "sample.txt").read_text().startswith("Alice ")

    ours = ("-f", "examples/language/invoke.yaml", "run")
    stopped, said = stop_when(desk, "step=50 ", *ours)
    _, again, done = trained(desk, *ours, "--resume", stopped)
    assert f"resumed_from={re.findall('stopped_at=([0-9]+)', said)[0]}" in done.stdout
    assert again == metrics


def surprise_of_pairs(file: Path) -> float:
    """How much the last tenth of a text surprises, in nats a letter, who has counted the letter pairs of the rest."""
    text = np.frombuffer(file.read_bytes(), np.uint8).astype(int)
    known, asked = np.split(text, [len(text) * 9 // 10])
    pairs = np.full((128, 128), 0.1)
    np.add.at(pairs, (known[:-1], known[1:]), 1)
    chances = pairs / pairs.sum(axis=1, keepdims=True)
    return float(-np.log(chances[asked[:-1], asked[1:]]).mean())


@pytest.mark.engine
def test_finetune_goes_on_from_the_language_model_with_pins_of_its_own(
    engine_account: dict[str, str], tmp_path: Path
) -> None:
    machine = Project(support.copy_project(tmp_path / "project"), engine_account)
    settle(machine)
    ours = ("-f", "examples/finetune/invoke.yaml")
    assert machine.inv("setup").code == 0
    first, _, _ = trained(machine, *example("language"), timeout=1200)
    done = machine.inv(*ours, "data", "build", "push", timeout=1200)
    assert done.code == 0, done
    _, metrics, done = trained(machine, *ours, "run", "--job", "finetune", "--resume", first)
    assert "weights=earlier" in done.stdout
    assert metrics["loss"] < 2.3 < 2.6 < metrics["loss_before"]

    stopped, said = stop_when(machine, "step=50 ", *ours, "run", "--job", "finetune", "--resume", first)
    _, again, done = trained(machine, *ours, "run", "--resume", stopped)
    assert f"resumed_from={re.findall('stopped_at=([0-9]+)', said)[0]}" in done.stdout
    assert again["loss"] == metrics["loss"]


def settle(at: Project) -> None:
    """Put what this machine needs into the project's own settings: those of an example take INVOKE_RUNTIME_CONFIG's
    place, and without it torch would be installed once more, from elsewhere."""
    if named := os.environ.get("INVOKE_RUNTIME_CONFIG"):
        settings = yaml.safe_load((at.root / "invoke.yaml").read_text())
        settings["image"] |= yaml.safe_load(Path(named).read_text())["image"]
        at.write("invoke.yaml", yaml.safe_dump(settings, sort_keys=False))


def stop_when(at: Project, line: str, *words: str) -> tuple[str, str]:
    """The name of a run that was cancelled once its log had `line`, and what was said; it must have left with 75."""
    going = at.start(*words)
    assert going.stdout
    said = ""
    for text in going.stdout:
        said += text
        if line in text:
            break
    run = json.loads(at.inv("status", "--json").stdout.splitlines()[0])["run"]
    assert at.inv("cancel", "--run", run).code == 0
    more, talk = going.communicate(timeout=240)
    said += more + talk
    assert going.returncode == 1, said
    assert f"fix: inv run --resume {run}" in said
    return run, said


# The page ---------------------------------------------------------------------------------------------------------


def mine(job: str) -> tuple[str, ...]:
    return ("-f", "mine.yaml", "build", "push", "run", "--job", job)


@pytest.mark.parametrize(
    ("job", "name", "least", "most"),
    [
        ("files", "accuracy", 0.9, 1.0),
        ("linear", "accuracy", 0.85, 1.0),
        ("fit", "loss", 0.0, 0.05),
        ("pair", "processes", 2.0, 2.0),
        ("nodes", "processes", 2.0, 2.0),
    ],
)
def test_a_job_of_the_page_trains(desk: Project, job: str, name: str, least: float, most: float) -> None:
    _, metrics, _ = trained(desk, *mine(job))
    assert least <= metrics[name] <= most, metrics


def test_a_script_of_the_page_reads_a_table(desk: Project) -> None:
    done = desk.inv(*mine("rows"))
    assert done.code == 0, done
    assert "[(0, 178), (1, 182)," in done.stdout


def test_a_script_of_the_page_is_stopped_and_goes_on(desk: Project) -> None:
    assert desk.inv("-f", "mine.yaml", "build", "push", "--job", "count").code == 0
    stopped, said = stop_when(desk, "step=", "-f", "mine.yaml", "run", "--job", "count")
    assert "exit code 75" in said
    settings = yaml.safe_load((desk.root / "mine.yaml").read_text())
    settings["jobs"]["count"]["command"][-1] = 1
    desk.write("shorter.yaml", yaml.safe_dump(settings))
    done = desk.inv("-f", "shorter.yaml", "run", "--resume", stopped)
    assert done.code == 0, done
    reached = int(re.findall(r"from=([0-9]+)", done.stdout)[0])
    assert reached >= 100_000


def test_a_job_of_several_containers_with_a_dockerfile_of_its_own(desk: Project) -> None:
    done = desk.inv(*mine("watched"))
    assert done.code == 0, done
    assert re.findall(r"^0/watcher \| (seen step-\d)$", done.stdout, re.MULTILINE) == [
        f"seen step-{i}" for i in range(3)
    ]
    containers = json.loads(desk.inv("status", "--json").stdout)["containers"]
    assert {each["container"]: each["exit_code"] for each in containers} == {"main": 0, "watcher": 0}

    assert desk.inv("-f", "mine.yaml", "render", "--job", "watched").code == 0
    build = desk.root / ".spcs" / "build" / "watched"
    spec = yaml.safe_load((build / "spec.yaml").read_text())["spec"]
    main, watcher = spec["containers"]
    assert main["image"] == watcher["image"]
    assert spec["endpoints"] == [{"name": "progress", "port": 8000}]
    dockerfile = (build / "Dockerfile").read_text()
    own = dockerfile.index('RUN python -c "import torch"')
    assert dockerfile.index("requirements-light.txt") < own < dockerfile.index("COPY [")


def test_a_job_of_the_page_gets_its_secret(desk: Project) -> None:
    made = desk.inv("-f", "mine.yaml", "setup", "--job", "hub", env={"SPCS_SECRET_HUB_TOKEN": "four"})
    assert made.code == 0, made
    done = desk.inv(*mine("hub"))
    assert done.code == 0, done
    assert "a token of 4 characters" in done.stdout
