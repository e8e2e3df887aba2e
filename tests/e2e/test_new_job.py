"""`inv new` as typed: the project it leaves loads, renders and runs, and what was there is not touched."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support import Outcome, Project

WITHOUT_ENGINE = {"INVOKE_IMAGE_ENGINE": "none"}


def jobs(project: Project) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((project.root / "invoke.yaml").read_text())["jobs"]
    return found


def refused(done: Outcome, *said: str) -> None:
    assert done.code == 2, done
    for text in said:
        assert text in done.stderr, done


def test_a_new_job_runs_as_it_is_and_a_copy_of_it_too(fresh: Project) -> None:
    assert fresh.inv("setup", "data").code == 0
    done = fresh.inv("new", "mine")
    assert done.code == 0, done
    assert "inv render --job mine" in done.stderr
    assert "inv build push run --job mine" in done.stderr
    short = {"INVOKE_JOBS_MINE_ENV": "{TRAIN_STEPS: 40}"}
    done = fresh.inv("render", "build", "push", "run", "--job", "mine", env=short)
    assert done.code == 0, done
    assert "done: mine_" in done.stderr

    own = fresh.root / "templates" / "mine.yaml.j2"
    start, _, last = own.read_text().rpartition("{# {% block endpoints %}")
    own.write_text(f"{start}{{% block endpoints %}}{last.replace('%} #}', '%}')}")
    assert fresh.inv("new", "second", "--like", "mine").code == 0
    assert (fresh.root / "templates" / "second.yaml.j2").read_text() == own.read_text()
    assert fresh.inv("render", "--job", "second").code == 0
    spec = yaml.safe_load((fresh.root / ".spcs" / "build" / "second" / "spec.yaml").read_text())["spec"]
    assert spec["endpoints"] == [{"name": "web", "port": 8000}]


@pytest.mark.parametrize("like", ["train", "train_gpu"])
def test_a_copy_has_the_settings_of_the_other(fresh: Project, like: str) -> None:
    done = fresh.inv("new", "mine", "--like", like)
    assert done.code == 0, done
    own = jobs(fresh)[like]
    assert isinstance(own, dict)
    assert jobs(fresh)["mine"] == {**own, "template": "templates/mine.yaml.j2"}
    done = fresh.inv("render", "--job", "mine", env=WITHOUT_ENGINE)
    assert done.code == 0, done


def test_dry_prints_both_and_writes_nothing(fresh: Project) -> None:
    before = (fresh.root / "invoke.yaml").read_bytes()
    done = fresh.inv("--dry", "new", "mine")
    assert done.code == 0, done
    assert '{% extends "templates/spec.yaml.j2" %}' in done.stdout
    assert "mine:\n    template: templates/mine.yaml.j2" in done.stdout
    assert (fresh.root / "invoke.yaml").read_bytes() == before
    assert not (fresh.root / "templates" / "mine.yaml.j2").exists()


def test_what_cannot_be_made_is_refused_and_nothing_is_overwritten(fresh: Project) -> None:
    before = (fresh.root / "invoke.yaml").read_bytes()
    refused(fresh.inv("new"), "name", "fix: inv --help new")
    refused(fresh.inv("new", "train"), "there is a job 'train' already")
    refused(fresh.inv("new", "Mine-2"), "a job cannot be called 'Mine-2'", "fix: use lower-case letters")
    refused(fresh.inv("new", "spec"), "there is a file templates/spec.yaml.j2 already")
    refused(fresh.inv("new", "mine", "--like", "trian"), "there is no job 'trian'", "did you mean 'train'?")
    fresh.write("mine.yaml", "jobs: {elsewhere: {}}\n")
    refused(fresh.inv("-f", "mine.yaml", "new", "mine", "--like", "elsewhere"), "does not stand in invoke.yaml")
    refused(fresh.inv("-f", "mine.yaml", "new", "elsewhere"), "there is a job 'elsewhere' already")
    assert (fresh.root / "invoke.yaml").read_bytes() == before
    assert not Path(fresh.env["SPCS_LOCAL_ROOT"]).exists()
