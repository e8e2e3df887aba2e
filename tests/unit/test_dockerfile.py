"""The recipe of an image: the project's, and what a job's own adds to it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from spcs.config import Job, Settings
from spcs.errors import SettingsProblem
from spcs.project import Project
from spcs.steps.image import image_plan
from tests.support import REPO


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(REPO / "Dockerfile.j2", tmp_path)
    (tmp_path / "x.py").write_text("")
    return tmp_path


def recipe(folder: Path, **own: Any) -> str:
    job = Job(code=("x.py",), pins={}, **own)
    return image_plan(Project(folder, Settings(), dry=False), job, url="r").dockerfile


@pytest.mark.parametrize(
    ("block", "after", "before"),
    [("system", "WORKDIR", "-m venv"), ("packages", "-m venv", "COPY"), ("code", "COPY", "USER 1000")],
)
def test_a_jobs_own_dockerfile_fills_a_block(folder: Path, block: str, after: str, before: str) -> None:
    own = f'{{% extends "Dockerfile.j2" %}}\n{{% block {block} %}}\nRUN mine\n{{% endblock %}}\n'
    (folder / "own.j2").write_text(own)
    text = recipe(folder, dockerfile="own.j2")
    assert text.index(after) < text.index("\nRUN mine\n") < text.index(before)
    assert text.replace("RUN mine\n", "") == recipe(folder)


def test_a_jobs_own_dockerfile_may_be_whole(folder: Path) -> None:
    (folder / "own.j2").write_text("FROM {{ base }}\nENTRYPOINT {{ entrypoint | tojson }}\n")
    own = recipe(folder, dockerfile="own.j2", base="python:3.12")
    assert own == 'FROM python:3.12\nENTRYPOINT ["python", "-m", "app"]\n'


def test_one_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(SettingsProblem, match=r"there is no template own\.j2") as caught:
        recipe(folder, dockerfile="own.j2")
    assert "dockerfile" in caught.value.fix
